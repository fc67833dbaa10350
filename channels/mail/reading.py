"""Reads mails in a child process, so that none of them can take the desk's time, its memory or its life.

The kernel holds the child to its memory and processor time; this side holds it to the clock. A child that dies or is too
slow is replaced, and the mail that did it has an `error`. The next mail goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from channels.mail import limits

ROOT: Final = Path(__file__).parents[2]
KEYS: Final = (
    "message_id", "in_reply_to", "references", "from", "to", "cc", "subject", "date", "text", "reply", "auto", "bounce",
    "attachments", "error",
)  # fmt: skip
"""What is said of each mail, in this order."""
TOO_SLOW: Final = "This mail takes longer to be read than one mail may."
DIED: Final = "The process that reads mails died of this one."
_ANSWER: Final = 400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFile:
    """An attachment. `name` is safe to show and to store under; `media_type` is what the mail claims."""

    name: str
    media_type: str
    data: bytes
    inline: bool
    content_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail that was read. `fields` is JSON with `KEYS`; where `error` is set, what could not be read is empty."""

    fields: dict[str, Any]
    files: tuple[MailFile, ...] = ()
    envelope: dict[str, Any]
    """For the channel: `reply_to`, `sender`, `return_path`, `null_return_path`, `delivered_to`, `loops`,
    `one_sender` (there is one From, with one address), of a
    bounce its `verdict` (failed, late, arrived, complaint) and whether it is a `certain` one, and
    `authentication_results` from the topmost down."""
    fingerprint: str
    """Of its bytes, without what is added on the way: the name of a mail without a Message-ID."""

    @property
    def error(self) -> str | None:
        found: str | None = self.fields["error"]
        return found


class _Gone(Exception):
    """The child has ended."""


class MailReader:
    """One child process. Mails are read one at a time, in the order in which they are asked for."""

    def __init__(self, *, wall_seconds: float = limits.WALL_SECONDS, command: Sequence[str] | None = None) -> None:
        self._wall = wall_seconds
        self._command = tuple(command) if command is not None else _command()
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> MailReader:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def read(self, data: bytes) -> Mail:
        """Read one mail. Never raises for what the mail says or does; raises OSError where no process can be started."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._wall):
                    return await self._ask(data)
            except TimeoutError:
                await self._end()
                return _unread(TOO_SLOW)
            except (_Gone, ConnectionError, ValueError):
                await self._end()
                return _unread(DIED)
            except BaseException:
                # Cancelled halfway: what the child would still say belongs to no other mail.
                await self._end()
                raise

    async def close(self) -> None:
        """End the child. More than once is fine; a later `read` starts another."""
        async with self._turn:
            await self._end()

    async def _ask(self, data: bytes) -> Mail:
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        child = self._child
        assert child.stdin is not None  # noqa: S101 -- asked for above
        assert child.stdout is not None  # noqa: S101
        # More than it may be is not even sent; one byte more tells that there was more.
        sent = data[: limits.MESSAGE_BYTES + 1]
        child.stdin.write(len(sent).to_bytes(8, "big"))
        child.stdin.write(sent)
        await child.stdin.drain()
        told = json.loads(await _exactly(child.stdout, int.from_bytes(await _exactly(child.stdout, 8), "big")))
        files = [await _exactly(child.stdout, each["size"]) for each in told["attachments"]]
        return _mail(told, files)

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
        await child.wait()


def _command() -> tuple[str, ...]:
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from channels.mail import child; child.serve(sys.stdin.buffer, sys.stdout.buffer)"
    return (sys.executable, "-I", "-S", "-c", start)


async def _exactly(stream: asyncio.StreamReader, size: int) -> bytes:
    if size > _ANSWER:
        raise _Gone
    try:
        return await stream.readexactly(size)
    except asyncio.IncompleteReadError as error:
        raise _Gone from error


def _mail(told: dict[str, Any], contents: list[bytes]) -> Mail:
    inside = told.get("inside", [])
    files = tuple(
        MailFile(
            name=each["name"], media_type=each["type"], data=data, inline=more["inline"], content_id=more["content_id"]
        )
        for each, data, more in zip(told["attachments"], contents, inside, strict=True)
    )
    return Mail(
        fields={key: told[key] for key in KEYS},
        files=files,
        envelope=told.get("envelope", {}),
        fingerprint=told.get("fingerprint", ""),
    )


def _unread(error: str) -> Mail:
    """Nothing is known of it but that."""
    nothing: dict[str, Any] = dict.fromkeys(KEYS)
    nothing |= {"references": [], "to": [], "cc": [], "attachments": [], "from": {"name": "", "address": ""}}
    nothing |= {"subject": "", "text": "", "reply": "", "error": error}
    return Mail(fields=nothing, envelope={}, fingerprint="")


def unread(error: str) -> dict[str, Any]:
    """The fields of a mail of which nothing could be read."""
    return _unread(error).fields
