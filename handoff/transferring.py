"""Passing a case on, with a word to whoever gets it: to a person at once, to a team by its queue."""

from __future__ import annotations

from typing import Any

from handoff.errors import HeldByOther, NoSuchCase, WrongState
from handoff.hands import Hands
from handoff.work import Acts, Once, Work, state
from store import belonging
from store.agents import Agent


def write_note(work: Work, text: str, *, files: int = 0) -> int:
    """A note of the one who acts, with so many files; its number. It has no status and no way out."""
    seq = work.say(
        author="agent",
        author_name=work.agent.name,
        agent_id=work.agent.id,
        kind="note",
        direction="note",
        body=text,
        meta={"files": files} if files else None,
    )
    work.event("noted", seq=seq)
    return seq


class Transferring:
    def __init__(self, acts: Acts, hands: Hands) -> None:
        self._acts = acts
        self._hands = hands

    async def to_person(
        self, agent: Agent, number: str, to: Agent, *, note: str, held_by: int | None, once: Once | None = None
    ) -> dict[str, Any]:
        """The note first, then into their hands; no team's any more.

        Raises:
            HeldByOther: somebody has taken it since `held_by` was read.
            WrongState: it is resolved.
        """

        async def action(work: Work) -> dict[str, Any]:
            _ready(work, held_by)
            if note.strip():
                write_note(work, note)
            work.changes.case(work.id, team_id=None)
            return state(work.number, self._hands.take(work, to), to.name)

        return await self._acts.act("transfer", agent, number, action, once)

    async def to_team(
        self, agent: Agent, number: str, team_id: int, *, note: str, held_by: int | None, once: Once | None = None
    ) -> dict[str, Any]:
        """The note first, then it waits in that team's queue, with the deadline that it has.

        Raises:
            NoSuchCase: there is no such team.
            HeldByOther: somebody has taken it since `held_by` was read.
            WrongState: it is resolved, or nobody belongs to the team.
        """

        async def action(work: Work) -> dict[str, Any]:
            _ready(work, held_by)
            team = await belonging.read_team(work.connection, team_id)
            if team is None:
                raise NoSuchCase(f"There is no team {team_id}.")
            if not team.people:
                raise WrongState(f"Nobody belongs to {team.name} yet. Choose another team, or a person.")
            if note.strip():
                write_note(work, note)
            work.changes.case(work.id, team_id=team.id)
            return {**self._hands.give_back(work, why="team", team=team.name), "team": team.name}

        return await self._acts.act("transfer", agent, number, action, once)


def _ready(work: Work, held_by: int | None) -> None:
    work.must_be_unresolved()
    if work.row["assignee_id"] not in (None, held_by):
        raise HeldByOther(f"{work.row['assignee']} has just taken {work.number}.", holder=work.row["assignee"])
