"""Sends one message of ours: once, whole if it can be, and with an error that says exactly what is known."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    InputMediaDocument,
    LinkPreviewOptions,
    MessageEntity,
    ReplyParameters,
)
from telegram.constants import ChatAction
from telegram.error import TelegramError

from channels.contract import (
    Address,
    Attachment,
    Button,
    ChannelError,
    Host,
    OutboundMessage,
    PermanentFailure,
    Receipt,
    TemporaryFailure,
    UnknownOutcome,
    Unsupported,
)
from channels.fitting import length_of
from channels.telegram.api import Api, Garbled, Refused, failure, listening
from channels.telegram.content import MOST_FILES
from channels.telegram.memory import Memory
from channels.telegram.rendering import LONGEST, LONGEST_CAPTION, rendered, storable

A_MINUTE_IN_A_GROUP: Final = 20
BUTTON_BYTES: Final = 64
"""Of what comes back when it is pressed."""
SOON: Final = 0.1
"""Seconds until a message is sent again to where its group has moved."""

Call = Callable[[], Awaitable[Any]]
"""One request that leaves a message at the platform."""


class Pace:
    """Telegram takes twenty messages a minute in one group; the next one would earn us a longer silence."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, deque[float]] = {}

    def wait(self, chat: str, count: int) -> float:
        """Seconds until so many may leave; 0: now, and they count as sent."""
        if not chat.startswith("-"):
            return 0.0
        now = self._clock()
        for other in [other for other, left in self._left.items() if left and now - left[-1] > 60]:
            del self._left[other]
        left = self._left.setdefault(chat, deque())
        while left and now - left[0] >= 60:
            left.popleft()
        if len(left) + count > A_MINUTE_IN_A_GROUP and left:
            return max(0.05, 60 - (now - left[0]))
        left.extend([now] * count)
        return 0.0


class Sender:
    """One account's."""

    def __init__(self, api: Api, memory: Memory, host: Host) -> None:
        self._api = api
        self._memory = memory
        self._host = host
        self._pace = Pace()

    async def send(self, message: OutboundMessage) -> Receipt:
        chat = await self._memory.now(self._host, message.address.place)
        calls = self._calls(message, chat)
        if (wait := self._pace.wait(chat, len(calls))) > 0:
            raise TemporaryFailure("Telegram takes twenty messages a minute in a group; this one waits.",
                                   retry_after=wait)  # fmt: skip
        ids: list[str] = []
        for number, call in enumerate(calls):
            try:
                ids += [_named(message, chat, id_) for id_ in await self._sent(call)] or [f"sent-{message.key}"]
            except Refused as error:
                moved = error.moved_to if not ids else None
                if moved is not None:
                    await self._memory.moved(self._host, int(chat), moved)
                    raise TemporaryFailure("The group has moved; the message follows it.", retry_after=SOON) from None
                raise _half(failure(error), number, len(calls)) from error
            except TelegramError as error:
                raise _half(failure(error), number, len(calls)) from error
        return Receipt(external_id=ids[0], parts=tuple(ids))

    async def _sent(self, call: Call) -> list[int]:
        """The ids that Telegram gave. An answer that the library cannot model still names them."""
        with listening() as heard:
            try:
                await call()
            except TelegramError:
                raise
            except Exception as error:
                if not (ids := _ids(heard.result)) and (self._api.is_public or not heard.came):
                    raise Garbled(type(error).__name__) from error
                return ids
        if not (ids := _ids(heard.result)) and self._api.is_public:
            raise Garbled("it names no message")
        return ids  # a server of one's own may say yes, and number nothing

    async def typing(self, address: Address) -> None:
        chat = await self._memory.now(self._host, address.place)
        await self._api.bot.send_chat_action(
            _chat_id(chat), ChatAction.TYPING, message_thread_id=_thread(address.thread), read_timeout=3.0
        )

    # --- what leaves ---

    def _calls(self, message: OutboundMessage, chat: str) -> list[Call]:
        """One request where one is enough: words and files together, so that no half of them can arrive alone."""
        text, entities = rendered(message.text)
        if length_of(text, "utf16") > LONGEST:
            raise Unsupported(f"Telegram takes {LONGEST} characters in one message; send this in several.")
        files = [_file(file, attach=len(message.attachments) > 1) for file in message.attachments]
        if not text and not files:
            raise PermanentFailure("There is nothing in this message that Telegram could show.")
        if len(files) > MOST_FILES:
            raise Unsupported(f"Telegram takes {MOST_FILES} files at once; send these in several messages.")
        keyboard = _keyboard(message.buttons)
        where: dict[str, Any] = {
            "chat_id": _chat_id(chat),
            "message_thread_id": _thread(message.address.thread),
            "reply_parameters": _reply(message.reply_to, chat, message.address.place),
        }
        fits = length_of(text, "utf16") <= LONGEST_CAPTION and not (len(files) > 1 and keyboard)
        if files and (fits or not text):
            return [self._with_files(where, files, text, entities, keyboard)]
        words = self._words(where, text, entities, keyboard)
        return [words, self._with_files({**where, "reply_parameters": None}, files, "", [], None)] if files else [words]

    def _words(
        self, where: dict[str, Any], text: str, entities: Sequence[MessageEntity], keyboard: InlineKeyboardMarkup | None
    ) -> Call:
        return lambda: self._api.bot.send_message(
            **where,
            text=text,
            parse_mode=None,
            entities=entities,
            reply_markup=keyboard,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        )

    def _with_files(
        self,
        where: dict[str, Any],
        files: Sequence[InputFile],
        text: str,
        entities: Sequence[MessageEntity],
        keyboard: InlineKeyboardMarkup | None,
    ) -> Call:
        bot = self._api.bot
        if len(files) == 1:
            return lambda: bot.send_document(
                **where, document=files[0], caption=text or None, caption_entities=entities or None, parse_mode=None,
                reply_markup=keyboard,
            )  # fmt: skip
        last = len(files) - 1  # the words stand under the last one
        media = [
            InputMediaDocument(
                file, parse_mode=None, caption=text if number == last and text else None,
                caption_entities=entities if number == last and text else None,
            )
            for number, file in enumerate(files)
        ]  # fmt: skip
        return lambda: bot.send_media_group(**where, media=media)


def _half(error: ChannelError, done: int, of: int) -> ChannelError:
    """Of a message in several requests some have arrived: no more can be said of the whole."""
    return UnknownOutcome(f"{done} of {of} parts have arrived, then: {error}") if done else error


def _ids(result: Any) -> list[int]:
    found = [item.get("message_id") for item in (result if isinstance(result, list) else [result])
             if isinstance(item, dict)]  # fmt: skip
    return [id_ for id_ in found if isinstance(id_, int)]


def _named(message: OutboundMessage, chat: str, id_: int) -> str:
    """In a group that has moved numbers begin anew; they are told apart by where they are of."""
    return str(id_) if chat == message.address.place else f"{chat}:{id_}"


def _chat_id(chat: str) -> int | str:
    try:
        return int(chat)
    except ValueError:
        raise PermanentFailure("The conversation has no Telegram chat to send to.") from None


def _thread(thread: str | None) -> int | None:
    return int(thread) if thread is not None and thread.isdigit() else None


def _reply(to: str | None, chat: str, place: str) -> ReplyParameters | None:
    """None also where the original lies in the group as it was before it moved."""
    where, _, id_ = (to or "").rpartition(":")
    if not id_.isascii() or not id_.isdigit() or (where or place) != chat:
        return None
    return ReplyParameters(message_id=int(id_), allow_sending_without_reply=True)


def _keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    """Two of them in a row, unless their words are long."""
    if not buttons:
        return None
    for button in buttons:
        if not 1 <= len(button.id.encode()) <= BUTTON_BYTES:
            raise Unsupported(f"Telegram takes {BUTTON_BYTES} bytes behind a button; {button.id[:80]!r} has more.")
    keys = [
        InlineKeyboardButton(storable(button.label)[:64] or button.id, callback_data=button.id) for button in buttons
    ]
    width = 2 if all(len(button.label) <= 20 for button in buttons) else 1
    return InlineKeyboardMarkup([keys[at : at + width] for at in range(0, len(keys), width)])


def _file(file: Attachment, *, attach: bool) -> InputFile:
    """`attach`: it is one of several, and named in the request's list of them."""
    if file.content is None:
        raise PermanentFailure(f"The file {file.name[:100]!r} is not kept here; attach it again.")
    return InputFile(file.content, filename=file.name, attach=attach)
