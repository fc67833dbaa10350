"""`warmline gate` says how the gate stands, beside a desk or before the first."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, text

from intents.stance import Stance
from store import inbox
from store import settings as kept
from store.database import open_database, sqlite_url
from store.tables import sample
from tests.bot.cli.conftest import Invoke
from tests.rows import NOW, incoming


async def _labelled(home: Path, grave: int, stance: Stance | None = None) -> None:
    database = open_database(sqlite_url(home))
    async with database.write("test") as connection:
        people = [incoming("it is down", by=f"c{n}", id=f"m{n}") for n in range(grave)]
        rows = await inbox.keep(connection, people, NOW)
        await connection.execute(
            insert(sample),
            [
                {"message_id": row.message, "conversation_id": row.conversation, "came_at": NOW, "decided_at": NOW,
                 "words": [row.message], "rule": "r", "tier": "outage"}
                for row in rows
            ],
        )  # fmt: skip
        if stance is not None:
            await kept.write(connection, "gate", stance.kept(), NOW)
    await database.close()


def test_before_the_first_start_it_says_what_to_do(invoke: Invoke) -> None:
    result = invoke("gate")
    assert result.exit_code == 1
    assert "warmline run" in result.stderr


def test_it_says_what_is_missing(invoke: Invoke, home: Path) -> None:
    invoke("agents", "add", "lea@desk.example", "--name", "Lea")  # makes the tables
    asyncio.run(_labelled(home, 143))
    result = invoke("gate")
    assert result.exit_code == 0, result.stderr
    said = result.stdout.replace("\N{NO-BREAK SPACE}", " ")
    assert "The gate keeps to the strict rule (threshold 0.30)." in said
    assert (
        "143 grave messages labelled, 156 more until 1 % can be promised. Until then 2.1 % is the best promise." in said
    )
    assert "143 messages labelled, 0 to label." in said
    assert "0.30\t0 of 143\t2.07%\tno" in said
    assert "156 more until" in invoke("check").stdout


def test_a_closing_is_a_note_of_the_check(invoke: Invoke, home: Path) -> None:
    invoke("agents", "add", "lea@desk.example", "--name", "Lea")
    why = "In W-1012 the machine acted alone on what a person calls a problem."
    now = datetime.now(UTC)
    asyncio.run(_labelled(home, 3, Stance(state="closed", since=now, counts_from=now, why=why, unseen=True)))
    (line,) = [line for line in invoke("check").stdout.splitlines() if line.split()[1] == "gate"]
    assert line.startswith("note")
    assert why in line
    assert why in invoke("gate").stdout


def test_tables_of_another_version_are_left_alone(invoke: Invoke, home: Path) -> None:
    invoke("agents", "add", "lea@desk.example", "--name", "Lea")

    async def older() -> None:
        database = open_database(sqlite_url(home))
        async with database.write("test") as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        await database.close()

    asyncio.run(older())
    result = invoke("gate")
    assert result.exit_code == 1
    assert "another version" in result.stderr
