"""Taking a reply back, and drafts that follow their writer: what a person sees who presses too early."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from playwright.async_api import Page, expect

from store.words import case_id
from tests.browser.access import keeps_nobody_out
from tests.browser.conftest import Place
from tests.browser.test_case import WAIT, texts, waiting
from tests.house import Customer, until

HELD = "#held .unsent"


async def mine(place: Place, **how: Any) -> tuple[Customer, str, Page]:
    """A claimed case before its agent, who can take replies back."""
    customer, number = await waiting(place)
    page = await place.sit(f"/desk/cases/{number}", **{"undo": 30, **how})
    await page.click("#act-claim")
    await expect(page.locator("#main")).to_have_attribute("data-standing", "mine", timeout=WAIT)
    return customer, number, page


async def send(page: Page, text: str) -> None:
    await page.locator("#reply").focus()
    await page.keyboard.type(text)
    await page.keyboard.press("Control+Enter")


async def kept(place: Place, number: str) -> str:
    """Mia's reply as the desk keeps it."""
    rows = await place.at.sql(
        "SELECT text FROM draft JOIN agent ON agent.id = agent_id"
        " WHERE mode = 'reply' AND case_id = :id AND email = 'mia@desk.example'",
        id=case_id(number),
    )
    return str(rows[0][0]) if rows else ""


async def is_kept(place: Place, number: str, text: str) -> None:
    async def look() -> bool:
        return await kept(place, number) == text

    await until(look)


async def test_a_reply_is_taken_back_and_what_is_edited_is_what_goes(place: Place) -> None:
    customer, number, page = await mine(place)
    jon = await place.sit(f"/desk/cases/{number}", "Jon Berg")
    await send(page, "The password is hunter2")
    await expect(page.locator(HELD)).to_contain_text("The password is hunter2", timeout=WAIT)
    await expect(page.locator(f"{HELD} .leaves")).to_have_text(re.compile(r"Leaves in \d+ s"))
    await expect(page.locator("#reply")).to_have_value("")
    await expect(page.locator("#reply")).to_be_focused()
    await expect(jon.locator("#held")).to_contain_text("Mia Okafor is sending a reply", timeout=WAIT)
    assert "hunter2" not in await jon.content()
    assert await texts(customer) == [text for text in await texts(customer) if "hunter2" not in text]
    await page.keyboard.press("Control+z")
    await expect(page.locator("#reply")).to_have_value("The password is hunter2", timeout=WAIT)
    await expect(page.locator(HELD)).to_have_count(0)
    await expect(jon.locator("#held")).not_to_contain_text("is sending", timeout=WAIT)
    await page.locator("#reply").fill("The password is in your mail.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(HELD)).to_contain_text("in your mail", timeout=WAIT)
    await page.keyboard.press("Escape")
    await page.keyboard.press("z")
    await expect(page.locator("#reply")).to_have_value("The password is in your mail.", timeout=WAIT)
    await send(page, "")
    await expect(page.locator(HELD)).to_be_visible(timeout=WAIT)
    await page.locator(f"{HELD} button").click()
    await expect(page.locator("#reply")).to_have_value("The password is in your mail.", timeout=WAIT)
    assert not any("password" in text for text in await texts(customer))
    assert page.faults == []  # type: ignore[attr-defined]


async def test_it_leaves_also_when_nobody_sits_there_any_more(place: Place) -> None:
    customer, _, page = await mine(place, undo=5)
    await send(page, "On its way.")
    await expect(page.locator(HELD)).to_be_visible(timeout=WAIT)
    await page.evaluate("fetch('/desk/sign-out', {method: 'POST'})")
    await page.close()

    async def arrived() -> bool:
        return "On its way." in await texts(customer)

    await until(arrived)
    assert (await texts(customer)).count("On its way.") == 1


async def test_a_held_reply_becomes_a_message_before_ones_eyes(place: Place) -> None:
    customer, _, page = await mine(place, undo=5)
    await send(page, "Look.")
    await expect(page.locator(HELD)).to_be_visible(timeout=WAIT)
    await expect(page.locator(".msg.agent[data-seq]", has_text="Look.")).to_be_visible(timeout=WAIT)
    await expect(page.locator(HELD)).to_have_count(0)
    assert "Look." in await texts(customer)
    assert await page.locator("#log > *").last.get_attribute("id") == "held"
    await send(page, "And this.")  # one's own words are no reason to stop
    await expect(page.locator(HELD)).to_contain_text("And this.", timeout=WAIT)


async def test_a_word_of_the_customer_brings_it_back(place: Place) -> None:
    customer, number, page = await mine(place, undo=5)
    await send(page, "All is well again.")
    await expect(page.locator(HELD)).to_be_visible(timeout=WAIT)
    await customer.write("nothing is well")
    await expect(page.locator("#halt-h")).to_have_text(
        "Your reply did not leave: the customer wrote since.", timeout=WAIT
    )
    await expect(page.locator("#reply")).to_have_value("All is well again.")
    await expect(page.locator(HELD)).to_have_count(0)
    await page.reload()
    await expect(page.locator("#halt-h")).to_contain_text("did not leave", timeout=WAIT)
    await expect(page.locator("#reply")).to_have_value("All is well again.")
    queue = await place.sit("/desk", undo=5)
    await page.get_by_role("button", name="Edit").click()
    await page.locator("#reply").fill("I see. Let me look.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(HELD)).to_be_visible(timeout=WAIT)
    await customer.write("please")
    await expect(queue.locator("#toast")).to_contain_text(f"Your reply in {number} did not leave", timeout=WAIT)
    assert "I see. Let me look." not in await texts(customer)


async def test_what_one_does_next_sends_it_first(place: Place) -> None:
    customer, number, page = await mine(place)
    await send(page, "Done.")
    await expect(page.locator(HELD)).to_be_visible(timeout=WAIT)
    await page.keyboard.press("Escape")
    await page.keyboard.press("e")
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: number not in url, timeout=WAIT)
    found = await texts(customer)
    assert found.index("Done.") < next(n for n, text in enumerate(found) if "Anything else?" in text)


async def test_how_long_is_chosen_in_the_settings(place: Place) -> None:
    customer, _, page = await mine(place, undo=10)
    await page.keyboard.press("?")
    await page.select_option("#undo-for", "0")
    await expect(page.locator("#composer")).to_have_attribute("data-hold-for", "0", timeout=WAIT)
    await page.keyboard.press("Escape")
    await send(page, "At once.")
    await expect(page.locator(".msg.agent[data-seq]", has_text="At once.")).to_be_visible(timeout=WAIT)
    assert "At once." in await texts(customer)


async def test_a_draft_follows_its_writer_to_another_machine(place: Place) -> None:
    _, number, office = await mine(place)
    await office.locator("#reply").fill("begun in the office")
    await is_kept(place, number, "begun in the office")
    home = await place.sit(f"/desk/cases/{number}", undo=30)
    await expect(home.locator("#reply")).to_have_value("begun in the office")
    await office.locator("#case-h").focus()
    await home.locator("#reply").fill("begun in the office, done at home")
    await expect(office.locator("#reply")).to_have_value("begun in the office, done at home", timeout=WAIT)
    await home.keyboard.press("Control+Enter")
    await expect(home.locator(HELD)).to_be_visible(timeout=WAIT)
    await expect(office.locator("#reply")).to_have_value("", timeout=WAIT)
    await expect(office.locator(HELD)).to_contain_text("done at home", timeout=WAIT)
    await is_kept(place, number, "")


async def test_of_two_at_once_neither_is_lost(place: Place) -> None:
    _, number, office = await mine(place)
    home = await place.sit(f"/desk/cases/{number}", undo=30)
    # Both before either is kept: that is a second after the last key.
    await asyncio.gather(office.fill("#reply", "words from the office"), home.fill("#reply", "words from home"))
    told = office.locator("#other"), home.locator("#other")

    async def one_is_told() -> Any:
        return [n for n, line in enumerate(told) if await line.is_visible()]

    n = (await until(one_is_told))[0]
    page, theirs = (office, home)[n], ("words from home", "words from the office")[n]
    await expect(told[n]).to_contain_text(theirs)
    await told[n].get_by_role("button", name="Use that").click()
    await expect(page.locator("#reply")).to_have_value(theirs)
    await is_kept(place, number, theirs)
    await told[n].get_by_role("button", name="Drop it").click()
    await expect(told[n]).to_be_hidden()


async def test_an_older_answer_does_not_hide_what_was_kept_since(place: Place) -> None:
    _, number, office = await mine(place)
    home = await place.sit(f"/desk/cases/{number}", undo=30)
    asked, kept_since = asyncio.Event(), asyncio.Event()

    async def slow(route: Any) -> None:
        if route.request.method != "GET":
            await route.continue_()
            return
        answer = await route.fetch()
        asked.set()
        await kept_since.wait()
        await route.fulfill(response=answer)

    await home.route("**/draft", slow)
    await office.fill("#reply", "words from the office")
    await asyncio.wait_for(asked.wait(), 20)
    await home.fill("#reply", "words from home")
    await is_kept(place, number, "words from home")
    await expect(home.locator("#other")).to_contain_text("words from the office", timeout=WAIT)
    async with home.expect_response(lambda answer: answer.url.endswith("/draft") and answer.request.method == "GET"):
        kept_since.set()
    await home.locator("#other").get_by_role("button", name="Use that").click()
    await is_kept(place, number, "words from the office")


async def test_what_never_got_to_the_desk_is_here_still(place: Place) -> None:
    _, number, page = await mine(place)
    await page.route("**/draft", lambda route: route.abort())
    await page.locator("#reply").fill("written in a tunnel")
    await expect(page.locator("#saved")).to_have_text("Kept in this browser", timeout=WAIT)
    assert await kept(place, number) == ""
    await page.unroute("**/draft")
    await page.reload()
    await expect(page.locator("#reply")).to_have_value("written in a tunnel")
    await is_kept(place, number, "written in a tunnel")


async def test_a_note_and_a_reply_never_meet(place: Place) -> None:
    _, number, page = await mine(place)
    await page.keyboard.press("n")
    await page.keyboard.type("she is our largest customer")
    await expect(page.locator("#saved")).to_have_text("Draft saved", timeout=WAIT)
    home = await place.sit(f"/desk/cases/{number}", undo=30)
    await expect(home.locator("#note")).to_have_value("she is our largest customer")
    await expect(home.locator("#reply")).to_have_value("")
    assert await kept(place, number) == ""


async def test_others_see_who_writes_a_note(place: Place) -> None:
    _, number = await waiting(place)
    mia = await place.sit(f"/desk/cases/{number}", "Mia Okafor")
    jon = await place.sit(f"/desk/cases/{number}", "Jon Berg")
    await jon.keyboard.press("n")
    await jon.keyboard.type("hm")
    await expect(mia.locator("#typing")).to_have_text("Jon Berg is writing a note", timeout=WAIT)


async def test_nobody_is_kept_out(place: Place) -> None:
    _, _, page = await mine(place)
    await send(page, "Wait for it.")
    await expect(page.locator(HELD)).to_be_visible(timeout=WAIT)
    await keeps_nobody_out(page)
