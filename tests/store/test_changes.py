"""One unit of work: gathered first, written together, refused together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from store.changes import NEVER, Changes, insert_cases
from store.database import Database
from store.tables import case, case_event, conversation, due, label, message, promise, verdict
from tests.rows import MINUTE, NOW, case_of, open_case, put_out, row_of, write_in


async def write(database: Database, changes: Changes) -> None:
    async with database.write("test") as connection:
        await changes.write(connection)


async def every(database: Database, table: Any) -> list[dict[str, Any]]:
    async with database.read() as connection:
        return [dict(row) for row in (await connection.execute(select(table).order_by(table.c.id))).mappings()]


async def test_nothing_gathered_writes_nothing(database: Database) -> None:
    await write(database, Changes())
    assert await every(database, message) == []


async def test_everything_of_a_unit_is_there_after_it(database: Database) -> None:
    kept = await write_in(database)
    case_id = await open_case(database, kept.conversation)
    changes = Changes()
    changes.end(kept.message, "handed_off", "because")
    changes.say(kept.conversation, 2, author="system", kind="acknowledgement", body="hi", now=NOW, status="queued",
                condition="case_unresolved", buttons=[{"id": "a", "label": "A"}], meta={"k": 1})  # fmt: skip
    changes.say(kept.conversation, 3, author="agent", kind="note", body="secret", now=NOW, status="queued",
                direction="note")  # fmt: skip
    changes.advance(kept.conversation, next_seq=4, version=1, owner="human", epoch=1)
    changes.case(case_id, tier="billing", deadline=NOW + MINUTE, flags={"a": [1]})
    changes.event(case_id, "opened", actor="bot", now=NOW, data={"x": "y"})
    changes.promise(case_id, kept.conversation, kind="first_answer", by=NOW + MINUTE, basis="agents on duty", now=NOW)
    changes.due("breach", case_id, NOW + MINUTE, now=NOW, data={"n": 1})
    changes.verdicts.append({"message_id": kept.message, "tier": "billing", "intent": "i", "confidence": 0.5,
                             "automatable": False, "evidence": None, "model": "m", "created_at": NOW})  # fmt: skip
    changes.labels.append({"message_id": kept.message, "tier": "billing", "intent": None, "agent_id": None,
                           "source": "sample", "created_at": NOW})  # fmt: skip
    await write(database, changes)

    heard, said, note = await every(database, message)
    assert (heard["end"], heard["end_reason"]) == ("handed_off", "because")
    assert (said["status"], said["buttons"], said["meta"], said["next_try_at"]) == (
        "queued", [{"id": "a", "label": "A"}], {"k": 1}, NOW,
    )  # fmt: skip
    assert (note["direction"], note["status"]) == ("note", None)
    row = await row_of(database, conversation, kept.conversation)
    assert (row["next_seq"], row["version"], row["owner"], row["epoch"], row["returned_seq"]) == (4, 1, "human", 1, 0)
    found = await case_of(database, case_id)
    assert (found["tier"], found["deadline"], found["sort_at"], found["flags"]) == (
        "billing", NOW + MINUTE, NOW + MINUTE, {"a": [1]},
    )  # fmt: skip
    assert [len(await every(database, table)) for table in (case_event, promise, due, verdict, label)] == [1] * 5


async def test_a_unit_that_fails_in_the_middle_leaves_nothing(database: Database) -> None:
    kept = await write_in(database)
    changes = Changes()
    changes.end(kept.message, "noted")
    changes.say(kept.conversation, 1, author="bot", kind="text", body="seq 1 is taken", now=NOW, status="queued")
    with pytest.raises(IntegrityError):
        await write(database, changes)
    assert [(row["seq"], row["end"]) for row in await every(database, message)] == [(1, None)]


async def test_an_end_is_written_once(database: Database) -> None:
    kept = await write_in(database)
    for end in ("answered", "noted"):
        changes = Changes()
        changes.end(kept.message, end)
        await write(database, changes)
    assert (await row_of(database, message, kept.message))["end"] == "answered"


async def test_returned_seq_is_kept_until_it_is_given(database: Database) -> None:
    kept = await write_in(database)
    for returned, expected in ((5, 5), (None, 5), (7, 7)):
        changes = Changes()
        changes.advance(kept.conversation, next_seq=9, version=1, owner="bot", epoch=0, returned_seq=returned)
        await write(database, changes)
        assert (await row_of(database, conversation, kept.conversation))["returned_seq"] == expected


async def test_cases_are_changed_each_in_its_own_columns(database: Database) -> None:
    ids = [await open_case(database, (await write_in(database, by=by)).conversation) for by in ("a", "b", "c")]
    changes = Changes()
    changes.case(ids[0], deadline=None)
    changes.case(ids[1], status="open")
    changes.case(ids[2], status="pending", deadline=NOW)
    changes.case(ids[0], status="snoozed")
    await write(database, changes)
    found = [await case_of(database, id_) for id_ in ids]
    assert [(row["status"], row["deadline"], row["sort_at"]) for row in found] == [
        ("snoozed", None, NEVER),
        ("open", NOW + timedelta(hours=4), NOW + timedelta(hours=4)),
        ("pending", NOW, NOW),
    ]


async def test_new_cases_come_back_in_the_order_they_were_given(database: Database) -> None:
    kept = [await write_in(database, by=f"p{n}") for n in range(30)]
    async with database.write("test") as connection:
        ids = await insert_cases(
            connection,
            [
                {"conversation_id": row.conversation, "customer_id": row.conversation, "channel": "web",
                 "tier": "problem", "sla": "problem", "urgent": False, "status": "waiting", "deadline": None,
                 "reason": f"r{n}", "opened_at": NOW, "opened_seq": 1}
                for n, row in enumerate(kept)
            ],
        )  # fmt: skip
        assert await insert_cases(connection, []) == []
    assert [(await case_of(database, id_))["reason"] for id_ in ids] == [f"r{n}" for n in range(30)]


async def test_a_conversation_has_at_most_one_unresolved_case(database: Database) -> None:
    kept = await write_in(database)
    await open_case(database, kept.conversation, status="resolved")
    await open_case(database, kept.conversation, status="resolved")
    await open_case(database, kept.conversation)
    with pytest.raises(IntegrityError):
        await open_case(database, kept.conversation, status="snoozed")


async def test_taking_over_cancels_what_the_machine_has_not_begun_to_send(database: Database) -> None:
    here, there = await write_in(database, by="a"), await write_in(database, by="b")
    states = ("held", "queued", "sending", "sent", "failed", "unknown", "parked")
    rows = {state: await put_out(database, here.conversation, author="bot", status=state) for state in states}
    other = await put_out(database, there.conversation, author="bot", status="queued")
    human = await put_out(database, here.conversation, author="agent", status="queued")
    notice = await put_out(database, here.conversation, author="system", status="queued", condition="case_waiting")
    await write(database, Changes(cancel_bot_rows=[here.conversation]))
    found = {state: (await row_of(database, message, id_))["status"] for state, id_ in rows.items()}
    assert found == {state: "cancelled" if state in ("held", "queued") else state for state in states}
    for id_ in (other, human, notice):
        assert (await row_of(database, message, id_))["status"] == "queued"


@pytest.mark.parametrize(
    ("by", "said", "expected"),
    [
        (1, "kept", "kept"),
        (0, "kept", "kept"),
        (-1, "kept", "broken"),
        (1, "replaced", "replaced"),
        (-1, "replaced", "broken"),
        (1, "withdrawn", "withdrawn"),
        (-1, "withdrawn", "broken"),
    ],
)
async def test_a_promise_whose_time_has_passed_is_broken_whatever_is_said(
    database: Database, by: int, said: str, expected: str
) -> None:
    kept = await write_in(database)
    case_id = await open_case(database, kept.conversation)
    changes = Changes()
    changes.promise(case_id, kept.conversation, kind="first_answer", by=NOW + by * MINUTE, basis="b",
                    now=NOW - 9 * MINUTE)  # fmt: skip
    await write(database, changes)
    changes = Changes()
    changes.settle_promises(case_id, said, NOW)
    changes.promise(case_id, kept.conversation, kind="first_answer", by=NOW + 9 * MINUTE, basis="b", now=NOW)
    await write(database, changes)
    old, new = await every(database, promise)
    assert (old["state"], old["settled_at"]) == (expected, NOW)
    assert (new["state"], new["settled_at"]) == ("open", None)


async def test_a_naive_moment_is_refused(database: Database) -> None:
    async with database.write("test") as connection:
        with pytest.raises(Exception, match=r"naive|offset"):
            await connection.execute(select(case).where(case.c.deadline == NOW.replace(tzinfo=None)))
