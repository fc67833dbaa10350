"""The gate's page: one message after another to label, blind; what the labels buy; and an admin's word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.gatekeeper import Report, missing, percent, state_of
from bot.web import gate
from bot.web.desk.frame import Frame
from bot.web.labels import described
from intents.tiers import TIERS, Tier
from store import samples
from store.agents import Agent

HINTS: Final[dict[Tier, str]] = {
    "outage": "all of it fails, or they believe so",
    "billing": "money",
    "problem": "one thing is broken",
    "person": "wants a person",
    "howto": "how do I…",
    "feedback": "praise, idea, complaint",
    "unknown": "none of these, or foreign",
}
"""What each tier is, for who labels: in the words of customers."""


def routes(frame: Frame) -> list[Route]:
    """The page, its parts as they are now, and the banner of other pages."""
    page = _Gate(frame)
    return [
        Route("/desk/gate", frame.page(page.page), methods=["GET"]),
        Route("/desk/gate/now", frame.part(page.now), methods=["GET"]),
        Route("/desk/gate/banner", frame.part(page.banner), methods=["GET"]),
    ]


class _Gate:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: Request, agent: Agent) -> Response:
        values = {**await self._frame.around(agent), **await self._values(request, agent), "nav": "gate"}
        return self._frame.pages.page(request, "desk/gate.html", **values)

    async def now(self, request: Request, agent: Agent) -> Response:
        """The message to label and the promise; `id`: that message, if it waits."""
        values = await self._values(request, agent)
        return self._frame.pages.page(request, "desk/gate-now.html", **values)

    async def banner(self, request: Request, agent: Agent) -> Response:
        return self._frame.pages.page(request, "desk/gate-banner.html", gate_closed=self._frame.gate_closed(), nav="")

    async def _values(self, request: Request, agent: Agent) -> dict[str, Any]:
        may_label = gate.may(agent, "label")
        report = await self._frame.office.gate.report()
        return {
            "now": datetime.now(UTC),
            "message": await self._message(request.query_params.get("id", "")) if may_label else None,
            "may_label": may_label,
            "may_decide": gate.may(agent, "administer"),
            "report": report,
            "state": state_of(report),
            "missing": missing(report),
            "about": _messages_to_come(report),
            "share": percent(report.standing.terms.alpha),
            "sure": percent(report.standing.terms.confidence),
            "tiers": TIERS,
            "hints": HINTS,
            "gate_closed": self._frame.gate_closed(),
        }

    async def _message(self, wanted: str) -> dict[str, Any] | None:
        async with self._frame.database.read() as connection:
            sample = None
            if wanted.isascii() and wanted.isdigit() and len(wanted) < 16:
                sample = await samples.read(connection, int(wanted))
            if sample is None or sample.tier is not None:
                sample = await samples.next_to_label(connection)
        return await described(self._frame.office, sample)


def _messages_to_come(report: Report) -> int | None:
    """How many messages have to be labelled for the grave ones that are missing, going by those so far."""
    labelled, missing_grave = sum(report.labelled.values()), report.standing.more
    if labelled < 20 or not report.standing.grave or not missing_grave:
        return None
    about = missing_grave * labelled / report.standing.grave
    return int(round(about, -1 if about < 1000 else -2))
