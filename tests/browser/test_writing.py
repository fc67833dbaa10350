"""Saved replies and files where an answer is written: by keys, by drop and paste, on a phone."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.access import keeps_nobody_out
from tests.browser.conftest import Place
from tests.house import AgentClient, Customer, until

WAIT = 20_000
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""One point, as base64."""


async def mine(place: Place, **how: Any) -> tuple[Customer, str, Page]:
    """A claimed case before its agent."""
    customer = place.at.customer()
    await customer.write("the whole site is down", name="Ana Ruiz")
    found = re.search(r"W-\d+", (await customer.hears("acknowledgement"))["text"])
    assert found is not None
    page = await place.sit(f"/desk/cases/{found[0]}", **how)
    await page.click("#act-claim")
    await expect(page.locator("#main")).to_have_attribute("data-standing", "mine", timeout=WAIT)
    return customer, found[0], page


async def saved(place: Place, title: str, body: str, **more: Any) -> AgentClient:
    """Everybody's; those of other tests are put away."""
    await place.at.sql("UPDATE macro SET archived_at = 0")
    mia = await place.at.agent("Sam", "supervisor")
    await mia.done("macros", {"title": title, "body": body, "whose": "all", **more})
    return mia


async def says(customer: Customer) -> list[str]:
    return [line["text"] for line in await customer.read()]


async def test_a_saved_reply_by_keys_alone(place: Place) -> None:
    sam = await saved(place, "Restart", "Hi {name}, please restart it. {agent}, {company}", shortcut="re")
    await sam.done("macros", {"title": "Other", "body": "Something else", "whose": "all"})
    customer, number, page = await mine(place)
    await page.keyboard.press("r")
    await page.keyboard.type("Hello. /")
    find = page.locator("#macro-find")
    await expect(find).to_be_focused()
    await expect(page.locator("#macro-list [role=option]")).to_have_count(2, timeout=WAIT)
    await expect(find).to_have_attribute("aria-expanded", "true")
    await keeps_nobody_out(page)
    await page.keyboard.press("ArrowDown")
    second = await page.locator("#macro-list [aria-selected=true]").get_attribute("id")
    assert await find.get_attribute("aria-activedescendant") == second
    await page.keyboard.type("re")
    await expect(page.locator("#macro-list [aria-selected=true]")).to_contain_text("Restart")
    await page.keyboard.press("Enter")
    text = "Hello. Hi Ana, please restart it. Mia Okafor, Harbour Hosting"
    await expect(page.locator("#reply")).to_have_value(text)
    await expect(page.locator("#reply")).to_be_focused()
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".msg.agent", has_text="please restart it")).to_be_visible(timeout=WAIT)
    assert text in await says(customer)
    offered = (await sam.get(f"cases/{number}/macros"))["macros"]
    assert [(macro["title"], macro["uses"]) for macro in offered] == [("Restart", 1), ("Other", 0)]
    assert not page.faults  # type: ignore[attr-defined]


async def test_a_slash_that_means_a_slash(place: Place) -> None:
    await saved(place, "Restart", "Please restart it.")
    _, _, page = await mine(place)
    await page.keyboard.press("r")
    for typed, closes in (("and / or", None), (" /etc/hosts", "Escape"), (" /x", "Tab")):
        await page.keyboard.type(typed)
        if closes:
            await expect(page.locator("#macro-find")).to_be_focused()
            await page.keyboard.press(closes)
        await expect(page.locator("#macro-box")).to_be_hidden()
        await expect(page.locator("#reply")).to_be_focused()
    await expect(page.locator("#reply")).to_have_value("and / or /etc/hosts /x")
    await page.keyboard.type(" http://a")
    await expect(page.locator("#macro-box")).to_be_hidden()
    await page.keyboard.press("n")


async def test_a_gap_stops_the_send_until_it_is_filled(place: Place) -> None:
    await saved(place, "Time", "You hear from us by {by}.")
    customer, _, page = await mine(place)
    await page.fill("#reply", "I am looking.")  # what was promised is kept with it
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".msg.agent", has_text="I am looking.")).to_be_visible(timeout=WAIT)
    await page.click("#act-macro")
    await page.locator("#macro-list [role=option]").first.click()
    await expect(page.locator("#reply")).to_have_value("You hear from us by {by}.")
    await expect(page.locator("#toast")).to_contain_text("Fill the gap {by}")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#halt-h")).to_have_text("Fill the gap {by} first.", timeout=WAIT)
    await expect(page.locator("#halt-h")).to_be_focused()
    assert not any("You hear from us" in text for text in await says(customer))
    await page.get_by_role("button", name="Go to it").click()
    await page.keyboard.type("14:40")  # over the gap, which is selected
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".msg.agent", has_text="by 14:40.")).to_be_visible(timeout=WAIT)
    assert "You hear from us by 14:40." in await says(customer)


async def test_what_is_saved_for_this_tier_stands_beside_the_case(place: Place) -> None:
    await saved(place, "While it is down", "Use the mirror, {name}.", tier="outage")
    _, _, page = await mine(place)
    await page.get_by_role("button", name="Insert While it is down").click()
    await expect(page.locator("#reply")).to_have_value("Use the mirror, Ana.")


async def test_files_go_with_the_reply(place: Place) -> None:
    customer, _, page = await mine(place)
    await page.set_input_files("#file-choose", [
        {"name": "facts.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 facts"},
        {"name": "invoice.exe", "mimeType": "application/pdf", "buffer": b"harmless"},
    ])  # fmt: skip
    chips = page.locator("#files-reply li")
    await expect(chips.locator("a")).to_have_text("facts.pdf", timeout=WAIT)
    await expect(page.locator("#file-fault-reply")).to_have_text("invoice.exe is a program; it was not kept.")
    await expect(chips).to_have_count(1)
    await keeps_nobody_out(page)
    await page.reload()  # what was added is not lost with the page
    await expect(chips.locator("a")).to_have_text("facts.pdf", timeout=WAIT)
    await page.keyboard.press("r")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#saved")).to_have_text("Write a line with it")
    await page.keyboard.type("Here it is.")
    await page.keyboard.press("Control+Enter")
    message = page.locator(".msg.agent", has_text="Here it is.")
    await expect(message.locator(".file a")).to_contain_text("facts.pdf", timeout=WAIT)
    await expect(chips).to_have_count(0)
    (line,) = [line for line in await customer.read() if line.get("files")]
    assert [file["name"] for file in line["files"]] == ["facts.pdf"]
    assert not page.faults  # type: ignore[attr-defined]


async def test_a_pasted_picture_stays_with_its_note_and_can_be_removed(place: Place) -> None:
    customer, _, page = await mine(place, **PHONE)
    await page.click("#tab-note")
    paste = """([id, data, words]) => {
      const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0))
      const carried = new DataTransfer()
      carried.items.add(new File([bytes], "image.png", {type: "image/png"}))
      if (words) carried.setData("text/plain", words)
      document.getElementById(id).dispatchEvent(
        new ClipboardEvent("paste", {clipboardData: carried, bubbles: true, cancelable: true}))
    }"""
    await page.evaluate(paste, ["note", PNG, "a cell"])  # of a table: its words are meant
    await page.evaluate(paste, ["note", PNG, ""])
    await page.evaluate(paste, ["note", PNG, ""])
    chips = page.locator("#files-note li")
    await expect(chips.locator("a")).to_have_count(2, timeout=WAIT)
    await chips.first.get_by_role("button", name="Remove image.png").click()
    await expect(chips).to_have_count(1)
    await expect(chips.first.get_by_role("button")).to_be_focused()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.fill("#note", "see the picture")
    await page.click("#send-note")
    await expect(page.locator(".msg.note .file img")).to_be_visible(timeout=WAIT)
    assert not any(line.get("files") for line in await customer.read())


async def test_what_is_dropped_anywhere_is_added_and_the_page_stays(place: Place) -> None:
    _, _, page = await mine(place)
    drop = """name => {
      const carried = new DataTransfer()
      carried.items.add(new File(["words"], name, {type: "text/plain"}))
      const event = new DragEvent("drop", {dataTransfer: carried, bubbles: true, cancelable: true})
      document.getElementById("log").dispatchEvent(event)
      return event.defaultPrevented
    }"""
    assert await page.evaluate(drop, "a\u202etxt.txt")
    await expect(page.locator("#files-reply li a")).to_have_text("atxt.txt", timeout=WAIT)
    await expect(page.locator("#reply")).to_be_focused()


@pytest.mark.parametrize("status", [0, 503])
async def test_a_file_that_did_not_arrive_stops_the_reply(place: Place, status: int) -> None:
    customer, _, page = await mine(place)
    fails = True

    async def gate(route: Any) -> None:
        if fails and route.request.method == "POST":
            await (route.abort() if status == 0 else route.fulfill(status=status, body="{}"))
        else:
            await route.continue_()

    await page.route("**/files?*", gate)
    file: Any = {"name": "facts.txt", "mimeType": "text/plain", "buffer": b"facts"}
    await page.set_input_files("#file-choose", [file])
    chip = page.locator("#files-reply li")
    await expect(chip).to_contain_text("did not arrive", timeout=WAIT)
    await page.fill("#reply", "Here.")
    await page.click("#send-reply")
    await expect(page.locator("#halt-text")).to_contain_text("A file did not arrive. Try it again, or remove it.")
    assert "Here." not in await says(customer)
    fails = False
    await page.get_by_role("button", name="Edit").click()
    await chip.get_by_role("button", name="Try again").click()
    await expect(chip.locator("a")).to_have_text("facts.txt", timeout=WAIT)
    await page.click("#send-reply")
    await expect(page.locator(".msg.agent .file a")).to_contain_text("facts.txt", timeout=WAIT)


async def test_saved_replies_are_written_changed_searched_and_archived(place: Place) -> None:
    await place.at.sql("UPDATE macro SET archived_at = 0")
    page = await place.sit("/desk/macros", name="Sam Supervisor", role="supervisor")
    await expect(page.locator(".empty-line")).to_contain_text("Nothing is saved yet.")
    await page.get_by_label("Title").fill("<b>Refund</b>")
    await page.get_by_label("Words").fill("Dear {surname}, ")
    await page.get_by_role("button", name="{name} the customer's first name").click()
    await expect(page.get_by_label("Words")).to_be_focused()
    await page.get_by_label("For whom").select_option("all")
    await page.get_by_role("button", name="Save reply").click()
    await expect(page.locator("#macro-fault")).to_contain_text("{surname}, which nothing can fill", timeout=WAIT)
    await page.get_by_label("Words").fill("Hi {name}, it is on its way.")
    await page.get_by_role("button", name="Save reply").click()
    row = page.locator("#macro-rows li")
    await expect(row.locator("h3")).to_have_text("<b>Refund</b>", timeout=WAIT)
    await expect(row).to_contain_text("Everybody’s · not used yet · last changed by Sam Supervisor")
    await expect(page.locator("#write-h")).to_be_focused()
    await keeps_nobody_out(page)
    await page.get_by_label("Search saved replies").fill("nothing like it")
    await expect(page.locator("#macro-none")).to_be_visible()
    await page.get_by_label("Search saved replies").fill("REFUND way")
    await expect(row).to_be_visible()
    await row.get_by_role("button", name="Change").click()
    await expect(page.locator("#write-h")).to_contain_text("Change “<b>Refund</b>”", timeout=WAIT)
    await expect(page.get_by_label("For whom")).to_have_value("all")
    await page.get_by_label("Title").fill("Refund")
    await page.keyboard.press("Enter")
    await expect(row.locator("h3")).to_have_text("Refund", timeout=WAIT)
    await row.get_by_role("button", name="Archive").click()
    await expect(page.locator(".empty-line")).to_be_visible(timeout=WAIT)
    await page.click("#toast-undo")
    await expect(row.locator("h3")).to_have_text("Refund", timeout=WAIT)
    await expect(row.get_by_role("button", name="Change")).to_be_focused()
    assert not page.faults  # type: ignore[attr-defined]


async def test_a_colleague_reads_saved_replies_and_writes_none(place: Place) -> None:
    await saved(place, "Shared", "Hi {name}")
    page = await place.sit("/desk/macros", name="Kim Colleague", role="colleague", **PHONE)
    await expect(page.locator("#macro-rows h3")).to_have_text("Shared")
    await expect(page.locator("#macro-form")).to_have_count(0)
    await expect(page.get_by_role("button", name="Archive")).to_have_count(0)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await keeps_nobody_out(page)


async def test_a_short_article_is_inserted_with_its_words_and_a_long_one_as_a_link(place: Place) -> None:
    _, number, page = await mine(place)
    pages = {page.slug: page for page in place.at.house.shelf.pages()}
    sections = [(page, section) for page in pages.values() for section in page.sections]
    short = next(one for one in sections if one[1].anchor and 0 < len(one[1].text.plain()) <= 600)
    long = next((one for one in sections if len(one[1].text.plain()) > 600), None)
    offered = [
        {"slug": page.slug, "anchor": section.anchor, "title": page.title, "section": section.heading, "score": 1.0}
        for page, section in filter(None, (short, long))
    ]
    context = (await place.at.sql('SELECT context FROM "case" WHERE id = :id', id=int(number[2:]) - 1000))[0][0]
    await place.at.sql(
        'UPDATE "case" SET context = :context WHERE id = :id',
        context=json.dumps({**json.loads(context or "{}"), "articles": offered}), id=int(number[2:]) - 1000,
    )  # fmt: skip
    await page.reload()
    await page.click("#first-insert")
    link = f"“{short[0].title}”: "
    await expect(page.locator("#reply")).to_have_value(
        re.compile("^" + re.escape(short[1].text.plain() + "\n\n" + link))
    )
    if long is not None:
        await page.fill("#reply", "")
        await page.locator('[data-act="insert"]').nth(1).click()
        await expect(page.locator("#reply")).to_have_value(re.compile("^" + re.escape(f"“{long[0].title}”: http")))


async def test_a_reply_that_left_unheard_is_not_doubled_by_loading_the_page_again(place: Place) -> None:
    customer, _, page = await mine(place)
    heard = False

    async def gate(route: Any) -> None:
        if not heard:
            await route.fetch()  # it arrives; only the answer is lost
            await route.abort()
        else:
            await route.continue_()

    await page.route("**/reply", gate)
    await page.set_input_files("#file-choose", [{"name": "a.txt", "mimeType": "text/plain", "buffer": b"facts"}])
    await expect(page.locator("#files-reply li a")).to_have_text("a.txt", timeout=WAIT)
    await page.fill("#reply", "Once only.")
    await page.click("#send-reply")
    await expect(page.locator("#halt-h")).to_contain_text("cannot be reached", timeout=WAIT)
    heard = True
    await page.reload()
    await expect(page.locator("#reply")).to_have_value("Once only.")
    await expect(page.locator("#files-reply li")).to_have_count(0)
    await page.click("#send-reply")
    await expect(page.locator("#reply")).to_have_value("", timeout=WAIT)
    assert (await says(customer)).count("Once only.") == 1


async def test_words_that_left_are_no_draft_when_a_page_that_went_posts_them_late(place: Place) -> None:
    customer, number, page = await mine(place)

    async def gate(route: Any) -> None:
        left = await route.fetch()
        await page.evaluate(
            """([number, text]) => fetch(`/api/v1/cases/${number}/draft`, {
          method: "PUT", headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ mode: "reply", text, version: 0, page: "gone" }) })""",
            [number, "Once only."],
        )
        await route.fulfill(response=left)

    await page.route("**/reply", gate)
    await page.fill("#reply", "Once only.")
    async with page.expect_response(lambda answer: answer.url.endswith("/draft") and answer.request.method == "PUT"):
        await page.click("#send-reply")
    await expect(page.locator(".msg.agent", has_text="Once only.")).to_be_visible(timeout=WAIT)

    async def dropped() -> bool:
        query = "SELECT version FROM draft WHERE case_id = :id AND text = ''"
        return bool(await place.at.sql(query, id=int(number[2:]) - 1000))

    await until(dropped)
    await expect(page.locator("#reply")).to_have_value("")
    assert (await says(customer)).count("Once only.") == 1


async def test_a_file_that_left_from_another_window_is_not_waited_for(place: Place) -> None:
    _, _, page = await mine(place)
    await page.set_input_files("#file-choose", [{"name": "a.txt", "mimeType": "text/plain", "buffer": b"facts"}])
    await expect(page.locator("#files-reply li a")).to_have_text("a.txt", timeout=WAIT)
    await place.at.sql("DELETE FROM upload")
    await page.fill("#reply", "See here.")
    await page.click("#send-reply")
    await expect(page.locator("#halt-text")).to_contain_text("A file of this message is gone", timeout=WAIT)
    await expect(page.locator("#files-reply li")).to_have_count(0)
    await page.click("#send-reply")
    await expect(page.locator(".msg.agent", has_text="See here.")).to_be_visible(timeout=WAIT)
