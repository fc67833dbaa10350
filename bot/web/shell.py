"""What stands around every request: size limits, the client's address, security headers, errors as JSON, numbers."""

from __future__ import annotations

import ipaddress
import json
import re
import time
from collections.abc import Iterable
from typing import Any, Final

import structlog
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from channels.web.files import UPLOADS_AT_MOST

WITH_FILES: Final = "/api/web/messages"
"""The one address that takes files from outside."""
FROM_AGENTS: Final = re.compile(r"/api/v1/cases/[^/]+/files")
"""Where agents add files; it reads as much as one may have, and stops."""
BODY_AT_MOST: Final = 1_000_000
FILES_AT_MOST: Final = 2**40
FAILED: Final = "Something failed on our side. It was written down."
REQUESTS: Final = Counter("warmline_http_requests", "Requests by status class.", ["status"])
SECONDS: Final = Histogram(
    "warmline_http_seconds", "Seconds to answer a request.", buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
)
_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]

_SECRET_PART: Final = re.compile(r"(/conversations/|/desk/welcome/)[^/]{20,}")

log = structlog.get_logger(__name__)


class Shell:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, trusted_proxies: Iterable[str] = ()) -> None:
        self._app = app
        self._trusted = [ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        started = False
        status = 500
        self._believe_proxy(scope)

        async def answered(message: Message) -> None:
            nonlocal started, status
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                SECONDS.observe(time.perf_counter() - began)
                headers = message.get("headers", ())
                kept = [] if any(name.lower() == b"cache-control" for name, _ in headers) else _kept(scope["path"])
                message["headers"] = [*headers, *kept, *_HEADERS]
            await send(message)

        try:
            await self._app(scope, _Limited(receive, scope), answered)
        except Exception:
            log.exception("request failed", path=shown_path(scope["path"]), method=scope["method"])
            if not started:
                await _say(send)
        finally:
            REQUESTS.labels(f"{status // 100}xx").inc()

    def _believe_proxy(self, scope: Scope) -> None:
        """Behind a proxy that we trust, the client is who it says; nobody else may claim an address."""
        client = scope.get("client")
        if not self._trusted or client is None or not self._is_trusted(client[0]):
            return
        forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        for address in reversed([part.strip() for part in ",".join(forwarded).split(",") if part.strip()]):
            if not self._is_trusted(address):
                scope["client"] = (address[:64], 0)
                return

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed  # how IPv4 looks to who listens on ::
        return any(parsed in network for network in self._trusted)


def _kept(path: str) -> list[tuple[bytes, bytes]]:
    """What agents read nobody on the way keeps, whatever a proxy thinks of cookies."""
    return [(b"cache-control", b"no-store")] if path.startswith(("/api/v1", "/desk")) else []


def _too_large() -> HTTPException:
    """Of the kind that every application between us and the reader passes on."""
    return HTTPException(413)


def shown_path(path: str) -> str:
    """A path for the log: a conversation's name is its customer's secret, and a one-time link lets in who has it."""
    return _SECRET_PART.sub(r"\1…", path)


class _Limited:
    """A `receive` that counts."""

    def __init__(self, receive: Receive, scope: Scope) -> None:
        self._receive = receive
        self._left = _at_most(scope)
        declared = _header(scope, b"content-length")
        if declared.isdigit() and len(declared) < 20 and int(declared) > self._left:
            self._left = -1

    async def __call__(self) -> Message:
        if self._left < 0:
            raise _too_large()
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise _too_large()
        return message


def _at_most(scope: Scope) -> int:
    """Bytes of a body: little, but where people send files; there more is refused in better words."""
    if scope["method"] == "POST" and FROM_AGENTS.fullmatch(scope["path"]):
        return FILES_AT_MOST
    files = scope["method"] == "POST" and scope["path"] == WITH_FILES
    if files and _header(scope, b"content-type").lower().startswith(b"multipart/form-data"):
        return UPLOADS_AT_MOST + BODY_AT_MOST
    return BODY_AT_MOST


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for found, value in scope["headers"] if found == name), b"")


async def _say(send: Send) -> None:
    body = json.dumps(error_body("failed", FAILED)).encode()
    headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json"), *_HEADERS]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def error_body(code: str, text: str, **more: Any) -> dict[str, Any]:
    """The shape of every refusal."""
    return {"error": {"code": code, "message": text, **more}}
