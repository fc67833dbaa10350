"""What the questions that a desk's articles list say about a message that the gate holds back.

The catalogue cannot know every trade's words: "catch-all for my domain" is no how-to question to who has never heard of
one. The articles in use know them. A message much nearer to the questions that they list than to anything in the
catalogue that belongs to people is a how-to question more likely than the words alone say, by a factor of `MOST` at
most. The gate then rules on what has come of it, by the same threshold as ever.

Nothing here helps a message that trips a hard wire, is foreign, a complaint, about the customer's own account, or most
likely an outage, about money or a call for a person. One that is more likely than not a problem stays a problem: `MOST`
is too little to lift it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from intents import gate
from intents.tiers import GRAVE, TIERS, Tier
from intents.verdict import Verdict

MOST: Final = 2.3
"""The articles' word for it multiplies the odds of a how-to question by this much at most."""
NEARER: Final = 1.0
"""How much nearer to the articles than to what people do a part must be before it counts, as a difference of logs."""
PEOPLE: Final = 1000
TEMPERATURE: Final = 0.05
"""Of the soft maximum over similarities: neighbours 0.1 apart count 7 to 1."""
_MAY_BE_HELPED: Final[frozenset[Tier]] = frozenset({"howto", "unknown", "problem"})
_HOWTO: Final = TIERS.index("howto")
_GRAVE: Final = [TIERS.index(name) for name in GRAVE]


def closeness(rows: NDArray[np.float32], vector: NDArray[np.float32]) -> float:
    """log of the sum of exp(similarity / temperature) over unit rows; of none, that of a similarity of -1."""
    if not len(rows):
        return -1 / TEMPERATURE
    scaled = np.vecdot(rows, vector).astype(np.float64) / TEMPERATURE
    top = scaled.max()
    return float(top + np.log(np.exp(scaled - top).sum()))


def alarm(people: NDArray[np.float32], vector: NDArray[np.float32]) -> float:
    """`closeness` to what people do, as if `PEOPLE` utterances said it: more of the same make nothing graver."""
    return closeness(people, vector) - math.log(max(len(people), 1) / PEOPLE)


def may_help(verdict: Verdict) -> bool:
    """Whether what the articles say could change the verdict."""
    return not (
        verdict.automatable
        or not verdict.parts
        or verdict.how_to is None
        or verdict.tier not in _MAY_BE_HELPED
        or (verdict.wires or verdict.foreign or verdict.complaint or verdict.small_talk)
        or any(trip.wire == "own_matter" for trip in verdict.signs)
    )


def reconsider(
    verdict: Verdict,
    listed: Callable[[NDArray[np.float32]], float],
    *,
    threshold: float = gate.STRICT_THRESHOLD,
) -> Verdict:
    """The verdict with what the articles say put in, if a machine may then act alone; else the same verdict.

    listed: the `closeness` of a vector to the headings and questions that the articles list.
    """
    if verdict.how_to is None or not may_help(verdict):
        return verdict
    rows = np.stack([part.tiers for part in verdict.parts])
    near = {id(part.vector): listed(part.vector) - part.alarm for part in verdict.parts}  # the whole is there twice
    rows[:, _HOWTO] *= [_worth(near[id(part.vector)]) for part in verdict.parts]
    rows /= rows.sum(axis=1, keepdims=True)
    whole = rows[0]
    if whole.argmax() != _HOWTO:
        return verdict
    helped = replace(
        verdict,
        tier="howto",
        intent=verdict.how_to,
        confidence=float(whole[_HOWTO]),
        tiers=MappingProxyType({TIERS[at]: float(whole[at]) for at in np.argsort(-whole, kind="stable")}),
        deciding_sentence=verdict.text.strip(),
        grave=float(rows[:, _GRAVE].max()),
        answerable=True,
    )
    ruling = gate.judge(helped, threshold=threshold)
    if not ruling.automatable:
        return verdict
    return replace(helped, automatable=True, reason=f"{ruling.reason} Articles list questions like it.")


def _worth(nearer: float) -> float:
    return min(MOST, math.exp(max(0.0, min(nearer - NEARER, 9.0))))
