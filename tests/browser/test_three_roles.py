"""The first five minutes in one piece: a silly question, a panic, and the one who helps, by what the pages say."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser.access import keeps_nobody_out
from tests.browser.conftest import Place

WAIT = 20_000


async def test_a_customer_an_admin_and_a_colleague(place: Place) -> None:
    customer = await (await place.browser.new_context()).new_page()
    await customer.goto(place.url)
    await keeps_nobody_out(customer)
    await customer.get_by_role("button", name="Open the chat").click()
    chat = customer.locator("warmline-chat [role=dialog]")
    field = chat.get_by_role("textbox")
    await field.fill("How do I create an email alias?")
    await field.press("Enter")
    await expect(chat.get_by_role("button", name="Yes", exact=True)).to_be_visible(timeout=WAIT)
    await chat.get_by_role("button", name="Yes", exact=True).click()
    await field.fill("everything is down")
    await field.press("Enter")
    await expect(chat.get_by_text(re.compile(r"Your case is W.1001")).first).to_be_visible(timeout=WAIT)

    ada = await (await place.browser.new_context()).new_page()
    await ada.goto(f"{place.url}/desk")
    await expect(ada.get_by_text("Be the first admin")).to_be_visible()
    await keeps_nobody_out(ada)
    await ada.goto(f"{place.url}/desk/welcome/{await place.at.house.first_link()}")
    await keeps_nobody_out(ada)
    await ada.get_by_label("Name").fill("Ada Ruiz")
    await ada.get_by_label("Email").fill("ada@desk.example")
    await ada.get_by_label("Password").fill("three unrelated words")
    await ada.get_by_role("button", name="Join").click()
    await expect(ada.get_by_role("heading", name="Queue")).to_be_visible()
    await expect(ada.get_by_text("Live", exact=True)).to_be_visible()
    await expect(ada.get_by_text("everything is down")).to_be_visible()
    await ada.wait_for_load_state()  # its script runs before
    await ada.keyboard.press("t")
    await ada.wait_for_url(re.compile(r"/desk/cases/W-1001"), timeout=WAIT)
    await expect(chat.get_by_text("Ada Ruiz here.").first).to_be_visible(timeout=WAIT)

    await ada.keyboard.press("n")
    await ada.keyboard.type("the relay is full")
    await ada.keyboard.press("Control+Enter")
    await expect(ada.locator(".msg.note")).to_have_count(1, timeout=WAIT)
    await ada.keyboard.press("Escape")
    await ada.keyboard.press("r")
    await ada.keyboard.type("We see it too. Back by noon.")
    await ada.keyboard.press("Control+Enter")
    await expect(chat.get_by_text("Back by noon.").first).to_be_visible(timeout=WAIT)
    await expect(chat.get_by_text("the relay is full")).to_have_count(0)

    await ada.goto(f"{place.url}/desk/people")
    await keeps_nobody_out(ada)
    await ada.get_by_role("button", name="Make a link for Jon Berg").click()
    await expect(ada.locator("#made-link")).to_have_value(re.compile("/desk/welcome/"))
    link = await ada.locator("#made-link").input_value()
    jon = await (await place.browser.new_context()).new_page()
    await jon.goto(place.url + link[link.index("/desk/") :])  # this desk knows its port only by its settings
    await jon.get_by_label("Password").fill("four other words now")
    await jon.get_by_role("button", name="Join").click()
    await expect(jon.get_by_role("heading", name="Queue")).to_be_visible()
    await jon.goto(f"{place.url}/desk/cases/W-1001")
    await expect(
        jon.get_by_placeholder("Ada Ruiz has this case").or_(jon.get_by_text("Ada Ruiz has this case")).first
    ).to_be_visible()

    await ada.goto(f"{place.url}/desk/team")
    await keeps_nobody_out(ada)
    await ada.get_by_label("Trouble").check()
    await ada.get_by_label("Words").fill("Mail leaves late. Next word by 15:00.")
    await ada.get_by_role("button", name="Say it").click()
    await expect(ada.get_by_text("Customers read this within seconds.").first).to_be_visible()
    await customer.wait_for_timeout(5_100)  # so long a line may be remembered
    await customer.reload()
    await expect(customer.get_by_text("Mail leaves late. Next word by 15:00.").first).to_be_visible()
    await expect(chat.get_by_text("Back by noon.").first).to_be_visible(timeout=WAIT)
    await keeps_nobody_out(customer)
