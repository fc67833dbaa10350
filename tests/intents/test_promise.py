"""The bounds against tables, and the promise against chance: desks that look after every label must not be fooled."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta

from intents import promise
from intents.gate import STRICT_THRESHOLD
from intents.promise import LADDER, Terms, evidence, is_proven, lower_bound, more, promised, standing, upper_bound

TERMS = Terms(alpha=0.01, confidence=0.95)
DESKS = 1_500
LABELS = 2_500


@pytest.mark.parametrize(
    ("breaches", "n", "bound"),
    [  # one-sided 95 %: the tables of Clopper and Pearson, continued
        (0, 299, 0.00997),
        (0, 59, 0.0495),
        (1, 473, 0.00999),
        (2, 628, 0.01),
        (0, 10, 0.2589),
        (3, 100, 0.0757),
        (10, 10, 1.0),
    ],
)
def test_the_upper_bound_is_that_of_the_tables(breaches: int, n: int, bound: float) -> None:
    assert upper_bound(breaches, n, 0.95) == pytest.approx(bound, abs=5e-5)


def test_one_percent_takes_299_and_not_298() -> None:
    assert upper_bound(0, 298, 0.95) > 0.01 >= upper_bound(0, 299, 0.95)


@given(st.integers(1, 3000), st.data(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_bounds_are_the_beta_quantiles(n: int, data: st.DataObject, confidence: float) -> None:
    k = data.draw(st.integers(0, min(n, 60)))
    above = 1.0 if k == n else beta.ppf(confidence, k + 1, n - k)
    below = 0.0 if k == 0 else beta.ppf(1 - confidence, k, n - k + 1)
    assert upper_bound(k, n, confidence) == pytest.approx(above, abs=1e-7)
    assert lower_bound(k, n, confidence) == pytest.approx(below, abs=1e-7)


@pytest.mark.parametrize(("breaches", "n"), [(-1, 3), (4, 3), (1, 0)])
def test_counts_that_cannot_be_are_refused(breaches: int, n: int) -> None:
    with pytest.raises(ValueError, match="among"):
        upper_bound(breaches, n, 0.95)


# --- one threshold ---------------------------------------------------------------------------------


def test_without_a_breach_looking_again_costs_nothing() -> None:
    assert more(0, 0, TERMS) == 299
    assert more(0, 143, TERMS) == 156
    assert more(0, 299, TERMS) == 0
    assert not is_proven(0, 298, TERMS)


def test_a_breach_costs_more_than_one_look_would() -> None:
    assert more(1, 299, TERMS) == 1060 - 299
    assert upper_bound(1, 473, 0.95) < TERMS.alpha
    assert not is_proven(1, 473, TERMS)


@given(st.integers(0, 4000), st.data(), st.floats(0.002, 0.1))
def test_what_is_proven_is_under_clopper_and_pearson_too(n: int, data: st.DataObject, alpha: float) -> None:
    k = data.draw(st.integers(0, min(n, 80)))
    terms = Terms(alpha=alpha, confidence=0.95)
    if is_proven(k, n, terms):
        assert upper_bound(k, n, 0.95) <= alpha


@given(st.integers(0, 3000), st.integers(0, 30))
def test_evidence_grows_with_labels_and_falls_with_breaches(n: int, k: int) -> None:
    k = min(k, n)
    assert evidence(k, n + 1, 0.01) > evidence(k, n, 0.01)
    if k < n:
        assert evidence(k + 1, n, 0.01) < evidence(k, n, 0.01)


@pytest.mark.parametrize(("breaches", "n"), [(0, 0), (0, 58), (1, 300), (9, 900)])
def test_what_is_said_to_be_promised_is_proven_and_no_less_is(breaches: int, n: int) -> None:
    share = promised(breaches, n, 0.95)
    assert share == 1.0 or is_proven(breaches, n, Terms(alpha=share, confidence=0.95))
    assert share == 1.0 or not is_proven(breaches, n, Terms(alpha=share * 0.99, confidence=0.95))


def test_more_is_exactly_enough() -> None:
    for k, n in [(0, 0), (1, 20), (3, 700)]:
        missing = more(k, n, TERMS)
        assert missing is not None
        assert is_proven(k, n + missing, TERMS)
        assert not is_proven(k, n + missing - 1, TERMS)


def test_hopeless_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promise, "MOST_NEEDED", 100)
    assert more(50, 100, TERMS) is None


# --- the ladder ------------------------------------------------------------------------------------


def test_the_ladder_begins_with_the_strict_rule_and_climbs() -> None:
    assert LADDER[0] == STRICT_THRESHOLD
    assert list(LADDER) == sorted(set(LADDER))


def test_without_labels_nothing_is_promised() -> None:
    found = standing([], TERMS)
    assert (found.grave, found.promised, found.more, found.open_to) == (0, 1.0, 299, None)
    assert [rung.bound for rung in found.rungs] == [1.0] * len(LADDER)


def test_it_opens_to_the_loosest_rung_before_the_first_that_is_not_proven() -> None:
    found = standing([None] * 300 + [LADDER[3]], TERMS)
    assert found.open_to == LADDER[2]
    assert [rung.breaches for rung in found.rungs] == [0, 0, 0] + [1] * (len(LADDER) - 3)
    assert found.more == 0
    assert found.more_to_open == 1060 - 301


def test_what_is_acted_on_without_asking_the_gate_breaks_every_rung() -> None:
    assert standing([None] * 400 + [0.0], TERMS).open_to is None


def test_it_says_when_even_the_strict_rule_breaks_the_promise() -> None:
    assert not standing([], TERMS).broken
    assert not standing([LADDER[0], *[None] * 99], TERMS).broken  # may be bad luck
    assert not standing([LADDER[1]] * 9 + [None] * 91, TERMS).broken  # not the strict rule's
    assert standing([LADDER[0]] * 9 + [None] * 91, TERMS).broken


def test_a_threshold_finds_its_rung() -> None:
    found = standing([0.45, None], TERMS)
    assert found.rung(LADDER[2]).threshold == LADDER[2]
    assert found.rung(0.46).threshold == 0.45
    assert found.rung(0.01).threshold == LADDER[0]


# --- against chance --------------------------------------------------------------------------------
#
# A desk has a true risk for each rung: the share of grave messages that it would act on alone. Labels come one by one;
# after each the desk looks, and opens as far as it can. It is fooled if it ever stands open where the risk is over
# alpha. `ALLOWED` leaves three standard errors of Monte Carlo.

ALLOWED = 0.05 + 3 * math.sqrt(0.05 * 0.95 / DESKS)
# Just over alpha from the first rung on; from the third on; in the middle of it all; and far over.
RISKS = {
    "nowhere under": [0.0101] * len(LADDER),
    "over from the third on": [0.001, 0.004, *[0.0101] * (len(LADDER) - 2)],
    "slowly over": list(np.linspace(0.002, 0.03, len(LADDER))),
    "a cliff": [0.0, 0.0, 0.0, 0.0, *[0.05] * (len(LADDER) - 4)],
}


def _breaches(risks: list[float], seed: int) -> NDArray[np.int64]:
    """(desks, labels, rungs): breaches so far. One draw for each message decides at which rung it is acted on."""
    draws = np.random.default_rng(seed).random((DESKS, LABELS, 1))
    return np.cumsum(draws < np.array(risks), axis=1)


def _proven(breaches: NDArray[np.int64]) -> NDArray[np.bool_]:
    """`is_proven` of all, by a table of how many labels each number of breaches needs."""
    most = int(breaches.max())
    needs = np.array([_needed(k) for k in range(min(most, 40) + 1)] + [10**9] * max(0, most - 40))
    return np.asarray(np.arange(1, LABELS + 1)[None, :, None] >= needs[breaches])


def _needed(breaches: int) -> int:
    missing = more(breaches, breaches, TERMS)
    assert missing is not None
    return breaches + missing


def _ever_fooled(breaches: NDArray[np.int64], risks: list[float]) -> float:
    """The share of desks that at any moment stand open too far."""
    too_far = next((at for at, risk in enumerate(risks) if risk > TERMS.alpha), None)
    if too_far is None:
        return 0.0
    climbed = np.logical_and.accumulate(_proven(breaches), axis=2)
    return float(climbed[:, :, too_far].any(axis=1).mean())


@pytest.mark.parametrize("shape", RISKS)
def test_desks_that_look_after_every_label_are_fooled_in_one_of_twenty_at_most(shape: str) -> None:
    risks = RISKS[shape]
    assert _ever_fooled(_breaches(risks, seed=11), risks) <= ALLOWED


def test_risks_drawn_at_random_for_every_desk() -> None:
    """Desks are not alike: each has a curve of its own, many of them just around alpha."""
    dice = np.random.default_rng(5)
    curves = np.sort(dice.uniform(0, 0.02, (DESKS, len(LADDER))), axis=1)
    draws = dice.random((DESKS, LABELS))
    fooled = np.zeros(DESKS, dtype=bool)
    climbed = np.ones((DESKS, LABELS), dtype=bool)
    for at in range(len(LADDER)):
        climbed &= _proven(np.cumsum(draws < curves[:, at, None], axis=1)[:, :, None])[:, :, 0]
        fooled |= climbed.any(axis=1) & (curves[:, at] > TERMS.alpha)
    assert fooled.mean() <= ALLOWED


def test_a_bound_made_for_one_look_would_be_fooled_far_more_often() -> None:
    """Why not simply Clopper-Pearson after every label: measured, and the reason for the martingale."""
    risks = [0.0101]
    breaches = _breaches(risks, seed=11)[:, :, 0]
    bounds = (beta.ppf(0.95, k + 1, np.arange(k + 1, 10_000) - k) for k in range(int(breaches.max()) + 1))
    needs = np.array([k + 1 + int((bound <= TERMS.alpha).argmax()) for k, bound in enumerate(bounds)])
    naive = (np.arange(1, LABELS + 1)[None, :] >= needs[breaches]).any(axis=1).mean()
    assert naive > 0.12


def test_desks_that_deserve_it_do_open() -> None:
    """Power: with no risk at all at 299; with a fifth of alpha most of them before 2,500 grave labels."""
    proven = _proven(_breaches([0.0, 0.002], seed=3))
    assert proven[:, 298, 0].all()
    assert proven[:, 298, 1].mean() > 0.45
    assert proven[:, -1, 1].mean() > 0.85
