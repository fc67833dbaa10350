"""The queue in a browser: it is live, nothing moves under a hand, keys do all, and everybody can use it."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from bot.web.desk import events
from bot.web.desk.due import due_of
from store import offers
from tests.browser.access import keeps_nobody_out
from tests.browser.conftest import Place
from tests.house import desk, served, until

WAIT = 20_000
HOUSE = 1
"""Streams that the house has for itself: it listens for who types."""
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SMALL: dict[str, Any] = {"viewport": {"width": 320, "height": 640}}
TWICE: dict[str, Any] = {"viewport": {"width": 720, "height": 450}, "device_scale_factor": 2}
DARK: dict[str, Any] = {"color_scheme": "dark"}
PICTURES = os.environ.get("WARMLINE_PICTURES")
"""A folder; with it these tests leave pictures there."""


@pytest_asyncio.fixture(loop_scope="session")
async def place(browser: Browser, tmp_path: Path) -> AsyncIterator[Place]:
    """A desk of its own for each test: a queue is what is in it."""
    async with desk(tmp_path) as at, served(at.house) as url:
        yield Place(at, url, browser)
        for context in browser.contexts:
            await context.close()


async def waiting(place: Place, name: str, text: str = "this is broken", *, due: float | None = None) -> str:
    """The number of a new case, due after so many minutes."""
    customer = place.at.customer()
    await customer.write(text, name=name)
    told = await customer.hears("acknowledgement")
    found = re.search(r"W-\d+", told["text"])
    assert found is not None
    if due is not None:
        await move(place, found[0], due)
    return found[0]


async def move(place: Place, number: str, minutes: float) -> None:
    """Another deadline, with the news of it."""
    id_ = int(number[2:]) - 1000
    by = int((datetime.now(UTC) + timedelta(minutes=minutes)).timestamp() * 1e6)
    await place.at.sql('UPDATE "case" SET deadline = :by, sort_at = :by WHERE id = :id', by=by, id=id_)
    await place.at.house.frame.live.publish([], [id_])


async def queue(place: Place, path: str = "/desk", **how: Any) -> Page:
    page = await place.sit(path, **how)
    await expect(page.locator("#link")).to_have_text("Live", timeout=WAIT)
    await connected(place, page)
    return page


async def connected(place: Place, page: Page) -> None:
    """Until its stream is open: the house has somebody who listens."""

    async def look() -> bool:
        return len(place.at.house.frame.live._feeds) > HOUSE

    await until(look)


async def order(page: Page) -> list[str]:
    found: list[str] = await page.evaluate("[...document.querySelectorAll('.row')].map(row => row.dataset.case)")
    return found


def fine(page: Page) -> bool:
    faults: list[str] = page.faults  # type: ignore[attr-defined]
    return faults == []


# --- live ------------------------------------------------------------------------------------------


async def test_a_new_case_is_there_soon_after_its_commit(place: Place) -> None:
    page = await queue(place)
    await expect(page.get_by_text("Nobody has written yet")).to_be_visible()
    number = await waiting(place, "Priya Nair", "Hello. All of it is down.")  # returns after the commit
    row = page.locator(f'.row[data-case="{number}"]')
    await expect(row).to_be_visible(timeout=WAIT)
    await expect(row.locator("mark")).to_have_text("All of it is down.")
    await expect(row.get_by_role("link")).to_have_accessible_name(f"Outage, 5 min, Priya Nair, Web, {number}")
    await expect(page.locator('#sum [data-n="waiting"]')).to_have_text("1")
    await expect(page.locator('.filters [data-n="waiting"]')).to_have_text("1")
    await expect(page.locator(".nav .n")).to_contain_text("1")
    await move(place, number, -3)
    await expect(page.locator(".tabbar em").first).to_have_text("1 late", timeout=WAIT)
    await expect(page).to_have_title(re.compile("^Queue, 1 late · "))
    assert fine(page)


async def test_nothing_moves_under_the_pointer(place: Place) -> None:
    first, second = await waiting(place, "First", due=20), await waiting(place, "Second", due=40)
    page = await queue(place)
    await page.locator(f'[data-case="{second}"]').hover()
    before = await page.locator(f'[data-case="{second}"]').bounding_box()
    sooner = await waiting(place, "Sooner", due=5)
    held = page.get_by_role("button", name="Show 1 sooner")
    await expect(held).to_be_visible(timeout=WAIT)
    assert await order(page) == [first, second]
    assert await page.locator(f'[data-case="{second}"]').bounding_box() == before
    await expect(page.locator('#sum [data-n="waiting"]')).to_have_text("3")  # numbers are told at once
    await page.keyboard.press(".")
    await expect(held).to_be_hidden()
    assert await order(page) == [sooner, first, second]


async def test_what_was_held_comes_when_the_hand_has_gone(place: Place) -> None:
    await waiting(place, "First", due=20)
    page = await queue(place)
    await page.locator(".row").hover()
    sooner = await waiting(place, "Sooner", due=5)
    await expect(page.locator("#held")).to_be_visible(timeout=WAIT)
    row = page.locator(f'[data-case="{sooner}"]')
    await page.evaluate(
        """(selector) => {
      const now = () => performance.now()
      const seen = () => { if (document.querySelector(selector)?.checkVisibility()) window.cameAt ??= now() }
      new MutationObserver(seen).observe(document.body, { subtree: true, childList: true, attributes: true })
      addEventListener("pointermove", () => { window.wentAt = now() }, true)
    }""",
        f'[data-case="{sooner}"]',
    )
    await page.mouse.move(100, 400)
    await expect(row).to_be_visible(timeout=WAIT)
    assert await page.evaluate("cameAt - wentAt") > 2_900, "three seconds, not less"


@pytest.mark.parametrize("how", [{"viewport": {"width": 1440, "height": 500}}, PHONE], ids=["desk", "phone"])
async def test_the_first_visible_row_stays_where_it_is(place: Place, how: dict[str, Any]) -> None:
    for n in range(14):
        await waiting(place, f"Customer {n}", due=20 + n)
    page = await queue(place, **how)
    settled = asyncio.Event()

    async def ask(route: Route) -> None:
        await settled.wait()  # it comes at once to its place, never having been drawn anywhere else
        await route.continue_()

    await page.route("**/desk/queue/rows?*", ask)
    await page.evaluate("document.querySelector('#list').scrollTop = 200")
    look = """() => { const list = document.querySelector('#list').getBoundingClientRect();
      const row = [...document.querySelectorAll('.row')].find(row => row.getBoundingClientRect().top > list.top);
      return [row.dataset.case, Math.round(row.getBoundingClientRect().top)] }"""
    number, top = await page.evaluate(look)
    sooner = await waiting(place, "Sooner", "this is broken " * 40, due=5)
    settled.set()
    await expect(page.locator(".row").first).to_have_attribute("data-case", sooner, timeout=WAIT)
    two_frames = "row => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(row))))"
    for _ in range(3):  # also when what was out of sight has been drawn, or not
        seen = page.locator(f'[data-case="{number}"]')
        await seen.evaluate(two_frames)
        assert await seen.evaluate("row => Math.round(row.getBoundingClientRect().top)") == top


@pytest.mark.parametrize("how", [{}, PHONE], ids=["desk", "phone"])
async def test_a_row_out_of_sight_is_taken_to_be_as_high_as_it_is(place: Place, how: dict[str, Any]) -> None:
    number = await waiting(place, "Ana", "this is broken " * 40, due=20)
    page = await queue(place, **how)
    row = page.locator(f'[data-case="{number}"]')
    drawn, taken = await row.evaluate("""row => { const drawn = row.getBoundingClientRect().height
      const copy = row.cloneNode(true)
      copy.style.contentVisibility = "hidden"
      row.after(copy)
      return [drawn, copy.getBoundingClientRect().height] }""")
    assert taken == drawn


async def test_what_somebody_took_is_grey_and_says_so_in_its_place(place: Place) -> None:
    numbers = [await waiting(place, name, due=20 + n) for n, name in enumerate("ABC")]
    page = await queue(place)
    await page.locator(f'[data-case="{numbers[0]}"]').hover()
    await (await place.at.agent("Jon")).done(f"cases/{numbers[1]}/claim")
    row = page.locator(f'[data-case="{numbers[1]}"]')
    await expect(row).to_have_class(re.compile("gone"), timeout=WAIT)
    await expect(row.locator(".own")).to_contain_text("Jon took it")
    await expect(row.get_by_role("button")).to_have_count(0)
    assert await order(page) == numbers
    await page.mouse.move(100, 400)
    await expect(row).to_have_count(0, timeout=WAIT)


async def test_who_reads_a_case_is_seen_by_the_others(place: Place) -> None:
    number = await waiting(place, "Ana")
    page = await queue(place)
    live = place.at.house.frame.live
    await live.signal("reading", conversation=0, about=1, by="agent", case=number, agent=99, name="Lea Fischer")
    await expect(page.locator(f'[data-case="{number}"] .own')).to_contain_text("Lea is reading", timeout=WAIT)
    assert fine(page)


async def test_the_word_for_a_deadline_follows_the_clock(place: Place) -> None:
    number = await waiting(place, "Ana", due=0.03)
    page = await queue(place)
    row = page.locator(f'[data-case="{number}"]')
    await expect(row.locator(".due b")).to_have_text("1 min late", timeout=WAIT)
    await expect(row.locator(".ring.late .bang")).to_have_count(1)


async def test_the_page_says_of_every_time_what_the_server_says(place: Place) -> None:
    page = await queue(place)
    now = datetime.now(UTC)
    cases = [
        {
            "status": "open",
            "deadline": now + timedelta(minutes=left),
            "unanswered_since": now - timedelta(minutes=since),
        }
        for left in (-3000, -61, -60, -4.5, -0.01, 0.01, 0.99, 1, 14.9, 15, 16, 59, 60, 80, 1439, 1440, 5000)
        for since in (0, 5, 300)
    ]
    script = page.locator("script[src*=queue]")
    address = (await script.get_attribute("src") or "").replace("queue.all", "clock")
    found = await page.evaluate(
        "async ([address, now, all]) => { const { look } = await import(address);"
        " return all.map(([at, since]) => Object.values(look(at, since, now))) }",
        [address, _ms(now), [[_ms(one["deadline"]), _ms(one["unanswered_since"])] for one in cases]],
    )
    said = [due_of(one, now) for one in cases]
    assert [one[:2] for one in found] == [[one.state, one.words] for one in said]
    assert all(abs(one[2] - other.left) <= 1 for one, other in zip(found, said, strict=True))


def _ms(moment: Any) -> float:
    return float(moment.timestamp() * 1000)


async def test_tabs_share_one_stream_and_the_next_takes_it_over(place: Place) -> None:
    first = await queue(place)
    second = await first.context.new_page()
    await second.goto(place.url + "/desk")
    await expect(second.locator("#link")).to_have_text("Live")
    number = await waiting(place, "Ana")
    for page in (first, second):
        await expect(page.locator(f'[data-case="{number}"]')).to_be_visible(timeout=WAIT)

    async def one() -> bool:
        return len(place.at.house.frame.live._feeds) == HOUSE + 1  # one that a page has left may end a little later

    await until(one, within=30)
    await first.close()
    other = await waiting(place, "Ben")
    await expect(second.locator(f'[data-case="{other}"]')).to_be_visible(timeout=WAIT)


async def test_a_lost_connection_is_said_and_made_good(place: Place) -> None:
    page = await queue(place)
    context = page.context
    await context.set_offline(True)
    place.at.house.frame.stop()  # the open stream ends, and no new one can be had
    await expect(page.locator("#link")).to_have_text("Reconnecting", timeout=WAIT)
    await expect(page.locator("#away")).to_contain_text("Not connected since", timeout=15000)
    await expect(page.locator("#asof")).to_contain_text("as of")
    number = await waiting(place, "Ana")
    place.at.house.frame.closing.clear()
    await context.set_offline(False)
    await expect(page.locator(f'[data-case="{number}"]')).to_be_visible(timeout=15000)
    await expect(page.locator("#link")).to_have_text("Live")
    await expect(page.locator("#away")).to_be_hidden()


async def test_who_is_signed_out_elsewhere_is_led_to_the_door(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BEAT", 0.1)
    page = await queue(place)
    await place.at.sql("DELETE FROM session")
    await expect(page.locator("#away")).to_contain_text("signed out", timeout=WAIT)
    await page.wait_for_url(re.compile("/desk/sign-in"), timeout=WAIT)


# --- taking ----------------------------------------------------------------------------------------


async def test_of_two_who_claim_one_wins_and_the_other_is_told(place: Place) -> None:
    number, other = await waiting(place, "Ana", due=5), await waiting(place, "Ben", due=50)
    mia, jon = await queue(place), await queue(place, name="Jon Berg")

    async def blind(route: Route) -> None:
        await route.abort()

    await mia.route("**/desk/queue/rows*", blind)  # she sees it late
    await jon.locator(f'[data-case="{number}"]').hover()
    await jon.get_by_role("button", name=f"Claim {number}").click()
    await jon.wait_for_url(re.compile(f"/desk/cases/{number}"), timeout=WAIT)
    await mia.locator(f'[data-case="{number}"]').hover()
    await mia.get_by_role("button", name=f"Claim {number}").click()
    await expect(mia.locator("#toast")).to_contain_text(f"Jon Berg took {number} just now.", timeout=WAIT)
    await expect(mia.locator(f'[data-case="{number}"]')).to_contain_text("Jon took it")
    await mia.locator("#toast").get_by_role("button", name="Take the next one").click()
    await mia.wait_for_url(re.compile(f"/desk/cases/{other}"), timeout=WAIT)


async def test_the_server_picks_the_next_one(place: Place) -> None:
    calm, urgent = await waiting(place, "Calm", due=2), await waiting(place, "Urgent", "it is down", due=4)
    page = await queue(place)
    assert await order(page) == [calm, urgent]
    await page.get_by_role("button", name="Take the next one").click()
    await page.wait_for_url(re.compile(f"/desk/cases/{urgent}"), timeout=WAIT)
    await expect(page.locator("#case-h")).to_be_focused()


async def test_nobody_waits_is_said(place: Place) -> None:
    page = await queue(place)
    await page.keyboard.press("t")
    await expect(page.locator("#toast")).to_contain_text("Nobody is waiting.")
    assert page.url.endswith("/desk")


# --- keys ------------------------------------------------------------------------------------------


async def test_the_queue_by_keys_alone(place: Place) -> None:
    numbers = [await waiting(place, name, due=20 + n) for n, name in enumerate("ABC")]
    page = await queue(place)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.evaluate("""() => {
      const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }))
      press("k")
      press("c")  // in the same moment: no slow machine can come between
    }""")
    second = page.locator(f'[data-case="{numbers[1]}"]')
    await expect(second.get_by_role("link")).to_be_focused()
    await expect(second).to_have_class(re.compile(r"\bon\b"))
    await page.wait_for_timeout(700)
    assert page.url.endswith("/desk"), "the row under the focus had just changed"
    await page.keyboard.press("c")
    await page.wait_for_url(re.compile(f"/desk/cases/{numbers[1]}"), timeout=WAIT)
    await page.keyboard.press("g")
    await page.keyboard.press("q")
    await page.wait_for_url(re.compile("/desk$"), timeout=WAIT)
    assert numbers[1] not in await order(page)
    await page.keyboard.press("g")
    await page.keyboard.press("m")
    await page.wait_for_url(re.compile("view=mine"), timeout=WAIT)
    assert await order(page) == [numbers[1]]


async def test_a_reply_or_a_note_begins_in_the_list(place: Place) -> None:
    number = await waiting(place, "Tina")
    page = await queue(place)
    for key, field in (("n", "Internal note"), ("r", "Reply")):
        await page.keyboard.press("j")
        await page.keyboard.press(key)
        await page.wait_for_url(re.compile(f"/desk/cases/{number}"), timeout=WAIT)
        await expect(page.get_by_role("tab", name=field)).to_have_attribute("aria-selected", "true")
        await expect(page.get_by_role("tabpanel", name=field).locator("textarea")).to_be_focused()
        await page.goto(f"{place.url}/desk")
        await expect(page.locator("#link")).to_have_text("Live", timeout=WAIT)


async def test_everyones_cases_are_one_list(place: Place) -> None:
    """Also those that others hold, with who holds them."""
    free, held = await waiting(place, "Free", due=50), await waiting(place, "Held", due=20)
    sam = await place.at.agent("Sam")
    await sam.done(f"cases/{held}/claim")
    page = await queue(place, "/desk?view=all")
    assert await order(page) == [held, free]
    await expect(page.locator(f'[data-case="{held}"] .own')).to_contain_text("Sam")
    await expect(page.locator('[data-n="all"]')).to_have_text("2")
    await sam.done(f"cases/{held}/resolve")
    await expect(page.locator('[data-n="all"]')).to_have_text("1", timeout=WAIT)


async def test_letters_are_text_in_fields_and_nothing_in_dialogs_or_with_modifiers(place: Place) -> None:
    await waiting(place, "Tina")
    page = await queue(place)
    await page.keyboard.press("/")
    await expect(page.locator("#search")).to_be_focused()
    await page.keyboard.type("tina")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("/desk/search.q=tina"), timeout=WAIT)
    await expect(page.locator(".folk")).to_contain_text("Tina")
    await page.goto(place.url + "/desk?q=tina")
    assert len(await order(page)) == 1
    for chord in ("Control+j", "Alt+j", "Meta+j"):
        await page.keyboard.press(chord)
    assert await page.evaluate("document.activeElement.closest('.row')") is None
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_visible()
    await expect(page.locator("#help-keys")).to_contain_text("Take the next one")
    await page.keyboard.press("t")
    assert "q=tina" in page.url
    await page.get_by_label("Letters work as keys").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    assert await page.evaluate("document.activeElement.closest('.row')") is None


async def test_a_filter_by_keys_and_the_way_back(place: Place) -> None:
    await waiting(place, "Ana", "it is down")
    page = await queue(place)
    await page.keyboard.press("f")
    await page.get_by_role("link", name="Billing", exact=True).focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("tier=billing"), timeout=WAIT)
    await expect(page.locator(".empty")).to_contain_text("No billing case waits")
    await page.get_by_role("link", name="Clear the filter").click()
    await page.wait_for_url(re.compile("/desk$"), timeout=WAIT)


async def test_more_of_a_long_queue_comes_by_a_button(place: Place) -> None:
    for n in range(53):
        customer = place.at.customer()
        await customer.write("this is broken", name=f"C{n}")
    await customer.hears("acknowledgement")
    page = await queue(place)
    await expect(page.locator(".row")).to_have_count(50)
    await page.get_by_role("button", name="Show more").click()
    await expect(page.locator(".row")).to_have_count(53, timeout=WAIT)
    await expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    assert len(set(await order(page))) == 53
    await expect(page.locator(".group")).to_have_count(1)


# --- for everybody ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{}, DARK, PHONE, {**PHONE, **DARK}, SMALL, TWICE], ids=str)
async def test_nothing_is_cut_and_axe_finds_nothing_serious(place: Place, how: dict[str, Any]) -> None:
    await waiting(place, "A name that is so long that it cannot stand in its place" * 2, "it is down " * 40, due=-4)
    await waiting(place, "مريم", "الموقع broken", due=9)
    await waiting(place, "+34 6•• ••• 418", "xyz", due=600)
    page = await queue(place, **how)
    await expect(page.locator(".row")).to_have_count(3)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    for selector in ("#next", ".row .tier", ".row .due"):
        for box in [await each.bounding_box() for each in await page.locator(selector).all()]:
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= how.get("viewport", {"width": 1440})["width"]
    await keeps_nobody_out(page)
    ids = await page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(ids) == len(set(ids))
    assert fine(page)


async def test_a_thumb_reaches_what_it_needs(place: Place) -> None:
    await waiting(place, "Ana", due=5)
    page = await queue(place, **PHONE)
    for locator in (page.locator("#next"), *(await page.locator(".tabbar > *").all()), page.locator(".chip").first):
        box = await locator.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    await page.get_by_role("button", name="More").click()
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.locator(".row .go").tap()
    await page.wait_for_url(re.compile("/desk/cases/"), timeout=WAIT)


async def test_a_first_visit_is_few_requests_and_the_next_is_one(place: Place) -> None:
    context = await place.sign_in()
    page = await context.new_page()
    made: list[str] = []
    page.on("request", lambda request: made.append(f"{request.method} {request.url.removeprefix(place.url)}"))
    await page.goto(place.url + "/desk")
    await connected(place, page)
    await page.wait_for_timeout(1000)
    assert len([one for one in made if "/desk/events" not in one]) <= 6, made
    assert sum("/desk/events" in one for one in made) == 1
    assert not any("rows" in one or "side" in one for one in made), "nothing has changed since the page was made"


async def test_colours_follow_a_setting(place: Place) -> None:
    page = await queue(place)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(ground)
    await page.keyboard.press("?")
    await page.get_by_label("Colours").select_option("dark")
    assert await page.evaluate(ground) != light
    await page.reload()
    assert await page.evaluate(ground) != light
    assert fine(page)


@pytest.mark.parametrize("how", [{}, {"viewport": {"width": 1000, "height": 700}}])
async def test_a_long_wait_keeps_clear_of_the_tier(place: Place, how: dict[str, Any]) -> None:
    number = await waiting(place, "Ana", due=-(23 * 60 + 48))
    page = await queue(place, **how)
    row = page.locator(f'[data-case="{number}"].row')
    await expect(row.locator(".due")).to_contain_text("23 h 48 late")
    time_, tier = await row.locator(".due").bounding_box(), await row.locator(".tier").bounding_box()
    assert time_ is not None
    assert tier is not None
    assert time_["x"] + time_["width"] + 8 <= tier["x"]


async def test_a_case_that_is_offered_is_seen_at_once_and_taken_with_one_press(place: Place) -> None:
    async with place.at.house.database.write("test") as connection:
        await offers.set_terms(connection, {"mode": "push", "claim_within": 600, "capacity": 5}, datetime.now(UTC))
    page = await queue(place)
    number = await waiting(place, "Nina", "the whole site is down")
    await expect(page.locator(".offer")).to_contain_text("Nina", timeout=WAIT)
    await keeps_nobody_out(page)
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / "offer.png"))
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.screenshot(path=str(Path(PICTURES) / "offer-phone.png"))
    await page.get_by_role("button", name=f"Take {number}").click()
    await page.wait_for_url(re.compile(f"/desk/cases/{number}"))


async def test_an_admin_switches_the_giving_out_of_work_on(place: Place) -> None:
    page = await place.sit("/desk/people", "Ada Giver", role="admin")
    form = page.locator("#assignment")
    await expect(form.locator("[name=capacity]")).to_have_value("5")
    await form.locator("[name=mode]").select_option("push")
    await form.get_by_label("Seconds to answer").fill("90")
    await form.get_by_role("button", name="Save").click()
    await expect(page.locator("#toast-words")).to_contain_text("asks people")
    await page.reload()
    await expect(form.locator("[name=claim_within]")).to_have_value("90")
    await expect(form.locator("[name=mode]")).to_have_value("push")
    await keeps_nobody_out(page)
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / "assignment.png"), full_page=True)
