"""A database is brought to the program's tables, or refused and left as it was."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from handoff.searching import find, parse
from store.database import Database, open_database
from store.errors import DatabaseNewer
from store.migrate import _config, head, known, migrate, revision_of
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


def _beside(name: str | None) -> bool:
    """What stands beside the tables: each database's own index of words."""
    return name is not None and (name == "message_words" or name.startswith(("message_words_", "ix_message_words")))


def _ours(_object: Any, name: str | None, *_rest: Any) -> bool:
    return not _beside(name)


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
        opts = {"compare_type": True, "include_object": _ours}
        return list(compare_metadata(MigrationContext.configure(connection, opts=opts), metadata))

    assert await _look(database, differences) == []
    shape = await _look(database, _shape)
    assert {name for name in shape if not _beside(name)} == {*metadata.tables, "alembic_version"}
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


async def test_what_was_written_before_there_was_a_search_is_found(bare: str) -> None:
    database = open_database(bare)
    async with database.write("test") as connection:
        await connection.run_sync(lambda plain: command.upgrade(_config(plain), "0009"))
        for statement in BEFORE_THE_SEARCH:
            await connection.exec_driver_sql(statement)
    await migrate(database)
    async with database.read() as connection:
        for query, ids in {"lantern": [1], "from:souza": [1], "bericht": [2], "code": [3], "4711": []}.items():
            found = await find(connection, parse(query, me=1))
            assert [hit.row["id"] for hit in found.hits] == ids, query
        assert [who["name"] for who in (await find(connection, parse("souza", me=1))).people] == ["Ana"]
    await database.close()


BEFORE_THE_SEARCH = (
    "INSERT INTO customer (id, name, created_at) VALUES (1, 'Ana', 1)",
    "INSERT INTO identity (id, customer_id, channel, account, external_id, key, email, created_at)"
    " VALUES (1, 1, 'web', 'd', 'e', 'k', 'ana@souza.example', 1)",
    "INSERT INTO conversation (id, key, customer_id, identity_id, channel, account, place, recipient, created_at,"
    " last_in_at) VALUES (1, 'k', 1, 1, 'web', 'd', 'p', 'r', 1, 1)",
    "INSERT INTO message (id, conversation_id, seq, direction, author, identity_id, kind, body, created_at)"
    " VALUES (1, 1, 1, 'in', 'customer', 1, 'text', 'my Länterń is broken', 1)",
    "INSERT INTO message (id, conversation_id, seq, direction, author, kind, body, created_at)"
    " VALUES (2, 1, 2, 'in', 'customer', 'text', '', 1)",
    "INSERT INTO attachment (message_id, name, media_type, size, created_at) VALUES (2, 'Bericht.pdf', 'a', 1, 1)",
    "INSERT INTO message (id, conversation_id, seq, direction, author, kind, body, meta, created_at)"
    """ VALUES (3, 1, 3, 'out', 'agent', 'text', 'WL-4711', '{"masked": "a code"}', 1)""",
)
