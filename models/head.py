"""The part that is trained: multinomial logistic regression over [vector ; weight * words ; weight * characters].

A head may have groups of classes. Then a second softmax over the same inputs is trained on the groups, and both are
joined: a group's probability is the geometric mean of what either says of it, made to sum to 1, and each class keeps
its share within its group. The two make different mistakes, for each group has more texts than any class.

Fitted by `regression`; served with numpy, one text at a time, so that a probability never depends on what else was
waiting.
"""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from models import regression
from models.artefacts import write_whole
from models.counts import Counts, count
from models.errors import ArtefactDamaged, EncoderMismatch, ModelError
from models.features import Features, Kind, normalised

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_FORMAT = 2
# What numpy and zipfile raise for files that are not what they should be: found by flipping bits.
_UNREADABLE = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """A fitted head; `load` and `fit_head` make one. Rows of the coefficients are inputs, columns are the classes and
    after them the groups.

    encoder_identity: of the encoder whose vectors it was fitted on. temperature, group_temperature: the logits of the
    classes and of the groups are divided by them. group_of: of each class, which of the groups; empty without groups.
    """

    classes: tuple[str, ...]
    encoder_identity: str
    words: Features
    characters: Features
    weight: float
    of_vector: NDArray[np.float32]
    of_words: NDArray[np.float32]
    of_characters: NDArray[np.float32]
    bias: NDArray[np.float32]
    temperature: float = 1.0
    groups: tuple[str, ...] = ()
    group_of: tuple[int, ...] = ()
    group_temperature: float = 1.0

    def probabilities(self, text: str, vector: NDArray[np.float32]) -> NDArray[np.float64]:
        """How likely each class is: (len(classes),), float64, sum 1. `vector` is `Encoder.encode(text)`."""
        logits, classes = self.logits(text, vector), len(self.classes)
        likely = _softmax(logits[:classes] / self.temperature)
        if not self.groups:
            return likely
        summed = np.bincount(self._group_of, likely, minlength=len(self.groups))
        joint = np.sqrt(summed * _softmax(logits[classes:] / self.group_temperature))
        # A group may be so unlikely that nothing is left of its classes to share.
        ratio = np.divide(joint, summed * joint.sum(), out=np.zeros_like(joint), where=summed > 0)
        joined: NDArray[np.float64] = likely * ratio[self._group_of]
        return joined

    @cached_property
    def _group_of(self) -> NDArray[np.intp]:
        return np.array(self.group_of, dtype=np.intp)

    def logits(self, text: str, vector: NDArray[np.float32]) -> NDArray[np.float64]:
        """The sums before the softmax, without the temperature: (classes + groups,), float64."""
        text = normalised(text)
        # Written out and not as a BLAS call: the order of the additions is then the same whatever the threads.
        total: NDArray[np.float64] = self.bias + (self.of_vector * vector[:, None].astype(np.float64)).sum(axis=0)
        for features, rows in ((self.words, self.of_words), (self.characters, self.of_characters)):
            indices, values = features.transform_normalised(text)
            total += self.weight * (rows[indices] * values[:, None].astype(np.float64)).sum(axis=0)
        return total

    def require(self, encoder_identity: str) -> None:
        """Raises EncoderMismatch where vectors of that encoder do not fit this head."""
        if encoder_identity != self.encoder_identity:
            raise EncoderMismatch(
                f"The head was fitted on vectors of another encoder [{self.encoder_identity}]",
                where=encoder_identity,
                do="Train again with this encoder.",
            )

    def at(self, temperature: float, groups: float | None = None) -> "Head":
        """The same head with another temperature, and another one of the groups; they must be positive."""
        chosen = (temperature, self.group_temperature if groups is None else groups)
        if not all(0 < one < float("inf") for one in chosen):
            raise ValueError(f"a temperature is positive, not {temperature if groups is None else chosen}")
        return replace(self, temperature=float(chosen[0]), group_temperature=float(chosen[1]))

    def save(self, path: Path) -> None:
        """Write a .npz without pickles, whole or not at all; its checksum is inside. Equal heads make equal content."""
        arrays: dict[str, NDArray[Any]] = {
            "of_vector": self.of_vector,
            "of_words": self.of_words,
            "of_characters": self.of_characters,
            "bias": self.bias,
            "words_idf": self.words.idf,
            "characters_idf": self.characters.idf,
            "stated": _as_bytes(self._stated()),
        }
        arrays["checksum"] = np.frombuffer(_checksum(arrays), dtype=np.uint8)
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)  # compressing takes longer than fitting, and saves a tenth
        write_whole(path, buffer.getvalue())

    def _stated(self) -> dict[str, Any]:
        """All that is no array. As JSON: numpy's arrays of str pad each to the longest."""
        return {
            "format": _FORMAT,
            "classes": self.classes,
            "encoder_identity": self.encoder_identity,
            "weight": self.weight,
            "temperature": self.temperature,
            "groups": self.groups,
            "group_of": self.group_of,
            "group_temperature": self.group_temperature,
            "words": self.words.terms,
            "characters": self.characters.terms,
        }


def load(path: Path) -> Head:
    """Read what `Head.save` wrote. Raises ArtefactDamaged where it is absent, damaged, or of another format."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        checksum = arrays.pop("checksum").tobytes()
        if checksum != _checksum(arrays):
            raise ValueError("its checksum does not fit")
        stated = json.loads(arrays["stated"].tobytes())
        if stated["format"] != _FORMAT:
            raise ValueError(f"it has format {stated['format']}, and this program reads {_FORMAT}")
        return _assembled(arrays, stated)
    except _UNREADABLE as error:
        raise ArtefactDamaged(
            f"The trained head cannot be read: {error}",
            where=path,
            do="Train again, or restore the file from a backup.",
        ) from error


def fit_head(
    texts: Sequence[str],
    vectors: NDArray[np.float32],
    labels: Sequence[str],
    *,
    encoder_identity: str,
    c: float = 10.0,
    weight: float = 0.5,
    class_weight: Literal["balanced"] | None = "balanced",
    min_df: int = 1,
    groups: Mapping[str, str] | None = None,
    counts: Mapping[Kind, Counts] | None = None,
    start: Head | None = None,
) -> Head:
    """Fit on texts, their vectors (len(texts), dimension) and their labels. The same input gives the same head.

    c: the inverse of the L2 penalty. weight: of the words and of the characters against the vector. class_weight
    "balanced": each class, and each group, counts the same however many texts it has. min_df: terms of fewer texts are
    left out. groups: of each label, for a head that has them; more than one. counts: of these texts, where they were
    counted already. start: an earlier head, from which the fit begins if it has the same encoder, classes and groups;
    that saves time and moves no probability by more than 2e-3. Raises ModelError with fewer than two classes.
    """
    if not len(texts) == len(vectors) == len(labels):
        raise ValueError(f"{len(texts)} texts, {len(vectors)} vectors and {len(labels)} labels")
    classes = tuple(sorted(set(labels)))
    if len(classes) < 2:
        raise ModelError(
            "A head needs texts of two classes at least", where=classes, do="Add examples of another class."
        )
    names = tuple(sorted({groups[name] for name in classes})) if groups else ()
    group_of = tuple(names.index(groups[name]) for name in classes) if groups else ()
    if len(names) == 1:
        raise ValueError(f"all classes are in one group, {names[0]!r}")
    counts = count(texts) if counts is None else counts
    (words, of_word), (characters, of_character) = (
        counts[kind].features(min_df=min_df) for kind in ("words", "characters")
    )
    targets = np.searchsorted(classes, labels)
    balanced = class_weight == "balanced"
    tasks = [regression.task(targets, len(classes), c=c, balanced=balanced)]
    if names:
        tasks.append(regression.task(np.array(group_of)[targets], len(names), c=c, balanced=balanced))
    fits = start is not None and (
        (start.encoder_identity, len(start.of_vector)) == (encoder_identity, vectors.shape[1])
        and (start.classes, start.groups, start.group_of) == (classes, names, group_of)
    )
    coefficients, bias = regression.fit(
        np.asarray(vectors, dtype=np.float32),
        _beside(of_word, of_character, weight),
        tasks,
        start=_carried(start, words, characters) if start is not None and fits else None,
    )
    parts = np.split(coefficients, [vectors.shape[1], vectors.shape[1] + len(words.terms)])
    of_vector, of_words, of_characters = (np.ascontiguousarray(part) for part in parts)
    return Head(
        classes=classes,
        encoder_identity=encoder_identity,
        words=words,
        characters=characters,
        weight=weight,
        of_vector=of_vector,
        of_words=of_words,
        of_characters=of_characters,
        bias=bias,
        groups=names,
        group_of=group_of,
    )


def fit_temperature(logits: NDArray[np.float64], targets: NDArray[np.intp]) -> float:
    """The temperature in [0.05, 20] under which the targets are likeliest (Guo et al. 2017).

    logits: (n, classes), of texts that the head was not fitted on. targets: (n,), each the index of the right class.
    """
    rows = np.arange(len(targets))

    def surprise(exponent: float) -> float:
        scaled = logits / np.exp(exponent)
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, targets]).mean())

    # Convex in 1/temperature, so it has one valley in the exponent: golden sections find it without a library.
    low, high, golden = np.log(0.05), np.log(20.0), (5**0.5 - 1) / 2
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if surprise(left) <= surprise(right) else (left, high)
    return float(np.exp((low + high) / 2))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.exp(logits - logits.max())
    likely: NDArray[np.float64] = shares / shares.sum()
    return likely


def _beside(words: "csr_array", characters: "csr_array", weight: float) -> "csr_array":
    """[weight * words ; weight * characters]."""
    from scipy.sparse import hstack

    both: csr_array = hstack([words, characters], format="csr", dtype=np.float32)
    both.data *= np.float32(weight)
    return both


def _carried(start: Head, words: Features, characters: Features) -> tuple[regression.Matrix, regression.Matrix]:
    """An earlier head's coefficients and bias for these terms; a term that it does not know has 0."""
    rows = [start.of_vector]
    for now, then, known in (
        (words, start.words, start.of_words),
        (characters, start.characters, start.of_characters),
    ):
        index = {term: row for row, term in enumerate(then.terms)}
        places = np.array([index.get(term, len(known)) for term in now.terms], dtype=np.intp)
        rows.append(np.vstack([known, np.zeros(known.shape[1], known.dtype)])[places])
    return np.concatenate(rows), start.bias


def _assembled(arrays: dict[str, NDArray[Any]], stated: dict[str, Any]) -> Head:
    words, characters = (
        Features(kind=kind, terms=tuple(stated[kind]), idf=arrays[f"{kind}_idf"]) for kind in ("words", "characters")
    )
    return Head(
        classes=tuple(stated["classes"]),
        encoder_identity=stated["encoder_identity"],
        words=words,
        characters=characters,
        weight=stated["weight"],
        temperature=stated["temperature"],
        groups=tuple(stated["groups"]),
        group_of=tuple(stated["group_of"]),
        group_temperature=stated["group_temperature"],
        **{name: arrays[name] for name in ("of_vector", "of_words", "of_characters", "bias")},
    )


def _as_bytes(stated: dict[str, Any]) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(stated, sort_keys=True).encode(), dtype=np.uint8)


def _checksum(arrays: dict[str, NDArray[Any]]) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.digest()
