"""The channels' page in a browser: how links stand is seen without colour, and what is stuck can be mended."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from store import standings
from store.standings import StateRow
from tests.browser.access import faults
from tests.browser.conftest import Place
from tests.house import desk, served, until
from tests.platforms.loopback import LoopbackPlatform
from tests.platforms.loopback_control import LoopbackControl

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SMALL: dict[str, Any] = {"viewport": {"width": 320, "height": 640}}
DARK: dict[str, Any] = {"color_scheme": "dark"}
PICTURES = os.environ.get("WARMLINE_PICTURES")
"""A folder; with it these tests leave pictures there."""
MEANT = "Discord withholds an intent: switch on MESSAGE CONTENT INTENT (developer portal, your application, Bot)."
TOKEN = (
    "Telegram does not accept the token of account main: take it from BotFather (/mybots > the bot > API Token) and "
    "set token of channel telegram."
)


@pytest_asyncio.fixture(loop_scope="session")
async def town(browser: Browser, tmp_path: Path) -> AsyncIterator[tuple[Place, LoopbackControl]]:
    async with LoopbackPlatform() as platform, LoopbackControl(platform.url) as control:
        table = {"use": "tests.platforms.loopback_channel:make", "url": platform.url, "token": "secret-main",
                 "retry_base": 0.02, "retry_cap": 0.1, "poll_wait": 2}  # fmt: skip
        async with desk(tmp_path, channels={"loop": table}) as at, served(at.house) as url:
            yield Place(at, url, browser), control
            for context in browser.contexts:
                await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def place(town: tuple[Place, LoopbackControl]) -> Place:
    return town[0]


@pytest_asyncio.fixture(loop_scope="session")
async def control(town: tuple[Place, LoopbackControl]) -> LoopbackControl:
    return town[1]


async def others(place: Place) -> None:
    """Accounts of a second process, each in another state, and one of a process that is gone."""
    now = datetime.now(UTC)
    common = {"limit": 1.0, "limit_in_place": 1.0, "sent_lately": 12}

    def row(channel: str, connected: str, *, ago: float = 3600, account: str = "main", **told: Any) -> StateRow:
        return StateRow(
            channel=channel, account=account, process="desk-2-4711-aaaa", connected=connected,
            since=now - timedelta(seconds=ago), told={**common, **told}, at=now + timedelta(minutes=5), stopped_at=None,
        )  # fmt: skip

    async with place.at.house.database.write("test") as connection:
        await standings.tell(connection, [
            row("slack", "yes", ago=90_000, called="@help in Acme", counts={"event reaction_added": 14}),
            row("discord", "partly", called="@Warmline", troubles=[MEANT], lease="discord:main:gateway"),
            row("telegram", "no", ago=300, troubles=[TOKEN], called="@acme_bot"),
        ])  # fmt: skip
        gone = row("slack", "yes", account="old-workspace")
        await standings.tell(connection, [replace(gone, at=now - timedelta(hours=2))])


async def letters(place: Place) -> None:
    """One of each kind of what did not arrive."""
    ana = place.at.customer()
    await ana.write("your whole site is down, name: <b>Ana</b>")
    await ana.hears("acknowledgement")
    conversation = await place.at.conversation(ana)
    for seq, (status, body, error) in enumerate([
        ("failed", "A person answers by 14:40.", "Telegram refused: the customer has blocked the bot."),
        ("parked", "Is it better now?", "Slack cannot be reached: ClientConnectorError (tried 6 times)"),
        ("unknown", "I have put the old record back, <script>alert(1)</script>", "No answer came back in time."),
    ]):  # fmt: skip
        await place.at.sql(
            "INSERT INTO message (conversation_id, seq, direction, author, author_name, kind, body, revision,"
            " created_at, status, attempts, error) VALUES (:id, :seq, 'out', 'agent', 'Lea', 'text', :body, 0, :now,"
            " :status, 6, :error)",
            id=conversation, seq=100 + seq, body=body, status=status, error=error,
            now=round(datetime.now(UTC).timestamp() * 1e6),
        )  # fmt: skip


async def poisoned(place: Place, control: LoopbackControl, count: int = 1) -> None:
    for number in range(count):
        await control.poison({"text": "\u202e<img src=x onerror=alert(1)>", "number": number})

    async def there() -> bool:
        return bool((await place.at.sql("SELECT count(*) FROM quarantine"))[0][0] == count)

    await until(there)


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png")
        height = await page.evaluate("document.querySelector('.scroll').scrollHeight + 80")
        size = page.viewport_size
        assert size is not None
        await page.set_viewport_size({"width": size["width"], "height": height})
        await page.screenshot(path=f"{PICTURES}/{name}-whole.png")
        await page.set_viewport_size(size)


def fine(page: Page) -> bool:
    found: list[str] = page.faults  # type: ignore[attr-defined]
    return found == []


def card(page: Page, name: str) -> Any:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=name))


async def test_a_link_that_breaks_is_seen_and_so_is_its_return(place: Place, control: LoopbackControl) -> None:
    page = await place.sit("/desk/channels")
    mine = card(page, "loopback")
    await expect(mine.locator(".standing")).to_have_text("Connected")
    await expect(page.locator("#link")).to_have_text("Live")
    await control.outage(on=True)
    await expect(mine.locator(".standing")).to_have_text("Not connected")
    await expect(mine.locator(".trouble")).to_contain_text("look whether the platform runs")
    await expect(page.get_by_role("navigation", name="Desk", exact=True)).to_contain_text("1 with trouble")
    await control.outage(on=False)
    await expect(mine.locator(".standing")).to_have_text("Connected")
    await expect(mine.locator(".trouble")).to_have_count(0)
    assert fine(page)


async def test_send_again(place: Place) -> None:
    await letters(place)
    page = await place.sit("/desk/channels")
    rows = page.locator("#lists .letter")
    await expect(rows).to_have_count(3)
    unclear = rows.nth(0)
    await expect(unclear).to_contain_text("It may have arrived: sending it again may double it.")
    await expect(unclear).to_contain_text("<script>alert(1)</script>")
    await expect(rows.nth(1)).not_to_contain_text("double")
    await expect(rows.nth(2).get_by_role("link")).to_have_text(re.compile(r"W-\d+"))
    await rows.nth(2).get_by_role("button").focus()
    await page.keyboard.press("Enter")
    await expect(rows).to_have_count(2)
    await expect(page.locator("#toast-words")).to_have_text("It is on its way again.")
    await expect(rows.nth(1).get_by_role("button")).to_be_focused()
    assert fine(page)


async def test_what_could_not_be_read_is_inert_and_set_aside(place: Place, control: LoopbackControl) -> None:
    await poisoned(place, control, 2)
    page = await place.sit("/desk/channels", role="supervisor")
    items = page.locator("#lists .letter")
    await expect(items).to_have_count(2)
    await items.nth(0).locator("summary").click()
    raw = items.nth(0).locator("pre")
    await expect(raw).to_contain_text("onerror=alert(1)")
    await expect(raw).to_contain_text("u202e")
    await items.nth(0).get_by_role("button", name="Try number 2 again").click()
    await expect(page.locator("#lists-fault")).to_contain_text("Number 2 stays here: update-2 still cannot be read")
    await items.nth(0).get_by_role("button", name="Set number 2 aside").click()
    await expect(items).to_have_count(1)
    await page.locator("#toast-undo").click()
    await expect(items).to_have_count(2)
    assert fine(page)


async def test_older_ones_page_by_page(place: Place, control: LoopbackControl) -> None:
    await poisoned(place, control, 25)
    page = await place.sit("/desk/channels", role="supervisor")
    items = page.locator("#lists .letter")
    await expect(items).to_have_count(20)
    await page.get_by_role("link", name="Older ones").click()
    await expect(items).to_have_count(5)
    await expect(items.first).to_contain_text("Number 5")
    await page.get_by_role("link", name="Back to the newest").click()
    await expect(items).to_have_count(20)


async def test_a_test_message_by_keys_alone(place: Place, control: LoopbackControl) -> None:
    page = await place.sit("/desk/channels", role="admin")
    await expect(card(page, "loopback").locator(".standing")).to_have_text("Connected")
    await page.get_by_label("Place").fill("p-test")
    await page.keyboard.press("Enter")
    told = page.locator("#test-told")
    await expect(told).to_have_text(re.compile(r"Sent\. The platform calls it \S+\."))
    sends = (await control.state())["sends"]
    assert [(send["place"], "test message" in send["text"]) for send in sends] == [("p-test", True)]
    await control.block("p-closed")
    await page.get_by_label("Place").fill("p-closed")
    await page.keyboard.press("Enter")
    await expect(told).to_contain_text("Not sent. The customer does not take messages from us", ignore_case=True)
    await control.faults("send", "cut_after")
    await page.get_by_label("Place").fill("p-cut")
    await page.keyboard.press("Enter")
    await expect(told).to_contain_text("Nobody can tell whether it arrived")
    assert fine(page)


async def test_who_may_only_look_sees_no_button(place: Place, control: LoopbackControl) -> None:
    await letters(place)
    await poisoned(place, control)
    page = await place.sit("/desk/channels", role="colleague")
    await expect(page.locator("#lists .letter")).to_have_count(4)
    await expect(page.locator("main button")).to_have_count(0)
    await expect(page.get_by_role("heading", name="Send a test message")).to_have_count(0)


@pytest.mark.parametrize(
    "how", [{}, DARK, PHONE, {**PHONE, **DARK}, SMALL], ids=["wide", "dark", "phone", "night", "320"]
)
async def test_everybody_can_use_it(
    place: Place, control: LoopbackControl, how: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    await others(place)
    await letters(place)
    await poisoned(place, control)
    page = await place.sit("/desk/channels", role="admin", **how)
    await expect(card(page, "loopback").locator(".standing")).to_have_text("Connected")
    words = await page.locator(".card .standing").all_inner_texts()
    assert words == ["Not connected", "Not running", "Connected in part", "Connected", "Connected", "Open"]
    await page.locator("#lists summary").click()
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    over = (
        "[...document.querySelectorAll('main *')].filter(n => n.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert await page.evaluate(over) == 0
    found = [fault for fault in await faults(page) if not fault.startswith("region ")]
    assert found == []  # "region": the toast stands outside of landmarks on every page
    await page.evaluate("document.querySelector('.scroll').scrollTop = 0")
    await picture(page, f"channels-{request.node.callspec.id}")
    if "has_touch" in how:
        for button in await page.locator("main button:visible").all():
            box = await button.bounding_box()
            assert box is not None
            assert box["height"] >= 44


async def test_a_desk_with_the_web_alone_says_how_to_go_on(browser: Browser, tmp_path: Path) -> None:
    async with desk(tmp_path) as at, served(at.house) as url:
        place = Place(at, url, browser)
        page = await place.sit("/desk/channels", role="admin")
        await expect(page.locator("#none")).to_contain_text("docs/channels/slack.md")
        await expect(card(page, "Web").locator(".standing")).to_have_text("Open")
        assert [fault for fault in await faults(page) if not fault.startswith("region ")] == []
        await picture(page, "channels-empty")
        for context in browser.contexts:
            await context.close()
