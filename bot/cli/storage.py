"""The database, for a short command: beside a running desk, or before the first start of one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Literal

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError

from bot.cli.terminal import Refused
from bot.settings import Settings
from store import migrate
from store.database import Database, open_database, sqlite_url
from store.errors import DatabaseAway, HomeInUse
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


def opened(settings: Settings) -> Database:
    """Engines for the database in use; nothing is connected yet.

    Raises:
        DatabaseSetting, Refused: the address names no database that can be used.
    """
    database = open_database(address(settings)) if _names_one(settings) else None
    if database is None:
        raise Refused(
            "WARMLINE_DATABASE_URL names no file in a folder that is there. Write sqlite:////path/to/warmline.db, "
            "or leave it out."
        )
    return database


def _names_one(settings: Settings) -> bool:
    if settings.database_url is None or not address(settings).startswith("sqlite"):
        return True  # the home folder is made when it is needed, and a server speaks for itself
    file = file_of(address(settings))
    return file is not None and str(file) != ":memory:" and file.parent.is_dir()


def is_there(settings: Settings) -> bool:
    """False before the first start, when there is not even a file. A server's database counts as there."""
    file = file_of(address(settings))
    return file is None or file.exists()


async def age_of(database: Database) -> Age:
    """How the tables compare with what this program knows. Changes nothing.

    Raises:
        DatabaseAway: it does not answer.
    """
    with _told_as_away(database):
        async with database.read() as connection:
            found = await connection.run_sync(migrate.revision_of)
    if found is None:
        return "empty"
    if found == migrate.head():
        return "current"
    return "older" if found in migrate.known() else "newer"


@contextmanager
def _told_as_away(database: Database) -> Iterator[None]:
    """What drivers raise at the first contact, for a name, a password, a file that is wrong."""
    try:
        yield
    except OSError as error:
        raise DatabaseAway(
            f"The database cannot be reached: {error.strerror or error}. Check WARMLINE_DATABASE_URL."
        ) from error
    except DBAPIError as error:
        if type(error) not in (DBAPIError, DatabaseError):
            raise  # a fault in a statement is ours
        remedy = "Check WARMLINE_DATABASE_URL."
        if database.dialect == "sqlite":
            remedy = f"Restore {file_of(database.url)} from a backup, or move it away to begin anew."
        raise DatabaseAway(f"The database cannot be used: {error.orig}. {remedy}") from error


@asynccontextmanager
async def storage(settings: Settings) -> AsyncIterator[Database]:
    """The database with this program's tables. They are made or brought up to date only where no desk is running.

    Raises:
        StoreError, Refused: what is in the way, and what to do.
    """
    database = opened(settings)
    try:
        if database.dialect == "sqlite":
            await _prepare_file(database, settings.home)
        else:
            await _prepare_server(database)
        yield database
    except DatabaseAway:
        await asyncio.sleep(0.05)  # the driver's thread still has a word to say about a connection that failed
        raise
    finally:
        await database.close()


async def _prepare_file(database: Database, home: Path) -> None:
    try:
        # Held only while the tables are made: a desk that starts meanwhile would be refused.
        with HomeLock(home), _told_as_away(database):
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
