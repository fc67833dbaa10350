"""Finds messages by their words: the newest first, page by page, however many there are.

What a page costs is bounded. Words come from an index, newest first; who, where and when is looked up for a bounded
number of what that gives, and a page that comes out short says from where to look further.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    and_,
    bindparam,
    column,
    exists,
    func,
    or_,
    select,
    table,
    union,
)
from sqlalchemy import case as case_when
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tags
from store.addresses import proven_address
from store.findable import BY, KIND, Term, for_postgresql, for_sqlite
from store.tables import HOME, agent, attachment, case, case_tag, conversation, customer, identity, message
from store.words import case_number

NEAR: Final = 4_000
"""How many of the newest rows PostgreSQL looks at before it asks its index for all: common words are found in these."""
BODY: Final = 20_000
"""Characters of a message in which words are marked."""
SKEW: Final = timedelta(hours=1)
"""Numbers follow time, but for what was written side by side."""
PEOPLE: Final = 50
PLACES: Final = 500
"""Conversations of people that are looked through at once."""
WRITTEN: Final = 400
"""The newest messages from people of a name that are looked at for who these people are."""

_INDEX: Final = table("message_words", column("rowid"), column("words"))
"""SQLite's index of words, which stands beside the tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What must be true of a message beside its words."""

    tier: str | None = None
    tags: tuple[str, ...] = ()
    """All of them on its case."""
    channel: str | None = None
    agent: int | None = None
    """Written by this colleague."""
    since: datetime | None = None
    until: datetime | None = None
    """Not itself in it."""


# --- which -------------------------------------------------------------------------------------------


async def candidates(
    connection: AsyncConnection,
    terms: Sequence[Term],
    *,
    below: int | None,
    above: int = 0,
    places: Collection[int] | None = None,
    limit: int,
) -> list[int]:
    """Numbers of messages with these words, from `below` down to `above`, neither in it; `places`: conversations."""
    sqlite = connection.dialect.name == "sqlite"
    if places is not None:
        return await _ids(connection, in_places(terms, places, sqlite=sqlite, below=below, above=above, limit=limit))
    if not terms or sqlite:
        return await _ids(connection, newest(terms, sqlite=sqlite, below=below, above=above, limit=limit))
    top = below if below is not None else await last_number(connection) + 1
    floor = max(top - NEAR, above)
    found = await _ids(connection, newest(terms, sqlite=False, below=top, above=floor, limit=limit))
    if len(found) == limit or floor == above:
        return found
    return await _ids(connection, everywhere(terms, below=top, above=above, limit=limit))


def newest(terms: Sequence[Term], *, sqlite: bool, below: int | None, above: int, limit: int) -> Select[Any]:
    """Along the numbers: in their order SQLite's index of words tells what it has."""
    number = _INDEX.c.rowid if sqlite and terms else message.c.id
    query = select(number).order_by(number.desc()).limit(limit)
    if terms:
        query = query.where(_match(terms, sqlite=sqlite))
    query = query.where(number > above) if above else query
    return query if below is None else query.where(number < below)


def everywhere(terms: Sequence[Term], *, below: int, above: int, limit: int) -> Select[Any]:
    """By PostgreSQL's index of words alone: it must not walk all messages because it takes the words for common."""
    has = select(message.c.id).where(_match(terms, sqlite=False)).offset(0).subquery()  # OFFSET: read by itself
    query = select(has.c.id).where(has.c.id < below)
    query = query.where(has.c.id > above) if above else query
    return query.order_by(has.c.id.desc()).limit(limit)


def in_places(
    terms: Sequence[Term], places: Collection[int], *, sqlite: bool, below: int | None, above: int, limit: int
) -> Select[Any]:
    """Of some conversations: their messages one by one, each with a look whether it has the words."""
    query = select(message.c.id).where(message.c.conversation_id.in_(places))
    if terms and sqlite:
        query = query.where(exists().where(_match(terms, sqlite=True), _INDEX.c.rowid == message.c.id))
    elif terms:
        query = query.where(_match(terms, sqlite=False))
    query = query.where(message.c.id > above) if above else query
    query = query if below is None else query.where(message.c.id < below)
    return query.order_by(message.c.id.desc()).limit(limit)


def _match(terms: Sequence[Term], *, sqlite: bool) -> ColumnElement[bool]:
    if sqlite:
        return _INDEX.c.words.op("MATCH", return_type=Boolean())(bindparam(None, for_sqlite(terms)))
    return message.c.words.op("@@", return_type=Boolean())(bindparam(None, for_postgresql(terms), type_=TSQUERY()))


async def _ids(connection: AsyncConnection, query: Select[Any]) -> list[int]:
    return [int(id_) for id_ in (await connection.execute(query)).scalars()]


async def last_number(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(func.max(message.c.id)))).scalar_one() or 0)


async def number_at(connection: AsyncConnection, moment: datetime) -> int:
    """About the first message from then on: by halves, for numbers follow time."""
    low, high = 0, await last_number(connection) + 1
    while low < high:
        middle = (low + high) // 2
        query = select(message.c.id, message.c.created_at).where(message.c.id >= middle).order_by(message.c.id).limit(1)
        row = (await connection.execute(query)).one_or_none()
        if row is None or row.created_at >= moment:
            high = middle
        else:
            low = int(row.id) + 1
    return low


# --- and what is true of them ------------------------------------------------------------------------

_CASE: Final = (
    select(func.coalesce(func.max(case_when((case.c.opened_seq <= message.c.seq, case.c.id))), func.max(case.c.id)))
    .where(case.c.conversation_id == message.c.conversation_id)
    .correlate(message)
    .scalar_subquery()
)
"""The case that a message belongs to: the newest that was open by then, else the newest of its conversation."""


async def those(
    connection: AsyncConnection, ids: Sequence[int], wanted: Filter, *, limit: int | None = None
) -> list[int]:
    """Of these messages the ones that may be shown and fit, newest first."""
    if not ids:
        return []
    query = select(message.c.id).where(message.c.id.in_(ids), *_may_be_shown())
    if wanted.agent is not None:
        query = query.where(message.c.agent_id == wanted.agent)
    if wanted.since is not None:
        query = query.where(message.c.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(message.c.created_at < wanted.until)
    if wanted.channel is not None:
        query = query.join(conversation, conversation.c.id == message.c.conversation_id).where(
            conversation.c.channel == wanted.channel
        )
    if wanted.tier is not None:
        query = query.join(case, case.c.id == _CASE).where(case.c.tier == wanted.tier)
    for tag in wanted.tags:
        has = case_tag.alias()
        query = query.join(has, and_(has.c.case_id == _CASE, has.c.tag == tag))
    return await _ids(connection, query.order_by(message.c.id.desc()).limit(limit))


def _may_be_shown() -> list[ColumnElement[bool]]:
    """Not what was taken back, replaced before anybody read it, or never said."""
    later = message.alias("later")
    taken_back = exists().where(
        later.c.origin == message.c.origin, later.c.revision >= message.c.revision, later.c.kind == "deletion"
    )
    return [
        message.c.words.is_not(None),
        func.coalesce(message.c.end, "") != "superseded",
        or_(message.c.status.is_(None), message.c.status != "cancelled"),
        or_(message.c.origin.is_(None), ~taken_back),
    ]


async def read(connection: AsyncConnection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """What stands in a list of what was found, newest first."""
    if not ids:
        return []
    query = (
        select(
            message.c.id,
            message.c.conversation_id,
            message.c.seq,
            message.c.direction,
            message.c.author,
            message.c.author_name,
            message.c.kind,
            func.substr(message.c.body, 1, BODY).label("body"),
            message.c.meta,
            message.c.created_at,
            agent.c.name.label("agent"),
            conversation.c.channel,
            conversation.c.public,
            conversation.c.customer_id,
            customer.c.name.label("customer_name"),
            customer.c.email.label("customer_email"),
            case.c.id.label("case_id"),
            case.c.tier,
            case.c.status,
        )
        .join(conversation, conversation.c.id == message.c.conversation_id)
        .join(customer, customer.c.id == conversation.c.customer_id)
        .outerjoin(agent, agent.c.id == message.c.agent_id)
        .outerjoin(case, case.c.id == _CASE)
        .where(message.c.id.in_(ids))
        .order_by(message.c.id.desc())
    )
    files = await _files(connection, ids)
    return [
        {
            **{name: value for name, value in row.items() if name != "meta"},
            "body": str((row["meta"] or {}).get("masked", row["body"]))[:BODY],
            "number": None if row["case_id"] is None else case_number(row["case_id"]),
            "files": files.get(row["id"], []),
        }
        for row in (await connection.execute(query)).mappings()
    ]


async def _files(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, list[str]]:
    query = select(attachment.c.message_id, attachment.c.name).where(attachment.c.message_id.in_(ids))
    found: dict[int, list[str]] = {}
    for row in await connection.execute(query.order_by(attachment.c.id)):
        found.setdefault(int(row[0]), []).append(row[1])
    return found


# --- people ------------------------------------------------------------------------------------------


async def people(connection: AsyncConnection, name: Sequence[Term], whole: str, *, limit: int = PEOPLE) -> list[int]:
    """Customers by the words of their name or address, those who wrote last first; `whole`: as it was typed.

    A whole address also finds who has never written from it, but claims it or has proven it.
    """
    found: list[int] = []
    if "@" in whole:
        found = await _with_address(connection, whole, limit)
    terms = [Term(words=tuple(BY + word for word in term.words), open=term.open) for term in name]
    if terms:
        ids = await candidates(connection, [*terms, Term(words=(KIND + "customer",))], below=None, limit=WRITTEN)
        query = (
            select(conversation.c.customer_id, func.max(message.c.id).label("last"))
            .join(conversation, conversation.c.id == message.c.conversation_id)
            .where(message.c.id.in_(ids))
            .group_by(conversation.c.customer_id)
        )
        wrote = (await connection.execute(query)).all() if ids else []
        found += [int(row[0]) for row in sorted(wrote, key=lambda row: -int(row[1]))]
    return list(dict.fromkeys(found))[:limit]


async def _with_address(connection: AsyncConnection, whole: str, limit: int) -> list[int]:
    claiming = select(customer.c.id).where(customer.c.email == whole.lower()).limit(limit)
    ways = [claiming, select(identity.c.customer_id).where(identity.c.home_id.in_(claiming)).limit(limit)]
    if (proven := proven_address(whole)) is not None:
        ways.append(select(identity.c.customer_id).where(identity.c.proven == proven).limit(limit))
    parts = union(*(select(way.subquery().c[0]) for way in ways)).subquery()
    living = select(parts.c[0]).where(exists().where(conversation.c.customer_id == parts.c[0])).limit(limit)
    return await _ids(connection, living)


async def places_of(connection: AsyncConnection, customers: Collection[int]) -> list[int]:
    """Their conversations, the newest first."""
    if not customers:
        return []
    query = (
        select(conversation.c.id)
        .where(conversation.c.customer_id.in_(customers))
        .order_by(conversation.c.id.desc())
        .limit(PLACES)
    )
    return await _ids(connection, query)


async def places_with(connection: AsyncConnection, names: Collection[str]) -> set[int] | None:
    """Conversations of cases that have these tags; None: so many have that the newest messages are looked through."""
    few: set[int] | None = None
    for tag in names:
        found = await tags.places(connection, tag, limit=PLACES + 1)
        if len(found) <= PLACES:
            few = set(found) if few is None else few & set(found)
    return few


async def introduced(connection: AsyncConnection, customers: Sequence[int]) -> list[dict[str, Any]]:
    """Who they are, in this order: name, address, channels, and the newest case."""
    if not customers:
        return []
    newest_case = (
        select(func.max(case.c.id)).where(case.c.customer_id == customer.c.id).correlate(customer).scalar_subquery()
    )
    query = select(customer.c.id, customer.c.name, customer.c.email, newest_case.label("case_id")).where(
        customer.c.id.in_(customers)
    )
    rows = {row["id"]: dict(row) for row in (await connection.execute(query)).mappings()}
    claims = (
        select(identity.c.customer_id, identity.c.channel, customer.c.name, customer.c.email)
        .join(customer, and_(customer.c.id == HOME))
        .where(identity.c.customer_id.in_(customers))
        .order_by(identity.c.id)
        .limit(20 * len(customers))
    )
    for row in (await connection.execute(claims)).mappings():
        of = rows[row["customer_id"]]
        of["channels"] = list(dict.fromkeys([*of.get("channels", []), row["channel"]]))
        of["name"], of["email"] = of["name"] or row["name"], of["email"] or row["email"]
    return [
        {**rows[id_], "channels": rows[id_].get("channels", []),
         "number": None if rows[id_]["case_id"] is None else case_number(rows[id_]["case_id"])}
        for id_ in customers if id_ in rows
    ]  # fmt: skip
