"""Which section a question is like, learned from the headings and questions that the sections list.

Nearest neighbours know what is near; a classifier also knows what tells two neighbours apart ("turn it on", "turn it
off"). Multinomial logistic regression on unit vectors, fitted with L-BFGS (Liu and Nocedal, 1989) to the same end each
time. Measured on the set in tests/bot/paraphrases.toml it puts the right section first in 3 more of 100 questions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_PENALTY = 1 / 30
_ROUNDS = 15
_WORK = 500_000
"""Texts times sections from which the fit would take longer than some seconds; such a library does without."""

Vector = NDArray[np.float32]


class Keeps(Protocol):
    """Where a fit may be kept from one build to the next; `models.vectors.VectorCache` is one."""

    def made(self, name: str, recipe: str, of: Sequence[NDArray[Any]], make: Callable[[], Vector], /) -> Vector:
        """What `make` returns; kept as long as the recipe and the arrays `of`, which it is made of, are the same."""
        ...


def fitted(vectors: Vector, starts: NDArray[np.intp], cache: Keeps | None) -> Vector | None:
    """`fit`, or what it gave the last time for the same vectors: it takes half a second, and seconds on a busy machine.

    scipy, which fits, is then not even loaded.
    """
    if cache is None or not _worth(vectors, starts):
        return fit(vectors, starts)

    def make() -> Vector:
        weights = fit(vectors, starts)
        assert weights is not None  # noqa: S101 - for mypy; `_worth` has just said so
        return weights

    recipe = f"1: penalty={_PENALTY} rounds={_ROUNDS} numpy={np.__version__} scipy={version('scipy')}"
    return cache.made("likeness", recipe, [vectors, starts], make)


def fit(vectors: Vector, starts: NDArray[np.intp]) -> Vector | None:
    """Weights (sections, dimension), for `log_shares`; None if there is nothing to tell apart, or too much.

    vectors: (texts, dimension), unit rows, those of one section together; starts: (sections + 1,), where each begins.
    """
    if not _worth(vectors, starts):
        return None
    from scipy.optimize import minimize  # loads for half a second and takes 30 MB

    sections = len(starts) - 1
    sizes = np.diff(starts)
    of = np.repeat(np.arange(sections), sizes)
    # Each section counts the same, however many questions it lists: a long list is no reason to be preferred.
    weight = (len(vectors) / sections / sizes)[of].astype(np.float32)[:, None]
    goal = np.zeros((len(vectors), sections), dtype=np.float32)
    goal[np.arange(len(vectors)), of] = 1

    def loss(flat: NDArray[np.float64]) -> tuple[float, Any]:
        weights = flat.reshape(-1, sections).astype(np.float32)
        logs = _log_softmax(vectors @ weights)
        value = -float((weight * goal * logs).sum()) + 0.5 * _PENALTY * float(flat @ flat)
        slope = vectors.T @ (weight * (np.exp(logs) - goal))
        return value, slope.astype(np.float64).ravel() + _PENALTY * flat

    start = np.zeros(vectors.shape[1] * sections)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS})
    return np.ascontiguousarray(found.x.reshape(-1, sections).T, dtype=np.float32)


def _worth(vectors: Vector, starts: NDArray[np.intp]) -> bool:
    sections = len(starts) - 1
    return sections >= 2 and len(vectors) * sections <= _WORK


def log_shares(weights: Vector, vector: Vector) -> Vector:
    """(sections,): log of the probability that a question with this vector is like each section's."""
    shares: Vector = _log_softmax(np.vecdot(weights, vector)[None])[0]
    return shares


def _log_softmax(logits: Vector) -> Vector:
    logits = logits - logits.max(axis=1, keepdims=True)
    shares: Vector = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return shares
