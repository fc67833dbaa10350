"""What agents do with a customer as a whole: link an identity by hand, undo a link, say what they are called.

None of it is a proof. Nothing that is sent to a customer, or shown to them, follows from it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff import linking
from handoff.errors import NoSuchCase
from handoff.work import Clock, Once, Published, recalled, remembered
from store import links, persons
from store.agents import Agent, record
from store.database import Database


def _now() -> datetime:
    return datetime.now(UTC)


Parted = Callable[[AsyncConnection, Agent, Collection[int]], Awaitable[dict[int, int]]]


async def nothing_parts(connection: AsyncConnection, agent: Agent, identities: Collection[int]) -> dict[int, int]:
    """Where no case was merged."""
    return {}


class Customers:
    """One method, one transaction. `published` is told of what changed after the commit. `parted`: what follows for
    cases, see `handoff.merging.Merging.part`."""

    def __init__(
        self, *, database: Database, published: Published, clock: Clock = _now, parted: Parted = nothing_parts
    ) -> None:
        self._parted = parted
        self._database = database
        self._published = published
        self._clock = clock

    async def link(
        self, agent: Agent, customer: int, identity: int, why: str, once: Once | None = None
    ) -> dict[str, Any]:
        """Take an identity of another customer for this one's, on an agent's word.

        Raises:
            NoSuchCase: there is no such customer or identity.
            WrongState: they are one already, or would be too many.
        """
        async with self._database.write("link") as connection:
            now = self._clock()
            if (before := await recalled(connection, agent, once, now)) is not None:
                return before
            await links.hold(connection, now)
            link, told = await linking.by_hand(connection, customer, identity, why=why, agent=agent, now=now)
            await record(
                connection, action="link", subject=f"link {link}", now=now, agent_id=agent.id,
                data={"customer": customer, "identity": identity, "why": why},
            )  # fmt: skip
            became = await persons.became(connection, customer)
            answer = {"link": link, "customer": became}
            await remembered(connection, agent, once, answer)
        for conversation, case in told.items():
            await self._published(conversation, case)
        return answer

    async def unlink(self, agent: Agent, customer: int, link_id: int, once: Once | None = None) -> dict[str, Any]:
        """Take apart what a link has joined, whoever made it.

        Raises:
            NoSuchCase: this customer has no such link.
        """
        async with self._database.write("unlink") as connection:
            now = self._clock()
            if (before := await recalled(connection, agent, once, now)) is not None:
                return before
            await links.hold(connection, now)
            link = await links.read(connection, link_id)
            ends = {one.id for one in await links.together(connection, [customer])}
            if link is None or link.undone_at is not None or link.identity_id not in ends:
                raise NoSuchCase(f"Customer {customer} has no link {link_id}. It may have been undone just now.")
            told = await linking.undo(connection, link, seen_from=None, agent=agent, now=now)
            told |= await self._parted(connection, agent, [link.identity_id, link.other_id])
            await record(
                connection, action="unlink", subject=f"link {link_id}", now=now, agent_id=agent.id,
                data={"customer": customer, "identities": [link.identity_id, link.other_id]},
            )  # fmt: skip
            answer = {"link": link_id, "customer": customer}
            await remembered(connection, agent, once, answer)
        for conversation, case in told.items():
            await self._published(conversation, case)
        return answer

    async def say(
        self, agent: Agent, customer: int, *, name: str | None, email: str | None, once: Once | None = None
    ) -> dict[str, Any]:
        """An agent's word on what somebody is called and which address they use; it stands beside their own.

        Raises:
            NoSuchCase: there is no such customer.
        """
        async with self._database.write("note-customer") as connection:
            now = self._clock()
            if (before := await recalled(connection, agent, once, now)) is not None:
                return before
            found = await persons.read(connection, customer)
            if found is None:
                raise NoSuchCase(f"There is no customer {customer}.")
            earlier = (await persons.notes(connection, [customer]) or [{}])[0]
            told = {"name": name or None, "email": email.lower() if email else None}
            await persons.say(connection, customer, **told, by=agent.id, now=now)
            await record(
                connection, action="correct customer", subject=f"customer {customer}", now=now, agent_id=agent.id,
                data={**told, "before": {key: earlier.get(key) for key in told}},
            )  # fmt: skip
            answer = {"customer": customer, **told}
            await remembered(connection, agent, once, answer)
        return answer
