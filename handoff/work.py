"""One action on one case: a unit of work under the conversation's lock, once for a key, noted in the audit log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff.errors import HeldByOther, NoSuchCase, NotHeld, Stale, WrongState
from handoff.undelivered import FLAG
from store import cases, holds, journey, keys, transcripts
from store.agents import Agent, record
from store.changes import Changes
from store.database import Database
from store.journey import Locked
from store.words import case_id, case_number

Clock = Callable[[], datetime]
Published = Callable[[int, int], Awaitable[None]]
"""Told the conversation and the case after a commit: live pages and the courier wake up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """An idempotency key with the request it stands for: the same again gives the first answer again."""

    key: str
    request: Mapping[str, Any]

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.request, sort_keys=True).encode()).hexdigest()


class KeyReused(WrongState):
    """The same idempotency key came with another request."""


@dataclass(slots=True, kw_only=True)
class Work:
    """One action on one case, its conversation locked."""

    connection: AsyncConnection
    agent: Agent
    row: dict[str, Any]
    locked: Locked
    now: datetime
    pull: bool
    changes: Changes = field(default_factory=Changes)
    seq: int = 0
    owner: str = ""
    epoch: int = 0
    returned_seq: int | None = None
    idle: bool = False
    """Set by an action that finds nothing to do, because it was done before, say: nothing is written or noted."""

    @property
    def id(self) -> int:
        return int(self.row["id"])

    @property
    def number(self) -> str:
        return case_number(self.id)

    @property
    def conversation(self) -> int:
        return int(self.row["conversation_id"])

    @property
    def public(self) -> bool:
        """Others than the customer read this conversation."""
        return bool(self.row["public"])

    @property
    def status_out(self) -> str:
        return "sent" if self.pull else "queued"

    def hand(self, owner: str) -> None:
        """A change of hands: nothing that was written for the other may leave."""
        self.owner = owner
        self.epoch += 1
        self.changes.cancel_bot_rows.append(self.conversation)

    def event(self, kind: str, **data: Any) -> None:
        self.changes.event(self.id, kind, actor="agent", now=self.now, agent_id=self.agent.id, data=data or None)

    def say(self, **what: Any) -> int:
        """A message row; its number."""
        seq = self.seq
        self.changes.say(self.conversation, seq, now=self.now, status=self.status_out, **what)
        self.seq += 1
        return seq

    def must_hold(self) -> None:
        holder = self.row["assignee_id"]
        if holder is None:
            raise NotHeld(f"{self.number} is nobody's yet. Claim it first.")
        if holder != self.agent.id:
            raise HeldByOther(
                f"{self.row['assignee']} holds {self.number}. Ask them, or have it assigned to you.",
                holder=self.row["assignee"],
            )

    def must_be_unresolved(self) -> None:
        if self.row["status"] == "resolved":
            raise WrongState(f"{self.number} is resolved. Reopen it first.")


Action = Callable[[Work], Awaitable[dict[str, Any]]]
Before = Callable[[AsyncConnection, str, Agent, int, int | None], Awaitable[None]]
"""Done before each act, in its transaction: what it is called, who does it, to which case, and what they have read."""


async def nothing_before(connection: AsyncConnection, unit: str, agent: Agent, case: int, seen: int | None) -> None:
    """For acts that nothing has to precede."""


class Acts:
    """The frame of every action on a case. `pull` says of a channel whether customers read our own table."""

    def __init__(
        self,
        *,
        database: Database,
        pull: Callable[[str], bool],
        published: Published,
        clock: Clock = lambda: datetime.now(UTC),
        before: Before = nothing_before,
    ) -> None:
        self._database = database
        self.pull = pull
        self.published = published
        self.clock = clock
        self.before = before

    async def act(
        self, unit: str, agent: Agent, number: str, action: Action, once: Once | None = None, seen: int | None = None
    ) -> dict[str, Any]:
        """One action as one unit of work: under the conversation's lock, once for a key, told after the commit.

        `seen`: the last message that the agent has read.

        Raises:
            NoSuchCase: there is no such case.
            KeyReused: the key stands for another request.
        """
        id_ = case_id(number)
        if id_ is None:
            raise NoSuchCase(f"{number!r} is no case number; they look like W-1001.")
        async with self._database.write(unit) as connection:
            if (before := await recalled(connection, agent, once, self.clock())) is not None:
                return before
            answer, work = await self.on_case(connection, unit, agent, id_, action, seen)
            await remembered(connection, agent, once, answer)
        await self.published(work.conversation, work.id)
        return answer

    async def on_case(
        self, connection: AsyncConnection, unit: str, agent: Agent, id_: int, action: Action, seen: int | None = None
    ) -> tuple[dict[str, Any], Work]:
        """The action on this case within the caller's transaction, its changes written and noted in the audit log.

        Tell `published` of the conversation and the case after the commit.
        """
        brief = await journey.read_case(connection, id_)
        if brief is None:
            raise NoSuchCase(f"There is no case {case_number(id_)}.")
        await self.before(connection, unit, agent, id_, seen)
        locked = (await journey.lock(connection, [brief.conversation_id]))[brief.conversation_id]
        row = await cases.read_row(connection, id_)
        if row is None:
            raise NoSuchCase(f"There is no case {case_number(id_)}.")
        work = Work(
            connection=connection,
            agent=agent,
            row=row,
            locked=locked,
            now=self.clock(),
            pull=self.pull(row["channel"]),
            seq=locked.next_seq,
            owner=locked.owner,
            epoch=locked.epoch,
        )
        answer = await action(work)
        if work.idle:
            return answer, work
        work.changes.advance(
            work.conversation,
            next_seq=work.seq,
            version=locked.version + 1,
            owner=work.owner,
            epoch=work.epoch,
            returned_seq=work.returned_seq,
        )
        await work.changes.write(connection)
        await record(connection, action=unit, subject=work.number, now=work.now, agent_id=agent.id)
        return answer, work


def first_answer(work: Work) -> dict[str, Any]:
    """When a person first answered, and whether in time: what later promises are measured by."""
    if work.row["first_answer_at"] is not None:
        return {}
    by = work.row["deadline"]
    return {"first_answer_at": work.now, "answered_in_time": by is None or work.now <= by}


def delivered(work: Work) -> dict[str, Any]:
    """What is written now takes the place of an answer that did not arrive."""
    flags = work.row["flags"] or {}
    return {"flags": {name: flags[name] for name in flags if name != FLAG}} if FLAG in flags else {}


def state(number: str, status: str, assignee: str | None) -> dict[str, Any]:
    """What every act on a case answers."""
    return {"number": number, "status": status, "assignee": assignee}


async def not_stale(work: Work, after_seq: int | None) -> None:
    """Refuse what was written without knowing what came since.

    Raises:
        Stale: the customer or a colleague has written to the other after `after_seq`.
    """
    if after_seq is None:
        return
    rows = await transcripts.read(work.connection, work.conversation, after=after_seq)
    # A colleague's note and the machine's notices (the name at takeover above all) make no answer wrong.
    since = [row for row in rows if row.direction == "in" or (row.direction == "out" and row.author == "agent")]
    if any(row.agent_id == work.agent.id for row in since):
        # Their own words that were held for a while: they knew of them before they were messages.
        known = await holds.seqs(work.connection, work.id, work.agent.id)
        since = [row for row in since if row.seq not in known]
    if since:
        raise Stale(
            f"{len(since)} message(s) came since you looked. Read them first.",
            since=[
                {
                    "seq": row.seq,
                    "from": row.author,
                    "author": row.author_name,
                    "agent": row.agent_id,
                    "kind": row.kind,
                    "text": row.body,
                    "at": row.created_at.isoformat(),
                }
                for row in since
            ],
        )


async def recalled(
    connection: AsyncConnection, agent: Agent, once: Once | None, now: datetime
) -> dict[str, Any] | None:
    """The answer given before; None: the key is this request's. Of two at once the second waits for the first."""
    if once is None or await keys.reserve(connection, agent.id, once.key, once.digest, now):
        return None
    return await known(connection, agent, once)


async def known(connection: AsyncConnection, agent: Agent, once: Once) -> dict[str, Any] | None:
    """The answer kept for this key.

    Raises:
        KeyReused: it stands for another request.
    """
    found = await keys.recall(connection, agent.id, once.key)
    if found is None:
        return None
    if found[0] != once.digest:
        raise KeyReused(f"The idempotency key {once.key!r} was used for another request. Take a new one.")
    return dict(found[1])


async def remembered(connection: AsyncConnection, agent: Agent, once: Once | None, answer: Mapping[str, Any]) -> None:
    """Keep the answer for the same request, should it come again."""
    if once is not None:
        await keys.remember(connection, agent.id, once.key, answer)
