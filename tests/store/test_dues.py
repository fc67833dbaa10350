"""What comes due comes once, whoever looks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from store import dues
from store.changes import Changes
from store.database import Database
from store.tables import due
from tests.rows import MINUTE, NOW, SECOND, add, row_of


async def put(database: Database, kind: str = "breach", subject: int = 1, *, at: timedelta = timedelta()) -> int:
    return await add(database, due, kind=kind, subject=subject, at=NOW + at, created_at=NOW)


async def arrived(database: Database, *, at: timedelta = timedelta(), limit: int = 50) -> list[int]:
    async with database.read() as connection:
        return [row.id for row in await dues.arrived(connection, NOW + at, limit=limit)]


async def test_the_longest_overdue_comes_first_and_nothing_before_its_time(database: Database) -> None:
    later, now, early = [await put(database, at=at) for at in (SECOND, timedelta(), -MINUTE)]
    assert await arrived(database) == [early, now]
    assert await arrived(database, at=SECOND) == [early, now, later]
    assert await arrived(database, limit=1) == [early]


async def test_a_due_row_holds_what_it_was_given(database: Database) -> None:
    changes = Changes()
    changes.due("notify", 7, NOW, now=NOW, data={"attempt": 2})
    changes.due("breach", 8, NOW, now=NOW)
    async with database.write("test") as connection:
        await changes.write(connection)
        first, second = await dues.arrived(connection, NOW, limit=5)
    assert (first.kind, first.subject, first.data, first.attempts) == ("notify", 7, {"attempt": 2}, 0)
    assert (second.kind, second.data) == ("breach", {})


async def test_a_call_that_failed_and_is_replaced_was_not_given_up(database: Database) -> None:
    failed = await put(database, "notify", subject=7)
    changes = Changes()
    changes.due("notify", 7, NOW + MINUTE, now=NOW)
    async with database.write("test") as connection:
        await dues.put_off(connection, failed, NOW + MINUTE, "the pager is broken")
        await changes.write(connection)
        assert await dues.dead(connection) == []
        assert [row.id for row in await dues.arrived(connection, NOW + MINUTE, limit=5)] == [failed + 1]


async def test_of_many_at_once_one_consumes(database: Database) -> None:
    id_ = await put(database)

    async def take() -> bool:
        async with database.write("test") as connection:
            return await dues.consume(connection, id_, NOW)

    assert sorted(await asyncio.gather(*(take() for _ in range(12)))) == [False] * 11 + [True]
    assert await arrived(database) == []


async def test_what_is_consumed_in_a_unit_that_fails_comes_again(database: Database) -> None:
    id_ = await put(database)
    try:
        async with database.write("test") as connection:
            assert await dues.consume(connection, id_, NOW)
            raise KeyError
    except KeyError:
        assert await arrived(database) == [id_]


async def test_what_is_put_off_comes_later_and_counts_its_tries(database: Database) -> None:
    id_ = await put(database)
    async with database.write("test") as connection:
        await dues.put_off(connection, id_, NOW + MINUTE, "away")
    assert await arrived(database) == []
    assert await arrived(database, at=MINUTE) == [id_]
    row = await row_of(database, due, id_)
    assert (row["attempts"], row["error"]) == (1, "away")


async def test_what_is_given_up_is_seen_and_can_be_revived(database: Database) -> None:
    id_ = await put(database)
    async with database.write("test") as connection:
        assert not await dues.revive(connection, id_, NOW)
        await dues.give_up(connection, id_, NOW, "five times")
        assert [(row["id"], row["error"]) for row in await dues.dead(connection)] == [(id_, "five times")]
    assert await arrived(database) == []
    async with database.write("test") as connection:
        assert await dues.revive(connection, id_, NOW + MINUTE)
        assert await dues.dead(connection) == []
    assert await arrived(database) == []
    assert await arrived(database, at=MINUTE) == [id_]


async def test_what_was_consumed_is_neither_put_off_nor_given_up(database: Database) -> None:
    id_ = await put(database)
    async with database.write("test") as connection:
        await dues.consume(connection, id_, NOW)
        await dues.put_off(connection, id_, NOW, "late")
        await dues.give_up(connection, id_, NOW, "late")
        assert await dues.dead(connection) == []
    assert (await row_of(database, due, id_))["attempts"] == 0


async def test_what_recovered_after_being_put_off_is_not_among_the_dead(database: Database) -> None:
    id_ = await put(database)
    async with database.write("test") as connection:
        await dues.put_off(connection, id_, NOW, "away for a moment")
        await dues.consume(connection, id_, NOW)
    async with database.read() as connection:
        assert await dues.dead(connection) == []


async def test_pages_of_those_given_up(database: Database) -> None:
    ids = [await put(database) for _ in range(5)]
    async with database.write("test") as connection:
        for id_ in ids:
            await dues.give_up(connection, id_, NOW, "why")
        assert [row["id"] for row in await dues.dead(connection, limit=2)] == [ids[4], ids[3]]
        assert [row["id"] for row in await dues.dead(connection, before=ids[3], limit=2)] == [ids[2], ids[1]]
        assert [row["id"] for row in await dues.dead(connection, before=ids[1])] == [ids[0]]
