"""The rows that one unit of work writes, gathered first and written together, many per statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import samples, uploads
from store.tables import (
    UNSETTLED,
    case,
    case_event,
    conversation,
    due,
    is_one_of,
    label,
    mention,
    message,
    promise,
    verdict,
)

NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Where cases without a deadline stand in a list."""

OVERTAKEN: Final = "a person took over before it left"
"""Why a queued row of the machine's was cancelled."""


@dataclass(slots=True, kw_only=True)
class Changes:
    """A unit of work in the making. `write` it once, inside the transaction that holds the conversations' locks."""

    ends: list[dict[str, Any]] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    conversations: list[dict[str, Any]] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    promises: list[dict[str, Any]] = field(default_factory=list)
    dues: list[dict[str, Any]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)
    mentions: list[dict[str, Any]] = field(default_factory=list)
    settled: list[dict[str, Any]] = field(default_factory=list)
    dealt: list[samples.Dealt] = field(default_factory=list)
    dealt_at: datetime | None = None
    cancel_bot_rows: list[int] = field(default_factory=list)
    """Conversations whose queued bot rows must not leave any more."""
    attached: list[tuple[int, int, Sequence[int], datetime]] = field(default_factory=list)
    """(conversation, number of a message said here, uploads that it takes, now)."""

    def end(self, message_id: int, end: str, reason: str | None = None) -> None:
        self.ends.append({"message_id": message_id, "new_end": end, "reason": reason})

    def say(
        self,
        conversation_id: int,
        seq: int,
        *,
        author: str,
        kind: str,
        body: str,
        now: datetime,
        status: str,
        author_name: str = "",
        agent_id: int | None = None,
        direction: str = "out",
        epoch: int | None = None,
        condition: str | None = None,
        rich: Sequence[Mapping[str, Any]] | None = None,
        buttons: Sequence[Mapping[str, str]] | None = None,
        meta: Mapping[str, Any] | None = None,
        reply_to: str | None = None,
        leaves_at: datetime | None = None,
    ) -> None:
        """A row before it is a request. `status` is `sent` where customers read our own table, else `queued`."""
        self.messages.append(
            {
                "conversation_id": conversation_id,
                "seq": seq,
                "direction": direction,
                "author": author,
                "author_name": author_name,
                "agent_id": agent_id,
                "kind": kind,
                "body": body,
                "rich": rich,
                "buttons": buttons,
                "meta": meta,
                "created_at": now,
                "status": None if direction == "note" else status,
                "epoch": epoch,
                "condition": condition,
                "reply_to": reply_to,
                "next_try_at": leaves_at or now,
                "sent_at": now if status == "sent" and direction == "out" else None,
            }
        )

    def advance(
        self,
        conversation_id: int,
        *,
        next_seq: int,
        version: int,
        owner: str,
        epoch: int,
        returned_seq: int | None = None,
    ) -> None:
        """The conversation after this unit: its next number, its hands."""
        self.conversations.append(
            {
                "conversation_id": conversation_id,
                "new_seq": next_seq,
                "new_version": version,
                "new_owner": owner,
                "new_epoch": epoch,
                "new_returned": returned_seq,
            }
        )

    def event(
        self,
        case_id: int,
        kind: str,
        *,
        actor: str,
        now: datetime,
        agent_id: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        self.events.append(
            {"case_id": case_id, "kind": kind, "actor": actor, "agent_id": agent_id, "at": now, "data": data}
        )

    def case(self, case_id: int, **columns: Any) -> None:
        """New values for some columns of one case."""
        self.cases.append({"case_id": case_id, **_sorted_by_deadline(columns)})

    def promise(
        self, case_id: int, conversation_id: int, *, kind: str, by: datetime, basis: str, now: datetime
    ) -> None:
        self.promises.append(
            {
                "case_id": case_id,
                "conversation_id": conversation_id,
                "kind": kind,
                "by": by,
                "basis": basis,
                "state": "open",
                "made_at": now,
            }
        )

    def mention(self, case_id: int, conversation_id: int, seq: int, agent_id: int, *, by: int, now: datetime) -> None:
        """Somebody is called by the note with that number, which this unit writes."""
        self.mentions.append(
            {"in_case": case_id, "conversation": conversation_id, "seq": seq, "whom": agent_id, "who": by, "now": now}
        )

    def first_dealt(self, dealt: samples.Dealt, now: datetime) -> None:
        """The first decision on a conversation: evidence, if chance has chosen it for people to label."""
        self.dealt.append(dealt)
        self.dealt_at = now

    def settle_promises(self, case_id: int, state: str, now: datetime) -> None:
        """All open promises of a case end as `state`; those whose time has passed end as broken, whatever was meant."""
        self.settled.append({"of_case": case_id, "new_state": state, "settled": now})

    def due(
        self, kind: str, subject: int, at: datetime, *, now: datetime, data: Mapping[str, Any] | None = None
    ) -> None:
        self.dues.append({"kind": kind, "subject": subject, "at": at, "data": data, "created_at": now})

    async def write(self, connection: AsyncConnection) -> None:
        """Write all that was gathered, in an order that foreign keys and fences allow."""
        if self.cancel_bot_rows:
            await connection.execute(
                update(message)
                .where(
                    message.c.conversation_id.in_(self.cancel_bot_rows),
                    is_one_of(message.c.status, UNSETTLED),
                    message.c.status != "sending",
                    message.c.author == "bot",
                )
                .values(status="cancelled", error=OVERTAKEN)
            )
        if self.ends:
            await connection.execute(
                update(message)
                .where(message.c.id == bindparam("message_id"), message.c.end.is_(None))
                .values(end=bindparam("new_end"), end_reason=bindparam("reason")),
                self.ends,
            )
        if self.settled:
            await self._settle(connection)
        await _insert(connection, verdict, self.verdicts)
        await _insert(connection, message, self.messages)
        for conversation_id, seq, taken, now in self.attached:
            await uploads.attach(connection, conversation_id, seq, taken, now)
        await self._write_cases(connection)
        await _insert(connection, case_event, self.events)
        await _insert(connection, promise, self.promises)
        calling = [row["subject"] for row in self.dues if row["kind"] == "notify"]
        if calling:  # one chain of calls for a case: a new one takes the place of the one that waits
            await connection.execute(
                update(due)
                .where(due.c.kind == "notify", due.c.subject.in_(calling), due.c.consumed_at.is_(None))
                .values(consumed_at=bindparam("called"), error=None),
                {"called": self.dues[0]["created_at"]},
            )
        await _insert(connection, due, self.dues)
        await _insert(connection, label, self.labels)
        if self.mentions:
            await self._write_mentions(connection)
        if self.dealt_at is not None:
            await samples.decided(connection, self.dealt, self.dealt_at)
        if self.conversations:
            await self._write_conversations(connection)

    async def _settle(self, connection: AsyncConnection) -> None:
        open_ones = (promise.c.case_id == bindparam("of_case")) & (promise.c.state == "open")
        await connection.execute(
            update(promise)
            .where(open_ones, promise.c.by < bindparam("settled"))
            .values(state="broken", settled_at=bindparam("settled")),
            [{"of_case": row["of_case"], "settled": row["settled"]} for row in self.settled],
        )
        await connection.execute(
            update(promise).where(open_ones).values(state=bindparam("new_state"), settled_at=bindparam("settled")),
            self.settled,
        )

    async def _write_mentions(self, connection: AsyncConnection) -> None:
        note = (message.c.conversation_id == bindparam("conversation")) & (message.c.seq == bindparam("seq"))
        row = {
            "case_id": bindparam("in_case"),
            "message_id": select(message.c.id).where(note).scalar_subquery(),
            "agent_id": bindparam("whom"),
            "by_id": bindparam("who"),
            "at": bindparam("now"),
        }
        await connection.execute(insert(mention).values(row), self.mentions)

    async def _write_cases(self, connection: AsyncConnection) -> None:
        groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in self.cases:
            groups.setdefault(tuple(sorted(row)), []).append(row)
        for columns, rows in groups.items():
            changed = [name for name in columns if name != "case_id"]
            await connection.execute(
                update(case)
                .where(case.c.id == bindparam("case_id"))
                .values({name: bindparam(f"new_{name}", type_=case.c[name].type) for name in changed}),
                [{"case_id": row["case_id"], **{f"new_{name}": row[name] for name in changed}} for row in rows],
            )

    async def _write_conversations(self, connection: AsyncConnection) -> None:
        statement = (
            update(conversation)
            .where(conversation.c.id == bindparam("conversation_id"))
            .values(
                next_seq=bindparam("new_seq"),
                version=bindparam("new_version"),
                owner=bindparam("new_owner"),
                epoch=bindparam("new_epoch"),
            )
        )
        plain = [row for row in self.conversations if row["new_returned"] is None]
        back = [row for row in self.conversations if row["new_returned"] is not None]
        if plain:
            await connection.execute(
                statement, [{k: v for k, v in row.items() if k != "new_returned"} for row in plain]
            )
        if back:
            await connection.execute(statement.values(returned_seq=bindparam("new_returned")), back)


async def _insert(connection: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        await connection.execute(insert(table), rows)


async def insert_cases(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """New cases; their ids in the order of `rows`."""
    if not rows:
        return []
    # Rows come back in any order, and a conversation has at most one unresolved case.
    result = await connection.execute(
        insert(case).returning(case.c.conversation_id, case.c.id),
        [{**_sorted_by_deadline(row), "customer_key": row.get("customer_name", "").casefold()} for row in rows],
    )
    found = {conversation_id: id_ for conversation_id, id_ in result}
    return [found[row["conversation_id"]] for row in rows]


def _sorted_by_deadline(columns: Mapping[str, Any]) -> dict[str, Any]:
    if "deadline" not in columns:
        return dict(columns)
    return {**columns, "sort_at": columns["deadline"] or NEVER}
