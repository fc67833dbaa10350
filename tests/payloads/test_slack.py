"""Payloads shaped as Slack's documentation shows them: kept, counted as none of ours, or set aside; none raises."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from channels.contract import InboundMessage
from channels.slack.channel import SlackChannel, make
from tests.contracts.fake_host import FakeHost

HERE = Path(__file__).parent / "slack"
NAMES = sorted(path.stem for path in HERE.glob("*.json"))
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
NOBODY = "http://127.0.0.1:9/api/"
"""Nothing answers there: what comes in needs no answer."""


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
async def channel(host: FakeHost) -> AsyncIterator[SlackChannel]:
    slack = make({"bot_token": "xoxb-1", "signing_secret": "s", "mode": "http", "api_url": NOBODY, "retry_base": 9})
    await slack.start(host)
    yield slack
    await slack.stop()


def test_there_are_enough() -> None:
    assert len(NAMES) > 100


@pytest.mark.parametrize("name", NAMES)
async def test_payload(name: str, host: FakeHost, channel: SlackChannel) -> None:
    payload = json.loads((HERE / f"{name}.json").read_text())
    expect, body = payload["expect"], payload["body"]
    answer = await channel._pushed(json.dumps(body), {"content-type": JSON})
    assert answer.status_code == 200
    if "ignored" in expect:
        assert dict(channel._reader.ignored) == {expect["ignored"]: 1}
        assert host.messages == host.quarantine == []
    elif "unreadable" in expect:
        (kept,) = host.quarantine
        assert kept.raw
        assert host.messages == []
        with pytest.raises(ValueError, match="still cannot be read"):
            channel.reread(kept.external_id, kept.raw)
    else:
        (message,) = host.messages
        _compare(message, expect)
    await _again(channel, host, body)


def _compare(message: InboundMessage, expect: dict[str, Any]) -> None:
    found = {
        "author_name": message.author.name,
        "is_bot": message.author.is_bot,
        "is_us": message.author.is_us,
        "files": [file.name for file in message.attachments],
    }
    for name, value in expect.items():
        assert found.get(name, getattr(message, name, None)) == value, name
    assert all(file.content is not None or file.reference for file in message.attachments)


async def _again(channel: SlackChannel, host: FakeHost, body: dict[str, Any]) -> None:
    """The same once more, as Slack does when it has not heard us, and in the other shape: nothing new."""
    before = (len(host.messages), len(host.quarantine))
    assert (await channel._pushed(json.dumps(body), {"content-type": JSON})).status_code == 200
    form = urlencode({"payload": json.dumps(body)})
    assert (await channel._pushed(form, {"content-type": FORM})).status_code == 200
    assert (len(host.messages), len(host.quarantine)) == before
