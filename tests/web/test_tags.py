"""Tags over the agents' API and on the desk's pages: who may, what is refused, and that none is ever markup."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.house import AgentClient, Desk
from tests.web.test_leaving import OURS, browser
from tests.web.test_life_api import case_of, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVIL = "<img src=x onerror=alert(1)>"
SHOWN = "<img-src=x-onerror=alert(1)>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lea(at: Desk) -> AgentClient:
    return await at.agent("Lea")


async def test_a_colleague_tags_a_case_and_it_is_told_everywhere(at: Desk, lea: AgentClient) -> None:
    zoe = await at.agent("Zoe", "colleague")
    _, number = await case_of(at, lea)
    done = await zoe.done(f"cases/{number}/tags", {"add": [" Late  Refund", "VIP"]})
    assert done["tags"] == ["late-refund", "vip"]
    assert (await lea.case(number))["tags"] == ["late-refund", "vip"]
    listed = {row["number"]: row["tags"] for row in (await lea.get("cases", limit=200))["cases"]}
    assert listed[number] == ["late-refund", "vip"]
    assert {"tag": "late-refund", "open": 1} in (await lea.get("tags"))["tags"]
    assert (await lea.get("tags", q="LATE r")) == {"tags": [{"tag": "late-refund", "open": 1}], "more": False}
    assert (await lea.get("tags", q="\u202e")) == {"tags": [], "more": False}
    await lea.done(f"cases/{number}/tags", {"remove": ["Vip"], "add": ["sso"]})
    async with browser(at, "lea@desk.example") as http:
        page = (await http.get(f"/desk/cases/{number}")).text.replace("\u2068", "").replace("\u2069", "")
        assert "Zoe tagged it “late-refund”, “vip”" in page
        assert "Lea tagged it “sso” and took off “vip”" in page
        assert 'href="/desk/search?q=tag:late-refund"' in page
        found = (await http.get("/desk/search?q=tag:late-refund")).text
        assert f'href="/desk/cases/{number}#' in found
        assert number not in (await http.get("/desk/search?q=tag:vip")).text


async def test_a_row_shows_two_and_how_many_more(at: Desk, lea: AgentClient) -> None:
    _, number = await case_of(at, lea, "my mailbox is broken")
    await lea.done(f"cases/{number}/tags", {"add": ["a1", "b2", "c3", "d4"]})
    async with browser(at, "lea@desk.example") as http:
        page = (await http.get("/desk/queue/rows?limit=200")).text
    row = page.partition(f'data-case="{number}"')[2].partition("</li>")[0]
    assert "<bdi>a1</bdi>" in row
    assert "<bdi>b2</bdi>" in row
    assert "c3" not in row
    assert "+2" in row


async def test_a_tag_is_never_markup(at: Desk, lea: AgentClient) -> None:
    _, number = await case_of(at, lea)
    await lea.done(f"cases/{number}/tags", {"add": [EVIL, "it's"]})
    async with browser(at, "lea@desk.example") as http:
        for path in (f"/desk/cases/{number}", "/desk", "/desk/queue/rows", f"/desk/search?q=tag:{SHOWN}"):
            page = (await http.get(path)).text
            assert "<img" not in page, path
        assert "&lt;img-src=x-onerror=alert(1)&gt;" in (await http.get(f"/desk/cases/{number}")).text


@pytest.mark.parametrize(
    ("body", "field", "why"),
    [
        ({}, "", "says nothing"),
        ({"add": []}, "", "says nothing"),
        ({"add": ["vip"], "remove": ["VIP"]}, "", "add and remove vip"),
        ({"add": ["vip", ""]}, "add.1", "is no word"),
        ({"add": ["a\u202eb"]}, "add.0", "U+202E"),
        ({"add": ["a,b"]}, "add.0", "holds ,"),
        ({"add": ["x" * 41]}, "add.0", "more than 40"),
        ({"add": ["x" * 100_000]}, "add.0", "more than 40"),
        ({"remove": ["\x00"]}, "remove.0", "U+0000"),
        ({"add": [f"t{n}" for n in range(101)]}, "", "more than 100"),
        ({"add": "vip"}, "add", "Correct it"),
        ({"add": [7]}, "add.0", "text"),
        ({"tags": ["vip"]}, "tags", ""),
    ],
)
async def test_what_is_no_tag_is_refused_by_name_and_nothing_is_kept(
    at: Desk, lea: AgentClient, body: dict[str, Any], field: str, why: str
) -> None:
    before = await at.sql("SELECT count(*) FROM case_tag")
    _, number = await case_of(at, lea)
    answer = await lea.post(f"cases/{number}/tags", body)
    assert answer.status_code == 422, answer.text
    assert field in answer.text
    assert why in answer.json()["error"]["message"] + answer.text
    assert len(answer.content) < 2000
    assert await at.sql("SELECT count(*) FROM case_tag") == before


async def test_too_many_are_refused_with_the_number(at: Desk, lea: AgentClient) -> None:
    _, number = await case_of(at, lea)
    await lea.done(f"cases/{number}/tags", {"add": [f"t{n}" for n in range(12)]})
    more = await lea.post(f"cases/{number}/tags", {"add": ["one-more"]})
    assert refused(more) == (409, "wrong_state")
    assert "12 are the most" in more.json()["error"]["message"]
    assert refused(await lea.post("cases/W-999999/tags", {"add": ["one"]}))[0] == 404


async def test_a_skill_is_a_tag_as_it_is_kept(at: Desk, lea: AgentClient) -> None:
    root = await at.agent("Root", "admin")
    who = next(each["id"] for each in (await root.get("agents"))["agents"] if each["name"] == "Lea")
    async with browser(at, "root@desk.example") as http:
        done = await http.put(f"/api/v1/agents/{who}", json={"skills": {"tags": ["Late refund", "SSO"]}}, headers=OURS)
        assert done.json()["skills"]["tags"] == ["late-refund", "sso"]
        assert 'value="late-refund, sso"' in (await http.get(f"/desk/people/{who}")).text
        bad = await http.put(f"/api/v1/agents/{who}", json={"skills": {"tags": ["\u202e"]}}, headers=OURS)
        assert bad.status_code == 422
        assert "U+202E" in bad.text
