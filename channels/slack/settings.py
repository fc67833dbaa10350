"""What an operator can set for Slack. Times in seconds."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

from channels.options import unknown

Listen = Literal["mentions", "threads", "all"]
LISTEN: Final = ("mentions", "threads", "all")
NAMES: Final = ("auto", "username", "prefix", "none")
CARDS: Final = ("all", "urgent")
PUBLIC: Final = "https://slack.com/api/"
_OURS: Final = (".localhost", ".local", ".internal", ".test")
"""Names that nobody outside of a network of one's own can have."""
_PLACE: Final = re.compile(r"[A-Z0-9]{2,40}")
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSettings:
    """One app in one workspace."""

    bot_token: str = field(repr=False)
    app_token: str = field(default="", repr=False)
    """Of Socket Mode: xapp-…"""
    signing_secret: str = field(default="", repr=False)
    """Of HTTP events."""
    mode: Literal["socket", "http"] = "socket"
    account: str = "main"
    api_url: str = PUBLIC
    file_hosts: tuple[str, ...] = ("files.slack.com", "slack.com")
    """Where files may be fetched with the bot's token, besides the host of an `api_url` of one's own."""
    proxy: str = ""
    listen: Mapping[str, Listen] = field(default_factory=lambda: {"default": "threads"})
    """By channel id, and `default`."""
    names: Literal["auto", "username", "prefix", "none"] = "auto"
    """How it is shown who speaks; auto: as user name if the scope is granted, else before an agent's words."""
    desk_channel: str = ""
    """The id of a channel of the team's in which the desk stands; its messages are colleagues', never customers'."""
    desk_cards: Literal["all", "urgent"] = "all"
    """Which cases are posted there; urgent: those of the queue's first class."""
    trust_profile_email: bool = False
    """The address in a profile proves who somebody is."""
    max_attachment_bytes: int = 10_000_000
    timeout: float = 8.0
    """Of one request."""
    file_timeout: float = 15.0
    """For all files of a message together."""
    ping_interval: float = 6.0
    retry_base: float = 0.5
    retry_cap: float = 20.0
    catch_up_every: float = 600.0
    """0: only after a gap."""

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> SlackSettings:
        """Raises `ValueError` with every setting that is wrong; never with the value of a secret."""
        known = {each.name: each for each in fields(cls)}
        wrong = unknown(settings, known)
        given = {name: value for name, value in settings.items() if name in known}
        mode = given.get("mode", "socket" if given.get("app_token") or not given.get("signing_secret") else "http")
        given["mode"] = mode
        wrong += _secrets(given)
        if mode not in ("socket", "http"):
            wrong.append("mode is neither socket nor http")
        if given.get("names", "auto") not in NAMES:
            wrong.append(f"names is none of {', '.join(NAMES)}")
        if not _PLACE.fullmatch(str(given.get("desk_channel", "") or "C0")):
            wrong.append("desk_channel is no channel id; take it from the channel's details: C0123…")
        if given.get("desk_cards", "all") not in CARDS:
            wrong.append(f"desk_cards is none of {', '.join(CARDS)}")
        if not isinstance(given.get("trust_profile_email", False), bool):
            wrong.append("trust_profile_email is neither true nor false")
        if not _ACCOUNT.fullmatch(str(given.get("account", "main"))):
            wrong.append("account is not 1 to 64 letters, digits, dots, dashes or underscores")
        wrong += _numbers(given)
        wrong += _addresses(given)
        given["listen"], fault = _listen(given.get("listen", "threads"))
        wrong += fault
        if wrong:
            raise ValueError("; ".join(wrong))
        return cls(**given)

    @property
    def is_public(self) -> bool:
        """It is Slack's own."""
        return self.api_url.startswith(PUBLIC.rstrip("/"))

    @property
    def base(self) -> str:
        """The address of the web API, with a slash at its end; /api/ where a server is named without a path."""
        bare = urlsplit(self.api_url).path in ("", "/")
        return f"{self.api_url.rstrip('/')}/{'api/' if bare else ''}"

    def may_see_token(self, url: str) -> bool:
        """May a file be fetched from there with the bot's token?"""
        try:
            there, ours = urlsplit(url), urlsplit(self.base)
            host, port = (there.hostname or "").lower(), there.port
            ours_host, ours_port = (ours.hostname or "").lower(), ours.port
        except ValueError:
            return False
        if there.username or there.password:
            return False
        if (there.scheme, host, port) == (ours.scheme, ours_host, ours_port):
            return True
        return there.scheme == "https" and host in self.file_hosts and port in (None, 443)


def _secrets(given: Mapping[str, Any]) -> list[str]:
    slacks = str(given.get("api_url", PUBLIC)).startswith(PUBLIC)  # another server calls them as it likes
    needed = {"bot_token", "signing_secret" if given["mode"] == "http" else "app_token"}
    wrong = []
    for name in ("bot_token", "app_token", "signing_secret"):
        value = given.get(name, "")
        if not isinstance(value, str) or not value.isascii() or any(char.isspace() for char in value):
            wrong.append(f"{name} is no token: it has other characters than letters, digits and dashes")
        elif name in needed and not value:
            wrong.append(f"{name} is missing")
        elif name != "signing_secret" and value and slacks and not value.startswith(("xox", "xapp-")):
            wrong.append(f"{name} does not begin with {'xoxb-' if name == 'bot_token' else 'xapp-'}")
    return wrong


def _numbers(given: Mapping[str, Any]) -> list[str]:
    wrong = []
    for name, least in (
        ("max_attachment_bytes", 0), ("timeout", 0.05), ("file_timeout", 0.05), ("ping_interval", 0.05),
        ("retry_base", 0.001), ("retry_cap", 0.001), ("catch_up_every", 0),
    ):  # fmt: skip
        value = given.get(name, least)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
            wrong.append(f"{name} is not a number of at least {least}")
    return wrong


def _addresses(given: dict[str, Any]) -> list[str]:
    wrong = []
    for name in ("api_url", "proxy"):
        value = given.get(name)
        if value is None or (name == "proxy" and value == ""):
            continue
        try:
            parts = urlsplit(str(value))
            plain = parts.scheme == "http" and (name == "proxy" or _private(parts.hostname))
            if not parts.hostname or not (parts.scheme == "https" or plain):
                wrong.append(f"{name} is no https address")
        except ValueError:
            wrong.append(f"{name} is no address")
    hosts = given.get("file_hosts")
    if hosts is not None:
        if not isinstance(hosts, (list, tuple)) or not all(isinstance(host, str) and host for host in hosts):
            wrong.append("file_hosts is no list of host names")
        else:
            given["file_hosts"] = tuple(host.lower() for host in hosts)
    return wrong


def _private(host: str | None) -> bool:
    """An address or a name (without a dot: another container) in a network of one's own."""
    try:
        return ipaddress.ip_address(host or "").is_private
    except ValueError:
        return "." not in (host or ".") or (host or "").endswith(_OURS)


def _listen(value: Any) -> tuple[Mapping[str, Listen], list[str]]:
    table = {"default": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping):
        return {"default": "threads"}, [f"listen is none of {', '.join(LISTEN)}, and no table of them"]
    table = {"default": "threads", **{str(place): how for place, how in table.items()}}
    wrong = [f"listen of {place} is none of {', '.join(LISTEN)}" for place, how in table.items() if how not in LISTEN]
    return cast(Mapping[str, Listen], table), wrong
