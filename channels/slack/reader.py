"""Makes of what Slack tells us what can be delivered: with names, files, and whether it concerns us."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from channels.contract import InboundMessage, Undecodable
from channels.nesting import written
from channels.slack import inbound
from channels.slack.api import Api
from channels.slack.files import Files, unfetched
from channels.slack.inbound import Ignored, Scene, Us, Where
from channels.slack.marks import Mark
from channels.slack.people import People
from channels.slack.settings import SlackSettings

log = logging.getLogger(__name__)

RAW_AT_MOST: Final = 200_000
"""Bytes kept of a payload that cannot be read."""

FIRST_AT_MOST: Final = 5000
"""Messages whose sender's own name for them is remembered."""

SAID_AT_MOST: Final = 2000
"""Messages that are remembered: our own, and those to others."""

Item = InboundMessage | Undecodable


class Reader:
    """Reads for one account. `us` is who we are, once Slack has said so."""

    def __init__(self, api: Api, settings: SlackSettings) -> None:
        self._settings = settings
        self._people = People(api, trust_email=settings.trust_profile_email)
        self._files = Files(api, settings)
        self.us = Us()
        self._introduced = asyncio.Event()
        self._first: OrderedDict[str, str] = OrderedDict()
        self._said: OrderedDict[tuple[str, str], str | None] = OrderedDict()
        """Our own messages, and the threads that they stand in."""
        self._asides: OrderedDict[tuple[str, str], None] = OrderedDict()
        """What was said to others, as far as we knew."""
        self.direct: dict[str, bool] = {}
        """What is known of places: is it a direct message?"""
        self.ignored: Counter[str] = Counter()
        """How often something of each kind was none of ours."""

    def is_known_as(self, us: Us) -> None:
        """Slack has said who we are, here or with an event."""
        self.us = us
        if us.user:
            self._introduced.set()

    def is_not_told_who(self) -> None:
        """Slack answers, and does not say who we are: nobody waits for it any longer."""
        self._introduced.set()

    def has_said(self, place: str, thread: str | None, ts: str, stored: Mapping[str, Any]) -> None:
        """A message of ours was taken; what Slack shows of it also tells who we are."""
        self._said[place, ts] = thread
        while len(self._said) > SAID_AT_MOST:
            self._said.popitem(last=False)
        user, bot = stored.get("user"), stored.get("bot_id")
        if not self.us.user and isinstance(user, str) and user:
            self.is_known_as(replace(self.us, user=user, bot=bot if isinstance(bot, str) else self.us.bot))

    def _is_ours(self, message: InboundMessage) -> InboundMessage:
        """Our own words that came back, where nothing else in them says so."""
        if message.author.is_us or (message.place, message.external_id) not in self._said:
            return message
        return replace(message, author=replace(message.author, is_us=True))

    async def knows_us(self, within: float) -> bool:
        """Wait until it is known who we are: before that nobody can tell who is spoken to."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._introduced.wait()
        return self._introduced.is_set()

    # --- what concerns us ------------------------------------------------------------------------

    def is_direct(self, where: Where) -> bool:
        if where.direct is not None:
            self.direct[where.place] = where.direct
            return where.direct
        return self.direct.get(where.place, where.place.startswith("D"))

    def listens(self, where: Where, mark: Mark) -> bool:
        """In a channel: does it concern us without naming us?"""
        how = self._settings.listen.get(where.place, self._settings.listen["default"])
        return how == "all" or (how == "threads" and where.thread_ts is not None and where.thread_ts in mark.threads)

    def after(self, mark: Mark, where: Where, *, direct: bool, addressed: bool) -> Mark:
        """The mark once this is committed."""
        reply = where.thread_ts is not None and where.thread_ts != where.ts
        if reply:
            thread = str(where.thread_ts)
            return mark.with_thread(thread, where.ts) if direct or addressed or thread in mark.threads else mark
        mark = mark.with_seen(where.ts)
        return mark if direct or not addressed else mark.with_thread(where.ts, where.ts)

    # --- as it comes in --------------------------------------------------------------------------

    async def event(self, body: Mapping[str, Any], mark: Mark, us: Us) -> list[Item]:
        """A message event. Raises `Ignored`."""
        event = inbound.message_event(body)
        where = inbound.where(event, us)
        scene = await self._scene(inbound.people_in(event), us, addressed=self.listens(where, mark))
        message = self._first_of(self._is_ours(inbound.read_message(event, scene)), event.get("client_msg_id"))
        return [await self._with_files(self._now_meant(message, event), event)]

    def _now_meant(self, message: InboundMessage, event: Mapping[str, Any]) -> InboundMessage:
        """A mention comes twice, as a message and as a mention. Where the first was not known to be one, the second
        says no other words, but that they are for us: a revision of the first."""
        if message.kind != "message":
            return message
        key = (message.place, message.external_id)
        if not message.addressed:
            self._asides[key] = None
            while len(self._asides) > SAID_AT_MOST:
                self._asides.popitem(last=False)
        elif event.get("type") == "app_mention" and key in self._asides:
            return replace(message, kind="edit", revision=1)
        return message

    def _first_of(self, message: InboundMessage, client_id: Any) -> InboundMessage:
        """Slack has been seen to bring one message under two time stamps: it counts under the first."""
        if message.kind != "message" or not isinstance(client_id, str) or not client_id:
            return message
        first = self._first.setdefault(f"{message.place}:{client_id[:100]}", message.external_id)
        while len(self._first) > FIRST_AT_MOST:
            self._first.popitem(last=False)
        thread = first if message.thread == message.external_id else message.thread
        return replace(message, external_id=first, thread=thread)

    async def press(self, body: Mapping[str, Any]) -> list[Item]:
        """Buttons under a message, or the shortcut at one. Raises `Ignored`."""
        scene = await self._scene([inbound.presser(body)], inbound.us_of(body, self.us))
        if body["type"] == "block_actions":
            return list(inbound.read_presses(body, scene, threads=self._said))
        return [inbound.read_shortcut(body, scene, None)]

    async def shortcut(self, body: Mapping[str, Any], place: str) -> list[Item]:
        """The shortcut that stands everywhere, for whoever's direct message is `place`."""
        scene = await self._scene([inbound.presser(body)], inbound.us_of(body, self.us))
        return [inbound.read_shortcut(body, replace(scene, direct={place: True}), place)]

    # --- as it stands in the history -------------------------------------------------------------

    async def history(self, message: Any, place: str, mark: Mark) -> tuple[list[Item], Where | None]:
        """A message of the past, and where it stands; nothing for our own. Never raises for its shape."""
        try:
            event = {**message, "channel": place}
            where = inbound.where(event, self.us)
            scene = await self._scene(inbound.people_in(event), self.us, addressed=self.listens(where, mark))
            found = [self._is_ours(each) for each in inbound.read_history(message, place, scene)]
            if not found or found[0].author.is_us:
                return [], where
            self._first_of(found[0], message.get("client_msg_id"))
            return [await self._with_files(found[0], event)], where
        except Exception as error:
            raw = written({"event": {"type": "message", **_dict(message), "channel": place}})
            return [self.unreadable(raw, error, stable=f"{place}:{_dict(message).get('ts')}")], None

    # --- what cannot be read ---------------------------------------------------------------------

    def unreadable(self, raw: bytes, error: Exception, *, stable: str = "") -> Undecodable:
        """A bad payload must neither block the others nor vanish. `stable`: what names it at each delivery."""
        return Undecodable(
            channel=inbound.NAME,
            account=self._settings.account,
            external_id=stable[:200] or hashlib.sha256(raw).hexdigest(),
            reason=f"{type(error).__name__}: {error}"[:500],
            raw=raw[:RAW_AT_MOST],
        )

    def reread(self, raw: bytes) -> Sequence[InboundMessage]:
        """Raises anything for what still cannot be read."""
        body = json.loads(raw)
        us = inbound.us_of(body, self.us)
        if body.get("type") == "block_actions":
            return inbound.read_presses(body, Scene(account=self._settings.account, us=us, direct=self.direct))
        event = inbound.message_event(body)
        where = inbound.where(event, us)
        scene = Scene(
            account=self._settings.account, us=us, people=self._people.known(inbound.people_in(event)),
            addressed=self.listens(where, Mark()), direct=self.direct,
        )  # fmt: skip
        return [replace(inbound.read_message(event, scene), attachments=unfetched(inbound.files_in(event)))]

    def ignore(self, reason: Ignored) -> None:
        """Count it, and say so the first time."""
        kind = str(reason) if len(self.ignored) < 500 else "other kinds"
        self.ignored[kind] += 1
        if self.ignored[kind] == 1:
            log.info("slack account %s: nothing is done with %r", self._settings.account, kind)

    # --- inside ----------------------------------------------------------------------------------

    async def _scene(self, users: Sequence[str], us: Us, *, addressed: bool = False) -> Scene:
        people = await self._people.look([user for user in users if user != us.user], us)
        return Scene(account=self._settings.account, us=us, people=people, addressed=addressed, direct=self.direct)

    async def _with_files(self, message: InboundMessage, event: Mapping[str, Any]) -> InboundMessage:
        files = inbound.files_in(event)
        if not files or message.author.is_bot or message.author.is_us:
            return message
        return replace(message, attachments=await self._files.fetch(files))


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {"unreadable": repr(value)[:2000]}
