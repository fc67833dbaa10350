"""Saved replies at the desk: the list, and where they are written and changed."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web import gate
from bot.web.desk.frame import Frame
from bot.web.desk.transcript import TIER_NAMES
from bot.web.macros import may_change
from handoff.macros import PLACEHOLDERS
from store import macros
from store.agents import Agent


def routes(frame: Frame) -> list[Route]:
    """The page and its list, which is drawn again when something changes."""
    page = _Macros(frame)
    return [
        Route("/desk/macros", frame.page(page.page), methods=["GET"]),
        Route("/desk/macros/list", frame.part(page.list), methods=["GET"]),
    ]


class _Macros:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: Request, agent: Agent) -> Response:
        async with self._frame.database.read() as connection:
            teams = await macros.teams_of(connection) if gate.may(agent, "share") else []
        values = {**await self._frame.around(agent), **await self._values(agent), "nav": "macros"}
        return self._frame.pages.page(request, "desk/macros.html", **values, teams=teams, placeholders=PLACEHOLDERS)

    async def list(self, request: Request, agent: Agent) -> Response:
        return self._frame.pages.page(request, "desk/macros-list.html", agent=agent, **await self._values(agent))

    async def _values(self, agent: Agent) -> dict[str, Any]:
        async with self._frame.database.read() as connection:
            found = await macros.of(connection, agent.id, every_team=gate.may(agent, "share"))
        return {
            "macros": [(macro, may_change(agent, macro)) for macro in found],
            "tier_names": TIER_NAMES,
        }
