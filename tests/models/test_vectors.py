"""The cache gives what the encoder gives, asks it once, and survives anything done to its file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.encoder import Encoder, load_encoder
from models.vectors import VectorCache

TEXTS = ["abc", "a bc", "", "abc", "\ud83d", "a\x00b", "A" * 5000]


class Counting(Encoder):
    """The encoder of a fixture, and how many texts it was asked for."""

    def __init__(self, encoder: Encoder, identity: str | None = None) -> None:
        self.asked: list[str] = []
        self._encoder = encoder
        self.dimension = encoder.dimension
        self.identity = identity or encoder.identity

    def encode_many(
        self, texts: Sequence[str], *, threads: int = 2, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        self.asked += texts
        return self._encoder.encode_many(texts, threads=threads, progress=progress)


@pytest.fixture
def counting(toy: Path, tmp_path: Path) -> Counting:
    return Counting(load_encoder(tmp_path / "home", str(toy)))


def test_each_text_is_encoded_once(counting: Counting, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "vectors.db"
    expected = counting.encode_many(TEXTS)
    counting.asked.clear()
    np.testing.assert_array_equal(VectorCache(path, counting).vectors(TEXTS), expected)
    assert sorted(counting.asked) == sorted(set(TEXTS))
    np.testing.assert_array_equal(VectorCache(path, counting).vectors(TEXTS[::-1]), expected[::-1])
    assert len(counting.asked) == len(set(TEXTS))
    VectorCache(path, counting).vectors([*TEXTS, "new"])
    assert counting.asked[-1] == "new"
    assert len(counting.asked) == len(set(TEXTS)) + 1


def test_no_texts_are_no_vectors(counting: Counting, tmp_path: Path) -> None:
    assert VectorCache(tmp_path / "v", counting).vectors([]).shape == (0, counting.dimension)


def test_another_encoder_shares_nothing(counting: Counting, tmp_path: Path) -> None:
    path = tmp_path / "v"
    VectorCache(path, counting).vectors(["abc"])
    other = Counting(counting._encoder, identity="another")
    VectorCache(path, other).vectors(["abc"])
    assert other.asked == ["abc"]
    VectorCache(path, counting).vectors(["abc"])
    assert counting.asked == ["abc", "abc"]  # the other one took its place


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"no database at all " * 300,
        lambda content: content[: len(content) // 2],
        lambda content: content[:4096] + bytes(len(content) - 4096),
        lambda content: bytes(byte ^ 0xFF if place % 97 == 50 else byte for place, byte in enumerate(content)),
    ],
    ids=["empty", "other", "half", "blank pages", "flipped bytes"],
)
def test_a_damaged_file_is_begun_anew(counting: Counting, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "v"
    expected = VectorCache(path, counting).vectors(TEXTS)
    path.write_bytes(damage(path.read_bytes()))
    np.testing.assert_array_equal(VectorCache(path, counting).vectors(TEXTS), expected)
    counting.asked.clear()
    np.testing.assert_array_equal(VectorCache(path, counting).vectors(TEXTS), expected)
    assert counting.asked == []


def test_a_flipped_bit_in_a_vector_is_noticed(counting: Counting, tmp_path: Path) -> None:
    path = tmp_path / "v"
    expected = VectorCache(path, counting).vectors(["abc"])
    content = path.read_bytes()
    place = content.index(expected[0].tobytes()) + 17
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    np.testing.assert_array_equal(VectorCache(path, counting).vectors(["abc"]), expected)
    assert counting.asked == ["abc", "abc"]


def test_an_interrupted_training_keeps_what_was_done(
    counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.vectors._AT_A_TIME", 2)
    texts = [letter * 3 for letter in "abcdef"]
    seen: list[Any] = []

    def interrupt_at_four(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        VectorCache(tmp_path / "v", counting).vectors(texts, progress=interrupt_at_four)
    assert seen == [(2, 6), (4, 6)]
    counting.asked.clear()
    VectorCache(tmp_path / "v", counting).vectors(texts)
    assert counting.asked == texts[4:]
