"""Tells the house how our links to platforms stand, and does what is asked of a channel from another process.

Each process has a row an account: written when something changes, and every `BEAT` seconds as a sign of life. A row
that is not renewed is a dead process's (docs/adr/0015-links-are-told-in-rows.md says why).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from bot.rates import Rates
from bot.standings import BEAT
from channels.contract import (
    Address,
    Channel,
    OutboundMessage,
    PermanentFailure,
    Reports,
    TemporaryFailure,
    UnknownOutcome,
    Unsupported,
)
from channels.richtext import RichText
from store import agents, probes, quarantine, standings
from store.database import Database
from store.errors import DatabaseAway
from store.outbox import Line
from store.probes import Outcome, Probe
from store.standings import Account, StateRow

LOOK_EVERY: Final = 1.0
NOTE_EVERY: Final = 5.0
"""Seconds between notes of when something last left."""
TOUCHED_AT_MOST: Final = 500
COUNTS_TOLD: Final = 30
"""Kinds of what came by that are told: the most frequent."""
SEND_WITHIN: Final = 9.0
TURN_WITHIN: Final = 4.0
"""Seconds that a test message waits for its turn."""
PULLED: Final = (
    "Customers of this channel come here for their words; there is no place to send to. Open the chat instead."
)

log = structlog.get_logger(__name__)


class Watch:
    """One process's."""

    def __init__(
        self,
        *,
        database: Database,
        channels: Mapping[Account, Channel],
        rates: Rates,
        process: str,
        changed: Callable[[], Awaitable[None]],
        reread: Callable[[int], Awaitable[object]],
        hide: Callable[[str], str] = lambda text: text,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`changed`: told after a commit. `reread`: tries a payload in quarantine again. `hide`: takes secrets out."""
        self._database = database
        self._channels = channels
        self._rates = rates
        self._process = process
        self._changed = changed
        self._reread = reread
        self._hide = hide
        self._clock = clock
        self._began = clock()
        self._said: list[object] = []
        self._said_at = self._began - timedelta(days=1)
        self._noted_at = self._began - timedelta(days=1)
        self._touched: set[int] = set()
        self._leaving = False

    # --- what others ask ---------------------------------------------------------------------------

    @property
    def accounts(self) -> Collection[Account]:
        """Those of this process."""
        return self._channels.keys()

    def states(self) -> dict[str, str]:
        """How the links of this process stand: `{"slack:main": "yes"}`."""
        return {f"{row.channel}:{row.account}": row.connected for row in self._rows()}

    def touched(self, conversations: Collection[int]) -> None:
        """Something may have left in these."""
        if len(self._touched) < TOUCHED_AT_MOST:
            self._touched.update(conversations)

    # --- the task ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseAway as error:
                log.warning("how channels stand waits for the database", error=str(error))
            except Exception:
                log.exception("it cannot be told how channels stand")
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Tell what has changed, note what has left, do what was asked for."""
        await self._tell()
        await self._note()
        async with self._database.read() as connection:
            asked, again = await probes.queued(connection), await quarantine.asked_for(connection)
        for probe in asked:
            if (probe.channel, probe.account) in self._channels:
                await self.send(probe)
        for item in again:
            if (item.channel, item.account) in self._channels:
                await self._reread(item.id)

    async def goodbye(self) -> None:
        """This process stops."""
        self._leaving = True
        with suppress(DatabaseAway):
            async with self._database.write("channels.stopped") as connection:
                await standings.stopped(connection, self._process, self._clock())

    async def _tell(self) -> None:
        if self._leaving:
            return
        rows, now = self._rows(), self._clock()
        said = [
            (row.connected, row.since, {name: told for name, told in row.told.items() if name not in _FLOWING})
            for row in rows
        ]
        changed = said != self._said
        if not changed and now - self._said_at < timedelta(seconds=BEAT):
            return
        async with self._database.write("channels.tell") as connection:
            await standings.tell(connection, rows)
        self._said, self._said_at = list(said), now
        if changed:
            await self._changed()

    async def _note(self) -> None:
        now = self._clock()
        if not self._touched or now - self._noted_at < timedelta(seconds=NOTE_EVERY):
            return
        touched, self._touched = self._touched, set()
        async with self._database.read() as connection:
            left = await standings.left_lately(connection, touched)
        if left:
            async with self._database.write("channels.left") as connection:
                await standings.note_left(connection, left)
            self._said_at = now - timedelta(days=1)  # what flows is told at the next look
        self._noted_at = now

    def _rows(self) -> list[StateRow]:
        now = self._clock()
        paused = self._rates.paused()
        return [self._row(account, channel, now, paused) for account, channel in sorted(self._channels.items())]

    def _row(
        self, account: Account, channel: Channel, now: datetime, paused: Mapping[tuple[str, ...], datetime]
    ) -> StateRow:
        limits = channel.capabilities
        told: dict[str, Any] = {
            "pull": limits.pull,
            "limit": limits.sends_per_second,
            "limit_in_place": limits.sends_per_second_in_place,
            "sent_lately": 0 if limits.pull else self._rates.sent_lately(account),
            "places_paused": sum(1 for who in paused if len(who) == 3 and who[:2] == account),
        }
        if account in paused:
            told["paused_until"] = paused[account].isoformat()
        connected, since = ("yes", self._began) if limits.pull else ("untold", None)
        if isinstance(channel, Reports):
            report = channel.report()
            connected, since = report.connected, report.since or self._began
            often = sorted(report.counts.items(), key=lambda each: (-each[1], each[0]))[:COUNTS_TOLD]
            told |= {
                "troubles": [self._hide(words)[:1000] for words in report.troubles],
                "called": self._hide(report.called)[:200],
                "lease": report.lease,
                "counts": {self._hide(kind)[:100]: count for kind, count in often},
            }
        return StateRow(
            channel=account[0], account=account[1], process=self._process, connected=connected, since=since, told=told,
            at=now, stopped_at=None,
        )  # fmt: skip

    # --- test messages -----------------------------------------------------------------------------

    async def send(self, probe: Probe) -> None:
        """Send a test message, if nobody else has taken it, and write what came of it."""
        async with self._database.write("probe.take") as connection:
            if not await probes.take(connection, probe.id):
                return
        outcome, said = await self._outcome(probe)
        now = self._clock()
        async with self._database.write("probe.settle") as connection:
            await probes.settle(connection, probe.id, outcome, self._hide(said), now)
            await agents.record(
                connection, action="test message", subject=f"{probe.channel}:{probe.account}", now=now,
                agent_id=probe.agent_id, data={"test": probe.id, "place": probe.place, "outcome": outcome},
            )  # fmt: skip
        await self._changed()

    async def _outcome(self, probe: Probe) -> tuple[Outcome, str]:
        channel = self._channels.get((probe.channel, probe.account))
        if channel is None:
            return "refused", f"This desk has no channel {probe.channel} with the account {probe.account}."
        if channel.capabilities.pull:
            return "refused", PULLED
        if not await self._turn(probe):
            return "refused", "It did not come to its turn: the platform asks for a pause, or we send all it takes."
        message = OutboundMessage(
            key=f"t{probe.id}", address=Address(account=probe.account, place=probe.place), text=RichText.of(probe.body)
        )
        try:
            async with asyncio.timeout(SEND_WITHIN):
                receipt = await channel.send(message)
        except TemporaryFailure as error:
            if error.retry_after is not None:
                place = (probe.channel, probe.account, probe.place)
                await self._rates.hold(place, seconds=error.retry_after, only_there=error.only_there)
            return "refused", str(error)
        except (PermanentFailure, Unsupported) as error:
            return "refused", str(error)
        except Exception as error:
            if not isinstance(error, (UnknownOutcome, TimeoutError)):
                log.exception("an adapter raised", channel=probe.channel, test=probe.id)
            return "unclear", str(error) or "No answer came back in time."
        return "sent", receipt.external_id

    async def _turn(self, probe: Probe) -> bool:
        line = [Line(id=probe.id, place=(probe.channel, probe.account, probe.place), since=probe.created_at)]
        with suppress(TimeoutError):
            async with asyncio.timeout(TURN_WITHIN):
                while not await self._rates.let_through(line):  # noqa: ASYNC110 - a turn tells nobody that it comes
                    await asyncio.sleep(min(self._rates.soonest() or 0.1, 0.5) + 0.01)
                return True
        return False


_FLOWING: Final = frozenset({"counts", "sent_lately"})
"""What changes all the time: told with the signs of life."""
