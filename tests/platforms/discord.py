"""A loopback Discord: REST v10 and the gateway v10, with the bad days of the real one.

Runs inside a test (`async with DiscordPlatform() as platform`) or as its own process, so that it and its ledger survive
a killed desk:

    python -m tests.platforms.discord --port 8095 --ledger /tmp/ledger.jsonl

The platform's side: `/api/v10/...` (`Authorization: Bot <token_of(bot)>`), `/gateway` (a WebSocket),
`/cdn/<id>/<name>`.
The tester's side: `POST /control/<what>` with JSON; see `control`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import random
import socket
import struct
import time
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import WSMsgType, web

from tests.platforms.discord_world import GUILD, MESSAGE_CONTENT, Knobs, Session, World, shown, token_of
from tests.platforms.loopback_state import Fault, Faults, Ledger
from tests.platforms.standalone import serve

ROOT = Path(__file__).resolve().parents[2]
VIA = {"Via": "1.1 google"}
JSON = "application/json"


class DiscordPlatform:
    """One server, one world."""

    def __init__(self, *, ledger: Path | None = None, seed: int = 0, port: int = 0) -> None:
        self.ledger = Ledger(ledger)
        self.knobs = Knobs()
        self.world = World(self.ledger, self.knobs)
        self.port = port
        self.outage = False
        self.deaf = False
        """Gateway connections stand, and nothing goes through them."""
        self.turned_away = 0
        """How often somebody knocked during an outage."""
        self.leaks = 0
        """How often somebody showed a token where files are fetched."""
        self._faults = Faults(self.knobs, random.Random(seed))  # type: ignore[arg-type]
        self._sockets: set[asyncio.Task[None]] = set()
        self._transports: set[asyncio.BaseTransport] = set()
        self._hung_up: list[asyncio.Queue[Any]] = []
        self._runner: web.AppRunner | None = None
        self._gone = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, **more: Any) -> dict[str, Any]:
        """Of a channel that speaks to this platform."""
        bot = next(iter(self.world.bots))
        return {"token": token_of(bot), "api_url": f"{self.url}/api/v10", "cdn_url": self.url, **more}

    async def __aenter__(self) -> DiscordPlatform:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shut()
        self.ledger.close()

    async def open(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._gone = asyncio.Event()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def shut(self) -> None:
        """Refuse new connections and break the open ones."""
        runner, self._runner = self._runner, None
        self._gone.set()
        self._break()
        if runner is not None:
            await runner.cleanup()

    @property
    def is_open(self) -> bool:
        return self._runner is not None

    def _break(self) -> None:
        for transport in list(self._transports):
            _reset(transport)

    # --- the door ---

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path.startswith("/control/"):
            try:
                return web.json_response(await self.control(path.removeprefix("/control/"), await request.json()))
            except (KeyError, TypeError, ValueError, StopIteration) as error:
                return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
        transport = request.transport
        assert transport is not None
        if self.outage:
            self.turned_away += 1
            _reset(transport)
            raise ConnectionResetError
        self._transports.add(transport)
        try:
            if path.startswith("/gateway"):
                return await self._gateway(request)
            return await self._rest(request)
        finally:
            self._transports.discard(transport)

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        endpoint, *ids = _endpoint(request.method, request.path)
        fault = self._faults.next(endpoint)
        if fault is None or fault.kind == "ok":
            return await self._answer(request, endpoint, ids)
        done = await self._answer(request, endpoint, ids) if fault.after else None
        self.ledger.note("fault", path=request.path, fault=fault.kind, after=fault.after)
        match fault.kind:
            case "cut" | "close":
                assert request.transport is not None
                if fault.kind == "cut":
                    _reset(request.transport)
                else:
                    request.transport.close()
                raise ConnectionResetError
            case "busy":
                return _busy(fault.seconds)
            case "slow":
                await asyncio.sleep(fault.seconds)
                return done or await self._answer(request, endpoint, ids)
            case "black_hole":
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._gone.wait(), 30)
                raise ConnectionResetError
            case "blocked":
                return _error(403, 50007, "Cannot send messages to this user")
            case "unavailable":
                return web.Response(status=502, text="<html>Bad gateway", headers=VIA)
            case "rubbish":
                return web.Response(text="<html>It works!", headers=VIA)
            case _:
                return _error(500, 0, "Internal Server Error")

    async def _answer(self, request: web.Request, endpoint: str, ids: list[str]) -> web.StreamResponse:
        if endpoint == "file":
            content = self.world.files.get(ids[0])
            if "Authorization" in request.headers:
                self.leaks += 1
            return web.Response(status=404) if content is None else web.Response(body=content)
        if endpoint == "callback":
            return self._callback(ids, await request.json())
        bot = self._who(request)
        if bot is None:
            return _error(401, 0, "401: Unauthorized")
        world = self.world
        match endpoint:
            case "me":
                return _json(world.user(bot, world.bots[bot], bot=True))
            case "application":
                flags = (1 << 19) if self.knobs.content_granted else 0
                user = world.user(bot, world.bots[bot], bot=True)
                return _json({
                    "id": bot, "name": "Warmline", "icon": None, "description": "", "bot_public": False, "flags": flags,
                    "bot_require_code_grant": False, "verify_key": "0" * 64, "owner": user, "team": None,
                })  # fmt: skip
            case "gateway":
                limit = {
                    "total": 1000,
                    "remaining": self.knobs.identifies_left,
                    "reset_after": 50,
                    "max_concurrency": 1,
                }
                return _json({"url": f"ws://127.0.0.1:{self.port}/gateway", "shards": 1, "session_start_limit": limit})
            case "guilds":
                permissions = str((1 << 10) | (1 << 11) | (1 << 16) | (1 << 38) | (1 << 15))
                return _json([{"id": GUILD, "name": "The Loop", "permissions": permissions}])
            case "guild_channels":
                return _json(world.guild_payload(ids[0])["channels"])
            case "guild_threads":
                return _json({"threads": world.guild_payload(ids[0])["threads"], "members": []})
            case "guild_roles":
                return _json(world.roles())
        if not ids or ids[0] not in world.channels:
            return _error(404, 10003, "Unknown Channel")
        match endpoint:
            case "channel":
                return _json(world.channels[ids[0]])
            case "history":
                return _json(self._history(ids[0], request.query))
            case "message":
                found = [each for each in world.messages[ids[0]] if each["id"] == ids[1]]
                return _json(_stored(found[0])) if found else _error(404, 10008, "Unknown Message")
            case "send":
                return await self._send(request, bot, ids[0])
            case "typing":
                world.typing += 1
                return web.Response(status=204)
        return _error(404, 0, "404: Not Found")

    def _who(self, request: web.Request) -> str | None:
        given = request.headers.get("Authorization", "")
        return next(
            (bot for bot in self.world.bots if given == f"Bot {token_of(bot)}" and bot not in self.world.revoked), None
        )

    def _history(self, place: str, query: Any) -> list[dict[str, Any]]:
        """Newest first, as Discord tells it; without the server and the member, as it does."""
        limit, messages = int(query.get("limit", 50)), self.world.messages[place]
        if "after" in query:
            found = [each for each in messages if int(each["id"]) > int(query["after"])][:limit]
        else:
            before = int(query.get("before", 1 << 63))
            found = [each for each in messages if int(each["id"]) < before][-limit:]
        hidden = () if self.knobs.history_nonce else ("nonce",)
        view = Session("rest", next(iter(self.world.bots)), MESSAGE_CONTENT if self.knobs.content_granted else 0)
        return [{k: v for k, v in _stored(shown(each, view)).items() if k not in hidden} for each in reversed(found)]

    async def _send(self, request: web.Request, bot: str, place: str) -> web.StreamResponse:
        send = await _sent(request)
        left, after = self.world.spend(place)
        if left < 0:
            return _busy(after)
        fault = self._refusal(place, send)
        if fault is not None:
            self.ledger.note("refused", place=place, nonce=send.get("nonce"), status=fault.status)
            return fault
        message = self.world.accept(bot, place, send)
        headers = {
            "X-RateLimit-Limit": str(self.knobs.limit or 1000), "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset-After": f"{after:.3f}", "X-RateLimit-Bucket": "send",
        }  # fmt: skip
        return _json(message, headers=headers)

    def _refusal(self, place: str, send: dict[str, Any]) -> web.Response | None:
        content, nonce = send.get("content") or "", send.get("nonce")
        if place in self.world.blocked:
            return _error(403, 50007, "Cannot send messages to this user")
        if len(content) > 2000 or (nonce is not None and len(str(nonce)) > 25):
            return _error(400, 50035, "Invalid Form Body")
        if not content.strip() and not send.get("attachments"):
            return _error(400, 50006, "Cannot send an empty message")
        return None

    def _callback(self, ids: list[str], answer: dict[str, Any]) -> web.Response:
        press = self.world.presses.get(ids[0])
        if press is None or ids[1] != f"aW50{ids[0]}" or time.monotonic() - press["at"] > 3:
            return _error(404, 10062, "Unknown interaction")
        if press["answer"] is not None:
            return _error(400, 40060, "Interaction has already been acknowledged.")
        press["answer"] = answer
        self.ledger.note("acknowledged", id=ids[0], type=answer.get("type"))
        if answer.get("type") == 7:
            shown = self.world.find(press["place"], press["message"])
            shown["components"] = answer["data"]["components"]
        return web.Response(status=204)

    # --- the gateway ---

    async def _gateway(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(autoping=True, max_msg_size=0)
        await ws.prepare(request)
        queue: asyncio.Queue[Any] = asyncio.Queue()
        packer = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        writer = asyncio.create_task(self._write(ws, queue, packer))
        self._sockets.add(writer)
        session: Session | None = None
        queue.put_nowait({"op": 10, "d": {"heartbeat_interval": int(self.knobs.heartbeat * 1000)}})
        try:
            async for frame in ws:
                if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY) or self.deaf:
                    continue
                session = await self._told(json.loads(frame.data), ws, queue, session)
        finally:
            if session is not None and session.socket is queue:
                session.socket = None
                if ws.close_code in (1000, 1001) and queue not in self._hung_up:  # it is the client who said goodbye
                    self.world.sessions.pop(session.id, None)
            writer.cancel()
            self._sockets.discard(writer)
            await asyncio.gather(writer, return_exceptions=True)
        return ws

    async def _write(self, ws: web.WebSocketResponse, queue: asyncio.Queue[Any], packer: Any) -> None:
        while True:
            payload = await queue.get()
            while self.deaf:  # noqa: ASYNC110 - a test's switch
                await asyncio.sleep(0.02)
            if isinstance(payload, int):
                self._hung_up.append(queue)
                await ws.close(code=payload)
                return
            text = payload if isinstance(payload, str) else json.dumps(payload)
            if packer is None:
                await ws.send_str(text)
            else:
                await ws.send_bytes(packer.compress(text.encode("ascii")) + packer.flush(zlib.Z_SYNC_FLUSH))

    async def _told(
        self, payload: dict[str, Any], ws: web.WebSocketResponse, queue: asyncio.Queue[Any], session: Session | None
    ) -> Session | None:
        data = payload.get("d")
        match payload.get("op"):
            case 1:
                queue.put_nowait({"op": 11, "d": None})
            case 2:
                return self._identify(data, queue)
            case 6:
                return self._resume(data, queue)
        return session

    def _identify(self, data: Any, queue: asyncio.Queue[Any]) -> Session | None:
        world = self.world
        world.identifies.append(int(data["intents"]))
        bot = next((bot for bot in world.bots if data["token"] == token_of(bot) and bot not in world.revoked), None)
        if bot is None:
            queue.put_nowait(4004)
            return None
        if data["intents"] & (1 << 15) and not self.knobs.content_granted:
            queue.put_nowait(4014)
            return None
        session = Session(f"s{world.snowflake()}", bot, data["intents"], socket=queue)
        world.sessions[session.id] = session
        user = world.user(bot, world.bots[bot], bot=True)
        ready = {
            "v": 10, "user": user, "session_id": session.id, "guilds": [{"id": GUILD, "unavailable": True}],
            "resume_gateway_url": f"ws://127.0.0.1:{self.port}/gateway", "application": {"id": bot, "flags": 1 << 19},
        }  # fmt: skip
        world.tell(session, "READY", ready)
        world.tell(session, "GUILD_CREATE", world.guild_payload(GUILD))
        return session

    def _resume(self, data: Any, queue: asyncio.Queue[Any]) -> Session | None:
        session = self.world.sessions.get(data["session_id"])
        if session is None or data["token"] != token_of(session.bot) or session.bot in self.world.revoked:
            queue.put_nowait({"op": 9, "d": False})
            return None
        self.world.resumes += 1
        if session.socket is not None:
            session.socket.put_nowait(4000)
        for payload in session.events[int(data["seq"] or 0) :]:
            queue.put_nowait(payload)
        session.socket = queue
        self.world.tell(session, "RESUMED", {})
        return session

    def _to_all(self, payload: Any) -> None:
        for session in self.world.sessions.values():
            if session.socket is not None:
                session.socket.put_nowait(payload)

    # --- the tester's side ---

    async def control(self, what: str, data: dict[str, Any]) -> dict[str, Any]:
        """What a test may say; raises `KeyError` and the like for nonsense."""
        world = self.world
        match what:
            case "messages":
                return self._write_message(**data)
            case "edits":
                return {"id": world.edited(data["place"], data["id"], data["text"])["id"]}
            case "deletions":
                world.deleted(data["place"], data["id"])
            case "presses":
                author = world.user(data["author"], data.get("name", ""))
                return {"id": world.pressed(data["place"], data["message"], data["custom_id"], author)}
            case "redeliver":
                world.dispatch("MESSAGE_CREATE", world.find(data["place"], data["id"]))
            case "channel":
                world.channel(**data)
                if data.get("guild"):
                    kind = "THREAD_CREATE" if data.get("kind") in (10, 11, 12) else "CHANNEL_CREATE"
                    world.dispatch(kind, world.channels[data["id_"]])
            case "dispatch":
                world.dispatch(data["t"], data["d"])
            case "raw":
                self._to_all(data["text"])
            case "op":
                self._to_all({"op": data["op"], "d": data.get("d")})
            case "close":
                self._to_all(int(data["code"]))
            case "forget":
                world.sessions = {
                    id_: each for id_, each in world.sessions.items() if each.socket is not None and data.get("idle")
                }
                self._break() if not data.get("idle") else None
            case "faults":
                for endpoint, faults in data.items():
                    self._faults.queue(endpoint, [Fault.parse(fault) for fault in faults])
            case "knobs":
                self.knobs.turn(data)
            case "block":
                (world.blocked.add if data.get("blocked", True) else world.blocked.discard)(data["place"])
            case "revoke":
                bots = set(world.bots) if data.get("revoked", True) else set()
                world.revoked = bots
                if bots:
                    self._to_all(4004)
            case "outage":
                self.outage = bool(data["on"])
                if self.outage:
                    self._break()
            case "deaf":
                self.deaf = bool(data["on"])
            case "state":
                return self._state()
            case _:
                raise KeyError(what)
        return {}

    def _write_message(
        self, *, place: str, author: str, text: str, name: str = "", bot: bool = False, files: Any = (), **more: Any
    ) -> dict[str, Any]:
        kept = []
        for file in files:
            id_, content = self.world.snowflake(), base64.b64decode(file["content"])
            self.world.files[id_] = content
            kept.append(
                {"id": id_, "filename": file["name"], "size": len(content), "url": f"{self.url}/cdn/{id_}/file?ex=1",
                 "proxy_url": f"{self.url}/cdn/{id_}/file", "content_type": "application/octet-stream"}
            )  # fmt: skip
        message = self.world.wrote(place, self.world.user(author, name, bot=bot), text, attachments=kept, **more)
        return {"id": message["id"]}

    def _state(self) -> dict[str, Any]:
        world = self.world
        return {
            "sends": world.sends,
            "typing": world.typing,
            "identifies": world.identifies,
            "resumes": world.resumes,
            "answers": {id_: press["answer"] for id_, press in world.presses.items()},
            "listening": sum(session.socket is not None for session in world.sessions.values()),
        }


def _endpoint(method: str, path: str) -> tuple[str, ...]:
    parts = path.strip("/").split("/")
    if parts[0] == "cdn":
        return "file", parts[1]
    match (method, *parts[2:]):
        case ("GET", "users", "@me"):
            return ("me",)
        case ("GET", "oauth2", "applications", "@me") | ("GET", "applications", "@me"):
            return ("application",)
        case ("GET", "gateway", "bot"):
            return ("gateway",)
        case ("GET", "users", "@me", "guilds"):
            return ("guilds",)
        case ("GET", "guilds", guild, "channels"):
            return "guild_channels", guild
        case ("GET", "guilds", guild, "threads", "active"):
            return "guild_threads", guild
        case ("GET", "guilds", guild, "roles"):
            return "guild_roles", guild
        case ("GET", "channels", channel):
            return "channel", channel
        case ("GET", "channels", channel, "messages"):
            return "history", channel
        case ("GET", "channels", channel, "messages", message):
            return "message", channel, message
        case ("POST", "channels", channel, "messages"):
            return "send", channel
        case ("POST", "channels", channel, "typing"):
            return "typing", channel
        case ("POST", "interactions", interaction, token, "callback"):
            return "callback", interaction, token
    return ("unknown",)


async def _sent(request: web.Request) -> dict[str, Any]:
    if not request.content_type.startswith("multipart/"):
        body: dict[str, Any] = await request.json()
        return body
    form = await request.post()
    send: dict[str, Any] = json.loads(form["payload_json"])  # type: ignore[arg-type]
    return send


def _stored(message: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in ("guild_id", "member")}


def _json(data: Any, *, headers: dict[str, str] | None = None) -> web.Response:
    # The SDK knows JSON by exactly this header: without a charset, as Discord sends it.
    return web.Response(body=json.dumps(data).encode(), headers={**VIA, "Content-Type": JSON, **(headers or {})})


def _error(status: int, code: int, message: str) -> web.Response:
    body = json.dumps({"message": message, "code": code}).encode()
    return web.Response(status=status, body=body, headers={**VIA, "Content-Type": JSON})


def _busy(seconds: float) -> web.Response:
    told = {"message": "You are being rate limited.", "retry_after": seconds, "global": False}
    headers = {**VIA, "Content-Type": JSON, "Retry-After": str(max(1, round(seconds))), "X-RateLimit-Scope": "user"}
    return web.Response(status=429, body=json.dumps(told).encode(), headers=headers)


def _reset(transport: asyncio.BaseTransport) -> None:
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()  # type: ignore[attr-defined]


if __name__ == "__main__":
    logging.disable(logging.ERROR)  # every cut connection would be told
    serve("loopback Discord", DiscordPlatform)
