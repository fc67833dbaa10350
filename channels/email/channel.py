"""One mailbox of ours as a channel, read over IMAP, answered over SMTP."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from channels.contract import (
    Capabilities,
    Host,
    InboundMessage,
    NewPlace,
    OutboundMessage,
    Receipt,
    Report,
    Returned,
    TemporaryFailure,
    Undecodable,
)
from channels.email.check import check
from channels.email.inbound import NAME, Inbound, new_place
from channels.email.names import Names
from channels.email.receiving import Receiver, lease_of
from channels.email.sending import LONGEST, Sender
from channels.email.settings import EmailSettings
from channels.email.tokens import Tokens
from channels.fitting import split_text
from channels.logbook import Logbook
from channels.mail.reading import MailReader
from channels.mailserver import address
from channels.richtext import RichText

DAYS: float = 4 * 24 * 3600.0
"""So long a mail is tried that a server does not take yet."""
REPEATS = 2
"""So often one is sent again of which nobody knows whether it was taken: with the same Message-ID."""


class EmailChannel:
    """One account."""

    name = NAME

    def __init__(self, settings: EmailSettings) -> None:
        self.account = settings.account
        self.capabilities = Capabilities(
            max_length=LONGEST,
            buttons=False,
            threads=False,
            edits=False,
            conversational=False,
            letters=True,
            patience=DAYS,
            repeats=REPEATS,
        )
        self._settings = settings
        # Whoever runs one without a house (a check, a test) has names of its own.
        self._key = hashlib.sha256(f"{settings.account} {settings.password}".encode()).digest()
        self._tls = _tls(settings)
        self._logbook = Logbook(lease=lease_of(settings))
        self._receiver: Receiver | None = None
        self._sender: Sender | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def ignored(self) -> Counter[str]:
        """How many mails were not for the house, by kind."""
        return self._receiver.ignored if self._receiver is not None else Counter()

    def sign_with(self, key: bytes) -> None:
        self._key = key

    async def start(self, host: Host) -> None:
        names, tokens = self._names(), Tokens(self._settings)
        self._sender = Sender(self._settings, tokens, names, self._tls)
        self._receiver = Receiver(self._settings, tokens, Inbound(self._settings, names), self._tls, self._logbook)
        self._task = asyncio.create_task(self._receiver.run(host), name=f"{NAME} {self.account}")

    async def stop(self) -> None:
        task, self._task = self._task, None
        self._sender = None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def send(self, message: OutboundMessage) -> Receipt:
        if self._sender is None:
            raise TemporaryFailure(f"Channel {NAME} of {self.account} is not running; start it.")
        return await self._sender.send(message)

    def first(self, to: str, key: str) -> NewPlace:
        who = address(to.strip()).lower()
        if self._settings.is_ours(who):
            raise ValueError("this is an address of ours")
        return NewPlace(place=new_place(self.account, f"we began {key}", who), recipient=who, email=who)

    def parts(self, text: RichText) -> Sequence[RichText]:
        plain = text.plain()
        return (
            [text]
            if len(plain) <= LONGEST
            else [RichText.of(part) for part in split_text(plain, LONGEST - 1000, "codepoints")]
        )

    async def reread_in(self, host: Host, external_id: str, raw: bytes) -> Sequence[InboundMessage | Returned]:
        if not raw:
            raise ValueError(f"nothing of {external_id[:100]} was handed over; it is still in the mailbox")
        try:
            async with MailReader() as reader:
                came = await Inbound(self._settings, self._names()).read(host, await reader.read(raw), raw, again=True)
        except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{external_id[:100]} still cannot be read: {error}") from error
        if isinstance(came.message, Undecodable):
            raise ValueError(f"{external_id[:100]} still cannot be read: {came.message.reason}")
        return [came.message] if came.message is not None else []

    def report(self) -> Report:
        outward = self._sender.trouble if self._sender is not None else None
        inward = self._receiver.unmarked if self._receiver is not None else None
        return self._logbook.report(beside=[inward, outward], counts=self.ignored)

    async def check(self) -> list[str]:
        return await check(self._settings, Tokens(self._settings), self._tls)

    def _names(self) -> Names:
        return Names(self._key, self._settings.address)


def _tls(settings: EmailSettings) -> ssl.SSLContext:
    """Raises `ValueError` for a file that holds no certificates."""
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"ca_file holds no certificates that can be read ({type(error).__name__})") from None


def make(settings: Mapping[str, Any]) -> EmailChannel:
    """The factory of channels.registry."""
    return EmailChannel(EmailSettings.parse(settings))
