"""What the house gives to its channels: a way in, and for the web a way to read."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bot.intake import Intake, one_line, safe_name
from bot.live import Live
from bot.tenure import Held, alone
from bot.window.keeping import keep
from channels.contract import (
    About,
    Button,
    Content,
    Cursor,
    Delivered,
    Ear,
    InboundMessage,
    Kept,
    Line,
    Returned,
    Standing,
    Undecodable,
    Where,
    WindowEvent,
)
from channels.richtext import RichText
from handoff import texts, unread
from handoff.hours import Hours
from handoff.reach import masked
from handoff.texts import Voice
from store import transcripts, visits
from store.bus import Bus
from store.database import Database
from store.visits import Visit
from store.words import case_number

Status = Callable[[], Awaitable[Mapping[str, str] | None]]
"""`{"state": "fine" | "trouble", "text"}` as it is now, or None."""
STATUS_KEPT: Final = 5.0
"""Seconds; so often at most anybody is asked."""
_SOON: Final = timedelta(minutes=2)
"""Whoever is answered within this is still there."""
REFUSED: Final = "refused:"
"""In an attachment's `reference`: it was not kept, and why."""
_VISIBLE = frozenset({"text", "answer", "acknowledgement", "notice", "survey", "event", "button"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What the house shows of itself to everybody."""

    voice: Voice
    hours: Hours
    hours_said: str
    """The opening hours as the operator wrote them."""
    mail_after: timedelta | None = None
    """So long an answer waits to be read before it follows to an address; None: none does."""
    status: Status | None = None
    file_at_most: int = 10_000_000
    """Bytes of one file that a customer sends."""


class House:
    """Implements `channels.contract.PullHost`."""

    def __init__(
        self,
        *,
        intake: Intake,
        database: Database,
        live: Live,
        bus: Bus,
        front: Front,
        holder: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._intake = intake
        self._database = database
        self._live = live
        self._bus = bus
        self._front = front
        self._holder = holder
        self._clock = clock
        self._status: Mapping[str, str] | None = None
        self._status_asked = -1e9

    async def deliver(
        self, messages: Sequence[InboundMessage | Undecodable | Returned], *, cursor: Cursor | None = None
    ) -> list[Delivered]:
        return await self._intake.deliver(messages, cursor=cursor)

    async def cursor(self, name: str) -> str | None:
        return await self._intake.cursor(name)

    async def known_places(self, channel: str, account: str) -> list[str]:
        return await self._intake.known_places(channel, account)

    async def where(
        self, channel: str, account: str, *, came: Sequence[str] = (), sent: Sequence[str] = ()
    ) -> Mapping[str, Where]:
        return await self._intake.where(channel, account, came=came, sent=sent)

    async def window(self, events: Sequence[WindowEvent]) -> None:
        await keep(self._database, self._bus, events, self._clock())

    def alone(self, name: str) -> AbstractAsyncContextManager[Held]:
        return alone(self._database, name, f"{self._holder}-{secrets.token_hex(4)}", self._clock)

    async def find(self, channel: str, account: str, place: str) -> int | None:
        async with self._database.read() as connection:
            return await transcripts.find(connection, channel, account, place)

    async def transcript(self, conversation: int, *, after: int, limit: int) -> list[Line]:
        async with self._database.read() as connection:
            rows = await transcripts.public(connection, conversation, after=after, limit=limit)
            files = await transcripts.files_of(
                connection, [row["id"] for row in rows if (row["meta"] or {}).get("files")]
            )
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
                button=(row["meta"] or {}).get("button") if row["author"] == "customer" else None,
                rich=RichText.from_json(row["rich"]) if row["rich"] else None,
                files=tuple(
                    Kept(
                        id=file["id"],
                        name=file["name"],
                        media_type=file["media_type"],
                        size=file["size"],
                        refused=self._refusal_of(file),
                    )
                    for file in files.get(row["id"], ())
                ),
            )
            for row in rows
            if row["kind"] in _VISIBLE
        ]

    def listen(self, conversation: int) -> AbstractContextManager[Ear]:
        return self._live.listen(conversation)

    async def about(self) -> About:
        front, now = self._front, self._clock()
        opens = front.hours.next_opening(now)
        is_open = opens <= now
        return About(
            company=front.voice.company,
            bot=front.voice.bot,
            hours=texts.hours(front.hours_said, front.voice.zone, now),
            open=is_open,
            opens_at=None if is_open else opens,
            opens=None if is_open else front.voice.time(opens, now),
            status=await self._status_now(),
            mail=front.mail_after is not None,
        )

    async def _status_now(self) -> Mapping[str, str] | None:
        now = time.monotonic()
        if self._front.status is not None and now - self._status_asked >= STATUS_KEPT:
            self._status_asked = now
            self._status = await self._front.status()
        return self._status

    async def standing(self, conversation: int) -> Standing:
        async with self._database.read() as connection:
            visit = await visits.read(connection, conversation)
        return (
            Standing(owner="bot")
            if visit is None
            else _standing(visit, self._clock(), mail=self._front.mail_after is not None)
        )

    async def seen(self, conversation: int, seq: int) -> None:
        async with self._database.write("seen") as connection:
            new = await visits.seen(connection, conversation, seq, self._clock())
        if new:
            await self._live.publish([conversation], [])

    async def file(self, conversation: int, file: int) -> Content | None:
        async with self._database.read() as connection:
            row = await transcripts.file_of(connection, conversation, file)
        return None if row is None else Content(name=row["name"], media_type=row["media_type"], data=row["content"])

    def refusal(self, name: str, reason: str, *, alone: bool = False) -> str:
        return texts.refused_file(safe_name(name), reason, at_most=self._front.file_at_most, alone=alone)

    def _refusal_of(self, file: Mapping[str, Any]) -> str | None:
        kept, refused, reason = str(file["reference"]).partition(REFUSED)
        return self.refusal(file["name"], reason) if refused and not kept else None

    async def writes(self, conversation: int) -> None:
        await self._live.signal("typing", conversation=conversation, by="customer")

    async def reach(self, conversation: int, *, email: str, name: str) -> None:
        address, called = one_line(email)[:320].lower(), one_line(name)[:200]
        async with self._database.write("reach") as connection:
            if await visits.claim_address(connection, conversation, address, called):
                await unread.address_given(connection, conversation, now=self._clock(), after=self._front.mail_after)
        await self._live.publish([conversation], [])

    async def allow(self, key: str, *, limit: int, per: float) -> float:
        return await self._bus.allow(key, limit=limit, per=per)


def _standing(visit: Visit, now: datetime, *, mail: bool) -> Standing:
    """What of it is the customer's business. What was only filed is not: nobody writes about it."""
    human, resolved = visit.owner == "human", visit.status == "resolved"
    ours = visit.case_id is not None and (human or resolved)
    awaited = human and not resolved and visit.unanswered_since is not None
    by = visit.by if human and not resolved else None
    return Standing(
        owner=visit.owner,
        case=case_number(visit.case_id) if ours and visit.case_id is not None else None,
        resolved=ours and resolved,
        waiting=human and visit.status == "waiting",
        place=None if visit.ahead is None else visit.ahead + 1,
        by=by,
        agent=visit.agent if human and not resolved else None,
        email=None if visit.email is None else masked(visit.email),
        ask_email=mail and awaited and visit.email is None and (by is None or by - now > _SOON),
        seen=visit.seen_seq,
    )
