"""Who alone may do something now. The token only grows, so a holder that slept too long is known by its old one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    name: str
    holder: str
    token: int
    until: datetime


async def acquire(
    connection: AsyncConnection, name: str, holder: str, now: datetime, *, seconds: float
) -> Lease | None:
    """Take or prolong a lease. None: somebody else holds it. The holder must stop at two thirds of its time."""
    until = now + timedelta(seconds=seconds)
    mine = await connection.execute(
        update(lease)
        .where(lease.c.name == name, lease.c.holder == holder, lease.c.until > now)
        .values(until=until)
        .returning(lease.c.token)
    )
    if (token := mine.scalar_one_or_none()) is not None:
        return Lease(name=name, holder=holder, token=token, until=until)
    taken = await connection.execute(
        update(lease)
        .where(lease.c.name == name, or_(lease.c.until <= now, lease.c.holder == ""))
        .values(holder=holder, token=lease.c.token + 1, until=until)
        .returning(lease.c.token)
    )
    if (token := taken.scalar_one_or_none()) is not None:
        return Lease(name=name, holder=holder, token=token, until=until)
    known = await connection.execute(select(lease.c.token).where(lease.c.name == name))
    if known.scalar_one_or_none() is not None:
        return None
    try:
        async with connection.begin_nested():
            await connection.execute(insert(lease).values(name=name, holder=holder, token=1, until=until))
    except IntegrityError:
        return None
    return Lease(name=name, holder=holder, token=1, until=until)


async def release(connection: AsyncConnection, held: Lease) -> None:
    """Give it back at once, so that the next one need not wait."""
    await connection.execute(
        update(lease).where(lease.c.name == held.name, lease.c.token == held.token).values(holder="", until=held.until)
    )


async def void_all(connection: AsyncConnection) -> int:
    """For a process that is alone on this database: whoever held a lease is dead. Tokens stay. How many there were."""
    result = await connection.execute(update(lease).where(lease.c.holder != "").values(holder=""))
    return int(result.rowcount)
