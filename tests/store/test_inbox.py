"""What customers do is kept once each, in an order without gaps, whatever the platform does to us."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from store import inbox, leases, quarantine
from store.database import Database
from store.errors import LeaseGone
from store.inbox import File, Incoming, Kept, Unreadable, digest
from store.tables import attachment, conversation, customer, identity, message, participant
from tests.databases import DIALECTS, empty_database, server
from tests.rows import MINUTE, NOW, incoming, keep, write_in


def edit(text: str, revision: int, **more: Any) -> Incoming:
    return incoming(text, kind="edit", revision=revision, **more)


async def rows(database: Database) -> list[dict[str, Any]]:
    async with database.read() as connection:
        found = await connection.execute(select(message).order_by(message.c.conversation_id, message.c.seq))
        # Words are written in each database's own way; that both find the same is seen in test_searching.
        return [{name: value for name, value in row.items() if name != "words"} for row in found.mappings()]


async def ends(database: Database) -> dict[str, str | None]:
    """The end of each text."""
    return {row["body"]: row["end"] for row in await rows(database)}


async def total(database: Database, table: Any) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


# --- once each -------------------------------------------------------------------------------------


async def test_a_redelivery_keeps_nothing_and_names_the_first_row(database: Database) -> None:
    first = (await keep(database, incoming("help")))[0]
    again = (await keep(database, incoming("help"), now=NOW + MINUTE))[0]
    assert (first.outcome, again.outcome) == ("new", "duplicate")
    assert replace(again, outcome="new") == first
    assert len(await rows(database)) == 1


async def test_the_same_id_with_other_words_is_a_conflict_and_the_first_words_stay(database: Database) -> None:
    await keep(database, incoming("help"))
    assert (await keep(database, incoming("pay me")))[0].outcome == "conflict"
    assert [row["body"] for row in await rows(database)] == ["help"]


async def test_the_same_words_as_another_kind_are_a_conflict(database: Database) -> None:
    await keep(database, incoming("yes"))
    assert (await keep(database, incoming("yes", kind="button")))[0].outcome == "conflict"


async def test_duplicates_within_a_batch_are_kept_once_in_the_order_of_the_batch(database: Database) -> None:
    one = incoming("one", id="1")
    kept = await keep(database, one, incoming("two", id="2"), incoming("one", id="1"), one, incoming("ONE", id="1"))
    assert [row.outcome for row in kept] == ["new", "new", "duplicate", "duplicate", "conflict"]
    assert [row.seq for row in kept] == [1, 2, 1, 1, 1]
    assert [row["body"] for row in await rows(database)] == ["one", "two"]


async def test_an_empty_batch_is_nothing(database: Database) -> None:
    assert await keep(database) == []


async def test_a_redelivery_moves_nothing_in_the_conversation(database: Database) -> None:
    await keep(database, incoming())
    await keep(database, incoming(), now=NOW + MINUTE)
    async with database.read() as connection:
        row = (await connection.execute(select(conversation))).mappings().one()
    assert (row["next_seq"], row["version"], row["last_in_at"]) == (2, 0, NOW)


async def test_intake_never_touches_the_version(database: Database) -> None:
    for text in ("a", "b", "c"):
        await keep(database, incoming(text, id=text))
    async with database.read() as connection:
        assert (await connection.execute(select(conversation.c.version, conversation.c.epoch))).one() == (0, 0)


async def test_one_id_in_two_places_is_two_messages_unless_it_is_global(database: Database) -> None:
    here, there = incoming("hi", place="a"), incoming("hi", place="b")
    assert [row.outcome for row in await keep(database, here, there)] == ["new", "new"]
    here, there = (replace(item, global_id=True, external_id="mail") for item in (here, there))
    kept = await keep(database, here, there)
    assert [row.outcome for row in kept] == ["new", "duplicate"]
    assert kept[1].place == "a"
    assert (await keep(database, replace(there, place="c")))[0].place == "a"


@pytest.mark.parametrize("part", ["channel", "account", "place", "external_id", "revision"])
async def test_each_part_of_the_identity_of_a_message_counts(database: Database, part: str) -> None:
    other = replace(incoming(), **{part: 1 if part == "revision" else "other"})
    assert [row.outcome for row in await keep(database, incoming(), other)] == ["new", "new"]


@pytest.mark.parametrize("part", ["channel", "account", "place", "thread", "author_id"])
async def test_each_part_of_the_identity_of_a_conversation_counts(database: Database, part: str) -> None:
    kept = await keep(database, incoming(), replace(incoming(id="m2"), **{part: "other"}))
    assert kept[0].conversation != kept[1].conversation
    assert [row.seq for row in kept] == [1, 1]


PARTS = st.lists(st.one_of(st.none(), st.integers(), st.text(alphabet="a\x1f:", max_size=4)), max_size=4)


@given(one=PARTS, other=PARTS)
def test_no_two_lists_of_parts_have_one_digest_but_by_their_words(one: list[Any], other: list[Any]) -> None:
    same = [str("" if part is None else part) for part in one] == [str("" if part is None else part) for part in other]
    assert (digest(*one) == digest(*other)) is same or (len(one) == 0) != (len(other) == 0)


# --- edits and deletions ---------------------------------------------------------------------------


async def test_an_edit_of_an_undecided_message_replaces_it(database: Database) -> None:
    await keep(database, incoming("hlep"))
    await keep(database, edit("help", 1))
    assert await ends(database) == {"hlep": "superseded", "help": None}


async def test_an_edit_of_a_decided_message_stands_beside_it(database: Database) -> None:
    await keep(database, incoming("hlep", end="answered"))
    await keep(database, edit("help", 1))
    assert await ends(database) == {"hlep": "answered", "help": None}


async def test_an_edit_that_changes_no_word_is_noted_and_the_original_stays_to_be_decided(database: Database) -> None:
    await keep(database, incoming("help"))
    await keep(database, edit("help", 1))
    assert [row["end"] for row in await rows(database)] == [None, "noted"]


async def test_an_original_that_comes_after_its_edit_is_superseded(database: Database) -> None:
    await keep(database, edit("help", 3))
    await keep(database, incoming("hlep"))
    assert await ends(database) == {"help": None, "hlep": "superseded"}


async def test_a_middle_revision_that_comes_last_is_superseded(database: Database) -> None:
    await keep(database, incoming("r0"))
    await keep(database, edit("r2", 2))
    await keep(database, edit("r1", 1))
    assert await ends(database) == {"r0": "superseded", "r2": None, "r1": "superseded"}


async def test_an_edit_back_to_the_first_words_counts(database: Database) -> None:
    await keep(database, incoming("help"))
    await keep(database, edit("never mind", 1))
    await keep(database, edit("help", 2))
    assert [(row["revision"], row["end"]) for row in await rows(database)] == [
        (0, "superseded"),
        (1, "superseded"),
        (2, None),
    ]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(order=st.permutations(range(4)), cuts=st.sets(st.integers(1, 3)))
async def test_revisions_in_any_order_and_any_batches_leave_the_newest(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cuts: set[int]
) -> None:
    items = [edit(f"r{n}", n) if n else incoming("r0") for n in order]
    async with empty_database("sqlite", tmp_path_factory.mktemp("orders")) as database:
        for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 4], strict=True):
            await keep(database, *items[start:stop])
        assert {text for text, end in (await ends(database)).items() if end is None} == {"r3"}


async def test_a_batch_with_an_original_and_its_edits_keeps_all_and_leaves_the_newest(database: Database) -> None:
    kept = await keep(database, incoming("r0"), edit("r2", 2), edit("r1", 1))
    assert [row.seq for row in kept] == [1, 2, 3]
    assert await ends(database) == {"r0": "superseded", "r2": None, "r1": "superseded"}


async def test_a_deletion_is_kept_and_closes_nothing(database: Database) -> None:
    await keep(database, incoming("help"))
    await keep(database, incoming("", kind="deletion", revision=1))
    assert [(row["kind"], row["end"]) for row in await rows(database)] == [("text", None), ("deletion", None)]


async def test_an_edit_after_a_deletion_replaces_what_was_written(database: Database) -> None:
    await keep(database, incoming("help"))
    await keep(database, incoming("", kind="deletion", revision=1))
    await keep(database, edit("HELP", 2))
    assert [row["end"] for row in await rows(database)] == ["superseded", None, None]


async def test_an_edit_of_somebody_elses_message_with_the_same_number_is_not_theirs(database: Database) -> None:
    await keep(database, incoming("one", place="a"))
    await keep(database, edit("two", 1, place="b"))
    assert await ends(database) == {"one": None, "two": None}


async def test_a_message_decided_at_intake_keeps_its_end(database: Database) -> None:
    await keep(database, incoming("echo", end="ignored", end_reason="our own echo"))
    assert await ends(database) == {"echo": "ignored"}


# --- order -----------------------------------------------------------------------------------------


async def _keep_until_kept(database: Database, *items: Incoming) -> list[Kept]:
    """As intake does: whoever loses a race to another process tries again."""
    for _ in range(3):
        try:
            return await keep(database, *items)
        except IntegrityError:
            continue
    return await keep(database, *items)


async def test_fifty_batches_at_once_leave_no_gap_in_any_conversation(database: Database) -> None:
    writers = ("ann", "ben", "cyd")
    batches = [
        [incoming(f"{by} {n}", id=f"{by}-{n}", by=by) for by in (writers if n % 2 else writers[::-1])]
        for n in range(50)
    ]
    results = await asyncio.gather(*(_keep_until_kept(database, *batch) for batch in batches))
    assert all(row.outcome == "new" for kept in results for row in kept)
    found: dict[int, list[int]] = {}
    for row in await rows(database):
        found.setdefault(row["conversation_id"], []).append(row["seq"])
    assert list(found.values()) == [list(range(1, 51))] * 3
    async with database.read() as connection:
        assert set((await connection.execute(select(conversation.c.next_seq))).scalars()) == {51}
    assert await total(database, customer) == 3


async def test_the_same_message_delivered_by_many_at_once_is_kept_once(database: Database) -> None:
    results = await asyncio.gather(*(_keep_until_kept(database, incoming("help")) for _ in range(12)))
    outcomes = sorted(kept[0].outcome for kept in results)
    assert outcomes == ["duplicate"] * 11 + ["new"]
    assert [await total(database, table) for table in (message, conversation, identity, customer, participant)] == [
        1, 1, 1, 1, 1,
    ]  # fmt: skip


async def test_batches_of_the_same_new_people_in_opposite_orders_do_not_block_each_other(database: Database) -> None:
    people = [f"p{n}" for n in range(60)]
    batches = [
        [incoming(f"{by} {n}", id=f"{by}-{n}", by=by, author_name="N") for by in (people if n % 2 else people[::-1])]
        for n in range(8)
    ]
    await asyncio.gather(*(_keep_until_kept(database, *batch) for batch in batches))
    assert (await total(database, customer), await total(database, message)) == (60, 480)


async def test_seq_follows_the_order_of_the_batch(database: Database) -> None:
    kept = await keep(database, *(incoming(f"t{n}", id=str(n), by="ann" if n % 3 else "ben") for n in range(30)))
    by: dict[int, list[int]] = {}
    for row in kept:
        by.setdefault(row.conversation, []).append(row.seq)
    assert sorted(by.values(), key=len) == [list(range(1, 11)), list(range(1, 21))]


# --- people ----------------------------------------------------------------------------------------


async def test_a_name_told_later_fills_what_was_empty_and_changes_nothing_else(database: Database) -> None:
    await keep(database, incoming("a", id="1"))
    await keep(database, incoming("b", id="2", author_name="Ann", email="ann@x"))
    await keep(database, incoming("c", id="3", author_name="Mallory", email="m@x"))
    async with database.read() as connection:
        assert (await connection.execute(select(customer.c.name, customer.c.email))).one() == ("Ann", "ann@x")


async def test_one_person_in_two_places_is_one_customer(database: Database) -> None:
    await keep(database, incoming("a", id="1", place="a"), incoming("b", id="2", place="b"))
    assert (await total(database, customer), await total(database, conversation)) == (1, 2)


async def test_files_come_with_their_message(database: Database) -> None:
    file = File(name="a.png", media_type="image/png", size=3, reference="r", content=b"\x00\xff\x01")
    kept = await keep(database, incoming("look", files=(file, replace(file, name="b.png", content=None))))
    async with database.read() as connection:
        found = (await connection.execute(select(attachment).order_by(attachment.c.id))).mappings().all()
    assert [(row["message_id"], row["name"], row["content"]) for row in found] == [
        (kept[0].message, "a.png", b"\x00\xff\x01"),
        (kept[0].message, "b.png", None),
    ]


# --- texts -----------------------------------------------------------------------------------------

TEXTS = [
    "",
    " ",
    "line\u2028separator\u2029paragraph",
    "👩‍👩‍👧‍👦 🇩🇪 é é ﷽",
    "' OR 1=1; -- \" \\ % _ :name $1 ?",
    "x" * 100_000,
    "€" * 100_000,
    "\ufffd\ufeff\u200f\u202e",
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_a_text_comes_back_as_it_was_written(database: Database, text: str) -> None:
    await keep(database, incoming(text, id=text[:30], author_name=text[:30], extra={"k": text}, meta={"k": text}))
    row = (await rows(database))[0]
    assert (row["body"], row["external_id"], row["author_name"], row["meta"]) == (
        text,
        text[:30],
        text[:30],
        {"k": text},
    )
    assert (await keep(database, incoming(text, id=text[:30])))[0].outcome == "duplicate"


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(text=st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=60))
async def test_any_text_can_be_kept_and_is_known_again(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    async with empty_database("sqlite", tmp_path_factory.mktemp("texts")) as database:
        await keep(database, incoming(text))
        assert (await keep(database, incoming(text)))[0].outcome == "duplicate"
        assert (await rows(database))[0]["body"] == text


STORY = [
    [incoming("hello", id="1", author_name="Ann"), incoming("hello", id="1"), incoming("ugh", id="2", by="ben")],
    [edit("hello!", 2, id="1"), edit("hello?", 1, id="1"), incoming("", id="2", by="ben", kind="deletion", revision=1)],
    [incoming("hi", id="9", by="cyd", global_id=True, place="x"), incoming("hi", id="9", by="cyd", global_id=True)],
    [edit("late", 4, id="7"), incoming("early", id="7"), incoming("other", id="1")],
    [incoming("🙂", id="8", platform_at=NOW - timedelta(days=365 * 40), extra={"n": 1}, meta={"aside": True})],
]


async def test_both_databases_tell_the_same_story(tmp_path: Path) -> None:
    server()
    told = []
    for dialect in DIALECTS:
        async with empty_database(dialect, tmp_path) as database:
            kept = [[row async for row in _each(await keep(database, *batch))] for batch in STORY]
            told.append((kept, await rows(database)))
    assert told[0] == told[1]
    assert len(told[0][1]) == 9


async def _each(kept: list[Kept]) -> Any:
    for row in kept:
        yield row


# --- what cannot be read, and how far we have read ---------------------------------------------------


def unreadable(raw: bytes = b"\xff\x00", id: str = "1") -> Unreadable:
    return Unreadable(channel="web", account="d", external_id=id, reason="no text in it", raw=raw)


async def test_what_cannot_be_read_is_set_aside_once_and_whole(database: Database) -> None:
    for _ in range(2):
        async with database.write("test") as connection:
            await inbox.set_aside(connection, [unreadable(), unreadable(), unreadable(b"{", "2")], NOW)
    async with database.write("test") as connection:
        waiting = await quarantine.waiting(connection)
        assert [(row["external_id"], row["size"]) for row in waiting] == [("2", 1), ("1", 2)]
        found = await quarantine.read(connection, waiting[1]["id"])
        assert found is not None
        assert found.raw == b"\xff\x00"
        await quarantine.tried(connection, waiting[1]["id"], NOW, released=True)
        await quarantine.tried(connection, waiting[0]["id"], NOW, released=False)
        left = await quarantine.waiting(connection)
        assert [(row["external_id"], row["retried_at"]) for row in left] == [("2", NOW)]
        assert await quarantine.read(connection, waiting[1]["id"]) is None


async def test_a_cursor_is_remembered(database: Database) -> None:
    async with database.write("test") as connection:
        assert await inbox.read_cursor(connection, "mail") is None
        await inbox.move_cursor(connection, "mail", "7", NOW)
        await inbox.move_cursor(connection, "mail", "9", NOW)
        assert await inbox.read_cursor(connection, "mail") == "9"


async def test_a_reader_whose_lease_has_moved_on_commits_neither_cursor_nor_messages(database: Database) -> None:
    async with database.write("test") as connection:
        old = await leases.acquire(connection, "mail", "one", NOW, seconds=30)
        new = await leases.acquire(connection, "mail", "two", NOW + MINUTE, seconds=30)
        assert old is not None
        assert new is not None
        await inbox.move_cursor(connection, "mail", "new", NOW, token=new.token)

    async def late() -> None:
        async with database.write("test") as connection:
            await inbox.keep(connection, [incoming("late")], NOW)
            await inbox.move_cursor(connection, "mail", "old", NOW, token=old.token)

    with pytest.raises(LeaseGone, match=r"'mail'.*token 2.*held 1"):
        await late()
    async with database.read() as connection:
        assert await inbox.read_cursor(connection, "mail") == "new"
    assert await rows(database) == []


async def test_places_that_are_known(database: Database) -> None:
    await write_in(database, by="ann")
    await write_in(database, by="ben")
    await write_in(database, "again", by="ben")
    async with database.read() as connection:
        assert sorted(await inbox.known_places(connection, "web", "default")) == ["place-of-ann", "place-of-ben"]
        assert await inbox.known_places(connection, "web", "other") == []
