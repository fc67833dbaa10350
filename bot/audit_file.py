"""The audit log as a file that a spreadsheet can read, and cannot run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC
from typing import Final

from store import audit as log
from store.audit import Line, Place, Wanted
from store.database import Database

COLUMNS: Final = ("time", "name", "email", "action", "subject", "details")
_DEFUSED: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet would run."""
_PIECE: Final = 500
"""Lines that are read at once for a file: no connection is held while somebody downloads slowly."""


async def as_csv(database: Database, wanted: Wanted) -> AsyncIterator[str]:
    """The wanted lines as comma-separated values, a piece at a time, each read by itself. What is written meanwhile
    is newer, and not in it."""
    yield _written([COLUMNS])
    after: Place | None = None
    while True:
        async with database.read() as connection:
            lines = await log.page(connection, wanted, after=after, limit=_PIECE)
        if lines:
            yield _written([_cells(line) for line in lines])
            after = (lines[-1].at, lines[-1].id)
        if len(lines) < _PIECE:
            return


def _written(rows: list[tuple[str, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([tuple(map(defused, row)) for row in rows])
    return out.getvalue()


def _cells(line: Line) -> tuple[str, ...]:
    details = "" if line.data is None else json.dumps(line.data, ensure_ascii=False, sort_keys=True)
    at = line.at.astimezone(UTC).isoformat(timespec="milliseconds")
    return (at, line.name or "", line.email or "", line.action, line.subject, details)


def defused(cell: str) -> str:
    """The cell as text to a spreadsheet, which would run it as a formula if it began like one."""
    return f"'{cell}" if cell.startswith(_DEFUSED) else cell
