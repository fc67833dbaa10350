"""Channels, what of them could not be read, and test messages: the agents' API, fourth part."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field

from bot.intake import clean
from bot.standings import all_standings
from bot.web import gate
from bot.web.api import BadCursor, Key, Me, Office, Sent, There, api, no_controls
from handoff.errors import NoSuchCase, WrongState
from store import probes, quarantine
from store.agents import Agent, record
from store.inbox import digest
from store.probes import Probe

channels = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)

Id = Annotated[int, Field(ge=1, le=2**53)]
RAW_AT_MOST: Final = 20_000
"""Bytes of a payload that are shown."""
TESTS: Final = 6
TESTS_PER: Final = 60.0
"""So many test messages may one person send in so many seconds."""


def _line(value: str) -> str:
    if clean(value) != value or not value.isprintable() or not value.strip():
        raise ValueError("is no address of a place; take it from the platform, as it stands there")
    return value.strip()


class NewTest(Sent):
    channel: Annotated[str, Field(max_length=40, description="As `GET /channels` names it.")]
    account: Annotated[str, Field(max_length=200)]
    place: Annotated[
        str,
        Field(max_length=200, description="The platform's own name of a chat or channel."),
        AfterValidator(_line),
    ]
    text: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(no_controls)]


@channels.get("/channels", tags=["channels"])
async def every_channel(agent: Me, office: There) -> dict[str, Any]:
    """How each account stands, over all processes of this desk; the worst first."""
    now = datetime.now(UTC)
    async with office.database.read() as connection:
        found = await all_standings(connection, now, here=office.watch.accounts)
    return {"channels": [standing.shown() for standing in found]}


@channels.post("/channels/test", tags=["channels"])
async def send_test(body: NewTest, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Send a text to a place, and say what came of it: `sent`, `refused` (certainly not sent), `unclear`.

    It belongs to no conversation, is tried once, and is on record. Nobody's answer to it is awaited.
    """
    gate.allow(agent, "administer")
    if (body.channel, body.account) not in office.watch.accounts:
        raise NoSuchCase(f"This desk has no channel {body.channel!r} with the account {body.account!r}.")
    wait = await office.bus.allow(f"desk:test:{agent.id}", limit=TESTS, per=TESTS_PER)
    if wait > 0:
        raise WrongState(f"You have sent {TESTS} test messages within a minute. Try again in {wait:.0f} s.")
    return _told(await _tested(office, agent, body, key))


async def _tested(office: Office, agent: Agent, body: NewTest, key: str | None) -> Probe:
    async with office.database.write("probe.put") as connection:
        id_ = await probes.put(
            connection, channel=body.channel, account=body.account, place=body.place, body=body.text, by=agent.id,
            now=datetime.now(UTC), key=None if key is None else digest(agent.id, key),
        )  # fmt: skip
        probe = await probes.read(connection, id_)
    assert probe is not None  # noqa: S101 - written a line above
    await office.watch.send(probe)
    async with office.database.read() as connection:
        return await probes.read(connection, id_) or probe


def _told(probe: Probe) -> dict[str, Any]:
    return {"id": probe.id, "status": probe.status, "said": probe.said}


# --- what could not be read --------------------------------------------------------------------


@channels.get("/quarantine", tags=["channels"])
async def quarantined(
    agent: Me,
    office: There,
    cursor: Annotated[str | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> dict[str, Any]:
    """What arrived and could not be read, newest first. Nothing is thrown away."""
    before = id_of(cursor or None)
    async with office.database.read() as connection:
        rows = await quarantine.waiting(connection, before=before, limit=limit + 1)
    return {"items": rows[:limit], "next": str(rows[limit - 1]["id"]) if len(rows) > limit else None}


def id_of(cursor: str | None) -> int | None:
    """Of a list in the order of ids. Raises `BadCursor`."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise BadCursor
    return int(cursor)


@channels.get("/quarantine/{item}", tags=["channels"])
async def one_quarantined(item: Id, agent: Me, office: There) -> dict[str, Any]:
    """With what arrived, as far as it is text: for eyes, never to be run."""
    async with office.database.read() as connection:
        kept = await quarantine.read(connection, item)
    if kept is None:
        raise NoSuchCase(f"Item {item} is not in quarantine.")
    return {"item": item, "channel": kept.channel, "account": kept.account, "external_id": kept.external_id,
            "size": len(kept.raw), "raw": shown_raw(kept.raw[:RAW_AT_MOST])}  # fmt: skip


def shown_raw(raw: bytes) -> str:
    """Bytes as text that shows each control character, and cannot turn what stands beside it around."""
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n")
    return "".join(
        character if character in "\n\t" or character.isprintable() else f"\\u{ord(character):04x}"
        for character in text
    )


@channels.post("/quarantine/{item}/retry", tags=["channels"])
async def retry(item: Id, agent: Me, office: There) -> dict[str, Any]:
    """Let the channel read it again, after an upgrade say. `released`: it could; else `why` not."""
    gate.allow(agent, "repair")
    async with office.database.read() as connection:
        if await quarantine.read(connection, item) is None:
            raise NoSuchCase(f"Item {item} is not in quarantine.")
    why = await office.requeue(item)
    await _recorded(office, agent, "retry quarantined", item)
    return {"item": item, "released": why is None, "why": why}


@channels.post("/quarantine/{item}/set-aside", tags=["channels"])
async def set_aside(item: Id, agent: Me, office: There) -> dict[str, Any]:
    """Nothing is to be done about it. It is kept, and can be brought back."""
    gate.allow(agent, "repair")
    async with office.database.write("quarantine.aside") as connection:
        if not await quarantine.set_aside(connection, item, datetime.now(UTC)):
            raise NoSuchCase(f"Item {item} is not in quarantine.")
    await _recorded(office, agent, "set aside quarantined", item)
    return {"item": item, "waiting": False}


@channels.post("/quarantine/{item}/bring-back", tags=["channels"])
async def bring_back(item: Id, agent: Me, office: There) -> dict[str, Any]:
    """It is to be looked at after all."""
    gate.allow(agent, "repair")
    async with office.database.write("quarantine.back") as connection:
        if not await quarantine.bring_back(connection, item):
            raise NoSuchCase(f"Item {item} was not set aside.")
    await _recorded(office, agent, "bring back quarantined", item)
    return {"item": item, "waiting": True}


async def _recorded(office: Office, agent: Agent, action: str, item: int) -> None:
    now = datetime.now(UTC)
    async with office.database.write("quarantine.record") as connection:
        await record(connection, action=action, subject=str(item), now=now, agent_id=agent.id)
    await office.live.signal("channels", conversation=0)
