"""The machine raises, hangs, or stops in the wrong moment: people take over, neighbours notice nothing."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from bot.app import Mind
from bot.retrieval import Library
from bot.understanding import Reader
from intents.classifier import Classifier
from intents.verdict import Nearest, Verdict
from tests.databases import DIALECTS
from tests.fakes import FakeClassifier
from tests.house import database_for, desk, fake_mind, until

ALIAS = "How do I create an email alias?"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_text_that_makes_it_fail_twice_goes_to_a_person(tmp_path: Path, dialect: str) -> None:
    """And its neighbours in the same batch get what they would have got without it."""
    async with desk(tmp_path, **await database_for(dialect)) as at:
        lea = await at.agent()
        texts = ["poison", ALIAS, "thanks", "poison again", "your whole site is down", "I love it, great", "hello"] * 3
        people = [at.customer() for _ in texts]
        await asyncio.gather(*(ana.write(text) for ana, text in zip(people, texts, strict=True)))
        ends = [(await lea.decided(await at.conversation(ana)))[0] for ana in people]
        expected = ["handed_off", "answered", "noted", "handed_off", "handed_off", "filed", "answered"] * 3
        assert [end["end"] for end in ends] == expected
        assert ends[0]["end_reason"] == "the machine failed to read this"
        told = await people[0].hears("acknowledgement")
        assert told["text"].startswith("Something failed on our side while reading this")
        failed = [row for row in (await lea.get("cases", limit=200))["cases"] if row["tier"] == "unknown"]
        assert len(failed) == 6
        assert all(row["deadline"] for row in failed)


async def test_poison_in_an_owned_conversation_is_appended(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        lea = await at.agent()
        ana = at.customer()
        await ana.write("your whole site is down")
        await ana.hears("acknowledgement")
        await ana.write("poison")
        rows = await lea.decided(await at.conversation(ana))
        assert [row["end"] for row in rows] == ["handed_off", "appended"]
        await lea.done("cases/next")
        await lea.done("cases/W-1001/resolve")
        await ana.write("poison", id=None)
        rows = await lea.decided(await at.conversation(ana))
        assert rows[-1]["end"] == "handed_off"


def _sleepy(nap: float) -> Mind:
    return replace(fake_mind(), classifier=cast(Classifier, FakeClassifier(nap=nap)))


def _wake(mind: Mind) -> None:
    cast(FakeClassifier, mind.classifier).wakes.set()


async def test_a_text_that_takes_long_holds_up_no_intake(tmp_path: Path) -> None:
    mind = _sleepy(60.0)
    async with desk(tmp_path, mind=mind, encoder_threads=2) as at:
        slow = at.customer()
        await slow.write("sleepy, your whole site is down")
        others = [at.customer() for _ in range(20)]
        for other in others:
            assert (await other.write("your whole site is down")).status_code == 202
        assert (await others[0].hears("acknowledgement"))["from"] == "system"
        assert (await at.http.get("/healthz")).status_code == 200
        assert [line["kind"] for line in await slow.read()] == ["text"], "it sleeps still"
        _wake(mind)
        await slow.hears("acknowledgement")


async def test_a_machine_that_does_not_come_back_keeps_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many texts hang as there are threads: a person gets these, and whoever waits behind them is read."""
    monkeypatch.setattr("bot.understanding.READ_AT_MOST", 1.0)
    mind = _sleepy(60.0)
    async with desk(tmp_path, mind=mind, encoder_threads=2) as at:
        lea = await at.agent()
        stuck = [at.customer() for _ in range(2)]
        behind = [at.customer() for _ in range(6)]
        for ana in stuck:
            await ana.write("sleepy, how do I do that?")
        for ben in behind:
            await ben.write(ALIAS)
        for ana in stuck:
            (row,) = await lea.decided(await at.conversation(ana))
            assert (row["end"], row["end_reason"]) == ("handed_off", "the machine failed to read this")
        for ben in behind:
            (row,) = await lea.decided(await at.conversation(ben))
            assert row["end"] == "answered"
        _wake(mind)


async def test_nobody_waits_for_a_neighbour_who_writes_at_length(tmp_path: Path) -> None:
    """They come in one batch; the one that is quickly read is told at once."""
    mind = _sleepy(60.0)
    async with desk(tmp_path, mind=mind, encoder_threads=2) as at:
        slow, quick = at.customer(), at.customer()
        await asyncio.gather(slow.write("sleepy, your whole site is down"), quick.write("your whole site is down"))
        await quick.hears("acknowledgement")
        assert [line["kind"] for line in await slow.read()] == ["text"]
        _wake(mind)
        await slow.hears("acknowledgement")


async def test_stopping_in_the_moment_of_news(tmp_path: Path) -> None:
    """A cancellation and a piece of news in the same turn of the loop: the desk stops all the same."""
    async with asyncio.timeout(60):
        for _ in range(2):
            async with desk(tmp_path) as at:
                await asyncio.sleep(0.1)
                at.house.courier.wake()
                at.house.router.sweep_soon()


async def test_a_cancellation_is_never_lost_on_the_bus(tmp_path: Path) -> None:
    """In whatever turn of the loop it comes: a task that only talks to the bus ends when it is told to."""
    async with desk(tmp_path) as at:

        async def talk() -> None:
            while True:
                await at.house.bus.publish("nobody", {})

        for turns in list(range(30)) * 4:
            talking = asyncio.create_task(talk())
            for _ in range(turns):
                await asyncio.sleep(0)
            talking.cancel()
            done, _ = await asyncio.wait({talking}, timeout=20)
            assert done, f"lost after {turns} turns"


async def test_what_was_undecided_at_the_stop_is_decided_at_the_start(tmp_path: Path) -> None:
    async with desk(tmp_path, mind=_sleepy(1.0)) as at:
        ana = at.customer()
        await ana.write("sleepy, your whole site is down")
        await asyncio.sleep(0.2)
    async with desk(tmp_path) as at:
        ben = at.customer()
        ben.token = ana.token
        await ben.hears("acknowledgement")
        assert [line["kind"] for line in await ben.read()] == ["text", "acknowledgement"]
        rows: list[Any] = await at.sql('SELECT count(*) FROM "case"')
        assert rows[0][0] == 1


class _Panics(FakeClassifier):
    """As a library in another language does: what it raises is no `Exception`."""

    def verdict(self, text: str) -> Verdict:
        if "panic" in text:
            raise type("PanicException", (BaseException,), {})("index out of bounds")
        return super().verdict(text)


async def test_a_panic_in_a_library_ends_no_desk(tmp_path: Path) -> None:
    mind = replace(fake_mind(), classifier=cast(Classifier, _Panics()))
    async with desk(tmp_path, mind=mind) as at:
        lea = await at.agent()
        ana, ben = at.customer(), at.customer()
        await asyncio.gather(ana.write("panic"), ben.write(ALIAS))
        (row,) = await lea.decided(await at.conversation(ana))
        assert (row["end"], row["end_reason"]) == ("handed_off", "the machine failed to read this")
        (row,) = await lea.decided(await at.conversation(ben))
        assert row["end"] == "answered"


class _Ponders(FakeClassifier):
    """Does not come back from looking for the nearest utterances."""

    at_it = 0

    def nearest(self, text: str) -> tuple[Nearest, ...]:
        self.at_it += 1
        self.wakes.wait(60.0)
        return super().nearest(text)


async def test_looking_at_a_case_keeps_no_customer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many looks hang as there are threads: who writes is read all the same, and the case is shown without."""
    monkeypatch.setattr("bot.understanding.READ_AT_MOST", 1.0)
    ponders = _Ponders()

    async def all_at_it() -> bool:
        return ponders.at_it == 2

    mind = replace(fake_mind(), classifier=cast(Classifier, ponders))
    async with desk(tmp_path, mind=mind, encoder_threads=2) as at:
        lea = await at.agent()
        ana = at.customer()
        await ana.write("your whole site is down")
        await ana.hears("acknowledgement")
        look, gone = (asyncio.create_task(lea.case("W-1001")) for _ in range(2))
        await until(all_at_it)
        gone.cancel()  # nobody waits for it any more; its thread hangs all the same
        ben = at.customer()
        await ben.write("your whole site is down")
        await ben.hears("acknowledgement")
        assert (await look)["verdict"]["nearest"] == []
        ponders.wakes.set()


async def test_a_look_that_nobody_waits_for_keeps_no_customer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.understanding.READ_AT_MOST", 1.0)
    ponders = _Ponders()
    reader = Reader(classifier=ponders, library=lambda: cast(Library, None), threads=1)
    looking = asyncio.create_task(reader.nearest("it is down"))
    await asyncio.sleep(0.05)
    looking.cancel()
    (reading,) = await asyncio.wait_for(reader.read(["it is down"]), 30)
    assert reading is not None
    ponders.wakes.set()
    reader.close()


async def test_a_look_that_waits_behind_a_text_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool that it waits in is left; it is not cancelled with it."""
    monkeypatch.setattr("bot.understanding.READ_AT_MOST", 1.0)
    mind = _sleepy(60.0)
    async with desk(tmp_path, mind=mind, encoder_threads=1) as at:
        lea = await at.agent()
        ana = at.customer()
        await ana.write("your whole site is down")
        await ana.hears("acknowledgement")
        await at.customer().write("sleepy, how do I do that?")
        await asyncio.sleep(0.1)
        case = await asyncio.wait_for(lea.case("W-1001"), 30)
        assert case["verdict"]["nearest"][0]["utterance"] == "it is down"
        _wake(mind)


async def test_each_text_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours in a share give a text that hangs no more of it."""
    monkeypatch.setattr("bot.understanding.READ_AT_MOST", 0.5)
    sleeps = FakeClassifier(nap=60.0)
    reader = Reader(classifier=sleeps, library=lambda: cast(Library, None), threads=1)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await reader.read(["sleepy, it is down", *["it is down"] * 59])
    assert time.monotonic() - began < 15
    sleeps.wakes.set()
    reader.close()


async def test_a_library_that_was_replaced_is_let_go() -> None:
    """Readings are remembered for the moment of quiet, not with every library that there ever was."""

    class Shelf:
        def search(self, *_: Any, **__: Any) -> list[Any]:
            return []

    shelf = Shelf()
    reader = Reader(classifier=FakeClassifier(), library=lambda: cast(Library, shelf), threads=1)
    (reading,) = await reader.read([ALIAS])
    assert reading is not None
    assert reading.verdict.automatable
    old = weakref.ref(shelf)
    shelf = Shelf()
    await reader.read(["How do I add a user?"])
    gc.collect()
    assert old() is None
    reader.close()


async def test_what_cannot_be_written_is_set_aside_for_as_long_as_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its neighbours notice nothing, however often it was tried, and it is forgotten when another desk has decided."""
    async with desk(tmp_path) as at:
        lea = await at.agent()
        router = at.house.router
        carry_out = router._carrier.carry_out

        async def fails(connection: Any, plans: Any, *rest: Any, **more: Any) -> set[int]:
            plans = list(plans)
            if any("cursed" in row.body for plan in plans for row in plan.burst.undecided):
                raise RuntimeError("this one cannot be written")
            return await carry_out(connection, plans, *rest, **more)

        monkeypatch.setattr(router._carrier, "carry_out", fails)
        ana, ben = at.customer(), at.customer()
        await ana.write("cursed")
        assert await at.conversation(ana) == 1

        async def set_aside() -> bool:
            return router.stuck == [1]

        await until(set_aside)
        router._aside[1] = (0.0, 5000)  # it has been tried for weeks
        await ben.write("your whole site is down")
        await ben.hears("acknowledgement")

        async def tried() -> bool:
            return router._aside[1][1] > 5000

        await until(tried)
        assert router.stuck == [1]
        assert 500 < router._aside[1][0] - time.monotonic() <= 600
        await at.sql("UPDATE message SET \"end\" = 'noted' WHERE body = 'cursed'")

        async def forgotten() -> bool:
            return not router.stuck

        await until(forgotten)
        assert (await lea.decided(1))[0]["end"] == "noted"


async def test_one_that_is_set_aside_is_not_let_go_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its neighbours are still being written nobody else takes it up; after that the next time is its own."""
    async with desk(tmp_path) as at:
        router = at.house.router
        monkeypatch.setattr(router, "_finish", _refuses)
        held = []
        aside = router._set_aside

        def set_aside(id_: int) -> None:
            router._pending[id_] = None  # the sweep comes by while it is being written
            aside(id_)
            held.append((id_ in router._busy, id_ in router._pending))

        monkeypatch.setattr(router, "_set_aside", set_aside)
        await asyncio.gather(*(at.customer().write("your whole site is down") for _ in range(4)))

        async def all_aside() -> bool:
            return len(held) >= 4

        await until(all_aside)
        assert held == [(True, False)] * 4


async def _refuses(_: Any) -> None:
    raise RuntimeError("nothing can be written")
