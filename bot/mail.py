"""The postman over SMTP: one connection for each letter, and how it ended in our words.

The only module that knows aiosmtplib. Messages are plain text in UTF-8, quoted-printable: any words, lines of any
length, through any server.

No `Auto-Submitted`: a person wrote these words to this customer; RFC 3834 keeps that field for what a program says, and
`no` is what its absence means. Absence notices are held off by the field that Exchange and others look at.
"""

from __future__ import annotations

import asyncio
import binascii
import hmac
import re
import ssl
import unicodedata
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from email.utils import format_datetime
from typing import Final

import aiosmtplib

from bot.mailserver import MailServer, Sender, address
from handoff.letters import Letter, Never, NotNow, Unclear

CONNECT: Final = 10.0
WHOLE: Final = 30.0
"""Seconds for one letter, from the first packet to the last answer."""
WORDS: Final = 300
"""Characters that are kept of what a server says."""
NAME: Final = 100
"""Characters of a name in a header."""
FINAL: Final = range(500, 600)
_LINE: Final = 66
"""Characters that stand in one line of a header, beside its name."""
_WORD: Final = 45
"""Bytes in one encoded word."""
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_JOINERS: Final = "\u200c\u200d"
"""Invisible, and needed to write some languages and to join emoji."""


class SmtpPostman:
    """Hands letters to one server. `secret` signs the names of letters: an answer to one can be told from a forgery."""

    def __init__(self, server: MailServer, sender: Sender, *, secret: bytes, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._sender = sender
        self._secret = secret
        self._tls = tls

    def name(self, message: int, to: str) -> str:
        """`<u.MESSAGE.MAC@DOMAIN>`."""
        said = f"warmline letter {message} {to}".encode("utf-8", "replace")
        return f"<u.{message}.{hmac.digest(self._secret, said, 'sha256').hex()[:16]}@{self._sender.domain}>"

    async def send(self, letter: Letter) -> None:
        """Hand it over.

        Raises:
            NotNow, Never, Unclear: what became of it.
        """
        try:
            to = address(letter.to)
        except ValueError as error:
            raise Never(f"{letter.to[:100]}: {error}.") from None
        if to.lower() == self._sender.address.lower():
            raise Never("this is our own address.")
        on_its_way = taken = False
        try:
            async with asyncio.timeout(WHOLE), self._connection() as smtp:
                utf8 = not to.isascii()
                if utf8 and not smtp.supports_extension("smtputf8"):
                    raise Never("the mail server takes no address with other than plain letters.")
                options = ["SMTPUTF8"] if utf8 else []
                encoding = "utf-8" if utf8 else "ascii"
                await _ours(smtp.mail(self._sender.address, options=options, encoding=encoding))
                try:
                    await smtp.rcpt(to, encoding=encoding)
                    on_its_way = True
                    await smtp.data(composed(letter, to, self._sender))
                    taken = True
                except aiosmtplib.SMTPResponseException as error:
                    raise _answered(error) from None
        except (NotNow, Never, Unclear):
            raise
        except (TimeoutError, OSError, aiosmtplib.SMTPException) as error:
            if taken:
                return
            if on_its_way:
                raise Unclear("the mail server did not say whether it has taken it.") from None
            raise NotNow(trouble(error)) from None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """Greeted, encrypted where it has to be, signed in. What goes wrong here is no letter's fault."""
        server = self._server
        smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.tls,
            start_tls=server.start_tls,
            tls_context=self._tls,
            timeout=CONNECT,
            local_hostname=self._sender.domain,
        )
        try:
            await _ours(smtp.connect())
            if smtp.is_ehlo_or_helo_needed:
                await _ours(smtp.ehlo())
            smtp.timeout = WHOLE
            yield smtp
            smtp.timeout = 1.0  # it is done; whoever is slow to say goodbye is not waited for
            with suppress(OSError, aiosmtplib.SMTPException):
                await smtp.quit()
        finally:
            smtp.close()

    async def check(self) -> str:
        """Everything short of a letter: connect, encrypt, sign in, name the sender. How the connection was made.

        Raises:
            NotNow: what is in the way.
        """
        try:
            async with asyncio.timeout(WHOLE), self._connection() as smtp:
                safe = smtp.get_transport_info("sslcontext") is not None
                await _ours(smtp.mail(self._sender.address))
                await smtp.rset()
                return "encrypted" if safe else "not encrypted"
        except (TimeoutError, OSError, aiosmtplib.SMTPException) as error:
            raise NotNow(trouble(error)) from None


async def _ours(step: Awaitable[object]) -> None:
    """A step before anything is said about one letter: what is refused here is refused to us."""
    try:
        await step
    except aiosmtplib.SMTPResponseException as error:
        raise NotNow(trouble(error)) from None


def _answered(error: aiosmtplib.SMTPResponseException) -> Exception:
    """What the server's answer to a recipient or to a letter means."""
    said = f"{error.code} {words(error.message)}".strip()
    if error.code in FINAL:
        return Never(said)
    return NotNow(said) if 400 <= error.code < 500 else Unclear(f"the mail server answered nonsense: {said}")


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


def header(text: str, longest: int = NAME) -> str:
    """Text that may stand in a header: one line, no controls, nothing invisible that turns the reading around."""
    shown = "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp", "Zs") else character
        for character in text[: 4 * longest]
        if unicodedata.category(character) != "Cf" or character in _JOINERS
    )
    line = " ".join(shown.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def composed(letter: Letter, to: str, sender: Sender) -> bytes:
    """The message as it goes over the wire; the same bytes for the same letter.

    Written by hand: of what the standard library folds, some names come out as other names.
    """
    author, subject = header(letter.author), header(letter.subject, 2 * NAME)
    lines = [
        f"From: {_phrase(author)}\r\n <{sender.address}>" if author else f"From: {sender.address}",
        f"To: {to}",
        f"Subject: {subject if _is_plain(subject) else _encoded(subject)}",
        f"Date: {format_datetime(letter.at)}",
        f"Message-ID: {letter.name}",
        *((f"In-Reply-To: {letter.after}", f"References: {letter.after}") if letter.after else ()),
        "X-Auto-Response-Suppress: OOF, AutoReply",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
    ]
    text = letter.text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    body = binascii.b2a_qp(text, istext=True).replace(b"\n", b"\r\n")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body + (b"" if body.endswith(b"\r\n") else b"\r\n")


def _is_plain(text: str) -> bool:
    """May it stand in a line of a header as it is?"""
    return text.isascii() and "=?" not in text and len(text) <= _LINE


def _phrase(name: str) -> str:
    """A name before an address (RFC 5322): as it is, quoted, or encoded."""
    if not _is_plain(name):
        return _encoded(name)
    return name if _ATOMS.fullmatch(name) else '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'


def _encoded(text: str) -> str:
    """Words of RFC 2047, none longer than 75 characters, no character torn apart."""
    parts = [""]
    for character in text:
        if len((parts[-1] + character).encode()) > _WORD:
            parts.append("")
        parts[-1] += character
    return "\r\n ".join(f"=?utf-8?b?{binascii.b2a_base64(part.encode(), newline=False).decode()}?=" for part in parts)
