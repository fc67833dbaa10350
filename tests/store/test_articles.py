"""Articles under the hands of several writers."""

from __future__ import annotations

import asyncio

from store import articles
from store.articles import ArticleRow
from store.database import Database
from tests.rows import NOW

DEMO = [ArticleRow(slug=f"a{n}", title="t", markdown="m", digest=f"d{n}", source="demo") for n in range(20)]


async def test_desks_that_start_at_once_on_an_empty_database(database: Database) -> None:
    async def start() -> None:
        async with database.write("articles") as connection:
            await articles.replace_demo(connection, DEMO, NOW)

    await asyncio.gather(*(start() for _ in range(5)))
    async with database.read() as connection:
        assert [row.slug for row in await articles.in_use(connection)] == sorted(row.slug for row in DEMO)
