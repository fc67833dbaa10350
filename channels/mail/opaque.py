"""What lies in an S/MIME envelope that is signed and not encrypted (RFC 5652): found, not verified."""

from __future__ import annotations

from typing import Final

_SIGNED: Final = bytes.fromhex("06092a864886f70d010702")
_DATA: Final = bytes.fromhex("06092a864886f70d010701")
_CONTEXT: Final = 0xA0


def signed_content(der: bytes) -> bytes | None:
    """The content of a SignedData; None where there is none."""
    try:
        if _SIGNED not in der[:64]:
            return None
        at = der.index(_DATA) + len(_DATA)
        tag, start, end = _element(der, at)
        if tag != _CONTEXT:
            return None
        return _octets(der, start, len(der) if end is None else end)
    except (ValueError, IndexError):
        return None


def _element(der: bytes, at: int) -> tuple[int, int, int | None]:
    """(tag, where its content begins, where it ends; None: where two zeros say so)."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length == 0x80:
        return tag, start, None
    if length & 0x80:
        count = length & 0x7F
        if count > 4:
            raise ValueError("too long")
        length = int.from_bytes(der[start : start + count], "big")
        start += count
    return tag, start, min(start + length, len(der))


def _octets(der: bytes, at: int, end: int) -> bytes:
    """An OCTET STRING, whole (0x04) or in pieces (0x24)."""
    out: list[bytes] = []
    while at < end:
        tag, start, stop = _element(der, at)
        if tag == 0x04 and stop is not None:
            out.append(der[start:stop])
            at = stop
        elif tag == 0x24:
            at = start
        else:
            break
    return b"".join(out)
