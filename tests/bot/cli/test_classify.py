"""A filter: as many lines out as in, in order, each as soon as it can be, whatever bytes come."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.classify import AHEAD, BROKEN_PIPE, answer_lines
from intents.tiers import TIERS
from intents.verdict import Verdict
from store.homelock import HomeLock
from tests.bot.cli.conftest import Program, trained_home
from tests.fakes import FakeClassifier

KEYS = ["text", "tier", "intent", "confidence", "tiers", "automatable", "reason"]


def classified(*lines: bytes, threads: int = 2) -> list[dict[str, Any]]:
    out = io.BytesIO()
    answer_lines(lines, out, FakeClassifier().verdict, threads=threads)
    return [json.loads(line) for line in out.getvalue().decode("utf-8").splitlines()]


def texts(*lines: bytes) -> list[str]:
    return [answer["text"] for answer in classified(*lines)]


def test_an_object_has_exactly_what_was_promised() -> None:
    (answer,) = classified(b"my site is down\n")
    assert list(answer) == KEYS
    assert answer["tier"] == "outage"
    assert answer["automatable"] is False
    assert set(answer["tiers"]) == set(TIERS)
    assert answer["confidence"] == pytest.approx(answer["tiers"]["outage"])
    assert answer["reason"]


def test_text_is_plain_or_the_text_of_an_object() -> None:
    assert texts(b"plain\r\n", b'{"text": "from an object", "id": 7}\n', b'  {"text": "indented"}') == [
        "plain",
        "from an object",
        "indented",
    ]


@pytest.mark.parametrize(
    "line", ['{"text": 5}', '{"txt": "a"}', "{braces", '["text"]', '"text"', "{" * 100_000, '{"text": ' + "[" * 99_999]
)
def test_what_is_no_such_object_is_plain_text(line: str) -> None:
    assert texts(line.encode()) == [line]


def test_a_line_without_words_has_an_object_too() -> None:
    for answer in classified(b"\n", b"   \n", b'{"text": ""}\n', b"\r\n"):
        assert list(answer) == KEYS
        assert (answer["tier"], answer["automatable"]) == ("unknown", False)
        assert sum(answer["tiers"].values()) == 1


def test_broken_bytes_are_replaced_and_no_half_character_comes_out() -> None:
    assert texts(b"caf\xe9\n", rb'{"text": "half \ud83d and whole \ud83d\ude00"}' + b"\n") == [
        "caf\ufffd",
        "half \ufffd and whole \U0001f600",
    ]


def test_a_mark_at_the_beginning_of_a_file_is_no_text() -> None:
    assert texts(b'\xef\xbb\xbf{"text": "first"}\n', b"\xef\xbb\xbfsecond\n") == ["first", "\ufeffsecond"]


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=12))
def test_as_many_lines_come_out_as_went_in(lines: list[bytes]) -> None:
    answers = classified(*(line + b"\n" for line in lines))
    assert len(answers) == len(lines)
    for answer in answers:
        answer["text"].encode("utf-8")


def test_order_holds_though_threads_finish_in_another() -> None:
    fake = FakeClassifier()

    def slow_first(text: str) -> Verdict:
        time.sleep(0.05 if text.endswith("0") else 0.0)
        return fake.verdict(text)

    out = io.BytesIO()
    lines = [f"line {number}\n".encode() for number in range(40)]
    answer_lines(lines, out, slow_first, threads=4)
    assert [json.loads(line)["text"] for line in out.getvalue().splitlines()] == [f"line {n}" for n in range(40)]


def test_a_machine_that_fails_on_a_line_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.BytesIO()
    failed = answer_lines([b"poison\n", b"how do I pay\n"], out, FakeClassifier().verdict, threads=1)
    first, second = map(json.loads, out.getvalue().splitlines())
    assert failed == 1
    assert (first["tier"], first["automatable"]) == ("unknown", False)
    assert second["tier"] == "howto"
    assert "poison" in capsys.readouterr().err


def test_it_does_not_read_far_ahead_of_what_it_has_written() -> None:
    read = 0
    gate = threading.Event()
    fake = FakeClassifier()

    def endless() -> Iterator[bytes]:
        nonlocal read
        while read < 1000:
            read += 1
            yield b"hello\n"

    def held(text: str) -> Verdict:
        gate.wait(10)
        return fake.verdict(text)

    worker = threading.Thread(target=lambda: answer_lines(endless(), io.BytesIO(), held, threads=2))
    worker.start()
    time.sleep(0.2)
    ahead = read
    gate.set()
    worker.join(20)
    assert ahead <= AHEAD + 3
    assert read == 1000


def test_the_real_filter(home: Path, program: Program, tmp_path: Path) -> None:
    """Beside a running desk, through a pipe that stays open, with what is worst to swallow."""
    trained_home(home)
    with HomeLock(home):
        filter_ = program("classify")
        assert filter_.stdin is not None
        assert filter_.stdout is not None
        filter_.stdin.write(b"my whole site is down and nobody can reach it\n")
        filter_.stdin.flush()
        assert json.loads(filter_.stdout.readline())["tier"] == "outage"  # while the input is still open
        filter_.stdin.write(b"\n" + b"word " * 200_000 + b"\n\x00\xff\xfe\nyou charged my card twice")
        out, told = filter_.communicate(timeout=60)
    answers = [json.loads(line) for line in out.decode("utf-8").splitlines()]
    assert filter_.returncode == 0
    assert b"Traceback" not in told
    assert [answer["tier"] for answer in answers[-1:]] == ["billing"]
    assert [len(answer["text"]) for answer in answers] == [0, 1_000_000, 3, 25]
    assert not any(answer["automatable"] for answer in answers)

    (tmp_path / "many.txt").write_text("thanks, great service\n" * 5000)
    quiet = program("classify", "--file", str(tmp_path / "many.txt"))
    assert quiet.stdout is not None
    assert quiet.stderr is not None
    assert quiet.stdout.readline()
    quiet.stdout.close()
    assert quiet.wait(30) == BROKEN_PIPE
    assert quiet.stderr.read() == b""


def test_a_file_that_is_not_there_is_wrong_usage(program: Program) -> None:
    result = program("classify", "--file", "nowhere.txt")
    out, told = result.communicate(timeout=30)
    assert (result.returncode, out) == (2, b"")
    assert b"nowhere.txt" in told
