"""A desk process from outside: started, waited for, killed, started again; and its Valkey, emptied or killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import redis.asyncio as redis

ROOT = Path(__file__).resolve().parents[2]
START_WITHIN = 60.0


class DiedByItself(AssertionError):
    """A desk ended though nobody had killed it."""


@dataclass
class _Process:
    process: asyncio.subprocess.Process
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    reader: asyncio.Task[None] | None = None


class Victim:
    """One place in which a desk runs, again and again. A second one stands by, so that a restart is short."""

    def __init__(self, name: str, environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.kills: Counter[str] = Counter()
        self.starts = 0
        self.down = 0.0
        """Seconds without a desk that takes requests."""
        self.points = folder / f"points-{name}.txt"
        self.log = folder / f"desk-{name}.log"
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("WARMLINE_")},
            "CHAOS_POINTS": str(self.points),
            **environment,
        }
        self._standby: _Process | None = None
        self._running: _Process | None = None
        self._away_since: float | None = None

    @property
    def pid(self) -> int | None:
        running = self._running
        return running.process.pid if running is not None and running.process.returncode is None else None

    @property
    def refused(self) -> bool:
        """It ended in order, saying what was in the way."""
        return self._running is not None and self._running.process.returncode == 1

    async def prepare(self) -> None:
        if self._standby is None:
            self._standby = await self._spawn()

    async def start(self, crash_at: str | None = None) -> bool:
        """Start a desk that will die there. True: it takes requests; False: it died on the way, where it should."""
        await self.prepare()
        mine, self._standby = self._standby, None
        assert mine is not None
        assert mine.process.stdin is not None
        self._running = mine
        self.starts += 1
        mine.process.stdin.write(json.dumps({"crash_at": crash_at}).encode() + b"\n")
        ready, ended = asyncio.create_task(mine.ready.wait()), asyncio.create_task(mine.process.wait())
        await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED, timeout=START_WITHIN)
        for task in (ready, ended):
            task.cancel()
        if mine.ready.is_set() and self._away_since is not None:
            self.down += time.monotonic() - self._away_since
            self._away_since = None
        if not mine.ready.is_set() and mine.process.returncode is None:
            raise DiedByItself(f"desk {self.name} did not start in {START_WITHIN:g} s:\n{self.tail()}")
        await self.prepare()
        return mine.ready.is_set()

    async def dies(self, *, within: float) -> bool:
        """Wait for the death that was ordered; False: the point was not reached in that time."""
        assert self._running is not None
        try:
            await asyncio.wait_for(self._running.process.wait(), within)
        except TimeoutError:
            return False
        return True

    def settle(self, label: str) -> None:
        """Book a death, after making sure that it was a SIGKILL."""
        assert self._running is not None
        code = self._running.process.returncode
        if code != -signal.SIGKILL:
            raise DiedByItself(f"desk {self.name} ended with {code} and not by the kill at {label}:\n{self.tail()}")
        self.kills[label] += 1
        self._away_since = self._away_since or time.monotonic()

    async def kill(self, label: str) -> None:
        assert self._running is not None
        with contextlib.suppress(ProcessLookupError):
            self._running.process.kill()
        await self._running.process.wait()
        self.settle(label)

    async def stop(self) -> int:
        """Ask it to end, as an operator would; its exit status."""
        assert self._running is not None
        with contextlib.suppress(ProcessLookupError):
            self._running.process.terminate()
        return await asyncio.wait_for(self._running.process.wait(), 30)

    async def close(self) -> None:
        for each in (self._running, self._standby):
            if each is not None:
                if each.process.returncode is None:
                    each.process.kill()
                await each.process.wait()
                if each.reader is not None:
                    await each.reader

    def reached(self) -> Counter[str]:
        """How often each labelled point was come by, over all lives."""
        return Counter(self.points.read_text().split()) if self.points.exists() else Counter()

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    async def _spawn(self) -> _Process:
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.chaos.desk", cwd=ROOT, env=self._environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        spawned = _Process(process)
        spawned.reader = asyncio.create_task(self._listen(spawned))
        return spawned

    async def _listen(self, spawned: _Process) -> None:
        assert spawned.process.stdout is not None
        async for line in spawned.process.stdout:
            if b" listens on " in line:
                spawned.ready.set()


class Poison:
    """What is done to Valkey: it is emptied, or killed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.flushes = 0
        self.kills = 0

    async def flush(self) -> bool:
        """FLUSHALL; False: nobody answers just now."""
        client = redis.Redis.from_url(self._url, socket_timeout=2, socket_connect_timeout=2)
        try:
            await client.flushall()
        except (redis.RedisError, OSError):
            return False
        finally:
            await client.aclose()
        self.flushes += 1
        return True

    def kill(self) -> bool:
        """SIGKILL for the server behind the socket; the desk that it belongs to starts another."""
        path = self._url.removeprefix("unix://")
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(path)
            except OSError:
                return False
            raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid = struct.unpack("3i", raw)[0]
        if "valkey-server" not in os.readlink(f"/proc/{pid}/exe"):
            return False
        os.kill(pid, signal.SIGKILL)
        self.kills += 1
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
