"""How far one account has been read.

What is committed where:

    discord:ACCOUNT:CHANNEL   the newest message of that channel that is kept, with the messages themselves
    discord:ACCOUNT:session   where the gateway's session stands, so that the next process can resume it, and a floor:
                              up to that message everything in every channel is kept. Both may lag behind: what is
                              brought again is no news.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from channels.contract import Cursor, Host, LeaseLost
from channels.discord.gateway import Session
from channels.discord.inbound import snowflake_at
from channels.discord.settings import NAME

FLOOR_MARGIN: Final = 60_000 << 22
"""A minute, in ids: servers of Discord's do not tell their news in one order."""


@dataclass(slots=True)
class Tenancy:
    """What holds for as long as we hold the lease."""

    host: Host
    token: int
    tasks: asyncio.TaskGroup
    places: dict[str, int]
    """Those with a conversation."""


class Progress:
    """What is kept, and where something may be missing."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.lease = f"{NAME}:{account}:gateway"
        self.note_name = f"{NAME}:{account}:session"
        self.newest = 0
        """The newest message that we have seen anywhere."""
        self.floor = 0
        """Everything up to there is kept, in every channel; 0: nobody has noted it yet."""
        self.began = snowflake_at(datetime.now(UTC))
        """What was said before our first start is not ours to read."""
        self.cursors: dict[str, int] = {}
        self.swept = False
        """What was missed before this session has been fetched, but in `dirty`."""
        self.dirty: set[str] = set()
        self.denied: set[str] = set()
        """Channels whose history is closed to us; asking again and again is held against us."""
        self.gate = asyncio.Event()
        """What was missed has been asked for: what comes now may be kept behind it."""

    @property
    def since(self) -> int:
        """From where on a channel without a mark of its own is read."""
        return self.floor or self.began

    @property
    def whole(self) -> bool:
        return self.swept and not self.dirty

    def fresh(self) -> None:
        """There may be a gap before what comes now, in every channel."""
        self.swept = False
        self.dirty.clear()
        self.gate.clear()

    def forget(self) -> None:
        """Nothing of a tenure outlives it: the next begins from what is committed."""
        self.cursors.clear()
        self.fresh()

    def cursor(self, channel: str, newest: int, tenancy: Tenancy) -> Cursor:
        name = f"{NAME}:{self.account}:{channel}"
        return Cursor(name=name, value=str(newest), token=tenancy.token, lease=self.lease)

    def moved(self, channel: str, newest: int, tenancy: Tenancy) -> Cursor | None:
        """The cursor of a channel, if nothing before this message is missing."""
        if not newest or not channel.isdigit() or not self.swept or channel in self.dirty:
            return None
        return self.cursor(channel, newest, tenancy) if newest > self.cursors.get(channel, 0) else None

    def kept(self, cursor: Cursor) -> None:
        channel = cursor.name.rpartition(":")[2]
        self.cursors[channel] = max(int(cursor.value), self.cursors.get(channel, 0))

    async def last_kept(self, channel: str, tenancy: Tenancy) -> int:
        """The message after which that channel is to be read."""
        if channel not in self.cursors:
            said = await tenancy.host.cursor(f"{NAME}:{self.account}:{channel}")
            self.cursors[channel] = int(said or 0)
        return max(self.cursors[channel], self.floor) or self.began

    def read_note(self, note: str | None) -> Session | None:
        """Go on where the last reader stood. One that cannot be read costs a new session, no message."""
        session = None
        try:
            told = json.loads(note or "{}")
            self.floor = max(self.floor, int(told.get("floor") or 0))
            self.began = int(told.get("began") or self.began)
            if told.get("id"):
                session = Session(str(told["id"]), str(told.get("url") or ""), int(told["seq"]))
        except (ValueError, TypeError, AttributeError, KeyError):
            session = None
        self.newest = max(self.newest, self.floor)
        return session

    def note(self, session: Session | None, seq: int, waiting: Iterable[int]) -> str:
        """Where we stand. seq: up to which event of the session all is kept; waiting: messages that are not yet."""
        if self.whole:
            self.floor = max(self.floor, min([*waiting, self.newest]) - FLOOR_MARGIN)
        told: dict[str, Any] = {"began": self.began, "floor": self.floor}
        if session is not None:
            told |= {"id": session.id, "url": session.url, "seq": seq}
        return json.dumps(told)


def id_of(data: Any) -> int:
    """The snowflake of a message, 0 if it has none that can be read."""
    said = str(data.get("id")) if isinstance(data, dict) else ""
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 20 else 0


def lost(error: Exception) -> bool:
    """Is it that somebody else reads now?"""
    return isinstance(error, LeaseLost) or (
        isinstance(error, BaseExceptionGroup) and error.subgroup(LeaseLost) is not None
    )


def in_words(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(in_words(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"
