"""What the operator says about mail, read and checked: which server takes it, and who it is from."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_NAMED: Final = re.compile(r'\s*(?P<name>[^<>"]*?|"[^<>"]*")\s*<(?P<address>[^<>]*)>\s*')
_USUAL: Final = {"smtp": 587, "smtps": 465}


def address(text: str) -> str:
    """An address that mail can go to, its domain in ASCII: one mailbox, nothing quoted, no comment, no route.

    Raises:
        ValueError: it is none.
    """
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(local.encode()) > 64:
        raise ValueError("this is no address like ana@example.com")
    if any(unicodedata.category(character)[0] in "CZ" for character in local):
        raise ValueError("this address holds a character that cannot be seen")
    domain = domain.lower() if domain.isascii() else _in_ascii(domain)
    label = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    if not re.fullmatch(rf"{label}(?:\.{label})+", domain) or domain.rpartition(".")[2].isdigit():
        raise ValueError("this address has no domain behind its @")
    if len(local.encode()) + 1 + len(domain) > 254:
        raise ValueError("this address is too long")
    return f"{local}@{domain}"


def _in_ascii(domain: str) -> str:
    import idna  # tables that few desks need

    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:  # what idna raises is one
        raise ValueError("this address has no domain behind its @") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who mail is from."""

    address: str
    name: str | None

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    @classmethod
    def parse(cls, text: str) -> Sender:
        """`help@example.com`, or `Acme Help <help@example.com>`.

        Raises:
            ValueError: it is neither.
        """
        named = _NAMED.fullmatch(text)
        name = named["name"].strip('"').strip() if named else ""
        if any(unicodedata.category(character)[0] == "C" for character in name):
            raise ValueError("the name holds a character that cannot be shown")
        if named is None and not text.isprintable():
            raise ValueError("this is no address like help@example.com")
        found = address((named["address"] if named else text).strip())
        if not found.isascii():
            raise ValueError("write an address in plain letters: not every server takes another")
        return cls(address=found, name=name or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed over, and how."""

    host: str
    port: int
    tls: bool
    """From the first byte on."""
    user: str | None = None
    password: str | None = None
    token: str | None = None
    """An OAuth2 access token, shown instead of the password (XOAUTH2)."""
    plain: bool = False
    """Nothing is encrypted, also where we sign in: for a server on this machine."""

    @property
    def here(self) -> bool:
        """On this machine: nothing crosses a network."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def start_tls(self) -> bool | None:
        """True: or nothing is said; None: if it is offered; False: never."""
        if self.tls or (self.plain and self.here):
            return False
        if self.user is not None:
            return True
        return False if self.here else None

    @classmethod
    def parse(cls, url: str) -> MailServer:
        """`smtp://user:password@host:587`, `smtps://user:password@host:465`, `smtp://127.0.0.1:25`.

        Raises:
            ValueError: it is none of these. The text tells nothing of what was given: there may be a password in it.
        """
        whole = "write smtp://user:password@host:587, smtps://user:password@host:465 or smtp://127.0.0.1:25"
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError:
            raise ValueError(f"{whole}; in a password write %40 for @, %3A for :, %2F for / and so on") from None
        if parts.scheme not in _USUAL or not parts.hostname:
            raise ValueError(whole)
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(
                f"{whole}, and nothing behind the port; in a password write %2F for /, %23 for #, %3F for ?"
            )
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if bool(user) != bool(password):
            raise ValueError("a user goes with a password; write both, or neither")
        if not re.fullmatch(r"[A-Za-z0-9.:_%-]+", parts.hostname) or any(
            unicodedata.category(character) == "Cc" for character in user + password
        ):
            raise ValueError(whole)
        if port == 0:
            raise ValueError("0 is no port that a server listens on")
        return cls(
            host=parts.hostname,
            port=port or _USUAL[parts.scheme],
            tls=parts.scheme == "smtps",
            user=user or None,
            password=password or None,
        )
