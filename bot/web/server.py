"""The HTTP application: the agents' API, the channels' routes, and one shape for every refusal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.web import look, reference
from bot.web.api import BadCursor, Office, api
from bot.web.assignment import assignment
from bot.web.audit import audit
from bot.web.bulk import bulk
from bot.web.channels import channels
from bot.web.customers import customers
from bot.web.drafts import drafting
from bot.web.faults import breaks_at, faults
from bot.web.gate import Forbidden
from bot.web.labels import labels
from bot.web.life import life
from bot.web.macros import macros
from bot.web.own import own
from bot.web.page import Pages
from bot.web.people import people
from bot.web.reading import reading
from bot.web.refused import on_record
from bot.web.search import search
from bot.web.shell import BODY_AT_MOST, FAILED, Shell, error_body, shown_path
from bot.web.tags import tags
from bot.web.teams import teams
from bot.web.uploads import uploads
from bot.web.who import Unauthorised
from bot.web.window import windows
from handoff.errors import FileRefused, HandoffError, HeldByOther, NobodyThere, NoSuchCase, NotHeld, Stale, WrongState
from handoff.work import KeyReused
from store.errors import DatabaseAway

log = structlog.get_logger(__name__)


def application(
    *, office: Office, routes: Sequence[BaseRoute], trusted_proxies: Iterable[str], pages: Pages
) -> tuple[FastAPI, ASGIApp]:
    """The application, alone and inside its shell."""
    inner = FastAPI(
        title="Warmline: the agents' API",
        version="1",
        docs_url=None,  # FastAPI's own page fetches scripts from elsewhere; ours is below
        openapi_url="/api/openapi.json",
        redoc_url=None,
    )
    inner.state.office = office
    inner.state.pages = pages
    inner.router.routes[:0] = routes
    inner.include_router(api)
    inner.include_router(people)
    inner.include_router(labels)
    inner.include_router(channels)
    inner.include_router(uploads)
    inner.include_router(macros)
    inner.include_router(bulk)
    inner.include_router(reading)
    inner.include_router(drafting)
    inner.include_router(windows)
    inner.include_router(own)
    inner.include_router(teams)
    inner.include_router(audit)
    inner.include_router(customers)
    inner.include_router(life)
    inner.include_router(search)
    inner.include_router(tags)
    inner.include_router(assignment)
    inner.add_route("/api/docs", lambda _: _reference(inner))
    inner.add_exception_handler(RequestValidationError, _invalid)
    inner.add_exception_handler(HTTPException, _http)
    for known in (HandoffError, Unauthorised, Forbidden, BadCursor):
        inner.add_exception_handler(known, _refused)
    inner.add_exception_handler(DatabaseAway, _away)
    inner.add_exception_handler(Exception, _failed)
    return inner, Shell(_Shortcut(routes, inner), trusted_proxies=trusted_proxies)


class _Shortcut:
    """Customers' requests go straight to their channel: they are the busiest, and need nothing of the API's layers.

    Whatever is no exact match (another method, a stray slash) goes the whole way, and is refused there.
    """

    def __init__(self, routes: Sequence[BaseRoute], otherwise: ASGIApp) -> None:
        refusals: Any = {DatabaseAway: _away, HTTPException: _http}
        self._routes = [(route, ExceptionMiddleware(route.handle, handlers=refusals)) for route in routes]
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for route, handle in self._routes:
                match, child = route.matches(scope)
                if match is Match.FULL:
                    scope.update(child)
                    await handle(scope, receive, send)
                    return
        await self._otherwise(scope, receive, send)


def _reference(inner: FastAPI) -> HTMLResponse:
    return HTMLResponse(reference.page(inner.openapi()), headers={"Content-Security-Policy": look.POLICY})


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
    errors = error.errors()
    if (at := breaks_at(errors)) is not None:
        text = f"The request is not JSON: it breaks at character {at}. Send an object as /api/docs shows it."
        return JSONResponse(error_body("not_json", text), 400)
    fields = faults(errors)
    text = " ".join(field["message"] for field in fields[:_TOLD_AT_ONCE])
    return JSONResponse(error_body("invalid", text, fields=fields), 422)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 404 and _reads_pages(request):
        pages: Pages = request.app.state.pages
        return pages.page(request, "nothing-here.html", status=404)
    code, text = _HTTP.get(error.status_code, ("http", str(error.detail)))
    return JSONResponse(error_body(code, text), error.status_code, headers=getattr(error, "headers", None))


def _reads_pages(request: Request) -> bool:
    """A person's browser that goes somewhere, not a program."""
    return request.method == "GET" and "text/html" in request.headers.get("accept", "") and "app" in request.scope


async def _away(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed: database", path=shown_path(request.url.path), error=str(error))
    text = "The desk cannot read or write right now. Try again in a moment."
    return JSONResponse(error_body("database_away", text), 503, headers={"Retry-After": "2"})


async def _failed(_: Request, error: Exception) -> JSONResponse:
    """The error itself goes on to the shell, which writes it down."""
    return JSONResponse(error_body("failed", FAILED), 500)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Forbidden):
        await on_record(request.app.state.office, request, error)
    status, code = _STATUS.get(type(error), (400, "refused"))
    more: dict[str, Any] = {}
    if isinstance(error, HeldByOther):
        more["holder"] = error.holder
    if isinstance(error, Stale):
        more["since"] = list(error.since)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(error_body(code, str(error), **more), status, headers=headers)


_TOLD_AT_ONCE: Final = 5
_HTTP: dict[int, tuple[str, str]] = {
    400: ("not_json", "The request is not JSON in UTF-8. Send an object as /api/docs shows it."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take that method."),
    413: ("too_large", f"The request is over {BODY_AT_MOST // 1000} kB. Send less."),
}
_STATUS: dict[type[Exception], tuple[int, str]] = {
    Unauthorised: (401, "unauthorised"),
    Forbidden: (403, "forbidden"),
    BadCursor: (400, "bad_cursor"),
    NoSuchCase: (404, "not_found"),
    HeldByOther: (409, "held"),
    NotHeld: (409, "not_held"),
    WrongState: (409, "wrong_state"),
    NobodyThere: (422, "nobody_there"),
    FileRefused: (422, "file_refused"),
    KeyReused: (409, "key_reused"),
    Stale: (409, "stale"),
}
