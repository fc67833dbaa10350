"""What a browser tells somebody who looks elsewhere: of cases that the news have named, those worth a sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.web.desk.frame import Frame
from bot.web.desk.transcript import called
from store import board
from store.agents import Agent
from store.words import case_id

AT_MOST: Final = 100
NEW_FOR: Final = timedelta(minutes=10)
TIERS: Final = {"outage": "Outage", "billing": "Billing", "person": "Somebody wants a person"}


def routes(frame: Frame) -> list[Route]:
    async def notices(request: Request, agent: Agent) -> Response:
        """Of `cases`: `{"notices": [{"key", "title", "body", "path"}]}`; each key is told once."""
        ids = [case_id(word) for word in request.query_params.get("cases", "").split(",")[:AT_MOST]]
        wanted = [id_ for id_ in ids if id_ is not None]
        cases = await frame.database.look(lambda connection: board.some(connection, wanted))
        found = [notice for case in cases for notice in told(case, agent.id, datetime.now(UTC), frame.clock_time)]
        return JSONResponse({"notices": found}, headers={"Cache-Control": "no-store"})

    return [Route("/desk/notices", frame.part(notices), methods=["GET"])]


def told(case: Mapping[str, Any], me: int, now: datetime, clock: Any) -> Iterator[dict[str, str]]:
    """A new one of the first class that nobody has; one's own that waits for an answer, or is late. The customer's
    words stay at the desk: a notice may be seen by whoever passes by."""
    number, who = case["number"], called(case["customer_name"], case["customer_email"])
    path = f"/desk/cases/{number}#case-h"
    by = case["deadline"]
    if case["status"] == "waiting" and case["urgent"] and now - case["opened_at"] < NEW_FOR:
        what = TIERS.get(case["tier"], "Urgent")
        yield {
            "key": f"new {number}", "title": f"{what}: {who}", "path": path,
            "body": f"{number} waits" + (f", due by {clock(by)}." if by else "."),
        }  # fmt: skip
    if case["assignee_id"] != me or case["status"] != "open":
        return
    since = case["unanswered_since"]
    if since is not None:
        yield {
            "key": f"words {number} {since.timestamp():.0f}", "title": f"{who} has written", "path": path,
            "body": f"{number} waits for your answer.",
        }  # fmt: skip
    if by is not None and by <= now:
        yield {
            "key": f"late {number} {by.timestamp():.0f}", "title": f"{number} is late", "path": path,
            "body": f"{who} was to hear from you by {clock(by)}.",
        }  # fmt: skip
