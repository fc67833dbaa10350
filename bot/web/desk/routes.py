"""All routes of the desk, page by page."""

from __future__ import annotations

from starlette.routing import Route

from bot.web.desk import case, channels, events, gate, queue, team
from bot.web.desk.frame import Frame


def routes(frame: Frame) -> list[Route]:
    """Every page brings its own; an exact address comes before one with a blank in it."""
    pages = (queue, case, events, team, channels, gate)
    return [route for page in pages for route in page.routes(frame)]
