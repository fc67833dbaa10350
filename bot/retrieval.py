"""Finding the section that answers a question, or saying that none does.

Three things are asked of each section. *Asked*: how near is the question to what the section is said to answer, its
heading and listed questions? *Told*: how near to what it says? *Words*: how many of the question's telling words does
it hold (`bot.words`)? Their mixture orders the sections. Whether the first is good enough is another matter, and is
decided as much by what does not fit as by what does: see `Evidence`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bot.articles import Article, Section
from bot.likeness import Keeps, fitted, log_shares
from bot.strangers import NAMES, STRANGERS
from bot.words import Scored, WordIndex, index_of, telling_words

GOOD = 0.75
"""The score from which an answer is good enough. On the tuning parts of the sets in tests/bot 0.65 already keeps what
is answered without an answer at 2 %; the rest is room for questions that nobody of us thought of."""

_ASKED, _TOLD, _WORDS, _LEARNED = 0.6, 0.3, 0.1, 0.07
"""How the order is mixed. `_LEARNED` is small because logarithms are large."""
_LEAST_LEARNED = -8.0
_LARGEST_LEAD = 0.1
"""Beyond it a lead says nothing: also what no section answers may be far from all but one of them."""
_WEIGHTS = {"fused": 2.0, "estranged": 0.58, "covered": 1.65, "foreign": -1.9, "lead": 20.0}
_BIAS = -3.5
"""Fitted by tests/bot/retrieval_set.py, but `fused`, which is set: a fit makes it 0, as what is far from everything is
rare in the set, and a question near to nothing must not pass because it is near to no stranger either."""
_TEMPERATURE = 0.05
"""Of the soft maximum over similarities: neighbours 0.1 apart count 7 to 1."""
_SAME = 0.8
"""A stranger this near to one of our own questions is none."""
_PASSAGE_WORDS = 60
_FIELDS = {"title": 2.0, "heading": 3.0, "question": 2.0, "text": 1.0}
_NAMES = frozenset(word for name in NAMES for word in telling_words(name))

Vector = NDArray[np.float32]


class TextEncoder(Protocol):
    """What turns text into vectors; `models.encoder.Encoder` is one."""

    def encode(self, text: str, /) -> Vector:
        """(dimension,), float32, unit length."""
        ...

    def encode_many(self, texts: Sequence[str], /) -> Vector:
        """(len(texts), dimension), float32, rows of unit length."""
        ...


class Vectors(Keeps, Protocol):
    """Where vectors may be kept from one build to the next; `models.vectors.VectorCache` is one."""

    def vectors(self, texts: Sequence[str], /) -> Vector:
        """(len(texts), dimension), float32, rows of unit length."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a section scores as it does. The first three make what speaks for it, the others what speaks against."""

    asked: float
    """Cosine to the nearest of its heading and listed questions."""
    told: float
    """Cosine to the nearest passage of its text."""
    words: float
    """BM25 as a share of the most the question could get, in [0, 1]."""
    covered: float
    """Share of the question's telling words, by weight, that the article holds, in [0, 1]."""
    estranged: float
    """Log odds that the question belongs to the article's questions and not to the strangers'; see `bot.strangers`."""
    foreign: bool
    """It names a product or company that the article does not."""
    lead: float
    """How far the section is ahead of the next one in the order; below 0 for all but the first."""

    @property
    def fused(self) -> float:
        """What speaks for the section, mixed as for the order."""
        return _ASKED * self.asked + _TOLD * self.told + _WORDS * self.words

    def score(self) -> float:
        """Logistic regression over all of it: in [0, 1]."""
        logit = _BIAS + sum(weight * float(getattr(self, name)) for name, weight in _WEIGHTS.items())
        return 0.5 + 0.5 * math.tanh(logit / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One section that may answer a question."""

    article: Article
    section: Section
    score: float
    """In [0, 1]; of first hits with this score about this share was right where every other question had no answer."""
    words: float
    """See `Evidence.words`."""
    meaning: float
    """The greatest cosine to its heading, questions and passages."""
    matched: str
    """The heading, question or passage that lay nearest."""
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Library:
    """All articles, ready to be searched. Immutable; when an article changes, build another and put it in its place.

    Thread-safe as far as its encoder is. A result depends on the question and the articles and on nothing else.
    """

    articles: tuple[Article, ...]
    _encoder: TextEncoder
    _places: tuple[tuple[int, Section], ...]
    """Each section with the index of its article."""
    _texts: tuple[str, ...]
    _rows: Vector
    """(asked + passages + strangers, dimension): one product answers for all of them."""
    _asked: NDArray[np.intp]
    """(sections + 1,): where in `_rows` the headings and questions of each section begin, and the last ends."""
    _told: NDArray[np.intp]
    _family: tuple[slice, ...]
    """The rows of all headings and questions of each article; its sections are neighbours."""
    _likeness: Vector | None
    """See `bot.likeness.fit`."""
    _index: WordIndex
    _vocabulary: tuple[frozenset[str], ...]
    """The telling words of each article."""

    @classmethod
    def build(cls, articles: Sequence[Article], encoder: TextEncoder, *, cache: Vectors | None = None) -> Library:
        """Encode and index every section; some 4 ms for each text that `cache` does not have."""
        places = tuple((at, section) for at, article in enumerate(articles) for section in article.sections)
        asked = [list(_asked_texts(articles[at], section)) for at, section in places]
        told = [list(_passages(section.plain)) for _, section in places]
        own = [text for texts in (*asked, *told) for text in texts]
        texts = [*own, *STRANGERS] if own else []
        rows = (
            (cache.vectors(texts) if cache else encoder.encode_many(texts)) if texts else np.zeros((0, 1), np.float32)
        )
        asked_ends = _ends(asked, 0)
        fields = [list(_fields(articles[at], section)) for at, section in places]
        return cls(
            articles=tuple(articles),
            _encoder=encoder,
            _places=places,
            _texts=tuple(own),
            _rows=_without_own(rows, int(asked_ends[-1]), len(own)),
            _asked=asked_ends,
            _told=_ends(told, int(asked_ends[-1])),
            _family=_families(articles, asked_ends),
            _likeness=fitted(rows[: asked_ends[-1]], asked_ends, cache),
            _index=index_of(fields),
            _vocabulary=tuple(_vocabulary(article) for article in articles),
        )

    def search(self, question: str, vector: Vector | None = None, *, limit: int = 5) -> list[Hit]:
        """The sections most likely to answer, best first, at most `limit`. Takes any str, never raises.

        vector: (dimension,), the question's vector if the caller has it.
        """
        if not self._places or limit < 1:
            return []
        vector = self._encoder.encode(question) if vector is None else vector
        # Not `@`: it spreads a product this small over threads, and where cores are busy waits 20 ms for them.
        near = np.vecdot(self._rows, vector)
        seen = _Seen(
            near=near,
            asked=np.maximum.reduceat(near[: self._asked[-1]], self._asked[:-1]),
            told=np.maximum.reduceat(near[: self._told[-1]], self._told[:-1]),  # _told[0] is where passages begin
            scored=self._index.score(question),
            strange=_soft_maximum(near[self._told[-1] :]),
        )
        order = _ASKED * seen.asked + _TOLD * seen.told + _WORDS * seen.scored.share
        if self._likeness is not None:
            order = order + _LEARNED * np.maximum(log_shares(self._likeness, vector), _LEAST_LEARNED)
        first = np.argsort(-order, kind="stable")[: max(limit, 2)]
        ahead, behind = float(order[first[0]]), float(order[first[1]]) if len(first) > 1 else -math.inf
        leads = [min(ahead - behind, _LARGEST_LEAD), *(float(order[at]) - ahead for at in first[1:])]
        return [self._hit(int(at), seen, lead) for at, lead in zip(first[:limit], leads, strict=False)]

    def best(self, question: str, vector: Vector | None = None) -> Hit | None:
        """The section to answer with, or None if none is good enough."""
        hits = self.search(question, vector, limit=1)
        return hits[0] if hits and hits[0].score >= GOOD else None

    def familiar(self, vector: Vector) -> float:
        """How close a vector is to the headings and questions of all articles; see `intents.familiar`."""
        return _soft_maximum(np.vecdot(self._rows[: self._asked[-1]], vector))

    def _hit(self, at: int, seen: _Seen, lead: float) -> Hit:
        of, section = self._places[at]
        known, scored = self._vocabulary[of], seen.scored
        covered = sum(weight for word, weight in zip(scored.words, scored.weights, strict=True) if word in known)
        evidence = Evidence(
            asked=float(seen.asked[at]),
            told=float(seen.told[at]),
            words=float(scored.share[at]),
            covered=covered / max(sum(scored.weights), 1e-9),
            estranged=_soft_maximum(seen.near[self._family[of]]) - seen.strange,
            foreign=any(word in _NAMES and word not in known for word in scored.words),
            lead=lead,
        )
        return Hit(
            article=self.articles[of],
            section=section,
            score=evidence.score(),
            words=evidence.words,
            meaning=max(evidence.asked, evidence.told),
            matched=self._matched(at, seen.near),
            evidence=evidence,
        )

    def _matched(self, at: int, near: Vector) -> str:
        rows = np.r_[self._asked[at] : self._asked[at + 1], self._told[at] : self._told[at + 1]]
        return self._texts[int(rows[near[rows].argmax()])]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One question held against all sections."""

    near: Vector
    asked: Vector
    told: Vector
    scored: Scored
    strange: float


def _asked_texts(article: Article, section: Section) -> Iterator[str]:
    yield section.heading if section.heading == article.title else f"{article.title}: {section.heading}"
    yield from section.questions


def _passages(text: str) -> Iterator[str]:
    """Runs of about 60 words, as a short passage is nearer to a question about it than a page is; at least one."""
    words = text.split()
    for at in range(0, max(len(words), 1), _PASSAGE_WORDS):
        yield " ".join(words[at : at + _PASSAGE_WORDS])


def _fields(article: Article, section: Section) -> Iterator[tuple[str, float]]:
    yield article.title, _FIELDS["title"]
    yield section.heading, _FIELDS["heading"]
    yield section.plain, _FIELDS["text"]
    for question in section.questions:
        yield question, _FIELDS["question"]


def _vocabulary(article: Article) -> frozenset[str]:
    return frozenset(
        word for section in article.sections for text, _ in _fields(article, section) for word in telling_words(text)
    )


def _ends(groups: Sequence[Sequence[str]], start: int) -> NDArray[np.intp]:
    return np.array([*accumulate((len(group) for group in groups), initial=start)], dtype=np.intp)


def _families(articles: Sequence[Article], asked: NDArray[np.intp]) -> tuple[slice, ...]:
    ends = [*accumulate((len(article.sections) for article in articles), initial=0)]
    return tuple(slice(int(asked[first]), int(asked[last])) for first, last in pairwise(ends))


def _without_own(rows: Vector, asked: int, own: int) -> Vector:
    """All rows but the strangers that one of our own headings or questions is nearly the same as."""
    if not own:
        return rows
    strangers = rows[own:]
    nearest = (strangers @ rows[:asked].T).max(axis=1)
    return np.ascontiguousarray(np.concatenate([rows[:own], strangers[nearest < _SAME]]), dtype=np.float32)


def _soft_maximum(similarities: Vector) -> float:
    """log of the sum of exp(similarity / temperature); of nothing, that of a similarity of -1."""
    if not similarities.size:
        return -1 / _TEMPERATURE
    scaled = similarities.astype(np.float64) / _TEMPERATURE
    top = scaled.max()
    return float(top + np.log(np.exp(scaled - top).sum()))
