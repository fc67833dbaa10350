"""Whole units of work in SQLite's own threads.

The asynchronous driver crosses to its connection's thread and back for every statement, and each crossing waits for the
interpreter while the classifier computes: of a transaction of twelve statements that is nearly all the time. The paths
that every message takes cross once instead, with their work as a coroutine that awaits nothing but its connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Engine
from sqlalchemy.ext.asyncio import AsyncConnection

from store import faults

LOOKERS: Final = 2

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]


class Threads:
    """One thread that writes and some that read, each with plain connections of its own."""

    def __init__(self, *, reader: Engine, writer: Engine) -> None:
        self._reader = reader
        self._writer = writer
        self._reading = ThreadPoolExecutor(LOOKERS, thread_name_prefix="sqlite-reader")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")

    async def read(self, work: Work[T]) -> T:
        def run() -> T:
            with self._reader.connect() as connection:
                return _done(work, connection)

        return await asyncio.get_running_loop().run_in_executor(self._reading, run)

    async def write(self, unit: str, work: Work[T]) -> T:
        def run() -> T:
            with self._writer.begin() as connection:
                found = _done(work, connection)
                faults.reach(f"{unit}.before-commit")
            faults.reach(f"{unit}.after-commit")
            return found

        return await asyncio.get_running_loop().run_in_executor(self._writing, run)

    def close(self) -> None:
        """Wait for what is under way."""
        for pool in (self._writing, self._reading):
            pool.shutdown()
        for engine in (self._writer, self._reader):
            engine.dispose()


class _Plain:
    """A plain connection in an asynchronous one's clothes: its awaits are over at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.execute(statement, parameters)


def _done(work: Work[T], connection: Connection) -> T:
    """Run a coroutine that awaits nothing but its connection, to its end, here."""
    coroutine = cast(Any, work(cast(AsyncConnection, _Plain(connection))))
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast(T, done.value)
    coroutine.close()
    raise RuntimeError("work for `commit` and `look` may await nothing but its connection")
