"""A loopback platform as a process of its own: it outlives any desk that is killed."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

ROOT: Final = Path(__file__).resolve().parents[2]
STARTS_WITHIN: Final = 60.0


class Served(Protocol):
    @property
    def url(self) -> str: ...


def serve(title: str, make: Callable[..., AbstractAsyncContextManager[Served]]) -> None:
    """What `python -m tests.platforms.<name>` does. `make` takes ledger, seed, port. The first line tells the url."""
    parser = argparse.ArgumentParser(description=f"A {title}.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one, printed on the first line")
    parser.add_argument("--ledger", type=Path, default=None, help="append every event here, one JSON object a line")
    parser.add_argument("--seed", type=int, default=0, help="of everything random: weather, double pushes")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_until_stopped(title, make, vars(parser.parse_args())))


async def _until_stopped(
    title: str, make: Callable[..., AbstractAsyncContextManager[Served]], options: dict[str, Any]
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with make(**options) as platform:
        sys.stdout.write(f"{title} at {platform.url}\n")
        sys.stdout.flush()
        await stop.wait()


@asynccontextmanager
async def process(name: str, ledger: Path, *, port: int = 0, seed: int = 0) -> AsyncIterator[str]:
    """`tests/platforms/<name>.py` as its own process; yields its address, ends it afterwards."""
    arguments = ["-m", f"tests.platforms.{name}", "--port", str(port), "--ledger", str(ledger), "--seed", str(seed)]
    running = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    try:
        assert running.stdout is not None
        line = (await asyncio.wait_for(running.stdout.readline(), STARTS_WITHIN)).decode()
        if " at http" not in line:
            raise RuntimeError(f"the loopback {name} did not start (exit status {await running.wait()})")
        yield line.split(" at ")[1].strip()
    finally:
        if running.returncode is None:
            running.terminate()
        await running.wait()
