"""The same request with the same key: answered as it was then, whatever the agent may do now."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.house import AgentClient, Customer, Desk, desk

PREPARED: dict[str, tuple[str, ...]] = {
    "cases/next": (),
    "cases/{case}/claim": (),
    "cases/{case}/files": (),
    "cases/{case}/note": (),
    "cases/{case}/tags": (),
    "cases/{case}/correct": (),
    "cases/{case}/assign": ("claim",),
    "cases/{case}/transfer": ("claim",),
    "cases/{case}/reply": ("claim",),
    "cases/{case}/release": ("claim",),
    "cases/{case}/return": ("claim",),
    "cases/{case}/snooze": ("claim",),
    "cases/{case}/resolve": ("claim",),
    "cases/{case}/reopen": ("claim", "resolve"),
    "cases/{case}/block": ("claim",),
    "cases/{case}/unblock": ("claim", "block"),
    "cases/{case}/merge": (),
    "cases/{case}/unmerge": (),
    "cases/{case}/ask-proof": ("claim",),
    "cases/{case}/read": ("feedback",),
    "cases/{case}/unread": ("feedback", "read"),
    "cases/bulk": (),
    "cases/{case}/links/{link}/undo": (),
    "conversations/{conversation}/takeover": (),
    "customers/{id}/conversations": ("claim", "resolve"),
}
"""Each action that takes a key, with what must be done to the case before."""
BODIES: dict[str, Any] = {
    "assign": {"to": "tom@desk.example"},
    "transfer": {"to": "tom@desk.example", "note": "over to you"},
    "reply": {"text": "hello"},
    "note": {"text": "hm"},
    "tags": {"add": ["vip"]},
    "correct": {"tier": "billing"},
    "files": {"any": "bytes"},
}


def body_of(path: str, number: str) -> Any:
    action = path.rpartition("/")[2]
    if action == "bulk":
        return {"act": "resolve", "cases": [number]}
    if action == "snooze":
        return {"until": (datetime.now(UTC) + timedelta(minutes=2)).isoformat()}
    return BODIES.get(action)


async def case_of(at: Desk, ana: Customer, lea: AgentClient) -> str:
    await ana.write("your whole site is down")
    await ana.hears("acknowledgement")
    conversation = await at.conversation(ana)
    return next(row["number"] for row in (await lea.get("cases"))["cases"] if row["conversation"] == conversation)


async def link_of(at: Desk, ana: Customer, lea: AgentClient, number: str) -> int:
    """The number of a link that Ana has proven from another chat."""
    await ana.write("/link")
    code = re.search(r"WL-\w{4}-\w{4}", (await ana.hears("notice"))["text"])
    assert code is not None
    other = at.customer()
    await other.write(code[0])
    await other.hears("notice")
    return next(one["link"]["id"] for one in (await lea.case(number))["customer"]["identities"] if one["link"])


async def other_case_of(at: Desk, ana: Customer, lea: AgentClient) -> str:
    """Another case of Ana's, from a chat that she has proven to be hers."""
    await ana.write("/link")
    code = re.search(r"WL-\w{4}-\w{4}", (await ana.hears("notice"))["text"])
    assert code is not None
    other = at.customer()
    await other.write(code[0])
    await other.hears("notice")
    return await case_of(at, other, lea)


async def demote(at: Desk, agent: AgentClient) -> None:
    await at.sql("UPDATE agent SET role = 'colleague' WHERE name = :name", name=agent.name)


def role_for(path: str) -> str:
    """Who does it in these tests: the least who may."""
    return "supervisor" if path == "cases/bulk" else "agent"


async def made_ready(at: Desk, ana: Customer, lea: AgentClient, path: str) -> tuple[str, Any]:
    """A case of Ana's of which this can be done now; the address and the body of the request."""
    number = await case_of(at, ana, lea)
    for before in PREPARED[path]:
        if before == "feedback":
            await at.sql("UPDATE \"case\" SET tier = 'feedback'")
        else:
            await lea.done(f"cases/{number}/{before}")
    link = await link_of(at, ana, lea, number) if "{link}" in path else None
    customer = (await lea.case(number))["customer"]
    address = path.format(case=number, conversation=await at.conversation(ana), link=link, id=customer["id"])
    body = body_of(path, number)
    if path.endswith("/files"):
        address += "?name=facts.json"
    if path.startswith("customers/"):
        body = {"identity": customer["identities"][0]["id"], "text": "Is it still fine?"}
    if path.endswith("merge"):
        body = {"into": await other_case_of(at, ana, lea)}
    if path.endswith("unmerge"):
        await lea.done(f"cases/{number}/merge", body)
        body = None
    return address, body


@pytest.mark.parametrize("path", PREPARED)
async def test_what_was_done_is_answered_as_it_was_after_the_right_is_lost(tmp_path: Path, path: str) -> None:
    async with desk(tmp_path) as at:
        lea, _, ana = await at.agent("Lea", role_for(path)), await at.agent("Tom"), at.customer()
        address, body = await made_ready(at, ana, lea, path)
        done = await lea.done(address, body, key="k")
        rows = await at.sql("SELECT count(*) FROM case_event")
        await demote(at, lea)
        assert await lea.done(address, body, key="k") == done
        assert await at.sql("SELECT count(*) FROM case_event") == rows
        if path not in ("cases/{case}/note", "cases/{case}/tags"):  # the right that everybody has
            assert (await lea.post(address, body, key="another")).status_code == 403
            assert (await lea.post(address, body)).status_code == 403


async def test_every_action_on_a_case_takes_a_key(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        paths = (await at.http.get("/api/openapi.json")).json()["paths"]
    taking = {
        path.removeprefix("/api/v1/")
        for path, methods in paths.items()
        for parameter in methods.get("post", {}).get("parameters", ())
        if parameter["name"] == "Idempotency-Key"
    }
    tests = {"channels/test"}  # of no case; that the same is sent once is seen in tests/journeys/test_channels.py
    tests |= {"customers/{id}/links", "customers/{id}/links/{link}/undo"}  # see tests/handoff/test_customers.py
    tests |= {"conversations"}  # see tests/journeys/test_email.py
    assert taking == {path.replace("{case}", "{number}") for path in PREPARED} | tests
    posts = {path.removeprefix("/api/v1/") for path, methods in paths.items() if "post" in methods}
    assert {path for path in posts if path.startswith("cases/")} <= taking


async def test_who_has_given_a_case_away_hears_so_again(tmp_path: Path) -> None:
    """With the case the right to assign it is gone; and the colleague may be gone since."""
    async with desk(tmp_path) as at:
        lea, _, ana = await at.agent("Lea"), await at.agent("Tom"), at.customer()
        number = await case_of(at, ana, lea)
        await lea.done(f"cases/{number}/claim")
        gave = {"to": "tom@desk.example"}
        answers = await asyncio.gather(*(lea.post(f"cases/{number}/assign", gave, key="k") for _ in range(10)))
        assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
        assert len({answer.text for answer in answers}) == 1
        await at.sql("UPDATE agent SET active = false WHERE name = 'Tom'")
        assert (await lea.post(f"cases/{number}/assign", gave, key="k")).text == answers[0].text
        reused = await lea.post(f"cases/{number}/assign", {"to": None}, key="k")
        assert (reused.status_code, reused.json()["error"]["code"]) == (409, "key_reused")
        assert (await lea.post(f"cases/{number}/assign", {"to": None}, key="new")).status_code == 403


async def test_a_correction_sent_again_teaches_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        lea, ana = await at.agent("Lea"), at.customer()
        number = await case_of(at, ana, lea)
        for _ in range(3):
            await lea.done(f"cases/{number}/correct", {"tier": "billing"}, key="k")
        assert (await at.sql("SELECT count(*) FROM label"))[0][0] == 1
