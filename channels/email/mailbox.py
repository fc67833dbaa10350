"""A mailbox over IMAP, as seen from a thread: every call blocks, and whatever raises means a new connection.

The only module that knows IMAPClient.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import imapclient
from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, IMAPClientReadOnlyError
from imapclient.exceptions import LoginError as LoginError

from channels.email.settings import EmailSettings

BEGINNING: Final = 256 * 1024
"""Bytes that are read of a mail which is too large."""
TOGETHER: Final = 200
"""Mails whose sizes are asked for at once."""
NEVER_FASTER: Final = 0.2
"""Seconds between looks, however a server behaves."""
LOOKS: Final = 10
"""So often at most it is searched again because something came during the search."""
_NOT_NOW: Final = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]")
"""In a refused sign-in (RFC 5530): it is not the password."""


class NoFolder(Exception):
    """The folder cannot be opened. The text is what the server says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A folder as it was found."""

    validity: int
    next_uid: int
    told: bool = True
    """The server has said so; else it is one more than the greatest that is there now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """One mail as it lies there."""

    uid: int
    size: int
    data: bytes
    cut: bool = False
    """It is too large: this is its beginning."""


class Mailbox:
    """One connection. `open` first; `abort` may be called from another thread, at any time."""

    def __init__(self, settings: EmailSettings, tls: ssl.SSLContext | None, token: str | None) -> None:
        self._settings = settings
        self._tls = tls
        self._token = token
        self._client: IMAPClient | None = None
        self._socket: socket.socket | None = None
        self._aborted = False
        self._idles = False
        self.unmarked: str | None = None
        """Why mails stay as they are in the mailbox, if they do: what the server says."""

    def open(self) -> Opened:
        """Connect, sign in, choose the folder."""
        settings = self._settings
        direct = settings.imap_security == "tls"
        client = IMAPClient(
            settings.imap_host,
            port=settings.imap_port or (993 if direct else 143),
            ssl=direct,
            ssl_context=self._tls,
            timeout=SocketTimeout(connect=settings.connect_timeout, read=settings.timeout),
        )
        self._client, self._socket = client, client.socket()
        if self._aborted:
            self.abort()
        if settings.imap_security == "starttls":
            client.starttls(self._tls)
            self._socket = client.socket()
        self._sign_in(client)
        self._idles = client.has_capability("IDLE")
        found = self._select(client)
        told = found.get(b"UIDNEXT")
        next_uid = told or max(self._search(["ALL"]), default=0) + 1
        return Opened(validity=int(found[b"UIDVALIDITY"]), next_uid=int(next_uid), told=told is not None)

    def _sign_in(self, client: IMAPClient) -> None:
        settings = self._settings
        try:
            if self._token is not None:
                client.oauth2_login(settings.login, self._token)
            else:
                client.login(settings.login, settings.password)
        except LoginError as error:
            # IMAPClient calls it so, too, when the connection ends before there is an answer.
            if isinstance(error.__context__, IMAPClientAbortError) or any(code in str(error) for code in _NOT_NOW):
                raise ConnectionError(f"nobody can sign in now: {error}") from None
            raise

    def _select(self, client: IMAPClient) -> dict[bytes, Any]:
        settings = self._settings
        try:
            try:
                return dict(
                    client.select_folder(settings.folder, readonly=not (settings.mark_seen or settings.move_to))
                )
            except IMAPClientReadOnlyError as error:
                self.unmarked = str(error)
                return dict(client.select_folder(settings.folder, readonly=True))
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            raise NoFolder(str(error)) from None

    def newer(self, last: int) -> list[int]:
        """Of mails with a greater UID, in their order. A server names its last mail also where that is none of them.

        To be asked until there are none, and only then to be waited for: IDLE tells what no answer before has told.
        Of what comes during a search its own answer may tell, without naming it: then it is searched again."""
        client = self._there()
        client.noop()
        found: list[int] = []
        for _ in range(LOOKS):
            client._imap.untagged_responses.pop("EXISTS", None)
            found = sorted(uid for uid in self._search(["UID", f"{last + 1}:*"]) if uid > last)
            if found or "EXISTS" not in client._imap.untagged_responses:
                break
        return found

    def since(self, day: date, *, last: int, unseen: bool = False) -> list[int]:
        """Of mails that have come since that day."""
        found = self._search(["SINCE", day, *(["UNSEEN"] if unseen else [])])
        return sorted(uid for uid in found if uid > last)

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """In bytes; those that have gone meanwhile are left out. 0: the server refuses to say."""
        if not uids:
            return {}
        try:
            rows = self._there().fetch(list(uids), ["RFC822.SIZE"])
        except IMAPClientAbortError:
            raise
        except IMAPClientError:
            if len(uids) == 1:
                return {uids[0]: 0}
            return {uid: size for each in uids for uid, size in self.sizes([each]).items()}
        return {uid: int(row[b"RFC822.SIZE"]) for uid, row in rows.items() if b"RFC822.SIZE" in row}

    def fetch(self, uid: int, size: int, *, beginning: bool = False) -> Raw | None:
        """One mail, its beginning if it is too large or no more is wanted; None: it has gone. It stays unread."""
        large = beginning or size > self._settings.mail_at_most
        what = f"BODY.PEEK[]<0.{BEGINNING}>" if large else "BODY.PEEK[]"
        row = self._there().fetch([uid], [what]).get(uid, {})
        data = next((value for key, value in row.items() if key.startswith(b"BODY[]") and value is not None), None)
        return None if data is None else Raw(uid=uid, size=size, data=bytes(data), cut=large)

    def done(self, uid: int) -> None:
        """It is kept: mark it, and move it, as the settings want. What the server refuses is told in `unmarked`."""
        client = self._there()
        if client._imap.is_readonly:
            return
        try:
            self._mark(client, uid)
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            self.unmarked = str(error)
        else:
            self.unmarked = None

    def _mark(self, client: IMAPClient, uid: int) -> None:
        settings = self._settings
        if settings.mark_seen:
            client.add_flags([uid], [imapclient.SEEN], silent=True)
        if settings.move_to:
            if client.has_capability("MOVE"):
                client.move([uid], settings.move_to)
            else:
                client.copy([uid], settings.move_to)
                client.add_flags([uid], [imapclient.DELETED], silent=True)
                if client.has_capability("UIDPLUS"):
                    client.uid_expunge([uid])

    def wait(self) -> None:
        """Until something has come, or it is time to look whether the server is still there."""
        client, until = self._there(), time.monotonic() + self._settings.idle_for
        begun = time.monotonic()
        if self._idles:
            client.idle()
            try:
                news: list[Any] = []
                while (
                    not self._has_more(client)
                    and (left := until - time.monotonic()) > 0
                    and not any(b"EXISTS" in each for each in news)
                ):
                    news = client.idle_check(timeout=left)
                    if not news:
                        break
            finally:
                client.idle_done()
        else:
            self._sleep(until)
        if time.monotonic() - begun < NEVER_FASTER:
            time.sleep(NEVER_FASTER)

    def _has_more(self, client: IMAPClient) -> bool:
        """Has the server said something together with its last answer? Who waits for the socket would not see it."""
        taken = client.socket()
        taken.setblocking(False)
        try:
            return bool(client._imap.file.peek(1))
        except (OSError, ValueError, AttributeError):
            return False
        finally:
            taken.settimeout(self._settings.timeout)

    def folders(self) -> list[str]:
        """Names, for a look at the settings."""
        return [name for _, _, name in self._there().list_folders()]

    def close(self) -> None:
        """Say goodbye, if that goes quickly."""
        client = self._client
        if client is not None and not self._aborted:
            with suppress(Exception):
                client.logout()
        self.abort()

    def release(self) -> None:
        """Give back what the connection holds; the last call of its thread."""
        if self._client is not None:
            with suppress(Exception):
                self._client.shutdown()

    def abort(self) -> None:
        """End the connection; whatever waits for it raises."""
        self._aborted = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _sleep(self, until: float) -> None:
        while time.monotonic() < until and not self._aborted:
            time.sleep(min(0.2, max(0.0, until - time.monotonic())))

    def _search(self, criteria: list[Any]) -> list[int]:
        return [int(uid) for uid in self._there().search(criteria)]

    def _there(self) -> IMAPClient:
        if self._client is None or self._aborted:
            raise ConnectionAbortedError("the mailbox is not open")
        return self._client
