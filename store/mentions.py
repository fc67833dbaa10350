"""Who was mentioned in a note, and has not looked yet."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ScalarSelect, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import agent, mention, team_member

UNSEEN = mention.c.seen_at.is_(None)


async def people(connection: AsyncConnection, addresses: Collection[str], teams: Collection[int]) -> list[int]:
    """The active people with these addresses, and all who belong to these teams, each once."""
    found: set[int] = set()
    if addresses:
        who = select(agent.c.id).where(agent.c.email.in_([each.lower() for each in addresses]), agent.c.active)
        found.update((await connection.execute(who)).scalars())
    if teams:
        of = select(agent.c.id).join(team_member, team_member.c.agent_id == agent.c.id)
        found.update((await connection.execute(of.where(team_member.c.team_id.in_(teams), agent.c.active))).scalars())
    return sorted(found)


async def unseen(
    connection: AsyncConnection, agent_id: int, *, before: int | None = None, limit: int = 50
) -> list[int]:
    """Cases in which somebody is mentioned and has not looked since, the newest number first."""
    query = select(mention.c.case_id).where(mention.c.agent_id == agent_id, UNSEEN)
    query = query.group_by(mention.c.case_id).order_by(mention.c.case_id.desc()).limit(limit)
    query = query if before is None else query.where(mention.c.case_id < before)
    return list((await connection.execute(query)).scalars())


def few(cap: int) -> ScalarSelect[int]:
    """How many cases these are of the agent around it, `cap` at most."""
    some = select(literal(1)).select_from(mention).where(mention.c.agent_id == agent.c.id, UNSEEN)
    some_of_them = some.group_by(mention.c.case_id).limit(cap).correlate(agent).subquery()
    return select(func.count()).select_from(some_of_them).scalar_subquery()


async def waits(connection: AsyncConnection, agent_id: int, case_id: int) -> bool:
    """Whether somebody has mentioned them there since they looked."""
    query = select(mention.c.id).where(mention.c.agent_id == agent_id, mention.c.case_id == case_id, UNSEEN).limit(1)
    return (await connection.execute(query)).scalar_one_or_none() is not None


async def see(connection: AsyncConnection, agent_id: int, case_id: int, now: datetime) -> None:
    """They have looked."""
    theirs = (mention.c.agent_id == agent_id, mention.c.case_id == case_id, UNSEEN)
    await connection.execute(update(mention).where(*theirs).values(seen_at=now))
