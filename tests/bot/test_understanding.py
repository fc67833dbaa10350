"""From a verdict to the policy's terms."""

from __future__ import annotations

import pytest

from bot.understanding import understand
from tests.fakes import FakeClassifier


@pytest.mark.parametrize(
    ("text", "hurt"),
    [
        ("I want to kill myself, nothing works any more", True),
        ("das ist selbstmord", True),
        ("this bug is killing me", False),
        ("my account was hacked", False),
        ("how do I add a mailbox?", False),
    ],
)
def test_somebody_who_may_come_to_harm(text: str, hurt: bool) -> None:
    said = understand(FakeClassifier().verdict(text))
    assert said.hurt is hurt
    assert said.security or not hurt
