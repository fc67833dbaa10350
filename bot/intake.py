"""Takes what channels deliver and commits it: one row per platform message, many per transaction.

Whoever delivers waits for the commit; while one transaction is on its way, what else arrives is gathered for the
next. So a thousand customers at once cost some tens of commits, and a single one waits for nobody.
"""

from __future__ import annotations

import asyncio
import math
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import metrics
from bot.pace import Pace
from channels.contract import (
    Attachment,
    Cursor,
    Delivered,
    DeliveryOutcome,
    InboundMessage,
    LeaseLost,
    Returned,
    Undecodable,
    Where,
)
from store import inbox, letters
from store.bus import Bus
from store.database import Database
from store.errors import DatabaseAway, LeaseGone

Marks = Callable[[str], tuple[str, dict[str, Any]]]
"""(what is kept of a text, what is written beside it): of a code that proves an address only its hash is kept."""
BATCH: Final = 128
TEXT_AT_MOST: Final = 100_000
"""Characters kept of one message; what is longer is cut, and said to be."""
NUMBER_AT_MOST: Final = 2**63 - 1
"""What every database can count to. A number beyond it, whoever sent it, must not keep a message from being kept."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Delivery:
    """One call of `deliver`, waiting for its commit."""

    items: list[inbox.Incoming]
    unreadable: list[inbox.Unreadable]
    returned: list[letters.CameBack]
    order: list[type]
    """Of which of these lists the next is."""
    cursor: Cursor | None
    done: asyncio.Future[list[Delivered]]


def clean(text: str) -> str:
    """Text that every database and every page can hold: no NUL, no lone surrogates, no control characters.

    What this Python's Unicode does not know yet is kept: it is next year's emoji.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs")
        else ("\n" if character in "\r\v\f\x85" else "\ufffd")
        for character in text.replace("\r\n", "\n")
    )
    return kept


def one_line(text: str) -> str:
    """Clean, and without line breaks: a name or a subject may come to stand in a header."""
    return " ".join(clean(text).split())


class Intake:
    """The one way in. `deliver` is what adapters call."""

    def __init__(
        self,
        *,
        database: Database,
        bus: Bus,
        chosen: inbox.Chosen = lambda _: False,
        marks: Marks = lambda text: (text, {}),
        changed: Callable[[set[int]], Awaitable[None]] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`chosen` says which first messages people label (`bot.chance`), `marks` what is more than words; `changed`
        hears of conversations in which something that we had said came back."""
        self._database = database
        self._bus = bus
        self._chosen = chosen
        self._marks = marks
        self._changed = changed
        self._clock = clock
        self._waiting: list[_Delivery] = []
        self._news = asyncio.Event()
        self._pace = Pace()

    async def deliver(
        self, messages: Sequence[InboundMessage | Undecodable | Returned], *, cursor: Cursor | None = None
    ) -> list[Delivered]:
        """Commit these messages with the cursor that stands for them; see `channels.contract.Host`."""
        items = [_incoming(message, self._marks) for message in messages if isinstance(message, InboundMessage)]
        unreadable = [
            inbox.Unreadable(
                channel=message.channel,
                account=clean(message.account),
                external_id=clean(message.external_id),
                reason=clean(message.reason),
                raw=message.raw,
            )
            for message in messages
            if isinstance(message, Undecodable)
        ]
        delivery = _Delivery(
            items, unreadable, [_came_back(message) for message in messages if isinstance(message, Returned)],
            [type(message) for message in messages], cursor, asyncio.get_running_loop().create_future(),
        )  # fmt: skip
        self._waiting.append(delivery)
        self._news.set()
        return await delivery.done

    async def run(self) -> None:
        """Commit what is delivered, until cancelled."""
        try:
            while True:
                await self._news.wait()
                await self._pace.turn()
                await self._commit_waiting()
        finally:
            for delivery in self._waiting:
                delivery.done.cancel()

    async def _commit_waiting(self) -> None:
        batch: list[_Delivery] = []
        while self._waiting and sum(len(delivery.items) for delivery in batch) < BATCH:
            batch.append(self._waiting.pop(0))
        if not self._waiting:
            self._news.clear()
        batch = [delivery for delivery in batch if not delivery.done.cancelled()]
        if not batch:
            return
        self._pace.took(len(batch))
        try:
            await self._commit_all(batch)
        finally:
            for delivery in batch:
                delivery.done.cancel()  # with us, who stop; else it has its result

    async def _commit_all(self, batch: list[_Delivery]) -> None:
        try:
            await self._commit(batch)
        except DatabaseAway as error:
            # Nobody's fault, and trying each alone could take a lock's or a network's patience for each.
            for delivery in batch:
                _fail(delivery, error)
        except Exception as error:
            if len(batch) == 1 and not isinstance(error, IntegrityError):
                _fail(batch[0], error)
                return
            # One of them is to blame, or another process kept the same message first: each for itself.
            for delivery in batch:
                await self._commit_alone(delivery)

    async def _commit_alone(self, delivery: _Delivery) -> None:
        for attempt in (1, 2, 3):
            try:
                await self._commit([delivery])
            except IntegrityError as error:
                if attempt == 3:
                    _fail(delivery, error)
            except Exception as error:
                _fail(delivery, error)
                return
            else:
                return

    async def _commit(self, batch: list[_Delivery]) -> None:
        now = self._clock()
        items = [item for delivery in batch for item in delivery.items]
        unreadable = [item for delivery in batch for item in delivery.unreadable]

        returned = [item for delivery in batch for item in delivery.returned]

        async def keep(connection: AsyncConnection) -> tuple[list[inbox.Kept], list[letters.Found]]:
            kept = await inbox.keep(connection, items, now, chosen=self._chosen) if items else []
            if unreadable:
                await inbox.set_aside(connection, unreadable, now)
            found = [await letters.come_back(connection, item, now) for item in returned]
            for delivery in batch:
                if delivery.cursor is not None:
                    move = delivery.cursor
                    await inbox.move_cursor(connection, move.name, move.value, now, token=move.token, under=move.lease)
            return kept, found

        kept, found = await self._database.commit("intake", keep)
        results, back = iter(kept), iter(found)
        for delivery in batch:
            mine = _delivered(
                delivery, [next(results) for _ in delivery.items], [next(back) for _ in delivery.returned]
            )
            if not delivery.done.done():
                delivery.done.set_result(mine)
        metrics.kept((item.channel, row.outcome) for item, row in zip(items, kept, strict=True))
        news = {row.conversation for row in kept if row.outcome == "new"}
        if news:
            await self._bus.hint("router", news)
        if self._changed is not None and (changed := {row.conversation for row in found if row.new}):
            await self._changed(changed)

    # --- the rest of `channels.contract.Host` -----------------------------------------------------

    async def cursor(self, name: str) -> str | None:
        async with self._database.read() as connection:
            return await inbox.read_cursor(connection, name)

    async def known_places(self, channel: str, account: str) -> list[str]:
        async with self._database.read() as connection:
            return await inbox.known_places(connection, channel, account)

    async def where(
        self, channel: str, account: str, *, came: Sequence[str] = (), sent: Sequence[str] = ()
    ) -> dict[str, Where]:
        ids = {key: message for key in sent if (message := message_of(key))}
        if not came and not ids:
            return {}
        asked = {clean(id_): id_ for id_ in came}
        async with self._database.read() as connection:
            rows = await inbox.places(connection, channel, account, came=asked, sent=ids)
        return {
            asked.get(name, name): Where(
                place=row.place, thread=row.thread, customer=row.customer, people=row.people,
                about=row.meta.get("about", {}),
            )
            for name, row in rows.items()
        }  # fmt: skip


def _fail(delivery: _Delivery, error: Exception) -> None:
    log.warning("intake failed", error=str(error), messages=len(delivery.items))
    told = LeaseLost(str(error)) if isinstance(error, LeaseGone) else error
    if not delivery.done.done():
        delivery.done.set_exception(told)


def _delivered(delivery: _Delivery, kept: list[inbox.Kept], found: list[letters.Found]) -> list[Delivered]:
    rows, back = iter(kept), iter(found)
    return [
        _of_kept(next(rows)) if kind is InboundMessage else _of_found(next(back)) if kind is Returned else _SET_ASIDE
        for kind in delivery.order
    ]


_SET_ASIDE: Final = Delivered(outcome="quarantined", message=0, conversation=0, place="", seq=0)


def _of_kept(row: inbox.Kept) -> Delivered:
    return Delivered(
        outcome=row.outcome, message=row.message, conversation=row.conversation, place=row.place, seq=row.seq
    )


def _of_found(of: letters.Found) -> Delivered:
    outcome: DeliveryOutcome = "new" if of.new else "duplicate"
    return Delivered(outcome=outcome, message=of.message, conversation=of.conversation, place=of.place, seq=of.seq)


_KEY: Final = re.compile(r"m([1-9][0-9]{0,17})(?:-[0-9]{1,4})?")


def message_of(key: str) -> int:
    """Which row a key of ours stands for (`bot.packing`); 0: it is none."""
    found = _KEY.fullmatch(key)
    return int(found[1]) if found else 0


def _came_back(item: Returned) -> letters.CameBack:
    return letters.CameBack(
        channel=item.channel, account=clean(item.account), external_id=clean(item.external_id)[:200],
        message=message_of(item.key), reason=one_line(item.reason)[:500], final=item.final,
    )  # fmt: skip


def _incoming(message: InboundMessage, marks: Marks) -> inbox.Incoming:
    text = clean(message.text)
    beside: dict[str, Any] = {}
    ours = message.author.is_us or message.author.is_bot or message.automatic
    if message.kind in ("message", "edit") and not message.attachments and not ours:
        text, found = marks(text)
        # A code proves something about whoever surely wrote it, and about nobody else.
        beside = {} if message.forgeable or message.of is not None else found
    flags = {
        "us": message.author.is_us,
        "bot": message.author.is_bot,
        "automatic": message.automatic,
        "aside": not message.addressed,
        "third": message.of is not None,
        "forgeable": message.forgeable,
        "cut": len(text) > TEXT_AT_MOST,
    }
    meta = {name: True for name, holds in flags.items() if holds}
    return inbox.Incoming(
        channel=message.channel,
        account=clean(message.account),
        place=clean(message.place),
        thread=None if message.thread is None else clean(message.thread),
        author_id=clean(message.author.external_id),
        author_name=one_line(message.author.name)[:200],
        email=None if message.author.email is None else one_line(message.author.email)[:320].lower(),
        email_verified=message.author.email_verified,
        external_id=clean(message.external_id),
        revision=_bounded(message.revision),
        kind="text" if message.kind == "message" else message.kind,
        text=text[:TEXT_AT_MOST],
        public=message.public,
        global_id=message.global_id,
        extra=_storable(message.extra) or None,
        subject=None if message.subject is None else one_line(message.subject)[:1000],
        of=None if message.of is None else clean(message.of),
        meta={**meta, **_told(message, text), **beside, **({"button": clean(message.button)} if message.button else {}),
              **({"files": len(message.attachments)} if message.attachments else {})} or None,
        reply_to=None if message.reply_to is None else clean(message.reply_to),
        platform_at=message.platform_at,
        files=tuple(_file(attachment) for attachment in message.attachments),
    )  # fmt: skip


def _told(message: InboundMessage, text: str) -> dict[str, Any]:
    """What stands beside the words: all of them, what agents should know, what the adapter wants to be told again."""
    full = None if message.full is None else clean(message.full)[:TEXT_AT_MOST]
    found = {
        "full": full if full != text else None,
        "notes": [one_line(note)[:500] for note in message.notes[:20]],
        "about": dict(message.about),
    }
    return {name: value for name, value in found.items() if value}


def _file(attachment: Attachment) -> inbox.File:
    return inbox.File(
        name=safe_name(attachment.name),
        media_type=clean(attachment.media_type)[:200],
        size=_bounded(attachment.size),
        reference=clean(attachment.reference),
        content=attachment.content,
    )


def _bounded(number: int) -> int:
    return max(-NUMBER_AT_MOST, min(number, NUMBER_AT_MOST))


def _storable(value: Any) -> Any:
    """JSON as both databases take it: clean texts, and null for what is no number."""
    match value:
        case str():
            return clean(value)
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {clean(str(key)): _storable(each) for key, each in value.items()}
        case list() | tuple():
            return [_storable(each) for each in value]
        case _:
            return value


def safe_name(name: str) -> str:
    """A file's name to show, never to open: the last part of any path, without controls, 200 bytes at most."""
    visible = "".join(
        character for character in unicodedata.normalize("NFKC", name) if unicodedata.category(character)[0] != "C"
    )
    last = visible.replace("\\", "/").rsplit("/", 1)[-1].strip().lstrip(".")
    return last.encode()[:200].decode(errors="ignore") or "file"
