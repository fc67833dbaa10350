"""The mail channel in the words of the cases: p1 is a thread, ada an address, and servers stand on loopback."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from email.message import EmailMessage
from email.utils import formataddr
from typing import Any, ClassVar

from channels.contract import (
    Address,
    Channel,
    Cursor,
    Delivered,
    Host,
    InboundMessage,
    OutboundMessage,
    PermanentFailure,
    Receipt,
    Returned,
    TemporaryFailure,
    Undecodable,
    UnknownOutcome,
)
from channels.email.channel import EmailChannel
from channels.registry import load
from channels.richtext import RichText
from tests.contracts.fake_host import storable
from tests.contracts.harness import Ability, Arrived, Harness, SendFault
from tests.platforms import imap
from tests.platforms.dovecot import dovecot
from tests.platforms.imap import ImapPlatform, imap_platform
from tests.platforms.post_office import PostOffice, post_office

US = imap.USER
DOMAIN = "customers.example"
_users = itertools.count(1)


def address_of(author: str) -> str:
    return f"{author}@{DOMAIN}"


class Names:
    """What the cases call p1 is a long name there."""

    def __init__(self) -> None:
        self.real: dict[str, str] = {}
        self.first: dict[tuple[str, str], str] = {}
        """The Message-ID with which an author began to write at a place."""
        self.place_of: dict[str, str] = {}
        """By the Message-ID of what begins it."""

    def shown(self, message: InboundMessage) -> str:
        name = self.place_of.get(message.external_id.partition("#")[0])
        if name is None:
            return next((name for name, real in self.real.items() if real == message.place), message.place)
        self.real.setdefault(name, message.place)
        return name


class NamedHost:
    """A host to whom places and people are called by their names in the cases."""

    def __init__(self, host: Host, names: Names) -> None:
        self._host = host
        self._names = names
        self.alone = host.alone
        self.cursor = host.cursor
        self.known_places = host.known_places
        self.where = host.where

    async def deliver(
        self, messages: Sequence[InboundMessage | Undecodable | Returned], *, cursor: Cursor | None = None
    ) -> list[Delivered]:
        return await self._host.deliver([self._named(message) for message in messages], cursor=cursor)

    def _named(self, message: InboundMessage | Undecodable | Returned) -> InboundMessage | Undecodable | Returned:
        if not isinstance(message, InboundMessage):
            return message
        author = message.author
        named = replace(author, external_id=author.external_id.removesuffix(f"@{DOMAIN}"))
        return replace(message, place=self._names.shown(message), author=named)


class Named:
    """The channel, for the cases."""

    def __init__(self, inner: EmailChannel, harness: EmailHarness) -> None:
        self.inner = inner
        self.name, self.account, self.capabilities = inner.name, inner.account, inner.capabilities
        self.stop, self.check, self.parts, self.reread_in = inner.stop, inner.check, inner.parts, inner.reread_in
        self.report = inner.report
        self._harness = harness

    async def start(self, host: Host) -> None:
        await self.inner.start(NamedHost(host, self._harness.names))

    async def send(self, message: OutboundMessage) -> Receipt:
        place = self._harness.names.real.get(message.address.place, message.address.place)
        address = replace(message.address, place=place, recipient=address_of("ada"))
        self._harness.sent_to[self.inner._names().message_id(message.key, place)] = message.address.place
        return await self.inner.send(replace(message, address=address))


class EmailHarness(Harness):
    channel = "email"
    account = US
    signs_in_with = "password"
    can: ClassVar[frozenset[Ability]] = frozenset(
        {"attach", "redeliver", "poison", "away", "acknowledged", "cursor", "author"}
    )
    send_faults: ClassVar[Mapping[str, SendFault]] = {
        "unreachable": SendFault(raises=TemporaryFailure, copies=0),
        "cut_after": SendFault(raises=UnknownOutcome, copies=1),
        "black_hole_after": SendFault(raises=UnknownOutcome, copies=1),
        "unavailable": SendFault(raises=TemporaryFailure, copies=0),
        "slow": SendFault(raises=None, copies=1),
        "blocked": SendFault(raises=PermanentFailure, copies=0),
        "bad_token": SendFault(raises=TemporaryFailure, copies=0),
    }

    def __init__(self, platform: ImapPlatform, post: PostOffice) -> None:
        super().__init__()
        self.platform = platform
        self.post = post
        self.names = Names()
        self.sent_to: dict[str, str] = {}
        self.raw: dict[str, bytes] = {}
        self._count = itertools.count(1)
        self._post_stack: AsyncExitStack | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[EmailHarness]:
        async with imap_platform() as platform, post_office(user=(US, imap.PASSWORD), plain=True) as post:
            harness = cls(platform, post)
            try:
                yield harness
            finally:
                harness.close()

    def close(self) -> None:
        """What it holds beside the servers."""

    def settings(self) -> dict[str, Any]:
        return {
            "address": US,
            "password": imap.PASSWORD,
            "imap_host": "127.0.0.1",
            "imap_port": self.platform.port,
            "imap_security": "none",
            "smtp_host": "127.0.0.1",
            "smtp_port": self.post.port,
            "smtp_security": "none",
            "first": "all",
            "connect_timeout": 2,
            "timeout": 2,
            "send_timeout": 1.5,
            "idle_for": 5,
            "retry_base": 0.02,
            "retry_cap": 0.1,
        }

    def make(self) -> Channel:
        channel = load("email", self.settings())
        assert isinstance(channel, EmailChannel)
        return Named(channel, self)

    def outbound(self, text: str, *, key: str = "k1", place: str = "p1", **more: object) -> OutboundMessage:
        address = Address(account=self.account, place=place, recipient=address_of("ada"))
        return OutboundMessage(key=key, address=address, text=RichText.of(text), author="Bo", **more)  # type: ignore[arg-type]

    # --- the customer's side ---

    async def write(
        self,
        text: str,
        *,
        place: str = "p1",
        author: str = "ada",
        name: str = "Ada",
        thread: str | None = None,
        files: Sequence[tuple[str, bytes]] = (),
        bot: bool = False,
        addressed: bool = True,
        public: bool = False,
    ) -> str:
        message = EmailMessage()
        own = f"<{next(self._count)}.{place}@{DOMAIN}>"
        message["Message-ID"] = own
        message["From"] = formataddr((" ".join(name.split()), address_of(author)))
        message["To"] = US
        message.set_content(storable(text).encode(), "text", "plain", params={"charset": "utf-8"})
        first = self.names.first.setdefault((place, author), own)
        self.names.place_of[own] = place
        if first != own:
            message["In-Reply-To"] = first
        for file, content in files:
            message.add_attachment(content, maintype="text", subtype="plain", filename=file)
        self.raw[own] = message.as_bytes()
        await self.put(self.raw[own])
        return own

    async def put(self, raw: bytes) -> None:
        await self.platform.deliver(raw)

    async def arrived(self) -> list[Arrived]:
        found = []
        for mail in self.post.mails:
            message = mail.message
            body = message.get_body(("plain",))
            assert body is not None
            sender = str(message["From"].addresses[0].display_name)
            found.append(
                Arrived(
                    id=str(message["Message-ID"]),
                    place=self.sent_to[str(message["Message-ID"])],
                    text=str(body.get_content()).replace("\r\n", "\n").strip("\n"),
                    author=sender,
                    files=tuple(str(part.get_filename()) for part in message.iter_attachments()),
                )
            )
        return found

    async def fault(self, name: str) -> None:
        post = self.post
        match name:
            case "unreachable":
                await post.shut()
            case "cut_after":
                post.cut = 1
            case "black_hole_after":
                post.mute = 1
            case "unavailable":
                post.data.append("451 come back later")
            case "slow":
                post.slow = 0.1
            case "blocked":
                post.rcpt.append("550 5.1.1 nobody here")
            case "bad_token":
                post.user = (US, "another")
            case "over":
                post.slow, post.user = 0.0, (US, imap.PASSWORD)
                await post.open()

    async def redeliver(self, message: str) -> None:
        await self.put(b"Received: by another way; Mon, 1 Jan 2026 00:00:00 +0000\n" + self.raw[message])

    async def poison(self) -> None:
        await self.put(b"\x00\xff\xfe no mail at all \r\n\r\n\x00")

    async def away(self) -> None:
        await self.platform.shut()
        await self.post.shut()

    async def back(self) -> None:
        await self.platform.open()
        await self.post.open()

    async def unacknowledged(self) -> set[str]:
        left = await self.platform.unseen()
        return {_id_of(mail.data) for mail in self.platform.mails if mail.uid in left}


class DovecotHarness(EmailHarness):
    """The same with a real server for what comes in."""

    can: ClassVar[frozenset[Ability]] = EmailHarness.can - {"away"}

    def __init__(self, platform: ImapPlatform, post: PostOffice) -> None:
        super().__init__(platform, post)
        self.server = dovecot()
        self.user = f"box{next(_users)}"
        self.beside = self.server.client(self.user)
        self.beside.select_folder("INBOX")

    def close(self) -> None:
        self.beside.shutdown()

    def settings(self) -> dict[str, Any]:
        return super().settings() | {
            "imap_port": self.server.port, "user": self.user, "password": self.server.password, "smtp_user": US,
            "smtp_password": imap.PASSWORD,
        }  # fmt: skip

    async def put(self, raw: bytes) -> None:
        await asyncio.to_thread(self.beside.append, "INBOX", raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    async def unacknowledged(self) -> set[str]:
        def look() -> set[str]:
            self.beside.noop()
            unseen = self.beside.search(["UNSEEN"])
            rows = self.beside.fetch(unseen, ["BODY.PEEK[HEADER]"]) if unseen else {}
            return {_id_of(row[b"BODY[HEADER]"]) for row in rows.values()}

        return await asyncio.to_thread(look)


def _id_of(data: bytes) -> str:
    _, found, rest = data.partition(b"Message-ID: ")
    return rest.partition(b"\r\n")[0].decode() if found else "none"
