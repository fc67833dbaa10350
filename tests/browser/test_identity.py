"""Who a customer is elsewhere, in a browser: asked for, proven, shown, taken apart."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from handoff.proof import MASKED
from tests.browser.conftest import Place
from tests.browser.test_case import PHONE, SMALL, WAIT, mine, texts, waiting
from tests.house import Customer, until

CODE = re.compile(r"WL-\w{4}-\w{4}")


async def code_of(customer: Customer) -> str:
    async def look() -> str | None:
        found = [match[0] for text in await texts(customer) if (match := CODE.search(text)) is not None]
        return found[-1] if found else None

    code: str = await until(look)
    return code


async def proven(place: Place) -> tuple[Page, str]:
    """A claimed case whose customer was asked for a proof at the desk, and has given it in another conversation."""
    other, there = await waiting(place, "how do i reset my password? it is broken", name="Ana at work")
    customer, _, page = await mine(place)
    await page.get_by_role("button", name="Ask them to prove another address").click()
    await expect(page.locator("#toast")).to_contain_text("They see a code now", timeout=WAIT)
    shown = page.locator(".msg.bot", has_text="alone in a message").last
    await expect(shown).to_contain_text(MASKED, timeout=WAIT)
    code = await code_of(customer)
    assert code not in await page.content(), "it is for the customer alone"
    await other.write(code.lower())
    await expect(page.locator("#card", has_text="proved by a code that Mia Okafor asked for")).to_be_visible(
        timeout=WAIT
    )
    return page, there


async def test_asked_for_proven_and_taken_apart(place: Place) -> None:
    page, there = await proven(place)
    card = page.locator("#card")
    others = card.locator("section", has=page.locator("#others-h")).get_by_role("link")
    await expect(others).to_have_attribute("href", f"/desk/cases/{there}")
    await expect(card.locator(".pill", has_text="2nd time this week")).to_be_visible()
    await expect(page.locator(".ev", has_text="Linked with Web “Ana at work”: proved by a code")).to_be_visible()
    opener = card.get_by_role("button", name="Undo the link with Web")
    await opener.click()
    form = card.locator(".unlink:visible")
    await expect(form).to_contain_text("stands apart from Ana again, with all that was written there")
    await expect(form.get_by_role("button", name="Undo this link")).to_be_focused()
    await form.get_by_role("button", name="Cancel").click()
    await expect(form).to_have_count(0)
    await expect(opener).to_be_focused()
    await page.keyboard.press("Enter")
    await card.get_by_role("button", name="Undo this link").click()
    await expect(others).to_have_count(0, timeout=WAIT)
    await expect(page.locator("#toast")).to_contain_text("Apart again")
    await expect(page.locator(".ev", has_text="Mia Okafor undid the link")).to_be_visible()
    assert page.faults == []  # type: ignore[attr-defined]
    mine_no_more = await place.sit(f"/desk/cases/{there}", "Jon Berg")
    await expect(mine_no_more.locator(".ev", has_text="Mia Okafor undid the link")).to_be_visible()


async def test_who_may_not_answer_sees_it_and_undoes_nothing(place: Place) -> None:
    page, there = await proven(place)
    colleague = await place.sit(f"/desk/cases/{there}", "Ida Nyman", "colleague")
    await expect(colleague.locator("#card", has_text="proved by a code")).to_be_visible()
    await expect(colleague.locator("#card [data-act=unlink]")).to_have_count(0)
    await expect(colleague.locator("#card [data-act=proof]")).to_have_count(0)
    unclaimed = await place.sit(f"/desk/cases/{there}", "Jon Berg")
    asking = unclaimed.locator("#card [data-act=proof]")
    await expect(asking).to_have_attribute("aria-disabled", "true")
    await expect(asking).to_have_attribute("title", "Nobody has this case yet. Claim it to reply.")
    assert page.faults == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", [{}, {"color_scheme": "dark"}, PHONE, SMALL])
async def test_it_fits_and_has_no_faults_of_access(place: Place, how: dict[str, object]) -> None:
    _, there = await proven(place)
    page = await place.sit(f"/desk/cases/{there}", "Jon Berg", **how)
    if "viewport" in how:
        await page.locator('.switch [data-part="customer"]').click()
    await page.get_by_role("button", name="Undo the link with Web").click()
    await expect(page.locator(".unlink:visible")).to_be_visible()
    for box in ("document.documentElement", "document.getElementById('card')"):
        assert await page.evaluate(f"{box}.scrollWidth <= {box}.clientWidth")
    found = await Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})
    assert found.response["violations"] == []
    assert page.faults == []  # type: ignore[attr-defined]
