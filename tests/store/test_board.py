"""What the desk counts: exact as far as anybody looks, and no further; held against counting by hand."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from store import board
from store.agents import Agent
from store.cases import Filter
from store.changes import NEVER
from store.database import Database
from store.tables import case, conversation, customer, identity
from tests.rows import NOW, person

MANY = 150
NIGHT = NOW + timedelta(hours=9)
TIERS = ("outage", "billing", "problem", "feedback")
HOLDERS = 2


async def filled(database: Database) -> tuple[list[dict[str, Any]], list[Agent]]:
    """Cases of every kind, due at every time, also exactly at the edges."""
    dice = random.Random(3)
    people = [await person(database, name) for name in ("Lea", "Sam", "Mia")]
    edges = (NOW, NOW + board.SOON, NIGHT, NEVER)
    rows = []
    for n in range(1, MANY + 1):
        status = dice.choice(("waiting", "waiting", "open", "pending", "snoozed", "resolved"))
        due = dice.choice((*edges, *(NOW + timedelta(minutes=dice.randrange(-300, 900)) for _ in range(4))))
        tier = dice.choice(TIERS)
        rows.append({
            "id": n, "conversation_id": n, "customer_id": n, "channel": dice.choice(("web", "slack")), "tier": tier,
            "sla": tier, "urgent": tier in ("outage", "billing"), "status": status,
            "assignee_id": None if status == "waiting" else people[dice.randrange(HOLDERS)].id,
            "deadline": None if due == NEVER else due, "sort_at": due, "reason": "r", "opened_at": NOW,
            "opened_seq": 1,
        })  # fmt: skip
    async with database.write("test") as connection:
        at = {"created_at": NOW}
        await connection.execute(insert(customer), [{"id": row["id"], "name": "N", **at} for row in rows])
        await connection.execute(insert(identity), [
            {"id": row["id"], "customer_id": row["id"], "channel": "web", "account": "d", "external_id": "e",
             "key": f"k{row['id']}", **at} for row in rows])  # fmt: skip
        await connection.execute(insert(conversation), [
            {"id": row["id"], "key": f"k{row['id']}", "customer_id": row["id"], "identity_id": row["id"],
             "channel": "web", "account": "d", "place": "p", "recipient": "r", "last_in_at": NOW, **at}
            for row in rows])  # fmt: skip
        await connection.execute(insert(case), rows)
    return rows, people


def by_hand(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    due = [row["sort_at"] for row in rows]
    soon = NOW + board.SOON
    return {
        "late": sum(at <= NOW for at in due),
        "soon": sum(NOW < at <= soon for at in due),
        "today": sum(soon < at <= NIGHT for at in due),
        "later": sum(at > NIGHT for at in due),
    }


@pytest.mark.parametrize("cap", [999, 10, 1])
async def test_counts_are_exact_up_to_the_cap(database: Database, monkeypatch: pytest.MonkeyPatch, cap: int) -> None:
    monkeypatch.setattr(board, "CAP", cap)
    rows, (lea, *_) = await filled(database)
    async with database.read() as connection:
        counts = await board.counts(connection, NOW, end_of_day=NIGHT)
        own = await board.own(connection, lea.id)
        one = await board.spread(connection, Filter(status="waiting", tier="billing"), NOW, end_of_day=NIGHT)
        rare = await board.spread(connection, Filter(status=None, channel="slack"), NOW, end_of_day=NIGHT)
    alive = [row for row in rows if row["status"] != "resolved"]
    waiting = [row for row in alive if row["status"] == "waiting"]
    wanted = by_hand(waiting) | {
        "all": len(alive),
        "pending": sum(row["status"] == "pending" for row in alive),
        "snoozed": sum(row["status"] == "snoozed" for row in alive),
        "feedback": sum(row["tier"] == "feedback" for row in waiting),
        "waiting": len(waiting),
    }
    mine = sum(row["assignee_id"] == lea.id for row in alive)
    assert min(mine, *wanted.values()) > 1, "each number is tried"
    assert own.mine == min(mine, cap + 1)
    assert {name: getattr(counts, name) for name in wanted} == {
        name: min(count, cap + 1) for name, count in wanted.items()
    }
    for found, of in ((one, [row for row in waiting if row["tier"] == "billing"]),
                      (rare, [row for row in alive if row["channel"] == "slack"])):  # fmt: skip
        by_time = by_hand(of)
        assert {name: getattr(found, name) for name in by_time} == {
            name: min(count, cap + 1) for name, count in by_time.items()
        }
        assert found.whole == min(len(of), cap + 1)


async def test_who_holds_what_and_what_is_due_next(database: Database) -> None:
    rows, (lea, sam, mia) = await filled(database)
    async with database.read() as connection:
        hands = await board.in_hand(connection)
    assert mia.id not in hands
    for who in (lea, sam):
        held = [row for row in rows if row["assignee_id"] == who.id and row["status"] != "resolved"]
        due = [row for row in held if row["deadline"] is not None]
        first = min(due, key=lambda row: (row["sort_at"], row["id"]))
        hand = hands[who.id]
        assert hand.cases == len(held)
        assert hand.next is not None
        assert (hand.next["id"], hand.next["number"]) == (first["id"], f"W-{first['id'] + 1000}")
