"""What is said with a time in it: a row first, kept, or told before it breaks; by a clock that may have stood still."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.clock import TRIES
from handoff import promises
from handoff.deadlines import Targets
from handoff.opening import Footing
from handoff.promises import Moment
from store.changes import Changes
from store.database import Database
from store.journey import CaseBrief
from store.tables import case_event, due, message, promise
from tests.people import Notes, Office, rules
from tests.rows import MINUTE, NOW, case_of

HOUR = timedelta(hours=1)
ON_DUTY = Footing(on_duty=1)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, footing=ON_DUTY)


async def every(office: Office, table: Any) -> list[dict[str, Any]]:
    async with office.database.read() as connection:
        return [dict(row) for row in (await connection.execute(select(table).order_by(table.c.id))).mappings()]


async def states(office: Office) -> list[str]:
    return [row["state"] for row in await every(office, promise)]


async def heard(office: Office) -> list[str]:
    """What the customer was told, oldest first."""
    return [row["body"] for row in await every(office, message) if row["author"] == "system"]


async def happened(office: Office, kind: str) -> int:
    return sum(row["kind"] == kind for row in await every(office, case_event))


# --- the row behind the sentence -------------------------------------------------------------------


@pytest.mark.parametrize("footing", [Footing(), ON_DUTY, Footing(measured=frozenset({"billing"}))])
async def test_a_time_is_said_exactly_where_a_promise_stands_behind_it(office: Office, footing: Footing) -> None:
    office.footing = footing
    tiers = ("outage", "billing", "person", "problem", "unknown")
    for tier in tiers:
        await office.customer(by=tier, tier=tier)
    rows = {row["case_id"]: row for row in await every(office, promise)}
    for id_, (tier, text) in enumerate(zip(tiers, await heard(office), strict=True), 1):
        may = footing.on_duty > 0 or tier in footing.measured
        assert (id_ in rows) is may
        assert ("UTC" in text) is may
        if may:
            assert office.rules.voice.time(rows[id_]["by"], NOW) in text
            assert rows[id_]["by"] == (await case_of(office.database, id_))["deadline"]
            assert rows[id_]["basis"] == ("agents on duty" if footing.on_duty else "measured")
            assert rows[id_]["state"] == "open"


async def test_a_time_that_has_passed_before_we_read_it_is_not_promised(office: Office) -> None:
    await office.customer(tier="outage", ago=6 * MINUTE)
    assert await states(office) == []
    assert "UTC" not in (await heard(office))[0]
    assert (await case_of(office.database, 1))["deadline"] == NOW - MINUTE
    await office.tick()
    assert await happened(office, "breached") == 1


# --- kept and broken -------------------------------------------------------------------------------


@pytest.mark.parametrize(("after", "state"), [(14 * MINUTE, "kept"), (15 * MINUTE, "kept"), (16 * MINUTE, "broken")])
async def test_an_answer_keeps_a_promise_only_in_its_time(office: Office, after: timedelta, state: str) -> None:
    number, lea = await office.customer(tier="billing"), await office.agent()
    await office.desk.claim(lea, number)
    office.now += after
    await office.desk.reply(lea, number, "Here.")
    assert await states(office) == [state]


@pytest.mark.parametrize(("after", "state"), [(MINUTE, "withdrawn"), (16 * MINUTE, "broken")])
async def test_closing_without_an_answer_withdraws_what_could_still_be_kept(
    office: Office, after: timedelta, state: str
) -> None:
    number, lea = await office.customer(tier="billing"), await office.agent()
    office.now += after
    await office.desk.resolve(lea, number, outcome="no_fault")
    assert await states(office) == [state]


# --- about to break --------------------------------------------------------------------------------


async def test_a_promise_about_to_break_is_told_before_it_does_and_once(office: Office) -> None:
    await office.agent("Mia", "supervisor")
    await office.customer(tier="billing")
    await office.pass_time(11 * MINUTE)
    assert len(await heard(office)) == 1
    office.footing = Footing()
    await office.pass_time(MINUTE)
    assert office.now < (await every(office, promise))[0]["by"]
    _, told = await heard(office)
    assert "We said 12:15 UTC and will not make it" in told
    assert "knows." not in told  # nobody is called here: there is no notifier
    assert await states(office) == ["replaced"]
    row = (await every(office, message))[-1]
    assert (row["kind"], row["condition"], row["status"]) == ("notice", "case_unanswered", "queued")
    assert (await case_of(office.database, 1))["flags"]["at_risk"] == 1
    await office.pass_time(10 * HOUR)
    assert len(await heard(office)) == 2
    assert await happened(office, "promise_at_risk") == 1


async def test_a_new_time_is_said_only_with_a_basis_and_has_its_own_row(office: Office) -> None:
    await office.customer(tier="billing")
    await office.pass_time(12 * MINUTE)
    old, new = await every(office, promise)
    assert (old["state"], new["state"], new["by"]) == ("replaced", "open", NOW + 27 * MINUTE)
    assert "New time: 12:27 UTC." in (await heard(office))[1]
    await office.pass_time(12 * MINUTE)  # and that one, too
    assert await states(office) == ["replaced", "replaced"]
    last = (await heard(office))[2]
    assert "We said 12:27 UTC" in last
    assert "New time" not in last  # who was let down once is not given another time
    await office.pass_time(10 * HOUR)
    assert len(await heard(office)) == 3


async def test_without_a_basis_no_new_time_is_said(office: Office) -> None:
    await office.customer(tier="billing")
    office.footing = Footing()
    await office.pass_time(12 * MINUTE)
    assert "New time" not in (await heard(office))[1]
    assert await states(office) == ["replaced"]


@pytest.mark.parametrize("seconds", [1, 5, 20, 30, 31, 60, 90])
async def test_a_short_promise_is_spoken_about_once_and_not_at_once(database: Database, seconds: int) -> None:
    span = timedelta(seconds=seconds)
    office = Office(database, rules=replace(rules(notify=True), targets=Targets(billing=span)), footing=ON_DUTY)
    await office.customer(tier="billing")
    await office.pass_time(span / 2 - timedelta(milliseconds=1))
    assert len(await heard(office)) == 1
    for _ in range(5 * seconds):
        await office.pass_time(timedelta(seconds=0.5))
    broken = [text for text in await heard(office) if "will not make it" in text]
    assert len(broken) == len(set(broken)) == len(await every(office, promise))
    assert not any("New time: 12:00 UTC" in text for text in broken)  # it reads like the one that is not kept
    assert await happened(office, "promise_at_risk") == len(broken)


async def test_a_new_time_of_the_second_class_lies_in_opening_hours(database: Database) -> None:
    office = Office(database, rules=rules("Mon-Fri 09:00-18:00"), footing=ON_DUTY)
    office.now = NOW + 2 * HOUR
    await office.customer(tier="problem")  # at 14:00, due at 18:00
    await office.pass_time(timedelta(hours=3, minutes=12))
    new = (await every(office, promise))[1]
    assert office.rules.hours.is_open(new["by"] - MINUTE)
    assert new["by"] == NOW + timedelta(days=1, hours=0, minutes=12)


@pytest.mark.parametrize("act", ["reply", "resolve", "return"])
async def test_what_was_settled_is_not_spoken_about(office: Office, act: str) -> None:
    number, lea = await office.customer(tier="billing"), await office.agent()
    await office.desk.claim(lea, number)
    match act:
        case "reply":
            await office.desk.reply(lea, number, "Here.")
        case "resolve":
            await office.desk.resolve(lea, number, outcome="solved")
        case _:
            await office.desk.return_to_bot(lea, number)
    before = await heard(office)
    await office.pass_time(HOUR)
    assert await heard(office) == before
    assert await happened(office, "promise_at_risk") == await happened(office, "breached") == 0


# --- deadlines that pass ---------------------------------------------------------------------------


async def test_a_deadline_that_passes_is_seen_once_and_told(database: Database) -> None:
    office = Office(database, rules=rules(notify=True))
    await office.customer(tier="problem")
    await office.pass_time(4 * HOUR - MINUTE)
    assert (await case_of(database, 1))["breached_at"] is None
    await office.pass_time(MINUTE)
    assert (await case_of(database, 1))["breached_at"] == NOW + 4 * HOUR
    await office.pass_time(HOUR)
    assert await happened(office, "breached") == 1
    assert [call.why for call in office.notes.calls] == ["breached"]


async def test_a_first_class_case_calls_until_somebody_takes_it(database: Database) -> None:
    office = Office(database, rules=rules(notify=True))
    number, lea = await office.customer(tier="outage"), await office.agent()
    await office.tick()
    for _ in range(4):
        await office.pass_time(MINUTE)
    calls = [call for call in office.notes.calls if call.why == "waiting"]
    assert [call.attempt for call in calls] == [1, 2, 3]
    assert calls[0].link == f"https://desk.example/cases/{number}"
    await office.desk.claim(lea, number)
    told = len(office.notes.calls)
    await office.pass_time(HOUR)
    assert [call.why for call in office.notes.calls[told:]] in ([], ["breached"])


# --- the clock -------------------------------------------------------------------------------------


async def test_after_a_night_without_us_everything_due_runs_once(database: Database) -> None:
    office = Office(database, footing=ON_DUTY, rules=rules(notify=True))
    for n in range(20):
        await office.customer(by=f"c{n}", tier="billing")
    office.footing = Footing()
    office.now += 12 * HOUR
    await office.tick()
    assert await happened(office, "breached") == 20
    assert await happened(office, "promise_at_risk") == 20
    assert await states(office) == ["broken"] * 20
    first = await heard(office)
    await office.tick()
    assert await heard(office) == first
    assert len(first) == 40


async def test_two_clocks_at_once_do_everything_once(office: Office) -> None:
    for n in range(6):
        await office.customer(by=f"c{n}", tier="billing")
    office.footing = Footing()
    office.now += HOUR
    await asyncio.gather(*(office.clock().tick() for _ in range(3)))
    await office.tick()
    assert await happened(office, "breached") == 6
    assert await happened(office, "promise_at_risk") == 6
    assert len(await heard(office)) == 12
    assert all(row["consumed_at"] is not None for row in await every(office, due))


async def test_a_clock_and_an_agent_at_once_leave_one_story(office: Office) -> None:
    numbers = [await office.customer(by=f"c{n}", tier="billing") for n in range(4)]
    lea = await office.agent()
    for number in numbers:
        await office.desk.claim(lea, number)
    office.now += 13 * MINUTE

    async def answer_all() -> None:
        for number in numbers:
            await office.desk.reply(lea, number, "Here.")

    await asyncio.wait_for(asyncio.gather(office.tick(), answer_all()), 30)
    await office.tick()
    open_ones = [row for row in await every(office, promise) if row["state"] == "open"]
    assert open_ones == []
    for n in range(1, 5):
        assert (await case_of(office.database, n))["status"] == "pending"


async def test_an_effect_that_fails_is_tried_again_and_at_last_laid_aside(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def broken(*_: object) -> Changes:
        nonlocal tries
        tries += 1
        raise RuntimeError("the effect is broken")

    monkeypatch.setitem(promises.EFFECTS, "breach", broken)
    await office.customer(tier="problem")
    await office.pass_time(4 * HOUR)
    for _ in range(TRIES + 3):
        await office.pass_time(timedelta(days=1))
    (row,) = [row for row in await every(office, due) if row["kind"] == "breach"]
    assert tries == TRIES
    assert (row["attempts"], row["error"], row["consumed_at"] is not None) == (TRIES, "the effect is broken", True)


async def test_an_effect_that_fails_half_way_leaves_nothing_of_itself(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = promises.EFFECTS["breach"]
    failed = []

    async def fails_once(connection: Any, row: Any, case: CaseBrief, at: Moment) -> Changes:
        changes = await real(connection, row, case, at)
        if not failed:
            failed.append(True)
            await changes.write(connection)
            raise RuntimeError
        return changes

    monkeypatch.setitem(promises.EFFECTS, "breach", fails_once)
    await office.customer(tier="problem")
    await office.pass_time(4 * HOUR)
    assert await happened(office, "breached") == 0
    await office.pass_time(MINUTE)
    assert await happened(office, "breached") == 1


async def test_a_call_that_fails_is_made_again(database: Database) -> None:
    class Flaky(Notes):
        failures = 2

        async def call(self, call: Any) -> None:
            if self.failures:
                self.failures -= 1
                raise ConnectionError("the webhook is away")
            await super().call(call)

    office = Office(database, rules=rules(notify=True), notes=Flaky())
    await office.customer(tier="outage")
    await office.tick()
    assert office.notes.calls == []
    await office.pass_time(timedelta(seconds=5))
    await office.pass_time(timedelta(seconds=20))
    assert [call.attempt for call in office.notes.calls] == [1]


async def test_a_due_row_of_a_kind_that_nobody_knows_ends_among_the_dead(office: Office) -> None:
    changes = Changes()
    changes.due("from_the_future", 1, NOW, now=NOW)
    async with office.database.write("test") as connection:
        await changes.write(connection)
    for _ in range(TRIES + 1):
        await office.pass_time(timedelta(days=1))
    (row,) = await every(office, due)
    assert row["consumed_at"] is not None
    assert "from_the_future" in row["error"]
