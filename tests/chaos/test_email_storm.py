"""Mail and SIGKILL: nothing lost or doubled on the way in; on the way out only what was unclear, under one name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.chaos.email_storm import Found, rage
from tests.chaos.storm import Kill
from tests.chaos.test_telegram_storm import POINTS

SHORT = (Kill(point="intake.before-commit", count=3), Kill(point="intake.after-commit", count=3),
         Kill(point="courier.after-send", count=2))  # fmt: skip
LONG = (*(Kill(point=point, count=count) for count in (1, 3, 4, 6, 9) for point in POINTS), Kill(), Kill(), Kill())


def holds(found: Found) -> None:
    sys.stdout.write(f"\n{found.summary()}\n")
    assert found.faults == [], found.summary()
    assert found.customers > 0
    assert found.sent > 0


@pytest.mark.timeout(300)
async def test_a_few_kills(tmp_path: Path) -> None:
    found = await rage(SHORT, tmp_path, pause=0.4)
    holds(found)
    assert sum(found.kills.values()) == len(SHORT)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
async def test_every_point_of_its_way(tmp_path: Path) -> None:
    found = await rage(LONG, tmp_path, seed=7, pause=0.4)
    holds(found)
    assert sum(found.kills.values()) >= 50
    assert found.unclear > 0
