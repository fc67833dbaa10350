"""The cache gives what the encoder gives, asks it once, and survives anything done to its file."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
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


class Maker:
    """Makes another matrix each time, and says how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> NDArray[np.float32]:
        self.times += 1
        return np.full((2, 3), self.times, dtype=np.float32)


MADE_OF = [np.arange(6, dtype=np.float32), np.array([0, 2])]


def test_what_is_made_of_vectors_is_made_once(counting: Counting, tmp_path: Path) -> None:
    make = Maker()
    first = VectorCache(tmp_path / "v", counting).made("likeness", "1", MADE_OF, make)
    again = VectorCache(tmp_path / "v", counting).made("likeness", "1", [part.copy() for part in MADE_OF], make)
    np.testing.assert_array_equal(again, first)
    assert (again.dtype, again.shape, make.times) == (np.float32, (2, 3), 1)


@pytest.mark.parametrize(
    ("name", "recipe", "of"),
    [
        ("other", "1", MADE_OF),
        ("likeness", "2", MADE_OF),
        ("likeness", "1", [MADE_OF[0] + 1, MADE_OF[1]]),
        ("likeness", "1", [MADE_OF[0].reshape(2, 3), MADE_OF[1]]),
        ("likeness", "1", [MADE_OF[0].astype(np.float64), MADE_OF[1]]),
        ("likeness", "1", MADE_OF[::-1]),
        ("likeness", "1", MADE_OF[:1]),
    ],
)
def test_it_is_made_anew_if_anything_that_it_is_made_of_has_changed(
    name: str, recipe: str, of: list[NDArray[Any]], counting: Counting, tmp_path: Path
) -> None:
    make, cache = Maker(), VectorCache(tmp_path / "v", counting)
    cache.made("likeness", "1", MADE_OF, make)
    cache.made(name, recipe, of, make)
    assert make.times == 2
    assert cache.made("likeness", "1", MADE_OF, make)[0, 0] == 1


def test_the_last_few_of_a_name_are_kept(counting: Counting, tmp_path: Path) -> None:
    make, cache = Maker(), VectorCache(tmp_path / "v", counting)
    for recipe in "123456":
        cache.made("likeness", recipe, MADE_OF, make)
    for recipe in "3456":
        cache.made("likeness", recipe, MADE_OF, make)
    assert make.times == 6
    cache.made("likeness", "1", MADE_OF, make)
    assert make.times == 7


def test_a_damaged_one_is_made_anew(counting: Counting, tmp_path: Path) -> None:
    make, cache = Maker(), VectorCache(tmp_path / "v", counting)
    cache.made("likeness", "1", MADE_OF, make)
    with closing(sqlite3.connect(tmp_path / "v")) as file, file:
        file.execute("UPDATE made SET matrix = substr(matrix, 1, length(matrix) - 1)")
    assert cache.made("likeness", "1", MADE_OF, make)[0, 0] == 2
    (tmp_path / "v").write_bytes(b"no database" * 100)
    assert cache.made("likeness", "1", MADE_OF, make)[0, 0] == 3
    assert cache.made("likeness", "1", MADE_OF, make)[0, 0] == 3
