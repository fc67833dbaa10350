"""Text to vectors. A vector never depends on what else was waiting, so texts may share a run."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models import bert, graph, runtime, smoothing
from models.artefacts import Progress, held_alone, intact, nobody_watches, sha256_of, usable, write_sealed
from models.errors import ModelError, RuntimeUnsound, WeightsMismatch
from models.processor import this_processor
from models.runtime import Precision, Runtime, Way
from models.text import readable
from models.weights import Checkpoint, fetch_checkpoint

_WORD_PIECES = 256  # what the standard model was trained to read; what follows is not seen

# What every start looks at, to see that this processor computes rightly: of all layouts, and none round in any way.
_KNOWN_TEXTS = (
    "Hello",
    "Where is my invoice?",
    "I cannot open the door of my garage any more, and it is raining!",
    "thx :-)",
    "The battery lasts two hours; last year it lasted nine. Who do I have to call so that somebody looks at it?",
)


class Encoder:
    """An opened encoder; `load_encoder` makes one. Any number of threads may share it, and one copy of the weights.

    dimension: how many numbers a vector has. identity: two vectors may be compared only if theirs are equal.
    """

    def __init__(self, opened: Runtime, tokenizer: Any, *, identity: str) -> None:
        self.dimension = opened.dimension
        self.identity = identity
        self._runtime: Runtime | None = opened
        self._tokenizer: Any = tokenizer

    def encode(self, text: str) -> NDArray[np.float32]:
        """The vector of one text: (dimension,), float32, unit length. Takes any str, also an empty or a broken one.

        What is past 256 word pieces is not seen. Raises ModelError after `close`.
        """
        vector: NDArray[np.float32] = self.encode_some([text])[0]
        return vector

    def encode_some(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of a few texts, in the calling thread: (len(texts), dimension), float32, rows of unit length.

        Equal to `encode` of each, to the bit, and faster. Raises ModelError after `close`.
        """
        opened = self._runtime
        if opened is None:
            raise ModelError("This encoder was closed", where=self.identity, do="Open it again with load_encoder.")
        pieces: list[list[int]] = [self._tokenizer.encode(readable(text)).ids for text in texts]
        return opened.run(pieces)

    def encode_many(
        self, texts: Sequence[str], *, threads: int = 2, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """`encode_some` on several threads: (len(texts), dimension), float32, rows of unit length.

        progress(done, all) is called from the calling thread, in order, at the latest after every 8 texts.
        """
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        pool = ThreadPoolExecutor(max_workers=max(1, threads), thread_name_prefix="encoder")
        try:
            done = 0
            for some in pool.map(self.encode_some, _shares(texts, max(1, threads))):
                vectors[done : done + len(some)] = some
                done += len(some)
                if progress is not None:
                    progress(done, len(texts))
        finally:
            # After an interrupt nobody waits for what is still queued.
            pool.shutdown(cancel_futures=True)
        return vectors

    def close(self) -> None:
        """Let go of the graph's memory."""
        self._runtime = None


def _shares(texts: Sequence[str], threads: int) -> list[Sequence[str]]:
    """What one thread encodes at a time: few texts are spread over all threads."""
    size = max(1, min(graph.TOGETHER, -(-len(texts) // threads)))
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def load_encoder(
    home: Path,
    source: str = "auto",
    *,
    precision: Precision | Literal["auto"] = "auto",
    progress: Progress = nobody_watches,
) -> Encoder:
    """Fetch the checkpoint, build its graph, open it; what already lies in `home/encoder/` is used as it is.

    source: see `models.weights.fetch_checkpoint`. precision: "auto" is int8, or float32 where int8 is not sound on this
    processor. Raises ModelError, whose message says what to do; RuntimeUnsound where no way is sound.
    """
    checkpoint = fetch_checkpoint(home, source, progress=progress)
    tokenizer = _open_tokenizer(checkpoint.tokenizer)
    refusals: list[str] = []
    for way in runtime.ways(precision):
        path, sha256 = _graph_of(checkpoint, tokenizer, way.precision, progress)
        opened, flaw = _opened(path, way)
        if opened is not None:
            return Encoder(opened, tokenizer, identity=_identity(checkpoint, way, sha256))
        refusals.append(f"{way.precision}, {way.together} together: {flaw}")
        progress(f"the encoder is not sound with {refusals[-1]}")
    raise RuntimeUnsound(
        f"onnxruntime does not compute the encoder rightly here: {'; '.join(refusals)}",
        where=this_processor().name,
        do="Install another version of onnxruntime, or set WARMLINE_ENCODER_PRECISION to auto if it is not.",
    )


def _opened(path: Path, way: Way) -> tuple[Runtime | None, str]:
    """The runtime of a sound way, or what is wrong with it."""
    try:
        opened = Runtime(path, way)
        flaw = opened.flaw()
    except Exception as error:  # the runtime's are bare ones, and another way may do
        return None, f"{type(error).__name__}: {error}"
    return (opened, "") if flaw is None else (None, flaw)


def _identity(checkpoint: Checkpoint, way: Way, graph_sha256: str) -> str:
    """How many texts run together is no part of it: a way that is taken gives the same vectors for any number."""
    import onnxruntime

    parts = (
        f"w{checkpoint.weights_sha256[:12]}",
        f"t{checkpoint.vocabulary_sha256[:8]}",
        f"f{graph.FORMAT}",
        f"{way.precision}-{graph_sha256[:8]}",
        f"onnxruntime-{onnxruntime.__version__}",
        this_processor().name,
    )
    return " ".join(parts)


def _graph_of(checkpoint: Checkpoint, tokenizer: Any, precision: Precision, progress: Progress) -> tuple[Path, str]:
    """The graph's file and its sha256: as it lies there, or built anew where it is absent or damaged."""
    levels = this_processor().int8_levels
    kind = f"int8x{levels}" if precision == "int8" else precision
    path = checkpoint.folder / f"graph-{checkpoint.weights_sha256[:12]}-f{graph.FORMAT}-{kind}.onnx"
    if (found := intact(path)) is not None:
        return path, found
    with usable(checkpoint.folder), held_alone(checkpoint.folder, progress):
        if (found := intact(path)) is not None:  # somebody else was faster
            return path, found
        progress(f"building the encoder's {precision} graph")
        # What a killed run left, and what an older version of this program served.
        current = f"-f{graph.FORMAT}-"
        old = (old for old in checkpoint.folder.glob("graph-*") if current not in old.name)
        for leftover in (*checkpoint.folder.glob(".*.part"), *old):
            leftover.unlink(missing_ok=True)
        return path, write_sealed(path, _build(checkpoint, tokenizer, precision, levels))


def _build(checkpoint: Checkpoint, tokenizer: Any, precision: Precision, levels: int) -> bytes:
    if sha256_of(checkpoint.weights) != checkpoint.weights_sha256:
        raise WeightsMismatch(
            "model.safetensors is not what it was when it was fetched",
            where=checkpoint.weights,
            do="Delete this folder and start again; the checkpoint is then fetched anew.",
        )
    weights, shape = bert.read_weights(checkpoint.weights), bert.read_shape(checkpoint.config)
    known = [tokenizer.encode(text).ids for text in _KNOWN_TEXTS]
    watched = smoothing.watch(weights, shape, known)
    integers = smoothing.integers_of(watched, weights, levels) if precision == "int8" else None
    built = graph.build_graph(weights, shape, integers)
    runtime.keep_known(built, known, watched.vectors)
    content: bytes = built.SerializeToString()
    return content


def _open_tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exceptions
        raise WeightsMismatch(
            f"tokenizer.json cannot be read: {error}", where=path, do="Delete this folder and start again."
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(_WORD_PIECES)
    return tokenizer
