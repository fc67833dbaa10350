"""What the articles' word can lift over the gate, and what it cannot."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from intents.classifier import Classifier
from intents.familiar import MOST, NEARER, closeness, reconsider
from intents.gate import STRICT_THRESHOLD
from intents.tiers import TIERS
from intents.verdict import Part, Verdict
from intents.wires import trips

Listed = Callable[[NDArray[np.float32]], float]
VECTOR = np.eye(1, 4, dtype=np.float32)[0]


def held(howto: float, text: str = "catch-all for my domain", **others: float) -> Verdict:
    """A verdict that the gate holds back, of one matter; what is left of 1 is a problem."""
    tiers = {"howto": howto, **others}
    tiers.setdefault("problem", 1 - sum(tiers.values()))
    row = np.array([tiers.get(name, 0.0) for name in TIERS])
    part = Part(vector=VECTOR, tiers=row, alarm=0.0)
    best = max(tiers, key=tiers.__getitem__)
    found = trips(text)
    bare = Verdict(
        text=text, tier=best, intent="of the tier", confidence=tiers[best], tiers=tiers,  # type: ignore[arg-type]
        runner_up=("none", "unknown", 0.0), deciding_sentence=text, grave=tiers["problem"],  # type: ignore[arg-type]
        wires=tuple(trip for trip in found if trip.hard), signs=tuple(trip for trip in found if not trip.hard),
        language="en", foreign=False, complaint=False, small_talk=None, sentences=1, answerable=True,
        automatable=False, reason="held back", vector=VECTOR, parts=(part, part), how_to="use_a_feature",
    )  # fmt: skip
    return bare


def near(difference: float) -> Listed:
    return lambda _: difference


def test_what_is_near_the_articles_is_lifted() -> None:
    lifted = reconsider(held(0.7), near(5.0))
    assert lifted.automatable
    assert (lifted.tier, lifted.intent) == ("howto", "use_a_feature")
    assert lifted.grave == pytest.approx(0.3 / (0.7 * MOST + 0.3))
    assert lifted.grave < STRICT_THRESHOLD
    assert sum(lifted.tiers.values()) == pytest.approx(1)
    assert lifted.reason.endswith("Articles list questions like it.")


def test_what_is_no_nearer_to_them_than_to_people_is_not() -> None:
    verdict = held(0.7)
    assert reconsider(verdict, near(NEARER)) is verdict
    assert reconsider(verdict, near(-5.0)) is verdict


@pytest.mark.parametrize("howto", [0.0, 0.1, 0.3, 0.47])
def test_what_is_likelier_a_problem_is_never_lifted(howto: float) -> None:
    verdict = held(howto)
    assert reconsider(verdict, near(1e6)) is verdict


@pytest.mark.parametrize(
    "text",
    [
        "how do i forward mail, the whole site is down",
        "how do i get a refund for my mailbox",
        "how do i cancel, let me talk to a human",
        "how do i change my password, i was hacked",
        "can you please change my order",
    ],
)
def test_words_that_demand_a_person_win(text: str) -> None:
    verdict = held(0.85, text)
    assert verdict.wires or any(trip.wire == "own_matter" for trip in verdict.signs)
    assert reconsider(verdict, near(1e6)) is verdict


@pytest.mark.parametrize(
    "change",
    [
        {"foreign": True},
        {"complaint": True},
        {"small_talk": "thanks"},
        {"tier": "outage"},
        {"tier": "billing"},
        {"tier": "person"},
        {"tier": "feedback"},
        {"how_to": None},
        {"parts": ()},
    ],
)
def test_others_are_left_alone(change: dict[str, object]) -> None:
    verdict = replace(held(0.85), **change)  # type: ignore[arg-type]
    assert reconsider(verdict, near(1e6)) is verdict


def test_each_sentence_needs_a_word_of_its_own() -> None:
    """A grave sentence that no article knows stays grave beside one that they know."""
    calm = held(0.65)
    other = Part(vector=-VECTOR, tiers=calm.parts[0].tiers, alarm=0.0)
    verdict = replace(calm, parts=(*calm.parts, other))

    def listed(vector: NDArray[np.float32]) -> float:
        return 5.0 if vector[0] > 0 else -5.0

    assert reconsider(calm, listed).automatable
    assert reconsider(verdict, listed) is verdict


def test_closeness() -> None:
    rows = np.eye(2, 4, dtype=np.float32)
    assert closeness(rows[:0], VECTOR) < closeness(rows[1:], VECTOR) < closeness(rows, VECTOR)
    assert closeness(rows[:1], VECTOR) == pytest.approx(20.0)


def test_a_verdict_carries_what_is_needed(classifier: Classifier) -> None:
    verdict = classifier.verdict("Hi there, I am new here. How do I set up a mailing list for the club?")
    assert len(verdict.parts) == 2 + verdict.sentences
    assert verdict.how_to is not None
    assert classifier.catalogue.by_id[verdict.how_to].tier == "howto"
    for part in verdict.parts:
        assert part.tiers.sum() == pytest.approx(1)
        assert np.linalg.norm(part.vector) == pytest.approx(1, abs=1e-3)
    assert max(float(part.tiers[TIERS.index("problem")]) for part in verdict.parts) <= verdict.grave + 1e-9
