"""Whose a case is: put into somebody's hands, given back to the queue, closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from handoff import texts
from handoff.deadlines import deadline
from handoff.opening import Rules
from handoff.work import Work, state
from store.agents import Agent


class Hands:
    """Changes of hands within an action. `letters` says of a channel whether each message is a letter: who takes a
    case over does not write one only to say so."""

    def __init__(self, rules: Rules, letters: Callable[[str], bool] = lambda _: False) -> None:
        self._rules = rules
        self._letters = letters

    def take(self, work: Work, agent: Agent) -> str:
        """Put the case in this person's hands; its status then."""
        work.hand("human")
        status = "open" if work.row["status"] in ("waiting", "snoozed") else str(work.row["status"])
        introduced = list((work.row["flags"] or {}).get("introduced", ()))
        columns: dict[str, Any] = {
            "assignee_id": agent.id,
            "status": status,
            "claimed_at": work.row["claimed_at"] or work.now,
            "snoozed_until": None,
        }
        if agent.id not in introduced and not self._letters(str(work.row["channel"])):
            work.say(
                author="system",
                author_name=agent.name,
                kind="notice",
                body=texts.takeover(agent.name, work.number, themselves=agent.id == work.agent.id, public=work.public),
                condition="case_held",
            )
            columns["flags"] = {**(work.row["flags"] or {}), "introduced": [*introduced, agent.id]}
        if (work.row["flags"] or {}).get("unclaimed"):
            columns["flags"] = {**columns.get("flags", work.row["flags"]), "unclaimed": False}
        work.changes.case(work.id, **columns)
        work.event("claimed", holder=agent.name)
        return status

    def give_back(self, work: Work, **why: Any) -> dict[str, Any]:
        """To the queue, where every case has a deadline and a first-class one calls until somebody takes it.

        `why`: what its history says beside that it was given back.
        """
        columns: dict[str, Any] = {"assignee_id": None, "status": "waiting", "snoozed_until": None}
        if work.row["deadline"] is None:
            by = deadline(work.row["sla"], work.now, self._rules.targets, self._rules.hours)
            columns |= {"deadline": by, "unanswered_since": work.now}
            work.changes.due("breach", work.id, by, now=work.now)
        if self._rules.notify and work.row["urgent"] and work.row["assignee_id"] is not None:
            work.changes.due("notify", work.id, work.now, now=work.now, data={"why": "released"})
        work.changes.case(work.id, **columns)
        work.event("released", **why)
        return state(work.number, "waiting", None)

    def close(self, work: Work, outcome: str) -> None:
        """Resolved: the machine's again; what nobody has read yet opens it once more."""
        work.hand("bot")
        unread = work.locked.first_undecided if outcome != "spam" else None
        work.returned_seq = (unread or work.seq) - 1
        if outcome == "spam":
            for message_id in work.locked.undecided:
                work.changes.end(message_id, "appended", "closed as spam")
        work.changes.case(
            work.id,
            status="resolved",
            outcome=outcome,
            resolved_at=work.now,
            deadline=None,
            unanswered_since=None,
            snoozed_until=None,
        )
        work.changes.settle_promises(work.id, "withdrawn", work.now)
