"""Figures, against hand-made cases and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

from intents.scores import greatest_share, ranked, rejected, reliability, risk_coverage, score

LABELS = st.sampled_from("abcd")


@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=40))
def test_scores_are_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    true, predicted = zip(*pairs, strict=True)
    found = score(true, predicted)
    assert found.accuracy == pytest.approx(accuracy_score(true, predicted))
    assert found.macro_f1 == pytest.approx(f1_score(true, predicted, average="macro"))
    for index, label in enumerate(sorted({*true, *predicted})):
        one = found.classes[label]
        for mine, theirs in ((one.precision, precision_score), (one.recall, recall_score), (one.f1, f1_score)):
            assert mine == pytest.approx(theirs(true, predicted, average=None, zero_division=0)[index])
    assert sum(one.count for one in found.confused) == sum(label != guess for label, guess in pairs)


def test_what_is_confused_most_comes_first_with_examples() -> None:
    found = score(["a", "a", "b", "a", "a", "a"], ["b", "b", "a", "a", "b", "b"])
    assert [(one.true, one.predicted, one.count, one.examples) for one in found.confused] == [
        ("a", "b", 4, (0, 1, 4)),
        ("b", "a", 1, (2,)),
    ]


def test_calibration_error_by_hand() -> None:
    sure = np.array([0.9, 0.9, 0.9, 0.9, 0.5, 1.0])
    right = np.array([True, True, True, False, False, True])
    found = reliability(sure, right)
    assert found.ece == pytest.approx((4 * 0.15 + 0.5 + 0.0) / 6)
    assert sum(one.count for one in found.bins) == 6
    assert found.bins[-1].count == 1  # 1.0 lies in the last bin, 0.9 in the one before


def test_risk_by_hand() -> None:
    points = risk_coverage(np.array([0.2, 0.9, 0.5, 0.7]), np.array([False, True, False, True]))
    assert [(p.coverage, p.risk, p.least) for p in points] == [
        (0.25, 0.0, 0.9),
        (0.5, 0.0, 0.7),
        (0.75, pytest.approx(1 / 3), 0.5),
        (1.0, 0.5, 0.2),
    ]


def test_exactly_the_share_of_known_messages_is_rejected() -> None:
    known = np.arange(100.0)
    (at,) = rejected(known, np.array([94.0, 95.0, 99.5, 200.0]), shares=[0.05])
    assert (at.known, at.threshold, at.recall) == (5, 95.0, 0.75)


def test_where_no_known_message_is_to_be_rejected_none_is() -> None:
    (at,) = rejected(np.array([1.0, 2.0]), np.array([2.0, 3.0]), shares=[0.02])
    assert (at.known, at.recall) == (0, 0.5)


def test_ties_are_told() -> None:
    (at,) = rejected(np.zeros(10), np.zeros(3), shares=[0.1])
    assert (at.known, at.recall) == (10, 1.0)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_the_area_is_scikit_learns(known: list[int], strange: list[int]) -> None:
    expected = roc_auc_score([0] * len(known) + [1] * len(strange), known + strange)
    assert ranked(np.array(known, float), np.array(strange, float)) == pytest.approx(expected)


def test_the_bound_of_nothing_seen_is_the_rule_of_three() -> None:
    assert greatest_share(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert greatest_share(1, 10) == pytest.approx(0.3942, abs=1e-4)  # the table of Clopper and Pearson
    assert greatest_share(10, 10) == 1.0
    assert greatest_share(0, 0) == 1.0
