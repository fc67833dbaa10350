"""Many people, one case; many cases, one queue: one winner each, and the order that was promised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.databases import DIALECTS
from tests.house import AgentClient, Customer, Desk, database_for, desk

pytestmark = pytest.mark.asyncio(loop_scope="module")
MANY = 20


async def waiting(at: Desk, *texts: str) -> list[Customer]:
    """Customers who wait, in this order."""
    found = []
    for text in texts:
        found.append(at.customer())
        await found[-1].write(text)
    for ana in found:
        await ana.hears("acknowledgement")
    return found


async def agents(at: Desk, count: int = MANY) -> list[AgentClient]:
    return [await at.agent(f"Agent{number:02}") for number in range(count)]


async def case_number(at: Desk, of: Customer) -> str:
    rows = await at.sql('SELECT max(id) FROM "case" WHERE conversation_id = :id', id=await at.conversation(of))
    return f"W-{rows[0][0] + 1000}"


async def test_twenty_claim_and_one_holds(at: Desk) -> None:
    people = await agents(at)
    for _ in range(2):
        (ana,) = await waiting(at, "everything is down")
        number = await case_number(at, ana)
        responses = await asyncio.gather(*(agent.post(f"cases/{number}/claim") for agent in people))
        won = [response.json()["assignee"] for response in responses if response.status_code == 200]
        lost = [response.json()["error"] for response in responses if response.status_code == 409]
        assert (len(won), len(lost)) == (1, MANY - 1)
        assert {error["holder"] for error in lost} == set(won)
        assert all(won[0] in error["message"] for error in lost)
        notices = [message for message in await ana.read() if message["kind"] == "notice"]
        assert [message["author"] for message in notices] == won

        seq = (await people[0].case(number))["conversation"]["last_seq"]
        replies = await asyncio.gather(
            *(agent.post(f"cases/{number}/reply", {"text": agent.name, "after_seq": seq}) for agent in people)
        )
        assert sorted(response.status_code for response in replies) == [200] + [409] * (MANY - 1)
        said = [message["text"] for message in await ana.read() if message["from"] == "agent"]
        assert said == won


async def test_one_agent_presses_twenty_times(at: Desk) -> None:
    """With a key it is one reply; with `after_seq` too; and a claim is one notice."""
    (ana,) = await waiting(at, "everything is down")
    number = await case_number(at, ana)
    lea = await at.agent("Lea")
    for path, sent in (("claim", None), ("reply", {"text": "hello"}), ("note", {"text": "hm"})):
        responses = await asyncio.gather(
            *(lea.post(f"cases/{number}/{path}", sent, key=f"k-{path}") for _ in range(MANY))
        )
        assert {response.status_code for response in responses} == {200}, [response.text for response in responses]
        assert len({response.text for response in responses}) == 1
    other = await lea.post(f"cases/{number}/reply", {"text": "another"}, key="k-reply")
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_reused")
    seq = (await lea.case(number))["conversation"]["last_seq"]
    again = await asyncio.gather(
        *(lea.post(f"cases/{number}/reply", {"text": "once", "after_seq": seq}) for _ in range(MANY))
    )
    assert sorted(response.status_code for response in again) == [200] + [409] * (MANY - 1)
    assert [line["text"] for line in await ana.read() if line["from"] == "agent"] == ["hello", "once"]
    stale = next(response for response in again if response.status_code == 409).json()["error"]
    assert [line["text"] for line in stale["since"]] == ["once"]


async def test_an_assignment_does_not_take_from_who_was_faster(at: Desk) -> None:
    lea, tom = await at.agent("Lea"), await at.agent("Tom")
    for _ in range(5):
        (ana,) = await waiting(at, "everything is down")
        number = await case_number(at, ana)
        claim, assign = await asyncio.gather(
            tom.post(f"cases/{number}/claim"), lea.post(f"cases/{number}/assign", {"to": "lea@desk.example"})
        )
        assert sorted((claim.status_code, assign.status_code)) in ([200, 403], [200, 409])
        holder = (await lea.case(number))["assignee"]
        assert holder == ("Tom" if claim.status_code == 200 else "Lea")


@pytest.fixture(params=DIALECTS)
async def empty(request: pytest.FixtureRequest, tmp_path) -> AsyncIterator[Desk]:
    async with desk(tmp_path, **await database_for(request.param)) as running:
        yield running


@pytest.mark.asyncio(loop_scope="function")
async def test_twenty_take_next_and_each_gets_the_next(empty: Desk) -> None:
    """All at once, the first time ever: all different; then one by one: by class, by deadline, and nobody starves."""
    people = await agents(empty)
    texts = ["you charged me twice", "everything is down", "it is broken", "let me talk to a human"] * 5
    await waiting(empty, *texts)
    taken = await asyncio.gather(*(agent.post("cases/next") for agent in people))
    assert {response.status_code for response in taken} == {200}, [response.text for response in taken]
    assert len({response.json()["number"] for response in taken}) == MANY
    assert (await people[0].done("cases/next"))["number"] is None

    lea = await empty.agent("Lea")
    await waiting(
        empty, "it is broken", "you charged me twice", "everything is down", "florp", "let me talk to a human"
    )
    listed = [case["number"] for case in (await lea.get("cases", status="waiting"))["cases"]]
    order = [(await lea.done("cases/next"))["number"] for _ in range(5)]
    tiers = [(await lea.case(number))["tier"] for number in order]
    assert tiers == ["outage", "billing", "person", "unknown", "problem"]
    assert order == listed


@pytest.mark.asyncio(loop_scope="function")
async def test_two_classes_and_nobody_starves(empty: Desk) -> None:
    lea = await empty.agent()
    await waiting(empty, *["everything is down"] * 12, "it is broken", "florp", "florp again")
    await empty.sql("UPDATE \"case\" SET deadline = 1, sort_at = 1 WHERE tier = 'problem'")
    await empty.sql(
        'UPDATE "case" SET deadline = 2, sort_at = 2 WHERE id = (SELECT min(id) FROM "case" WHERE tier = \'unknown\')'
    )
    order = []
    for _ in range(15):
        taken = await lea.done("cases/next")
        order.append((await lea.case(taken["number"]))["tier"])
    outages = ["outage"] * 4
    assert order == [*outages, "problem", *outages, "unknown", *outages, "unknown"]


@pytest.mark.asyncio(loop_scope="function")
async def test_next_claims_and_customers_at_once(empty: Desk) -> None:
    """Whoever locks what first: nobody fails, nobody shares a case, nothing is lost."""
    people = await agents(empty, 6)
    customers = await waiting(empty, *["everything is down", "it is broken"] * 5)
    numbers = [await case_number(empty, ana) for ana in customers]

    async def next_until_none(agent: AgentClient) -> list[str]:
        found = []
        while number := (await agent.done("cases/next"))["number"]:
            found.append(number)
        return found

    async def claim_all(agent: AgentClient) -> list[str]:
        responses = {number: await agent.post(f"cases/{number}/claim") for number in numbers}
        assert {response.status_code for response in responses.values()} <= {200, 409}
        return [number for number, response in responses.items() if response.status_code == 200]

    async def write_on(ana: Customer) -> list[str]:
        for _ in range(4):
            assert (await ana.write("and now everything is down")).status_code == 202
        return []

    got = await asyncio.gather(
        *map(next_until_none, people[:3]), *map(claim_all, people[3:]), *map(write_on, customers)
    )
    assert sorted(number for each in got for number in each) == sorted(numbers)
    for ana in customers:
        rows = await people[0].decided(await empty.conversation(ana))
        assert [row["end"] for row in rows] == ["handed_off"] + ["appended"] * 4
