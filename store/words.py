"""The closed lists of words that rows hold. Each is used by more than one folder; none has a meaning here."""

from __future__ import annotations

from typing import Final, Literal

Tier = Literal["outage", "billing", "problem", "howto", "feedback", "person", "unknown"]

End = Literal["answered", "handed_off", "appended", "filed", "noted", "ignored", "superseded", "quarantined"]
NOT_HELPED: Final = "the answer did not help"
ASKED_AGAIN: Final = "asked the same again within a day"
NOT_ENDED: Final = "three answers within the hour did not end it"
"""Why something was handed over that the machine had answered: these three say that its answer was no help."""

Owner = Literal["bot", "human"]
CaseStatus = Literal["waiting", "open", "pending", "snoozed", "resolved"]
UNRESOLVED: Final[tuple[CaseStatus, ...]] = ("waiting", "open", "pending", "snoozed")

Kind = Literal["text", "answer", "acknowledgement", "notice", "survey", "event", "note", "edit", "deletion", "button"]
Condition = Literal["case_waiting", "case_unresolved", "case_unanswered", "case_held", "case_resolved", "asked_for"]
"""A system notice leaves an owned conversation only while this holds of its newest case; `asked_for` always holds: the
customer has asked for just this, by a command or a code, or a person has."""

OutboxStatus = Literal["held", "queued", "sending", "sent", "failed", "unknown", "cancelled", "parked"]

FIRST_CASE_NUMBER: Final = 1001


def case_number(case_id: int) -> str:
    """The number that people read and say: W-1001 is the first case."""
    return f"W-{case_id + FIRST_CASE_NUMBER - 1}"


def case_id(number: str) -> int | None:
    """The inverse of `case_number`; forgiving about case, spaces and a missing prefix. None: not a number."""
    digits = number.strip().upper().removeprefix("W").removeprefix("-").strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > 15:
        return None
    found = int(digits) - FIRST_CASE_NUMBER + 1
    return found if found > 0 else None
