"""Two classes, deadlines within them, and nobody starves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.queue import FIRST_CLASS_RUN, Class, next_class, next_run


@pytest.mark.parametrize(
    ("run", "first", "second", "overdue", "served"),
    [
        (0, True, True, True, "first"),
        (3, True, True, True, "first"),
        (4, True, True, True, "second"),
        (9, True, True, True, "second"),
        (4, True, True, False, "first"),
        (99, True, True, False, "first"),
        (4, True, False, False, "first"),
        (0, False, True, False, "second"),
        (0, False, True, True, "second"),
        (0, False, False, False, None),
        (9, False, False, False, None),
    ],
)
def test_who_is_served(run: int, first: bool, second: bool, overdue: bool, served: Class | None) -> None:
    assert next_class(run=run, first_waits=first, second_waits=second, second_overdue=overdue) == served


def test_the_count() -> None:
    assert [next_run(0, "first"), next_run(3, "first"), next_run(4, "second")] == [1, 4, 0]


Arrival = tuple[bool, int]  # of the first class?; minutes until its deadline


@given(
    arrivals=st.lists(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=3), min_size=5, max_size=60),
    run=st.integers(0, 10),
)
def test_nobody_starves_however_many_come(arrivals: list[list[Arrival]], run: int) -> None:
    """One take a minute. While a case of the second class is overdue, at most four of the first go before it."""
    waiting: dict[Class, list[tuple[int, int]]] = {"first": [], "second": []}  # (deadline, number)
    number, passed_over, served = 0, 0, []
    for minute in range(len(arrivals) + 400):
        for first, wait in arrivals[minute] if minute < len(arrivals) else []:
            number += 1
            waiting["first" if first else "second"].append((minute + wait, number))
        second = min(waiting["second"], default=None)
        overdue = second is not None and second[0] <= minute
        chosen = next_class(
            run=run, first_waits=bool(waiting["first"]), second_waits=second is not None, second_overdue=overdue
        )
        if chosen is None:
            assert not waiting["first"]
            assert not waiting["second"]
            if minute >= len(arrivals):
                break
            continue
        taken = min(waiting[chosen])
        waiting[chosen].remove(taken)
        served.append(taken[1])
        run = next_run(run, chosen)
        passed_over = passed_over + 1 if overdue and chosen == "first" else 0
        assert passed_over <= FIRST_CLASS_RUN
        if chosen == "second" and waiting["first"]:
            assert overdue  # the second class goes first only when it is late
    assert sorted(served) == list(range(1, number + 1))


@given(flood=st.integers(1, 10), second=st.integers(1, 10))
def test_a_flood_of_the_first_class_lets_one_in_five_of_the_late_through(flood: int, second: int) -> None:
    run, order = 0, ""
    late = second
    for _ in range(flood * 5):
        chosen = next_class(run=run, first_waits=True, second_waits=late > 0, second_overdue=late > 0)
        assert chosen is not None
        order += chosen[0]
        late -= chosen == "second"
        run = next_run(run, chosen)
    assert order.startswith("ffffs" * min(flood, second))
    assert order.count("s") == min(flood, second)
