"""Headers: found in bytes, decoded one by one. Nothing here raises, and all of it takes linear time."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from channels.mail import limits
from channels.mail.charsets import decode, known

_FIELD: Final = re.compile(rb"([!-9;-~]{1,100})[ \t]*:")
_WORD: Final = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]+")
_QUOTED_BYTE: Final = re.compile(rb"=([0-9A-Fa-f]{2})")
_PARAMETER: Final = re.compile(r"[;\s]*([^\s=;\"]{1,100})\s*=\s*")
_SECTION: Final = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?\Z")


@dataclass(frozen=True, slots=True)
class Field:
    """One header as it stands: its name in small letters, the bytes of its value with line ends taken out."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The headers of a mail or a part, and where its body begins."""

    fields: tuple[Field, ...]
    body: int
    fault: str | None = None
    """Which limit they broke."""

    def all(self, name: str) -> list[bytes]:
        return [field.value for field in self.fields if field.name == name]

    def raw(self, name: str) -> bytes:
        """The first of that name; empty if there is none."""
        return next((field.value for field in self.fields if field.name == name), b"")

    def text(self, name: str, hint: str | None = None) -> str:
        return unfolded(words(self.raw(name), hint))

    def has(self, name: str) -> bool:
        return any(field.name == name for field in self.fields)


def read_head(data: bytes, start: int, end: int) -> Head:
    """The headers that begin at `start`. A mail that begins with its body has none."""
    fields: list[tuple[str, list[bytes], int]] = []
    position, fault = start, None
    stop = min(end, start + limits.HEADER_BLOCK_BYTES)
    for line, after in _lines(data, start, stop):
        if not line:
            position = after
            break
        if line[:1] in b" \t":
            if fields:
                _grow(fields[-1], line)
            position = after
            continue
        named = _FIELD.match(line)
        if named is None:
            if not _goes_on(data, line, after, stop, first=not fields):
                break
            position = after
            continue
        if len(fields) >= limits.HEADERS:
            fault = f"more than {limits.HEADERS} headers"
            position = _after_blank(data, after, end)
            break
        fields.append((named[1].decode("ascii").lower(), [line[named.end() :][: limits.HEADER_BYTES]], len(line)))
        position = after
    else:
        if stop < end:
            fault = f"more than {limits.HEADER_BLOCK_BYTES // 1024} KB of headers"
            position = _after_blank(data, stop, end)
    joined = (Field(name, b"".join(pieces)[: limits.HEADER_BYTES].strip()) for name, pieces, _ in fields)
    return Head(tuple(joined), position, fault)


def _lines(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int]]:
    position = start
    while position < end:
        newline = data.find(b"\n", position, end)
        after = end if newline < 0 else newline + 1
        line = data[position:after].rstrip(b"\r\n")
        if b"\r" in line[: limits.HEADER_BYTES] and newline < 0:  # an old Mac wrote it: only carriage returns
            for piece in data[position:end].split(b"\r"):
                position += len(piece) + 1
                yield piece, min(position, end)
            return
        yield line, after
        position = after


def _grow(field: tuple[str, list[bytes], int], line: bytes) -> None:
    if len(field[1]) < 2000 and sum(map(len, field[1][-1:])) < limits.HEADER_BYTES:
        field[1].append(line[: limits.HEADER_BYTES])


def _goes_on(data: bytes, line: bytes, after: int, stop: int, *, first: bool) -> bool:
    """A line among headers that is none: a mailbox's mark, or rubbish with more headers below it?"""
    if first and line.startswith((b"From ", b">From ")):
        return True
    following = data[after : min(stop, after + 200)]
    return bool(_FIELD.match(following)) and not line.startswith(b"--") and b":" in following.split(b"\n", 1)[0]


def _after_blank(data: bytes, position: int, end: int) -> int:
    found = [where for mark in (b"\n\n", b"\r\n\r\n") if (where := data.find(mark, position, end)) >= 0]
    return data.index(b"\n", min(found) + 2) + 1 if found and data.find(b"\n", min(found) + 2) >= 0 else end


def unfolded(text: str) -> str:
    """One line: no control characters, so that no value can begin a header of its own."""
    return re.sub(r"\s+", " ", _CONTROL.sub(" ", text)).strip()


def words(value: bytes, hint: str | None = None) -> str:
    """RFC 2047, as senders write it: words that touch each other, that hold blanks, that cut characters in two.

    What was encoded twice is decoded twice."""
    text = value.decode("ascii") if value.isascii() else decode(value, None if _is_utf8(value) else hint)
    if "=?" not in text:
        return text
    once = _decoded(text)
    return _decoded(once) if _WORD.search(once) else once


def _decoded(text: str) -> str:
    out: list[str] = []
    pending: list[tuple[str, bytes]] = []
    position = 0
    while (begin := text.find("=?", position)) >= 0:
        word = _WORD.match(text, begin)
        close = text.find("?=", word.end()) if word else -1
        if word is None or close < 0:
            if word is not None:
                break
            out += [_flushed(pending), text[position : begin + 2]]
            position = begin + 2
            continue
        between = text[position:begin]
        if between.strip() or not pending:
            out += [_flushed(pending), between]
        pending.append((word[1].partition("*")[0], _word_bytes(word[2], text[word.end() : close])))
        position = close + 2
    out += [_flushed(pending), text[position:]]
    return "".join(out)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _flushed(pending: list[tuple[str, bytes]]) -> str:
    out: list[str] = []
    while pending:
        charset, data = pending.pop(0)
        pieces = [data]
        while pending and pending[0][0].lower() == charset.lower():
            pieces.append(pending.pop(0)[1])
        out.append(decode(b"".join(pieces), charset))
    return "".join(out)


def _word_bytes(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    if encoding in "bB":
        return from_base64(data)
    return _QUOTED_BYTE.sub(lambda found: bytes([int(found[1], 16)]), data.replace(b"_", b" "))


def from_base64(data: bytes) -> bytes:
    """As much as can be read."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        pass
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", data.partition(b"=")[0] or data)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    try:
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
    except binascii.Error:
        return b""


def parameters(value: bytes, hint: str | None = None) -> tuple[str, dict[str, str]]:
    """(the value before the first semicolon in small letters, its parameters), with RFC 2231 put together."""
    text = value.decode("ascii") if value.isascii() else decode(value, hint)
    main, _, rest = text.partition(";")
    plain: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for name, raw in _pairs(rest):
        section = _SECTION.match(name)
        if section is None or (section[2] is None and section[3] is None):
            plain.setdefault(name, unfolded(words(raw.encode("utf-8", "replace"))))
        else:
            pieces.setdefault(section[1], []).append((int(section[2] or 0), section[3] is not None, raw))
    for name, found in pieces.items():
        plain[name] = unfolded(_put_together(sorted(found, key=lambda piece: piece[0])))
    return main.strip().lower(), plain


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    for _ in range(100):
        found = _PARAMETER.match(text, position)
        if found is None:
            semicolon = text.find(";", position)
            if semicolon < 0:
                return
            position = semicolon + 1
            continue
        value, position = _value(text, found.end())
        yield found[1].lower(), value


def _value(text: str, start: int) -> tuple[str, int]:
    if text[start : start + 1] != '"':
        end = text.find(";", start)
        end = len(text) if end < 0 else end
        return text[start:end].strip(), end + 1
    out: list[str] = []
    position = start + 1
    while position < len(text):
        character = text[position]
        if character == '"':
            break
        if character == "\\" and text[position + 1 : position + 2] in ('"', "\\"):
            position += 1
            character = text[position]
        out.append(character)
        position += 1
    return "".join(out), position + 1


def _put_together(pieces: list[tuple[int, bool, str]]) -> str:
    charset, data = "", []
    for index, (_, encoded, raw) in enumerate(pieces):
        if encoded and index == 0 and raw.count("'") >= 2:
            charset, _, raw = raw.split("'", 2)
        octets = raw.encode("utf-8", "replace")
        if encoded:
            octets = re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), octets)
        data.append(octets)
    return decode(b"".join(data), charset if known(charset) else None)
