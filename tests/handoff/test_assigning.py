"""Who is asked about which case: whatever happens in whatever order, nobody wrongly, and nothing older passed over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from handoff.assigning import UP_AFTER, Person, Waiting, choose, goes_up, in_order
from tests.rows import NOW

TIERS = ("outage", "problem", "howto")
HOUR = timedelta(hours=1)


def case(id_: int, *, urgent: bool = False, tier: str = "problem", channel: str = "web", **more: object) -> Waiting:
    return replace(Waiting(id=id_, urgent=urgent, tier=tier, channel=channel), **more)  # type: ignore[arg-type]


def anna(id_: int = 1, *, load: int = 0, capacity: int = 5, **more: object) -> Person:
    return replace(Person(id=id_, load=load, capacity=capacity), **more)  # type: ignore[arg-type]


def test_who_holds_least_is_asked_first_and_of_equals_who_was_asked_longest_ago() -> None:
    assert choose([case(1)], [anna(1, load=2), anna(2, load=1)]) == [(1, 2)]
    assert choose([case(1)], [anna(1, offered_at=9.0), anna(2, offered_at=3.0)]) == [(1, 2)]


def test_nobody_is_asked_who_is_full_asked_already_or_has_declined() -> None:
    full, busy = anna(1, load=5), anna(2, asked=True)
    assert choose([case(1)], [full, busy]) == []
    assert choose([case(1, declined=frozenset({3}))], [full, busy, anna(3)]) == []
    assert choose([case(1)], [anna(capacity=0)]) == []


def test_skills_and_teams_say_who_but_never_which() -> None:
    night = case(1, tier="howto", language="pt")
    older, newer = case(1, tier="billing"), case(2, tier="howto")
    good = anna(2, load=4, tiers=frozenset({"howto"}))
    assert choose([newer], [anna(1, tiers=frozenset({"billing"})), good]) == [(2, 2)]
    assert choose([older, newer], [good]) == [(1, 2)], "the older one, though it is not what they are good at"
    speaks = anna(3, load=3, languages=frozenset({"pt"}))
    assert choose([night], [anna(1, languages=frozenset({"de"})), speaks]) == [(1, 3)]
    theirs = anna(4, load=4, teams=frozenset({7}))
    assert choose([case(5, team=7)], [anna(1), theirs]) == [(5, 4)]


def test_who_knows_about_a_tag_is_asked_first_about_a_case_that_has_it() -> None:
    tagged, plain = case(1, tags=frozenset({"sso", "vip"})), case(2)
    knows, other = anna(2, load=4, tags=frozenset({"sso", "dns"})), anna(3, load=3, tags=frozenset({"dns"}))
    assert choose([tagged], [anna(1), knows, other]) == [(1, 2)]
    assert choose([plain], [anna(1, load=1), knows]) == [(2, 1)], "where there is no tag, as before"
    assert choose([tagged], [anna(1, load=1), other]) == [(1, 1)], "another tag is no better than none"
    assert choose([plain, tagged], [knows]) == [(2, 2)], "the older one, though another is what they know about"
    assert choose([tagged], [anna(1)]) == [(1, 1)], "nothing is kept from anybody"


def test_what_somebody_has_declined_holds_nothing_up_for_them() -> None:
    line = [case(1, declined=frozenset({1})), case(2)]
    assert choose(line, [anna(1)]) == [(2, 1)]
    assert choose(line, [anna(1), anna(2)]) == [(1, 2), (2, 1)]


def test_the_line_is_that_of_who_takes_the_next_one() -> None:
    first = [case(n, urgent=True) for n in range(1, 8)]
    late = case(9, deadline=NOW - HOUR)
    calm = case(9, deadline=NOW + HOUR)
    assert [each.id for each in in_order([*first, late], NOW, run=0)] == [1, 2, 3, 4, 9, 5, 6, 7]
    assert [each.id for each in in_order([*first, calm], NOW, run=0)] == [1, 2, 3, 4, 5, 6, 7, 9]
    assert [each.id for each in in_order([*first, late], NOW, run=4)] == [9, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("asked", "anybody", "waited", "up"),
    [(0, True, 900, False), (1, True, 900, False), (UP_AFTER, True, 0, True), (0, False, 59, False),
     (0, False, 60, True), (1, False, 60, True)],
)  # fmt: skip
def test_a_supervisor_hears_when_two_were_asked_in_vain_or_nobody_is_there(
    asked: int, anybody: bool, waited: float, up: bool
) -> None:
    assert goes_up(case(1), asked=asked, anybody=anybody, waited=waited, within=60) is up
    assert not goes_up(case(1, on_offer=True), asked=asked, anybody=anybody, waited=waited, within=60)


@dataclass
class Colleague:
    present: bool = True
    away: bool = False
    may: bool = True
    capacity: int = 2
    held: set[int] = field(default_factory=set)
    tiers: frozenset[str] = frozenset()


class Desk(RuleBasedStateMachine):
    """A desk that gives out work, with everything that may happen to it. Cases are numbered as they come."""

    def __init__(self) -> None:
        super().__init__()
        self.people: dict[int, Colleague] = {}
        self.line: dict[int, Waiting] = {}
        self.offers: dict[int, int] = {}
        self.last = 0
        self.clock = 0.0
        self.asked_at: dict[int, float] = {}

    @rule(capacity=st.integers(0, 3), may=st.booleans(), tiers=st.frozensets(st.sampled_from(TIERS)))
    def somebody_comes(self, capacity: int, may: bool, tiers: frozenset[str]) -> None:
        self.people[len(self.people) + 1] = Colleague(capacity=capacity, may=may, tiers=tiers)

    @rule(urgent=st.booleans(), tier=st.sampled_from(TIERS))
    def a_customer_writes(self, urgent: bool, tier: str) -> None:
        self.last += 1
        self.line[self.last] = case(self.last, urgent=urgent, tier=tier, deadline=NOW + self.last * HOUR)

    @precondition(lambda self: self.people)
    @rule(data=st.data(), what=st.sampled_from(["present", "away", "may"]))
    def somebody_goes_or_is_back(self, data: st.DataObject, what: str) -> None:
        one = data.draw(st.sampled_from(sorted(self.people)))
        setattr(self.people[one], what, not getattr(self.people[one], what))
        if not self._eligible(one):
            self.offers = {number: who for number, who in self.offers.items() if who != one}

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), how=st.sampled_from(["take", "pass", "in vain"]))
    def an_offer_ends(self, data: st.DataObject, how: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.offers)))
        who = self.offers.pop(number)
        if how == "take":
            self.people[who].held.add(number)
            del self.line[number]
        else:
            known = self.line[number]
            self.line[number] = replace(known, declined=known.declined | {who})

    @precondition(lambda self: self.line and self.people)
    @rule(data=st.data())
    def somebody_takes_one_unasked(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.line)))
        self.people[data.draw(st.sampled_from(sorted(self.people)))].held.add(number)
        del self.line[number]
        self.offers.pop(number, None)

    @precondition(lambda self: any(one.held for one in self.people.values()))
    @rule(data=st.data())
    def a_case_is_resolved(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from([id_ for id_, one in self.people.items() if one.held]))
        self.people[who].held.pop()

    def _eligible(self, id_: int) -> bool:
        one = self.people[id_]
        return one.present and one.may and not one.away

    @rule(run=st.integers(0, 5))
    def a_round(self, run: int) -> None:
        self.clock += 1
        people = [
            Person(id=id_, load=len(one.held), capacity=one.capacity, asked=id_ in self.offers.values(),
                   tiers=one.tiers, offered_at=self.asked_at.get(id_, 0.0))
            for id_, one in self.people.items() if self._eligible(id_)
        ]  # fmt: skip
        waiting = [replace(each, on_offer=each.id in self.offers) for _, each in sorted(self.line.items())]
        chosen = choose(list(in_order(waiting, NOW, run=run)), people)
        self._is_right(chosen, people)
        for number, who in chosen:
            self.offers[number] = who
            self.asked_at[who] = self.clock

    def _is_right(self, chosen: list[tuple[int, int]], people: list[Person]) -> None:
        asked = {who for _, who in chosen}
        assert len(asked) == len(chosen), "one case at a time"
        assert len({number for number, _ in chosen}) == len(chosen)
        for number, who in chosen:
            one = self.people[who]
            assert self._eligible(who)
            assert len(one.held) < one.capacity
            assert who not in self.offers.values()
            assert number not in self.offers
            assert who not in self.line[number].declined
            for older in self.line.values():
                if older.id < number and older.urgent == self.line[number].urgent:
                    spoken_for = older.id in self.offers or older.id in dict(chosen)
                    assert spoken_for or who in older.declined, "an older one of its class was passed over"
        for person in people:
            if person.free and person.id not in asked:
                for left in self.line.values():
                    spoken_for = left.id in self.offers or left.id in dict(chosen)
                    assert spoken_for or person.id in left.declined, "nobody starves while somebody is free"

    @invariant()
    def a_case_is_offered_to_one_and_to_nobody_who_is_gone(self) -> None:
        assert len(set(self.offers.values())) == len(self.offers)
        assert all(self._eligible(who) for who in self.offers.values())


TestDesk = Desk.TestCase
TestDesk.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
