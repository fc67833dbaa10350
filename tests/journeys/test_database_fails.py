"""The database is away, or another program's: nobody waits for others' tries, and nothing is passed over in silence."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from bot.intake import Intake
from channels.contract import Author, InboundMessage
from store.bus import Bus
from store.database import Database
from store.errors import DatabaseAway, TablesDiffer
from tests.house import desk


class _Away:
    """A database that takes its time to say that it is away, as one whose file is locked does."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.asked = 0

    async def commit(self, *_: Any) -> None:
        self.asked += 1
        await asyncio.sleep(self._seconds)
        raise DatabaseAway("The database refused: database is locked")


def _message(number: int) -> InboundMessage:
    return InboundMessage(
        account="web", channel="web", place=f"{number}", author=Author(external_id=f"{number}", name=""),
        external_id=f"{number}", text="hello",
    )  # fmt: skip


async def test_whoever_delivers_together_is_refused_together() -> None:
    away = _Away(0.2)
    intake = Intake(database=cast(Database, away), bus=cast(Bus, None))
    running = asyncio.create_task(intake.run())
    told = await asyncio.gather(*(intake.deliver([_message(n)]) for n in range(20)), return_exceptions=True)
    assert all(isinstance(error, DatabaseAway) for error in told)
    assert away.asked < 5
    running.cancel()


async def test_whoever_delivers_while_the_desk_stops_does_not_wait_for_ever() -> None:
    intake = Intake(database=cast(Database, _Away(60.0)), bus=cast(Bus, None))
    running = asyncio.create_task(intake.run())
    delivering = asyncio.create_task(intake.deliver([_message(1)]))
    await asyncio.sleep(0.1)
    running.cancel()
    done, _ = await asyncio.wait({delivering}, timeout=20)
    delivering.cancel()
    assert done


async def test_tables_that_cannot_be_read_stop_the_desk(tmp_path: Path) -> None:
    """What it only reads counts as much as what it writes: a desk that decides nothing must not look healthy."""

    async def run() -> None:
        async with asyncio.timeout(30), desk(tmp_path) as at:
            await at.sql("ALTER TABLE conversation DROP COLUMN returned_seq")
            await at.customer().write("your whole site is down")
            await asyncio.sleep(30)

    with pytest.raises(ExceptionGroup) as stopped:
        await run()
    assert stopped.group_contains(TablesDiffer)
