"""Our tf-idf against scikit-learn's, on real sentences, on odd ones, and on any text that hypothesis finds."""

import string
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from models.features import WORD, Features, Kind, fit_features, normalised
from tests.growth import LEAST, cost

CORPUS = [
    "The cat sat on the mat, the cat!",
    "Dogs don't sit on mats; dogs sleep.",
    "Doooooogs??? sleeeeeep!!!!!!",
    "I paid 100000 for 3 tickets",
    "Ünïcode straße ﬁne ① ㎏",
    "日本語のテキスト です",
    "it\u2019s o'clock 'quoted' rock'n'roll",
    "a",
    "",
    "\ud83d broken",
    "👍🏽 👍🏽 great",
    "ab abc abcd abcde abcdef",
]
OTHERS = [
    "cats and dogs",
    "the THE the tHe",
    "nothing known: qzx",
    "sat on the 100000 mats it's",
    "\x00\u0301",
    "x" * 9000,
]
KINDS: tuple[Kind, ...] = ("words", "characters")


def theirs(kind: Kind, min_df: int = 1) -> TfidfVectorizer:
    common = {"preprocessor": normalised, "sublinear_tf": True, "min_df": min_df}
    if kind == "words":
        return TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORD.pattern, **common)
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), **common)


def dense(features: Features, text: str) -> np.ndarray:
    indices, values = features.transform_one(text)
    assert indices.dtype == np.int32
    assert values.dtype == np.float32
    row = np.zeros(len(features.terms))
    row[indices] = values
    return row


@pytest.mark.parametrize("min_df", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_scikit_learn(kind: Kind, min_df: int) -> None:
    ours, reference = fit_features(CORPUS, kind, min_df=min_df), theirs(kind, min_df).fit(CORPUS)
    assert list(ours.terms) == list(reference.get_feature_names_out())
    np.testing.assert_allclose(ours.idf, reference.idf_, atol=1e-12)
    texts = CORPUS + OTHERS
    for text, expected in zip(texts, reference.transform(texts).toarray(), strict=True):
        np.testing.assert_allclose(dense(ours, text), expected, atol=1e-6)


FITTED = {kind: (fit_features(CORPUS, kind), theirs(kind).fit(CORPUS)) for kind in KINDS}
LIKELY = st.text(st.sampled_from(string.ascii_letters + string.digits + " \t\n'_-.!\u2019\u00a0éß日👍\u0301\ud83d"))


@settings(deadline=None)
@given(st.one_of(LIKELY, st.text(st.characters(codec=None)), st.lists(st.sampled_from(CORPUS)).map(" ".join)))
@pytest.mark.parametrize("kind", KINDS)
def test_equals_scikit_learn_on_any_text(kind: Kind, text: str) -> None:
    ours, reference = FITTED[kind]
    np.testing.assert_allclose(dense(ours, text), reference.transform([text]).toarray()[0], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_many_are_the_rows_of_one(kind: Kind) -> None:
    features = FITTED[kind][0]
    matrix = features.transform(OTHERS).toarray()
    np.testing.assert_array_equal(matrix, [dense(features, text) for text in OTHERS])
    assert features.transform([]).shape == (0, len(features.terms))


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_text_has_no_features_and_no_warning(kind: Kind) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        indices, values = fit_features(["abc"], kind).transform_one("\u4e00")
    assert len(indices) == len(values) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_learn_from_is_no_error(kind: Kind) -> None:
    features = fit_features(["", "?"], kind, min_df=2)
    assert features.terms == ()
    assert dense(features, "any").shape == (0,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HELLO", "hello"),
        ("nooooooo!!!!!!", "nooo!!!"),
        ("order 1000000", "order 1000000"),
        ("ﬁne ㎏", "fine kg"),
        ("can\u2019t", "can't"),
        ("\ud83d", "\ufffd"),
        ("       ", "       "),
    ],
)
def test_normalised(text: str, expected: str) -> None:
    assert normalised(text) == expected


@given(st.text(st.characters(codec=None)))
def test_normalised_is_bounded_and_encodable(text: str) -> None:
    assert len(normalised(text * 50).encode()) <= 4 * 4096


def test_what_is_remembered_of_words_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.features._REMEMBERED_WORDS", 3)
    features, expected = fit_features(CORPUS, "characters"), FITTED["characters"][0]
    for text in (CORPUS + OTHERS) * 2:
        np.testing.assert_array_equal(dense(features, text), dense(expected, text))
    assert len(features._remembered) <= 3


@pytest.mark.parametrize("kind", KINDS)
def test_one_text_takes_a_fraction_of_what_scikit_learn_takes(kind: Kind) -> None:
    """30 microseconds when it was measured."""
    features, vectorizer = FITTED[kind][0], theirs(kind).fit(CORPUS)
    text = "The dogs don't sleep on a mat, they sat on it for 3 hours and the cat sat on them; it's a great day now."

    def ours() -> None:
        for _ in range(200):
            features.transform_one(text)

    def reference() -> None:
        for _ in range(200):
            vectorizer.transform([text])

    assert 3 * cost(ours) < cost(reference)


@pytest.mark.parametrize("text", ["a" * 1_000_000, "ab " * 300_000, "\ufdfa" * 1_000_000, "!?" * 500_000])
def test_a_megabyte_costs_no_more_than_a_page(text: str) -> None:
    def transform(part: str) -> None:
        for kind in KINDS:
            FITTED[kind][0].transform_one(part)

    assert cost(lambda: transform(text)) < 20 * max(cost(lambda: transform(text[:5000])), LEAST)
