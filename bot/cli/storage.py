"""The database, for a short command: beside a running desk, or before the first start of one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from bot.cli.terminal import Refused
from bot.settings import Settings
from store import migrate
from store.database import Database, open_database, sqlite_url
from store.errors import HomeInUse
from store.homelock import HomeLock

Age = Literal["empty", "older", "current", "newer"]

PATIENCE: Final = 20.0
"""Seconds that a desk which has just started may take to bring its tables up to date."""


def address(settings: Settings) -> str:
    """The database in use: the one that was set, or the file in the home folder."""
    return settings.database_url.get_secret_value() if settings.database_url is not None else sqlite_url(settings.home)


def file_of(url: str) -> Path | None:
    """The file of a SQLite database; None for a server's."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def is_there(settings: Settings) -> bool:
    """False before the first start, when there is not even a file. A server's database counts as there."""
    file = file_of(address(settings))
    return file is None or file.exists()


async def age_of(database: Database) -> Age:
    """How the tables compare with what this program knows. Changes nothing.

    Raises:
        DatabaseAway: it does not answer.
    """
    async with database.read() as connection:
        found = await connection.run_sync(lambda plain: MigrationContext.configure(plain).get_current_revision())
    if found is None:
        return "empty"
    if found == migrate.head():
        return "current"
    steps = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations")).walk_revisions()
    return "older" if found in {step.revision for step in steps} else "newer"


@asynccontextmanager
async def storage(settings: Settings) -> AsyncIterator[Database]:
    """The database with this program's tables. They are made or brought up to date only where no desk is running.

    Raises:
        StoreError, Refused: what is in the way, and what to do.
    """
    database = open_database(address(settings))
    try:
        if database.dialect == "sqlite":
            await _prepare_file(database, settings.home)
        else:
            await _prepare_server(database)
        yield database
    finally:
        await database.close()


async def _prepare_file(database: Database, home: Path) -> None:
    try:
        # Held only while the tables are made: a desk that starts meanwhile would be refused.
        with HomeLock(home):
            await migrate.migrate(database)
    except HomeInUse:
        await _await_desk(database, home)


async def _await_desk(database: Database, home: Path) -> None:
    """A desk holds the home folder, so the tables are its business; it may have only just started."""
    end = time.monotonic() + PATIENCE
    while (age := await age_of(database)) != "current":
        if age == "newer":
            await migrate.migrate(database)  # refuses, with the sentence
        if time.monotonic() > end:
            raise Refused(
                f"The desk that runs in {home} uses another version of the database. Start it again with this version."
            )
        await asyncio.sleep(0.1)


async def _prepare_server(database: Database) -> None:
    # Desks of the old version may be running on a database server: only their successor's start may change its tables.
    if await age_of(database) == "older":
        raise Refused(
            "The database is of an older version. Start the desk of this version (warmline run), which updates it."
        )
    await migrate.migrate(database)
