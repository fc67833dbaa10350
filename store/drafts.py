"""What agents are writing, kept for them on whatever machine they sit: one reply and one note for each case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.inbox import upsert
from store.tables import draft

Mode = Literal["reply", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """`notice`: why a reply that was sent is a draft again, until it is touched. One that was dropped is empty, and
    keeps its number: a page that comes late must not take an older draft for a newer one."""

    mode: str
    text: str
    files: Sequence[int]
    notice: str | None
    version: int
    updated_at: datetime

    @property
    def empty(self) -> bool:
        return not self.text and not self.files


_DRAFT = [draft.c.mode, draft.c.text, draft.c.files, draft.c.notice, draft.c.version, draft.c.updated_at]


async def of(connection: AsyncConnection, agent_id: int, case_id: int) -> dict[str, Draft]:
    """This person's drafts in this case, by mode."""
    query = select(*_DRAFT).where(draft.c.agent_id == agent_id, draft.c.case_id == case_id)
    rows = (await connection.execute(query)).mappings()
    return {row["mode"]: _draft(row) for row in rows}


async def put(
    connection: AsyncConnection,
    agent_id: int,
    case_id: int,
    mode: Mode,
    text: str,
    now: datetime,
    *,
    files: Sequence[int] = (),
    notice: str | None = None,
) -> tuple[int, Draft | None]:
    """Keep it; its version, and what it took the place of. Whoever writes last wins."""
    key = {"agent_id": agent_id, "case_id": case_id, "mode": mode}
    made = {**key, "text": "", "version": 0, "updated_at": now}
    await connection.execute(upsert(connection)(draft).values(made).on_conflict_do_nothing(index_elements=list(key)))
    mine = (draft.c.agent_id == agent_id, draft.c.case_id == case_id, draft.c.mode == mode)
    row = (await connection.execute(select(*_DRAFT).where(*mine).with_for_update())).mappings().one()
    values = {"text": text, "files": list(files) or None, "notice": notice, "updated_at": now}
    await connection.execute(update(draft).where(*mine).values(**values, version=row["version"] + 1))
    before = _draft(row)
    return before.version + 1, None if before.empty else before


def _draft(row: RowMapping) -> Draft:
    return Draft(**{**row, "files": row["files"] or ()})


async def drop(connection: AsyncConnection, agent_id: int, case_id: int, mode: Mode) -> int:
    """It was sent, or is not wanted: no word of it is kept. Its number then; 0: there never was one."""
    dropped = await connection.execute(
        update(draft)
        .where(draft.c.agent_id == agent_id, draft.c.case_id == case_id, draft.c.mode == mode)
        .values(text="", files=None, notice=None, version=draft.c.version + 1)
        .returning(draft.c.version)
    )
    return dropped.scalar_one_or_none() or 0


async def sent(connection: AsyncConnection, agent_id: int, case_id: int, mode: Mode, text: str) -> None:
    """This was sent: drop the draft that it was, also if its last words had not been kept yet; another one stays."""
    found = (await of(connection, agent_id, case_id)).get(mode)
    if found is not None and not found.empty and text.strip().startswith(found.text.strip()):
        await drop(connection, agent_id, case_id, mode)


async def purge(connection: AsyncConnection, before: datetime, *, limit: int) -> int:
    """Delete some that nobody has touched since then, the oldest first; how many."""
    old = select(draft.c.id).where(draft.c.updated_at < before).order_by(draft.c.updated_at).limit(limit)
    return int((await connection.execute(delete(draft).where(draft.c.id.in_(old.scalar_subquery())))).rowcount)
