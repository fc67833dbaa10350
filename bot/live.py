"""What has just changed, for pages that are open: one subscription to the bus, many listeners.

News carry no content: who is woken reads SQL. Signals (somebody types, somebody reads a case) are content themselves,
and are kept nowhere: who does not hear one has lost nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from store.bus import Bus

NEWS: Final = "news"
SIGNALS_KEPT: Final = 20
"""For a listener who does not come to take them."""

PASSING: Final = frozenset({"typing", "reading"})
"""Signals of which nothing is kept anywhere; others say that something kept has changed."""


class Ear(asyncio.Event):
    """Set at each news of one conversation, and at each signal about it."""

    def __init__(self) -> None:
        super().__init__()
        self.signals: deque[Mapping[str, Any]] = deque(maxlen=SIGNALS_KEPT)


@dataclass(slots=True)
class Heard:
    """What a feed has heard since it was asked last."""

    conversations: set[int] = field(default_factory=set)
    cases: set[int] = field(default_factory=set)
    signals: list[Mapping[str, Any]] = field(default_factory=list)
    gap: bool = False
    """Something may have been missed: look at everything again."""


class Feed(asyncio.Event):
    """Everything that happens in the house, gathered until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._heard = Heard()

    def take(self) -> Heard:
        """What was heard since the last time; clears the event."""
        heard, self._heard = self._heard, Heard()
        self.clear()
        return heard

    def news(self, conversations: Collection[int], cases: Collection[int]) -> None:
        self._heard.conversations.update(conversations)
        self._heard.cases.update(cases)
        self.set()

    def signal(self, signal: Mapping[str, Any]) -> None:
        del self._heard.signals[: -SIGNALS_KEPT + 1]
        self._heard.signals.append(signal)
        self.set()

    def miss(self) -> None:
        self._heard.gap = True
        self.set()


class Live:
    """Wakes who waits for news, of one conversation or of all."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: dict[int, set[Ear]] = defaultdict(set)
        self._feeds: set[Feed] = set()
        self._name = secrets.token_hex(4)
        self._count = 0
        self._told = 0

    @property
    def mark(self) -> str:
        """Grows with all news. Who reads SQL and then hears of the same mark has missed nothing in between."""
        return f"{self._name}.{self._count}"

    @property
    def latest(self) -> tuple[str, int]:
        """As `mark`, but this process's own changes are in it as soon as they are committed: what is read from now on
        holds at least what whoever asks has just done here themselves."""
        return self.mark, self._told

    async def publish(self, conversations: Collection[int], cases: Collection[int]) -> None:
        """After a commit: tell every process."""
        self._told += 1
        await self._bus.publish(NEWS, {"conversations": list(conversations), "cases": list(cases)})

    async def signal(self, kind: str, *, conversation: int, **more: Any) -> None:
        """Tell every process something that is true for a moment: `{"kind", "conversation", …}`."""
        await self._bus.publish(NEWS, {"signal": {"kind": kind, "conversation": conversation, **more}})

    async def run(self) -> None:
        """Pass news on until cancelled."""
        async with self._bus.subscribe(NEWS) as news:
            async for item in news:
                if item.get("gap"):
                    self._wake_all()
                elif (signal := item.get("signal")) is not None:
                    self._pass_on(signal)
                else:
                    self._wake(item.get("conversations", ()), item.get("cases", ()))

    def _wake(self, conversations: Collection[int], cases: Collection[int]) -> None:
        self._count += 1
        for id_ in conversations:
            for ear in self._waiting.get(id_, ()):
                ear.set()
        for feed in self._feeds:
            feed.news(conversations, cases)

    def _pass_on(self, signal: Mapping[str, Any]) -> None:
        if signal.get("kind") not in PASSING:
            self._told += 1
        if signal.get("by") != "customer":  # who needs not be told, and would read everything again for it
            for ear in self._waiting.get(int(signal.get("conversation", 0)), ()):
                ear.signals.append(signal)
                ear.set()
        for feed in self._feeds:
            feed.signal(signal)

    def _wake_all(self) -> None:
        self._count += 1
        for ears in self._waiting.values():
            for ear in ears:
                ear.set()
        for feed in self._feeds:
            feed.miss()

    @contextmanager
    def listen(self, conversation: int) -> Iterator[Ear]:
        """An event that is set at each news of this conversation, with the signals about it."""
        ear = Ear()
        self._waiting[conversation].add(ear)
        try:
            yield ear
        finally:
            ears = self._waiting[conversation]
            ears.discard(ear)
            if not ears:
                self._waiting.pop(conversation, None)

    def is_heard(self, conversation: int) -> bool:
        """Is somebody listening to it here: has its customer the chat open?"""
        return bool(self._waiting.get(conversation))

    @contextmanager
    def follow(self) -> Iterator[Feed]:
        """All that happens from now on."""
        feed = Feed()
        self._feeds.add(feed)
        try:
            yield feed
        finally:
            self._feeds.discard(feed)
