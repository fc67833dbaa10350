"""The loopback Discord as the shared cases move it. Names of the cases stand for snowflakes."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

from channels.contract import Button, Channel, Cursor, Delivered, Host, InboundMessage, Undecodable
from channels.discord.channel import DiscordChannel
from channels.registry import load
from tests.contracts.fake_host import FakeHost
from tests.contracts.harness import Ability, Arrived, Harness
from tests.platforms.discord import DiscordPlatform
from tests.platforms.discord_eye import seen
from tests.platforms.discord_world import GENERAL, GUILD

ME = "900000000000000001"
NAMES = {"ada": "300000000000000001", "robo": "300000000000000002"}
PLACES = {f"p{number}": f"50000000000000000{number}" for number in range(10)}
BACK = {id_: name for name, id_ in (NAMES | PLACES).items()}
TIMEOUT = 1.0


class DiscordHost(FakeHost):
    """Sees names where the channel sees snowflakes."""

    async def deliver(
        self, messages: Sequence[InboundMessage | Undecodable], *, cursor: Cursor | None = None
    ) -> list[Delivered]:
        return await super().deliver([_named(message) for message in messages], cursor=cursor)

    async def known_places(self, channel: str, account: str) -> list[str]:
        return [PLACES.get(place, place) for place in await super().known_places(channel, account)]


def _named(message: InboundMessage | Undecodable) -> InboundMessage | Undecodable:
    if isinstance(message, Undecodable):
        return message
    author = replace(message.author, external_id=BACK.get(message.author.external_id, message.author.external_id))
    return replace(message, place=BACK.get(message.place, message.place), author=author)


class DiscordHarness(Harness):
    channel = "discord"
    account = "main"
    can: ClassVar[frozenset[Ability]] = frozenset(
        {"edit", "delete", "press", "attach", "bots", "redeliver", "poison", "away", "forget", "lookup_off",
         "acknowledged", "cursor", "history"}
    )  # fmt: skip

    def __init__(self, platform: DiscordPlatform) -> None:
        super().__init__()
        self.platform = platform
        self._host: FakeHost | None = None
        self._where: dict[str, str] = {}
        self._made: list[DiscordChannel] = []

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[DiscordHarness]:
        async with DiscordPlatform() as platform:
            platform.knobs.echo = False
            for name in PLACES.values():
                platform.world.channel(name, kind=1)
            yield cls(platform)

    def settings(self, **more: Any) -> dict[str, Any]:
        quick = {
            "account": self.account, "timeout": TIMEOUT, "retry_base": 0.02, "retry_cap": 0.1, "identify_every": 0.01,
            "silence": 5, "refused_wait": 0.1, "note_every": 3000,
        }  # fmt: skip
        return self.platform.settings(**(quick | more))

    def make(self, **more: Any) -> Channel:
        channel = load("discord", self.settings(**more))
        assert isinstance(channel, DiscordChannel)
        self._made.append(channel)
        return channel

    @asynccontextmanager
    async def running(self, host: Host, channel: Channel | None = None) -> AsyncIterator[Channel]:
        assert isinstance(host, FakeHost)
        self._host = host
        async with super().running(host, channel) as started:
            yield started

    def outbound(self, text: str, *, key: str = "k1", place: str = "p1", **more: object) -> Any:
        message = super().outbound(text, key=key, place=place, **more)
        recipient = NAMES.get(message.address.recipient, message.address.recipient)
        return replace(message, address=replace(message.address, place=PLACES.get(place, place), recipient=recipient))

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
        attached = [{"name": file, "content": base64.b64encode(content).decode()} for file, content in files]
        where = PLACES.get(place, place)
        made = await self.platform.control(
            "messages",
            {"place": where, "author": NAMES[author], "name": name, "text": text, "bot": bot, "files": attached},
        )
        self._where[made["id"]] = where
        return str(made["id"])

    async def says(self, text: str, *, place: str = GENERAL, mention: bool = False, **more: Any) -> str:
        """In a server."""
        mentions = [self.platform.world.user(ME, "Warmline", bot=True)] if mention else []
        said = f"<@{ME}> {text}" if mention else text
        data = {"place": place, "author": NAMES["ada"], "name": "Ada", "text": said, "mentions": mentions, **more}
        made = await self.platform.control("messages", data)
        self._where[made["id"]] = place
        return str(made["id"])

    async def thread(self, id_: str, *, parent: str = GENERAL, kind: int = 11) -> str:
        await self.platform.control(
            "channel", {"id_": id_, "kind": kind, "guild": GUILD, "parent_id": parent, "name": "a thread"}
        )
        return id_

    async def edit(self, message: str, text: str) -> None:
        await self.platform.control("edits", {"place": self._where[message], "id": message, "text": text})

    async def delete(self, message: str) -> None:
        await self.platform.control("deletions", {"place": self._where[message], "id": message})

    async def press(self, button: Button, message: str, *, author: str = "ada") -> None:
        world = self.platform.world
        shown = next(sent for sent in world.sends if sent["id"] == message)
        ids = [each["custom_id"] for row in shown["components"] for each in row["components"]]
        custom_id = next(id_ for id_ in ids if id_.endswith(f":{button.id}"))
        place = shown["channel_id"]
        data = {"place": place, "message": message, "custom_id": custom_id, "author": NAMES[author]}
        await self.platform.control("presses", data)

    async def arrived(self) -> list[Arrived]:
        return [
            Arrived(
                id=sent["id"],
                place=BACK.get(sent["channel_id"], sent["channel_id"]),
                text=seen(sent["content"]),
                buttons=tuple(
                    each["custom_id"].split(":", 2)[2]
                    for row in sent.get("components", ())
                    for each in row["components"]
                ),
                files=tuple(file["filename"] for file in sent["attachments"]),
            )
            for sent in self.platform.world.sends
        ]

    async def fault(self, name: str) -> None:
        match name:
            case "unreachable":
                await self.platform.shut()
            case "blocked":
                await self.platform.control("block", {"place": PLACES["p1"]})
            case "bad_token":
                self.platform.world.revoked.add(ME)
            case "over":
                self.platform.world.revoked.clear()
                self.platform.world.blocked.clear()
                if not self.platform.is_open:
                    await self.platform.open()
            case _:
                await self.platform.control("faults", {"send": [{"fault": name, "seconds": 0.1}]})

    async def redeliver(self, message: str) -> None:
        await self.platform.control("redeliver", {"place": self._where[message], "id": message})

    async def poison(self) -> None:
        """A message as the gateway tells it, with an author that is none; the SDK dies of it as well."""
        bad = {"id": self.platform.world.snowflake(), "channel_id": PLACES["p9"], "author": None, "content": "x"}
        await self.platform.control("dispatch", {"t": "MESSAGE_CREATE", "d": bad})

    async def away(self) -> None:
        await self.platform.control("outage", {"on": True})

    async def back(self) -> None:
        await self.platform.control("outage", {"on": False})

    async def forget(self) -> None:
        await self.platform.control("forget", {})

    async def history(self, *, on: bool) -> None:
        await self.platform.control("faults", {"history": [] if on else ["unavailable"] * 1000})

    async def lookup_off(self) -> None:
        await self.history(on=False)

    async def unacknowledged(self) -> set[str]:
        """What a look into the history would bring again: all after the cursors."""
        assert self._host is not None
        cursors = {name.rpartition(":")[2]: value for name, value in self._host.cursors.items()}
        found = set()
        for place, messages in self.platform.world.messages.items():
            kept = int(cursors.get(place, 0)) if cursors.get(place, "0").isdigit() else 0
            found |= {each["id"] for each in messages if int(each["id"]) > kept and each["author"]["id"] != ME}
        return found | {
            str(event.id) for channel in self._made for event in channel._reader.lanes.open.values() if event.id
        }
