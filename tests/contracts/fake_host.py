"""The house as an adapter sees it, in memory: keeps, dedupes and refuses exactly as `channels.contract` says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from channels.contract import Cursor, Delivered, InboundMessage, LeaseLost, Returned, Undecodable, Where, WindowEvent

PATIENCE = 20.0
"""Seconds a test waits for something that should come at once."""

Identity = tuple[object, ...]


class CommitFailed(Exception):
    """The database is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    words: object
    result: Delivered


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeTenure:
    token: int


class FakeHost:
    """Implements `Host`. What was committed survives: give the same host to the next instance of a channel."""

    def __init__(self) -> None:
        self.messages: list[InboundMessage] = []
        """Committed, in the order of their commits; no duplicates."""
        self.quarantine: list[Undecodable] = []
        self.cursors: dict[str, str] = {}
        self.deliveries: list[tuple[str, str]] = []
        """(external id, outcome) of everything that was committed, duplicates included."""
        self.attempts = 0
        """How often `deliver` was called."""
        self.cancelled = 0
        """How many commits were broken off by who called."""
        self.open = asyncio.Event()
        """Clear it to keep every commit waiting."""
        self.open.set()
        self.tokens: dict[str, int] = {}
        """The valid fencing token by cursor name; where none stands any will do."""
        self.leases: dict[str, int] = {}
        """The last token given out by lease name."""
        self._rights: dict[str, asyncio.Lock] = {}
        self._scopes: dict[str, asyncio.Timeout] = {}
        self.lease_lost = False
        self.sent: dict[str, Where] = {}
        """Where our own messages stand, by key: for tests in which something answers them."""
        self.returned: list[Returned] = []
        self.deeds: list[WindowEvent] = []
        """What people did in the desk's window."""
        self._failures: list[bool] = []
        self._kept: dict[Identity, _Kept] = {}
        self._seqs: dict[Identity, list[int]] = {}
        self._news = asyncio.Condition()

    # --- Host ---

    async def deliver(
        self, messages: Sequence[InboundMessage | Undecodable | Returned], *, cursor: Cursor | None = None
    ) -> list[Delivered]:
        self.attempts += 1
        await self._tell()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self._check_lease(cursor)
        fails_after = self._failures.pop(0) if self._failures else None
        if fails_after is False:
            raise CommitFailed("nothing was kept")
        results = [self._keep(message) for message in messages]
        self.deliveries += [(m.external_id, result.outcome) for m, result in zip(messages, results, strict=True)]
        if cursor is not None:
            self.cursors[cursor.name] = cursor.value
        await self._tell()
        if fails_after:
            raise CommitFailed("kept, but nobody heard it")
        return results

    async def cursor(self, name: str) -> str | None:
        return self.cursors.get(name)

    async def window(self, events: Sequence[WindowEvent]) -> None:
        await self.open.wait()
        known = {(deed.place, deed.external_id) for deed in self.deeds}
        self.deeds += [event for event in events if (event.place, event.external_id) not in known]

    async def known_places(self, channel: str, account: str) -> list[str]:
        found = {m.place for m in self.messages if (m.channel, m.account) == (channel, account)}
        return sorted(found)

    async def where(
        self, channel: str, account: str, *, came: Sequence[str] = (), sent: Sequence[str] = ()
    ) -> dict[str, Where]:
        found = {key: self.sent[key] for key in sent if key in self.sent}
        for message in self.messages:
            if message.external_id in came and (message.channel, message.account) == (channel, account):
                customer = message.of or message.author.external_id
                there = [other for other in self.messages if other.place == message.place]
                people = frozenset({customer, *(other.author.external_id for other in there)})
                found[message.external_id] = Where(
                    place=message.place, thread=message.thread, customer=customer, people=people, about=message.about
                )
        return found

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[FakeTenure]:
        async with self._rights.setdefault(name, asyncio.Lock()):
            tenure = FakeTenure(token=self.leases.get(name, 0) + 1)
            self.leases[name] = tenure.token
            try:
                async with asyncio.timeout(None) as scope:
                    self._scopes[name] = scope
                    yield tenure
            except TimeoutError:
                if not scope.expired():
                    raise
                raise LeaseLost(f"the lease {name!r} was lost") from None
            finally:
                self._scopes.pop(name, None)

    # --- what a test does with it ---

    def take_away(self, name: str) -> None:
        """As if the lease had run out: whoever holds it is stopped, and its token is an old one."""
        self.leases[name] = self.leases.get(name, 0) + 1
        self._scopes[name].reschedule(asyncio.get_running_loop().time())

    def fail(self, times: int = 1, *, after_commit: bool = False) -> None:
        """Let the next commits fail: with nothing kept, or with everything kept and only the answer lost."""
        self._failures += [after_commit] * times

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for it; `TimeoutError` after `PATIENCE`."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(lambda: bool(true())), PATIENCE)

    async def received(self, count: int) -> list[InboundMessage]:
        """The messages, once there are so many."""
        await self.until(lambda: len(self.messages) >= count)
        return self.messages

    def texts(self) -> list[str]:
        return [message.text for message in self.messages]

    def outcomes(self) -> list[str]:
        return [outcome for _, outcome in self.deliveries]

    # --- inside ---

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _check_lease(self, cursor: Cursor | None) -> None:
        valid = None
        if cursor is not None:
            valid = self.tokens.get(cursor.name, self.leases.get(cursor.lease or cursor.name))
        stale = cursor is not None and valid is not None and cursor.token is not None and cursor.token < valid
        if self.lease_lost or stale:
            raise LeaseLost("another process holds this stream")

    def _keep(self, message: InboundMessage | Undecodable | Returned) -> Delivered:
        if isinstance(message, Returned):
            new = message not in self.returned
            self.returned += [message] if new else []
            return Delivered(outcome="new" if new else "duplicate", message=1, conversation=1, place="", seq=1)
        identity, words = _identity(message), _words(message)
        if before := self._kept.get(identity):
            return replace(before.result, outcome="duplicate" if before.words == words else "conflict")
        result = self._place(message)
        self._kept[identity] = _Kept(words=words, result=result)
        return result

    def _place(self, message: InboundMessage | Undecodable) -> Delivered:
        number = len(self._kept) + 1
        if isinstance(message, Undecodable):
            self.quarantine.append(message)
            return Delivered(outcome="quarantined", message=number, conversation=0, place="", seq=0)
        self.messages.append(replace(message, text=storable(message.text)))
        seqs = self._seqs.setdefault(_conversation(message), [len(self._seqs) + 1, 0])
        seqs[1] += 1
        return Delivered(outcome="new", message=number, conversation=seqs[0], place=message.place, seq=seqs[1])


def storable(text: str) -> str:
    """As every database can hold it: NUL and lone surrogates become U+FFFD. The house does this, not the adapter."""
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _identity(message: InboundMessage | Undecodable) -> Identity:
    if isinstance(message, Undecodable):
        return ("undecodable", message.channel, message.account, message.external_id)
    place = None if message.global_id else message.place
    return (message.channel, message.account, place, message.external_id, message.revision)


def _words(message: InboundMessage | Undecodable) -> object:
    if isinstance(message, Undecodable):
        return message.raw
    return (message.kind, message.text, message.button, tuple(file.name for file in message.attachments))


def _conversation(message: InboundMessage) -> Identity:
    return (message.channel, message.account, message.place, message.thread, message.public and message.author)
