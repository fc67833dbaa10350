"""Any text gives one unit vector, the same whoever else is waiting, with nothing heavy loaded."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models import head
from models.encoder import Encoder, load_encoder
from models.errors import HomeUnusable, ModelError, WeightsMismatch
from models.processor import this_processor
from models.text import readable
from models.weights import fetch_checkpoint
from tests.growth import grows_linearly

REPOSITORY = Path(__file__).parents[2]
SENTENCES = [
    f"{who} {what} {when}"
    for who in ("I", "my son", "nobody")
    for what in ("ran home", "lost a red hat, why?")
    for when in ("", "today", "a very long time ago, as everybody in this town knows")
]

ODD = {
    "empty": "",
    "blank": " \t\n\u3000 ",
    "nul": "\x00",
    "lone surrogate": "\ud83d",
    "swapped surrogates": "a\ude00\ud83db",
    "replacement": "\ufffd" * 100,
    "combining marks": "a" + "\u0301" * 5000,
    "right to left": "\u202eabc\u202c",
    "every plane": "".join(chr(c) for c in range(0, 0x110000, 1009)),
    "a megabyte of words": "word " * 200_000,
    "a megabyte of one word": "x" * 1_000_000,
    "a megabyte of blanks": " " * 1_000_000 + "end",
    "a megabyte of nul": "\x00" * 1_000_000,
    "a megabyte of emoji": "👩‍👩‍👧" * 200_000,
    "a megabyte of marks": "\u0301" * 1_000_000,
    "a megabyte of surrogates": "\udfff" * 1_000_000,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_texts_give_a_unit_vector_in_linear_time(encoder: Encoder, text: str) -> None:
    grows_linearly(encoder.encode, text)
    vector = encoder.encode(text)
    assert vector.shape == (384,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.text(st.characters(codec=None), max_size=60))  # with surrogates
def test_any_text_gives_a_unit_vector(encoder: Encoder, text: str) -> None:
    assert np.linalg.norm(encoder.encode(text)) == pytest.approx(1, abs=1e-5)


def test_alone_and_among_200_others_is_the_same_to_the_bit(encoder: Encoder) -> None:
    texts = [text[:1500] for text in ODD.values()]
    texts += [" ".join(SENTENCES[: 1 + row % 5]) + " please" * (row % 23) for row in range(200)]
    alone = np.stack([encoder.encode(text) for text in texts])
    assert (encoder.encode_many(texts, threads=1) == alone).all()
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(texts))
        assert (encoder.encode_many([texts[row] for row in order], threads=4) == alone[order]).all()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(codec=None), max_size=200), min_size=1, max_size=11))
def test_any_texts_have_the_same_vectors_together(encoder: Encoder, texts: list[str]) -> None:
    alone = np.stack([encoder.encode(text) for text in texts])
    assert (encoder.encode_some(texts) == alone).all()


def test_float32_too_is_the_same_among_others(exact_encoder: Encoder) -> None:
    alone = np.stack([exact_encoder.encode(text) for text in SENTENCES])
    assert (exact_encoder.encode_some(SENTENCES) == alone).all()


def test_many_threads_may_share_it(encoder: Encoder) -> None:
    alone = [encoder.encode(text).tobytes() for text in SENTENCES]
    with ThreadPoolExecutor(8) as pool:
        assert [vector.tobytes() for vector in pool.map(encoder.encode, SENTENCES * 4)] == alone * 4


def test_similar_texts_are_near(encoder: Encoder) -> None:
    near, far = encoder.encode("The cat sleeps."), encoder.encode("Stock prices fell on Monday.")
    vector = encoder.encode("A kitten is asleep.")
    assert vector @ near > 0.6 > 0.3 > vector @ far


def test_progress_counts_to_the_end(encoder: Encoder) -> None:
    seen: list[tuple[int, int]] = []
    encoder.encode_many(SENTENCES[:4], progress=lambda done, all_: seen.append((done, all_)))
    assert seen == [(2, 4), (4, 4)]
    seen.clear()
    encoder.encode_many(SENTENCES, threads=1, progress=lambda done, all_: seen.append((done, all_)))
    assert seen == [(8, 18), (16, 18), (18, 18)]


def test_no_texts_give_no_vectors(encoder: Encoder) -> None:
    assert encoder.encode_many([]).shape == (0, 384)
    assert encoder.encode_some([]).shape == (0, 384)


def test_an_interrupt_does_not_wait_for_the_queue(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def encode(text: str) -> NDArray[np.float32]:
        begun.append(text)
        time.sleep(0.01)
        return np.zeros(encoder.dimension, dtype=np.float32)

    def interrupt(done: int, _all: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(encoder, "encode", encode)
    with pytest.raises(KeyboardInterrupt):
        encoder.encode_many(["a long text"] * 3000, progress=interrupt)
    assert len(begun) < 1000


def test_a_closed_encoder_says_so(toy: Path, tmp_path: Path) -> None:
    encoder = load_encoder(tmp_path / "home", str(toy))
    encoder.close()
    with pytest.raises(ModelError, match="closed"):
        encoder.encode("hello")
    with pytest.raises(ModelError, match="closed"):
        encoder.encode_many(["hello"])


def test_identities_tell_what_may_be_compared(encoder: Encoder, exact_encoder: Encoder, home: Path) -> None:
    assert encoder.identity == load_encoder(home).identity
    assert encoder.identity != exact_encoder.identity
    assert "53aa51172d14" in encoder.identity
    assert {"int8", "onnxruntime"} <= set(encoder.identity.replace("-", " ").split())
    assert this_processor().name in encoder.identity


def test_a_damaged_graph_is_built_again(toy: Path, tmp_path: Path) -> None:
    before = load_encoder(tmp_path / "home", str(toy))
    (path,) = (tmp_path / "home" / "encoder").glob("*/graph-*.onnx")
    for damage in (path.read_bytes()[:-100], b"", path.read_bytes()[:500] + b"x" + path.read_bytes()[501:]):
        path.write_bytes(damage)
        said: list[str] = []
        after = load_encoder(tmp_path / "home", str(toy), progress=said.append)
        assert said == ["building the encoder's int8 graph"]
        assert after.identity == before.identity
        assert (after.encode("abc") == before.encode("abc")).all()


def test_a_lost_seal_is_damage_too(toy: Path, tmp_path: Path) -> None:
    load_encoder(tmp_path / "home", str(toy))
    (seal,) = (tmp_path / "home" / "encoder").glob("*/graph-*.seal")
    seal.unlink()
    said: list[str] = []
    load_encoder(tmp_path / "home", str(toy), progress=said.append)
    assert said


def test_what_older_versions_and_killed_runs_left_is_removed(toy: Path, tmp_path: Path) -> None:
    folder = fetch_checkpoint(tmp_path / "home", str(toy)).folder
    for name in ("graph-0123-f0-int8.onnx", "graph-0123-f0-int8.onnx.seal", ".graph-0123.onnx.abcd.part"):
        (folder / name).write_bytes(b"old")
    load_encoder(tmp_path / "home", str(toy))
    load_encoder(tmp_path / "home", str(toy), precision="fp32")
    assert len(list(folder.glob("graph-*"))) == 4
    assert not list(folder.glob("*.part"))


def test_a_home_that_cannot_be_written_is_refused_by_name(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(HomeUnusable, match="a file"):
        load_encoder(tmp_path / "a file", str(toy))

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(HomeUnusable, match=r"No space left.*Make room"):
        load_encoder(tmp_path / "home", str(toy))


def test_weights_that_changed_in_home_are_not_built_from(toy: Path, tmp_path: Path) -> None:
    load_encoder(tmp_path / "home", str(toy))
    (weights,) = (tmp_path / "home" / "encoder").glob("*/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-4] + b"oops")
    with pytest.raises(WeightsMismatch, match="start again"):
        load_encoder(tmp_path / "home", str(toy), precision="fp32")


def test_serving_loads_nothing_heavy(encoder: Encoder, home: Path, tmp_path: Path) -> None:
    """A start with torch and transformers costs 9 s and 400 MB; scikit-learn is for training only."""
    texts, labels = ["red", "blue", "dark red", "light blue"], ["warm", "cold", "warm", "cold"]
    path = tmp_path / "head.npz"
    head.fit_head(texts, encoder.encode_many(texts), labels, encoder_identity=encoder.identity).save(path)
    program = """
import json, sys
from pathlib import Path
from models import head
from models.encoder import load_encoder
encoder = load_encoder(Path(sys.argv[1]))
served = head.load(Path(sys.argv[2]))
served.require(encoder.identity)
served.probabilities("reddish", encoder.encode("reddish"))
(peak,) = (int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"modules": sorted({name.partition(".")[0] for name in sys.modules}), "peak": peak / 1024}))
"""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", program, str(home), str(path)]
    out = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    found = json.loads(out)
    heavy = {"torch", "transformers", "sklearn", "scipy", "onnx", "safetensors", "pandas"}
    assert not heavy & set(found["modules"])
    assert found["peak"] < 200  # MB; 120 measured


def test_readable_joins_pairs_and_replaces_halves() -> None:
    assert readable("\ud83d\ude00") == "😀"
    assert readable("a\ud83db") == "a\ufffdb"
    assert readable("x" * 5000) == "x" * 4096
    assert readable("  short  ") == "  short  "
