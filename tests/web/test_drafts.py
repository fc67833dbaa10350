"""Drafts and replies that can be taken back, over the API; and who else hears of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.web.who import COOKIE
from store.agents import find_agent
from store.sessions import open_session
from tests.house import AgentClient, Customer, Desk, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def mine(at: Desk, name: str = "Lea") -> tuple[Customer, AgentClient, str]:
    """A customer, an agent who has claimed the case, and its number."""
    ana, lea = at.customer(), await at.agent(name)
    await ana.write("your whole site is down", name="Ana Ruiz")
    number = re.search(r"W-\d+", (await ana.hears("acknowledgement"))["text"])
    assert number is not None
    await lea.done(f"cases/{number[0]}/claim")
    return ana, lea, number[0]


async def put(who: AgentClient, number: str, text: str, **more: Any) -> dict[str, Any]:
    response = await who.http.put(
        f"/api/v1/cases/{number}/draft", json={"mode": "reply", "text": text, **more}, headers=who._headers()
    )
    assert response.status_code == 200, response.text
    return dict(response.json())


async def said(ana: Customer) -> list[str]:
    return [line["text"] for line in await ana.read() if line["from"] == "agent"]


async def page_of(at: Desk, who: AgentClient, path: str) -> str:
    now = datetime.now(UTC)
    async with at.house.database.write("test") as connection:
        agent = await find_agent(connection, f"{who.name.lower()}@desk.example")
        assert agent is not None
        secret = await open_session(connection, agent.id, now)
    response = await at.http.get(path, headers={"Cookie": f"{COOKIE}={secret}"})
    assert response.status_code == 200, response.text
    return response.text


# --- replies ---------------------------------------------------------------------------------------


async def test_a_reply_waits_and_can_be_taken_back(at: Desk) -> None:
    ana, lea, number = await mine(at)
    held = await lea.done(f"cases/{number}/reply", {"text": "Not yet.", "hold": 30})
    left = datetime.fromisoformat(held["leaves_at"]) - datetime.now(UTC)
    assert timedelta(seconds=20) < left <= timedelta(seconds=30)
    assert (await lea.get(f"holds/{held['hold']}"))["state"] == "held"
    assert "seq" not in held
    for _ in range(2):
        back = await lea.done(f"holds/{held['hold']}/undo")
        assert (back["text"], back["also"], back["files"]) == ("Not yet.", [], [])
    assert (await lea.get(f"cases/{number}/draft"))["reply"]["text"] == "Not yet."
    assert await said(ana) == []
    assert (await lea.get(f"holds/{held['hold']}"))["state"] == "taken_back"


async def test_it_leaves_by_itself_once(at: Desk) -> None:
    ana, lea, number = await mine(at)
    held = await lea.done(f"cases/{number}/reply", {"text": "Here.", "hold": 1}, key="k")
    assert await lea.done(f"cases/{number}/reply", {"text": "Here.", "hold": 1}, key="k") == held
    await until(lambda: said(ana))
    assert await said(ana) == ["Here."]
    assert await lea.done(f"cases/{number}/reply", {"text": "Here.", "hold": 1}, key="k") == held, "also afterwards"
    became = await lea.get(f"holds/{held['hold']}")
    assert became["state"] == "left"
    row = next(row for row in (await lea.case(number))["transcript"] if row["seq"] == became["seq"])
    assert (row["text"], row["author"]) == ("Here.", "Lea")
    late = await lea.post(f"holds/{held['hold']}/undo")
    assert (late.status_code, late.json()["error"]["message"]) == (409, "It has left already.")


async def test_a_hold_is_nobody_elses(at: Desk) -> None:
    _, lea, number = await mine(at)
    tom = await at.agent("Tom", "admin")
    held = await lea.done(f"cases/{number}/reply", {"text": "Mine.", "hold": 30})
    assert (await tom.post(f"holds/{held['hold']}/undo")).status_code == 404
    response = await at.http.get(f"/api/v1/holds/{held['hold']}", headers=tom._headers())
    assert response.status_code == 404
    assert (await at.http.post(f"/api/v1/holds/{held['hold']}/undo")).status_code == 401


@pytest.mark.parametrize("hold", [-1, 31, "10", 2.5, True])
async def test_holds_that_are_none(at: Desk, hold: Any) -> None:
    _, lea, number = await mine(at)
    assert (await lea.post(f"cases/{number}/reply", {"text": "x", "hold": hold})).status_code == 422


async def test_who_is_told_that_it_did_not_leave(at: Desk) -> None:
    ana, lea, number = await mine(at)
    with at.house.frame.live.follow() as feed:
        held = await lea.done(f"cases/{number}/reply", {"text": "All good?", "hold": 2})
        await ana.write("no wait")

        async def refused() -> Any:
            return (await lea.get(f"holds/{held['hold']}"))["state"] == "refused"

        await until(refused)
        heard: list[Any] = []

        async def told() -> Any:
            heard.extend(feed.take().signals)
            return [signal for signal in heard if signal["kind"] == "hold"]

        (signal,) = await until(told)
    assert signal["words"] == f"Your reply in {number} did not leave: the customer wrote since."
    assert "All good?" not in str(heard)
    kept = (await lea.get(f"cases/{number}/draft"))["reply"]
    assert (kept["text"], kept["notice"]) == ("All good?", "Your reply did not leave: the customer wrote since.")
    assert await said(ana) == []
    assert "Your reply did not leave: the customer wrote since." in await page_of(at, lea, f"/desk/cases/{number}")
    await put(lea, number, "All good now?")
    assert (await lea.get(f"cases/{number}/draft"))["reply"]["notice"] is None, "touched, it is a draft like any other"


async def test_what_others_see_of_it(at: Desk) -> None:
    _, lea, number = await mine(at)
    jon = await at.agent("Jon")
    held = await lea.done(f"cases/{number}/reply", {"text": "secret until it leaves", "hold": 30})
    theirs, hers = [await page_of(at, who, f"/desk/cases/{number}") for who in (jon, lea)]
    assert "is sending a reply" in theirs
    assert "secret until it leaves" not in theirs
    assert f'data-hold="{held["hold"]}"' not in theirs
    assert "secret until it leaves" in hers
    assert f'data-hold="{held["hold"]}"' in hers
    assert "secret until it leaves" not in str(await jon.case(number))


# --- drafts ----------------------------------------------------------------------------------------


async def test_a_draft_is_kept_by_mode_and_person(at: Desk) -> None:
    _, lea, number = await mine(at)
    jon = await at.agent("Jon")
    assert (await put(lea, number, "half a sentence"))["version"] == 1
    await put(lea, number, "between us", mode="note")
    found = await lea.get(f"cases/{number}/draft")
    assert (found["reply"]["text"], found["note"]["text"]) == ("half a sentence", "between us")
    assert await jon.get(f"cases/{number}/draft") == {"reply": None, "note": None}
    page = await page_of(at, lea, f"/desk/cases/{number}")
    assert "half a sentence" in page
    assert "half a sentence" not in await page_of(at, jon, f"/desk/cases/{number}")


async def test_ones_own_cases_say_where_a_draft_waits(at: Desk) -> None:
    _, ida, number = await mine(at, "Uma")
    _, _, other = await mine(at, "Uma")
    await put(ida, number, "half a sentence")
    page = await page_of(at, ida, "/desk")
    found = dict(re.findall(r'<a href="/desk/cases/(W-\d+)" data-case(.*?)</a>', page, re.DOTALL))
    assert (">Draft<" in found[number], ">Draft<" in found[other]) == (True, False)
    await ida.done(f"cases/{number}/reply", {"text": "half a sentence, and the rest"})
    assert ">Draft<" not in await page_of(at, ida, "/desk")


async def test_what_is_sent_is_no_draft_any_more_and_the_other_mode_stays(at: Desk) -> None:
    _, lea, number = await mine(at)
    for mode in ("reply", "note"):
        await put(lea, number, f"a {mode}", mode=mode)
    await lea.done(f"cases/{number}/reply", {"text": "a reply"})
    found = await lea.get(f"cases/{number}/draft")
    assert (found["reply"], found["note"]["text"]) == (None, "a note")
    await put(lea, number, "a reply", mode="reply")
    await lea.done(f"cases/{number}/note", {"text": "a note"})
    found = await lea.get(f"cases/{number}/draft")
    assert (found["reply"]["text"], found["note"]) == ("a reply", None)


async def test_of_two_machines_the_last_wins_and_nothing_is_lost_unsaid(at: Desk) -> None:
    _, lea, number = await mine(at)
    with at.house.frame.live.follow() as feed:
        first = await put(lea, number, "from the office", version=0, page="a")
        assert first == {"version": 1, "replaced": None}
        second = await put(lea, number, "from home", version=0, page="b")
        assert second["version"] == 2
        assert second["replaced"]["text"] == "from the office"
        assert (await put(lea, number, "from home, more", version=2, page="b"))["replaced"] is None
        await put(lea, number, "from home, more", version=1, page="a")  # the same words are no other words
        heard: list[Any] = []

        async def told() -> bool:
            heard.extend(feed.take().signals)
            return len(heard) >= 4

        await until(told)
    assert [(signal["kind"], signal["page"], signal["version"]) for signal in heard][:2] == [
        ("draft", "a", 1), ("draft", "b", 2),
    ]  # fmt: skip
    assert not any("from" in str(signal.get("text", "")) or "home" in str(signal) for signal in heard)


async def test_an_empty_draft_is_none(at: Desk) -> None:
    _, lea, number = await mine(at)
    await put(lea, number, "words")
    assert (await put(lea, number, " \n"))["version"] == 2, "a number is never given twice"
    assert (await lea.get(f"cases/{number}/draft"))["reply"] is None
    await put(lea, number, "words again")
    gone = await at.http.delete(f"/api/v1/cases/{number}/draft", params={"mode": "reply"}, headers=lea._headers())
    assert gone.status_code == 200
    assert (await lea.get(f"cases/{number}/draft"))["reply"] is None


@pytest.mark.parametrize(
    "body",
    [{}, {"mode": "reply"}, {"mode": "both", "text": "x"}, {"mode": "note", "text": "x\u0000"},
     {"mode": "note", "text": "x" * 20_001}, {"mode": "note", "text": "x", "for": 7}],
)  # fmt: skip
async def test_drafts_that_are_none(at: Desk, body: dict[str, Any]) -> None:
    _, lea, number = await mine(at)
    response = await at.http.put(f"/api/v1/cases/{number}/draft", json=body, headers=lea._headers())
    assert response.status_code == 422
    missing = await at.http.put(
        "/api/v1/cases/W-999999/draft", json={"mode": "note", "text": "x"}, headers=lea._headers()
    )
    assert missing.status_code == 404


async def test_a_colleague_has_drafts_too(at: Desk) -> None:
    _, _, number = await mine(at)
    eva = await at.agent("Eva", "colleague")
    await put(eva, number, "a hint", mode="note")
    assert (await eva.get(f"cases/{number}/draft"))["note"]["text"] == "a hint"


async def test_how_long_one_can_think_is_ones_own_choice(at: Desk) -> None:
    _, lea, number = await mine(at, "Ida")
    assert 'data-hold-for="10"' in await page_of(at, lea, f"/desk/cases/{number}")
    for seconds, status in ((30, 200), (0, 200), (7, 422)):
        response = await at.http.put("/api/v1/me/undo", json={"seconds": seconds}, headers=lea._headers())
        assert response.status_code == status
    assert 'data-hold-for="0"' in await page_of(at, lea, f"/desk/cases/{number}")


# --- who said it -----------------------------------------------------------------------------------


async def test_two_of_one_name_are_two(at: Desk) -> None:
    _, lea, number = await mine(at, "Kim")
    await lea.done(f"cases/{number}/reply", {"text": "by the first of them"})
    await at.sql("UPDATE agent SET name = 'Kim' WHERE email = 'kim2@desk.example'")
    other = await at.agent("Kim2")
    await at.sql("UPDATE agent SET name = 'Kim' WHERE email = 'kim2@desk.example'")
    written = re.compile(r'<article class="msg agent[^>]*>')
    assert all("data-mine" in found for found in written.findall(await page_of(at, lea, f"/desk/cases/{number}")))
    theirs = written.findall(await page_of(at, other, f"/desk/cases/{number}"))
    assert theirs
    assert not any("data-mine" in found for found in theirs)
