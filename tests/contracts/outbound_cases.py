"""What goes out: once, in order, and when something goes wrong the error says exactly what is known."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from channels.contract import (
    Attachment,
    Button,
    Channel,
    ChannelError,
    Checks,
    Reconciles,
    ShowsTyping,
    Splits,
    TemporaryFailure,
    UnknownOutcome,
    Unsupported,
)
from channels.fitting import length_of
from channels.richtext import RichText
from tests.contracts.fake_host import FakeHost
from tests.contracts.harness import SEND_FAULTS, Cases, Harness, need, need_fault

AT_ONCE = 10.0
"""Seconds that a stop may take in tests; the contract allows five."""


class OutboundCases(Cases):
    """Needs a fixture `harness`."""

    async def test_a_send_arrives_and_gives_a_receipt(self, harness: Harness, host: FakeHost) -> None:
        async with harness.running(host) as channel:
            receipt = await channel.send(harness.outbound("Hold the button for 3 s."))
        (got,) = await harness.arrived()
        assert (got.text, got.place) == ("Hold the button for 3 s.", "p1")
        assert receipt.external_id == got.id
        assert receipt.parts in ((), (got.id,))

    async def test_who_speaks_is_shown(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "author")
        async with harness.running(host) as channel:
            await channel.send(harness.outbound("Bo here"))
        (got,) = await harness.arrived()
        assert got.author == "Bo"

    async def test_an_answer_goes_where_the_question_came_from(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "thread")
        async with harness.running(host) as channel:
            await harness.write("help", place="p5", thread="t9")
            (asked,) = await host.received(1)
            message = harness.outbound("here", place=asked.place)
            address = type(message.address)(account=asked.account, place=asked.place, thread=asked.thread)
            await channel.send(type(message)(key="k1", address=address, text=message.text))
        (got,) = await harness.arrived()
        assert (got.place, got.thread) == ("p5", "t9")

    @pytest.mark.parametrize(
        "text", ["<b>not bold</b> & **not bold**", "@everyone", "_a_ `b` ||c||", "\u05e9\u05dc\u05d5\u05dd \U0001f600"]
    )
    async def test_our_words_arrive_as_words(self, harness: Harness, host: FakeHost, text: str) -> None:
        async with harness.running(host) as channel:
            await channel.send(harness.outbound(text))
        (got,) = await harness.arrived()
        assert got.text == text

    async def test_buttons_are_shown_or_refused(self, harness: Harness, host: FakeHost) -> None:
        buttons = (Button(id="yes-1", label="Yes"), Button(id="person-1", label="A person"))
        message = harness.outbound("Did it help?", buttons=buttons)
        async with harness.running(host) as channel:
            if not channel.capabilities.buttons:
                with pytest.raises(Unsupported):
                    await channel.send(message)
                return
            await channel.send(message)
        (got,) = await harness.arrived()
        assert got.buttons == ("yes-1", "person-1")

    async def test_files_are_sent_or_refused(self, harness: Harness, host: FakeHost) -> None:
        file = Attachment(name="manual.txt", media_type="text/plain", content=b"read me", size=7)
        message = harness.outbound("The manual", attachments=(file,))
        async with harness.running(host) as channel:
            if not channel.capabilities.attachments:
                with pytest.raises(Unsupported):
                    await channel.send(message)
                return
            await channel.send(message)
        assert [name for got in await harness.arrived() for name in got.files] == ["manual.txt"]

    async def test_the_longest_text_goes_in_one_piece(self, harness: Harness, host: FakeHost) -> None:
        async with harness.running(host) as channel:
            text = _of_length(channel, channel.capabilities.max_length)
            await channel.send(harness.outbound(text))
        (got,) = await harness.arrived()
        assert got.text == text

    @pytest.mark.parametrize("piece", ["word ", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "x", "& "])
    async def test_a_longer_text_is_split_and_whole(self, harness: Harness, host: FakeHost, piece: str) -> None:
        button = Button(id="b", label="B")
        async with harness.running(host) as channel:
            limit, unit = channel.capabilities.max_length, channel.capabilities.length_unit
            text = piece * (2 * limit // length_of(piece, unit) + 10)
            buttons = (button,) if channel.capabilities.buttons else ()
            if isinstance(channel, Splits):
                with pytest.raises(Unsupported):
                    await channel.send(harness.outbound(text))
                ids = await _send_in_parts(harness, channel, text, buttons)
            else:
                receipt = await channel.send(harness.outbound(text, buttons=buttons))
                ids = receipt.parts
                assert receipt.external_id == ids[0]
        got = await harness.arrived()
        assert len(got) > 1
        assert ids == tuple(part.id for part in got)
        assert "".join("".join(part.text for part in got).split()) == "".join(text.split())
        assert [part.buttons for part in got] == [()] * (len(got) - 1) + [tuple(b.id for b in buttons)]

    async def test_a_place_keeps_its_order_while_others_go_on(self, harness: Harness, host: FakeHost) -> None:
        async def talk(channel: Channel, place: str) -> None:
            for number in range(5):
                await channel.send(harness.outbound(f"{number}", key=f"{place}-{number}", place=place))

        async with harness.running(host) as channel:
            await asyncio.gather(*(talk(channel, f"p{number}") for number in range(4)))
        got = await harness.arrived()
        assert len(got) == 20
        for place in range(4):
            assert [part.text for part in got if part.place == f"p{place}"] == list("01234")

    # --- when it goes wrong ---

    @pytest.mark.parametrize("name", SEND_FAULTS.keys())
    async def test_each_fault_has_its_error(self, harness: Harness, host: FakeHost, name: str) -> None:
        """The right error, an explanation in it, one request at most, and the next message goes through."""
        need_fault(harness, name)
        fault = harness.send_faults[name]
        message = harness.outbound("under a bad star")
        async with harness.running(host) as channel:
            await harness.fault(name)
            if fault.raises is None:
                await channel.send(message)
            else:
                with pytest.raises(ChannelError) as caught:
                    await channel.send(message)
                assert type(caught.value) is fault.raises
                assert len(str(caught.value)) > 15
                assert getattr(caught.value, "everywhere", False) is (name in ("unreachable", "bad_token"))
            await harness.fault("over")
            assert len(await harness.arrived()) == fault.copies
            if fault.raises is UnknownOutcome and isinstance(channel, Reconciles):
                receipt = await channel.reconcile(message)
                assert (receipt.external_id if receipt else None) == next((a.id for a in await harness.arrived()), None)
            await channel.send(harness.outbound("the next one", key="k2"))
        assert [got.text for got in await harness.arrived()][-1] == "the next one"

    async def test_busy_says_when_to_come_back(self, harness: Harness, host: FakeHost) -> None:
        need_fault(harness, "busy")
        async with harness.running(host) as channel:
            await harness.fault("busy")
            with pytest.raises(TemporaryFailure) as caught:
                await channel.send(harness.outbound("too fast"))
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after < 60

    async def test_where_a_second_send_is_dropped_it_is(self, harness: Harness, host: FakeHost) -> None:
        need_fault(harness, "cut_after")
        message = harness.outbound("exactly once")
        async with harness.running(host) as channel:
            await harness.fault("cut_after")
            with pytest.raises(UnknownOutcome):
                await channel.send(message)
            receipt = await channel.send(message)
        copies = await harness.arrived()
        assert len(copies) == (1 if channel.capabilities.idempotent_sends else 2)
        assert receipt.external_id == copies[-1].id

    async def test_reconcile_does_not_guess(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "lookup_off")
        async with harness.running(host) as channel:
            assert isinstance(channel, Reconciles)
            assert await channel.reconcile(harness.outbound("never sent", key="k9")) is None
            await harness.lookup_off()
            with pytest.raises(UnknownOutcome):
                await channel.reconcile(harness.outbound("never sent", key="k9"))

    async def test_reconcile_while_the_platform_is_away_does_not_guess(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "away")
        async with harness.running(host) as channel:
            if not isinstance(channel, Reconciles):
                pytest.skip(f"{harness.channel} cannot look a message up")
            await harness.away()
            with pytest.raises(UnknownOutcome):
                await channel.reconcile(harness.outbound("never sent"))
            await harness.back()

    # --- the rest of the contract ---

    async def test_it_is_what_it_says(self, harness: Harness) -> None:
        channel = harness.make()
        assert isinstance(channel, Channel)
        assert (channel.name, channel.account) == (harness.channel, harness.account)
        assert channel.capabilities.max_length >= 4
        await channel.stop()

    async def test_stop_is_quick_and_safe_at_any_time(self, harness: Harness, host: FakeHost) -> None:
        channel = harness.make()
        await channel.stop()
        channel = harness.make()
        async with harness.serving(channel):
            await channel.start(host)
            await asyncio.sleep(0.05)
            begin = time.monotonic()
            await channel.stop()
            await channel.stop()
            assert time.monotonic() - begin < AT_ONCE
        channel = harness.make()
        await channel.start(host)
        await channel.stop()

    async def test_stop_is_quick_while_the_platform_is_away(self, harness: Harness, host: FakeHost) -> None:
        need(harness, "away")
        await harness.away()
        channel = harness.make()
        await channel.start(host)
        await asyncio.sleep(0.05)
        begin = time.monotonic()
        await channel.stop()
        assert time.monotonic() - begin < AT_ONCE

    async def test_a_send_outside_its_life_is_refused_properly(self, harness: Harness, host: FakeHost) -> None:
        channel = harness.make()
        with pytest.raises(TemporaryFailure):
            await channel.send(harness.outbound("too early"))
        async with harness.running(host, channel):
            pass
        with pytest.raises(TemporaryFailure):
            await channel.send(harness.outbound("too late"))
        assert await harness.arrived() == []

    async def test_typing_never_raises(self, harness: Harness, host: FakeHost) -> None:
        channel = harness.make()
        if not isinstance(channel, ShowsTyping):
            pytest.skip(f"{harness.channel} shows no typing")
        address = harness.outbound("").address
        await channel.typing(address)
        async with harness.running(host, channel):
            await channel.typing(address)
            if "away" in harness.can:
                await harness.away()
                await channel.typing(address)

    async def test_check_finds_nothing_wrong_here(self, harness: Harness, host: FakeHost) -> None:
        async with harness.running(host) as channel:
            if not isinstance(channel, Checks):
                pytest.skip(f"{harness.channel} checks nothing")
            assert await channel.check() == []

    async def test_check_says_that_the_platform_is_away(self, harness: Harness) -> None:
        need(harness, "away")
        channel = harness.make()
        if not isinstance(channel, Checks):
            pytest.skip(f"{harness.channel} checks nothing")
        await harness.away()
        (sentence,) = await channel.check()
        assert len(sentence) > 15


async def _send_in_parts(harness: Harness, channel: Channel, text: str, buttons: tuple[Button, ...]) -> tuple[str, ...]:
    """As the house does it; what the platform calls each."""
    assert isinstance(channel, Splits)
    whole = RichText.of(text)
    parts = list(channel.parts(whole))
    assert parts == list(channel.parts(whole))
    ids: list[str] = []
    for number, part in enumerate(parts, 1):
        assert list(channel.parts(part)) == [part]
        message = harness.outbound("", key=f"k1-{number}", buttons=buttons if number == len(parts) else (), part=number)
        ids.append((await channel.send(replace(message, text=part))).external_id)
    return tuple(ids)


def _of_length(channel: Channel, length: int) -> str:
    unit = channel.capabilities.length_unit
    text = "\u00e9\U0001f600x" * 3
    return text + "x" * (length - length_of(text, unit))
