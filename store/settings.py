"""Small values that all processes share, each under its key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.inbox import upsert
from store.tables import setting


async def read(connection: AsyncConnection, key: str) -> Any:
    return (await connection.execute(select(setting.c.value).where(setting.c.key == key))).scalar_one_or_none()


async def hold(connection: AsyncConnection, key: str, at_first: Any, now: datetime) -> Any:
    """The value, held until the transaction ends: whoever comes second waits, also for the very first."""
    row = {"key": key, "value": at_first, "updated_at": now}
    await connection.execute(upsert(connection)(setting).values(row).on_conflict_do_nothing(index_elements=["key"]))
    return (
        await connection.execute(select(setting.c.value).where(setting.c.key == key).with_for_update())
    ).scalar_one()


async def write(connection: AsyncConnection, key: str, value: Any, now: datetime) -> None:
    row = {"key": key, "value": value, "updated_at": now}
    statement = upsert(connection)(setting).values(row)
    await connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=row))
