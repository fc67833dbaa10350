"""The queue: who waits, by when, and one button that takes the next one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.intake import clean
from bot.web import gate
from bot.web.desk.frame import Frame
from bot.web.desk.rows import GROUPS, Group, gone, group_of, place_of, row_of
from bot.web.desk.transcript import OUTCOME_NAMES
from bot.web.page import Ready
from store import agents, belonging, board, mentions
from store.agents import Agent
from store.board import PAGE, Counts, Own, Place, Spread
from store.cases import Filter
from store.words import case_id, case_number

AT_MOST: Final = 400
"""Rows that a page is brought up to date with at once; what a page shows beyond these it asks for by their numbers."""
KNOWN_AT_MOST: Final = 400
VIEWS: Final = {
    "unassigned": "Unassigned",
    "mine": "Mine",
    "teams": "My teams",
    "mentions": "Mentions",
    "all": "Everyone’s",
    "pending": "Waiting on customer",
    "snoozed": "Snoozed",
    "resolved": "Resolved",
    "feedback": "Feedback",
}
TITLES: Final = {"mine": "Mine", "pending": "Waiting on the customer", "snoozed": "Snoozed", "resolved": "Resolved",
                 "found": "Found", "mentions": "You are mentioned"}  # fmt: skip
TIERS: Final = ("outage", "billing", "person", "problem", "howto", "feedback", "unknown")
BULK_OUTCOMES: Final = (
    *((name, OUTCOME_NAMES[name]) for name in ("solved", "workaround", "guided", "no_fault")),
    ("spam", "Spam, nothing is sent"),
)
OWN: Final = ("mine", "teams", "mentions")
"""Lists that are not the same for all who look at them."""
_GROUPED: Final = ("unassigned", "mine", "teams", "all", "feedback")


def routes(frame: Frame) -> list[Route]:
    queue = Queue(frame)
    return [
        Route("/desk", frame.page(queue.page), methods=["GET"]),
        Route("/desk/queue/rows", frame.part(queue.rows), methods=["GET"]),
        Route("/desk/side", frame.part(queue.side), methods=["GET"]),
        Route("/desk/offer", frame.part(queue.offer), methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a list is asked for, checked: whatever makes no sense is as if it were not said."""

    view: str
    tier: str | None
    channel: str | None
    words: str
    teams: frozenset[int] = frozenset()
    """Those that who asks belongs to."""

    @property
    def grouped(self) -> bool:
        return self.view in _GROUPED and not self.words

    @property
    def plain(self) -> bool:
        return not (self.tier or self.channel or self.words)

    @property
    def newest(self) -> bool:
        """By number, the newest first; all others are by deadline."""
        return bool(self.words) or self.view == "resolved"

    def filter(self, agent_id: int) -> Filter:
        if self.words:
            return Filter(status="any", words=self.words, tier=self.tier, channel=self.channel)
        status = {
            "unassigned": "waiting",
            "feedback": "waiting",
            "teams": "waiting",
            "mine": None,
            "all": None,
            "mentions": "any",
        }.get(self.view, self.view)
        return Filter(
            status=status,
            tier="feedback" if self.view == "feedback" else self.tier,
            channel=self.channel,
            assignee=agent_id if self.view == "mine" else None,
            teams=self.teams if self.view == "teams" else None,
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


Rights = tuple[bool, bool]
"""Whether one may answer, and whether one may act on others' cases: what a row shows depends on nothing else of who
looks at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The beginning of a list at one moment, the same for all who look at it. In `counts`, what is one's own is 0."""

    listed: Listed
    counts: Counts
    now: datetime
    new: bool
    rows: dict[Rights, Markup] = field(default_factory=dict)
    whole: dict[Hashable, Ready] = field(default_factory=dict)
    """Answers, by what in them is not the same for all."""


class Queue:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: Request, agent: Agent) -> Response:
        around = await self._frame.around(agent)
        wanted = asked(request.query_params)
        wanted = await self._theirs(wanted, agent)
        sheet = await self._read(wanted, agent.id, around["now"], counts=around["counts"])
        supervises = gate.may(agent, "supervise")
        nav = "mine" if wanted.view == "mine" else "queue"
        values = {
            **around, "nav": nav, "asked": wanted, "listed": sheet.listed, "new": sheet.new, "views": VIEWS,
            "tiers": TIERS, "channels": self._frame.channels, "inner": self._drawn(sheet, wanted, agent), "aside": "",
            "colleagues": await self._colleagues() if supervises else (), "outcomes": BULK_OUTCOMES,
        }  # fmt: skip
        return self._frame.pages.page(request, "desk/queue.html", **values)

    async def _theirs(self, wanted: Asked, agent: Agent) -> Asked:
        """The same, with the teams of who asks."""
        teams = await self._frame.database.look(lambda connection: belonging.of_agent(connection, agent.id))
        return replace(wanted, teams=teams)

    async def _colleagues(self) -> list[Agent]:
        """Who may be given cases."""
        people = await self._frame.database.look(agents.list_agents)
        return [person for person in people if person.active and gate.may(person, "answer")]

    async def rows(self, request: Request, agent: Agent) -> Response:
        """The rows of a list alone, as they are now; and what has become of those `known` that are not among them.

        With `tail` the page shows more than it asks for: those `known` that are still of the list come along.
        """
        query = request.query_params
        wanted, limit, after = asked(query), _limit(query.get("limit")), _place(query.get("after"))
        own = wanted.view in OWN or wanted.words != ""
        wanted = await self._theirs(wanted, agent) if own else wanted

        async def make() -> Sheet:
            return await self._read(wanted, agent.id if own else 0, datetime.now(UTC), after=after, limit=limit)

        if own or after is not None:
            sheet = await make()
        else:
            sheet = await self._frame.shared.get(("queue", wanted, limit), make)
        known = tuple(_known(query.get("known", ""), sheet.listed))
        theirs, cases = await self._frame.database.look_for((agent.id, known), _personal) or (board.NOTHING, [])
        left = [case for case in cases if not _belongs(case, wanted, agent)]
        further = [case for case in cases if _belongs(case, wanted, agent)] if "tail" in query else []
        ready = self._ready(sheet, wanted, agent, theirs, left, await self._further(further, wanted), after is not None)
        return self._frame.pages.made(request, ready)

    async def _further(self, cases: Sequence[Mapping[str, Any]], wanted: Asked) -> list[Group]:
        """Rows behind the end of a sheet, each in its group."""
        if not cases:
            return []
        now = datetime.now(UTC)
        people = {case["customer_id"] for case in cases}
        times = await self._frame.database.look(lambda connection: board.lately(connection, people, now))
        spread = Spread() if wanted.grouped else None
        return self._groups(cases, wanted, now, self._frame.end_of_day(now), times, spread)

    def _drawn(self, sheet: Sheet, wanted: Asked, agent: Agent, *, after: bool = False) -> Markup:
        """The groups of a sheet for whoever has these rights: drawn once for all of them."""
        rights: Rights = (gate.may(agent, "answer"), gate.may(agent, "supervise"))
        if rights not in sheet.rows:
            sheet.rows[rights] = Markup(self._frame.pages.html(  # noqa: S704 -- a template of ours, which escapes
                "desk/rows-groups.html", asked=wanted, listed=sheet.listed, counts=sheet.counts, now=sheet.now,
                new=sheet.new, may_answer=rights[0], may_supervise=rights[1], after=after,
            ))  # fmt: skip
        return sheet.rows[rights]

    def _ready(
        self,
        sheet: Sheet,
        wanted: Asked,
        agent: Agent,
        own: Own,
        left: Sequence[Mapping[str, Any]],
        further: Sequence[Group],
        after: bool,
    ) -> Ready:
        rights = (gate.may(agent, "answer"), gate.may(agent, "supervise"))
        aside = ""
        if left or further:
            aside = self._frame.pages.html(
                "desk/rows-aside.html", left=left, further=further, gone=gone, agent=agent, asked=wanted, now=sheet.now,
                may_answer=rights[0], may_supervise=rights[1],
            )  # fmt: skip
        key = (rights, own, aside)  # of many who hold as much, all get the very same bytes
        if key not in sheet.whole:
            counts = replace(sheet.counts, mine=own.mine, teams=own.teams, mentions=own.mentions)
            # What stands in an empty list says where one's own cases are.
            mine = sheet if sheet.listed.groups else replace(sheet, counts=counts, rows={})
            sheet.whole[key] = Ready.of(self._frame.pages.html(
                "desk/rows.html", listed=sheet.listed, counts=counts, aside=Markup(aside),  # noqa: S704 -- as above
                inner=self._drawn(mine, wanted, agent, after=after),
            ))  # fmt: skip
        return sheet.whole[key]

    async def side(self, request: Request, agent: Agent) -> Response:
        """What stands around every page again, with the numbers of now."""
        around = await self._frame.around(agent, shared=await self._frame.around_all())
        nav = request.query_params.get("nav", "")[:20]
        return self._frame.pages.page(request, "desk/around.html", **{**around, "nav": nav})

    async def offer(self, request: Request, agent: Agent) -> Response:
        """The case that this person is asked to take now, if any."""
        found = await self._frame.office.offering.mine(agent)
        offer = None if found is None else {**found, "number": case_number(found["case_id"])}
        return self._frame.pages.page(request, "desk/offer.html", offer=offer)

    async def _read(
        self,
        wanted: Asked,
        agent_id: int,
        now: datetime,
        *,
        counts: Counts | None = None,
        after: Place | None = None,
        limit: int = PAGE,
    ) -> Sheet:
        """One page of a list from one view of the database; it is let go of before anything is drawn."""
        by, night = wanted.filter(agent_id), self._frame.end_of_day(now)

        async def read(connection: AsyncConnection) -> tuple[list[dict[str, Any]], dict[int, int], Any, Counts, bool]:
            numbers = counts or await board.counts(connection, now, end_of_day=night)
            before = after[1] if after else None
            if wanted.view == "mentions" and not wanted.words:
                ids = await mentions.unseen(connection, agent_id, before=before, limit=limit + 1)
                cases = sorted(await board.some(connection, ids), key=lambda case: -int(case["id"]))
            elif wanted.newest:
                cases = await board.newest(connection, by, before=before, limit=limit + 1)
            else:
                cases = await board.by_deadline(connection, by, after=after, limit=limit + 1)
            times = await board.lately(connection, {case["customer_id"] for case in cases[:limit]}, now)
            spread: Spread | None = None
            if wanted.grouped:
                plain = wanted.plain and wanted.view == "unassigned"
                spread = numbers if plain else await board.spread(connection, by, now, end_of_day=night)
            new = not cases and wanted.plain and await board.is_new(connection)
            return cases, times, spread, numbers, new

        cases, times, spread, numbers, new = await self._frame.database.look(read)
        more, cases = len(cases) > limit, cases[:limit]
        listed = Listed(
            groups=self._groups(cases, wanted, now, night, times, spread),
            numbers=frozenset(case["number"] for case in cases),
            next=place_of(cases[-1]) if more else None,
        )
        return Sheet(listed=listed, counts=numbers, now=now, new=new)

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
    if wanted.view == "mentions":
        return False  # seen meanwhile
    by = wanted.filter(agent.id)
    status = case["status"]
    return (
        (by.status == "any" or (status != "resolved" if by.status is None else status == by.status))
        and by.assignee in (None, case["assignee_id"])
        and by.tier in (None, case["tier"])
        and (by.teams is None or case["team_id"] in by.teams)
    )


def _place(cursor: str | None) -> Place | None:
    """None also for what is none of ours: a list then begins at its beginning."""
    at, _, id_ = (cursor or "").partition("~")
    try:
        return datetime.fromtimestamp(float(at), UTC), max(min(int(id_), 2**53), 0)
    except (ValueError, OverflowError, OSError):
        return None


def _limit(said: str | None) -> int:
    """In whole pages, so that desks that show about as much share one answer."""
    asked = min(max(int(said[:6]), 1), AT_MOST) if said and said.isascii() and said.isdigit() else PAGE
    return asked if asked < PAGE else -(-asked // PAGE) * PAGE


def _known(said: str, listed: Listed) -> list[int]:
    """Cases that the page shows and the sheet does not."""
    ids = (case_id(word) for word in said.split(",")[:KNOWN_AT_MOST])
    return [id_ for id_ in ids if id_ is not None and case_number(id_) not in listed.numbers]


async def _personal(
    connection: AsyncConnection, asked: Sequence[tuple[int, tuple[int, ...]]]
) -> dict[tuple[int, tuple[int, ...]], tuple[Own, list[dict[str, Any]]]]:
    """What is one's own in an answer, of several people: one's counts, and the cases that one's page knows."""
    own = await board.own_of(connection, {agent_id for agent_id, _ in asked})
    known = sorted({id_ for _, ids in asked for id_ in ids})
    cases: dict[int, dict[str, Any]] = {}
    for at in range(0, len(known), KNOWN_AT_MOST):
        cases |= {case["id"]: case for case in await board.some(connection, known[at : at + KNOWN_AT_MOST])}
    return {
        (agent_id, ids): (own.get(agent_id, board.NOTHING), [cases[id_] for id_ in ids if id_ in cases])
        for agent_id, ids in asked
    }
