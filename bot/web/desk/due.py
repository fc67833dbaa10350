"""How a deadline is shown: a ring, and words that say how long is left. `static/desk/clock.js` says the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, floor
from typing import Any, Final, Literal

from store.changes import NEVER

State = Literal["late", "soon", "calm", "paused"]

SOON: Final = timedelta(minutes=15)
SOON_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """`left`: percent of the time that is left, 0 to 100."""

    state: State
    words: str
    at: datetime | None = None
    since: datetime | None = None
    left: int = 100


def due_of(case: Mapping[str, Any], now: datetime) -> Due:
    """Of a case with `status` and `deadline`; with `unanswered_since` or `opened_at` the ring knows its whole."""
    paused = _PAUSED.get(case["status"])
    at = case["deadline"]
    if paused is not None or at is None or at >= NEVER:
        return Due(state="paused", words=paused or "no deadline")
    left = at - now
    since = case.get("unanswered_since") or case.get("opened_at") or now
    whole = max(at - since, timedelta(seconds=1))
    share = min(max(left / whole, 0.0), 1.0)
    words = span(left)
    if left <= timedelta():
        return Due(state="late", words=f"{words} late", at=at, since=since, left=0)
    soon = left <= SOON or share <= SOON_SHARE
    return Due(state="soon" if soon else "calm", words=words, at=at, since=since, left=round(100 * share))


_PAUSED: Final = {"pending": "waiting", "snoozed": "snoozed", "resolved": "resolved"}


def span(length: timedelta) -> str:
    """`12 min`, `1 h 20`, `3 days`; what is not over is never 0."""
    exactly = abs(length).total_seconds() / 60
    # 11:30 left is "12 min", and 11:30 late is "11 min late": neither is made worse than it is.
    minutes = max(ceil(exactly) if length > timedelta() else floor(exactly), 1)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02}"
    days = minutes // (24 * 60)
    return f"{days} day{'s' if days > 1 else ''}"
