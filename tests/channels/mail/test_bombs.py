"""What means harm costs its own time, little of it, and the next mail goes on."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from channels.mail import limits
from channels.mail.reading import DIED, KEYS, TOO_SLOW, MailReader
from tests.channels.mail.bombs import BOMBS
from tests.channels.mail.mails import MIXED, PLAIN


def test_the_kernel_is_told_to_hold_it_to_what_is_promised() -> None:
    assert limits.CPU_SECONDS < 8
    assert limits.MEMORY_BYTES <= 512 * 1024 * 1024
    assert len(BOMBS) >= 24


async def test_every_bomb_is_survived_and_the_next_mail_goes_on() -> None:
    # The limits are the kernel's, in processor time; a busy machine may take as long as it takes.
    async with MailReader(wall_seconds=100) as reader:
        for name, bomb in BOMBS.items():
            fields = (await reader.read(bomb())).fields
            assert tuple(fields) == KEYS, name
            assert fields["error"] != DIED, name
            assert (await reader.read(PLAIN)).fields["subject"] == "Wo ist mein Paket?", name


async def test_words_before_a_limit_are_read() -> None:
    async with MailReader(wall_seconds=100) as reader:
        many = (await reader.read(BOMBS["200,000 parts"]())).fields
        headers = (await reader.read(BOMBS["a million headers"]())).fields
        large = (await reader.read(PLAIN + b"x" * limits.MESSAGE_BYTES)).fields
    assert "parts" in many["error"]
    assert many["text"].startswith("x")
    assert "headers" in headers["error"]
    assert headers["from"]["address"] == "eve@example.com"
    assert "25 MB" in large["error"]
    assert large["subject"] == "Wo ist mein Paket?"


async def test_files_come_with_their_bytes() -> None:
    async with MailReader() as reader:
        mail = await reader.read(MIXED)
    assert [(file.name, file.data[:5]) for file in mail.files] == [
        ("Rechnung März.pdf", b"%PDF-"),
        ("logo.png", b"\x89PNG\r"),
        ("inner letter.eml", b"From:"),
    ]
    assert [file.inline for file in mail.files] == [False, True, False]
    assert [each["size"] for each in mail.fields["attachments"]] == [len(file.data) for file in mail.files]


def _child(tmp_path: Path, body: str) -> list[str]:
    """A child that answers as ours does, but for the mail `poison`."""
    root = Path(__file__).parents[3]
    script = tmp_path / "child.py"
    script.write_text(
        f"import sys, os, time\nsys.path.insert(0, {str(root)!r})\nfrom channels.mail import child\n"
        f"def poisoned(data, taken, before=child._one):\n    if b'poison' in data:\n        {body}\n    return before(data, taken)\n"
        "child._one = poisoned\nchild.serve(sys.stdin.buffer, sys.stdout.buffer)\n"
    )
    return [sys.executable, str(script)]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("os._exit(1)", DIED),
        ("os.kill(os.getpid(), 11)", DIED),
        ("[None for _ in iter(int, 1)]", None),  # without end: the kernel stops it, by time or by memory
        ("time.sleep(1000)", TOO_SLOW),
        ("taken.write(bytes(8)); taken.flush()", DIED),
    ],
)
async def test_a_child_that_ends_is_replaced(tmp_path: Path, body: str, error: str | None) -> None:
    async with MailReader(wall_seconds=8 if error == TOO_SLOW else 100, command=_child(tmp_path, body)) as reader:
        poisoned = (await reader.read(b"Subject: poison\n\nx")).fields
        assert poisoned["error"] == error or error is None
        assert poisoned["error"]
        assert (await reader.read(PLAIN)).error is None


async def test_what_is_cancelled_halfway_leaves_no_answer_for_the_next(tmp_path: Path) -> None:
    async with MailReader(command=_child(tmp_path, "time.sleep(1000)")) as reader:
        asked = asyncio.create_task(reader.read(b"Subject: poison\n\nx"))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert (await reader.read(PLAIN)).fields["message_id"] == "<one@example.com>"
