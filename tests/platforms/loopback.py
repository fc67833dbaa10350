"""A loopback chat platform: it does on purpose what real platforms do by accident.

Runs inside a test (`async with LoopbackPlatform() as platform`) or as its own process, so that it and its ledger
survive a killed desk:

    python tests/platforms/loopback.py --port 8090 --ledger /tmp/ledger.jsonl

The platform's side (`Authorization: Bearer secret-<account>`; an account exists from its first use):

    GET  /me                                 who we are
    GET  /updates?after=&limit=&wait=        poll; everything up to `after` is forgotten; a second poller ends the first
    POST /webhook {url, secret}              push from now on; an empty url ends it
    GET  /history?after=&limit=              the log again, also what was forgotten
    POST /send {key, place, thread, text, buttons, author, attachments}    -> {id}
    GET  /sent?key=                          -> {ids}
    GET  /files/<file>                       an attachment
    POST /typing {place, thread}

The tester's side, `/control/...` (no authorization; `account` is "main" if left out): see `LoopbackControl`.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.platforms.loopback_push import Pusher
from tests.platforms.loopback_state import MAX_LENGTH, Account, Fault, Faults, Knobs, Ledger, new_event
from tests.platforms.plain_http import Cut, PlainServer, Reply, Request
from tests.platforms.standalone import serve

Call = Callable[[Request, Account], Awaitable[Reply]]


class LoopbackPlatform:
    """The platform: one server, many accounts, one ledger."""

    def __init__(self, *, ledger: Path | None = None, seed: int = 0, port: int = 0) -> None:
        self.knobs = Knobs()
        self.ledger = Ledger(ledger)
        self.accounts: dict[str, Account] = {}
        self._outage = asyncio.Event()
        self._rng = random.Random(seed)
        self._faults = Faults(self.knobs, self._rng)
        self._pushers: dict[str, Pusher] = {}
        self._pollers: dict[str, asyncio.Event] = {}
        self._port = port
        self.server = PlainServer(self._handle)
        self._routes: dict[tuple[str, str], Call] = {
            ("GET", "me"): self._me,
            ("GET", "updates"): self._updates,
            ("POST", "webhook"): self._webhook,
            ("GET", "history"): self._history,
            ("POST", "send"): self._send,
            ("GET", "sent"): self._sent,
            ("GET", "files"): self._file,
            ("POST", "typing"): self._typing,
        }

    @property
    def url(self) -> str:
        return self.server.url

    async def __aenter__(self) -> LoopbackPlatform:
        await self.server.open(self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(pusher.stop() for pusher in self._pushers.values()))
        await self.server.shut()
        self.ledger.close()

    def account(self, name: str) -> Account:
        if name not in self.accounts:
            self.accounts[name] = Account(name, self.ledger, self.knobs)
        return self.accounts[name]

    # --- the door ---

    async def _handle(self, request: Request) -> Reply:
        head, _, rest = request.path.removeprefix("/").partition("/")
        if head == "control":
            return self._control(request.method, rest, request)
        if self._outage.is_set():
            raise Cut(reset=True)
        call = self._routes.get((request.method, head))
        if call is None:
            return Reply.of({"error": "no such thing here"}, 404)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token.startswith("secret-"):
            return Reply.of({"error": "the token is wrong"}, 401)
        account = self.account(token.removeprefix("secret-"))
        return await self._with_fault(self._faults.next(head), request, account, call)

    async def _with_fault(self, fault: Fault | None, request: Request, account: Account, call: Call) -> Reply:
        if fault is None or fault.kind == "ok":
            return await call(request, account)
        done = await call(request, account) if fault.after else None
        self.ledger.note("fault", account=account.name, path=request.path, fault=fault.kind, after=fault.after)
        match fault.kind:
            case "cut" | "close":
                raise Cut(reset=fault.kind == "cut")
            case "busy":
                return Reply.of({"error": "too many requests"}, 429, {"retry-after": str(fault.seconds)})
            case "slow":
                await asyncio.sleep(fault.seconds)
                return done or await call(request, account)
            case "black_hole":
                await request.gone.wait()
                raise Cut(reset=True)
            case "blocked":
                return Reply.of({"error": "the customer has blocked you"}, 403)
            case "unavailable":
                return Reply.of({"error": "try later"}, 503)
            case "rubbish":
                return Reply(status=200, body=b"<html>It works!")
            case _:
                return Reply.of({"error": "internal"}, 500)

    # --- the platform's side ---

    async def _me(self, request: Request, account: Account) -> Reply:
        return Reply.of({"account": account.name, "bot": f"bot:{account.name}", "push": account.name in self._pushers})

    async def _updates(self, request: Request, account: Account) -> Reply:
        if account.name in self._pushers:
            return Reply.of({"error": "a webhook is set; updates are pushed there"}, 409)
        mine = asyncio.Event()
        self._pollers.pop(account.name, mine).set()
        self._pollers[account.name] = mine = asyncio.Event()
        account.confirm(int(request.query.get("after", "0")))
        loop = asyncio.get_running_loop()
        until = loop.time() + min(float(request.query.get("wait", "0")), 50.0)
        while not account.pending and (left := until - loop.time()) > 0:
            await _first(account.news, request.gone, mine, self._outage, timeout=left)
            if self._outage.is_set():
                raise Cut(reset=True)
            if mine.is_set():
                return Reply.of({"error": "another poller has taken over"}, 409)
            if request.gone.is_set():
                raise Cut(reset=False)
        limit = int(request.query.get("limit", "100"))
        return Reply.of({"updates": [update.envelope() for update in list(account.pending.values())[:limit]]})

    async def _webhook(self, request: Request, account: Account) -> Reply:
        await self._set_webhook(account, **request.json())
        return Reply.of({})

    async def _set_webhook(self, account: Account, url: str, secret: str = "") -> None:
        if old := self._pushers.pop(account.name, None):
            await old.stop()
        if url:
            pusher = Pusher(account, url, secret, knobs=self.knobs, ledger=self.ledger, rng=self._rng)
            pusher.start()
            self._pushers[account.name] = pusher

    async def _history(self, request: Request, account: Account) -> Reply:
        if not self.knobs.history:
            return Reply.of({"error": "this platform has no history"}, 404)
        after, limit = int(request.query.get("after", "0")), int(request.query.get("limit", "100"))
        return Reply.of({"updates": [update.envelope() for update in account.log[after : after + limit]]})

    async def _send(self, request: Request, account: Account) -> Reply:
        send = request.json()
        refusal = _refusal(send, account)
        if refusal is not None:
            status, reason = refusal
            self.ledger.note("refused", account=account.name, key=send.get("key"), status=status, reason=reason)
            return Reply.of({"error": reason}, status)
        return Reply.of({"id": account.accept(send)})

    async def _sent(self, request: Request, account: Account) -> Reply:
        if not self.knobs.lookup:
            return Reply.of({"error": "this platform cannot look a message up"}, 404)
        return Reply.of({"ids": account.find(request.query["key"])})

    async def _file(self, request: Request, account: Account) -> Reply:
        content = account.files.get(request.path.rpartition("/")[2])
        return Reply.of({"error": "no such file"}, 404) if content is None else Reply(body=content)

    async def _typing(self, request: Request, account: Account) -> Reply:
        account.typing += 1
        return Reply.of({})

    # --- the tester's side ---

    def _control(self, method: str, what: str, request: Request) -> Reply:
        data = dict(request.query) if method == "GET" else request.json()
        account = self.account(data.pop("account", "main"))
        try:
            return Reply.of(self._controlled(what, data, account))
        except (KeyError, TypeError, ValueError) as error:
            return Reply.of({"error": f"{type(error).__name__}: {error}"}, 400)

    def _controlled(self, what: str, data: dict[str, Any], account: Account) -> dict[str, Any]:
        match what:
            case "messages":
                update = account.wrote(_customer_event(data, account))
                return {"id": update.event["id"], "update": update.number}
            case "edits":
                return {"update": account.changed(data["place"], data["id"], kind="edit", text=data["text"]).number}
            case "deletions":
                return {"update": account.changed(data["place"], data["id"], kind="deletion").number}
            case "presses":
                author = {"id": data.pop("author"), "name": data.pop("name", "")}
                message = data.pop("message")
                update = account.wrote(new_event(**data, author=author, kind="button", reply_to=message))
                return {"id": update.event["id"], "update": update.number}
            case "redeliver":
                return {"update": account.happened(account.log[data["update"] - 1].event, what="redelivered").number}
            case "poison":
                return {"update": account.happened(data.get("event"), what="poison").number}
            case "faults":
                for endpoint, faults in data.items():
                    self._faults.queue(endpoint, [Fault.parse(fault) for fault in faults])
                return {"waiting": self._faults.waiting()}
            case "knobs":
                self.knobs.turn(data)
                return {}
            case "block":
                (account.blocked.add if data.get("blocked", True) else account.blocked.discard)(data["place"])
                return {}
            case "outage":
                (self._outage.set if data["on"] else self._outage.clear)()
                return {}
            case "forget":
                return {"forgotten": account.forget()}
            case "state":
                return self._state(account)
        raise KeyError(what)

    def _state(self, account: Account) -> dict[str, Any]:
        return {
            "updates": len(account.log),
            "unacknowledged": [u.envelope() for u in account.log if not u.acknowledged],
            "sends": account.sends,
            "typing": account.typing,
            "push": account.name in self._pushers,
            "faults": self._faults.waiting(),
        }


def _customer_event(data: dict[str, Any], account: Account) -> dict[str, Any]:
    author = {"id": data.pop("author"), "name": data.pop("name", ""), "bot": data.pop("bot", False)}
    files = [_keep_file(file, account) for file in data.pop("attachments", None) or []]
    return new_event(**data, author=author, attachments=files)


def _keep_file(file: dict[str, Any], account: Account) -> dict[str, Any]:
    """Keep the content ({name, media_type?, content: base64}) and return what the event says about it."""
    content = base64.b64decode(file["content"])
    name = f"f{len(account.files) + 1}"
    account.files[name] = content
    media_type = file.get("media_type", "application/octet-stream")
    return {"file": name, "name": file["name"], "media_type": media_type, "size": len(content)}


def _refusal(send: dict[str, Any], account: Account) -> tuple[int, str] | None:
    text = send.get("text")
    if not send.get("key") or not send.get("place") or not isinstance(text, str):
        return 400, "key, place or text is missing"
    if not text.strip() and not send.get("attachments"):
        return 400, "the text is empty"
    if len(text.encode("utf-16-le", "surrogatepass")) // 2 > MAX_LENGTH:
        return 400, "the text is too long"
    if send["place"] in account.blocked:
        return 403, "the customer has blocked you"
    return None


async def _first(*events: asyncio.Event, timeout: float) -> None:
    """Wait until any of the events is set, or the time is over."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


if __name__ == "__main__":
    serve("loopback platform", LoopbackPlatform)
