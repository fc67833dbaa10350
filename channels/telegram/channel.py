"""One bot of Telegram as a channel of ours, read by polling or by webhook."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.routing import Route

from channels.contract import (
    Address,
    Capabilities,
    Host,
    InboundMessage,
    OutboundMessage,
    Receipt,
    Report,
    TemporaryFailure,
)
from channels.logbook import Logbook
from channels.richtext import RichText
from channels.telegram.api import Api, Me, id_in, said
from channels.telegram.check import check
from channels.telegram.files import Files
from channels.telegram.intake import Intake
from channels.telegram.memory import Memory
from channels.telegram.polling import Poller, lease_of
from channels.telegram.rendering import LONGEST, parts
from channels.telegram.sending import Sender
from channels.telegram.settings import TelegramSettings
from channels.telegram.updates import NAME, Reader
from channels.telegram.webhook import Door

log = logging.getLogger(__name__)


class TelegramChannel:
    """One account."""

    name = NAME

    def __init__(self, settings: TelegramSettings) -> None:
        self.account = settings.account
        self.capabilities = Capabilities(
            max_length=LONGEST,
            length_unit="utf16",
            max_attachment_bytes=settings.file_at_most,
            sends_per_second=30,
            sends_per_second_in_place=1,
        )
        self._settings = settings
        self._logbook = Logbook(lease=lease_of(settings) if settings.mode == "polling" else "")
        self._door = Door(settings, self._logbook)
        self._api: Api | None = None
        self._files: Files | None = None
        self._intake: Intake | None = None
        self._sender: Sender | None = None
        self._task: asyncio.Task[None] | None = None
        self._memory = Memory(settings.account)

    @property
    def ignored(self) -> Counter[str]:
        """How many updates were not for the house, by kind."""
        return self._intake.ignored if self._intake is not None else Counter()

    async def start(self, host: Host) -> None:
        self._api = api = Api(self._settings)
        self._files = files = Files(self._settings, api)
        self._intake = intake = Intake(api, files, self._memory)
        self._sender = Sender(api, self._memory, host)
        poller = Poller(self._settings, api, intake, self._logbook)
        reading = (
            poller.run(host) if self._settings.mode == "polling" else self._door.run(host, api, intake, poller.backoff)
        )
        self._task = asyncio.create_task(reading, name=f"{NAME} {self.account}")

    async def stop(self) -> None:
        task, self._task = self._task, None
        api, self._api = self._api, None
        self._sender = None
        await self._door.close()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._intake is not None:
            await self._intake.close()
        if self._files is not None:
            await self._files.close()
        if api is not None:
            await api.close()

    def routes(self) -> Sequence[Route]:
        return self._door.routes() if self._settings.mode == "webhook" else []

    def reread(self, external_id: str, raw: bytes) -> Sequence[InboundMessage]:
        """Files of it stay at Telegram: only the running desk can fetch them."""
        me = Me(id=id_in(self._settings.token))
        try:
            message = Reader(self._settings, me).decode(json.loads(raw)).message
        except Exception as error:
            raise ValueError(f"{external_id} still cannot be read: {type(error).__name__} {error}") from error
        return [message] if isinstance(message, InboundMessage) else []

    def parts(self, text: RichText) -> Sequence[RichText]:
        return parts(text)

    async def send(self, message: OutboundMessage) -> Receipt:
        if self._sender is None:
            raise TemporaryFailure(f"Channel {NAME} of {self.account} is not running; start it.")
        return await self._sender.send(message)

    async def typing(self, address: Address) -> None:
        try:
            if self._sender is not None:
                await self._sender.typing(address)
        except Exception as error:
            log.debug("typing was not shown: %s", said(error))

    def report(self) -> Report:
        return self._logbook.report(counts=self.ignored)

    async def check(self) -> list[str]:
        api = self._api or Api(self._settings)
        try:
            return await check(self._settings, api)
        finally:
            if api is not self._api:
                await api.close()


def make(settings: Mapping[str, Any]) -> TelegramChannel:
    """The factory of channels.registry."""
    return TelegramChannel(TelegramSettings.parse(settings))
