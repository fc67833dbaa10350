"""What an update means. Pure: raw JSON in, values out; nothing that came in may raise past `read`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from channels.contract import Author, InboundMessage, Undecodable
from channels.nesting import written
from channels.telegram.api import Me
from channels.telegram.content import (
    SERVICE,
    FileRef,
    Json,
    content_of,
    name_of,
    number_in,
    object_,
    objects,
    text_in,
    without_nulls,
)
from channels.telegram.settings import Listen, TelegramSettings

NAME: Final = "telegram"
PRESSED: Final = "-"
"""What a button says that shows which one was pressed."""
_ANONYMOUS: Final = frozenset({1087968824, 136817688, 777000})
"""Made-up users, for a group's anonymous admins, for channels and for Telegram; the chat beside is the author."""
_COMMAND: Final = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,32}))?(?:\s+(.*))?", re.DOTALL)
_GREETINGS: Final = ("start", "help")
_PERSON: Final = ("human", "person", "agent")
_DEEP_LINK: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
GREETING: Final = "Hello"
"""What a tap on Start says. It is answered as the word is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A tap that waits for a sign that it arrived."""

    id: str
    chat: int
    message: int
    data: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One update, read."""

    number: int | None
    message: InboundMessage | Undecodable | None = None
    """None: nothing for the house."""
    ignored: str = ""
    """Why not, in a word or two that can be counted."""
    files: tuple[FileRef, ...] = ()
    album: tuple[int, str] | None = None
    """Of which group of pictures, by chat."""
    press: Press | None = None
    moved: tuple[int, int] | None = None
    """A group that became a supergroup: its old id and its new one."""
    thread: str | None = None
    """Where it belongs to in its chat, for what a mention opens."""
    listen: Listen = "all"
    left: str = ""
    """For the log: what became of us in a chat."""


class Reader:
    """Reads the updates of one account."""

    def __init__(self, settings: TelegramSettings, me: Me) -> None:
        self._settings = settings
        self._me = me
        name = re.escape(me.username)
        self._mention = re.compile(rf"(?<![A-Za-z0-9_])@{name}(?![A-Za-z0-9_])", re.IGNORECASE) if name else None

    def read(self, update: Any, raw: bytes | None = None) -> Read:
        """Any payload as something that can be taken: a bad one must neither block the others nor vanish."""
        number = _number(update)
        try:
            return replace(self.decode(update), number=number)
        except Exception as error:
            kept = raw if raw is not None else written(update)
            return self.unreadable(number, kept, f"{type(error).__name__}: {error}"[:500])

    def unreadable(self, number: int | None, raw: bytes, reason: str = "it is no JSON that can be parsed") -> Read:
        """Kept as it came, where agents see it."""
        external_id = f"update-{number}" if number is not None else hashlib.sha256(raw).hexdigest()
        message = Undecodable(
            channel=NAME, account=self._settings.account, external_id=external_id, reason=reason, raw=raw
        )
        return Read(number=number, message=message)

    def decode(self, update: Any) -> Read:
        """Raises anything for an update that is not shaped as the documentation says."""
        update = without_nulls(object_(update))
        number = number_in(update, "update_id")
        for kind in _KINDS:
            if kind in update:
                return getattr(self, _KINDS[kind])(number, kind, object_(update[kind]))  # type: ignore[no-any-return]
        kinds = sorted(key for key in update if key != "update_id")
        return Read(number=number, ignored=f"update {kinds[0][:60]}" if kinds else "empty update")

    # --- messages ---

    def _message(self, number: int, kind: str, message: Json) -> Read:
        chat = object_(message["chat"])
        chat_id = number_in(chat, "id")
        edited, post = kind.startswith("edited_"), kind.endswith("channel_post")
        if (moved := _moved(chat_id, message)) is not None:
            return Read(number=number, ignored="a group became a supergroup", moved=moved)
        place = str(chat_id)
        if post and place not in self._settings.places:
            return Read(number=number, ignored="channel post")
        content = content_of(message)
        if content is None:
            known = next((key for key in message if key in SERVICE), None)
            return Read(number=number, ignored=f"service {known}" if known else "unknown content")
        if edited and "location" in message:
            return Read(number=number, ignored="live location")
        author = self._author(message)
        private = _is_private(chat)
        listen = "all" if private else self._settings.listens(place)
        made = InboundMessage(
            channel=NAME,
            account=self._settings.account,
            place=place,
            thread=_topic(message),
            author=author,
            external_id=str(number_in(message, "message_id")),
            revision=_revision(_edited_at(message), number) if edited else 0,
            kind="edit" if edited else "message",
            text=content.text,
            addressed=private or listen == "all" or self._is_addressed(message, content.text),
            public=not private,
            automatic=message.get("is_automatic_forward") is True,
            reply_to=_replied(message),
            platform_at=_moment(_edited_at(message) if edited else message.get("date")),
            extra=_extra(message, chat),
        )
        group = message.get("media_group_id")
        return Read(
            number=number,
            message=made if edited else self._commanded(made if private else self._unnamed(made, bool(content.files))),
            files=content.files,
            album=(chat_id, group) if isinstance(group, str) and not edited else None,
            thread=_thread(message),
            listen=listen,
        )

    def _author(self, message: Json) -> Author:
        user = message.get("from")
        stands_for = message.get("sender_chat")
        if user is None and stands_for is None:
            stands_for = message["chat"]  # in a private one that is who writes; elsewhere it speaks for itself
        if isinstance(stands_for, dict) and (not isinstance(user, dict) or user.get("id") in _ANONYMOUS):
            return Author(external_id=str(number_in(stands_for, "id")), name=name_of(stands_for))
        if user is None and _is_private(object_(message["chat"])):
            user = message["chat"]  # alone with us there is nobody else
        user = object_(user)
        id_ = number_in(user, "id")
        us = id_ == self._me.id
        return Author(external_id=str(id_), name=name_of(user), is_bot=user.get("is_bot") is True and not us, is_us=us)

    def _is_addressed(self, message: Json, text: str) -> bool:
        """A mention, an answer to us, or a command that is meant for us."""
        replied = message.get("reply_to_message")
        if isinstance(replied, dict) and _is(replied.get("from"), self._me.id):
            return True
        named = [*objects(message.get("entities")), *objects(message.get("caption_entities"))]
        if any(entity.get("type") == "text_mention" and _is(entity.get("user"), self._me.id) for entity in named):
            return True
        command = _COMMAND.fullmatch(text.strip())
        if command is not None and command[2] is None and command[1].lower() in (*_GREETINGS, *_PERSON):
            return True
        if command is not None and command[2] is not None and command[2].lower() == self._me.username.lower():
            return True
        return self._mention is not None and self._mention.search(text) is not None

    def _unnamed(self, message: InboundMessage, files: bool) -> InboundMessage:
        """Without our name at either end: it says for whom the words are, and is none of them."""
        text = message.text.strip()
        begin = self._mention.match(text) if self._mention is not None else None
        if begin is not None:
            text = text[begin.end() :].lstrip(" ,:;")
        end = max(self._mention.finditer(text), key=lambda found: found.end(), default=None) if self._mention else None
        if end is not None and end.end() == len(text):
            text = text[: end.start()].rstrip(" ,")
        if text == message.text.strip():
            return message
        return replace(message, text=text or ("" if files else GREETING))

    def _commanded(self, message: InboundMessage) -> InboundMessage:
        """/start and /help greet, /human calls a person; all other words are words."""
        command = _COMMAND.fullmatch(message.text.strip())
        if command is None or (command[2] or self._me.username).lower() != self._me.username.lower():
            return message
        name, rest = command[1].lower(), (command[3] or "").strip()
        if name in _PERSON:
            return replace(message, kind="button", button="person", text=rest or message.text)
        if name == "start":
            linked = {"start": rest} if _DEEP_LINK.fullmatch(rest) else {}
            words = "" if linked else rest
            return replace(message, text=words or GREETING, extra={**message.extra, **linked})
        return replace(message, text=rest or GREETING) if name == "help" else message

    # --- what else people do ---

    def _press(self, number: int, kind: str, query: Json) -> Read:
        message = query.get("message")
        if not isinstance(message, dict):
            return Read(number=number, ignored="press elsewhere")
        if "data" not in query and "game_short_name" in query:
            return Read(number=number, ignored="press of a game")
        data, chat, user = text_in(query, "data"), object_(message["chat"]), object_(query["from"])
        id_, chat_id, message_id = text_in(query, "id"), number_in(chat, "id"), number_in(message, "message_id")
        label = _label(message, data)
        press = Press(id=id_, chat=chat_id, message=message_id, data=data, label=label)
        if data == PRESSED:
            return Read(number=number, ignored="press of a pressed button", press=press)
        made = InboundMessage(
            channel=NAME,
            account=self._settings.account,
            place=str(chat_id),
            thread=_topic(message),
            author=Author(
                external_id=str(number_in(user, "id")), name=name_of(user), is_bot=user.get("is_bot") is True
            ),
            external_id=f"press-{id_}",
            kind="button",
            text=label,
            button=data,
            reply_to=str(message_id),
            public=not _is_private(chat),
            extra=_extra({"from": user}, chat),
        )
        return Read(number=number, message=made, press=press)

    def _member(self, number: int, kind: str, change: Json) -> Read:
        chat, user = object_(change["chat"]), object_(change["from"])
        status = text_in(object_(change["new_chat_member"]), "status")
        if not _is_private(chat):
            gone = status in ("left", "kicked")
            where = f"chat {number_in(chat, 'id')}"
            return Read(
                number=number, ignored=f"we are {status}",
                left=f"the bot was removed from {where}; answers there cannot leave" if gone else "",
            )  # fmt: skip
        told = {"kicked": "[has blocked the bot]", "member": "[has unblocked the bot]"}.get(status)
        if told is None:
            return Read(number=number, ignored=f"we are {status[:40]}")
        made = InboundMessage(
            channel=NAME,
            account=self._settings.account,
            place=str(number_in(chat, "id")),
            author=Author(external_id=str(number_in(user, "id")), name=name_of(user)),
            external_id=f"member-{number}",
            text=told,
            automatic=True,
            platform_at=_moment(change.get("date")),
        )
        return Read(number=number, message=made)


_KINDS: Final[Mapping[str, str]] = {
    "message": "_message",
    "edited_message": "_message",
    "channel_post": "_message",
    "edited_channel_post": "_message",
    "callback_query": "_press",
    "my_chat_member": "_member",
}


def _number(update: Any) -> int | None:
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**53 else None


def _is_private(chat: Json) -> bool:
    """Only people have numbers above 0: so it is known also where the kind is not said."""
    kind = chat.get("type")
    return kind == "private" if isinstance(kind, str) else number_in(chat, "id") > 0


def _edited_at(message: Json) -> int:
    """When; without it, when it was first said: the update's number still tells edits apart."""
    return number_in(message, "edit_date" if "edit_date" in message else "date")


def _revision(seconds: int, number: int) -> int:
    """Microseconds, of which the last six digits keep two edits of one second apart, in their order."""
    return seconds * 1_000_000 + number % 1_000_000


def _topic(message: Json) -> str | None:
    """In other groups the same field tells a chain of answers, and nothing can be sent to one."""
    if message.get("is_topic_message") is not True or "message_thread_id" not in message:
        return None
    return str(number_in(message, "message_thread_id"))


def _thread(message: Json) -> str:
    """What answers to a message are chained by: its topic, the first of its chain, or itself."""
    thread = message.get("message_thread_id")
    return str(thread if isinstance(thread, int) else message["message_id"])


def _moved(chat: int, message: Json) -> tuple[int, int] | None:
    if "migrate_to_chat_id" in message:
        return chat, number_in(message, "migrate_to_chat_id")
    if "migrate_from_chat_id" in message:
        return number_in(message, "migrate_from_chat_id"), chat
    return None


def _replied(message: Json) -> str | None:
    """What it answers; a topic's first message stands there for everything said in the topic."""
    replied = message.get("reply_to_message")
    if (
        not isinstance(replied, dict)
        or "forum_topic_created" in replied
        or not isinstance(replied.get("message_id"), int)
    ):
        return None
    return str(replied["message_id"])


def _moment(seconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _extra(message: Json, chat: Json) -> dict[str, str]:
    """What helps to find somebody: @username, the group's title."""
    user = message.get("from")
    username = user.get("username") if isinstance(user, dict) else None
    told = {"username": username, "title": chat.get("title")}
    return {name: value[:200] for name, value in told.items() if isinstance(value, str)}


def _label(message: Json, data: str) -> str:
    """What stood on the button."""
    keyboard = message.get("reply_markup")
    rows = keyboard.get("inline_keyboard") if isinstance(keyboard, dict) else None
    for row in rows if isinstance(rows, list) else []:
        for button in objects(row):
            if button.get("callback_data") == data and isinstance(button.get("text"), str):
                return str(button["text"])
    return data


def _is(user: Any, id_: int) -> bool:
    return isinstance(user, dict) and user.get("id") == id_
