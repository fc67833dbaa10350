"""What Discord's payloads mean, read by our own code: the SDK's cache can neither lose a message nor refuse one."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from channels.contract import Attachment, Author, InboundMessage, Undecodable
from channels.discord.places import Atlas
from channels.discord.settings import NAME
from channels.nesting import written

MESSAGES: Final = frozenset(
    {"MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK", "INTERACTION_CREATE"}
)
"""Events that somebody's words or deeds may be in."""
SAID: Final = frozenset({0, 19, 20, 23})
"""Kinds of messages that somebody wrote; the others tell that somebody joined, pinned, boosted."""
DELETED: Final = 9_999_999_999_999
"""The revision of a deletion: after every edit, whose revision is its time in milliseconds."""
REMEMBERED: Final = 20_000
BUTTON: Final = "wl"
"""Our buttons' custom ids begin with it; then who may press, then the button's own id, with colons between."""
UNREADABLE: Final = "[something beside it that cannot be read]"
HIDDEN: Final = "[the text is hidden from us: the bot lacks the intent MESSAGE CONTENT]"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LINKED = re.compile(
    r"<(@[!&]?|#)(\d{1,20})>|<a?:(\w{1,64}):\d{1,20}>|<t:(-?\d{1,13})(?::[a-zA-Z])?>|</([^:<>]{1,100}):\d+>"
)


class Ignored(Exception):
    """Nothing that a customer did; why in a word or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Who wrote a message that we have delivered."""

    author: Author
    addressed: bool
    place: str


class Memory:
    """The newest messages that were for us: a deletion does not say whose it was."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._latest: OrderedDict[tuple[str, str], str] = OrderedDict()

    def put(self, message: InboundMessage) -> None:
        self._known[message.external_id] = Known(
            author=message.author, addressed=message.addressed, place=message.place
        )
        self._known.move_to_end(message.external_id)
        if message.kind == "message":
            who = (message.place, message.author.external_id)
            if int(message.external_id) > int(self._latest.get(who, "0")):
                self._latest[who] = message.external_id
                self._latest.move_to_end(who)
        for each in (self._known, self._latest):
            while len(each) > REMEMBERED:
                each.popitem(last=False)

    def get(self, message: str) -> Known | None:
        return self._known.get(message)

    def latest(self, place: str, author: str) -> str | None:
        """What somebody said last in a place, as far as we have heard."""
        return self._latest.get((place, author))


@dataclass(slots=True, kw_only=True)
class Scene:
    """What is needed to read an event."""

    account: str
    me: str
    """Our own user id."""
    atlas: Atlas
    memory: Memory
    known: dict[str, int]
    """Places with a conversation, and the message that began it; 0: one that began before our time."""
    content: bool = True
    """We are shown what is said in servers."""

    def knows(self, place: str, message: str) -> bool:
        """Had a conversation begun there when this was said?"""
        return place in self.known and int(message) >= self.known[place]

    def begins(self, place: str, message: str) -> None:
        self.known[place] = min(int(message), self.known.get(place, int(message)))


# --- messages --------------------------------------------------------------------------------


def message(data: Any, scene: Scene, *, edit: bool = False) -> InboundMessage:
    """A message object. Raises `Ignored`, or anything for one that is not shaped as documented."""
    if data.get("type", 0) not in SAID:
        raise Ignored(f"message of type {data.get('type')}")
    edited = _moment(data.get("edited_timestamp"))
    if edit and edited is None:
        raise Ignored("no edit")
    place, id_ = snowflake(data["channel_id"]), snowflake(data["id"])
    author = _author(data, scene.me)
    if author.is_us:
        raise Ignored("echo")
    guild = _optional(data.get("guild_id")) or scene.atlas.guild_of(place)
    if guild is not None and not scene.atlas.listens_in(guild):
        raise Ignored("another server")
    reply = _reply(data)
    return InboundMessage(
        channel=NAME,
        account=scene.account,
        place=place,
        author=author,
        external_id=id_,
        revision=max(0, (edited - _EPOCH) // timedelta(milliseconds=1)) if edit and edited is not None else 0,
        kind="edit" if edit else "message",
        text=_text(data, scene, guild),
        attachments=tuple(_attachment(file) for file in _objects(data.get("attachments"))),
        addressed=guild is None or _addressed(data, scene, place, id_, guild),
        public=guild is not None,
        reply_to=reply,
        platform_at=_moment(data.get("timestamp")),
    )


def wanted(message: InboundMessage, scene: Scene) -> bool:
    """Chatter between others is kept only where somebody has asked us something."""
    return message.addressed or scene.knows(message.place, message.external_id)


def _author(data: Any, me: str) -> Author:
    user = data["author"]
    id_ = snowflake(user["id"])
    nick = _told(data.get("member"), "nick")
    name = nick or user.get("global_name") or user.get("username") or ""
    machine = bool(user.get("bot") or user.get("system") or data.get("webhook_id"))
    return Author(external_id=id_, name=str(name), is_bot=machine, is_us=id_ == me)


def _addressed(data: Any, scene: Scene, place: str, id_: str, guild: str) -> bool:
    mode, said = scene.atlas.listening(place, guild)
    if mode == "all" or scene.me in {str(user.get("id")) for user in _objects(data.get("mentions"))}:
        return True
    if scene.atlas.ours & {str(role) for role in _list(data.get("mention_roles"))} or _is_named(data, scene):
        return True
    answered = data.get("referenced_message")
    if isinstance(answered, dict) and str(_told(answered.get("author"), "id")) == scene.me:
        return True
    before = scene.memory.get(id_)
    if before is not None and before.addressed:
        return True
    return (
        mode == "threads"
        and scene.atlas.is_thread(place)
        and (said or scene.knows(place, id_) or _opened(place, scene))
    )


def _is_named(data: Any, scene: Scene) -> bool:
    """The text alone tells it too, where the list of who is mentioned is left out."""
    said = data.get("content")
    names = _our_names(scene)
    return bool(names) and isinstance(said, str) and re.search(rf"<(?:{names})>", said) is not None


def _our_names(scene: Scene) -> str:
    """As they stand in a text, for a pattern; empty: not known."""
    return "|".join((f"@!?{scene.me}", *(f"@&{role}" for role in sorted(scene.atlas.ours)))) if scene.me else ""


def _opened(thread: str, scene: Scene) -> bool:
    """A thread has the id of the message that it hangs from."""
    first = scene.memory.get(thread)
    return first is not None and first.addressed


def _reply(data: Any) -> str | None:
    reference = data.get("message_reference")
    if not isinstance(reference, dict) or reference.get("type", 0) != 0:
        return None
    try:
        return _optional(reference.get("message_id"))
    except ValueError:
        return None  # what it answers is not known; the words are


# --- words -----------------------------------------------------------------------------------


def _text(data: Any, scene: Scene, guild: str | None) -> str:
    """What a person sees of a message, in words."""
    said = data.get("content") or ""
    if not isinstance(said, str):
        raise TypeError(f"a text is a {type(said).__name__}")
    parts = [_without_our_name(said, scene), *_notes(data, scene)]
    words = "\n".join(_readable(part, data, scene) for part in parts if part)
    if not words and said:
        return _readable(said, data, scene)
    if not words and guild is not None and not scene.content and not _list(data.get("attachments")):
        return HIDDEN
    return words


def _without_our_name(said: str, scene: Scene) -> str:
    """A text to us often begins with our name: that is the address on the letter, not the letter."""
    names = _our_names(scene)
    return re.sub(rf"\A(?:\s*<(?:{names})>[\s,:]*)+", "", said) if names else said


def _notes(data: Any, scene: Scene) -> list[str]:
    """What stands beside the words. What of it is broken costs neither the words nor the rest."""
    notes: list[str] = []
    for read in (_forwarded, _stickers, _poll, _voices, _embeds, _laid_out):
        try:
            notes += read(data, scene)
        except (AttributeError, KeyError, TypeError, ValueError):
            notes.append(UNREADABLE)
    return notes


def _forwarded(data: Any, scene: Scene) -> list[str]:
    inside = [snapshot.get("message") or {} for snapshot in _list(data.get("message_snapshots"))]
    return ["\n".join(["[forwarded]", str(each.get("content") or ""), *_notes(each, scene)]).strip() for each in inside]


def _stickers(data: Any, scene: Scene) -> list[str]:
    return [f"[sticker: {sticker.get('name') or 'unnamed'}]" for sticker in _list(data.get("sticker_items"))]


def _poll(data: Any, scene: Scene) -> list[str]:
    poll = data.get("poll")
    if not isinstance(poll, dict):
        return []
    answers = (_told(_told(answer, "poll_media"), "text") for answer in _list(poll.get("answers")))
    return [f"[poll: {_told(poll.get('question'), 'text')} ({' / '.join(str(each) for each in answers)})]"]


def _voices(data: Any, scene: Scene) -> list[str]:
    return [
        f"[voice message, {file['duration_secs']:.0f} s]"
        for file in _list(data.get("attachments"))
        if isinstance(file.get("duration_secs"), int | float) and file.get("waveform")
    ]


def _embeds(data: Any, scene: Scene) -> list[str]:
    return [text for embed in _list(data.get("embeds")) if (text := _embed(embed))]


def _laid_out(data: Any, scene: Scene) -> list[str]:
    return _displayed(data.get("components"))


def _embed(embed: Any) -> str:
    """Previews of links repeat what is behind the link; what somebody composed is theirs."""
    if embed.get("type", "rich") != "rich":
        return ""
    fields = (f"{each.get('name') or ''}: {each.get('value') or ''}" for each in _list(embed.get("fields")))
    lines = [_told(embed.get("author"), "name"), embed.get("title"), embed.get("description"), *fields]
    lines.append(_told(embed.get("footer"), "text"))
    return "\n".join(str(line) for line in lines if line)


def _displayed(components: Any, depth: int = 0) -> list[str]:
    """The texts of a message that is laid out by components."""
    found: list[str] = []
    for each in _list(components) if depth < 6 else ():
        if each.get("type") == 10 and each.get("content"):
            found.append(str(each["content"]))
        found += _displayed(each.get("components"), depth + 1)
        if isinstance(each.get("accessory"), dict):
            found += _displayed([each["accessory"]], depth + 1)
    return found


def _readable(said: str, data: Any, scene: Scene) -> str:
    """With names where Discord has numbers."""
    if "<" not in said:
        return said
    people = {
        str(user.get("id")): _told(user.get("member"), "nick") or user.get("global_name") or user.get("username")
        for user in _objects(data.get("mentions"))
    }

    def name(match: re.Match[str]) -> str:
        kind, id_, emoji, moment, command = match.groups()
        if kind == "#":
            known = scene.atlas.places.get(id_)
            return f"#{(known.name if known is not None else '') or 'channel'}"
        if kind == "@&":
            return f"@{scene.atlas.roles.get(id_) or 'role'}"
        if kind is not None:
            return f"@{people.get(id_) or 'somebody'}"
        if emoji is not None:
            return f":{emoji}:"
        if moment is not None:
            return _clock(int(moment), match.group())
        return f"/{command}"

    return _LINKED.sub(name, said)


def _clock(seconds: int, otherwise: str) -> str:
    try:
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError):
        return otherwise


def _attachment(file: Any) -> Attachment:
    size = file.get("size")
    return Attachment(
        name=str(file.get("filename") or "file"),
        media_type=str(file.get("content_type") or "application/octet-stream"),
        size=size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else 0,
        reference=str(file.get("url") or ""),
    )


# --- what else a customer does ---------------------------------------------------------------


def deletions(data: Any, scene: Scene) -> list[InboundMessage]:
    """Of one message, or of many. Those that were never for us are nobody's business."""
    place = snowflake(data["channel_id"])
    ids = [snowflake(each) for each in (data["ids"] if "ids" in data else [data["id"]])]
    found = []
    for id_ in ids:
        known = scene.memory.get(id_)
        if known is not None and known.place == place:
            found.append(
                InboundMessage(
                    channel=NAME,
                    account=scene.account,
                    place=place,
                    author=known.author,
                    external_id=id_,
                    revision=DELETED,
                    kind="deletion",
                    addressed=known.addressed,
                    public=scene.atlas.guild_of(place) is not None or data.get("guild_id") is not None,
                )
            )
    if not found:
        raise Ignored("deletion of what was not for us")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A press on a button, and what is needed to answer it."""

    interaction: str
    token: str
    said: InboundMessage | None
    """None: it is not for the one who pressed."""
    components: tuple[Any, ...]
    custom_id: str


def press(data: Any, scene: Scene) -> Press:
    """An interaction with a component. Raises `Ignored` for any other."""
    if data.get("type") != 3:
        raise Ignored(f"interaction of type {data.get('type')}")
    user = (data.get("member") or {}).get("user") or data["user"]
    where = data.get("channel_id") or (data.get("channel") or {}).get("id")
    custom_id, place = str(data["data"]["custom_id"]), snowflake(where)
    mark, _, rest = custom_id.partition(":")
    allowed, colon, button = rest.partition(":")
    if mark != BUTTON or not colon:
        raise Ignored("a component that is not ours")
    presser, shown = snowflake(user["id"]), data.get("message") or {}
    name = (data.get("member") or {}).get("nick") or user.get("global_name") or user.get("username") or ""
    components = tuple(_list(shown.get("components")))
    said = InboundMessage(
        channel=NAME,
        account=scene.account,
        place=place,
        author=Author(external_id=presser, name=str(name), is_bot=bool(user.get("bot")), is_us=presser == scene.me),
        external_id=snowflake(data["id"]),
        kind="button",
        text=_label(components, custom_id),
        button=button,
        public=data.get("guild_id") is not None or scene.atlas.guild_of(place) is not None,
        reply_to=_optional(shown.get("id")),
        platform_at=moment_of(snowflake(data["id"])),
    )
    return Press(
        interaction=snowflake(data["id"]),
        token=str(data.get("token") or ""),
        said=said if allowed in ("", presser) else None,
        components=components,
        custom_id=custom_id,
    )


def _label(components: Any, custom_id: str) -> str:
    for row in _list(components):
        for each in _list(row.get("components")):
            if each.get("custom_id") == custom_id:
                return str(each.get("label") or "")
    return ""


def pressed(components: tuple[Any, ...], custom_id: str) -> list[Any]:
    """The same buttons, none of which can be pressed again; the one that was is marked."""
    rows = []
    for row in components:
        inner = [
            {**each, "disabled": True, **({"style": 3} if each.get("custom_id") == custom_id else {})}
            for each in _list(row.get("components"))
        ]
        rows.append({**row, "components": inner})
    return rows


# --- what cannot be read ---------------------------------------------------------------------


def kept(account: str, event: Any, raw: bytes, error: Exception) -> Undecodable:
    """A payload that could not be read: it must neither block the others nor vanish."""
    data = event.get("d") if isinstance(event, dict) else None
    id_ = data.get("id") if isinstance(data, dict) else None
    named = str(id_) if isinstance(id_, str | int) and str(id_).strip() else hashlib.sha256(raw).hexdigest()
    kind = str(event.get("t") or "payload").lower() if isinstance(event, dict) else "payload"
    return Undecodable(
        channel=NAME,
        account=account,
        external_id=f"{kind}-{named[:80]}",
        reason=f"{type(error).__name__}: {error}"[:500],
        raw=raw,
    )


def as_raw(kind: str, data: Any) -> bytes:
    """A message that REST told, as the gateway would have told it."""
    return written({"t": kind, "d": data})


# --- small parts -----------------------------------------------------------------------------


def snowflake(value: Any) -> str:
    """An id as Discord writes it. Raises `ValueError`."""
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not (text.isascii() and text.isdigit()):
        raise ValueError(f"an id is {str(value)[:40]!r}")
    if len(text) > 20:
        raise ValueError("an id is too long")
    return text


def moment_of(id_: str) -> datetime | None:
    """When an id was given out; Discord counts milliseconds since 2015."""
    try:
        return datetime(2015, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(id_) >> 22)
    except OverflowError:
        return None


def edited_at(data: Any) -> datetime | None:
    """When a message was edited, if it was."""
    return _moment(data.get("edited_timestamp")) if isinstance(data, dict) else None


def snowflake_at(moment: datetime) -> int:
    """The first id of that moment."""
    return ((moment - datetime(2015, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)) << 22


def _optional(value: Any) -> str | None:
    return None if value is None else snowflake(value)


def _moment(value: Any) -> datetime | None:
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except ValueError:
        return None


def _list(value: Any) -> list[Any]:
    return [each for each in value if not isinstance(each, bool)] if isinstance(value, list | tuple) else []


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in _list(value) if isinstance(each, dict)]


def _told(value: Any, name: str) -> Any:
    return value.get(name) or "" if isinstance(value, dict) else ""
