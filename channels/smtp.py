"""Hands mails to a mail server over SMTP: one connection for each, and how it ended in our words.

The only module that knows aiosmtplib.

    NotTaken
    ├── Away       nothing was said about this mail: no connection, no sign-in, we are refused
    ├── Later      this mail was not taken now (4xx, or no answer about its recipients)
    ├── Refused    this mail was not taken and never will be (5xx)
    └── Unclear    it left, and no answer came: taken or not
"""

from __future__ import annotations

import asyncio
import ssl
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import aiosmtplib

from channels.mailserver import MailServer

CONNECT: Final = 10.0
WHOLE: Final = 30.0
"""Seconds for one mail, from the first packet to the last answer."""
WORDS: Final = 300
"""Characters that are kept of what a server says."""
FINAL: Final = range(500, 600)
OF_THE_ADDRESS: Final = frozenset({501, 504, 550, 553, 555})
"""Refusals of a sender beyond ASCII that are about this mail, where others are about us."""


class NotTaken(Exception):
    """What became of a mail that was not taken. The text is for a person: what happened."""


class Away(NotTaken):
    """Certainly not taken, and no fault of this mail's: another try may help."""


class Later(NotTaken):
    """Certainly not taken; another try may help."""


class Refused(NotTaken):
    """Certainly not taken, and no further try will help."""


class Unclear(NotTaken):
    """The mail left and no answer came. It may only be sent again as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds."""

    connect: float = CONNECT
    whole: float = WHOLE


USUAL: Final = Patience()


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who a mail is from and for. `sender` is empty for what nobody shall answer (RFC 3834): where a server refuses
    that, `sender_else` is said. The mail is not sent without the first of `to`; `copies` may be refused each alone."""

    sender: str
    to: str
    copies: Sequence[str] = ()
    sender_else: str | None = None


async def hand_over(
    server: MailServer,
    raw: bytes,
    envelope: Envelope,
    *,
    helo: str,
    tls: ssl.SSLContext | None = None,
    patience: Patience = USUAL,
) -> dict[str, str]:
    """Hand over one mail, once. `{copy: what the server said}` of those that were refused; the others have it.

    Raises:
        NotTaken: what became of it.
    """
    named = begun = taken = False
    refused: dict[str, str] = {}
    try:
        async with asyncio.timeout(patience.whole), connection(server, helo=helo, tls=tls, patience=patience) as smtp:
            utf8 = not (envelope.to + "".join(envelope.copies)).isascii()
            if utf8 and not smtp.supports_extension("smtputf8"):
                raise Refused("the mail server takes no address with other than plain letters.")
            encoding = "utf-8" if utf8 else "ascii"
            await _mail_from(smtp, envelope, utf8=utf8)
            named = True
            try:
                await smtp.rcpt(envelope.to, encoding=encoding)
                for copy in envelope.copies:
                    try:
                        await smtp.rcpt(copy, encoding=encoding)
                    except aiosmtplib.SMTPResponseException as error:
                        refused[copy] = f"{error.code} {words(error.message)}".strip()
                begun = True
                await smtp.data(raw)
                taken = True
            except aiosmtplib.SMTPResponseException as error:
                raise _answered(error) from None
    except NotTaken:
        raise
    except (TimeoutError, OSError, aiosmtplib.SMTPException) as error:
        if taken:
            return refused
        if begun:
            raise Unclear("the mail server did not say whether it has taken it.") from None
        # Who is slow about one recipient need not be slow about all.
        raise (Later if named else Away)(trouble(error)) from None
    return refused


async def check(
    server: MailServer, sender: str, *, helo: str, tls: ssl.SSLContext | None = None, patience: Patience = USUAL
) -> str:
    """Everything short of a mail: connect, encrypt, sign in, name the sender. How the connection was made.

    Raises:
        Away: what is in the way.
    """
    try:
        async with asyncio.timeout(patience.whole), connection(server, helo=helo, tls=tls, patience=patience) as smtp:
            safe = smtp.get_transport_info("sslcontext") is not None
            await ours(smtp.mail(sender))
            await smtp.rset()
            return "encrypted" if safe else "not encrypted"
    except (TimeoutError, OSError, aiosmtplib.SMTPException) as error:
        raise Away(trouble(error)) from None


@asynccontextmanager
async def connection(
    server: MailServer, *, helo: str, tls: ssl.SSLContext | None, patience: Patience = USUAL
) -> AsyncIterator[aiosmtplib.SMTP]:
    """Greeted, encrypted where it has to be, signed in. What goes wrong here is no mail's fault."""
    smtp = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user if server.token is None else None,
        password=server.password if server.token is None else None,
        use_tls=server.tls,
        start_tls=server.start_tls,
        tls_context=tls,
        timeout=patience.connect,
        local_hostname=helo,
    )
    try:
        await ours(smtp.connect())
        if smtp.is_ehlo_or_helo_needed:
            await ours(smtp.ehlo())
        smtp.timeout = patience.whole
        if server.token is not None:
            await ours(smtp.auth_xoauth2(server.user or "", server.token))
        yield smtp
        smtp.timeout = 1.0  # it is done; whoever is slow to say goodbye is not waited for
        with suppress(OSError, aiosmtplib.SMTPException):
            await smtp.quit()
    finally:
        smtp.close()


async def _mail_from(smtp: aiosmtplib.SMTP, envelope: Envelope, *, utf8: bool) -> None:
    options = ["SMTPUTF8"] if utf8 else []
    encoding = "utf-8" if utf8 else "ascii"
    try:
        await smtp.mail(envelope.sender, options=options, encoding=encoding)
    except aiosmtplib.SMTPResponseException as error:
        if utf8 and error.code in OF_THE_ADDRESS:
            raise Refused(f"{error.code} {words(error.message)}".strip()) from None
        # Also one that says "later" to nobody as a sender may say yes to somebody: it must not hold up other mails.
        if envelope.sender_else is None:
            raise Away(trouble(error)) from None
        await ours(smtp.mail(envelope.sender_else, options=options, encoding=encoding))


async def ours(step: Awaitable[object]) -> None:
    """A step before anything is said about one mail: what is refused here is refused to us."""
    try:
        await step
    except aiosmtplib.SMTPResponseException as error:
        raise Away(trouble(error)) from None


def _answered(error: aiosmtplib.SMTPResponseException) -> NotTaken:
    """What the server's answer to a recipient or to a mail means."""
    said = f"{error.code} {words(error.message)}".strip()
    if error.code in FINAL:
        return Refused(said)
    return Later(said) if 400 <= error.code < 500 else Unclear(f"the mail server answered nonsense: {said}")


def trouble(error: BaseException) -> str:
    """What is wrong between us and the server, for a person; never where it is or how we sign in."""
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return f"the mail server does not accept user and password: {error.code} {words(error.message)}"
        case aiosmtplib.SMTPSenderRefused():
            return f"the mail server refuses our address as the sender: {error.code} {words(error.message)}"
        case aiosmtplib.SMTPResponseException():
            return f"the mail server refuses us: {error.code} {words(error.message)}"
        case TimeoutError():
            return "the mail server does not answer in time."
        case ssl.SSLCertVerificationError():
            return f"the mail server's certificate is not good: {words(error.verify_message)}."
        case ssl.SSLError():
            return "no encrypted connection to the mail server could be made."
        case ConnectionError() | OSError():
            if isinstance(cause := error.__cause__, OSError):
                return trouble(cause)
            return f"there is no connection to the mail server ({type(error).__name__})."
        case aiosmtplib.SMTPException() if "STARTTLS" in error.message:
            return "the mail server offers no encryption (STARTTLS), and we do not show it a password without."
        case aiosmtplib.SMTPException():
            return f"the mail server cannot be used: {words(error.message)}"
    return f"the mail server cannot be used ({type(error).__name__})."


def words(said: str) -> str:
    """A stranger's words on one line, cut, with nothing that cannot be shown."""
    shown = "".join(" " if unicodedata.category(character)[0] in "CZ" else character for character in said[: 4 * WORDS])
    line = " ".join(shown.split())
    return line if len(line) <= WORDS else line[: WORDS - 1] + "…"
