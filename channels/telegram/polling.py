"""Asks Telegram for updates: one of us at a time, commit first, and only then an offset that confirms."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from channels.contract import Cursor, Host, LeaseLost
from channels.logbook import Logbook
from channels.telegram.api import Api, Garbled, Refused, failure, in_words, refused, said, wanted
from channels.telegram.intake import Intake, portions
from channels.telegram.settings import TelegramSettings
from channels.telegram.updates import NAME, Read, Reader
from channels.turns import turn

log = logging.getLogger(__name__)

PAGE: Final = 100
KEPT_FOR: Final = 24 * 3600.0
"""Seconds that Telegram keeps an update."""
NUMBERS_LAST: Final = 3 * 24 * 3600.0
"""After a week without updates Telegram begins with new numbers, lower ones perhaps. Long before, we ask for whatever
it still has instead of naming an offset that might throw such updates away; what came before is no news to us."""
NOTE_EVERY: Final = 300.0
"""Seconds between notes that we have asked, while nothing comes."""
AFTER_LEASE_LOST: Final = 1.0
BREATH: Final = 0.5
"""Seconds that a poll without news takes at least: not every server holds one until there is some."""
ASK_AGAIN: Final = 60.0
"""Seconds after which a server that could not say who we are is asked again."""
NAMELESS: Final = (
    "%s %s: the server does not say who we are (getMe). It is read all the same; in groups no mention of the bot's "
    "name is understood meanwhile."
)
CONFLICT_CAP: Final = 30.0
ALBUM_ROUNDS: Final = 4
_NUMBER: Final = re.compile(rb'"update_id"\s*:\s*([0-9]{1,15})(?![0-9.])')
COLLISION: Final = (
    "Another program reads this bot's updates ({why}). Nothing is read here meanwhile: stop the other one, "
    "or give this desk a bot of its own (BotFather, /newbot); a new token (BotFather, /revoke) shuts others out."
)
PUSHED: Final = (
    "Telegram pushes this bot's updates to {url}, so they cannot be asked for. Remove that webhook "
    "(deleteWebhook, without drop_pending_updates), or set mode of channel telegram to webhook."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far we have read, as it is kept: the last update's number, when it came, when we asked last (epoch)."""

    number: int | None = None
    came: float = 0.0
    asked: float = 0.0

    def __str__(self) -> str:
        return f"{-1 if self.number is None else self.number} {self.came:.0f} {self.asked:.0f}"

    @classmethod
    def parse(cls, value: str | None) -> Mark:
        try:
            number, came, asked = (value or "").split()
            return cls(number=None if int(number) < 0 else int(number), came=float(came), asked=float(asked))
        except ValueError:
            return cls()

    def offset(self, now: float) -> int | None:
        """What to ask for: only what comes after what is committed. None: whatever Telegram still has."""
        fresh = self.number is not None and 0 <= now - self.came < NUMBERS_LAST
        return self.number + 1 if fresh and self.number is not None else None


class Poller:
    """One account's."""

    def __init__(
        self,
        settings: TelegramSettings,
        api: Api,
        intake: Intake,
        logbook: Logbook,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._api = api
        self._intake = intake
        self._logbook = logbook
        self._clock = clock
        self._name = lease_of(settings)
        self._mark = Mark()
        self._careful = False
        """Something could not be kept: updates are taken one by one, so that it holds back none before it."""

    async def run(self, host: Host) -> None:
        """Read until cancelled. Whatever fails is begun again from what is committed."""
        failures = conflicts = 0
        while True:
            try:
                me, sure = await self._api.who()
                if not sure:
                    log.warning(NAMELESS, NAME, self._settings.account)
                self._logbook.called = me.shown
                reader, asked = Reader(self._settings, me), self._clock()
                async with turn(host, self._name, self._logbook) as tenure:
                    await self._begin(host)
                    self._logbook.up()
                    while sure or 0 <= self._clock() - asked < ASK_AGAIN:
                        await self._once(host, reader, tenure.token)
                        failures = conflicts = 0
            except LeaseLost as error:
                log.warning("%s %s stops reading and waits for its turn: %s", NAME, self._settings.account, error)
                self._logbook.waits()
                await asyncio.sleep(AFTER_LEASE_LOST)
            except Refused as error:
                if error.status == 409:
                    conflicts += 1
                    await self._step_down(error, conflicts)
                else:
                    failures += 1
                    self._logbook.down(refused(error, self._settings))
                    log.error("%s %s cannot be read: %s", NAME, self._settings.account, failure(error))
                    await asyncio.sleep(max(self.backoff(failures), error.retry_after or 0))
            except Exception as error:
                failures += 1
                self._logbook.down(in_words(error))
                log.warning("%s %s cannot be read, trying again: %s", NAME, self._settings.account, said(error))
                await asyncio.sleep(self.backoff(failures))

    async def _begin(self, host: Host) -> None:
        if not self._careful:  # else nobody knows whether it was kept: it is brought again
            self._mark = Mark.parse(await host.cursor(self._name))
        away = self._clock() - self._mark.asked
        if self._mark.asked and away > KEPT_FOR:
            log.warning(
                "%s %s was not read for %.0f hours; Telegram keeps updates for 24 hours, what customers wrote earlier "
                "than that is lost: ask them to write again", NAME, self._settings.account, away / 3600,
            )  # fmt: skip
        url = (await self._api.webhook()).get("url")
        if not url:
            return
        if not str(url).endswith(self._settings.path):
            raise Refused(409, PUSHED.format(url=origin_of(str(url))))
        log.info("%s %s is read by polling from now on; our webhook is removed", NAME, self._settings.account)
        await self._api.bot.delete_webhook(drop_pending_updates=False)

    async def _once(self, host: Host, reader: Reader, token: int) -> None:
        offset, began = self._mark.offset(self._clock()), time.monotonic()
        reads = await self._read(reader, offset, wait=True)
        if not reads:
            if self._clock() - self._mark.asked > NOTE_EVERY:
                await self._move(host, [], token)
            await asyncio.sleep(max(0.0, BREATH - (time.monotonic() - began)))
            return
        if not any(read.number is not None for read in reads):
            await self._intake.take(host, reads)
            raise Garbled("updates came without a number")
        begin = _last_album(reads)
        for portion in portions(reads[:begin]):
            await self._move(host, portion, token)
        for portion in portions(await self._with_the_rest(reader, reads[begin:])):
            await self._move(host, portion, token)
        if offset is not None and all(read.number is None or read.number < offset for read in reads):
            await asyncio.sleep(BREATH)  # it takes no notice of offsets; what it brings again is no news

    async def _move(self, host: Host, reads: Sequence[Read], token: int) -> None:
        """Commit these and how far we are with them. Only then the next offset rises."""
        now = self._clock()
        numbers = [read.number for read in reads if read.number is not None]
        last = replace(self._mark, asked=now)
        if numbers:
            last = Mark(number=max(numbers), came=now, asked=now)
        try:
            await self._intake.take(
                host, reads, Cursor(name=self._name, value=str(last), token=token, lease=self._name)
            )
        except Exception:
            self._careful = True
            raise
        self._careful = False
        self._mark = last

    async def _read(self, reader: Reader, offset: int | None, *, wait: bool) -> list[Read]:
        """What comes from `offset` on. An answer that cannot be parsed is asked for one by one, and then set aside."""
        limit = 1 if self._careful else PAGE
        try:
            updates = await self._api.updates(offset, limit=limit, wait=wait, kinds=wanted(self._settings))
        except Garbled as error:
            if not self._careful or (number := _only_number(error.payload)) is None:
                self._careful = True
                raise
            return [reader.unreadable(number, error.payload)]
        return [reader.read(update) for update in updates]

    async def _with_the_rest(self, reader: Reader, reads: list[Read]) -> list[Read]:
        """Pictures that were sent together arrive one by one: wait for the rest, so that they are one matter.

        Nothing is confirmed meanwhile: the same offset brings the same again, and more."""
        for _ in range(ALBUM_ROUNDS):
            if not reads or reads[-1].album is None or len(reads) >= PAGE or self._careful:
                break
            await asyncio.sleep(self._settings.album_wait)
            more = await self._read(reader, reads[0].number, wait=False)
            if len(more) <= len(reads):
                break
            reads = more
        return reads

    async def _step_down(self, error: Refused, conflicts: int) -> None:
        told = error.description
        trouble = told if told.startswith("Telegram pushes") else COLLISION.format(why=told)
        self._logbook.down(trouble)
        log.error("%s %s: %s", NAME, self._settings.account, trouble)
        ceiling = min(self._settings.conflict_wait * 2 ** min(conflicts - 1, 10), CONFLICT_CAP)
        await asyncio.sleep(ceiling * (0.5 + random.random() / 2))  # noqa: S311 - so that two do not meet again

    def backoff(self, failures: int) -> float:
        """Half fixed, half random, so that many of us do not come back at the same moment."""
        ceiling: float = min(self._settings.retry_base * 2 ** min(failures - 1, 20), self._settings.retry_cap)
        return ceiling * (0.5 + random.random() / 2)  # noqa: S311 - no secret


def lease_of(settings: TelegramSettings) -> str:
    """The lease of whoever polls, which is called like its cursor."""
    return f"{NAME}:{settings.account}:updates"


def _last_album(reads: Sequence[Read]) -> int:
    """Where the pictures begin that end this answer; behind the last one if it is of no album."""
    begin = len(reads)
    while begin and reads[-1].album is not None and reads[begin - 1].album == reads[-1].album:
        begin -= 1
    return begin


def _only_number(payload: bytes) -> int | None:
    """Of an answer with one update that no parser takes."""
    found = _NUMBER.findall(payload)
    return int(found[0]) if len(found) == 1 else None


def origin_of(url: str) -> str:
    """Of somebody's webhook only the host: its path may be a secret."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}"
