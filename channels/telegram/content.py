"""What a Telegram message says: its words, what else a person would see as a note in brackets, and its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Json = Mapping[str, Any]

MOST_FILES: Final = 10
DEEP: Final = 30
"""Levels of an update that are looked into; Telegram's have about ten."""
_LONGEST_NOTE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """A file that Telegram keeps for us."""

    id: str
    name: str
    size: int
    """Bytes, as Telegram says; 0 if it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What somebody sent."""

    text: str
    files: tuple[FileRef, ...] = ()


SERVICE: Final = frozenset({
    "new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo",
    "group_chat_created", "supergroup_chat_created", "channel_chat_created", "message_auto_delete_timer_changed",
    "pinned_message", "successful_payment", "refunded_payment", "users_shared", "chat_shared", "connected_website",
    "write_access_allowed", "passport_data", "proximity_alert_triggered", "boost_added", "chat_background_set",
    "forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened",
    "general_forum_topic_hidden", "general_forum_topic_unhidden", "giveaway_created", "giveaway_completed",
    "video_chat_scheduled", "video_chat_started", "video_chat_ended", "video_chat_participants_invited", "gift",
    "unique_gift", "paid_message_price_changed", "direct_message_price_changed", "checklist_tasks_done",
    "checklist_tasks_added", "suggested_post_approved", "suggested_post_declined", "suggested_post_paid",
    "suggested_post_refunded", "suggested_post_approval_failed", "chat_owner_left", "chat_owner_changed",
    "migrate_to_chat_id", "migrate_from_chat_id",
})  # fmt: skip
"""What Telegram itself says in a chat, not a person."""


def content_of(message: Json) -> Content | None:
    """None: nobody said anything. Raises `TypeError`, `KeyError` or `ValueError` for what is not as documented.

    Words are never lost for what stands beside them: that is then said to be there, and no more."""
    words = [shown_links(text_in(message, key), message.get(entities)) for key, entities in _WORDS if key in message]
    try:
        notes = [note for key, read in _NOTES.items() if key in message and (note := read(message[key]))]
        files, origin = _files(message), _forwarded(message)
    except (TypeError, KeyError, ValueError, OverflowError):
        if not any(words):
            raise
        notes, files, origin = [_UNREADABLE], (), []
    if not words and not notes and not files:
        return None
    return Content(text="\n".join([*words, *(note[:_LONGEST_NOTE] for note in (*notes, *origin))]), files=files)


_UNREADABLE: Final = "[something beside it that cannot be read]"
_WORDS: Final = (("text", "entities"), ("caption", "caption_entities"))


# --- shapes ----------------------------------------------------------------------------------------


def object_(value: Any) -> Json:
    if not isinstance(value, dict):
        raise TypeError(f"an object is a {type(value).__name__}")
    return value


def without_nulls(value: Any, depth: int = 0) -> Any:
    """A field that is null says what one that is not there says; some servers write all that they know of."""
    if depth > DEEP:
        return value
    if isinstance(value, dict):
        return {key: without_nulls(inner, depth + 1) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner, depth + 1) for inner in value]
    return value


def text_in(of: Json, key: str) -> str:
    value = of[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is a {type(value).__name__}")
    return value


def number_in(of: Json, key: str) -> int:
    value = of[key]
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise TypeError(f"{key} is no whole number")
    return value


def objects(value: Any) -> list[Json]:
    """The objects of a list that may be missing or hold other things."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def name_of(user: Json) -> str:
    """First and last name; the title of a chat; else the username."""
    parts = [user.get("first_name"), user.get("last_name")]
    name = " ".join(part for part in parts if isinstance(part, str) and part) or user.get("title")
    if isinstance(name, str) and name.strip():
        return name
    username = user.get("username")
    return f"@{username}" if isinstance(username, str) and username else ""


# --- links -----------------------------------------------------------------------------------------


def units(text: str) -> bytes:
    """UTF-16, in which Telegram counts."""
    return text.encode("utf-16-le", "surrogatepass")


def words_of(raw: bytes) -> str:
    return raw.decode("utf-16-le", "surrogatepass")


def shown_links(text: str, entities: Any) -> str:
    """The words, and behind those that are a link where it really leads."""
    raw, at, found = units(text), 0, list[bytes]()
    for entity in sorted(objects(entities), key=_end):
        url, end = entity.get("url"), 2 * _end(entity)
        if entity.get("type") != "text_link" or not isinstance(url, str) or not 0 < end <= len(raw):
            continue
        # Words much longer than an address are not its own: they need not be looked at.
        begin = max(2 * entity["offset"], end - 2 * len(url) - 200)
        if words_of(raw[begin:end]).strip().rstrip("/") != url.rstrip("/"):
            found += (raw[at:end], units(f" ({url})"))
            at = end
    return words_of(b"".join((*found, raw[at:])))


def _end(entity: Json) -> int:
    offset, length = entity.get("offset"), entity.get("length")
    if isinstance(offset, int) and isinstance(length, int) and offset >= 0 and length > 0:
        return offset + length
    return 0


# --- notes -----------------------------------------------------------------------------------------


def _contact(value: Any) -> str:
    contact = object_(value)
    return f"[contact: {', '.join(part for part in (name_of(contact), str(contact.get('phone_number', ''))) if part)}]"


def _position(value: Any) -> str:
    place = object_(value)
    return f"{float(place['latitude']):.5f}, {float(place['longitude']):.5f}"


def _location(value: Any) -> str:
    return f"[location: {_position(value)}]"


def _venue(value: Any) -> str:
    venue = object_(value)
    return f"[place: {text_in(venue, 'title')}, {text_in(venue, 'address')} ({_position(venue['location'])})]"


def _poll(value: Any) -> str:
    poll = object_(value)
    options = " / ".join(text_in(option, "text") for option in objects(poll.get("options")))
    return f"[poll: {text_in(poll, 'question')} {options}]"


def _dice(value: Any) -> str:
    dice = object_(value)
    return f"[{text_in(dice, 'emoji')} {number_in(dice, 'value')}]"


def _sticker(value: Any) -> str:
    """Its emoji is what is meant by it; a thumb up counts as one that was typed."""
    emoji = object_(value).get("emoji")
    return emoji if isinstance(emoji, str) and emoji else "[sticker]"


def _titled(kind: str) -> Callable[[Any], str]:
    return lambda value: f"[{kind}: {object_(value).get('title', '')}]"


def _checklist(value: Any) -> str:
    checklist = object_(value)
    tasks = " / ".join(text_in(task, "text") for task in objects(checklist.get("tasks")))
    return f"[checklist: {text_in(checklist, 'title')} {tasks}]"


def _web_app(value: Any) -> str:
    return f"[from a web app: {text_in(object_(value), 'data')}]"


_NOTES: Final[Mapping[str, Callable[[Any], str]]] = {
    "sticker": _sticker,
    "contact": _contact,
    "venue": _venue,
    "location": _location,
    "poll": _poll,
    "dice": _dice,
    "game": _titled("game"),
    "invoice": _titled("invoice"),
    "checklist": _checklist,
    "story": lambda value: "[a story]",
    "paid_media": lambda value: "[pictures or videos that cost something]",
    "giveaway": lambda value: "[a giveaway]",
    "giveaway_winners": lambda value: "[the winners of a giveaway]",
    "web_app_data": _web_app,
}


def _forwarded(message: Json) -> list[str]:
    origin = message.get("forward_origin")
    return [] if origin is None else [f"[forwarded from {_origin(object_(origin))}]"]


def _origin(origin: Json) -> str:
    for key in ("sender_user", "sender_chat", "chat"):
        if isinstance(origin.get(key), dict):
            return name_of(origin[key]) or "somebody"
    name = origin.get("sender_user_name")
    return name if isinstance(name, str) and name else "somebody"


# --- files -----------------------------------------------------------------------------------------

_FILES: Final = (
    ("animation", "animation.mp4"), ("document", "file"), ("audio", "audio.mp3"), ("video", "video.mp4"),
    ("video_note", "video message.mp4"), ("voice", "voice message.ogg"),
)  # fmt: skip


def _files(message: Json) -> tuple[FileRef, ...]:
    found = []
    if "photo" in message:
        sizes = [_file(size, "photo.jpg") for size in objects(message["photo"])]
        if not sizes:
            raise ValueError("a photo without a size")
        found.append(max(sizes, key=lambda size: size.size))
    for key, name in _FILES:
        if key in message and not (key == "document" and "animation" in message):  # an animation is sent as both
            found.append(_file(object_(message[key]), name))
    return tuple(found[:MOST_FILES])


def _file(file: Json, name: str) -> FileRef:
    given, size = file.get("file_name"), file.get("file_size")
    return FileRef(
        id=text_in(file, "file_id"),
        name=given if isinstance(given, str) and given else name,
        size=size if isinstance(size, int) and size > 0 else 0,
    )
