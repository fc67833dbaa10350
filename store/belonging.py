"""Which teams there are and who belongs to them: what the queue and a transfer ask."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import agent, team, team_member


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    id: int
    name: str
    people: int
    """How many active people belong to it."""


async def teams(connection: AsyncConnection) -> list[Team]:
    """All of them, by name."""
    query = (
        select(team.c.id, team.c.name, func.count(agent.c.id).label("people"))
        .outerjoin(team_member, team_member.c.team_id == team.c.id)
        .outerjoin(agent, (agent.c.id == team_member.c.agent_id) & agent.c.active)
        .group_by(team.c.id, team.c.name)
        .order_by(team.c.name)
    )
    return [Team(**row) for row in (await connection.execute(query)).mappings()]


async def read_team(connection: AsyncConnection, id_: int) -> Team | None:
    return next((each for each in await teams(connection) if each.id == id_), None)


async def of_agent(connection: AsyncConnection, agent_id: int) -> frozenset[int]:
    """The teams that somebody belongs to."""
    query = select(team_member.c.team_id).where(team_member.c.agent_id == agent_id)
    return frozenset((await connection.execute(query)).scalars())
