"""Reads one mailbox: one of us at a time, a mail and how far we are in one transaction, marks in the mailbox after it.

Whatever goes wrong is a new connection, which begins from what is committed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar

from channels.contract import Cursor, Host, LeaseLost, Undecodable
from channels.email.inbound import NAME, Came, Inbound
from channels.email.mailbox import TOGETHER, LoginError, Mailbox, NoFolder, Opened, Raw
from channels.email.settings import EmailSettings
from channels.email.tokens import NoToken, Tokens
from channels.finishing import to_the_end
from channels.logbook import Logbook
from channels.mail.reading import MailReader
from channels.turns import turn

log = logging.getLogger(__name__)

AFTER_LEASE_LOST: Final = 1.0
SET_ASIDE_AFTER: Final = 5
"""Tries to keep one mail, before it is set aside so that the next ones get through."""
BEGINNING_AFTER: Final = 4
"""So many times `retry_cap` one mail is asked for in vain, before only its beginning is: a minute, usually. A link that
breaks again and again is no mail's fault."""
LEFT_AFTER: Final = 10
"""And so many, before it is left where it is, so that the next ones get through."""
TRIES: Final = 4
"""That often at least, either way."""
RECENT: Final = timedelta(days=1)
"""How old an unread mail may be that was there before we came."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far we have read, as it is kept: the folder's UIDVALIDITY, the last UID, and of which day our first mail."""

    validity: int
    uid: int
    begin: date
    old: int = 0
    """Mails with lower UIDs were there when the folder was made anew: of those only what came since `begin` is ours."""

    def __str__(self) -> str:
        return f"{self.validity} {self.uid} {self.begin.isoformat()} {self.old}"

    @classmethod
    def parse(cls, value: str | None) -> Mark | None:
        try:
            validity, uid, begin, old = (value or "").split()
            return cls(validity=int(validity), uid=int(uid), begin=date.fromisoformat(begin), old=int(old))
        except ValueError:
            return None


@dataclass(slots=True)
class _Stuck:
    """The last mail that was asked for: since when, and how often it did not come."""

    uid: int = 0
    since: float = 0.0
    times: int = 0


class Connection:
    """A mailbox in a thread of its own. A call that is cancelled ends the connection, and with it the thread."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="imap")

    async def do(self, call: Callable[..., T], *arguments: Any, **more: Any) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, lambda: call(*arguments, **more))
        except asyncio.CancelledError:
            self._mailbox.abort()
            raise

    async def close(self, *, politely: bool) -> None:
        if politely:
            await self.do(self._mailbox.close)
        self._mailbox.abort()
        self._thread.submit(self._mailbox.release)
        self._thread.shutdown(wait=False)


class Receiver:
    """One account's."""

    def __init__(
        self,
        settings: EmailSettings,
        tokens: Tokens,
        inbound: Inbound,
        tls: ssl.SSLContext | None,
        logbook: Logbook,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._inbound = inbound
        self._tls = tls
        self._logbook = logbook
        self._logbook.called = settings.address
        self._name = lease_of(settings)
        self._unsure: Mark | None = None
        """Nobody knows whether what comes after this was kept: it is brought again."""
        self._failed = (0, 0)
        """The last mail that could not be kept, and how often in a row."""
        self._stuck = _Stuck()
        self.unmarked: str | None = None
        """That mails are kept, and stay as they are in the mailbox; what to do about it."""
        self.ignored: Counter[str] = Counter()
        """What was not for the house, by kind."""

    async def run(self, host: Host) -> None:
        """Read until cancelled."""
        failures = 0
        async with MailReader() as reader:
            while True:
                begun = asyncio.get_running_loop().time()
                try:
                    async with (
                        turn(host, self._name, self._logbook) as tenure,
                        self._connected() as (connection, mailbox, opened),
                    ):
                        mark = await self._begin(host, connection, mailbox, opened, tenure.token)
                        self._logbook.up()
                        self._look_at_marks(mailbox)
                        while True:
                            mark = await self._take_all(host, reader, connection, mailbox, mark, tenure.token)
                            failures = 0
                            await connection.do(mailbox.wait)
                except LeaseLost as error:
                    log.warning("%s %s stops reading and waits for its turn: %s", NAME, self._settings.account, error)
                    self._logbook.waits()
                    await asyncio.sleep(AFTER_LEASE_LOST)
                except Exception as error:
                    failures += 1
                    lasted = asyncio.get_running_loop().time() - begun
                    level = logging.ERROR if isinstance(error, LoginError | NoToken) else logging.WARNING
                    self._logbook.down(self._in_words(error))
                    log.log(level, "%s %s cannot be read, trying again: %s", NAME, self._settings.account, said(error))
                    await asyncio.sleep(self._backoff(1 if lasted > 60 else failures))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[Connection, Mailbox, Opened]]:
        mailbox = Mailbox(self._settings, self._tls, await self._tokens.current())
        connection = Connection(mailbox)
        try:
            try:
                opened = await connection.do(mailbox.open)
            except LoginError:
                self._tokens.refused()
                raise
            yield connection, mailbox, opened
        finally:
            await connection.close(politely=False)

    async def _begin(self, host: Host, connection: Connection, mailbox: Mailbox, opened: Opened, token: int) -> Mark:
        """From where to read. Of a mailbox that we have never seen this is said, and kept, before its first mail."""
        kept = self._unsure or Mark.parse(await host.cursor(self._name))
        # A server that was set back may have kept the number of its folder, and count mails from lower on again.
        set_back = kept is not None and opened.told and kept.uid >= opened.next_uid
        if kept is not None and kept.validity == opened.validity and not set_back:
            return kept
        if kept is not None:
            log.warning(
                "%s %s: the mailbox was made anew (UIDVALIDITY); everything since %s is read again, and what is known "
                "already is not kept twice", NAME, self._settings.account, kept.begin,
            )  # fmt: skip
            return Mark(validity=opened.validity, uid=0, begin=kept.begin, old=opened.next_uid)
        today = datetime.now(UTC).date()
        first = Mark(validity=opened.validity, uid=0, begin=date(1970, 1, 1))
        if self._settings.first != "all":
            begin = today - RECENT
            uids = []
            if self._settings.first == "recent":
                uids = await connection.do(mailbox.since, begin, last=0, unseen=True)
            # Between read mails older unread ones would be taken, too: only the newest run of unread ones is.
            last = (min(uids) - 1) if uids else max(0, opened.next_uid - 1)
            first = Mark(validity=opened.validity, uid=last, begin=begin)
        await self._commit(host, [], first, token)
        return first

    async def _take_all(
        self, host: Host, reader: MailReader, connection: Connection, mailbox: Mailbox, mark: Mark, token: int
    ) -> Mark:
        """Everything that is there, in its order."""
        while uids := await self._new(connection, mailbox, mark):
            mark = await self._take_these(host, reader, connection, mailbox, uids, mark, token)
        return mark

    async def _new(self, connection: Connection, mailbox: Mailbox, mark: Mark) -> list[int]:
        uids = await connection.do(mailbox.newer, mark.uid)
        if uids and uids[0] < mark.old:
            since = set(await connection.do(mailbox.since, mark.begin, last=mark.uid))
            uids = [uid for uid in uids if uid >= mark.old or uid in since]
        return uids

    async def _take_these(
        self,
        host: Host,
        reader: MailReader,
        connection: Connection,
        mailbox: Mailbox,
        uids: list[int],
        mark: Mark,
        token: int,
    ) -> Mark:
        for begin in range(0, len(uids), TOGETHER):
            portion = uids[begin : begin + TOGETHER]
            sizes = await connection.do(mailbox.sizes, portion)
            for uid in portion:
                raw = await self._fetch(connection, mailbox, uid, sizes[uid]) if uid in sizes else None
                mark = await self._take(host, reader, raw, replace(mark, uid=uid), token)
                if raw is not None and raw.data:
                    await connection.do(mailbox.done, uid)
                    self._look_at_marks(mailbox)
        return mark

    async def _fetch(self, connection: Connection, mailbox: Mailbox, uid: int, size: int) -> Raw | None:
        """One mail. Of one that does not come through the beginning is fetched, and in the end nothing of it."""
        now = asyncio.get_running_loop().time()
        if self._stuck.uid != uid:
            self._stuck = _Stuck(uid=uid, since=now)
        stuck = self._stuck
        waits = (now - stuck.since) / max(self._settings.retry_cap, 0.01) if stuck.times >= TRIES else 0.0
        if waits >= LEFT_AFTER:
            return Raw(uid=uid, size=size, data=b"", cut=True)
        try:
            return await connection.do(mailbox.fetch, uid, size, beginning=waits >= BEGINNING_AFTER)
        except Exception:
            stuck.times += 1
            raise

    def _look_at_marks(self, mailbox: Mailbox) -> None:
        """Note whether mails stay unmarked, and say so once."""
        before, self.unmarked = self.unmarked, None
        if mailbox.unmarked is None:
            return
        self.unmarked = (
            f"mails are kept, and stay as they are in the mailbox ({mailbox.unmarked}): let {self._settings.login} set "
            "flags and move mails there, or set mark_seen = false and no move_to"
        )
        if before is None:
            log.warning("%s %s: %s", NAME, self._settings.account, self.unmarked)

    async def _take(self, host: Host, reader: MailReader, raw: Raw | None, mark: Mark, token: int) -> Mark:
        """Read one mail and commit it."""
        if raw is None:
            came = Came(ignored="gone before it was read")
        elif not raw.data:
            reason = f"the mail server does not hand it over, {self._stuck.times} times; it is still in the mailbox"
            name = f"imap:{mark.validity}:{mark.uid}"
            came = Came(message=replace(self._set_aside(raw, reason), external_id=name))
        else:
            came = await self._read(host, reader, raw)
        try:
            await self._commit(host, [came] if came.message is not None else [], mark, token)
        except LeaseLost:
            raise
        except Exception as error:
            uid, times = self._failed
            self._failed = (mark.uid, times + 1 if uid == mark.uid else 1)
            if raw is None or self._failed[1] < SET_ASIDE_AFTER:
                raise
            # What is away fails for this, too, and then the mail is tried again as what it is.
            reason = f"it could not be kept, {self._failed[1]} times ({said(error)})"
            await self._commit(host, [Came(message=self._set_aside(raw, reason))], mark, token)
        if came.ignored:
            log.info("a mail of %s %s was ignored: %s", NAME, self._settings.account, came.ignored)
            self.ignored[came.ignored] += 1
        return mark

    async def _read(self, host: Host, reader: MailReader, raw: Raw) -> Came:
        mail = await reader.read(raw.data)
        try:
            return await self._inbound.read(host, mail, raw.data, cut=raw.size if raw.cut else 0)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # A fault of ours, that this mail has brought to light: it is kept for later, and the next one goes on.
            log.exception("a mail of %s %s could not be understood", NAME, self._settings.account)
            return Came(message=self._set_aside(raw, f"{type(error).__name__}: {error}"))

    def _set_aside(self, raw: Raw, reason: str) -> Undecodable:
        name = hashlib.sha256(raw.data).hexdigest()
        return Undecodable(
            channel=NAME, account=self._settings.account, external_id=f"sha256:{name}", reason=reason[:500],
            raw=raw.data,
        )  # fmt: skip

    async def _commit(self, host: Host, came: list[Came], mark: Mark, token: int) -> None:
        cursor = Cursor(name=self._name, value=str(mark), token=token, lease=self._name)
        before, self._unsure = self._unsure, replace(mark, uid=max(0, mark.uid - 1))
        try:
            await to_the_end(host.deliver([each.message for each in came if each.message is not None], cursor=cursor))
        except LeaseLost:
            self._unsure = before
            raise
        self._unsure = None

    def _in_words(self, error: Exception) -> str:
        """What an operator reads: what is wrong, and where it is mended."""
        host = self._settings.imap_host
        match error:
            case LoginError():
                why = " ".join(str(error).split())[:200]
                return f"{host} does not accept our user and password (or token): {why}; correct user and password"
            case NoFolder():
                return (
                    f"{host} does not open the folder {self._settings.folder!r} ({error}): make it, or correct folder"
                )
            case NoToken():
                return f"no access token: {error}; correct token_url, client_id and the secrets"
            case ssl.SSLCertVerificationError():
                return f"the certificate of {host} is not good: correct imap_host, or name your authority with ca_file"
            case OSError():
                return f"the mailbox at {host} cannot be reached ({said(error)}); it is tried again by itself"
            case _:
                return f"the mailbox at {host} cannot be read ({said(error)}); it is tried again by itself"

    def _backoff(self, failures: int) -> float:
        """Half fixed, half random, so that many of us do not come back at the same moment."""
        ceiling: float = min(self._settings.retry_base * 2 ** min(failures - 1, 20), self._settings.retry_cap)
        return ceiling * (0.5 + random.random() / 2)  # noqa: S311 - no secret


def lease_of(settings: EmailSettings) -> str:
    """Who holds it reads the mailbox. Our cursor bears the same name."""
    return f"{NAME}:{settings.account}:mailbox"


def said(error: BaseException) -> str:
    """An error for the log: what a server says, never how we sign in."""
    words = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
