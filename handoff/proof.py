"""The code by which a customer shows that two addresses are theirs: its letters, its hash, how a text is told as one.

A code is eight characters of an alphabet without vowels and without what looks alike, behind `WL-`: no word, no number
of an order reads like that, so a message that does is meant as a code.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from datetime import timedelta
from typing import Any, Final, Literal

ALPHABET: Final = "234679CDFGHJKMNPQRTVWX"
LENGTH: Final = 8
PREFIX: Final = "WL"
LIVES: Final = timedelta(minutes=10)
MASKED: Final = "WL-••••-••••"
"""What is kept of a code that a customer has written."""

PROOF: Final = "proof"
"""In a message's meta: it was a code; the code's hash."""
ASKS: Final = "asks_link"
"""In a message's meta: it asks for a code; how. See `Asks`."""
Asks = Literal["command", "words"]
"""By a command that nobody types by chance, or in words that a person may have been meant with."""

_PERSON: Final = b"warmline link"
_LONGEST: Final = 80
_BETWEEN: Final = r"[\s.:_\-\u2010-\u2015\u2212]*"
_AROUND: Final = r"[\s*_~`'\"<>()\[\].!,]*"
_CODE: Final = re.compile(rf"{_AROUND}{PREFIX}{_BETWEEN}((?:[{ALPHABET}]{_BETWEEN}){{{LENGTH}}}){_AROUND}")
_COMMAND: Final = re.compile(r"[/!]link(?:@\w{1,64})?")
_WORDS: Final = re.compile(
    r"(?:please )?link(?: (?:me|this chat|my (?:other )?(?:accounts?|chats?|address(?:es)?)))?(?: please)?"
)


def new_code() -> str:
    """Eight characters by chance: 22 to the 8th, 5 · 10^10 codes."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def spelt(code: str) -> str:
    """As it is shown: `WL-7KQ2-M9XP`."""
    return f"{PREFIX}-{code[:4]}-{code[4:]}"


def code_in(text: str) -> str | None:
    """The code that a text is, in any letters and spacing; None: it is something else, or more than a code."""
    if len(text) > _LONGEST:
        return None
    found = _CODE.fullmatch(unicodedata.normalize("NFKC", text).upper())
    return None if found is None else re.sub(f"[^{ALPHABET}]", "", found[1])


def asks(text: str) -> Asks | None:
    """Whether a text asks for a code and says nothing else."""
    if len(text) > _LONGEST:
        return None
    said = " ".join(text.casefold().split())
    if _COMMAND.fullmatch(said):
        return "command"
    return "words" if _WORDS.fullmatch(said.strip(" .!,")) else None


class Codes:
    """Codes by their hash, which only who knows the desk's secret can make."""

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.blake2b(secret, digest_size=32, person=_PERSON).digest()

    def hash(self, code: str) -> str:
        """32 hexadecimal characters."""
        return hashlib.blake2b(code.encode(), digest_size=16, key=self._key, person=_PERSON).hexdigest()

    def marks(self, text: str) -> tuple[str, dict[str, Any]]:
        """(what is kept of a customer's text, what is written beside it): of a code only its hash is."""
        code = code_in(text)
        if code is not None:
            return MASKED, {PROOF: self.hash(code)}
        asking = asks(text)
        return text, {} if asking is None else {ASKS: asking}
