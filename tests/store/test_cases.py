"""Lists of cases: their order, their pages, their search; numbers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from store import cases
from store.cases import Filter
from store.database import Database
from store.tables import case
from store.words import FIRST_CASE_NUMBER, case_id, case_number
from tests.rows import (
    MINUTE,
    NOW,
    SECOND,
    case_of,
    due_in,
    incoming,
    keep,
    open_case,
    open_cases,
    person,
    put_out,
    write_in,
)

After = tuple[bool, datetime, int]


async def make(database: Database, by: str, **more: Any) -> int:
    return await open_case(database, (await write_in(database, by=by)).conversation, **more)


async def listed(database: Database, after: After | None = None, limit: int = 50, **wanted: Any) -> list[int]:
    async with database.read() as connection:
        return [row["id"] for row in await cases.list_cases(connection, Filter(**wanted), after=after, limit=limit)]


# --- order, filters, pages -------------------------------------------------------------------------


async def test_the_first_class_stands_before_the_second_and_deadlines_order_each(database: Database) -> None:
    ids = await open_cases(
        database,
        due_in(9),
        due_in(1),
        due_in(30, urgent=True),
        due_in(20, urgent=True),
        {"deadline": None},
        due_in(1),
        due_in(20, urgent=True),
    )
    order = [3, 6, 2, 1, 5, 0, 4]
    assert await listed(database) == [ids[n] for n in order]


async def test_resolved_ones_are_listed_apart_newest_first(database: Database) -> None:
    ids = await open_cases(database, due_in(1), due_in(9, status="resolved"), due_in(5, urgent=True, status="resolved"))
    assert await listed(database) == [ids[0]]
    assert await listed(database, status="resolved") == [ids[2], ids[1]]
    assert await listed(database, status="resolved", after=(True, NOW, ids[2])) == [ids[1]]


async def test_filters_narrow_together(database: Database) -> None:
    lea, tom = await person(database, "Lea"), await person(database, "Tom")
    ids = await open_cases(
        database,
        due_in(1, tier="billing", assignee_id=lea.id, status="open"),
        due_in(2, tier="billing", assignee_id=tom.id, status="open"),
        due_in(3, tier="problem", assignee_id=lea.id, status="pending"),
        due_in(4, tier="billing"),
        due_in(5, tier="billing", assignee_id=lea.id, status="resolved"),
    )
    assert await listed(database, assignee=lea.id) == [ids[0], ids[2]]
    assert await listed(database, assignee=lea.id, tier="billing") == [ids[0]]
    assert await listed(database, tier="billing") == [ids[0], ids[1], ids[3]]
    assert await listed(database, unassigned=True) == [ids[3]]
    assert await listed(database, status="open") == [ids[0], ids[1]]
    assert await listed(database, assignee=lea.id, status="resolved") == [ids[4]]
    assert await listed(database, status="snoozed") == []


async def test_a_row_says_its_number_and_who_has_it(database: Database) -> None:
    lea = await person(database)
    await make(database, "ann", assignee_id=lea.id, status="open")
    async with database.read() as connection:
        (row,) = await cases.list_cases(connection, Filter())
        whole = await cases.read_row(connection, row["id"])
        assert await cases.read_row(connection, 99) is None
    assert (row["number"], row["assignee"], row["flags"], row["deadline"]) == (
        "W-1001", "Lea", {}, NOW + timedelta(hours=4),
    )  # fmt: skip
    assert whole is not None
    assert (whole["assignee_email"], whole["owner"], whole["place"]) == ("lea@desk.example", "bot", "place-of-ann")


async def pages(database: Database, size: int, between: Any = None, **wanted: Any) -> list[int]:
    """All pages one after the other; `between` runs after each."""
    found: list[int] = []
    after: After | None = None
    while True:
        async with database.read() as connection:
            rows = await cases.list_cases(connection, Filter(**wanted), after=after, limit=size)
        if not rows:
            return found
        found += [row["id"] for row in rows]
        last = rows[-1]
        after = (last["urgent"], last["sort_at"], last["id"])
        if between is not None:
            await between()


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("wanted", [{}, {"status": "waiting"}, {"tier": "billing"}, {"status": "resolved"}])
async def test_pages_hold_each_case_exactly_once_in_the_order_of_the_list(
    database: Database, size: int, wanted: dict[str, Any]
) -> None:
    columns = [
        due_in(
            n % 4,
            urgent=n % 2 == 0,
            tier="billing" if n % 3 else "howto",
            status="resolved" if n % 5 == 0 else "waiting",
        )
        for n in range(17)
    ]
    await open_cases(database, *columns, {"deadline": None}, {"deadline": None, "urgent": True})
    whole = await listed(database, **wanted)
    assert len(whole) == len(set(whole)) > 3
    assert await pages(database, size, **wanted) == whole


async def test_pages_lose_nothing_and_repeat_nothing_while_others_come_and_go(database: Database) -> None:
    stays = await open_cases(database, *(due_in(10 * n, urgent=n % 3 == 0) for n in range(12)))
    leaves = [await make(database, f"leaves{n}", **due_in(10 * n + 5, urgent=n % 2 == 0)) for n in range(6)]
    order = [id_ for id_ in await listed(database) if id_ in stays]
    going, coming = list(leaves), iter(range(100))

    async def others() -> None:
        if going:
            async with database.write("test") as connection:
                await connection.execute(update(case).where(case.c.id == going.pop()).values(status="resolved"))
        n = next(coming)
        if n < 6:
            await make(database, f"new{n}", **due_in(20 * n + 1, urgent=n % 2 == 1))

    found = await pages(database, 2, others)
    assert len(found) == len(set(found))
    assert [id_ for id_ in found if id_ in stays] == order


# --- search ----------------------------------------------------------------------------------------

NAMES = ["Anna Lee", "anna", "Ännchen", "Ann", "Bob", "O'Neil 100%", "李小龙", ""]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("anna", {"Anna Lee", "anna"}),
        ("ANN", {"Anna Lee", "anna", "Ann"}),
        ("Anna Lee", {"Anna Lee"}),
        (" bob ", {"Bob"}),
        ("ÄNN", {"Ännchen"}),
        ("o'neil 100%", {"O'Neil 100%"}),
        ("%", set()),
        ("_nna", set()),
        ("李", {"李小龙"}),
        ("lee", set()),
        ("zoe", set()),
    ],
)
async def test_a_name_is_found_by_how_it_begins_whatever_its_case(
    database: Database, words: str, found: set[str]
) -> None:
    await open_cases(database, *({"customer_name": name} for name in NAMES))
    async with database.read() as connection:
        rows = await cases.list_cases(connection, Filter(words=words))
    assert {row["customer_name"] for row in rows} == found


@pytest.mark.parametrize("words", ["W-1002", "w-1002", "1002", " w1002 ", "W 1002"])
async def test_a_number_is_found_however_it_is_written(database: Database, words: str) -> None:
    ids = await open_cases(database, due_in(1), due_in(2), due_in(3))
    assert await listed(database, words=words) == [ids[1]]


async def test_an_address_is_found_whole(database: Database) -> None:
    await keep(database, incoming(by="ann", email="ann@shop.example"))
    id_ = await open_case(database, 1)
    await make(database, "ben")
    assert await listed(database, words="Ann@Shop.example") == [id_]
    assert await listed(database, words="ann@shop") == []


async def test_a_search_keeps_to_the_filter_it_stands_in(database: Database) -> None:
    ids = await open_cases(database, {"customer_name": "Ann"}, {"customer_name": "Ann", "status": "resolved"})
    assert await listed(database, words="ann") == [ids[0]]
    assert await listed(database, words="ann", status="resolved") == [ids[1]]


@given(st.integers(1, 10**14))
def test_numbers_go_there_and_back(id_: int) -> None:
    assert case_id(case_number(id_)) == id_
    assert case_id(f" {case_number(id_).lower()} ") == id_


@given(st.text(max_size=20))
def test_anything_else_is_no_number_or_a_positive_one(text: str) -> None:
    found = case_id(text)
    assert found is None or (found > 0 and str(found + FIRST_CASE_NUMBER - 1) in text)


@pytest.mark.parametrize(
    "text", ["", "W-", "W-0", "1000", "W-W-1001", "\uff11\uff10\uff10\uff11", "1e3", "-1001x", "9" * 16, "W-1001.5"]
)
def test_what_is_no_number(text: str) -> None:
    assert case_id(text) is None


async def test_other_cases_of_a_customer_newest_first(database: Database) -> None:
    first = await make(database, "ann", status="resolved")
    second = await open_case(database, 1, status="resolved")
    third = await open_case(database, 1)
    await make(database, "ben")
    async with database.read() as connection:
        found = await cases.cases_of_customer(connection, 1, but=second)
        assert [row["external_id"] for row in await cases.identities(connection, 1)] == ["ann"]
    assert [(row["id"], row["number"]) for row in found] == [(third, "W-1003"), (first, "W-1001")]


# --- numbers ---------------------------------------------------------------------------------------


async def test_who_waits_ahead_is_counted_up_to_a_cap(database: Database) -> None:
    await open_cases(database, due_in(1, urgent=True), due_in(2, urgent=True), due_in(9, urgent=True), due_in(1))
    async with database.read() as connection:
        assert await cases.waiting_ahead(connection, NOW + 5 * MINUTE) == 2
        assert await cases.waiting_ahead(connection, NOW + 60 * MINUTE, cap=2) == 2
        assert await cases.waiting_ahead(connection, NOW) == 0


async def test_the_state_of_the_desk_counts_what_is_open(database: Database) -> None:
    lea = await person(database)
    await open_cases(
        database,
        due_in(-1, tier="outage", urgent=True),
        due_in(1, tier="outage", urgent=True),
        due_in(-1, tier="problem", status="open", assignee_id=lea.id),
        due_in(-9, tier="problem", status="resolved"),
        {"deadline": None, "tier": "howto", "status": "pending"},
    )
    await keep(database, incoming("done", id="d", end="noted"))
    for status in ("held", "queued", "queued", "sending", "sent", "unknown", "failed", "parked", "cancelled"):
        await put_out(database, 1, status=status)
    async with database.read() as connection:
        found = await cases.stats(connection, NOW)
    assert found["cases"] == {"waiting": 2, "open": 1, "pending": 1}
    assert found["tiers"] == {"outage": 2, "problem": 1, "howto": 1}
    assert (found["late"], found["undecided"]) == (2, 5)
    assert found["outbox"] == {"held": 1, "queued": 2, "sending": 1, "unknown": 1, "failed": 1, "parked": 1}


@pytest.mark.parametrize(("kept", "broken", "named"), [(20, 0, True), (19, 0, False), (18, 2, True), (17, 3, False)])
async def test_a_time_may_be_named_where_nine_of_ten_were_kept_lately(
    database: Database, kept: int, broken: int, named: bool
) -> None:
    lately = [{"answered_in_time": False}] * broken + [{"answered_in_time": True}] * kept
    answered = [
        {"status": "resolved", "first_answer_at": NOW - timedelta(days=n % 27), "sla": "billing", **more}
        for n, more in enumerate(lately)
    ]
    old = {"status": "resolved", "sla": "outage", "first_answer_at": NOW - timedelta(days=29), "answered_in_time": True}
    await open_cases(database, *answered, *[old] * 20)
    async with database.read() as connection:
        assert await cases.kept_lately(connection, NOW) == (frozenset({"billing"}) if named else frozenset())


async def test_a_case_is_ordered_and_found_by_what_is_derived_from_it(database: Database) -> None:
    (id_,) = await open_cases(database, {"customer_name": "Ann Ä", "deadline": NOW + SECOND})
    row = await case_of(database, id_)
    assert (row["sort_at"], row["customer_key"]) == (NOW + SECOND, "ann ä")
