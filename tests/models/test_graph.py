"""The graph against two other computations of the network: plain numpy here, and the library that it is from."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from models import bert, graph, smoothing
from models.encoder import Encoder, load_encoder
from models.errors import ModelError, UnsupportedCheckpoint, WeightsMismatch
from models.runtime import open_session, run_together
from models.text import readable

TEXTS = [
    "",
    "a",
    "?!",
    "Hello, how are you today?",
    "I cannot open the door of my garage any more.",
    "The battery lasts two hours; last year it lasted nine.",
    "WHY IS NOBODY ANSWERING",
    "thx :-) 👍🏽",
    "日本語のテキストです",
    "Où est la bibliothèque ? Ça marche déjà, naïvement.",
    "Straße, Größe, Übung",
    "мама мыла раму",
    "مرحبا بالعالم",
    "e\u0301\u0301\u0301 combining marks a\u0308",
    "tab\tnew\nline\r\nnul\x00bell\x07",
    "zero\u200bwidth\u200djoiner \ufeff",
    "0123456789 3.14 1,000,000 €99.99 #42 @name https://example.org/a?b=c",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "word " * 400,
    "lone surrogate \ud83d here",
]

erf = np.vectorize(math.erf, otypes=[np.float64])


def reference(folder: Path) -> Callable[[str], NDArray[np.float64]]:
    """BERT's forward pass in float64, written from the papers and sharing nothing with `models.graph`."""
    tensors = {
        k.removeprefix("bert."): v.astype(np.float64) for k, v in load_file(folder / "model.safetensors").items()
    }
    config = json.loads((folder / "config.json").read_text())
    heads, width = config["num_attention_heads"], config["hidden_size"] // config["num_attention_heads"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)

    def linear(name: str, data: NDArray[np.float64]) -> NDArray[np.float64]:
        return data @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    def norm(name: str, data: NDArray[np.float64]) -> NDArray[np.float64]:
        centred = data - data.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + config["layer_norm_eps"])
        return centred / spread * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    def attend(name: str, data: NDArray[np.float64]) -> NDArray[np.float64]:
        query, key, value = (linear(f"{name}.{part}", data) for part in ("query", "key", "value"))
        outputs = []
        for head in range(heads):
            here = slice(head * width, (head + 1) * width)
            scores = query[:, here] @ key[:, here].T / math.sqrt(width)
            share = np.exp(scores - scores.max(axis=-1, keepdims=True))
            outputs.append(share / share.sum(axis=-1, keepdims=True) @ value[:, here])
        return np.concatenate(outputs, axis=-1)

    def encode(text: str) -> NDArray[np.float64]:
        ids = tokenizer.encode(readable(text)).ids
        data = tensors["embeddings.word_embeddings.weight"][ids]
        data = data + tensors["embeddings.position_embeddings.weight"][: len(ids)]
        data = norm("embeddings.LayerNorm", data + tensors["embeddings.token_type_embeddings.weight"][0])
        for layer in range(config["num_hidden_layers"]):
            name = f"encoder.layer.{layer}"
            mixed = linear(f"{name}.attention.output.dense", attend(f"{name}.attention.self", data))
            data = norm(f"{name}.attention.output.LayerNorm", data + mixed)
            inner = linear(f"{name}.intermediate.dense", data)
            inner = inner * (1 + erf(inner / math.sqrt(2))) / 2
            data = norm(f"{name}.output.LayerNorm", data + linear(f"{name}.output.dense", inner))
        mean = data.mean(axis=0)
        return mean / np.linalg.norm(mean)

    return encode


def checkpoint_of(home: Path) -> Path:
    return home / "encoder" / "all-minilm-l6-v2"


def test_float32_equals_the_reference(exact_encoder: Encoder, home: Path) -> None:
    expected = reference(checkpoint_of(home))
    worst = max(np.abs(exact_encoder.encode(text) - expected(text)).max() for text in TEXTS)
    assert worst < 1e-5


def test_a_toy_of_other_sizes_equals_the_reference(toy: Path, tmp_path: Path) -> None:
    encoder = load_encoder(tmp_path / "home", str(toy), precision="fp32")
    expected = reference(toy)
    assert encoder.dimension == 32
    for text in TEXTS:
        np.testing.assert_allclose(encoder.encode(text), expected(text), atol=1e-5)


def test_float32_equals_transformers(exact_encoder: Encoder, home: Path) -> None:
    torch: Any = pytest.importorskip("torch", reason="torch is not installed (pip install torch==2.13.0 transformers)")
    transformers: Any = pytest.importorskip("transformers", reason="transformers is not installed")
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint_of(home), local_files_only=True)
    model = transformers.AutoModel.from_pretrained(checkpoint_of(home), local_files_only=True).eval()
    worst = 0.0
    for text in TEXTS:
        fields = tokenizer(readable(text), truncation=True, max_length=256, return_tensors="pt")
        with torch.no_grad():
            mean = model(**fields).last_hidden_state[0].mean(dim=0)
        expected = (mean / mean.norm()).numpy()
        worst = max(worst, float(np.abs(exact_encoder.encode(text) - expected).max()))
    assert worst < 1e-4


def test_int8_stays_close_to_float32(encoder: Encoder, exact_encoder: Encoder) -> None:
    cosines = [float(encoder.encode(text) @ exact_encoder.encode(text)) for text in TEXTS]
    assert np.mean(cosines) > 0.995
    assert min(cosines) > 0.975


def test_one_bit_less_stays_close_too(home: Path, exact_encoder: Encoder) -> None:
    """What processors without dot-product instructions get."""
    folder = checkpoint_of(home)
    weights, shape = bert.read_weights(folder / "model.safetensors"), bert.read_shape(folder / "config.json")
    integers = smoothing.integers_of(smoothing.watch(weights, shape, [[101, 102]]), weights, 63)
    session = open_session(graph.build_graph(weights, shape, integers).SerializeToString())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    cosines = []
    for text in TEXTS[3:8]:
        (vector,) = run_together(session, [tokenizer.encode(text).ids])
        cosines.append(float(vector @ exact_encoder.encode(text)))
    assert min(cosines) > 0.975


@pytest.mark.parametrize("texts", range(1, graph.TOGETHER + 1))
def test_texts_share_a_run_and_nothing_else(toy: Path, texts: int) -> None:
    """For every number of texts, so in every layout, with and without fillers."""
    weights, shape = bert.read_weights(toy / "model.safetensors"), bert.read_shape(toy / "config.json")
    integers = smoothing.integers_of(smoothing.watch(weights, shape, [[2, 3]]), weights, 63)
    session = open_session(graph.build_graph(weights, shape, integers).SerializeToString())
    pieces = [[2, *range(4, 5 + 3 * text), 3] for text in range(texts)]
    together = run_together(session, pieces)
    assert together.shape == (texts, 32)
    for row, text in enumerate(pieces):
        assert (together[row] == run_together(session, [text])[0]).all()


def test_building_twice_gives_the_same_bytes(toy: Path) -> None:
    weights, shape = bert.read_weights(toy / "model.safetensors"), bert.read_shape(toy / "config.json")

    def build() -> bytes:
        integers = smoothing.integers_of(smoothing.watch(weights, shape, [[2, 3]]), weights, 127)
        content: bytes = graph.build_graph(weights, shape, integers).SerializeToString()
        return content

    assert build() == build()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"model_type": "roberta"}, UnsupportedCheckpoint, "roberta"),
        ({"hidden_act": "gelu_new"}, UnsupportedCheckpoint, "gelu_new"),
        ({"position_embedding_type": "relative_key"}, UnsupportedCheckpoint, "relative_key"),
        ({"num_attention_heads": 5}, UnsupportedCheckpoint, "5 heads"),
        ({"num_attention_heads": 0}, UnsupportedCheckpoint, "0 heads"),
        ({"num_hidden_layers": 3}, UnsupportedCheckpoint, "encoder.layer.2"),
        ({"hidden_size": None}, WeightsMismatch, "config.json"),
    ],
)
def test_what_is_no_such_bert_is_refused_by_name(
    toy: Path, tmp_path: Path, change: dict[str, Any], error: type[ModelError], said: str
) -> None:
    config = toy / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    with pytest.raises(error, match=said):
        load_encoder(tmp_path / "home", str(toy))
