"""Feedback that somebody has read: done, without a word to who wrote it, and put back as it was if that was a slip."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from handoff.errors import WrongState
from handoff.hands import Hands
from handoff.work import Acts, Once, Work, state
from store import journey
from store.agents import Agent

READ: Final = "read"
"""The flag of a case that was closed by reading: what it was before."""


class Reading:
    """`read` and `unread`, each one unit of work."""

    def __init__(self, acts: Acts, hands: Hands) -> None:
        self._acts = acts
        self._hands = hands

    async def read(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """Close feedback that nobody else holds, quietly.

        Raises:
            WrongState: it is no feedback, and somebody waits for an answer; or it is resolved.
            HeldByOther: somebody has it.
        """

        async def action(work: Work) -> dict[str, Any]:
            work.must_be_unresolved()
            if work.row["tier"] != "feedback":
                raise WrongState(f"{work.number} is no feedback: somebody waits for an answer. Resolve it instead.")
            if work.row["assignee_id"] is not None:
                work.must_hold()
            before = {
                "status": work.row["status"],
                "assignee": work.row["assignee_id"],
                "deadline": _iso(work.row["deadline"]),
                "since": _iso(work.row["unanswered_since"]),
                "owner": work.locked.owner,
            }
            self._hands.close(work, "solved")
            work.changes.case(work.id, assignee_id=agent.id, flags={**(work.row["flags"] or {}), READ: before})
            work.event("resolved", outcome="solved", read=True)
            return state(work.number, "resolved", agent.name)

        return await self._acts.act("read", agent, number, action, once)

    async def unread(self, agent: Agent, number: str, once: Once | None = None) -> dict[str, Any]:
        """Put back what one has closed by reading, as it was: nobody's, with its old deadline.

        Raises:
            WrongState: it was not closed by reading, or something has come since; reopen it then.
        """

        async def action(work: Work) -> dict[str, Any]:
            flags = dict(work.row["flags"] or {})
            before = flags.pop(READ, None)
            newest = (await journey.newest_cases(work.connection, [work.conversation]))[work.conversation]
            if work.row["status"] != "resolved" or before is None or newest.id != work.id:
                raise WrongState(f"{work.number} is not as it was left after reading. Look at it again.")
            if before["owner"] != work.locked.owner:
                work.hand(before["owner"])
            by, since = _time(before["deadline"]), _time(before["since"])
            holder = before["assignee"]
            work.changes.case(
                work.id, status=before["status"], assignee_id=holder, outcome=None, resolved_at=None, deadline=by,
                unanswered_since=since, flags=flags,
            )  # fmt: skip
            if by is not None:
                work.changes.due("breach", work.id, max(by, work.now), now=work.now)
            work.event("reopened", read=False)
            return state(work.number, before["status"], agent.name if holder is not None else None)

        return await self._acts.act("unread", agent, number, action, once)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _time(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said)
