"""The door on the internet for Slack's HTTP events: proof first, then size, then sense, and only then anything else.

bolt's own check answers 500 to a time stamp of letters, to a signature that is no ASCII and to a body that is no JSON;
here all that is 401 or 400, before bolt sees it.
Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

BODY_AT_MOST: Final = 2_000_000
WINDOW: Final = 300
"""Seconds that a request may be old, or young."""
_HEX: Final = frozenset("0123456789abcdef")

Dispatch = Callable[[str, Mapping[str, str]], Awaitable[Response]]
"""Takes a body that is Slack's and its headers."""


class Shut(Exception):
    """A request that does not come in."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Door:
    """Lets in what Slack has signed."""

    def __init__(self, secret: str, dispatch: Dispatch, *, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret.encode("ascii")
        self._dispatch = dispatch
        self._clock = clock

    async def __call__(self, request: Request) -> Response:
        """One request of Slack's. 401, 400 or 413 for what is not."""
        try:
            raw = await self._body(request)
            if not request.headers.get("x-slack-signature") and _is_ssl_check(request, raw):
                return Response(status_code=200)
            self._prove(request, raw)
            text = _sensible(raw, request.headers.get("content-type", ""))
        except Shut as shut:
            return PlainTextResponse(str(shut), shut.status)
        except ClientDisconnect:
            return PlainTextResponse("gone", 400)
        return await self._dispatch(text, request.headers)

    async def _body(self, request: Request) -> bytes:
        declared = request.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and (len(declared) > 12 or int(declared) > BODY_AT_MOST):
            raise Shut(413, "too big")
        raw = bytearray()
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > BODY_AT_MOST:
                raise Shut(413, "too big")
        return bytes(raw)

    def _prove(self, request: Request, raw: bytes) -> None:
        stamp = request.headers.get("x-slack-request-timestamp", "")
        given = request.headers.get("x-slack-signature", "")
        if not stamp or not given:
            raise Shut(401, "not signed")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            raise Shut(400, "the time stamp is no number of seconds")
        version, _, digest = given.partition("=")
        if version != "v0" or len(digest) != 64 or not _HEX.issuperset(digest):
            raise Shut(401, "the signature has no shape that we know")
        expected = signature(self._secret, stamp, raw)
        if not hmac.compare_digest(expected.encode("ascii"), given.encode("ascii")):
            raise Shut(401, "the signature is wrong")
        if abs(self._clock() - int(stamp)) > WINDOW:
            raise Shut(401, "the time stamp is too far from now")


def signature(secret: bytes, stamp: str, raw: bytes) -> str:
    """As Slack computes it over the raw bytes of a body."""
    return "v0=" + hmac.new(secret, b"v0:" + stamp.encode("ascii") + b":" + raw, hashlib.sha256).hexdigest()


def _is_ssl_check(request: Request, raw: bytes) -> bool:
    """Slack looks now and then whether our certificate is good; it signs that only sometimes."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded") or len(raw) > 4096:
        return False
    try:
        return dict(parse_qsl(raw.decode("ascii"))).get("ssl_check") == "1"
    except ValueError:
        return False


def _sensible(raw: bytes, content_type: str) -> str:
    """The body as text, once it is certain that it holds one JSON object. Raises `Shut`."""
    try:
        text = raw.decode("utf-8")
        if payload_of(text, content_type) is None:
            raise Shut(400, "the body is no JSON object")
    except (ValueError, RecursionError):
        raise Shut(400, "the body cannot be read") from None
    return text


def payload_of(text: str, content_type: str) -> dict[str, Any] | None:
    """What a body says: JSON, a form with JSON in `payload`, or a command's form. None: nothing of these.

    Raises `ValueError`, `RecursionError`."""
    if content_type.startswith("application/json") or text.lstrip().startswith("{"):
        found = json.loads(text)
    else:
        form = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
        known = "command" in form or "ssl_check" in form
        found = json.loads(form["payload"]) if "payload" in form else form if known else None
    return found if isinstance(found, dict) and found else None
