"""What an adapter notes of its link to the platform as it goes, and what it tells the house of that.

    an adapter calls                   the report says
    (nothing yet)                      no: not asked yet
    `up()`                             yes, since then
    `down("why, and what to do")`      no, since then; the last reason stands until the link is up again
    `waits()`                          standby: another process has what only one may have

Nothing here waits or fails, so that it may be called from anywhere in an adapter's event loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from channels.contract import Connected, Report

KINDS_AT_MOST = 200
"""Different things that are counted; strangers choose some of their names."""


class Logbook:
    """One account's. `counts`: what was taken, and what was ignored and why."""

    def __init__(self, *, lease: str = "") -> None:
        self.lease = lease
        self.called = ""
        """Who we are there, once the platform has said so."""
        self.counts: Counter[str] = Counter()
        self.trouble: str | None = None
        """Why there is no link, or what it lacks; what to do about it."""
        self._state: Connected = "no"
        self._since = datetime.now(UTC)

    @property
    def is_up(self) -> bool:
        return self._state == "yes"

    def up(self) -> None:
        """The platform can be reached, and what happens there reaches us."""
        self.trouble = None
        self._is("yes")

    def down(self, trouble: str | None = None) -> None:
        """The link is gone. Without a reason the last one stands."""
        self.trouble = trouble or self.trouble
        self._is("no")

    def waits(self) -> None:
        """Another process has what only one may have."""
        self.trouble = None
        self._is("standby")

    def count(self, kind: str) -> None:
        self.counts[kind if kind in self.counts or len(self.counts) < KINDS_AT_MOST else "other kinds"] += 1

    def _is(self, state: Connected) -> None:
        if state != self._state:
            self._state, self._since = state, datetime.now(UTC)

    def report(self, *, beside: Iterable[str | None] = (), counts: Counter[str] | None = None) -> Report:
        """`beside`: what else does not work while the link is up."""
        troubles = [trouble for trouble in (self.trouble, *beside) if trouble]
        partly = self._state == "yes" and bool(troubles)
        return Report(
            connected="partly" if partly else self._state,
            since=self._since,
            troubles=tuple(dict.fromkeys(sentence(trouble) for trouble in troubles)),
            called=self.called,
            lease=self.lease,
            counts=dict(self.counts if counts is None else counts),
        )


def sentence(text: str) -> str:
    """As a sentence begins and ends."""
    text = text.strip()
    return text if not text else text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
