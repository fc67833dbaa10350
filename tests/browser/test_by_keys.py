"""A newcomer's first case, without a pointer: the link that lets them in, claim, note, answer, resolve."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import Place
from tests.house import desk, served, until


@pytest_asyncio.fixture(loop_scope="session")
async def place(browser: Browser, tmp_path: Path) -> AsyncIterator[Place]:
    async with desk(tmp_path) as at, served(at.house) as url:
        yield Place(at, url, browser)


async def test_a_first_case_by_keys_alone(place: Place) -> None:
    customer = place.at.customer()
    await customer.write("All of our sites are down.", name="Priya Nair")
    number = re.search(r"W-\d+", (await customer.hears("acknowledgement"))["text"])
    assert number is not None
    page = await (await place.browser.new_context()).new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.goto(f"{place.url}/desk/welcome/{await place.at.house.first_link()}")
    await joins(page)
    await expect(page.locator("#link")).to_have_text("Live")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Claim")
    await page.keyboard.press("Escape")
    await page.keyboard.press("t")
    await page.wait_for_url(re.compile(number[0]))
    await expect(page.locator("#main")).to_have_attribute("data-standing", "mine")

    await page.keyboard.press("n")
    await page.keyboard.type("Their switch in rack 4 again.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".note, .msg.note").filter(has_text="rack 4")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("r")
    await page.keyboard.type("It is a switch. Your sites are back by 15:00.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-hold]")).to_contain_text("Undo")
    beside = page.locator("#tab-note .after")
    await expect(beside).to_have_text("after Esc")  # in the field that one is still in, n would go to the customer
    await expect(beside).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(beside).to_be_hidden()
    await page.keyboard.press("z")
    await expect(page.locator("#reply")).to_have_value("It is a switch. Your sites are back by 15:00.")
    await page.keyboard.type(" Sorry.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-hold]")).to_contain_text("Sorry.")
    await page.keyboard.press("Escape")
    await page.keyboard.press("e")
    await page.keyboard.press("Enter")  # the first outcome; the answer leaves before it

    async def heard() -> list[str]:
        said = [message["text"] for message in await customer.read() if message["from"] != "customer"]
        return said if any(text.startswith("Solved") for text in said) else []

    said = await until(heard)
    answer, solved = (next(at for at, text in enumerate(said) if mark in text) for mark in ("Sorry.", "Solved"))
    assert answer < solved
    assert not any("rack 4" in text for text in said), "a note never reaches a customer"
    assert sum("15:00" in text for text in said) == 1, "what was taken back has not left"
    assert faults == []


async def joins(page: Page) -> None:
    """Fills in the form of a link with Tab and letters."""
    await page.locator("#name").focus()
    for words in ("Sam Newcomer", "sam@desk.example", "four unrelated words here"):
        await page.keyboard.type(words)
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("/desk$"))
