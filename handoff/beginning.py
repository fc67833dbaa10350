"""Writing to a customer first: where they have written to us before, or to somebody who never has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from handoff.errors import NoSuchCase, WrongState
from handoff.opening import Rules, preview
from handoff.reach import Reach
from handoff.work import Acts, Once, Work, recalled, remembered, state
from store import blocks, cases, inbox, journey, unread
from store.agents import Agent
from store.changes import insert_cases
from store.database import Database
from store.inbox import Incoming
from store.journey import CaseBrief, ConversationRow, Locked
from store.words import case_number

_TRIES: Final = 3
"""Another desk, or the customer's own mail, may make the same customer in the same moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Who is written to at an address, and the place that is begun for it."""

    channel: str
    account: str
    place: str
    recipient: str
    """External id by which they are known there, or will be."""
    email: str | None
    subject: str


class Beginning:
    def __init__(self, database: Database, acts: Acts, rules: Rules, reach: Reach) -> None:
        self._database = database
        self._acts = acts
        self._rules = rules
        self._reach = reach

    async def begin(
        self, agent: Agent, customer: int, identity: int, text: str, once: Once | None = None
    ) -> dict[str, Any]:
        """The agent's words and nothing else, where this identity last wrote to us alone; nothing is promised.

        Raises:
            NoSuchCase: this customer has no such identity.
            WrongState: it never wrote to us alone, has a case that is open, has written just now, or is blocked.
        """
        async with self._database.write("begin") as connection:
            now = self._acts.clock()
            if (before := await recalled(connection, agent, once, now)) is not None:
                return before
            if identity not in {row["id"] for row in await cases.identities(connection, customer)}:
                raise NoSuchCase(f"Customer {customer} has no address with the number {identity}.")
            found = await _nothing_runs(connection, identity)
            if found is None:
                raise WrongState("They have never written to us alone there, so we cannot begin. Use another address.")
            place, locked, newest = found
            answer, work = await self._open(connection, agent, place, locked, newest, text, now)
            await remembered(connection, agent, once, answer)
        await self._acts.published(work.conversation, work.id)
        return answer

    async def begin_with(
        self, agent: Agent, addressee: Addressee, text: str, once: Once | None = None
    ) -> dict[str, Any]:
        """The agent's words at a place of its own. Who they are is as little proven as of anybody who writes first.

        Raises:
            WrongState: they have a case that is open, have written just now, or are blocked.
        """
        for left in reversed(range(_TRIES)):
            try:
                return await self._begin_with(agent, addressee, text, once)
            except IntegrityError:
                if not left:
                    raise
        raise AssertionError

    async def _begin_with(self, agent: Agent, to: Addressee, text: str, once: Once | None) -> dict[str, Any]:
        async with self._database.write("begin") as connection:
            now = self._acts.clock()
            if (before := await recalled(connection, agent, once, now)) is not None:
                return before
            known = await inbox.identity_of(connection, to.channel, to.account, to.recipient)
            if known is not None:
                await _nothing_runs(connection, known)
            id_ = await inbox.open_place(connection, _as_if_they_wrote(to), now)
            place = await journey.read_conversation(connection, id_)
            assert place is not None  # noqa: S101 - it was made above
            locked = (await journey.lock(connection, [id_]))[id_]
            answer, work = await self._open(connection, agent, place, locked, None, text, now, subject=to.subject)
            await remembered(connection, agent, once, answer)
        await self._acts.published(work.conversation, work.id)
        return answer

    async def _open(
        self,
        connection: AsyncConnection,
        agent: Agent,
        place: ConversationRow,
        locked: Locked,
        newest: CaseBrief | None,
        text: str,
        now: datetime,
        *,
        subject: str | None = None,
    ) -> tuple[dict[str, Any], Work]:
        row = {
            "conversation_id": place.id,
            "customer_id": place.customer_id,
            "channel": place.channel,
            "tier": "unknown",
            "sla": "unknown",
            "urgent": False,
            "status": "pending",
            "assignee_id": agent.id,
            "deadline": None,
            "reason": f"{agent.name} wrote first",
            "customer_name": place.customer_name,
            "preview": preview(text),
            "flags": {"introduced": [agent.id]},
            "opened_at": now,
            "opened_seq": locked.next_seq,
            "claimed_at": now,
            "previous_id": newest.id if newest is not None else None,
        }
        (case,) = await insert_cases(connection, [row])

        async def action(work: Work) -> dict[str, Any]:
            work.hand("human")
            seq = work.say(author="agent", author_name=agent.name, agent_id=agent.id, kind="text", body=text)
            work.event("begun", seq=seq, **({} if subject is None else {"subject": subject}))
            if work.pull and self._rules.mail_after is not None:
                at = work.now + self._rules.mail_after
                work.changes.due(unread.KIND, work.conversation, at, now=work.now, data={"seq": seq})
            reach = self._reach.tell(work.row, work.now)
            said = {} if reach is None else {"reach": reach["sentence"]}
            return {**state(work.number, "pending", agent.name), "seq": seq, **said}

        return await self._acts.on_case(connection, "begin", agent, case, action)


async def _nothing_runs(
    connection: AsyncConnection, identity: int
) -> tuple[ConversationRow, Locked, CaseBrief | None] | None:
    """Where this identity last wrote to us alone, locked, with the newest case there; None: it never has.

    Raises:
        WrongState: it is blocked, has a case that is open, or has written just now.
    """
    if await blocks.standing(connection, identity) is not None:
        raise WrongState("They are blocked. Unblock them first.")
    id_ = await journey.last_alone(connection, identity)
    place = await journey.read_conversation(connection, id_) if id_ is not None else None
    if place is None:
        return None
    locked = (await journey.lock(connection, [place.id]))[place.id]
    newest = (await journey.newest_cases(connection, [place.id])).get(place.id)
    if newest is not None and (newest.status != "resolved" or newest.lives_on):
        number = case_number((newest.merged_into_id if newest.lives_on else None) or newest.id)
        raise WrongState(f"{number} is open with them. Answer in it.")
    if locked.undecided:
        raise WrongState("They have written just now. Read that first; it is here in a moment.")
    return place, locked, newest


def _as_if_they_wrote(to: Addressee) -> Incoming:
    """What they might write there, for the conversation in which it would be kept."""
    return Incoming(
        channel=to.channel, account=to.account, place=to.place, thread=None, author_id=to.recipient, author_name="",
        email=to.email, email_verified=False, external_id="", revision=0, kind="text", text="", public=False,
        global_id=False, extra=None, subject=to.subject, meta=None, reply_to=None, platform_at=None,
    )  # fmt: skip
