"""Customers in a browser: one page for a person, links by hand and back, and the log of all that they wrote."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.access import keeps_nobody_out
from tests.browser.conftest import Place
from tests.house import AgentClient, Customer, desk, served, until
from tests.journeys.test_email import options
from tests.platforms.imap import imap_platform
from tests.platforms.post_office import PostOffice, post_office

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PICTURES = os.environ.get("WARMLINE_PICTURES")
"""A folder; with it these tests leave pictures there."""


@pytest_asyncio.fixture(loop_scope="session")
async def place(browser: Browser, tmp_path: Path) -> AsyncIterator[Place]:
    async with desk(tmp_path) as at, served(at.house) as url:
        yield Place(at, url, browser)
        for context in browser.contexts:
            await context.close()


async def comes(place: Place, text: str, name: str) -> tuple[Customer, str, int, int]:
    """Somebody with a case: they, its number, their customer and identity."""
    customer = place.at.customer()
    await customer.write(text, name=name)
    found = re.search(r"W-\d+", (await customer.hears("acknowledgement"))["text"])
    assert found is not None
    talk = await place.at.conversation(customer)
    ((id_, identity),) = await place.at.sql("SELECT customer_id, identity_id FROM conversation WHERE id = :c", c=talk)
    return customer, found[0], id_, identity


async def pair(place: Place) -> tuple[AgentClient, Customer, str, int, Customer]:
    """Two who are one by hand: the agent, one with their case and customer, and the other."""
    ana, number, one, _ = await comes(place, "the whole site is down", "Ana Ruiz")
    other, _, _, identity = await comes(place, "I was charged twice", "A. Ruiz")
    lea = await place.at.agent()
    await lea.done(f"customers/{one}/links", {"identity": identity, "why": "the same invoice"})
    return lea, ana, number, one, other


async def fits(page: Page) -> None:
    wide = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], page.url


@pytest.mark.parametrize("how", [{}, PHONE, {"color_scheme": "dark"}], ids=["desk", "phone", "dark"])
async def test_the_pages_keep_nobody_out(place: Place, how: dict[str, Any]) -> None:
    _, _, number, one, _ = await pair(place)
    page = await place.sit("/desk/customers", **how)
    for path in ("/desk/customers", f"/desk/customers/{one}?find=a", "/desk/customers?q=zzz", f"/desk/cases/{number}"):
        await page.goto(place.url + path)
        await keeps_nobody_out(page)
        await fits(page)
        if PICTURES:
            await page.screenshot(path=f"{PICTURES}/{re.sub('[^a-z0-9]+', '-', path)}-{len(how)}.png")
    assert page.faults == []  # type: ignore[attr-defined]


async def test_a_link_by_hand_is_made_and_undone_on_the_page(place: Place) -> None:
    _, _, one, _ = await comes(place, "the whole site is down", "Ana Ruiz")
    await comes(place, "I was charged twice", "Zoe Ana")
    page = await place.sit("/desk/customers")
    await page.keyboard.press("/")
    await expect(page.locator("#search")).to_be_focused()
    await page.keyboard.type("ana r")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Ana Ruiz", exact=True).click()
    await expect(page).to_have_url(re.compile(rf"/desk/customers/{one}$"))
    await page.fill("[name=find]", "zoe")
    await page.keyboard.press("Enter")
    await page.check("#link [name=identity]")
    await page.fill("[name=why]", "Both told the same invoice number")
    await page.get_by_role("button", name="Link by hand").click()
    await expect(page.locator(".ids .hand")).to_contain_text("not proven")
    await expect(page.locator(".ids .hand")).to_contain_text("Both told the same invoice number")
    await expect(page.locator("#toast-words")).to_have_text("Linked by hand. It is not proven.")
    await page.get_by_role("button", name=re.compile("^Undo the link")).click()
    await page.get_by_role("button", name="Undo this link").click()
    await expect(page.locator("#toast-words")).to_have_text("Apart again.")
    await expect(page.locator(".ids li")).to_have_count(1)


async def test_the_log_shows_everything_remembers_it_and_hears_of_it(place: Place) -> None:
    lea, ana, number, _, other = await pair(place)
    page = await place.sit(f"/desk/cases/{number}")
    elsewhere = page.locator("#log article.away-from-here")
    await expect(elsewhere).to_have_count(0)
    await page.get_by_role("button", name="Everything").click()
    await expect(elsewhere.first).to_contain_text("I was charged twice")
    await expect(elsewhere.first).to_contain_text("Not proven to be them")
    await other.write("and it is a lot")
    await expect(elsewhere.last).to_contain_text("and it is a lot")
    await page.reload()
    await expect(page.get_by_role("button", name="Everything")).to_have_attribute("aria-pressed", "true")
    await expect(elsewhere.last).to_contain_text("and it is a lot")
    # What was said elsewhere stops no reply; what was said here does, as ever.
    await page.click("#act-claim")
    await expect(page.locator("#main")).to_have_attribute("data-standing", "mine")
    await other.write("are you there?")
    await expect(elsewhere.last).to_contain_text("are you there?")
    await page.fill("#reply", "We are on it.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".msg.agent", has_text="We are on it.")).to_be_visible()
    ids = await page.locator("#log article").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    await page.get_by_role("button", name="This conversation").click()
    await expect(elsewhere).to_have_count(0)

    async def arrived() -> bool:
        return any("We are on it." in row["text"] for row in await ana.read())

    await until(arrived)
    assert not any("We are on it." in row["text"] for row in await other.read())
    assert lea is not None


async def test_the_card_is_corrected_in_place(place: Place) -> None:
    _, number, _, _ = await comes(place, "the whole site is down", "Ana Ruiz")
    page = await place.sit(f"/desk/cases/{number}")
    await page.keyboard.press("w")
    await page.select_option("#correct-intent", "twice")
    await expect(page.locator("#correct-tier")).to_have_value("billing")
    await page.select_option("#correct-language", "de")
    await page.check("#correct-security")
    await page.get_by_role("button", name="Correct", exact=True).click()
    await expect(page.locator(".casehead .tier.billing")).to_be_visible()
    await expect(page.locator(".flagline", has_text="About safety")).to_be_visible()
    await page.keyboard.press("w")
    await expect(page.locator("#correct-language")).to_have_value("de")
    await page.uncheck("#correct-security")
    await page.get_by_role("button", name="Correct", exact=True).click()
    await expect(page.locator(".flagline", has_text="About safety")).to_have_count(0)
    await page.locator('[data-act="rename"]').first.click()
    await page.fill("#rename-name", "Ana Maria Ruiz")
    await page.get_by_role("button", name="Keep", exact=True).click()
    await expect(page.locator("#card")).to_contain_text("Ana Maria Ruiz")
    await expect(page.locator("#case-h")).to_contain_text("Ana Ruiz")


@pytest_asyncio.fixture(loop_scope="session")
async def with_mail(browser: Browser, tmp_path: Path) -> AsyncIterator[tuple[Place, PostOffice]]:
    async with post_office() as post, imap_platform() as platform:
        channel = options(imap_port=platform.port, smtp_port=post.port)
        async with desk(tmp_path, channels={"email": channel}) as at, served(at.house) as url:
            yield Place(at, url, browser), post


@pytest.mark.parametrize("how", [{}, {**PHONE, "color_scheme": "dark"}], ids=["desk", "phone"])
async def test_somebody_new_is_written_to(with_mail: tuple[Place, PostOffice], how: dict[str, Any]) -> None:
    place, post = with_mail
    page = await place.sit("/desk/customers", **how)
    await expect(page.get_by_text("Nobody has written yet")).to_be_visible()
    await page.get_by_text("Write to somebody new…").click()
    await page.get_by_label("Their address").fill("ana@nowhere")
    await page.get_by_label("Subject").fill("Your invoice")
    await page.get_by_label("Words").fill("Here is the new one.")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("alert").filter(has_text="this address has no domain behind its @")).to_be_visible()
    await keeps_nobody_out(page)
    await fits(page)
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/write-first-{len(how)}.png")
    await page.get_by_label("Their address").fill("ana@customers.example")
    await page.get_by_role("button", name="Send").click()
    await expect(page).to_have_url(re.compile(r"/desk/cases/W-1001$"))
    await expect(page.locator("#log")).to_contain_text("Mia Okafor wrote first: “Your invoice”")
    await expect(page.locator("#log")).to_contain_text("Here is the new one.")
    await expect(page.locator("#log")).to_contain_text("Sent", timeout=20_000)
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/written-first-{len(how)}.png")
    (mail,) = post.mails
    assert mail.to == ["ana@customers.example"]
    await page.goto(f"{place.url}/desk/customers")
    await expect(page.get_by_role("link", name="ana@customers.example")).to_be_visible()
    assert page.faults == []  # type: ignore[attr-defined]


async def test_an_address_that_is_not_found_can_be_written_to(with_mail: tuple[Place, PostOffice]) -> None:
    place, _ = with_mail
    page = await place.sit("/desk/customers?q=bob@customers.example")
    await expect(page.get_by_label("Their address")).to_have_value("bob@customers.example")
    await expect(page.get_by_label("Words")).to_be_visible()
    zoe = await place.sit("/desk/customers?q=bob@customers.example", name="Zoe", role="colleague")
    await expect(zoe.get_by_text("Write to somebody new")).to_have_count(0)


async def test_without_a_channel_for_it_nobody_new_is_offered(place: Place) -> None:
    page = await place.sit("/desk/customers")
    await expect(page.get_by_text("Write to somebody new")).to_have_count(0)
