"""What a checkpoint on disk states: its sizes and its tensors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import UnsupportedCheckpoint, WeightsMismatch

Weights = Mapping[str, NDArray[np.float32]]

_CHOOSE = "Choose a BERT sentence encoder, for instance the standard one (WARMLINE_ENCODER=auto)."
_UNDERSTOOD = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}


@dataclass(frozen=True, kw_only=True)
class BertShape:
    """The sizes in config.json."""

    hidden: int
    layers: int
    heads: int
    epsilon: float


def read_shape(config: Path) -> BertShape:
    """Read the sizes of a checkpoint from its config.json.

    Raises UnsupportedCheckpoint for another family than BERT, WeightsMismatch for a file that is no such configuration.
    """
    try:
        stated: dict[str, Any] = json.loads(config.read_text(encoding="utf-8"))
        shape = BertShape(
            hidden=int(stated["hidden_size"]),
            layers=int(stated["num_hidden_layers"]),
            heads=int(stated["num_attention_heads"]),
            epsilon=float(stated["layer_norm_eps"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsMismatch(
            f"This is no configuration of a BERT encoder: {error!r}",
            where=config,
            do="Point WARMLINE_ENCODER at a folder with model.safetensors, tokenizer.json and config.json.",
        ) from error
    for key, value in _UNDERSTOOD.items():
        if stated.get(key, value) != value:
            what = f"{key} is {stated[key]!r}, and only {value!r} is understood"
            raise UnsupportedCheckpoint(what, where=config, do=_CHOOSE)
    if shape.heads < 1 or shape.hidden % shape.heads:
        what = f"{shape.hidden} hidden units cannot be split over {shape.heads} heads"
        raise UnsupportedCheckpoint(what, where=config, do=_CHOOSE)
    return shape


def read_weights(checkpoint: Path) -> Weights:
    """All tensors of a safetensors file as float32, names without the `bert.` that some checkpoints put before them.

    Raises WeightsMismatch where the file cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        loaded = load_file(checkpoint)
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise WeightsMismatch(
            f"The weights cannot be read: {error}",
            where=checkpoint,
            do="Delete this folder and start again; the checkpoint is then fetched anew.",
        ) from error
    return {name.removeprefix("bert."): np.asarray(tensor, dtype=np.float32) for name, tensor in loaded.items()}


def tensor_of(weights: Weights, name: str) -> NDArray[np.float32]:
    """One tensor by name. Raises UnsupportedCheckpoint where there is none."""
    try:
        return weights[name]
    except KeyError as error:
        what = "The checkpoint has no such tensor, so it is no BERT encoder"
        raise UnsupportedCheckpoint(what, where=name, do=_CHOOSE) from error
