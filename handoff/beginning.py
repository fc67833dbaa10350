"""Writing to a customer first: into a conversation that they have had with us, as a case of the one who writes."""

from __future__ import annotations

from typing import Any

from handoff.errors import NoSuchCase, WrongState
from handoff.opening import Rules, preview
from handoff.reach import Reach
from handoff.work import Acts, Once, Work, recalled, remembered, state
from store import blocks, cases, journey, unread
from store.agents import Agent
from store.changes import insert_cases
from store.database import Database
from store.words import case_number


class Beginning:
    def __init__(self, database: Database, acts: Acts, rules: Rules, reach: Reach) -> None:
        self._database = database
        self._acts = acts
        self._rules = rules
        self._reach = reach

    async def begin(
        self, agent: Agent, customer: int, identity: int, text: str, once: Once | None = None
    ) -> dict[str, Any]:
        """The agent's words and nothing else, where this identity last wrote to us alone; nothing is promised.

        Raises:
            NoSuchCase: this customer has no such identity.
            WrongState: it never wrote to us alone, has a case that is open, has written just now, or is blocked.
        """
        async with self._database.write("begin") as connection:
            now = self._acts.clock()
            if (before := await recalled(connection, agent, once, now)) is not None:
                return before
            if identity not in {row["id"] for row in await cases.identities(connection, customer)}:
                raise NoSuchCase(f"Customer {customer} has no address with the number {identity}.")
            if await blocks.standing(connection, identity) is not None:
                raise WrongState("They are blocked. Unblock them first.")
            id_ = await journey.last_alone(connection, identity)
            place = await journey.read_conversation(connection, id_) if id_ is not None else None
            if place is None:
                raise WrongState("They have never written to us alone there, so we cannot begin. Use another address.")
            locked = (await journey.lock(connection, [place.id]))[place.id]
            newest = (await journey.newest_cases(connection, [place.id])).get(place.id)
            if newest is not None and (newest.status != "resolved" or newest.lives_on):
                number = case_number((newest.merged_into_id if newest.lives_on else None) or newest.id)
                raise WrongState(f"{number} is open with them. Answer in it.")
            if locked.undecided:
                raise WrongState("They have written just now. Read that first; it is here in a moment.")
            row = {
                "conversation_id": place.id,
                "customer_id": place.customer_id,
                "channel": place.channel,
                "tier": "unknown",
                "sla": "unknown",
                "urgent": False,
                "status": "pending",
                "assignee_id": agent.id,
                "deadline": None,
                "reason": f"{agent.name} wrote first",
                "customer_name": place.customer_name,
                "preview": preview(text),
                "flags": {"introduced": [agent.id]},
                "opened_at": now,
                "opened_seq": locked.next_seq,
                "claimed_at": now,
                "previous_id": newest.id if newest is not None else None,
            }
            (case,) = await insert_cases(connection, [row])

            async def action(work: Work) -> dict[str, Any]:
                work.hand("human")
                seq = work.say(
                    author="agent", author_name=agent.name, agent_id=agent.id, kind="text", body=text
                )  # fmt: skip
                work.event("begun", seq=seq)
                if work.pull and self._rules.mail_after is not None:
                    at = work.now + self._rules.mail_after
                    work.changes.due(unread.KIND, work.conversation, at, now=work.now, data={"seq": seq})
                reach = self._reach.tell(work.row, work.now)
                said = {} if reach is None else {"reach": reach["sentence"]}
                return {**state(work.number, "pending", agent.name), "seq": seq, **said}

            answer, work = await self._acts.on_case(connection, "begin", agent, case, action)
            await remembered(connection, agent, once, answer)
        await self._acts.published(work.conversation, work.id)
        return answer
