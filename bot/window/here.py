"""Where a window's worker works: the place, who reads it, and a word to one person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from channels.contract import ChannelError, Window, WindowPost
from handoff.window import Shown
from store import window as rows
from store.database import Database
from store.window import Event, Pane

log = structlog.get_logger(__name__)


class Later(Exception):
    """It cannot be said yet what this is about."""


class Refused(Exception):
    """Not done; the text says why, to who wanted it."""


@dataclass(slots=True, kw_only=True)
class Here:
    pane: Pane
    window: Window
    database: Database
    now: Callable[[], datetime]
    closed: bool = False
    """Only colleagues read it: a customer's words may stand there."""

    async def whisper(self, event: Event, what: Shown) -> None:
        """Best effort: it is nobody's truth."""
        thread = event.data.get("thread")
        post = WindowPost(key=f"w{event.id}", text=what.text, buttons=what.buttons, thread=thread)
        try:
            await self.window.whisper(str(event.data["person"]), post)
        except ChannelError as error:
            log.info("somebody was not told in the window", error=str(error))

    async def told(self, connection: AsyncConnection, case_id: int, seq: int, *, ts: str) -> None:
        """The thread has that message already: it is not told there again."""
        await rows.put(connection, self.pane, "line", case_id, seq, now=self.now(), case_id=case_id, seq=seq, ts=ts)
