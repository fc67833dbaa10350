"""Over a real port: events as they happen, what rude clients do to a connection, and how it all ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

import channels.web.channel
from tests.house import Customer, Desk, desk, served, until


@pytest.fixture
async def open_desk(tmp_path: Path) -> AsyncIterator[tuple[Desk, str]]:
    async with desk(tmp_path) as at, served(at.house) as url:
        yield at, url


@dataclass
class Listener:
    """An EventSource: what it has received so far."""

    ids: list[int] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    comments: int = 0
    ended: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, response: httpx.Response) -> None:
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                self.ids.append(int(line[4:]))
            elif line.startswith("data: "):
                self.lines.append(json.loads(line[6:]))
            elif line.startswith(":"):
                self.comments += 1
            self.news.set()
        self.ended = True
        self.news.set()

    async def until(self, lines: int = 0, comments: int = 0) -> None:
        async with asyncio.timeout(20):
            while len(self.lines) < lines or self.comments < comments:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def listening(url: str, token: str | None, **headers: str) -> AsyncIterator[Listener]:
    listener = Listener()
    path = f"{url}/api/web/conversations/{token}/events"
    async with httpx.AsyncClient(timeout=10) as http, http.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        following = asyncio.create_task(listener.follow(response))
        try:
            yield listener
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def test_events_are_live_and_resume_without_gap_or_double(open_desk: tuple[Desk, str]) -> None:
    at, url = open_desk
    ana, lea = at.customer(), await at.agent()
    await ana.write("your whole site is down")
    await ana.hears("acknowledgement")
    async with listening(url, ana.token) as first, listening(url, ana.token, **{"Last-Event-ID": "1"}) as later:
        await first.until(2)
        await later.until(1)
        await lea.done("cases/next")
        await lea.done("cases/W-1001/reply", {"text": "We are on it.\n\ndata: {}\nid: 99\n\u2028"})
        await first.until(4)
        await later.until(3)
    assert first.ids == [1, 2, 3, 4]
    assert later.ids == [2, 3, 4]
    assert first.lines == await ana.read()
    assert first.lines[-1]["text"] == "We are on it.\n\ndata: {}\nid: 99\n\u2028"
    await ana.write("thank you")
    for _ in range(20):
        await lea.done("cases/W-1001/reply", {"text": "You are welcome."})
    async with listening(url, ana.token, **{"Last-Event-ID": str(first.ids[-1])}) as resumed:
        await resumed.until(21)
    assert first.ids + resumed.ids == [line["seq"] for line in await ana.read()]


async def test_many_reconnects_lose_nothing(open_desk: tuple[Desk, str]) -> None:
    at, url = open_desk
    ana = at.customer()
    await ana.write("florp")
    writing = asyncio.create_task(_write_on(ana))
    seen: list[int] = []
    while not writing.done() or len(seen) < len(await ana.read()):
        async with listening(url, ana.token, **{"Last-Event-ID": str(seen[-1] if seen else 0)}) as listener:
            await listener.until(1)
            await asyncio.sleep(0.03)
        seen += listener.ids[: len(listener.lines)]
    await writing
    assert seen == [line["seq"] for line in await ana.read()]


async def _write_on(ana: Customer) -> None:
    for number in range(20):
        await ana.write(f"line {number}")
        await asyncio.sleep(0.01)


async def test_a_sign_of_life(open_desk: tuple[Desk, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels.web.channel, "HEARTBEAT", 0.05)
    at, url = open_desk
    ana = at.customer()
    await ana.write("florp")
    async with listening(url, ana.token) as listener:
        await listener.until(2, comments=3)


async def test_head_asks_for_no_stream(open_desk: tuple[Desk, str]) -> None:
    at, url = open_desk
    ana = at.customer()
    await ana.write("florp")
    async with httpx.AsyncClient(timeout=20) as http:
        response = await http.head(f"{url}/api/web/conversations/{ana.token}/events")
    assert response.status_code in (200, 405)


async def test_streams_end_when_the_desk_stops(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        ana = at.customer()
        await ana.write("florp")
        async with asyncio.timeout(20):
            async with served(at.house) as url:
                listeners = [listening(url, ana.token) for _ in range(5)]
                opened = [await listener.__aenter__() for listener in listeners]
                for listener in opened:
                    await listener.until(1)
            for listener in opened:
                while not listener.ended:
                    listener.news.clear()
                    await listener.news.wait()
        for context in listeners:
            await context.__aexit__(None, None, None)
        response = await ana.write("too late")
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def test_a_listener_who_vanishes_is_forgotten(open_desk: tuple[Desk, str]) -> None:
    at, url = open_desk
    ana = at.customer()
    await ana.write("florp")
    waiting = at.house.house._live._waiting
    for _ in range(5):
        async with listening(url, ana.token) as listener:
            await listener.until(1)
            assert waiting

    async def forgotten() -> bool:
        return not waiting

    await until(forgotten)


# --- bytes that no client library would send -----------------------------------------------------


async def said(url: str, request: bytes, *, then_close: bool = False) -> bytes:
    """What the server answers to these bytes, until it has answered or hung up."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        await writer.drain()
        if then_close:
            writer.write_eof()
        async with asyncio.timeout(20):
            return await reader.read(65536)
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


HEAD = b"POST /api/web/messages HTTP/1.1\r\nHost: desk.test\r\nContent-Type: application/json\r\n"


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


async def test_raw_bytes(open_desk: tuple[Desk, str]) -> None:
    at, url = open_desk
    long = b'{"text": "' + b"x" * 300_000 + b'"}'
    cases: dict[bytes, tuple[bytes, ...]] = {
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(long[:150_000], long[150_000:]): (b"413",),
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(*[b" " * 999] * 301): (b"413",),
        HEAD + b"Content-Length: 300000\r\n\r\n" + b"x": (b"413",),
        HEAD + b"Content-Length: 99999999999999999999999999\r\n\r\n": (b"400", b"413"),
        HEAD + b"Content-Length: -1\r\n\r\n": (b"400",),
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"{}"): (b"400", b"422"),
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}": (b"400",),
        HEAD + b"Content-Length: 0\r\n\r\n": (b"400",),
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n": (b"400", b"404", b"414"),
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200_000 + b"\r\n\r\n": (b"400", b"431", b"200"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": (b"400",),
        b"GET /api/v1/cases HTTP/1.1\r\nHost: a\r\nIdempotency-Key: a\nb\r\n\r\n": (b"400", b"401"),
        b"GET /%ff%00/../..//etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n": (b"404",),
        b"GET //api/v1/cases HTTP/1.1\r\nHost: a\r\n\r\n": (b"404",),
    }
    for request, statuses in cases.items():
        answer = await said(url, request)
        assert answer[9:12] in statuses, (request[:120], answer[:200])
        assert b"Traceback" not in answer
    assert (await at.sql("SELECT count(*) FROM message"))[0][0] == 0
    assert (await said(url, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"))[9:12] == b"200"


async def test_who_hangs_up_half_way_has_said_nothing(open_desk: tuple[Desk, str]) -> None:
    at, url = open_desk
    await said(url, HEAD + b'Content-Length: 100\r\n\r\n{"id": "', then_close=True)
    await said(url, HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"id"', then_close=True)
    assert (await at.sql("SELECT count(*) FROM message"))[0][0] == 0


async def test_whoever_is_slow_holds_up_nobody(open_desk: tuple[Desk, str]) -> None:
    at, url = open_desk
    host, port = url.removeprefix("http://").split(":")
    slow = [await asyncio.open_connection(host, int(port)) for _ in range(200)]
    for _, writer in slow:
        writer.write(HEAD + b"Content-Length: 100\r\n\r\n{")
    ana = at.customer()
    async with asyncio.timeout(20):
        assert (await ana.write("florp")).status_code == 202
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{url}/healthz")).text == "ok"
    for _, writer in slow:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in slow), return_exceptions=True)
