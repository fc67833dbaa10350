"""The people of the desk as an admin sees them: role, teams, what work they are given; and the teams themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import agent, case, sign_on, team, team_member


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    id: int
    email: str
    name: str
    role: str
    active: bool
    away_since: datetime | None
    capacity: int | None
    skills: Mapping[str, Any]
    has_password: bool
    signs_on: bool
    """Over an identity provider."""
    teams: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    id: int
    name: str
    members: tuple[int, ...]


class NameTaken(Exception):
    """Another team is called so."""


class InUse(Exception):
    """Something still belongs to this team."""


_COLUMNS = (
    agent.c.id,
    agent.c.email,
    agent.c.name,
    agent.c.role,
    agent.c.active,
    agent.c.away_since,
    agent.c.capacity,
    agent.c.skills,
    agent.c.password.is_not(None).label("has_password"),
    exists().where(sign_on.c.agent_id == agent.c.id).label("signs_on"),
)


async def read(connection: AsyncConnection, id_: int) -> Person | None:
    row = (await connection.execute(select(*_COLUMNS).where(agent.c.id == id_))).mappings().one_or_none()
    return None if row is None else _person(row, (await _memberships(connection, id_)).get(id_, ()))


async def everybody(connection: AsyncConnection) -> list[Person]:
    """Those who may come in before those who are locked out, by name."""
    rows = (await connection.execute(select(*_COLUMNS))).mappings().all()
    teams = await _memberships(connection)
    found = [_person(row, teams.get(row["id"], ())) for row in rows]
    return sorted(found, key=lambda person: (not person.active, person.name.casefold(), person.id))


def _person(row: Mapping[Any, Any], teams: tuple[int, ...]) -> Person:
    return Person(**{**row, "skills": row["skills"] or {}, "teams": teams})


async def _memberships(connection: AsyncConnection, agent_id: int | None = None) -> dict[int, tuple[int, ...]]:
    query = select(team_member.c.agent_id, team_member.c.team_id).order_by(team_member.c.team_id)
    if agent_id is not None:
        query = query.where(team_member.c.agent_id == agent_id)
    found: dict[int, tuple[int, ...]] = {}
    for who, of in (await connection.execute(query)).all():
        found[who] = (*found.get(who, ()), of)
    return found


async def change(connection: AsyncConnection, id_: int, **columns: Any) -> None:
    """`columns` are names of the table's that its caller has chosen; never what a request has brought."""
    await connection.execute(update(agent).where(agent.c.id == id_).values(**columns))


async def is_last_admin(connection: AsyncConnection, id_: int) -> bool:
    """Whether nobody would be left to administer the desk without them. Holds the admins until the transaction ends:
    of two who lower each other at once the second must see what the first has done."""
    query = select(agent.c.id).where(agent.c.active, agent.c.role == "admin").order_by(agent.c.id)
    query = query.with_for_update(key_share=True)  # what they write at this moment names them, and need not wait
    return [row.id for row in (await connection.execute(query)).all()] == [id_]


# --- teams -------------------------------------------------------------------------------------


async def teams(connection: AsyncConnection) -> list[Team]:
    """All of them, by name."""
    rows = (await connection.execute(select(team.c.id, team.c.name))).all()
    members: dict[int, list[int]] = {}
    query = select(team_member.c.team_id, team_member.c.agent_id).order_by(team_member.c.agent_id)
    for of, who in (await connection.execute(query)).all():
        members.setdefault(of, []).append(who)
    found = [Team(id=row.id, name=row.name, members=tuple(members.get(row.id, ()))) for row in rows]
    return sorted(found, key=lambda each: (each.name.casefold(), each.id))


async def read_team(connection: AsyncConnection, id_: int) -> Team | None:
    return next((each for each in await teams(connection) if each.id == id_), None)


async def add_team(connection: AsyncConnection, name: str, now: datetime) -> int:
    """Its number.

    Raises:
        NameTaken: another one is called so.
    """
    await _free(connection, name)
    result = await connection.execute(insert(team).values(name=name, created_at=now).returning(team.c.id))
    return int(result.scalar_one())


async def rename_team(connection: AsyncConnection, id_: int, name: str) -> None:
    """Raises `NameTaken`."""
    await _free(connection, name, but=id_)
    await connection.execute(update(team).where(team.c.id == id_).values(name=name))


async def _free(connection: AsyncConnection, name: str, but: int | None = None) -> None:
    same = func.lower(team.c.name) == name.lower()
    taken = (await connection.execute(select(team.c.id).where(same))).scalars().all()
    if any(id_ != but for id_ in taken):
        raise NameTaken(name)


async def set_members(connection: AsyncConnection, id_: int, agents: Iterable[int]) -> None:
    await connection.execute(delete(team_member).where(team_member.c.team_id == id_))
    rows = [{"team_id": id_, "agent_id": who} for who in sorted(set(agents))]
    if rows:
        await connection.execute(insert(team_member), rows)


async def set_teams(connection: AsyncConnection, agent_id: int, of: Iterable[int]) -> None:
    await connection.execute(delete(team_member).where(team_member.c.agent_id == agent_id))
    rows = [{"team_id": id_, "agent_id": agent_id} for id_ in sorted(set(of))]
    if rows:
        await connection.execute(insert(team_member), rows)


async def known_agents(connection: AsyncConnection, ids: Iterable[int]) -> set[int]:
    """Which of these numbers are somebody's."""
    return set((await connection.execute(select(agent.c.id).where(agent.c.id.in_(set(ids))))).scalars())


async def remove_team(connection: AsyncConnection, id_: int) -> None:
    """Its members stay people of the desk.

    Raises:
        InUse: a case was given to it; what has happened keeps its name.
    """
    given = select(case.c.id).where(case.c.team_id == id_, case.c.team_id.is_not(None)).limit(1)
    if (await connection.execute(given)).first() is not None:
        raise InUse
    try:
        async with connection.begin_nested():
            await connection.execute(delete(team_member).where(team_member.c.team_id == id_))
            await connection.execute(delete(team).where(team.c.id == id_))
    except IntegrityError as error:
        raise InUse from error
