"""Every arrow in the drawing of `store/outbox.py`, and the fence between the machine and people."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from store import journey, outbox
from store.changes import Changes
from store.database import Database
from store.outbox import SETTLE_WITHIN, Parcel, Settlement
from store.tables import conversation, message
from tests.rows import MINUTE, NOW, SECOND, open_case, put_out, row_of, write_in

STATES = ("held", "queued", "sending", "sent", "failed", "unknown", "cancelled", "parked")


async def claim(
    database: Database, holder: str = "me", *, at: Any = NOW, limit: int = 10, busy: Any = ()
) -> list[Parcel]:
    async with database.write("test") as connection:
        return await outbox.claim(connection, holder, at, limit=limit, busy=busy)


async def settle(database: Database, id_: int, status: Any, *, at: Any = NOW, **more: Any) -> None:
    async with database.write("test") as connection:
        await outbox.settle(connection, Settlement(id=id_, status=status, **more), at)


async def state(database: Database, id_: int) -> str:
    return str((await row_of(database, message, id_))["status"])


async def place(database: Database, by: str = "ann") -> int:
    return (await write_in(database, by=by)).conversation


async def own(database: Database, conversation_id: int, owner: str, *, epoch: int) -> None:
    async with database.write("test") as connection:
        await connection.execute(
            update(conversation).where(conversation.c.id == conversation_id).values(owner=owner, epoch=epoch)
        )


async def take_over(database: Database, conversation_id: int) -> None:
    """As a person does: the lock, then the epoch and the cancelling in one transaction."""
    async with database.write("test") as connection:
        locked = (await journey.lock(connection, [conversation_id]))[conversation_id]
        changes = Changes(cancel_bot_rows=[conversation_id])
        changes.advance(
            conversation_id, next_seq=locked.next_seq, version=locked.version + 1, owner="human", epoch=locked.epoch + 1
        )
        await changes.write(connection)


async def one_of_each(database: Database, **more: Any) -> dict[str, int]:
    """A row in each state, each alone in its conversation."""
    return {status: await put_out(database, await place(database, status), status=status, **more) for status in STATES}


# --- the arrows ------------------------------------------------------------------------------------


async def test_only_held_and_queued_rows_are_claimed(database: Database) -> None:
    rows = await one_of_each(database)
    assert {parcel.id for parcel in await claim(database)} == {rows["held"], rows["queued"]}
    for status, row in rows.items():
        assert await state(database, row) == ("sending" if status in ("held", "queued") else status)


async def test_a_claim_says_who_since_when_and_until_when(database: Database) -> None:
    row = await put_out(
        database, await place(database), "words", author_name="Lea", buttons=[{"id": "a", "label": "A"}]
    )
    (parcel,) = await claim(database, "one", at=NOW + SECOND)
    found = await row_of(database, message, row)
    assert (found["holder"], found["sending_since"], found["next_try_at"], found["attempts"]) == (
        "one", NOW + SECOND, NOW + SECOND + SETTLE_WITHIN, 1,
    )  # fmt: skip
    assert (parcel.body, parcel.author_name, parcel.place, parcel.recipient, parcel.attempts, parcel.buttons) == (
        "words", "Lea", "place-of-ann", "ann", 1, [{"id": "a", "label": "A"}],
    )  # fmt: skip


@pytest.mark.parametrize("status", ["held", "queued"])
async def test_nothing_leaves_before_its_time(database: Database, status: str) -> None:
    row = await put_out(database, await place(database), status=status, next_try_at=NOW + MINUTE)
    assert await claim(database, at=NOW + MINUTE - timedelta(microseconds=1)) == []
    assert [parcel.id for parcel in await claim(database, at=NOW + MINUTE)] == [row]


@pytest.mark.parametrize("ends_as", ["sent", "queued", "failed", "parked", "unknown"])
async def test_settling_moves_only_what_is_sending_or_unknown(database: Database, ends_as: str) -> None:
    rows = await one_of_each(database, external_id="before")
    for status, row in rows.items():
        await settle(database, row, ends_as, external_id="x1", error="why", next_try_at=NOW + MINUTE, at=NOW + SECOND)
        found = await row_of(database, message, row)
        if status in ("sending", "unknown"):
            assert (found["status"], found["external_id"], found["error"], found["next_try_at"]) == (
                ends_as, "x1", "why", NOW + MINUTE,
            )  # fmt: skip
            assert found["sent_at"] == (NOW + SECOND if ends_as == "sent" else None)
        else:
            assert (found["status"], found["external_id"], found["error"]) == (status, "before", None)


async def test_settling_without_an_external_id_keeps_the_known_one(database: Database) -> None:
    row = await put_out(database, await place(database), status="sending", external_id="known")
    await settle(database, row, "unknown")
    assert (await row_of(database, message, row))["external_id"] == "known"


async def test_a_retry_is_claimed_again_and_counted(database: Database) -> None:
    row = await put_out(database, await place(database))
    await claim(database)
    await settle(database, row, "queued", next_try_at=NOW + SECOND)
    assert await claim(database) == []
    (parcel,) = await claim(database, at=NOW + SECOND)
    assert (parcel.id, parcel.attempts) == (row, 2)


async def test_what_is_over_its_time_becomes_unclear_and_not_before(database: Database) -> None:
    row = await put_out(database, await place(database))
    await claim(database)
    for late, expected in ((SETTLE_WITHIN - SECOND, "sending"), (SETTLE_WITHIN, "unknown")):
        async with database.write("test") as connection:
            await outbox.abandon(connection, NOW + late)
        assert await state(database, row) == expected


async def test_a_send_whose_holder_is_gone_holds_back_its_conversation_for_its_whole_time(database: Database) -> None:
    here = await place(database)
    row, later = [await put_out(database, here, body) for body in ("first", "second")]
    await claim(database, "dead")
    for waited, expected in ((SETTLE_WITHIN - SECOND, []), (SETTLE_WITHIN, [row])):
        async with database.write("test") as connection:
            assert await outbox.abandon(connection, NOW + waited) == expected
        assert [parcel.id for parcel in await claim(database, "next", at=NOW + waited)] == [later] * len(expected)


async def test_abandoning_waits_for_nobody_who_settles_at_this_moment(database: Database) -> None:
    rows = [await put_out(database, await place(database, by)) for by in ("a", "b", "c")]
    await claim(database)
    later = NOW + SETTLE_WITHIN

    found: list[int] = []

    async def abandon() -> None:
        async with database.write("test") as connection:
            found.extend(await outbox.abandon(connection, later))

    async with database.write("test") as connection:
        await outbox.settle(connection, Settlement(id=rows[1], status="sent"), later)
        several = asyncio.gather(abandon(), abandon())
        if database.dialect == "postgresql":  # SQLite has one writer
            await asyncio.wait_for(several, 20)
    await several
    assert sorted(found) == [rows[0], rows[2]]
    assert [await state(database, row) for row in rows] == ["unknown", "sent", "unknown"]


async def test_abandoning_touches_nothing_that_is_not_being_sent(database: Database) -> None:
    rows = await one_of_each(database)
    async with database.write("test") as connection:
        assert await outbox.abandon(connection, NOW + MINUTE) == [rows["sending"]]
    for status, row in rows.items():
        assert await state(database, row) == ("unknown" if status == "sending" else status)


async def test_an_unclear_row_is_never_claimed_only_looked_at_by_one(database: Database) -> None:
    row = await put_out(database, await place(database), status="unknown")
    assert await claim(database, at=NOW + 60 * MINUTE) == []
    async with database.write("test") as connection:
        assert [parcel.id for parcel in await outbox.unclear(connection, NOW, limit=5)] == [row]
    async with database.write("test") as connection:
        assert await outbox.unclear(connection, NOW, limit=5) == []
        assert [parcel.id for parcel in await outbox.unclear(connection, NOW + MINUTE, limit=5)] == [row]


@pytest.mark.parametrize("ends_as", ["sent", "queued"])
async def test_an_unclear_row_is_reconciled(database: Database, ends_as: str) -> None:
    row = await put_out(database, await place(database), status="unknown")
    await settle(database, row, ends_as, next_try_at=NOW)
    assert await state(database, row) == ends_as
    assert len(await claim(database)) == (ends_as == "queued")


async def test_what_nobody_can_tell_is_not_looked_at_again_and_people_see_it(database: Database) -> None:
    row = await put_out(database, await place(database), status="unknown")
    await settle(database, row, "unknown", error="cannot tell", next_try_at=None)
    async with database.write("test") as connection:
        assert await outbox.unclear(connection, NOW + timedelta(days=9), limit=5) == []
        (seen,) = await outbox.undelivered(connection)
    assert (seen["id"], seen["status"], seen["error"]) == (row, "unknown", "cannot tell")


async def test_a_person_sends_again_only_what_did_not_arrive(database: Database) -> None:
    rows = await one_of_each(database, attempts=7, error="e", next_try_at=None)
    for status, row in rows.items():
        async with database.write("test") as connection:
            done = await outbox.send_again(connection, row, NOW)
        assert done is (status in ("failed", "unknown", "parked"))
        found = await row_of(database, message, row)
        assert (found["status"], found["attempts"], found["error"]) == (
            ("queued", 0, None) if done else (status, 7, "e")
        )
    assert {parcel.id for parcel in await claim(database)} == {rows[name] for name in ("failed", "unknown", "parked")}


async def test_people_see_the_newest_undelivered_first(database: Database) -> None:
    rows = [await put_out(database, await place(database, status), status=status) for status in STATES]
    async with database.read() as connection:
        seen = await outbox.undelivered(connection)
        assert [row["id"] for row in seen] == [rows[7], rows[5], rows[4]]
        assert len(await outbox.undelivered(connection, limit=2)) == 2


async def test_pages_of_the_undelivered_hold_each_once_while_others_come_and_go(database: Database) -> None:
    rows = [await put_out(database, await place(database, f"p{n}"), status="failed") for n in range(7)]
    seen: list[int] = []
    while True:
        async with database.write("test") as connection:
            page = await outbox.undelivered(connection, before=seen[-1] if seen else None, limit=2)
            if page:
                await outbox.send_again(connection, page[0]["id"], NOW)
        if not page:
            break
        seen += [row["id"] for row in page]
        await put_out(database, 1, status="parked")
    assert seen == rows[::-1]


async def test_a_holder_that_slept_does_not_settle_the_send_of_another(database: Database) -> None:
    row = await put_out(database, await place(database))
    (first,) = await claim(database, "sleeper")
    async with database.write("test") as connection:
        await outbox.abandon(connection, NOW + SETTLE_WITHIN)
    await settle(
        database, row, "queued", next_try_at=NOW + SETTLE_WITHIN, sending_since=first.sending_since
    )  # reconciled: it did not arrive
    (again,) = await claim(database, "other", at=NOW + SETTLE_WITHIN)
    assert again.attempts == 2
    for status in ("queued", "failed", "unknown", "sent"):  # the sleeper wakes, and tells what it thinks
        await settle(database, row, status, sending_since=first.sending_since)
        assert await state(database, row) == "sending"
    await settle(database, row, "sent", sending_since=again.sending_since)
    assert await state(database, row) == "sent"


async def test_since_when_a_row_is_unclear_is_kept_until_it_is_certain_or_a_person_decides(database: Database) -> None:
    row = await put_out(database, await place(database))

    async def since() -> Any:
        return (await row_of(database, message, row))["unclear_since"]

    await claim(database)
    await settle(database, row, "queued", next_try_at=NOW)  # certainly not sent
    assert await since() is None
    await claim(database)
    await settle(database, row, "unknown", next_try_at=NOW)
    await settle(database, row, "queued", next_try_at=NOW)
    later = NOW + SECOND
    (parcel,) = await claim(database, at=later)
    assert (parcel.sending_since, parcel.unclear_since) == (later, NOW)
    await settle(database, row, "queued", next_try_at=later)  # not this time; but what of the first?
    await claim(database, at=later)
    async with database.write("test") as connection:
        await outbox.abandon(connection, later + SETTLE_WITHIN)
    assert await since() == NOW
    await settle(database, row, "queued", next_try_at=later, absent=True)
    assert await since() is None
    await claim(database, at=later)
    async with database.write("test") as connection:
        await outbox.abandon(connection, later + SETTLE_WITHIN)
    assert await since() == later
    async with database.write("test") as connection:
        assert await outbox.send_again(connection, row, later)
    assert await since() is None


# --- order -----------------------------------------------------------------------------------------


async def test_a_conversation_sends_one_at_a_time_in_its_order(database: Database) -> None:
    here = await place(database)
    rows = [await put_out(database, here, f"t{n}") for n in range(3)]
    for row in rows:
        assert [parcel.id for parcel in await claim(database)] == [row]
        assert await claim(database) == []
        await settle(database, row, "sent")
    assert await claim(database) == []


async def test_what_has_not_left_holds_back_what_comes_after_it(database: Database) -> None:
    await one_of_each(database, next_try_at=NOW + MINUTE)
    seconds = {status: await put_out(database, n) for n, status in enumerate(STATES, 1)}
    free = {row for status, row in seconds.items() if status not in ("held", "queued", "sending")}
    assert {parcel.id for parcel in await claim(database)} == free


async def test_other_conversations_do_not_wait(database: Database) -> None:
    stuck, free = await place(database, "a"), await place(database, "b")
    await put_out(database, stuck, status="sending")
    await put_out(database, stuck)
    row = await put_out(database, free)
    assert [parcel.id for parcel in await claim(database)] == [row]


async def test_a_round_takes_the_longest_due_and_not_what_is_busy(database: Database) -> None:
    places = [await place(database, by) for by in "abcd"]
    rows = [await put_out(database, id_, next_try_at=NOW - n * SECOND) for n, id_ in enumerate(places)]
    assert [parcel.id for parcel in await claim(database, limit=2, busy={places[3]})] == sorted(rows[1:3])


async def test_when_the_courier_has_something_to_do_next(database: Database) -> None:
    async with database.read() as connection:
        assert await outbox.next_leaving(connection) is None
    for by, status, at in (("a", "queued", NOW + MINUTE), ("b", "unknown", NOW + SECOND), ("c", "sent", NOW)):
        await put_out(database, await place(database, by), status=status, next_try_at=at)
    async with database.read() as connection:
        assert await outbox.next_leaving(connection) == NOW + SECOND


# --- the fence -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "epoch", "leaves"), [("bot", 3, True), ("bot", 4, False), ("bot", 2, False), ("human", 3, False)]
)
@pytest.mark.parametrize("status", ["held", "queued"])
async def test_a_row_of_the_machine_leaves_only_while_it_owns_in_the_same_epoch(
    database: Database, status: str, owner: str, epoch: int, leaves: bool
) -> None:
    here = await place(database)
    row = await put_out(database, here, author="bot", epoch=3, status=status)
    await own(database, here, owner, epoch=epoch)
    assert [parcel.id for parcel in await claim(database)] == ([row] if leaves else [])
    found = await row_of(database, message, row)
    assert found["status"] == ("sending" if leaves else "cancelled")
    assert bool(found["error"]) is not leaves


async def test_a_persons_row_leaves_whoever_owns(database: Database) -> None:
    for by, owner in (("a", "bot"), ("b", "human")):
        here = await place(database, by)
        await own(database, here, owner, epoch=9)
        await put_out(database, here, author="agent", epoch=None)
    assert len(await claim(database)) == 2


@pytest.mark.parametrize("author", ["system", "bot"])
async def test_a_row_of_ours_without_an_epoch_does_not_leave(database: Database, author: str) -> None:
    row = await put_out(database, await place(database), author=author, epoch=None)
    assert await claim(database) == []
    assert await state(database, row) == "cancelled"


TRUE_OF = {
    "case_waiting": {"waiting"},
    "case_unresolved": {"waiting", "open", "pending", "snoozed"},
    "case_resolved": {"resolved", None},
}


@pytest.mark.parametrize("condition", TRUE_OF)
async def test_a_notice_leaves_an_owned_conversation_only_while_it_is_true(database: Database, condition: str) -> None:
    rows: dict[str | None, int] = {}
    for status in ("waiting", "open", "pending", "snoozed", "resolved", None):
        here = await place(database, f"with {status}")
        await own(database, here, "human", epoch=5)
        if status is not None:
            await open_case(database, here, status=status)
        rows[status] = await put_out(database, here, author="system", condition=condition)
    assert {parcel.id for parcel in await claim(database)} == {rows[status] for status in TRUE_OF[condition]}
    for status, row in rows.items():
        assert await state(database, row) == ("sending" if status in TRUE_OF[condition] else "cancelled")


async def test_a_condition_that_nobody_knows_never_holds(database: Database) -> None:
    row = await put_out(database, await place(database), author="system", condition="full_moon")
    assert await claim(database) == []
    assert await state(database, row) == "cancelled"


async def test_what_the_fence_stops_no_longer_holds_back_the_person(database: Database) -> None:
    here = await place(database)
    await put_out(database, here, author="bot", epoch=0)
    await own(database, here, "human", epoch=1)
    human = await put_out(database, here, author="agent")
    assert await claim(database) == []
    assert [parcel.id for parcel in await claim(database)] == [human]


async def test_nothing_of_a_person_overtakes_what_the_machine_is_sending(database: Database) -> None:
    here = await place(database)
    bot = await put_out(database, here, author="bot", epoch=0)
    await claim(database)
    await take_over(database, here)
    assert await state(database, bot) == "sending"
    human = await put_out(database, here, author="agent")
    assert await claim(database) == []
    async with database.write("test") as connection:
        await outbox.abandon(connection, NOW + SETTLE_WITHIN)
    assert [parcel.id for parcel in await claim(database, at=NOW + SETTLE_WITHIN)] == [human]


async def test_after_a_takeover_no_row_of_the_machine_starts_however_they_race(database: Database) -> None:
    places = [await place(database, f"p{n}") for n in range(10)]
    for id_ in places:
        await put_out(database, id_, author="bot", epoch=0)
    started: dict[int, bool] = {}

    async def courier() -> None:
        for parcel in await claim(database, limit=20):
            started[parcel.conversation_id] = True

    await asyncio.gather(courier(), *(take_over(database, id_) for id_ in places), courier())
    after = await claim(database, at=NOW + MINUTE)
    assert after == []
    async with database.read() as connection:
        query = select(message.c.conversation_id, message.c.status).where(message.c.direction == "out")
        found = {row[0]: row[1] for row in await connection.execute(query)}
    assert found == {id_: "sending" if id_ in started else "cancelled" for id_ in places}


async def test_two_holders_at_once_never_claim_one_row(database: Database) -> None:
    rows = [await put_out(database, await place(database, f"p{n}")) for n in range(16)]
    rounds = await asyncio.gather(*(claim(database, f"h{n}", limit=4) for n in range(6)))
    claimed = [parcel.id for parcels in rounds for parcel in parcels]
    assert len(claimed) == len(set(claimed))
    left = [parcel.id for parcel in await claim(database, limit=100)]
    assert sorted(claimed + left) == sorted(rows)
    async with database.read() as connection:
        attempts = set((await connection.execute(select(message.c.attempts).where(message.c.id.in_(rows)))).scalars())
    assert attempts == {1}


async def test_two_holders_at_once_keep_the_order_of_a_conversation(database: Database) -> None:
    here = await place(database)
    rows = [await put_out(database, here, f"t{n}") for n in range(6)]
    order: list[int] = []

    async def courier(name: str) -> None:
        for _ in range(60):
            parcels = await claim(database, name)
            assert len(parcels) <= 1
            for parcel in parcels:
                order.append(parcel.id)
                await asyncio.sleep(0.001)
                await settle(database, parcel.id, "sent")
            if len(order) == len(rows):
                return

    await asyncio.gather(courier("one"), courier("two"))
    assert order == rows


async def test_two_that_look_at_unclear_rows_share_them(database: Database) -> None:
    rows = [await put_out(database, await place(database, f"p{n}"), status="unknown") for n in range(10)]

    async def look() -> list[int]:
        async with database.write("test") as connection:
            return [parcel.id for parcel in await outbox.unclear(connection, NOW, limit=10)]

    found = [id_ for looked in await asyncio.gather(*(look() for _ in range(4))) for id_ in looked]
    assert sorted(found) == rows
