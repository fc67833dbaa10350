"""How a conversation passes to people: the case, its deadline, what the customer is told, and the promise behind it.

Pure planning over values; the caller holds the conversation's lock and writes the `Changes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from handoff import texts
from handoff.deadlines import FIRST_CLASS, Targets, at_risk, deadline
from handoff.hours import Hours
from handoff.waking import wake
from store.changes import Changes
from store.journey import CaseBrief, ConversationRow, MessageRow
from store.words import case_number

PREVIEW: Final = 160
"""Characters of the customer's words that the queue shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the company has settled: times, hours, how it speaks, whom it calls."""

    targets: Targets
    hours: Hours
    voice: texts.Voice
    notify: bool = False
    """A notifier is set up; first-class cases call until somebody takes them."""
    mail_after: timedelta | None = None
    """So long a reply waits to be read in the chat before it goes by mail; None: mail is not set up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """On what a time may be named: agents on duty now, or tiers whose times were kept lately."""

    on_duty: int = 0
    measured: frozenset[str] = frozenset()

    def basis(self, sla: str) -> str | None:
        if self.on_duty > 0:
            return "agents on duty"
        return "measured" if sla in self.measured else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A conversation about to be handed to people."""

    conversation: ConversationRow
    tier: str
    sla: str
    reason: str
    acknowledge: str
    """Which acknowledgement, a key of `handoff.texts`."""
    messages: tuple[MessageRow, ...]
    """What they are to answer, oldest first."""
    pull: bool
    context: Mapping[str, Any] = field(default_factory=dict)
    flags: Mapping[str, Any] = field(default_factory=dict)
    language: str | None = None
    workaround: str | None = None
    reopens: CaseBrief | None = None
    previous: CaseBrief | None = None

    @property
    def urgent(self) -> bool:
        return self.sla in FIRST_CLASS


def preview(text: str) -> str:
    """The first words, on one line."""
    line = " ".join(text[: 4 * PREVIEW].split())
    return line if len(line) <= PREVIEW else line[: PREVIEW - 1].rstrip() + "…"


def _first_words(opening: Opening) -> str:
    return next((row.body for row in opening.messages if row.body.strip()), "")


def new_case(opening: Opening, now: datetime, rules: Rules) -> dict[str, Any]:
    """The row of a case that does not exist yet."""
    first = opening.messages[0]
    return {
        "conversation_id": opening.conversation.id,
        "customer_id": opening.conversation.customer_id,
        "channel": opening.conversation.channel,
        "tier": opening.tier,
        "sla": opening.sla,
        "urgent": opening.urgent,
        "status": "waiting",
        "deadline": deadline(opening.sla, first.created_at, rules.targets, rules.hours),
        "unanswered_since": first.created_at,
        "reason": opening.reason,
        "customer_name": opening.conversation.customer_name,
        "preview": preview(str(opening.context.get("deciding_sentence") or _first_words(opening))),
        "context": dict(opening.context),
        "flags": dict(opening.flags),
        "opened_at": now,
        "opened_seq": first.seq,
        "previous_id": opening.previous.id if opening.previous else None,
    }


def reopen_case(changes: Changes, opening: Opening, now: datetime, rules: Rules) -> int:
    """Open a resolved case again, more urgent than before: at least in the class and time of a call for a person.

    One that was only filed, while the machine went on, comes to people the same way.
    """
    known = opening.reopens
    assert known is not None  # noqa: S101 - the caller chose this path by it
    sla = _reopened_sla(opening, rules)
    first = opening.messages[0]
    again = known.status == "resolved"
    tier = opening.tier if graver(opening.sla, known.sla, rules.targets) != known.sla else known.tier
    story = {"context": dict(opening.context)} if opening.context else {}
    changes.case(
        known.id,
        status="waiting",
        assignee_id=None,
        tier=tier,
        sla=sla,
        urgent=sla in FIRST_CLASS,
        deadline=deadline(sla, first.created_at, rules.targets, rules.hours),
        unanswered_since=first.created_at,
        resolved_at=None,
        outcome=None,
        merged_into_id=None,
        breached_at=None,
        reopened=known.reopened + again,
        preview=preview(first.body),
        reason=opening.reason,
        flags={**known.flags, **opening.flags, **({"reopened": True} if again else {})},
        **story,
    )
    return known.id


def graver(one: str, other: str, targets: Targets) -> str:
    """The one whose time is shorter."""
    return min((one, other), key=targets.of)


def tell(
    changes: Changes,
    opening: Opening,
    case_id: int,
    *,
    seq: int,
    now: datetime,
    rules: Rules,
    footing: Footing,
    place: int | None,
) -> int:
    """The acknowledgement, the promise that it makes, and what will come due. Returns the next free number."""
    sla = opening.sla if opening.reopens is None else _reopened_sla(opening, rules)
    by = deadline(sla, opening.messages[0].created_at, rules.targets, rules.hours)
    public = opening.conversation.public
    basis = footing.basis(sla) if by > now and not public else None  # in public no time is said, so none is promised
    if basis is not None:
        changes.promise(case_id, opening.conversation.id, kind="first_answer", by=by, basis=basis, now=now)
        changes.due("promise_risk", case_id, at_risk(now, by), now=now)
    changes.due("breach", case_id, by, now=now)
    if rules.notify and sla in FIRST_CLASS:
        changes.due("notify", case_id, now, now=now)
    closed = not rules.hours.is_open(now) and sla not in FIRST_CLASS
    text = (
        texts.public_acknowledgement(opening.language)
        if public
        else texts.acknowledgement(
            opening.acknowledge,
            case=case_number(case_id),
            by=rules.voice.time(by, now) if basis is not None else None,
            place=place if opening.acknowledge == "person" else None,
            workaround=opening.workaround,
            language=opening.language,
            back=rules.voice.time(rules.hours.next_opening(now), now) if closed else None,
        )
    )
    changes.say(
        opening.conversation.id,
        seq,
        author="system",
        author_name=rules.voice.bot,
        kind="acknowledgement",
        body=text,
        now=now,
        status="sent" if opening.pull else "queued",
        condition="case_unresolved",
        meta={"case": case_number(case_id), "by": by.isoformat() if basis is not None else None},
    )
    changes.event(
        case_id,
        _event(opening),
        actor="bot",
        now=now,
        data={"reason": opening.reason, "tier": opening.tier, "deadline": by.isoformat(), "basis": basis},
    )
    return seq + 1


def _event(opening: Opening) -> str:
    if opening.reopens is None:
        return "opened"
    return "reopened" if opening.reopens.status == "resolved" else "escalated"


def _reopened_sla(opening: Opening, rules: Rules) -> str:
    """The graver of what it was and is now; one that was resolved too early is at least a call for a person."""
    known = opening.reopens
    assert known is not None  # noqa: S101 - asked only where there is one
    sla = graver(opening.sla, known.sla, rules.targets)
    return "person" if known.status == "resolved" and sla not in FIRST_CLASS else sla


def append(
    changes: Changes,
    case: CaseBrief,
    rows: tuple[MessageRow, ...],
    *,
    now: datetime,
    rules: Rules,
    flags: Mapping[str, Any] | None = None,
    tier: str | None = None,
    sla: str | None = None,
    wants_reply: bool = True,
    merged: str | None = None,
) -> None:
    """More from the customer while people own the conversation: the clock runs again, a graver matter counts.

    What wants no reply, as thanks do, starts no clock. `merged`: the number of the case that was merged into this one,
    in whose conversation it was written.
    """
    first = rows[0]
    said = ("customer_wrote", {"seq": first.seq}) if merged is None else ("merged_wrote", {"other": merged})
    changes.event(case.id, said[0], actor="customer", now=now, data=said[1])
    columns: dict[str, Any] = {"flags": {**case.flags, **flags}} if flags else {}
    if not wants_reply:
        if columns:
            changes.case(case.id, **columns)
        return
    columns |= {"preview": preview(rows[-1].body)}
    serves = case.sla
    if sla is not None and graver(sla, case.sla, rules.targets) != case.sla:
        serves = sla
        columns |= {"sla": sla, "urgent": sla in FIRST_CLASS, "tier": tier or case.tier}
    since = case.unanswered_since or first.created_at
    by = deadline(serves, since if case.unanswered_since else first.created_at, rules.targets, rules.hours)
    if serves != case.sla:
        # The graver matter began with this message: its own time, unless the old one ends sooner.
        sooner = deadline(serves, first.created_at, rules.targets, rules.hours)
        by = min(sooner, case.deadline) if case.deadline else sooner
    elif case.unanswered_since is not None and case.deadline is not None:
        by = min(by, case.deadline)  # writing again never makes anybody wait longer
    if case.unanswered_since is None or by != case.deadline:
        columns |= {"unanswered_since": since, "deadline": by, "breached_at": None}
        changes.due("breach", case.id, max(by, now), now=now)
    if case.status in ("pending", "snoozed"):
        columns |= wake(changes, case, now, notify=rules.notify and serves == case.sla)
    changes.case(case.id, **columns)
    if rules.notify and serves in FIRST_CLASS and serves != case.sla:
        changes.due("notify", case.id, now, now=now)


def notify_again(attempt: int) -> timedelta:
    """How long to wait before calling again for a first-class case that nobody has taken."""
    return timedelta(seconds=min(60 * 2**attempt, 600))
