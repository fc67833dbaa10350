"""What people do with cases: one winner, nobody's words lost, nothing done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from handoff.errors import HeldByOther, NoSuchCase, NotHeld, Stale, WrongState
from handoff.work import KeyReused, Once
from store import journey, labels, line
from store.agents import Agent
from store.database import Database
from store.errors import LineMoved
from store.tables import case, case_event, conversation, due, idempotency, label, message
from store.words import case_id
from tests.people import Office
from tests.rows import MINUTE, NOW, case_of, incoming, keep, open_case, put_out, row_of, write_in

HOUR = timedelta(hours=1)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


async def read(office: Office, number: str) -> dict[str, Any]:
    id_ = case_id(number)
    assert id_ is not None
    return await case_of(office.database, id_)


async def said(office: Office, **columns: Any) -> list[dict[str, Any]]:
    async with office.database.read() as connection:
        query = select(message).order_by(message.c.id)
        for name, value in columns.items():
            query = query.where(message.c[name] == value)
        return [dict(row) for row in (await connection.execute(query)).mappings()]


async def how_many(office: Office, table: Any) -> int:
    async with office.database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def owner(office: Office, id_: int = 1) -> tuple[str, int]:
    row = await row_of(office.database, conversation, id_)
    return row["owner"], row["epoch"]


# --- one winner ------------------------------------------------------------------------------------


async def test_of_twenty_that_claim_at_once_one_has_it_and_the_others_hear_who(office: Office) -> None:
    number = await office.customer()
    people = [await office.agent(f"A{n}") for n in range(20)]
    results = await asyncio.gather(*(office.desk.claim(agent, number) for agent in people), return_exceptions=True)
    won = [n for n, result in enumerate(results) if isinstance(result, dict)]
    assert len(won) == 1
    winner = people[won[0]]
    assert results[won[0]] == {"number": number, "status": "open", "assignee": winner.name}
    for result in results[: won[0]] + results[won[0] + 1 :]:
        assert isinstance(result, HeldByOther)
        assert result.holder == winner.name
        assert winner.name in str(result)
    row = await read(office, number)
    assert (row["assignee_id"], row["status"], row["claimed_at"]) == (winner.id, "open", NOW)
    assert len(await said(office, kind="notice")) == 1
    assert await owner(office) == ("human", 2)
    assert office.published == [(1, 1)]


async def test_many_that_take_the_next_at_once_each_take_another_case(office: Office) -> None:
    for n in range(10):
        await office.customer(by=f"c{n}", tier="billing" if n % 2 else "problem")
    people = [await office.agent(f"A{n}") for n in range(10)]
    taken = await asyncio.gather(*(office.desk.take_next(agent) for agent in people))
    numbers = {answer["number"] for answer in taken if answer is not None}
    left = [await office.desk.take_next(people[0]) for _ in range(10 - len(numbers) + 1)]
    numbers |= {answer["number"] for answer in left if answer is not None}
    assert len(numbers) == 10
    assert left[-1] is None


async def test_claims_and_takes_at_once_do_not_block_each_other(office: Office) -> None:
    numbers = [await office.customer(by=f"c{n}") for n in range(8)]
    lea, tom = await office.agent("Lea"), await office.agent("Tom")

    async def claim_all() -> list[Any]:
        return [await _tried(office.desk.claim(lea, number)) for number in numbers]

    async def take_all() -> list[Any]:
        return [await _tried(office.desk.take_next(tom)) for _ in numbers]

    claimed, taken = await asyncio.wait_for(asyncio.gather(claim_all(), take_all()), 30)
    assert all(isinstance(result, (dict, HeldByOther)) for result in claimed)
    assert all(result is None or isinstance(result, dict) for result in taken)
    mine = {result["number"] for result in claimed if isinstance(result, dict)}
    theirs = {result["number"] for result in taken if result is not None}
    assert mine | theirs == set(numbers)
    assert not mine & theirs


async def _tried(act: Awaitable[Any]) -> Any:
    try:
        return await act
    except HeldByOther as refused:
        return refused


async def test_claiming_what_one_holds_changes_nothing(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    first = await office.desk.claim(lea, number)
    assert await office.desk.claim(lea, number) == first
    assert await owner(office) == ("human", 2)
    assert len(await said(office, kind="notice")) == 1


# --- refusals --------------------------------------------------------------------------------------

Act = Callable[[Office, Agent, str], Awaitable[Any]]
HOLDERS_ACTS: dict[str, Act] = {
    "reply": lambda o, a, n: o.desk.reply(a, n, "hi"),
    "release": lambda o, a, n: o.desk.release(a, n),
    "return": lambda o, a, n: o.desk.return_to_bot(a, n),
    "snooze": lambda o, a, n: o.desk.snooze(a, n, o.now + MINUTE),
}
EVERY_ACT: dict[str, Act] = {
    **HOLDERS_ACTS,
    "claim": lambda o, a, n: o.desk.claim(a, n),
    "resolve": lambda o, a, n: o.desk.resolve(a, n, outcome="solved"),
    "reopen": lambda o, a, n: o.desk.reopen(a, n),
    "note": lambda o, a, n: o.desk.note(a, n, "psst"),
    "correct": lambda o, a, n: o.desk.correct(a, n, tier="billing"),
    "assign": lambda o, a, n: o.desk.assign(a, n, a, held_by=None),
}


async def everything(office: Office) -> list[Any]:
    async with office.database.read() as connection:
        return [(await connection.execute(select(table))).all() for table in (case, conversation, message, due)]


async def test_what_nobody_holds_must_be_claimed_first(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    before = await everything(office)
    for act in HOLDERS_ACTS.values():
        with pytest.raises(NotHeld, match=rf"{number}.*Claim it first"):
            await act(office, lea, number)
    assert await everything(office) == before


async def test_what_another_holds_is_refused_by_name_and_left_alone(office: Office) -> None:
    number, lea, tom = await office.customer(), await office.agent(), await office.agent("Tom")
    await office.desk.claim(lea, number)
    before = await everything(office)
    for act in (*HOLDERS_ACTS, "claim", "resolve", "assign"):
        with pytest.raises(HeldByOther, match="Lea") as refused:
            await EVERY_ACT[act](office, tom, number)
        assert refused.value.holder == "Lea"
    assert await everything(office) == before


async def test_a_case_that_is_not_there_is_named(office: Office) -> None:
    lea = await office.agent()
    for act in EVERY_ACT.values():
        for number in ("W-9999", "rubbish", "''"):
            with pytest.raises(NoSuchCase, match=number):
                await act(office, lea, number.strip("'"))


async def test_a_resolved_case_must_be_reopened_first(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.resolve(lea, number, outcome="solved")
    before = await everything(office)
    for act in set(EVERY_ACT) - {"reopen", "note", "correct"}:
        with pytest.raises(WrongState, match=rf"{number} is resolved"):
            await EVERY_ACT[act](office, lea, number)
    assert await everything(office) == before


async def test_what_is_not_resolved_cannot_be_reopened(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    with pytest.raises(WrongState, match="is not resolved"):
        await office.desk.reopen(lea, number)


async def test_a_case_that_was_followed_by_another_is_not_reopened(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.return_to_bot(lea, number)
    newer = await office.customer("again")
    assert newer != number
    with pytest.raises(WrongState, match=newer):
        await office.desk.reopen(lea, number)


async def test_an_outcome_that_nobody_knows_is_refused_with_those_that_are(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    for quiet in (False, True):
        with pytest.raises(WrongState, match=r"'magic' is no outcome.*solved.*spam"):
            await office.desk.resolve(lea, number, outcome="magic", quiet=quiet)


async def test_a_colleague_cannot_be_passed_over_who_has_just_claimed(office: Office) -> None:
    number = await office.customer()
    lea, tom, mia = [await office.agent(name) for name in ("Lea", "Tom", "Mia")]
    await office.desk.claim(lea, number)
    with pytest.raises(HeldByOther) as refused:
        await office.desk.assign(mia, number, tom, held_by=None)
    assert refused.value.holder == "Lea"
    assert (await office.desk.assign(mia, number, tom, held_by=lea.id))["assignee"] == "Tom"


# --- replies and notes -----------------------------------------------------------------------------


async def test_a_reply_answers_keeps_the_promise_and_waits_for_the_customer(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    answer = await office.desk.reply(lea, number, "Done.")
    assert answer == {"number": number, "status": "pending", "assignee": "Lea", "seq": 4}
    (row,) = await said(office, kind="text", direction="out")
    assert (row["author"], row["author_name"], row["status"], row["epoch"], row["condition"]) == (
        "agent", "Lea", "queued", None, None,
    )  # fmt: skip
    found = await read(office, number)
    assert (found["deadline"], found["unanswered_since"], found["first_answer_at"], found["answered_in_time"]) == (
        None, None, NOW, True,
    )  # fmt: skip
    assert (await row_of(office.database, conversation, 1))["next_seq"] == 5


async def test_where_customers_read_our_table_a_reply_is_there_at_once(office: Office) -> None:
    office.pull = True
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.reply(lea, number, "Done.")
    assert [(row["status"], row["sent_at"]) for row in await said(office, author="agent")] == [("sent", NOW)]


async def test_only_the_first_answer_counts_and_whether_it_was_in_time(office: Office) -> None:
    number, lea = await office.customer(tier="billing"), await office.agent()
    await office.desk.claim(lea, number)
    await office.pass_time(16 * MINUTE)
    await office.desk.reply(lea, number, "Late.")
    late_at = office.now
    await office.customer("and?")
    assert (await read(office, number))["breached_at"] is None  # the clock runs anew
    await office.desk.reply(lea, number, "Quick.")
    row = await read(office, number)
    assert (row["first_answer_at"], row["answered_in_time"]) == (late_at, False)


async def test_a_reply_that_has_not_seen_the_newest_is_refused_and_shown_it(office: Office) -> None:
    number, lea = await office.customer("one"), await office.agent()
    await office.desk.claim(lea, number)
    await office.customer("two")
    await office.customer("three")
    with pytest.raises(Stale, match=r"2 message\(s\)") as refused:
        await office.desk.reply(lea, number, "too soon", after_seq=3)
    assert [(row["seq"], row["text"], row["from"]) for row in refused.value.since] == [
        (4, "two", "customer"),
        (5, "three", "customer"),
    ]
    assert await said(office, author="agent") == []
    assert (await office.desk.reply(lea, number, "now", after_seq=5))["seq"] == 6


async def test_two_replies_at_once_that_have_seen_the_same_do_not_both_leave(office: Office) -> None:
    number, lea = await office.customer("one"), await office.agent()
    await office.desk.claim(lea, number)
    results = await asyncio.gather(
        *(office.desk.reply(lea, number, text, after_seq=3) for text in ("a", "b")), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Stale", "dict"]
    assert len(await said(office, author="agent")) == 1


@pytest.mark.parametrize("pull", [False, True])
async def test_a_note_has_no_way_out(office: Office, pull: bool) -> None:
    office.pull = pull
    number, lea, tom = await office.customer(), await office.agent(), await office.agent("Tom")
    await office.desk.claim(lea, number)
    await office.desk.note(tom, number, "careful with this one")
    await office.desk.resolve(lea, number, outcome="solved")
    await office.desk.note(tom, number, "after all")
    notes = await said(office, direction="note")
    assert [(row["body"], row["status"], row["sent_at"], row["kind"]) for row in notes] == [
        ("careful with this one", None, None, "note"),
        ("after all", None, None, "note"),
    ]


# --- requests made twice ---------------------------------------------------------------------------


def once(key: str = "k", **request: Any) -> Once:
    return Once(key=key, request=request)


async def test_the_same_request_again_gives_the_same_answer_and_does_nothing(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    first = await office.desk.reply(lea, number, "Done.", once=once(text="Done."))
    before, told = await everything(office), list(office.published)
    assert await office.desk.reply(lea, number, "Done.", once=once(text="Done.")) == first
    assert (await everything(office), office.published) == (before, told)


async def test_a_key_for_another_request_is_refused(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.reply(lea, number, "Done.", once=once(text="Done."))
    with pytest.raises(KeyReused, match="'k'"):
        await office.desk.reply(lea, number, "Other.", once=once(text="Other."))
    assert [row["body"] for row in await said(office, author="agent")] == ["Done."]


async def test_keys_are_each_agents_own(office: Office) -> None:
    number, lea, tom = await office.customer(), await office.agent(), await office.agent("Tom")
    for agent in (lea, tom):
        await office.desk.note(agent, number, agent.name, once=once(text=agent.name))
    assert len(await said(office, direction="note")) == 2


async def test_identical_requests_that_race_are_done_once_and_answered_alike(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    answers = await asyncio.gather(
        *(office.desk.reply(lea, number, "Done.", once=once(text="Done.")) for _ in range(10))
    )
    assert all(answer == answers[0] for answer in answers)
    assert len(await said(office, author="agent")) == 1
    assert await how_many(office, idempotency) == 1


async def test_identical_takes_that_race_take_one_case(office: Office) -> None:
    for n in range(5):
        await office.customer(by=f"c{n}")
    lea = await office.agent()
    answers = await asyncio.gather(*(office.desk.take_next(lea, once()) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0] is not None


async def test_a_refused_request_does_not_use_its_key_up(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    with pytest.raises(NotHeld):
        await office.desk.reply(lea, number, "Done.", once=once())
    await office.desk.claim(lea, number)
    assert (await office.desk.reply(lea, number, "Done.", once=once()))["status"] == "pending"


async def test_asking_for_the_next_when_nobody_waits_does_not_use_the_key_up(office: Office) -> None:
    lea = await office.agent()
    assert await office.desk.take_next(lea, once()) is None
    assert await office.desk.take_next(lea, once()) is None
    number = await office.customer()
    assert (await office.desk.take_next(lea, once()) or {})["number"] == number


# --- how it goes on --------------------------------------------------------------------------------


async def test_who_claims_is_introduced_once(office: Office) -> None:
    number, lea, tom = await office.customer(), await office.agent(), await office.agent("Tom")
    await office.desk.claim(lea, number)
    await office.desk.release(lea, number)
    await office.desk.claim(tom, number)
    await office.desk.assign(tom, number, lea, held_by=tom.id)
    notices = await said(office, kind="notice")
    assert [row["body"].split()[0] for row in notices] == ["Lea", "Tom"]
    assert {(row["author"], row["condition"], row["epoch"]) for row in notices} == {("system", "case_held", None)}


async def test_taking_a_case_stops_what_the_machine_has_not_begun_to_send(office: Office) -> None:
    number = await office.filed()
    row = await put_out(office.database, 1, author="bot", epoch=0)
    await office.desk.claim(await office.agent(), number)
    assert (await row_of(office.database, message, row))["status"] == "cancelled"
    assert await owner(office) == ("human", 1)


@pytest.mark.parametrize("how", ["release", "assign to nobody"])
async def test_what_goes_back_to_the_queue_has_a_deadline(office: Office, how: str) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.reply(lea, number, "Done.")
    if how == "release":
        await office.desk.release(lea, number)
    else:
        await office.desk.assign(lea, number, None, held_by=lea.id)
    row = await read(office, number)
    assert (row["status"], row["assignee_id"], row["deadline"], row["sort_at"]) == (
        "waiting", None, NOW + 4 * HOUR, NOW + 4 * HOUR,
    )  # fmt: skip


async def test_a_release_keeps_the_deadline_that_the_customer_was_given(office: Office) -> None:
    number, lea = await office.customer(tier="billing"), await office.agent()
    await office.desk.claim(lea, number)
    office.now += 5 * MINUTE
    await office.desk.release(lea, number)
    row = await read(office, number)
    assert (row["deadline"], row["unanswered_since"]) == (NOW + 15 * MINUTE, NOW)
    assert await owner(office) == ("human", 2)  # the machine stays silent


async def test_an_assignment_says_the_status_that_it_leaves(office: Office) -> None:
    number, lea, tom = await office.customer(), await office.agent(), await office.agent("Tom")
    await office.desk.claim(lea, number)
    await office.desk.reply(lea, number, "Done.")
    answer = await office.desk.assign(lea, number, tom, held_by=lea.id)
    assert answer == {"number": number, "status": "pending", "assignee": "Tom"}
    assert (await read(office, number))["status"] == "pending"
    own, given = [row["body"] for row in await said(office, kind="notice")]
    assert ("I have read" in own, "I have read" in given) == (True, False)  # Tom has only been given it


async def test_resolving_tells_and_asks_and_gives_back_to_the_machine(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.resolve(lea, number, outcome="workaround")
    *_, told, asked = await said(office, author="system")
    assert "there is a way around it" in told["body"]
    assert (asked["kind"], [button["id"] for button in asked["buttons"]]) == (
        "survey", ["survey:good", "survey:fair", "survey:poor"],
    )  # fmt: skip
    assert {told["condition"], asked["condition"]} == {"case_resolved"}
    row = await read(office, number)
    assert (row["status"], row["outcome"], row["resolved_at"], row["deadline"]) == ("resolved", "workaround", NOW, None)
    found = await row_of(office.database, conversation, 1)
    assert (found["owner"], found["epoch"], found["returned_seq"]) == ("bot", 3, found["next_seq"] - 1)


@pytest.mark.parametrize(("outcome", "quiet"), [("spam", False), ("solved", True)])
async def test_spam_and_quiet_closing_say_nothing(office: Office, outcome: str, quiet: bool) -> None:
    number, lea = await office.customer(), await office.agent()
    before = len(await said(office))
    await office.desk.resolve(lea, number, outcome=outcome, quiet=quiet)
    assert len(await said(office)) == before
    assert (await read(office, number))["assignee_id"] == lea.id


@pytest.mark.parametrize("how", ["return", "resolve"])
async def test_what_nobody_has_read_is_not_closed_with_the_case(office: Office, how: str) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    late = await write_in(office.database, "just before")
    if how == "return":
        await office.desk.return_to_bot(lea, number)
    else:
        await office.desk.resolve(lea, number, outcome="solved")
    assert (await row_of(office.database, message, late.message))["end"] is None
    assert (await row_of(office.database, conversation, 1))["returned_seq"] == late.seq - 1


async def test_a_return_with_a_question_open_is_told(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.return_to_bot(lea, number)
    (told,) = [row for row in await said(office, kind="notice") if "handed it back" in row["body"]]
    assert [button["id"] for button in told["buttons"]] == ["person"]


async def test_reopening_puts_it_in_the_hands_of_who_reopens_with_a_deadline(office: Office) -> None:
    number, lea, tom = await office.customer(), await office.agent(), await office.agent("Tom")
    await office.desk.claim(lea, number)
    await office.desk.resolve(lea, number, outcome="solved")
    await office.desk.reopen(tom, number)
    row = await read(office, number)
    assert (row["status"], row["assignee_id"], row["deadline"], row["reopened"], row["outcome"]) == (
        "open", tom.id, NOW + 15 * MINUTE, 1, None,
    )  # fmt: skip
    assert await owner(office) == ("human", 4)


async def test_a_customer_who_writes_again_comes_back_more_urgent(office: Office) -> None:
    number, lea = await office.customer(tier="problem"), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.resolve(lea, number, outcome="solved")
    assert await office.customer("no, still broken") == number
    row = await read(office, number)
    assert (row["status"], row["urgent"], row["sla"], row["deadline"], row["reopened"], row["assignee_id"]) == (
        "waiting", True, "person", NOW + 15 * MINUTE, 1, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("until", "told"), [(-MINUTE, "has passed"), (timedelta(), "has passed"), (5 * HOUR, "waits for an answer by")]
)
async def test_a_sleep_that_cannot_be_is_refused(office: Office, until: timedelta, told: str) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    with pytest.raises(WrongState, match=told):
        await office.desk.snooze(lea, number, NOW + until)


async def test_times_are_told_to_the_minute(office: Office) -> None:
    office.now = NOW + timedelta(seconds=30, microseconds=123456)
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    with pytest.raises(WrongState, match=r"^2025-03-03 12:00 UTC has passed\. Choose"):
        await office.desk.snooze(lea, number, office.now - timedelta(seconds=1))
    with pytest.raises(WrongState, match=r"waits for an answer by 16:00 UTC\. Reply first"):
        await office.desk.snooze(lea, number, office.now + 5 * HOUR)


async def test_a_sleeper_wakes_when_its_time_comes_to_who_has_it(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.snooze(lea, number, NOW + HOUR)
    await office.pass_time(HOUR - MINUTE)
    assert (await read(office, number))["status"] == "snoozed"
    await office.pass_time(MINUTE)
    row = await read(office, number)
    assert (row["status"], row["assignee_id"], row["snoozed_until"], row["deadline"]) == (
        "open", lea.id, None, NOW + 4 * HOUR,
    )  # fmt: skip


async def test_an_answered_sleeper_wakes_with_a_new_deadline(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.reply(lea, number, "Try this until tomorrow.")
    await office.desk.snooze(lea, number, NOW + 24 * HOUR)
    await office.pass_time(24 * HOUR)
    row = await read(office, number)
    assert row["status"] == "open"
    assert row["deadline"] > office.now


async def test_the_customer_wakes_a_sleeper_and_its_old_alarm_wakes_no_later_sleep(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.snooze(lea, number, NOW + HOUR)
    await office.customer("hello?")
    assert (await read(office, number))["status"] == "open"
    await office.desk.reply(lea, number, "Tomorrow.")
    await office.desk.snooze(lea, number, NOW + 24 * HOUR)
    await office.pass_time(2 * HOUR)
    assert (await read(office, number))["status"] == "snoozed"


async def test_a_correction_moves_the_case_to_its_class_and_teaches(office: Office) -> None:
    number, lea = await office.customer("it is DOWN", tier="problem"), await office.agent()
    await office.desk.correct(lea, number, tier="outage", intent="outage.all")
    row = await read(office, number)
    assert (row["tier"], row["sla"], row["urgent"], row["deadline"]) == ("outage", "outage", True, NOW + 5 * MINUTE)
    async with office.database.read() as connection:
        (taught,) = (await connection.execute(select(label))).mappings().all()
    assert (taught["message_id"], taught["tier"], taught["intent"], taught["source"]) == (
        1, "outage", "outage.all", "correction",
    )  # fmt: skip


async def test_a_filed_case_that_is_corrected_takes_the_conversation_from_the_machine(office: Office) -> None:
    number, lea = await office.filed(), await office.agent()
    row = await put_out(office.database, 1, author="bot", epoch=0)
    await office.desk.correct(lea, number, tier="feedback")
    assert await owner(office) == ("bot", 0)
    await office.desk.correct(lea, number, tier="outage")
    assert await owner(office) == ("human", 1)
    assert (await row_of(office.database, message, row))["status"] == "cancelled"


async def test_correcting_twice_to_the_same_breaches_once(office: Office) -> None:
    number, lea = await office.customer(tier="billing"), await office.agent()
    await office.desk.correct(lea, number, tier="outage")
    await office.desk.correct(lea, number, tier="outage")
    await office.pass_time(HOUR)
    async with office.database.read() as connection:
        kinds = [row[0] for row in await connection.execute(select(case_event.c.kind).order_by(case_event.c.id))]
    assert kinds.count("breached") == 1
    assert (await read(office, number))["breached_at"] == office.now


# --- stepping in -----------------------------------------------------------------------------------


async def test_stepping_into_a_conversation_of_the_machine_opens_a_case_and_stops_it(office: Office) -> None:
    kept, lea = await write_in(office.database, "how do I?"), await office.agent()
    row = await put_out(office.database, kept.conversation, author="bot", epoch=0)
    answer = await office.desk.take_over(lea, kept.conversation)
    assert (answer["status"], answer["assignee"]) == ("open", "Lea")
    assert (await row_of(office.database, message, row))["status"] == "cancelled"
    assert (await row_of(office.database, message, kept.message))["end"] == "handed_off"
    found = await read(office, answer["number"])
    assert (found["tier"], found["deadline"], found["opened_seq"]) == ("person", NOW + 15 * MINUTE, 1)
    assert await owner(office) == ("human", 1)


async def test_of_many_that_step_in_at_once_one_does(office: Office) -> None:
    kept = await write_in(office.database)
    people = [await office.agent(f"A{n}") for n in range(8)]
    results = await asyncio.gather(
        *(office.desk.take_over(agent, kept.conversation) for agent in people), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["HeldByOther"] * 7 + ["dict"]
    assert await how_many(office, case) == 1


async def test_stepping_in_links_the_case_before(office: Office) -> None:
    number, lea = await office.customer(), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.return_to_bot(lea, number)
    answer = await office.desk.take_over(lea, 1)
    assert (await read(office, answer["number"]))["previous_id"] == case_id(number)


async def test_stepping_into_nothing_is_refused(office: Office) -> None:
    lea = await office.agent()
    with pytest.raises(NoSuchCase, match="99"):
        await office.desk.take_over(lea, 99)
    kept = await keep(office.database, incoming())
    async with office.database.write("test") as connection:
        await connection.execute(message.delete())
    with pytest.raises(NoSuchCase, match="Nobody has written"):
        await office.desk.take_over(lea, kept[0].conversation)


# --- the order of the queue ------------------------------------------------------------------------


async def test_four_of_the_first_class_then_a_late_one_of_the_second(office: Office) -> None:
    lea = await office.agent()
    late = await office.customer(by="late", tier="unknown")
    office.now += 2 * HOUR
    for n in range(6):
        await office.customer(by=f"urgent{n}", tier="billing")
    taken = [(await office.desk.take_next(lea) or {})["number"] for _ in range(7)]
    assert taken.index(late) == 4


async def test_two_that_press_next_while_the_first_is_held_get_the_first_two(office: Office) -> None:
    numbers = [await office.customer(by=f"c{n}", tier="outage", ago=MINUTE * (3 - n)) for n in range(4)]
    people = [await office.agent(name) for name in ("Lea", "Tom")]
    async with office.database.write("test") as connection:
        await journey.lock(connection, [1])
        pressed = [asyncio.create_task(office.desk.take_next(agent)) for agent in people]
        await asyncio.sleep(0.2)
    taken = [(await press or {})["number"] for press in pressed]
    assert sorted(taken) == numbers[:2]
    assert [(await office.desk.take_next(people[0]) or {})["number"] for _ in range(2)] == numbers[2:]


async def test_an_agent_is_told_when_others_take_each_one_first(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def moved(*_: Any, **__: Any) -> None:
        raise LineMoved("Take the next one again.")

    monkeypatch.setattr(line, "heads", moved)
    with pytest.raises(WrongState, match="again"):
        await office.desk.take_next(await office.agent())


async def test_the_second_class_waits_while_it_is_not_late(office: Office) -> None:
    lea = await office.agent()
    calm = await office.customer(by="calm", tier="problem")
    for n in range(6):
        await office.customer(by=f"urgent{n}", tier="outage")
    taken = [(await office.desk.take_next(lea) or {})["number"] for _ in range(7)]
    assert taken.index(calm) == 6


async def test_a_place_may_be_named_only_with_people_or_a_measure(office: Office) -> None:
    assert (await office.desk.footing(0)).basis("billing") is None
    assert (await office.desk.footing(1)).basis("billing") == "agents on duty"
    number, lea = await office.customer(tier="billing"), await office.agent()
    await office.desk.claim(lea, number)
    await office.desk.reply(lea, number, "Done.")
    kept = {"sla": "billing", "status": "resolved", "first_answer_at": NOW, "answered_in_time": True}
    for n in range(19):
        assert (await office.desk.footing(0)).basis("billing") is None, n
        await open_case(office.database, 1, **kept)
    assert (await office.desk.footing(0)).basis("billing") == "measured"
    assert (await office.desk.footing(0)).basis("outage") is None


# --- corrections beside the tier -------------------------------------------------------------------


async def test_safety_is_served_like_an_outage_whatever_the_tier_and_can_be_taken_back(office: Office) -> None:
    number, lea = await office.customer(tier="problem"), await office.agent()
    before = await read(office, number)
    await office.desk.correct(lea, number, security=True)
    row = await read(office, number)
    assert (row["tier"], row["sla"], row["urgent"], row["flags"]) == ("problem", "outage", True, {"security": True})
    assert row["deadline"] == NOW + 5 * MINUTE
    await office.desk.correct(lea, number, tier="billing")
    assert (await read(office, number))["sla"] == "outage", "it is about safety still"
    await office.desk.correct(lea, number, tier="problem", security=False)
    row = await read(office, number)
    assert (row["sla"], row["urgent"], row["flags"], row["deadline"]) == (
        "problem", False, {}, before["deadline"],
    )  # fmt: skip


async def test_a_language_is_corrected_and_moves_nothing(office: Office) -> None:
    number, lea = await office.customer(tier="billing"), await office.agent()
    before = await read(office, number)
    await office.desk.correct(lea, number, language="de")
    row = await read(office, number)
    assert row["flags"] == {"language": "de"}
    assert (row["deadline"], row["tier"]) == (before["deadline"], "billing")
    await office.desk.correct(lea, number, language="")
    assert (await read(office, number))["flags"] == {}
    async with office.database.read() as connection:
        assert (await connection.execute(select(label))).all() == [], "no example of a tier"


async def test_of_two_corrections_the_newer_is_the_example(office: Office) -> None:
    number, lea = await office.customer("it is DOWN", tier="problem"), await office.agent()
    await office.desk.correct(lea, number, tier="outage", intent="down")
    await office.desk.correct(lea, number, tier="billing", intent="twice")
    async with office.database.read() as connection:
        (one,), left_out, following = await labels.page(connection)
    assert (one.text, one.tier, one.intent, left_out, following) == ("it is DOWN", "billing", "twice", 0, None)
