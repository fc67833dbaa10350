"""Who may do what by its address: every route of the desk and of the agents' API, for everybody who might try it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from bot.web.gate import ROLES
from tests.house import AgentClient, Customer, Desk, desk
from tests.web.browsers import signed_in
from tests.web.test_audit import changing
from tests.web.test_same_again import case_of

EVERYBODY: Final = "everybody"
"""Who is not signed in, too: the door itself."""

PAGES: Final = {
    "GET /desk/sign-in": EVERYBODY,
    "POST /desk/sign-in": EVERYBODY,
    "POST /desk/sign-out": EVERYBODY,
    "GET /desk/welcome/{secret}": EVERYBODY,
    "POST /desk/welcome/{secret}": EVERYBODY,
    "GET /desk": "colleague",
    "GET /desk/queue/rows": "colleague",
    "GET /desk/side": "colleague",
    "GET /desk/offer": "colleague",
    "GET /desk/cases/{number}": "colleague",
    "GET /desk/cases/{number}/log": "colleague",
    "GET /desk/events": "colleague",
    "POST /desk/here": "colleague",
    "POST /desk/signal": "colleague",
    "GET /desk/team": "colleague",
    "GET /desk/team/table": "colleague",
    "GET /desk/team/floor": "colleague",
    "GET /desk/customers": "colleague",
    "GET /desk/customers/{id:int}": "colleague",
    "GET /desk/macros": "colleague",
    "GET /desk/macros/list": "colleague",
    "GET /desk/notices": "colleague",
    "GET /desk/search": "colleague",
    "GET /desk/channels": "colleague",
    "GET /desk/channels/now": "colleague",
    "GET /desk/gate": "colleague",
    "GET /desk/gate/now": "colleague",
    "GET /desk/gate/banner": "colleague",
    "GET /desk/me": "colleague",
    "GET /desk/me/sessions": "colleague",
    "GET /desk/me/slack": "colleague",
    "GET /desk/me/slack/names": "colleague",
    "GET /desk/people": "admin",
    "GET /desk/people/now": "admin",
    "GET /desk/people/{id:int}": "admin",
    "GET /desk/audit": "admin",
    "GET /desk/audit.csv": "admin",
}
"""Pages and their parts: the least role that is shown each."""

API: Final[dict[str, tuple[str, Any]]] = {
    "GET /me": ("colleague", None),
    "PUT /me": ("colleague", {}),
    "PUT /me/password": ("colleague", {"old": "x", "new": "y"}),
    "PUT /me/undo": ("colleague", {"seconds": 10}),
    "POST /me/slack-code": ("colleague", None),
    "GET /me/slack": ("colleague", None),
    "POST /me/slack/{name}/unlink": ("colleague", None),
    "GET /sessions": ("colleague", None),
    "DELETE /sessions": ("colleague", None),
    "GET /sessions/{id}": ("colleague", None),
    "DELETE /sessions/{id}": ("colleague", None),
    "GET /cases": ("colleague", None),
    "GET /cases/{number}": ("colleague", None),
    "POST /cases/{number}/note": ("colleague", {"text": "hm"}),
    "POST /cases/{number}/tags": ("colleague", {"add": ["vip"]}),
    "GET /tags": ("colleague", None),
    "GET /cases/{number}/draft": ("colleague", None),
    "PUT /cases/{number}/draft": ("colleague", {"mode": "reply", "text": "hm"}),
    "DELETE /cases/{number}/draft?mode=reply": ("colleague", None),
    "GET /holds/{hold}": ("colleague", None),
    "POST /holds/{hold}/undo": ("colleague", None),
    "GET /cases/{number}/files": ("colleague", None),
    "POST /cases/{number}/files?for=reply&name=facts.json": ("agent", {"any": "bytes"}),
    "POST /cases/{number}/files?for=note&name=facts.json": ("colleague", {"any": "bytes"}),
    "GET /cases/{number}/files/{file}": ("colleague", None),
    "DELETE /cases/{number}/files/{file}": ("colleague", None),
    "GET /cases/{number}/macros": ("colleague", None),
    "POST /cases/next": ("agent", None),
    "POST /cases/{number}/claim": ("agent", None),
    "POST /cases/{number}/reply": ("agent", {"text": "hello"}),
    "POST /cases/{number}/release": ("agent", None),
    "POST /cases/{number}/return": ("agent", None),
    "POST /cases/{number}/resolve": ("agent", None),
    "POST /cases/{number}/reopen": ("agent", None),
    "POST /cases/{number}/assign": ("agent", {"to": None}),
    "POST /cases/{number}/snooze": ("agent", {"until": "2099-01-01T00:00:00Z"}),
    "POST /cases/{number}/correct": ("agent", {"tier": "billing"}),
    "POST /cases/{number}/ask-proof": ("agent", None),
    "POST /cases/{number}/links/{link}/undo": ("agent", None),
    "POST /cases/{number}/read": ("agent", None),
    "POST /cases/{number}/unread": ("agent", None),
    "POST /cases/{number}/transfer": ("agent", {"to": "nobody@desk.example"}),
    "POST /cases/{number}/block": ("agent", None),
    "POST /cases/{number}/unblock": ("agent", None),
    "POST /cases/{number}/merge": ("agent", {"into": "W-999998"}),
    "POST /cases/{number}/unmerge": ("agent", None),
    "POST /cases/bulk": ("supervisor", {"act": "resolve", "cases": ["W-999999"]}),
    "GET /search": ("colleague", None),
    "GET /customers": ("colleague", None),
    "GET /customers/{id}": ("colleague", None),
    "PUT /customers/{id}": ("agent", {"name": "Ana"}),
    "POST /customers/{id}/links": ("agent", {"identity": 999999, "why": "said so"}),
    "POST /customers/{id}/links/{link}/undo": ("agent", None),
    "POST /customers/{id}/conversations": ("agent", {"identity": 999999, "text": "hello"}),
    "POST /conversations": ("agent", {"to": "ana@example.com", "subject": "Hello", "text": "hello"}),
    "GET /macros": ("colleague", None),
    "POST /macros": ("agent", {"title": "Late", "body": "It comes."}),
    "PUT /macros/{id}": ("agent", {"title": "Late", "body": "It comes."}),
    "DELETE /macros/{id}": ("agent", None),
    "POST /macros/{id}/bring-back": ("agent", None),
    "POST /macros/{id}/used": ("agent", None),
    "GET /assignment": ("colleague", None),
    "PUT /assignment": ("admin", {"mode": "pull"}),
    "GET /offers": ("colleague", None),
    "POST /offers/{id}/take": ("agent", None),
    "POST /offers/{id}/pass": ("agent", None),
    "GET /conversations/{conversation}/messages": ("colleague", None),
    "POST /conversations/{conversation}/takeover": ("agent", None),
    "GET /files/{file}": ("colleague", None),
    "GET /stats": ("colleague", None),
    "GET /undelivered": ("colleague", None),
    "POST /undelivered/{message}/send-again": ("agent", None),
    "POST /dues/{due}/run-again": ("supervisor", None),
    "GET /agents": ("colleague", None),
    "GET /agents/{id}": ("colleague", None),
    "PUT /agents/{id}": ("admin", {"name": "Eve"}),
    "POST /agents/invites": ("admin", {"email": "x@y.example", "name": "X"}),
    "DELETE /agents/invites/{id}": ("admin", None),
    "DELETE /agents/{id}/sessions": ("admin", None),
    "POST /agents/{id}/deactivate": ("admin", None),
    "POST /agents/{id}/activate": ("admin", None),
    "GET /teams": ("colleague", None),
    "POST /teams": ("admin", {"name": "Night"}),
    "PUT /teams/{id}": ("admin", {"name": "Day"}),
    "DELETE /teams/{id}": ("admin", None),
    "GET /audit": ("admin", None),
    "GET /status": ("colleague", None),
    "PUT /status": ("supervisor", {"state": "fine", "text": "Fine."}),
    "GET /labels/next": ("agent", None),
    "POST /labels/{id}": ("agent", {"tier": "billing"}),
    "POST /labels/{id}/skip": ("agent", None),
    "POST /labels/{id}/undo": ("agent", None),
    "GET /gate": ("colleague", None),
    "POST /gate": ("admin", {"decision": "seen"}),
    "GET /channels": ("colleague", None),
    "POST /channels/test": ("admin", {"channel": "none", "account": "none", "place": "p", "text": "t"}),
    "GET /quarantine": ("colleague", None),
    "GET /quarantine/{item}": ("colleague", None),
    "POST /quarantine/{item}/retry": ("supervisor", None),
    "POST /quarantine/{item}/set-aside": ("supervisor", None),
    "POST /quarantine/{item}/bring-back": ("supervisor", None),
}
"""The agents' API: the least role, and a body that is in order. What it names is not there, so that nothing is done."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with desk(tmp_path_factory.mktemp("home")) as running:
        yield running


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(at: Desk) -> dict[str, AgentClient]:
    return {role: await at.agent(role.title(), role) for role in ROLES}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def customer(at: Desk) -> Customer:
    ana = at.customer()
    await ana.write("everything is down")
    await ana.hears("acknowledgement")
    return ana


async def test_every_route_stands_in_a_table(at: Desk) -> None:
    paths = (await at.http.get("/api/openapi.json")).json()["paths"]
    api = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in paths.items()
        for method in methods
        if path.startswith("/api/v1")
    }
    assert api == {way.partition("?")[0] for way in API}, "say in API who may do it"
    pages = {
        f"{method} {route.path}"
        for route in at.house.api.router.routes
        if getattr(route, "path", "").startswith("/desk")
        for method in route.methods - {"HEAD"}
    }
    assert pages == set(PAGES), "say in PAGES who is shown it"
    assert {f"{way.partition(' ')[0]} /api/v1{way.partition(' ')[2]}" for way in api if way[:3] != "GET"} <= (
        await changing(at)
    )


def address(path: str) -> str:
    """With the name of something that is not there."""
    for blank in ("{number}",):
        path = path.replace(blank, "W-999999")
    for blank in ("{id}", "{id:int}", "{link}", "{conversation}", "{message}", "{due}", "{item}", "{file}", "{hold}",
                  "{name}"):  # fmt: skip
        path = path.replace(blank, "999999")
    return path.replace("{secret}", "n" * 30)


async def ask(http: httpx.AsyncClient, way: str, body: Any, token: str | None) -> httpx.Response:
    method, _, path = way.partition(" ")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await http.request(method, f"/api/v1{address(path)}", json=body, headers=headers)


@pytest.mark.parametrize("way", API)
async def test_who_may_do_it(at: Desk, people: dict[str, AgentClient], customer: Customer, way: str) -> None:
    least, body = API[way]
    for token in (None, "wl_not_a_token", customer.token):
        refused = await ask(at.http, way, body, token)
        assert refused.status_code == 401, (way, token, refused.text)
    for role in ROLES:
        done = await ask(at.http, way, body, people[role].token)
        if ROLES.index(role) < ROLES.index(least):
            assert (done.status_code, done.json()["error"]["code"]) == (403, "forbidden"), (way, role)
            assert f"one must be {least}" in done.text
        else:
            assert done.status_code in (200, 404, 409), (way, role, done.text)


@pytest.mark.parametrize("way", [way for way in PAGES if way != "GET /desk/events"])
async def test_who_is_shown_it(at: Desk, customer: Customer, way: str) -> None:
    method, _, path = way.partition(" ")
    least = PAGES[way]
    sent = {"Sec-Fetch-Site": "same-origin", "Authorization": f"Bearer {customer.token}"}
    outside = await at.http.request(method, address(path), headers=sent)
    if least == EVERYBODY:
        assert outside.status_code in (200, 303, 401, 404)
        return
    assert outside.status_code in (303, 401), way
    if outside.status_code == 303:
        assert outside.headers["location"].startswith("/desk/sign-in")
    for role in ROLES:
        async with signed_in(at, f"Browser {role}"[8:].title(), role) as http:
            shown = await http.request(method, address(path))
        if ROLES.index(role) < ROLES.index(least):
            assert shown.status_code == 403, (way, role)
        else:
            assert shown.status_code in (200, 204, 400, 404, 422), (way, role, shown.status_code)


async def test_the_stream_is_for_who_is_signed_in(at: Desk, customer: Customer) -> None:
    for headers in ({}, {"Authorization": f"Bearer {customer.token}"}):
        assert (await at.http.get("/desk/events", headers=headers)).status_code == 401


async def test_what_is_in_a_colleagues_hands_stays_there(at: Desk, people: dict[str, AgentClient]) -> None:
    """An agent takes nothing away, whichever way they try; nor does a colleague, who may only write a note."""
    ana, lea, tom = at.customer(), await at.agent("Lea"), await at.agent("Tom")
    number = await case_of(at, ana, lea)
    mine = await case_of(at, at.customer(), tom)
    for holder, case in ((lea, number), (tom, mine)):
        await holder.done(f"cases/{case}/claim")
    conversation = await at.conversation(ana)
    before = await lea.case(number)
    for path, body in (
        (f"cases/{number}/claim", None),
        (f"cases/{number}/reply", {"text": "hello"}),
        (f"cases/{number}/reply", {"text": "hello", "hold": 30}),
        (f"cases/{number}/release", None),
        (f"cases/{number}/return", None),
        (f"cases/{number}/resolve", None),
        (f"cases/{number}/reopen", None),
        (f"cases/{number}/read", None),
        (f"cases/{number}/unread", None),
        (f"cases/{number}/snooze", {"until": (datetime.now(UTC) + timedelta(minutes=1)).isoformat()}),
        (f"cases/{number}/ask-proof", None),
        (f"cases/{number}/assign", {"to": "tom@desk.example"}),
        (f"cases/{number}/assign", {"to": None}),
        (f"cases/{number}/transfer", {"to": "tom@desk.example"}),
        (f"cases/{number}/block", None),
        (f"cases/{number}/merge", {"into": mine}),
        (f"cases/{mine}/merge", {"into": number}),
        (f"conversations/{conversation}/takeover", None),
        ("cases/bulk", {"act": "release", "cases": [number]}),
    ):
        assert (await tom.post(path, body)).status_code in (403, 409), path
        assert (await people["colleague"].post(path, body)).status_code == 403, path
    after = await lea.case(number)
    assert {name: after[name] for name in ("status", "assignee", "transcript", "events")} == {
        name: before[name] for name in ("status", "assignee", "transcript", "events")
    }


async def test_what_is_somebodys_own_is_nobody_elses(at: Desk, people: dict[str, AgentClient]) -> None:
    """Drafts, files that were not sent, replies that can be taken back, sessions, saved replies: not for admins."""
    ana, pia = at.customer(), await at.agent("Pia")
    number = await case_of(at, ana, pia)
    await pia.done(f"cases/{number}/claim")
    file = (await pia.done(f"cases/{number}/files?name=facts.json", {"any": "bytes"}))["id"]
    hold = (await pia.done(f"cases/{number}/reply", {"text": "a held word", "hold": 30}))["hold"]
    macro = (await pia.done("macros", {"title": "a saved word", "body": "a saved word"}))["id"]
    for mode in ("reply", "note"):
        written = {"mode": mode, "text": f"a begun {mode}", "files": [file]}
        assert (await ask(at.http, f"PUT /cases/{number}/draft", written, pia.token)).status_code == 200
    async with signed_in(at, "Pia", browser="a browser of Pia's") as http:
        session = (await http.get("/api/v1/sessions")).json()["sessions"][0]["id"]
    for role in ("agent", "supervisor", "admin"):
        token = people[role].token
        for way, body in (
            (f"GET /cases/{number}/files/{file}", None),
            (f"GET /holds/{hold}", None),
            (f"POST /holds/{hold}/undo", None),
            (f"GET /sessions/{session}", None),
            (f"PUT /macros/{macro}", {"title": "x", "body": "x"}),
            (f"DELETE /macros/{macro}", None),
        ):
            assert (await ask(at.http, way, body, token)).status_code == 404, (role, way)
        await ask(at.http, f"DELETE /cases/{number}/files/{file}", None, token)
        taken = await ask(at.http, f"POST /cases/{number}/note", {"text": "mine now", "files": [file]}, token)
        assert taken.status_code == 422, taken.text
        for path in ("draft", "files", "macros", ""):
            seen = await ask(at.http, f"GET /cases/{number}/{path}".rstrip("/"), None, token)
            assert not re.search("a held word|a begun|a saved word|facts.json", seen.text), (role, path)
        async with signed_in(at, role.title(), role) as http:
            for page in (f"/desk/cases/{number}", f"/desk/cases/{number}/log?after=0", "/desk/macros", "/desk/me"):
                shown = await http.get(page)
                assert shown.status_code == 200
                assert not re.search("a held word|a begun|a saved word|facts.json|of Pia", shown.text), (role, page)
    assert len((await pia.get(f"cases/{number}/files"))["files"]) == 1
    assert (await pia.get(f"holds/{hold}"))["state"] == "held"


async def test_what_is_for_others_only_a_supervisor_writes(at: Desk, people: dict[str, AgentClient]) -> None:
    said = {"title": "Late", "body": "It comes.", "whose": "all"}
    assert (await people["agent"].post("macros", said)).status_code == 403
    shared = (await people["supervisor"].done("macros", said))["id"]
    own = (await people["agent"].done("macros", {**said, "whose": "mine"}))["id"]
    for way, body in (
        (f"PUT /macros/{shared}", said),
        (f"PUT /macros/{own}", said),
        (f"DELETE /macros/{shared}", None),
        (f"POST /macros/{shared}/bring-back", None),
    ):
        assert (await ask(at.http, way, body, people["agent"].token)).status_code == 403, way


async def test_the_way_in_by_another_house_is_everybodys(tmp_path: Path) -> None:
    """Nobody is asked there who they are: these two routes alone come with it."""
    more = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "warmline", "oidc_name": "Harbour ID"}
    async with desk(tmp_path, **more, oidc_client_secret=SecretStr("s"), public_url="http://desk.test") as at:
        found = {
            f"{method} {route.path}"
            for route in at.house.api.router.routes
            if getattr(route, "path", "").startswith("/desk")
            for method in route.methods - {"HEAD"}
        }
        assert found - set(PAGES) == {"GET /desk/oidc", "GET /desk/oidc/back"}
        assert (await at.http.get("/desk/oidc/back?state=x&code=y")).status_code == 401


async def test_the_table_is_about_roles() -> None:
    assert {least for least, _ in API.values()} == set(ROLES)
