"""Cases through whole lives, in any order of what customers, agents and the clock can do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from handoff.errors import HandoffError
from handoff.opening import Footing
from store.changes import NEVER
from store.tables import case, conversation, due, message, promise
from store.words import case_number
from tests.databases import empty_database
from tests.people import Office, rules
from tests.rows import put_out

CUSTOMERS = ("ann", "ben")
AGENTS = ("Lea", "Tom")
TIERS = ("outage", "billing", "person", "problem", "unknown")
SPANS = (timedelta(seconds=40), timedelta(minutes=6), timedelta(hours=3), timedelta(days=4))

customers = st.sampled_from(CUSTOMERS)
agents = st.sampled_from(AGENTS)
numbers = st.integers(0, 3)


class Life(RuleBasedStateMachine):
    """Two customers, two agents, the clock. Each act succeeds or is refused; what always holds is checked after it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = TemporaryDirectory(prefix="warmline-life-")
        self.opened = empty_database("sqlite", Path(self.folder.name))
        self.office = Office(self.run(self.opened.__aenter__()), rules=rules("Mon-Fri 09:00-18:00", notify=True))
        self.people = {name: self.run(self.office.agent(name)) for name in AGENTS}
        self.hands: dict[int, tuple[str, int, Any]] = {}
        self.changes_hands = True

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    def act(self, work: Awaitable[Any], *, changes_hands: bool = False) -> None:
        self.changes_hands = changes_hands
        with suppress(HandoffError):
            self.run(work)

    def teardown(self) -> None:
        self.run(self.opened.__aexit__(None, None, None))
        self.loop.close()
        self.folder.cleanup()

    @initialize(on_duty=st.booleans())
    def somebody_on_duty(self, on_duty: bool) -> None:
        self.office.footing = Footing(on_duty=int(on_duty))

    # --- what can happen ---------------------------------------------------------------------------

    @rule(by=customers, tier=st.sampled_from(TIERS))
    def customer_writes(self, by: str, tier: str) -> None:
        self.act(self.office.customer(by=by, tier=tier), changes_hands=True)

    @rule(by=customers)
    def customer_praises(self, by: str) -> None:
        if not self.cases():
            self.act(self.office.filed(by))

    @rule(number=numbers)
    def machine_has_something_queued(self, number: int) -> None:
        found = self.rows(conversation)
        if found and found[number % len(found)]["owner"] == "bot":
            row = found[number % len(found)]
            self.act(put_out(self.office.database, row["id"], author="bot", epoch=row["epoch"]))

    @rule(span=st.sampled_from(SPANS))
    def time_passes(self, span: timedelta) -> None:
        self.act(self.office.pass_time(span))

    @rule(agent=agents, number=numbers)
    def claim(self, agent: str, number: int) -> None:
        self.act(self.office.desk.claim(self.people[agent], self.number(number)), changes_hands=True)

    @rule(agent=agents)
    def take_next(self, agent: str) -> None:
        self.act(self.office.desk.take_next(self.people[agent]), changes_hands=True)

    @rule(agent=agents, number=numbers)
    def step_in(self, agent: str, number: int) -> None:
        self.act(self.office.desk.take_over(self.people[agent], number), changes_hands=True)

    @rule(agent=agents, to=st.sampled_from([*AGENTS, None]), number=numbers)
    def assign(self, agent: str, to: str | None, number: int) -> None:
        found = self.cases()
        held_by = found[number % len(found)]["assignee_id"] if found else None
        colleague = self.people[to] if to else None
        work = self.office.desk.assign(self.people[agent], self.number(number), colleague, held_by=held_by)
        self.act(work, changes_hands=True)

    @rule(agent=agents, number=numbers)
    def release(self, agent: str, number: int) -> None:
        self.act(self.office.desk.release(self.people[agent], self.number(number)))

    @rule(agent=agents, number=numbers)
    def reply(self, agent: str, number: int) -> None:
        self.act(self.office.desk.reply(self.people[agent], self.number(number), "words"))

    @rule(agent=agents, number=numbers)
    def note(self, agent: str, number: int) -> None:
        self.act(self.office.desk.note(self.people[agent], self.number(number), "psst"))

    @rule(agent=agents)
    def sign_out(self, agent: str) -> None:
        async def leave() -> None:
            async with self.office.database.write("test") as connection:
                await self.office.desk.leaving.signed_out(connection, self.people[agent], self.office.now)

        self.act(leave())

    @rule(agent=agents, number=numbers, span=st.sampled_from(SPANS))
    def snooze(self, agent: str, number: int, span: timedelta) -> None:
        self.act(self.office.desk.snooze(self.people[agent], self.number(number), self.office.now + span))

    @rule(agent=agents, number=numbers, tier=st.sampled_from(TIERS))
    def correct(self, agent: str, number: int, tier: str) -> None:
        work = self.office.desk.correct(self.people[agent], self.number(number), tier=tier)
        self.act(work, changes_hands=True)

    @rule(agent=agents, number=numbers, outcome=st.sampled_from(["solved", "spam"]))
    def resolve(self, agent: str, number: int, outcome: str) -> None:
        work = self.office.desk.resolve(self.people[agent], self.number(number), outcome=outcome)
        self.act(work, changes_hands=True)

    @rule(agent=agents, number=numbers)
    def give_back(self, agent: str, number: int) -> None:
        self.act(self.office.desk.return_to_bot(self.people[agent], self.number(number)), changes_hands=True)

    @rule(agent=agents, number=numbers)
    def reopen(self, agent: str, number: int) -> None:
        self.act(self.office.desk.reopen(self.people[agent], self.number(number)), changes_hands=True)

    # --- what always holds -------------------------------------------------------------------------

    def rows(self, table: Any) -> list[dict[str, Any]]:
        async def read() -> list[dict[str, Any]]:
            async with self.office.database.read() as connection:
                found = await connection.execute(select(table).order_by(table.c.id))
                return [dict(row) for row in found.mappings()]

        return list(self.run(read()))

    def cases(self) -> list[dict[str, Any]]:
        return self.rows(case)

    def number(self, n: int) -> str:
        found = self.cases()
        return case_number(found[n % len(found)]["id"]) if found else "W-1001"

    @invariant()
    def a_case_stands_as_its_status_says(self) -> None:
        for row in self.cases():
            assert row["sort_at"] == (row["deadline"] or NEVER)
            match row["status"]:
                case "waiting":
                    assert row["deadline"] is not None
                    assert row["unanswered_since"] is not None
                    assert row["assignee_id"] is None
                case "open":
                    assert row["assignee_id"] is not None
                case "pending":
                    assert (row["deadline"], row["unanswered_since"]) == (None, None)
                    assert row["assignee_id"] is not None
                case "snoozed":
                    assert row["snoozed_until"] > self.office.now or self._alarm(row["id"])
                case "resolved":
                    assert row["resolved_at"] is not None
                    assert row["outcome"] is not None
                    assert (row["deadline"], row["unanswered_since"]) == (None, None)
            assert (row["status"] == "snoozed") or row["snoozed_until"] is None
            assert (row["unanswered_since"] is None) == (row["deadline"] is None)

    def _alarm(self, case_id: int) -> bool:
        return any(row["subject"] == case_id and row["kind"] == "snooze_over" for row in self.waiting_dues())

    def waiting_dues(self) -> list[dict[str, Any]]:
        return [row for row in self.rows(due) if row["consumed_at"] is None]

    @invariant()
    def a_deadline_that_is_to_come_will_be_looked_at(self) -> None:
        waiting = [(row["subject"], row["at"]) for row in self.waiting_dues() if row["kind"] == "breach"]
        for row in self.cases():
            if row["deadline"] is not None and (row["deadline"] > self.office.now or row["breached_at"] is None):
                assert any(subject == row["id"] and at >= row["deadline"] for subject, at in waiting)

    @invariant()
    def a_conversation_has_one_unresolved_case_and_is_then_a_persons(self) -> None:
        unresolved = [row for row in self.cases() if row["status"] != "resolved"]
        places = [row["conversation_id"] for row in unresolved]
        assert len(places) == len(set(places))
        filed = {
            row["conversation_id"] for row in unresolved if row["tier"] == "feedback" and row["claimed_at"] is None
        }
        for row in self.rows(conversation):
            if row["id"] not in filed:
                assert row["owner"] == ("human" if row["id"] in places else "bot")

    @invariant()
    def the_epoch_grows_exactly_when_hands_change(self) -> None:
        holders = {row["conversation_id"]: row["assignee_id"] for row in self.cases() if row["status"] != "resolved"}
        for row in self.rows(conversation):
            before = self.hands.get(row["id"], ("bot", 0, None))
            after = (row["owner"], row["epoch"], holders.get(row["id"]))
            assert after[1] >= before[1]
            if before[0] != after[0] or (after[2] is not None and before[2] != after[2]):
                assert after[1] > before[1]
            if not self.changes_hands:
                assert after[1] == before[1]
            self.hands[row["id"]] = after

    @invariant()
    def numbers_have_no_gap_and_nothing_of_the_machine_waits_in_a_persons_conversation(self) -> None:
        owners = {row["id"]: row for row in self.rows(conversation)}
        seqs: dict[int, list[int]] = {id_: [] for id_ in owners}
        for row in self.rows(message):
            seqs[row["conversation_id"]].append(row["seq"])
            if row["author"] == "bot" and row["status"] in ("held", "queued"):
                place = owners[row["conversation_id"]]
                assert (place["owner"], place["epoch"]) == ("bot", row["epoch"])
            if row["direction"] == "note":
                assert (row["status"], row["sent_at"]) == (None, None)
            if row["direction"] == "in":
                assert row["end"] is not None
        for id_, found in seqs.items():
            assert sorted(found) == list(range(1, owners[id_]["next_seq"]))

    @invariant()
    def an_open_promise_has_its_alarm(self) -> None:
        alarms = {row["subject"] for row in self.waiting_dues() if row["kind"] == "promise_risk"}
        unresolved = {row["id"] for row in self.cases() if row["status"] != "resolved"}
        for row in self.rows(promise):
            if row["state"] == "open":
                assert row["case_id"] in unresolved
                assert row["case_id"] in alarms


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=10, stateful_step_count=30, deadline=None)
