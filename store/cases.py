"""Cases as lists, as a whole and as numbers. Every list has an index behind it and a page of bounded size."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    ScalarSelect,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    tuple_,
    union,
    union_all,
    update,
)
from sqlalchemy import case as case_when
from sqlalchemy.ext.asyncio import AsyncConnection

from store import links
from store.addresses import proven_address
from store.tables import (
    HOME,
    RESOLVED_ONLY,
    UNDECIDED,
    UNDELIVERED,
    UNRESOLVED_ONLY,
    UNSETTLED,
    agent,
    case,
    case_event,
    conversation,
    customer,
    identity,
    is_one_of,
    message,
    promise,
    team,
    unresolved_with,
)
from store.words import case_id, case_number

PAGE: Final = 50
NAMESAKES: Final = 1000
"""Cases that are looked at for a name that begins so, along the alphabet: a short beginning is that of very many."""
WORDS: Final = 160
"""Characters of the last words of a conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which cases. None everywhere: all unresolved ones (and for `list_page` the resolved ones behind them)."""

    status: str | None = None
    """`any` is none of them, and no index either: for what is found by its words."""
    tier: str | None = None
    channel: str | None = None
    assignee: int | None = None
    teams: frozenset[int] | None = None
    unassigned: bool = False
    words: str | None = None


_LISTED: Final = (
    "id", "tier", "sla", "urgent", "status", "assignee_id", "deadline", "sort_at", "channel", "customer_id",
    "customer_name", "conversation_id", "preview", "opened_at", "resolved_at", "reopened", "breached_at", "flags",
)  # fmt: skip
_ROW = [*(case.c[name] for name in _LISTED), agent.c.name.label("assignee")]


def list_query(wanted: Filter, *, after: tuple[bool, datetime, int] | None, limit: int) -> Select[Any]:
    """The query of one page; apart so that tests can look at its plan."""
    query = select(*_ROW).outerjoin(agent, agent.c.id == case.c.assignee_id)
    for condition in conditions(wanted):
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


def conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status is None:
        found.append(UNRESOLVED_ONLY)
    elif wanted.status != "any":
        found.append(RESOLVED_ONLY if wanted.status == "resolved" else unresolved_with(wanted.status))
    if wanted.tier:
        found.append(case.c.tier == wanted.tier)
    if wanted.channel:
        found.append(case.c.channel == wanted.channel)
    if wanted.assignee is not None:
        found.append(case.c.assignee_id == wanted.assignee)
    if wanted.teams is not None:
        found += [case.c.team_id.is_not(None), is_one_of_ids(case.c.team_id, wanted.teams)]
    if wanted.unassigned:
        found.append(case.c.assignee_id.is_(None))
    if wanted.words:
        found.append(_search(wanted.words))
    return found


def is_one_of_ids(column: ColumnElement[int], ids: Collection[int]) -> ColumnElement[bool]:
    """One alone is compared: then what is behind it in an index comes in order."""
    return column == next(iter(ids)) if len(ids) == 1 else column.in_(sorted(ids))


def _search(words: str) -> ColumnElement[bool]:
    """A case number, an address, or how a name begins: each is found by its own index, before anything is listed."""
    other = case.alias("other")
    return case.c.id.in_(union_all(*(select(other.c.id).where(way) for way in ways_to_find(words, other))))


def ways_to_find(words: str, among: FromClause = case) -> list[ColumnElement[bool]]:
    """Conditions of which one is enough; each has an index of its own."""
    text = words.strip()
    name = text.casefold()
    theirs = _with_address(text)
    found: list[ColumnElement[bool]] = [
        among.c.id.in_(_named(name)),
        among.c.customer_id.in_(theirs),
    ]
    number = case_id(text)
    return found if number is None else [*found, among.c.id == number]


def numbers_found(words: str, *also: ColumnElement[bool]) -> CompoundSelect[Any]:
    """The ids of the cases that these words find and for which `also` holds."""
    others = ways_to_find(words)[1:]
    named = _named(words.strip().casefold(), case, *also).subquery()
    return union(select(named.c.id), *(select(case.c.id).where(*also, way) for way in others))


def _named(name: str, among: FromClause | None = None, *also: ColumnElement[bool]) -> Select[Any]:
    """Cases of customers whose name begins so, as far as anybody looks."""
    named = case.alias("named") if among is None else among
    within = and_(named.c.customer_key >= name, named.c.customer_key < name + "\U0010ffff")
    return select(named.c.id).where(within, *also).order_by(named.c.customer_key).limit(NAMESAKES)


def _with_address(text: str) -> CompoundSelect[Any]:
    """Customers who claim this address, or for whom a platform vouches for it."""
    claiming = select(customer.c.id).where(customer.c.email == text.lower())
    ways: list[ColumnElement[bool]] = [identity.c.home_id.in_(claiming)]
    if (proven := proven_address(text)) is not None:
        ways.append(identity.c.proven == proven)
    return union_all(claiming, *(select(identity.c.customer_id).where(way) for way in ways))


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


def newest_case() -> ScalarSelect[int]:
    """The number of a conversation's newest case, as a part of a query that reads conversations."""
    query = select(case.c.id).where(case.c.conversation_id == conversation.c.id)
    return query.order_by(case.c.id.desc()).limit(1).correlate(conversation).scalar_subquery()


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
    """One case with its customer and its holder; of a person on several channels, what they have told on this one."""
    home = customer.alias("home")
    query = (
        select(
            case,
            agent.c.name.label("assignee"),
            agent.c.email.label("assignee_email"),
            home.c.id.label("home_id"),
            home.c.name.label("customer_full_name"),
            home.c.email.label("customer_email"),
            customer.c.name.label("customer_first_name"),
            customer.c.created_at.label("customer_since"),
            select(team.c.name).where(team.c.id == case.c.team_id).scalar_subquery().label("team"),
            conversation.c.identity_id,
            conversation.c.account,
            conversation.c.place,
            conversation.c.thread,
            conversation.c.public,
            conversation.c.owner,
            conversation.c.epoch,
            conversation.c.next_seq,
            conversation.c.recipient,
            conversation.c.subject,
            conversation.c.seen_seq,
            conversation.c.seen_at,
        )
        .join(customer, customer.c.id == case.c.customer_id)
        .join(conversation, conversation.c.id == case.c.conversation_id)
        .join(identity, identity.c.id == conversation.c.identity_id)
        .join(home, home.c.id == HOME)
        .outerjoin(agent, agent.c.id == case.c.assignee_id)
        .where(case.c.id == id_)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    found = dict(row)
    other = found.pop("customer_first_name")
    if not found["customer_full_name"] and other:
        # They are called so to their face: by a name that they have told elsewhere only if that is proven to be them.
        proven = await links.by_proof(connection, found["identity_id"])
        if await links.has_home(connection, proven, found["customer_id"]):
            found["customer_full_name"] = other
    return found


async def events(
    connection: AsyncConnection, id_: int, *, limit: int = 100, but: Collection[str] = ()
) -> list[dict[str, Any]]:
    """The newest events of a case, oldest first; `but`: kinds that are left out."""
    query = (
        select(
            case_event.c.id,
            case_event.c.kind,
            case_event.c.actor,
            agent.c.name.label("agent"),
            case_event.c.at,
            case_event.c.data,
        )
        .outerjoin(agent, agent.c.id == case_event.c.agent_id)
        .where(case_event.c.case_id == id_, case_event.c.kind.not_in(but))
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


async def move_promises(
    connection: AsyncConnection, of: int, to: int, *, conversation: int | None = None
) -> list[dict[str, Any]]:
    """Open promises of one case become another's; `conversation`: only those that were made there. What was moved."""
    theirs = [promise.c.case_id == of, promise.c.state == "open"]
    if conversation is not None:
        theirs.append(promise.c.conversation_id == conversation)
    moved = update(promise).where(*theirs).values(case_id=to).returning(promise.c.by, promise.c.made_at)
    return [dict(row) for row in (await connection.execute(moved)).mappings()]


async def follow(connection: AsyncConnection, of: int, to: int) -> None:
    """What was merged into one case is merged into another with it."""
    await connection.execute(update(case).where(case.c.merged_into_id == of).values(merged_into_id=to))


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


async def conversations_of_customer(
    connection: AsyncConnection, customer_id: int, *, but: int, limit: int = 8
) -> list[dict[str, Any]]:
    """Newest first, each with the customer's last words and its newest case."""
    last = (
        select(func.substr(message.c.body, 1, 4 * WORDS))
        .where(message.c.conversation_id == conversation.c.id, message.c.direction == "in", message.c.body != "")
        .order_by(message.c.seq.desc())
        .limit(1)
        .correlate(conversation)
        .scalar_subquery()
    )
    query = (
        select(
            conversation.c.id,
            conversation.c.channel,
            conversation.c.public,
            conversation.c.owner,
            conversation.c.created_at,
            conversation.c.last_in_at,
            identity.c.name,
            last.label("words"),
            newest_case().label("case_id"),
        )
        .join(identity, identity.c.id == conversation.c.identity_id)
        .where(conversation.c.customer_id == customer_id, conversation.c.id != but)
        .order_by(conversation.c.id.desc())
        .limit(limit)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def identities(connection: AsyncConnection, customer_id: int) -> list[dict[str, Any]]:
    query = select(
        identity.c.id,
        identity.c.channel,
        identity.c.account,
        identity.c.external_id,
        identity.c.name,
        identity.c.email,
        identity.c.verified,
    ).where(identity.c.customer_id == customer_id)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def held_by(connection: AsyncConnection, agent_id: int) -> list[tuple[int, int]]:
    """All unresolved cases in somebody's hands: (case, conversation)."""
    query = select(case.c.id, case.c.conversation_id).where(UNRESOLVED_ONLY, case.c.assignee_id == agent_id)
    return [(row[0], row[1]) for row in await connection.execute(query.order_by(case.c.id))]


# --- numbers ---------------------------------------------------------------------------------


async def waiting_ahead(connection: AsyncConnection, by: datetime, *, cap: int = 50) -> int:
    """How many first-class cases wait with an earlier deadline; at most `cap`."""
    ahead = (
        select(case.c.id)
        .where(unresolved_with("waiting"), case.c.urgent.is_(True), case.c.sort_at < by)
        .limit(cap)
        .subquery()
    )
    return int((await connection.execute(select(func.count()).select_from(ahead))).scalar_one())


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
