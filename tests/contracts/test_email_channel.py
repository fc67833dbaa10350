"""The mail adapter through every case, with a server of ours and, where it is installed, with Dovecot."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator

import pytest

from tests.contracts.channel_cases import ChannelCases
from tests.contracts.email_harness import DovecotHarness, EmailHarness, Named
from tests.contracts.fake_host import FakeHost, storable
from tests.contracts.harness import Harness, need
from tests.contracts.inbound_cases import TEXTS, InboundCases
from tests.platforms.dovecot import IS_HERE


def as_lines(text: str) -> str:
    """What mail keeps of a text: its words and lines, no controls, no white space where a line ends."""
    text = "".join(c for c in storable(text).replace("\r\n", "\n") if c == "\n" or unicodedata.category(c)[0] != "C")
    return "".join(text.split()).replace("\ufffd", "")


class MailCasesIn(InboundCases):
    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
    async def test_a_text_is_a_text(self, harness: Harness, host: FakeHost, text: str) -> None:
        async with harness.running(host):
            await harness.write(text)
            (got,) = await host.received(1)
        assert as_lines(got.text) == as_lines(text)
        assert host.quarantine == []

    async def test_a_name_is_a_text(self, harness: Harness, host: FakeHost) -> None:
        async with harness.running(host):
            await harness.write("hi", name="<b>Eve</b>\n\u202e\U0001f600")
            (got,) = await host.received(1)
        assert got.author.name == "Eve \u202e\U0001f600"

    async def test_an_attachment_brings_its_content_or_a_reference(self, harness: Harness, host: FakeHost) -> None:
        content = b"x" * 10_240
        async with harness.running(host):
            await harness.write("see the log", files=[("../../etc/log \U0001f600.txt", content), ("a.exe", b"MZ\0")])
            (got,) = await host.received(1)
        log, program = got.attachments
        assert (log.name, log.media_type, log.size, log.content) == (
            "log \U0001f600.txt",
            "text/plain",
            10_240,
            content,
        )
        assert (program.content, program.reference) == (None, "refused:program")


class MailCases(MailCasesIn, ChannelCases):
    async def test_check_says_that_the_platform_is_away(self, harness: Harness) -> None:
        need(harness, "away")
        channel = harness.make()
        assert isinstance(channel, Named)
        await harness.away()
        inbox, outbox = await channel.check()
        assert "imap_host" in inbox
        assert "smtp_host" in outbox


class TestEmail(MailCases):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with EmailHarness.open() as harness:
            yield harness


@pytest.mark.skipif(not IS_HERE, reason="dovecot is not installed")
class TestDovecot(MailCasesIn):
    """What comes in; what goes out never meets it."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with DovecotHarness.open() as harness:
            yield harness
