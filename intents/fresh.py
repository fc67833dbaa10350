"""A fresh head on anybody's labels: the one place where `evaluate` says how it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from models.head import Head, fit_head


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a head is fitted; see `models.head.fit_head`."""

    c: float
    weight: float
    class_weight: Literal["balanced"] | None
    min_df: int
    temperature: float


STANDARD: Final = Recipe(c=10.0, weight=0.8, class_weight="balanced", min_df=1, temperature=0.55)


def train_fresh(
    texts: Sequence[str],
    vectors: NDArray[np.float32],
    labels: Sequence[str],
    *,
    encoder_identity: str,
    recipe: Recipe = STANDARD,
) -> Head:
    """A head on texts, their vectors (len(texts), dimension) and labels. Raises ModelError with under two labels."""
    return fit_head(
        texts,
        vectors,
        labels,
        encoder_identity=encoder_identity,
        c=recipe.c,
        weight=recipe.weight,
        class_weight=recipe.class_weight,
        min_df=recipe.min_df,
    ).at(recipe.temperature)
