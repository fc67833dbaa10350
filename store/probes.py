"""Test messages: rows first, requests second, like everything that leaves; but of no conversation, and sent once.

queued ──one process takes it──> sending ──> sent | refused | unclear
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.inbox import upsert
from store.standings import Account
from store.tables import probe

Outcome = Literal["sent", "refused", "unclear"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    id: int
    channel: str
    account: str
    place: str
    body: str
    agent_id: int | None
    status: str
    said: str | None
    created_at: datetime
    ended_at: datetime | None


_PROBE = [column for column in probe.c if column.name != "key"]


async def put(
    connection: AsyncConnection,
    *,
    channel: str,
    account: str,
    place: str,
    body: str,
    by: int | None,
    now: datetime,
    key: str | None = None,
) -> int:
    """Ask for one; its id. `by`: an agent, or None for the command line. `key`: of what was asked for already, that."""
    values = {"channel": channel, "account": account, "place": place, "body": body, "agent_id": by, "key": key}
    statement = upsert(connection)(probe).values(**values, status="queued", created_at=now)
    made = await connection.execute(statement.on_conflict_do_nothing(index_elements=["key"]).returning(probe.c.id))
    if (id_ := made.scalar_one_or_none()) is not None:
        return int(id_)
    return int((await connection.execute(select(probe.c.id).where(probe.c.key == key))).scalar_one())


async def read(connection: AsyncConnection, id_: int) -> Probe | None:
    row = (await connection.execute(select(*_PROBE).where(probe.c.id == id_))).mappings().one_or_none()
    return None if row is None else Probe(**row)


async def queued(connection: AsyncConnection) -> list[Probe]:
    """Those that nobody has taken, oldest first."""
    waits = probe.c.status == "queued"
    query = select(*_PROBE).where(waits).order_by(probe.c.id).limit(20)
    return [Probe(**row) for row in (await connection.execute(query)).mappings()]


async def take(connection: AsyncConnection, id_: int) -> bool:
    """Put it to `sending`; False: somebody else has. The transaction must commit before anything is requested."""
    taken = update(probe).where(probe.c.id == id_, probe.c.status == "queued").values(status="sending")
    return bool((await connection.execute(taken)).rowcount)


async def settle(connection: AsyncConnection, id_: int, outcome: Outcome, said: str, now: datetime) -> None:
    """How it ended. `said`: the platform's name for the message, or why not."""
    await connection.execute(
        update(probe)
        .where(probe.c.id == id_, probe.c.status.in_(("queued", "sending")))
        .values(status=outcome, said=said, ended_at=now)
    )


async def latest(connection: AsyncConnection, accounts: Iterable[Account]) -> dict[Account, Probe]:
    """The last one of each."""
    found: dict[Account, Probe] = {}
    for channel, account in accounts:
        query = select(*_PROBE).where(probe.c.channel == channel, probe.c.account == account)
        row = (await connection.execute(query.order_by(probe.c.id.desc()).limit(1))).mappings().one_or_none()
        if row is not None:
            found[channel, account] = Probe(**row)
    return found


async def purge(connection: AsyncConnection, before: datetime, *, limit: int) -> int:
    """Delete those from before then, the oldest first; how many."""
    old = select(probe.c.id).where(probe.c.created_at < before).order_by(probe.c.created_at).limit(limit)
    return int((await connection.execute(delete(probe).where(probe.c.id.in_(old)))).rowcount)
