"""Keeps the library of articles as the database has them, and puts a new one in its place when they change."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from bot.articles import Article, ArticleError, load_articles, parse_article
from bot.retrieval import Library, TextEncoder, Vectors
from store import articles
from store.articles import ArticleRow
from store.database import Database
from store.errors import DatabaseAway

DEMO: Final = Path(__file__).parent / "knowledge"
LOOK_EVERY: Final = 3.0

log = structlog.get_logger(__name__)


class Shelf:
    """The library in use. `library` is replaced as a whole, so a reader never sees half of a change."""

    def __init__(self, *, database: Database, encoder: TextEncoder, vectors: Vectors | None, demo: bool = True) -> None:
        """`demo`: the demo's articles may answer, until there is one of one's own."""
        self._demo = demo
        self.is_demo = False
        """Whether they do now."""
        self._database = database
        self._encoder = encoder
        self._vectors = vectors
        self._state: object = None
        self._pages: dict[str, Article] = {}
        self.library = Library.build([], encoder)

    async def open(self) -> None:
        """Put the demo articles of this version into the database (or take them out), and build the library."""
        loaded = await asyncio.to_thread(load_articles, DEMO) if self._demo else ()
        self._pages = {page.slug: page for page in loaded}
        demo = await asyncio.to_thread(rows_of, loaded, "demo")
        async with self._database.write("articles") as connection:
            await articles.replace_demo(connection, demo, datetime.now(UTC))
        await self.refresh()

    async def refresh(self) -> bool:
        """Build it anew if an article has changed; whether one had."""
        async with self._database.read() as connection:
            state = await articles.state(connection)
            if state == self._state:
                return False
            rows = await articles.in_use(connection)
        pages: list[Article] = []
        for row in rows:
            known = self._pages.get(row.slug)
            if known is not None and known.digest == row.digest:
                pages.append(replace(known, source=row.source))
                continue
            try:
                pages.append(parse_article(row.slug, row.markdown, row.source))
            except ArticleError as error:
                log.error("an article cannot be read and is left out", slug=row.slug, error=str(error))
        self.library = await asyncio.to_thread(Library.build, pages, self._encoder, cache=self._vectors)
        self._pages = {page.slug: page for page in pages}
        self.is_demo = any(row.source == "demo" for row in rows)
        self._state = state
        return True

    def page(self, slug: str) -> Article | None:
        """The article with that slug, if it is in use."""
        return self._pages.get(slug)

    def pages(self) -> list[Article]:
        """All articles in use."""
        return list(self._pages.values())

    def words(self, slug: str, anchor: str) -> str:
        """What a section of an article in use says; empty: there is none."""
        page = self._pages.get(slug)
        sections = page.sections if page is not None else ()
        return next((section.text.plain() for section in sections if section.anchor == anchor), "")

    async def run(self) -> None:
        """Follow changes that other processes make, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                if await self.refresh():
                    log.info("articles changed", articles=len(self._pages))
            except DatabaseAway as error:
                log.warning("articles could not be looked at", error=str(error))


def rows_of(pages: Iterable[Article], source: articles.Source) -> list[ArticleRow]:
    """Articles that were loaded from files, as they are stored."""
    return [
        ArticleRow(
            slug=page.slug,
            title=page.title,
            markdown=Path(page.source).read_text(encoding="utf-8-sig"),
            digest=page.digest,
            source=source,
        )
        for page in pages
    ]
