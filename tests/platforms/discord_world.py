"""What is true on the loopback Discord: people, servers, channels, messages, and sessions of the gateway."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.platforms.loopback_state import Ledger

EPOCH = 1_420_070_400_000
GUILD = "700000000000000001"
GENERAL = "700000000000000101"
SUPPORT = "700000000000000102"
FORUM = "700000000000000103"
OUR_ROLE = "700000000000000201"
OTHER_ROLE = "700000000000000202"
MESSAGE_CONTENT = 1 << 15


def token_of(bot: str) -> str:
    """As Discord makes them: the first part says whose it is."""
    import base64

    return f"{base64.b64encode(bot.encode()).decode().rstrip('=')}.Gloop.secret-{bot}"


@dataclass
class Session:
    """One session: its events, as many as a resume may ask for, and who listens just now."""

    id: str
    bot: str
    intents: int
    events: list[dict[str, Any]] = field(default_factory=list)
    socket: Any = None


@dataclass(kw_only=True)
class Knobs:
    """What can be switched while it runs."""

    window: float = 300.0
    """Seconds for which a nonce is remembered."""
    history_nonce: bool = True
    """Messages in the history show their nonce."""
    echo: bool = True
    """Our own messages come back over the gateway."""
    content_granted: bool = True
    """The intent MESSAGE CONTENT may be asked for."""
    identifies_left: int = 1000
    heartbeat: float = 41.25
    limit: int = 0
    """Messages in a channel in `per` seconds; 0: any."""
    per: float = 5.0
    weather: dict[str, float] = field(default_factory=dict)

    def turn(self, changes: Mapping[str, Any]) -> None:
        for name, value in changes.items():
            if not hasattr(self, name):
                raise KeyError(name)
            setattr(self, name, value)


class World:
    """Everything that Discord keeps."""

    def __init__(self, ledger: Ledger, knobs: Knobs) -> None:
        self.ledger = ledger
        self.knobs = knobs
        self.bots: dict[str, str] = {"900000000000000001": "Warmline"}
        self.revoked: set[str] = set()
        self.blocked: set[str] = set()
        self.channels: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.sessions: dict[str, Session] = {}
        self.files: dict[str, bytes] = {}
        self.sends: list[dict[str, Any]] = []
        self.typing = 0
        self.identifies: list[int] = []
        self.resumes = 0
        self.presses: dict[str, dict[str, Any]] = {}
        self._nonces: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
        self._spent: dict[str, list[float]] = {}
        self._last_id = 0
        for id_, kind, name in ((GENERAL, 0, "general"), (SUPPORT, 0, "support"), (FORUM, 15, "help-forum")):
            self.channel(id_, kind=kind, guild=GUILD, name=name)

    # --- small parts ---

    def snowflake(self) -> str:
        """Growing, and never two of one millisecond."""
        self._last_id = max(self._last_id + (1 << 22), int(time.time() * 1000 - EPOCH) << 22)
        return str(self._last_id)

    def now(self) -> str:
        return datetime.fromtimestamp(((self._last_id >> 22) + EPOCH) / 1000, UTC).isoformat()

    def channel(self, id_: str, *, kind: int = 1, guild: str | None = None, **more: Any) -> dict[str, Any]:
        if id_ not in self.channels:
            place = {"guild_id": guild} if guild else {}
            if kind in (10, 11, 12):
                more |= {
                    "owner_id": "1", "message_count": 0, "member_count": 1, "rate_limit_per_user": 0,
                    "thread_metadata": {"archived": False, "auto_archive_duration": 1440, "locked": False,
                                        "archive_timestamp": "2026-01-01T00:00:00+00:00"},
                }  # fmt: skip
            elif guild:
                more |= {"position": 0, "permission_overwrites": [], "nsfw": False}
                more.setdefault("parent_id", None)
            else:
                more |= {"recipients": []}
            self.channels[id_] = {"id": id_, "type": kind, "last_message_id": None, **place, **more}
            self.messages[id_] = []
        return self.channels[id_]

    def guild_payload(self, guild: str) -> dict[str, Any]:
        mine = [channel for channel in self.channels.values() if channel.get("guild_id") == guild]
        return {
            "id": guild,
            "name": "The Loop",
            "unavailable": False,
            "member_count": 3,
            "owner_id": "1",
            "channels": [channel for channel in mine if channel["type"] not in (10, 11, 12)],
            "threads": [channel for channel in mine if channel["type"] in (10, 11, 12)],
            "roles": self.roles(),
            "members": [],
            "emojis": [],
            "stickers": [],
            "presences": [],
            "voice_states": [],
            "features": [],
        }

    def roles(self) -> list[dict[str, Any]]:
        bot = next(iter(self.bots))
        common = {"color": 0, "hoist": False, "position": 1, "permissions": "0", "mentionable": True, "flags": 0}
        return [
            {"id": OUR_ROLE, "name": "Warmline", "managed": True, "tags": {"bot_id": bot}, **common},
            {"id": OTHER_ROLE, "name": "Moderators", "managed": False, **common},
        ]

    def user(self, id_: str, name: str = "", *, bot: bool = False) -> dict[str, Any]:
        return {
            "id": id_,
            "username": f"user{id_[-4:]}",
            "global_name": name or None,
            "discriminator": "0",
            "avatar": None,
            "bot": bot,
        }

    # --- what people do ---

    def wrote(self, place: str, author: dict[str, Any], text: str, **more: Any) -> dict[str, Any]:
        channel = self.channel(place)
        message = self._message(channel, author, text, **more)
        self.ledger.note("customer", place=place, id=message["id"], author=author["id"], text=text)
        self.dispatch("MESSAGE_CREATE", message)
        return message

    def _message(self, channel: dict[str, Any], author: dict[str, Any], text: str, **more: Any) -> dict[str, Any]:
        id_ = more.pop("id", None) or self.snowflake()
        guild = {"guild_id": channel["guild_id"]} if "guild_id" in channel else {}
        message = {
            "id": id_,
            "channel_id": channel["id"],
            "author": author,
            "content": text,
            "timestamp": self.now(),
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 0,
            **guild,
            **more,
        }
        self.messages[channel["id"]].append(message)
        channel["last_message_id"] = id_
        return message

    def edited(self, place: str, id_: str, text: str) -> dict[str, Any]:
        message = self.find(place, id_)
        self.snowflake()  # time goes on
        message.update(content=text, edited_timestamp=self.now())
        self.ledger.note("edited", place=place, id=id_, text=text)
        self.dispatch("MESSAGE_UPDATE", message)
        return message

    def deleted(self, place: str, id_: str) -> None:
        message = self.find(place, id_)
        self.messages[place].remove(message)
        guild = {"guild_id": message["guild_id"]} if "guild_id" in message else {}
        self.dispatch("MESSAGE_DELETE", {"id": id_, "channel_id": place, **guild})

    def find(self, place: str, id_: str) -> dict[str, Any]:
        return next(message for message in self.messages[place] if message["id"] == id_)

    def pressed(self, place: str, id_: str, custom_id: str, author: dict[str, Any]) -> str:
        message = self.find(place, id_)
        interaction, channel = self.snowflake(), self.channels[place]
        who: dict[str, Any] = {"user": author}
        if "guild_id" in channel:
            who = {"member": {"user": author, "nick": None}, "guild_id": channel["guild_id"]}
        self.presses[interaction] = {"at": time.monotonic(), "answer": None, "message": id_, "place": place}
        self.ledger.note("pressed", place=place, id=interaction, custom_id=custom_id)
        self.dispatch(
            "INTERACTION_CREATE",
            {
                "id": interaction,
                "application_id": next(iter(self.bots)),
                "type": 3,
                "token": f"aW50{interaction}",
                "version": 1,
                "channel_id": place,
                "channel": channel,
                "data": {"custom_id": custom_id, "component_type": 2},
                "message": message,
                "locale": "en-US",
                "entitlements": [],
                "app_permissions": "0",
                **who,
            },
        )
        return interaction

    # --- what we send ---

    def spend(self, place: str) -> tuple[int, float]:
        """How many more may be sent there, and after how many seconds it is all again; -1: this was too many."""
        now = time.monotonic()
        spent = [at for at in self._spent.get(place, []) if now - at < self.knobs.per]
        if not self.knobs.limit:
            return 1000, self.knobs.per
        left = self.knobs.limit - len(spent) - 1
        if left >= 0:
            spent.append(now)
        self._spent[place] = spent
        return left, self.knobs.per - (now - spent[0])

    def accept(self, bot: str, place: str, send: dict[str, Any]) -> dict[str, Any]:
        """Commit a message of a bot's; the ledger's `copy` says how often this nonce was posted by now."""
        nonce = send.get("nonce")
        known = self._nonces.get((bot, str(nonce))) if nonce is not None else None
        if send.get("enforce_nonce") and known is not None and time.monotonic() - known[0] <= self.knobs.window:
            self.ledger.note("repeated", nonce=nonce, id=known[1]["id"])
            return known[1]
        more = {key: send[key] for key in ("components", "flags", "nonce", "message_reference") if key in send}
        author = self.user(bot, self.bots[bot], bot=True)
        message = self._message(self.channels[place], author, send.get("content", ""), **more)
        message["attachments"] = [
            {"id": self.snowflake(), "filename": file["filename"], "size": 1, "url": "", "proxy_url": ""}
            for file in send.get("attachments", [])
        ]
        copies = sum(1 for sent in self.sends if sent.get("nonce") == nonce) + 1
        self.sends.append(message)
        self._nonces.setdefault((bot, str(nonce)), (time.monotonic(), message))
        self.ledger.note(
            "accepted", place=place, key=nonce, id=message["id"], text=message["content"], copy=copies,
            components=send.get("components"),
        )  # fmt: skip
        if self.knobs.echo:
            self.dispatch("MESSAGE_CREATE", message)
        return message

    # --- the gateway ---

    def dispatch(self, kind: Any, data: Any) -> None:
        """To every session, whether somebody listens or not."""
        for session in self.sessions.values():
            self.tell(session, kind, data)

    def tell(self, session: Session, kind: Any, data: Any) -> None:
        payload = {"op": 0, "t": kind, "s": len(session.events) + 1, "d": shown(data, session)}
        session.events.append(payload)
        if session.socket is not None:
            session.socket.put_nowait(payload)


def shown(data: Any, session: Session) -> Any:
    """What a bot without the intent sees of a message in a server."""
    if not isinstance(data, dict) or "content" not in data or "guild_id" not in data:
        return dict(data) if isinstance(data, dict) else data
    mentioned = any(isinstance(user, dict) and user.get("id") == session.bot for user in data.get("mentions") or ())
    mine = isinstance(data.get("author"), dict) and data["author"].get("id") == session.bot
    if session.intents & MESSAGE_CONTENT or mentioned or mine:
        return dict(data)
    return {**data, "content": "", "embeds": [], "attachments": [], "components": []}
