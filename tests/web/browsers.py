"""Browsers without a browser: a cookie of their own, and the headers that no website can forge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from bot.web.passwords import Passwords
from bot.web.who import COOKIE
from store import sessions
from store.agents import Agent, add_agent, set_password
from tests.house import Desk

OURS = {"Sec-Fetch-Site": "same-origin"}
PASSWORD = "three unrelated words"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def browser(at: Desk, **headers: str) -> httpx.AsyncClient:
    """One that nobody is signed in with yet. Everything it sends comes from our own pages."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(at.house.app, client=("203.0.113.9", 1)),
        base_url="http://desk.test",
        headers={**OURS, **headers},
    )


async def person(at: Desk, name: str, role: str = "agent", password: str | None = None) -> Agent:
    """Somebody of the desk, with a password if one is given."""
    kept = await Passwords().hash(password) if password else None
    async with at.house.database.write("test") as connection:
        email = f"{name.lower().split()[0]}@desk.example"
        agent = await add_agent(connection, email=email, name=name, role=role, now=datetime.now(UTC))
        if kept is not None:
            await set_password(connection, agent.id, kept)
    return agent


@asynccontextmanager
async def signed_in(at: Desk, name: str, role: str = "agent", **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which somebody of that role is signed in; twice the same name is the same person twice."""
    agent = await person(at, name, role)
    async with at.house.database.write("test") as connection:
        secret = await sessions.open_session(connection, agent.id, datetime.now(UTC), **more)
    async with browser(at) as http:
        http.cookies.set(COOKIE, secret)
        yield http


async def sign_in(http: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await http.post("/desk/sign-in", data={"email": email, "password": password})


async def lines(at: Desk, action: str | None = None) -> list[tuple[str, str]]:
    """(action, subject) of the audit log, oldest first."""
    rows = await at.sql("SELECT action, subject FROM audit ORDER BY id")
    return [(row[0], row[1]) for row in rows if action in (None, row[0])]
