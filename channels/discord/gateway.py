"""The gateway, on discord.py: one connection at a time, each payload handed on before the SDK makes anything of it.

The SDK's own loop dies of the first payload that its parsers do not expect, finds a dead link after a minute, knows one
gateway for a whole process and never resumes what another process began. So its client is driven from here: the same
socket, handshake, heartbeat and compression, another loop around them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket
from discord.http import Route

from channels.contract import ChannelError
from channels.discord.settings import DiscordSettings

log = logging.getLogger(__name__)

CONNECT_WITHIN: Final = 12.0
LOGIN_WITHIN: Final = 15.0
CLOSE_WITHIN: Final = 0.5
ANSWER_WITHIN: Final = 10.0
"""Seconds from our asking for a session to its first event."""
DEFAULT_GATEWAY: Final = str(DiscordWebSocket.DEFAULT_GATEWAY)
RESUMABLE: Final = 4000
"""A close with this code leaves the session to whoever resumes it; 1000 would end it."""
UNREADABLE_AT_MOST: Final = 50
"""So many payloads in a row may fail to be read by the SDK before the connection is made anew."""

FATAL: Final = {
    4004: "Discord does not accept the token: make a new one (developer portal, your application, Bot, Reset Token) "
    "and set it",
    4010: "Discord refused the shard: this bot is in too many servers for one connection",
    4011: "this bot is in so many servers (2,500) that Discord wants several connections, which this channel has not",
    4012: "Discord does not speak this version of its gateway any more: update Warmline",
    4013: "Discord does not know an intent that we asked for: update Warmline",
    4014: "Discord withholds an intent: switch on MESSAGE CONTENT INTENT (developer portal, your application, Bot, "
    "Privileged Gateway Intents)",
}
"""Closes after which the same again helps nobody."""


class Refused(ChannelError):
    """Discord will not have us as we are; what to do about it."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason} ({code})")
        self.code = code


class Silent(Exception):
    """The link is up and nothing comes through it."""


class Unanswered(Silent):
    """What we asked for, a session to begin or to go on, was not heard."""


AWAY: Final = (
    OSError, TimeoutError, aiohttp.ClientError, discord.HTTPException, discord.GatewayNotFound, ChannelError, Silent,
)  # fmt: skip
"""What says nothing about the session: it may be resumed as soon as Discord can be reached."""


@dataclass(slots=True)
class Session:
    """Where a session stands; whoever has this can resume it, also another process."""

    id: str
    url: str
    seq: int


class _Bases:
    """The SDK keeps the API's address in a class: whoever logs in with another one waits until it is free."""

    def __init__(self) -> None:
        self._users = 0
        self._standing = str(Route.BASE)

    @asynccontextmanager
    async def at(self, base: str) -> AsyncIterator[None]:
        while self._users and base != Route.BASE:  # noqa: ASYNC110 - logins are short, and other addresses rare
            await asyncio.sleep(0.02)
        self._users += 1
        Route.BASE = base
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                Route.BASE = self._standing


_bases = _Bases()
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody misses voice here


class Gateway(discord.Client):
    """One bot's connection. `take` gets each payload as text; it must not raise and not wait. While `room` is cleared
    no more is read."""

    def __init__(
        self, settings: DiscordSettings, *, content: bool, take: Callable[[str], None], room: asyncio.Event
    ) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=content)
        super().__init__(
            intents=intents,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=0.0,
            allowed_mentions=discord.AllowedMentions.none(),
            enable_debug_events=True,  # `dispatch` hears every payload before it is parsed
            max_ratelimit_timeout=30.0,
            proxy=settings.proxy or None,
        )
        self._settings = settings
        self._taker = take
        self._room = room
        self._taken = 0
        self._heard = 0.0
        self.me: Any = None
        """Our profile, as far as it was told at login."""
        self.answered = asyncio.Event()
        """Set by whoever takes, at the first sign that the session has begun or goes on."""
        self.unread = 0
        """Payloads that the SDK could not read."""

    def dispatch(self, event: str, /, *args: Any, **options: Any) -> None:
        """Nothing listens to the SDK's own events; what it is about to read is taken."""
        if event == "socket_raw_receive":
            self._heard = asyncio.get_running_loop().time()
            self._taken += 1
            self._taker(args[0] if isinstance(args[0], str) else bytes(args[0]).decode("utf-8", "replace"))

    async def login(self, token: str) -> None:
        """Less than the SDK's own, which gives up where a profile or an application is not described in full: who we
        are comes with READY, too. Raises `Refused` for a token that is not valid, else what the SDK raises."""
        async with _bases.at(self._settings.api_url):
            await self._async_setup_hook()
            try:
                async with asyncio.timeout(LOGIN_WITHIN):
                    self.me = await self.http.static_login(token)
            except discord.LoginFailure:
                raise Refused(4004, FATAL[4004]) from None
            except (discord.HTTPException, TimeoutError) as error:
                if self._settings.is_public or getattr(error, "status", 0) == 429:
                    raise
                log.warning("what answers at api_url does not say who we are: %s", type(error).__name__)
                self.http.token = token

    async def live(self, url: str, session: Session | None) -> None:
        """One connection, until it ends. Returns if it can be resumed or begun anew, whichever `take` has heard.

        Raises `Refused`, `Silent`, and what sockets raise.
        """
        self._heard = asyncio.get_running_loop().time()
        self.answered.clear()
        resume = {} if session is None else {"session": session.id, "sequence": session.seq, "resume": True}
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                self.ws = await DiscordWebSocket.from_client(self, initial=True, gateway=yarl.URL(url), **resume)  # type: ignore[arg-type]
            await self._until_either(self._poll(self.ws), self._watch(self.ws))
        except ReconnectWebSocket:
            return
        except discord.ConnectionClosed as error:
            if error.code in FATAL:
                raise Refused(error.code, FATAL[error.code]) from None
        finally:
            await self.leave()

    async def leave(self) -> None:
        """Hang up so that the session can be resumed."""
        ws = self.ws
        if ws is not None and ws.open:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CLOSE_WITHIN):
                    await ws.close(RESUMABLE)

    async def close(self) -> None:
        await self.leave()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_WITHIN):
                await super().close()

    async def _poll(self, ws: DiscordWebSocket) -> None:
        failed = 0
        while True:
            before = self._taken
            await self._room.wait()
            try:
                await ws.poll_event()
                failed = 0
            except (ReconnectWebSocket, discord.ConnectionClosed, aiohttp.ClientError, OSError, TimeoutError):
                raise
            except Exception as error:
                # The SDK choked on it. If we have it, the link is as good as before.
                self.unread += 1
                failed += 1
                if self._taken == before or failed >= UNREADABLE_AT_MOST:
                    raise
                log.warning("discord.py could not read a payload of the gateway: %s: %s", type(error).__name__, error)

    async def _watch(self, ws: DiscordWebSocket) -> None:
        """A link may stand and be good for nothing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN):
                await self.answered.wait()
        if not self.answered.is_set():
            raise Unanswered(f"the gateway neither began nor went on with a session within {ANSWER_WITHIN:.0f} s")
        await self._watch_for_life(ws)

    async def _watch_for_life(self, ws: DiscordWebSocket) -> None:
        """Ask for a sign of life long before the SDK would miss one."""
        silence = self._settings.silence
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(silence / 3)
            if not self._room.is_set():
                self._heard = loop.time()  # it is we who do not listen
            quiet = loop.time() - self._heard
            if quiet > 2 * silence:
                raise Silent(f"nothing came from the gateway for {quiet:.0f} s")
            if quiet > silence:
                await ws.send_heartbeat({"op": ws.HEARTBEAT, "d": ws.sequence})

    async def _until_either(self, *works: Any) -> None:
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()
