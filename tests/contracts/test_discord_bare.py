"""A Discord that can do next to nothing: its gateway begins sessions and tells messages, its REST takes messages."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from channels.contract import Address, OutboundMessage
from channels.registry import load
from channels.richtext import RichText
from tests.contracts.fake_host import FakeHost
from tests.house import until

ME = "900000000000000001"
ROOM = "700000000000000001"


class Bare:
    """`other`: the status of every route that it has not."""

    def __init__(self, other: int) -> None:
        self.other = other
        self.numbers = True
        self.identified = 0
        self.resumes = 0
        self.sent: list[dict[str, Any]] = []
        self.port = 0
        self.ready: dict[str, Any] = {"user": {"id": ME, "username": "bot"}, "guilds": []}
        self._ids = itertools.count(1_400_000_000_000_000_000)
        self._open: list[web.WebSocketResponse] = []
        self._told = itertools.count(1)

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/gateway"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/gateway":
            return await self._gateway(request)
        if request.path == f"/api/v10/channels/{ROOM}/messages" and request.method == "POST":
            self.sent.append(await request.json())
            return web.json_response({"id": str(next(self._ids))} if self.numbers else {"id": "not-a-number"})
        return web.Response(status=self.other, text="no such thing")

    async def _gateway(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self._open.append(ws)
        await ws.send_json({"op": 10, "d": {"heartbeat_interval": 5000}})
        async for frame in ws:
            if frame.type is not WSMsgType.TEXT:
                continue
            match json.loads(frame.data)["op"]:
                case 1:
                    await ws.send_json({"op": 11})
                case 2:
                    self.identified += 1
                    await ws.send_json({"op": 0, "t": "READY", "s": next(self._told), "d": self.ready})
                case 6:
                    self.resumes += 1  # it does not know the word, and says nothing
        self._open.remove(ws)
        return ws

    async def says(self, text: str) -> None:
        said = {
            "id": str(next(self._ids)), "channel_id": ROOM, "guild_id": "600000000000000001", "content": text,
            "author": {"id": "300000000000000001", "username": "ada"},
        }  # fmt: skip
        for ws in self._open:
            await ws.send_json({"op": 0, "t": "MESSAGE_CREATE", "s": next(self._told), "d": said})

    async def hang_up(self) -> None:
        for ws in list(self._open):
            await ws.close(code=4000)


@asynccontextmanager
async def opened(other: int = 404) -> AsyncIterator[Bare]:
    bare = Bare(other)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", bare.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    bare.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        yield bare
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running(bare: Bare, host: FakeHost, **more: Any) -> AsyncIterator[Any]:
    quick = {"retry_base": 0.02, "retry_cap": 0.1, "identify_every": 0.01}
    given = {"token": "sample", "api_url": bare.api_url, "gateway_url": bare.gateway_url, **quick, **more}
    channel = load("discord", given)
    await channel.start(host)
    try:
        yield channel
    finally:
        await channel.stop()


@pytest.mark.parametrize("other", [404, 405, 501])
async def test_routes_that_are_not_there_hold_up_nothing(other: int) -> None:
    host = FakeHost()
    async with opened(other) as bare, running(bare, host) as channel:
        await bare.says(f"<@{ME}> one")
        await bare.says("between others")
        await bare.says(f"<@!{ME}> two")
        await host.until(lambda: {"one", "two"} <= set(host.texts()))
        address = Address(account="main", place=ROOM, recipient="300000000000000001", public=True)
        await channel.send(OutboundMessage(key="m1", address=address, text=RichText.of("Hello")))
        assert bare.sent[0]["content"] == "Hello"
        assert await channel.check() != []  # it says so


async def test_a_session_without_a_name_is_begun_again_after_a_cut() -> None:
    host = FakeHost()
    async with opened() as bare, running(bare, host):
        await bare.says(f"<@{ME}> one")
        await host.received(1)
        await bare.hang_up()

        async def begun_again() -> bool:
            return bare.identified == 2 and bool(bare._open)

        await until(begun_again)
        await bare.says(f"<@{ME}> two")
        await host.received(2)
        assert bare.resumes == 0


async def test_a_resume_that_nobody_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.discord.gateway.ANSWER_WITHIN", 1.0)
    host = FakeHost()
    async with opened() as bare:
        bare.ready |= {"session_id": "s1", "resume_gateway_url": "ws://127.0.0.1:1/elsewhere"}
        async with running(bare, host):
            await bare.says(f"<@{ME}> one")
            await host.received(1)
            await bare.hang_up()

            async def begun_again() -> bool:
                return bare.resumes >= 1 and bare.identified == 2

            await until(begun_again)
            await bare.says(f"<@{ME}> two")
            await host.received(2)


async def test_without_an_address_of_the_gateway_it_is_said_what_to_set() -> None:
    async with opened() as bare, running(bare, FakeHost(), gateway_url="") as channel:

        async def told() -> bool:
            return "set gateway_url" in str(channel.report().troubles)

        await until(told)


async def test_a_yes_with_another_kind_of_number_is_a_yes() -> None:
    async with opened() as bare, running(bare, FakeHost()) as channel:
        bare.numbers = False
        address = Address(account="main", place=ROOM, recipient="300000000000000001", public=True)
        receipt = await channel.send(OutboundMessage(key="m1", address=address, text=RichText.of("Hello")))
    assert receipt.external_id == "sent-m1"
