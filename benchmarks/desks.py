"""How soon do fifty desks show a new case while fifty messages a second arrive? Prints JSON.

    python benchmarks/desks.py [--desks 50] [--rate 50] [--seconds 20] [--home var]

`warmline run` with its real classifier on one side; on the other, in this process, people at desks and customers. Each
desk holds its stream and asks for what the page's scripts ask: its rows at most every half second while news come,
with the numbers of the cases that it shows, and what stands around every two seconds. Customers write for the first
time, each a case. Two of them a second say that all is down: their deadlines are the nearest, so every desk has to
show them on its first page. From the moment in which such a case was opened (before its commit) until the answer that
holds its row has arrived at a desk, for each of them at each desk. Both sides share this machine; what each took of it
is said.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))

import uvloop

from benchmarks.load import quantile, running_desk, texts
from bot.web.who import COOKIE
from models.encoder import load_encoder
from store.agents import add_agent
from store.database import open_database, sqlite_url
from store.sessions import open_session
from store.words import case_number

ROWS_APART: Final = 0.5
SIDE_APART: Final = 2.0
PAGE: Final = 50
PROBES: Final = 2
"""Customers a second whose cases are looked for."""
_NUMBER: Final = re.compile(rb'<li class="row" data-case="(W-\d+)"')
_GRAVE: Final = re.compile(r"down|nothing works|not load|reach", re.IGNORECASE)
"""Would stand before the probes, or beside them on the first page."""
_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Line:
    """One kept-alive connection, made anew where the server has hung up because nothing was asked for long."""

    port: int
    cookie: str = "none"
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, body: bytes = b"", *, wanted: bytes = b"200") -> bytes:
        request = _request(method, path, self.cookie, body)
        try:
            head, content = await self._once(request)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            head, content = await self._once(request)
        if head[9:12] != wanted:
            raise RuntimeError(f"{path}: {head[:40]!r}")
        return gzip.decompress(content) if b"content-encoding: gzip" in head.lower() else content

    async def _once(self, request: bytes) -> tuple[bytes, bytes]:
        if self.writer is None or self.reader is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head)
        return head, await self.reader.readexactly(int(found[1]) if found else 0)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


def _request(method: str, path: str, cookie: str, body: bytes = b"") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: d\r\nAccept-Encoding: gzip\r\nCookie: {COOKIE}={cookie}\r\n{length}\r\n"
    return head.encode() + body


@dataclass
class Page:
    """The queue in one browser: when which case was first there."""

    port: int
    cookie: str
    seen: dict[str, float] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    side_news: asyncio.Event = field(default_factory=asyncio.Event)

    async def sit(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._rows())
            tasks.create_task(self._side())

    async def _listen(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(_request("GET", "/desk/events", self.cookie))
            while line := await reader.readline():
                if line.startswith((b"event: news", b"event: gap")):
                    self.news.set()
                    self.side_news.set()
        finally:
            writer.close()
        raise RuntimeError("a stream has ended")

    async def _rows(self) -> None:
        line = Line(self.port, self.cookie)
        try:
            while True:
                await self.news.wait()
                self.news.clear()
                asked = time.time()
                known = ",".join(number[2:] for number in self.shown)
                limit = max(PAGE, len(self.shown))
                body = await line.ask("GET", f"/desk/queue/rows?limit={limit}&known={known}")
                now = time.time()
                self.answers.append(now - asked)
                self.shown = [found.decode() for found in _NUMBER.findall(body)]
                for number in self.shown:
                    self.seen.setdefault(number, now)
                await asyncio.sleep(max(0.0, asked + ROWS_APART - time.time()))
        finally:
            line.close()

    async def _side(self) -> None:
        line = Line(self.port, self.cookie)
        try:
            while True:
                await self.side_news.wait()
                self.side_news.clear()
                asked = time.time()
                await line.ask("GET", "/desk/side?nav=queue")
                await asyncio.sleep(max(0.0, asked + SIDE_APART - time.time()))
        finally:
            line.close()


def messages(rate: int, seconds: int) -> list[tuple[str, str]]:
    """Name and words of each customer, in order; those called Probe are looked for."""
    dice = random.Random(5)
    calm = [text for text in texts(3 * rate * seconds, 41) if not _GRAVE.search(text)]
    found = []
    for second in range(seconds):
        some = [(f"Customer {second}-{at}", calm[second * rate + at]) for at in range(rate - PROBES)]
        some += [
            (f"Probe {second}-{at}", f"Your whole service is down, site {second}-{at} too, nobody can work.")
            for at in range(PROBES)
        ]
        dice.shuffle(some)
        found += some
    return found


async def write_all(port: int, people: list[tuple[str, str]], rate: int) -> float:
    """Write at this rate; the seconds that it took, more than wanted where the desk did not keep up."""
    idle: list[Line] = []

    async def write(name: str, text: str) -> None:
        line = idle.pop() if idle else Line(port)
        body = json.dumps({"conversation": None, "id": str(uuid.uuid4()), "text": text, "name": name}).encode()
        await line.ask("POST", "/api/web/messages", body, wanted=b"202")
        idle.append(line)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for at, (name, text) in enumerate(people):
            await asyncio.sleep(max(0.0, began + at / rate - time.perf_counter()))
            tasks.create_task(write(name, text))
    took = time.perf_counter() - began
    for line in idle:
        line.close()
    return took


async def signed_in(home: Path, count: int) -> list[str]:
    database = open_database(sqlite_url(home))
    now = datetime.now(UTC)
    try:
        async with database.write("benchmark") as connection:
            people = [
                await add_agent(connection, email=f"a{at}@d.example", name=f"Agent {at}", role="agent", now=now)
                for at in range(count)
            ]
            return [await open_session(connection, person.id, now) for person in people]
    finally:
        await database.close()


def opened(home: Path) -> dict[str, float]:
    """When each case that is looked for was opened."""
    with sqlite3.connect(f"file:{home / 'warmline.db'}?mode=ro", uri=True, timeout=30) as connection:
        rows = connection.execute(
            "SELECT id, opened_at FROM \"case\" WHERE customer_name LIKE 'Probe %' AND tier = 'outage'"
        ).fetchall()
    return {case_number(id_): at / 1e6 for id_, at in rows}


def waiting(home: Path) -> int:
    """Messages that the desk has not come to."""
    with sqlite3.connect(f"file:{home / 'warmline.db'}?mode=ro", uri=True, timeout=30) as connection:
        query = "SELECT count(*) FROM message WHERE direction = 'in' AND \"end\" IS NULL"
        return int(connection.execute(query).fetchone()[0])


def desk_seconds() -> float:
    """Processor time of the desk and of what it started, so far."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parts = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(parts[1]) == os.getpid():
            total += (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
    return total


async def measure(home: Path, desks: int, rate: int, seconds: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="warmline-desks-") as folder:
        work = Path(folder)
        load_encoder(home).close()
        for part in ("encoder", "intents"):
            if (home / part).exists():
                shutil.copytree(home / part, work / part)
        async with running_desk(work) as port:
            pages = [Page(port, secret) for secret in await signed_in(work, desks)]
            async with asyncio.TaskGroup() as tasks:
                sitting = [tasks.create_task(page.sit()) for page in pages]
                await asyncio.sleep(1)
                desk_before, own_before, began = desk_seconds(), time.process_time(), time.perf_counter()
                took = await write_all(port, messages(rate, seconds), rate)
                await asyncio.sleep(3)
                whole = time.perf_counter() - began
                desk, own = desk_seconds() - desk_before, time.process_time() - own_before
                for task in sitting:
                    task.cancel()
            at, undecided = opened(work), waiting(work)
    waits = [1000 * (page.seen[number] - at[number]) for page in pages for number in at if number in page.seen]
    answers = [1000 * answer for page in pages for answer in page.answers]
    return {
        "desks": desks,
        "messages_per_second": round(rate * seconds / took, 1),
        "undecided_at_the_end": undecided,
        "cases_looked_for": len(at),
        "shown": f"{len(waits)} of {len(at) * desks}",
        "opened_to_row_ms": {
            "p50": round(quantile(waits, 0.5)), "p99": round(quantile(waits, 0.99)), "max": round(max(waits)),
        },
        "rows_asked_per_second": round(len(answers) / whole, 1),
        "rows_answered_ms": {"p50": round(quantile(answers, 0.5)), "p99": round(quantile(answers, 0.99))},
        "processors": {"of": os.cpu_count(), "desk": round(desk / whole, 2), "load": round(own / whole, 2)},
        "others_before": round(os.getloadavg()[2], 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--desks", type=int, default=50)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--home", type=Path, default=Path("var"))
    given = parser.parse_args()
    print(json.dumps(uvloop.run(measure(given.home, given.desks, given.rate, given.seconds)), indent=2))


if __name__ == "__main__":
    main()
