"""Being the only one: a lease that is prolonged while its block runs, and that ends the block when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from channels.contract import LeaseLost
from store import leases
from store.database import Database
from store.errors import DatabaseAway
from store.leases import Lease

SECONDS: Final = 8.0
"""Whoever is killed is followed after this and `TRY_EVERY`: within ten seconds."""
RENEW_EVERY: Final = 1.5
TRY_EVERY: Final = 0.7
SAFE: Final = 2 / 3
"""Of `SECONDS`: without a renewal the holder stops then, by its own monotonic clock, before anybody can follow."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Implements `channels.contract.Tenure`."""

    token: int


@asynccontextmanager
async def alone(database: Database, name: str, holder: str, clock: Callable[[], datetime]) -> AsyncIterator[Held]:
    """See `channels.contract.Host.alone`. holder: unique to this process and this call."""
    lease, good_until = await _wait_for(database, name, holder, clock)
    log.info("lease taken", lease=name, token=lease.token)
    scope = asyncio.timeout_at(good_until)
    keeper: asyncio.Task[None] | None = None
    try:
        async with scope:
            keeper = asyncio.create_task(_keep(database, lease, clock, scope), name=f"lease {name}")
            yield Held(token=lease.token)
    except TimeoutError:
        if not scope.expired():
            raise
        raise LeaseLost(f"The lease {name!r} could not be prolonged; somebody else may hold it now.") from None
    finally:
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])
        with suppress(DatabaseAway):
            async with database.write("lease.release") as connection:
                await leases.release(connection, lease)


async def _wait_for(database: Database, name: str, holder: str, clock: Callable[[], datetime]) -> tuple[Lease, float]:
    while True:
        begun = asyncio.get_running_loop().time()
        try:
            async with database.write("lease.acquire") as connection:
                lease = await leases.acquire(connection, name, holder, clock(), seconds=SECONDS)
        except DatabaseAway as error:
            log.warning("a lease waits for the database", lease=name, error=str(error))
            lease = None
        if lease is not None:
            return lease, begun + SECONDS * SAFE
        await asyncio.sleep(TRY_EVERY)


async def _keep(database: Database, lease: Lease, clock: Callable[[], datetime], scope: asyncio.Timeout) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(RENEW_EVERY)
        begun = loop.time()
        try:
            async with database.write("lease.renew") as connection:
                again = await leases.acquire(connection, lease.name, lease.holder, clock(), seconds=SECONDS)
        except DatabaseAway:
            continue  # until the time is over
        if again is None or again.token != lease.token:
            scope.reschedule(loop.time())
            return
        scope.reschedule(begun + SECONDS * SAFE)
