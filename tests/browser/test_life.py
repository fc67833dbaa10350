"""Passing on, blocking, mentioning: what agents do beside answering, in a browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.access import keeps_nobody_out
from tests.browser.conftest import Place
from tests.browser.test_case import mine, waiting
from tests.house import until
from tests.web.test_life_api import team_of, two_of_one

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


async def look(page: Page, name: str) -> None:
    """A picture for who wants to see, in both themes: `PICTURES=folder`."""
    if folder := os.environ.get("PICTURES"):
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.screenshot(path=Path(folder) / f"{name}-{scheme}.png")


async def test_a_case_is_passed_on_to_a_team_by_keys_with_a_note(place: Place) -> None:
    await place.sign_in("Zoe Adler")
    await team_of(place.at, "Billing", "Zoe Adler")
    await team_of(place.at, "Abuse")
    for how in ({}, PHONE):
        _, number, page = await mine(place, **how)
        if how:
            await page.click("#act-more")
            await page.locator("#pop-more .opt", has_text="Transfer").click()
        else:
            await page.keyboard.press("a")
        await expect(page.locator("#pop-assign .opt.who").first).to_be_focused()
        await page.keyboard.press("Shift+Tab")
        await expect(page.locator("#transfer-note")).to_be_focused()
        await page.keyboard.type("Charged twice, see May")
        await look(page, f"transfer-{'390' if how else '1440'}")
        await keeps_nobody_out(page)
        await page.locator("#pop-assign .opt", has_text="Billing").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#main")).to_have_attribute("data-standing", "unclaimed")
        await expect(page.locator(".see.team")).to_have_text("Billing")
        await expect(page.locator(".msg.note").last).to_contain_text("Charged twice, see May")
        await expect(page.locator("#toast")).to_contain_text(f"{number} waits for Billing now.")
        assert page.faults == []  # type: ignore[attr-defined]


async def test_a_note_calls_a_colleague_who_hears_it_wherever_they_are(place: Place) -> None:
    tom = await place.sit("/desk", "Tom Berg")
    _, number, page = await mine(place)
    await page.keyboard.press("n")
    await page.keyboard.type("Can you look, @to")
    await expect(page.locator("#mention-list [role=option]:visible")).to_have_count(1)
    await look(page, "mention-1440")
    await keeps_nobody_out(page)
    await page.keyboard.press("Enter")
    await expect(page.locator("#note")).to_have_value("Can you look, @Tom Berg ")
    await page.keyboard.type("@zz")
    await expect(page.locator("#mention-list")).to_be_hidden()
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".msg.note").last).to_contain_text("Can you look, @Tom Berg @zz")
    await expect(tom.locator("#toast")).to_contain_text(f"Mia Okafor mentions you in {number}.")
    await tom.goto(f"{place.url}/desk?view=mentions")
    await look(tom, "mentions-1440")
    await keeps_nobody_out(tom)
    await tom.locator(f'[data-case="{number}"] .go').click()
    await expect(tom.locator("#case-h")).to_be_visible()

    async def seen() -> bool:
        return (await place.at.sql("SELECT count(*) FROM mention WHERE seen_at IS NULL"))[0][0] == 0

    assert await until(seen)
    for each in (page, tom):
        assert each.faults == []  # type: ignore[attr-defined]


async def test_spam_is_blocked_and_the_block_undone(place: Place) -> None:
    customer, number, page = await mine(place)
    await page.keyboard.press("e")
    await page.locator("#pop-resolve .opt", has_text="Spam, and block").click()
    await expect(page.locator("#block-why")).to_be_focused()
    await page.keyboard.type("Sells pills")
    await look(page, "block-1440")
    await keeps_nobody_out(page)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#card")).to_contain_text("Blocked by Mia Okafor")
    await customer.write("cheap pills, buy now")
    await expect(page.locator(".msg.cust").last).to_contain_text("cheap pills")
    await expect(page.locator("#main")).to_have_attribute("data-standing", "resolved")
    await look(page, "blocked-1440")
    await keeps_nobody_out(page)
    await page.get_by_role("button", name="Unblock").click()
    await expect(page.locator("#card")).not_to_contain_text("Blocked by")
    assert (await (await place.at.agent("Mia")).case(number))["customer"]["blocked"] is None
    assert page.faults == []  # type: ignore[attr-defined]


async def test_two_cases_of_one_person_are_merged_from_the_card(place: Place) -> None:
    lea = await place.at.agent("Mia Okafor")
    _, one, again, other = await two_of_one(place.at, lea)
    page = await place.sit(f"/desk/cases/{one}")
    await page.get_by_role("button", name=f"Merge {other} into this case").click()
    await expect(page.locator("#toast")).to_contain_text(f"{other} is a part of this case now.")
    await look(page, "merged-1440")
    await keeps_nobody_out(page)
    await again.write("one more thing")
    await expect(page.locator("#log")).to_contain_text(f"wrote in {other}, which is merged into this one")
    await page.goto(f"{place.url}/desk/cases/{other}")
    await expect(page.locator("#card")).to_contain_text(f"Merged into {one}")
    await look(page, "gone-1440")
    await page.get_by_role("button", name="Part them again").click()
    await expect(page.locator("#main")).to_have_attribute("data-standing", "unclaimed")
    assert page.faults == []  # type: ignore[attr-defined]


async def test_a_resolved_customer_is_written_to_first(place: Place) -> None:
    lea = await place.at.agent("Mia Okafor")
    customer, number = await waiting(place)
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/resolve")
    page = await place.sit(f"/desk/cases/{number}")
    await page.locator(".begins summary").press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Is it still fine?")
    await look(page, "begin-1440")
    await keeps_nobody_out(page)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#log")).to_contain_text("Mia Okafor wrote first")
    await expect(page.locator("#main")).to_have_attribute("data-standing", "mine")
    assert "Is it still fine?" in [line["text"] for line in await customer.read()]
    assert page.faults == []  # type: ignore[attr-defined]


async def test_who_signs_out_reads_before_what_goes_back(place: Place) -> None:
    _, _, page = await mine(place)
    await page.keyboard.press("?")
    await expect(page.locator("#leaving")).to_contain_text("back to the queue when you sign out")
    await look(page, "leaving-1440")
    await keeps_nobody_out(page)
