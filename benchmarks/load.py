"""What the benchmarks share: unique texts in our own words, a cheap HTTP client, a desk in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
_THINGS = (
    "invoice", "mailbox", "calendar", "shop page", "router", "phone", "order", "backup", "login page", "report",
    "domain", "printer", "ticket", "seat", "parcel", "game", "camera", "account", "contract", "meter",
)  # fmt: skip
_PLACES = ("in Leeds", "at home", "on my laptop", "in the office", "on the train", "since lunch", "this morning",
           "after the update", "for my mother", "on two devices", "again", "for the third time")  # fmt: skip
_SHAPES = (
    "Since {place} the {thing} shows error {n} whenever I try to save what I have written.",
    "Your whole service is down {place}, and {n} people in our office can do nothing but wait.",
    "I was charged {n} dollars twice for my {thing} {place}, please give me one of them back.",
    "Can I please talk to a real person about my {thing} {place}, it is about number {n}?",
    "My {thing} {n} does not load {place} any more and I do not know what else to try.",
    "Nothing works {place}, {thing} {n} is gone and so is everything that was in it.",
    "The {thing} that I paid {n} dollars for {place} never came, and nobody tells me where it is.",
    "Something is odd with the {thing} {place}: it says {n} and then closes by itself.",
)
_BEFORE = ("", "", "", "Hello, I have been a customer for years.", "This is the third time this month.",
           "I have read your help pages already.")  # fmt: skip
_AFTER = ("", "", "", "Please hurry.", "I need this for tomorrow.", "It worked well until now.")


def texts(count: int, seed: int) -> list[str]:
    """Messages that a person must answer, no two alike, as long as customers' first messages are on average.

    They take the whole way without waiting for quiet.
    """
    dice = random.Random(seed)
    return [
        " ".join(
            filter(
                None,
                (
                    dice.choice(_BEFORE),
                    dice.choice(_SHAPES).format(
                        thing=dice.choice(_THINGS), place=dice.choice(_PLACES), n=seed * 1_000_000 + number
                    ),
                    dice.choice(_AFTER),
                ),
            )
        )
        for number in range(count)
    ]


@dataclass
class Client:
    """One kept-alive HTTP/1.1 connection. It does the least that HTTP asks for, to leave the processor to the desk."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, text: str, id: str | None = None) -> tuple[int, bytes]:
        body = json.dumps({"conversation": None, "id": id or str(uuid.uuid4()), "text": text}).encode()
        head = f"POST /api/web/messages HTTP/1.1\r\nHost: d\r\nContent-Length: {len(body)}\r\n\r\n"
        return await self._ask(head.encode() + body)

    async def get(self, path: str, token: str = "") -> tuple[int, bytes]:
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: d\r\nAuthorization: Bearer {token}\r\n\r\n".encode())

    async def _ask(self, request: bytes) -> tuple[int, bytes]:
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        body = await self.reader.readexactly(int(length[1]) if length else 0)
        return int(head[9:12]), body

    def close(self) -> None:
        self.writer.close()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bot", *arguments]


@asynccontextmanager
async def running_desk(home: Path, **more: str) -> AsyncIterator[int]:
    """`warmline run` on a free port; the port."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WARMLINE_")},
        "WARMLINE_HOME": str(home),
        "WARMLINE_PORT": "0",
        "WARMLINE_WEB_RATE_LIMIT": "0",
        "WARMLINE_QUIET_SECONDS": "0",
        "WARMLINE_LOG_LEVEL": "warning",
        **more,
    }
    process = await asyncio.create_subprocess_exec(*command("run"), env=environment, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(300):
            while True:
                line = await process.stdout.readline()
                if not line:
                    raise RuntimeError("the desk ended before it was ready")
                if found := re.search(rb"listens on \S+:(\d+)\.", line):
                    break
        drain = asyncio.create_task(_drain(process.stdout))
        yield int(found[1])
        drain.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.readline():
        pass


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
