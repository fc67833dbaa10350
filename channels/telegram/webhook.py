"""Telegram calls us: a door on the internet that asks for the secret first, and says yes only after the commit."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from channels.contract import Host, LeaseLost
from channels.logbook import Logbook
from channels.telegram.api import Api, Refused, in_words, refused, said, wanted, whole_number
from channels.telegram.intake import Intake
from channels.telegram.settings import TelegramSettings
from channels.telegram.updates import NAME, Read, Reader

log = logging.getLogger(__name__)

BODY_AT_MOST: Final = 4_000_000
"""Bytes of one update."""
CONNECTIONS: Final = 40
"""How many of Telegram's pushes we take at the same time."""
TAKEN: Final = (
    "Somebody has set the webhook elsewhere, and Telegram calls us no more. Stop that program, or give this desk a bot "
    "of its own (BotFather, /newbot); then restart."
)


class Door:
    """One account's webhook."""

    def __init__(self, settings: TelegramSettings, logbook: Logbook) -> None:
        self._settings = settings
        self._logbook = logbook
        self._host: Host | None = None
        self._reader: Reader | None = None
        self._intake: Intake | None = None
        self._albums: dict[tuple[int, str], list[tuple[Read, asyncio.Future[None]]]] = {}
        self._gathering: set[asyncio.Task[None]] = set()

    def routes(self) -> Sequence[Route]:
        return [Route(self._settings.path, self._pushed, methods=["POST"])]

    # --- our side of it ---

    async def run(self, host: Host, api: Api, intake: Intake, backoff: Callable[[int], float]) -> None:
        """Open once we know who we are, tell Telegram where we are, and see that it stays told; until cancelled."""
        failures, is_set = 0, False
        while True:
            try:
                if self._reader is None:
                    me, _ = await api.who()
                    self._logbook.called = me.shown
                    self._reader = Reader(self._settings, me)
                    self._intake, self._host = intake, host
                known = (await api.webhook()).get("url")
                if not is_set or known == "":
                    if known and known != self._settings.webhook:
                        log.warning("%s %s: the webhook was set elsewhere; it is ours from now on",
                                    NAME, self._settings.account)  # fmt: skip
                    await self._set(api)
                    is_set = True
                    self._logbook.up()
                elif known is not None and known != self._settings.webhook:
                    self._logbook.down(TAKEN)
                    log.error("%s %s: %s", NAME, self._settings.account, TAKEN)
                else:
                    self._logbook.up()
                failures = 0
                await asyncio.sleep(self._settings.heal_after)
            except Exception as error:
                failures += 1
                trouble = refused(error, self._settings) if isinstance(error, Refused) else in_words(error)
                self._logbook.down(trouble)
                log.warning("%s %s: the webhook cannot be looked after, trying again: %s",
                            NAME, self._settings.account, said(error))  # fmt: skip
                await asyncio.sleep(backoff(failures))

    async def _set(self, api: Api) -> None:
        await api.bot.set_webhook(
            self._settings.webhook,
            secret_token=self._settings.secret,
            allowed_updates=wanted(self._settings),
            max_connections=CONNECTIONS,
            drop_pending_updates=False,
        )

    async def close(self) -> None:
        """Take nothing more; what is being kept is let run to its end."""
        self._host = None
        for task in self._gathering:
            task.cancel()
        await asyncio.gather(*self._gathering, return_exceptions=True)

    # --- Telegram's side ---

    async def _pushed(self, request: Request) -> Response:
        """One update. 200 only after the commit; anything else makes Telegram come again."""
        given = request.headers.get("x-telegram-bot-api-secret-token", "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, self._settings.secret.encode()):
            return PlainTextResponse("the secret is wrong", 401)
        raw = bytearray()
        try:
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > BODY_AT_MOST:
                    return PlainTextResponse("too big", 413)
        except ClientDisconnect:
            return PlainTextResponse("it ended in the middle", 400)
        try:
            update = json.loads(bytes(raw), parse_int=whole_number)
        except (ValueError, RecursionError):
            return PlainTextResponse("that is no JSON", 400)
        if self._host is None or self._reader is None:
            return PlainTextResponse("not open; come again", 503)
        read = self._reader.read(update, bytes(raw))
        if read.number is None:
            return PlainTextResponse("that is no update", 400)
        return await self._taken(read)

    async def _taken(self, read: Read) -> Response:
        try:
            await (self._together(read) if read.album is not None else self._take([read]))
        except LeaseLost as error:
            self._logbook.waits()
            self._host = None  # the house stops us and starts another
            log.warning("%s %s closes its door: %s", NAME, self._settings.account, error)
        except Exception as error:
            log.warning("%s %s: a pushed update was not kept: %s", NAME, self._settings.account, said(error))
        else:
            return Response(status_code=200)
        return PlainTextResponse("not kept; come again", 503)

    async def _take(self, reads: Sequence[Read]) -> None:
        if self._host is None or self._intake is None:
            raise ConnectionError("the door was closed meanwhile")
        await self._intake.take(self._host, reads)

    async def _together(self, read: Read) -> None:
        """Pictures that were sent together are pushed one by one: keep them in one go, so that they are one matter."""
        assert read.album is not None  # noqa: S101 - the caller's condition
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._albums.setdefault(read.album, [])
        waiting.append((read, kept))
        if len(waiting) == 1:
            task = asyncio.create_task(self._gather(read.album))
            self._gathering.add(task)
            task.add_done_callback(self._gathering.discard)
        await kept

    async def _gather(self, album: tuple[int, str]) -> None:
        waiting: list[tuple[Read, Any]] = []
        try:
            await asyncio.sleep(self._settings.album_wait)
            waiting = sorted(self._albums.pop(album), key=lambda each: each[0].number or 0)
            await self._take([read for read, _ in waiting])
        except BaseException as error:
            for _, kept in waiting or self._albums.pop(album, []):
                if not kept.done():
                    kept.set_exception(ConnectionError(f"not kept ({type(error).__name__})"))
            if not isinstance(error, Exception):
                raise
        else:
            for _, kept in waiting:
                if not kept.done():
                    kept.set_result(None)
