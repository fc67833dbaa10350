"""Brings what was read into the house, and only then tells Telegram so: the way in, for polls and pushes alike."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from channels.contract import Cursor, Delivered, Host, InboundMessage, Undecodable
from channels.finishing import to_the_end
from channels.telegram.api import Api, said
from channels.telegram.files import Files
from channels.telegram.memory import Memory
from channels.telegram.updates import PRESSED, Press, Read

log = logging.getLogger(__name__)

Incoming = InboundMessage | Undecodable
FILES_WITHIN: Final = 20.0
"""Seconds for all files that are committed together."""
SIGNS_WITHIN: Final = 0.5
"""Seconds that signs of presses get then."""
BYTES_TOGETHER: Final = 20_000_000
FILES_TOGETHER: Final = 12
"""Files that are in memory at the same time, but for those of one album."""


class Intake:
    """One account's."""

    def __init__(self, api: Api, files: Files, memory: Memory) -> None:
        self._api = api
        self._files = files
        self._memory = memory
        self.ignored: Counter[str] = Counter()
        """What was not for the house, by kind."""
        self._signs: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        if self._signs:
            await asyncio.wait(self._signs, timeout=SIGNS_WITHIN)
        for task in self._signs:
            task.cancel()
        await asyncio.gather(*self._signs, return_exceptions=True)

    async def take(self, host: Host, reads: Sequence[Read], cursor: Cursor | None = None) -> list[Delivered]:
        """Commit these, and the cursor with them. Raises what `Host.deliver` raises; then nothing was kept."""
        for read in reads:
            if read.moved is not None:
                await self._memory.moved(host, *read.moved)
        placed = [await self._placed(host, read) for read in reads if read.message is not None]
        messages = await self._with_files(placed, [read for read in reads if read.message is not None])
        results = await to_the_end(host.deliver(messages, cursor=cursor)) if messages or cursor is not None else []
        for read in reads:
            self._account_for(read)
        return results

    async def _with_files(self, messages: Sequence[Incoming], reads: Sequence[Read]) -> list[Incoming]:
        """Fetched side by side, and all within one time: a server of files that is away must not hold the words."""
        until = asyncio.get_running_loop().time() + FILES_WITHIN

        async def filled(message: Incoming, read: Read) -> Incoming:
            if isinstance(message, Undecodable) or not read.files:
                return message
            return replace(message, attachments=await self._files.attachments(read.files, until=until))

        return list(await asyncio.gather(*(filled(*each) for each in zip(messages, reads, strict=True))))

    async def _placed(self, host: Host, read: Read) -> Incoming:
        """Where it belongs to, and whether it is for us."""
        message = read.message
        assert message is not None  # noqa: S101 - the caller's condition
        if isinstance(message, Undecodable):
            return message
        message = await self._at_home(host, message)
        if not message.public or read.thread is None or read.listen != "threads":
            return message
        if message.addressed:
            await self._memory.open(host, message.place, read.thread)
        elif await self._memory.is_open(host, message.place, read.thread):
            return replace(message, addressed=True)
        return message

    async def _at_home(self, host: Host, message: InboundMessage) -> InboundMessage:
        """A group that has moved goes on where it was; its new ids are told apart from the old ones."""
        if not message.public or (home := await self._memory.home(host, message.place)) == message.place:
            return message
        numbered = message.external_id.isdigit()
        return replace(
            message,
            place=home,
            external_id=f"{message.place}:{message.external_id}" if numbered else message.external_id,
            reply_to=f"{message.place}:{message.reply_to}" if message.reply_to else None,
        )

    # --- after the commit ---

    def _account_for(self, read: Read) -> None:
        if read.ignored:
            if not self.ignored[read.ignored]:
                log.info("updates of this kind are ignored: %s", read.ignored)
            self.ignored[read.ignored] += 1
        if read.left:
            log.warning("%s", read.left)
        if read.press is not None:
            task = asyncio.create_task(self._show(read.press))
            self._signs.add(task)
            task.add_done_callback(self._signs.discard)

    async def _show(self, press: Press) -> None:
        """End the waiting sign on the button, and let it be seen which one was pressed. Best effort.

        In a group everybody may press: there the buttons stay, for the one whom they are meant for."""
        shown = InlineKeyboardMarkup([[InlineKeyboardButton(f"✓ {press.label}"[:64], callback_data=PRESSED)]])
        try:
            await self._api.bot.answer_callback_query(press.id)
            if press.data != PRESSED and press.chat > 0:
                await self._api.bot.edit_message_reply_markup(press.chat, press.message, reply_markup=shown)
        except Exception as error:
            log.info("a press was kept, but not shown to be: %s", said(error))


def portions(reads: Sequence[Read]) -> Iterator[Sequence[Read]]:
    """What is committed together: everything, unless its files would fill the memory. No album is cut in two."""
    begin = weight = files = 0
    for at, read in enumerate(reads):
        inside = at > begin and read.album is not None and read.album == reads[at - 1].album
        size = sum(file.size for file in read.files)
        full = weight + size > BYTES_TOGETHER or files + len(read.files) > FILES_TOGETHER
        if at > begin and read.files and full and not inside:
            yield reads[begin:at]
            begin, weight, files = at, 0, 0
        weight, files = weight + size, files + len(read.files)
    if begin < len(reads):
        yield reads[begin:]
