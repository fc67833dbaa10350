"""Whole mails of many programs, and what is left of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from channels.mail.quotes import stripped

WRITTEN = Path(__file__).with_name("replies.txt").read_text("utf-8").replace("{SP}", " ").replace("{NB}", "\xa0")
CASES = {
    name: (mail, reply)
    for block in re.split(r"(?m)^@@@ ", WRITTEN)[1:]
    for name, _, rest in [block.partition("\n")]
    for mail, _, reply in [rest.partition("\n===>\n")]
}


def test_there_are_cases() -> None:
    assert len(CASES) > 50
    assert all(reply.strip() for _, reply in CASES.values())


@pytest.mark.parametrize("name", CASES)
def test_the_reply_is_what_a_person_would_take(name: str) -> None:
    mail, reply = CASES[name]
    assert stripped(mail) == "\n".join(line.rstrip() for line in reply.strip("\n").split("\n"))


@pytest.mark.parametrize(
    "intro",
    [
        "Am 02.03.2026,\n10:00 schrieb Ada <ada@example.com>:",
        "Ada <ada@example.com> hat am\n02.03.2026 10:00 geschrieben:",
        "Ada Loewe (02.03.2026 10:00):",
    ],
)
def test_an_introduction_is_taken_whole(intro: str) -> None:
    assert stripped(f"It works.\n\n{intro}\n\n> Does it?") == "It works."


def test_what_stands_above_an_introduction_is_not_taken_with_it() -> None:
    said = "On second thoughts, of 3 lenses I take two:"
    assert stripped(f"{said}\nOn 2 Mar 2026, at 10:00, Ada wrote:\n\n> Three?") == said
