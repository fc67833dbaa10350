"""What nobody needs any more leaves once a day, a bite at a time, whichever of several desks comes by."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from store import drafts, dues, holds, keys, links, probes, sessions, settings, standings, uploads, window

EVERY: Final = timedelta(days=1)
KEYS_FOR: Final = timedelta(hours=24)
"""So long an idempotency key is remembered, at least."""
DUES_FOR: Final = timedelta(days=7)
"""So long a due row that has run can be looked at."""
CODES_FOR: Final = timedelta(days=1)
"""So long codes and wrong tries are kept; both count for an hour."""
PROCESSES_FOR: Final = timedelta(days=7)
"""So long it is remembered how a process that is gone saw its channels."""
DEEDS_FOR: Final = timedelta(days=7)
"""So long it is remembered what people did in a window of the desk."""
PROBES_FOR: Final = timedelta(days=30)
"""So long it is remembered what came of a test message."""
UPLOADS_FOR: Final = timedelta(days=1)
"""So long a file waits for the reply or note that takes it."""
DRAFTS_FOR: Final = timedelta(days=30)
"""So long a draft is kept that nobody touches."""
HOLDS_FOR: Final = timedelta(days=1)
"""So long it is remembered what became of a reply that could be taken back."""
BITE: Final = 500
"""About so many rows of each kind in one transaction: others write in between."""
_SWEPT: Final = "sweep.done"


async def is_due(connection: AsyncConnection, now: datetime) -> bool:
    """Has nobody swept within the last day?"""
    return _is_due(await settings.read(connection, _SWEPT), now)


async def bite(connection: AsyncConnection, now: datetime) -> bool:
    """Delete the oldest of what is too old; whether there is more. One desk at a time; a full sweep is done once."""
    if not _is_due(await settings.hold(connection, _SWEPT, None, now), now):
        return False
    gone = await keys.purge(connection, now - KEYS_FOR, limit=BITE)
    done = await dues.purge(connection, now - DUES_FOR, limit=BITE)
    ended = await sessions.purge(connection, now, limit=BITE)
    coded = await links.purge(connection, now - CODES_FOR, limit=BITE)
    await standings.purge(connection, now - PROCESSES_FOR)
    tested = await probes.purge(connection, now - PROBES_FOR, limit=BITE)
    unsent = await uploads.purge(connection, now - UPLOADS_FOR, limit=BITE)
    left = await drafts.purge(connection, now - DRAFTS_FOR, limit=BITE)
    held = await holds.purge(connection, now - HOLDS_FOR, limit=BITE)
    seen = await window.purge(connection, now - DEEDS_FOR, limit=BITE)
    if max(gone, done, ended, coded, tested, unsent, left, held, seen) >= BITE:
        return True
    await settings.write(connection, _SWEPT, now.isoformat(), now)
    return False


def _is_due(swept: str | None, now: datetime) -> bool:
    # Either way: a clock that was put back must not stop it, and two that differ by seconds sweep once.
    return swept is None or abs(now - datetime.fromisoformat(swept)) >= EVERY
