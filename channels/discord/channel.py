"""One bot of Discord as a channel of ours: the parts of this package put together, and what it sends."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from channels.contract import (
    Address,
    Button,
    Capabilities,
    ChannelError,
    Host,
    InboundMessage,
    OutboundMessage,
    Receipt,
    Report,
    UnknownOutcome,
    Unsupported,
)
from channels.discord import inbound, markdown
from channels.discord.checks import faults
from channels.discord.files import Files, unfetched
from channels.discord.inbound import BUTTON, Ignored
from channels.discord.reader import Reader
from channels.discord.rest import Rest
from channels.discord.settings import NAME, DiscordSettings
from channels.portions import portions
from channels.richtext import RichText

log = logging.getLogger(__name__)

SUPPRESS_EMBEDS: Final = 1 << 2
BUTTONS_IN_A_ROW: Final = 5
ROWS: Final = 5
FILES_AT_MOST: Final = 10
ID_AT_MOST: Final = 100
LABEL_AT_MOST: Final = 80
REMEMBERED: Final = 5000
FIRST_CONNECTION: Final = 5.0
"""Seconds that a start waits for its connection."""
LAST_WORD: Final = 0.5
LOOK_BACK: Final = 100
PAGES_BACK: Final = 4
"""So many times `LOOK_BACK` messages of a channel are looked through for one of ours."""

CAPABILITIES: Final = Capabilities(
    max_length=markdown.LIMIT,
    length_unit="utf16",
    rich_text=True,
    buttons=True,
    threads=False,  # a thread is a channel of its own
    edits=False,
    attachments=True,
    max_attachment_bytes=10_000_000,
    idempotent_sends=True,
    idempotent_within=120.0,  # "the past few minutes", says Discord
    sends_per_second=40.0,  # of fifty requests of any kind
    sends_per_second_in_place=1.0,  # five in five seconds
)


class DiscordChannel:
    """One bot."""

    name = NAME
    capabilities = CAPABILITIES

    def __init__(self, settings: DiscordSettings) -> None:
        self.account = settings.account
        self._settings = settings
        self._rest = Rest(settings)
        self._files = Files(settings)
        self._reader = Reader(settings, self._rest, self._files)
        self._reader.scene.me = _owner(settings.token)
        self._task: asyncio.Task[None] | None = None
        self._tried: OrderedDict[str, int] = OrderedDict()
        """By key: the newest message that we knew of when it was sent first."""
        self._arrived: OrderedDict[str, None] = OrderedDict()
        """Messages of ours of which it is known what they are."""

    def report(self) -> Report:
        return self._reader.logbook.report()

    async def start(self, host: Host) -> None:
        self._rest.open()
        self._files.open()
        self._task = asyncio.create_task(self._reader.run(host), name=self._reader.lease)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_CONNECTION):
                await self._reader.tried.wait()

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(LAST_WORD):
                    await self._reader.note()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._rest.close()
        await self._files.close()

    async def backfill(self, host: Host) -> int:
        """Raises `ChannelError` when Discord cannot be asked now."""
        return await self._reader.catch_up()

    def reread(self, external_id: str, raw: bytes) -> Sequence[InboundMessage]:
        try:
            payload = json.loads(raw)
            messages = self._reader.lanes.decoded(payload["t"], payload["d"])
        except (Ignored, Exception) as error:
            raise ValueError(f"{external_id} still cannot be read: {type(error).__name__} {error}") from error
        return [unfetched(message) for message in messages]

    # --- out -------------------------------------------------------------------------------------

    def parts(self, text: RichText) -> Sequence[RichText]:
        return portions(text, markdown.LIMIT, markdown.length)

    async def send(self, message: OutboundMessage) -> Receipt:
        address = message.address
        said = message.reply_to or self._reader.scene.memory.latest(address.place, address.recipient)
        body = _body(message, said if address.public else None)
        self._tried.setdefault(message.key, self._reader.progress.newest)
        answer = await self._rest.post(_messages(message.address), body, files=message.attachments)
        try:
            return self._received(answer["id"])
        except (KeyError, TypeError, ValueError) as error:
            if self._settings.is_public or not isinstance(answer, dict):
                raise UnknownOutcome("Discord's answer makes no sense; look before it is sent again") from error
            return Receipt(external_id=f"sent-{message.key}")  # a yes, from one that numbers nothing, or in its own way

    def _received(self, id_: Any) -> Receipt:
        """Raises `ValueError`."""
        receipt = Receipt(external_id=inbound.snowflake(id_))
        self._arrived[receipt.external_id] = None
        for each in (self._arrived, self._tried):
            while len(each) > REMEMBERED:
                each.popitem(last=False)
        return receipt

    async def reconcile(self, message: OutboundMessage) -> Receipt | None:
        """By its nonce, as it came back over the gateway or in the channel's history; where the history tells none, by
        its words, if they stand there since we sent them and as nothing else of ours."""
        if (seen := self._reader.lanes.echo_of(message.key)) is not None:
            return self._received(seen)
        try:
            ours, all_of_it = await self._ours(_messages(message.address))
            for each in ours:
                if str(each.get("nonce") or "") == message.key or self._reads_like(each, message):
                    return self._received(each["id"])
        except (ChannelError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnknownOutcome(f"Discord cannot say whether it arrived: {error}") from error
        if all_of_it and all(each.get("nonce") for each in ours):
            return None  # that is all that was ever said there, and none of it is this
        raise UnknownOutcome("Discord does not say which of our messages this is; the same again would not double it")

    def _reads_like(self, found: Any, message: OutboundMessage) -> bool:
        since = self._tried.get(message.key)
        if since is None or found.get("nonce") or str(found["id"]) in self._arrived or int(found["id"]) <= since:
            return False
        content = found.get("content")
        return isinstance(content, str) and content.strip() == markdown.render(message.text).strip() != ""

    async def _ours(self, path: str) -> tuple[list[Any], bool]:
        """What we said last in a channel, and whether that is all of it."""
        ours: list[Any] = []
        where: dict[str, str] = {}
        for _ in range(PAGES_BACK):
            page = await self._rest.get(path, limit=LOOK_BACK, **where)
            ours += [each for each in page if str(each["author"]["id"]) == self._reader.scene.me]
            if len(page) < LOOK_BACK:
                return ours, bool(self._reader.scene.me)
            where = {"before": str(min(int(each["id"]) for each in page))}
        return ours, False

    async def typing(self, address: Address) -> None:
        try:
            await self._rest.post(f"/channels/{inbound.snowflake(address.place)}/typing")
        except (ChannelError, ValueError) as error:
            log.debug("typing was not shown: %s", error)

    async def check(self) -> list[str]:
        trouble = self._reader.logbook.trouble if self._task is not None else None
        if self._rest.is_open:
            return await faults(self._settings, self._rest, trouble)
        rest = Rest(self._settings)
        rest.open()
        try:
            return await faults(self._settings, rest, trouble)
        finally:
            await rest.close()


def _messages(address: Address) -> str:
    """Raises `Unsupported` for a place that is none of Discord's."""
    try:
        return f"/channels/{inbound.snowflake(address.place)}/messages"
    except ValueError as error:
        raise Unsupported(f"{address.place[:40]!r} is no channel of Discord's") from error


def _body(message: OutboundMessage, said: str | None) -> dict[str, Any]:
    """What is sent, as a reply to what was `said`. Raises `Unsupported` for what Discord cannot take."""
    content = markdown.render(message.text)
    if markdown.length(message.text) > markdown.LIMIT:
        raise Unsupported(f"a message on Discord has {markdown.LIMIT} characters at most; send it in parts")
    if len(message.attachments) > FILES_AT_MOST:
        raise Unsupported(f"a message on Discord has {FILES_AT_MOST} files at most; send it in parts")
    body: dict[str, Any] = {
        "content": content,
        "nonce": message.key,
        "enforce_nonce": True,
        "allowed_mentions": {"parse": [], "replied_user": False},
        "flags": SUPPRESS_EMBEDS,
    }
    if message.buttons:
        body["components"] = _components(message.buttons, message.address.recipient)
    if said is not None and said.isdigit():
        body["message_reference"] = {"message_id": said, "fail_if_not_exists": False}
    if message.attachments:
        body["attachments"] = [
            {"id": number, "filename": file.name[:200]} for number, file in enumerate(message.attachments)
        ]
    return body


def _components(buttons: Sequence[Button], recipient: str) -> list[dict[str, Any]]:
    if len(buttons) > BUTTONS_IN_A_ROW * ROWS:
        raise Unsupported(f"a message on Discord has {BUTTONS_IN_A_ROW * ROWS} buttons at most")
    made = [_component(button, recipient) for button in buttons]
    return [
        {"type": 1, "components": made[first : first + BUTTONS_IN_A_ROW]}
        for first in range(0, len(made), BUTTONS_IN_A_ROW)
    ]


def _component(button: Button, recipient: str) -> dict[str, Any]:
    """Who may press stands in it: in a server everybody sees the button."""
    allowed = recipient if recipient.isascii() and recipient.isdigit() else ""
    custom_id = f"{BUTTON}:{allowed}:{button.id}"
    if len(custom_id) > ID_AT_MOST:
        raise Unsupported(f"the id of a button on Discord has {ID_AT_MOST} characters at most")
    label = button.label.strip()[:LABEL_AT_MOST] or "\u2026"
    return {"type": 2, "style": 2, "label": label, "custom_id": custom_id}


def _owner(token: str) -> str:
    """The bot's id, which is the first part of its token; empty if that is not so."""
    head = token.partition(".")[0]
    try:
        said = base64.b64decode(head + "=" * (-len(head) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return said if said.isdigit() else ""


def make(settings: Mapping[str, Any]) -> DiscordChannel:
    """The factory: "discord" in the settings."""
    return DiscordChannel(DiscordSettings.parse(settings))
