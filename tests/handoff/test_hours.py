"""Time that passes only while we are open, against a reference that walks minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handoff.hours import Hours, parse_hours

MINUTE = timedelta(minutes=1)
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
CHANGES = [
    (BERLIN, datetime(2025, 3, 30, tzinfo=UTC)),
    (BERLIN, datetime(2025, 10, 26, tzinfo=UTC)),
    (NEW_YORK, datetime(2025, 3, 9, tzinfo=UTC)),
    (NEW_YORK, datetime(2025, 11, 2, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2025, 6, 1, tzinfo=UTC)),
]


def slow_is_open(hours: Hours, at: datetime) -> bool:
    """By the clock on the wall: inside a span of today, or of one that began yesterday."""
    assert hours.spans is not None
    local = at.astimezone(hours.zone)
    wall = local.time()
    for start, end in hours.spans[local.weekday()]:
        if start <= wall and (wall < end or end <= start):
            return True
    return any(end <= start and wall < end for start, end in hours.spans[(local.weekday() - 1) % 7])


def slow_after(hours: Hours, since: datetime, minutes: int) -> datetime:
    at = since
    while minutes:
        minutes -= slow_is_open(hours, at)
        at += MINUTE
    return at


# Clocks change between one and three at night: a span that begins or ends there is looked at apart, below.
CLOCK = st.sampled_from([time(0), time(0, 30), time(3, 30), time(9), time(12, 15), time(18), time(22), time(23, 59)])
SPANS = st.lists(st.tuples(CLOCK, CLOCK), max_size=3).map(lambda spans: tuple(sorted(spans)))
WEEK = st.lists(SPANS, min_size=7, max_size=7).filter(any).map(tuple)


@settings(max_examples=60, deadline=None)
@given(
    spans=WEEK,
    where=st.sampled_from(CHANGES),
    offset=st.integers(-2 * 1440, 2 * 1440),
    minutes=st.integers(1, 900),
)
@example(spans=(((time(9), time(12, 15)), (time(9), time(18))),) * 7, where=CHANGES[0], offset=0, minutes=600)
@example(spans=(((time(3, 30), time(12, 15)), (time(22), time(9))),) * 7, where=CHANGES[1], offset=0, minutes=900)
def test_open_time_is_what_the_clock_on_the_wall_says(
    spans: tuple[tuple[tuple[time, time], ...], ...], where: tuple[str, datetime], offset: int, minutes: int
) -> None:
    zone, day = where
    hours = Hours(zone=ZoneInfo(zone), spans=spans)
    since = day + offset * MINUTE
    assert hours.is_open(since) is slow_is_open(hours, since)
    assert hours.after(since, minutes * MINUTE) == slow_after(hours, since, minutes)
    opening = hours.next_opening(since)
    assert opening >= since
    assert slow_is_open(hours, opening)
    assert not any(slow_is_open(hours, since + n * MINUTE) for n in range(int((opening - since) / MINUTE)))


@settings(max_examples=40)
@given(
    zone=st.sampled_from([BERLIN, NEW_YORK, "UTC", "Pacific/Apia"]),
    since=st.datetimes(datetime(2024, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    one=st.integers(0, 5000),
    more=st.integers(0, 5000),
)
def test_more_time_never_ends_earlier_and_always_while_open(zone: str, since: datetime, one: int, more: int) -> None:
    hours = parse_hours("Mon-Fri 09:00-18:00, Sat 10:00-14:00", zone)
    first = hours.after(since, one * MINUTE)
    assert since <= first <= hours.after(since, (one + more) * MINUTE)
    assert hours.is_open(first) or hours.is_open(first - timedelta(microseconds=1))
    # Time spent in two parts is time spent at once.
    assert hours.after(first, more * MINUTE) in (
        hours.after(since, (one + more) * MINUTE),
        hours.next_opening(hours.after(since, (one + more) * MINUTE)),
    )


def at(zone: str, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("zone", "change", "hours_that_night"),
    [
        (BERLIN, (2025, 3, 29), 7),
        (BERLIN, (2025, 10, 25), 9),
        (NEW_YORK, (2025, 3, 8), 7),
        (NEW_YORK, (2025, 11, 1), 9),
        (BERLIN, (2025, 7, 1), 8),
    ],
)
def test_a_night_is_as_long_as_it_really_is(zone: str, change: tuple[int, int, int], hours_that_night: int) -> None:
    hours = parse_hours("Mon-Sun 22:00-06:00", zone)
    evening, morning = at(zone, *change, 22), at(zone, *change[:2], change[2] + 1, 6)
    assert morning - evening == timedelta(hours=hours_that_night)
    assert hours.after(evening, timedelta(hours=hours_that_night)) == morning
    assert hours.after(evening, timedelta(hours=hours_that_night, minutes=1)) == (hours.next_opening(morning) + MINUTE)
    assert hours.is_open(morning - MINUTE)
    assert not hours.is_open(morning)


@pytest.mark.parametrize(("zone", "day"), [(BERLIN, (2025, 3, 30)), (NEW_YORK, (2025, 3, 9))])
def test_a_span_that_begins_in_the_missing_hour_ends_when_it_says(zone: str, day: tuple[int, ...]) -> None:
    hours = parse_hours("Sun 02:30-06:00", zone)
    assert hours.is_open(at(zone, *day, 5, 59))
    assert not hours.is_open(at(zone, *day, 6))
    assert not hours.is_open(at(zone, *day, 1, 59))


def test_a_weekend_is_stepped_over() -> None:
    hours = parse_hours("Mon-Fri 09:00-18:00", BERLIN)
    friday = at(BERLIN, 2025, 3, 28, 17, 30)
    assert hours.after(friday, timedelta(hours=1)) == at(BERLIN, 2025, 3, 31, 9, 30)  # clocks changed meanwhile
    assert hours.next_opening(at(BERLIN, 2025, 3, 29, 12)) == at(BERLIN, 2025, 3, 31, 9)
    assert hours.after(friday, timedelta(minutes=30)) == at(BERLIN, 2025, 3, 28, 18)


def test_no_time_at_all_is_the_next_moment_we_are_open() -> None:
    hours = parse_hours("Mon-Fri 09:00-18:00", "UTC")
    assert hours.after(datetime(2025, 3, 3, 12, tzinfo=UTC), timedelta()) == datetime(2025, 3, 3, 12, tzinfo=UTC)
    assert hours.after(datetime(2025, 3, 1, 12, tzinfo=UTC), timedelta()) == datetime(2025, 3, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize("text", ["always", "ALWAYS ", "24/7"])
def test_always_is_always(text: str) -> None:
    hours = parse_hours(text, BERLIN)
    now = datetime(2025, 3, 30, 1, 30, tzinfo=UTC)
    assert hours.is_open(now)
    assert hours.next_opening(now) == now
    assert hours.after(now, timedelta(hours=5)) == now + timedelta(hours=5)


@pytest.mark.parametrize(
    "text", ["Mon-Sun 00:00-24:00", "Mon-Sun 00:00-00:00", "sat-fri 00:00-24:00", "Mon-Sun 7:00-7:00"]
)
def test_every_hour_of_the_week_can_be_written_out(text: str) -> None:
    hours = parse_hours(text, NEW_YORK)
    for n in range(0, 7 * 24):
        now = datetime(2025, 3, 6, tzinfo=UTC) + n * timedelta(hours=1)
        assert hours.is_open(now)
        assert hours.after(now, timedelta(hours=30)) == now + timedelta(hours=30)


def test_a_target_of_many_months_is_reached_by_an_hour_a_week() -> None:
    hours = parse_hours("Mon 09:00-09:30", "UTC")
    since = datetime(2025, 3, 3, 9, tzinfo=UTC)
    assert hours.after(since, timedelta(hours=45)) == since + 89 * timedelta(weeks=1) + timedelta(minutes=30)


def test_a_target_that_is_never_reached_ends_late_and_not_early() -> None:
    hours = parse_hours("Mon 09:00-09:01", "UTC")
    since = datetime(2025, 3, 3, 9, tzinfo=UTC)
    assert hours.after(since, timedelta(hours=10_000)) > since + timedelta(days=3650)


def test_days_and_parts_are_read_as_people_write_them() -> None:
    hours = parse_hours(" mon-FRI  9:00-18:00 ,Sat 10:00-14:00,, ", "UTC")
    assert hours.spans is not None
    assert hours.spans[0] == hours.spans[4] == ((time(9), time(18)),)
    assert (hours.spans[5], hours.spans[6]) == (((time(10), time(14)),), ())
    over = parse_hours("Sat-Mon 10:00-12:00, Sat 08:00-09:00", "UTC").spans
    assert over is not None
    assert [bool(day) for day in over] == [True, False, False, False, False, True, True]
    assert over[5] == ((time(8), time(9)), (time(10), time(12)))


@pytest.mark.parametrize(
    ("text", "zone", "told"),
    [
        ("", "UTC", "no opening hours at all"),
        (" , ", "UTC", "no opening hours at all"),
        ("Mon 9-18", "UTC", "'mon 9-18' is not like"),
        ("Monday 09:00-18:00", "UTC", "'monday 09:00-18:00' is not like"),
        ("Mon-Xyz 09:00-18:00", "UTC", "'mon-xyz 09:00-18:00' is not like"),
        ("Mon 09:00-18:00; Tue 09:00-18:00", "UTC", "is not like 'Mon-Fri 09:00-18:00'"),
        ("Mon 09:00-25:00", "UTC", "'25:00' is no time of day"),
        ("Mon 09:60-18:00", "UTC", "'09:60' is no time of day"),
        ("Mon 24:01-18:00", "UTC", "'24:01' is no time of day"),
        ("never", "UTC", "'never' is not like"),
        ("always", "Mars/Olympus", "'Mars/Olympus' is no time zone"),
        ("always", "", "'' is no time zone"),
        ("always", "../etc/passwd", "'../etc/passwd' is no time zone"),
        ("always", "Europe", "'Europe' is no time zone"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, zone: str, told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        parse_hours(text, zone)


@settings(max_examples=200)
@given(st.text(alphabet="MonFriSat 0123456789:-,", max_size=24), st.sampled_from(["UTC", BERLIN]))
def test_anything_is_read_or_refused_and_what_is_read_opens_some_time(text: str, zone: str) -> None:
    try:
        hours = parse_hours(text, zone)
    except ValueError:
        return
    now = datetime(2025, 3, 29, 12, 34, tzinfo=UTC)
    assert now <= hours.next_opening(now) <= now + timedelta(days=8)
