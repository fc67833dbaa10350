"""What the desk shows of many cases at once: rows by deadline, and counts. All by index, in pages of bounded size."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, exists, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from store import mentions, tags
from store.cases import Filter, conditions, numbers_found
from store.tables import (
    HOME,
    UNRESOLVED_ONLY,
    agent,
    case,
    conversation,
    customer,
    draft,
    identity,
    message,
    team,
    team_member,
    unresolved_with,
)
from store.words import case_number

PAGE: Final = 50
MINE_AT_MOST: Final = 30
SOON: Final = timedelta(minutes=15)
WORDS: Final = 600
"""Characters of the customer's first message that a row may be cut from."""
LATELY: Final = timedelta(days=7)
CAP: Final = 999
"""Up to here counts are exact. What is more counts as one more: nobody looks for the difference, and counting it on
every desk, at every news, would cost the more the more wait."""

_COLUMNS: Final = (
    "id", "tier", "urgent", "status", "assignee_id", "deadline", "sort_at", "unanswered_since", "channel",
    "customer_id", "customer_name", "conversation_id", "preview", "opened_at", "opened_seq", "resolved_at", "reopened",
    "flags", "snoozed_until", "outcome", "team_id",
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
            select(team.c.name).where(team.c.id == case.c.team_id).scalar_subquery().label("team"),
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
    """Unresolved cases, those due sooner first, whichever class they are of: two walks along an index, merged.

    Of several teams two for each: an index holds the order of one.
    """
    rows: list[dict[str, Any]] = []
    parts = [wanted] if wanted.teams is None else [replace(wanted, teams=frozenset({id_})) for id_ in wanted.teams]
    for part in parts:
        for urgent in (True, False):
            rows += await _read(connection, due_query(part, urgent, after=after, limit=limit))
    return await _tagged(connection, sorted(rows, key=lambda row: (row["sort_at"], row["id"]))[:limit])


async def newest(
    connection: AsyncConnection, wanted: Filter, *, before: int | None = None, limit: int = PAGE
) -> list[dict[str, Any]]:
    """Cases by number, the newest first: what is resolved, what is searched for."""
    if wanted.words:
        # The numbers first, each way by its index; then the rows. In one statement PostgreSQL may walk all cases.
        plain = conditions(replace(wanted, words=None))
        found = numbers_found(wanted.words, *plain).subquery()
        ids = select(found.c.id).order_by(found.c.id.desc()).limit(limit)
        ids = ids if before is None else ids.where(found.c.id < before)
        rows = await some(connection, list((await connection.execute(ids)).scalars()))
        return sorted(rows, key=itemgetter("id"), reverse=True)
    query = _rows().where(*conditions(wanted)).order_by(case.c.id.desc()).limit(limit)
    query = query if before is None else query.where(case.c.id < before)
    return await _tagged(connection, await _read(connection, query))


async def some(connection: AsyncConnection, ids: Collection[int]) -> list[dict[str, Any]]:
    """These cases, as they are now."""
    return await _tagged(connection, await _read(connection, _rows().where(case.c.id.in_(ids)))) if ids else []


async def _read(connection: AsyncConnection, query: Select[Any]) -> list[dict[str, Any]]:
    return [_row(row) for row in (await connection.execute(query)).mappings()]


async def _tagged(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found = await tags.of(connection, [row["id"] for row in rows])
    return [{**row, "tags": found.get(row["id"], [])} for row in rows]


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
    """The cases that somebody holds, those due sooner first.

    `unread`: the customer waits for an answer; `draft`: they have begun to write one, or a note.
    """
    begun = exists().where(draft.c.agent_id == agent_id, draft.c.case_id == case.c.id, draft.c.text != "")
    query = (
        select(*(case.c[name] for name in _COLUMNS), begun.label("draft"))
        .where(UNRESOLVED_ONLY, case.c.assignee_id == agent_id)
        .order_by(case.c.urgent.desc(), case.c.sort_at, case.c.id)
        .limit(limit)
    )
    rows = await _read(connection, query)
    rows.sort(key=lambda row: (row["status"] in ("pending", "snoozed"), row["sort_at"], row["id"]))
    return [{**row, "unread": row["unanswered_since"] is not None and row["status"] == "open"} for row in rows]


async def held_briefly(connection: AsyncConnection, agent_id: int, *, limit: int) -> list[dict[str, Any]]:
    """Number, status and customer's name of what somebody holds, the first class first, by deadline."""
    query = (
        select(case.c.id, case.c.status, case.c.customer_name)
        .where(UNRESOLVED_ONLY, case.c.assignee_id == agent_id)
        .order_by(case.c.urgent.desc(), case.c.sort_at, case.c.id)
        .limit(limit)
    )
    return [{**row, "number": case_number(row["id"])} for row in (await connection.execute(query)).mappings()]


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
    """How many cases are due by when; each number `CAP` + 1 at most."""

    late: int = 0
    soon: int = 0
    today: int = 0
    later: int = 0

    @property
    def whole(self) -> int:
        return min(self.late + self.soon + self.today + self.later, CAP + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts(Spread):
    """Of the cases that wait for somebody to take them; and how many are elsewhere."""

    mine: int = 0
    all: int = 0
    pending: int = 0
    snoozed: int = 0
    feedback: int = 0
    teams: int = 0
    mentions: int = 0

    @property
    def waiting(self) -> int:
        return self.whole


def _few(*where: ColumnElement[bool]) -> ScalarSelect[int]:
    """How many these are, `CAP` + 1 at most: an index is walked no further. `where` may be about an agent around it."""
    some_of_them = select(literal(1)).select_from(case).where(*where).limit(CAP + 1).correlate(agent).subquery()
    return select(func.count()).select_from(some_of_them).scalar_subquery()


async def spread(connection: AsyncConnection, wanted: Filter, now: datetime, *, end_of_day: datetime) -> Spread:
    """By walking the beginning of each stretch of the index of what is unresolved."""
    today = max(end_of_day, now + SOON)
    marks = [literal(moment, case.c.sort_at.type) for moment in (now, now + SOON, today)]
    stretches = [
        (case.c.sort_at <= marks[0],),
        (case.c.sort_at > marks[0], case.c.sort_at <= marks[1]),
        (case.c.sort_at > marks[1], case.c.sort_at <= marks[2]),
        (case.c.sort_at > marks[2],),
    ]
    where = conditions(wanted)
    query = select(*(
        _few(*where, case.c.urgent.is_(urgent), *stretch) for stretch in stretches for urgent in (True, False)
    ))  # fmt: skip
    found = [int(count) for count in (await connection.execute(query)).one()]
    late, soon, by_night, later = (min(found[at] + found[at + 1], CAP + 1) for at in range(0, 8, 2))
    return Spread(late=late, soon=soon, today=by_night, later=later)


async def counts(connection: AsyncConnection, now: datetime, *, end_of_day: datetime) -> Counts:
    """Everybody's numbers; those of one person are 0, see `own`."""
    waiting = await spread(connection, Filter(status="waiting"), now, end_of_day=end_of_day)
    elsewhere: dict[str, tuple[ColumnElement[bool], ...]] = {
        "all": (UNRESOLVED_ONLY,),
        "pending": (unresolved_with("pending"),),
        "snoozed": (unresolved_with("snoozed"),),
        "feedback": tuple(conditions(FEEDBACK)),
    }
    found = (await connection.execute(select(*(_few(*where) for where in elsewhere.values())))).one()
    return Counts(
        late=waiting.late, soon=waiting.soon, today=waiting.today, later=waiting.later,
        **dict(zip(elsewhere, map(int, found), strict=True)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """One person's numbers, each `CAP` + 1 at most."""

    mine: int
    teams: int
    mentions: int


NOTHING: Final = Own(mine=0, teams=0, mentions=0)


async def own(connection: AsyncConnection, agent_id: int) -> Own:
    """How many cases somebody holds, how many wait for their teams, in how many they are called and have not looked."""
    return (await own_of(connection, [agent_id])).get(agent_id, NOTHING)


async def own_of(connection: AsyncConnection, agents: Collection[int]) -> dict[int, Own]:
    """`own` for several people in one statement: of each by a few looks into an index."""
    held = (UNRESOLVED_ONLY, case.c.assignee_id == agent.c.id)
    teams = select(team_member.c.team_id).where(team_member.c.agent_id == agent.c.id).correlate(agent)
    waiting = (unresolved_with("waiting"), case.c.team_id.is_not(None), case.c.team_id.in_(teams))
    query = select(agent.c.id, _few(*held), _few(*waiting), mentions.few(CAP + 1)).where(agent.c.id.in_(agents))
    rows = (await connection.execute(query)).all()
    return {id_: Own(mine=int(mine), teams=int(theirs), mentions=int(called)) for id_, mine, theirs, called in rows}


FEEDBACK: Final = Filter(status="waiting", tier="feedback")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """What one agent holds: how many cases, `CAP` + 1 at most, and the one due next (None: none has a deadline)."""

    cases: int
    next: dict[str, Any] | None


async def in_hand(connection: AsyncConnection) -> dict[int, Hand]:
    """Of each agent who holds something: by a few looks into the index for each of them."""
    held = (UNRESOLVED_ONLY, case.c.assignee_id == agent.c.id)
    first = (
        select(case.c.id).where(*held, case.c.urgent.is_(urgent), case.c.deadline.is_not(None))
        .order_by(case.c.sort_at, case.c.id).limit(1).correlate(agent).scalar_subquery()
        for urgent in (True, False)
    )  # fmt: skip
    rows = [row for row in (await connection.execute(select(agent.c.id, _few(*held), *first))).all() if row[1]]
    columns = (case.c.id, case.c.status, case.c.deadline, case.c.unanswered_since, case.c.opened_at, case.c.sort_at)
    ids = [id_ for row in rows for id_ in row[2:] if id_ is not None]
    due = (await connection.execute(select(*columns).where(case.c.id.in_(ids)))).mappings() if ids else ()
    by_id = {row["id"]: {**row, "number": case_number(row["id"])} for row in due}
    found = {}
    for agent_id, many, *firsts in rows:
        candidates = [by_id[id_] for id_ in firsts if id_ in by_id]
        soonest = min(candidates, key=lambda row: (row["sort_at"], row["id"]), default=None)
        found[int(agent_id)] = Hand(cases=int(many), next=soonest)
    return found
