"""The machine raises, hangs, or stops in the wrong moment: people take over, neighbours notice nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from bot.app import Mind
from intents.classifier import Classifier
from tests.databases import DIALECTS
from tests.fakes import FakeClassifier
from tests.house import Customer, database_for, desk, fake_mind

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


async def test_a_text_that_takes_three_seconds_holds_up_no_intake(tmp_path: Path) -> None:
    async with desk(tmp_path, mind=_sleepy(3.0), encoder_threads=2) as at:
        slow = at.customer()
        await slow.write("sleepy, your whole site is down")
        took = []
        others: list[Customer] = []
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            others.append(at.customer())
            began = time.perf_counter()
            assert (await others[-1].write("your whole site is down")).status_code == 202
            took.append(time.perf_counter() - began)
        assert max(took) < 1.0
        assert sorted(took)[len(took) // 2] < 0.3
        assert (await others[0].hears("acknowledgement", within=2.0))["from"] == "system"
        assert (await at.http.get("/healthz")).status_code == 200
        await slow.hears("acknowledgement", within=5.0)


async def test_a_machine_that_does_not_come_back_keeps_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many texts hang as there are threads: a person gets these, and whoever waits behind them is read."""
    monkeypatch.setattr("bot.understanding.READ_AT_MOST", 0.3)
    async with desk(tmp_path, mind=_sleepy(4.0), encoder_threads=2) as at:
        lea = await at.agent()
        stuck = [at.customer() for _ in range(2)]
        behind = [at.customer() for _ in range(6)]
        for ana in stuck:
            await ana.write("sleepy, how do I do that?")
        for ben in behind:
            await ben.write(ALIAS)
        for ana in stuck:
            (row,) = await lea.decided(await at.conversation(ana), within=3.0)
            assert (row["end"], row["end_reason"]) == ("handed_off", "the machine failed to read this")
        for ben in behind:
            (row,) = await lea.decided(await at.conversation(ben), within=3.0)
            assert row["end"] == "answered"


async def test_nobody_waits_for_a_neighbour_who_writes_at_length(tmp_path: Path) -> None:
    """They come in one batch; the one that is quickly read is told at once."""
    async with desk(tmp_path, mind=_sleepy(3.0), encoder_threads=2) as at:
        slow, quick = at.customer(), at.customer()
        await asyncio.gather(slow.write("sleepy, your whole site is down"), quick.write("your whole site is down"))
        await quick.hears("acknowledgement", within=1.5)
        assert [line["kind"] for line in await slow.read()] == ["text"]
        await slow.hears("acknowledgement", within=5.0)


async def test_stopping_in_the_moment_of_news(tmp_path: Path) -> None:
    """A cancellation and a piece of news in the same turn of the loop: the desk stops all the same."""
    async with asyncio.timeout(15):
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
            done, _ = await asyncio.wait({talking}, timeout=1)
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
