"""Once a day what is too old leaves, in bites, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select

from bot.clock import Clock
from store import drafts, sweep
from store.database import Database
from store.sweep import BITE, DRAFTS_FOR, DUES_FOR, EVERY, HOLDS_FOR, KEYS_FOR
from store.tables import due, hold, idempotency
from store.words import case_id
from tests.people import Office
from tests.rows import NOW, SECOND, person

DAY = timedelta(days=1)


async def put_keys(database: Database, *ages: timedelta) -> None:
    lea = await person(database)
    async with database.write("test") as connection:
        await connection.execute(
            insert(idempotency),
            [
                {"agent_id": lea.id, "key": f"k{n}", "digest": "d", "response": {}, "created_at": NOW - age}
                for n, age in enumerate(ages)
            ],
        )


async def put_dues(database: Database, *consumed: timedelta | None, error: str | None = None) -> None:
    async with database.write("test") as connection:
        await connection.execute(
            insert(due),
            [
                {"kind": "breach", "subject": n, "at": NOW - 99 * DAY, "created_at": NOW - 99 * DAY, "error": error,
                 "consumed_at": NOW - age if age is not None else None}
                for n, age in enumerate(consumed)
            ],
        )  # fmt: skip


async def left(database: Database, table: Any) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def swept(clock: Clock) -> int:
    """Bites until nothing is left to do."""
    bites = 1
    while await clock.sweep():
        bites += 1
    return bites


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


async def test_only_what_is_too_old_leaves(office: Office) -> None:
    await put_keys(office.database, KEYS_FOR + SECOND, KEYS_FOR - SECOND, timedelta())
    await put_dues(office.database, DUES_FOR + SECOND, DUES_FOR - SECOND, timedelta(), None)
    await put_dues(office.database, DUES_FOR * 9, error="given up: people look at it")
    await swept(office.clock())
    async with office.database.read() as connection:
        keys = (await connection.execute(select(idempotency.c.key).order_by(idempotency.c.key))).scalars().all()
        rows = (await connection.execute(select(due.c.subject, due.c.error).order_by(due.c.id))).all()
    assert keys == ["k1", "k2"]
    assert [tuple(row) for row in rows] == [
        (1, None), (2, None), (3, None), (0, "given up: people look at it"),
    ]  # fmt: skip


async def test_it_takes_bites(office: Office) -> None:
    await put_dues(office.database, *[DUES_FOR * 2] * (2 * BITE + 5))
    await put_keys(office.database, *(KEYS_FOR + n * SECOND for n in range(1, 2 * BITE + 6)))
    clock = office.clock()
    assert await clock.sweep()
    assert (await left(office.database, due), await left(office.database, idempotency)) == (BITE + 5, BITE + 5)
    assert await swept(clock) == 2
    assert (await left(office.database, due), await left(office.database, idempotency)) == (0, 0)


async def test_keys_of_one_moment_leave_together(office: Office) -> None:
    await put_keys(office.database, *[KEYS_FOR * 2] * (BITE + 5))
    assert await swept(office.clock()) == 2
    assert await left(office.database, idempotency) == 0


async def test_it_sweeps_once_a_day_also_after_a_long_sleep(office: Office) -> None:
    clock = office.clock()
    for day, kept in ((0, 0), (0, 1), (1, 0), (40, 0)):
        office.now = NOW + day * DAY
        await put_dues(office.database, NOW - office.now + DUES_FOR * 2)
        await swept(clock)
        assert await left(office.database, due) == kept, day
    office.now += EVERY - SECOND
    await put_dues(office.database, NOW - office.now + DUES_FOR * 2)
    await swept(clock)
    assert await left(office.database, due) == 1
    office.now -= 99 * DAY  # the clock was put back: it must not stop for as long
    await put_dues(office.database, NOW - office.now + DUES_FOR * 2)
    await swept(clock)
    assert await left(office.database, due) == 1


async def test_several_desks_sweep_once_between_them(office: Office) -> None:
    await put_dues(office.database, *[DUES_FOR * 2] * (3 * BITE))
    finished: list[datetime] = []
    deleted: list[int] = []

    def note(_c: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM due"):
            deleted.append(cursor.rowcount)
        elif "INSERT INTO setting" in statement and "UPDATE" in statement:
            finished.append(office.now)

    engine = office.database._writer.sync_engine
    event.listen(engine, "after_cursor_execute", note)
    await asyncio.gather(*(swept(office.clock()) for _ in range(3)))
    event.remove(engine, "after_cursor_execute", note)
    assert await left(office.database, due) == 0
    assert deleted == [BITE, BITE, BITE, 0]
    assert len(finished) == 1


async def test_a_sweep_that_is_cut_off_goes_on_where_it_was(office: Office) -> None:
    await put_dues(office.database, *[DUES_FOR * 2] * (2 * BITE))
    assert await office.clock().sweep()
    async with office.database.read() as connection:
        assert await sweep.is_due(connection, office.now)
    await swept(office.clock())  # another desk, or the same one after a start
    assert await left(office.database, due) == 0
    async with office.database.read() as connection:
        assert not await sweep.is_due(connection, office.now)


async def test_a_running_clock_sweeps(office: Office) -> None:
    await put_dues(office.database, *[DUES_FOR * 2] * (BITE + 1))
    running = asyncio.create_task(office.clock().run())
    async with asyncio.timeout(20):
        while await left(office.database, due):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_drafts_that_nobody_touches_and_replies_that_have_ended_leave(office: Office) -> None:
    lea, number = await person(office.database), await office.customer()
    id_ = case_id(number) or 0
    async with office.database.write("test") as connection:
        for mode, age in (("reply", DRAFTS_FOR + SECOND), ("note", DRAFTS_FOR - SECOND)):
            await drafts.put(connection, lea.id, id_, mode, "words", NOW - age)
        await connection.execute(
            insert(hold),
            [
                {"case_id": id_, "agent_id": lea.id, "text": "", "after_seq": 1, "made_at": NOW, "leaves_at": NOW,
                 "state": state, "ended_at": NOW - age if age is not None else None}
                for state, age in (
                    ("left", HOLDS_FOR + SECOND), ("taken_back", HOLDS_FOR - SECOND), ("refused", 9 * DAY),
                    ("held", None),
                )
            ],
        )  # fmt: skip
    await swept(office.clock())
    async with office.database.read() as connection:
        assert list(await drafts.of(connection, lea.id, id_)) == ["note"]
        states = (await connection.execute(select(hold.c.state).order_by(hold.c.id))).scalars().all()
    assert states == ["taken_back", "held"]
