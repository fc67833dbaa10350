"""Who is offered which waiting case: a pure choice over values.

Everybody has the same line before them, in the order of the queue. A person is offered its first case that nobody else
is asked about and that they have not declined; so an older case is passed over for a newer one of its class only by
who has declined the older. Skills and teams say who is asked first about a case, never which case comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from handoff.queue import next_class, next_run

UP_AFTER: Final = 2
"""So many people have been asked in vain; then a supervisor hears of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may be asked: at a page of the desk now, not away, with the right to answer."""

    id: int
    load: int
    """Open cases that they hold."""
    capacity: int
    asked: bool = False
    """About another case, now."""
    tiers: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    teams: frozenset[int] = frozenset()
    offered_at: float = 0.0
    """When they were asked last, in seconds: of equals the one who has waited longest."""

    @property
    def free(self) -> bool:
        return not self.asked and self.load < self.capacity


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A case in the line."""

    id: int
    urgent: bool
    tier: str
    channel: str
    language: str | None = None
    tags: frozenset[str] = frozenset()
    team: int | None = None
    deadline: datetime | None = None
    on_offer: bool = False
    declined: frozenset[int] = field(default_factory=frozenset)
    """Who has passed it, or let its time run out."""


def in_order(waiting: Sequence[Waiting], now: datetime, *, run: int) -> Iterator[Waiting]:
    """The whole line as it would be taken, one after the other. `waiting`: each class in the order of deadlines."""
    first = [case for case in waiting if case.urgent]
    second = [case for case in waiting if not case.urgent]
    while first or second:
        overdue = bool(second) and second[0].deadline is not None and second[0].deadline <= now
        served = next_class(run=run, first_waits=bool(first), second_waits=bool(second), second_overdue=overdue)
        if served is None:
            return
        yield (first if served == "first" else second).pop(0)
        run = next_run(run, served)


def choose(waiting: Sequence[Waiting], people: Sequence[Person]) -> list[tuple[int, int]]:
    """(case, person) for each case that somebody is to be asked about now. `waiting`: the line, the next one first."""
    free = {person.id: person for person in people if person.free}
    chosen: list[tuple[int, int]] = []
    for case in waiting:
        if case.on_offer or not free:
            continue
        able = [person for person in free.values() if person.id not in case.declined]
        if able:
            best = max(able, key=lambda person: _rank(case, person))
            chosen.append((case.id, best.id))
            del free[best.id]
    return chosen


def _rank(case: Waiting, person: Person) -> tuple[int, int, int, float, int]:
    """The more of it fits the better; of equals who holds least, then who was asked longest ago."""
    fits = (
        (not person.tiers or case.tier in person.tiers)
        + (not person.channels or case.channel in person.channels)
        + (case.language is None or not person.languages or case.language in person.languages)
        + bool(case.tags & person.tags)
    )
    return int(case.team is not None and case.team in person.teams), fits, -person.load, -person.offered_at, -person.id


def goes_up(case: Waiting, *, asked: int, anybody: bool, waited: float, within: float) -> bool:
    """Whether a supervisor must hear of it: two were asked in vain, or nobody who could be asked is there.

    asked: how many offers of it have ended without a claim. anybody: some who are there have not declined it.
    waited, within: seconds.
    """
    return not case.on_offer and (asked >= UP_AFTER or (not anybody and waited >= within))
