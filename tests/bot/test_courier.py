"""A send of which nobody knows whether it arrived is repeated only while the platform would drop it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.courier import SEND_WITHIN
from store import outbox
from store.tables import message
from tests.bot.post import Post, open_post
from tests.databases import DIALECTS
from tests.rows import NOW, SECOND, row_of

WITHIN = 100.0
LATEST = timedelta(seconds=WITHIN - SEND_WITHIN)


@pytest.fixture(params=DIALECTS)
async def post(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Post]:
    async with open_post(request.param, tmp_path, settings={"idempotent": True, "window": WITHIN}) as post:
        await post.control.knobs(idempotent=True, lookup=False)
        yield post


def later(post: Post, by: timedelta) -> None:
    assert post.now is not None
    post.now += by


async def cut_off(post: Post, waited: timedelta) -> int:
    """A send whose answer never came; so much time has passed since."""
    row = await post.put_out()
    await post.control.faults("send", "cut_after")

    await post.has_arrived(1)
    later(post, waited)
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
        later(post, 20 * SECOND)
        await post.becomes(row, "unknown")
        assert post.arrived == 0
        async with post.database.write("test") as connection:
            assert await outbox.send_again(connection, row, NOW + 20 * SECOND)
        courier.wake()
        await post.becomes(row, "sent")
    assert post.arrived == 1


async def test_what_never_left_is_sent_however_old_it_is(post: Post) -> None:
    row = await post.put_out(created_at=NOW - 99 * LATEST)
    async with post.courier():
        await post.becomes(row, "sent")
    assert post.arrived == 1
