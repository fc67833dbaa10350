"""What a window shows: posted once, found again where no answer came back, changed when the case does.

Rows first, requests second. One place takes about a post a second, so that many new cases at once become one list.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from bot.window.here import Here
from channels.contract import ChannelError, TemporaryFailure, UnknownOutcome, WindowPost
from handoff import window as shown
from handoff.context import described
from handoff.texts import Voice
from handoff.window import Shown
from store import agents, cases
from store import window as rows
from store.window import Post
from store.words import case_number

STORM: Final = 5
"""More new cases than these that wait to be posted are named together."""
DIGEST_GROWS: Final = timedelta(minutes=1)
DIGEST_EVERY: Final = timedelta(seconds=5)
BURST: Final = 4.0
"""Posts that may leave at once after a quiet time."""
ROOM_FOR: Final = 60.0
"""Seconds for which it is believed who reads the place."""
LOOK_AFTER: Final = timedelta(seconds=3)
"""A platform that is slow may still be at it."""
TRIES: Final = 200

log = structlog.get_logger(__name__)


class Posts:
    """Posts what is due. `base`: the desk's address."""

    def __init__(self, here: Here, *, base: str, voice: Voice) -> None:
        self._here = here
        self._base = base
        self._voice = voice
        self._asked_room = -1e9
        self._tokens = BURST
        self._filled = time.monotonic()
        self._paused_until = 0.0

    def rest(self) -> float:
        """Seconds until the place may take another post."""
        now = time.monotonic()
        return max(self._paused_until - now, (1.0 - self._tokens) / self._here.window.per_second, 0.0)

    async def all(self, first: Callable[[], Awaitable[bool]]) -> None:
        """As much as the place takes now; `first` is done between two of them, and says whether there was any."""
        while time.monotonic() >= self._paused_until:
            await self._gather_storm()
            async with self._here.database.read() as connection:
                todo = await rows.to_post(connection, self._here.pane, self._here.now())
            if not await self._sees_room() or not todo:
                return
            for post in todo:
                if time.monotonic() < self._paused_until or not self._may_post():
                    return
                await self._post(post)
                if await first():
                    break

    def _may_post(self) -> bool:
        now = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._filled) * self._here.window.per_second)
        self._filled = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    async def _gather_storm(self) -> None:
        """Rather one list than a wall of cards: an outage has many cases, and one channel a post a second."""
        now = self._here.now()
        async with self._here.database.read() as connection:
            queued = await rows.queued_cards(connection, self._here.pane)
            young = await rows.young_digest(connection, self._here.pane, now - DIGEST_GROWS) if queued else None
        if not queued or (young is None and len(queued) <= STORM):
            return
        async with self._here.database.write("window.digest") as connection:
            digest_id = young or await rows.put(connection, self._here.pane, "digest", queued[0], now=now)
            await rows.gather_in(connection, digest_id, queued, now + DIGEST_EVERY)

    async def _sees_room(self) -> bool:
        """Is it known who reads there? Words wait until it is."""
        if time.monotonic() - self._asked_room < ROOM_FOR:
            return True
        try:
            self._here.closed = (await self._here.window.room()).closed
        except ChannelError as error:
            self._pause(error)
            return False
        self._asked_room = time.monotonic()
        return True

    async def _post(self, post: Post) -> None:
        if post.status == "unknown":
            await self._find(post)
            return
        made = await self._made(post)
        if post.ts is not None:
            await self._change(post, post.ts, made)
            return
        async with self._here.database.write("window.sending") as connection:
            if not await rows.sending(connection, post.id):
                return
        now, tries = self._here.now(), post.tries + 1
        try:
            ts = await self._here.window.post(made)
        except TemporaryFailure as error:
            self._pause(error)
            await self._put_off(post, "queued" if tries < TRIES else "failed", now + _pause_of(tries), error)
        except (UnknownOutcome, Exception) as error:
            final = isinstance(error, ChannelError) and not isinstance(error, UnknownOutcome)
            log.warning("a post in the window is unclear", error=str(error), failed=final)
            await self._put_off(post, "failed" if final else "unknown", now + LOOK_AFTER, error)
        else:
            async with self._here.database.write("window.posted") as connection:
                await rows.stands(connection, post.id, ts, post.rev)

    async def _change(self, post: Post, ts: str, made: WindowPost) -> None:
        try:
            await self._here.window.change(ts, made)
        except (TemporaryFailure, UnknownOutcome) as error:
            self._pause(error)
            await self._put_off(post, "sent", self._here.now() + _pause_of(post.tries + 1), error)
            return
        except ChannelError as error:
            log.info("a post in the window cannot be changed", error=str(error))  # somebody has deleted it
        async with self._here.database.write("window.changed") as connection:
            await rows.stands(connection, post.id, ts, post.rev)

    async def _find(self, post: Post) -> None:
        """Sent or not? Only the platform knows."""
        try:
            ts = await self._here.window.find(await self._made(post))
        except ChannelError as error:
            self._pause(error)
            await self._put_off(post, "unknown", self._here.now() + _pause_of(post.tries + 1), error)
            return
        async with self._here.database.write("window.found") as connection:
            if ts is None:
                await rows.put_off(connection, post.id, "queued", self._here.now(), "it had not arrived")
            else:
                await rows.stands(connection, post.id, ts, 0 if post.rev == 0 else -1)

    async def _put_off(self, post: Post, status: str, at: datetime, error: Exception) -> None:
        async with self._here.database.write("window.put-off") as connection:
            await rows.put_off(
                connection, post.id, status, at, str(error) or type(error).__name__, tries=post.tries + 1
            )

    def _pause(self, error: ChannelError) -> None:
        """Nothing more for now: as long as the platform says, or a moment."""
        asked = error.retry_after if isinstance(error, TemporaryFailure) else None
        away = isinstance(error, TemporaryFailure) and error.everywhere
        self._paused_until = time.monotonic() + min(asked or (5.0 if away else 1.0), 300.0)

    async def _made(self, post: Post) -> WindowPost:
        """The words of a post, as the rows are now."""
        async with self._here.database.read() as connection:
            thread: str | None = None
            if post.kind == "digest":
                what = await self._digest(connection, post)
            else:
                assert post.case_id is not None  # noqa: S101 - all others are of a case
                row = await cases.read_row(connection, post.case_id)
                assert row is not None  # noqa: S101 - cases are never deleted
                if post.kind != "card":
                    card = await rows.card_of(connection, self._here.pane, post.case_id)
                    thread = card.ts if card is not None else None
                what = await self._of_case(connection, post, row)
        return WindowPost(key=post.key, text=what.text, buttons=what.buttons, thread=thread, since=post.created_at)

    async def _digest(self, connection: Any, post: Post) -> Shown:
        count, first = await rows.digested(connection, post.id)
        found = [row for each in first if (row := await cases.read_row(connection, each)) is not None]
        return shown.digest(count, found, f"{self._base}/desk")

    async def _of_case(self, connection: Any, post: Post, row: dict[str, Any]) -> Shown:
        link, words = f"{self._base}/desk/cases/{case_number(row['id'])}", self._here.closed
        if post.kind == "card":
            return shown.card(row, self._here.now(), self._voice, words=words, link=link)
        if post.kind == "send":
            send = await rows.send_of(connection, post.id)
            assert send is not None  # noqa: S101 - it was written with its line
            agent = await agents.read_agent(connection, send.agent_id)
            return shown.sending(
                send.id, send.state, send.body, agent.name if agent else "Somebody", row, why=send.why, words=words
            )
        assert post.seq is not None  # noqa: S101 - a line is of a message
        (message,) = await described(connection, row["conversation_id"], after=post.seq - 1, limit=1)
        return shown.line(message, row, words=words, link=link)


def _pause_of(tries: int) -> timedelta:
    return timedelta(seconds=min(60.0, 0.5 * 2 ** min(tries, 10)))
