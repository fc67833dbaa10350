"""Reads one account: holds the lease, keeps the connection, commits in order, and fetches what was missed.

What is committed where:

    discord:ACCOUNT:CHANNEL   the newest message of that channel that is kept, with the messages themselves
    discord:ACCOUNT:session   where the gateway's session stands, so that the next process can resume it, and a floor:
                              up to that message everything in every channel is kept. Both may lag behind: what is
                              brought again is no news.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections import Counter, deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from channels import discord_inbound as inbound
from channels.contract import (
    ChannelError,
    Cursor,
    Delivered,
    Host,
    InboundMessage,
    LeaseLost,
    PermanentFailure,
    TemporaryFailure,
    Tenure,
    Undecodable,
)
from channels.discord_files import Files
from channels.discord_gateway import DEFAULT_GATEWAY, Gateway, Refused, Session
from channels.discord_inbound import Ignored, Memory, Scene
from channels.discord_places import Atlas, Place
from channels.discord_rest import Rest
from channels.discord_settings import NAME, DiscordSettings

log = logging.getLogger(__name__)

BATCH: Final = 50
PAGE: Final = 100
EDITS: Final = 50
"""So many of the newest kept messages of a place are looked at for edits that nobody told us of."""
QUIET: Final = 7 * 86_400_000 << 22
"""A week, in ids: where nothing was said for so long nobody looks for edits."""
AT_ONCE: Final = 6
"""Channels whose history is read at the same time."""
FLOOR_MARGIN: Final = 60_000 << 22
"""A minute, in ids: servers of Discord's do not tell their news in one order."""
GATE: Final = 5.0
"""Seconds that what comes now waits for what was missed, to stand behind it."""
COMMIT_WITHIN: Final = 3.0
"""Seconds that a running commit gets when we are stopped; the contract allows five for everything."""
LEASE_SOON: Final = 1.0
"""Seconds after which another process holds the lease, if we have not got it."""
RETRY: Final = (0.1, 0.3, 1.0, 2.0, 5.0)
BEHIND_AT_MOST: Final = 20_000
STEP_DOWN: Final = 2.0
STABLE: Final = 60.0
"""A session that lived so long was no waste."""
IDENTIFIES_LEFT: Final = 50
"""Of a thousand a day; with fewer left, new sessions wait for the next day's."""


@dataclass(slots=True)
class Health:
    """How it goes, for whoever asks."""

    trouble: str | None = None
    """What is wrong, and what to do about it."""
    connected_since: datetime | None = None
    last_in: datetime | None = None
    counts: Counter[str] = field(default_factory=Counter)
    """What was taken, and what was ignored and why."""


@dataclass(slots=True, kw_only=True)
class Event:
    """One payload on its way to the database."""

    kind: str
    data: Any
    raw: bytes
    number: int
    """Our own count of what came."""
    seq: int
    id: int = 0
    """Of a new message: its snowflake."""


@dataclass(slots=True)
class Tenancy:
    """What holds for as long as we hold the lease."""

    host: Host
    token: int
    tasks: asyncio.TaskGroup
    places: dict[str, int]
    """Those with a conversation."""


class Reader:
    """One account's stream."""

    def __init__(self, settings: DiscordSettings, rest: Rest, files: Files) -> None:
        self.health = Health()
        self.lease = f"{NAME}:{settings.account}:gateway"
        self.ready = asyncio.Event()
        """A connection stands."""
        self.tried = asyncio.Event()
        """A connection stands, or it will take a while."""
        self._settings = settings
        self._rest = rest
        self._files = files
        self._content = True
        self._scene = Scene(account=settings.account, me="", atlas=Atlas(settings), memory=Memory(), known={})
        self._echoes: dict[str, str] = {}
        self._gateway: Gateway | None = None
        self._session: Session | None = None
        self._tenancy: Tenancy | None = None
        self._lanes: dict[str, deque[Event]] = {}
        self._open: dict[int, Event] = {}
        """What has come and is not committed, in the order of coming."""
        self._room = asyncio.Event()
        """Cleared while so much waits to be kept that no more is read."""
        self._room.set()
        self._came = 0
        self._newest = 0
        self._floor = 0
        """Everything up to there is kept, in every channel; 0: nobody has noted it yet."""
        self._began = inbound.snowflake_at(datetime.now(UTC))
        """What was said before our first start is not ours to read."""
        self._cursors: dict[str, int] = {}
        self._swept = False
        self._dirty: set[str] = set()
        self._denied: set[str] = set()
        """Channels whose history is closed to us; asking again and again is held against us."""
        self._gate = asyncio.Event()
        self._sweeping = asyncio.Lock()
        self._sweep_soon = asyncio.Event()
        self._found = 0
        self._noted = ""
        self._identified_at = -1e9
        self._short_lives = 0

    @property
    def me(self) -> str:
        return self._scene.me

    @property
    def atlas(self) -> Atlas:
        return self._scene.atlas

    @property
    def content(self) -> bool:
        """We are shown what is said in servers."""
        return self._content

    def echo_of(self, nonce: str) -> str | None:
        """The message that we have seen come back with this nonce."""
        return self._echoes.get(nonce)

    def expect_me(self, me: str) -> None:
        """Who we are, before anybody has told."""
        self._scene.me = self._scene.me or me

    # --- the lease -------------------------------------------------------------------------------

    async def run(self, host: Host) -> None:
        """Read whenever we hold the lease, until cancelled."""
        asyncio.get_running_loop().call_later(LEASE_SOON, self._others_hold_it)
        while True:
            try:
                async with host.alone(self.lease) as tenure:
                    await self._hold(host, tenure)
            except Exception as error:
                if _lost(error):
                    log.warning("%s: another process holds the gateway now", self.lease)
                else:
                    log.warning("%s: reading begins anew: %s", self.lease, _told(error))
            finally:
                self._forget()
            await asyncio.sleep(STEP_DOWN)

    def _others_hold_it(self) -> None:
        if self._tenancy is None:
            self.tried.set()

    async def _hold(self, host: Host, tenure: Tenure) -> None:
        self._scene.known = dict.fromkeys(await host.known_places(NAME, self._settings.account), 0)
        self._read_note(await host.cursor(self._note_name))
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tenancy = Tenancy(host, tenure.token, tasks, self._scene.known)
                tasks.create_task(self._sweep_when_asked())
                tasks.create_task(self._note_again_and_again())
                await self._connect_again_and_again()
        finally:
            gateway, self._gateway = self._gateway, None
            if gateway is not None:
                await gateway.close()

    def _forget(self) -> None:
        """Nothing of a tenure outlives it: the next begins from what is committed."""
        self._tenancy = None
        self._session = None
        self._lanes.clear()
        self._open.clear()
        self._room.set()
        self._cursors.clear()
        self._fresh()
        self.ready.clear()
        self.tried.set()
        self.health.connected_since = None

    def _fresh(self) -> None:
        """There may be a gap before what comes now, in every channel."""
        self._swept = False
        self._dirty.clear()
        self._gate.clear()

    # --- the connection --------------------------------------------------------------------------

    async def _connect_again_and_again(self) -> None:
        failures = refused = 0
        while True:
            began = time.monotonic()
            try:
                await self._connect()
                failures = 0 if time.monotonic() - began > 1 else failures + 1
                refused, wait = 0, 0.0 if failures < 3 else self._backoff(failures)
                if failures >= 3:
                    self._session = None  # it can be resumed for ever, and does not live
            except Refused as error:
                wait = self._refused(error, refused)
                refused += 1
            except Exception as error:
                failures = 1 if time.monotonic() - began > STABLE else failures + 1
                wait = self._backoff(failures)
                self.health.trouble = f"Discord's gateway cannot be reached or breaks off: {_told(error)}"
                log.warning("%s: the connection ended, trying again in %.1f s: %s", self.lease, wait, _told(error))
                if failures >= 3:
                    self._session = None  # what is replayed may be what it dies of; the history has it too
                await self._drop_gateway()
            finally:
                self.ready.clear()
                self.health.connected_since = None
            if wait:
                self.tried.set()
            await asyncio.sleep(wait)

    async def _connect(self) -> None:
        if self._gateway is None:
            gateway = Gateway(self._settings, content=self._content, take=self._take, room=self._room)
            try:
                await gateway.login(self._settings.token)
            except BaseException:
                await gateway.close()
                raise
            self._gateway = gateway
            self._scene.me = str(gateway.user.id) if gateway.user is not None else self._scene.me
        session = self._session
        url = await self._new_session() if session is None else session.url or await self._where({})
        await self._gateway.live(url, session)

    async def _new_session(self) -> str:
        """Where to begin one, once it may be begun: a thousand a day, then Discord takes the token away."""
        told: dict[str, Any] = {}
        url = await self._where(told)
        pause = self._settings.identify_every * 1.6 ** min(self._short_lives, 7)
        wait = max(0.0, self._identified_at + pause - time.monotonic())
        limit = told.get("session_start_limit")
        if isinstance(limit, dict) and int(limit.get("remaining", 1000)) < IDENTIFIES_LEFT:
            wait = max(wait, min(float(limit.get("reset_after", 0)) / 1000, 3600.0))
            self.health.trouble = "Discord allows few new sessions today; waiting, so that the token is not reset"
            log.error("%s: %s", self.lease, self.health.trouble)
        await asyncio.sleep(wait)
        lived = time.monotonic() - self._identified_at
        self._short_lives = 0 if lived > STABLE else self._short_lives + 1
        self._identified_at = time.monotonic()
        return url

    async def _where(self, told: dict[str, Any]) -> str:
        """The gateway's address; what Discord said with it is put into `told`."""
        if self._settings.gateway_url:
            return self._settings.gateway_url
        try:
            said = await self._rest.get("/gateway/bot")
        except PermanentFailure:
            return DEFAULT_GATEWAY  # what stands between does not know it
        told.update(said)
        return str(said["url"])

    def _refused(self, error: Refused, times: int) -> float:
        """How long to wait until the next try."""
        self.health.trouble = str(error)
        log.error("%s: %s", self.lease, error)
        self._session = None
        gateway, self._gateway = self._gateway, None
        if gateway is not None and self._tenancy is not None:
            self._tenancy.tasks.create_task(gateway.close())
        if error.code == 4014 and self._content:
            # Direct messages and mentions come with their text all the same: better than nothing.
            self._content = self._scene.content = False
            return self._backoff(1)
        return float(self._settings.refused_wait * min(2**times, 10))

    async def _drop_gateway(self) -> None:
        gateway, self._gateway = self._gateway, None
        if gateway is not None:
            await gateway.close()

    def _backoff(self, failures: int) -> float:
        """Half fixed, half random, so that many of us do not come back at the same moment."""
        ceiling = min(self._settings.retry_base * 2 ** min(failures - 1, 20), self._settings.retry_cap)
        return float(ceiling * (0.5 + random.random() / 2))  # noqa: S311 - no secret

    # --- what comes ------------------------------------------------------------------------------

    def _take(self, text: str) -> None:
        """A payload, before the SDK reads it. Never raises."""
        raw = text.encode("utf-8", "surrogatepass")
        try:
            payload = json.loads(text)
            self._took(payload, raw)
        except Exception as error:
            self.health.counts["unreadable"] += 1
            if any(kind.encode() in raw for kind in inbound.MESSAGES):
                self._queue("?", Event(kind="?", data=error, raw=raw, number=self._came, seq=0))

    def _took(self, payload: Any, raw: bytes) -> None:
        if payload.get("op") == 9 and payload.get("d") is not True:
            self._session = None
        if payload.get("op") != 0:
            return
        kind, data, seq = payload.get("t"), payload.get("d"), payload.get("s")
        if isinstance(seq, int) and self._session is not None:
            self._session.seq = seq
        match kind:
            case "READY":
                self._begun(data, seq)
            case "RESUMED":
                self._connected()
            case _ if kind in inbound.MESSAGES:
                self.health.counts[kind] += 1
                event = Event(kind=kind, data=data, raw=raw, number=self._came, seq=seq if isinstance(seq, int) else 0)
                event.id = _new_id(kind, data)
                self._newest = max(self._newest, event.id)
                self._queue(_lane(kind, data), event)
            case _:
                self.health.counts[f"ignored {str(kind)[:60]}"] += 1
                with suppress(Exception):  # a name less, whatever it was
                    self.atlas.learn(str(kind), data, self.me)

    def _begun(self, data: Any, seq: Any) -> None:
        self._session = Session(str(data["session_id"]), str(data.get("resume_gateway_url") or ""), int(seq or 0))
        self._scene.me = str((data.get("user") or {}).get("id") or self._scene.me)
        self._fresh()
        self._connected()

    def _connected(self) -> None:
        if not self._swept:
            self._sweep_soon.set()
        self.health.connected_since = datetime.now(UTC)
        self.health.trouble = None if self._content else self.health.trouble
        self.ready.set()
        self.tried.set()
        log.info("%s: connected", self.lease)

    def _queue(self, lane: str, event: Event) -> None:
        tenancy = self._tenancy
        if tenancy is None:
            return  # not ours any more; whoever reads now fetches it
        self._came += 1
        event.number = self._came
        self._open[event.number] = event
        if lane in self._lanes:
            self._lanes[lane].append(event)
        else:
            self._lanes[lane] = deque([event])
            work = self._work_off(lane, tenancy)
            try:
                tenancy.tasks.create_task(work)
            except RuntimeError:  # we are being stopped; whoever reads next fetches it
                work.close()
        if len(self._open) > BEHIND_AT_MOST:
            self._room.clear()

    async def _work_off(self, lane: str, tenancy: Tenancy) -> None:
        """One channel's events in their order, as many at once as have come."""
        if not lane.startswith("press:"):
            with suppress(TimeoutError):
                async with asyncio.timeout(GATE):
                    await self._gate.wait()
        events = self._lanes[lane]
        while events:
            batch = [events[number] for number in range(min(len(events), BATCH))]
            await self._keep(batch, tenancy)
            for event in batch:
                events.popleft()
                self._open.pop(event.number, None)
            if len(self._open) <= BEHIND_AT_MOST:
                self._room.set()
        del self._lanes[lane]

    async def _keep(self, batch: Sequence[Event], tenancy: Tenancy) -> None:
        """Commit these, however often it takes. Raises `LeaseLost`."""
        presses: list[inbound.Press] = []
        items: list[InboundMessage | Undecodable] = []
        for event in batch:
            items += await self._read(event, presses)
        failures = 0
        while items:
            try:
                await self._deliver(tenancy, items, self._moved(batch, tenancy))
                break
            except LeaseLost:
                raise
            except Exception as error:
                log.warning("%s: %d messages were not kept, trying again: %s", self.lease, len(items), _told(error))
                await asyncio.sleep(RETRY[min(failures, len(RETRY) - 1)])
                failures += 1
        for press in presses:
            await self._answer(press)

    async def _deliver(
        self, tenancy: Tenancy, items: Sequence[InboundMessage | Undecodable], cursor: Cursor | None
    ) -> list[Delivered]:
        results = await to_the_end(tenancy.host.deliver(items, cursor=cursor))
        if cursor is not None:
            channel = cursor.name.rpartition(":")[2]
            self._cursors[channel] = max(int(cursor.value), self._cursors.get(channel, 0))
        for item in items:
            if isinstance(item, InboundMessage):
                self.health.counts[f"kept {item.kind}"] += 1
                self.health.last_in = datetime.now(UTC)
        return results

    def _moved(self, batch: Sequence[Event], tenancy: Tenancy) -> Cursor | None:
        """The cursor of the channel, if nothing before these is missing."""
        newest = max((event.id for event in batch), default=0)
        channel = next((str(event.data.get("channel_id")) for event in batch if event.id), "")
        if (
            not newest
            or not channel.isdigit()
            or not self._swept
            or channel in self._dirty
            or newest <= self._cursors.get(channel, 0)
        ):
            return None
        return self._cursor(channel, newest, tenancy)

    def _cursor(self, channel: str, newest: int, tenancy: Tenancy) -> Cursor:
        name = f"{NAME}:{self._settings.account}:{channel}"
        return Cursor(name=name, value=str(newest), token=tenancy.token, lease=self.lease)

    async def _read(self, event: Event, presses: list[inbound.Press]) -> list[InboundMessage | Undecodable]:
        """What an event says; nothing if it is for nobody here. Never raises but when cancelled."""
        try:
            if event.kind == "?":
                raise ValueError("no JSON")
            await self._look_up(event)
            return [await self._files.fetched(each) for each in self._decoded(event.kind, event.data, presses)]
        except Ignored as why:
            self.health.counts[f"ignored {why}"] += 1
            return []
        except Exception as error:
            self.health.counts["quarantined"] += 1
            shown = {"t": event.kind, "d": event.data}
            return [inbound.kept(self._settings.account, shown, event.raw, error)]

    def decoded(self, kind: str, data: Any) -> list[InboundMessage]:
        """What a payload says. Raises `Ignored`, or anything for one that cannot be read."""
        return self._decoded(kind, data, [])

    def _decoded(self, kind: str, data: Any, presses: list[inbound.Press]) -> list[InboundMessage]:
        """Raises `Ignored`, or anything for what is not shaped as documented."""
        scene = self._scene
        match kind:
            case "MESSAGE_CREATE" | "MESSAGE_UPDATE":
                self._note_echo(data)
                said = inbound.message(data, scene, edit=kind == "MESSAGE_UPDATE")
                if not inbound.wanted(said, scene):
                    raise Ignored("said to others")
                scene.memory.put(said)
                if said.addressed and not said.author.is_bot:
                    scene.begins(said.place, said.external_id)
                return [said]
            case "INTERACTION_CREATE":
                press = inbound.press(data, scene)
                presses.append(press)
                return [press.said] if press.said is not None else []
            case _:
                return list(inbound.deletions(data, scene))

    def _note_echo(self, data: Any) -> None:
        """Our own message, come back with its nonce: proof that it arrived."""
        nonce = data.get("nonce")
        if nonce and str((data.get("author") or {}).get("id")) == self.me:
            self._echoes[str(nonce)] = str(data.get("id"))
            while len(self._echoes) > 2000:
                del self._echoes[next(iter(self._echoes))]

    async def _look_up(self, event: Event) -> None:
        """What an event needs and does not say: the channel it is in, the whole of a message that was edited."""
        data = event.data
        if not isinstance(data, dict):
            return
        channel = str(data.get("channel_id"))
        if event.kind == "MESSAGE_UPDATE" and data.get("edited_timestamp") and "author" not in data:
            whole = await self._rest.get(f"/channels/{channel}/messages/{inbound.snowflake(data['id'])}")
            event.data = {**data, **whole, **({"guild_id": data["guild_id"]} if data.get("guild_id") else {})}
        if data.get("guild_id") and channel not in self.atlas.places and channel.isdigit():
            with suppress(ChannelError):
                self.atlas.learn_channel(await self._rest.get(f"/channels/{channel}"))

    async def _answer(self, press: inbound.Press) -> None:
        """Tell Discord that the press has arrived, within three seconds of it; only once it is kept."""
        if press.said is None:
            answer = {"type": 4, "data": {"content": "These buttons are for the person who asked.", "flags": 64}}
        else:
            answer = {"type": 7, "data": {"components": inbound.pressed(press.components, press.custom_id)}}
        path = f"/interactions/{press.interaction}/{press.token}/callback"
        try:
            await self._rest.post(path, answer, token=False)
        except PermanentFailure:
            with suppress(ChannelError):  # not to be drawn anew, then; only taken note of
                await self._rest.post(path, {"type": 6}, token=False)
        except ChannelError as error:
            log.info("%s: a press was kept, but could not be acknowledged: %s", self.lease, error)

    # --- what was missed -------------------------------------------------------------------------

    async def catch_up(self) -> int:
        """Fetch what was missed; how many messages were new since this was asked last. Raises `ChannelError`."""
        try:
            async with asyncio.timeout(10):
                await self.ready.wait()
        except TimeoutError:
            if self._tenancy is None:
                return 0  # another process reads, and fetches
            raise TemporaryFailure(
                "there is no connection to Discord; what was missed is fetched with the next"
            ) from None
        await self._sweep()
        found, self._found = self._found, 0
        return found

    async def _sweep_when_asked(self) -> None:
        failures = 0
        while True:
            await self._sweep_soon.wait()
            self._sweep_soon.clear()
            try:
                await self._sweep()
                failures = 0
            except LeaseLost:
                raise
            except Exception as error:
                failures += 1
                self._sweep_soon.set()
                log.warning("%s: what was missed could not be fetched, trying again: %s", self.lease, _told(error))
                await asyncio.sleep(self._backoff(failures))

    async def _sweep(self) -> None:
        """Every place in which something may be missing. Raises if one of them could not be read."""
        async with self._sweeping:
            tenancy = self._tenancy
            if tenancy is None or (self._swept and not self._dirty):
                return
            begun = self._session.id if self._session is not None else ""
            unlisted: Exception | None = None
            try:
                if not self._swept:
                    unlisted = await self._surveyed()
                targets = self._dirty.copy() if self._swept else self._targets(tenancy)
                faults = await self._fetch_all(targets, tenancy)
            finally:
                self._gate.set()
            if self._session is None or self._session.id != begun:
                self._sweep_soon.set()  # another gap has opened meanwhile
                return
            if unlisted is not None:
                raise unlisted
            self._dirty = set(faults)
            self._swept = True
            if faults:
                raise next(iter(faults.values()))

    def _targets(self, tenancy: Tenancy) -> set[str]:
        """Known places, and channels of our servers where something was said since."""
        atlas = self.atlas
        told = {place.id: place for place in atlas.readable()}
        since = self._floor or self._began
        newer = {id_ for id_, place in told.items() if place.last > since and id_ not in self._denied}
        # A list may lag behind, and before there is a floor a channel's own mark is all there is.
        return newer | {place for place in tenancy.places if place not in told or not self._floor}

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
                guilds = await self._rest.get("/users/@me/guilds", limit=200, after=after)
            except PermanentFailure as error:
                log.warning("%s: the bot's servers cannot be listed: %s", self.lease, error)
                return
            for guild in guilds:
                if self.atlas.listens_in(str(guild["id"])):
                    await self._survey_guild(str(guild["id"]))
            if len(guilds) < 200:
                return
            after = str(guilds[-1]["id"])

    async def _survey_guild(self, guild: str) -> None:
        try:
            channels = await self._rest.get(f"/guilds/{guild}/channels")
            threads = await self._rest.get(f"/guilds/{guild}/threads/active")
            roles = await self._rest.get(f"/guilds/{guild}/roles")
        except PermanentFailure as error:
            log.warning("%s: server %s cannot be looked at: %s", self.lease, guild, error)
            return
        self.atlas.learn_guild(guild, channels, threads.get("threads") or (), roles, self.me)

    async def _fetch_all(self, places: set[str], tenancy: Tenancy) -> dict[str, Exception]:
        """What could not be read, and why. Raises `LeaseLost`."""
        faults: dict[str, Exception] = {}
        room = asyncio.Semaphore(AT_ONCE)

        async def fetch(place: str) -> None:
            async with room:
                try:
                    await self._fetch(place, tenancy)
                except PermanentFailure as error:
                    self._denied.add(place)
                    log.warning("%s: channel %s cannot be read: %s", self.lease, place, error)
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
        kept = await self._last_kept(place, tenancy)
        if place in tenancy.places and self._cursors[place] > self._floor - QUIET:
            await self._fetch_edits(place, kept, tenancy)
        known = self.atlas.places.get(place)
        if known is None and (known := await self._look_at(place)) is not None and known.last <= kept:
            return  # nothing was said since
        after = kept
        while True:
            page = await self._page(place, after=after)
            newest = _id(page[-1]) if page else 0
            if newest:
                await self._keep_page("MESSAGE_CREATE", page, tenancy, self._cursor(place, newest, tenancy))
                self._newest = max(self._newest, newest)
            if len(page) < PAGE or newest <= after:
                return
            after = newest

    async def _look_at(self, place: str) -> Place | None:
        """A place that no list told of: a direct channel, an archived thread."""
        try:
            self.atlas.learn_channel(await self._rest.get(f"/channels/{place}"))
        except PermanentFailure:
            return None
        return self.atlas.places.get(place)

    async def _last_kept(self, place: str, tenancy: Tenancy) -> int:
        if place not in self._cursors:
            said = await tenancy.host.cursor(f"{NAME}:{self._settings.account}:{place}")
            self._cursors[place] = int(said or 0)
        return max(self._cursors[place], self._floor) or self._began

    async def _fetch_edits(self, place: str, kept: int, tenancy: Tenancy) -> None:
        """Older messages that were edited since we last surely listened; and whose they are, should one be deleted."""
        since = inbound.moment_of(str(self._floor or self._began))
        page = await self._page(place, before=kept + 1, limit=EDITS)
        for each in page:
            with suppress(Exception):  # what cannot be read was looked at before
                if inbound.wanted(said := inbound.message(each, self._scene), self._scene):
                    self._scene.memory.put(said)
        late = [each for each in page if (edited := inbound.edited_at(each)) is not None and since and edited > since]
        if late:
            await self._keep_page("MESSAGE_UPDATE", late, tenancy, None)

    async def _page(self, place: str, *, limit: int = PAGE, **where: int) -> list[Any]:
        """Messages, oldest first."""
        page = await self._rest.get(f"/channels/{place}/messages", limit=limit, **where)
        if not isinstance(page, list):
            raise TemporaryFailure("Discord's history makes no sense")
        guild = self.atlas.guild_of(place)
        whole = [{**each, "guild_id": guild} if isinstance(each, dict) and guild else each for each in page]
        return sorted(whole, key=_id)

    async def _keep_page(self, kind: str, page: list[Any], tenancy: Tenancy, cursor: Cursor | None) -> None:
        items: list[InboundMessage | Undecodable] = []
        for each in page:
            items += await self._read(Event(kind=kind, data=each, raw=inbound.as_raw(kind, each), number=0, seq=0), [])
        results = await self._deliver(tenancy, items, cursor)
        self._found += sum(result.outcome == "new" for result in results)

    # --- where we stand --------------------------------------------------------------------------

    @property
    def _note_name(self) -> str:
        return f"{NAME}:{self._settings.account}:session"

    def _read_note(self, note: str | None) -> None:
        """Go on where the last reader stood. One that cannot be read costs a new session, no message."""
        try:
            told = json.loads(note or "{}")
            self._floor = max(self._floor, int(told.get("floor") or 0))
            self._began = int(told.get("began") or self._began)
            if told.get("id"):
                self._session = Session(str(told["id"]), str(told.get("url") or ""), int(told["seq"]))
        except (ValueError, TypeError, AttributeError, KeyError):
            self._session = None
        self._noted = note or ""
        self._newest = max(self._newest, self._floor)

    async def _note_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._settings.note_every)
            try:
                await self.note()
            except LeaseLost:
                raise
            except Exception as error:
                log.warning("%s: it was not kept where the session stands: %s", self.lease, _told(error))

    async def note(self) -> None:
        """Keep where we stand, for whoever reads next. Raises `LeaseLost`."""
        tenancy = self._tenancy
        if tenancy is None:
            return
        first = next(iter(self._open.values()), None)
        if self._swept and not self._dirty:
            ids = [event.id for event in self._open.values() if event.id]
            self._floor = max(self._floor, min([*ids, self._newest]) - FLOOR_MARGIN)
        told: dict[str, Any] = {"began": self._began, "floor": self._floor}
        session = self._session
        if session is not None:
            told |= {"id": session.id, "url": session.url, "seq": session.seq if first is None else first.seq - 1}
        note = json.dumps(told)
        if note != self._noted:
            cursor = Cursor(name=self._note_name, value=note, token=tenancy.token, lease=self.lease)
            await tenancy.host.deliver([], cursor=cursor)
            self._noted = note


async def to_the_end(work: Coroutine[Any, Any, list[Delivered]]) -> list[Delivered]:
    """Await a commit; if we are stopped meanwhile give it time to end, for half a transaction helps nobody."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=COMMIT_WITHIN)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


def _lane(kind: str, data: Any) -> str:
    """Which events must keep their order among each other."""
    channel = str(data.get("channel_id")) if isinstance(data, dict) else "?"
    return f"press:{channel}" if kind == "INTERACTION_CREATE" else channel


def _new_id(kind: str, data: Any) -> int:
    return _id(data) if kind == "MESSAGE_CREATE" and isinstance(data, dict) else 0


def _id(data: Any) -> int:
    """The snowflake of a message, 0 if it has none that can be read."""
    said = str(data.get("id")) if isinstance(data, dict) else ""
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 20 else 0


def _lost(error: Exception) -> bool:
    return isinstance(error, LeaseLost) or (
        isinstance(error, BaseExceptionGroup) and error.subgroup(LeaseLost) is not None
    )


def _told(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_told(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"
