"""One answer from what several processes say of one account."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.standings import FOLLOWS_WITHIN, SILENT_AFTER, Standing, stands
from store.standings import StateRow
from tests.rows import NOW

MINUTE = timedelta(minutes=1)


def row(connected: str = "yes", *, process: str = "one-1-aaaa", since: int = 10, **told: Any) -> StateRow:
    """`since`: minutes ago."""
    return StateRow(
        channel="pigeon", account="main", process=process, connected=connected, since=NOW - since * MINUTE, told=told,
        at=NOW, stopped_at=None,
    )  # fmt: skip


def of(*rows: StateRow, **more: Any) -> Standing:
    return stands(("pigeon", "main"), rows, NOW, **more)


def test_one_that_is_connected() -> None:
    found = of(row(called="@us", limit=2.0, sent_lately=3, counts={"x": 2}))
    assert (found.state, found.since, found.called) == ("yes", NOW - 10 * MINUTE, "@us")
    assert (found.limit, found.sent_lately, found.seen, found.processes) == (2.0, 3, {"x": 2}, ("one-1",))


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (("yes", "yes"), "yes"),
        (("yes", "standby"), "yes"),
        (("yes", "no"), "partly"),
        (("partly", "standby"), "partly"),
        (("no", "standby"), "no"),
        (("no", "no"), "no"),
        (("standby", "standby"), "no"),
        (("untold", "untold"), "untold"),
        (("untold", "yes"), "yes"),
    ],
)
def test_two_processes(said: tuple[str, str], state: str) -> None:
    found = of(row(said[0]), row(said[1], process="two-2-bbbb"))
    assert found.state == state
    assert found.processes == ("one-1", "two-2")


def test_connected_since_the_first_and_not_connected_since_the_last() -> None:
    assert of(row(since=5), row(since=9, process="two-2-b")).since == NOW - 9 * MINUTE
    assert of(row("no", since=5), row("no", since=9, process="two-2-b")).since == NOW - 5 * MINUTE


def test_each_trouble_once_and_none_of_who_stands_by() -> None:
    found = of(
        row("partly", troubles=["A.", "B."]),
        row("partly", process="two-2-b", troubles=["B.", "C."]),
        row("standby", process="three-3-c", troubles=["D."]),
    )
    assert found.troubles == ("A.", "B.", "C.")


def test_nobody_is_left() -> None:
    assert (of().state, of().since) == ("stopped", None)
    silent = replace(row(called="@us"), at=NOW - SILENT_AFTER - MINUTE)
    assert (of(silent).state, of(silent).since, of(silent).called) == ("stopped", silent.at, "@us")
    gone = replace(row(), stopped_at=NOW - MINUTE)
    assert (of(gone).state, of(gone).since) == ("stopped", NOW - MINUTE)
    assert of(silent, gone, row("partly", process="two-2-b", troubles=["A."])).state == "partly"


def test_all_wait_for_one_who_died() -> None:
    fresh = replace(row("standby"), since=NOW - FOLLOWS_WITHIN / 2)
    assert of(fresh).troubles == ()
    (words,) = of(row("standby")).troubles
    assert "lease" in words


def test_who_reads() -> None:
    rows = [row(lease="pigeon:main:loft"), row("standby", process="two-2-bbbb", lease="pigeon:main:loft")]
    assert of(*rows, holders={"pigeon:main:loft": "one-1-aaaa-0badcafe"}).reader == "one-1"
    assert of(*rows).reader is None


def test_a_pause_ends() -> None:
    soon, over = (NOW + MINUTE).isoformat(), (NOW - MINUTE).isoformat()
    assert of(row(paused_until=soon), row(process="two-2-b", paused_until=over)).paused_until == NOW + MINUTE
    assert of(row(paused_until=over)).paused_until is None


def test_what_is_open_has_a_word_of_its_own() -> None:
    assert of(row(pull=True)).words == "Open"
    assert of(row()).words == "Connected"
    assert of(row(), counts={"queued": 2, "sending": 1, "failed": 4}).waiting == 3


def test_as_json() -> None:
    shown = of(row(troubles=["A."]), counts={"parked": 2}, quarantined=3).shown()
    assert (shown["parked"], shown["quarantined"], shown["troubles"], shown["test"]) == (2, 3, ["A."], None)
