"""Runs texts through the encoder's graph: which way on this processor, and whether that way is sound here.

The ways, best first: int8 with several texts in one run; int8 with each text alone; float32 with each alone. A way is
taken if the runtime opens its graph and gives a few known texts the vectors that they had when the graph was built, the
same to the bit alone and together. A kernel that is wrong on some processor so costs speed and never a verdict.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.graph import TOGETHER, layout_for

Precision = Literal["int8", "fp32"]

_PIECES_TOGETHER = 384  # beyond, their activations leave the processor's caches, and memory grows for nothing
_CLOSE = 0.95
"""The least cosine between what a known text has and what it should have. int8 has .99; what was ever found broken
had .86."""
_KNOWN = "known"  # in the graph's metadata

_Text = TypeVar("_Text", bound=Sequence[int])


@dataclass(frozen=True, kw_only=True)
class Way:
    """together: texts in one run, at most."""

    precision: Precision
    together: int


WAYS = (
    Way(precision="int8", together=TOGETHER),
    Way(precision="int8", together=1),
    Way(precision="fp32", together=1),  # float32 sums depend on the shape of what is computed together
)


def ways(precision: Precision | Literal["auto"]) -> tuple[Way, ...]:
    """The ways to try in turn."""
    return tuple(way for way in WAYS if precision in ("auto", way.precision))


def open_session(graph: str | bytes, *, everything: bool = False) -> Any:
    """An onnxruntime session of a file or of its content. Raises whatever the runtime raises.

    everything: let the runtime join operators as it likes, which our own graphs are better without.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Texts are parallel, not operators: one thread a run, and nobody burns a core while waiting.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    # The graph says all itself. Beyond this level a sum and its norm become one operator, three times as slow.
    if not everything:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # By path: of bytes the runtime keeps a second copy. The arena stays on: without it memory is the same, time is not.
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def run_together(session: Any, texts: Sequence[Sequence[int]], outputs: list[str] | None = None) -> Any:
    """One run of 1 to TOGETHER texts, each given by its word pieces: float32 [texts, hidden], rows of unit length.

    With `outputs`, a list of those that were asked for instead.
    """
    fillers = [[0]] * (layout_for(len(texts)) - len(texts))
    lengths = [len(text) for text in (*texts, *fillers)]
    feed = {
        "pieces": np.array([[piece for text in (*texts, *fillers) for piece in text]], dtype=np.int64),
        "places": np.concatenate([np.arange(length, dtype=np.int64) for length in lengths])[None],
        "lengths": np.array(lengths, dtype=np.int64),
        "texts": np.array(len(texts), dtype=np.int64),
    }
    if outputs is not None:
        return session.run(outputs, feed)
    vectors: NDArray[np.float32] = session.run(["vector"], feed)[0][: len(texts)]
    return vectors


class Runtime:
    """An opened graph. Any number of threads may share it: the runtime lets the GIL go while it runs.

    dimension: how many numbers a vector has.
    """

    def __init__(self, path: Path, way: Way) -> None:
        """Raises whatever the runtime raises."""
        self._session = open_session(str(path))
        self._together = way.together
        self.dimension = int(self._session.get_outputs()[0].shape[1])

    def run(self, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """The vectors of texts, each given by its word pieces: float32 [texts, dimension], rows of unit length."""
        parts = [run_together(self._session, part) for part in bundles(texts, self._together)]
        return np.concatenate([np.zeros((0, self.dimension), np.float32), *parts])

    def flaw(self) -> str | None:
        """What is wrong with this way on this processor; None: nothing."""
        stated = self._session.get_modelmeta().custom_metadata_map.get(_KNOWN)
        texts, wanted = _unpacked(stated)
        alone = np.concatenate([self.run([text]) for text in texts])
        nearest = float((alone * wanted).sum(axis=1).min())
        if not nearest >= _CLOSE:  # also what is no number
            return f"known texts get other vectors than they should (cosine {nearest:.3f})"
        for some in range(2, len(texts) + 1):  # runs of more than one layout
            if (self.run(texts[:some][::-1])[::-1] != alone[:some]).any():
                return "a text's vector depends on the texts beside it"
        return None


def bundles(texts: Sequence[_Text], together: int) -> list[list[_Text]]:
    """Texts in their order, cut into runs of at most `together` texts and, unless one alone has more, 384 pieces."""
    cut: list[list[_Text]] = []
    room = 0
    for text in texts:
        if not cut or len(cut[-1]) == together or len(text) > room:
            cut.append([])
            room = _PIECES_TOGETHER
        cut[-1].append(text)
        room -= len(text)
    return cut


def keep_known(model: Any, texts: Sequence[Sequence[int]], vectors: NDArray[np.float32]) -> None:
    """Write into an onnx.ModelProto what `Runtime.flaw` looks for. vectors: of the float32 network."""
    packed = base64.b64encode(vectors.astype("<f4").tobytes()).decode()
    stated = json.dumps({"texts": [list(text) for text in texts], "vectors": packed})
    model.metadata_props.add(key=_KNOWN, value=stated)


def _unpacked(stated: str) -> tuple[list[list[int]], NDArray[np.float32]]:
    known = json.loads(stated)
    texts: list[list[int]] = known["texts"]
    vectors = np.frombuffer(base64.b64decode(known["vectors"]), dtype="<f4").astype(np.float32)
    return texts, vectors.reshape(len(texts), -1)
