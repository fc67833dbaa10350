"""What letters need: what was said before one in its conversation, and what becomes of one that came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import undelivered
from store.tables import case, case_event, conversation, message

QUOTED: Final = 6
"""Messages that a letter quotes, at most."""
COUNTED: Final = timedelta(hours=1)
"""So long an automatic message counts."""
LATELY: Final = timedelta(days=1)
"""Of other conversations only those are looked at in which the customer has written since. What is automatic answers
what has come lately: nobody's whole history is walked for it."""
NEAR: Final = 60
"""Messages at the end of a conversation in which automatic ones are counted."""
_LEFT: Final = ("sending", "sent", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What stands before one message."""

    subject: str | None
    case_id: int | None
    said: list[dict[str, Any]]
    """By the customer and by us, oldest first: external_id, author, author_name, body, meta, created_at."""
    automatic_here: int
    automatic_elsewhere: int


async def past(connection: AsyncConnection, conversation_id: int, *, before: int, now: datetime) -> Past:
    """The past of the message with that number."""
    about = (
        await connection.execute(
            select(conversation.c.subject, conversation.c.identity_id).where(conversation.c.id == conversation_id)
        )
    ).one()
    newest = select(func.max(case.c.id)).where(case.c.conversation_id == conversation_id)
    query = (
        select(
            message.c.external_id, message.c.author, message.c.author_name, message.c.body, message.c.meta,
            message.c.created_at, message.c.id, message.c.parts,
        )
        .where(
            message.c.conversation_id == conversation_id,
            message.c.seq < before,
            or_(
                and_(message.c.direction == "in", message.c.kind == "text"),
                and_(message.c.direction == "out", message.c.status.in_(_LEFT)),
            ),
        )
        .order_by(message.c.seq.desc())
        .limit(4 * QUOTED)
    )  # fmt: skip
    rows = (await connection.execute(query)).mappings()
    # A third person's words go to nobody by themselves: whoever got hold of a letter could have us pass theirs on.
    said = [dict(row) for row in rows if not (row["meta"] or {}).get("third")][:QUOTED][::-1]
    automatic = (
        message.c.conversation_id == conversation.c.id,
        message.c.seq >= conversation.c.next_seq - NEAR,
        message.c.direction == "out",
        message.c.author != "agent",
        message.c.status.in_(_LEFT),
        message.c.tried_at > now - COUNTED,
    )
    counts = select(
        select(func.count())
        .select_from(message, conversation)
        .where(conversation.c.id == conversation_id, message.c.seq < before, *automatic)
        .scalar_subquery(),
        select(func.count())
        .select_from(message, conversation)
        .where(
            conversation.c.identity_id == about.identity_id,
            conversation.c.last_in_at > now - LATELY,
            conversation.c.id != conversation_id,
            *automatic,
        )
        .scalar_subquery(),
    )
    here, elsewhere = (await connection.execute(counts)).one()
    return Past(
        subject=about.subject,
        case_id=(await connection.execute(newest)).scalar_one(),
        said=said,
        automatic_here=here,
        automatic_elsewhere=elsewhere,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CameBack:
    """News of a message of ours that its platform had taken."""

    channel: str
    account: str
    external_id: str
    message: int
    reason: str
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The message that came back; `message` is 0 if there is none."""

    message: int = 0
    conversation: int = 0
    place: str = ""
    seq: int = 0
    new: bool = False


async def come_back(connection: AsyncConnection, news: CameBack, now: datetime) -> Found:
    """Write it to the row, and to the case, once. One that may still arrive keeps its state."""
    query = (
        select(
            message.c.id, message.c.conversation_id, message.c.seq, message.c.status, message.c.meta,
            conversation.c.place,
        )
        .join(conversation, conversation.c.id == message.c.conversation_id)
        .where(
            message.c.id == news.message,
            message.c.direction == "out",
            conversation.c.channel == news.channel,
            conversation.c.account == news.account,
        )
        .with_for_update()
    )  # fmt: skip
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return Found()
    meta: Mapping[str, Any] = row["meta"] or {}
    known = list(meta.get("came_back", ()))
    found = Found(
        message=row["id"], conversation=row["conversation_id"], place=row["place"], seq=row["seq"],
        new=news.external_id not in known,
    )  # fmt: skip
    if not found.new:
        return found
    values: dict[str, Any] = {"meta": {**meta, "came_back": [*known[-9:], news.external_id]}}
    if news.final and row["status"] in ("sent", "unknown"):
        values |= {"status": "failed", "error": news.reason, "next_try_at": None}
        await undelivered.tell(connection, row["id"], now)
    elif row["status"] == "sent":
        values |= {"error": news.reason}
    await connection.execute(update(message).where(message.c.id == row["id"]).values(values))
    newest = select(func.max(case.c.id)).where(case.c.conversation_id == row["conversation_id"])
    case_id = (await connection.execute(newest)).scalar_one()
    if case_id is not None:
        await connection.execute(
            insert(case_event).values(
                case_id=case_id, kind="came_back" if news.final else "is_late", actor="system", at=now,
                data={"error": news.reason, "message": row["id"], "seq": row["seq"]},
            )
        )  # fmt: skip
    return found
