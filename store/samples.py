"""First messages that chance has chosen, and what people say that they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping, and_, bindparam, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import LABELLED, TO_LABEL, conversation, is_one_of, message, sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One of them."""

    id: int
    conversation_id: int
    channel: str
    came_at: datetime
    words: Sequence[int]
    rule: str | None
    opens_at: float | None
    turn: int
    tier: str | None
    complaint: bool | None
    labelled_by: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Labelled messages of one kind that one rule lets a machine act on from the same threshold on."""

    tier: str
    complaint: bool
    rule: str | None
    opens_at: float | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How far the labelling is."""

    to_label: int
    skipped: int
    labelled: int


_COLUMNS = [
    sample.c.id,
    sample.c.conversation_id,
    conversation.c.channel,
    sample.c.came_at,
    sample.c.words,
    sample.c.rule,
    sample.c.opens_at,
    sample.c.turn,
    sample.c.tier,
    sample.c.complaint,
    sample.c.labelled_by,
]
_SAMPLES = select(*_COLUMNS).join(conversation, conversation.c.id == sample.c.conversation_id)


def _sample(row: RowMapping) -> Sample:
    return Sample(**{**row, "words": tuple(row["words"] or ())})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """How the machine dealt with the first message of a conversation."""

    conversation_id: int
    words: Sequence[int]
    """The messages that were read as one matter with it."""
    act: str
    threshold: float
    rule: str | None
    opens_at: float | None


async def decided(connection: AsyncConnection, found: Sequence[Dealt], now: datetime) -> None:
    """Kept where the message was chosen; only the first decision on it is."""
    if found:
        new = {name: bindparam(f"new_{name}", type_=sample.c[name].type) for name in _DEALT}
        await connection.execute(
            update(sample)
            .where(sample.c.conversation_id == bindparam("of_conversation"), sample.c.decided_at.is_(None))
            .values(decided_at=bindparam("at", type_=sample.c.decided_at.type), **new),
            [
                {"of_conversation": one.conversation_id, "at": now}
                | {f"new_{name}": getattr(one, name) for name in _DEALT}
                for one in found
            ],
        )


_DEALT: Final = ("words", "act", "threshold", "rule", "opens_at")


async def read(connection: AsyncConnection, sample_id: int, *, hold: bool = False) -> Sample | None:
    """One of them; with `hold` it is locked until the transaction ends."""
    query = _SAMPLES.where(sample.c.id == sample_id, sample.c.decided_at.is_not(None))
    if hold:
        query = query.with_for_update(of=sample)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _sample(row)


async def next_to_label(connection: AsyncConnection) -> Sample | None:
    """The first that nobody has labelled; those that were skipped come after the others."""
    query = _SAMPLES.where(TO_LABEL).order_by(sample.c.turn, sample.c.id).limit(1)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _sample(row)


async def label(
    connection: AsyncConnection, sample_id: int, *, tier: str, complaint: bool | None, agent_id: int, now: datetime
) -> bool:
    """A person's word; False: somebody else has given theirs."""
    result = await connection.execute(
        update(sample)
        .where(sample.c.id == sample_id, TO_LABEL)
        .values(tier=tier, complaint=complaint, labelled_by=agent_id, labelled_at=now)
    )
    return bool(result.rowcount)


async def unlabel(connection: AsyncConnection, sample_id: int) -> None:
    """Take the label back: it waits again."""
    await connection.execute(
        update(sample)
        .where(sample.c.id == sample_id)
        .values(tier=None, complaint=None, labelled_by=None, labelled_at=None)
    )


async def skip(connection: AsyncConnection, sample_id: int) -> bool:
    """Put it behind the others; False: it does not wait."""
    result = await connection.execute(
        update(sample).where(sample.c.id == sample_id, TO_LABEL).values(turn=sample.c.turn + 1)
    )
    return bool(result.rowcount)


async def unskip(connection: AsyncConnection, sample_id: int) -> None:
    """It was skipped by mistake."""
    await connection.execute(
        update(sample).where(sample.c.id == sample_id, sample.c.turn > 0).values(turn=sample.c.turn - 1)
    )


async def counts(connection: AsyncConnection) -> Counts:
    """How many wait, how many of these were skipped, how many are labelled."""
    waiting = select(func.count(), func.coalesce(func.sum(case((sample.c.turn > 0, 1), else_=0)), 0)).where(TO_LABEL)
    to_label, skipped = (await connection.execute(waiting)).one()
    labelled = (await connection.execute(select(func.count()).select_from(sample).where(LABELLED))).scalar_one()
    return Counts(to_label=int(to_label), skipped=int(skipped), labelled=int(labelled))


async def groups(connection: AsyncConnection, *, since: datetime | None) -> list[Group]:
    """All labels, counted. `since`: only messages that came after it."""
    columns = (sample.c.tier, func.coalesce(sample.c.complaint, False), sample.c.rule, sample.c.opens_at)
    query = select(*columns, func.count()).where(LABELLED).group_by(*columns)
    if since is not None:
        query = query.where(sample.c.came_at > since)
    return [
        Group(tier=row[0], complaint=bool(row[1]), rule=row[2], opens_at=row[3], count=row[4])
        for row in await connection.execute(query)
    ]


async def judged_otherwise(connection: AsyncConnection, rule: str, *, after: int = 0, limit: int) -> list[Sample]:
    """Labelled messages that another rule has judged last, by id."""
    query = (
        _SAMPLES.where(LABELLED, or_(sample.c.rule.is_(None), sample.c.rule != rule), sample.c.id > after)
        .order_by(sample.c.id)
        .limit(limit)
    )
    return [_sample(row) for row in (await connection.execute(query)).mappings()]


async def judged(connection: AsyncConnection, found: Mapping[int, float | None], rule: str) -> None:
    """What a rule makes of them: `{sample: the least threshold at which it acts alone}`."""
    if found:
        await connection.execute(
            update(sample)
            .where(sample.c.id == bindparam("of_sample"))
            .values(rule=rule, opens_at=bindparam("new_opens_at", type_=sample.c.opens_at.type)),
            [{"of_sample": id_, "new_opens_at": at} for id_, at in found.items()],
        )


async def texts(connection: AsyncConnection, words: Sequence[int]) -> list[tuple[str, datetime]]:
    """What these messages say and when they came, in their order."""
    query = select(message.c.body, message.c.created_at).where(message.c.id.in_(words)).order_by(message.c.seq)
    return [(row[0], row[1]) for row in await connection.execute(query)]


async def acted_on_alone(connection: AsyncConnection, conversation_id: int, *, since: datetime) -> bool:
    """Has the machine answered or filed anything of this conversation by itself since then?"""
    query = (
        select(message.c.id)
        .where(
            message.c.conversation_id == conversation_id,
            message.c.direction == "in",
            and_(is_one_of(message.c.end, ("answered", "filed")), message.c.created_at >= since),
        )
        .limit(1)
    )
    return (await connection.execute(query)).first() is not None
