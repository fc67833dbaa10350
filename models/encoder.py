"""Text to vectors: one text a run, so that a vector never depends on what else was waiting."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models import bert, graph, smoothing
from models.artefacts import Progress, held_alone, intact, nobody_watches, sha256_of, usable, write_sealed
from models.errors import ModelError, WeightsMismatch
from models.processor import this_processor
from models.text import readable
from models.weights import Checkpoint, fetch_checkpoint

Precision = Literal["int8", "fp32"]

_WORD_PIECES = 256  # what the standard model was trained to read; what follows is not seen


class Encoder:
    """An opened encoder; `load_encoder` makes one. Any number of threads may share it.

    They share one session, and so one copy of the weights: the runtime lets the GIL go while it runs, and a session for
    each thread was measured to be no faster.

    dimension: how many numbers a vector has. identity: two vectors may be compared only if theirs are equal.
    """

    def __init__(self, session: Any, tokenizer: Any, *, dimension: int, identity: str) -> None:
        self.dimension = dimension
        self.identity = identity
        self._session: Any = session
        self._tokenizer: Any = tokenizer

    def encode(self, text: str) -> NDArray[np.float32]:
        """The vector of one text: (dimension,), float32, unit length. Takes any str, also an empty or a broken one.

        What is past 256 word pieces is not seen. Raises ModelError after `close`.
        """
        session = self._session
        if session is None:
            raise ModelError("This encoder was closed", where=self.identity, do="Open it again with load_encoder.")
        ids = np.array([self._tokenizer.encode(readable(text)).ids], dtype=np.int64)
        vector: NDArray[np.float32] = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
        return vector

    def encode_many(
        self, texts: Sequence[str], *, threads: int = 2, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """The vectors of many texts, each run alone: (len(texts), dimension), float32, rows of unit length.

        progress(done, all) is called from the calling thread after each text.
        """
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        pool = ThreadPoolExecutor(max_workers=max(1, threads), thread_name_prefix="encoder")
        try:
            for row, vector in enumerate(pool.map(self.encode, texts)):
                vectors[row] = vector
                if progress is not None:
                    progress(row + 1, len(texts))
        finally:
            # After an interrupt nobody waits for what is still queued.
            pool.shutdown(cancel_futures=True)
        return vectors

    def close(self) -> None:
        """Let go of the graph's memory."""
        self._session = None


def load_encoder(
    home: Path, source: str = "auto", *, precision: Precision = "int8", progress: Progress = nobody_watches
) -> Encoder:
    """Fetch the checkpoint, build its graph, open it; what already lies in `home/encoder/` is used as it is.

    source: see `models.weights.fetch_checkpoint`. Raises ModelError, whose message says what to do.
    """
    checkpoint = fetch_checkpoint(home, source, progress=progress)
    path, sha256 = _graph_of(checkpoint, precision, progress)
    session, tokenizer = _open_session(path), _open_tokenizer(checkpoint.tokenizer)
    dimension = int(session.get_outputs()[0].shape[1])
    return Encoder(session, tokenizer, dimension=dimension, identity=_identity(checkpoint, precision, sha256))


def _identity(checkpoint: Checkpoint, precision: Precision, graph_sha256: str) -> str:
    import onnxruntime

    parts = (
        f"w{checkpoint.weights_sha256[:12]}",
        f"t{checkpoint.vocabulary_sha256[:8]}",
        f"f{graph.FORMAT}",
        f"{precision}-{graph_sha256[:8]}",
        f"onnxruntime-{onnxruntime.__version__}",
        this_processor().name,
    )
    return " ".join(parts)


def _graph_of(checkpoint: Checkpoint, precision: Precision, progress: Progress) -> tuple[Path, str]:
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
        return path, write_sealed(path, _build(checkpoint, precision, levels))


def _build(checkpoint: Checkpoint, precision: Precision, levels: int) -> bytes:
    if sha256_of(checkpoint.weights) != checkpoint.weights_sha256:
        raise WeightsMismatch(
            "model.safetensors is not what it was when it was fetched",
            where=checkpoint.weights,
            do="Delete this folder and start again; the checkpoint is then fetched anew.",
        )
    weights, shape = bert.read_weights(checkpoint.weights), bert.read_shape(checkpoint.config)
    integers = None
    if precision == "int8":
        integers = graph.Integers(levels=levels, smoothing=smoothing.smoothing_of(weights, shape))
    content: bytes = graph.build_graph(weights, shape, integers).SerializeToString()
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


def _open_session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Texts are parallel, not operators: one thread a run, and nobody burns a core while waiting.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    # By path: of bytes the runtime keeps a second copy. The arena stays on: without it memory is the same, time is not.
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
