"""What is to leave: rows first, requests second, and the fence between them.

held/queued ──fence──> sending      one UPDATE, not before next_try_at, committed before the request
held/queued ──fence fails──> cancelled
sending ──> sent                    the platform took it
sending ──> queued                  certainly not sent, tried again
sending ──> failed | parked         certainly not sent, and never will be | not within its time
sending ──> cancelled               kept back on purpose: an automatic message to who must not get one
sending ──> unknown                 cut off, timed out, or its holder died
unknown ──reconciled──> sent | queued
sent ──> failed                     its platform brought it back (a bounce)
failed | unknown | parked ──an agent──> queued

A text that is too long for one message of its platform leaves in parts. The row remembers how many have arrived
(`parts_done`); each part is a send of its own, with its own attempts and its own ten seconds, and before each the row
passes the fence again:

sending ──a part arrived──> sending     the next one begins
sending ──a part arrived──> queued      the next one must wait for a limit, or for the next start
unknown ──that part arrived──> queued   and goes on with the next; while it is unclear, its conversation waits a minute
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, FromClause, and_, exists, func, literal, or_, select, text, tuple_, update
from sqlalchemy import case as when
from sqlalchemy.ext.asyncio import AsyncConnection

from store import undelivered as lost
from store.tables import (
    HALF_SENT,
    LEAVING,
    UNDELIVERED,
    UNSETTLED,
    attachment,
    case,
    conversation,
    customer,
    is_one_of,
    message,
)

SETTLE_WITHIN: Final = timedelta(seconds=10)
"""A send that has not settled by then is `unknown`."""
HELD_UP: Final = timedelta(seconds=60)
"""So long a text of which one part is unclear holds back what was said after it."""
STOPPED: Final = "no longer true, or a person has taken over"


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
    tried_at: datetime | None
    """When the first of these attempts was made."""
    parts: int | None
    """In how many parts it leaves; None: in one, or not known yet."""
    parts_done: int
    part_ids: Sequence[str]
    """The platform's names for the parts that have arrived."""
    created_at: datetime
    meta: Mapping[str, Any] = field(default_factory=dict)


Account = tuple[str, str]
"""channel, account"""
Place = tuple[str, str, str]
"""channel, account, place"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row that could leave now, and since when."""

    id: int
    place: Place
    since: datetime


SettledAs = Literal["sent", "queued", "failed", "parked", "unknown", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How one send ended."""

    id: int
    status: SettledAs
    """sent: all of it. queued: to be sent (again), or the next part of it."""
    external_id: str | None = None
    part_ids: Sequence[str] | None = None
    """Of the parts that have arrived, if that has changed."""
    parts: int | None = None
    """In how many it leaves; with `part_ids`."""
    error: str | None = None
    sending_since: datetime | None = None
    """Of the parcel: a holder that slept does not settle what others have sent since. None: whichever send it is."""
    next_try_at: datetime | None = None
    """queued: when to send; unknown: when to look again, None: never, an agent decides."""
    absent: bool = False
    """queued: no earlier attempt has arrived either, for certain."""
    counted: bool = True
    """queued: False: nothing was tried, it only waits for its turn."""


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
    message.c.tried_at,
    message.c.parts,
    message.c.parts_done,
    message.c.part_ids,
    message.c.created_at,
    message.c.meta,
]

_WAITING = ("held", "queued")
_LEAVING = is_one_of(message.c.status, LEAVING)
_UNCLEAR_SINCE = func.coalesce(message.c.unclear_since, message.c.sending_since)


def _parcel(row: Mapping[Any, Any]) -> Parcel:
    return Parcel(
        **{
            **row,
            "extra": row["extra"] or {},
            "buttons": row["buttons"] or (),
            "part_ids": row["part_ids"] or (),
            "meta": row["meta"] or {},
        }
    )


def _fence(row: FromClause = message) -> ColumnElement[bool]:
    """May this row still leave? People's rows always; the bot's while it owns; notices while they are true."""
    owned = exists().where(
        conversation.c.id == row.c.conversation_id,
        conversation.c.owner == "bot",
        conversation.c.epoch == row.c.epoch,
    )
    here = case.c.conversation_id == row.c.conversation_id
    return or_(
        row.c.author == "agent",
        and_(row.c.condition.is_(None), owned),
        row.c.condition == "asked_for",
        and_(row.c.condition == "case_waiting", exists().where(here, case.c.status == "waiting")),
        and_(row.c.condition == "case_unresolved", exists().where(here, case.c.status != "resolved")),
        and_(
            row.c.condition == "case_unanswered",
            exists().where(here, case.c.status != "resolved", case.c.unanswered_since.is_not(None)),
        ),
        and_(
            row.c.condition == "case_held",
            exists().where(here, case.c.status != "resolved", case.c.assignee_id.is_not(None)),
        ),
        and_(row.c.condition == "case_resolved", ~exists().where(here, case.c.status != "resolved")),
    )


def _held_back(now: datetime) -> ColumnElement[bool]:
    """Does something that was said before it have to leave first?"""
    other, half = message.alias("other"), message.alias("half")
    earlier = exists().where(
        other.c.conversation_id == message.c.conversation_id,
        other.c.seq < message.c.seq,
        is_one_of(other.c.status, UNSETTLED),
    )
    half_sent = exists().where(
        half.c.conversation_id == message.c.conversation_id,
        half.c.seq < message.c.seq,
        text(re.sub(r"\b(status|parts)\b", r"half.\1", HALF_SENT)),
        half.c.next_try_at.is_not(None),  # it is looked after
        half.c.unclear_since > now - HELD_UP,
        _fence(half),
    )
    return or_(earlier, half_sent)


async def line(
    connection: AsyncConnection,
    now: datetime,
    *,
    limit: int,
    busy: Collection[int] = (),
    accounts: Collection[Account] = (),
    places: Collection[Place] = (),
) -> list[Line]:
    """What could leave now, who has waited longest first, without what has to wait: conversations that are `busy`,
    these accounts, these places."""
    where = (conversation.c.channel, conversation.c.account, conversation.c.place)
    query = (
        select(message.c.id, *where, message.c.next_try_at)
        .join(conversation, conversation.c.id == message.c.conversation_id)
        .where(_LEAVING, message.c.status.in_(_WAITING), message.c.next_try_at <= now, ~_held_back(now))
        .order_by(message.c.next_try_at, message.c.id)
        .limit(limit)
    )
    if busy:
        query = query.where(message.c.conversation_id.not_in(busy))
    if accounts:
        query = query.where(tuple_(*where[:2]).not_in(accounts))
    if places:
        query = query.where(tuple_(*where).not_in(places))
    return [Line(id=row[0], place=(row[1], row[2], row[3]), since=row[4]) for row in await connection.execute(query)]


async def claim(
    connection: AsyncConnection,
    holder: str,
    now: datetime,
    *,
    limit: int,
    busy: Collection[int] = (),
    only: Collection[int] | None = None,
) -> list[Parcel]:
    """Put what may leave now to `sending`, oldest first, at most one row of a conversation, and return it.

    What the fence stops is cancelled. The transaction must commit before anything is requested. `only`: of these rows.
    """
    candidates = (
        select(message.c.id)
        .where(_LEAVING, message.c.status.in_(_WAITING), message.c.next_try_at <= now, ~_held_back(now))
        .order_by(message.c.next_try_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if busy:
        candidates = candidates.where(message.c.conversation_id.not_in(busy))
    if only is not None:
        candidates = candidates.where(message.c.id.in_(only))
    ids = [row[0] for row in await connection.execute(candidates)]
    if not ids:
        return []
    at = literal(now, message.c.tried_at.type)
    taken = await connection.execute(
        update(message)
        .where(message.c.id.in_(ids), message.c.status.in_(_WAITING), _fence())
        .values(
            status="sending",
            holder=holder,
            sending_since=now,
            attempts=message.c.attempts + 1,
            tried_at=when((message.c.attempts == 0, at), else_=func.coalesce(message.c.tried_at, at)),
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
            .values(status="cancelled", error=STOPPED)
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


async def begin_part(
    connection: AsyncConnection, parcel: Parcel, now: datetime, *, parts: int, part_ids: Sequence[str]
) -> Parcel | None:
    """Write which parts of a row that is being sent have arrived, and begin the next: its ten seconds start anew.

    None: no further part may leave, because the fence stops it (then the row is cancelled) or others have settled it.
    The transaction must commit before anything is requested.
    """
    passes = _fence()
    written = (
        update(message)
        .where(
            message.c.id == parcel.id,
            message.c.status.in_(("sending", "unknown")),
            message.c.sending_since == parcel.sending_since,
        )
        .values(
            status=when((passes, "sending"), else_="cancelled"),
            error=when((passes, None), else_=STOPPED),
            parts=parts,
            parts_done=len(part_ids),
            part_ids=list(part_ids),
            external_id=func.coalesce(message.c.external_id, part_ids[0] if part_ids else None),
            attempts=message.c.attempts if len(part_ids) == parcel.parts_done else 1,
            tried_at=message.c.tried_at if len(part_ids) == parcel.parts_done else now,
            unclear_since=message.c.unclear_since if len(part_ids) == parcel.parts_done else None,
            sending_since=now,
            next_try_at=now + SETTLE_WITHIN,
        )
        .returning(message.c.status)
    )
    status = (await connection.execute(written)).scalar_one_or_none()
    if status != "sending":
        return None
    (again,) = await parcels(connection, [parcel.id])
    return again


async def settle(connection: AsyncConnection, settlement: Settlement, now: datetime) -> None:
    """Write how a send ended. A row that is not `sending` or `unknown` any more keeps its state."""
    written = update(message).where(message.c.id == settlement.id, message.c.status.in_(("sending", "unknown")))
    if settlement.sending_since is not None:
        written = written.where(message.c.sending_since == settlement.sending_since)
    external_id: Any = func.coalesce(settlement.external_id, message.c.external_id)
    if settlement.part_ids is not None:
        ids = list(settlement.part_ids)
        written = written.values(parts=settlement.parts, parts_done=len(ids), part_ids=ids or None)
        if settlement.status == "queued":  # the next part is tried for the first time
            written = written.values(attempts=0, unclear_since=None)
        external_id = ids[0] if ids else None
    elif not settlement.counted:
        written = written.values(attempts=message.c.attempts - 1)
    if settlement.status == "unknown":
        written = written.values(unclear_since=_UNCLEAR_SINCE)
    elif settlement.absent:
        written = written.values(unclear_since=None)
    changed = await connection.execute(
        written.values(
            status=settlement.status,
            external_id=external_id,
            error=settlement.error,
            next_try_at=settlement.next_try_at,
            sent_at=now if settlement.status == "sent" else None,
        )
    )
    if settlement.status != "queued":
        await _next_in_line(connection, settlement.id, now)
    if settlement.status in lost.LOST and changed.rowcount:
        await lost.tell(connection, settlement.id, now)


async def _next_in_line(connection: AsyncConnection, message_id: int, now: datetime) -> None:
    """What this conversation has to say next waits from now on: where sending is slow, everybody's turn comes round."""
    here = select(message.c.conversation_id).where(message.c.id == message_id).scalar_subquery()
    other = message.alias("other")
    following = (
        select(other.c.id)
        .where(other.c.conversation_id == here, is_one_of(other.c.status, UNSETTLED))
        .order_by(other.c.seq)
        .limit(1)
        .scalar_subquery()
    )
    await connection.execute(
        update(message)
        .where(message.c.id == following, message.c.status.in_(_WAITING), message.c.next_try_at < now)
        .values(next_try_at=now)
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


async def place_of(connection: AsyncConnection, conversation_id: int) -> dict[str, Any] | None:
    """Where what we say in that conversation goes: channel, account, place, thread, recipient, public, extra."""
    names = ("channel", "account", "place", "thread", "recipient", "public", "extra")
    query = select(*(conversation.c[name] for name in names)).where(conversation.c.id == conversation_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)


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
            conversation.c.account,
        )
        .join(conversation, conversation.c.id == message.c.conversation_id)
        .where(is_one_of(message.c.status, UNDELIVERED))
        .order_by(message.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(message.c.id < before)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def shown_with(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What a person needs to recognise messages: how the text begins, whose it is, and their newest case."""
    if not ids:
        return {}
    newest = select(func.max(case.c.id)).where(case.c.conversation_id == message.c.conversation_id).scalar_subquery()
    query = (
        select(
            message.c.id,
            func.substr(message.c.body, 1, 300).label("text"),
            message.c.author_name,
            customer.c.name.label("customer_name"),
            newest.label("case_id"),
        )
        .join(conversation, conversation.c.id == message.c.conversation_id)
        .join(customer, customer.c.id == conversation.c.customer_id)
        .where(message.c.id.in_(ids))
    )
    return {row["id"]: dict(row) for row in (await connection.execute(query)).mappings()}


async def by_account(connection: AsyncConnection, *, at_most: int) -> dict[tuple[str, str], dict[str, int]]:
    """How many rows of each (channel, account) are on their way, or stuck: `{status: count}`.

    Counted are the `at_most` that are most due and the `at_most` newest undelivered ones, however many there are.
    """
    on_the_way = select(message.c.id).where(_LEAVING).order_by(message.c.next_try_at).limit(at_most)
    stuck = (
        select(message.c.id)
        .where(is_one_of(message.c.status, UNDELIVERED))
        .order_by(message.c.id.desc())
        .limit(at_most)
    )
    found: dict[tuple[str, str], dict[str, int]] = {}
    for some, states in ((on_the_way, UNSETTLED), (stuck, UNDELIVERED)):
        ids = some.subquery()
        rows = await connection.execute(
            select(conversation.c.channel, conversation.c.account, message.c.status, func.count())
            .select_from(ids)
            .join(message, message.c.id == ids.c.id)
            .join(conversation, conversation.c.id == message.c.conversation_id)
            .group_by(conversation.c.channel, conversation.c.account, message.c.status)
        )
        for channel, account, status, count in rows:
            if status in states:
                found.setdefault((channel, account), {})[status] = count
    return found


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
