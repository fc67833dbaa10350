"""A team's chat as the desk's window: what people did there, who they are, what it shows, what is to leave.

post:  queued -> sending -> sent | unknown | failed; a card may be `digested` instead: a digest names its case
send:  asked -> held -> leaving -> sent | refused; asked, held -> undone
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, func, insert, literal_column, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.agents import Agent
from store.inbox import digest, upsert
from store.tables import (
    LIVE_CARD,
    TO_POST,
    UNRESOLVED_ONLY,
    agent,
    agent_code,
    agent_name,
    case,
    conversation,
    window_event,
    window_post,
    window_send,
)

CODE_LASTS: Final = timedelta(minutes=10)
ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Of codes: nothing that is taken for something else."""
SETTLED: Final = timedelta(minutes=2)
"""No transaction lasts so long: of numbers given out before then none is still to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """One window: a place of one account."""

    channel: str
    account: str
    place: str

    @property
    def name(self) -> str:
        return f"{self.channel}:{self.account}:{self.place}"


# --- what people did ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    id: int
    kind: str
    data: dict[str, Any]
    dedupe: str
    at: datetime
    tries: int


async def keep(connection: AsyncConnection, events: Sequence[dict[str, Any]], now: datetime) -> int:
    """Keep them, each once; how many were new. Of each: channel, account, dedupe, kind, data."""
    new = 0
    for each in events:
        statement = upsert(connection)(window_event).values(**each, at=now)
        made = await connection.execute(
            statement.on_conflict_do_nothing(index_elements=["dedupe"]).returning(window_event.c.id)
        )
        new += made.scalar_one_or_none() is not None
    return new


async def waiting(connection: AsyncConnection, pane: Pane, *, limit: int = 200) -> list[Event]:
    """What nobody has seen to yet, in its order."""
    query = (
        select(
            window_event.c.id, window_event.c.kind, window_event.c.data, window_event.c.dedupe, window_event.c.at,
            window_event.c.tries,
        )
        .where(
            window_event.c.done_at.is_(None),
            window_event.c.channel == pane.channel,
            window_event.c.account == pane.account,
        )
        .order_by(window_event.c.id)
        .limit(limit)
    )  # fmt: skip
    return [Event(**row) for row in (await connection.execute(query)).mappings()]


async def second_thoughts(connection: AsyncConnection, pane: Pane) -> set[int]:
    """Sends that somebody wants to take back, where nobody has seen to that yet."""
    query = select(window_event.c.data).where(
        window_event.c.done_at.is_(None),
        window_event.c.kind == "pressed",
        window_event.c.channel == pane.channel,
        window_event.c.account == pane.account,
    )
    found = [str(data.get("button", "")).partition(":") for data in (await connection.execute(query)).scalars()]
    return {int(value) for kind, _, value in found if kind == "undo" and value.isascii() and value.isdigit()}


async def done(connection: AsyncConnection, event_id: int, now: datetime, error: str | None = None) -> None:
    row = window_event.c.id == event_id
    await connection.execute(update(window_event).where(row).values(done_at=now, error=error))


async def tried(connection: AsyncConnection, event_id: int) -> None:
    row = window_event.c.id == event_id
    await connection.execute(update(window_event).where(row).values(tries=window_event.c.tries + 1))


async def purge(connection: AsyncConnection, before: datetime, *, limit: int) -> int:
    """Delete some of what was seen to before then, and codes that are over; how many."""
    await connection.execute(delete(agent_code).where(agent_code.c.expires_at < before))
    seen = window_event.c.done_at.is_not(None)
    old = select(window_event.c.id).where(seen, window_event.c.done_at < before).order_by(window_event.c.done_at)
    result = await connection.execute(
        delete(window_event).where(window_event.c.id.in_(old.limit(limit).scalar_subquery()))
    )
    return int(result.rowcount)


# --- who they are ------------------------------------------------------------------------------


async def make_code(connection: AsyncConnection, agent_id: int, now: datetime) -> str:
    """A code for one person, who writes it in the window; one made before is over. Only its hash is kept."""
    await connection.execute(delete(agent_code).where(agent_code.c.agent_id == agent_id))
    word = "".join(secrets.choice(ALPHABET) for _ in range(8))
    await connection.execute(
        insert(agent_code).values(agent_id=agent_id, hash=_hash(word), expires_at=now + CODE_LASTS)
    )
    return f"{word[:4]}-{word[4:]}"


async def use_code(connection: AsyncConnection, code: str, now: datetime) -> int | None:
    """Whose it is, and it is used up. None: nobody's, or too late."""
    result = await connection.execute(
        delete(agent_code)
        .where(agent_code.c.hash == _hash(code), agent_code.c.expires_at > now)
        .returning(agent_code.c.agent_id)
    )
    found = result.scalar_one_or_none()
    return None if found is None else int(found)


def _hash(code: str) -> str:
    return hashlib.sha256(code.replace("-", "").upper().encode()).hexdigest()


async def name(
    connection: AsyncConnection, agent_id: int, *, channel: str, account: str, external_id: str, how: str, now: datetime
) -> None:
    """From now on they are taken for this colleague there."""
    values = {"agent_id": agent_id, "how": how, "at": now}
    statement = upsert(connection)(agent_name).values(
        channel=channel, account=account, external_id=external_id, **values
    )
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["channel", "account", "external_id"], set_=values)
    )


async def who(connection: AsyncConnection, channel: str, account: str, external_id: str) -> Agent | None:
    """Which colleague they are, also one who is locked out; None: nobody has said."""
    query = (
        select(agent.c.id, agent.c.email, agent.c.name, agent.c.role, agent.c.active)
        .join(agent_name, agent_name.c.agent_id == agent.c.id)
        .where(
            agent_name.c.channel == channel,
            agent_name.c.account == account,
            agent_name.c.external_id == external_id,
        )
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Agent(**row)


async def names_of(connection: AsyncConnection, agent_id: int) -> list[dict[str, Any]]:
    """As whom somebody acts in windows."""
    columns = (agent_name.c.id, agent_name.c.channel, agent_name.c.account, agent_name.c.external_id, agent_name.c.how)
    query = select(*columns, agent_name.c.at).where(agent_name.c.agent_id == agent_id).order_by(agent_name.c.id)
    return [dict(row) for row in (await connection.execute(query.limit(20))).mappings()]


async def unname(connection: AsyncConnection, agent_id: int, id_: int) -> bool:
    """Nobody is taken for them by that any more. False: it is none of theirs."""
    row = and_(agent_name.c.id == id_, agent_name.c.agent_id == agent_id)
    return bool((await connection.execute(delete(agent_name).where(row))).rowcount)


# --- what it shows -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    id: int
    key: str
    kind: str
    case_id: int | None
    seq: int | None
    digest_id: int | None
    ts: str | None
    status: str
    rev: int
    told: int
    tries: int
    created_at: datetime


_POST = [window_post.c[each] for each in Post.__dataclass_fields__]
_MINE = ("channel", "account", "place")


def _of(pane: Pane) -> Any:
    return and_(*(window_post.c[each] == getattr(pane, each) for each in _MINE))


def _key(kind: str, pane: Pane, *what: object) -> str:
    """At most 25 characters, the same at every attempt."""
    return f"{kind[0]}{digest(pane.name, kind, *what)[:24]}"


async def newest_case(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(func.coalesce(func.max(case.c.id), 0)))).scalar_one())


async def settled_case(connection: AsyncConnection, mark: int, now: datetime) -> int:
    """The newest case behind `mark` before which none is still to come."""
    query = select(func.coalesce(func.max(case.c.id), mark)).where(case.c.id > mark, case.c.opened_at < now - SETTLED)
    return int((await connection.execute(query)).scalar_one())


async def cases_without_card(
    connection: AsyncConnection,
    pane: Pane,
    *,
    behind: int,
    among: Collection[int] = (),
    urgent_only: bool,
    limit: int = 200,
) -> list[dict[str, Any]]:
    """Cases behind that one, or among these where they have become urgent, of which the window has no card."""
    card = select(window_post.c.id).where(window_post.c.case_id == case.c.id, window_post.c.kind == "card", _of(pane))
    ways = [case.c.id > behind, *([case.c.id.in_(among)] if urgent_only and among else [])]
    found: list[dict[str, Any]] = []
    for way in ways:  # each by its own index
        query = (
            select(case.c.id, case.c.status, case.c.assignee_id, case.c.tier, conversation.c.next_seq)
            .join(conversation, conversation.c.id == case.c.conversation_id)
            .where(way, ~card.exists(), *([case.c.urgent] if urgent_only else []))
            .order_by(case.c.id)
            .limit(limit)
        )
        found += [dict(row) for row in (await connection.execute(query)).mappings()]
    return found


async def put_card(connection: AsyncConnection, pane: Pane, found: dict[str, Any], now: datetime) -> None:
    """A card for a case, as it stands now; its conversation is told from here on."""
    statement = upsert(connection)(window_post).values(
        key=_key("card", pane, found["id"]), kind="card", case_id=found["id"], seq=found["next_seq"] - 1,
        channel=pane.channel, account=pane.account, place=pane.place, status="queued",
        shown_status=found["status"], shown_holder=found["assignee_id"], shown_tier=found["tier"],
        created_at=now, next_try_at=now,
    )  # fmt: skip
    await connection.execute(statement.on_conflict_do_nothing(index_elements=["key"]))


async def put(
    connection: AsyncConnection,
    pane: Pane,
    kind: str,
    *what: object,
    now: datetime,
    case_id: int | None = None,
    seq: int | None = None,
    ts: str | None = None,
) -> int:
    """A post to be made; with `ts` one that stands there already. Its id, also if it is known."""
    key = _key(kind, pane, *what)
    statement = upsert(connection)(window_post).values(
        key=key, kind=kind, case_id=case_id, seq=seq, channel=pane.channel, account=pane.account, place=pane.place,
        status="queued" if ts is None else "sent", ts=ts, created_at=now, next_try_at=now,
    )  # fmt: skip
    await connection.execute(statement.on_conflict_do_nothing(index_elements=["key"]))
    return int((await connection.execute(select(window_post.c.id).where(window_post.c.key == key))).scalar_one())


async def changed_cards(
    connection: AsyncConnection, pane: Pane, *, among: Collection[int] | None, limit: int = 200
) -> list[dict[str, Any]]:
    """Cards whose case is not what it was, or whose conversation went on. `among`: of these cases only, resolved ones
    too; None: of all that are not resolved."""
    shown = window_post.c
    query = (
        select(
            shown.id.label("post_id"),
            shown.seq.label("told_seq"),
            shown.status.label("posted"),
            shown.digest_id,
            shown.shown_status,
            case.c.id,
            case.c.status,
            case.c.assignee_id,
            case.c.tier,
            case.c.resolved_at,
            case.c.conversation_id,
            conversation.c.next_seq,
        )
        .join(case, case.c.id == window_post.c.case_id)
        .join(conversation, conversation.c.id == case.c.conversation_id)
        .where(window_post.c.kind == "card", _of(pane))
        .where(
            or_(
                case.c.status != window_post.c.shown_status,
                func.coalesce(case.c.assignee_id, 0) != func.coalesce(window_post.c.shown_holder, 0),
                case.c.tier != window_post.c.shown_tier,
                and_(conversation.c.next_seq - 1 > window_post.c.seq, UNRESOLVED_ONLY),
            )
        )
        .limit(limit)
    )
    query = query.where(text(LIVE_CARD)) if among is None else query.where(window_post.c.case_id.in_(among))
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def reopened(connection: AsyncConnection, pane: Pane, *, limit: int = 500) -> list[int]:
    """Cases that are open again while their card says that they are resolved: for when no hint told it."""
    query = (
        select(case.c.id)
        .join(window_post, window_post.c.case_id == case.c.id)
        .where(UNRESOLVED_ONLY, window_post.c.kind == "card", window_post.c.shown_status == "resolved", _of(pane))
        .limit(limit)
    )
    return list((await connection.execute(query)).scalars())


async def cases_of(connection: AsyncConnection, conversations: Collection[int]) -> list[int]:
    """Unresolved cases of these conversations."""
    query = select(case.c.id).where(case.c.conversation_id.in_(conversations), UNRESOLVED_ONLY)
    return list((await connection.execute(query)).scalars())


async def saw(connection: AsyncConnection, found: dict[str, Any], *, seq: int, requeue: bool, now: datetime) -> None:
    """The card is to show this, and its conversation is told up to `seq`."""
    values: dict[str, Any] = {
        "shown_status": found["status"], "shown_holder": found["assignee_id"], "shown_tier": found["tier"],
        "seq": seq, "rev": window_post.c.rev + 1,
    }  # fmt: skip
    if requeue:
        values |= {"status": "queued", "next_try_at": now}
    await connection.execute(update(window_post).where(window_post.c.id == found["post_id"]).values(**values))
    if found["digest_id"] is not None:
        await grow(connection, found["digest_id"])


async def grow(connection: AsyncConnection, post_id: int) -> None:
    """It is to be shown anew."""
    row = window_post.c.id == post_id
    await connection.execute(update(window_post).where(row).values(rev=window_post.c.rev + 1))


async def read_post(connection: AsyncConnection, post_id: int) -> Post | None:
    row = (await connection.execute(select(*_POST).where(window_post.c.id == post_id))).mappings().one_or_none()
    return None if row is None else Post(**row)


async def card_at(connection: AsyncConnection, pane: Pane, ts: str) -> Post | None:
    """The card that a thread hangs from; None: it hangs from none."""
    query = select(*_POST).where(_of(pane), window_post.c.ts == ts, window_post.c.kind == "card").limit(1)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Post(**row)


async def card_of(connection: AsyncConnection, pane: Pane, case_id: int) -> Post | None:
    query = select(*_POST).where(_of(pane), window_post.c.case_id == case_id, window_post.c.kind == "card").limit(1)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Post(**row)


async def is_unclear(connection: AsyncConnection, pane: Pane) -> bool:
    """Is there a card that may stand there without our knowing what it is called?"""
    query = select(window_post.c.id).where(
        text(f"({TO_POST})"), window_post.c.status == "unknown", window_post.c.kind == "card", _of(pane)
    )
    return (await connection.execute(query.limit(1))).scalar_one_or_none() is not None


async def shown_up_to(connection: AsyncConnection, card: Post) -> int:
    """The last message of its conversation that the thread under this card shows, with all before it."""
    unsaid = select(func.min(window_post.c.seq)).where(
        window_post.c.case_id == card.case_id,
        window_post.c.kind == "line",
        window_post.c.status.not_in(("sent", "failed")),
    )
    first = (await connection.execute(unsaid)).scalar_one_or_none()
    return (card.seq or 0) if first is None else int(first) - 1


_FIRST: ColumnElement[int] = literal_column(
    "CASE kind WHEN 'send' THEN 0 WHEN 'card' THEN 1 WHEN 'digest' THEN 1 ELSE 2 END"
)
"""Who waits for their undo is shown it first."""


async def to_post(connection: AsyncConnection, pane: Pane, now: datetime, *, limit: int = 20) -> list[Post]:
    """What is to be posted, looked for, or shown anew. Lines wait until their card stands."""
    card = window_post.alias("card")
    stands = select(card.c.id).where(
        card.c.case_id == window_post.c.case_id,
        card.c.kind == "card",
        card.c.ts.is_not(None),
        card.c.channel == window_post.c.channel,
        card.c.account == window_post.c.account,
        card.c.place == window_post.c.place,
    )
    query = (
        select(*_POST)
        .where(text(f"({TO_POST})"), window_post.c.next_try_at <= now, _of(pane))
        .where(or_(window_post.c.kind.in_(("card", "digest")), stands.exists()))
        .order_by(_FIRST, window_post.c.id)
        .limit(limit)
    )
    return [Post(**row) for row in (await connection.execute(query)).mappings()]


async def queued_cards(connection: AsyncConnection, pane: Pane, *, limit: int = 500) -> list[int]:
    """Cards that were never tried."""
    query = select(window_post.c.id).where(
        text(f"({TO_POST})"), window_post.c.status == "queued", window_post.c.kind == "card", _of(pane)
    )
    query = query.where(window_post.c.tries == 0, window_post.c.shown_holder.is_(None))
    return list((await connection.execute(query.order_by(window_post.c.id).limit(limit))).scalars())


async def young_digest(connection: AsyncConnection, pane: Pane, since: datetime) -> int | None:
    """A digest that may still grow."""
    query = (
        select(window_post.c.id)
        .where(text("kind = 'digest'"), window_post.c.created_at > since, _of(pane))
        .order_by(window_post.c.created_at.desc())
        .limit(1)
    )
    return (await connection.execute(query)).scalar_one_or_none()


async def gather_in(connection: AsyncConnection, digest_id: int, cards: Collection[int], not_before: datetime) -> None:
    """These are named by a digest instead; it is shown anew, not before then."""
    row = window_post.c.id.in_(cards)
    await connection.execute(
        update(window_post).where(row, window_post.c.status == "queued").values(status="digested", digest_id=digest_id)
    )
    await connection.execute(
        update(window_post)
        .where(window_post.c.id == digest_id, window_post.c.status == "sent", window_post.c.rev == window_post.c.told)
        .values(next_try_at=not_before)
    )
    await grow(connection, digest_id)


async def digested(connection: AsyncConnection, digest_id: int, *, limit: int = 8) -> tuple[int, list[int]]:
    """How many of its cases wait, and the most urgent ones."""
    theirs = and_(window_post.c.digest_id == digest_id, case.c.status == "waiting")
    joined = select(case.c.id).join(window_post, window_post.c.case_id == case.c.id).where(theirs)
    count = (await connection.execute(select(func.count()).select_from(joined.subquery()))).scalar_one()
    first = joined.order_by(case.c.urgent.desc(), case.c.sort_at, case.c.id).limit(limit)
    return int(count), list((await connection.execute(first)).scalars())


async def sending(connection: AsyncConnection, post_id: int) -> bool:
    """The request is about to leave. False: somebody else's has."""
    row = and_(window_post.c.id == post_id, window_post.c.status == "queued")
    result = await connection.execute(
        update(window_post).where(row).values(status="sending", tries=window_post.c.tries + 1)
    )
    return bool(result.rowcount)


async def stands(connection: AsyncConnection, post_id: int, ts: str, told: int) -> None:
    """It stands there, and shows that much."""
    row = window_post.c.id == post_id
    await connection.execute(
        update(window_post).where(row).values(status="sent", ts=ts, told=told, tries=0, error=None)
    )


async def put_off(
    connection: AsyncConnection, post_id: int, status: str, at: datetime, error: str, *, tries: int | None = None
) -> None:
    """It does not, or nobody knows; again at that time."""
    more = {} if tries is None else {"tries": tries}
    row = window_post.c.id == post_id
    await connection.execute(
        update(window_post).where(row).values(status=status, next_try_at=at, error=error[:500], **more)
    )


async def after_a_death(connection: AsyncConnection, pane: Pane, now: datetime) -> int:
    """What was on its way when its sender died may have arrived; how much that was."""
    result = await connection.execute(
        update(window_post).where(text("status = 'sending'"), _of(pane)).values(status="unknown", next_try_at=now)
    )
    return int(result.rowcount)


# --- what is to leave --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    id: int
    case_id: int
    agent_id: int
    post_id: int | None
    person: str
    thread: str
    body: str
    after_seq: int
    state: str
    leaves_at: datetime | None
    seq: int | None
    why: str | None


_SEND = [window_send.c[each] for each in Send.__dataclass_fields__]


async def ask(connection: AsyncConnection, *, dedupe: str, now: datetime, **what: Any) -> Send:
    """Somebody has pointed at words of theirs; nothing leaves yet. The same event asks once."""
    statement = upsert(connection)(window_send).values(dedupe=dedupe, state="asked", created_at=now, **what)
    await connection.execute(statement.on_conflict_do_nothing(index_elements=["dedupe"]))
    row = (await connection.execute(select(*_SEND).where(window_send.c.dedupe == dedupe))).mappings().one()
    return Send(**row)


async def read_send(connection: AsyncConnection, id_: int) -> Send | None:
    row = (await connection.execute(select(*_SEND).where(window_send.c.id == id_))).mappings().one_or_none()
    return None if row is None else Send(**row)


async def send_of(connection: AsyncConnection, post_id: int) -> Send | None:
    """What a line tells of."""
    query = select(*_SEND).where(window_send.c.post_id == post_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Send(**row)


async def move(connection: AsyncConnection, id_: int, came_from: Sequence[str], to: str, **more: Any) -> bool:
    """From one state to the next; its line shows it. False: it is in another."""
    row = and_(window_send.c.id == id_, window_send.c.state.in_(came_from))
    result = await connection.execute(
        update(window_send).where(row).values(state=to, **more).returning(window_send.c.post_id)
    )
    moved = result.one_or_none()
    if moved is not None and moved[0] is not None:
        await grow(connection, moved[0])
    return moved is not None


async def leaving(connection: AsyncConnection, pane: Pane, now: datetime) -> list[Send]:
    """Those of this window whose time has come, and those that were on their way when their sender died."""
    query = (
        select(*_SEND)
        .join(window_post, window_post.c.id == window_send.c.post_id)
        .where(text("state IN ('held', 'leaving')"), window_send.c.leaves_at <= now, _of(pane))
        .order_by(window_send.c.leaves_at)
        .limit(20)
    )
    return [Send(**row) for row in (await connection.execute(query)).mappings()]


async def sent_by(connection: AsyncConnection, case_id: int, agent_id: int) -> set[int]:
    """Messages of that case which this colleague has sent from a window."""
    query = select(window_send.c.seq).where(
        window_send.c.case_id == case_id, window_send.c.agent_id == agent_id, window_send.c.state == "sent"
    )
    return {seq for seq in (await connection.execute(query)).scalars() if seq is not None}


async def next_leaves_at(connection: AsyncConnection) -> datetime | None:
    query = select(func.min(window_send.c.leaves_at)).where(text("state IN ('held', 'leaving')"))
    found: datetime | None = (await connection.execute(query)).scalar_one_or_none()
    return found
