"""Saved replies over HTTP: whose they are, who may write them, and in which order a case offers them."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.house import AgentClient, Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def put(who: AgentClient, id_: int, **body: Any) -> httpx.Response:
    return await who.http.put(f"/api/v1/macros/{id_}", json=body, headers=who._headers())


async def drop(who: AgentClient, id_: int) -> httpx.Response:
    return await who.http.delete(f"/api/v1/macros/{id_}", headers=who._headers())


async def titles(who: AgentClient, path: str = "macros") -> list[str]:
    return [macro["title"] for macro in (await who.get(path))["macros"]]


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def none_yet(at: Desk) -> None:
    await at.sql("UPDATE macro SET archived_at = 0")


async def team(at: Desk, name: str, *members: str) -> int:
    await at.sql("INSERT INTO team (name, created_at) VALUES (:name, 0)", name=name)
    id_ = int((await at.sql("SELECT id FROM team WHERE name = :name", name=name))[0][0])
    for member in members:
        await at.sql(
            "INSERT INTO team_member (team_id, agent_id) SELECT :team, id FROM agent WHERE name = :name",
            team=id_, name=member,
        )  # fmt: skip
    return id_


async def test_whose_they_are(at: Desk) -> None:
    lea, tom, mia = await at.agent("Lea"), await at.agent("Tom"), await at.agent("Mia", "supervisor")
    kim = await at.agent("Kim", "colleague")
    billing = await team(at, "Billing", "Tom")
    own = await lea.done("macros", {"title": "Mine", "body": "Hi {name}"})
    assert (own["whose"], own["yours"]) == ("mine", True)
    for whose in ("all", f"team:{billing}"):
        refused = await lea.post("macros", {"title": "x", "body": "x", "whose": whose})
        assert (refused.status_code, "write macros for others" in refused.text) == (403, True)
    assert (await kim.post("macros", {"title": "x", "body": "x"})).status_code == 403
    shared = await mia.done("macros", {"title": "All", "body": "x", "whose": "all"})
    theirs = await mia.done("macros", {"title": "Team", "body": "x", "whose": f"team:{billing}"})
    assert theirs["team"] == "Billing"
    assert (await mia.post("macros", {"title": "x", "body": "x", "whose": "team:99999"})).status_code == 404
    assert [await titles(who) for who in (lea, tom, mia, kim)] == [
        ["All", "Mine"],
        ["All", "Team"],
        ["All", "Team"],
        ["All"],
    ]
    change = {"title": "New", "body": "y"}
    assert (await put(tom, own["id"], **change)).status_code == 404, "somebody's own is nobody else's"
    assert (await put(mia, own["id"], **change)).status_code == 404
    for macro in (shared, theirs):
        assert (await put(lea, macro["id"], **change)).status_code == 403
        assert (await drop(tom, macro["id"])).status_code == 403
    assert (await put(lea, shared["id"], whose="mine", **change)).status_code == 403, "nor is it made one's own"
    assert (await put(lea, own["id"], whose="all", **change)).status_code == 403
    assert (await put(lea, own["id"], **change)).json()["title"] == "New"
    assert (await lea.post(f"macros/{shared['id']}/used")).status_code == 200
    assert (await lea.post(f"macros/{theirs['id']}/used")).status_code == 404, "of a team that is not theirs"
    assert (await tom.post(f"macros/{own['id']}/used")).status_code == 404


async def test_archived_and_brought_back(at: Desk) -> None:
    lea = await at.agent("Lea")
    own = await lea.done("macros", {"title": "Mine", "body": "x"})
    assert (await drop(lea, own["id"])).json() == {"id": own["id"], "archived": True}
    assert await titles(lea) == []
    assert (await put(lea, own["id"], title="a", body="b")).status_code == 409
    await lea.done(f"macros/{own['id']}/bring-back")
    assert await titles(lea) == ["Mine"]
    said = [row[0] for row in await at.sql("SELECT action FROM audit WHERE subject = :s ORDER BY id",
                                           s=f"macro {own['id']}")]  # fmt: skip
    assert said == ["add macro", "archive macro", "bring back macro"]


async def test_two_who_change_the_same_one(at: Desk) -> None:
    mia, eva = await at.agent("Mia", "supervisor"), await at.agent("Eva", "supervisor")
    seen = await mia.done("macros", {"title": "All", "body": "x", "whose": "all"})
    again = {"title": "All", "whose": "all", "seen": seen["updated_at"]}
    assert (await put(eva, seen["id"], body="y", **again)).status_code == 200
    refused = await put(mia, seen["id"], body="z", **again)
    assert refused.status_code == 409
    assert "Eva has changed “All” just now" in refused.json()["error"]["message"]
    assert (await mia.get("macros"))["macros"][0]["body"] == "y"


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"title": "x", "body": "Dear {surname}"}, "body", "{surname}"),
        ({"title": "x", "body": " "}, "body", "empty"),
        ({"title": " ", "body": "x"}, "title", "empty"),
        ({"title": "x", "body": "x" * 5001}, "body", ""),
        ({"title": "x", "body": "x", "shortcut": "two words"}, "shortcut", "letters, digits"),
        ({"title": "x", "body": "x", "tier": "urgent"}, "tier", ""),
        ({"title": "x", "body": "x", "whose": "team:1 OR 1"}, "whose", ""),
        ({"title": "x", "body": "x", "owner_id": 1}, "owner_id", ""),
    ],
)
async def test_what_is_refused_is_said_by_field(at: Desk, body: Any, field: str, words: str) -> None:
    lea = await at.agent("Lea")
    refused = await lea.post("macros", body)
    assert refused.status_code == 422
    (fault,) = refused.json()["error"]["fields"]
    assert field in str(fault["field"])
    assert words in fault["message"]


async def test_a_case_offers_its_tier_first_and_fills_what_it_knows(at: Desk) -> None:
    lea, ana = await at.agent("Lea"), at.customer()
    await ana.write("the whole site is down", name="Ana Ruiz")
    found = re.search(r"W-\d+", (await ana.hears("acknowledgement"))["text"])
    assert found is not None
    number = found[0]
    for title, tier in (("Seldom", None), ("Often", None), ("Bill", "billing"), ("Outage", "outage")):
        body = f"{{name}}, {title}: {{case}}. {{agent}}"
        macro = await lea.done("macros", {"title": title, "body": body, "tier": tier, "shortcut": "/" + title})
        for _ in range(3 if title == "Often" else 0):
            await lea.done(f"macros/{macro['id']}/used")
    offered = (await lea.get(f"cases/{number}/macros"))["macros"]
    assert [macro["title"] for macro in offered] == ["Outage", "Often", "Bill", "Seldom"]
    assert offered[0]["text"] == f"Ana, Outage: {number}. Lea"
    assert offered[0]["shortcut"] == "outage"
    await at.sql("UPDATE conversation SET public = true")
    offered = (await lea.get(f"cases/{number}/macros"))["macros"]
    assert (offered[0]["text"], offered[0]["gaps"]) == ("Ana, Outage: {case}. Lea", ["{case}"])
    assert (await lea.http.get("/api/v1/cases/W-99999/macros", headers=lea._headers())).status_code == 404
