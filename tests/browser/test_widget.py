"""The chat as a customer has it: every promise of it in a real browser, with networks cut and desks killed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Error, Locator, Page, Route, expect
from pydantic import SecretStr

from tests.browser.access import keeps_nobody_out
from tests.house import AgentClient, Desk, desk, served, until

Window = Callable[..., Any]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


pytestmark = pytest.mark.browser


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Desk, str]]:
    """A desk on a port of its own, with the demo's front page and a way to write answers to an address."""
    mail = {"smtp_url": SecretStr("smtp://127.0.0.1:9"), "mail_from": "help@harbour.example"}
    async with desk(tmp_path_factory.mktemp("home"), **mail) as at, served(at.house) as url:
        yield at, url


@pytest_asyncio.fixture(loop_scope="session")
async def window(browser: Browser) -> AsyncIterator[Callable[..., Any]]:
    """`async with window(390, 844) as context`: a private window. What its pages complain of fails the test."""
    faults: list[str] = []

    @asynccontextmanager
    async def open_(width: int = 1280, height: int = 800, **more: Any) -> AsyncIterator[BrowserContext]:
        context = await browser.new_context(viewport={"width": width, "height": height}, **more)
        context.set_default_timeout(20_000)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        try:
            yield context
        finally:
            await context.close()

    yield open_
    assert not faults


class Chat:
    """The chat on one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.panel = page.locator("warmline-chat .panel")
        self.field = page.locator("warmline-chat textarea")
        self.stand = page.locator("warmline-chat .stand")

    async def open(self, url: str) -> Chat:
        await self.page.goto(url)
        await self.page.locator("warmline-chat .launcher").click()
        await expect(self.panel).to_be_visible()
        await expect(self.panel.locator(".company")).to_have_text("Harbour Hosting")
        return self

    async def write(self, text: str) -> None:
        await self.field.fill(text)
        await self.field.press("Enter")
        await expect(self.own(text).first).to_be_visible()

    def own(self, text: str) -> Locator:
        return self.panel.locator(".line.own", has_text=text)

    def button(self, label: str) -> Locator:
        return self.panel.locator(".lines .buttons button", has_text=re.compile(f"^{label}$"))

    async def case(self) -> str:
        number = self.stand.locator("b").first
        await expect(number).to_have_text(re.compile(r"W-\d+"))
        return await number.inner_text()


async def chat(context: BrowserContext, url: str) -> Chat:
    return await Chat(await context.new_page()).open(url)


async def test_a_question_is_answered_with_buttons(open_desk: tuple[Desk, str], window: Window) -> None:
    _, url = open_desk
    async with window() as context:
        one = await chat(context, url)
        await expect(one.field).to_be_focused()
        await keeps_nobody_out(one.page)
        await one.write("How do I add a DNS record?")
        answer = one.panel.locator(".line.bot").first
        await expect(answer.locator("ol > li").first).to_be_visible()
        source = answer.locator("a[href*='/help/']")
        assert await source.get_attribute("rel") == "noopener noreferrer nofollow"
        await keeps_nobody_out(one.page)
        await one.button("Yes").click()
        await expect(one.button("Yes")).to_have_attribute("aria-pressed", "true")
        for label in ("Yes", "No", "Talk to a person"):
            await expect(one.button(label)).to_be_disabled()
        await expect(one.own("Yes")).to_have_count(1)
        await one.page.reload()
        await expect(one.button("Yes")).to_have_attribute("aria-pressed", "true")
        await expect(one.button("No")).to_be_disabled()


async def test_from_alarm_to_survey(open_desk: tuple[Desk, str], window: Window) -> None:
    """A case with its number and place; the agent types and answers live; an address; solved; how was it."""
    at, url = open_desk
    mia = await at.agent("Mia")
    async with window() as context:
        one = await chat(context, url)
        await one.write("everything is down")
        number = await one.case()
        await expect(one.stand).to_contain_text(re.compile(r"number \d+ in line|waiting"))
        await expect(one.panel.locator(".handed")).to_have_text("Handed to people")
        await expect(one.panel.get_by_role("button", name="Talk to a person")).to_be_hidden()

        address = one.panel.locator("form.email")
        await expect(address).to_be_visible()
        await keeps_nobody_out(one.page)
        await address.locator("input").fill("nonsense")
        await address.get_by_role("button", name="Save").click()
        await expect(address.locator(".fault")).to_contain_text("is not an address")
        await address.locator("input").fill("ana@example.com")
        await address.locator("input").press("Enter")
        await expect(one.panel.locator(".reach")).to_contain_text("a•••@example.com")
        await expect(one.field).to_be_focused()

        await mia.done(f"cases/{number}/claim")
        await expect(one.stand).to_contain_text("Mia has it")
        conversation = (await mia.case(number))["conversation"]["id"]
        await at.house.house._live.signal("typing", conversation=conversation, by="agent", name="Mia")
        await expect(one.panel.locator(".typing")).to_contain_text("Mia is typing")
        await mia.done(f"cases/{number}/reply", {"text": "It is <b>back</b>. See https://status.example/x?a=1&b=2."})
        reply = one.panel.locator(".line.agent:not(.typing)")
        await expect(reply).to_contain_text("It is <b>back</b>.")
        assert await reply.locator("a").get_attribute("href") == "https://status.example/x?a=1&b=2"
        await expect(one.panel.locator(".typing")).to_have_count(0)

        async def seen() -> bool:
            row = (await at.sql("SELECT seen_seq, next_seq FROM conversation WHERE id = :id", id=conversation))[0]
            return bool(row[0] == row[1] - 1)

        await until(seen)
        await mia.done(f"cases/{number}/resolve", {"outcome": "solved"})
        await expect(one.stand).to_contain_text("closed")
        await keeps_nobody_out(one.page)
        await one.button("Good").click()
        await expect(one.button("Good")).to_have_attribute("aria-pressed", "true")
        await expect(one.panel.locator(".lines")).to_contain_text("That is all we needed")


async def test_reload_and_two_tabs(open_desk: tuple[Desk, str], window: Window) -> None:
    at, url = open_desk
    lea = await at.agent("Lea")
    async with window() as context:
        one = await chat(context, url)
        await one.write("the shop is broken")
        number = await one.case()
        await one.field.fill("half a sent")
        two = Chat(await context.new_page())
        await two.page.goto(url)
        await two.page.locator("warmline-chat .launcher").click()
        await expect(two.own("the shop is broken")).to_have_count(1)
        await two.write("from the second tab")
        await expect(one.own("from the second tab")).to_have_count(1)
        await lea.done(f"cases/{number}/claim")
        await lea.done(f"cases/{number}/reply", {"text": "I read both of you."})
        for tab in (one, two):
            await expect(tab.panel.locator(".line.agent")).to_contain_text("I read both of you.")
        streams = await asyncio.gather(*(tab.page.evaluate(OPEN_STREAMS) for tab in (one, two)))
        assert sorted(streams) == [0, 1], "one connection for both"
        await one.page.close()  # it held the connection
        await lea.done(f"cases/{number}/reply", {"text": "And now to the one that is left."})
        await expect(two.panel.locator(".line.agent").last).to_contain_text("the one that is left")
        await two.page.reload()
        await expect(two.panel.locator(".line.own")).to_have_count(2)
        await expect(two.panel.locator(".line.agent")).to_have_count(2)
        assert [await line.get_attribute("data-seq") for line in await two.panel.locator("[data-seq]").all()] == sorted(
            {row["seq"] for row in await lines_of(at, number, lea)}, key=int
        )


OPEN_STREAMS = """async () => {
  const panel = await document.querySelector("warmline-chat").load();
  return panel.talk.stream.source ? 1 : 0;
}"""


async def lines_of(at: Desk, number: str, agent: AgentClient) -> list[dict[str, Any]]:
    rows = (await agent.case(number))["transcript"]
    return [{"seq": str(row["seq"])} for row in rows if row["direction"] != "note"]


async def test_the_draft_is_kept(open_desk: tuple[Desk, str], window: Window) -> None:
    _, url = open_desk
    async with window() as context:
        one = await chat(context, url)
        await one.panel.get_by_role("button", name="A question about a bill").click()
        await expect(one.field).to_have_value("About my bill: ")
        await one.field.press_sequentially("why 9")
        await one.field.press("Shift+Enter")
        await one.page.reload()
        await expect(one.field).to_have_value("About my bill: why 9\n")


async def test_offline_then_online_sends_once(open_desk: tuple[Desk, str], window: Window) -> None:
    at, url = open_desk
    async with window() as context:
        one = await chat(context, url)
        await one.write("florp")
        await one.case()
        await context.set_offline(True)
        await one.write("written in a tunnel")
        await one.write("and a second line")
        await expect(one.panel.locator(".offline")).to_have_text("Reconnecting")
        await expect(one.own("written in a tunnel")).to_contain_text("sent once we are connected")
        await expect(one.own("in a tunnel")).to_have_class(re.compile("waiting"))
        await context.set_offline(False)
        await expect(one.panel.locator(".offline")).to_be_hidden()
        await expect(one.panel.locator(".line.own.waiting")).to_have_count(0)
        rows = await at.sql(
            "SELECT body FROM message WHERE body IN ('written in a tunnel', 'and a second line') ORDER BY id"
        )
        assert [row[0] for row in rows] == ["written in a tunnel", "and a second line"]
        await expect(one.own("written in a tunnel")).to_have_count(1)


async def test_two_tabs_on_a_bad_line(open_desk: tuple[Desk, str], window: Window) -> None:
    """The line comes and goes, and every third answer is lost on its way: each message once, in the order written."""
    _, url = open_desk
    dice = random.Random(4)
    async with window() as context:
        tabs = [await chat(context, url), await chat(context, url)]
        await tabs[0].write("everything is down")
        await expect(tabs[1].own("everything is down")).to_have_count(1)
        count = itertools.count(1)

        async def lose(route: Route) -> None:
            with contextlib.suppress(Error):  # the browser may give a request up by itself meanwhile
                if next(count) % 3:
                    await route.continue_()
                    return
                with contextlib.suppress(Error):
                    await route.fetch()  # the desk has it; the customer never hears so
                await route.abort()

        await context.route("**/api/web/messages", lose)
        sent = [f"line {number:02}" for number in range(12)]
        for number, text in enumerate(sent):
            await context.set_offline(number % 4 in (1, 2))
            await dice.choice(tabs).write(text)
        await context.set_offline(False)
        await context.unroute("**/api/web/messages")
        for tab in tabs:
            await expect(tab.panel.locator(".line.own[data-seq]")).to_have_count(len(sent) + 1, timeout=30_000)
            written = await tab.panel.locator(".line.own .bubble").all_inner_texts()
            assert [text.strip() for text in written[1:]] == sent
            await expect(tab.panel.locator(".line.own.waiting")).to_have_count(0)


async def test_an_answer_that_broke_off_loses_no_conversation(open_desk: tuple[Desk, str], window: Window) -> None:
    """The desk has taken it and says so, but only half of its answer arrives: as when the page is just being left."""
    _, url = open_desk
    async with window() as context:
        one = await chat(context, url)
        count = itertools.count(1)

        async def half(route: Route) -> None:
            taken = await route.fetch()
            whole = await taken.body()
            broken = whole[: len(whole) // 2] if next(count) % 2 else whole
            await route.fulfill(status=taken.status, content_type="application/json", body=broken)

        await context.route("**/api/web/messages", half)
        await one.write("everything is down")
        number = await one.case()
        await one.write("and it is getting worse")
        await expect(one.panel.locator(".line.own[data-seq]")).to_have_count(2)
        await one.page.reload()
        assert await one.case() == number
        await expect(one.panel.locator(".line.own[data-seq]")).to_have_count(2)
        await expect(one.panel.locator(".line.own.waiting")).to_have_count(0)
        assert next(count) > 3, "no answer broke off"


async def test_a_message_written_offline_survives_a_reload(open_desk: tuple[Desk, str], window: Window) -> None:
    at, url = open_desk
    async with window() as context:
        one = await chat(context, url)
        await one.write("florp")
        await one.case()
        await context.route("**/api/web/**", lambda route: route.abort())  # the desk is gone, the website is not
        await one.write("nobody hears me yet")
        await one.page.reload()
        await expect(one.own("nobody hears me yet")).to_have_count(1)
        await context.unroute("**/api/web/**")
        await expect(one.panel.locator(".line.own.waiting")).to_have_count(0)
        assert len(await at.sql("SELECT id FROM message WHERE body = 'nobody hears me yet'")) == 1


async def test_what_is_refused_says_why(open_desk: tuple[Desk, str], window: Window) -> None:
    _, url = open_desk
    refusal = {"error": {"code": "x", "message": "That cannot be taken. Change it."}}
    async with window() as context:
        one = await chat(context, url)
        await context.route("**/api/web/messages", lambda route: route.fulfill(status=422, json=refusal))
        await one.write("hello there")
        failed = one.own("hello there")
        await expect(failed).to_contain_text("That cannot be taken. Change it.")
        await context.unroute("**/api/web/messages")
        await failed.get_by_role("button", name="Not sent. Try again").click()
        await expect(one.panel.locator(".line.own.failed")).to_have_count(0)
        await expect(one.own("hello there")).to_contain_text("Sent")


async def test_a_file_that_is_refused_is_not_tried_again(open_desk: tuple[Desk, str], window: Window) -> None:
    _, url = open_desk
    async with window() as context:
        one = await chat(context, url)
        chooser = one.panel.locator("input[type=file]")
        await chooser.set_input_files({"name": "big.png", "mimeType": "image/png", "buffer": PNG + bytes(10_000_000)})
        told = one.panel.locator(".told")
        await expect(told).to_have_text("big.png is over 10 MB. Send a smaller one, or a link.")
        await chooser.set_input_files(
            {"name": "run.exe", "mimeType": "application/octet-stream", "buffer": b"MZ\x90\0"}
        )
        await one.field.press("Enter")
        failed = one.panel.locator(".line.own.failed")
        await expect(failed).to_contain_text("run.exe did not arrive: it is a program.")
        await expect(failed.get_by_role("button")).to_have_text(["Discard"])
        await failed.get_by_role("button", name="Discard").click()
        await expect(failed).to_have_count(0)


async def test_files(open_desk: tuple[Desk, str], window: Window) -> None:
    at, url = open_desk
    async with window() as context:
        one = await chat(context, url)
        chooser = one.panel.locator("input[type=file]")
        await chooser.set_input_files(
            [
                {"name": "screen.png", "mimeType": "image/png", "buffer": PNG},
                {"name": "run.exe", "mimeType": "application/octet-stream", "buffer": b"MZ\x90\0"},
                {"name": "oops.txt", "mimeType": "text/plain", "buffer": b"x"},
            ]
        )
        await expect(one.panel.locator(".files li")).to_have_count(3)
        await one.panel.get_by_role("button", name="Remove oops.txt").click()
        await one.write("this is broken")
        line = one.own("this is broken")
        await expect(line.locator(".refused")).to_contain_text("run.exe did not: it is a program")
        picture = line.locator("img")
        await expect(picture).to_have_attribute("alt", "Picture: screen.png")
        assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1
        assert len(await at.sql("SELECT id FROM attachment WHERE content IS NOT NULL AND name = 'screen.png'")) == 1
        await keeps_nobody_out(one.page)


async def test_by_keyboard_alone(open_desk: tuple[Desk, str], window: Window) -> None:
    _, url = open_desk
    async with window() as context:
        page = await context.new_page()
        await page.goto(url)
        launcher = page.locator("warmline-chat .launcher")
        await launcher.wait_for()
        await launcher.focus()
        await page.keyboard.press("Enter")
        one = Chat(page)
        await expect(one.field).to_be_focused()
        await page.keyboard.type("How do I add a DNS record?")
        await page.keyboard.press("Enter")
        await expect(one.button("No")).to_be_enabled()
        for _ in range(12):
            await page.keyboard.press("Shift+Tab")
            if await one.button("No").evaluate("button => button.getRootNode().activeElement === button"):
                break
        await page.keyboard.press("Enter")
        await expect(one.button("No")).to_have_attribute("aria-pressed", "true")
        await one.case()
        await page.keyboard.press("Escape")
        await expect(one.panel).to_be_hidden()
        await expect(launcher).to_be_focused()
        assert await page.evaluate("document.activeElement.localName") == "warmline-chat"


async def test_on_a_phone_it_holds_the_focus(open_desk: tuple[Desk, str], window: Window) -> None:
    """It covers the page, so it is a modal dialog; made wide again, it is beside the page."""
    _, url = open_desk
    inside = "document.activeElement.localName === 'warmline-chat' && !document.activeElement.inert"
    async with window(390, 844, has_touch=True) as context:
        one = await chat(context, url)
        await one.write("everything is down")
        number = await one.case()
        await expect(one.panel).to_have_attribute("aria-modal", "true")
        page = one.page
        for key in ["Tab"] * 12 + ["Shift+Tab"] * 14:
            await page.keyboard.press(key)
            assert await page.evaluate(inside), key
        behind = "[...document.body.children].filter(node => !node.matches('warmline-chat'))"
        assert await page.evaluate(f"{behind}.every(node => node.inert)")
        await one.panel.evaluate("panel => { panel.scrollTop = 99 }")
        await page.mouse.wheel(0, 300)
        assert await one.panel.evaluate("panel => [panel.scrollTop, panel.getBoundingClientRect().top]") == [0, 0]
        told = one.panel.locator(".line .no", has_text=number).first
        assert await told.evaluate("node => node.getClientRects().length") == 1
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("Escape")
        await expect(one.panel).to_be_hidden()
        await expect(page.locator("warmline-chat .launcher")).to_be_focused()
        assert not await page.evaluate("document.querySelectorAll('[inert]').length")
        assert await page.evaluate("document.documentElement.style.overflow") == ""
        await page.keyboard.press("Enter")
        await expect(one.panel).to_have_attribute("aria-modal", "true")
        await page.set_viewport_size({"width": 1000, "height": 800})
        await expect(one.panel).to_have_attribute("aria-modal", "false")
        assert not await page.evaluate("document.querySelectorAll('[inert]').length")


async def test_nobody_is_back_on_monday_who_answers_now(open_desk: tuple[Desk, str], window: Window) -> None:
    at, url = open_desk
    zoe = await at.agent("Zoe")
    async with window(390, 844, has_touch=True) as context:

        async def closed(route: Route) -> None:
            about = await (await route.fetch()).json()
            await route.fulfill(json={**about, "open": False, "opens": "Monday 09:00 UTC"})

        await context.route("**/api/web/about", closed)
        one = await chat(context, url)
        hours = one.panel.locator(".hours")
        await expect(hours).to_have_text("We are back Monday 09:00 UTC")
        await zoe.get("me")
        await asyncio.sleep(1.05)  # who is on duty is asked once a second; only then is a time promised
        await one.write("everything is down")
        number = await one.case()
        await expect(one.stand.locator(".until")).to_be_visible()
        await expect(hours).to_have_text("")
        await zoe.done(f"cases/{number}/claim")
        await expect(hours).to_have_text("Zoe answers here")
        await one.panel.get_by_role("button", name="Close the chat").click()
        await zoe.done(f"cases/{number}/reply", {"text": "Here I am."})
        await one.page.reload()
        await expect(one.page.locator("warmline-chat .launcher b")).to_have_text("1")
        await expect(one.panel).to_be_hidden()
        await one.page.locator("warmline-chat .launcher").click()
        await zoe.done(f"cases/{number}/resolve", {"outcome": "solved"})
        await expect(hours).to_have_text("We are back Monday 09:00 UTC")


async def test_unread_while_closed(open_desk: tuple[Desk, str], window: Window) -> None:
    at, url = open_desk
    jon = await at.agent("Jon")
    async with window() as context:
        one = await chat(context, url)
        await one.write("the cart is broken")
        number = await one.case()
        await one.panel.get_by_role("button", name="Close the chat").click()
        await jon.done(f"cases/{number}/claim")
        await jon.done(f"cases/{number}/reply", {"text": "Here I am."})
        launcher = one.page.locator("warmline-chat .launcher")
        await expect(launcher).to_have_attribute("aria-label", "Open the chat, 2 new")
        assert (await one.page.title()).startswith("(2) ")
        await one.page.reload()
        await expect(launcher).to_have_attribute("aria-label", "Open the chat, 2 new")
        await launcher.click()
        await expect(one.panel.locator(".line.agent")).to_be_in_viewport()
        await expect(launcher).to_have_attribute("aria-label", "Open the chat")
        assert not (await one.page.title()).startswith("(")


@pytest.mark.parametrize(
    ("width", "height", "more"),
    [
        (390, 844, {"has_touch": True, "is_mobile": True}),
        (320, 568, {"color_scheme": "dark", "has_touch": True}),
        (1280, 800, {"color_scheme": "dark", "reduced_motion": "reduce"}),
        (1280, 800, {"forced_colors": "active"}),
    ],
)
async def test_sizes_and_colours(
    open_desk: tuple[Desk, str], window: Window, width: int, height: int, more: dict[str, Any]
) -> None:
    _, url = open_desk
    async with window(width, height, **more) as context:
        page = await context.new_page()
        await page.goto(url)
        await keeps_nobody_out(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways scroll"
        one = await Chat(page).open(url)
        await one.write("everything is down " + "w" * 300)
        await one.case()
        await keeps_nobody_out(page)
        box = await one.panel.bounding_box()
        assert box is not None
        if width <= 480:
            assert (box["x"], box["width"], round(box["height"])) == (0, width, height), "the whole screen"
            for button in await one.panel.get_by_role("button").all():
                if await button.is_visible():
                    size = await button.bounding_box()
                    assert size is not None
                    assert size["height"] >= 44, await button.inner_text()
            assert await one.field.evaluate("field => parseFloat(getComputedStyle(field).fontSize)") >= 16
        wide = "list => list.scrollWidth <= list.clientWidth"
        assert await one.panel.locator(".lines").evaluate(wide)


async def test_on_another_website(tmp_path: Path, window: Window) -> None:
    """A page with a strict policy and rude styles, somewhere else, by plain HTTP."""
    page_there: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(page_there[0])
        await writer.drain()
        writer.close()

    website = await asyncio.start_server(answer, "127.0.0.1", 0)
    shop = f"http://127.0.0.1:{website.sockets[0].getsockname()[1]}"
    async with website, desk(tmp_path, allowed_origins=shop) as at, served(at.house) as url, window() as context:
        policy = f"default-src 'none'; script-src {url}; connect-src {url}; img-src {url}; style-src 'unsafe-inline'"
        html = f"""<!doctype html><html lang="en"><title>Shop</title>
          <style>* {{ all: unset !important; color: red !important; font: 40px serif !important }}</style>
          <script async src="{url}/widget.js" data-position="left" data-name="Ana"></script><body><h1>Shop</h1>
          <button data-warmline-open data-warmline-text="About order 7: ">Ask</button>"""
        head = ("HTTP/1.1 200 OK", "Content-Type: text/html", f"Content-Security-Policy: {policy}", "Connection: close")
        page_there.append("\r\n".join((*head, "", html)).encode())
        page = await context.new_page()
        await page.goto(shop)
        await page.wait_for_selector("html.warmline-ready", state="attached")
        await page.get_by_role("button", name="Ask").click()
        one = Chat(page)
        await expect(one.field).to_have_value("About order 7: ")
        await one.write("the shop is broken")
        await one.case()
        assert (await at.sql("SELECT name FROM customer"))[0][0] == "Ana"
        box = await one.panel.bounding_box()
        assert box is not None
        assert box["x"] < 100, "on the left"
        colour = await one.panel.evaluate("panel => getComputedStyle(panel).color")
        assert colour == "rgb(34, 29, 23)", "the website's styles stay outside"


# --- killed ----------------------------------------------------------------------------------------


def _start(home: Path, port: int) -> subprocess.Popen[bytes]:
    code = (
        "import bot.app, sys\n"
        "from tests.house import fake_mind\n"
        "bot.app.load_mind = lambda settings, progress=None: fake_mind()\n"
        "from bot.cli import main\n"
        "sys.argv = ['warmline', 'run']\n"
        "main()\n"
    )
    settings = {"HOME": str(home), "PORT": str(port), "HOURS": "always", "QUIET_SECONDS": "0", "WEB_RATE_LIMIT": "0"}
    environment = {**os.environ, **{f"WARMLINE_{name}": value for name, value in settings.items()}}
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


async def _up(url: str) -> None:
    async with httpx.AsyncClient() as http:

        async def answers() -> bool:
            try:
                return (await http.get(f"{url}/healthz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(answers, within=60)


async def test_the_desk_is_killed_and_comes_back(tmp_path: Path, window: Window) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    running = _start(tmp_path, port)
    try:
        await _up(url)
        async with window() as context:
            one = await chat(context, url)
            await one.write("the checkout is broken")
            number = await one.case()
            running.send_signal(signal.SIGKILL)
            running.wait()
            await one.write("written while nobody was there")
            await expect(one.panel.locator(".offline")).to_contain_text("Reconnecting")
            await expect(one.panel.locator(".offline")).to_contain_text(
                re.compile(r"Not connected since \d\d:\d\d"), timeout=15_000
            )
            running = _start(tmp_path, port)
            await _up(url)
            await expect(one.panel.locator(".offline")).to_be_hidden(timeout=20_000)
            await expect(one.panel.locator(".line.own.waiting")).to_have_count(0)
            await expect(one.panel.locator(".line.own")).to_have_count(2)
            assert await one.case() == number
            await one.page.reload()
            await expect(one.panel.locator(".line.own")).to_have_count(2)
    finally:
        running.kill()
        running.wait()
