"""The measured sets: their questions, what a library makes of them, and what becomes of them on the whole way.

`python tests/bot/retrieval_set.py HOME` in the root of the checkout prints the weights that the tuning part asks for,
and the numbers of all parts; HOME is the folder of the encoder, as for `models.encoder.load_encoder`.
"""

from __future__ import annotations

import asyncio
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # when run as a script

from bot.articles import load_articles  # noqa: E402
from bot.policy import Decision, Said, Situation, decide  # noqa: E402
from bot.retrieval import Hit, Library  # noqa: E402
from bot.understanding import Classifies, Reader, Reading  # noqa: E402

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One half of the set."""

    answerable: dict[str, frozenset[str]]
    """Question -> the places ("slug#anchor") that answer it."""
    unanswerable: tuple[str, ...]
    grave: tuple[str, ...] = ()
    """What only people may answer, in the words of the articles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Shares in [0, 1]."""

    right_first: float
    """Of the answerable: the first section of the search is a right one."""
    right_article: float
    answered_right: float
    answered_wrong: float
    refused_right: float
    """Of the answerable: a right section came first and was not thought good enough."""
    unanswerable_answered: float
    wrong: tuple[str, ...]
    """The unanswerable questions that were answered."""

    def __str__(self) -> str:
        return (
            f"right section first {self.right_first:.1%} (article {self.right_article:.1%}); answered right "
            f"{self.answered_right:.1%}, wrong {self.answered_wrong:.1%}, right ones refused {self.refused_right:.1%}; "
            f"unanswerable answered {self.unanswerable_answered:.1%}"
        )


def load_parts(name: str = "paraphrases") -> dict[str, Part]:
    """`tuning` and `held_out` of a set: `paraphrases` or `paraphrases_by_voice`."""
    with (Path(__file__).parent / f"{name}.toml").open("rb") as file:
        data = tomllib.load(file)
    return {
        name: Part(
            answerable={question: frozenset(places) for question, places in part["answerable"].items()},
            unanswerable=tuple(part["unanswerable"]),
            grave=tuple(part.get("grave", ())),
        )
        for name, part in data.items()
    }


def place(hit: Hit) -> str:
    """Where a hit is, as the set writes it."""
    return f"{hit.article.slug}#{hit.section.anchor}"


def measure(library: Library, part: Part, vector: Callable[[str], Vector]) -> Measured:
    """Ask everything once. `vector` gives the vector of a question."""
    first = {question: library.search(question, vector(question))[0] for question in part.answerable}
    best = {question: library.best(question, vector(question)) for question in part.answerable}
    right = {question for question, hit in first.items() if place(hit) in part.answerable[question]}
    articles = {
        question
        for question, hit in first.items()
        if hit.article.slug in {where.partition("#")[0] for where in part.answerable[question]}
    }
    answered = {question for question, hit in best.items() if hit is not None}
    wrong = tuple(question for question in part.unanswerable if library.best(question, vector(question)) is not None)
    of = len(part.answerable)
    return Measured(
        right_first=len(right) / of,
        right_article=len(articles) / of,
        answered_right=len(answered & right) / of,
        answered_wrong=len(answered - right) / of,
        refused_right=len(right - answered) / of,
        unanswerable_answered=len(wrong) / len(part.unanswerable),
        wrong=wrong,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeWay:
    """What becomes of questions that are sent to a desk: words, wires, gate and articles together. Shares in [0, 1]."""

    answered_right: float
    answered_wrong: float
    held_back: dict[str, int]
    """Answerable questions that went to a person, counted by what held them back."""
    unanswerable_answered: float
    wrong: tuple[str, ...]
    """The unanswerable questions that were answered."""
    grave_answered: tuple[str, ...]
    """Answered, or merely thanked for."""

    def __str__(self) -> str:
        return (
            f"whole way: answered right {self.answered_right:.1%}, wrong {self.answered_wrong:.1%}, held back "
            f"{self.held_back}; unanswerable answered {self.unanswerable_answered:.1%}, grave {self.grave_answered}"
        )


def decisions(library: Library, classifier: Classifies, texts: Sequence[str]) -> list[tuple[Reading, Decision]]:
    """What a desk with these articles decides on each text as somebody's first message."""
    reader = Reader(classifier=classifier, library=lambda: library, threads=1)
    readings = asyncio.run(reader.read(texts))
    reader.close()
    return [
        (reading, decide(Situation(
            said=(Said(id=1, kind="text", text=text),), understanding=reading.understanding,
            questions=reading.questions, articles=len(reading.hits),
        )))
        for text, reading in zip(texts, readings, strict=True)
        if reading is not None
    ]  # fmt: skip


def whole_way(library: Library, classifier: Classifies, part: Part) -> WholeWay:
    right = 0
    held: Counter[str] = Counter()
    for places, (reading, decision) in zip(
        part.answerable.values(), decisions(library, classifier, tuple(part.answerable)), strict=True
    ):
        right += decision.act == "answer" and place(reading.hits[0]) in places
        if decision.act != "answer":
            held[_held_back_by(reading)] += 1
    of = len(part.answerable)

    def acted_on(texts: tuple[str, ...], *acts: str) -> tuple[str, ...]:
        found = zip(texts, decisions(library, classifier, texts), strict=True)
        return tuple(text for text, (_, decision) in found if decision.act in acts)

    wrong = acted_on(part.unanswerable, "answer")
    return WholeWay(
        answered_right=right / of,
        answered_wrong=(of - right - held.total()) / of,
        held_back=dict(held.most_common()),
        unanswerable_answered=len(wrong) / len(part.unanswerable),
        wrong=wrong,
        grave_answered=acted_on(part.grave, "answer", "thank"),
    )


def _held_back_by(reading: Reading) -> str:
    verdict = reading.verdict
    if verdict.automatable and verdict.tier == "howto":
        return "no good section"
    if verdict.wires:
        return "wire"
    if verdict.foreign:
        return "language"
    return "gate" if verdict.tier == "howto" else verdict.tier


def fit(library: Library, part: Part, vector: Callable[[str], Vector], *, fused: float) -> dict[str, float]:
    """The weights of `Evidence.score` and "bias" by logistic regression, with the weight of `fused` given.

    A first section is an example of good enough if it is right; what comes first for an unanswerable question is none.
    """
    names = ("estranged", "covered", "foreign", "lead")
    first = [(library.search(q, vector(q))[0], right) for q, right in part.answerable.items()]
    first += [(library.search(q, vector(q))[0], frozenset()) for q in part.unanswerable]
    facts = np.array([[float(getattr(hit.evidence, name)) for name in names] for hit, _ in first])
    given = np.array([fused * hit.evidence.fused for hit, _ in first])
    sign = np.array([1.0 if place(hit) in right else -1.0 for hit, right in first])
    mean, spread = facts.mean(axis=0), facts.std(axis=0)

    def loss(weights: NDArray[np.float64]) -> float:
        logits = given + (facts - mean) / spread @ weights[:-1] + weights[-1]
        return float(np.logaddexp(0, -sign * logits).sum() + 0.5 * weights[:-1] @ weights[:-1])

    found = minimize(loss, np.zeros(len(names) + 1)).x
    weights = found[:-1] / spread
    return {**dict(zip(names, weights.tolist(), strict=True)), "bias": float(found[-1] - weights @ mean)}


def main(home: Path) -> None:
    from intents.classifier import Classifier
    from models.encoder import load_encoder

    encoder = load_encoder(home)
    vector = cache(encoder.encode)
    library = Library.build(load_articles(ROOT / "bot" / "knowledge"), encoder)
    classifier = Classifier.load_or_train(home, encoder)
    lines = [str(fit(library, load_parts()["tuning"], vector, fused=2.0))]
    for file in ("paraphrases", "paraphrases_by_voice"):
        for name, part in load_parts(file).items():
            measured = measure(library, part, vector)
            lines += [
                f"{file}, {name}: {measured}",
                f"  answered although nothing answers it: {'; '.join(measured.wrong)}",
                f"  {whole_way(library, classifier, part)}",
            ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
