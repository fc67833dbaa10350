"""An answer that did not arrive is nobody's answer: its case waits for us again, until it has arrived."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from handoff import undelivered
from handoff.opening import Footing
from store import outbox
from store.agents import Agent
from store.database import Database
from store.outbox import Settlement
from store.tables import case, conversation, message
from store.words import case_id
from tests.people import Office

FIVE = timedelta(minutes=5)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, footing=Footing(on_duty=1))


async def of_case(office: Office, number: str) -> dict[str, Any]:
    query = select(case, conversation.c.owner).join(conversation, conversation.c.id == case.c.conversation_id)
    async with office.database.read() as connection:
        return dict((await connection.execute(query.where(case.c.id == case_id(number)))).mappings().one())


def says_so(found: dict[str, Any]) -> bool:
    """Agents see at once why the case is back."""
    return bool((found["flags"] or {}).get("undelivered"))


async def answered(office: Office, lea: Agent, number: str, text: str = "Here is how.") -> int:
    """Her answer's row; the case waits for the customer."""
    told = await office.desk.reply(lea, number, text)
    query = select(message.c.id).where(message.c.seq == told["seq"], message.c.author == "agent")
    async with office.database.read() as connection:
        return int((await connection.execute(query.order_by(message.c.id.desc()))).scalars().first() or 0)


async def ends(office: Office, row: int, status: Any) -> None:
    """The courier's word on it."""
    async with office.database.write("test") as connection:
        await connection.execute(update(message).where(message.c.id == row).values(status="sending"))
        await outbox.settle(connection, Settlement(id=row, status=status, error="blocked by the customer"), office.now)
    await office.tick()


@pytest.mark.parametrize("status", ["failed", "parked"])
async def test_who_has_read_nothing_is_not_waited_for(office: Office, status: str) -> None:
    number, lea = await office.customer(tier="problem"), await office.agent()
    await office.desk.claim(lea, number)
    row = await answered(office, lea, number)
    assert (await of_case(office, number))["status"] == "pending"
    office.now += FIVE
    await ends(office, row, status)
    found = await of_case(office, number)
    assert (found["status"], found["assignee_id"], says_so(found)) == ("open", lea.id, True)
    assert found["deadline"] == office.now + office.rules.targets.problem
    assert found["unanswered_since"] == office.now


@pytest.mark.parametrize("status", ["sent", "unknown"])
async def test_what_arrived_or_may_have_changes_nothing(office: Office, status: str) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await ends(office, await answered(office, lea, number), status)
    found = await of_case(office, number)
    assert (found["status"], found["deadline"], says_so(found)) == ("pending", None, False)


async def test_a_later_answer_stands_for_it(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    first = await answered(office, lea, number)
    await ends(office, await answered(office, lea, number, "And this, too."), "sent")
    await ends(office, first, "failed")
    assert (await of_case(office, number))["status"] == "pending"


async def test_a_new_answer_takes_its_place(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await ends(office, await answered(office, lea, number), "failed")
    await answered(office, lea, number, "Again, in other words.")
    found = await of_case(office, number)
    assert (found["status"], found["deadline"], says_so(found)) == ("pending", None, False)


async def test_resolved_by_an_answer_that_did_not_arrive_is_not_resolved(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    row = await answered(office, lea, number)
    await office.desk.resolve(lea, number, outcome="solved")
    await ends(office, row, "failed")
    found = await of_case(office, number)
    assert (found["status"], found["owner"], found["reopened"]) == ("open", "human", 1)
    assert (found["assignee_id"], found["outcome"], found["resolved_at"]) == (lea.id, None, None)
    assert not await leaves(office, "case_resolved"), "nobody is asked how an answer was that they have not got"


async def leaves(office: Office, condition: str) -> list[int]:
    """What of this kind leaves, once all that may leave has left."""
    found: list[int] = []
    async with office.database.write("test") as connection:
        mine = set((await connection.execute(select(message.c.id).where(message.c.condition == condition))).scalars())
        for _ in range(10):  # one row of a conversation at a time; what must not leave is only cancelled
            parcels = await outbox.claim(connection, "me", office.now, limit=50)
            found += [parcel.id for parcel in parcels]
            for parcel in parcels:
                await outbox.settle(connection, Settlement(id=parcel.id, status="sent"), office.now)
    assert mine
    return [id_ for id_ in found if id_ in mine]


async def test_resolved_and_arrived_asks_how_it_was(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    row = await answered(office, lea, number)
    await office.desk.resolve(lea, number, outcome="solved")
    await ends(office, row, "sent")
    assert len(await leaves(office, "case_resolved")) == 2


async def test_spam_stays_closed(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    row = await answered(office, lea, number)
    await office.desk.resolve(lea, number, outcome="spam")
    await ends(office, row, "failed")
    assert (await of_case(office, number))["status"] == "resolved"


async def test_sent_again_it_waits_for_the_customer_again(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    row = await answered(office, lea, number)
    await ends(office, row, "failed")
    async with office.database.write("test") as connection:
        assert await undelivered.send_again(connection, row, office.now)
        assert not await undelivered.send_again(connection, row, office.now)
    assert (await of_case(office, number))["status"] == "pending"
    await ends(office, row, "failed")
    assert (await of_case(office, number))["status"] == "open"


async def test_what_the_machine_said_changes_no_case(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await ends(office, await answered(office, lea, number), "sent")
    async with office.database.read() as connection:
        mine = select(message.c.id).where(message.c.direction == "out", message.c.author != "agent")
        rows = list((await connection.execute(mine)).scalars())
    assert rows
    for row in rows:
        await ends(office, row, "failed")
    assert (await of_case(office, number))["status"] == "pending"


async def test_the_customer_who_wrote_meanwhile_keeps_their_time(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    row = await answered(office, lea, number)
    await office.customer("hello?")
    before = await of_case(office, number)
    office.now += FIVE
    await ends(office, row, "failed")
    after = await of_case(office, number)
    assert (after["status"], after["deadline"]) == (before["status"], before["deadline"]) != ("pending", None)
