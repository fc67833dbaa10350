"""From kept messages to decisions: read, understand, decide, then one short write for the whole batch.

Nothing is held open while the classifier thinks. The write holds each conversation's lock and checks that nobody has
decided meanwhile: losers are looked at again, winners commit.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from bot import answers, metrics
from bot.policy import Decision, Said, Situation, decide
from bot.understanding import Reader, Reading
from channels.contract import Capabilities
from handoff import opening as handing
from handoff import texts
from handoff.opening import Footing, Opening, Rules
from store import cases, journey
from store.bus import Bus
from store.changes import Changes, insert_cases
from store.database import Database
from store.errors import DatabaseAway
from store.journey import Burst, Locked, MessageRow

BATCH: Final = 96
WORKERS: Final = 2
"""While one batch is being written, the next is being understood."""
PLACES_SAID: Final = 20
"""A number in line beyond this helps nobody."""
SWEEP_EVERY: Final = 2.0
ANSWER_COUNTS_FOR: Final = timedelta(hours=24)

log = structlog.get_logger(__name__)

Published = Callable[[Collection[int], Collection[int]], Awaitable[None]]
"""Told which conversations and cases a commit has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One conversation's decision, with what it was made from."""

    burst: Burst
    reading: Reading | None
    decision: Decision


class Router:
    """Takes hints, sweeps for what hints have missed, and gives every message its end."""

    def __init__(
        self,
        *,
        database: Database,
        bus: Bus,
        reader: Reader,
        rules: Rules,
        capabilities: Callable[[str], Capabilities],
        footing: Callable[[], Awaitable[Footing]],
        published: Published,
        link: answers.Link,
        quiet: float,
        quiet_at_most: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._bus = bus
        self._reader = reader
        self._rules = rules
        self._capabilities = capabilities
        self._footing = footing
        self._published = published
        self._link = link
        self._quiet = quiet
        self._quiet_at_most = quiet_at_most
        self._clock = clock
        self._pending: OrderedDict[int, None] = OrderedDict()
        self._busy: set[int] = set()
        self._news = asyncio.Event()
        self._sweep_now = asyncio.Event()
        self._first_seen: dict[int, tuple[float, int, float]] = {}
        self._swept = -1e9
        self._aside: dict[int, tuple[float, int]] = {}

    # --- what is to be looked at -----------------------------------------------------------------

    def look_at(self, ids: Iterable[int]) -> None:
        """These conversations have news."""
        now = time.monotonic()
        for id_ in ids:
            if id_ not in self._aside or self._aside[id_][0] <= now:
                self._pending[id_] = None
        if self._pending:
            self._news.set()

    @property
    def stuck(self) -> list[int]:
        """Conversations that could not be decided, not even handed over."""
        return sorted(self._aside)

    @property
    def healthy(self) -> bool:
        """The database has answered a sweep lately."""
        return time.monotonic() - self._swept < 5 * SWEEP_EVERY

    def sweep_soon(self) -> None:
        """Hints may have been lost."""
        self._sweep_now.set()

    async def run(self) -> None:
        """Route until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._sweep())
            for _ in range(WORKERS):
                tasks.create_task(self._work())

    async def _listen(self) -> None:
        while True:
            self.look_at(await self._bus.take("router", limit=4 * BATCH, wait=5.0))

    async def _sweep(self) -> None:
        while True:
            try:
                async with self._database.read() as connection:
                    self.look_at(await journey.undecided_conversations(connection, limit=1000))
                self._swept = time.monotonic()
            except Exception as error:
                log.warning("sweep failed", error=str(error))
            self._sweep_now.clear()
            # Not `wait_for`: on Python 3.11 it loses a cancellation that comes in the moment of the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_EVERY):
                    await self._sweep_now.wait()

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            ids = self._take()
            if not ids:
                self._news.clear()
                continue
            try:
                await self._route(ids)
            except DatabaseAway as error:
                log.warning("router waits for the database", error=str(error))
                await asyncio.sleep(0.5)
            except Exception:
                log.exception("a batch was dropped; the sweep finds it again", conversations=len(ids))
                await asyncio.sleep(0.5)
            finally:
                self._busy.difference_update(ids)
                if self._pending:
                    self._news.set()

    def _take(self) -> list[int]:
        ids = [id_ for id_ in self._pending if id_ not in self._busy][:BATCH]
        for id_ in ids:
            del self._pending[id_]
        self._busy.update(ids)
        return ids

    # --- one batch -------------------------------------------------------------------------------

    async def _route(self, ids: Collection[int]) -> None:
        async with self._database.read() as connection:
            bursts = await journey.read_bursts(connection, ids)
        try:
            await self._finish(await self._plan_all(bursts))
        except DatabaseAway:
            raise
        except Exception:
            log.exception("a batch failed; each conversation is tried alone", conversations=len(bursts))
            for burst in bursts:
                await self._alone(burst)

    async def _alone(self, burst: Burst) -> None:
        """A message that raises twice is handed off: a person reads what the machine cannot."""
        try:
            await self._finish(await self._plan_all([burst]))
        except DatabaseAway:
            raise
        except Exception:
            log.exception("a conversation failed twice; a person gets it", conversation=burst.conversation.id)
            try:
                situation = replace(self._situation(burst, None), failed=True)
                await self._finish([Plan(burst=burst, reading=None, decision=decide(situation))])
            except DatabaseAway:
                raise
            except Exception:
                self._set_aside(burst.conversation.id)

    def _set_aside(self, id_: int) -> None:
        """Even handing it over failed. The others go on; this one is tried again, later and later."""
        tries = self._aside.get(id_, (0.0, 0))[1] + 1
        self._aside[id_] = (time.monotonic() + min(5.0 * 2**tries, 600.0), tries)
        log.error("a conversation cannot be decided and is set aside", conversation=id_, tries=tries)

    async def _plan_all(self, bursts: list[Burst]) -> list[Plan]:
        readings = await self._reader.read([_words(burst) for burst in bursts])
        plans = []
        for burst, reading in zip(bursts, readings, strict=True):
            decision = decide(self._situation(burst, reading))
            if decision.may_wait and (later := self._not_quiet_yet(burst)) > 0:
                asyncio.get_running_loop().call_later(later, self.look_at, [burst.conversation.id])
                continue
            plans.append(Plan(burst=burst, reading=reading, decision=decision))
        return plans

    def _not_quiet_yet(self, burst: Burst) -> float:
        """Seconds to wait until the customer has stopped writing; 0: answer now. By the monotonic clock."""
        if self._quiet <= 0 or not self._capabilities(burst.conversation.channel).conversational:
            return 0.0
        now, newest = time.monotonic(), burst.undecided[-1].seq
        first, seen, since = self._first_seen.get(burst.conversation.id, (now, newest, now))
        if seen != newest:
            since = now
        if len(self._first_seen) > 10_000:
            self._first_seen.clear()  # forgetting costs a few seconds of waiting, nothing else
        self._first_seen[burst.conversation.id] = (first, newest, since)
        return max(0.0, min(since + self._quiet, first + self._quiet_at_most) - now)

    def _situation(self, burst: Burst, reading: Reading | None) -> Situation:
        now = self._clock()
        said = tuple(_said(message, burst) for message in burst.undecided)
        given = [
            row for row in burst.before if row.author == "bot" and row.kind == "answer" and row.status != "cancelled"
        ]
        recent = [row for row in given if now - row.created_at <= ANSWER_COUNTS_FOR]
        case = burst.case
        resolved = None
        if case is not None and case.status == "resolved" and case.outcome != "returned":
            resolved = now - (case.resolved_at or now)
        return Situation(
            said=said,
            understanding=reading.understanding if reading else None,
            owner=burst.conversation.owner,
            case_open=case is not None and case.status != "resolved",
            resolved_for=resolved,
            asked_if_helped=bool(recent) and _last_out(burst.before) is recent[-1],
            same_question=_asked_before(burst, recent, reading),
            answers_last_hour=sum(now - row.created_at <= timedelta(hours=1) for row in given),
            greeted=any(row.meta.get("greeting") for row in burst.before),
            questions=reading.questions if reading else 1,
            articles=len(reading.hits) if reading else 0,
        )

    # --- the write -------------------------------------------------------------------------------

    async def _finish(self, plans: list[Plan]) -> None:
        if not plans:
            return
        footing = await self._footing()
        now = self._clock()
        touched: set[int] = set()
        async with self._database.write("router") as connection:
            locked = await journey.lock(connection, [plan.burst.conversation.id for plan in plans])
            winners = [plan for plan in plans if _still_so(plan, locked.get(plan.burst.conversation.id))]
            openings = {
                plan.burst.conversation.id: self._opening(plan)
                for plan in winners
                if plan.decision.act in ("hand_off", "reopen")
                or (plan.decision.act == "thank" and not _unresolved(plan.burst))
            }
            fresh = [opening for opening in openings.values() if opening.reopens is None]
            ahead = 0
            if any(opening.acknowledge == "person" for opening in openings.values()):
                ahead = await cases.waiting_ahead(connection, now + self._rules.targets.person)
            ids = await insert_cases(connection, [handing.new_case(opening, now, self._rules) for opening in fresh])
            numbers = {opening.conversation.id: id_ for opening, id_ in zip(fresh, ids, strict=True)}
            changes = Changes()
            for plan in winners:
                opening = openings.get(plan.burst.conversation.id)
                case_id = None
                if opening is not None:
                    case_id = numbers.get(opening.conversation.id) or handing.reopen_case(
                        changes, opening, now, self._rules
                    )
                    touched.add(case_id)
                self._carry_out(
                    changes, plan, locked[plan.burst.conversation.id], opening, case_id, now=now, footing=footing,
                    place=_place(opening, fresh, ahead),
                )  # fmt: skip
            await changes.write(connection)
        for plan in winners:
            metrics.decided(
                channel=plan.burst.conversation.channel,
                act=plan.decision.act,
                tier=plan.decision.tier,
                ends=[
                    (plan.decision.ends[row.id][0], (now - row.created_at).total_seconds())
                    for row in plan.burst.undecided
                    if row.id in plan.decision.ends
                ],
            )
        await self._tell(plans, winners, touched)

    async def _tell(self, plans: list[Plan], winners: list[Plan], touched: set[int]) -> None:
        done = {plan.burst.conversation.id for plan in winners}
        for id_ in done:
            self._first_seen.pop(id_, None)
            self._aside.pop(id_, None)
        lost = [plan.burst.conversation.id for plan in plans if plan.burst.conversation.id not in done]
        if lost:
            self.look_at(lost)
        away = {plan.burst.conversation.id for plan in winners if not self._pulls(plan.burst)}
        if away:
            await self._bus.hint("courier", away)
        touched |= {plan.burst.case.id for plan in winners if plan.burst.case is not None}
        await self._published(done, touched)

    def _pulls(self, burst: Burst) -> bool:
        return self._capabilities(burst.conversation.channel).pull

    def _carry_out(
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
    ) -> None:
        """All rows of one decision."""
        decision, burst = plan.decision, plan.burst
        for message_id, (end, reason) in decision.ends.items():
            changes.end(message_id, end, reason)
        if plan.reading is not None:
            changes.verdicts.append(plan.reading.row(_spoken(burst)[0].id, now))
        seq, owner, epoch = locked.next_seq, locked.owner, locked.epoch
        match decision.act:
            case "hand_off" | "reopen" if opening is not None and case_id is not None:
                owner, epoch = "human", epoch + 1
                changes.cancel_bot_rows.append(burst.conversation.id)
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
        changes.advance(burst.conversation.id, next_seq=seq, version=locked.version + 1, owner=owner, epoch=epoch)

    def _append(self, changes: Changes, plan: Plan, now: datetime) -> None:
        case = plan.burst.case
        rows = tuple(row for row in plan.burst.undecided if plan.decision.ends[row.id][0] == "appended")
        if case is None or not rows or case.status == "resolved":
            return
        said = plan.reading.understanding if plan.reading else None
        graver = ("outage" if said.security else said.grave) if said is not None else None
        handing.append(
            changes, case, rows, now=now, rules=self._rules, flags=plan.decision.flags,
            tier=said.grave if said else None, sla=graver,
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
                meta = {"sections": answer.sections, "question": _words(burst)[:500]}
            case "thank":
                body = texts.FEEDBACK
            case "greet":
                body, meta = texts.GREETING.format(company=voice.company), {"greeting": True}
                buttons = [dict(texts.PERSON)]
            case _:
                body = texts.I_AM_A_BOT.format(bot=voice.bot, company=voice.company)
                buttons = [dict(texts.PERSON)]
        changes.say(
            burst.conversation.id, seq, author="bot", author_name=voice.bot, kind=kind, body=body, rich=rich,
            buttons=buttons, meta=meta, now=now, status="sent" if self._pulls(burst) else "queued", epoch=epoch,
        )  # fmt: skip
        return seq + 1

    def _opening(self, plan: Plan) -> Opening:
        burst, decision, reading = plan.burst, plan.decision, plan.reading
        case = burst.case
        rows = tuple(row for row in burst.undecided if decision.ends[row.id][0] in ("handed_off", "filed"))
        unresolved = case if _unresolved(burst) else None
        return Opening(
            conversation=burst.conversation,
            tier=decision.tier,
            sla=decision.sla,
            reason=decision.reason,
            acknowledge=decision.acknowledge,
            messages=rows,
            pull=self._pulls(burst),
            context=reading.context() if reading else {},
            flags=decision.flags,
            language=reading.understanding.language if reading and reading.understanding.foreign else None,
            workaround=answers.workaround(reading.hits, self._link)
            if reading and decision.acknowledge == "problem"
            else None,
            reopens=case if decision.act == "reopen" else unresolved,
            previous=case if case is not None and decision.act != "reopen" and unresolved is None else None,
        )


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


def _unresolved(burst: Burst) -> bool:
    return burst.case is not None and burst.case.status != "resolved"


def _still_so(plan: Plan, now: Locked | None) -> bool:
    """Nobody has decided, taken over, edited or (where the machine would speak) written since we read."""
    if now is None or now.version != plan.burst.conversation.version:
        return False
    read = {message.id for message in plan.burst.undecided}
    if not read <= now.undecided:
        return False
    return not (plan.decision.may_wait and now.undecided - read)


def _spoken(burst: Burst) -> list[MessageRow]:
    """Messages with words to understand."""
    return [
        row
        for row in burst.undecided
        if row.kind in ("text", "edit")
        and row.body.strip()
        and not (row.meta.get("us") or row.meta.get("bot") or row.meta.get("automatic"))
        and (not row.meta.get("aside") or burst.conversation.owner == "human")
    ]


def _words(burst: Burst) -> str:
    """The burst as one matter, a line each; empty if there are no words."""
    return "\n".join(row.body for row in _spoken(burst))


def _said(message: MessageRow, burst: Burst) -> Said:
    earlier = (row for row in burst.before if row.origin is not None and row.origin == message.origin)
    return Said(
        id=message.id,
        kind=message.kind,
        text=message.body,
        button=message.meta.get("button"),
        files=int(message.meta.get("files", 0)),
        us=bool(message.meta.get("us")),
        bot=bool(message.meta.get("bot")),
        automatic=bool(message.meta.get("automatic")),
        addressed=not message.meta.get("aside"),
        edits_decided=message.kind == "edit" and any(row.end not in (None, "superseded") for row in earlier),
        before_return=message.seq <= burst.conversation.returned_seq,
    )


def _last_out(rows: Iterable[MessageRow]) -> MessageRow | None:
    return next((row for row in reversed(list(rows)) if row.direction == "out"), None)


def _asked_before(burst: Burst, recent: list[MessageRow], reading: Reading | None) -> bool:
    """The same words again, or words that lead to the same section, within a day of an answer."""
    if not recent or reading is None:
        return False
    words = " ".join(_words(burst).casefold().split())
    if any(" ".join(str(row.meta.get("question", "")).casefold().split()) == words[:500] for row in recent):
        return True
    given = {tuple(section) for row in recent for section in row.meta.get("sections", ())}
    return any((hit.article.slug, hit.section.anchor) in given for hit in reading.hits)
