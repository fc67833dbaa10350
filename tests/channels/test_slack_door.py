"""Whatever knocks without Slack's signature gets 401 or 400, never a 500, and leaves nothing behind."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from channels.slack.channel import SlackChannel, make
from channels.slack.door import BODY_AT_MOST, payload_of
from tests.contracts.fake_host import FakeHost
from tests.platforms.slack import signed

SECRET = "loopback-signing-secret"
PATH = "/channels/slack/main"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
TS = "1795000000.000001"
LEVELS = (400, 800, *range(860, 990, 4))
KNOWN = {"authorizations": [{"user_id": "U0", "is_bot": True}]}
"""Who we are, said with an event: nobody need be asked."""
EVENT = {
    "type": "event_callback", "event_id": "Ev1", "team_id": "T1", "api_app_id": "A1",
    "event": {"type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "text": "hi", "ts": TS},
}  # fmt: skip


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
async def channel(host: FakeHost) -> AsyncIterator[SlackChannel]:
    nobody = "http://127.0.0.1:9/api/"
    slack = make({"bot_token": "xoxb-1", "signing_secret": SECRET, "mode": "http", "api_url": nobody, "retry_base": 9})
    await slack.start(host)
    yield slack
    await slack.stop()


@pytest.fixture
async def door(channel: SlackChannel) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=list(channel.routes()))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as client:
        yield client


def _body(data: Any = EVENT) -> bytes:
    return json.dumps(data).encode()


async def test_what_slack_signed_comes_in(door: httpx.AsyncClient, host: FakeHost) -> None:
    answer = await door.post(PATH, content=_body(), headers={**JSON, **signed(SECRET, _body())})
    assert (answer.status_code, host.texts()) == (200, ["hi"])


GOOD = signed(SECRET, _body())
NOW = int(time.time())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-slack-signature": GOOD["x-slack-signature"]}, 401),
        ({"x-slack-request-timestamp": str(NOW)}, 401),
        (signed("another secret", _body()), 401),
        (signed(SECRET, b"another body"), 401),
        (signed(SECRET, _body(), at=NOW - 10_000), 401),
        (signed(SECRET, _body(), at=NOW + 10_000), 401),
        ({**GOOD, "x-slack-request-timestamp": "abc"}, 400),
        ({**GOOD, "x-slack-request-timestamp": "-1"}, 400),
        ({**GOOD, "x-slack-request-timestamp": "1e9"}, 400),
        ({**GOOD, "x-slack-request-timestamp": "1" * 5000}, 400),
        ({**GOOD, b"x-slack-request-timestamp": "\u0661".encode()}, 400),
        ({**GOOD, b"x-slack-request-timestamp": b"\xb2"}, 400),
        ({**GOOD, "x-slack-request-timestamp": " "}, 400),
        ({**GOOD, "x-slack-signature": "v0="}, 401),
        ({**GOOD, "x-slack-signature": "v1=" + "0" * 64}, 401),
        ({**GOOD, "x-slack-signature": GOOD["x-slack-signature"].upper()}, 401),
        ({**GOOD, "x-slack-signature": "v0=" + "0" * 64}, 401),
        ({**GOOD, "x-slack-signature": "v0=" + "0" * 100_000}, 401),
        ({**GOOD, b"x-slack-signature": b"v0=" + b"\xe9" * 64}, 401),
        ({**GOOD, b"x-slack-signature": "v0=\u0660".encode() * 30}, 401),
    ],
)
async def test_a_forgery(door: httpx.AsyncClient, host: FakeHost, headers: dict[Any, Any], status: int) -> None:
    fresh = signed(SECRET, _body())  # those above were made when the tests were gathered, maybe long ago
    headers = {name: fresh[name] if name in fresh and value == GOOD[name] else value for name, value in headers.items()}
    raw = [(_bytes(name), _bytes(value)) for name, value in {**JSON, **headers}.items()]
    deduped = {name.lower(): value for name, value in raw}
    answer = await door.post(PATH, content=_body(), headers=list(deduped.items()))
    assert answer.status_code == status
    assert host.messages == host.quarantine == []


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


@pytest.mark.parametrize("headers", [JSON, FORM, {}, {"content-type": "text/plain"}, {"content-type": "\x00"}])
@pytest.mark.parametrize(
    "body",
    [b"", b"[1]", b"null", b"7", b'"x"', b"not json", b"{", b"\xff\xfe", b"\xc3(", b"[" * 100_000, b"payload=", b"{}",
     b'{"a":' * 50_000, b"payload=%FF", b"payload=[1]", b"payload=" + b"[" * 100_000, b"&" * 1000],
)  # fmt: skip
async def test_signed_nonsense(door: httpx.AsyncClient, host: FakeHost, body: bytes, headers: dict[str, str]) -> None:
    answer = await door.post(PATH, content=body, headers={**headers, **signed(SECRET, body)})
    assert answer.status_code == 400
    assert host.messages == []


async def test_brackets_that_can_be_opened_are_no_fault_of_ours(door: httpx.AsyncClient, host: FakeHost) -> None:
    """A parser opens more of them than a writer closes who stands deeper in the program."""
    for name, levels in itertools.product(("channel", "user", "ts", "subtype"), LEVELS):
        event = {**EVENT, **KNOWN, "event_id": f"{name}{levels}", "event": {**EVENT["event"], name: "?"}}
        body = json.dumps(event).replace('"?"', "[" * levels + "]" * levels).encode()
        answer = await door.post(PATH, content=body, headers={**JSON, **signed(SECRET, body)})
        assert answer.status_code in (200, 400), (name, levels)
        assert answer.status_code == 200 or levels > 800
        assert answer.status_code == 400 or f"{name}{levels}" in {kept.external_id for kept in host.quarantine}
    assert host.messages == []


async def test_names_that_no_table_holds_are_set_aside(door: httpx.AsyncClient, host: FakeHost) -> None:
    odd = ("\ud800", "C\0", "C1\n", "C\u00e9", "C" * 100_000)
    cases = list(itertools.product(("channel", "user", "ts", "thread_ts"), odd))
    for number, (name, value) in enumerate(cases):
        body = _body({**EVENT, **KNOWN, "event_id": f"Ev{number}", "event": {**EVENT["event"], name: value}})
        answer = await door.post(PATH, content=body, headers={**JSON, **signed(SECRET, body)})
        assert answer.status_code == 200
    assert host.messages == []
    assert [kept.external_id for kept in host.quarantine] == [f"Ev{number}" for number in range(len(cases))]
    assert all(cursor.isascii() for cursor in host.cursors)


@pytest.mark.parametrize("body", [{"type": "url_verification"}, {"type": "url_verification", "challenge": [7]}])
async def test_an_address_that_is_proven_oddly(door: httpx.AsyncClient, body: Any) -> None:
    raw = _body(body)
    answer = await door.post(PATH, content=raw, headers={**JSON, **signed(SECRET, raw)})
    assert answer.status_code < 500


async def test_a_body_without_end_is_cut_off(door: httpx.AsyncClient, host: FakeHost) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(BODY_AT_MOST // 10_000 + 10):
            yield b"x" * 10_000

    for content in (b"x" * (BODY_AT_MOST + 1), endless()):
        answer = await door.post(PATH, content=content, headers={**JSON, **signed(SECRET, _body())})
        assert answer.status_code == 413
    assert host.messages == []


async def test_the_address_is_proven(door: httpx.AsyncClient) -> None:
    body = _body({"type": "url_verification", "challenge": "3eZbrw1aB", "token": "x"})
    answer = await door.post(PATH, content=body, headers={**JSON, **signed(SECRET, body)})
    assert (answer.status_code, answer.json()) == (200, {"challenge": "3eZbrw1aB"})
    assert (await door.post(PATH, content=body, headers=JSON)).status_code == 401


async def test_the_certificate_is_looked_at_without_a_signature(door: httpx.AsyncClient, host: FakeHost) -> None:
    body = urlencode({"ssl_check": "1", "token": "x"})
    assert (await door.post(PATH, content=body, headers=FORM)).status_code == 200
    for other in (urlencode({"ssl_check": "0"}), urlencode({"command": "/x"}), "ssl_check", "ssl_check=1&x=\u00e9"):
        assert (await door.post(PATH, content=other, headers=FORM)).status_code == 401
    assert host.messages == []


async def test_nothing_but_post(door: httpx.AsyncClient) -> None:
    assert (await door.get(PATH)).status_code == 405


async def test_no_commit_no_yes(door: httpx.AsyncClient, host: FakeHost, channel: SlackChannel) -> None:
    channel._catch_up._impatient["D1"] = 1e12
    host.fail(1)
    headers = {**JSON, **signed(SECRET, _body())}
    assert (await door.post(PATH, content=_body(), headers=headers)).status_code == 503
    assert (await door.post(PATH, content=_body(), headers=headers)).status_code == 200
    assert host.texts() == ["hi"]


async def test_who_lost_the_lease_shuts_the_door(door: httpx.AsyncClient, host: FakeHost) -> None:
    host.lease_lost = True
    headers = {**JSON, **signed(SECRET, _body())}
    assert (await door.post(PATH, content=_body(), headers=headers)).status_code == 503
    host.lease_lost = False
    assert (await door.post(PATH, content=_body(), headers=headers)).status_code == 503


async def test_before_the_house_is_open(host: FakeHost) -> None:
    slack = make({"bot_token": "xoxb-1", "signing_secret": SECRET, "mode": "http", "api_url": "http://127.0.0.1:9/"})
    transport = httpx.ASGITransport(app=Starlette(routes=list(slack.routes())))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as door:
        assert (await door.post(PATH, content=_body(), headers={**JSON, **signed(SECRET, _body())})).status_code == 503
        assert (await door.post(PATH, content=_body(), headers=JSON)).status_code == 401


@given(text=st.text(max_size=200), kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]))
def test_any_text_is_an_object_or_a_value_error(text: str, kind: str) -> None:
    try:
        found = payload_of(text, kind)
    except (ValueError, RecursionError):
        return
    assert found is None or isinstance(found, dict)
