"""What the desk shows of many cases at once: rows by deadline, and counts. All by index, in pages of bounded size."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy import case as case_when
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import UNRESOLVED_ONLY, case, unresolved_with
from store.words import case_number

MINE_AT_MOST: Final = 30
SOON: Final = timedelta(minutes=15)
WORDS: Final = 600
"""Characters of the customer's first message that a row may be cut from."""

_COLUMNS: Final = (
    "id", "tier", "urgent", "status", "assignee_id", "deadline", "sort_at", "unanswered_since", "channel",
    "customer_id", "customer_name", "conversation_id", "preview", "opened_at", "opened_seq", "resolved_at", "reopened",
    "flags", "snoozed_until", "outcome",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many cases wait for somebody to take them, how many of them by when, and how many are elsewhere."""

    late: int = 0
    soon: int = 0
    today: int = 0
    later: int = 0
    mine: int = 0
    pending: int = 0
    snoozed: int = 0

    @property
    def waiting(self) -> int:
        return self.late + self.soon + self.today + self.later


async def counts(connection: AsyncConnection, now: datetime, *, end_of_day: datetime, agent_id: int) -> Counts:
    """All of it by walking the small index of what is unresolved."""
    today = max(end_of_day, now + SOON)

    def until(moment: datetime) -> ColumnElement[Any]:
        return func.sum(case_when((case.c.sort_at <= literal(moment, case.c.sort_at.type), 1), else_=0))

    waiting = select(func.count(), until(now), until(now + SOON), until(today)).where(unresolved_with("waiting"))
    whole, late, soon, by_night = (int(n or 0) for n in (await connection.execute(waiting)).one())
    elsewhere = {
        status: int((await connection.execute(select(func.count()).where(unresolved_with(status)))).scalar_one())
        for status in ("pending", "snoozed")
    }
    held = select(func.count()).where(UNRESOLVED_ONLY, case.c.assignee_id == agent_id)
    return Counts(
        late=late,
        soon=soon - late,
        today=by_night - soon,
        later=whole - by_night,
        mine=int((await connection.execute(held)).scalar_one()),
        **elsewhere,
    )


async def of_agent(connection: AsyncConnection, agent_id: int, *, limit: int = MINE_AT_MOST) -> list[dict[str, Any]]:
    """The cases that somebody holds, those due sooner first; `unread`: the customer waits for an answer."""
    query = (
        select(*(case.c[name] for name in _COLUMNS))
        .where(UNRESOLVED_ONLY, case.c.assignee_id == agent_id)
        .order_by(case.c.urgent.desc(), case.c.sort_at, case.c.id)
        .limit(limit)
    )
    rows = [_row(row) for row in (await connection.execute(query)).mappings()]
    rows.sort(key=lambda row: (row["status"] in ("pending", "snoozed"), row["sort_at"], row["id"]))
    return [{**row, "unread": row["unanswered_since"] is not None and row["status"] == "open"} for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    conversation_id: int
    assignee_id: int | None


async def holder(connection: AsyncConnection, id_: int) -> Holder | None:
    """Whose case it is, and which conversation."""
    query = select(case.c.conversation_id, case.c.assignee_id).where(case.c.id == id_)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Holder(**row)


def _row(row: Any) -> dict[str, Any]:
    return {**row, "number": case_number(row["id"]), "flags": row["flags"] or {}}
