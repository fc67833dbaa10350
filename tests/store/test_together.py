"""What many ask for at one moment is read at once, after each of them asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text

from store.database import Database
from store.together import AT_ONCE, Together


class Lookups:
    """A database that answers when it is let."""

    def __init__(self) -> None:
        self.looks: list[list[str]] = []
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def look(self, work: Any) -> Any:
        found = await work(None)
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return found

    async def find(self, connection: Any, keys: Sequence[str]) -> dict[str, int]:
        self.looks.append(list(keys))
        return {key: len(key) for key in keys if key != "gone"}


async def test_who_asks_while_a_look_is_under_way_goes_with_the_next() -> None:
    base = Lookups()
    together = Together(base.look, base.find)
    first = [asyncio.create_task(together.get(key)) for key in ("a", "bb", "a")]
    await asyncio.sleep(0.01)
    late = [asyncio.create_task(together.get(key)) for key in ("a", "gone")]
    await asyncio.sleep(0.01)
    assert base.looks == [["a", "bb"]]  # the late "a" may not be given what was read before it asked
    base.go.set()
    assert await asyncio.gather(*first) == [1, 2, 1]
    assert await asyncio.gather(*late) == [1, None]
    assert base.looks == [["a", "bb"], ["a", "gone"]]


async def test_one_look_is_bounded() -> None:
    base = Lookups()
    base.go.set()
    together = Together(base.look, base.find)
    keys = [str(at) for at in range(3 * AT_ONCE)]
    assert await asyncio.gather(*map(together.get, keys)) == [len(key) for key in keys]
    assert [len(look) for look in base.looks] == [AT_ONCE] * 3


async def test_a_fault_is_told_to_all_and_the_next_who_asks_tries_again() -> None:
    base = Lookups()
    base.go.set()
    base.error = OSError("away")
    together = Together(base.look, base.find)
    told = await asyncio.gather(together.get("a"), together.get("bb"), return_exceptions=True)
    assert [str(fault) for fault in told] == ["away", "away"]
    base.error = None
    assert await together.get("a") == 1


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    base = Lookups()
    together = Together(base.look, base.find)
    leaves, stays = asyncio.create_task(together.get("a")), asyncio.create_task(together.get("a"))
    await asyncio.sleep(0.01)
    leaves.cancel()
    await asyncio.sleep(0.01)
    base.go.set()
    assert await stays == 1
    with pytest.raises(asyncio.CancelledError):
        await leaves


async def _doubled(connection: Any, keys: Sequence[int]) -> dict[int, int]:
    return {key: (await connection.execute(text("SELECT 2 * :key"), {"key": key})).scalar_one() for key in keys}


async def test_both_databases(database: Database) -> None:
    assert await asyncio.gather(*(database.look_for(key, _doubled) for key in range(5))) == [0, 2, 4, 6, 8]
