"""The bus within one process: what every bus offers, and the parts that `store.bus` leans on while its server is away.

`MemoryBus` is whole: the fake for tests, and enough for a process that is alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import islice
from typing import Any, Final, Protocol, Self

import structlog

_log = structlog.get_logger(__name__)

HINTS_KEPT: Final = 10_000
"""Entries of a stream in Redis, and ids of a topic in memory; beyond that the oldest are dropped for the sweep."""
NEWS_KEPT: Final = 100
"""Items that wait for one slow subscriber; beyond that the oldest are dropped and it is told of a gap."""
KEYS_KEPT: Final = 10_000
"""Rate limits that a process remembers while the server is away."""

Gap = Callable[[], None]


class BusProtocol(Protocol):
    """What `Bus` and `MemoryBus` offer. No method raises because of a server; see the module's docstring."""

    @property
    def alive(self) -> bool:
        """False while the server is away and this process is on its own."""
        ...

    @property
    def gaps(self) -> int:
        """How often hints may have been lost. Grows at once with the `on_gap` call; compare, then sweep."""
        ...

    async def hint(self, topic: str, ids: Iterable[int]) -> None:
        """Tell whoever takes `topic` that these ids have news. Returns at once; ids may arrive twice or never."""
        ...

    async def take(self, topic: str, *, limit: int, wait: float) -> list[int]:
        """Up to `limit` hinted ids, oldest first, each for one taker only. Waits up to `wait` seconds for the first.

        Returns [] after `wait`, or sooner after a gap: then the caller sweeps. With a `wait` of 0 it gives only what
        is already in this process.
        """
        ...

    async def publish(self, channel: str, payload: Mapping[str, Any]) -> None:
        """Send to all subscribers of `channel` in all processes, as JSON (what JSON does not know, as text)."""
        ...

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[Subscription]:
        """What is published from now on: subscribe first, then fetch the state, then follow the news."""
        ...

    async def present(self, who: str, *, seconds: float) -> None:
        """`who` is here for so long, unless told again; 0 seconds: gone."""
        ...

    async def who_is_present(self) -> set[str]:
        """Who is here, in all processes."""
        ...

    async def allow(self, key: str, *, limit: int, per: float) -> float:
        """0.0: allowed, and counted. Else the seconds to wait (Retry-After), and not counted.

        `limit` at once, then refilled evenly over `per` seconds. A `limit` of 0 is no limit.
        """
        ...

    async def turn(self, steps: Mapping[str, float]) -> dict[str, float]:
        """One use of each of these keys at once, or of none. A use takes `steps[key]` seconds; the next waits for that.

        Returns `{}`: allowed, and counted; else for each key that is not free the seconds until it is, and nothing is
        counted. A key whose use takes no time is kept from being free by `hold` alone.
        """
        ...

    async def hold(self, key: str, *, seconds: float) -> None:
        """For so long, at least, no process gets a turn of this key."""
        ...

    async def close(self) -> None:
        """Let go of everything. Hints that were made are still sent, if that is quick; subscriptions end."""
        ...


class Subscription:
    """One reader of one channel: an async iterator of what is published, as dicts (shared: do not change them).

    `{"gap": True}` says that items were missed, because the server was away or this reader slow: fetch the state
    again. The iterator ends when the bus closes.
    """

    def __init__(self) -> None:
        self._items: deque[dict[str, Any]] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self.gap = False
        """The next item will be a gap."""
        self.settled = False
        """The server has confirmed it, or was away: one more confirmation means a reconnect."""

    def put(self, item: dict[str, Any]) -> None:
        if len(self._items) >= NEWS_KEPT:
            self._items.popleft()
            self.gap = True
        self._items.append(item)
        self._wake.set()

    def miss(self) -> None:
        self.gap = True
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        while not (self.gap or self._items):
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        if self.gap:
            self.gap = False
            return {"gap": True}
        return self._items.popleft()


class Backlog:
    """The hinted ids of one topic, each once, oldest first, at most `HINTS_KEPT`; and who waits for them."""

    def __init__(self) -> None:
        self._ids: dict[int, None] = {}
        self._asked = 0
        self.news = asyncio.Event()
        self.demand = asyncio.Event()
        """Set when a take begins to wait."""

    @property
    def room(self) -> int:
        """How many more ids those who wait now would take."""
        return max(0, self._asked - len(self._ids))

    def put(self, ids: Iterable[int]) -> None:
        self._ids.update(dict.fromkeys(ids))
        if len(self._ids) > HINTS_KEPT:
            self.pop(len(self._ids) - HINTS_KEPT)
        if self._ids:
            self.news.set()

    def pop(self, limit: int) -> list[int]:
        taken = list(islice(self._ids, limit))
        for each in taken:
            del self._ids[each]
        return taken

    @contextlib.contextmanager
    def asking(self, limit: int) -> Iterator[None]:
        self._asked += limit
        self.demand.set()
        try:
            yield
        finally:
            self._asked -= limit


class Limiter:
    """Rate limits in this process: GCRA (ITU-T I.371), which keeps one number per key, the time it is used up to.

    At most `KEYS_KEPT` keys; the one not asked for longest is forgotten first. Times are seconds of `clock`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used_up_to: OrderedDict[str, int] = OrderedDict()

    def allow(self, key: str, *, limit: int, per: float) -> float:
        """As `BusProtocol.allow`."""
        if limit <= 0:
            return 0.0
        now = int(self._clock() * 1e6)
        one = step(limit, per)
        after = max(self._used_up_to.get(key, 0), now) + one
        excess = after - one * limit - now
        if excess > 0:
            return excess / 1e6
        self._use(key, after)
        return 0.0

    def turn(self, steps: Mapping[str, float]) -> dict[str, float]:
        """As `BusProtocol.turn`."""
        now = int(self._clock() * 1e6)
        waits = {key: (self._used_up_to.get(key, 0) - now) / 1e6 for key in steps}
        busy = {key: wait for key, wait in waits.items() if wait > 0}
        for key, one in steps.items() if not busy else ():
            if one > 0:
                self._use(key, now + math.ceil(one * 1e6))
        return busy

    def hold(self, key: str, *, seconds: float) -> None:
        """As `BusProtocol.hold`."""
        self._use(key, max(self._used_up_to.get(key, 0), int((self._clock() + seconds) * 1e6)))

    def _use(self, key: str, up_to: int) -> None:
        self._used_up_to[key] = up_to
        self._used_up_to.move_to_end(key)
        if len(self._used_up_to) > KEYS_KEPT:
            self._used_up_to.popitem(last=False)


def step(limit: int, per: float) -> int:
    """Microseconds that one use takes; rounded up, so that never more than `limit` fit into `per`."""
    return math.ceil(per * 1e6 / limit)


class MemoryBus:
    """The bus of one process: see `BusProtocol`. Nothing to await, nothing to lose; `gap()` pretends that it did."""

    def __init__(self, *, on_gap: Gap | None = None) -> None:
        self._on_gap = on_gap
        self._gaps = 0
        self._backlogs: dict[str, Backlog] = {}
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._present_until: dict[str, float] = {}
        self._limiter = Limiter()

    @property
    def alive(self) -> bool:
        return True

    @property
    def gaps(self) -> int:
        return self._gaps

    @property
    def channels(self) -> set[str]:
        """That somebody here subscribes."""
        return set(self._subscriptions)

    def gap(self) -> None:
        """Hints may have been lost: say so, and let waiting takes return."""
        self._gaps += 1
        if self._on_gap is not None:
            try:
                self._on_gap()
            except Exception:  # a caller's mistake must not end the task that watches the server
                _log.exception("on_gap raised")
        for backlog in self._backlogs.values():
            backlog.news.set()

    async def hint(self, topic: str, ids: Iterable[int]) -> None:
        self.backlog(topic).put(ids)

    async def take(self, topic: str, *, limit: int, wait: float) -> list[int]:
        backlog = self.backlog(topic)
        taken = backlog.pop(limit)
        if taken or wait <= 0:
            return taken
        gaps = self._gaps
        with contextlib.suppress(TimeoutError), backlog.asking(limit):
            async with asyncio.timeout(wait):
                while not taken and gaps == self._gaps:
                    backlog.news.clear()
                    await backlog.news.wait()
                    taken = backlog.pop(limit)
        return taken

    def backlog(self, topic: str) -> Backlog:
        return self._backlogs.setdefault(topic, Backlog())

    async def publish(self, channel: str, payload: Mapping[str, Any]) -> None:
        data = packed(channel, payload)
        if data is not None:
            self.deliver(channel, data)

    def deliver(self, channel: str, data: bytes) -> None:
        """Hand one published item to all who subscribe here."""
        readers = self._subscriptions.get(channel)
        if not readers:
            return
        with contextlib.suppress(ValueError):  # not ours: somebody else publishes on this server
            item = json.loads(data)
            for reader in readers:
                reader.put(item)

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[Subscription]:
        subscription = Subscription()
        self._subscriptions.setdefault(channel, set()).add(subscription)
        try:
            yield subscription
        finally:
            readers = self._subscriptions[channel]
            readers.discard(subscription)
            if not readers:
                del self._subscriptions[channel]

    def readers(self, channel: str) -> Iterable[Subscription]:
        return self._subscriptions.get(channel, ())

    async def present(self, who: str, *, seconds: float) -> None:
        self._present_until[who] = time.monotonic() + seconds

    async def who_is_present(self) -> set[str]:
        now = time.monotonic()
        self._present_until = {who: until for who, until in self._present_until.items() if until > now}
        return set(self._present_until)

    async def allow(self, key: str, *, limit: int, per: float) -> float:
        return self._limiter.allow(key, limit=limit, per=per)

    async def turn(self, steps: Mapping[str, float]) -> dict[str, float]:
        return self._limiter.turn(steps)

    async def hold(self, key: str, *, seconds: float) -> None:
        self._limiter.hold(key, seconds=seconds)

    async def close(self) -> None:
        for channel in self._subscriptions.values():
            for subscription in channel:
                subscription.close()


def packed(channel: str, payload: Mapping[str, Any]) -> bytes | None:
    try:
        return json.dumps(payload, default=str, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        _log.error("bus cannot publish this", channel=channel, reason=str(error))
        return None
