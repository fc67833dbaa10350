"""`warmline audit`: who did what at the desk, newest first, or all of it as a file."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from bot.cli.terminal import Refused, command_settings, table, tell

if TYPE_CHECKING:
    from bot.settings import Settings
    from store.audit import Line, Wanted
    from store.database import Database


def audit(
    who: Annotated[str | None, typer.Option(metavar="EMAIL", help="Only what this person did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only acts of this kind, like claim.")] = None,
    about: Annotated[str | None, typer.Option(help="Only acts on this: W-1001, an address.")] = None,
    since: Annotated[str | None, typer.Option(metavar="DAY", help="From this day on, like 2026-01-31.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Up to and with this day.")] = None,
    lines: Annotated[int, typer.Option(min=1, max=1000, help="So many lines; with --csv all of them.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="All of it as comma-separated values.")] = False,
) -> None:
    """Show the audit log. Saving all of it is a line of its own."""
    settings = command_settings()
    found = asyncio.run(_run(settings, who, action, about, (since, until), lines, as_csv))
    if found is None:
        return
    if not found:
        tell("No line fits.")
        return
    table(
        ["When", "Who", "Act", "About"],
        [
            [line.at.astimezone(UTC).isoformat(timespec="seconds"), line.email or "nobody", line.action, line.subject]
            for line in found
        ],
    )


async def _run(
    settings: Settings,
    who: str | None,
    action: str | None,
    about: str | None,
    days: tuple[str | None, str | None],
    lines: int,
    as_csv: bool,
) -> list[Line] | None:
    """The lines to show; None: they were written as a file."""
    from bot.cli.storage import is_there, storage
    from store import agents
    from store import audit as log

    zone = settings.business_hours.zone
    first, last = (_day(day, zone, later) for later, day in enumerate(days))
    if not is_there(settings):
        raise Refused("There is no database yet. Start the desk first: warmline run.")
    async with storage(settings) as database:
        person: int | None = None
        async with database.read() as connection:
            if who is not None:
                known = await agents.find_agent(connection, who.strip())
                if known is None:
                    raise Refused(f"There is nobody with the address {who}. See: warmline agents list")
                person = known.id
            wanted = log.Wanted(agent=person, action=action, subject=about, since=first, until=last)
            if not as_csv:
                return await log.page(connection, wanted, limit=lines)
        await _write(database, wanted)
    return None


async def _write(database: Database, wanted: Wanted) -> None:
    from bot.audit_file import as_csv
    from store import agents

    async with database.write("audit.export") as connection:
        await agents.record(
            connection, action="audit exported", subject="audit", now=datetime.now(UTC), agent_id=None,
            data={"by": "command line"},
        )  # fmt: skip
    async for piece in as_csv(database, wanted):
        sys.stdout.buffer.write(piece.encode())
    sys.stdout.buffer.flush()


def _day(day: str | None, zone: ZoneInfo, later: int) -> datetime | None:
    """Where that day begins in the company's zone, or the one after it."""
    if day is None:
        return None
    try:
        wanted = date.fromisoformat(day) + timedelta(days=later)
        return datetime(wanted.year, wanted.month, wanted.day, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("Write a day like 2026-01-31.") from None
