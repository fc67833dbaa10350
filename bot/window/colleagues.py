"""Which colleague somebody in a window is: by a code shown at the desk, or by an address that is vouched for."""

from __future__ import annotations

import time
from typing import Any, Final

from bot.window.here import Here, Refused
from channels.contract import WindowPerson
from handoff import window as shown
from handoff.window import Shown
from store import agents
from store import window as rows
from store.agents import Agent, record
from store.bus import Bus
from store.window import Event

CODES: Final = 10
"""So many does one person try within an hour."""
BELIEVED_FOR: Final = 60.0
"""Seconds for which it is believed who somebody is."""
_LINK_FIRST: Final = (
    "The desk does not know who you are here, so this was not done. At the desk, under your name, have a code shown and"
    " write it into this channel."
)
_GUEST: Final = "Guests and people of other companies cannot act for the desk."


class Colleagues:
    """Who they are."""

    def __init__(self, here: Here, bus: Bus) -> None:
        self._here = here
        self._bus = bus
        self._people: dict[str, tuple[float, WindowPerson]] = {}

    async def linked(self, event: Event, code: str) -> bool:
        """Was that somebody's code? Then both are one person from now on."""
        person = str(event.data["person"])
        if (await self._person(person)).guest:
            raise Refused(_GUEST)
        if await self._bus.allow(f"window:code:{self._here.pane.name}:{person}", limit=CODES, per=3600) > 0:
            return False
        async with self._here.database.write("window.code") as connection:
            owner = await rows.use_code(connection, code, self._here.now())
            if owner is not None:
                await self._name(connection, owner, person, "code")
        if owner is None:
            return False
        await self._here.whisper(
            event, Shown(text=shown.told("You are known here now. What you do counts as yours at the desk."))
        )
        return True

    async def _name(self, connection: Any, agent_id: int, person: str, how: str) -> None:
        pane, now = self._here.pane, self._here.now()
        await rows.name(
            connection, agent_id, channel=pane.channel, account=pane.account, external_id=person, how=how, now=now
        )
        subject = f"{pane.channel} {person}"
        await record(
            connection, action="named in window", subject=subject, now=now, agent_id=agent_id, data={"how": how}
        )

    async def who(self, event: Event) -> Agent:
        """Which colleague did it.

        Raises:
            Refused: nobody whom the desk knows, or nobody any more.
            ChannelError: the platform cannot be asked who that is.
        """
        external = str(event.data["person"])
        person = await self._person(external)
        if person.guest:
            raise Refused(_GUEST)
        pane = self._here.pane
        async with self._here.database.read() as connection:
            agent = await rows.who(connection, pane.channel, pane.account, external)
            by_address = None
            if agent is None and person.email is not None:
                by_address = await agents.find_agent(connection, person.email)
        if agent is None and by_address is not None and by_address.active:
            async with self._here.database.write("window.name") as connection:
                await self._name(connection, by_address.id, external, "address")
            agent = by_address
        if agent is None:
            raise Refused(_LINK_FIRST)
        if not agent.active:
            raise Refused("You are locked out of the desk. Ask an admin.")
        return agent

    async def _person(self, external: str) -> WindowPerson:
        known = self._people.get(external)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        found = await self._here.window.person(external)
        if len(self._people) > 2000:
            self._people.clear()
        self._people[external] = (time.monotonic() + BELIEVED_FOR, found)
        return found
