"""What every page of the desk stands in: who is signed in, and what the frame around the page shows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from bot.live import Live
from bot.standings import links_down
from bot.web import gate
from bot.web.api import Office
from bot.web.desk.due import due_of
from bot.web.desk.shared import Shared
from bot.web.page import Pages
from bot.web.refused import on_record
from bot.web.shell import error_body
from bot.web.who import agent_in_browser, is_our_page
from handoff.desk import Desk
from intents.stance import Stance
from store import board
from store.agents import Agent
from store.board import Counts
from store.bus import Bus
from store.database import Database

Handler = Callable[[Request, Agent], Awaitable[Response]]
Plain = Callable[[Request], Awaitable[Response]]

NAV: Final = (
    ("queue", "/desk", "queue", "Queue"),
    ("team", "/desk/team", "people", "Team"),
    ("customers", "/desk/customers", "t-person", "Customers"),
    ("macros", "/desk/macros", "doc", "Saved replies"),
    ("channels", "/desk/channels", "plug", "Channels"),
    ("gate", "/desk/gate", "check", "Gate"),
    ("search", "/desk/search", "find", "Search"),
)
"""Name, address, icon, word of each page that the frame leads to. `nav` in a template is the name of its own."""
ADMINS_NAV: Final[tuple[tuple[tuple[str, str, str, str], gate.Act], ...]] = (
    (("people", "/desk/people", "gear", "People"), "administer"),
    (("audit", "/desk/audit", "eye", "Audit log"), "audit"),
)
"""Pages that are shown to who may do this."""
NOT_YOURS: Final = "This page is not for your role"
SIGNED_OUT: Final = "You are signed out. Sign in again; what you wrote is kept in this browser."
FOREIGN: Final = "This request comes from another website. Use the desk's own pages."


class SignedOut(Exception):
    """Nobody is signed in here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What stands around everybody's pages. What in `counts` is a person's own is 0."""

    counts: Counts
    links_down: int


class Frame:
    """Shared by all pages of the desk."""

    def __init__(
        self,
        *,
        database: Database,
        bus: Bus,
        live: Live,
        pages: Pages,
        desk: Desk,
        office: Office,
        company: str,
        zone: ZoneInfo,
        channels: Sequence[str] = (),
    ) -> None:
        self.database = database
        self.bus = bus
        self.live = live
        self.pages = pages
        self.desk = desk
        self.office = office
        self.company = company
        self.zone = zone
        self.channels = channels
        self.closing = asyncio.Event()
        self.shared: Shared[Any] = Shared(mark=lambda: live.latest)
        pages.environment.globals.update(due_of=due_of, clock_time=self.clock_time, initials=initials)

    def stop(self) -> None:
        """Let every open stream end."""
        self.closing.set()

    # --- who asks --------------------------------------------------------------------------------

    async def signed_in(self, request: Request) -> Agent:
        """Who is signed in.

        Raises:
            SignedOut: nobody; `page` and `part` answer for it.
        """
        agent = await agent_in_browser(request, self.database)
        if agent is None or gate.rank(agent.role) < 0:
            raise SignedOut
        return agent

    def page(self, handler: Handler) -> Plain:
        """A whole page: who is not signed in is led to the door, and back afterwards."""

        async def wrapped(request: Request) -> Response:
            try:
                agent = await self.signed_in(request)
            except SignedOut:
                wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"/desk/sign-in?next={quote(wanted, safe='/')}", 303)
            try:
                return await handler(request, agent)
            except gate.Forbidden as refusal:
                await on_record(self.office, request, refusal)
                values = {**await self.around(agent), "heading": NOT_YOURS, "why": str(refusal)}
                return self.pages.page(request, "desk/refused.html", status=403, **values)

        return wrapped

    def part(self, handler: Handler) -> Plain:
        """What a page fetches or posts by itself: 401 if nobody is signed in, 403 if another website asks."""

        async def wrapped(request: Request) -> Response:
            if request.method == "POST" and not is_our_page(request.headers):
                return JSONResponse(error_body("forbidden", FOREIGN), 403)
            try:
                agent = await self.signed_in(request)
            except SignedOut:
                return JSONResponse(error_body("signed_out", SIGNED_OUT), 401, headers={"X-Signed-Out": "1"})
            try:
                return await handler(request, agent)
            except gate.Forbidden as refusal:
                await on_record(self.office, request, refusal)
                return JSONResponse(error_body("forbidden", str(refusal)), 403)

        return wrapped

    @staticmethod
    def may_answer(agent: Agent) -> bool:
        return gate.may(agent, "answer")

    def gate_closed(self) -> Stance | None:
        """The gate's closing, until an admin has said that it was seen."""
        stance = self.office.gate.stance
        return stance if stance.state == "closed" and stance.unseen else None

    # --- what stands around ----------------------------------------------------------------------

    async def around(self, agent: Agent, *, shared: Around | None = None) -> dict[str, Any]:
        """What `desk/base.html` needs; give it to the template together with the page's own values.

        `shared`: what is the same for everybody, if it was read a moment ago.
        """
        now, mark = datetime.now(UTC), self.live.mark  # before anything is read

        async def read(connection: AsyncConnection) -> tuple[Around, board.Own, list[dict[str, Any]]]:
            same = shared or await self._around_all(connection, now)
            return same, await board.own(connection, agent.id), await board.of_agent(connection, agent.id)

        same, own, mine = await self.database.look(read)
        counts, down = replace(same.counts, mine=own.mine, teams=own.teams, mentions=own.mentions), same.links_down
        return {
            "agent": agent,
            "role": agent.role,
            "may_answer": self.may_answer(agent),
            "counts": counts,
            "mine": mine,
            "links_down": down,
            "nav": "",
            "base": self.office.base,  # as customers reach us: for links that go to them
            "nav_links": [*NAV, *(page for page, act in ADMINS_NAV if gate.may(agent, act))],
            "gate_closed": self.gate_closed(),
            "now": now,
            "mark": mark,
        }

    async def around_all(self) -> Around:
        """What stands around everybody's pages now, made once for all desks that ask in the same moment."""

        async def make() -> Around:
            now = datetime.now(UTC)
            return await self.database.look(lambda connection: self._around_all(connection, now))

        found: Around = await self.shared.get("around", make)
        return found

    async def _around_all(self, connection: AsyncConnection, now: datetime) -> Around:
        counts = await board.counts(connection, now, end_of_day=self.end_of_day(now))
        return Around(counts=counts, links_down=await links_down(connection, now, here=self.office.watch.accounts))

    # --- times -----------------------------------------------------------------------------------

    def clock_time(self, at: datetime, now: datetime | None = None) -> str:
        """14:40 in the company's zone; with the day, where that is another than today's."""
        local = at.astimezone(self.zone)
        today = (now or datetime.now(UTC)).astimezone(self.zone)
        if local.date() == today.date():
            return f"{local:%H:%M}"
        if abs(local.date() - today.date()) < timedelta(days=7):
            return f"{local:%a %H:%M}"
        return f"{local.day} {local:%b %H:%M}"

    def end_of_day(self, now: datetime) -> datetime:
        """Midnight in the company's zone."""
        local = now.astimezone(self.zone)
        return datetime(local.year, local.month, local.day, tzinfo=self.zone) + timedelta(days=1)


def initials(name: str) -> str:
    """Two letters that stand for a person."""
    words = [word for word in name.split() if word[0].isalnum()] or [name or "?"]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else words[0][1:2])).upper()
