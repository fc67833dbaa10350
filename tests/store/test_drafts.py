"""Drafts in their table: whoever writes last wins, and hears whose words these were."""

from __future__ import annotations

import asyncio

import pytest

from store import drafts
from store.database import Database
from store.drafts import Draft
from tests.rows import NOW, SECOND, open_cases, person


@pytest.fixture
async def at(database: Database) -> tuple[Database, int, int]:
    """(the database, somebody, a case)"""
    return database, (await person(database)).id, (await open_cases(database, {}))[0]


async def put(at: tuple[Database, int, int], text: str, **more: str) -> tuple[int, Draft | None]:
    database, lea, case = at
    async with database.write("test") as connection:
        return await drafts.put(connection, lea, case, "reply", text, NOW, **more)


async def now(at: tuple[Database, int, int]) -> dict[str, Draft]:
    database, lea, case = at
    async with database.read() as connection:
        return await drafts.of(connection, lea, case)


async def test_of_many_at_once_each_hears_of_the_one_before(at: tuple[Database, int, int]) -> None:
    told = await asyncio.gather(*(put(at, f"text {n}") for n in range(8)))
    assert sorted(version for version, _ in told) == list(range(1, 9))
    before = {replaced.text for _, replaced in told if replaced is not None}
    last = (await now(at))["reply"]
    assert last.version == 8
    assert before | {last.text} == {f"text {n}" for n in range(8)}, "nobody's words went without a word"


async def test_a_dropped_one_has_no_words_and_its_number_goes_on(at: tuple[Database, int, int]) -> None:
    database, lea, case = at
    await put(at, "words", notice="it did not leave")
    async with database.write("test") as connection:
        assert await drafts.drop(connection, lea, case, "reply") == 2
        assert await drafts.drop(connection, lea, case, "note") == 0
    left = (await now(at))["reply"]
    assert (left.text, left.notice, left.empty) == ("", None, True)
    assert await put(at, "again") == (3, None)


@pytest.mark.parametrize(
    ("text", "stays"),
    [("half a sen", False), ("half a sentence", False), ("another", True), ("half a sentence!", True)],
)
async def test_what_was_sent_takes_its_own_draft_along(at: tuple[Database, int, int], text: str, stays: bool) -> None:
    database, lea, case = at
    await put(at, text)
    async with database.write("test") as connection:
        await drafts.sent(connection, lea, case, "reply", "half a sentence")
    assert (await now(at))["reply"].empty is not stays


async def test_old_ones_leave(at: tuple[Database, int, int]) -> None:
    database, _, _ = at
    await put(at, "words")
    async with database.write("test") as connection:
        assert await drafts.purge(connection, NOW, limit=9) == 0
        assert await drafts.purge(connection, NOW + SECOND, limit=9) == 1
    assert await now(at) == {}
