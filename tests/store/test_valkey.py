"""The embedded server against real kills, orphans, strangers on its socket and paths that no socket can have."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from store import valkey
from store.errors import HomeUnusable, ValkeyFailed
from store.valkey import EmbeddedValkey

ROOT = Path(__file__).parents[2]
PARENT = """
import asyncio, pathlib, sys
from store.valkey import EmbeddedValkey
async def main():
    server = EmbeddedValkey(pathlib.Path(sys.argv[1]))
    async with server:
        print(server.pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("h")


def gone(pid: int | None) -> bool:
    """Ended; a zombie that nobody has reaped yet counts."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def eventually(condition: Callable[[], bool], within: float = 20.0) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)


async def ask(url: str, *command: str) -> Any:
    client: Any = Redis.from_url(url, decode_responses=True)
    try:
        return await client.execute_command(*command)
    finally:
        await client.aclose()


@contextlib.contextmanager
def orphan(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that nobody looks after, on the home's socket."""
    path = home / valkey.SOCKET
    command = [valkey._binary(), "--port", "0", "--unixsocket", path, "--save", "", "--loglevel", "warning"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            while not path.exists():
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def parent_of_a_server(home: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that runs an embedded server; and the pid of that server."""
    command = [sys.executable, "-c", PARENT, str(home)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        try:
            yield parent, int(parent.stdout.readline())
        finally:
            parent.kill()


async def test_it_answers_privately_and_keeps_nothing_on_disk(home: Path) -> None:
    server = EmbeddedValkey(home)
    async with server as url:
        assert url == f"unix://{home / 'valkey.sock'}"
        assert await ask(url, "PING") is True
        config = await ask(url, "CONFIG", "GET", "*")
        assert (config["save"], config["appendonly"], config["port"]) == ("", "no", "0")
        assert (config["maxmemory"], config["maxmemory-policy"]) == (str(64 * 2**20), "volatile-ttl")
        assert stat.S_IMODE((home / "valkey.sock").stat().st_mode) == 0o700
        assert server.pid is not None
        assert os.getsid(server.pid) == server.pid, "Ctrl-C in our terminal must not reach it"
    assert os.listdir(home) == ["valkey.log"]


async def test_a_clean_stop_leaves_no_process_and_no_socket(home: Path) -> None:
    server = EmbeddedValkey(home)
    async with server:
        pid = server.pid
    assert gone(pid)
    assert server.pid is None
    assert not (home / "valkey.sock").exists()
    async with server as url:
        assert await ask(url, "PING") is True


async def test_killed_it_comes_back_at_the_same_address(home: Path) -> None:
    server = EmbeddedValkey(home)
    async with server as url:
        for times in (1, 2):
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await eventually(lambda: server.restarts == times)  # noqa: B023 - awaited in the same turn
            assert await ask(url, "PING") is True


async def test_a_block_that_is_left_while_it_restarts_leaves_nothing(home: Path) -> None:
    server = EmbeddedValkey(home)
    async with server:
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: server.pid != pid)
    assert server.pid is None
    assert not (home / "valkey.sock").exists()


async def test_when_a_restart_fails_it_tries_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedValkey(home)
    async with server as url:
        with monkeypatch.context() as broken:
            broken.setitem(valkey._SETTINGS, "maxmemory", "plenty")
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.sleep(0.3)
            assert server.restarts == 0
        await eventually(lambda: server.restarts == 1)
        assert await ask(url, "PING") is True


async def test_a_start_that_fails_shows_the_end_of_the_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(valkey._SETTINGS, "maxmemory", "plenty")
    with pytest.raises(ValkeyFailed, match="argument must be a memory value") as failed:
        async with EmbeddedValkey(home):
            pass
    assert str(home / "valkey.log") in str(failed.value)


async def test_a_start_that_takes_too_long_is_given_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey, "_LAUNCHER", "import time; time.sleep(60)")
    server = EmbeddedValkey(home, patience=0.2)
    with pytest.raises(ValkeyFailed, match=r"did not answer on .* within 0.2 s"):
        async with server:
            pass
    assert server.pid is None


async def test_a_log_that_cannot_be_written(home: Path) -> None:
    (home / "valkey.log").mkdir()
    with pytest.raises(HomeUnusable, match=r"valkey\.log cannot be written"):
        async with EmbeddedValkey(home):
            pass


async def test_a_large_log_starts_anew(home: Path) -> None:
    (home / "valkey.log").write_bytes(b"x" * (valkey.LOG_KEPT + 1))
    async with EmbeddedValkey(home):
        assert (home / "valkey.log").stat().st_size < 10_000


async def test_it_ends_with_a_parent_that_is_killed(home: Path) -> None:
    with parent_of_a_server(home) as (parent, pid):
        assert not gone(pid)
        parent.kill()
    try:
        await eventually(lambda: gone(pid))
    finally:
        if not gone(pid):
            os.kill(pid, signal.SIGKILL)  # a test that fails leaves nothing behind either
    async with EmbeddedValkey(home) as url:  # over the socket that the dead one left
        assert await ask(url, "PING") is True


async def test_an_orphan_is_replaced(home: Path) -> None:
    with orphan(home) as process:
        await ask(f"unix://{home / valkey.SOCKET}", "SET", "old", "1")
        async with EmbeddedValkey(home) as url:
            assert await ask(url, "GET", "old") is None
            assert process.wait(1) == 0, "asked to shut down, it did"


async def test_an_orphan_that_hangs_is_killed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey, "ORPHAN_PATIENCE", 0.3)
    with orphan(home) as process:
        process.send_signal(signal.SIGSTOP)
        async with EmbeddedValkey(home) as url:
            assert await ask(url, "PING") is True
            assert process.wait(1) == -signal.SIGKILL


async def test_a_stranger_on_the_socket_is_left_alone_and_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey, "ORPHAN_PATIENCE", 0.2)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(home / valkey.SOCKET))
        stranger.listen()
        with pytest.raises(ValkeyFailed, match=f"Process {os.getpid()} sits on"):
            async with EmbeddedValkey(home):
                pass
    assert (home / valkey.SOCKET).exists()


async def test_a_folder_in_the_place_of_the_socket(home: Path) -> None:
    (home / valkey.SOCKET).mkdir()
    with pytest.raises(ValkeyFailed, match="is in the way"):
        async with EmbeddedValkey(home):
            pass


async def test_a_home_with_odd_characters(home: Path) -> None:
    odd = home / "50% of #1? \N{SNOWMAN} --port 1"
    odd.mkdir()
    async with EmbeddedValkey(odd) as url:
        assert await ask(url, "PING") is True


@pytest.fixture
def long_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    deep = home / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    return deep


async def test_a_home_of_200_characters_gets_a_private_folder_for_its_socket(home: Path, long_home: Path) -> None:
    async with EmbeddedValkey(long_home) as url:
        assert await ask(url, "PING") is True
        folder = Path(url.removeprefix("unix://")).parent
        assert folder.parent == home
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


async def test_an_orphan_of_a_long_home_is_found_again(long_home: Path) -> None:
    path = valkey._place(long_home)
    with orphan(path.parent) as process:
        async with EmbeddedValkey(long_home) as url:
            assert url == f"unix://{path}"
            assert process.wait(1) == 0


async def test_without_a_runtime_folder_tmp_is_used(long_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    async with EmbeddedValkey(long_home) as url:
        assert url.startswith("unix:///tmp/warmline-")
        assert await ask(url, "PING") is True


@pytest.mark.parametrize("trap", ["open to others", "a link", "a file"])
async def test_a_runtime_folder_that_cannot_be_trusted_is_refused(home: Path, long_home: Path, trap: str) -> None:
    folder = valkey._place(long_home).parent
    folder.rmdir()
    match trap:
        case "open to others":
            folder.mkdir()
            folder.chmod(0o755)
        case "a link":
            (home / "elsewhere").mkdir(mode=0o700)
            folder.symlink_to(home / "elsewhere")
        case _:
            folder.write_text("")
    with pytest.raises(ValkeyFailed, match="not a private folder"):
        async with EmbeddedValkey(long_home):
            pass
