"""A desk on Telegram that is killed at labelled points while people write; then rest, and what ledger and rows say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from channels.richtext import RichText
from channels.telegram.rendering import rendered
from store.agents import add_agent, issue_token
from store.database import Database, open_database, sqlite_url
from store.migrate import migrate
from store.tables import conversation, message
from tests.chaos.storm import Kill
from tests.chaos.victim import Victim, free_port
from tests.platforms.loopback_control import read_ledger
from tests.platforms.loopback_push import TLS
from tests.platforms.standalone import process
from tests.platforms.telegram import TelegramControl

REACH_WITHIN = 20.0
REST_WITHIN = 120.0
WORDS = (
    "How do I create an email alias?",
    "your whole site is down",
    "you charged me twice",
    "thanks",
    "where is my data",
)


@dataclass(frozen=True, kw_only=True)
class TelegramStorm:
    kills: Sequence[Kill]
    mode: str = "polling"
    seed: int = 1
    pause: float = 0.15
    """Seconds between two customers."""
    faults: Sequence[str] = ()
    """Of sends; one now and then."""


@dataclass
class Found:
    """What became of it all."""

    faults: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    customers: int = 0
    sent: int = 0
    doubled: int = 0
    unknown: int = 0
    resent: int = 0

    def summary(self) -> str:
        told = (
            f"{self.customers} things customers did, {self.sent} sent, {self.doubled} doubled, {self.unknown} unclear"
        )
        return "\n".join([f"{sum(self.kills.values())} kills {dict(self.kills)}; {told}; {self.resent} sent again by a "
                          "person", *self.faults[:30]])  # fmt: skip


async def rage(storm: TelegramStorm, folder: Path) -> Found:
    async with contextlib.AsyncExitStack() as stack:
        run = await _Run.open(storm, folder, stack)
        return await run.found()


class _Run:
    def __init__(self, storm: TelegramStorm, folder: Path) -> None:
        self.storm = storm
        self.folder = folder
        self.dice = random.Random(storm.seed)
        self.ledger = folder / "ledger.jsonl"
        self.home = folder / "home"
        self.url = sqlite_url(self.home)
        self.port = free_port()
        self.control: TelegramControl
        self.victim: Victim
        self.token = ""
        self.again: set[int] = set()

    @classmethod
    async def open(cls, storm: TelegramStorm, folder: Path, stack: contextlib.AsyncExitStack) -> _Run:
        run = cls(storm, folder)
        run.home.mkdir(mode=0o700)
        platform = await stack.enter_async_context(process("telegram", run.ledger, seed=storm.seed))
        run.control = await stack.enter_async_context(TelegramControl(platform))
        await run.control.knobs(push_backoff=0.1, push_backoff_cap=0.5)
        run.token = await run._hire()
        run.victim = Victim("telegram", run._environment(platform), folder)
        stack.push_async_callback(run.victim.close)
        return run

    def _environment(self, platform: str) -> dict[str, str]:
        channel: dict[str, Any] = {
            "token": "7:secret-7", "api_url": platform, "mode": self.storm.mode, "timeout": 3, "poll_wait": 5,
            "retry_base": 0.1, "retry_cap": 1, "heal_after": 1, "album_wait": 0.2,
        }  # fmt: skip
        if self.storm.mode == "webhook":
            channel |= {"public_url": f"http://127.0.0.1:{self.port}", "secret": "it-is_Telegram"}
        return {
            "WARMLINE_HOME": str(self.home), "WARMLINE_PORT": str(self.port), "WARMLINE_WEB_RATE_LIMIT": "0",
            "WARMLINE_QUIET_SECONDS": "0.2", "WARMLINE_QUIET_AT_MOST": "0.8", "WARMLINE_LOG_LEVEL": "warning",
            "WARMLINE_HOURS": "always", "WARMLINE_CHANNELS": json.dumps({"telegram": channel}),
        }  # fmt: skip

    async def _hire(self) -> str:
        database, now = open_database(self.url), datetime.now(UTC)
        try:
            await migrate(database)
            async with database.write("hire") as connection:
                agent = await add_agent(connection, email="sue@desk.example", name="Sue", role="supervisor", now=now)
                return await issue_token(connection, agent.id, now)
        finally:
            await database.close()

    # --- the run ---

    async def found(self) -> Found:
        crowd = asyncio.create_task(self._crowd())
        for kill in self.storm.kills:
            await self._life(kill)
        if self.victim.pid is None:
            await self.victim.start()
        crowd.cancel()
        await asyncio.gather(crowd, return_exceptions=True)
        await self.control.faults("send")
        await self._rest()
        found = Found(kills=self.victim.kills)
        found.resent = await self._send_again()
        if found.resent:
            await self._rest()
        if (code := await self.victim.stop()) != 0:
            raise AssertionError(f"the desk stopped with {code}:\n{self.victim.tail()}")
        await self._judge(found)
        return found

    async def _life(self, kill: Kill) -> None:
        if self.victim.pid is not None:
            await self.victim.kill("at random")
        if not await self.victim.start(f"{kill.point}:{kill.count}" if kill.point else None):
            self.victim.settle(kill.point)  # it died before it took requests
            return
        if not kill.point:
            await asyncio.sleep(self.dice.uniform(0.2, 1.5))
            await self.victim.kill("at random")
        elif await self.victim.dies(within=REACH_WITHIN):
            self.victim.settle(kill.point)
        else:
            await self.victim.kill("at random")

    async def _crowd(self) -> None:
        """Each customer is somebody new: so what they hear can be told apart."""
        chat = 3000
        while True:
            chat += 1
            update = await self.control.write(self.dice.choice(WORDS), chat=chat)
            if chat % 4 == 0:
                await self.control.write("and one more line", chat=chat)
            if chat % 7 == 0:
                made = update["message"]["message_id"]
                await self.control.call("edit", chat=chat, id=made, changes={"text": "everything is down"})
            if self.storm.faults and chat % 5 == 0:
                await self.control.faults("send", self.dice.choice(list(self.storm.faults)))
            await asyncio.sleep(self.storm.pause * self.dice.uniform(0.5, 1.5))

    async def _rest(self) -> None:
        """Until nothing is under way any more; what is unclear may stay so."""
        database = open_database(self.url)
        try:
            async with asyncio.timeout(REST_WITHIN):
                while True:
                    pending = (await self.control.state())["pending"]
                    rows = await _rows(database)
                    moving = [row for row in rows if row["status"] in ("held", "queued", "sending")]
                    undecided = [row for row in rows if row["direction"] == "in" and row["end"] is None]
                    if not pending and not moving and not undecided:
                        return
                    await asyncio.sleep(0.2)
        finally:
            await database.close()

    async def _send_again(self) -> int:
        """A person sends again what surely did not arrive, and every second one of what may not have."""
        headers = {"Authorization": f"Bearer {self.token}"}
        base = f"http://127.0.0.1:{self.port}/api/v1"
        async with httpx.AsyncClient(base_url=base, verify=TLS, trust_env=False, headers=headers, timeout=30) as client:
            items, cursor = list[dict[str, Any]](), ""
            while True:
                page = (await client.get("/undelivered", params={"limit": 200, "cursor": cursor})).json()
                items += page["messages"]
                if (cursor := page["next"]) is None:
                    break
            unknown = [item["id"] for item in items if item["status"] == "unknown"]
            self.again = set(unknown[::2])
            parked = [item["id"] for item in items if item["status"] == "parked"]
            for id_ in (*sorted(self.again), *parked):
                (await client.post(f"/undelivered/{id_}/send-again")).raise_for_status()
        return len(self.again) + len(parked)

    # --- what is to be seen ---

    async def _judge(self, found: Found) -> None:
        ledger = read_ledger(self.ledger)
        database = open_database(self.url)
        try:
            rows = await _rows(database)
        finally:
            await database.close()
        did = [line["event"] for line in ledger if line["what"] == "customer"]
        found.customers = len(did)
        wanted = Counter(_identity(update) for update in did)
        kept = Counter(
            (row["place"], row["external_id"], row["revision"] > 0) for row in rows if row["direction"] == "in"
        )
        found.faults += [f"lost: {identity}" for identity in wanted - kept]
        found.faults += [f"doubled: {identity}" for identity in kept - wanted]
        found.faults += [f"{row['place']} {row['body']!r} has no end" for row in rows
                         if row["direction"] == "in" and row["end"] is None]  # fmt: skip
        self._judge_sends(found, ledger, [row for row in rows if row["direction"] == "out"])

    def _judge_sends(self, found: Found, ledger: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> None:
        copies = Counter((line["place"], line["text"]) for line in ledger if line["what"] == "accepted")
        said: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in rows:
            said.setdefault((row["place"], _shown(row)), []).append(row)
        found.sent = sum(copies.values())
        found.unknown = sum(row["status"] == "unknown" for row in rows)
        for key, count in copies.items():
            mine = said.get(key, [])
            resent = sum(row["id"] in self.again for row in mine)
            found.doubled += max(0, count - len(mine))
            if count > len(mine) + resent:
                found.faults.append(f"{key} was posted {count} times for {len(mine)} rows, {resent} sent again")
        for key, mine in said.items():
            if copies[key] < sum(row["status"] == "sent" for row in mine):
                found.faults.append(f"{key} is said to be sent, and the platform never saw it")
            found.faults += [f"{key} stays {row['status']}: {row['error']}" for row in mine
                             if row["status"] not in ("sent", "cancelled", "unknown")]  # fmt: skip


async def _rows(database: Database) -> list[dict[str, Any]]:
    query = select(message, conversation.c.place).join(conversation, conversation.c.id == message.c.conversation_id)
    async with database.read() as connection:
        return [dict(row) for row in (await connection.execute(query)).mappings()]


def _identity(update: dict[str, Any]) -> tuple[str, str, bool]:
    edited = "edited_message" in update
    made = update["edited_message" if edited else "message"]
    return str(made["chat"]["id"]), str(made["message_id"]), edited


def _shown(row: dict[str, Any]) -> str:
    return rendered(RichText.from_json(row["rich"]) if row["rich"] else RichText.of(row["body"]))[0]
