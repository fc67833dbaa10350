"""Linking moves nothing that undoing does not bring back, in whatever order, and also at the same moment."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from store import cases, inbox, journey, links, unread, visits
from store.database import Database
from store.tables import case, case_event, conversation, customer, due, identity, link, message
from tests.databases import DIALECTS, empty_database, server
from tests.rows import MINUTE, NOW, add, incoming, insert_case, keep, person, put_out, row_of, write_in

HOUR = timedelta(hours=1)


async def join(database: Database, one: int, other: int) -> int | None:
    """Link two identities; None: they were together already."""
    async with database.write("test") as connection:
        await links.hold(connection, NOW)
        people = [await links.known(connection, id_) for id_ in (one, other)]
        if len({known.customer_id for known in people if known is not None}) == 1:
            return None
        return await links.add(connection, identity_id=one, other_id=other, how="code", at=NOW)


async def part(database: Database, link_id: int, by: int) -> bool:
    async with database.write("test") as connection:
        await links.hold(connection, NOW)
        found = await links.read(connection, link_id)
        assert found is not None
        return await links.undo(connection, found, by=by, now=NOW)


async def owners(database: Database) -> dict[int, int]:
    """The customer of each identity, once everything that names a customer was found to agree with it."""
    async with database.read() as connection:
        found = {row[0]: row[1] for row in await connection.execute(select(identity.c.id, identity.c.customer_id))}
        talks = await connection.execute(select(conversation.c.identity_id, conversation.c.customer_id))
        opened = await connection.execute(
            select(conversation.c.identity_id, case.c.customer_id).join(
                conversation, conversation.c.id == case.c.conversation_id
            )
        )
        for of, owner in (*talks, *opened):
            assert owner == found[of], "it belongs to whoever wrote it"
    return found


def parts(of: dict[int, int]) -> set[frozenset[int]]:
    found: defaultdict[int, set[int]] = defaultdict(set)
    for one, owner in of.items():
        found[owner].add(one)
    return {frozenset(group) for group in found.values()}


async def someone(database: Database, name: str, **more: Any) -> int:
    """Somebody who writes for the first time; their identity."""
    kept = await write_in(database, by=name, **more)
    return int((await row_of(database, conversation, kept.conversation))["identity_id"])


# --- who is who -------------------------------------------------------------------------------------


@given(st.integers(1, 8), st.data())
def test_a_part_belongs_to_the_oldest_that_came(count: int, data: st.DataObject) -> None:
    homes = dict(zip(range(count), data.draw(st.permutations(range(10, 10 + count))), strict=True))
    edges = data.draw(st.lists(st.tuples(st.sampled_from(range(count)), st.sampled_from(range(count))), max_size=8))
    found = links.partition(homes, edges)
    for one, other in edges:
        assert found[one] == found[other]
    for one in homes:
        assert found[one] == min(homes[other] for other in homes if found[other] == found[one])
        assert found[one] in homes.values()
    assert links.partition(homes, edges[::-1]) == found
    assert links.partition(homes, []) == homes


class Linked(RuleBasedStateMachine):
    """People write, are linked, get cases and are taken apart, beside a model that knows only pairs."""

    dialect = "sqlite"
    people = Bundle("people")
    joined = Bundle("joined")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.opened = empty_database(self.dialect, Path(self.folder.name))
        self.database = self.do(self.opened.__aenter__())
        self.lea = self.do(person(self.database)).id
        self.count = itertools.count(1)
        self.first: dict[int, int] = {}
        self.names: dict[int, str] = {}
        self.edges: dict[int, tuple[int, int]] = {}

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        try:
            for link_id in list(self.edges):
                self.do(part(self.database, link_id, self.lea))
            assert self.do(owners(self.database)) == self.first, "all undone is as it was"
        finally:
            self.do(self.opened.__aexit__(None, None, None))
            self.runner.close()
            self.folder.cleanup()

    @rule(target=people)
    def comes(self) -> int:
        name = f"c{next(self.count)}"
        one: int = self.do(someone(self.database, name))
        self.first[one] = self.do(row_of(self.database, identity, one))["customer_id"]
        self.names[one] = name
        return one

    @rule(one=people)
    def writes_in_a_new_place(self, one: int) -> None:
        place = f"p{next(self.count)}"
        self.do(keep(self.database, incoming(by=self.names[one], place=place, id=place)))

    @rule(one=people)
    def gets_a_case(self, one: int) -> None:
        async def opened() -> None:
            place = f"p{next(self.count)}"
            (kept,) = await keep(self.database, incoming(by=self.names[one], place=place, id=place))
            async with self.database.write("test") as connection:
                await insert_case(connection, kept.conversation)

        self.do(opened())

    @rule(target=joined, one=people, other=people)
    def proves(self, one: int, other: int) -> int:
        if one == other:
            return 0
        link_id = self.do(join(self.database, one, other))
        if link_id is not None:
            self.edges[link_id] = (one, other)
        return link_id or 0

    @rule(link_id=joined)
    def is_taken_apart(self, link_id: int) -> None:
        if link_id:
            assert self.do(part(self.database, link_id, self.lea)) is (link_id in self.edges)
            self.edges.pop(link_id, None)

    @invariant()
    def agrees(self) -> None:
        groups = {one: {one} for one in self.first}
        for one, other in self.edges.values():
            both = groups[one] | groups[other]
            for each in both:
                groups[each] = both
        found = self.do(owners(self.database))
        assert parts(found) == {frozenset(group) for group in groups.values()}
        assert all(found[one] == min(self.first[other] for other in groups[one]) for one in found)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_whatever_is_linked_can_be_taken_apart(dialect: str) -> None:
    if dialect == "postgresql":
        server()

    class Here(Linked):
        pass

    Here.dialect = dialect
    few = settings(max_examples=12, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Here, settings=few)  # type: ignore[no-untyped-call]


async def test_a_chain_is_cut_where_it_is_undone(database: Database) -> None:
    ana, ben, cem = [await someone(database, name) for name in ("ana", "ben", "cem")]
    lea = (await person(database)).id
    first = await join(database, ana, ben)
    await join(database, cem, ben)
    assert parts(await owners(database)) == {frozenset({ana, ben, cem})}
    assert first is not None
    assert await part(database, first, lea)
    assert parts(await owners(database)) == {frozenset({ana}), frozenset({ben, cem})}
    assert not await part(database, first, lea), "once"
    row = await row_of(database, link, first)
    assert (row["undone_by"], row["undone_at"]) == (lea, NOW)


async def test_what_is_claimed_stays_with_who_claimed_it(database: Database) -> None:
    ana = await someone(database, "ana", author_name="Ana", email="ana@x")
    ben = await someone(database, "ben")
    made = await join(database, ben, ana)
    await keep(database, incoming("b", id="ben2", by="ben", author_name="Ben", email="ben@x"))
    lea = (await person(database)).id
    assert made is not None
    await part(database, made, lea)
    async with database.read() as connection:
        rows = await connection.execute(
            select(identity.c.id, customer.c.name, customer.c.email).join(
                customer, customer.c.id == identity.c.customer_id
            )
        )
        assert {row[0]: row[1:] for row in rows} == {ana: ("Ana", "ana@x"), ben: ("Ben", "ben@x")}


async def test_many_link_at_the_same_moment(database: Database) -> None:
    people = [await someone(database, f"c{n}") for n in range(6)]
    pairs = list(itertools.combinations(people, 2))
    made = await asyncio.gather(*(join(database, one, other) for one, other in pairs))
    assert sum(link_id is not None for link_id in made) == 5, "no circle"
    assert len(parts(await owners(database))) == 1
    lea = (await person(database)).id
    await asyncio.gather(
        *(part(database, link_id, lea) for link_id in made if link_id is not None),
        *(keep(database, incoming(by=f"c{n}", place=f"late{n}", id=f"late{n}")) for n in range(6)),
    )
    assert len(parts(await owners(database))) == 6


async def test_who_writes_in_a_new_place_while_they_are_linked_is_not_forgotten(database: Database) -> None:
    people = [await someone(database, f"c{n}") for n in range(8)]

    async def writes(n: int) -> None:
        await keep(database, *(incoming(by=f"c{n}", place=f"new{n}-{k}", id=f"new{n}-{k}") for k in range(3)))

    async def chain(n: int) -> None:
        await join(database, people[n - 1], people[n])

    await asyncio.gather(*(work(n) for n in range(1, 8) for work in (writes, chain)))
    assert len(parts(await owners(database))) == 1


# --- addresses that a platform vouches for ----------------------------------------------------------


async def dues(database: Database) -> list[int]:
    async with database.read() as connection:
        found = await connection.execute(select(due.c.subject).where(due.c.kind == inbox.PROFILE_DUE))
        return sorted(row[0] for row in found)


async def test_only_a_proven_address_leads_to_a_link(database: Database) -> None:
    ana = await someone(database, "ana", channel="slack", email="ana@example.com", email_verified=True)
    await someone(database, "eve", email="ana@example.com")
    await someone(database, "odd", channel="slack", email="mi\u212ae@example.com", email_verified=True)
    assert await dues(database) == [ana]
    async with database.read() as connection:
        found = await links.vouched_for(connection, "ana@example.com", but=0)
        assert found is not None
        assert found.id == ana
        assert await links.vouched_for(connection, "ana@example.com", but=ana) is None


async def test_it_counts_once_and_from_when_it_is_trusted(database: Database) -> None:
    told: dict[str, Any] = {"by": "ana", "channel": "slack", "email": "Ana@Example.com"}
    ana = await someone(database, "ana", **{k: v for k, v in told.items() if k != "by"})
    assert await dues(database) == []
    for n in range(3):
        await keep(database, incoming(f"more {n}", id=f"t{n}", email_verified=True, **told))
    assert await dues(database) == [ana]
    row = await row_of(database, identity, ana)
    assert (row["verified"], row["proven"]) == (True, "ana@example.com")
    await keep(database, incoming("later", id="t9", **told))  # nobody trusts that workspace any more
    row = await row_of(database, identity, ana)
    assert (row["verified"], row["proven"]) == (False, None)


# --- codes ------------------------------------------------------------------------------------------


async def code(database: Database, who: int, talk: int, hashed: str, *, at: Any = NOW, seq: int = 1) -> int:
    async with database.write("test") as connection:
        return await links.put_code(
            connection, hash=hashed, identity_id=who, conversation_id=talk, seq=seq, made_at=at,
            expires_at=at + 10 * MINUTE,
        )  # fmt: skip


async def counts(database: Database, hashed: str, at: Any) -> bool:
    async with database.read() as connection:
        return await links.find_code(connection, hashed, at) is not None


async def test_a_code_counts_until_its_time_is_over_or_there_is_a_newer_one(database: Database) -> None:
    ana = await someone(database, "ana")
    await code(database, ana, 1, "one")
    assert await counts(database, "one", NOW + 9 * MINUTE)
    assert not await counts(database, "one", NOW + 10 * MINUTE)
    assert not await counts(database, "other", NOW)
    await code(database, ana, 1, "two", at=NOW + MINUTE)
    assert not await counts(database, "one", NOW + 2 * MINUTE)
    assert await counts(database, "two", NOW + 2 * MINUTE)


async def test_the_message_that_showed_it_forgets_it_when_it_is_over(database: Database) -> None:
    ana = await someone(database, "ana")
    shown = await put_out(database, 1, "it is WL-234C-DFGH", meta={"masked": "it is …"}, status="sent")
    of = await code(database, ana, 1, "one", seq=2)
    async with database.write("test") as connection:
        assert await links.end_code(connection, of, NOW)
        assert not await links.end_code(connection, of, NOW)
    assert (await row_of(database, message, shown))["body"] == "it is …"


async def test_what_is_old_is_forgotten(database: Database) -> None:
    ana = await someone(database, "ana")
    await code(database, ana, 1, "one")
    await code(database, ana, 1, "two", at=NOW + HOUR)
    async with database.write("test") as connection:
        await links.note_try(connection, ana, NOW)
        await links.note_try(connection, ana, NOW + HOUR)
        assert await links.tries_lately(connection, ana, NOW) == 1
        assert await links.codes_lately(connection, ana, NOW) == 1
        assert await links.purge(connection, NOW + MINUTE, limit=10) == 1
        assert await links.purge(connection, NOW + MINUTE, limit=10) == 0
        assert await links.tries_lately(connection, ana, NOW - MINUTE) == 1


async def test_a_stranger_has_no_try_of_anothers(database: Database) -> None:
    ana, ben = await someone(database, "ana"), await someone(database, "ben")
    await add(database, links.link_try, identity_id=ana, at=NOW)
    async with database.read() as connection:
        assert await links.tries_lately(connection, ben, NOW - HOUR) == 0


# --- what follows from it ---------------------------------------------------------------------------


async def linked_pair(database: Database) -> tuple[int, int]:
    """The cases of somebody known in two places who gave another address in each."""
    ids = []
    for name in ("ana", "ben"):
        kept = await write_in(database, by=name, author_name=name, email=f"{name}@x")
        async with database.write("test") as connection:
            ids.append(await insert_case(connection, kept.conversation))
    await join(database, 1, 2)
    return ids[0], ids[1]


async def test_a_case_tells_what_its_own_writer_has_told(database: Database) -> None:
    ana, ben = await linked_pair(database)
    async with database.read() as connection:
        rows = [await cases.read_row(connection, id_) for id_ in (ana, ben)]
        assert [(row["customer_full_name"], row["customer_email"]) for row in rows if row] == [
            ("ana", "ana@x"), ("ben", "ben@x"),
        ]  # fmt: skip
        assert [(row["customer_id"]) for row in rows if row] == [1, 1]
        visit = await visits.read(connection, 2)
        waiting = await unread.read(connection, 2)
        conversation_row = await journey.read_conversation(connection, 2)
    assert visit is not None
    assert waiting is not None
    assert conversation_row is not None
    assert visit.email == waiting.email == conversation_row.customer_email == "ben@x", "no mail goes elsewhere"


async def test_an_address_that_is_claimed_after_the_link_stays_where_it_was_claimed(database: Database) -> None:
    await linked_pair(database)
    async with database.write("test") as connection:
        assert await visits.claim_address(connection, 2, "new@x", "")
    async with database.read() as connection:
        emails = dict((await connection.execute(select(customer.c.id, customer.c.email))).all())  # type: ignore[arg-type]
    assert emails == {1: "ana@x", 2: "new@x"}


@pytest.mark.parametrize("words", ["ana@x", "BEN@x", "vouched@x.example"])
async def test_each_of_their_addresses_finds_all_of_their_cases(database: Database, words: str) -> None:
    pair = await linked_pair(database)
    await keep(database, incoming("b", id="ben2", by="ben", email="Vouched@x.example", email_verified=True))
    async with database.read() as connection:
        found = await cases.list_cases(connection, cases.Filter(words=words))
    assert sorted(row["id"] for row in found) == sorted(pair)


async def test_mails_to_an_address_are_counted_whoever_is_linked(database: Database) -> None:
    _, ben = await linked_pair(database)
    await add(database, case_event, case_id=ben, kind="mailed", actor="system", at=NOW, data={"to": "ben@x"})
    async with database.read() as connection:
        assert len(await unread.mailed(connection, 999, "ben@x", NOW - HOUR)) == 1
        assert await unread.mailed(connection, 999, "ana@x", NOW - HOUR) == []


async def test_other_conversations_are_told_newest_first_with_their_words_and_case(database: Database) -> None:
    _, ben = await linked_pair(database)
    await keep(database, incoming("later", by="ana", place="third", id="third"))
    async with database.read() as connection:
        found = await cases.conversations_of_customer(connection, 1, but=1)
    assert [(row["id"], row["words"], row["case_id"]) for row in found] == [(3, "later", None), (2, "hello", ben)]


async def test_whoever_has_read_a_conversation_before_it_moved_looks_again(database: Database) -> None:
    await linked_pair(database)
    await write_in(database, by="cem")
    async with database.read() as connection:
        (burst,) = await journey.read_bursts(connection, [3])
    await join(database, 1, 3)
    async with database.write("test") as connection:
        locked = await journey.lock(connection, [3])
    assert locked[3].version != burst.conversation.version
