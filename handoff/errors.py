"""Refusals that a person may meet at the desk.

HandoffError
├── NoSuchCase      there is no such case or conversation
├── HeldByOther     somebody else holds it; `holder` says who
├── NotHeld         it must be claimed first
├── WrongState      the case is not in a state for that
├── NobodyThere     nobody can be written to at an address
├── FileRefused     a file cannot be kept, or cannot go where it should
└── Stale           somebody wrote since the page was drawn; `since` shows what
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class HandoffError(Exception):
    """The text says what happened and what to do."""


class NoSuchCase(HandoffError):
    pass


class HeldByOther(HandoffError):
    def __init__(self, message: str, *, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


class NotHeld(HandoffError):
    pass


class WrongState(HandoffError):
    pass


class NobodyThere(HandoffError):
    pass


class FileRefused(HandoffError):
    pass


class Stale(HandoffError):
    def __init__(self, message: str, *, since: Sequence[dict[str, Any]]) -> None:
        super().__init__(message)
        self.since = since
