"""A mail as a tree of parts: offsets into its bytes, found without recursion and in linear time."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from channels.mail import limits
from channels.mail.fields import Head, from_base64, parameters, read_head

_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,100}")
_LOOKS_LIKE_BOUNDARY: Final = re.compile(rb"^--([^\r\n]{4,100}?)[ \t]*\r?$\n[!-9;-~]{1,76}:", re.MULTILINE)
_SOFT_BREAK: Final = re.compile(rb"=[ \t]+(\r?\n)")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*={0,2}\Z")
_PADDED: Final = re.compile(rb"[A-Za-z0-9+/]+={1,2}(?=\s|\Z)")
_PIECES: Final = 1000
"""Of base64 with an end of its own each, one below the other; more are left unread."""
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/=]")
_BEGIN: Final = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} ?[^\r\n]{0,200}\r?\n", re.MULTILINE)


@dataclass(slots=True)
class Part:
    """One part: its headers, where its body lies, its children in their order."""

    head: Head
    start: int
    end: int
    media_type: str
    parameters: dict[str, str]
    disposition: str
    disposition_parameters: dict[str, str]
    encoding: str
    depth: int
    children: list[Part] = field(default_factory=list)

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in the order of the mail."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))

    @property
    def charset(self) -> str | None:
        return self.parameters.get("charset")

    @property
    def wanted_name(self) -> str:
        return self.disposition_parameters.get("filename") or self.parameters.get("name") or ""

    @property
    def content_id(self) -> str:
        return self.head.text("content-id").strip("<> ")


def read_parts(data: bytes) -> tuple[Part, str | None]:
    """(the whole mail as a part, which limit it broke). What lies behind a limit is left unread."""
    start = _first_line(data)
    root = _part(data, start, len(data), depth=0, default="text/plain")
    fault = root.head.fault
    waiting, count = [root], 1
    while waiting:
        part = waiting.pop()
        if not part.media_type.startswith("multipart/"):
            continue
        if part.depth >= limits.DEPTH:
            fault = fault or f"parts nested more than {limits.DEPTH} deep"
            part.media_type = "application/octet-stream"
            continue
        default = "message/rfc822" if part.media_type == "multipart/digest" else "text/plain"
        for begin, end in _slices(data, part):
            count += 1
            if count > limits.PARTS:
                fault = fault or f"more than {limits.PARTS} parts"
                break
            part.children.append(_part(data, begin, end, depth=part.depth + 1, default=default))
        if not part.children:
            part.media_type = "text/html" if _is_html(data[part.start : part.start + 500]) else "text/plain"
        waiting.extend(reversed(part.children))
    return root, fault


def _first_line(data: bytes) -> int:
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    while data[start : start + 1] in (b"\r", b"\n"):
        start += 1
    return start


def _part(data: bytes, start: int, end: int, *, depth: int, default: str) -> Part:
    head = read_head(data, start, end)
    main, given = parameters(head.raw("content-type"))
    found = _TYPE.match(main)
    media_type = found[0] if found else default
    if not found and main in ("text", "html"):
        media_type = "text/html" if main == "html" else "text/plain"
    disposition, disposed = parameters(head.raw("content-disposition"))
    encoding = re.split(r"[;(\s]", head.text("content-transfer-encoding").lower(), maxsplit=1)[0].strip("\"'")
    return Part(head, min(head.body, end), end, media_type, given, disposition, disposed, encoding, depth)


def _slices(data: bytes, part: Part) -> list[tuple[int, int]]:
    """Where the parts of a multipart lie. Without a boundary that is true, the likeliest is taken."""
    boundary = part.parameters.get("boundary", "").encode("utf-8", "replace").rstrip()
    found = _between(data, part, boundary) if boundary else []
    if not found:
        guess = _LOOKS_LIKE_BOUNDARY.search(data, part.start, min(part.end, part.start + 20_000))
        if guess is not None:
            found = _between(data, part, guess[1])
    return found


def _between(data: bytes, part: Part, boundary: bytes) -> list[tuple[int, int]]:
    mark = b"--" + boundary
    slices: list[tuple[int, int]] = []
    begin = -1
    position = part.start
    while len(slices) <= limits.PARTS and (at := data.find(mark, position, part.end)) >= 0:
        after = at + len(mark)
        position = after
        if at > part.start and data[at - 1 : at] not in (b"\n", b"\r"):
            continue
        line_end = data.find(b"\n", after, part.end)
        line_end = part.end if line_end < 0 else line_end + 1
        rest = data[after : min(line_end, after + 200)].strip()
        closing = rest.startswith(b"--")
        if rest and not closing:
            continue
        if begin >= 0:
            slices.append((begin, _before_line_end(data, at, begin)))
        begin = -1 if closing else line_end
        position = line_end
        if closing and rest == b"--":
            break
    if begin >= 0:
        slices.append((begin, part.end))
    return slices


def _before_line_end(data: bytes, at: int, begin: int) -> int:
    if at > begin and data[at - 1 : at] == b"\n":
        at -= 1
    if at > begin and data[at - 1 : at] == b"\r":
        at -= 1
    return max(at, begin)


def _is_html(data: bytes) -> bool:
    return data.lstrip()[:15].lower().startswith((b"<html", b"<!doctype html"))


def content(data: bytes, part: Part) -> bytes:
    """The bytes of a part's body, decoded as far as they can be."""
    raw = data[part.start : part.end]
    match part.encoding:
        case "base64":
            return _base64(raw)
        case "quoted-printable":
            return binascii.a2b_qp(_SOFT_BREAK.sub(rb"=\1", raw))
        case "x-uuencode" | "uuencode" | "x-uue" | "uue":
            return _uu(raw)
        case _:
            return raw


def _base64(raw: bytes) -> bytes:
    """As much of it as is base64: what a list or a gateway has put below is none, nor is text that only claims to be."""
    first = raw.lstrip().split(b"\n", 1)[0].strip()
    if (b" " in first and not _PADDED.match(first)) or len(_NOT_BASE64.sub(b"", first)) * 4 < len(first) * 3:
        return raw
    try:
        return binascii.a2b_base64(raw.translate(None, b" \t\r\n"), strict_mode=True)
    except binascii.Error:
        pass
    out: list[bytes] = []
    piece: list[bytes] = []
    for line in raw.splitlines():
        bare = line.strip()
        if b" " in bare or bare.startswith(b"--"):
            ended = _PADDED.match(bare)
            piece.append(ended[0] if ended else b"")
            break
        if len(out) >= _PIECES or (out and not (_BASE64.match(bare) and len(bare) % 4 == 0)):
            break  # below its end only another piece of it counts
        piece.append(bare)
        if bare.endswith(b"="):
            out.append(from_base64(b"".join(piece)))
            piece = []
    out.append(from_base64(b"".join(piece)))
    return b"".join(out)


def _uu(raw: bytes) -> bytes:
    begin = _BEGIN.search(raw)
    return raw if begin is None else from_uu(raw[begin.end() :].splitlines())


def from_uu(lines: Iterable[bytes]) -> bytes:
    """What lies between `begin` and `end`, as far as it can be read."""
    out = []
    for line in lines:
        if line.strip() in (b"end", b"`", b""):
            if line.strip() == b"end":
                break
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            out.append(_short_uu(line))
    return b"".join(out)


def _short_uu(line: bytes) -> bytes:
    """Some encoders write more than they announce."""
    try:
        return binascii.a2b_uu(line[: (((line[0] - 32) & 63) * 4 + 5) // 3])
    except binascii.Error:
        return b""
