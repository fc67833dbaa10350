"""How a deadline is said, and which words of a customer a row shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.web.desk.due import due_of, span
from bot.web.desk.rows import LEAD, SHOWN, gone, shown
from handoff.opening import preview
from store.changes import NEVER

NOW = datetime(2026, 3, 17, 14, 28, tzinfo=UTC)


def case(minutes: float | None, *, since: float = 60, status: str = "waiting") -> dict[str, Any]:
    return {
        "status": status,
        "deadline": None if minutes is None else NOW + timedelta(minutes=minutes),
        "unanswered_since": NOW - timedelta(minutes=since),
    }


@pytest.mark.parametrize(
    ("minutes", "state", "words"),
    [
        (-4.5, "late", "4 min late"),
        (0, "late", "1 min late"),
        (-61, "late", "1 h 01 late"),
        (0.1, "soon", "1 min"),
        (11.5, "soon", "12 min"),
        (15, "soon", "15 min"),
        (34, "calm", "34 min"),
        (79.2, "calm", "1 h 20"),
        (24 * 60, "calm", "1 day"),
        (3.2 * 24 * 60, "calm", "3 days"),
    ],
)
def test_what_is_left_is_said_in_words(minutes: float, state: str, words: str) -> None:
    found = due_of(case(minutes), NOW)
    assert (found.state, found.words) == (state, words)


def test_a_quarter_of_the_time_is_soon_however_long_it_was() -> None:
    assert due_of(case(60, since=181), NOW).state == "soon"
    assert due_of(case(60, since=100), NOW).state == "calm"
    assert due_of(case(30, since=10), NOW).left == 75


@pytest.mark.parametrize(
    ("status", "words"), [("pending", "waiting"), ("snoozed", "snoozed"), ("resolved", "resolved")]
)
def test_where_no_clock_runs_none_is_shown(status: str, words: str) -> None:
    found = due_of(case(5, status=status), NOW)
    assert (found.state, found.words, found.at) == ("paused", words, None)


def test_without_a_deadline_there_is_nothing_to_count() -> None:
    for minutes in (None, (NEVER - NOW) / timedelta(minutes=1)):
        assert due_of(case(minutes, status="open"), NOW).state == "paused"


@given(st.floats(min_value=-1e6, max_value=1e6))
def test_what_is_left_is_never_nothing(minutes: float) -> None:
    assert not span(timedelta(minutes=minutes)).startswith("0 ")


# --- words -----------------------------------------------------------------------------------------


def test_deciding_words_are_marked_where_they_stand() -> None:
    body = "Hello.\nNone of our mailboxes send.  It is urgent."
    assert shown("None of our mailboxes send.", "None of our mailboxes send.", body) == [
        ("Hello. ", False),
        ("None of our mailboxes send.", True),
        (" It is urgent.", False),
    ]


def test_much_before_the_deciding_words_is_cut() -> None:
    before = "word " * 60
    [(lead, first), (mark, second)] = shown("It is down.", "It is down.", before + "It is down.")
    assert (first, mark, second) == (False, "It is down.", True)
    assert lead.startswith("…")
    assert len(lead) <= LEAD + 1


def test_what_came_later_or_cannot_be_found_is_shown_as_it_is() -> None:
    assert shown("And another thing", "It is down.", "It is down.") == [("And another thing", False)]
    assert shown("It is down.", "It is down.", "They wrote this in a later line") == [("It is down.", True)]
    assert shown("Hello", None, "Hello") == [("Hello", False)]


@given(st.text(max_size=900), st.text(max_size=300), st.text(max_size=300))
def test_a_row_shows_little_and_only_what_was_written(before: str, deciding: str, after: str) -> None:
    found = shown(preview(deciding), deciding, before + deciding + after)
    assert sum(len(words) for words, _ in found) <= SHOWN + LEAD + 2
    written = " ".join((before + deciding + after).split())
    assert all(words.strip("…").strip() in written for words, _ in found)


@pytest.mark.parametrize(
    ("status", "holder", "words"),
    [
        ("open", 2, "Jon took it"),
        ("pending", 2, "Jon answered it"),
        ("snoozed", 1, "You snoozed it"),
        ("resolved", 2, "Jon resolved it"),
        ("resolved", None, "Resolved"),
        ("waiting", None, "Back in the queue"),
    ],
)
def test_what_has_left_says_why(status: str, holder: int | None, words: str) -> None:
    found = {"status": status, "assignee_id": holder, "assignee": "Jon Berg" if holder == 2 else None}
    assert gone(found, 1) == words
