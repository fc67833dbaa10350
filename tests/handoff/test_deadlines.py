"""By when a person must have answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.deadlines import FIRST_CLASS, Targets, at_risk, deadline
from handoff.hours import parse_hours
from store.words import Tier

HOURS = parse_hours("Mon-Fri 09:00-18:00", "UTC")
ALWAYS = parse_hours("always", "UTC")
NOON = datetime(2025, 3, 7, 12, tzinfo=UTC)
"""A Friday."""
NIGHT = datetime(2025, 3, 8, 3, tzinfo=UTC)
"""The Saturday after it."""
TIERS = get_args(Tier)


@pytest.mark.parametrize(
    ("sla", "noon", "night"),
    [
        ("outage", "03-07 12:05", "03-08 03:05"),
        ("billing", "03-07 12:15", "03-08 03:15"),
        ("person", "03-07 12:15", "03-08 03:15"),
        ("problem", "03-07 16:00", "03-10 13:00"),
        ("howto", "03-07 13:00", "03-10 10:00"),
        ("unknown", "03-07 13:00", "03-10 10:00"),
        ("feedback", "03-14 12:00", "03-14 18:00"),
    ],
)
def test_the_times_of_the_design(sla: str, noon: str, night: str) -> None:
    assert f"{deadline(sla, NOON, Targets(), HOURS):%m-%d %H:%M}" == noon
    assert f"{deadline(sla, NIGHT, Targets(), HOURS):%m-%d %H:%M}" == night


def test_every_tier_has_a_time() -> None:
    assert all(Targets().of(tier) > timedelta() for tier in TIERS)
    with pytest.raises(AttributeError):
        Targets().of("security")  # is served as an outage; nobody may ask for its own


def test_the_first_class_is_who_cannot_wait() -> None:
    assert {"outage", "billing", "person"} == FIRST_CLASS
    assert all(Targets().of(one) <= Targets().of(other) for one in FIRST_CLASS for other in set(TIERS) - FIRST_CLASS)


@given(sla=st.sampled_from(TIERS), minutes=st.integers(0, 20_000), more=st.integers(0, 20_000))
def test_who_wrote_first_is_due_first(sla: str, minutes: int, more: int) -> None:
    first = deadline(sla, NOON + timedelta(minutes=minutes), Targets(), HOURS)
    second = deadline(sla, NOON + timedelta(minutes=minutes + more), Targets(), HOURS)
    assert first <= second
    assert first >= NOON + timedelta(minutes=minutes) + Targets().of(sla)


@given(sla=st.sampled_from(TIERS))
def test_always_open_is_simple_addition(sla: str) -> None:
    assert deadline(sla, NIGHT, Targets(), ALWAYS) == NIGHT + Targets().of(sla)


@given(seconds=st.integers(0, 10**6))
def test_a_promise_is_spoken_about_before_it_breaks_and_not_in_its_first_half(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    before = NOON + span - at_risk(NOON, NOON + span)
    assert min(span / 2, timedelta(seconds=30)) <= before <= span / 2
    assert before * 5 <= max(span, timedelta(seconds=150))


@pytest.mark.parametrize(("seconds", "before"), [(300, 60), (900, 180), (120, 30), (60, 30), (30, 15), (2, 1), (0, 0)])
def test_a_fifth_of_the_time_before(seconds: int, before: int) -> None:
    by = NOON + timedelta(seconds=seconds)
    assert by - at_risk(NOON, by) == timedelta(seconds=before)
