"""Replies that somebody has sent and may still take back. Each ends once: it left, was taken back, or was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import HELD, LEFT, agent, due, hold

DUE: Final = "leave"
"""Of the due row; its subject is the hold."""

End = Literal["left", "taken_back", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One of them; `after_seq` is the last message there was when it was sent."""

    id: int
    case_id: int
    agent_id: int
    agent: str
    text: str
    also: Sequence[str]
    files: Sequence[int]
    after_seq: int
    state: str
    seq: int | None
    why: str | None
    made_at: datetime
    leaves_at: datetime


_HOLD = [
    hold.c.id, hold.c.case_id, hold.c.agent_id, agent.c.name.label("agent"), hold.c.text, hold.c.also, hold.c.files,
    hold.c.after_seq, hold.c.state, hold.c.seq, hold.c.why, hold.c.made_at, hold.c.leaves_at,
]  # fmt: skip


async def put(
    connection: AsyncConnection,
    *,
    case_id: int,
    agent_id: int,
    text: str,
    also: Sequence[str],
    files: Sequence[int],
    after_seq: int,
    now: datetime,
    leaves_at: datetime,
) -> int:
    """A new one, due when it leaves; its number. A case has one at a time."""
    row = {"case_id": case_id, "agent_id": agent_id, "text": text, "also": list(also) or None,
           "files": list(files) or None, "after_seq": after_seq, "state": "held", "made_at": now,
           "leaves_at": leaves_at}  # fmt: skip
    id_ = int((await connection.execute(insert(hold).values(row).returning(hold.c.id))).scalar_one())
    await connection.execute(insert(due).values(kind=DUE, subject=id_, at=leaves_at, created_at=now))
    return id_


async def read(connection: AsyncConnection, id_: int) -> Held | None:
    return await _one(connection, hold.c.id == id_)


async def of_case(connection: AsyncConnection, case_id: int) -> Held | None:
    """What is held in this case now."""
    return await _one(connection, hold.c.case_id == case_id, HELD)


async def _one(connection: AsyncConnection, *conditions: Any) -> Held | None:
    query = select(*_HOLD).join(agent, agent.c.id == hold.c.agent_id).where(*conditions)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Held(**{**row, "also": row["also"] or (), "files": row["files"] or ()})


async def end(connection: AsyncConnection, id_: int, state: End, now: datetime, *, why: str | None = None) -> bool:
    """End it, and what was due of it; False: it has ended otherwise. Of two who try only one hears True."""
    ended = await connection.execute(
        update(hold).where(hold.c.id == id_, HELD).values(state=state, ended_at=now, why=why)
    )
    if not ended.rowcount:
        return False
    await connection.execute(
        update(due)
        .where(due.c.kind == DUE, due.c.subject == id_, due.c.consumed_at.is_(None))
        .values(consumed_at=now, error=None)
    )
    return True


async def became(connection: AsyncConnection, id_: int, seq: int) -> None:
    """It has left, as this message. Its words are there now, and nowhere else."""
    await connection.execute(update(hold).where(hold.c.id == id_).values(seq=seq, text="", also=None, files=None))


async def seqs(connection: AsyncConnection, case_id: int, agent_id: int) -> set[int]:
    """The messages that this person's lately held replies in this case have become."""
    query = select(hold.c.seq).where(
        hold.c.case_id == case_id, hold.c.agent_id == agent_id, hold.c.seq.is_not(None), LEFT
    )
    return {int(row[0]) for row in await connection.execute(query)}


async def turn_away(connection: AsyncConnection, id_: int, why: str) -> None:
    """It was about to leave in this transaction, and could not."""
    await connection.execute(update(hold).where(hold.c.id == id_).values(state="refused", why=why))


async def purge(connection: AsyncConnection, before: datetime, *, limit: int) -> int:
    """Delete some of those that ended before then, the oldest first; how many."""
    old = select(hold.c.id).where(hold.c.ended_at < before).order_by(hold.c.ended_at).limit(limit)
    return int((await connection.execute(delete(hold).where(hold.c.id.in_(old.scalar_subquery())))).rowcount)
