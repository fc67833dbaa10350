"""What an operator can set for one Telegram bot, checked all at once and without telling any value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from channels.options import unknown

Listen = Literal["mentions", "threads", "all"]

LISTENS: Final = ("mentions", "threads", "all")
PUBLIC_API: Final = "https://api.telegram.org"
TELEGRAM_TAKES: Final = 20_000_000
"""Bytes of a file that Telegram's own server hands out; one of your own has no such limit."""

_TOKEN: Final = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,200}")
_ANY_TOKEN: Final = re.compile(r"[A-Za-z0-9_:.-]{1,220}")
"""What a server of one's own may call one; it stands in an address."""
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CHAT: Final = re.compile(r"-?[0-9]{1,20}")
_PORTS: Final = (None, 80, 88, 443, 8443)
"""To which Telegram's own server pushes."""
_FROM_FILES: Final = ("token", "secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramSettings:
    """One bot. Times in seconds."""

    token: str = field(repr=False)
    """From BotFather. `token_file` names a file that holds it instead."""
    account: str = "main"
    """Our name for this bot; it stands in addresses and in every conversation."""
    mode: Literal["polling", "webhook"] = "polling"
    public_url: str = ""
    """Of webhook: where Telegram reaches this desk."""
    secret: str = field(default="", repr=False)
    """Of webhook: what Telegram shows to prove itself, 1 to 256 of A-Z a-z 0-9 _ -. `secret_file` as with the token."""
    api_url: str = PUBLIC_API
    """A Bot API server of your own, or Telegram's."""
    file_url: str = ""
    """Where it hands out files; `api_url` and /file if empty."""
    local_mode: bool = False
    """The server of your own runs with --local: files lie on a disk."""
    local_files: str = ""
    """Of local_mode: the folder with them, as it is seen from here; nothing outside of it is read."""
    listen: Listen = "mentions"
    """Which messages in groups are for us: those that mention us, also the threads that a mention opened, or all."""
    places: Mapping[str, Listen] = field(default_factory=dict)
    """The same for single chats, by id. A channel's posts are read only if it stands here."""
    proxy: str = ""
    """An HTTP proxy for everything that goes to Telegram."""
    file_max_mb: float = 10
    """Megabytes of one file from a customer; 0 for no files."""
    timeout: float = 7.5
    """For an answer to a request. The house gives a send nine seconds in all."""
    connect_timeout: float = 4.0
    poll_wait: float = 25.0
    """How long Telegram holds a poll for which there is no news."""
    retry_base: float = 0.5
    retry_cap: float = 15.0
    conflict_wait: float = 5.0
    """After another poller was met, at first; it doubles up to thirty seconds."""
    album_wait: float = 0.7
    """How long the rest of an album is waited for."""
    heal_after: float = 20.0
    """Of webhook: between looks whether it is still set."""

    @property
    def file_at_most(self) -> int:
        """Bytes of one file."""
        return int(self.file_max_mb * 1_000_000)

    @property
    def api(self) -> str:
        """`api_url` without what the library puts behind it."""
        return _origin(self.api_url)

    @property
    def files(self) -> str:
        """`file_url` in the same way, or what follows from `api_url`."""
        return _origin(self.file_url) if self.file_url else f"{self.api}/file"

    @property
    def is_public(self) -> bool:
        """It is Telegram's own server, with its limits."""
        return self.api == PUBLIC_API

    @property
    def path(self) -> str:
        """Of webhook: the route."""
        return f"/channels/telegram/{self.account}"

    @property
    def webhook(self) -> str:
        return self.public_url.rstrip("/") + self.path

    def listens(self, chat: str) -> Listen:
        return self.places.get(chat, self.listen)

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> TelegramSettings:
        """Raises `ValueError` with every setting that is wrong; never with the value of one."""
        known = {field.name for field in fields(cls)} | {f"{name}_file" for name in _FROM_FILES}
        wrong = unknown(settings, known)
        given = {name: value for name, value in settings.items() if name in known}
        told = len(wrong)
        _read_files(given, wrong)
        _check_types(given, wrong)
        spoilt = {re.split(r"\W", fault)[0].removesuffix("_file") for fault in wrong[told:]}
        made = cls(**{"token": "", **{name: value for name, value in given.items() if name not in spoilt}})
        wrong += [fault for check in _CHECKS for fault in check(made) if fault.split()[0] not in spoilt]
        if wrong:
            raise ValueError("; ".join(wrong))
        return made


def _read_files(given: dict[str, Any], wrong: list[str]) -> None:
    """Put what lies in files in the place of their names."""
    for name in _FROM_FILES:
        path = given.pop(f"{name}_file", None)
        if path is None:
            continue
        if name in given:
            wrong.append(f"{name} and {name}_file are both given")
            continue
        try:
            given[name] = Path(str(path)).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            wrong.append(f"{name}_file cannot be read ({type(error).__name__})")


def _check_types(given: dict[str, Any], wrong: list[str]) -> None:
    for name, value in list(given.items()):
        kind = {field.name: field.type for field in fields(TelegramSettings)}[name]
        if kind == "bool":
            if not isinstance(value, bool):
                wrong.append(f"{name} is neither true nor false")
        elif kind == "float":
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
                wrong.append(f"{name} is no number from 0 up")
        elif name == "places":
            wrong += _places(value)
        elif not isinstance(value, str):
            wrong.append(f"{name} is no text")


def _places(value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return ["places is no table of chat ids"]
    wrong = [f"places: {str(chat)[:40]!r} is no chat id" for chat in value if not _CHAT.fullmatch(str(chat))]
    return wrong + [
        f"places: what {str(chat)[:40]} listens to is neither mentions, threads nor all"
        for chat, listen in value.items()
        if listen not in LISTENS
    ]


def _of_the_bot(made: TelegramSettings) -> list[str]:
    wrong = []
    if not made.token:
        wrong.append("token is missing: BotFather gives one")
    elif not (_TOKEN if made.is_public else _ANY_TOKEN).fullmatch(made.token):
        wrong.append("token is not shaped like one of BotFather's (digits, a colon, letters)")
    if not _ACCOUNT.fullmatch(made.account):
        wrong.append("account has other characters than letters, digits, _ . -")
    if made.mode not in ("polling", "webhook"):
        wrong.append("mode is neither polling nor webhook")
    if made.listen not in LISTENS:
        wrong.append("listen is neither mentions, threads nor all")
    wrong += [f"{name} must be more than 0" for name in ("timeout", "connect_timeout") if not getattr(made, name)]
    if not 1 <= made.poll_wait <= 50:
        wrong.append("poll_wait must be from 1 to 50; Telegram holds a poll no longer")
    return wrong


def _of_addresses(made: TelegramSettings) -> list[str]:
    wrong = [
        f"{name} is no http or https address"
        for name in ("api_url", "file_url", "public_url", "proxy")
        if (value := getattr(made, name)) and not _is_address(value)
    ]
    if made.local_mode and not made.local_files:
        wrong.append("local_files is missing; local_mode needs the folder of the server's files")
    if made.local_files and not made.local_mode:
        wrong.append("local_files is given, but local_mode is not")
    return wrong


def _of_the_webhook(made: TelegramSettings) -> list[str]:
    if made.mode != "webhook":
        return []
    wrong = [
        f"{name} is missing; mode webhook needs it" for name in ("public_url", "secret") if not getattr(made, name)
    ]
    if made.secret and not _SECRET.fullmatch(made.secret):
        wrong.append("secret must be 1 to 256 of A-Z a-z 0-9 _ -")
    if made.is_public and _is_address(made.public_url):
        parts = urlsplit(made.public_url)
        if parts.scheme != "https":
            wrong.append("public_url must be https; Telegram pushes nowhere else")
        if parts.port not in _PORTS:
            wrong.append("public_url has another port than 443, 80, 88 and 8443; Telegram pushes to no other")
    return wrong


_CHECKS: Final = (_of_the_bot, _of_addresses, _of_the_webhook)


def _origin(url: str) -> str:
    return url.rstrip("/").removesuffix("/bot").rstrip("/")


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
