"""Files that people add to what they write: what is kept, for whom, and what a channel can carry."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from channels import filetypes
from handoff.errors import FileRefused, NoSuchCase
from handoff.work import Clock, Once, Work, recalled, remembered
from store import cases, holds, uploads
from store.agents import Agent
from store.database import Database
from store.uploads import Mode, Upload
from store.words import case_id

AT_MOST: Final = 10_000_000
"""Bytes of one file."""
TOGETHER: Final = 25_000_000
"""Bytes of all files of one message."""
MOST: Final = 5
"""Files in one message."""
WAITING_AT_MOST: Final = 20
"""Files of one person that wait in one case: more are forgotten ones."""
AT_ONCE: Final = 16
"""Files that are read at the same time; each may hold ten megabytes of memory."""
_NAME_AT_MOST: Final = 200
_ENDING_AT_MOST: Final = 20

Takes = Callable[[str], int]
"""How many bytes of one file a channel carries to its customers; 0: it carries none."""


class Files:
    """Keeps files until a reply or a note takes them. They are their agent's alone, and leave after a day."""

    def __init__(self, *, database: Database, takes: Takes, clock: Clock) -> None:
        self._database = database
        self._takes = takes
        self._clock = clock
        self._reading = 0

    @contextmanager
    def room(self) -> Iterator[None]:
        """A file is read into memory in this block. Raises `FileRefused` where too many are."""
        if self._reading >= AT_ONCE:
            raise FileRefused("Many files are arriving at once. Send this again in a moment.")
        self._reading += 1
        try:
            yield
        finally:
            self._reading -= 1

    async def keep(
        self, agent: Agent, number: str, mode: Mode, name: str, content: bytes, once: Once | None = None
    ) -> dict[str, Any]:
        """Keep a file for a reply to, or a note on, this case.

        Raises:
            NoSuchCase: there is no such case.
            FileRefused: it is a program, empty, too large, or of no known kind; or the channel carries none.
        """
        shown = visible(name)
        found = filetypes.look(shown, content[: filetypes.HEAD])
        kept = shortened(shown)
        if found.fault is not None or len(content) > AT_MOST:
            raise FileRefused(refusal(kept, found.fault or "large"))
        async with self._database.write("upload") as connection:
            now = self._clock()
            if (before := await recalled(connection, agent, once, now)) is not None:
                return before
            row = await self._case(connection, number)
            if mode == "reply":
                self._must_carry(row["channel"], [(kept, len(content))])
            if len(await uploads.of_case(connection, agent.id, row["id"])) >= WAITING_AT_MOST:
                raise FileRefused(f"{WAITING_AT_MOST} files of yours wait here. Send some, or remove some first.")
            put = await uploads.put(
                connection, agent_id=agent.id, case_id=row["id"], mode=mode, name=kept, media_type=found.media_type,
                content=content, now=now,
            )  # fmt: skip
            answer = described(put)
            await remembered(connection, agent, once, answer)
        return answer

    async def waiting(self, agent: Agent, number: str) -> list[dict[str, Any]]:
        """What this person has put there and not sent yet."""
        async with self._database.read() as connection:
            row = await self._case(connection, number)
            return await unsent(connection, agent, row["id"])

    async def read(self, agent: Agent, number: str, id_: int) -> dict[str, Any]:
        """Name, type and content of one's own unsent file. Raises `NoSuchCase`."""
        async with self._database.read() as connection:
            row = await self._case(connection, number)
            found = await uploads.read(connection, agent.id, row["id"], id_)
        if found is None:
            raise NoSuchCase(_GONE)
        return found

    async def remove(self, agent: Agent, number: str, id_: int) -> None:
        """Take one's own unsent file away again; one that is gone already is gone."""
        async with self._database.write("upload.remove") as connection:
            row = await self._case(connection, number)
            await uploads.remove(connection, agent.id, row["id"], id_)

    async def take(self, work: Work, ids: Sequence[int], mode: Mode, seq: int) -> None:
        """Let the message `seq`, said in this unit of work, take these files. Raises what `check` raises."""
        work.changes.attached.append((work.conversation, seq, await self.check(work, ids, mode), work.now))

    async def check(self, work: Work, ids: Sequence[int], mode: Mode) -> list[int]:
        """Their numbers in order, if a message could take these files now.

        Raises:
            FileRefused: they are too many or too much, one is gone, or the channel does not carry it.
        """
        wanted = sorted(set(ids))
        found = [
            each
            for each in await uploads.hold(work.connection, wanted)
            if (each.agent_id, each.case_id, each.mode) == (work.agent.id, work.id, mode)
        ]
        if len(found) < len(wanted):
            raise FileRefused(_GONE)
        if len(found) > MOST:
            raise FileRefused(f"{len(found)} files are too many for one message. Send {MOST} at most at once.")
        if sum(each.size for each in found) > TOGETHER:
            raise FileRefused(f"The files are over {_mb(TOGETHER)} together. Send fewer at once.")
        if mode == "reply":
            self._must_carry(work.row["channel"], [(each.name, each.size) for each in found])
        return wanted

    def refused_by(self, channel: str) -> str:
        """Why no file goes to customers of this channel; empty: files do."""
        if self._takes(channel) > 0:
            return ""
        return f"{channel.capitalize()} carries no files from us. Put it where the customer can fetch it; send a link."

    def _must_carry(self, channel: str, files: Sequence[tuple[str, int]]) -> None:
        if words := self.refused_by(channel):
            raise FileRefused(words)
        most = self._takes(channel)
        for name, size in files:
            if size > most:
                much = f"{_mb(most)} that {channel.capitalize()} carries"
                raise FileRefused(f"{name} is over the {much}. Send a smaller one, or a link.")

    async def _case(self, connection: Any, number: str) -> dict[str, Any]:
        id_ = case_id(number)
        row = await cases.read_row(connection, id_) if id_ is not None else None
        if row is None:
            raise NoSuchCase(f"There is no case {number!r}.")
        return row


_GONE: Final = (
    "A file of this message is gone: it was sent already, removed, or waited for more than a day. Add it again."
)


async def unsent(connection: AsyncConnection, agent: Agent, case: int) -> list[dict[str, Any]]:
    """What this person has put there, without what goes with a reply that is about to leave."""
    held = await holds.of_case(connection, case)
    leaving = frozenset(held.files) if held is not None else frozenset()
    return [described(each) for each in await uploads.of_case(connection, agent.id, case) if each.id not in leaving]


def described(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.id, "mode": upload.mode, "name": upload.name, "type": upload.media_type, "size": upload.size,
    }  # fmt: skip


def refusal(name: str, fault: str) -> str:
    """Why a file was not kept, and what to do, for who sent it."""
    return f"{name} {_WHY.get(fault, _WHY['other'])}"


_WHY: Final = {
    "program": "is a program; it was not kept.",
    "active": "is a page that a browser could run; it was not kept. Send a picture or a PDF of it.",
    "empty": "is empty; it was not kept.",
    "large": f"is over {AT_MOST // 1_000_000} MB; it was not kept. Send a smaller one, or a link.",
    "other": "is of no kind that we send; it was not kept. Pictures, PDF, text, office documents and zip are.",
}


def visible(name: str) -> str:
    """A file's name as it is seen: the last part of any path, without controls and what turns letters around."""
    seen = "".join(each for each in unicodedata.normalize("NFKC", name) if unicodedata.category(each)[0] != "C")
    return seen.replace("\\", "/").rsplit("/", 1)[-1].strip().lstrip(".") or "file"


def shortened(name: str) -> str:
    """At most 200 bytes of a name, its ending kept: by that its reader opens it."""
    if len(name.encode()) <= _NAME_AT_MOST:
        return name
    stem, dot, ending = name.rpartition(".")
    tail = f"…{dot}{ending}" if stem and len(ending.encode()) <= _ENDING_AT_MOST else "…"
    room = _NAME_AT_MOST - len(tail.encode())
    return (stem or name).encode()[:room].decode(errors="ignore") + tail


def _mb(size: int) -> str:
    return f"{size // 1_000_000} MB"
