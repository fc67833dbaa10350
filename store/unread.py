"""What people have written to a customer who reads our own table, and has not had before them yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.cases import newest_case
from store.dues import Due
from store.tables import HOME, case, case_event, conversation, customer, due, identity, message

KIND: Final = "unread"
"""Of due rows. Their subject is the conversation; each reply has one of its own."""
LOOKED_AT: Final = 200
"""So many of the newest replies that nobody has read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One message of a person's. `meta` says what became of it by mail."""

    id: int
    seq: int
    author_name: str
    body: str
    created_at: datetime
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A conversation, its customer, its newest case, and what was written by people since it was last read."""

    conversation: int
    channel: str
    email: str | None
    seen_seq: int
    case_id: int | None
    outcome: str | None
    replies: tuple[Reply, ...]


async def read(connection: AsyncConnection, conversation_id: int) -> Waiting | None:
    """How it stands now. None: there is no such conversation."""
    query = (
        select(
            conversation.c.channel,
            conversation.c.seen_seq,
            customer.c.email,
            case.c.id.label("case_id"),
            case.c.outcome,
        )
        .join(identity, identity.c.id == conversation.c.identity_id)
        .join(customer, customer.c.id == HOME)
        .outerjoin(case, case.c.id == newest_case())
        .where(conversation.c.id == conversation_id)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    replies = await _replies(connection, conversation_id, message.c.seq > row["seen_seq"])
    return Waiting(conversation=conversation_id, replies=replies, **row)


async def replies(connection: AsyncConnection, conversation_id: int, ids: Collection[int]) -> tuple[Reply, ...]:
    """These messages of that conversation, in order."""
    return await _replies(connection, conversation_id, message.c.id.in_(ids))


async def _replies(connection: AsyncConnection, conversation_id: int, which: Any) -> tuple[Reply, ...]:
    query = (
        select(
            message.c.id,
            message.c.seq,
            message.c.author_name,
            message.c.body,
            message.c.created_at,
            message.c.meta,
        )
        .where(
            message.c.conversation_id == conversation_id,
            which,
            message.c.direction == "out",
            message.c.author == "agent",
            message.c.kind == "text",
            message.c.status == "sent",
        )
        .order_by(message.c.seq.desc())
        .limit(LOOKED_AT)
    )
    found = [Reply(**{**row, "meta": row["meta"] or {}}) for row in (await connection.execute(query)).mappings()]
    return tuple(found[::-1])


async def mark(connection: AsyncConnection, ids: Collection[int], said: Mapping[str, Any]) -> None:
    """Write into these messages what became of them by mail; the conversation's lock is held."""
    rows = await connection.execute(select(message.c.id, message.c.meta).where(message.c.id.in_(ids)))
    for id_, meta in rows.all():
        await connection.execute(update(message).where(message.c.id == id_).values(meta={**(meta or {}), **said}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailed:
    """One mail that has left."""

    conversation: int
    at: datetime
    data: Mapping[str, Any]


async def mailed(connection: AsyncConnection, conversation_id: int, email: str, since: datetime) -> list[Mailed]:
    """Mails about this conversation, or to customers with this address, the oldest first."""
    claiming = select(customer.c.id).where(customer.c.email == email)
    writers = union_all(
        select(identity.c.id).where(identity.c.customer_id.in_(claiming), identity.c.home_id.is_(None)),
        select(identity.c.id).where(identity.c.home_id.in_(claiming)),
    )
    theirs = (
        select(case.c.id)
        .join(conversation, conversation.c.id == case.c.conversation_id)
        .where(conversation.c.identity_id.in_(writers))
    )
    about = union_all(select(case.c.id).where(case.c.conversation_id == conversation_id), theirs)
    query = (
        select(case.c.conversation_id, case_event.c.at, case_event.c.data)
        .join(case, case.c.id == case_event.c.case_id)
        .where(case_event.c.case_id.in_(about), case_event.c.kind == "mailed", case_event.c.at > since)
        .order_by(case_event.c.id)
    )
    found = await connection.execute(query)
    return [Mailed(conversation=row[0], at=row[1], data=row[2] or {}) for row in found]


async def rows(connection: AsyncConnection, conversation_id: int) -> list[tuple[Due, str | None]]:
    """Its due rows that are not consumed, each with what went wrong at the last try."""
    columns = [due.c.id, due.c.kind, due.c.subject, due.c.at, due.c.data, due.c.attempts]
    query = (
        select(*columns, due.c.error)
        .where(due.c.subject == conversation_id, due.c.kind == KIND, due.c.consumed_at.is_(None))
        .order_by(due.c.at)
        .limit(LOOKED_AT)
    )
    found = []
    for row in (await connection.execute(query)).mappings():
        values = dict(row)
        error = values.pop("error")
        found.append((Due(**{**values, "data": values["data"] or {}}), error))
    return found
