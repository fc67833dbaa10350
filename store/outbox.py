"""What is to leave: rows first, requests second, and the fence between them.

held/queued ──fence──> sending      one UPDATE, not before next_try_at, committed before the request
held/queued ──fence fails──> cancelled
sending ──> sent                    the platform took it
sending ──> queued                  certainly not sent, tried again
sending ──> failed | parked         certainly not sent, and never will be | not within its time
sending ──> unknown                 cut off, timed out, or its holder died
unknown ──reconciled──> sent | queued
failed | unknown | parked ──an agent──> queued
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import (
    LEAVING,
    UNDELIVERED,
    UNSETTLED,
    attachment,
    case,
    conversation,
    is_one_of,
    message,
)

SETTLE_WITHIN: Final = timedelta(seconds=10)
"""A send that has not settled by then is `unknown`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One row on its way out, with the address of its conversation."""

    id: int
    conversation_id: int
    seq: int
    channel: str
    account: str
    place: str
    thread: str | None
    recipient: str
    public: bool
    extra: Mapping[str, Any]
    author: str
    author_name: str
    kind: str
    body: str
    rich: Sequence[Mapping[str, Any]] | None
    buttons: Sequence[Mapping[str, str]]
    reply_to: str | None
    attempts: int
    sending_since: datetime | None
    unclear_since: datetime | None
    """When it was first sent without an answer: if now it is sent again, a platform may have forgotten its key."""
    created_at: datetime


SettledAs = Literal["sent", "queued", "failed", "parked", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How one send ended."""

    id: int
    status: SettledAs
    external_id: str | None = None
    error: str | None = None
    sending_since: datetime | None = None
    """Of the parcel: a holder that slept does not settle what others have sent since. None: whichever send it is."""
    next_try_at: datetime | None = None
    """queued: when to send; unknown: when to look again, None: never, an agent decides."""
    absent: bool = False
    """queued: no earlier attempt has arrived either, for certain."""


_PARCEL = [
    message.c.id,
    message.c.conversation_id,
    message.c.seq,
    conversation.c.channel,
    conversation.c.account,
    conversation.c.place,
    conversation.c.thread,
    conversation.c.recipient,
    conversation.c.public,
    conversation.c.extra,
    message.c.author,
    message.c.author_name,
    message.c.kind,
    message.c.body,
    message.c.rich,
    message.c.buttons,
    message.c.reply_to,
    message.c.attempts,
    message.c.sending_since,
    message.c.unclear_since,
    message.c.created_at,
]

_WAITING = ("held", "queued")
_LEAVING = is_one_of(message.c.status, LEAVING)
_UNCLEAR_SINCE = func.coalesce(message.c.unclear_since, message.c.sending_since)


def _parcel(row: Mapping[Any, Any]) -> Parcel:
    return Parcel(**{**row, "extra": row["extra"] or {}, "buttons": row["buttons"] or ()})


def _fence() -> ColumnElement[bool]:
    """May this row still leave? People's rows always; the bot's while it owns; notices while they are true."""
    owned = exists().where(
        conversation.c.id == message.c.conversation_id,
        conversation.c.owner == "bot",
        conversation.c.epoch == message.c.epoch,
    )
    here = case.c.conversation_id == message.c.conversation_id
    return or_(
        message.c.author == "agent",
        and_(message.c.condition.is_(None), owned),
        and_(message.c.condition == "case_waiting", exists().where(here, case.c.status == "waiting")),
        and_(message.c.condition == "case_unresolved", exists().where(here, case.c.status != "resolved")),
        and_(
            message.c.condition == "case_unanswered",
            exists().where(here, case.c.status != "resolved", case.c.unanswered_since.is_not(None)),
        ),
        and_(
            message.c.condition == "case_held",
            exists().where(here, case.c.status != "resolved", case.c.assignee_id.is_not(None)),
        ),
        and_(message.c.condition == "case_resolved", ~exists().where(here, case.c.status != "resolved")),
    )


async def claim(
    connection: AsyncConnection, holder: str, now: datetime, *, limit: int, busy: Collection[int] = ()
) -> list[Parcel]:
    """Put what may leave now to `sending`, oldest first, at most one row of a conversation, and return it.

    What the fence stops is cancelled. The transaction must commit before anything is requested.
    """
    other = message.alias("other")
    earlier = exists().where(
        other.c.conversation_id == message.c.conversation_id,
        other.c.seq < message.c.seq,
        is_one_of(other.c.status, UNSETTLED),
    )
    candidates = (
        select(message.c.id)
        .where(_LEAVING, message.c.status.in_(_WAITING), message.c.next_try_at <= now, ~earlier)
        .order_by(message.c.next_try_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if busy:
        candidates = candidates.where(message.c.conversation_id.not_in(busy))
    ids = [row[0] for row in await connection.execute(candidates)]
    if not ids:
        return []
    taken = await connection.execute(
        update(message)
        .where(message.c.id.in_(ids), message.c.status.in_(_WAITING), _fence())
        .values(
            status="sending",
            holder=holder,
            sending_since=now,
            attempts=message.c.attempts + 1,
            next_try_at=now + SETTLE_WITHIN,
        )
        .returning(message.c.id)
    )
    passed = {row[0] for row in taken}
    stopped = [id_ for id_ in ids if id_ not in passed]
    if stopped:
        await connection.execute(
            update(message)
            .where(message.c.id.in_(stopped), message.c.status.in_(_WAITING))
            .values(status="cancelled", error="no longer true, or a person has taken over")
        )
    return await parcels(connection, passed)


async def parcels(connection: AsyncConnection, ids: Collection[int]) -> list[Parcel]:
    if not ids:
        return []
    query = (
        select(*_PARCEL)
        .join(conversation, conversation.c.id == message.c.conversation_id)
        .where(message.c.id.in_(ids))
        .order_by(message.c.id)
    )
    return [_parcel(row) for row in (await connection.execute(query)).mappings()]


async def settle(connection: AsyncConnection, settlement: Settlement, now: datetime) -> None:
    """Write how a send ended. A row that is not `sending` or `unknown` any more keeps its state."""
    written = update(message).where(message.c.id == settlement.id, message.c.status.in_(("sending", "unknown")))
    if settlement.sending_since is not None:
        written = written.where(message.c.sending_since == settlement.sending_since)
    if settlement.status == "unknown":
        written = written.values(unclear_since=_UNCLEAR_SINCE)
    elif settlement.absent:
        written = written.values(unclear_since=None)
    await connection.execute(
        written.values(
            status=settlement.status,
            external_id=func.coalesce(settlement.external_id, message.c.external_id),
            error=settlement.error,
            next_try_at=settlement.next_try_at,
            sent_at=now if settlement.status == "sent" else None,
        )
    )


async def abandon(connection: AsyncConnection, now: datetime) -> list[int]:
    """`sending` rows over their time, whoever held them, become `unknown`, to be reconciled at once; their ids.

    Not sooner, also where their holder is known to be gone: until then a slow platform may still deliver them, and
    nothing of their conversation may overtake that.
    """
    stale = (
        select(message.c.id)
        .where(_LEAVING, message.c.status == "sending", message.c.next_try_at <= now)
        .order_by(message.c.next_try_at)
        .with_for_update(skip_locked=True)  # somebody settles it, or abandons it, at this moment
    )
    ids = [row[0] for row in await connection.execute(stale)]
    if ids:
        await connection.execute(
            update(message)
            .where(message.c.id.in_(ids))
            .values(
                status="unknown",
                next_try_at=now,
                error="cut off while it was being sent",
                unclear_since=_UNCLEAR_SINCE,
            )
        )
    return ids


async def unclear(connection: AsyncConnection, now: datetime, *, limit: int) -> list[Parcel]:
    """`unknown` rows whose time to look again has come; their next look is put off so that one process looks."""
    query = (
        select(message.c.id)
        .where(_LEAVING, message.c.status == "unknown", message.c.next_try_at <= now)
        .order_by(message.c.next_try_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = [row[0] for row in await connection.execute(query)]
    if ids:
        await connection.execute(
            update(message).where(message.c.id.in_(ids)).values(next_try_at=now + 3 * SETTLE_WITHIN)
        )
    return await parcels(connection, ids)


async def next_leaving(connection: AsyncConnection) -> datetime | None:
    """When the courier has something to do next."""
    query = select(func.min(message.c.next_try_at)).where(_LEAVING)
    found: datetime | None = (await connection.execute(query)).scalar_one()
    return found


async def undelivered(
    connection: AsyncConnection, *, before: int | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """What did not arrive or may not have, for people to look at: newest first. `before`: the last id of a page."""
    query = (
        select(
            message.c.id,
            message.c.conversation_id,
            message.c.status,
            message.c.error,
            message.c.kind,
            message.c.author,
            message.c.created_at,
            message.c.attempts,
            conversation.c.channel,
        )
        .join(conversation, conversation.c.id == message.c.conversation_id)
        .where(is_one_of(message.c.status, UNDELIVERED))
        .order_by(message.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(message.c.id < before)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def send_again(connection: AsyncConnection, message_id: int, now: datetime) -> bool:
    """An agent's word: try once more, even if it should double. False: it is not among the undelivered."""
    result = await connection.execute(
        update(message)
        .where(message.c.id == message_id, message.c.status.in_(("failed", "unknown", "parked")))
        .values(status="queued", next_try_at=now, error=None, attempts=0, unclear_since=None)
    )
    return bool(result.rowcount)


async def files_of(connection: AsyncConnection, message_id: int) -> list[dict[str, Any]]:
    rows = await connection.execute(select(attachment).where(attachment.c.message_id == message_id))
    return [dict(row) for row in rows.mappings()]
