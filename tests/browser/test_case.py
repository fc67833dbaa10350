"""A case in a browser: two people and a customer, keys only, a phone, and what must never happen to a note."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.access import keeps_nobody_out
from tests.browser.conftest import Place
from tests.house import Customer

WAIT = 20_000
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
SMALL: dict[str, Any] = {"viewport": {"width": 320, "height": 640}}
TABLET: dict[str, Any] = {"viewport": {"width": 1000, "height": 700}}


async def waiting(place: Place, text: str = "the whole site is down", name: str = "Ana Ruiz") -> tuple[Customer, str]:
    customer = place.at.customer()
    await customer.write(text, name=name)
    told = await customer.hears("acknowledgement")
    found = re.search(r"W-\d+", told["text"])
    assert found is not None
    return customer, found[0]


async def texts(customer: Customer) -> list[str]:
    return [line["text"] for line in await customer.read()]


async def mine(place: Place, **how: Any) -> tuple[Customer, str, Page]:
    """A claimed case before its agent."""
    customer, number = await waiting(place)
    page = await place.sit(f"/desk/cases/{number}", **how)
    await page.click("#act-claim")
    await expect(page.locator("#main")).to_have_attribute("data-standing", "mine", timeout=WAIT)
    return customer, number, page


async def test_from_claim_to_survey(place: Place) -> None:
    customer, _, page = await mine(place)
    await expect(page.locator("#case-h")).to_be_focused()
    await expect(page.locator(".ev", has_text="claimed this case")).to_be_visible()
    await page.keyboard.press("r")
    await page.keyboard.type("We are on it.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".msg.agent", has_text="We are on it.")).to_be_visible(timeout=WAIT)
    await expect(page.locator("#reply")).to_be_focused()
    await expect(page.locator("#reply")).to_have_value("")
    assert "We are on it." in await texts(customer)
    await page.keyboard.press("Escape")
    await page.keyboard.press("e")
    await expect(page.locator("#pop-resolve .opt").first).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"/desk$"), timeout=WAIT)
    await expect(page.locator("#toast")).to_contain_text("is resolved", timeout=WAIT)
    assert (await customer.hears("survey"))["buttons"]
    assert any("there is a way around it" in text for text in await texts(customer))
    await page.click("#toast-undo")
    await page.wait_for_url(re.compile("/desk/cases/"), timeout=WAIT)
    await expect(page.locator("#main")).to_have_attribute("data-standing", "mine")


async def test_a_note_looks_other_and_never_leaves(place: Place) -> None:
    customer, number, page = await mine(place)
    look = "node => [getComputedStyle(node).borderTopStyle, getComputedStyle(node).backgroundColor]"
    reply = await page.locator("#composer").evaluate(look)
    await page.keyboard.press("n")
    note = await page.locator("#composer").evaluate(look)
    assert (reply[0], note[0]) == ("solid", "dashed")
    assert reply[1] != note[1]
    await expect(page.locator(".composer .to")).to_contain_text("Ana never sees this")
    await expect(page.locator("#send-reply")).to_be_hidden()
    await page.keyboard.type("just between us")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".msg.note", has_text="just between us")).to_be_visible(timeout=WAIT)
    await expect(page.locator("#note")).to_be_focused()
    await expect(page.locator("#composer")).to_have_class(re.compile("isnote"))
    assert "just between us" not in await texts(customer)
    await page.reload()
    await expect(page.locator("#composer")).to_have_class(re.compile("isnote"))  # it never switches by itself
    lea = await place.at.agent()
    assert [row["kind"] for row in (await lea.case(number))["transcript"]].count("note") == 1


async def test_a_reply_that_has_not_read_everything_is_stopped(place: Place) -> None:
    customer, _, page = await mine(place)
    await page.keyboard.press("r")
    await page.keyboard.type("Is it better now?")
    await customer.write("wait, it is only the mail")
    await page.wait_for_timeout(150)
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#halt-h")).to_contain_text("wrote while you were writing. Read it first.", timeout=WAIT)
    await expect(page.locator("#halt-h")).to_be_focused()
    await expect(page.locator("#halt-text")).to_contain_text("wait, it is only the mail")
    await expect(page.locator("#reply")).to_have_value("Is it better now?")
    assert "Is it better now?" not in await texts(customer)
    await page.get_by_role("button", name="Send anyway").click()
    await expect(page.locator(".msg.agent", has_text="Is it better now?")).to_be_visible(timeout=WAIT)
    assert (await texts(customer)).count("Is it better now?") == 1


async def test_what_was_read_is_no_reason_to_stop(place: Place) -> None:
    customer, _, page = await mine(place)
    await customer.write("it is only the mail")
    await expect(page.locator(".msg.cust", has_text="it is only the mail")).to_be_visible(timeout=WAIT)
    await page.wait_for_timeout(1600)
    await page.keyboard.press("r")
    await page.keyboard.type("Thank you.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".msg.agent", has_text="Thank you.")).to_be_visible(timeout=WAIT)


async def test_two_people_at_one_case(place: Place) -> None:
    _, number = await waiting(place)
    mia = await place.sit(f"/desk/cases/{number}", "Mia Okafor")
    jon = await place.sit(f"/desk/cases/{number}", "Jon Berg")
    await expect(mia.locator("#readers")).to_contain_text("Jon Berg is reading", timeout=WAIT)
    await jon.keyboard.press("n")
    await jon.keyboard.type("I know this one")
    await mia.click("#act-claim")
    await expect(jon.locator("#news")).to_contain_text("Mia Okafor took this case just now.", timeout=WAIT)
    await expect(jon.locator("#act-claim")).to_have_count(0)
    await expect(jon.locator("#note")).to_be_focused()
    await expect(jon.locator("#note")).to_have_value("I know this one")
    await expect(jon.locator("#reply")).to_have_attribute("placeholder", re.compile("Mia Okafor has this case"))
    await jon.keyboard.press("Control+Enter")
    await expect(mia.locator(".msg.note", has_text="I know this one")).to_be_visible(timeout=WAIT)


async def test_drafts_survive(place: Place) -> None:
    _, _, page = await mine(place)
    await page.keyboard.press("r")
    await page.keyboard.type("half an answer")
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await page.keyboard.type("half a note")
    await page.reload()
    await expect(page.locator("#note")).to_have_value("half a note")
    await page.keyboard.press("r")
    await expect(page.locator("#reply")).to_have_value("half an answer")
    await page.context.clear_cookies()
    await page.keyboard.press("Control+Enter")
    await page.wait_for_url(re.compile("sign-in"), timeout=WAIT)
    kept = await page.evaluate("Object.values(localStorage).join()")
    assert "half an answer" in kept
    assert "half a note" in kept


async def test_sent_once_over_a_bad_line(place: Place) -> None:
    customer, number, page = await mine(place)
    sent: list[str] = []

    async def lose(route: Route) -> None:
        sent.append(route.request.headers["idempotency-key"])
        if len(sent) <= 3:
            await route.fetch()  # it arrives; the answer does not
            await route.abort()
        else:
            await route.continue_()

    await page.route(f"**/api/v1/cases/{number}/reply", lose)
    await page.keyboard.press("r")
    await page.keyboard.type("only once, please")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#halt-h")).to_contain_text("Not sent", timeout=WAIT)
    await page.get_by_role("button", name="Send again").click()
    await expect(page.locator("#reply")).to_have_value("", timeout=WAIT)
    assert len(set(sent)) == 1
    assert (await texts(customer)).count("only once, please") == 1


async def test_release_and_reopen(place: Place) -> None:
    _, number, page = await mine(place)
    await page.keyboard.press("Shift+C")
    await expect(page.locator("#act-claim")).to_be_visible(timeout=WAIT)
    await page.wait_for_timeout(500)
    lea = await place.at.agent()
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/resolve", {"outcome": "solved"})
    await expect(page.locator("#act-reopen")).to_be_visible(timeout=WAIT)
    await expect(page.locator("#news")).to_contain_text("resolved just now")
    await page.click("#act-reopen")
    await expect(page.locator("#main")).to_have_attribute("data-standing", "mine", timeout=WAIT)
    await expect(page.locator("#case-h")).to_be_focused()


async def test_snooze_correct_and_transfer(place: Place) -> None:
    await place.at.agent("Zoe")
    _, _, page = await mine(place)
    await page.keyboard.press("s")
    told = page.locator("#pop-snooze .sub")
    await expect(told).to_have_text(re.compile(r"^Ana waits for an answer by (\w{3} )?\d\d:\d\d\. Reply first\.$"))
    await expect(told).to_be_focused()
    await expect(page.locator("#pop-snooze .opt")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(page.locator("#act-snooze")).to_be_focused()
    await page.keyboard.press("w")
    await expect(page.locator("#correct-tier")).to_be_focused()
    await page.locator("#correct-tier").select_option("problem")
    await page.get_by_role("button", name="Correct", exact=True).click()
    await expect(page.locator(".casehead .tier.problem")).to_be_visible(timeout=WAIT)
    await page.keyboard.press("a")
    await page.locator("#pop-assign .opt", has_text="Zoe").click()
    await expect(page.locator("#main")).to_have_attribute("data-standing", "theirs", timeout=WAIT)
    await expect(page.locator(".held-by")).to_contain_text("Zoe has it")


async def test_the_log_follows_only_at_its_end(place: Place) -> None:
    customer, _, page = await mine(place)
    lea = await place.at.agent()
    number = await page.locator("#main").get_attribute("data-case")
    for turn in range(15):
        await lea.done(f"cases/{number}/note", {"text": f"note {turn}\n\n\n"})
    await expect(page.locator(".msg.note")).to_have_count(15, timeout=WAIT)
    await page.locator("#log").evaluate("node => { node.scrollTop = 0 }")
    await page.wait_for_timeout(100)
    await customer.write("are you there?")
    await expect(page.locator("#newer")).to_have_text("1 new message ↓", timeout=WAIT)
    assert await page.locator("#log").evaluate("node => node.scrollTop") == 0
    await page.click("#newer")
    await expect(page.locator("#newer")).to_be_hidden()
    await expect(page.locator(".msg.cust", has_text="are you there?")).to_be_in_viewport()


async def test_older_messages_come_above_and_nothing_moves(place: Place) -> None:
    _, number = await waiting(place)
    lea = await place.at.agent()
    for turn in range(70):
        await lea.done(f"cases/{number}/note", {"text": f"note {turn}"})
    page = await place.sit(f"/desk/cases/{number}")
    first = page.locator("#log article").first
    key = await first.get_attribute("id")
    await page.locator("#log").evaluate("node => { node.scrollTop = 0 }")
    before = await page.locator(f"#{key}").bounding_box()
    await page.click("#older button")  # it leaves, and the day's line comes above
    await expect(page.locator("#m-1")).to_have_count(1, timeout=WAIT)
    after = await page.locator(f"#{key}").bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 3
    assert await page.locator("#older").count() == 0
    assert await page.locator(".ev.day").count() == 1
    numbers = await page.locator("#log article").evaluate_all("nodes => nodes.map(node => Number(node.dataset.seq))")
    assert numbers == sorted(set(numbers))


async def test_hostile_words_do_nothing(place: Place) -> None:
    evil = '"><img src=x onerror="document.title=1"><script>document.title=1</script>'
    customer, number = await waiting(place, f"the site is down {evil}", name=evil)
    page = await place.sit(f"/desk/cases/{number}")
    await customer.write(f"more {evil}")
    await expect(page.locator(".msg.cust")).to_have_count(2, timeout=WAIT)
    await page.click("#act-claim")
    await page.keyboard.press("r")
    await page.keyboard.type("hm")
    await customer.write(f"again {evil}")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_timeout(500)
    assert await page.title() != "1"
    assert await page.locator("#main img, #main script").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_keeps_people_out(place: Place, scheme: Any) -> None:
    customer, _, page = await mine(place, color_scheme=scheme)
    await customer.write("see https://example.com/ please")
    await expect(page.locator(".msg.cust")).to_have_count(2, timeout=WAIT)
    for press in (None, "n", "e", "w"):
        if press:
            await page.keyboard.press("Escape")
            await page.keyboard.press(press)
            await page.wait_for_timeout(200)
        await keeps_nobody_out(page)


@pytest.mark.parametrize(
    "how", [PHONE, {"viewport": {"width": 320, "height": 640}}, {"viewport": {"width": 1000, "height": 700}}]
)
async def test_narrow(place: Place, how: dict[str, Any]) -> None:
    _, _, page = await mine(place, **how)
    wide = how["viewport"]["width"] > 760
    for part in ("talk", "context", "customer"):
        if not wide:
            await page.click(f'.switch [data-part="{part}"]')
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if wide:
        await page.keyboard.press("d")
        await expect(page.locator("#card")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("#card")).to_be_hidden()
        return
    await expect(page.locator("#card")).to_be_visible()
    await page.click('.switch [data-part="talk"]')
    send = await page.locator("#send-reply").bounding_box()
    assert send is not None
    assert send["height"] >= 44
    assert send["y"] + send["height"] <= how["viewport"]["height"]
    await page.click("#act-more")
    await page.locator("#pop-more").get_by_role("button", name="Snooze…").click()
    await expect(page.locator("#pop-snooze")).to_be_visible()


@pytest.mark.parametrize("how", [PHONE, SMALL])
async def test_what_is_resolved_says_when(place: Place, how: dict[str, Any]) -> None:
    _, number, page = await mine(place, **how)
    await page.click("#act-resolve")
    await page.locator("#pop-resolve .opt").first.click()
    await page.wait_for_url(lambda url: number not in url, timeout=WAIT)  # to the next of one's own, or the queue
    await page.goto(f"{place.url}/desk/cases/{number}")
    said = page.locator(".casehead .due b")
    await expect(said).to_contain_text("Resolved")
    cut = "node => { node.firstElementChild.textContent = 'Resolved 28 Sep 11:38'; return [node, node.parentElement]"
    whole = (
        f"{cut}.every(part => part.scrollWidth <= part.clientWidth && part.scrollHeight <= part.clientHeight + 1) }}"
    )
    assert await said.evaluate(whole)


async def test_paper_has_no_notes(place: Place) -> None:
    _, _, page = await mine(place)
    await page.keyboard.press("n")
    await page.keyboard.type("not on paper")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".msg.note")).to_be_visible(timeout=WAIT)
    await page.emulate_media(media="print")
    await expect(page.locator(".msg.note")).to_be_hidden()
    await expect(page.locator(".msg.cust")).to_be_visible()
    await expect(page.locator("#composer")).to_be_hidden()


async def test_no_letter_acts_in_a_field(place: Place) -> None:
    _, number = await waiting(place)
    page = await place.sit(f"/desk/cases/{number}")
    await page.keyboard.press("n")
    await page.keyboard.type("crane")
    await page.keyboard.press("Control+c")
    await asyncio.sleep(0.3)
    await expect(page.locator("#main")).to_have_attribute("data-standing", "unclaimed")
    await expect(page.locator("#note")).to_have_value("crane")


async def test_who_writes_is_seen(place: Place) -> None:
    customer, number, page = await mine(place)
    conversation = await place.at.conversation(customer)
    live = place.at.house.frame.live
    await live.signal("typing", conversation=conversation)
    await expect(page.locator("#typing")).to_have_text("Ana is typing", timeout=WAIT)
    await customer.write("here it is")
    await expect(page.locator(".msg.cust", has_text="here it is")).to_be_visible(timeout=WAIT)
    await expect(page.locator("#typing")).to_be_hidden()
    signals: list[str] = []
    page.on("request", lambda asked: signals.append(asked.post_data or "") if "/desk/signal" in asked.url else None)
    await page.keyboard.press("n")
    await page.keyboard.type("of this nobody hears")
    await page.keyboard.press("Escape")
    assert not [signal for signal in signals if "typing" in signal]
    await page.keyboard.press("r")
    async with page.expect_request(lambda asked: "typing" in (asked.post_data or ""), timeout=WAIT):
        await page.keyboard.type("of this the customer does")
    assert [signal for signal in signals if "typing" in signal] == [f'{{"kind":"typing","case":"{number}"}}']


async def test_seen_is_said_in_place(place: Place) -> None:
    customer, _, page = await mine(place)
    await page.keyboard.press("r")
    await page.keyboard.type("Look at this.")
    await page.keyboard.press("Control+Enter")
    state = page.locator(".msg.agent .state")
    await expect(state).to_have_text("Sent", timeout=WAIT)
    conversation = await place.at.conversation(customer)
    await place.at.sql(
        "UPDATE conversation SET seen_seq = next_seq - 1, seen_at = 1700000000000000 WHERE id = :id", id=conversation
    )
    await place.at.house.frame.live.publish([conversation], [])
    await expect(state).to_have_text("Seen 22:13", timeout=WAIT)


async def test_news_put_no_reply_into_a_note(place: Place) -> None:
    customer, _, page = await mine(place)
    await page.keyboard.press("n")
    await page.keyboard.press("Escape")
    await customer.write("one more thing")
    await expect(page.locator(".msg.cust", has_text="one more thing")).to_be_visible(timeout=WAIT)
    await expect(page.locator("#note")).to_be_visible()
    await expect(page.locator("#reply")).to_be_hidden()


async def test_what_comes_after_a_claim_stands_after_it(place: Place) -> None:
    customer, _, page = await mine(place)
    conversation = await place.at.conversation(customer)
    await place.at.sql(
        "UPDATE conversation SET seen_seq = next_seq - 1, seen_at = 1700000000000000 WHERE id = :id", id=conversation
    )
    await place.at.house.frame.live.publish([conversation], [])
    notice = page.locator(".msg", has_text="is mine now")
    await expect(notice.locator(".state")).to_contain_text("Seen", timeout=WAIT)
    await customer.write("are you there?")
    await expect(page.locator(".msg.cust", has_text="are you there?")).to_be_visible(timeout=WAIT)
    shown = await page.locator("#log article").evaluate_all("all => all.map(one => Number(one.dataset.seq))")
    assert shown == sorted(shown)


async def test_a_file_that_was_not_kept_is_no_link(place: Place) -> None:
    customer, number = await waiting(place)
    conversation = await place.at.conversation(customer)
    await place.at.sql(
        "INSERT INTO attachment (message_id, name, media_type, size, reference, created_at) "
        "SELECT id, 'invoice.exe', 'application/pdf', 3000, 'refused:program', 0 FROM message "
        "WHERE conversation_id = :id AND seq = 1", id=conversation,
    )  # fmt: skip
    page = await place.sit(f"/desk/cases/{number}")
    await expect(page.locator(".msg.cust .file")).to_have_text("invoice.exe 3 kB, not kept")
    assert await page.get_by_role("link", name="invoice.exe").count() == 0
