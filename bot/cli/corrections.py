"""`warmline intents corrections`: what agents have corrected, as labelled messages. Needs no running desk."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.terminal import Refused, command_settings, say, table, tell

if TYPE_CHECKING:
    from bot.settings import Settings

_Lines = Annotated[bool, typer.Option("--jsonl", help="Print one JSON object a line: text, tier, label, at.")]


def corrections(as_lines: _Lines = False) -> None:
    """Tell what agents have corrected: each message once, with their last word. Card numbers and secrets are hidden.

    What the gate is measured on is left out: `warmline intents evaluate --tiers` and a catalogue may use the rest.
    """
    rows, left_out = asyncio.run(_read(command_settings()))
    if as_lines:
        for row in rows:
            say(json.dumps(row, ensure_ascii=False))
    else:
        _show(rows)
    if left_out:
        tell(f"{left_out} left out: changed or deleted since by the customer, or among those that measure the gate.")


def _show(rows: list[dict[str, Any]]) -> None:
    if not rows:
        say("Nothing has been corrected yet. Agents do it on the card of a case: Correct…")
        return
    counted = Counter((row["tier"], row.get("label", "")) for row in rows)
    table(["Tier", "Intent", "Messages"], [[*of, str(count)] for of, count in sorted(counted.items())])
    say(f"{len(rows)} message{'' if len(rows) == 1 else 's'}. Print them with --jsonl.")


async def _read(settings: Settings) -> tuple[list[dict[str, Any]], int]:
    from bot.cli.storage import age_of, is_there, opened
    from bot.masking import mask
    from store import labels

    if not await asyncio.to_thread(is_there, settings):
        raise Refused("There is no database yet. Start the desk first: warmline run.")
    rows: list[dict[str, Any]] = []
    left_out, after = 0, 0
    database = opened(settings)
    try:
        if await age_of(database) != "current":
            raise Refused("The database is of another version. Start the desk of this version first: warmline run.")
        while True:
            async with database.read() as connection:
                some, without, following = await labels.page(connection, after=after)
            left_out += without
            for one in some:
                row = {"text": mask(one.text), "tier": one.tier, "label": one.intent, "at": one.at.isoformat()}
                rows.append({name: value for name, value in row.items() if value is not None})
            if following is None:
                return rows, left_out
            after = following
    finally:
        await database.close()
