"""The line of waiting cases, and who is next in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import settings
from store.tables import UNRESOLVED_ONLY, case, conversation

_RUN: Final = "queue.first_class_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The first waiting case of each class, locked, and how many of the first class were taken in a row."""

    first: int | None
    second: int | None
    second_deadline: datetime | None
    run: int


async def heads(connection: AsyncConnection, now: datetime) -> Heads:
    """Who is next in each class. One take at a time: whoever comes second sees what is left, not what is locked."""
    run = await settings.hold(connection, _RUN, 0, now)
    found: dict[bool, tuple[int, datetime | None]] = {}
    for urgent in (True, False):
        query = (
            select(case.c.id, case.c.deadline)
            .join(conversation, conversation.c.id == case.c.conversation_id)
            .where(UNRESOLVED_ONLY, case.c.status == "waiting", case.c.urgent.is_(urgent))
            .order_by(case.c.sort_at, case.c.id)
            .limit(1)
            # Everybody else locks the conversation first: with both in hand, or neither, nobody waits in a circle.
            .with_for_update(of=[case, conversation], skip_locked=True)
        )
        row = (await connection.execute(query)).one_or_none()
        if row is not None:
            found[urgent] = (row[0], row[1])
    second = found.get(False)
    return Heads(
        first=found[True][0] if True in found else None,
        second=second[0] if second else None,
        second_deadline=second[1] if second else None,
        run=int(run or 0),
    )


async def remember_run(connection: AsyncConnection, run: int, now: datetime) -> None:
    await settings.write(connection, _RUN, run, now)
