"""A letter to a customer who has left the chat, and who carries it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail of people's words. Sent again it is the same: its name, its date and its words do not change."""

    to: str
    author: str
    """Who is said to have written it: `Mia at Acme`."""
    subject: str
    text: str
    name: str
    """Its Message-ID."""
    after: str | None
    """The name of the letter before it in this conversation."""
    at: datetime


class LetterError(Exception):
    """What became of a letter that was not taken. The text is for an agent: what happened."""


class NotNow(LetterError):
    """Certainly not taken; another try may help: the server is away, busy, or refuses us and not this letter."""


class Never(LetterError):
    """Certainly not taken, and no further try will help: there is no such address, say."""


class Unclear(LetterError):
    """The letter left and no answer came: taken or not. It may only be sent again as it was."""


class Postman(Protocol):
    """A way to send letters."""

    def name(self, message: int, to: str) -> str:
        """The Message-ID of the letter that ends with this message: the same for the same."""
        ...

    async def send(self, letter: Letter) -> None:
        """Hand it over, once. Raises a `LetterError`; any other exception is a fault of our own."""
        ...
