"""The part that is trained: multinomial logistic regression over [vector ; weight * words ; weight * characters].

Fitted with scikit-learn, which is imported only then; served with numpy, one text at a time, so that a probability
never depends on what else was waiting.
"""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.artefacts import write_whole
from models.errors import ArtefactDamaged, EncoderMismatch, ModelError
from models.features import Features, fit_features, normalised

_FORMAT = 1
# What numpy and zipfile raise for files that are not what they should be: found by flipping bits.
_UNREADABLE = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)
_FEW = 2000  # texts; beyond it their products cost more than they save


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """A fitted head. Rows of the coefficients are inputs, columns are classes; `load` and `fit_head` make one.

    encoder_identity: of the encoder whose vectors it was fitted on. temperature: logits are divided by it.
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

    def probabilities(self, text: str, vector: NDArray[np.float32]) -> NDArray[np.float64]:
        """How likely each class is: (len(classes),), float64, sum 1. `vector` is `Encoder.encode(text)`."""
        scaled = self.logits(text, vector) / self.temperature
        shares = np.exp(scaled - scaled.max())
        likely: NDArray[np.float64] = shares / shares.sum()
        return likely

    def logits(self, text: str, vector: NDArray[np.float32]) -> NDArray[np.float64]:
        """The sums before the softmax, without the temperature: (len(classes),), float64."""
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

    def at(self, temperature: float) -> "Head":
        """The same head with another temperature, which must be positive."""
        if not 0 < temperature < float("inf"):
            raise ValueError(f"a temperature is positive, not {temperature}")
        return replace(self, temperature=float(temperature))

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
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_whole(path, buffer.getvalue())

    def _stated(self) -> dict[str, Any]:
        """All that is no array. As JSON: numpy's arrays of str pad each to the longest."""
        return {
            "format": _FORMAT,
            "classes": self.classes,
            "encoder_identity": self.encoder_identity,
            "weight": self.weight,
            "temperature": self.temperature,
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
) -> Head:
    """Fit on texts, their vectors (len(texts), dimension) and their labels. The same input gives the same head.

    c: the inverse of the L2 penalty. weight: of the words and of the characters against the vector. class_weight
    "balanced": each class counts the same however many texts it has. Raises ModelError with fewer than two classes.
    """
    if not len(texts) == len(vectors) == len(labels):
        raise ValueError(f"{len(texts)} texts, {len(vectors)} vectors and {len(labels)} labels")
    classes = tuple(sorted(set(labels)))
    if len(classes) < 2:
        raise ModelError(
            "A head needs texts of two classes at least", where=classes, do="Add examples of another class."
        )
    words, characters = (fit_features(texts, kind, min_df=min_df) for kind in ("words", "characters"))
    coefficients, bias = _fit(
        [vectors.astype(np.float64), weight * words.transform(texts), weight * characters.transform(texts)],
        np.searchsorted(classes, labels),
        c=c,
        class_weight=class_weight,
    )
    parts = np.split(coefficients, [vectors.shape[1], vectors.shape[1] + len(words.terms)])
    of_vector, of_words, of_characters = (np.ascontiguousarray(part, dtype=np.float32) for part in parts)
    return Head(
        classes=classes,
        encoder_identity=encoder_identity,
        words=words,
        characters=characters,
        weight=weight,
        of_vector=of_vector,
        of_words=of_words,
        of_characters=of_characters,
        bias=bias.astype(np.float32),
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


def _fit(
    parts: Sequence[Any], targets: NDArray[np.intp], *, c: float, class_weight: Literal["balanced"] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients (inputs, classes) and bias (classes,) of an L2-penalised multinomial logistic regression."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, class_weight=class_weight, solver="lbfgs", tol=1e-4, max_iter=1000)
    inputs = csr_matrix(hstack([csr_matrix(part) for part in parts]))
    if len(targets) <= _FEW:
        # There are many more inputs than texts, and the best coefficients are a mixture of the texts' rows (the
        # representer theorem): in the space that the rows span the fit is the same to ten digits, in half the time.
        rows, back = _row_space(np.sum([_products(part) for part in parts], axis=0))
        model.fit(rows, targets)
        coefficients = inputs.T @ (back @ model.coef_.T)
    else:
        model.fit(inputs, targets)
        coefficients = model.coef_.T
    bias = model.intercept_
    if coefficients.shape[1] == 1:  # of two classes scikit-learn fits one column, the second against the first
        coefficients, bias = np.hstack([0 * coefficients, coefficients]), np.array([0.0, bias[0]])
    return coefficients, bias


def _products(part: Any) -> NDArray[np.float64]:
    """All products of two rows, of a sparse or a dense matrix."""
    products = part @ part.T
    dense: NDArray[np.float64] = products if isinstance(products, np.ndarray) else products.toarray()
    return dense


def _row_space(products: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates of each row in the space that they span, and what takes coefficients there back to the rows."""
    sizes, directions = np.linalg.eigh(products)
    large = sizes > sizes.max() * 1e-12  # a text that is there twice adds no direction
    lengths = np.sqrt(sizes[large])
    return directions[:, large] * lengths, directions[:, large] / lengths


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
