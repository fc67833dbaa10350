"""kill -9 at labelled points while people write on Discord: nothing lost, nothing doubled, in or out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.chaos.discord_storm import rage
from tests.chaos.storm import Kill

WEATHER = {"cut_before": 0.03, "cut_after": 0.04, "error_after": 0.03, "busy_before": 0.03, "slow_before": 0.05}
POINTS = (
    "intake.before-commit", "intake.after-commit", "router.before-commit", "router.after-commit",
    "courier.claim.before-commit", "courier.claim.after-commit", "courier.before-send", "courier.after-send",
    "courier.settle.before-commit", "courier.settle.after-commit",
)  # fmt: skip


@pytest.mark.timeout(300)
async def test_a_few_kills(tmp_path: Path) -> None:
    """Around the two moments that matter: a message is kept, an answer is sent."""
    kills = [Kill(point="courier.after-send", count=2), Kill(point="intake.after-commit", count=3)]
    found = await rage(kills, tmp_path, seed=1, pause=0.15, weather={"cut_after": 0.1})
    assert found.faults == []
    assert found.unclear == 0
    assert sum(found.kills.values()) >= len(kills)
    assert found.accepted > 3


@pytest.mark.chaos
@pytest.mark.timeout(1800)
async def test_fifty_kills(tmp_path: Path) -> None:
    kills = [Kill(point=point, count=count) for count in (1, 2, 3, 5, 4) for point in POINTS]
    found = await rage(kills, tmp_path, seed=2, pause=0.8, weather=WEATHER)
    told = f"{found.said} said, {found.accepted} accepted, {found.unclear} unclear, kills {dict(found.kills)}"
    sys.stdout.write(f"\nDiscord: {told}\n")
    assert found.faults == []
    assert found.unclear <= found.accepted / 20
    assert sum(found.kills.values()) >= 50
