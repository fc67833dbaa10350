"""The audit log: every act leaves its line, no line says too much, and all of it can be read and taken along."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from bot.audit_file import COLUMNS, defused
from channels.contract import NewPlace
from store import audit as log
from store import offers, window
from store.agents import find_agent
from store.audit import Wanted
from store.tables import audit
from store.words import case_number
from tests.databases import DIALECTS
from tests.house import Desk, database_for, desk
from tests.web.browsers import PASSWORD, browser, lines, person, sign_in, signed_in
from tests.web.test_same_again import PREPARED, case_of, made_ready, other_case_of, role_for

SILENT = {
    "POST /desk/here": "presence is kept nowhere",
    "POST /desk/signal": "true for a moment, and kept nowhere",
    "POST /api/v1/labels/{id}": "a label is a row of its own: who, what, when",
    "POST /api/v1/labels/{id}/skip": "changes nothing but the order in which messages are shown",
    "PUT /api/v1/cases/{number}/draft": "words that nobody else reads; what is sent has its line",
    "DELETE /api/v1/cases/{number}/draft": "words that nobody else has read",
    "POST /api/v1/cases/{number}/files": "a file that nobody else can fetch; the message that takes it has its line",
    "DELETE /api/v1/cases/{number}/files/{file}": "a file that nobody else could fetch",
    "PUT /api/v1/me/undo": "how long one's own page waits; nobody else sees it",
    "POST /api/v1/macros/{id}/used": "a count; what was said with it is a message",
    "POST /api/v1/offers/{id}/pass": "an offer is a row of its own: of what, to whom, when, and how it ended",
}
"""Routes that change something and leave no line, with the reason."""
CASES = {f"POST /api/v1/{path.replace('{case}', '{number}')}" for path in PREPARED}
"""Acts on cases: each has its way in tests/web/test_same_again.py."""


class Anybody:
    def first(self, to: str, key: str) -> NewPlace:
        return NewPlace(place="anywhere", recipient=to)


class Ground:
    """A desk on which each act can be done once."""

    def __init__(self, at: Desk, root: httpx.AsyncClient) -> None:
        self.at, self.root = at, root

    async def lea(self) -> int:
        return (await person(self.at, "Lea")).id

    async def team(self) -> int:
        return int((await self.root.post("/api/v1/teams", json={"name": "Night"})).json()["id"])

    async def invite(self) -> int:
        await self.root.post("/api/v1/agents/invites", json={"email": "m@desk.example", "name": "M", "role": "agent"})
        return int((await self.root.get("/api/v1/agents")).json()["invites"][0]["id"])

    async def session(self) -> int:
        async with signed_in(self.at, "Lea") as lea:
            return int((await lea.get("/api/v1/sessions")).json()["sessions"][0]["id"])

    async def failed(self) -> int:
        customer = self.at.customer()
        await customer.write("everything is down")
        await customer.hears("acknowledgement")
        await self.at.sql("UPDATE message SET status = 'failed', author = 'agent' WHERE direction = 'out'")
        return int((await self.at.sql("SELECT max(id) FROM message WHERE status = 'failed'"))[0][0])

    async def due(self) -> int:
        await self.at.sql(
            "INSERT INTO due (kind, subject, at, created_at, consumed_at, error)"
            " VALUES ('unheard', 1, 1, 1, 1, 'given up')"
        )
        return int((await self.at.sql("SELECT max(id) FROM due"))[0][0])

    async def quarantined(self, aside: bool = False) -> int:
        await self.at.sql(
            "INSERT INTO quarantine (channel, account, external_id, dedupe, reason, raw, created_at, set_aside_at)"
            " VALUES ('web', 'web', 'e', 'd', 'r', 'x', 1, :aside)",
            aside=1 if aside else None,
        )
        return int((await self.at.sql("SELECT max(id) FROM quarantine"))[0][0])

    async def sample(self) -> int:
        customer = self.at.customer()
        await customer.write("everything is down")
        await customer.hears("acknowledgement")
        await self.at.sql(
            "INSERT INTO sample (message_id, conversation_id, came_at, decided_at, words, rule, turn, tier, "
            "labelled_by, labelled_at) SELECT id, conversation_id, 1, 1, '[]', 'r', 0, 'outage',"
            " (SELECT id FROM agent WHERE name = 'Root'), 1 FROM message WHERE direction = 'in'"
        )
        return int((await self.at.sql("SELECT max(id) FROM sample"))[0][0])

    async def macro(self, archived: bool = False) -> int:
        made = await self.root.post("/api/v1/macros", json={"title": "Late", "body": "It is on its way."})
        if archived:
            await self.root.delete(f"/api/v1/macros/{made.json()['id']}")
        return int(made.json()["id"])

    async def case(self) -> int:
        customer = self.at.customer()
        await customer.write("everything is down")
        await customer.hears("acknowledgement")
        return int((await self.at.sql('SELECT max(id) FROM "case"'))[0][0])

    async def offer(self) -> int:
        case, now = await self.case(), datetime.now(UTC)
        async with self.at.house.database.write("test") as connection:
            root = await find_agent(connection, "root@desk.example")
            assert root is not None
            await offers.make(connection, case, root.id, now, now + timedelta(minutes=5))
        return int((await self.at.sql("SELECT max(id) FROM offer"))[0][0])

    async def hold(self) -> int:
        number = case_number(await self.case())
        await self.root.post(f"/api/v1/cases/{number}/claim")
        held = await self.root.post(f"/api/v1/cases/{number}/reply", json={"text": "Done.", "hold": 30})
        return int(held.json()["hold"])

    async def named(self) -> int:
        async with self.at.house.database.write("test") as connection:
            root = await find_agent(connection, "root@desk.example")
            assert root is not None
            await window.name(
                connection, root.id, channel="slack", account="team", external_id="U1", how="code",
                now=datetime.now(UTC),
            )  # fmt: skip
        return int((await self.at.sql("SELECT max(id) FROM agent_name"))[0][0])

    async def customer(self) -> int:
        await self.case()
        return int((await self.at.sql("SELECT max(id) FROM customer"))[0][0])

    async def two(self) -> tuple[int, int]:
        """A customer, and an identity of another."""
        customer = await self.customer()
        await self.case()
        return customer, int((await self.at.sql("SELECT max(id) FROM identity"))[0][0])

    async def linked(self) -> tuple[int, int]:
        """A customer, and a link of theirs."""
        customer, identity = await self.two()
        made = (await self.link(customer, identity)).json()
        return int(made["customer"]), int(made["link"])

    async def link(self, customer: int, identity: int) -> httpx.Response:
        link = {"identity": identity, "why": "said so by phone"}
        return await self.root.post(f"/api/v1/customers/{customer}/links", json=link)

    async def reachable(self) -> None:
        """Somebody new can be written to, on a platform without addresses."""
        self.at.house.api.state.office.write_first["web", "web"] = Anybody()

    async def open_link(self) -> str:
        asked = {"email": "mia@desk.example", "name": "Mia", "role": "agent"}
        return str((await self.root.post("/api/v1/agents/invites", json=asked)).json()["link"])


Prepare = Callable[[Ground], Awaitable[Any]]


def call(method: str, path: str, body: Any = None, prepare: Prepare | None = None) -> tuple[Prepare | None, Any]:
    async def do(ground: Ground, found: Any) -> httpx.Response:
        return await ground.root.request(method, path.replace("{id}", str(found)), json=body)

    return prepare, do


async def _in(ground: Ground, found: Any) -> httpx.Response:
    async with browser(ground.at) as http:
        return await sign_in(http, "bo@desk.example")


async def _out(ground: Ground, found: Any) -> httpx.Response:
    return await ground.root.post("/desk/sign-out")


async def _join(ground: Ground, link: str) -> httpx.Response:
    async with browser(ground.at) as http:
        return await http.post(link[link.index("/desk/") :], data={"name": "Mia", "password": PASSWORD})


async def _link(ground: Ground, found: tuple[int, int]) -> httpx.Response:
    return await ground.link(*found)


async def _unlink(ground: Ground, found: tuple[int, int]) -> httpx.Response:
    return await ground.root.post(f"/api/v1/customers/{found[0]}/links/{found[1]}/undo")


MACRO = {"title": "Later", "body": "It comes tomorrow."}

ACTS: dict[str, tuple[Prepare | None, Any]] = {
    "POST /desk/sign-in": (lambda ground: person(ground.at, "Bo", password=PASSWORD), _in),
    "POST /desk/sign-out": (None, _out),
    "POST /desk/welcome/{secret}": (lambda ground: ground.open_link(), _join),
    "PUT /api/v1/me": call("PUT", "/api/v1/me", {"name": "Rita"}),
    "PUT /api/v1/me/password": call(
        "PUT", "/api/v1/me/password", {"old": PASSWORD, "new": "four other words now"},
        lambda ground: person(ground.at, "Root", "admin", PASSWORD),
    ),
    "DELETE /api/v1/sessions": call("DELETE", "/api/v1/sessions"),
    "DELETE /api/v1/sessions/{id}": call("DELETE", "/api/v1/sessions/{id}", None, lambda ground: ground.session()),
    "POST /api/v1/agents/invites": call(
        "POST", "/api/v1/agents/invites", {"email": "m@desk.example", "name": "M", "role": "agent"}
    ),
    "DELETE /api/v1/agents/invites/{id}": call(
        "DELETE", "/api/v1/agents/invites/{id}", None, lambda ground: ground.invite()
    ),
    "DELETE /api/v1/agents/{id}/sessions": call(
        "DELETE", "/api/v1/agents/{id}/sessions", None, lambda ground: ground.lea()
    ),
    "PUT /api/v1/agents/{id}": call("PUT", "/api/v1/agents/{id}", {"role": "supervisor"}, lambda ground: ground.lea()),
    "POST /api/v1/agents/{id}/deactivate": call(
        "POST", "/api/v1/agents/{id}/deactivate", None, lambda ground: ground.lea()
    ),
    "POST /api/v1/agents/{id}/activate": call(
        "POST", "/api/v1/agents/{id}/activate", None, lambda ground: ground.lea()
    ),
    "POST /api/v1/teams": call("POST", "/api/v1/teams", {"name": "Day"}),
    "PUT /api/v1/teams/{id}": call("PUT", "/api/v1/teams/{id}", {"name": "Day"}, lambda ground: ground.team()),
    "DELETE /api/v1/teams/{id}": call("DELETE", "/api/v1/teams/{id}", None, lambda ground: ground.team()),
    "PUT /api/v1/status": call("PUT", "/api/v1/status", {"state": "fine", "text": "Fine."}),
    "POST /api/v1/gate": call("POST", "/api/v1/gate", {"decision": "hold", "why": "to be sure"}),
    "POST /api/v1/labels/{id}/undo": call(
        "POST", "/api/v1/labels/{id}/undo", None, lambda ground: ground.sample()
    ),
    "POST /api/v1/channels/test": call(
        "POST", "/api/v1/channels/test", {"channel": "web", "account": "web", "place": "p", "text": "hello"}
    ),
    "POST /api/v1/undelivered/{message}/send-again": call(
        "POST", "/api/v1/undelivered/{id}/send-again", None, lambda ground: ground.failed()
    ),
    "POST /api/v1/dues/{due}/run-again": call(
        "POST", "/api/v1/dues/{id}/run-again", None, lambda ground: ground.due()
    ),
    "POST /api/v1/quarantine/{item}/retry": call(
        "POST", "/api/v1/quarantine/{id}/retry", None, lambda ground: ground.quarantined()
    ),
    "POST /api/v1/quarantine/{item}/set-aside": call(
        "POST", "/api/v1/quarantine/{id}/set-aside", None, lambda ground: ground.quarantined()
    ),
    "POST /api/v1/quarantine/{item}/bring-back": call(
        "POST", "/api/v1/quarantine/{id}/bring-back", None, lambda ground: ground.quarantined(aside=True)
    ),
    "PUT /api/v1/assignment": call("PUT", "/api/v1/assignment", {"mode": "push"}),
    "POST /api/v1/offers/{id}/take": call(
        "POST", "/api/v1/offers/{id}/take", None, lambda ground: ground.offer()
    ),
    "POST /api/v1/holds/{hold}/undo": call("POST", "/api/v1/holds/{id}/undo", None, lambda ground: ground.hold()),
    "POST /api/v1/macros": call("POST", "/api/v1/macros", MACRO),
    "PUT /api/v1/macros/{id}": call("PUT", "/api/v1/macros/{id}", MACRO, lambda ground: ground.macro()),
    "DELETE /api/v1/macros/{id}": call("DELETE", "/api/v1/macros/{id}", None, lambda ground: ground.macro()),
    "POST /api/v1/macros/{id}/bring-back": call(
        "POST", "/api/v1/macros/{id}/bring-back", None, lambda ground: ground.macro(archived=True)
    ),
    "PUT /api/v1/customers/{id}": call(
        "PUT", "/api/v1/customers/{id}", {"name": "Ana"}, lambda ground: ground.customer()
    ),
    "POST /api/v1/customers/{id}/links": (lambda ground: ground.two(), _link),
    "POST /api/v1/customers/{id}/links/{link}/undo": (lambda ground: ground.linked(), _unlink),
    "POST /api/v1/conversations": call(
        "POST", "/api/v1/conversations", {"to": "m@x.example", "subject": "S", "text": "Hello"},
        lambda ground: ground.reachable(),
    ),
    "POST /api/v1/me/slack-code": call("POST", "/api/v1/me/slack-code"),
    "POST /api/v1/me/slack/{name}/unlink": call(
        "POST", "/api/v1/me/slack/{id}/unlink", None, lambda ground: ground.named()
    ),
}  # fmt: skip
"""Every other act: what must be there before, and how it is done."""


async def changing(at: Desk) -> set[str]:
    """All routes that change something for people of the desk."""
    paths = (await at.http.get("/api/openapi.json")).json()["paths"]
    found = {
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method in methods
        if method != "get" and path.startswith("/api/v1")
    }
    for route in at.house.api.router.routes:
        path = getattr(route, "path", "")
        if path.startswith("/desk"):
            found |= {f"{method} {path}" for method in (getattr(route, "methods", None) or ()) if method not in READS}
    return found


READS = {"GET", "HEAD", "OPTIONS"}


async def test_every_act_has_its_way_here_or_a_reason(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        found = await changing(at)
    assert found - set(ACTS) - (CASES - set(SILENT)) == set(SILENT), (
        "say how it is done in ACTS, or why it leaves no line in SILENT"
    )
    assert set(ACTS) | CASES <= found, "it is no route any more"


@pytest.mark.parametrize("act", ACTS)
async def test_each_act_leaves_exactly_one_line(tmp_path: Path, act: str) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root:
        prepare, do = ACTS[act]
        found = await prepare(Ground(at, root)) if prepare else None
        before = len(await lines(at))
        done = await do(Ground(at, root), found)
        assert done.status_code in (200, 303), done.text
        told = (await lines(at))[before:]
        assert len(told) == 1, told
        assert all(told[0])


@pytest.mark.parametrize("path", PREPARED)
async def test_each_act_on_a_case_leaves_exactly_one_line(tmp_path: Path, path: str) -> None:
    async with desk(tmp_path) as at:
        lea, _, ana = await at.agent("Lea", role_for(path)), await at.agent("Tom"), at.customer()
        address, body = await made_ready(at, ana, lea, path)
        told = len(await lines(at))
        await lea.done(address, body, key="k")
        await lea.done(address, body, key="k")
        silent = f"POST /api/v1/{path.replace('{case}', '{number}')}" in SILENT
        assert len(await lines(at)) == told + (0 if silent else 1), (await lines(at))[told:]


async def test_an_act_on_many_cases_leaves_a_line_for_each(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        mia = await at.agent("Mia", "supervisor")
        both = [await case_of(at, at.customer(), mia) for _ in range(2)]
        told = len(await lines(at))
        await mia.done("cases/bulk", {"act": "resolve", "cases": [*both, "W-999999"]})
        assert (await lines(at))[told:] == [("resolve", number) for number in both]


async def test_a_merge_is_told_of_the_case_that_lives_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        lea, ana = await at.agent("Lea"), at.customer()
        number = await case_of(at, ana, lea)
        into = await other_case_of(at, ana, lea)
        told = len(await lines(at))
        await lea.done(f"cases/{number}/merge", {"into": into})
        await lea.done(f"cases/{number}/unmerge")
        assert (await lines(at))[told:] == [("merge", into), ("unmerge", number)]


async def test_a_held_reply_that_leaves_first_has_its_own_line(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        lea, ana = await at.agent("Lea"), at.customer()
        number = await case_of(at, ana, lea)
        await lea.done(f"cases/{number}/claim")
        await lea.done(f"cases/{number}/reply", {"text": "Done.", "hold": 30})
        await lea.done(f"cases/{number}/resolve")
        assert await lines(at) == [(act, number) for act in ("claim", "hold", "reply", "resolve")]


async def test_who_signs_out_leaves_a_line_for_each_case_that_goes_back(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root, browser(at) as http:
        lea, mia = await at.agent("Lea"), await at.agent("Mia")
        open_, answered = [await case_of(at, at.customer(), lea) for _ in range(2)]
        await person(at, "Lea", password=PASSWORD)
        await sign_in(http, "lea@desk.example")
        for number in (open_, answered):
            await lea.done(f"cases/{number}/claim")
        await lea.done(f"cases/{answered}/reply", {"text": "Done."})
        told = len(await lines(at))
        await http.post("/desk/sign-out")
        assert (await lines(at))[told:] == [("signed out", "lea@desk.example"), ("sign-out", open_)]
        assert (await mia.case(answered))["assignee"] == "Lea"
        told = len(await lines(at))
        id_ = (await at.sql("SELECT id FROM agent WHERE name = 'Lea'"))[0][0]
        await root.post(f"/api/v1/agents/{id_}/deactivate")
        assert sorted((await lines(at))[told:]) == [("deactivated", "lea@desk.example"), ("locked-out", answered)]


async def test_what_was_done_before_leaves_no_second_line(tmp_path: Path) -> None:
    """Pressed twice, without a key."""
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root:
        ground = Ground(at, root)
        twice = [
            f"/api/v1/cases/{case_number(await ground.case())}/claim",
            f"/api/v1/offers/{await ground.offer()}/take",
            f"/api/v1/holds/{await ground.hold()}/undo",
        ]
        for address in twice:
            told = len(await lines(at))
            answers = [(await root.post(address)).text for _ in range(2)]
            assert answers[0] == answers[1]
            assert len(await lines(at)) == told + 1, (await lines(at))[told:]


async def test_a_refused_sign_in_names_people_of_the_desk_alone(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as http:
        await person(at, "Ada", password=PASSWORD)
        await sign_in(http, "ada@desk.example", "wrong words here")
        await sign_in(http, "my-bank-password", "wrong words here")
        assert await lines(at) == [
            ("sign-in refused", "ada@desk.example"),
            ("sign-in refused", "an unknown address"),
        ]
        kept = str(await at.sql("SELECT data FROM audit"))
        assert "my-bank-password" not in kept
        assert "wrong words" not in kept


async def test_no_words_of_customers_and_no_secrets_stand_in_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root:
        lea, ana = await at.agent("Lea"), at.customer()
        number = await case_of(at, ana, lea)
        await lea.done(f"cases/{number}/claim")
        await lea.done(f"cases/{number}/reply", {"text": "a very private answer"})
        link = (await root.post("/api/v1/agents/invites", json={"email": "m@x.example", "name": "M"})).json()["link"]
        kept = str(await at.sql("SELECT action, subject, data FROM audit"))
        assert "private answer" not in kept
        assert "whole site is down" not in kept
        assert link.rsplit("/", 1)[1] not in kept
        assert lea.token not in kept


# --- reading -----------------------------------------------------------------------------------

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


async def fill(at: Desk, count: int) -> None:
    """So many lines, one a minute, of two people and nobody."""
    who = [(await person(at, name)).id for name in ("Ann", "Bob")]
    rows = [
        {
            "at": BEGIN + timedelta(minutes=n // 2),  # two of each moment: the number decides
            "agent_id": (*who, None)[n % 3],
            "action": ("claim", "reply")[n % 2],
            "subject": f"W-{n % 7}",
            "data": None,
        }
        for n in range(count)
    ]
    async with at.house.database.write("test") as connection:
        await connection.execute(insert(audit), rows)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_walk_by_cursor_meets_every_line_once(tmp_path: Path, dialect: str) -> None:
    async with desk(tmp_path, **await database_for(dialect)) as at, signed_in(at, "Root", "admin") as root:
        await fill(at, 330)
        ann = (await at.sql("SELECT id FROM agent WHERE name = 'Ann'"))[0][0]
        for asked, keeps in (
            ({}, lambda line: True),
            ({"who": ann}, lambda line: line["name"] == "Ann"),
            ({"who": -1}, lambda line: line["name"] is None),
            ({"action": "claim"}, lambda line: line["action"] == "claim"),
            ({"who": ann, "action": "reply"}, lambda line: line["name"] == "Ann" and line["action"] == "reply"),
            ({"subject": "W-3"}, lambda line: line["subject"] == "W-3"),
            ({"since": "2026-01-01T01:00:00Z", "until": "2026-01-01T02:00:00Z"},
             lambda line: "T01:" in line["at"]),
        ):  # fmt: skip
            seen: list[dict[str, Any]] = []
            cursor: str | None = None
            while True:
                params = {**asked, "limit": 50, **({"cursor": cursor} if cursor else {})}
                page = (await root.get("/api/v1/audit", params=params)).json()
                seen += page["lines"]
                if (cursor := page["next"]) is None:
                    break
            assert len({line["id"] for line in seen}) == len(seen)
            assert all(map(keeps, seen)), asked
            everything = (await root.get("/api/v1/audit", params={"limit": 200})).json()["lines"]
            assert [line["id"] for line in seen] == sorted((line["id"] for line in seen), reverse=True)
            assert {line["id"] for line in everything if keeps(line)} <= {line["id"] for line in seen}
        for nonsense in ("x", "1", "1.x", "9" * 30 + ".1", "1." + "9" * 30, ".", "-1.-1"):
            assert (await root.get("/api/v1/audit", params={"cursor": nonsense})).status_code == 400, nonsense


async def test_the_page_narrows_and_goes_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Root", "admin") as root:
        await fill(at, 120)
        page = (await root.get("/desk/audit")).text
        assert page.count("<time datetime=") == log.PAGE
        older = re.search(r'href="(/desk/audit\?[^"]*after=[^"]*)"', page)
        assert older is not None
        next_ = (await root.get(older[1].replace("&amp;", "&"))).text
        assert next_.count("<time datetime=") == log.PAGE
        assert "Back to the newest" in next_
        only = (
            await root.get("/desk/audit", params={"action": "claim", "from": "2026-01-01", "to": "2026-01-01"})
        ).text
        assert 'data-label="Act">claim' in only
        assert 'data-label="Act">reply' not in only
        assert "No line fits" in (await root.get("/desk/audit", params={"about": "W-99"})).text
        for odd in ({"who": "x"}, {"from": "never"}, {"to": "9999-12-31"}, {"after": "x"}, {"who": "²"}):
            assert (await root.get("/desk/audit", params=odd)).status_code == 200, odd


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_file_holds_every_line_and_that_it_was_taken(tmp_path: Path, dialect: str) -> None:
    async with desk(tmp_path, **await database_for(dialect)) as at, signed_in(at, "Root", "admin") as root:
        await fill(at, 1203)
        async with at.house.database.write("test") as connection:
            await connection.execute(
                insert(audit).values(at=BEGIN, action="=cmd", subject='@SUM(1+1)*cmd|"x"\n', data={"größe": "+1"})
            )
        response = await root.get("/desk/audit.csv")
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in response.headers["content-disposition"]
        rows = list(csv.reader(io.StringIO(response.content.decode("utf-8"))))
        assert tuple(rows[0]) == COLUMNS
        assert len(rows) == 1 + 1203 + 1 + 1
        assert rows[1][3] == "audit exported", "that it was taken is in it"
        assert all(datetime.fromisoformat(row[0]).tzinfo is not None for row in rows[1:])
        odd = next(row for row in rows if "cmd" in row[3])
        assert (odd[3], odd[4]) == ("'=cmd", '\'@SUM(1+1)*cmd|"x"\n')
        assert "größe" in odd[5]
        narrow = await root.get("/desk/audit.csv", params={"action": "claim"})
        assert {row[3] for row in csv.reader(io.StringIO(narrow.text))} == {"action", "claim"}


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(cell: str) -> None:
    assert defused(cell) == f"'{cell}"
    assert defused(f"a{cell}") == f"a{cell}"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_kinds_of_acts_are_found_by_steps(tmp_path: Path, dialect: str) -> None:
    async with desk(tmp_path, **await database_for(dialect)) as at:
        async with at.house.database.read() as connection:
            assert await log.actions(connection) == []
        await fill(at, 20)
        async with at.house.database.read() as connection:
            assert await log.actions(connection) == ["claim", "reply"]
            assert len(await log.page(connection, Wanted(), limit=5)) == 5
