"""How far each place has been read, and which threads of it concern us.

A place is *current* while nothing can be missing before what comes now: it was caught up since the last gap, and
nothing of it has failed since. Only then a message that comes in may move the place's cursor.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from channels.contract import Cursor, Host
from channels.slack.inbound import NAME, after, is_ts

THREADS_KEPT: Final = 100
"""Of each place: the ones in which something was said last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """All up to `seen` is committed; of each thread all up to its own."""

    seen: str = ""
    """Empty: this place was never read."""
    threads: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: str | None) -> Mark:
        try:
            data = json.loads(value or "{}")
            threads = {str(key): str(seen) for key, seen in data.get("threads", {}).items()}
            return cls(seen=str(data.get("seen", "")), threads=threads)
        except (ValueError, AttributeError):
            return cls()

    def value(self) -> str:
        return json.dumps({"seen": self.seen, "threads": dict(self.threads)}, separators=(",", ":"))

    def with_seen(self, ts: str) -> Mark:
        return replace(self, seen=ts) if is_ts(ts) and (not self.seen or after(ts, self.seen)) else self

    def with_thread(self, thread: str, ts: str) -> Mark:
        """That thread concerns us, and is read up to there."""
        before = self.threads.get(thread, "")
        seen = ts if not before or after(ts, before) else before
        threads = {key: each for key, each in self.threads.items() if key != thread} | {thread: seen}
        for old in list(threads)[: max(0, len(threads) - THREADS_KEPT)]:
            del threads[old]
        return replace(self, threads=threads)


class Marks:
    """The marks of all places of one account."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._marks: dict[str, Mark] = {}
        self._whole = False
        self._done: set[str] = set()
        self._stale: set[str] = set()
        self.gaps = 0
        """Grows with each gap: what was read before it proves nothing after it."""

    # --- current or not ---

    def gap(self) -> None:
        """Anything may have been missed, anywhere."""
        self.gaps += 1
        self._whole = False
        self._done.clear()

    def gap_in(self, place: str) -> None:
        self._done.discard(place)
        self._stale.add(place)

    def caught_up(self, place: str) -> None:
        self._done.add(place)
        self._stale.discard(place)

    def caught_up_everywhere(self) -> None:
        """Every place was looked at: one that shows up now is a new one."""
        self._whole = True

    def is_current(self, place: str) -> bool:
        return place in self._done or (self._whole and place not in self._stale)

    @property
    def stale(self) -> Sequence[str]:
        return sorted(self._stale)

    # --- what they say ---

    def name(self, place: str) -> str:
        return f"{NAME}:{self._account}:{place}"

    def cursor(self, place: str, mark: Mark) -> Cursor:
        return Cursor(name=self.name(place), value=mark.value())

    async def of(self, place: str, host: Host, *, fresh: bool = False) -> Mark:
        """The mark of a place; `fresh`: with what other processes have written meanwhile."""
        known = self._marks.get(place)
        if known is None or fresh:
            kept = Mark.parse(await host.cursor(self.name(place)))
            known = kept if known is None else _merged(known, kept)
            self._marks[place] = known
        return known

    def put(self, place: str, mark: Mark) -> None:
        """That mark was committed. It never goes back."""
        known = self._marks.get(place)
        self._marks[place] = mark if known is None else _merged(mark, known)


def _merged(one: Mark, other: Mark) -> Mark:
    """What both say together. Threads keep the order of `other`, then `one`: the last are kept longest."""
    found = one.with_seen(other.seen)
    merged = Mark(seen=found.seen, threads=dict(other.threads))
    for thread, seen in one.threads.items():
        merged = merged.with_thread(thread, seen)
    return merged
