"""Every hot query has an index behind it, on the database that plans without statistics.

What counts is the statement as the driver gets it, with its bound values: SQLite uses a partial index only if the
statement repeats the index's condition, and a list of bound values repeats nothing.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store import (
    articles,
    blocks,
    board,
    cases,
    drafts,
    dues,
    holds,
    inbox,
    journey,
    keys,
    labels,
    letters,
    line,
    links,
    mentions,
    offers,
    outbox,
    persons,
    probes,
    quarantine,
    samples,
    search,
    standings,
    story,
    tags,
    transcripts,
    undelivered,
    unread,
    uploads,
    visits,
)
from store.cases import Filter
from store.changes import NEVER, Changes
from store.database import Database, open_database
from store.findable import Term
from store.migrate import migrate
from store.outbox import Settlement
from store.tables import (
    agent,
    case,
    case_tag,
    conversation,
    customer,
    customer_note,
    draft,
    due,
    hold,
    identity,
    label,
    link,
    link_code,
    link_try,
    message,
    offer,
    probe,
    promise,
    sample,
)
from store.tables import quarantine as quarantined
from tests.rows import NOW, incoming

BIG = (
    "message",
    "case",
    "conversation",
    "due",
    "customer",
    "identity",
    "promise",
    "case_event",
    "attachment",
    "verdict",
    "idempotency",
    "sample",
    "link",
    "link_code",
    "mention",
    "block",
    "link_try",
    "quarantine",
    "probe",
    "upload",
    "label",
    "customer_note",
    "hold",
    "draft",
    "offer",
    "case_tag",
)
ROWS = 3000
LATER = NOW + timedelta(days=1)

Query = Callable[[AsyncConnection], Awaitable[Any]]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explain") / "warmline.db"
    asyncio.run(_fill(f"sqlite:///{path}"))
    return path


@pytest.fixture
async def desk_of_thousands(filled: Path, tmp_path: Path) -> AsyncIterator[Database]:
    shutil.copy(filled, tmp_path / "warmline.db")
    database = open_database(f"sqlite:///{tmp_path / 'warmline.db'}")
    yield database
    await database.close()


async def _fill(url: str) -> None:
    """Some thousand of everything, most of it settled, as in a desk that has run for a while."""
    database = open_database(url)
    await migrate(database)
    tiers = ("outage", "billing", "problem", "howto", "person", "unknown")
    statuses = ("waiting", "open", "pending", "snoozed", "resolved", "resolved", "resolved")
    async with database.write("test") as connection:
        await connection.execute(
            insert(agent),
            [{"email": f"a{n}@x", "name": f"A{n}", "role": "agent", "created_at": NOW} for n in range(5)],
        )
        people = range(1, ROWS + 1)
        await connection.execute(
            insert(customer),
            [{"name": f"Name {n}", "key": f"name {n}", "email": f"c{n}@x", "created_at": NOW} for n in people],
        )
        await connection.execute(
            insert(identity),
            [
                {"customer_id": n, "channel": "web", "account": "d", "external_id": f"e{n}", "key": f"k{n}",
                 "home_id": n if n % 2 else None, "proven": f"c{n}@x" if n % 3 else None, "created_at": NOW}
                for n in people
            ],
        )  # fmt: skip
        await connection.execute(
            insert(conversation),
            [
                {"key": f"k{n}", "customer_id": n, "identity_id": n, "channel": "web", "account": "d", "place": f"p{n}",
                 "recipient": "r", "created_at": NOW, "last_in_at": NOW, "next_seq": 4}
                for n in people
            ],
        )  # fmt: skip
        await connection.execute(insert(message), [row for n in people for row in _messages(n)])
        await connection.execute(
            insert(case),
            [
                {"conversation_id": n, "customer_id": n, "channel": "web", "tier": tiers[n % 6], "sla": tiers[n % 6],
                 "urgent": n % 6 in (0, 1, 4), "status": statuses[n % 7], "assignee_id": n % 5 + 1 if n % 3 else None,
                 "deadline": NOW, "sort_at": NOW + timedelta(seconds=n) if n % 4 else NEVER, "reason": "r",
                 "customer_name": f"Name {n}", "opened_at": NOW, "opened_seq": 1, "first_answer_at": NOW}
                for n in people
            ],
        )  # fmt: skip
        await connection.execute(
            insert(case_tag),
            [
                {"case_id": n, "tag": tag, "agent_id": 1, "at": NOW, "from_id": n - 1 if n % 9 == 0 else None}
                for n in people
                for tag in (f"t{n % 20}", "every")
            ],
        )
        await connection.execute(
            insert(due),
            [
                {"kind": "breach", "subject": n, "at": NOW + timedelta(seconds=n), "created_at": NOW,
                 "consumed_at": NOW if n % 10 else None}
                for n in people
            ],
        )  # fmt: skip
        await connection.execute(
            insert(promise),
            [
                {"case_id": n, "conversation_id": n, "kind": "first_answer", "by": NOW, "basis": "b",
                 "state": "kept" if n % 10 else "open", "made_at": NOW}
                for n in people
            ],
        )  # fmt: skip
        await connection.execute(
            insert(sample),
            [
                {"message_id": 3 * n - 2, "conversation_id": n, "came_at": NOW + timedelta(seconds=n), "words": [1],
                 "decided_at": NOW, "rule": f"r{n % 2}", "tier": tiers[n % 6] if n % 9 else None,
                 "opens_at": 0.2 if n % 7 else None}
                for n in people
            ],
        )  # fmt: skip
        await connection.execute(
            insert(link),
            [
                {"identity_id": n, "other_id": n + 1, "how": "code", "at": NOW, "undone_at": NOW if n % 3 else None}
                for n in people[:-1]
            ],
        )
        await connection.execute(
            insert(link_code),
            [
                {"hash": f"h{n}", "identity_id": n, "conversation_id": n, "seq": 2,
                 "made_at": NOW + timedelta(seconds=n), "expires_at": NOW, "over_at": NOW if n % 9 else None}
                for n in people
            ],
        )  # fmt: skip
        await connection.execute(
            insert(link_try), [{"identity_id": n, "at": NOW + timedelta(seconds=n)} for n in people]
        )
        await connection.execute(
            insert(quarantined),
            [
                {"channel": "web", "account": "d", "external_id": f"e{n}", "dedupe": f"d{n}", "reason": "r",
                 "raw": b"x", "created_at": NOW, "released_at": NOW if n % 3 else None,
                 "set_aside_at": NOW if n % 5 else None, "asked_at": NOW if n % 500 == 1 else None}
                for n in people
            ],
        )  # fmt: skip
        said = {"tier": "outage", "source": "correction", "created_at": NOW}
        await connection.execute(insert(label), [{"message_id": n, **said} for n in people])
        await connection.execute(
            insert(customer_note),
            [{"customer_id": n, "name": "N", "key": f"n{n}", "email": f"n{n}@x", "agent_id": 1, "at": NOW}
             for n in people],
        )  # fmt: skip
        await connection.execute(
            insert(offer),
            [
                {"case_id": n, "agent_id": n % 5 + 1, "at": NOW, "until": LATER,
                 "state": "offered" if n <= 3 else ("taken", "passed", "over")[n % 3]}
                for n in people
            ],
        )  # fmt: skip
        await connection.execute(
            insert(probe),
            [
                {"channel": "web", "account": f"d{n % 5}", "place": "p", "body": "b", "status": "sent" if n % 500 else
                 "queued", "created_at": NOW + timedelta(seconds=n)}
                for n in people
            ],
        )  # fmt: skip
        await connection.execute(
            insert(hold),
            [
                {"case_id": n, "agent_id": n % 5 + 1, "text": "", "after_seq": 2, "made_at": NOW, "leaves_at": NOW,
                 "state": "held" if n % 50 == 1 else ("left", "taken_back", "refused")[n % 3],
                 "ended_at": None if n % 50 == 1 else NOW + timedelta(seconds=n)}
                for n in people
            ],
        )  # fmt: skip
        await connection.execute(
            insert(draft),
            [
                {"agent_id": n % 5 + 1, "case_id": n, "mode": ("reply", "note")[n % 2], "text": "t", "version": 1,
                 "updated_at": NOW + timedelta(seconds=n)}
                for n in people
            ],
        )  # fmt: skip
    await database.close()


def _messages(n: int) -> list[dict[str, Any]]:
    base = {"conversation_id": n, "author": "customer", "kind": "text", "body": "b", "created_at": NOW, "end": None,
            "status": None, "next_try_at": None, "dedupe": None, "origin": None}  # fmt: skip
    return [
        {**base, "seq": 1, "direction": "in", "end": "answered" if n % 50 else None, "dedupe": f"d{n}",
         "origin": f"o{n}"},
        {**base, "seq": 2, "direction": "out", "author": "bot", "status": "sent", "next_try_at": NOW},
        {**base, "seq": 3, "direction": "out", "author": "agent", "next_try_at": NOW,
         "status": ("queued", "sending", "unknown", "failed")[n % 4] if n % 50 == 1 else "sent"},
    ]  # fmt: skip


async def plans(database: Database, query: Query, *, writing: bool = False) -> list[tuple[str, str]]:
    """(statement, plan) of every statement that `query` makes."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        seen.append((statement, parameters[0] if many else parameters))

    async with database.write("test") if writing else database.read() as connection:
        event.listen(connection.sync_connection, "before_cursor_execute", note)
        await query(connection)
        event.remove(connection.sync_connection, "before_cursor_execute", note)
    found = []
    async with database.read() as connection:
        for statement, parameters in seen:
            if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
                rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                found.append((statement, "\n".join(str(row[-1]) for row in rows)))
    assert found, "nothing was asked"
    return found


def faults(statement: str, plan: str, *, ordered: bool) -> list[str]:
    """What is slow in a plan: a whole table read, or a list sorted on every call."""
    names = {name: name for name in BIG}
    for table, alias in re.findall(r'(?:FROM|JOIN|,) "?(\w+)"? AS "?(\w+)"?', statement):
        names[alias] = table
    bad = []
    for step in plan.splitlines():
        scan = re.match(r"SCAN (\w+)(.*)", step)
        if scan and names.get(scan[1]) in BIG and "INDEX ix_" not in scan[2] and "INDEX uq_" not in scan[2]:
            bad.append(step)
        elif scan and names.get(scan[1]) in BIG and not _partial(scan[2]):
            bad.append(f"{step} (the index holds every row)")
        if ordered and "USE TEMP B-TREE FOR" in step and "ORDER BY" in step:
            bad.append(step)
    return bad


PARTIAL = re.compile(
    r"INDEX (ix_message_(undecided|outbox|unsettled|undelivered)|ix_case_(unresolved|resolved|answered)\w*"
    r"|uq_case_unresolved|ix_promise_open|ix_due_(waiting|failed|done)|ix_quarantine_(waiting|asked)|ix_probe_queued"
    r"|uq_hold_held|ix_hold_(left|ended)|ix_sample_(to_label|labelled|judged)|ix_mention_unseen"
    r"|ix_case_customer_surveyed|uq_offer_(case|agent))"
)


def _partial(told: str) -> bool:
    return PARTIAL.search(told) is not None


BEHIND = (True, NOW + timedelta(minutes=5), 300)
LISTS: dict[str, Filter] = {
    "unresolved": Filter(),
    **{status: Filter(status=status) for status in ("waiting", "open", "pending", "snoozed", "resolved")},
    "tier": Filter(tier="billing"),
    "tier and status": Filter(tier="billing", status="waiting"),
    "mine": Filter(assignee=2),
    "mine and open": Filter(assignee=2, status="open"),
    "nobody's": Filter(unassigned=True),
    "nobody's, waiting": Filter(unassigned=True, status="waiting"),
    "nobody's, of a tier": Filter(unassigned=True, tier="problem"),
    "mine, of a tier": Filter(assignee=2, tier="problem"),
    "mine, resolved": Filter(assignee=2, status="resolved"),
    "tier, resolved": Filter(tier="problem", status="resolved"),
}
PAGES = {"first page": None, "in the first class": BEHIND, "in the second class": (False, *BEHIND[1:])}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", LISTS)
async def test_every_case_list_walks_an_index_in_its_order(desk_of_thousands: Database, name: str, page: str) -> None:
    found = await plans(desk_of_thousands, lambda c: cases.list_cases(c, LISTS[name], after=PAGES[page], limit=50))
    assert [bad for statement, plan in found for bad in faults(statement, plan, ordered=True)] == []


BOARD: dict[str, Filter] = {
    "waiting": Filter(status="waiting"),
    "waiting, of a tier": Filter(status="waiting", tier="billing"),
    "waiting, of a channel": Filter(status="waiting", channel="web"),
    "mine": Filter(assignee=2),
    "snoozed": Filter(status="snoozed"),
    "of a team": Filter(status="waiting", teams=frozenset({1})),
    "of several teams": Filter(status="waiting", teams=frozenset({1, 2})),
}


@pytest.mark.parametrize("after", [None, (NOW + timedelta(minutes=5), 300)])
@pytest.mark.parametrize("name", BOARD)
async def test_the_desk_lists_by_deadline_along_an_index(
    desk_of_thousands: Database, name: str, after: board.Place | None
) -> None:
    found = await plans(desk_of_thousands, lambda c: board.by_deadline(c, BOARD[name], after=after))
    assert [bad for statement, plan in found for bad in faults(statement, plan, ordered=True)] == []


@pytest.mark.parametrize("words", ["Name 12", "c12@x", "W-1012", "1012"])
@pytest.mark.parametrize("status", [None, "waiting", "resolved"])
async def test_a_search_reads_only_what_may_match(desk_of_thousands: Database, words: str, status: str | None) -> None:
    wanted = Filter(words=words, status=status)
    found = await plans(desk_of_thousands, lambda c: cases.list_cases(c, wanted))
    assert [bad for statement, plan in found for bad in faults(statement, plan, ordered=False)] == []


async def begin_part(connection: AsyncConnection) -> None:
    for parcel in await outbox.claim(connection, "me", LATER, limit=1):
        await outbox.begin_part(connection, parcel, LATER, parts=2, part_ids=["x"])


ORDERED: dict[str, Query] = {
    "the beginning of the line": lambda c: offers.front(c),
    "messages with words": lambda c: search.candidates(c, [Term(words=("b",))], below=900, above=5, limit=31),
    "messages of a time": lambda c: search.candidates(c, [], below=900, above=5, limit=31),
    "tags of cases": lambda c: tags.of(c, [7]),
    "cases with a tag": lambda c: tags.places(c, "every", limit=501),
    "queue heads": lambda c: line.heads(c, NOW),
    "queue heads for who is of teams": lambda c: line.heads(c, NOW, teams=[1, 2]),
    "where an identity last wrote alone": lambda c: journey.last_alone(c, 7),
    "where somebody is mentioned": lambda c: mentions.unseen(c, 2),
    "more of where somebody is mentioned": lambda c: mentions.unseen(c, 2, before=900),
    "transcript": lambda c: transcripts.read(c, 7, after=1),
    "newest of a transcript": lambda c: transcripts.read(c, 7, newest=True),
    "transcript on the web": lambda c: transcripts.public(c, 7, after=0, limit=50),
    "dues that have come": lambda c: dues.arrived(c, LATER, limit=50),
    "mails that have come due": lambda c: dues.arrived(c, LATER, limit=8, only=("unread",)),
    "what else has come due": lambda c: dues.arrived(c, LATER, limit=50, without=("notify", "unread")),
    "dues given up": lambda c: dues.dead(c),
    "more dues given up": lambda c: dues.dead(c, before=900),
    "not delivered": lambda c: outbox.undelivered(c),
    "more that is not delivered": lambda c: outbox.undelivered(c, before=900),
    "unclear sends": lambda c: outbox.unclear(c, NOW - timedelta(days=9), limit=10),
    "quarantine": lambda c: quarantine.waiting(c),
    "more of the quarantine": lambda c: quarantine.waiting(c, before=900),
    "what is to be read again": lambda c: quarantine.asked_for(c),
    "tests to send": lambda c: probes.queued(c),
    "open promises": lambda c: cases.promises(c, 7),
    "next to label": lambda c: samples.next_to_label(c),
    "judged by another rule": lambda c: samples.judged_otherwise(c, "r1", after=7, limit=20),
    "undecided": lambda c: journey.undecided_conversations(c, limit=1000),
    "conversations of a customer": lambda c: cases.conversations_of_customer(c, 7, but=1),
    "cases of a customer, newest first": lambda c: cases.cases_of_customer(c, 7, but=1),
    "a page of a customer's cases": lambda c: persons.cases_of(c, 7, before=900),
    "a page of a customer's conversations": lambda c: persons.conversations_of(c, 7, before=900),
    "what a customer said of how it was": lambda c: persons.marks(c, 7),
    "the newest customers": lambda c: persons.newest(c),
    "more customers": lambda c: persons.newest(c, before=900),
    "customers by name": lambda c: persons.named(c, "name 12"),
    "more customers by name": lambda c: persons.named(c, "name 12", after=("name 123", 123)),
}
LOOKED_UP: dict[str, Query] = {
    "the block that stands": lambda c: blocks.standing(c, 7),
    "whether somebody is mentioned there": lambda c: mentions.waits(c, 2, 7),
    "what is on offer": lambda c: offers.standing(c),
    "what somebody is offered": lambda c: offers.of_agent(c, 1, NOW),
    "what was offered in vain": lambda c: offers.in_vain(c, [1, 2, 3], NOW),
    "how offered cases stand": lambda c: offers.statuses(c, [1, 2, 3]),
    "who may be asked": lambda c: offers.at_work(c, ["agent", "admin"], NOW),
    "messages with rare words": lambda c: search.candidates(c, [Term(words=("zzz",))], below=None, limit=31),
    "messages of people with words": lambda c: search.candidates(
        c, [Term(words=("b",))], below=900, places=[7, 8], limit=31
    ),
    "which messages fit": lambda c: search.those(
        c, [1, 2, 3], search.Filter(tier="outage", channel="web", agent=1, since=NOW, until=LATER)
    ),
    "which messages fit by tags": lambda c: search.those(c, [1, 2, 3], search.Filter(tags=("every", "t3"))),
    "where cases with tags are": lambda c: search.places_with(c, ("every", "t3")),
    "tags of the line": lambda c: tags.of(c, range(1, 201)),
    "tags that there are": lambda c: tags.known(c, "t"),
    "what was found": lambda c: search.read(c, [1, 2, 3]),
    "people of a name": lambda c: search.people(c, [Term(words=("name", "12"), open=True)], "c12@x"),
    "where people write": lambda c: search.places_of(c, [1, 2, 3]),
    "people in a list": lambda c: search.introduced(c, [1, 2, 3]),
    "when messages came": lambda c: search.number_at(c, NOW),
    "find a conversation": lambda c: transcripts.find(c, "web", "d", "p7"),
    "a conversation": lambda c: journey.read_conversation(c, 7),
    "bursts": lambda c: journey.read_bursts(c, [50, 100, 150]),
    "newest cases": lambda c: journey.newest_cases(c, [1, 2, 3]),
    "lock": lambda c: journey.lock(c, [1, 2, 3]),
    "a case": lambda c: cases.read_row(c, 7),
    "how a case stands": lambda c: visits.read(c, 7),
    "who waits before one of the first class": lambda c: visits.ahead_of(c, True, LATER, 700),
    "who waits before one of the second": lambda c: visits.ahead_of(c, False, LATER, 700),
    "files of messages": lambda c: transcripts.files_of(c, [1, 2, 3]),
    "a file": lambda c: transcripts.file_of(c, 7, 1),
    "who waits ahead": lambda c: cases.waiting_ahead(c, LATER),
    "next leaving": lambda c: outbox.next_leaving(c),
    "who stands in line": lambda c: outbox.line(c, LATER, limit=32, busy=[7, 8]),
    "who stands in line where some have to wait": lambda c: outbox.line(
        c, LATER, limit=32, accounts=[("slack", "a")], places=[("slack", "b", "c"), ("slack", "b", "d")]
    ),
    "where what we say goes": lambda c: outbox.place_of(c, 7),
    "delivery": lambda c: transcripts.delivery(c, 7, [1, 2, 3]),
    "files": lambda c: transcripts.files(c, 7),
    "verdicts": lambda c: transcripts.verdicts(c, 7),
    "events": lambda c: cases.events(c, 7),
    "open promises": lambda c: cases.open_promises(c, 7),
    "the newest cases of the board": lambda c: board.newest(c, Filter(status="resolved"), before=900),
    "what the board finds": lambda c: board.newest(c, Filter(status="any", words="Name 12")),
    "some cases of the board": lambda c: board.some(c, [1, 2, 3]),
    "the board's counts": lambda c: board.counts(c, NOW, end_of_day=LATER),
    "one's own counts": lambda c: board.own(c, 2),
    "own counts of some": lambda c: board.own_of(c, [1, 2, 3]),
    "how many by when": lambda c: board.spread(c, Filter(status="waiting", tier="billing"), NOW, end_of_day=LATER),
    "in short what somebody holds": lambda c: board.held_briefly(c, 2, limit=30),
    "cases of somebody": lambda c: board.of_agent(c, 2),
    "cases lately": lambda c: board.lately(c, [1, 2, 3], NOW),
    "cases of a customer": lambda c: cases.cases_of_customer(c, 7, but=1),
    "identities": lambda c: cases.identities(c, 7),
    "numbers": lambda c: cases.stats(c, NOW),
    "what was kept lately": lambda c: cases.kept_lately(c, NOW),
    "unread answers": lambda c: unread.read(c, 7),
    "rows of unread answers": lambda c: unread.rows(c, 7),
    "what went by mail": lambda c: unread.mailed(c, 7, "c12@x", NOW - timedelta(days=1)),
    "a sample": lambda c: samples.read(c, 7),
    "labels": lambda c: samples.groups(c, since=None),
    "labels since": lambda c: samples.groups(c, since=NOW + timedelta(seconds=ROWS - 50)),
    "how far the labelling is": lambda c: samples.counts(c),
    "words of a sample": lambda c: samples.texts(c, [1, 2, 3]),
    "whether the machine acted alone": lambda c: samples.acted_on_alone(c, 7, since=NOW),
    "who has a proven address": lambda c: links.vouched_for(c, "c7@x", but=9),
    "who belongs together": lambda c: links.together(c, [7, 8]),
    "links of identities": lambda c: links.between(c, [7, 8]),
    "links for the desk": lambda c: links.described(c, [7, 8]),
    "whether two were taken apart": lambda c: links.was_undone(c, 7, 8),
    "conversations that move": lambda c: links.conversations_of(c, [7, 8]),
    "the newest conversation of an identity": lambda c: links.newest_conversation(c, 7),
    "a code": lambda c: links.find_code(c, "h7", NOW),
    "codes lately": lambda c: links.codes_lately(c, 7, NOW - timedelta(hours=1)),
    "wrong tries lately": lambda c: links.tries_lately(c, 7, NOW - timedelta(hours=1)),
    "articles": lambda c: articles.state(c),
    "what was not delivered, for people": lambda c: outbox.shown_with(c, [3, 9, 153]),
    "what is stuck, by account": lambda c: outbox.by_account(c, at_most=1000),
    "what could not be read, by account": lambda c: quarantine.by_account(c, at_most=1000),
    "how payloads begin": lambda c: quarantine.raw_of(c, [1, 2, 3], at_most=100),
    "a payload": lambda c: quarantine.read(c, 15),
    "what became of a payload": lambda c: quarantine.after(c, 15),
    "how links stand": lambda c: standings.read(c),
    "who holds leases": lambda c: standings.holders(c, ["a", "b"], NOW),
    "when something last came": lambda c: standings.last_in(c, [("web", "d"), ("slack", "main")]),
    "when something last left": lambda c: standings.last_out(c, [("web", "d"), ("slack", "main")]),
    "what has left just now": lambda c: standings.left_lately(c, [7, 8, 9]),
    "a test": lambda c: probes.read(c, 7),
    "files that wait": lambda c: uploads.of_case(c, 2, 7),
    "a file that waits": lambda c: uploads.read(c, 2, 7, 7),
    "the last tests": lambda c: probes.latest(c, [("web", "d1"), ("slack", "main")]),
    "whom a customer became": lambda c: persons.became(c, 7),
    "how often a customer came": lambda c: persons.times(c, 7, NOW + timedelta(minutes=1)),
    "in which languages": lambda c: persons.languages(c, 7),
    "customers by address": lambda c: persons.addressed(c, "c12@x"),
    "customers of a list": lambda c: persons.listed(c, [7, 8, 9]),
    "whose parts customers are": lambda c: persons.roots(c, [7, 8, 9]),
    "what agents say of a customer": lambda c: persons.notes(c, [7, 8]),
    "who may be the same": lambda c: persons.twins(c, 7),
    "who is one by proof": lambda c: links.by_proof(c, 7),
    "other conversations of a person": lambda c: story.talks(c, 7, but=1),
    "what was said in several conversations": lambda c: story.newest(c, [7, 8, 9], before=(LATER, 5), limit=50),
    "some messages": lambda c: story.read(c, [7, 8, 9]),
    "what came with some messages": lambda c: story.files(c, [7, 8, 9]),
    "corrections": lambda c: labels.page(c, after=100, limit=50),
    "places": lambda c: inbox.known_places(c, "web", "d"),
    "who is called so": lambda c: inbox.identity_of(c, "web", "d", "p7"),
    "where messages are kept": lambda c: inbox.places(c, "web", "d", came=["a", "b"], sent={"m7": 7, "m8": 8}),
    "where what came is kept": lambda c: inbox.places(c, "web", "d", came=["a", "b"], sent={}),
    "where what we said is kept": lambda c: inbox.places(c, "web", "d", came=[], sent={"m7": 7}),
    "the past of a letter": lambda c: letters.past(c, 7, before=3, now=NOW),
    "who else got a customer's mails": lambda c: transcripts.copied(c, 7),
    "an answer that is lost": lambda c: undelivered.lost(c, 21),
    "a reply that waits": lambda c: holds.read(c, 7),
    "what waits in a case": lambda c: holds.of_case(c, 51),
    "what has waited in a case": lambda c: holds.seqs(c, 51, 2),
    "drafts of a case": lambda c: drafts.of(c, 2, 51),
}


def _a_unit_of_work() -> Changes:
    changes = Changes(cancel_bot_rows=[7])
    changes.end(1, "noted")
    changes.case(7, deadline=NOW)
    changes.settle_promises(7, "kept", NOW)
    changes.first_dealt(
        samples.Dealt(conversation_id=7, words=[1], act="answer", threshold=0.1, rule="r", opens_at=0.1), NOW
    )
    changes.advance(7, next_seq=9, version=9, owner="bot", epoch=9)
    return changes


async def _unlink(connection: AsyncConnection) -> None:
    found = await links.read(connection, 6)
    assert found is not None
    await links.undo(connection, found, by=1, now=NOW)


async def _retag(connection: AsyncConnection) -> None:
    await tags.remove(connection, 7, ["every", "t7"])
    await tags.put(connection, 7, ["every"], 1, NOW)


WRITES: dict[str, Query] = {
    "promises move": lambda c: cases.move_promises(c, 7, 8),
    "tags are put and removed": lambda c: _retag(c),
    "tags move": lambda c: tags.take_in(c, 7, 8),
    "tags are let go": lambda c: tags.let_go(c, 8, 9),
    "merged cases follow": lambda c: cases.follow(c, 7, 8),
    "where they are mentioned is seen": lambda c: mentions.see(c, 2, 7, NOW),
    "a block is undone": lambda c: blocks.undo(c, 7, by=1, now=NOW),
    "keep": lambda c: inbox.keep(c, [incoming(), incoming("other", kind="edit", revision=2)], NOW),
    "claim": lambda c: outbox.claim(c, "me", LATER, limit=32, busy=[7, 8]),
    "claim when nothing is due": lambda c: outbox.claim(c, "me", NOW - timedelta(days=1), limit=32),
    "abandon": lambda c: outbox.abandon(c, LATER),
    "begin a part": lambda c: begin_part(c),
    "settle": lambda c: outbox.settle(c, Settlement(id=3, status="sent"), NOW),
    "look at unclear ones": lambda c: outbox.unclear(c, LATER, limit=10),
    "send again": lambda c: outbox.send_again(c, 3, NOW),
    "link": lambda c: links.add(c, identity_id=8, other_id=1007, how="code", at=NOW),
    "unlink": lambda c: _unlink(c),
    "show a code": lambda c: links.put_code(
        c, hash="new", identity_id=9, conversation_id=9, seq=2, made_at=NOW, expires_at=LATER
    ),
    "end a code": lambda c: links.end_code(c, 9, NOW),
    "purge codes": lambda c: links.purge(c, NOW, limit=500),
    "a process stops": lambda c: standings.stopped(c, "p", NOW),
    "keep a draft": lambda c: drafts.put(c, 2, 51, "note", "words", NOW),
    "drop a draft": lambda c: drafts.drop(c, 2, 51, "note"),
    "purge drafts": lambda c: drafts.purge(c, NOW, limit=500),
    "end a wait": lambda c: holds.end(c, 51, "left", NOW),
    "purge what has waited": lambda c: holds.purge(c, NOW, limit=500),
    "take a test": lambda c: probes.take(c, 500),
    "settle a test": lambda c: probes.settle(c, 500, "sent", "x", NOW),
    "hold files": lambda c: uploads.hold(c, [7, 8]),
    "remove a file": lambda c: uploads.remove(c, 2, 7, 7),
    "attach files": lambda c: uploads.attach(c, 7, 2, [7, 8], NOW),
    "purge files": lambda c: uploads.purge(c, NOW, limit=500),
    "purge tests": lambda c: probes.purge(c, NOW, limit=500),
    "try a payload again": lambda c: quarantine.tried(c, 15, NOW, released=False, reason="r"),
    "ask for a payload": lambda c: quarantine.ask(c, 15, NOW),
    "set a payload aside": lambda c: quarantine.set_aside(c, 15, NOW),
    "bring a payload back": lambda c: quarantine.bring_back(c, 16),
    "consume": lambda c: dues.consume(c, 10, NOW),
    "purge dues": lambda c: dues.purge(c, NOW, limit=500),
    "purge keys": lambda c: keys.purge(c, NOW, limit=500),
    "label": lambda c: samples.label(c, 9, tier="outage", complaint=None, agent_id=1, now=NOW),
    "take a label back": lambda c: samples.unlabel(c, 7),
    "skip": lambda c: samples.skip(c, 9),
    "judge again": lambda c: samples.judged(c, {7: 0.3}, "r9"),
    "settle what is lost": lambda c: outbox.settle(c, Settlement(id=3, status="failed"), NOW),
    "tell of what is lost": lambda c: undelivered.tell(c, 3, NOW),
    "what came back": lambda c: letters.come_back(
        c, letters.CameBack(channel="web", account="d", external_id="b", message=6, reason="r", final=True), NOW
    ),
    "a unit of work": lambda c: _a_unit_of_work().write(c),
}


@pytest.mark.parametrize("name", ORDERED)
async def test_what_is_listed_comes_in_order_from_an_index(desk_of_thousands: Database, name: str) -> None:
    writing = name == "unclear sends" or name.startswith("queue heads")
    found = await plans(desk_of_thousands, ORDERED[name], writing=writing)
    assert [bad for statement, plan in found for bad in faults(statement, plan, ordered=True)] == []


@pytest.mark.parametrize("name", LOOKED_UP)
async def test_what_is_looked_up_is_found_by_an_index(desk_of_thousands: Database, name: str) -> None:
    found = await plans(desk_of_thousands, LOOKED_UP[name])
    assert [bad for statement, plan in found for bad in faults(statement, plan, ordered=False)] == []


@pytest.mark.parametrize("name", [name for name in LOOKED_UP if name.startswith("where ") and "kept" in name])
async def test_no_mail_walks_all_that_its_mailbox_has(desk_of_thousands: Database, name: str) -> None:
    found = await plans(desk_of_thousands, LOOKED_UP[name])
    assert not any("ix_conversation_channel_account" in plan for _, plan in found)
    assert any("SEARCH message USING" in plan for _, plan in found)


@pytest.mark.parametrize("name", WRITES)
async def test_what_is_written_finds_its_rows_by_an_index(desk_of_thousands: Database, name: str) -> None:
    found = await plans(desk_of_thousands, WRITES[name], writing=True)
    assert [bad for statement, plan in found for bad in faults(statement, plan, ordered=False)] == []


def test_the_judge_of_plans_knows_a_slow_one() -> None:
    assert faults("SELECT 1 FROM message", "SCAN message", ordered=False)
    assert faults("SELECT 1 FROM message AS other", "SCAN other", ordered=False)
    assert faults("SELECT 1 FROM message", "SCAN message USING INDEX ix_message_origin", ordered=False)
    assert faults("SELECT 1", "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY", ordered=True)
    assert not faults("SELECT 1", "SCAN message USING COVERING INDEX ix_message_undecided", ordered=False)
