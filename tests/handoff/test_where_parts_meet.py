"""Where parts of the desk meet: held replies and merges, merges and what is written, unlinked or begun meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, update

from handoff.errors import Stale, WrongState
from store.database import Database
from store.tables import case, conversation, draft, identity, link, message
from store.words import case_id
from tests.people import Office
from tests.rows import MINUTE, SECOND, case_of, incoming, keep, rows_where

TEN = 10 * SECOND


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, pull=True)


async def read(office: Office, number: str) -> dict[str, Any]:
    return await case_of(office.database, case_id(number) or 0)


async def two(office: Office, one: str = "problem", other: str = "billing") -> tuple[str, str]:
    """Cases of two identities that a proof has joined."""
    first, second = await office.customer(by="ann", tier=one), await office.customer(by="ben", tier=other)
    rows = [await read(office, number) for number in (first, second)]
    async with office.database.write("test") as connection:
        for table in (identity, conversation, case):
            await connection.execute(update(table).values(customer_id=rows[0]["customer_id"]))
        await connection.execute(update(identity).where(identity.c.id == 2).values(home_id=2))
        await connection.execute(
            insert(link).values(
                identity_id=2, other_id=1, how="code", at=office.now, conversation_id=rows[1]["conversation_id"],
                other_conversation_id=rows[0]["conversation_id"],
            )
        )  # fmt: skip
    return first, second


async def bodies(office: Office, number: str) -> list[str]:
    of = (await read(office, number))["conversation_id"]
    found = await rows_where(office.database, message, message.c.conversation_id == of, message.c.author == "agent")
    return [row["body"] for row in found if row["direction"] == "out"]


async def writes(office: Office, text: str, *, by: str) -> None:
    """Words that have reached the case in which theirs lives on."""
    office.written += 1
    await keep(office.database, incoming(text, by=by, id=f"{by}-{office.written}"), now=office.now)
    async with office.database.write("test") as connection:
        undecided = (message.c.direction == "in", message.c.end.is_(None))
        await connection.execute(update(message).where(*undecided).values(end="appended"))


async def test_a_merge_lets_a_held_reply_leave_and_the_other_matter_still_waits(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office, "billing", "problem")
    await office.desk.claim(lea, stays)
    by = (await read(office, goes))["deadline"]
    assert by > (await read(office, stays))["deadline"]
    await office.desk.reply(lea, stays, "Your bill is right.", hold=TEN)
    await office.desk.merging.merge(lea, goes, stays)
    row = await read(office, stays)
    assert await bodies(office, stays) == ["Your bill is right."]
    assert (row["status"], row["deadline"]) == ("open", by), "nobody has answered what was merged into it"


async def test_a_held_reply_leaves_before_its_case_is_merged(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office)
    await office.desk.claim(lea, goes)
    await office.desk.reply(lea, goes, "I am on it.", hold=TEN)
    await office.desk.merging.merge(lea, goes, stays)
    assert await bodies(office, goes) == ["I am on it."]
    await office.pass_time(TEN)
    assert [row["text"] for row in await rows_where(office.database, draft) if row["text"]] == []
    seqs = [row["seq"] for row in await rows_where(office.database, message, message.c.conversation_id == 2)]
    assert len(seqs) == len(set(seqs))


async def test_no_case_is_merged_whose_held_reply_cannot_leave(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office)
    await office.desk.claim(lea, goes)
    await office.desk.reply(lea, goes, "I am on it.", hold=TEN)
    await office.customer("It burns now.", by="ben")
    with pytest.raises(Stale):
        await office.desk.merging.merge(lea, goes, stays)
    assert (await read(office, goes))["merged_into_id"] is None


async def test_a_case_that_was_followed_by_another_is_not_parted(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office)
    await office.desk.merging.merge(lea, goes, stays)
    await office.desk.claim(lea, stays)
    await office.desk.resolve(lea, stays, quiet=True)
    row = await read(office, goes)
    begun = await office.desk.beginning.begin(lea, row["customer_id"], 2, "One more thing.")
    with pytest.raises(WrongState, match=begun["number"]):
        await office.desk.merging.unmerge(lea, goes)


async def test_what_was_written_while_they_were_one_waits_when_they_are_two(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office, "billing", "problem")
    await office.desk.claim(lea, goes)
    await office.desk.reply(lea, goes, "Is it well now?")
    await office.desk.merging.merge(lea, goes, stays)
    office.now += MINUTE
    await writes(office, "It is down again.", by="ben")
    office.now += MINUTE
    await office.desk.merging.unmerge(lea, goes)
    row = await read(office, goes)
    assert (row["status"], row["unanswered_since"]) == ("open", office.now - MINUTE)
    assert row["deadline"] is not None
    assert row["deadline"] <= (await read(office, stays))["deadline"] + 2 * MINUTE


async def test_who_turns_out_to_be_two_people_gets_two_cases_again(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office)
    before = await read(office, goes)
    await office.desk.merging.merge(lea, goes, stays)
    (row,) = await rows_where(office.database, link)
    await office.desk.unlink(lea, stays, row["id"])
    after = await read(office, goes)
    assert after["customer_id"] != (await read(office, stays))["customer_id"]
    assert (after["status"], after["merged_into_id"], after["deadline"]) == ("waiting", None, before["deadline"])
