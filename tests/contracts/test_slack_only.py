"""What only Slack has: who is spoken to, threads, Connect, files behind a token, sockets that come and go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from channels.contract import (
    Address,
    Attachment,
    OutboundMessage,
    PermanentFailure,
    TemporaryFailure,
    UnknownOutcome,
    Unsupported,
)
from channels.registry import RegistryError, load
from channels.richtext import RichText
from channels.slack.channel import SlackChannel
from tests.contracts.fake_host import FakeHost
from tests.contracts.harness import settled
from tests.contracts.test_slack_channel import HttpHarness, SlackHarness
from tests.platforms.plain_http import PlainServer, Reply, Request
from tests.platforms.slack_state import BOT_USER

US = f"<@{BOT_USER}>"


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
async def slack() -> AsyncIterator[SlackHarness]:
    async with SlackHarness.open() as harness:
        yield harness


async def until(true: Callable[[], object], *, within: float = 30.0) -> None:
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


def said(slack: SlackHarness, text: str, **more: Any) -> str:
    """In a channel, as Slack stores it."""
    return str(
        slack.slack.space.wrote(text=text, author="ada", raw=True, **{"place": "c1", "public": True, **more})["ts"]
    )


# --- who is spoken to ----------------------------------------------------------------------------


async def test_a_mention_opens_a_thread(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host):
        said(slack, "chatter")
        root = said(slack, f"{US} is it down?")
        await host.received(2)
        said(slack, "still?", thread=root)
        said(slack, "elsewhere", thread="1.000001")
        got = await host.received(4)
        await settled(slack)
    by_text = {m.text: m for m in got}
    assert {text: m.addressed for text, m in by_text.items()} == {
        "chatter": False, "is it down?": True, "still?": True, "elsewhere": False
    }  # fmt: skip
    assert by_text["is it down?"].thread == by_text["still?"].thread == root
    assert all(m.public for m in got)


async def test_the_thread_is_known_after_a_restart(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host):
        root = said(slack, f"{US} is it down?")
        await host.received(1)
        await until(lambda: root in host.cursors.get("slack:main:c1", ""))
    said(slack, "while you were away", thread=root)
    slack.slack.space.forget()
    async with slack.running(host):
        said(slack, "still?", thread=root)
        got = await host.received(3)
    assert sorted((m.text, m.addressed) for m in got) == [
        ("is it down?", True), ("still?", True), ("while you were away", True)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("listen", "heard"),
    [
        ("mentions", {"hey": True, "again": False, "chatter": False}),
        ("threads", {"hey": True, "again": True, "chatter": False}),
        ("all", {"hey": True, "again": True, "chatter": True}),
        ({"default": "mentions", "c1": "all"}, {"hey": True, "again": True, "chatter": True}),
        ({"c2": "all"}, {"hey": True, "again": True, "chatter": False}),
    ],
)
async def test_listen(slack: SlackHarness, host: FakeHost, listen: Any, heard: dict[str, bool]) -> None:
    slack.more = {"listen": listen}
    async with slack.running(host):
        root = said(slack, f"{US} hey")
        await host.received(1)
        said(slack, "again", thread=root)
        said(slack, "chatter")
        got = await host.received(3)
    assert {m.text: m.addressed for m in got} == heard


async def test_message_and_mention_and_connect_are_one_message(slack: SlackHarness, host: FakeHost) -> None:
    """Slack tells of it as `message`, as `app_mention`, and once for each workspace that sees the channel."""
    async with slack.running(host):
        root = said(slack, f"{US} once")
        parcels = slack.slack.space.parcels
        other = {**parcels[0].payload, "event_id": "EvOther", "team_id": "T9OTHER", "context_team_id": "T9OTHER"}
        slack.slack.space.bring("c1", root, "events_api", other)
        await settled(slack)
        assert len(parcels) == 3
    assert host.texts() == ["once"]


async def test_the_same_four_times_is_one_message(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host):
        ts = await slack.write("once")
        for _ in range(3):
            await slack.redeliver(ts)
        await settled(slack)
        await slack.write("after")
        await host.received(2)
    assert host.texts() == ["once", "after"]


async def test_one_message_under_two_time_stamps_is_one(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host):
        said(slack, "before")
        await host.received(1)
        said(slack, f"{US} once")
        await host.received(2)
        payload = slack.slack.space.parcels[-1].payload
        phantom = payload["event"] | {"ts": "1.000002", "event_ts": "1.000002"}
        slack.slack.space.bring("c1", "1.000002", "events_api", {**payload, "event_id": "Ev2", "event": phantom})
        said(slack, "after")
        await host.received(3)
        await settled(slack)
    assert host.texts() == ["before", "once", "after"]


async def test_names_and_addresses(slack: SlackHarness, host: FakeHost) -> None:
    slack.slack.space.user("bo", name="Bo")
    slack.more = {"trust_profile_email": True}
    async with slack.running(host):
        said(slack, "ask <@bo> and <@nobody>", place="d1", public=False, email="ada@example.com")
        (got,) = await host.received(1)
    assert got.text == "ask @Bo and @nobody"
    assert (got.author.email, got.author.email_verified) == ("ada@example.com", True)


async def test_an_address_is_not_trusted_unasked(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host):
        said(slack, "hi", place="d1", public=False, email="ada@example.com")
        (got,) = await host.received(1)
    assert (got.author.email, got.author.email_verified) == (None, False)


async def test_a_strangers_workspace_is_not_trusted(slack: SlackHarness, host: FakeHost) -> None:
    slack.more = {"trust_profile_email": True}
    slack.slack.space.user("ada", email="ada@bank.example")
    slack.slack.space.users["ada"]["team_id"] = "T9OTHER"
    async with slack.running(host) as channel:
        assert isinstance(channel, SlackChannel)
        await until(lambda: channel._reader.us.team)
        said(slack, "hi", place="d1", public=False)
        (got,) = await host.received(1)
    assert got.author.email is None


async def test_without_names_words_still_come(slack: SlackHarness, host: FakeHost) -> None:
    slack.slack.fault("users.info", *["black_hole"] * 5)
    async with slack.running(host):
        await slack.write("hi")
        (got,) = await host.received(1)
    assert (got.author.external_id, got.author.name) == ("ada", "")


# --- files ---------------------------------------------------------------------------------------


async def test_a_file_comes_with_its_content(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host):
        await slack.write("the log", files=[("a.txt", b"boom"), ("b.png", b"\x89PNG\r\n\x1a\n123")])
        (got,) = await host.received(1)
    assert [(f.name, f.content, f.media_type) for f in got.attachments] == [
        ("a.txt", b"boom", "text/plain"), ("b.png", b"\x89PNG\r\n\x1a\n123", "image/png")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reference"),
    [
        ({"url_private_download": "https://evil.example/F1"}, "refused:other"),
        ({"url_private_download": "http://files.slack.com/F1"}, "refused:other"),
        ({"url_private_download": "https://files.slack.com@127.0.0.1/F1"}, "refused:other"),
        ({"url_private_download": "https://files.slack.com.evil.example/F1"}, "refused:other"),
        ({"url_private_download": "{base}/files/elsewhere"}, "refused:other"),
        ({"url_private_download": "{base}/files/missing"}, "refused:other"),
        ({"url_private_download": "http://[::1/F1"}, "refused:other"),
        ({"name": "run.exe"}, "refused:program"),
        ({"name": "page.html"}, "refused:active"),
        ({"size": 5_000_000}, "refused:large"),
        ({"mode": "tombstone"}, "refused:other"),
    ],
)
async def test_a_file_that_is_not_kept(
    slack: SlackHarness, host: FakeHost, change: dict[str, Any], reference: str
) -> None:
    file = slack.slack.keep_file("a.txt", b"words") | change
    if isinstance(url := file["url_private_download"], str):
        file["url_private_download"] = url.replace("{base}", slack.slack.server.url)
    async with slack.running(host):
        slack.slack.space.wrote(text="see", place="p1", author="ada", files=[file])
        (got,) = await host.received(1)
    assert [(f.content, f.reference) for f in got.attachments] == [(None, reference)]
    assert got.text == "see"


@pytest.mark.parametrize("redirected", [False, True])
async def test_nobody_else_ever_sees_the_token(slack: SlackHarness, host: FakeHost, redirected: bool) -> None:
    seen: list[Request] = []

    async def take(request: Request) -> Reply:
        seen.append(request)
        return Reply(body=b"got you")

    thief = PlainServer(take)
    await thief.open()
    try:
        slack.slack.elsewhere = f"{thief.url}/steal"
        url = f"{slack.slack.server.url}/files/elsewhere" if redirected else slack.slack.elsewhere
        file = slack.slack.keep_file("a.txt", b"words") | {"url_private_download": url, "url_private": url}
        async with slack.running(host):
            slack.slack.space.wrote(text="see", place="p1", author="ada", files=[file])
            (got,) = await host.received(1)
    finally:
        await thief.shut()
    assert [f.content for f in got.attachments] == [None]
    assert seen == []


async def test_without_a_commit_the_socket_hears_no_yes(slack: SlackHarness, host: FakeHost) -> None:
    slack.slack.knobs.history = False  # so that nothing but another delivery can bring it
    async with slack.running(host):
        await until(lambda: host.cursors and slack.slack.sockets)
        host.fail(2)
        await slack.write("again and again")
        await host.received(1)
        await settled(slack)
        assert host.attempts >= 3


async def test_a_page_to_sign_in_is_no_file(slack: SlackHarness, host: FakeHost) -> None:
    file = slack.slack.keep_file("a.txt", b"words")
    async with slack.running(host) as channel:
        assert isinstance(channel, SlackChannel)
        slack.slack.knobs.token = "xoxb-another"
        slack.slack.space.wrote(text="see", place="p1", author="ada", files=[file])
        (got,) = await host.received(1)
    assert [(f.content, f.reference) for f in got.attachments] == [(None, "refused:other")]


async def test_a_file_that_is_larger_than_it_says(slack: SlackHarness, host: FakeHost) -> None:
    file = slack.slack.keep_file("a.txt", b"x" * 1_000_001) | {"size": 10}
    async with slack.running(host):
        slack.slack.space.wrote(text="see", place="p1", author="ada", files=[file])
        (got,) = await host.received(1)
    assert [(f.content, f.reference) for f in got.attachments] == [(None, "refused:large")]


# --- a person, please ----------------------------------------------------------------------------


async def test_the_shortcut_everywhere(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host):
        slack.slack.space.shortcut("ada")
        (got,) = await host.received(1)
        await settled(slack)
    assert (got.kind, got.button, got.place, got.thread, got.public) == ("button", "person", "Dada", None, False)


async def test_the_shortcut_at_a_message(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host):
        root = said(slack, "anybody?")
        await host.received(1)
        slack.slack.space.shortcut("ada", place="c1", ts=root)
        got = await host.received(2)
        await settled(slack)
    assert (got[1].button, got[1].place, got[1].thread, got[1].public) == ("person", "c1", root, True)


async def test_an_event_of_next_year_is_counted(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host) as channel:
        assert isinstance(channel, SlackChannel)
        for _ in range(3):
            slack.slack.space._event("p1", "new", {"type": "hologram_shared", "depth": 3})
        await settled(slack)
        assert channel._reader.ignored == {"event hologram_shared": 3}
    assert host.messages == []


async def test_a_frame_of_no_shape_is_kept_and_the_next_one_read(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host):
        slack.slack.space.bring("p1", "odd", "events_api", "broken frame")
        await slack.write("after")
        await host.received(1)
        await host.until(lambda: host.quarantine)
        await settled(slack)
    assert b"envelope_id" in host.quarantine[0].raw


# --- sockets that come and go --------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_the_next_socket_is_open_before_the_last_is_closed(
    slack: SlackHarness, host: FakeHost, reason: str
) -> None:
    async with slack.running(host):
        await slack.write("before")
        await host.received(1)
        await until(lambda: slack.slack.sockets)
        await slack.slack.disconnect(reason)
        await slack.write("between")
        await host.received(2)
        assert slack.slack.dialled == 2
    assert host.texts() == ["before", "between"]
    assert slack.slack.calls.count("conversations.list") <= 2  # at the start; there was no gap


@pytest.mark.parametrize("how", ["cut", "silent", "link_disabled"])
async def test_a_dead_socket_is_noticed_and_replaced(slack: SlackHarness, host: FakeHost, how: str) -> None:
    async with slack.running(host):
        await until(lambda: slack.slack.sockets)
        first = slack.slack.sockets[0]
        if how == "cut":
            slack.slack.abort_sockets()
        elif how == "silent":
            slack.slack.hush()
        else:
            await slack.slack.disconnect(how)
        await until(lambda: slack.slack.sockets and slack.slack.sockets[-1] is not first)
        await slack.write("after")
        await host.received(1)


async def test_a_greeting_that_never_comes_is_not_waited_for_long(slack: SlackHarness, host: FakeHost) -> None:
    slack.slack.silent = True
    async with slack.running(host) as channel:
        assert isinstance(channel, SlackChannel)
        await until(lambda: channel.report().troubles)
        slack.slack.silent = False
        await until(lambda: slack.slack.sockets)
        await slack.write("hello")
        await host.received(1)


async def test_what_comes_before_a_greeting_is_taken(slack: SlackHarness, host: FakeHost) -> None:
    slack.slack.greets = False
    async with slack.running(host):
        await until(lambda: slack.slack.sockets)
        await slack.write("hello")
        await host.received(1)
        await settled(slack)
        assert slack.slack.dialled == 1


@pytest.mark.parametrize("harness_type", [SlackHarness, HttpHarness])
async def test_a_revoked_token_loses_nothing_and_mends_itself(harness_type: type[SlackHarness], host: FakeHost) -> None:
    async with harness_type.open() as slack, slack.running(host) as channel:
        assert isinstance(channel, SlackChannel)
        await slack.write("before")
        await host.received(1)
        slack.slack.knobs.refusal = "token_revoked"
        slack.slack.abort_sockets()
        await slack.write("meanwhile")
        with pytest.raises(TemporaryFailure, match="set a new bot_token"):
            await channel.send(slack.outbound("not now"))
        (sentence,) = await channel.check()
        assert "token_revoked" in sentence
        assert "OAuth & Permissions" in sentence
        slack.slack.knobs.refusal = ""
        await slack.write("after")
        await host.received(3)
        await settled(slack)
        await until(lambda: not channel.report().troubles)
        assert await channel.check() == []
    assert sorted(host.texts()) == ["after", "before", "meanwhile"]


async def test_catching_up_waits_where_slack_says_so(slack: SlackHarness, host: FakeHost) -> None:
    slack.slack.knobs.page = 2
    for number in range(7):
        await slack.write(f"missed {number}")
    slack.slack.space.forget()
    slack.slack.fault("conversations.history", "ok", "busy", "ok", "busy")
    async with slack.running(host):
        await host.until(lambda: len(host.messages) == 7)
    assert host.texts() == [f"missed {number}" for number in range(7)]


async def test_an_edit_while_we_were_away_is_read_as_such(slack: SlackHarness, host: FakeHost) -> None:
    message = await slack.write("teh drone")
    await slack.edit(message, "the drone")
    slack.slack.space.forget()
    async with slack.running(host):
        (got,) = await host.received(1)
    assert (got.kind, got.text, got.external_id) == ("edit", "the drone", message)
    assert got.revision > 0


async def test_only_one_process_catches_up(slack: SlackHarness, host: FakeHost) -> None:
    async with host.alone("slack:main:catch-up"):
        await slack.write("missed")
        slack.slack.space.forget()
        async with slack.running(host):
            await slack.write("now", place="p2")
            await host.received(1)
    assert host.texts() == ["now"]


# --- out -----------------------------------------------------------------------------------------


async def test_what_cannot_be_sent_is_said(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host) as channel:
        with pytest.raises(Unsupported, match="parts"):
            await channel.send(slack.outbound("x" * 4001))
        with pytest.raises(Unsupported, match="files"):
            await channel.send(slack.outbound("x", attachments=(Attachment(name="a", content=b"1"),)))
        with pytest.raises(PermanentFailure, match="no words"):
            await channel.send(slack.outbound("  "))
    assert await slack.arrived() == []


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ratelimited", TemporaryFailure), ("invalid_auth", TemporaryFailure), ("account_inactive", TemporaryFailure),
        ("channel_not_found", PermanentFailure), ("is_archived", PermanentFailure),
        ("not_in_channel", PermanentFailure),
        ("missing_scope", PermanentFailure), ("msg_too_long", PermanentFailure), ("fatal_error", UnknownOutcome),
        ("something_of_next_year", PermanentFailure),
    ],
)  # fmt: skip
async def test_each_refusal_has_its_error(
    slack: SlackHarness, host: FakeHost, code: str, error: type[Exception]
) -> None:
    async with slack.running(host) as channel:
        slack.slack.knobs.refusal = code
        with pytest.raises(error) as caught:
            await channel.send(slack.outbound("hello"))
    assert type(caught.value) is error
    assert code in str(caught.value)


async def test_a_message_in_a_thread_is_found_there(slack: SlackHarness, host: FakeHost) -> None:
    slack.slack.knobs.page = 2
    async with slack.running(host) as channel:
        assert isinstance(channel, SlackChannel)
        address = Address(account="main", place="p1", thread="1.000001")
        message = OutboundMessage(key="m7", address=address, text=RichText.of("here"))
        receipt = await channel.send(message)
        for number in range(7):
            await channel.send(OutboundMessage(key=f"n{number}", address=address, text=RichText.of("more")))
        assert await channel.reconcile(message) == receipt
        assert await channel.reconcile(OutboundMessage(key="m8", address=address, text=RichText.of("x"))) is None
        slack.slack.fault("conversations.replies", "busy")
        with pytest.raises(UnknownOutcome):
            await channel.reconcile(message)


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "complaints"),
    [
        ({}, ["bot_token is missing", "app_token is missing"]),
        ({"mode": "http", "bot_token": "xoxb-1"}, ["signing_secret is missing"]),
        ({"bot_token": "hunter2", "app_token": "hunter2"}, ["bot_token does not begin", "app_token does not begin"]),
        ({"bot_token": "xoxb 1", "app_token": "xapp-1"}, ["bot_token is no token"]),
        ({"bot_token": "xoxb-1", "app_token": "xapp-1", "tokne": "hunter2", "listen": "most", "names": "big",
          "timeout": "soon", "account": "a b", "api_url": "ftp://x", "mode": "pull", "trust_profile_email": "yes"},
         ["tokne is unknown", "listen of default", "names is none of", "timeout is not a number", "account is not",
          "api_url is no https", "mode is neither", "trust_profile_email is neither"]),
        ({"bot_token": "xoxb-1", "app_token": "xapp-1", "api_url": "http://slack.com/api"}, ["api_url is no https"]),
        ({"bot_token": "xoxb-1", "app_token": "xapp-1", "listen": 7}, ["listen is none of"]),
    ],
)  # fmt: skip
def test_all_that_is_wrong_is_said_at_once(settings: dict[str, Any], complaints: list[str]) -> None:
    with pytest.raises(RegistryError) as caught:
        load("slack", settings)
    for complaint in complaints:
        assert complaint in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_check_names_each_missing_scope(slack: SlackHarness) -> None:
    slack.slack.knobs.scopes = "chat:write,users:read"
    channel = slack.make()
    assert isinstance(channel, SlackChannel)
    found = await channel.check()
    assert any("im:history" in sentence and "Bot Token Scopes" in sentence for sentence in found)
    assert not any("scope chat:write:" in sentence for sentence in found)


async def test_check_names_the_app_token(slack: SlackHarness) -> None:
    slack.slack.knobs.app_token = "xapp-another"
    channel = load("slack", slack.settings() | {"app_token": "xapp-wrong"})
    assert isinstance(channel, SlackChannel)
    (sentence,) = await channel.check()
    assert "connections:write" in sentence
    assert "xapp-wrong" not in sentence


async def test_no_token_is_logged(slack: SlackHarness, host: FakeHost, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with slack.running(host) as channel:
        await slack.write("hi")
        await host.received(1)
        slack.slack.fault("chat.postMessage", "cut_before")
        with pytest.raises(UnknownOutcome):
            await channel.send(slack.outbound("hello"))
        slack.slack.abort_sockets()
        await until(lambda: len(slack.slack.sockets) > 0)
    text = caplog.text + json.dumps([str(record.args) for record in caplog.records])
    assert slack.slack.knobs.token not in text
    assert slack.slack.knobs.app_token not in text


async def test_a_mention_counts_although_slack_has_not_said_yet_who_we_are(slack: SlackHarness, host: FakeHost) -> None:
    slack.slack.fault("auth.test", *[{"fault": "unavailable"}] * 3)
    async with slack.running(host):
        ts = said(slack, f"{US} is it down?", notify=False)
        payload = {"type": "event_callback", "event_id": "Ev1", "team_id": "T1", "api_app_id": "A1"}
        message = slack.slack.space.places["c1"].messages[ts]
        event = {**message, "channel": "c1", "channel_type": "channel"}
        slack.slack.space.bring("c1", ts, "events_api", {**payload, "event": event})
        (got,) = await host.received(1)
    assert (got.addressed, got.text) == (True, "is it down?")
