"""One person's messages of several conversations come in the order of time, by page, and none twice or never."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import insert, update

from handoff import story
from handoff.context import described
from store import links
from store.database import Database
from store.tables import conversation, message
from tests.rows import MINUTE, NOW, write_in


async def person_of(database: Database, talks: int, *, how: str = "code") -> tuple[int, list[int]]:
    """Somebody who writes as several identities, in one conversation each: the customer, the conversations."""
    made = [(await write_in(database, by=f"u{n}", place=f"p{n}", id=f"u{n}")).conversation for n in range(talks)]
    async with database.write("test") as connection:
        await links.hold(connection, NOW)
        for n in range(1, talks):
            await links.add(connection, identity_id=n + 1, other_id=1, how=how, at=NOW)
        first = await links.known(connection, 1)
    assert first is not None
    return first.customer_id, made


async def say(database: Database, conversation_id: int, seq: int, minutes: float, body: str = "words") -> None:
    at = NOW + minutes * MINUTE
    values = {"conversation_id": conversation_id, "seq": seq, "direction": "in", "author": "customer", "kind": "text",
              "body": body, "created_at": at}  # fmt: skip
    async with database.write("test") as connection:
        await connection.execute(insert(message).values(values))
        await connection.execute(
            update(conversation).where(conversation.c.id == conversation_id).values(next_seq=seq + 1, last_in_at=at)
        )


def moments(rows: Any) -> list[tuple[Any, int]]:
    return [(row["at"], row["id"]) for row in rows]


async def all_pages(database: Database, customer: int, here: int) -> list[Mapping[str, Any]]:
    """From the newest page back to the first message, as a reader would go: oldest first."""
    async with database.read() as connection:
        rows = await described(connection, here, newest=True)
        page = await story.newest(connection, customer, here, rows)
        found = [*page.here, *page.elsewhere]
        for _ in range(50):
            if page.before is None:
                return sorted(found, key=lambda row: (row["at"], row["id"]))
            again = story.place(story.cursor(page.before))
            assert again == page.before
            before = page.before
            page = await story.older(connection, customer, here, page.before)
            assert all(moment < before for moment in moments([*page.here, *page.elsewhere]))
            found += [*page.here, *page.elsewhere]
    raise AssertionError("the pages do not end")


async def test_pages_back_in_time_hold_each_message_once(database: Database) -> None:
    customer, talks = await person_of(database, 3)
    dice = random.Random(7)
    seqs = dict.fromkeys(talks, 2)
    for turn in range(180):
        where = dice.choice(talks)
        await say(database, where, seqs[where], turn // 3)  # several at one moment
        seqs[where] += 1
    found = await all_pages(database, customer, talks[0])
    assert len(found) == 183
    assert len({row["id"] for row in found}) == 183


async def test_of_the_cases_own_conversation_some_are_always_there(database: Database) -> None:
    customer, (here, there) = await person_of(database, 2)
    for seq in range(2, 20):
        await say(database, here, seq, seq)
    for seq in range(2, 100):
        await say(database, there, seq, 100 + seq)
    async with database.read() as connection:
        page = await story.newest(connection, customer, here, await described(connection, here, newest=True))
    assert [row["seq"] for row in page.here] == list(range(10, 20))
    assert len(page.elsewhere) == 98
    assert page.left_out is None
    assert page.before is not None
    assert len(await all_pages(database, customer, here)) == 118


async def test_what_does_not_fit_between_is_said_to_be_left_out(database: Database) -> None:
    customer, (here, there) = await person_of(database, 2)
    for seq in range(2, 12):
        await say(database, here, seq, seq)
    for seq in range(2, 260):
        await say(database, there, seq, 100 + seq)
    async with database.read() as connection:
        page = await story.newest(connection, customer, here, await described(connection, here, newest=True))
    assert len(page.elsewhere) == story.ELSEWHERE_AT_MOST
    assert page.left_out == page.elsewhere[0]["at"]


async def test_all_of_a_short_story_has_no_page_before_it(database: Database) -> None:
    customer, (here, _) = await person_of(database, 2)
    async with database.read() as connection:
        page = await story.newest(connection, customer, here, await described(connection, here, newest=True))
    assert (len(page.here), len(page.elsewhere), page.before) == (1, 1, None)


@pytest.mark.parametrize(("how", "proven"), [("code", True), ("profile", True), ("hand", False)])
async def test_it_says_what_is_proven_to_be_theirs(database: Database, how: str, proven: bool) -> None:
    customer, (here, there) = await person_of(database, 2, how=how)
    async with database.read() as connection:
        page = await story.since(connection, customer, here, None)
    assert page.talks[there]["proven"] is proven


async def test_a_code_is_never_told(database: Database) -> None:
    customer, (here, there) = await person_of(database, 2)
    await say(database, there, 2, 1, body="it is WL-234C-DFGH")
    async with database.write("test") as connection:
        await connection.execute(
            update(message).where(message.c.body.like("it is%")).values(meta={"masked": "it is …"})
        )
    found = await all_pages(database, customer, here)
    assert "it is …" in [row["text"] for row in found]
    assert "WL-234C" not in str(found)


async def test_somebody_elses_words_are_not_among_them(database: Database) -> None:
    customer, (here, _) = await person_of(database, 2)
    await write_in(database, "secret", by="stranger")
    assert "secret" not in str(await all_pages(database, customer, here))


def test_what_is_no_cursor_is_none() -> None:
    for word in (None, "", "-", "1-", "-1", "a-b", "1-2-3", "1" * 17 + "-1", "\u0661-\u0661"):
        assert story.place(word) is None, word
