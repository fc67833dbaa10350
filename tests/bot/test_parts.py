"""A long text leaves in parts: in order, each once, and what has arrived is remembered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from bot.courier import Courier
from store import outbox
from store.outbox import SETTLE_WITHIN
from store.tables import attachment, conversation, message
from tests.bot.post import Post, open_post
from tests.databases import DIALECTS
from tests.house import until
from tests.rows import NOW, put_out

LONG = "One is here. Two is here. Three is it. Four is here."
PARTS = ["One is here.", "Two is here.", "Three is it.", "Four is here."]
BUTTONS = [{"id": "person", "label": "A person"}]


@pytest.fixture(params=DIALECTS)
async def post(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Post]:
    async with open_post(request.param, tmp_path, settings={"in_parts": True, "max_length": 13}, now=None) as post:
        yield post


def said(post: Post) -> list[str]:
    return [send["text"] for send in post.sends]


async def keys(post: Post, row: int, count: int = 4) -> None:
    assert [send["key"] for send in post.sends] == [f"m{row}-{number}" for number in range(1, count + 1)]


async def test_parts_leave_in_order_with_keys_of_their_own(post: Post) -> None:
    row = await post.put_out(LONG, buttons=BUTTONS)
    async with post.database.write("test") as connection:
        file = {"message_id": row, "name": "a.txt", "media_type": "text/plain", "size": 1, "content": b"a"}
        await connection.execute(insert(attachment).values(**file, created_at=NOW))
    async with post.courier():
        await post.becomes(row, "sent")
    found = await post.row(row)
    assert said(post) == PARTS
    await keys(post, row)
    assert [len(send["buttons"]) for send in post.sends] == [0, 0, 0, 1]
    assert [len(send["attachments"]) for send in post.sends] == [1, 0, 0, 0]
    assert (found["parts"], found["parts_done"], found["part_ids"]) == (4, 4, ["m1", "m2", "m3", "m4"])
    assert (found["external_id"], found["attempts"]) == ("m1", 1)


async def test_a_text_that_fits_leaves_as_ever(post: Post) -> None:
    row = await post.put_out("Short.")
    async with post.courier():
        await post.becomes(row, "sent")
    found = await post.row(row)
    assert [send["key"] for send in post.sends] == [f"m{row}"]
    assert (found["parts"], found["parts_done"], found["external_id"]) == (None, 0, "m1")


async def test_nothing_of_its_conversation_comes_between_the_parts(post: Post) -> None:
    row = await post.put_out(LONG)
    here = (await post.row(row))["conversation_id"]
    next_row = await put_out(post.database, here, "Afterwards.")
    await post.control.faults("send", "ok", "busy_before", "ok", "busy_before")
    async with post.courier():
        await post.becomes(next_row, "sent")
    assert said(post) == [*PARTS, "Afterwards."]


@pytest.mark.parametrize("fault", ["cut_after", "cut_before"])
async def test_only_the_part_that_is_unclear_is_looked_up(post: Post, fault: str) -> None:
    """The platform can be asked; every part arrives once, and in order."""
    await post.control.faults("send", "ok", fault)
    row = await post.put_out(LONG)
    async with post.courier():
        await post.becomes(row, "sent")
    assert said(post) == PARTS
    await keys(post, row)


@pytest.mark.parametrize("point", ["before", "after"])
async def test_who_dies_at_a_part_is_followed_at_that_part(post: Post, point: str) -> None:
    """As a killed desk leaves it: two parts noted, the third under way, and perhaps arrived."""
    sent = PARTS[:2] if point == "before" else PARTS[:3]
    row = await post.put_out(
        LONG, status="sending", sending_since=NOW, next_try_at=NOW + SETTLE_WITHIN, attempts=1, parts=4, parts_done=2,
        part_ids=["m1", "m2"], external_id="m1",
    )  # fmt: skip
    for number, text in enumerate(sent, 1):
        post.platform.account("main").accept(
            {"key": f"m{row}-{number}", "place": "place-of-ann", "text": text, "buttons": [], "attachments": []}
        )
    async with post.courier("next"):
        await post.becomes(row, "sent")
    assert said(post) == PARTS
    await keys(post, row)
    assert (await post.row(row))["part_ids"] == ["m1", "m2", "m3", "m4"]


async def test_an_unclear_part_holds_back_what_was_said_later(post: Post) -> None:
    row = await post.put_out(
        LONG, status="unknown", sending_since=NOW, parts=4, parts_done=1, part_ids=["m0"], attempts=1,
    )  # fmt: skip
    here = (await post.row(row))["conversation_id"]
    await put_out(post.database, here, "Later.")
    for since, leaves in ((timedelta(seconds=59), 0), (timedelta(seconds=61), 1)):
        async with post.database.write("test") as connection:
            await connection.execute(
                update(message).where(message.c.id == row).values(unclear_since=NOW - since, next_try_at=NOW)
            )
            claimed = await outbox.claim(connection, "me", NOW, limit=5)
            assert len(claimed) == leaves


async def test_an_unclear_part_of_the_machines_holds_back_no_person(post: Post) -> None:
    row = await post.put_out(
        LONG, author="bot", epoch=0, status="unknown", sending_since=NOW, unclear_since=NOW, next_try_at=NOW, parts=4,
        parts_done=1, part_ids=["m0"],
    )  # fmt: skip
    here = (await post.row(row))["conversation_id"]
    human = await put_out(post.database, here, "I am here.")
    for owner, epoch, claimed in (("bot", 0, []), ("human", 1, [human])):
        async with post.database.write("test") as connection:
            await connection.execute(
                update(conversation).where(conversation.c.id == here).values(owner=owner, epoch=epoch)
            )
            assert [parcel.id for parcel in await outbox.claim(connection, "me", NOW, limit=5)] == claimed


async def test_after_a_takeover_no_further_part_of_the_machines_starts(post: Post) -> None:
    row = await post.put_out(LONG, author="bot", epoch=0)
    here = (await post.row(row))["conversation_id"]
    await post.control.faults("send", "ok", {"fault": "slow_before", "seconds": 0.8})
    async with post.courier():
        await post.has_arrived(1)
        async with post.database.write("test") as connection:
            await connection.execute(
                update(conversation).where(conversation.c.id == here).values(owner="human", epoch=1)
            )
        human = await put_out(post.database, here, "I am here.")
        await post.becomes(row, "cancelled")
        await post.becomes(human, "sent")
    found = await post.row(row)
    assert said(post) in ([*PARTS[:2], "I am here."], [PARTS[0], "I am here."])
    assert (found["parts"], found["parts_done"]) == (4, len(said(post)) - 1)


async def test_a_desk_that_stops_ends_with_the_part_that_is_under_way(post: Post) -> None:
    row = await post.put_out(LONG)
    await post.control.faults("send", "ok", {"fault": "slow_before", "seconds": 0.5})
    async with post.courier() as courier:
        await post.has_arrived(1)
        await courier.drain()
        found = await post.row(row)
        assert (found["status"], found["attempts"]) == ("queued", 0)
        assert found["parts_done"] in (1, 2)
    async with post.courier():
        await post.becomes(row, "sent")
    assert said(post) == PARTS


async def test_a_part_that_is_refused_is_told_and_a_person_goes_on_from_there(post: Post) -> None:
    await post.control.faults("send", "ok", "blocked")
    row = await post.put_out(LONG)
    async with post.courier() as courier:
        await post.becomes(row, "failed")
        assert (await post.row(row))["error"].startswith("part 2 of 4: ")
        await _again(post, courier, row)
        await post.becomes(row, "sent")
    assert said(post) == PARTS


async def test_a_text_that_is_cut_differently_meanwhile_waits_for_a_person_and_begins_anew(post: Post) -> None:
    row = await post.put_out(LONG, parts=3, parts_done=1, part_ids=["m0"], external_id="m0")
    async with post.courier() as courier:
        await post.becomes(row, "parked")
        found = await post.row(row)
        assert "1 of 3 parts have arrived" in found["error"]
        assert (found["parts"], found["parts_done"], found["part_ids"], found["external_id"]) == (None, 0, None, None)
        await _again(post, courier, row)
        await post.becomes(row, "sent")
    assert said(post) == PARTS


async def test_each_part_has_its_own_tries(post: Post) -> None:
    await post.control.faults("send", "busy", "ok", "busy", "ok")
    row = await post.put_out(LONG)
    attempts: set[Any] = set()

    async def ended() -> bool:
        found = await post.row(row)
        attempts.add(found["attempts"])
        return bool(found["status"] == "sent")

    async with post.courier():
        await until(ended, within=30)
    assert said(post) == PARTS
    assert max(attempts) <= 2


async def _again(post: Post, courier: Courier, row: int) -> None:
    async with post.database.write("test") as connection:
        assert await outbox.send_again(connection, row, datetime.now(UTC))
    courier.wake()
