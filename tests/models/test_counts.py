"""Counting once what was counted before, and ending with what scikit-learn's way of counting would have given."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import counts
from models.counts import Counts, count
from models.features import Kind, fit_features

TEXTS = ["The cat sat on the mat, the cat!", "Dogs don't", "", "Dooooogs??? sleep", "a", "Dogs don't", "日本語 \ud83d"]
KINDS: tuple[Kind, ...] = ("words", "characters")


def same(one: Counts, other: Counts) -> bool:
    arrays = zip((one.ends, one.indices, one.often), (other.ends, other.indices, other.often), strict=True)
    return one.terms == other.terms and all(np.array_equal(*pair) for pair in arrays)


@pytest.mark.parametrize("min_df", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_features_are_those_of_the_texts(kind: Kind, min_df: int) -> None:
    features, matrix = count(TEXTS)[kind].features(min_df=min_df)
    expected = fit_features(TEXTS, kind, min_df=min_df)
    assert features.terms == expected.terms
    np.testing.assert_array_equal(features.idf, expected.idf)
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(matrix.toarray(), expected.transform(TEXTS).toarray(), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from([*TEXTS, "cats", "a dog sat"]), max_size=6), min_size=2, max_size=4))
def test_what_was_counted_before_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, edits: list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("counts") / "counts.npz"
    for texts in edits:
        found, expected = count(texts, path), count(texts)
        assert all(same(found[kind], expected[kind]) for kind in KINDS)


def test_few_new_texts_are_counted_again_rather_than_written_down(tmp_path: Path) -> None:
    path = tmp_path / "counts.npz"
    texts = [f"text number {number}" for number in range(200)]
    count(texts, path)
    written = path.read_bytes()
    for edited in (["new", *texts[1:]], texts[:150]):
        assert all(same(found, count(edited)[kind]) for kind, found in count(edited, path).items())
        assert path.read_bytes() == written
    many = [*texts, *(f"and number {number}" for number in range(20))]
    count(many, path)
    assert path.read_bytes() != written


def test_an_edit_counts_one_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "counts.npz"
    count(TEXTS, path)
    seen: list[str] = []
    once = counts.normalised

    def noted(text: str) -> str:
        seen.append(text)
        return once(text)

    monkeypatch.setattr(counts, "normalised", noted)
    count([*TEXTS[:3], "edited", *TEXTS[4:]], path)
    assert set(seen) == {"edited"}
    seen.clear()
    count([*TEXTS[:3], "edited", *TEXTS[4:]], path)
    assert seen == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(path.read_bytes()[:900] + b"\x01" + path.read_bytes()[901:]),
    ],
    ids=["absent", "empty", "cut", "another byte"],
)
def test_a_damaged_file_is_begun_anew(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    path = tmp_path / "counts.npz"
    whole = count(TEXTS, path)
    damage(path)
    again = count(TEXTS, path)
    assert all(same(again[kind], whole[kind]) for kind in KINDS)
    assert {kind: same(known, whole[kind]) for kind, (_, known) in counts._read(path).items()} == dict.fromkeys(
        KINDS, True
    )


def test_counts_of_another_recipe_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "counts.npz"
    count(TEXTS, path)
    monkeypatch.setattr(counts, "_RECIPE", "another")
    assert counts._read(path) == {}
