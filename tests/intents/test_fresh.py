"""What a fresh head makes of few texts and of many, and of what labels say."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from intents.fresh import STANDARD, Fresh, train_fresh, wanted_words, words_of
from models.errors import ModelError

CHANCE = np.random.default_rng(4)
SIZE = 12


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("card_arrival", "card arrival"),
        ("cardArrival", "card arrival"),
        ("Refund_not_showing_up", "refund not showing up"),
        ("why/when?", "why when"),
        ("ärger", "ärger"),
        ("class_7", None),
        ("17", None),
        ("a", None),
        ("", None),
        ("x_y", None),
    ],
)
def test_what_a_label_says(label: str, words: str | None) -> None:
    assert words_of(label) == words


def test_words_are_wanted_where_texts_are_few() -> None:
    assert wanted_words(["card_lost", "b7", "card_lost"]) == {"card_lost": "card lost"}
    assert wanted_words(["card_lost"] * 41 + ["card_found"]) == {}


def made(per_label: int) -> tuple[list[str], NDArray[np.float32], list[str]]:
    """Texts of three labels; their vectors lie on both sides of each other, so that no plane parts them."""
    labels = [label for label in ("inner one", "outer one", "far one") for _ in range(per_label)]
    sides = CHANCE.choice([-1.0, 1.0], len(labels))
    along = {"inner one": 0.1, "outer one": 0.6, "far one": 1.2}
    vectors = CHANCE.normal(0, 0.03, (len(labels), SIZE))
    vectors[:, 0] += [side * along[label] for side, label in zip(sides, labels, strict=True)]
    return [f"text {row}" for row in range(len(labels))], vectors.astype(np.float32), labels


def accuracy(fresh: Fresh, texts: list[str], vectors: NDArray[np.float32], labels: list[str]) -> float:
    found = [fresh.classes[int(fresh.probabilities(*pair).argmax())] for pair in zip(texts, vectors, strict=True)]
    return float(np.mean([one == other for one, other in zip(found, labels, strict=True)]))


def test_many_texts_are_parted_by_curves() -> None:
    texts, vectors, labels = made(60)
    known, test = slice(0, None, 2), slice(1, None, 2)
    plane = replace(STANDARD, many=1000, nearest=0.0)
    curve = replace(STANDARD, many=10, nearest=0.0)
    scores = [
        accuracy(
            train_fresh(texts[known], vectors[known], labels[known], encoder_identity="toy", recipe=recipe),
            *(["?"] * len(texts[test]), vectors[test], labels[test]),
        )
        for recipe in (plane, curve)
    ]
    assert scores[0] < 0.9 < scores[1]


@pytest.mark.parametrize("per_label", [2, 60])
def test_probabilities_are_some(per_label: int) -> None:
    texts, vectors, labels = made(per_label)
    fresh = train_fresh(texts, vectors, labels, encoder_identity="toy")
    assert fresh.classes == ("far one", "inner one", "outer one")
    assert (fresh.lift is None) == (per_label == 2)
    for text, vector in zip(texts, vectors, strict=True):
        found = fresh.probabilities(text, vector)
        assert (found.dtype, found.shape) == (np.float64, (3,))
        assert found.sum() == pytest.approx(1)


def test_the_nearest_text_decides_where_the_head_cannot() -> None:
    vectors = np.eye(4, SIZE, dtype=np.float32)
    recipe = replace(STANDARD, c=1e-6, nearest=50.0)
    fresh = train_fresh(["?"] * 4, vectors, ["b", "a", "b", "a"], encoder_identity="toy", recipe=recipe)
    assert [fresh.classes[int(fresh.probabilities("?", one).argmax())] for one in vectors] == ["b", "a", "b", "a"]


def test_a_label_says_what_its_texts_do_not() -> None:
    texts, labels = ["first text", "second text"], ["card_lost", "pin_wrong"]
    vectors = np.eye(2, SIZE, dtype=np.float32)
    assert wanted_words(labels) == {"card_lost": "card lost", "pin_wrong": "pin wrong"}
    words = {
        "card_lost": ("card lost", np.eye(4, SIZE, dtype=np.float32)[2]),
        "pin_wrong": ("pin wrong", np.eye(4, SIZE, dtype=np.float32)[3]),
    }
    fresh = train_fresh(texts, vectors, labels, encoder_identity="toy", words=words)
    found = fresh.probabilities("my pin is wrong", np.eye(4, SIZE, dtype=np.float32)[3])
    assert fresh.classes[int(found.argmax())] == "pin_wrong"


def test_one_label_is_nothing_to_learn() -> None:
    with pytest.raises(ModelError, match="two classes"):
        train_fresh(["a", "b"], np.eye(2, dtype=np.float32), ["x", "x"], encoder_identity="toy")
