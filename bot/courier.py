"""Carries rows of the outbox to their platforms: fenced, in each conversation's order, never silently twice."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.packing import CutDifferently, Packed, pack
from bot.rates import Find, Rates
from channels.contract import (
    Channel,
    PermanentFailure,
    Reconciles,
    TemporaryFailure,
    UnknownOutcome,
    Unsupported,
    Withheld,
)
from store import faults, outbox
from store.database import Database
from store.errors import DatabaseAway
from store.memorybus import BusProtocol
from store.outbox import SETTLE_WITHIN, Account, Line, Parcel, Settlement

BATCH: Final = 32
SEND_WITHIN: Final = 9.0
"""Seconds; less than the time after which others take a row for abandoned."""
LEAST: Final = 2.0
"""Seconds that must be left for a request; with less it is not begun."""
BLOCKED: Final = 0.5
"""Seconds until the next look where all that is due waits behind something else."""
WAITS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Between tries: 60 s in all, then the row is parked where an agent sees it."""
LATER: Final = 3600.0
"""Seconds between tries at most, where a channel is tried for longer."""
REPEAT_AFTER: Final = 60.0
"""Seconds until an unclear send is made again, where that is done at all; each time twice as long."""
YES_AFTER: Final = (0.5, 1.0, 2.0, 3.0, 10.0)
"""Seconds between looks at a send whose answer was lost, while its ten seconds last."""
LOOKS: Final = ((20.0, 5.0), (600.0, 15.0), (7200.0, 60.0), (86_400.0, 900.0))
"""Unclear for less than so many seconds: the next look after so many. Soon enough to know it when a link is back."""
BLIND: Final = 120.0
"""Seconds for which a send stays looked after although its channel cannot look anything up."""
PATIENCE: Final = 3600.0
"""Seconds for which a row waits for a link that is down, before it is parked."""
REST: Final = 15.0
"""Seconds at most between two tries to get through a link that is down, by one row."""
DOUBTFUL: Final = "we cannot tell whether this arrived; sending again may double it"
IN_A_ROW: Final = 5
"""So often one row looks whether a link is back, before another does."""
ALONE: Final = 2
"""A row that finds the link down so often while others get through has a trouble of its own."""
SWEEP_EVERY: Final = 2.0
PAUSED_KEPT: Final = 10_000
"""Rows that a platform has put off once: so many are remembered."""
SETTLE_AT_STOP: Final = 3.0
"""Seconds that a send may still take when the desk stops."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Held:
    """A row that has found its link down."""

    times: int = 0
    alone: int = 0
    """How often others had got through since."""
    at: float = 0.0


class Courier:
    """Takes what may leave, sends it, and writes down how that ended."""

    def __init__(
        self,
        *,
        database: Database,
        bus: BusProtocol,
        find: Find,
        holder: str,
        published: Callable[[Collection[int], Collection[int]], Awaitable[None]],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._bus = bus
        self._find = find
        self._holder = holder
        self._published = published
        self._clock = clock
        self._news = asyncio.Event()
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._down_since: dict[Account, float] = {}
        self._last_yes: dict[Account, float] = {}
        """When a platform has last taken, or itself refused, something."""
        self._held: OrderedDict[int, _Held] = OrderedDict()
        self._probing: set[Account] = set()
        self.rates = Rates(bus, find=find)
        self._paused: OrderedDict[int, None] = OrderedDict()
        self._claiming = asyncio.Lock()
        self._draining = False

    def wake(self) -> None:
        """Something may leave."""
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled; `drain` first, or what is being sent is cut off."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._reconcile())
            while True:
                self._news.clear()
                pause = await self._guarded(self._round, tasks)
                if pause > 0:
                    await self._wait(pause)

    async def drain(self) -> None:
        """Start no further send; what is being sent has a moment to settle. To be called before channels stop."""
        if self._draining:
            return
        self._draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_AT_STOP):
                async with self._claiming:
                    last = set(self._sending.values())
                if last:
                    await asyncio.wait(last)

    async def _listen(self) -> None:
        while True:
            if await self._bus.take("courier", limit=256, wait=5.0):
                self._news.set()

    async def _wait(self, seconds: float) -> None:
        # Not `wait_for`: on Python 3.11 it loses a cancellation that comes in the moment of the event.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _guarded(self, step: Callable[[asyncio.TaskGroup], Awaitable[float]], tasks: asyncio.TaskGroup) -> float:
        try:
            return await step(tasks)
        except DatabaseAway as error:
            log.warning("courier waits for the database", error=str(error))
            return 1.0

    async def _round(self, tasks: asyncio.TaskGroup) -> float:
        """Start sending what may leave; seconds until the next look."""
        async with self._claiming:
            return SWEEP_EVERY if self._draining else await self._claim(tasks)

    async def _claim(self, tasks: asyncio.TaskGroup) -> float:
        line, next_at = await self._line()
        if next_at is None:
            return SWEEP_EVERY
        if (left := (next_at - self._clock()).total_seconds()) > 0:
            return min(SWEEP_EVERY, max(0.02, left))
        line = self._one_of_each_that_is_down(line)
        passed, busy = await self.rates.let_through(line), set(self._sending)

        async def claim(connection: AsyncConnection) -> tuple[list[Parcel], float]:
            now, claimed = self._clock(), time.monotonic()
            await outbox.abandon(connection, now)
            if not passed:
                return [], claimed
            return await outbox.claim(connection, self._holder, now, limit=BATCH, busy=busy, only=passed), claimed

        parcels, claimed = await self._database.commit("courier.claim", claim)
        since = {row.id: row.since for row in line}
        for parcel in parcels:
            if (account := (parcel.channel, parcel.account)) in self._down_since:
                self._probing.add(account)
            self._sending[parcel.conversation_id] = tasks.create_task(self._carry(parcel, claimed, since[parcel.id]))
        if len(line) == BATCH or len(passed) < len(line):
            return 0.0  # there may be more, or others who need not wait
        if parcels:
            return 0.005
        soonest = self.rates.soonest()
        return BLOCKED if soonest is None else min(BLOCKED, soonest + 0.001)

    async def _line(self) -> tuple[list[Line], datetime | None]:
        """Who stands in line, without those who have to wait, and when the next row of all is due."""
        now, busy, (accounts, places) = self._clock(), set(self._sending), self.rates.waiting()
        accounts |= self._probing

        async def look(connection: AsyncConnection) -> tuple[list[Line], datetime | None]:
            next_at = await outbox.next_leaving(connection)
            if next_at is None or next_at > now:
                return [], next_at
            line = await outbox.line(connection, now, limit=BATCH, busy=busy, accounts=accounts, places=places)
            return line, next_at

        return await self._database.look(look)

    def _one_of_each_that_is_down(self, line: Sequence[Line]) -> list[Line]:
        """Of an account through which nothing came last time only who has waited longest: it looks for all of them.

        One that has looked in vain a few times lets the next one look: its trouble may be its own."""
        chosen: dict[Account, Line] = {}
        for row in line:
            if (account := row.place[:2]) in self._down_since:
                chosen[account] = min(chosen.get(account, row), row, key=self._looked)
        return [row for row in line if chosen.get(row.place[:2], row) is row]

    def _looked(self, row: Line) -> int:
        held = self._held.get(row.id)
        return 0 if held is None else held.times // IN_A_ROW

    def _is_up(self, account: Account) -> None:
        """The platform has answered for something of it."""
        self._down_since.pop(account, None)
        self._last_yes[account] = time.monotonic()

    def _holds(self, parcel: Parcel) -> bool:
        """It found the link down. Is that its own trouble, as others get through?"""
        held = self._held.setdefault(parcel.id, _Held())
        while len(self._held) > PAUSED_KEPT:
            self._held.popitem(last=False)
        held.alone += bool(held.times and self._last_yes.get((parcel.channel, parcel.account), 0.0) > held.at)
        held.times, held.at = held.times + 1, time.monotonic()
        return held.alone >= ALONE

    async def _carry(self, parcel: Parcel, claimed: float, since: datetime) -> None:
        """Send it, part by part while nothing is in the way. `since`: when its turn began."""
        try:
            following: Parcel | None = parcel
            while following is not None:
                following = await self._carry_part(following, claimed, since)
                claimed = time.monotonic()
        except Exception:
            # Whatever it was, the others must go on. The row stays `sending`, and is `unknown` once its time is over.
            log.exception("a send was left unsettled", message=parcel.id)
        finally:
            self._sending.pop(parcel.conversation_id, None)
            self._news.set()

    async def _carry_part(self, parcel: Parcel, claimed: float, since: datetime) -> Parcel | None:
        """Send what is next of it and write that down. The parcel again, if its next part may leave at once."""
        try:
            settlement = await self._send(parcel, claimed, since)
        finally:
            self._probing.discard((parcel.channel, parcel.account))
        if settlement.status == "unknown":
            settlement = await self._wait_for_a_yes(parcel, settlement)
        if await self._goes_on(parcel, settlement):
            return await self._begin_part(parcel, settlement)
        await self._settle(parcel, settlement)
        return None

    async def _goes_on(self, parcel: Parcel, settlement: Settlement) -> bool:
        """Is there a part that has not been tried, and may it leave at once?"""
        if settlement.status != "queued" or settlement.part_ids is None or self._draining:
            return False
        # The first has taken its turn when the row was claimed; where turns are few the others stand in line again.
        return not settlement.part_ids or await self.rates.is_free((parcel.channel, parcel.account, parcel.place))

    async def _begin_part(self, parcel: Parcel, settlement: Settlement) -> Parcel | None:
        """The fence once more. A database that is away for longer leaves the row `sending`: it becomes `unknown`."""
        for _ in range(5):
            try:
                async with self._database.write("courier.part") as connection:
                    following = await outbox.begin_part(
                        connection, parcel, self._clock(), parts=settlement.parts or 1,
                        part_ids=settlement.part_ids or (),
                    )  # fmt: skip
            except DatabaseAway as error:
                log.warning("a part could not be noted", message=parcel.id, error=str(error))
                await asyncio.sleep(1)
            else:
                if following is None:
                    await self._published({parcel.conversation_id}, ())
                return following
        return None

    async def _wait_for_a_yes(self, parcel: Parcel, settlement: Settlement) -> Settlement:
        """Until its time is over an unclear send may still land: nobody believes a no, and its conversation waits."""
        until = (parcel.sending_since or self._clock()) + SETTLE_WITHIN
        for pause in YES_AFTER:
            left = (until - self._clock()).total_seconds()
            await asyncio.sleep(max(0.0, min(pause, left)))
            channel = self._find(parcel.channel, parcel.account)
            if left <= 0 or not isinstance(channel, Reconciles):
                continue
            try:
                packed = await pack(self._database, channel, parcel)
                async with asyncio.timeout(SEND_WITHIN):
                    receipt = await channel.reconcile(packed.message)
            except Exception as error:
                log.info("still unclear", message=parcel.id, error=str(error))
            else:
                if receipt is not None:
                    return self._arrived(parcel, packed, receipt.external_id)
        return replace(settlement, next_try_at=self._clock())

    async def _settle(self, parcel: Parcel, settlement: Settlement) -> None:
        """Write how it ended. A database that is away for longer leaves the row `sending`: it becomes `unknown`."""
        settlement = replace(settlement, sending_since=parcel.sending_since)
        for _ in range(5):
            try:
                await self._database.commit(
                    "courier.settle", partial(outbox.settle, settlement=settlement, now=self._clock())
                )
            except DatabaseAway as error:
                log.warning("a send could not be settled", message=parcel.id, error=str(error))
                await asyncio.sleep(1)
            else:
                await self._published({parcel.conversation_id}, ())
                return

    async def _send(self, parcel: Parcel, claimed: float, since: datetime) -> Settlement:
        account = (parcel.channel, parcel.account)
        channel = self._find(*account)
        if channel is None:
            return self._again(parcel, f"no channel {parcel.channel}:{parcel.account} is running")
        if channel.capabilities.pull:
            return Settlement(id=parcel.id, status="sent")
        repeats = channel.capabilities.repeats
        if parcel.unclear_since is not None and not repeats and not self._may_repeat(channel, parcel):
            return Settlement(id=parcel.id, status="unknown", error=DOUBTFUL, next_try_at=self._clock())
        try:
            packed = await pack(self._database, channel, parcel)
        except CutDifferently as error:
            return Settlement(id=parcel.id, status="parked", error=str(error), part_ids=())
        except Exception as error:
            return self._again(parcel, f"it could not be made ready ({type(error).__name__})")
        if packed.parts > 1 and parcel.parts != packed.parts:
            return self._still_to_come(parcel, packed, ())
        # The time began when the row was claimed: once it is over others take the row for abandoned.
        left = SEND_WITHIN - (time.monotonic() - claimed)
        if left < LEAST:
            return Settlement(
                id=parcel.id, status="queued", error="held up before it left", counted=False, next_try_at=self._clock()
            )
        try:
            async with asyncio.timeout(left):
                faults.reach("courier.before-send")
                receipt = await channel.send(packed.message)
                faults.reach("courier.after-send")
        except TemporaryFailure as error:
            if error.everywhere:
                if self._holds(parcel):
                    return self._again(parcel, f"{packed.said}{error}", channel.capabilities.patience)
                return await self._rest(parcel, f"{packed.said}{error}", since, channel.capabilities.patience)
            self._is_up(account)
            if error.retry_after is None:
                return self._again(parcel, f"{packed.said}{error}", channel.capabilities.patience)
            return await self._pause(parcel, f"{packed.said}{error}", error, since)
        except Withheld as error:
            return Settlement(id=parcel.id, status="cancelled", error=str(error))
        except (PermanentFailure, Unsupported) as error:
            self._is_up(account)
            reason = f"{packed.said}{str(error) or type(error).__name__}"
            return Settlement(id=parcel.id, status="failed", error=reason)
        except Exception as error:
            if not isinstance(error, (UnknownOutcome, TimeoutError)):
                log.exception("an adapter raised", channel=parcel.channel, message=parcel.id)
            reason = f"{packed.said}{str(error) or 'no answer came back in time'}"
            self._down_since.setdefault(account, time.monotonic())  # the next ones go one by one, not all into the dark
            return Settlement(id=parcel.id, status="unknown", error=reason, next_try_at=self._clock())
        self._held.pop(parcel.id, None)
        self._is_up(account)
        missed = "; ".join(f"{who} did not get it ({why})" for who, why in receipt.refused.items()) or None
        return self._arrived(parcel, packed, receipt.external_id, missed)

    def _arrived(self, parcel: Parcel, packed: Packed, external_id: str, missed: str | None = None) -> Settlement:
        """The platform has what was packed: that is all of it, or one part more. `missed`: who got no copy."""
        if packed.parts == 1:
            return Settlement(id=parcel.id, status="sent", external_id=external_id, error=missed)
        part_ids = (*parcel.part_ids, external_id)
        if len(part_ids) == packed.parts:
            return Settlement(id=parcel.id, status="sent", parts=packed.parts, part_ids=part_ids)
        return self._still_to_come(parcel, packed, part_ids)

    def _still_to_come(self, parcel: Parcel, packed: Packed, part_ids: tuple[str, ...]) -> Settlement:
        return Settlement(
            id=parcel.id, status="queued", parts=packed.parts, part_ids=part_ids, next_try_at=self._clock()
        )

    def _again(self, parcel: Parcel, reason: str, patience: float = sum(WAITS)) -> Settlement:
        """Certainly not sent: later, or parked once its time is over, a minute if its channel says no more."""
        tried = parcel.attempts
        waited = (self._clock() - (parcel.tried_at or parcel.created_at)).total_seconds()
        wait = WAITS[tried - 1] if tried <= len(WAITS) else min(LATER, WAITS[-1] * 2.0 ** min(tried - len(WAITS), 20))
        if (patience <= sum(WAITS) and tried > len(WAITS)) or (tried > 1 and waited > patience):
            return Settlement(id=parcel.id, status="parked", error=f"{reason} (tried {tried} times)")
        later = self._clock() + timedelta(seconds=wait)
        return Settlement(id=parcel.id, status="queued", error=reason, next_try_at=later)

    async def _rest(self, parcel: Parcel, reason: str, since: datetime, patience: float) -> Settlement:
        """Nothing of the account can leave. The row keeps its place, loses no try, and goes when the link is back.

        One that has stood there for too long is parked: a person should say whether it still holds.
        """
        waited = (self._clock() - since).total_seconds()
        if waited > max(PATIENCE, patience):
            return Settlement(id=parcel.id, status="parked", error=f"{reason} (waited {waited / 60:.0f} minutes)")
        account, now = (parcel.channel, parcel.account), time.monotonic()
        down_for = now - self._down_since.setdefault(account, now)
        self.rates.rest(account, seconds=min(max(1.0, down_for / 2), REST))
        return Settlement(id=parcel.id, status="queued", error=reason, counted=False, next_try_at=since)

    async def _pause(self, parcel: Parcel, reason: str, asked: TemporaryFailure, since: datetime) -> Settlement:
        """The platform asks for a pause. That is no try: the row keeps its place in line, the first time at least.

        One that is refused again and again goes behind the others, or they would never come to their turn.
        """
        seconds = asked.retry_after or 0.0
        await self.rates.hold(
            (parcel.channel, parcel.account, parcel.place), seconds=seconds, only_there=asked.only_there
        )
        again = parcel.id in self._paused
        self._paused[parcel.id] = None
        while len(self._paused) > PAUSED_KEPT:
            self._paused.popitem(last=False)
        return Settlement(
            id=parcel.id, status="queued", counted=False, next_try_at=self._clock() if again else since,
            error=f"{reason} (asked to wait {seconds:.3g} s)",
        )  # fmt: skip

    # --- what is unclear -------------------------------------------------------------------------

    async def _reconcile(self) -> None:
        """Ask the platforms what became of unclear sends; what nobody can tell stays for an agent."""
        while True:
            try:
                async with self._database.write("courier.unclear") as connection:
                    parcels = await outbox.unclear(connection, self._clock(), limit=BATCH)
                settled = await asyncio.gather(*(self._look(parcel) for parcel in parcels))
                for parcel, settlement in zip(parcels, settled, strict=True):
                    await self._settle(parcel, settlement)
                if any(settlement.status == "queued" for settlement in settled):
                    self._news.set()
            except DatabaseAway as error:
                log.warning("reconciling waits for the database", error=str(error))
            await asyncio.sleep(1.0)

    def _may_repeat(self, channel: Channel, parcel: Parcel) -> bool:
        """Would the platform drop this, if it has it already? It must know the key until a request has arrived."""
        since = parcel.unclear_since or parcel.created_at
        age = (self._clock() - since).total_seconds()
        return channel.capabilities.idempotent_sends and age + SEND_WITHIN < channel.capabilities.idempotent_within

    async def _look(self, parcel: Parcel) -> Settlement:
        channel = self._find(parcel.channel, parcel.account)
        error = DOUBTFUL
        if channel is not None and channel.capabilities.pull:
            return Settlement(id=parcel.id, status="queued", next_try_at=self._clock())
        if channel is not None and isinstance(channel, Reconciles):
            try:
                packed = await pack(self._database, channel, parcel)
                async with asyncio.timeout(SEND_WITHIN):
                    receipt = await channel.reconcile(packed.message)
            except Exception as unclear:
                error = str(unclear) or error
            else:
                if receipt is not None:
                    return self._arrived(parcel, packed, receipt.external_id)
                return Settlement(id=parcel.id, status="queued", next_try_at=self._clock(), absent=True)
        if channel is not None and self._may_repeat(channel, parcel):
            return Settlement(id=parcel.id, status="queued", next_try_at=self._clock())
        if channel is not None and parcel.attempts <= channel.capabilities.repeats:
            later = self._clock() + timedelta(seconds=REPEAT_AFTER * 2.0 ** (parcel.attempts - 1))
            return Settlement(id=parcel.id, status="queued", error=error, next_try_at=later)
        return Settlement(id=parcel.id, status="unknown", error=error, next_try_at=self._next_look(parcel, channel))

    def _next_look(self, parcel: Parcel, channel: Channel | None) -> datetime | None:
        """When to ask again what became of it; None: nobody will ever know more."""
        age = (self._clock() - (parcel.unclear_since or parcel.created_at)).total_seconds()
        if age > BLIND and channel is not None and not isinstance(channel, Reconciles):
            return None
        pause = next((seconds for until, seconds in LOOKS if age < until), None)
        return None if pause is None else self._clock() + timedelta(seconds=pause)
