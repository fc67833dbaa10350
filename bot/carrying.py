"""A decision as rows: what the case, the customer and the queue get from it, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from bot import answers
from bot.policy import Decision
from bot.situation import spoken, unresolved, words
from bot.understanding import Reading
from handoff import opening as handing
from handoff import texts
from handoff.linking import Linking, Writer
from handoff.opening import Footing, Opening, Rules
from intents.gate import STRICT_THRESHOLD
from store import cases, journey
from store.changes import Changes, insert_cases
from store.journey import Burst, CaseBrief, Locked
from store.samples import Dealt
from store.words import case_number

PLACES_SAID: Final = 20
"""A number in line beyond this helps nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One conversation's decision, with what it was made from."""

    burst: Burst
    reading: Reading | None
    decision: Decision
    merged: str | None = None
    """The number of this conversation's case, where it lives on in the one that `burst` has instead."""

    @property
    def conversation(self) -> int:
        return self.burst.conversation.id

    @property
    def holds_more(self) -> bool:
        """It touches other conversations than its own."""
        return bool(self.decision.links) or _merged(self) is not None


@dataclass(slots=True)
class Touched:
    """What a unit of work has changed beside its own conversations."""

    cases: set[int] = field(default_factory=set)
    beside: dict[int, str] = field(default_factory=dict)
    """Other conversations in which something was said, with their channels."""
    seqs: dict[int, int] = field(default_factory=dict)
    """The next free number of conversations in which something was said already."""


def _writer(plan: Plan) -> Writer:
    of = plan.burst.conversation
    return Writer(conversation=of.id, identity=of.identity_id, channel=of.channel, public=of.public)


def _marks(plan: Plan) -> list[Mapping[str, Any]]:
    return [row.meta for row in plan.burst.undecided if row.id in plan.decision.links]


def still_so(plan: Plan, now: Locked | None) -> bool:
    """Nobody has decided, taken over, edited or (where the decision may wait) written since we read."""
    if now is None or now.version != plan.burst.conversation.version:
        return False
    read = {message.id for message in plan.burst.undecided}
    if not read <= now.undecided:
        return False
    return not (plan.decision.may_wait and now.undecided - read)


class Carrier:
    """Carries decisions out."""

    def __init__(self, *, rules: Rules, pull: Callable[[str], bool], link: answers.Link, linking: Linking) -> None:
        self._rules = rules
        self._pull = pull
        self._link = link
        self._linking = linking

    def pulls(self, burst: Burst) -> bool:
        """This customer comes for the words themselves; nothing has to be sent."""
        return self._pull(burst.conversation.channel)

    async def beside(self, connection: AsyncConnection, plans: Iterable[Plan], now: datetime) -> list[int]:
        """Conversations that have to be held, too: those of whoever a code joins. Before any lock is taken."""
        return [
            id_
            for plan in plans
            if plan.decision.links
            for id_ in await self._linking.beside(connection, _writer(plan), _marks(plan), now)
        ] + [case.survivor_conversation_id or 0 for plan in plans if (case := _merged(plan)) is not None]

    async def let_go(self, connection: AsyncConnection, plans: Iterable[Plan]) -> set[int]:
        """Conversations whose case lived on in another that has been resolved since we read: look again."""
        found = [(plan.conversation, case.merged_into_id) for plan in plans if (case := _merged(plan)) is not None]
        survivors = {id_: await journey.read_case(connection, id_ or 0) for _, id_ in found}
        return {of for of, id_ in found if (case := survivors[id_]) is None or case.status == "resolved"}

    async def carry_out(
        self,
        connection: AsyncConnection,
        plans: Iterable[Plan],
        locked: Mapping[int, Locked],
        *,
        now: datetime,
        footing: Footing,
    ) -> Touched:
        """Write all rows of these plans, whose conversations are held; what else they touch."""
        changes, touched = Changes(), Touched()
        plans = [await self._link_first(connection, changes, plan, locked, touched, now) for plan in plans]
        plans = [await self._with_survivor(connection, changes, plan, locked, touched) for plan in plans]
        openings = {plan.conversation: self._opening(plan) for plan in plans if _opens(plan)}
        fresh = [opening for opening in openings.values() if opening.reopens is None]
        ahead = 0
        if any(opening.acknowledge == "person" for opening in openings.values()):
            ahead = await cases.waiting_ahead(connection, now + self._rules.targets.person)
        ids = await insert_cases(connection, [handing.new_case(opening, now, self._rules) for opening in fresh])
        numbers = {opening.conversation.id: id_ for opening, id_ in zip(fresh, ids, strict=True)}
        for plan in plans:
            opening = openings.get(plan.conversation)
            case_id = None
            if opening is not None:
                case_id = numbers.get(plan.conversation)
                if case_id is None:
                    case_id = handing.reopen_case(changes, opening, now, self._rules)
                    numbers[plan.conversation] = case_id
            self._rows(
                changes, plan, locked[plan.conversation], opening, case_id, now=now, footing=footing,
                place=_place(opening, fresh, ahead), seq=touched.seqs.get(plan.conversation),
            )  # fmt: skip
        await changes.write(connection)
        touched.cases.update(numbers.values(), (plan.burst.case.id for plan in plans if plan.burst.case is not None))
        return touched

    async def _with_survivor(
        self, connection: AsyncConnection, changes: Changes, plan: Plan, locked: Mapping[int, Locked], touched: Touched
    ) -> Plan:
        """The plan with the case in which its own lives on, as it stands now. Who has read that one looks again."""
        case = _merged(plan)
        survivor = await journey.read_case(connection, case.merged_into_id or 0) if case is not None else None
        if case is None or survivor is None:
            return plan
        other = locked[survivor.conversation_id]
        changes.advance(
            survivor.conversation_id, next_seq=other.next_seq, version=other.version + 1, owner=other.owner,
            epoch=other.epoch,
        )  # fmt: skip
        touched.beside[survivor.conversation_id] = plan.burst.conversation.channel
        return replace(plan, burst=replace(plan.burst, case=survivor), merged=case_number(case.id))

    async def _link_first(
        self,
        connection: AsyncConnection,
        changes: Changes,
        plan: Plan,
        locked: Mapping[int, Locked],
        touched: Touched,
        now: datetime,
    ) -> Plan:
        """Deal with what of a plan is about who writes; the plan with whose the conversation is then."""
        if not plan.decision.links:
            return plan
        dealt = await self._linking.deal(connection, changes, _writer(plan), _marks(plan), locked, now)
        touched.seqs[plan.conversation] = dealt.seq
        touched.cases |= dealt.cases
        touched.beside |= dealt.beside
        if dealt.customer is None:
            return plan
        conversation = replace(plan.burst.conversation, customer_id=dealt.customer)
        return replace(plan, burst=replace(plan.burst, conversation=conversation))

    def _rows(
        self,
        changes: Changes,
        plan: Plan,
        locked: Locked,
        opening: Opening | None,
        case_id: int | None,
        *,
        now: datetime,
        footing: Footing,
        place: int | None,
        seq: int | None = None,
    ) -> None:
        """All rows of one decision. `seq`: the next free number, if something was said already."""
        decision, burst = plan.decision, plan.burst
        for message_id, (end, reason) in decision.ends.items():
            changes.end(message_id, end, reason)
        if plan.reading is not None:
            changes.verdicts.append(plan.reading.row(spoken(burst)[0].id, now))
        if burst.conversation.version == 0:  # its first decision
            changes.first_dealt(_dealt(plan), now)
        seq, owner, epoch = seq or locked.next_seq, locked.owner, locked.epoch
        if burst.case is not None and burst.case.let_go and owner == "human":
            owner, epoch = "bot", epoch + 1
        match decision.act:
            case "hand_off" | "reopen" if opening is not None and case_id is not None:
                owner, epoch = "human", epoch + 1
                changes.cancel_bot_rows.append(plan.conversation)
                seq = handing.tell(
                    changes, opening, case_id, seq=seq, now=now, rules=self._rules, footing=footing, place=place
                )
            case "append" if burst.case is not None:
                self._append(changes, plan, now)
            case "answer" | "thank" | "greet" | "own_up":
                if opening is not None and case_id is not None:
                    changes.event(case_id, "filed", actor="bot", now=now, data={"reason": decision.reason})
                    changes.due("breach", case_id, handing.new_case(opening, now, self._rules)["deadline"], now=now)
                seq = self._speak(changes, plan, seq, epoch, now)
            case _:
                pass
        if decision.survey is not None and burst.case is not None:
            changes.case(burst.case.id, satisfaction=decision.survey)
            changes.event(burst.case.id, "surveyed", actor="customer", now=now, data={"mark": decision.survey})
        changes.advance(plan.conversation, next_seq=seq, version=locked.version + 1, owner=owner, epoch=epoch)

    def _append(self, changes: Changes, plan: Plan, now: datetime) -> None:
        case = plan.burst.case
        rows = tuple(row for row in plan.burst.undecided if plan.decision.ends[row.id][0] == "appended")
        if case is None or not rows or case.status == "resolved":
            return
        said = plan.reading.understanding if plan.reading else None
        graver = ("outage" if said.security else said.grave) if said is not None else None
        handing.append(
            changes, case, rows, now=now, rules=self._rules, flags=plan.decision.flags,
            tier=said.grave if said else None, sla=graver, wants_reply=plan.decision.wants_reply, merged=plan.merged,
        )  # fmt: skip

    def _speak(self, changes: Changes, plan: Plan, seq: int, epoch: int, now: datetime) -> int:
        """The machine's own words: an answer, a thank-you, a greeting."""
        decision, burst, voice = plan.decision, plan.burst, self._rules.voice
        meta: dict[str, Any] = {}
        buttons: list[dict[str, str]] | None = None
        rich = None
        kind = "text"
        match decision.act:
            case "answer":
                assert plan.reading is not None  # noqa: S101 - the policy answers only what was read
                answer = answers.compose(plan.reading.hits, self._link)
                kind, body, rich = "answer", answer.plain, answer.text.to_json()
                buttons = [dict(button) for button in texts.ANSWER_BUTTONS]
                meta = {"sections": answer.sections, "question": words(burst)[:500]}
            case "thank":
                praise = plan.reading is not None and plan.reading.verdict.intent == "praise"
                body = texts.PRAISE if praise else texts.FEEDBACK
            case "greet":
                body, meta = texts.GREETING.format(company=voice.company), {"greeting": True}
                buttons = [dict(texts.PERSON)]
            case _:
                body = texts.I_AM_A_BOT.format(bot=voice.bot, company=voice.company)
                buttons = [dict(texts.PERSON)]
        changes.say(
            plan.conversation, seq, author="bot", author_name=voice.bot, kind=kind, body=body, rich=rich,
            buttons=buttons, meta=meta, now=now, status="sent" if self.pulls(burst) else "queued", epoch=epoch,
        )  # fmt: skip
        return seq + 1

    def _opening(self, plan: Plan) -> Opening:
        burst, decision, reading = plan.burst, plan.decision, plan.reading
        case = burst.case
        rows = tuple(row for row in burst.undecided if decision.ends[row.id][0] in ("handed_off", "filed"))
        still_open = case if unresolved(burst) else None
        return Opening(
            conversation=burst.conversation,
            tier=decision.tier,
            sla=decision.sla,
            reason=decision.reason,
            acknowledge=decision.acknowledge,
            messages=rows,
            pull=self.pulls(burst),
            context=reading.context() if reading else {},
            flags=decision.flags,
            language=reading.understanding.language if reading and reading.understanding.foreign else None,
            workaround=answers.workaround(reading.hits, self._link)
            if reading and decision.acknowledge == "problem"
            else None,
            reopens=case if decision.act == "reopen" else still_open,
            previous=case if case is not None and decision.act != "reopen" and still_open is None else None,
        )


def _dealt(plan: Plan) -> Dealt:
    reading = plan.reading
    return Dealt(
        conversation_id=plan.conversation,
        words=[row.id for row in spoken(plan.burst)],
        act=plan.decision.act,
        threshold=reading.threshold if reading else STRICT_THRESHOLD,
        rule=reading.rule if reading else None,
        opens_at=reading.opens_at if reading else None,
    )


def _merged(plan: Plan) -> CaseBrief | None:
    """The plan's case, if what is written there is for the one that it was merged into."""
    case = plan.burst.case
    return case if plan.decision.act == "append" and case is not None and case.lives_on else None


def _opens(plan: Plan) -> bool:
    """A case comes of it: at once for a person, or filed beside a thank-you."""
    act = plan.decision.act
    return act in ("hand_off", "reopen") or (act == "thank" and not unresolved(plan.burst))


def _place(opening: Opening | None, batch: list[Opening], ahead: int) -> int | None:
    """Which number in line a call for a person is: behind who waited before, and who came sooner in this batch."""
    if opening is None or opening.acknowledge != "person":
        return None
    mine = (opening.messages[0].created_at, opening.messages[0].id)
    sooner = sum(
        other.urgent and (other.sla == "outage" or (other.messages[0].created_at, other.messages[0].id) < mine)
        for other in batch
        if other is not opening
    )
    place = ahead + sooner + 1
    return place if place <= PLACES_SAID else None
