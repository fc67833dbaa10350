"""What could not be decoded: kept whole, shown, tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import quarantine


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    id: int
    channel: str
    account: str
    external_id: str
    raw: bytes


_WAITS = (quarantine.c.released_at.is_(None), quarantine.c.set_aside_at.is_(None))


async def waiting(connection: AsyncConnection, *, before: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Newest first, without the raw bytes. `before`: the last id of a page."""
    query = (
        select(
            quarantine.c.id,
            quarantine.c.channel,
            quarantine.c.account,
            quarantine.c.external_id,
            quarantine.c.reason,
            func.length(quarantine.c.raw).label("size"),
            quarantine.c.created_at,
            quarantine.c.retried_at,
        )
        .where(*_WAITS)
        .order_by(quarantine.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(quarantine.c.id < before)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def read(connection: AsyncConnection, id_: int) -> Quarantined | None:
    """One that waits."""
    query = select(
        quarantine.c.id, quarantine.c.channel, quarantine.c.account, quarantine.c.external_id, quarantine.c.raw
    ).where(quarantine.c.id == id_, *_WAITS)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Quarantined(**row)


async def raw_of(connection: AsyncConnection, ids: Sequence[int], *, at_most: int) -> dict[int, bytes]:
    """The first bytes of some of them."""
    if not ids:
        return {}
    query = select(quarantine.c.id, func.substr(quarantine.c.raw, 1, at_most)).where(quarantine.c.id.in_(ids))
    return {row[0]: bytes(row[1]) for row in await connection.execute(query)}


async def tried(
    connection: AsyncConnection, id_: int, now: datetime, *, released: bool, reason: str | None = None
) -> None:
    """It was tried again. `reason`: why it still cannot be read."""
    new: dict[str, Any] = {"retried_at": now, "asked_at": None}
    if released:
        new["released_at"] = now
    elif reason is not None:
        new["reason"] = reason
    await connection.execute(update(quarantine).where(quarantine.c.id == id_).values(new))


async def ask(connection: AsyncConnection, id_: int, now: datetime) -> bool:
    """Let a desk that runs try it again. False: it does not wait."""
    result = await connection.execute(update(quarantine).where(quarantine.c.id == id_, *_WAITS).values(asked_at=now))
    return bool(result.rowcount)


async def asked_for(connection: AsyncConnection) -> list[Quarantined]:
    """Those, oldest first."""
    query = (
        select(quarantine.c.id, quarantine.c.channel, quarantine.c.account, quarantine.c.external_id, quarantine.c.raw)
        .where(quarantine.c.asked_at.is_not(None))
        .order_by(quarantine.c.id)
        .limit(20)
    )
    return [Quarantined(**row) for row in (await connection.execute(query)).mappings()]


async def after(connection: AsyncConnection, id_: int) -> dict[str, Any] | None:
    """What became of one: reason, asked_at, retried_at, released_at, set_aside_at."""
    names = ("id", "reason", "asked_at", "retried_at", "released_at", "set_aside_at")
    query = select(*(quarantine.c[name] for name in names)).where(quarantine.c.id == id_)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)


async def set_aside(connection: AsyncConnection, id_: int, now: datetime) -> bool:
    """A person's word: nothing is to be done about it. It is kept. False: it does not wait."""
    result = await connection.execute(
        update(quarantine).where(quarantine.c.id == id_, *_WAITS).values(set_aside_at=now)
    )
    return bool(result.rowcount)


async def bring_back(connection: AsyncConnection, id_: int) -> bool:
    """Take the above back. False: it was not set aside."""
    result = await connection.execute(
        update(quarantine)
        .where(quarantine.c.id == id_, quarantine.c.set_aside_at.is_not(None))
        .values(set_aside_at=None)
    )
    return bool(result.rowcount)


async def by_account(connection: AsyncConnection, *, at_most: int) -> dict[tuple[str, str], int]:
    """How much waits of each (channel, account), of the newest so many."""
    newest = select(quarantine.c.channel, quarantine.c.account).where(*_WAITS).order_by(quarantine.c.id.desc())
    some = newest.limit(at_most).subquery()
    query = select(some.c.channel, some.c.account, func.count()).group_by(some.c.channel, some.c.account)
    return {(row[0], row[1]): row[2] for row in await connection.execute(query)}
