"""What a text is made of: its words and the letters within them, as tf-idf.

The numbers are those of scikit-learn's TfidfVectorizer(sublinear_tf=True), which a test holds us to; this code exists
because serving one text through scikit-learn costs a millisecond and 80 MB, and here 50 microseconds and a dictionary.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from models.text import readable

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Kind = Literal["words", "characters"]

WORD = re.compile(r"\w+(?:'\w+)*")
_LENGTHS = (3, 4, 5)  # of runs of characters
_REPEATED = re.compile(r"([^\d\s])\1{3,}")
_LIMIT = 4096  # characters; NFKC makes up to 18 of one
_REMEMBERED_WORDS, _REMEMBERED_LENGTH = 20_000, 24


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """Fitted features of one kind. `terms` are sorted, `idf` (float64, [len(terms)]) stands in their order."""

    kind: Kind
    terms: tuple[str, ...]
    idf: NDArray[np.float64]
    # A word's letters are the same whenever it comes; customers share most of their words.
    _remembered: dict[str, list[int]] = field(default_factory=dict, init=False, repr=False)

    def transform_one(self, text: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Indices into `terms` (int32, ascending), their weights (float32, unit length); empty for an unknown text."""
        return self.transform_normalised(normalised(text))

    def transform_normalised(self, text: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """`transform_one` of a text that already went through `normalised`, for whoever needs it twice."""
        found = self._indices_of_words(text) if self.kind == "words" else self._indices_of_characters(text)
        indices, counts = np.unique(np.array(found, dtype=np.int32), return_counts=True)
        weights = (1 + np.log(counts)) * self.idf[indices]
        if weights.size:
            weights /= np.sqrt(weights @ weights)
        return indices, weights.astype(np.float32)

    def transform(self, texts: Sequence[str]) -> "csr_array":
        """All texts as one sparse float64 matrix, [len(texts), len(terms)], for fitting. Imports scipy."""
        from scipy.sparse import csr_array

        rows = [self.transform_one(text) for text in texts]
        ends = np.cumsum([0, *(len(indices) for indices, _ in rows)])
        indices = np.concatenate([np.empty(0, np.int32), *(indices for indices, _ in rows)])
        values = np.concatenate([np.empty(0), *(values for _, values in rows)])
        return csr_array((values, indices, ends), shape=(len(texts), len(self.terms)))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {term: index for index, term in enumerate(self.terms)}

    def _indices_of_words(self, text: str) -> list[int]:
        index = self._index
        return [index[term] for term in _word_terms(text) if term in index]

    def _indices_of_characters(self, text: str) -> list[int]:
        found: list[int] = []
        for word in text.split():
            known = self._remembered.get(word)
            found += self._look_up(word) if known is None else known
        return found

    def _look_up(self, word: str) -> list[int]:
        index = self._index
        known = [index[term] for term in _character_terms(word) if term in index]
        if len(word) <= _REMEMBERED_LENGTH:
            if len(self._remembered) >= _REMEMBERED_WORDS:
                self._remembered.clear()
            self._remembered[word] = known
        return known


def fit_features(texts: Sequence[str], kind: Kind, *, min_df: int = 1) -> Features:
    """Features of all terms that at least `min_df` of the texts contain, with idf = ln((1 + n) / (1 + df)) + 1."""
    texts_with: Counter[str] = Counter()
    for text in texts:
        texts_with.update(set(terms_of(normalised(text), kind)))
    terms = sorted(term for term, count in texts_with.items() if count >= min_df)
    df = np.array([texts_with[term] for term in terms], dtype=np.float64)
    return Features(kind=kind, terms=tuple(terms), idf=np.log((1 + len(texts)) / (1 + df)) + 1)


def normalised(text: str) -> str:
    """Lower case, compatible forms joined (NFKC), no letter or mark above three times in a row; cut when very long."""
    text = unicodedata.normalize("NFKC", readable(text)).lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return _REPEATED.sub(r"\1\1\1", text[:_LIMIT])


def terms_of(text: str, kind: Kind) -> list[str]:
    """The terms of a normalised text, repeated as often as they occur."""
    if kind == "words":
        return list(_word_terms(text))
    return [term for word in text.split() for term in _character_terms(word)]


def _word_terms(text: str) -> Iterable[str]:
    words = WORD.findall(text)
    return [*words, *(f"{left} {right}" for left, right in pairwise(words))]


def _character_terms(word: str) -> list[str]:
    """Runs of characters within a word with a blank on both sides; of a word shorter than a run, itself once."""
    padded = f" {word} "
    terms: list[str] = []
    for length in _LENGTHS:
        terms += [padded[start : start + length] for start in range(max(1, len(padded) - length + 1))]
        if len(padded) <= length:
            break
    return terms
