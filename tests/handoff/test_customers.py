"""Links by hand: bounded, once for a key, one of two at once, and gone when a proof comes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, update

from handoff import linking, person
from handoff.customers import Customers
from handoff.errors import NoSuchCase, WrongState
from handoff.linking import TOGETHER_AT_MOST
from handoff.work import KeyReused, Once
from store import links
from store.agents import Agent, add_agent
from store.database import Database
from store.tables import audit, customer, identity, link
from tests.rows import NOW, write_in


class Told:
    """Hears of what changed."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int]] = []

    async def __call__(self, conversation: int, case: int) -> None:
        self.heard.append((conversation, case))


async def lea_and(database: Database, people: int) -> tuple[Agent, Customers]:
    """An agent, and so many customers who have written: customer n has identity n."""
    for n in range(1, people + 1):
        await write_in(database, by=f"u{n:03}", place=f"p{n}", id=f"m{n}")
    async with database.write("test") as connection:
        lea = await add_agent(connection, email="lea@x", name="Lea", role="agent", now=NOW)
    return lea, Customers(database=database, published=Told(), clock=lambda: NOW)


async def owners(database: Database) -> set[int]:
    async with database.read() as connection:
        return set((await connection.execute(select(identity.c.customer_id))).scalars())


async def test_so_many_are_kept_together_and_no_more(database: Database) -> None:
    lea, people = await lea_and(database, TOGETHER_AT_MOST + 1)
    for n in range(2, TOGETHER_AT_MOST + 1):
        await people.link(lea, 1, n, "so")
    with pytest.raises(WrongState, match="At most 30"):
        await people.link(lea, 1, TOGETHER_AT_MOST + 1, "so")
    with pytest.raises(WrongState, match="At most 30"):
        await people.link(lea, TOGETHER_AT_MOST + 1, 5, "so")
    assert await owners(database) == {1, TOGETHER_AT_MOST + 1}


async def test_it_makes_no_circle(database: Database) -> None:
    lea, people = await lea_and(database, 3)
    await people.link(lea, 1, 2, "so")
    await people.link(lea, 1, 3, "so")
    for one in (1, 2, 3):
        with pytest.raises(WrongState, match="already"):
            await people.link(lea, 1, one, "so")
    with pytest.raises(NoSuchCase, match="part"):
        await people.link(lea, 2, 3, "so")


async def test_of_two_agents_at_once_one_links(database: Database) -> None:
    lea, people = await lea_and(database, 2)
    done = await asyncio.gather(
        people.link(lea, 1, 2, "so"), people.link(lea, 2, 1, "or so"), return_exceptions=True
    )  # fmt: skip
    assert sum(isinstance(one, dict) for one in done) == 1, done
    assert await owners(database) == {1}


async def test_the_same_request_links_once(database: Database) -> None:
    lea, people = await lea_and(database, 3)
    once = Once(key="k", request={"a": 1})
    first = await people.link(lea, 1, 2, "so", once)
    assert await people.link(lea, 1, 2, "so", once) == first
    with pytest.raises(KeyReused):
        await people.link(lea, 1, 3, "so", Once(key="k", request={"a": 2}))
    await people.unlink(lea, 1, first["link"])
    with pytest.raises(NoSuchCase):
        await people.unlink(lea, 1, first["link"])
    assert await owners(database) == {1, 2, 3}


async def test_an_undone_one_may_be_made_again_and_all_is_on_record(database: Database) -> None:
    lea, people = await lea_and(database, 2)
    first = await people.link(lea, 1, 2, "they said so")
    await people.unlink(lea, 1, first["link"])
    await people.link(lea, 1, 2, "they said so again")
    async with database.read() as connection:
        rows = (await connection.execute(select(audit.c.action, audit.c.data).order_by(audit.c.id))).all()
    assert [row[0] for row in rows] == ["link", "unlink", "link"]
    assert rows[0][1]["why"] == "they said so"


@pytest.mark.parametrize("undone", [False, True])
async def test_a_proven_profile_takes_its_place_unless_people_took_them_apart(database: Database, undone: bool) -> None:
    lea, people = await lea_and(database, 2)
    made = await people.link(lea, 1, 2, "so")
    if undone:
        await people.unlink(lea, 1, made["link"])
    async with database.write("test") as connection:
        await connection.execute(update(identity).values(proven="ana@x", verified=True))
    async with database.write("test") as connection:
        await linking.by_profile(connection, 2, NOW)
    async with database.read() as connection:
        standing = await links.between(connection, [1, 2])
        proven = await links.by_proof(connection, 1)
    assert ([one.how for one in standing], len(proven)) == (([], 1) if undone else (["profile"], 2))


async def test_what_was_said_of_a_name_comes_back_with_the_undoing(database: Database) -> None:
    lea, people = await lea_and(database, 2)
    await people.say(lea, 2, name="Ben", email=None)
    made = await people.link(lea, 1, 2, "so")

    async def called(id_: int) -> Any:
        async with database.read() as connection:
            note = await person.note(connection, id_)
        return note and note["name"]

    assert await called(1) == "Ben"
    await people.unlink(lea, 1, made["link"])
    assert (await called(1), await called(2)) == (None, "Ben")
    await people.say(lea, 2, name=None, email=None)
    assert await called(2) is None
    async with database.read() as connection:
        names = set((await connection.execute(select(customer.c.name))).scalars())
        assert names == {""}, "no claim of theirs was touched"
        assert (await connection.execute(select(link.c.how))).scalars().all() == ["hand"]
    with pytest.raises(NoSuchCase):
        await people.say(lea, 99, name="X", email=None)
