"""Text in, `Verdict` out: the one class that the rest of the house talks to.

Deterministic and thread-safe, and a verdict depends on nothing but the text: not on other messages, batches or order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from intents import familiar, gate, language, sentences, small_talk, wires
from intents.catalogue import Catalogue, load_catalogue
from intents.tiers import GRAVE, TIERS, Tier
from intents.training import Learnt, Progress, learnt, nobody_watches
from intents.verdict import Nearest, Part, RunnerUp, Verdict
from intents.wires import Trip, WireName

NEAREST: Final = 3
SURE_ALONE: Final = 0.60
"""A sentence that is an outage or about money with this probability decides for the whole message."""
_HOWTO: Final = TIERS.index("howto")
_GRAVE: Final = [TIERS.index(name) for name in GRAVE]
_MIGHT_BE_ANSWERED: Final[frozenset[Tier]] = frozenset({"howto", "unknown", "problem", "feedback"})
"""By the words alone, or with what the articles say (`intents.familiar`)."""
_DECIDING_ALONE: Final[tuple[Tier, ...]] = ("outage", "billing")
COMPLAINT: Final = 0.25
"""A probability of complaint intents from here on makes the message a complaint; in one sentence, the next."""
COMPLAINT_ALONE: Final = 0.50

# How much a wire's presence and absence multiplies the odds of its tier; far milder than the likelihood ratios measured
# (0.77 of billing messages trip `money`, 0.03 of the others), because the head has seen the same words.
_WEIGHTS: Final[dict[WireName, tuple[Tier, float, float]]] = {
    "down": ("outage", 2.0, 0.5),
    "money": ("billing", 4.0, 0.5),
    "person": ("person", 3.0, 0.5),
}


class Encodes(Protocol):
    """What is needed of `models.encoder.Encoder`."""

    identity: str

    def encode(self, text: str) -> NDArray[np.float32]: ...

    def encode_some(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class Classifier:
    """Made with `load_or_train`, or from parts. `identity` changes with whatever changes a verdict."""

    def __init__(self, *, encoder: Encodes, catalogue: Catalogue, model: Learnt) -> None:
        self.identity: Final = model.identity
        self.catalogue: Final = catalogue
        self._encoder: Final = encoder
        self._model: Final = model
        intents = [catalogue.by_id[name] for name in model.classes]
        self._tier_of: Final = np.array([TIERS.index(intent.tier) for intent in intents])
        self._members: Final = np.zeros((len(intents), len(TIERS)))
        self._members[np.arange(len(intents)), self._tier_of] = 1.0
        self._complaint: Final = np.array([i.tier == "feedback" and not i.automatable for i in intents])
        self._automatable: Final = np.array([i.automatable for i in intents])
        people = [not catalogue.by_id[name].automatable for _, name in catalogue.examples]
        self._people: Final = np.ascontiguousarray(model.vectors[people])
        """Vectors of the utterances that a machine may not act on."""

    @classmethod
    def load_or_train(
        cls, home: Path, encoder: Encodes, *, catalogue: Catalogue | None = None, progress: Progress = nobody_watches
    ) -> Classifier:
        """The classifier of a catalogue (ours by default): loaded from `home/intents/` if nothing that it was learnt
        from has changed, else trained and kept there. Raises `CatalogueError`, or `models.errors.ModelError`.
        """
        catalogue = catalogue if catalogue is not None else load_catalogue()
        return cls(encoder=encoder, catalogue=catalogue, model=learnt(home, encoder, catalogue, progress=progress))

    def with_encoder(self, encoder: Encodes) -> Classifier:
        """The same classifier with another encoder of the same identity: a counting one, a cached one."""
        return Classifier(encoder=encoder, catalogue=self.catalogue, model=self._model)

    def verdict(self, text: str) -> Verdict:
        """What the message means. Takes any str; runs the encoder once per piece, six times at most; where a
        machine might answer, once more per clause, five times at most."""
        matters = sentences.matters(text)
        pieces = sentences.groups(text, matters)
        texts = (text.strip(), *(pieces if len(pieces) > 1 else ()))
        # First all that the encoder does: it leaves nothing of the rest in the processor's caches.
        vectors = list(self._encoder.encode_some(texts))
        parts = [self._model.probabilities(piece, vector) for piece, vector in zip(texts, vectors, strict=True)]
        tongue = language.detect(text)
        tripped = wires.trips(text, english=tongue.code == "en" and not tongue.foreign)
        talk = small_talk.small_talk(text)
        if talk == "are_you_a_bot":  # "am I talking to a person?" is answered honestly, with a button for one
            tripped = tuple(trip for trip in tripped if trip.wire != "person")
        return self._verdict(text, texts, parts, vectors, tongue, tripped, talk, len(matters))

    def nearest(self, text: str) -> tuple[Nearest, ...]:
        """The utterances of the catalogue closest to a text, closest first."""
        return self._nearest(self._encoder.encode(text.strip()))

    def explain(self, verdict: Verdict) -> Verdict:
        """The same verdict with `nearest` filled in, for a page where a person reads it."""
        return replace(verdict, nearest=self._nearest(verdict.vector))

    def _verdict(
        self,
        text: str,
        texts: Sequence[str],
        parts: Sequence[NDArray[np.float64]],
        vectors: Sequence[NDArray[np.float32]],
        tongue: language.Language,
        tripped: tuple[Trip, ...],
        talk: small_talk.SmallTalk | None,
        count: int,
    ) -> Verdict:
        weighed = self._weighed(parts[0], {trip.wire for trip in tripped})
        tiers = weighed @ self._members
        raw = np.stack([tiers, *(part @ self._members for part in parts)])
        decider, tier = _decider(tiers, raw[1:])
        odds = weighed if decider == 0 else parts[decider]
        best, second = _two_best(odds, self._tier_of, tier)
        how_to = int(np.where(self._tier_of == _HOWTO, weighed, -1.0).argmax())
        hard = tuple(trip for trip in tripped if trip.hard)
        signs = tuple(trip for trip in tripped if not trip.hard)
        complains = [float(odds[self._complaint].sum()) for odds in parts]
        angry = any(trip.wire == "anger" for trip in signs)
        unruled = Verdict(
            text=text,
            tier=TIERS[tier],
            intent=self._model.classes[best],
            confidence=float((odds @ self._members)[tier]),
            tiers=MappingProxyType({TIERS[i]: float(tiers[i]) for i in np.argsort(-tiers, kind="stable")}),
            runner_up=RunnerUp(self._model.classes[second], TIERS[self._tier_of[second]], float(odds[second])),
            deciding_sentence=texts[decider],
            grave=float(raw[:, [TIERS.index(name) for name in GRAVE]].max()),
            wires=hard,
            signs=signs,
            language=tongue.code,
            foreign=tongue.foreign,
            complaint=angry or complains[0] >= COMPLAINT or max(complains) >= COMPLAINT_ALONE,
            small_talk=talk,
            sentences=count,
            answerable=self.catalogue.by_id[self._model.classes[best]].automatable,
            automatable=False,
            reason="",
            vector=vectors[0],
            parts=tuple(Part(vector=vectors[max(at - 1, 0)], tiers=row) for at, row in enumerate(raw)),
            how_to=self._model.classes[how_to] if self._automatable[how_to] else None,
        )
        if not (hard or tongue.foreign or unruled.complaint) and unruled.tier in _MIGHT_BE_ANSWERED:
            unruled = replace(unruled, aside=self._aside(text))
        ruling = gate.judge(unruled)
        ruled = replace(unruled, automatable=ruling.automatable, reason=ruling.reason)
        return replace(ruled, parts=self._alarmed(ruled.parts)) if familiar.may_help(ruled) else ruled

    def _alarmed(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """With `alarm`: a look at thousands of utterances for each part, so only where an article may help."""
        alarms = {id(part.vector): familiar.alarm(self._people, part.vector) for part in parts}
        return tuple(replace(part, alarm=alarms[id(part.vector)]) for part in parts)

    def _aside(self, text: str) -> float:
        """The greatest probability of anything grave over the clauses; a how-to around one hides it."""
        if len(text) > gate.LONGEST:
            return 0.0  # goes to a person anyway
        pieces = sentences.clauses(text)
        vectors = self._encoder.encode_some(pieces)
        odds = [self._model.probabilities(piece, vector) for piece, vector in zip(pieces, vectors, strict=True)]
        return max((float((odd @ self._members)[_GRAVE].sum()) for odd in odds), default=0.0)

    def _weighed(self, odds: NDArray[np.float64], tripped: set[WireName]) -> NDArray[np.float64]:
        """The intents' probabilities with what the wires say put in."""
        factors = np.ones(len(TIERS))
        for wire, (tier, present, absent) in _WEIGHTS.items():
            factors[TIERS.index(tier)] = present if wire in tripped else absent
        weighed = odds * factors[self._tier_of]
        total: NDArray[np.float64] = weighed / weighed.sum()
        return total

    def _nearest(self, vector: NDArray[np.float32]) -> tuple[Nearest, ...]:
        similarities = self._model.vectors @ vector
        examples = self.catalogue.examples
        return tuple(
            Nearest(utterance=examples[at][0], intent=examples[at][1], similarity=float(similarities[at]))
            for at in np.argsort(-similarities, kind="stable")[:NEAREST]
        )


def _decider(tiers: NDArray[np.float64], parts: NDArray[np.float64]) -> tuple[int, int]:
    """(row of `parts`, tier) that decides: the whole (row 0), unless a sentence is surely graver."""
    best = int(tiers.argmax())
    for name in _DECIDING_ALONE:
        tier = TIERS.index(name)
        if best == tier:
            return 0, best
        if len(parts) > 1:
            row = int(parts[1:, tier].argmax()) + 1
            if parts[row, tier] >= SURE_ALONE:
                return row, tier
    return 0, best


def _two_best(odds: NDArray[np.float64], tier_of: NDArray[np.int64], tier: int) -> tuple[int, int]:
    """The best intent of the tier, and the best of all the others."""
    best = int(np.where(tier_of == tier, odds, -1.0).argmax())
    others = odds.copy()
    others[best] = -1.0
    return best, int(others.argmax())
