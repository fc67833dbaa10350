"""Reads one account: holds the lease, keeps the connection, and hands on what comes."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from contextlib import suppress
from typing import Any, Final

from channels.contract import ChannelError, Cursor, Host, LeaseLost, PermanentFailure, TemporaryFailure, Tenure
from channels.discord import inbound
from channels.discord.files import Files
from channels.discord.gateway import AWAY, DEFAULT_GATEWAY, Gateway, Refused, Session, Unanswered
from channels.discord.inbound import Memory, Scene
from channels.discord.lanes import Lanes
from channels.discord.missed import Missed
from channels.discord.places import Atlas
from channels.discord.progress import Progress, Tenancy, in_words, lost
from channels.discord.rest import Rest
from channels.discord.settings import NAME, DiscordSettings
from channels.logbook import Logbook

log = logging.getLogger(__name__)

LEASE_SOON: Final = 1.0
"""Seconds after which another process holds the lease, if we have not got it."""
STEP_DOWN: Final = 2.0
STABLE: Final = 60.0
"""A session that lived so long was no waste."""
RESUMES_THERE: Final = 3
"""Each so many tries in vain one goes not to the address that the session named, but to where Discord says now."""
RESUMES_AT_MOST: Final = 8
"""In a row that come to nothing at once; then a new session is begun."""
IDENTIFIES_LEFT: Final = 50
"""Of a thousand a day; with fewer left, new sessions wait for the next day's."""
CATCH_UP_WITHIN: Final = 10.0


class Reader:
    """One account's stream."""

    def __init__(self, settings: DiscordSettings, rest: Rest, files: Files) -> None:
        self.progress = Progress(settings.account)
        self.logbook = Logbook(lease=self.progress.lease)
        self.lease = self.progress.lease
        self.scene = Scene(account=settings.account, me="", atlas=Atlas(settings), memory=Memory(), known={})
        self.lanes = Lanes(scene=self.scene, rest=rest, files=files, progress=self.progress, logbook=self.logbook)
        self.ready = asyncio.Event()
        """A connection stands."""
        self.tried = asyncio.Event()
        """A connection stands, or it will take a while."""
        self._missed = Missed(
            rest=rest, lanes=self.lanes, progress=self.progress,
            session=lambda: self._life if self._session is None else self._session.id,
        )  # fmt: skip
        self._settings = settings
        self._rest = rest
        self._gateway: Gateway | None = None
        self._session: Session | None = None
        self._life = ""
        """Of a connection whose session has no name and cannot be resumed: which one it is."""
        self._lives = 0
        self._elsewhere = False
        self._tenancy: Tenancy | None = None
        self._noted = ""
        self._identified_at = -1e9
        self._short_lives = 0
        self._lacking: str | None = None
        """What Discord withholds while all else works."""

    # --- the lease -------------------------------------------------------------------------------

    async def run(self, host: Host) -> None:
        """Read whenever we hold the lease, until cancelled."""
        while True:
            asyncio.get_running_loop().call_later(LEASE_SOON, self._others_hold_it)
            try:
                async with host.alone(self.lease) as tenure:
                    await self._hold(host, tenure)
            except Exception as error:
                if lost(error):
                    log.warning("%s: another process holds the gateway now", self.lease)
                else:
                    log.warning("%s: reading begins anew: %s", self.lease, in_words(error))
            finally:
                self._forget()
            await asyncio.sleep(STEP_DOWN)

    def _others_hold_it(self) -> None:
        if self._tenancy is None:
            self.logbook.waits()
            self.tried.set()

    async def _hold(self, host: Host, tenure: Tenure) -> None:
        self.logbook.down()
        self.scene.known = dict.fromkeys(await host.known_places(NAME, self._settings.account), 0)
        self._noted = await host.cursor(self.progress.note_name) or ""
        self._session = self.progress.read_note(self._noted)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tenancy = Tenancy(host, tenure.token, tasks, self.scene.known)
                tasks.create_task(self._sweep_when_asked(self._tenancy))
                tasks.create_task(self._note_again_and_again())
                await self._connect_again_and_again()
        finally:
            await self._drop_gateway()

    def _forget(self) -> None:
        """Nothing of a tenure outlives it: the next begins from what is committed."""
        self._tenancy = None
        self._session = None
        self.lanes.clear()
        self.progress.forget()
        self.ready.clear()
        self.tried.set()
        self.logbook.down()

    # --- the connection --------------------------------------------------------------------------

    async def _connect_again_and_again(self) -> None:
        failures = refused = 0
        while True:
            began = time.monotonic()
            try:
                await self._connect()
                failures = 0 if time.monotonic() - began > 1 else failures + 1
                refused, wait = 0, 0.0 if failures < 3 else self._backoff(failures)
                if failures >= RESUMES_AT_MOST:
                    self._session = None  # it can be resumed for ever, and does not live
            except Refused as error:
                wait = self._refused(error, refused)
                refused += 1
            except Exception as error:
                failures = 1 if time.monotonic() - began > STABLE else failures + 1
                wait = self._backoff(failures)
                self.logbook.down(f"Discord's gateway cannot be reached or breaks off: {in_words(error)}")
                log.warning("%s: the connection ended, trying again in %.1f s: %s", self.lease, wait, in_words(error))
                if isinstance(error, Unanswered):
                    self._session = None  # what stands there cannot go on with one
                self._elsewhere = failures % RESUMES_THERE == 0
                if not isinstance(error, AWAY):
                    if failures >= 3:
                        self._session = None  # what is replayed may be what it dies of; the history has it too
                    await self._drop_gateway()
            finally:
                self.ready.clear()
                self._life = ""
                self.logbook.down()
            if wait:
                self.tried.set()
            await asyncio.sleep(wait)

    async def _connect(self) -> None:
        if self._gateway is None:
            gateway = Gateway(self._settings, content=self.scene.content, take=self._take, room=self.lanes.room)
            try:
                await gateway.login(self._settings.token)
            except BaseException:
                await gateway.close()
                raise
            self._gateway = gateway
            self.scene.me = _id_in(gateway.me) or self.scene.me
            if not self.scene.me:
                self._session = None  # only a new one tells us
            if isinstance(gateway.me, dict) and isinstance(gateway.me.get("username"), str):
                self.logbook.called = f"@{gateway.me['username'][:80]}"
        session = self._session
        # Where an operator has said where the gateway is, it is there for a session that goes on as well.
        there = self._settings.gateway_url or ("" if session is None or self._elsewhere else session.url)
        url = await self._new_session() if session is None else there or await self._where({})
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
            self.logbook.down("Discord allows few new sessions today; waiting, so that the token is not reset")
            log.error("%s: %s", self.lease, self.logbook.trouble)
        await asyncio.sleep(wait)
        lived = time.monotonic() - self._identified_at
        self._short_lives = 0 if lived > STABLE else self._short_lives + 1
        self._identified_at = time.monotonic()
        return url

    async def _where(self, told: dict[str, Any]) -> str:
        """The gateway's address; what Discord said with it is put into `told`."""
        if self._settings.gateway_url:
            return self._settings.gateway_url
        for path in ("/gateway/bot", "/gateway"):
            try:
                said = await self._rest.get(path)
            except TemporaryFailure:
                raise
            except ChannelError as error:
                if self._settings.is_public and not isinstance(error, PermanentFailure):
                    raise
                continue  # what stands between does not know it
            if isinstance(said, dict) and isinstance(said.get("url"), str) and said["url"]:
                told.update(said)
                return str(said["url"])
        if self._settings.is_public:
            return DEFAULT_GATEWAY
        raise TemporaryFailure("what answers at api_url does not say where its gateway is: set gateway_url")

    def _refused(self, error: Refused, times: int) -> float:
        """How long to wait until the next try."""
        self.logbook.down(str(error))
        log.error("%s: %s", self.lease, error)
        self._session = None
        gateway, self._gateway = self._gateway, None
        if gateway is not None and self._tenancy is not None:
            self._tenancy.tasks.create_task(gateway.close())
        if error.code == 4014 and self.scene.content:
            # Direct messages and mentions come with their text all the same: better than nothing.
            self.scene.content = False
            self._lacking = str(error)
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
        except Exception:
            self.logbook.count("unreadable")
            if any(kind.encode() in raw for kind in inbound.MESSAGES):
                self._queue("?", None, raw, 0)

    def _took(self, payload: Any, raw: bytes) -> None:
        if self._gateway is not None and payload.get("op") == 0:
            self._gateway.answered.set()
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
                self.logbook.count(kind)
                self._queue(kind, data, raw, seq if isinstance(seq, int) else 0)
            case _:
                self.logbook.count(f"ignored {str(kind)[:60]}")
                with suppress(Exception):  # a name less, whatever it was
                    self.scene.atlas.learn(str(kind), data, self.scene.me)

    def _queue(self, kind: str, data: Any, raw: bytes, seq: int) -> None:
        if self._tenancy is not None:  # else it is not ours any more; whoever reads now fetches it
            self.lanes.take(kind, data, raw, seq, self._tenancy)

    def _begun(self, data: Any, seq: Any) -> None:
        name = data.get("session_id")
        self._session = (
            Session(str(name), str(data.get("resume_gateway_url") or ""), seq if isinstance(seq, int) else 0)
            if name
            else None
        )
        self._lives += 1
        self._life = f"life {self._lives}"
        self.scene.me = _id_in(data.get("user")) or self.scene.me
        self.progress.fresh()
        self._connected()

    def _connected(self) -> None:
        if not self.progress.swept:
            self._missed.soon.set()
        self.logbook.up()
        self.logbook.trouble = self._lacking
        self.ready.set()
        self.tried.set()
        log.info("%s: connected", self.lease)

    # --- what was missed, and where we stand -------------------------------------------------------

    async def catch_up(self) -> int:
        """Fetch what was missed; how many messages were new since this was asked last. Raises `ChannelError`."""
        try:
            async with asyncio.timeout(CATCH_UP_WITHIN):
                await self.ready.wait()
        except TimeoutError:
            if self._tenancy is not None:
                raise TemporaryFailure("there is no connection to Discord; the next one fetches it") from None
        if self._tenancy is None:
            return 0  # another process reads, and fetches
        await self._missed.sweep(self._tenancy)
        return self._missed.found()

    async def _sweep_when_asked(self, tenancy: Tenancy) -> None:
        failures = 0
        while True:
            await self._missed.soon.wait()
            self._missed.soon.clear()
            try:
                await self._missed.sweep(tenancy)
                failures = 0
            except LeaseLost:
                raise
            except Exception as error:
                failures += 1
                self._missed.soon.set()
                log.warning("%s: what was missed could not be fetched, trying again: %s", self.lease, in_words(error))
                await asyncio.sleep(self._backoff(failures))

    async def _note_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._settings.note_every)
            try:
                await self.note()
            except LeaseLost:
                raise
            except Exception as error:
                log.warning("%s: it was not kept where the session stands: %s", self.lease, in_words(error))

    async def note(self) -> None:
        """Keep where we stand, for whoever reads next. Raises `LeaseLost`."""
        tenancy, session = self._tenancy, self._session
        if tenancy is None:
            return
        waiting = list(self.lanes.open.values())
        seq = waiting[0].seq - 1 if waiting else session.seq if session is not None else 0
        note = self.progress.note(session, seq, [event.id for event in waiting if event.id])
        if note != self._noted:
            cursor = Cursor(name=self.progress.note_name, value=note, token=tenancy.token, lease=self.lease)
            await tenancy.host.deliver([], cursor=cursor)
            self._noted = note


def _id_in(user: Any) -> str:
    """Of somebody who is described; empty if they are not."""
    return str(user.get("id") or "") if isinstance(user, dict) else ""
