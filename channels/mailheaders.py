"""What may stand in a mail's header, and how: words become one line, names and words beyond ASCII are encoded.

Written by hand: of what the standard library folds, some names come out as other names.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from typing import Final

NAME: Final = 100
"""Characters of a name in a header."""
_LINE: Final = 66
"""Characters that stand in one line of a header, beside its name."""
_WORD: Final = 45
"""Bytes in one encoded word."""
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_JOINERS: Final = "\u200c\u200d"
"""Invisible, and needed to write some languages and to join emoji."""


def header(text: str, longest: int = NAME) -> str:
    """Text that may stand in a header: one line, no controls, nothing invisible that turns the reading around."""
    shown = "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp", "Zs") else character
        for character in text[: 4 * longest]
        if unicodedata.category(character) != "Cf" or character in _JOINERS
    )
    line = " ".join(shown.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def written(text: str) -> str:
    """Such a line as a field holds it: as it is, or encoded."""
    return text if _is_plain(text) else _encoded(text)


def mailbox(name: str, address: str) -> str:
    """`Name <address>` for a From or a To; the name is a line made by `header`, or empty."""
    return f"{_phrase(name)}\r\n <{address}>" if name else address


def quoted_printable(text: str) -> bytes:
    """A body that passes every server, its lines ended as mail ends them."""
    body = binascii.b2a_qp(text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace"), istext=True)
    body = body.replace(b"\n", b"\r\n")
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n")


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
