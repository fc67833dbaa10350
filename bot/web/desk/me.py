"""One's own page: name, password, being away, where one is signed in, and what happened with the account lately."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web import passwords
from bot.web.desk.frame import Frame
from bot.web.who import COOKIE
from store import audit, people, sessions
from store.agents import Agent

LATELY: Final = 12
"""Lines about one's own account."""
HOW: Final = {"password": "with the password", "link": "with a one-time link", "oidc": "with single sign-on"}


def routes(frame: Frame) -> list[Route]:
    page = _Mine(frame)
    return [
        Route("/desk/me", frame.page(page.page), methods=["GET"]),
        Route("/desk/me/sessions", frame.part(page.sessions), methods=["GET"]),
    ]


class _Mine:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: Request, agent: Agent) -> Response:
        async with self._frame.database.read() as connection:
            me = await people.read(connection, agent.id)
            names = {team.id: team.name for team in await people.teams(connection)}
            lately = await audit.about(connection, agent.email, limit=LATELY)
        assert me is not None  # noqa: S101 - they ask
        values = {**await self._frame.around(agent), **await self._places(request, agent), "me": me, "lately": lately}
        values["my_teams"] = [names[id_] for id_ in me.teams]
        values |= {"shortest": passwords.SHORTEST, "by_password": self._frame.office.passwords}
        values["has_window"] = "slack" in self._frame.channels
        return self._frame.pages.page(request, "desk/me.html", **values)

    async def sessions(self, request: Request, agent: Agent) -> Response:
        """The list of sessions as it is now."""
        values = await self._places(request, agent)
        return self._frame.pages.page(request, "desk/me-sessions.html", now=datetime.now(UTC), **values)

    async def _places(self, request: Request, agent: Agent) -> dict[str, Any]:
        async with self._frame.database.read() as connection:
            found = await sessions.of_agent(connection, agent.id, datetime.now(UTC), this=request.cookies.get(COOKIE))
        return {"places": sorted(found, key=lambda place: not place.this), "how": HOW}
