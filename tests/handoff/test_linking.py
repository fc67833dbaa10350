"""Codes and links while time passes: what is forgotten when, what is free again, what the clock joins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from handoff import texts
from handoff.errors import HeldByOther, NoSuchCase, NotHeld, WrongState
from handoff.linking import CODES_AN_HOUR, WRONG_AN_HOUR, Linking, Writer
from handoff.proof import ASKS, LIVES, MASKED, PROOF, Codes, code_in
from store import journey
from store.changes import Changes
from store.database import Database
from store.tables import case_event, conversation, identity, link, message
from store.words import case_id
from tests.people import Office
from tests.rows import incoming, keep, row_of

CODES = Codes(b"secret")


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


async def said(office: Office, talk: int) -> list[str]:
    """What stands in a conversation from our side."""
    async with office.database.read() as connection:
        rows = await connection.execute(
            select(message.c.body)
            .where(message.c.conversation_id == talk, message.c.kind == "notice")
            .order_by(message.c.seq)
        )
        return [row[0] for row in rows]


async def writes(office: Office, talk: int, mark: dict[str, Any]) -> str:
    """A code or a request for one, dealt with as the router does; what was answered."""
    linking = Linking(codes=CODES, bot="Ada", pull=lambda channel: True)
    row = await row_of(office.database, conversation, talk)
    of = Writer(conversation=talk, identity=row["identity_id"], channel=row["channel"], public=row["public"])
    async with office.database.write("test") as connection:
        beside = await linking.beside(connection, of, [mark], office.now)
        locked = await journey.lock(connection, [talk, *beside])
        changes = Changes()
        dealt = await linking.deal(connection, changes, of, [mark], locked, office.now)
        here = locked[talk]
        changes.advance(talk, next_seq=dealt.seq, version=here.version + 1, owner=here.owner, epoch=here.epoch)
        await changes.write(connection)
    return (await said(office, talk))[-1]


def proof(code: str) -> dict[str, Any]:
    return {PROOF: CODES.hash(code)}


async def code_for(office: Office, talk: int) -> str:
    words = await writes(office, talk, {ASKS: "command"})
    code = code_in(next(word.rstrip(".") for word in words.split() if word.startswith("WL-")))
    assert code is not None
    return code


async def talk_of(office: Office, by: str) -> int:
    return (await keep(office.database, incoming(by=by, id=by, channel=f"the{by}")))[0].conversation


async def test_a_code_is_forgotten_when_its_time_is_over(office: Office) -> None:
    ana, ben = await talk_of(office, "ana"), await talk_of(office, "ben")
    code = await code_for(office, ana)
    await office.pass_time(LIVES - timedelta(seconds=1))
    assert MASKED not in (await said(office, ana))[-1]
    await office.pass_time(timedelta(seconds=1))
    assert MASKED in (await said(office, ana))[-1]
    assert await writes(office, ben, proof(code)) == texts.CODE_WRONG


async def test_tries_and_codes_are_free_again_after_an_hour(office: Office) -> None:
    ana, ben = await talk_of(office, "ana"), await talk_of(office, "ben")
    for _ in range(CODES_AN_HOUR):
        await code_for(office, ana)
    assert await writes(office, ana, {ASKS: "command"}) == texts.CODES_TOO_OFTEN
    for _ in range(WRONG_AN_HOUR):
        assert await writes(office, ben, proof("nothing")) == texts.CODE_WRONG
    assert await writes(office, ben, proof("nothing")) == texts.CODE_TRIES
    await office.pass_time(timedelta(hours=1))
    code = await code_for(office, ana)
    assert await writes(office, ben, proof(code)) == texts.LINKED.format(where="on Theana")
    assert (await said(office, ana))[-1] == texts.LINKED.format(where="on Theben")


async def test_a_right_code_is_not_taken_from_who_has_guessed_too_often(office: Office) -> None:
    ana, ben = await talk_of(office, "ana"), await talk_of(office, "ben")
    code = await code_for(office, ana)
    for _ in range(WRONG_AN_HOUR):
        await writes(office, ben, proof("nothing"))
    assert await writes(office, ben, proof(code)) == texts.CODE_TRIES
    cem = await talk_of(office, "cem")
    assert await writes(office, cem, proof(code)) == texts.LINKED.format(where="on Theana"), "it still counts"


async def test_an_agent_asks_for_a_proof_only_in_a_case_of_theirs(office: Office) -> None:
    lea, jon = await office.agent("Lea"), await office.agent("Jon")
    number = await office.customer()
    with pytest.raises(NotHeld):
        await office.desk.ask_proof(lea, number)
    await office.desk.claim(jon, number)
    with pytest.raises(HeldByOther):
        await office.desk.ask_proof(lea, number)
    for _ in range(CODES_AN_HOUR):
        await office.desk.ask_proof(jon, number)
    with pytest.raises(WrongState, match="several codes"):
        await office.desk.ask_proof(jon, number)
    words = [text for text in await said(office, 1) if "alone in a message" in text]
    assert [text.startswith("Jon would like") for text in words] == [True] * CODES_AN_HOUR
    assert [MASKED in text for text in words] == [True] * (CODES_AN_HOUR - 1) + [False]
    await office.desk.resolve(jon, number, outcome="solved")
    with pytest.raises(WrongState, match="resolved"):
        await office.desk.ask_proof(jon, number)


async def kinds(office: Office, number: str) -> list[str]:
    async with office.database.read() as connection:
        rows = await connection.execute(select(case_event.c.kind).where(case_event.c.case_id == case_id(number)))
        return [row[0] for row in rows if row[0] in ("linked", "unlinked")]


async def test_the_clock_joins_what_platforms_vouch_for_and_a_person_parts_it(office: Office) -> None:
    lea = await office.agent("Lea")
    ana, ben = await office.customer(by="ana"), await office.customer(by="ben")
    for name in ("ana", "ben"):
        told = incoming("b", by=name, id=f"{name}-told", email="Ana@example.com", email_verified=True)
        await keep(office.database, told, now=office.now)
    await office.tick()
    assert [await kinds(office, number) for number in (ana, ben)] == [["linked"], ["linked"]]
    rows = [await row_of(office.database, identity, id_) for id_ in (1, 2)]
    assert rows[0]["customer_id"] == rows[1]["customer_id"]
    made = await row_of(office.database, link, 1)
    assert (made["how"], made["identity_id"] != made["other_id"], made["agent_id"]) == ("profile", True, None)
    await office.desk.unlink(lea, ben, 1)
    with pytest.raises(NoSuchCase, match="just now"):
        await office.desk.unlink(lea, ana, 1)
    assert [await kinds(office, number) for number in (ana, ben)] == [["linked", "unlinked"], ["linked", "unlinked"]]
    rows = [await row_of(office.database, identity, id_) for id_ in (1, 2)]
    assert rows[0]["customer_id"] != rows[1]["customer_id"]
    for number in ("W-999999", "nonsense"):
        with pytest.raises(NoSuchCase):
            await office.desk.unlink(lea, number, 1)
