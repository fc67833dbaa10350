"""What a person knows better: what a case is about, in which language, whether somebody's safety is at stake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from handoff.deadlines import FIRST_CLASS, deadline
from handoff.opening import Rules
from handoff.work import Work
from store import transcripts

OURS = ""
"""As a language: the one in which we answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """None: nothing is said of it."""

    tier: str | None = None
    intent: str | None = None
    language: str | None = None
    """`de`, or `OURS`."""
    security: bool | None = None


async def corrected(work: Work, said: Correction, rules: Rules) -> None:
    """Put it right: the case moves to its class, and a tier or an intent becomes an example to learn from."""
    before = work.row["flags"] or {}
    flags = _flags(before, said)
    columns: dict[str, Any] = {} if flags == before else {"flags": flags}
    if said.tier is not None or said.security is not None:
        columns |= _served(work, said, rules, safe=not flags.get("security"))
    if columns:
        work.changes.case(work.id, **columns)
    if said.tier is not None or said.intent is not None:
        await _taught(work, said)
    told = {"language": said.language, "security": said.security}
    work.event(
        "corrected", tier=said.tier or work.row["tier"], intent=said.intent, before=work.row["tier"],
        **{name: value for name, value in told.items() if value is not None},
    )  # fmt: skip


def _flags(before: dict[str, Any], said: Correction) -> dict[str, Any]:
    flags = dict(before)
    for name, value in (("language", said.language), ("security", said.security)):
        if value is not None:
            flags.pop(name, None)
            if value:
                flags[name] = value
    return flags


def _served(work: Work, said: Correction, rules: Rules, *, safe: bool) -> dict[str, Any]:
    """Whose time is kept: a matter of security is served like an outage, whatever its tier."""
    tier = said.tier or str(work.row["tier"])
    sla = tier if safe else "outage"
    urgent = sla in FIRST_CLASS
    columns: dict[str, Any] = {"tier": tier, "sla": sla, "urgent": urgent}
    since = work.row["unanswered_since"]
    if since is not None and work.row["status"] != "resolved":
        columns["deadline"] = deadline(sla, since, rules.targets, rules.hours)
        work.changes.due("breach", work.id, max(columns["deadline"], work.now), now=work.now)
    if rules.notify and urgent and not work.row["urgent"] and work.row["status"] == "waiting":
        work.changes.due("notify", work.id, work.now, now=work.now, data={"why": "corrected"})
    if work.owner == "bot" and work.row["status"] != "resolved" and sla != "feedback":
        work.hand("human")  # it was only filed; now people own the conversation
    return columns


async def _taught(work: Work, said: Correction) -> None:
    """The message that opened the case is the example; of several corrections the newest counts."""
    rows = await transcripts.read(work.connection, work.conversation, after=work.row["opened_seq"] - 1, limit=1)
    work.changes.labels += [
        {
            "message_id": row.id,
            "tier": said.tier or work.row["tier"],
            "intent": said.intent,
            "agent_id": work.agent.id,
            "source": "correction",
            "created_at": work.now,
        }
        for row in rows
    ]
