"""The web: customers write over HTTP and read our own table, live by server-sent events.

A conversation is known by its token, which nobody can guess: 16 bytes that name the place, derived from the client's
first message id, and 16 bytes of HMAC over them. Only the place is stored, so a stolen database opens nothing; and
a first message that is sent again, with no token yet, finds its way to the same place.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import math
import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from channels.contract import (
    Author,
    Capabilities,
    Host,
    InboundMessage,
    Line,
    OutboundMessage,
    PullHost,
    Receipt,
)

NAME: Final = "web"
ACCOUNT: Final = "web"
BODY_AT_MOST: Final = 256_000
"""Bytes; every allowed text fits, however it is escaped."""
PAGE: Final = 200
HEARTBEAT: Final = 15.0
BUTTONS: Final = {
    "helped:yes": "Yes",
    "helped:no": "No",
    "person": "Talk to a person",
    "survey:good": "Good",
    "survey:fair": "Fair",
    "survey:poor": "Poor",
}
"""What may be tapped, with the words that are on it."""
ONLY_NOTED: Final = frozenset({"helped:yes", "survey:good", "survey:fair", "survey:poor"})
"""Of these the ones after which nothing is said."""
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    secret: bytes
    max_length: int = 10_000
    rate_limit: int = 30
    """Messages a minute, for one conversation and for one address (IPv6: one /64 network); 0: no limit."""
    allowed_origins: tuple[str, ...] = ()


class Refused(Exception):
    """A request that cannot be served; it says what, where, and what to do."""

    def __init__(
        self, status: int, code: str, message: str, *, field: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field
        self.retry_after = retry_after

    def response(self) -> Response:
        error: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.field:
            error["field"] = self.field
        headers = {"Retry-After": str(_whole(self.retry_after))} if self.retry_after is not None else {}
        return JSONResponse({"error": error}, self.status, headers=headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posted:
    """A checked request body."""

    conversation: str | None
    id: str
    text: str
    name: str
    email: str | None
    button: str | None


def make(settings: Mapping[str, Any]) -> WebChannel:
    """The factory that the registry calls."""
    return WebChannel(WebSettings(**settings))


class WebChannel:
    """One website's chat."""

    name = NAME
    account = ACCOUNT
    capabilities = Capabilities(max_length=100_000, pull=True, threads=False, edits=False)

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings
        self._host: PullHost | None = None
        self._closing = asyncio.Event()

    async def start(self, host: Host) -> None:
        self._host = cast(PullHost, host)

    async def send(self, message: OutboundMessage) -> Receipt:
        """Nothing to send: the row is read where it lies."""
        return Receipt(external_id=message.key)

    async def stop(self) -> None:
        self._closing.set()

    def routes(self) -> Sequence[Route]:
        return [
            Route("/api/web/messages", self._post, methods=["POST"]),
            Route("/api/web/messages", self._preflight, methods=["OPTIONS"]),
            Route("/api/web/conversations/{token}/messages", self._list, methods=["GET"]),
            Route("/api/web/conversations/{token}/events", self._events, methods=["GET"]),
            Route("/api/web/conversations/{token}/{what:str}", self._preflight, methods=["OPTIONS"]),
        ]

    # --- tokens ----------------------------------------------------------------------------------

    def _place(self, client_id: str) -> str:
        """The place that a first message with this id opens; the same for the same id."""
        key = hashlib.blake2b(b"warmline web place", key=self._settings.secret[:64]).digest()
        return hashlib.blake2b(client_id.encode(), key=key, digest_size=_ID_BYTES).hexdigest()

    def token(self, place: str) -> str:
        """The secret name of a place, for its customer alone."""
        raw = bytes.fromhex(place)
        return base64.urlsafe_b64encode(raw + self._mac(raw)).decode().rstrip("=")

    def _mac(self, raw: bytes) -> bytes:
        return hmac.digest(self._settings.secret, b"warmline web token" + raw, "sha256")[:_ID_BYTES]

    def _place_of(self, token: str) -> str:
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:  # binascii.Error is one; so is what non-ASCII raises
            raw = b""
        place = raw[:_ID_BYTES].hex()
        # Of the ways to write the same bytes in base64 only ours is good: a token has one spelling.
        if len(raw) == 2 * _ID_BYTES and hmac.compare_digest(self.token(place), token):
            return place
        raise Refused(
            404, "no_such_conversation", "There is no such conversation. Start a new one with \"conversation\": null.",
            field="conversation",
        )  # fmt: skip

    # --- requests --------------------------------------------------------------------------------

    async def _post(self, request: Request) -> Response:
        headers = self._cors(request)
        try:
            response = await self._take(request)
        except Refused as refused:
            response = refused.response()
        except ClientDisconnect:
            response = Response(status_code=400)
        response.headers.update(headers)
        return response

    async def _take(self, request: Request) -> Response:
        host = self._ready()
        self._refuse_strangers(request)
        posted = _checked(await _body(request), self._settings.max_length)
        place = self._place(posted.id) if posted.conversation is None else self._place_of(posted.conversation)
        await self._limit(host, request, place)
        if posted.conversation is not None and await host.find(NAME, ACCOUNT, place) is None:
            raise Refused(404, "no_such_conversation", "This conversation is gone. Start a new one.",
                          field="conversation")  # fmt: skip
        message = InboundMessage(
            channel=NAME,
            account=ACCOUNT,
            place=place,
            author=Author(external_id=place, name=posted.name, email=posted.email),
            external_id=posted.id,
            text=posted.text,
            kind="button" if posted.button else "message",
            button=posted.button,
            global_id=True,
        )
        kept = (await host.deliver([message]))[0]
        if kept.outcome == "conflict":
            raise Refused(
                409, "id_used", "This id was used for another text. Send a new text with a new id.", field="id"
            )
        if posted.conversation is not None and kept.place != place:
            raise Refused(409, "id_used", "This id was used in another conversation. Take a new one.", field="id")
        return JSONResponse({"conversation": self.token(kept.place), "message": posted.id}, 202)

    async def _limit(self, host: PullHost, request: Request, place: str) -> None:
        limit = self._settings.rate_limit
        if not limit:
            return
        address = request.client.host if request.client else "unknown"
        for key in (f"web:place:{place}", f"web:address:{_line_of(address)}"):
            wait = await host.allow(key, limit=limit, per=60.0)
            if wait > 0:
                raise Refused(
                    429, "too_many", f"Too many messages at once. Send this again in {_whole(wait)} s.",
                    retry_after=wait,
                )  # fmt: skip

    async def _list(self, request: Request) -> Response:
        try:
            host = self._ready()
            conversation = await self._conversation(host, request)
            after = _number(request.query_params.get("after", "0"), "after")
            lines = await host.transcript(conversation, after=after, limit=PAGE)
            response: Response = JSONResponse({"messages": [_shown(line) for line in lines]})
        except Refused as refused:
            response = refused.response()
        response.headers.update({**self._cors(request), "Cache-Control": "no-store"})
        return response

    async def _events(self, request: Request) -> Response:
        try:
            host = self._ready()
            conversation = await self._conversation(host, request)
            last = request.headers.get("last-event-id")
            after = _number(last, "Last-Event-ID") if last else _number(request.query_params.get("after", "0"), "after")
        except Refused as refused:
            response = refused.response()
            response.headers.update(self._cors(request))
            return response
        return StreamingResponse(
            self._stream(host, conversation, after),
            media_type="text/event-stream",
            headers={**self._cors(request), "Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _stream(self, host: PullHost, conversation: int, after: int) -> AsyncIterator[bytes]:
        yield b"retry: 2000\n\n"
        with host.listen(conversation) as news:
            while not self._closing.is_set():
                news.clear()
                lines = await host.transcript(conversation, after=after, limit=PAGE)
                for line in lines:
                    after = line.seq
                    yield f"id: {line.seq}\ndata: {json.dumps(_shown(line))}\n\n".encode()
                if lines:
                    continue
                if not await _woken(news, self._closing):
                    yield b": still here\n\n"

    async def _conversation(self, host: PullHost, request: Request) -> int:
        found = await host.find(NAME, ACCOUNT, self._place_of(request.path_params["token"]))
        if found is None:
            raise Refused(404, "no_such_conversation", "There is no such conversation.", field="conversation")
        return found

    def _ready(self) -> PullHost:
        if self._host is None or self._closing.is_set():
            raise Refused(
                503, "starting", "The desk is starting or stopping. Send this again in a moment.", retry_after=1
            )
        return self._host

    # --- other websites --------------------------------------------------------------------------

    async def _preflight(self, request: Request) -> Response:
        return Response(status_code=204, headers=self._cors(request))

    def _refuse_strangers(self, request: Request) -> None:
        """A browser says which website a message comes from; one that may not embed the chat writes nothing."""
        origin = request.headers.get("origin")
        if origin is None or self._allows(origin) or _is_ours(origin, request):
            return
        raise Refused(
            403,
            "origin_not_allowed",
            "This website may not use the chat. Have its operator add the address of the website to "
            "WARMLINE_ALLOWED_ORIGINS.",
        )

    def _allows(self, origin: str) -> bool:
        return "*" in self._settings.allowed_origins or origin in self._settings.allowed_origins

    def _cors(self, request: Request) -> dict[str, str]:
        origin = request.headers.get("origin")
        if origin is None or not self._allows(origin):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Headers": "content-type, last-event-id",
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Max-Age": "600",
            "Vary": "Origin",
        }


def _is_ours(origin: str, request: Request) -> bool:
    """Whether the page is our own. A proxy may have changed the host that was asked; what browsers say it passes on."""
    if request.headers.get("sec-fetch-site") == "same-origin":
        return True
    host = request.headers.get("host")
    return host is not None and origin.partition("://")[2] == host != ""


def _line_of(address: str) -> str:
    """Whose line it is: one IPv4 address, or the /64 network that an IPv6 customer has all to themselves."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.IPv6Address(int(parsed) >> 64 << 64))


def _whole(seconds: float) -> int:
    """Whole seconds after which it is surely over."""
    return max(1, math.ceil(seconds))


async def _woken(news: asyncio.Event, closing: asyncio.Event) -> bool:
    """Wait for news or the end; False: the heartbeat's time."""
    waits = [asyncio.ensure_future(news.wait()), asyncio.ensure_future(closing.wait())]
    try:
        done, _ = await asyncio.wait(waits, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for wait in waits:
            wait.cancel()


async def _body(request: Request) -> bytes:
    too_large = Refused(413, "too_large", f"The request is over {BODY_AT_MOST // 1000} kB. Send less.")
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > BODY_AT_MOST:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_AT_MOST:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)


def _checked(body: bytes, max_length: int) -> _Posted:
    try:
        data = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Refused(400, "not_utf8", f"The request is not UTF-8 at byte {error.start}. Send UTF-8.") from None
    except (ValueError, RecursionError):
        raise Refused(400, "not_json", 'The request is not JSON. Send an object with "id" and "text".') from None
    if not isinstance(data, dict):
        raise Refused(422, "not_an_object", 'The request is JSON, but not an object with "id" and "text".')
    conversation = data.get("conversation")
    if conversation is not None and not isinstance(conversation, str):
        raise Refused(
            422, "wrong_type", '"conversation" must be the token you were given, or null.', field="conversation"
        )
    id_, text, (name, email) = _uuid(data.get("id")), _text(data.get("text"), max_length), who(data)
    return _Posted(
        conversation=conversation,
        id=id_,
        text=text,
        name=name,
        email=email,
        button=_tapped(_short(data, "button", 100), data["text"]),
    )


def who(data: Mapping[str, Any]) -> tuple[str, str | None]:
    """Name and address that a customer claims.

    Raises:
        Refused: the `name` or the `email` can be none.
    """
    return _short(data, "name", 200) or "", _email(_short(data, "email", 320))


def _tapped(button: str | None, text: str) -> str | None:
    """A tap says what its label says. With other words beside it, it is a message, and is read as one."""
    same = button is not None and text.strip().casefold() in (BUTTONS.get(button, "").casefold(), button.casefold())
    return button if button in BUTTONS and same else None


def _uuid(value: object) -> str:
    if isinstance(value, str) and len(value) <= 45:
        try:
            return str(UUID(value))
        except ValueError:
            pass
    raise Refused(422, "wrong_type", '"id" must be a UUID that you make for each new message.', field="id")


def _text(value: object, max_length: int) -> str:
    if not isinstance(value, str):
        raise Refused(422, "wrong_type", '"text" must be the message, as a string.', field="text")
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise Refused(422, "empty", "The message is empty. Write something.", field="text")
    if len(text) > max_length:
        raise Refused(
            413,
            "too_long",
            f"The message has {len(text)} characters; {max_length} are taken. Send it in parts.",
            field="text",
        )
    _refuse_controls(text, "text")
    return text


def _refuse_controls(text: str, field: str) -> None:
    """What no database and no page can hold is refused, with its place; the customer still has the text."""
    if text.isascii() and text.isprintable():
        return
    for place, character in enumerate(text):
        if character in "\n\t\v\f\x85":
            continue
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise Refused(
                422, "control_character",
                f"Character {place + 1} (U+{ord(character):04X}) cannot be shown. Remove it and send again.",
                field=field,
            )  # fmt: skip


def _short(data: Mapping[str, Any], field: str, longest: int) -> str | None:
    value = data.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refused(422, "wrong_type", f'"{field}" must be a string, or be left out.', field=field)
    if len(value) > longest:
        raise Refused(422, "too_long", f'"{field}" has over {longest} characters. Shorten it.', field=field)
    _refuse_controls(value, field)
    return value.strip() or None


def _email(value: str | None) -> str | None:
    if value is None:
        return None
    name, at, domain = value.rpartition("@")
    if not at or not name or "." not in domain or any(character.isspace() for character in value):
        raise Refused(422, "no_address", '"email" is not an address like ana@example.com.', field="email")
    return value


def _number(value: str, field: str) -> int:
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    raise Refused(422, "wrong_type", f'"{field}" must be the number of the last message you have.', field=field)


def _shown(line: Line) -> dict[str, Any]:
    return {
        "seq": line.seq,
        "id": line.external_id if line.author == "customer" and line.external_id else f"s{line.seq}",
        "from": line.author,
        "author": line.author_name,
        "text": line.text,
        "kind": line.kind,
        "buttons": [{"id": button.id, "label": button.label} for button in line.buttons],
        "at": line.at.isoformat(),
    }
