"""The adapter of the loopback platform, and the one to copy for a new platform (docs/ADDING_A_CHANNEL.md).

It reads by polling or is pushed to, and has every optional part of the contract. The parts of this file stand in
the order in which you would write them: settings, what is wrong with an answer, what an event means, how far we
have read, the channel.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import hmac
import json
import logging
import random
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from channels.contract import (
    Address,
    Attachment,
    Author,
    Capabilities,
    ChannelError,
    Cursor,
    Delivered,
    Host,
    InboundKind,
    InboundMessage,
    LeaseLost,
    OutboundMessage,
    PermanentFailure,
    Receipt,
    Report,
    TemporaryFailure,
    Undecodable,
    UnknownOutcome,
    Unsupported,
)
from channels.finishing import to_the_end
from channels.fitting import split_text
from channels.logbook import Logbook
from channels.options import unknown
from channels.richtext import RichText

log = logging.getLogger(__name__)

NAME = "loopback"
PAGE = 100
PUSH_LIMIT = 4_000_000
"""Bytes in one pushed event."""

# --- settings --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopbackSettings:
    """What an operator can set. Times in seconds."""

    url: str
    token: str
    account: str = "main"
    mode: Literal["poll", "push"] = "poll"
    public_url: str = ""
    """Of push: where the platform reaches this house."""
    secret: str = ""
    """Of push: what the platform shows to prove itself."""
    idempotent: bool = False
    """The platform drops a second send with the same key."""
    window: float = 300.0
    """So long it remembers a key."""
    max_length: int = 4096
    """UTF-16 units in one message."""
    in_parts: bool = False
    """Leave the sending of a longer text, part by part, to the house."""
    rate: float | None = None
    """Messages a second that the house keeps to; the platform does not mind more."""
    rate_in_place: float | None = None
    timeout: float = 10.0
    poll_wait: float = 25.0
    retry_base: float = 0.5
    retry_cap: float = 30.0
    heal_after: float = 30.0
    """Of push: how long a gap in what was pushed may stand before the history is read."""

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> LoopbackSettings:
        """Raises `ValueError` with every setting that is wrong; never with the value of one."""
        known = {field.name for field in fields(cls)}
        wrong = unknown(settings, known)
        needed = ["url", "token"] + (["public_url", "secret"] if settings.get("mode") == "push" else [])
        wrong += [f"{name} is missing" for name in needed if not settings.get(name)]
        if settings.get("mode", "poll") not in ("poll", "push"):
            wrong.append("mode is neither poll nor push")
        if wrong:
            raise ValueError("; ".join(wrong))
        return cls(**settings)


# --- what is wrong with an answer ------------------------------------------------------------

CONNECT_WITHIN = 10.0
"""Seconds, also where answers are given less: a busy machine is no platform that is away."""
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""No byte of the request left. After any other failure on the way nobody knows."""

REFUSALS: Mapping[int, tuple[type[ChannelError], str]] = {
    401: (TemporaryFailure, "the platform does not accept our token; set a new one"),
    403: (PermanentFailure, "the customer does not take messages from us; reach them another way"),
    408: (UnknownOutcome, "the platform gave up while it read our message"),
    429: (TemporaryFailure, "the platform takes no more messages for now"),
    3: (PermanentFailure, "the platform sent us elsewhere; check the url"),
    4: (PermanentFailure, "the platform refused the message"),
    5: (UnknownOutcome, "the platform failed"),
}
"""By status, then by its first digit."""


def refusal(answer: httpx.Response) -> ChannelError:
    """The contract's error for an answer that is not 2xx."""
    status = answer.status_code
    kind, sentence = REFUSALS.get(status) or REFUSALS[status // 100]
    reason = f"{sentence} ({status}: {answer.text[:200]})"
    if status == 401:
        return TemporaryFailure(reason, everywhere=True)
    return TemporaryFailure(reason, retry_after=_retry_after(answer)) if kind is TemporaryFailure else kind(reason)


def _retry_after(answer: httpx.Response) -> float | None:
    try:
        seconds = float(answer.headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return seconds if 0 <= seconds <= 86_400 else None


# --- what an event means ---------------------------------------------------------------------


def decode(account: str, event: Any) -> InboundMessage:
    """Raises anything for an event that is not shaped as the platform documents it."""
    author = event["author"]
    kind: InboundKind = event["kind"]
    if kind not in get_args(InboundKind):
        raise ValueError(f"kind {kind!r}")
    return InboundMessage(
        channel=NAME,
        account=account,
        place=_text(event["place"]),
        thread=None if event["thread"] is None else _text(event["thread"]),
        author=Author(
            external_id=_text(author["id"]),
            name=_text(author["name"]),
            is_bot=bool(author["bot"]),
            is_us=author["app"] == account,
        ),
        external_id=_text(event["id"]),
        revision=int(event["revision"]),
        kind=kind,
        text=_text(event["text"]),
        attachments=tuple(_attachment(file) for file in event["attachments"]),
        addressed=bool(event["addressed"]),
        public=bool(event["public"]),
        button=event["button"],
        reply_to=event["reply_to"],
        platform_at=datetime.fromtimestamp(event["at"], UTC),
    )


def decode_or_keep(account: str, number: int | None, payload: Any, raw: bytes) -> InboundMessage | Undecodable:
    """Any payload as something that can be delivered: a bad one must neither block the others nor vanish."""
    try:
        return decode(account, payload)
    except Exception as error:
        external_id = f"update-{number}" if number is not None else hashlib.sha256(raw).hexdigest()
        reason = f"{type(error).__name__}: {error}"
        return Undecodable(channel=NAME, account=account, external_id=external_id, reason=reason, raw=raw)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is a {type(value).__name__}")
    return value


def _attachment(file: Any) -> Attachment:
    return Attachment(
        name=_text(file["name"]), media_type=_text(file["media_type"]), size=int(file["size"]), reference=file["file"]
    )


# --- how far we have read --------------------------------------------------------------------


class Watermark:
    """The number up to which nothing is missing. Numbers are dense, but come in any order and more than once.

    `low` only ever counts what is committed. Two commits that cross may write a lower one last; that is safe: what
    lies between is read again and is no news to the house.
    """

    def __init__(self, low: int) -> None:
        self.low = low
        self._ahead: set[int] = set()

    @property
    def gap(self) -> bool:
        return bool(self._ahead)

    def after(self, numbers: Iterable[int]) -> int:
        """What `low` would be with these numbers committed too."""
        ahead, low = self._ahead | set(numbers), self.low
        while low + 1 in ahead:
            low += 1
        return low

    def commit(self, numbers: Sequence[int]) -> None:
        low = self.after(numbers)
        self._ahead = {number for number in (*self._ahead, *numbers) if number > low}
        self.low = low

    def skip_to(self, number: int) -> None:
        """What is missing up to there is lost for good."""
        self.low = max(self.low, number)
        self.commit([])


Item = tuple[int | None, InboundMessage | Undecodable]
"""An update's number, if it told one, and what it says."""


# --- the channel -----------------------------------------------------------------------------


class LoopbackChannel:
    """One account on one loopback platform."""

    name = NAME

    def __init__(self, settings: LoopbackSettings) -> None:
        self.account = settings.account
        self.capabilities = Capabilities(
            max_length=settings.max_length,
            length_unit="utf16",
            rich_text=False,
            idempotent_sends=settings.idempotent,
            idempotent_within=settings.window,
            sends_per_second=settings.rate,
            sends_per_second_in_place=settings.rate_in_place,
        )
        self._settings = settings
        self._cursor = f"{NAME}:{settings.account}:updates"
        self._mark = Watermark(0)
        self._host: Host | None = None
        self._client: httpx.AsyncClient | None = None
        self._task: asyncio.Task[None] | None = None
        self._logbook = Logbook()

    def report(self) -> Report:
        return self._logbook.report()

    async def start(self, host: Host) -> None:
        self._mark = Watermark(int(await host.cursor(self._cursor) or 0))
        self._client = self._new_client()
        self._host = host
        self._task = asyncio.create_task(self._read(host))

    async def stop(self) -> None:
        task, self._task = self._task, None
        client, self._client = self._client, None
        self._host = None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if client is not None:
            await client.aclose()

    # --- in: both ways ---

    async def _take(self, host: Host, items: Sequence[Item]) -> list[Delivered]:
        """Commit these; the cursor moves with them as far as nothing before is missing."""
        numbers = [number for number, _ in items if number is not None]
        low = self._mark.after(numbers)
        cursor = Cursor(name=self._cursor, value=str(low)) if low > self._mark.low else None
        messages = [await self._with_files(message) for _, message in items]
        results = await to_the_end(host.deliver(messages, cursor=cursor))
        self._mark.commit(numbers)
        return results

    async def backfill(self, host: Host) -> int:
        """Raises `ChannelError` when the platform cannot be asked now."""
        new = 0
        while True:
            answer = await self._ask("/history", after=str(self._mark.low), limit=str(PAGE))
            items = self._items(answer.json())
            if not items:
                return new
            new += sum(result.outcome == "new" for result in await self._take(host, items))
            self._mark.skip_to(max(number for number, _ in items if number is not None))  # it holds what there is

    def _items(self, page: Any) -> list[Item]:
        """The updates of one answer. Raises for an answer that is no page at all."""
        return [
            (int(update["update"]), self._decoded(int(update["update"]), update.get("event")))
            for update in page["updates"]
        ]

    def _decoded(self, number: int, event: Any) -> InboundMessage | Undecodable:
        raw = json.dumps({"update": number, "event": event}).encode("ascii")
        return decode_or_keep(self.account, number, event, raw)

    async def _with_files(self, message: InboundMessage | Undecodable) -> InboundMessage | Undecodable:
        if isinstance(message, Undecodable) or not message.attachments:
            return message
        return replace(message, attachments=tuple([await self._with_content(file) for file in message.attachments]))

    async def _with_content(self, file: Attachment) -> Attachment:
        """Fetch a file; one that is too big or away keeps its reference, for the words matter more."""
        if file.size > self.capabilities.max_attachment_bytes:
            return file
        try:
            answer = await self._ask(f"/files/{file.reference}")
        except ChannelError as error:
            log.warning("attachment %s of %s was not fetched: %s", file.reference, self.account, error)
            return file
        if len(answer.content) > self.capabilities.max_attachment_bytes:
            return file
        return replace(file, content=answer.content, size=len(answer.content))

    async def _read(self, host: Host) -> None:
        """Read until we are stopped, or until another process reads this stream."""
        try:
            await (self._poll(host) if self._settings.mode == "poll" else self._keep_pushed(host))
        except LeaseLost as error:
            self._logbook.waits()
            log.warning("%s of %s stops: another process reads it now (%s)", NAME, self.account, error)

    def reread(self, external_id: str, raw: bytes) -> Sequence[InboundMessage]:
        try:
            return [decode(self.account, json.loads(raw)["event"])]
        except Exception as error:
            raise ValueError(f"{external_id} still cannot be read: {type(error).__name__} {error}") from error

    # --- in: we ask ---

    async def _poll(self, host: Host) -> None:
        """Ask, commit, and confirm by asking for what comes after; never the other way round.

        After a failure updates are taken one by one, so that one that cannot be kept holds back no other before it.
        """
        failures = 0
        while True:
            try:
                if not self._logbook.is_up:
                    await self._introduce()
                await self._poll_once(host, PAGE if failures == 0 else 1)
                failures = 0
            except LeaseLost:
                raise
            except Exception as error:
                failures += 1
                self._logbook.down(f"{error}; look whether the platform runs, and at url and token of this account")
                log.warning("%s of %s: reading failed, trying again: %s", NAME, self.account, error)
                await asyncio.sleep(self._backoff(failures))

    async def _introduce(self) -> None:
        """Who are we? An answer says that the link is up, long before the first news would."""
        self._logbook.called = f"@{(await self._ask('/me')).json()['account']}"
        self._logbook.up()

    async def _poll_once(self, host: Host, limit: int) -> None:
        wait = self._settings.poll_wait
        ask = {"after": str(self._mark.low), "limit": str(limit), "wait": str(wait)}
        answer = await self._ask("/updates", timeout=wait + self._settings.timeout, **ask)
        items = self._items(answer.json())
        if items:
            await self._take(host, items)
        if self._mark.gap:
            await self._close_gap(host, max(number for number, _ in items if number is not None))

    async def _close_gap(self, host: Host, seen: int) -> None:
        try:
            await self.backfill(host)
        except PermanentFailure as error:
            log.error("%s of %s: updates before %d are lost: %s", NAME, self.account, seen, error)
            self._mark.skip_to(seen)

    # --- in: we are told ---

    def routes(self) -> Sequence[Route]:
        return [Route(self._path, self._pushed, methods=["POST"])] if self._settings.mode == "push" else []

    @property
    def _path(self) -> str:
        return f"/channels/{NAME}/{self.account}"

    async def _pushed(self, request: Request) -> Response:
        """One event. 2xx only after the commit; anything else makes the platform come again."""
        given = request.headers.get("x-loopback-secret", "").encode("latin-1")
        if not hmac.compare_digest(given, self._settings.secret.encode()):
            return PlainTextResponse("the secret is wrong", 401)
        raw = b""
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > PUSH_LIMIT:
                return PlainTextResponse("too big", 413)
        host = self._host
        if host is None:
            return PlainTextResponse("not open; come again", 503)
        try:
            await self._take(host, [self._pushed_item(raw, request.headers.get("x-loopback-update", ""))])
        except LeaseLost as error:
            self._host = None  # the house stops us and starts another when it holds the lease again
            log.warning("%s of %s closes its door: %s", NAME, self.account, error)
            return PlainTextResponse("not open; come again", 503)
        except Exception as error:
            log.warning("%s of %s: a pushed event was not kept: %s", NAME, self.account, error)
            return PlainTextResponse("not kept; come again", 503)
        return Response(status_code=204)

    def _pushed_item(self, raw: bytes, header: str) -> Item:
        number = int(header) if header.isascii() and header.isdigit() and len(header) < 19 else None
        try:
            event = json.loads(raw)["event"]
        except (ValueError, KeyError, TypeError, RecursionError):
            event = None
        return number, decode_or_keep(self.account, number, event, raw)

    async def _keep_pushed(self, host: Host) -> None:
        """Tell the platform where we are; then look after gaps that no push has filled."""
        failures, registered = 0, False
        while True:
            try:
                if not registered:
                    url = self._settings.public_url.rstrip("/") + self._path
                    await self._post("/webhook", {"url": url, "secret": self._settings.secret})
                    registered = True
                    await self._introduce()
                elif self._mark.gap:
                    await self.backfill(host)
                else:
                    await self._introduce()
                failures = 0
                await asyncio.sleep(self._settings.heal_after)
            except LeaseLost:
                raise
            except Exception as error:
                failures += 1
                self._logbook.down(f"{error}; look whether the platform runs, and at url and token of this account")
                log.warning("%s of %s: the platform is away, trying again: %s", NAME, self.account, error)
                await asyncio.sleep(self._backoff(failures))

    # --- out ---

    async def send(self, message: OutboundMessage) -> Receipt:
        parts = self._parts(message)
        ids: list[str] = []
        for number, text in enumerate(parts):
            last = number == len(parts) - 1
            try:
                ids.append(await self._send_part(message, _part_key(message.key, number), text, whole=last))
            except ChannelError as error:
                if not ids or self.capabilities.idempotent_sends:
                    raise
                raise UnknownOutcome(f"{len(ids)} of {len(parts)} parts have arrived, then: {error}") from error
        return Receipt(external_id=ids[0], parts=tuple(ids))

    def _parts(self, message: OutboundMessage) -> list[str]:
        text = message.text.plain()
        return split_text(text, self.capabilities.max_length, self.capabilities.length_unit) or [text]

    async def _send_part(self, message: OutboundMessage, key: str, text: str, *, whole: bool) -> str:
        """Post one part; with the last one (`whole`) go the buttons and files."""
        body = {
            "key": key,
            "place": message.address.place,
            "thread": message.address.thread,
            "text": text,
            "author": message.author,
            "buttons": [{"id": button.id, "label": button.label} for button in message.buttons if whole],
            "attachments": [_file(attachment) for attachment in message.attachments if whole],
        }
        answer = await self._post("/send", body)
        try:
            return _text(answer.json()["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise UnknownOutcome("the platform's answer makes no sense; look before it is sent again") from error

    async def reconcile(self, message: OutboundMessage) -> Receipt | None:
        keys = [_part_key(message.key, number) for number in range(len(self._parts(message)))]
        found: list[str] = []
        for key in keys:
            try:
                ids = (await self._ask("/sent", key=key)).json()["ids"]
            except (ChannelError, ValueError, KeyError, TypeError) as error:
                raise UnknownOutcome(f"the platform cannot say whether it arrived: {error}") from error
            found += ids[:1]
        if not found:
            return None
        if len(found) < len(keys):
            raise UnknownOutcome(f"{len(found)} of {len(keys)} parts have arrived")
        return Receipt(external_id=found[0], parts=tuple(found))

    async def typing(self, address: Address) -> None:
        try:
            await self._post("/typing", {"place": address.place, "thread": address.thread})
        except ChannelError as error:
            log.debug("typing was not shown: %s", error)

    async def check(self) -> list[str]:
        client = self._client or self._new_client()
        try:
            answer = await client.get("/me")
            me = answer.json() if answer.is_success else {}
        except (httpx.HTTPError, ValueError):
            return [f"Nothing answers as it should at {self._settings.url}: check url of channel {NAME}."]
        finally:
            if client is not self._client:
                await client.aclose()
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            return [f"The platform does not accept the token of account {self.account}: set token of channel {NAME}."]
        wrong = []
        if me.get("account") != self.account:
            wrong.append(f"The token is that of account {me.get('account')}: set account of channel {NAME} to it.")
        if me.get("push") and self._settings.mode == "poll":
            wrong.append(f"The platform pushes to a webhook: remove it there, or set mode of channel {NAME} to push.")
        return wrong

    # --- requests ---

    def _new_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._settings.url,
            headers={"authorization": f"Bearer {self._settings.token}"},
            timeout=httpx.Timeout(self._settings.timeout, connect=CONNECT_WITHIN),
            verify=_certificates(),
            trust_env=False,
        )

    async def _post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        return await self._request("POST", path, content=json.dumps(body).encode("ascii"))

    async def _ask(self, path: str, *, timeout: float | None = None, **query: str) -> httpx.Response:
        limit = httpx.Timeout(timeout or self._settings.timeout, connect=CONNECT_WITHIN)
        return await self._request("GET", path, params=query, timeout=limit)

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request, one try. Raises the contract's errors only."""
        if self._client is None:
            raise TemporaryFailure(f"channel {NAME} of {self.account} is not running; start it")
        try:
            answer = await self._client.request(method, path, **options)
        except NOT_SENT as error:
            reason = f"the platform cannot be reached: {type(error).__name__} {error}"
            raise TemporaryFailure(reason, everywhere=True) from error
        except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: the client was closed meanwhile
            raise UnknownOutcome(f"no answer came back: {type(error).__name__} {error}") from error
        if answer.is_success:
            return answer
        raise refusal(answer)

    def _backoff(self, failures: int) -> float:
        """Half fixed, half random, so that many of us do not come back at the same moment."""
        ceiling: float = min(self._settings.retry_base * 2 ** min(failures - 1, 20), self._settings.retry_cap)
        return ceiling * (0.5 + random.random() / 2)


@functools.cache
def _certificates() -> ssl.SSLContext:
    """The authorities we trust; reading them takes 20 ms, once is enough."""
    return ssl.create_default_context()


def _part_key(key: str, number: int) -> str:
    return key if number == 0 else f"{key}.{number}"


def _file(attachment: Attachment) -> dict[str, str]:
    content = base64.b64encode(attachment.content or b"").decode()
    return {"name": attachment.name, "media_type": attachment.media_type, "content": content}


class LoopbackInParts(LoopbackChannel):
    """The same, but the house sends the parts of a longer text, and knows how many have arrived."""

    async def send(self, message: OutboundMessage) -> Receipt:
        if len(self.parts(message.text)) > 1:
            raise Unsupported("the text is too long for one message; send its parts")
        return await super().send(message)

    def parts(self, text: RichText) -> Sequence[RichText]:
        pieces = split_text(text.plain(), self.capabilities.max_length, self.capabilities.length_unit)
        return [RichText.of(piece) for piece in pieces]


def make(settings: Mapping[str, Any]) -> LoopbackChannel:
    """The factory: "tests.platforms.loopback_channel:make" in the settings."""
    parsed = LoopbackSettings.parse(settings)
    return LoopbackInParts(parsed) if parsed.in_parts else LoopbackChannel(parsed)
