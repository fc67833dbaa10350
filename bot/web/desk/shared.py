"""What many desks ask for at the same moment, made once for all of them.

At each news every desk looks again, and all of those that look at one list see the same. So the first who asks has it
made; whoever asks within a moment, and knows of nothing newer, is given the same. What is made begins with a look at
the house's mark: if anything has been told since, it is too old for whoever asks now, and they wait for the next.
Nothing in here may depend on who asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

APART: Final = 0.2
"""Seconds between the beginnings of two makings of the same; no older is ever given out."""
KEPT: Final = 5.0
"""Seconds after which what nobody asks for any more is forgotten."""


@dataclass(slots=True, eq=False)
class _Made(Generic[T]):
    """One making. `mark` and `begun` are None until it has begun; until then anybody may join."""

    task: asyncio.Task[T]
    begun: float | None = None
    mark: Hashable = None


@dataclass(slots=True)
class Shared(Generic[T]):
    """Makings by their keys. `mark` says how far the house has come: it changes before anybody is told of a change."""

    mark: Callable[[], Hashable]
    apart: float = APART
    _last: dict[Hashable, _Made[T]] = field(default_factory=dict)
    _swept: float = 0.0

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` makes, begun now or a moment ago, and after the newest change that was told of.

        Raises:
            whatever `make` raises; the next who asks has it tried again.
        """
        now = asyncio.get_running_loop().time()
        self._sweep(now)
        last = self._last.get(key)
        if last is None or not self._serves(last, now):
            last = self._begin(key, make, 0.0 if last is None or last.begun is None else last.begun + self.apart - now)
        return await asyncio.shield(last.task)  # who goes away takes nothing from the others

    def _serves(self, made: _Made[T], now: float) -> bool:
        if made.task.done() and (made.task.cancelled() or made.task.exception() is not None):
            return False
        return made.begun is None or (made.mark == self.mark() and now - made.begun < self.apart)

    def _begin(self, key: Hashable, make: Callable[[], Awaitable[T]], wait: float) -> _Made[T]:
        async def run() -> T:
            if wait > 0:
                await asyncio.sleep(wait)
            made.begun, made.mark = asyncio.get_running_loop().time(), self.mark()
            return await make()

        made: _Made[T] = _Made(task=asyncio.create_task(run()))
        made.task.add_done_callback(_looked_at)
        self._last[key] = made
        return made

    def _sweep(self, now: float) -> None:
        if now - self._swept < KEPT:
            return
        self._swept = now
        for key, made in list(self._last.items()):
            if made.begun is not None and made.task.done() and now - made.begun > KEPT:
                del self._last[key]


def _looked_at(task: asyncio.Task[Any]) -> None:
    """Its fault is told to who waits for it; if nobody does any more, it is nobody's."""
    if not task.cancelled():
        task.exception()
