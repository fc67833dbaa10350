"""Rows for tests: a customer writes, a case stands, each with as few words as the test needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import inbox
from store.agents import Agent, add_agent
from store.changes import NEVER, insert_cases
from store.database import Database
from store.inbox import Incoming, Kept
from store.tables import case, conversation, message

NOW = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
"""A Monday at noon."""
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def incoming(text: str = "hello", *, id: str = "m1", by: str = "ann", **more: Any) -> Incoming:
    """One text of one customer in their own place."""
    values: dict[str, Any] = {
        "channel": "web",
        "account": "default",
        "place": f"place-of-{by}",
        "thread": None,
        "author_id": by,
        "author_name": "",
        "email": None,
        "email_verified": False,
        "external_id": id,
        "revision": 0,
        "kind": "text",
        "text": text,
        "public": False,
        "global_id": False,
        "extra": None,
        "subject": None,
        "meta": None,
        "reply_to": None,
        "platform_at": None,
    }
    return Incoming(**{**values, **more})


async def keep(database: Database, *items: Incoming, now: datetime = NOW) -> list[Kept]:
    async with database.write("test") as connection:
        return await inbox.keep(connection, items, now)


async def write_in(database: Database, text: str = "hello", *, by: str = "ann", **more: Any) -> Kept:
    """A customer writes one text; its row."""
    return (await keep(database, incoming(text, by=by, id=more.pop("id", f"{by}-{text}"[:80]), **more)))[0]


async def add(database: Database, table: Any, **values: Any) -> int:
    async with database.write("test") as connection:
        return int((await connection.execute(insert(table).values(values).returning(table.c.id))).scalar_one())


async def put_out(database: Database, conversation_id: int, body: str = "words", **more: Any) -> int:
    """A row of the outbox; its id. By a person and ready to leave, unless said otherwise."""
    async with database.write("test") as connection:
        row = conversation.c.id == conversation_id
        seq = (await connection.execute(select(conversation.c.next_seq).where(row))).scalar_one()
        await connection.execute(conversation.update().where(row).values(next_seq=seq + 1))
        values = {
            "conversation_id": conversation_id,
            "seq": seq,
            "direction": "out",
            "author": "agent",
            "kind": "text",
            "body": body,
            "status": "queued",
            "created_at": NOW,
            "next_try_at": NOW,
            **more,
        }
        return int((await connection.execute(insert(message).values(values).returning(message.c.id))).scalar_one())


async def open_case(database: Database, conversation_id: int, **more: Any) -> int:
    async with database.write("test") as connection:
        return await insert_case(connection, conversation_id, **more)


async def insert_case(connection: AsyncConnection, conversation_id: int, **more: Any) -> int:
    """A case as the desk would have opened it; its id."""
    customer_id = (
        await connection.execute(select(conversation.c.customer_id).where(conversation.c.id == conversation_id))
    ).scalar_one()
    values = {
        "conversation_id": conversation_id,
        "customer_id": customer_id,
        "channel": "web",
        "tier": "problem",
        "sla": "problem",
        "urgent": False,
        "status": "waiting",
        "deadline": NOW + timedelta(hours=4),
        "unanswered_since": NOW,
        "reason": "one thing is broken",
        "opened_at": NOW,
        "opened_seq": 1,
        **more,
    }
    if values["deadline"] is None:
        values["sort_at"] = NEVER
    return (await insert_cases(connection, [values]))[0]


async def open_cases(database: Database, *columns: dict[str, Any]) -> list[int]:
    """A case with these columns for each of as many customers."""
    kept = await keep(database, *(incoming(by=f"c{n}", id=f"c{n}") for n in range(len(columns))))
    async with database.write("test") as connection:
        return [
            await insert_case(connection, row.conversation, **more) for row, more in zip(kept, columns, strict=True)
        ]


def due_in(minutes: int, *, urgent: bool = False, **more: Any) -> dict[str, Any]:
    """Columns of a case with that deadline."""
    return {"deadline": NOW + minutes * MINUTE, "urgent": urgent, **more}


async def person(database: Database, name: str = "Lea", role: str = "agent") -> Agent:
    async with database.write("test") as connection:
        return await add_agent(connection, email=f"{name.lower()}@desk.example", name=name, role=role, now=NOW)


async def row_of(database: Database, table: Any, id_: int) -> dict[str, Any]:
    async with database.read() as connection:
        return dict((await connection.execute(select(table).where(table.c.id == id_))).mappings().one())


async def case_of(database: Database, id_: int) -> dict[str, Any]:
    return await row_of(database, case, id_)


async def rows_where(database: Database, table: Any, *conditions: Any) -> list[dict[str, Any]]:
    """All rows of which that is true, by number."""
    async with database.read() as connection:
        found = (await connection.execute(select(table).where(*conditions).order_by(table.c.id))).mappings()
        return [dict(row) for row in found]
