"""What a customer comes to first: the front page, and the chat as one script for any website."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.articles import Article
from bot.web.assets import Assets, pack, packed_response
from bot.web.page import Pages
from channels.contract import About

PANEL: Final = "chat/panel.js"
_PANEL_IN_SOURCE: Final = "/static/newest/chat/panel.js"
ASKED_MOST: Final = (
    "mailboxes", "email-on-phone", "dns-records", "wordpress", "move-a-site", "ssl-certificates", "change-plan",
    "invoices",
)  # fmt: skip
"""Of the demo's articles; one that is not there is left out."""


def routes(
    *,
    pages: Pages,
    assets: Assets,
    about: Callable[[], Awaitable[About]],
    is_demo: Callable[[], bool],
    articles: Callable[[], Iterable[Article]],
    mail: str | None,
) -> list[Route]:
    """The page at `/`, and `/widget.js`. `mail` is an address that customers may write to, if there is one."""
    widget = _Widget(assets)

    async def front(request: Request) -> Response:
        known = {article.slug: article for article in articles()}
        if is_demo():
            asked = [known[slug] for slug in ASKED_MOST if slug in known]
            return pages.page(request, "front.html", about=await about(), articles=asked, mail=mail)
        ordered = sorted(known.values(), key=lambda article: article.title.casefold())
        return pages.page(request, "front-own.html", about=await about(), articles=ordered, mail=mail)

    return [Route("/", front, methods=["GET"]), Route("/widget.js", widget.serve, methods=["GET"])]


class _Widget:
    """The loader under an address that never changes; it knows where today's panel is."""

    def __init__(self, assets: Assets) -> None:
        source = assets.text("chat/loader.js")
        assert _PANEL_IN_SOURCE in source  # noqa: S101 - the loader and this file belong together
        self._content = source.replace(_PANEL_IN_SOURCE, assets.url(PANEL)).encode()
        self._packed = pack(self._content, level=9)
        self._tag = f'"{hashlib.sha256(self._content).hexdigest()[:20]}"'

    async def serve(self, request: Request) -> Response:
        headers = {
            "ETag": self._tag,
            "Cache-Control": "public, max-age=300",
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if self._tag in known:
            return Response(status_code=304, headers=headers)
        return packed_response(
            request.headers, self._content, self._packed, media_type="text/javascript; charset=utf-8", headers=headers
        )
