"""A BERT so small that tests may build, break and fetch it, and the real one in float32."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from models.encoder import Encoder, load_encoder

HIDDEN, INNER, LAYERS, HEADS, POSITIONS = 32, 64, 2, 4, 300
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="session")
def home() -> Path:
    """Where the `encoder` fixture keeps its files."""
    return Path(os.environ.get("WARMLINE_TEST_HOME") or Path(__file__).parents[2] / "var" / "test-home")


@pytest.fixture(scope="session")
def exact_encoder(home: Path) -> Iterator[Encoder]:
    """The standard encoder, float32."""
    opened = load_encoder(home, precision="fp32")
    yield opened
    opened.close()


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A folder with a checkpoint of 2 layers and random weights: what WARMLINE_ENCODER may point at."""
    folder = tmp_path / "Toy BERT"
    folder.mkdir()
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    _write_tokenizer(folder / "tokenizer.json", pieces)
    _write_weights(folder / "model.safetensors", len(pieces))
    sizes = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "layer_norm_eps": 1e-12}
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_act": "gelu", **sizes}))
    return folder


def _write_tokenizer(path: Path, pieces: list[str]) -> None:
    tokenizer = Tokenizer(WordPiece({piece: index for index, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    brackets = [("[CLS]", pieces.index("[CLS]")), ("[SEP]", pieces.index("[SEP]"))]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=brackets)
    tokenizer.save(str(path))


def _write_weights(path: Path, words: int) -> None:
    chance = np.random.default_rng(7)

    def table(*shape: int) -> np.ndarray:
        return chance.normal(0, 0.3, shape).astype(np.float32)

    tensors = {
        "embeddings.word_embeddings.weight": table(words, HIDDEN),
        "embeddings.position_embeddings.weight": table(POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": table(2, HIDDEN),
        "embeddings.LayerNorm.weight": 1 + table(HIDDEN),
        "embeddings.LayerNorm.bias": table(HIDDEN),
    }
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            tensors[f"{name}.attention.{part}.weight"] = table(HIDDEN, HIDDEN)
            tensors[f"{name}.attention.{part}.bias"] = table(HIDDEN)
        for part, out, into in (("intermediate", INNER, HIDDEN), ("output", HIDDEN, INNER)):
            tensors[f"{name}.{part}.dense.weight"] = table(out, into)
            tensors[f"{name}.{part}.dense.bias"] = table(out)
        for part in ("attention.output", "output"):
            tensors[f"{name}.{part}.LayerNorm.weight"] = 1 + table(HIDDEN)
            tensors[f"{name}.{part}.LayerNorm.bias"] = table(HIDDEN)
    save_file({f"bert.{name}": tensor for name, tensor in tensors.items()}, path)
