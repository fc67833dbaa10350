"""The audit log for eyes, and as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bot.audit_file import as_csv
from bot.web import gate
from bot.web.api import BadCursor
from bot.web.audit import cursor_of, place_of
from bot.web.desk.frame import Frame
from store import agents, audit, people
from store.agents import Agent
from store.audit import NOBODY, PAGE, Wanted

_FILTERS: Final = ("who", "action", "about", "from", "to")


def routes(frame: Frame) -> list[Route]:
    page = _Audit(frame)
    return [
        Route("/desk/audit", frame.page(page.page), methods=["GET"]),
        Route("/desk/audit.csv", frame.page(page.file), methods=["GET"]),
    ]


class _Audit:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: Request, agent: Agent) -> Response:
        gate.allow(agent, "audit")
        asked = _asked(request)
        try:
            after = place_of(request.query_params.get("after"))
        except BadCursor:
            after = None
        async with self._frame.database.read() as connection:
            lines = await audit.page(connection, self._wanted(asked), after=after, limit=PAGE + 1)
            actions = await audit.actions(connection)
            everybody = await people.everybody(connection)
        more = len(lines) > PAGE
        return self._frame.pages.page(
            request, "desk/audit.html",
            **{**await self._frame.around(agent), "nav": "audit"},
            lines=lines[:PAGE], actions=actions, people=everybody, nobody=NOBODY, asked=asked,
            filtered=any(asked.values()), first=after is None, query=urlencode(asked), told=told,
            more=urlencode({**asked, "after": cursor_of(lines[PAGE - 1])}) if more else None,
            zone=self._frame.zone.key, local=lambda at: at.astimezone(self._frame.zone),
        )  # fmt: skip

    async def file(self, request: Request, agent: Agent) -> Response:
        """All that is wanted as a file. That somebody took it is on record before the first line leaves."""
        gate.allow(agent, "audit")
        asked, now = _asked(request), datetime.now(UTC)
        async with self._frame.database.write("audit.export") as connection:
            await agents.record(
                connection, action="audit exported", subject="audit", now=now, agent_id=agent.id,
                data={name: value for name, value in asked.items() if value},
            )  # fmt: skip
        return StreamingResponse(
            self._pieces(self._wanted(asked)),
            media_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="audit-{now:%Y-%m-%d}.csv"',
                "Cache-Control": "no-store",
            },
        )

    async def _pieces(self, wanted: Wanted) -> AsyncIterator[bytes]:
        async for piece in as_csv(self._frame.database, wanted):
            yield piece.encode()

    def _wanted(self, asked: dict[str, str]) -> Wanted:
        """What was asked; a part that makes no sense finds nothing to narrow, and is left out."""
        who = asked["who"]
        return Wanted(
            agent=int(who) if who.removeprefix("-").isdecimal() and len(who) < 16 else None,
            action=asked["action"] or None,
            subject=asked["about"] or None,
            since=self._midnight(asked["from"], 0),
            until=self._midnight(asked["to"], 1),
        )

    def _midnight(self, day: str, later: int) -> datetime | None:
        """Where a day of the company's zone begins, or the one after it."""
        try:
            wanted = date.fromisoformat(day) + timedelta(days=later)
            return datetime(wanted.year, wanted.month, wanted.day, tzinfo=self._frame.zone).astimezone(UTC)
        except (ValueError, OverflowError):
            return None


def _asked(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "").strip()[:320] for name in _FILTERS}


def told(data: Any) -> str:
    """What else a line says, as words and not as a data format."""
    if not isinstance(data, dict):
        return "" if data is None else str(data)
    before, after = data.get("before"), data.get("after")
    if set(data) == {"before", "after"} and isinstance(before, dict) and isinstance(after, dict):
        names = [name for name in after if before.get(name) != after[name]]
        return "; ".join(f"{name}: {_said(before.get(name))} → {_said(after[name])}" for name in names)
    return "; ".join(f"{str(name).replace('_', ' ')}: {_said(value)}" for name, value in data.items())


def _said(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_said, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(part)}" for name, part in value.items()) or "none"
    return str(value)
