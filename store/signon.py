"""Signing in over an identity provider: tries that are on their way, and who is who there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.agents import Agent, read_agent, token_hash
from store.inbox import upsert
from store.tables import oidc_try, sign_on

TRY_LASTS: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    nonce: str
    verifier: str
    next: str


async def begin(connection: AsyncConnection, state: str, what: Try, now: datetime) -> None:
    """Keep a try; of its state only the hash."""
    await connection.execute(
        insert(oidc_try).values(
            hash=token_hash(state), nonce=what.nonce, verifier=what.verifier, next=what.next, expires_at=now + TRY_LASTS
        )
    )


async def take(connection: AsyncConnection, state: str, now: datetime) -> Try | None:
    """The try, which this uses up; of two who come with the same state one gets None."""
    gone = delete(oidc_try).where(oidc_try.c.hash == token_hash(state), oidc_try.c.expires_at > now)
    found = await connection.execute(gone.returning(oidc_try.c.nonce, oidc_try.c.verifier, oidc_try.c.next))
    row = found.mappings().one_or_none()
    return None if row is None else Try(**row)


async def bound(connection: AsyncConnection, issuer: str, subject: str) -> Agent | None:
    """Who of us that is."""
    query = select(sign_on.c.agent_id).where(sign_on.c.issuer == issuer, sign_on.c.subject == subject)
    id_ = (await connection.execute(query)).scalar_one_or_none()
    return None if id_ is None else await read_agent(connection, id_)


async def bind(connection: AsyncConnection, agent_id: int, issuer: str, subject: str, now: datetime) -> bool:
    """From now on this subject is this person. False: one of the two is somebody else's already."""
    row = {"agent_id": agent_id, "issuer": issuer, "subject": subject, "created_at": now}
    statement = upsert(connection)(sign_on).values(row).on_conflict_do_nothing()
    return bool((await connection.execute(statement.returning(sign_on.c.id))).scalar_one_or_none())
