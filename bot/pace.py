"""When to commit next: at once in a quiet moment, in batches when much comes."""

from __future__ import annotations

import asyncio
import time
from typing import Final

EACH: Final = 0.008
MOST: Final = 0.05


class Pace:
    """Before each commit somebody waits for his turn; after it, the next one waits as long as that one was large.

    Above `1 / EACH` messages a second batches grow until the wait is `MOST` seconds; below, they shrink to one, which
    waits for nobody. A statement for twenty rows costs little more than one for a single row.
    """

    def __init__(self) -> None:
        self._not_before = 0.0

    async def turn(self) -> None:
        """Returns when the next commit may begin."""
        await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))

    def took(self, count: int) -> None:
        """A commit of so many begins now."""
        self._not_before = time.monotonic() + min(count * EACH, MOST)
