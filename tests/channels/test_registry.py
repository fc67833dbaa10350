"""Adapters are found by name, and every way to name one wrongly ends in a sentence that helps."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from channels import registry
from channels.contract import Channel
from channels.registry import RegistryError, load

GOOD = """
from channels.contract import Capabilities

class Quiet:
    name = "quiet"
    capabilities = Capabilities()
    def __init__(self, account): self.account = account
    async def start(self, host): ...
    async def send(self, message): ...
    async def stop(self): ...

def make(settings):
    if "account" not in settings:
        raise ValueError("account is missing")
    return Quiet(settings["account"])

def wrong(settings):
    return object()

number = 7
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for modules of which nobody else knows."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "quiet_channel.py").write_text(GOOD)
    (tmp_path / "needs_sdk.py").write_text("import an_sdk_nobody_has\n")
    (tmp_path / "broken.py").write_text("from channels.contract import Nothing\n")
    (tmp_path / "typo.py").write_text("print(\n")
    yield tmp_path
    for name in ("quiet_channel", "needs_sdk", "broken"):
        sys.modules.pop(name, None)


def test_loads_by_path_and_imports_only_then(package: Path) -> None:
    assert "quiet_channel" not in sys.modules
    channel = load("quiet_channel:make", {"account": "a1"})
    assert isinstance(channel, Channel)
    assert channel.account == "a1"
    assert "quiet_channel" in sys.modules


def test_loads_by_name(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "BUILT_IN", {"quiet": "quiet_channel:make"})
    assert load("quiet", {"account": "a1"}).name == "quiet"


def test_importing_the_registry_imports_no_adapter() -> None:
    code = "import sys, channels.registry as r; print([m for m in sys.modules if m.startswith('channels')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['channels', 'channels.richtext', 'channels.contract', 'channels.registry']"


@pytest.mark.parametrize(
    ("name", "settings", "what", "remedy"),
    [
        ("wbe", {}, "no channel is called 'wbe'", "Did you mean 'web'?"),
        ("pigeon", {}, "no channel is called 'pigeon'", "Known names: "),
        ("", {}, "no channel is called ''", "package.module:factory"),
        ("quiet_channel:", {}, "no channel is called", "package.module:factory"),
        ("no_such_module:make", {}, "there is no module 'no_such_module'", "spelling"),
        ("channels.no_such:make", {}, "there is no module 'channels.no_such'", "spelling"),
        ("..quiet_channel:make", {}, "no channel is called", "package.module:factory"),
        ("needs_sdk:make", {}, "needs the package 'an_sdk_nobody_has'", "Install what provides"),
        ("broken:make", {}, "cannot be imported", "Python shell"),
        ("typo:make", {}, "cannot be imported: '(' was never closed", "Python shell"),
        ("quiet_channel:nothing", {}, "no factory 'nothing'", "Name a function"),
        ("quiet_channel:number", {}, "no factory 'number'", "Name a function"),
        ("quiet_channel:make", {}, "account is missing", "Correct these settings"),
        ("quiet_channel:wrong", {}, "made a object", "channels.contract.Channel"),
    ],
)
def test_each_mistake_says_what_where_and_what_to_do(
    package: Path, name: str, settings: dict[str, str], what: str, remedy: str
) -> None:
    with pytest.raises(RegistryError) as caught:
        load(name, settings)
    assert what in caught.value.what
    assert remedy in caught.value.remedy
    assert repr(name) in caught.value.where
    assert caught.value.what in str(caught.value)
    assert caught.value.remedy in str(caught.value)
