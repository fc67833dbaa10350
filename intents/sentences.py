"""Cuts a text into the pieces that are judged on their own, losing nothing.

A grave sentence among harmless ones is diluted in the vector of the whole text; on its own it is not. The number of
pieces is bounded because each is one run of the encoder: neighbours are then judged together, never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

MOST_PIECES: Final = 5
"""Pieces judged on their own; with the whole text that makes six runs of the encoder at most. Where there are more
sentences than this, some were judged together, which the gate must know."""
FEWEST_LETTERS: Final = 16
"""A shorter sentence ("Hi!", "Any idea?") says nothing alone and is judged with the one after it."""

MOST_CLAUSES: Final = 5
_FEWEST_WORDS: Final = 3
_CLAUSE: Final = re.compile(
    r"[,;:()\u2013\u2014]\s{0,4}|\s-{1,2}\s|\s(?=(?:and|but|because|since|as|if|when|while|although|though|so|after|before|"
    r"yet|whose|who|whoever|that|which|where|or|until)\s)",
    re.IGNORECASE,
)

# An end mark counts only before white space, so "3.5", "e.g" or "example.org" stay whole; a line end always counts.
_END = re.compile(r"[.!?…]{1,8}[\"')\]»”]{0,2}(?=\s)|[\u3002\uff01\uff1f\u0964\u061f]|[\r\n\u2028\u2029]")


def split(text: str) -> tuple[str, ...]:
    """All sentences and lines, stripped, none empty; joined without white space they are the text without it.

    Linear in the length of the text.
    """
    found = []
    start = 0
    for end in _END.finditer(text):
        piece = text[start : end.end()].strip()
        start = end.end()
        if piece:
            found.append(piece)
    last = text[start:].strip()
    if last:
        found.append(last)
    return tuple(found)


def pieces(text: str, *, most: int = MOST_PIECES) -> tuple[str, ...]:
    """At most `most` neighbouring groups of sentences that together are the text. () for a text without content.

    A text of one sentence gives one piece: the stripped text itself, so that it need not be encoded twice.
    """
    return groups(text, matters(text), most=most)


def matters(text: str) -> tuple[str, ...]:
    """The sentences that say something on their own: scraps are joined to a neighbour."""
    return tuple(_join_short(split(text)))


def groups(text: str, found: Sequence[str], *, most: int = MOST_PIECES) -> tuple[str, ...]:
    """`matters(text)` merged into at most `most` neighbouring groups."""
    return (text.strip(),) if len(found) == 1 else tuple(_merge(found, most))


def clauses(text: str, *, most: int = MOST_CLAUSES) -> tuple[str, ...]:
    """What is said beside or within another sentence ("how do I …, our shop is closed"), in at most `most` groups.

    () where every sentence says one thing. Scraps are left out: their sentence was judged with them.
    """
    found = []
    for sentence in split(text):
        parts = [part.strip() for part in _CLAUSE.split(sentence)]
        if len(parts) > 1:
            found += [part for part in parts if len(part.split()) >= _FEWEST_WORDS]
    return tuple(_merge(found, most))


def _join_short(sentences: Sequence[str]) -> list[str]:
    joined: list[str] = []
    waiting = ""
    for sentence in sentences:
        candidate = f"{waiting} {sentence}" if waiting else sentence
        if len(candidate) < FEWEST_LETTERS:
            waiting = candidate
            continue
        joined.append(candidate)
        waiting = ""
    if waiting and joined:
        joined[-1] = f"{joined[-1]} {waiting}"
    elif waiting:
        joined.append(waiting)
    return joined


def _merge(parts: Sequence[str], most: int) -> list[str]:
    """Neighbours put together until at most `most` are left, of about equal length."""
    if len(parts) <= most:
        return list(parts)
    total = sum(map(len, parts))
    merged: list[list[str]] = [[] for _ in range(most)]
    passed = 0
    for part in parts:
        merged[min(most - 1, passed * most // total)].append(part)
        passed += len(part)
    return [" ".join(group) for group in merged if group]
