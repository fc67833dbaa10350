"""A fresh head on anybody's labels: the one place where `evaluate` says how it is trained.

Beside the head stands the nearest known text of each label: texts that almost repeat each other are told from those
that only are about the same. How the recipe was found, and what was tried in vain: `docs/judgement.md`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.head import Head, fit_head
from models.lift import Lift

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORDS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a head is fitted. c, weight: see `models.head.fit_head`."""

    c: float
    weight: float
    nearest: float
    """How much the cosine with the nearest text of a label adds to its logit."""
    few: float
    """Texts per label, on average, up to which a label's own words count as one text more."""
    many: float
    """Texts per label, on average, from which on vectors are lifted, and terms of a single text left out."""
    width: int
    sharpness: float
    """Of the lift, see `models.lift`."""


STANDARD: Final = Recipe(c=30.0, weight=0.5, nearest=4.0, few=20, many=40, width=2048, sharpness=1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Fresh:
    """A trained head with the texts that it knows; `train_fresh` makes one."""

    classes: tuple[str, ...]
    head: Head
    lift: Lift | None
    nearest: float
    known: NDArray[np.float32]
    """(texts, dimension), label by label in the order of the classes."""
    starts: NDArray[np.intp]
    """(classes,), where each label begins in `known`."""

    def probabilities(self, text: str, vector: NDArray[np.float32]) -> NDArray[np.float64]:
        """How likely each class is: (classes,), float64, sum 1. `vector` is `Encoder.encode(text)`."""
        logits = self.head.logits(text, vector if self.lift is None else self.lift(vector)) / self.head.temperature
        logits += self.nearest * np.maximum.reduceat(self.known @ vector, self.starts)
        shares = np.exp(logits - logits.max())
        likely: NDArray[np.float64] = shares / shares.sum()
        return likely


def words_of(label: str) -> str | None:
    """What a label says: "card_arrival" and "cardArrival" say "card arrival"; "class 7" and "x" say nothing."""
    if any(sign.isdigit() for sign in label):
        return None
    words = _WORDS.findall(_CAMEL.sub(" ", label))
    return " ".join(words).lower() if any(len(word) > 2 for word in words) else None


def wanted_words(labels: Sequence[str], recipe: Recipe = STANDARD) -> dict[str, str]:
    """By label the words of which `train_fresh` wants the vectors: none where there are texts enough."""
    classes = sorted(set(labels))
    if len(labels) > recipe.few * len(classes):
        return {}
    return {label: words for label in classes if (words := words_of(label)) is not None}


def train_fresh(
    texts: Sequence[str],
    vectors: NDArray[np.float32],
    labels: Sequence[str],
    *,
    encoder_identity: str,
    words: Mapping[str, tuple[str, NDArray[np.float32]]] | None = None,
    recipe: Recipe = STANDARD,
) -> Fresh:
    """A head on texts, their vectors (len(texts), dimension) and labels. Raises ModelError with under two labels.

    words: of labels the words that `wanted_words` names, with their vectors (dimension,).
    """
    per_label = len(labels) / max(1, len(set(labels)))
    if words:
        texts, labels = [*texts, *(said for said, _ in words.values())], [*labels, *words]
        vectors = np.concatenate([vectors, [vector for _, vector in words.values()]])
    many = per_label >= recipe.many
    lift = Lift(dimension=vectors.shape[1], width=recipe.width, sharpness=recipe.sharpness) if many else None
    head = fit_head(
        texts,
        vectors if lift is None else lift(vectors),
        labels,
        encoder_identity=encoder_identity,
        c=recipe.c,
        weight=recipe.weight,
        class_weight=None,
        min_df=2 if many else 1,
    ).at(_temperature(per_label))
    order = np.argsort(np.array(labels, dtype=object), kind="stable")
    starts = np.searchsorted(np.array(labels, dtype=object)[order], np.array(head.classes, dtype=object))
    return Fresh(
        classes=head.classes,
        head=head,
        lift=lift,
        nearest=recipe.nearest,
        known=np.ascontiguousarray(vectors[order], dtype=np.float32),
        starts=starts,
    )


def _temperature(per_label: float) -> float:
    """What fitted on the valid parts of three public sets: about 0.65 with ten texts a label, 0.85 with a hundred."""
    return min(1.0, 0.45 + 0.085 * math.log(max(1.0, per_label)))
