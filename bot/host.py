"""What the house gives to its channels: a way in, and for the web a way to read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager

from bot.intake import Intake
from bot.live import Live
from channels.contract import Button, Cursor, Delivered, InboundMessage, Line, Undecodable
from store import transcripts
from store.bus import Bus
from store.database import Database

_VISIBLE = frozenset({"text", "answer", "acknowledgement", "notice", "survey", "event", "button"})


class House:
    """Implements `channels.contract.PullHost`."""

    def __init__(self, *, intake: Intake, database: Database, live: Live, bus: Bus) -> None:
        self._intake = intake
        self._database = database
        self._live = live
        self._bus = bus

    async def deliver(
        self, messages: Sequence[InboundMessage | Undecodable], *, cursor: Cursor | None = None
    ) -> list[Delivered]:
        return await self._intake.deliver(messages, cursor=cursor)

    async def cursor(self, name: str) -> str | None:
        return await self._intake.cursor(name)

    async def known_places(self, channel: str, account: str) -> list[str]:
        return await self._intake.known_places(channel, account)

    async def find(self, channel: str, account: str, place: str) -> int | None:
        async with self._database.read() as connection:
            return await transcripts.find(connection, channel, account, place)

    async def transcript(self, conversation: int, *, after: int, limit: int) -> list[Line]:
        async with self._database.read() as connection:
            rows = await transcripts.public(connection, conversation, after=after, limit=limit)
        return [
            Line(
                seq=row["seq"],
                external_id=row["external_id"],
                author=row["author"],
                author_name=row["author_name"],
                kind="text" if row["author"] == "customer" else row["kind"],
                text=row["body"],
                buttons=tuple(Button(id=button["id"], label=button["label"]) for button in row["buttons"] or ()),
                at=row["created_at"],
            )
            for row in rows
            if row["kind"] in _VISIBLE
        ]

    def listen(self, conversation: int) -> AbstractContextManager[asyncio.Event]:
        return self._live.listen(conversation)

    async def allow(self, key: str, *, limit: int, per: float) -> float:
        return await self._bus.allow(key, limit=limit, per=per)
