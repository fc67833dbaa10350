"""A desk that was killed while it alone read a stream is followed: at once on one machine, in time elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from store.database import is_in, open_database, sqlite_url
from tests.databases import DIALECTS
from tests.house import database_for, desk

AGES = 4_000_000_000_000_000
"""Microseconds: in a hundred years."""


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_lease_of_a_desk_that_was_killed(dialect: str, tmp_path: Path) -> None:
    settings = await database_for(dialect)
    async with desk(tmp_path, **settings) as at:
        await at.sql("INSERT INTO lease (name, holder, token, until) VALUES ('gate', 'dead', 7, :until)", until=AGES)
    async with desk(tmp_path, **settings) as at:
        held = (await at.sql("SELECT holder FROM lease WHERE name = 'gate'"))[0][0]
        assert held == ("" if dialect == "sqlite" else "dead"), "on PostgreSQL its holder may be alive"
        if dialect == "sqlite":
            async with asyncio.timeout(30), at.house.house.alone("gate") as tenure:
                assert tenure.token == 8


async def test_only_the_lock_of_the_folder_that_it_lies_in_makes_it_ours(tmp_path: Path) -> None:
    for url, expected in (
        (sqlite_url(tmp_path), True),
        (f"sqlite:///{tmp_path}/deeper/x.db", False),
        ("sqlite:////elsewhere/warmline.db", False),
        ("postgresql://db/warmline", False),
    ):
        database = open_database(url)
        assert is_in(tmp_path, database) is expected
        await database.close()
