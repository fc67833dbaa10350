"""Socket Mode: connections that follow each other without a gap, each held by the SDK's own client.

The SDK's client closes the old connection before it opens a new one, waits without end for a link that has gone
silent, and dials the same used address again. So each client here has one connection and never reconnects; whoever
watches them opens the next one first where Slack says that the present one will end.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from channels.contract import TemporaryFailure, UnknownOutcome
from channels.logbook import Logbook
from channels.slack.api import Api, Refused, quiet
from channels.slack.settings import SlackSettings

log = logging.getLogger(__name__)

OPEN_WITHIN: Final = 10.0
"""Seconds from the address to Slack's hello."""
LINGER: Final = 5.0
"""Seconds that a connection that is followed by another may still bring and acknowledge something."""
FORETOLD: Final = frozenset({"warning", "refresh_requested"})
"""Reasons to end for which the connection is still good for some seconds."""
ENDINGS: Final = {
    "too_many_websockets": "Slack closed the connection: the app has too many (10 at most); stop other programs that "
    "use this app",
    "link_disabled": "Slack closed the connection: turn on Socket Mode (https://api.slack.com/apps, Socket Mode)",
}
"""Reasons to end after which the same again is no use for a while."""

Odd = Callable[[str, Mapping[str, Any]], Awaitable[bool]]
"""Keeps a frame that is no request bolt can read; whether it is kept."""


class Connection(SocketModeClient):
    """One connection of the SDK's, which ends once."""

    def __init__(self, *, app_token: str, api: Api, proxy: str, ping_interval: float, odd: Odd) -> None:
        super().__init__(
            app_token=app_token, logger=quiet, web_client=api.client, proxy=proxy or None, ping_interval=ping_interval
        )
        self.proxy = proxy or None
        self.greeted = asyncio.Event()
        self.ended = asyncio.Event()
        self.reason = "cut off"
        self._odd = odd
        self._oddities: set[asyncio.Task[None]] = set()

    async def connect_to_new_endpoint(self, force: bool = False) -> None:
        """Called by the SDK where this connection is over, or soon will be."""
        self.ended.set()

    async def enqueue_message(self, message: str) -> None:
        """Called by the SDK with each frame, in their order."""
        frame = _frame(message)
        match frame.get("type"):
            case "hello":
                self.greeted.set()
            case "disconnect":
                self.reason = str(frame.get("reason", "disconnect"))
                self.ended.set()
            case _ if _is_request(frame):
                self.greeted.set()
                await super().enqueue_message(message)
            case _:
                task = asyncio.create_task(self._keep_odd(message, frame))
                self._oddities.add(task)
                task.add_done_callback(self._oddities.discard)

    async def _keep_odd(self, message: str, frame: Mapping[str, Any]) -> None:
        envelope = frame.get("envelope_id")
        if await self._odd(message, frame) and isinstance(envelope, str):
            await self.send_socket_mode_response(SocketModeResponse(envelope_id=envelope))

    @property
    def is_alive(self) -> bool:
        session = self.current_session
        return not self.closed and session is not None and not session.closed

    async def shut(self) -> None:
        """Close it, within two seconds or so, whatever the other side does."""
        self.closed = True
        tasks = [self.message_processor, self.current_session_monitor, self.message_receiver, *self._oddities]
        running = [task for task in tasks if task is not None]
        for task in running:
            task.cancel()
        if self.current_session is not None:
            with suppress(Exception):
                async with asyncio.timeout(1.0):
                    await self.current_session.close()
        await self.aiohttp_client_session.close()
        await asyncio.gather(*running, return_exceptions=True)


class _Handler(AsyncSocketModeHandler):
    """bolt's handler over a connection of ours: acknowledges what the app answers with 200, and only that."""

    def __init__(self, app: AsyncApp, client: Connection, doing: set[asyncio.Task[Any]]) -> None:
        self.app = app
        self.client = client
        self._doing = doing
        client.socket_mode_request_listeners.append(self.handle)

    async def handle(self, client: AsyncBaseSocketModeClient, req: SocketModeRequest) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - listeners run in tasks
        self._doing.add(task)
        try:
            await super().handle(client, req)  # type: ignore[arg-type]
        except (ConnectionError, RuntimeError, AttributeError) as error:
            log.info("an acknowledgement was not heard: %s", type(error).__name__)  # it comes again, and is known
        finally:
            self._doing.discard(task)


class Sockets:
    """Sees to it that there is always a connection."""

    def __init__(
        self,
        *,
        app: AsyncApp,
        api: Api,
        settings: SlackSettings,
        odd: Odd,
        connected: Callable[[bool], None],
        logbook: Logbook,
    ) -> None:
        """`connected` is called at each new connection; with True if there was a time without one before."""
        self._app = app
        self._api = api
        self._settings = settings
        self._odd = odd
        self._connected = connected
        self._open: set[Connection] = set()
        self._lingering: set[asyncio.Task[None]] = set()
        self.doing: set[asyncio.Task[Any]] = set()
        """What is being kept and acknowledged now."""
        self._logbook = logbook

    async def run(self) -> None:
        """Until cancelled."""
        old: Connection | None = None
        failures = 0
        while True:
            try:
                new = await self._dial()
            except Exception as error:
                failures += 1
                self._told(error)
                await asyncio.sleep(self._pause(error, failures))
                continue
            failures = 0
            self._logbook.up()
            self._connected(old is None or not old.is_alive)
            if old is not None:
                self._linger(old)
            await new.ended.wait()
            log.info("slack account %s: a connection ends (%s)", self._settings.account, new.reason)
            old = new if new.reason in FORETOLD and new.is_alive else None
            if old is None:
                self._logbook.down()
                await self._close(new)
            if new.reason in ENDINGS:
                self._logbook.down(ENDINGS[new.reason])
                await asyncio.sleep(self._pause(None, 4))

    async def close(self) -> None:
        for task in list(self._lingering):
            task.cancel()
        await asyncio.gather(*self._lingering, return_exceptions=True)
        await asyncio.gather(*(self._close(connection) for connection in list(self._open)), return_exceptions=True)

    async def _dial(self) -> Connection:
        """A connection that Slack has greeted. Raises `ChannelError`."""
        answer = await self._api.call("apps_connections_open", app_token=self._settings.app_token)
        url = answer.get("url")
        if not isinstance(url, str) or not url.startswith(("wss://", "ws://")):
            raise UnknownOutcome("Slack named no address to connect to")
        if url.startswith("ws://") and self._settings.base.startswith("https://"):
            raise UnknownOutcome("Slack named an address without encryption")
        connection = Connection(
            app_token=self._settings.app_token, api=self._api, proxy=self._settings.proxy,
            ping_interval=self._settings.ping_interval, odd=self._odd,
        )  # fmt: skip
        self._open.add(connection)
        connection.wss_uri = url
        _Handler(self._app, connection, self.doing)
        try:
            async with asyncio.timeout(OPEN_WITHIN):
                await connection.connect()  # type: ignore[no-untyped-call]
                await _first(connection.greeted, connection.ended)
        except TimeoutError:
            # Without a greeting it will do, if it has answered our pings all the while: else it were closed by now.
            if not connection.is_alive:
                await self._close(connection)
                raise TemporaryFailure("Slack did not greet the connection in time") from None
            return connection
        except BaseException:
            await self._close(connection)
            raise
        if not connection.greeted.is_set():
            await self._close(connection)
            raise TemporaryFailure(f"Slack ended the connection at once ({connection.reason})")
        return connection

    def _linger(self, old: Connection) -> None:
        """What the old connection has brought is acknowledged over it, then it is closed."""

        async def wait() -> None:
            await asyncio.sleep(LINGER)
            await self._close(old)

        task = asyncio.create_task(wait())
        self._lingering.add(task)
        task.add_done_callback(self._lingering.discard)

    async def _close(self, connection: Connection) -> None:
        self._open.discard(connection)
        await connection.shut()

    def _told(self, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        if self._logbook.trouble != reason:
            log.warning("slack account %s: no connection, trying again: %s", self._settings.account, reason)
        self._logbook.down(reason)

    def _pause(self, error: Exception | None, failures: int) -> float:
        """Half fixed, half random, so that many of us do not come back at the same moment."""
        ceiling: float = min(self._settings.retry_base * 2 ** min(failures - 1, 20), self._settings.retry_cap)
        pause = ceiling * (0.5 + random.random() / 2)  # noqa: S311 - no secret
        asked = error.retry_after if isinstance(error, Refused) else None
        return max(pause, min(asked or 0.0, 300.0))


def _frame(message: str) -> dict[str, Any]:
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_request(frame: Mapping[str, Any]) -> bool:
    """Will bolt read it? It stumbles over a shape that it does not know, and then says nothing at all."""
    payload = frame.get("payload")
    if not (isinstance(frame.get("type"), str) and isinstance(frame.get("envelope_id"), str)):
        return False
    if not isinstance(payload, dict):
        return False
    try:
        AsyncBoltRequest(mode="socket_mode", body=payload)
    except Exception:
        return False
    return True


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
