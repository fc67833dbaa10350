"""A labelled point kills a real process at the time that it was told, and nowhere else."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

COUNT = """
from store import faults
for n in range(1, 6):
    print(n, flush=True)
    faults.reach("here")
    faults.reach("elsewhere")
"""
WRITE = """
import asyncio, sys
from sqlalchemy import text
from store.database import open_database

async def main():
    database = open_database(f"sqlite:///{sys.argv[1]}")
    async with database.write("setup") as connection:
        await connection.execute(text("CREATE TABLE thing (n INTEGER)"))
    for n in (1, 2, 3):
        async with database.write("unit") as connection:
            await connection.execute(text(f"INSERT INTO thing VALUES ({n})"))

asyncio.run(main())
"""


def run(program: str, *arguments: str, crash_at: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "WARMLINE_CRASH_AT"}
    if crash_at is not None:
        environment["WARMLINE_CRASH_AT"] = crash_at
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("count", "lines"), [(1, 1), (3, 3)])
def test_a_process_dies_the_nth_time_it_comes_by(count: int, lines: int) -> None:
    done = run(COUNT, crash_at=f"here:{count}")
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == [str(n) for n in range(1, lines + 1)]


@pytest.mark.parametrize("crash_at", [None, "", "nowhere:1", "here:6"])
def test_a_process_lives_that_does_not_come_by(crash_at: str | None) -> None:
    done = run(COUNT, crash_at=crash_at)
    assert (done.returncode, done.stdout.split()) == (0, ["1", "2", "3", "4", "5"])


@pytest.mark.parametrize("crash_at", ["here", "here:", "here:0", ":1", "here:-1", "here:x"])
def test_a_point_that_cannot_be_read_stops_the_start_and_says_how_to_write_it(crash_at: str) -> None:
    done = run(COUNT, crash_at=crash_at)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "POINT:COUNT" in done.stderr
    assert repr(crash_at) in done.stderr


@pytest.mark.parametrize(("point", "kept"), [("unit.before-commit:2", [1]), ("unit.after-commit:2", [1, 2])])
def test_a_unit_of_work_is_there_once_it_is_committed_and_not_before(
    tmp_path: Path, point: str, kept: list[int]
) -> None:
    path = tmp_path / "killed.db"
    assert run(WRITE, str(path), crash_at=point).returncode == -signal.SIGKILL
    with sqlite3.connect(path) as connection:
        assert [row[0] for row in connection.execute("SELECT n FROM thing ORDER BY n")] == kept
    connection.close()
