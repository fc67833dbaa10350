"""What stands in the rows, in the policy's terms: one conversation's undecided messages become one `Situation`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from bot.policy import Said, Situation
from bot.understanding import Reading
from handoff.proof import ASKS, PROOF
from store.journey import Burst, MessageRow

ANSWER_COUNTS_FOR: Final = timedelta(hours=24)
UNDECIDED: Final = (None, "superseded", "ignored")
"""Ends of a first version after which an edit is the first thing that we hear: it may be that which names us."""


def situation(burst: Burst, reading: Reading | None, now: datetime) -> Situation:
    """All that counts for one decision. `reading` is None where there are no words, or the machine failed on them."""
    given = [row for row in burst.before if row.author == "bot" and row.kind == "answer" and row.status != "cancelled"]
    recent = [row for row in given if now - row.created_at <= ANSWER_COUNTS_FOR]
    case = burst.case
    resolved = None
    if case is not None and case.status == "resolved" and case.outcome != "returned":
        resolved = now - (case.resolved_at or now)
    owner = burst.conversation.owner
    if case is not None and case.let_go:
        owner, resolved = "bot", now - (case.survivor_resolved_at or case.resolved_at or now)
    last = _last_out(burst.before)
    return Situation(
        said=tuple(_said(message, burst) for message in burst.undecided),
        understanding=reading.understanding if reading else None,
        owner=owner,
        case_open=unresolved(burst) or (case is not None and case.lives_on),
        resolved_for=resolved,
        asked_if_helped=bool(recent) and last is recent[-1],
        same_question=_asked_before(burst, recent, reading),
        answers_last_hour=sum(now - row.created_at <= timedelta(hours=1) for row in given),
        greeted=any(row.meta.get("greeting") for row in burst.before),
        questions=reading.questions if reading else 1,
        articles=len(reading.hits) if reading else 0,
        public=burst.conversation.public,
        blocked=burst.conversation.blocked,
        answered=bool(given),
        asked_by_a_person=last is not None and last.author == "agent" and "?" in last.body,
    )


def unresolved(burst: Burst) -> bool:
    """There is a case that a person still has to settle."""
    return burst.case is not None and burst.case.status != "resolved"


def words(burst: Burst) -> str:
    """The burst as one matter, a line each; empty if there are no words."""
    return "\n".join(row.body for row in spoken(burst))


def spoken(burst: Burst) -> list[MessageRow]:
    """Messages with words to understand."""
    return [
        row
        for row in burst.undecided
        if row.kind in ("text", "edit")
        and row.body.strip()
        and not (row.meta.get("us") or row.meta.get("bot") or row.meta.get("automatic"))
        and (not row.meta.get("aside") or burst.conversation.owner == "human")
        and not _is_link(row, burst)
    ]


def _is_link(row: MessageRow, burst: Burst) -> bool:
    """It says who writes, and asks nothing; while a person answers, words may be meant for them."""
    asks = row.meta.get(ASKS)
    return PROOF in row.meta or asks == "command" or (asks is not None and burst.conversation.owner == "bot")


def _said(message: MessageRow, burst: Burst) -> Said:
    earlier = (row for row in burst.before if row.origin is not None and row.origin == message.origin)
    return Said(
        id=message.id,
        kind=message.kind,
        text=message.body,
        button=message.meta.get("button"),
        files=int(message.meta.get("files", 0)),
        us=bool(message.meta.get("us")),
        bot=bool(message.meta.get("bot")),
        automatic=bool(message.meta.get("automatic")),
        addressed=not message.meta.get("aside"),
        third=bool(message.meta.get("third")),
        edits_decided=message.kind == "edit" and any(row.end not in UNDECIDED for row in earlier),
        before_return=message.seq <= burst.conversation.returned_seq,
        link="code" if PROOF in message.meta else message.meta.get(ASKS),
    )


def _last_out(rows: Iterable[MessageRow]) -> MessageRow | None:
    return next((row for row in reversed(list(rows)) if row.direction == "out"), None)


def _asked_before(burst: Burst, recent: list[MessageRow], reading: Reading | None) -> bool:
    """The same words again, or words that lead to the same section, within a day of an answer."""
    if not recent or reading is None:
        return False
    now = " ".join(words(burst).casefold().split())
    if any(" ".join(str(row.meta.get("question", "")).casefold().split()) == now[:500] for row in recent):
        return True
    given = {tuple(section) for row in recent for section in row.meta.get("sections", ())}
    return any((hit.article.slug, hit.section.anchor) in given for hit in reading.hits)
