"""Files are whole or absent, a seal tells damage, and a folder is held by one."""

import threading
import time
from pathlib import Path

import pytest

from models.artefacts import held_alone, intact, sha256_of, write_sealed, write_whole


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_seal_fits_only_what_was_sealed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    assert intact(path) is None
    assert write_sealed(path, b"content") == sha256_of(path) == intact(path)
    path.write_bytes(b"Content")
    assert intact(path) is None
    write_sealed(path, b"Content")
    assert intact(path) is not None


def test_a_kill_between_file_and_seal_reads_as_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_sealed(path, b"old")
    write = write_whole

    def killed_before_the_seal(where: Path, content: bytes) -> None:
        if where != path:
            raise KeyboardInterrupt
        write(where, content)

    monkeypatch.setattr("models.artefacts.write_whole", killed_before_the_seal)
    with pytest.raises(KeyboardInterrupt):
        write_sealed(path, b"new")
    assert intact(path) is None


def test_one_at_a_time_and_whoever_waits_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.artefacts._FIRST_SENTENCE", 0.1)
    inside: list[str] = []
    said: list[str] = []
    holding = threading.Event()

    def hold() -> None:
        with held_alone(tmp_path):
            holding.set()
            time.sleep(0.4)
            inside.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait()
    with held_alone(tmp_path, said.append):
        inside.append("second")
    thread.join()
    assert inside == ["first", "second"]
    assert said == ["another process prepares the encoder; waiting for it"]
