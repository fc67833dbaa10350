"""A customer as a whole: found by name and address, with all that they wrote, how often they came and how content."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, and_, func, literal, or_, select, tuple_, union_all
from sqlalchemy import case as case_when
from sqlalchemy.ext.asyncio import AsyncConnection

from store.addresses import proven_address
from store.cases import PAGE, WORDS, newest_case
from store.inbox import upsert
from store.tables import HOME, agent, case, conversation, customer, customer_note, identity, message
from store.words import case_number

WEEK: Final = timedelta(days=7)
MONTH: Final = timedelta(days=30)
MARKS: Final = 24
"""Newest words on how it was that are shown."""
COUNTED: Final = 999
TWINS: Final = 5
LATELY_READ: Final = 200
"""Newest cases of which it is read in what language they were."""

Place = tuple[str, int]
"""Where a page of a search by name ended: the folded name, and the customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How often somebody has come: cases, this one with them."""

    week: int
    month: int


# --- who -----------------------------------------------------------------------------------------


async def became(connection: AsyncConnection, id_: int) -> int | None:
    """The customer of whom this one is a part by now; itself, if it is none's. None: there never was such a one."""
    own = await connection.execute(select(identity.c.id).where(identity.c.customer_id == id_).limit(1))
    if own.first() is not None:
        return id_
    moved = select(identity.c.customer_id).where(identity.c.home_id == id_).limit(1)
    found: int | None = (await connection.execute(moved)).scalar_one_or_none()
    return found


async def read(connection: AsyncConnection, id_: int) -> dict[str, Any] | None:
    """What they say of themselves."""
    found = await names_of(connection, [id_])
    return found[0] if found else None


async def notes(connection: AsyncConnection, homes: Collection[int]) -> list[dict[str, Any]]:
    """What agents say of those as whom somebody came, the latest first."""
    query = (
        select(customer_note.c.name, customer_note.c.email, agent.c.name.label("by"), customer_note.c.at)
        .join(agent, agent.c.id == customer_note.c.agent_id)
        .where(customer_note.c.customer_id.in_(homes))
        .order_by(customer_note.c.at.desc())
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def names_of(connection: AsyncConnection, homes: Collection[int]) -> list[dict[str, Any]]:
    """What those as whom somebody came have claimed, the oldest first."""
    query = select(customer.c.id, customer.c.name, customer.c.email, customer.c.created_at).where(
        customer.c.id.in_(homes)
    )
    return [dict(row) for row in (await connection.execute(query.order_by(customer.c.id))).mappings()]


async def say(
    connection: AsyncConnection, id_: int, *, name: str | None, email: str | None, by: int, now: datetime
) -> None:
    """Keep what an agent says of a customer, in the place of what was said before. It is no claim of theirs."""
    values = {"name": name, "key": name.casefold() if name else None, "email": email, "agent_id": by, "at": now}
    statement = upsert(connection)(customer_note).values(customer_id=id_, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["customer_id"], set_=values))


async def homes_of(connection: AsyncConnection, id_: int) -> dict[int, int]:
    """As whom each of their identities came: `{identity: customer}`."""
    query = select(identity.c.id, HOME).where(identity.c.customer_id == id_)
    return {row[0]: row[1] for row in await connection.execute(query)}


# --- what they wrote -----------------------------------------------------------------------------


def cases_query(id_: int, *, before: int | None, limit: int) -> Select[Any]:
    """One page of somebody's cases, the newest first; apart so that tests can look at its plan."""
    columns = ("id", "tier", "status", "channel", "opened_at", "resolved_at", "preview", "outcome", "satisfaction")
    query = (
        select(*(case.c[name] for name in columns), agent.c.name.label("assignee"), conversation.c.public)
        .join(conversation, conversation.c.id == case.c.conversation_id)
        .outerjoin(agent, agent.c.id == case.c.assignee_id)
        .where(case.c.customer_id == id_)
    )
    if before is not None:
        query = query.where(case.c.id < before)
    return query.order_by(case.c.id.desc()).limit(limit)


async def cases_of(
    connection: AsyncConnection, id_: int, *, before: int | None = None, limit: int = PAGE
) -> list[dict[str, Any]]:
    rows = (await connection.execute(cases_query(id_, before=before, limit=limit))).mappings()
    return [{**row, "number": case_number(row["id"])} for row in rows]


def conversations_query(id_: int, *, before: int | None, limit: int) -> Select[Any]:
    """One page of somebody's conversations, those that began last first."""
    last = (
        select(func.substr(message.c.body, 1, 4 * WORDS))
        .where(message.c.conversation_id == conversation.c.id, message.c.direction == "in", message.c.body != "")
        .order_by(message.c.seq.desc())
        .limit(1)
        .correlate(conversation)
        .scalar_subquery()
    )
    columns = ("id", "channel", "account", "public", "owner", "created_at", "last_in_at", "subject", "next_seq")
    query = (
        select(
            *(conversation.c[name] for name in columns),
            identity.c.name,
            last.label("words"),
            newest_case().label("case_id"),
        )
        .join(identity, identity.c.id == conversation.c.identity_id)
        .where(conversation.c.customer_id == id_)
    )
    if before is not None:
        query = query.where(conversation.c.id < before)
    return query.order_by(conversation.c.id.desc()).limit(limit)


async def conversations_of(
    connection: AsyncConnection, id_: int, *, before: int | None = None, limit: int = PAGE
) -> list[dict[str, Any]]:
    rows = (await connection.execute(conversations_query(id_, before=before, limit=limit))).mappings()
    return [{**row, "case": case_number(row["case_id"]) if row["case_id"] is not None else None} for row in rows]


async def languages(connection: AsyncConnection, id_: int) -> list[str]:
    """Other languages than ours in which they wrote lately, the latest first, each once."""
    query = select(case.c.flags).where(case.c.customer_id == id_).order_by(case.c.id.desc()).limit(LATELY_READ)
    told = [(row[0] or {}).get("language") for row in await connection.execute(query)]
    return list(dict.fromkeys(language for language in told if language))


# --- how often, and how content ------------------------------------------------------------------


def times_query(id_: int, now: datetime) -> Select[int, Any]:
    """When they came within a month: one walk along an index, as long as what it counts."""
    month = now - MONTH
    lately = (
        select(case.c.opened_at)
        .where(case.c.customer_id == id_, case.c.opened_at > month)
        .order_by(case.c.opened_at.desc())
        .limit(COUNTED)
        .subquery()
    )
    in_week = func.sum(case_when((lately.c.opened_at > now - WEEK, 1), else_=0))
    return select(func.count(), in_week).select_from(lately)


async def times(connection: AsyncConnection, id_: int, now: datetime) -> Times:
    month, week = (await connection.execute(times_query(id_, now))).one()
    return Times(week=int(week or 0), month=int(month))


def marks_query(id_: int, *, but: int = 0, limit: int = MARKS) -> Select[Any]:
    """What they said of how it was, the latest case first."""
    return (
        select(case.c.id, case.c.satisfaction, case.c.opened_at, case.c.resolved_at)
        .where(case.c.customer_id == id_, case.c.satisfaction.is_not(None), case.c.id != but)
        .order_by(case.c.id.desc())
        .limit(limit)
    )


async def marks(connection: AsyncConnection, id_: int, *, but: int = 0, limit: int = MARKS) -> list[dict[str, Any]]:
    rows = (await connection.execute(marks_query(id_, but=but, limit=limit))).mappings()
    return [{**row, "number": case_number(row["id"])} for row in rows]


# --- lists ---------------------------------------------------------------------------------------

_STANDS: Final = (
    select(identity.c.id)
    .where(identity.c.customer_id == customer.c.id)
    .limit(1)
    .correlate(customer)
    .scalar_subquery()
    .is_not(None)
)
"""They are a customer still, and no part of another. One look into an index each: as a join all would be read."""
_LAST: Final = 2**62


def newest_query(*, before: int | None, limit: int) -> Select[Any]:
    """Customers, those first that came last."""
    query = select(customer.c.id).where(_STANDS, customer.c.id < (_LAST if before is None else before))
    return query.order_by(customer.c.id.desc()).limit(limit)


async def newest(connection: AsyncConnection, *, before: int | None = None, limit: int = PAGE) -> list[int]:
    return list((await connection.execute(newest_query(before=before, limit=limit))).scalars())


def named_query(words: str, *, after: Place | None, limit: int) -> list[Select[Any]]:
    """As whom people came whose name begins so, or is said by an agent to; by name. Each way has its own index."""
    name = words.strip().casefold()
    found = []
    for key, id_ in ((customer.c.key, customer.c.id), (customer_note.c.key, customer_note.c.customer_id)):
        query = select(key.label("key"), id_.label("id")).where(key >= name, key < name + "\U0010ffff")
        if after is not None:
            query = query.where(tuple_(key, id_) > tuple_(literal(after[0], key.type), after[1]))
        found.append(query.order_by(key, id_).limit(limit))
    return found


async def named(
    connection: AsyncConnection, words: str, *, after: Place | None = None, limit: int = PAGE
) -> list[Place]:
    """One page of a search by name: folded names with whom they are of, in their order."""
    rows: list[Place] = []
    for query in named_query(words, after=after, limit=limit):
        rows += [(row[0], row[1]) for row in await connection.execute(query)]
    return sorted(set(rows))[:limit]


async def addressed(connection: AsyncConnection, words: str, *, limit: int = PAGE) -> list[int]:
    """As whom people came who claim this address, for whom a platform vouches for it, or of whom an agent says it."""
    text = words.strip()
    ways = [
        select(customer.c.id).where(customer.c.email.in_([text, text.lower()])),
        select(customer_note.c.customer_id).where(customer_note.c.email == text.lower()),
    ]
    if (proven := proven_address(text)) is not None:
        ways.append(select(HOME).where(identity.c.proven == proven))
    found = union_all(*ways).subquery()
    return list((await connection.execute(select(found.c.id).distinct().order_by(found.c.id).limit(limit))).scalars())


async def roots(connection: AsyncConnection, homes: Sequence[int]) -> list[int]:
    """Whose parts these are by now, in their order, each once."""
    if not homes:
        return []
    query = select(HOME, identity.c.customer_id).where(
        or_(identity.c.home_id.in_(homes), and_(identity.c.customer_id.in_(homes), identity.c.home_id.is_(None)))
    )
    now = {row[0]: row[1] for row in await connection.execute(query)}
    return list(dict.fromkeys(now[id_] for id_ in homes if id_ in now))


async def listed(connection: AsyncConnection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """These customers, in this order: names, addresses, channels, how many cases, the latest one."""
    if not ids:
        return []
    people = {row["id"]: dict(row) for row in (await connection.execute(
        select(customer.c.id, customer.c.name, customer.c.email, customer.c.created_at,
               customer_note.c.name.label("noted_name"), customer_note.c.email.label("noted_email"))
        .outerjoin(customer_note, customer_note.c.customer_id == customer.c.id)
        .where(customer.c.id.in_(ids))
    )).mappings()}  # fmt: skip
    known: dict[int, list[Mapping[str, Any]]] = {}
    columns = ("id", "customer_id", "channel", "name", "email", "verified")
    theirs = select(*(identity.c[name] for name in columns)).where(identity.c.customer_id.in_(ids))
    for row in (await connection.execute(theirs.order_by(identity.c.id))).mappings():
        known.setdefault(row["customer_id"], []).append(dict(row))
    counted = select(case.c.customer_id, func.count(), func.max(case.c.id)).where(case.c.customer_id.in_(ids))
    counts = {row[0]: row[1:] for row in await connection.execute(counted.group_by(case.c.customer_id))}
    newest_ids = [count[1] for count in counts.values()]
    latest = select(case.c.customer_id, case.c.id, case.c.opened_at, case.c.status, case.c.tier)
    last = {row["customer_id"]: row for row in (await connection.execute(
        latest.where(case.c.id.in_(newest_ids))
    )).mappings()} if newest_ids else {}  # fmt: skip
    return [
        {
            **people[id_],
            "identities": known.get(id_, []),
            "cases": counts.get(id_, (0, None))[0],
            "last": {**last[id_], "number": case_number(last[id_]["id"])} if id_ in last else None,
        }
        for id_ in ids
        if id_ in people
    ]


async def twins(connection: AsyncConnection, id_: int) -> list[dict[str, Any]]:
    """Other customers who go by the same name and by the same address, claimed or proven. Either alone says nothing."""
    homes = set((await homes_of(connection, id_)).values())
    told = [row for row in await names_of(connection, homes) if row["name"] and row["email"]]
    if not told:
        return []
    same = or_(*(and_(customer.c.email == row["email"], customer.c.key == row["name"].casefold()) for row in told))
    query = select(customer.c.id).where(same, customer.c.id.not_in(homes)).order_by(customer.c.id).limit(4 * TWINS)
    found = await roots(connection, list((await connection.execute(query)).scalars()))
    return (await listed(connection, [other for other in found if other != id_]))[:TWINS]
