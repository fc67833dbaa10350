"""`warmline email parse`: an object for each mail, whatever it is."""

from __future__ import annotations

import json
from pathlib import Path

from channels.mail.reading import KEYS
from tests.bot.cli.conftest import Invoke, Program
from tests.channels.mail.mails import MIXED, PLAIN


def test_an_object_for_each_file_and_no_other_exit_code(program: Program, tmp_path: Path) -> None:
    (tmp_path / "good.eml").write_bytes(PLAIN)
    (tmp_path / "large.eml").write_bytes(MIXED + b"x" * 26_000_000)
    process = program("email", "parse", "good.eml", "nowhere.eml", str(tmp_path), "large.eml", "-", "--json")
    out, told = process.communicate(MIXED, timeout=100)
    found = [json.loads(line) for line in out.decode().splitlines()]
    assert (process.returncode, told) == (0, b"")
    assert [tuple(each) for each in found] == [KEYS] * 5
    assert [each["error"] is None for each in found] == [True, False, False, False, True]
    assert "nowhere.eml" in found[1]["error"]
    assert "25 MB" in found[3]["error"]
    assert found[0]["reply"] == "Mein Paket fehlt."
    assert [each["name"] for each in found[4]["attachments"]] == ["Rechnung März.pdf", "logo.png", "inner letter.eml"]


def test_a_summary_for_a_person(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "good.eml").write_bytes(PLAIN.replace(b"fehlt", b"fe\x1b[31mhlt"))
    result = invoke("email", "parse", str(tmp_path / "good.eml"))
    assert result.exit_code == 0
    assert "Wo ist mein Paket?" in result.output
    assert "\x1b" not in result.output
    assert "more lines" in result.output
