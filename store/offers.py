"""Offers of waiting cases: who was asked, until when, and what came of it.

offered ──takes it, or somebody else does──> taken
   ├ ─────passes it────────────────────────> passed
   ├ ─────not in time──────────────────────> over
   └ ─────has gone, or work is not given out any more──> gone: they have declined nothing
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import settings
from store.tables import agent, case, offer, session, team_member, unresolved_with

SETTING: Final = "assignment"
AT_FIRST: Final = {"mode": "pull", "claim_within": 60, "capacity": 5}
FRONT: Final = 100
"""Cases of each class that are looked at: more people than these are not asked at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    id: int
    case_id: int
    agent_id: int
    at: datetime
    until: datetime
    state: str


_OFFERED: Final = offer.c.state == literal("offered", literal_execute=True)


async def terms(connection: AsyncConnection) -> dict[str, Any]:
    """How work is given out: {"mode": "pull" | "push", "claim_within": seconds, "capacity": cases}."""
    return {**AT_FIRST, **(await settings.read(connection, SETTING) or {})}


async def set_terms(connection: AsyncConnection, wanted: dict[str, Any], now: datetime) -> None:
    await settings.write(connection, SETTING, wanted, now)


async def standing(connection: AsyncConnection) -> list[Offer]:
    """All that somebody is asked now."""
    rows = (await connection.execute(select(offer).where(_OFFERED).order_by(offer.c.case_id))).mappings()
    return [Offer(**row) for row in rows]


async def of_agent(connection: AsyncConnection, agent_id: int, now: datetime) -> dict[str, Any] | None:
    """What this person is asked now, with the case."""
    query = (
        select(offer.c.id, offer.c.until, offer.c.case_id, case.c.tier, case.c.channel, case.c.customer_name,
               case.c.preview)
        .join(case, case.c.id == offer.c.case_id)
        .where(_OFFERED, offer.c.agent_id == agent_id, offer.c.until > now, unresolved_with("waiting"))
    )  # fmt: skip
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)


async def read(connection: AsyncConnection, id_: int) -> Offer | None:
    row = (await connection.execute(select(offer).where(offer.c.id == id_))).mappings().one_or_none()
    return None if row is None else Offer(**row)


async def make(connection: AsyncConnection, case_id: int, agent_id: int, now: datetime, until: datetime) -> None:
    await connection.execute(
        insert(offer).values(case_id=case_id, agent_id=agent_id, at=now, until=until, state="offered")
    )


async def end(connection: AsyncConnection, id_: int, state: str) -> bool:
    """False: it had ended before."""
    done = await connection.execute(update(offer).where(offer.c.id == id_, _OFFERED).values(state=state))
    return bool(done.rowcount)


async def front(connection: AsyncConnection) -> list[dict[str, Any]]:
    """The beginning of the line, each class by deadline."""
    columns = ("id", "urgent", "tier", "channel", "team_id", "deadline", "unanswered_since", "opened_at", "flags",
               "conversation_id")  # fmt: skip
    found: list[dict[str, Any]] = []
    for urgent in (True, False):
        query = (
            select(*(case.c[name] for name in columns))
            .where(unresolved_with("waiting"), case.c.urgent.is_(urgent))
            .order_by(case.c.sort_at, case.c.id)
            .limit(FRONT)
        )
        found += [dict(row) for row in (await connection.execute(query)).mappings()]
    return found


async def in_vain(connection: AsyncConnection, cases: Collection[int], since: datetime) -> dict[int, list[int]]:
    """Who has been asked about each of these since then and did not take it."""
    query = (
        select(offer.c.case_id, offer.c.agent_id)
        .where(offer.c.case_id.in_(cases), offer.c.at > since, offer.c.state.in_(("passed", "over")))
        .order_by(offer.c.at)
    )
    found: dict[int, list[int]] = {}
    for row in await connection.execute(query) if cases else ():
        found.setdefault(int(row[0]), []).append(int(row[1]))
    return found


async def statuses(connection: AsyncConnection, cases: Collection[int]) -> dict[int, tuple[str, int | None]]:
    """Of each case (status, who holds it)."""
    query = select(case.c.id, case.c.status, case.c.assignee_id).where(case.c.id.in_(cases))
    return {row[0]: (row[1], row[2]) for row in await connection.execute(query)} if cases else {}


async def at_work(connection: AsyncConnection, roles: Collection[str], now: datetime) -> list[dict[str, Any]]:
    """Who may answer, is not away, and is signed in in a browser: with what they hold, are good at, and belong to."""
    held = (
        select(func.count())
        .where(unresolved_with("open"), case.c.assignee_id == agent.c.id)
        .correlate(agent)
        .scalar_subquery()
    )
    asked_at = select(func.max(offer.c.at)).where(offer.c.agent_id == agent.c.id).correlate(agent).scalar_subquery()
    signed_in = select(session.c.id).where(session.c.agent_id == agent.c.id, session.c.expires_at > now).exists()
    query = select(agent.c.id, agent.c.capacity, agent.c.skills, held.label("load"), asked_at.label("asked_at")).where(
        agent.c.active, agent.c.role.in_(roles), agent.c.away_since.is_(None), signed_in
    )
    rows = (await connection.execute(query)).mappings().all()
    teams: dict[int, set[int]] = {}
    members = select(team_member.c.agent_id, team_member.c.team_id)
    for member in await connection.execute(members.where(team_member.c.agent_id.in_([row["id"] for row in rows]))):
        teams.setdefault(member[0], set()).add(member[1])
    return [{**row, "teams": teams.get(row["id"], set())} for row in rows]
