"""What an operator can set of a Discord bot; all faults at once, by name, never with a value."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

from channels.options import unknown

NAME: Final = "discord"
PUBLIC: Final = "https://discord.com"

Listen = Literal["mentions", "threads", "all"]
"""mentions: who names us or answers us. threads: also all that is said in a thread or forum post that a mention
opened; for a place that is named, in all of its threads and posts. all: everything that is said there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordSettings:
    """One bot. Times in seconds."""

    token: str = field(repr=False)
    account: str = "main"
    api_url: str = f"{PUBLIC}/api/v10"
    """With the version; without a path, or with /api alone, /api/v10 is meant."""
    gateway_url: str = ""
    """Where the gateway is; empty: Discord is asked."""
    cdn_url: str = "https://cdn.discordapp.com"
    """The only place from which files are fetched (and media.discordapp.net, if this is Discord's own)."""
    proxy: str = ""
    guilds: frozenset[str] = frozenset()
    """Ids of the servers that we listen in; empty: all that the bot is in."""
    listen: Listen = "threads"
    places: Mapping[str, Listen] = field(default_factory=dict)
    """How we listen in a place: by the id of a thread, a channel, a category or a server; the narrowest counts."""
    file_max_mb: int = 10
    timeout: float = 8.0
    """Of one request."""
    silence: float = 15.0
    """After so long without a word from the gateway it is asked for a sign of life; after twice that it is dead."""
    retry_base: float = 0.5
    retry_cap: float = 10.0
    refused_wait: float = 30.0
    """After a refused token or intent, doubling up to ten times that."""
    identify_every: float = 5.0
    """Between new sessions, at least; each counts against a thousand a day."""
    note_every: float = 1.0
    """So often it is kept where the session stands."""

    @property
    def is_public(self) -> bool:
        """It is Discord's own."""
        return self.api_url.startswith(f"{PUBLIC}/")

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> DiscordSettings:
        """Raises `ValueError` with every setting that is wrong; never with the value of one."""
        given = dict(settings)
        known = {each.name for each in fields(cls)} | {"token_file", "token_env"}
        wrong = unknown(given, known)
        values = {name: value for name, value in given.items() if name in known}
        token, fault = _token(values)
        wrong += fault
        for name in ("api_url", "cdn_url", "gateway_url", "proxy"):
            wrong += _address(name, values)
        wrong += _numbers(values)
        if not isinstance(values.get("account", "main"), str) or not values.get("account", "main"):
            wrong.append("account is no name")
        guilds, places = values.pop("guilds", ()), values.pop("places", {})
        wrong += _guilds(guilds)
        wrong += _places(places)
        if values.get("listen", "threads") not in get_args(Listen):
            wrong.append("listen is neither mentions, threads nor all")
        if wrong:
            raise ValueError("; ".join(wrong))
        for name in ("api_url", "cdn_url", "gateway_url", "proxy"):
            if name in values:
                values[name] = values[name].rstrip("/")
        address = values.get("api_url", "")
        if address and urlsplit(address).path in ("", "/api"):
            values["api_url"] = address.removesuffix("/api") + "/api/v10"
        ids = {str(place): mode for place, mode in places.items()}
        return cls(**values, token=token, guilds=frozenset(map(str, guilds)), places=ids)


def _token(values: dict[str, Any]) -> tuple[str, list[str]]:
    """The token, taken out of `values`, and what is wrong with it."""
    named = [name for name in ("token", "token_file", "token_env") if values.get(name)]
    token, file, variable = (values.pop(name, "") for name in ("token", "token_file", "token_env"))
    if len(named) > 1:
        return "", [f"{' and '.join(named)} are both set; keep one"]
    if file:
        try:
            token = Path(str(file)).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError):
            return "", ["token_file cannot be read"]
        if not token:
            return "", ["token_file is empty"]
    elif variable:
        token = os.environ.get(str(variable), "").strip()
        if not token:
            return "", ["token_env names a variable that is not set"]
    if not token:
        return "", ["token is missing"]
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token.strip():
        return "", ["token is none: copy it from the developer portal, page Bot"]
    return token.strip(), []


def _address(name: str, values: Mapping[str, Any]) -> list[str]:
    value = values.get(name)
    if value is None or (value == "" and name in ("gateway_url", "proxy")):
        return []
    schemes = ("ws", "wss") if name == "gateway_url" else ("http", "https")
    try:
        parts = urlsplit(value)
        fine = parts.scheme in schemes and bool(parts.hostname)
    except (TypeError, ValueError, AttributeError):
        fine = False
    return [] if fine else [f"{name} is no address; write it whole, with {schemes[1]}://"]


_NUMBERS: Final[Mapping[str, tuple[float, float]]] = {
    "file_max_mb": (0, 25), "timeout": (0.05, 60), "silence": (0.05, 60), "retry_base": (0.001, 60),
    "retry_cap": (0.001, 60), "refused_wait": (0.01, 3600), "identify_every": (0, 3600), "note_every": (0.01, 3600),
}  # fmt: skip
"""Least and most."""


def _numbers(values: Mapping[str, Any]) -> list[str]:
    wrong = []
    for name, (least, most) in _NUMBERS.items():
        value = values.get(name, least)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            wrong.append(f"{name} is no number from {least} to {most}")
    return wrong


def _guilds(guilds: object) -> list[str]:
    if not isinstance(guilds, Sequence | frozenset | set) or isinstance(guilds, str | bytes):
        return ["guilds is no list of ids"]
    return [] if all(_is_id(each) for each in guilds) else ["guilds holds something that is no id"]


def _places(places: object) -> list[str]:
    if not isinstance(places, Mapping):
        return ["places is no table"]
    wrong = [] if all(_is_id(place) for place in places) else ["places names something that is no id"]
    return wrong + (
        [] if set(places.values()) <= set(get_args(Listen)) else ["places says neither mentions, threads nor all"]
    )


def _is_id(value: object) -> bool:
    text = str(value)
    return not isinstance(value, bool) and isinstance(value, int | str) and text.isascii() and text.isdigit()
