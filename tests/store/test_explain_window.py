"""What a window's worker asks every few seconds costs what is new, however much it has shown in its life."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from store import window
from store.database import Database, open_database
from store.tables import agent_code, agent_name, case, window_event, window_post, window_send
from store.window import Pane
from tests.rows import NOW
from tests.store.test_explain import LATER, Query, filled, plans

__all__ = ["filled"]

PANE = Pane(channel="slack", account="main", place="C0DESK")
OURS = ("window_event", "window_post", "window_send", "agent_name", "agent_code", "case", "conversation", "message")
BOUNDED = re.compile(
    r"INDEX (ix_window_event_(waiting|done)|ix_window_post_(to_post|sending|live|digest|digest_id)"
    r"|ix_window_send_leaves_at|ix_case_unresolved\w*)"
)
"""Indexes that hold only what is still to be done: all of one may be read."""


@pytest.fixture
async def desk_with_window(filled: Path, tmp_path: Path) -> AsyncIterator[Database]:
    shutil.copy(filled, tmp_path / "warmline.db")
    database = open_database(f"sqlite:///{tmp_path / 'warmline.db'}")
    async with database.write("test") as connection:
        cases = (await connection.execute(select(case.c.id, case.c.status))).all()
        common = {"channel": PANE.channel, "account": PANE.account, "place": PANE.place, "created_at": NOW}
        await connection.execute(
            insert(window_post),
            [
                {**common, "key": f"c{row.id}", "kind": "card", "case_id": row.id, "seq": 3, "ts": f"1.{row.id}",
                 "status": "sent" if row.id % 100 else "queued", "shown_status": row.status, "next_try_at": NOW}
                for row in cases
            ],
        )  # fmt: skip
        await connection.execute(
            insert(window_post),
            [
                {**common, "key": f"l{row.id}", "kind": "line", "case_id": row.id, "seq": 3, "ts": f"2.{row.id}",
                 "status": "sent", "next_try_at": NOW}
                for row in cases
            ],
        )  # fmt: skip
        await connection.execute(
            insert(window_event),
            [
                {"channel": "slack", "account": "main", "dedupe": f"d{row.id}", "kind": "said", "data": {}, "at": NOW,
                 "done_at": NOW if row.id % 100 else None}
                for row in cases
            ],
        )  # fmt: skip
        await connection.execute(
            insert(window_send),
            [
                {"dedupe": f"d{row.id}", "case_id": row.id, "agent_id": 1, "person": "U1", "thread": "1.1", "body": "b",
                 "after_seq": 3, "state": "sent" if row.id % 100 else "held", "leaves_at": NOW, "created_at": NOW}
                for row in cases
            ],
        )  # fmt: skip
        await connection.execute(
            insert(agent_name),
            [
                {"agent_id": row.id % 5 + 1, "channel": "slack", "account": "main", "external_id": f"U{row.id}",
                 "how": "code", "at": NOW}
                for row in cases
            ],
        )  # fmt: skip
        await connection.execute(
            insert(agent_code), [{"agent_id": 1, "hash": f"h{row.id}", "expires_at": NOW} for row in cases]
        )
    yield database
    await database.close()


ASKED: dict[str, Query] = {
    "what people did": lambda c: window.waiting(c, PANE),
    "second thoughts": lambda c: window.second_thoughts(c, PANE),
    "who somebody is": lambda c: window.who(c, "slack", "main", "U7"),
    "as whom somebody acts": lambda c: window.names_of(c, 2),
    "the newest case": window.newest_case,
    "from where on cases are looked at": lambda c: window.settled_case(c, 2900, LATER),
    "cases without a card": lambda c: window.cases_without_card(c, PANE, behind=2900, urgent_only=False),
    "urgent ones": lambda c: window.cases_without_card(c, PANE, behind=2900, among=[4, 7], urgent_only=True),
    "what has changed": lambda c: window.changed_cards(c, PANE, among=None),
    "what has changed of these": lambda c: window.changed_cards(c, PANE, among=[4, 7]),
    "what is open again": lambda c: window.reopened(c, PANE),
    "cases of conversations": lambda c: window.cases_of(c, [4, 7]),
    "the card of a thread": lambda c: window.card_at(c, PANE, "1.7"),
    "the card of a case": lambda c: window.card_of(c, PANE, 7),
    "is a card unclear": lambda c: window.is_unclear(c, PANE),
    "what is to be posted": lambda c: window.to_post(c, PANE, LATER),
    "cards that wait": lambda c: window.queued_cards(c, PANE),
    "a young digest": lambda c: window.young_digest(c, PANE, NOW),
    "what a digest names": lambda c: window.digested(c, 7),
    "what is to leave": lambda c: window.leaving(c, PANE, LATER),
    "when the next one leaves": window.next_leaves_at,
    "what a line tells of": lambda c: window.send_of(c, 7),
    "what somebody sent": lambda c: window.sent_by(c, 7, 1),
}
WRITTEN: dict[str, Query] = {
    "see to an event": lambda c: window.done(c, 100, NOW),
    "purge": lambda c: window.purge(c, NOW, limit=500),
    "make a code": lambda c: window.make_code(c, 2, NOW),
    "use a code": lambda c: window.use_code(c, "ABCD-EFGH", NOW),
    "take a name back": lambda c: window.unname(c, 2, 7),
    "begin": lambda c: window.after_a_death(c, PANE, NOW),
    "take a post": lambda c: window.sending(c, 100),
    "gather in": lambda c: window.gather_in(c, 7, [100, 200], NOW),
    "move a send": lambda c: window.move(c, 100, ("held",), "undone"),
}


def slow(plan: str) -> list[str]:
    """Steps that read a whole table, or an index of everything."""
    scans = re.findall(r"^SCAN (\w+)(.*)$", plan, re.MULTILINE)
    return [f"{table}{how}" for table, how in scans if table in OURS and not BOUNDED.search(how)]


@pytest.mark.parametrize("name", ASKED)
async def test_what_is_asked_again_and_again_reads_what_is_open(desk_with_window: Database, name: str) -> None:
    found = await plans(desk_with_window, ASKED[name])
    assert [(statement, bad) for statement, plan in found for bad in slow(plan)] == []


@pytest.mark.parametrize("name", WRITTEN)
async def test_what_is_written_finds_its_rows(desk_with_window: Database, name: str) -> None:
    found = await plans(desk_with_window, WRITTEN[name], writing=True)
    assert [(statement, bad) for statement, plan in found for bad in slow(plan)] == []
