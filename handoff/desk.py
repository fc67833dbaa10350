"""What people do with cases. One method, one unit of work, one transaction; one winner where two want the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff import linking, queue, texts
from handoff.deadlines import FIRST_CLASS, deadline
from handoff.errors import HeldByOther, NoSuchCase, NotHeld, Stale, WrongState
from handoff.linking import Linking, Writer
from handoff.opening import Footing, Opening, Rules, new_case
from handoff.reach import Reach
from handoff.undelivered import FLAG
from store import cases, journey, keys, line, links, transcripts, unread
from store.agents import Agent, record
from store.changes import Changes, insert_cases
from store.database import Database
from store.errors import LineMoved
from store.journey import Locked
from store.words import case_id, case_number

Clock = Callable[[], datetime]
Published = Callable[[int, int], Awaitable[None]]
"""Told the conversation and the case after a commit: live pages and the courier wake up."""

OUTCOMES: Final = tuple(texts.OUTCOMES)


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
class _Work:
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


Action = Callable[[_Work], Awaitable[dict[str, Any]]]


Corrected = Callable[[AsyncConnection, int, str, str], Awaitable[None]]
"""Told in the transaction of a correction: of which conversation, of which case, and what it really is."""


async def nobody_minds(connection: AsyncConnection, conversation: int, case: str, tier: str) -> None:
    """For a desk without a gate."""


class Desk:
    """The agents' side of the house.

    `pull` says of a channel whether customers read our own table (a row is then sent once committed), `here` of a
    conversation whether its customer has the chat open. `letters` says of a channel whether each message is a letter:
    who takes a case over does not write one only to say so. `corrected` hears of corrections.
    """

    def __init__(
        self,
        *,
        database: Database,
        rules: Rules,
        pull: Callable[[str], bool],
        linking: Linking,
        published: Published,
        here: Callable[[int], bool] = lambda _: False,
        letters: Callable[[str], bool] = lambda _: False,
        corrected: Corrected = nobody_minds,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._rules = rules
        self._pull = pull
        self._linking = linking
        self.reach = Reach(pull=pull, here=here, mail_after=rules.mail_after)
        self._published = published
        self._letters = letters
        self._corrected = corrected
        self._clock = clock

    # --- the frame of every action ---------------------------------------------------------------

    async def _act(
        self, unit: str, agent: Agent, number: str, action: Action, once: Once | None = None
    ) -> dict[str, Any]:
        id_ = case_id(number)
        if id_ is None:
            raise NoSuchCase(f"{number!r} is no case number; they look like W-1001.")
        async with self._database.write(unit) as connection:
            if (known := await _recalled(connection, agent, once, self._clock())) is not None:
                return known
            answer, work = await self._on_case(connection, agent, id_, action)
            await _remembered(connection, agent, once, answer)
        await self._published(work.conversation, work.id)
        return answer

    async def recalled(self, agent: Agent, once: Once | None) -> dict[str, Any] | None:
        """The answer that this request was given before; None: it is new, or has no key.

        Raises:
            KeyReused: the key stands for another request.
        """
        if once is None:
            return None
        async with self._database.read() as connection:
            return await _known(connection, agent, once)

    async def _on_case(
        self, connection: AsyncConnection, agent: Agent, id_: int, action: Action
    ) -> tuple[dict[str, Any], _Work]:
        brief = await journey.read_case(connection, id_)
        if brief is None:
            raise NoSuchCase(f"There is no case {case_number(id_)}.")
        locked = (await journey.lock(connection, [brief.conversation_id]))[brief.conversation_id]
        row = await cases.read_row(connection, id_)
        if row is None:
            raise NoSuchCase(f"There is no case {case_number(id_)}.")
        work = _Work(
            connection=connection,
            agent=agent,
            row=row,
            locked=locked,
            now=self._clock(),
            pull=self._pull(row["channel"]),
            seq=locked.next_seq,
            owner=locked.owner,
            epoch=locked.epoch,
        )
        answer = await action(work)
        work.changes.advance(
            work.conversation,
            next_seq=work.seq,
            version=locked.version + 1,
            owner=work.owner,
            epoch=work.epoch,
            returned_seq=work.returned_seq,
        )
        await work.changes.write(connection)
        return answer, work

    # --- who has it ------------------------------------------------------------------------------

    async def claim(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """Take a case that nobody holds; the customer is told the name.

        Raises:
            HeldByOther: somebody was faster.
            WrongState: it is resolved.
        """
        return await self._act("claim", agent, number, self._claim, once)

    async def _claim(self, work: _Work) -> dict[str, Any]:
        work.must_be_unresolved()
        holder = work.row["assignee_id"]
        if holder == work.agent.id:
            return _state(work.number, work.row["status"], work.agent.name)
        if holder is not None:
            raise HeldByOther(f"{work.row['assignee']} has {work.number}.", holder=work.row["assignee"])
        return _state(work.number, self._take(work, work.agent), work.agent.name)

    def _take(self, work: _Work, agent: Agent) -> str:
        """Put the case in this person's hands; its status then."""
        work.hand("human")
        status = "open" if work.row["status"] in ("waiting", "snoozed") else str(work.row["status"])
        introduced = list((work.row["flags"] or {}).get("introduced", ()))
        columns: dict[str, Any] = {
            "assignee_id": agent.id,
            "status": status,
            "claimed_at": work.row["claimed_at"] or work.now,
            "snoozed_until": None,
        }
        if agent.id not in introduced and not self._letters(str(work.row["channel"])):
            work.say(
                author="system",
                author_name=agent.name,
                kind="notice",
                body=texts.takeover(agent.name, work.number, themselves=agent.id == work.agent.id, public=work.public),
                condition="case_held",
            )
            columns["flags"] = {**(work.row["flags"] or {}), "introduced": [*introduced, agent.id]}
        work.changes.case(work.id, **columns)
        work.event("claimed", holder=agent.name)
        return status

    async def take_next(self, agent: Agent, once: Once | None = None) -> dict[str, Any] | None:
        """Claim the case that is most due. None: nobody waits.

        Raises:
            WrongState: others took each one first.
        """
        async with self._database.write("next") as connection:
            now = self._clock()
            if (known := await _recalled(connection, agent, once, now)) is not None:
                return known
            try:
                heads = await line.heads(connection, now)
            except LineMoved as error:
                raise WrongState(str(error)) from error
            chosen = queue.next_class(
                run=heads.run,
                first_waits=heads.first is not None,
                second_waits=heads.second is not None,
                second_overdue=heads.second_deadline is not None and heads.second_deadline <= now,
            )
            id_ = heads.first if chosen == "first" else heads.second
            if chosen is None or id_ is None:
                if once is not None:
                    await keys.forget(connection, agent.id, once.key)
                return None
            answer, work = await self._on_case(connection, agent, id_, self._claim)
            await line.remember_run(connection, queue.next_run(heads.run, chosen), now)
            await _remembered(connection, agent, once, answer)
        await self._published(work.conversation, work.id)
        return answer

    async def release(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """Give it back to the queue, its deadline unchanged."""

        async def action(work: _Work) -> dict[str, Any]:
            work.must_be_unresolved()
            work.must_hold()
            return self._give_back(work)

        return await self._act("release", agent, number, action, once)

    def _give_back(self, work: _Work) -> dict[str, Any]:
        """To the queue, where every case has a deadline and a first-class one calls until somebody takes it."""
        columns: dict[str, Any] = {"assignee_id": None, "status": "waiting", "snoozed_until": None}
        if work.row["deadline"] is None:
            by = deadline(work.row["sla"], work.now, self._rules.targets, self._rules.hours)
            columns |= {"deadline": by, "unanswered_since": work.now}
            work.changes.due("breach", work.id, by, now=work.now)
        if self._rules.notify and work.row["urgent"] and work.row["assignee_id"] is not None:
            work.changes.due("notify", work.id, work.now, now=work.now, data={"why": "released"})
        work.changes.case(work.id, **columns)
        work.event("released")
        return _state(work.number, "waiting", None)

    async def assign(
        self, agent: Agent, number: str, to: Agent | None, *, held_by: int | None, once: Once | None = None
    ) -> dict[str, Any]:
        """Give it to a colleague; to None is a release. `held_by`: who held it when this was allowed.

        Raises:
            HeldByOther: somebody has taken it meanwhile.
        """

        async def action(work: _Work) -> dict[str, Any]:
            work.must_be_unresolved()
            if work.row["assignee_id"] not in (None, held_by):
                raise HeldByOther(f"{work.row['assignee']} has just taken {work.number}.", holder=work.row["assignee"])
            if to is None:
                return self._give_back(work)
            return _state(work.number, self._take(work, to), to.name)

        return await self._act("assign", agent, number, action, once)

    # --- what is said ----------------------------------------------------------------------------

    async def reply(
        self,
        agent: Agent,
        number: str,
        text: str,
        *,
        also: Sequence[str] = (),
        after_seq: int | None = None,
        once: Once | None = None,
    ) -> dict[str, Any]:
        """Write to the customer, and a copy to others whom they have written to, too.

        Raises:
            NotHeld, HeldByOther: it must be one's own.
            WrongState: `also` names somebody whom nothing here was sent to.
            Stale: something was written after `after_seq`; `since` holds it.
        """

        async def action(work: _Work) -> dict[str, Any]:
            work.must_be_unresolved()
            work.must_hold()
            await _not_stale(work, after_seq)
            known = await transcripts.copied(work.connection, work.conversation) if also else []
            if unknown := [each for each in also if each not in known]:
                raise WrongState(f"Nothing here was sent to {unknown[0][:100]}, so no copy goes there.")
            seq = work.say(
                author="agent", author_name=work.agent.name, agent_id=work.agent.id, kind="text", body=text,
                meta={"also": list(dict.fromkeys(also))} if also else None,
            )  # fmt: skip
            work.changes.case(
                work.id,
                status="pending",
                deadline=None,
                unanswered_since=None,
                snoozed_until=None,
                **_first_answer(work),
                **_delivered(work),
            )
            work.changes.settle_promises(work.id, "kept", work.now)
            work.event("replied", seq=seq)
            if work.pull and self._rules.mail_after is not None:
                at = work.now + self._rules.mail_after
                work.changes.due(unread.KIND, work.conversation, at, now=work.now, data={"seq": seq})
            reach = self.reach.tell(work.row, work.now)
            said = {} if reach is None else {"reach": reach["sentence"]}
            return {**_state(work.number, "pending", work.agent.name), "seq": seq, **said}

        return await self._act("reply", agent, number, action, once)

    async def note(self, agent: Agent, number: str, text: str, *, once: Once | None = None) -> dict[str, Any]:
        """Write to colleagues. It has no status and no way out: nothing ever sends it."""

        async def action(work: _Work) -> dict[str, Any]:
            seq = work.say(
                author="agent",
                author_name=work.agent.name,
                agent_id=work.agent.id,
                kind="note",
                direction="note",
                body=text,
            )
            work.event("noted", seq=seq)
            return {**_state(work.number, work.row["status"], work.row["assignee"]), "seq": seq}

        return await self._act("note", agent, number, action, once)

    # --- how it goes on --------------------------------------------------------------------------

    async def return_to_bot(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """The machine may speak again, to what is written from now on."""

        async def action(work: _Work) -> dict[str, Any]:
            work.must_be_unresolved()
            work.must_hold()
            if work.row["unanswered_since"] is not None:
                # Somebody was to write, and nobody has: the customer must know that this is no longer so.
                voice = self._rules.voice
                work.say(
                    author="system",
                    author_name=voice.bot,
                    kind="notice",
                    body=texts.returned(work.agent.name, voice.bot, public=work.public),
                    buttons=[dict(texts.PERSON)],
                    condition="case_resolved",
                )
            self._close(work, "returned")
            work.event("returned")
            return _state(work.number, "resolved", work.agent.name)

        return await self._act("return", agent, number, action, once)

    async def resolve(
        self,
        agent: Agent,
        number: str,
        *,
        outcome: str | None = None,
        quiet: bool = False,
        once: Once | None = None,
    ) -> dict[str, Any]:
        """Done: the customer is told so, and asked how it was. Spam is closed without a word.

        What the customer wrote in this very moment, and nobody has read, is not closed with it: it opens it again.
        """

        async def action(work: _Work) -> dict[str, Any]:
            work.must_be_unresolved()
            if outcome is not None and outcome not in texts.OUTCOMES:
                raise WrongState(f"{outcome!r} is no outcome. Use one of {', '.join(OUTCOMES)}.")
            if work.row["assignee_id"] is not None:
                work.must_hold()
            else:
                work.row["assignee_id"] = work.agent.id
                work.changes.case(work.id, assignee_id=work.agent.id)
            if outcome != "spam" and not quiet:
                work.say(
                    author="system",
                    author_name=self._rules.voice.bot,
                    kind="notice",
                    body=texts.resolved(
                        texts.OUTCOMES[outcome] if outcome else None, work.agent.name, public=work.public
                    ),
                    condition="case_resolved",
                )
            if outcome != "spam" and not quiet and not work.public:  # others could tap, and all could read
                work.say(
                    author="system",
                    author_name=self._rules.voice.bot,
                    kind="survey",
                    body=texts.SURVEY,
                    buttons=list(texts.SURVEY_BUTTONS),
                    condition="case_resolved",
                )
            self._close(work, outcome or "solved")
            work.event("resolved", outcome=outcome or "solved")
            return _state(work.number, "resolved", work.agent.name)

        return await self._act("resolve", agent, number, action, once)

    def _close(self, work: _Work, outcome: str) -> None:
        work.hand("bot")
        unread = work.locked.first_undecided if outcome != "spam" else None
        work.returned_seq = (unread or work.seq) - 1
        if outcome == "spam":
            for message_id in work.locked.undecided:
                work.changes.end(message_id, "appended", "closed as spam")
        work.changes.case(
            work.id,
            status="resolved",
            outcome=outcome,
            resolved_at=work.now,
            deadline=None,
            unanswered_since=None,
            snoozed_until=None,
        )
        work.changes.settle_promises(work.id, "withdrawn", work.now)

    async def reopen(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """Back among the open ones, in the hands of who reopens it."""

        async def action(work: _Work) -> dict[str, Any]:
            if work.row["status"] != "resolved":
                raise WrongState(f"{work.number} is not resolved; there is nothing to reopen.")
            newest = (await journey.newest_cases(work.connection, [work.conversation]))[work.conversation]
            if newest.id != work.id:
                raise WrongState(
                    f"{work.number} was followed by {case_number(newest.id)} in this conversation. Work on that one."
                )
            work.hand("human")
            work.changes.case(
                work.id,
                status="open",
                assignee_id=work.agent.id,
                resolved_at=None,
                outcome=None,
                unanswered_since=work.now,
                deadline=work.now + self._rules.targets.person,
                reopened=work.row["reopened"] + 1,
            )
            work.changes.due("breach", work.id, work.now + self._rules.targets.person, now=work.now)
            work.event("reopened")
            return _state(work.number, "open", work.agent.name)

        return await self._act("reopen", agent, number, action, once)

    async def snooze(self, agent: Agent, number: str, until: datetime, once: Once | None = None) -> dict[str, Any]:
        """Sleep until then; the customer's next word wakes it at once.

        Raises:
            WrongState: the customer waits for an answer that is due before `until`, or `until` has passed.
        """

        async def action(work: _Work) -> dict[str, Any]:
            work.must_be_unresolved()
            work.must_hold()
            if until <= work.now:
                raise WrongState(f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC has passed. Choose a later time.")
            due_at = work.row["deadline"]
            if due_at is not None and until > due_at:
                by = self._rules.voice.time(due_at, work.now)
                raise WrongState(f"The customer waits for an answer by {by}. Reply first, or wake earlier than that.")
            work.changes.case(work.id, status="snoozed", snoozed_until=until)
            work.changes.due("snooze_over", work.id, until, now=work.now)
            work.event("snoozed", until=until.isoformat())
            return _state(work.number, "snoozed", work.agent.name)

        return await self._act("snooze", agent, number, action, once)

    async def correct(
        self, agent: Agent, number: str, *, tier: str, intent: str | None = None, once: Once | None = None
    ) -> dict[str, Any]:
        """A person's word on what this is: the case moves to its class, and the classifier gets a label."""

        async def action(work: _Work) -> dict[str, Any]:
            urgent = tier in FIRST_CLASS
            columns: dict[str, Any] = {"tier": tier, "sla": tier, "urgent": urgent}
            since = work.row["unanswered_since"]
            if since is not None and work.row["status"] != "resolved":
                columns["deadline"] = deadline(tier, since, self._rules.targets, self._rules.hours)
                work.changes.due("breach", work.id, max(columns["deadline"], work.now), now=work.now)
            work.changes.case(work.id, **columns)
            if self._rules.notify and urgent and not work.row["urgent"] and work.row["status"] == "waiting":
                work.changes.due("notify", work.id, work.now, now=work.now, data={"why": "corrected"})
            if work.owner == "bot" and work.row["status"] != "resolved" and tier != "feedback":
                work.hand("human")  # it was only filed; now people own the conversation
            first = work.row["opened_seq"] - 1
            rows = await transcripts.read(work.connection, work.conversation, after=first, limit=1)
            for row in rows:
                work.changes.labels.append(
                    {
                        "message_id": row.id,
                        "tier": tier,
                        "intent": intent,
                        "agent_id": work.agent.id,
                        "source": "correction",
                        "created_at": work.now,
                    }
                )
            work.event("corrected", tier=tier, intent=intent, before=work.row["tier"])
            await self._corrected(work.connection, work.conversation, work.number, tier)
            return _state(work.number, work.row["status"], work.row["assignee"])

        return await self._act("correct", agent, number, action, once)

    async def take_over(self, agent: Agent, conversation_id: int, once: Once | None = None) -> dict[str, Any]:
        """Step into a conversation that the machine holds; nothing of the machine's leaves after that.

        Raises:
            NoSuchCase: there is no such conversation.
            HeldByOther: a person has it already.
        """
        async with self._database.write("takeover") as connection:
            now = self._clock()
            if (known := await _recalled(connection, agent, once, now)) is not None:
                return known
            locked = (await journey.lock(connection, [conversation_id])).get(conversation_id)
            conversation = await journey.read_conversation(connection, conversation_id)
            if conversation is None or locked is None:
                raise NoSuchCase(f"There is no conversation {conversation_id}.")
            newest = (await journey.newest_cases(connection, [conversation_id])).get(conversation_id)
            if newest is not None and newest.status != "resolved":
                id_ = newest.id
            else:
                rows = await transcripts.read(connection, conversation_id, newest=True, limit=20)
                theirs = tuple(row for row in rows if row.direction == "in")
                if not theirs:
                    raise NoSuchCase(f"Nobody has written in conversation {conversation_id}.")
                opening = Opening(
                    conversation=conversation,
                    tier="person",
                    sla="person",
                    reason=f"{agent.name} stepped in",
                    acknowledge="person",
                    messages=theirs[-1:],
                    pull=self._pull(conversation.channel),
                    previous=newest,
                )
                row = {**new_case(opening, now, self._rules), "unanswered_since": now}
                row["deadline"] = now + self._rules.targets.person
                id_ = (await insert_cases(connection, [row]))[0]
                late = Changes()
                late.due("breach", id_, row["deadline"], now=now)
                late.event(id_, "opened", actor="agent", now=now, agent_id=agent.id, data={"reason": row["reason"]})
                for message_id in locked.undecided:
                    late.end(message_id, "handed_off", "a person stepped in")
                await late.write(connection)
            answer, work = await self._on_case(connection, agent, id_, self._claim)
            await _remembered(connection, agent, once, answer)
        await self._published(work.conversation, work.id)
        return answer

    # --- one person on several channels ------------------------------------------------------------

    async def ask_proof(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """Show the customer a code that they write on another channel: then both are known to be theirs.

        Raises:
            NotHeld, HeldByOther: it must be one's own.
            WrongState: others read that place, or they have had several codes within the hour.
        """

        async def action(work: _Work) -> dict[str, Any]:
            work.must_be_unresolved()
            work.must_hold()
            of = Writer(
                conversation=work.conversation,
                identity=work.row["identity_id"],
                channel=work.row["channel"],
                public=work.row["public"],
            )
            if of.public:
                raise WrongState(
                    "Others read this place, and a code is for one person. Ask them to write to us directly."
                )
            if await self._linking.too_many(work.connection, of.identity, work.now):
                raise WrongState("They have had several codes within the hour. Offer it again later.")
            work.seq = await self._linking.ask(
                work.connection, work.changes, of, seq=work.seq, now=work.now, agent=work.agent
            )
            work.event("proof_asked")
            return {**_state(work.number, work.row["status"], work.row["assignee"]), "seq": work.seq - 1}

        return await self._act("ask-proof", agent, number, action, once)

    async def unlink(self, agent: Agent, number: str, link_id: int, once: Once | None = None) -> dict[str, Any]:
        """Take apart what a link has joined: each identity has again what was written by it, before and since.

        Raises:
            NoSuchCase: there is no such case, or no such link of its customer's.
        """
        id_ = case_id(number)
        async with self._database.write("unlink") as connection:
            now = self._clock()
            if (known := await _recalled(connection, agent, once, now)) is not None:
                return known
            await links.hold(connection, now)
            row = await cases.read_row(connection, id_) if id_ is not None else None
            link = await links.read(connection, link_id)
            ends = await links.together(connection, [row["customer_id"]]) if row is not None else []
            if (
                row is None
                or link is None
                or link.undone_at is not None
                or link.identity_id not in {one.id for one in ends}
            ):
                raise NoSuchCase(f"There is no link {link_id} in {number!r}. It may have been undone just now.")
            told = await linking.undo(connection, link, seen_from=row, agent=agent, now=now)
            await record(
                connection, action="unlink", subject=f"link {link_id}", now=now, agent_id=agent.id,
                data={"case": case_number(row["id"]), "identities": [link.identity_id, link.other_id]},
            )  # fmt: skip
            answer = _state(case_number(row["id"]), row["status"], row["assignee"])
            await _remembered(connection, agent, once, answer)
        for conversation, case in told.items():
            await self._published(conversation, case)
        return answer

    async def footing(self, on_duty: int) -> Footing:
        """On what times may be named now."""
        async with self._database.read() as connection:
            return Footing(on_duty=on_duty, measured=await cases.kept_lately(connection, self._clock()))


def _first_answer(work: _Work) -> dict[str, Any]:
    """When a person first answered, and whether in time: what later promises are measured by."""
    if work.row["first_answer_at"] is not None:
        return {}
    by = work.row["deadline"]
    return {"first_answer_at": work.now, "answered_in_time": by is None or work.now <= by}


def _delivered(work: _Work) -> dict[str, Any]:
    """What is written now takes the place of an answer that did not arrive."""
    flags = work.row["flags"] or {}
    return {"flags": {name: flags[name] for name in flags if name != FLAG}} if FLAG in flags else {}


def _state(number: str, status: str, assignee: str | None) -> dict[str, Any]:
    return {"number": number, "status": status, "assignee": assignee}


async def _not_stale(work: _Work, after_seq: int | None) -> None:
    if after_seq is None:
        return
    rows = await transcripts.read(work.connection, work.conversation, after=after_seq)
    # A colleague's note and the machine's notices (the name at takeover above all) make no answer wrong.
    since = [row for row in rows if row.direction == "in" or (row.direction == "out" and row.author == "agent")]
    if since:
        raise Stale(
            f"{len(since)} message(s) came since you looked. Read them first.",
            since=[
                {
                    "seq": row.seq,
                    "from": row.author,
                    "author": row.author_name,
                    "kind": row.kind,
                    "text": row.body,
                    "at": row.created_at.isoformat(),
                }
                for row in since
            ],
        )


async def _recalled(
    connection: AsyncConnection, agent: Agent, once: Once | None, now: datetime
) -> dict[str, Any] | None:
    """The answer given before; None: the key is this request's. Of two at once the second waits for the first."""
    if once is None or await keys.reserve(connection, agent.id, once.key, once.digest, now):
        return None
    return await _known(connection, agent, once)


async def _known(connection: AsyncConnection, agent: Agent, once: Once) -> dict[str, Any] | None:
    known = await keys.recall(connection, agent.id, once.key)
    if known is None:
        return None
    if known[0] != once.digest:
        raise KeyReused(f"The idempotency key {once.key!r} was used for another request. Take a new one.")
    return dict(known[1])


async def _remembered(connection: AsyncConnection, agent: Agent, once: Once | None, answer: Mapping[str, Any]) -> None:
    if once is not None:
        await keys.remember(connection, agent.id, once.key, answer)
