"""The line of waiting cases, and who is next in it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, func, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from store import journey, settings
from store.errors import LineMoved
from store.tables import case, unresolved_with

_RUN: Final = "queue.first_class_run"


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TEAM_ALONE: Final = 4
"""A team's case is its own until one part in so many of its time is left."""
TRIES: Final = 20
"""Each one more means that somebody else has changed the head of the line meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The first waiting case of each class, and how many of the first class were taken in a row."""

    first: int | None
    second: int | None
    second_deadline: datetime | None
    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    id: int
    conversation_id: int
    deadline: datetime | None


async def heads(connection: AsyncConnection, now: datetime, *, teams: Collection[int] = ()) -> Heads:
    """Who is next in each class, held until the transaction ends. One take at a time: the second sees what is left.

    `teams`: those that who asks belongs to. Another team's case is passed over while more than `TEAM_ALONE` of its time
    is left; after that it is anybody's, so that nobody waits for a team that does not come.

    A head that somebody else holds for a moment is waited for, not passed over: the order is a promise.

    Raises:
        LineMoved: others were faster each time.
    """
    run = await settings.hold(connection, _RUN, 0, now)
    for _ in range(TRIES):
        found = await _look(connection, now, teams)
        attempt = await connection.begin_nested()
        await journey.lock(connection, [head.conversation_id for head in found.values()])
        if await _look(connection, now, teams) == found:
            await attempt.commit()
            first, second = found.get(True), found.get(False)
            return Heads(
                first=first.id if first else None,
                second=second.id if second else None,
                second_deadline=second.deadline if second else None,
                run=int(run or 0),
            )
        await attempt.rollback()  # lets go of what was locked: locks are taken in one order, or not at all
    raise LineMoved("Others are taking cases faster than this one could be chosen. Take the next one again.")


async def _look(connection: AsyncConnection, now: datetime, teams: Collection[int]) -> dict[bool, _Head]:
    """The head of each class (first: True) as committed now."""
    found: dict[bool, _Head] = {}
    for urgent in (True, False):
        query = (
            select(case.c.id, case.c.conversation_id, case.c.deadline)
            .where(unresolved_with("waiting"), case.c.urgent.is_(urgent), _open_to(teams, now))
            .order_by(case.c.sort_at, case.c.id)
            .limit(1)
        )
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is not None:
            found[urgent] = _Head(**row)
    return found


def _open_to(teams: Collection[int], now: datetime) -> ColumnElement[bool]:
    """Nobody's in particular, a team's of these, or due so soon that it must not wait for its team."""
    by, since = (
        type_coerce(at, BigInteger) for at in (case.c.sort_at, func.coalesce(case.c.unanswered_since, case.c.opened_at))
    )
    left = by - (now - _EPOCH) // timedelta(microseconds=1)
    ways = [case.c.team_id.is_(None), left * TEAM_ALONE <= by - since]
    return or_(*ways, case.c.team_id.in_(sorted(teams))) if teams else or_(*ways)


async def run_so_far(connection: AsyncConnection) -> int:
    """How many of the first class were taken in a row, for who only looks."""
    return int(await settings.read(connection, _RUN) or 0)


async def remember_run(connection: AsyncConnection, run: int, now: datetime) -> None:
    await settings.write(connection, _RUN, run, now)
