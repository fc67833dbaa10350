"""`warmline gate`: how the gate stands, what can be promised, and how many labels are missing. It changes nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.cli.terminal import Refused, command_settings, say, table

if TYPE_CHECKING:
    from bot.gatekeeper import Report
    from bot.settings import Settings
    from store.database import Database


def gate() -> None:
    """Say how the gate stands: the threshold in use, what is proven of it, how many more labels it needs."""
    report = asyncio.run(_report(command_settings()))
    for sentence in sentences(report):
        say(sentence)
    table(
        ["Threshold", "Breaches", "At most", "Proven"],
        [
            [f"{rung.threshold:.2f}", f"{rung.breaches} of {report.standing.grave}", f"{rung.bound:.2%}",
             "yes" if rung.proven else "no"]
            for rung in report.standing.rungs
        ],
    )  # fmt: skip


async def _report(settings: Settings) -> Report:
    from bot.cli.storage import age_of, is_there, opened

    if not await asyncio.to_thread(is_there, settings):
        raise Refused("There is no database yet. Start the desk first: warmline run.")
    database = opened(settings)
    try:
        if await age_of(database) != "current":
            raise Refused("The database is of another version. Start the desk of this version first: warmline run.")
        return await read_report(database, settings)
    finally:
        await database.close()


async def read_report(database: Database, settings: Settings) -> Report:
    """What stands in the tables, by the terms of the settings and the rule that judged last."""
    from bot.gatekeeper import KEY, report_of
    from intents.promise import Terms
    from intents.stance import from_kept
    from store import samples
    from store import settings as kept

    async with database.read() as connection:
        stance = from_kept(await kept.read(connection, KEY))
        groups = await samples.groups(connection, since=stance.counts_from)
        counts = await samples.counts(connection)
    terms = Terms(alpha=settings.grave_share, confidence=settings.grave_confidence)
    return report_of(stance, groups, counts, terms=terms, rule=None)


def sentences(report: Report) -> list[str]:
    """The state for a person, most important first."""
    from bot.gatekeeper import missing, state_of

    stance, counts = report.stance, report.counts
    found = [state_of(report), stance.why, missing(report)]
    found.append(
        f"{counts.labelled} messages labelled, {counts.to_label} to label"
        + (f", {counts.skipped} of these skipped" if counts.skipped else "")
        + "."
    )
    if report.complaints:
        found.append(f"Of {report.complaints} complaints the gate would let {report.complaints_let_through} through.")
    if report.pending:
        found.append(
            f"{report.pending} labelled messages have yet to be judged by the rule of today; a running desk does."
        )
    return found
