"""Saved replies: one's own, a team's, everybody's. None is deleted; an archived one can be brought back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import agent, macro, team, team_member

AT_MOST: Final = 500
"""Of one person's view; more nobody finds anything in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    id: int
    title: str
    body: str
    owner_id: int | None
    team_id: int | None
    tier: str | None
    shortcut: str
    uses: int
    archived_at: datetime | None
    updated_by: int | None
    updated_at: datetime
    team: str | None = None
    """The team's name."""
    by: str | None = None
    """Who changed it last."""


_QUERY = select(*macro.c, team.c.name.label("team"), agent.c.name.label("by")).select_from(
    macro.outerjoin(team, team.c.id == macro.c.team_id).outerjoin(agent, agent.c.id == macro.c.updated_by)
)
_SHARED: Final = macro.c.owner_id.is_(None)


async def of(connection: AsyncConnection, agent_id: int, *, every_team: bool = False) -> list[Macro]:
    """What this person may use: their own, their teams' (or every team's), everybody's; most used first."""
    theirs = select(team_member.c.team_id).where(team_member.c.agent_id == agent_id)
    shared: ColumnElement[bool] = _SHARED
    if not every_team:
        shared = and_(_SHARED, or_(macro.c.team_id.is_(None), macro.c.team_id.in_(theirs)))
    query = _QUERY.where(macro.c.archived_at.is_(None), or_(macro.c.owner_id == agent_id, shared))
    rows = await connection.execute(query.order_by(macro.c.uses.desc(), macro.c.title, macro.c.id).limit(AT_MOST))
    return [Macro(**row) for row in rows.mappings()]


async def read(connection: AsyncConnection, id_: int) -> Macro | None:
    """Also an archived one."""
    row = (await connection.execute(_QUERY.where(macro.c.id == id_))).mappings().one_or_none()
    return None if row is None else Macro(**row)


async def teams_of(connection: AsyncConnection, agent_id: int | None = None) -> list[tuple[int, str]]:
    """Teams by name: those of one person, or all."""
    query = select(team.c.id, team.c.name).order_by(team.c.name)
    if agent_id is not None:
        query = query.join(team_member, team_member.c.team_id == team.c.id).where(team_member.c.agent_id == agent_id)
    return [(row.id, row.name) for row in await connection.execute(query)]


async def put(connection: AsyncConnection, values: Mapping[str, Any], *, by: int, now: datetime) -> int:
    statement = insert(macro).values(**values, updated_by=by, updated_at=now).returning(macro.c.id)
    return int((await connection.execute(statement)).scalar_one())


async def change(
    connection: AsyncConnection, id_: int, values: Mapping[str, Any], *, seen: datetime | None, by: int, now: datetime
) -> bool:
    """New values; False: it is archived, or was changed since `seen`."""
    here = and_(macro.c.id == id_, macro.c.archived_at.is_(None))
    if seen is not None:
        here = and_(here, macro.c.updated_at == seen)
    done = await connection.execute(update(macro).where(here).values(**values, updated_by=by, updated_at=now))
    return bool(done.rowcount)


async def archive(connection: AsyncConnection, id_: int, at: datetime | None) -> None:
    """Take it out of use; with None bring it back."""
    await connection.execute(update(macro).where(macro.c.id == id_).values(archived_at=at))


async def used(connection: AsyncConnection, id_: int) -> None:
    await connection.execute(update(macro).where(macro.c.id == id_).values(uses=macro.c.uses + 1))
