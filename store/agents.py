"""The people of the desk and their tokens."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import agent, api_token, audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    id: int
    email: str
    name: str
    role: str
    active: bool
    away: bool = False
    """By their own word: no work is given to them, and no time is promised on them."""


_AGENT = [
    agent.c.id, agent.c.email, agent.c.name, agent.c.role, agent.c.active,
    agent.c.away_since.is_not(None).label("away"),
]  # fmt: skip


def token_hash(token: str) -> str:
    """What is kept of a token. It is random and long: a plain hash cannot be searched."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


async def add_agent(connection: AsyncConnection, *, email: str, name: str, role: str, now: datetime) -> Agent:
    """Add a person, or change name and role of the one with that address."""
    known = await find_agent(connection, email)
    if known is not None:
        await connection.execute(update(agent).where(agent.c.id == known.id).values(name=name, role=role, active=True))
        return Agent(id=known.id, email=known.email, name=name, role=role, active=True)
    result = await connection.execute(
        insert(agent)
        .values(email=email.lower(), name=name, role=role, active=True, created_at=now)
        .returning(agent.c.id)
    )
    return Agent(id=result.scalar_one(), email=email.lower(), name=name, role=role, active=True)


async def find_agent(connection: AsyncConnection, email: str) -> Agent | None:
    row = (await connection.execute(select(*_AGENT).where(agent.c.email == email.lower()))).mappings().one_or_none()
    return None if row is None else Agent(**row)


async def read_agent(connection: AsyncConnection, agent_id: int) -> Agent | None:
    row = (await connection.execute(select(*_AGENT).where(agent.c.id == agent_id))).mappings().one_or_none()
    return None if row is None else Agent(**row)


async def list_agents(connection: AsyncConnection) -> list[Agent]:
    rows = (await connection.execute(select(*_AGENT).order_by(agent.c.name))).mappings()
    return [Agent(**row) for row in rows]


async def first_supervisor(connection: AsyncConnection) -> Agent | None:
    """Who is told first when a promise is about to break."""
    query = select(*_AGENT).where(agent.c.active, agent.c.role.in_(("supervisor", "admin"))).order_by(agent.c.id)
    rows = (await connection.execute(query)).mappings().all()
    found = sorted(rows, key=lambda row: row["role"] != "supervisor")
    return Agent(**found[0]) if found else None


async def issue_token(connection: AsyncConnection, agent_id: int, now: datetime) -> str:
    """A new token of 256 random bits; only its hash is kept, so this is the one time that it can be read."""
    token = f"wl_{secrets.token_urlsafe(32)}"
    await connection.execute(insert(api_token).values(agent_id=agent_id, hash=token_hash(token), created_at=now))
    return token


async def revoke_tokens(connection: AsyncConnection, agent_id: int, now: datetime) -> int:
    result = await connection.execute(
        update(api_token)
        .where(api_token.c.agent_id == agent_id, api_token.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return int(result.rowcount)


async def agent_of_token(connection: AsyncConnection, token: str) -> Agent | None:
    """Whose token this is, if it is valid and they are active."""
    query = (
        select(*_AGENT)
        .join(api_token, api_token.c.agent_id == agent.c.id)
        .where(api_token.c.hash == token_hash(token), api_token.c.revoked_at.is_(None), agent.c.active)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Agent(**row)


async def password_of(connection: AsyncConnection, email: str) -> tuple[Agent, str] | None:
    """Who signs in with that address, and the hash of their password. None: nobody can."""
    query = select(*_AGENT, agent.c.password).where(
        agent.c.email == email.lower(), agent.c.active, agent.c.password.is_not(None)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    found = dict(row)
    kept = str(found.pop("password"))
    return Agent(**found), kept


async def set_password(connection: AsyncConnection, agent_id: int, kept: str) -> None:
    """`kept` is a hash, never the password."""
    await connection.execute(update(agent).where(agent.c.id == agent_id).values(password=kept))


async def set_active(connection: AsyncConnection, agent_id: int, *, active: bool) -> None:
    await connection.execute(update(agent).where(agent.c.id == agent_id).values(active=active))


async def set_undo_for(connection: AsyncConnection, agent_id: int, seconds: int) -> None:
    """For how long they want to be able to take a reply back."""
    await connection.execute(update(agent).where(agent.c.id == agent_id).values(undo_for=seconds))


async def undo_for(connection: AsyncConnection, agent_id: int) -> int | None:
    """Their own word on it, in seconds; None: they have never said."""
    return (await connection.execute(select(agent.c.undo_for).where(agent.c.id == agent_id))).scalar_one_or_none()


async def hold(connection: AsyncConnection, agent_id: int) -> None:
    """Nobody else changes this person until the transaction ends."""
    await connection.execute(select(agent.c.id).where(agent.c.id == agent_id).with_for_update(key_share=True))


async def set_away(connection: AsyncConnection, agent_id: int, since: datetime | None) -> None:
    """`since`: from when on they are away; None: they are at work. Who is away already stays so since then."""
    other = agent.c.away_since.is_(None) if since is not None else agent.c.away_since.is_not(None)
    await connection.execute(update(agent).where(agent.c.id == agent_id, other).values(away_since=since))


async def has_admin(connection: AsyncConnection) -> bool:
    """Can anybody administer this desk in a browser?"""
    query = select(agent.c.id).where(agent.c.active, agent.c.role == "admin", agent.c.password.is_not(None)).limit(1)
    return (await connection.execute(query)).scalar_one_or_none() is not None


async def record(
    connection: AsyncConnection, *, action: str, subject: str, now: datetime, agent_id: int | None, data: Any = None
) -> None:
    """One line of the audit log."""
    await connection.execute(insert(audit).values(at=now, agent_id=agent_id, action=action, subject=subject, data=data))
