"""Limits of a platform are kept for all, a pause that it asks for too, and the conversations take turns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from bot.rates import Rates
from channels.contract import Capabilities, Channel
from store.memorybus import Limiter, MemoryBus
from store.outbox import Line
from tests.bot.post import Post, open_post
from tests.databases import DIALECTS
from tests.house import until
from tests.rows import NOW, SECOND, put_out

RATE = 20.0


class SlowBus(MemoryBus):
    """Its time stands still until it is moved on; it counts who asks for a turn."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.asked = 0
        self.refused = 0
        self._limiter = Limiter(clock=lambda: self.now)

    async def turn(self, steps: Mapping[str, float]) -> dict[str, float]:
        waits = await super().turn(steps)
        self.asked += 1
        self.refused += bool(waits)
        return waits

    async def is_asked_in_vain(self) -> None:
        """Several times from now on."""
        enough = self.refused + 3

        async def look() -> bool:
            return self.refused >= enough

        await until(look, within=30)


@pytest.fixture(params=DIALECTS)
async def post(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Post]:
    settings = {"rate": RATE, "in_parts": True, "max_length": 13}
    async with open_post(request.param, tmp_path, settings=settings, now=None) as post:
        yield post


def said(post: Post) -> list[str]:
    return [send["text"] for send in post.sends]


async def test_no_process_sends_more_than_the_limit_and_waiting_is_no_try(post: Post) -> None:
    post.bus = bus = SlowBus()
    rows = [await post.put_out(f"to {by}", by=by) for by in ("a", "b", "c")]
    async with post.courier("one"), post.courier("two"):
        for count in (1, 2, 3):
            await post.has_arrived(count)
            await bus.is_asked_in_vain() if count < 3 else None
            assert post.arrived == count
            states = [await post.row(row) for row in rows]
            assert [row["attempts"] for row in states] == [1] * count + [0] * (3 - count)
            bus.now += 1.0
    assert said(post) == ["to a", "to b", "to c"]


async def test_a_long_flood_to_one_leaves_turns_for_the_others(post: Post) -> None:
    here = await post.place("ann")
    for number in range(6):
        await put_out(post.database, here, f"flood {number}", created_at=NOW, next_try_at=NOW)
    long = await post.put_out("One is here. Two is here. Three is it.", by="ben", next_try_at=NOW + SECOND)
    short = await post.put_out("short", by="cleo", next_try_at=NOW + 2 * SECOND)
    async with post.courier():
        await post.has_arrived(10)
        await post.becomes(long, "sent")
        await post.becomes(short, "sent")
    order = said(post)
    assert [text for text in order if text.startswith("flood")] == [f"flood {number}" for number in range(6)]
    # What was claimed together may land in any order; a whole turn later nothing does.
    assert order.index("short") < order.index("flood 2")
    assert order.index("One is here.") < order.index("flood 2")
    assert order.index("Three is it.") < order.index("flood 5")


async def test_a_place_has_its_own_limit(post: Post) -> None:
    post.settings = {"rate_in_place": RATE}
    post.bus = bus = SlowBus()
    one = await post.put_out("one", by="ann")
    await put_out(post.database, (await post.row(one))["conversation_id"], "two")
    await post.put_out("elsewhere", by="ben")
    async with post.courier():
        await post.has_arrived(2)
        await bus.is_asked_in_vain()
        assert sorted(said(post)) == ["elsewhere", "one"]
        bus.now += 1.0
        await post.has_arrived(3)


async def test_a_pause_that_the_platform_asks_for_is_kept_by_all_and_is_no_try(post: Post) -> None:
    post.settings = {}
    post.bus = bus = SlowBus()
    await post.control.faults("send", {"fault": "busy_before", "seconds": 0.1})
    first = await post.put_out("first", by="ann")
    async with post.courier("one"), post.courier("two") as other:

        async def put_off() -> bool:
            return "asked to wait 0.1 s" in str((await post.row(first))["error"])

        await until(put_off)
        second = await post.put_out("second", by="ben")
        other.wake()
        await bus.is_asked_in_vain()
        assert post.arrived == 0
        assert [(await post.row(row))["attempts"] for row in (first, second)] == [0, 0]
        bus.now += 1.0
        await post.becomes(first, "sent")
        await post.becomes(second, "sent")
    assert (await post.row(first))["attempts"] == 1


async def test_no_pause_is_so_long_that_a_row_is_given_up(post: Post) -> None:
    post.settings = {}
    await post.control.faults("send", *[{"fault": "busy_before", "seconds": 0.02}] * 9)
    row = await post.put_out(created_at=NOW - timedelta(hours=1))
    async with post.courier():
        await post.becomes(row, "sent")
    found = await post.row(row)
    assert (post.arrived, found["attempts"]) == (1, 1)


class Limited:
    """All of a channel that counts here."""

    def __init__(self, **limits: float) -> None:
        self.capabilities = Capabilities(**limits)


def line(*places: tuple[str, str, str]) -> list[Line]:
    return [Line(id=number, place=place, since=NOW) for number, place in enumerate(places)]


async def test_who_need_not_wait_does_not() -> None:
    bus = SlowBus()
    channels = {("slow", "a"): Limited(sends_per_second=1.0), ("fast", "a"): Limited()}
    rates = Rates(bus, find=lambda *account: cast(Channel | None, channels.get(account)), clock=lambda: bus.now)
    slow, fast, none = ("slow", "a", "p"), ("fast", "a", "p"), ("gone", "a", "p")
    assert await rates.let_through(line(slow, slow, fast, fast, none)) == [0, 2, 3, 4]
    assert rates.waiting() == ({("slow", "a")}, set())
    await rates.hold(fast, seconds=0.5, only_there=True)
    assert rates.waiting() == ({("slow", "a")}, {fast})
    assert await rates.let_through(line(slow, fast, ("fast", "a", "q"))) == [2]
    assert rates.soonest() == pytest.approx(0.5)
    bus.now += 0.6
    other = Rates(bus, find=lambda *account: cast(Channel | None, channels.get(account)), clock=lambda: bus.now)
    await other.hold(fast, seconds=5, only_there=False)
    assert await rates.let_through(line(fast, ("fast", "a", "q"), slow)) == []
    bus.now += 0.5
    assert await rates.let_through(line(fast, ("fast", "a", "q"), slow)) == [2]
