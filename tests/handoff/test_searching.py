"""What is looked for is found, alike on both databases; what may not be found is not; pages hold still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update

from handoff import searching
from handoff.searching import Found, excerpt, find, parse
from store import findable, search, tags
from store.database import Database
from store.findable import Term
from store.tables import attachment, message
from tests.rows import MINUTE, NOW, add, incoming, keep, open_case, person, put_out, write_in

SAID = {
    1: "My card was declined twice, the invoice INV-2024/17 is wrong.",
    2: "Der Café-Besitzer heißt Łukasz Müller, straße 5",
    3: "我想取消订单，谢谢",  # noqa: RUF001 - as people write
    4: "できますか？ カレンダーが開きません",  # noqa: RUF001
    5: "It works now 🎉🎉 thanks 👍🏽",
    6: "declined: the card. Not a card declined, you see",
    7: "Не работает вход, помогите",  # noqa: RUF001
    8: "see https://example.com/a_b?c=1 and mail ana.silva@example.com",
    9: "I can't log in; it's 12:30 & 50% off",
    10: "e\u0301te\u0301 ﬁne ½ ①",
    11: "हिन्दी में मदद चाहिए",
    12: "สวัสดีครับ ช่วยด้วย",
    13: "مَرْحَبًا هل يمكن المساعدة",
    14: "x" * 5000 + " end",
    15: "NEAR AND OR NOT words",
    16: "한국어로 도와주세요",
}
ASKED = {
    "card": [6, 1],
    "CARD declined": [6, 1],
    '"card declined"': [6],
    '"card was"': [1],
    "inv-2024/17": [1],
    "2024/17": [1],
    "decl*": [6, 1],
    "decl": [],
    '"card was decl"*': [1],
    "cafe": [2],
    "CAFÉ-besitzer": [2],
    "heisst": [2],
    "muller": [2],
    "STRASSE": [2],
    "łukasz": [2],
    "取消": [3],
    "订单": [3],
    "消取": [],
    "カレンダー": [4],
    "開きません": [4],
    "か": [4],
    "🎉": [5],
    "👍": [5],
    "👍🏿": [5],
    "🎉 thanks": [5],
    "НЕ РАБОТАЕТ": [7],  # noqa: RUF001
    "помог*": [7],
    "example.com": [8],
    "ana.silva@example.com": [8],
    "silva@example": [8],
    "a_b": [8],
    "can't": [9],
    "cant": [],
    "12:30": [9],
    "50%": [9],
    "été": [10],
    "ete fine": [10],
    "1": [10, 8],
    "हिन्दी": [11],
    "ช่วย": [12],
    "مرحبا": [13],
    "x" * 250: [14],
    "x" * 64 + "y": [14],
    "near": [15],
    "NEAR AND": [15],
    "not": [15, 6],
    '"near and or"': [15],
    "한국어로": [16],
    "한국*": [16],
    "nothing of this": [],
}


@pytest.fixture
async def told(database: Database) -> Database:
    await keep(database, *(incoming(words, id=f"m{n}", by=f"c{n}") for n, words in SAID.items()))
    return database


async def asked(database: Database, query: str, *, me: int = 1, **more: Any) -> Found:
    async with database.read() as connection:
        return await find(connection, parse(query, me=me), whole=query, **more)


async def numbers(database: Database, query: str, **more: Any) -> list[int]:
    return [hit.row["id"] for hit in (await asked(database, query, **more)).hits]


async def test_both_databases_find_the_same(told: Database) -> None:
    assert {query: await numbers(told, query) for query in ASKED} == ASKED


async def test_what_was_found_is_marked_as_it_was_written(told: Database) -> None:
    def marks(found: Found) -> list[str]:
        return [words for hit in found.hits for words, is_it in hit.pieces if is_it]

    assert marks(await asked(told, "cafe")) == ["Café"]
    assert marks(await asked(told, '"card declined"')) == ["card declined"]
    assert marks(await asked(told, "取消")) == ["取消"]
    assert marks(await asked(told, "ete fine")) == ["e\u0301te\u0301", "ﬁne"]
    assert marks(await asked(told, "from:customer card invoice")) == ["card", "invoice"]


async def test_hostile_words_are_words(told: Database) -> None:
    for query in ('"', '"" *', "NEAR(a b)", "a* AND *", "{words}: x", "' OR 1=1; DROP TABLE message; --",
                  "\x00", "-x", "'a':*", "!!", "<->", "\\", "\ue000ana", "(" * 300, '"' * 299, "*" * 5, "a:b:c",
                  "%s :x"):  # fmt: skip
        await asked(told, query)
    async with told.read() as connection:
        assert len((await connection.execute(select(message.c.id))).all()) == len(SAID)


@given(st.text(max_size=400))
def test_no_query_raises_and_no_sign_of_a_database_gets_through(query: str) -> None:
    wanted = parse(query, me=1)
    for term in wanted.terms:
        for word in term.words:
            assert word
            assert not set(word) & set("\"'\\:*&|!<>() \t\n\x00^")


@given(st.text(max_size=300))
def test_a_text_is_found_by_each_of_its_own_words(said: str) -> None:
    for start, end, word in findable.spans(said):
        assert word in findable.words(said[start:end])
    assert [word for _, _, word in findable.spans(said)] == findable.words(said)
    assert "".join(words for words, _ in excerpt(said[:200], ())) == searching.re.sub(r"\s+", " ", said[:200])


def test_an_excerpt_stands_around_the_first_word_that_was_found() -> None:
    long = "blah " * 100 + "the needle here " + "blub " * 100
    pieces = excerpt(long, [Term(words=("needle",))])
    assert pieces[0] == ("…", False)
    assert ("needle", True) in pieces
    assert pieces[-1] == ("…", False)
    assert sum(len(words) for words, _ in pieces) < searching.SHOWN + 5
    assert excerpt("nothing of it", [Term(words=("needle",))]) == [("nothing of it", False)]


# --- what may not be found -------------------------------------------------------------------------


async def test_a_code_is_never_found(database: Database) -> None:
    """Neither while it counts nor after; nor what stands in its place, for the machine says that to everybody."""
    kept = await write_in(database)
    id_ = await put_out(database, kept.conversation, "Your code is WL-4711-0815", kind="notice", author="system",
                        meta={"masked": "Your code is hidden"})  # fmt: skip
    by_hand = await put_out(database, kept.conversation, "WL-4711-0815", meta={"masked": "a code that is hidden"})
    for query in ("4711", "WL-4711-0815", "WL*", "0815"):
        assert await numbers(database, query) == []
    assert await numbers(database, "hidden") == [by_hand]
    (hit,) = (await asked(database, "hidden")).hits
    assert "4711" not in str(hit)
    async with database.write("test") as connection:
        await connection.execute(update(message).where(message.c.id == id_).values(body="Your code is hidden"))
    assert await numbers(database, "4711") == []


async def test_what_was_replaced_or_taken_back_is_not_found(database: Database) -> None:
    await keep(database, incoming("first helicopter"))
    assert len(await numbers(database, "helicopter")) == 1
    await keep(database, incoming("second helicopter", kind="edit", revision=1))
    (hit,) = (await asked(database, "helicopter")).hits
    assert hit.row["body"] == "second helicopter"
    await keep(database, incoming("", kind="deletion", revision=2))
    assert await numbers(database, "helicopter") == []
    await keep(database, incoming("third helicopter", kind="edit", revision=3))
    assert [hit.row["body"] for hit in (await asked(database, "helicopter")).hits] == ["third helicopter"]


async def test_a_row_that_changes_or_goes_is_found_by_what_it_is(database: Database) -> None:
    kept = await write_in(database, "a submarine")
    async with database.write("test") as connection:
        words = findable.words("an aeroplane")
        await connection.execute(
            update(message).where(message.c.id == kept.message).values(body="an aeroplane", words=" ".join(words))
        )
    assert await numbers(database, "submarine") == []
    assert await numbers(database, "aeroplane") == [kept.message]
    async with database.write("test") as connection:
        await connection.execute(delete(message).where(message.c.id == kept.message))
    assert await numbers(database, "aeroplane") == []


async def test_what_the_machine_says_to_everybody_and_what_never_left_is_not_found(database: Database) -> None:
    kept = await write_in(database)
    await put_out(database, kept.conversation, "zeppelin", kind="acknowledgement", author="bot")
    await put_out(database, kept.conversation, "zeppelin", status="cancelled")
    said = await put_out(database, kept.conversation, "zeppelin", kind="answer", author="bot", status="sent")
    assert await numbers(database, "zeppelin") == [said]


# --- who, where, when ------------------------------------------------------------------------------


async def test_each_filter_leaves_what_it_says(database: Database) -> None:
    lea = await person(database, "Lea Winter")
    ana, ben = await keep(
        database,
        incoming("the printer burns", id="1", by="ana", author_name="Ana Souza", email="ana@souza.example"),
        incoming("the printer smokes", id="2", by="ben", author_name="Ben Okri", channel="slack"),
    )
    await open_case(database, ana.conversation, tier="outage")
    reply = await put_out(database, ana.conversation, "put the printer out", agent_id=lea.id, author_name="Lea Winter",
                          created_at=NOW + 2 * timedelta(days=1))  # fmt: skip
    note = await put_out(database, ben.conversation, "a printer again", direction="note", agent_id=lea.id, status=None,
                         author_name="Lea Winter", created_at=NOW + 3 * timedelta(days=1))  # fmt: skip
    for query, found in {
        "printer": [note, reply, ben.message, ana.message],
        "printer from:customer": [ben.message, ana.message],
        "printer from:agent": [reply],
        "printer from:note": [note],
        "printer from:me": [note, reply],
        "printer from:lea": [note, reply],
        "printer from:SOUZA": [ana.message],
        "printer tier:outage": [reply, ana.message],
        "printer channel:slack": [note, ben.message],
        "printer person:ana": [reply, ana.message],
        "person:souza": [reply, ana.message],
        "person:ana@souza.example": [reply, ana.message],
        'person:"Ben Okri" printer': [note, ben.message],
        "person:ana person:ben": [],
        "person:lea printer": [],
        "printer after:2025-03-05": [note, reply],
        "printer before:2025-03-05": [ben.message, ana.message],
        "printer after:2025-03-04 before:2025-03-06": [reply],
        "after:2025-03-06": [note],
        "tier:outage": [reply, ana.message],
    }.items():
        assert await numbers(database, query, me=lea.id) == found, query
    assert [who["name"] for who in (await asked(database, "okri")).people] == ["Ben Okri"]
    assert [who["name"] for who in (await asked(database, "ana@souza.example")).people] == ["Ana Souza"]
    assert not (await asked(database, "printer")).people


async def test_a_file_is_found_by_its_name_and_by_the_words_it_came_with(database: Database) -> None:
    kept = await write_in(database, "here you are")
    await add(database, attachment, message_id=kept.message, name="Rechnung_März-2025.PDF", media_type="a", size=1,
              created_at=NOW)  # fmt: skip
    for query in ("rechnung", "marz", "pdf 2025", "rechnung here", "Rechnung_März-2025.PDF"):
        assert await numbers(database, query) == [kept.message], query
    (hit,) = (await asked(database, "pdf")).hits
    assert [piece for name in hit.files for piece in name if piece[1]] == [("PDF", True)]


async def tagged(database: Database, words: str, *names: str, by: str) -> int:
    """A message in a case with these tags."""
    lea = await person(database)
    kept = await write_in(database, words, by=by)
    case = await open_case(database, kept.conversation)
    async with database.write("test") as connection:
        await tags.put(connection, case, names, lea.id, NOW)
    return kept.message


async def test_cases_are_found_by_their_tags(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await tagged(database, "the printer burns", "vip", "late-refund", by="ann")
    other = await tagged(database, "the printer smokes", "vip", by="ben")
    await tagged(database, "the printer sings", by="cho")
    for places in (search.PLACES, 1):  # from the tag's cases; and of a tag that many have, along the messages
        monkeypatch.setattr(search, "PLACES", places)
        for query, found in {
            "tag:vip": [other, one],
            "tag:VIP burns": [one],
            'tag:"Late  Refund"': [one],
            "tag:vip tag:late-refund": [one],
            "tag:late-refund smokes": [],
            "tag:vi": [],
            "tag:vip printer": [other, one],
            "tag:vip' printer": [],
        }.items():
            assert await numbers(database, query) == found, (query, places)


def test_a_day_is_a_day_of_the_company() -> None:
    zone = ZoneInfo("America/New_York")
    now = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # the evening before, over there
    for said, day in {"today": 22, "yesterday": 21, "2d": 20, "2026-11-03": 3, "2026-11": 1}.items():
        found = parse(f"after:{said}", me=1, zone=zone, now=now).filter.since
        assert found is not None
        assert found.astimezone(zone).day == day, said
        assert found.astimezone(zone).hour == 0


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("tier:red x", "tier: knows"),
        ("before:soon", "before: wants a day"),
        ("after:2026-13-40", "after: wants a day"),
        ("after:9999d", ""),
        ("tag:a,b", "behind tag: holds ,"),
        ("tag:a\u202eb", "U+202E"),
        ("tag:%", "behind tag: is no word"),
        ("person:!!", "person: wants a name"),
        ("from:*", "from: wants a name"),
        ("x" * 301, "too long"),
        (" ".join(f"w{n}" for n in range(13)), "first 12 words"),
    ],
)
def test_what_cannot_be_meant_is_said(query: str, fault: str) -> None:
    faults = parse(query, me=1).faults
    assert (fault in faults[0]) if fault else not faults


# --- pages -----------------------------------------------------------------------------------------


async def many(database: Database, count: int, every: int) -> None:
    kept = await write_in(database, "begin")
    async with database.write("test") as connection:
        await connection.execute(
            insert(message),
            [
                {"conversation_id": kept.conversation, "seq": n + 1, "direction": "in", "author": "customer",
                 "kind": "text", "body": f"line {n}{' rare' if n % every == 0 else ''}", "created_at": NOW + n * MINUTE}
                for n in range(1, count + 1)
            ],
        )  # fmt: skip


async def walk(database: Database, query: str, **more: Any) -> list[int]:
    seen: list[int] = []
    below = None
    while True:
        found = await asked(database, query, below=below, **more)
        seen += [hit.row["id"] for hit in found.hits]
        if (below := found.next) is None:
            return seen


async def test_pages_hold_all_once_and_do_not_move_when_more_is_written(database: Database) -> None:
    await many(database, 100, 3)
    first = await asked(database, "line", limit=40)
    await keep(database, incoming("a new line", id="new", by="zoe"))
    rest = await walk(database, "line", limit=40)
    second = await asked(database, "line", below=first.next, limit=40)
    ids = [hit.row["id"] for page in (first, second) for hit in page.hits]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 80
    assert sorted(rest, reverse=True) == rest
    assert len(rest) == 101
    assert not second.people


async def test_a_page_that_has_looked_enough_says_so_and_goes_on_from_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "LOOKS", (10, 10))
    await many(database, 200, 50)
    lea = await person(database)
    found = await asked(database, "line from:me", me=lea.id, limit=5)
    assert (list(found.hits), found.further) == ([], True)
    assert found.next is not None
    assert await walk(database, "line from:me", me=lea.id, limit=5) == []
    assert len(await walk(database, "line channel:web", limit=5)) == 200


async def test_words_that_were_common_long_ago_are_found_by_the_index(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "NEAR", 5)
    await many(database, 100, 30)
    assert len(await walk(database, "rare", limit=2)) == 3
    assert len(await walk(database, "line after:2025-03-03 before:2025-03-04", limit=20)) == 100


async def test_times_are_found_by_halves(database: Database) -> None:
    await many(database, 50, 50)
    async with database.read() as connection:
        for n in (1, 7, 50):
            assert await search.number_at(connection, NOW + n * MINUTE) == n + 1
        assert await search.number_at(connection, NOW - MINUTE) <= 1
        assert await search.number_at(connection, NOW + 60 * MINUTE) == 52
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
