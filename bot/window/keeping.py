"""What people did in a window: rows, before their platform hears a yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final

from bot.intake import clean
from channels.contract import WindowEvent
from store import window as rows
from store.bus import Bus
from store.database import Database
from store.inbox import digest

TOPIC: Final = "window"
"""On the bus: somebody did something in a window."""


async def keep(database: Database, bus: Bus, events: Sequence[WindowEvent], now: datetime) -> None:
    """What `Host.window` promises."""
    kept = []
    for event in events:
        data = {
            name: clean(value) if isinstance(value, str) else value
            for name, value in asdict(event).items()
            if name not in ("channel", "account", "kind")
        }
        named = digest("window", event.channel, event.account, event.place, event.external_id)
        kept.append(
            {"channel": event.channel, "account": event.account, "dedupe": named, "kind": event.kind, "data": data}
        )
    async with database.write("window.keep") as connection:
        new = await rows.keep(connection, kept, now)
    if new:
        await bus.publish(TOPIC, {})
