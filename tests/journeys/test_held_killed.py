"""A desk that dies while a reply waits, or just as it leaves: the customer gets it once, and it is never lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos.victim import Victim, free_port
from tests.house import desk, until

POINTS = ("leave.before-commit", "leave.after-commit")


async def pressed(home: Path) -> None:
    """Two replies wait; the desk ends before they leave. One of them is taken back in time."""
    async with desk(home) as at:
        lea = await at.agent()
        for number in ("W-1001", "W-1002"):
            ana = at.customer()
            await ana.write("let me talk to a human")
            await ana.hears("acknowledgement")
            await lea.done(f"cases/{number}/claim")
            held = await lea.done(f"cases/{number}/reply", {"text": f"About {number}.", "hold": 30})
        await lea.done(f"holds/{held['hold']}/undo")


def sql(home: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(home / "warmline.db", timeout=10)) as file, file:
        return file.execute(statement).fetchall()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("point", POINTS)
async def test_killed_as_it_leaves(tmp_path: Path, point: str) -> None:
    home = tmp_path / "home"
    await pressed(home)
    assert sql(home, "SELECT count(*) FROM message WHERE author = 'agent'") == [(0,)]
    assert sql(home, "UPDATE due SET at = 1 WHERE kind = 'leave' AND consumed_at IS NULL RETURNING id") != []
    environment = {"WARMLINE_HOME": str(home), "WARMLINE_PORT": str(free_port())}
    victim = Victim("held", environment, tmp_path)
    try:
        if await victim.start(f"{point}:1"):
            assert await victim.dies(within=20), victim.tail()
        victim.settle(point)
        assert await victim.start()

        async def done() -> bool:
            return sql(home, "SELECT 1 FROM due WHERE kind = 'leave' AND consumed_at IS NULL") == []

        await until(done, within=20)
    finally:
        await victim.close()
    assert sql(home, "SELECT body, status FROM message WHERE author = 'agent'") == [("About W-1001.", "sent")]
    assert sql(home, "SELECT count(*) FROM case_event WHERE kind = 'replied'") == [(1,)]
    assert sql(home, "SELECT state FROM hold ORDER BY id") == [("left",), ("taken_back",)]
    assert sql(home, "SELECT text FROM draft") == [("About W-1002.",)]
