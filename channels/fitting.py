"""Fits a text into what a platform takes: splits it where a reader would, never inside a character.

A *character* is what a reader sees as one: an extended grapheme cluster (Unicode Standard Annex 29). The rules here
are its rules with two liberties, both towards keeping more together: any two neighbours of a zero-width joiner and
anything after a virama stay together.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate

from channels.contract import LengthUnit

_CLOSERS = "\"')\\]\u2019\u201d\u00bb"
_CJK_ENDS, _CJK_CLOSERS = "\u3002\uff01\uff1f", "\u300d\u300f\uff09"
# Runs are bounded: a thousand exclamation marks cost no more than one.
_SENTENCE_END = re.compile(rf"[.!?…][{_CLOSERS}]{{0,3}}(?=\s)|[{_CJK_ENDS}][{_CJK_CLOSERS}]{{0,3}}")
_WORD_END = re.compile(r"[^\S\u00a0\u202f]+")  # a no-break space is no place to break
_LIMIT_MIN = 4  # bytes of the widest code point

_JOINER = "\u200d"
_EXTENDERS = frozenset("\u200c\uff9e\uff9f") | {chr(c) for c in (*range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080))}
_VIRAMA = 9  # its canonical combining class


def length_of(text: str, unit: LengthUnit) -> int:
    """How long a platform that counts in `unit` finds this text; lone surrogates count as they would be encoded."""
    match unit:
        case "utf16":
            return len(text.encode("utf-16-le", "surrogatepass")) // 2
        case "bytes":
            return len(text.encode("utf-8", "surrogatepass"))
        case _:
            return len(text)


def split_text(text: str, limit: int, unit: LengthUnit) -> list[str]:
    """Cut a text into parts of at most `limit` units, in time linear in its length.

    Cuts where it costs a reader least: at the last paragraph, line or sentence that ends in the second half of what
    fits, else between words, else between characters; only a character longer than a part is cut, between code
    points. Nothing but white space at the cuts is dropped; the indentation of a line stays. A text that fits comes
    back as it is; one of nothing but white space gives no part. Raises `ValueError` for a limit under 4.
    """
    if limit < _LIMIT_MIN:
        raise ValueError(f"a limit of {limit} {unit} is too small to hold every character; use {_LIMIT_MIN} or more")
    parts: list[str] = []
    start = 0
    while start < len(text):
        end = _reach(text, start, limit, unit)
        cut = end if end == len(text) else _cut(text, start, end)
        part = text[start:cut] if start == 0 and cut == len(text) else text[start:cut].rstrip()
        if part.strip():
            parts.append(part)
        start = _next_start(text, cut)
    return parts


def good_cut(text: str, end: int) -> int:
    """Where a reader would cut so that at most `end` characters stay before it: in [1, end]."""
    return _cut(text, 0, end)


def _reach(text: str, start: int, limit: int, unit: LengthUnit) -> int:
    """The greatest end for which text[start:end] is within the limit."""
    window = text[start : start + limit]
    if unit == "codepoints" or window.isascii():
        return start + len(window)
    width = _utf16_width if unit == "utf16" else _utf8_width
    used = accumulate(map(width, map(ord, window)))
    return start + sum(1 for units in used if units <= limit)


def _utf16_width(code: int) -> int:
    return 2 if code > 0xFFFF else 1


def _utf8_width(code: int) -> int:
    return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4


def _cut(text: str, start: int, end: int) -> int:
    """Where to cut, in (start, end]; the character at `end` did not fit, but may be the white space we look for."""
    half = start + (end - start + 1) // 2
    for mark in ("\n\n", "\n"):
        line_end = text.rfind(mark, half, end + len(mark))
        if line_end > start:
            return line_end
    at = _last(_SENTENCE_END, text, half, end, after=True) or _last(_WORD_END, text, start + 1, end, after=False)
    return at or _character_end(text, start, end)


def _last(pattern: re.Pattern[str], text: str, low: int, high: int, *, after: bool) -> int | None:
    """The last place in [low, high] after (or before) a match; no place inside a character."""
    found = None
    for match in pattern.finditer(text, low, min(high + 1, len(text))):
        at = match.end() if after else match.start()
        if at <= high and not _joined(text, at, low - 1):
            found = at
    return found


def _character_end(text: str, start: int, end: int) -> int:
    at = end
    while at > start and _joined(text, at, start):
        at -= 1
    return at if at > start else end


def _next_start(text: str, cut: int) -> int:
    """Behind the white space at a cut, but not behind the indentation of a new line."""
    at = cut
    while at < len(text) and text[at].isspace() and not _carries_mark(text, at):
        at += 1
    line = text.rfind("\n", cut, at)
    return at if line < 0 else line + 1


def _carries_mark(text: str, at: int) -> bool:
    """A space may be what a combining mark sits on."""
    return _joined(text, at + 1, at) and not text[at + 1].isspace()


def _joined(text: str, at: int, start: int) -> bool:
    """Is there no boundary between characters before text[at]? Flags are counted from `start`, a boundary."""
    if not start < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if before.isascii() and after.isascii():
        return before == "\r" and after == "\n"
    if unicodedata.category(before) in ("Cc", "Zl", "Zp"):
        return False
    return (
        _extends(after)
        or before == _JOINER
        or unicodedata.combining(before) == _VIRAMA
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
        or _same_flag(text, at, start)
        or _same_syllable(before, after)
    )


def _extends(char: str) -> bool:
    return char == _JOINER or char in _EXTENDERS or unicodedata.category(char) in ("Mn", "Mc", "Me")


def _same_flag(text: str, at: int, start: int) -> bool:
    """Flags are pairs of regional indicators: does text[at] end a pair?"""
    first = at
    while first > start and "\U0001f1e6" <= text[first - 1] <= "\U0001f1ff":
        first -= 1
    return "\U0001f1e6" <= text[at] <= "\U0001f1ff" and (at - first) % 2 == 1


def _same_syllable(before: str, after: str) -> bool:
    """Hangul written in jamo."""
    lead = "\u1100" <= before <= "\u115f" or "\ua960" <= before <= "\ua97c"
    syllable = "\uac00" <= before <= "\ud7a3"
    vowel = "\u1160" <= before <= "\u11a7" or "\ud7b0" <= before <= "\ud7c6"
    tail = "\u11a8" <= before <= "\u11ff" or "\ud7cb" <= before <= "\ud7fb"
    to_vowel = "\u1160" <= after <= "\u11a7" or "\ud7b0" <= after <= "\ud7c6"
    to_tail = "\u11a8" <= after <= "\u11ff" or "\ud7cb" <= after <= "\ud7fb"
    to_lead = "\u1100" <= after <= "\u115f" or "\ua960" <= after <= "\ua97c" or "\uac00" <= after <= "\ud7a3"
    return (lead and (to_lead or to_vowel)) or ((vowel or syllable) and (to_vowel or to_tail)) or (tail and to_tail)
