"""One holder of a lease over all processes, and nobody who has lost it goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import tenure
from bot.tenure import Held, alone
from channels.contract import Cursor, LeaseLost
from store import inbox
from store.database import Database
from store.errors import LeaseGone
from tests.databases import DIALECTS, empty_database
from tests.rows import NOW


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the real times, in their real proportions."""
    for name in ("SECONDS", "RENEW_EVERY", "TRY_EVERY"):
        monkeypatch.setattr(tenure, name, getattr(tenure, name) / 10)


@pytest.fixture(params=DIALECTS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with empty_database(request.param, tmp_path) as database:
        yield database


@asynccontextmanager
async def held(database: Database, holder: str) -> AsyncIterator[Held]:
    async with asyncio.timeout(20), alone(database, "gate", holder, clock) as right:
        yield right


def test_whoever_is_killed_is_followed_within_ten_seconds() -> None:
    real = {name: value * 10 for name, value in vars(tenure).items() if name in ("SECONDS", "TRY_EVERY")}
    assert real["SECONDS"] + real["TRY_EVERY"] < 9


async def test_only_one_at_a_time(database: Database) -> None:
    inside: list[str] = []
    most = 0

    async def work(holder: str) -> None:
        nonlocal most
        for _ in range(3):
            async with held(database, holder):
                inside.append(holder)
                most = max(most, len(inside))
                await asyncio.sleep(0.05)
                inside.remove(holder)

    await asyncio.gather(*(work(f"holder {number}") for number in range(4)))
    assert most == 1


async def test_it_is_kept_for_longer_than_it_lasts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECONDS", "RENEW_EVERY"):
        monkeypatch.setattr(tenure, name, getattr(tenure, name) * 4)  # time for a machine that is busy elsewhere
    async with held(database, "one") as first:
        waiting = asyncio.create_task(_token(database))
        await asyncio.sleep(tenure.SECONDS * 1.3)
        assert not waiting.done()
    assert await waiting > first.token


async def _token(database: Database) -> int:
    async with held(database, "two") as right:
        return right.token


async def test_who_cannot_prolong_it_is_stopped_before_another_begins(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenure, "RENEW_EVERY", 1e9)
    stopped = 0.0

    async def first() -> None:
        nonlocal stopped
        try:
            async with held(database, "one"):
                await asyncio.sleep(60)
        finally:
            stopped = time.monotonic()

    task = asyncio.create_task(first())
    await asyncio.sleep(0.1)
    async with held(database, "two"):
        assert 0 < stopped < time.monotonic()
    with pytest.raises(LeaseLost, match="gate"):
        await task


async def test_what_goes_wrong_inside_comes_out_as_it_is(database: Database) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with held(database, "one"):
            raise KeyError("mine")
    with pytest.raises(TimeoutError):
        async with held(database, "one"):
            raise TimeoutError
    async with held(database, "two"):
        pass


async def test_a_cursor_of_an_old_holder_is_refused(database: Database) -> None:
    async with held(database, "one") as old:
        pass
    async with held(database, "two") as new:
        cursor = Cursor(name="room 7", value="8", token=old.token, lease="gate")
        with pytest.raises(LeaseGone, match="gate"):
            async with database.write("test") as connection:
                await inbox.move_cursor(
                    connection, cursor.name, cursor.value, NOW, token=cursor.token, under=cursor.lease
                )
        async with database.write("test") as connection:
            await inbox.move_cursor(connection, "room 7", "9", NOW, token=new.token, under="gate")
