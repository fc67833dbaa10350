"""What has just changed, for pages that are open: one subscription to the bus, many listeners."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from store.bus import Bus

NEWS = "news"


class Live:
    """Wakes who waits for news of a conversation. It carries no content: who is woken reads SQL."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: dict[int, set[asyncio.Event]] = defaultdict(set)
        self._everything: set[asyncio.Event] = set()

    async def publish(self, conversations: Collection[int], cases: Collection[int]) -> None:
        """After a commit: tell every process."""
        await self._bus.publish(NEWS, {"conversations": list(conversations), "cases": list(cases)})

    async def run(self) -> None:
        """Pass news on until cancelled."""
        async with self._bus.subscribe(NEWS) as news:
            async for item in news:
                if item.get("gap"):
                    self._wake_all()
                    continue
                for id_ in item.get("conversations", ()):
                    for event in self._waiting.get(id_, ()):
                        event.set()
                for event in self._everything:
                    event.set()

    def _wake_all(self) -> None:
        for events in self._waiting.values():
            for event in events:
                event.set()
        for event in self._everything:
            event.set()

    @contextmanager
    def listen(self, conversation: int | None) -> Iterator[asyncio.Event]:
        """An event that is set at each news of this conversation; None: of anything."""
        event = asyncio.Event()
        group = self._everything if conversation is None else self._waiting[conversation]
        group.add(event)
        try:
            yield event
        finally:
            group.discard(event)
            if conversation is not None and not group:
                self._waiting.pop(conversation, None)
