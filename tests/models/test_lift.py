"""Products of lifted vectors are those of the kernel."""

import numpy as np

from models.lift import Lift

CHANCE = np.random.default_rng(2)


def test_products_are_the_kernels() -> None:
    vectors = CHANCE.normal(0, 1, (30, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[15:] = (vectors[15:] + 3 * vectors[:15]) / np.linalg.norm(vectors[15:] + 3 * vectors[:15], axis=1)[:, None]
    lifted = Lift(dimension=64, width=8192, sharpness=1.5)(vectors)
    assert (lifted.dtype, lifted.shape) == (np.float32, (30, 8192))
    distances = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(lifted @ lifted.T, np.exp(-1.5 * distances), atol=0.06)


def test_it_is_the_same_each_time_and_for_one_as_for_many() -> None:
    vectors = CHANCE.normal(0, 1, (3, 8)).astype(np.float32)
    one, other = Lift(dimension=8, width=32, sharpness=1), Lift(dimension=8, width=32, sharpness=1)
    np.testing.assert_array_equal(one(vectors), other(vectors))
    np.testing.assert_allclose(one(vectors[0]), other(vectors)[0], atol=1e-6)
