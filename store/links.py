"""Whose identities are one person's: links between identities, and the codes that prove them.

Identities and the links that stand between them are a graph without circles; each of its parts is a customer. Of those
as whom its identities came (`home`) the oldest is the customer of a part. So what a row says of its customer follows
from identities and links alone, in whichever order links were made and undone, and undoing them all leaves what was.

A link by hand (`how` is "hand") joins what agents see. It proves nothing: `by_proof` says who is one person without it.

Who changes a link holds them all (`hold`), then the conversations that may move, in their order, then the identities.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import settings
from store.tables import HOME, agent, case, conversation, identity, link, link_code, link_try, message

CODE_DUE: Final = "code_over"
"""Of due rows: this code's time is over."""
_HELD: Final = "links"
_STANDS: Final = link.c.undone_at.is_(None)
BY_HAND: Final = "hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An identity in a link's terms."""

    id: int
    customer_id: int
    home: int
    channel: str
    name: str
    proven: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    id: int
    identity_id: int
    other_id: int
    how: str
    conversation_id: int | None
    other_conversation_id: int | None
    at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code that counts."""

    id: int
    identity_id: int
    conversation_id: int
    agent_id: int | None


_KNOWN: Final = [
    identity.c.id,
    identity.c.customer_id,
    HOME.label("home"),
    identity.c.channel,
    identity.c.name,
    identity.c.proven,
]
_LINK: Final = [link.c[name] for name in Link.__dataclass_fields__]


async def hold(connection: AsyncConnection, now: datetime) -> None:
    """Nobody else links or unlinks anybody until the transaction ends. Before any other lock of the unit."""
    await settings.hold(connection, _HELD, None, now)


# --- who is who --------------------------------------------------------------------------------------


def partition(homes: Mapping[int, int], edges: Iterable[tuple[int, int]]) -> dict[int, int]:
    """The customer of each identity: of all as whom those linked with it came, the oldest.

    Args:
        homes: as whom each identity came.
        edges: pairs of identities between which a link stands.
    """
    root = {id_: id_ for id_ in homes}

    def top(id_: int) -> int:
        while root[id_] != id_:
            root[id_] = root[root[id_]]
            id_ = root[id_]
        return id_

    for one, other in edges:
        root[top(one)] = top(other)
    oldest: dict[int, int] = {}
    for id_, home in homes.items():
        oldest[top(id_)] = min(home, oldest.get(top(id_), home))
    return {id_: oldest[top(id_)] for id_ in homes}


async def known(connection: AsyncConnection, identity_id: int) -> Known | None:
    row = (await connection.execute(select(*_KNOWN).where(identity.c.id == identity_id))).mappings().one_or_none()
    return None if row is None else Known(**row)


async def together(connection: AsyncConnection, customers: Collection[int], *, lock: bool = False) -> list[Known]:
    """All identities of these customers, by id."""
    query = select(*_KNOWN).where(identity.c.customer_id.in_(customers)).order_by(identity.c.id)
    if lock:
        query = query.with_for_update()
    return [Known(**row) for row in (await connection.execute(query)).mappings()]


async def between(connection: AsyncConnection, identities: Collection[int]) -> list[Link]:
    """The links that stand at these identities, the oldest first."""
    at_either = or_(and_(_STANDS, link.c.identity_id.in_(identities)), and_(_STANDS, link.c.other_id.in_(identities)))
    query = select(*_LINK).where(at_either).order_by(link.c.id)
    return [Link(**row) for row in (await connection.execute(query)).mappings()]


async def by_proof(connection: AsyncConnection, identity_id: int) -> frozenset[int]:
    """The identities that are proven to be one person's with this one: no link by hand counts. Itself is among them.

    Whatever is sent or shown to customers because of who they are asks this, never whose customer an identity is.
    """
    one = await known(connection, identity_id)
    people = await together(connection, [one.customer_id]) if one is not None else []
    ids = [who.id for who in people]
    edges = [(row.identity_id, row.other_id) for row in await between(connection, ids) if row.how != BY_HAND]
    # Any number stands for a part here: only who is in the same one is asked.
    part = partition({id_: id_ for id_ in ids}, [edge for edge in edges if {*edge} <= {*ids}])
    return frozenset(id_ for id_ in ids if part[id_] == part[identity_id]) | {identity_id}


async def proven_over(connection: AsyncConnection, one: Known, other: Known, now: datetime) -> bool:
    """Two of one customer's identities are about to be joined by proof: end the link by hand that stands between them.

    False: they are joined by proof already, and nothing is to be done.
    """
    if other.id in await by_proof(connection, one.id):
        return False
    ids = [who.id for who in await together(connection, [one.customer_id])]
    edges = await between(connection, ids)
    for edge in (edge for edge in edges if edge.how == BY_HAND):
        kept = [(row.identity_id, row.other_id) for row in edges if row.id != edge.id]
        part = partition({id_: id_ for id_ in ids}, kept)
        if part[one.id] != part[other.id]:  # on the one way between them
            await undo(connection, edge, by=None, now=now)
            return True
    return False


async def read(connection: AsyncConnection, link_id: int) -> Link | None:
    row = (await connection.execute(select(*_LINK).where(link.c.id == link_id))).mappings().one_or_none()
    return None if row is None else Link(**row)


async def conversations_of(connection: AsyncConnection, customers: Collection[int]) -> list[int]:
    """Numbers of all conversations of these customers: what moves with a link."""
    query = select(conversation.c.id).where(conversation.c.customer_id.in_(customers))
    return [row[0] for row in await connection.execute(query)]


async def add(connection: AsyncConnection, **columns: Any) -> int:
    """A link, and with it all that moves. Its number. The two are of different customers."""
    added = await connection.execute(insert(link).values(columns).returning(link.c.id))
    ends = [columns["identity_id"], columns["other_id"]]
    owners = (await connection.execute(select(identity.c.customer_id).where(identity.c.id.in_(ends)))).scalars().all()
    await _settle(connection, owners)
    return int(added.scalar_one())


async def undo(connection: AsyncConnection, undone: Link, *, by: int | None, now: datetime) -> bool:
    """Apart again, with all that is each one's own; False: it was undone before. `by` None: a proof took its place."""
    done = await connection.execute(
        update(link).where(link.c.id == undone.id, _STANDS).values(undone_at=now, undone_by=by)
    )
    if not done.rowcount:
        return False
    one = await known(connection, undone.identity_id)
    await _settle(connection, [one.customer_id] if one is not None else [])
    return True


async def was_undone(connection: AsyncConnection, one: int, other: int) -> bool:
    """Has somebody taken these two apart before?"""
    # What a proof has replaced nobody took apart.
    undone = and_(link.c.undone_at.is_not(None), or_(link.c.how != BY_HAND, link.c.undone_by.is_not(None)))
    pair = or_(
        and_(undone, link.c.identity_id == one, link.c.other_id == other),
        and_(undone, link.c.identity_id == other, link.c.other_id == one),
    )
    found = await connection.execute(select(link.c.id).where(pair).limit(1))
    return found.first() is not None


async def _settle(connection: AsyncConnection, customers: Collection[int]) -> None:
    """Give the identities of these customers, and all that they wrote, to whom they belong by the links that stand."""
    people = await together(connection, customers, lock=True)
    edges = [(row.identity_id, row.other_id) for row in await between(connection, [one.id for one in people])]
    new = partition({one.id: one.home for one in people}, edges)
    moving: dict[int, list[int]] = {}
    for one in people:
        if new[one.id] != one.customer_id:
            moving.setdefault(new[one.id], []).append(one.id)
    for customer_id, ids in moving.items():
        await _move(connection, ids, customer_id)


async def _move(connection: AsyncConnection, identities: Collection[int], customer_id: int) -> None:
    theirs = conversation.c.identity_id.in_(identities)
    await connection.execute(
        update(identity).where(identity.c.id.in_(identities)).values(home_id=HOME, customer_id=customer_id)
    )
    # Whoever has read one of these and decides by it must look again: what is opened belongs to another customer now.
    await connection.execute(
        update(conversation).where(theirs).values(customer_id=customer_id, version=conversation.c.version + 1)
    )
    await connection.execute(
        update(case)
        .where(case.c.conversation_id.in_(select(conversation.c.id).where(theirs)))
        .values(customer_id=customer_id)
    )


async def vouched_for(connection: AsyncConnection, proven: str, *, but: int) -> Known | None:
    """The first identity with this proven address."""
    query = select(*_KNOWN).where(identity.c.proven == proven, identity.c.id != but).order_by(identity.c.id).limit(1)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Known(**row)


async def first_of(connection: AsyncConnection, customer_id: int) -> Known | None:
    """The oldest identity of a customer; None: they have none, or have become a part of another."""
    query = select(*_KNOWN).where(identity.c.customer_id == customer_id).order_by(identity.c.id).limit(1)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Known(**row)


async def has_home(connection: AsyncConnection, identities: Collection[int], customer_id: int) -> bool:
    """Did one of these come as that customer?"""
    query = select(identity.c.id).where(identity.c.id.in_(identities), HOME.in_([customer_id])).limit(1)
    return (await connection.execute(query)).first() is not None


async def newest_conversation(connection: AsyncConnection, identity_id: int) -> int | None:
    query = select(func.max(conversation.c.id)).where(conversation.c.identity_id == identity_id)
    found: int | None = (await connection.execute(query)).scalar_one_or_none()
    return found


# --- codes -------------------------------------------------------------------------------------------


def _counts(now: datetime) -> ColumnElement[bool]:
    return and_(link_code.c.over_at.is_(None), link_code.c.expires_at > now)


async def lock_identity(connection: AsyncConnection, identity_id: int) -> None:
    """What is counted of them is counted by nobody else until the transaction ends."""
    await connection.execute(select(identity.c.id).where(identity.c.id == identity_id).with_for_update())


async def find_code(connection: AsyncConnection, hashed: str, now: datetime) -> Code | None:
    """The code with this hash, if it still counts."""
    query = select(link_code.c.id, link_code.c.identity_id, link_code.c.conversation_id, link_code.c.agent_id).where(
        link_code.c.hash == hashed, _counts(now)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Code(**row)


async def put_code(connection: AsyncConnection, **columns: Any) -> int:
    """A new code; those that this identity had before count no more."""
    before = await connection.execute(
        select(link_code.c.id).where(link_code.c.identity_id == columns["identity_id"], _counts(columns["made_at"]))
    )
    for (id_,) in before.all():
        await end_code(connection, id_, columns["made_at"])
    added = await connection.execute(insert(link_code).values(columns).returning(link_code.c.id))
    return int(added.scalar_one())


async def end_code(connection: AsyncConnection, code_id: int, now: datetime) -> bool:
    """It counts no more, and the message that showed it does not show it any more; False: it had ended before."""
    done = await connection.execute(
        update(link_code).where(link_code.c.id == code_id, link_code.c.over_at.is_(None)).values(over_at=now)
    )
    where = await connection.execute(
        select(message.c.id, message.c.meta)
        .join(
            link_code, and_(link_code.c.conversation_id == message.c.conversation_id, link_code.c.seq == message.c.seq)
        )
        .where(link_code.c.id == code_id)
    )
    for id_, meta in where.all():
        if meta and meta.get("masked"):
            await connection.execute(update(message).where(message.c.id == id_).values(body=meta["masked"]))
    return bool(done.rowcount)


async def codes_lately(connection: AsyncConnection, identity_id: int, since: datetime) -> int:
    query = select(func.count()).where(link_code.c.identity_id == identity_id, link_code.c.made_at > since)
    return int((await connection.execute(query)).scalar_one())


async def tries_lately(connection: AsyncConnection, identity_id: int, since: datetime) -> int:
    """How many codes of this identity's were wrong since then."""
    query = select(func.count()).where(link_try.c.identity_id == identity_id, link_try.c.at > since)
    return int((await connection.execute(query)).scalar_one())


async def note_try(connection: AsyncConnection, identity_id: int, now: datetime) -> None:
    await connection.execute(insert(link_try).values(identity_id=identity_id, at=now))


async def purge(connection: AsyncConnection, before: datetime, *, limit: int) -> int:
    """Delete codes and tries from before then, about `limit` of each; how many of what there is most."""
    most = 0
    for table, at in ((link_code, link_code.c.made_at), (link_try, link_try.c.at)):
        old = select(table.c.id).where(at < before).order_by(at).limit(limit)
        most = max(most, int((await connection.execute(delete(table).where(table.c.id.in_(old)))).rowcount))
    return most


# --- for the desk ------------------------------------------------------------------------------------


async def described(connection: AsyncConnection, identities: Collection[int]) -> list[dict[str, Any]]:
    """The links that stand at these identities, with who had asked for the proof; the oldest first."""
    at_either = or_(and_(_STANDS, link.c.identity_id.in_(identities)), and_(_STANDS, link.c.other_id.in_(identities)))
    query = (
        select(
            link.c.id, link.c.identity_id, link.c.other_id, link.c.how, link.c.why, link.c.at,
            agent.c.name.label("asked_by"),
        )
        .outerjoin(agent, agent.c.id == link.c.agent_id)
        .where(at_either)
        .order_by(link.c.id)
    )  # fmt: skip
    return [dict(row) for row in (await connection.execute(query)).mappings()]
