"""Cases as lists and as a whole. Every list has an index behind it and a page of bounded size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, literal, or_, select, tuple_, update
from sqlalchemy import case as case_when
from sqlalchemy.ext.asyncio import AsyncConnection

from store.inbox import digest, upsert
from store.journey import MESSAGE_COLUMNS, MessageRow, message_row
from store.tables import (
    RESOLVED_ONLY,
    UNDECIDED,
    UNDELIVERED,
    UNRESOLVED_ONLY,
    UNSETTLED,
    agent,
    attachment,
    case,
    case_event,
    conversation,
    customer,
    idempotency,
    identity,
    is_one_of,
    label,
    message,
    promise,
    setting,
    verdict,
)
from store.words import case_id, case_number

PAGE: Final = 50
_RUN: Final = "queue.first_class_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which cases. None everywhere: all unresolved ones (and for `list_page` the resolved ones behind them)."""

    status: str | None = None
    tier: str | None = None
    assignee: int | None = None
    unassigned: bool = False
    words: str | None = None


_ROW = [
    case.c.id,
    case.c.tier,
    case.c.sla,
    case.c.urgent,
    case.c.status,
    case.c.assignee_id,
    agent.c.name.label("assignee"),
    case.c.deadline,
    case.c.sort_at,
    case.c.channel,
    case.c.customer_id,
    case.c.customer_name,
    case.c.conversation_id,
    case.c.preview,
    case.c.opened_at,
    case.c.resolved_at,
    case.c.reopened,
    case.c.breached_at,
    case.c.flags,
]


def list_query(wanted: Filter, *, after: tuple[bool, datetime, int] | None, limit: int) -> Select[Any]:
    """The query of one page; apart so that tests can look at its plan."""
    query = select(*_ROW).outerjoin(agent, agent.c.id == case.c.assignee_id)
    for condition in _conditions(wanted):
        query = query.where(condition)
    if wanted.status == "resolved":
        query = query.order_by(case.c.id.desc())
        if after is not None:
            query = query.where(case.c.id < after[2])
    else:
        query = query.order_by(case.c.urgent.desc(), case.c.sort_at, case.c.id)
        if after is not None:
            query = query.where(_behind(*after))
    return query.limit(limit)


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    found.append(RESOLVED_ONLY if wanted.status == "resolved" else UNRESOLVED_ONLY)
    if wanted.status and wanted.status != "resolved":
        found.append(case.c.status == wanted.status)
    if wanted.tier:
        found.append(case.c.tier == wanted.tier)
    if wanted.assignee is not None:
        found.append(case.c.assignee_id == wanted.assignee)
    if wanted.unassigned:
        found.append(case.c.assignee_id.is_(None))
    if wanted.words:
        found.append(_search(wanted.words))
    return found


def _search(words: str) -> ColumnElement[bool]:
    """A case number, an address, or how a name begins: each has its index."""
    text = words.strip()
    name = text.casefold()
    options: list[ColumnElement[bool]] = [
        and_(case.c.customer_key >= name, case.c.customer_key < name + "\U0010ffff"),
        case.c.customer_id.in_(select(customer.c.id).where(customer.c.email == text.lower())),
    ]
    number = case_id(text)
    if number is not None:
        options.append(case.c.id == number)
    return or_(*options)


def _behind(urgent: bool, at: datetime, id_: int) -> ColumnElement[bool]:
    """Rows after this one in list order."""
    moment = literal(at, case.c.sort_at.type)  # inside a tuple nothing else tells its type
    same = and_(case.c.urgent.is_(urgent), tuple_(case.c.sort_at, case.c.id) > tuple_(moment, id_))
    return or_(same, case.c.urgent.is_(False)) if urgent else same


async def list_cases(
    connection: AsyncConnection,
    wanted: Filter,
    *,
    after: tuple[bool, datetime, int] | None = None,
    limit: int = PAGE,
) -> list[dict[str, Any]]:
    rows = (await connection.execute(list_query(wanted, after=after, limit=limit))).mappings()
    return [{**row, "number": case_number(row["id"]), "flags": row["flags"] or {}} for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page ended: the next one begins behind it."""

    resolved: bool
    urgent: bool
    at: datetime
    id: int

    @property
    def key(self) -> tuple[bool, datetime, int]:
        return self.urgent, self.at, self.id


async def list_page(
    connection: AsyncConnection, wanted: Filter, *, after: Place | None = None, limit: int = PAGE
) -> list[dict[str, Any]]:
    """One page of cases; without a status the unresolved ones first, then the resolved ones, newest first."""
    if wanted.status is not None:
        return await list_cases(connection, wanted, after=after.key if after else None, limit=limit)
    rows: list[dict[str, Any]] = []
    if after is None or not after.resolved:
        rows = await list_cases(connection, wanted, after=after.key if after else None, limit=limit)
    if len(rows) < limit:
        behind = after.key if after is not None and after.resolved else None
        done = replace(wanted, status="resolved")
        rows += await list_cases(connection, done, after=behind, limit=limit - len(rows))
    return rows


async def read_row(connection: AsyncConnection, id_: int) -> dict[str, Any] | None:
    """One case with its customer and its holder."""
    query = (
        select(
            case,
            agent.c.name.label("assignee"),
            agent.c.email.label("assignee_email"),
            customer.c.name.label("customer_full_name"),
            customer.c.email.label("customer_email"),
            customer.c.created_at.label("customer_since"),
            conversation.c.account,
            conversation.c.place,
            conversation.c.thread,
            conversation.c.public,
            conversation.c.owner,
            conversation.c.epoch,
            conversation.c.next_seq,
            conversation.c.recipient,
            conversation.c.subject,
        )
        .join(customer, customer.c.id == case.c.customer_id)
        .join(conversation, conversation.c.id == case.c.conversation_id)
        .outerjoin(agent, agent.c.id == case.c.assignee_id)
        .where(case.c.id == id_)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)


async def transcript(
    connection: AsyncConnection, conversation_id: int, *, after: int = 0, limit: int = 200, newest: bool = False
) -> list[MessageRow]:
    """Messages with a greater number than `after`, oldest first; `newest` takes the last `limit` of them."""
    query = select(*MESSAGE_COLUMNS).where(message.c.conversation_id == conversation_id, message.c.seq > after)
    order = message.c.seq.desc() if newest else message.c.seq
    rows = [message_row(row) for row in (await connection.execute(query.order_by(order).limit(limit))).mappings()]
    return rows[::-1] if newest else rows


async def public_transcript(
    connection: AsyncConnection, conversation_id: int, *, after: int, limit: int
) -> list[dict[str, Any]]:
    """What the customer may see: their own words and what was sent to them. Never a note, never a queued row."""
    query = (
        select(
            message.c.seq,
            message.c.external_id,
            message.c.author,
            message.c.author_name,
            message.c.kind,
            message.c.body,
            message.c.buttons,
            message.c.created_at,
        )
        .where(
            message.c.conversation_id == conversation_id,
            message.c.seq > after,
            or_(message.c.direction == "in", and_(message.c.direction == "out", message.c.status == "sent")),
        )
        .order_by(message.c.seq)
        .limit(limit)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def find_conversation(connection: AsyncConnection, channel: str, account: str, place: str) -> int | None:
    """The conversation of a place that has one customer and no threads."""
    key = digest(channel, account, place, None, place)
    return (await connection.execute(select(conversation.c.id).where(conversation.c.key == key))).scalar_one_or_none()


async def conversation_exists(connection: AsyncConnection, id_: int) -> bool:
    query = select(conversation.c.id).where(conversation.c.id == id_)
    return (await connection.execute(query)).scalar_one_or_none() is not None


async def delivery(connection: AsyncConnection, conversation_id: int, seqs: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Buttons, rich text, delivery state and end reason of these messages."""
    if not seqs:
        return {}
    query = select(
        message.c.seq,
        message.c.buttons,
        message.c.rich,
        message.c.error,
        message.c.end_reason,
        message.c.sent_at,
        message.c.platform_at,
        message.c.external_id,
        message.c.agent_id,
    ).where(message.c.conversation_id == conversation_id, message.c.seq.between(min(seqs), max(seqs)))
    return {row["seq"]: dict(row) for row in (await connection.execute(query)).mappings()}


async def files(connection: AsyncConnection, conversation_id: int) -> list[dict[str, Any]]:
    query = (
        select(attachment.c.id, message.c.seq, attachment.c.name, attachment.c.media_type, attachment.c.size)
        .join(message, message.c.id == attachment.c.message_id)
        .where(message.c.conversation_id == conversation_id)
        .order_by(attachment.c.id)
        .limit(200)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def verdicts(connection: AsyncConnection, conversation_id: int, *, limit: int = 20) -> list[dict[str, Any]]:
    query = (
        select(
            message.c.seq,
            verdict.c.tier,
            verdict.c.intent,
            verdict.c.confidence,
            verdict.c.automatable,
            verdict.c.evidence,
            verdict.c.model,
        )
        .join(message, message.c.id == verdict.c.message_id)
        .where(message.c.conversation_id == conversation_id)
        .order_by(message.c.seq.desc())
        .limit(limit)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()][::-1]


async def events(connection: AsyncConnection, id_: int, *, limit: int = 100) -> list[dict[str, Any]]:
    query = (
        select(case_event.c.kind, case_event.c.actor, agent.c.name.label("agent"), case_event.c.at, case_event.c.data)
        .outerjoin(agent, agent.c.id == case_event.c.agent_id)
        .where(case_event.c.case_id == id_)
        .order_by(case_event.c.id.desc())
        .limit(limit)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()][::-1]


async def promises(connection: AsyncConnection, id_: int) -> list[dict[str, Any]]:
    query = (
        select(promise.c.kind, promise.c.by, promise.c.basis, promise.c.state, promise.c.made_at, promise.c.settled_at)
        .where(promise.c.case_id == id_)
        .order_by(promise.c.id)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def open_promises(connection: AsyncConnection, id_: int) -> list[dict[str, Any]]:
    query = (
        select(promise.c.id, promise.c.kind, promise.c.by, promise.c.made_at)
        .where(promise.c.case_id == id_, promise.c.state == "open")
        .order_by(promise.c.by)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def cases_of_customer(
    connection: AsyncConnection, customer_id: int, *, but: int, limit: int = 20
) -> list[dict[str, Any]]:
    query = (
        select(case.c.id, case.c.tier, case.c.status, case.c.channel, case.c.opened_at, case.c.preview, case.c.outcome)
        .where(case.c.customer_id == customer_id, case.c.id != but)
        .order_by(case.c.id.desc())
        .limit(limit)
    )
    rows = (await connection.execute(query)).mappings()
    return [{**row, "number": case_number(row["id"])} for row in rows]


async def identities(connection: AsyncConnection, customer_id: int) -> list[dict[str, Any]]:
    query = select(
        identity.c.channel,
        identity.c.account,
        identity.c.external_id,
        identity.c.name,
        identity.c.email,
        identity.c.verified,
    ).where(identity.c.customer_id == customer_id)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


# --- taking the next one ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The first waiting case of each class, locked, and how many of the first class were taken in a row."""

    first: int | None
    second: int | None
    second_deadline: datetime | None
    run: int


async def stand_in_line(connection: AsyncConnection, now: datetime) -> None:
    """One take at a time, also for the very first: whoever comes second sees what is left, not what is locked."""
    row = {"key": _RUN, "value": 0, "updated_at": now}
    await connection.execute(upsert(connection)(setting).values(row).on_conflict_do_nothing(index_elements=["key"]))
    await read_setting(connection, _RUN, lock=True)


async def queue_heads(connection: AsyncConnection, now: datetime) -> Heads:
    run = await read_setting(connection, _RUN, lock=True)
    heads: dict[bool, tuple[int, datetime | None]] = {}
    for urgent in (True, False):
        query = (
            select(case.c.id, case.c.deadline)
            .join(conversation, conversation.c.id == case.c.conversation_id)
            .where(UNRESOLVED_ONLY, case.c.status == "waiting", case.c.urgent.is_(urgent))
            .order_by(case.c.sort_at, case.c.id)
            .limit(1)
            # Everybody else locks the conversation first: with both in hand, or neither, nobody waits in a circle.
            .with_for_update(of=[case, conversation], skip_locked=True)
        )
        row = (await connection.execute(query)).one_or_none()
        if row is not None:
            heads[urgent] = (row[0], row[1])
    second = heads.get(False)
    return Heads(
        first=heads[True][0] if True in heads else None,
        second=second[0] if second else None,
        second_deadline=second[1] if second else None,
        run=int(run or 0),
    )


async def remember_run(connection: AsyncConnection, run: int, now: datetime) -> None:
    await write_setting(connection, _RUN, run, now)


async def waiting_ahead(connection: AsyncConnection, by: datetime, *, cap: int = 50) -> int:
    """How many first-class cases wait with an earlier deadline; at most `cap`."""
    ahead = (
        select(case.c.id)
        .where(UNRESOLVED_ONLY, case.c.status == "waiting", case.c.urgent.is_(True), case.c.sort_at < by)
        .limit(cap)
        .subquery()
    )
    return int((await connection.execute(select(func.count()).select_from(ahead))).scalar_one())


# --- numbers ---------------------------------------------------------------------------------


async def stats(connection: AsyncConnection, now: datetime) -> dict[str, Any]:
    """The state of the desk now; counts of what is open, never of history."""
    rows = await connection.execute(
        select(
            case.c.status,
            case.c.tier,
            func.count(),
            func.sum(case_when((case.c.deadline < now, 1), else_=0)),
        )
        .where(UNRESOLVED_ONLY)
        .group_by(case.c.status, case.c.tier)
    )
    by_status: dict[str, int] = {}
    by_tier: dict[str, int] = {}
    late = 0
    for status, tier, count, overdue in rows:
        by_status[status] = by_status.get(status, 0) + count
        by_tier[tier] = by_tier.get(tier, 0) + count
        late += int(overdue or 0)
    undecided = await connection.execute(select(func.count()).where(UNDECIDED))
    outbox: dict[str, int] = {}
    for states in (UNSETTLED, UNDELIVERED):
        counted = await connection.execute(
            select(message.c.status, func.count()).where(is_one_of(message.c.status, states)).group_by(message.c.status)
        )
        outbox |= {row[0]: row[1] for row in counted}
    return {
        "cases": by_status,
        "tiers": by_tier,
        "late": late,
        "undecided": undecided.scalar_one(),
        "outbox": outbox,
    }


async def by_class(connection: AsyncConnection) -> dict[tuple[bool, str], int]:
    """How many unresolved cases each class has in each status."""
    rows = await connection.execute(
        select(case.c.urgent, case.c.status, func.count()).where(UNRESOLVED_ONLY).group_by(case.c.urgent, case.c.status)
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def kept_lately(connection: AsyncConnection, now: datetime, *, at_least: int = 20) -> frozenset[str]:
    """Tiers whose first answers of the last 28 days came in time nine times of ten: a basis to name a time."""
    rows = await connection.execute(
        select(
            case.c.sla,
            func.count(),
            func.sum(case_when((case.c.answered_in_time, 1), else_=0)),
        )
        .where(case.c.first_answer_at.is_not(None), case.c.first_answer_at > now - timedelta(days=28))
        .group_by(case.c.sla)
    )
    return frozenset(sla for sla, count, kept in rows if count >= at_least and kept >= 0.9 * count)


# --- small writes ----------------------------------------------------------------------------


async def read_setting(connection: AsyncConnection, key: str, *, lock: bool = False) -> Any:
    query = select(setting.c.value).where(setting.c.key == key)
    if lock:
        query = query.with_for_update()
    return (await connection.execute(query)).scalar_one_or_none()


async def write_setting(connection: AsyncConnection, key: str, value: Any, now: datetime) -> None:
    row = {"key": key, "value": value, "updated_at": now}
    statement = upsert(connection)(setting).values(row)
    await connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=row))


async def recall(connection: AsyncConnection, agent_id: int, key: str) -> tuple[str, Any] | None:
    """The request digest and the answer given to an earlier request with this idempotency key."""
    query = select(idempotency.c.digest, idempotency.c.response).where(
        idempotency.c.agent_id == agent_id, idempotency.c.key == key
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def reserve(connection: AsyncConnection, agent_id: int, key: str, digest: str, now: datetime) -> bool:
    """Take this idempotency key, with effect when the transaction commits. False: it was taken before.

    A request that takes it at the same moment is waited for.
    """
    row = {"agent_id": agent_id, "key": key, "digest": digest, "response": {}, "created_at": now}
    statement = upsert(connection)(idempotency).values(row)
    result = await connection.execute(statement.on_conflict_do_nothing(index_elements=["agent_id", "key"]))
    return bool(result.rowcount)


async def remember(connection: AsyncConnection, agent_id: int, key: str, response: Mapping[str, Any]) -> None:
    """The answer to the request that has reserved this key."""
    await connection.execute(
        update(idempotency)
        .where(idempotency.c.agent_id == agent_id, idempotency.c.key == key)
        .values(response=dict(response))
    )


async def forget(connection: AsyncConnection, agent_id: int, key: str) -> None:
    """Nothing was done; the key is free again."""
    await connection.execute(delete(idempotency).where(idempotency.c.agent_id == agent_id, idempotency.c.key == key))


async def add_label(
    connection: AsyncConnection,
    *,
    message_id: int,
    tier: str,
    intent: str | None,
    agent_id: int,
    source: str,
    now: datetime,
) -> None:
    await connection.execute(
        insert(label).values(
            message_id=message_id, tier=tier, intent=intent, agent_id=agent_id, source=source, created_at=now
        )
    )
