"""Files that we write once and read often: whole or absent, never half, and checked when they are read."""

import contextlib
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from models.errors import HomeUnusable

Progress = Callable[[str], None]

_FIRST_SENTENCE, _SILENCE = 1.0, 5.0  # seconds until whoever waits is told, and between two sentences


def nobody_watches(_sentence: str) -> None:
    """The Progress of a caller that shows nothing."""


def sha256_of(path: Path) -> str:
    """The sha256 of a file as 64 hex digits. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` so that a reader, or the next start after a kill, sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_sealed(path: Path, content: bytes) -> str:
    """Write a file and, beside it, its seal: the sha256 as 64 hex digits, which is also returned."""
    # The seal goes last: a kill between the two leaves a file without a fitting seal, which reads as damaged.
    _seal(path).unlink(missing_ok=True)
    write_whole(path, content)
    found = hashlib.sha256(content).hexdigest()
    write_whole(_seal(path), found.encode())
    return found


def intact(path: Path) -> str | None:
    """The sha256 of a sealed file, or None where file or seal is absent, unreadable, or not the other's."""
    try:
        found = sha256_of(path)
        return found if _seal(path).read_bytes() == found.encode() else None
    except OSError:
        return None


def _seal(path: Path) -> Path:
    return path.with_name(f"{path.name}.seal")


@contextlib.contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Raises HomeUnusable in place of any OSError of the block, which writes into `folder`."""
    try:
        yield
    except OSError as error:
        raise HomeUnusable(
            f"The encoder's files cannot be written: {error.strerror or error}",
            where=error.filename or folder,
            do="Make room (about 200 MB) and make the folder writable, then start again.",
        ) from error


@contextlib.contextmanager
def held_alone(folder: Path, progress: Progress = nobody_watches) -> Iterator[None]:
    """Hold a folder against other processes and threads until the block ends; waits for whoever holds it.

    The kernel lets go of the lock when its holder dies, so a killed process leaves nothing to clean up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        next_sentence = time.monotonic() + _FIRST_SENTENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= next_sentence:
                    progress("another process prepares the encoder; waiting for it")
                    next_sentence = time.monotonic() + _SILENCE
                time.sleep(0.05)
        yield
