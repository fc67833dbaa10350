"""The Slack adapter through every case, over Socket Mode and over HTTP events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, get_args

import pytest

from channels.contract import Button, Channel
from channels.registry import load
from channels.slack.channel import SlackChannel
from tests.contracts.channel_cases import ChannelCases
from tests.contracts.harness import Ability, Arrived, Harness
from tests.platforms.slack import SlackPlatform
from tests.platforms.slack_state import unescaped

TIMEOUT = 1.5


class SlackHarness(Harness):
    channel = "slack"
    account = "main"
    can: ClassVar[frozenset[Ability]] = frozenset(get_args(Ability))
    mode = "socket"

    def __init__(self, slack: SlackPlatform) -> None:
        super().__init__()
        self.slack = slack
        self._places: dict[str, str] = {}
        self.more: dict[str, Any] = {}
        if self.mode == "http":
            slack.pushed_to = f"http://127.0.0.1:{self.public_port}/channels/slack/main"

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[SlackHarness]:
        async with SlackPlatform() as slack:
            slack.knobs.turn({"ack_within": 1.0, "pauses": [0.05], "endless": True})
            yield cls(slack)

    def settings(self) -> dict[str, Any]:
        secret = (
            {"signing_secret": self.slack.knobs.secret}
            if self.mode == "http"
            else {"app_token": self.slack.knobs.app_token}
        )
        return {
            "bot_token": self.slack.knobs.token, **secret, "mode": self.mode, "api_url": self.slack.api_url,
            "names": "username", "timeout": TIMEOUT, "ping_interval": 0.3, "retry_base": 0.02, "retry_cap": 0.1,
            "max_attachment_bytes": 1_000_000, **self.more,
        }  # fmt: skip

    def make(self) -> Channel:
        channel = load("slack", self.settings())
        assert isinstance(channel, SlackChannel)
        return channel

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
        kept = [self.slack.keep_file(file, content) for file, content in files]
        message = self.slack.space.wrote(
            text=text, place=place, author=author, name=name, thread=thread, files=kept, bot=bot, public=public
        )
        self._places[message["ts"]] = place
        return str(message["ts"])

    async def edit(self, message: str, text: str) -> None:
        self.slack.space.edited(self._places[message], message, text)

    async def delete(self, message: str) -> None:
        self.slack.space.deleted(self._places[message], message)

    async def press(self, button: Button, message: str) -> None:
        self.slack.space.pressed("p1", message, button.id, "ada")

    async def arrived(self) -> list[Arrived]:
        return [
            Arrived(
                id=sent["ts"],
                place=sent["channel"],
                thread=sent.get("thread_ts"),
                text=shown(sent),
                author=sent.get("username", ""),
                buttons=tuple(
                    element["action_id"]
                    for block in sent["blocks"]
                    if block["type"] == "actions"
                    for element in block["elements"]
                ),
            )
            for sent in self.slack.space.sends
        ]

    async def fault(self, name: str) -> None:
        match name:
            case "unreachable":
                await self.slack.server.shut()
            case "blocked":
                self.slack.space.blocked.add("p1")
            case "bad_token":
                self.slack.knobs.refusal = "token_revoked"
            case "over":
                if not self.slack.server.is_open:
                    await self.slack.server.open()
                self.slack.space.blocked.discard("p1")
                self.slack.knobs.refusal = ""
            case _:
                self.slack.fault("chat.postMessage", {"fault": name, "seconds": 0.1})

    async def redeliver(self, message: str) -> None:
        self.slack.space.redeliver(message)

    async def reorder(self) -> None:
        self.slack.knobs.reorder = True

    async def poison(self) -> None:
        self.slack.space._event("p1", "poison", {"type": "message", "channel": "p1", "user": 7, "ts": None})

    async def echo(self) -> None:
        self.slack.knobs.echo = True

    async def away(self) -> None:
        self.slack.outage(on=True)

    async def back(self) -> None:
        self.slack.outage(on=False)

    async def forget(self) -> None:
        self.slack.space.forget()

    async def history(self, *, on: bool) -> None:
        self.slack.knobs.history = on

    async def lookup_off(self) -> None:
        self.slack.knobs.lookup = False

    async def unacknowledged(self) -> set[str]:
        return set(self.slack.space.unacknowledged())


class HttpHarness(SlackHarness):
    mode = "http"


def shown(sent: Mapping[str, Any]) -> str:
    """A message as its readers see it."""
    found = []
    for block in sent["blocks"]:
        if block["type"] == "rich_text":
            for element in block["elements"]:
                found += [str(inner.get("text") or inner.get("url")) for inner in element["elements"]]
    return "".join(found) if found else unescaped(sent["text"])


class TestSocketMode(ChannelCases):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with SlackHarness.open() as harness:
            yield harness


class TestHttpEvents(ChannelCases):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with HttpHarness.open() as harness:
            yield harness
