"""What an operator can set for one mailbox, checked all at once and without telling any value."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, get_args

from channels.mailserver import MailServer, address
from channels.options import unknown

Security = Literal["tls", "starttls", "none"]
First = Literal["recent", "all", "none"]

_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_.@+-]{1,100}")
_HOST: Final = re.compile(r"[A-Za-z0-9.:_-]{1,253}")
_AUTHSERV: Final = re.compile(r"[A-Za-z0-9._:-]{0,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSettings:
    """One mailbox. Times in seconds."""

    address: str
    """Where customers write to, and whom they get answers from."""
    name: str = ""
    """Who we are, in a From: `Lea at Acme`."""
    account: str = ""
    """Our name for this mailbox; the address if empty."""
    aliases: tuple[str, ...] = ()
    """Other addresses of ours: what comes from them is our own."""
    user: str = ""
    """To sign in; the address if empty."""
    password: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    """OAuth2 (XOAUTH2) instead of a password: a token as it is, or what it is renewed with."""
    token_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    """Without one the client itself is who signs in."""
    scope: str = ""

    imap_host: str = ""
    imap_port: int = 0
    """993, or 143 without TLS from the first byte."""
    imap_security: Security = "tls"
    folder: str = "INBOX"
    first: First = "recent"
    """What of a mailbox is taken that was there before us: unread mails of the last day, everything, or nothing."""
    mark_seen: bool = True
    """Mails are marked as read once they are kept."""
    move_to: str = ""
    """And moved to this folder."""

    smtp_host: str = ""
    smtp_port: int = 0
    """587, or 465 with TLS from the first byte."""
    smtp_security: Security = "starttls"
    smtp_login: bool = True
    """False: the server takes mail from us without a password."""
    smtp_user: str = ""
    """`user` if empty."""
    smtp_password: str = field(default="", repr=False)
    """`password` if empty."""
    ca_file: str = ""
    """Certificates of an authority of your own."""

    plus: bool = True
    """The server delivers address+anything@ to this mailbox: answers carry a signed one."""
    authserv_id: str = ""
    """How the server that takes mail for us signs its Authentication-Results; empty: no sender is verified."""
    trust_senders: bool = False
    """Who has a verified address is the same person as whoever has it elsewhere."""
    null_sender: bool = True
    """Automatic mails leave with an empty return path, where the server takes it (RFC 3834)."""
    automatic_here: int = 6
    """Automatic mails an hour to one sender in one conversation."""
    automatic_elsewhere: int = 1
    """Of how many an hour to one sender in others another conversation begins without one."""
    automatic_an_hour: int = 500
    """Automatic mails an hour to all senders who are not verified."""

    check_dns: bool = True
    """`warmline check` looks whether SPF, DMARC and DKIM of our domain are in order."""
    dkim_selector: str = ""
    """Of our domain's key, to be looked for."""

    mail_max_mb: float = 25
    file_max_mb: float = 10
    connect_timeout: float = 10.0
    timeout: float = 15.0
    """Of an answer over IMAP."""
    idle_for: float = 25.0
    """So long we listen (IDLE) before we look whether the server is still there."""
    send_timeout: float = 8.0
    """For one mail out. The house gives a send nine seconds in all."""
    retry_base: float = 1.0
    retry_cap: float = 15.0

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    @property
    def login(self) -> str:
        return self.user or self.address

    @property
    def has_oauth(self) -> bool:
        return bool(self.access_token or self.token_url)

    @property
    def mail_at_most(self) -> int:
        """Bytes of one mail; of a larger one the beginning is read."""
        return int(self.mail_max_mb * 1_000_000)

    @property
    def file_at_most(self) -> int:
        return int(self.file_max_mb * 1_000_000)

    def is_ours(self, sender: str) -> bool:
        """Is this address, with anything behind a +, one of ours?"""
        local, at, domain = sender.lower().rpartition("@")
        return bool(at) and f"{local.partition('+')[0]}@{domain}" in (self.address, *self.aliases)

    def mail_server(self, token: str | None = None) -> MailServer:
        """Where mail is handed over; with an access token where one is used."""
        user, password = self.smtp_user or self.login, self.smtp_password or self.password
        signs_in = self.smtp_login and (bool(password) or token is not None)
        token = token if signs_in else None
        return MailServer(
            host=self.smtp_host,
            port=self.smtp_port or (465 if self.smtp_security == "tls" else 587),
            tls=self.smtp_security == "tls",
            plain=self.smtp_security == "none",
            user=user if signs_in else None,
            password=password if signs_in and token is None else None,
            token=token,
        )

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> EmailSettings:
        """Raises `ValueError` with every setting that is wrong; never with the value of one."""
        known = {each.name: str(each.type) for each in fields(cls)}
        wrong = unknown(settings, known)
        given = {name: value for name, value in settings.items() if name in known}
        spoilt = set()
        for name in list(given):
            if faults := _typed(given, name, known[name]):
                wrong += faults
                spoilt.add(name)
        made = cls(**{"address": "", **{name: value for name, value in given.items() if name not in spoilt}})
        wrong += [fault for check in _CHECKS for fault in check(made) if re.split(r"\W", fault)[0] not in spoilt]
        if wrong:
            raise ValueError("; ".join(wrong))
        return cls(**{**given, **_normal(made)})


def _typed(given: dict[str, Any], name: str, kind: str) -> list[str]:
    value = given[name]
    if kind == "bool":
        return [] if isinstance(value, bool) else [f"{name} is neither true nor false"]
    if kind in ("int", "float"):
        fine = not isinstance(value, bool) and isinstance(value, (int, float)) and 0 <= value < 1e6
        if fine and kind == "int":
            given[name] = int(value)
        return [] if fine else [f"{name} is no number from 0 up"]
    if name == "aliases":
        listed = isinstance(value, Sequence) and not isinstance(value, str)
        if listed and all(isinstance(each, str) for each in value):
            given[name] = tuple(value)
            return []
        return ["aliases is no list of addresses"]
    return [] if isinstance(value, str) else [f"{name} is no text"]


def _normal(made: EmailSettings) -> dict[str, Any]:
    ours = address(made.address.strip()).lower()
    return {
        "address": ours,
        "account": made.account or ours,
        "aliases": tuple(address(each.strip()).lower() for each in made.aliases),
    }


def _of_addresses(made: EmailSettings) -> list[str]:
    wrong = []
    for name, value in (("address", made.address), *(("aliases", each) for each in made.aliases)):
        try:
            if not address(value.strip()).isascii():
                wrong.append(f"{name}: write an address in plain letters")
        except ValueError as error:
            wrong.append(f"{name}: {error}" if value else "address is missing: where customers write to")
    if "+" in made.address:
        wrong.append("address: leave out the + and what stands behind it")
    if made.account and not _ACCOUNT.fullmatch(made.account):
        wrong.append("account has other characters than letters, digits, _ . @ + -")
    return wrong


def _of_servers(made: EmailSettings) -> list[str]:
    wrong = []
    for name in ("imap", "smtp"):
        host, security = getattr(made, f"{name}_host"), getattr(made, f"{name}_security")
        if not host:
            wrong.append(f"{name}_host is missing")
        elif not _HOST.fullmatch(host):
            wrong.append(f"{name}_host is no name of a server")
        if security not in get_args(Security):
            wrong.append(f"{name}_security is neither tls, starttls nor none")
        elif security == "none" and host and not _here(host):
            wrong.append(f"{name}_security may be none only for a server on this machine")
        if getattr(made, f"{name}_port") > 65535:
            wrong.append(f"{name}_port is no port")
    if made.first not in get_args(First):
        wrong.append("first is neither recent, all nor none")
    wrong += [f"{name} is empty" for name in ("folder",) if not getattr(made, name).strip()]
    return wrong


def _of_secrets(made: EmailSettings) -> list[str]:
    wrong = []
    if made.password and made.has_oauth:
        wrong.append("password and OAuth2 are both given; keep one")
    if not made.password and not made.has_oauth:
        wrong.append("password is missing (or access_token, or token_url with client_id, for OAuth2)")
    if made.token_url and not made.client_id:
        wrong.append("client_id is missing; token_url needs it")
    if made.token_url and not made.token_url.startswith(("https://", "http://127.0.0.1")):
        wrong.append("token_url must begin with https://")
    texts = [getattr(made, each.name) for each in fields(made) if each.name not in ("aliases",)]
    if any(isinstance(text, str) and any(unicodedata.category(c) == "Cc" for c in text) for text in texts):
        wrong.append("a setting holds a line break or another control character")
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,63}", made.dkim_selector):
        wrong.append("dkim_selector is none: it is the word before ._domainkey")
    if not _AUTHSERV.fullmatch(made.authserv_id):
        wrong.append("authserv_id is none: it is the first word of an Authentication-Results header")
    return wrong


def _of_times(made: EmailSettings) -> list[str]:
    names = ("connect_timeout", "timeout", "idle_for", "send_timeout", "mail_max_mb")
    wrong = [f"{name} must be more than 0" for name in names if not getattr(made, name)]
    if made.mail_max_mb > 25:
        wrong.append("mail_max_mb must be at most 25")
    if made.idle_for > 1500:
        wrong.append("idle_for must be at most 1500; servers end what is silent for longer")
    return wrong


_CHECKS: Final = (_of_addresses, _of_servers, _of_secrets, _of_times)


def _here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
