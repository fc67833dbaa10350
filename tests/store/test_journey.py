"""What the router reads, and the lock under which one of several writers wins."""

from __future__ import annotations

import asyncio

from sqlalchemy import update

from store import journey
from store.changes import Changes
from store.database import Database
from store.tables import conversation, message
from tests.rows import NOW, incoming, keep, open_case, put_out, write_in


async def bursts(database: Database, *ids: int) -> list[journey.Burst]:
    async with database.read() as connection:
        return await journey.read_bursts(connection, ids)


async def test_a_burst_holds_all_that_has_no_end_in_the_order_it_was_written(database: Database) -> None:
    kept = await keep(database, *(incoming(text, id=text) for text in "abc"))
    (burst,) = await bursts(database, kept[0].conversation)
    assert [row.body for row in burst.undecided] == ["a", "b", "c"]
    assert (burst.before, burst.case) == ((), None)
    assert (burst.conversation.owner, burst.conversation.version, burst.conversation.next_seq) == ("bot", 0, 4)


async def test_what_came_before_comes_along_within_the_window(database: Database) -> None:
    texts = [f"t{n}" for n in range(journey.WINDOW + 10)]
    kept = await keep(database, *(incoming(text, id=text, end="noted") for text in texts))
    conversation_id = kept[0].conversation
    await put_out(database, conversation_id, "ours", author="bot", status="sent")
    case_id = await open_case(database, conversation_id, flags={"also": ["billing"]})
    await write_in(database, "news")
    (burst,) = await bursts(database, conversation_id)
    assert [row.body for row in burst.undecided] == ["news"]
    assert [row.body for row in burst.before] == [*texts[-(journey.WINDOW - 2) :], "ours"]
    assert burst.case is not None
    assert (burst.case.id, burst.case.flags) == (case_id, {"also": ["billing"]})


async def test_conversations_with_nothing_undecided_are_left_out(database: Database) -> None:
    done = await write_in(database, by="ann", end="noted")
    open_ = await write_in(database, by="ben")
    assert [b.conversation.id for b in await bursts(database, done.conversation, open_.conversation, 999)] == [
        open_.conversation
    ]
    assert await bursts(database) == []


async def test_the_newest_case_counts(database: Database) -> None:
    kept = await write_in(database, "one", end="noted")
    await open_case(database, kept.conversation, status="resolved", resolved_at=NOW)
    newest = await open_case(database, kept.conversation)
    await write_in(database, "two")
    (burst,) = await bursts(database, kept.conversation)
    assert burst.case is not None
    assert burst.case.id == newest


async def test_the_sweep_finds_each_conversation_once(database: Database) -> None:
    for by in ("ann", "ben", "cyd"):
        await keep(database, *(incoming(text, id=f"{by}{text}", by=by) for text in "xy"))
    await write_in(database, by="dan", end="noted")
    async with database.read() as connection:
        assert sorted(await journey.undecided_conversations(connection, limit=10)) == [1, 2, 3]
        assert len(await journey.undecided_conversations(connection, limit=2)) == 2


async def test_a_conversation_that_does_not_exist_is_none(database: Database) -> None:
    async with database.read() as connection:
        assert await journey.read_conversation(connection, 7) is None
        assert await journey.read_case(connection, 7) is None
        assert await journey.newest_cases(connection, []) == {}
        assert await journey.lock(connection, [7]) == {}


async def _decide(database: Database, burst: journey.Burst, name: str) -> bool:
    """As the router writes: conditional on the version that was read."""
    async with database.write("test") as connection:
        locked = (await journey.lock(connection, [burst.conversation.id]))[burst.conversation.id]
        if locked.version != burst.conversation.version:
            return False
        await asyncio.sleep(0.01)  # the others are let in, and must wait
        changes = Changes()
        for row in burst.undecided:
            changes.end(row.id, "noted", name)
        changes.say(
            burst.conversation.id, locked.next_seq, author="bot", kind="text", body=name, now=NOW, status="queued",
            epoch=locked.epoch,
        )  # fmt: skip
        changes.advance(
            burst.conversation.id, next_seq=locked.next_seq + 1, version=locked.version + 1, owner=locked.owner,
            epoch=locked.epoch,
        )  # fmt: skip
        await changes.write(connection)
    return True


async def test_of_many_deciders_one_wins_and_its_words_alone_are_there(database: Database) -> None:
    kept = await write_in(database)
    (burst,) = await bursts(database, kept.conversation)
    won = await asyncio.gather(*(_decide(database, burst, f"w{n}") for n in range(8)))
    assert sum(won) == 1
    winner = f"w{won.index(True)}"
    async with database.read() as connection:
        rows = (await connection.execute(message.select().order_by(message.c.seq))).mappings().all()
    assert [(row["body"], row["end_reason"]) for row in rows] == [("hello", winner), (winner, None)]
    assert await bursts(database, kept.conversation) == []


async def test_the_lock_says_what_came_while_one_was_thinking(database: Database) -> None:
    first = await write_in(database, "one")
    (burst,) = await bursts(database, first.conversation)
    second = await write_in(database, "two")
    async with database.write("test") as connection:
        locked = (await journey.lock(connection, [first.conversation]))[first.conversation]
    assert locked.undecided == {first.message, second.message}
    assert locked.version == burst.conversation.version
    assert locked.next_seq == 3


async def test_locks_taken_in_any_order_do_not_block_each_other(database: Database) -> None:
    ids = [(await write_in(database, by=f"p{n}")).conversation for n in range(6)]

    async def work(order: list[int]) -> None:
        async with database.write("test") as connection:
            locked = await journey.lock(connection, order)
            await asyncio.sleep(0)
            for id_ in order:
                await connection.execute(
                    update(conversation).where(conversation.c.id == id_).values(version=locked[id_].version + 1)
                )

    await asyncio.wait_for(asyncio.gather(*(work(ids if n % 2 else ids[::-1]) for n in range(10))), 20)
    async with database.read() as connection:
        assert set(
            (await connection.execute(conversation.select().with_only_columns(conversation.c.version))).scalars()
        ) == {10}
