"""A request with wrong fields is told which, what each must be, and what to do: in our words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.web.faults import faults
from tests.house import AgentClient, desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIERS = "outage, billing, problem, howto, feedback, person, unknown"
A_TIME = "must be a time with its zone, like 2030-01-31T09:00:00Z."
UNKNOWN = "is not known here. Leave it out, or see /api/docs for how it is spelt."
NOT_JSON = "Send an object as /api/docs shows it."

WRONG: dict[tuple[str, str], tuple[int, str]] = {
    ("reply", "{"): (400, f"The request is not JSON: it breaks at character 2. {NOT_JSON}"),
    ("reply", '{"text": }'): (400, f"The request is not JSON: it breaks at character 10. {NOT_JSON}"),
    ("reply", "{'text': 1}"): (400, f"The request is not JSON: it breaks at character 2. {NOT_JSON}"),
    ("note", ""): (422, "The body is missing. Add it as /api/docs shows it."),
    ("note", "[]"): (
        422,
        "The body must be a JSON object; send it with Content-Type: application/json, as /api/docs shows it.",
    ),
    ("note", "{}"): (422, '"text" is missing. Add it as /api/docs shows it.'),
    ("note", '{"text": 1}'): (422, '"text" must be text in quotes.'),
    ("note", '{"text": null}'): (422, '"text" must be text in quotes.'),
    ("note", '{"text": ""}'): (422, '"text" must have 1 or more characters.'),
    ("note", '{"text": " "}'): (422, '"text" is empty; write something.'),
    ("note", json.dumps({"text": "x" * 20_001})): (422, '"text" must have at most 20000 characters. Shorten it.'),
    ("note", r'{"text": "a\ud800"}'): (422, '"text" holds half a character. Remove it.'),
    ("note", r'{"text": "a\u0000"}'): (422, '"text" holds a character that cannot be shown; remove it.'),
    ("note", '{"text": "a", "author": "b"}'): (422, f'"author" {UNKNOWN}'),
    ("reply", '{"text": "a", "after_seq": "x"}'): (422, '"after_seq" must be a whole number.'),
    ("reply", '{"text": "a", "after_seq": "1"}'): (422, '"after_seq" must be a whole number.'),
    ("reply", '{"text": "a", "after_seq": true}'): (422, '"after_seq" must be a whole number.'),
    ("reply", '{"text": "a", "after_seq": 1.5}'): (422, '"after_seq" must be a whole number.'),
    ("reply", '{"text": "a", "after_seq": -1}'): (422, '"after_seq" must be 0 or more.'),
    ("reply", '{"text": 1, "after_seq": -1}'): (
        422,
        '"text" must be text in quotes. "after_seq" must be 0 or more.',
    ),
    ("resolve", '{"outcome": "lost"}'): (
        422,
        '"outcome" must be one of solved, workaround, guided, no_fault, spam.',
    ),
    ("assign", '{"to": 1}'): (422, '"to" must be text in quotes.'),
    ("correct", '{"tier": "fire"}'): (422, f'"tier" must be one of {TIERS}.'),
    ("correct", '{"tier": []}'): (422, f'"tier" must be one of {TIERS}.'),
    **{
        ("snooze", json.dumps({"until": until})): (422, f'"until" {A_TIME}')
        for until in ("tomorrow", "", None, True, [], {}, "2030-01-31", "2030-01-31T09:00:00", "2030-13-31T09:00:00Z")
    },
}
ADDRESSES: dict[str, str] = {
    "cases?limit=x": '"limit" in the address must be a whole number.',
    "cases?limit=0": '"limit" in the address must be 1 or more.',
    "cases?limit=201": '"limit" in the address must be 200 or less.',
    "cases?limit=" + "9" * 5000: '"limit" in the address is too large a number. Send a smaller one.',
    "cases?status=lost": '"status" in the address must be one of waiting, open, pending, snoozed, resolved.',
    "cases?q=" + "x" * 201: '"q" in the address must have at most 200 characters. Shorten it.',
    "conversations/x/messages": '"conversation" in the address must be a whole number.',
    "conversations/1/messages?after=-1": '"after" in the address must be 0 or more.',
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lea(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AgentClient]:
    async with desk(tmp_path_factory.mktemp("home")) as at:
        yield await at.agent("Lea", "supervisor")


@pytest.mark.parametrize(("action", "body"), WRONG)
async def test_a_body(lea: AgentClient, action: str, body: str) -> None:
    status, told = WRONG[action, body]
    headers = lea._headers() | {"content-type": "application/json"}
    response = await lea.http.post(f"/api/v1/cases/W-1001/{action}", content=body, headers=headers)
    error = response.json()["error"]
    assert (response.status_code, error["message"]) == (status, told)
    assert " ".join(field["message"] for field in error.get("fields", ())) in (told, "")


@pytest.mark.parametrize("path", ADDRESSES)
async def test_an_address(lea: AgentClient, path: str) -> None:
    response = await lea.http.get(f"/api/v1/{path}", headers=lea._headers())
    assert (response.status_code, response.json()["error"]["message"]) == (422, ADDRESSES[path])


async def test_a_header(lea: AgentClient) -> None:
    response = await lea.post("cases/next", key="x" * 201)
    told = 'The header "Idempotency-Key" must have at most 200 characters. Shorten it.'
    assert response.json()["error"]["message"] == told
    assert response.json()["error"]["fields"] == [{"field": "Idempotency-Key", "message": told}]


async def test_a_body_that_is_not_said_to_be_json(lea: AgentClient) -> None:
    headers = lea._headers() | {"content-type": "text/plain"}
    response = await lea.http.post("/api/v1/cases/W-1001/note", content='{"text": "a"}', headers=headers)
    assert response.status_code == 422
    assert "Content-Type: application/json" in response.json()["error"]["message"]


async def test_many_faults_make_no_long_story(lea: AgentClient) -> None:
    body = {"text": "a", **{f"field{number}": 1 for number in range(1000)}, "x" * 10_000: 1}
    error = (await lea.post("cases/W-1001/note", body)).json()["error"]
    assert len(error["message"]) < 500
    assert max(len(field["field"]) for field in error["fields"]) == 60


async def test_a_fault_that_we_have_no_words_for() -> None:
    fault: dict[str, Any] = {"type": "new_one", "loc": ("body", "a", 0, "b"), "msg": "Input should be other"}
    assert faults([fault]) == [{"field": "a.0.b", "message": '"a.0.b" is not what /api/docs shows there. Correct it.'}]
