"""Help articles. Demo ones answer only until the first own one is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import article

Source = Literal["demo", "own"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleRow:
    slug: str
    title: str
    markdown: str
    digest: str
    source: str


_COLUMNS = [article.c.slug, article.c.title, article.c.markdown, article.c.digest, article.c.source]


async def put(connection: AsyncConnection, rows: Sequence[ArticleRow], now: datetime) -> int:
    """Add or replace by slug; how many were new or changed."""
    await _one_writer(connection)
    known = {
        row[0]: (row[1], row[2])
        for row in await connection.execute(select(article.c.slug, article.c.digest, article.c.source))
    }
    changed = 0
    for row in rows:
        values = {"title": row.title, "markdown": row.markdown, "digest": row.digest, "source": row.source}
        if row.slug not in known:
            await connection.execute(insert(article).values(slug=row.slug, updated_at=now, **values))
        elif known[row.slug] != (row.digest, row.source):
            await connection.execute(update(article).where(article.c.slug == row.slug).values(updated_at=now, **values))
        else:
            continue
        changed += 1
    return changed


async def titles(connection: AsyncConnection, slugs: Sequence[str]) -> dict[str, str]:
    """What these articles are called; those that are gone are left out."""
    if not slugs:
        return {}
    rows = await connection.execute(select(article.c.slug, article.c.title).where(article.c.slug.in_(slugs)))
    return {row.slug: row.title for row in rows}


async def replace_demo(connection: AsyncConnection, rows: Sequence[ArticleRow], now: datetime) -> None:
    """The demo articles of this version of the program; an own article with the same slug stays."""
    await _one_writer(connection)
    own = {row[0] for row in await connection.execute(select(article.c.slug).where(article.c.source == "own"))}
    kept = {row.slug for row in rows}
    await connection.execute(delete(article).where(article.c.source == "demo", article.c.slug.not_in(kept)))
    await put(connection, [row for row in rows if row.slug not in own], now)


async def _one_writer(connection: AsyncConnection) -> None:
    """Two desks that start at once, or an import meanwhile, write one after the other. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("LOCK TABLE article IN SHARE ROW EXCLUSIVE MODE"))


async def remove(connection: AsyncConnection, slug: str) -> bool:
    return bool((await connection.execute(delete(article).where(article.c.slug == slug))).rowcount)


async def in_use(connection: AsyncConnection) -> list[ArticleRow]:
    """The articles that answer now: the own ones, or the demo's while there are none."""
    rows = [
        ArticleRow(**row) for row in (await connection.execute(select(*_COLUMNS).order_by(article.c.slug))).mappings()
    ]
    own = [row for row in rows if row.source == "own"]
    return own or rows


async def state(connection: AsyncConnection) -> tuple[int, datetime | None]:
    """Changes whenever an article does: how many, and when the last one changed."""
    row = (await connection.execute(select(func.count(), func.max(article.c.updated_at)))).one()
    return int(row[0]), row[1]
