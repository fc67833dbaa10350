"""To whom a case wakes: its holder, or the queue while the holder is away. Nobody waits for somebody who has left."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from store.changes import Changes
from store.journey import CaseBrief


def wake(changes: Changes, case: CaseBrief, now: datetime, *, notify: bool) -> dict[str, Any]:
    """The columns of a case that no longer sleeps or waits for the customer; what becomes of it is told in `changes`.

    `notify`: a first-class one that goes back to the queue calls until somebody takes it.
    """
    if case.assignee_id is None:
        return {"status": "waiting", "snoozed_until": None}
    if case.holder_away_since is None:
        return {"status": "open", "snoozed_until": None}
    changes.event(case.id, "released", actor="system", now=now, agent_id=case.assignee_id, data={"why": "away"})
    if notify and case.urgent:
        changes.due("notify", case.id, now, now=now, data={"why": "released"})
    return {"status": "waiting", "assignee_id": None, "snoozed_until": None}
