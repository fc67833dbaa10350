"""Telegram and SIGKILL: nothing lost or doubled on the way in; on the way out only what was unclear and sent again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.chaos.storm import Kill
from tests.chaos.telegram_storm import Found, TelegramStorm, rage

SHORT = (
    Kill(point="intake.before-commit", count=3),
    Kill(point="intake.after-commit", count=3),
    Kill(point="courier.after-send", count=2),
)
POINTS = (
    "intake.before-commit", "intake.after-commit", "router.before-commit", "router.after-commit",
    "courier.claim.before-commit", "courier.claim.after-commit", "courier.before-send", "courier.after-send",
    "courier.settle.before-commit", "courier.settle.after-commit",
)  # fmt: skip
LONG = (*(Kill(point=point, count=count) for count in (1, 3, 4, 6, 9) for point in POINTS), Kill(), Kill(), Kill())


def holds(name: str, found: Found) -> None:
    sys.stdout.write(f"\n{name}\n{found.summary()}\n")
    assert found.faults == [], found.summary()
    assert found.customers > 0
    assert found.sent > 0


@pytest.mark.timeout(300)
async def test_a_few_kills(tmp_path: Path) -> None:
    """Some 25 s on an idle machine, ten of which an unclear send has to become sure."""
    found = await rage(TelegramStorm(kills=SHORT), tmp_path)
    holds("short", found)
    assert sum(found.kills.values()) == len(SHORT)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_every_point_of_its_way(tmp_path: Path, mode: str) -> None:
    faults = ("cut_after", "cut_before", "busy", "error_after", "close_after")
    found = await rage(TelegramStorm(kills=LONG, mode=mode, seed=7, faults=faults, pause=0.4), tmp_path)
    holds(mode, found)
    assert sum(found.kills.values()) >= 50
    assert found.resent > 0
