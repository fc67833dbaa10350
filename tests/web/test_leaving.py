"""Signing out and being locked out, as a browser does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bot.web.who import COOKIE
from store import sessions
from store.agents import find_agent
from tests.house import AgentClient, Desk, desk

OURS = {"Sec-Fetch-Site": "same-origin"}


@asynccontextmanager
async def browser(at: Desk, email: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which somebody who is known is signed in."""
    now = datetime.now(UTC)
    async with at.house.database.write("test") as connection:
        agent = await find_agent(connection, email)
        assert agent is not None
        secret = await sessions.open_session(connection, agent.id, now)
    transport = httpx.ASGITransport(at.house.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.test", cookies={COOKIE: secret}) as http:
        yield http


async def taken(at: Desk, lea: AgentClient, *words: str) -> list[str]:
    for each in words:
        customer = at.customer()
        await customer.write(each)
        await customer.hears("acknowledgement")
    return [(await lea.done("cases/next"))["number"] for _ in words]


async def test_the_page_says_how_many_go_back_and_then_they_do(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        lea = await at.agent("Lea")
        async with browser(at, "lea@desk.example") as http, browser(at, "lea@desk.example") as phone:
            assert "go back to the queue when" not in (await http.get("/desk")).text, "none of hers is open"
            one, two, answered = await taken(at, lea, "everything is down", "you charged me twice", "a person please")
            await lea.done(f"cases/{answered}/reply", {"text": "Done."})
            page = (await http.get("/desk")).text
            assert "2 open cases go back to the queue when you sign out" in page
            assert "The others stay yours until their customer writes." in page
            assert "2 open cases go back" in (await http.get("/desk/side?nav=queue")).text, "and stays true"
            left = await phone.post("/desk/sign-out", headers=OURS)
            assert left.headers["location"] == "/desk/sign-in?left", "she is still signed in elsewhere"
            assert (await lea.case(one))["status"] == "open"
            left = await http.post("/desk/sign-out", headers=OURS)
            assert left.headers["location"] == "/desk/sign-in?left=2"
            assert "2 open cases went back to the queue." in (await http.get(left.headers["location"])).text
        for number in (one, two):
            case = await lea.case(number)
            assert (case["status"], case["assignee"]) == ("waiting", None)
        assert (await lea.case(answered))["assignee"] == "Lea"
        tom = await at.agent("Tom")
        async with browser(at, "tom@desk.example") as http:
            assert "Lea signed out; it went back to the queue" in (await http.get(f"/desk/cases/{one}")).text
        assert (await tom.done("cases/next"))["number"] == one


async def test_what_a_person_held_who_is_locked_out_goes_back(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        lea, _ = await at.agent("Lea"), await at.agent("Ada", "admin")
        (number,) = await taken(at, lea, "everything is down")
        async with browser(at, "ada@desk.example") as http:
            ids = {each["name"]: each["id"] for each in (await http.get("/api/v1/agents")).json()["agents"]}
            done = await http.post(f"/api/v1/agents/{ids['Lea']}/deactivate", headers=OURS)
            assert done.status_code == 200
            page = (await http.get(f"/desk/cases/{number}")).text
        assert "Lea was locked out by Ada; nobody has it now" in page
        assert (await at.sql('SELECT status, assignee_id FROM "case"'))[0] == ("waiting", None)


async def test_a_strange_number_in_the_address_says_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        for said in ("x", "-1", "99999999", "<b>"):
            page = (await at.http.get("/desk/sign-in", params={"left": said})).text
            assert "You are signed out." in page
            assert "went back" not in page
