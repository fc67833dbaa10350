"""What agents say often: text with placeholders, and what each of them is worth in a case.

Pure: values in, text out. What cannot be filled stays as it is, a gap that the writer sees and fills.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from handoff.texts import Voice
from store.words import case_number

PLACEHOLDERS: Final = {
    "name": "the customer's first name",
    "agent": "your name",
    "case": "the case's number",
    "company": "our company",
    "by": "until when they were promised an answer",
}
"""What may stand in braces, in the words of the page that explains it."""
_BRACES: Final = re.compile(r"\{\s*([^\W\d]\w*)\s*\}")
_NAME_AT_MOST: Final = 40


class UnknownPlaceholder(ValueError):
    """A macro names something that nobody can fill; the text says what, and what there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The words, and the placeholders that are still in them, in their order."""

    text: str
    gaps: tuple[str, ...]


def checked(body: str) -> str:
    """A macro's text, if all placeholders are known ones.

    Raises:
        UnknownPlaceholder: see there.
    """
    unknown = [name for name in _BRACES.findall(body) if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise UnknownPlaceholder(f"has {{{unknown[0][:40]}}}, which nothing can fill; there are {known}")
    return body


def fill(body: str, values: Mapping[str, str]) -> Filled:
    """With what is known. What is filled in is not looked at again, so no name can bring a placeholder of its own."""
    gaps: list[str] = []

    def one(match: re.Match[str]) -> str:
        name = match[1]
        if value := values.get(name):
            return value
        if name in PLACEHOLDERS:
            gaps.append(f"{{{name}}}")
            return f"{{{name}}}"
        return match[0]

    return Filled(text=_BRACES.sub(one, body), gaps=tuple(dict.fromkeys(gaps)))


def values_of(
    case: Mapping[str, Any], promises: Sequence[Mapping[str, Any]], *, agent: str, voice: Voice, now: datetime
) -> dict[str, str]:
    """What is known in this case. In a public place neither its number nor a time is anybody else's business.

    Args:
        case: a row of `store.cases.read_row`.
        promises: rows of `store.cases.promises`.
    """
    known = {"name": first_name(case["customer_full_name"] or ""), "agent": agent, "company": voice.company}
    if not case["public"]:
        known["case"] = case_number(case["id"])
        ahead = [promise["by"] for promise in promises if promise["state"] == "open" and promise["by"] > now]
        if ahead:
            known["by"] = voice.time(min(ahead), now)
    return {name: value for name, value in known.items() if value}


def first_name(name: str) -> str:
    """How they are spoken to; empty where nobody can tell: no name, an address, a wall of letters."""
    shown = "".join(each for each in name if each.isprintable())
    first = (shown.split() or [""])[0]
    return first if "@" not in shown and len(first) <= _NAME_AT_MOST and any(map(str.isalpha, first)) else ""
