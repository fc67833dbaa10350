"""The status line: one sentence about the whole service, for everybody who comes to ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff.texts import ALL_IS_WELL
from store import settings

_KEY: Final = "status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    state: Literal["fine", "trouble"]
    text: str
    since: datetime | None

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        return {"state": self.state, "text": self.text, "since": self.since.isoformat() if self.since else None}


async def read_status(connection: AsyncConnection) -> Status:
    """What was said last; that all is well if nothing was."""
    kept = await settings.read(connection, _KEY)
    if kept is None:
        return Status(state="fine", text=ALL_IS_WELL, since=None)
    return Status(state=kept["state"], text=kept["text"], since=datetime.fromisoformat(kept["since"]))


async def write_status(connection: AsyncConnection, status: Status) -> None:
    """Keep it; `since` says from when on."""
    assert status.since is not None  # noqa: S101 - only the unsaid one has none
    await settings.write(connection, _KEY, status.shown(), status.since)
