"""Two cases become one: nothing promised is lost, the sooner and the graver count, and it can be undone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from handoff.errors import HeldByOther, NoSuchCase, WrongState
from handoff.opening import Footing
from store import links
from store.database import Database
from store.tables import case_event, conversation, due, identity, message, promise
from store.words import case_id
from tests.people import Office
from tests.rows import MINUTE, case_of, row_of


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, footing=Footing(on_duty=1))


async def read(office: Office, number: str) -> dict[str, Any]:
    return await case_of(office.database, case_id(number) or 0)


async def same_customer(office: Office) -> None:
    """All who have written are one person, and have proven it."""
    async with office.database.write("test") as connection:
        found = (await connection.execute(select(identity.c.id, identity.c.customer_id).order_by(identity.c.id))).all()
        first = found[0]
        for other in (row for row in found if row.customer_id != first.customer_id):
            await links.add(
                connection, identity_id=other.id, other_id=first.id, how="code", agent_id=None, conversation_id=None,
                other_conversation_id=None, at=office.now,
            )  # fmt: skip


async def two(office: Office, one: str = "problem", other: str = "billing") -> tuple[str, str]:
    first, second = await office.customer(by="ann", tier=one), await office.customer(by="ben", tier=other)
    await same_customer(office)
    return first, second


async def told(office: Office, number: str) -> list[tuple[str, Any]]:
    async with office.database.read() as connection:
        query = select(case_event.c.kind, case_event.c.data).where(case_event.c.case_id == case_id(number))
        return [(row[0], row[1]) for row in await connection.execute(query.order_by(case_event.c.id))]


async def promises(office: Office) -> set[tuple[int, str]]:
    async with office.database.read() as connection:
        return {(row[0], row[1]) for row in await connection.execute(select(promise.c.case_id, promise.c.state))}


async def said(office: Office) -> int:
    async with office.database.read() as connection:
        return len((await connection.execute(select(message.c.id).where(message.c.direction == "out"))).all())


async def test_the_one_that_lives_on_has_the_sooner_the_graver_and_all_promises(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office)
    before, by = await said(office), (await read(office, goes))["deadline"]
    answer = await office.desk.merging.merge(lea, goes, stays)
    assert answer == {"number": goes, "status": "resolved", "assignee": None, "into": stays}
    one, other = await read(office, stays), await read(office, goes)
    assert (one["status"], one["deadline"], one["urgent"], one["tier"]) == ("waiting", by, True, "billing")
    assert (other["outcome"], other["merged_into_id"], other["deadline"]) == ("merged", one["id"], None)
    assert await promises(office) == {(one["id"], "open")}
    assert await said(office) == before, "the customer hears nothing of it"
    assert (await told(office, goes))[-1] == ("merged", {"into": stays})
    assert (await told(office, stays))[-1] == ("merged_in", {"other": goes})
    assert (await row_of(office.database, conversation, other["conversation_id"]))["owner"] == "human"


async def test_a_reply_keeps_what_was_promised_in_both(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office)
    await office.desk.merging.merge(lea, goes, stays)
    await office.desk.claim(lea, stays)
    await office.desk.reply(lea, stays, "Both are done.")
    assert {state for _, state in await promises(office)} == {"kept"}


async def test_a_promise_that_moved_is_told_before_it_breaks(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office)
    await office.desk.merging.merge(lea, goes, stays)
    await office.pass_time(13 * MINUTE)
    assert "promise_at_risk" in [kind for kind, _ in await told(office, stays)]


async def test_one_that_waited_for_the_customer_wakes_if_the_other_was_waited_for(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office)
    await office.desk.claim(lea, stays)
    await office.desk.reply(lea, stays, "Done.")
    await office.desk.merging.merge(lea, goes, stays)
    row = await read(office, stays)
    assert (row["status"], row["assignee_id"], row["deadline"] is not None) == ("open", lea.id, True)
    async with office.database.read() as connection:
        dues = await connection.execute(select(due.c.kind).where(due.c.subject == row["id"]))
        assert "breach" in list(dues.scalars())


async def test_undone_it_stands_as_it_stood_with_its_own_promise(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office)
    before = await read(office, goes)
    await office.desk.merging.merge(lea, goes, stays)
    office.now += MINUTE
    await office.desk.merging.unmerge(lea, goes)
    after, one = await read(office, goes), await read(office, stays)
    same = ("status", "deadline", "unanswered_since", "assignee_id", "outcome", "merged_into_id", "flags", "urgent")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert await promises(office) == {(one["id"], "open"), (after["id"], "open")}
    assert one["deadline"] <= before["deadline"], "nobody waits longer for our mistake"
    with pytest.raises(WrongState, match="not merged"):
        await office.desk.merging.unmerge(lea, goes)


async def test_what_was_merged_before_goes_along(office: Office) -> None:
    lea = await office.agent()
    first, second = await two(office)
    third = await office.customer(by="cho")
    await same_customer(office)
    await office.desk.merging.merge(lea, first, second)
    await office.desk.merging.merge(lea, second, third)
    last = case_id(third)
    assert [(await read(office, number))["merged_into_id"] for number in (first, second)] == [last, last]
    assert {id_ for id_, _ in await promises(office)} == {last}


async def test_what_may_not_become_one_is_refused_and_left_alone(office: Office) -> None:
    lea, tom = await office.agent(), await office.agent("Tom")
    stays, goes = await office.customer(by="ann"), await office.customer(by="ben")
    merge = office.desk.merging.merge
    with pytest.raises(WrongState, match="not proven to be one customer"):
        await merge(lea, goes, stays)
    with pytest.raises(NoSuchCase):
        await merge(lea, "W-9999", stays)
    with pytest.raises(WrongState, match="the same case"):
        await merge(lea, stays, stays)
    await same_customer(office)
    await office.desk.claim(tom, goes)
    with pytest.raises(HeldByOther, match="Tom has"):
        await merge(lea, goes, stays)
    async with office.database.write("test") as connection:
        await connection.execute(update(conversation).where(conversation.c.id == 1).values(public=True))
    with pytest.raises(WrongState, match="Others read one"):
        await merge(lea, goes, stays, supervises=True)
    async with office.database.write("test") as connection:
        await connection.execute(update(conversation).values(public=False))
    await office.desk.resolve(tom, goes)
    with pytest.raises(WrongState, match="is resolved"):
        await merge(lea, goes, stays)
    assert (await read(office, goes))["merged_into_id"] is None
    assert (await read(office, stays))["status"] == "waiting"


async def test_both_ways_at_once_one_wins(office: Office) -> None:
    lea, tom = await office.agent(), await office.agent("Tom")
    one, other = await two(office)
    merge = office.desk.merging.merge
    answers = await asyncio.gather(merge(lea, one, other), merge(tom, other, one), return_exceptions=True)
    assert sorted(isinstance(answer, WrongState) for answer in answers) == [False, True], answers
    assert sorted([(await read(office, number))["status"] for number in (one, other)]) == ["resolved", "waiting"]


async def test_a_merged_one_that_is_reopened_is_merged_no_more(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office)
    await office.desk.merging.merge(lea, goes, stays)
    office.now += timedelta(minutes=1)
    await office.desk.reopen(lea, goes)
    assert (await read(office, goes))["merged_into_id"] is None
