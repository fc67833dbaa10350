"""Slack, over its own SDK (slack-bolt): Socket Mode or HTTP events in, the web API out.

What Slack tells us is committed in a middleware that bolt runs before it acknowledges; what cannot be committed is not
acknowledged, and Slack brings it again. What it gave up stands in the history (`channels.slack.catchup`).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final
from weakref import WeakValueDictionary

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from channels.contract import (
    Capabilities,
    ChannelError,
    Cursor,
    Delivered,
    Host,
    InboundMessage,
    LeaseLost,
    OutboundMessage,
    PermanentFailure,
    Receipt,
    Report,
    TemporaryFailure,
    UnknownOutcome,
    Unsupported,
    Window,
)
from channels.finishing import STOP_WITHIN, to_the_end
from channels.logbook import Logbook
from channels.nesting import written
from channels.richtext import RichText
from channels.slack import inbound, render
from channels.slack.api import MISSING, TOKEN_CODES, Api, Refused, quiet
from channels.slack.catchup import CatchUp, Fenced
from channels.slack.checks import Findings, findings, token_fault
from channels.slack.door import Door, payload_of
from channels.slack.inbound import NAME, Ignored, Us
from channels.slack.marks import Marks
from channels.slack.outbound import Outbound
from channels.slack.reader import Item, Reader
from channels.slack.settings import SlackSettings
from channels.slack.socket import Sockets
from channels.slack.window import SlackWindow

log = logging.getLogger(__name__)

WHO_WITHIN: Final = 1.0
"""Seconds that the first event waits until Slack has said who we are."""
LINKED_WITHIN: Final = 5.0
"""Seconds that catching up waits at the start for a socket."""
GREET_EVERY: Final = 300.0
"""Seconds between looks at who we are: a token that was revoked or mended shows."""


class SlackChannel:
    """One app in one workspace."""

    name = NAME

    def __init__(self, settings: SlackSettings) -> None:
        self.account = settings.account
        self.capabilities = Capabilities(
            max_length=render.LIMIT,
            length_unit="utf16",
            attachments=False,
            max_attachment_bytes=settings.max_attachment_bytes,
            sends_per_second_in_place=1.0,
        )
        self._settings = settings
        self._api = Api(settings)
        self._reader = Reader(self._api, settings)
        self._window = SlackWindow(self._api, settings) if settings.desk_channel else None
        self._marks = Marks(settings.account)
        self._catch_up = CatchUp(
            api=self._api, reader=self._reader, marks=self._marks, settings=settings, take=self._take
        )
        self._outbound = Outbound(self._api, settings)
        self._app = AsyncApp(
            client=self._api.client, name="warmline", logger=quiet, signing_secret=settings.signing_secret or "-",
            request_verification_enabled=False,  # our door does it, and better
            before_authorize=_Keeping(self._kept_or_not),
        )  # fmt: skip
        self._logbook = Logbook()
        self._sockets = Sockets(
            app=self._app, api=self._api, settings=settings, odd=self._odd, connected=self._connected,
            logbook=self._logbook,
        )  # fmt: skip
        self._door = Door(settings.signing_secret, self._pushed) if settings.mode == "http" else None
        self._linked = asyncio.Event()
        self._host: Host | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._doing: set[asyncio.Task[Any]] = set()
        self._orders: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.trouble: str | None = None
        """Why Slack does not take our token; None: it does, or was not asked yet."""
        self.nameless: str | None = None
        """Slack takes our token, and does not say whose it is."""

    # --- life ------------------------------------------------------------------------------------

    async def start(self, host: Host) -> None:
        await self._api.open()
        self._host = host
        jobs: list[Callable[[], Coroutine[Any, Any, None]]] = [self._greet, lambda: self._run_catch_up(host)]
        if self._settings.mode == "socket":
            jobs.append(self._sockets.run)
        self._tasks = [asyncio.create_task(job()) for job in jobs]

    async def stop(self) -> None:
        self._host = None  # nothing new is begun
        doing = {*self._doing, *self._sockets.doing} - {asyncio.current_task()}
        if doing:
            await asyncio.wait(doing, timeout=STOP_WITHIN)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._sockets.close()
        await self._api.close()

    def _close_door(self, error: Exception) -> None:
        """Deliver nothing more: another process does."""
        if self._host is not None:
            log.warning("slack account %s closes its door: %s", self.account, error)
        self._host = None
        self._logbook.waits()
        for task in self._tasks:
            task.cancel()
        self._tasks.append(asyncio.create_task(self._sockets.close()))  # what comes now goes to the others' sockets

    async def _run_catch_up(self, host: Host) -> None:
        if not await self._linked_by_now():
            self._catch_up.gap()  # histories can be read without a socket, too
        try:
            await self._catch_up.run(host)
        except Fenced as error:
            self._close_door(error)

    def _connected(self, gap: bool) -> None:
        if gap:
            self._catch_up.gap()
        self._linked.set()

    async def _linked_by_now(self) -> bool:
        """Wait a while until what happens now is told to us: what was missed before is then read once, not twice."""
        if self._settings.mode == "http":
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(LINKED_WITHIN):
                await self._linked.wait()
        return self._linked.is_set()

    async def _greet(self) -> None:
        """Learn who we are, and see it when our token is revoked or mended, or when Slack is away."""
        failures = 0
        while True:
            self._api.doubt.clear()
            try:
                answer, headers = await self._api.ask("auth_test")
                failures = 0
                self._is_us(answer, headers)
            except ChannelError as error:
                failures += 1
                if isinstance(error, Refused) and error.code in MISSING:
                    self._is_us({}, {})
                    failures = 0
                if isinstance(error, Refused) and error.code in TOKEN_CODES:
                    if self.trouble is None:
                        log.error("slack account %s: %s", self.account, error)
                    self.trouble = token_fault(error, self._settings)
                elif self._door is not None and not isinstance(error, Refused):
                    self._logbook.down(str(error))
            pause = min(self._settings.retry_base * 2 ** min(failures, 20), self._settings.retry_cap)
            await self._pause(pause if failures else GREET_EVERY, heed_doubt=not failures)

    async def _pause(self, seconds: float, *, heed_doubt: bool) -> None:
        """Where no socket tells that Slack is away, the first request that does not reach it does."""
        if self._door is None or not heed_doubt:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._api.doubt.wait()

    def _is_us(self, answer: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        told = {
            name: answer.get(key)
            for name, key in (("user", "user_id"), ("bot", "bot_id"), ("team", "team_id"), ("name", "user"))
        }
        known = {name: value for name, value in told.items() if isinstance(value, str) and value}
        us = self._reader.us
        self._reader.is_known_as(replace(us, **known))
        if not self._reader.us.user and self.nameless is None:
            self.nameless = (
                f"Slack does not say who we are (auth.test at {self._settings.base}): mentions are not known"
            )
            log.warning("slack account %s: %s", self.account, self.nameless)
            self._reader.is_not_told_who()
        elif self._reader.us.user:
            self.nameless = None
        self._outbound.granted(headers.get("x-oauth-scopes"))
        if self._window is not None:
            self._window.team = self._reader.us.team
        names = [str(answer[key])[:80] for key in ("user", "team") if isinstance(answer.get(key), str) and answer[key]]
        self._logbook.called = " in ".join([f"@{names[0]}", *names[1:]]) if names else ""
        if self._door is not None:
            self._logbook.up()
        if self.trouble is not None:
            log.info("slack account %s: our token is good again", self.account)
            self.trouble = None
            self._catch_up.gap()

    # --- in: over HTTP ---------------------------------------------------------------------------

    def routes(self) -> Sequence[Route]:
        path = f"/channels/{NAME}/{self.account}"
        return [] if self._door is None else [Route(path, self._at_the_door, methods=["POST"])]

    async def _at_the_door(self, request: Request) -> Response:
        assert self._door is not None  # noqa: S101 - the route is there only with it
        return await self._door(request)

    async def _pushed(self, text: str, headers: Mapping[str, str]) -> Response:
        """A body that is Slack's: an object of JSON."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - requests are handled in tasks
        self._doing.add(task)
        try:
            try:
                request = AsyncBoltRequest(body=text, headers=dict(headers))
            except Exception as error:  # bolt stumbles over a shape that it does not know
                body = payload_of(text, headers.get("content-type", "")) or {}
                kept = await self._keep_unreadable(text.encode(), error, _named(body))
                return Response(status_code=200 if kept else 503)
            answer = await self._app.async_dispatch(request)
            return Response(answer.body or "", answer.status, headers=answer.first_headers_without_set_cookie())
        except Exception as error:
            log.warning("slack account %s: a request was not kept: %s", self.account, type(error).__name__)
            return PlainTextResponse("not kept; come again", 503)
        finally:
            self._doing.discard(task)

    # --- in: both ways ---------------------------------------------------------------------------

    async def _kept_or_not(self, request: AsyncBoltRequest) -> BoltResponse | None:
        """The acknowledgement, after the commit; 503 if nothing was kept. None: bolt may answer this by itself."""
        body = request.body
        if body.get("type") == "url_verification" or "ssl_check" in body:
            return None
        if self._host is None:
            return BoltResponse(status=503, body="not open; come again")
        try:
            await self._keep(self._host, body)
        except LeaseLost as error:
            self._close_door(error)
            return BoltResponse(status=503, body="not open; come again")
        except Exception as error:
            log.warning("slack account %s: an event was not kept: %s", self.account, error)
            return BoltResponse(status=503, body="not kept; come again")
        return BoltResponse(status=200, body="")

    async def _keep(self, host: Host, body: Mapping[str, Any]) -> None:
        """Commit what a payload says. Raises whatever the commit raises: then Slack must not hear a yes."""
        try:
            if self._window is not None and self._window.is_here(body):
                await self._reader.knows_us(WHO_WITHIN)
                async with self._orders.setdefault(self._window.place, asyncio.Lock()):
                    events = await self._window.read(body, inbound.us_of(body, self._reader.us))
                    await to_the_end(host.window(events))
            elif body.get("type") in ("block_actions", "shortcut", "message_action"):
                await self._keep_press(host, body)
            elif isinstance(body.get("event"), dict) or body.get("type") == "event_callback":
                await self._keep_event(host, body)
            else:
                raise Ignored(inbound.kind_of(body))
        except Ignored as reason:
            self._reader.ignore(reason)

    async def _keep_event(self, host: Host, body: Mapping[str, Any]) -> None:
        self._reader.is_known_as(inbound.us_of(body, self._reader.us))
        await self._reader.knows_us(WHO_WITHIN)
        us = self._reader.us
        try:
            event = inbound.message_event(body)
            where = inbound.where(event, us)
        except Ignored:
            raise
        except Exception as error:
            await self._take(host, [self._unreadable(body, error)], None)
            return
        async with self._orders.setdefault(where.place, asyncio.Lock()):
            direct = self._reader.is_direct(where)
            if not self._marks.is_current(where.place):
                await self._catch_up.place(where.place)
            if event.get("subtype") not in inbound.CHANGES and self._catch_up.brought(where.place, where.ts):
                return  # it stood in the history, and is committed
            if self._host is None:
                raise TemporaryFailure("not open")
            await self._keep_in_order(host, body, where, us, direct=direct)

    async def _keep_in_order(
        self, host: Host, body: Mapping[str, Any], where: inbound.Where, us: Us, *, direct: bool
    ) -> None:
        unknown = where.thread_ts is not None and not direct
        mark = await self._marks.of(where.place, host)
        if unknown and where.thread_ts not in mark.threads:
            mark = await self._marks.of(where.place, host, fresh=True)  # another process may know this thread
        try:
            items = await self._reader.event(body, mark, us)
        except Ignored:
            raise
        except Exception as error:
            await self._take(host, [self._unreadable(body, error)], None)
            return
        message = items[0]
        moved = mark
        if isinstance(message, InboundMessage) and message.kind == "message" and not message.author.is_us:
            moved = self._reader.after(mark, where, direct=direct, addressed=message.addressed)
        moves = moved != mark and self._marks.is_current(where.place)
        try:
            await self._take(host, items, self._marks.cursor(where.place, moved) if moves else None)
        except Exception:
            self._catch_up.gap_in(where.place)
            raise
        if moves:
            self._marks.put(where.place, moved)
        elif moved.threads != mark.threads:
            self._marks.put(where.place, replace(moved, seen=mark.seen))

    async def _keep_press(self, host: Host, body: Mapping[str, Any]) -> None:
        try:
            if body.get("type") == "shortcut":
                if body.get("callback_id") != inbound.SHORTCUT:
                    raise Ignored(f"shortcut {body.get('callback_id')}"[:80])
                items = await self._reader.shortcut(body, await self._direct_with(inbound.presser(body)))
            else:
                items = await self._reader.press(body)
        except (Ignored, ChannelError):
            raise
        except Exception as error:
            items = [self._unreadable(body, error)]
        await self._take(host, items, None)

    async def _direct_with(self, user: str) -> str:
        """The direct message with somebody. Raises `ChannelError`."""
        answer = await self._api.call("conversations_open", users=user)
        channel = answer.get("channel")
        if not isinstance(channel, dict) or not isinstance(channel.get("id"), str):
            raise UnknownOutcome("Slack named no direct message")
        return str(channel["id"])

    async def _take(self, host: Host, items: Sequence[Item], cursor: Cursor | None) -> list[Delivered]:
        if self._host is None:
            raise TemporaryFailure("not open")
        return await to_the_end(host.deliver(items, cursor=cursor))

    # --- what cannot be read ---------------------------------------------------------------------

    def _unreadable(self, body: Mapping[str, Any], error: Exception) -> Item:
        return self._reader.unreadable(written(body), error, stable=_named(body))

    async def _odd(self, message: str, frame: Mapping[str, Any]) -> bool:
        """A frame of the socket that is none of those documented."""
        if not frame.get("envelope_id") and frame:
            self._reader.ignore(Ignored(f"frame {frame.get('type')}"[:80]))
            return False
        payload = frame.get("payload")
        if isinstance(payload, dict):
            raw, name = written(payload), _named(payload) or _named(frame)
        else:
            raw, name = message.encode("utf-8", "surrogatepass"), _named(frame)
        return await self._keep_unreadable(raw, ValueError("a payload of no shape that we know"), name)

    async def _keep_unreadable(self, raw: bytes, error: Exception, stable: str) -> bool:
        host = self._host
        if host is None:
            return False
        try:
            await self._take(host, [self._reader.unreadable(raw, error, stable=stable)], None)
        except LeaseLost as lost:
            self._close_door(lost)
            return False
        except Exception as failed:
            log.warning("slack account %s: a bad payload was not kept: %s", self.account, failed)
            return False
        return True

    def reread(self, external_id: str, raw: bytes) -> Sequence[InboundMessage]:
        try:
            if self._window is not None and self._window.is_here(json.loads(raw)):
                raise ValueError("it happened in the desk's channel, where no customers write")
            return self._reader.reread(raw)
        except Exception as error:
            raise ValueError(f"{external_id} still cannot be read: {type(error).__name__} {error}") from error

    async def backfill(self, host: Host) -> int:
        """Raises `ChannelError` when Slack cannot be asked now; it is asked again in the background."""
        await self._linked_by_now()
        return await self._catch_up.now(host)

    # --- out -------------------------------------------------------------------------------------

    def parts(self, text: RichText) -> Sequence[RichText]:
        return render.parts(text)

    async def send(self, message: OutboundMessage) -> Receipt:
        if self._host is None:
            raise TemporaryFailure(f"channel {NAME} of {self.account} is not running; start it")
        if message.attachments:
            raise Unsupported("files are not sent to Slack; send a link to the file")
        if render.measure(message.text) > render.LIMIT:
            raise Unsupported("the text is too long for one message; send it in parts")
        if not message.text.plain().strip():
            raise PermanentFailure("the message has no words; write some")
        try:
            receipt, said = await self._outbound.send(message)
            address = message.address
            self._reader.has_said(address.place, address.thread, receipt.external_id, said)
            return receipt
        except Refused as refused:
            raise refused.error from None

    async def reconcile(self, message: OutboundMessage) -> Receipt | None:
        return await self._outbound.find(message)

    def window(self) -> Window | None:
        return self._window

    # --- is all well -----------------------------------------------------------------------------

    async def check(self) -> list[str]:
        """What is wrong now, each with the place to mend it."""
        api = self._api if self._api.is_open else Api(self._settings)
        if api is not self._api:
            await api.open()
        try:
            found: Findings = await findings(api, self._settings)
        finally:
            if api is not self._api:
                await api.close()
        return list(found) or [f"Account {self.account}: {trouble}" for trouble in self.report().troubles]

    def report(self) -> Report:
        missed = self._catch_up.trouble
        window = self._window.troubles if self._window is not None else ()
        unread = f"What was missed cannot be fetched yet: {missed}" if missed is not None else None
        return self._logbook.report(beside=(self.trouble, self.nameless, unread, *window), counts=self._reader.ignored)


class _Keeping(AsyncMiddleware):
    """The middleware that commits. bolt runs it before it asks who we are, so that a revoked token loses nothing."""

    def __init__(self, keep: Callable[[AsyncBoltRequest], Awaitable[BoltResponse | None]]) -> None:
        self._keep = keep

    async def async_process(
        self, *, req: AsyncBoltRequest, resp: BoltResponse, next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse | None:
        answer = await self._keep(req)
        return answer if answer is not None else await next()


def _named(body: Mapping[str, Any]) -> str:
    """What a payload is called at each of its deliveries; empty: nothing."""
    for key in ("event_id", "envelope_id", "trigger_id"):
        if isinstance(body.get(key), str) and body[key]:
            return str(body[key])
    return ""


def make(settings: Mapping[str, Any]) -> SlackChannel:
    """The factory: `slack` in the settings."""
    return SlackChannel(SlackSettings.parse(settings))
