"""What a window shows of a case: at a glance, fenced, and without words where others read it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from handoff import window
from handoff.texts import Voice
from tests.rows import NOW

VOICE = Voice(company="Acme", bot="Ada", zone=ZoneInfo("UTC"))
LINK = "https://desk.example/desk/cases/W-1007"


def row(**more: Any) -> dict[str, Any]:
    return {
        "id": 7, "tier": "outage", "status": "waiting", "assignee_id": None, "assignee": None, "flags": None,
        "public": False, "channel": "web", "customer_full_name": "Ana Ruiz", "preview": "it is down", "outcome": None,
        "deadline": NOW + timedelta(minutes=5), "snoozed_until": None, **more,
    }  # fmt: skip


def card(words: bool = True, **more: Any) -> window.Shown:
    return window.card(row(**more), NOW, VOICE, words=words, link=LINK)


def text(shown: window.Shown) -> str:
    return shown.text.plain().replace("\u2068", "").replace("\u2069", "")


def test_a_card_says_what_who_and_by_when() -> None:
    assert text(card()) == (
        "W-1007 · Outage\n\n> it is down\n\nAna Ruiz in the web chat · Nobody has it yet · answer by 12:05 UTC"
    )
    assert [(button.id, button.url) for button in card().buttons] == [("claim:7", None), ("open", LINK)]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"assignee_id": 1, "assignee": "Lea", "status": "open"}, "Lea has it · answer by 12:05 UTC"),
        ({"assignee_id": 1, "assignee": "Lea", "status": "pending"}, "Lea has answered; waiting for the customer"),
        ({"assignee_id": 1, "assignee": "Lea", "status": "snoozed", "snoozed_until": NOW}, "asleep until 12:00 UTC"),
        ({"assignee_id": 1, "assignee": "Lea", "status": "resolved", "outcome": "no_fault"}, "by Lea: no fault"),
        ({"status": "resolved", "outcome": "spam"}, "Resolved: spam"),
        ({"deadline": NOW - timedelta(minutes=5)}, "late since 11:55 UTC"),
        ({"public": True, "channel": "discord"}, "Outage · PUBLIC"),
        ({"flags": {"security": True}}, "Outage · Security"),
    ],
)
def test_a_card_follows_its_case(changes: dict[str, Any], says: str) -> None:
    assert says in text(card(**changes))
    waits = not changes.get("assignee_id") and changes.get("status") != "resolved"
    assert ("claim:7" in [button.id for button in card(**changes).buttons]) is waits


def test_a_room_that_others_read_gets_neither_name_nor_words() -> None:
    shown = text(card(words=False))
    assert "Ana" not in shown
    assert "down" not in shown
    assert "W-1007 · Outage" in shown


def test_who_is_written_to_and_who_else_reads_it_is_said_before_anything_leaves() -> None:
    asked = window.asking(3, "  <!here> *exactly* this\u202e", row(public=True, channel="discord"))
    assert text(asked).startswith("To Ana Ruiz on Discord · PUBLIC: others read it too")
    assert asked.text.blocks[-1].spans[0].text == "  <!here> *exactly* this\u202e", "the exact words"
    assert [button.id for button in asked.buttons] == ["send:3", "drop:3"]


@pytest.mark.parametrize(
    ("state", "says", "undo"),
    [
        ("held", "Lea sends this in a moment. To Ana Ruiz by mail", True),
        ("sent", "Lea has sent this", False),
        ("undone", "Lea took it back; nothing was sent", False),
        ("refused", "Not sent: 1 message(s) came", False),
    ],
)
def test_a_line_tells_what_becomes_of_words(state: str, says: str, undo: bool) -> None:
    shown = window.sending(3, state, "words", "Lea", row(channel="email"), why="1 message(s) came", words=True)
    assert says in text(shown)
    assert bool(shown.buttons) is undo


def test_what_turns_letters_around_turns_nothing_else() -> None:
    assert window.fenced("\u202egpj.exe\u2069 words", 80) == "\u2068gpj.exe words\u2069"
    assert window.fenced("\u202e \u200f", 80) == ""
    assert len(window.fenced("x" * 100_000, 80)) == 82
    assert window.name_of(row(customer_full_name="a\nb")) == "\u2068a b\u2069"
    assert window.name_of(row(customer_full_name="")) == "the customer"
