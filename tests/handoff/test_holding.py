"""A reply that can be taken back: it leaves once or not at all, and no word of it is lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handoff.errors import HandoffError, NoSuchCase, Stale, WrongState
from handoff.opening import Footing
from store import agents, cases, drafts, dues, holds
from store.agents import Agent
from store.database import Database
from store.tables import draft, due, hold, message
from store.words import case_id
from tests.databases import empty_database
from tests.people import Office
from tests.rows import SECOND, rows_where

TEN = 10 * SECOND
MINUTE = timedelta(minutes=1)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, pull=True)


async def claimed(office: Office, name: str = "Lea", **more: Any) -> tuple[Agent, str]:
    number, lea = await office.customer(**more), await office.agent(name)
    await office.desk.claim(lea, number)
    return lea, number


async def replies(office: Office) -> list[str]:
    found = await rows_where(office.database, message, message.c.author == "agent", message.c.direction == "out")
    return [row["body"] for row in found]


async def drafted(office: Office) -> list[tuple[str, str, str | None]]:
    found = await rows_where(office.database, draft)
    return [(row["mode"], row["text"], row["notice"]) for row in found if row["text"]]


async def states(office: Office) -> list[str]:
    return [row["state"] for row in await rows_where(office.database, hold)]


async def case_now(office: Office, number: str) -> dict[str, Any]:
    async with office.database.read() as connection:
        row = await cases.read_row(connection, case_id(number) or 0)
    assert row is not None
    return row


async def test_until_it_leaves_nothing_has_happened(office: Office) -> None:
    lea, number = await claimed(office)
    before = await case_now(office, number)
    answer = await office.desk.reply(lea, number, "Here it is.", hold=TEN)
    assert answer["leaves_at"] == (office.now + TEN).isoformat()
    assert (answer["status"], "seq" in answer) == ("open", False)
    assert await case_now(office, number) == before
    await office.pass_time(9 * SECOND)
    assert await replies(office) == []
    assert (await case_now(office, number))["unanswered_since"] is not None
    await office.pass_time(2 * SECOND)
    assert await replies(office) == ["Here it is."]
    row = await case_now(office, number)
    assert (row["status"], row["deadline"], row["unanswered_since"]) == ("pending", None, None)
    assert row["first_answer_at"] == office.now, "it is answered when it leaves"
    (held,) = await rows_where(office.database, hold)
    assert (held["state"], held["text"]) == ("left", ""), "its words are the message's, and nowhere else"
    assert held["seq"] is not None


async def test_the_due_row_run_twice_sends_once(office: Office) -> None:
    """A desk that was killed after the commit and before it knew: the row comes again."""
    lea, number = await claimed(office)
    await office.desk.reply(lea, number, "Once.", hold=TEN)
    office.now += TEN
    async with office.database.read() as connection:
        (row,) = await dues.arrived(connection, office.now, limit=9, only=(holds.DUE,))
    for _ in range(3):
        await office.desk.holding.leave(row)
    await office.tick()
    assert await replies(office) == ["Once."]
    assert [
        row["consumed_at"] is not None for row in await rows_where(office.database, due, due.c.kind == "leave")
    ] == [True]


async def test_many_clocks_at_once_send_once(office: Office) -> None:
    lea, number = await claimed(office)
    await office.desk.reply(lea, number, "Once.", hold=TEN)
    office.now += TEN
    await asyncio.gather(*(office.clock().tick() for _ in range(4)))
    assert await replies(office) == ["Once."]


async def test_taken_back_it_is_a_draft_and_never_leaves(office: Office) -> None:
    lea, number = await claimed(office)
    file = (await office.desk.files.keep(lea, number, "reply", "bill.pdf", b"%PDF-1.7 it"))["id"]
    held = await office.desk.reply(lea, number, "Not so fast.", files=[file], hold=TEN)
    office.now += 5 * SECOND
    back = await office.desk.holding.take_back(lea, held["hold"])
    assert (back["text"], back["files"], back["status"]) == ("Not so fast.", [file], "open")
    assert await office.desk.holding.take_back(lea, held["hold"]) == back, "asked again it says the same"
    await office.pass_time(MINUTE)
    assert await replies(office) == []
    assert await drafted(office) == [("reply", "Not so fast.", None)]


async def test_what_was_begun_since_stands_behind_what_comes_back(office: Office) -> None:
    lea, number = await claimed(office)
    held = await office.desk.reply(lea, number, "First.", hold=TEN)
    async with office.database.write("test") as connection:
        await drafts.put(connection, lea.id, case_id(number) or 0, "reply", "Second.", office.now)
    await office.desk.holding.take_back(lea, held["hold"])
    assert await drafted(office) == [("reply", "First.\n\nSecond.", None)]


async def test_what_was_begun_since_stays_when_it_leaves(office: Office) -> None:
    lea, number = await claimed(office)
    await office.desk.reply(lea, number, "First.", hold=TEN)
    async with office.database.write("test") as connection:
        await drafts.put(connection, lea.id, case_id(number) or 0, "reply", "Second.", office.now)
    await office.pass_time(MINUTE)
    assert await replies(office) == ["First."]
    assert await drafted(office) == [("reply", "Second.", None)]


async def test_too_late_or_not_ones_own(office: Office) -> None:
    lea, number = await claimed(office)
    tom = await office.agent("Tom", "supervisor")
    held = await office.desk.reply(lea, number, "Mine.", hold=TEN)
    for who, id_ in ((tom, held["hold"]), (lea, held["hold"] + 1)):
        with pytest.raises(NoSuchCase, match="You have no reply"):
            await office.desk.holding.take_back(who, id_)
    await office.pass_time(TEN + SECOND)
    with pytest.raises(WrongState, match="left already"):
        await office.desk.holding.take_back(lea, held["hold"])


@pytest.mark.parametrize("round_", range(6))
async def test_of_undo_and_leaving_one_wins(office: Office, round_: int) -> None:
    lea, number = await claimed(office)
    held = await office.desk.reply(lea, number, "Either.", hold=TEN)
    office.now += TEN
    both = [office.desk.holding.take_back(lea, held["hold"]), office.clock().tick(), office.clock().tick()]
    ended = await asyncio.gather(*(both if round_ % 2 else both[::-1]), return_exceptions=True)
    taken = not any(isinstance(each, WrongState) for each in ended)
    assert [each for each in ended if isinstance(each, BaseException) and not isinstance(each, WrongState)] == []
    assert (await replies(office), await drafted(office)) == (
        ([], [("reply", "Either.", None)]) if taken else (["Either."], [])
    )


# --- when it cannot leave any more -----------------------------------------------------------------


async def test_a_word_of_the_customer_stops_it_and_its_writer_hears(office: Office) -> None:
    lea, number = await claimed(office)
    await office.desk.reply(lea, number, "Is it solved?", hold=TEN)
    await office.customer("it is getting worse")
    await office.pass_time(MINUTE)
    assert await replies(office) == []
    ((mode, text, notice),) = await drafted(office)
    assert (mode, text) == ("reply", "Is it solved?")
    assert notice == "Your reply did not leave: the customer wrote since."
    (told,) = office.refused
    assert (told.agent_id, told.words) == (lea.id, f"Your reply in {number} did not leave: the customer wrote since.")
    assert (await case_now(office, number))["status"] == "open", "the case still waits for us"
    assert await states(office) == ["refused"]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("taken", "Tom has this case now"),
        ("released", "the case went back to the queue"),
        ("locked out", "its writer may not answer customers any more"),
        ("lowered", "its writer may not answer customers any more"),
        ("resolved", "is resolved"),
    ],
)
async def test_whoever_may_not_say_it_any_more_has_it_as_a_draft(office: Office, what: str, why: str) -> None:
    lea, number = await claimed(office)
    tom = await office.agent("Tom", "supervisor")
    await office.desk.reply(lea, number, "Mine to say.", hold=TEN)
    if what in ("taken", "resolved"):
        await office.desk.assign(tom, number, tom, held_by=lea.id)
    if what == "resolved":
        await office.desk.resolve(tom, number)
    if what == "released":
        await office.desk.assign(tom, number, None, held_by=lea.id)
    async with office.database.write("test") as connection:
        if what == "locked out":
            await agents.set_active(connection, lea.id, active=False)
        if what == "lowered":
            await agents.add_agent(connection, email=lea.email, name="Lea", role="colleague", now=office.now)
    await office.pass_time(MINUTE)
    assert await replies(office) == []
    ((_, text, notice),) = await drafted(office)
    assert text == "Mine to say."
    assert why in str(notice)
    assert len(office.refused) == 1


async def test_who_has_the_case_now_may_write_at_once(office: Office) -> None:
    """What the one before had sent in the last moment gives way, also where both can be taken back."""
    lea, number = await claimed(office)
    tom = await office.agent("Tom", "supervisor")
    await office.desk.reply(lea, number, "From Lea.", hold=TEN)
    await office.desk.assign(tom, number, tom, held_by=lea.id)
    await office.desk.reply(tom, number, "From Tom.", hold=TEN)
    await office.pass_time(MINUTE)
    assert await replies(office) == ["From Tom."]
    assert await drafted(office) == [("reply", "From Lea.", "Your reply did not leave: Tom has this case now.")]


async def test_what_fails_for_no_known_reason_comes_back(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    lea, number = await claimed(office)
    await office.desk.reply(lea, number, "Lost?", hold=TEN)

    async def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("a disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(holds, "became", fails)
        for _ in range(8):
            await office.pass_time(5 * MINUTE)
    assert await replies(office) == []
    assert await drafted(office) == [("reply", "Lost?", "Your reply did not leave: the desk could not send it.")]


# --- how long --------------------------------------------------------------------------------------


async def test_it_leaves_before_the_deadline(office: Office) -> None:
    lea, number = await claimed(office)
    by = (await case_now(office, number))["deadline"]
    office.now = by - 8 * SECOND
    answer = await office.desk.reply(lea, number, "In time.", hold=30 * SECOND)
    assert answer["leaves_at"] == (by - 3 * SECOND).isoformat()
    while office.now < by:
        await office.pass_time(SECOND)
    row = await case_now(office, number)
    assert row["answered_in_time"] is True
    assert row["breached_at"] is None


async def test_it_leaves_at_once_where_no_time_is_left(office: Office) -> None:
    lea, number = await claimed(office)
    office.now = (await case_now(office, number))["deadline"] + MINUTE
    answer = await office.desk.reply(lea, number, "Sorry, late.", hold=TEN)
    assert "hold" not in answer
    assert answer["status"] == "pending"
    assert await replies(office) == ["Sorry, late."]


async def test_nobody_is_told_of_a_delay_while_the_answer_is_held(office: Office) -> None:
    office.footing = Footing(on_duty=1)
    lea, number = await claimed(office, tier="outage")
    async with office.database.read() as connection:
        (risk,) = [row for row in await dues.arrived(connection, office.now + MINUTE * 999, limit=99)
                   if row.kind == "promise_risk"]  # fmt: skip
    office.now = risk.at - 5 * SECOND
    await office.desk.reply(lea, number, "Just in time.", hold=30 * SECOND)
    for _ in range(40):
        await office.pass_time(SECOND)
    found = await rows_where(office.database, message, message.c.direction == "out")
    assert found[-1]["body"] == "Just in time."
    assert not any("will not make it" in row["body"] for row in found)


async def test_nothing_is_held_longer_than_half_a_minute(office: Office) -> None:
    lea, number = await claimed(office)
    answer = await office.desk.reply(lea, number, "x", hold=timedelta(hours=1))
    assert answer["leaves_at"] == (office.now + 30 * SECOND).isoformat()


# --- what its writer does next ---------------------------------------------------------------------


@pytest.mark.parametrize("act", ["resolve", "release", "return_to_bot", "snooze", "assign", "reply", "hold"])
async def test_what_its_writer_does_next_comes_after_it(office: Office, act: str) -> None:
    lea, number = await claimed(office)
    tom = await office.agent("Tom")
    await office.desk.reply(lea, number, "First.", hold=TEN)
    match act:
        case "snooze":
            await office.desk.snooze(lea, number, office.now + MINUTE)
        case "assign":
            await office.desk.assign(lea, number, tom, held_by=lea.id)
        case "reply":
            await office.desk.reply(lea, number, "Second.")
        case "hold":
            await office.desk.reply(lea, number, "Second.", hold=TEN)
        case _:
            await getattr(office.desk, act)(lea, number)
    assert (await replies(office))[0] == "First."
    row = await case_now(office, number)
    expected = {"resolve": "resolved", "return_to_bot": "resolved", "release": "waiting", "snooze": "snoozed"}
    assert row["status"] == expected.get(act, "pending")
    assert row["first_answer_at"] == office.now
    await office.pass_time(30 * SECOND)
    assert (await replies(office))[1:] == (["Second."] if act in ("reply", "hold") else [])


async def test_a_note_does_not_hurry_it(office: Office) -> None:
    lea, number = await claimed(office)
    held = await office.desk.reply(lea, number, "First.", hold=TEN)
    await office.desk.note(lea, number, "hm")
    await office.desk.correct(lea, number, tier="billing")
    assert await replies(office) == []
    await office.desk.holding.take_back(lea, held["hold"])


@pytest.mark.parametrize("act", ["resolve", "return_to_bot", "snooze", "reply"])
async def test_what_supposes_an_answer_is_refused_where_it_cannot_leave(office: Office, act: str) -> None:
    lea, number = await claimed(office)
    await office.desk.reply(lea, number, "First.", hold=TEN)
    await office.customer("wait")
    more = {"snooze": (office.now + MINUTE,), "reply": ("Second.",)}.get(act, ())
    with pytest.raises(Stale, match=r"has not left: the customer wrote since\. Read it first") as refused:
        await getattr(office.desk, act)(lea, number, *more)
    assert [row["text"] for row in refused.value.since] == ["wait"]
    assert await replies(office) == []
    assert await states(office) == ["held"], "nothing has happened; it comes due and is a draft then"


async def test_who_has_read_it_and_writes_on_means_both(office: Office) -> None:
    lea, number = await claimed(office)
    await office.desk.reply(lea, number, "First.", hold=TEN)
    await office.customer("wait")
    seen = max(row["seq"] for row in await rows_where(office.database, message))
    await office.desk.reply(lea, number, "Second.", after_seq=seen)
    assert await replies(office) == ["First.", "Second."]


async def test_who_lets_go_is_not_kept_by_it(office: Office) -> None:
    lea, number = await claimed(office)
    await office.desk.reply(lea, number, "First.", hold=TEN)
    await office.customer("wait")
    await office.desk.release(lea, number)
    assert (await case_now(office, number))["status"] == "waiting"
    assert await drafted(office) == [("reply", "First.", "Your reply did not leave: the customer wrote since.")]


# --- whatever happens ------------------------------------------------------------------------------

STEPS = ("send", "send", "undo", "tick", "second", "many seconds", "write", "release", "claim", "take", "note")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), min_size=3, max_size=14))
async def test_every_word_is_either_sent_once_or_a_draft(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with empty_database("sqlite", tmp_path_factory.mktemp("steps")) as database:
        office = Office(database, pull=True)
        lea, number = await claimed(office)
        tom = await office.agent("Tom", "supervisor")
        pressed: list[str] = []
        last: int | None = None
        for n, step in enumerate(steps):
            try:
                match step:
                    case "send":
                        last = (await office.desk.reply(lea, number, f"text {n};", hold=TEN)).get("hold", last)
                        pressed.append(f"text {n};")
                    case "undo":
                        await office.desk.holding.take_back(lea, last or 0)
                    case "tick":
                        await office.tick()
                    case "second" | "many seconds":
                        await office.pass_time(SECOND if step == "second" else 8 * SECOND)
                    case "write":
                        await office.customer(f"more {n}")
                    case "take":
                        await office.desk.assign(tom, number, tom, held_by=lea.id)
                    case "note":
                        await office.desk.note(lea, number, "n")
                    case _:
                        await getattr(office.desk, step)(lea, number)
            except HandoffError:
                continue
        await office.pass_time(MINUTE)
        sent, kept = await replies(office), await drafted(office)
        assert len(sent) == len(set(sent))
        words = "".join(text for _, text, _ in kept)
        assert all((text in sent) or (text in words) for text in pressed), (pressed, sent, words)
        assert not [text for text in sent if text in words], "what has left is no draft"
        assert "held" not in await states(office)
