"""What one person wrote, and read, in all of their conversations: messages in the order of time, by page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from store.cases import newest_case
from store.journey import MESSAGE_COLUMNS, MessageRow
from store.tables import HOME, attachment, conversation, customer, identity, message
from store.words import case_number

TALKS: Final = 200
"""Conversations of one person of which messages are told: those in which they wrote last."""
AT_ONCE: Final = 40
"""Conversations in one statement."""

_OF_A_ROW: Final = tuple(MessageRow.__dataclass_fields__)
_MORE: Final = ("buttons", "rich", "error", "sent_at", "external_id", "parts", "parts_done")

Moment = tuple[datetime, int]
"""A place in the order: when a message was written, and its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Where one message stands."""

    id: int
    conversation: int
    seq: int
    at: datetime

    @property
    def moment(self) -> Moment:
        return self.at, self.id


async def talks(connection: AsyncConnection, customer_id: int, *, but: int) -> list[dict[str, Any]]:
    """Their other conversations, that in which they wrote last first: where, and as whom."""
    query = (
        select(
            conversation.c.id,
            conversation.c.channel,
            conversation.c.public,
            conversation.c.seen_seq,
            conversation.c.seen_at,
            conversation.c.identity_id,
            identity.c.name,
            customer.c.name.label("claimed"),
            customer.c.email.label("email"),
            newest_case().label("case_id"),
        )
        .join(identity, identity.c.id == conversation.c.identity_id)
        .join(customer, customer.c.id == HOME)
        .where(conversation.c.customer_id == customer_id, conversation.c.id != but)
        .order_by(conversation.c.last_in_at.desc(), conversation.c.id.desc())
        .limit(TALKS)
    )
    rows = (await connection.execute(query)).mappings()
    return [{**row, "case": case_number(row["case_id"]) if row["case_id"] is not None else None} for row in rows]


async def writer(connection: AsyncConnection, conversation_id: int) -> int | None:
    """Whose conversation that is: the identity."""
    query = select(conversation.c.identity_id).where(conversation.c.id == conversation_id)
    found: int | None = (await connection.execute(query)).scalar_one_or_none()
    return found


def query(conversations: Sequence[int], *, before: Moment | None, since: Moment | None, limit: int) -> Select[Any]:
    """The newest messages of some conversations within a time; apart so that tests can look at its plan.

    Each conversation is walked from its end along its own index, so that a page costs what it shows, and what is newer.
    """
    newest = []
    for id_ in conversations:
        one = select(message.c.id, message.c.conversation_id, message.c.seq, message.c.created_at)
        one = one.where(message.c.conversation_id == id_, *_within(before, since))
        newest.append(select(one.order_by(message.c.seq.desc()).limit(limit).subquery()))
    found = union_all(*newest).subquery()
    return select(found).order_by(found.c.created_at.desc(), found.c.id.desc()).limit(limit)


def _within(before: Moment | None, since: Moment | None) -> list[ColumnElement[bool]]:
    at, id_ = message.c.created_at, message.c.id
    bounds = []
    if before is not None:
        bounds.append(or_(at < before[0], and_(at == before[0], id_ < before[1])))
    if since is not None:
        bounds.append(or_(at > since[0], and_(at == since[0], id_ >= since[1])))
    return bounds


async def newest(
    connection: AsyncConnection,
    conversations: Sequence[int],
    *,
    before: Moment | None = None,
    since: Moment | None = None,
    limit: int,
) -> list[Told]:
    """The last `limit` messages of these conversations within that time, oldest first."""
    found: list[Told] = []
    for start in range(0, len(conversations), AT_ONCE):
        some = query(conversations[start : start + AT_ONCE], before=before, since=since, limit=limit)
        found += [
            Told(id=row["id"], conversation=row["conversation_id"], seq=row["seq"], at=row["created_at"])
            for row in (await connection.execute(some)).mappings()
        ]
    return sorted(found, key=lambda one: one.moment)[-limit:]


async def read(connection: AsyncConnection, ids: Collection[int]) -> list[tuple[MessageRow, dict[str, Any]]]:
    """These messages by number, each with its buttons and what became of it."""
    if not ids:
        return []
    query = select(*MESSAGE_COLUMNS, *(message.c[name] for name in _MORE)).where(message.c.id.in_(ids))
    rows = (await connection.execute(query.order_by(message.c.id))).mappings()
    return [
        (MessageRow(**{**{name: row[name] for name in _OF_A_ROW}, "meta": row["meta"] or {}}), dict(row))
        for row in rows
    ]


async def files(connection: AsyncConnection, ids: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    """By message: what came with it."""
    found: dict[int, list[dict[str, Any]]] = {}
    if ids:
        columns = (attachment.c.id, attachment.c.message_id, attachment.c.name, attachment.c.media_type)
        query = select(*columns, attachment.c.size, attachment.c.content.is_not(None).label("kept"))
        query = query.where(attachment.c.message_id.in_(ids)).order_by(attachment.c.id)
        for row in (await connection.execute(query)).mappings():
            found.setdefault(row["message_id"], []).append(dict(row))
    return found
