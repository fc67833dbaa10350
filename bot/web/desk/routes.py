"""All routes of the desk, page by page."""

from __future__ import annotations

from starlette.routing import Route

from bot.web.desk import (
    audit,
    case,
    channels,
    customers,
    events,
    floor,
    gate,
    macros,
    me,
    me_slack,
    notices,
    people,
    queue,
    search,
    team,
)
from bot.web.desk.frame import Frame


def routes(frame: Frame) -> list[Route]:
    """Every page brings its own; an exact address comes before one with a blank in it."""
    pages = (
        queue, case, customers, events, team, floor, macros, channels, gate, notices, search, me, me_slack,
        people, audit,
    )  # fmt: skip
    return [route for page in pages for route in page.routes(frame)]
