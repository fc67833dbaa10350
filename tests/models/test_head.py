"""The head is scikit-learn's model, served alone, and comes back from its file as it went in."""

import contextlib
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from models import head, regression
from models.errors import ArtefactDamaged, EncoderMismatch, ModelError
from models.head import Head, fit_head

CHANCE = np.random.default_rng(3)
ANIMALS = {"cat": ["purrs", "naps", "hunts mice"], "dog": ["barks", "fetches", "hunts"], "hen": ["lays eggs", "pecks"]}
ROWS = [
    (f"the {size} one {does} {when}", animal)
    for animal, all_ in ANIMALS.items()
    for does in all_
    for size in ("small", "big", "OLD")
    for when in ("now", "at night")
]
TEXTS, LABELS = [text for text, _ in ROWS], [label for _, label in ROWS]


def vectors_for(labels: list[str]) -> NDArray[np.float32]:
    centres = {label: CHANCE.normal(0, 1, 16) for label in sorted(set(labels))}
    vectors = np.stack([centres[label] + CHANCE.normal(0, 2, 16) for label in labels])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


VECTORS = vectors_for(LABELS)
FITTED = fit_head(TEXTS, VECTORS, LABELS, encoder_identity="toy")


def theirs(fitted: Head, texts: list[str], vectors: NDArray[np.float32]) -> csr_matrix:
    parts = [csr_matrix(vectors.astype(np.float64))]
    parts += [fitted.weight * part.transform(texts) for part in (fitted.words, fitted.characters)]
    return csr_matrix(hstack(parts))


@pytest.mark.parametrize("classes", [3, 2])
@pytest.mark.parametrize("options", [{}, {"c": 1.0, "class_weight": None, "weight": 0.3, "min_df": 2}])
def test_equals_scikit_learn(classes: int, options: dict[str, object]) -> None:
    chosen = [row for row, label in enumerate(LABELS) if label in sorted(ANIMALS)[:classes]]
    texts, labels, vectors = [TEXTS[row] for row in chosen], [LABELS[row] for row in chosen], VECTORS[chosen]
    fitted = fit_head(texts, vectors, labels, encoder_identity="toy", **options)  # type: ignore[arg-type]
    model = LogisticRegression(
        C=options.get("c", 10.0), class_weight=options.get("class_weight", "balanced"), tol=1e-8, max_iter=5000
    )
    inputs = theirs(fitted, texts, vectors)
    expected = model.fit(inputs, labels).predict_proba(inputs)
    assert list(fitted.classes) == list(model.classes_)
    found = [fitted.probabilities(text, vector) for text, vector in zip(texts, vectors, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_fitting_twice_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        fit_head(TEXTS, VECTORS, LABELS, encoder_identity="toy").save(tmp_path / name)
    contents = [{k: v.tobytes() for k, v in np.load(tmp_path / name).items()} for name in ("one", "two")]
    assert contents[0] == contents[1]


def test_a_text_that_is_there_twice_is_no_trouble() -> None:
    doubled = fit_head(TEXTS * 2, np.concatenate([VECTORS] * 2), LABELS * 2, encoder_identity="toy")
    assert np.isfinite(doubled.of_words).all()
    assert doubled.classes[int(doubled.probabilities(TEXTS[0], VECTORS[0]).argmax())] == LABELS[0]


def test_the_head_comes_back_as_it_went(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "head.npz"
    FITTED.at(1.7).save(path)
    back = head.load(path)
    assert back.classes == FITTED.classes
    assert back.encoder_identity == "toy"
    assert back.temperature == 1.7
    for text, vector in zip(TEXTS, VECTORS, strict=True):
        np.testing.assert_array_equal(back.probabilities(text, vector), FITTED.at(1.7).probabilities(text, vector))


def test_terms_that_no_array_of_text_could_keep_come_back(tmp_path: Path) -> None:
    """numpy drops NULs at the end of a str, and pads each to the longest."""
    texts = ["end\x00", "x" * 4000, "\ufffd 日本", "a\ud83d"]
    fitted = fit_head(texts, VECTORS[:4], ["a", "b", "a", "b"], encoder_identity="toy")
    fitted.save(tmp_path / "h")
    back = head.load(tmp_path / "h")
    assert (back.words.terms, back.characters.terms) == (fitted.words.terms, fitted.characters.terms)
    assert (tmp_path / "h").stat().st_size < 1_000_000


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(codec=None), max_size=80), st.lists(st.floats(-1, 1, width=32), min_size=16, max_size=16))
def test_any_text_gets_probabilities(text: str, numbers: list[float]) -> None:
    found = FITTED.probabilities(text, np.array(numbers, dtype=np.float32))
    assert found.dtype == np.float64
    assert found.shape == (3,)
    assert found.sum() == pytest.approx(1)
    assert (found > 0).all()


def test_a_probability_does_not_depend_on_what_came_before() -> None:
    before = [FITTED.probabilities(text, vector).tobytes() for text, vector in zip(TEXTS, VECTORS, strict=True)]
    pairs = list(zip(TEXTS, VECTORS, strict=True))[::-1]
    assert [FITTED.probabilities(text, vector).tobytes() for text, vector in pairs][::-1] == before


def test_a_temperature_flattens_and_keeps_the_order() -> None:
    sharp, flat = (FITTED.at(t).probabilities(TEXTS[0], VECTORS[0]) for t in (0.5, 4))
    assert sharp.max() > flat.max()
    assert list(sharp.argsort()) == list(flat.argsort())
    assert FITTED.temperature == 1


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        FITTED.at(temperature)


def test_the_fitted_temperature_is_the_likeliest() -> None:
    logits = CHANCE.normal(0, 1, (4000, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    drawn = np.array([CHANCE.choice(3, p=row) for row in shares])
    assert head.fit_temperature(logits * 2.5, drawn) == pytest.approx(2.5, rel=0.1)
    assert head.fit_temperature(logits * 0.4, drawn) == pytest.approx(0.4, rel=0.1)


def test_a_temperature_for_logits_that_are_never_wrong_stays_bounded() -> None:
    assert 0.04 < head.fit_temperature(np.eye(3) * 5, np.arange(3)) < 0.06


GROUPS = {"cat": "furred", "dog": "furred", "hen": "feathered"}
GROUPED = fit_head(TEXTS, VECTORS, LABELS, encoder_identity="toy", groups=GROUPS).at(0.7, groups=0.6)


def test_a_class_has_its_share_of_what_both_softmaxes_say_of_its_group() -> None:
    fine = fit_head(TEXTS, VECTORS, LABELS, encoder_identity="toy").at(0.7)
    coarse = fit_head(TEXTS, VECTORS, [GROUPS[label] for label in LABELS], encoder_identity="toy").at(0.6)
    assert (GROUPED.groups, GROUPED.group_of) == (("feathered", "furred"), (1, 1, 0))
    for text, vector in zip(TEXTS, VECTORS[::-1], strict=True):
        (cat, dog, hen), (feathered, furred) = fine.probabilities(text, vector), coarse.probabilities(text, vector)
        of_furred, of_feathered = ((cat + dog) * furred) ** 0.5, (hen * feathered) ** 0.5
        whole = of_furred + of_feathered
        expected = np.array([of_furred * cat / (cat + dog), of_furred * dog / (cat + dog), of_feathered]) / whole
        np.testing.assert_allclose(GROUPED.probabilities(text, vector), expected, atol=1e-3)


def test_groups_come_back_as_they_went(tmp_path: Path) -> None:
    GROUPED.save(tmp_path / "h")
    back = head.load(tmp_path / "h")
    assert (back.groups, back.group_of, back.group_temperature) == (GROUPED.groups, GROUPED.group_of, 0.6)
    for text, vector in zip(TEXTS, VECTORS, strict=True):
        np.testing.assert_array_equal(back.probabilities(text, vector), GROUPED.probabilities(text, vector))


def test_a_group_of_which_nothing_is_left_gets_nothing() -> None:
    certain = GROUPED.at(1e-4, groups=1e-4)
    for text, vector in zip(TEXTS, VECTORS, strict=True):
        found = certain.probabilities(text, vector)
        assert np.isfinite(found).all()
        assert found.sum() == pytest.approx(1)


def test_one_group_is_nothing_to_learn() -> None:
    with pytest.raises(ValueError, match="one group, 'animal'"):
        fit_head(TEXTS, VECTORS, LABELS, encoder_identity="toy", groups=dict.fromkeys(GROUPS, "animal"))


def differs(one: Head, other: Head) -> float:
    """The largest difference of a probability, over texts with their own and with foreign vectors."""
    pairs = [*zip(TEXTS, VECTORS, strict=True), *zip(TEXTS, VECTORS[::-1], strict=True)]
    return max(float(np.abs(one.probabilities(*pair) - other.probabilities(*pair)).max()) for pair in pairs)


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["classes", "classes and groups"])
def test_history_does_not_matter(groups: dict[str, str] | None) -> None:
    """A long way of edits, each begun from the head before it, ends where a fit from nothing ends."""
    texts, labels, vectors = list(TEXTS), list(LABELS), VECTORS.copy()
    warm = fit_head(texts, vectors, labels, encoder_identity="toy", groups=groups)
    for edit in range(12):
        texts[edit * 2] = f"an edited sentence of the {labels[edit * 2]}, number {edit}"
        labels[edit * 3] = ("cat", "dog", "hen")[edit % 3]
        vectors[edit] = vectors[-edit]
        warm = fit_head(texts, vectors, labels, encoder_identity="toy", groups=groups, start=warm)
    cold = fit_head(texts, vectors, labels, encoder_identity="toy", groups=groups)
    assert warm.words.terms == cold.words.terms
    assert differs(warm, cold) < 2e-3


@pytest.mark.parametrize(
    "other",
    [
        fit_head(TEXTS, VECTORS, LABELS, encoder_identity="another"),
        fit_head(TEXTS, VECTORS[:, :9], LABELS, encoder_identity="toy"),
        fit_head(TEXTS[:36], VECTORS[:36], LABELS[:36], encoder_identity="toy"),
        GROUPED,
    ],
    ids=["another encoder", "another dimension", "other classes", "groups"],
)
def test_a_start_that_does_not_fit_is_not_used(other: Head) -> None:
    begun = fit_head(TEXTS, VECTORS, LABELS, encoder_identity="toy", start=other)
    np.testing.assert_array_equal(begun.of_vector, FITTED.of_vector)


def test_a_start_saves_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluations: list[int] = []
    once = regression._View.at

    def counted(view: regression._View, point: regression.Matrix) -> tuple[float, regression.Matrix]:
        evaluations[-1] += 1
        return once(view, point)

    monkeypatch.setattr(regression._View, "at", counted)
    labels = [f"{label} {row % 7}" for row, label in enumerate(LABELS * 8)]
    texts, vectors = [f"{text} {label}" for text, label in zip(TEXTS * 8, labels, strict=True)], vectors_for(labels)
    start = None
    for left_out in (0, 1):
        evaluations.append(0)
        rows = slice(left_out, None)
        start = fit_head(texts[rows], vectors[rows], labels[rows], encoder_identity="toy", start=start)
    cold, warm = evaluations
    assert 3 * warm < 2 * cold


def test_vectors_of_another_encoder_are_refused() -> None:
    FITTED.require("toy")
    with pytest.raises(EncoderMismatch, match="Train again"):
        FITTED.require("other")


def test_one_class_is_nothing_to_learn() -> None:
    with pytest.raises(ModelError, match="two classes"):
        fit_head(TEXTS[:2], VECTORS[:2], ["a", "a"], encoder_identity="toy")


def test_unequal_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="2 texts, 3 vectors and 2 labels"):
        fit_head(TEXTS[:2], VECTORS[:3], ["a", "b"], encoder_identity="toy")


def _other_format(content: bytes, path: Path) -> None:
    arrays = dict(np.load(path).items())
    stated = json.loads(arrays["stated"].tobytes()) | {"format": 99}
    arrays["stated"] = np.frombuffer(json.dumps(stated).encode(), dtype=np.uint8)
    del arrays["checksum"]
    arrays["checksum"] = np.frombuffer(head._checksum(arrays), dtype=np.uint8)
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _other_numbers(content: bytes, path: Path) -> None:
    arrays = dict(np.load(path).items())
    arrays["bias"] = arrays["bias"] + 1
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _a_pickle(content: bytes, path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, of_vector=np.array([{"a": 1}], dtype=object))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content, path: path.unlink(),
        lambda content, path: path.write_bytes(b""),
        lambda content, path: path.write_bytes(content[: len(content) // 2]),
        lambda content, path: zipfile.ZipFile(path, "w").close(),
        _other_format,
        _other_numbers,
        _a_pickle,
    ],
    ids=["absent", "empty", "half", "no arrays", "other format", "other numbers", "a pickle"],
)
def test_what_is_not_whole_is_refused_with_what_to_do(tmp_path: Path, damage: Callable[[bytes, Path], None]) -> None:
    path = tmp_path / "head.npz"
    FITTED.save(path)
    damage(path.read_bytes(), path)
    with pytest.raises(ArtefactDamaged, match="Train again"):
        head.load(path)


@settings(max_examples=120, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing(where: float, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.npz"
        FITTED.save(path)
        content = bytearray(path.read_bytes())
        content[int(where * len(content))] ^= 1 << bit
        path.write_bytes(content)
        with contextlib.suppress(ArtefactDamaged):
            back = head.load(path)
            for text, vector in list(zip(TEXTS, VECTORS, strict=True))[::7]:
                np.testing.assert_array_equal(back.probabilities(text, vector), FITTED.probabilities(text, vector))
