"""Files that people add to what they write: which are kept, who has them, and with what they leave."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from handoff.desk import Desk
from handoff.errors import FileRefused, HeldByOther, NoSuchCase
from handoff.files import AT_MOST, MOST, WAITING_AT_MOST, shortened, visible
from store import sweep, transcripts
from store.agents import Agent
from store.database import Database
from store.tables import attachment, conversation, message, upload
from store.uploads import Mode
from tests.people import Office

PDF = b"%PDF-1.7 facts"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


async def mine(office: Office) -> tuple[Agent, str]:
    """A case in Lea's hands."""
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    return lea, number


async def add(office: Office, agent: Agent, number: str, name: str = "facts.pdf", content: bytes = PDF,
              mode: Mode = "reply") -> int:  # fmt: skip
    return int((await office.desk.files.keep(agent, number, mode, name, content))["id"])


async def count(office: Office, table: Any) -> int:
    async with office.database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def sent(office: Office) -> list[dict[str, Any]]:
    """What goes with messages, in their order."""
    query = (
        select(attachment.c.name, attachment.c.media_type, attachment.c.content, message.c.body, message.c.meta)
        .join(message, message.c.id == attachment.c.message_id)
        .order_by(attachment.c.id)
    )
    async with office.database.read() as connection:
        return [dict(row) for row in (await connection.execute(query)).mappings()]


async def test_files_leave_with_the_reply_that_names_them(office: Office) -> None:
    lea, number = await mine(office)
    first, left, second = [await add(office, lea, number, name) for name in ("a.pdf", "left.pdf", "b.pdf")]
    await office.desk.reply(lea, number, "here you are", files=[second, first, first])
    found = await sent(office)
    assert [(row["name"], row["content"], row["body"]) for row in found] == [
        ("a.pdf", PDF, "here you are"),
        ("b.pdf", PDF, "here you are"),
    ]
    assert found[0]["meta"]["files"] == 2
    assert [file["id"] for file in await office.desk.files.waiting(lea, number)] == [left]
    with pytest.raises(FileRefused, match="gone"):
        await office.desk.reply(lea, number, "again", files=[first])
    assert await count(office, attachment) == 2


async def test_what_is_refused_leaves_everything_as_it_was(office: Office) -> None:
    lea, number = await mine(office)
    tom = await office.agent("Tom")
    file = await add(office, lea, number)
    with pytest.raises(HeldByOther):
        await office.desk.reply(tom, number, "mine now", files=[file])
    with pytest.raises(FileRefused, match="gone"):
        await office.desk.reply(lea, number, "and this", files=[file, file + 1])
    assert [row["id"] for row in await office.desk.files.waiting(lea, number)] == [file]
    assert await sent(office) == []


async def test_nobody_else_has_them(office: Office) -> None:
    lea, number = await mine(office)
    tom, other = await office.agent("Tom"), await office.customer(by="ben")
    file = await add(office, lea, number)
    assert (await office.desk.files.read(lea, number, file))["content"] == PDF
    for agent, case in ((tom, number), (lea, other)):
        with pytest.raises(NoSuchCase):
            await office.desk.files.read(agent, case, file)
        await office.desk.files.remove(agent, case, file)
    assert await office.desk.files.waiting(tom, number) == []
    await office.desk.claim(tom, other)
    with pytest.raises(FileRefused):
        await office.desk.reply(tom, other, "stolen", files=[file])
    await office.desk.files.remove(lea, number, file)
    assert await count(office, upload) == 0


async def test_a_file_of_a_note_is_for_the_team_alone(office: Office) -> None:
    lea, number = await mine(office)
    inside = await add(office, lea, number, "inside.pdf", mode="note")
    outside = await add(office, lea, number, "outside.pdf")
    with pytest.raises(FileRefused):
        await office.desk.reply(lea, number, "sent by mistake", files=[inside])
    with pytest.raises(FileRefused):
        await office.desk.note(lea, number, "kept by mistake", files=[outside])
    await office.desk.note(lea, number, "see inside", files=[inside])
    await office.desk.reply(lea, number, "see outside", files=[outside])
    async with office.database.write("test") as connection:
        await connection.execute(message.update().where(message.c.direction == "out").values(status="sent"))
    async with office.database.read() as connection:
        here = (await connection.execute(select(conversation.c.id))).scalar_one()
        kept = {row["name"]: row["id"] for row in await transcripts.files(connection, here)}
        assert await transcripts.file_of(connection, here, kept["inside.pdf"]) is None
        assert await transcripts.file_of(connection, here, kept["outside.pdf"]) is not None


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("invoice.exe", b"harmless words", "invoice.exe is a program; it was not kept."),
        ("facts.pdf", b"MZ\x90\x00", "facts.pdf is a program"),
        ("invoice\u202efdp.exe", b"words", "invoicefdp.exe is a program"),
        ("invoice.\uff45\uff58\uff45", b"words", "invoice.exe is a program"),
        ("x" * 5000 + ".exe", b"words", "….exe is a program"),
        ("logo.svg", b"<svg onload=alert(1)>", "logo.svg is a page that a browser could run"),
        ("page.txt", b"<!doctype html><script>", "page.txt is a page"),
        ("nothing.txt", b"", "nothing.txt is empty"),
        ("large.txt", b"a" * (AT_MOST + 1), "large.txt is over 10 MB"),
        ("what.xyz", b"\x00\x01", "what.xyz is of no kind that we send"),
    ],
)
async def test_what_is_not_kept(office: Office, name: str, content: bytes, words: str) -> None:
    lea, number = await mine(office)
    with pytest.raises(FileRefused) as refused:
        await add(office, lea, number, name, content)
    assert words in str(refused.value)
    assert await count(office, upload) == 0


def test_a_name_is_shown_as_it_is_and_keeps_its_ending() -> None:
    assert visible("..\\..\\etc/pass\x00wd") == "passwd"
    assert visible("\u202e/") == "file"
    short = shortened(visible("ä" * 5000 + ".pdf"))
    assert short.endswith("….pdf")
    assert len(short.encode()) <= 200
    assert shortened("a" * 300).endswith("a…")
    assert shortened("a." + "b" * 300).endswith("…")


async def test_so_many_and_so_much_in_one_message(office: Office) -> None:
    lea, number = await mine(office)
    many = [await add(office, lea, number) for _ in range(MOST + 1)]
    with pytest.raises(FileRefused, match="6 files are too many"):
        await office.desk.reply(lea, number, "all", files=many)
    large = [await add(office, lea, number, "large.txt", b"a" * 9_000_000) for _ in range(3)]
    with pytest.raises(FileRefused, match="over 25 MB together"):
        await office.desk.reply(lea, number, "much", files=large)
    await office.desk.reply(lea, number, "some", files=[*large[:2], *many[:3]])
    assert await count(office, attachment) == MOST


async def test_who_forgets_files_is_told(office: Office) -> None:
    lea, number = await mine(office)
    for _ in range(WAITING_AT_MOST):
        await add(office, lea, number)
    with pytest.raises(FileRefused, match="wait here"):
        await add(office, lea, number)


async def test_a_channel_that_carries_none_refuses_before_anything_is_sent(office: Office) -> None:
    lea, number = await mine(office)
    before = await add(office, lea, number, content=PNG, name="a.png")

    def desk(most: int) -> Desk:
        one = office.desk
        one.files._takes = lambda channel: most
        return one

    with pytest.raises(FileRefused, match=r"Web carries no files from us.*send a link"):
        await desk(0).files.keep(lea, number, "reply", "a.png", PNG)
    with pytest.raises(FileRefused, match="carries no files"):
        await desk(0).reply(lea, number, "look", files=[before])
    with pytest.raises(FileRefused, match=r"a\.png is over the 0 MB that Web carries"):
        await desk(10).reply(lea, number, "look", files=[before])
    noted = await desk(0).files.keep(lea, number, "note", "a.png", PNG)
    await desk(0).note(lea, number, "look", files=[noted["id"]])
    assert [row["body"] for row in await sent(office)] == ["look"]


async def test_two_replies_at_once_share_no_file(office: Office) -> None:
    lea, number = await mine(office)
    file = await add(office, lea, number)
    done = await asyncio.gather(
        *(office.desk.reply(lea, number, f"reply {n}", files=[file]) for n in range(4)), return_exceptions=True
    )
    assert sorted(isinstance(one, FileRefused) for one in done) == [False, True, True, True], done
    assert await count(office, attachment) == 1


async def test_what_no_message_takes_is_gone_after_a_day(office: Office) -> None:
    lea, number = await mine(office)
    await add(office, lea, number, "old.pdf")
    office.now += timedelta(hours=23)
    await add(office, lea, number, "new.pdf")
    office.now += timedelta(hours=2)
    async with office.database.write("test") as connection:
        assert not await sweep.bite(connection, office.now)
    assert [file["name"] for file in await office.desk.files.waiting(lea, number)] == ["new.pdf"]
