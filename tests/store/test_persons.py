"""Customers are found by name and address, listed newest first, and counted by an index; on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from handoff import person
from store import links, persons
from store.agents import add_agent
from store.database import Database
from store.tables import case
from tests.rows import NOW, incoming, insert_case, keep, write_in

DAY = timedelta(days=1)


async def come(database: Database, by: str, **more: Any) -> int:
    """Somebody writes for the first time; their customer."""
    await write_in(database, by=by, **more)
    async with database.read() as connection:
        return (await persons.newest(connection, limit=1))[0]


async def found(database: Database, words: str, **more: Any) -> tuple[list[int], str | None]:
    async with database.read() as connection:
        return await person.found(connection, words, **more)


@pytest.mark.parametrize("words", ["ana", "ANA RU", "Ana Ruiz", "ana@x.example", " ANA@X.example "])
async def test_a_name_is_found_by_how_it_begins_and_an_address_as_a_whole(database: Database, words: str) -> None:
    ana = await come(database, "a", author_name="Ana Ruiz", email="ana@x.example")
    await come(database, "b", author_name="Ben Ana", email="ben@x.example")
    assert await found(database, words) == ([ana], None)


@pytest.mark.parametrize("words", ["na", "ana@x", "%", "ana%", "_na", "'; DROP TABLE customer; --", "\U0010ffff"])
async def test_what_is_neither_finds_nobody(database: Database, words: str) -> None:
    await come(database, "a", author_name="Ana Ruiz", email="ana@x.example")
    assert await found(database, words) == ([], None)


async def test_names_in_any_letters_are_folded_as_the_program_folds_them(database: Database) -> None:
    one = await come(database, "a", author_name="ÉMILE Straße")
    assert (await found(database, "émile strasse"))[0] == [one]


async def test_a_name_that_is_told_later_is_found(database: Database) -> None:
    one = await come(database, "a")
    await keep(database, incoming("again", by="a", id="later", author_name="Zoë"))
    assert (await found(database, "zoë"))[0] == [one]


async def test_pages_follow_each_other_without_a_gap(database: Database) -> None:
    everybody = [await come(database, f"u{n}", author_name=f"Ana {n:02}") for n in range(7)]
    for words, expected in (("", everybody[::-1]), ("ana", everybody)):
        seen: list[int] = []
        cursor = None
        for _ in range(4):
            some, cursor = await found(database, words, cursor=cursor, limit=3)
            seen += some
            if cursor is None:
                break
        assert (seen, cursor) == (expected, None)


async def test_who_was_linked_is_one_of_the_list_and_leads_to_whom_they_became(database: Database) -> None:
    ana = await come(database, "a", author_name="Ana")
    anna = await come(database, "b", author_name="Anna")
    async with database.write("test") as connection:
        await links.hold(connection, NOW)
        of = [await links.first_of(connection, id_) for id_ in (ana, anna)]
        assert of[0] is not None
        assert of[1] is not None
        await links.add(connection, identity_id=of[1].id, other_id=of[0].id, how="hand", why="so", at=NOW)
    assert (await found(database, ""))[0] == [ana]
    assert (await found(database, "anna"))[0] == [ana], "also by the name that they came with"
    async with database.read() as connection:
        assert await persons.became(connection, anna) == ana
        assert await persons.became(connection, 999) is None
        whole = await person.whole(connection, anna, now=NOW)
    assert whole is not None
    assert (whole["id"], [one["claims"]["name"] for one in whole["identities"]]) == (ana, ["Ana", "Anna"])


async def test_what_an_agent_says_finds_them_and_changes_no_claim(database: Database) -> None:
    one = await come(database, "a", author_name="A", email="a@x.example")
    async with database.write("test") as connection:
        mia = await add_agent(connection, email="mia@x", name="Mia", role="agent", now=NOW)
        for name in ("Wrong", "Ana Ruiz"):
            await persons.say(connection, one, name=name, email="other@x.example", by=mia.id, now=NOW)
    assert (await found(database, "ana r"))[0] == [one]
    assert (await found(database, "other@x.example"))[0] == [one]
    assert (await found(database, "wrong"))[0] == []
    async with database.read() as connection:
        row, note = await persons.read(connection, one), await person.note(connection, one)
    assert row is not None
    assert note is not None
    assert (row["name"], row["email"], note["name"], note["by"]) == ("A", "a@x.example", "Ana Ruiz", "Mia")


async def test_how_often_and_how_content(database: Database) -> None:
    one = await come(database, "a")
    for days, mark in ((40, "good"), (20, None), (6, "poor"), (0, "fair")):
        kept = await write_in(database, by="a", place=f"p{days}", id=f"m{days}")
        async with database.write("test") as connection:
            id_ = await insert_case(connection, kept.conversation)
            await connection.execute(
                case.update().where(case.c.id == id_).values(opened_at=NOW - days * DAY, satisfaction=mark)
            )
    async with database.read() as connection:
        assert await persons.times(connection, one, NOW) == persons.Times(week=2, month=3)
        assert [mark["satisfaction"] for mark in await persons.marks(connection, one)] == ["fair", "poor", "good"]
        first = await persons.cases_of(connection, one, limit=2)
        rest = await persons.cases_of(connection, one, before=first[-1]["id"], limit=9)
        assert len(rest) == 2
        assert [row["id"] for row in first + rest] == sorted((row["id"] for row in first + rest), reverse=True)
        talks = await persons.conversations_of(connection, one, limit=3)
        assert len(talks) == 3
        assert talks[0]["words"] == "hello"


async def test_twins_are_named_only_where_name_and_address_agree(database: Database) -> None:
    one = await come(database, "a", author_name="Ana", email="ana@x.example")
    same = await come(database, "b", author_name="ANA", email="ana@x.example")
    await come(database, "c", author_name="Ana", email="other@x.example")
    await come(database, "d", author_name="Ben", email="ana@x.example")
    async with database.read() as connection:
        assert [row["id"] for row in await persons.twins(connection, one)] == [same]


async def test_a_link_by_hand_is_no_proof(database: Database) -> None:
    ids = []
    for name in ("a", "b", "c"):
        customer = await come(database, name)
        async with database.read() as connection:
            known = await links.first_of(connection, customer)
        assert known is not None
        ids.append(known.id)
    async with database.write("test") as connection:
        await links.hold(connection, NOW)
        await links.add(connection, identity_id=ids[0], other_id=ids[1], how="code", at=NOW)
        await links.add(connection, identity_id=ids[1], other_id=ids[2], how="hand", why="so", at=NOW)
        assert await links.by_proof(connection, ids[0]) == frozenset(ids[:2])
        assert await links.by_proof(connection, ids[2]) == frozenset(ids[2:])
        known = [await links.known(connection, id_) for id_ in ids]
        assert all(known)
        assert not await links.proven_over(connection, known[0], known[1], NOW)  # type: ignore[arg-type]
        assert await links.proven_over(connection, known[0], known[2], NOW)  # type: ignore[arg-type]
        assert not await links.was_undone(connection, ids[1], ids[2]), "nobody took them apart"
