"""Passing a case on: the note first, then the hands; and a team's case is its own only while there is time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from handoff.errors import HeldByOther, NoSuchCase, WrongState
from store import belonging, line
from store.agents import Agent
from store.database import Database
from store.tables import case_event, message, team, team_member
from store.words import case_id, case_number
from tests.databases import empty_database
from tests.people import Office
from tests.rows import MINUTE, NOW, case_of, due_in, open_cases, person


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


async def team_of(database: Database, name: str, *people: Agent) -> int:
    async with database.write("test") as connection:
        row = insert(team).values(name=name, created_at=NOW).returning(team.c.id)
        id_ = int((await connection.execute(row)).scalar_one())
        for each in people:
            await connection.execute(insert(team_member).values(team_id=id_, agent_id=each.id))
    return id_


async def read(office: Office, number: str) -> dict[str, Any]:
    return await case_of(office.database, case_id(number) or 0)


async def kinds(office: Office) -> list[str]:
    async with office.database.read() as connection:
        return list((await connection.execute(select(case_event.c.kind).order_by(case_event.c.id))).scalars())


async def rows(office: Office) -> list[tuple[str, str]]:
    async with office.database.read() as connection:
        query = select(message.c.kind, message.c.body).where(message.c.direction != "in").order_by(message.c.seq)
        return [(row[0], row[1]) for row in await connection.execute(query)]


async def test_to_a_person_the_note_comes_before_their_name(office: Office) -> None:
    lea, tom = await office.agent(), await office.agent("Tom")
    number = await office.customer()
    await office.desk.claim(lea, number)
    answer = await office.desk.transferring.to_person(lea, number, tom, note="Yours, I think", held_by=lea.id)
    assert answer == {"number": number, "status": "open", "assignee": "Tom"}
    said = await rows(office)
    assert said[-2] == ("note", "Yours, I think")
    assert said[-1][0] == "notice"
    assert said[-1][1].startswith("Tom answers from here on")
    assert (await kinds(office))[-2:] == ["noted", "claimed"]


async def test_to_a_team_it_waits_there_with_its_deadline(office: Office) -> None:
    lea, tom = await office.agent(), await office.agent("Tom")
    number = await office.customer(tier="billing")
    billing = await team_of(office.database, "Billing", tom)
    await office.desk.claim(lea, number)
    office.now += MINUTE
    answer = await office.desk.transferring.to_team(lea, number, billing, note="Refund?", held_by=lea.id)
    assert (answer["status"], answer["assignee"], answer["team"]) == ("waiting", None, "Billing")
    row = await read(office, number)
    assert (row["team_id"], row["deadline"]) == (billing, NOW + 15 * MINUTE)
    assert (await rows(office))[-1] == ("note", "Refund?")
    assert (await kinds(office))[-2:] == ["noted", "released"]
    assert await office.desk.take_next(lea) is None, "it is the team's while there is time"
    assert (await office.desk.take_next(tom) or {})["number"] == number


async def test_without_a_note_none_is_written(office: Office) -> None:
    lea, tom = await office.agent(), await office.agent("Tom")
    number, billing = await office.customer(), await team_of(office.database, "Billing", tom)
    await office.desk.transferring.to_team(lea, number, billing, note="  ", held_by=None)
    assert "note" not in [kind for kind, _ in await rows(office)]


async def test_others_may_still_claim_it_by_hand(office: Office) -> None:
    lea, tom = await office.agent(), await office.agent("Tom")
    number, billing = await office.customer(), await team_of(office.database, "Billing", tom)
    await office.desk.transferring.to_team(lea, number, billing, note="", held_by=None)
    assert (await office.desk.claim(lea, number))["assignee"] == "Lea"
    await office.desk.release(lea, number)
    assert (await read(office, number))["team_id"] == billing, "it goes back to where it waited"
    await office.desk.transferring.to_person(lea, number, tom, note="", held_by=None)
    assert (await read(office, number))["team_id"] is None


async def test_what_cannot_be_passed_on_is_said(office: Office) -> None:
    lea, tom = await office.agent(), await office.agent("Tom")
    number, passing = await office.customer(), office.desk.transferring
    empty = await team_of(office.database, "Nobody yet")
    with pytest.raises(WrongState, match="Nobody belongs to Nobody yet"):
        await passing.to_team(lea, number, empty, note="lost?", held_by=None)
    with pytest.raises(NoSuchCase, match="no team 99"):
        await passing.to_team(lea, number, 99, note="lost?", held_by=None)
    await office.desk.claim(tom, number)
    with pytest.raises(HeldByOther, match="Tom has just taken"):
        await passing.to_person(lea, number, lea, note="lost?", held_by=None)
    await office.desk.resolve(tom, number)
    with pytest.raises(WrongState, match="is resolved"):
        await passing.to_person(tom, number, lea, note="lost?", held_by=tom.id)
    assert ("note", "lost?") not in await rows(office), "what is refused leaves nothing behind"


async def test_teams_are_counted_by_their_active_people(office: Office) -> None:
    lea, tom = await office.agent(), await office.agent("Tom")
    await team_of(office.database, "Billing", lea, tom)
    await team_of(office.database, "Abuse")
    async with office.database.write("test") as connection:
        from store.agents import set_active

        await set_active(connection, tom.id, active=False)
        found = await belonging.teams(connection)
        assert await belonging.of_agent(connection, lea.id) == {1}
    assert [(each.name, each.people) for each in found] == [("Abuse", 0), ("Billing", 1)]


# --- who gets it next ------------------------------------------------------------------------------


async def test_a_teams_case_is_anybodys_when_a_quarter_of_its_time_is_left(database: Database) -> None:
    lea = await person(database)
    billing = await team_of(database, "Billing", lea)
    (theirs, ours) = await open_cases(database, due_in(40, team_id=billing), due_in(60))

    async def head(minutes: int, *teams: int) -> int | None:
        async with database.write("test") as connection:
            return (await line.heads(connection, NOW + minutes * MINUTE, teams=teams)).second

    assert await head(0) == ours, "there is time: it waits for its team"
    assert await head(0, billing) == theirs
    assert await head(29) == ours
    assert await head(30) == theirs, "ten of forty minutes are left"
    assert await head(90) == theirs, "and it is never forgotten"


Waiting = tuple[bool, int, int]  # first class?; minutes until its deadline; whose (0: everybody's)


@settings(max_examples=25, deadline=None)
@given(
    cases=st.lists(st.tuples(st.booleans(), st.integers(1, 60), st.integers(0, 2)), min_size=1, max_size=8),
    mine=st.integers(0, 2),
    minute=st.integers(0, 70),
)
async def test_nobody_is_passed_over_whom_the_one_who_asks_may_serve(
    tmp_path_factory: pytest.TempPathFactory, cases: Sequence[Waiting], mine: int, minute: int
) -> None:
    async with empty_database("sqlite", tmp_path_factory.mktemp("line")) as database:
        lea = await person(database)
        teams = [await team_of(database, f"T{n}", lea) for n in range(2)]
        columns = [due_in(due, urgent=first, team_id=teams[of - 1] if of else None) for first, due, of in cases]
        ids = await open_cases(database, *columns)
        async with database.write("test") as connection:
            found = await line.heads(connection, NOW + minute * MINUTE, teams=[teams[mine - 1]] if mine else [])
    for urgent, head in ((True, found.first), (False, found.second)):
        may = [
            (due, id_)
            for (first, due, of), id_ in zip(cases, ids, strict=True)
            if first == urgent and (of in (0, mine) or 4 * (due - minute) <= due)
        ]
        assert head == (min(may)[1] if may else None)


async def test_the_number_is_the_teams(office: Office) -> None:
    """Two teams, two of each: who belongs to both gets all by deadline, the others their own."""
    lea, tom, zoe = [await office.agent(name) for name in ("Lea", "Tom", "Zoe")]
    one, two = await team_of(office.database, "One", lea, tom), await team_of(office.database, "Two", lea)
    numbers = []
    for n, of in enumerate((one, two, one, two)):
        number = await office.customer(by=f"c{n}")
        await office.desk.transferring.to_team(zoe, number, of, note="", held_by=None)
        numbers.append(number)
        office.now += timedelta(seconds=1)
    assert await office.desk.take_next(zoe) is None
    assert (await office.desk.take_next(tom) or {})["number"] == numbers[0]
    assert (await office.desk.take_next(lea) or {})["number"] == numbers[1]
    assert (await office.desk.take_next(tom) or {})["number"] == numbers[2]
    assert await office.desk.take_next(tom) is None
    assert case_number(case_id(numbers[3]) or 0) == (await office.desk.take_next(lea) or {})["number"]
