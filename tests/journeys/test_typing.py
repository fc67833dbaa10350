"""Customers on a platform see that somebody writes: the machine before its answer, an agent at the desk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.typist import KEPT
from tests.house import Desk, desk, until
from tests.platforms.loopback import LoopbackPlatform
from tests.platforms.loopback_control import LoopbackControl


@asynccontextmanager
async def town(home: Path, **settings: Any) -> AsyncIterator[tuple[Desk, LoopbackPlatform, LoopbackControl]]:
    async with LoopbackPlatform() as platform, LoopbackControl(platform.url) as control:
        channel = {"use": "tests.platforms.loopback_channel:make", "url": platform.url, "token": "secret-main"}
        async with desk(home, channels={"loopback": channel | {"poll_wait": 5}}, **settings) as at:
            yield at, platform, control


async def shown(platform: LoopbackPlatform, count: int) -> None:
    async def look() -> bool:
        return platform.account("main").typing >= count

    await until(look)


async def test_the_machine_shows_that_it_is_about_to_answer(tmp_path: Path) -> None:
    async with town(tmp_path, quiet_seconds=30.0, quiet_at_most=60.0) as (_, platform, control):
        await control.write("How do I create an email alias?")
        await shown(platform, 1)
        assert platform.account("main").sends == []
        await control.write("on my phone")
        await control.write("your whole site is down", place="p2", author="ben")

        async def told() -> bool:
            return any(send["place"] == "p2" for send in platform.account("main").sends)

        await until(told)  # a person is told of at once, and nobody types
        assert platform.account("main").typing == 1


async def test_an_agent_who_types_is_shown_and_a_platform_that_fails_disturbs_nobody(tmp_path: Path) -> None:
    """By the signal that the desk gives when somebody types a reply (tests/web/test_desk.py)."""
    async with town(tmp_path) as (at, platform, control):
        live = at.house.frame.live
        await control.faults("typing", "cut_before")
        for number in range(1, 4):
            await control.write("thanks", place=f"p{number}")

        async def known() -> bool:
            return len(await at.sql("SELECT 1 FROM conversation")) == 3

        await until(known)
        await live.signal("typing", conversation=1, by="agent", name="Lea")

        async def failed() -> bool:
            return not (await control.state())["faults"]

        await until(failed)
        for conversation in (*range(50, 50 + KEPT), 2):  # most of them there are not
            await live.signal("typing", conversation=conversation, by="agent", name="Lea")
        await shown(platform, 1)
