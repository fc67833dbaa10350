"""The names that we give to our mails, signed: who answers to one has had it before them, or had it from who had.

    Message-ID   <KEY.MAC@domain>
    Reply-To     support+KEY.MAC@domain

KEY is the outbox's, MAC says that we have made it, in that conversation. No number in a subject is ever looked at.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from channels.contract import Where

_NAME: Final = r"([a-z0-9-]{1,25})\.([a-z2-7]{16})"
_LOOKED_AT: Final = 40
"""Names in one mail that are looked at."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a mail claims to answer. It counts once `Names.holds` has said so."""

    key: str
    mac: str


class Names:
    """One account's."""

    def __init__(self, secret: bytes, address: str) -> None:
        self._secret = secret
        local, _, self._domain = address.partition("@")
        self._local = local
        self._id = re.compile(rf"<?{_NAME}@{re.escape(self._domain)}>?", re.IGNORECASE)
        self._plus = re.compile(rf"{re.escape(local)}\+{_NAME}@{re.escape(self._domain)}", re.IGNORECASE)

    def message_id(self, key: str, place: str) -> str:
        return f"<{key}.{self._mac(key, place)}@{self._domain}>"

    def reply_address(self, key: str, place: str) -> str:
        return f"{self._local}+{key}.{self._mac(key, place)}@{self._domain}"

    def tokens(self, *, ids: Iterable[str], addresses: Iterable[str]) -> list[Token]:
        """What these Message-IDs and addresses name, the first first, each once."""
        found: dict[Token, None] = {}
        for pattern, texts in ((self._plus, addresses), (self._id, ids)):
            for text in list(texts)[:_LOOKED_AT]:
                match = pattern.fullmatch(text.strip())
                if match is not None:
                    found[Token(match[1].lower(), match[2].lower())] = None
        return list(found)

    def holds(self, token: Token, found: Mapping[str, Where]) -> Where | None:
        """Where the message stands that it names, if it is of our making."""
        where = found.get(token.key)
        if where is None or not hmac.compare_digest(self._mac(token.key, where.place), token.mac):
            return None
        return where

    def _mac(self, key: str, place: str) -> str:
        """16 letters and digits, 80 bits."""
        said = hmac.digest(self._secret, f"mail {key} {place}".encode("utf-8", "replace"), "sha256")
        return base64.b32encode(said[:10]).decode().lower()
