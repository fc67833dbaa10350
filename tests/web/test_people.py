"""People and teams, as admins manage them; and what nobody may do, an admin neither."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.web.desk.people import DEMO_TEAM
from store import sessions
from tests.databases import DIALECTS
from tests.house import database_for, desk
from tests.web.browsers import PASSWORD, browser, lines, person, sign_in, signed_in


async def ids(http: httpx.AsyncClient) -> dict[str, int]:
    return {each["name"]: each["id"] for each in (await http.get("/api/v1/agents")).json()["agents"]}


@pytest.mark.parametrize(
    "path", ["/desk/people", "/desk/people/now", "/desk/people/1", "/desk/audit", "/desk/audit.csv"]
)
async def test_pages_of_admins_are_no_others(tmp_path: Path, path: str) -> None:
    async with desk(tmp_path) as at:
        await person(at, "Root", "admin")
        for role in ("colleague", "agent", "supervisor"):
            async with signed_in(at, "Eve", role) as eve:
                refused = await eve.get(path)
                assert refused.status_code == 403, role
                assert "one must be admin" in refused.text
                assert "/desk/people" not in (await eve.get("/desk")).text
        assert [line for line in await lines(at, "refused") if line[1] == f"GET {path}"] == [
            ("refused", f"GET {path}")
        ] * 3


async def test_a_role_counts_from_the_next_request(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root, signed_in(at, "Lea", "supervisor") as lea:
        who = (await ids(root))["Lea"]
        assert (await lea.put("/api/v1/status", json={"state": "fine", "text": "Fine."})).status_code == 200
        changed = await root.put(f"/api/v1/agents/{who}", json={"role": "colleague"})
        assert changed.json()["role"] == "colleague"
        assert (await lea.put("/api/v1/status", json={"state": "fine", "text": "Fine."})).status_code == 403
        data = (await at.sql("SELECT data FROM audit WHERE action = 'agent changed'"))[0][0]
        assert "supervisor" in str(data)


async def test_the_last_admin_stays_one_and_inside(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root:
        me = (await ids(root))["Root"]
        lowered = await root.put(f"/api/v1/agents/{me}", json={"role": "supervisor"})
        assert lowered.status_code == 409
        assert "only admin" in lowered.json()["error"]["message"]
        assert (await root.put(f"/api/v1/agents/{me}", json={"role": "admin", "name": "Rita"})).status_code == 200
        await person(at, "Bo", "admin")
        assert (await root.put(f"/api/v1/agents/{me}", json={"role": "supervisor"})).status_code == 200
        assert (await root.get("/desk/people")).status_code == 403


async def test_a_link_does_not_lower_the_last_admin(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        await person(at, "Root", "admin")
        async with at.house.database.write("test") as connection:
            secret = await sessions.make_invite(
                connection, email="root@desk.example", name="", role="agent", made_by=None, now=datetime.now(UTC)
            )
        joined = await http.post(f"/desk/welcome/{secret}", data={"name": "Root", "password": PASSWORD})
        assert joined.status_code == 303
        assert (await http.get("/api/v1/me")).json()["role"] == "admin"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_two_admins_who_lower_each_other_at_once_leave_one(tmp_path: Path, dialect: str) -> None:
    async with (
        desk(tmp_path, **await database_for(dialect)) as at,
        signed_in(at, "Ann", "admin") as ann,
        signed_in(at, "Bob", "admin") as bob,
    ):
        who = await ids(ann)
        answers = await asyncio.gather(
            ann.put(f"/api/v1/agents/{who['Bob']}", json={"role": "agent"}),
            bob.put(f"/api/v1/agents/{who['Ann']}", json={"role": "agent"}),
        )
        assert 200 in [answer.status_code for answer in answers]
        assert (await at.sql("SELECT count(*) FROM agent WHERE role = 'admin'"))[0][0] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"active": False},
        {"password": "x"},
        {"id": 7},
        {"email": "root@evil.example"},
        {"away_since": None},
        {"role": "owner"},
        {"skills": {"admin": True}},
        {"skills": {"tiers": ["everything"]}},
        {"skills": {"channels": ["<script>"]}},
        {"skills": {"languages": ["english"]}},
        {"capacity": 0},
        {"capacity": 10**9},
        {"teams": [0]},
    ],
)
async def test_only_what_is_named_can_be_changed(tmp_path: Path, body: dict[str, Any]) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root:
        await person(at, "Lea")
        before = await at.sql("SELECT * FROM agent ORDER BY id")
        refused = await root.put(f"/api/v1/agents/{(await ids(root))['Lea']}", json=body)
        assert refused.status_code == 422, refused.text
        assert await at.sql("SELECT * FROM agent ORDER BY id") == before


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_teams_skills_and_capacity(tmp_path: Path, dialect: str) -> None:
    async with desk(tmp_path, **await database_for(dialect)) as at, signed_in(at, "Root", "admin") as root:
        lea = (await person(at, "Lea")).id
        team = (await root.post("/api/v1/teams", json={"name": "Night"})).json()
        assert (await root.post("/api/v1/teams", json={"name": "night"})).status_code == 409
        skills = {"tiers": ["billing"], "channels": ["email"], "languages": ["de"]}
        sent = {"capacity": 5, "skills": skills, "teams": [team["id"]]}
        changed = (await root.put(f"/api/v1/agents/{lea}", json=sent)).json()
        assert (changed["capacity"], changed["skills"], changed["teams"]) == (5, skills, [team["id"]])
        assert (await root.get(f"/api/v1/agents/{lea}")).json() == changed
        assert (await root.get("/api/v1/teams")).json() == {"teams": [{**team, "members": [lea]}]}
        page = (await root.get(f"/desk/people/{lea}")).text
        assert 'value="billing" checked' in page
        assert 'value="de"' in page
        assert "Night" in (await root.get("/desk/people")).text
        renamed = await root.put(f"/api/v1/teams/{team['id']}", json={"name": "Day", "members": []})
        assert renamed.json() == {"id": team["id"], "name": "Day", "members": []}
        assert (await root.put(f"/api/v1/agents/{lea}", json={"teams": [999]})).status_code == 404
        assert (await root.put(f"/api/v1/teams/{team['id']}", json={"members": [999]})).status_code == 404
        assert (await root.put(f"/api/v1/agents/{lea}", json={"capacity": None})).json()["capacity"] is None
        assert (await root.delete(f"/api/v1/teams/{team['id']}")).status_code == 200
        assert (await root.delete(f"/api/v1/teams/{team['id']}")).status_code == 404
        assert [action for action, _ in await lines(at) if action.startswith("team")] == [
            "team added", "team changed", "team removed",
        ]  # fmt: skip


async def test_a_team_with_a_history_stays(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root:
        team = (await root.post("/api/v1/teams", json={"name": "Night"})).json()["id"]
        customer = at.customer()
        await customer.write("everything is down")
        await customer.hears("acknowledgement")
        await at.sql('UPDATE "case" SET team_id = :team', team=team)
        refused = await root.delete(f"/api/v1/teams/{team}")
        assert refused.status_code == 409
        assert "its name has to stay" in refused.json()["error"]["message"]


async def test_an_open_link_is_seen_and_withdrawn(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root, browser(at) as mia:
        asked = {"email": "mia@desk.example", "name": "Mia", "role": "agent"}
        link = (await root.post("/api/v1/agents/invites", json=asked)).json()["link"]
        assert "mia@desk.example" in (await root.get("/desk/people")).text
        (open_,) = (await root.get("/api/v1/agents")).json()["invites"]
        assert (await root.delete(f"/api/v1/agents/invites/{open_['id']}")).status_code == 200
        assert (await root.delete(f"/api/v1/agents/invites/{open_['id']}")).status_code == 404
        assert (await mia.get(link[link.index("/desk/") :])).status_code == 404
        assert ("invite withdrawn", "mia@desk.example") in await lines(at)


async def test_an_admin_signs_somebody_out_everywhere(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root, browser(at) as lea:
        await person(at, "Lea", password=PASSWORD)
        await sign_in(lea, "lea@desk.example")
        who = (await ids(root))["Lea"]
        assert "1 place" in (await root.get("/desk/people")).text
        assert (await root.delete(f"/api/v1/agents/{who}/sessions")).json()["sessions_ended"] == 1
        assert (await lea.get("/api/v1/me")).status_code == 401
        assert (await sign_in(lea, "lea@desk.example")).status_code == 303, "they may come again"


async def test_names_are_text(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root:
        who = (await person(at, '<img src=x onerror="alert(1)">')).id
        await root.post("/api/v1/teams", json={"name": "<svg onload=alert(1)>"})
        for path in ("/desk/people", f"/desk/people/{who}", "/desk/audit", "/desk/people/now"):
            page = await root.get(path)
            assert page.status_code == 200
            assert "<img" not in page.text
            assert "<svg onload" not in page.text
        assert (await root.get("/desk/people/999999")).status_code == 404


async def test_the_demo_people_are_offered_while_the_demo_answers(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root:
        name, email, role = DEMO_TEAM[0]
        page = (await root.get("/desk/people")).text
        assert all(each in page for each, _, _ in DEMO_TEAM)
        body = {"email": email, "name": name, "role": role}
        assert (await root.post("/api/v1/agents/invites", json=body)).status_code == 200
        assert "New link" in (await root.get("/desk/people")).text


async def test_who_tries_what_is_an_admins_is_on_record_a_few_times(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Eve", "agent") as eve:
        for _ in range(15):
            assert (await eve.delete("/api/v1/agents/1/sessions")).status_code == 403
        found = await lines(at, "refused")
        assert 5 <= len(found) < 15
        assert set(found) == {("refused", "DELETE /api/v1/agents/1/sessions")}
