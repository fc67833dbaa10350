"""Pages that need no sign-in: health, metrics, and the help articles that answers link to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.articles import Article
from channels.richtext import Block, RichText, Span

_TAGS = {"paragraph": "p", "heading": "h3", "quote": "blockquote"}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title} · {company}</title></head>
<body><main><h1>{title}</h1>
{body}
</main></body></html>
"""
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def routes(
    *,
    ready: Callable[[], dict[str, bool]],
    measure: Callable[[], Awaitable[None]],
    page: Callable[[str], Article | None],
    company: str,
) -> list[Route]:
    """Health, readiness, metrics and articles."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        parts = ready()
        return JSONResponse({"ready": all(parts.values()), "parts": parts}, 200 if all(parts.values()) else 503)

    async def metrics(_: Request) -> Response:
        await measure()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def article(request: Request) -> Response:
        found = page(request.path_params["slug"])
        if found is None:
            return PlainTextResponse("There is no such article.", 404)
        body = "\n".join(_section(section.anchor, section.heading, section.text) for section in found.sections)
        html = _PAGE.format(title=escape(found.title), company=escape(company), body=body)
        return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY})

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        Route("/help/{slug}", article),
    ]


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
