"""The desk as a program: it says what it does and where to look, and it stops when it is told."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from bot.cli import run as running
from bot.cli.terminal import Refused
from bot.settings import Settings
from tests.bot.cli.conftest import ROOT, Invoke, Program, trained_home


def address(desk: subprocess.Popen[bytes]) -> tuple[str, list[str]]:
    """(where the desk listens, what it said before)."""
    assert desk.stdout is not None
    said: list[str] = []
    for line in desk.stdout:
        said.append(line.decode().rstrip())
        if found := re.search(r"listens on (127\.0\.0\.1:[1-9]\d*)\.", said[-1]):
            return f"http://{found[1]}", said
    raise AssertionError(f"it ended: {said} {desk.stderr.read() if desk.stderr else ''}")


def test_start_use_and_stop(home: Path, program: Program, tmp_path: Path) -> None:
    trained_home(home)
    desk = program("run", WARMLINE_PORT="0", WARMLINE_WEB_RATE_LIMIT="0", WARMLINE_PROT="1")
    url, said = address(desk)
    assert "Opening the database" in said
    assert "Reading the knowledge base" in said
    assert httpx.get(f"{url}/readyz").json()["ready"] is True

    (tmp_path / "spare-keys.md").write_text("# Spare keys\n\nPress **Order** on the page of your door.\n")
    imported = program("knowledge", "import", str(tmp_path / "spare-keys.md"))
    assert imported.wait(30) == 0

    second = program("run", WARMLINE_PORT="0")
    _, told = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"is in use by process {desk.pid}" in told.decode()
    port = url.rsplit(":", 1)[1]
    taken = program("run", WARMLINE_PORT=port)
    _, told = taken.communicate(timeout=30)
    assert taken.returncode == 1
    assert f"Port {port} of 127.0.0.1 is in use, and a desk of this home ({home}) seems to run" in told.decode()
    assert f"(process {desk.pid})" in told.decode()
    assert "WARMLINE_PORT set to another port" in told.decode()

    added = program("agents", "add", "lea@desk.example", "--name", "Lea", "--token")
    token = added.communicate(timeout=30)[0].decode().split()[-1]
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{url}/api/v1/cases", headers=headers).json()["cases"] == []

    end = time.monotonic() + 30
    while httpx.get(f"{url}/help/spare-keys").status_code != 200:
        assert time.monotonic() < end, "an imported article does not reach a running desk"
        time.sleep(0.1)

    posted = httpx.post(
        f"{url}/api/web/messages",
        json={"conversation": None, "id": "6b0e9a7e-1111-4222-8333-444455556666", "text": "is anybody there"},
    )
    with httpx.stream("GET", f"{url}/api/web/conversations/{posted.json()['conversation']}/events") as events:
        lines = events.iter_lines()
        assert next(lines)
        began = time.monotonic()
        desk.send_signal(signal.SIGINT)
        for _ in lines:
            pass
    out, told = desk.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert desk.returncode == 0
    assert out.decode().splitlines()[-1] == "Stopped."
    assert "did you mean port" in told.decode()
    assert "Traceback" not in told.decode()
    assert not (home / "valkey.sock").exists()


def test_a_thread_that_does_not_come_back_keeps_no_stop(home: Path) -> None:
    """The desk has left it alone with its text; so does the program."""
    hangs = """
import time
from concurrent.futures import ThreadPoolExecutor
from bot.cli import run

async def serve(*_):
    pool = ThreadPoolExecutor(1)
    pool.submit(time.sleep, 60)
    pool.shutdown(wait=False)

run.serve = serve
run.run()
"""
    environment = {**os.environ, "WARMLINE_PORT": "0", "PYTHONPATH": str(ROOT)}
    stopped = subprocess.run([sys.executable, "-c", hangs], capture_output=True, timeout=15, env=environment)
    assert stopped.returncode == 0, stopped.stderr
    assert stopped.stdout.decode().splitlines()[-1] == "Stopped."


@pytest.mark.parametrize("times", [1, 2])
def test_a_start_can_be_interrupted(home: Path, program: Program, times: int) -> None:
    trained_home(home)
    desk = program("run", WARMLINE_PORT="0")
    assert desk.stdout is not None
    while b"Opening" not in desk.stdout.readline():
        pass
    for _ in range(times):
        desk.send_signal(signal.SIGTERM)
    _, told = desk.communicate(timeout=60)
    assert desk.returncode == 130
    assert b"Traceback" not in told


@pytest.mark.parametrize("host", ["192.0.2.1", "[::1]", "x" * 300 + ".example"])
def test_an_address_of_another_machine_is_a_sentence(
    invoke: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("WARMLINE_HOST", host)
    result = invoke("run")
    assert result.exit_code == 1
    assert f"Cannot listen on {host}: it is no address of this machine" in result.stderr
    assert "WARMLINE_HOST" in result.stderr
    assert not home.exists()


@pytest.mark.parametrize("is_a_file", [True, False])
def test_the_port_is_looked_at_before_anything_costly(
    invoke: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch, is_a_file: bool
) -> None:
    if is_a_file:
        home.write_text("")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("WARMLINE_PORT", str(port))
        result = invoke("run")
    assert result.exit_code == 1
    assert f"Port {port} of 127.0.0.1 is in use by another program" in result.stderr
    assert "set WARMLINE_PORT to another port" in result.stderr
    assert not home.is_dir()


def test_a_port_that_only_the_system_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(_: object, __: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(Refused, match="Set WARMLINE_PORT to one above 1023"):
        running.listening(Settings(port=80))
