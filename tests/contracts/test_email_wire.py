"""A connection to a mailbox goes wrong in every way that connections do: nothing is lost, and reading goes on.

What "within 60 s" means is for the settings' defaults to say (`test_the_defaults_come_back_in_time`): here times are
short, and what is asked is whether it comes back at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from channels.contract import Channel
from channels.email.settings import EmailSettings
from channels.registry import load
from tests.contracts.email_harness import DovecotHarness, EmailHarness, Named
from tests.contracts.fake_host import FakeHost
from tests.platforms.dovecot import IS_HERE
from tests.platforms.tcp_proxy import Wire, wire

LEASE = "email:support@desk.example:mailbox"
SERVERS = [
    EmailHarness,
    pytest.param(DovecotHarness, marks=pytest.mark.skipif(not IS_HERE, reason="dovecot is not installed")),
]


class Wired:
    """A mailbox behind a wire."""

    def __init__(self, harness: EmailHarness, between: Wire) -> None:
        self.harness = harness
        self.wire = between

    def make(self, **more: Any) -> Channel:
        settings = self.harness.settings() | {"imap_port": self.wire.port, "timeout": 1, "idle_for": 1, **more}
        return Named(load("email", settings), self.harness)  # type: ignore[arg-type]


@pytest.fixture(params=SERVERS, ids=["ours", "dovecot"])
async def wired(request: pytest.FixtureRequest) -> AsyncIterator[Wired]:
    async with request.param.open() as harness:
        port = harness.settings()["imap_port"]
        async with wire(port) as between:
            yield Wired(harness, between)


@asynccontextmanager
async def reading(wired: Wired, host: FakeHost, **more: Any) -> AsyncIterator[None]:
    async with wired.harness.running(host, wired.make(**more)):
        await wired.harness.write("before")
        await host.received(1)
        yield


async def goes_on(wired: Wired, host: FakeHost, count: int) -> None:
    await wired.harness.write("after")
    await host.received(count)
    assert host.texts()[-1] == "after"
    assert len(host.texts()) == len(set(host.texts())) == count


async def test_a_reset_while_it_waits(wired: Wired) -> None:
    host = FakeHost()
    async with reading(wired, host, idle_for=600):
        await asyncio.sleep(0.3)  # it waits, or is about to
        wired.wire.reset()
        await goes_on(wired, host, 2)
    assert wired.wire.connections >= 2


async def test_a_black_hole_while_it_waits(wired: Wired) -> None:
    host = FakeHost()
    async with reading(wired, host):
        wired.wire.dark = True
        await wired.harness.write("meanwhile")
        known = wired.wire.connections
        while wired.wire.connections == known:  # noqa: ASYNC110 - nobody tells; the test's own time ends it
            await asyncio.sleep(0.02)
        wired.wire.dark = False
        await host.received(2)
        await goes_on(wired, host, 3)


@pytest.mark.parametrize("at", [1, 40, 2_000])
async def test_a_cut_in_the_middle_of_a_mail(wired: Wired, at: int) -> None:
    host = FakeHost()
    async with reading(wired, host):
        wired.wire.cut_after = at
        await wired.harness.write("long " * 4000)
        await host.received(2)
        await goes_on(wired, host, 3)
    assert wired.wire.cut_after is None
    assert wired.wire.connections >= 2


async def test_one_of_us_reads_at_a_time(wired: Wired) -> None:
    """And who comes second goes on where the first has left."""
    host, second = FakeHost(), wired.make()
    async with reading(wired, host), wired.harness.running(host, second):
        assert wired.wire.connections == 1
        host.take_away(LEASE)
        await goes_on(wired, host, 2)


async def test_a_kept_mail_whose_mark_is_lost_comes_once(wired: Wired) -> None:
    """Cut between the commit and the flag: it stays unread there, and is known here."""
    host = FakeHost()
    async with reading(wired, host):
        host.fail(1, after_commit=True)
        await wired.harness.write("unsure")
        await host.until(lambda: host.outcomes().count("duplicate") == 1)
        await goes_on(wired, host, 3)


def test_the_defaults_come_back_in_time() -> None:
    """The longest way: a black hole begins as we begin to wait, DONE is not answered, and so it is tried again."""
    usual = EmailSettings.parse({"address": "a@b.example", "password": "x", "imap_host": "h", "smtp_host": "h"})
    assert usual.idle_for + usual.timeout + usual.retry_base < 60
    assert usual.connect_timeout + usual.timeout + usual.retry_cap < 60
