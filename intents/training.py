"""Learns a catalogue, or loads what was learnt from exactly this catalogue with exactly this encoder.

What was learnt lies in `home/intents/<identity>/`: the head, and the utterances' vectors for showing neighbours. The
identity is a hash over catalogue, encoder and recipe, so a stale artefact cannot be taken for a fresh one.

Learning again after an edit takes less than a second with seven thousand utterances, because three things are kept in
`home/intents/`: the utterances' vectors, their terms' counts, and in `last` the identity of the head that was learnt
last, from which the next one starts. Without any of them, or where one is damaged, it takes several times as long; what
is learnt is the same, to 2e-3 of a probability.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from intents.catalogue import Catalogue
from models.artefacts import Progress, held_alone, intact, nobody_watches, write_sealed, write_whole
from models.counts import count
from models.errors import ModelError
from models.head import Head, fit_head
from models.head import load as load_head
from models.vectors import VectorCache

__all__ = ["Learnt", "Progress", "learnt", "nobody_watches"]

REGULARISATION: Final = 5.0
LEXICAL_WEIGHT: Final = 0.8
TEMPERATURE: Final = 1.0
GROUP_TEMPERATURE: Final = 1.0
FEWEST_TEXTS: Final = 3
"""Of a term: what one or two utterances have teaches little about others, and is most of all terms."""
KEPT: Final = 4
"""What was learnt from the last few catalogues stays: to take an edit back costs nothing."""
_RECIPE: Final = (
    f"recipe 2: c={REGULARISATION} weight={LEXICAL_WEIGHT} min_df={FEWEST_TEXTS} "
    f"temperatures={TEMPERATURE},{GROUP_TEMPERATURE}"
)
_HEAD: Final = "head.npz"
_LAST: Final = "last"
_VECTORS: Final = "utterances.npy"


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What training leaves."""

    identity: str
    head: Head
    vectors: NDArray[np.float32]
    """(utterances, dimension), in the order of `Catalogue.examples`."""

    @property
    def classes(self) -> Sequence[str]:
        return self.head.classes

    def probabilities(self, text: str, vector: NDArray[np.float32]) -> NDArray[np.float64]:
        """(intents,), float64, summing to 1."""
        return self.head.probabilities(text, vector)


def learnt(home: Path, encoder: Any, catalogue: Catalogue, *, progress: Progress = nobody_watches) -> Learnt:
    """Loaded if it fits, else trained and kept. Two processes that need it train it once."""
    identity = identity_of(encoder.identity, catalogue)
    folder = home / "intents" / identity
    found = _load(folder, identity)
    if found is not None:
        return found
    with held_alone(home / "intents", progress):
        found = _load(folder, identity)  # somebody else may have been faster
        if found is None:
            found = _train(home, encoder, catalogue, identity, progress)
            _save(folder, found)
            write_whole(home / "intents" / _LAST, identity.encode())
            _forget_old(home / "intents")
    return found


def identity_of(encoder: str, catalogue: Catalogue) -> str:
    """20 hex digits that change with whatever changes a verdict."""
    return hashlib.sha256("\0".join((encoder, catalogue.identity, _RECIPE)).encode()).hexdigest()[:20]


def _train(home: Path, encoder: Any, catalogue: Catalogue, identity: str, progress: Progress) -> Learnt:
    texts = [text for text, _ in catalogue.examples]
    labels = [intent for _, intent in catalogue.examples]
    progress(f"learning {len(texts)} utterances of {len(catalogue.intents)} intents")
    vectors = VectorCache(home / "intents" / "vectors.sqlite", encoder).vectors(
        texts, progress=lambda done, all_: progress(f"read {done} of {all_} utterances")
    )
    progress("fitting the head")
    head = fit_head(
        texts,
        vectors,
        labels,
        encoder_identity=encoder.identity,
        c=REGULARISATION,
        weight=LEXICAL_WEIGHT,
        min_df=FEWEST_TEXTS,
        groups={intent.id: intent.tier for intent in catalogue.intents},
        counts=count(texts, home / "intents" / "counts.npz"),
        start=_last(home, identity),
    ).at(TEMPERATURE, GROUP_TEMPERATURE)
    return Learnt(identity=identity, head=head, vectors=np.asarray(vectors, dtype=np.float32))


def _forget_old(folder: Path) -> None:
    """All but the `KEPT` newest: each takes megabytes, and whoever runs has read its own."""
    learnt_ones = [head.parent for head in folder.glob(f"*/{_HEAD}")]
    for old in sorted(learnt_ones, key=lambda one: one.stat().st_mtime_ns)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _last(home: Path, identity: str) -> Head | None:
    """The head that was learnt last, of another catalogue; None where it is not to be had."""
    try:
        last = (home / "intents" / _LAST).read_text(encoding="ascii")
        # Of this very catalogue it is there only if it is damaged in part: then nothing of it is used.
        return None if last == identity or "/" in last else load_head(home / "intents" / last / _HEAD)
    except (OSError, ValueError, ModelError):
        return None


def _save(folder: Path, found: Learnt) -> None:
    buffer = io.BytesIO()
    np.save(buffer, found.vectors, allow_pickle=False)
    write_sealed(folder / _VECTORS, buffer.getvalue())
    found.head.save(folder / _HEAD)


def _load(folder: Path, identity: str) -> Learnt | None:
    """None where anything is absent or damaged: it is then learnt again."""
    if intact(folder / _VECTORS) is None:
        return None
    try:
        head = load_head(folder / _HEAD)
    except ModelError:
        return None
    vectors: NDArray[np.float32] = np.load(folder / _VECTORS, allow_pickle=False)
    return Learnt(identity=identity, head=head, vectors=vectors)
