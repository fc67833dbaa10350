"""The encoder as an ONNX graph, built straight from a BERT checkpoint's tensors.

Embeddings, N equal layers, the mean over a text's positions and L2 normalisation are all inside the graph, so that what
serves is one file, and nothing of a training framework is needed to make it.

The architecture is BERT's (Devlin et al. 2019: post-norm layers, exact GELU); the pooling is Sentence-BERT's (Reimers
and Gurevych 2019: the mean of the token vectors). With integers, each matrix has one scale per output channel, and what
goes into it one scale that was fixed beforehand.

Texts run together lie one after the other, unpadded, as in Krell et al. 2021. A vector never depends on its neighbours,
to the bit: fixed scales look at nobody, sums of integers are exact in any order, everything else but attention and
pooling works on a position alone, and those two are run for each text by itself, in its own shape.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bert import BertShape, Weights, tensor_of

# Part of every artefact's name and of every encoder's identity: raise it when the graph computes anything differently.
FORMAT = 4

TOGETHER = 8
"""Texts in one run at most. Twice as many were measured to be no faster: their activations leave the cache."""

# For how many texts attention is laid out: a run takes the first that holds its texts, and fillers fill it up.
_LAYOUTS = (1, 3, TOGETHER)

# opset 23 has LayerNormalization, Gelu and Attention as one operator each, and each has a kernel in the runtime.
_OPSET = 23
_IR_VERSION = 11
_RUNTIME = "com.microsoft"  # the runtime's own operators: an integer product that ends in floats is one of them
_FLOAT, _INT64 = 1, 7  # onnx.TensorProto


@dataclass(frozen=True, kw_only=True)
class Integers:
    """How matrices and what goes into them become 8 bits wide.

    levels: the largest integer in a matrix, 127, or 63 where the processor's kernels would overflow at 127.
    smoothing: for a linear layer's name, what each of its inputs is divided by (and its weights multiplied by) first.
    ranges: for each linear layer's name, the least and the greatest input, after that division; what is beyond is cut.
    """

    levels: int
    smoothing: Mapping[str, NDArray[np.float32]]
    ranges: Mapping[str, tuple[float, float]]


def layout_for(texts: int) -> int:
    """How many lengths a run of so many texts (1 to TOGETHER) states: fillers of one word piece make up the rest."""
    return next(size for size in _LAYOUTS if size >= texts)


def build_graph(weights: Weights, shape: BertShape, integers: Integers | None = None, *, watched: bool = False) -> Any:
    """An onnx.ModelProto that turns texts, one after the other, into vectors.

    Its inputs, all int64: pieces and places [1, all], the word pieces and where in its text each of them is; lengths
    [layout_for(texts)], which sum to `all`; texts [], how many of them are meant. Its output: vector (float32,
    [layout_for(texts), hidden], each row of unit length; those of fillers mean nothing).

    Without `integers` everything is float32. With `watched` the input of each linear layer is a further output of that
    layer's name. Raises UnsupportedCheckpoint where a tensor is missing.
    """
    return _Builder(weights, shape, integers).build(watched=watched)


class _Builder:
    """Collects nodes and constants. Each method appends nodes and returns the name of what they compute."""

    def __init__(self, weights: Weights, shape: BertShape, integers: Integers | None) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy_helper = helper, numpy_helper
        self._weights, self._shape, self._integers = weights, shape, integers
        self._nodes: list[Any] = []
        self._count = itertools.count()
        self._constants: dict[str, Any] = {}
        self._inputs_of: dict[str, str] = {}  # a linear layer's name -> the name of what goes into it

    def build(self, *, watched: bool) -> Any:
        for size in _LAYOUTS[:-1]:
            most = self._constant(f"most{size}", np.int64(size))
            self._nodes.append(self._helper.make_node("LessOrEqual", ["texts", most], [f"fits{size}"]))
        hidden = self._embed()
        for layer in range(self._shape.layers):
            hidden = self._layer(f"encoder.layer.{layer}", hidden)
        self._pool(hidden)
        declare = self._helper.make_tensor_value_info
        outputs = [declare("vector", _FLOAT, ["layout", self._shape.hidden])]
        if watched:
            for name, data in self._inputs_of.items():
                self._nodes.append(self._helper.make_node("Identity", [data], [name]))
                outputs.append(declare(name, _FLOAT, None))
        inputs = [declare(name, _INT64, [1, "all"]) for name in ("pieces", "places")]
        inputs += [declare("lengths", _INT64, ["layout"]), declare("texts", _INT64, [])]
        graph = self._helper.make_graph(self._nodes, "encoder", inputs, outputs, list(self._constants.values()))
        opsets = [self._helper.make_opsetid("", _OPSET), self._helper.make_opsetid(_RUNTIME, 1)]
        return self._helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="warmline")

    def _embed(self) -> str:
        """Word + position + kind of text. Our texts are all of kind 0, so its row is added to the positions here."""
        kind = self._tensor("embeddings.token_type_embeddings.weight")[0]
        positions = self._constant("positions", self._tensor("embeddings.position_embeddings.weight") + kind)
        here = self._op("Gather", positions, "places", axis=0)
        return self._norm("embeddings.LayerNorm", self._op("Add", self._words(), here))

    def _words(self) -> str:
        table = self._tensor("embeddings.word_embeddings.weight")
        if self._integers is None:
            return self._op("Gather", self._constant("words", table), "pieces", axis=0)
        # One scale a row: as small as one scale for the whole table, and a much finer error.
        scale = np.maximum(np.abs(table).max(axis=1, keepdims=True) / np.float32(127), np.float32(1e-12))
        rows = self._constant("words", np.rint(table / scale).astype(np.int8))
        levels = self._op("Cast", self._op("Gather", rows, "pieces", axis=0), to=_FLOAT)
        return self._op("Mul", levels, self._op("Gather", self._constant("words.scale", scale), "pieces", axis=0))

    def _layer(self, name: str, hidden: str) -> str:
        attended = self._linear(f"{name}.attention.output.dense", self._attend(f"{name}.attention.self", hidden))
        hidden = self._norm(f"{name}.attention.output.LayerNorm", self._op("Add", attended, hidden))
        inner = self._op("Gelu", self._linear(f"{name}.intermediate.dense", hidden), approximate="none")
        return self._norm(
            f"{name}.output.LayerNorm", self._op("Add", self._linear(f"{name}.output.dense", inner), hidden)
        )

    def _attend(self, name: str, hidden: str) -> str:
        """Multi-head attention of each text over itself. Query, key and value share what goes into them."""
        ready = self._ready(name, hidden)
        parts = [self._product(f"{name}.{part}", name, ready) for part in ("query", "key", "value")]

        def attention(*of_one_text: str) -> str:
            return self._op("Attention", *of_one_text, q_num_heads=self._shape.heads, kv_num_heads=self._shape.heads)

        return self._text_by_text(parts, attention, axis=1)

    def _pool(self, hidden: str) -> None:
        """The mean over a text's positions at unit length. Their number cancels out, so nothing is divided by it."""
        total = self._text_by_text(
            [hidden], lambda text: self._op("ReduceSum", text, self._ints("axis1", 1), keepdims=0), axis=0
        )
        self._nodes.append(self._helper.make_node("LpNormalization", [total], ["vector"], axis=-1, p=2))

    def _text_by_text(self, whole: list[str], compute: Callable[..., str], *, axis: int) -> str:
        """`compute` on the positions of each text, its results joined along `axis`.

        Without a loop, whose every round costs more than attention itself: there is a branch for each layout.
        """

        def laid_out(size: int) -> str:
            if size == 1:
                return compute(*whole)
            split = [self._several("Split", part, "lengths", outputs=size, axis=1) for part in whole]
            return self._op("Concat", *(compute(*text) for text in zip(*split, strict=True)), axis=axis)

        return self._first_that_fits(_LAYOUTS, laid_out)

    def _first_that_fits(self, sizes: tuple[int, ...], laid_out: Callable[[int], str]) -> str:
        size, *larger = sizes
        if not larger:
            return laid_out(size)
        fitting = self._branch(lambda: laid_out(size))
        other = self._branch(lambda: self._first_that_fits(tuple(larger), laid_out))
        return self._op("If", f"fits{size}", then_branch=fitting, else_branch=other)

    def _branch(self, compute: Callable[[], str]) -> Any:
        """What `compute` appends, as a graph of its own."""
        outside, self._nodes = self._nodes, []
        output = self._helper.make_tensor_value_info(compute(), _FLOAT, None)
        inside, self._nodes = self._nodes, outside
        return self._helper.make_graph(inside, output.name, [], [output])

    def _linear(self, name: str, data: str) -> str:
        """data @ weight.T + bias."""
        return self._product(name, name, self._ready(name, data))

    def _ready(self, name: str, data: str) -> str:
        """What goes into the layer (or the three layers) of this name, as that wants it: smoothed and 8 bits wide."""
        self._inputs_of[name] = data
        if self._integers is None:
            return data
        if (divisor := self._integers.smoothing.get(name)) is not None:
            data = self._op("Mul", data, self._constant(f"{name}.smoothing", 1 / divisor))
        return self._op("QuantizeLinear", data, *self._grid(name))

    def _grid(self, name: str) -> tuple[str, str]:
        """The step between two levels of a layer's input, and the level that stands for zero."""
        assert self._integers is not None  # noqa: S101 - for the type checker
        least, greatest = self._integers.ranges[name]
        step = np.float32(max(greatest - least, 1e-12) / 255)
        zero = np.uint8(np.clip(np.rint(-least / step), 0, 255))
        return self._constant(f"{name}.step", step), self._constant(f"{name}.zero", zero)

    def _product(self, name: str, into: str, ready: str) -> str:
        """ready @ weight.T + bias; checkpoints keep a matrix as [out, in]. into: the name under which `ready` is."""
        weight, bias = self._tensor(f"{name}.weight"), self._constant(f"{name}.bias", self._tensor(f"{name}.bias"))
        if self._integers is None:
            whole = self._constant(f"{name}.weight", np.ascontiguousarray(weight.T))
            return self._op("Add", self._op("MatMul", ready, whole), bias)
        weight = weight * self._integers.smoothing.get(into, np.float32(1))
        scale = np.maximum(np.abs(weight).max(axis=1) / np.float32(self._integers.levels), np.float32(1e-12))
        rounded = np.ascontiguousarray(np.rint(weight / scale[:, None]).astype(np.int8).T)
        matrix, centre = self._constant(f"{name}.weight", rounded), np.zeros(len(scale), dtype=np.int8)
        step, zero = self._grid(into)
        scales, zeros = (step, self._constant(f"{name}.scale", scale)), (zero, self._constant(f"{name}.centre", centre))
        return self._op("MatMulIntegerToFloat", ready, matrix, *scales, *zeros, bias, domain=_RUNTIME)

    def _norm(self, name: str, data: str) -> str:
        scale, bias = (self._constant(f"{name}.{part}", self._tensor(f"{name}.{part}")) for part in ("weight", "bias"))
        return self._op("LayerNormalization", data, scale, bias, axis=-1, epsilon=self._shape.epsilon)

    def _op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        (output,) = self._several(kind, *inputs, outputs=1, **attributes)
        return output

    def _several(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        number = next(self._count)
        names = [f"n{number}.{kind}.{part}" for part in range(outputs)]
        self._nodes.append(self._helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def _ints(self, name: str, *values: int) -> str:
        return self._constant(name, np.array(values, dtype=np.int64))

    def _constant(self, name: str, value: Any) -> str:
        if name not in self._constants:
            self._constants[name] = self._numpy_helper.from_array(np.asarray(value), name)
        return name

    def _tensor(self, name: str) -> NDArray[np.float32]:
        return tensor_of(self._weights, name)
