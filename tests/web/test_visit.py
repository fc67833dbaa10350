"""How a conversation stands, and what a customer does in it besides writing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import channels.web.channel
from bot.host import Front
from handoff.reach import masked
from tests.house import Customer, Desk, desk, served, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def stands(of: Customer) -> dict[str, Any]:
    response = await of.http.get(f"/api/web/conversations/{of.token}")
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    found: dict[str, Any] = response.json()
    return found


async def does(of: Customer, what: str, body: Any = None, **headers: str) -> httpx.Response:
    return await of.http.post(f"/api/web/conversations/{of.token}/{what}", json=body, headers=headers)


async def test_from_the_machine_to_a_person_and_back(at: Desk) -> None:
    ana, lea = at.customer(), await at.agent("Lea")
    await ana.write("hello")
    assert await stands(ana) == {
        "case": None, "owner": "bot", "agent": None, "waiting": False, "place": None, "by": None, "email": None,
        "ask_email": False, "resolved": False, "seen": 0, "status": {"state": "fine", "text": "All systems work."},
    }  # fmt: skip
    await lea.get("me")  # at the desk: a time can be promised
    await ana.write("everything is down")
    told = await ana.hears("acknowledgement")
    waits = await stands(ana)
    number = waits["case"]
    assert number in told["text"]
    assert (waits["owner"], waits["waiting"], waits["agent"], waits["resolved"]) == ("human", True, None, False)
    assert waits["place"] >= 1
    if waits["by"] is not None:
        assert datetime.fromisoformat(waits["by"]) > datetime.now(UTC)
        assert "by" in told["text"]
    await lea.done(f"cases/{number}/claim")
    held = await stands(ana)
    assert (held["waiting"], held["place"], held["agent"], held["case"]) == (False, None, "Lea", number)
    await lea.done(f"cases/{number}/reply", {"text": "Try again."})
    assert (await stands(ana))["by"] is None, "it was kept"
    await lea.done(f"cases/{number}/resolve", {"outcome": "solved"})
    done = await stands(ana)
    assert (done["resolved"], done["agent"], done["case"], done["place"]) == (True, None, number, None)


async def test_the_number_in_line(at: Desk) -> None:
    people = [at.customer() for _ in range(3)]
    for one in people:
        await one.write("everything is down")
        await one.hears("acknowledgement")
    calm = at.customer()
    await calm.write("florp")
    await calm.hears("acknowledgement")
    places = [(await stands(one))["place"] for one in people]
    assert places == [places[0], places[0] + 1, places[0] + 2]
    assert (await stands(calm))["place"] > places[-1], "the first class comes before"
    lea = await at.agent("Jon")
    await lea.done(f"cases/{(await stands(people[0]))['case']}/claim")
    assert (await stands(people[2]))["place"] == places[1]


async def test_what_is_only_filed_is_nobodys_wait(at: Desk) -> None:
    ana = at.customer()
    await ana.write("I love your service")

    async def thanked() -> bool:
        return any(line["from"] == "bot" for line in await ana.read())

    await until(thanked)
    stood = await stands(ana)
    assert (stood["case"], stood["owner"], stood["waiting"], stood["place"]) == (None, "bot", False, None)


async def test_seen_only_grows_and_never_beyond_what_is_there(at: Desk) -> None:
    ana = at.customer()
    await ana.write("everything is down")
    await ana.hears("acknowledgement")
    for seq, then in ((1, 1), (2, 2), (1, 2), (0, 2), (3, 2), (999_999_999, 2)):
        response = await does(ana, "seen", {"seq": seq})
        assert (response.status_code, response.content) == (204, b"")
        assert (await stands(ana))["seen"] == then, seq
    row = (await at.sql("SELECT seen_at FROM conversation WHERE seen_seq = 2 ORDER BY id DESC LIMIT 1"))[0]
    assert row[0] is not None


async def test_an_address_is_claimed_and_shown_only_in_part(at: Desk) -> None:
    ana, ben = at.customer(), at.customer()
    await ana.write("everything is down")
    await ben.write("everything is down")
    response = await does(ana, "email", {"email": "Ana.Maria@Example.com", "name": "Ana"})
    assert response.status_code == 200
    assert response.json()["email"] == "a•••@example.com"
    assert "maria" not in response.text.lower().replace("a•••", "")
    assert (await stands(ben))["email"] is None
    rows = await at.sql("SELECT name, email FROM customer WHERE email = 'ana.maria@example.com'")
    assert [tuple(row) for row in rows] == [("Ana", "ana.maria@example.com")]
    await does(ana, "email", {"email": "ana@other.example"})
    assert (await stands(ana))["email"] == "a•••@other.example", "a mistake can be mended"


async def test_a_proven_address_is_not_replaced_by_a_claim(at: Desk) -> None:
    ana = at.customer()
    await ana.write("everything is down", email="ana@proven.example")
    number = await at.conversation(ana)
    await at.sql(
        "UPDATE identity SET verified = true WHERE id = (SELECT identity_id FROM conversation WHERE id = :id)",
        id=number,
    )
    response = await does(ana, "email", {"email": "eve@elsewhere.example", "name": "Eve"})
    assert response.json()["email"] == "a•••@proven.example"


@pytest.mark.parametrize(
    ("what", "body", "code"),
    [
        ("seen", {}, "wrong_type"), ("seen", {"seq": "1"}, "wrong_type"), ("seen", {"seq": -1}, "wrong_type"),
        ("seen", {"seq": True}, "wrong_type"), ("seen", {"seq": 1.5}, "wrong_type"),
        ("seen", {"seq": 10**30}, "wrong_type"), ("seen", [1], "not_an_object"), ("seen", 3, "not_an_object"),
        ("email", {}, "no_address"), ("email", {"email": None}, "no_address"), ("email", {"email": ""}, "no_address"),
        ("email", {"email": "ana"}, "no_address"), ("email", {"email": "a b@c.example"}, "no_address"),
        ("email", {"email": "a@b.example\nBcc: all@c.example"}, "no_address"),
        ("email", {"email": "a@b.example,c@d.example"}, "no_address"),
        ("email", {"email": "<a@b.example>"}, "no_address"), ("email", {"email": "a@[::1].example"}, "no_address"),
        ("email", {"email": "a@b.example\r\x00"}, "control_character"),
        ("email", {"email": ["a@b.example"]}, "wrong_type"),
        ("email", {"email": "a@" + "b" * 400 + ".example"}, "too_long"),
        ("email", {"email": "a@b.example", "name": {"x": 1}}, "wrong_type"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said(at: Desk, what: str, body: Any, code: str) -> None:
    ana = at.customer()
    await ana.write("thanks")
    response = await does(ana, what, body)
    assert (response.status_code, response.json()["error"]["code"]) == (422, code)
    assert response.json()["error"]["message"].endswith((".", '"email".'))


async def test_too_much_and_no_json(at: Desk) -> None:
    ana = at.customer()
    await ana.write("thanks")
    path = f"/api/web/conversations/{ana.token}"
    assert (await ana.http.post(f"{path}/email", content=b"x" * 5000)).status_code == 413
    assert (await ana.http.post(f"{path}/seen", content=b"seq=1")).json()["error"]["code"] == "not_json"
    assert (await ana.http.post(f"{path}/seen", content=b"\xff")).json()["error"]["code"] == "not_utf8"
    assert (await ana.http.get(f"{path}/seen")).status_code in (404, 405)


async def test_with_another_token_nothing_happens(at: Desk) -> None:
    ana = at.customer()
    await ana.write("everything is down")
    stranger = Customer(at.http, token=str(ana.token)[:-1] + ("A" if str(ana.token)[-1] != "A" else "E"))
    for what, body in (("seen", {"seq": 1}), ("typing", None), ("email", {"email": "eve@example.com"})):
        response = await does(stranger, what, body)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "no_such_conversation")
    assert (await at.http.get(f"/api/web/conversations/{stranger.token}")).status_code == 404
    assert (await stands(ana))["seen"] == 0


async def test_from_another_website(at: Desk) -> None:
    ana = at.customer()
    await ana.write("everything is down")
    for what, body in (("seen", {"seq": 1}), ("typing", None), ("email", {"email": "eve@example.com"})):
        response = await does(ana, what, body, Origin="https://evil.example", **{"Sec-Fetch-Site": "cross-site"})
        assert response.json()["error"]["code"] == "origin_not_allowed"
    assert (await stands(ana))["email"] is None


async def test_not_too_often(at: Desk) -> None:
    ana = at.customer()
    await ana.write("everything is down")
    answers = [await does(ana, "email", {"email": f"ana{number}@example.com"}) for number in range(8)]
    assert [answer.status_code for answer in answers[:6]] == [200] * 6
    assert answers[7].status_code == 429
    assert int(answers[7].headers["retry-after"]) >= 1
    assert (await does(ana, "seen", {"seq": 1})).status_code == 204, "each has its own"


async def test_an_agent_hears_that_somebody_types_and_has_read(at: Desk) -> None:
    ana = at.customer()
    await ana.write("everything is down")
    await ana.hears("acknowledgement")
    number = await at.conversation(ana)
    with at.house.house._live.follow() as feed:
        assert (await does(ana, "typing")).status_code == 204
        async with asyncio.timeout(20):
            while not (heard := feed.take()).signals:
                await feed.wait()
        assert heard.signals == [{"kind": "typing", "conversation": number, "by": "customer"}]
        await does(ana, "seen", {"seq": 2})
        async with asyncio.timeout(20):
            while number not in feed.take().conversations:
                await feed.wait()


async def test_who_types_does_not_wake_their_own_pages(at: Desk) -> None:
    """Each open page would read all again: the cheapest request there is would cost the most."""
    ana = at.customer()
    await ana.write("everything is down")
    await ana.hears("acknowledgement")
    number = await at.conversation(ana)
    with at.house.house._live.follow() as feed, at.house.house.listen(number) as ear:
        ear.clear()
        assert (await does(ana, "typing")).status_code == 204
        async with asyncio.timeout(20):
            while not feed.take().signals:
                await feed.wait()
        assert not ear.signals
        assert not ear.is_set()


# --- live ----------------------------------------------------------------------------------------


@asynccontextmanager
async def events(url: str, token: str | None, query: str = "?state=1") -> AsyncIterator[asyncio.Queue[tuple[str, Any]]]:
    """Named events as they come: `(name, data)`; messages are called `message`."""
    heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    async def follow(response: httpx.Response) -> None:
        name, id_ = "message", None
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("id: "):
                id_ = line
            elif line.startswith("data: "):
                assert (name == "message") == (id_ is not None), "only messages have a number"
                await heard.put((name, json.loads(line[6:])))
            elif not line:
                name, id_ = "message", None

    path = f"{url}/api/web/conversations/{token}/events{query}"
    async with httpx.AsyncClient(timeout=10) as http, http.stream("GET", path) as response:
        task = asyncio.create_task(follow(response))
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def heard(queue: asyncio.Queue[tuple[str, Any]], name: str, **wanted: Any) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            kind, data = await queue.get()
            if kind == name and wanted.items() <= data.items():
                found: dict[str, Any] = data
                return found


@pytest.mark.asyncio(loop_scope="function")
async def test_the_state_comes_at_once_and_whenever_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels.web.channel, "HEARTBEAT", 0.1)
    async with desk(tmp_path) as at, served(at.house) as url:
        ana, lea = at.customer(), await at.agent("Mia")
        await ana.write("everything is down")
        async with events(url, ana.token) as live:
            waits = await heard(live, "state", waiting=True)
            assert waits["place"] == 1
            ben = at.customer()
            await ben.write("everything is down")
            await ben.hears("acknowledgement")
            async with events(url, ben.token) as bens:
                assert (await heard(bens, "state", waiting=True))["place"] == 2
                await lea.done(f"cases/{waits['case']}/claim")
                assert (await heard(live, "state", agent="Mia"))["waiting"] is False
                assert (await heard(bens, "state", waiting=True))["place"] == 1, "the line moves without any news"
            number = await at.conversation(ana)
            await at.house.house._live.signal("typing", conversation=number, by="agent", name="Mia")
            assert await heard(live, "typing") == {"author": "Mia"}
            await at.house.house._live.signal("typing", conversation=number, by="customer", name="x")
            await does(ana, "email", {"email": "ana@example.com"})
            assert await heard(live, "state", email="a•••@example.com")
            await heard(live, "beat")
        async with events(url, ana.token, "") as plain:
            await does(ana, "email", {"email": "other@example.com"})
            await ana.write("still down")
            names = set()
            async with asyncio.timeout(20):
                while True:
                    name, data = await plain.get()
                    names.add(name)
                    if data.get("text") == "still down":
                        break
        assert names == {"message"}, "who has not asked for more gets messages alone"


# --- when to ask for an address --------------------------------------------------------------------


@pytest.mark.asyncio(loop_scope="function")
async def test_an_address_is_asked_for_when_the_wait_is_longer_than_the_visit(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        ana, lea = at.customer(), await at.agent("Lea")
        await ana.write("everything is down")
        await ana.hears("acknowledgement")
        assert (await stands(ana))["ask_email"] is False, "there is no mail here"
        house = at.house.house
        front = house._front
        mail_after = timedelta(minutes=5)
        house._front = Front(voice=front.voice, hours=front.hours, hours_said=front.hours_said, mail_after=mail_after)
        assert (await stands(ana))["ask_email"] is True, "no time was named"
        case = (await stands(ana))["case"]
        now = datetime.now(UTC)
        await at.sql(
            "INSERT INTO promise (case_id, conversation_id, kind, \"by\", basis, state, made_at)"
            " SELECT id, conversation_id, 'first_answer', :by, 'agents on duty', 'open', :by FROM \"case\"",
            by=int((now + timedelta(minutes=1)).timestamp() * 1e6),
        )  # fmt: skip
        assert (await stands(ana))["ask_email"] is False, "it comes in a minute"
        await at.sql('UPDATE promise SET "by" = :by', by=int((now + timedelta(minutes=5)).timestamp() * 1e6))
        assert (await stands(ana))["ask_email"] is True
        await does(ana, "email", {"email": "ana@example.com"})
        assert (await stands(ana))["ask_email"] is False
        ben = at.customer()
        await ben.write("hello")
        assert (await stands(ben))["ask_email"] is False, "nobody waits"
        await at.sql("UPDATE customer SET email = NULL")
        await lea.done(f"cases/{case}/claim")
        assert (await stands(ana))["ask_email"] is True
        await lea.done(f"cases/{case}/reply", {"text": "Here."})
        assert (await stands(ana))["ask_email"] is False


# --- about us ------------------------------------------------------------------------------------


@pytest.mark.asyncio(loop_scope="function")
async def test_who_we_are(tmp_path: Path) -> None:
    async with desk(tmp_path, company="Harbour & Söhne", allowed_origins="https://shop.example") as at:
        response = await at.http.get("/api/web/about", headers={"Origin": "https://shop.example"})
        assert response.headers["access-control-allow-origin"] == "https://shop.example"
        assert response.headers["cache-control"] == "public, max-age=5"
        about = response.json()
        assert about["company"] == "Harbour & Söhne"
        assert (about["open"], about["opens_at"], about["opens"]) == (True, None, None)
        assert (about["hours"], about["mail"]) == ("Round the clock", False)
        assert about["max_length"] == 10_000


@pytest.mark.asyncio(loop_scope="function")
async def test_when_we_are_back_and_what_is_wrong(tmp_path: Path) -> None:
    sunday = datetime(2026, 11, 22, 11, tzinfo=UTC)
    async with desk(tmp_path, hours="mon-fri 09:00-18:00", timezone="Europe/Berlin") as at:
        house = at.house.house
        house._clock = lambda: sunday
        asked = []

        async def status() -> dict[str, str]:
            asked.append(1)
            return {"state": "trouble", "text": "Mail is slow. We are on it."}

        front = house._front
        house._front = Front(voice=front.voice, hours=front.hours, hours_said=front.hours_said, status=status)
        for _ in range(3):
            about = (await at.http.get("/api/web/about")).json()
        assert about["open"] is False
        assert about["opens_at"] == "2026-11-23T08:00:00+00:00"
        assert about["opens"] == "Monday 09:00 CET"
        assert about["hours"] == "Mon–Fri 09:00–18:00 CET"
        assert about["status"] == {"state": "trouble", "text": "Mail is slow. We are on it."}
        assert len(asked) == 1, "not for everybody who looks"
        ana = at.customer()
        await ana.write("florp")
        assert (await stands(ana))["status"]["state"] == "trouble"


@pytest.mark.parametrize(
    ("address", "shown"), [("a@b.example", "a•••@b.example"), ("@b", "•••@b"), ("öl@b.example", "ö•••@b.example")]
)
async def test_masked(address: str, shown: str) -> None:
    assert masked(address) == shown
