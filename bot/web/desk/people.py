"""People as admins see them: who comes in and as what, teams, what work somebody is given, where they are signed in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web import gate
from bot.web.desk.frame import Frame
from bot.web.desk.me import HOW
from intents.tiers import TIERS
from store import people, sessions
from store.agents import Agent

DEMO_TEAM: Final = (
    ("Mia Okafor", "mia@harbour.example", "supervisor"),
    ("Jon Berg", "jon@harbour.example", "agent"),
    ("Lea Fischer", "lea@harbour.example", "agent"),
)
"""Three people of the demo company, to try the desk with."""


def routes(frame: Frame) -> list[Route]:
    page = _People(frame)
    return [
        Route("/desk/people", frame.page(page.page), methods=["GET"]),
        Route("/desk/people/now", frame.part(page.now), methods=["GET"]),
        Route("/desk/people/{id:int}", frame.page(page.person), methods=["GET"]),
    ]


class _People:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: Request, agent: Agent) -> Response:
        gate.allow(agent, "administer")
        values = {**await self._frame.around(agent), **await self._values(), "nav": "people"}
        return self._frame.pages.page(request, "desk/people.html", roles=gate.ROLES, **values)

    async def now(self, request: Request, agent: Agent) -> Response:
        """Everybody, the open links and the teams as they are now."""
        gate.allow(agent, "administer")
        now = datetime.now(UTC)
        return self._frame.pages.page(request, "desk/people-now.html", agent=agent, now=now, **await self._values())

    async def _values(self) -> dict[str, Any]:
        now = datetime.now(UTC)
        async with self._frame.database.read() as connection:
            everybody = await people.everybody(connection)
            teams = await people.teams(connection)
            invites = await sessions.open_invites(connection, now)
            places = await sessions.counted(connection, now)
        present = await self._frame.bus.who_is_present()
        known = {person.email for person in everybody}
        invited = {invite.email for invite in invites}
        return {
            "people": everybody,
            "teams": teams,
            "team_names": {team.id: team.name for team in teams},
            "here": {person.id for person in everybody if f"agent:{person.id}" in present},
            "places": places,
            "invites": invites,
            "demo_team": [
                {"name": name, "email": email, "role": role, "invited": email in invited}
                for name, email, role in DEMO_TEAM
                if self._frame.office.is_demo() and email not in known
            ],
        }

    async def _nobody(self, request: Request, agent: Agent) -> Response:
        values = {**await self._frame.around(agent), "nav": "people"}
        told: dict[str, Any] = {
            "heading": "There is nobody with this number",
            "why": "Take somebody from the list of people.",
        }
        return self._frame.pages.page(request, "desk/refused.html", status=404, **values, **told)

    async def person(self, request: Request, agent: Agent) -> Response:
        """One of them: role, teams, work, access."""
        gate.allow(agent, "administer")
        id_ = int(request.path_params["id"])
        async with self._frame.database.read() as connection:
            them = await people.read(connection, id_) if 0 < id_ < 2**53 else None
            teams = await people.teams(connection)
            places = await sessions.of_agent(connection, id_, datetime.now(UTC))
        if them is None:
            return await self._nobody(request, agent)
        skills = them.skills
        return self._frame.pages.page(
            request, "desk/person.html",
            **{**await self._frame.around(agent), "nav": "people"},
            them=them, teams=teams, places=places, how=HOW, roles=gate.ROLES, tiers=TIERS,
            channels=sorted({*self._frame.channels, "web", *skills.get("channels", ())}),
            languages=", ".join(skills.get("languages", ())), tags=", ".join(skills.get("tags", ())),
        )  # fmt: skip
