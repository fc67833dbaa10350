"""Tags at the desk: put on and taken off by keys, seen by colleagues at once, and offered to who types."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser.access import keeps_nobody_out
from tests.browser.conftest import Place
from tests.browser.test_case import PHONE, mine, waiting
from tests.browser.test_life import look


async def test_a_case_is_tagged_by_keys_and_colleagues_see_it(place: Place) -> None:
    _, number, page = await mine(place)
    other = await place.sit(f"/desk/cases/{number}", "Tom Berg", "colleague")
    await expect(page.locator("#tags .sub")).to_contain_text("A word to find it by")
    await page.locator("#tag-new").focus()
    await page.keyboard.type("Late Refund, VIP,مرحبا")
    await page.keyboard.press("Enter")
    await expect(page.locator(".tags bdi")).to_have_text(["late-refund", "vip", "مرحبا"])
    await expect(page.locator("#tag-new")).to_be_focused()
    await expect(page.locator("#tag-new")).to_have_value("")
    await expect(other.locator(".tags li")).to_have_count(3)
    await expect(page.locator(".ev").last).to_contain_text(
        "Mia Okafor tagged it “\u2068late-refund\u2069”, “\u2068vip\u2069”"
    )
    await look(page, "tags-1440")
    await keeps_nobody_out(page)
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("button", name="Remove the tag vip")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator(".tags bdi")).to_have_text(["late-refund", "مرحبا"])
    await expect(page.locator("#tag-new")).to_be_focused()
    await page.click("#toast-undo")
    await expect(page.locator(".tags li")).to_have_count(3)
    await page.locator("#tag-new").fill("a\u202eb")
    await page.keyboard.press("Enter")
    await expect(page.locator("#tagging .wrong")).to_contain_text("U+202E")
    await expect(page.locator("#tag-new")).to_have_value("a\u202eb")
    await page.locator("#tag-new").fill("sso")
    await page.keyboard.press("Enter")
    await expect(page.locator("#tagging .wrong")).to_be_empty()
    await page.locator(".tags a", has_text="late-refund").press("Enter")
    await page.wait_for_url(re.compile(r"/desk/search\?q=tag:late-refund"))
    await expect(page.locator(f'#hits a[href*="{number}"]').first).to_be_attached()
    await page.goto(f"{place.url}/desk?view=mine")
    row = page.locator(f'.row[data-case="{number}"]')
    await expect(row.locator(".flag.word")).to_have_text(["late-refund", "sso", "+2"])
    await look(page, "tags-queue-1440")
    for each in (page, other):
        assert each.faults == []  # type: ignore[attr-defined]


async def test_tags_that_there_are_are_offered_and_a_phone_has_room(place: Place) -> None:
    mia = await place.at.agent("Mia Okafor")
    _, before = await waiting(place, name="Ben Ode")
    await mia.done(f"cases/{before}/tags", {"add": ["a-tag-of-forty-letters-is-the-longest-ok", "webhooks", "vip2"]})
    _, number, page = await mine(place, **PHONE)
    await page.get_by_role("tab", name="Context").click()
    await page.locator("#tag-new").focus()
    option = page.locator('#tags-known option[value="webhooks"]')
    await expect(option).to_have_count(1)
    await expect(option).to_have_text("webhooks, on 1 open")
    for tag in ("a-tag-of-forty-letters-is-the-longest-ok", "webhooks", "vip2"):
        await page.locator("#tag-new").fill(tag)
        await page.keyboard.press("Enter")
        await expect(page.locator(".tags li", has_text=tag)).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = await page.get_by_role("button", name="Remove the tag vip2").bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 44
    await look(page, "tags-390")
    await keeps_nobody_out(page)
    await page.goto(f"{place.url}/desk?view=mine")
    await expect(page.locator(f'.row[data-case="{number}"] .flag.word').first).to_be_hidden()
    await look(page, "tags-queue-390")
    assert page.faults == []  # type: ignore[attr-defined]
