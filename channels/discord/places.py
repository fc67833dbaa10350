"""What we know of servers, channels, threads and roles: learnt from the gateway and from REST, needed to read what is
said there. Losing it costs a name in a text, never a message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from channels.discord.settings import DiscordSettings, Listen

DIRECT: Final = frozenset({1, 3})
THREADS: Final = frozenset({10, 11, 12})
READABLE: Final = frozenset({0, 2, 5, 13, *THREADS})
"""Kinds of channels with messages of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    id: str
    kind: int
    guild: str | None
    parent: str | None = None
    name: str = ""
    last: int = 0
    """Snowflake of the newest message, as far as Discord has said."""


class Atlas:
    """All that is known of one bot's servers."""

    def __init__(self, settings: DiscordSettings) -> None:
        self._settings = settings
        self.places: dict[str, Place] = {}
        self.roles: dict[str, str] = {}
        """Names by id."""
        self.ours: set[str] = set()
        """Roles that are the bot itself."""

    def learn(self, kind: str, data: Mapping[str, Any], me: str) -> None:
        """From an event of the gateway. May raise anything for one that is not shaped as documented."""
        match kind:
            case "GUILD_CREATE":
                self.learn_guild(
                    str(data["id"]), data.get("channels") or (), data.get("threads") or (), data.get("roles") or (), me
                )
            case "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE":
                self._put(data, None)
            case "CHANNEL_DELETE" | "THREAD_DELETE":
                self.places.pop(str(data["id"]), None)
            case "THREAD_LIST_SYNC":
                for thread in data.get("threads") or ():
                    self._put(thread, str(data["guild_id"]))
            case "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE":
                self._role(data["role"], me)
            case "GUILD_ROLE_DELETE":
                self.roles.pop(str(data["role_id"]), None)

    def learn_guild(
        self,
        guild: str,
        channels: Iterable[Mapping[str, Any]],
        threads: Iterable[Mapping[str, Any]],
        roles: Iterable[Mapping[str, Any]],
        me: str,
    ) -> None:
        for channel in (*channels, *threads):
            with suppress(KeyError, TypeError, ValueError, AttributeError):  # a name less
                self._put(channel, guild)
        for role in roles:
            with suppress(KeyError, TypeError, AttributeError):
                self._role(role, me)

    def learn_channel(self, channel: Mapping[str, Any]) -> None:
        self._put(channel, None)

    def guild_of(self, place: str) -> str | None:
        known = self.places.get(place)
        return None if known is None else known.guild

    def is_thread(self, place: str) -> bool:
        known = self.places.get(place)
        return known is not None and known.kind in THREADS

    def readable(self) -> list[Place]:
        """Channels and threads of servers that we listen in."""
        return [
            place
            for place in self.places.values()
            if place.kind in READABLE and place.guild is not None and self.listens_in(place.guild)
        ]

    def listens_in(self, guild: str) -> bool:
        return not self._settings.guilds or guild in self._settings.guilds

    def listening(self, place: str, guild: str | None) -> tuple[Listen, bool]:
        """How we listen there, and whether somebody has said so for this place or one around it."""
        around: list[str | None] = [place]
        for _ in range(2):  # a thread's channel, a channel's category
            known = self.places.get(around[-1] or "")
            if known is None or known.parent is None:
                break
            around.append(known.parent)
        for each in (*around, guild):
            if each is not None and each in self._settings.places:
                return self._settings.places[each], True
        return self._settings.listen, False

    def _put(self, channel: Mapping[str, Any], guild: str | None) -> None:
        id_, parent = str(channel["id"]), channel.get("parent_id")
        before = self.places.get(id_)
        said = channel.get("guild_id") or guild or (before.guild if before is not None else None)
        last = str(channel.get("last_message_id") or "0")
        self.places[id_] = Place(
            id=id_,
            kind=int(channel.get("type", 0 if said is not None else 1)),
            guild=None if said is None else str(said),
            parent=None if parent is None else str(parent),
            name=str(channel.get("name") or ""),
            last=int(last) if last.isascii() and last.isdigit() else 0,
        )

    def _role(self, role: Mapping[str, Any], me: str) -> None:
        self.roles[str(role["id"])] = str(role.get("name") or "")
        if str((role.get("tags") or {}).get("bot_id")) == me:
            self.ours.add(str(role["id"]))
