"""What only Discord has: sessions that resume, payloads that kill, intents, presses, threads, one gateway for all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from channels.contract import Button, UnknownOutcome
from channels.discord.channel import DiscordChannel
from channels.registry import load
from tests.contracts.discord_harness import ME, NAMES, PLACES, DiscordHarness, DiscordHost
from tests.contracts.harness import settled
from tests.house import until
from tests.platforms.discord import DiscordPlatform
from tests.platforms.discord_world import FORUM, GENERAL, OTHER_ROLE, OUR_ROLE, SUPPORT

THREAD = "710000000000000001"


@pytest.fixture
async def harness() -> AsyncIterator[DiscordHarness]:
    async with DiscordHarness.open() as harness:
        yield harness


@pytest.fixture
def host() -> DiscordHost:
    return DiscordHost()


def true(look: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    async def asked() -> Any:
        return look()

    return asked


def state(harness: DiscordHarness) -> dict[str, Any]:
    return harness.platform._state()


def listening(harness: DiscordHarness) -> int:
    return int(state(harness)["listening"])


class TestSessions:
    async def test_a_payload_that_the_sdk_cannot_read_costs_nothing(
        self, harness: DiscordHarness, host: DiscordHost
    ) -> None:
        async with harness.running(host) as channel:
            await harness.write("one", place="p1")
            await harness.says("answers nothing", mention=True, message_reference=None)  # the SDK dies of this
            await harness.poison()
            await harness.platform.control("dispatch", {"t": "GUILD_CREATE", "d": {"id": "x"}})
            await harness.platform.control("dispatch", {"t": "TYPING_START", "d": [1]})
            await harness.platform.control("raw", {"text": '{"op": 0, "t": "MESSAGE_CREATE", "s":'})
            await harness.write("two", place="p1")
            await host.received(3)
            await host.until(lambda: len(host.quarantine) == 2)
        assert sorted(host.texts()) == ["answers nothing", "one", "two"]
        assert len(state(harness)["identifies"]) == 1
        assert isinstance(channel, DiscordChannel)
        assert channel.report().counts["unreadable"] == 1
        assert channel.report().counts["quarantined"] == 2

    @pytest.mark.parametrize("how", ["cut", "4000", "op 7", "4009", "1000"])
    async def test_a_broken_connection_is_resumed(self, harness: DiscordHarness, host: DiscordHost, how: str) -> None:
        async with harness.running(host):
            await harness.write("before")
            await host.received(1)
            match how:
                case "cut":
                    await harness.away()
                    await harness.write("meanwhile")
                    await harness.back()
                case "op 7":
                    await harness.platform.control("op", {"op": 7})
                    await harness.write("meanwhile")
                case code:
                    await harness.platform.control("close", {"code": int(code)})
                    await harness.write("meanwhile")
            await host.received(2)
            await until(true(lambda: listening(harness) == 1))
        assert host.texts() == ["before", "meanwhile"]
        assert len(state(harness)["identifies"]) == 1

    async def test_a_session_outlives_a_long_outage(self, harness: DiscordHarness, host: DiscordHost) -> None:
        """Even what no history could tell comes: the first line of somebody whom we do not know."""
        async with harness.running(host):
            await harness.write("before")
            await host.received(1)
            await harness.away()
            await harness.write("a stranger", place="p7", author="robo")
            await until(true(lambda: harness.platform.turned_away > 12))
            await harness.back()
            await host.received(2)
        assert host.texts() == ["before", "a stranger"]
        assert len(state(harness)["identifies"]) == 1

    async def test_an_invalid_session_is_begun_anew_and_the_gap_fetched(
        self, harness: DiscordHarness, host: DiscordHost
    ) -> None:
        async with harness.running(host):
            first = await harness.write("before")
            await host.received(1)
            await harness.away()
            await harness.write("meanwhile")
            await harness.edit(first, "before, and edited while nobody listened")
            await harness.forget()
            await harness.back()
            await host.received(3)
            await harness.write("after")
            await host.received(4)
            await settled(harness)
        assert [(m.kind, m.text) for m in host.messages if m.kind == "edit"] == [
            ("edit", "before, and edited while nobody listened")
        ]
        assert sorted(m.text for m in host.messages if m.kind == "message") == ["after", "before", "meanwhile"]
        assert len(state(harness)["identifies"]) == 2

    async def test_the_next_process_resumes_the_session(self, harness: DiscordHarness, host: DiscordHost) -> None:
        """So not even a stranger's first direct message, an edit or a deletion is lost in a restart."""
        async with harness.running(host):
            message = await harness.write("hello")
            await host.received(1)
        await harness.edit(message, "hello again")
        await harness.write("a stranger", place="p5", author="robo")
        async with harness.running(host):
            await host.received(3)
        assert sorted(host.texts()) == ["a stranger", "hello", "hello again"]
        assert (len(state(harness)["identifies"]), state(harness)["resumes"]) == (1, 1)

    async def test_known_places_are_read_though_the_servers_cannot_be_listed(
        self, harness: DiscordHarness, host: DiscordHost
    ) -> None:
        async with harness.running(host):
            await harness.write("first")
            await host.received(1)
        await harness.write("missed")
        await harness.forget()
        await harness.platform.control("faults", {"guilds": ["error"] * 1000})
        async with harness.running(host):
            await host.received(2)
        assert host.texts() == ["first", "missed"]

    async def test_whose_a_deleted_message_was_is_found_again(self, harness: DiscordHarness, host: DiscordHost) -> None:
        async with harness.running(host):
            message = await harness.says("help", mention=True)
            await host.received(1)
        await harness.forget()
        async with harness.running(host):
            await harness.says("more", mention=True)
            await host.received(2)
            await harness.delete(message)
            *_, deletion = await host.received(3)
        assert (deletion.kind, deletion.external_id, deletion.author.external_id) == ("deletion", message, "ada")

    async def test_what_stands_between_may_know_little(self, harness: DiscordHarness, host: DiscordHost) -> None:
        """A proxy or an emulator without the application, the servers and the channels."""
        lacking = ("application", "guilds", "channel")
        await harness.platform.control("faults", {name: ["blocked"] * 100 for name in lacking})
        async with harness.running(host):
            await harness.write("first")
            await harness.says("second", mention=True)
            await host.received(2)
        await harness.write("missed")
        await harness.forget()
        async with harness.running(host):
            await host.received(3)
        assert host.texts() == ["first", "second", "missed"]

    async def test_a_silent_link_is_found_and_resumed(self, harness: DiscordHarness, host: DiscordHost) -> None:
        async with harness.running(host, harness.make(silence=0.15)):
            await harness.write("before")
            await host.received(1)
            await harness.platform.control("deaf", {"on": True})
            await harness.write("into the void")
            await until(true(lambda: listening(harness) == 0))
            await harness.platform.control("deaf", {"on": False})
            await host.received(2)
        assert host.texts() == ["before", "into the void"]

    async def test_few_sessions_are_begun_when_each_dies_at_once(
        self, harness: DiscordHarness, host: DiscordHost
    ) -> None:
        """A thousand a day, then Discord takes the token away."""
        async with harness.running(host, harness.make(identify_every=0.2)):
            for _ in range(4):
                await until(true(lambda: listening(harness) == 1))
                await harness.forget()
            await until(true(lambda: listening(harness) == 1))
            times = [session for session in state(harness)["identifies"]]
        assert len(times) == 5

    async def test_what_stands_where_is_told_to_the_database(self, harness: DiscordHarness, host: DiscordHost) -> None:
        async with harness.running(host, harness.make(note_every=0.05)):
            await harness.write("hello")
            await host.received(1)
            await host.until(lambda: json.loads(host.cursors.get("discord:main:session", "{}")).get("seq") == 3)
        assert set(host.cursors) == {"discord:main:session", f"discord:main:{PLACES['p1']}"}


class TestRefused:
    async def test_without_the_intent_direct_messages_go_on(self, harness: DiscordHarness, host: DiscordHost) -> None:
        harness.platform.knobs.content_granted = False
        channel = harness.make()
        assert isinstance(channel, DiscordChannel)
        await channel.start(host)
        harness._host = host
        await until(true(lambda: listening(harness) == 1))
        await harness.write("a direct message")
        await harness.says("a mention", mention=True)
        await harness.says("more of it")
        await host.received(3)
        found = await channel.check()
        reported, (trouble,) = channel.report().connected, channel.report().troubles
        await channel.stop()
        assert [m.text for m in host.messages if not m.public] == ["a direct message"]
        assert "hidden" in [m.text for m in host.messages if m.public][-1]
        assert all("MESSAGE CONTENT INTENT" in each for each in found)
        assert found
        assert reported == "partly"
        assert "MESSAGE CONTENT" in trouble

    async def test_a_revoked_token_is_named_and_waited_for(self, harness: DiscordHarness, host: DiscordHost) -> None:
        async with harness.running(host, harness.make(refused_wait=0.3)) as channel:
            assert isinstance(channel, DiscordChannel)
            await harness.write("before")
            await host.received(1)
            await harness.platform.control("revoke", {})
            await until(true(lambda: channel.report().troubles))
            assert "token" in str(channel.report().troubles)
            await harness.write("meanwhile")
            await harness.platform.control("revoke", {"revoked": False})
            await host.received(2)
            await until(true(lambda: channel.report().connected == "yes"))
        assert host.texts() == ["before", "meanwhile"]

    async def test_check_names_each_fault_with_its_place(self, harness: DiscordHarness) -> None:
        harness.platform.knobs.content_granted = False
        channel = harness.make(guilds=["700000000000000009"], places={"799999999999999999": "all"})
        assert isinstance(channel, DiscordChannel)
        found = await channel.check()
        assert len(found) == 3
        for words, each in zip(("MESSAGE CONTENT INTENT", "not in server", "cannot see place"), found, strict=True):
            assert words in each
        harness.platform.world.revoked.add(ME)
        (sentence,) = await channel.check()
        assert "Reset Token" in sentence


class TestOneGateway:
    async def test_one_of_two_processes_listens_and_the_other_follows(
        self, harness: DiscordHarness, host: DiscordHost
    ) -> None:
        first, second = harness.make(), harness.make()
        harness._host = host
        await first.start(host)
        task = asyncio.create_task(second.start(host))
        await harness.write("one")
        await host.received(1)
        assert listening(harness) == 1
        assert isinstance(first, DiscordChannel)
        assert isinstance(second, DiscordChannel)
        await until(true(lambda: second.report().connected == "standby"))
        assert first.report().connected == "yes"
        assert second.report().lease == "discord:main:gateway"
        await first.stop()
        await harness.write("two")
        await host.received(2)
        await task
        assert second.report().connected == "yes"
        assert listening(harness) == 1
        await second.stop()
        assert host.texts() == ["one", "two"]

    async def test_a_lost_lease_is_stepped_down_from(self, harness: DiscordHarness, host: DiscordHost) -> None:
        async with harness.running(host):
            await harness.write("one")
            await host.received(1)
            host.take_away("discord:main:gateway")
            await until(true(lambda: listening(harness) == 0))
            await harness.write("two")
            await until(true(lambda: "two" in host.texts()))
        assert sorted(host.texts()) == ["one", "two"]


class TestListening:
    async def test_chatter_is_nobodys_business(self, harness: DiscordHarness, host: DiscordHost) -> None:
        async with harness.running(host) as channel:
            await harness.says("said to others")
            await harness.says("help me", mention=True)
            await harness.says("and more of it")
            got = await host.received(2)
        assert [(m.text, m.addressed) for m in got] == [("help me", True), ("and more of it", False)]
        assert all(m.public for m in got)
        assert isinstance(channel, DiscordChannel)
        assert channel.report().counts["ignored said to others"] >= 1

    async def test_our_role_and_a_reply_to_us_are_for_us(self, harness: DiscordHarness, host: DiscordHost) -> None:
        ours = {"author": {"id": ME}, "id": "1"}
        async with harness.running(host):
            await harness.says(f"<@&{OUR_ROLE}> help", mention_roles=[OUR_ROLE])
            await harness.says("no", type=19, message_reference={"message_id": "1"}, referenced_message=ours)
            await harness.says(f"<@&{OTHER_ROLE}> look", mention_roles=[OTHER_ROLE])
            got = await host.received(3)
        assert [(m.text, m.addressed, m.reply_to) for m in got] == [
            ("help", True, None), ("no", True, "1"), ("@Moderators look", False, None)
        ]  # fmt: skip

    async def test_a_thread_that_a_mention_opened(self, harness: DiscordHarness, host: DiscordHost) -> None:
        await harness.thread(THREAD)
        async with harness.running(host):
            await harness.says("between us", place=THREAD)
            await harness.says("help", place=THREAD, mention=True)
            await harness.says("it still fails", place=THREAD)
            got = await host.received(2)
        assert [(m.text, m.addressed) for m in got] == [("help", True), ("it still fails", True)]
        assert {m.place for m in got} == {THREAD}

    async def test_a_forum_for_support(self, harness: DiscordHarness, host: DiscordHost) -> None:
        async with harness.running(host, harness.make(listen="mentions", places={FORUM: "threads", SUPPORT: "all"})):
            await harness.thread(THREAD, parent=FORUM)
            await harness.says("my post", place=THREAD)
            await harness.says("hello?", place=SUPPORT)
            await harness.says("chatter", place=GENERAL)
            got = await host.received(2)
            await settled_places(harness)
        assert sorted((m.text, m.addressed) for m in got) == [("hello?", True), ("my post", True)]

    async def test_other_servers_are_left_alone(self, harness: DiscordHarness, host: DiscordHost) -> None:
        async with harness.running(host, harness.make(guilds=["700000000000000009"])):
            await harness.says("help", mention=True)
            await harness.write("direct")
            await host.received(1)
        assert host.texts() == ["direct"]

    async def test_missed_in_a_thread_and_in_a_new_channel(self, harness: DiscordHarness, host: DiscordHost) -> None:
        async with harness.running(host):
            await harness.write("first")
            await host.received(1)
        await harness.thread(THREAD)
        await harness.says("in a thread", place=THREAD, mention=True)
        await harness.says("never spoken here", place=SUPPORT, mention=True)
        await harness.forget()
        async with harness.running(host):
            await host.received(3)
        assert sorted(host.texts()) == ["first", "in a thread", "never spoken here"]


class TestPresses:
    async def test_kept_then_acknowledged_then_shown(self, harness: DiscordHarness, host: DiscordHost) -> None:
        buttons = (Button(id="helped:yes", label="Yes"), Button(id="helped:no", label="No"))
        async with harness.running(host) as channel:
            receipt = await channel.send(harness.outbound("Did it help?", buttons=buttons))
            host.open.clear()
            await harness.press(buttons[1], receipt.external_id)
            await host.until(lambda: host.attempts)
            assert list(state(harness)["answers"].values()) == [None]
            host.open.set()
            await until(true(lambda: all(state(harness)["answers"].values())))
            (got,) = host.messages
        assert (got.button, got.text, got.author.external_id) == ("helped:no", "No", "ada")
        (answer,) = state(harness)["answers"].values()
        assert answer["type"] == 7
        row = answer["data"]["components"][0]["components"]
        shown = [(each["label"], each["disabled"], each["style"]) for each in row]
        assert shown == [("Yes", True, 2), ("No", True, 3)]

    async def test_a_stranger_cannot_press_for_another(self, harness: DiscordHarness, host: DiscordHost) -> None:
        button = Button(id="helped:no", label="No")
        async with harness.running(host) as channel:
            receipt = await channel.send(harness.outbound("Did it help?", buttons=(button,)))
            await harness.press(button, receipt.external_id, author="robo")
            await until(true(lambda: all(state(harness)["answers"].values())))
        (answer,) = state(harness)["answers"].values()
        assert (answer["type"], answer["data"]["flags"]) == (4, 64)
        assert host.messages == []


class TestFiles:
    async def test_fetched_at_once_and_without_our_token(self, harness: DiscordHarness, host: DiscordHost) -> None:
        png = b"\x89PNG\r\n\x1a\n" + b"x" * 100
        async with harness.running(host):
            await harness.write("see", files=[("a.png", png), ("b.exe", b"MZ" + b"x" * 50)])
            (got,) = await host.received(1)
        picture, program = got.attachments
        assert (picture.content, picture.media_type, picture.reference) == (png, "image/png", "")
        assert (program.content, program.reference) == (None, "refused:program")
        assert harness.platform.leaks == 0

    async def test_from_nowhere_else(self, harness: DiscordHarness, host: DiscordHost) -> None:
        async with DiscordPlatform() as elsewhere, harness.running(host):
            elsewhere.world.files["1"] = b"secret"
            for url in (
                f"{elsewhere.url}/cdn/1/x",
                "file:///etc/passwd",
                "http://u@127.0.0.1/x",
                "",
                "//x",
                "http://[x",
            ):
                file = {"id": "1", "filename": "a.txt", "size": 6, "url": url}
                await harness.platform.control(
                    "dispatch",
                    {"t": "MESSAGE_CREATE", "d": {"id": harness.platform.world.snowflake(), "channel_id": PLACES["p1"],
                     "author": {"id": NAMES["ada"]}, "content": "x", "attachments": [file]}},
                )  # fmt: skip
            got = await host.received(6)
        assert [(m.attachments[0].content, m.attachments[0].reference) for m in got] == [(None, "unfetched")] * 6


class TestSending:
    async def test_what_a_send_says(self, harness: DiscordHarness, host: DiscordHost) -> None:
        message = harness.outbound("hello @everyone", place=GENERAL, reply_to="5")
        public = type(message.address)(account="main", place=GENERAL, recipient=NAMES["ada"], public=True)
        async with harness.running(host) as channel:
            await channel.send(type(message)(key="m7", address=public, text=message.text, reply_to="5"))
            await channel.send(harness.outbound("direct", key="m8", reply_to="5"))
        first, second = state(harness)["sends"]
        assert (first["nonce"], first["flags"]) == ("m7", 4)
        assert first["message_reference"] == {"message_id": "5", "fail_if_not_exists": False}
        assert "message_reference" not in second
        assert "@everyone" not in first["content"]

    async def test_in_a_server_it_answers_the_last_line_of_who_asked(
        self, harness: DiscordHarness, host: DiscordHost
    ) -> None:
        message = harness.outbound("here", place=GENERAL)
        public = type(message.address)(account="main", place=GENERAL, recipient=NAMES["ada"], public=True)
        async with harness.running(host) as channel:
            await harness.says("help", mention=True)
            last = await harness.says("it says 404")
            await host.received(2)
            await channel.send(type(message)(key="m1", address=public, text=message.text))
        assert state(harness)["sends"][0]["message_reference"]["message_id"] == last

    async def test_its_limit_is_obeyed_before_it_is_told(self, harness: DiscordHarness, host: DiscordHost) -> None:
        await harness.platform.control("knobs", {"limit": 2, "per": 1.0})
        async with harness.running(host) as channel:
            for number in range(5):
                await channel.send(harness.outbound(f"{number}", key=f"k{number}"))
        assert [sent["content"] for sent in state(harness)["sends"]] == list("01234")

    async def test_found_by_its_words_where_nothing_tells_a_nonce(
        self, harness: DiscordHarness, host: DiscordHost
    ) -> None:
        await harness.platform.control("knobs", {"history_nonce": False, "echo": False})
        async with harness.running(host) as channel:
            assert isinstance(channel, DiscordChannel)
            await harness.write("one")
            await host.received(1)
            known = await channel.send(harness.outbound("Again, *please*.", key="k0"))
            await harness.fault("cut_after")
            message = harness.outbound("Again, *please*.", key="k1")
            with pytest.raises(UnknownOutcome):
                await channel.send(message)
            receipt = await channel.reconcile(message)
            assert receipt is not None
            assert receipt != known
            with pytest.raises(UnknownOutcome):
                await channel.reconcile(harness.outbound("Again, *please*.", key="k2"))
        assert len(await harness.arrived()) == 2

    async def test_reconciled_by_the_echo_where_the_history_has_no_nonce(
        self, harness: DiscordHarness, host: DiscordHost
    ) -> None:
        await harness.platform.control("knobs", {"history_nonce": False, "echo": True})
        message = harness.outbound("lost answer")
        async with harness.running(host) as channel:
            assert isinstance(channel, DiscordChannel)
            await harness.fault("cut_after")
            with pytest.raises(UnknownOutcome):
                await channel.send(message)
            await until(true(lambda: channel._reader.lanes.echo_of("k1")))
            receipt = await channel.reconcile(message)
            assert receipt is not None
            assert receipt.external_id == state(harness)["sends"][0]["id"]
            with pytest.raises(UnknownOutcome, match="does not say"):
                await channel.reconcile(harness.outbound("another", key="k2"))
        assert host.messages == []  # an echo is no message

    async def test_two_accounts_with_two_platforms_in_one_process(self, harness: DiscordHarness) -> None:
        async with DiscordPlatform() as other:
            other.world.channel(PLACES["p1"], kind=1)
            mine, yours = DiscordHost(), DiscordHost()
            settings = {**harness.settings(), **other.settings(account="second")}
            second = load("discord", settings)
            first = harness.make()
            await asyncio.gather(first.start(mine), second.start(yours))
            await other.control("messages", {"place": PLACES["p1"], "author": NAMES["ada"], "text": "over there"})
            await harness.write("over here")
            await mine.received(1)
            await yours.received(1)
            await asyncio.gather(first.stop(), second.stop())
        assert (mine.texts(), yours.texts()) == (["over here"], ["over there"])
        assert [m.account for m in yours.messages] == ["second"]


async def settled_places(harness: DiscordHarness) -> None:
    """Until all that was said has been read."""
    channel = harness._made[-1]
    await until(true(lambda: not channel._reader.lanes.open))
