"""An answer that did not arrive: the case waits for us again, and not for a customer who has read nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff.deadlines import deadline
from handoff.promises import Moment
from handoff.waking import wake
from store import journey, outbox
from store import undelivered as rows
from store.changes import Changes
from store.dues import Due
from store.journey import CaseBrief

FLAG: Final = "undelivered"


async def undelivered(connection: AsyncConnection, due: Due, case: CaseBrief, at: Moment) -> Changes:
    """The effect of its due row; the conversation is locked by the caller.

    Whoever had the case has it again, with a time. One that was resolved with that answer is open again: what the
    customer was told, they were not told.
    """
    changes = Changes()
    lost = await rows.lost(connection, int(due.data["message"]))
    if lost is None or lost.case != case.id or case.status in ("waiting", "open") or case.outcome == "spam":
        return changes
    by = deadline(case.sla, at.now, at.rules.targets, at.rules.hours)
    again = case.status == "resolved"
    changes.case(
        case.id,
        **wake(changes, case, at.now, notify=at.rules.notify),
        deadline=by,
        unanswered_since=at.now,
        resolved_at=None,
        outcome=None,
        merged_into_id=None,
        reopened=case.reopened + again,
        flags={**case.flags, FLAG: True},
    )
    if again:
        await _to_people(connection, changes, case)
    changes.due("breach", case.id, by, now=at.now)
    changes.event(case.id, FLAG, actor="system", now=at.now, data={"seq": lost.seq, "error": lost.reason})
    return changes


async def _to_people(connection: AsyncConnection, changes: Changes, case: CaseBrief) -> None:
    conversation = await journey.read_conversation(connection, case.conversation_id)
    if conversation is None:
        return
    changes.cancel_bot_rows.append(conversation.id)
    changes.advance(
        conversation.id,
        next_seq=conversation.next_seq,
        version=conversation.version + 1,
        owner="human",
        epoch=conversation.epoch + 1,
    )


async def send_again(connection: AsyncConnection, message_id: int, now: datetime) -> bool:
    """An agent's word: try once more, even if it should double. False: it is not among the undelivered.

    A case that was waiting only for this waits for the customer again.
    """
    lost = await rows.lost(connection, message_id, states=(*rows.LOST, "unknown"))
    if lost is not None:
        await journey.lock(connection, [lost.conversation])
    if not await outbox.send_again(connection, message_id, now):
        return False
    case = None if lost is None else await journey.read_case(connection, lost.case)
    if case is not None and case.flags.get(FLAG) and case.status == "open":
        changes = Changes()
        changes.case(
            case.id,
            status="pending",
            deadline=None,
            unanswered_since=None,
            flags={name: value for name, value in case.flags.items() if name != FLAG},
        )
        await changes.write(connection)
    return True
