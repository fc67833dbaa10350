"""A Bot API server that can do next to nothing: it is read and written to all the same."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import pytest

from channels.contract import Address, OutboundMessage
from channels.registry import load
from channels.richtext import RichText
from tests.contracts.fake_host import FakeHost
from tests.house import until
from tests.platforms.plain_http import PlainServer, Reply, Request

ADA = {"id": 1001, "first_name": "Ada"}


class Bare:
    """Knows `getUpdates` and `sendMessage`; `other` is its answer to every other method."""

    def __init__(self, other: Reply) -> None:
        self.other = other
        self.pending: list[dict[str, Any]] = []
        self.minds_offsets = True
        self.numbers = True
        self.sent: list[dict[str, str]] = []
        self.polls = 0
        self.server = PlainServer(self._answer)
        self._numbers = itertools.count(1)

    def write(self, text: str) -> None:
        number = next(self._numbers)
        message = {"message_id": number, "from": ADA, "chat": {"id": ADA["id"]}, "date": 1795363200, "text": text}
        self.pending.append({"update_id": number, "message": message})

    async def _answer(self, asked: Request) -> Reply:
        given = dict(parse_qsl(asked.body.decode()))
        match asked.path.rpartition("/")[2]:
            case "getUpdates":
                self.polls += 1
                if self.minds_offsets:
                    self.pending = [each for each in self.pending if each["update_id"] >= int(given.get("offset", 0))]
                return Reply.of({"ok": True, "result": self.pending or None})
            case "sendMessage":
                self.sent.append(given)
                return Reply.of({"ok": True, "result": {"message_id": next(self._numbers)} if self.numbers else True})
        return self.other


@asynccontextmanager
async def opened(other: Reply) -> AsyncIterator[Bare]:
    bare = Bare(other)
    await bare.server.open()
    try:
        yield bare
    finally:
        await bare.server.shut()


@asynccontextmanager
async def running(bare: Bare, host: FakeHost, called: str = "7:secret-7") -> AsyncIterator[Any]:
    channel = load("telegram", {"token": called, "api_url": bare.server.url, "retry_base": 0.02})
    await channel.start(host)
    try:
        yield channel
    finally:
        await channel.stop()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Reply.of({"message": "not supported"}, status=500), id="an error of its own"),
        pytest.param(Reply.of({"ok": True, "result": True}), id="yes to everything"),
        pytest.param(Reply(status=404, body=b"<h1>Not Found</h1>"), id="a page"),
    ],
)
async def test_methods_that_are_not_there_hold_up_nothing(other: Reply) -> None:
    host = FakeHost()
    async with opened(other) as bare, running(bare, host, called="sample-token") as channel:
        bare.write("one")
        await host.received(1)
        bare.write("two")
        await host.received(2)
        address = Address(account="main", place="1001", recipient="1001")
        await channel.send(OutboundMessage(key="m1", address=address, text=RichText.of("Hello")))
        assert bare.sent[0]["text"] == "Hello"
        assert await channel.check() != []  # it says so
    assert host.texts() == ["one", "two"]


async def test_a_server_that_neither_waits_nor_minds_offsets_is_not_asked_without_pause() -> None:
    host = FakeHost()
    async with opened(Reply.of({"ok": True, "result": True})) as bare, running(bare, host):
        bare.minds_offsets = False
        bare.write("one")
        await host.received(1)
        before = bare.polls

        async def asked_again() -> bool:
            return bare.polls >= before + 3

        await until(asked_again)
        bare.write("two")
        await host.received(2)
        assert bare.polls < 60  # without a pause it were hundreds
    assert host.texts() == ["one", "two"]


async def test_a_token_that_is_refused_is_still_refused() -> None:
    refused = Reply.of({"ok": False, "error_code": 401, "description": "Unauthorized"}, status=401)
    host = FakeHost()
    async with opened(refused) as bare, running(bare, host) as channel:
        bare.write("one")
        (told,) = await channel.check()
        assert "does not accept the token" in told
        assert json.dumps(bare.sent) == "[]"
    assert host.texts() == []


async def test_a_yes_without_a_number_is_a_yes() -> None:
    async with opened(Reply.of({"ok": True, "result": True})) as bare, running(bare, FakeHost()) as channel:
        bare.numbers = False
        address = Address(account="main", place="1001", recipient="1001")
        receipt = await channel.send(OutboundMessage(key="m1", address=address, text=RichText.of("Hello")))
    assert receipt.external_id == "sent-m1"
    assert len(bare.sent) == 1
