"""Connections and transactions: one way to read, one way to write, for SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import Select, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from store import faults
from store.errors import DatabaseAway, DatabaseSetting, TablesDiffer
from store.threads import LOOKERS, T, Threads, Work
from store.together import Find, Together

Dialect = Literal["sqlite", "postgresql"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Database:
    """The engines of one database. Make it with `open_database`.

    SQLite has one writing connection (BEGIN IMMEDIATE, so that a transaction never fails half-way with "database is
    locked") and a few that only read; PostgreSQL has one pool for both.
    """

    def __init__(
        self, *, url: str, dialect: Dialect, reader: AsyncEngine, writer: AsyncEngine, threads: Threads | None = None
    ) -> None:
        self.url = url
        self.dialect: Dialect = dialect
        self._reader = reader
        self._writer = writer
        self._threads = threads
        self._turn = asyncio.Lock() if dialect == "sqlite" else None
        self._together: dict[Any, Together[Any, Any]] = {}

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view, for reading only.

        Raises:
            DatabaseAway: the database does not answer.
            TablesDiffer: its tables are not those of this program.
        """
        with _told():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self, unit: str) -> AsyncIterator[AsyncConnection]:
        """One unit of work in one transaction: committed at the end of the block, rolled back if it raises.

        `unit` names it for the labelled points `<unit>.before-commit` and `<unit>.after-commit`.

        Raises:
            DatabaseAway: the database does not answer, or its disk is full; nothing was kept.
            TablesDiffer: its tables are not those of this program; nothing was kept.
        """
        with _told():
            if self._turn is None:
                async with self._transaction(unit) as connection:
                    yield connection
                return
            async with self._turn, self._transaction(unit) as connection:
                yield connection

    async def commit(self, unit: str, work: Work[T]) -> T:
        """`write` for the paths that every message takes: on SQLite all of `work` is done in the writer's thread.

        `write` crosses to that thread and back for each statement, and each crossing waits for the interpreter while
        the classifier's threads compute. If the caller is cancelled, the transaction may still be committed.

        Raises:
            DatabaseAway: as `write`.
        """
        if self._threads is None or self._turn is None:
            async with self.write(unit) as connection:
                return await work(connection)
        with _told():
            async with self._turn:
                return await self._threads.write(unit, work)

    async def look(self, work: Work[T]) -> T:
        """`read` for the paths that every message takes, as `commit` is for `write`."""
        if self._threads is None:
            async with self.read() as connection:
                return await work(connection)
        with _told():
            return await self._threads.read(work)

    async def look_for(self, key: K, find: Find[K, V]) -> V | None:
        """`look` for what many ask at one moment: `find`, a function of a module, reads for all of them at once.

        Raises:
            DatabaseAway: as `read`.
        """
        together: Together[K, V] | None = self._together.get(find)
        if together is None:
            together = self._together[find] = Together(self.look, find)
        return await together.get(key)

    @asynccontextmanager
    async def _transaction(self, unit: str) -> AsyncIterator[AsyncConnection]:
        async with self._writer.begin() as connection:
            yield connection
            faults.reach(f"{unit}.before-commit")
        faults.reach(f"{unit}.after-commit")

    async def explain(self, query: Select[Any]) -> str:
        """The database's plan for a query, as text: tests hold that lists use an index."""
        dialect: Any = sqlite.dialect() if self.dialect == "sqlite" else postgresql.dialect()  # type: ignore[no-untyped-call]
        literal = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        prefix = "EXPLAIN QUERY PLAN" if self.dialect == "sqlite" else "EXPLAIN"
        async with self.read() as connection:
            rows = (await connection.execute(text(f"{prefix} {literal}".replace(":", "\\:")))).all()
        return "\n".join(str(row[-1]) for row in rows)

    async def close(self) -> None:
        if self._threads is not None:
            await asyncio.to_thread(self._threads.close)
        await self._reader.dispose()
        if self._writer is not self._reader:
            await self._writer.dispose()


class _told:
    """Turns what drivers raise for a lost, full or locked database into `DatabaseAway`, for other tables into
    `TablesDiffer`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        reason = (str(getattr(error, "orig", None) or error).strip() or type(error).__name__).splitlines()[0]
        if _differs(error):
            raise TablesDiffer(
                f"The database's tables are not those of this program: {reason}. Another version of Warmline is or was "
                "at work on them. Stop every desk on this database and start the newest version, or restore the backup "
                "that goes with this one."
            ) from error
        if _lost(error):
            raise DatabaseAway(f"The database refused: {reason}") from error


def _differs(error: BaseException) -> bool:
    """Is a table or a column missing? SQLite tells it in words only."""
    if not isinstance(error, DBAPIError):
        return False
    if getattr(error.orig, "sqlstate", None) in ("42P01", "42703"):
        return True
    return _is_sql_error(error) and re.search("no such (table|column)|has no column named", str(error.orig)) is not None


def _is_sql_error(error: DBAPIError) -> bool:
    """SQLite's word for a statement that it cannot run, whatever the state of the file."""
    return (getattr(error.orig, "sqlite_errorcode", None) or 0) & 0xFF == sqlite3.SQLITE_ERROR


def _lost(error: BaseException) -> bool:
    """Is this the database being away, and not something wrong with what it was given?

    A DBAPIError of no finer kind is what drivers make of "no such database", "wrong password", "not a database"; an
    OSError is a socket that is gone, a network that does not answer. Blocks do nothing else that could raise one.
    """
    if isinstance(error, (OSError, PoolTimeout)):
        return True
    if not isinstance(error, DBAPIError) or _is_sql_error(error):
        return False
    state = str(getattr(error.orig, "sqlstate", None) or "")
    cause = getattr(error.orig, "__cause__", None)
    if state[:2] in ("22", "23") or type(cause).__name__ == "DataError":
        return False
    return (
        isinstance(error, (OperationalError, InterfaceError))
        or type(error) in (DBAPIError, DatabaseError)
        or error.connection_invalidated
    )


def sqlite_url(home: Path) -> str:
    """The default database: a file in the home folder."""
    return f"sqlite+aiosqlite:///{home / 'warmline.db'}"


def is_in(home: Path, database: Database) -> bool:
    """Is it a file in this folder? Then whoever holds the folder's lock is alone with it."""
    file = make_url(database.url).database if database.dialect == "sqlite" else None
    return file is not None and Path(file).resolve().parent == home.resolve()


def open_database(url: str) -> Database:
    """Engines for `url`; no connection is made yet.

    Takes `sqlite:///path`, `postgresql://…` or `postgres://…`; the asynchronous driver is filled in.

    Raises:
        DatabaseSetting: the address is not one of these.
    """
    try:
        parsed = make_url(url)
    except Exception as error:
        raise DatabaseSetting(
            "WARMLINE_DATABASE_URL is not a database address. Write postgresql://user:password@host/name, "
            "or leave it out for the SQLite file in the home folder."
        ) from error
    match parsed.get_backend_name():
        case "sqlite" if parsed.database in (None, "", ":memory:"):
            raise DatabaseSetting(
                "WARMLINE_DATABASE_URL names SQLite without a file. Write sqlite:////path/to/file.db."
            )
        case "sqlite":
            return _open_sqlite(parsed.set(drivername="sqlite+aiosqlite").render_as_string(hide_password=False))
        case "postgresql" | "postgres":
            return _open_postgresql(parsed.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False))
        case other:
            raise DatabaseSetting(
                f"WARMLINE_DATABASE_URL names {other}, which Warmline cannot use. Use sqlite or postgresql."
            )


class _LettingGo(sqlite3.Connection):
    """A connection that holds no lock once it is closed.

    Where a task is cancelled in the middle of a statement its cursor may outlive the connection. SQLite then keeps the
    closed connection, with its transaction and its lock on the whole database, until that cursor is collected.
    """

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.rollback()
        super().close()


def _open_sqlite(url: str) -> Database:
    options: dict[str, Any] = {"connect_args": {"timeout": 30, "factory": _LettingGo}, "hide_parameters": True}
    writer = create_async_engine(url, pool_size=1, max_overflow=0, **options)
    reader = create_async_engine(url, pool_size=4, max_overflow=4, **options)
    plain = make_url(url).set(drivername="sqlite+pysqlite")
    writing = create_engine(plain, pool_size=1, max_overflow=0, **options)
    reading = create_engine(plain, pool_size=LOOKERS, **options)
    for engine in (writer.sync_engine, writing):
        event.listen(engine, "connect", _prepare_sqlite_writer)
        event.listen(engine, "begin", _begin_immediate)
    for engine in (reader.sync_engine, reading):
        event.listen(engine, "connect", _prepare_sqlite_reader)
        event.listen(engine, "begin", _begin_deferred)
    threads = Threads(reader=reading, writer=writing)
    return Database(url=url, dialect="sqlite", reader=reader, writer=writer, threads=threads)


def _open_postgresql(url: str) -> Database:
    engine = create_async_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": 10, "command_timeout": 30},
        pool_size=10,
        max_overflow=10,
        pool_pre_ping=True,
        pool_recycle=1800,
    )
    return Database(url=url, dialect="postgresql", reader=engine, writer=engine)


def _pragmas(connection: Any, *pragmas: str) -> None:
    # The driver must not open transactions by itself: our BEGIN IMMEDIATE would come too late.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "temp_store=MEMORY", *pragmas):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_sqlite_writer(connection: Any, _record: object) -> None:
    _pragmas(connection, "foreign_keys=ON", "cache_size=-32000")


def _prepare_sqlite_reader(connection: Any, _record: object) -> None:
    _pragmas(connection, "query_only=ON", "cache_size=-8000")


def _begin_deferred(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
