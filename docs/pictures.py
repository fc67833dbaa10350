"""Makes the pictures of the README from the running product: a real desk, a real browser, people who write.

make pictures
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
from playwright.async_api import Browser, BrowserContext, FloatRect, Page, async_playwright
from sqlalchemy import text

from bot.app import Warmline, load_mind, warmline
from bot.settings import Settings
from store.agents import add_agent
from tests.house import served

ROOT: Final = Path(__file__).resolve().parent.parent
PICTURES: Final = ROOT / "docs/pictures"
WIDE: Final = {"width": 1440, "height": 900}
PHONE: Final = {"width": 390, "height": 844}

WRITE: Final = (
    # who, what, minutes ago
    ("Priya Nair", "All 14 of our sites show 502, and your status page says that everything is fine??", 9),
    ("Daniel Osei", "I have explained this twice to your robot. Please let me speak to a human.", 16),
    ("Café Lumen", "You took 312 € instead of 31.20. I was charged ten times the price.", 12),
    ("Sofia Lindqvist", "Our whole mail is down since this morning, nothing goes out", 1),
    ("J. Whitfield", "still no refund, you said Monday", 7),
    ("Ines Duarte", "The DNS editor forgets my TXT record every time I press save. Only this one record.", 40),
    ("Hartmann GmbH", "Seit heute Mittag kommen bei uns keine Rechnungen mehr an, bitte um Rückruf.", 20),
    ("Oakridge School", "Our backup from last night is missing two folders", 90),
)


async def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        for kept in ("encoder", "intents"):
            if (ROOT / "var" / kept).exists():
                shutil.copytree(ROOT / "var" / kept, home / kept)
        settings = Settings(home=home, hours="always", web_rate_limit=0)
        mind = await asyncio.to_thread(load_mind, settings, print)
        async with warmline(settings, mind) as house, served(house) as url, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--force-device-scale-factor=1"]
            )
            await _story(house, url, browser)
            await browser.close()


async def _story(house: Warmline, url: str, browser: Browser) -> None:
    mia = await _first_admin(house, url, browser)
    await _customers(house, url)
    chat = await _chat(url, browser)
    await _names(house)
    page = await mia.new_page()
    await _shot(page, f"{url}/desk", "queue")
    await page.keyboard.press("Escape")
    number = await _answer(page, url, chat)
    await _shot(page, f"{url}/desk/cases/{number}", "case")
    await _shot(chat, url, "front")
    phone = await browser.new_context(
        viewport=PHONE, device_scale_factor=2, color_scheme="dark", storage_state=await mia.storage_state()
    )
    await _shot(await phone.new_page(), f"{url}/desk", "queue-phone-dark")
    await _shot(await phone.new_page(), f"{url}/desk/cases/{number}", "case-phone-dark")


async def _first_admin(house: Warmline, url: str, browser: Browser) -> BrowserContext:
    """Mia, who opens the link that a first start prints."""
    context = await browser.new_context(viewport=WIDE)
    page = await context.new_page()
    await page.goto(f"{url}/desk/welcome/{await house.first_link()}")
    await page.fill("#name", "Mia Okafor")
    await page.fill("#email", "mia@harbour.example")
    await page.fill("#password", "three unrelated words")
    await page.click("button")
    await page.wait_for_url("**/desk")
    await page.close()
    return context


async def _names(house: Warmline) -> None:
    """A colleague; and Ana's name, which the chat does not ask for."""
    async with house.database.write("pictures") as connection:
        await add_agent(connection, email="jon@harbour.example", name="Jon Berg", role="agent", now=datetime.now(UTC))
        for statement in (
            "UPDATE customer SET name = 'Ana Ruiz' WHERE name = ''",
            "UPDATE \"case\" SET customer_name = 'Ana Ruiz', customer_key = 'ana ruiz' WHERE customer_name = ''",
        ):
            await connection.execute(text(statement))


async def _customers(house: Warmline, url: str) -> None:
    """They write now; their cases are then made as old as the story wants them."""
    async with httpx.AsyncClient(base_url=url) as http:
        for name, words, _ in WRITE:
            body = {"conversation": None, "id": str(uuid.uuid4()), "text": words, "name": name}
            (await http.post("/api/web/messages", json=body)).raise_for_status()
    await asyncio.sleep(2)
    async with house.database.write("pictures") as connection:
        for name, _, minutes in WRITE:
            earlier = timedelta(minutes=minutes) // timedelta(microseconds=1)
            await connection.execute(
                text(
                    'UPDATE "case" SET deadline = deadline - :by, sort_at = sort_at - :by, '
                    "opened_at = opened_at - :by, unanswered_since = unanswered_since - :by "
                    "WHERE customer_name = :name"
                ),
                {"by": earlier, "name": name},
            )


async def _chat(url: str, browser: Browser) -> Page:
    """Ana asks something simple, and then is in panic."""
    context = await browser.new_context(viewport=WIDE)
    page = await context.new_page()
    await page.goto(url)
    await page.locator("warmline-chat").locator("button").first.click()
    field = page.locator("warmline-chat textarea")
    await field.fill("How do I add a mailbox?")
    await field.press("Enter")
    await page.locator("warmline-chat").get_by_text("Did this help?", exact=True).wait_for()
    await page.wait_for_timeout(600)
    await _picture(page, "chat", clip=await _widget_box(page))
    await page.locator("warmline-chat").get_by_role("button", name="No", exact=True).click()
    await field.fill("None of our mailboxes send since this morning. The whole office is stuck!")
    await field.press("Enter")
    await page.locator("warmline-chat").get_by_text("W-10").first.wait_for()
    return page


async def _answer(page: Page, url: str, chat: Page) -> str:
    """Mia takes Ana's case, notes and replies, and Ana writes back; its number."""
    said = await chat.locator("warmline-chat").get_by_text(re.compile(r"W-\d+")).first.inner_text()
    found = re.search(r"W-\d+", said)
    assert found is not None
    number = found[0]
    await page.goto(f"{url}/desk/cases/{number}")
    await page.keyboard.press("c")
    await page.get_by_role("button", name="Release").or_(page.get_by_text("Mia Okafor here")).first.wait_for()
    await page.keyboard.press("n")
    await page.keyboard.type("Relay mx3 is full since 09:40. Ops moves the queue to mx5, 20 minutes.")
    await page.keyboard.press("Control+Enter")
    await page.locator(".log .note").last.wait_for()
    await page.keyboard.press("Escape")
    await page.keyboard.press("r")
    await page.keyboard.type(
        "You are right, and it is our fault: a relay is full. Nothing is lost; your mail leaves by itself."
    )
    await page.keyboard.press("Control+Enter")  # it leaves after the ten seconds in which it could be taken back
    await chat.locator("warmline-chat").get_by_text("a relay is full").first.wait_for()
    field = chat.locator("warmline-chat textarea")
    await field.fill("Thank you. So the ones from this morning go out too?")
    await field.press("Enter")
    await page.get_by_text("from this morning go out too").last.wait_for()
    return number


async def _widget_box(page: Page) -> FloatRect:
    """Where the open panel stands on the page."""
    box = await page.locator("warmline-chat [role=dialog]").bounding_box()
    assert box is not None
    return {"x": box["x"] - 8, "y": box["y"] - 8, "width": box["width"] + 16, "height": box["height"] + 16}


async def _shot(page: Page, address: str, name: str) -> None:
    await page.goto(address)
    await page.wait_for_timeout(1200)
    await _picture(page, name)


async def _picture(page: Page, name: str, clip: FloatRect | None = None) -> None:
    await page.screenshot(path=PICTURES / f"{name}.png", clip=clip)
    print(f"docs/pictures/{name}.png")


if __name__ == "__main__":
    asyncio.run(main())
