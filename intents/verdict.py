"""What the classifier thinks of one message. A value: it decides nothing and knows no customer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from intents.small_talk import SmallTalk
from intents.tiers import Tier
from intents.wires import Trip


class RunnerUp(NamedTuple):
    """The second best intent."""

    intent: str
    tier: Tier
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """An utterance of the catalogue close to the message; `similarity` is a cosine, -1 to 1."""

    utterance: str
    intent: str
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a message as the head saw it."""

    vector: NDArray[np.float32]
    """(dimension,), unit length."""
    tiers: NDArray[np.float64]
    """(7,), in the order of `TIERS`, summing to 1."""
    alarm: float = math.inf
    """How close it is to what the catalogue leaves to people (`intents.familiar.alarm`); inf where nobody asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one message means, how sure that is, and whether a machine may act on it alone."""

    text: str
    tier: Tier
    """Best tier; a sentence that is surely an outage or about money decides for the whole message."""
    intent: str
    """Best intent within `tier`, in the part of the text that decided."""
    confidence: float
    """Probability of `tier` in the part of the text that decided."""
    tiers: Mapping[Tier, float]
    """All seven for the whole text, greatest first; they sum to 1."""
    runner_up: RunnerUp
    deciding_sentence: str
    """The part of the text that decided; the whole text where it was one matter."""
    grave: float
    """The greatest probability of outage, billing, problem or person over the sentences and the whole text."""
    wires: tuple[Trip, ...]
    """Hard wires: each demands a person whatever the probabilities say."""
    signs: tuple[Trip, ...]
    """Softer signs (trouble, anger, own matter): they only forbid a machine to act alone."""
    language: str | None
    """ISO 639-1 guess; None where undecided."""
    foreign: bool
    """Not English, or mixed with another language."""
    complaint: bool
    """Anger or complaint, whatever the tier: a case, never a thank-you."""
    small_talk: SmallTalk | None
    """The whole message is a greeting, thanks, a yes, a no or "are you a bot?"."""
    sentences: int
    """How many sentences or lines, scraps joined to a neighbour; beyond `MOST_PIECES` some were judged together."""
    answerable: bool
    """The catalogue lets a machine act on this intent at all."""
    automatable: bool
    """The strict gate (`intents.gate`) lets a machine act alone."""
    reason: str
    """One sentence for a person: why, or why not."""
    vector: NDArray[np.float32] = field(compare=False, repr=False)
    """Of the whole text, unit length: knowledge retrieval uses it again."""
    parts: tuple[Part, ...] = field(default=(), compare=False, repr=False)
    """The whole with what the wires say, the whole without, then its sentences if there are several."""
    aside: float = 0.0
    """As `grave`, but of all four together, over the clauses; looked at only where a machine might act."""
    how_to: str | None = None
    """The best intent of tier howto in the whole, if a machine may act on it; for `intents.familiar`."""
    nearest: tuple[Nearest, ...] = ()
    """Filled on demand (`Classifier.explain`), so that ordinary messages do not pay for it."""

    @property
    def wire_names(self) -> frozenset[str]:
        return frozenset(trip.wire for trip in self.wires)

    @property
    def security(self) -> bool:
        """Hacked, fraud, a threat, self-harm: a person with the outage's deadline, whatever the tier."""
        return any(trip.wire == "security" for trip in self.wires)
