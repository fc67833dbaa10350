"""Who one is in the team's Slack: a code is shown, and a name is taken back, by keys and on a phone."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from store import agents, window
from tests.browser.access import faults
from tests.browser.conftest import Place

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PICTURES = os.environ.get("WARMLINE_PICTURES")


async def test_a_code_is_shown_and_a_name_taken_back(place: Place) -> None:
    page = await place.sit("/desk/me/slack", "Lea Ahn")
    await expect(page.get_by_text("You are not known there yet.")).to_be_visible()
    await page.get_by_role("button", name="Show a code").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#slack-word")).to_have_text(re.compile(r"^[2-9A-Z]{4}-[2-9A-Z]{4}$"))
    await expect(page.locator("#slack-made")).to_be_focused()
    word = await page.locator("#slack-word").inner_text()
    now = datetime.now(UTC)
    async with place.at.house.database.write("test") as connection:
        owner = await window.use_code(connection, word, now)
        lea = await agents.find_agent(connection, "lea@desk.example")
        assert lea is not None
        assert owner == lea.id
        await window.name(connection, lea.id, channel="slack", account="main", external_id="U0LEA", how="code", now=now)
    await page.reload()
    await page.get_by_role("button", name="Unlink U0LEA").click()
    await expect(page.get_by_text("You are not known there yet.")).to_be_visible()
    assert page.faults == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
async def test_everybody_can_read_it(place: Place, scheme: str, size: str) -> None:
    page = await place.sit("/desk/me/slack", "Tom Berg", color_scheme=scheme, **(PHONE if size == "phone" else {}))
    await page.get_by_role("button", name="Show a code").click()
    await expect(page.locator("#slack-made")).to_be_visible()
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"me-slack-{size}-{scheme}.png")
    assert await faults(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
