"""Retrieval by words: from a text to its telling words, and BM25 over fields of sections.

BM25: S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009); fields are joined
before saturation as in Robertson, Zaragoza and Taylor, "Simple BM25 extension to multiple weighted fields" (2004).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LONGEST = 4_000
"""Characters of a text that are read: far more than any question, far less than an attack."""
_K1 = 1.2
_B = 0.5
_CORRECTABLE = 6
"""Letters a word needs before a slip in it is mended; among shorter ones too many neighbours are words of their own."""

_SAYING_NOTHING = """
a about again all already also always am an and any anyone anything are as at be been being but by can cant could d
dear did didnt do does doesnt doing done dont each else ever every everything for from get gets getting go goes going
gone got guys had has have having he hello help her here hey hi him his how hows i id if im in into is isnt it its ive
just know let lets like ll look m made make makes making may me might mine must my need needs never no nobody not
nothing now of off on one ones only onto or our out over pls please plz possible re really s see shall she should show
so some somebody someone something still stuff t tell than thank thanks that the their theirs them then there theres
these they thing things this those to today too up us ve very want wanted wants was way we were what whats when where
wheres which who whom whose why will with without wont would yes you your yours
"""
_STOP = frozenset(_SAYING_NOTHING.split())
_MEANS = {
    # Short forms and twins that customers of any trade write; what only one trade says belongs into its articles.
    "e-mail": "email",
    "mail": "email",
    "inbox": "mailbox",
    "junk": "spam",
    "pw": "password",
    "pwd": "password",
    "db": "database",
    "mysql": "database",
    "wp": "wordpress",
    "cert": "certificate",
    "signin": "login",
    "logon": "login",
    "2fa": "authenticator",
    "homepage": "website",
    "site": "website",
    "page": "website",
    "webpage": "website",
    "pc": "computer",
    "laptop": "computer",
    "mobile": "phone",
    "smartphone": "phone",
    "bill": "invoice",
    "pic": "picture",
    "cancellation": "cancel",
    "cancelled": "cancel",
    "cancelling": "cancel",
    "url": "address",
    "adress": "address",
    "ftp": "sftp",
}
_LOGIN = re.compile(r"\b(?:log|logging|logged|sign|signing|signed) in(?:to)?\b")
_WORD = re.compile(r"[^\W_]+")
_ENDINGS = (
    ("ies", "y"),
    ("sses", "ss"),
    ("ings", ""),
    ("ing", ""),
    ("edly", ""),
    ("ed", ""),
    ("ly", ""),
    ("es", "e"),
    ("s", ""),
)
_LAST = frozenset(ending[-1] for ending, _ in _ENDINGS)


def telling_words(text: str) -> list[str]:
    """The words that carry meaning, lower case, without their endings, in order. Takes any str."""
    folded = unicodedata.normalize("NFKC", text[:_LONGEST]).casefold()
    folded = folded.replace("e-mail", "email").replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    folded = _LOGIN.sub("login", folded)
    return [root(word) for word in _WORD.findall(folded) if word not in _STOP]


def root(word: str) -> str:
    """The word without a light English ending: "domains", "forwarding", "moved" become "domain", "forward", "mov".

    What matters is only that forms of one word meet; a stronger stemmer also joins words that mean different things.
    """
    singular = word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
    word = _MEANS.get(word) or _MEANS.get(singular) or word
    if len(word) < 4 or not word.isascii():
        return word
    for ending, instead in _ENDINGS if word[-1] in _LAST else ():
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What the words of one question say about each of `n` sections."""

    share: NDArray[np.float32]
    """(n,), in [0, 1]: BM25 as a share of what a section made of nothing but the question's words would get."""
    words: tuple[str, ...]
    """The question's telling words, each once, slips mended."""
    weights: tuple[float, ...]
    """How telling each is (idf); a word of no section weighs the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordIndex:
    """BM25 over sections. Build it with `index_of`."""

    count: int
    weight: Mapping[str, float]
    """idf of each word that occurs."""
    postings: Mapping[str, tuple[NDArray[np.intp], NDArray[np.float32]]]
    """Of each word: the sections that have it, and what it adds to each, with idf, before the share is taken."""
    unknown: float
    """idf of a word that occurs nowhere."""
    neighbours: Mapping[str, str]
    """From a word with one letter left out to the word; how slips are mended (W. Garbe's symmetric deletion)."""

    def score(self, question: str) -> Scored:
        words = tuple(dict.fromkeys(self.mend(word) for word in telling_words(question)))
        weights = tuple(self.weight.get(word, self.unknown) for word in words)
        total = np.zeros(self.count, dtype=np.float32)
        for word in words:
            if word in self.postings:
                at, adds = self.postings[word]
                total[at] += adds
        return Scored(share=total / max(sum(weights), 1e-9), words=words, weights=weights)

    def mend(self, word: str) -> str:
        """The known word that is one slip away (a letter missing, added, wrong or swapped), else the word itself."""
        if word in self.weight or len(word) < _CORRECTABLE:
            return word
        for form in (word, *_shortened(word)):
            if form in self.weight and len(form) >= _CORRECTABLE - 1:
                return form
            if (known := self.neighbours.get(form)) and known[0] == word[0]:
                return known
        return word


def index_of(fields: Sequence[Sequence[tuple[str, float]]]) -> WordIndex:
    """Index sections, each given as (text, weight of the field) pairs."""
    counts = [_weighted(section) for section in fields]
    lengths = np.array([sum(count.values()) for count in counts], dtype=np.float32)
    average = float(lengths.mean()) if len(counts) else 1.0
    norms = _K1 * (1 - _B + _B * lengths / max(average, 1e-9))
    having: dict[str, list[int]] = defaultdict(list)
    for section, count in enumerate(counts):
        for word in count:
            having[word].append(section)
    weight = {word: _idf(len(sections), len(counts)) for word, sections in having.items()}
    postings = {}
    for word, sections in having.items():
        at = np.array(sections, dtype=np.intp)
        often = np.array([counts[section][word] for section in sections], dtype=np.float32)
        postings[word] = (at, (weight[word] * often / (often + norms[at])).astype(np.float32))
    return WordIndex(
        count=len(counts),
        weight=weight,
        postings=postings,
        unknown=_idf(0, len(counts)),
        neighbours=_neighbours(weight),
    )


def _weighted(section: Sequence[tuple[str, float]]) -> Counter[str]:
    count: Counter[str] = Counter()
    for text, weight in section:
        for word in telling_words(text):
            count[word] += weight  # type: ignore[assignment]  # a Counter of floats
    return count


def _idf(having: int, of: int) -> float:
    return math.log(1 + (of - having + 0.5) / (having + 0.5))


def _shortened(word: str) -> list[str]:
    return [word[:at] + word[at + 1 :] for at in range(len(word))]


def _neighbours(weight: Mapping[str, float]) -> dict[str, str]:
    found: dict[str, str] = {}
    # The commonest word wins a shared form; equal ones by the alphabet, so that two builds agree.
    for word in sorted(weight, key=lambda word: (weight[word], word)):
        if len(word) >= _CORRECTABLE - 1:
            for form in _shortened(word):
                found.setdefault(form, word)
    return found
