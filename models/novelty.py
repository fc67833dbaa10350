"""How unlike everything known a message is, so that what nobody has named is not forced under a name.

The mean of two measures, each in standard deviations of what a known message gets when it is left out itself:

- the relative Mahalanobis distance of the vector (Ren et al. 2021): how far the nearest class is, less how far all
  messages together are, so that what is merely unusual in its wording does not count;
- how unlike the ten nearest known messages are, in meaning (cosine of the vectors) and in letters (cosine of tf-idf).

Chosen on the valid part of CLINC150 among probability, entropy, margin, energy and distances of several kinds; see
docs/evaluating.md. It needs no example of what is out of scope, and no head.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.features import Features, fit_features

SHRINKAGE: Final = 0.6
"""Of both covariances towards a multiple of the identity (Ledoit and Wolf 2004 give the form)."""
NEIGHBOURS: Final = 10
OF_LETTERS: Final = 0.3
"""Their weight in the likeness of two messages; the rest is the meaning's."""
_LEFT_OUT: Final = 2000  # known messages that are measured against all others, at most
_AT_ONCE: Final = 256  # messages whose likeness to all known ones is held in memory
_NEVER: Final = -2.0  # a cosine below all cosines

Advance = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Novelty:
    """Made with `fit_novelty`. Holds the vectors that it was made of; any number of threads may share it."""

    vectors: NDArray[np.float32]
    near: "_Distance"
    letters: "_Letters"
    centre: NDArray[np.float64]
    """(2,), of each measure over the known messages."""
    spread: NDArray[np.float64]
    """(2,), its standard deviation there."""
    known: NDArray[np.float64]
    """What known messages get, each measured against all others: ascending."""

    def score(self, text: str, vector: NDArray[np.float32]) -> float:
        """How novel one message is: about 0 for an ordinary known one, greater for what is less like them."""
        return float(self.scores([text], vector[None, :])[0])

    def scores(
        self, texts: Sequence[str], vectors: NDArray[np.float32], *, progress: Advance | None = None
    ) -> NDArray[np.float64]:
        """How novel each of n messages is: (n,). `vectors`, (n, dimension), of the encoder that was used to fit.

        progress(done, all) is called now and then.
        """
        return self._joined(_measured(self.near, self.letters, self.vectors, texts, vectors, progress=progress))

    def threshold(self, share: float) -> float:
        """The score from which on this share (0 to 1) of the known messages would be rejected."""
        return float(np.quantile(self.known, 1 - share))

    def _joined(self, measures: NDArray[np.float64]) -> NDArray[np.float64]:
        joined: NDArray[np.float64] = ((measures - self.centre) / self.spread).mean(axis=1)
        return joined


def fit_novelty(
    texts: Sequence[str], vectors: NDArray[np.float32], labels: Sequence[str], *, progress: Advance | None = None
) -> Novelty:
    """What tells the novelty of a message from n known ones, vectors (n, dimension) and labels.

    progress(done, all) is called now and then. Raises ValueError with fewer than two messages.
    """
    if len(texts) < 2 or not len(texts) == len(vectors) == len(labels):
        raise ValueError(f"{len(texts)} texts, {len(vectors)} vectors and {len(labels)} labels")
    own = np.unique(np.array(labels), return_inverse=True)[1]
    near, letters = _distance(vectors, own), _letters(texts)
    rows = np.unique(np.linspace(0, len(texts) - 1, min(_LEFT_OUT, len(texts))).round().astype(int))
    measures = _measured(
        near, letters, vectors, [texts[row] for row in rows], vectors[rows], left_out=rows, progress=progress
    )
    spread = measures.std(axis=0)
    fitted = Novelty(
        vectors=np.ascontiguousarray(vectors, dtype=np.float32),
        near=near,
        letters=letters,
        centre=measures.mean(axis=0),
        spread=np.where(spread > 0, spread, 1.0),
        known=np.empty(0),
    )
    known = np.sort(fitted._joined(measures))
    return Novelty(**{**vars(fitted), "known": known})


def _measured(
    near: "_Distance",
    letters: "_Letters",
    known: NDArray[np.float32],
    texts: Sequence[str],
    vectors: NDArray[np.float32],
    *,
    left_out: NDArray[np.intp] | None = None,
    progress: Advance | None = None,
) -> NDArray[np.float64]:
    """Both measures of n messages: (n, 2). left_out: they are known ones, these rows; each is then not its own class's
    and not its own neighbour."""
    found = np.empty((len(texts), 2))
    for start in range(0, len(texts), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        without = left_out[some] if left_out is not None else None
        found[some, 0] = near.relative(vectors[some], without)
        alike = (1 - OF_LETTERS) * (vectors[some] @ known.T)
        for row, text in zip(alike, texts[some], strict=True):
            row += OF_LETTERS * letters.alike(text)
        if without is not None:
            alike[np.arange(len(without)), without] = _NEVER
        count = min(NEIGHBOURS, len(known) - (without is not None))
        found[some, 1] = -np.partition(alike, -count, axis=1)[:, -count:].mean(axis=1)
        if progress is not None:
            progress(min(start + _AT_ONCE, len(texts)), len(texts))
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class _Distance:
    """Squared Mahalanobis distances. own: (n,), the class of each known message."""

    means: NDArray[np.float64]
    """(classes, dimension), already taken by `within`."""
    counts: NDArray[np.int64]
    own: NDArray[np.int64]
    mean: NDArray[np.float64]
    within: NDArray[np.float64]
    """(dimension, dimension): takes a vector to where the spread within classes is round."""
    overall: NDArray[np.float64]

    def relative(self, vectors: NDArray[np.float32], left_out: NDArray[np.intp] | None) -> NDArray[np.float64]:
        """To the nearest class, less to all messages together: (n,)."""
        seen = vectors @ self.within
        squared = (seen**2).sum(axis=1)[:, None] - 2 * seen @ self.means.T + (self.means**2).sum(axis=1)
        if left_out is not None:
            # Without itself the mean of its class lies further away by n / (n - 1); of a class of one there is none.
            own = self.own[left_out]
            count = self.counts[own]
            mine = squared[np.arange(len(own)), own] * (count / np.maximum(count - 1, 1)) ** 2
            squared[np.arange(len(own)), own] = np.where(count > 1, mine, np.inf)
        nearest: NDArray[np.float64] = squared.min(axis=1)
        all_together = (((vectors - self.mean) @ self.overall) ** 2).sum(axis=1)
        # Where each class has one message, none is left for it: no nearer than all together.
        relative: NDArray[np.float64] = np.where(np.isfinite(nearest), nearest, all_together) - all_together
        return relative


def _distance(vectors: NDArray[np.float32], own: NDArray[np.int64]) -> _Distance:
    exact = vectors.astype(np.float64)
    counts = np.bincount(own)
    means = np.zeros((len(counts), vectors.shape[1]))
    np.add.at(means, own, exact)
    means /= counts[:, None]
    mean = exact.mean(axis=0)
    free = len(own) - len(counts)  # of n messages in k classes, n - k say something about the spread within them
    overall = (exact - mean).T @ (exact - mean) / len(own)
    within = (exact - means[own]).T @ (exact - means[own]) / free if free else overall
    rounding = _rounding(within)
    return _Distance(
        means=means @ rounding, counts=counts, own=own, mean=mean, within=rounding, overall=_rounding(overall)
    )


def _rounding(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """What takes vectors with this covariance, shrunk, to where it is the identity."""
    size = len(covariance)
    level = np.trace(covariance) / size
    # Of messages that are all the same nothing is known; any level keeps the distances finite.
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * (level if level > 0 else 1.0) * np.eye(size)
    rounding: NDArray[np.float64] = np.linalg.inv(np.linalg.cholesky(shrunk)).T
    return rounding


@dataclass(frozen=True, kw_only=True, eq=False)
class _Letters:
    """Which known messages hold a term: those of term t are rows[starts[t]:starts[t + 1]], with their weights."""

    features: Features
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    weights: NDArray[np.float32]
    count: int

    def alike(self, text: str) -> NDArray[np.float64]:
        """The cosine of the text and of each known message: (n,)."""
        indices, values = self.features.transform_one(text)
        places = [slice(self.starts[index], self.starts[index + 1]) for index in indices]
        if not places:
            return np.zeros(self.count)
        rows = np.concatenate([self.rows[place] for place in places])
        weights = np.concatenate([self.weights[place] * value for place, value in zip(places, values, strict=True)])
        likeness: NDArray[np.float64] = np.bincount(rows, weights=weights, minlength=self.count).astype(np.float64)
        return likeness


def _letters(texts: Sequence[str]) -> _Letters:
    features = fit_features(texts, "characters")
    found = [features.transform_one(text) for text in texts]
    terms = np.concatenate([indices for indices, _ in found])
    rows = np.repeat(np.arange(len(texts), dtype=np.int32), [len(indices) for indices, _ in found])
    order = np.argsort(terms, kind="stable")
    return _Letters(
        features=features,
        starts=np.concatenate([[0], np.bincount(terms, minlength=len(features.terms)).cumsum()]),
        rows=rows[order],
        weights=np.concatenate([weights for _, weights in found])[order],
        count=len(texts),
    )
