"""What people do with cases. One method, one unit of work, one transaction; one winner where two want the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff import linking, queue, texts
from handoff.beginning import Beginning
from handoff.blocking import Blocking
from handoff.correcting import Correction, corrected
from handoff.errors import HeldByOther, NoSuchCase, WrongState
from handoff.files import AT_MOST, Files, Takes
from handoff.hands import Hands
from handoff.holding import Holding, Saying, Told, nobody_hears
from handoff.leaving import Leaving
from handoff.linking import Linking, Writer
from handoff.merging import Merging
from handoff.opening import Footing, Opening, Rules, new_case
from handoff.reach import Reach
from handoff.tagging import Tagging
from handoff.transferring import Transferring, write_note
from handoff.work import (
    Action,
    Acts,
    Clock,
    Once,
    Published,
    Work,
    delivered,
    first_answer,
    known,
    not_stale,
    recalled,
    remembered,
    state,
)
from store import agents, belonging, cases, drafts, journey, keys, line, links, transcripts, unread
from store import mentions as mentioned
from store.agents import Agent, record
from store.changes import Changes, insert_cases
from store.database import Database
from store.errors import LineMoved
from store.words import case_id, case_number

OUTCOMES: Final = tuple(texts.OUTCOMES)

Corrected = Callable[[AsyncConnection, int, str, str], Awaitable[None]]
"""Told in the transaction of a correction: of which conversation, of which case, and what it really is."""


async def nobody_minds(connection: AsyncConnection, conversation: int, case: str, tier: str) -> None:
    """For a desk without a gate."""


class Desk:
    """The agents' side of the house.

    `pull` says of a channel whether customers read our own table (a row is then sent once committed), `here` of a
    conversation whether its customer has the chat open. `letters` says of a channel whether each message is a letter:
    who takes a case over does not write one only to say so. `corrected` hears of corrections. `takes` says how large
    a file a channel carries. `may_answer` says whether somebody may still write to customers, `refused` hears of
    replies that were held and did not leave.
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
        takes: Takes = lambda _: AT_MOST,
        may_answer: Callable[[Agent], bool] = lambda agent: agent.role != "colleague",
        refused: Told = nobody_hears,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._rules = rules
        self._linking = linking
        self.acts = Acts(database=database, pull=pull, published=published, clock=clock, before=self._before)
        self.holding = Holding(
            database=database, acts=self.acts, replying=self._replying, check=self._may_reply,
            may_answer=may_answer, told=refused,
        )  # fmt: skip
        self.hands = Hands(rules, letters)
        self.leaving = Leaving(self.acts, self.hands)
        self.merging = Merging(database, self.acts, rules)
        self.blocking = Blocking(self.acts, self.hands)
        self.tagging = Tagging(self.acts)
        self.transferring = Transferring(self.acts, self.hands)
        self.reach = Reach(pull=pull, here=here, mail_after=rules.mail_after)
        self.beginning = Beginning(database, self.acts, rules, self.reach)
        self._corrected = corrected
        self._clock = clock
        self.files = Files(database=database, takes=takes, clock=clock)
        self.voice = rules.voice

    async def _before(self, connection: AsyncConnection, unit: str, agent: Agent, case: int, seen: int | None) -> None:
        await self.holding.leaves_first(connection, unit, agent, case, seen)

    async def recalled(self, agent: Agent, once: Once | None) -> dict[str, Any] | None:
        """The answer that this request was given before; None: it is new, or has no key.

        Raises:
            KeyReused: the key stands for another request.
        """
        if once is None:
            return None
        async with self._database.read() as connection:
            return await known(connection, agent, once)

    # --- who has it ------------------------------------------------------------------------------

    async def claim(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """Take a case that nobody holds; the customer is told the name.

        Raises:
            HeldByOther: somebody was faster.
            WrongState: it is resolved.
        """
        return await self.acts.act("claim", agent, number, self._claim, once)

    async def _claim(self, work: Work) -> dict[str, Any]:
        work.must_be_unresolved()
        holder = work.row["assignee_id"]
        if holder == work.agent.id:
            work.idle = True
            return state(work.number, work.row["status"], work.agent.name)
        if holder is not None:
            raise HeldByOther(f"{work.row['assignee']} has {work.number}.", holder=work.row["assignee"])
        await agents.set_away(work.connection, work.agent.id, None)  # who takes a case is at work
        return state(work.number, self.hands.take(work, work.agent), work.agent.name)

    async def take_next(self, agent: Agent, once: Once | None = None) -> dict[str, Any] | None:
        """Claim the case that is most due. None: nobody waits.

        Raises:
            WrongState: others took each one first.
        """
        async with self._database.write("next") as connection:
            now = self._clock()
            if (before := await recalled(connection, agent, once, now)) is not None:
                return before
            try:
                heads = await line.heads(connection, now, teams=await belonging.of_agent(connection, agent.id))
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
            answer, work = await self.acts.on_case(connection, "next", agent, id_, self._claim)
            await line.remember_run(connection, queue.next_run(heads.run, chosen), now)
            await remembered(connection, agent, once, answer)
        await self.acts.published(work.conversation, work.id)
        return answer

    async def release(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """Give it back to the queue, its deadline unchanged."""

        async def action(work: Work) -> dict[str, Any]:
            work.must_be_unresolved()
            work.must_hold()
            return self.hands.give_back(work)

        return await self.acts.act("release", agent, number, action, once)

    async def assign(
        self, agent: Agent, number: str, to: Agent | None, *, held_by: int | None, once: Once | None = None
    ) -> dict[str, Any]:
        """Give it to a colleague; to None is a release. `held_by`: who held it when this was allowed.

        Raises:
            HeldByOther: somebody has taken it meanwhile.
        """

        async def action(work: Work) -> dict[str, Any]:
            work.must_be_unresolved()
            if work.row["assignee_id"] not in (None, held_by):
                raise HeldByOther(f"{work.row['assignee']} has just taken {work.number}.", holder=work.row["assignee"])
            if to is None:
                return self.hands.give_back(work)
            return state(work.number, self.hands.take(work, to), to.name)

        return await self.acts.act("assign", agent, number, action, once)

    # --- what is said ----------------------------------------------------------------------------

    async def reply(
        self,
        agent: Agent,
        number: str,
        text: str,
        *,
        also: Sequence[str] = (),
        files: Sequence[int] = (),
        after_seq: int | None = None,
        hold: timedelta = timedelta(),
        once: Once | None = None,
    ) -> dict[str, Any]:
        """Write to the customer, and a copy to others whom they have written to, too. `files`: kept for this reply.

        `hold`: so long it can be taken back; it leaves sooner where a deadline or a promise comes before.

        Raises:
            NotHeld, HeldByOther: it must be one's own.
            WrongState: `also` names somebody whom nothing here was sent to.
            Stale: something was written after `after_seq`; `since` holds it.
            FileRefused: see `Files.take`.
        """
        sent = self.holding.sent(Saying(text=text, also=also, files=files), after_seq, hold)
        return await self.acts.act("hold" if hold else "reply", agent, number, sent, once, after_seq)

    async def _may_reply(self, work: Work, saying: Saying, after_seq: int | None) -> None:
        work.must_be_unresolved()
        work.must_hold()
        await not_stale(work, after_seq)
        known = await transcripts.copied(work.connection, work.conversation) if saying.also else []
        if unknown := [each for each in saying.also if each not in known]:
            raise WrongState(f"Nothing here was sent to {unknown[0][:100]}, so no copy goes there.")
        if saying.files:
            await self.files.check(work, saying.files, "reply")

    def _replying(self, saying: Saying, after_seq: int | None) -> Action:
        text, also, files = saying.text, saying.also, saying.files

        async def action(work: Work) -> dict[str, Any]:
            await self._may_reply(work, saying, after_seq)
            seq = work.say(
                author="agent", author_name=work.agent.name, agent_id=work.agent.id, kind="text", body=text,
                meta={
                    **({"also": list(dict.fromkeys(also))} if also else {}),
                    **({"files": len(set(files))} if files else {}),
                } or None,
            )  # fmt: skip
            if files:
                await self.files.take(work, files, "reply", seq)
            work.changes.case(
                work.id,
                status="pending",
                deadline=None,
                unanswered_since=None,
                snoozed_until=None,
                **first_answer(work),
                **delivered(work),
            )
            work.changes.settle_promises(work.id, "kept", work.now)
            work.event("replied", seq=seq)
            if work.pull and self._rules.mail_after is not None:
                at = work.now + self._rules.mail_after
                work.changes.due(unread.KIND, work.conversation, at, now=work.now, data={"seq": seq})
            reach = self.reach.tell(work.row, work.now)
            said = {} if reach is None else {"reach": reach["sentence"]}
            return {**state(work.number, "pending", work.agent.name), "seq": seq, **said}

        return action

    async def note(
        self,
        agent: Agent,
        number: str,
        text: str,
        *,
        files: Sequence[int] = (),
        mentions: Sequence[str] = (),
        teams: Sequence[int] = (),
        once: Once | None = None,
    ) -> dict[str, Any]:
        """Write to colleagues. It has no status and no way out: nothing ever sends it, nor its files.

        `mentions`: addresses of people who are called by it, `teams`: of whom all are. Who it is said by never is.
        """

        async def action(work: Work) -> dict[str, Any]:
            seq = write_note(work, text, files=len(set(files)))
            if files:
                await self.files.take(work, files, "note", seq)
            await drafts.sent(work.connection, work.agent.id, work.id, "note", text)
            found = await mentioned.people(work.connection, mentions, teams) if mentions or teams else []
            called = [id_ for id_ in found if id_ != work.agent.id]
            for id_ in called:
                work.changes.mention(work.id, work.conversation, seq, id_, by=work.agent.id, now=work.now)
            told = {"mentioned": called} if called else {}
            return {**state(work.number, work.row["status"], work.row["assignee"]), "seq": seq, **told}

        return await self.acts.act("note", agent, number, action, once)

    # --- how it goes on --------------------------------------------------------------------------

    async def return_to_bot(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """The machine may speak again, to what is written from now on."""

        async def action(work: Work) -> dict[str, Any]:
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
            self.hands.close(work, "returned")
            work.event("returned")
            return state(work.number, "resolved", work.agent.name)

        return await self.acts.act("return", agent, number, action, once)

    async def resolve(
        self,
        agent: Agent,
        number: str,
        *,
        outcome: str | None = None,
        quiet: bool = False,
        over: bool = False,
        once: Once | None = None,
    ) -> dict[str, Any]:
        """Done: the customer is told so, and asked how it was. Spam is closed without a word.

        `over`: by a supervisor, whoever holds it.

        What the customer wrote in this very moment, and nobody has read, is not closed with it: it opens it again.
        """

        async def action(work: Work) -> dict[str, Any]:
            work.must_be_unresolved()
            if outcome is not None and outcome not in texts.OUTCOMES:
                raise WrongState(f"{outcome!r} is no outcome. Use one of {', '.join(OUTCOMES)}.")
            if work.row["assignee_id"] is not None:
                if not over:
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
            self.hands.close(work, outcome or "solved")
            work.event("resolved", outcome=outcome or "solved")
            return state(work.number, "resolved", work.row["assignee"] or work.agent.name)

        return await self.acts.act("resolve", agent, number, action, once)

    async def reopen(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """Back among the open ones, in the hands of who reopens it."""

        async def action(work: Work) -> dict[str, Any]:
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
                merged_into_id=None,
                unanswered_since=work.now,
                deadline=work.now + self._rules.targets.person,
                reopened=work.row["reopened"] + 1,
            )
            work.changes.due("breach", work.id, work.now + self._rules.targets.person, now=work.now)
            work.event("reopened")
            return state(work.number, "open", work.agent.name)

        return await self.acts.act("reopen", agent, number, action, once)

    async def snooze(
        self, agent: Agent, number: str, until: datetime, once: Once | None = None, *, over: bool = False
    ) -> dict[str, Any]:
        """Sleep until then; the customer's next word wakes it at once. `over`: by a supervisor, whoever holds it.

        Raises:
            WrongState: the customer waits for an answer that is due before `until`, or `until` has passed.
        """

        async def action(work: Work) -> dict[str, Any]:
            work.must_be_unresolved()
            if not over:
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
            return state(work.number, "snoozed", work.row["assignee"])

        return await self.acts.act("snooze", agent, number, action, once)

    async def correct(
        self,
        agent: Agent,
        number: str,
        *,
        tier: str | None = None,
        intent: str | None = None,
        language: str | None = None,
        security: bool | None = None,
        once: Once | None = None,
    ) -> dict[str, Any]:
        """A person's word on what this is: the case moves to its class, and the classifier gets a label."""
        said = Correction(tier=tier, intent=intent, language=language, security=security)

        async def action(work: Work) -> dict[str, Any]:
            await corrected(work, said, self._rules)
            if tier is not None:
                await self._corrected(work.connection, work.conversation, work.number, tier)
            return state(work.number, work.row["status"], work.row["assignee"])

        return await self.acts.act("correct", agent, number, action, once)

    async def take_over(self, agent: Agent, conversation_id: int, once: Once | None = None) -> dict[str, Any]:
        """Step into a conversation that the machine holds; nothing of the machine's leaves after that.

        Raises:
            NoSuchCase: there is no such conversation.
            HeldByOther: a person has it already.
        """
        async with self._database.write("takeover") as connection:
            now = self._clock()
            if (before := await recalled(connection, agent, once, now)) is not None:
                return before
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
                    pull=self.acts.pull(conversation.channel),
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
            answer, work = await self.acts.on_case(connection, "takeover", agent, id_, self._claim)
            await remembered(connection, agent, once, answer)
        await self.acts.published(work.conversation, work.id)
        return answer

    # --- one person on several channels ------------------------------------------------------------

    async def ask_proof(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """Show the customer a code that they write on another channel: then both are known to be theirs.

        Raises:
            NotHeld, HeldByOther: it must be one's own.
            WrongState: others read that place, or they have had several codes within the hour.
        """

        async def action(work: Work) -> dict[str, Any]:
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
            return {**state(work.number, work.row["status"], work.row["assignee"]), "seq": work.seq - 1}

        return await self.acts.act("ask-proof", agent, number, action, once)

    async def unlink(self, agent: Agent, number: str, link_id: int, once: Once | None = None) -> dict[str, Any]:
        """Take apart what a link has joined: each identity has again what was written by it, before and since.

        Raises:
            NoSuchCase: there is no such case, or no such link of its customer's.
        """
        id_ = case_id(number)
        async with self._database.write("unlink") as connection:
            now = self._clock()
            if (before := await recalled(connection, agent, once, now)) is not None:
                return before
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
            told |= await self.merging.part(connection, agent, [link.identity_id, link.other_id])
            await record(
                connection, action="unlink", subject=f"link {link_id}", now=now, agent_id=agent.id,
                data={"case": case_number(row["id"]), "identities": [link.identity_id, link.other_id]},
            )  # fmt: skip
            answer = state(case_number(row["id"]), row["status"], row["assignee"])
            await remembered(connection, agent, once, answer)
        for conversation, case in told.items():
            await self.acts.published(conversation, case)
        return answer

    async def footing(self, on_duty: int) -> Footing:
        """On what times may be named now."""
        async with self._database.read() as connection:
            return Footing(on_duty=on_duty, measured=await cases.kept_lately(connection, self._clock()))
