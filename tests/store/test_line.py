"""Who is next: the most due of each class, and nobody passed over."""

from __future__ import annotations

from store import line
from store.database import Database
from store.line import Heads
from tests.rows import MINUTE, NOW, due_in, open_cases, person


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
