"""Vectors lifted so that what is linear in them is as good as a Gaussian kernel: Rahimi & Recht, Random Features for
Large-Scale Kernel Machines, 2007. Where texts are many, classes are told apart by more than one direction each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Lift:
    """From `dimension` numbers to `width`. sharpness: the kernel is exp(-sharpness * distance²)."""

    dimension: int
    width: int
    sharpness: float

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(…, dimension) to (…, width), float32; each result has a length of about 1."""
        frequencies, phases = self._waves
        waves: NDArray[np.float32] = np.cos(vectors @ frequencies + phases) * np.float32((2 / self.width) ** 0.5)
        return waves

    @cached_property
    def _waves(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        chance = np.random.Generator(np.random.PCG64(5))
        frequencies = chance.normal(0, (2 * self.sharpness) ** 0.5, (self.dimension, self.width))
        return frequencies.astype(np.float32), chance.uniform(0, 2 * np.pi, self.width).astype(np.float32)
