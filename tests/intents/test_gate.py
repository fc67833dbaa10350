"""The strict gate as a table: what passes, and each reason against."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from intents.gate import CLOUDED, LONGEST, MOST_SENTENCES, STRICT_THRESHOLD, UNSURE, judge
from intents.tiers import TIERS, Tier
from intents.verdict import RunnerUp, Verdict
from intents.wires import Trip, WireName


def verdict(tier: Tier = "howto", **changes: Any) -> Verdict:
    rest = 0.1 / (len(TIERS) - 1)
    base = Verdict(
        text="How do I export my contacts?",
        tier=tier,
        intent="use_a_feature",
        confidence=0.9,
        tiers={name: 0.9 if name == tier else rest for name in TIERS},
        runner_up=RunnerUp("can_i", "howto", 0.05),
        deciding_sentence="How do I export my contacts?",
        grave=0.02,
        wires=(),
        signs=(),
        language="en",
        foreign=False,
        complaint=False,
        small_talk=None,
        sentences=1,
        answerable=True,
        automatable=False,
        reason="",
        vector=np.zeros(3, dtype=np.float32),
    )
    return replace(base, **changes)


def trip(wire: WireName, words: str = "words") -> Trip:
    return Trip(wire=wire, evidence="evidence", words=words, start=0, end=len(words))


@pytest.mark.parametrize("tier", ["howto", "feedback"])
def test_a_clear_case_passes(tier: Tier) -> None:
    ruling = judge(verdict(tier))
    assert ruling.automatable
    assert "90%" in ruling.reason


@pytest.mark.parametrize("tier", [tier for tier in TIERS if tier not in ("howto", "feedback")])
def test_no_other_tier_ever_passes(tier: Tier) -> None:
    assert not judge(verdict(tier)).automatable
    assert not judge(verdict(tier), threshold=1.0).automatable


@pytest.mark.parametrize("tier", ["howto", "feedback"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grave": STRICT_THRESHOLD}, "grave"),
        ({"grave": 0.99}, "grave"),
        ({"wires": (trip("money", "refund"),)}, "refund"),
        ({"wires": (trip("down"),)}, "down"),
        ({"wires": (trip("person"),)}, "person"),
        ({"wires": (trip("security"),)}, "safety"),
        ({"wires": (trip("legal"),)}, "legal"),
        ({"signs": (trip("anger", "ridiculous"),)}, "ridiculous"),
        ({"signs": (trip("trouble"), trip("anger", "wtf"))}, "wtf"),
        ({"complaint": True}, "complaint"),
        ({"answerable": False}, "complaint"),
        ({"foreign": True, "language": "de"}, "(de)"),
        ({"foreign": True, "language": None}, "English"),
        ({"foreign": True, "language": "en"}, "not only"),
        ({"text": "x" * (LONGEST + 1)}, "long"),
        ({"sentences": MOST_SENTENCES + 1}, "long"),
        ({"text": "?!"}, "no words"),
        ({"text": ""}, "no words"),
        ({"text": "how \x00 do I"}, "ordinary"),
        ({"text": "how \ud800 do I"}, "ordinary"),
        ({"text": "how " + "x" * 80}, "ordinary"),
        ({"text": "a 1 2 3 4 5 6 7 8 9"}, "ordinary"),
        ({"confidence": 0.3}, "sure enough"),
        ({"tiers": {"howto": 0.5, "feedback": 0.15, "unknown": UNSURE}}, "none of what we know"),
    ],
)
def test_each_reason_against(tier: Tier, changes: dict[str, Any], said: str) -> None:
    ruling = judge(verdict(tier, **changes))
    assert not ruling.automatable
    assert said in ruling.reason


def test_a_sign_of_trouble_halves_the_threshold_of_a_how_to() -> None:
    cloud = (trip("trouble"), trip("own_matter"))
    assert judge(verdict("howto", signs=cloud, grave=STRICT_THRESHOLD * CLOUDED - 0.01)).automatable
    assert not judge(verdict("howto", signs=cloud, grave=STRICT_THRESHOLD * CLOUDED)).automatable


@pytest.mark.parametrize("wire", ["trouble", "irritation", "own_matter", "anger"])
def test_any_sign_forbids_to_thank(wire: WireName) -> None:
    assert not judge(verdict("feedback", signs=(trip(wire),), grave=0.0)).automatable


def test_another_threshold_moves_only_the_grave_line() -> None:
    assert judge(verdict(grave=0.15), threshold=0.2).automatable
    assert not judge(verdict(grave=0.05), threshold=0.01).automatable
    assert not judge(verdict(grave=0.0, wires=(trip("money"),)), threshold=1.0).automatable


def test_it_does_not_read_its_own_answer() -> None:
    one = verdict()
    assert judge(one) == judge(replace(one, automatable=True, reason="because"))
