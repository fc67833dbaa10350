"""A desk with a mailbox that is killed at labelled points while people write; then rest, and what was kept and sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from sqlalchemy import select

from store.database import open_database, sqlite_url
from store.tables import conversation, message
from tests.chaos.storm import Kill
from tests.chaos.victim import Victim, free_port
from tests.platforms import imap
from tests.platforms.post_office import post_office

REACH_WITHIN = 20.0
REST_WITHIN = 120.0
WORDS = ("How do I create an email alias?", "your whole site is down", "you charged me twice", "where is my data")


@dataclass
class Found:
    """What became of it all."""

    faults: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    customers: int = 0
    sent: int = 0
    doubled: int = 0
    unclear: int = 0

    def summary(self) -> str:
        told = f"{self.customers} mails came, {self.sent} sent, {self.doubled} doubled, {self.unclear} unclear"
        return "\n".join([f"{sum(self.kills.values())} kills {dict(self.kills)}; {told}", *self.faults[:30]])


async def rage(kills: Sequence[Kill], folder: Path, *, seed: int = 1, pause: float = 0.15) -> Found:
    async with contextlib.AsyncExitStack() as stack:
        box = await stack.enter_async_context(imap.imap_platform())
        post = await stack.enter_async_context(post_office())
        run = _Run(box, post, folder, random.Random(seed), pause)
        stack.push_async_callback(run.victim.close)
        return await run.found(kills)


class _Run:
    def __init__(self, box: imap.ImapPlatform, post: Any, folder: Path, dice: random.Random, pause: float) -> None:
        self.box, self.post, self.dice, self.pause = box, post, dice, pause
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)
        self.url = sqlite_url(self.home)
        self.written: list[str] = []
        channel = {
            "address": imap.USER, "password": imap.PASSWORD, "imap_host": "127.0.0.1", "imap_port": box.port,
            "imap_security": "none", "smtp_host": "127.0.0.1", "smtp_port": post.port, "smtp_security": "none",
            "smtp_login": False, "idle_for": 5, "retry_base": 0.1, "retry_cap": 1,
        }  # fmt: skip
        environment = {
            "WARMLINE_HOME": str(self.home), "WARMLINE_DATABASE_URL": self.url, "WARMLINE_PORT": str(free_port()),
            "WARMLINE_HOURS": "always", "WARMLINE_CHANNELS": json.dumps({"email": channel}),
        }  # fmt: skip
        self.victim = Victim("email", environment, folder)

    async def found(self, kills: Sequence[Kill]) -> Found:
        crowd = asyncio.create_task(self._crowd())
        for kill in kills:
            await self._life(kill)
        if self.victim.pid is None:
            await self.victim.start()
        crowd.cancel()
        await asyncio.gather(crowd, return_exceptions=True)
        rows = await self._rest()
        found = Found(kills=self.victim.kills)
        if (code := await self.victim.stop()) != 0:
            raise AssertionError(f"the desk stopped with {code}:\n{self.victim.tail()}")
        self._judge(found, rows)
        return found

    async def _life(self, kill: Kill) -> None:
        if not await self.victim.start(f"{kill.point}:{kill.count}" if kill.point else None):
            self.victim.settle(kill.point)  # it died before it took requests
        elif kill.point and await self.victim.dies(within=REACH_WITHIN):
            self.victim.settle(kill.point)
        else:
            await asyncio.sleep(0 if kill.point else self.dice.uniform(0.2, 1.5))
            await self.victim.kill("at random")

    async def _crowd(self) -> None:
        """Each customer is somebody new; one in four adds a line to what they have written."""
        for number in range(1_000_000):
            sender = f"ada{number}@customers.example"
            first = await self._write(sender, self.dice.choice(WORDS))
            if number % 4 == 0:
                await self._write(sender, "and one more line", first)
            if number % 5 == 0:
                self.post.cut = 1
            await asyncio.sleep(self.pause * self.dice.uniform(0.5, 1.5))

    async def _write(self, sender: str, text: str, after: str | None = None) -> str:
        made = EmailMessage()
        name = f"<{len(self.written)}@customers.example>"
        made["Message-ID"], made["From"], made["To"] = name, sender, imap.USER
        if after is not None:
            made["In-Reply-To"] = after
        made.set_content(text)
        await self.box.deliver(made.as_bytes())
        self.written.append(name)
        return name

    async def _rest(self) -> list[dict[str, Any]]:
        """Until nothing is under way any more, but for what is unclear: that is sent again much later."""
        database = open_database(self.url)
        query = select(message, conversation.c.place).join(conversation, conversation.c.id == message.c.conversation_id)
        until = asyncio.get_running_loop().time() + REST_WITHIN
        try:
            while True:
                async with database.read() as connection:
                    rows = [dict(row) for row in (await connection.execute(query)).mappings()]
                kept = {row["external_id"] for row in rows if row["direction"] == "in" and row["end"]}
                left, moving = set(self.written) - kept, [row for row in rows if _moves(row)]
                if not left and not moving:
                    return rows
                if asyncio.get_running_loop().time() > until:
                    return rows  # and the judge says what is wrong
                await asyncio.sleep(0.2)
        finally:
            await database.close()

    def _judge(self, found: Found, rows: Sequence[dict[str, Any]]) -> None:
        found.customers = len(self.written)
        kept = Counter(row["external_id"] for row in rows if row["direction"] == "in")
        found.faults += [f"lost: {name}" for name in self.written if not kept[name]]
        found.faults += [
            f"{row['external_id']} has no end" for row in rows if row["direction"] == "in" and not row["end"]
        ]
        found.faults += [f"doubled: {name}" for name, count in kept.items() if count > 1]
        copies = Counter(str(mail.message["Message-ID"]) for mail in self.post.mails)
        found.sent = len(copies)
        found.doubled = sum(count - 1 for count in copies.values())
        out = {f"<m{row['id']}.": row for row in rows if row["direction"] == "out"}
        for name, count in copies.items():
            row = out.get(name.partition(".")[0] + ".")
            if row is None:
                found.faults.append(f"{name} is no row's")
            elif count > row["attempts"]:
                found.faults.append(f"{name} was sent {count} times in {row['attempts']} tries")
        sent = {name.partition(".")[0] + "." for name in copies}
        for name, row in out.items():
            found.unclear += row["unclear_since"] is not None
            if row["status"] == "sent" and name not in sent:
                found.faults.append(f"{name} is said to be sent, and nobody has it")
            if row["status"] not in ("sent", "cancelled", "unknown") and _moves(row):
                found.faults.append(f"{name} stays {row['status']}: {row['error']}")


def _moves(row: dict[str, Any]) -> bool:
    if row["direction"] == "in":
        return row["end"] is None
    if row["status"] not in ("held", "queued", "sending"):
        return False
    return row["unclear_since"] is None or row["status"] == "sending"
