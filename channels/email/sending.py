"""Sends what the house says as mail: whether at all, under which head, and what became of it."""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from channels import smtp
from channels.contract import (
    Before,
    OutboundMessage,
    PermanentFailure,
    Receipt,
    TemporaryFailure,
    UnknownOutcome,
    Unsupported,
    Withheld,
)
from channels.email.composing import Head, composed, is_id
from channels.email.names import Names
from channels.email.settings import EmailSettings
from channels.email.tokens import NoToken, Tokens
from channels.mailserver import address

REFERENCES: Final = 20
LONGEST: Final = 100_000
HOUR: Final = 3600.0
_NOTHING: Final = Before(subject=None, case=None, said=())


class Sender:
    """One account's."""

    def __init__(
        self,
        settings: EmailSettings,
        tokens: Tokens,
        names: Names,
        tls: ssl.SSLContext | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._names = names
        self._tls = tls
        self._clock = clock
        self._unverified: deque[float] = deque()
        """When automatic mails went to who is not verified."""
        self.trouble: str | None = None
        """Why nothing can leave, as far as the last try has shown."""

    async def send(self, message: OutboundMessage) -> Receipt:
        """Send once. Raises a `ChannelError`."""
        if message.buttons:
            raise Unsupported("A mail has no buttons.")
        if len(message.text.plain()) > LONGEST:
            raise Unsupported(f"A mail takes at most {LONGEST} characters; split this text.")
        to, before = self._recipient(message), message.before or _NOTHING
        asked = _asked(before)
        verified = asked.get("word") == "pass"
        if message.automatic:
            self._may_speak(message, before, asked, verified=verified)
        key, place = message.key, message.address.place
        message_id = self._names.message_id(key, place)
        copies = self._copies(message)
        references = _references(before, asked, message_id)
        reply_to = self._names.reply_address(key, place) if self._settings.plus else None
        head = Head(
            sender=self._settings.address,
            sender_name=self._called(message),
            to=to,
            copies=copies,
            subject=self._subject(before, quotes=verified or not message.automatic),
            message_id=message_id,
            answers=asked["id"] if asked.get("id") in references else next(reversed(references), None),
            references=references,
            reply_to=reply_to,
            automatic=message.automatic,
            at=datetime.now(UTC),
        )
        said = before.said if verified or not message.automatic else ()
        raw = composed(head, message.text, said, message.attachments)
        # Not the signed address: many servers let nobody send as address+anything.
        nobody = message.automatic and self._settings.null_sender
        envelope = smtp.Envelope(
            sender="" if nobody else self._settings.address, to=to, copies=copies,
            sender_else=self._settings.address if nobody else None,
        )  # fmt: skip
        refused = await self._hand_over(raw, envelope)
        if message.automatic and not verified:
            self._unverified.append(self._clock())
        return Receipt(external_id=message_id, refused=refused)

    async def _hand_over(self, raw: bytes, envelope: smtp.Envelope) -> dict[str, str]:
        settings = self._settings
        patience = smtp.Patience(
            connect=min(settings.connect_timeout, settings.send_timeout / 2), whole=settings.send_timeout
        )
        try:
            server = settings.mail_server(await self._tokens.current())
            refused = await smtp.hand_over(
                server, raw, envelope, helo=settings.domain, tls=self._tls, patience=patience
            )
        except NoToken as error:
            self.trouble = f"nobody lets us sign in to send: {error}; correct token_url, client_id and the secrets"
            raise TemporaryFailure(f"Nobody lets us sign in: {error}.", everywhere=True) from None
        except smtp.Away as error:
            self._tokens.refused()
            self.trouble = f"no mail leaves over {settings.smtp_host}: {error}"
            raise TemporaryFailure(f"The mail has not left: {error}", everywhere=True) from None
        except smtp.Refused as error:
            self.trouble = None
            raise PermanentFailure(f"The mail server refuses this mail: {error}") from None
        except smtp.Unclear as error:
            raise UnknownOutcome(f"This mail may have left: {error}") from None
        except smtp.NotTaken as error:
            self.trouble = None
            raise TemporaryFailure(f"The mail has not left: {error}") from None
        self.trouble = None
        return refused

    def _recipient(self, message: OutboundMessage) -> str:
        try:
            to = address(message.address.recipient or message.address.place)  # a test message names an address
        except ValueError as error:
            raise PermanentFailure(f"No mail can go to this customer: {error}.") from None
        if self._settings.is_ours(to):
            raise PermanentFailure("This is our own address.")
        return to

    def _copies(self, message: OutboundMessage) -> list[str]:
        """Whom an agent has chosen beside the customer."""
        found = []
        for each in () if message.automatic else message.also:
            with suppress(ValueError):
                found.append(address(each))
        return [each for each in found if not self._settings.is_ours(each)]

    def _may_speak(self, message: OutboundMessage, before: Before, asked: dict[str, Any], *, verified: bool) -> None:
        """Raises `Withheld` where a program had better be silent (RFC 3834, and those who abuse it)."""
        settings = self._settings
        if message.kind == "survey":
            raise Withheld("a mail has nothing to tap")
        if asked.get("word") == "fail":
            raise Withheld("its sender may be forged (DMARC), so nothing automatic goes there")
        if asked.get("auto"):
            raise Withheld("a program wrote there, and programs do not answer programs")
        if before.automatic_here >= settings.automatic_here:
            raise Withheld(f"{before.automatic_here} automatic mails went there within the hour")
        if not before.automatic_here and before.automatic_elsewhere >= settings.automatic_elsewhere:
            raise Withheld("an automatic mail about something else went there within the hour")
        if not verified:
            while self._unverified and self._clock() - self._unverified[0] > HOUR:
                self._unverified.popleft()
            if len(self._unverified) >= settings.automatic_an_hour:
                raise Withheld("too many automatic mails to senders who are not verified within the hour")

    def _called(self, message: OutboundMessage) -> str:
        ours = self._settings.name
        if not message.author or message.author == ours:
            return ours
        return f"{message.author} at {ours}" if ours else message.author

    def _subject(self, before: Before, *, quotes: bool) -> str:
        """The case's number is for people; nobody is found by it."""
        number = f" [{before.case}]" if before.case else ""
        if not quotes or not before.subject:
            return f"Your message to {self._settings.name or self._settings.address}{number}"
        if not before.said:  # nothing that it answers: we begin
            return f"{before.subject[: 190 - len(number)]}{number}"
        subject = before.subject if before.subject.lower().startswith("re:") else f"Re: {before.subject}"
        return f"{subject[: 190 - len(number)]}{number}"


def _asked(before: Before) -> dict[str, Any]:
    """What is known of the customer's last mail."""
    return dict(next((each.about for each in reversed(before.said) if each.author == "customer"), {}))


def _references(before: Before, asked: dict[str, Any], own: str) -> list[str]:
    """The mail that is answered stands last; before it the first of the conversation and the latest (RFC 5322)."""
    named = [str(name) for name in asked.get("refs", ())] + ([str(asked["id"])] if asked.get("id") else [])
    last = max((at for at, each in enumerate(before.said) if each.author == "customer"), default=-1)
    named += [each.external_id for each in before.said[last + 1 :] if each.external_id]  # what we have said since
    kept = [name for name in dict.fromkeys(named) if is_id(name) and name != own]
    return kept if len(kept) <= REFERENCES else [kept[0], *kept[1 - REFERENCES :]]
