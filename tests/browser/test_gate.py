"""The gate's page in a browser: label by keys or by a thumb, blind, and see what it buys; everybody can use it."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from intents.stance import Stance, corrected
from store import settings as kept
from tests.browser.access import faults
from tests.browser.conftest import Place
from tests.house import desk, served, until

WAIT = 20_000
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SMALL: dict[str, Any] = {"viewport": {"width": 320, "height": 640}}
DARK: dict[str, Any] = {"color_scheme": "dark"}
PICTURES = os.environ.get("WARMLINE_PICTURES")
"""A folder; with it these tests leave pictures there."""


@pytest_asyncio.fixture(loop_scope="session")
async def place(browser: Browser, tmp_path: Path) -> AsyncIterator[Place]:
    async with desk(tmp_path, label_share=1.0) as at, served(at.house) as url:
        yield Place(at, url, browser)
        for context in browser.contexts:
            await context.close()


async def written(place: Place, *texts: str) -> None:
    """Each by a customer of its own, and decided."""
    for text in texts:
        assert (await place.at.customer().write(text)).status_code == 202

    async def decided() -> bool:
        found = await place.at.sql("SELECT count(*) FROM sample WHERE decided_at IS NOT NULL")
        return bool(found[0][0] == len(texts))

    await until(decided)


async def labels(place: Place) -> list[tuple[str | None, bool | None]]:
    return [(row[0], row[1]) for row in await place.at.sql("SELECT tier, complaint FROM sample ORDER BY id")]


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png")


def fine(page: Page) -> bool:
    faults: list[str] = page.faults  # type: ignore[attr-defined]
    return faults == []


async def test_labelling_by_keys_alone(place: Place) -> None:
    await written(place, "it is down", "I love it", "this is broken", "and what about Tuesday")
    page = await place.sit("/desk/gate")
    heading = page.get_by_role("heading", name="What is this message?")
    words = page.locator("#asks-words")
    await expect(words).to_contain_text("it is down")
    await expect(page.locator("#missing")).to_have_text(
        "0 grave messages labelled, 299 more until 1 % can be promised."
    )
    await page.keyboard.press("1")
    await expect(words).to_contain_text("I love it")
    await expect(heading).to_be_focused()
    await expect(page.locator("#done")).to_have_text("Labelled: outage.")
    await expect(page.locator("#toast")).to_be_hidden()  # it would lie over the next one
    await expect(page.locator("#missing")).to_contain_text(
        "1 grave message labelled, 298 more until 1 % can be promised."
    )
    await page.keyboard.press("6")
    await expect(page.get_by_role("group", name="Which feedback")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("group", name="It is")).to_be_visible()
    await page.keyboard.press("6")
    await page.keyboard.press("p")
    await expect(words).to_contain_text("this is broken")
    await page.keyboard.press("s")
    await expect(words).to_contain_text("Tuesday")
    await expect(page.locator("#gate-now .left")).to_have_text("2 to label, 1 skipped")
    await page.keyboard.press("7")
    await expect(words).to_contain_text("this is broken")
    await page.keyboard.press("3")
    await expect(page.get_by_role("heading", name="Nothing to label")).to_be_visible()
    assert await labels(place) == [("outage", None), ("feedback", False), ("problem", None), ("unknown", None)]
    await page.keyboard.press("u")
    await expect(words).to_contain_text("this is broken")
    assert (await labels(place))[2] == (None, None)
    assert fine(page)


async def test_it_is_blind_and_masked(place: Place) -> None:
    await written(place, "I was charged twice on 4111 1111 1111 1111, it is down <b>now</b>")
    page = await place.sit("/desk/gate")
    asks = page.locator(".asks")
    await expect(asks.locator("#asks-words")).to_contain_text("charged twice")
    text = await asks.inner_text()
    assert "4111" not in text
    assert "<b>now</b>" in text
    # Every kind stands there as one of seven, none marked: nothing says what the machine made of it.
    assert await asks.locator(".kind[data-tier]").count() == 7
    html = await asks.inner_html()
    assert not re.search(r"aria-pressed|checked|selected|automatable|%", html)


async def test_by_a_thumb(place: Place) -> None:
    await written(place, "this is terrible, worst thing ever", "it is down")
    page = await place.sit("/desk/gate", **PHONE)
    await page.get_by_role("group", name="It is").get_by_role("button", name=re.compile("Feedback")).tap()
    await picture(page, "gate-phone-feedback")
    await page.get_by_role("button", name=re.compile("A complaint")).tap()
    await expect(page.locator("#asks-words")).to_contain_text("it is down")
    assert await labels(place) == [("feedback", True), (None, None)]
    await page.get_by_role("button", name="Undo", exact=True).tap()
    await expect(page.locator("#asks-words")).to_contain_text("terrible")
    assert await labels(place) == [(None, None), (None, None)]
    for button in await page.locator(".asks button:visible").all():
        box = await button.bounding_box()
        assert box is not None
        assert box["height"] >= 44


async def test_two_people_and_one_message(place: Place) -> None:
    await written(place, "it is down", "this is broken")
    page = await place.sit("/desk/gate")
    await expect(page.locator("#asks-words")).to_contain_text("it is down")
    jon = await place.at.agent("Jon")
    first = (await jon.get("labels/next"))["message"]["id"]
    await jon.done(f"labels/{first}", {"tier": "billing"})
    await page.keyboard.press("1")
    await expect(page.locator("#toast-words")).to_contain_text("Jon has labelled this just now.")
    await expect(page.locator("#asks-words")).to_contain_text("this is broken")
    assert await labels(place) == [("billing", None), (None, None)]


async def test_a_closing_is_told_on_the_queue_until_an_admin_has_seen_it(place: Place) -> None:
    page = await place.sit("/desk", role="admin")
    await expect(page.locator("#link")).to_have_text("Live", timeout=WAIT)
    banner = page.locator(".banner")
    await expect(banner).to_have_count(0)
    gate = place.at.house.gate
    now = gate._clock()
    closed = corrected(Stance(state="open", since=now), "W-1012", "billing", now)
    async with place.at.house.database.write("test") as connection:
        await kept.write(connection, "gate", closed.kept(), now)
    await gate.tell()
    await expect(banner).to_contain_text("In W-1012 the machine acted alone on what a person calls a matter of money.")
    await picture(page, "gate-banner")
    await banner.get_by_role("link", name="Look at it").click()
    await expect(page.locator("#promise .state")).to_contain_text("The gate has closed to the strict rule")
    await picture(page, "gate-closed")
    await page.get_by_role("button", name="I have seen that it closed").click()
    await expect(banner).to_have_count(0)
    await page.get_by_label("Why").fill("It was a test of ours.")
    await page.get_by_role("button", name="Count all labels again").click()
    await expect(page.locator("#promise .state")).to_contain_text("It was a test of ours.")
    assert fine(page)


@pytest.mark.parametrize(
    "how", [{}, DARK, PHONE, {**PHONE, **DARK}, SMALL], ids=["wide", "dark", "phone", "night", "320"]
)
async def test_everybody_can_use_it(place: Place, how: dict[str, Any], request: pytest.FixtureRequest) -> None:
    await written(place, "it is down. " + "And nobody answers, whatever I try. " * 8, "this is broken")
    page = await place.sit("/desk/gate", role="admin", **how)
    await page.keyboard.press("1")
    await expect(page.locator("#asks-words")).to_contain_text("this is broken")
    await page.locator("#promise summary").click()
    wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide
    found = [fault for fault in await faults(page) if not fault.startswith("region ")]
    assert found == []  # "region": the toast stands outside of landmarks on every page
    await picture(page, f"gate-{request.node.callspec.id}")
    await page.locator("#asks-h").scroll_into_view_if_needed()
    await page.evaluate("document.querySelector('.scroll').scrollTop = 0")
    await picture(page, f"gate-{request.node.callspec.id}-top")


async def test_a_colleague_sees_the_promise_and_labels_nothing(place: Place) -> None:
    await written(place, "it is down")
    page = await place.sit("/desk/gate", role="colleague")
    await expect(page.get_by_role("heading", name="The promise")).to_be_visible()
    await expect(page.locator(".asks")).to_have_count(0)
    await expect(page.get_by_text("An admin can hold the gate")).to_be_visible()
