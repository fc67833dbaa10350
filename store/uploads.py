"""Files on their way into a reply or a note: kept for their agent alone, until a message takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.findable import Findable, of_name
from store.tables import Moment, attachment, message, upload

Mode = Literal["reply", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file without its content. `size` in bytes."""

    id: int
    agent_id: int
    case_id: int
    mode: str
    name: str
    media_type: str
    size: int


_UPLOAD = [column for column in upload.c if column.name not in ("content", "created_at")]


async def put(
    connection: AsyncConnection,
    *,
    agent_id: int,
    case_id: int,
    mode: Mode,
    name: str,
    media_type: str,
    content: bytes,
    now: datetime,
) -> Upload:
    values: dict[str, Any] = {
        "agent_id": agent_id, "case_id": case_id, "mode": mode, "name": name, "media_type": media_type,
        "size": len(content),
    }  # fmt: skip
    statement = insert(upload).values(**values, content=content, created_at=now).returning(upload.c.id)
    return Upload(id=int((await connection.execute(statement)).scalar_one()), **values)


async def of_case(connection: AsyncConnection, agent_id: int, case_id: int) -> list[Upload]:
    """What this agent has put there and not sent, oldest first."""
    query = select(*_UPLOAD).where(upload.c.agent_id == agent_id, upload.c.case_id == case_id).order_by(upload.c.id)
    return [Upload(**row) for row in (await connection.execute(query)).mappings()]


async def hold(connection: AsyncConnection, ids: Sequence[int]) -> list[Upload]:
    """Those of these that are there, held until the transaction ends: nobody takes them away meanwhile."""
    query = select(*_UPLOAD).where(upload.c.id.in_(ids)).order_by(upload.c.id).with_for_update()
    return [Upload(**row) for row in (await connection.execute(query)).mappings()]


async def read(connection: AsyncConnection, agent_id: int, case_id: int, id_: int) -> dict[str, Any] | None:
    """Name, type and content, for the agent whose it is."""
    query = select(upload.c.name, upload.c.media_type, upload.c.content).where(
        upload.c.id == id_, upload.c.agent_id == agent_id, upload.c.case_id == case_id
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)


async def remove(connection: AsyncConnection, agent_id: int, case_id: int, id_: int) -> bool:
    gone = delete(upload).where(upload.c.id == id_, upload.c.agent_id == agent_id, upload.c.case_id == case_id)
    return bool((await connection.execute(gone)).rowcount)


async def attach(
    connection: AsyncConnection, conversation_id: int, seq: int, ids: Sequence[int], now: datetime
) -> None:
    """Let a message that was written in this transaction take them. Their bytes stay within the database."""
    columns = [upload.c.name, upload.c.media_type, upload.c.size, upload.c.content]
    into = ["message_id", "name", "media_type", "size", "content", "created_at", "words"]
    names = select(upload.c.id, upload.c.name).where(upload.c.id.in_(ids)).order_by(upload.c.id)
    for id_, name in (await connection.execute(names)).all():
        # What its name is found by is made here, as for every file: a copied row has no default.
        taken = (
            select(message.c.id, *columns, literal(now, Moment), literal(of_name(name), Findable))
            .select_from(message.join(upload, upload.c.id == id_))
            .where(message.c.conversation_id == conversation_id, message.c.seq == seq)
        )
        await connection.execute(insert(attachment).from_select(into, taken, include_defaults=False))
    await connection.execute(delete(upload).where(upload.c.id.in_(ids)))


async def purge(connection: AsyncConnection, before: datetime, *, limit: int) -> int:
    """Delete those that no message took since then, the oldest first; how many."""
    old = select(upload.c.id).where(upload.c.created_at < before).order_by(upload.c.created_at).limit(limit)
    return int((await connection.execute(delete(upload).where(upload.c.id.in_(old)))).rowcount)
