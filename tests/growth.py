"""How the cost of some work grows with its input: a ratio within one run, so that no machine is too slow to hold it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

TIMES = 8
"""How much larger the large input is. Linear work costs 8 times as much on it, quadratic work 64 times."""
AT_MOST = 28
LEAST = 0.002
"""Seconds of which a clock says little: whoever takes fewer for the small input counts as taking these."""


def cost(work: Callable[[], object]) -> float:
    """Seconds of processor time in this thread, not of waiting: the best of three, or fewer that took half a second."""
    took: list[float] = []
    while len(took) < 3 and sum(took) < 0.5:
        began = time.thread_time()
        work()
        took.append(time.thread_time() - began)
    return min(took)


def grows_linearly(work: Callable[[Any], object], whole: Sequence[Any]) -> None:
    """Fails where the work costs far more than 8 times as much on the whole as on its first eighth.

    The whole must be so long that quadratic work on it takes a second or more.
    """
    small = large = 0.0
    for _ in range(2):
        small, large = cost(lambda: work(whole[: len(whole) // TIMES])), cost(lambda: work(whole))
        if large <= AT_MOST * max(small, LEAST):
            return
    raise AssertionError(f"{TIMES} times as much takes {large / small:.0f} times as long: {small:.4f} s, {large:.4f} s")
