"""The team's page: who may see and do what on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bot.web.who import COOKIE
from store import sessions
from store.agents import add_agent
from tests.house import Desk, desk, until


@asynccontextmanager
async def signed_in(at: Desk, name: str, role: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which somebody of that role is signed in."""
    now = datetime.now(UTC)
    async with at.house.database.write("test") as connection:
        email = f"{name.lower().split()[0]}@desk.example"
        agent = await add_agent(connection, email=email, name=name, role=role, now=now)
        secret = await sessions.open_session(connection, agent.id, now)
    transport = httpx.ASGITransport(at.house.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.test", cookies={COOKIE: secret}) as http:
        yield http


async def test_nobody_sees_it_from_outside(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        page = await at.http.get("/desk/team")
        assert (page.status_code, page.headers["location"]) == (303, "/desk/sign-in?next=/desk/team")
        assert (await at.http.get("/desk/team/table")).status_code == 401


@pytest.mark.parametrize(
    ("role", "manages", "says_status"),
    [("colleague", False, False), ("agent", False, False), ("supervisor", False, True), ("admin", True, True)],
)
async def test_each_role_is_offered_what_it_may(tmp_path: Path, role: str, manages: bool, says_status: bool) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Ada", role) as http:
        page = (await http.get("/desk/team")).text
        assert ("/desk/people" in page) is manages
        assert ('id="status-form"' in page) is says_status
        assert "All systems work." in page


async def test_names_are_text(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Ada", "admin") as http:
        await at.agent('<img src=x onerror="alert(1)">')
        page = await http.get("/desk/team")
        assert "<img" not in page.text
        assert "&lt;img" in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]


async def test_who_holds_what_and_what_is_due_next(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, signed_in(at, "Ada", "supervisor") as http:
        lea = await at.agent("Lea")
        for words in ("everything is down", "you charged me twice"):
            customer = at.customer()
            await customer.write(words)
            await customer.hears("acknowledgement")
        first = (await lea.done("cases/next"))["number"]
        await lea.done("cases/next")

        async def shown() -> bool:
            floor = (await http.get("/desk/team/floor")).text
            return "<b>2</b> open" in floor and f"/desk/cases/{first}" in floor and "at the desk" in floor

        assert await until(shown)
