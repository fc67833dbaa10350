"""Deterministic wires: words that no probability may outvote, found with their place in the text.

A hard wire (`Trip.hard`) demands a person whatever the model believes. A soft one (a sign of trouble, anger, or of the
customer's own order) only forbids a machine to act alone. Linear in time and bounded in the text looked at: the
beginning and the end of a message, which is where people say what they want.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from intents import abroad, phrases, signs

WireName = Literal["down", "money", "person", "security", "legal", "trouble", "anger", "irritation", "own_matter"]
HARD: Final[frozenset[WireName]] = frozenset({"down", "money", "person", "security", "legal"})

HEAD: Final = 4000
TAIL: Final = 2000
MOST_TRIPS: Final = 4
"""Reported per wire; one is enough to decide, a few are enough to underline."""

# Word and gap characters are disjoint, so a run of gaps and words can be matched in one way only: no backtracking.
_WORD: Final = r"[\w'$£%&]{1,30}"
_GAP: Final = r"[^\w'$£%&.!?\n]{1,4}"
_NEAR: Final = f"(?:{_GAP}{_WORD}){{0,4}}{_GAP}"
_FAR: Final = f"(?:{_GAP}{_WORD}){{0,9}}{_GAP}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """One wire that one part of the text tripped. `text[start:end]` are the words."""

    wire: WireName
    evidence: str
    """What was recognised, in a word or two: "refund", "call me"."""
    words: str
    start: int
    end: int

    @property
    def hard(self) -> bool:
        return self.wire in HARD


def trips(text: str, *, english: bool = False) -> tuple[Trip, ...]:
    """All trips, hard wires first, then by place. Never raises; at most `MOST_TRIPS` per wire.

    english: the text is known to be in English only, so that words of other languages need not be looked for.
    """
    found: list[Trip] = []
    for offset, window in _windows(text):
        seen = _plain(window)
        simple = window.isascii()
        for wire, patterns in _WIRES:
            for pattern, names, when in patterns:
                idle = (when == "abroad" and english) or (when == "beyond ascii" and simple)
                if not idle and pattern.search(seen):
                    found.extend(_search(pattern, names, wire, seen, text, offset))
    return _tidy(found)


def _search(
    pattern: re.Pattern[str], names: tuple[str, ...], wire: WireName, seen: str, text: str, offset: int
) -> Iterator[Trip]:
    for match in islice(pattern.finditer(seen), MOST_TRIPS):
        start, end = match.start() + offset, match.end() + offset
        evidence = names[(match.lastindex or 1) - 1]
        yield Trip(wire=wire, evidence=evidence, words=text[start:end], start=start, end=end)


def _tidy(found: Iterable[Trip]) -> tuple[Trip, ...]:
    per_wire: dict[WireName, list[Trip]] = {}
    for trip in sorted(found, key=lambda trip: (trip.start, trip.end)):
        kept = per_wire.setdefault(trip.wire, [])
        if len(kept) < MOST_TRIPS:
            kept.append(trip)
    ordered = (trip for wire, _ in _WIRES for trip in per_wire.get(wire, ()))
    return tuple(ordered)


def _windows(text: str) -> tuple[tuple[int, str], ...]:
    """(offset, part) of what is looked at: all of it, or both ends of a very long text."""
    if len(text) <= HEAD + TAIL:
        return ((0, text),)
    return ((0, text[:HEAD]), (len(text) - TAIL, text[-TAIL:]))


# To look for € as for £ makes the patterns compile in half the time: a set of signs is a table of 256 entries, and of
# 65,536 as soon as one sign lies beyond them.
_SIGNS: Final = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "`": "'", "\u00b4": "'", "\u00a0": " ", "_": " ", "\u20ac": "£"}
)


def _plain(text: str) -> str:
    """Lower case, straight apostrophes, £ for €, and every character still in its place."""
    lowered = text.lower()
    if len(lowered) != len(text):  # "İ" becomes two: keep such letters as they are
        lowered = "".join(low if len(low := char.lower()) == 1 else char for char in text)
    return lowered.translate(_SIGNS)


_When = Literal["always", "abroad", "beyond ascii"]
_Compiled = tuple[re.Pattern[str], tuple[str, ...], _When]


def _compile(table: phrases.Phrases, when: _When = "always", *, edges: bool = True) -> _Compiled:
    """One pattern of all phrases, a group each, so that `lastindex` names the evidence."""
    joined = "|".join(f"({_expand(source) if edges else source})" for _, source in table)
    pattern = re.compile(rf"(?<!\w)(?:{joined})(?!\w)" if edges else joined)
    return pattern, tuple(name for name, _ in table), when


def _expand(source: str) -> str:
    return source.replace("_?", f"(?:{_GAP})?").replace("_", _GAP).replace("~~", _FAR).replace("~", _NEAR)


_WIRES: Final[tuple[tuple[WireName, tuple[_Compiled, ...]], ...]] = (
    ("security", (_compile(phrases.SECURITY), _compile(abroad.SECURITY_ABROAD, "abroad"))),
    ("down", (_compile(phrases.DOWN), _compile(abroad.DOWN_ABROAD, "abroad"))),
    ("money", (_compile(phrases.MONEY), _compile(abroad.MONEY_ABROAD, "abroad"))),
    (
        "person",
        (
            _compile(phrases.PERSON),
            _compile(abroad.PERSON_ABROAD, "abroad"),
            _compile(abroad.PERSON_ANYWHERE, "beyond ascii", edges=False),
        ),
    ),
    ("legal", (_compile(phrases.LEGAL),)),
    ("trouble", (_compile(signs.TROUBLE),)),
    (
        "anger",
        (
            _compile(signs.ANGER),
            _compile(signs.ANGRY_FACES, "beyond ascii", edges=False),
            _compile(signs.HASHTAGS, edges=False),
        ),
    ),
    ("irritation", (_compile(signs.IRRITATION), _compile(signs.SHOUTING, edges=False))),
    ("own_matter", (_compile(signs.OWN_MATTER),)),
)
