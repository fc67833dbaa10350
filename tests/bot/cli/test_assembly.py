"""The program as a whole: help, version, exit codes, and what stands in for tracebacks."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bot.cli.conftest import ROOT, Invoke

COMMANDS = ["run", "check", "classify", "chat", "agents", "knowledge"]


def test_help_names_every_command_without_loading_what_is_heavy(home: Path) -> None:
    code = "import sys; from bot.cli import app; app(['--help'], standalone_mode=False); print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True,
        text=True,
    )  # fmt: skip
    text, loaded = shown.stdout.rsplit("\n", 2)[0], set(shown.stdout.split("\n")[-2].split())
    for command in COMMANDS:
        assert command in text
    heavy = {"pydantic", "sqlalchemy", "fastapi", "numpy", "onnxruntime", "sklearn", "httpx", "uvicorn", "redis"}
    assert not heavy & loaded


def test_help_comes_at_once(home: Path) -> None:
    def spent() -> float:
        """Seconds of processor that ended children have used: what a busy machine does not stretch much."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "bot", "--help"], env=environment, check=True, stdout=subprocess.DEVNULL)
    assert spent() - before < 0.5


def test_version_and_the_module_are_the_same_program(invoke: Invoke) -> None:
    shown = invoke("--version")
    assert shown.exit_code == 0
    name, version = shown.stdout.split()
    assert name == "warmline"
    assert version[0].isdigit()


@pytest.mark.parametrize(
    "words",
    [["nonsense"], ["run", "--nonsense"], ["agents", "add"], ["agents", "add", "a@b.c"], ["knowledge", "import"]],
)
def test_wrong_usage_is_2_and_says_how(invoke: Invoke, words: list[str]) -> None:
    result = invoke(*words)
    assert result.exit_code == 2
    assert "Usage" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("words", [["run"], ["classify"], ["chat"], ["agents", "list"], ["knowledge", "list"]])
def test_wrong_settings_are_2_and_all_told(
    invoke: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("WARMLINE_PORT", "many")
    monkeypatch.setenv("WARMLINE_HOURS", "whenever")
    result = invoke(*words, given="")
    assert result.exit_code == 2
    assert "WARMLINE_PORT" in result.stderr
    assert "WARMLINE_HOURS" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not home.exists()


def test_a_home_that_is_a_file_is_a_sentence(invoke: Invoke, home: Path) -> None:
    home.write_text("")
    result = invoke("agents", "add", "lea@desk.example", "--name", "Lea")
    assert result.exit_code == 1
    assert "is not a folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_nobody_expected_stays_a_traceback(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bot.cli.agents.command_settings", broken)
    assert isinstance(invoke("agents", "list").exception, ZeroDivisionError)


def test_several_refusals_at_once_are_all_told(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    from store.errors import DatabaseAway, HomeInUse

    def broken() -> None:
        raise ExceptionGroup("parts of the house", [DatabaseAway("It is away."), HomeInUse("It is in use.")])

    monkeypatch.setattr("bot.cli.agents.command_settings", broken)
    result = invoke("agents", "list")
    assert result.exit_code == 1
    assert result.stderr == "It is away.\nIt is in use.\n"
