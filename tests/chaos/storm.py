"""One run: a platform, one or two desks, a crowd; kills and floods of nothing; then rest, and the evidence."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from store.agents import add_agent, issue_token
from store.database import open_database, sqlite_url
from store.migrate import migrate
from store.tables import setting
from store.valkey import EmbeddedValkey
from tests.chaos import checker
from tests.chaos.crowd import Agent, Crowd, Line, Memory
from tests.chaos.evidence import Evidence, collect, unrest
from tests.chaos.victim import Poison, Victim, free_port
from tests.databases import run_sql
from tests.platforms.loopback_control import LoopbackControl
from tests.platforms.plain_http import PlainServer, Reply, Request
from tests.platforms.standalone import process

REACH_WITHIN = 20.0
"""Seconds that a desk gets to come by its point; after that it is killed where it stands."""
REST_WITHIN = 120.0
RARE = 10
"""A point come by less often than that in the calm is rare."""


@dataclass(frozen=True, kw_only=True)
class Kill:
    """The desk dies the `count`th time it comes by `point`. An empty point: at a random moment."""

    point: str = ""
    count: int = 1

    @property
    def label(self) -> str:
        return self.point or "at random"


@dataclass(frozen=True, kw_only=True)
class Storm:
    """What is to happen. `database`: an address, or None for SQLite."""

    seed: int
    database: str | None = None
    desks: int = 1
    mode: str = "poll"
    idempotent: bool = False
    lookup: bool = True
    in_parts: int = 0
    """So long a message may be there, and the house sends the parts of longer texts; 0: it does not."""
    knobs: dict[str, Any] = field(default_factory=dict)
    kills: Sequence[Kill] = ()
    every_point: int = 0
    """Look for all points in `calm` seconds without a kill, then kill so often at each."""
    calm: float = 0.0
    flush_every: float = 4.0
    kill_valkey: bool = False
    cut_every: float = 0.0
    """Seconds between cuts of all connections to PostgreSQL; 0: none."""
    web: int = 3
    chat: int = 3
    agents: int = 3
    pace: float = 1.0
    slow: float = 0.0

    @property
    def reconciles(self) -> bool:
        return self.lookup or self.idempotent


@dataclass
class Outcome:
    evidence: Evidence
    faults: list[str]
    kills: Counter[str]
    reached: Counter[str]
    flushes: int
    valkey_kills: int
    cuts: int
    seconds: float
    down: float
    starts: int
    resent: int
    logged: Counter[str]

    def summary(self) -> str:
        at = self.evidence
        lines = [
            f"{sum(self.kills.values())} kills, {self.starts} starts, {self.flushes} times FLUSHALL, "
            f"{self.valkey_kills} times Valkey killed, {self.cuts} times the database cut off; "
            f"{self.seconds:.0f} s, of which {self.down:.0f} s without a desk",
            f"{len(at.noted('customer'))} messages on the platform, {len(at.memory.said)} on the web, "
            f"{len(at.noted('accepted'))} sent, {len(at.cases)} cases, {len(at.memory.asked)} requests of agents, "
            f"{at.memory.retries} tries without an answer",
            f"ends: {dict(Counter(row['end'] for row in at.messages if row['end']))}",
            f"sends: {dict(Counter(row['status'] for row in at.messages if row['status']))}",
            f"doubled {checker.doubled(at)}, overtaken {checker.overtaken(at)}, sent again by a person {self.resent}",
            f"kills by point: {dict(sorted(self.kills.items()))}",
            f"points come by: {dict(sorted(self.reached.items()))}",
            f"logged: {dict(self.logged.most_common(12))}",
            f"FAULTS: {len(self.faults)}",
        ]
        return "\n".join([*lines, *self.faults[:40]])


async def rage(storm: Storm, folder: Path) -> Outcome:
    """The whole run. Raises when a desk dies by itself, nobody answers, or the house finds no rest."""
    async with contextlib.AsyncExitStack() as stack:
        run = await Run.open(storm, folder, stack)
        return await run.outcome()


class Run:
    def __init__(self, storm: Storm, folder: Path) -> None:
        self.storm = storm
        self.folder = folder
        self.dice = random.Random(storm.seed)
        self.memory = Memory()
        self.ledger = folder / "ledger.jsonl"
        self.home = folder / "home"
        self.url = storm.database or sqlite_url(self.home)
        self.began = time.monotonic()
        self.crowd: Crowd
        self.control: LoopbackControl
        self.poison: Poison
        self.victims: list[Victim] = []
        self.cuts = 0

    @classmethod
    async def open(cls, storm: Storm, folder: Path, stack: contextlib.AsyncExitStack) -> Run:
        run = cls(storm, folder)
        run.home.mkdir(mode=0o700)
        platform = await stack.enter_async_context(process("loopback", run.ledger, seed=storm.seed))
        run.control = await stack.enter_async_context(LoopbackControl(platform))
        knobs = {"idempotent": storm.idempotent, "lookup": storm.lookup, "push_backoff_cap": 0.5, **storm.knobs}
        await run.control.knobs(**knobs)
        webhook = await stack.enter_async_context(run._webhook())
        redis_url = None
        if storm.desks > 1:
            shared = folder / "valkey"
            shared.mkdir(mode=0o700)
            redis_url = await stack.enter_async_context(EmbeddedValkey(shared))
        run.poison = Poison(redis_url or f"unix://{run.home / 'valkey.sock'}")
        ports = [free_port() for _ in range(storm.desks)]
        for name, port in zip("ab", ports, strict=False):
            victim = Victim(name, run._environment(port, platform, webhook, redis_url), folder)
            stack.push_async_callback(victim.close)
            run.victims.append(victim)
        tokens = await run._hire()
        line = Line([f"http://127.0.0.1:{port}" for port in ports], run.memory, run.dice)
        stack.push_async_callback(line.close)
        run.crowd = Crowd(
            line=line, control=run.control, ledger=run.ledger, tokens=tokens, memory=run.memory,
            dice=random.Random(storm.seed + 1), pace=storm.pace, slow=storm.slow,
        )  # fmt: skip
        return run

    def _environment(self, port: int, platform: str, webhook: str, redis_url: str | None) -> dict[str, str]:
        loopback = {
            "use": "tests.platforms.loopback_channel:make", "url": platform, "token": "secret-main",
            "idempotent": self.storm.idempotent, "mode": self.storm.mode, "timeout": 3.0, "poll_wait": 5.0,
            "retry_base": 0.1, "retry_cap": 1.0, "heal_after": 3.0,
        }  # fmt: skip
        if self.storm.in_parts:
            loopback |= {"in_parts": True, "max_length": self.storm.in_parts}
        if self.storm.mode == "push":
            loopback |= {"public_url": f"http://127.0.0.1:{port}", "secret": "it is the platform"}
        environment = {
            "WARMLINE_HOME": str(self.home), "WARMLINE_PORT": str(port), "WARMLINE_WEB_RATE_LIMIT": "0",
            "WARMLINE_QUIET_SECONDS": "0.2", "WARMLINE_QUIET_AT_MOST": "0.8", "WARMLINE_LOG_LEVEL": "warning",
            "WARMLINE_HOURS": "always", "WARMLINE_SLA_OUTAGE": "1", "WARMLINE_SLA_PERSON": "2",
            "WARMLINE_SLA_BILLING": "2", "WARMLINE_SLA_UNKNOWN": "0.02", "WARMLINE_SLA_HOWTO": "0.02",
            "WARMLINE_WEBHOOK_URL": webhook, "WARMLINE_CHANNELS": json.dumps({"loopback": loopback}),
        }  # fmt: skip
        if self.storm.database is not None:
            environment["WARMLINE_DATABASE_URL"] = self.storm.database
        if redis_url is not None:
            environment["WARMLINE_REDIS_URL"] = redis_url
        return environment

    @contextlib.asynccontextmanager
    async def _webhook(self) -> AsyncIterator[str]:
        async def called(request: Request) -> Reply:
            if self.crowd.wanted == "clock.failed":
                return Reply.of({"error": "the pager is broken"}, 500)
            self.memory.calls[request.json()["case"]] += 1
            return Reply.of({})

        server = PlainServer(called)
        await server.open()
        try:
            yield server.url
        finally:
            await server.shut()

    async def _hire(self) -> list[tuple[int, str, str]]:
        database = open_database(self.url)
        now = datetime.now(UTC)
        try:
            await migrate(database)
            hired = []
            async with database.write("hire") as connection:
                for number in range(self.storm.agents):
                    email, role = f"agent{number}@desk.example", "admin" if number == 0 else "supervisor"
                    agent = await add_agent(connection, email=email, name=f"Agent{number}", role=role, now=now)
                    hired.append((agent.id, email, await issue_token(connection, agent.id, now)))
            return hired
        finally:
            await database.close()

    # --- the run ---------------------------------------------------------------------------------

    async def outcome(self) -> Outcome:
        for victim in self.victims if self.storm.calm else ():
            await victim.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.crowd.run(web=self.storm.web, chat=self.storm.chat))
            troubles = [tasks.create_task(trouble) for trouble in (self._flood(), self._cut_off())]
            await self._kill_all()
            self.crowd.wanted = ""
            self.crowd.over.set()
            for trouble in troubles:
                trouble.cancel()
        self._say("everybody went home")
        await self.quieten()
        self._say("at rest")
        resent = await self._read_everything()
        stopped = datetime.now(UTC)
        for victim in self.victims:
            if (code := await victim.stop()) != 0:
                raise AssertionError(f"desk {victim.name} stopped with {code}:\n{victim.tail()}")
        evidence = await collect(
            self.url, self.ledger, self.memory, lookup=self.storm.lookup, reconciles=self.storm.reconciles,
            stopped=stopped,
            tolerance=0.0 if self.storm.database is None else 1.0,
        )  # fmt: skip
        return Outcome(
            evidence=evidence,
            faults=checker.check(evidence),
            kills=sum((victim.kills for victim in self.victims), Counter()),
            reached=sum((victim.reached() for victim in self.victims), Counter()),
            flushes=self.poison.flushes,
            valkey_kills=self.poison.kills,
            cuts=self.cuts,
            seconds=time.monotonic() - self.began,
            down=sum(victim.down for victim in self.victims),
            starts=sum(victim.starts for victim in self.victims),
            resent=resent,
            logged=self._logged(),
        )

    async def _kill_all(self) -> None:
        await self._look_around()
        plan = [*self.storm.kills, *(self._plan() if self.storm.every_point else ())]
        lives = len(self.victims)
        async with asyncio.TaskGroup() as tasks:
            for number, victim in enumerate(self.victims):
                tasks.create_task(self._die_again_and_again(victim, plan[number::lives]))

    async def _die_again_and_again(self, victim: Victim, plan: Sequence[Kill]) -> None:
        """One life for each kill, the next as soon as the last is over; what was not come by is tried once more."""
        missed = [kill for kill in plan if not await self._life(victim, kill)]
        for kill in missed:
            await self._life(victim, Kill(point=kill.point))
        if victim.pid is None:
            await victim.start()

    async def _life(self, victim: Victim, kill: Kill) -> bool:
        """Whether it ended where it should."""
        if victim.pid is not None:
            await victim.kill("at random")  # the first life has no point to die at
        self.crowd.wanted = kill.point.rpartition(".")[0]
        if self.crowd.wanted == "clock.sweep":
            await self._let_a_day_pass()
        takes_requests = await victim.start(f"{kill.point}:{kill.count}" if kill.point else None)
        while not takes_requests and victim.refused and self.cuts:
            self._say(f"{victim.name} found no database as it started")  # it says so and ends; it is started again
            takes_requests = await victim.start(f"{kill.point}:{kill.count}" if kill.point else None)
        self._say(f"{victim.name} lives{'' if takes_requests else ' not long'}, to die at {kill.label}:{kill.count}")
        if not kill.point:
            await asyncio.sleep(self.dice.uniform(0.2, 2.0))
        elif await victim.dies(within=REACH_WITHIN):
            victim.settle(kill.point)
            self._say(f"{victim.name} died at {kill.label}")
            return True
        await victim.kill("at random")
        self._say(f"{victim.name} was killed at a random moment")
        return not kill.point

    async def _let_a_day_pass(self) -> None:
        """For what is done once a day: as if it had not been done yet."""
        database = open_database(self.url)
        try:
            async with database.write("a-day") as connection:
                await connection.execute(delete(setting).where(setting.c.key == "sweep.done"))
        finally:
            await database.close()

    async def _look_around(self) -> None:
        """Without kills, each unit of work wanted once: the points of this program come to light."""
        wanted = ("reply", "resolve", "return", "release", "snooze", "assign", "reopen", "correct", "takeover",
                  "send-again", "quarantine", "claim", "clock.failed", "note")  # fmt: skip
        for each in wanted if self.storm.calm else ():
            self.crowd.wanted = each
            await asyncio.sleep(self.storm.calm / len(wanted))
        self.crowd.wanted = ""

    def _plan(self) -> list[Kill]:
        reached = sum((victim.reached() for victim in self.victims), Counter[str]())
        plan = []
        for point, seen in reached.items():
            most = 1 if point.partition(".")[0] in ("migrate", "articles") else max(1, min(25, seen // 4))
            plan += [Kill(point=point, count=self.dice.randint(1, most)) for _ in range(self.storm.every_point)]
        self.dice.shuffle(plan)
        # What is rare comes first, while the crowd is small and no backlog stands before it.
        return sorted(plan, key=lambda kill: reached[kill.point] >= RARE)

    async def _flood(self) -> None:
        """FLUSHALL at random moments; once, if asked for, the server is killed instead."""
        killed = not self.storm.kill_valkey
        while True:
            await asyncio.sleep(self.dice.uniform(0.3, 1.7) * self.storm.flush_every)
            if not killed and self.poison.flushes > 1:
                killed = self.poison.kill()
            else:
                await self.poison.flush()

    async def _cut_off(self) -> None:
        """End every session of the database, as a restart of it would."""
        while self.storm.cut_every and self.storm.database is not None:
            await asyncio.sleep(self.dice.uniform(0.3, 1.7) * self.storm.cut_every)
            await run_sql(
                self.storm.database,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            self.cuts += 1

    # --- afterwards ------------------------------------------------------------------------------

    async def quieten(self) -> None:
        """Wait until everything has its end and nothing is on its way."""
        until = time.monotonic() + REST_WITHIN
        while time.monotonic() < until:
            left: dict[str, Any] = await unrest(self.url, unclear_counts=self.storm.reconciles)
            if waiting := (await self.control.state())["unacknowledged"]:
                left["unacknowledged"] = waiting[:3]
            if not left:
                return
            await asyncio.sleep(0.25)
        raise AssertionError(f"no rest after {REST_WITHIN:g} s: {left}\n{self.victims[0].tail()}")

    async def _read_everything(self) -> int:
        """Send again what did not arrive, as a person would; then let every web customer read. How many were sent."""
        agent = Agent(self.crowd, *self.crowd.tokens[0])
        await self.control.knobs(weather={})
        resent = 0
        while more := await agent.send_all_again():  # the list shows a hundred
            resent += more
            await self.quieten()
        for token in sorted({said.token for said in self.memory.said}):
            await self.crowd.read(token)
        return resent

    def _say(self, what: str) -> None:
        """The diary of this run, for whoever looks for a fault."""
        with (self.folder / "diary.txt").open("a") as diary:
            diary.write(f"{time.monotonic() - self.began:7.2f} {what}\n")

    def _logged(self) -> Counter[str]:
        """What the desks wrote to their logs, by event."""
        found: Counter[str] = Counter()
        for victim in self.victims:
            for line in victim.log.read_text(errors="replace").splitlines():
                with contextlib.suppress(ValueError, AttributeError):
                    event = json.loads(line)
                    found[f"{event.get('level')}: {str(event.get('event'))[:90]}"] += 1
        return found
