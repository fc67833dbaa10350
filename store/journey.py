"""What the router reads before it decides, and the lock under which it writes.

Reading costs what is undecided and a fixed window of what came before; it does not grow with a conversation's age.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import HOME, STANDING_BLOCK, UNDECIDED, agent, block, case, conversation, customer, identity, message
from store.words import Owner

WINDOW: Final = 40
"""How many messages back the router looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRow:
    id: int
    customer_id: int
    identity_id: int
    customer_name: str
    """What they have told here; with whom else they are linked says nothing about it."""
    customer_email: str | None
    channel: str
    account: str
    place: str
    thread: str | None
    public: bool
    owner: Owner
    epoch: int
    version: int
    next_seq: int
    returned_seq: int
    last_in_at: datetime
    blocked: bool = False
    """People have had enough of this identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """One message of either direction."""

    id: int
    conversation_id: int
    seq: int
    direction: str
    author: str
    author_name: str
    kind: str
    body: str
    revision: int
    origin: str | None
    end: str | None
    end_reason: str | None
    status: str | None
    meta: Mapping[str, Any]
    created_at: datetime
    agent_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseBrief:
    """The newest case of a conversation."""

    id: int
    conversation_id: int
    tier: str
    sla: str
    urgent: bool
    status: str
    assignee_id: int | None
    deadline: datetime | None
    unanswered_since: datetime | None
    resolved_at: datetime | None
    outcome: str | None
    reopened: int
    snoozed_until: datetime | None = None
    breached_at: datetime | None = None
    holder_away_since: datetime | None = None
    """None: whoever has it is at work, or nobody has it."""
    merged_into_id: int | None = None
    survivor_conversation_id: int | None = None
    """Where the case lives on that this one was merged into; None: it was not, or they are no longer one customer's."""
    survivor_resolved_at: datetime | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lives_on(self) -> bool:
        """It was merged into a case that is open: what is written here is for that one."""
        return self.survivor_conversation_id is not None and self.survivor_resolved_at is None

    @property
    def let_go(self) -> bool:
        """It was merged into a case that is resolved, or no longer the same customer's: it may be opened again."""
        return self.merged_into_id is not None and not self.lives_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """All that a customer has written in one conversation and that has no end yet."""

    conversation: ConversationRow
    undecided: tuple[MessageRow, ...]
    before: tuple[MessageRow, ...]
    """Up to `WINDOW` earlier messages, oldest first."""
    case: CaseBrief | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A conversation as it stands now, held until the transaction ends."""

    version: int
    owner: Owner
    epoch: int
    next_seq: int
    undecided: frozenset[int]
    first_undecided: int | None = None
    """The lowest number among them."""


MESSAGE_COLUMNS = [
    message.c.id,
    message.c.conversation_id,
    message.c.seq,
    message.c.direction,
    message.c.author,
    message.c.author_name,
    message.c.kind,
    message.c.body,
    message.c.revision,
    message.c.origin,
    message.c.end,
    message.c.end_reason,
    message.c.status,
    message.c.meta,
    message.c.created_at,
    message.c.agent_id,
]
_survivor = case.alias("survivor")
_IS_SURVIVOR = (_survivor.c.id == case.c.merged_into_id) & (_survivor.c.customer_id == case.c.customer_id)
_CASE = [
    case.c.id,
    case.c.conversation_id,
    case.c.tier,
    case.c.sla,
    case.c.urgent,
    case.c.status,
    case.c.assignee_id,
    case.c.deadline,
    case.c.unanswered_since,
    case.c.resolved_at,
    case.c.outcome,
    case.c.reopened,
    case.c.snoozed_until,
    case.c.breached_at,
    case.c.flags,
    select(agent.c.away_since).where(agent.c.id == case.c.assignee_id).scalar_subquery().label("holder_away_since"),
    case.c.merged_into_id,
    select(_survivor.c.conversation_id).where(_IS_SURVIVOR).scalar_subquery().label("survivor_conversation_id"),
    select(_survivor.c.resolved_at).where(_IS_SURVIVOR).scalar_subquery().label("survivor_resolved_at"),
]
_CONVERSATION = [
    conversation.c.id,
    conversation.c.customer_id,
    conversation.c.identity_id,
    customer.c.name.label("customer_name"),
    customer.c.email.label("customer_email"),
    conversation.c.channel,
    conversation.c.account,
    conversation.c.place,
    conversation.c.thread,
    conversation.c.public,
    conversation.c.owner,
    conversation.c.epoch,
    conversation.c.version,
    conversation.c.next_seq,
    conversation.c.returned_seq,
    conversation.c.last_in_at,
    exists().where(block.c.identity_id == conversation.c.identity_id, STANDING_BLOCK).label("blocked"),
]


def message_row(row: RowMapping) -> MessageRow:
    return MessageRow(**{**row, "meta": row["meta"] or {}})


def _case_brief(row: RowMapping) -> CaseBrief:
    return CaseBrief(**{**row, "flags": row["flags"] or {}})


async def undecided_conversations(connection: AsyncConnection, *, limit: int) -> list[int]:
    """Conversations in which something has no end yet: what the sweep hints."""
    query = select(message.c.conversation_id).where(UNDECIDED).distinct().limit(limit)
    return [row[0] for row in await connection.execute(query)]


async def read_bursts(connection: AsyncConnection, ids: Collection[int]) -> list[Burst]:
    """The bursts of these conversations; those with nothing undecided are left out."""
    waiting: dict[int, list[MessageRow]] = defaultdict(list)
    query = (
        select(*MESSAGE_COLUMNS)
        .where(message.c.conversation_id.in_(ids), UNDECIDED)
        .order_by(message.c.conversation_id, message.c.seq)
    )
    for row in (await connection.execute(query)).mappings():
        waiting[row["conversation_id"]].append(message_row(row))
    if not waiting:
        return []
    rows = await connection.execute(
        select(*_CONVERSATION)
        .join(identity, identity.c.id == conversation.c.identity_id)
        .join(customer, customer.c.id == HOME)
        .where(conversation.c.id.in_(waiting))
    )
    conversations = [ConversationRow(**row) for row in rows.mappings()]
    older = [row.id for row in conversations if row.next_seq > 1 + len(waiting[row.id])]
    before = await _before(connection, older)
    cases = await newest_cases(connection, older)
    return [
        Burst(
            conversation=row,
            undecided=tuple(waiting[row.id]),
            before=tuple(before.get(row.id, ())),
            case=cases.get(row.id),
        )
        for row in conversations
    ]


async def _before(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, list[MessageRow]]:
    found: dict[int, list[MessageRow]] = defaultdict(list)
    if not ids:
        return found
    query = (
        select(*MESSAGE_COLUMNS)
        .join(conversation, conversation.c.id == message.c.conversation_id)
        .where(conversation.c.id.in_(ids), message.c.seq >= conversation.c.next_seq - WINDOW)
        .order_by(message.c.conversation_id, message.c.seq)
    )
    for row in (await connection.execute(query)).mappings():
        if row["direction"] != "in" or row["end"] is not None:
            found[row["conversation_id"]].append(message_row(row))
    return found


async def newest_cases(connection: AsyncConnection, ids: Collection[int]) -> dict[int, CaseBrief]:
    """The newest case of each conversation that has one."""
    if not ids:
        return {}
    newest = select(func.max(case.c.id)).where(case.c.conversation_id.in_(ids)).group_by(case.c.conversation_id)
    rows = await connection.execute(select(*_CASE).where(case.c.id.in_(newest)))
    return {row["conversation_id"]: _case_brief(row) for row in rows.mappings()}


async def last_alone(connection: AsyncConnection, identity_id: int) -> int | None:
    """The conversation in which this identity last wrote to us where nobody else reads; None: there is none."""
    query = (
        select(conversation.c.id)
        .where(conversation.c.identity_id == identity_id, conversation.c.public.is_(False))
        .order_by(conversation.c.last_in_at.desc())
        .limit(1)
    )
    return (await connection.execute(query)).scalar_one_or_none()


async def lock(connection: AsyncConnection, ids: Collection[int]) -> dict[int, Locked]:
    """Hold these conversations, in one order for everybody, and say how they stand now."""
    rows = await connection.execute(
        select(
            conversation.c.id,
            conversation.c.version,
            conversation.c.owner,
            conversation.c.epoch,
            conversation.c.next_seq,
        )
        .where(conversation.c.id.in_(ids))
        .order_by(conversation.c.id)
        .with_for_update()
    )
    found = rows.all()
    undecided: dict[int, dict[int, int]] = defaultdict(dict)
    query = select(message.c.conversation_id, message.c.id, message.c.seq).where(
        message.c.conversation_id.in_(ids), UNDECIDED
    )
    for conversation_id, message_id, seq in await connection.execute(query):
        undecided[conversation_id][message_id] = seq
    return {
        row[0]: Locked(
            version=row[1],
            owner=row[2],
            epoch=row[3],
            next_seq=row[4],
            undecided=frozenset(undecided[row[0]]),
            first_undecided=min(undecided[row[0]].values(), default=None),
        )
        for row in found
    }


async def read_case(connection: AsyncConnection, case_id: int) -> CaseBrief | None:
    row = (await connection.execute(select(*_CASE).where(case.c.id == case_id))).mappings().one_or_none()
    return None if row is None else _case_brief(row)


async def read_conversation(connection: AsyncConnection, conversation_id: int) -> ConversationRow | None:
    query = (
        select(*_CONVERSATION)
        .join(identity, identity.c.id == conversation.c.identity_id)
        .join(customer, customer.c.id == HOME)
        .where(conversation.c.id == conversation_id)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else ConversationRow(**row)
