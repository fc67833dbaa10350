"""By when a person must have answered, and which class of the queue that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from handoff.hours import Hours

FIRST_CLASS: Final = frozenset({"outage", "billing", "person"})
"""Served before all else and round the clock; a security case carries the outage's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The time to a first answer by a person, for each tier; how-to cases are those that an answer did not help."""

    outage: timedelta = timedelta(minutes=5)
    billing: timedelta = timedelta(minutes=15)
    person: timedelta = timedelta(minutes=15)
    problem: timedelta = timedelta(hours=4)
    howto: timedelta = timedelta(hours=1)
    unknown: timedelta = timedelta(hours=1)
    feedback: timedelta = timedelta(hours=45)
    """Business hours: five days of nine."""

    def of(self, sla: str) -> timedelta:
        value: timedelta = getattr(self, sla)
        return value


def deadline(sla: str, since: datetime, targets: Targets, hours: Hours) -> datetime:
    """The oldest unanswered customer message plus the tier's time; business time outside the first class."""
    if sla in FIRST_CLASS:
        return since + targets.of(sla)
    return hours.after(since, targets.of(sla))


def at_risk(made: datetime, by: datetime) -> datetime:
    """When a promise that is still open must be spoken about: a fifth of its time before, 30 s at least.

    Never in the first half of its time: a promise of a minute or less is not taken back as soon as it is made.
    """
    span = by - made
    return by - max(span / 5, min(span / 2, timedelta(seconds=30)))
