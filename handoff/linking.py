"""One person on several channels: codes are shown and taken, links made by proof or by hand, and undone.

A link by hand joins what agents see and proves nothing: customers are told nothing of it, and a proof takes its place.

Each is a part of the caller's transaction, under `links.hold` and the locks of all conversations that may move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff import texts
from handoff.errors import NoSuchCase, WrongState
from handoff.proof import ASKS, LIVES, MASKED, PROOF, Codes, new_code, spelt
from store import journey, links
from store.agents import Agent
from store.changes import Changes
from store.journey import Locked
from store.links import Code, Known
from store.words import Kind

CODES_AN_HOUR: Final = 5
WRONG_AN_HOUR: Final = 5
"""Of one identity. Of 5 · 10^10 codes even a million identities would not find one that lives for ten minutes."""
TOGETHER_AT_MOST: Final = 30
"""Identities of one person: what moves with a link stays small."""
HOUR: Final = timedelta(hours=1)
NOTICE: Final[Kind] = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who writes, and where."""

    conversation: int
    identity: int
    channel: str
    public: bool
    """Others read what stands there."""


@dataclass(slots=True, kw_only=True)
class Dealt:
    """What came of it, apart from the rows in `Changes`."""

    seq: int
    """The next free number of the conversation itself."""
    beside: dict[int, str] = field(default_factory=dict)
    """Other conversations in which something was said, with their channels."""
    cases: set[int] = field(default_factory=set)
    """Cases whose story has grown."""
    customer: int | None = None
    """Whose the conversation is from now on; None: whose it was."""


class Linking:
    """`pull` says of a channel whether customers read our own table."""

    def __init__(self, *, codes: Codes, bot: str, pull: Callable[[str], bool]) -> None:
        self._codes = codes
        self._bot = bot
        self._pull = pull

    # --- what a customer writes ------------------------------------------------------------------

    async def beside(
        self, connection: AsyncConnection, of: Writer, marks: Sequence[Mapping[str, Any]], now: datetime
    ) -> list[int]:
        """Hold all links, and say which conversations else have to be locked before `deal`."""
        await links.hold(connection, now)
        found: set[int] = set()
        for mark in marks:
            code = await links.find_code(connection, mark[PROOF], now) if PROOF in mark else None
            if code is not None:
                found.update(await _all_of(connection, of.identity, code.identity_id), [code.conversation_id])
        return sorted(found - {of.conversation})

    async def deal(
        self,
        connection: AsyncConnection,
        changes: Changes,
        of: Writer,
        marks: Sequence[Mapping[str, Any]],
        locked: Mapping[int, Locked],
        now: datetime,
    ) -> Dealt:
        """Answer codes, in their order, and requests for one, together."""
        dealt = Dealt(seq=locked[of.conversation].next_seq)
        if any(ASKS in mark for mark in marks):
            dealt.seq = await self.ask(connection, changes, of, seq=dealt.seq, now=now)
        for mark in marks:
            if PROOF in mark and (of.public or mark.get("aside")):
                await self._worthless(connection, mark[PROOF], now)
                if not mark.get("aside"):
                    dealt.seq = self._say(changes, of.conversation, of.channel, dealt.seq, texts.CODE_SEEN, now)
            elif PROOF in mark:
                said = await self._prove(connection, changes, of, mark[PROOF], locked, dealt, now)
                dealt.seq = self._say(changes, of.conversation, of.channel, dealt.seq, said, now)
        return dealt

    async def ask(
        self,
        connection: AsyncConnection,
        changes: Changes,
        of: Writer,
        *,
        seq: int,
        now: datetime,
        agent: Agent | None = None,
    ) -> int:
        """Show a code, or say why there is none; the next free number. The conversation is locked."""
        if of.public:
            return self._say(changes, of.conversation, of.channel, seq, texts.CODE_NOT_HERE, now)
        if await self.too_many(connection, of.identity, now):
            return self._say(changes, of.conversation, of.channel, seq, texts.CODES_TOO_OFTEN, now)
        code = new_code()
        id_ = await links.put_code(
            connection,
            hash=self._codes.hash(code),
            identity_id=of.identity,
            conversation_id=of.conversation,
            seq=seq,
            agent_id=agent.id if agent is not None else None,
            made_at=now,
            expires_at=now + LIVES,
        )
        changes.due(links.CODE_DUE, id_, now + LIVES, now=now)
        name = agent.name if agent is not None else None
        masked = texts.code(MASKED, agent=name)
        return self._say(
            changes, of.conversation, of.channel, seq, texts.code(spelt(code), agent=name), now, masked=masked
        )

    async def too_many(self, connection: AsyncConnection, identity: int, now: datetime) -> bool:
        """Has this identity had as many codes as one may? Nobody else shows it one until the transaction ends."""
        await links.lock_identity(connection, identity)
        return await links.codes_lately(connection, identity, now - HOUR) >= CODES_AN_HOUR

    async def _worthless(self, connection: AsyncConnection, hashed: str, now: datetime) -> None:
        """Others have read it."""
        code = await links.find_code(connection, hashed, now)
        if code is not None:
            await links.end_code(connection, code.id, now)

    async def _prove(
        self,
        connection: AsyncConnection,
        changes: Changes,
        of: Writer,
        hashed: str,
        locked: Mapping[int, Locked],
        dealt: Dealt,
        now: datetime,
    ) -> str:
        """Take a code; the sentence for who has written it."""
        code = await links.find_code(connection, hashed, now)
        await links.lock_identity(connection, of.identity)
        if await links.tries_lately(connection, of.identity, now - HOUR) >= WRONG_AN_HOUR:
            return texts.CODE_TRIES
        if code is None or code.conversation_id not in locked:
            await links.note_try(connection, of.identity, now)
            return texts.CODE_WRONG
        if code.identity_id == of.identity:
            return texts.CODE_HERE
        one, other = await _pair(connection, of.identity, code.identity_id)
        await links.end_code(connection, code.id, now)
        if one.customer_id == other.customer_id:
            if not await links.proven_over(connection, one, other, now):
                return texts.LINKED_ALREADY.format(where=texts.elsewhere(other.channel))
        elif len(await links.together(connection, [one.customer_id, other.customer_id])) > TOGETHER_AT_MOST:
            return texts.CODE_FULL
        await links.add(
            connection, identity_id=one.id, other_id=other.id, how="code", agent_id=code.agent_id,
            conversation_id=of.conversation, other_conversation_id=code.conversation_id, at=now,
        )  # fmt: skip
        dealt.customer = (await _pair(connection, one.id, other.id))[0].customer_id
        self._tell_there(changes, code, other, locked, dealt, texts.elsewhere(of.channel), now)
        dealt.cases |= await _story(
            connection, changes, (of.conversation, one), (code.conversation_id, other), how="code", now=now
        )
        return texts.LINKED.format(where=texts.elsewhere(other.channel))

    def _tell_there(
        self,
        changes: Changes,
        code: Code,
        other: Known,
        locked: Mapping[int, Locked],
        dealt: Dealt,
        where: str,
        now: datetime,
    ) -> None:
        """Where the code was shown they hear of it, too: were it not theirs, they would want to know."""
        there, words = locked[code.conversation_id], texts.LINKED.format(where=where)
        seq = self._say(changes, code.conversation_id, other.channel, there.next_seq, words, now)
        changes.advance(
            code.conversation_id, next_seq=seq, version=there.version + 1, owner=there.owner, epoch=there.epoch
        )
        dealt.beside[code.conversation_id] = other.channel

    def _say(
        self,
        changes: Changes,
        conversation: int,
        channel: str,
        seq: int,
        words: str,
        now: datetime,
        masked: str | None = None,
    ) -> int:
        changes.say(
            conversation, seq, author="system", author_name=self._bot, kind=NOTICE, body=words, now=now,
            status="sent" if self._pull(channel) else "queued", condition="asked_for",
            meta=None if masked is None else {"masked": masked},
        )  # fmt: skip
        return seq + 1


# --- what nobody writes ------------------------------------------------------------------------------


async def by_profile(connection: AsyncConnection, identity: int, now: datetime) -> tuple[set[int], set[int]]:
    """Link an identity for whose address a platform vouches to the first that has the same.

    What people have taken apart, no profile joins again. Returns the conversations and the cases that changed.
    """
    await links.hold(connection, now)
    one = await links.known(connection, identity)
    if one is None or one.proven is None:
        return set(), set()
    other = await links.vouched_for(connection, one.proven, but=one.id)
    if other is None or await links.was_undone(connection, one.id, other.id):
        return set(), set()
    moving = await _all_of(connection, one.id, other.id)
    await journey.lock(connection, moving)
    one, other = await _pair(connection, one.id, other.id)
    if one.customer_id == other.customer_id:
        if not await links.proven_over(connection, one, other, now):
            return set(), set()
    elif len(await links.together(connection, [one.customer_id, other.customer_id])) > TOGETHER_AT_MOST:
        return set(), set()
    here, there = [await links.newest_conversation(connection, known.id) for known in (one, other)]
    await links.add(
        connection, identity_id=one.id, other_id=other.id, how="profile", agent_id=None, conversation_id=here,
        other_conversation_id=there, at=now,
    )  # fmt: skip
    changes = Changes()
    cases = await _story(connection, changes, (here, one), (there, other), how="profile", now=now)
    await changes.write(connection)
    return {id_ for id_ in (here, there) if id_ is not None}, cases


# --- what an agent does ------------------------------------------------------------------------------


async def by_hand(
    connection: AsyncConnection, customer: int, identity: int, *, why: str, agent: Agent, now: datetime
) -> tuple[int, dict[int, int]]:
    """An agent says that this identity is that customer's, too; all links are held.

    No customer is told, and what is sent to them does not change.

    Returns:
        The link's number, and the cases whose story has grown, by their conversations.

    Raises:
        NoSuchCase: there is no such customer, or no such identity.
        WrongState: it is theirs already, or they would be too many.
    """
    here, other = await links.first_of(connection, customer), await links.known(connection, identity)
    if here is None or here.customer_id != customer:
        raise NoSuchCase(f"There is no customer {customer}, or they have become somebody else's part just now.")
    if other is None:
        raise NoSuchCase(f"There is no identity {identity}.")
    if other.customer_id == customer:
        raise WrongState("These are known as one person already.")
    if len(await links.together(connection, [customer, other.customer_id])) > TOGETHER_AT_MOST:
        raise WrongState(f"At most {TOGETHER_AT_MOST} identities are kept together. Undo a link first.")
    await journey.lock(connection, await _all_of(connection, here.id, other.id))
    at, there = [await links.newest_conversation(connection, one.id) for one in (other, here)]
    id_ = await links.add(
        connection, identity_id=other.id, other_id=here.id, how=links.BY_HAND, why=why, agent_id=agent.id,
        conversation_id=at, other_conversation_id=there, at=now,
    )  # fmt: skip
    changes = Changes()
    await _story(connection, changes, (at, other), (there, here), how=links.BY_HAND, now=now, agent=agent)
    await changes.write(connection)
    newest = await journey.newest_cases(connection, _places(at, there))
    return id_, {conversation: case.id for conversation, case in newest.items()}


async def undo(
    connection: AsyncConnection, link: links.Link, *, seen_from: Mapping[str, Any] | None, agent: Agent, now: datetime
) -> dict[int, int]:
    """Take apart what a link joined; all links are held.

    Args:
        seen_from: the case at which the agent is, a row of `store.cases.read_row`; its story tells it, too. None: at
            none.

    Returns:
        Cases whose story has grown, by their conversations.
    """
    one, other = await _pair(connection, link.identity_id, link.other_id)
    await journey.lock(connection, await _all_of(connection, one.id, other.id))
    await links.undo(connection, link, by=agent.id, now=now)
    one, other = await _pair(connection, one.id, other.id)
    newest = await journey.newest_cases(connection, _places(link.conversation_id, link.other_conversation_id))
    told = {
        case.id: (conversation, known)
        for conversation, known in ((link.conversation_id, other), (link.other_conversation_id, one))
        if conversation is not None and (case := newest.get(conversation)) is not None
    }
    if seen_from is not None:
        mine = await links.known(connection, seen_from["identity_id"])
        gone = one if mine is not None and mine.customer_id == other.customer_id else other
        told.setdefault(int(seen_from["id"]), (int(seen_from["conversation_id"]), gone))
    changes = Changes()
    for case_id, (_, known) in told.items():
        changes.event(
            case_id, "unlinked", actor="agent", now=now, agent_id=agent.id,
            data={"channel": known.channel, "name": known.name, "how": link.how},
        )  # fmt: skip
    await changes.write(connection)
    return {conversation: case_id for case_id, (conversation, _) in told.items()}


async def _all_of(connection: AsyncConnection, *identities: int) -> list[int]:
    """All conversations of whoever these identities belong to, in their order."""
    people = [known for id_ in identities if (known := await links.known(connection, id_)) is not None]
    return sorted(await links.conversations_of(connection, {known.customer_id for known in people}))


async def _pair(connection: AsyncConnection, one: int, other: int) -> tuple[Known, Known]:
    found = [await links.known(connection, id_) for id_ in (one, other)]
    one_known, other_known = found
    if one_known is None or other_known is None:
        raise LookupError(f"Identity {one} or {other} is gone, though rows name it.")
    return one_known, other_known


def _places(*conversations: int | None) -> list[int]:
    return [id_ for id_ in conversations if id_ is not None]


async def _story(
    connection: AsyncConnection,
    changes: Changes,
    *sides: tuple[int | None, Known],
    how: str,
    now: datetime,
    agent: Agent | None = None,
) -> set[int]:
    """Into the newest case of each side's conversation: with whom it was linked."""
    newest = await journey.newest_cases(connection, _places(*(conversation for conversation, _ in sides)))
    told: set[int] = set()
    for (conversation, _), (_, other) in (sides, sides[::-1]):
        case = newest.get(conversation) if conversation is not None else None
        if case is not None:
            data = {"channel": other.channel, "name": other.name, "how": how}
            if agent is None:
                changes.event(case.id, "linked", actor="customer", now=now, data=data)
            else:
                changes.event(case.id, "linked", actor="agent", now=now, agent_id=agent.id, data=data)
            told.add(case.id)
    return told
