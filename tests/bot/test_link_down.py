"""Where nothing of an account can leave, all that waits keeps its place, and leaves when the link is back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.courier import PATIENCE
from tests.bot.post import Post, open_post
from tests.databases import DIALECTS
from tests.house import until
from tests.rows import NOW, SECOND

AN_HOUR = timedelta(seconds=PATIENCE)


@pytest.fixture(params=DIALECTS)
async def post(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Post]:
    async with open_post(request.param, tmp_path) as post:
        yield post


async def waits(post: Post, row: int) -> None:
    """It was tried, and stands in line again."""

    async def look() -> bool:
        found = await post.row(row)
        return found["status"] == "queued" and bool(found["error"])

    await until(look, within=30)


async def test_what_waits_for_a_link_is_not_parked_and_leaves_in_order(post: Post) -> None:
    await post.platform.server.shut()
    since = NOW - AN_HOUR + 60 * SECOND  # they have waited for nearly an hour
    rows = [await post.put_out(text, by=by, next_try_at=since) for text, by in (("first", "ann"), ("other", "ben"))]
    rows.append(await post.put_out("second", by="ann", next_try_at=since))
    async with post.courier():
        for row in rows[:2]:
            await waits(post, row)
        assert {await post.status(row) for row in rows} <= {"queued", "sending"}
        await post.platform.server.open()
        for row in rows:
            await post.becomes(row, "sent")
    assert sorted(send["text"] for send in post.sends) == ["first", "other", "second"]
    assert [send["text"] for send in post.sends if send["text"] != "other"] == ["first", "second"]
    assert [(await post.row(row))["attempts"] for row in rows] == [1, 1, 1]


async def test_one_row_looks_whether_the_link_is_back_and_the_others_are_left_in_peace(post: Post) -> None:
    await post.platform.server.shut()
    async with post.courier():
        first = await post.put_out("first", by="ann", next_try_at=NOW - SECOND)
        await waits(post, first)
        others = [await post.put_out(by, by=by) for by in ("ben", "cleo", "dora")]
        for _ in range(3):
            seen = (await post.row(first))["tried_at"]
            post.now = (post.now or NOW) + SECOND

            async def tried_again(seen: object = seen) -> bool:
                return bool((await post.row(first))["tried_at"] != seen)

            await until(tried_again, within=30)
        assert [(await post.row(row))["tried_at"] for row in others] == [None] * 3


async def test_a_token_that_is_refused_keeps_all_back_until_there_is_another(post: Post) -> None:
    post.settings["token"] = "revoked"
    row = await post.put_out()
    async with post.courier():
        await waits(post, row)
    post.settings["token"] = "secret-main"
    async with post.courier("after a restart"):
        await post.becomes(row, "sent")
    assert post.arrived == 1


async def test_what_has_waited_for_an_hour_is_left_to_a_person(post: Post) -> None:
    await post.platform.server.shut()
    row = await post.put_out(next_try_at=NOW - AN_HOUR - SECOND)
    async with post.courier():
        await post.becomes(row, "parked")
    assert "waited 60 minutes" in (await post.row(row))["error"]


async def test_an_unclear_send_is_looked_up_when_the_link_is_back(post: Post) -> None:
    """Also if it was down for longer than anybody looks closely."""
    row = await post.put_out()
    await post.control.faults("send", "cut_after")
    async with post.courier():
        await post.has_arrived(1)
        await post.platform.server.shut()
        post.now = NOW + 11 * SECOND
        await post.becomes(row, "unknown")
        for _ in range(4):
            before = (await post.row(row))["next_try_at"]
            post.now = (post.now or NOW) + timedelta(minutes=5)

            async def looked(before: object = before) -> bool:
                found = await post.row(row)
                return bool(found["status"] == "unknown" and found["next_try_at"] != before)

            await until(looked, within=30)
        await post.platform.server.open()
        post.now += 61 * SECOND
        await post.becomes(row, "sent")
    assert post.arrived == 1
