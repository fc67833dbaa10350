"""The encoder as an ONNX graph, built straight from a BERT checkpoint's tensors.

Embeddings, N equal layers, the mean over attended positions and L2 normalisation are all inside the graph, so that what
serves is one file, and nothing of a training framework is needed to make it.

The architecture is BERT's (Devlin et al. 2019: post-norm layers, exact GELU); the pooling is Sentence-BERT's (Reimers
and Gurevych 2019: the mean of the token vectors). Integers are used as in dynamic quantisation: each matrix has one
scale per output channel, activations are measured as they come.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bert import BertShape, Weights, tensor_of

# Part of every artefact's name and of every encoder's identity: raise it when the graph computes anything differently.
FORMAT = 3

# opset 23 has LayerNormalization, Gelu and Attention as one operator each, and each has a kernel in the runtime.
_OPSET = 23
_IR_VERSION = 11
_FLOAT = 1  # onnx.TensorProto.FLOAT


@dataclass(frozen=True, kw_only=True)
class Integers:
    """How matrices become int8.

    levels: the largest integer used, 127, or 63 where the processor's kernels would overflow at 127.
    smoothing: for a linear layer's name, what each of its inputs is divided by (and its weights multiplied by) first.
    """

    levels: int
    smoothing: Mapping[str, NDArray[np.float32]]


def build_graph(weights: Weights, shape: BertShape, integers: Integers | None = None, *, watched: bool = False) -> Any:
    """An onnx.ModelProto with the inputs input_ids and attention_mask (int64, [batch, seq]) and the output vector
    (float32, [batch, hidden], each row of unit length).

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
        self._constants: dict[str, Any] = {}
        self._inputs_of: dict[str, str] = {}  # a linear layer's name -> the name of what goes into it

    def build(self, *, watched: bool) -> Any:
        hidden, mask = self._embed(), self._mask()
        for layer in range(self._shape.layers):
            hidden = self._layer(f"encoder.layer.{layer}", hidden, mask)
        self._pool(hidden)
        declare = self._helper.make_tensor_value_info
        outputs = [declare("vector", _FLOAT, ["batch", self._shape.hidden])]
        if watched:
            for name, data in self._inputs_of.items():
                self._nodes.append(self._helper.make_node("Identity", [data], [name]))
                outputs.append(declare(name, _FLOAT, None))
        inputs = [declare(name, 7, ["batch", "seq"]) for name in ("input_ids", "attention_mask")]  # 7: int64
        graph = self._helper.make_graph(self._nodes, "encoder", inputs, outputs, list(self._constants.values()))
        opset = [self._helper.make_opsetid("", _OPSET)]
        return self._helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION, producer_name="warmline")

    def _embed(self) -> str:
        """Word + position + kind of text. Our texts are all of kind 0, so its row is added to the positions here."""
        kind = self._tensor("embeddings.token_type_embeddings.weight")[0]
        positions = self._constant("positions", self._tensor("embeddings.position_embeddings.weight") + kind)
        here = self._op("Slice", positions, self._ints("zero", 0), self._length(), self._ints("zero", 0))
        return self._norm("embeddings.LayerNorm", self._op("Add", self._words(), here))

    def _words(self) -> str:
        table = self._tensor("embeddings.word_embeddings.weight")
        if self._integers is None:
            return self._op("Gather", self._constant("words", table), "input_ids", axis=0)
        # One scale a row: as small as one scale for the whole table, and a much finer error.
        scale = np.maximum(np.abs(table).max(axis=1, keepdims=True) / np.float32(127), np.float32(1e-12))
        rows = self._constant("words", np.rint(table / scale).astype(np.int8))
        levels = self._op("Cast", self._op("Gather", rows, "input_ids", axis=0), to=_FLOAT)
        return self._op("Mul", levels, self._op("Gather", self._constant("words.scale", scale), "input_ids", axis=0))

    def _mask(self) -> str:
        """0 where attended, a number that softmax turns into 0 elsewhere: float32 [batch, 1, seq, seq]."""
        attended = self._op("Unsqueeze", self._op("Cast", "attention_mask", to=_FLOAT), self._ints("axes", 1, 2))
        absent = self._op("Sub", self._constant("one", np.float32(1)), attended)
        mask = self._op("Mul", absent, self._constant("far_below", np.float32(-1e9)))
        # The runtime's Attention wants a row for each position.
        rows = self._op("Concat", self._ints("ones", 1, 1), self._length(), self._ints("axis1", 1), axis=0)
        return self._op("Expand", mask, rows)

    def _length(self) -> str:
        return self._op("Shape", "input_ids", start=1, end=2)

    def _layer(self, name: str, hidden: str, mask: str) -> str:
        attended = self._linear(f"{name}.attention.output.dense", self._attend(f"{name}.attention.self", hidden, mask))
        hidden = self._norm(f"{name}.attention.output.LayerNorm", self._op("Add", attended, hidden))
        inner = self._op("Gelu", self._linear(f"{name}.intermediate.dense", hidden), approximate="none")
        return self._norm(
            f"{name}.output.LayerNorm", self._op("Add", self._linear(f"{name}.output.dense", inner), hidden)
        )

    def _attend(self, name: str, hidden: str, mask: str) -> str:
        """Multi-head attention. Query, key and value are one multiplication: at one text a run, nodes cost time."""
        parts = [f"{name}.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self._tensor(f"{part}.weight") for part in parts])
        bias = np.concatenate([self._tensor(f"{part}.bias") for part in parts])
        sizes = self._ints("thirds", *[self._shape.hidden] * 3)
        self._nodes.append(
            self._helper.make_node("Split", [self._affine(name, weight, bias, hidden), sizes], parts, axis=-1)
        )
        heads = self._shape.heads
        return self._op("Attention", *parts, mask, q_num_heads=heads, kv_num_heads=heads)

    def _pool(self, hidden: str) -> None:
        """The mean over attended positions at unit length. Their number cancels out, so nothing is divided by it."""
        attended = self._op("Unsqueeze", self._op("Cast", "attention_mask", to=_FLOAT), self._ints("axis2", 2))
        total = self._op("ReduceSum", self._op("Mul", hidden, attended), self._ints("axis1", 1), keepdims=0)
        square = self._op("ReduceSum", self._op("Mul", total, total), self._ints("axis1", 1), keepdims=1)
        length = self._op("Max", self._op("Sqrt", square), self._constant("tiny", np.float32(1e-12)))
        self._nodes.append(self._helper.make_node("Div", [total, length], ["vector"]))

    def _linear(self, name: str, data: str) -> str:
        return self._affine(name, self._tensor(f"{name}.weight"), self._tensor(f"{name}.bias"), data)

    def _affine(self, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32], data: str) -> str:
        """data @ weight.T + bias; checkpoints keep a matrix as [out, in]."""
        self._inputs_of[name] = data
        if self._integers is None:
            product = self._op("MatMul", data, self._constant(f"{name}.weight", np.ascontiguousarray(weight.T)))
        else:
            product = self._int8_product(name, weight, data, self._integers)
        return self._op("Add", product, self._constant(f"{name}.bias", bias))

    def _int8_product(self, name: str, weight: NDArray[np.float32], data: str, integers: Integers) -> str:
        """The nodes of dynamic quantisation, in the order that the runtime joins into one kernel."""
        if (divisor := integers.smoothing.get(name)) is not None:
            data = self._op("Mul", data, self._constant(f"{name}.smoothing", 1 / divisor))
            weight = weight * divisor
        scale = np.maximum(np.abs(weight).max(axis=1) / np.float32(integers.levels), np.float32(1e-12))
        rounded = np.ascontiguousarray(np.rint(weight / scale[:, None]).astype(np.int8).T)
        measured = [f"{name}.{part}" for part in ("levels", "step", "zero")]
        self._nodes.append(self._helper.make_node("DynamicQuantizeLinear", [data], measured))
        levels, step, zero = measured
        centre = self._constant(f"{name}.centre", np.zeros(len(scale), dtype=np.int8))
        total = self._op("MatMulInteger", levels, self._constant(f"{name}.weight", rounded), zero, centre)
        unit = self._op("Mul", step, self._constant(f"{name}.scale", scale))
        return self._op("Mul", self._op("Cast", total, to=_FLOAT), unit)

    def _norm(self, name: str, data: str) -> str:
        scale, bias = (self._constant(f"{name}.{part}", self._tensor(f"{name}.{part}")) for part in ("weight", "bias"))
        return self._op("LayerNormalization", data, scale, bias, axis=-1, epsilon=self._shape.epsilon)

    def _op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"n{len(self._nodes)}.{kind}"
        self._nodes.append(self._helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def _ints(self, name: str, *values: int) -> str:
        return self._constant(name, np.array(values, dtype=np.int64))

    def _constant(self, name: str, value: Any) -> str:
        if name not in self._constants:
            self._constants[name] = self._numpy_helper.from_array(np.asarray(value), name)
        return name

    def _tensor(self, name: str) -> NDArray[np.float32]:
        return tensor_of(self._weights, name)
