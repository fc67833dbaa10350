"""A short storm in every test run: a few kills under load, nothing lost; and the labelled points are documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.chaos.storm import Kill, Storm, rage
from tests.chaos.victim import ROOT

BETWEEN_PARTS = (
    Kill(point="courier.part.before-commit", count=5),
    Kill(point="courier.part.after-commit", count=4),
    Kill(point="courier.after-send", count=6),
)
KILLS = (Kill(point="router.before-commit", count=2), Kill(point="courier.after-send", count=2))


@pytest.mark.timeout(300)
async def test_kills_under_load(tmp_path: Path) -> None:
    """Some 20 s on an idle machine, ten of which an unclear send has to become sure."""
    outcome = await rage(Storm(seed=1, kills=KILLS, flush_every=1.0, web=2, chat=2, agents=2), tmp_path)
    assert outcome.faults == [], outcome.summary()
    assert sum(outcome.kills.values()) >= len(KILLS), outcome.summary()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("drops_doubles", [False, True])
async def test_kills_between_the_parts_of_long_texts(tmp_path: Path, drops_doubles: bool) -> None:
    """On a platform that can be asked what arrived, and on one that drops what it has: no part lost, none doubled."""
    storm = Storm(
        seed=8, kills=BETWEEN_PARTS, in_parts=48, idempotent=drops_doubles, lookup=not drops_doubles, web=0, chat=3,
        agents=2,
    )  # fmt: skip
    outcome = await rage(storm, tmp_path)
    assert outcome.faults == [], outcome.summary()
    assert sum(outcome.kills.values()) >= len(BETWEEN_PARTS), outcome.summary()
    assert outcome.reached["courier.part.after-commit"] > 10, outcome.summary()


def test_every_labelled_point_is_documented() -> None:
    """A unit of work is named where it is written; `docs/testing.md` lists them all and no other."""
    sources = [path.read_text() for folder in ("bot", "handoff", "store") for path in (ROOT / folder).rglob("*.py")]
    written = re.compile(r"(?:\.write|\.commit|acts\.act)\(\s*\"([a-z.-]+)\"(?: if \w+ else \"([a-z.-]+)\")?")
    named = {unit for source in sources for units in written.findall(source) for unit in units if unit}
    sends = {point for source in sources for point in re.findall(r"faults\.reach\(\"([a-z.-]+)\"\)", source)}
    table = (ROOT / "docs/testing.md").read_text().partition("## The labelled points")[2]
    assert set(re.findall(r"^\| `([a-z.-]+)`", table, re.MULTILINE)) == named | sends
