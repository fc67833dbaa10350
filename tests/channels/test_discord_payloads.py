"""Payloads shaped as Discord's documentation shows them, and broken ones: none raises, is lost, or stops the next.

One JSON object a line: `{"name", "t", "d", "expect"?}`; `expect` are fields of the message.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import InboundMessage, Undecodable
from channels.discord.files import Files
from channels.discord.inbound import MESSAGES
from channels.discord.lanes import Event
from channels.discord.reader import Reader
from channels.discord.rest import Rest
from channels.discord.settings import DiscordSettings
from channels.registry import load
from tests.contracts.discord_harness import ME, DiscordHarness, DiscordHost
from tests.house import until
from tests.platforms.discord_world import GENERAL, GUILD, OUR_ROLE, token_of

FOLDER = Path(__file__).resolve().parents[1] / "payloads" / "discord"


def payloads(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="ascii").splitlines()]


def named(items: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(item, id=item["name"]) for item in items]


def reader() -> Reader:
    """One that knows who it is and a server, and has no network."""
    settings = DiscordSettings.parse({"token": token_of(ME)})
    made = Reader(settings, Rest(settings), Files(settings))
    made.scene.me = ME
    role = {"id": OUR_ROLE, "name": "Warmline", "tags": {"bot_id": ME}}
    channel = {"id": GENERAL, "type": 0, "name": "general"}
    made.scene.atlas.learn("GUILD_CREATE", {"id": GUILD, "channels": [channel], "roles": [role]}, ME)
    return made


async def read(item: dict[str, Any]) -> list[InboundMessage | Undecodable]:
    event = Event(kind=item["t"], data=item["d"], raw=json.dumps(item).encode(), number=0, seq=0)
    return await reader().lanes.read(event, [])


@pytest.mark.parametrize("item", named(payloads("understood")))
async def test_understood(item: dict[str, Any]) -> None:
    (got,) = await read(item)
    assert isinstance(got, InboundMessage), got
    fields = {
        "text": got.text, "kind": got.kind, "public": got.public, "addressed": got.addressed, "name": got.author.name,
        "bot": got.author.is_bot, "reply_to": got.reply_to, "revision": got.revision, "button": got.button,
        "files": len(got.attachments),
    }  # fmt: skip
    assert {name: fields[name] for name in item["expect"]} == item["expect"]
    assert all("http" not in file.reference for file in got.attachments)


PASSED_OVER = [item for item in payloads("ignored") if item["t"] in MESSAGES]
"""The other events never come so far as to be read."""


@pytest.mark.parametrize("item", named(PASSED_OVER))
async def test_ignored_and_counted(item: dict[str, Any]) -> None:
    mine = reader()
    event = Event(kind=item["t"], data=item["d"], raw=b"{}", number=0, seq=0)
    assert await mine.lanes.read(event, []) == []
    assert sum(count for name, count in mine.logbook.counts.items() if name.startswith("ignored")) == 1


@pytest.mark.parametrize("item", named(payloads("broken")))
async def test_kept_for_a_person(item: dict[str, Any]) -> None:
    (got,) = await read(item)
    assert isinstance(got, Undecodable), got
    assert json.loads(got.raw)["d"] == item["d"]
    assert 0 < len(got.external_id) <= 120
    assert got.reason
    channel = load("discord", {"token": token_of(ME)})
    with pytest.raises(ValueError, match=r".{10}"):
        channel.reread(got.external_id, got.raw)  # type: ignore[attr-defined]


def test_what_was_kept_can_be_read_after_a_repair() -> None:
    item = payloads("understood")[0]
    channel = load("discord", {"token": token_of(ME)})
    (got,) = channel.reread("message_create-1", json.dumps(item).encode())  # type: ignore[attr-defined]
    assert got.text == item["expect"]["text"]


async def test_all_of_them_over_the_real_sdk() -> None:
    """In one session: everything arrives that should, and the connection never ends."""
    host = DiscordHost()
    good, bad = payloads("understood"), payloads("broken")
    async with DiscordHarness.open() as harness, harness.running(host) as channel:
        for item in [*good, *payloads("ignored"), *bad]:
            await harness.platform.control("dispatch", {"t": item["t"], "d": item["d"]})
        await harness.write("still there")
        await host.until(lambda: "still there" in host.texts())

        async def all_read() -> bool:
            return not channel._reader.lanes.open  # type: ignore[attr-defined]

        await until(all_read)
        assert len(harness.platform.world.identifies) == 1
        counts = channel.report().counts  # type: ignore[attr-defined]
    assert len({(m.external_id, m.revision) for m in host.messages}) == len(host.messages)
    kept = sum(count for name, count in counts.items() if name.startswith("kept "))
    assert kept >= len(good)
    assert counts["quarantined"] == len(bad)
    assert counts["ignored AN_EVENT_OF_TOMORROW"] == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(payloads("understood")), st.data())
async def test_any_field_may_be_anything(item: dict[str, Any], data: st.DataObject) -> None:
    """One field of a good payload replaced: it is a message, ignored, or kept; never an error, never a loss."""
    name = data.draw(st.sampled_from(sorted(item["d"])))
    changed = {**item, "d": {**item["d"], name: data.draw(JSON)}}
    assert len(await read(changed)) <= 1
