"""Who: address lists, message ids, dates, as they are really written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from channels.mail import limits
from channels.mail.fields import unfolded, words

_ADDRESS: Final = re.compile(
    r"[^\s<>()\[\],;:\"@\\\x00-\x1f]{1,200}@(?:[^\s<>()\[\],;:\"@\\\x00-\x1f]{1,255}|\[[0-9A-Fa-f.:IPv]{2,50}\])"
)
_ENCODED: Final = re.compile(r"=\?[^?\s]{1,80}\?[bBqQ]\?[^?]{0,2000}\?=")
_PLAIN: Final = re.compile(r"(?:[^\"(<,;:=]|=(?!\?))+")
_ID: Final = re.compile(r"<([^<>\s]{1,1000})>")
_BARE_ID: Final = re.compile(r"[^<>\s\"(),]{1,500}@[^<>\s\"(),]{1,400}")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE: Final = re.compile(
    r"(\d{1,2})[ -]+([A-Za-z]{3})[a-z]*[ .-]+(\d{2,4}),? +(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:\.\d+)? *(?:([+-]\d{4})|\(?([A-Z]{1,5}))?"
)
_ASCTIME: Final = re.compile(
    r"([A-Za-z]{3})[a-z]* +(\d{1,2}),? +(?:(\d{4}) +)?(\d{1,2}):(\d{2})(?::(\d{2}))?(?: +([+-]\d{4}))?(?: +[A-Z]{3,4})?(?: +(\d{4}))?"
)
_ISO: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2}))?(?:\.\d+)? *([+-]\d{2}:?\d{2}|Z)?")
_ZONES: Final = {"EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
                 "CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120, "BST": 60, "JST": 540, "MSK": 180}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """A name as its owner writes it, an address; either may be empty."""

    name: str
    address: str


def people(value: bytes, hint: str | None = None) -> list[Person]:
    """An address list. Structure is found before words are decoded, so that no decoded comma makes another address."""
    text = value.decode("ascii") if value.isascii() else words_kept(value, hint)
    found = [person for piece in _pieces(text) if (person := _person(piece, hint)) is not None]
    if found and not any(person.address for person in found) and "=?" in text:
        # The whole list was encoded as one word: against the rules, and common.
        again = unfolded(words(value, hint)).replace("=?", "= ?")
        deeper = [person for piece in _pieces(again) if (person := _person(piece, None)) is not None]
        if any(person.address for person in deeper):
            return deeper[: limits.ADDRESSES]
    return found[: limits.ADDRESSES]


def words_kept(value: bytes, hint: str | None) -> str:
    """Text of a value with raw bytes in it; encoded words stay as they are."""
    from channels.mail.charsets import decode
    from channels.mail.fields import _is_utf8

    return decode(value, None if _is_utf8(value) else hint)


@dataclass(slots=True)
class _Piece:
    """What stood between two commas."""

    loose: list[str]
    quoted: list[str]
    comments: list[str]
    angle: str | None = None

    def is_half_a_name(self, following: str) -> bool:
        """`Loewe` of `Loewe, Ada <ada@example.com>`, whose writer forgot the quotes. `following`: what ended it."""
        return (
            following == ","
            and self.angle is None
            and bool("".join(self.loose).strip())
            and len(self.loose) < 100
            and not any("@" in each for each in (*self.loose, *self.quoted, *self.comments))
        )


def _pieces(text: str) -> Iterator[_Piece]:
    piece = _Piece([], [], [])
    position, size, count = 0, len(text), 0
    closes = text.rfind('"')  # behind the last quotation mark that has a partner there are only single ones
    last_semicolon = text.rfind(";")
    while position < size and count < limits.ADDRESSES:
        character = text[position]
        if character == '"' and position < closes:
            value, after = _until_quote(text, position + 1)
            if after > size:
                closes, position = -1, position + 1
                continue
            position = after
            piece.loose.append(f"\x01{len(piece.quoted)}\x02")
            piece.quoted.append(value)
        elif character == "=" and (word := _ENCODED.match(text, position)) is not None:
            piece.loose.append(word[0])
            position = word.end()
        elif character == "(":
            value, position = _comment(text, position + 1)
            piece.comments.append(value)
        elif character == "<":
            end = text.find(">", position)
            comma = text.find(",", position)
            if end < 0:
                end = size if comma < 0 else comma
            piece.angle = text[position + 1 : end] if piece.angle is None or "@" not in piece.angle else piece.angle
            position = end + 1 if text[end : end + 1] == ">" else end
        elif character in ",;":
            position += 1
            if piece.is_half_a_name(character) and _goes_on(text, position):
                piece.loose.append(", ")
                continue
            yield piece
            count += 1
            piece = _Piece([], [], [])
        elif character == ":":
            if piece.angle is None and position < last_semicolon and not any("@" in each for each in piece.loose[-2:]):
                piece = _Piece([], [], [])  # a group's name
            elif "".join(piece.loose[-1:]).strip().lower() in ("mailto", "smtp"):
                piece.loose = []
            elif len(piece.loose) < 100:
                piece.loose.append(":")
            position += 1
        else:
            run = _PLAIN.match(text, position)
            end = run.end() if run else position + 1
            piece.loose.append("" if character == '"' else text[position:end])
            position = end
    yield piece


def _goes_on(text: str, position: int) -> bool:
    """Is the next piece a name with an address behind it, so that what stands before it may belong to the name?"""
    ends = [at for mark in ",;" if (at := text.find(mark, position)) >= 0]
    piece = text[position : min(ends, default=len(text))].strip()
    return "@" in piece and " " in piece


def _until_quote(text: str, start: int) -> tuple[str, int]:
    out: list[str] = []
    position = start
    while position < len(text) and text[position] != '"':
        if text[position] == "\\" and position + 1 < len(text):
            position += 1
        out.append(text[position])
        position += 1
    return "".join(out), position + 1


def _comment(text: str, start: int) -> tuple[str, int]:
    depth, position = 1, start
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] == "(":
            depth += 1
        elif text[position] == ")":
            depth -= 1
            if not depth:
                break
        position += 1
    return text[start:position], position + 1


def _person(piece: _Piece, hint: str | None) -> Person | None:
    loose = "".join(piece.loose)
    address = ""
    if piece.angle is not None:
        address = piece.angle
    else:
        if "=?" in loose:
            loose = unfolded(words(loose.encode("utf-8", "replace"), hint))
        bare = _ADDRESS.search(loose)
        if bare is not None:
            address, loose = bare[0], loose[: bare.start()] + " " + loose[bare.end() :]
        elif "\x01" in loose and (at := loose.find("@")) >= 0:  # "john doe"@example.org
            address, loose = _unquoted(loose[loose.find("\x01") :].split()[0], piece.quoted, marks=True), ""
        elif len(piece.quoted) == 1 and (inner := _ADDRESS.search(piece.quoted[0])) is not None:
            address, loose = inner[0], piece.quoted[0].replace(inner[0], " ").strip(" <>") if at else ""
        elif (said := next((found for each in piece.comments if (found := _ADDRESS.search(each))), None)) is not None:
            address, piece.comments = said[0], []
    name = _unquoted(loose, piece.quoted)
    name = unfolded(words(name.encode("utf-8", "replace"))) or unfolded(
        words(" ".join(piece.comments).encode("utf-8", "replace"))
    )
    name = name.strip(" '\"<>")
    address = _clean_address(address)
    if not name and not address:
        return None
    return Person(name[: limits.NAME_CHARS], address)


def _unquoted(text: str, quoted: list[str], *, marks: bool = False) -> str:
    form = '"{}"' if marks else "{}"
    return re.sub(
        "\x01(\\d+)\x02", lambda found: form.format(quoted[int(found[1])]) if int(found[1]) < len(quoted) else "", text
    )


def _clean_address(raw: str) -> str:
    text = unfolded(words(raw.encode("utf-8", "replace"))) if "=?" in raw else unfolded(raw)
    text = text.strip(" '<>")
    if text[:1] == text[-1:] == '"' and _ADDRESS.fullmatch(text[1:-1]):
        text = text[1:-1]
    if text.lower().startswith(("mailto:", "smtp:")):
        text = text.partition(":")[2]
    if text.startswith("@") and ":" in text:  # a route, as in RFC 822
        text = text.rpartition(":")[2]
    if " " in text and not text.startswith('"'):
        inner = _ADDRESS.search(text)
        text = inner[0] if inner else text.replace(" ", "")
    return text[: limits.ADDRESS_CHARS]


def message_ids(value: bytes, *, first: bool = False) -> list[str]:
    """Ids with their brackets, in their order, each once. What is too long to be one is left out."""
    text = unfolded(value.decode("ascii", "replace"))
    found = [f"<{each}>" for each in _ID.findall(text) if len(each) <= limits.ID_CHARS]
    if not found and "<" not in text:
        found = [f"<{each}>" for each in _BARE_ID.findall(text)]
    if not found and first and text and len(text) <= limits.ID_CHARS and " " not in text:
        found = [f"<{text.strip('<>')}>"]
    unique = list(dict.fromkeys(found))
    if len(unique) > limits.REFERENCES:
        unique = unique[:1] + unique[1 - limits.REFERENCES :]
    return unique


def date(value: bytes) -> datetime | None:
    """The date with its zone; None where it is none. It is shown, never believed."""
    text = unfolded(words(value))[:200]
    try:
        return _date(text)
    except (ValueError, OverflowError):
        return None


def _date(text: str) -> datetime | None:
    if (found := _DATE.search(text)) is not None and found[2].lower() in _MONTHS:
        day, month, year = int(found[1]), _MONTHS.index(found[2].lower()) + 1, _year(int(found[3]))
        zone = _zone(found[7]) if found[7] else timedelta(minutes=_ZONES.get(found[8] or "", 0))
        return _moment(year, month, day, found[4], found[5], found[6], zone)
    if (found := _ISO.search(text)) is not None:
        zone = _zone((found[7] or "").replace(":", "")) if found[7] not in (None, "Z") else timedelta()
        return _moment(int(found[1]), int(found[2]), int(found[3]), found[4], found[5], found[6], zone)
    if (found := _ASCTIME.search(text)) is not None and found[1].lower() in _MONTHS and (found[3] or found[8]):
        zone = _zone(found[7]) if found[7] else timedelta()
        month = _MONTHS.index(found[1].lower()) + 1
        return _moment(int(found[3] or found[8]), month, int(found[2]), found[4], found[5], found[6], zone)
    return None


def _moment(year: int, month: int, day: int, hour: str, minute: str, second: str | None, zone: timedelta) -> datetime:
    seconds = min(int(second or 0), 59)
    tz = UTC if not zone else timezone(zone)
    return datetime(year, month, day, int(hour), int(minute), seconds, tzinfo=tz)


def _year(year: int) -> int:
    if year < 100:
        return year + (2000 if year < 70 else 1900)
    return year + 1900 if year < 1000 else year


def _zone(text: str) -> timedelta:
    sign = -1 if text[0] == "-" else 1
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return sign * offset if offset < timedelta(hours=24) else timedelta()
