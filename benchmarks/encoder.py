"""How many texts the encoder reads in a second, beside plain dynamic int8 of the same weights in the same runtime.

    python -m benchmarks.encoder [--texts FILE] [--home FOLDER] [--rounds 15]

Both run on one core, in turns, in short rounds; what counts is the ratio within a round, since machines are noisy and
neighbours slow both alike. Time is processor time of this process. "plain" is what onnxruntime's own `quantize_dynamic`
(per channel) makes of our float32 graph, one text a run. FILE: one text a line; without it, the help articles of the
demo company, a sentence each.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # so that `python benchmarks/encoder.py` works too

from intents.sentences import matters  # noqa: E402
from models import bert, graph  # noqa: E402
from models.encoder import Encoder, load_encoder  # noqa: E402
from models.runtime import open_session, run_together  # noqa: E402
from models.text import readable  # noqa: E402
from models.weights import fetch_checkpoint  # noqa: E402

Vectors = NDArray[np.float32]
Way = Callable[[Sequence[str]], Any]


def main() -> None:
    options = arguments()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    texts = texts_of(options.texts)
    before = resident()
    encoder = load_encoder(options.home, progress=print)
    print(f"{encoder.identity}\n{len(texts)} texts; opening took {resident() - before:.0f} MB")
    plain = plain_int8(options.home)
    ways: dict[str, Way] = {
        "plain, 1 a run": lambda some: [plain(text) for text in some],
        "ours, 1 a run": lambda some: [encoder.encode(text) for text in some],
        "ours, 3 a run": lambda some: [encoder.encode_some(some[at : at + 3]) for at in range(0, len(some), 3)],
        "ours, as they come": lambda some: encoder.encode_many(some, threads=1),
    }
    compare(encoder, load_encoder(options.home, precision="fp32"), texts)
    race(ways, texts, rounds=options.rounds)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=ROOT / "var")
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    return parser.parse_args()


def texts_of(file: Path | None) -> list[str]:
    if file is not None:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    articles = sorted((ROOT / "bot" / "knowledge").glob("**/*.md"))
    return [part for article in articles for part in matters(article.read_text(encoding="utf-8"))]


def plain_int8(home: Path) -> Callable[[str], Vectors]:
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from tokenizers import Tokenizer

    checkpoint = fetch_checkpoint(home)
    weights, shape = bert.read_weights(checkpoint.weights), bert.read_shape(checkpoint.config)
    with tempfile.TemporaryDirectory() as folder:
        exact, quantised = Path(folder) / "exact.onnx", Path(folder) / "int8.onnx"
        exact.write_bytes(graph.build_graph(weights, shape).SerializeToString())
        kinds = {"weight_type": QuantType.QInt8, "op_types_to_quantize": ["MatMul", "Gather"]}
        quantize_dynamic(exact, quantised, per_channel=True, **kinds)
        session = open_session(quantised.read_bytes(), everything=True)
    tokenizer = Tokenizer.from_file(str(checkpoint.tokenizer))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)

    def encode(text: str) -> Vectors:
        vector: Vectors = run_together(session, [tokenizer.encode(readable(text)).ids])[0]
        return vector

    return encode


def compare(encoder: Encoder, exact: Encoder, texts: Sequence[str]) -> None:
    vectors = encoder.encode_many(texts, threads=1)
    order = np.random.default_rng(0).permutation(len(texts))
    alone = np.stack([encoder.encode(text) for text in texts])
    among = encoder.encode_many([texts[row] for row in order], threads=1)
    same = bool((alone == vectors).all() and (among == vectors[order]).all())
    cosines = (vectors * exact.encode_many(texts, threads=1)).sum(axis=1)
    print(f"cosine to float32: mean {cosines.mean():.4f}, lowest {cosines.min():.4f}; alone = among others: {same}")


def race(ways: dict[str, Way], texts: Sequence[str], *, rounds: int, in_a_round: int = 200) -> None:
    chance = random.Random(1)
    took: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way(texts[:64])
    for _ in range(rounds):
        some = chance.sample(texts, min(in_a_round, len(texts)))
        for name, way in ways.items():
            begin = time.process_time()
            way(some)
            took[name].append((time.process_time() - begin) / len(some))
    first = took[next(iter(ways))]
    for name, seconds in took.items():
        ratios = [plain / ours for plain, ours in zip(first, seconds, strict=True)]
        low, middle, high = quantiles(ratios, n=4)
        print(f"{name:20} {1 / median(seconds):6.0f} texts/s   {middle:4.2f} times plain ({low:4.2f} to {high:4.2f})")


def resident() -> float:
    """Of this process, in MB."""
    (stated,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(stated.split()[1]) / 1024


if __name__ == "__main__":
    main()
