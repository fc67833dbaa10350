"""The floor: what is late or soon will be, whoever has it, and who works on what; and what a browser tells of."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bot.web.desk import floor
from tests.house import Desk, desk
from tests.web.test_desk import EVIL, browser, due, waiting


@pytest_asyncio.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as running:
        yield running


def listed(page: str, key: str) -> list[str]:
    part = page.partition(f'id="floor-{key}"')[2].partition("</section>")[0]
    return re.findall(r'<li data-case="(W-\d+)"', part)


async def test_an_empty_floor_says_so(at: Desk) -> None:
    page = await (await browser(at, role="supervisor")).page("/desk/team")
    assert "Nothing is late." in page
    assert "Nothing is due within 15 minutes." in page
    assert "Nobody holds a case." in page


async def test_the_floor_lists_what_is_late_and_soon_whoever_has_it(at: Desk) -> None:
    mia = await browser(at, role="supervisor")
    lea = await at.agent("Lea")
    late, theirs, soon, calm, answered = [await waiting(at, "this is broken", name=name) for name in "ABCDE"]
    for number in (theirs, answered):
        await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{answered}/reply", {"text": "done"})
    for number, minutes in ((late, -9), (theirs, -3), (soon, 10), (calm, 90)):
        await due(at, number, timedelta(minutes=minutes))
    page = await mia.page("/desk/team/floor")
    assert listed(page, "late") == [late, theirs]
    assert listed(page, "soon") == [soon]
    assert f'aria-label="Claim {late}"' in page
    assert f'aria-label="Take over {theirs} from Lea"' in page
    people = page.partition('id="floor-people"')[2]
    assert re.search(r"<b>1</b> open · <b>1</b> waiting on the customer", people)
    assert set(re.findall(r"/desk/cases/(W-\d+)", people)) == {theirs, answered}


async def test_however_much_is_late_what_is_soon_is_there_too(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor, "LISTED", 2)
    mia = await browser(at, role="supervisor")
    cases = [await waiting(at, "this is broken", name=name) for name in "ABCD"]
    for number, minutes in zip(cases, (-9, -8, -7, 5), strict=True):
        await due(at, number, timedelta(minutes=minutes))
    page = await mia.page("/desk/team/floor")
    assert (listed(page, "late"), listed(page, "soon")) == (cases[:2], cases[3:])
    assert "See all of them" in page


async def test_only_who_supervises_is_offered_to_take_over(at: Desk) -> None:
    lea = await at.agent("Lea")
    number = await waiting(at, "this is broken")
    await lea.done(f"cases/{number}/claim")
    await due(at, number, timedelta(minutes=-3))
    for role, offered in (("colleague", False), ("agent", False), ("supervisor", True), ("admin", True)):
        page = await (await browser(at, role.capitalize(), role)).page("/desk/team/floor")
        assert ("Take over" in page) == offered, role
    tom = await at.agent("Tom")
    assert (await tom.post(f"cases/{number}/assign", {"to": "tom@desk.example"})).status_code == 403


async def test_what_customers_call_themselves_is_text_on_the_floor(at: Desk) -> None:
    lea = await at.agent("Lea")
    number = await waiting(at, "this is broken", name=EVIL[:60])
    await due(at, number, timedelta(minutes=-3))
    await lea.done(f"cases/{number}/claim")
    page = await (await browser(at, role="supervisor")).page("/desk/team")
    assert "<script>alert" not in page
    assert "<img src=x" not in page


# --- notices ---------------------------------------------------------------------------------------


async def test_a_browser_tells_of_grave_new_cases_and_of_ones_own(at: Desk) -> None:
    mia = await browser(at)
    grave, calm = await waiting(at, "the whole site is down", name="Priya"), await waiting(at, "this is broken")
    asked = ",".join((grave[2:], calm[2:], "9999", "x"))

    async def told() -> list[str]:
        notices = (await mia.get("/desk/notices", cases=asked)).json()["notices"]
        assert all("down" not in notice["title"] + notice["body"] for notice in notices), "their words stay at the desk"
        return [notice["key"].rpartition(" ")[0] or notice["key"] for notice in notices]

    assert await told() == ["new"]
    await at.sql("UPDATE \"case\" SET assignee_id = :mia, status = 'open'", mia=mia.agent)
    assert await told() == [f"words {grave}", f"words {calm}"]
    await due(at, calm, timedelta(minutes=-1))
    assert await told() == [f"words {grave}", f"words {calm}", f"late {calm}"]
    jon = await browser(at, "Jon Berg")
    assert (await jon.get("/desk/notices", cases=asked)).json() == {"notices": []}


async def test_nobody_is_told_who_is_not_signed_in(at: Desk) -> None:
    assert (await at.http.get("/desk/notices", params={"cases": "1001"})).status_code == 401
