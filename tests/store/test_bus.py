"""The bus, over memory and over a real server that is emptied, killed and stopped under it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from structlog.testing import capture_logs

from store import bus as module
from store import valkey
from store.bus import PACK, Bus
from store.errors import RedisSetting
from store.memorybus import HINTS_KEPT, KEYS_KEPT, NEWS_KEPT, BusProtocol, Limiter, MemoryBus
from store.valkey import EmbeddedValkey
from tests.house import until

AWAY = "unix:///nowhere/at/all.sock"


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("h")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for the tests that do it no harm."""
    path = tmp_path_factory.mktemp("h") / "s"
    command = [valkey._binary(), "--port", "0", "--unixsocket", path, "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not path.exists():
            time.sleep(0.01)
        yield f"unix://{path}"
        process.kill()


@pytest.fixture
async def url(running: str) -> str:
    """An empty server."""
    client: Any = Redis.from_url(running)
    await client.flushall()
    await client.aclose()
    return running


@pytest.fixture
async def redis(url: str) -> AsyncIterator[Any]:
    client: Any = Redis.from_url(url, decode_responses=True)
    yield client
    await client.aclose()


Connect = Callable[..., Awaitable[Bus]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """`Bus.connect`; closed after the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(url: str, **options: Any) -> Bus:
            bus = await Bus.connect(url, **options)
            stack.push_async_callback(bus.close)
            return bus

        yield make


@pytest.fixture
async def real(url: str, connect: Connect) -> Bus:
    return await connect(url)


@pytest.fixture
async def server(home: Path) -> AsyncIterator[EmbeddedValkey]:
    """A server to kill."""
    embedded = EmbeddedValkey(home)
    async with embedded:
        yield embedded


@pytest.fixture
async def shaken(server: EmbeddedValkey, home: Path, connect: Connect) -> Bus:
    """A bus on the server to kill."""
    return await connect(f"unix://{home / valkey.SOCKET}")


@pytest.fixture(params=["memory", "valkey", "away"])
async def bus(request: pytest.FixtureRequest, url: str) -> AsyncIterator[BusProtocol]:
    """Every bus must do the same within one process: also the real one whose server is not there."""
    match request.param:
        case "memory":
            made: BusProtocol = MemoryBus()
        case "valkey":
            made = await Bus.connect(url)
        case _:
            made = await Bus.connect(AWAY)
    yield made
    await made.close()


async def eventually(condition: Callable[[], bool], within: float = 20.0) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.005)


async def gather(bus: BusProtocol, topic: str, count: int, within: float = 20.0) -> list[int]:
    """Take until `count` ids have come."""
    found: list[int] = []
    end = time.monotonic() + within
    while len(found) < count and time.monotonic() < end:
        found += await bus.take(topic, limit=256, wait=0.2)
    return found


def kill(server: EmbeddedValkey) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)


# --- hints -----------------------------------------------------------------------------------


async def test_what_is_hinted_is_taken_once_in_order(bus: BusProtocol) -> None:
    await bus.hint("a", [3, 1, 2])
    assert await bus.take("a", limit=10, wait=1) == [3, 1, 2]
    assert await bus.take("a", limit=10, wait=0) == []


async def test_a_waiting_take_wakes_at_once(bus: BusProtocol) -> None:
    await bus.take("a", limit=1, wait=0)
    waiting = asyncio.create_task(bus.take("a", limit=10, wait=60))
    await asyncio.sleep(0.05)
    began = time.perf_counter()
    await bus.hint("a", [7])
    assert await waiting == [7]
    assert time.perf_counter() - began < 10, "usually a quarter of a millisecond"


async def test_nothing_hinted_returns_after_the_wait(bus: BusProtocol) -> None:
    began = time.perf_counter()
    assert await bus.take("a", limit=10, wait=0.1) == []
    assert 0.09 < time.perf_counter() - began < 10


async def test_the_limit_is_kept_and_nothing_is_left_behind(bus: BusProtocol) -> None:
    await bus.hint("a", range(1000))
    await asyncio.sleep(0.05)
    batches = []
    while batch := await bus.take("a", limit=150, wait=1):
        batches.append(batch)
    assert max(map(len, batches)) <= 150
    assert [each for batch in batches for each in batch] == list(range(1000))


async def test_many_small_hints_fill_a_batch(real: Bus) -> None:
    for each in range(200):
        await real.hint("a", [each])
        await asyncio.sleep(0.0005)  # each in an entry of its own, more or less
    await asyncio.sleep(0.05)
    # How many lie in an entry depends on how busy the machine is; so do how many entries seem to fill the batch.
    assert 90 <= len(await real.take("a", limit=180, wait=20)) <= 180


async def test_an_id_that_is_hinted_twice_at_once_comes_once(bus: BusProtocol) -> None:
    await bus.hint("a", [1, 1])
    await bus.hint("a", [2, 1])
    assert await bus.take("a", limit=10, wait=1) == [1, 2]


async def test_topics_are_apart(bus: BusProtocol) -> None:
    await bus.hint("a", [1])
    await bus.hint("b", [2])
    await bus.hint("b", [])
    assert await bus.take("b", limit=10, wait=1) == [2]
    assert await bus.take("a", limit=10, wait=1) == [1]


async def share(buses: list[BusProtocol], hint: BusProtocol) -> list[list[int]]:
    """What each of the buses took of 300 hints."""
    found: list[list[int]] = [[] for _ in buses]

    async def take(bus: BusProtocol, mine: list[int]) -> None:
        while sum(map(len, found)) < 300:
            mine += await bus.take("a", limit=64, wait=0.1)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for bus, mine in zip(buses, found, strict=True):
            group.create_task(take(bus, mine))
        for each in range(300):
            await hint.hint("a", [each])
            await asyncio.sleep(0.0002)
    return found


async def test_takers_share_the_work(bus: BusProtocol) -> None:
    found = await share([bus] * 3, bus)
    assert sorted(each for mine in found for each in mine) == list(range(300))


async def test_a_backlog_is_bounded_and_keeps_the_newest(bus: BusProtocol) -> None:
    await bus.hint("a", range(HINTS_KEPT + 500))
    found = await gather(bus, "a", HINTS_KEPT)
    assert found == list(range(500, HINTS_KEPT + 500))


async def test_a_stream_is_bounded(real: Bus, redis: Any) -> None:
    for start in range(0, 2_000_000, 20_000):
        await real.hint("a", range(start, start + HINTS_KEPT))
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.2)
    assert await redis.xlen("warmline:hint:a") < HINTS_KEPT * 1.1
    assert await redis.memory_usage("warmline:hint:a", samples=0) < 16e6


async def test_a_take_that_waits_here_is_served_first_and_the_rest_goes_to_others(
    real: Bus, url: str, redis: Any, connect: Connect
) -> None:
    waiting = asyncio.create_task(real.take("a", limit=10, wait=5))
    await asyncio.sleep(0.1)
    await real.hint("a", range(5))
    await real.hint("a", range(5, 20))
    assert await waiting == list(range(10))
    await asyncio.sleep(0.05)
    assert [fields for _, fields in await redis.xrange("warmline:hint:a")] == [
        {"ids": " ".join(map(str, range(10, 20)))}
    ]
    other = await connect(url)
    found = await gather(real, "a", 10, within=2) + await gather(other, "a", 10, within=2)
    assert sorted(found) == list(range(10, 20))


async def test_a_waiting_take_wakes_at_once_for_another_process(real: Bus, url: str, connect: Connect) -> None:
    other = await connect(url)
    waiting = asyncio.create_task(other.take("a", limit=10, wait=60))
    await asyncio.sleep(0.1)
    began = time.perf_counter()
    await real.hint("a", [7])
    assert await waiting == [7]
    assert time.perf_counter() - began < 10, "usually a millisecond"


async def test_processes_share_the_work(real: Bus, url: str, connect: Connect) -> None:
    found = await share([await connect(url), await connect(url)], real)
    assert all(found)
    assert sorted(each for mine in found for each in mine) == list(range(300))


async def test_a_process_that_does_not_take_leaves_hints_to_others(real: Bus, url: str, connect: Connect) -> None:
    other = await connect(url)
    await real.take("a", limit=1, wait=0.05)
    await real.hint("a", range(500))
    found = await gather(other, "a", 500, within=2) + await gather(real, "a", 500, within=2)
    assert sorted(found) == list(range(500))


async def test_a_hint_before_anybody_took_is_kept(real: Bus, url: str, connect: Connect) -> None:
    await real.hint("a", [5])
    await asyncio.sleep(0.05)
    other = await connect(url)
    assert await other.take("a", limit=1, wait=20) == [5]
    assert real.gaps == other.gaps == 0, "a group that was never there is no gap"


async def test_prefixes_are_apart(real: Bus, url: str, connect: Connect) -> None:
    other = await connect(url, prefix="staging")
    await other.hint("a", [1])
    assert await real.take("a", limit=1, wait=0.1) == []
    assert await other.take("a", limit=1, wait=1) == [1]


async def test_what_strangers_write_on_our_keys_harms_nothing(real: Bus, redis: Any) -> None:
    await redis.xadd("warmline:hint:a", {"ids": "1 two"})
    await redis.xadd("warmline:hint:a", {"other": "1"})
    async with real.subscribe("c") as news:
        await redis.publish("warmline:live:c", "no json")
        await real.publish("c", {"n": 1})
        assert await anext(news) == {"n": 1}
    await real.hint("a", [3])
    assert await gather(real, "a", 1) == [3]


async def test_a_key_of_another_kind_is_reported_once_and_take_does_not_spin(real: Bus, redis: Any) -> None:
    await redis.set("warmline:hint:a", "a string")
    await redis.config_resetstat()
    with capture_logs() as logs:
        began = time.perf_counter()
        for _ in range(3):
            await real.hint("a", [1])
            await real.take("b", limit=1, wait=0.01)
        await eventually(lambda: real.unsent > 0)
        assert await gather(real, "a", 1) == [1], "in this process it arrives all the same"
        for _ in range(2):
            assert await real.take("a", limit=1, wait=0.2) == []
    assert time.perf_counter() - began > 0.3
    assert [log["event"] for log in logs] == ["bus refused"]
    assert (await redis.info("commandstats"))["cmdstat_xreadgroup"]["calls"] < 10
    assert real.alive


async def test_cancelling_a_take_is_clean(bus: BusProtocol) -> None:
    for _ in range(5):
        waiting = asyncio.create_task(bus.take("a", limit=1, wait=5))
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await bus.hint("a", [1])
    assert await gather(bus, "a", 1) == [1]


# --- what may vanish -------------------------------------------------------------------------


async def test_emptied_while_a_take_waits(real: Bus, redis: Any) -> None:
    await real.take("a", limit=1, wait=0)
    waiting = asyncio.create_task(real.take("a", limit=1, wait=60))
    await asyncio.sleep(0.05)
    await redis.flushall()
    assert await asyncio.wait_for(waiting, 20) == []
    assert real.gaps == 1
    await real.hint("a", [1])
    assert await real.take("a", limit=1, wait=1) == [1]


async def test_emptied_again_and_again_under_load(url: str, redis: Any, connect: Connect) -> None:
    """Every id arrives, or a gap was signalled after it was hinted and before the end: then the sweep finds it."""
    signals: list[float] = []
    bus = await connect(url, on_gap=lambda: signals.append(time.monotonic()))
    other = await connect(url)
    hinted: dict[int, float] = {}
    found: set[int] = set()

    async def take() -> None:
        while True:
            found.update(await bus.take("a", limit=64, wait=0.5))

    taker = asyncio.create_task(take())
    for each in range(1000):
        hinted[each] = time.monotonic()
        await other.hint("a", [each])
        if each % 50 == 49:
            await redis.flushall()
        await asyncio.sleep(0.0005)
    await asyncio.sleep(0.2)
    last = time.monotonic()
    await other.hint("a", [10_000])
    await eventually(lambda: 10_000 in found)
    taker.cancel()
    await asyncio.wait({taker})
    lost = set(hinted) - found
    assert signals
    assert all(any(hinted[each] <= signal <= last for signal in signals) for each in lost)
    assert len(signals) == bus.gaps
    await bus.close()


async def test_killed_it_comes_back_and_a_gap_is_signalled(
    server: EmbeddedValkey, home: Path, connect: Connect
) -> None:
    signals: list[float] = []
    bus = await connect(f"unix://{home / valkey.SOCKET}", on_gap=lambda: signals.append(time.monotonic()))
    await bus.hint("a", [1])
    assert await bus.take("a", limit=1, wait=1) == [1]
    waiting = asyncio.create_task(bus.take("a", limit=1, wait=60))
    await asyncio.sleep(0.05)
    with capture_logs() as logs:
        kill(server)
        assert await asyncio.wait_for(waiting, 20) == []
        await eventually(lambda: bus.alive and bool(signals))
    assert [log["event"] for log in logs if log["event"].startswith("bus")] == ["bus away", "bus back"]
    await bus.hint("a", [2])
    assert await gather(bus, "a", 1) == [2]
    await bus.close()


async def test_killed_while_nobody_looks(shaken: Bus, server: EmbeddedValkey) -> None:
    await shaken.take("a", limit=1, wait=0)
    kill(server)
    await eventually(lambda: server.restarts == 1)
    await shaken.hint("a", [1])
    found = await gather(shaken, "a", 1)
    assert found == [1] or shaken.gaps > 0
    await eventually(lambda: shaken.alive)
    await shaken.hint("a", [2])
    assert 2 in await gather(shaken, "a", 1)


async def test_away_hints_stay_in_this_process_and_nothing_blocks(home: Path, connect: Connect) -> None:
    bus = await connect(f"unix://{home / valkey.SOCKET}")
    assert not bus.alive
    began = time.perf_counter()
    await bus.hint("a", [1, 2])
    await bus.publish("c", {})
    await bus.present("ann", seconds=9)
    assert await bus.allow("k", limit=1, per=60) == 0
    assert await bus.take("a", limit=10, wait=60) == [1, 2]
    assert time.perf_counter() - began < 10
    assert bus.gaps == 0
    async with EmbeddedValkey(home):
        await eventually(lambda: bus.alive)
        assert bus.gaps == 1
        await bus.hint("a", [3])
        assert await bus.take("a", limit=10, wait=1) == [3]
    await bus.close()


async def test_a_waiting_take_returns_when_the_server_comes_back(home: Path, connect: Connect) -> None:
    bus = await connect(f"unix://{home / valkey.SOCKET}")
    async with EmbeddedValkey(home):
        while not bus.alive:
            assert await bus.take("a", limit=1, wait=30) == []
    await bus.close()


async def test_a_server_that_hangs_is_given_up(
    shaken: Bus, server: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    assert server.pid is not None
    await shaken.take("a", limit=1, wait=0)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        began = time.perf_counter()
        assert await shaken.take("a", limit=1, wait=0.2) == []
        assert await shaken.allow("k", limit=1, per=60) == 0
        await shaken.publish("c", {})
        assert time.perf_counter() - began < 10
        assert not shaken.alive
    finally:
        os.kill(server.pid, signal.SIGCONT)
    await eventually(lambda: shaken.alive)
    assert shaken.gaps == 1


@pytest.mark.parametrize("url", ["", "localhost", "http://:secret@host", "redis://:secret@host:port"])
async def test_an_address_that_is_none(url: str, connect: Connect) -> None:
    with pytest.raises(RedisSetting, match="WARMLINE_REDIS_URL") as refused:
        await connect(url)
    assert "secret" not in str(refused.value)


async def test_a_password_is_not_logged() -> None:
    with capture_logs() as logs:
        bus = await Bus.connect("redis://:secret@127.0.0.1:1/0")
        await bus.close()
    assert logs
    assert "secret" not in str(logs)


async def test_the_last_hints_are_sent_as_it_closes(url: str, redis: Any, connect: Connect) -> None:
    bus = await connect(url)
    await bus.hint("a", range(100))
    await bus.close()
    assert await redis.xlen("warmline:hint:a") == 100 // PACK + 1
    await eventually_alone(redis)


async def test_closed_it_is_forgotten_by_the_server_and_still_harmless(url: str, redis: Any, connect: Connect) -> None:
    bus = await connect(url)
    await bus.take("a", limit=1, wait=0.1)
    assert len(await redis.xinfo_consumers("warmline:hint:a", "warmline")) == 1
    await bus.close()
    assert await redis.xinfo_consumers("warmline:hint:a", "warmline") == []
    await eventually_alone(redis)
    await bus.hint("a", [1])
    assert await bus.take("a", limit=1, wait=0.05) == [1]
    await bus.publish("c", {})
    await bus.close()
    await eventually_alone(redis)


async def eventually_alone(redis: Any) -> None:
    """No connection but the one that asks."""
    for _ in range(100):
        if len(await redis.client_list()) == 1:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(await redis.client_list())


async def test_closing_with_takes_and_readers_at_work(bus: BusProtocol) -> None:
    async def read() -> list[dict[str, Any]]:
        async with bus.subscribe("c") as news:
            return [item async for item in news]

    reading = asyncio.create_task(read())
    taking = asyncio.create_task(bus.take("a", limit=1, wait=0.2))
    await asyncio.sleep(0.1)
    await bus.close()
    assert await asyncio.wait_for(reading, 20) == []
    assert await asyncio.wait_for(taking, 20) == []
    gc.collect()


# --- live news -------------------------------------------------------------------------------


async def test_all_subscribers_of_a_channel_hear_and_no_others(bus: BusProtocol) -> None:
    async with bus.subscribe("c") as one, bus.subscribe("c") as two, bus.subscribe("d") as other:
        await bus.publish("c", {"n": 1, "text": "\N{SNOWMAN}", "path": Path("x")})
        await bus.publish("d", {"n": 2})
        assert await anext(one) == await anext(two) == {"n": 1, "text": "\N{SNOWMAN}", "path": "x"}
        assert await anext(other) == {"n": 2}


async def test_order_is_kept(bus: BusProtocol) -> None:
    async with bus.subscribe("c") as news:
        for n in range(50):
            await bus.publish("c", {"n": n})
        assert [(await anext(news))["n"] for _ in range(50)] == list(range(50))


async def test_other_processes_hear_too(real: Bus, url: str, connect: Connect) -> None:
    other = await connect(url)
    async with other.subscribe("c") as news:
        await real.publish("c", {"n": 1})
        assert await asyncio.wait_for(anext(news), 20) == {"n": 1}


async def test_a_slow_reader_loses_its_oldest_and_is_told(bus: BusProtocol) -> None:
    async with bus.subscribe("c") as slow, bus.subscribe("c") as quick:
        heard = []
        for n in range(NEWS_KEPT + 30):
            await bus.publish("c", {"n": n})
            heard.append(await asyncio.wait_for(anext(quick), 20))
        assert heard == [{"n": n} for n in range(NEWS_KEPT + 30)]
        assert await anext(slow) == {"gap": True}
        assert [await anext(slow) for _ in range(NEWS_KEPT)] == heard[30:]


async def test_thousands_of_readers_cost_one_subscription(real: Bus, redis: Any) -> None:
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(real.subscribe("c"))
        readers = [await stack.enter_async_context(real.subscribe("c")) for _ in range(3000)]
        assert await redis.pubsub_numsub("warmline:live:c") == [("warmline:live:c", 1)]
        await real.publish("c", {"n": 1})
        assert await asyncio.wait_for(anext(first), 20) == {"n": 1}
        assert all([await anext(reader) == {"n": 1} for reader in readers])
    for _ in range(100):
        if not await redis.pubsub_channels():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody reads, yet the server still sends")


async def test_odd_names_are_names(bus: BusProtocol) -> None:
    odd = "\ud800 \0\n:*"
    async with bus.subscribe(odd) as news:
        await bus.publish(odd, {odd: 1})
        assert await anext(news) == {odd: 1}
    await bus.hint(odd, [1])
    assert await gather(bus, odd, 1) == [1]
    await bus.present(odd, seconds=9)
    assert await bus.who_is_present() == {odd}
    assert [await bus.allow(odd, limit=1, per=60) > 0 for _ in range(2)] == [False, True]


async def test_a_mistake_of_the_caller_is_not_taken_for_an_absent_server(real: Bus) -> None:
    with capture_logs() as logs:
        await real.present(None, seconds=9)  # type: ignore[arg-type]
    assert [log["event"] for log in logs] == ["bus refused"]
    assert real.alive


async def test_a_callback_that_raises_harms_nothing(url: str, redis: Any, connect: Connect) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    bus = await connect(url, on_gap=fail)
    await bus.take("a", limit=1, wait=0.1)
    await redis.flushall()
    await eventually(lambda: bus.gaps == 1)
    await bus.hint("a", [1])
    assert await gather(bus, "a", 1) == [1]


async def test_leaving_and_coming_back_quickly(real: Bus) -> None:
    for n in range(50):
        async with real.subscribe("c") as news:
            await real.publish("c", {"n": n})
            assert await asyncio.wait_for(anext(news), 20) == {"n": n}
        await asyncio.sleep(0.01 * (n % 2))  # long enough for the server to hear of it, or not


async def test_after_a_restart_every_reader_is_told_and_hears_again(shaken: Bus, server: EmbeddedValkey) -> None:
    async with shaken.subscribe("c") as one, shaken.subscribe("d") as two:
        await shaken.publish("c", {"n": 0})
        assert await anext(one) == {"n": 0}
        kill(server)
        assert await asyncio.wait_for(anext(one), 20) == {"gap": True}
        assert await asyncio.wait_for(anext(two), 20) == {"gap": True}
        await eventually(lambda: shaken.alive)
        async with shaken.subscribe("c") as late:
            await shaken.publish("c", {"n": 1})
            assert await asyncio.wait_for(anext(one), 20) == {"n": 1}
            assert await asyncio.wait_for(anext(late), 20) == {"n": 1}, "who came later missed nothing"


async def test_what_json_cannot_hold_is_refused_in_the_log(bus: BusProtocol) -> None:
    circle: dict[str, Any] = {}
    circle["self"] = circle
    with capture_logs() as logs:
        await bus.publish("c", circle)
    assert [log["event"] for log in logs] == ["bus cannot publish this"]


# --- presence --------------------------------------------------------------------------------


async def test_presence_ends_by_itself_or_by_word(bus: BusProtocol) -> None:
    await bus.present("ann", seconds=2)
    await bus.present("bob", seconds=60)
    await bus.present("\N{SNOWMAN}", seconds=60)
    assert await bus.who_is_present() == {"ann", "bob", "\N{SNOWMAN}"}
    await bus.present("\N{SNOWMAN}", seconds=0)
    assert await bus.who_is_present() <= {"ann", "bob"}
    await asyncio.sleep(2.1)
    assert await bus.who_is_present() == {"bob"}


async def test_presence_is_known_in_all_processes_and_survives_an_empty_server(
    real: Bus, url: str, redis: Any, connect: Connect
) -> None:
    other = await connect(url)
    await real.present("ann", seconds=60)
    assert await other.who_is_present() == {"ann"}
    await redis.flushall()
    assert await real.who_is_present() == {"ann"}, "whoever is at this process is known here"
    assert await other.who_is_present() == set(), "until the next sign of life"


# --- limits ----------------------------------------------------------------------------------


async def test_a_limit_is_exact_under_concurrent_calls(bus: BusProtocol) -> None:
    waits = await asyncio.gather(*(bus.allow("k", limit=50, per=3600) for _ in range(200)))
    assert waits.count(0.0) == 50
    assert all(60 < wait <= 72 for wait in waits if wait), "an hour, of which a fiftieth frees one place"


async def test_a_limit_is_shared_by_all_processes(real: Bus, url: str, connect: Connect) -> None:
    other = await connect(url)
    calls = [each.allow("k", limit=50, per=3600) for each in (real, other) for _ in range(100)]
    assert (await asyncio.gather(*calls)).count(0.0) == 50


async def test_who_waits_as_told_is_let_in(bus: BusProtocol) -> None:
    for _ in range(2):
        assert await bus.allow("k", limit=2, per=0.4) == 0
    wait = await bus.allow("k", limit=2, per=0.4)
    assert 0 < wait <= 0.2
    await asyncio.sleep(wait + 0.002)
    assert await bus.allow("k", limit=2, per=0.4) == 0
    assert await bus.allow("k", limit=2, per=0.4) > 0


async def test_keys_are_apart_and_no_limit_is_none(bus: BusProtocol) -> None:
    assert [await bus.allow(key, limit=1, per=60) for key in "ab"] == [0, 0]
    assert [await bus.allow("c", limit=0, per=60) for _ in range(5)] == [0] * 5


async def test_a_turn_is_of_all_its_keys_or_of_none(bus: BusProtocol) -> None:
    assert await bus.turn({"account": 60, "place 1": 3600}) == {}
    waits = await bus.turn({"account": 60, "place 2": 3600})
    assert waits.keys() == {"account"}
    assert 30 < waits["account"] <= 60
    assert await bus.turn({"place 2": 3600}) == {}, "it was not counted"
    assert (await bus.turn({"account": 60, "place 1": 3600})).keys() == {"account", "place 1"}
    assert [await bus.turn({"free": 0}) for _ in range(3)] == [{}] * 3


async def test_turns_taken_at_once_are_one_at_a_time(bus: BusProtocol) -> None:
    waits = await asyncio.gather(*(bus.turn({"k": 60}) for _ in range(50)))
    assert waits.count({}) == 1


async def test_a_hold_keeps_all_processes_from_their_turn(real: Bus, url: str, connect: Connect) -> None:
    other = await connect(url)
    await real.hold("k", seconds=60)
    await other.hold("k", seconds=1)  # never makes it shorter
    for each in (real, other):
        for one in (0, 1):
            assert 30 < (await each.turn({"k": one, "free": 0}))["k"] <= 60


async def test_a_hold_ends(bus: BusProtocol) -> None:
    await bus.hold("k", seconds=0.05)
    wait = (await bus.turn({"k": 1}))["k"]
    assert 0 < wait <= 0.05
    await asyncio.sleep(wait + 0.002)
    assert await bus.turn({"k": 1}) == {}


async def test_a_limit_leaves_nothing_behind(real: Bus, redis: Any) -> None:
    await real.allow("k", limit=2, per=4.0)
    assert 0 < await redis.pttl("warmline:allow:k") <= 2001

    async def gone() -> bool:
        return await redis.keys("*") == []

    await until(gone)


@given(
    limit=st.integers(1, 10_000),
    per=st.floats(0.5, 1e6),
    pauses=st.lists(st.floats(0, 3), max_size=60),
)
def test_no_window_holds_more_than_the_limit_and_a_refusal_costs_nothing(
    limit: int, per: float, pauses: list[float]
) -> None:
    """GCRA: at most `limit` at once, at most twice that in any window, and Retry-After is the truth."""
    now = 1000.0
    limiter = Limiter(clock=lambda: now)
    assert all(limiter.allow("k", limit=limit, per=per) == 0 for _ in range(limit))
    assert limiter.allow("k", limit=limit, per=per) > 0
    allowed = 0
    for pause in pauses:
        now += pause * per / limit
        wait = limiter.allow("k", limit=limit, per=per)
        if wait:
            assert wait <= per / limit + 1e-5
            now += wait + 1e-6
            assert limiter.allow("k", limit=limit, per=per) == 0
        allowed += 1
    assert allowed <= (now - 1000.0) / per * limit + limit + 1


def test_a_limiter_forgets_the_least_asked_for() -> None:
    limiter = Limiter(clock=lambda: 0.0)
    for each in range(KEYS_KEPT + 1):
        assert limiter.allow(str(each), limit=1, per=60) == 0
    assert limiter.allow("0", limit=1, per=60) == 0, "forgotten"
    assert limiter.allow(str(KEYS_KEPT), limit=1, per=60) > 0
