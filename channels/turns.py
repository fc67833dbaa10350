"""Waiting for what only one of us may do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from channels.contract import Host, Tenure
from channels.logbook import Logbook

SOON: Final = 1.0
"""Seconds after which another process holds the lease, if we have not got it."""


@asynccontextmanager
async def turn(host: Host, lease: str, logbook: Logbook) -> AsyncIterator[Tenure]:
    """Hold the lease. Who has to wait for it stands by, and says so. Raises as `Host.alone`."""
    waiting = asyncio.get_running_loop().call_later(SOON, logbook.waits)
    try:
        async with host.alone(lease) as tenure:
            waiting.cancel()
            yield tenure
    finally:
        waiting.cancel()
