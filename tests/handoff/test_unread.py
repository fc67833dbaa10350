"""What goes by mail, when, to whom: decided over values, and looked at on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from handoff import texts, unread
from handoff.letters import Letter
from handoff.reach import Reach, masked
from handoff.unread import A_DAY, EVERY, LETTER, Later, Now, Over, Plan, decide, pause
from store.database import Database
from store.dues import Due
from store.tables import case, case_event, conversation, customer
from store.unread import Mailed, Reply, Waiting, mailed
from tests.people import Office, rules
from tests.rows import MINUTE, NOW, add

ANA = "ana@example.com"


class Nobody:
    """A postman that names letters and carries none."""

    def name(self, message: int, to: str) -> str:
        return f"<{message}.{to}>"

    async def send(self, letter: Letter) -> None:
        raise AssertionError(letter)


def written(seq: int, body: str = "words", **meta: Any) -> Reply:
    return Reply(id=100 + seq, seq=seq, author_name="Lea", body=body, created_at=NOW, meta=meta)


def row(seq: int, *, id: int = 1, at: datetime = NOW, **data: Any) -> Due:
    return Due(id=id, kind="unread", subject=7, at=at, data={"seq": seq, **data}, attempts=0)


def lies(*replies: Reply, **more: Any) -> Waiting:
    values: dict[str, Any] = {"email": ANA, "seen_seq": 0, "case_id": 1, "outcome": None}
    return Waiting(conversation=7, channel="web", replies=replies, **{**values, **more})


def verdict(
    due: Due, waiting: Waiting, *, others: list[Due] | None = None, gone: list[Mailed] | None = None, on: bool = True
) -> unread.Verdict:
    return decide(due, waiting, others=others or [], mailed=gone or [], now=NOW, postman=Nobody() if on else None)


def gone(ago: timedelta, *, by: int = 7, to: str = ANA) -> Mailed:
    return Mailed(conversation=by, at=NOW - ago, data={"to": to, "name": "<before>"})


def plan(*seqs: int, to: str = ANA) -> Plan:
    return Plan(
        to=to, ids=tuple(100 + seq for seq in seqs), seqs=seqs, name=f"<{100 + seqs[-1]}.{to}>", after=None, at=NOW
    )


# --- what is decided -------------------------------------------------------------------------------


def test_all_that_is_unread_goes_in_one() -> None:
    assert verdict(row(3), lies(written(3), written(4), written(6))) == Now(plan(3, 4, 6))


def test_what_is_read_or_mailed_or_spam_is_over() -> None:
    assert verdict(row(3), lies()) == Over()
    assert verdict(row(3), lies(written(4))) == Over()
    assert verdict(row(3), lies(written(3, mailed_at="then"), written(4))) == Over()
    assert verdict(row(3), lies(written(3), outcome="spam")) == Over()
    assert verdict(row(3), lies(written(3), outcome="solved")) == Now(plan(3))


def test_of_a_burst_without_an_address_one_row_tells_it() -> None:
    burst = lies(written(3), written(4), email=None)
    assert [verdict(row(seq), burst) for seq in (3, 4)] == [Over(), Over("no_address")]
    assert [verdict(row(seq), burst, on=False) for seq in (3, 4)] == [Over(), Over("off")]


def test_what_may_have_left_stays_as_it_was() -> None:
    begun = row(3, plan=plan(3).data())
    assert verdict(begun, lies(written(3), written(4))) == Now(plan(3), again=True)
    assert verdict(begun, lies(written(4))) == Over(), "it has been read meanwhile"
    assert verdict(begun, lies(written(3), written(4), email="new@example.com")) == Now(
        plan(3, 4, to="new@example.com")
    )


def test_one_mail_of_a_conversation_at_a_time() -> None:
    later = NOW + MINUTE
    other = row(3, id=2, at=later, plan=plan(3).data())
    assert verdict(row(4), lies(written(3), written(4)), others=[other]) == Later(later + timedelta(seconds=1))
    assert verdict(row(4), lies(written(3), written(4)), others=[row(3, id=2)]) == Now(plan(3, 4))


def test_not_too_many() -> None:
    unread_one = lies(written(3))
    assert verdict(row(3), unread_one, gone=[gone(MINUTE)]) == Later(NOW - MINUTE + EVERY)
    assert isinstance(verdict(row(3), unread_one, gone=[gone(MINUTE, by=8)]), Now)
    many = [gone(timedelta(hours=20 - n), by=8) for n in range(A_DAY)]
    found = verdict(row(3), unread_one, gone=many)
    assert isinstance(found, Later)
    assert found.at == NOW + timedelta(hours=4)
    assert "limit" in str(found.why)


def test_a_refused_address_is_not_tried_again_and_another_is() -> None:
    refused = written(3, mail_error="550 no", mail_to=ANA)
    assert verdict(row(3), lies(refused)) == Over()
    assert verdict(row(4), lies(refused, written(4))) == Now(plan(4))
    assert verdict(row(3), lies(refused, email="new@example.com")) == Now(plan(3, to="new@example.com"))


def test_letters_of_one_conversation_are_one_thread() -> None:
    found = verdict(row(3), lies(written(3)), gone=[gone(timedelta(hours=1)), gone(MINUTE, by=8)])
    assert found == Now(replace(plan(3), after="<before>"))
    other = verdict(row(3), lies(written(3)), gone=[gone(timedelta(hours=1), to="old@example.com")])
    assert other == Now(plan(3)), "who has the new address has not got the first letter"


def test_a_mail_has_an_end() -> None:
    large = [written(seq, "x" * (LETTER // 2)) for seq in range(3, 8)]
    found = verdict(row(7), lies(*large))
    assert found == Now(plan(3, 4))
    assert verdict(row(3), lies(written(3, "x" * LETTER * 2))) == Now(plan(3))


def test_a_plan_is_kept_whole() -> None:
    one = replace(plan(3, 4), after="<x>")
    assert Plan.of(one.data()) == one


@given(st.integers(0, 10_000))
def test_pauses_grow_to_an_hour(tries: int) -> None:
    assert MINUTE <= pause(tries) <= timedelta(hours=1)
    assert pause(tries) <= pause(tries + 1)
    assert (pause(0), pause(3), pause(6)) == (MINUTE, 8 * MINUTE, timedelta(hours=1))


# --- words -----------------------------------------------------------------------------------------


def test_a_letter_holds_peoples_words_and_says_where_to_answer() -> None:
    text = texts.mail_text([("Lea", "One.\n\nTwo.")], company="Acme", case="W-1001", link="https://help.acme.example")
    assert text.startswith("Lea at Acme has answered you in the chat. Your case is W-1001.\n\nOne.\n\nTwo.\n\n")
    assert "Answer in the chat where you wrote to us: https://help.acme.example\n" in text
    bare = texts.mail_text([("Lea", "One.")], company="Acme", case="W-1001", link=None)
    assert "Answer in the chat where you wrote to us.\n" in bare
    three = [("Lea", "One."), ("Mia", "Two."), ("Lea", "Three."), ("Tom", "Four.")]
    assert texts.mail_text(three, company="Acme", case="W-1", link=None).startswith("Lea, Mia and Tom at Acme have")
    assert texts.mail_author(["Lea", "Lea"], "Acme") == "Lea at Acme"
    assert texts.mail_author(["Lea", "Mia"], "Acme") == "Acme"


@pytest.mark.parametrize(
    ("address", "shown"), [("ana@example.com", "a•••@example.com"), ("a@b.example", "a•••@b.example"), ("", "•••@")]
)
def test_an_address_is_not_shown_whole(address: str, shown: str) -> None:
    assert masked(address) == shown


def test_other_platforms_see_to_it_themselves() -> None:
    assert Reach(pull=lambda channel: False).tell({"channel": "slack"}, NOW) is None


def test_sentences_about_who_has_no_name() -> None:
    known = {
        "channel": "web", "conversation_id": 7, "seen_at": NOW - MINUTE, "seen_seq": 3, "customer_email": None,
        "customer_full_name": "",
    }  # fmt: skip
    reach = Reach(pull=lambda channel: True, mail_after=timedelta(minutes=1))

    def said(**more: Any) -> str:
        found = reach.tell({**known, **more}, NOW)
        assert found is not None
        return str(found["sentence"])

    assert said() == "The customer is here."
    assert said(seen_at=None) == (
        "The customer has left and gave no address, so this waits in the chat until the customer is back."
    )
    assert said(seen_at=None, customer_email=ANA) == (
        "The customer has left; unread after 1 minute this goes to a•••@example.com."
    )


# --- rows ------------------------------------------------------------------------------------------


async def test_mails_are_counted_by_conversation_and_by_address(database: Database) -> None:
    office = Office(database, pull=True)
    for by in ("ann", "bob", "cem"):
        await office.customer(by=by)
    async with database.write("test") as connection:
        await connection.execute(update(customer).where(customer.c.id.in_([1, 2])).values(email=ANA))
    for case_id, ago in ((1, 3), (2, 2), (3, 1), (1, 30)):
        at = NOW - timedelta(hours=ago)
        await add(database, case_event, case_id=case_id, kind="mailed", actor="system", at=at, data={"to": ANA})
    async with database.read() as connection:
        found = await mailed(connection, 1, ANA, NOW - timedelta(days=1))
        other = await mailed(connection, 3, "cem@example.com", NOW - timedelta(days=1))
    assert sorted((each.conversation, each.at) for each in found) == [
        (1, NOW - timedelta(hours=3)),
        (2, NOW - timedelta(hours=2)),
    ]
    assert [each.conversation for each in other] == [3]


async def test_a_reply_leaves_a_row_only_where_mail_could_help(database: Database) -> None:
    after = 5 * MINUTE
    for pull, on, kept in ((True, True, 1), (True, False, 0), (False, True, 0)):
        office = Office(database, pull=pull)
        office.rules = replace(rules(), mail_after=after if on else None)
        lea = await office.agent(f"Lea{pull}{on}")
        number = await office.customer(by=f"{pull}{on}")
        await office.desk.claim(lea, number)
        await office.desk.reply(lea, number, "Here.")
        async with database.read() as connection:
            id_ = (await connection.execute(case.select().order_by(case.c.id.desc()))).mappings().first()
            assert id_ is not None
            rows = await store_rows(connection, id_["conversation_id"])
        assert len(rows) == kept
        assert all(each.at == NOW + after for each in rows)


async def store_rows(connection: Any, conversation_id: int) -> list[Due]:
    from store.unread import rows

    return [each for each, _ in await rows(connection, conversation_id)]


async def test_an_address_after_the_answer(database: Database) -> None:
    office = Office(database, pull=True)
    office.rules = replace(rules(), mail_after=5 * MINUTE)
    lea, number = await office.agent(), await office.customer()
    await office.desk.claim(lea, number)
    await office.desk.reply(lea, number, "Here.")

    async def given(after: timedelta | None = 5 * MINUTE, at: datetime = NOW) -> bool:
        async with database.write("test") as connection:
            return await unread.address_given(connection, 1, now=at, after=after)

    assert not await given(), "there is none yet"
    async with database.write("test") as connection:
        await connection.execute(update(customer).values(email=ANA))
    assert await given()
    async with database.write("test") as connection:
        assert len(await store_rows(connection, 1)) == 1, "the reply's own row is enough"
        await connection.exec_driver_sql("UPDATE due SET consumed_at = 1")
    assert not await given(after=None)
    late = NOW + timedelta(hours=1)
    assert await given(at=late)
    assert await given(at=late)
    async with database.write("test") as connection:
        assert [each.at for each in await store_rows(connection, 1)] == [late]
        await connection.exec_driver_sql("UPDATE due SET consumed_at = 1")
        await connection.execute(update(conversation).values(seen_seq=99))
    assert not await given(at=late), "all is read"
