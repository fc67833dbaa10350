"""Who is signed in where, and the one-time links that let people in. Of both only a hash is kept."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.agents import Agent, token_hash
from store.tables import agent, invite, oidc_try, session

LASTS: Final = timedelta(days=14)
"""A session that is not used for so long ends."""
LONGEST: Final = timedelta(days=60)
"""However much it is used."""
INVITE_LASTS: Final = timedelta(hours=24)
_NOTED_EVERY: Final = timedelta(minutes=10)


async def open_session(
    connection: AsyncConnection,
    agent_id: int,
    now: datetime,
    *,
    browser: str | None = None,
    line: str | None = None,
    how: str = "password",
) -> str:
    """A new session; what the browser keeps of it, which can be read only now. The rest is for its owner's eyes."""
    secret = secrets.token_urlsafe(32)
    await connection.execute(
        insert(session).values(
            agent_id=agent_id,
            hash=token_hash(secret),
            created_at=now,
            seen_at=now,
            expires_at=now + LASTS,
            browser=browser,
            line=line,
            how=how,
        )
    )
    return secret


async def agent_of_session(connection: AsyncConnection, secret: str, now: datetime) -> tuple[Agent, bool] | None:
    """Whose session this is, and whether its use is worth noting. None: it has ended, or never was."""
    return (await agents_of_sessions(connection, [secret], now)).get(secret)


async def agents_of_sessions(
    connection: AsyncConnection, secrets_: Collection[str], now: datetime
) -> dict[str, tuple[Agent, bool]]:
    """`agent_of_session` for several at once."""
    by_hash = {token_hash(secret): secret for secret in secrets_}
    query = (
        select(
            session.c.hash,
            agent.c.id,
            agent.c.email,
            agent.c.name,
            agent.c.role,
            agent.c.active,
            agent.c.away_since.is_not(None).label("away"),
            session.c.seen_at,
        )
        .join(session, session.c.agent_id == agent.c.id)
        .where(session.c.hash.in_(by_hash), session.c.expires_at > now, agent.c.active)
    )
    found = {}
    for row in (await connection.execute(query)).mappings():
        values = dict(row)
        secret, seen_at = by_hash[values.pop("hash")], values.pop("seen_at")
        found[secret] = (Agent(**values), now - seen_at > _NOTED_EVERY)
    return found


async def note_use(connection: AsyncConnection, secret: str, now: datetime) -> None:
    """It was used: it lasts on from now, but not for ever."""
    row = (
        await connection.execute(select(session.c.id, session.c.created_at).where(session.c.hash == token_hash(secret)))
    ).one_or_none()
    if row is not None:
        until = min(now + LASTS, row.created_at + LONGEST)
        await connection.execute(update(session).where(session.c.id == row.id).values(seen_at=now, expires_at=until))


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Where somebody is signed in. `seen_at` is ten minutes coarse."""

    id: int
    agent_id: int
    browser: str | None
    line: str | None
    how: str | None
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    this: bool
    """Whether it is the one that asks."""


_SESSION = [column for column in session.c if column.name != "hash"]


async def of_agent(
    connection: AsyncConnection, agent_id: int, now: datetime, *, this: str | None = None
) -> list[Session]:
    """Where this person is signed in, the last seen first; `this`: the secret of the session that asks."""
    query = (
        select(*_SESSION, session.c.hash)
        .where(session.c.agent_id == agent_id, session.c.expires_at > now)
        .order_by(session.c.seen_at.desc(), session.c.id.desc())
        .limit(200)
    )
    mine = token_hash(this) if this else None
    rows = [dict(row) for row in (await connection.execute(query)).mappings()]
    return [Session(this=row.pop("hash") == mine, **row) for row in rows]


async def whose(connection: AsyncConnection, id_: int, now: datetime) -> int | None:
    """The person who is signed in there; None: there is no such session."""
    query = select(session.c.agent_id).where(session.c.id == id_, session.c.expires_at > now)
    return (await connection.execute(query)).scalar_one_or_none()


async def counted(connection: AsyncConnection, now: datetime) -> dict[int, int]:
    """In how many places each person is signed in."""
    query = select(session.c.agent_id, func.count()).where(session.c.expires_at > now).group_by(session.c.agent_id)
    return {agent_id: count for agent_id, count in (await connection.execute(query)).all()}


async def end_one(connection: AsyncConnection, id_: int) -> bool:
    """False: it had ended already."""
    return bool((await connection.execute(delete(session).where(session.c.id == id_))).rowcount)


async def end_others(connection: AsyncConnection, agent_id: int, this: str | None) -> int:
    """All of one person's but the one with this secret; how many there were."""
    kept = token_hash(this) if this else ""
    gone = delete(session).where(session.c.agent_id == agent_id, session.c.hash != kept)
    return int((await connection.execute(gone)).rowcount)


async def end_session(connection: AsyncConnection, secret: str) -> int | None:
    """Whose it was; None: it had ended already."""
    gone = delete(session).where(session.c.hash == token_hash(secret)).returning(session.c.agent_id)
    return (await connection.execute(gone)).scalar_one_or_none()


async def stands(connection: AsyncConnection, agent_id: int, now: datetime) -> bool:
    """Whether they are signed in anywhere."""
    query = select(session.c.id).where(session.c.agent_id == agent_id, session.c.expires_at > now).limit(1)
    return (await connection.execute(query)).scalar_one_or_none() is not None


async def end_sessions(connection: AsyncConnection, agent_id: int) -> int:
    """All of one person's, on every device; how many there were."""
    return int((await connection.execute(delete(session).where(session.c.agent_id == agent_id))).rowcount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    email: str | None
    name: str
    role: str
    expires_at: datetime
    id: int = 0


async def make_invite(
    connection: AsyncConnection, *, email: str | None, name: str, role: str, made_by: int | None, now: datetime
) -> str:
    """The last part of a link that lets one person in, once. An older one for the same person ends."""
    same = invite.c.email == email.lower() if email is not None else invite.c.email.is_(None)
    await connection.execute(delete(invite).where(same))
    secret = secrets.token_urlsafe(24)
    await connection.execute(
        insert(invite).values(
            hash=token_hash(secret),
            email=email.lower() if email is not None else None,
            name=name,
            role=role,
            made_by=made_by,
            created_at=now,
            expires_at=now + INVITE_LASTS,
        )
    )
    return secret


async def read_invite(connection: AsyncConnection, secret: str, now: datetime) -> Invite | None:
    query = select(invite.c.email, invite.c.name, invite.c.role, invite.c.expires_at).where(
        invite.c.hash == token_hash(secret), invite.c.expires_at > now
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Invite(**row)


async def use_invite(connection: AsyncConnection, secret: str, now: datetime) -> Invite | None:
    """The invite, which this uses up; of two who open the same link at once one gets None."""
    result = await connection.execute(
        delete(invite)
        .where(invite.c.hash == token_hash(secret), invite.c.expires_at > now)
        .returning(invite.c.email, invite.c.name, invite.c.role, invite.c.expires_at)
    )
    row = result.mappings().one_or_none()
    return None if row is None else Invite(**row)


async def end_open_invites(connection: AsyncConnection) -> None:
    """Those that let in whoever comes: what `warmline run` prints for the first admin is over when there is one."""
    await connection.execute(delete(invite).where(invite.c.email.is_(None)))


async def open_invites(connection: AsyncConnection, now: datetime) -> list[Invite]:
    """Those that nobody has used yet."""
    query = (
        select(invite.c.id, invite.c.email, invite.c.name, invite.c.role, invite.c.expires_at)
        .where(invite.c.expires_at > now)
        .order_by(invite.c.id)
        .limit(200)
    )
    return [Invite(**row) for row in (await connection.execute(query)).mappings()]


async def withdraw(connection: AsyncConnection, id_: int, now: datetime) -> Invite | None:
    """The invite that nobody can use any more; None: it was used, has ended, or never was."""
    result = await connection.execute(
        delete(invite)
        .where(invite.c.id == id_, invite.c.expires_at > now)
        .returning(invite.c.id, invite.c.email, invite.c.name, invite.c.role, invite.c.expires_at)
    )
    row = result.mappings().one_or_none()
    return None if row is None else Invite(**row)


async def purge(connection: AsyncConnection, now: datetime, *, limit: int) -> int:
    """Delete some of what has ended by itself; how many of the more numerous kind."""
    gone = 0
    for table in (session, invite):
        old = select(table.c.id).where(table.c.expires_at <= now).order_by(table.c.expires_at).limit(limit)
        result = await connection.execute(delete(table).where(table.c.id.in_(old.scalar_subquery())))
        gone = max(gone, int(result.rowcount))
    await connection.execute(delete(oidc_try).where(oidc_try.c.expires_at <= now))
    return gone
