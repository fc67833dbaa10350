"""`warmline intents corrections` prints what agents have corrected: each message once, nothing secret."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from sqlalchemy import insert, update

from intents.labelled import read_labelled
from store.database import open_database, sqlite_url
from store.tables import label, message, sample
from tests.bot.cli.conftest import Invoke
from tests.rows import NOW, incoming, keep


async def _corrected(home: Path) -> None:
    database = open_database(sqlite_url(home))
    kept = await keep(
        database,
        incoming("the invoice is wrong, card 4242 4242 4242 4242", by="a", id="1"),
        incoming("it is slow", by="b", id="2"),
        incoming("this one measures the gate", by="c", id="3"),
        incoming("this one was taken back", by="d", id="4"),
    )
    async with database.write("test") as connection:
        said = [
            (0, "problem", None),
            (0, "billing", "twice"),
            (1, "outage", "down"),
            (2, "billing", None),
            (3, "person", None),
        ]
        await connection.execute(insert(label), [
            {"message_id": kept[n].message, "tier": tier, "intent": intent, "source": "correction", "created_at": NOW}
            for n, tier, intent in said
        ])  # fmt: skip
        await connection.execute(insert(sample).values(
            message_id=kept[2].message, conversation_id=kept[2].conversation, came_at=NOW, words=[kept[2].message],
        ))  # fmt: skip
        await connection.execute(update(message).where(message.c.id == kept[3].message).values(end="superseded"))
    await database.close()


def test_before_the_first_start_it_says_what_to_do(invoke: Invoke) -> None:
    result = invoke("intents", "corrections")
    assert result.exit_code == 1
    assert "warmline run" in result.stderr


def test_each_message_stands_once_with_the_last_word_on_it(invoke: Invoke, home: Path) -> None:
    invoke("agents", "add", "lea@desk.example", "--name", "Lea")  # makes the tables
    assert "Nothing has been corrected yet" in invoke("intents", "corrections").stdout
    asyncio.run(_corrected(home))
    result = invoke("intents", "corrections", "--jsonl")
    assert result.exit_code == 0, result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["tier"], row.get("label")) for row in rows] == [("billing", "twice"), ("outage", "down")]
    assert "4242" not in result.stdout
    assert rows[0]["text"].startswith("the invoice is wrong, card [")
    assert "2 left out" in result.stderr


def test_what_it_prints_can_be_evaluated(invoke: Invoke, home: Path, tmp_path: Path) -> None:
    invoke("agents", "add", "lea@desk.example", "--name", "Lea")
    asyncio.run(_corrected(home))
    file = tmp_path / "corrections.jsonl"
    file.write_text(invoke("intents", "corrections", "--jsonl").stdout, encoding="utf-8")
    read = read_labelled([str(file)])
    assert read.labels == ["twice", "down"]
