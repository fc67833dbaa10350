"""What of a text can be found: its words, folded by ourselves, so that both databases find the same.

Databases take words apart each in its own way. Here a text becomes words of which neither can make anything else:
without accents and case, Chinese, Japanese and Thai sign by sign, each emoji a word. SQLite's FTS5 is given them one
behind the other, PostgreSQL as a `tsvector`; what somebody looks for goes the same way, so no query can be malformed.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

AT_MOST: Final = 100_000
"""Characters of a text that can be found."""
LONGEST: Final = 64
"""Characters of a word that count; what is longer is found by its beginning."""
LAST_PLACE: Final = 16_383
PLACES: Final = 255
"""What a `tsvector` can count to: places in a text, and places of one word."""

BY: Final = "\ue000"
"""Before each word of the name and the address of who wrote. No text has this sign: it belongs to nobody."""
KIND: Final = "\ue001"
"""Before one word that says who wrote: customer, bot, agent or note."""

# Signs that are words by themselves: languages without blanks, and pictures.
_ALONE: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
_PICTURES: Final = "\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
_MARKS: Final = "\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u0900-\u0903\u093a-\u094f\u0955-\u0957\u0962-\u0963"
_RUN: Final = re.compile(f"[{_ALONE}]|[{_PICTURES}]|(?:(?![{_ALONE}{_PICTURES}_])[\\w{_MARKS}])+")
_PLAIN: Final = re.compile("[a-z0-9]+")
_LONG: Final = re.compile(f"[a-z0-9]{{{LONGEST + 1}}}")
_ACCENTS: Final = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u0652]")

NOT_FOUND: Final = ("acknowledgement", "notice", "survey", "event", "deletion", "button")
"""Kinds of messages that are not searched: what the machine says to everybody, and what has no words of its own. The
message that shows a code is a notice, too."""


def fold(text: str) -> str:
    """Without accents, case, and the difference between ways to write the same sign."""
    return unicodedata.normalize("NFKC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text)).casefold())


def spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Each word with where it stands in the text as it was written."""
    if text.isascii():
        for found in _PLAIN.finditer(text.lower()):
            yield found.start(), found.end(), found[0][:LONGEST]
        return
    for found in _RUN.finditer(text):
        for part in _RUN.finditer(fold(found[0])):
            yield found.start(), found.end(), part[0][:LONGEST]


def words(text: str) -> list[str]:
    """The words of a text, in order, folded."""
    text = text[:AT_MOST]
    if text.isascii():
        text = text.lower()
        found: list[str] = _PLAIN.findall(text)
        return found if _LONG.search(text) is None else [word[:LONGEST] for word in found]
    return [word for _, _, word in spans(text)]


# --- what is written ---------------------------------------------------------------------------------


def of_message(row: Mapping[str, Any], address: str | None = None) -> str | None:
    """What a row of `message` is found by; None: by nothing.

    A code is for the customer alone, so what stands in its place counts.
    """
    if row.get("kind") in NOT_FOUND:
        return None
    meta = row.get("meta") or {}
    said = words(str(meta.get("masked", row.get("body") or "")))
    kind = "note" if row.get("direction") == "note" else str(row.get("author"))
    return " ".join([*said, KIND + kind, by(row.get("author_name") or "", address or "")]).rstrip()


@functools.lru_cache(maxsize=1024)
def by(*names: str) -> str:
    """The words that say who wrote; the same few write again and again."""
    return " ".join(dict.fromkeys(BY + word for name in names for word in words(name[:320])))


def of_name(name: str) -> str | None:
    """What a file is found by."""
    return " ".join(words(name)) or None


class Findable(TypeDecorator[str]):
    """Words with a blank between them; on PostgreSQL a `tsvector`. It is written and searched, never read."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(TSVECTOR() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value if value is None or dialect.name != "postgresql" else vector(value.split())


def vector(found: Iterable[str]) -> str:
    """Words as PostgreSQL writes a `tsvector`: each once, with its places."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(found, start=1):
        at = places.setdefault(word, [])
        if len(at) < PLACES:
            at.append(min(place, LAST_PLACE))
    return " ".join(f"'{word}':{','.join(map(str, dict.fromkeys(at)))}" for word, at in places.items())


# --- what is looked for ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Words that stand one behind the other; `open`: the last is only how a word begins."""

    words: tuple[str, ...]
    open: bool = False


def for_sqlite(terms: Iterable[Term]) -> str:
    """All of these, as FTS5 reads it."""
    return " AND ".join(f'"{" ".join(term.words)}"{" *" if term.open else ""}' for term in terms)


def for_postgresql(terms: Iterable[Term]) -> str:
    """All of these, as a `tsquery`."""
    return " & ".join(
        "(" + " <-> ".join(f"'{word}'" for word in term.words) + (":*" if term.open else "") + ")" for term in terms
    )
