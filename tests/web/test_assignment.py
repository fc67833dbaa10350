"""Work that is given out, in a running desk: who may say so, who is asked, and what the bus has to do with it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.assigner import Assigner
from store.bus import Bus
from tests.house import Desk, until
from tests.people import rules
from tests.web.test_desk import OURS, Browser, browser, waiting

pytestmark = pytest.mark.asyncio(loop_scope="module")
PUSH = {"mode": "push", "claim_within": 600, "capacity": 3}
PULL = {"mode": "pull", "claim_within": 60, "capacity": 5}


async def put(who: Browser, body: Any) -> Any:
    return await who.http.put("/api/v1/assignment", json=body, headers={**who.headers, **OURS})


async def offer_of(who: Browser) -> dict[str, Any] | None:
    found: dict[str, Any] | None = (await who.get("/api/v1/offers")).json()["offer"]
    return found


async def test_only_an_admin_says_how_work_is_given_out(at: Desk) -> None:
    ada, sam = await browser(at, "Ada Giver", role="admin"), await browser(at, "Sam Giver", role="supervisor")
    assert (await put(sam, PUSH)).status_code == 403
    assert (await sam.get("/api/v1/assignment")).json() == PULL
    for wrong in ({"mode": "shove"}, {"mode": "push", "claim_within": 1}, {"mode": "push", "capacity": 0}, {},
                  {"mode": "push", "more": 1}):  # fmt: skip
        assert (await put(ada, wrong)).status_code == 422
    assert (await put(ada, PUSH)).json() == PUSH
    assert (await sam.get("/api/v1/assignment")).json() == PUSH
    assert (await put(ada, PULL)).status_code == 200
    assert 'id="assignment"' in await ada.page("/desk/people")
    assert (await sam.get("/desk/people")).status_code == 403


async def test_who_is_at_a_page_is_asked_and_who_only_calls_the_api_is_not(at: Desk) -> None:
    ada, mia, leo = (
        await browser(at, "Ada Floor", role="admin"), await browser(at, "Mia Floor"), await browser(at, "Leo Floor")
    )  # fmt: skip
    number = await waiting(at, "the whole site is down, who takes it", name="Ann Offered")
    await mia.get("/api/v1/me")  # a call, but no page
    await put(ada, PUSH)
    assert await offer_of(mia) is None
    await leo.post("/desk/here")
    offer = await until(lambda: offer_of(leo))
    assert offer["case"] == number
    assert await offer_of(mia) is None
    part = await leo.page("/desk/offer")
    assert f'data-take="{offer["id"]}"' in part
    assert "data-take" not in await mia.page("/desk/offer")
    assert (await mia.post(f"/api/v1/offers/{offer['id']}/take")).status_code == 404
    await mia.post("/desk/here")
    assert (await leo.post(f"/api/v1/offers/{offer['id']}/pass")).status_code == 200
    offer = await until(lambda: offer_of(mia))
    taken = await mia.post(f"/api/v1/offers/{offer['id']}/take")
    assert taken.json() == {"number": number, "status": "open", "assignee": "Mia Floor"}
    assert (await mia.post(f"/api/v1/offers/{offer['id']}/take")).json() == taken.json()
    await put(ada, PULL)


async def test_where_the_bus_is_away_nobody_is_asked_and_people_take_cases_themselves(at: Desk) -> None:
    ada, mia = await browser(at, "Ada Bus", role="admin"), await browser(at, "Mia Bus")
    number = await waiting(at, "the whole site is down, and so is Redis", name="Ann Bus")
    house = at.house
    away = await Bus.connect("redis://127.0.0.1:1/0")
    await away.present(f"browser:{mia.agent}", seconds=60)  # known to this process alone
    lone = Assigner(
        database=house.database, bus=away, live=house.frame.live, rules=rules(), roles=("agent",),
        holder="lone", published=house.frame.live.publish,
    )  # fmt: skip
    await put(ada, PUSH)
    done = await lone.round()
    assert mia.agent not in done.people
    assert (await mia.post(f"/api/v1/cases/{number}/claim")).status_code == 200
    await put(ada, PULL)
    await away.close()


async def test_a_person_counts_once_on_duty_however_they_are_here(at: Desk) -> None:
    mia = await browser(at, "Mia Twice")
    before = (await mia.get("/api/v1/stats")).json()["on_duty"]
    await mia.post("/desk/here")
    assert (await mia.get("/api/v1/stats")).json()["on_duty"] == before
