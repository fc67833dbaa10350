"""A loopback Slack: Web API, Socket Mode and HTTP events, with everything that goes wrong there.

In a test (`async with SlackPlatform() as slack`) or as its own process, so that it outlives a killed desk:

    python tests/platforms/slack.py --port 8090 --ledger /tmp/ledger.jsonl

`http://…/api/` is what `api_url` names; `POST /control/…` is the tester's side, see `tests/platforms/slack_control.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web

from tests.platforms.loopback_state import Fault, Faults, Ledger
from tests.platforms.plain_http import Cut, PlainServer, Reply, Request
from tests.platforms.slack_state import APP, BOT, BOT_USER, TEAM, Parcel, SlackKnobs, Workspace
from tests.platforms.standalone import serve

Call = Callable[[dict[str, Any]], dict[str, Any]]
WITH_WEATHER = {"chat.postMessage": "send"}


class Sorry(Exception):
    """`{"ok": false, "error": …}`"""


class SlackPlatform:
    """One workspace, one app, one ledger."""

    def __init__(self, *, ledger: Path | None = None, seed: int = 0, port: int = 0) -> None:
        self.knobs = SlackKnobs()
        self.ledger = Ledger(ledger)
        self.space = Workspace(self.ledger, self.knobs)
        self.server = PlainServer(self._handle)
        self.sockets: list[web.WebSocketResponse] = []
        self.dialled = 0
        self.pushed_to = ""
        self.silent = False
        """Sockets take everything and answer nothing."""
        self.greets = True
        self.elsewhere = "http://127.0.0.1:9/steal"
        """Where a file that has moved is said to be."""
        self.calls: list[str] = []
        self._port = port
        self._outage = False
        self._rng = random.Random(seed)
        self._faults = Faults(self.knobs, self._rng)  # type: ignore[arg-type]
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._socket_port = 0
        self._waiting: dict[str, Parcel] = {}
        self._task: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._pushes: dict[str, asyncio.Lock] = {}
        self._methods: dict[str, Call] = {
            "auth.test": self._auth_test,
            "apps.connections.open": self._connections_open,
            "users.info": self._users_info,
            "chat.postMessage": self._post_message,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.list": lambda args: self._listed(is_im=True),
            "users.conversations": lambda args: self._listed(is_im=False),
            "conversations.open": self._open,
            "conversations.info": self._info,
            "chat.update": self._update,
            "chat.postEphemeral": self._whisper,
        }

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def api_url(self) -> str:
        return f"{self.server.url}/api/"

    async def __aenter__(self) -> SlackPlatform:
        await self.server.open(self._port)
        app = web.Application()
        app.router.add_get("/link", self._link)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._socket_port = self._runner.addresses[0][1]
        self._session = aiohttp.ClientSession()
        self._task = asyncio.create_task(self._deliver())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [task for task in (self._task, *self._under_way) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        self.abort_sockets()
        await asyncio.sleep(0)  # aborted connections end
        await self.server.shut()
        if self._runner is not None:
            await self._runner.cleanup()
        self.ledger.close()

    # --- the web API -----------------------------------------------------------------------------

    async def _handle(self, request: Request) -> Reply:
        head, _, rest = request.path.removeprefix("/").partition("/")
        if head == "control":
            return self._control(rest, request)
        if self._outage:
            raise Cut(reset=True)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if head == "files":
            return self._file(rest, token)
        if head != "api" or rest not in self._methods:
            return Reply.of({"ok": False, "error": "unknown_method"})
        self.calls.append(rest)
        fault = self._faults.next(WITH_WEATHER.get(rest, rest))
        return await self._with_fault(fault, rest, _arguments(request), token)

    async def _with_fault(self, fault: Fault | None, method: str, arguments: dict[str, Any], token: str) -> Reply:
        if fault is None or fault.kind == "ok":
            return self._called(method, arguments, token)
        done = self._called(method, arguments, token) if fault.after else None
        self.ledger.note("fault", method=method, fault=fault.kind, after=fault.after)
        match fault.kind:
            case "cut" | "close":
                raise Cut(reset=fault.kind == "cut")
            case "busy":
                after = {"retry-after": str(max(1, round(fault.seconds)))}
                return Reply.of({"ok": False, "error": "ratelimited"}, 429, after)
            case "slow":
                await asyncio.sleep(fault.seconds)
                return done or self._called(method, arguments, token)
            case "black_hole":
                await asyncio.sleep(60)
                raise Cut(reset=False)
            case "rubbish":
                return Reply(body=b"<html>so sorry</html>", headers={"content-type": "application/json"})
            case "unavailable":
                return Reply(status=503, body=b"busy", headers={"content-type": "text/plain"})
            case _:
                return Reply.of({"ok": False, "error": "internal_error"}, 500)

    def _called(self, method: str, arguments: dict[str, Any], token: str) -> Reply:
        wanted = self.knobs.app_token if method == "apps.connections.open" else self.knobs.token
        given = arguments.pop("token", token)
        headers = {"x-oauth-scopes": self.knobs.scopes}
        try:
            if token != wanted and given != wanted:
                raise Sorry("invalid_auth")
            if self.knobs.refusal:
                raise Sorry(self.knobs.refusal)
            return Reply.of({"ok": True, **self._methods[method](arguments)}, headers=headers)
        except Sorry as sorry:
            return Reply.of({"ok": False, "error": str(sorry)}, headers=headers)

    def _auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"url": "https://loopback.slack.com/", "team": "Loopback", "user": "warmline", "team_id": TEAM,
                "user_id": BOT_USER, "bot_id": BOT, "is_enterprise_install": False}  # fmt: skip

    def _connections_open(self, _: dict[str, Any]) -> dict[str, Any]:
        self.dialled += 1
        return {"url": f"ws://127.0.0.1:{self._socket_port}/link?ticket=t{self.dialled}"}

    def _users_info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        user = self.space.users.get(arguments["user"])
        if user is None:
            raise Sorry("user_not_found")
        return {"user": user}

    def _post_message(self, post: dict[str, Any]) -> dict[str, Any]:
        reason = self._why_not(post)
        if reason:
            self.ledger.note("refused", reason=reason)
            raise Sorry(reason)
        message = self.space.posted(post)
        return {"channel": post["channel"], "ts": message["ts"], "message": message}

    def _update(self, post: dict[str, Any]) -> dict[str, Any]:
        message = self.space.places[post["channel"]].messages.get(post["ts"])
        if message is None:
            raise Sorry("message_not_found")
        if reason := self._why_not(post):
            raise Sorry(reason)
        self.space.changed_by_us(post)
        return {"channel": post["channel"], "ts": post["ts"], "text": post["text"]}

    def _whisper(self, post: dict[str, Any]) -> dict[str, Any]:
        if reason := self._why_not(post):
            raise Sorry(reason)
        return {"message_ts": self.space.whispered(post)["ts"]}

    def _info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        place = self.space.places.get(arguments["channel"])
        if place is None:
            raise Sorry("channel_not_found")
        room = {"is_private": True, "is_member": True, "is_archived": place.id in self.space.blocked}
        return {"channel": {"id": place.id, "name": place.id.lower(), "is_im": place.is_im, **room, **place.room}}

    def _why_not(self, post: dict[str, Any]) -> str:
        if post.get("channel") in self.space.blocked:
            return "is_archived"
        if post.get("channel") not in self.space.places:
            self.space.place(post["channel"])
        if not post.get("text") and not post.get("blocks"):
            return "no_text"
        if len(post.get("text", "")) > 40_000:
            return "msg_too_long"
        if not isinstance(post.get("blocks", []), list) or len(post.get("blocks", [])) > 50:
            return "invalid_blocks"
        return next((fault for block in post.get("blocks", []) if (fault := _bad_block(block))), "")

    def _history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if not self.knobs.history:
            raise Cut(reset=True)
        place = self.space.place(arguments["channel"])
        roots = [m for m in place.messages.values() if m.get("thread_ts", m["ts"]) == m["ts"]]
        return self._page(roots, arguments)

    def _replies(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if not self.knobs.history:
            raise Cut(reset=True)
        place = self.space.place(arguments["channel"])
        thread = arguments["ts"]
        return self._page([m for m in place.messages.values() if thread in (m["ts"], m.get("thread_ts"))], arguments)

    def _page(self, messages: list[dict[str, Any]], arguments: dict[str, Any]) -> dict[str, Any]:
        with_metadata = str(arguments.get("include_all_metadata", "0")) in ("1", "True", "true")
        if with_metadata and not self.knobs.lookup:
            raise Sorry("internal_error")
        oldest = float(arguments.get("oldest") or 0)
        found = sorted((m for m in messages if float(m["ts"]) > oldest), key=lambda m: float(m["ts"]), reverse=True)
        limit = min(int(arguments.get("limit") or 100), self.knobs.page)
        start = int(arguments.get("cursor") or 0)
        page = found[start : start + limit]
        more = start + limit < len(found)
        return {
            "messages": [m if with_metadata else {k: v for k, v in m.items() if k != "metadata"} for m in page],
            "has_more": more,
            "response_metadata": {"next_cursor": str(start + limit) if more else ""},
        }

    def _listed(self, *, is_im: bool) -> dict[str, Any]:
        return {"channels": [{"id": p.id, "is_im": is_im} for p in self.space.places.values() if p.is_im == is_im]}

    def _open(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"channel": {"id": self.space.place(f"D{arguments['users']}").id}}

    def _file(self, name: str, token: str) -> Reply:
        content = self.space.files.get(name)
        if name.startswith("elsewhere"):
            return Reply(status=302, headers={"location": self.elsewhere})
        if token != self.knobs.token:
            return Reply(body=b"<html>sign in</html>", headers={"content-type": "text/html"})
        return Reply.of({"error": "no such file"}, 404) if content is None else Reply(body=content)

    # --- Socket Mode -----------------------------------------------------------------------------

    async def _link(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=not self.silent, heartbeat=None)
        await socket.prepare(request)
        if self.silent:
            await asyncio.sleep(3600)
        if self.greets:
            await socket.send_json({"type": "hello", "num_connections": len(self.sockets) + 1,
                                "connection_info": {"app_id": APP}})  # fmt: skip
        self.sockets.append(socket)
        self.space.news.set()
        try:
            async for frame in socket:
                if frame.type is aiohttp.WSMsgType.TEXT and not self.silent:
                    self._heard(json.loads(frame.data))
        finally:
            if socket in self.sockets:
                self.sockets.remove(socket)
        return socket

    def _heard(self, frame: dict[str, Any]) -> None:
        parcel = self._waiting.pop(frame.get("envelope_id", ""), None)
        if parcel is not None:
            self.space.acknowledge(parcel)

    async def disconnect(self, reason: str) -> None:
        """Ask every socket to go, as Slack does; they are closed a moment later."""
        for socket in list(self.sockets):
            self.sockets.remove(socket)  # nothing more is brought here
            await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "loopback"}})

    def hush(self) -> None:
        """The sockets there are stay open and say nothing more, not even to a ping."""
        for socket in list(self.sockets):
            self.sockets.remove(socket)
            transport = socket._req.transport if socket._req is not None else None
            if isinstance(transport, asyncio.ReadTransport):
                transport.pause_reading()

    def abort_sockets(self) -> None:
        """As if a cable were cut."""
        for socket in list(self.sockets):
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                transport.abort()

    # --- bringing events -------------------------------------------------------------------------

    async def _deliver(self) -> None:
        """Each event to us, at least once while it is not given up."""
        while True:
            await self.space.news.wait()
            self.space.news.clear()
            todo = [p for p in self.space.parcels if p.number > 0 and p.attempts == 0 and not p.given_up]
            for parcel in todo:
                parcel.attempts = 1
                task = asyncio.create_task(self._bring(parcel))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    async def _bring(self, parcel: Parcel) -> None:
        tries = 0
        while not parcel.given_up:
            tries += 1
            if await self._once(parcel, tries):
                return
            if tries > len(self.knobs.pauses) and not self.knobs.endless:
                parcel.given_up = True
                self.ledger.note("given_up", name=parcel.name)
                return
            await asyncio.sleep(self.knobs.pauses[min(tries, len(self.knobs.pauses)) - 1])

    async def _once(self, parcel: Parcel, tries: int) -> bool:
        if self.pushed_to:
            async with self._pushes.setdefault(parcel.place, asyncio.Lock()):
                return await self._push(parcel, tries)
        while not self.sockets:
            if parcel.given_up:
                return True
            await asyncio.sleep(0.01)
        envelope = f"e{parcel.number}.{tries}"
        self._waiting[envelope] = parcel
        frame = {
            "envelope_id": envelope, "type": parcel.kind, "payload": parcel.payload,
            "accepts_response_payload": parcel.kind == "interactive",
            "retry_attempt": tries - 1, "retry_reason": "timeout" if tries > 1 else "",
        }  # fmt: skip
        if parcel.payload == "broken frame":
            del frame["payload"]
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self.sockets[-1].send_str(json.dumps(frame))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.knobs.ack_within):
                await parcel.done.wait()
        return parcel.acknowledged

    async def _push(self, parcel: Parcel, tries: int) -> bool:
        if self._outage:
            return False
        body, kind = self.body_of(parcel)
        headers = {"content-type": kind, **signed(self.knobs.secret, body)}
        if tries > 1:
            headers |= {"x-slack-retry-num": str(tries - 1), "x-slack-retry-reason": "http_error"}
        try:
            assert self._session is not None
            timeout = aiohttp.ClientTimeout(total=self.knobs.ack_within)
            async with self._session.post(self.pushed_to, data=body, headers=headers, timeout=timeout) as answer:
                if not 200 <= answer.status < 300:
                    return False
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        self.space.acknowledge(parcel)
        return True

    @staticmethod
    def body_of(parcel: Parcel) -> tuple[bytes, str]:
        if parcel.kind == "interactive":
            return urlencode({"payload": json.dumps(parcel.payload)}).encode(), "application/x-www-form-urlencoded"
        return json.dumps(parcel.payload).encode("ascii"), "application/json"

    # --- the tester's side -----------------------------------------------------------------------

    def outage(self, *, on: bool) -> None:
        """Nothing works: every connection is reset, until it is over."""
        self._outage = on
        if on:
            self.abort_sockets()

    def fault(self, method: str, *faults: str | dict[str, Any]) -> None:
        self._faults.queue(WITH_WEATHER.get(method, method), [Fault.parse(fault) for fault in faults])

    def keep_file(self, name: str, content: bytes, *, media_type: str = "") -> dict[str, Any]:
        number = f"F{len(self.space.files) + 1}"
        self.space.files[number] = content
        url = f"{self.server.url}/files/{number}"
        return {"id": number, "name": name, "mimetype": media_type or "application/octet-stream",
                "size": len(content), "url_private": url, "url_private_download": url, "mode": "hosted"}  # fmt: skip

    def _control(self, what: str, request: Request) -> Reply:
        data = request.json() if request.method == "POST" else {}
        try:
            return Reply.of(self._controlled(what, data))
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            return Reply.of({"error": f"{type(error).__name__}: {error}"}, 400)

    def _controlled(self, what: str, data: dict[str, Any]) -> dict[str, Any]:
        match what:
            case "write":
                return {"ts": self.space.wrote(**data)["ts"]}
            case "press":
                self.space.pressed(**data)
            case "edit":
                self.space.edited(**data)
            case "knobs":
                self.knobs.turn(data)
            case "push":
                self.pushed_to = data["url"]
            case "faults":
                for method, faults in data.items():
                    self.fault(method, *faults)
            case "outage":
                self.outage(on=data["on"])
            case "forget":
                return {"forgotten": self.space.forget()}
            case "state":
                return {"sends": self.space.sends, "unacknowledged": self.space.unacknowledged(),
                        "sockets": len(self.sockets)}  # fmt: skip
            case _:
                raise KeyError(what)
        return {}


def signed(secret: str, body: bytes, *, at: int | None = None) -> dict[str, str]:
    """The headers by which Slack proves itself."""
    stamp = str(at if at is not None else int(time.time()))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={digest}"}


def _arguments(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        return {**request.query, **request.json()}
    return {**request.query, **dict(parse_qsl(request.body.decode(), keep_blank_values=True))}


def _bad_block(block: dict[str, Any]) -> str:
    """What Slack would find wrong with a block, as far as its documentation says."""
    if block["type"] == "actions":
        ids = [element["action_id"] for element in block["elements"]]
        labels = [element["text"]["text"] for element in block["elements"]]
        good = len(set(ids)) == len(ids) <= 25 and all(0 < len(label) <= 75 for label in labels)
        return "" if good and all(0 < len(each) <= 255 for each in ids) else "invalid_blocks"
    if block["type"] == "rich_text":
        return "" if block["elements"] and all(_good_element(e) for e in block["elements"]) else "invalid_blocks"
    return "" if block["type"] == "section" and len(block["text"]["text"]) <= 3000 else "invalid_blocks"


def _good_element(element: dict[str, Any]) -> bool:
    match element["type"]:
        case "rich_text_section" | "rich_text_quote" | "rich_text_preformatted" | "rich_text_list":
            return bool(element["elements"]) and all(_good_element(each) for each in element["elements"])
        case "text":
            return isinstance(element["text"], str) and element["text"] != ""
        case "link":
            return bool(element["url"])
        case _:
            return False


if __name__ == "__main__":
    serve("loopback Slack", SlackPlatform)
