"""The whole story of a case, for whoever takes it: nobody asks the customer to repeat anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff import person
from handoff.errors import NoSuchCase
from handoff.reach import Reach
from store import blocks, cases, persons, tags, transcripts
from store.journey import MessageRow
from store.words import ASKED_AGAIN, NOT_ENDED, NOT_HELPED, case_id, case_number

TRANSCRIPT = 200
"""Newest messages that come with a case; older ones by page."""
MARKS: Final = 6
"""Of the customer's words on earlier cases."""


async def context(connection: AsyncConnection, number: str, *, reach: Reach | None = None) -> dict[str, Any]:
    """Everything about a case, as JSON-ready values. `reach`: what the desk knows of where customers are.

    Raises:
        NoSuchCase: there is none with this number.
    """
    id_ = case_id(number)
    row = await cases.read_row(connection, id_) if id_ is not None else None
    if row is None or id_ is None:
        raise NoSuchCase(f"There is no case {number!r}.")
    conversation = row["conversation_id"]
    rows = await transcripts.read(connection, conversation, newest=True, limit=TRANSCRIPT)
    messages = await _described_all(connection, conversation, rows)
    story, now = row["context"] or {}, datetime.now(UTC)
    others = await cases.cases_of_customer(connection, row["customer_id"], but=id_)
    often = await persons.times(connection, row["customer_id"], now)
    return {
        "number": case_number(id_),
        "tier": row["tier"],
        "status": row["status"],
        "urgent": row["urgent"],
        "assignee": row["assignee"],
        "assignee_email": row["assignee_email"],
        "team": row["team"],
        "deadline": row["deadline"],
        "unanswered_since": row["unanswered_since"],
        "late": row["breached_at"] is not None,
        "channel": row["channel"],
        "reason": row["reason"],
        "preview": row["preview"],
        "opened_at": row["opened_at"],
        "claimed_at": row["claimed_at"],
        "resolved_at": row["resolved_at"],
        "snoozed_until": row["snoozed_until"],
        "outcome": row["outcome"],
        "reopened": row["reopened"],
        "satisfaction": row["satisfaction"],
        "flags": row["flags"] or {},
        "tags": (await tags.of(connection, [id_])).get(id_, []),
        "merged_into": case_number(row["merged_into_id"]) if row["merged_into_id"] else None,
        "previous": case_number(row["previous_id"]) if row["previous_id"] else None,
        "customer": {
            "id": row["customer_id"],
            "name": row["customer_full_name"],
            "email": row["customer_email"],
            "since": row["customer_since"],
            "note": await person.note(connection, row["customer_id"]),
            "times": {"week": often.week, "month": often.month},
            "satisfaction": await persons.marks(connection, row["customer_id"], but=id_, limit=MARKS),
            "blocked": await blocks.standing(connection, row["identity_id"]),
            "identities": await person.identities(connection, row["customer_id"], here=row["identity_id"]),
            "conversations": await person.conversations(connection, row["customer_id"], but=conversation),
        },
        "conversation": {
            "id": conversation,
            "owner": row["owner"],
            "epoch": row["epoch"],
            "account": row["account"],
            "place": None if row["channel"] == "web" else row["place"],
            "thread": row["thread"],
            "public": row["public"],
            "last_seq": row["next_seq"] - 1,
            "opened_seq": row["opened_seq"],
            "subject": row["subject"],
            "seen_seq": row["seen_seq"],
            "seen_at": row["seen_at"],
        },
        "verdict": {key: value for key, value in story.items() if key != "articles"} or None,
        "verdicts": await transcripts.verdicts(connection, conversation),
        "tried": _tried(rows, until=row["resolved_at"]),
        "articles": story.get("articles", []),
        "promises": await cases.promises(connection, id_),
        "other_cases": others,
        "events": await cases.events(connection, id_),
        "attachments": await transcripts.files(connection, conversation),
        "reach": await reach.of(connection, row, now) if reach is not None else None,
        "transcript": messages,
        "also": await transcripts.copied(connection, conversation),  # who else may get a copy of a reply
    }


async def described(
    connection: AsyncConnection, conversation: int, *, after: int = 0, limit: int = TRANSCRIPT, newest: bool = False
) -> list[dict[str, Any]]:
    """Messages of a conversation as agents see them, oldest first: with ends, delivery, notes."""
    rows = await transcripts.read(connection, conversation, after=after, limit=limit, newest=newest)
    return await _described_all(connection, conversation, rows)


async def _described_all(
    connection: AsyncConnection, conversation: int, rows: Sequence[MessageRow]
) -> list[dict[str, Any]]:
    more = await transcripts.delivery(connection, conversation, [row.seq for row in rows])
    return [as_told(row, more.get(row.seq, {})) for row in rows]


def as_told(row: MessageRow, more: Mapping[str, Any]) -> dict[str, Any]:
    """One message as agents see it; `more`: its buttons and what became of it."""
    return {
        "id": row.id,
        "seq": row.seq,
        "direction": row.direction,
        "from": row.author,
        "author": row.author_name,
        "agent": row.agent_id,  # of a colleague: two may have one name
        "kind": row.kind,
        # A code is for the customer alone: whoever wrote it elsewhere would be taken for them.
        "text": row.meta.get("masked", row.body),
        "buttons": more.get("buttons") or [],
        "rich": more.get("rich"),
        # Of what came in it is the customer's own: with the words it would open their conversation.
        "external_id": more.get("external_id") if row.direction == "out" else None,
        "revision": row.revision,
        "end": row.end,
        "end_reason": more.get("end_reason"),
        "status": row.status,
        "error": more.get("error"),
        "parts": more.get("parts"),  # in how many it leaves, where that is more than one, and how many have arrived
        "parts_done": more.get("parts_done", 0) if more.get("parts") else None,
        "button": row.meta.get("button"),
        "files": row.meta.get("files", 0),
        "at": row.created_at,
        "sent_at": more.get("sent_at"),
        "mailed_at": row.meta.get("mailed_at"),
        "mail_error": row.meta.get("mail_error"),
        "full": row.meta.get("full"),  # with what it quotes and how it is signed, where that is more
        "notes": row.meta.get("notes", []),
    }


def _tried(rows: Sequence[MessageRow], *, until: datetime | None) -> list[dict[str, Any]]:
    """What the machine has answered, and which of it the customer has said no to."""
    return [
        {
            "seq": row.seq,
            "sections": row.meta.get("sections", []),
            "question": row.meta.get("question", ""),
            "rejected": _rejected(row, rows),
        }
        for row in rows
        if row.author == "bot"
        and row.kind == "answer"
        and row.status != "cancelled"
        and (until is None or row.created_at <= until)
    ]


def _rejected(answer: MessageRow, rows: Sequence[MessageRow]) -> bool:
    next_in = next((row for row in rows if row.seq > answer.seq and row.direction == "in"), None)
    if next_in is None:
        return False
    # What is handed over for another reason is another matter, and says nothing of the answer.
    return next_in.meta.get("button") == "helped:no" or (
        next_in.end == "handed_off" and next_in.end_reason in (NOT_HELPED, ASKED_AGAIN, NOT_ENDED)
    )
