"""What is one's own: sessions that are seen and ended, the password, the name, being away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from bot.web import devices
from bot.web.signin import TRIES_A_MINUTE
from bot.web.who import COOKIE
from tests.house import desk, served, until
from tests.web.browsers import FIREFOX, PASSWORD, browser, lines, person, sign_in, signed_in


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) AppleWebKit/605 Version/18.0 Mobile Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.0", "Unknown browser"),
        ("<script>alert(1)</script>", "Unknown browser"),
        (None, "Unknown browser"),
    ],
)
def test_a_browser_in_words(said: str | None, words: str) -> None:
    assert devices.in_words(said) == words


async def test_a_person_sees_where_they_are_signed_in_and_ends_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as here, browser(at, **{"User-Agent": FIREFOX}) as there:
        await person(at, "Ada", password=PASSWORD)
        for http in (here, there):
            assert (await sign_in(http, "ada@desk.example")).status_code == 303
        found = (await here.get("/api/v1/sessions")).json()["sessions"]
        assert [each["this"] for each in sorted(found, key=lambda each: each["id"])] == [True, False]
        other = next(each for each in found if not each["this"])
        assert (other["browser"], other["line"], other["how"]) == ("Firefox on Linux", "203.0.113.9", "password")
        page = (await here.get("/desk/me")).text
        assert "Firefox on Linux" in page
        assert "this one" in page
        assert (await here.get(f"/api/v1/sessions/{other['id']}")).json() == other
        assert (await here.delete(f"/api/v1/sessions/{other['id']}")).status_code == 200
        assert (await there.get("/api/v1/me")).status_code == 401
        assert (await here.get("/api/v1/me")).status_code == 200
        assert (await here.delete(f"/api/v1/sessions/{other['id']}")).status_code == 404, "it has ended"


async def test_a_session_of_somebody_else_is_not_there(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Ada") as ada, signed_in(at, "Eve", "supervisor") as eve:
        (of_ada,) = (await ada.get("/api/v1/sessions")).json()["sessions"]
        for id_ in (of_ada["id"], 999_999):
            assert (await eve.get(f"/api/v1/sessions/{id_}")).status_code == 404
            assert (await eve.delete(f"/api/v1/sessions/{id_}")).status_code == 404
        assert (await ada.get("/api/v1/me")).status_code == 200
        async with signed_in(at, "Root", "admin") as root:
            assert (await root.get(f"/api/v1/sessions/{of_ada['id']}")).status_code == 404, "reading is one's own"
            assert (await root.delete(f"/api/v1/sessions/{of_ada['id']}")).status_code == 200
        assert (await ada.get("/api/v1/me")).status_code == 401


async def test_another_website_ends_no_session(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Ada") as ada:
        (mine,) = (await ada.get("/api/v1/sessions")).json()["sessions"]
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert (await ada.delete(f"/api/v1/sessions/{mine['id']}", headers=foreign)).status_code == 401
        assert (await ada.delete("/api/v1/sessions", headers=foreign)).status_code == 401
        assert (await ada.put("/api/v1/me/password", json={}, headers=foreign)).status_code == 401
        assert (await ada.get("/api/v1/me")).status_code == 200


async def test_all_others_are_ended_and_this_one_stays(tmp_path: Path) -> None:
    async with (
        desk(tmp_path) as at,
        signed_in(at, "Ada") as one,
        signed_in(at, "Ada") as two,
        signed_in(at, "Bo") as bo,
    ):
        assert (await one.delete("/api/v1/sessions")).json() == {"sessions_ended": 1}
        assert (await two.get("/api/v1/me")).status_code == 401
        assert (await one.get("/api/v1/me")).status_code == 200
        assert (await bo.get("/api/v1/me")).status_code == 200


@asynccontextmanager
async def stream(url: str, secret: str) -> AsyncIterator[list[str]]:
    """The events of a stream as they come; `(closed)` when it is over."""
    heard: list[str] = []

    async def follow() -> None:
        async with (
            httpx.AsyncClient(timeout=60.0, cookies={COOKIE: secret}) as http,
            http.stream("GET", f"{url}/desk/events") as response,
        ):
            async for line in response.aiter_lines():
                heard.append(line)
            heard.append("(closed)")

    following = asyncio.create_task(follow())
    try:
        yield heard
    finally:
        following.cancel()


def begun(heard: list[str]) -> asyncio.Future[None]:
    async def look() -> bool:
        return "event: hello" in heard

    return asyncio.ensure_future(until(look))


@pytest.mark.parametrize("way", ["one", "all", "lock out", "sign out"])
async def test_a_stream_ends_with_its_session_long_before_the_next_beat(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beats are an hour apart here: whatever ends the stream is the news that the session has ended."""
    monkeypatch.setattr("bot.web.desk.events.BEAT", 3600.0)
    async with (
        desk(tmp_path) as at,
        served(at.house) as url,
        signed_in(at, "Ada") as here,
        signed_in(at, "Ada") as there,
        signed_in(at, "Root", "admin") as root,
        stream(url, there.cookies[COOKIE]) as heard,
        stream(url, root.cookies[COOKIE]) as others,
    ):
        await begun(heard)
        await begun(others)
        found = (await there.get("/api/v1/sessions")).json()["sessions"]
        if way == "one":
            ending = next(each["id"] for each in found if each["this"])
            assert (await here.delete(f"/api/v1/sessions/{ending}")).status_code == 200
        elif way == "all":
            assert (await here.delete("/api/v1/sessions")).status_code == 200
        elif way == "lock out":
            ada = (await root.get("/api/v1/agents")).json()["agents"][0]["id"]
            assert (await root.post(f"/api/v1/agents/{ada}/deactivate")).status_code == 200
        else:
            await there.post("/desk/sign-out")

        async def ended() -> bool:
            return "(closed)" in heard

        assert await until(ended)
        assert 'data: {"why": "signed-out"}' in heard
        assert not any("session" in line for line in heard + others), "of sessions no page is told"
        assert "(closed)" not in others


async def test_a_new_password_needs_the_old_one_and_ends_the_others(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as here, browser(at) as there:
        await person(at, "Ada", password=PASSWORD)
        for http in (here, there):
            await sign_in(http, "ada@desk.example")
        wrong = await here.put("/api/v1/me/password", json={"old": "not the one", "new": "four other words now"})
        assert wrong.status_code == 409
        assert "old password" in wrong.json()["error"]["message"]
        weak = await here.put("/api/v1/me/password", json={"old": PASSWORD, "new": "short"})
        assert weak.status_code == 409
        done = await here.put("/api/v1/me/password", json={"old": PASSWORD, "new": "four other words now"})
        assert done.json() == {"sessions_ended": 1}
        assert (await there.get("/api/v1/me")).status_code == 401
        assert (await here.get("/api/v1/me")).status_code == 200
        assert (await sign_in(there, "ada@desk.example")).status_code == 401
        assert (await sign_in(there, "ada@desk.example", "four other words now")).status_code == 303
        assert [each for each in await lines(at) if "password" in each[0]] == [
            ("password refused", "ada@desk.example"),
            ("password changed", "ada@desk.example"),
        ]
        kept = str(await at.sql("SELECT data FROM audit"))
        assert "words" not in kept, "no password, old or new, is on record"


async def test_guessing_the_old_password_is_slowed_down_as_at_the_door(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        await person(at, "Ada", password=PASSWORD)
        await sign_in(http, "ada@desk.example")
        tried = [
            await http.put("/api/v1/me/password", json={"old": f"guess {n}", "new": "four other words now"})
            for n in range(TRIES_A_MINUTE + 5)
        ]
        assert "Too many tries" in tried[-1].json()["error"]["message"]


async def test_name_and_being_away(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Ada") as ada:
        assert (await ada.put("/api/v1/me", json={"name": "Ada  Ruiz"})).json() == {"name": "Ada Ruiz", "away": False}
        assert (await ada.put("/api/v1/me", json={"away": True})).json() == {"name": "Ada Ruiz", "away": True}
        assert "checked> I am away" in (await ada.get("/desk/me")).text
        for nonsense in ({"role": "admin"}, {"name": ""}, {"away": "perhaps"}, {"id": 1}):
            assert (await ada.put("/api/v1/me", json=nonsense)).status_code == 422
        assert (await ada.get("/api/v1/me")).json()["role"] == "agent"
        assert (await ada.put("/api/v1/me", json={"away": False})).json()["away"] is False
        assert [action for action, _ in await lines(at, "own details")] == ["own details"] * 3


async def test_on_who_is_away_no_time_is_promised(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Ada") as ada:
        await at.sql("UPDATE agent SET away_since = 1")
        await ada.post("/desk/here")
        await ada.get("/api/v1/cases")
        assert await at.house.bus.who_is_present() == set()
        await at.sql("UPDATE agent SET away_since = NULL")
        await ada.post("/desk/here")
        here = await at.house.bus.who_is_present()
        assert [who.partition(":")[0] for who in sorted(here)] == ["agent", "browser"], "and work may be offered there"


async def test_what_a_browser_calls_itself_is_text(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Ada", browser="<script>alert(1)</script>", line="::1") as ada:
        for page in ("/desk/me", "/desk/me/sessions"):
            assert "<script>alert" not in (await ada.get(page)).text
