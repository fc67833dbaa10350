"""Tells people outside the desk that a case waits: a webhook now, other ways later. It repeats until somebody comes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from store.words import case_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One announcement of one case. No words of the customer's: it may travel over anybody's wires."""

    case_id: int
    tier: str
    why: str
    attempt: int
    deadline: datetime | None
    channel: str
    link: str

    def payload(self) -> dict[str, Any]:
        return {
            "event": "case_waiting",
            "case": case_number(self.case_id),
            "tier": self.tier,
            "why": self.why,
            "attempt": self.attempt,
            "deadline": self.deadline.isoformat() if self.deadline else None,
            "channel": self.channel,
            "link": self.link,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GateClosed:
    """The machine acts by its strict rule again, because a promise was broken. `why` holds no word of a customer's."""

    why: str
    link: str

    def payload(self) -> dict[str, Any]:
        return {"event": "gate_closed", "why": self.why, "link": self.link}


class Notifier(Protocol):
    """A way to reach people."""

    async def call(self, call: Call | GateClosed) -> None:
        """Announce it. Raises if it could not be announced; it is tried again then."""
        ...

    async def close(self) -> None: ...
