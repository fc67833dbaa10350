"""What is wrong with one mailbox's settings, and where that is mended. No mail is sent."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from typing import Final

from channels import smtp
from channels.email.dns import ask, faults
from channels.email.mailbox import LoginError, Mailbox, NoFolder
from channels.email.receiving import Connection, said
from channels.email.settings import EmailSettings
from channels.email.tokens import NoToken, Tokens

AT_MOST: Final = 4.0
"""Seconds for one answer: an operator waits for all of them."""


async def check(settings: EmailSettings, tokens: Tokens, tls: ssl.SSLContext) -> list[str]:
    """One sentence for each fault; none: everything is as it should be."""
    settings = replace(
        settings, connect_timeout=min(AT_MOST, settings.connect_timeout), timeout=min(AT_MOST, settings.timeout)
    )
    try:
        token = await tokens.current()
    except NoToken as error:
        return [f"No access token for {settings.account}: {error}. Correct token_url, client_id and the secrets."]
    inbox, outbox = await _inbox(settings, tls, token), await _outbox(settings, tls, token)
    if inbox or outbox or not settings.check_dns:
        return [*inbox, *outbox]
    return await asyncio.to_thread(faults, settings.domain, settings.dkim_selector, ask)


async def _inbox(settings: EmailSettings, tls: ssl.SSLContext, token: str | None) -> list[str]:
    where = f"The mailbox of {settings.account} at {settings.imap_host}"
    mailbox = Mailbox(settings, tls, token)
    connection = Connection(mailbox)
    wrong: list[str] = []
    try:
        await connection.do(mailbox.open)
        if settings.move_to and settings.move_to not in await connection.do(mailbox.folders):
            wrong.append(f"{where} has no folder {settings.move_to!r}: make it, or correct move_to of channel email.")
    except LoginError as error:
        wrong.append(f"{where} does not accept user and password (or token): correct user and password ({error}).")
    except NoFolder as error:
        wrong.append(f"{where} does not open the folder {settings.folder!r} ({error}): make it, or correct folder.")
    except ssl.SSLCertVerificationError as error:
        wrong.append(f"{where} shows a certificate that is not good ({error.verify_message}): correct imap_host, "
                     "or name your authority with ca_file.")  # fmt: skip
    except Exception as error:
        wrong.append(
            f"{where} cannot be opened ({said(error)}): correct imap_host, imap_port, imap_security or folder."
        )
    finally:
        await connection.close(politely=not wrong)
    return wrong


async def _outbox(settings: EmailSettings, tls: ssl.SSLContext, token: str | None) -> list[str]:
    patience = smtp.Patience(connect=settings.connect_timeout, whole=settings.timeout)
    try:
        await smtp.check(
            settings.mail_server(token), settings.address, helo=settings.domain, tls=tls, patience=patience
        )
    except smtp.NotTaken as error:
        return [
            f"Mail of {settings.account} does not leave over {settings.smtp_host}: {str(error).rstrip('.')}. Correct "
            "smtp_host, smtp_port, smtp_security, smtp_user or smtp_password."
        ]
    return []
