"""A desk on a bare database, with a clock that tests move: customers come in by hand, without the machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.clock import Clock
from handoff import opening as handing
from handoff.deadlines import FIRST_CLASS, Targets, deadline
from handoff.desk import Desk
from handoff.holding import Refusal
from handoff.hours import parse_hours
from handoff.linking import Linking
from handoff.notifier import Call
from handoff.opening import Footing, Opening, Rules
from handoff.proof import Codes
from handoff.texts import Voice
from store import journey
from store.agents import Agent
from store.changes import Changes, insert_cases
from store.database import Database
from store.words import case_number
from tests.rows import NOW, incoming, keep, person


def rules(hours: str = "always", *, notify: bool = False) -> Rules:
    return Rules(
        targets=Targets(),
        hours=parse_hours(hours, "UTC"),
        voice=Voice(company="Acme", bot="Ada", zone=ZoneInfo("UTC")),
        notify=notify,
    )


@dataclass
class Notes:
    """A notifier that remembers whom it called for."""

    calls: list[Call] = field(default_factory=list)

    async def call(self, call: Call) -> None:
        self.calls.append(call)


@dataclass
class Office:
    """Everything of a desk that a test touches."""

    database: Database
    rules: Rules = field(default_factory=rules)
    footing: Footing = field(default_factory=Footing)
    now: datetime = NOW
    pull: bool = False
    published: list[tuple[int, int]] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    written: int = 0
    refused: list[Refusal] = field(default_factory=list)

    @property
    def desk(self) -> Desk:
        async def published(conversation: int, case: int) -> None:
            self.published.append((conversation, case))

        async def refused(reply: Refusal) -> None:
            self.refused.append(reply)

        return Desk(
            database=self.database,
            rules=self.rules,
            pull=lambda channel: self.pull,
            linking=Linking(codes=Codes(b"secret"), bot="Ada", pull=lambda channel: self.pull),
            published=published,
            refused=refused,
            clock=lambda: self.now,
        )

    def clock(self) -> Clock:
        async def footing() -> Footing:
            return self.footing

        async def published(conversations: Any, cases: Any) -> None:
            return None

        return Clock(
            database=self.database,
            rules=self.rules,
            footing=footing,
            pull=lambda channel: self.pull,
            notifier=self.notes,
            desk_url="https://desk.example",
            published=published,
            holding=self.desk.holding,
            now=lambda: self.now,
        )

    async def tick(self) -> None:
        """All that is due now."""
        while await self.clock().tick():
            pass

    async def pass_time(self, span: timedelta) -> None:
        self.now += span
        await self.tick()

    async def agent(self, name: str = "Lea", role: str = "agent") -> Agent:
        return await person(self.database, name, role)

    async def customer(
        self, text: str = "help", *, by: str = "ann", tier: str = "problem", ago: timedelta = timedelta()
    ) -> str:
        """Somebody writes, and what the machine must do then is done: a case, an old one again, or an addition.

        `ago`: it was written while nobody read.
        """
        self.written += 1
        kept = (await keep(self.database, incoming(text, by=by, id=f"{by}-{self.written}"), now=self.now - ago))[0]
        async with self.database.write("test") as connection:
            locked = (await journey.lock(connection, [kept.conversation]))[kept.conversation]
            (burst,) = await journey.read_bursts(connection, [kept.conversation])
            case, changes = burst.case, Changes()
            owner, epoch, seq = locked.owner, locked.epoch, locked.next_seq
            if owner == "human" and case is not None:
                graver = tier if tier in FIRST_CLASS else None
                handing.append(changes, case, burst.undecided, now=self.now, rules=self.rules, tier=graver, sla=graver)
                id_ = case.id
            else:
                opened = self._opening(burst, tier)
                if opened.reopens is not None:
                    id_ = handing.reopen_case(changes, opened, self.now, self.rules)
                else:
                    id_ = (await insert_cases(connection, [handing.new_case(opened, self.now, self.rules)]))[0]
                owner, epoch = "human", epoch + 1
                changes.cancel_bot_rows.append(kept.conversation)
                seq = handing.tell(
                    changes, opened, id_, seq=seq, now=self.now, rules=self.rules, footing=self.footing, place=None
                )
            for row in burst.undecided:
                changes.end(row.id, "handed_off")
            changes.advance(kept.conversation, next_seq=seq, version=locked.version + 1, owner=owner, epoch=epoch)
            await changes.write(connection)
        return case_number(id_)

    def _opening(self, burst: journey.Burst, tier: str) -> Opening:
        case = burst.case
        again = case if case is not None and case.outcome != "returned" else None
        return Opening(
            conversation=burst.conversation,
            tier=tier,
            sla=tier,
            reason="a test",
            acknowledge=tier,
            messages=burst.undecided,
            pull=self.pull,
            reopens=again,
            previous=case if again is None else None,
        )

    async def filed(self, by: str = "ann") -> str:
        """Feedback: thanked and filed, while the machine keeps the conversation."""
        self.written += 1
        kept = (await keep(self.database, incoming("nice", by=by, id=f"{by}-{self.written}"), now=self.now))[0]
        async with self.database.write("test") as connection:
            (burst,) = await journey.read_bursts(connection, [kept.conversation])
            row = handing.new_case(self._opening(burst, "feedback"), self.now, self.rules)
            by = deadline("feedback", self.now, self.rules.targets, self.rules.hours)
            id_ = (await insert_cases(connection, [row]))[0]
            changes = Changes()
            changes.end(kept.message, "filed")
            changes.due("breach", id_, by, now=self.now)
            await changes.write(connection)
        return case_number(id_)
