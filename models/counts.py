"""How often each text has each term, for fitting; kept on disk between trainings, so that an edit counts few texts.

A file of counts is as good as the texts themselves: losing it costs a second, so a damaged one is begun anew.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import numpy as np
from numpy.typing import NDArray

from models.artefacts import write_whole
from models.features import Features, Kind, normalised, terms_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_RECIPE: Final = "1"  # changes with what `features.normalised` and `features.terms_of` do
_UNWRITTEN: Final = 0.02
"""Of the texts, as many may be counted again each time: to write them down takes longer than to count them."""
_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_UNREADABLE: Final = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """Of each text, in their order, the terms of one kind. `terms` are sorted; each is in some text."""

    kind: Kind
    terms: tuple[str, ...]
    ends: NDArray[np.int64]
    """(texts + 1,): text i has the entries from ends[i] to ends[i + 1], which ascend in `indices`."""
    indices: NDArray[np.int32]
    often: NDArray[np.int32]

    def features(self, *, min_df: int = 1) -> tuple[Features, csr_array]:
        """`fit_features` of the texts, and what `Features.transform` makes of them, in float32. Imports scipy."""
        from scipy.sparse import csr_array

        texts = len(self.ends) - 1
        df = np.bincount(self.indices, minlength=len(self.terms))
        kept = df >= min_df
        idf = np.log((1 + texts) / (1 + df[kept])) + 1
        features = Features(
            kind=self.kind, terms=tuple(term for term, keep in zip(self.terms, kept, strict=True) if keep), idf=idf
        )
        chosen = kept[self.indices]
        indices = (np.cumsum(kept, dtype=np.int32) - 1)[self.indices[chosen]]
        rows = np.repeat(np.arange(texts), np.diff(self.ends))[chosen]
        values = (1 + np.log(self.often[chosen])) * idf[indices]
        values /= np.sqrt(np.bincount(rows, values**2, minlength=texts))[rows]
        ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=texts))]).astype(
            np.int32
        )  # half as much to read
        return features, csr_array((values.astype(np.float32), indices, ends), shape=(texts, int(kept.sum())))


def count(texts: Sequence[str], path: Path | None = None) -> dict[Kind, Counts]:
    """The counts of both kinds. With a path, texts that were counted the last time are not counted again."""
    keys = [_key(text) for text in texts]
    known = {} if path is None else _read(path)
    found = {kind: _counted(texts, keys, kind, known.get(kind)) for kind in _KINDS}
    if path is not None and any(
        kind not in known or _missing(keys, known[kind][0]) > len(keys) * _UNWRITTEN for kind in _KINDS
    ):
        _write(path, keys, found)
    return found


def _missing(keys: Sequence[bytes], known: Sequence[bytes]) -> int:
    return len(set(keys).difference(known))


def _counted(
    texts: Sequence[str], keys: Sequence[bytes], kind: Kind, known: tuple[list[bytes], Counts] | None
) -> Counts:
    """Rows of what is known and, after them, of what is new; then put into the order of the texts."""
    before = known[1] if known else _nothing(kind)
    row_of = {key: row for row, key in enumerate(known[0])} if known else {}
    index = {term: number for number, term in enumerate(before.terms)}
    numbers: list[int] = []
    often: list[int] = []
    lengths: list[int] = []
    letters: dict[str, list[int]] = {}
    for key, text in zip(keys, texts, strict=True):
        if key not in row_of:
            row_of[key] = len(before.ends) - 1 + len(lengths)
            counted = Counter(_numbers(normalised(text), kind, index, letters))
            numbers += counted.keys()
            often += counted.values()
            lengths.append(len(counted))
    ends = np.concatenate([before.ends, before.ends[-1] + np.cumsum(lengths, dtype=np.int64)])
    all_numbers = np.concatenate([before.indices, np.array(numbers, np.int32)])
    all_often = np.concatenate([before.often, np.array(often, np.int32)])
    rows = np.array([row_of[key] for key in keys], np.int64)
    sizes = np.diff(ends)[rows]
    new_ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    taken = np.repeat(ends[rows] - new_ends[:-1], sizes) + np.arange(new_ends[-1])
    return _sorted(kind, list(index), new_ends, all_numbers[taken], all_often[taken])


def _numbers(text: str, kind: Kind, index: dict[str, int], letters: dict[str, list[int]]) -> list[int]:
    """The terms' numbers, where a new term gets the next one. letters: those of each word that came already."""
    if kind == "words":
        return [index.setdefault(term, len(index)) for term in terms_of(text, kind)]
    found: list[int] = []
    for word in text.split():
        known = letters.get(word)
        if known is None:
            known = letters[word] = [index.setdefault(term, len(index)) for term in terms_of(word, kind)]
        found += known
    return found


def _sorted(
    kind: Kind, terms: list[str], ends: NDArray[np.int64], numbers: NDArray[np.int32], often: NDArray[np.int32]
) -> Counts:
    """Without terms that are in no text, the others sorted, and the numbers of each text ascending."""
    from scipy.sparse import csr_array

    there = np.flatnonzero(np.bincount(numbers, minlength=len(terms)))
    order = sorted(there.tolist(), key=terms.__getitem__)
    place = np.zeros(len(terms), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    rows = csr_array((often, place[numbers], ends), shape=(len(ends) - 1, len(order)))
    rows.sort_indices()
    return Counts(
        kind=kind,
        terms=tuple(terms[number] for number in order),
        ends=ends,
        indices=rows.indices.astype(np.int32),
        often=rows.data,
    )


def _nothing(kind: Kind) -> Counts:
    empty = np.empty(0, np.int32)
    return Counts(kind=kind, terms=(), ends=np.zeros(1, np.int64), indices=empty, often=empty)


def _read(path: Path) -> dict[Kind, tuple[list[bytes], Counts]]:
    """By kind the texts' keys and their counts; nothing where the file is absent, damaged or of another recipe."""
    try:
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            return {}
        with np.load(io.BytesIO(content[32:]), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if arrays["recipe"].tobytes() != _RECIPE.encode():
            return {}
        packed = arrays["keys"].tobytes()
        keys = [packed[start : start + 32] for start in range(0, len(packed), 32)]
        return {kind: (keys, _unpacked(kind, arrays)) for kind in _KINDS}
    except _UNREADABLE:
        return {}


def _unpacked(kind: Kind, arrays: dict[str, NDArray[Any]]) -> Counts:
    terms = cast("list[str]", json.loads(arrays[f"{kind}_terms"].tobytes()))
    ends, indices, often = (arrays[f"{kind}_{name}"] for name in ("ends", "indices", "often"))
    return Counts(kind=kind, terms=tuple(terms), ends=ends, indices=indices, often=often)


def _write(path: Path, keys: Sequence[bytes], found: dict[Kind, Counts]) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "recipe": np.frombuffer(_RECIPE.encode(), np.uint8),
        "keys": np.frombuffer(b"".join(keys), np.uint8),
    }
    for kind, counts in found.items():
        arrays[f"{kind}_terms"] = np.frombuffer(json.dumps(counts.terms).encode(), np.uint8)
        arrays |= {f"{kind}_ends": counts.ends, f"{kind}_indices": counts.indices, f"{kind}_often": counts.often}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    write_whole(path, hashlib.sha256(content).digest() + content)


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
