"""A real browser before a real desk. Without a browser on this machine these tests are skipped, and say so."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from bot.web.who import COOKIE
from store.agents import add_agent, set_undo_for
from store.sessions import open_session
from tests.house import Desk, desk, served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

expect.set_options(timeout=20_000)  # a busy machine is no fault


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no chromium on this machine: apt-get install chromium"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        await running.close()


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def left_behind(browser: Browser) -> AsyncIterator[None]:
    """Pages end with their test: what is left open goes on listening, ticking and drawing beside all later ones."""
    yield
    for context in browser.contexts:
        await context.close()


@dataclass
class Place:
    """A desk on a port, and ways to sit down at it."""

    at: Desk
    url: str
    browser: Browser

    async def sign_in(
        self, name: str = "Mia Okafor", role: str = "agent", *, undo: int = 0, **how: Any
    ) -> BrowserContext:
        """A browser of its own in which this person is signed in; for so many seconds they can take replies back."""
        now = datetime.now(UTC)
        email = f"{name.split()[0].lower()}@desk.example"
        async with self.at.house.database.write("test") as connection:
            agent = await add_agent(connection, email=email, name=name, role=role, now=now)
            await set_undo_for(connection, agent.id, undo)
            secret = await open_session(connection, agent.id, now)
        context = await self.browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **how})
        await context.add_cookies([{"name": COOKIE, "value": secret, "url": self.url}])
        return context

    async def sit(self, path: str, name: str = "Mia Okafor", role: str = "agent", **how: Any) -> Page:
        """A page of the desk, in a browser of its own. What goes wrong in its scripts goes wrong in the test."""
        context = await self.sign_in(name, role, **how)
        page = await context.new_page()
        page.faults = []  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: page.faults.append(str(error)))  # type: ignore[attr-defined]
        await page.goto(self.url + path)
        return page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with desk(tmp_path_factory.mktemp("home")) as at, served(at.house) as url:
        yield Place(at, url, browser)
