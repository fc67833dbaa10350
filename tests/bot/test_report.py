"""The page of an evaluation: whole, self-contained, and nothing in it is obeyed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from bot.report.page import page

EVIL = '</style><script>alert("x")</script>'
SHARE = {"messages": 3, "automatable": 0, "share": 0.0, "at_most": 0.63}


def of_class(support: int, f1: float = 0.5) -> dict[str, Any]:
    return {"precision": 0.5, "recall": 0.5, "f1": f1, "support": support, "predicted": support}


def figures(labels: list[str], **more: Any) -> dict[str, Any]:
    return {
        "kind": "intents",
        "encoder": EVIL,
        "accuracy": 0.5,
        "macro_f1": 0.5,
        "counts": {"train": 9, "test": 4, "classes": 2, "empty": 1, "unlabelled": 1, "repeated": 1, "encoded": 3},
        "absent": {EVIL: 2},
        "classes": {label: of_class(2) for label in labels},
        "confusion": [{"true": labels[0], "predicted": labels[1], "count": 1, "examples": [EVIL]}],
        "reliability": {"ece": 0.1, "bins": [{"low": 0, "high": 1, "count": 4, "confidence": 0.6, "accuracy": 0.5}]},
        "risk_coverage": [{"coverage": 1.0, "risk": 0.5, "least": 0.4}],
        "oos": None,
        "seconds": {"encode": 1.0, "train": 2.0, "predict": 0.1},
        **more,
    }


TIERS = {
    "kind": "tiers",
    "classifier": "abc",
    "threshold": 0.1,
    "howto": SHARE,
    "grave": SHARE,
    "grave_texts": [{"tier": "outage", "text": EVIL, "taken_for": "howto"}],
    "groups": {"howto": SHARE, EVIL: SHARE},
    "curve": [
        {"threshold": at, "acted_on": 1, "howto": SHARE, "grave": {**SHARE, "share": None, "at_most": None}}
        for at in (0.1, 1.0)
    ],
}
OOS = {
    "label": EVIL,
    "messages": 2,
    "train_left_out": 1,
    "auroc": 0.9,
    "at": [{"share": s, "known": 1, "recall": 0.5, "threshold": 1.0, "known_share": s} for s in (0.02, 0.05, 0.1)],
    "preset": [],
    "curve": [[0.0, 0.1], [0.2, 0.9]],
}
MANY = [f"label_{number}" for number in range(150)]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


@pytest.mark.parametrize(
    "given",
    [figures([EVIL, "b"]), figures(MANY), figures([EVIL, "b"], oos=OOS), figures([EVIL, "b"], **TIERS)],
    ids=["few", "many", "out of scope", "tiers"],
)
def test_it_loads_nothing_runs_nothing_and_escapes_everything(given: dict[str, Any]) -> None:
    html = page(given, now=datetime(2026, 3, 1, 9, 30, tzinfo=UTC))
    found = _Tags()
    found.feed(html)
    assert "script" not in found.tags
    assert not found.tags & {"link", "img", "iframe", "object", "base"}
    assert not [name for name in found.attributes if name.startswith("on") or name in ("src", "href")]
    assert not re.search(r"url\(|@import|https?:", html)
    assert "&lt;/style&gt;&lt;script&gt;" in html
    assert html.count("</style>") == 1
    assert "1 March 2026, 09:30 UTC" in html


def test_names_stand_beside_a_small_matrix_and_in_a_large_one_at_its_cells() -> None:
    assert '<text class="name"' in page(figures(["first", "second"]))
    many = page(figures(MANY))
    assert '<text class="name"' not in many
    assert "<title>label_0 → label_1: 1 (50%)</title>" in many


def test_nothing_seen_is_shown_with_its_bound() -> None:
    assert "at most 63.0\N{NO-BREAK SPACE}%, with 95 % confidence" in page(figures(["a", "b"], **TIERS))
