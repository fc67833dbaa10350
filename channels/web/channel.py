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
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from channels.contract import (
    Attachment,
    Author,
    Capabilities,
    Ear,
    Host,
    InboundMessage,
    OutboundMessage,
    PullHost,
    Receipt,
)
from channels.web.checks import SMALL, Posted, address_of, body_of, checked, number, object_of, sequence_of, whole
from channels.web.checks import Refused as Refused
from channels.web.checks import who as who
from channels.web.files import PREFIX, Uploads, is_form, served
from channels.web.shown import about_shown, line_shown, standing_shown

NAME: Final = "web"
ACCOUNT: Final = "web"
PAGE: Final = 200
HEARTBEAT: Final = 5.0
"""Seconds between signs of life. Who has missed two knows that the line is dead."""
LOOK_AGAIN: Final = 3
"""Heartbeats after which a listener looks into the tables without being told to."""
ONLY_NOTED: Final = frozenset({"helped:yes", "survey:good", "survey:fair", "survey:poor"})
"""Of these the ones after which nothing is said."""
_A_MINUTE: Final = {"seen": 120, "typing": 60, "email": 6}
"""How often each of these is taken, for one conversation."""
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    secret: bytes
    max_length: int = 10_000
    rate_limit: int = 30
    """Messages a minute, for one conversation and for one address (IPv6: one /64 network); 0: no limit."""
    allowed_origins: tuple[str, ...] = ()
    file_at_most: int = 10_000_000
    """Bytes of one file; 0: no files are taken."""


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
        self._uploads = Uploads(at_most=settings.file_at_most)

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
            Route("/api/web/about", self._about, methods=["GET"]),
            Route("/api/web/about", self._preflight, methods=["OPTIONS"]),
            Route("/api/web/conversations/{token}", self._state, methods=["GET"]),
            Route("/api/web/conversations/{token}", self._preflight, methods=["OPTIONS"]),
            Route("/api/web/conversations/{token}/messages", self._list, methods=["GET"]),
            Route("/api/web/conversations/{token}/events", self._events, methods=["GET"]),
            Route("/api/web/conversations/{token}/files/{file}", self._file, methods=["GET"]),
            Route("/api/web/conversations/{token}/seen", self._seen, methods=["POST"]),
            Route("/api/web/conversations/{token}/typing", self._typing, methods=["POST"]),
            Route("/api/web/conversations/{token}/email", self._email, methods=["POST"]),
            Route("/api/web/conversations/{token}/{what:path}", self._preflight, methods=["OPTIONS"]),
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

    async def _answered(
        self, request: Request, work: Callable[[Request], Awaitable[Response]], *, cache: str = "no-store"
    ) -> Response:
        """What `work` answers, or why it refuses, for whichever website asks."""
        try:
            response = await work(request)
        except Refused as refused:
            response, cache = refused.response(), "no-store"
        except ClientDisconnect:
            response = Response(status_code=400)
        response.headers.update({**self._cors(request), "Cache-Control": cache})
        return response

    async def _post(self, request: Request) -> Response:
        return await self._answered(request, self._take)

    async def _take(self, request: Request) -> Response:
        host = self._ready()
        self._refuse_strangers(request)
        if not is_form(request):
            data = object_of(await body_of(request), '"id" and "text"')
            return await self._keep(host, request, checked(data, self._settings.max_length))
        if not self._uploads.at_most:
            raise Refused(415, "no_files", "Files are not taken here. Send the words alone.", field="file")
        await self._limit_address(host, request)
        async with self._uploads.read(request) as upload:
            posted = checked(upload.fields, self._settings.max_length, with_files=bool(upload.files))
            async with self._uploads.room():
                return await self._keep(host, request, posted, await self._uploads.attachments(upload))

    async def _keep(
        self, host: PullHost, request: Request, posted: Posted, files: tuple[Attachment, ...] = ()
    ) -> Response:
        refused = self._refused(host, files)
        if not posted.text.strip() and len(refused) == len(files):
            first = refused[0]
            raise Refused(422, "file_refused", host.refusal(first["name"], first["reason"], alone=True), field="file")
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
            attachments=files,
            global_id=True,
        )
        kept = (await host.deliver([message]))[0]
        if kept.outcome == "conflict":
            raise Refused(
                409, "id_used", "This id was used for another text. Send a new text with a new id.", field="id"
            )
        if posted.conversation is not None and kept.place != place:
            raise Refused(409, "id_used", "This id was used in another conversation. Take a new one.", field="id")
        answer = {"conversation": self.token(kept.place), "message": posted.id}
        return JSONResponse(answer | ({"refused": refused} if refused else {}), 202)

    def _refused(self, host: PullHost, files: Sequence[Attachment]) -> list[dict[str, str]]:
        """The files that were not kept, each with a sentence for its owner."""
        found = []
        for file in files:
            if file.reference.startswith(PREFIX):
                reason = file.reference.removeprefix(PREFIX)
                message = host.refusal(file.name, reason)
                found.append({"name": file.name, "reason": reason, "message": message})
        return found

    async def _limit(self, host: PullHost, request: Request, place: str) -> None:
        await self._limit_by(host, f"web:place:{place}")
        if not is_form(request):  # whose address was looked at before its files were read
            await self._limit_address(host, request)

    async def _limit_address(self, host: PullHost, request: Request) -> None:
        address = request.client.host if request.client else "unknown"
        await self._limit_by(host, f"web:address:{line_of(address)}")

    async def _limit_by(self, host: PullHost, key: str) -> None:
        limit = self._settings.rate_limit
        if limit:
            wait = await host.allow(key, limit=limit, per=60.0)
            if wait > 0:
                raise Refused(
                    429, "too_many", f"Too many messages at once. Send this again in {whole(wait)} s.",
                    retry_after=wait,
                )  # fmt: skip

    async def _about(self, request: Request) -> Response:
        async def work(request: Request) -> Response:
            about = await self._ready().about()
            limits = {"max_length": self._settings.max_length, "max_bytes": self._settings.file_at_most}
            return JSONResponse(about_shown(about, **limits))

        return await self._answered(request, work, cache="public, max-age=5")

    async def _state(self, request: Request) -> Response:
        async def work(request: Request) -> Response:
            host = self._ready()
            return JSONResponse(await _standing(host, await self._conversation(host, request)))

        return await self._answered(request, work)

    async def _list(self, request: Request) -> Response:
        async def work(request: Request) -> Response:
            host = self._ready()
            conversation = await self._conversation(host, request)
            after = number(request.query_params.get("after", "0"), "after")
            lines = await host.transcript(conversation, after=after, limit=PAGE)
            return JSONResponse({"messages": [line_shown(line) for line in lines]})

        return await self._answered(request, work)

    async def _file(self, request: Request) -> Response:
        try:
            host = self._ready()
            conversation = await self._conversation(host, request)
            content = await host.file(conversation, number(request.path_params["file"], "file"))
            if content is None:
                raise Refused(404, "no_such_file", "There is no such file in this conversation.")
            response = served(content)
        except Refused as refused:
            response = refused.response()
        response.headers.update({**self._cors(request), "Cross-Origin-Resource-Policy": "cross-origin"})
        return response

    # --- what a customer does besides writing ----------------------------------------------------

    async def _seen(self, request: Request) -> Response:
        async def work(host: PullHost, conversation: int, data: Mapping[str, Any]) -> Response:
            await host.seen(conversation, sequence_of(data))
            return Response(status_code=204)

        return await self._act(request, "seen", work, wants='"seq"')

    async def _typing(self, request: Request) -> Response:
        async def work(host: PullHost, conversation: int, data: Mapping[str, Any]) -> Response:
            await host.writes(conversation)
            return Response(status_code=204)

        return await self._act(request, "typing", work)

    async def _email(self, request: Request) -> Response:
        async def work(host: PullHost, conversation: int, data: Mapping[str, Any]) -> Response:
            name, email = address_of(data)
            await host.reach(conversation, email=email, name=name)
            return JSONResponse(await _standing(host, conversation))

        return await self._act(request, "email", work, wants='"email"')

    async def _act(
        self,
        request: Request,
        kind: str,
        work: Callable[[PullHost, int, Mapping[str, Any]], Awaitable[Response]],
        *,
        wants: str | None = None,
    ) -> Response:
        """A small thing in a conversation of one's own. `wants` names what the body must hold; None: it is not read."""

        async def checked_first(request: Request) -> Response:
            host = self._ready()
            self._refuse_strangers(request)
            place = self._place_of(request.path_params["token"])
            wait = await host.allow(f"web:{kind}:{place}", limit=_A_MINUTE[kind], per=60.0)
            if wait > 0:
                raise Refused(429, "too_many", f"That was too often. Try again in {whole(wait)} s.", retry_after=wait)
            body = await body_of(request, at_most=SMALL)
            data = object_of(body, wants) if wants is not None else {}
            return await work(host, await self._conversation(host, request), data)

        return await self._answered(request, checked_first)

    # --- live ------------------------------------------------------------------------------------

    async def _events(self, request: Request) -> Response:
        async def work(request: Request) -> Response:
            host = self._ready()
            conversation = await self._conversation(host, request)
            last = request.headers.get("last-event-id")
            after = number(last, "Last-Event-ID") if last else number(request.query_params.get("after", "0"), "after")
            named = request.query_params.get("state") == "1"
            return StreamingResponse(
                self._stream(host, conversation, after, named=named),
                media_type="text/event-stream",
                headers={"X-Accel-Buffering": "no"},
            )

        return await self._answered(request, work)

    async def _stream(self, host: PullHost, conversation: int, after: int, *, named: bool) -> AsyncIterator[bytes]:
        """Messages as they come; `named`: also how the conversation stands, who types, and a beat that a page hears."""
        yield b"retry: 2000\n\n"
        told = ""
        with host.listen(conversation) as ear:
            while not self._closing.is_set():
                ear.clear()
                lines = await host.transcript(conversation, after=after, limit=PAGE)
                for line in lines:
                    after = line.seq
                    yield f"id: {line.seq}\ndata: {json.dumps(line_shown(line))}\n\n".encode()
                if lines:
                    continue
                if named:
                    stands = json.dumps(await _standing(host, conversation))
                    if stands != told:
                        told = stands
                        yield f"event: state\ndata: {stands}\n\n".encode()
                    if (author := _typist(ear)) is not None:
                        yield f"event: typing\ndata: {json.dumps({'author': author})}\n\n".encode()
                for _ in range(LOOK_AGAIN):
                    if await _woken(ear, self._closing):
                        break
                    yield b"event: beat\ndata: {}\n\n" if named else b": still here\n\n"

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
            "Access-Control-Expose-Headers": "retry-after",
            "Access-Control-Max-Age": "600",
            "Vary": "Origin",
        }


def _is_ours(origin: str, request: Request) -> bool:
    """Whether the page is our own. A proxy may have changed the host that was asked; what browsers say it passes on."""
    if request.headers.get("sec-fetch-site") == "same-origin":
        return True
    host = request.headers.get("host")
    return host is not None and origin.partition("://")[2] == host != ""


def line_of(address: str) -> str:
    """Whose line it is: one IPv4 address, or the /64 network that an IPv6 customer has all to themselves."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.IPv6Address(int(parsed) >> 64 << 64))


async def _standing(host: PullHost, conversation: int) -> dict[str, Any]:
    return standing_shown(await host.standing(conversation), (await host.about()).status)


def _typist(ear: Ear) -> str | None:
    """Which of our people has begun to type, if anybody has."""
    author = None
    while ear.signals:
        signal = ear.signals.popleft()
        if signal.get("kind") == "typing" and signal.get("by") == "agent":
            author = str(signal.get("name") or "")
    return author


async def _woken(news: Ear, closing: asyncio.Event) -> bool:
    """Wait for news or the end; False: the heartbeat's time."""
    waits = [asyncio.ensure_future(news.wait()), asyncio.ensure_future(closing.wait())]
    try:
        done, _ = await asyncio.wait(waits, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for wait in waits:
            wait.cancel()
