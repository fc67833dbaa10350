"""A trial: a fresh head is trained on labelled messages and measured on others. Nothing of it stays but the vectors."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from intents.catalogue import normal
from intents.errors import LabelledError
from intents.fresh import STANDARD, Recipe, train_fresh, wanted_words
from intents.labelled import Labelled, Row
from intents.scores import (
    SHARES,
    Point,
    Rejected,
    Reliability,
    Scores,
    ranked,
    rejected,
    reliability,
    risk_coverage,
    score,
)
from models.novelty import Novelty, fit_novelty
from models.vectors import VectorCache


class Shows(Protocol):
    """What is being done, and how many of how many parts of it; of None where nobody can tell."""

    def __call__(self, doing: str, done: int = 0, of: int | None = None) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfScope:
    """How well messages that are about nothing known are told from those that are."""

    label: str
    messages: int
    train_left_out: int
    """Rows of the training file with that label, which nothing was learnt from."""
    auroc: float
    at: tuple[Rejected, ...]
    """The threshold chosen so that exactly this share of the known test messages is rejected."""
    preset: tuple[Rejected, ...]
    """The threshold chosen before, from the training messages alone; `share` is of those."""
    preset_known: tuple[float, ...]
    """The share of the known test messages that each of `preset` rejects."""
    curve: tuple[tuple[float, float], ...]
    """(share of known messages rejected, recall), from 0 to 20 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """How long things took. encode: of all texts; those whose vectors were kept from an earlier trial take no time."""

    encode: float
    train: float
    predict: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What `run` found. `rows`, `predicted` and `confidence` are of the known test messages, in their order."""

    encoder: str
    train: Labelled
    test: Labelled
    rows: tuple[Row, ...]
    predicted: tuple[str, ...]
    confidence: NDArray[np.float64]
    scores: Scores
    reliability: Reliability
    risk_coverage: tuple[Point, ...]
    out_of_scope: OutOfScope | None
    absent: Mapping[str, int]
    """Labels of the test that training lacks, each with its messages: none of them can be right."""
    repeated: int
    """Test messages that are in the training file too, word for word."""
    encoded: int
    """Texts that were encoded now; the others' vectors were kept."""
    seconds: Seconds


def run(
    train: Labelled,
    test: Labelled,
    cache: VectorCache,
    *,
    encoder_identity: str,
    show: Shows,
    oos_label: str | None = None,
    recipe: Recipe = STANDARD,
    threads: int = 2,
) -> Trial:
    """Train on one, measure on the other. Raises `LabelledError` where nothing can be measured.

    oos_label: messages with it are about nothing known. Nothing is learnt from them; in the test they are to be told
    from the others by their novelty, and are no part of accuracy, F1 and confusion.
    """
    known, test_known, strange = _divided(train, test, oos_label)
    clock = _Clock()
    texts, labels = [row.text for row in known], [row.label for row in known]
    words = wanted_words(labels, recipe)
    with clock.of("encode"):
        rows = [*known, *test_known, *strange]
        vectors, encoded = _encoded(cache, [*(row.text for row in rows), *words.values()], show, threads)
    of_train, of_test, of_words = np.split(vectors, [len(known), len(rows)])
    with clock.of("train"):
        show(f"training on {len(known):,} messages")
        named = {label: (said, vector) for (label, said), vector in zip(words.items(), of_words, strict=True)}
        head = train_fresh(texts, of_train, labels, encoder_identity=encoder_identity, words=named, recipe=recipe)
    odds = np.empty((len(test_known), len(head.classes)))
    with clock.of("predict"):
        for at, row in enumerate(test_known):
            odds[at] = head.probabilities(row.text, of_test[at])
            if at % 100 == 0:
                show("predicting", at, len(test_known))
    predicted = tuple(head.classes[at] for at in odds.argmax(axis=1))
    true = [row.label for row in test_known]
    right = np.array([label == guess for label, guess in zip(true, predicted, strict=True)])
    confidence: NDArray[np.float64] = odds.max(axis=1)
    found = None
    if strange:
        show("measuring novelty")
        novelty = fit_novelty(texts, of_train, labels)
        ask = [row.text for row in (*test_known, *strange)]
        novel = novelty.scores(ask, of_test, progress=lambda done, all_: show("measuring novelty", done, all_))
        found = _out_of_scope(
            oos_label or "", len(train.rows) - len(known), novelty, novel[: len(test_known)], novel[len(test_known) :]
        )
    counts = Counter(true)
    there = {normal(row.text) for row in known}
    return Trial(
        encoder=encoder_identity,
        train=train,
        test=test,
        rows=tuple(test_known),
        predicted=predicted,
        confidence=confidence,
        scores=score(true, predicted),
        reliability=reliability(confidence, right),
        risk_coverage=risk_coverage(confidence, right),
        out_of_scope=found,
        absent={label: counts[label] for label in sorted(counts.keys() - set(labels))},
        repeated=sum(normal(row.text) in there for row in test_known),
        encoded=encoded,
        seconds=Seconds(**clock.took),
    )


class _Clock:
    """Seconds by name."""

    def __init__(self) -> None:
        self.took: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.took[name] = time.perf_counter() - began


def _divided(train: Labelled, test: Labelled, oos_label: str | None) -> tuple[list[Row], list[Row], list[Row]]:
    known = [row for row in train.rows if row.label != oos_label]
    test_known = [row for row in test.rows if row.label != oos_label]
    strange = [row for row in test.rows if row.label == oos_label]
    labels = {row.label for row in known}
    if len(labels) < 2:
        has = f"only {next(iter(labels))!r}" if labels else f"nothing but {oos_label!r}"
        raise LabelledError(f"{_files(train)}: has {has}. Training needs messages of two labels at least.")
    if not test_known:
        raise LabelledError(f"{_files(test)}: has nothing but {oos_label!r}. Add messages with known labels.")
    if oos_label is not None and not strange:
        raise LabelledError(
            f"{_files(test)}: no row is labelled {oos_label!r}. Add the file that has them, or leave --oos-label out."
        )
    return known, test_known, strange


def _files(labelled: Labelled) -> str:
    return ", ".join(dict.fromkeys(row.file for row in labelled.rows))


def _encoded(cache: VectorCache, texts: Sequence[str], show: Shows, threads: int) -> tuple[NDArray[np.float32], int]:
    """(vectors of all texts, how many texts were encoded for that)."""
    show("encoding")
    missing = 0

    def advance(done: int, all_: int) -> None:
        nonlocal missing
        missing = all_
        show("encoding", done, all_)

    return cache.vectors(texts, threads=threads, progress=advance), missing


def _out_of_scope(
    label: str, left_out: int, novelty: Novelty, known: NDArray[np.float64], strange: NDArray[np.float64]
) -> OutOfScope:
    thresholds = [novelty.threshold(share) for share in SHARES]
    preset = tuple(
        Rejected(
            share=share,
            known=int((known >= threshold).sum()),
            recall=float((strange >= threshold).mean()),
            threshold=threshold,
        )
        for share, threshold in zip(SHARES, thresholds, strict=True)
    )
    steps = [at / 200 for at in range(41)]
    return OutOfScope(
        label=label,
        messages=len(strange),
        train_left_out=left_out,
        auroc=ranked(known, strange),
        at=rejected(known, strange),
        preset=preset,
        preset_known=tuple(one.known / len(known) for one in preset),
        curve=tuple((one.share, one.recall) for one in rejected(known, strange, shares=steps)),
    )
