"""Which way texts are run, and that a way that computes wrongly on some processor is not taken."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import runtime
from models.encoder import Encoder, load_encoder
from models.errors import RuntimeUnsound
from models.graph import TOGETHER
from models.runtime import bundles

Runs = list[int]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """How many texts each run had."""
    seen: Runs = []
    honest = runtime.run_together

    def counted(session: Any, texts: Sequence[Sequence[int]], outputs: list[str] | None = None) -> Any:
        seen.append(len(texts))
        return honest(session, texts, outputs)

    monkeypatch.setattr(runtime, "run_together", counted)
    return seen


def wrong(monkeypatch: pytest.MonkeyPatch, is_so: Any, change: Any) -> None:
    """A runtime whose vectors are changed for some runs: is_so(precision, texts)."""
    honest = runtime.run_together

    def broken(session: Any, texts: Sequence[Sequence[int]], outputs: list[str] | None = None) -> Any:
        vectors = honest(session, texts, outputs)
        precision = "int8" if "int8" in Path(session._model_path).name else "fp32"
        return change(vectors) if is_so(precision, len(texts)) else vectors

    monkeypatch.setattr(runtime, "run_together", broken)


def a_bit_off(vectors: Any) -> Any:
    return np.nextafter(vectors, np.float32(2))


def no_numbers(vectors: Any) -> Any:
    return vectors * np.float32("nan")


def turned(vectors: Any) -> Any:
    return np.roll(vectors, 5, axis=1)


def test_several_texts_share_a_run(toy: Path, tmp_path: Path, runs: Runs) -> None:
    encoder = load_encoder(tmp_path, str(toy))
    runs.clear()
    encoder.encode_some(["abc"] * 3)
    encoder.encode_some(["abc"] * 11)
    encoder.encode("abc")
    assert runs == [3, 8, 3, 1]


def test_float32_runs_each_text_alone(toy: Path, tmp_path: Path, runs: Runs) -> None:
    encoder = load_encoder(tmp_path, str(toy), precision="fp32")
    runs.clear()
    encoder.encode_some(["abc"] * 3)
    assert runs == [1, 1, 1]


@pytest.mark.parametrize("precision", ["auto", "int8"])
def test_where_neighbours_matter_each_text_is_run_alone(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: Any
) -> None:
    sound = load_encoder(tmp_path, str(toy))
    expected = sound.encode_some(["abc", "de"])
    wrong(monkeypatch, lambda _precision, texts: texts > 1, a_bit_off)
    said: list[str] = []
    careful = load_encoder(tmp_path, str(toy), precision=precision, progress=said.append)
    assert said == ["the encoder is not sound with int8, 8 together: a text's vector depends on the texts beside it"]
    assert careful.identity == sound.identity  # the vectors are the same
    assert (careful.encode_some(["abc", "de"]) == expected).all()


@pytest.mark.parametrize("change", [no_numbers, turned])
def test_where_int8_is_wrong_float32_serves(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    sound, exact = load_encoder(tmp_path, str(toy)), load_encoder(tmp_path, str(toy), precision="fp32")
    wrong(monkeypatch, lambda precision, _texts: precision == "int8", change)
    said: list[str] = []
    careful = load_encoder(tmp_path, str(toy), progress=said.append)
    assert [sentence.partition(":")[0] for sentence in said] == [
        "the encoder is not sound with int8, 8 together",
        "the encoder is not sound with int8, 1 together",
    ]
    assert careful.identity == exact.identity != sound.identity
    assert (careful.encode("abc") == exact.encode("abc")).all()


def test_a_runtime_that_refuses_the_graph_is_no_way(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_encoder(tmp_path, str(toy))
    exact = load_encoder(tmp_path, str(toy), precision="fp32")
    honest = runtime.open_session

    def refusing(graph: str | bytes) -> Any:
        if "int8" in str(graph):
            raise RuntimeError("no kernel for MatMulIntegerToFloat")
        return honest(graph)

    monkeypatch.setattr(runtime, "open_session", refusing)
    assert load_encoder(tmp_path, str(toy)).identity == exact.identity
    with pytest.raises(RuntimeUnsound, match=r"no kernel.*WARMLINE_ENCODER_PRECISION"):
        load_encoder(tmp_path, str(toy), precision="int8")


def test_no_sound_way_is_said_by_name(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_encoder(tmp_path, str(toy))
    wrong(monkeypatch, lambda _precision, _texts: True, no_numbers)
    with pytest.raises(RuntimeUnsound, match="cosine nan"):
        load_encoder(tmp_path, str(toy))


def test_this_processor_needs_no_second_way(encoder: Encoder) -> None:
    """If this fails, a kernel of the installed runtime is wrong here: say so to its makers."""
    assert encoder._runtime is not None
    assert encoder._runtime.flaw() is None
    assert encoder._runtime._together == TOGETHER


@given(st.lists(st.integers(1, 256), max_size=40), st.integers(1, TOGETHER))
def test_bundles_keep_order_and_bounds(lengths: list[int], together: int) -> None:
    texts = [[0] * length for length in lengths]
    cut = bundles(texts, together)
    assert [text for part in cut for text in part] == texts
    for part in cut:
        assert 1 <= len(part) <= together
        assert len(part) == 1 or sum(map(len, part)) <= 384


def test_threads_share_it_while_others_come_and_go(encoder: Encoder) -> None:
    texts = [f"My {thing} is broken{'!' * row}" for row in range(3) for thing in ("router", "car and my bike")]
    alone = [encoder.encode(text).tobytes() for text in texts]
    start = threading.Barrier(6)

    def some(size: int) -> bool:
        start.wait()
        vectors = [row for _ in range(8) for row in encoder.encode_some(texts[:size])]
        return [vector.tobytes() for vector in vectors] == alone[:size] * 8

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(some, range(1, 7)))


def test_memory_does_not_grow(encoder: Encoder) -> None:
    """Runs of all shapes: the runtime keeps what the largest needed, and no more with every further one."""
    chance = np.random.default_rng(1)

    def some_runs(number: int) -> None:
        for _ in range(number):
            encoder.encode_some(["word " * int(size) for size in chance.integers(1, 250, int(chance.integers(1, 9)))])

    encoder.encode_some(["word " * 250, "word " * 120])
    some_runs(25)
    before = resident()
    some_runs(50)
    assert resident() - before < 25  # MB


def resident() -> float:
    """Of this process, in MB."""
    (stated,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(stated.split()[1]) / 1024
