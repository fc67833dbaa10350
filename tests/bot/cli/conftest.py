"""Running the commands: in this process where that is enough, as a program where it matters."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from bot.cli import app

ROOT = Path(__file__).parents[3]

Invoke = Callable[..., Result]
Program = Callable[..., "subprocess.Popen[bytes]"]


def trained_home(home: Path) -> Path:
    """A home of its own that borrows encoder and classifier from where the tests keep them."""
    kept = Path(os.environ.get("WARMLINE_TEST_HOME") or ROOT / "var" / "test-home").resolve()
    home.mkdir(exist_ok=True)
    for folder in ("encoder", "intents"):
        (kept / folder).mkdir(parents=True, exist_ok=True)
        (home / folder).symlink_to(kept / folder)
    (home / "vectors.db").symlink_to(kept / "vectors.db")
    return home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder that is not there yet, and no other setting than its name."""
    for name in os.environ:
        if name.startswith("WARMLINE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)  # no warmline.toml of anybody's
    monkeypatch.setenv("WARMLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def invoke(home: Path) -> Iterator[Invoke]:
    """Run a command in this process."""
    handlers = logging.getLogger().handlers[:]

    def run(*words: str, given: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, words, input=given)

    yield run
    # The command's log went to a stream that is closed now.
    logging.getLogger().handlers[:] = handlers
    structlog.reset_defaults()


@pytest.fixture
def program(home: Path) -> Iterator[Program]:
    """Start `warmline` as a program; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str, **settings: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()
