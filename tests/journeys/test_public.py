"""Where others read along nothing of a case is said, and nobody gets into the case of somebody else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from bot.web.who import COOKIE
from handoff import texts
from store.agents import add_agent
from store.sessions import open_session
from tests.databases import DIALECTS
from tests.house import Desk, database_for, desk, until
from tests.journeys.test_on_a_platform import ALIAS, Town
from tests.platforms.loopback import LoopbackPlatform
from tests.platforms.loopback_control import LoopbackControl

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=DIALECTS)
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with LoopbackPlatform() as platform, LoopbackControl(platform.url) as control:
        channel = {"use": "tests.platforms.loopback_channel:make", "url": platform.url, "token": "secret-main"}
        settings = {"channels": {"loopback": channel | {"poll_wait": 5}}, **await database_for(request.param)}
        async with desk(tmp_path_factory.mktemp("home"), **settings) as at:
            await at.house.bus.present("agent:1", seconds=600)  # a time could be promised
            yield Town(at, platform, control, await at.agent())


async def write(town: Town, text: str, *, place: str, by: str = "ada", thread: str = "t", **more: Any) -> Any:
    return await town.control.write(text, place=place, author=by, thread=thread, public=True, **more)


async def conversations(town: Town, place: str) -> list[Any]:
    return await town.at.sql(
        "SELECT id, recipient, public FROM conversation WHERE place = :place ORDER BY id", place=place
    )


async def ended(town: Town, conversation: int) -> list[tuple[str, str]]:
    return [(row["text"], row["end"]) for row in await town.lea.decided(conversation)]


def says_nothing(said: list[str]) -> None:
    for text in said:
        assert re.search(r"W-\d|\d\d:\d\d|[0-9]", text) is None, text
        for word in ("case", "outage", "money", "safety", "danger", "line", "by "):
            assert word not in text.lower(), text


async def test_a_whole_case_is_lived_in_public_without_a_word_of_it(town: Town) -> None:
    await write(town, "your whole site is down", place="a")
    assert await town.heard("a", 1) == [texts.PUBLIC_ACKNOWLEDGEMENT]
    (case,) = await town.cases("a")
    number = f"W-{case['id'] + 1000}"
    assert await town.at.sql("SELECT id FROM promise WHERE case_id = :id", id=case["id"]) == []
    assert case["deadline"] is not None
    await town.lea.done(f"cases/{number}/claim")
    await town.heard("a", 2)
    await town.lea.done(f"cases/{number}/reply", {"text": "it is up again"})
    await town.heard("a", 3)
    await town.lea.done(f"cases/{number}/resolve", {"outcome": "solved"})
    said = await town.heard("a", 4)
    assert said[2:] == ["it is up again", texts.PUBLIC_RESOLVED]
    says_nothing(said)
    await write(town, "it is down again", place="a")
    assert (await town.heard("a", 5))[4] == texts.PUBLIC_ACKNOWLEDGEMENT
    rows = await town.at.sql("SELECT kind FROM message WHERE conversation_id = :id", id=case["conversation_id"])
    assert "survey" not in {row[0] for row in rows}


@pytest.mark.parametrize(
    "text", ["somebody hacked my account", "I want to kill myself", "you charged me twice", "let me talk to a person"]
)
async def test_the_gravest_is_said_in_the_same_words(town: Town, text: str) -> None:
    place = f"b {text}"
    await write(town, text, place=place)
    assert await town.heard(place, 1) == [texts.PUBLIC_ACKNOWLEDGEMENT]


async def test_another_language_too(town: Town) -> None:
    await write(town, "ich kann mein Konto nicht finden", place="c")
    said = await town.heard("c", 1)
    assert said == [f"Ein Mensch liest das und antwortet hier.\n\n{texts.PUBLIC_ACKNOWLEDGEMENT}"]


async def test_what_is_not_meant_for_us_counts_only_in_the_thread_of_ones_own_open_case(town: Town) -> None:
    await write(town, "your whole site is down", place="d")
    await town.heard("d", 1)
    await write(town, "and the shop", place="d", addressed=False)
    await write(town, "it is down here", place="d", thread="u", addressed=False)
    await write(town, "it is down, says ben", place="d", by="ben", addressed=False)

    async def three() -> bool:
        return len(await conversations(town, "d")) == 3

    await until(three)
    mine, elsewhere, ben = await conversations(town, "d")
    assert (mine[1], elsewhere[1], ben[1]) == ("ada", "ada", "ben")
    assert await ended(town, elsewhere[0]) == [("it is down here", "ignored")]
    assert await ended(town, ben[0]) == [("it is down, says ben", "ignored")]

    async def both() -> bool:
        return len(await ended(town, mine[0])) == 2

    await until(both)
    assert await ended(town, mine[0]) == [("your whole site is down", "handed_off"), ("and the shop", "appended")]
    assert len(await town.cases("d")) == 1


async def test_a_stranger_in_the_thread_never_gets_into_the_case(town: Town) -> None:
    await write(town, "your whole site is down", place="e")
    await town.heard("e", 1)
    await write(town, "mine too, it is down", place="e", by="ben")
    await town.heard("e", 2)
    first, second = await town.cases("e")
    assert first["conversation_id"] != second["conversation_id"]
    assert first["customer_id"] != second["customer_id"]
    whole = await town.lea.case(f"W-{first['id'] + 1000}")
    assert "mine too" not in str(whole)


async def test_a_stranger_who_taps_under_an_answer_starts_nothing(town: Town) -> None:
    await write(town, ALIAS, place="f")
    await town.heard("f", 1)
    (send,) = [send for send in town.platform.account("main").sends if send["place"] == "f"]
    press = {"button": "helped:no", "message": send["id"], "place": "f", "thread": "t", "public": True}
    await town.control.call("presses", {**press, "author": "ben"})

    async def two() -> bool:
        return len(await conversations(town, "f")) == 2

    await until(two)
    stranger = (await conversations(town, "f"))[1]
    assert [end for _, end in await ended(town, stranger[0])] == ["noted"]
    assert await town.cases("f") == []
    await town.control.call("presses", {**press, "author": "ada"})
    assert (await town.heard("f", 2))[1] == texts.PUBLIC_ACKNOWLEDGEMENT


async def test_a_place_that_is_opened_to_others_counts_as_public_from_then_on(town: Town) -> None:
    await town.control.write("thanks", place="g", thread="t")
    await town.ends("g", 1)
    assert [bool(row[2]) for row in await conversations(town, "g")] == [False]
    await write(town, "your whole site is down", place="g")
    assert await town.heard("g", 1) == [texts.PUBLIC_ACKNOWLEDGEMENT]
    await town.control.write("thanks", place="g", thread="t")
    await town.ends("g", 3)
    assert [bool(row[2]) for row in await conversations(town, "g")] == [True]


async def test_the_desk_shows_who_reads_along(town: Town) -> None:
    cookie = await signed_in(town.at)
    for place, public in (("h", True), ("i", False)):
        await town.control.write("your whole site is down", place=place, public=public)
        await town.heard(place, 1)
        case = (await town.cases(place))[0]
        page = (await town.at.http.get(f"/desk/cases/W-{case['id'] + 1000}", headers={"Cookie": cookie})).text
        assert ("PUBLIC</strong>" in page) is public
        assert ("Everybody in this channel reads this." in page) is public
        assert (texts.PUBLIC_RESOLVED.partition(" Anything")[0] in page) is public


async def signed_in(at: Desk) -> str:
    now = datetime.now(UTC)
    async with at.house.database.write("test") as connection:
        agent = await add_agent(connection, email="mia@desk.example", name="Mia", role="agent", now=now)
        return f"{COOKIE}={await open_session(connection, agent.id, now)}"
