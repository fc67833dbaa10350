"""Giving out work: one round of asking people about waiting cases, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff.assigning import Person, Waiting, choose, goes_up, in_order
from handoff.errors import NoSuchCase, WrongState
from handoff.hands import Hands
from handoff.opening import Rules
from handoff.work import Acts, Work, state
from store import journey, line, offers, tags
from store.agents import Agent
from store.changes import Changes
from store.database import Database
from store.offers import Offer
from store.words import case_number

AGAIN_AFTER: Final = timedelta(hours=1)
"""Who has declined a case is not asked about it again before then."""
NOT_YOURS: Final = "This case is not offered to you any more."


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round has changed: who sees another offer, or none; and what is to go up to a supervisor."""

    people: frozenset[int] = frozenset()
    up: Mapping[int, int] = field(default_factory=dict)
    """case -> conversation"""


async def play(connection: AsyncConnection, present: Collection[int], roles: Collection[str], now: datetime) -> Round:
    """One round, in the caller's transaction. `present`: who is at a page of the desk."""
    terms = await offers.terms(connection)
    standing = await offers.standing(connection)
    pushes = terms["mode"] == "push"
    if not pushes and not standing:
        return Round()
    there = [row for row in await offers.at_work(connection, roles, now) if row["id"] in present] if pushes else []
    ended = await _ended(connection, standing, {row["id"] for row in there}, now)
    if not pushes:
        return Round(people=frozenset(offer.agent_id for offer in ended))
    still = {offer.case_id: offer.agent_id for offer in standing if offer not in ended}
    rows = await offers.front(connection)
    vain = await offers.in_vain(connection, [row["id"] for row in rows], now - AGAIN_AFTER)
    tagged = await tags.of(connection, [row["id"] for row in rows])
    waiting = [_waiting(row, still, vain, tagged) for row in rows]
    people = [_person(row, still, int(terms["capacity"])) for row in there]
    run = await line.run_so_far(connection)
    chosen = choose(list(in_order(waiting, now, run=run)), people)
    until = now + timedelta(seconds=int(terms["claim_within"]))
    for case_id, agent_id in chosen:
        await offers.make(connection, case_id, agent_id, now, until)
    asked = {case_id for case_id, _ in chosen}
    up = [
        row for row, case in zip(rows, waiting, strict=True)
        if not (row["flags"] or {}).get("unclaimed")
        and _up(case, row, vain, there, now=now, within=int(terms["claim_within"]), asked=case.id in asked)
    ]  # fmt: skip
    return Round(
        people=frozenset([offer.agent_id for offer in ended] + [agent_id for _, agent_id in chosen]),
        up={row["id"]: row["conversation_id"] for row in up},
    )


async def _ended(
    connection: AsyncConnection, standing: Collection[Offer], there: Collection[int], now: datetime
) -> list[Offer]:
    """Offers whose time is over, whose person has gone, or whose case somebody has."""
    cases = await offers.statuses(connection, [offer.case_id for offer in standing])
    ended = []
    for offer in standing:
        taken = cases.get(offer.case_id, ("", None))[0] != "waiting"
        late = offer.until <= now
        if (taken or late or offer.agent_id not in there) and await offers.end(
            connection, offer.id, "taken" if taken else "over" if late else "gone"
        ):
            ended.append(offer)
    return ended


def _waiting(
    row: Mapping[str, Any], still: Mapping[int, int], vain: Mapping[int, list[int]], tagged: Mapping[int, list[str]]
) -> Waiting:
    return Waiting(
        id=row["id"],
        urgent=row["urgent"],
        tier=row["tier"],
        channel=row["channel"],
        language=(row["flags"] or {}).get("language"),
        tags=frozenset(tagged.get(row["id"], ())),
        team=row["team_id"],
        deadline=row["deadline"],
        on_offer=row["id"] in still,
        declined=frozenset(vain.get(row["id"], ())),
    )


def _person(row: Mapping[str, Any], still: Mapping[int, int], capacity: int) -> Person:
    skills = row["skills"] or {}
    return Person(
        id=row["id"],
        load=row["load"],
        capacity=capacity if row["capacity"] is None else row["capacity"],
        asked=row["id"] in still.values(),
        tiers=frozenset(skills.get("tiers", ())),
        channels=frozenset(skills.get("channels", ())),
        languages=frozenset(skills.get("languages", ())),
        tags=frozenset(skills.get("tags", ())),
        teams=frozenset(row["teams"]),
        offered_at=row["asked_at"].timestamp() if row["asked_at"] is not None else 0.0,
    )


def _up(
    case: Waiting,
    row: Mapping[str, Any],
    vain: Mapping[int, list[int]],
    there: Collection[Mapping[str, Any]],
    *,
    now: datetime,
    within: int,
    asked: bool,
) -> bool:
    since = row["unanswered_since"] or row["opened_at"]
    in_vain = vain.get(case.id, [])
    anybody = asked or any(person["id"] not in case.declined for person in there)
    waited = (now - since).total_seconds()
    return goes_up(case, asked=len(in_vain), anybody=anybody, waited=waited, within=within)


async def go_up(connection: AsyncConnection, up: Mapping[int, int], rules: Rules, now: datetime) -> None:
    """In the case's story, as a sign in lists, and (if anybody is called at all) as a call.

    A transaction of its own: who takes an offer locks the conversation first, and the offer then.
    """
    await journey.lock(connection, sorted(up.values()))
    changes = Changes()
    for id_ in up:
        case = await journey.read_case(connection, id_)
        if case is None or case.status != "waiting" or case.flags.get("unclaimed"):
            continue
        changes.case(case.id, flags={**case.flags, "unclaimed": True})
        changes.event(case.id, "unclaimed", actor="system", now=now)
        if rules.notify and (case.urgent or rules.hours.is_open(now)):
            changes.due("notify", case.id, now, now=now, data={"why": "unclaimed"})
    await changes.write(connection)


class Offering:
    """What people answer to an offer, and by which terms they are asked."""

    def __init__(self, *, database: Database, acts: Acts, hands: Hands, changed: Callable[[], None]) -> None:
        self._database = database
        self._acts = acts
        self._hands = hands
        self._changed = changed

    async def mine(self, agent: Agent) -> dict[str, Any] | None:
        """What they are asked now."""
        async with self._database.read() as connection:
            return await offers.of_agent(connection, agent.id, self._acts.clock())

    async def take(self, agent: Agent, id_: int) -> dict[str, Any]:
        """Claim the case that is offered.

        Raises:
            NoSuchCase: there is no such offer to them.
            WrongState: it has ended.
        """
        number = case_number((await self._theirs(agent, id_)).case_id)

        async def action(work: Work) -> dict[str, Any]:
            if work.row["assignee_id"] == agent.id:
                work.idle = True
                return state(work.number, work.row["status"], agent.name)  # pressed twice
            offer = await offers.read(work.connection, id_)
            # `gone`: for a moment the desk did not know that they are there, after a restart say.
            stands = offer is not None and offer.state in ("offered", "gone") and offer.until > work.now
            if not stands or work.row["status"] != "waiting":
                raise WrongState(NOT_YOURS)
            await offers.end(work.connection, id_, "taken")
            return state(work.number, self._hands.take(work, agent), agent.name)

        answer = await self._acts.act("take offer", agent, number, action)
        self._changed()
        return answer

    async def decline(self, agent: Agent, id_: int) -> None:
        """Pass it: the next one is asked.

        Raises:
            NoSuchCase: there is no such offer to them.
        """
        await self._theirs(agent, id_)
        async with self._database.write("offer.pass") as connection:
            await offers.end(connection, id_, "passed")
        self._changed()

    async def _theirs(self, agent: Agent, id_: int) -> Offer:
        async with self._database.read() as connection:
            offer = await offers.read(connection, id_)
        if offer is None or offer.agent_id != agent.id:
            raise NoSuchCase("There is no such offer to you.")
        return offer
