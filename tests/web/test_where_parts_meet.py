"""Where parts of the desk meet: many at once and held replies, who loses a right or a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import desk
from tests.web.browsers import PASSWORD, browser, person, sign_in, signed_in
from tests.web.test_desk import waiting
from tests.web.test_leaving import taken
from tests.web.test_people import ids


async def test_a_reply_that_cannot_leave_stops_one_of_many(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        mia = await at.agent("Mia", "supervisor")
        customer = at.customer()
        await customer.write("this is broken")
        await customer.hears("acknowledgement")
        mine = (await mia.done("cases/next"))["number"]
        other = await waiting(at, "this is broken", name="Other")
        before = (await at.sql("SELECT max(seq) FROM message WHERE conversation_id = 1"))[0][0]
        await mia.done(f"cases/{mine}/reply", {"text": "It is not.", "after_seq": before, "hold": 30})
        await customer.write("and now it burns")
        answer = await mia.done("cases/bulk", {"act": "resolve", "cases": [mine, other]})
        assert [one["number"] for one in answer["done"]] == [other]
        assert [(one["number"], one["code"]) for one in answer["refused"]] == [(mine, "stale")]


@pytest.mark.parametrize("how", ["role", "sessions"])
async def test_who_may_not_answer_or_was_signed_out_keeps_nobody_waiting(tmp_path: Path, how: str) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root, browser(at) as page:
        lea = await at.agent("Lea")
        await person(at, "Lea", password=PASSWORD)
        await sign_in(page, "lea@desk.example")
        (number,) = await taken(at, lea, "everything is down")
        who = (await ids(root))["Lea"]
        if how == "role":
            assert (await root.put(f"/api/v1/agents/{who}", json={"role": "colleague"})).status_code == 200
        else:
            assert (await root.delete(f"/api/v1/agents/{who}/sessions")).status_code == 200
        case = (await root.get(f"/api/v1/cases/{number}")).json()
        assert (case["status"], case["assignee"], case["deadline"] is not None) == ("waiting", None, True)


async def test_a_new_role_that_answers_changes_nothing_for_customers(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root:
        lea = await at.agent("Lea")
        (number,) = await taken(at, lea, "everything is down")
        who = (await ids(root))["Lea"]
        assert (await root.put(f"/api/v1/agents/{who}", json={"role": "supervisor"})).status_code == 200
        assert (await lea.case(number))["assignee"] == "Lea"
