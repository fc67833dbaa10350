"""Corrections of agents as examples: what a message that opened a case really was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import label, message, sample

CORRECTION = "correction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A message with what a person has last said that it is."""

    id: int
    """Of the label."""
    message_id: int
    text: str
    """As agents see it: a code in it is masked."""
    tier: str
    intent: str | None
    at: datetime


def query(*, after: int, limit: int) -> Select[Any]:
    """One page of corrections, each message with the newest of its own; apart so that tests can look at its plan."""
    last = (
        select(func.max(label.c.id).label("id"))
        .where(label.c.source == CORRECTION, label.c.message_id > after)
        .group_by(label.c.message_id)
        .order_by(label.c.message_id)
        .limit(limit)
        .subquery()
    )
    return (
        select(
            label.c.id,
            label.c.message_id,
            message.c.body,
            message.c.meta,
            message.c.end,
            label.c.tier,
            label.c.intent,
            label.c.created_at,
            sample.c.id.label("measures"),
        )
        .select_from(last)
        .join(label, label.c.id == last.c.id)
        .join(message, message.c.id == label.c.message_id)
        .outerjoin(sample, sample.c.conversation_id == message.c.conversation_id)
        .order_by(label.c.message_id)
    )


async def page(
    connection: AsyncConnection, *, after: int = 0, limit: int = 500
) -> tuple[Sequence[Example], int, int | None]:
    """(examples, how many were left out, after which message the next page begins; None: there is none).

    Left out is what the customer has changed or deleted since, and all of a conversation by which the gate is measured:
    what is measured on must not be taught.
    """
    rows = (await connection.execute(query(after=after, limit=limit))).mappings().all()
    found = [
        Example(
            id=row["id"], message_id=row["message_id"], text=(row["meta"] or {}).get("masked", row["body"]),
            tier=row["tier"], intent=row["intent"], at=row["created_at"],
        )
        for row in rows
        if row["measures"] is None and row["end"] != "superseded" and row["body"].strip()
    ]  # fmt: skip
    return found, len(rows) - len(found), rows[-1]["message_id"] if len(rows) == limit else None
