"""What the loopback platform knows: its accounts, their update logs, what was sent, and the ledger. No HTTP.

An *event* is what happened (a customer wrote, edited, deleted, pressed). An *update* is an event with its number in
the account's log; the same event may get a second update, as platforms do when they deliver twice.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

MAX_LENGTH = 4096
"""UTF-16 units in one text."""


class Ledger:
    """Everything that happened, one JSON object a line, for a checker outside.

    Each line is handed to the system before the platform answers: it survives the death of any process
    (not of the machine, which is no question here).
    """

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", encoding="ascii") if path is not None else None
        self._number = 0

    def note(self, what: str, **facts: Any) -> None:
        self._number += 1
        if self._file is not None:
            self._file.write(json.dumps({"line": self._number, "at": time.time(), "what": what, **facts}) + "\n")
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@dataclass(kw_only=True)
class Knobs:
    """What can be switched while the platform runs; `POST /control/knobs` sets any of them."""

    idempotent: bool = False
    """A second send with the same key within `window` seconds returns the first id (Discord), or posts again
    (Telegram)."""
    window: float = 300.0
    lookup: bool = True
    """`GET /sent` exists."""
    history: bool = True
    """`GET /history` exists."""
    echo: bool = False
    """Our own messages come back as events."""
    double_rate: float = 0.0
    """Share of acknowledged pushes that are pushed again."""
    reorder_edits: bool = False
    """Push an edit before its original."""
    push_backoff: float = 0.1
    """Seconds before the second retry of a push (the first comes at once); doubles up to `push_backoff_cap`."""
    push_backoff_cap: float = 5.0
    push_attempts: int = 0
    """Give a push up after so many attempts; 0: never."""
    push_timeout: float = 3.0
    push_parallel: int = 1
    """Pushes in flight per account; read when the webhook is set."""
    weather: dict[str, float] = field(default_factory=dict)
    """Probability of each fault at every send, when no fault is queued: {"cut_after": 0.02}."""

    def turn(self, changes: Mapping[str, Any]) -> None:
        for name, value in changes.items():
            if not hasattr(self, name):
                raise KeyError(name)
            setattr(self, name, value)


FaultKind = Literal["ok", "cut", "close", "error", "busy", "slow", "black_hole", "blocked", "unavailable", "rubbish"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one request. `after`: once the work was done. `seconds`: of slowness or Retry-After."""

    kind: FaultKind
    after: bool = False
    seconds: float = 0.2

    @classmethod
    def parse(cls, data: Any) -> Fault:
        """From `"cut_after"` or `{"fault": "slow", "seconds": 0.3}`."""
        given = {"fault": data} if isinstance(data, str) else dict(data)
        name = str(given["fault"])
        after = name.endswith("_after")
        kind: Any = name.removesuffix("_after").removesuffix("_before")
        if kind not in get_args(FaultKind):
            raise KeyError(name)
        return cls(kind=kind, after=after, seconds=float(given.get("seconds", 0.2)))


class Faults:
    """Queues of faults by endpoint, each for one request; then the weather, for sends only."""

    def __init__(self, knobs: Knobs, rng: random.Random) -> None:
        self._queues: dict[str, deque[Fault]] = {}
        self._knobs = knobs
        self._rng = rng

    def queue(self, endpoint: str, faults: Sequence[Fault]) -> None:
        """Add to an endpoint's queue; nothing at all clears it."""
        queue = self._queues.setdefault(endpoint, deque())
        queue.extend(faults)
        if not faults:
            queue.clear()

    def next(self, endpoint: str) -> Fault | None:
        queue = self._queues.get(endpoint)
        if queue:
            return queue.popleft()
        if endpoint != "send" or not self._knobs.weather:
            return None
        draw = self._rng.random()
        for name, probability in self._knobs.weather.items():
            draw -= probability
            if draw < 0:
                return Fault.parse(name)
        return None

    def waiting(self) -> dict[str, int]:
        return {endpoint: len(queue) for endpoint, queue in self._queues.items() if queue}


@dataclass(slots=True, kw_only=True)
class Update:
    """One entry of an account's log."""

    number: int
    event: Any
    acknowledged: bool = False
    attempts: int = 0

    def envelope(self) -> dict[str, Any]:
        return {"update": self.number, "event": self.event}


class Account:
    """One of our presences on the platform, with what customers did there and what we sent."""

    def __init__(self, name: str, ledger: Ledger, knobs: Knobs) -> None:
        self.name = name
        self.log: list[Update] = []
        self.pending: dict[int, Update] = {}
        """Not acknowledged and not forgotten, by number."""
        self.sends: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.blocked: set[str] = set()
        self.typing = 0
        self.news = asyncio.Event()
        self._events: dict[tuple[str, str], dict[str, Any]] = {}
        self._ledger = ledger
        self._knobs = knobs
        self._by_key: dict[str, list[tuple[float, str]]] = {}

    # --- what customers do ---

    def happened(self, event: Any, *, what: str = "customer") -> Update:
        """Append an event to the log and wake who waits for it."""
        update = Update(number=len(self.log) + 1, event=event)
        self._ledger.note(what, account=self.name, update=update.number, event=event)
        self.log.append(update)
        self.pending[update.number] = update
        self.news.set()
        self.news = asyncio.Event()
        return update

    def wrote(self, event: dict[str, Any]) -> Update:
        """A message; `id` is given out here unless the event has one (the same one again: a platform's stutter)."""
        event["id"] = event.get("id") or f"c{len(self.log) + 1}"
        self._events.setdefault((event["place"], event["id"]), dict(event))
        return self.happened(event)

    def changed(self, place: str, message: str, *, kind: str, text: str = "") -> Update:
        """An edit or a deletion: same id, next revision."""
        original = self._events[place, message]
        original["revision"] += 1
        return self.happened({**original, "kind": kind, "text": text, "attachments": []})

    # --- how we read ---

    def confirm(self, after: int) -> None:
        """Forget every update up to `after`: the reader says that it has them."""
        known = list(itertools.takewhile(lambda number: number <= after, self.pending))  # they stand in order
        for number in known:
            self.pending.pop(number).acknowledged = True
        if known:
            self._ledger.note("confirmed", account=self.name, after=after)

    def acknowledge(self, update: Update) -> None:
        if not update.acknowledged:
            update.acknowledged = True
            self.pending.pop(update.number, None)
            self._ledger.note("acknowledged", account=self.name, update=update.number)

    def forget(self) -> int:
        """The retention time is over: undelivered updates are gone, only the history still has them."""
        count = len(self.pending)
        self.pending.clear()
        self._ledger.note("forgot", account=self.name, updates=count)
        return count

    # --- what we send ---

    def accept(self, send: Mapping[str, Any]) -> str:
        """Commit a send and return its id. The ledger's `copy` says how often this key was posted by now."""
        key = str(send["key"])
        known = self._by_key.setdefault(key, [])
        now = time.monotonic()
        if self._knobs.idempotent and known and now - known[0][0] <= self._knobs.window:
            self._ledger.note("repeated", account=self.name, key=key, id=known[0][1])
            return known[0][1]
        sent = {"id": f"m{len(self.sends) + 1}", **send}
        self.sends.append(sent)
        known.append((now, sent["id"]))
        self._ledger.note("accepted", account=self.name, copy=len(known), **sent)
        if self._knobs.echo:
            self.happened(self._echo(sent), what="echo")
        return str(sent["id"])

    def find(self, key: str) -> list[str]:
        return [sent for _, sent in self._by_key.get(key, [])]

    def _echo(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        author = {"id": f"bot:{self.name}", "name": sent.get("author", ""), "bot": True, "app": self.name}
        return new_event(
            place=sent["place"], thread=sent.get("thread"), author=author, text=sent["text"], id=sent["id"]
        )


def new_event(*, place: str, author: Mapping[str, Any], text: str = "", **more: Any) -> dict[str, Any]:
    """An event with every field: kind, id, revision, place, thread, author {id, name, bot, app}, text, at (seconds),
    attachments [{file, name, media_type, size}], addressed, public, button, reply_to."""
    event = {
        "kind": "message",
        "id": "",
        "revision": 0,
        "place": place,
        "thread": None,
        "author": {"name": "", "bot": False, "app": None, **author},
        "text": text,
        "at": round(time.time(), 3),
        "attachments": [],
        "addressed": True,
        "public": False,
        "button": None,
        "reply_to": None,
    }
    return {**event, **{name: value for name, value in more.items() if value is not None}}
