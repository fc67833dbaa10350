"""Identities whose words reach nobody: a row is never deleted, an undone one says since when and by whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.inbox import upsert
from store.tables import STANDING_BLOCK, agent, block


async def put(connection: AsyncConnection, identity_id: int, *, by: int, why: str, now: datetime) -> bool:
    """False: it is blocked already."""
    row = upsert(connection)(block).values(identity_id=identity_id, by_id=by, at=now, why=why)
    return bool((await connection.execute(row.on_conflict_do_nothing())).rowcount)


async def undo(connection: AsyncConnection, identity_id: int, *, by: int, now: datetime) -> bool:
    """False: it is not blocked."""
    standing = (block.c.identity_id == identity_id, STANDING_BLOCK)
    done = await connection.execute(update(block).where(*standing).values(undone_at=now, undone_by=by))
    return bool(done.rowcount)


async def standing(connection: AsyncConnection, identity_id: int) -> dict[str, Any] | None:
    """`{"by", "at", "why"}` of the block that stands; None: they may write."""
    query = (
        select(agent.c.name.label("by"), block.c.at, block.c.why)
        .join(agent, agent.c.id == block.c.by_id)
        .where(block.c.identity_id == identity_id, STANDING_BLOCK)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)
