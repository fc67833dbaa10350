"""How our links to platforms stand, told by every process and read by all; and when something last came and left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.inbox import upsert
from store.tables import channel_state, channel_traffic, conversation, lease, message

Account = tuple[str, str]
"""channel, account"""
LATELY: Final = 20
"""So many of a conversation's last messages are looked through for what left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRow:
    """What one process said of one account."""

    channel: str
    account: str
    process: str
    connected: str
    """yes | partly | no | standby"""
    since: datetime | None
    told: Mapping[str, Any]
    at: datetime
    stopped_at: datetime | None


async def tell(connection: AsyncConnection, rows: Sequence[StateRow]) -> None:
    """Write what a process says now, over what it said before."""
    for row in rows:
        values = {
            "channel": row.channel, "account": row.account, "process": row.process, "connected": row.connected,
            "since": row.since, "told": dict(row.told), "at": row.at, "stopped_at": row.stopped_at,
        }  # fmt: skip
        statement = upsert(connection)(channel_state).values(values)
        keys = ["channel", "account", "process"]
        new = {name: value for name, value in values.items() if name not in keys}
        await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new))


async def stopped(connection: AsyncConnection, process: str, now: datetime) -> None:
    """That process says goodbye."""
    await connection.execute(
        update(channel_state).where(channel_state.c.process == process).values(stopped_at=now, at=now)
    )


async def alone(connection: AsyncConnection, now: datetime) -> None:
    """For a process that is alone on this database: whoever still seems to run is dead."""
    await connection.execute(
        update(channel_state).where(channel_state.c.stopped_at.is_(None)).values(stopped_at=channel_state.c.at)
    )


async def read(connection: AsyncConnection) -> list[StateRow]:
    """Of all processes; a few rows."""
    query = select(channel_state).order_by(channel_state.c.channel, channel_state.c.account, channel_state.c.at)
    return [StateRow(**row) for row in (await connection.execute(query)).mappings()]


async def purge(connection: AsyncConnection, before: datetime) -> int:
    """Forget processes that were heard last before then."""
    return int((await connection.execute(delete(channel_state).where(channel_state.c.at < before))).rowcount)


async def holders(connection: AsyncConnection, names: Collection[str], now: datetime) -> dict[str, str]:
    """Who holds these leases now."""
    query = select(lease.c.name, lease.c.holder).where(
        lease.c.name.in_(list(names)), lease.c.holder != "", lease.c.until > now
    )
    return {row[0]: row[1] for row in await connection.execute(query)}


# --- when something came and left ------------------------------------------------------------------


async def last_in(connection: AsyncConnection, accounts: Iterable[Account]) -> dict[Account, datetime]:
    """When something last came in; the end of an index for each."""
    found: dict[Account, datetime] = {}
    for channel, account in accounts:
        query = select(func.max(conversation.c.last_in_at)).where(
            conversation.c.channel == channel, conversation.c.account == account
        )
        at = (await connection.execute(query)).scalar_one()
        if at is not None:
            found[channel, account] = at
    return found


async def last_out(connection: AsyncConnection, accounts: Collection[Account]) -> dict[Account, datetime]:
    """When something last left, as it was noted."""
    here = tuple_(channel_traffic.c.channel, channel_traffic.c.account)
    query = select(channel_traffic).where(here.in_(list(accounts)))
    return {(row[0], row[1]): row[2] for row in await connection.execute(query)}


async def left_lately(connection: AsyncConnection, conversations: Collection[int]) -> dict[Account, datetime]:
    """When something last left in one of these conversations, by their accounts."""
    query = (
        select(conversation.c.channel, conversation.c.account, func.max(message.c.sent_at))
        .join(message, message.c.conversation_id == conversation.c.id)
        .where(
            conversation.c.id.in_(list(conversations)),
            message.c.seq >= conversation.c.next_seq - LATELY,
            message.c.status == "sent",
            message.c.sent_at.is_not(None),
        )
        .group_by(conversation.c.channel, conversation.c.account)
    )
    return {(row[0], row[1]): row[2] for row in await connection.execute(query)}


async def note_left(connection: AsyncConnection, moments: Mapping[Account, datetime]) -> None:
    """Keep when something last left. It never goes back."""
    for (channel, account), at in sorted(moments.items()):
        statement = upsert(connection)(channel_traffic).values(channel=channel, account=account, last_out_at=at)
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=["channel", "account"],
                set_={"last_out_at": at},
                where=channel_traffic.c.last_out_at < at,
            )
        )
