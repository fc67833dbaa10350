"""A Slack that can do next to nothing: it pushes signed events and takes posts."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from channels.contract import Address, OutboundMessage, UnknownOutcome
from channels.registry import load
from channels.richtext import RichText
from channels.slack.channel import SlackChannel
from tests.contracts.fake_host import FakeHost
from tests.house import until
from tests.platforms.plain_http import Cut, PlainServer, Reply, Request

SECRET = "hush"
ME = "U_me"
NOT_THERE = [
    pytest.param(Reply.of({"ok": False, "error": "unknown_method"}), id="as Slack says it"),
    pytest.param(Reply(status=404, body=b"Not Found"), id="a page"),
    pytest.param(Reply(status=405, body=b""), id="nothing"),
]


class Bare:
    """`other` is the answer to every method but `chat.postMessage` and those in `knows`."""

    def __init__(self, other: Reply) -> None:
        self.other = other
        self.knows: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []
        self.sent: list[dict[str, Any]] = []
        self.stamps = True
        self.drops = False
        """The answer to the next post is lost."""
        self.kept: list[dict[str, Any]] = []
        """Messages of a history without metadata."""
        self.server = PlainServer(self._answer)
        self._stamps = itertools.count(1)

    def stamp(self) -> str:
        return f"{time.time():.0f}.{next(self._stamps):06d}"

    async def _answer(self, asked: Request) -> Reply:
        method = asked.path.removeprefix("/api/")
        self.asked.append((asked.method, method))
        if method == "chat.postMessage":
            post = asked.json()
            self.sent.append(post)
            if self.drops:
                self.drops = False
                self.kept.append({"user": ME, "text": post["text"], "ts": self.stamp()})
                raise Cut(reset=True)
            stored = {"user": ME, "text": post["text"]}
            stamped = {"ts": self.stamp(), "message": stored} if self.stamps else {}
            return Reply.of({"ok": True, "channel": post["channel"], **stamped})
        if asked.method == "POST" and method in self.knows:
            return Reply.of({"ok": True, **self.knows[method]})
        return self.other


class Push:
    """What stands behind the platform's button."""

    def __init__(self, channel: SlackChannel, bare: Bare, http: httpx.AsyncClient) -> None:
        self.channel = channel
        self._bare = bare
        self._http = http

    async def says(self, text: str, place: str = "D_ada", user: str = "U_ada", **more: Any) -> httpx.Response:
        said = {"type": "message", "channel": place, "user": user, "text": text, "ts": self._bare.stamp(), **more}
        return await self.brings({"type": "event_callback", "event": said})

    async def brings(self, payload: dict[str, Any]) -> httpx.Response:
        body, now = json.dumps(payload), f"{time.time():.0f}"
        signature = hmac.new(SECRET.encode(), f"v0:{now}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {
            "x-slack-request-timestamp": now, "x-slack-signature": f"v0={signature}", "content-type": "application/json"
        }  # fmt: skip
        return await self._http.post("/channels/slack/main", content=body, headers=headers)


@asynccontextmanager
async def running(bare: Bare, host: FakeHost) -> AsyncIterator[Push]:
    await bare.server.open()
    given = {"bot_token": "any", "signing_secret": SECRET, "api_url": bare.server.url, "retry_base": 0.02}
    channel = load("slack", given)
    assert isinstance(channel, SlackChannel)
    await channel.start(host)
    transport = httpx.ASGITransport(app=Starlette(routes=list(channel.routes())))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://desk.test") as http:
            yield Push(channel, bare, http)
    finally:
        await channel.stop()
        await bare.server.shut()


@pytest.mark.parametrize("other", NOT_THERE)
async def test_methods_that_are_not_there_hold_up_nothing(other: Reply) -> None:
    host, bare = FakeHost(), Bare(other)
    async with running(bare, host) as push:
        assert (await push.says("one")).status_code == 200
        assert (await push.says("two")).status_code == 200
        got = await host.received(2)
        address = Address(account="main", place="D_ada", recipient="U_ada")
        receipt = await push.channel.send(OutboundMessage(key="m1", address=address, text=RichText.of("Hello")))
        assert bare.sent[0]["text"] == "Hello"
        await push.says("Hello", user="U_me", ts=receipt.external_id)
        await push.says(f"<@{ME}> three", place="C_all")
        got = await host.received(4)

        async def told() -> bool:
            return any("does not say who we are" in trouble for trouble in push.channel.report().troubles)

        assert await told() or push.channel._reader.us.user == ME
    assert [message.text for message in got if not message.author.is_us] == ["one", "two", "three"]
    assert [message.author.is_us for message in got].count(True) == 1
    assert next(message for message in got if message.text == "three").addressed


async def test_histories_are_asked_for_by_post_where_get_finds_nothing() -> None:
    host, bare = FakeHost(), Bare(Reply(status=404, body=b"Not Found"))
    missed = {"type": "message", "user": "U_ada", "text": "missed", "ts": bare.stamp()}
    bare.knows = {
        "auth.test": {"user_id": ME, "team_id": "T1", "user": "warmline"},
        "conversations.list": {"channels": [{"id": "D_ada"}]},
        "conversations.history": {"messages": [missed]},
    }
    async with running(bare, host):
        await host.received(1)
        gets = [method for how, method in bare.asked if how == "GET"]

        async def read_again() -> bool:
            return ("POST", "conversations.history") in bare.asked

        await until(read_again)
        assert gets.count("conversations.history") == 1
    assert host.texts() == ["missed"]


async def test_a_press_with_less_than_all_of_it_is_kept() -> None:
    host, bare = FakeHost(), Bare(NOT_THERE[0].values[0])  # type: ignore[arg-type]
    press = {
        "type": "block_actions", "user": {"id": "U_ada"}, "channel": {"id": "D_ada"}, "trigger_id": "t1",
        "message": {"ts": "1795375540.4463"}, "actions": [{"action_id": "helped:no", "type": "button"}],
    }  # fmt: skip
    async with running(bare, host) as push:
        for payload in (press, press, press | {"trigger_id": "t2"}):
            assert (await push.brings(payload)).status_code == 200
        got = await host.received(2)
    assert [(message.kind, message.button) for message in got] == [("button", "helped:no")] * 2
    assert host.outcomes() == ["new", "duplicate", "new"]


async def test_a_press_in_a_thread_that_it_does_not_name() -> None:
    host, bare = FakeHost(), Bare(NOT_THERE[0].values[0])  # type: ignore[arg-type]
    async with running(bare, host) as push:
        address = Address(account="main", place="C_all", thread="1795375540.4463", recipient="U_ada", public=True)
        receipt = await push.channel.send(OutboundMessage(key="m1", address=address, text=RichText.of("Hello")))
        press = {
            "type": "block_actions", "user": {"id": "U_ada"}, "channel": {"id": "C_all"}, "trigger_id": "t1",
            "container": {"type": "message", "message_ts": receipt.external_id}, "actions": [{"action_id": "person"}],
        }  # fmt: skip
        await push.brings(press)
        (got,) = await host.received(1)
    assert (got.thread, got.reply_to) == ("1795375540.4463", receipt.external_id)


async def test_a_post_whose_answer_was_lost_is_known_by_its_words_where_no_metadata_is_kept() -> None:
    host, bare = FakeHost(), Bare(NOT_THERE[1].values[0])  # type: ignore[arg-type]
    bare.knows = {"auth.test": {"user_id": ME, "user": "warmline"}, "conversations.history": {"messages": bare.kept}}
    address = Address(account="main", place="D_ada", recipient="U_ada")
    lost, never = (OutboundMessage(key=key, address=address, text=RichText.of("Hello")) for key in ("m1", "m2"))
    async with running(bare, host) as push:
        await push.says("one")
        await host.received(1)
        bare.drops = True
        with pytest.raises(UnknownOutcome):
            await push.channel.send(lost)
        with pytest.raises(UnknownOutcome, match="the same words"):
            await push.channel.reconcile(never)  # another process may have sent it
        receipt = await push.channel.reconcile(lost)
        assert receipt is not None
        assert receipt.external_id == bare.kept[0]["ts"]
        assert await push.channel.reconcile(never) is None
    assert len(bare.sent) == 1


async def test_a_yes_without_a_time_stamp_is_a_yes() -> None:
    bare = Bare(NOT_THERE[0].values[0])  # type: ignore[arg-type]
    bare.stamps = False
    address = Address(account="main", place="D_ada", recipient="U_ada")
    async with running(bare, FakeHost()) as push:
        receipt = await push.channel.send(OutboundMessage(key="m1", address=address, text=RichText.of("Hello")))
    assert receipt.external_id == "sent-m1"
