"""Rows that come due: each is consumed once, in the transaction that holds its effects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import due


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    id: int
    kind: str
    subject: int
    at: datetime
    data: Mapping[str, Any]
    attempts: int


_COLUMNS = [due.c.id, due.c.kind, due.c.subject, due.c.at, due.c.data, due.c.attempts]


async def arrived(
    connection: AsyncConnection,
    now: datetime,
    *,
    limit: int,
    only: Collection[str] = (),
    without: Collection[str] = (),
) -> list[Due]:
    """What has come due and is not consumed, the longest overdue first; of some kinds, or of all but some."""
    query = select(*_COLUMNS).where(due.c.consumed_at.is_(None), due.c.at <= now).order_by(due.c.at).limit(limit)
    if only:
        query = query.where(due.c.kind.in_(only))
    if without:
        query = query.where(due.c.kind.not_in(without))
    rows = (await connection.execute(query)).mappings()
    return [Due(**{**row, "data": row["data"] or {}}) for row in rows]


async def consume(connection: AsyncConnection, due_id: int, now: datetime) -> bool:
    """Take this one, or learn that somebody else has."""
    result = await connection.execute(
        update(due).where(due.c.id == due_id, due.c.consumed_at.is_(None)).values(consumed_at=now, error=None)
    )
    return bool(result.rowcount)


async def put_off(connection: AsyncConnection, due_id: int, until: datetime, error: str) -> None:
    """It could not be done now; it comes due again."""
    await connection.execute(
        update(due)
        .where(due.c.id == due_id, due.c.consumed_at.is_(None))
        .values(at=until, attempts=due.c.attempts + 1, error=error)
    )


async def hold(
    connection: AsyncConnection, held: Due, until: datetime, data: Mapping[str, Any], error: str | None = None
) -> bool:
    """Have it come due again then, with this in it, unless somebody has touched it since `held` was read.

    Whoever means to do what takes a while holds the row for that long first: nobody else does it at the same time, and
    if the process dies, the row comes due again with what it had in hand.
    """
    result = await connection.execute(
        update(due)
        .where(due.c.id == held.id, due.c.consumed_at.is_(None), due.c.attempts == held.attempts)
        .values(at=until, attempts=held.attempts + 1, data=data, error=error)
    )
    return bool(result.rowcount)


async def give_up(connection: AsyncConnection, due_id: int, now: datetime, error: str) -> None:
    """It failed too often: consumed, and kept among the dead letters."""
    await connection.execute(
        update(due)
        .where(due.c.id == due_id, due.c.consumed_at.is_(None))
        .values(consumed_at=now, attempts=due.c.attempts + 1, error=error)
    )


async def dead(connection: AsyncConnection, *, before: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Those given up, newest first. `before`: the last id of a page."""
    query = (
        select(*_COLUMNS, due.c.error)
        .where(due.c.error.is_not(None), due.c.consumed_at.is_not(None))
        .order_by(due.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(due.c.id < before)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def revive(connection: AsyncConnection, due_id: int, now: datetime) -> bool:
    """A person's word: try a dead one again."""
    result = await connection.execute(
        update(due)
        .where(due.c.id == due_id, due.c.error.is_not(None), due.c.consumed_at.is_not(None))
        .values(consumed_at=None, at=now, attempts=0, error=None)
    )
    return bool(result.rowcount)


async def purge(connection: AsyncConnection, before: datetime, *, limit: int) -> int:
    """Delete rows that were consumed before then, the oldest first; how many. What was given up stays for people."""
    done = (
        select(due.c.id)
        .where(due.c.consumed_at.is_not(None), due.c.error.is_(None), due.c.consumed_at < before)
        .order_by(due.c.consumed_at)
        .limit(limit)
    )
    return int((await connection.execute(delete(due).where(due.c.id.in_(done)))).rowcount)
