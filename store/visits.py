"""What customers who read our own table know of their case, and what is known of their visit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.cases import newest_case
from store.tables import HOME, agent, case, conversation, customer, identity, promise, unresolved_with

LINE_AT_MOST: Final = 99
"""Nobody is told a longer line than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A conversation with its customer and its newest case."""

    owner: str
    seen_seq: int
    name: str
    email: str | None
    case_id: int | None
    status: str | None
    agent: str | None
    unanswered_since: datetime | None
    by: datetime | None
    """The earliest promise that is open."""
    ahead: int | None
    """While waiting: how many come before it; None: too many to say."""


async def read(connection: AsyncConnection, conversation_id: int) -> Visit | None:
    """One look, two while it waits; each by an index, whatever has happened before."""
    by = (
        select(func.min(promise.c.by))
        .where(promise.c.case_id == case.c.id, promise.c.state == "open")
        .correlate(case)
        .scalar_subquery()
    )
    query = (
        select(
            conversation.c.owner,
            conversation.c.seen_seq,
            customer.c.name,
            customer.c.email,
            case.c.id.label("case_id"),
            case.c.status,
            case.c.urgent,
            case.c.sort_at,
            case.c.unanswered_since,
            agent.c.name.label("agent"),
            by.label("by"),
        )
        .join(identity, identity.c.id == conversation.c.identity_id)
        .join(customer, customer.c.id == HOME)
        .outerjoin(case, case.c.id == newest_case())
        .outerjoin(agent, agent.c.id == case.c.assignee_id)
        .where(conversation.c.id == conversation_id)
    )
    found = (await connection.execute(query)).mappings().one_or_none()
    if found is None:
        return None
    row = dict(found)
    urgent, sort_at = row.pop("urgent"), row.pop("sort_at")
    waits = row["status"] == "waiting" and row["owner"] == "human"
    ahead = await ahead_of(connection, urgent, sort_at, row["case_id"]) if waits else None
    return Visit(**row, ahead=ahead)


async def ahead_of(connection: AsyncConnection, urgent: bool, sort_at: datetime, case_id: int) -> int | None:
    """How many waiting cases are more due: of the same class, and all of the first."""
    waiting = unresolved_with("waiting")
    earlier = or_(case.c.sort_at < sort_at, and_(case.c.sort_at == sort_at, case.c.id < case_id))
    count = await _counted(connection, waiting, case.c.urgent.is_(urgent), case.c.sort_at <= sort_at, earlier)
    if not urgent:
        count += await _counted(connection, waiting, case.c.urgent.is_(True))
    return count if count < LINE_AT_MOST else None


async def _counted(connection: AsyncConnection, *where: Any) -> int:
    found = select(case.c.id).where(*where).limit(LINE_AT_MOST).subquery()
    return int((await connection.execute(select(func.count()).select_from(found))).scalar_one())


async def seen(connection: AsyncConnection, conversation_id: int, seq: int, now: datetime) -> bool:
    """They have had everything up to `seq` before them; whether that is new. What is not written nobody has seen."""
    done = await connection.execute(
        update(conversation)
        .where(conversation.c.id == conversation_id, conversation.c.seen_seq < seq, conversation.c.next_seq > seq)
        .values(seen_seq=seq, seen_at=now)
    )
    return bool(done.rowcount)


async def claim_address(connection: AsyncConnection, conversation_id: int, email: str, name: str) -> bool:
    """An address that the customer claims, and a name if none is known; whether it was taken.

    It counts for who writes here, not for whom they are linked with. Where a platform vouches for their address, a
    claim changes nothing: it could be somebody else's hand.
    """
    here = select(conversation.c.identity_id).where(conversation.c.id == conversation_id).scalar_subquery()
    person = select(HOME).where(identity.c.id == here).scalar_subquery()
    proven = exists().where(identity.c.id == here, identity.c.verified.is_(True), identity.c.email.is_not(None))
    done = await connection.execute(update(customer).where(customer.c.id == person, ~proven).values(email=email))
    if name:
        await connection.execute(
            update(customer)
            .where(customer.c.id == person, customer.c.name == "", ~proven)
            .values(name=name, key=name.casefold())
        )
    return bool(done.rowcount)
