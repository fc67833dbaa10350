"""What a person wrote and its platform did not take, or brought back: the case must hear of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import case, due, message

KIND: Final = "undelivered"
"""Of the due row; its subject is the case."""
LOST: Final = ("failed", "parked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """An answer that has not arrived, and that no later one has overtaken."""

    message: int
    conversation: int
    case: int
    seq: int
    reason: str | None


async def tell(connection: AsyncConnection, message_id: int, now: datetime) -> None:
    """Let the newest case of its conversation know, in this transaction; nothing if no person has written it."""
    newest = select(func.max(case.c.id)).where(case.c.conversation_id == message.c.conversation_id).scalar_subquery()
    query = select(newest).where(message.c.id == message_id, message.c.author == "agent")
    case_id = (await connection.execute(query)).scalar_one_or_none()
    if case_id is not None:
        await connection.execute(
            insert(due).values(kind=KIND, subject=case_id, at=now, created_at=now, data={"message": message_id})
        )


async def lost(connection: AsyncConnection, message_id: int, *, states: tuple[str, ...] = LOST) -> Lost | None:
    """That answer, if it is still in one of these states and the last that a person has written there."""
    later = message.alias("later")
    overtaken = exists().where(
        later.c.conversation_id == message.c.conversation_id,
        later.c.seq > message.c.seq,
        later.c.direction == "out",
        later.c.author == "agent",
        later.c.status.not_in((*LOST, "cancelled")),
    )
    newest = select(func.max(case.c.id)).where(case.c.conversation_id == message.c.conversation_id).scalar_subquery()
    query = select(message.c.id, message.c.conversation_id, newest.label("case"), message.c.seq, message.c.error).where(
        message.c.id == message_id, message.c.author == "agent", message.c.status.in_(states), ~overtaken
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None or row[2] is None:
        return None
    return Lost(message=row[0], conversation=row[1], case=row[2], seq=row[3], reason=row[4])
