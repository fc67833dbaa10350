"""The postman over SMTP: letters to who has left the chat, and how each ended in the words of the desk.

Messages are plain text in UTF-8, quoted-printable: any words, lines of any length, through any server.

No `Auto-Submitted`: a person wrote these words to this customer; RFC 3834 keeps that field for what a program says, and
`no` is what its absence means. Absence notices are held off by the field that Exchange and others look at.
"""

from __future__ import annotations

import hmac
import ssl
from email.utils import format_datetime

from channels import smtp
from channels.mailheaders import NAME, header, mailbox, quoted_printable, written
from channels.mailserver import MailServer, Sender, address
from handoff.letters import Letter, Never, NotNow, Unclear


class SmtpPostman:
    """Hands letters to one server. `secret` signs the names of letters: an answer to one can be told from a forgery."""

    def __init__(
        self,
        server: MailServer,
        sender: Sender,
        *,
        secret: bytes,
        tls: ssl.SSLContext | None = None,
        patience: smtp.Patience = smtp.USUAL,
    ) -> None:
        self._server = server
        self._sender = sender
        self._secret = secret
        self._tls = tls
        self._patience = patience

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
        envelope = smtp.Envelope(sender=self._sender.address, to=to)
        try:
            await smtp.hand_over(
                self._server, composed(letter, to, self._sender), envelope, helo=self._sender.domain, tls=self._tls,
                patience=self._patience,
            )  # fmt: skip
        except smtp.Refused as error:
            raise Never(str(error)) from None
        except smtp.Unclear as error:
            raise Unclear(str(error)) from None
        except smtp.NotTaken as error:
            raise NotNow(str(error)) from None

    async def check(self) -> str:
        """Everything short of a letter: connect, encrypt, sign in, name the sender. How the connection was made.

        Raises:
            NotNow: what is in the way.
        """
        try:
            return await smtp.check(
                self._server, self._sender.address, helo=self._sender.domain, tls=self._tls, patience=self._patience
            )
        except smtp.NotTaken as error:
            raise NotNow(str(error)) from None


def composed(letter: Letter, to: str, sender: Sender) -> bytes:
    """The message as it goes over the wire; the same bytes for the same letter."""
    lines = [
        f"From: {mailbox(header(letter.author), sender.address)}",
        f"To: {to}",
        f"Subject: {written(header(letter.subject, 2 * NAME))}",
        f"Date: {format_datetime(letter.at)}",
        f"Message-ID: {letter.name}",
        *((f"In-Reply-To: {letter.after}", f"References: {letter.after}") if letter.after else ()),
        "X-Auto-Response-Suppress: OOF, AutoReply",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + quoted_printable(letter.text)
