"""Who is asking: a program by its token, or a browser by its session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from bot.live import Live
from store import sessions
from store.agents import Agent, agent_of_token
from store.database import Database

COOKIE: Final = "warmline_session"
SESSION: Final = "session"
"""The signal that a session of somebody's has ended: their streams look whether it was theirs."""
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Unauthorised(Exception):
    """No token and no session, or not a valid one."""


async def agent_of(request: Request, database: Database) -> Agent:
    """Whoever makes this request.

    Raises:
        Unauthorised: nobody we know.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if token:
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthorised("Send your token: Authorization: Bearer wl_…")
        async with database.read() as connection:
            agent = await agent_of_token(connection, token.strip())
        if agent is None:
            raise Unauthorised("This token is unknown or was revoked. Ask an admin for a new one.")
        return agent
    if COOKIE not in request.cookies:
        raise Unauthorised("Send your token: Authorization: Bearer wl_…, or sign in at /desk.")
    if request.method not in _READS and not is_our_page(request.headers):
        raise Unauthorised("This request comes from another website. Use the desk's own pages.")
    agent = await agent_in_browser(request, database)
    if agent is None:
        raise Unauthorised("You are signed out. Sign in at /desk.")
    return agent


async def agent_in_browser(request: Request, database: Database) -> Agent | None:
    """Who is signed in here, if anybody; a session that is used lives on."""
    secret = request.cookies.get(COOKIE)
    if not secret or len(secret) > 100:
        return None
    found = await database.look_for(secret, _signed_in)
    if found is None:
        return None
    agent, worth_noting = found
    if worth_noting:
        now = datetime.now(UTC)
        async with database.write("session") as connection:
            await sessions.note_use(connection, secret, now)
    return agent


async def _signed_in(connection: AsyncConnection, secrets: Sequence[str]) -> dict[str, tuple[Agent, bool]]:
    return await sessions.agents_of_sessions(connection, secrets, datetime.now(UTC))


async def sessions_ended(live: Live, agent_id: int) -> None:
    """After the commit: in every process the streams of this person end with their sessions."""
    await live.signal(SESSION, conversation=0, agent=agent_id)


def is_our_page(headers: Mapping[str, str]) -> bool:
    """Whether one of our own pages asks. Browsers say so, and no website can make them say something else."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin, host = headers.get("origin"), headers.get("host")
    return origin is not None and host is not None and origin.partition("://")[2] == host
