"""What is made once for many desks: never older than what has been told, never anybody's own."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from bot.web.desk.shared import Shared
from store import board
from tests.house import Desk, desk
from tests.web.test_desk import browser, numbers, waiting


class Source:
    """Something that changes, and says so afterwards; how often it was read."""

    def __init__(self) -> None:
        self.value = 0
        self.told = 0
        self.reads = 0
        self.breaks = False

    async def read(self) -> int:
        self.reads += 1
        found = self.value
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if self.breaks:
            raise RuntimeError("broken")
        return found

    def change(self) -> int:
        self.value += 1
        self.told = self.value
        return self.value


def shared(source: Source, *, apart: float = 3600.0) -> Shared[int]:
    return Shared(mark=lambda: source.told, apart=apart)


async def test_many_who_ask_at_once_have_it_made_once() -> None:
    source = Source()
    made = shared(source)
    assert await asyncio.gather(*(made.get("a", source.read) for _ in range(50))) == [0] * 50
    assert source.reads == 1
    assert await made.get("a", source.read) == 0
    assert source.reads == 1
    await made.get("b", source.read)
    assert source.reads == 2


async def test_nobody_who_was_told_of_a_change_is_given_what_was_before() -> None:
    """By brute force: readers and a writer in any order; each reader gets what was told when they asked, or newer."""
    dice = random.Random(3)
    source = Source()
    made = shared(source, apart=0.001)
    asked = 0

    async def reader() -> None:
        nonlocal asked
        for _ in range(60):
            told = source.told
            found = await made.get("a", source.read)
            assert found >= told
            asked += 1
            for _ in range(dice.randrange(3)):
                await asyncio.sleep(0)

    async def writer() -> None:
        for _ in range(200):
            source.change()
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)

    await asyncio.gather(writer(), *(reader() for _ in range(20)))
    assert source.reads < asked / 3, "it was shared"


async def test_what_goes_on_while_something_newer_is_told_serves_only_who_asked_before() -> None:
    source = Source()
    made = shared(source, apart=0.0)
    begun, go = asyncio.Event(), asyncio.Event()

    async def slowly() -> int:
        found = await source.read()
        begun.set()
        await go.wait()
        return found

    before = asyncio.create_task(made.get("a", slowly))
    await begun.wait()
    source.change()
    after = asyncio.create_task(made.get("a", source.read))
    assert await after == 1
    go.set()
    assert await before == 0


async def test_a_fault_is_told_to_all_who_wait_and_then_tried_again() -> None:
    source = Source()
    source.breaks = True
    made = shared(source, apart=0.0)
    found = await asyncio.gather(*(made.get("a", source.read) for _ in range(3)), return_exceptions=True)
    assert [str(fault) for fault in found] == ["broken"] * 3
    source.breaks = False
    assert await made.get("a", source.read) == 0


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    source = Source()
    made = shared(source)
    first, second = (asyncio.create_task(made.get("a", source.read)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 0


async def test_what_nobody_asks_for_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.desk.shared.KEPT", 0.0)
    source = Source()
    made = shared(source, apart=0.0)
    for key in range(100):
        await made.get(key, source.read)
    assert len(made._last) <= 2


# --- at the desk -----------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as running:
        yield running


async def test_two_who_look_at_once_see_the_same_list_and_each_their_own(at: Desk) -> None:
    mia, jon = await browser(at, "Mia Okafor"), await browser(at, "Jon Berg", "supervisor")
    cases = [await waiting(at, name=f"Customer {n}") for n in range(3)]
    lea = await at.agent("Lea")
    await lea.done(f"cases/{cases[0]}/claim")
    await at.sql('UPDATE "case" SET assignee_id = :mia WHERE assignee_id IS NOT NULL', mia=mia.agent)
    known = ",".join(number[2:] for number in cases)
    pages = await asyncio.gather(*(who.page("/desk/queue/rows", known=known) for who in (mia, jon, mia, jon)))
    assert [numbers(page) for page in pages] == [cases[1:]] * 4
    assert [re.findall(r'data-mine="(\d+)"', page) for page in pages] == [["1"], ["0"], ["1"], ["0"]]
    assert [re.findall(r">(\w+ took it)<", page) for page in pages] == [["You took it"], ["Mia took it"]] * 2
    mine = await asyncio.gather(*(who.page("/desk/queue/rows", view="mine") for who in (mia, jon)))
    assert [numbers(page) for page in mine] == [cases[:1], []]
    sides = await asyncio.gather(*(who.page("/desk/side") for who in (mia, jon)))
    assert [cases[0] in side for side in sides] == [True, False]


async def test_an_empty_list_tells_each_of_their_own_cases(at: Desk) -> None:
    mia, jon = await browser(at, "Mia Okafor"), await browser(at, "Jon Berg")
    number = await waiting(at)
    await at.sql("UPDATE \"case\" SET assignee_id = :mia, status = 'open'", mia=mia.agent)
    await at.house.frame.live.publish([], [int(number[2:]) - 1000])
    pages = await asyncio.gather(*(who.page("/desk/queue/rows") for who in (mia, jon, mia)))
    assert ["Your case is" in page for page in pages] == [True, False, True]


async def test_rows_have_the_buttons_of_who_looks(at: Desk) -> None:
    lea, carl = await browser(at, "Lea", "agent"), await browser(at, "Carl", "colleague")
    await waiting(at)
    pages = await asyncio.gather(*(who.page("/desk/queue/rows") for who in (lea, carl, lea)))
    assert ["data-claim" in page for page in pages] == [True, False, True]


async def test_what_one_has_just_done_oneself_is_there(at: Desk) -> None:
    """The answer to an act comes after its change: who looks then sees it, however soon, in the whole list and its
    counts."""
    jon = await browser(at, "Jon Berg")
    lea = await at.agent("Lea")
    for n in range(12):
        number = await waiting(at, name=f"Customer {n}")
        assert numbers(await jon.page("/desk/queue/rows")) == [number]
        await lea.done(f"cases/{number}/claim")
        page = await jon.page("/desk/queue/rows")
        assert numbers(page) == []
        assert 'data-waiting="0"' in page
        assert f'data-all="{n + 1}"' in page


async def test_lists_are_as_the_tables_say_while_all_of_it_moves(at: Desk) -> None:
    """By brute force: after each change the rows of whoever asks are those of the tables."""
    mia, jon = await browser(at, "Mia Okafor"), await browser(at, "Jon Berg", "supervisor")
    lea = await at.agent("Lea")
    dice = random.Random(11)
    cases = [await waiting(at, name=f"Customer {n}") for n in range(6)]
    held: set[str] = set()
    for _ in range(25):
        number = dice.choice(cases)
        await lea.done(f"cases/{number}/{'release' if number in held else 'claim'}")
        held ^= {number}
        view = dice.choice(["unassigned", "all"])
        pages = await asyncio.gather(*(who.page("/desk/queue/rows", view=view) for who in (mia, jon)))
        async with at.house.database.read() as connection:
            now = datetime.now(UTC)
            counted = await board.counts(connection, now, end_of_day=at.house.frame.end_of_day(now))
        for page in pages:
            shown = set(numbers(page))
            assert shown == (set(cases) - held if view == "unassigned" else set(cases))
            assert f'data-waiting="{counted.waiting}"' in page
