"""Customers and agents who work while desks die: they repeat what got no answer, and remember what they were told.

What they remember is evidence: it is written down only when the desk has said yes, and it is never taken back.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.platforms.loopback_control import LoopbackControl, read_ledger

GIVE_UP = 150.0
"""Seconds without an answer after which the test has failed."""
QUESTIONS = (
    "How do I pay by the month or by the year?", "How do I see what your plan includes?", "How do I open phpmyadmin?",
    "How do I change the php version?", "How do I create a subdomain?", "How do I delete a subdomain?",
    "How do I turn on two-factor sign-in?", "How do I install wordpress?", "How do I see how much space is used?",
)  # fmt: skip
SHAPES = (
    "your whole service is down, {n}", "I was charged {n} euros twice", "can I talk to a human about {n}?",
    "my mailbox {n} is broken", "the page {n} fails", "something odd with {n}", "great work, I love number {n}",
    "you could add the colour {n}",
)  # fmt: skip
SMALL = ("thanks", "hello", "ok", "yes", "no", "\U0001f44d")
BUTTONS = ("helped:no", "helped:yes", "person", "survey:good")


class NobodyAnswers(AssertionError):
    """A request found no desk for much longer than a restart takes."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """A web message that was acknowledged with 202."""

    id: str
    text: str
    token: str
    button: str | None


@dataclass(kw_only=True)
class Asked:
    """One request of an agent: one idempotency key, as many tries as it took, and the answer."""

    agent: int
    act: str
    case: str | None
    key: str
    text: str | None = None
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    tries: int = 0
    differing: list[Any] = field(default_factory=list)
    """Answers to later repetitions that were not the first answer."""


@dataclass
class Memory:
    """What the outside world was told."""

    said: list[Said] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    seen: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    """By token: every message that a web customer has ever read, by number."""
    contradictions: list[str] = field(default_factory=list)
    retries: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    """Answers of 500 and more other than 503, by request."""
    calls: Counter[str] = field(default_factory=Counter)
    """Announcements at the webhook, by case."""


class Line:
    """HTTP to whichever desk answers."""

    def __init__(self, addresses: Sequence[str], memory: Memory, dice: random.Random) -> None:
        self._addresses = list(addresses)
        self._memory = memory
        self._dice = dice
        self._http = httpx.AsyncClient(timeout=8, trust_env=False, limits=httpx.Limits(max_connections=64))

    async def close(self) -> None:
        await self._http.aclose()

    async def insist(self, method: str, path: str, **options: Any) -> tuple[httpx.Response, int]:
        """The same request until it is answered, at any desk; and how many tries that took."""
        loop = asyncio.get_running_loop()
        until, tries = loop.time() + GIVE_UP, 0
        while loop.time() < until:
            tries += 1
            try:
                answer = await self._http.request(method, self._dice.choice(self._addresses) + path, **options)
            except httpx.TransportError:
                self._memory.retries += 1
                await asyncio.sleep(0.1)
                continue
            if answer.status_code < 500 and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                return answer, tries
            if answer.status_code not in (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS):
                what = f"{answer.status_code} {method} {path.rpartition('/')[2]}: {answer.text[:200]}"
                self._memory.errors[what] += 1
            await asyncio.sleep(0.1)
        raise NobodyAnswers(f"{method} {path} got no answer in {GIVE_UP:g} s")


@dataclass
class Crowd:
    """Everybody outside. `wanted` names the unit of work that the agents shall prefer just now."""

    line: Line
    control: LoopbackControl
    ledger: Path
    tokens: Sequence[tuple[int, str, str]]
    """(agent id, address, token) of each agent."""
    memory: Memory
    dice: random.Random
    pace: float = 1.0
    """A greater number: slower."""
    slow: float = 0.0
    """Chance, each second or so, that the platform thinks for 2.5 s about each of the next three sends."""
    wanted: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: int = 0
    rows_with_buttons: dict[str, str] = field(default_factory=dict)
    """Of each place on the platform: the message under which one may tap."""

    async def run(self, *, web: int, chat: int) -> None:
        """Until `over` is set; each ends what it has begun."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(web):
                tasks.create_task(self._until_over(self._web_customer), name=f"web {number}")
            for number in range(chat):
                tasks.create_task(self._until_over(self._chat_customer), name=f"chat {number}")
            for me in self.tokens:
                tasks.create_task(Agent(self, *me).run(), name=f"agent {me[0]}")
            tasks.create_task(self._until_over(self._nuisance))

    async def _until_over(self, once: Callable[[], Awaitable[None]]) -> None:
        while not self.over.is_set():
            await once()

    async def pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds * self.pace * (0.3 + 1.4 * self.dice.random()))

    def words(self) -> str:
        """Something that nobody has said before, except for small talk."""
        self.numbers += 1
        draw = self.dice.random()
        if draw < 0.15:
            return self.dice.choice(SMALL)
        if draw < 0.5:
            return f"{self.dice.choice(QUESTIONS)} {self.numbers}"
        return self.dice.choice(SHAPES).format(n=self.numbers)

    # --- on the web ------------------------------------------------------------------------------

    async def _web_customer(self) -> None:
        """One conversation from beginning to end."""
        token: str | None = None
        for _ in range(self.dice.randint(1, 6)):
            token = await self._post(token, self.words())
            await self.pause(0.05 if self.dice.random() < 0.3 else 0.6)
            shown = await self.read(token) if self.dice.random() < 0.6 else []
            if any(message["buttons"] for message in shown) and self.dice.random() < 0.5:
                await self._post(token, "a tap", button=self.dice.choice(BUTTONS))
            if self.over.is_set():
                return

    async def _post(self, token: str | None, text: str, button: str | None = None) -> str:
        id_ = str(uuid.UUID(int=self.dice.getrandbits(128)))
        body: dict[str, Any] = {"conversation": token, "id": id_, "text": text}
        if button is not None:
            body["button"] = button
        answer, _ = await self.line.insist("POST", "/api/web/messages", json=body)
        if answer.status_code != httpx.codes.ACCEPTED:
            raise AssertionError(f"a web message was refused: {answer.status_code} {answer.text}")
        told = answer.json()
        self.memory.said.append(Said(id=body["id"], text=text, token=told["conversation"], button=button))
        if self.dice.random() < 0.08:
            again, _ = await self.line.insist("POST", "/api/web/messages", json=body)
            if (again.status_code, again.json()) != (answer.status_code, told):
                self.memory.contradictions.append(f"web message {body['id']} again: {again.text} after {answer.text}")
        return str(told["conversation"])

    async def read(self, token: str) -> list[dict[str, Any]]:
        """All that the customer may read now. What was read before must still be there, word for word."""
        known = self.memory.seen.setdefault(token, {})
        after, shown = 0, list[dict[str, Any]]()
        while True:
            answer, _ = await self.line.insist(
                "GET", f"/api/web/conversations/{token}/messages", params={"after": after}
            )
            answer.raise_for_status()
            page = answer.json()["messages"]
            if not page:
                break
            shown += page
            after = page[-1]["seq"]
        now = {message["seq"]: message for message in shown}
        if len(now) != len(shown):
            self.memory.contradictions.append(f"a customer reads a number twice: {[m['seq'] for m in shown]}")
        for seq, before in known.items():
            if now.get(seq) != before:
                self.memory.contradictions.append(f"a customer read {before}, and later {now.get(seq)}")
        if late := [seq for seq in now if seq not in known and seq < max(known, default=0)]:
            self.memory.contradictions.append(f"numbers {late} appeared after a customer had read on to {max(known)}")
        known.update(now)
        return shown

    # --- on the platform -------------------------------------------------------------------------

    async def _chat_customer(self) -> None:
        place = f"p{self.numbers}-{self.dice.getrandbits(24):x}"
        group = self.dice.random() < 0.15
        where: dict[str, Any] = {"place": place, "author": f"a-{place}"}
        if group:
            where |= {"thread": f"t-{place}", "public": True}
        ids: list[str] = []
        for _ in range(self.dice.randint(1, 6)):
            addressed = not group or self.dice.random() < 0.7
            written = await self.control.write(self.words(), addressed=addressed, **where)
            ids.append(written["id"])
            await self.pause(0.05 if self.dice.random() < 0.3 else 0.5)
            draw = self.dice.random()
            if draw < 0.12:
                await self.control.edit(self.dice.choice(ids), self.words(), place=place)
            elif draw < 0.15:
                await self.control.delete(self.dice.choice(ids), place=place)
            elif draw < 0.25:
                await self.control.redeliver(written["update"])
            elif place in self.rows_with_buttons and draw < 0.7 and not group:
                button = self.dice.choice(BUTTONS)
                await self.control.press(button, self.rows_with_buttons[place], place=place, author=where["author"])
            if self.over.is_set():
                return

    async def _nuisance(self) -> None:
        """Payloads that nobody can read, a slow platform, customers who block us; where the buttons are."""
        await self.pause(1.0)
        if self.wanted.startswith("quarantine") or self.dice.random() < 0.05:
            await self.control.poison({"kind": "gibberish", "n": self.numbers})
        if self.dice.random() < self.slow:
            await self.control.faults("send", *[{"fault": "slow_before", "seconds": 2.5}] * 3)
        sends = [line for line in read_ledger(self.ledger) if line["what"] == "accepted" and line["buttons"]]
        self.rows_with_buttons = {line["place"]: line["id"] for line in sends[-200:]}
        if sends and (self.wanted == "send-again" or self.dice.random() < 0.1):
            place = sends[-1]["place"]
            await self.control.block(place)
            await self.pause(1.0)
            await self.control.block(place, blocked=False)


class Agent:
    """Somebody at the desk. Prefers what the crowd's `wanted` names, so that rare points are come by too."""

    def __init__(self, crowd: Crowd, id_: int, email: str, token: str) -> None:
        self.id = id_
        self.email = email
        self._crowd = crowd
        self._dice = crowd.dice
        self._headers = {"Authorization": f"Bearer {token}"}
        self.mine: list[str] = []
        self.done: list[str] = []
        self._acts: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = {
            "next": (3, self._next),
            "claim": (1, self._claim),
            "reply": (5, self._reply),
            "note": (1.5, self._note),
            "resolve": (2, self._resolve),
            "return": (1, lambda: self._simply("return", leaves=True)),
            "release": (0.5, lambda: self._simply("release", leaves=True)),
            "snooze": (0.4, self._snooze),
            "assign": (0.4, self._assign),
            "reopen": (0.4, self._reopen),
            "correct": (0.3, self._correct),
            "takeover": (0.4, self._takeover),
            "send-again": (0.2, self._send_again),
            "quarantine": (0.1, self._retry_quarantined),
        }

    async def run(self) -> None:
        while not self._crowd.over.is_set():
            await self.act()
            await self._crowd.pause(0.25)

    async def act(self) -> None:
        wanted = self._crowd.wanted.partition(".")[0]
        name = wanted if wanted in self._acts and self._dice.random() < 0.8 else self._pick()
        if name in ("reply", "note", "resolve", "return", "release", "snooze", "assign", "correct") and not self.mine:
            name = "next"
        if name == "reopen" and not self.done:
            name = "resolve" if self.mine else "next"
        await self._acts[name][1]()

    def _pick(self) -> str:
        return self._dice.choices(list(self._acts), [weight for weight, _ in self._acts.values()])[0]

    async def ask(
        self, act: str, case: str | None, body: dict[str, Any] | None = None, *, path: str | None = None
    ) -> Asked:
        """One request with one key, until it is answered; now and then once more, which must change nothing."""
        asked = Asked(
            agent=self.id, act=act, case=case, key=str(uuid.UUID(int=self._dice.getrandbits(128))),
            text=body.get("text") if body else None,
        )  # fmt: skip
        path = path or f"/api/v1/cases/{case}/{act}"
        headers = {**self._headers, "Idempotency-Key": asked.key}
        answer, asked.tries = await self._crowd.line.insist("POST", path, json=body, headers=headers)
        asked.status, asked.answer = answer.status_code, answer.json()
        self._crowd.memory.asked.append(asked)
        if asked.status == httpx.codes.OK and asked.answer.get("number") and self._dice.random() < 0.15:
            again, _ = await self._crowd.line.insist("POST", path, json=body, headers=headers)
            if (again.status_code, again.json()) != (asked.status, asked.answer):
                asked.differing.append((again.status_code, again.json()))
        if asked.status in (403, 422):
            raise AssertionError(f"{act} was refused: {answer.text}")
        return asked

    async def get(self, path: str, **params: Any) -> Any:
        answer, _ = await self._crowd.line.insist("GET", f"/api/v1/{path}", params=params, headers=self._headers)
        answer.raise_for_status()
        return answer.json()

    # --- what agents do --------------------------------------------------------------------------

    async def _next(self) -> None:
        asked = await self.ask("next", None, path="/api/v1/cases/next")
        if asked.status == httpx.codes.OK and asked.answer["number"] and asked.answer["number"] not in self.mine:
            self.mine.append(asked.answer["number"])
            await self._simple_reply()

    async def _claim(self) -> None:
        waiting = (await self.get("cases", status="waiting", assignee="none", limit=20))["cases"]
        if waiting:
            number = self._dice.choice(waiting)["number"]
            if (await self.ask("claim", number)).status == httpx.codes.OK and number not in self.mine:
                self.mine.append(number)

    async def _reply(self) -> None:
        for _ in range(self._dice.choice((1, 1, 1, 2))):
            await self._simple_reply()

    async def _simple_reply(self) -> None:
        if self.mine:
            number = self._dice.choice(self.mine[-4:])
            self._crowd.numbers += 1
            text = f"Reply {self._crowd.numbers} of agent {self.id}."
            await self._drop_if_lost(await self.ask("reply", number, {"text": text}))

    async def _note(self) -> None:
        self._crowd.numbers += 1
        text = f"SECRET-NOTE {self._crowd.numbers} of agent {self.id}"
        await self.ask("note", self._dice.choice(self.mine), {"text": text})

    async def _resolve(self) -> None:
        outcome = self._dice.choice(("solved", "workaround", "guided", "no_fault", "spam"))
        await self._simply("resolve", {"outcome": outcome}, leaves=True)

    async def _snooze(self) -> None:
        until = datetime.now(UTC) + timedelta(seconds=self._dice.uniform(1, 4))
        await self._simply("snooze", {"until": until.isoformat()})

    async def _assign(self) -> None:
        to = self._dice.choice([email for _, email, _ in self._crowd.tokens if email != self.email] or [self.email])
        await self._simply("assign", {"to": to}, leaves=to != self.email)

    async def _reopen(self) -> None:
        number = self._dice.choice(self.done[-10:])
        if (await self.ask("reopen", number)).status == httpx.codes.OK:
            self.done.remove(number)
            self.mine.append(number)

    async def _correct(self) -> None:
        tier = self._dice.choice(("outage", "billing", "problem", "unknown"))
        await self._simply("correct", {"tier": tier})

    async def _takeover(self) -> None:
        status = self._dice.choice((None, "resolved"))
        found = (await self.get("cases", limit=50, **({"status": status} if status else {})))["cases"]
        if found:
            conversation = self._dice.choice(found)["conversation"]
            asked = await self.ask("takeover", None, path=f"/api/v1/conversations/{conversation}/takeover")
            if asked.status == httpx.codes.OK and asked.answer["number"] not in self.mine:
                self.mine.append(asked.answer["number"])

    async def _send_again(self) -> None:
        """Only what certainly did not arrive; the rest is for the end."""
        for row in (await self.get("undelivered"))["messages"]:
            if row["status"] in ("failed", "parked"):
                await self.ask("send-again", None, path=f"/api/v1/undelivered/{row['id']}/send-again")

    async def send_all_again(self) -> int:
        """Everything undelivered, the unclear too: the customer may read it twice."""
        rows = (await self.get("undelivered"))["messages"]
        for row in rows:
            await self.ask("send-again", None, path=f"/api/v1/undelivered/{row['id']}/send-again")
        return len(rows)

    async def _retry_quarantined(self) -> None:
        for item in (await self.get("quarantine"))["items"][:1]:
            await self.ask("retry", None, path=f"/api/v1/quarantine/{item['id']}/retry")

    async def _simply(self, act: str, body: dict[str, Any] | None = None, *, leaves: bool = False) -> None:
        number = self._dice.choice(self.mine)
        asked = await self.ask(act, number, body)
        if asked.status == httpx.codes.OK and leaves and number in self.mine:
            self.mine.remove(number)
            if act == "resolve":
                self.done.append(number)
        await self._drop_if_lost(asked)

    async def _drop_if_lost(self, asked: Asked) -> None:
        """Refused: somebody else has it, or it is over."""
        refused = asked.status == httpx.codes.CONFLICT and asked.act != "snooze"  # that may be for its time
        if refused and asked.case in self.mine:
            self.mine.remove(asked.case)
