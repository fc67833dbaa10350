"""A loopback Bot API server: long polls with offsets, webhooks with retries, files, limits; and every bad day there is.

In a test: `async with TelegramPlatform() as platform`; as a process of its own, so that it and its ledger survive a
killed desk:

    python -m tests.platforms.telegram --port 8081 --ledger /tmp/ledger.jsonl

The platform's side is `/bot<id>:secret-<id>/<method>` and `/file/bot<token>/<path>`; the tester's side is
`/control/<what>`, see `TelegramControl`. A bot exists from its first use.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email.parser
import email.policy
import json
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

import httpx

from tests.platforms.loopback_push import TLS
from tests.platforms.loopback_state import Fault, Faults, Knobs, Ledger
from tests.platforms.plain_http import Cut, PlainServer, Reply, Request
from tests.platforms.standalone import serve
from tests.platforms.telegram_state import Bot, No, checked_text

Call = Callable[[Bot, dict[str, Any], Request], Awaitable[Any]]
ENDPOINTS = {
    "sendMessage": "send", "sendDocument": "send", "sendMediaGroup": "send", "getUpdates": "updates",
    "getMe": "me", "getFile": "files", "sendChatAction": "typing",
}  # fmt: skip
"""Under which name faults are queued for a method; the others go by their own."""
BOTTOMLESS = "more brackets than any parser opens"
"""Where an update says this, such brackets stand in its JSON."""
HERE = Path(__file__).resolve().parent


class TelegramPlatform:
    def __init__(self, *, ledger: Path | None = None, seed: int = 0, port: int = 0) -> None:
        self.knobs = Knobs()
        self.ledger = Ledger(ledger)
        self.bots: dict[int, Bot] = {}
        self.files: dict[str, bytes] = {}
        self.told: dict[str, Any] = {}
        """What is said of a file, by its id, instead of what is true."""
        self.server = PlainServer(self._handle)
        self.valid = True
        """False: no token is known any more."""
        self._port = port
        self._outage = asyncio.Event()
        self._rng = random.Random(seed)
        self._faults = Faults(self.knobs, self._rng)
        self._pollers: dict[int, asyncio.Event] = {}
        self._pushing: dict[int, asyncio.Task[None]] = {}

    @property
    def url(self) -> str:
        return self.server.url

    async def __aenter__(self) -> TelegramPlatform:
        await self.server.open(self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._pushing.values():
            task.cancel()
        await asyncio.gather(*self._pushing.values(), return_exceptions=True)
        await self.server.shut()
        self.ledger.close()

    def bot(self, id_: int = 7) -> Bot:
        if id_ not in self.bots:
            self.bots[id_] = Bot(id_, self.ledger)
        return self.bots[id_]

    # --- the door ---

    async def _handle(self, request: Request) -> Reply:
        head, _, rest = request.path.removeprefix("/").partition("/")
        if head == "control":
            return await self._control(rest, request)
        if self._outage.is_set():
            raise Cut(reset=True)
        if head == "file":
            return await self._file(rest)
        id_, _, secret = head.removeprefix("bot").partition(":")
        if not id_.isdigit() or not secret:
            return _no(No(404, "Not Found"))
        if secret != f"secret-{id_}" or not self.valid:
            return _no(No(401, "Unauthorized"))
        bot = self.bot(int(id_))
        method = getattr(self, f"_{rest}", None)
        if method is None or not rest[:1].islower():
            return _no(No(404, "Not Found: method not found"))
        call = _call_of(request)
        bot.calls.append((rest, call))
        return await self._with_fault(self._faults.next(ENDPOINTS.get(rest, rest)), method, bot, call, request)

    async def _with_fault(
        self, fault: Fault | None, method: Call, bot: Bot, call: dict[str, Any], request: Request
    ) -> Reply:
        if fault is None or fault.kind == "ok":
            return await _answered(method, bot, call, request)
        done = await _answered(method, bot, call, request) if fault.after else None
        self.ledger.note("fault", account=str(bot.id), path=request.path, fault=fault.kind, after=fault.after)
        match fault.kind:
            case "cut" | "close":
                raise Cut(reset=fault.kind == "cut")
            case "busy":
                seconds = max(1, int(fault.seconds))
                return _no(No(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds))
            case "slow":
                await asyncio.sleep(fault.seconds)
                return done or await _answered(method, bot, call, request)
            case "black_hole":
                await request.gone.wait()
                raise Cut(reset=True)
            case "unavailable":
                return Reply(status=502, body=b"<html>Bad Gateway</html>")
            case "rubbish":
                return Reply(status=200, body=b"<html>It works!")
            case _:
                return _no(No(500, "Internal Server Error: restart"))

    async def _file(self, rest: str) -> Reply:
        token, _, path = rest.partition("/")
        id_, _, secret = token.removeprefix("bot").partition(":")
        fault = self._faults.next("download")
        if fault is not None and fault.kind in ("cut", "close"):
            raise Cut(reset=fault.kind == "cut")
        if fault is not None and fault.kind == "error":
            return Reply(status=500, body=b"no")
        if secret != f"secret-{id_}" or path not in self.files:
            return _no(No(404, "Not Found"))
        return Reply(body=self.files[path])

    # --- methods ---

    async def _getMe(self, bot: Bot, call: dict[str, Any], request: Request) -> Any:
        return {"id": bot.id, "is_bot": True, "first_name": "Warm", "username": bot.username, "can_join_groups": True,
                "can_read_all_group_messages": bot.reads_all, "supports_inline_queries": False}  # fmt: skip

    async def _getUpdates(self, bot: Bot, call: dict[str, Any], request: Request) -> Any:
        if bot.webhook["url"]:
            raise No(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete "
                          "the webhook first")  # fmt: skip
        if bot.id in self._pollers:
            self._pollers.pop(bot.id).set()
        mine = self._pollers[bot.id] = asyncio.Event()
        offset = call.get("offset")
        bot.offsets.append(offset)
        if offset is not None:
            bot.confirm(int(offset))
        if (kinds := call.get("allowed_updates")) is not None:
            bot.webhook["allowed_updates"] = kinds
        loop = asyncio.get_running_loop()
        until = loop.time() + min(float(call.get("timeout", 0)), 50.0)
        while not bot.readable() and (left := until - loop.time()) > 0:
            await _first(bot.news, request.gone, mine, self._outage, timeout=left)
            if self._outage.is_set():
                raise Cut(reset=True)
            if mine.is_set():
                raise No(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance "
                              "is running")  # fmt: skip
            if request.gone.is_set():
                raise Cut(reset=False)
        return bot.readable()[: int(call.get("limit", 100))]

    async def _setWebhook(self, bot: Bot, call: dict[str, Any], request: Request) -> Any:
        bot.webhook = {"url": call.get("url", ""), "secret_token": call.get("secret_token", ""),
                       "allowed_updates": call.get("allowed_updates", [])}  # fmt: skip
        if call.get("drop_pending_updates"):
            bot.pending.clear()
        if (old := self._pushing.pop(bot.id, None)) is not None:
            old.cancel()
            await asyncio.gather(old, return_exceptions=True)
        if bot.webhook["url"]:
            self._pushing[bot.id] = asyncio.create_task(self._push(bot))
        return True

    async def _deleteWebhook(self, bot: Bot, call: dict[str, Any], request: Request) -> Any:
        return await self._setWebhook(bot, {"drop_pending_updates": call.get("drop_pending_updates")}, request)

    async def _getWebhookInfo(self, bot: Bot, call: dict[str, Any], request: Request) -> Any:
        return {"url": bot.webhook["url"], "has_custom_certificate": False, "pending_update_count": len(bot.pending)}

    async def _sendMessage(self, bot: Bot, call: dict[str, Any], request: Request) -> Any:
        if "parse_mode" in call:
            raise No(400, "Bad Request: this platform wants entities")
        entities = checked_text(call.get("text"), call.get("entities", []))
        return bot.accept(call, {"text": call["text"].strip(), "entities": entities})

    async def _sendDocument(self, bot: Bot, call: dict[str, Any], request: Request) -> Any:
        caption = call.get("caption", "")
        entities = checked_text(caption, call.get("caption_entities", []), longest=1024)
        return bot.accept(call, {**self._document(call["document"]), **_captioned(caption, entities)})

    async def _sendMediaGroup(self, bot: Bot, call: dict[str, Any], request: Request) -> Any:
        if not 2 <= len(call["media"]) <= 10:
            raise No(400, "Bad Request: wrong number of media")
        made = []
        for item in call["media"]:
            caption = item.get("caption", "")
            entities = checked_text(caption, item.get("caption_entities", []), longest=1024)
            file = call[item["media"].removeprefix("attach://")]
            made.append(bot.accept(call, {**self._document(file), **_captioned(caption, entities)}))
        return made

    def _document(self, file: Mapping[str, Any]) -> dict[str, Any]:
        return {"document": {"file_id": f"f{len(self.files)}", "file_unique_id": "u", "file_name": file["filename"],
                             "file_size": len(file["content"])}}  # fmt: skip

    async def _sendChatAction(self, bot: Bot, call: dict[str, Any], request: Request) -> Any:
        bot.chat(call.get("chat_id"))
        bot.typing += 1
        return True

    async def _answerCallbackQuery(self, bot: Bot, call: dict[str, Any], request: Request) -> Any:
        return True

    async def _editMessageReplyMarkup(self, bot: Bot, call: dict[str, Any], request: Request) -> Any:
        message = bot.messages[int(call["chat_id"]), int(call["message_id"])]
        message["reply_markup"] = call.get("reply_markup")
        return message

    async def _getFile(self, bot: Bot, call: dict[str, Any], request: Request) -> Any:
        path = call["file_id"]
        if path in self.told:
            return self.told[path]
        if path not in self.files and not path.startswith(("/", "..", "http")):
            raise No(400, "Bad Request: invalid file_id")
        size = len(self.files.get(path, b""))
        if size > 20_000_000:
            raise No(400, "Bad Request: file is too big")
        return {"file_id": path, "file_unique_id": "u", "file_path": path}

    # --- pushing ---

    async def _push(self, bot: Bot) -> None:
        """Each update until it is taken, several at once, a place's in its order."""
        chats: dict[Any, asyncio.Task[None]] = {}
        pushes: set[asyncio.Task[None]] = set()
        seen: set[int] = set()
        async with httpx.AsyncClient(timeout=self.knobs.push_timeout, verify=TLS, trust_env=False) as client:
            try:
                while True:
                    news = bot.news
                    for update in bot.readable():
                        number = update["update_id"]
                        if number not in seen:
                            seen.add(number)
                            # An album's parts come side by side, as they do in life.
                            key = number if "media_group_id" in json.dumps(update) else _chat_of(update)
                            before = chats.get(key)
                            chats[key] = push = asyncio.create_task(self._push_one(client, bot, update, before, seen))
                            pushes.add(push)
                            push.add_done_callback(pushes.discard)
                    await news.wait()
            finally:
                for task in pushes:
                    task.cancel()
                await asyncio.gather(*pushes, return_exceptions=True)

    async def _push_one(
        self, client: httpx.AsyncClient, bot: Bot, update: Any, before: asyncio.Task[None] | None, seen: set[int]
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        body, attempts = json.dumps(update).encode("ascii"), 0
        headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": bot.webhook["secret_token"]}
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if not self._outage.is_set():
                    answer = await _to_its_end(client.post(bot.webhook["url"], content=body, headers=headers))
                    if answer.is_success:
                        bot.taken(update["update_id"])
                        seen.discard(update["update_id"])  # it may be pushed once more
                        return
            attempts += 1
            await asyncio.sleep(min(self.knobs.push_backoff * 2 ** min(attempts - 1, 20), self.knobs.push_backoff_cap))

    # --- the tester's side ---

    async def _control(self, what: str, request: Request) -> Reply:
        data = request.json()
        bot = self.bot(int(data.pop("bot", 7)))
        try:
            return Reply.of(await self._controlled(what, data, bot))
        except (KeyError, TypeError, ValueError) as error:
            return Reply.of({"error": f"{type(error).__name__}: {error}"}, 400)

    async def _controlled(self, what: str, data: dict[str, Any], bot: Bot) -> dict[str, Any]:
        match what:
            case "message":
                return bot.wrote(data["message"], kind=data.get("kind", "message"))
            case "update":
                return bot.happened(data["update"], what=data.get("what", "customer"))
            case "edit":
                return bot.edited(data["chat"], data["id"], data["changes"])
            case "file":
                self.files[data["path"]] = base64.b64decode(data["content"])
            case "told":
                self.told[data["id"]] = data["answer"]
            case "again":
                bot.again(data["number"])
            case "block":
                (bot.blocked.add if data.get("blocked", True) else bot.blocked.discard)(data["chat"])
            case "chat":
                bot.chats[data["chat"]["id"]] = data["chat"]
            case "move":
                bot.moved[data["old"]] = data["new"]
            case "faults":
                for endpoint, faults in data.items():
                    self._faults.queue(endpoint, [Fault.parse(fault) for fault in faults])
            case "knobs":
                self.knobs.turn(data)
            case "bot":
                bot.reads_all = data["reads_all"]
            case "webhook":
                bot.webhook["url"] = data["url"]
            case "outage":
                (self._outage.set if data["on"] else self._outage.clear)()
                if data["on"]:
                    bot._wake()
            case "tokens":
                self.valid = data["valid"]
            case "state":
                return self._state(bot)
            case _:
                raise KeyError(what)
        return {}

    def _state(self, bot: Bot) -> dict[str, Any]:
        return {"pending": list(bot.pending.values()), "sends": bot.sends, "typing": bot.typing,
                "webhook": bot.webhook, "offsets": bot.offsets, "calls": [name for name, _ in bot.calls],
                "faults": self._faults.waiting()}  # fmt: skip


# --- forms -----------------------------------------------------------------------------------------


def _call_of(request: Request) -> dict[str, Any]:
    """The parameters: what is JSON as what it says, files as {filename, content}."""
    kind = request.headers.get("content-type", "")
    found: dict[str, Any] = {}
    if kind.startswith("multipart/form-data"):
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        whole = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
        for part in whole.iter_parts():  # type: ignore[attr-defined]
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            filename = part.get_filename()
            found[name] = content.decode() if filename is None else {"filename": filename, "content": content}
    elif kind.startswith("application/json"):
        found = request.json()
    else:
        found = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    return {name: _value(name, value) for name, value in found.items()}


def _value(name: str, value: Any) -> Any:
    if not isinstance(value, str) or name in ("text", "caption", "url", "secret_token", "file_id"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


async def _answered(method: Call, bot: Bot, call: dict[str, Any], request: Request) -> Reply:
    try:
        reply = Reply.of({"ok": True, "result": await method(bot, call, request)})
        return replace(reply, body=reply.body.replace(json.dumps(BOTTOMLESS).encode(), b"[" * 100_000 + b"]" * 100_000))
    except No as no:
        return _no(no)


def _no(no: No) -> Reply:
    body: dict[str, Any] = {"ok": False, "error_code": no.status, "description": no.description}
    return Reply.of({**body, **({"parameters": no.parameters} if no.parameters else {})}, no.status)


def _captioned(caption: str, entities: Any) -> dict[str, Any]:
    return {"caption": caption, "caption_entities": entities} if caption else {}


def _chat_of(update: Any) -> Any:
    for value in update.values():
        if isinstance(value, dict):
            chat = value.get("chat") or (value.get("message") or {}).get("chat") or {}
            return chat.get("id") if isinstance(chat, dict) else None
    return None


async def _to_its_end(post: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
    """A request that is cancelled while it connects leaves its socket open: it gets a moment first."""
    task = asyncio.create_task(post)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


async def _first(*events: asyncio.Event, timeout: float) -> None:
    """Wait until any of the events is set, or the time is over."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


# --- what a test says to it ------------------------------------------------------------------------


class TelegramControl:
    """A client of `/control/...`; chats and people are numbers here, as they are there."""

    def __init__(self, url: str, bot: int = 7) -> None:
        self.bot = bot
        self._client = httpx.AsyncClient(base_url=url, timeout=20, verify=TLS, trust_env=False)

    async def __aenter__(self) -> TelegramControl:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def write(
        self, text: str, *, chat: int = 1001, author: int | None = None, name: str = "Ada", **more: Any
    ) -> dict[str, Any]:
        """Somebody writes in a private chat; in a group with `group=True`. Returns the update."""
        user = {"id": author or abs(chat), "is_bot": more.pop("is_bot", False), "first_name": name}
        where: dict[str, Any] = {"id": chat, "type": "private", "first_name": name}
        if more.pop("group", False):
            where = {"id": chat, "type": "supergroup", "title": "Pilots", "is_forum": more.pop("is_forum", False)}
        said = {"text": text} if text else {}
        return await self.message({"chat": where, "from": user, **said, **more})

    async def message(self, message: Mapping[str, Any], *, kind: str = "message") -> dict[str, Any]:
        return await self.call("message", message=message, kind=kind)

    async def press(self, data: str, *, chat: int = 1001, message: int, author: int | None = None) -> dict[str, Any]:
        shown = next(sent for sent in (await self.state())["sends"] if sent["message_id"] == message
                     and sent["chat"]["id"] == chat)  # fmt: skip
        user = {"id": author or chat, "is_bot": False, "first_name": "Ada"}
        query = {"id": str(time.time_ns()), "from": user, "message": shown, "chat_instance": "1", "data": data}
        return await self.call("update", update={"callback_query": query})

    async def faults(self, endpoint: str, *faults: str | Mapping[str, Any]) -> None:
        """As `LoopbackControl.faults`: send, updates, me, files, typing, download, or a method's own name."""
        await self.call("faults", **{endpoint: list(faults)})

    async def knobs(self, **changes: Any) -> None:
        await self.call("knobs", **changes)

    async def state(self) -> dict[str, Any]:
        """{pending, sends, typing, webhook, offsets, calls, faults}"""
        return await self.call("state")

    async def call(self, what: str, **data: Any) -> dict[str, Any]:
        body = json.dumps({"bot": self.bot, **data}).encode("ascii")  # lone surrogates included
        answer = await self._client.post(f"/control/{what}", content=body)
        if answer.is_error:
            raise ValueError(f"{what}: {answer.status_code} {answer.text}")
        made: dict[str, Any] = answer.json()
        return made


if __name__ == "__main__":
    serve("loopback Bot API", TelegramPlatform)
