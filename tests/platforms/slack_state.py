"""What the loopback Slack knows: people, places with their messages, events on their way, the ledger. No HTTP."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.platforms.loopback_state import Ledger

TEAM, APP, BOT_USER, BOT = "T0WARM", "A0WARM", "U0WARM", "B0WARM"
MAX_TEXT = 40_000


def escaped(text: str) -> str:
    """As Slack stores what somebody types."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@dataclass(kw_only=True)
class SlackKnobs:
    """What can be switched while it runs."""

    ack_within: float = 3.0
    """Seconds after which an event is brought again."""
    pauses: tuple[float, ...] = (0.0, 60.0, 300.0)
    """Before each further attempt; after the last the event is given up. Tests make them short."""
    endless: bool = False
    """Events are never given up."""
    page: int = 1000
    """Messages of one page of history, at most."""
    echo: bool = False
    """What we post comes back as an event."""
    reorder: bool = False
    """An edit comes before its original."""
    history: bool = True
    lookup: bool = True
    """`include_all_metadata` works."""
    token: str = "xoxb-loopback"
    app_token: str = "xapp-loopback"
    refusal: str = ""
    """What every method answers: token_revoked, account_inactive, …"""
    scopes: str = (
        "chat:write,chat:write.customize,im:history,im:read,im:write,users:read,users:read.email,files:read,"
        "app_mentions:read,channels:history,groups:history,channels:read,groups:read,mpim:history"
    )
    secret: str = "loopback-signing-secret"
    mentions: bool = True
    """A message that names us comes as `app_mention` too."""
    weather: dict[str, float] = field(default_factory=dict)

    def turn(self, changes: Mapping[str, Any]) -> None:
        for name, value in changes.items():
            if not hasattr(self, name):
                raise KeyError(name)
            setattr(self, name, tuple(value) if name == "pauses" else value)


@dataclass(slots=True, kw_only=True)
class Parcel:
    """One event on its way to us."""

    number: int
    place: str
    name: str
    """What the tester knows it by: the time stamp of the message."""
    kind: str
    """events_api | interactive"""
    payload: Any
    attempts: int = 0
    acknowledged: bool = False
    given_up: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(kw_only=True)
class Place:
    id: str
    is_im: bool
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    room: dict[str, Any] = field(default_factory=dict)
    """What conversations.info says of it besides."""


class Workspace:
    """One workspace with our app in it."""

    def __init__(self, ledger: Ledger, knobs: SlackKnobs) -> None:
        self.ledger = ledger
        self.knobs = knobs
        self.users: dict[str, dict[str, Any]] = {}
        self.places: dict[str, Place] = {}
        self.files: dict[str, bytes] = {}
        self.blocked: set[str] = set()
        self.sends: list[dict[str, Any]] = []
        self.whispers: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self.parcels: list[Parcel] = []
        self.news = asyncio.Event()
        self._stamps = itertools.count(int(time.time() * 1_000_000))
        self._numbers = itertools.count(1)
        self._copies: dict[str, int] = {}

    def stamp(self) -> str:
        micros = next(self._stamps)
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"

    def place(self, name: str, *, is_im: bool = True) -> Place:
        return self.places.setdefault(name, Place(id=name, is_im=is_im))

    def user(self, user: str, *, name: str = "", email: str = "", bot: bool = False) -> None:
        known = self.users.setdefault(user, {"id": user, "name": user, "team_id": TEAM, "is_bot": bot, "profile": {}})
        known["profile"].update({"display_name": name, "real_name": name, **({"email": email} if email else {})})

    # --- what people do ---

    def wrote(
        self,
        *,
        text: str,
        place: str,
        author: str,
        name: str = "",
        thread: str | None = None,
        bot: bool = False,
        public: bool = False,
        raw: bool = False,
        files: list[dict[str, Any]] | None = None,
        email: str = "",
        notify: bool = True,
        **more: Any,
    ) -> dict[str, Any]:
        """`raw`: the text is as Slack stores it. `notify`: False where no event tells of it."""
        self.user(author, name=name, email=email, bot=bot)
        at = self.place(place, is_im=not public)
        ts = self.stamp()
        message: dict[str, Any] = {
            "type": "message", "user": author, "text": text if raw else escaped(text), "ts": ts, "team": TEAM,
            "client_msg_id": f"{ts}-{author}", **({"thread_ts": thread} if thread else {}), **more,
        }  # fmt: skip
        if bot:
            message |= {"bot_id": f"B{author}", "app_id": "A0OTHER"}
        if files:
            message |= {"subtype": "file_share", "files": files}
        at.messages[ts] = message
        self.ledger.note("customer", place=place, ts=ts, user=author, text=text)
        if notify:
            kind = "im" if at.is_im else "channel"
            self._event(place, ts, {**message, "channel": place, "channel_type": kind, "event_ts": ts})
            if self.knobs.mentions and not at.is_im and f"<@{BOT_USER}>" in message["text"]:
                mention = {key: value for key, value in message.items() if key not in ("subtype",)}
                self._event(place, ts, {**mention, "type": "app_mention", "channel": place, "event_ts": ts})
        return message

    def edited(self, place: str, ts: str, text: str) -> None:
        at = self.places[place]
        before = dict(at.messages[ts])
        now = self.stamp()
        message = {**before, "text": escaped(text), "edited": {"user": before["user"], "ts": now}}
        at.messages[ts] = message
        self.ledger.note("edited", place=place, ts=ts, text=text)
        event = {
            "type": "message", "subtype": "message_changed", "hidden": True, "channel": place, "ts": now,
            "event_ts": now, "channel_type": "im" if at.is_im else "channel", "message": message,
            "previous_message": before,
        }  # fmt: skip
        first = next((p for p in self.parcels if p.name == ts and not p.acknowledged), None)
        self._event(place, f"{ts}:{now}", event, before=first if self.knobs.reorder else None)

    def deleted(self, place: str, ts: str) -> None:
        at = self.places[place]
        before, now = at.messages.pop(ts), self.stamp()
        self.ledger.note("deleted", place=place, ts=ts)
        event = {
            "type": "message", "subtype": "message_deleted", "hidden": True, "channel": place, "ts": now,
            "event_ts": now, "deleted_ts": ts, "channel_type": "im" if at.is_im else "channel",
            "previous_message": before,
        }  # fmt: skip
        self._event(place, f"{ts}:{now}", event)

    def pressed(self, place: str, ts: str, button: str, user: str) -> None:
        at, now = self.places[place], self.stamp()
        message = at.messages.get(ts)
        payload = {
            "type": "block_actions", "user": {"id": user, "username": user, "name": user, "team_id": TEAM},
            "api_app_id": APP, "team": {"id": TEAM, "domain": "loopback"}, "trigger_id": f"t{now}",
            "container": {"type": "message", "message_ts": ts, "channel_id": place, "is_ephemeral": message is None},
            "channel": {"id": place, "name": "directmessage" if at.is_im else "help"},
            **({} if message is None else {"message": message}),
            "actions": [{"type": "button", "action_id": button, "block_id": "b", "value": button, "action_ts": now}],
        }  # fmt: skip
        self.ledger.note("pressed", place=place, ts=now, button=button, user=user)
        self.bring(place, f"{now}-{user}-{button}", "interactive", payload)

    def shortcut(
        self, user: str, *, place: str = "", ts: str = "", callback: str = "talk_to_a_person", name: str = "person"
    ) -> None:
        now = self.stamp()
        payload: dict[str, Any] = {
            "type": "shortcut", "callback_id": callback, "user": {"id": user, "username": user},
            "team": {"id": TEAM}, "action_ts": now, "trigger_id": f"t{now}", "api_app_id": APP,
        }  # fmt: skip
        if ts:
            at = self.places[place]
            payload |= {
                "type": "message_action", "message": at.messages[ts], "message_ts": ts,
                "channel": {"id": place, "name": "directmessage" if at.is_im else "help"},
            }  # fmt: skip
        self.bring(place, f"{now}-{user}-{name}", "interactive", payload)

    def redeliver(self, name: str) -> None:
        parcel = next(p for p in self.parcels if p.name == name)
        self.bring(parcel.place, name, parcel.kind, parcel.payload)

    def _event(self, place: str, name: str, event: Any, *, before: Parcel | None = None) -> None:
        number = len(self.parcels) + 1
        payload = {
            "type": "event_callback", "token": "deprecated", "team_id": TEAM, "api_app_id": APP, "event": event,
            "event_id": f"Ev{number:08d}", "event_time": int(time.time()),
            "authorizations": [{"enterprise_id": None, "team_id": TEAM, "user_id": BOT_USER, "is_bot": True}],
        }  # fmt: skip
        self.bring(place, name, "events_api", payload, before=before)

    def bring(self, place: str, name: str, kind: str, payload: Any, *, before: Parcel | None = None) -> None:
        parcel = Parcel(number=next(self._numbers), place=place, name=name, kind=kind, payload=payload)
        at = self.parcels.index(before) if before is not None else len(self.parcels)
        self.parcels.insert(at, parcel)
        self.news.set()

    # --- what becomes of events ---

    def acknowledge(self, parcel: Parcel) -> None:
        parcel.done.set()
        if not parcel.acknowledged:
            parcel.acknowledged = True
            self.ledger.note("acknowledged", name=parcel.name)

    def forget(self) -> int:
        """What was not delivered never will be; only the history has it."""
        left = [parcel for parcel in self.parcels if not parcel.acknowledged]
        for parcel in left:
            parcel.given_up = True
            parcel.done.set()
        self.ledger.note("forgot", events=len(left))
        return len(left)

    def unacknowledged(self) -> list[str]:
        return [p.name for p in self.parcels if not p.acknowledged and not p.given_up]

    # --- what we do ---

    def changed_by_us(self, post: Mapping[str, Any]) -> None:
        message = self.places[post["channel"]].messages[post["ts"]]
        message |= {"text": post["text"], "blocks": post.get("blocks") or []}
        self.updates.append(dict(post))
        self.ledger.note("changed", place=post["channel"], id=post["ts"], text=post["text"])

    def whispered(self, post: Mapping[str, Any]) -> dict[str, Any]:
        """Seen by one, kept in no history."""
        message = {**post, "ts": self.stamp()}
        self.whispers.append(message)
        self.ledger.note("whispered", place=post["channel"], to=post["user"], text=post["text"])
        return message

    def posted(self, post: Mapping[str, Any]) -> dict[str, Any]:
        ts = self.stamp()
        place = self.places[post["channel"]]
        metadata = post.get("metadata")
        key = (metadata or {}).get("event_payload", {}).get("key")
        message: dict[str, Any] = {
            "type": "message", "user": BOT_USER, "bot_id": BOT, "app_id": APP, "ts": ts, "team": TEAM,
            "text": post["text"], "blocks": post.get("blocks") or [],
            **({"thread_ts": post["thread_ts"]} if post.get("thread_ts") else {}),
            **({"username": post["username"]} if post.get("username") else {}),
        }  # fmt: skip
        place.messages[ts] = {**message, "metadata": metadata}
        self._copies[key] = self._copies.get(key, 0) + 1
        self.sends.append({**message, "channel": place.id, "metadata": metadata})
        self.ledger.note(
            "accepted", key=key, copy=self._copies[key], place=place.id, id=ts, thread=post.get("thread_ts"),
            text=post["text"], username=post.get("username"),
        )  # fmt: skip
        if self.knobs.echo:
            kind = "im" if place.is_im else "channel"
            self._event(place.id, ts, {**message, "channel": place.id, "channel_type": kind, "event_ts": ts})
        return message
