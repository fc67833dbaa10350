"""Runs what comes due, once each, also what came due while nobody was running."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from bot.gatekeeper import CLOSED
from bot.mailing import Mailing
from handoff import linking, promises, undelivered
from handoff.holding import Holding
from handoff.notifier import Call, GateClosed, Notifier
from handoff.opening import Footing, Rules, notify_again
from store import dues, holds, journey, links, sweep, unread
from store.changes import Changes
from store.database import Database
from store.dues import Due
from store.errors import DatabaseAway, TablesDiffer
from store.inbox import PROFILE_DUE
from store.words import case_number

LOOK_EVERY: Final = 1.0
AT_ONCE: Final = 50
CALLS_AT_ONCE: Final = 8
MAILS_AT_ONCE: Final = 8
TRIES: Final = 5
"""Then a row is given up, for people to look at. A call for people is never given up: nobody would know."""
LONGEST_WAIT: Final = 600
"""Seconds between two tries."""
SWEEP_LOOK_EVERY: Final = 60.0
CALLS: Final = ("notify", CLOSED)
OF_LINKS: Final = (links.CODE_DUE, PROFILE_DUE)
BESIDE: Final = (*CALLS, unread.KIND)
"""What reaches out, and so may take a while."""

log = structlog.get_logger(__name__)


class Clock:
    """Promises, deadlines, snoozes and calls; and once a day it sweeps."""

    def __init__(
        self,
        *,
        database: Database,
        rules: Rules,
        footing: Callable[[], Awaitable[Footing]],
        pull: Callable[[str], bool],
        notifier: Notifier | None,
        desk_url: str,
        published: Callable[[Collection[int], Collection[int]], Awaitable[None]],
        mailing: Mailing | None = None,
        holding: Holding | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._rules = rules
        self._footing = footing
        self._pull = pull
        self._notifier = notifier
        self._desk_url = desk_url
        self._published = published
        self._mailing = mailing
        self._holding = holding
        self._now = now

    async def run(self) -> None:
        """Tick until cancelled. Calls and mails go beside the rest: a pager that hangs holds up no promise."""
        async with asyncio.TaskGroup() as tasks:
            for step, pause in (
                (self._effects, LOOK_EVERY),
                (self._calls, LOOK_EVERY),
                (self._mails, LOOK_EVERY),
                (self.sweep, SWEEP_LOOK_EVERY),
            ):
                tasks.create_task(self._forever(step, pause))

    async def tick(self) -> bool:
        """Run what is due now; whether there may be more."""
        more = await self._effects()
        more = await self._calls() or more
        return await self._mails() or more

    async def sweep(self) -> bool:
        """Delete some of what nobody needs any more, if it is time; whether there is more."""
        now = self._now()
        async with self._database.read() as connection:
            if not await sweep.is_due(connection, now):
                return False
        async with self._database.write("clock.sweep") as connection:
            return await sweep.bite(connection, now)

    async def _forever(self, step: Callable[[], Awaitable[bool]], pause: float) -> None:
        while True:
            try:
                more = await step()
            except DatabaseAway as error:
                log.warning("clock waits for the database", error=str(error))
                more = False
            if not more:
                await asyncio.sleep(pause)

    async def _effects(self) -> bool:
        async with self._database.read() as connection:
            arrived = await dues.arrived(connection, self._now(), limit=AT_ONCE, without=BESIDE)
        for due in arrived:
            await self._run(due)
        return len(arrived) == AT_ONCE

    async def _calls(self) -> bool:
        async with self._database.read() as connection:
            arrived = await dues.arrived(connection, self._now(), limit=CALLS_AT_ONCE, only=CALLS)
        await asyncio.gather(*map(self._run, arrived))
        return len(arrived) == CALLS_AT_ONCE

    async def _mails(self) -> bool:
        """Unread answers, for whom they are due. One that fails interrupts no other on its way."""
        if self._mailing is None:
            return False
        async with self._database.read() as connection:
            arrived = await dues.arrived(connection, self._now(), limit=MAILS_AT_ONCE, only=(unread.KIND,))
        for ended in await asyncio.gather(*map(self._run, arrived), return_exceptions=True):
            if ended is not None:
                raise ended
        return len(arrived) == MAILS_AT_ONCE

    async def _run(self, due: Due) -> None:
        try:
            if due.kind == "notify":
                await self._notify(due)
            elif due.kind == CLOSED:
                await self._gate_closed(due)
            elif due.kind == unread.KIND and self._mailing is not None:
                await self._mailing.run(due)
            elif due.kind == holds.DUE and self._holding is not None:
                await self._holding.leave(due)
            elif due.kind in OF_LINKS:
                await self._link(due)
            else:
                await self._effect(due)
        except (DatabaseAway, TablesDiffer):
            raise  # nothing is wrong with this row
        except Exception as error:
            log.exception("a due row failed", kind=due.kind, subject=due.subject, attempt=due.attempts + 1)
            async with self._database.write("clock.failed") as connection:
                if due.attempts + 1 >= TRIES and due.kind not in CALLS:
                    await dues.give_up(connection, due.id, self._now(), str(error)[:500])
                else:
                    later = self._now() + timedelta(seconds=min(5 * 4 ** min(due.attempts, TRIES), LONGEST_WAIT))
                    await dues.put_off(connection, due.id, later, str(error)[:500])

    async def _effect(self, due: Due) -> None:
        """Consume the row and write its effect in one transaction; whoever is second finds it consumed."""
        effect = undelivered.undelivered if due.kind == undelivered.FLAG else promises.EFFECTS[due.kind]
        footing = await self._footing()
        async with self._database.write("clock") as connection:
            case = await journey.read_case(connection, due.subject)
            if case is not None:
                await journey.lock(connection, [case.conversation_id])
                case = await journey.read_case(connection, due.subject)
            now = self._now()
            if not await dues.consume(connection, due.id, now) or case is None:
                return
            at = promises.Moment(now=now, rules=self._rules, footing=footing, pull=self._pull)
            changes = await effect(connection, due, case, at)
            await changes.write(connection)
        await self._published({case.conversation_id}, {case.id})

    async def _link(self, due: Due) -> None:
        """A code's time is over, or a platform vouches for an address: consumed and done in one transaction."""
        conversations: set[int] = set()
        cases: set[int] = set()
        async with self._database.write("clock.link") as connection:
            now = self._now()
            if due.kind == links.CODE_DUE:
                await links.end_code(connection, due.subject, now)
            else:
                conversations, cases = await linking.by_profile(connection, due.subject, now)
            await dues.consume(connection, due.id, now)
        if conversations:
            await self._published(conversations, cases)

    async def _gate_closed(self, due: Due) -> None:
        """Tell people first, consume after, as with a case."""
        if self._notifier is not None:
            why = str(due.data.get("why", ""))
            await self._notifier.call(GateClosed(why=why, link=f"{self._desk_url}/gate"))
        async with self._database.write("clock.gate") as connection:
            await dues.consume(connection, due.id, self._now())

    async def _notify(self, due: Due) -> None:
        """Call first, consume after: a call may be made twice, never lost."""
        async with self._database.read() as connection:
            case = await journey.read_case(connection, due.subject)
            conversation = await journey.read_conversation(connection, case.conversation_id) if case else None
        why = str(due.data.get("why", "waiting"))
        late = why in ("promise_at_risk", "breached")
        wanted = (
            self._notifier is not None
            and case is not None
            and (case.status == "waiting" or (late and case.status != "resolved" and case.unanswered_since is not None))
        )
        attempt = int(due.data.get("attempt", 1))
        if wanted and case is not None and conversation is not None and self._notifier is not None:
            await self._notifier.call(
                Call(
                    case_id=case.id,
                    tier=case.tier,
                    why=why,
                    attempt=attempt,
                    deadline=case.deadline,
                    channel=conversation.channel,
                    link=f"{self._desk_url}/cases/{case_number(case.id)}",
                )
            )
        async with self._database.write("clock.notify") as connection:
            now = self._now()
            if (
                await dues.consume(connection, due.id, now)
                and wanted
                and case is not None
                and case.urgent
                and case.status == "waiting"
            ):
                changes = Changes()
                changes.due("notify", case.id, now + notify_again(attempt - 1), now=now, data={"attempt": attempt + 1})
                await changes.write(connection)
