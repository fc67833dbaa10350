"""Idempotency keys: the same request again gives the first answer again, and is done once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.inbox import upsert
from store.tables import idempotency


async def recall(connection: AsyncConnection, agent_id: int, key: str) -> tuple[str, Any] | None:
    """The request digest and the answer given to an earlier request with this idempotency key."""
    query = select(idempotency.c.digest, idempotency.c.response).where(
        idempotency.c.agent_id == agent_id, idempotency.c.key == key
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def reserve(connection: AsyncConnection, agent_id: int, key: str, digest: str, now: datetime) -> bool:
    """Take this idempotency key, with effect when the transaction commits. False: it was taken before.

    A request that takes it at the same moment is waited for.
    """
    row = {"agent_id": agent_id, "key": key, "digest": digest, "response": {}, "created_at": now}
    statement = upsert(connection)(idempotency).values(row)
    result = await connection.execute(statement.on_conflict_do_nothing(index_elements=["agent_id", "key"]))
    return bool(result.rowcount)


async def remember(connection: AsyncConnection, agent_id: int, key: str, response: Mapping[str, Any]) -> None:
    """The answer to the request that has reserved this key."""
    await connection.execute(
        update(idempotency)
        .where(idempotency.c.agent_id == agent_id, idempotency.c.key == key)
        .values(response=dict(response))
    )


async def forget(connection: AsyncConnection, agent_id: int, key: str) -> None:
    """Nothing was done; the key is free again."""
    await connection.execute(delete(idempotency).where(idempotency.c.agent_id == agent_id, idempotency.c.key == key))


async def purge(connection: AsyncConnection, before: datetime, *, limit: int) -> int:
    """Delete keys that were taken before then, the oldest first, about `limit` of them; how many."""
    at = idempotency.c.created_at
    oldest = select(at).where(at < before).order_by(at).limit(limit).subquery()
    newest_of_them = select(func.max(oldest.c.created_at)).scalar_subquery()
    return int((await connection.execute(delete(idempotency).where(at <= newest_of_them))).rowcount)
