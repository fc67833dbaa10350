"""What Slack tells us, as messages of the contract: events, presses, shortcuts. Pure; names are looked up elsewhere.

Source: https://docs.slack.dev/reference/events/message and https://docs.slack.dev/reference/interaction-payloads
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from channels.contract import Author, InboundKind, InboundMessage
from channels.slack import text as slack_text

NAME: Final = "slack"
PERSON: Final = "person"
"""The button that asks for a person, wherever it stands: under an answer, or as a shortcut."""
SHORTCUT: Final = "talk_to_a_person"
"""Its callback id in the app's manifest."""
_TS: Final = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")
_SPOKEN: Final = frozenset({None, "", "file_share", "thread_broadcast", "me_message", "bot_message"})
"""Subtypes of a message that somebody wrote."""
CHANGES: Final = frozenset({"message_changed", "message_deleted"})
WORD_AT_MOST: Final = 255
"""Characters of what Slack names something by; a button's is the longest."""
_SLACKBOT: Final = "USLACKBOT"


class Ignored(Exception):
    """Nothing that concerns us; the text is what kind it was, in few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Us:
    """Who we are there. Empty: not known yet."""

    user: str = ""
    bot: str = ""
    team: str = ""
    app: str = ""
    name: str = ""
    """Of the bot's user, as one types it behind an @."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whoever wrote, as their profile says."""

    name: str = ""
    email: str | None = None
    is_bot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What must be known to read something."""

    account: str
    us: Us = field(default_factory=Us)
    people: Mapping[str, Person] = field(default_factory=dict)
    addressed: bool = False
    """In a channel: whether it concerns us without naming us."""
    direct: Mapping[str, bool] = field(default_factory=dict)
    """What is known of places: is it a direct message?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where an event happened, before anything else of it is read."""

    place: str
    ts: str
    thread_ts: str | None
    direct: bool | None
    """None: it does not say."""
    names_us: bool


def is_ts(value: object) -> bool:
    return isinstance(value, str) and _TS.fullmatch(value) is not None


def after(one: str, other: str) -> bool:
    """Is one time stamp later than the other?"""
    return micros(one) > micros(other)


def micros(ts: str) -> int:
    """A time stamp as microseconds; 0 for what is none."""
    if not is_ts(ts):
        return 0
    seconds, _, rest = ts.partition(".")
    return int(seconds) * 1_000_000 + int(rest[:6].ljust(6, "0"))


# --- which of all there is -------------------------------------------------------------------


def kind_of(body: Mapping[str, Any]) -> str:
    """One word or two for the kind of a payload, for counting."""
    event = body.get("event")
    if isinstance(event, dict):
        subtype = event.get("subtype")
        kind = f"event {event.get('type')}"
        return (f"{kind} {subtype}" if subtype else kind)[:80]
    return str(body.get("type") or ("command" if "command" in body else "nothing"))[:80]


def us_of(body: Mapping[str, Any], known: Us) -> Us:
    """Who we are, also from what the payload says of its receiver."""
    app = body.get("api_app_id")
    user = known.user
    authorizations = body.get("authorizations")
    for each in authorizations if isinstance(authorizations, list) else ():
        if isinstance(each, dict) and each.get("is_bot") and isinstance(each.get("user_id"), str) and not user:
            user = each["user_id"]
    return replace(known, user=user, app=app if isinstance(app, str) else known.app)


def message_event(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event of a payload that is about a message. Raises `Ignored`, or anything for one that has no shape."""
    event = body["event"]
    if not isinstance(event, dict):
        raise TypeError("the event is no object")
    if event.get("type") not in ("message", "app_mention"):
        raise Ignored(kind_of(body))
    subtype = event.get("subtype")
    if subtype not in _SPOKEN and subtype not in CHANGES:
        raise Ignored(kind_of(body))
    return event


def where(event: Mapping[str, Any], us: Us) -> Where:
    """Raises anything for an event that does not say it."""
    inner = _inner(event)
    raw = inner.get("text")
    thread_ts = inner.get("thread_ts")
    ts = event.get("deleted_ts") if event.get("subtype") == "message_deleted" else inner.get("ts")
    return Where(
        place=_word(event["channel"]),
        ts=_word(ts),
        thread_ts=_word(thread_ts) if thread_ts is not None else None,
        direct=_direct(event),
        names_us=event.get("type") == "app_mention"
        or (isinstance(raw, str) and slack_text.mentions(raw, us.user, us.name)),
    )


def people_in(event: Mapping[str, Any]) -> list[str]:
    """Ids of those whose names are needed to show it."""
    inner = _inner(event)
    found = [inner[name] for name in ("user",) if isinstance(inner.get(name), str)]
    raw = inner.get("text")
    return list(dict.fromkeys([*found, *slack_text.mentioned(raw)])) if isinstance(raw, str) else found


def files_in(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """What came with a message; an edit brings no files that its original did not."""
    files = event.get("files")
    if event.get("subtype") in CHANGES or not isinstance(files, list):
        return ()
    return [file for file in files if isinstance(file, dict)]


def _inner(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message itself, where an event is about a message."""
    match event.get("subtype"):
        case "message_changed":
            inner = event["message"]
        case "message_deleted":
            inner = event.get("previous_message")
            inner = inner if isinstance(inner, dict) else {"ts": event.get("deleted_ts")}
        case _:
            inner = event
    if not isinstance(inner, dict):
        raise TypeError("the message is no object")
    return inner


def _direct(event: Mapping[str, Any]) -> bool | None:
    kind = event.get("channel_type")
    if kind in ("im", "app_home"):
        return True
    if kind in ("channel", "group", "mpim") or event.get("type") == "app_mention":
        return False
    return None


def _is_direct(event: Mapping[str, Any], scene: Scene) -> bool:
    told = _direct(event)
    place = _word(event["channel"])
    return told if told is not None else scene.direct.get(place, place.startswith("D"))


def _word(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"a name is {type(value).__name__} or empty")
    if len(value) > WORD_AT_MOST or not (value.isascii() and value.isprintable()):
        raise ValueError("a name is none of Slack's")
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"a text is a {type(value).__name__}")
    return value


# --- messages --------------------------------------------------------------------------------


def read_message(event: Mapping[str, Any], scene: Scene) -> InboundMessage:
    """One message, edit or deletion. Raises `Ignored`, or anything for one that is not shaped as documented."""
    match event.get("subtype"):
        case "message_changed":
            return _changed(event, scene)
        case "message_deleted":
            return _deleted(event, scene)
        case _:
            return _said(event, event, scene, kind="message", revision=0)


def read_history(message: Mapping[str, Any], place: str, scene: Scene) -> list[InboundMessage]:
    """A message of a place's history, as it is now. Empty: nobody wrote it.

    One that was edited comes as that edit alone: what was first said there the history no longer knows.
    """
    if message.get("type", "message") != "message" or message.get("subtype") not in _SPOKEN:
        return []
    event = {**message, "channel": place}
    edited = message.get("edited")
    if isinstance(edited, dict) and is_ts(edited.get("ts")):
        return [_said(event, event, scene, kind="edit", revision=micros(edited["ts"]))]
    return [_said(event, event, scene, kind="message", revision=0)]


def _said(
    event: Mapping[str, Any], inner: Mapping[str, Any], scene: Scene, *, kind: InboundKind, revision: int
) -> InboundMessage:
    place, ts = _word(event["channel"]), _word(inner["ts"])
    direct = _is_direct(event, scene)
    raw = _text(inner.get("text"))
    names = {user: person.name for user, person in scene.people.items()}
    words = slack_text.plain(raw, names, scene.us.user, scene.us.name)
    if not raw.strip() and kind != "deletion":
        words = slack_text.plain(slack_text.of_blocks(inner), names, scene.us.user, scene.us.name)
    elif shared := slack_text.of_shared(inner):
        words = f"{words}\n{slack_text.plain(shared, names)}".strip()
    named = event.get("type") == "app_mention" or slack_text.mentions(raw, scene.us.user, scene.us.name)
    return InboundMessage(
        channel=NAME,
        account=scene.account,
        place=place,
        thread=_thread(inner, ts, direct=direct),
        author=_author(inner, scene),
        external_id=ts,
        revision=revision,
        kind=kind,
        text="" if kind == "deletion" else words,
        addressed=direct or named or scene.addressed,
        public=not direct,
        platform_at=_moment(ts),
    )


def _thread(inner: Mapping[str, Any], ts: str, *, direct: bool) -> str | None:
    """Where an answer goes: into the thread, or (in a channel) into the one that this message begins."""
    thread = inner.get("thread_ts")
    thread = _word(thread) if thread is not None else None
    if direct:
        return thread if thread != ts else None
    return thread or ts


def _author(inner: Mapping[str, Any], scene: Scene) -> Author:
    user, bot, app = inner.get("user"), inner.get("bot_id"), inner.get("app_id")
    profile = inner.get("bot_profile")
    if app is None and isinstance(profile, dict):
        app = profile.get("app_id")
    us = scene.us
    ours = bool(bot and bot == us.bot) or bool(user and user == us.user) or bool(bot and app and app == us.app)
    person = scene.people.get(user, Person()) if isinstance(user, str) else Person()
    name = person.name or _profile_name(inner.get("user_profile")) or _profile_name(profile)
    if not name and bot:
        name = _text(inner.get("username"))
    return Author(
        external_id=_word(user or bot),
        name=name,
        email=person.email,
        email_verified=person.email is not None,
        is_bot=bool(bot) or inner.get("subtype") == "bot_message" or person.is_bot or user == _SLACKBOT,
        is_us=ours,
    )


def _profile_name(profile: Any) -> str:
    if not isinstance(profile, dict):
        return ""
    for key in ("display_name", "real_name", "name"):
        if isinstance(profile.get(key), str) and profile[key]:
            return str(profile[key])
    return ""


def _changed(event: Mapping[str, Any], scene: Scene) -> InboundMessage:
    inner = _inner(event)
    previous = event.get("previous_message")
    if inner.get("subtype") == "tombstone":
        gone = {**event, "subtype": "message_deleted", "deleted_ts": inner.get("ts")}
        return _deleted(gone, scene)
    if inner.get("subtype") not in _SPOKEN:
        raise Ignored(f"event message message_changed {inner.get('subtype')}"[:80])
    edited = inner.get("edited")
    stamp = edited.get("ts") if isinstance(edited, dict) else None
    if isinstance(previous, dict) and previous.get("text") == inner.get("text"):
        # A link got its preview, a file its name, a thread its answer: nobody changed a word.
        raise Ignored("event message message_changed without other words")
    moments = (stamp, event.get("event_ts"), event.get("ts"))
    revision = next((micros(moment) for moment in moments if isinstance(moment, str) and is_ts(moment)), 0)
    return _said(event, inner, scene, kind="edit", revision=max(1, revision))


def _deleted(event: Mapping[str, Any], scene: Scene) -> InboundMessage:
    previous = event.get("previous_message")
    if not isinstance(previous, dict) or not (previous.get("user") or previous.get("bot_id")):
        raise Ignored("event message message_deleted of nobody")
    gone = {**previous, "ts": _word(event["deleted_ts"]), "text": ""}
    moments = (event.get("event_ts"), event.get("ts"))
    revision = next((micros(moment) for moment in moments if isinstance(moment, str) and is_ts(moment)), 0)
    if not revision:
        revision = micros(gone["ts"]) + 1
    return _said(event, gone, scene, kind="deletion", revision=max(1, revision))


def _moment(ts: str) -> datetime | None:
    if not is_ts(ts):
        return None
    return datetime.fromtimestamp(micros(ts) / 1_000_000, UTC)


# --- presses ---------------------------------------------------------------------------------


def presser(body: Mapping[str, Any]) -> str:
    """Who pressed something. Raises anything for a payload that does not say it."""
    return _word(body["user"]["id"])


def read_presses(
    body: Mapping[str, Any], scene: Scene, *, threads: Mapping[tuple[str, str], str | None] = MappingProxyType({})
) -> list[InboundMessage]:
    """Presses of our buttons under a message. Raises `Ignored`, or anything for what is not shaped as documented.

    `threads`: where messages of ours stand, by place and time stamp, should the payload not say it."""
    container = body.get("container")
    channel = body.get("channel")
    container = container if isinstance(container, dict) else {}
    if not isinstance(channel, dict) or container.get("type") == "view":
        raise Ignored("block_actions outside of a message")
    actions = [action for action in body["actions"] if action.get("type", "button") == "button"]
    if not actions:
        raise Ignored("block_actions of no button")
    message = body.get("message")
    message = message if isinstance(message, dict) else {}
    ts = _word(container.get("message_ts") or message["ts"])
    thread = message.get("thread_ts") or container.get("thread_ts") or threads.get((_word(channel["id"]), ts))
    return [_pressed(body, scene, _button(action), ts, thread, _when(action, body, ts)) for action in actions]


def _when(action: Mapping[str, Any], body: Mapping[str, Any], ts: str) -> str:
    """What tells this press from the next one, and stays the same when it is brought again."""
    told = (action.get("action_ts"), body.get("action_ts"), body.get("trigger_id"))
    return next((each for each in told if isinstance(each, str) and each), f"once-{ts}")


def _button(action: Mapping[str, Any]) -> str:
    return _word(action.get("value") or action["action_id"])


def read_shortcut(body: Mapping[str, Any], scene: Scene, place: str | None) -> InboundMessage:
    """The shortcut for a person, at a message or (then `place` is the customer's direct message) anywhere."""
    if body.get("callback_id") != SHORTCUT:
        raise Ignored(f"shortcut {body.get('callback_id')}"[:80])
    message = body.get("message")
    if body["type"] != "message_action" or not isinstance(message, dict):
        at = {**body, "channel": {"id": place, "name": "directmessage"}}
        return _pressed(at, scene, PERSON, None, None, _word(body["action_ts"]))
    ts = _word(message.get("ts") or body.get("message_ts"))
    return _pressed(body, scene, PERSON, ts, message.get("thread_ts"), _word(body["action_ts"]))


def _pressed(
    body: Mapping[str, Any], scene: Scene, button: str, ts: str | None, thread: Any, moment: str
) -> InboundMessage:
    place, user = _word(body["channel"]["id"]), presser(body)
    direct = body["channel"].get("name") == "directmessage" or scene.direct.get(place, place.startswith("D"))
    person = scene.people.get(user, Person())
    name = person.name or next(
        (body["user"][key] for key in ("name", "username") if isinstance(body["user"].get(key), str)), ""
    )
    where = {"thread_ts": thread} if isinstance(thread, str) else {}
    return InboundMessage(
        channel=NAME,
        account=scene.account,
        place=place,
        thread=_thread(where, ts or "", direct=direct) or None,
        author=Author(
            external_id=user, name=name, email=person.email, email_verified=person.email is not None,
            is_bot=person.is_bot,
        ),
        external_id=f"{moment}-{user}-{button}"[:200],
        kind="button",
        button=button,
        reply_to=ts,
        addressed=True,
        public=not direct,
        platform_at=_moment(moment),
    )  # fmt: skip
