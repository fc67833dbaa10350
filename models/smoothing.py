"""Where 8 bits lose most, and what to divide by before they do; and how large what goes into each layer gets.

A few channels of a transformer's activations are many times larger than the rest, and a scale that holds them leaves
the rest few levels. SmoothQuant (Xiao et al. 2023) moves part of that size into the weights: x @ W = (x / s) @ (s * W)
with s = max|x| ** a / max|W| ** (1 - a) for each channel.

One range for all texts costs nothing here: the largest activations are those of the brackets around every text
(Bondarenko et al. 2021), so that every text has nearly the same. Measured on 512 real texts with the standard model,
mean cosine to fp32 and the lowest: .9979 and .995 with fixed ranges, .9978 and .991 with ranges measured as each text
came, .994 and .979 without smoothing.

Activations are watched on made-up texts (frequent word pieces in random order, and some of marks alone, without which
"?!" was far off), so that an artefact needs no data.
Divisors and ranges are rounded, so that a last bit that differs between processors does not move them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bert import BertShape, Weights, tensor_of
from models.graph import Integers, build_graph
from models.runtime import open_session, run_together

_SHARE = 0.7  # `a` above; .75 is as good for ordinary texts and worse for odd ones
_TEXTS, _TEXTS_OF_MARKS = 64, 16
_SEED = 20231105
_STEPS = 32  # of an octave: ranges are rounded up to these, by 2 % at most
# BERT's English vocabulary is sorted by frequency from here on, and these are its marks and its sentence brackets.
# In another vocabulary they are some other words, which makes the smoothing less good and nothing wrong.
_FIRST_WORD, _MARKS, _OPEN, _CLOSE = 1996, (999, 1005, 1010, 1012, 1029), 101, 102
_ODD = (100, *range(999, 1037))  # what stands for unknown words, all marks, and digits

_Row = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The least and the greatest that each channel of each linear layer's input was, and the vectors of some texts."""

    least: dict[str, _Row]
    greatest: dict[str, _Row]
    vectors: NDArray[np.float32]


def watch(weights: Weights, shape: BertShape, texts: Sequence[Sequence[int]]) -> Watched:
    """Run the float32 network over made-up texts, and over `texts` (word pieces), whose vectors it keeps."""
    session: Any = open_session(build_graph(weights, shape, watched=True).SerializeToString())
    vectors = np.concatenate([run_together(session, [text]) for text in texts])
    names = [output.name for output in session.get_outputs() if output.name != "vector"]
    words = len(tensor_of(weights, "embeddings.word_embeddings.weight"))
    least: dict[str, _Row] = {}
    greatest: dict[str, _Row] = {}
    for text in _made_up_texts(words):
        for name, values in zip(names, run_together(session, [text], names), strict=True):
            low, high = values[0].min(axis=0), values[0].max(axis=0)
            least[name] = np.minimum(least.get(name, low), low)
            greatest[name] = np.maximum(greatest.get(name, high), high)
    return Watched(least=least, greatest=greatest, vectors=vectors)


def integers_of(watched: Watched, weights: Weights, levels: int) -> Integers:
    """How the standard of 8 bits is laid over a network. levels: the largest integer that a matrix may hold."""
    smoothing, ranges = {}, {}
    for name, least in watched.least.items():
        greatest = watched.greatest[name]
        divisor = np.ones_like(least)
        if _gains(name):
            divisor = smoothing[name] = _divisors(np.maximum(-least, greatest), _largest_weights(weights, name))
        ranges[name] = (-_rounded_up(-(least / divisor).min()), _rounded_up((greatest / divisor).max()))
    return Integers(levels=levels, smoothing=smoothing, ranges=ranges)


def _gains(name: str) -> bool:
    # What leaves the attention is even already: smoothing it was measured to cost a little.
    return "attention.output" not in name


def _divisors(inputs: _Row, matrix: _Row) -> _Row:
    wanted = np.maximum(inputs, 1e-3) ** _SHARE / np.maximum(matrix, 1e-3) ** (1 - _SHARE)
    rounded: _Row = np.exp2(np.rint(4 * np.log2(wanted)) / 4).astype(np.float32)
    return rounded


def _rounded_up(size: float) -> float:
    """0 for what is below it: a range holds 0."""
    return 2.0 ** (math.ceil(_STEPS * math.log2(size)) / _STEPS) if size > 0 else 0.0


def _largest_weights(weights: Weights, name: str) -> _Row:
    joined = [f"{name}.{part}" for part in ("query", "key", "value")] if name.endswith(".self") else [name]
    largest: _Row = np.concatenate([np.abs(tensor_of(weights, f"{part}.weight")) for part in joined]).max(axis=0)
    return largest


def _made_up_texts(words: int) -> Iterable[Sequence[int]]:
    chance = np.random.default_rng(_SEED)
    for _ in range(_TEXTS):
        length = int(chance.integers(4, 40))
        pieces = _FIRST_WORD + chance.zipf(1.15, length) % 28_500
        pieces = np.where(chance.random(length) < 0.12, chance.choice(_MARKS, length), pieces)
        yield [int(piece) % words for piece in (_OPEN, *pieces, _CLOSE)]
    for _ in range(_TEXTS_OF_MARKS):
        pieces = chance.choice(_ODD, int(chance.integers(2, 30)))
        yield [int(piece) % words for piece in (_OPEN, *pieces, _CLOSE)]
