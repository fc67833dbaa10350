"""What goes wrong with a database is told as what it is: away, another version's, or our own fault."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database, open_database
from store.errors import DatabaseAway, TablesDiffer
from store.migrate import migrate
from store.tables import agent, case, due, setting
from tests.databases import DIALECTS, new_postgresql
from tests.people import Office
from tests.rows import MINUTE, NOW

_numbers = itertools.count()


@pytest.fixture(params=DIALECTS)
async def own(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database whose tables a test may spoil."""
    name = f"warmline_spoilt_{next(_numbers)}"
    database = open_database(
        f"sqlite:///{tmp_path}/own.db" if request.param == "sqlite" else await new_postgresql(name)
    )
    await migrate(database)
    yield database
    await database.close()


async def run(database: Database, statement: str) -> None:
    async with database.write("test") as connection:
        await connection.execute(text(statement))


@pytest.mark.parametrize("spoilt", ["ALTER TABLE setting DROP COLUMN updated_at", "DROP TABLE setting"])
async def test_a_missing_column_or_table_is_told_and_is_no_outage(own: Database, spoilt: str) -> None:
    await run(own, spoilt)
    missing = "updated_at" if "COLUMN" in spoilt else "setting"
    with pytest.raises(TablesDiffer, match=rf"tables are not those of this program: .*{missing}.*newest version"):
        async with own.read() as connection:
            await connection.execute(select(setting))
    with pytest.raises(TablesDiffer, match=missing):
        async with own.write("test") as connection:
            await connection.execute(insert(setting).values(key="k", value=1, updated_at=NOW))
    with pytest.raises(TablesDiffer, match=missing):
        async with own.write("test") as connection:
            await connection.execute(update(setting).values(updated_at=NOW))
    async with own.read() as connection:  # and everything else goes on
        assert (await connection.execute(select(agent.c.id))).all() == []


async def test_the_clock_stops_at_other_tables_and_gives_nothing_up(own: Database) -> None:
    office = Office(own)
    await office.customer(tier="problem")
    await run(own, 'ALTER TABLE "case" RENAME COLUMN breached_at TO broken_at')
    office.now += 300 * MINUTE
    for _ in range(7):
        with pytest.raises(TablesDiffer, match="breached_at"):
            await office.clock().tick()
    await run(own, 'ALTER TABLE "case" RENAME COLUMN broken_at TO breached_at')
    async with own.read() as connection:
        rows = (await connection.execute(select(due.c.attempts, due.c.consumed_at))).all()
    assert rows == [(0, None)]
    await office.tick()
    async with own.read() as connection:
        assert (await connection.execute(select(case.c.breached_at))).scalar_one() == office.now


async def test_a_fault_in_a_statement_is_ours_and_no_outage(own: Database) -> None:
    for statement in ("SELECT 1 +", "SELECT nonsense(1)"):
        with pytest.raises(DBAPIError):
            await run(own, statement)


async def test_a_database_that_cannot_be_opened_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("this is no database, however long one looks at it" * 100)
    for address in (
        f"sqlite:///{tmp_path}/nowhere/w.db",
        f"sqlite:///{tmp_path}/file",
        "postgresql://nobody@127.0.0.1:1/none",
    ):
        database = open_database(address)
        with pytest.raises(DatabaseAway):
            async with database.read() as connection:
                await connection.execute(select(agent))
        await database.close()


async def test_a_row_that_is_held_for_too_long_is_away() -> None:
    database = open_database(await new_postgresql("warmline_held"))
    await migrate(database)

    async def wait() -> None:
        async with database.write("test") as connection:
            await connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
            await connection.execute(text("LOCK TABLE setting"))

    async with database.write("test") as connection:
        await connection.execute(text("LOCK TABLE setting"))
        with pytest.raises(DatabaseAway):
            await wait()
    await database.close()


async def test_work_is_committed_whole_or_not_at_all(own: Database) -> None:
    async def keep(connection: AsyncConnection, *, fail: bool) -> str:
        await connection.execute(insert(setting).values(key=f"k{fail}", value=1, updated_at=NOW))
        if fail:
            raise LookupError("no")
        return "kept"

    assert await own.commit("test", partial(keep, fail=False)) == "kept"
    with pytest.raises(LookupError, match="no"):
        await own.commit("test", partial(keep, fail=True))

    async def keys(connection: AsyncConnection) -> list[str]:
        return list((await connection.execute(select(setting.c.key))).scalars())

    assert await own.look(keys) == ["kFalse"]


async def test_work_and_blocks_take_turns(own: Database) -> None:
    """However they are mixed, each sees what was committed before it, and no count is lost."""

    async def add(connection: AsyncConnection) -> None:
        value = (await connection.execute(select(setting.c.value).with_for_update())).scalar_one()
        await connection.execute(update(setting).values(value=value + 1))

    async def add_in_a_block() -> None:
        async with own.write("test") as connection:
            await add(connection)

    async with own.write("test") as connection:
        await connection.execute(insert(setting).values(key="count", value=0, updated_at=NOW))
    await asyncio.gather(*(own.commit("test", add) if n % 2 else add_in_a_block() for n in range(40)))
    async with own.read() as connection:
        assert (await connection.execute(select(setting.c.value))).scalar_one() == 40


async def test_work_that_looks_may_not_write(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/w.db")
    await migrate(database)

    async def write(connection: AsyncConnection) -> None:
        await connection.execute(insert(setting).values(key="k", value=1, updated_at=NOW))

    with pytest.raises(DatabaseAway, match="readonly"):
        await database.look(write)
    await database.close()


async def test_work_that_waits_for_something_else_is_refused_and_rolled_back(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/w.db")
    await migrate(database)

    async def wait(connection: AsyncConnection) -> None:
        await connection.execute(insert(setting).values(key="k", value=1, updated_at=NOW))
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="await nothing but its connection"):
        await database.commit("test", wait)
    async with database.read() as connection:
        assert (await connection.execute(select(setting.c.key))).all() == []
    await database.close()


async def test_work_on_a_database_that_is_away(tmp_path: Path) -> None:
    for address in (f"sqlite:///{tmp_path}/nowhere/w.db", "postgresql://nobody@127.0.0.1:1/none"):
        database = open_database(address)

        async def ask(connection: AsyncConnection) -> object:
            return await connection.execute(select(setting))

        with pytest.raises(DatabaseAway):
            await database.look(ask)
        with pytest.raises(DatabaseAway):
            await database.commit("test", ask)
        await database.close()


async def test_a_connection_that_is_given_up_lets_go_of_its_lock(tmp_path: Path) -> None:
    """Also where a cursor of it lives on, as after a cancellation in the middle of a statement."""
    database = open_database(f"sqlite:///{tmp_path}/given-up.db")
    await run(database, "CREATE TABLE t (a INTEGER)")
    await run(database, "INSERT INTO t VALUES (1), (2), (3)")
    with suppress(PendingRollbackError):  # at its end the block has nothing left to commit
        async with database.write("test") as connection:
            await connection.execute(text("INSERT INTO t VALUES (4)"))
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            unfinished = await driver.execute("SELECT a FROM t")
            await connection.invalidate()
    plain = sqlite3.connect(tmp_path / "given-up.db", timeout=0.0, isolation_level=None)
    plain.execute("BEGIN IMMEDIATE")
    assert plain.execute("SELECT count(*) FROM t").fetchall() == [(3,)]
    plain.close()
    del unfinished
    await database.close()
