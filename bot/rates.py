"""How fast we may send: the limits that channels name, and the pauses that platforms ask for, kept over all processes.

A row that has to wait keeps its place in line and loses no try. Who waits is remembered here for as long, so that
the rows behind it that need not wait are not held up.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from channels.contract import Capabilities, Channel
from store.inbox import digest
from store.memorybus import BusProtocol
from store.outbox import Account, Line, Place

LATELY: Final = 60.0
"""Seconds of which it is said how much was sent."""
COUNTED_AT_MOST: Final = 6000
FOREVER: Final = 86_400.0
"""Seconds; a platform that asks for more is asked again after that."""

Find = Callable[[str, str], Channel | None]
"""The running adapter of (channel, account)."""


class Rates:
    """Turns of accounts and of places in them."""

    def __init__(self, bus: BusProtocol, *, find: Find, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._find = find
        self._clock = clock
        self._accounts: dict[Account, float] = {}
        self._places: dict[Place, float] = {}
        self._paused: dict[Account | Place, datetime] = {}
        self._sent: dict[Account, deque[float]] = {}

    # --- what people are told ----------------------------------------------------------------------

    def paused(self) -> dict[tuple[str, ...], datetime]:
        """Accounts and places of which a platform has told this process to pause, and until when."""
        now = datetime.now(UTC)
        self._paused = {who: until for who, until in self._paused.items() if until > now}
        return {(*who,): until for who, until in self._paused.items()}

    def sent_lately(self, account: Account) -> int:
        """How many messages of it this process has let through within the last minute."""
        since = self._clock() - LATELY
        return sum(1 for at in self._sent.get(account, ()) if at > since)

    # --- what waits ------------------------------------------------------------------------------

    def waiting(self) -> tuple[set[Account], set[Place]]:
        """The accounts and places that have to wait now, as far as this process knows."""
        now = self._clock()
        self._accounts = {key: until for key, until in self._accounts.items() if until > now}
        self._places = {key: until for key, until in self._places.items() if until > now}
        return set(self._accounts), set(self._places)

    def soonest(self) -> float | None:
        """Seconds until one of them need not wait any more; None: none does."""
        until = [*self._accounts.values(), *self._places.values()]
        return max(0.0, min(until) - self._clock()) if until else None

    async def hold(self, place: Place, *, seconds: float, only_there: bool) -> None:
        """The platform asks for a pause: of this place alone, or of the whole account."""
        seconds = min(max(seconds, 0.05), FOREVER) if seconds == seconds else 1.0  # not a number: one second
        who = place if only_there else place[:2]
        self._remember(who, seconds)
        self._paused[who] = datetime.now(UTC) + timedelta(seconds=seconds)
        await self._bus.hold(_key(place if only_there else place[:2]), seconds=seconds)

    def rest(self, account: Account, *, seconds: float) -> None:
        """Nothing of it can leave from here for now; another process may have a way."""
        self._remember(account, seconds)

    # --- turns -----------------------------------------------------------------------------------

    async def is_free(self, place: Place) -> bool:
        """May one message more leave there at once: no limit is to be kept, and no pause?"""
        return not self._is_limited(place[:2]) and place in await self._free([place])

    async def let_through(self, line: Sequence[Line]) -> list[int]:
        """The rows of this line that may leave now, in its order; each has taken its turn."""
        free = await self._free([row.place for row in line if not self._is_limited(row.place[:2])])
        passed: list[int] = []
        for row in line:
            account, now = row.place[:2], self._clock()
            if max(self._accounts.get(account, 0.0), self._places.get(row.place, 0.0)) > now:
                continue
            if row.place in free or await self._turn(row.place):
                passed.append(row.id)
                self._sent.setdefault(account, deque(maxlen=COUNTED_AT_MOST)).append(now)
        return passed

    async def _turn(self, place: Place) -> bool:
        """Take a turn to send one message there, where turns are limited; False: not now."""
        limits = self._limits(place[:2])
        if limits is None or not self._is_limited(place[:2]):
            return False
        return not await self._ask([place], _step(limits.sends_per_second), _step(limits.sends_per_second_in_place))

    def _limits(self, account: Account) -> Capabilities | None:
        channel = self._find(*account)
        return None if channel is None or channel.capabilities.pull else channel.capabilities

    def _is_limited(self, account: Account) -> bool:
        limits = self._limits(account)
        return limits is not None and bool(limits.sends_per_second or limits.sends_per_second_in_place)

    async def _free(self, places: Iterable[Place]) -> set[Place]:
        """Of places without a limit: those whose platform has not asked for a pause. One question for all."""
        places = set(places)
        asked = {place for place in places if self._limits(place[:2]) is not None}
        busy = await self._ask(sorted(asked), 0.0, 0.0) if asked else set()
        return {place for place in places if place not in busy and place[:2] not in busy}

    async def _ask(self, places: Sequence[Place], account_step: float, place_step: float) -> set[tuple[str, ...]]:
        """Which of these places and their accounts have to wait; if none has, each has taken its turn."""
        steps: dict[str, float] = {}
        named: dict[str, Account | Place] = {}
        for place in places:
            steps |= {_key(place[:2]): account_step, _key(place): place_step}
            named |= {_key(place[:2]): place[:2], _key(place): place}
        waits = await self._bus.turn(steps)
        for key, seconds in waits.items():
            self._remember(named[key], seconds)
        return {named[key] for key in waits}

    def _remember(self, who: Account | Place, seconds: float) -> None:
        until = self._clock() + seconds
        if len(who) == 2:
            self._accounts[who] = max(until, self._accounts.get(who, 0.0))
        else:
            self._places[who] = max(until, self._places.get(who, 0.0))


def _step(a_second: float | None) -> float:
    """Seconds that one message takes."""
    return 1.0 / a_second if a_second else 0.0


def _key(who: tuple[str, ...]) -> str:
    return f"send:{digest(*who)}"
