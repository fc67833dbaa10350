"""What an account must remember of its places: where a group has moved to, and which threads a mention has opened.

Each fact is a small value of its own beside the cursors, committed before what depends on it; the same again changes
nothing, so that it may be written as often as it is heard.
"""

from __future__ import annotations

from typing import Final

from channels.contract import Cursor, Host
from channels.telegram.updates import NAME

_AT_MOST: Final = 10_000
"""Facts kept in memory; the others are looked up again."""


class Memory:
    """One account's."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._known: dict[str, str] = {}

    # --- groups that became supergroups ---

    async def moved(self, host: Host, old: int, new: int) -> None:
        """From now on what is said in `new` belongs to where `old` was, and answers go to `new`."""
        home = await self.home(host, str(old))
        await self._learn(host, f"now:{home}", str(new))
        await self._learn(host, f"home:{new}", home)

    async def home(self, host: Host, chat: str) -> str:
        """Under which id a chat's conversations are kept."""
        return (await self._recall(host, f"home:{chat}") or chat) if chat.startswith("-100") else chat

    async def now(self, host: Host, place: str) -> str:
        """The id that the chat has today."""
        return await self._recall(host, f"now:{place}") or place if place.startswith("-") else place

    # --- threads ---

    async def open(self, host: Host, place: str, thread: str) -> None:
        await self._learn(host, f"open:{place}:{thread}", "1")

    async def is_open(self, host: Host, place: str, thread: str) -> bool:
        """Has a mention opened this thread?"""
        return await self._recall(host, f"open:{place}:{thread}") is not None

    async def _learn(self, host: Host, fact: str, value: str) -> None:
        if self._known.get(fact) != value:
            await host.deliver([], cursor=Cursor(name=self._name(fact), value=value))
            self._keep(fact, value)

    async def _recall(self, host: Host, fact: str) -> str | None:
        if fact not in self._known and (value := await host.cursor(self._name(fact))) is not None:
            self._keep(fact, value)
        return self._known.get(fact)

    def _keep(self, fact: str, value: str) -> None:
        if len(self._known) >= _AT_MOST:
            self._known.clear()
        self._known[fact] = value

    def _name(self, fact: str) -> str:
        return f"{NAME}:{self._account}:{fact}"
