"""What a conversation's customer and the desk may read of it."""

from __future__ import annotations

from store import transcripts
from store.database import Database
from store.tables import attachment, verdict
from tests.rows import NOW, add, incoming, keep, put_out, write_in


async def test_a_transcript_by_pages_from_either_end(database: Database) -> None:
    kept = await keep(database, *(incoming(f"t{n}", id=str(n)) for n in range(1, 8)))
    here = kept[0].conversation
    async with database.read() as connection:
        assert [row.seq for row in await transcripts.read(connection, here)] == [1, 2, 3, 4, 5, 6, 7]
        assert [row.seq for row in await transcripts.read(connection, here, after=5)] == [6, 7]
        assert [row.seq for row in await transcripts.read(connection, here, limit=2)] == [1, 2]
        assert [row.seq for row in await transcripts.read(connection, here, limit=2, newest=True)] == [6, 7]


async def test_a_customer_sees_neither_notes_nor_what_has_not_left(database: Database) -> None:
    here = (await write_in(database, "hello")).conversation
    for status in ("held", "queued", "sending", "failed", "unknown", "cancelled", "parked"):
        await put_out(database, here, f"never: {status}", status=status)
    await put_out(database, here, "never: a note", direction="note", status=None, kind="note")
    await put_out(database, here, "never: a note that claims to be sent", direction="note", status="sent", kind="note")
    await put_out(database, here, "said", status="sent")
    async with database.read() as connection:
        seen = await transcripts.public(connection, here, after=0, limit=50)
    assert [row["body"] for row in seen] == ["hello", "said"]


async def test_a_conversation_is_found_by_its_place(database: Database) -> None:
    kept = await keep(database, incoming(place="tok", by="tok"))
    async with database.read() as connection:
        assert await transcripts.find(connection, "web", "default", "tok") == kept[0].conversation
        assert await transcripts.find(connection, "web", "default", "other") is None
        assert await transcripts.exists(connection, kept[0].conversation)
        assert not await transcripts.exists(connection, 99)


async def test_what_goes_with_a_conversation(database: Database) -> None:
    kept = await keep(database, *(incoming(f"t{n}", id=str(n)) for n in range(3)))
    here, other = kept[0].conversation, await write_in(database, by="ben")
    for row, name in ((kept[0], "a"), (other, "not here"), (kept[2], "b")):
        await add(database, attachment, message_id=row.message, name=name, media_type="x", size=1, created_at=NOW)
        await add(database, verdict, message_id=row.message, tier="howto", intent=name, confidence=0.5,
                  automatable=True, model="m", created_at=NOW)  # fmt: skip
    await put_out(database, here, buttons=[{"id": "a", "label": "A"}], status="sent")
    async with database.read() as connection:
        assert [(row["seq"], row["name"]) for row in await transcripts.files(connection, here)] == [(1, "a"), (3, "b")]
        assert [row["intent"] for row in await transcripts.verdicts(connection, here)] == ["a", "b"]
        assert [row["intent"] for row in await transcripts.verdicts(connection, here, limit=1)] == ["b"]
        more = await transcripts.delivery(connection, here, [3, 4])
        assert (sorted(more), more[4]["buttons"]) == ([3, 4], [{"id": "a", "label": "A"}])
        assert await transcripts.delivery(connection, here, []) == {}
