"""Whoever begins a request and does not finish it is dropped; whoever waits for us is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, cast

import pytest
import uvicorn

from bot.app import Warmline
from bot.cli import run
from bot.web.connection import Connection

HEADER, BODY, LATE = 0.8, 1.0, 15.0
POST = b"POST / HTTP/1.1\r\nHost: desk.test\r\nContent-Length: 10\r\n\r\n"
GET = b"GET /stream HTTP/1.1\r\nHost: desk.test\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers a POST with its body; to a GET it talks for as long as somebody listens."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while scope["path"] == "/stream":
        await send({"type": "http.response.body", "body": b"data: still here\n\n", "more_body": True})
        await asyncio.sleep(0.05)
    more = True
    while more and scope["path"] != "/early":
        message = await receive()
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    connection = cast(Any, partial(Connection, header_within=HEADER, body_within=BODY))
    config = uvicorn.Config(
        cast(Any, application), port=0, lifespan="off", log_config=None, ws="none", http=connection,
        timeout_graceful_shutdown=0,
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - it tells nobody when it has started
        await asyncio.sleep(0.002)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def lasts(port: int, *parts: bytes, every: float = 0.0) -> float:
    """Seconds until the server hangs up on who sends these parts and then nothing."""
    async with connected(port) as (reader, writer):

        async def send() -> None:
            for part in parts:
                writer.write(part)
                await asyncio.sleep(every)

        began = time.monotonic()
        sending = asyncio.create_task(send())
        with suppress(ConnectionResetError):
            async with asyncio.timeout(BODY + 2 * LATE):
                await reader.read()
        lasted = time.monotonic() - began
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        return lasted


async def test_a_header_must_come_in_time(port: int) -> None:
    unfinished: dict[str, list[bytes]] = {
        "nothing at all": [],
        "blank lines": [b"\r\n", b"\r\n", b"\r\n"],
        "half a header": [POST[:40]],
        "a header in drops": [GET[:10], GET[10:20], GET[20:30], GET[30:], b"A: b\r\n", b"C: d\r\n"],
    }
    lasted = await asyncio.gather(*(lasts(port, *parts, every=0.05) for parts in unfinished.values()))
    for what, seconds in zip(unfinished, lasted, strict=True):
        assert HEADER * 0.9 < seconds < HEADER + LATE, what


async def test_a_body_must_go_on(port: int) -> None:
    chunked = POST.replace(b"Content-Length: 10", b"Transfer-Encoding: chunked") + b"5\r\n12345\r\n"
    drops = (POST, b"1", b"2", b"3", b"4")
    half, chunk, progress = await asyncio.gather(
        lasts(port, POST + b"12345"), lasts(port, chunked), lasts(port, *drops, every=0.2)
    )
    assert BODY * 0.9 < half < BODY + LATE
    assert BODY * 0.9 < chunk < BODY + LATE
    assert BODY + 4 * 0.2 - 0.05 < progress < BODY + 4 * 0.2 + LATE


async def test_who_goes_on_sending_what_was_refused_is_dropped(port: int) -> None:
    drops = [POST.replace(b"POST /", b"POST /early").replace(b"10", b"99"), *[b"x"] * 500]
    assert await lasts(port, *drops, every=0.1) < BODY + LATE


async def test_the_next_request_has_its_own_time(port: int) -> None:
    async with connected(port) as (reader, writer):
        for _ in range(3):
            await asyncio.sleep(HEADER * 0.4)
            writer.write(POST + b"0123456789")
            async with asyncio.timeout(LATE):
                assert (await reader.readuntil(b"\r\n0\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(2 * HEADER)
        assert not reader.at_eof(), "an idle connection is the keep-alive's business"
        began = time.monotonic()
        writer.write(POST[:40])
        async with asyncio.timeout(LATE):
            assert await reader.read() == b""
        assert time.monotonic() - began > HEADER * 0.9


@pytest.mark.parametrize("more", [b"\r\n", b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b"\r\n\r\n", b"\r\n" + GET])
async def test_a_stream_goes_on(port: int, more: bytes) -> None:
    """Also where the client has sent more than its request: what it waits for is ours to send."""
    async with connected(port) as (reader, writer):
        writer.write(GET + more)
        end = time.monotonic() + 2 * max(HEADER, BODY)
        async with asyncio.timeout(LATE):
            while time.monotonic() < end:
                assert await reader.readuntil(b"still here\n\n")


async def test_a_request_behind_a_stream_waits_with_it(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(GET + b"\r\n" + POST)
        end = time.monotonic() + 2 * max(HEADER, BODY)
        async with asyncio.timeout(LATE):
            while time.monotonic() < end:
                assert await reader.readuntil(b"still here\n\n")


def test_the_desk_is_served_by_it() -> None:
    house = cast(Warmline, type("House", (), {"app": application}))
    assert run._server(house).config.http is Connection
