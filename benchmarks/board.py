"""How long the desk's queue page takes where many cases are open, and many more are closed. Prints a table.

    python benchmarks/board.py [--open 100000] [--closed 1000000] [--rounds 40]

Fills two databases of its own (one with 1,000 open cases and nothing closed, one with as many as asked) and asks both
for the same pages in turn, so that a noisy machine is noisy for both. SQLite, in folders that are deleted afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import insert

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bot.web.who import COOKIE  # noqa: E402 -- after the path
from store import tables  # noqa: E402
from store.agents import add_agent  # noqa: E402
from store.changes import NEVER  # noqa: E402
from store.sessions import open_session  # noqa: E402
from tests.house import Desk, desk  # noqa: E402

FEW: Final = 1_000
AT_ONCE: Final = 20_000
PAGES: Final = {
    "the queue": "/desk",
    "its rows": "/desk/queue/rows",
    "what stands around": "/desk/side",
    "mine": "/desk?view=mine",
    "waiting on customer": "/desk?view=pending",
    "resolved": "/desk?view=resolved",
    "feedback": "/desk?view=feedback",
    "one tier": "/desk?tier=billing",
    "a rare channel": "/desk?channel=telegram",
    "a name": "/desk?q=customer+77",
    "the team": "/desk/team",
}
TIERS: Final = ("outage", "billing", "person", "problem", "problem", "problem", "howto", "feedback", "unknown")
AGENTS: Final = 50
"""Who hold what is held."""


def rows(count: int, closed: int, now: datetime, agents: list[int]) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Rows of a desk: of each conversation one open case, and its share of closed ones before it."""
    dice = random.Random(7)
    each = -(-closed // count) if count else 0
    people: dict[Any, list[dict[str, Any]]] = {}
    number = 0
    for at in range(1, count + 1):
        channel = "telegram" if at % 5000 == 0 else dice.choice(("web", "email", "slack"))
        begun = now - timedelta(minutes=dice.randrange(60 * 24 * 30))
        name = f"Customer {at}"
        of = {table: people.setdefault(table, []) for table in (
            tables.customer, tables.identity, tables.conversation, tables.message, tables.case)}  # fmt: skip
        of[tables.customer].append({"id": at, "name": name, "email": f"c{at}@customers.example", "created_at": begun})
        of[tables.identity].append({
            "id": at, "customer_id": at, "channel": channel, "account": "main", "external_id": f"u{at}",
            "name": name, "created_at": begun, "key": f"i{at}",
        })  # fmt: skip
        mine = min(each, closed - (at - 1) * each) if each else 0
        seq = 0
        for turn in range(max(mine, 0) + 1):
            number += 1
            seq += 1
            is_open = turn == max(mine, 0)
            tier = dice.choice(TIERS)
            status = dice.choices(("waiting", "open", "pending", "snoozed"), (5, 2, 2, 1))[0] if is_open else "resolved"
            holder = dice.choice(agents) if status != "waiting" else None
            due = begun + timedelta(minutes=dice.randrange(-600, 6000))
            deadline = due if status in ("waiting", "open") else None
            of[tables.message].append({
                "conversation_id": at, "seq": seq, "direction": "in", "author": "customer", "kind": "text",
                "body": f"My thing number {number} does not work since this morning, please help.",
                "created_at": begun, "end": "handed_off", "external_id": f"m{number}", "dedupe": f"d{number}",
            })  # fmt: skip
            of[tables.case].append({
                "id": number, "conversation_id": at, "customer_id": at, "channel": channel, "tier": tier, "sla": tier,
                "urgent": tier in ("outage", "billing", "person"), "status": status, "assignee_id": holder,
                "deadline": deadline, "sort_at": deadline or NEVER, "unanswered_since": begun if deadline else None,
                "reason": "a benchmark", "customer_name": name, "customer_key": name.casefold(),
                "preview": "My thing does not work since this morning, please help.", "opened_at": begun,
                "opened_seq": seq, "resolved_at": begun if status == "resolved" else None,
                "outcome": "solved" if status == "resolved" else None,
            })  # fmt: skip
        of[tables.conversation].append({
            "id": at, "identity_id": at, "customer_id": at, "channel": channel, "account": "main", "place": f"p{at}",
            "recipient": f"u{at}",
            "key": f"k{at}", "owner": "human", "next_seq": seq + 1, "created_at": begun, "last_in_at": begun,
        })  # fmt: skip
        if len(of[tables.message]) >= AT_ONCE:
            yield from people.items()
            people = {}
    yield from people.items()


async def filled(stack: AsyncExitStack, count: int, closed: int) -> tuple[Desk, str]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="board")))
    at = await stack.enter_async_context(desk(folder))
    at.house.frame.shared.apart = 0.0  # what is asked for is to be read, not shared with the request before
    now = datetime.now(UTC)
    async with at.house.database.write("benchmark") as connection:
        people = [
            await add_agent(connection, email=f"a{n}@desk.example", name=f"Agent {n}", role="agent", now=now)
            for n in range(AGENTS)
        ]
        secret = await open_session(connection, people[0].id, now)
    began = time.perf_counter()
    for table, chunk in rows(count, closed, now, [person.id for person in people]):
        known = {column.name for column in table.columns}
        async with at.house.database.write("benchmark") as connection:
            await connection.execute(insert(table), [{k: v for k, v in row.items() if k in known} for row in chunk])
    async with at.house.database.write("benchmark") as connection:
        await connection.exec_driver_sql("ANALYZE")
    print(f"{count:,} open and {closed:,} closed cases written in {time.perf_counter() - began:.0f} s", flush=True)
    return at, secret


async def took(client: httpx.AsyncClient, path: str) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    answer = await client.get(path)
    answer.raise_for_status()
    return (time.perf_counter() - began) * 1000


async def main(count: int, closed: int, rounds: int) -> None:
    async with AsyncExitStack() as stack:
        clients = []
        for how_many, history in ((FEW, 0), (count, closed)):
            at, secret = await filled(stack, how_many, history)
            transport = httpx.ASGITransport(app=at.house.app)
            clients.append(
                await stack.enter_async_context(
                    httpx.AsyncClient(transport=transport, base_url="http://desk", cookies={COOKIE: secret}, timeout=60)
                )
            )
        print(f"\n{'page':22} {FEW:>9,} {count:>9,}   ratio   p95", flush=True)
        for name, path in PAGES.items():
            for client in clients:
                await took(client, path)
            times: list[list[float]] = [[], []]
            for _ in range(rounds):
                for each, client in zip(times, clients, strict=True):
                    each.append(await took(client, path))
            few, many = (statistics.median(each) for each in times)
            slow = statistics.quantiles(times[1], n=20)[-1]
            print(f"{name:22} {few:6.1f} ms {many:6.1f} ms {many / few:7.2f} {slow:5.0f} ms", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=100_000)
    parser.add_argument("--closed", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    asyncio.run(main(given.open, given.closed, given.rounds))
