"""Feedback that is read: closed without a word, once, and put back as it was."""

from __future__ import annotations

from typing import Any

import pytest

from handoff.errors import HeldByOther, WrongState
from handoff.reading import Reading
from handoff.work import Once
from store import cases, transcripts
from store.database import Database
from store.words import case_id
from tests.people import Office


def reading(office: Office) -> Reading:
    desk = office.desk
    return Reading(desk.acts, desk.hands)


async def row_of(office: Office, number: str) -> dict[str, Any]:
    async with office.database.read() as connection:
        found = await cases.read_row(connection, case_id(number) or 0)
    assert found is not None
    return found


async def said(office: Office, conversation: int) -> int:
    async with office.database.read() as connection:
        return len(await transcripts.read(connection, conversation))


async def test_read_feedback_is_done_and_its_customer_hears_nothing(database: Database) -> None:
    office = Office(database)
    lea, number = await office.agent(), await office.filed()
    before = await row_of(office, number)
    words = await said(office, before["conversation_id"])
    assert await reading(office).read(lea, number) == {"number": number, "status": "resolved", "assignee": "Lea"}
    after = await row_of(office, number)
    assert (after["status"], after["deadline"]) == ("resolved", None)
    assert await said(office, before["conversation_id"]) == words


async def test_what_was_read_by_a_slip_is_as_it_was(database: Database) -> None:
    office = Office(database)
    lea, number = await office.agent(), await office.filed()
    before = await row_of(office, number)
    await reading(office).read(lea, number)
    await reading(office).unread(lea, number)
    after = await row_of(office, number)
    same = ("status", "assignee_id", "deadline", "sort_at", "unanswered_since", "outcome", "resolved_at", "flags")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    with pytest.raises(WrongState, match="not as it was left"):
        await reading(office).unread(lea, number)


async def test_the_same_request_reads_once(database: Database) -> None:
    office = Office(database)
    lea, number = await office.agent(), await office.filed()
    once = Once(key="k", request={"act": "read", "case": number})
    first = await reading(office).read(lea, number, once)
    assert await reading(office).read(lea, number, once) == first
    with pytest.raises(WrongState, match="is resolved"):
        await reading(office).read(lea, number)


async def test_only_feedback_is_read_and_nobody_elses(database: Database) -> None:
    office = Office(database)
    lea, tom = await office.agent(), await office.agent("Tom")
    waits = await office.customer("help", by="bob")
    with pytest.raises(WrongState, match="no feedback"):
        await reading(office).read(lea, waits)
    number = await office.filed()
    await office.desk.claim(tom, number)
    with pytest.raises(HeldByOther):
        await reading(office).read(lea, number)
    assert (await row_of(office, number))["status"] == "open"


async def test_read_feedback_of_which_more_has_come_is_not_put_back(database: Database) -> None:
    office = Office(database)
    lea, number = await office.agent(), await office.filed()
    await reading(office).read(lea, number)
    await office.desk.reopen(lea, number)
    with pytest.raises(WrongState, match="not as it was left"):
        await reading(office).unread(lea, number)
