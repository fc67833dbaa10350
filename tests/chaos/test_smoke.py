"""A short storm in every test run: some kills under load, nothing lost."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.storm import Kill, Storm, rage

KILLS = (
    Kill(point="intake.after-commit", count=3),
    Kill(point="router.before-commit", count=2),
    Kill(point="courier.after-send", count=2),
    Kill(point="courier.before-send", count=2),
)


async def test_a_few_kills_under_load(tmp_path: Path) -> None:
    outcome = await rage(Storm(seed=1, kills=KILLS, flush_every=2.0, web=2, chat=2, agents=1), tmp_path)
    assert outcome.faults == [], outcome.summary()
    assert sum(outcome.kills.values()) >= len(KILLS)
