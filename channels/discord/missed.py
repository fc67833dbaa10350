"""What was missed: read from the history after each gap, place by place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from channels.contract import Cursor, InboundMessage, LeaseLost, PermanentFailure, TemporaryFailure, Undecodable
from channels.discord import inbound
from channels.discord.lanes import Event, Lanes
from channels.discord.places import Atlas, Place
from channels.discord.progress import Progress, Tenancy, id_of
from channels.discord.rest import Rest

log = logging.getLogger(__name__)

PAGE: Final = 100
EDITS: Final = 50
"""So many of the newest kept messages of a place are looked at for edits that nobody told us of."""
QUIET: Final = 7 * 86_400_000 << 22
"""A week, in ids: where nothing was said for so long nobody looks for edits."""
AT_ONCE: Final = 6
"""Channels whose history is read at the same time."""
GUILDS: Final = 200


class Missed:
    """Fetches it."""

    def __init__(self, *, rest: Rest, lanes: Lanes, progress: Progress, session: Callable[[], str]) -> None:
        """`session` says which one stands now: one that begins while we fetch opens another gap."""
        self.soon = asyncio.Event()
        """Something may be missing."""
        self._rest = rest
        self._lanes = lanes
        self._progress = progress
        self._session = session
        self._sweeping = asyncio.Lock()
        self._found = 0

    @property
    def _atlas(self) -> Atlas:
        return self._lanes.scene.atlas

    def found(self) -> int:
        """How many messages were new since this was asked last."""
        found, self._found = self._found, 0
        return found

    async def sweep(self, tenancy: Tenancy) -> None:
        """Every place in which something may be missing. Raises if one of them could not be read."""
        async with self._sweeping:
            progress = self._progress
            if progress.whole:
                return
            begun = self._session()
            unlisted: Exception | None = None
            try:
                if not progress.swept:
                    unlisted = await self._surveyed()
                targets = progress.dirty.copy() if progress.swept else self._targets(tenancy)
                faults = await self._fetch_all(targets, tenancy)
            finally:
                progress.gate.set()
            if not begun or self._session() != begun:
                self.soon.set()  # another gap has opened meanwhile
                return
            if unlisted is not None:
                raise unlisted
            progress.dirty = set(faults)
            progress.swept = True
            if faults:
                raise next(iter(faults.values()))

    def _targets(self, tenancy: Tenancy) -> set[str]:
        """Known places, and channels of our servers where something was said since."""
        told = {place.id: place for place in self._atlas.readable()}
        since = self._progress.since
        newer = {id_ for id_, place in told.items() if place.last > since and id_ not in self._progress.denied}
        # A list may lag behind, and before there is a floor a channel's own mark is all there is.
        return newer | {place for place in tenancy.places if place not in told or not self._progress.floor}

    async def _surveyed(self) -> Exception | None:
        """Look at our servers; what was in the way, for the places that we know are read all the same."""
        try:
            await self._survey()
        except Exception as error:
            return error
        return None

    async def _survey(self) -> None:
        """The channels, active threads and roles of the servers that we listen in."""
        after = "0"
        while True:
            try:
                guilds = await self._rest.get("/users/@me/guilds", limit=GUILDS, after=after)
            except PermanentFailure as error:
                log.warning("%s: the bot's servers cannot be listed: %s", self._progress.lease, error)
                return
            guilds = _objects(guilds)
            for guild in guilds:
                if self._atlas.listens_in(str(guild["id"])):
                    await self._survey_guild(str(guild["id"]))
            if len(guilds) < GUILDS:
                return
            after = str(guilds[-1]["id"])

    async def _survey_guild(self, guild: str) -> None:
        """Each by itself: who lacks one of them may have the others."""
        told: dict[str, Any] = {}
        for what in ("channels", "threads/active", "roles"):
            try:
                told[what] = await self._rest.get(f"/guilds/{guild}/{what}")
            except PermanentFailure as error:
                log.warning("%s: %s of server %s cannot be looked at: %s", self._progress.lease, what, guild, error)
        threads = told.get("threads/active")
        self._atlas.learn_guild(
            guild,
            _objects(told.get("channels")),
            _objects(threads.get("threads") if isinstance(threads, dict) else threads),
            _objects(told.get("roles")),
            self._lanes.scene.me,
        )

    async def _fetch_all(self, places: set[str], tenancy: Tenancy) -> dict[str, Exception]:
        """What could not be read, and why. Raises `LeaseLost`."""
        faults: dict[str, Exception] = {}
        room = asyncio.Semaphore(AT_ONCE)

        async def fetch(place: str) -> None:
            async with room:
                try:
                    await self._fetch(place, tenancy)
                except PermanentFailure as error:
                    self._progress.denied.add(place)
                    log.warning("%s: channel %s cannot be read: %s", self._progress.lease, place, error)
                except LeaseLost:
                    raise
                except Exception as error:
                    faults[place] = error

        for done in await asyncio.gather(*(fetch(place) for place in sorted(places)), return_exceptions=True):
            if isinstance(done, BaseException):
                raise done
        return faults

    async def _fetch(self, place: str, tenancy: Tenancy) -> None:
        """One channel's messages after the last that is kept, oldest first."""
        kept = await self._progress.last_kept(place, tenancy)
        if place in tenancy.places and self._progress.cursors[place] > self._progress.floor - QUIET:
            await self._fetch_edits(place, kept, tenancy)
        known = self._atlas.places.get(place)
        if known is None and (known := await self._look_at(place)) is not None and known.last <= kept:
            return  # nothing was said since
        after = kept
        while True:
            page = [each for each in await self._page(place, after=after) if not 0 < id_of(each) <= after]
            newest = id_of(page[-1]) if page else 0
            if newest:
                await self._keep_page("MESSAGE_CREATE", page, tenancy, self._progress.cursor(place, newest, tenancy))
                self._progress.newest = max(self._progress.newest, newest)
            if len(page) < PAGE or newest <= after:
                return
            after = newest

    async def _look_at(self, place: str) -> Place | None:
        """A place that no list told of: a direct channel, an archived thread."""
        try:
            self._atlas.learn_channel(await self._rest.get(f"/channels/{place}"))
        except PermanentFailure:
            return None
        return self._atlas.places.get(place)

    async def _fetch_edits(self, place: str, kept: int, tenancy: Tenancy) -> None:
        """Older messages that were edited since we last surely listened; and whose they are, should one be deleted."""
        since = inbound.moment_of(str(self._progress.since))
        page = await self._page(place, before=kept + 1, limit=EDITS)
        for each in page:
            with suppress(Exception):  # what cannot be read was looked at before
                if inbound.wanted(said := inbound.message(each, self._lanes.scene), self._lanes.scene):
                    self._lanes.scene.memory.put(said)
        late = [each for each in page if (edited := inbound.edited_at(each)) is not None and since and edited > since]
        if late:
            await self._keep_page("MESSAGE_UPDATE", late, tenancy, None)

    async def _page(self, place: str, *, limit: int = PAGE, **where: int) -> list[Any]:
        """Messages, oldest first."""
        page = await self._rest.get(f"/channels/{place}/messages", limit=limit, **where)
        if not isinstance(page, list):
            raise TemporaryFailure("Discord's history makes no sense")
        guild = self._atlas.guild_of(place)
        whole = [{**each, "guild_id": guild} if isinstance(each, dict) and guild else each for each in page]
        return sorted(whole, key=id_of)

    async def _keep_page(self, kind: str, page: list[Any], tenancy: Tenancy, cursor: Cursor | None) -> None:
        items: list[InboundMessage | Undecodable] = []
        for each in page:
            items += await self._lanes.read(
                Event(kind=kind, data=each, raw=inbound.as_raw(kind, each), number=0, seq=0), []
            )
        results = await self._lanes.deliver(tenancy, items, cursor)
        self._found += sum(result.outcome == "new" for result in results)


def _objects(value: Any) -> list[Any]:
    return [each for each in value if isinstance(each, dict) and each.get("id")] if isinstance(value, list) else []
