"""Figures over predictions whose right answers are known: accuracy, F1, confusion, calibration, what is rejected.

Pure functions over labels, probabilities and scores; no model and no file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BINS: Final = 15
"""Of equal width, over confidence: what the literature on calibration uses (Guo et al. 2017)."""
SHARES: Final = (0.02, 0.05, 0.10)
"""Of known messages rejected, at which the recall of out-of-scope messages is told."""
STEPS: Final = 20
"""Points of a risk-coverage curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfClass:
    """One class. precision, recall and f1 are 0 where their denominator is (as scikit-learn has it)."""

    precision: float
    recall: float
    f1: float
    support: int
    """How many messages have this label."""
    predicted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confused:
    """Messages of one label that were taken for another; `examples` are rows of the test."""

    true: str
    predicted: str
    count: int
    examples: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How well labels were predicted."""

    accuracy: float
    macro_f1: float
    """Mean over all classes that were true or predicted: scikit-learn's f1_score(average="macro")."""
    classes: Mapping[str, OfClass]
    confused: tuple[Confused, ...]
    """Most frequent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Messages whose confidence lies in (low, high]; confidence and accuracy are means over them."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """ece: expected calibration error, the mean distance of confidence and accuracy, weighed by the bins' counts."""

    ece: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The share `coverage` that is surest is answered, and of it the share `risk` wrongly; all are at least `least`."""

    coverage: float
    risk: float
    least: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A threshold on novelty: a message is rejected from it on."""

    share: float
    """Asked for."""
    known: int
    """Known messages that are rejected."""
    recall: float
    """Of the out-of-scope messages, the share that is rejected."""
    threshold: float


def score(true: Sequence[str], predicted: Sequence[str]) -> Scores:
    """Figures over two equally long, non-empty sequences of labels."""
    labels = sorted({*true, *predicted})
    support, named = Counter(true), Counter(predicted)
    hits = Counter(label for label, guess in zip(true, predicted, strict=True) if label == guess)
    classes = {label: _of_class(hits[label], support[label], named[label]) for label in labels}
    where: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for row, pair in enumerate(zip(true, predicted, strict=True)):
        if pair[0] != pair[1]:
            where[pair].append(row)
    confused = (
        Confused(true=label, predicted=guess, count=len(rows), examples=tuple(rows[:3]))
        for (label, guess), rows in where.items()
    )
    return Scores(
        accuracy=sum(hits.values()) / len(true),
        macro_f1=sum(one.f1 for one in classes.values()) / len(classes),
        classes=classes,
        confused=tuple(sorted(confused, key=lambda one: (-one.count, one.true, one.predicted))),
    )


def _of_class(hits: int, support: int, predicted: int) -> OfClass:
    return OfClass(
        precision=hits / predicted if predicted else 0.0,
        recall=hits / support if support else 0.0,
        f1=2 * hits / (support + predicted),
        support=support,
        predicted=predicted,
    )


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Reliability:
    """Of n messages, how sure the machine was (0 to 1) and whether it was right."""
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    bins = []
    for at in range(BINS):
        inside = place == at
        count = int(inside.sum())
        sure, accuracy = (float(confidence[inside].mean()), float(right[inside].mean())) if count else (0.0, 0.0)
        bins.append(Bin(low=at / BINS, high=(at + 1) / BINS, count=count, confidence=sure, accuracy=accuracy))
    ece = sum(one.count * abs(one.confidence - one.accuracy) for one in bins) / len(confidence)
    return Reliability(ece=ece, bins=tuple(bins))


def risk_coverage(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[Point, ...]:
    """The risk at every twentieth of coverage, of n messages; fewer points where there are fewer messages."""
    order = np.argsort(-confidence, kind="stable")
    risks = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    ends = sorted({round(len(order) * step / STEPS) for step in range(1, STEPS + 1)} - {0})
    return tuple(
        Point(coverage=end / len(order), risk=float(risks[end - 1]), least=float(confidence[order[end - 1]]))
        for end in ends
    )


def rejected(
    known: NDArray[np.float64], strange: NDArray[np.float64], *, shares: Sequence[float] = SHARES
) -> tuple[Rejected, ...]:
    """The recall of out-of-scope messages where each share of the known ones is rejected, rounded to whole messages.

    known, strange: how novel each known and each out-of-scope message is; greater is more novel. A message on the
    threshold is rejected.
    """
    descending = np.sort(known)[::-1]
    found = []
    for share in shares:
        count = round(share * len(known))
        threshold = float(descending[count - 1]) if count else float(np.nextafter(descending[0], np.inf))
        found.append(
            Rejected(
                share=share,
                known=int((known >= threshold).sum()),
                recall=float((strange >= threshold).mean()),
                threshold=threshold,
            )
        )
    return tuple(found)


def ranked(known: NDArray[np.float64], strange: NDArray[np.float64]) -> float:
    """The area under the ROC curve: how often an out-of-scope message is more novel than a known one; ties are half."""
    ordered = np.sort(known)
    below = np.searchsorted(ordered, strange, side="left")
    not_above = np.searchsorted(ordered, strange, side="right")
    return float((below + not_above).mean() / 2 / len(known))


def greatest_share(hits: int, of: int, *, confidence: float = 0.95) -> float:
    """The upper bound of Clopper and Pearson (1934), one-sided: with this confidence the true share is no greater."""
    if hits >= of:
        return 1.0
    from scipy.special import betaincinv

    return float(betaincinv(hits + 1, of - hits, confidence))
