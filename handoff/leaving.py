"""Who leaves the desk gives back what customers wait for. What waits for the customer goes back when it wakes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff.hands import Hands
from handoff.work import Acts, Work, state
from store import agents, cases, journey, sessions
from store.agents import Agent

Given = list[tuple[int, int]]
"""Conversations and cases that were given back; tell `Acts.published` of each after the commit."""

OPEN: Final = ("open",)
ALL: Final = ("open", "pending", "snoozed")


class Leaving:
    """Signing out and being locked out, each within the transaction that ends the sessions."""

    def __init__(self, acts: Acts, hands: Hands) -> None:
        self._acts = acts
        self._hands = hands

    async def signed_out(self, connection: AsyncConnection, agent: Agent, now: datetime) -> Given:
        """A session of theirs has just ended. Unless another one stands: they are away, their open cases wait again.

        What waits for the customer or sleeps stays theirs until it wakes (`handoff.waking`).
        """
        await agents.hold(connection, agent.id)  # of two devices that leave at once the second sees no other
        if await sessions.stands(connection, agent.id, now):
            return []
        given = await self._give_back(connection, agent, agent, OPEN, unit="sign-out", why="signed_out")
        await agents.set_away(connection, agent.id, now)
        return given

    async def locked_out(self, connection: AsyncConnection, agent: Agent, *, by: Agent) -> Given:
        """They will not come back: nothing stays theirs. What waits for the customer wakes into the queue."""
        await agents.hold(connection, agent.id)
        return await self._give_back(connection, agent, by, ALL, unit="locked-out", why="locked_out")

    async def answers_no_more(self, connection: AsyncConnection, agent: Agent, *, by: Agent) -> Given:
        """Their role is another since this transaction, and may not write to customers: nothing stays theirs."""
        await agents.hold(connection, agent.id)
        return await self._give_back(connection, agent, by, ALL, unit="role", why="role")

    async def tell(self, given: Given) -> None:
        """After the commit."""
        for conversation, case in given:
            await self._acts.published(conversation, case)

    async def _give_back(
        self, connection: AsyncConnection, agent: Agent, by: Agent, statuses: tuple[str, ...], *, unit: str, why: str
    ) -> Given:
        held = await cases.held_by(connection, agent.id)
        await journey.lock(connection, [conversation for _, conversation in held])  # all of them, in everybody's order

        async def action(work: Work) -> dict[str, Any]:
            if work.row["assignee_id"] != agent.id or work.row["status"] not in statuses:
                work.idle = True  # it stays theirs, or has changed hands just now
                return {}
            if work.row["status"] == "open":
                return self._hands.give_back(work, why=why, holder=agent.name)
            work.changes.case(work.id, assignee_id=None)
            work.event("released", why=why, holder=agent.name)
            return state(work.number, work.row["status"], None)

        given: Given = []
        for case_id, _ in held:
            answer, work = await self._acts.on_case(connection, unit, by, case_id, action)
            if answer:
                given.append((work.conversation, work.id))
        return given
