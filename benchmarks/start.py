"""How long does it take until a desk is ready, the first time and after, and how much memory does it take?

    python benchmarks/start.py [--home var] [--starts 5] [--idle 60] [--messages 200]

Prints JSON. Seconds run from the command's start until /readyz answers 200; with them the processor time that the desk
and its Valkey took until then, which a busy machine disturbs less. The first start finds the encoder's weights and
nothing else: it builds the graph and learns. Then short commands. Then the memory of all processes together, in MB,
after a while without work and after a number of messages: rss counts what they share twice, pss once. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.load import ROOT, Client, command, texts
from models.encoder import load_encoder

BUILT = "graph-*"
"""In the encoder's folder: what the first start makes of the weights."""
PATIENCE = 600.0


@dataclass
class Started:
    """A desk that is ready."""

    process: asyncio.subprocess.Process
    port: int
    seconds: float
    processor: float


def _environment(home: Path, port: int) -> dict[str, str]:
    ours = {"WARMLINE_HOME": str(home), "WARMLINE_PORT": str(port), "WARMLINE_WEB_RATE_LIMIT": "0"}
    return {**{name: value for name, value in os.environ.items() if not name.startswith("WARMLINE_")}, **ours}


@asynccontextmanager
async def started(home: Path) -> AsyncIterator[Started]:
    """A desk of its own process; stopped at the end of the block."""
    port = _free_port()
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command("run"), env=_environment(home, port), cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(PATIENCE):
            while not await _ready(port):
                if process.returncode is not None:
                    raise RuntimeError("the desk ended before it was ready")
                await asyncio.sleep(0.01)
        yield Started(process, port, time.perf_counter() - began, _processor(process.pid))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def _ready(port: int) -> bool:
    try:
        client = await Client.connect(port)
    except OSError:
        return False
    try:
        return (await client.get("/readyz"))[0] == 200
    except (OSError, asyncio.IncompleteReadError):
        return False
    finally:
        client.close()


def _tree(pid: int) -> list[int]:
    children = [
        int(child)
        for thread in Path(f"/proc/{pid}/task").iterdir()
        for child in (thread / "children").read_text().split()
    ]
    return [pid, *(one for child in children for one in _tree(child))]


def _processor(pid: int) -> float:
    """Seconds of processor time, user and system, that a process and its children have taken."""
    ticks = 0
    for one in _tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> dict[str, float]:
    total = {"rss": 0.0, "pss": 0.0}
    for one in _tree(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name.lower() in total:
                total[name.lower()] += int(rest.split()[0]) / 1024
    return {name: round(value, 1) for name, value in total.items()}


async def _write(port: int, count: int) -> None:
    """Messages by eight customers at a time, each in a conversation of its own."""
    waiting = iter(texts(count, 7))

    async def customer() -> None:
        client = await Client.connect(port)
        for text in waiting:
            status, body = await client.post(text)
            if status != 202:
                raise RuntimeError(f"{status}: {body!r}")
        client.close()

    await asyncio.gather(*(customer() for _ in range(8)))


async def _at_rest(database: Path) -> None:
    """Wait until every message has its end."""
    undecided = "SELECT count(*) FROM message WHERE direction = 'in' AND \"end\" IS NULL"
    async with asyncio.timeout(PATIENCE):
        while True:
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30) as connection:
                if not connection.execute(undecided).fetchone()[0]:
                    return
            await asyncio.sleep(0.2)


def _short(home: Path, *arguments: str, typed: str = "") -> dict[str, float]:
    """The fastest of three runs of a command that ends by itself."""
    seconds, processor = [], []
    for _ in range(3):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            command(*arguments),
            env=_environment(home, 0),
            cwd=ROOT,
            input=typed.encode(),
            capture_output=True,
            check=True,
        )
        seconds.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"seconds": round(min(seconds), 2), "processor": round(min(processor), 2)}


async def measure(home: Path, starts: int, idle: float, messages: int) -> dict[str, object]:
    load_encoder(home).close()
    with tempfile.TemporaryDirectory(prefix="warmline-start-") as folder:
        work = Path(folder)
        shutil.copytree(home / "encoder", work / "encoder", ignore=shutil.ignore_patterns(BUILT))
        async with started(work) as desk:
            first = desk
        again: list[Started] = []
        for _ in range(starts):
            async with started(work) as desk:
                again.append(desk)
        commands = {
            "--help": _short(work, "--help"),
            "agents list": _short(work, "agents", "list"),
            "classify": _short(work, "classify", typed="my invoice is wrong\n"),
        }
        async with started(work) as desk:
            await asyncio.sleep(idle)
            resting = _memory(desk.process.pid)
            await _write(desk.port, messages)
            await _at_rest(work / "warmline.db")
            after = _memory(desk.process.pid)
    return {
        "first_start": {"seconds": round(first.seconds, 2), "processor": round(first.processor, 2)},
        "second_start": {
            "seconds": [round(one.seconds, 2) for one in again],
            "seconds_median": round(statistics.median(one.seconds for one in again), 2),
            "processor_least": round(min(one.processor for one in again), 2),
        },
        "commands": commands,
        "memory_mb": {f"idle_{idle:g}_s": resting, f"after_{messages}_messages": after},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--idle", type=float, default=60)
    parser.add_argument("--messages", type=int, default=200)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.home, given.starts, given.idle, given.messages)), indent=2))


if __name__ == "__main__":
    main()
