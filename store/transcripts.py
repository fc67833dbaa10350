"""What was said in a conversation, as its customer or the desk may read it, and what goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.inbox import digest
from store.journey import MESSAGE_COLUMNS, MessageRow, message_row
from store.tables import attachment, conversation, message, verdict

COPIED: Final = 200
"""Messages in which others are looked for."""


async def read(
    connection: AsyncConnection, conversation_id: int, *, after: int = 0, limit: int = 200, newest: bool = False
) -> list[MessageRow]:
    """Messages with a greater number than `after`, oldest first; `newest` takes the last `limit` of them."""
    query = select(*MESSAGE_COLUMNS).where(message.c.conversation_id == conversation_id, message.c.seq > after)
    order = message.c.seq.desc() if newest else message.c.seq
    rows = [message_row(row) for row in (await connection.execute(query.order_by(order).limit(limit))).mappings()]
    return rows[::-1] if newest else rows


async def copied(connection: AsyncConnection, conversation_id: int) -> list[str]:
    """To whom else what came in here was sent, as its channel has said; the latest first, each once."""
    query = (
        select(message.c.meta)
        .join(conversation, conversation.c.id == message.c.conversation_id)
        .where(
            message.c.conversation_id == conversation_id,
            message.c.seq >= conversation.c.next_seq - COPIED,
            message.c.direction == "in",
            message.c.meta.is_not(None),
        )
        .order_by(message.c.seq.desc())
    )
    found = [(row[0] or {}).get("about", {}).get("others", ()) for row in await connection.execute(query)]
    return list(dict.fromkeys(address for others in found for address in others))


async def public(connection: AsyncConnection, conversation_id: int, *, after: int, limit: int) -> list[dict[str, Any]]:
    """What the customer may see: their own words and what was sent to them. Never a note, never a queued row."""
    query = (
        select(
            message.c.id,
            message.c.seq,
            message.c.external_id,
            message.c.author,
            message.c.author_name,
            message.c.kind,
            message.c.body,
            message.c.rich,
            message.c.buttons,
            message.c.meta,
            message.c.created_at,
        )
        .where(
            message.c.conversation_id == conversation_id,
            message.c.seq > after,
            or_(message.c.direction == "in", and_(message.c.direction == "out", message.c.status == "sent")),
        )
        .order_by(message.c.seq)
        .limit(limit)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def find(connection: AsyncConnection, channel: str, account: str, place: str) -> int | None:
    """The conversation of a place that has one customer and no threads."""
    key = digest(channel, account, place, None, place)
    return (await connection.execute(select(conversation.c.id).where(conversation.c.key == key))).scalar_one_or_none()


async def exists(connection: AsyncConnection, id_: int) -> bool:
    query = select(conversation.c.id).where(conversation.c.id == id_)
    return (await connection.execute(query)).scalar_one_or_none() is not None


async def delivery(connection: AsyncConnection, conversation_id: int, seqs: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Buttons, rich text, delivery state and end reason of these messages."""
    if not seqs:
        return {}
    query = select(
        message.c.seq,
        message.c.buttons,
        message.c.rich,
        message.c.error,
        message.c.end_reason,
        message.c.sent_at,
        message.c.platform_at,
        message.c.external_id,
        message.c.agent_id,
        message.c.parts,
        message.c.parts_done,
    ).where(message.c.conversation_id == conversation_id, message.c.seq.between(min(seqs), max(seqs)))
    return {row["seq"]: dict(row) for row in (await connection.execute(query)).mappings()}


async def files(connection: AsyncConnection, conversation_id: int) -> list[dict[str, Any]]:
    query = (
        select(
            attachment.c.id,
            message.c.seq,
            attachment.c.name,
            attachment.c.media_type,
            attachment.c.size,
            attachment.c.content.is_not(None).label("kept"),
        )
        .join(message, message.c.id == attachment.c.message_id)
        .where(message.c.conversation_id == conversation_id)
        .order_by(attachment.c.id)
        .limit(200)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def files_of(connection: AsyncConnection, messages: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """By message: what goes with it, without the content."""
    found: dict[int, list[dict[str, Any]]] = {}
    if messages:
        query = (
            select(
                attachment.c.message_id,
                attachment.c.id,
                attachment.c.name,
                attachment.c.media_type,
                attachment.c.size,
                attachment.c.reference,
            )
            .where(attachment.c.message_id.in_(messages))
            .order_by(attachment.c.id)
        )
        for row in (await connection.execute(query)).mappings():
            found.setdefault(row["message_id"], []).append(dict(row))
    return found


async def file_of(connection: AsyncConnection, conversation_id: int, id_: int) -> dict[str, Any] | None:
    """A kept file of that conversation, if its customer may see the message that it came with."""
    query = (
        select(attachment.c.name, attachment.c.media_type, attachment.c.content)
        .join(message, message.c.id == attachment.c.message_id)
        .where(
            attachment.c.id == id_,
            attachment.c.content.is_not(None),
            message.c.conversation_id == conversation_id,
            or_(message.c.direction == "in", and_(message.c.direction == "out", message.c.status == "sent")),
        )
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)


async def any_file(connection: AsyncConnection, id_: int) -> dict[str, Any] | None:
    """A file with its content, which is None where none was kept; for people at the desk."""
    query = select(attachment.c.name, attachment.c.media_type, attachment.c.content).where(attachment.c.id == id_)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)


async def verdicts(connection: AsyncConnection, conversation_id: int, *, limit: int = 20) -> list[dict[str, Any]]:
    query = (
        select(
            message.c.seq,
            verdict.c.tier,
            verdict.c.intent,
            verdict.c.confidence,
            verdict.c.automatable,
            verdict.c.evidence,
            verdict.c.model,
        )
        .join(message, message.c.id == verdict.c.message_id)
        .where(message.c.conversation_id == conversation_id)
        .order_by(message.c.seq.desc())
        .limit(limit)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()][::-1]
