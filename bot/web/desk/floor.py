"""The floor: what is late or soon will be, whoever has it, and who works on what. The upper part of the team's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web import gate
from bot.web.desk.due import SOON
from bot.web.desk.frame import Frame
from bot.web.desk.transcript import called
from store import agents, board
from store.agents import Agent
from store.board import Spread
from store.cases import Filter

LISTED: Final = 50
"""Cases of each list; the queue has the rest."""
LOOKED_AT: Final = 30
"""Cases of one person that are told apart by what they wait for."""
SHOWN: Final = 6
"""Of these as links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """What one person works on. `open`, `pending` and `snoozed` are of the first `LOOKED_AT`."""

    who: Agent
    cases: int
    open: int
    pending: int
    snoozed: int
    shown: Sequence[Mapping[str, Any]]
    next: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The same for all who look. `addresses`: of whoever holds a case, to give it back to them."""

    now: datetime
    late: Sequence[Mapping[str, Any]]
    soon: Sequence[Mapping[str, Any]]
    counts: Spread
    hands: Sequence[Hand]
    people: Sequence[Agent]
    addresses: Mapping[int, str]


def routes(frame: Frame) -> list[Route]:
    async def part(request: Request, agent: Agent) -> Response:
        values = await floor_values(frame, agent)
        return frame.pages.page(request, "desk/team-floor.html", agent=agent, **values)

    return [Route("/desk/team/floor", frame.part(part), methods=["GET"])]


async def floor_values(frame: Frame, agent: Agent) -> dict[str, Any]:
    """What `desk/team-floor.html` needs."""

    async def make() -> Floor:
        now = datetime.now(UTC)
        return await frame.database.look(lambda connection: _read(connection, now, frame.end_of_day(now)))

    floor: Floor = await frame.shared.get("floor", make)
    present = await frame.bus.who_is_present()
    here = {person.id for person in floor.people if f"agent:{person.id}" in present}
    held = {hand.who.id for hand in floor.hands}
    idle = [person for person in floor.people if person.id in here - held and gate.may(person, "answer")]
    return {
        "now": floor.now,
        "floor": floor,
        "hands": sorted(floor.hands, key=lambda hand: (hand.who.id not in here, hand.who.name.casefold())),
        "idle": idle,
        "here_now": here,
        "may_supervise": gate.may(agent, "supervise"),
        "may_answer": gate.may(agent, "answer"),
        "called": called,
    }


async def _read(connection: AsyncConnection, now: datetime, night: datetime) -> Floor:
    counts = await board.spread(connection, Filter(), now, end_of_day=night)
    late = await board.by_deadline(connection, Filter(), limit=LISTED)
    soon = await board.by_deadline(connection, Filter(), after=(now, 2**53), limit=LISTED)
    people = [person for person in await agents.list_agents(connection) if person.active]
    hands = await board.in_hand(connection)
    found = [
        _hand(person, hands[person.id], await board.held_briefly(connection, person.id, limit=LOOKED_AT))
        for person in people
        if person.id in hands
    ]
    return Floor(
        now=now,
        late=[case for case in late if case["sort_at"] <= now],
        soon=[case for case in soon if case["sort_at"] <= now + SOON],
        counts=counts,
        hands=found,
        people=people,
        addresses={person.id: person.email for person in people},
    )


def _hand(person: Agent, hand: board.Hand, cases: Sequence[Mapping[str, Any]]) -> Hand:
    of = [case["status"] for case in cases]
    return Hand(
        who=person,
        cases=hand.cases,
        open=of.count("open"),
        pending=of.count("pending"),
        snoozed=of.count("snoozed"),
        shown=cases[:SHOWN],
        next=hand.next,
    )
