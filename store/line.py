"""The line of waiting cases, and who is next in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import journey, settings
from store.errors import LineMoved
from store.tables import case, unresolved_with

_RUN: Final = "queue.first_class_run"


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


async def heads(connection: AsyncConnection, now: datetime) -> Heads:
    """Who is next in each class, held until the transaction ends. One take at a time: the second sees what is left.

    A head that somebody else holds for a moment is waited for, not passed over: the order is a promise.

    Raises:
        LineMoved: others were faster each time.
    """
    run = await settings.hold(connection, _RUN, 0, now)
    for _ in range(TRIES):
        found = await _look(connection)
        attempt = await connection.begin_nested()
        await journey.lock(connection, [head.conversation_id for head in found.values()])
        if await _look(connection) == found:
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


async def _look(connection: AsyncConnection) -> dict[bool, _Head]:
    """The head of each class (first: True) as committed now."""
    found: dict[bool, _Head] = {}
    for urgent in (True, False):
        query = (
            select(case.c.id, case.c.conversation_id, case.c.deadline)
            .where(unresolved_with("waiting"), case.c.urgent.is_(urgent))
            .order_by(case.c.sort_at, case.c.id)
            .limit(1)
        )
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is not None:
            found[urgent] = _Head(**row)
    return found


async def remember_run(connection: AsyncConnection, run: int, now: datetime) -> None:
    await settings.write(connection, _RUN, run, now)
