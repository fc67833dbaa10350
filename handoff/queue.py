"""Which case is next: two classes, deadlines within them, and nobody starves."""

from __future__ import annotations

from typing import Final, Literal

FIRST_CLASS_RUN: Final = 4
"""So many takes of the first class in a row; then an overdue case of the second goes first."""

Class = Literal["first", "second"]


def next_class(*, run: int, first_waits: bool, second_waits: bool, second_overdue: bool) -> Class | None:
    """The class to serve. `run`: how many of the first class were taken in a row before. None: nobody waits."""
    if first_waits and not (second_overdue and run >= FIRST_CLASS_RUN):
        return "first"
    if second_waits:
        return "second"
    return None


def next_run(run: int, served: Class) -> int:
    """The count after a take."""
    return run + 1 if served == "first" else 0
