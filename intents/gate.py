"""Whether a machine may act alone: the strict rule of day one, as a pure function over a verdict.

Everything here is a reason against; what survives all of them is automatable. The threshold is a constant until
enough random messages were labelled by people to choose one with a proven bound.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from intents.sentences import MOST_PIECES
from intents.tiers import AUTOMATABLE, GRAVE, Tier
from intents.verdict import Verdict
from intents.wires import WireName

STRICT_THRESHOLD: Final = 0.30
"""Greatest probability of a grave tier, over sentences and whole, at which a machine may still act."""
CLOUDED: Final = 0.75
"""With a sign of trouble or of an own matter in the text, this share of the threshold must do."""
ASIDE: Final = 0.5
"""Probability that one clause, read alone, is grave: more likely than not. A few words alone are judged less surely
than a sentence, so that the threshold above would hold back most of what has a comma in it."""
UNSURE: Final = 0.35
"""A probability of `unknown` from here on forbids to act."""
LEAST_SURE: Final = 0.40
"""The best tier needs this much."""
LONGEST: Final = 700
"""Characters. Whoever writes more, in length or in sentences, has more than one question."""
MOST_SENTENCES: Final = MOST_PIECES
"""Each was then judged on its own: nothing grave can hide in the vector of a harmless neighbour."""
LONGEST_WORD: Final = 60

_NAMES: Final[dict[Tier, str]] = {
    "outage": "an outage",
    "billing": "a matter of money",
    "problem": "a problem",
    "person": "a call for a person",
    "howto": "a how-to question",
    "feedback": "feedback",
    "unknown": "nothing we are sure of",
}
_DEMANDS: Final[dict[WireName, str]] = {
    "security": "safety or security may be at stake",
    "down": "something may be down",
    "money": "money is involved",
    "person": "the customer asks for a person",
    "legal": "it is a legal matter",
    "trouble": "it tells of trouble",
    "anger": "it sounds angry",
    "irritation": "it sounds displeased",
    "own_matter": "it is about the customer's own order or account",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """`reason` is one short sentence for a person."""

    automatable: bool
    reason: str


def judge(verdict: Verdict, *, threshold: float = STRICT_THRESHOLD) -> Ruling:
    """The ruling on a verdict. Reads everything but its `automatable` and `reason`; the same in, the same out."""
    against = (
        _unreadable(verdict)
        or _demanded(verdict)
        or _not_ours(verdict, threshold)
        or _clouded(verdict, threshold)
        or _odd(verdict.text)  # last, because it looks at every character
    )
    if against:
        return Ruling(automatable=False, reason=against)
    return Ruling(
        automatable=True,
        reason=f"{_NAMES[verdict.tier].capitalize()} ({verdict.confidence:.0%} sure), nothing grave in any sentence"
        f" ({verdict.grave:.1%} at most).",
    )


def _unreadable(verdict: Verdict) -> str:
    if not any(map(str.isalpha, verdict.text)):
        return "There are no words in it."
    if verdict.foreign:
        known = f" ({verdict.language})" if verdict.language and verdict.language != "en" else ""
        return f"It is not, or not only, in English{known}."
    if len(verdict.text) > LONGEST or verdict.sentences > MOST_SENTENCES:
        return f"It is long ({len(verdict.text)} characters, {verdict.sentences} sentences): a person should read it."
    return ""


def _demanded(verdict: Verdict) -> str:
    if not verdict.wires:
        return ""
    trip = verdict.wires[0]
    return f"The words “{_short(trip.words)}”: {_DEMANDS[trip.wire]}."


def _not_ours(verdict: Verdict, threshold: float) -> str:
    if verdict.tier not in AUTOMATABLE:
        return f"It looks like {_NAMES[verdict.tier]} ({verdict.confidence:.0%})."
    if not verdict.answerable or verdict.complaint:
        return "It is, or sounds like, a complaint."
    if verdict.grave >= threshold:
        gravest = max(GRAVE, key=lambda tier: verdict.tiers.get(tier, 0.0))
        return f"It may be grave, {_NAMES[gravest]} perhaps ({verdict.grave:.0%}; under {threshold:.0%} is asked for)."
    if verdict.aside >= ASIDE:
        return f"A part of it may be grave when it is read alone ({verdict.aside:.0%})."
    if verdict.tiers.get("unknown", 0.0) >= UNSURE:
        return f"Too likely none of what we know ({verdict.tiers['unknown']:.0%})."
    if verdict.confidence < LEAST_SURE:
        return f"Not sure enough that it is {_NAMES[verdict.tier]} ({verdict.confidence:.0%})."
    return ""


def _clouded(verdict: Verdict, threshold: float) -> str:
    if not verdict.signs:
        return ""
    angry = next((trip for trip in verdict.signs if trip.wire == "anger"), None)
    trip = angry or verdict.signs[0]
    said = f"The words “{_short(trip.words)}”: {_DEMANDS[trip.wire]}"
    if angry or verdict.tier == "feedback":
        return f"{said}."
    if verdict.grave >= threshold * CLOUDED:
        return f"{said}, and it may be grave ({verdict.grave:.0%})."
    return ""


def _odd(text: str) -> str:
    """Mostly not letters, or control characters, or one word of monstrous length."""
    visible = "".join(text.split())
    letters = sum(map(str.isalpha, visible))
    strange = any(unicodedata.category(char) in {"Cc", "Cs", "Co", "Cn"} for char in visible)
    if strange or letters * 2 < len(visible) or any(len(word) > LONGEST_WORD for word in text.split()):
        return "It does not look like ordinary text."
    return ""


def _short(words: str) -> str:
    return words if len(words) <= 40 else f"{words[:39]}…"
