"""Pages that need no sign-in: health, metrics, and the help articles that answers link to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from html import escape

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.articles import Article
from bot.web import look
from channels.richtext import Block, RichText, Span

_BACK = '<p class="back"><a href="/help">All articles</a></p>'
_TAGS = {"paragraph": "p", "heading": "h3", "quote": "blockquote"}


def routes(
    *,
    ready: Callable[[], dict[str, bool]],
    links: Callable[[], dict[str, str]],
    measure: Callable[[], Awaitable[None]],
    page: Callable[[str], Article | None],
    pages: Callable[[], Iterable[Article]],
    company: str,
) -> list[Route]:
    """Health, readiness, metrics and articles."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        parts = ready()
        # A platform that is away is told, but makes no desk unready: all others still come and go through it.
        told = {"ready": all(parts.values()), "parts": parts, "channels": links()}
        return JSONResponse(told, 200 if told["ready"] else 503)

    async def metrics(_: Request) -> Response:
        await measure()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    def shown(title: str, body: str, status: int = 200) -> Response:
        html = look.framed(body, title=f"{title} · {company}", brand=f"{company} help", home="/help", chat=True)
        return HTMLResponse(html, status, headers={"Content-Security-Policy": look.POLICY_WITH_CHAT})

    async def contents(_: Request) -> Response:
        entries = "\n".join(
            _entry(article) for article in sorted(pages(), key=lambda article: article.title.casefold())
        )
        return shown("Help", f'<h1>How can we help?</h1>\n<ul class="list">\n{entries}\n</ul>')

    async def article(request: Request) -> Response:
        found = page(request.path_params["slug"])
        if found is None:
            return shown(
                "Not found", f"<h1>There is no such article</h1>\n<p>It may have a new name.</p>\n{_BACK}", 404
            )
        body = "\n".join(_section(section.anchor, section.heading, section.text) for section in found.sections)
        return shown(found.title, f'<article dir="auto"><h1>{escape(found.title)}</h1>\n{body}</article>\n{_BACK}')

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        Route("/help", contents),
        Route("/help/{slug}", article),
    ]


def _entry(article: Article) -> str:
    """A line of the contents; an article that is published elsewhere is read there."""
    href = article.url or f"/help/{article.slug}"
    headings = " · ".join(section.heading for section in article.sections if section.anchor)
    about = f"<span>{escape(headings)}</span>" if headings else ""
    return f'<li><a href="{escape(href)}"><strong>{escape(article.title)}</strong>{about}</a></li>'


def _section(anchor: str, heading: str, text: RichText) -> str:
    title = f'<h2 id="{escape(anchor)}">{escape(heading)}</h2>' if anchor else ""
    return title + html_of(text)


def html_of(text: RichText) -> str:
    """Our rich text as HTML. Every word is escaped; only our own tags stand in it."""
    parts: list[str] = []
    open_list = ""
    for block in text.blocks:
        wanted = {"bullet": "ul", "number": "ol"}.get(block.kind, "")
        if wanted != open_list:
            parts.append((f"</{open_list}>" if open_list else "") + (f"<{wanted}>" if wanted else ""))
            open_list = wanted
        parts.append(_block(block))
    if open_list:
        parts.append(f"</{open_list}>")
    return "".join(parts)


def _block(block: Block) -> str:
    inner = "".join(map(_span, block.spans))
    match block.kind:
        case "bullet" | "number":
            return f"<li>{inner}</li>"
        case "code":
            return f"<pre><code>{inner}</code></pre>"
        case kind:
            tag = _TAGS.get(kind, "p")
            return f"<{tag}>{inner}</{tag}>"


def _span(span: Span) -> str:
    html = escape(span.text)
    for style, tag in ((span.code, "code"), (span.bold, "strong"), (span.italic, "em")):
        if style:
            html = f"<{tag}>{html}</{tag}>"
    if span.href is not None and span.href.startswith(("http://", "https://", "mailto:")):
        html = f'<a href="{escape(span.href)}" rel="noopener nofollow">{html}</a>'
    return html
