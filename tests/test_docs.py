"""What the documents say is there, and what is there is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.settings import SECRET_NAMES, Settings

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def _table() -> dict[str, str]:
    text = (ROOT / "docs/settings.md").read_text()
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", text, re.MULTILINE))


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert set(_table()) == set(Settings.model_fields)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_documented_default_is_the_default(name: str) -> None:
    default = Settings.model_fields[name].get_default(call_default_factory=True)
    shown = "none" if default is None or default in ((), {}) else f"`{default}`"
    assert _table()[name] == shown


def test_every_secret_is_said_to_be_one() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    sentence = text.partition("## Secrets\n")[2].partition(" are secrets")[0]
    assert set(re.findall(r"`(\w+)`", sentence)) == set(SECRET_NAMES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = [
        target
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
        if not target.startswith(("http://", "https://", "mailto:")) and not (page.parent / target).exists()
    ]
    assert not broken


def test_paths_named_in_the_architecture_exist() -> None:
    text = (ROOT / "docs/ARCHITECTURE.md").read_text()
    named = re.findall(r"`((?:bot|handoff|intents|channels|models|store)/[\w./]*)`", text)
    assert len(named) > 20
    assert not [path for path in named if not (ROOT / path).exists()]


def test_make_targets_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake (run|test|check|chaos|bench|train)\b", (ROOT / "README.md").read_text()))
    assert named
    assert named <= targets
