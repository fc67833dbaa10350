"""Fetches what was missed: from each place's mark on, after every gap, by one process at a time.

Slack brings an event again for some six minutes, then never; whatever was said while we were down for longer stands
only in the history. Limits of the web API are waited for, not fought.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from channels.contract import (
    ChannelError,
    Cursor,
    Delivered,
    Host,
    InboundMessage,
    LeaseLost,
    TemporaryFailure,
    UnknownOutcome,
)
from channels.slack.api import TOKEN_CODES, UNREADABLE, Api, Refused, patient
from channels.slack.inbound import NAME, after, is_ts
from channels.slack.marks import Marks
from channels.slack.reader import Item, Reader
from channels.slack.settings import SlackSettings

log = logging.getLogger(__name__)

Take = Callable[[Host, Sequence[Item], Cursor | None], Awaitable[list[Delivered]]]

PAGE: Final = 200
PAGES_AT_MOST: Final = 100
TOGETHER: Final = 20
"""Messages in one commit."""
LOOK_BACK: Final = 600.0
"""Seconds before the very first start that are read too: whoever wrote meanwhile waits."""
THREADS_FOR: Final = 7 * 86_400.0
"""Seconds for which a thread in which nothing was said is still looked at."""
OFTEN_AT_MOST: Final = 100
"""Places that are looked at without a reason: those of the last conversations."""
BROUGHT_AT_MOST: Final = 200
"""Messages of a place whose events may still come."""
WHO_WITHIN: Final = 5.0
"""Seconds that catching up waits until it is known which messages are our own."""
PATIENCE: Final = 1.5
"""Seconds that a new message waits for what may stand before it; Slack gives three in all."""
IMPATIENT: Final = 30.0
"""Seconds for which a place is not waited for again after that was in vain."""


class Fenced(Exception):
    """The house says that another process reads now."""


class CatchUp:
    """One task that reads histories, and what asks it to."""

    def __init__(self, *, api: Api, reader: Reader, marks: Marks, settings: SlackSettings, take: Take) -> None:
        self._api = api
        self._reader = reader
        self._marks = marks
        self._settings = settings
        self._take = take
        self._due = False
        self._news = asyncio.Event()
        self._wanted: dict[str, asyncio.Future[None]] = {}
        self._impatient: dict[str, float] = {}
        self._alone = asyncio.Lock()
        self._found = 0
        self._asked = False
        self._brought: dict[str, dict[str, None]] = {}
        self.trouble: str | None = None
        """Why histories cannot be read now; None: they can."""

    # --- who asks --------------------------------------------------------------------------------

    def gap(self) -> None:
        """Anything may have been missed: look everywhere."""
        self._marks.gap()
        self._due = True
        self._news.set()

    def gap_in(self, place: str) -> None:
        """Something of that place was not kept: look there."""
        self._marks.gap_in(place)
        self._news.set()

    def brought(self, place: str, ts: str) -> bool:
        """Was this committed by us, and not asked for since? Its event, which comes too, says nothing new."""
        return self._brought.get(place, {}).pop(ts, "no") is None

    async def place(self, place: str) -> None:
        """Have that place caught up before something new of it is kept, if that does not take long.

        Raises what the commit raised, if that failed: then the new thing is not kept either."""
        if time.monotonic() < self._impatient.get(place, 0.0):
            return
        future = self._wanted.get(place)
        if future is None:
            future = self._wanted[place] = asyncio.get_running_loop().create_future()
            future.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait any more
            self._news.set()
        done, _ = await asyncio.wait([future], timeout=PATIENCE)
        if not done:
            self._impatient[place] = time.monotonic() + IMPATIENT
        elif not future.cancelled():
            future.result()

    async def now(self, host: Host) -> int:
        """Catch up with everything at once; how many new messages were found since this was asked last.

        Raises `ChannelError` if Slack cannot be asked."""
        every, self._asked = self._asked, True  # after the start it is enough to look where nobody has looked yet
        await self._work(host, whole=True, every=every)
        found, self._found = self._found, 0
        return found

    # --- the task --------------------------------------------------------------------------------

    async def run(self, host: Host) -> None:
        """Until cancelled. Raises `Fenced`."""
        failures = 0
        pause = self._settings.catch_up_every or 86_400.0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._backoff(failures) if failures else pause):
                    await self._news.wait()
            idle = not self._news.is_set() and not failures
            self._news.clear()
            try:
                await self._work(host, often=idle)
                failures = 0
                self.trouble = None
            except Fenced as error:
                self._give_up_wanted(error)
                raise
            except Exception as error:
                failures += 1
                self._told(error)
                self._give_up_wanted(error)

    def _told(self, error: Exception) -> None:
        if self.trouble is None:
            log.warning("slack account %s: catching up failed, trying again: %s", self._settings.account, error)
        self.trouble = str(error) or type(error).__name__

    def _give_up_wanted(self, error: Exception) -> None:
        """Slack cannot be asked: what is new is kept all the same. Nothing can be kept: nor can that."""
        wanted, self._wanted = self._wanted, {}
        for future in wanted.values():
            if future.done():
                continue
            if isinstance(error, ChannelError):
                future.set_result(None)
            else:
                future.set_exception(error)

    async def _work(self, host: Host, *, whole: bool = False, often: bool = False, every: bool = False) -> None:
        async with self._alone:
            if not await self._reader.knows_us(WHO_WITHIN):
                raise TemporaryFailure("Slack has not said yet who we are")
            try:
                async with host.alone(f"{NAME}:{self._settings.account}:catch-up"):
                    since = await self._since(host)
                    await self._serve_wanted(host, since)
                    for place in self._marks.stale:
                        await self._place(host, place, since)
                    if whole or often or self._due:
                        await self._everywhere(host, since, every=every, often=often and not self._due)
            except LeaseLost as error:
                raise TemporaryFailure(f"another process catches up: {error}") from error

    async def _everywhere(self, host: Host, since: str, *, every: bool, often: bool) -> None:
        gaps = self._marks.gaps
        places = await self._places(host)
        if often:
            places = places[:OFTEN_AT_MOST]
        for place in places:
            await self._serve_wanted(host, since)
            if every or often or not self._marks.is_current(place):
                await self._place(host, place, since)
        if not often and self._marks.gaps == gaps:
            self._due = False
            self._marks.caught_up_everywhere()

    async def _serve_wanted(self, host: Host, since: str) -> None:
        while self._wanted:
            place, future = next(iter(self._wanted.items()))
            await self._place(host, place, since)
            self._wanted.pop(place, None)
            if not future.done():
                future.set_result(None)

    async def _since(self, host: Host) -> str:
        """From when on places are read that were never read before: kept at the very first start."""
        name = f"{NAME}:{self._settings.account}:since"
        kept = await host.cursor(name)
        if kept is None:
            kept = f"{time.time() - LOOK_BACK:.6f}"
            await self._deliver(host, [], Cursor(name=name, value=kept))
        return kept

    # --- places ----------------------------------------------------------------------------------

    async def _places(self, host: Host) -> list[str]:
        """Where somebody may have written, the places with conversations first."""
        found = dict.fromkeys(await host.known_places(NAME, self._settings.account))
        for place in await self._listed("conversations_list", types="im"):
            self._reader.direct.setdefault(place, True)
            found.setdefault(place)
        for kind in ("public_channel", "private_channel", "mpim"):
            with suppress(ChannelError):  # a help only: places with conversations are known anyway
                for place in await self._listed("users_conversations", types=kind):
                    self._reader.direct.setdefault(place, False)
                    found.setdefault(place)
        found.pop(self._settings.desk_channel, None)  # colleagues write there, no customers
        return list(found)

    async def _listed(self, method: str, **arguments: Any) -> list[str]:
        found: list[str] = []
        try:
            async for page in self._pages(method, limit=PAGE, exclude_archived=True, **arguments):
                channels = page.get("channels")
                found += [
                    each["id"]
                    for each in (channels if isinstance(channels, list) else ())
                    if isinstance(each, dict) and isinstance(each.get("id"), str)
                ]
        except Refused as refused:
            if refused.code in TOKEN_CODES or refused.retry_after is not None:
                raise
            log.info("slack account %s: %s says %s", self._settings.account, method, refused.code)
        return found

    async def _place(self, host: Host, place: str, since: str) -> None:
        """Everything of one place after its mark."""
        gaps = self._marks.gaps
        try:
            await self._read_place(host, place, since)
        except Refused as refused:
            if refused.code not in UNREADABLE:
                raise
            log.info("slack account %s: %s cannot be read (%s)", self._settings.account, place, refused.code)
        if self._marks.gaps == gaps:
            self._marks.caught_up(place)

    async def _read_place(self, host: Host, place: str, since: str) -> None:
        mark = await self._marks.of(place, host, fresh=True)
        never_read = not mark.seen
        oldest = mark.seen or since
        only_ours = never_read and not self._reader.direct.get(place, place.startswith("D"))
        messages = _in_order([m async for m in self._messages("conversations_history", place, oldest)], oldest)
        await self._keep(host, place, messages, only_ours=only_ours)
        mark = await self._marks.of(place, host)
        for thread, seen in list(mark.threads.items()):
            if not is_ts(seen) or float(seen) < time.time() - THREADS_FOR:
                continue
            found = [m async for m in self._messages("conversations_replies", place, seen, ts=thread)]
            await self._keep(host, place, _in_order(found, seen, but=thread))

    async def _keep(
        self, host: Host, place: str, messages: Sequence[dict[str, Any]], *, only_ours: bool = False
    ) -> None:
        for start in range(0, len(messages), TOGETHER):
            mark = before = await self._marks.of(place, host)
            items: list[Item] = []
            brought: list[str] = []
            for message in messages[start : start + TOGETHER]:
                found, where = await self._reader.history(message, place, mark)
                told = next((item for item in found if isinstance(item, InboundMessage)), None)
                addressed = told is not None and told.addressed
                if where is not None:
                    direct = self._reader.is_direct(where)
                    mark = self._reader.after(mark, where, direct=direct, addressed=addressed)
                if found and (addressed or not only_ours):
                    items += found
                    if told is not None and told.kind == "message":
                        brought.append(told.external_id)
            if items or mark != before:
                results = await self._deliver(host, items, self._marks.cursor(place, mark))
                self._found += sum(result.outcome == "new" for result in results)
                self._marks.put(place, mark)
                self._remember(place, brought)

    def _remember(self, place: str, brought: Sequence[str]) -> None:
        known = self._brought.setdefault(place, {})
        known.update(dict.fromkeys(brought))
        for ts in list(known)[: max(0, len(known) - BROUGHT_AT_MOST)]:
            del known[ts]

    async def _deliver(self, host: Host, items: Sequence[Item], cursor: Cursor) -> list[Delivered]:
        try:
            return await self._take(host, items, cursor)
        except LeaseLost as error:
            raise Fenced(str(error)) from error

    # --- pages -----------------------------------------------------------------------------------

    async def _messages(self, method: str, place: str, oldest: str, **more: Any) -> AsyncIterator[dict[str, Any]]:
        arguments = {"channel": place, "oldest": oldest, "inclusive": False, "limit": PAGE, **more}
        async for page in self._pages(method, **arguments):
            messages = page.get("messages")
            if not isinstance(messages, list):
                raise UnknownOutcome("Slack's history makes no sense: it has no messages")
            for message in messages:
                if isinstance(message, dict):
                    yield message

    async def _pages(self, method: str, **arguments: Any) -> AsyncIterator[Any]:
        cursor = ""
        for _ in range(PAGES_AT_MOST):
            page = await patient(self._api, method, **arguments, **({"cursor": cursor} if cursor else {}))
            yield page
            meta = page.get("response_metadata")
            following = meta.get("next_cursor") if isinstance(meta, dict) else None
            if not isinstance(following, str) or not following or following == cursor:
                return
            cursor = following

    def _backoff(self, failures: int) -> float:
        """Half fixed, half random."""
        ceiling: float = min(self._settings.retry_base * 2 ** min(failures - 1, 20), self._settings.retry_cap)
        return ceiling * (0.5 + random.random() / 2)  # noqa: S311 - no secret


def _in_order(messages: Sequence[dict[str, Any]], oldest: str, *, but: str = "") -> list[dict[str, Any]]:
    """Oldest first, each once, only what is later than `oldest`; without the first message of a thread."""
    found = {
        str(message["ts"]): message
        for message in messages
        if is_ts(message.get("ts")) and after(message["ts"], oldest) and message["ts"] != but
    }
    return [found[ts] for ts in sorted(found, key=lambda ts: (len(ts.partition(".")[0]), ts))]
