"""Whether a customer who reads our own table is still there, and how an answer reaches them else: for agents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from store import unread

JUST_NOW: Final = timedelta(minutes=2)
"""Who has read within this is there, in whichever process their chat may hang."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What the house knows of where customers are.

    `here`: is a chat of this conversation open in this process? `pull`: do customers of this channel read our own
    table? `mail_after`: how long a reply waits to be read before it goes by mail; None: mail is not set up.
    """

    pull: Callable[[str], bool]
    here: Callable[[int], bool] = lambda _: False
    mail_after: timedelta | None = None

    def tell(self, case: Mapping[str, Any], now: datetime, *, became: str | None = None) -> dict[str, Any] | None:
        """How this case's customer is reached, as JSON-ready values. None: the platform sees to it.

        Args:
            case: a row of `store.cases.read_row`.
            became: what became of the last answer by mail, as a sentence.
        """
        if not self.pull(case["channel"]):
            return None
        seen_at = case["seen_at"]
        here = self.here(case["conversation_id"]) or (seen_at is not None and now - seen_at < JUST_NOW)
        return {
            "here": here,
            "seen_seq": case["seen_seq"],
            "seen_at": seen_at,
            "email": case["customer_email"] is not None,
            "mail": "off" if self.mail_after is None else "on",
            "sentence": self._sentence(case, here, became),
        }

    def _sentence(self, case: Mapping[str, Any], here: bool, became: str | None) -> str:
        name, address = case["customer_full_name"] or "The customer", case["customer_email"]
        if here:
            return f"{name} is here."
        if became is not None:
            return f"{name} has left. {became}"
        until_back = f"this waits in the chat until {case['customer_full_name'] or 'the customer'} is back."
        if self.mail_after is None:
            return f"{name} has left. Mail is not set up (WARMLINE_SMTP_URL), so {until_back}"
        if address is None:
            return f"{name} has left and gave no address, so {until_back}"
        return f"{name} has left; unread after {_minutes(self.mail_after)} this goes to {masked(address)}."

    async def of(self, connection: AsyncConnection, case: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
        """The same with what became of the last answer, if that is unread."""
        if not self.pull(case["channel"]):
            return None
        return self.tell(case, now, became=await self._became(connection, case))

    async def _became(self, connection: AsyncConnection, case: Mapping[str, Any]) -> str | None:
        """What became of the newest unread answer by mail; None: nothing yet."""
        waiting = await unread.read(connection, case["conversation_id"])
        if waiting is None or not waiting.replies:
            return None
        meta = waiting.replies[-1].meta
        to = masked(str(meta.get("mail_to") or waiting.email or ""))
        if meta.get("mailed_at"):
            return f"What was unread went to {to}."
        if meta.get("mail_error") and meta.get("mail_to") == waiting.email:
            return f"The mail to {to} was {meta['mail_error']}"
        failing = [error for _, error in await unread.rows(connection, case["conversation_id"]) if error]
        return f"The mail to {to} has not left yet: {failing[0]}" if failing and waiting.email else None


def masked(address: str) -> str:
    """An address for who should know it, but need not see it: `a•••@example.com`."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}•••@{domain}"


def _minutes(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return f"{minutes:g} minute{'' if minutes == 1 else 's'}"
