"""One holder at a time, and a token that only grows."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from store import leases
from store.database import Database
from store.leases import Lease
from tests.databases import empty_database
from tests.rows import MINUTE, NOW, SECOND

FOR = 30.0


async def acquire(database: Database, holder: str, *, at: Any = NOW, name: str = "mail") -> Lease | None:
    async with database.write("test") as connection:
        return await leases.acquire(connection, name, holder, at, seconds=FOR)


async def test_the_first_gets_it_and_the_second_does_not(database: Database) -> None:
    first = await acquire(database, "one")
    assert first == Lease(name="mail", holder="one", token=1, until=NOW + timedelta(seconds=FOR))
    assert await acquire(database, "two") is None
    assert await acquire(database, "two", name="chat") is not None


async def test_who_is_alone_ends_the_leases_of_the_dead_and_their_tokens_stay_behind(database: Database) -> None:
    await acquire(database, "dead")
    await acquire(database, "dead", name="chat")
    async with database.write("test") as connection:
        assert await leases.void_all(connection) == 2
        assert await leases.void_all(connection) == 0
    again = await acquire(database, "next")
    assert again is not None
    assert again.token == 2
    assert await acquire(database, "dead", at=NOW + SECOND) is None


async def test_its_holder_prolongs_it_with_the_same_token(database: Database) -> None:
    await acquire(database, "one")
    again = await acquire(database, "one", at=NOW + 20 * SECOND)
    assert again is not None
    assert (again.token, again.until) == (1, NOW + 50 * SECOND)
    assert await acquire(database, "two", at=NOW + 40 * SECOND) is None


@pytest.mark.parametrize("holder", ["one", "two"])
async def test_after_its_time_whoever_comes_gets_a_new_token(database: Database, holder: str) -> None:
    await acquire(database, "one")
    later = await acquire(database, holder, at=NOW + 30 * SECOND)
    assert later is not None
    assert (later.holder, later.token) == (holder, 2)


async def test_what_is_given_back_is_free_at_once(database: Database) -> None:
    first = await acquire(database, "one")
    assert first is not None
    async with database.write("test") as connection:
        await leases.release(connection, first)
    second = await acquire(database, "two", at=NOW + SECOND)
    assert second is not None
    assert second.token == 2


async def test_a_late_release_does_not_take_it_from_the_next(database: Database) -> None:
    first = await acquire(database, "one")
    assert first is not None
    await acquire(database, "two", at=NOW + MINUTE)
    async with database.write("test") as connection:
        await leases.release(connection, first)
    assert await acquire(database, "three", at=NOW + MINUTE) is None


@pytest.mark.parametrize("known", [False, True])
async def test_of_many_at_once_one_gets_it(database: Database, known: bool) -> None:
    if known:
        await acquire(database, "gone", at=NOW - MINUTE)
    got = [lease for lease in await asyncio.gather(*(acquire(database, f"h{n}") for n in range(12))) if lease]
    assert len(got) == 1
    assert got[0].token == (2 if known else 1)


class Leases(RuleBasedStateMachine):
    """Three holders, a clock that only goes forward, and what each believes to hold."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = TemporaryDirectory(prefix="warmline-leases-")
        self.opened = empty_database("sqlite", Path(self.folder.name))
        self.database = self.loop.run_until_complete(self.opened.__aenter__())
        self.now = NOW
        self.newest = 0
        self.held: dict[str, Lease] = {}

    def teardown(self) -> None:
        self.loop.run_until_complete(self.opened.__aexit__(None, None, None))
        self.loop.close()
        self.folder.cleanup()

    def _valid(self) -> list[Lease]:
        return [lease for lease in self.held.values() if lease.until > self.now]

    @rule(holder=st.sampled_from("abc"))
    def acquire(self, holder: str) -> None:
        others = [lease for lease in self._valid() if lease.holder != holder]
        lease = self.loop.run_until_complete(acquire(self.database, holder, at=self.now))
        assert (lease is None) == bool(others)
        if lease is None:
            return
        mine = self.held.get(holder)
        keeps = mine is not None and mine.until > self.now
        assert lease.token == (self.newest if keeps else self.newest + 1)
        self.newest = lease.token
        self.held[holder] = lease

    @rule(seconds=st.integers(0, 40))
    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule(holder=st.sampled_from("abc"))
    def release(self, holder: str) -> None:
        lease = self.held.pop(holder, None)
        if lease is not None:
            self.loop.run_until_complete(self._release(lease))

    async def _release(self, lease: Lease) -> None:
        async with self.database.write("test") as connection:
            await leases.release(connection, lease)

    @invariant()
    def one_at_a_time(self) -> None:
        assert len(self._valid()) <= 1


TestLeases = Leases.TestCase
TestLeases.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
