"""Search in a browser: from anywhere by one key, through what was found by keys alone, on a phone, in the dark."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.access import keeps_nobody_out
from tests.browser.conftest import Place
from tests.house import Customer

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DARK: dict[str, Any] = {"color_scheme": "dark"}
PICTURES = os.environ.get("WARMLINE_PICTURES")
"""A folder; with it these tests leave pictures there."""
LONG = "W" * 3000


async def writes(place: Place, text: str, name: str) -> str:
    """The number of a customer's case."""
    customer: Customer = place.at.customer()
    await customer.write(text, name=name)
    told = await customer.hears("acknowledgement")
    found = re.search(r"W-\d+", told["text"])
    assert found is not None
    return found[0]


async def test_from_the_queue_to_the_words_by_keys_alone(place: Place) -> None:
    number = await writes(place, "the whole site is down since the marmalade update", "Tove Quist")
    page = await place.sit("/desk", "Mia Keys")
    await page.keyboard.press("/")
    await page.keyboard.type("marmalade")
    await page.keyboard.press("Enter")
    await expect(page.locator("#hits mark")).to_have_text(["marmalade"])
    await page.locator("h1").click()
    await page.keyboard.press("j")
    await expect(page.locator("#hits .go")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(f"/desk/cases/{number}#m-1"))
    await expect(page.locator("#m-1")).to_be_in_viewport()
    assert not page.faults  # type: ignore[attr-defined]


async def test_the_search_key_works_on_every_page_and_a_number_leads_to_its_case(place: Place) -> None:
    number = await writes(place, "the whole site is down again", "Ben Quist")
    page = await place.sit("/desk/team", "Mia Slash")
    await page.locator("h1").click()
    await page.keyboard.press("/")
    await page.wait_for_url(re.compile("/desk/search"))
    await expect(page.locator("#seek")).to_be_focused()
    await page.keyboard.type(number.lower())
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(f"/desk/cases/{number}"))


async def _pictures(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / f"search-{name}.png"))


@pytest.mark.parametrize("how", [{}, DARK, PHONE, {**PHONE, **DARK}], ids=["wide", "dark", "phone", "dark phone"])
async def test_nothing_is_cut_and_axe_finds_nothing_serious(
    place: Place, how: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    for text, name in (
        ("the whole site is down, card declined for <b>order 7</b>", "Ana Souza"),
        (f"nothing works, the site is down {LONG} card", f"{LONG[:70]} Souza"),
        ("الموقع لا يعمل card \u202edesrever\u202c", "سارة"),
    ):
        await writes(place, text, name)
    page = await place.sit("/desk/search?q=card", f"Mia{request.node.callspec.id.replace(' ', '')} Looks", **how)
    id_ = request.node.callspec.id.replace(" ", "-")
    for path in ("?q=card", "?q=souza", "", "?q=xyzzy", "?q=tier:red+before:soon"):
        await page.goto(f"{place.url}/desk/search{path}")
        await expect(page.locator("h1")).to_have_text("Search")
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
        await keeps_nobody_out(page)
        await _pictures(page, f"{id_}-{re.sub(r'[^a-z]+', '', path) or 'empty'}")
