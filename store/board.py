"""What the desk shows of many cases at once: rows by deadline, and counts. All by index, in pages of bounded size."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, literal, select, tuple_, union
from sqlalchemy import case as case_when
from sqlalchemy.ext.asyncio import AsyncConnection

from store.cases import Filter, conditions, ways_to_find
from store.tables import HOME, UNRESOLVED_ONLY, agent, case, conversation, customer, identity, message, unresolved_with
from store.words import case_number

PAGE: Final = 50
MINE_AT_MOST: Final = 30
SOON: Final = timedelta(minutes=15)
WORDS: Final = 600
"""Characters of the customer's first message that a row may be cut from."""
LATELY: Final = timedelta(days=7)

_COLUMNS: Final = (
    "id", "tier", "urgent", "status", "assignee_id", "deadline", "sort_at", "unanswered_since", "channel",
    "customer_id", "customer_name", "conversation_id", "preview", "opened_at", "opened_seq", "resolved_at", "reopened",
    "flags", "snoozed_until", "outcome",
)  # fmt: skip

Place = tuple[datetime, int]
"""Where a page ended: the next one begins behind this deadline and this case."""


# --- rows ------------------------------------------------------------------------------------


def _rows() -> Select[Any]:
    """A case with its holder and with the words that it was opened by: each by one look into an index."""
    return (
        select(
            *(case.c[name] for name in _COLUMNS),
            agent.c.name.label("assignee"),
            select(customer.c.email)
            .select_from(conversation)
            .join(identity, identity.c.id == conversation.c.identity_id)
            .join(customer, customer.c.id == HOME)
            .where(conversation.c.id == case.c.conversation_id)
            .scalar_subquery()
            .label("customer_email"),
            case.c.context["deciding_sentence"].as_string().label("deciding"),
            func.substr(message.c.body, 1, WORDS).label("body"),
            message.c.meta,
        )
        .outerjoin(agent, agent.c.id == case.c.assignee_id)
        .outerjoin(
            message, and_(message.c.conversation_id == case.c.conversation_id, message.c.seq == case.c.opened_seq)
        )
    )


def due_query(wanted: Filter, urgent: bool, *, after: Place | None, limit: int) -> Select[Any]:
    """One class of the queue by deadline; apart so that tests can look at its plan."""
    query = _rows().where(*conditions(wanted), case.c.urgent.is_(urgent)).order_by(case.c.sort_at, case.c.id)
    if after is not None:
        moment = literal(after[0], case.c.sort_at.type)
        query = query.where(tuple_(case.c.sort_at, case.c.id) > tuple_(moment, after[1]))
    return query.limit(limit)


async def by_deadline(
    connection: AsyncConnection, wanted: Filter, *, after: Place | None = None, limit: int = PAGE
) -> list[dict[str, Any]]:
    """Unresolved cases, those due sooner first, whichever class they are of: two walks along an index, merged."""
    rows: list[dict[str, Any]] = []
    for urgent in (True, False):
        rows += await _read(connection, due_query(wanted, urgent, after=after, limit=limit))
    return sorted(rows, key=lambda row: (row["sort_at"], row["id"]))[:limit]


async def newest(
    connection: AsyncConnection, wanted: Filter, *, before: int | None = None, limit: int = PAGE
) -> list[dict[str, Any]]:
    """Cases by number, the newest first: what is resolved, what is searched for."""
    if wanted.words:
        # The numbers first, each way by its index; then the rows. In one statement PostgreSQL may walk all cases.
        plain = conditions(replace(wanted, words=None))
        found = union(*(select(case.c.id).where(*plain, way) for way in ways_to_find(wanted.words))).subquery()
        ids = select(found.c.id).order_by(found.c.id.desc()).limit(limit)
        ids = ids if before is None else ids.where(found.c.id < before)
        rows = await some(connection, list((await connection.execute(ids)).scalars()))
        return sorted(rows, key=itemgetter("id"), reverse=True)
    query = _rows().where(*conditions(wanted)).order_by(case.c.id.desc()).limit(limit)
    return await _read(connection, query if before is None else query.where(case.c.id < before))


async def some(connection: AsyncConnection, ids: Collection[int]) -> list[dict[str, Any]]:
    """These cases, as they are now."""
    return await _read(connection, _rows().where(case.c.id.in_(ids))) if ids else []


async def _read(connection: AsyncConnection, query: Select[Any]) -> list[dict[str, Any]]:
    return [_row(row) for row in (await connection.execute(query)).mappings()]


def _row(row: Any) -> dict[str, Any]:
    return {**row, "number": case_number(row["id"]), "flags": row["flags"] or {}}


async def lately(connection: AsyncConnection, customers: Collection[int], now: datetime) -> dict[int, int]:
    """How many cases each of these customers has had in the last week."""
    query = (
        select(case.c.customer_id, func.count())
        .where(case.c.customer_id.in_(customers), case.c.opened_at > now - LATELY)
        .group_by(case.c.customer_id)
    )
    return {row[0]: row[1] for row in await connection.execute(query)} if customers else {}


async def of_agent(connection: AsyncConnection, agent_id: int, *, limit: int = MINE_AT_MOST) -> list[dict[str, Any]]:
    """The cases that somebody holds, those due sooner first; `unread`: the customer waits for an answer."""
    query = (
        select(*(case.c[name] for name in _COLUMNS))
        .where(UNRESOLVED_ONLY, case.c.assignee_id == agent_id)
        .order_by(case.c.urgent.desc(), case.c.sort_at, case.c.id)
        .limit(limit)
    )
    rows = await _read(connection, query)
    rows.sort(key=lambda row: (row["status"] in ("pending", "snoozed"), row["sort_at"], row["id"]))
    return [{**row, "unread": row["unanswered_since"] is not None and row["status"] == "open"} for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    conversation_id: int
    assignee_id: int | None


async def holder(connection: AsyncConnection, id_: int) -> Holder | None:
    """Whose case it is, and which conversation."""
    query = select(case.c.conversation_id, case.c.assignee_id).where(case.c.id == id_)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Holder(**row)


async def is_new(connection: AsyncConnection) -> bool:
    """No case has ever been here."""
    return (await connection.execute(select(func.max(case.c.id)))).scalar_one() is None


# --- counts ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How many cases are due by when."""

    late: int = 0
    soon: int = 0
    today: int = 0
    later: int = 0

    @property
    def whole(self) -> int:
        return self.late + self.soon + self.today + self.later


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts(Spread):
    """Of the cases that wait for somebody to take them; and how many are elsewhere."""

    mine: int = 0
    pending: int = 0
    snoozed: int = 0
    feedback: int = 0

    @property
    def waiting(self) -> int:
        return self.whole


async def spread(connection: AsyncConnection, wanted: Filter, now: datetime, *, end_of_day: datetime) -> Spread:
    """By walking the index of what is unresolved; nothing of history is counted."""
    today = max(end_of_day, now + SOON)

    def until(moment: datetime) -> ColumnElement[Any]:
        return func.sum(case_when((case.c.sort_at <= literal(moment, case.c.sort_at.type), 1), else_=0))

    query = select(func.count(), until(now), until(now + SOON), until(today)).where(*conditions(wanted))
    whole, late, soon, by_night = (int(n or 0) for n in (await connection.execute(query)).one())
    return Spread(late=late, soon=soon - late, today=by_night - soon, later=whole - by_night)


async def counts(connection: AsyncConnection, now: datetime, *, end_of_day: datetime, agent_id: int) -> Counts:
    waiting = await spread(connection, Filter(status="waiting"), now, end_of_day=end_of_day)
    elsewhere = {
        "mine": and_(UNRESOLVED_ONLY, case.c.assignee_id == agent_id),
        "pending": unresolved_with("pending"),
        "snoozed": unresolved_with("snoozed"),
        "feedback": and_(*conditions(FEEDBACK)),
    }
    query = select(*(select(func.count()).where(where).scalar_subquery() for where in elsewhere.values()))
    found = (await connection.execute(query)).one()
    return Counts(
        late=waiting.late, soon=waiting.soon, today=waiting.today, later=waiting.later,
        **dict(zip(elsewhere, map(int, found), strict=True)),
    )  # fmt: skip


FEEDBACK: Final = Filter(status="waiting", tier="feedback")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """What one agent holds: how many cases, and the one that is due next (None: none has a deadline)."""

    cases: int
    next: dict[str, Any] | None


async def in_hand(connection: AsyncConnection) -> dict[int, Hand]:
    """Of each agent who holds something. Walks the index of what is unresolved and held."""
    held = select(case.c.assignee_id, func.count(), func.min(case.c.sort_at)).where(
        UNRESOLVED_ONLY, case.c.assignee_id.is_not(None)
    )
    rows = (await connection.execute(held.group_by(case.c.assignee_id))).all()
    found: dict[int, Hand] = {}
    for agent_id, count, first in rows:
        due = select(case.c.id, case.c.status, case.c.deadline, case.c.unanswered_since, case.c.opened_at).where(
            UNRESOLVED_ONLY, case.c.assignee_id == agent_id, case.c.sort_at == first, case.c.deadline.is_not(None)
        )
        row = (await connection.execute(due.limit(1))).mappings().one_or_none()
        found[int(agent_id)] = Hand(
            cases=int(count), next=None if row is None else {**row, "number": case_number(row["id"])}
        )
    return found
