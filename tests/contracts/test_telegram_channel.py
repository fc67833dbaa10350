"""The Telegram adapter through every case, by polling and by webhook, and what only it has."""

from __future__ import annotations

import base64
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from channels.contract import (
    Address,
    Button,
    Channel,
    Cursor,
    Delivered,
    Host,
    InboundMessage,
    OutboundMessage,
    Receipt,
    Undecodable,
)
from channels.registry import load
from channels.telegram.channel import TelegramChannel
from tests.contracts.channel_cases import ChannelCases
from tests.contracts.harness import Ability, Arrived, Harness
from tests.platforms.telegram import TelegramControl, TelegramPlatform

BOT = 7
SECRET = "it-is_Telegram"
TIMEOUT = 1.0
SLOW = 0.1


class Names:
    """The cases speak of p1, t1 and ada; there everything is a number."""

    def __init__(self) -> None:
        self._count = itertools.count(1)
        self._numbers: dict[str, int] = {}
        self._names: dict[str, str] = {}

    def number(self, name: str, *, group: bool | None = None) -> int:
        known = self._numbers.get(name)
        if known is None or (group is not None and (known < 0) != group):
            made = next(self._count)
            self._numbers[name] = known = -1_001_000_000_000 - made if group else 1000 + made
            self._names[str(known)] = name
        return known

    def name(self, number: str) -> str:
        return self._names.get(number, number)


class NamedHost:
    """A host to whom places, threads and people are called by their names in the cases."""

    def __init__(self, host: Host, names: Names) -> None:
        self._host = host
        self._names = names
        self.alone = host.alone
        self.cursor = host.cursor
        self.known_places = host.known_places

    async def deliver(
        self, messages: Sequence[InboundMessage | Undecodable], *, cursor: Cursor | None = None
    ) -> list[Delivered]:
        return await self._host.deliver([self._named(message) for message in messages], cursor=cursor)

    def _named(self, message: InboundMessage | Undecodable) -> InboundMessage | Undecodable:
        if isinstance(message, Undecodable):
            return message
        name = self._names.name
        author = replace(message.author, external_id=name(message.author.external_id))
        thread = None if message.thread is None else name(message.thread)
        return replace(message, place=name(message.place), thread=thread, author=author)


class Named:
    """The channel, for the cases."""

    def __init__(self, inner: TelegramChannel, harness: TelegramHarness) -> None:
        self.inner = inner
        self.name, self.account, self.capabilities = inner.name, inner.account, inner.capabilities
        self.stop, self.routes, self.check = inner.stop, inner.routes, inner.check
        self.parts, self.reread, self.report = inner.parts, inner.reread, inner.report
        self._harness = harness

    async def start(self, host: Host) -> None:
        await self.inner.start(NamedHost(host, self._harness.names))

    async def send(self, message: OutboundMessage) -> Receipt:
        await self._harness.known(message.address.place)
        return await self.inner.send(replace(message, address=self._address(message.address)))

    async def typing(self, address: Address) -> None:
        await self.inner.typing(self._address(address))

    def _address(self, address: Address) -> Address:
        number = self._harness.names.number
        thread = None if address.thread is None else str(number(address.thread))
        return replace(address, place=str(number(address.place)), thread=thread)


class TelegramHarness(Harness):
    channel = "telegram"
    account = "main"
    can: ClassVar[frozenset[Ability]] = frozenset(
        {"edit", "press", "attach", "thread", "bots", "redeliver", "poison", "public", "away", "acknowledged", "cursor"}
    )
    mode = "polling"

    def __init__(self, platform: TelegramPlatform, control: TelegramControl) -> None:
        super().__init__()
        self.platform = platform
        self.control = control
        self.names = Names()
        self._updates: dict[str, dict[str, Any]] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[TelegramHarness]:
        async with TelegramPlatform() as platform, TelegramControl(platform.url, BOT) as control:
            await control.knobs(push_backoff=0.02)
            yield cls(platform, control)

    def settings(self) -> dict[str, Any]:
        public = {"public_url": f"http://127.0.0.1:{self.public_port}", "secret": SECRET}
        return {
            "token": self.platform.bot(BOT).token,
            "api_url": self.platform.url,
            "mode": self.mode,
            "listen": "mentions",
            "timeout": TIMEOUT,
            "connect_timeout": 4.0,
            "poll_wait": 5,
            "retry_base": 0.02,
            "retry_cap": 0.1,
            "conflict_wait": 0.05,
            "album_wait": 0.1,
            "heal_after": 0.2,
            **(public if self.mode == "webhook" else {}),
        }

    def make(self) -> Channel:
        channel = load("telegram", self.settings())
        assert isinstance(channel, TelegramChannel)
        return Named(channel, self)

    async def known(self, place: str) -> None:
        """A bot can write to whoever has written to it: as if they had."""
        number = self.names.number(place)
        if number not in self.platform.bot(BOT).chats and self.platform.server.is_open:
            await self.control.call("chat", chat={"id": number, "type": "private", "first_name": place})

    async def write(
        self,
        text: str,
        *,
        place: str = "p1",
        author: str = "ada",
        name: str = "Ada",
        thread: str | None = None,
        files: Sequence[tuple[str, bytes]] = (),
        bot: bool = False,
        addressed: bool = True,
        public: bool = False,
    ) -> str:
        group = public or thread is not None
        more: dict[str, Any] = {"group": True, "is_forum": thread is not None} if group else {}
        if thread is not None:
            more |= {"message_thread_id": self.names.number(thread), "is_topic_message": True}
        for file, content in files:
            path = f"documents/{len(self.platform.files)}"
            await self.control.call("file", path=path, content=base64.b64encode(content).decode())
            document = {"file_id": path, "file_unique_id": "u", "file_name": file, "file_size": len(content)}
            more |= {"document": document, "caption": text}
        update = await self.control.write(
            "" if files else text, chat=self.names.number(place, group=group), author=self.names.number(author),
            name=name, is_bot=bot, **more,
        )  # fmt: skip
        made = str(update["message"]["message_id"])
        self._updates[made] = update
        return made

    async def edit(self, message: str, text: str) -> None:
        chat = self._updates[message]["message"]["chat"]["id"]
        await self.control.call("edit", chat=chat, id=int(message), changes={"text": text})

    async def press(self, button: Button, message: str) -> None:
        chat = self.names.number("p1")
        await self.control.press(button.id, chat=chat, message=int(message), author=self.names.number("ada"))

    async def arrived(self) -> list[Arrived]:
        sends = self.platform.bot(BOT).sends
        return [
            Arrived(
                id=str(sent["message_id"]),
                place=self.names.name(str(sent["chat"]["id"])),
                thread=self.names.name(str(sent["message_thread_id"])) if "message_thread_id" in sent else None,
                text=sent.get("text", sent.get("caption", "")),
                buttons=tuple(
                    button["callback_data"]
                    for row in (sent.get("reply_markup") or {}).get("inline_keyboard", ())
                    for button in row
                ),
                files=(sent["document"]["file_name"],) if "document" in sent else (),
            )
            for sent in sends
        ]

    async def fault(self, name: str) -> None:
        match name:
            case "unreachable":
                await self.known("p1")
                await self.platform.server.shut()
            case "blocked":
                await self.control.call("block", chat=self.names.number("p1"))
            case "bad_token":
                await self.control.call("tokens", valid=False)
            case "over":
                if not self.platform.server.is_open:
                    await self.platform.server.open()
                await self.control.call("block", chat=self.names.number("p1"), blocked=False)
                await self.control.call("tokens", valid=True)
            case _:
                await self.control.faults("send", {"fault": name, "seconds": SLOW})

    async def redeliver(self, message: str) -> None:
        await self.control.call("again", number=self._updates[message]["update_id"])

    async def poison(self) -> None:
        await self.control.call("update", update={"message": {"poison": True, "message_id": "x", "chat": 7}})

    async def away(self) -> None:
        await self.control.call("outage", on=True)

    async def back(self) -> None:
        await self.control.call("outage", on=False)

    async def unacknowledged(self) -> set[str]:
        pending = (await self.control.state())["pending"]
        return {str((update.get("message") or {}).get("message_id", update["update_id"])) for update in pending}


class WebhookHarness(TelegramHarness):
    mode = "webhook"
    can: ClassVar[frozenset[Ability]] = TelegramHarness.can - {"cursor"}


class TestPolling(ChannelCases):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with TelegramHarness.open() as harness:
            yield harness


class TestWebhook(ChannelCases):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with WebhookHarness.open() as harness:
            yield harness
