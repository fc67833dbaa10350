"""Gives out work where that is switched on: one process at a time asks people about waiting cases.

It knows nothing that is not in the database but who is at a page of the desk now, which the bus says. Where the bus is
away nobody is asked anything; people take cases themselves, as always.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy.exc import IntegrityError

from bot.live import Live
from bot.tenure import alone
from channels.contract import LeaseLost
from handoff import offering
from handoff.offering import Round
from handoff.opening import Rules
from store import faults
from store.bus import Bus
from store.database import Database
from store.errors import DatabaseAway
from store.offers import terms

LOOK_EVERY: Final = 1.0
IDLE_EVERY: Final = 5.0
"""Seconds between two looks where people take cases themselves; then no lease is held either."""
BROWSER: Final = "browser:"
"""Who is at a page of the desk, among those who are present; a program that asks the API is not."""

log = structlog.get_logger(__name__)


class Assigner:
    def __init__(
        self,
        *,
        database: Database,
        bus: Bus,
        live: Live,
        rules: Rules,
        roles: Collection[str],
        holder: str,
        published: Callable[[Collection[int], Collection[int]], Awaitable[None]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._bus = bus
        self._live = live
        self._rules = rules
        self._roles = roles
        self._holder = holder
        self._published = published
        self._now = now
        self._soon = asyncio.Event()

    def look_soon(self) -> None:
        """Somebody has answered an offer, or changed how work is given out."""
        self._soon.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if await self._pushes():
                    async with alone(self._database, "assigner", self._holder, self._now):
                        while await self._pushes():
                            await self.round()
                            await self._pause(LOOK_EVERY)
                        await self.round()  # what was still on offer is not any more
            except LeaseLost:
                log.warning("somebody else gives out work now")
            except DatabaseAway as error:
                log.warning("giving out work waits for the database", error=str(error))
            await self._pause(IDLE_EVERY)

    async def round(self) -> Round:
        """Ask whoever is to be asked now, and tell the pages of those for whom something is different."""
        here = await self._bus.who_is_present() if self._bus.alive else set()
        present = {int(who.removeprefix(BROWSER)) for who in here if who.startswith(BROWSER)}
        try:
            async with self._database.write("assigner") as connection:
                done = await offering.play(connection, present, self._roles, self._now())
        except IntegrityError:
            return Round()  # somebody else has asked meanwhile: the lease was lost, and will be missed soon
        if done.people:
            faults.reach("assigner.before-tell")
        for agent in sorted(done.people):
            await self._live.signal("offer", conversation=0, agent=agent)
        if done.up:
            async with self._database.write("assigner.up") as connection:
                await offering.go_up(connection, done.up, self._rules, self._now())
            await self._published(set(done.up.values()), set(done.up))
        return done

    async def _pushes(self) -> bool:
        async with self._database.read() as connection:
            return bool((await terms(connection))["mode"] == "push")

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._soon.wait()
        except TimeoutError:
            return
        self._soon.clear()
