"""Work that is given out: rounds over the database, what people answer, and what goes up."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from handoff import offering
from handoff.errors import HeldByOther, NoSuchCase, WrongState
from handoff.offering import Offering, Round
from store import offers
from store.agents import Agent
from store.database import Database
from store.sessions import end_sessions, open_session
from store.tables import agent, case, case_event, due, offer
from store.words import case_id
from tests.people import Office, rules

MINUTE = timedelta(minutes=1)
ROLES = ("agent", "supervisor", "admin")


@dataclass
class Floor:
    """An office where work is given out."""

    office: Office
    here: set[int] = field(default_factory=set)
    changed: int = 0

    async def begin(self, mode: str = "push", **more: Any) -> Floor:
        async with self.office.database.write("test") as connection:
            await offers.set_terms(
                connection, {"mode": mode, "claim_within": 60, "capacity": 5, **more}, self.office.now
            )
        return self

    async def sits(self, name: str, role: str = "agent", **columns: Any) -> Agent:
        """Somebody is signed in, at a page of the desk."""
        person = await self.office.agent(name, role)
        async with self.office.database.write("test") as connection:
            await open_session(connection, person.id, self.office.now)
            if columns:
                await connection.execute(update(agent).where(agent.c.id == person.id).values(columns))
        self.here.add(person.id)
        return person

    async def round(self, present: Collection[int] | None = None) -> Round:
        now = self.office.now
        async with self.office.database.write("test") as connection:
            done = await offering.play(connection, self.here if present is None else present, ROLES, now)
        if done.up:
            async with self.office.database.write("test") as connection:
                await offering.go_up(connection, done.up, self.office.rules, now)
        return done

    async def asked(self) -> dict[str, str]:
        """Case -> who is asked about it."""
        query = (
            select(offer.c.case_id, agent.c.name)
            .join(agent, agent.c.id == offer.c.agent_id)
            .where(offer.c.state == "offered")
        )
        async with self.office.database.read() as connection:
            return {f"W-{row[0] + 1000}": row[1] for row in await connection.execute(query)}

    @property
    def offering(self) -> Offering:
        desk = self.office.desk

        def changed() -> None:
            self.changed += 1

        return Offering(database=self.office.database, acts=desk.acts, hands=desk.hands, changed=changed)

    async def id_of(self, person: Agent) -> int:
        found = await self.offering.mine(person)
        assert found is not None
        return int(found["id"])

    async def pass_on(self, person: Agent) -> None:
        await self.offering.decline(person, await self.id_of(person))

    async def story(self, number: str) -> list[str]:
        async with self.office.database.read() as connection:
            query = select(case_event.c.kind).where(case_event.c.case_id == case_id(number)).order_by(case_event.c.id)
            return list((await connection.execute(query)).scalars())

    async def flags(self, number: str) -> dict[str, Any]:
        async with self.office.database.read() as connection:
            found = await connection.execute(select(case.c.flags).where(case.c.id == case_id(number)))
            return dict(found.scalar_one() or {})


@pytest.fixture
async def floor(database: Database) -> Floor:
    return await Floor(Office(database)).begin()


async def test_people_take_cases_themselves_unless_an_admin_says_otherwise(database: Database) -> None:
    floor = Floor(Office(database))
    await floor.sits("Lea")
    await floor.office.customer()
    assert await floor.round() == Round()
    assert await floor.asked() == {}


async def test_the_next_case_is_offered_and_taken_with_one_press(floor: Floor) -> None:
    lea = await floor.sits("Lea")
    number = await floor.office.customer()
    later = await floor.office.customer(by="ben")
    done = await floor.round()
    assert done.people == {lea.id}
    assert await floor.asked() == {number: "Lea"}
    answer = await floor.offering.take(lea, await floor.id_of(lea))
    assert (answer["number"], answer["status"], answer["assignee"]) == (number, "open", "Lea")
    assert "claimed" in await floor.story(number)
    assert floor.changed == 1
    await floor.round()
    assert await floor.asked() == {later: "Lea"}


async def test_who_knows_about_a_tag_is_asked_though_they_hold_more(floor: Floor) -> None:
    lea = await floor.sits("Lea")
    tom = await floor.sits("Tom", skills={"tags": ["sso"]})
    held = await floor.office.customer(by="ben")
    await floor.office.desk.claim(tom, held)
    number = await floor.office.customer()
    await floor.office.desk.tagging.change(lea, number, add=["sso", "vip"], remove=[])
    await floor.round()
    assert await floor.asked() == {number: "Tom"}
    await floor.pass_on(tom)
    await floor.round()
    assert await floor.asked() == {number: "Lea"}, "nothing is kept from who does not"


async def test_who_passes_is_not_asked_again_and_the_second_time_a_supervisor_hears(database: Database) -> None:
    floor = await Floor(Office(database, rules=rules(notify=True))).begin()
    lea, jon = await floor.sits("Lea"), await floor.sits("Jon")
    number = await floor.office.customer()
    await floor.round()
    first = lea if (await floor.asked())[number] == "Lea" else jon
    second = jon if first is lea else lea
    await floor.pass_on(first)
    await floor.round()
    assert await floor.asked() == {number: second.name}
    assert "unclaimed" not in await floor.story(number)
    floor.office.now += MINUTE
    done = await floor.round()
    assert done.people == {second.id}, "its time is over"
    assert await floor.asked() == {}
    await floor.round()
    assert (await floor.story(number)).count("unclaimed") == 1
    assert (await floor.flags(number))["unclaimed"]
    async with database.read() as connection:
        whys = [row[0].get("why") for row in await connection.execute(
            select(due.c.data).where(due.c.kind == "notify", due.c.data.is_not(None)))]  # fmt: skip
    assert "unclaimed" in whys
    await floor.office.desk.claim(lea, number)
    assert not (await floor.flags(number))["unclaimed"]


async def test_where_nobody_is_a_supervisor_hears_when_the_time_is_over(floor: Floor) -> None:
    number = await floor.office.customer()
    await floor.round()
    assert "unclaimed" not in await floor.story(number)
    floor.office.now += MINUTE
    await floor.round()
    await floor.round()
    assert (await floor.story(number)).count("unclaimed") == 1


async def test_only_who_is_at_the_desk_not_away_and_may_answer_is_asked(floor: Floor) -> None:
    number = await floor.office.customer()
    await floor.sits("Cleo", "colleague")
    await floor.sits("Away", away_since=floor.office.now)
    await floor.sits("Full", capacity=0)
    program = await floor.sits("Program")
    floor.here.discard(program.id)
    out = await floor.sits("Out")
    locked = await floor.sits("Locked", active=False)
    async with floor.office.database.write("test") as connection:
        await end_sessions(connection, out.id)
    await floor.round()
    assert await floor.asked() == {}
    assert locked.id in floor.here
    await floor.sits("Lea", "supervisor")
    await floor.round()
    assert await floor.asked() == {number: "Lea"}


async def test_what_is_offered_goes_back_at_once_when_they_leave(floor: Floor) -> None:
    lea = await floor.sits("Lea")
    number = await floor.office.customer()
    await floor.round()
    assert await floor.asked() == {number: "Lea"}
    await floor.round(present=())
    assert await floor.asked() == {}
    jon = await floor.sits("Jon")
    await floor.round(present=[jon.id])
    assert await floor.asked() == {number: "Jon"}
    assert await floor.offering.mine(lea) is None
    back = await floor.round(present=[lea.id])
    assert back.people == {lea.id, jon.id}
    assert await floor.asked() == {number: "Lea"}, "she has declined nothing"


async def test_taking_the_next_one_goes_on_and_wins(floor: Floor) -> None:
    lea, jon = await floor.sits("Lea"), await floor.office.agent("Jon")
    number = await floor.office.customer()
    await floor.round()
    offered = await floor.id_of(lea)
    assert await floor.office.desk.take_next(jon) is not None
    with pytest.raises((WrongState, HeldByOther)):
        await floor.offering.take(lea, offered)
    assert await floor.offering.mine(lea) is None
    await floor.round()
    assert await floor.asked() == {}
    await floor.office.desk.release(jon, number)
    await floor.round()
    assert await floor.asked() == {number: "Lea"}, "she has declined nothing"


async def test_an_offer_is_for_one_person_and_for_its_time(floor: Floor) -> None:
    lea, jon = await floor.sits("Lea"), await floor.office.agent("Jon")
    await floor.office.customer()
    await floor.round()
    id_ = await floor.id_of(lea)
    with pytest.raises(NoSuchCase):
        await floor.offering.take(jon, id_)
    with pytest.raises(NoSuchCase):
        await floor.offering.decline(jon, id_)
    with pytest.raises(NoSuchCase):
        await floor.offering.take(lea, 4711)
    floor.office.now += MINUTE
    with pytest.raises(WrongState):
        await floor.offering.take(lea, id_)


async def test_switching_back_takes_back_what_is_on_offer(floor: Floor) -> None:
    lea = await floor.sits("Lea")
    await floor.office.customer()
    await floor.round()
    await floor.begin("pull")
    assert (await floor.round()).people == {lea.id}
    assert await floor.asked() == {}


async def test_a_case_and_a_person_have_one_offer_at_a_time_whoever_asks(floor: Floor) -> None:
    """What a second process, whose lease was lost, would try to write is refused by the database."""
    lea, jon = await floor.sits("Lea"), await floor.sits("Jon")
    numbers = [await floor.office.customer(by=by) for by in ("ann", "ben")]
    await floor.round(present=[lea.id])
    for number, who in ((numbers[0], jon), (numbers[1], lea)):
        with pytest.raises(Exception, match=r"(?i)unique"):
            async with floor.office.database.write("test") as connection:
                await connection.execute(
                    insert(offer).values(case_id=case_id(number), agent_id=who.id, at=floor.office.now,
                                         until=floor.office.now, state="offered")
                )  # fmt: skip
