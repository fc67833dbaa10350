"""The desk that gets killed: the real program behind its real command line, with a pretended mind.

    python -m tests.chaos.desk

It loads what is slow to import, waits for one line of JSON on its standard input, `{}` or
`{"crash_at": "router.after-commit:3"}`, and becomes `warmline run`: so the next desk stands ready while the present one
dies. Every labelled point that it comes by is written down in the file that CHAOS_POINTS names.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
from functools import partial

SLOW = (
    "aiosqlite", "alembic.command", "asyncpg", "fastapi", "httptools", "httpx", "numpy", "onnxruntime",
    "pydantic_settings", "redis.asyncio", "rich.console", "sqlalchemy.ext.asyncio", "structlog", "typer", "uvicorn",
    "uvloop",
)  # fmt: skip


def main() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # no desk outlives the test that started it
    for name in SLOW:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    order = sys.stdin.readline()
    if not order:
        return
    if crash_at := json.loads(order).get("crash_at"):
        os.environ["WARMLINE_CRASH_AT"] = crash_at
    import bot.app
    from bot.cli import main as command_line
    from tests.house import OwnArticles, fake_mind

    _record_points(os.environ["CHAOS_POINTS"])
    bot.app.load_mind = lambda settings, progress=None: fake_mind()
    bot.app.warmline = partial(bot.app.warmline, shelf_of=OwnArticles)
    sys.argv = ["warmline", "run"]
    command_line()


def _record_points(path: str) -> None:
    from store import faults

    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    reach = faults.reach

    def recorded(point: str) -> None:
        os.write(file, f"{point}\n".encode())
        reach(point)

    faults.reach = recorded


if __name__ == "__main__":
    main()
