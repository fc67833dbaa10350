"""Spam, and no more of it: what a blocked identity writes is kept, and reaches nobody unless it is about safety."""

from __future__ import annotations

from typing import Any

from handoff.errors import WrongState
from handoff.hands import Hands
from handoff.work import Acts, Once, Work, state
from store import blocks
from store.agents import Agent


class Blocking:
    def __init__(self, acts: Acts, hands: Hands) -> None:
        self._acts = acts
        self._hands = hands

    async def block(self, agent: Agent, number: str, why: str, once: Once | None = None) -> dict[str, Any]:
        """Close the case as spam, without a word, and block the identity that writes in it; no other of theirs.

        Raises:
            HeldByOther: a colleague has it.
            WrongState: the identity is blocked already.
        """

        async def action(work: Work) -> dict[str, Any]:
            if work.row["status"] != "resolved":
                self._close(work)
            identity = int(work.row["identity_id"])
            if not await blocks.put(work.connection, identity, by=work.agent.id, why=why, now=work.now):
                raise WrongState("They are blocked already.")
            work.event("blocked", why=why)
            return {**state(work.number, "resolved", work.row["assignee"] or work.agent.name), "blocked": True}

        return await self._acts.act("block", agent, number, action, once)

    async def unblock(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """What they write from now on is read again. What came meanwhile stays where it is, and can be read there.

        Raises:
            WrongState: the identity of this case is not blocked.
        """

        async def action(work: Work) -> dict[str, Any]:
            if not await blocks.undo(work.connection, int(work.row["identity_id"]), by=work.agent.id, now=work.now):
                raise WrongState("They are not blocked.")
            work.event("unblocked")
            return {**state(work.number, work.row["status"], work.row["assignee"]), "blocked": False}

        return await self._acts.act("unblock", agent, number, action, once)

    def _close(self, work: Work) -> None:
        if work.row["assignee_id"] is not None:
            work.must_hold()
        else:
            work.changes.case(work.id, assignee_id=work.agent.id)
        self._hands.close(work, "spam")
        work.event("resolved", outcome="spam")
