"""Who leaves: what customers wait for goes back at once, what waits for the customer when it wakes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from store import agents, sessions
from store.agents import Agent
from store.database import Database
from store.tables import agent, audit, case_event
from store.words import case_id
from tests.people import Office, rules
from tests.rows import case_of

HOUR = timedelta(hours=1)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


async def held(office: Office, lea: Agent, *, by: str, tier: str = "problem") -> str:
    number = await office.customer(by=by, tier=tier)
    await office.desk.claim(lea, number)
    return number


async def read(office: Office, number: str) -> dict[str, Any]:
    return await case_of(office.database, case_id(number) or 0)


async def stands(office: Office, *numbers: str) -> list[tuple[str, int | None]]:
    return [(row["status"], row["assignee_id"]) for row in [await read(office, number) for number in numbers]]


async def leave(office: Office, lea: Agent) -> list[tuple[int, int]]:
    async with office.database.write("test") as connection:
        return await office.desk.leaving.signed_out(connection, lea, office.now)


async def told(office: Office, number: str) -> dict[str, Any]:
    """The newest event of the case."""
    async with office.database.read() as connection:
        query = select(case_event).where(case_event.c.case_id == case_id(number)).order_by(case_event.c.id.desc())
        return dict((await connection.execute(query.limit(1))).mappings().one())


async def away_since(office: Office, lea: Agent) -> Any:
    async with office.database.read() as connection:
        return (await connection.execute(select(agent.c.away_since).where(agent.c.id == lea.id))).scalar_one()


async def test_what_customers_wait_for_goes_back_and_the_rest_stays_until_it_wakes(office: Office) -> None:
    lea, tom = await office.agent(), await office.agent("Tom")
    open_, answered, asleep = [await held(office, lea, by=name) for name in ("ann", "ben", "cho")]
    theirs = await held(office, tom, by="dan")
    await office.desk.reply(lea, answered, "Done.")
    await office.desk.snooze(lea, asleep, office.now + HOUR)
    given = await leave(office, lea)
    assert [case for _, case in given] == [case_id(open_)]
    assert await stands(office, open_, answered, asleep, theirs) == [
        ("waiting", None), ("pending", lea.id), ("snoozed", lea.id), ("open", tom.id),
    ]  # fmt: skip
    before, event = await read(office, open_), await told(office, open_)
    assert (event["kind"], event["data"]) == ("released", {"why": "signed_out", "holder": "Lea"})
    assert before["deadline"] == office.now + 4 * HOUR, "the customer's deadline is what it was"
    await office.customer("still broken", by="ben")
    await office.pass_time(HOUR)
    assert await stands(office, answered, asleep) == [("waiting", None), ("waiting", None)]
    assert (await told(office, asleep))["kind"] == "woke"
    assert (await read(office, answered))["deadline"] is not None


async def test_who_is_back_in_time_has_them_still(office: Office) -> None:
    lea = await office.agent()
    answered, asleep = [await held(office, lea, by=name) for name in ("ann", "ben")]
    await office.desk.reply(lea, answered, "Done.")
    await office.desk.snooze(lea, asleep, office.now + HOUR)
    await leave(office, lea)
    assert await away_since(office, lea) == office.now
    async with office.database.write("test") as connection:
        await agents.set_away(connection, lea.id, None)
    await office.customer("thanks, but", by="ann")
    await office.pass_time(HOUR)
    assert await stands(office, answered, asleep) == [("open", lea.id), ("open", lea.id)]


async def test_who_takes_a_case_is_at_work(office: Office) -> None:
    lea = await office.agent()
    number = await office.customer()
    await leave(office, lea)
    await office.desk.claim(lea, number)
    assert await away_since(office, lea) is None


async def test_nothing_goes_back_while_another_session_stands(office: Office) -> None:
    lea = await office.agent()
    number = await held(office, lea, by="ann")
    async with office.database.write("test") as connection:
        phone = await sessions.open_session(connection, lea.id, office.now)
    assert await leave(office, lea) == []
    assert await stands(office, number) == [("open", lea.id)]
    assert await away_since(office, lea) is None
    async with office.database.write("test") as connection:
        await sessions.end_session(connection, phone)
    assert len(await leave(office, lea)) == 1


async def test_an_expired_session_holds_nothing(office: Office) -> None:
    lea = await office.agent()
    await held(office, lea, by="ann")
    async with office.database.write("test") as connection:
        await sessions.open_session(connection, lea.id, office.now - sessions.LASTS)
    assert len(await leave(office, lea)) == 1


async def test_who_is_locked_out_holds_nothing_more(office: Office) -> None:
    lea, ada = await office.agent(), await office.agent("Ada", "admin")
    open_, answered, asleep = [await held(office, lea, by=name) for name in ("ann", "ben", "cho")]
    await office.desk.reply(lea, answered, "Done.")
    await office.desk.snooze(lea, asleep, office.now + HOUR)
    async with office.database.write("test") as connection:
        given = await office.desk.leaving.locked_out(connection, lea, by=ada)
        rows = (await connection.execute(select(audit).where(audit.c.action == "locked-out"))).all()
    assert len(given) == len(rows) == 3
    assert await stands(office, open_, answered, asleep) == [("waiting", None), ("pending", None), ("snoozed", None)]
    event = await told(office, asleep)
    assert (event["agent_id"], event["data"]) == (ada.id, {"why": "locked_out", "holder": "Lea"})
    await office.customer("still broken", by="ben")
    await office.pass_time(HOUR)
    assert await stands(office, answered, asleep) == [("waiting", None), ("waiting", None)]


async def test_a_grave_one_calls_again_until_somebody_takes_it(database: Database) -> None:
    office = Office(database, rules=rules(notify=True))
    lea = await office.agent()
    now, later = [await held(office, lea, by=name, tier="outage") for name in ("ann", "ben")]
    await office.desk.reply(lea, later, "Done.")
    await office.tick()
    before = len(office.notes.calls)
    await leave(office, lea)
    await office.tick()
    assert [call.case_id for call in office.notes.calls[before:]] == [case_id(now)]
    await office.customer("still down", by="ben")
    await office.tick()
    assert office.notes.calls[-1].case_id == case_id(later)
