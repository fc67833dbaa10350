"""The team: who is at the desk, who works on what, and the status line that customers see."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web import gate
from bot.web.desk.floor import floor_values
from bot.web.desk.frame import Frame
from handoff.status import read_status
from store import agents
from store.agents import Agent


def routes(frame: Frame) -> list[Route]:
    """The page and its table, which is drawn again when something changes."""
    team = _Team(frame)
    return [
        Route("/desk/team", frame.page(team.page), methods=["GET"]),
        Route("/desk/team/table", frame.part(team.table), methods=["GET"]),
    ]


class _Team:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: Request, agent: Agent) -> Response:
        floor = await floor_values(self._frame, agent)
        values = {**await self._frame.around(agent), **floor, **await self._values(agent), "nav": "team"}
        return self._frame.pages.page(request, "desk/team.html", **values)

    async def table(self, request: Request, agent: Agent) -> Response:
        return self._frame.pages.page(request, "desk/team-table.html", agent=agent, **await self._values(agent))

    async def _values(self, agent: Agent) -> dict[str, Any]:
        async with self._frame.database.read() as connection:
            people = await agents.list_agents(connection)
            status = await read_status(connection)
        present = await self._frame.bus.who_is_present()
        return {
            "people": [
                {"who": person, "here": f"agent:{person.id}" in present}
                for person in sorted(people, key=lambda person: (not person.active, person.name.casefold()))
            ],
            "here": sum(f"agent:{person.id}" in present for person in people),
            "said": status,
            "may_say_status": gate.may(agent, "repair"),
        }
