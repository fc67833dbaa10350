"""Who somebody is in the team's Slack: a small page, and the part of it for a page about oneself."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web.desk.frame import Frame
from store import window
from store.agents import Agent


def routes(frame: Frame) -> list[Route]:
    """The page, and what of it changes."""
    page = _MeSlack(frame)
    return [
        Route("/desk/me/slack", frame.page(page.page), methods=["GET"]),
        Route("/desk/me/slack/names", frame.part(page.names), methods=["GET"]),
    ]


async def values(frame: Frame, agent: Agent) -> dict[str, Any]:
    """What `desk/me-slack.html` needs."""
    async with frame.database.read() as connection:
        return {"slack_names": await window.names_of(connection, agent.id)}


class _MeSlack:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: Request, agent: Agent) -> Response:
        shown = {**await self._frame.around(agent), **await values(self._frame, agent), "nav": "me"}
        return self._frame.pages.page(request, "desk/me-slack-page.html", **shown)

    async def names(self, request: Request, agent: Agent) -> Response:
        shown = await values(self._frame, agent)
        return self._frame.pages.page(request, "desk/me-slack-names.html", agent=agent, **shown)
