"""Reads the public data of ../shared/data where it is present; none of its text is copied into the project."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"
_TIERS = {"bug": "problem", "human_request": "person", "other": "unknown"}


@dataclass(frozen=True, kw_only=True)
class Message:
    text: str
    tier: str
    group: str


def needed(name: str) -> Path:
    """The folder or file, or a skip that says what is missing."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"needs {path}: public data that is not part of the project")
    return path


def real_dev() -> list[Message]:
    rows = [json.loads(line) for line in needed("real_dev.jsonl").read_text(encoding="utf-8").splitlines()]
    return [Message(text=row["text"], tier=row["tier"], group=_group(row["tier"], row["note"])) for row in rows]


def _group(tier: str, note: str) -> str:
    return "complaint" if tier == "feedback" and "complaint" in note else tier


def transfer(name: str) -> list[Message]:
    """A foreign set's test part, in our tiers by its tiers.json; what that calls ambiguous is left out."""
    folder = needed(name)
    tiers = json.loads((folder / "tiers.json").read_text(encoding="utf-8"))
    found = []
    for text, label in _labelled(folder):
        tier = tiers.get(label)
        if tier is not None:
            tier = _TIERS.get(tier, tier)
            found.append(Message(text=text, tier=tier, group=tier))
    return found


def _labelled(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.glob("*test.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                yield row.get("text") or row.get("sentence") or "", row.get("category") or row.get("label") or ""
    if (folder / "data_full.json").exists():
        content = json.loads((folder / "data_full.json").read_text(encoding="utf-8"))
        yield from (tuple(pair) for pair in content["test"])
    for file in sorted(folder.glob("*Corpus.json")):
        for sentence in json.loads(file.read_text(encoding="utf-8"))["sentences"]:
            yield sentence["text"], sentence["intent"]
