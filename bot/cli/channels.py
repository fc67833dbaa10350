"""`warmline channels`: how links to platforms stand, what is stuck, and a test message.

It reads the tables, so it works beside a running desk and without one. What a channel has to do is asked of the desk
that runs it, by a row; here nothing is connected to any platform.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bot.cli.terminal import FAILED, Refused, command_settings, safe, say, table, tell

if TYPE_CHECKING:
    from bot.settings import Settings
    from bot.standings import Standing
    from store.database import Database
    from store.probes import Probe

app = typer.Typer(invoke_without_command=True)

PATIENCE: Final = 25.0
"""Seconds until a desk that runs has done what it was asked for, at most."""
ASK_EVERY: Final = 0.2
PAGE: Final = 50
TEST_TEXT: Final = "This is a test message from our desk. Please ignore it."
RAW_AT_MOST: Final = 4000

_Json = Annotated[bool, typer.Option("--json", help="Print it as one JSON object, with more than the table shows.")]
_Older = Annotated[int | None, typer.Option("--before", min=1, help="Only those with a smaller ID: the next page.")]


@app.callback()
def channels(context: typer.Context, as_json: _Json = False) -> None:
    """Show how each channel stands: connected since when, last in and out, what is stuck, what is wrong."""
    if context.invoked_subcommand is not None:
        return
    found = asyncio.run(_standings(command_settings()))
    if as_json:
        say(json.dumps({"channels": [each.shown() for each in found]}, default=_plain, ensure_ascii=False))
        return
    if not found:
        tell("No desk has run yet. Start one: warmline run")
        return
    table(
        ["Channel", "State", "Since", "Last in", "Last out", "Waiting", "Not delivered", "Unread"],
        [
            [
                name_of(each), each.words, _at(each.since), _at(each.last_in), _at(each.last_out), str(each.waiting),
                str(sum(each.counts.get(status, 0) for status in ("failed", "parked", "unknown"))),
                str(each.quarantined),
            ]
            for each in found
        ],
    )  # fmt: skip
    for each in found:
        for words in each.troubles:
            tell(f"{name_of(each)}: {' '.join(safe(words).split())}")


@app.command("test")
def send_test(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The channel, as `warmline channels` names it.")],
    place: Annotated[str, typer.Argument(metavar="PLACE", help="The platform's own id of a chat or channel.")],
    text: Annotated[str, typer.Option("--text", help="What it says.")] = TEST_TEXT,
) -> None:
    """Send a test message to a place, by the desk that runs. Exit code 1 if it was refused or is unclear."""
    if not place.strip() or not place.isprintable() or len(place) > 200:
        raise typer.BadParameter("Write the place as it stands on the platform.", param_hint="PLACE")
    if not text.strip() or len(text) > 500 or not text.isprintable():
        raise typer.BadParameter("Write 1 to 500 ordinary characters.", param_hint="--text")
    probe = asyncio.run(_test(command_settings(), name, place.strip(), text))
    said = safe(probe.said or "")
    if probe.status == "sent":
        say(f"Sent. The platform calls it {said}.")
        return
    if probe.status == "refused":
        raise Refused(f"Not sent. {said}")
    raise Refused(f"Nobody can tell whether it arrived. {said} Look there before you send another.".replace("  ", " "))


@app.command()
def dead(
    again: Annotated[
        int | None, typer.Option("--again", min=1, metavar="ID", help="Send this one again, even if it should double.")
    ] = None,
    before: _Older = None,
) -> None:
    """List what did not arrive or may not have, newest first; or send one again."""
    if again is not None:
        asyncio.run(_send_again(command_settings(), again))
        say(f"Message {again} is on its way again.")
        return
    rows = asyncio.run(_dead(command_settings(), before))
    if not rows:
        tell("Everything that we wrote has left, or is on its way.")
        return
    table(
        ["ID", "State", "Channel", "Case", "When", "Why"],
        [
            [str(row["id"]), row["status"], f"{row['channel']}:{row['account']}", row["case"] or "-",
             _at(row["created_at"]), row["error"] or "-"]
            for row in rows
        ],
    )  # fmt: skip
    if any(row["status"] == "unknown" for row in rows):
        tell("What is unknown may have arrived: sending it again may double it.")
    _tell_more(rows)


@app.command("quarantine")
def show_quarantine(
    again: Annotated[
        int | None, typer.Option("--again", min=1, metavar="ID", help="Let the desk that runs try to read it again.")
    ] = None,
    raw: Annotated[
        int | None, typer.Option("--raw", min=1, metavar="ID", help="Print what came, made harmless.")
    ] = None,
    before: _Older = None,
) -> None:
    """List what came and could not be read, newest first; try one again, or look at it."""
    settings = command_settings()
    if raw is not None:
        say(asyncio.run(_raw(settings, raw)))
        return
    if again is not None:
        asyncio.run(_retry(settings, again))
        say(f"Number {again} could be read, and is with the other messages now.")
        return
    rows = asyncio.run(_quarantined(settings, before))
    if not rows:
        tell("Everything that came could be read.")
        return
    table(
        ["ID", "Channel", "When", "Bytes", "Tried again", "Why"],
        [
            [str(row["id"]), f"{row['channel']}:{row['account']}", _at(row["created_at"]), str(row["size"]),
             _at(row["retried_at"]), row["reason"]]
            for row in rows
        ],
    )  # fmt: skip
    _tell_more(rows)


def _tell_more(rows: list[dict[str, Any]]) -> None:
    if len(rows) == PAGE:
        tell(f"There may be older ones: --before {rows[-1]['id']}")


def name_of(standing: Standing) -> str:
    return f"{standing.channel}:{standing.account}"


def _at(moment: datetime | None) -> str:
    return "-" if moment is None else moment.astimezone().isoformat(" ", "seconds")


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


# --- what is asked of the tables -------------------------------------------------------------------


@asynccontextmanager
async def _tables(settings: Settings) -> AsyncIterator[Database]:
    """Raises Refused where no desk has made them yet, or one of another version has."""
    from bot.cli.storage import age_of, is_there, opened

    if not await asyncio.to_thread(is_there, settings):
        raise Refused("There is no database yet. Start the desk first: warmline run.")
    database = opened(settings)
    try:
        if await age_of(database) != "current":
            raise Refused("The database is of another version. Start the desk of this version first: warmline run.")
        yield database
    finally:
        await database.close()


async def _standings(settings: Settings) -> list[Standing]:
    from bot.standings import all_standings

    async with _tables(settings) as database, database.read() as connection:
        return await all_standings(connection, datetime.now(UTC))


async def _test(settings: Settings, name: str, place: str, text: str) -> Probe:
    from bot.standings import all_standings
    from store import probes

    async with _tables(settings) as database:
        async with database.write("probe.put") as connection:
            known = await all_standings(connection, datetime.now(UTC))
            meant = _meant(name, known)
            if not meant.processes:
                raise Refused(f"No desk runs {name_of(meant)} now, so nobody can send. Start it: warmline run")
            id_ = await probes.put(
                connection, channel=meant.channel, account=meant.account, place=place, body=text, by=None,
                now=datetime.now(UTC),
            )  # fmt: skip
        tell(f"Asked the desk to send it by {name_of(meant)}.")
        end = time.monotonic() + PATIENCE
        while True:
            async with database.read() as connection:
                probe = await probes.read(connection, id_)
            assert probe is not None  # noqa: S101 - written above, and kept for a month
            if probe.status not in ("queued", "sending"):
                return probe
            if time.monotonic() > end:
                return await _given_up(database, probe)
            await asyncio.sleep(ASK_EVERY)


async def _given_up(database: Database, probe: Probe) -> Probe:
    """Nobody has ended it in time: what nobody has taken must not leave later, when nobody waits for it."""
    from dataclasses import replace

    from store import probes

    async with database.write("probe.late") as connection:
        if await probes.take(connection, probe.id):
            await probes.settle(connection, probe.id, "refused", "No desk took it in time.", datetime.now(UTC))
            return replace(probe, status="refused", said="No desk took it in time. Does it run? See: warmline channels")
    return replace(probe, status="unclear", said="The desk took it and has not said what became of it.")


def _meant(name: str, known: list[Standing]) -> Standing:
    """By its whole name, or by the channel's where it has one account."""
    fits = [each for each in known if name in (name_of(each), each.channel)]
    if len(fits) == 1:
        return fits[0]
    names = [name_of(each) for each in known]
    if fits:
        raise Refused(f"{name} has several accounts: {', '.join(name_of(each) for each in fits)}. Name one of them.")
    near = difflib.get_close_matches(name, [*names, *(each.channel for each in known)], n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(names) or 'none, for no desk has run yet'}."
    raise Refused(f"There is no channel {name}. {hint}")


async def _dead(settings: Settings, before: int | None) -> list[dict[str, Any]]:
    from store import outbox
    from store.words import case_number

    async with _tables(settings) as database, database.read() as connection:
        rows = await outbox.undelivered(connection, before=before, limit=PAGE)
        more = await outbox.shown_with(connection, [row["id"] for row in rows])
    cases = {id_: each["case_id"] for id_, each in more.items()}
    return [{**row, "case": case_number(cases[row["id"]]) if cases.get(row["id"]) else None} for row in rows]


async def _send_again(settings: Settings, message: int) -> None:
    from handoff import undelivered
    from store.agents import record

    async with _tables(settings) as database, database.write("send-again") as connection:
        now = datetime.now(UTC)
        if not await undelivered.send_again(connection, message, now):
            raise Refused(f"Message {message} is not among the undelivered. See: warmline channels dead")
        subject = f"message {message}"
        await record(
            connection, action="send again", subject=subject, now=now, agent_id=None, data={"by": "command line"}
        )


async def _quarantined(settings: Settings, before: int | None) -> list[dict[str, Any]]:
    from store import quarantine

    async with _tables(settings) as database, database.read() as connection:
        return await quarantine.waiting(connection, before=before, limit=PAGE)


async def _raw(settings: Settings, item: int) -> str:
    from store import quarantine

    async with _tables(settings) as database, database.read() as connection:
        kept = await quarantine.read(connection, item)
    if kept is None:
        raise _no_such(item)
    text = kept.raw[:RAW_AT_MOST].decode("utf-8", "replace")
    return "".join(each if each == "\n" or each.isprintable() else f"\\u{ord(each):04x}" for each in text)


async def _retry(settings: Settings, item: int) -> None:
    from store import quarantine
    from store.agents import record

    async with _tables(settings) as database:
        now = datetime.now(UTC)
        async with database.write("quarantine.ask") as connection:
            if not await quarantine.ask(connection, item, now):
                raise _no_such(item)
            await record(
                connection, action="retry quarantined", subject=str(item), now=now, agent_id=None,
                data={"by": "command line"},
            )  # fmt: skip
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            async with database.read() as connection:
                after = await quarantine.after(connection, item)
            if after is not None and after["released_at"] is not None:
                return
            if after is not None and after["asked_at"] is None:
                raise Refused(f"Number {item} stays in quarantine: {safe(after['reason'])}")
            await asyncio.sleep(ASK_EVERY)
    raise Refused(
        "No desk that has this channel has looked yet; one that starts does. See: warmline channels", code=FAILED
    )


def _no_such(item: int) -> Refused:
    return Refused(f"Number {item} is not in quarantine. See: warmline channels quarantine")
