"""What an outside checker looks at: the platform's ledger, what customers and agents were told, and the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import open_database
from store.tables import audit, case, case_event, conversation, due, message, promise, quarantine, verdict
from tests.chaos.crowd import Memory
from tests.platforms.loopback_control import read_ledger

Row = dict[str, Any]


@dataclass(kw_only=True)
class Evidence:
    """Everything, as plain rows. `lookup`: the platform can be asked; `reconciles`: that, or it drops a second send
    with the same key."""

    ledger: Sequence[Row]
    memory: Memory
    lookup: bool
    reconciles: bool
    stopped: datetime
    """When the last desk was told to stop, at rest."""
    messages: list[Row] = field(default_factory=list)
    conversations: dict[int, Row] = field(default_factory=dict)
    cases: dict[int, Row] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    promises: list[Row] = field(default_factory=list)
    dues: list[Row] = field(default_factory=list)
    verdicts: list[Row] = field(default_factory=list)
    quarantine: list[Row] = field(default_factory=list)
    audit: list[Row] = field(default_factory=list)
    tolerance: float = 0.0
    """Seconds by which moments of two processes may cross."""

    def noted(self, what: str) -> list[Row]:
        """Lines of the ledger."""
        return [line for line in self.ledger if line["what"] == what]

    def channel(self, row: Mapping[str, Any]) -> str:
        return str(self.conversations[row["conversation_id"]]["channel"])


async def collect(url: str, ledger: Path, memory: Memory, **facts: Any) -> Evidence:
    """Read-only: SQLite's reading connections refuse to write. `facts`: `lookup`, `reconciles`, `stopped`,
    `tolerance`."""
    database = open_database(url)
    try:
        async with database.read() as connection:
            return Evidence(
                ledger=read_ledger(ledger),
                memory=memory,
                **facts,
                messages=await _all(connection, message),
                conversations={row["id"]: row for row in await _all(connection, conversation)},
                cases={row["id"]: row for row in await _all(connection, case)},
                events=await _all(connection, case_event),
                promises=await _all(connection, promise),
                dues=await _all(connection, due),
                verdicts=await _all(connection, verdict),
                quarantine=await _all(connection, quarantine),
                audit=await _all(connection, audit),
            )
    finally:
        await database.close()


async def _all(connection: AsyncConnection, table: Table) -> list[Row]:
    return [dict(row) for row in (await connection.execute(select(table).order_by(table.c.id))).mappings()]


async def unrest(url: str, *, unclear_counts: bool) -> dict[str, int]:
    """What still has to happen, by kind; empty: the house is at rest."""
    database = open_database(url)
    leaving = ["held", "queued", "sending"] + (["unknown"] if unclear_counts else [])
    queries = {
        "undecided": select(func.count()).where(message.c.direction == "in", message.c.end.is_(None)),
        "leaving": select(func.count()).where(message.c.status.in_(leaving)),
    }
    try:
        async with database.read() as connection:
            found = {name: (await connection.execute(query)).scalar_one() for name, query in queries.items()}
    finally:
        await database.close()
    return {name: number for name, number in found.items() if number}
