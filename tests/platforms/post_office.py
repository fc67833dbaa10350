"""A mail server on loopback that keeps what it is given, and can be as rude as one on a bad day.

It speaks real SMTP (aiosmtpd), with STARTTLS and AUTH where a test wants them; the certificate is made by `openssl`.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import functools
import logging
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

logging.getLogger("mail.log").setLevel(logging.ERROR)


@dataclass
class Mail:
    """One mail as it was handed over."""

    sender: str
    to: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        found = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")


@dataclass
class PostOffice:
    """What arrived, and how the next ones are answered.

    `rcpt`, `data`: answers to give instead of 250, one for each mail. `cut`: so many mails are taken, and the
    connection is cut before the answer; with `mute` none comes. `slow`: seconds before the answer to a mail. `user`:
    who may sign in, also without encryption if the server is `plain`.
    """

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    seen: list[Mail] = field(default_factory=list)
    """Also those that were not taken."""
    mail_from: list[str] = field(default_factory=list)
    hangs_up_on: str | None = None
    """Whoever names this sender is cut off."""
    rcpt: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    refuses: list[str] = field(default_factory=list)
    """Recipients."""
    cut: int = 0
    mute: int = 0
    plain: bool = False
    slow: float = 0.0
    user: tuple[str, str] | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    encrypted: list[bool] = field(default_factory=list)
    listen: Callable[[int], Awaitable[asyncio.Server]] | None = None
    server: asyncio.Server | None = None

    async def open(self) -> None:
        """Take connections, at the same port again."""
        if self.server is None and self.listen is not None:
            self.server = await self.listen(self.port)
            self.port = self.server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Nobody listens any more; who is here may finish."""
        if self.server is not None:
            self.server.close()
            self.server = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    # --- what aiosmtpd calls -----------------------------------------------------------------------

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if self.hangs_up_on == address.strip("<>"):
            server.transport.abort()
        if self.mail_from:
            return self.mail_from.pop(0)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if self.rcpt:
            return self.rcpt.pop(0)
        if address in self.refuses:
            return "550 5.1.1 nobody here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = Mail(sender=envelope.mail_from, to=list(envelope.rcpt_tos), raw=envelope.original_content)
        self.seen.append(mail)
        self.encrypted.append(session.ssl is not None)
        if self.slow:
            await asyncio.sleep(self.slow)
        if self.data:
            return self.data.pop(0)
        self.mails.append(mail)
        self.arrived.set()
        if self.cut:
            self.cut -= 1
            server.transport.abort()
        if self.mute:
            self.mute -= 1
            await asyncio.Event().wait()
        return "250 kept"

    def sign_in(self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        good = isinstance(given, LoginPassword) and self.user == (given.login.decode(), given.password.decode())
        return AuthResult(success=good, handled=False)


@asynccontextmanager
async def post_office(
    *, tls: ssl.SSLContext | None = None, smtps: bool = False, port: int = 0, **more: Any
) -> AsyncIterator[PostOffice]:
    """A server that runs until the block ends. `tls`: offered by STARTTLS, or from the first byte with `smtps`."""
    office = PostOffice(**more)
    made: list[SMTP] = []

    def connection() -> SMTP:
        server = SMTP(
            office,
            hostname="post.example",
            enable_SMTPUTF8=True,
            tls_context=None if smtps else tls,
            auth_required=False,
            auth_require_tls=not smtps and not office.plain,
            authenticator=office.sign_in if office.user else None,
            loop=asyncio.get_running_loop(),
        )
        made.append(server)
        return server

    office.port, office.listen = port, functools.partial(_listen, connection, tls if smtps else None)
    await office.open()
    try:
        yield office
    finally:
        await office.shut()
        for server in made:
            if server.transport is not None:
                server.transport.abort()
        await asyncio.sleep(0.01)


async def _listen(connection: Callable[[], SMTP], tls: ssl.SSLContext | None, port: int) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(connection, "127.0.0.1", port, ssl=tls)


@functools.cache
def certificate() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(the server's side, a client's that trusts it): for 127.0.0.1, made once."""
    with tempfile.TemporaryDirectory() as folder:
        key, cert = Path(folder, "key.pem"), Path(folder, "cert.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
            check=True, capture_output=True,
        )  # fmt: skip
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(cert, key)
        client = ssl.create_default_context(cafile=str(cert))
    return server, client
