"""The desk's frame and its queue over HTTP: for whom, what stands in it, what moves, and what others may not."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from bot.web.desk import events
from bot.web.who import COOKIE
from store.agents import add_agent
from store.sessions import end_sessions, open_session
from tests.house import Customer, Desk, desk, served, until

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
OURS = {"Sec-Fetch-Site": "same-origin"}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def alone(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as running:
        yield running


@dataclass
class Browser:
    """Somebody signed in."""

    http: httpx.AsyncClient
    agent: int
    cookie: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.cookie}"}

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.http.get(path, headers=self.headers, params=params or None)

    async def page(self, path: str, **params: Any) -> str:
        response = await self.get(path, **params)
        assert response.status_code == 200, response.text
        return response.text

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self.http.post(path, json=body, headers={**self.headers, **(headers or OURS)})


async def browser(at: Desk, name: str = "Mia Okafor", role: str = "agent") -> Browser:
    now = datetime.now(UTC)
    email = f"{name.split()[0].lower()}@desk.example"
    async with at.house.database.write("test") as connection:
        agent = await add_agent(connection, email=email, name=name, role=role, now=now)
        return Browser(at.http, agent.id, await open_session(connection, agent.id, now))


async def waiting(at: Desk, text: str = "the whole site is down", **more: Any) -> str:
    """The number of the case of a customer who waits."""
    customer: Customer = at.customer()
    await customer.write(text, **more)
    told = await customer.hears("acknowledgement")
    found = re.search(r"W-\d+", told["text"])
    assert found is not None
    return found[0]


async def due(at: Desk, number: str, after: timedelta) -> None:
    """Move a case's deadline."""
    by = int((datetime.now(UTC) + after).timestamp() * 1e6)
    await at.sql('UPDATE "case" SET deadline = :by, sort_at = :by WHERE id = :id', by=by, id=int(number[2:]) - 1000)


def numbers(page: str) -> list[str]:
    return re.findall(r'<li class="row" data-case="(W-\d+)"', page)


def group(page: str, key: str) -> str:
    return page.partition(f'data-group="{key}"')[2].partition("</section>")[0]


# --- for whom --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/desk", "/desk?view=mine", "/desk?tier=billing&q=Ana"])
async def test_who_is_not_signed_in_is_led_to_the_door_and_back(at: Desk, path: str) -> None:
    response = await at.http.get(path)
    assert response.status_code == 303
    door = httpx.URL(response.headers["location"])
    assert (door.path, door.params["next"]) == ("/desk/sign-in", path)


@pytest.mark.parametrize("path", ["/desk/queue/rows", "/desk/side", "/desk/events"])
async def test_a_part_of_a_page_says_that_nobody_is_signed_in(at: Desk, path: str) -> None:
    response = await at.http.get(path)
    assert (response.status_code, response.headers["x-signed-out"]) == (401, "1")
    assert "Sign in" in response.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/desk/here", "/desk/signal"])
async def test_another_website_can_post_nothing(at: Desk, path: str) -> None:
    mia = await browser(at)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"X-Nothing": "said"}):
        assert (await mia.post(path, {}, **headers)).status_code == 403


async def test_nothing_of_the_desk_is_kept_on_the_way_or_runs_what_is_not_ours(at: Desk) -> None:
    response = await (await browser(at)).get("/desk")
    assert response.headers["cache-control"] == "no-store"
    policy = response.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=", response.text)


# --- what stands in it -----------------------------------------------------------------------------


async def test_the_queue_is_in_groups_by_deadline(alone: Desk) -> None:
    mia = await browser(alone)
    later, soon, late, today = [await waiting(alone, "this is broken", name=name) for name in "ABCD"]
    for number, after in ((later, 60 * 24 * 3), (soon, 8), (late, -4), (today, 20)):
        await due(alone, number, timedelta(minutes=after))
    page = await mia.page("/desk")
    assert numbers(page)[:2] == [late, soon]
    assert numbers(group(page, "late")) == [late]
    assert "4 min late" in group(page, "late")
    assert numbers(group(page, "soon")) == [soon]
    assert '<h2 class="group" id="g-soon">Due within 15 minutes <span>1</span></h2>' in page
    assert numbers(page)[-1] == later
    assert f'aria-label="Problem, 4 min late, C, Web, {late}"' in page
    assert "<title>Queue, 1 late" in page


async def test_what_decided_is_marked_among_what_they_wrote(at: Desk) -> None:
    number = await waiting(at, "Hello there. You charged me twice. I am not amused.", name="Ana Marked")
    row = (await (await browser(at)).page("/desk", q=number)).partition(f'data-case="{number}"')[2]
    assert "Hello there. <mark>You charged me twice.</mark> I am not amused." in row


async def test_what_customers_write_is_never_markup(at: Desk) -> None:
    number = await waiting(at, f"{EVIL} is broken", name=EVIL)
    mia = await browser(at)
    for path in ("/desk", "/desk/queue/rows", f"/desk?q={number}"):
        page = await mia.page(path)
        assert "&lt;script&gt;" in page
        assert not re.search(r"<script>|<img", page)
    assert "<script>" not in await mia.page("/desk", q=EVIL)


async def test_each_view_has_what_belongs_to_it(alone: Desk) -> None:
    mia, jon = await browser(alone), await alone.agent("Jon")
    token = await alone.agent("Mia")  # the same person, with a token
    mine, his, asked, done, free = [await waiting(alone, "I need a person", name=name) for name in "ABCDE"]
    await token.done(f"cases/{mine}/claim")
    await jon.done(f"cases/{his}/claim")
    for number in (asked, done):
        await jon.done(f"cases/{number}/claim")
        await jon.done(f"cases/{number}/reply", {"text": "Which one?"})
    await jon.done(f"cases/{done}/resolve", {"outcome": "solved"})
    views = {view: numbers(await mia.page("/desk", view=view)) for view in ("", "mine", "pending", "resolved")}
    assert views == {"": [free], "mine": [mine], "pending": [asked], "resolved": [done]}
    assert "solved" in await mia.page("/desk", view="resolved")
    side = await mia.page("/desk/side")
    assert re.findall(r'data-case="(W-\d+)"', side) == [mine]
    await token.done(f"cases/{mine}/reply", {"text": "I look into it."})
    until_later = (datetime.now(UTC) + timedelta(hours=30)).isoformat()
    await token.done(f"cases/{mine}/snooze", {"until": until_later})
    assert numbers(await mia.page("/desk", view="snoozed")) == [mine]
    assert numbers(await mia.page("/desk", q="a")) == [mine]


async def test_filters_narrow_and_their_emptiness_has_a_way_out(alone: Desk) -> None:
    mia = await browser(alone)
    outage, problem = await waiting(alone, "everything is down"), await waiting(alone, "this is broken")
    assert numbers(await mia.page("/desk", tier="outage")) == [outage]
    assert numbers(await mia.page("/desk", channel="web")) == [outage, problem]
    page = await mia.page("/desk", tier="billing")
    assert numbers(page) == []
    assert "No billing case waits" in page.replace("\n", " ")
    assert "Clear the filter" in page
    assert numbers(await mia.page("/desk", tier="nonsense", view="nonsense")) == [outage, problem]


async def test_every_emptiness_says_what_to_do(alone: Desk) -> None:
    mia = await browser(alone)
    assert "Nobody has written yet" in await mia.page("/desk")
    token = await alone.agent("Mia")
    await token.done(f"cases/{await waiting(alone)}/claim")
    page = await mia.page("/desk")
    assert "Nobody is waiting" in page
    assert "Your case is on the left" in page
    for view, words in (
        ("pending", "waits on its customer"),
        ("snoozed", "snoozed"),
        ("feedback", "No feedback waits"),
    ):
        assert words in await mia.page("/desk", view=view)
    assert "Nothing found" in await mia.page("/desk", q="nobody of this name")


async def test_pages_follow_each_other_without_loss(alone: Desk) -> None:
    mia = await browser(alone)
    everybody = [await waiting(alone, "down" if n % 3 else "broken", name=f"N{n}") for n in range(7)]
    for n, number in enumerate(everybody):
        await due(alone, number, timedelta(minutes=5 * n))
    found: list[str] = []
    after: dict[str, str] = {}
    for _ in range(4):
        page = await mia.page("/desk/queue/rows", limit=2, **after)
        found += numbers(page)
        cursor = re.search(r'data-next="([^"]*)"', page)
        assert cursor is not None
        after = {"after": cursor[1]}
    assert found == everybody
    assert after == {"after": ""}
    for odd in ("x", "~", "nan~1", "1e400~3", "1.0~99999999999999999999", "1~-99999999999999999999"):
        assert (await mia.get("/desk/queue/rows", after=odd)).status_code == 200


async def test_a_list_is_the_same_in_one_page_and_in_many(at: Desk) -> None:
    mia = await browser(at)
    for n, text in enumerate(["it is down", "this is broken", "I need a person"]):
        await due(at, await waiting(at, text), timedelta(minutes=7 * n))
    for view in ("unassigned", "resolved"):
        found: list[str] = []
        after = ""
        while True:
            page = await mia.page("/desk/queue/rows", view=view, limit=1, after=after)
            found += numbers(page)
            after = page.partition('data-next="')[2].partition('"')[0]
            if not after:
                break
        assert found == numbers(await mia.page("/desk/queue/rows", view=view, limit=400))
    assert len(numbers(await mia.page("/desk/queue/rows", limit=400))) >= 3


async def test_what_has_left_the_list_says_why(alone: Desk) -> None:
    mia, jon = await browser(alone), await alone.agent("Jon")
    taken, solved, there = [await waiting(alone, "I need a person") for _ in range(3)]
    await jon.done(f"cases/{taken}/claim")
    await jon.done(f"cases/{solved}/claim")
    await jon.done(f"cases/{solved}/resolve", {"outcome": "solved"})
    known = ",".join(number[2:] for number in (taken, solved, there)) + ",77777,x,,"
    page = await mia.page("/desk/queue/rows", known=known)
    assert numbers(page) == [there]
    assert re.findall(r'<li data-case="(W-\d+)" data-who="Jon">([^<]+)</li>', page) == [
        (taken, "Jon took it"),
        (solved, "Jon resolved it"),
    ]


async def test_who_may_not_answer_is_offered_nothing_to_take(alone: Desk) -> None:
    await waiting(alone)
    page = await (await browser(alone, "Col", "colleague")).page("/desk")
    assert numbers(page)
    assert 'id="next"' not in page
    assert "data-claim" not in page
    assert "data-answers" not in page


# --- who is there ----------------------------------------------------------------------------------


async def test_only_who_may_answer_and_is_at_the_desk_counts_as_on_duty(alone: Desk) -> None:
    mia, col = await browser(alone), await browser(alone, "Col", "colleague")
    for one in (mia, col):
        await one.page("/desk")
        await one.page("/desk/queue/rows")
    assert await alone.house.bus.who_is_present() == set(), "a page that is open is nobody"
    assert [(await one.post("/desk/here")).status_code for one in (mia, col)] == [204, 204]
    assert await alone.house.bus.who_is_present() == {f"agent:{mia.agent}", f"browser:{mia.agent}"}


@pytest.mark.parametrize(
    "body", [None, [], {"kind": "typing"}, {"kind": "x", "case": "W-1001"}, {"kind": "reading", "case": "W-0"}]
)
async def test_a_signal_that_says_nothing_is_refused(at: Desk, body: Any) -> None:
    assert (await (await browser(at)).post("/desk/signal", body)).status_code == 422


async def test_customers_hear_who_types_from_their_agent_alone_and_never_who_reads(alone: Desk) -> None:
    mia, jon = await browser(alone), await browser(alone, "Jon Berg")
    customer = alone.customer()
    await customer.write("I need a person")
    await customer.hears("acknowledgement")
    conversation = await alone.conversation(customer)
    await (await alone.agent("Mia")).done("cases/W-1001/claim")
    live = alone.house.frame.live
    with live.listen(conversation) as ear, live.follow() as feed:
        for one, kind in ((mia, "reading"), (jon, "typing"), (jon, "noting"), (mia, "noting"), (mia, "typing")):
            assert (await one.post("/desk/signal", {"kind": kind, "case": "W-1001"})).status_code == 204
        await until(lambda: _soon(ear.signals))
        heard = feed.take().signals
    assert [(signal["kind"], signal["agent"]) for signal in ear.signals] == [("typing", mia.agent)]
    assert [(signal["kind"], signal["agent"]) for signal in heard] == [
        ("reading", mia.agent), ("noting", jon.agent), ("noting", mia.agent), ("typing", mia.agent),
    ]  # fmt: skip
    assert {signal["case"] for signal in heard} == {"W-1001"}
    assert (await mia.post("/desk/signal", {"kind": "reading", "case": "W-9999"})).status_code == 404


async def _soon(found: Any) -> Any:
    return found


# --- what moves ------------------------------------------------------------------------------------


@dataclass
class Stream:
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    ended: bool = False

    async def follow(self, response: httpx.Response) -> None:
        name = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                self.events.append((name, json.loads(line[6:])))
        self.ended = True

    async def until(self, name: str, *, within: float = 3.0) -> dict[str, Any]:
        async def look() -> list[dict[str, Any]]:
            return [data for kind, data in self.events if kind == name]

        found: list[dict[str, Any]] = await until(look, within=within)
        return found[0]


@asynccontextmanager
async def streaming(url: str, one: Browser) -> AsyncIterator[Stream]:
    stream = Stream()
    async with (
        httpx.AsyncClient(timeout=10) as http,
        http.stream("GET", f"{url}/desk/events", headers=one.headers) as response,
    ):
        assert response.status_code == 200
        following = asyncio.create_task(stream.follow(response))
        try:
            await stream.until("hello")
            yield stream
        finally:
            following.cancel()


async def test_news_come_soon_and_tell_whether_any_were_missed(alone: Desk) -> None:
    mia = await browser(alone)
    before = re.search(r'data-mark="([^"]+)"', await mia.page("/desk"))
    assert before is not None
    async with served(alone.house) as url, streaming(url, mia) as stream:
        assert (await stream.until("hello"))["mark"] == before[1], "nothing has happened since the page was made"
        number = await waiting(alone)

        async def told() -> bool:
            return any(number in data.get("cases", ()) for name, data in stream.events if name == "news")

        await until(told, within=20)
        marks = [data for name, data in stream.events if name == "news"]
        assert marks[0]["from"] == before[1]
        assert all(one["mark"] == other["from"] for one, other in itertools.pairwise(marks))
        await alone.house.frame.live.signal("reading", conversation=0, about=7, case=number, name="Jon", agent=2)
        assert (await stream.until("signal"))["conversation"] == 7


async def test_a_burst_of_news_is_told_together(alone: Desk) -> None:
    mia = await browser(alone)
    async with served(alone.house) as url, streaming(url, mia) as stream:
        for n in range(60):
            await alone.house.frame.live.publish([n + 1], [n + 1])
            await asyncio.sleep(0.005)

        async def all_told() -> bool:
            return len({case for _, data in stream.events for case in data.get("cases", ())}) == 60

        await until(all_told)
    assert len(stream.events) <= 8


async def test_a_stream_ends_with_its_session(alone: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BEAT", 0.05)
    mia = await browser(alone)
    async with served(alone.house) as url, streaming(url, mia) as stream:
        await stream.until("beat")
        async with alone.house.database.write("test") as connection:
            await end_sessions(connection, mia.agent)
        assert (await stream.until("end"))["why"] == "signed-out"


async def test_a_stream_ends_with_its_session_however_much_there_is_to_tell(
    alone: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "BEAT", 0.5)
    mia = await browser(alone)

    async def talk() -> None:
        while True:
            await alone.house.frame.live.publish([1], [1])
            await asyncio.sleep(0.01)

    async with served(alone.house) as url, streaming(url, mia) as stream:
        talking = asyncio.create_task(talk())
        try:
            await stream.until("news", within=20)
            async with alone.house.database.write("test") as connection:
                await end_sessions(connection, mia.agent)
            assert (await stream.until("end", within=20))["why"] == "signed-out"
        finally:
            talking.cancel()


async def test_open_streams_do_not_keep_the_house_from_stopping(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        mia = await browser(at)
        async with served(at.house) as url, streaming(url, mia) as stream:
            began = asyncio.get_running_loop().time()
            at.house.frame.stop()
            assert (await stream.until("end"))["why"] == "stopping"
    assert asyncio.get_running_loop().time() - began < 3
