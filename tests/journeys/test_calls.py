"""Who is called when a case waits: again and again, until somebody takes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.house import Desk, desk, until
from tests.platforms.plain_http import PlainServer, Reply, Request


class Bell:
    """A webhook's receiver. `refuse` so many calls first."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.refused = 0
        self.refuse = 0

    async def take(self, request: Request) -> Reply:
        if self.refused < self.refuse:
            self.refused += 1
            return Reply.of({"error": "not now"}, 503)
        self.calls.append(request.json())
        return Reply.of({})

    async def rung(self, times: int) -> list[dict[str, Any]]:
        async def enough() -> bool:
            return len(self.calls) >= times

        await until(enough, within=20)
        return self.calls


@asynccontextmanager
async def with_bell(home: Path, **changes: Any) -> AsyncIterator[tuple[Desk, Bell]]:
    bell = Bell()
    server = PlainServer(bell.take)
    await server.open(0)
    try:
        async with desk(home, webhook_url=f"{server.url}/hook", **changes) as at:
            yield at, bell
    finally:
        await server.shut()


async def at_once(at: Desk, kind: str = "notify") -> None:
    """Let what is waiting come due now."""
    await at.sql("UPDATE due SET at = 1 WHERE kind = :kind AND consumed_at IS NULL", kind=kind)


async def test_it_calls_until_somebody_takes_the_case(tmp_path: Path) -> None:
    async with with_bell(tmp_path) as (at, bell):
        lea = await at.agent()
        ana = at.customer()
        await ana.write("your whole site is down, my card is 4111 1111 1111 1111", name="Ana", email="ana@example.com")
        await bell.rung(1)
        for attempt in (2, 3):
            await at_once(at)
            await bell.rung(attempt)
        assert [(call["case"], call["attempt"], call["tier"]) for call in bell.calls] == [
            ("W-1001", 1, "outage"),
            ("W-1001", 2, "outage"),
            ("W-1001", 3, "outage"),
        ]
        assert "Ana" not in str(bell.calls)
        assert "4111" not in str(bell.calls)
        await lea.done("cases/W-1001/claim")
        await at_once(at)
        await asyncio.sleep(1.5)
        assert len(bell.calls) == 3
        await lea.done("cases/W-1001/release")
        assert (await bell.rung(4))[3]["why"] == "released"


async def test_the_second_class_does_not_call_until_it_is_late(tmp_path: Path) -> None:
    async with with_bell(tmp_path) as (at, bell):
        ana = at.customer()
        await ana.write("the editor is broken")
        await ana.hears("acknowledgement")
        await asyncio.sleep(1.2)
        assert bell.calls == []
        await at.sql('UPDATE "case" SET deadline = 1, sort_at = 1')
        await at_once(at, "breach")
        assert [call["why"] for call in await bell.rung(1)] == ["breached"]


async def test_a_bell_that_refuses_is_rung_again(tmp_path: Path) -> None:
    """However long it refuses: a first-class case is never given up."""
    async with with_bell(tmp_path) as (at, bell):
        bell.refuse = 7
        ana = at.customer()
        await ana.write("your whole site is down")

        await ana.hears("acknowledgement")
        while not bell.calls:
            await at_once(at)
            await at.house.clock.tick()
        assert (bell.refused, bell.calls[0]["case"]) == (7, "W-1001")
        lea = await at.agent()
        assert "hook" not in str(await lea.get("undelivered"))
        errors = await at.sql("SELECT error FROM due WHERE error IS NOT NULL")
        assert all("127.0.0.1" not in row[0] for row in errors)


@pytest.mark.parametrize("why", ["person", "graver"])
async def test_a_case_that_becomes_urgent_calls(tmp_path: Path, why: str) -> None:
    async with with_bell(tmp_path) as (at, bell):
        ana = at.customer()
        await ana.write("the editor is broken")
        await ana.hears("acknowledgement")
        await ana.write("let me talk to a human" if why == "person" else "everything is down")
        assert (await bell.rung(1))[0]["tier"] == ("person" if why == "person" else "outage")
