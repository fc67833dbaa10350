"""The channels' page: how each account stands, what did not arrive, what could not be read, and a test message."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.standings import COUNTED_AT_MOST, all_standings
from bot.web import gate
from bot.web.channels import shown_raw
from bot.web.desk.frame import Frame
from store import outbox, quarantine
from store.agents import Agent
from store.words import case_number

PAGE: Final = 20
RAW_SHOWN: Final = 4000
"""Bytes of a payload that stand on the page."""
TEST_TEXT: Final = "This is a test message from our desk. Please ignore it."
STATUSES: Final = {"failed": "Not sent", "parked": "Parked", "unknown": "Unclear"}
"""Of what is on the list, in words."""


def routes(frame: Frame) -> list[Route]:
    """The page, and what of it changes."""
    channels = _Channels(frame)
    return [
        Route("/desk/channels", frame.page(channels.page), methods=["GET"]),
        Route("/desk/channels/now", frame.part(channels.now), methods=["GET"]),
    ]


class _Channels:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: Request, agent: Agent) -> Response:
        values = {**await self._frame.around(agent), **await self._values(request, agent), "nav": "channels"}
        return self._frame.pages.page(request, "desk/channels.html", **values)

    async def now(self, request: Request, agent: Agent) -> Response:
        """The cards and the lists as they are now."""
        values = await self._values(request, agent)
        return self._frame.pages.page(request, "desk/channels-now.html", **values)

    async def _values(self, request: Request, agent: Agent) -> dict[str, Any]:
        now = datetime.now(UTC)
        dead, aside = _before(request, "dead"), _before(request, "unread")
        async with self._frame.database.read() as connection:
            links = await all_standings(connection, now, here=self._frame.office.watch.accounts)
            letters = await outbox.undelivered(connection, before=dead, limit=PAGE + 1)
            more = await outbox.shown_with(connection, [row["id"] for row in letters[:PAGE]])
            items = await quarantine.waiting(connection, before=aside, limit=PAGE + 1)
            raw = await quarantine.raw_of(connection, [row["id"] for row in items[:PAGE]], at_most=RAW_SHOWN)
        return {
            "now": now,
            "links": links,
            "own": [link for link in links if not link.pull],
            "counted_at_most": COUNTED_AT_MOST,
            "letters": [_letter(row, more.get(row["id"], {})) for row in letters[:PAGE]],
            "items": [{**row, "raw": shown_raw(raw.get(row["id"], b"")), "cut": row["size"] > RAW_SHOWN}
                      for row in items[:PAGE]],
            "older_letters": _link("dead", letters, aside=("unread", aside)),
            "older_items": _link("unread", items, aside=("dead", dead)),
            "dead_before": dead,
            "unread_before": aside,
            "statuses": STATUSES,
            "test_text": TEST_TEXT,
            "may_answer": self._frame.may_answer(agent),
            "may_repair": gate.may(agent, "repair"),
            "may_test": gate.may(agent, "administer"),
        }  # fmt: skip


def _letter(row: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """One undelivered message with what a person needs to recognise it."""
    case = more.get("case_id")
    return {
        **row,
        "text": more.get("text", ""),
        "customer": more.get("customer_name", ""),
        "by": more.get("author_name", ""),
        "case": None if case is None else case_number(case),
    }


def _before(request: Request, name: str) -> int | None:
    value = request.query_params.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def _link(name: str, rows: list[dict[str, Any]], *, aside: tuple[str, int | None]) -> str | None:
    """The address of what comes after this page of a list; None: nothing does. The other list stays where it is."""
    if len(rows) <= PAGE:
        return None
    asked = {name: rows[PAGE - 1]["id"], **({aside[0]: aside[1]} if aside[1] is not None else {})}
    return f"/desk/channels?{urlencode(asked)}#{name}"
