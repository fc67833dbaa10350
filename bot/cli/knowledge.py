"""`warmline knowledge`: the help articles that answers are made of. A running desk picks changes up by itself."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.terminal import Refused, command_settings, safe, say, table, tell

if TYPE_CHECKING:
    from bot.articles import Article
    from bot.retrieval import Hit
    from bot.settings import Settings
    from store.articles import ArticleRow

app = typer.Typer(no_args_is_help=True)

_Paths = Annotated[list[Path], typer.Argument(metavar="PATH", help="Markdown files, or folders of them.")]


@app.command("import")
def import_(paths: _Paths) -> None:
    """Take articles in, or the new version of those that are there. If one has a fault, none is taken."""
    pages = _read(paths)
    new, changed, first = asyncio.run(_import(command_settings(), pages))
    same = len(pages) - new - changed
    say(f"{len(pages)} article{'' if len(pages) == 1 else 's'}: {new} new, {changed} changed, {same} unchanged.")
    if first:
        tell("These are your first own articles: the demo's articles do not answer any more.")


@app.command()
def search(question: Annotated[str, typer.Argument(help="What a customer would ask.")]) -> None:
    """Show which articles fit a question, and which one would be its answer."""
    hits, ruling = asyncio.run(_search(command_settings(), question))
    table(
        ["Score", "Words", "Meaning", "Article", "Section", "Matched"],
        [
            [
                f"{hit.score:.2f}",
                f"{hit.words:.2f}",
                f"{hit.meaning:.2f}",
                f"{hit.article.slug}#{hit.section.anchor}" if hit.section.anchor else hit.article.slug,
                hit.section.heading,
                hit.matched if len(hit.matched) <= 60 else f"{hit.matched[:59]}…",
            ]
            for hit in hits
        ],
    )
    say(safe(ruling))


@app.command("list")
def list_() -> None:
    """Show the articles that answer now."""
    rows = asyncio.run(_in_use(command_settings()))
    table(["Slug", "Title", "Source"], [[row.slug, row.title, row.source] for row in rows])
    if rows and rows[0].source == "demo":
        tell("These are the demo's articles. They answer until you import your own: warmline knowledge import FOLDER")


@app.command()
def remove(slug: Annotated[str, typer.Argument(help="The article's name, as `list` shows it.")]) -> None:
    """Take an article of your own out."""
    left = asyncio.run(_remove(command_settings(), slug))
    say(f"Removed: {slug}.")
    if not left:
        tell("That was the last one of your own: the demo's articles answer again.")


# --- import ----------------------------------------------------------------------------------------


def _read(paths: Sequence[Path]) -> list[Article]:
    """All articles of all paths. Raises ArticleError with the faults of all of them."""
    from bot.articles import ArticleError, Fault, load_article, load_articles

    pages: dict[str, Article] = {}
    faults: list[Fault] = []
    for path in paths:
        try:
            found = [load_article(path)] if not path.is_dir() else load_articles(path)
        except ArticleError as error:
            faults += error.faults
            continue
        if path.suffix != ".md" and not path.is_dir():
            faults.append(Fault(source=str(path), line=1, message="No article: its name does not end in .md."))
        for page in found:
            other = pages.setdefault(page.slug, page)
            if Path(other.source).resolve() != Path(page.source).resolve():
                message = f"Has the same name as {other.source}. Rename one of the two."
                faults.append(Fault(source=page.source, line=1, message=message))
    if faults:
        raise ArticleError(faults)
    return list(pages.values())


async def _import(settings: Settings, pages: Sequence[Article]) -> tuple[int, int, bool]:
    """(new, changed, whether these are the first own ones). One transaction: all or none."""
    from bot.cli.storage import storage
    from bot.library import rows_of
    from store import agents, articles

    rows = rows_of(pages, "own")
    now = datetime.now(UTC)
    async with storage(settings) as database, database.write("articles") as connection:
        known = {row.slug for row in await articles.in_use(connection) if row.source == "own"}
        new = sum(row.slug not in known for row in rows)
        written = await articles.put(connection, rows, now)
        if written:
            await agents.record(
                connection,
                action="articles imported",
                subject=f"{written} articles",
                now=now,
                agent_id=None,
                data={"slugs": [row.slug for row in rows][:1000], "by": "command line"},
            )
    return new, written - new, not known


# --- list, remove ----------------------------------------------------------------------------------


async def _in_use(settings: Settings) -> list[ArticleRow]:
    """What answers now; before the first start, the demo's articles, which it will bring."""
    from bot.articles import load_articles
    from bot.cli.storage import is_there, storage
    from bot.library import DEMO, rows_of
    from store import articles

    rows: list[ArticleRow] = []
    if is_there(settings):
        async with storage(settings) as database, database.read() as connection:
            rows = await articles.in_use(connection)
    return rows or rows_of(load_articles(DEMO), "demo")


async def _remove(settings: Settings, slug: str) -> int:
    """How many own articles are left."""
    from bot.cli.storage import is_there, storage
    from store import agents, articles

    if not is_there(settings):
        raise _unknown(slug, [])
    async with storage(settings) as database, database.write("articles") as connection:
        rows = await articles.in_use(connection)
        own = [row.slug for row in rows if row.source == "own"]
        if slug not in own:
            raise _unknown(slug, own, demo=any(row.slug == slug for row in rows))
        await articles.remove(connection, slug)
        await agents.record(
            connection, action="article removed", subject=slug, now=datetime.now(UTC), agent_id=None,
            data={"by": "command line"},
        )  # fmt: skip
    return len(own) - 1


def _unknown(slug: str, own: list[str], *, demo: bool = False) -> Refused:
    if demo:
        return Refused(
            f"{slug} is one of the demo's articles, which stop answering when you import your own. "
            "See: warmline knowledge import --help"
        )
    near = difflib.get_close_matches(slug, own, n=1)
    return Refused(
        f"There is no own article {slug}." + (f" Did you mean {near[0]}?" if near else " See: warmline knowledge list")
    )


# --- search ----------------------------------------------------------------------------------------


async def _search(settings: Settings, question: str) -> tuple[list[Hit], str]:
    """The best sections, and a sentence on which of them would be the answer, or why none."""
    from bot.articles import ArticleError, parse_article
    from bot.retrieval import Library
    from models.encoder import load_encoder
    from models.vectors import VectorCache

    if not question.strip():
        raise Refused("The question is empty. Write what a customer would ask.", code=2)
    pages: list[Article] = []
    for row in await _in_use(settings):
        try:
            pages.append(parse_article(row.slug, row.markdown, row.slug))
        except ArticleError as error:
            tell(f"Left out, as the desk does: {error}")
    encoder = load_encoder(settings.home, settings.encoder, precision=settings.encoder_precision, progress=tell)
    library = Library.build(pages, encoder, cache=VectorCache(settings.home / "vectors.db", encoder))
    hits = library.search(question)
    return hits, _ruling(hits, library.best(question))


def _ruling(hits: Sequence[Hit], best: Hit | None) -> str:
    from bot.retrieval import GOOD

    if best is not None:
        return (
            f"Would be answered with {best.section.heading!r} of {best.article.title!r}, "
            "if the message passes the gate (see: warmline classify)."
        )
    if not hits:
        return "Would not be answered: there are no articles."
    return f"Would not be answered: the best score is {hits[0].score:.2f}, and {GOOD:.2f} is needed."
