"""An IMAP server on loopback with one mailbox, and hands to move it: it resets, falls silent, cuts a mail in two.

It speaks the part of RFC 3501 and RFC 2177 that a reader of mail needs. What a real server makes of the same reader is
tested with Dovecot where that is installed (`dovecot.py`).
"""

from __future__ import annotations

import asyncio
import base64
import re
import shlex
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

USER: Final = "support@desk.example"
PASSWORD: Final = "open sesame"


@dataclass
class Stored:
    """One mail in the mailbox."""

    uid: int
    data: bytes
    flags: set[str] = field(default_factory=set)


@dataclass
class ImapPlatform:
    """What lies in the mailbox, and how the server behaves.

    `silent`: answers nothing any more. `cut`: so many mails are broken off in the middle. `bare`: no IDLE. `no`: what
    begins so is answered NO. `ends`: at what begins so the connection ends. `read_only`: nobody may change anything.
    `late`: a mail that comes during the next search, told in its answer and not named there.
    """

    port: int = 0
    validity: int = 7
    mails: list[Stored] = field(default_factory=list)
    folders: dict[str, list[Stored]] = field(default_factory=dict)
    silent: bool = False
    refuses: bool = False
    cut: int = 0
    bare: bool = False
    no: dict[str, str] = field(default_factory=dict)
    """The words of the refusal, by the beginning of a command."""
    ends: str = ""
    read_only: bool = False
    late: bytes = b""
    token: str = ""
    tls: ssl.SSLContext | None = None
    """From the first byte."""
    logins: int = 0
    idling: int = 0
    commands: list[str] = field(default_factory=list)
    _next: int = 1
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _told: dict[asyncio.StreamWriter, int] = field(default_factory=dict)
    """How many mails each connection has been told of."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None

    # --- hands ---

    async def deliver(self, data: bytes, *, flags: tuple[str, ...] = ()) -> int:
        """Put a mail into the mailbox; its UID."""
        mail = Stored(uid=self._next, data=data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), flags=set(flags))
        self._next += 1
        self.mails.append(mail)
        await self._tell()
        return mail.uid

    async def unseen(self) -> set[int]:
        return {mail.uid for mail in self.mails if "\\Seen" not in mail.flags}

    async def anew(self) -> None:
        """As after a restore: the same mails under other numbers."""
        self.validity += 1
        for number, mail in enumerate(self.mails, 1):
            mail.uid = number
        self._next = len(self.mails) + 1
        self.reset()

    def reset(self) -> None:
        """Cut every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def shut(self) -> None:
        """Nobody listens any more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()

    async def open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
            self.port = self._server.sockets[0].getsockname()[1]

    # --- the protocol ---

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._say(writer, "* OK ready")
            while line := await reader.readline():
                tag, _, rest = line.decode("latin-1").strip().partition(" ")
                self.commands.append(rest)
                if not await self._command(reader, writer, tag, rest):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _command(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: str, rest: str) -> bool:
        name, _, arguments = rest.partition(" ")
        name = name.upper()
        if name == "UID":
            name, _, arguments = arguments.partition(" ")
            name = f"UID {name.upper()}"
        if self.ends and rest.startswith(self.ends):
            return False
        if (why := next((why for begin, why in self.no.items() if rest.startswith(begin)), None)) is not None:
            await self._say(writer, f"{tag} NO {why}")
            return True
        match name:
            case "CAPABILITY":
                await self._say(writer, "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2" + ("" if self.bare else " IDLE MOVE"))
            case "LOGIN":
                if self.refuses or shlex.split(arguments) != [USER, PASSWORD]:
                    await self._say(writer, f"{tag} NO [AUTHENTICATIONFAILED] no")
                    return True
                self.logins += 1
            case "AUTHENTICATE":
                await self._say(writer, "+ ")
                given = base64.b64decode(await reader.readline()).decode()
                if given != f"user={USER}\1auth=Bearer {self.token}\1\1":
                    await self._say(writer, f"{tag} NO [AUTHENTICATIONFAILED] no")
                    return True
                self.logins += 1
            case "NOOP":
                if len(self.mails) > self._told.get(writer, 0):
                    self._told[writer] = len(self.mails)
                    await self._say(writer, f"* {len(self.mails)} EXISTS")
            case "SELECT" | "EXAMINE":
                self._told[writer] = len(self.mails)
                await self._say(
                    writer, f"* {len(self.mails)} EXISTS", f"* OK [UIDVALIDITY {self.validity}] v",
                    *([] if self.bare else [f"* OK [UIDNEXT {self._next}] n"]), "* FLAGS (\\Seen \\Deleted)",
                )  # fmt: skip
                if self.read_only and name == "SELECT":
                    await self._say(writer, f"{tag} OK [READ-ONLY] done")
                    return True
            case "LIST":
                await self._say(writer, *(f'* LIST () "/" "{folder}"' for folder in ("INBOX", *self.folders)))
            case "UID SEARCH":
                await self._say(writer, "* SEARCH " + " ".join(str(mail.uid) for mail in self._found(arguments)))
                if self.late:
                    late, self.late = self.late, b""
                    await self.deliver(late)
                    self._told[writer] = len(self.mails)
                    await self._say(writer, f"* {len(self.mails)} EXISTS")
            case "UID FETCH":
                await self._fetch(writer, arguments)
            case "UID STORE":
                for mail in self._named(arguments.split()[0]):
                    mail.flags |= set(re.findall(r"\\\w+", arguments))
            case "UID MOVE":
                uids, folder = arguments.split()
                for mail in self._named(uids):
                    self.mails.remove(mail)
                    self.folders.setdefault(folder.strip('"'), []).append(mail)
            case "IDLE":
                await self._idle(reader, writer)
            case "LOGOUT":
                await self._say(writer, "* BYE", f"{tag} OK")
                return False
        await self._say(writer, f"{tag} OK done")
        return True

    async def _idle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._say(writer, "+ idling")
        known, done = self._told.get(writer, 0), asyncio.ensure_future(reader.readline())
        self.idling += 1
        await self._tell()
        try:
            while not done.done():
                if len(self.mails) > known:
                    known = self._told[writer] = len(self.mails)
                    await self._say(writer, f"* {known} EXISTS")
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05), self._news:
                        await self._news.wait()
            if not done.result():
                raise ConnectionResetError
        finally:
            self.idling -= 1
            done.cancel()

    async def _fetch(self, writer: asyncio.StreamWriter, arguments: str) -> None:
        uids, what = arguments.split(" ", 1)
        for mail in self._named(uids):
            number = self.mails.index(mail) + 1
            if "RFC822.SIZE" in what:
                await self._say(writer, f"* {number} FETCH (UID {mail.uid} RFC822.SIZE {len(mail.data)})")
                continue
            part = re.search(r"<(\d+)\.(\d+)>", what)
            data = mail.data[int(part[1]) : int(part[1]) + int(part[2])] if part else mail.data
            name = f"BODY[]<{part[1]}>" if part else "BODY[]"
            head = f"* {number} FETCH (UID {mail.uid} {name} {{{len(data)}}}\r\n".encode()
            if self.cut:
                self.cut -= 1
                writer.write(head + data[: len(data) // 2])
                await writer.drain()
                writer.transport.abort()
                raise ConnectionResetError
            writer.write(head + data + b")\r\n")
            await writer.drain()

    def _found(self, criteria: str) -> list[Stored]:
        """`UID n:*` names the last mail even if n is beyond it, as servers do."""
        found = list(self.mails)
        if span := re.search(r"UID (\d+):\*", criteria):
            first = min(int(span[1]), max((mail.uid for mail in found), default=0))
            found = [mail for mail in found if mail.uid >= first]
        return [mail for mail in found if "UNSEEN" not in criteria or "\\Seen" not in mail.flags]

    def _named(self, uids: str) -> list[Stored]:
        wanted = set()
        for part in uids.split(","):
            first, _, last = part.partition(":")
            wanted |= set(range(int(first), int(last or first) + 1))
        return [mail for mail in self.mails if mail.uid in wanted]

    async def _say(self, writer: asyncio.StreamWriter, *lines: str) -> None:
        if self.silent:
            await asyncio.Event().wait()
        writer.write("".join(f"{line}\r\n" for line in lines).encode("latin-1"))
        await writer.drain()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


@asynccontextmanager
async def imap_platform(**more: Any) -> AsyncIterator[ImapPlatform]:
    platform = ImapPlatform(**more)
    await platform.open()
    try:
        yield platform
    finally:
        await platform.shut()
        await asyncio.sleep(0.01)
