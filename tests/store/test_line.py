"""Who is next: the most due of each class, and nobody passed over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import journey, line
from store.database import Database
from store.errors import LineMoved
from store.line import Heads
from store.tables import case
from tests.rows import MINUTE, NOW, case_of, due_in, insert_case, open_cases, person


async def heads(database: Database) -> Heads:
    async with database.write("test") as connection:
        return await line.heads(connection, NOW)


async def test_the_heads_are_the_most_due_of_each_class_that_wait(database: Database) -> None:
    assert await heads(database) == Heads(first=None, second=None, second_deadline=None, run=0)
    lea = await person(database)
    ids = await open_cases(
        database,
        due_in(1, urgent=True, status="open", assignee_id=lea.id),
        due_in(3, urgent=True),
        due_in(2, urgent=True),
        due_in(-5, status="snoozed", assignee_id=lea.id),
        due_in(9),
        due_in(8),
        due_in(0, status="resolved"),
    )
    assert await heads(database) == Heads(first=ids[2], second=ids[5], second_deadline=NOW + 8 * MINUTE, run=0)


async def test_the_run_is_remembered(database: Database) -> None:
    for run in (1, 2, 0):
        async with database.write("test") as connection:
            await line.remember_run(connection, run, NOW)
        assert (await heads(database)).run == run


# --- while others move -----------------------------------------------------------------------------


async def claim(connection: AsyncConnection, id_: int) -> None:
    await connection.execute(update(case).where(case.c.id == id_).values(status="open"))


@asynccontextmanager
async def held(database: Database, id_: int) -> AsyncIterator[AsyncConnection]:
    """As somebody who decides or claims there; what they write is committed at the end."""
    conversation_id = (await case_of(database, id_))["conversation_id"]
    async with database.write("test") as connection:
        await journey.lock(connection, [conversation_id])
        yield connection
        await asyncio.sleep(0.2)  # whoever is about to wait, waits by now


async def take(database: Database) -> int | None:
    """As an agent does: the head of the first class, or else of the second, is theirs."""
    async with database.write("test") as connection:
        found = await line.heads(connection, NOW)
        id_ = found.first or found.second
        if id_ is not None:
            await claim(connection, id_)
        return id_


@pytest.mark.parametrize("takers", [1, 2])
@pytest.mark.parametrize("urgent", [True, False])
async def test_a_head_that_is_held_for_a_moment_is_not_passed_over(
    database: Database, takers: int, urgent: bool
) -> None:
    ids = await open_cases(database, *(due_in(n, urgent=urgent) for n in range(1, 5)))
    async with held(database, ids[0]):
        taking = [asyncio.create_task(take(database)) for _ in range(takers)]
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in taking)
    assert sorted(filter(None, await asyncio.gather(*taking))) == ids[:takers]


async def test_a_head_that_somebody_else_takes_meanwhile_is_left_to_them(database: Database) -> None:
    ids = await open_cases(database, *(due_in(n, urgent=True) for n in range(1, 4)))
    async with held(database, ids[0]) as connection:
        taking = asyncio.create_task(take(database))
        await asyncio.sleep(0.1)
        await claim(connection, ids[0])
    assert await taking == ids[1]


async def test_one_that_comes_before_the_head_meanwhile_is_taken_first(database: Database) -> None:
    ids = await open_cases(database, due_in(2, urgent=True), due_in(9, urgent=True, status="resolved"))
    other = await case_of(database, ids[1])
    async with held(database, ids[0]) as connection:
        taking = asyncio.create_task(take(database))
        await asyncio.sleep(0.1)
        earlier = await insert_case(connection, other["conversation_id"], **due_in(1, urgent=True))
    assert await taking == earlier
    assert await take(database) == ids[0]


async def test_what_was_looked_at_in_vain_is_let_go(database: Database) -> None:
    """Otherwise a later look could wait for somebody who waits for us."""
    ids = await open_cases(database, *(due_in(n, urgent=True) for n in range(1, 3)))
    async with held(database, ids[0]) as connection:
        taking = asyncio.create_task(_keep_heads(database, done := asyncio.Event(), go := asyncio.Event()))
        await asyncio.sleep(0.1)
        await claim(connection, ids[0])
    await asyncio.wait_for(done.wait(), 20)
    if database.dialect == "postgresql":
        async with asyncio.timeout(20), held(database, ids[0]):
            pass
    go.set()
    assert await taking == Heads(first=ids[1], second=None, second_deadline=None, run=0)


async def _keep_heads(database: Database, done: asyncio.Event, go: asyncio.Event) -> Heads:
    async with database.write("test") as connection:
        found = await line.heads(connection, NOW)
        done.set()
        await go.wait()
    return found


async def test_a_line_that_never_stands_still_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await open_cases(database, *(due_in(n, urgent=True) for n in range(2)))
    real: Callable[..., Awaitable[object]] = journey.lock

    async def faster(connection: AsyncConnection, conversations: list[int]) -> object:
        await claim(connection, ids[0])
        return await real(connection, conversations)

    monkeypatch.setattr(line.journey, "lock", faster)
    with pytest.raises(LineMoved, match="again"):
        await take(database)


async def test_many_at_once_take_the_line_in_its_order(database: Database) -> None:
    ids = await open_cases(database, *(due_in(n, urgent=True) for n in range(8)))
    taken = await asyncio.gather(*(take(database) for _ in range(6)))
    assert sorted(filter(None, taken)) == ids[:6]
