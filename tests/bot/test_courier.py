"""A send of which nobody knows whether it arrived is repeated only while the platform would drop it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from bot.courier import SEND_WITHIN, Courier
from channels.registry import load
from store import outbox
from store.bus import Bus
from store.database import Database
from store.tables import message
from tests.contracts.fake_host import FakeHost
from tests.databases import DIALECTS, empty_database
from tests.house import until
from tests.platforms.loopback import LoopbackPlatform
from tests.platforms.loopback_control import LoopbackControl
from tests.rows import NOW, SECOND, put_out, row_of, write_in

WITHIN = 100.0
LATEST = timedelta(seconds=WITHIN - SEND_WITHIN)


class NoBus:
    """Nobody gives a hint."""

    async def take(self, *_: Any, **__: Any) -> list[int]:
        await asyncio.sleep(60)
        return []


@dataclass
class Post:
    """A platform that cannot be asked what it has, and drops what it has seen while it knows the key."""

    database: Database
    platform: LoopbackPlatform
    control: LoopbackControl
    now: datetime = NOW

    @property
    def arrived(self) -> int:
        return len(self.platform.account("main").sends)

    async def put_out(self, **more: Any) -> int:
        kept = await write_in(self.database, by="ann", channel="loopback", account="main")
        return await put_out(self.database, kept.conversation, **more)

    async def status(self, id_: int) -> str:
        return str((await row_of(self.database, message, id_))["status"])

    async def becomes(self, id_: int, status: str) -> None:
        async def look() -> bool:
            return await self.status(id_) == status

        await until(look, within=20)

    @asynccontextmanager
    async def courier(self) -> AsyncIterator[Courier]:
        settings = {
            "url": self.platform.url, "token": "secret-main", "account": "main",
            "idempotent": True, "window": WITHIN, "timeout": 1.0, "poll_wait": 5,
        }  # fmt: skip
        channel = load("tests.platforms.loopback_channel:make", settings)
        await channel.start(FakeHost())

        async def published(*_: Any) -> None:
            return None

        courier = Courier(
            database=self.database, bus=cast(Bus, NoBus()), find=lambda *_: channel, holder="me", published=published,
            clock=lambda: self.now,
        )  # fmt: skip
        running = asyncio.create_task(courier.run())
        try:
            yield courier
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await channel.stop()


@pytest.fixture(params=DIALECTS)
async def post(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Post]:
    async with (
        empty_database(request.param, tmp_path) as database,
        LoopbackPlatform() as platform,
        LoopbackControl(platform.url) as control,
    ):
        await control.knobs(idempotent=True, lookup=False)
        yield Post(database, platform, control)


async def cut_off(post: Post, waited: timedelta) -> int:
    """A send whose answer never came; so much time has passed since."""
    row = await post.put_out()
    await post.control.faults("send", "cut_after")

    async def has_arrived() -> bool:
        return post.arrived == 1

    await until(has_arrived)
    post.now += waited
    return row


async def test_an_unclear_send_is_repeated_while_the_platform_knows_its_key(post: Post) -> None:
    async with post.courier():
        row = await cut_off(post, LATEST - SECOND)
        await post.becomes(row, "sent")
    found = await row_of(post.database, message, row)
    assert (post.arrived, found["attempts"], found["unclear_since"]) == (1, 2, NOW)


async def test_an_unclear_send_that_is_too_old_is_left_to_a_person(post: Post) -> None:
    async with post.courier():
        row = await cut_off(post, LATEST)
        await post.becomes(row, "unknown")
        await asyncio.sleep(2.5)  # it is looked at each second
        assert await post.status(row) == "unknown"
    found = await row_of(post.database, message, row)
    assert (post.arrived, found["attempts"]) == (1, 1)
    assert "cannot say whether it arrived" in found["error"]
    async with post.database.read() as connection:
        assert [item["id"] for item in await outbox.undelivered(connection)] == [row]


async def test_a_repeat_that_was_put_off_too_long_does_not_leave_until_a_person_says_so(post: Post) -> None:
    """The desk died after it had queued the repeat, and comes back when the key is forgotten."""
    row = await post.put_out(attempts=1, unclear_since=NOW - LATEST)
    async with post.courier() as courier:
        await post.becomes(row, "sending")
        post.now += 20 * SECOND
        await post.becomes(row, "unknown")
        assert post.arrived == 0
        async with post.database.write("test") as connection:
            assert await outbox.send_again(connection, row, post.now)
        courier.wake()
        await post.becomes(row, "sent")
    assert post.arrived == 1


async def test_what_never_left_is_sent_however_old_it_is(post: Post) -> None:
    row = await post.put_out(created_at=NOW - 99 * LATEST)
    async with post.courier():
        await post.becomes(row, "sent")
    assert post.arrived == 1
