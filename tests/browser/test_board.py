"""The board in a browser: long lists, several cases at once, feedback, the floor, commands, what is told to ears."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from sqlalchemy import insert

from benchmarks.board import rows as many_rows
from store.agents import add_agent
from tests.browser.access import keeps_nobody_out
from tests.browser.conftest import Place
from tests.browser.test_queue import connected, fine, move, order, queue, waiting
from tests.house import desk, served, until


@pytest_asyncio.fixture(loop_scope="session")
async def place(browser: Browser, tmp_path: Path) -> AsyncIterator[Place]:
    async with desk(tmp_path) as at, served(at.house) as url:
        yield Place(at, url, browser)
        for context in browser.contexts:
            await context.close()


async def filled(place: Place, count: int) -> None:
    """So many open cases, held by somebody or by nobody."""
    now = datetime.now(UTC)
    async with place.at.house.database.write("test") as connection:
        holder = await add_agent(connection, email="tom@desk.example", name="Tom", role="agent", now=now)
        for table, chunk in many_rows(count, 0, now, [holder.id]):
            known = {column.name for column in table.columns}
            await connection.execute(insert(table), [{k: v for k, v in row.items() if k in known} for row in chunk])


async def in_tables(place: Place, least: int = 0) -> list[str]:
    """The open cases by deadline."""
    found = await place.at.sql("SELECT id FROM \"case\" WHERE status <> 'resolved' ORDER BY sort_at, id")
    return [f"W-{row[0] + 1000}" for row in found][: least or None]


async def shown_more(page: Page, count: int) -> None:
    for _ in range(-(-count // 50) - 1):
        before = len(await order(page))
        await page.locator("#more").click()
        await page.wait_for_function("n => document.querySelectorAll('.row').length > n", arg=before)


async def test_what_was_paged_to_stays_while_news_come(place: Place) -> None:
    await filled(place, 460)
    page = await queue(place, "/desk?view=all")
    await shown_more(page, 450)
    everybody = await in_tables(place, 450)
    assert await order(page) == everybody
    # In the middle, where the eyes are, one goes; behind it one changes hands; before it one comes.
    await page.mouse.move(5, 5)
    await page.evaluate("document.activeElement.blur()")
    gone, changed = everybody[300], everybody[420]
    await page.locator(f'.row[data-case="{everybody[350]}"]').scroll_into_view_if_needed()
    seen = await page.evaluate("n => document.querySelector(`[data-case='${n}']`).getBoundingClientRect().top",
                               everybody[350])  # fmt: skip
    await place.at.sql("UPDATE \"case\" SET status = 'resolved', outcome = 'solved' WHERE id = :id",
                       id=int(gone[2:]) - 1000)  # fmt: skip
    await place.at.sql('UPDATE "case" SET customer_name = :name WHERE id = :id', name="Somebody else",
                       id=int(changed[2:]) - 1000)  # fmt: skip
    live = place.at.house.frame.live
    await live.publish([], [int(gone[2:]) - 1000, int(changed[2:]) - 1000])
    await expect(page.locator(f'.row[data-case="{changed}"] .name')).to_have_text("Somebody else")
    await expect(page.locator(f'.row[data-case="{gone}"]')).to_have_count(0)
    new = await waiting(place, "Priya Nair", "the whole site is down", due=-1)
    await expect(page.locator(f'.row[data-case="{new}"]')).to_have_count(1)

    async def same() -> bool:
        now = await order(page)
        return now == (await in_tables(place))[: len(now)] and len(now) >= 450

    await until(same)
    top = await page.evaluate("n => document.querySelector(`[data-case='${n}']`).getBoundingClientRect().top",
                              everybody[350])  # fmt: skip
    assert abs(top - seen) < 4, "what one reads stays where it is"
    # Something was missed: all of it is looked at again, and nothing is lost.
    last = everybody[440]
    await place.at.sql("UPDATE \"case\" SET status = 'resolved', outcome = 'solved' WHERE id = :id",
                       id=int(last[2:]) - 1000)  # fmt: skip
    live._wake_all()
    await expect(page.locator(f'.row[data-case="{last}"]')).to_have_count(0)
    await until(same)
    assert fine(page)


async def test_several_cases_are_selected_by_keys_and_what_cannot_be_is_said(place: Place) -> None:
    numbers = [await waiting(place, name, due=20 + 10 * at) for at, name in enumerate(("First", "Second", "Third"))]
    page = await queue(place, role="supervisor")
    for key in ("j", "x", "j", "x", "j", "x"):
        await page.keyboard.press(key)
    bar = page.get_by_role("toolbar", name="The selected cases")
    await expect(bar).to_contain_text("3 selected")
    await keeps_nobody_out(page)
    lea = await place.at.agent("Lea")
    await lea.done(f"cases/{numbers[0]}/claim")
    await lea.done(f"cases/{numbers[0]}/resolve")
    await bar.get_by_text("Assign").click()
    await bar.get_by_role("button", name="Mia Okafor").click()
    await expect(page.get_by_role("alert").filter(has_text="is resolved")).to_contain_text(numbers[0])
    await expect(bar).to_contain_text("1 selected")
    assert [(await lea.case(number))["assignee"] for number in numbers] == ["Lea", "Mia Okafor", "Mia Okafor"]
    await page.keyboard.press("Escape")
    await expect(bar).to_be_hidden()
    assert fine(page)


async def test_who_does_not_supervise_selects_nothing(place: Place) -> None:
    await waiting(place, "First")
    page = await queue(place)
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await expect(page.locator(".sel, #bulk")).to_have_count(0)
    assert fine(page)


async def test_feedback_is_read_by_one_key_and_put_back_by_another(place: Place) -> None:
    number = await waiting(place, "Zoe")
    await place.at.sql("UPDATE \"case\" SET tier = 'feedback'")
    page = await queue(place, "/desk?view=feedback")
    lea = await place.at.agent("Lea")
    await page.keyboard.press("j")

    async def read() -> bool:
        await page.keyboard.press("e")  # not at once: what has just changed under the focus is not acted on
        return f"{number} is read." in (await page.locator("#toast").text_content() or "")

    await until(read)
    assert (await lea.case(number))["status"] == "resolved"
    await page.keyboard.press("z")
    await expect(page.locator("#toast")).to_contain_text("waits to be read again")
    assert (await lea.case(number))["status"] == "waiting"
    assert fine(page)


async def test_a_case_is_taken_over_from_the_floor_and_given_back(place: Place) -> None:
    lea = await place.at.agent("Lea")
    number = await waiting(place, "Priya Nair")
    await lea.done(f"cases/{number}/claim")
    page = await place.sit("/desk/team", role="supervisor")
    await connected(place, page)
    await expect(page.get_by_text("Nothing is late.")).to_be_visible()
    await move(place, number, -3)
    take = page.get_by_role("button", name=f"Take over {number} from Lea")
    await expect(take).to_be_visible()
    await take.click()
    await expect(page.locator("#toast")).to_contain_text(f"{number} is yours; Lea had it.")
    assert (await lea.case(number))["assignee"] == "Mia Okafor"
    await expect(take).to_have_count(0)
    await page.locator("#toast-undo").click()
    await expect(take).to_be_visible()
    assert (await lea.case(number))["assignee"] == "Lea"
    await keeps_nobody_out(page)
    assert fine(page)


async def test_commands_are_found_by_their_words_and_act_where_the_focus_was(place: Place) -> None:
    number = await waiting(place, "Priya Nair")
    page = await queue(place)
    await page.keyboard.press("j")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("open reply")
    await keeps_nobody_out(page)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/desk/cases/{number}#reply")
    await page.keyboard.press("Escape")
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("t")  # from any page
    await page.wait_for_url(f"**/desk/cases/{number}#case-h")
    await page.goto(f"{place.url}/desk/team")
    await page.keyboard.press("/")
    await page.wait_for_url("**/desk/search")
    assert fine(page)


NOTICES = """
window.told = []
window.Notification = class extends EventTarget {
  static permission = "default"
  static asked = 0
  static async requestPermission() { this.asked += 1; return this.permission = "granted" }
  constructor(title, { body, tag }) { super(); told.push({ title, body, tag }) }
}
"""
UNSEEN = """() => {
  Object.defineProperty(document, "hidden", { get: () => true, configurable: true })
  document.dispatchEvent(new Event("visibilitychange"))
}"""


async def test_notices_are_asked_for_by_a_click_told_once_over_tabs_and_not_while_seen(place: Place) -> None:
    context = await place.sign_in()
    await context.add_init_script(NOTICES)
    pages = [await context.new_page(), await context.new_page()]
    for page in pages:
        await page.goto(f"{place.url}/desk")
    await connected(place, pages[0])
    assert await pages[0].evaluate("Notification.asked") == 0
    await pages[0].keyboard.press("?")
    await pages[0].get_by_label("Tell me of grave new cases").check()
    assert await pages[0].evaluate("Notification.asked") == 1
    await pages[0].keyboard.press("Escape")
    await pages[1].evaluate("Notification.permission = 'granted'")

    async def told() -> list[Any]:
        return [notice for page in pages for notice in await page.evaluate("told")]

    async def kept() -> str:
        found: str = await pages[0].evaluate("localStorage['warmline.notices.told'] ?? ''")
        return found

    seen = await waiting(place, "Seen by eyes", "the whole site is down")

    async def noted() -> bool:
        return seen in await kept()

    await until(noted)
    assert await told() == []
    for page in pages:
        await page.evaluate(UNSEEN)
    grave = await waiting(place, "Priya Nair", "the whole site is down again")
    await until(told)
    await waiting(place, "Calm", "this is broken")
    later = await waiting(place, "Ana Lima", "you charged me twice")

    async def both() -> bool:
        return len(await told()) >= 2

    await until(both)
    found = await told()
    assert [notice["title"] for notice in found] == ["Outage: Priya Nair", "Billing: Ana Lima"]
    assert [grave in found[0]["body"], later in found[1]["body"]] == [True, True]
    await place.at.house.frame.live.publish([], [int(grave[2:]) - 1000])
    last = await waiting(place, "Jon", "the whole site is down once more")

    async def third() -> bool:
        return any(last in notice["body"] for notice in await told())

    await until(third)
    assert len(await told()) == 3, "each is told once"
