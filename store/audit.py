"""The audit log, read: by who, what, of what and when, newest first, whatever its length."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import Key, Moment, agent, audit

PAGE: Final = 50
NOBODY: Final = -1
"""As `Wanted.agent`: lines of no person's, but the machine's and the command line's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    id: int
    at: datetime
    agent_id: int | None
    name: str | None
    email: str | None
    action: str
    subject: str
    data: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines; each filter has an index of its own. `since` is inside, `until` is outside."""

    agent: int | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


Place = tuple[datetime, int]
"""After which line a page goes on: its time and number."""


def _query(wanted: Wanted, after: Place | None) -> Select[Any]:
    query = select(
        audit.c.id, audit.c.at, audit.c.agent_id, agent.c.name, agent.c.email, audit.c.action, audit.c.subject,
        audit.c.data,
    ).join(agent, agent.c.id == audit.c.agent_id, isouter=True)  # fmt: skip
    if wanted.agent is not None:
        nobodys = audit.c.agent_id.is_(None)
        query = query.where(nobodys if wanted.agent == NOBODY else audit.c.agent_id == wanted.agent)
    if wanted.action is not None:
        query = query.where(audit.c.action == wanted.action)
    if wanted.subject is not None:
        query = query.where(audit.c.subject == wanted.subject)
    if wanted.since is not None:
        query = query.where(audit.c.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(audit.c.at < wanted.until)
    if after is not None:
        query = query.where(
            tuple_(audit.c.at, audit.c.id) < tuple_(literal(after[0], Moment()), literal(after[1], Key))
        )
    return query.order_by(audit.c.at.desc(), audit.c.id.desc())


async def page(
    connection: AsyncConnection, wanted: Wanted, *, after: Place | None = None, limit: int = PAGE
) -> list[Line]:
    """So many lines, newest first."""
    rows = (await connection.execute(_query(wanted, after).limit(limit))).mappings()
    return [Line(**row) for row in rows]


async def actions(connection: AsyncConnection) -> list[str]:
    """Every kind of act that is on record, found by stepping over the index and not over its entries."""
    first = select(func.min(audit.c.action).label("action")).cte("kinds", recursive=True)
    next_ = select(func.min(audit.c.action)).where(audit.c.action > first.c.action).scalar_subquery()
    kinds = first.union_all(select(next_).select_from(first).where(first.c.action.is_not(None)))
    found = (await connection.execute(select(kinds.c.action).where(kinds.c.action.is_not(None)))).scalars()
    return list(found)


async def about(connection: AsyncConnection, subject: str, *, limit: int) -> list[Line]:
    """The newest lines of one subject: what has happened with an account lately."""
    return await page(connection, Wanted(subject=subject), limit=limit)
