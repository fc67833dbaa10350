"""What comes in: nothing is lost, nothing comes twice, nothing is acknowledged early, and a text is a text."""

from __future__ import annotations

import asyncio
import time

import pytest

from channels.contract import Backfills, Button, Reports, Rereads, RereadsInHouse
from tests.contracts.fake_host import FakeHost, storable
from tests.contracts.harness import Cases, Harness, need, need_fault, reported, settled

TEXTS = {
    "latin": "My drone won't arm — it beeps 3\u00d7.",
    "right to left": "الطائرة لا تطير \u202b\u05e9\u05dc\u05d5\u05dd\u202c",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea",
    "nul": "before\0after",
    "lone surrogate": "half of \ud83d an emoji",
    "line separators": "a\u2028b\u2029c\r\nd\x85e",
    "controls": "\x1b[31mred\x07 \u200b\ufeff",
    "stacked marks": "Z" + "\u0300" * 2000,
    "long": "wörd " * 20_000,
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "mention": "@everyone <@U123> <!channel> @bot hello",
    "markdown": "**bold** [link](javascript:alert(1)) `code` ||spoiler||",
    "sql": "'); DROP TABLE messages; --",
    "format": "{0.__class__} %s %n ${jndi:ldap://x}",
}


class InboundCases(Cases):
    """Needs a fixture `harness`."""

    async def test_a_text_arrives_with_who_and_where(self, harness: Harness, host: FakeHost) -> None:
        async with harness.running(host):
            message = await harness.write("The gimbal shakes", place="p7", author="ada", name="Ada L")
            (got,) = await host.received(1)
        assert (got.channel, got.account, got.place) == (harness.channel, harness.account, "p7")
        assert (got.author.external_id, got.author.name) == ("ada", "Ada L")
        assert (got.external_id, got.revision, got.kind) == (message, 0, "message")
        assert got.text == "The gimbal shakes"
        assert (got.author.is_bot, got.author.is_us, got.automatic, got.public) == (False, False, False, False)
        assert got.addressed
        assert got.platform_at is None or got.platform_at.tzinfo is not None

    async def test_a_thread_is_kept(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "thread")
        async with harness.running(host):
            await harness.write("in a thread", thread="t1")
            (got,) = await host.received(1)
        assert got.thread == "t1"

    async def test_public_and_unaddressed_are_told(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "public")
        async with harness.running(host):
            await harness.write("to all", public=True, addressed=False)
            (got,) = await host.received(1)
        assert (got.public, got.addressed) == (True, False)

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
    async def test_a_text_is_a_text(self, harness: Harness, host: FakeHost, text: str) -> None:
        async with harness.running(host):
            await harness.write(text)
            (got,) = await host.received(1)
        assert got.text == storable(text)
        assert host.quarantine == []

    async def test_a_name_is_a_text(self, harness: Harness, host: FakeHost) -> None:
        async with harness.running(host):
            await harness.write("hi", name="<b>Eve</b>\n\u202e\U0001f600")
            (got,) = await host.received(1)
        assert got.author.name == "<b>Eve</b>\n\u202e\U0001f600"

    async def test_places_are_kept_apart_and_each_in_order(self, harness: Harness, host: FakeHost) -> None:
        async with harness.running(host):
            for number in range(30):
                await harness.write(str(number), place=f"p{number % 3}")
            got = await host.received(30)
        for place in range(3):
            assert [m.text for m in got if m.place == f"p{place}"] == [str(n) for n in range(30) if n % 3 == place]

    # --- twice, or not at all ---

    async def test_a_redelivery_is_no_second_message(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "redeliver", "acknowledged")
        async with harness.running(host):
            message = await harness.write("once")
            await host.received(1)
            await harness.redeliver(message)
            await host.until(lambda: host.outcomes().count("duplicate") >= 1)
            await settled(harness)
        assert host.texts() == ["once"]

    async def test_nothing_is_acknowledged_before_it_is_committed(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "acknowledged")
        host.open.clear()
        async with harness.running(host):
            message = await harness.write("wait for me")
            await host.until(lambda: host.attempts)
            await asyncio.sleep(0.05)
            assert message in await harness.unacknowledged()
            host.open.set()
            await host.received(1)
            await settled(harness)

    @pytest.mark.parametrize("after", [False, True], ids=["nothing kept", "kept but not heard"])
    async def test_a_failed_commit_is_delivered_again(self, harness: Harness, host: FakeHost, after: bool) -> None:
        need(harness, "acknowledged")
        host.fail(3, after_commit=after)
        async with harness.running(host):
            await harness.write("one")
            await harness.write("two", place="p2")
            await host.received(2)
            await settled(harness)
        assert sorted(host.texts()) == ["one", "two"]
        assert host.attempts > 3

    async def test_the_cursor_is_committed_with_the_messages(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "cursor")
        async with harness.running(host):
            await harness.write("one")
            await host.received(1)
            before = dict(host.cursors)
            host.fail(1)
            await harness.write("two")
            await host.until(lambda: host.attempts >= 2)
            assert host.cursors == before
            await host.received(2)
        assert before
        assert host.cursors != before

    async def test_a_lost_lease_ends_reading(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "acknowledged")
        host.lease_lost = True
        async with harness.running(host):
            message = await harness.write("not for us")
            await host.until(lambda: host.attempts)
            await asyncio.sleep(0.2)
            assert message in await harness.unacknowledged()
            assert host.attempts == 1
        assert host.messages == []

    async def test_poison_is_quarantined_and_the_next_one_delivered(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "poison", "acknowledged")
        async with harness.running(host) as channel:
            await harness.write("before")
            await harness.poison()
            await harness.write("after")
            await host.received(2)
            await host.until(lambda: host.quarantine)
            await settled(harness)
        assert sorted(host.texts()) == ["after", "before"]
        (kept,) = host.quarantine
        assert (kept.channel, kept.account) == (harness.channel, harness.account)
        assert kept.raw
        assert kept.reason
        assert kept.external_id
        if isinstance(channel, Rereads):
            with pytest.raises(ValueError, match=r".{10}"):
                channel.reread(kept.external_id, kept.raw)
        if isinstance(channel, RereadsInHouse):
            with pytest.raises(ValueError, match=r".{10}"):
                await channel.reread_in(host, kept.external_id, kept.raw)

    # --- what else a customer does ---

    async def test_edits_keep_the_id_and_grow(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "edit")
        async with harness.running(host):
            message = await harness.write("teh drone")
            await harness.edit(message, "the drone")
            await harness.edit(message, "the drone fell")
            got = sorted(await host.received(3), key=lambda m: m.revision)
        assert {m.external_id for m in got} == {message}
        assert [(m.kind, m.text) for m in got] == [
            ("message", "teh drone"),
            ("edit", "the drone"),
            ("edit", "the drone fell"),
        ]
        assert 0 == got[0].revision < got[1].revision < got[2].revision

    async def test_an_edit_may_come_first(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "edit", "reorder")
        async with harness.running(host):
            await harness.reorder()
            message = await harness.write("original")
            await harness.edit(message, "edited")
            got = await host.received(2)
        assert [(m.kind, m.external_id) for m in got] == [("edit", message), ("message", message)]

    async def test_a_deletion_names_the_original(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "delete")
        async with harness.running(host):
            message = await harness.write("my password is 1234")
            await harness.delete(message)
            original, deletion = await host.received(2)
        assert (deletion.kind, deletion.external_id) == ("deletion", message)
        assert deletion.revision > original.revision
        assert deletion.place == original.place

    async def test_a_button_comes_back(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "press")
        button = Button(id="person-7", label="A person, please")
        async with harness.running(host) as channel:
            receipt = await channel.send(harness.outbound("Did it help?", buttons=(button,)))
            await harness.press(button, receipt.external_id)
            (got,) = await host.received(1)
        assert (got.kind, got.button, got.reply_to) == ("button", "person-7", receipt.external_id)
        assert got.author.external_id == "ada"

    async def test_our_own_echo_is_flagged(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "echo")
        async with harness.running(host) as channel:
            await harness.echo()
            await channel.send(harness.outbound("said by us"))
            (got,) = await host.received(1)
        assert got.author.is_us

    async def test_another_bot_is_flagged(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "bots")
        async with harness.running(host):
            await harness.write("beep", author="robo", bot=True)
            (got,) = await host.received(1)
        assert (got.author.is_bot, got.author.is_us) == (True, False)

    async def test_an_attachment_brings_its_content_or_a_reference(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "attach")
        name, content = "../../etc/log \U0001f600.txt", bytes(range(256)) * 40
        async with harness.running(host):
            await harness.write("the log", files=[(name, content)])
            (got,) = await host.received(1)
        (file,) = got.attachments
        assert (file.name, file.size) == (name, len(content))
        assert file.content == content or file.reference

    async def test_a_file_too_big_does_not_hold_back_the_words(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "attach")
        channel = harness.make()
        content = b"x" * (channel.capabilities.max_attachment_bytes + 1)
        async with harness.running(host, channel):
            await harness.write("a big one", files=[("big.bin", content)])
            (got,) = await host.received(1)
        (file,) = got.attachments
        assert file.content is None
        assert file.reference

    # --- gaps and restarts ---

    async def test_a_cut_connection_loses_nothing(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "away")
        async with harness.running(host):
            await harness.write("before")
            await host.received(1)
            await harness.away()
            await harness.write("meanwhile")
            await asyncio.sleep(0.05)
            await harness.back()
            await harness.write("after")
            await host.received(3)
        assert sorted(host.texts()) == ["after", "before", "meanwhile"]

    async def test_a_channel_says_how_its_link_stands(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "away")
        channel = harness.make()
        assert isinstance(channel, Reports)
        assert channel.report().connected == "no"
        async with harness.running(host, channel):
            up = await reported(harness, channel, "yes")
            await harness.away()
            down = await reported(harness, channel, "no")
            await harness.back()
            again = await reported(harness, channel, "yes")
        assert "@" in up.called
        assert up.troubles == again.troubles == ()
        for words in down.troubles:
            assert len(words) > 20
            assert words[-1] in ".!?"
        moments = [report.since for report in (up, down, again)]
        assert None not in moments
        assert moments == sorted(moments, key=lambda at: at.timestamp() if at else 0.0)
        told = repr((up, down, again))
        assert [secret for secret in harness.secrets() if secret in told] == []

    async def test_a_token_that_is_refused_is_said(self, harness: Harness, host: FakeHost) -> None:
        """Where to mend it, and never what it is."""
        need_fault(harness, "bad_token")
        await harness.fault("bad_token")
        async with harness.running(host) as channel:
            assert isinstance(channel, Reports)
            report = await reported(harness, channel, "no", "partly", about=harness.signs_in_with)
        assert [secret for secret in harness.secrets() if secret in repr(report)] == []

    async def test_a_platform_that_is_away_at_start_is_waited_for(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "away")
        await harness.away()
        async with harness.running(host):
            await asyncio.sleep(0.05)
            await harness.write("welcome back")
            await harness.back()
            await host.received(1)

    async def test_the_next_instance_goes_on_from_the_cursor(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "acknowledged")
        async with harness.running(host):
            first = await harness.write("first life")
            await host.received(1)
            await settled(harness)
        await harness.write("while we were down")
        async with harness.running(host):
            await harness.write("second life")
            await host.received(3)
            await settled(harness)
        assert sorted(host.texts()) == ["first life", "second life", "while we were down"]
        assert [message for message, _ in host.deliveries].count(first) == 1

    async def test_backfill_brings_what_the_platform_gave_up(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "forget", "acknowledged")
        async with harness.running(host):
            await harness.write("first")
            await host.received(1)
            await settled(harness)
        await harness.write("missed 1")
        await harness.write("missed 2", place="p2")
        await harness.forget()
        async with harness.running(host) as channel:
            assert isinstance(channel, Backfills)
            assert await channel.backfill(host) == 2
            assert await channel.backfill(host) == 0
            await harness.write("now")
            await host.received(4)
        assert sorted(host.texts()) == ["first", "missed 1", "missed 2", "now"]

    async def test_a_gap_is_noticed_without_being_told(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "forget")
        async with harness.running(host):
            await harness.write("first")
            await host.received(1)
        await harness.write("missed")
        await harness.forget()
        async with harness.running(host):
            await harness.write("later")
            await host.received(3)
        assert sorted(host.texts()) == ["first", "later", "missed"]

    async def test_a_gap_is_remembered_over_a_restart(self, harness: Harness, host: FakeHost) -> None:
        """A cursor must not pass what is missing, even if the next thing is here already."""
        need(harness, "forget", "history")
        async with harness.running(host):
            await harness.write("first")
            await host.received(1)
        await harness.write("missed")
        await harness.forget()
        await harness.history(on=False)
        async with harness.running(host):
            await harness.write("later")
            await host.received(2)
        await harness.history(on=True)
        async with harness.running(host) as channel:
            assert isinstance(channel, Backfills)
            assert await channel.backfill(host) in (0, 1)  # it may have noticed by itself; "later" is no news
            await host.received(3)
        assert sorted(host.texts()) == ["first", "later", "missed"]

    async def test_what_comes_while_the_door_is_open_but_nobody_in_is_kept(
        self, harness: Harness, host: FakeHost
    ) -> None:
        """The house serves routes before channels start, and a while after they have stopped."""
        async with harness.running(host):
            await harness.write("first")
            await host.received(1)
        channel = harness.make()
        async with harness.serving(channel):
            await harness.write("early")
            await asyncio.sleep(0.1)
            await channel.start(host)
            await host.received(2)
            await channel.stop()
            await harness.write("late")
            await asyncio.sleep(0.1)
        async with harness.running(host):
            await host.received(3)
        assert sorted(host.texts()) == ["early", "first", "late"]

    async def test_a_failed_commit_in_a_backfill_loses_nothing(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "forget")
        await harness.write("missed")
        await harness.forget()
        host.fail(2)
        async with harness.running(host) as channel:
            assert isinstance(channel, Backfills)
            for _ in range(3):
                try:
                    await channel.backfill(host)
                except Exception:  # noqa: S112 - the house logs it and calls again
                    continue
            await host.received(1)
        assert host.texts() == ["missed"]

    async def test_a_stop_in_the_middle_of_a_commit_loses_nothing(self, harness: Harness, host: FakeHost) -> None:
        host.open.clear()
        channel = harness.make()
        async with harness.serving(channel):
            await channel.start(host)
            await harness.write("in between")
            await host.until(lambda: host.attempts)
            begin = time.monotonic()
            stop = asyncio.create_task(channel.stop())
            await asyncio.sleep(0.05)
            host.open.set()
            await stop
            assert time.monotonic() - begin < 10
            assert host.cancelled == 0
        async with harness.running(host):
            await host.received(1)
        assert host.texts() == ["in between"]
