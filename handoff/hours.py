"""Opening hours, and time that passes only while we are open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PART: Final = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?\s+(\d\d?:\d\d)-(\d\d?:\d\d)")
_HORIZON: Final = 4000  # days looked ahead: a long time at an hour a week, and an end to the search


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """For each weekday (Monday is 0) the spans in which we are open, in the company's zone.

    `spans` is None when we are always open.
    """

    zone: ZoneInfo
    spans: tuple[tuple[tuple[time, time], ...], ...] | None

    def is_open(self, at: datetime) -> bool:
        if self.spans is None:
            return True
        for start, end in self._around(at):
            if at < end:
                return start <= at
        return False

    def next_opening(self, at: datetime) -> datetime:
        """The next moment, not before `at`, at which we are open."""
        if self.spans is None or self.is_open(at):
            return at
        return next(start for start, _ in self._around(at) if start > at)

    def after(self, since: datetime, duration: timedelta) -> datetime:
        """When `duration` of open time has passed since `since`, in UTC."""
        if self.spans is None:
            return since + duration
        left, at = duration, since
        for start, end in self._around(since):
            begin = max(start, at)  # spans may overlap; no minute counts twice
            if begin >= end:
                continue
            if begin + left <= end:
                return (begin + left).astimezone(UTC)
            left -= end - begin
            at = end
        return at.astimezone(UTC)  # years later, for targets far beyond the hours

    def _around(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Spans as UTC moments, from the day before `at` on, in order. DST is the zone's affair."""
        first: date = at.astimezone(self.zone).date() - timedelta(days=1)
        for offset in range(_HORIZON):
            day = first + timedelta(days=offset)
            for start, end in (self.spans or ())[day.weekday()]:
                closes = day + timedelta(days=1) if end <= start else day
                yield (
                    datetime.combine(day, start, tzinfo=self.zone).astimezone(UTC),
                    datetime.combine(closes, end, tzinfo=self.zone).astimezone(UTC),
                )


def parse_hours(text: str, zone: str) -> Hours:
    """Read `Mon-Fri 09:00-18:00, Sat 10:00-14:00` or `always`.

    Raises:
        ValueError: which part cannot be read, and how it should look.
    """
    try:
        tz = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{zone!r} is no time zone; write one like Europe/Berlin or UTC") from error
    if text.strip().lower() in ("always", "24/7"):
        return Hours(zone=tz, spans=None)
    days: list[list[tuple[time, time]]] = [[] for _ in _DAYS]
    for part in filter(None, (piece.strip().lower() for piece in text.split(","))):
        match = _PART.fullmatch(part)
        if match is None or match[1] not in _DAYS or (match[2] or match[1]) not in _DAYS:
            raise ValueError(f"{part!r} is not like 'Mon-Fri 09:00-18:00'")
        first, last = _DAYS.index(match[1]), _DAYS.index(match[2] or match[1])
        start, end = _clock(match[3]), _clock(match[4])
        for offset in range((last - first) % 7 + 1):
            days[(first + offset) % 7].append((start, end))
    if not any(days):
        raise ValueError("no opening hours at all; write 'always' or for example 'Mon-Fri 09:00-18:00'")
    return Hours(zone=tz, spans=tuple(tuple(sorted(day)) for day in days))


def _clock(text: str) -> time:
    hour, minute = (int(part) for part in text.split(":"))
    if (hour, minute) == (24, 0):
        return time(0, 0)
    if hour > 23 or minute > 59:
        raise ValueError(f"{text!r} is no time of day")
    return time(hour, minute)
