"""The queue: who waits, by when, and one button that takes the next one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web.desk.frame import Frame
from store.agents import Agent


def routes(frame: Frame) -> list[Route]:
    queue = Queue(frame)
    return [
        Route("/desk", frame.page(queue.page), methods=["GET"]),
        Route("/desk/side", frame.part(queue.side), methods=["GET"]),
    ]


class Queue:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: Request, agent: Agent) -> Response:
        around = await self._frame.around(agent)
        return self._frame.pages.page(request, "desk/queue.html", **{**around, "nav": "queue"})

    async def side(self, request: Request, agent: Agent) -> Response:
        """The frame's own column again, with today's numbers."""
        around = await self._frame.around(agent)
        nav = request.query_params.get("nav", "")[:20]
        return self._frame.pages.page(request, "desk/side.html", **{**around, "nav": nav})
