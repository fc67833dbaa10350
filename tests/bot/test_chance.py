"""Chance chooses the share that was asked for, the same each time, and nobody without the secret can tell."""

from __future__ import annotations

import pytest

from bot.chance import chance

NAMES = [f"{number:032x}" for number in range(20_000)]


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_it_chooses_the_share_that_was_asked_for(share: float) -> None:
    chosen = sum(map(chance(b"secret" * 8, share), NAMES))
    deviation = (share * (1 - share) * len(NAMES)) ** 0.5
    assert abs(chosen - share * len(NAMES)) < 4 * deviation


def test_none_and_all() -> None:
    assert not any(map(chance(b"s" * 32, 0.0), NAMES))
    assert all(map(chance(b"s" * 32, 1.0), NAMES))


def test_a_replay_chooses_the_same_and_more_with_a_greater_share() -> None:
    first = {name for name in NAMES if chance(b"s" * 32, 0.05)(name)}
    assert first == {name for name in NAMES if chance(b"s" * 32, 0.05)(name)}
    assert first < {name for name in NAMES if chance(b"s" * 32, 0.10)(name)}


def test_another_secret_chooses_others() -> None:
    first, second = ({name for name in NAMES if chance(key * 32, 0.05)(name)} for key in (b"a", b"b"))
    # Independent draws: one in twenty of these again.
    assert len(first & second) < 0.12 * len(first)
