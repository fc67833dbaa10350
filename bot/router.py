"""From kept messages to decisions: read the rows, understand, decide, then one short write for all that is decided.

Nothing is held open while the classifier thinks, and nobody waits for a longer text than his own: each conversation is
written as soon as it is understood, together with whichever others are. The write holds each conversation's lock and
checks that nobody has decided meanwhile: losers are looked at again, winners commit.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import answers, metrics
from bot.carrying import Carrier, Plan, Touched, still_so
from bot.pace import Pace
from bot.policy import decide
from bot.situation import situation, words
from bot.understanding import Reader, Reading
from channels.contract import Capabilities
from handoff.linking import Linking
from handoff.opening import Footing, Rules
from store import journey
from store.bus import Bus
from store.database import Database
from store.errors import DatabaseAway, TablesDiffer
from store.journey import Burst, ConversationRow

AT_ONCE: Final = 96
"""Conversations between being taken and being written: enough to keep the reader's threads busy."""
ROOM: Final = 24
"""When many wait, the next are taken together: a query for one costs nearly as much as for these."""
WRITERS: Final = 2
"""While one batch is being committed, the next is being put together."""
SWEEP_EVERY: Final = 2.0
SWEPT_AT_ONCE: Final = 1000
ASIDE_AT_MOST: Final = 600.0
FIRST_SEEN: Final = 10_000
"""Conversations whose quiet is remembered; those decided by another process are never heard of again."""

log = structlog.get_logger(__name__)

Published = Callable[[Collection[int], Collection[int]], Awaitable[None]]
"""Told which conversations and cases a commit has changed."""

Typing = Callable[[ConversationRow], None]
"""Told that the machine is about to speak there; returns at once."""


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
        linking: Linking,
        quiet: float,
        quiet_at_most: float,
        typing: Typing = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._bus = bus
        self._reader = reader
        self._capabilities = capabilities
        self._pull: Callable[[str], bool] = lambda channel: capabilities(channel).pull
        self._carrier = Carrier(rules=rules, pull=self._pull, link=link, linking=linking)
        self._footing = footing
        self._published = published
        self._quiet = quiet
        self._quiet_at_most = quiet_at_most
        self._typing = typing
        self._clock = clock
        self._pending: OrderedDict[int, None] = OrderedDict()
        self._busy: set[int] = set()
        self._planned: list[Plan] = []
        self._news = asyncio.Event()
        self._decided = asyncio.Event()
        self._sweep_now = asyncio.Event()
        self._first_seen: OrderedDict[int, tuple[float, int, float]] = OrderedDict()
        self._pace = Pace()
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
            tasks.create_task(self._understand(tasks))
            for _ in range(WRITERS):
                tasks.create_task(self._write())

    async def _listen(self) -> None:
        while True:
            self.look_at(await self._bus.take("router", limit=4 * AT_ONCE, wait=5.0))

    async def _sweep(self) -> None:
        while True:
            try:
                async with self._database.read() as connection:
                    waiting = await journey.undecided_conversations(connection, limit=SWEPT_AT_ONCE)
                if len(waiting) < SWEPT_AT_ONCE:
                    for id_ in self._aside.keys() - set(waiting):
                        del self._aside[id_]  # decided elsewhere
                self.look_at(waiting)
                self._swept = time.monotonic()
            except Exception as error:
                log.warning("sweep failed", error=str(error))
            self._sweep_now.clear()
            # Not `wait_for`: on Python 3.11 it loses a cancellation that comes in the moment of the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_EVERY):
                    await self._sweep_now.wait()

    # --- understand and decide --------------------------------------------------------------------

    async def _understand(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            ids = self._take()
            if not ids:
                continue
            try:
                bursts = await self._database.look(partial(journey.read_bursts, ids=ids))
            except TablesDiffer:
                raise  # no fault of these conversations; the desk stops and says so
            except Exception as error:
                log.warning("conversations cannot be read; the sweep finds them again", error=str(error))
                self._release(ids)
                await asyncio.sleep(0.5)
                continue
            self._release({*ids}.difference(burst.conversation.id for burst in bursts))
            for share in self._reader.shares(bursts):
                tasks.create_task(self._plan_all(share))

    def _take(self) -> list[int]:
        """What may be worked on now, in the order in which it came."""
        free = AT_ONCE - len(self._busy)
        if free < min(len(self._pending), ROOM):
            return []  # whoever is written next makes room and says so
        ids = [id_ for id_ in self._pending if id_ not in self._busy][:free]
        for id_ in ids:
            del self._pending[id_]
        self._busy.update(ids)
        return ids

    def _release(self, ids: Collection[int]) -> None:
        """These are no longer being worked on, whatever became of them."""
        self._busy.difference_update(ids)
        if self._pending:
            self._news.set()

    async def _plan_all(self, bursts: Sequence[Burst]) -> None:
        try:
            readings = await self._reader.read([words(burst) for burst in bursts])
        except Exception:
            log.exception("reading failed; each conversation is read alone", conversations=len(bursts))
            if len(bursts) == 1:
                await self._plan_alone(bursts[0])
            else:
                await asyncio.gather(*(self._plan_all([burst]) for burst in bursts))
            return
        for burst, reading in zip(bursts, readings, strict=True):
            try:
                self._plan(burst, reading)
            except Exception:
                log.exception("a conversation failed; once more, alone", conversation=burst.conversation.id)
                await self._plan_alone(burst)

    async def _plan_alone(self, burst: Burst) -> None:
        """A message that raises twice is handed off: a person reads what the machine cannot."""
        try:
            (reading,) = await self._reader.read([words(burst)])
            self._plan(burst, reading)
        except Exception:
            log.exception("a conversation failed twice; a person gets it", conversation=burst.conversation.id)
            try:
                self._put_down(self._for_a_person(burst))
            except Exception:
                self._set_aside(burst.conversation.id)
                self._release([burst.conversation.id])

    def _plan(self, burst: Burst, reading: Reading | None) -> None:
        decision = decide(situation(burst, reading, self._clock()))
        if decision.may_wait and (later := self._not_quiet_yet(burst)) > 0:
            if not decision.unfinished:
                self._typing(burst.conversation)
            asyncio.get_running_loop().call_later(later, self.look_at, [burst.conversation.id])
            self._release([burst.conversation.id])
            return
        self._put_down(Plan(burst=burst, reading=reading, decision=decision))

    def _for_a_person(self, burst: Burst) -> Plan:
        failed = replace(situation(burst, None, self._clock()), failed=True)
        return Plan(burst=burst, reading=None, decision=decide(failed))

    def _put_down(self, plan: Plan) -> None:
        self._planned.append(plan)
        self._decided.set()

    def _not_quiet_yet(self, burst: Burst) -> float:
        """Seconds to wait until the customer has stopped writing; 0: answer now. By the monotonic clock."""
        if self._quiet <= 0 or not self._capabilities(burst.conversation.channel).conversational:
            return 0.0
        id_ = burst.conversation.id
        now, newest = time.monotonic(), burst.undecided[-1].seq
        first, seen, since = self._first_seen.pop(id_, (now, newest, now))
        if seen != newest:
            since = now
        self._first_seen[id_] = (first, newest, since)
        while len(self._first_seen) > FIRST_SEEN:
            self._first_seen.popitem(last=False)  # forgetting costs a few seconds of waiting, nothing else
        return max(0.0, min(since + self._quiet, first + self._quiet_at_most) - now)

    # --- the write --------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            await self._decided.wait()
            await self._pace.turn()
            self._decided.clear()
            plans, self._planned = self._planned, []
            if not plans:
                continue
            self._pace.took(len(plans))
            try:
                await self._finish_all(plans)
            except DatabaseAway as error:
                log.warning("router waits for the database; the sweep finds these again", error=str(error))
                await asyncio.sleep(0.5)
            finally:
                self._release([plan.conversation for plan in plans])

    async def _finish_all(self, plans: Sequence[Plan]) -> None:
        """What links people holds more than its own conversation, and before it: each such plan is a unit by itself."""
        linking = [plan for plan in plans if plan.holds_more]
        for share in ([plan for plan in plans if not plan.holds_more], *([plan] for plan in linking)):
            if share:
                await self._finish_share(share)

    async def _finish_share(self, plans: Sequence[Plan]) -> None:
        try:
            await self._finish(plans)
        except (DatabaseAway, TablesDiffer):
            raise  # no fault of these conversations; with other tables the desk stops and says so
        except Exception:
            log.exception("a write failed; each conversation is written alone", conversations=len(plans))
            for plan in plans:
                await self._finish_alone(plan)

    async def _finish_alone(self, plan: Plan) -> None:
        """A decision that cannot be written twice is handed off instead."""
        try:
            await self._finish([plan])
        except (DatabaseAway, TablesDiffer):
            raise
        except Exception:
            log.exception("a decision cannot be written; a person gets it", conversation=plan.conversation)
            try:
                await self._finish([self._for_a_person(plan.burst)])
            except (DatabaseAway, TablesDiffer):
                raise
            except Exception:
                self._set_aside(plan.conversation)

    def _set_aside(self, id_: int) -> None:
        """Even handing it over failed. The others go on; this one is tried again, later and later."""
        tries = self._aside.get(id_, (0.0, 0))[1] + 1
        self._aside[id_] = (time.monotonic() + min(5.0 * 2 ** min(tries, 10), ASIDE_AT_MOST), tries)
        self._pending.pop(id_, None)
        log.error("a conversation cannot be decided and is set aside", conversation=id_, tries=tries)

    async def _finish(self, plans: Sequence[Plan]) -> None:
        footing = await self._footing()
        now = self._clock()

        async def carry_out(connection: AsyncConnection) -> tuple[list[Plan], Touched]:
            beside = await self._carrier.beside(connection, plans, now)
            locked = await journey.lock(connection, [*(plan.conversation for plan in plans), *beside])
            winners = [
                plan
                for plan in plans
                if still_so(plan, locked.get(plan.conversation))
                and (plan.reading is None or self._reader.holds(plan.reading))
            ]
            late = await self._carrier.let_go(connection, winners)
            winners = [plan for plan in winners if plan.conversation not in late]
            return winners, await self._carrier.carry_out(connection, winners, locked, now=now, footing=footing)

        winners, touched = await self._database.commit("router", carry_out)
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

    async def _tell(self, plans: Sequence[Plan], winners: Sequence[Plan], touched: Touched) -> None:
        done = {plan.conversation for plan in winners}
        for plan in plans:
            self._first_seen.pop(plan.conversation, None)
        for id_ in done:
            self._aside.pop(id_, None)
        self.look_at(plan.conversation for plan in plans if plan.conversation not in done)
        away = {plan.conversation for plan in winners if not self._carrier.pulls(plan.burst)}
        away |= {id_ for id_, channel in touched.beside.items() if not self._pull(channel)}
        if away:
            await self._bus.hint("courier", away)
        await self._published(done | touched.beside.keys(), touched.cases)
