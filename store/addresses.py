"""When two mail addresses that platforms vouch for are one."""

from __future__ import annotations

import unicodedata


def proven_address(text: str) -> str | None:
    """The address as it is compared: small letters, composed. None: none that may make two people one.

    `ana+shop@example.com` is another address than `ana@example.com`. One in which a foreign letter would become one of
    ASCII (the sign for Kelvin is a small k) is nobody's: who has it must not be taken for who has the other.
    """
    text = text.strip()
    name, _, domain = text.rpartition("@")
    if not name or not domain or any(character.isspace() for character in text):
        return None
    for character in text:
        if not character.isascii() and any(part.isascii() for part in _folded(character)):
            return None
    return _folded(text)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
