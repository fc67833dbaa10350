"""The audit log at the command line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from bot.audit_file import COLUMNS
from tests.bot.cli.conftest import Invoke


def test_it_is_shown_narrowed_and_saved(invoke: Invoke) -> None:
    assert invoke("agents", "add", "lea@desk.example", "--name", "=Lea", "--token").exit_code == 0
    assert invoke("agents", "revoke", "lea@desk.example").exit_code == 0
    shown = invoke("audit")
    assert shown.exit_code == 0, shown.stderr
    assert [line.split("\t")[1:] for line in shown.stdout.splitlines()] == [
        ["nobody", "tokens revoked", "lea@desk.example"],
        ["nobody", "agent added", "lea@desk.example"],
    ]
    assert invoke("audit", "--action", "agent added").stdout.count("\n") == 1
    assert invoke("audit", "--who", "lea@desk.example").stdout == ""
    assert "No line fits" in invoke("audit", "--until", "2001-01-01").stderr
    assert invoke("audit", "--since", "2001-01-01", "--about", "lea@desk.example").stdout.count("\n") == 2
    saved = invoke("audit", "--csv")
    rows = list(csv.reader(io.StringIO(saved.stdout)))
    assert tuple(rows[0]) == COLUMNS
    assert [row[3] for row in rows[1:]] == ["audit exported", "tokens revoked", "agent added"]
    assert invoke("audit").stdout.count("audit exported") == 1


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("audit",), "no database yet", 1),
        (("audit", "--since", "yesterday"), "2026-01-31", 2),
    ],
)
def test_what_cannot_be_is_said(invoke: Invoke, home: Path, words: tuple[str, ...], says: str, code: int) -> None:
    refused = invoke(*words)
    assert refused.exit_code == code
    assert says in refused.stderr
    assert not home.exists(), "to look must make nothing"


def test_somebody_unknown_is_said_to_be(invoke: Invoke) -> None:
    invoke("agents", "add", "lea@desk.example", "--name", "Lea")
    refused = invoke("audit", "--who", "tom@desk.example")
    assert refused.exit_code == 1
    assert "nobody with the address tom@desk.example" in refused.stderr
