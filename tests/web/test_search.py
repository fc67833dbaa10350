"""Search over HTTP: what leads where, what is shown as it was written, and what nobody may find."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.house import Desk
from tests.web.test_desk import Browser, browser, waiting

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def look(mia: Browser, q: str, **more: Any) -> dict[str, Any]:
    response = await mia.get("/api/v1/search", q=q, **more)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def marked(page: str) -> list[str]:
    return re.findall(r"<mark>(.*?)</mark>", page)


async def test_a_message_a_note_and_a_reply_are_found_with_the_words_marked(at: Desk) -> None:
    mia = await browser(at, "Mia Finder")
    number = await waiting(at, "the lighthouse café is down <b>now</b>", name="Tove Finder")
    await mia.post(f"/api/v1/cases/{number}/claim")
    await mia.post(f"/api/v1/cases/{number}/note", {"text": "the lighthouse has called twice"})
    await mia.post(f"/api/v1/cases/{number}/reply", {"text": "We look after your lighthouse."})
    page = await mia.page("/desk/search", q="LIGHTHOUSE")
    assert marked(page) == ["lighthouse"] * 3
    assert page.index("We look after") < page.index("has called") < page.index("is down")
    assert "&lt;b&gt;now&lt;/b&gt;" in page
    assert "Note by Mia Finder" in page
    assert "Mia Finder wrote" in page
    assert f'href="/desk/cases/{number}#m-1"' in page
    found = await look(mia, "cafe lighthouse")
    assert [hit["case"] for hit in found["results"]] == [number]
    assert {"text": "café", "found": True} in found["results"][0]["excerpt"]
    assert [hit["direction"] for hit in (await look(mia, "lighthouse from:note"))["results"]] == ["note"]
    assert len((await look(mia, "lighthouse from:me"))["results"]) == 2
    assert [hit["from"] for hit in (await look(mia, 'lighthouse from:"tove finder"'))["results"]] == ["customer"]


async def test_people_are_found_by_any_word_of_their_name(at: Desk) -> None:
    mia = await browser(at, "Pia Finder")
    number = await waiting(at, "the whole site is down", name="Åsa Marie Quist")
    found = await look(mia, "quist")
    assert [(who["name"], who["case"]) for who in found["people"]] == [("Åsa Marie Quist", number)]
    page = await mia.page("/desk/search", q="asa quist")
    assert "Åsa Marie Quist" in page
    said = await look(mia, "person:qui site")
    assert [hit["case"] for hit in said["results"]] == [number]
    assert (await look(mia, "person:qui lighthouses"))["results"] == []


async def test_a_number_typed_whole_leads_to_its_case(at: Desk) -> None:
    mia = await browser(at, "Nia Finder")
    number = await waiting(at, "the whole site is down")
    for typed in (number, number.lower(), number[2:], f" {number} "):
        answer = await mia.get("/desk/search", q=typed)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/cases/{number}")
    assert (await look(mia, number))["case"] == number
    assert (await look(mia, "W-999999999"))["case"] is None
    assert "Nothing found" in await mia.page("/desk/search", q="W-999999999")


async def test_a_page_that_found_nothing_says_what_to_do(at: Desk) -> None:
    mia = await browser(at, "Lia Finder")
    assert "What are you looking for?" in await mia.page("/desk/search")
    nothing = await mia.page("/desk/search", q="xyzzyplugh")
    assert "Nothing found for" in nothing
    assert "What you can type" in nothing
    assert "There is no word in" in await mia.page("/desk/search", q="***")
    wrong = await mia.page("/desk/search", q="tier:urgent before:tomorrowish site")
    assert "tier: knows outage" in wrong
    assert "before: wants a day" in wrong


@pytest.mark.parametrize(
    "q",
    ['"', '""', "*", "NEAR(", "a AND", "OR OR", "-", "^a", "{a b}: c", "words:site", "' OR 1=1 --", "a" * 10_000,
     "site " * 2_000, "\x00", "x\x00site", "%", "\\", "person:", "from:*", 'tier:"', "after:2026-99-99",
     "channel:\u202e",
     "\U0001f468\u200d\U0001f469", "person:" * 40, "a:b:c", "\ue000ana", "\ue001customer", "<script>alert(1)</script>"],
)  # fmt: skip
async def test_whatever_is_typed_has_an_answer(at: Desk, q: str) -> None:
    mia = await browser(at, "Zia Finder")
    page = await mia.get("/desk/search", q=q)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "faults" in await look(mia, q)


async def test_a_cursor_that_is_none_of_ours_is_refused(at: Desk) -> None:
    mia = await browser(at, "Kia Finder")
    assert (await mia.get("/api/v1/search", q="site", cursor="nonsense")).status_code == 400
    assert (await mia.get("/desk/search", q="site", below="nonsense")).status_code == 200


async def test_nobody_but_the_team_finds_anything(at: Desk) -> None:
    await waiting(at, "a secret about our moonbase")
    assert (await at.http.get("/api/v1/search", params={"q": "moonbase"})).status_code == 401
    assert (await at.http.get("/desk/search", params={"q": "moonbase"})).status_code == 303
    customer = at.customer()
    await customer.write("hello there, my moonbase is down")
    token = {"Authorization": f"Bearer {customer.token}"}
    assert (await at.http.get("/api/v1/search", params={"q": "moonbase"}, headers=token)).status_code == 401
    reader = await browser(at, "Ria Finder", role="colleague")
    assert (await look(reader, "moonbase"))["results"]
