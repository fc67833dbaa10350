"""Desks that die at labelled points while people write on Discord: each message once, each answer once.

The loopback Discord is a process of its own; what it was told and what it accepted stands in its ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from store.database import open_database, sqlite_url
from tests.chaos.crowd import QUESTIONS
from tests.chaos.storm import Kill
from tests.chaos.victim import Victim, free_port
from tests.house import until
from tests.platforms.discord_world import GENERAL, token_of
from tests.platforms.loopback_control import read_ledger
from tests.platforms.standalone import process

ME = "900000000000000001"
DIES_WITHIN = 30.0
REST_WITHIN = 600.0


@dataclass
class Crowd:
    """People on Discord. They go on writing whether anybody listens or not."""

    http: httpx.AsyncClient
    dice: random.Random
    pause: float
    said: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        number = 0
        while not self.over.is_set():
            number += 1
            await self._one(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), self.pause * self.dice.uniform(0.5, 1.5))

    async def _one(self, number: int) -> None:
        """A known customer, a stranger, or somebody in a server; now and then an edit."""
        question = f"{self.dice.choice(QUESTIONS)} ({number})"
        who = number % 5 if self.dice.random() < 0.5 else 100 + number
        if self.dice.random() < 0.25:
            me = {"id": ME, "username": "warmline", "bot": True}
            await self._write(GENERAL, who, f"<@{ME}> {question}", mentions=[me])
            return
        place = f"50000000000000{who:04}"
        await self.tell("channel", id_=place, kind=1)
        id_ = await self._write(place, who, question)
        if self.dice.random() < 0.2:
            await self.tell("edits", place=place, id=id_, text=f"{question} please")

    async def _write(self, place: str, who: int, words: str, **more: Any) -> str:
        made = await self.tell("messages", place=place, author=f"30000000000000{who:04}", text=words, **more)
        self.said.append(str(made["id"]))
        return str(made["id"])

    async def tell(self, what: str, **data: Any) -> dict[str, Any]:
        answer = await self.http.post(f"/control/{what}", json=data)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told


@dataclass
class Found:
    """How it ended."""

    kills: Counter[str]
    said: int
    accepted: int
    unclear: int
    """What waits for a person's word, because nobody can tell whether it arrived."""
    faults: list[str]


async def rage(kills: Sequence[Kill], folder: Path, *, seed: int, pause: float, weather: dict[str, float]) -> Found:
    """The whole run. Raises when a desk dies by itself or the house finds no rest."""
    home, ledger = folder / "home", folder / "ledger.jsonl"
    home.mkdir(mode=0o700)
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(process("discord", ledger, seed=seed))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=20, trust_env=False))
        victim = Victim("discord", _environment(home, url), folder)
        stack.push_async_callback(victim.close)
        crowd = Crowd(http, random.Random(seed), pause)
        await victim.start()
        await until(lambda: _noted(home))  # from here on a session can be resumed
        await crowd.tell("knobs", weather=weather)
        writing = asyncio.create_task(crowd.run())
        try:
            for kill in kills:
                await victim.kill("at random") if victim.pid is not None else None
                await victim.start(f"{kill.point}:{kill.count}")
                if await victim.dies(within=DIES_WITHIN):
                    victim.settle(kill.point)
        finally:
            crowd.over.set()
            await writing
        if victim.pid is None:
            await victim.start()
        await crowd.tell("knobs", weather={})
        await until(lambda: _at_rest(home, len(crowd.said)), within=REST_WITHIN)
        assert await victim.stop() == 0, victim.tail()
        faults = await _faults(home, ledger, crowd.said)
        accepted = sum(line["what"] == "accepted" for line in read_ledger(ledger))
        unclear = await _rows(home, "SELECT count(*) FROM message WHERE status IN ('unknown', 'parked')")
        return Found(victim.kills, len(crowd.said), accepted, unclear[0][0], faults)


def _environment(home: Path, url: str) -> dict[str, str]:
    channel = {
        "token": token_of(ME), "api_url": f"{url}/api/v10", "cdn_url": url, "timeout": 3.0, "retry_base": 0.1,
        "identify_every": 0.1, "note_every": 0.1,
    }  # fmt: skip
    return {
        "WARMLINE_HOME": str(home), "WARMLINE_PORT": str(free_port()), "WARMLINE_QUIET_SECONDS": "0.2",
        "WARMLINE_QUIET_AT_MOST": "0.8", "WARMLINE_LOG_LEVEL": "warning", "WARMLINE_HOURS": "always",
        "WARMLINE_CHANNELS": json.dumps({"discord": channel}),
    }  # fmt: skip


async def _rows(home: Path, statement: str) -> list[Any]:
    database = open_database(sqlite_url(home))
    try:
        async with database.read() as connection:
            return list((await connection.execute(text(statement))).all())
    finally:
        await database.close()


async def _noted(home: Path) -> bool:
    rows = await _rows(home, "SELECT value FROM cursor WHERE name = 'discord:main:session'")
    return bool(rows) and "id" in json.loads(rows[0][0])


async def _at_rest(home: Path, said: int) -> bool:
    rows = await _rows(
        home,
        "SELECT (SELECT count(*) FROM message WHERE direction = 'in' AND kind = 'text'),"
        " (SELECT count(*) FROM message WHERE direction = 'in' AND \"end\" IS NULL),"
        " (SELECT count(*) FROM message WHERE direction = 'out' AND (status IN ('held', 'queued', 'sending')"
        " OR status = 'unknown' AND next_try_at IS NOT NULL))",
    )
    kept, open_, leaving = rows[0]
    return bool(kept >= said and not open_ and not leaving)


async def _faults(home: Path, ledger: Path, said: Sequence[str]) -> list[str]:
    """What is lost or doubled, a sentence each."""
    inbound = await _rows(home, "SELECT external_id, revision FROM message WHERE direction = 'in'")
    outbound = await _rows(home, "SELECT external_id, status, id FROM message WHERE direction = 'out'")
    kept = Counter(row[0] for row in inbound if row[1] == 0)
    faults = [f"message {id_} was lost" for id_ in said if id_ not in kept]
    faults += [f"message {id_} came {count} times" for id_, count in kept.items() if count > 1]
    lines = read_ledger(ledger)
    edits = {line["id"] for line in lines if line["what"] == "edited"}
    edited = {row[0] for row in inbound if row[1] > 0}
    faults += [f"the edit of {id_} was lost" for id_ in sorted(edits - edited)]
    accepted = [line for line in lines if line["what"] == "accepted"]
    faults += [f"{line['key']} was sent {line['copy']} times" for line in accepted if line["copy"] > 1]
    arrived = {line["id"] for line in accepted}
    faults += [f"message {row[2]} is said to be sent and is not there" for row in outbound
               if row[1] == "sent" and row[0] not in arrived]  # fmt: skip
    booked = {row[0] for row in outbound if row[1] == "sent"}
    unclear = {f"m{row[2]}" for row in outbound if row[1] == "unknown"}
    faults += [f"{line['key']} arrived and is not booked" for line in accepted
               if line["id"] not in booked and line["key"] not in unclear]  # fmt: skip
    faults += [f"message {row[2]} ended as {row[1]}" for row in outbound if row[1] == "failed"]
    return faults
