"""What the loopback Bot API knows: chats, updates, files, and what bots have sent. No HTTP.

Written from https://core.telegram.org/bots/api; it refuses what the real one refuses, in the same words.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.platforms.loopback_state import Ledger

MENTION = re.compile(r"(?<!\w)@([a-zA-Z0-9_]{2,32})(?!\w)")
COMMAND = re.compile(r"(?<![\w/<>])/([a-zA-Z0-9_]{1,64})(?:@([a-zA-Z0-9_]{3,32}))?(?![\w/<>])")
LONE = ("code", "pre", "text_link", "text_mention", "custom_emoji")


class No(Exception):
    """An answer that is a no."""

    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters


class Bot:
    """One bot with its updates, its webhook, and what it sent."""

    def __init__(self, id_: int, ledger: Ledger) -> None:
        self.id = id_
        self.username = f"warm{id_}bot"
        self.token = f"{id_}:secret-{id_}"
        self.reads_all = True
        self.pending: dict[int, dict[str, Any]] = {}
        self.log: list[dict[str, Any]] = []
        self.sends: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.typing = 0
        self.webhook: dict[str, Any] = {"url": "", "secret_token": "", "allowed_updates": []}
        self.offsets: list[int | None] = []
        """Of every poll that came."""
        self.news = asyncio.Event()
        self.blocked: set[int] = set()
        self.moved: dict[int, int] = {}
        self.chats: dict[int, dict[str, Any]] = {}
        self._ledger = ledger
        self._updates = itertools.count(870_001)
        self._messages: dict[int, itertools.count[int]] = {}
        self.messages: dict[tuple[int, int], dict[str, Any]] = {}

    # --- what happens there ---

    def happened(self, update: Mapping[str, Any], *, what: str = "customer") -> dict[str, Any]:
        """A new update with the next number."""
        made = {"update_id": next(self._updates), **update}
        self._ledger.note(what, account=str(self.id), update=made["update_id"], event=made)
        self.log.append(made)
        self.pending[made["update_id"]] = made
        self._wake()
        return made

    def again(self, number: int) -> None:
        """The same update once more although it was confirmed."""
        self.pending[number] = next(update for update in self.log if update.get("update_id") == number)
        self._wake()

    def _wake(self) -> None:
        self.news.set()
        self.news = asyncio.Event()

    def wrote(self, message: Mapping[str, Any], *, kind: str = "message") -> dict[str, Any]:
        """Somebody writes; `message_id` and `date` are given here."""
        chat = message["chat"]
        self.chats[chat["id"]] = dict(chat)
        made = {"message_id": self.next_id(chat["id"]), "date": int(time.time()), **message}
        self.messages[chat["id"], made["message_id"]] = made
        return self.happened({kind: made})

    def edited(self, chat: int, message: int, changes: Mapping[str, Any]) -> dict[str, Any]:
        made = {**self.messages[chat, message], **changes, "edit_date": int(time.time())}
        return self.happened({"edited_message": made})

    def next_id(self, chat: int) -> int:
        return next(self._messages.setdefault(chat, itertools.count(17 + abs(chat) % 1000 * 1000)))

    # --- how it is read ---

    def confirm(self, offset: int) -> None:
        gone = [number for number in self.pending if number < offset]
        for number in gone:
            self.taken(number)

    def taken(self, number: int) -> None:
        if self.pending.pop(number, None) is not None:
            self._ledger.note("acknowledged", account=str(self.id), update=number)

    def readable(self) -> list[dict[str, Any]]:
        wanted = self.webhook["allowed_updates"]
        updates = [self.pending[number] for number in sorted(self.pending)]
        return [update for update in updates if not wanted or any(kind in wanted for kind in update) or _odd(update)]

    # --- what it sends ---

    def chat(self, given: Any) -> dict[str, Any]:
        try:
            id_ = int(str(given))
        except ValueError:
            raise No(400, "Bad Request: chat not found") from None
        if id_ in self.moved:
            raise No(
                400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=self.moved[id_]
            )
        if id_ in self.blocked:
            raise No(403, "Forbidden: bot was blocked by the user")
        if id_ not in self.chats:
            raise No(400, "Bad Request: chat not found")
        return self.chats[id_]

    def accept(self, call: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
        """Keep one message of ours and return it as Telegram shows it."""
        chat = self.chat(call.get("chat_id"))
        thread = call.get("message_thread_id")
        if thread is not None and not chat.get("is_forum"):
            raise No(400, "Bad Request: message thread not found")
        made: dict[str, Any] = {
            "message_id": self.next_id(chat["id"]),
            "date": int(time.time()),
            "chat": chat,
            "from": {"id": self.id, "is_bot": True, "first_name": "Warm", "username": self.username},
            **content,
        }
        if thread is not None:
            made |= {"message_thread_id": int(thread), "is_topic_message": True}
        if (markup := call.get("reply_markup")) is not None:
            made["reply_markup"] = keyboard(markup)
        if (reply := call.get("reply_parameters")) is not None:
            made["replied"] = reply["message_id"]
        self.messages[chat["id"], made["message_id"]] = made
        self.sends.append(made)
        self._ledger.note("accepted", account=str(self.id), place=str(chat["id"]), id=made["message_id"],
                          text=made.get("text", made.get("caption", "")))  # fmt: skip
        return made


def keyboard(markup: Mapping[str, Any]) -> Mapping[str, Any]:
    for row in markup["inline_keyboard"]:
        for button in row:
            if not 1 <= len(button["callback_data"].encode()) <= 64:
                raise No(400, "Bad Request: BUTTON_DATA_INVALID")
            if not button["text"]:
                raise No(400, "Bad Request: BUTTON_TEXT_INVALID")
    return markup


def checked_text(text: Any, entities: Sequence[Mapping[str, Any]], *, longest: int = 4096) -> list[Mapping[str, Any]]:
    """The entities that the message has in the end: those given, and what Telegram finds by itself."""
    if not isinstance(text, str) or (not text.strip() and longest == 4096):
        raise No(400, "Bad Request: message text is empty")
    raw = text.encode("utf-16-le")
    if len(raw) // 2 > longest:
        raise No(400, "Bad Request: message is too long")
    spans = [(entity["offset"], entity["offset"] + entity["length"], entity["type"]) for entity in entities]
    for begin, end, kind in spans:
        if not 0 <= begin < end <= len(raw) // 2:
            raise No(400, f"Bad Request: entity {kind} at {begin}..{end} lies outside of the text")
        for at in (begin, end):
            if raw[2 * at : 2 * at + 2] and 0xDC00 <= int.from_bytes(raw[2 * at : 2 * at + 2], "little") <= 0xDFFF:
                raise No(400, "Bad Request: entity begins or ends in the middle of a UTF-16 symbol")
    for a, b in itertools.combinations(spans, 2):
        crossing = a[0] < b[1] and b[0] < a[1]
        kinds = {a[2], b[2]}
        lonely = (a[2] in LONE and b[2] in LONE) or (kinds & {"code", "pre"} and "blockquote" not in kinds)
        if crossing and lonely:
            raise No(400, f"Bad Request: entities {a} and {b} cannot go together")
    if len(spans) > 100:
        raise No(400, "Bad Request: too many entities")
    return [*entities, *_alive(text, [span for span in spans if span[2] in LONE])]


def _alive(text: str, covered: Sequence[tuple[int, int, str]]) -> list[Mapping[str, Any]]:
    """Mentions and commands that Telegram makes of plain words."""
    found = []
    for kind, pattern in (("mention", MENTION), ("bot_command", COMMAND)):
        for match in pattern.finditer(text):
            begin = len(text[: match.start()].encode("utf-16-le")) // 2
            end = len(text[: match.end()].encode("utf-16-le")) // 2
            if not any(low < end and begin < high for low, high, _ in covered):
                found.append({"type": kind, "offset": begin, "length": end - begin})
    return found


def _odd(update: Any) -> bool:
    """Broken on purpose: no list of wanted kinds holds it back."""
    return not isinstance(update, dict) or "poison" in json.dumps(update)
