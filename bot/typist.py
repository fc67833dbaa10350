"""Shows on a platform that somebody writes: the machine that is about to answer, an agent at the desk.

Best effort: nobody waits for it, and nothing is lost by one less.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

import structlog

from bot.live import Live
from bot.rates import Find
from channels.contract import Address, ShowsTyping
from store import outbox
from store.database import Database
from store.memorybus import BusProtocol

EVERY: Final = 4.0
"""Seconds for which a platform shows it, about; so often at most it is told of one conversation, by all processes."""
WITHIN: Final = 4.0
AT_ONCE: Final = 8
KEPT: Final = 100
"""Conversations that wait to be shown; beyond that the oldest are forgotten."""

log = structlog.get_logger(__name__)


class Typist:
    """Hears of agents from the live signals, and of the machine by `show`."""

    def __init__(self, *, database: Database, bus: BusProtocol, live: Live, find: Find) -> None:
        self._database = database
        self._bus = bus
        self._live = live
        self._find = find
        self._wanted: OrderedDict[int, None] = OrderedDict()
        self._news = asyncio.Event()

    def show(self, conversation: int, channel: str, account: str) -> None:
        """Somebody writes in this conversation. Returns at once."""
        if isinstance(self._find(channel, account), ShowsTyping):
            self._want(conversation)

    def _want(self, conversation: int) -> None:
        self._wanted[conversation] = None
        while len(self._wanted) > KEPT:
            self._wanted.popitem(last=False)
        self._news.set()

    async def run(self) -> None:
        """Show it until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            for _ in range(AT_ONCE):
                tasks.create_task(self._work())

    async def _listen(self) -> None:
        with self._live.follow() as feed:
            while True:
                await feed.wait()
                for signal in feed.take().signals:
                    if signal.get("kind") == "typing" and signal.get("by") == "agent":
                        self._want(int(signal["conversation"]))

    async def _work(self) -> None:
        while True:
            while not self._wanted:
                self._news.clear()
                await self._news.wait()
            conversation, _ = self._wanted.popitem(last=False)
            try:
                async with asyncio.timeout(WITHIN):
                    await self._tell(conversation)
            except Exception as error:
                log.debug("typing was not shown", conversation=conversation, error=str(error))

    async def _tell(self, conversation: int) -> None:
        async with self._database.read() as connection:
            place = await outbox.place_of(connection, conversation)
        if place is None:
            return
        channel = self._find(place["channel"], place["account"])
        if not isinstance(channel, ShowsTyping):
            return
        if await self._bus.allow(f"typing:{conversation}", limit=1, per=EVERY) > 0:
            return
        await channel.typing(
            Address(
                account=place["account"],
                place=place["place"],
                thread=place["thread"],
                recipient=place["recipient"],
                public=place["public"],
                extra=place["extra"] or {},
            )
        )
