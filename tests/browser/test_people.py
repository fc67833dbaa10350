"""One's own page, the people, the audit log: by a person at a screen and at a phone, and by axe."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.access import faults
from tests.browser.conftest import Place

SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
LONG = "Wilhelmina-Theodora-" * 4


async def nothing_sticks_out(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


async def seen(page: Page, name: str) -> None:
    """For who wants to look: WARMLINE_TEST_PICTURES names a folder."""
    if folder := os.environ.get("WARMLINE_TEST_PICTURES"):
        await page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_every_page_keeps_nobody_out(place: Place, size: str, scheme: str) -> None:
    await place.sign_in("Mia Okafor", "supervisor")
    await place.sign_in(LONG, "agent")
    how = {"viewport": SIZES[size], "color_scheme": scheme}
    context = await place.sign_in("Ada Ruiz", "admin", **how)
    page = await context.new_page()
    rows = await place.at.sql("SELECT id FROM agent WHERE name = 'Mia Okafor'")
    await place.at.sql("UPDATE agent SET password = 'no hash' WHERE email LIKE 'ada@%'")
    odd = ("ada@desk.example", "W-1001", "<script>alert(1)</script> \u202egnp.exe", LONG * 40)
    for number, subject in enumerate(odd):
        await place.at.sql(
            "INSERT INTO audit (at, agent_id, action, subject, data)"
            " VALUES (1790000000000000, :who, :act, :subject, :data)",
            who=rows[0][0] if number else None, act=("sign-in refused", "claim", "agent changed", "refused")[number],
            subject=subject, data='{"line": "203.0.113.9", "before": {"role": "agent"}, "after": {"role": "admin"}}',
        )  # fmt: skip
    pages = ["me", "people", f"people/{rows[0][0]}", "audit", "audit?action=none", "people/999999"]
    for path in pages:
        await page.goto(f"{place.url}/desk/{path}")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert not await faults(page, "serious", "critical"), path
        await nothing_sticks_out(page)
        await seen(page, f"{re.sub(r'[^a-z]', '-', path)}-{size}-{scheme}")
    await context.close()


async def test_a_session_is_ended_and_its_page_goes_to_the_door(place: Place) -> None:
    here = await place.sit("/desk/me", "Lea Ahn")
    there = await place.sit("/desk", "Lea Ahn")
    await expect(there.get_by_text("Live", exact=True)).to_be_visible()
    await here.reload()
    await expect(here.get_by_text("this one")).to_have_count(1)
    await here.get_by_role("button", name=re.compile("End the session")).first.focus()
    await here.keyboard.press("Enter")
    await there.wait_for_url(re.compile("/desk/sign-in"), timeout=20_000)
    await expect(here.get_by_role("heading", name="Where you are signed in")).to_be_focused()
    await expect(here.get_by_text("Nowhere else")).to_be_visible()
    assert not here.faults  # type: ignore[attr-defined]


async def test_name_and_away_are_changed_in_place(place: Place) -> None:
    page = await place.sit("/desk/me", "Jon Berg")
    await page.get_by_label("Name as customers read it").fill("Jon B.")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("You are Jon B. from now on.").first).to_be_visible()
    await page.get_by_label("I am away").check()
    await expect(page.get_by_text("You are away.").first).to_be_visible()
    await page.reload()
    await expect(page.get_by_label("I am away")).to_be_checked()
    assert not page.faults  # type: ignore[attr-defined]


async def test_an_admin_invites_withdraws_and_changes_a_role(place: Place) -> None:
    await place.sign_in("Tom Eld", "agent")
    page = await place.sit("/desk/people", "Ada Ruiz", "admin")
    await page.get_by_label("Name", exact=True).first.fill("Kim New")
    await page.get_by_label("Email").fill("kim@desk.example")
    await page.get_by_role("button", name="Make a link", exact=True).click()
    await expect(page.locator("#made-link")).to_have_value(re.compile("/desk/welcome/"))
    await page.get_by_role("button", name="Withdraw the link for Kim New").click()
    await expect(page.get_by_text("kim@desk.example")).to_have_count(0)
    await page.get_by_label("Name of the team").fill("Night shift")
    await page.get_by_role("button", name="Add the team").click()
    await expect(page.get_by_role("button", name="Rename Night shift")).to_be_visible()
    await page.get_by_role("link", name="Change Tom Eld").click()
    await page.locator("select[name=role]").select_option("supervisor")
    await page.get_by_label("Night shift").check()
    await page.get_by_label("Billing").check()
    await page.get_by_label("Languages").fill("de, EN")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Tom Eld is saved.").first).to_be_visible()
    await page.reload()
    await expect(page.locator("select[name=role]")).to_have_value("supervisor")
    await expect(page.get_by_label("Night shift")).to_be_checked()
    await expect(page.get_by_label("Languages")).to_have_value("de, en")
    await page.goto(f"{place.url}/desk/audit?action=agent+changed")
    await expect(page.get_by_text("role: agent → supervisor")).to_be_visible()
    assert not page.faults  # type: ignore[attr-defined]


async def test_what_is_refused_is_said_beside_it(place: Place) -> None:
    await place.at.sql("UPDATE agent SET role = 'agent' WHERE role = 'admin'")
    page = await place.sit("/desk/people", "Solo Admin", "admin")
    await page.get_by_role("link", name="Change Solo Admin").click()
    await page.locator("select[name=role]").select_option("agent")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert").filter(has_text="only admin")).to_be_visible()
    colleague = await place.sit("/desk/people", "Una Read", "colleague")
    await expect(colleague.get_by_role("heading", name="This page is not for your role")).to_be_visible()
    assert not await faults(colleague, "serious", "critical")
