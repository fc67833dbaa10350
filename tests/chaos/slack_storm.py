"""A desk on Slack that is killed again and again, and a count of what customers wrote and what they heard."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from store.database import open_database, sqlite_url
from store.tables import conversation, message
from tests.chaos.evidence import unrest
from tests.chaos.storm import REACH_WITHIN, Kill
from tests.chaos.victim import Victim, free_port
from tests.platforms.loopback_control import read_ledger
from tests.platforms.slack_control import SlackControl, slack_process

REST_WITHIN = 180.0
TEXTS = (
    "How do I create a subdomain? {n}", "your whole service is down, {n}", "great work, {n}", "my mailbox {n} broke",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SlackStorm:
    """What is to happen. Events are given up fast, so that what a dead desk missed stands only in the history."""

    seed: int
    mode: str = "socket"
    kills: Sequence[Kill] = ()
    customers: int = 3
    pace: float = 0.25
    """Seconds between two lines of one customer."""
    weather: dict[str, float] = field(default_factory=dict)


@dataclass
class Count:
    """How it ended."""

    written: int
    lost: list[str]
    doubled_in: list[str]
    sent: int
    doubled_out: list[str]
    unsettled: list[str]
    kills: Counter[str]
    given_up: int

    def summary(self) -> str:
        return (
            f"{self.written} written, {self.given_up} given up by the platform, {len(self.lost)} lost, "
            f"{len(self.doubled_in)} doubled; {self.sent} sent, {len(self.doubled_out)} doubled, "
            f"{len(self.unsettled)} unsettled; kills {dict(self.kills)}"
        )

    @property
    def faults(self) -> list[str]:
        return [*self.lost, *self.doubled_in, *self.doubled_out, *self.unsettled]


async def rage(storm: SlackStorm, folder: Path) -> Count:
    async with contextlib.AsyncExitStack() as stack:
        ledger, home = folder / "ledger.jsonl", folder / "home"
        home.mkdir(mode=0o700)
        slack = await stack.enter_async_context(slack_process(ledger, seed=storm.seed))
        await slack.call("knobs", ack_within=1.0, pauses=[0.2, 0.5], weather=storm.weather, mentions=True)
        port = free_port()
        if storm.mode == "http":
            await slack.call("push", url=f"http://127.0.0.1:{port}/channels/slack/main")
        victim = Victim("slack", _environment(storm, home, port, slack), folder)
        stack.push_async_callback(victim.close)
        async with _crowd(storm, slack):
            for kill in storm.kills:
                await _life(victim, kill)
            if victim.pid is None:
                await victim.start()
        await _rest(sqlite_url(home), ledger)
        if (code := await victim.stop()) != 0:
            raise AssertionError(f"the desk stopped with {code}:\n{victim.tail()}")
        return await _count(sqlite_url(home), ledger, victim)


def _environment(storm: SlackStorm, home: Path, port: int, slack: SlackControl) -> dict[str, str]:
    secret = {"signing_secret": "loopback-signing-secret"} if storm.mode == "http" else {"app_token": "xapp-loopback"}
    settings = {
        "bot_token": "xoxb-loopback", "mode": storm.mode, "api_url": slack.api_url, "timeout": 3.0,
        "ping_interval": 0.5, "retry_base": 0.1, "retry_cap": 1.0, "catch_up_every": 3.0, **secret,
    }  # fmt: skip
    return {
        "WARMLINE_HOME": str(home), "WARMLINE_PORT": str(port), "WARMLINE_QUIET_SECONDS": "0.2",
        "WARMLINE_QUIET_AT_MOST": "0.8", "WARMLINE_LOG_LEVEL": "warning", "WARMLINE_HOURS": "always",
        "WARMLINE_CHANNELS": json.dumps({"slack": settings}),
    }  # fmt: skip


@contextlib.asynccontextmanager
async def _crowd(storm: SlackStorm, slack: SlackControl) -> AsyncIterator[None]:
    """Customers write until the block ends."""
    dice, over = random.Random(storm.seed), asyncio.Event()

    async def write(number: int) -> None:
        line = 0
        while not over.is_set():
            line += 1
            text = dice.choice(TEXTS).format(n=f"{number}.{line}")
            # Every third line begins a new person's conversation: the first answer to each is a send.
            place = f"D{number}x{line // 3}"
            await slack.call("write", text=text, place=place, author=f"U{place}", name="Ada")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), storm.pace * dice.uniform(0.5, 1.5))

    async with asyncio.TaskGroup() as tasks:
        for number in range(storm.customers):
            tasks.create_task(write(number))
        yield
        over.set()


async def _life(victim: Victim, kill: Kill) -> None:
    if victim.pid is not None:
        await victim.kill("at random")
    await victim.start(f"{kill.point}:{kill.count}" if kill.point else None)
    if kill.point and await victim.dies(within=REACH_WITHIN):
        victim.settle(kill.point)
        return
    await asyncio.sleep(0.3)
    await victim.kill("at random")


async def _rest(url: str, ledger: Path) -> None:
    """Until everything that was written is kept, decided and answered, or nothing has moved for the whole time."""
    async with asyncio.timeout(REST_WITHIN):
        while await unrest(url, unclear_counts=True) or await _missing(url, ledger):  # noqa: ASYNC110 - told by nobody
            await asyncio.sleep(0.3)


async def _missing(url: str, ledger: Path) -> list[str]:
    kept = {(row["place"], row["external_id"]) for row in await _rows(url) if row["direction"] == "in"}
    return [line["ts"] for line in read_ledger(ledger) if _is_new(line) and (line["place"], line["ts"]) not in kept]


def _is_new(line: dict[str, Any]) -> bool:
    return bool(line["what"] == "customer")


async def _rows(url: str) -> list[dict[str, Any]]:
    database = open_database(url)
    query = select(message, conversation.c.place).join(conversation, conversation.c.id == message.c.conversation_id)
    try:
        async with database.read() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]
    finally:
        await database.close()


async def _count(url: str, ledger: Path, victim: Victim) -> Count:
    lines, rows = read_ledger(ledger), await _rows(url)
    kept = Counter((row["place"], row["external_id"]) for row in rows if row["direction"] == "in")
    written = [line for line in lines if line["what"] == "customer"]
    copies = Counter(line["key"] for line in lines if line["what"] == "accepted")
    out = [row for row in rows if row["direction"] == "out"]
    return Count(
        written=len(written),
        lost=[f"lost {line['place']} {line['ts']}" for line in written if not kept[line["place"], line["ts"]]],
        doubled_in=[f"kept {number} times: {which}" for which, number in kept.items() if number > 1],
        sent=len(copies),
        doubled_out=[f"sent {number} times: {key}" for key, number in copies.items() if number > 1],
        unsettled=_unsettled(out, copies),
        kills=victim.kills,
        given_up=len([line for line in lines if line["what"] == "given_up"]),
    )  # fmt: skip


def _unsettled(out: Sequence[dict[str, Any]], copies: Counter[str]) -> list[str]:
    stuck = [row for row in out if row["status"] not in ("sent", "cancelled")]
    never = [row for row in out if row["status"] == "sent" and f"m{row['id']}" not in copies]
    return [
        *(f"{row['id']} is {row['status']}: {row['error']}" for row in stuck),
        *(f"{row['id']} is sent but never arrived" for row in never),
    ]
