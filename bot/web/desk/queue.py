"""The queue: who waits, by when, and one button that takes the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.intake import clean
from bot.web.desk.frame import Frame
from bot.web.desk.rows import GROUPS, Group, gone, group_of, row_of
from store import board
from store.agents import Agent
from store.board import PAGE, Counts, Place, Spread
from store.cases import Filter
from store.words import case_id, case_number

AT_MOST: Final = 400
"""Rows that a page is brought up to date with at once."""
KNOWN_AT_MOST: Final = 400
VIEWS: Final = {
    "unassigned": "Unassigned",
    "mine": "Mine",
    "pending": "Waiting on customer",
    "snoozed": "Snoozed",
    "resolved": "Resolved",
    "feedback": "Feedback",
}
TITLES: Final = {"mine": "Mine", "pending": "Waiting on the customer", "snoozed": "Snoozed", "resolved": "Resolved",
                 "found": "Found"}  # fmt: skip
TIERS: Final = ("outage", "billing", "person", "problem", "howto", "feedback", "unknown")
_GROUPED: Final = ("unassigned", "mine", "feedback")


def routes(frame: Frame) -> list[Route]:
    queue = Queue(frame)
    return [
        Route("/desk", frame.page(queue.page), methods=["GET"]),
        Route("/desk/queue/rows", frame.part(queue.rows), methods=["GET"]),
        Route("/desk/side", frame.part(queue.side), methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a list is asked for, checked: whatever makes no sense is as if it were not said."""

    view: str
    tier: str | None
    channel: str | None
    words: str

    @property
    def grouped(self) -> bool:
        return self.view in _GROUPED and not self.words

    @property
    def plain(self) -> bool:
        return not (self.tier or self.channel or self.words)

    def filter(self, agent: Agent) -> Filter:
        if self.words:
            return Filter(status="any", words=self.words, tier=self.tier, channel=self.channel)
        status = {"unassigned": "waiting", "feedback": "waiting", "mine": None}.get(self.view, self.view)
        return Filter(
            status=status,
            tier="feedback" if self.view == "feedback" else self.tier,
            channel=self.channel,
            assignee=agent.id if self.view == "mine" else None,
        )

    def link(self, **changes: str | None) -> str:
        """The address of the same list with something changed."""
        said: dict[str, str | None] = {
            "view": self.view, "tier": self.tier, "channel": self.channel, "q": self.words or None, **changes,
        }  # fmt: skip
        if said["view"] == "unassigned":
            said["view"] = None
        query = urlencode({name: value for name, value in said.items() if value})
        return f"/desk?{query}" if query else "/desk"


def asked(query: QueryParams) -> Asked:
    view, tier = query.get("view", ""), query.get("tier", "")
    return Asked(
        view=view if view in VIEWS else "unassigned",
        tier=tier if tier in TIERS else None,
        channel=query.get("channel", "")[:40] or None,
        words=clean(query.get("q", ""))[:200].strip(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One page of a list."""

    groups: Sequence[Group]
    numbers: frozenset[str]
    next: str | None


class Queue:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: Request, agent: Agent) -> Response:
        around = await self._frame.around(agent)
        wanted = asked(request.query_params)
        async with self._frame.database.read() as connection:
            listed = await self._listed(connection, agent, wanted, around["counts"], around["now"])
            new = not listed.groups and wanted.plain and await board.is_new(connection)
        nav = "mine" if wanted.view == "mine" else "queue"
        values = {
            **around, "nav": nav, "asked": wanted, "listed": listed, "new": new, "views": VIEWS, "tiers": TIERS,
            "channels": self._frame.channels, "left": (), "gone": gone,
        }  # fmt: skip
        return self._frame.pages.page(request, "desk/queue.html", **values)

    async def rows(self, request: Request, agent: Agent) -> Response:
        """The rows of a list alone, as they are now; and what has become of those `known` that are not among them."""
        query = request.query_params
        wanted, now = asked(query), datetime.now(UTC)
        async with self._frame.database.read() as connection:
            counts = await board.counts(connection, now, end_of_day=self._frame.end_of_day(now), agent_id=agent.id)
            listed = await self._listed(
                connection, agent, wanted, counts, now, after=query.get("after"), limit=_limit(query.get("limit"))
            )
            known = [case_id(word) for word in query.get("known", "").split(",")[:KNOWN_AT_MOST]]
            missing = [id_ for id_ in known if id_ is not None and case_number(id_) not in listed.numbers]
            cases = await board.some(connection, missing)
            new = not listed.groups and wanted.plain and await board.is_new(connection)
        left = [case for case in cases if not _belongs(case, wanted, agent)]
        return self._frame.pages.page(
            request, "desk/rows.html", asked=wanted, listed=listed, counts=counts, left=left, gone=gone, agent=agent,
            new=new, may_answer=self._frame.may_answer(agent), now=now, after=query.get("after"),
        )  # fmt: skip

    async def side(self, request: Request, agent: Agent) -> Response:
        """What stands around every page again, with the numbers of now."""
        around = await self._frame.around(agent)
        nav = request.query_params.get("nav", "")[:20]
        return self._frame.pages.page(request, "desk/around.html", **{**around, "nav": nav})

    async def _listed(
        self,
        connection: AsyncConnection,
        agent: Agent,
        wanted: Asked,
        counts: Counts,
        now: datetime,
        *,
        after: str | None = None,
        limit: int = PAGE,
    ) -> Listed:
        by = wanted.filter(agent)
        place = _place(after)
        if wanted.words or wanted.view == "resolved":
            cases = await board.newest(connection, by, before=place[1] if place else None, limit=limit + 1)
        else:
            cases = await board.by_deadline(connection, by, after=place, limit=limit + 1)
        more, cases = len(cases) > limit, cases[:limit]
        times = await board.lately(connection, {case["customer_id"] for case in cases}, now)
        night = self._frame.end_of_day(now)
        if wanted.grouped:
            plain = wanted.plain and wanted.view == "unassigned"
            spread = counts if plain else await board.spread(connection, by, now, end_of_day=night)
        else:
            spread = None
        groups = self._groups(cases, wanted, now, night, times, spread)
        return Listed(
            groups=groups,
            numbers=frozenset(case["number"] for case in cases),
            next=_cursor(cases[-1]) if more else None,
        )

    def _groups(
        self,
        cases: Sequence[Mapping[str, Any]],
        wanted: Asked,
        now: datetime,
        night: datetime,
        times: Mapping[int, int],
        spread: Spread | None,
    ) -> list[Group]:
        found: dict[str, Group] = {}
        for case in cases:
            key = group_of(case, now, night) if spread is not None else "found" if wanted.words else wanted.view
            if key not in found:
                count = getattr(spread, key) if spread is not None else None
                found[key] = Group(key=key, title=GROUPS.get(key) or TITLES[key], count=count)
            found[key].rows.append(
                row_of(case, now, times=times.get(case["customer_id"], 0), at=self._frame.clock_time)
            )
        return list(found.values())


def _belongs(case: Mapping[str, Any], wanted: Asked, agent: Agent) -> bool:
    """Whether a case that is not on this page may be on a later one."""
    by = wanted.filter(agent)
    status = case["status"]
    return (
        (by.status == "any" or (status != "resolved" if by.status is None else status == by.status))
        and by.assignee in (None, case["assignee_id"])
        and by.tier in (None, case["tier"])
    )


def _cursor(case: Mapping[str, Any]) -> str:
    return f"{case['sort_at'].timestamp():.6f}~{case['id']}"


def _place(cursor: str | None) -> Place | None:
    """None also for what is none of ours: a list then begins at its beginning."""
    at, _, id_ = (cursor or "").partition("~")
    try:
        return datetime.fromtimestamp(float(at), UTC), max(min(int(id_), 2**53), 0)
    except (ValueError, OverflowError, OSError):
        return None


def _limit(said: str | None) -> int:
    return min(max(int(said), 1), AT_MOST) if said and said.isascii() and said.isdigit() else PAGE
