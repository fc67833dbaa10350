"""One row of the queue: what of a case is worth its 60 pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bot.web.desk.due import SOON, Due, due_of
from bot.web.desk.transcript import called
from handoff.opening import preview

Words = Sequence[tuple[str, bool]]
"""Pieces of a customer's text, each with whether it is what decided."""

SHOWN: Final = 260
LEAD: Final = 70
"""Characters that may stand before the deciding words; the row is one line, and they must be on it."""
GROUPS: Final = {"late": "Late", "soon": "Due within 15 minutes", "today": "Later today", "later": "Later"}
OUTCOMES: Final = {"solved": "solved", "workaround": "worked around", "guided": "guided", "no_fault": "no fault",
                   "spam": "spam", "merged": "merged"}  # fmt: skip
LANGUAGES: Final = {
    "ar": "Arabic", "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "es": "Spanish",
    "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian",
    "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    number: str
    conversation: int
    tier: str
    name: str
    channel: str
    due: Due
    words: Words
    flags: Sequence[tuple[str, str]]
    """Icon, which may be none, and words."""
    tags: Sequence[str]
    claimable: bool
    holder: str | None
    state: str
    """What else is to be said of it, in the holder's column."""
    place: str
    """Where it stands in a list by deadline."""
    readable: bool
    """Feedback that waits to be read: reading it is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    key: str
    title: str
    count: int | None
    rows: list[Row] = field(default_factory=list)


def row_of(case: Mapping[str, Any], now: datetime, *, times: int, at: Any) -> Row:
    """`times`: cases of this customer in the last week. `at(moment)`: how a time is written here."""
    return Row(
        number=case["number"],
        conversation=case["conversation_id"],
        tier=case["tier"],
        name=called(case["customer_name"], case["customer_email"]),
        channel=case["channel"],
        due=due_of(case, now),
        # Where nothing was recognised, nothing has decided.
        words=shown(case["preview"], case["deciding"] if case["tier"] != "unknown" else None, case["body"]),
        flags=list(_flags(case, times)),
        tags=case["tags"],
        claimable=case["assignee_id"] is None and case["status"] != "resolved",
        holder=case["assignee"],
        state=_state(case, at),
        place=place_of(case),
        readable=case["tier"] == "feedback" and case["status"] == "waiting",
    )


def shown(first: str, deciding: str | None, body: str | None) -> Words:
    """The words of a row. `first` is the stored preview: the deciding words, or what the customer wrote since."""
    if not deciding or first != preview(deciding):
        return [(first, False)]  # they have written again: that is news, and decided nothing
    line, mark = " ".join((body or "").split()), " ".join(deciding.split())
    start = line.find(mark)
    if start < 0:
        return [(first, True)]
    before = line[:start]
    if len(before) > LEAD:
        before = "…" + before[-LEAD:].partition(" ")[2]
    after = line[start + len(mark) :][: max(SHOWN - len(before) - len(mark), 0)]
    return [(words, marked) for words, marked in ((before, False), (mark[:SHOWN], True), (after, False)) if words]


def _flags(case: Mapping[str, Any], times: int) -> Iterator[tuple[str, str]]:
    flags = case["flags"]
    if case["team"] and case["assignee_id"] is None and case["status"] != "resolved":
        yield "people", case["team"]
    if flags.get("security"):
        yield "lock", "Security"
    if case["reopened"]:
        yield "again", "Reopened"
    elif times > 1:
        yield "again", f"{nth(times)} time this week"
    if flags.get("undelivered"):
        yield "cross", "Our answer did not arrive"
    if flags.get("works_now"):
        yield "check", "Says it works now"
    if flags.get("unclaimed"):
        yield "people", "Nobody took it"
    if flags.get("at_risk"):
        yield "clock", "Told of a delay"
    files = (case["meta"] or {}).get("files", 0)
    if files:
        yield "clip", f"{files} file{'s' if files > 1 else ''}"
    if flags.get("language"):
        yield "", LANGUAGES.get(flags["language"], "Other language")


def nth(number: int) -> str:
    return f"{number}{'th' if number % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _state(case: Mapping[str, Any], at: Any) -> str:
    if case["status"] == "snoozed" and case["snoozed_until"]:
        return f"until {at(case['snoozed_until'])}"
    if case["status"] == "resolved":
        what = OUTCOMES.get(case["outcome"] or "", "closed")
        return f"{what} {at(case['resolved_at'])}" if case["resolved_at"] else what
    return ""


def place_of(case: Mapping[str, Any]) -> str:
    """Deadline and number; also the cursor of a page that ends with it."""
    return f"{case['sort_at'].timestamp():.6f}~{case['id']}"


def group_of(case: Mapping[str, Any], now: datetime, end_of_day: datetime) -> str:
    if case["sort_at"] <= now:
        return "late"
    if case["sort_at"] <= now + SOON:
        return "soon"
    return "today" if case["sort_at"] <= end_of_day else "later"


def gone(case: Mapping[str, Any], me: int) -> str:
    """Why a case is no longer in a list."""
    who = "You" if case["assignee_id"] == me else (case["assignee"] or "").partition(" ")[0]
    if not who:
        return {"resolved": "Resolved", "waiting": "Back in the queue"}.get(case["status"], "No longer here")
    done = {"open": "took it", "pending": "answered it", "snoozed": "snoozed it", "resolved": "resolved it"}
    return f"{who} {done.get(case['status'], 'has it')}"
