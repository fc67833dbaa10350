"""Words of the company's own on cases: one word is one tag, all together or not at all, and they go where cases go."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from handoff.errors import NoSuchCase, WrongState
from handoff.tagging import AT_MOST, LONGEST, tag_of
from handoff.work import Once
from store import tags
from store.agents import Agent
from store.database import Database
from store.tables import audit, case_event, case_tag, message
from store.words import case_id
from tests.handoff.test_merging import same_customer, two
from tests.people import Office


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


async def tagged(office: Office, agent: Agent, number: str, *add: str, remove: tuple[str, ...] = ()) -> dict[str, Any]:
    return await office.desk.tagging.change(agent, number, add=add, remove=remove)


async def of(office: Office, number: str) -> list[str]:
    id_ = case_id(number) or 0
    async with office.database.read() as connection:
        return (await tags.of(connection, [id_])).get(id_, [])


async def story(office: Office, number: str) -> list[Any]:
    query = select(case_event.c.data).where(case_event.c.case_id == case_id(number), case_event.c.kind == "tagged")
    async with office.database.read() as connection:
        return list((await connection.execute(query.order_by(case_event.c.id))).scalars())


# --- what a tag is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("VIP", "vip"),
        ("  Late \t\n refund ", "late-refund"),
        ("late - refund", "late-refund"),
        ("late-refund", "late-refund"),
        ("Straße", "strasse"),
        ("e\u0301te\u0301", "été"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("取消", "取消"),
        ("מיוחד", "מיוחד"),
        ("🔥", "🔥"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a\u2028b", "a-b"),
        ("q3/2026 #7 & more", "q3/2026-#7-&-more"),
        ("x" * LONGEST, "x" * LONGEST),
    ],
)
def test_one_word_is_one_tag_however_it_was_typed(typed: str, kept: str) -> None:
    assert tag_of(typed) == kept


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "no word"),
        (" \t ", "no word"),
        ("---", "no word"),
        ("\u0301", "no word"),
        ("a,b", "holds ,"),
        ('say "so"', 'holds "'),
        ("a\x00b", "U+0000"),
        ("a\x1b[31m", "U+001B"),
        ("a\x9bb", "U+009B"),
        ("vip\u202egnp", "U+202E"),
        ("\u2066vip", "U+2066"),
        ("v\u200bip", "U+200B"),
        ("vip\ufeff", "U+FEFF"),
        ("a\ud800", "U+D800"),
        ("a\U000e0041", "U+E0041"),
        ("x" * (LONGEST + 1), "more than 40"),
        ("ß" * LONGEST, "more than 40"),
        ("x" * 100_000, "more than 40"),
    ],
)
def test_what_is_no_tag_is_refused_with_the_reason(typed: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"; (use|remove)") as refused:
        tag_of(typed)
    assert why in str(refused.value)


@given(st.text(max_size=60))
def test_a_tag_is_clean_and_stays_what_it_is(typed: str) -> None:
    try:
        tag = tag_of(typed)
    except ValueError:
        return
    assert tag_of(tag) == tag
    assert 1 <= len(tag) <= LONGEST
    assert not [sign for sign in tag if sign.isspace() or sign in ',"' or unicodedata.category(sign)[0] == "C"]


# --- the act ---------------------------------------------------------------------------------------


async def test_tags_are_put_on_and_taken_off_in_one_act_with_one_line(office: Office) -> None:
    lea, number = await office.agent(), await office.customer()
    answer = await tagged(office, lea, number, "vip", "refund")
    assert answer == {"number": number, "status": "waiting", "assignee": None, "tags": ["refund", "vip"]}
    assert office.published[-1][1] == case_id(number)
    await tagged(office, lea, number, "sso", remove=("vip", "never-there"))
    assert await of(office, number) == ["refund", "sso"]
    assert await story(office, number) == [
        {"added": ["refund", "vip"], "removed": []}, {"added": ["sso"], "removed": ["vip"]},
    ]  # fmt: skip
    async with office.database.read() as connection:
        lines = (await connection.execute(select(audit.c.action, audit.c.subject, audit.c.agent_id))).all()
        rows = (await connection.execute(select(case_tag.c.tag, case_tag.c.agent_id, case_tag.c.at))).all()
    assert [tuple(line) for line in lines] == [("tag", number, lea.id)] * 2
    assert {(row.agent_id, row.at) for row in rows} == {(lea.id, office.now)}


async def test_what_changes_nothing_leaves_no_line(office: Office) -> None:
    lea, number = await office.agent(), await office.customer()
    await tagged(office, lea, number, "vip")
    assert (await tagged(office, lea, number, "vip", remove=("other",)))["tags"] == ["vip"]
    assert len(await story(office, number)) == 1
    async with office.database.read() as connection:
        assert len((await connection.execute(select(audit.c.id))).all()) == 1


async def test_two_who_tag_at_once_both_succeed(office: Office) -> None:
    lea, tom, number = await office.agent(), await office.agent("Tom"), await office.customer()
    await asyncio.gather(
        tagged(office, lea, number, "vip", "one"), tagged(office, tom, number, "vip", "two"),
        tagged(office, lea, number, "three"), tagged(office, tom, number, "three", "four"),
    )  # fmt: skip
    assert await of(office, number) == ["four", "one", "three", "two", "vip"]


async def test_the_same_request_again_is_done_once(office: Office) -> None:
    lea, number = await office.agent(), await office.customer()
    once = Once(key="k", request={"add": ["vip"]})
    change = office.desk.tagging.change
    first = await change(lea, number, add=["vip"], remove=[], once=once)
    await tagged(office, lea, number, remove=("vip",))
    assert await change(lea, number, add=["vip"], remove=[], once=once) == first
    assert await of(office, number) == []


async def test_a_case_has_twelve_at_most_all_or_none(office: Office) -> None:
    lea, number = await office.agent(), await office.customer()
    await tagged(office, lea, number, *(f"t{n}" for n in range(AT_MOST - 1)))
    with pytest.raises(WrongState, match="13 tags; 12 are the most"):
        await tagged(office, lea, number, "a", "b")
    assert len(await of(office, number)) == AT_MOST - 1
    await tagged(office, lea, number, "a", "b", remove=("t0",))
    assert len(await of(office, number)) == AT_MOST
    with pytest.raises(NoSuchCase):
        await tagged(office, lea, "W-9999", "a")


async def test_a_reply_that_waits_need_not_leave_for_a_tag(office: Office) -> None:
    lea, number = await office.agent(), await office.customer()
    await office.desk.claim(lea, number)
    async with office.database.read() as connection:
        before = (await connection.execute(select(message.c.id))).all()
    held = await office.desk.reply(lea, number, "Nearly.", hold=office.now.resolution * 10_000_000)
    assert "hold" in held
    await tagged(office, lea, number, "vip")
    async with office.database.read() as connection:
        assert (await connection.execute(select(message.c.id))).all() == before


async def test_known_tags_come_in_order_with_how_many_are_open(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    lea = await office.agent()
    numbers = [await office.customer(by=f"c{n}") for n in range(4)]
    for number in numbers:
        await tagged(office, lea, number, "vip", f"only-{number[-1]}")
    await office.desk.claim(lea, numbers[0])
    await office.desk.resolve(lea, numbers[0])
    await tagged(office, lea, numbers[1], "gone")
    await tagged(office, lea, numbers[1], remove=("gone",))

    async def known(begin: str = "", **more: Any) -> list[tuple[str, int]]:
        async with office.database.read() as connection:
            return [(each.tag, each.open) for each in await tags.known(connection, begin, **more)]

    ours = [f"only-{number[-1]}" for number in numbers]
    assert await known() == [(ours[0], 0), *((tag, 1) for tag in ours[1:]), ("vip", 3)]
    assert await known("vi") == [("vip", 3)]
    assert await known("vip2") == []
    assert await known("o", limit=2) == [(ours[0], 0), (ours[1], 1)]
    monkeypatch.setattr(tags, "NEWEST", 2)
    assert await known("v") == [("vip", 2)], "of the newest"


# --- merging ---------------------------------------------------------------------------------------


async def test_the_one_that_lives_on_has_the_tags_of_both_until_they_part(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office)
    await tagged(office, lea, stays, "vip", "mine")
    await tagged(office, lea, goes, "vip", "theirs")
    await office.desk.merging.merge(lea, goes, stays)
    assert await of(office, stays) == ["mine", "theirs", "vip"]
    with pytest.raises(WrongState, match=f"merged into {stays}. Tag that one"):
        await tagged(office, lea, goes, "late")
    await tagged(office, lea, stays, "late")
    await office.desk.merging.unmerge(lea, goes)
    assert await of(office, stays) == ["late", "mine", "vip"]
    assert await of(office, goes) == ["theirs", "vip"]


async def test_what_was_taken_off_does_not_come_back_when_they_part(office: Office) -> None:
    lea = await office.agent()
    stays, goes = await two(office)
    await tagged(office, lea, goes, "theirs", "other")
    await office.desk.merging.merge(lea, goes, stays)
    await tagged(office, lea, stays, remove=("theirs",))
    assert await of(office, stays) == ["other"]
    await office.desk.merging.unmerge(lea, goes)
    assert (await of(office, stays), await of(office, goes)) == ([], ["other", "theirs"])


async def test_of_three_in_a_row_each_takes_its_own_along(office: Office) -> None:
    lea = await office.agent()
    first, second = await two(office)
    third = await office.customer(by="cho")
    await same_customer(office)
    await tagged(office, lea, first, "one", "shared")
    await tagged(office, lea, second, "two", "shared")
    await office.desk.merging.merge(lea, first, second)
    await office.desk.merging.merge(lea, second, third)
    assert await of(office, third) == ["one", "shared", "two"]
    await office.desk.merging.unmerge(lea, second)
    assert await of(office, third) == ["one", "shared"], "the first is still a part of it, and brought that, too"
    assert await of(office, second) == ["shared", "two"]
    await office.desk.merging.unmerge(lea, first)
    assert (await of(office, third), await of(office, first)) == ([], ["one", "shared"])
