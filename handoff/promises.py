"""What happens when time runs out: a promise about to break is told, a deadline passed is seen, a sleeper wakes.

Each function is the effect of one due row, in the transaction that consumes it. All look at the case as it is now:
what was settled meanwhile needs nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff import texts
from handoff.deadlines import at_risk, deadline
from handoff.opening import Footing, Rules
from handoff.waking import wake
from store import cases, journey
from store.agents import first_supervisor
from store.changes import Changes
from store.dues import Due
from store.journey import CaseBrief


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a due row's effect may know of the present."""

    now: datetime
    rules: Rules
    footing: Footing
    pull: Callable[[str], bool]


Effect = Callable[[AsyncConnection, Due, CaseBrief, Moment], Awaitable[Changes]]


async def promise_risk(connection: AsyncConnection, due: Due, case: CaseBrief, at: Moment) -> Changes:
    """A promise is about to break: the customer hears it before it does, and a supervisor knows."""
    changes = Changes()
    promises = [row for row in await cases.open_promises(connection, case.id) if row["by"] > row["made_at"]]
    risky = [row for row in promises if at_risk(row["made_at"], row["by"]) <= at.now + timedelta(seconds=1)]
    if not risky or case.status in ("resolved", "pending"):
        return changes
    oldest = risky[0]
    told = int(case.flags.get("at_risk", 0))
    # Who has been let down once is not given another time that may not be kept either.
    basis = at.footing.basis(case.sla) if not told else None
    new_by = deadline(case.sla, at.now, at.rules.targets, at.rules.hours) if basis is not None else None
    voice = at.rules.voice
    if new_by is not None and voice.time(new_by, at.now) == voice.time(oldest["by"], at.now):
        new_by = None  # it would read like the one that is not kept
    supervisor = await first_supervisor(connection)
    changes.settle_promises(case.id, "replaced", at.now)
    if new_by is not None and basis is not None:
        changes.promise(case.id, case.conversation_id, kind="first_answer", by=new_by, basis=basis, now=at.now)
        changes.due("promise_risk", case.id, at_risk(at.now, new_by), now=at.now)
    await _say(
        connection,
        changes,
        case,
        at,
        texts.at_risk(
            old=voice.time(oldest["by"], at.now),
            new=voice.time(new_by, at.now) if new_by is not None else None,
            supervisor=supervisor.name if supervisor and at.rules.notify else None,
        ),
    )
    changes.event(
        case.id,
        "promise_at_risk",
        actor="system",
        now=at.now,
        data={"promised": oldest["by"].isoformat(), "supervisor": supervisor.email if supervisor else None},
    )
    changes.case(case.id, flags={**case.flags, "at_risk": told + 1})
    if at.rules.notify:
        changes.due("notify", case.id, at.now, now=at.now, data={"why": "promise_at_risk"})
    return changes


async def breach(connection: AsyncConnection, due: Due, case: CaseBrief, at: Moment) -> Changes:
    """A deadline has passed without an answer: the desk shows it and supervisors are told."""
    changes = Changes()
    if case.deadline is None or case.deadline > at.now or case.status in ("resolved", "pending"):
        return changes
    if case.breached_at is not None and case.breached_at >= case.deadline:
        return changes  # seen already: one deadline may come due twice
    changes.case(case.id, breached_at=at.now)
    changes.event(case.id, "breached", actor="system", now=at.now, data={"deadline": case.deadline.isoformat()})
    if at.rules.notify:
        changes.due("notify", case.id, at.now, now=at.now, data={"why": "breached"})
    return changes


async def snooze_over(connection: AsyncConnection, due: Due, case: CaseBrief, at: Moment) -> Changes:
    """A sleeping case wakes, to whom it belongs."""
    changes = Changes()
    if case.status != "snoozed" or (case.snoozed_until is not None and case.snoozed_until > at.now):
        return changes  # awake, or put to sleep again for longer
    by = case.deadline or deadline(case.sla, at.now, at.rules.targets, at.rules.hours)
    changes.case(
        case.id,
        **wake(changes, case, at.now, notify=at.rules.notify),
        deadline=by,
        unanswered_since=case.unanswered_since or at.now,
    )
    changes.due("breach", case.id, by, now=at.now)
    changes.event(case.id, "woke", actor="system", now=at.now)
    return changes


async def _say(connection: AsyncConnection, changes: Changes, case: CaseBrief, at: Moment, text: str) -> None:
    """A system notice; the conversation's lock is held by the caller. In public it would tell of a case: nothing."""
    conversation = await journey.read_conversation(connection, case.conversation_id)
    if conversation is None or conversation.public:
        return
    changes.say(
        conversation.id,
        conversation.next_seq,
        author="system",
        author_name=at.rules.voice.bot,
        kind="notice",
        body=text,
        now=at.now,
        status="sent" if at.pull(conversation.channel) else "queued",
        condition="case_unanswered",
    )
    changes.advance(
        conversation.id,
        next_seq=conversation.next_seq + 1,
        version=conversation.version + 1,
        owner=conversation.owner,
        epoch=conversation.epoch,
    )


EFFECTS: dict[str, Effect] = {"promise_risk": promise_risk, "breach": breach, "snooze_over": snooze_over}
