"""How fast is the whole journey beside its costliest step alone, and how long does a customer in panic wait?

    python benchmarks/journey.py [--messages 1500] [--rounds 5] [--home var]

Prints JSON. A round measures the encoder alone (the encodings that the same messages need, on as many threads as the
desk uses), then the journey: unique messages over HTTP by 64 connections, each in a new conversation, until every row
is at rest. Rounds are interleaved, so that a noisy machine disturbs both alike; quote the ratio. Then 50 messages a
second for a while: from the request leaving the client to the commit that hands the conversation to a person.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import redis.asyncio as redis
import uvloop
from numpy.typing import NDArray

from benchmarks.load import Client, quantile, running_desk, texts
from intents.classifier import Classifier
from models.encoder import Encoder, load_encoder

THREADS = 2
CONNECTIONS = 64


class _Recording:
    """Notes which texts the classifier has encoded for a message."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.identity = encoder.identity
        self.texts: list[str] = []

    def encode(self, text: str) -> NDArray[np.float32]:
        return self.encode_some([text])[0]

    def encode_some(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        return self._encoder.encode_some(texts)


def encoder_alone(home: Path, messages: list[str]) -> tuple[float, float]:
    """Messages a second through the encoder and nothing else, and encodings per message.

    A message of several sentences is encoded whole and by sentence; the encoder alone does the same encodings.
    """
    encoder = load_encoder(home)
    recording = _Recording(encoder)
    classifier = Classifier.load_or_train(home, encoder).with_encoder(recording)
    for message in messages:
        classifier.verdict(message)
    began = time.perf_counter()
    encoder.encode_many(recording.texts, threads=THREADS)
    seconds = time.perf_counter() - began
    encoder.close()
    return len(messages) / seconds, len(recording.texts) / len(messages)


async def whole_journey(port: int, database: Path, messages: list[str]) -> float:
    """Messages a second from the first request until the last row is at rest."""
    waiting = iter(messages)
    before = _decided(database)
    clients = await asyncio.gather(*(Client.connect(port) for _ in range(CONNECTIONS)))
    began = time.perf_counter()

    async def write(client: Client) -> None:
        for text in waiting:
            status, body = await client.post(text)
            if status != 202:
                raise RuntimeError(f"{status}: {body!r}")

    await asyncio.gather(*map(write, clients))
    while _decided(database) - before < len(messages):
        await asyncio.sleep(0.01)
    seconds = time.perf_counter() - began
    for client in clients:
        client.close()
    return len(messages) / seconds


def _decided(database: Path) -> int:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30) as connection:
        last = connection.execute("SELECT coalesce(max(id), 0) FROM verdict").fetchone()[0]
        open_ones = connection.execute(
            "SELECT count(*) FROM message WHERE direction = 'in' AND \"end\" IS NULL"
        ).fetchone()[0]
    return int(last) if not open_ones else int(last) - int(open_ones)


async def time_to_person(port: int, home: Path, messages: list[str], a_second: float) -> list[float]:
    """Milliseconds from a request leaving until the commit that hands it to a person was announced."""
    announced: dict[int, float] = {}
    bus = redis.Redis(unix_socket_path=_socket(home))
    listener = bus.pubsub()
    await listener.subscribe(await _news(bus))

    async def listen() -> None:
        async for item in listener.listen():
            if item["type"] == "message":
                for conversation in json.loads(item["data"])["conversations"]:
                    announced.setdefault(conversation, time.time())

    listening = asyncio.create_task(listen())
    sent: dict[str, float] = {}
    idle = [await Client.connect(port) for _ in range(16)]

    async def write(text: str) -> None:
        client = idle.pop() if idle else await Client.connect(port)
        id = str(uuid.uuid4())
        sent[id] = time.time()
        try:
            await client.post(text, id)
        except (asyncio.IncompleteReadError, ConnectionError):  # idle for too long: the server has hung up
            client = await Client.connect(port)
            await client.post(text, id)
        idle.append(client)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number, text in enumerate(messages):
            await asyncio.sleep(max(0.0, began + number / a_second - time.perf_counter()))
            tasks.create_task(write(text))
    await asyncio.sleep(2)
    listening.cancel()
    await listener.aclose()
    await bus.aclose()
    for client in idle:
        client.close()
    with sqlite3.connect(f"file:{home / 'warmline.db'}?mode=ro", uri=True, timeout=30) as connection:
        rows = connection.execute(
            "SELECT external_id, conversation_id FROM message WHERE direction = 'in' AND \"end\" = 'handed_off'"
        ).fetchall()
    return [
        1000 * (announced[conversation] - sent[id])
        for id, conversation in rows
        if id in sent and conversation in announced
    ]


def _socket(home: Path) -> str:
    found = [path for path in home.iterdir() if path.is_socket()]
    if not found:
        raise RuntimeError(f"no Valkey socket in {home}; its path is too long for one, use a shorter --work")
    return str(found[0])


async def _news(bus: redis.Redis) -> str:
    channels = [name.decode() for name in await bus.execute_command("PUBSUB", "CHANNELS", "*news*")]
    return channels[0]


async def measure(home: Path, messages: int, rounds: int, seconds: int) -> dict[str, object]:
    alone: list[float] = []
    whole: list[float] = []
    encodings = 0.0
    with tempfile.TemporaryDirectory(prefix="warmline-bench-") as folder:
        work = Path(folder)
        load_encoder(home).close()
        for part in ("encoder", "intents"):
            if (home / part).exists():
                shutil.copytree(home / part, work / part)
        async with running_desk(work) as port:
            await whole_journey(port, work / "warmline.db", texts(200, 99))
            for number in range(rounds):
                unique = texts(messages, number + 1)
                rate, encodings = await asyncio.to_thread(encoder_alone, home, unique)
                alone.append(rate)
                whole.append(await whole_journey(port, work / "warmline.db", unique))
            waits = await time_to_person(port, work, texts(50 * seconds, 77), 50.0)
    return {
        "messages": messages,
        "encodings_per_message": round(encodings, 2),
        "encoder_per_second": [round(value, 1) for value in alone],
        "journey_per_second": [round(value, 1) for value in whole],
        "ratio": [round(one / other, 3) for one, other in zip(whole, alone, strict=True)],
        "ratio_median": round(statistics.median(one / other for one, other in zip(whole, alone, strict=True)), 3),
        "handed_off_ms_at_50_per_second": {
            "messages": len(waits),
            "p50": round(quantile(waits, 0.5), 1),
            "p99": round(quantile(waits, 0.99), 1),
            "max": round(max(waits), 1),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--messages", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--home", type=Path, default=Path("var"))
    given = parser.parse_args()
    print(json.dumps(uvloop.run(measure(given.home, given.messages, given.rounds, given.seconds)), indent=2))


if __name__ == "__main__":
    main()
