"""What could not be decoded: kept whole, shown, tried again."""

from __future__ import annotations

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


async def waiting(connection: AsyncConnection, *, limit: int = 100) -> list[dict[str, Any]]:
    """Newest first, without the raw bytes."""
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
        .where(quarantine.c.released_at.is_(None))
        .order_by(quarantine.c.id.desc())
        .limit(limit)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def read(connection: AsyncConnection, id_: int) -> Quarantined | None:
    query = select(
        quarantine.c.id, quarantine.c.channel, quarantine.c.account, quarantine.c.external_id, quarantine.c.raw
    ).where(quarantine.c.id == id_, quarantine.c.released_at.is_(None))
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Quarantined(**row)


async def tried(connection: AsyncConnection, id_: int, now: datetime, *, released: bool) -> None:
    await connection.execute(
        update(quarantine)
        .where(quarantine.c.id == id_)
        .values(retried_at=now, **({"released_at": now} if released else {}))
    )
