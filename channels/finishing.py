"""Letting what has begun come to its end, although we are told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

STOP_WITHIN: Final = 4.0
"""Seconds that a stop waits for commits that are under way."""

T = TypeVar("T")


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await a commit; if we are stopped meanwhile give it time to end, for half a transaction helps nobody."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=STOP_WITHIN)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
