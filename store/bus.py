"""The bus: hints that share the work, live news for pages, presence and rate limits. It only moves; SQL is the truth.

Everything in Redis may vanish at any moment. So nothing here raises because a server is away: a hint that is lost is
found by the sweep, a page that may have missed something is told to fetch again (`{"gap": True}`), presence and limits
fall back to what this process knows (`store.memorybus`).

    away ──PING answered──> alive     the groups are made again, a gap is signalled, waiting takes return
      ^                       │
      └── a connection lost ──┘

Keys, under the prefix: `hint:<topic>` a stream, `live:<channel>` a pub/sub channel, `present` a sorted set of who is
here until when, `allow:<key>` and `turn:<key>` one number with a TTL.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import secrets
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import structlog
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from store.errors import RedisSetting
from store.memorybus import HINTS_KEPT, Backlog, Gap, MemoryBus, Subscription, packed, step

_log = structlog.get_logger(__name__)

GROUP: Final = "warmline"
PACK: Final = 64
"""Ids in one stream entry: few entries are cheap, but one entry is what one process gets."""
PATIENCE: Final = 2.0
"""Seconds that one command may take before the server counts as away."""
READ: Final = 2.0
"""Seconds that one read waits in the server for hints; then it is asked again, if somebody still waits here."""
PULSE: Final = 5.0
"""Seconds between two signs of life that we ask of the server."""

# KEYS: the sorted set. ARGV: who ("" to only look), milliseconds. By the server's clock, so that ours may differ.
_PRESENT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if ARGV[1] ~= '' then redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1]) end
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""

# KEYS: the limit's key. ARGV: microseconds of one use, limit. Returns microseconds to wait; as `Limiter.allow`.
_ALLOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local step = tonumber(ARGV[1])
local after = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + step
local excess = after - step * tonumber(ARGV[2]) - now
if excess > 0 then return excess end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
return 0
"""

# KEYS: the limits' keys. ARGV: for each the microseconds of one use. Returns for each the microseconds to wait.
_TURN: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local waits, busy = {}, false
for i, key in ipairs(KEYS) do
    waits[i] = math.max(tonumber(redis.call('GET', key) or 0) - now, 0)
    if waits[i] > 0 then busy = true end
end
if busy then return waits end
for i, key in ipairs(KEYS) do
    local step = tonumber(ARGV[i])
    if step > 0 then
        redis.call('SET', key, string.format('%.0f', now + step), 'PX', math.ceil(step / 1000))
    end
end
return waits
"""

# KEYS: the limit's key. ARGV: microseconds.
_HOLD: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local free = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now + tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', math.ceil((free - now) / 1000))
return 1
"""


class Bus:
    """The bus over a Redis or Valkey server: see `BusProtocol`. Make it with `Bus.connect`.

    A hint goes to a take that waits in this process, if there is one: on one machine the usual case, and measured at
    a sixth of the time and the CPU of the way through the server. Else it goes to the stream, for whichever process
    asks first; what is hinted while the last ones are under way leaves in one pipeline. Connections: a small pool
    for commands, one per topic that blocks, one for all live news.
    """

    def __init__(self, url: str, *, prefix: str, on_gap: Gap | None) -> None:
        settings: dict[str, Any] = {
            "protocol": 2,  # one shape of replies from every server since Redis 5
            "retry": Retry(NoBackoff(), 0),  # we want to know at once; going on is our own business
            "socket_connect_timeout": PATIENCE,
            "encoding_errors": "surrogatepass",  # odd text in a name is no reason to fail
            # Each call here has its own `asyncio.timeout`. With a timeout of its own redis-py sends by
            # `asyncio.wait_for`, which on Python 3.11 loses a cancellation that comes as the send ends.
            "socket_timeout": None,
        }
        try:
            commands = BlockingConnectionPool.from_url(url, max_connections=16, **settings)
            blocking = ConnectionPool.from_url(url, **settings)
        except ValueError as error:  # its text may hold the address, and that a password
            raise RedisSetting(
                "WARMLINE_REDIS_URL is not the address of a server. "
                "Give redis://host:port/0, rediss://host:port/0 or unix:///path/to.sock."
            ) from error
        self._commands: Any = Redis.from_pool(commands)  # Any: its methods are not typed
        self._blocking: Any = Redis.from_pool(blocking)
        self._prefix = prefix
        self._local = MemoryBus(on_gap=on_gap)
        self._consumer = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._groups: set[str] = set()
        self._outbox: dict[str, Backlog] = {}
        self._wanted = asyncio.Event()
        self._alive = False
        self._doubted = asyncio.Event()
        self._up = asyncio.Event()
        self._refusals: set[str] = set()
        self._joined: dict[str, asyncio.Event] = {}
        self._rejoin = asyncio.Event()
        self._closed = False
        self._pump: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.unsent = 0
        """Hints that could not be sent, and were kept for takers in this process or left to the sweep."""

    @classmethod
    async def connect(cls, url: str, *, prefix: str = "warmline", on_gap: Gap | None = None) -> Self:
        """A bus on the server at `url`; one that is away is waited for in the background (`alive` tells).

        `on_gap` is called, from the event loop, whenever hints may have been lost; it must not block.

        Raises:
            RedisSetting: `url` is no address.
        """
        bus = cls(url, prefix=prefix, on_gap=on_gap)
        if await bus._answers():
            bus._set_alive(True)
        else:
            _log.warning("bus away", reason="no answer yet; trying on")
        bus._pump = asyncio.create_task(bus._send_hints(), name="bus hints")
        bus._tasks = [
            asyncio.create_task(bus._watch(), name="bus watch"),
            asyncio.create_task(bus._follow_news(), name="bus news"),
        ]
        return bus

    @property
    def alive(self) -> bool:
        return self._alive

    @property
    def gaps(self) -> int:
        return self._local.gaps

    # --- hints -------------------------------------------------------------------------------

    async def hint(self, topic: str, ids: Iterable[int]) -> None:
        backlog = self._local.backlog(topic)
        if not self._alive or self._closed:
            return backlog.put(ids)
        waiting = list(ids)
        if room := backlog.room:
            backlog.put(waiting[:room])
        if len(waiting) > room:
            self._outbox.setdefault(topic, Backlog()).put(waiting[room:])
            self._wanted.set()

    async def take(self, topic: str, *, limit: int, wait: float) -> list[int]:
        if topic not in self._readers and not self._closed:
            self._readers[topic] = asyncio.create_task(self._read_on_demand(topic), name=f"bus reader of {topic}")
        return await self._local.take(topic, limit=limit, wait=wait)

    async def _read_on_demand(self, topic: str) -> None:
        """Bring hints from the stream while a take of this process waits; not before, for others may be idle.

        A read that is under way when the last waiting take is served may still bring one batch; it waits here.
        """
        backlog = self._local.backlog(topic)
        while True:
            await self._up.wait()
            if not backlog.room:
                backlog.demand.clear()
                await backlog.demand.wait()
            try:
                async with asyncio.timeout(READ + PATIENCE):
                    backlog.put(await self._read(topic, max(1, backlog.room)))
            except Exception as error:
                self._failed(error)
                await asyncio.sleep(_jitter(1.0 if self._alive else 0.05))  # refused, or away

    async def _read(self, topic: str, limit: int) -> list[int]:
        """About `limit` ids, which may be more: entries come whole."""
        ids: list[int] = []
        try:
            if topic not in self._groups:
                await self._make_group(topic)
            count = math.ceil(limit / PACK)
            entries = await self._entries(topic, count, READ)
            ids += (each for entry in entries for each in entry)
            if entries and len(entries) == count and len(ids) < limit:
                # There is more, in entries with few ids: take as many as will about fill the batch.
                missing = math.ceil((limit - len(ids)) * len(entries) / max(1, len(ids)))
                ids += (each for entry in await self._entries(topic, missing, None) for each in entry)
        except ResponseError as error:
            # The stream was there and is no more: someone emptied the server.
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            _log.info("bus emptied", topic=topic)
            await self._make_group(topic)
            self._local.gap()
        return ids

    async def _entries(self, topic: str, count: int, wait: float | None) -> list[list[int]]:
        block = ("BLOCK", math.ceil(wait * 1000)) if wait else ()
        client = self._blocking if wait else self._commands
        reply = await client.execute_command(
            *("XREADGROUP", "GROUP", GROUP, self._consumer, "COUNT", count),
            *(*block, "NOACK", "STREAMS", self._key("hint", topic), ">"),
        )
        return [_ids(fields) for _stream, entries in reply or () for _entry, fields in entries]

    async def _make_group(self, topic: str) -> None:
        """From 0: what was hinted before the group was there is read too."""
        with contextlib.suppress(ResponseError):  # BUSYGROUP: another process was first
            await self._commands.execute_command("XGROUP", "CREATE", self._key("hint", topic), GROUP, "0", "MKSTREAM")
        self._groups.add(topic)

    async def _send_hints(self) -> None:
        while not self._closed or self._outbox:
            await self._wanted.wait()
            if not self._closed:
                self._wanted.clear()
                await asyncio.sleep(0)  # let the others of this turn of the loop add theirs
            outbox, self._outbox = self._outbox, {}
            batch = {topic: backlog.pop(HINTS_KEPT) for topic, backlog in outbox.items()}
            if not batch:
                continue
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._add(batch)
            except Exception as error:
                self._failed(error)
                for topic, ids in batch.items():
                    self.unsent += len(ids)
                    await self._local.hint(topic, ids)

    async def _add(self, batch: Mapping[str, list[int]]) -> None:
        pipeline = self._commands.pipeline(transaction=False)
        for topic, ids in batch.items():
            key = self._key("hint", topic)
            for start in range(0, len(ids), PACK):
                pack = " ".join(map(str, ids[start : start + PACK]))
                pipeline.execute_command("XADD", key, "MAXLEN", "~", HINTS_KEPT, "*", "ids", pack)
        # Not `raise_on_error`: that error's text would carry the whole command into the log.
        for reply in await pipeline.execute(raise_on_error=False):
            if isinstance(reply, Exception):
                raise reply

    # --- live news ---------------------------------------------------------------------------

    async def publish(self, channel: str, payload: Mapping[str, Any]) -> None:
        data = packed(channel, payload)
        if data is not None and await self._ask("PUBLISH", self._key("live", channel), data) is None:
            self._local.deliver(channel, data)

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[Subscription]:
        async with self._local.subscribe(channel) as subscription:
            joined = self._joined.setdefault(channel, asyncio.Event())
            self._rejoin.set()
            if self._alive:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await joined.wait()
            subscription.settled = True
            try:
                yield subscription
            finally:
                self._rejoin.set()

    async def _follow_news(self) -> None:
        while True:
            await self._up.wait()
            try:
                await self._follow_once()
            except Exception as error:
                self._failed(error.exceptions[0] if isinstance(error, ExceptionGroup) else error)
            await asyncio.sleep(_jitter(0.2))

    async def _follow_once(self) -> None:
        connection: Any = self._blocking.connection_pool.make_connection()
        try:
            async with asyncio.timeout(PATIENCE):
                await connection.connect()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_joined(connection))
                group.create_task(self._receive(connection))
        finally:
            self._joined = {
                channel: event for channel, event in self._joined.items() if channel in self._local.channels
            }
            for joined in self._joined.values():
                joined.clear()
            await connection.disconnect(nowait=True)

    async def _keep_joined(self, connection: Any) -> None:
        """Keep the server's list of our channels like ours; ask for a sign of life when there is nothing to do."""
        asked: set[str] = set()
        while True:
            self._rejoin.clear()
            wanted = self._local.channels
            for channel in asked - wanted:
                self._joined.pop(channel, None)
            for command, channels in (("SUBSCRIBE", wanted - asked), ("UNSUBSCRIBE", asked - wanted)):
                if channels:
                    await connection.send_command(command, *(self._key("live", channel) for channel in channels))
            asked = wanted
            try:
                async with asyncio.timeout(PULSE):
                    await self._rejoin.wait()
            except TimeoutError:
                await connection.send_command("PING")

    async def _receive(self, connection: Any) -> None:
        start = len(self._key("live", ""))
        while True:
            reply = await connection.read_response(timeout=2 * PULSE)
            if reply is None:
                raise RedisConnectionError("no sign of life on the connection for live news")
            if not isinstance(reply, list):
                continue  # the answer to a PING while nothing is subscribed
            kind, name, data = (*reply, None)[:3]
            channel = _text(name)[start:]
            if kind == b"message":
                self._local.deliver(channel, data)
            elif kind == b"subscribe":
                self._confirm(channel)

    def _confirm(self, channel: str) -> None:
        for subscription in self._local.readers(channel):
            if subscription.settled:
                subscription.miss()
        if channel in self._joined:
            self._joined[channel].set()

    # --- presence and limits -----------------------------------------------------------------

    async def present(self, who: str, *, seconds: float) -> None:
        await self._local.present(who, seconds=seconds)
        await self._ask("EVAL", _PRESENT, 1, self._key("present"), who, math.ceil(seconds * 1000))

    async def who_is_present(self) -> set[str]:
        here = await self._local.who_is_present()
        found = await self._ask("EVAL", _PRESENT, 1, self._key("present"), "", 0)
        return here | {_text(who) for who in found or ()}

    async def allow(self, key: str, *, limit: int, per: float) -> float:
        if limit <= 0:
            return 0.0
        waiting = await self._ask("EVAL", _ALLOW, 1, self._key("allow", key), step(limit, per), limit)
        return await self._local.allow(key, limit=limit, per=per) if waiting is None else waiting / 1e6

    async def turn(self, steps: Mapping[str, float]) -> dict[str, float]:
        keys = [self._key("turn", key) for key in steps]
        uses = [math.ceil(one * 1e6) for one in steps.values()]
        waits = await self._ask("EVAL", _TURN, len(keys), *keys, *uses)
        if waits is None:
            return await self._local.turn(steps)
        return {key: wait / 1e6 for key, wait in zip(steps, waits, strict=True) if wait > 0}

    async def hold(self, key: str, *, seconds: float) -> None:
        await self._local.hold(key, seconds=seconds)
        await self._ask("EVAL", _HOLD, 1, self._key("turn", key), math.ceil(seconds * 1e6))

    # --- whether the server is there ---------------------------------------------------------

    async def _ask(self, *command: Any) -> Any:
        """The reply; None if there is none to be had now."""
        if not self._alive or self._closed:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._commands.execute_command(*command)
        except Exception as error:
            self._failed(error)
            return None

    def _failed(self, error: Exception) -> None:
        """Whatever went wrong on the way to the server: go on without it, and say so once."""
        if isinstance(error, RedisConnectionError | RedisTimeoutError | OSError):
            if self._alive:
                self._set_alive(False)
                self._doubted.set()
                if not self._closed:
                    _log.warning("bus away", reason=str(error) or type(error).__name__)
            return
        code = str(error).partition(" ")[0]
        if code not in self._refusals:
            self._refusals.add(code)
            _log.warning("bus refused", reason=str(error), kind=type(error).__name__)

    async def _watch(self) -> None:
        tries = 0 if self._alive else 1
        while True:
            pause = _jitter(min(1.0, 0.05 * 2**tries)) if tries else PULSE
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._doubted.wait()
            self._doubted.clear()
            # Asked only now: a connection may have been lost while the answer was under way.
            if await self._answers() and not self._alive:
                self._recovered()
            tries = 0 if self._alive else min(tries + 1, 5)

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._commands.execute_command("PING")
        except Exception as error:
            self._failed(error)
            return False
        return True

    def _recovered(self) -> None:
        _log.info("bus back")
        self._set_alive(True)
        self._groups.clear()
        self._refusals.clear()
        self._local.gap()

    def _set_alive(self, alive: bool) -> None:
        self._alive = alive
        if alive:
            self._up.set()
        else:
            self._up.clear()

    async def close(self) -> None:
        """As `BusProtocol.close`; takes at most a few seconds."""
        self._closed = True
        self._wanted.set()
        if self._pump is not None:
            await asyncio.wait({self._pump}, timeout=PATIENCE)
            self._tasks.append(self._pump)
        tasks = [*self._tasks, *self._readers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._forget_consumer()
        await self._local.close()
        await self._commands.aclose()
        await self._blocking.aclose()

    async def _forget_consumer(self) -> None:
        """Groups remember a consumer for ever; on a server that outlives us that would add up."""
        if not self._alive:
            return
        with contextlib.suppress(Exception):
            async with asyncio.timeout(PATIENCE):
                for topic in self._groups:
                    await self._commands.execute_command(
                        "XGROUP", "DELCONSUMER", self._key("hint", topic), GROUP, self._consumer
                    )

    def _key(self, *parts: str) -> str:
        return ":".join((self._prefix, *parts))


def _ids(fields: Mapping[bytes, bytes] | None) -> list[int]:
    try:
        return [int(each) for each in (fields or {}).get(b"ids", b"").split()]
    except ValueError:
        return []  # not ours: somebody else writes on this server


def _text(data: bytes) -> str:
    return data.decode(errors="surrogatepass")


def _jitter(seconds: float) -> float:
    """So that many processes do not come back in step."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
