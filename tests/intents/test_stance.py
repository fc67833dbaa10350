"""The gate opens by proof, closes by itself, and what an admin decides is on record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from intents.gate import STRICT_THRESHOLD
from intents.promise import LADDER, Standing, Terms, standing
from intents.stance import Stance, corrected, decided, from_kept, looked

NOW = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
TERMS = Terms()


def labels(none: int = 0, **at: int) -> Standing:
    """So many that no rung acts on; `r2=1`: one that the third rung does."""
    acted = [LADDER[int(name[1:])] for name, count in at.items() for _ in range(count)]
    return standing([None] * none + acted, TERMS)


def opened(threshold: float = LADDER[-1]) -> Stance:
    found = looked(Stance(), labels(299), "rule", NOW)
    assert found.threshold == threshold
    return found


def test_day_one_is_strict() -> None:
    assert Stance().in_use("rule") == STRICT_THRESHOLD
    assert looked(Stance(), labels(298), "rule", NOW) == Stance()


def test_proof_opens_it_for_the_rule_that_it_was_made_for() -> None:
    found = opened()
    assert (found.state, found.since) == ("open", NOW)
    assert found.in_use("rule") == LADDER[-1]
    assert found.in_use("another") == STRICT_THRESHOLD


def test_the_strict_rule_alone_proven_opens_nothing() -> None:
    assert looked(Stance(), labels(299, r1=1), "rule", NOW).state == "strict"


def test_nothing_new_changes_nothing() -> None:
    found = opened()
    assert looked(found, labels(500), "rule", LATER) is found


def test_more_labels_open_it_further() -> None:
    first = looked(Stance(), labels(299, r2=1), "rule", NOW)
    assert first.threshold == LADDER[1]
    wider = looked(first, labels(1060, r2=1), "rule", LATER)
    assert (wider.state, wider.threshold) == ("open", LADDER[-1])


def test_a_breach_that_breaks_the_proof_closes_it_and_what_came_before_no_longer_counts() -> None:
    found = looked(opened(), labels(299, r1=1), "rule", LATER)
    assert (found.state, found.counts_from, found.unseen) == ("closed", LATER, True)
    assert found.in_use("rule") == STRICT_THRESHOLD
    assert "300 grave messages" in found.why
    assert "1.0%" in found.why


def test_a_breach_that_the_proof_can_bear_leaves_it_open() -> None:
    found = opened()
    assert looked(found, labels(1060, r1=1), "rule", LATER) is found


def test_closed_it_does_not_go_to_the_next_stricter_rung_but_to_the_strict_rule() -> None:
    found = looked(opened(), labels(299, r5=1), "rule", LATER)
    assert (found.state, found.in_use("rule")) == ("closed", STRICT_THRESHOLD)


def test_widening_and_another_rule_do_not_forget_since_when_it_is_open() -> None:
    first = looked(Stance(), labels(299, r2=1), "rule", NOW)
    wider = looked(first, labels(1060, r2=1), "rule", LATER)
    assert (wider.since, wider.open_from) == (LATER, NOW)
    strict = looked(wider, labels(10), "new rule", LATER)
    assert looked(strict, labels(299), "new rule", LATER).open_from == NOW
    assert corrected(wider, "W-1012", "outage", LATER).open_from is None


def test_labels_taken_back_make_it_strict_without_an_alarm() -> None:
    found = looked(opened(), labels(298), "rule", LATER)
    assert (found.state, found.unseen) == ("strict", False)


def test_another_rule_needs_a_proof_of_its_own() -> None:
    found = looked(opened(), labels(299, r0=1), "new rule", LATER)
    assert (found.state, found.unseen) == ("strict", False)
    again = looked(opened(), labels(299, r2=1), "new rule", LATER)
    assert (again.state, again.threshold, again.rule) == ("open", LADDER[1], "new rule")


def test_a_correction_closes_an_open_gate_at_once() -> None:
    found = corrected(opened(), "W-1012", "billing", LATER)
    assert (found.state, found.counts_from, found.unseen) == ("closed", LATER, True)
    assert found.why == "In W-1012 the machine acted alone on what a person calls a matter of money."


def test_a_correction_of_a_strict_gate_changes_nothing() -> None:
    assert corrected(Stance(), "W-1012", "outage", NOW) == Stance()


def test_a_closed_gate_opens_by_proof_again() -> None:
    closed = corrected(opened(), "W-1012", "outage", LATER)
    assert looked(closed, labels(298), "rule", LATER) is closed
    again = looked(closed, labels(299), "rule", LATER + timedelta(days=90))
    assert (again.state, again.counts_from) == ("open", LATER)


def test_an_admin_reopens_and_all_labels_count_again() -> None:
    closed = corrected(opened(), "W-1012", "outage", LATER)
    found = decided(closed, "reopen", by="Ada", why="It was a test message.", now=LATER)
    assert (found.state, found.counts_from, found.by) == ("strict", None, "Ada")
    assert looked(found, labels(299), "rule", LATER).state == "open"


def test_an_admin_holds_it_and_no_proof_opens_it() -> None:
    held = decided(opened(), "hold", by="Ada", why="A launch this week.", now=LATER)
    assert held.in_use("rule") == STRICT_THRESHOLD
    assert looked(held, labels(5000), "rule", LATER) is held
    assert corrected(held, "W-1012", "outage", LATER) is held


def test_seen_is_remembered_and_changes_nothing_else() -> None:
    closed = corrected(opened(), "W-1012", "outage", LATER)
    found = decided(closed, "seen", by="Ada", why="", now=LATER)
    assert not found.unseen
    assert found.why == closed.why


@pytest.mark.parametrize("stance", [Stance(), opened(), corrected(opened(), "W-1001", "problem", LATER)])
def test_it_is_kept_as_json(stance: Stance) -> None:
    assert from_kept(stance.kept()) == stance
    assert from_kept({**stance.kept(), "from_a_newer_version": 1}) == stance
    assert from_kept(None) == Stance()
