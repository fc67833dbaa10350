"""A database is brought to the program's tables, or refused and left as it was."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from store.database import Database, open_database
from store.errors import DatabaseNewer
from store.migrate import head, known, migrate, revision_of
from store.tables import metadata
from tests.databases import DIALECTS, new_postgresql

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=DIALECTS)
async def bare(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables."""
    return f"sqlite:///{tmp_path}/bare.db" if request.param == "sqlite" else await new_postgresql("warmline_bare")


async def _look(database: Database, look: Any) -> Any:
    async with database.read() as connection:
        return await connection.run_sync(look)


def _shape(connection: Connection) -> dict[str, Any]:
    """Tables, columns and indexes as the database itself tells them."""
    looking = inspect(connection)
    return {
        name: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in looking.get_columns(name)],
            sorted(str(index["name"]) for index in looking.get_indexes(name)),
        )
        for name in looking.get_table_names()
    }


async def _revision(database: Database) -> str:
    async with database.read() as connection:
        return str((await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one())


def test_the_names_of_the_steps_tell_their_order() -> None:
    steps = ScriptDirectory(str(ROOT / "store" / "migrations"))
    assert [step.revision for step in steps.walk_revisions()] == known()[::-1]
    assert steps.get_current_head() == head()


async def test_a_database_without_our_tables_has_no_revision(bare: str) -> None:
    database = open_database(bare)
    assert await _look(database, revision_of) is None
    await migrate(database)
    assert await _look(database, revision_of) == head()
    await database.close()


async def test_the_migrations_make_exactly_the_tables_of_the_program(database: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))

    assert await _look(database, differences) == []
    shape = await _look(database, _shape)
    assert set(shape) == {*metadata.tables, "alembic_version"}
    for table in metadata.sorted_tables:
        # Alembic does not compare expression indexes: every index is looked for by name.
        assert {str(index.name) for index in table.indexes} <= set(shape[table.name][1])


async def test_migrating_again_changes_nothing(bare: str) -> None:
    database = open_database(bare)
    await migrate(database)
    before = await _look(database, _shape)
    assert len(before) > 20
    await migrate(database)
    assert await _look(database, _shape) == before
    assert await _revision(database) == head()
    await database.close()


async def test_a_newer_database_is_refused_by_both_numbers_and_not_touched(bare: str) -> None:
    database = open_database(bare)
    async with database.write("test") as connection:
        await connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        await connection.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
        await connection.execute(text("CREATE TABLE from_the_future (id INTEGER)"))
    before = await _look(database, _shape)
    with pytest.raises(DatabaseNewer, match=rf"newer.*'9999'.*{head()!r}.*backup"):
        await migrate(database)
    assert await _look(database, _shape) == before
    assert await _revision(database) == "9999"
    await database.close()


async def test_a_step_that_fails_leaves_no_half_made_database(bare: str) -> None:
    database = open_database(bare)
    async with database.write("test") as connection:
        await connection.execute(text("CREATE TABLE verdict (id INTEGER)"))  # in the way of a later CREATE TABLE
    before = await _look(database, _shape)
    with pytest.raises(Exception, match="verdict"):
        await migrate(database)
    assert await _look(database, _shape) == before
    await database.close()


async def test_several_that_start_at_once_migrate_one_after_the_other(bare: str) -> None:
    if bare.startswith("sqlite"):
        # One process holds the home; what is left is two engines within it.
        first, second = open_database(bare), open_database(bare)
        many = [first, second]
    else:
        many = [open_database(bare) for _ in range(4)]
    await asyncio.gather(*(migrate(database) for database in many))
    for database in many:
        assert await _revision(database) == head()
    assert set(metadata.tables) <= set(await _look(many[0], _shape))
    for database in many:
        await database.close()
