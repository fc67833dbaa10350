"""Discord through every case, on discord.py against the loopback Discord, and what only it has."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from channels.contract import Backfills
from tests.contracts.channel_cases import ChannelCases
from tests.contracts.discord_harness import DiscordHarness, DiscordHost
from tests.contracts.fake_host import FakeHost
from tests.contracts.harness import Harness, settled


class TestDiscord(ChannelCases):
    """Some cases begin with somebody who writes to a bot that was never there. A direct message like that is lost for
    good: no bot can ask with whom it has direct channels. What is said in a server can be found; there these cases
    take place."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with DiscordHarness.open() as harness:
            yield harness

    @pytest.fixture
    def host(self) -> FakeHost:
        return DiscordHost()

    async def test_a_platform_that_is_away_at_start_is_waited_for(self, harness: Harness, host: FakeHost) -> None:
        assert isinstance(harness, DiscordHarness)
        await harness.away()
        async with harness.running(host):
            await harness.says("welcome back", mention=True)
            await harness.back()
            await host.received(1)
        assert host.texts() == ["welcome back"]

    async def test_backfill_brings_what_the_platform_gave_up(self, harness: Harness, host: FakeHost) -> None:
        assert isinstance(harness, DiscordHarness)
        async with harness.running(host):
            await harness.write("first")
            await host.received(1)
            await settled(harness)
        await harness.write("missed 1")
        await harness.says("missed 2", mention=True)
        await harness.forget()
        async with harness.running(host) as channel:
            assert isinstance(channel, Backfills)
            assert await channel.backfill(host) == 2
            assert await channel.backfill(host) == 0
            await harness.write("now")
            await host.received(4)
        assert sorted(host.texts()) == ["first", "missed 1", "missed 2", "now"]

    async def test_a_failed_commit_in_a_backfill_loses_nothing(self, harness: Harness, host: FakeHost) -> None:
        async with harness.running(host):
            await harness.write("first")
            await host.received(1)
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
            await host.received(2)
        assert host.texts() == ["first", "missed"]
