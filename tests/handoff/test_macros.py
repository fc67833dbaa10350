"""Saved replies: what fills them, what stays a gap, what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.macros import PLACEHOLDERS, Filled, UnknownPlaceholder, checked, fill, first_name, values_of
from handoff.texts import Voice
from tests.rows import NOW

VOICE = Voice(company="Acme", bot="Ada", zone=ZoneInfo("UTC"))
ALL = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)


def values(*, name: str = "Ana Ruiz", public: bool = False, promises: Any = ()) -> dict[str, str]:
    row = {"id": 104, "customer_full_name": name, "public": public}
    return values_of(row, promises, agent="Lea Fischer", voice=VOICE, now=NOW)


def promise(state: str = "open", *, ahead: timedelta = timedelta(hours=1)) -> dict[str, Any]:
    return {"state": state, "by": NOW + ahead}


def test_all_that_is_known_is_filled_in() -> None:
    later = promise(ahead=timedelta(hours=3))
    filled = fill("Hi { name }, {agent} of {company} here: {case} by {by}.", values(promises=[later, promise()]))
    clock = f"{NOW + timedelta(hours=1):%H:%M} UTC"
    number = values()["case"]
    assert filled == Filled(text=f"Hi Ana, Lea Fischer of Acme here: {number} by {clock}.", gaps=())


@pytest.mark.parametrize(
    "promises",
    [[], [promise("kept")], [promise("broken")], [promise(ahead=-timedelta(minutes=1))]],
    ids=["none", "kept", "broken", "passed"],
)
def test_no_time_is_said_that_is_not_promised_now(promises: Any) -> None:
    assert fill("by {by}", values(promises=promises)) == Filled(text="by {by}", gaps=("{by}",))


def test_in_public_neither_number_nor_time() -> None:
    filled = fill(ALL, values(public=True, promises=[promise()]))
    assert set(filled.gaps) == {"{case}", "{by}"}
    assert "Ana" in filled.text


@pytest.mark.parametrize("name", ["", "   ", "ana.ruiz@example.com", "x" * 100, "42 !?"])
def test_who_has_no_name_is_a_gap(name: str) -> None:
    assert fill("Hi {name}", values(name=name)).gaps == ("{name}",)


def test_a_name_brings_nothing_of_its_own() -> None:
    assert first_name("Ana\u202e\n Ruiz") == "Ana"
    filled = fill("Hi {name} {case}", values(name="A{case} Ruiz", public=True))
    assert filled == Filled(text="Hi A{case} {case}", gaps=("{case}",))


def test_what_nothing_can_fill_is_refused_by_name() -> None:
    with pytest.raises(UnknownPlaceholder, match=r"has \{surname\}, which nothing can fill; there are \{name\}, "):
        checked("Dear {name} {surname}")
    for fine in (ALL, "{ name }", 'Send {"a": 1} or {} or {1}', "no braces"):
        assert checked(fine) == fine


@given(st.text(max_size=200), st.dictionaries(st.sampled_from(sorted(PLACEHOLDERS)), st.text(max_size=20)))
def test_a_gap_is_in_the_text_and_everything_else_stays(body: str, known: dict[str, str]) -> None:
    filled = fill(body, known)
    assert all(gap in filled.text for gap in filled.gaps)
    if "{" not in body:
        assert filled == Filled(text=body, gaps=())
