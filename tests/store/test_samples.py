"""What chance has chosen is kept with its evidence, waits in order, and is counted as people label it."""

from __future__ import annotations

from datetime import timedelta

from store import inbox, samples
from store.changes import Changes
from store.database import Database
from store.samples import Counts, Dealt, Group
from store.tables import message
from tests.rows import MINUTE, NOW, incoming, person, row_of


async def chosen(database: Database, *items: inbox.Incoming) -> list[inbox.Kept]:
    async with database.write("test") as connection:
        return await inbox.keep(connection, items, NOW, chosen=lambda _: True)


async def decided(database: Database, *by: str, act: str = "hand_off", opens_at: float | None = None) -> list[int]:
    """First messages of these people, chosen and decided; the samples' numbers."""
    kept = await chosen(database, *(incoming(f"from {name}", by=name, id=name) for name in by))
    changes = Changes()
    for row in kept:
        changes.first_dealt(_dealt(row, act=act, opens_at=opens_at), NOW)
    async with database.write("test") as connection:
        await changes.write(connection)
        return [int(row.id) for row in [await _of(connection, row.conversation) for row in kept] if row is not None]


def _dealt(row: inbox.Kept, *, act: str = "hand_off", opens_at: float | None = None, rule: str = "r1") -> Dealt:
    return Dealt(
        conversation_id=row.conversation, words=[row.message], act=act, threshold=0.1, rule=rule, opens_at=opens_at
    )


async def _of(connection: object, conversation: int) -> samples.Sample | None:
    found = [await samples.read(connection, id_) for id_ in range(1, 20)]  # type: ignore[arg-type]
    return next((one for one in found if one is not None and one.conversation_id == conversation), None)


async def waiting(database: Database) -> list[int]:
    """All that wait, in the order in which they come up: each is labelled in turn, and all labels taken back."""
    found: list[int] = []
    async with database.write("test") as connection:
        while (one := await samples.next_to_label(connection)) is not None:
            found.append(one.id)
            assert await samples.label(connection, one.id, tier="unknown", complaint=None, agent_id=1, now=NOW)
        for id_ in found:
            await samples.unlabel(connection, id_)
    return found


async def count(database: Database) -> int:
    async with database.read() as connection:
        return sum([await samples.read(connection, id_) is not None for id_ in range(1, 20)])


async def test_only_a_first_message_with_words_for_us_is_chosen(database: Database) -> None:
    await person(database)
    kept = await chosen(
        database,
        incoming("hello", by="ann", id="1"),
        incoming("again", by="ann", id="2"),
        incoming(" ", by="bob", id="3"),
        incoming("ours", by="cid", id="4", meta={"us": True}),
        incoming("to others", by="dan", id="5", meta={"aside": True}),
        incoming("away until Monday", by="eve", id="6", meta={"automatic": True}),
        incoming("yes", by="fay", id="7", kind="button"),
    )
    async with database.write("test") as connection:
        await samples.decided(connection, [_dealt(row) for row in kept], NOW)
    assert await count(database) == 1


async def test_chance_decides_by_the_message_itself(database: Database) -> None:
    asked: list[str] = []

    def never(dedupe: str) -> bool:
        asked.append(dedupe)
        return False

    item = incoming("hello")
    async with database.write("test") as connection:
        await inbox.keep(connection, [item], NOW, chosen=never)
        await inbox.keep(connection, [item], NOW, chosen=never)  # a redelivery is not drawn again
    assert asked == [item.dedupe]


async def test_it_waits_only_once_it_is_decided_and_keeps_its_first_decision(database: Database) -> None:
    await person(database)
    (kept,) = await chosen(database, incoming("hello"))
    assert await waiting(database) == []
    async with database.write("test") as connection:
        await samples.decided(connection, [_dealt(kept, act="answer", opens_at=0.1)], NOW)
        await samples.decided(connection, [_dealt(kept, act="hand_off", opens_at=0.4)], NOW + MINUTE)
    (id_,) = await waiting(database)
    async with database.read() as connection:
        found = await samples.read(connection, id_)
        assert found is not None
        assert (found.opens_at, found.rule, found.words) == (0.1, "r1", (kept.message,))
        assert [text for text, _ in await samples.texts(connection, found.words)] == ["hello"]


async def test_skipped_ones_come_after_the_others(database: Database) -> None:
    await person(database)
    first, second, third = await decided(database, "ann", "bob", "cid")
    async with database.write("test") as connection:
        assert await samples.skip(connection, first)
        assert await samples.skip(connection, second)
        assert await samples.skip(connection, second)
        assert await samples.counts(connection) == Counts(to_label=3, skipped=2, labelled=0)
    assert await waiting(database) == [third, first, second]
    async with database.write("test") as connection:
        await samples.unskip(connection, first)
        await samples.unskip(connection, third)
    assert await waiting(database) == [first, third, second]


async def test_of_two_labels_the_first_counts_until_it_is_taken_back(database: Database) -> None:
    lea = await person(database)
    (id_,) = await decided(database, "ann")
    async with database.write("test") as connection:
        assert await samples.label(connection, id_, tier="outage", complaint=None, agent_id=lea.id, now=NOW)
        assert not await samples.label(connection, id_, tier="howto", complaint=None, agent_id=lea.id, now=NOW)
        assert not await samples.skip(connection, id_)
        found = await samples.read(connection, id_, hold=True)
        assert found is not None
        assert (found.tier, found.labelled_by) == ("outage", lea.id)
        await samples.unlabel(connection, id_)
        assert await samples.label(connection, id_, tier="feedback", complaint=True, agent_id=lea.id, now=NOW)
        assert await samples.groups(connection, since=None) == [
            Group(tier="feedback", complaint=True, rule="r1", opens_at=None, count=1)
        ]


async def test_labels_are_counted_by_what_acts_on_them_and_since_when(database: Database) -> None:
    lea = await person(database)
    ids = [*await decided(database, "ann", "bob"), *await decided(database, "cid", opens_at=0.2)]
    async with database.write("test") as connection:
        for id_ in ids:
            await samples.label(connection, id_, tier="billing", complaint=None, agent_id=lea.id, now=NOW)
        found = {(group.opens_at, group.count) for group in await samples.groups(connection, since=None)}
        assert found == {(None, 2), (0.2, 1)}
        assert await samples.groups(connection, since=NOW) == []  # they came at that moment, not after it
        assert len(await samples.groups(connection, since=NOW - timedelta(seconds=1))) == 2


async def test_what_another_rule_has_judged_is_judged_again(database: Database) -> None:
    lea = await person(database)
    first, second, _ = await decided(database, "ann", "bob", "cid")
    async with database.write("test") as connection:
        for id_ in (first, second):
            await samples.label(connection, id_, tier="problem", complaint=None, agent_id=lea.id, now=NOW)
        assert await samples.judged_otherwise(connection, "r1", limit=9) == []
        assert [one.id for one in await samples.judged_otherwise(connection, "r2", limit=9)] == [first, second]
        assert [one.id for one in await samples.judged_otherwise(connection, "r2", after=first, limit=9)] == [second]
        await samples.judged(connection, {first: 0.3, second: None}, "r2")
        assert await samples.judged_otherwise(connection, "r2", limit=9) == []
        groups = {(group.rule, group.opens_at) for group in await samples.groups(connection, since=None)}
        assert groups == {("r2", 0.3), ("r2", None)}


async def test_whether_the_machine_acted_alone_in_a_conversation_since_then(database: Database) -> None:
    (kept,) = await chosen(database, incoming("hello"))
    async with database.write("test") as connection:
        assert not await samples.acted_on_alone(connection, kept.conversation, since=NOW)
        changes = Changes()
        changes.end(kept.message, "filed")
        await changes.write(connection)
        assert await samples.acted_on_alone(connection, kept.conversation, since=NOW)
        assert not await samples.acted_on_alone(connection, kept.conversation, since=NOW + MINUTE)
    assert (await row_of(database, message, kept.message))["end"] == "filed"
