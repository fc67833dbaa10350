"""Coming in: passwords, one-time links, sessions; and who is kept out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.web import passwords
from bot.web.shell import shown_path
from bot.web.signin import TRIES_A_MINUTE
from bot.web.who import COOKIE
from store import sessions
from tests.house import Desk, database_for, desk

OURS = {"Sec-Fetch-Site": "same-origin"}
PASSWORD = "three unrelated words"


@pytest.fixture(params=["sqlite", "postgresql"])
async def at(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path, **await database_for(request.param)) as opened:
        yield opened


def browser(at: Desk) -> httpx.AsyncClient:
    """A browser of its own: no cookies yet."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(at.house.app), base_url="http://desk.test")


async def join(http: httpx.AsyncClient, secret: str, **fields: str) -> httpx.Response:
    form = {"name": "Ada", "email": "ada@desk.example", "password": PASSWORD} | fields
    return await http.post(f"/desk/welcome/{secret}", data=form, headers=OURS)


async def invited(at: Desk, email: str | None = None, role: str = "admin", **more: Any) -> str:
    async with at.house.database.write("test") as connection:
        return await sessions.make_invite(
            connection, email=email, name="", role=role, made_by=None, now=more.get("now", datetime.now(UTC))
        )


async def test_from_the_first_link_to_signing_in_again(at: Desk) -> None:
    secret = await at.house.first_link()
    assert secret is not None
    async with browser(at) as http:
        assert "Nobody is an admin here yet." in (await http.get("/desk/sign-in")).text
        page = await http.get(f"/desk/welcome/{secret}")
        assert page.status_code == 200
        assert "admin" in page.text
        assert (await http.get(f"/desk/welcome/{secret}")).status_code == 200, "looking uses nothing up"
        joined = await join(http, secret)
        assert (joined.status_code, joined.headers["location"]) == (303, "/desk")
        cookie = joined.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        me = (await http.get("/api/v1/me")).json()
        assert me == {"email": "ada@desk.example", "name": "Ada", "role": "admin"}
        assert await at.house.first_link() is None, "there is an admin now"
    async with browser(at) as other:
        assert (await join(other, secret)).status_code == 404, "it lets one person in"
        refused = await other.post(
            "/desk/sign-in", data={"email": "ada@desk.example", "password": "wrong words here"}, headers=OURS
        )
        assert refused.status_code == 401
        assert "Email or password is wrong." in refused.text
        let_in = await other.post(
            "/desk/sign-in", data={"email": "ADA@desk.example", "password": PASSWORD}, headers=OURS
        )
        assert let_in.status_code == 303
        assert (await other.get("/api/v1/me")).status_code == 200


async def test_of_two_who_open_a_link_at_once_one_comes_in(at: Desk) -> None:
    secret = await invited(at)
    async with browser(at) as one, browser(at) as two:
        answers = await asyncio.gather(
            join(one, secret, email="one@desk.example"), join(two, secret, email="two@desk.example")
        )
    assert sorted(answer.status_code for answer in answers) == [303, 404]


async def test_a_link_for_somebody_changes_their_password_and_ends_their_sessions(at: Desk) -> None:
    await at.agent("Lea")
    async with browser(at) as old, browser(at) as new:
        assert (await join(old, await invited(at, "lea@desk.example", "agent"), name="Lea")).status_code == 303
        assert (await old.get("/api/v1/me")).status_code == 200
        link = await invited(at, "lea@desk.example", "agent")
        given = await join(new, link, name="Lea", email="somebody@else.example", password="four other words now")
        assert given.status_code == 303
        assert (await new.get("/api/v1/me")).json()["email"] == "lea@desk.example", "a link is for whom it was made"
        assert (await old.get("/api/v1/me")).status_code == 401


async def test_an_open_link_opens_nobodys_account(at: Desk) -> None:
    await at.agent("Lea")
    secret = await invited(at)
    async with browser(at) as http:
        refused = await join(http, secret, email="lea@desk.example")
        assert refused.status_code == 422
        assert "here already" in refused.text
        assert (await join(http, secret)).status_code == 303, "and the link still works for somebody new"


async def test_the_link_for_the_first_admin_is_over_when_there_is_one(at: Desk) -> None:
    printed = await at.house.first_link()
    assert printed is not None
    async with browser(at) as ada, browser(at) as eve:
        assert (await join(ada, await invited(at, "ada@desk.example", "admin"))).status_code == 303
        assert (await join(eve, printed, email="eve@evil.example")).status_code == 404
        later = await invited(at, role="agent")
        assert (await join(ada, await invited(at, "bo@desk.example", "admin"), name="Bo")).status_code == 303
        assert (await eve.get(f"/desk/welcome/{later}")).status_code == 200, "one that is made since goes on"


async def test_a_link_ends_by_itself(at: Desk) -> None:
    secret = await invited(at, now=datetime.now(UTC) - timedelta(hours=24, seconds=1))
    async with browser(at) as http:
        assert (await http.get(f"/desk/welcome/{secret}")).status_code == 404
        assert (await join(http, secret)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"password": "short"}, "10 or more"),
        ({"password": "x" * 201}, "shorter"),
        ({"password": "aaaaaaaaaaaa"}, "guessed"),
        ({"password": "ada@desk.example"}, "guessed"),
        ({"name": "  "}, "name"),
        ({"email": "ada"}, "address"),
        ({"email": "a b@c.example"}, "address"),
    ],
)
async def test_what_is_wrong_is_said_and_uses_nothing_up(tmp_path: Path, fields: dict[str, str], says: str) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        secret = await invited(at)
        refused = await join(http, secret, **fields)
        assert refused.status_code == 422
        fault = re.search(r'role="alert" id="fault">([^<]*)', refused.text)
        assert fault is not None
        assert says in fault[1]
        assert (await join(http, secret)).status_code == 303


async def test_another_website_can_do_nothing_with_somebodys_session(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        await join(http, await invited(at))
        body = {"email": "eve@evil.example", "name": "Eve", "role": "admin"}
        for headers in (
            {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {},
        ):
            refused = await http.post("/api/v1/agents/invites", json=body, headers=headers)
            assert refused.status_code == 401, headers
        for path in ("/desk/sign-in", f"/desk/welcome/{await invited(at)}"):
            form = {"email": "ada@desk.example", "name": "Eve", "password": PASSWORD}
            assert (await http.post(path, data=form, headers={"Origin": "https://evil.example"})).status_code == 403
        kept = http.cookies[COOKIE]
        away = await http.post("/desk/sign-out", headers={"Origin": "https://evil.example"})
        assert "set-cookie" not in away.headers, "nor is the browser told to forget it"
        assert http.cookies[COOKIE] == kept
        assert (await http.get("/api/v1/me")).status_code == 200


async def test_signing_out_ends_the_session_for_good(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        await join(http, await invited(at))
        kept = http.cookies[COOKIE]
        left = await http.post("/desk/sign-out", headers=OURS)
        assert left.headers["location"] == "/desk/sign-in?left"
        http.cookies.set(COOKIE, kept)
        assert (await http.get("/api/v1/me")).status_code == 401


async def test_signing_in_makes_a_new_session_and_ends_the_one_before(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        await join(http, await invited(at))
        before = http.cookies[COOKIE]
        await http.post("/desk/sign-in", data={"email": "ada@desk.example", "password": PASSWORD}, headers=OURS)
        assert http.cookies[COOKIE] != before
        async with browser(at) as thief:
            thief.cookies.set(COOKIE, before)
            assert (await thief.get("/api/v1/me")).status_code == 401


async def test_guessing_is_slowed_down_for_known_and_unknown_alike(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        await join(http, await invited(at))
        http.cookies.clear()
        for email in ("ada@desk.example", "nobody@desk.example"):
            statuses = [
                (await http.post("/desk/sign-in", data={"email": email, "password": "guess"}, headers=OURS)).status_code
                for _ in range(6)
            ]
            assert set(statuses) <= {401, 429}
        refused = await http.post("/desk/sign-in", data={"email": "x@y.example", "password": "guess"}, headers=OURS)
        assert refused.status_code == 429
        assert "Wait" in refused.text


async def test_who_guesses_keeps_nobody_else_out(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        await join(http, await invited(at))
        async with browser_from(at, "203.0.113.9") as guesser:
            guesses = [await sign_in(guesser, "guess") for _ in range(TRIES_A_MINUTE + 5)]
        assert guesses[-1].status_code == 429
        async with browser_from(at, "198.51.100.7") as ada:
            assert (await sign_in(ada, PASSWORD)).status_code == 303


async def test_a_network_of_ipv6_is_one_line(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        for host in range(TRIES_A_MINUTE + 5):
            async with browser_from(at, f"2001:db8:1:2::{host:x}") as http:
                tried = await sign_in(http, "guess", email=f"person{host}@desk.example")
        assert tried.status_code == 429


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/x-www-form-urlencoded", "&".join(f"a{n}=1" for n in range(50))),
        ("multipart/form-data; boundary=b", "no form at all"),
        ("multipart/form-data", "without a boundary"),
        (
            "multipart/form-data; boundary=b",
            '--b\r\nContent-Disposition: form-data; name="email"; filename="x"\r\n\r\nx\r\n--b--\r\n',
        ),
    ],
)
async def test_what_is_no_form_signs_nobody_in(tmp_path: Path, kind: str, content: str) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        refused = await http.post("/desk/sign-in", content=content, headers={**OURS, "Content-Type": kind})
        assert refused.status_code == 401
        asked = await http.post(
            f"/desk/welcome/{await invited(at)}", content=content, headers={**OURS, "Content-Type": kind}
        )
        assert asked.status_code == 422


async def test_nobody_on_the_way_keeps_what_agents_read(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        await join(http, await invited(at))
        for path in ("/api/v1/me", "/api/v1/cases", "/api/v1/cases/W-9", "/desk/side"):
            assert (await http.get(path)).headers["cache-control"] == "no-store", path


async def sign_in(http: httpx.AsyncClient, password: str, email: str = "ada@desk.example") -> httpx.Response:
    return await http.post("/desk/sign-in", data={"email": email, "password": password}, headers=OURS)


def browser_from(at: Desk, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(at.house.app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://desk.test")


async def test_a_session_that_nobody_uses_ends_and_one_in_use_goes_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        await join(http, await invited(at))
        await at.sql("UPDATE session SET seen_at = seen_at - 700000000")
        before = (await at.sql("SELECT expires_at FROM session"))[0][0]
        assert (await http.get("/api/v1/me")).status_code == 200
        assert (await at.sql("SELECT expires_at FROM session"))[0][0] > before
        await at.sql("UPDATE session SET expires_at = 1")
        assert (await http.get("/api/v1/me")).status_code == 401


@pytest.mark.parametrize(
    "next_", ["https://evil.example", "//evil.example", "/desk//evil", "/\\evil", "/help", "/desk\r\nX: y", ""]
)
async def test_after_signing_in_one_stays_on_the_desk(tmp_path: Path, next_: str) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        await join(http, await invited(at))
        form = {"email": "ada@desk.example", "password": PASSWORD, "next": next_}
        assert (await http.post("/desk/sign-in", data=form, headers=OURS)).headers["location"] == "/desk"
        form["next"] = "/desk/cases/W-1001"
        assert (await http.post("/desk/sign-in", data=form, headers=OURS)).headers["location"] == "/desk/cases/W-1001"


async def test_people_are_invited_and_locked_out_by_admins_alone(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        lea = await at.agent("Lea", "supervisor")
        asked = {"email": "mia@desk.example", "name": "Mia", "role": "agent"}
        assert (await lea.post("agents/invites", asked)).status_code == 403
        ada = await at.agent("Ada", "admin")
        link = (await ada.done("agents/invites", asked))["link"]
        assert (await join(http, link.rsplit("/", 1)[1], name="Mia")).status_code == 303
        everybody = await ada.get("agents")
        assert [each["name"] for each in everybody["agents"]] == ["Ada", "Lea", "Mia"]
        assert everybody["invites"] == []
        ids = {each["name"]: each["id"] for each in everybody["agents"]}
        assert (await lea.post(f"agents/{ids['Mia']}/deactivate")).status_code == 403
        assert (await ada.post(f"agents/{ids['Ada']}/deactivate")).status_code == 409
        await ada.done(f"agents/{ids['Mia']}/deactivate")
        assert (await http.get("/api/v1/me")).status_code == 401, "at once, on every device"
        await ada.done(f"agents/{ids['Lea']}/deactivate")
        assert (await lea.post("cases/next")).status_code == 401, "tokens too"
        assert (await ada.post("agents/999/deactivate")).status_code == 404


async def test_the_status_line_is_said_by_supervisors(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        lea, sam = await at.agent("Lea"), await at.agent("Sam", "supervisor")
        assert (await lea.get("status"))["state"] == "fine"
        said = {"state": "trouble", "text": "Mail leaves late. Next word by 15:00."}
        headers = {"Authorization": f"Bearer {lea.token}"}
        assert (await at.http.put("/api/v1/status", json=said, headers=headers)).status_code == 403
        headers = {"Authorization": f"Bearer {sam.token}"}
        assert (await at.http.put("/api/v1/status", json=said, headers=headers)).status_code == 200
        assert (await lea.get("status"))["text"] == "Mail leaves late. Next word by 15:00."


async def test_nobody_is_compared_with_as_slowly_as_somebody() -> None:
    keeper = passwords.Passwords()
    kept = await keeper.hash(PASSWORD)
    assert await keeper.matches(kept, PASSWORD)
    assert not await keeper.matches(kept, PASSWORD + "!")
    assert not await keeper.matches(None, "nobody signs in with this")
    assert not await keeper.matches("not a hash", PASSWORD)


def test_no_link_stands_in_the_log() -> None:
    assert shown_path("/desk/welcome/BcirfvL6urcKri7dBZaH7uTnUtjgOpYM") == "/desk/welcome/…"
