"""The home's lock against real second processes, kill -9 and folders that cannot be used."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.errors import HomeInUse, HomeUnusable
from store.homelock import FILE, HomeLock

ROOT = Path(__file__).parents[2]
HOLD = """
import pathlib, sys, time
from store.homelock import HomeLock
with HomeLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextlib.contextmanager
def holder(home: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(home)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Permissions do not bind root: be nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_signs_with_its_pid_and_leaves_an_empty_file(tmp_path: Path) -> None:
    with HomeLock(tmp_path):
        assert (tmp_path / FILE).read_text() == f"{os.getpid()}\n"
    assert (tmp_path / FILE).read_text() == ""


def test_a_shorter_pid_replaces_a_longer_one_entirely(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("123456789012\n")
    with HomeLock(tmp_path):
        assert (tmp_path / FILE).read_text() == f"{os.getpid()}\n"


def test_makes_a_private_folder(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    with HomeLock(home):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_second_process_is_refused_by_name_and_told_what_to_do(tmp_path: Path) -> None:
    with holder(tmp_path) as process, pytest.raises(HomeInUse) as refused, HomeLock(tmp_path):
        pass
    for part in (str(tmp_path), f"process {process.pid}", "WARMLINE_DATABASE_URL", "WARMLINE_REDIS_URL"):
        assert part in str(refused.value)


def test_a_second_lock_in_this_process_is_refused(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path)
    with lock, pytest.raises(HomeInUse), HomeLock(tmp_path):
        pass
    with lock, pytest.raises(HomeInUse), lock:
        pass


def test_a_holder_that_has_not_signed_yet_is_refused_without_a_number(tmp_path: Path) -> None:
    with HomeLock(tmp_path):
        (tmp_path / FILE).write_text("")
        with pytest.raises(HomeInUse, match="another process"), HomeLock(tmp_path):
            pass


def test_kill_9_frees_it(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        with HomeLock(tmp_path):
            pass


def test_a_program_that_we_start_does_not_keep_it(tmp_path: Path) -> None:
    with HomeLock(tmp_path):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with HomeLock(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()


def test_an_error_inside_frees_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), HomeLock(tmp_path):
        _ = 1 / 0
    with HomeLock(tmp_path):
        pass


@pytest.mark.parametrize("below", ["", "home"])
def test_a_file_is_no_home(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(HomeUnusable, match="is not a folder"), HomeLock(tmp_path / "file" / below):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with without_privileges(), pytest.raises(HomeUnusable, match="cannot be written by user"), HomeLock(tmp_path):
        pass
    tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full here")
def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / FILE).symlink_to("/dev/full")
    with pytest.raises(HomeUnusable, match="No space is left"), HomeLock(tmp_path):
        pass
