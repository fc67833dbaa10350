"""How long a page of search takes among many messages, and what the index costs whoever writes. Prints a table.

    python benchmarks/search.py [--messages 1000000] [--postgresql] [--rounds 20]

Fills a database of its own, deleted afterwards. The cost is taken in one run: the same messages are kept by turns with
what they are found by and without.
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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert, text

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.load import texts  # noqa: E402 -- after the path
from handoff import searching  # noqa: E402
from store import inbox, tables  # noqa: E402
from store.database import Database, open_database  # noqa: E402
from store.migrate import migrate  # noqa: E402
from tests.databases import new_postgresql  # noqa: E402
from tests.rows import incoming  # noqa: E402

AT_ONCE: Final = 20_000
QUERIES: Final = (
    "the", "the invoice", "printer", "kumquat", "invoice kumquat", "printer camera", '"on the train"', "in*", "kum*",
    "zzz", "lee* router", "from:bot invoice", "channel:telegram invoice", "tier:billing router", "person:77",
    "person:Customer", "invoice after:30d", "invoice before:300d", "old new", "me@customers.example",
)  # fmt: skip


def rows(count: int, now: datetime) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Ten messages in a conversation, a year of them; one of 50,000 says kumquat."""
    said = texts(5_000, 7)
    dice = random.Random(7)
    of: dict[Any, list[dict[str, Any]]] = {}
    for at in range(1, count // 10 + 1):
        begun = now - timedelta(days=365) * (1 - at * 10 / count)
        channel = "telegram" if at % 5000 == 0 else "web"
        many = [of.setdefault(t, []) for t in (
            tables.customer, tables.identity, tables.conversation, tables.message, tables.case)]  # fmt: skip
        many[0].append({"id": at, "name": f"Customer {at}", "email": f"c{at}@customers.example", "created_at": begun})
        many[1].append({"id": at, "customer_id": at, "channel": channel, "account": "main", "external_id": f"u{at}",
                        "name": f"Customer {at}", "created_at": begun, "key": f"i{at}"})  # fmt: skip
        many[2].append({"id": at, "identity_id": at, "customer_id": at, "channel": channel, "account": "main",
                        "place": f"p{at}", "recipient": f"u{at}", "key": f"k{at}", "next_seq": 11, "created_at": begun,
                        "last_in_at": begun})  # fmt: skip
        for seq in range(1, 11):
            number = (at - 1) * 10 + seq
            half = "old" if number < count // 2 else "new"  # both common, never together
            fruit = " kumquat" if number % 50_000 == 7 else ""
            many[3].append({
                "id": number, "conversation_id": at, "seq": seq, "direction": "in" if seq % 2 else "out",
                "author": "customer" if seq % 2 else "bot", "author_name": f"Customer {at}" if seq % 2 else "Bot",
                "kind": "text" if seq % 2 else "answer", "body": f"{dice.choice(said)} {half}{fruit}",
                "created_at": begun + timedelta(seconds=seq),
            })  # fmt: skip
        many[4].append({"id": at, "conversation_id": at, "customer_id": at, "channel": channel, "sla": "billing",
                        "tier": dice.choice(searching.TIERS), "urgent": False, "status": "resolved", "sort_at": begun,
                        "reason": "r", "opened_at": begun, "opened_seq": 1, "resolved_at": begun})  # fmt: skip
        if len(many[3]) >= AT_ONCE:
            yield from of.items()
            of = {}
    yield from of.items()


async def fill(database: Database, count: int, now: datetime) -> None:
    began = time.perf_counter()
    if database.dialect == "postgresql":
        async with database.write("benchmark") as connection:
            await connection.execute(text("DROP INDEX ix_message_words"))
    for table, chunk in rows(count, now):
        async with database.write("benchmark") as connection:
            await connection.execute(insert(table), chunk)
    print(f"{count:,} messages written in {time.perf_counter() - began:.0f} s", flush=True)
    began = time.perf_counter()
    async with database.write("benchmark") as connection:
        if database.dialect == "postgresql":
            await connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
            await connection.execute(text("CREATE INDEX ix_message_words ON message USING gin (words)"))
            for name in ("customer", "identity", "conversation", "message"):
                await connection.execute(text(f"SELECT setval('{name}_id_seq', (SELECT max(id) FROM {name}))"))  # noqa: S608
        await connection.execute(text("ANALYZE"))
    print(f"indexed in {time.perf_counter() - began:.0f} s", flush=True)


async def pages(database: Database, rounds: int) -> None:
    print(f"{'query':28} {'hits':>4}  median    p95   second page", flush=True)
    for query in QUERIES:
        wanted = searching.parse(query, me=1)
        first: list[float] = []
        second: list[float] = []
        hits = 0
        for _ in range(rounds):
            began = time.perf_counter()
            async with database.read() as connection:
                found = await searching.find(connection, wanted, whole=query)
            first.append((time.perf_counter() - began) * 1000)
            hits = len(found.hits)
            if found.next is not None:
                began = time.perf_counter()
                async with database.read() as connection:
                    await searching.find(connection, wanted, whole=query, below=found.next)
                second.append((time.perf_counter() - began) * 1000)
        later = f"{statistics.median(second):7.1f} ms" if second else ""
        slow = statistics.quantiles(first, n=20)[-1]
        more = "+" if found.further else " "
        print(f"{query:28} {hits:4}{more} {statistics.median(first):6.1f} {slow:6.1f} ms {later}", flush=True)


async def cost(database: Database, now: datetime, rounds: int = 60, each: int = 32) -> None:
    """Keeping `each` messages in one transaction, by turns found by their words and by nothing."""
    plain = inbox.of_message
    times: dict[bool, list[float]] = {True: [], False: []}
    said = texts(2 * rounds * each, 11)
    for turn in range(2 * rounds):
        found = turn % 2 == 0
        inbox.of_message = plain if found else lambda *_: None  # type: ignore[assignment, misc]
        items = [
            incoming(said[turn * each + n], id=f"cost-{turn}-{n}", by=f"cost-{turn}-{n}", author_name="Ana Silva")
            for n in range(each)
        ]
        began = time.perf_counter()

        async def work(connection: Any, items: Any = items) -> Any:
            return await inbox.keep(connection, items, now)

        await database.commit("benchmark", work)
        times[found].append((time.perf_counter() - began) * 1000)
    inbox.of_message = plain
    with_, without = (statistics.median(times[key]) for key in (True, False))
    print(f"\nkeeping {each} messages: {with_:.2f} ms, without the index {without:.2f} ms, ratio {with_ / without:.3f}")


async def main(count: int, rounds: int, postgresql: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="search") as folder:
        url = await new_postgresql("warmline_search") if postgresql else f"sqlite:///{folder}/search.db"
        database = open_database(url)
        await migrate(database)
        now = datetime.now(UTC)
        await fill(database, count, now)
        await pages(database, rounds)
        for each in (1, 32):
            await cost(database, now, each=each)
        await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--postgresql", action="store_true")
    given = parser.parse_args()
    asyncio.run(main(given.messages, given.rounds, given.postgresql))
