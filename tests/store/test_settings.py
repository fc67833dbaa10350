"""One value for all processes."""

from __future__ import annotations

import asyncio

from store import settings
from store.database import Database
from store.tables import setting
from tests.rows import NOW


async def test_many_that_write_one_setting_for_the_first_time_all_succeed(database: Database) -> None:
    async def write(n: int) -> None:
        async with database.write("test") as connection:
            await settings.write(connection, "k", {"n": n}, NOW)

    await asyncio.gather(*(write(n) for n in range(8)))
    async with database.read() as connection:
        assert (await settings.read(connection, "k"))["n"] in range(8)
        assert await settings.read(connection, "other") is None
        assert len((await connection.execute(setting.select())).all()) == 1
