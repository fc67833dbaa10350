"""The desk's channel in Slack, by the real SDK: what is said there is nobody's message, and is kept before the yes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from channels.contract import TemporaryFailure, UnknownOutcome, Window, WindowButton, WindowPost
from channels.richtext import Block, RichText, Span
from channels.slack.channel import SlackChannel
from tests.contracts.fake_host import FakeHost
from tests.contracts.harness import settled
from tests.contracts.test_slack_channel import HttpHarness, SlackHarness
from tests.platforms.slack_state import BOT_USER

ROOM = "C0DESK"


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture(params=[SlackHarness, HttpHarness], ids=["socket", "http"])
async def slack(request: pytest.FixtureRequest) -> AsyncIterator[SlackHarness]:
    async with request.param.open() as harness:
        harness.more = {"desk_channel": ROOM}
        harness.slack.space.place(ROOM, is_im=False)
        yield harness


def say(slack: SlackHarness, text: str, **more: Any) -> str:
    return str(slack.slack.space.wrote(text=text, place=ROOM, author="ULEA", name="Lea", public=True, **more)["ts"])


def post(text: str = "words", key: str = "k1", **more: Any) -> WindowPost:
    return WindowPost(key=key, text=RichText(blocks=(Block(kind="quote", spans=(Span(text=text),)),)), **more)


def window_of(channel: Any) -> Window:
    assert isinstance(channel, SlackChannel)
    found = channel.window()
    assert isinstance(found, Window)
    return found


async def test_nothing_of_it_is_a_customers(slack: SlackHarness, host: FakeHost) -> None:
    """Words, mentions, edits, deletions, files, broadcasts, machines, presses, shortcuts, and the history of it all."""
    slack.slack.space.wrote(text="before the start", place=ROOM, author="ULEA", public=True, notify=False)
    async with slack.running(host) as channel:
        assert isinstance(channel, SlackChannel)
        card = say(slack, "a root")
        say(slack, f"<@{BOT_USER}> my whole site is down", raw=True)
        ts = say(slack, "in the thread", thread=card)
        slack.slack.space.edited(ROOM, ts, "other words")
        slack.slack.space.deleted(ROOM, ts)
        say(slack, "also to the channel", thread=card, subtype="thread_broadcast")
        say(slack, "I do", thread=card, subtype="me_message")
        say(slack, "a file", thread=card, files=[slack.slack.keep_file("a.txt", b"a")])
        slack.slack.space.wrote(text="beep", place=ROOM, author="UBOT", bot=True, public=True, thread=card)
        slack.slack.space.pressed(ROOM, card, "claim:1", "ULEA")
        slack.slack.space.pressed(ROOM, card, "person", "ULEA")
        slack.slack.space.shortcut("ULEA", place=ROOM, ts=card)
        slack.slack.space.shortcut("ULEA", place=ROOM, ts=card, callback="send_to_the_customer", name="send")
        slack.slack.space._event(ROOM, "poison", {"type": "message", "channel": ROOM, "user": 7, "ts": None})
        await settled(slack)
    assert host.messages == []
    (poison,) = host.quarantine
    with pytest.raises(ValueError, match="in the desk's channel"):
        channel.reread(poison.external_id, poison.raw)
    assert sorted((each.kind, each.text, each.thread or "") for each in host.deeds) == sorted(
        [
            ("said", "a root", ""),
            ("said", f"@{BOT_USER} my whole site is down", ""),
            ("said", "in the thread", card),
            ("edited", "other words", card),
            ("deleted", "other words", card),
            ("said", "also to the channel", card),
            ("said", "I do", card),
            ("said", "a file", card),
            ("pressed", "", ""),
            ("pressed", "", ""),
            ("chosen", "a root", ""),
        ]
    )
    assert {each.author for each in host.deeds if each.kind == "chosen"} == {"ULEA"}
    assert {each.files for each in host.deeds if each.text == "a file"} == {1}


async def test_what_was_missed_there_is_not_read_as_customers(slack: SlackHarness, host: FakeHost) -> None:
    slack.slack.space.wrote(text=f"<@{BOT_USER}> help", place=ROOM, author="ULEA", public=True, raw=True, notify=False)
    slack.slack.space.wrote(text="hello", place="D1", author="ada", notify=False)
    async with slack.running(host) as channel:
        assert isinstance(channel, SlackChannel)
        await channel.backfill(host)
        await host.received(1)
    assert [each.text for each in host.messages] == ["hello"]
    assert host.deeds == []


async def test_it_is_acknowledged_after_the_commit_alone(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host):
        host.open.clear()
        name = say(slack, "keep this")
        await asyncio.sleep(0.05)
        assert name in await slack.unacknowledged()
        host.open.set()
        await settled(slack)
        slack.slack.space.redeliver(name)
        await settled(slack)
    assert len({each.external_id for each in host.deeds}) == 1


async def test_words_are_words(slack: SlackHarness, host: FakeHost) -> None:
    """Blocks carry them as data; the text for notifications is escaped."""
    evil = "<!channel> <@U1> <http://x|y> *b* &amp; :boom:"
    async with slack.running(host) as channel:
        there = window_of(channel)
        ts = await there.post(post(evil, buttons=(WindowButton(id="claim:1", label="Claim", main=True),)))
        await there.change(ts, post(f"{evil} again"))
        await there.whisper("ULEA", post(evil, thread=ts))
    (sent,), (changed,), (whispered,) = slack.slack.space.sends, slack.slack.space.updates, slack.slack.space.whispers
    for each in (sent, whispered):
        assert "<" not in each["text"]
        assert each["blocks"][0]["elements"][0]["elements"] == [{"type": "text", "text": evil}]
    assert changed["ts"] == ts
    assert sent["blocks"][1]["elements"][0]["style"] == "primary"
    assert (whispered["user"], whispered["thread_ts"]) == ("ULEA", ts)


@pytest.mark.parametrize(("fault", "arrived"), [("cut_after", True), ("cut_before", False)])
async def test_a_post_is_found_by_its_key(slack: SlackHarness, host: FakeHost, fault: str, arrived: bool) -> None:
    async with slack.running(host) as channel:
        there = window_of(channel)
        await there.post(post(key="other"))
        slack.slack.fault("chat.postMessage", fault)
        with pytest.raises(UnknownOutcome):
            await there.post(post())
        found = await there.find(post())
    assert (found is not None) is arrived
    assert len(slack.slack.space.sends) == 1 + arrived


async def test_limits_and_a_channel_that_is_gone_are_waited_for(slack: SlackHarness, host: FakeHost) -> None:
    async with slack.running(host) as channel:
        there = window_of(channel)
        slack.slack.fault("chat.postMessage", {"fault": "busy", "seconds": 2})
        with pytest.raises(TemporaryFailure) as busy:
            await there.post(post())
        assert busy.value.retry_after == 2
        slack.slack.space.blocked.add(ROOM)
        with pytest.raises(TemporaryFailure, match="takes no posts"):
            await there.post(post())
        assert any("takes no posts" in trouble for trouble in channel.report().troubles)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("room", "closed", "says"),
    [
        ({}, True, ""),
        ({"is_private": False}, False, "open to the whole workspace"),
        ({"is_ext_shared": True}, False, "shared with another company"),
        ({"is_pending_ext_shared": True}, False, "shared with another company"),
        ({"is_member": False}, True, "is not in the desk's channel"),
        ({"is_archived": True}, True, "is archived"),
    ],
)
async def test_who_reads_there_is_known_and_said(
    slack: SlackHarness, host: FakeHost, room: dict[str, Any], closed: bool, says: str
) -> None:
    slack.slack.space.places[ROOM].room = room
    async with slack.running(host) as channel:
        assert isinstance(channel, SlackChannel)
        found = await window_of(channel).room()
        assert found.closed is closed
        told = await channel.check()
    assert [says in trouble for trouble in found.troubles] == ([True] if says else [])
    assert [says in each for each in told if "desk's channel" in each] == ([True] if says else [])


async def test_guests_strangers_and_who_has_left_are_none_of_the_team(slack: SlackHarness, host: FakeHost) -> None:
    space = slack.slack.space
    for user, marks in {
        "UG": {"is_restricted": True}, "US": {"is_stranger": True}, "UD": {"deleted": True}, "UB": {"is_bot": True},
        "UC": {"team_id": "T0OTHER"}, "ULEA": {},
    }.items():  # fmt: skip
        space.user(user, name=user, email=f"{user}@desk.example")
        space.users[user] |= marks
    slack.more["trust_profile_email"] = True
    async with slack.running(host) as channel:
        there = window_of(channel)
        await slack_knows_us(channel)
        found = {user: await there.person(user) for user in [*space.users, "UNOBODY"]}
    assert {user for user, person in found.items() if not person.guest} == {"ULEA"}
    assert {user: person.email for user, person in found.items() if person.email} == {"ULEA": "ULEA@desk.example"}


async def slack_knows_us(channel: Any) -> None:
    async with asyncio.timeout(20):
        while not channel._window.team:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


def test_a_desk_channel_is_an_id(slack_settings: dict[str, Any]) -> None:
    from channels.slack.settings import SlackSettings

    with pytest.raises(ValueError, match="desk_channel is no channel id"):
        SlackSettings.parse({**slack_settings, "desk_channel": "#help"})
    with pytest.raises(ValueError, match="desk_cards is none of"):
        SlackSettings.parse({**slack_settings, "desk_cards": "some"})


@pytest.fixture
def slack_settings() -> dict[str, Any]:
    return {"bot_token": "xoxb-1", "app_token": "xapp-1"}
