"""One act on many cases: who may, what becomes of each, and that the same request does it once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.house import AgentClient, Desk, desk
from tests.web.test_desk import waiting


@pytest_asyncio.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as running:
        yield running


async def many(at: Desk, count: int) -> list[str]:
    return [await waiting(at, "this is broken", name=f"Customer {n}") for n in range(count)]


async def statuses(who: AgentClient, numbers: list[str]) -> list[tuple[str, str | None]]:
    found = [await who.case(number) for number in numbers]
    return [(case["status"], case["assignee"]) for case in found]


@pytest.mark.parametrize("role", ["colleague", "agent"])
async def test_only_who_supervises_acts_on_many(at: Desk, role: str) -> None:
    lea = await at.agent("Lea", role)
    numbers = await many(at, 2)
    for body in ({"act": "resolve"}, {"act": "release"}, {"act": "assign", "to": "lea@desk.example"}):
        refused = await lea.post("cases/bulk", {**body, "cases": numbers})
        assert refused.status_code == 403
        assert "supervisor" in refused.json()["error"]["message"]
    assert {status for status, _ in await statuses(lea, numbers)} == {"waiting"}


async def test_half_is_done_and_of_the_other_half_it_says_why(at: Desk) -> None:
    mia, lea = await at.agent("Mia", "supervisor"), await at.agent("Lea")
    free, held, done = await many(at, 3)
    await lea.done(f"cases/{held}/claim")
    await lea.done(f"cases/{done}/claim")
    await lea.done(f"cases/{done}/resolve")
    answer = await mia.done("cases/bulk", {"act": "release", "cases": [free, held, done, "W-9999", "nonsense"]})
    assert [one["number"] for one in answer["done"]] == [held]
    assert {one["number"]: one["code"] for one in answer["refused"]} == {
        free: "not_held", done: "wrong_state", "W-9999": "not_found", "nonsense": "not_found",
    }  # fmt: skip
    assert all(one["message"] for one in answer["refused"])
    assert await statuses(mia, [free, held, done]) == [("waiting", None), ("waiting", None), ("resolved", "Lea")]


async def test_each_act_does_to_each_case_what_it_does_to_one(at: Desk) -> None:
    mia, lea = await at.agent("Mia", "supervisor"), await at.agent("Lea")
    numbers = await many(at, 2)
    await mia.done("cases/bulk", {"act": "assign", "cases": numbers, "to": "lea@desk.example"})
    assert await statuses(mia, numbers) == [("open", "Lea")] * 2
    until = (datetime.now(UTC) + timedelta(minutes=2)).isoformat()
    await mia.done("cases/bulk", {"act": "snooze", "cases": numbers, "until": until})
    assert await statuses(mia, numbers) == [("snoozed", "Lea")] * 2
    await mia.done("cases/bulk", {"act": "resolve", "cases": numbers, "outcome": "workaround"})
    assert await statuses(mia, numbers) == [("resolved", "Lea")] * 2
    assert (await lea.case(numbers[0]))["outcome"] == "workaround"
    lines = await at.sql("SELECT action, count(*) FROM audit WHERE subject IN (:a, :b) GROUP BY action",
                         a=numbers[0], b=numbers[1])  # fmt: skip
    assert dict((action, count) for action, count in lines) == {"assign": 2, "snooze": 2, "resolve": 2}


async def test_the_same_request_does_each_once_and_tries_again_what_was_refused(at: Desk) -> None:
    mia, lea = await at.agent("Mia", "supervisor"), await at.agent("Lea")
    free, done = await many(at, 2)
    await lea.done(f"cases/{done}/claim")
    await lea.done(f"cases/{done}/resolve")
    body = {"act": "resolve", "cases": [free, done]}
    answers = await asyncio.gather(*(mia.post("cases/bulk", body, key="k") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert [one["number"] for one in answers[0].json()["refused"]] == [done]
    events = "SELECT count(*) FROM case_event WHERE kind = 'resolved' AND case_id = :id"
    assert (await at.sql(events, id=int(free[2:]) - 1000))[0][0] == 1
    await lea.done(f"cases/{done}/reopen")
    again = await mia.done("cases/bulk", body, key="k")
    assert sorted(one["number"] for one in again["done"]) == sorted([free, done])
    assert (await at.sql(events, id=int(free[2:]) - 1000))[0][0] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"act": "resolve", "cases": []},
        {"act": "resolve", "cases": [f"W-{n}" for n in range(1001, 1102)]},
        {"act": "resolve", "cases": ["W-1001", "W-1001"]},
        {"act": "resolve"},
        {"act": "delete", "cases": ["W-1001"]},
        {"act": "assign", "cases": ["W-1001"]},
        {"act": "snooze", "cases": ["W-1001"]},
        {"act": "release", "cases": ["W-1001"], "to": "lea@desk.example"},
        {"act": "release", "cases": ["W-1001"], "outcome": "solved"},
        {"act": "resolve", "cases": ["W-1001"], "outcome": "returned"},
        {"act": "resolve", "cases": ["W" * 21]},
    ],
)
async def test_what_makes_no_sense_is_refused_whole(at: Desk, body: dict[str, Any]) -> None:
    mia = await at.agent("Mia", "supervisor")
    refused = await mia.post("cases/bulk", body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid")


async def test_cases_are_given_only_to_who_answers(at: Desk) -> None:
    mia, _ = await at.agent("Mia", "supervisor"), await at.agent("Carl", "colleague")
    numbers = await many(at, 1)
    for to in ("carl@desk.example", "nobody@desk.example"):
        refused = await mia.post("cases/bulk", {"act": "assign", "cases": numbers, "to": to})
        assert refused.status_code == 404
    assert await statuses(mia, numbers) == [("waiting", None)]
