"""One window's worker: looks what is new at the desk and in the window, and has it done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from bot.live import Live
from bot.window.colleagues import Colleagues
from bot.window.deeds import Deeds
from bot.window.here import Here
from bot.window.keeping import TOPIC
from bot.window.posts import Posts
from bot.window.sends import HOLD, Sends
from channels.contract import LeaseLost, Window
from handoff.context import described
from handoff.desk import Desk
from handoff.texts import Voice
from store import settings
from store import window as rows
from store.bus import Bus
from store.database import Database
from store.errors import DatabaseAway
from store.inbox import digest
from store.window import Pane

SWEEP: Final = 3.0
"""Seconds between looks for what no hint told."""
GATHER: Final = 0.1
"""Seconds for which news are gathered: in a storm the worker must not be the load."""
REOPENED_SWEEP: Final = 300.0
LINES: Final = 50
"""Of one case's news at once."""

log = structlog.get_logger(__name__)


class Attendant:
    """One window's worker. `alone` gives the right to be the only one."""

    def __init__(
        self,
        *,
        pane: Pane,
        window: Window,
        database: Database,
        desk: Desk,
        live: Live,
        bus: Bus,
        alone: Callable[[str], AbstractAsyncContextManager[Any]],
        base: str,
        voice: Voice,
        hold: timedelta = HOLD,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._here = Here(pane=pane, window=window, database=database, now=clock)
        self._sends = Sends(self._here, desk, hold=hold)
        self._deeds = Deeds(self._here, desk, Colleagues(self._here, bus), self._sends)
        self._posts = Posts(self._here, base=base, voice=voice)
        self._live = live
        self._bus = bus
        self._alone = alone
        self._swept = -1e9
        self._swept_reopened = -1e9

    # --- life ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with self._alone(f"window:{self._here.pane.name}"):
                    await self._attend()
            except LeaseLost as error:
                log.info("another process has the window", window=self._here.pane.name, error=str(error))
            except DatabaseAway as error:
                log.warning("the window waits for the database", error=str(error))
                await asyncio.sleep(1.0)
            except Exception:
                log.exception("the window stumbled, and goes on", window=self._here.pane.name)
                await asyncio.sleep(1.0)

    async def _attend(self) -> None:
        await self.begin()
        with self._live.follow() as feed:
            hearing = asyncio.create_task(self._hear(feed))
            try:
                while True:
                    heard = feed.take()
                    await self.step(heard.cases, heard.conversations, gap=heard.gap)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(await self._rest()):
                            await feed.wait()
                            await asyncio.sleep(GATHER)
            finally:
                hearing.cancel()
                await asyncio.wait([hearing])

    async def _hear(self, feed: asyncio.Event) -> None:
        async with self._bus.subscribe(TOPIC) as news:
            async for _ in news:
                feed.set()

    async def _rest(self) -> float:
        """Seconds until something is due by the clock."""
        async with self._here.database.read() as connection:
            leaves_at = await rows.next_leaves_at(connection)
            more = await rows.to_post(connection, self._here.pane, self._here.now(), limit=1)
        rest = SWEEP if leaves_at is None else min(SWEEP, (leaves_at - self._here.now()).total_seconds())
        if more:
            rest = min(rest, self._posts.rest())
        return max(0.02, rest)

    async def begin(self) -> None:
        """What was on its way when the last holder died may have arrived."""
        async with self._here.database.write("window.begin") as connection:
            await rows.after_a_death(connection, self._here.pane, self._here.now())

    async def step(
        self, touched: Collection[int] = (), conversations: Collection[int] = (), *, gap: bool = False
    ) -> None:
        """Everything that is to be done now, once: deeds, words whose time has come, cards, posts."""
        await self._people_first()
        await self._look(touched, conversations, gap=gap)
        await self._posts.all(self._people_first)

    async def _people_first(self) -> bool:
        """What somebody did, and what is to leave; whether there was any."""
        done = await self._deeds.all()
        return await self._sends.let_go() or done

    # --- what it is to show ----------------------------------------------------------------------

    async def _look(self, touched: Collection[int], conversations: Collection[int], *, gap: bool) -> None:
        """New cases get a card; changed ones show it; what was said since is told under it."""
        among = set(touched)
        everything = gap or time.monotonic() - self._swept > SWEEP
        async with self._here.database.read() as connection:
            if conversations:
                among.update(await rows.cases_of(connection, conversations))
            if gap or time.monotonic() - self._swept_reopened > REOPENED_SWEEP:
                self._swept_reopened = time.monotonic()
                among.update(await rows.reopened(connection, self._here.pane))
        await self._new_cards(among)
        if everything:
            self._swept = time.monotonic()
            while await self._changed(None):
                pass
        if among:
            await self._changed(among)

    async def _new_cards(self, among: Collection[int]) -> None:
        key = f"window:{digest(self._here.pane.name)}"
        async with self._here.database.read() as connection:
            mark = await settings.read(connection, key)
            now = self._here.now()
            begin = mark is None
            mark = await rows.newest_case(connection) if mark is None else int(mark)
            found = await rows.cases_without_card(
                connection, self._here.pane, behind=mark, among=among, urgent_only=self._here.window.urgent_only
            )
            moved = await rows.settled_case(connection, mark, now) if len(found) < 200 else mark
        if not found and not begin and moved == mark:
            return
        async with self._here.database.write("window.cards") as connection:
            for each in found:
                await rows.put_card(connection, self._here.pane, each, now)
            if begin or moved != mark:
                await settings.write(connection, key, moved, now)

    async def _changed(self, among: Collection[int] | None) -> bool:
        """Whether there may be more."""
        async with self._here.database.read() as connection:
            changed = await rows.changed_cards(connection, self._here.pane, among=among)
        for found in changed:
            await self._tell(found)
        return len(changed) >= 200

    async def _tell(self, found: dict[str, Any]) -> None:
        now = self._here.now()
        async with self._here.database.write("window.tell") as connection:
            news = await described(connection, found["conversation_id"], after=found["told_seq"], limit=LINES)
            until = found["resolved_at"] if found["status"] == "resolved" else None
            for message in news:
                if _is_news(message) and (until is None or message["at"] <= until):
                    await rows.put(
                        connection, self._here.pane, "line", found["id"], message["seq"], now=now, case_id=found["id"],
                        seq=message["seq"],
                    )  # fmt: skip
            seq = max([found["told_seq"], *(message["seq"] for message in news)])
            if len(news) < LINES:
                seq = max(seq, found["next_seq"] - 1)
            requeue = found["posted"] == "digested" and found["assignee_id"] is not None
            await rows.saw(connection, found, seq=seq, requeue=requeue, now=now)


def _is_news(message: Mapping[str, Any]) -> bool:
    """What colleagues in a thread want to know of: the customer's words, and each other's."""
    if message["direction"] == "in":
        return bool(message["text"].strip() or message["files"] or message["kind"] == "deletion")
    return bool(message["direction"] == "note" or message["from"] == "agent")
