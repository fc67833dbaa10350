"""Slack, and a desk that dies: nothing that was written is lost, nothing comes twice, nothing is said twice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.chaos.slack_storm import SlackStorm, rage
from tests.chaos.storm import Kill

POINTS = (
    "intake.before-commit", "intake.after-commit", "router.before-commit", "router.after-commit",
    "courier.claim.before-commit", "courier.claim.after-commit", "courier.before-send", "courier.after-send",
    "courier.settle.before-commit", "courier.settle.after-commit",
)  # fmt: skip
WEATHER = {"cut_after": 0.05, "cut_before": 0.03, "busy": 0.03, "error_after": 0.03, "rubbish_after": 0.02}


@pytest.mark.timeout(300)
async def test_a_few_kills(tmp_path: Path) -> None:
    kills = (Kill(point="intake.after-commit", count=4), Kill(point="courier.after-send", count=2))
    count = await rage(SlackStorm(seed=1, kills=kills), tmp_path)
    assert count.faults == [], count.summary()
    assert sum(count.kills.values()) >= len(kills), count.summary()
    assert count.written > 10


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_every_point(tmp_path: Path, mode: str) -> None:
    """Fifty kills."""
    kills = [Kill(point=point, count=count) for count in (1, 3, 5, 2, 4) for point in POINTS]
    count = await rage(SlackStorm(seed=7, mode=mode, kills=kills, weather=WEATHER, pace=1.5), tmp_path)
    sys.stdout.write(f"\nslack over {mode}: {count.summary()}\n")
    assert count.faults == []
    assert sum(count.kills.values()) >= 50
