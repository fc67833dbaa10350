"""Novelty: what is like nothing known gets more than what is known, on every shape of training set."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.features import fit_features
from models.novelty import Novelty, fit_novelty

CHANCE = np.random.default_rng(5)
CENTRES = CHANCE.normal(0, 1, (4, 16))
CENTRES[3] *= 3  # nobody's
WORDS = ("open the door", "feed the cat", "paint a wall", "zygote xylophone qi")


def near(centre: int, count: int) -> NDArray[np.float32]:
    rows = CENTRES[centre] + CHANCE.normal(0, 0.4, (count, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def messages(centre: int, count: int) -> list[str]:
    return [f"{WORDS[centre]} {number}" for number in range(count)]


TEXTS = [text for centre in range(3) for text in messages(centre, 30)]
VECTORS = np.concatenate([near(centre, 30) for centre in range(3)])
LABELS = [str(centre) for centre in range(3) for _ in range(30)]


@pytest.fixture(scope="module")
def fitted() -> Novelty:
    return fit_novelty(TEXTS, VECTORS, LABELS)


def test_what_is_like_nothing_known_is_more_novel(fitted: Novelty) -> None:
    known = fitted.scores(messages(1, 20), near(1, 20))
    strange = fitted.scores(messages(3, 20), near(3, 20))
    assert strange.min() > known.max()
    assert (strange >= fitted.threshold(0.05)).all()


def test_a_score_depends_on_nothing_but_its_message(fitted: Novelty) -> None:
    vectors = near(2, 5)
    together = fitted.scores(messages(2, 5), vectors)
    alone = [fitted.score(text, vector) for text, vector in zip(messages(2, 5), vectors, strict=True)]
    assert together == pytest.approx(alone, abs=1e-5)


def test_letters_are_alike_by_the_cosine(fitted: Novelty) -> None:
    features = fit_features(TEXTS, "characters")
    dense = features.transform(TEXTS).toarray()
    one = features.transform(["feed a cat wall"]).toarray()[0]
    assert fitted.letters.alike("feed a cat wall") == pytest.approx(dense @ one, abs=1e-6)
    assert not fitted.letters.alike("жжж").any()


def test_a_known_message_is_measured_without_itself() -> None:
    """Two far groups and one message alone in its class: left out, it is the most novel of all."""
    vectors = np.concatenate([near(0, 20), near(1, 20), near(3, 1)])
    texts = [*messages(0, 20), *messages(1, 20), *messages(3, 1)]
    found = fit_novelty(texts, vectors, ["a"] * 20 + ["b"] * 20 + ["c"])
    assert found.known[-1] > found.known[-2] + 1


@pytest.mark.parametrize(
    ("texts", "vectors", "labels"),
    [
        (["a", "b"], near(0, 2), ["x", "y"]),
        (["a", "a", "a"], np.repeat(near(0, 1), 3, axis=0), ["x", "x", "y"]),
        (["", " ", "?"], near(1, 3), ["x", "y", "y"]),
    ],
    ids=["one of each", "all the same", "no words"],
)
def test_poor_training_sets_have_finite_scores(
    texts: list[str], vectors: NDArray[np.float32], labels: list[str]
) -> None:
    found = fit_novelty(texts, vectors, labels)
    assert np.isfinite(found.scores(["a", "", "z"], near(2, 3))).all()
    assert np.isfinite(found.threshold(0.05))


def test_one_message_is_too_few() -> None:
    with pytest.raises(ValueError, match="1 texts"):
        fit_novelty(["a"], near(0, 1), ["x"])
