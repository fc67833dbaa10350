"""What an adapter's tests supply, so that the abstract cases can run over it: a platform and hands to move it."""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest

from channels.contract import (
    Address,
    Button,
    Channel,
    ChannelError,
    Host,
    OutboundMessage,
    PermanentFailure,
    Report,
    Reports,
    ServesRoutes,
    TemporaryFailure,
    UnknownOutcome,
)
from channels.richtext import RichText
from tests.contracts.fake_host import PATIENCE, FakeHost
from tests.contracts.serving import free_port, served

Ability = Literal[
    "edit", "delete", "press", "attach", "thread", "echo", "bots", "redeliver", "reorder", "poison", "public",
    "away", "forget", "lookup_off", "acknowledged", "cursor", "history", "author",
]  # fmt: skip
"""What a harness can make its platform do. Cases that need more than it can are skipped, visibly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFault:
    """How one send goes wrong, and what is then true."""

    raises: type[ChannelError] | None
    """None: it succeeds all the same."""
    copies: int
    """How many are at the platform when all is over."""


SEND_FAULTS: Mapping[str, SendFault] = {
    "unreachable": SendFault(raises=TemporaryFailure, copies=0),
    "cut_before": SendFault(raises=UnknownOutcome, copies=0),
    "cut_after": SendFault(raises=UnknownOutcome, copies=1),
    "close_before": SendFault(raises=UnknownOutcome, copies=0),
    "close_after": SendFault(raises=UnknownOutcome, copies=1),
    "busy": SendFault(raises=TemporaryFailure, copies=0),
    "error_before": SendFault(raises=UnknownOutcome, copies=0),
    "error_after": SendFault(raises=UnknownOutcome, copies=1),
    "unavailable": SendFault(raises=UnknownOutcome, copies=0),
    "black_hole_before": SendFault(raises=UnknownOutcome, copies=0),
    "black_hole_after": SendFault(raises=UnknownOutcome, copies=1),
    "slow": SendFault(raises=None, copies=1),
    "rubbish_after": SendFault(raises=UnknownOutcome, copies=1),
    "blocked": SendFault(raises=PermanentFailure, copies=0),
    "bad_token": SendFault(raises=TemporaryFailure, copies=0),
}
"""By name; an adapter whose platform means something else by one of them replaces it in its harness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One message of ours as the platform has it."""

    id: str
    place: str
    text: str
    thread: str | None = None
    author: str = ""
    buttons: tuple[str, ...] = ()
    """Their ids."""
    files: tuple[str, ...] = ()


class Harness(ABC):
    """One platform with one account of ours. Places and authors are names that the harness makes real."""

    channel: ClassVar[str]
    account: ClassVar[str]
    can: ClassVar[frozenset[Ability]]
    send_faults: ClassVar[Mapping[str, SendFault]] = SEND_FAULTS
    """Those that it can inject."""
    signs_in_with: ClassVar[str] = "token"
    """What a platform refuses that takes us for somebody else, as it is called there."""

    def __init__(self) -> None:
        self.public_port = free_port()

    # --- our side ---

    @abstractmethod
    def make(self) -> Channel:
        """A fresh instance with the same settings, as after a restart of our process."""

    def settings(self) -> dict[str, Any]:
        """What `make` makes it from."""
        return {}

    def secrets(self) -> list[str]:
        """Values of those settings that nobody may read."""
        found = [
            str(value) for name, value in self.settings().items() if name.endswith(("token", "secret", "password"))
        ]
        assert found, f"{self.channel} has no secret"
        return found

    @asynccontextmanager
    async def running(self, host: Host, channel: Channel | None = None) -> AsyncIterator[Channel]:
        """Start an instance, with its routes served if it has some, and stop it."""
        channel = channel or self.make()
        async with self.serving(channel):
            await channel.start(host)
            try:
                yield channel
            finally:
                await channel.stop()

    @asynccontextmanager
    async def serving(self, channel: Channel) -> AsyncIterator[None]:
        """Serve the channel's routes, if it has any, at `public_port`."""
        routes = channel.routes() if isinstance(channel, ServesRoutes) else ()
        if not routes:
            yield
            return
        async with served(routes, self.public_port):
            yield

    def outbound(self, text: str, *, key: str = "k1", place: str = "p1", **more: object) -> OutboundMessage:
        address = Address(account=self.account, place=place, recipient="ada")
        return OutboundMessage(key=key, address=address, text=RichText.of(text), author="Bo", **more)  # type: ignore[arg-type]

    # --- the customer's side: each returns the platform's id of the message ---

    @abstractmethod
    async def write(
        self,
        text: str,
        *,
        place: str = "p1",
        author: str = "ada",
        name: str = "Ada",
        thread: str | None = None,
        files: Sequence[tuple[str, bytes]] = (),
        bot: bool = False,
        addressed: bool = True,
        public: bool = False,
    ) -> str: ...

    async def edit(self, message: str, text: str) -> None:
        raise NotImplementedError

    async def delete(self, message: str) -> None:
        raise NotImplementedError

    async def press(self, button: Button, message: str) -> None:
        raise NotImplementedError

    # --- the platform's side ---

    @abstractmethod
    async def arrived(self) -> list[Arrived]:
        """What we sent, every copy, in order."""

    @abstractmethod
    async def fault(self, name: str) -> None:
        """The next send goes wrong in this way of `send_faults`."""

    async def redeliver(self, message: str) -> None:
        """Bring this message once more although it was acknowledged."""
        raise NotImplementedError

    async def reorder(self) -> None:
        """From now on edits come before their originals."""
        raise NotImplementedError

    async def poison(self) -> None:
        """Deliver something that is not shaped as documented."""
        raise NotImplementedError

    async def echo(self) -> None:
        """From now on what we send comes back as an event."""
        raise NotImplementedError

    async def away(self) -> None:
        """Cut or refuse every connection, until `back`; customers go on writing."""
        raise NotImplementedError

    async def back(self) -> None:
        raise NotImplementedError

    async def forget(self) -> None:
        """Give up what was not delivered yet; only the history has it."""
        raise NotImplementedError

    async def history(self, *, on: bool) -> None:
        """Off: the history answers with errors for now."""
        raise NotImplementedError

    async def lookup_off(self) -> None:
        """A sent message can no longer be looked up."""
        raise NotImplementedError

    async def unacknowledged(self) -> set[str]:
        """Ids of messages that the platform would still bring again."""
        raise NotImplementedError


class Cases:
    """What all cases share."""

    @pytest.fixture
    def host(self) -> FakeHost:
        return FakeHost()


def need(harness: Harness, *abilities: Ability) -> None:
    """Skip the case where the platform has no such thing."""
    missing = [ability for ability in abilities if ability not in harness.can]
    if missing:
        pytest.skip(f"{harness.channel} cannot {', '.join(missing)}")


def need_fault(harness: Harness, name: str) -> None:
    if name not in harness.send_faults:
        pytest.skip(f"{harness.channel} cannot inject {name}")


async def reported(harness: Harness, channel: Channel, *states: str, about: str = "") -> Report:
    """How the link stands, once it is one of these; if it is down, with the reason. A word of `about` must be in it."""
    assert isinstance(channel, Reports)
    async with asyncio.timeout(PATIENCE):
        for number in itertools.count():
            found = channel.report()
            if (
                found.connected in states
                and about in " ".join(found.troubles)
                and (found.troubles or "no" not in states)
            ):
                return found
            with suppress(ChannelError):  # who is called by the platform learns of an outage when it calls itself
                await channel.send(harness.outbound("are you there?", key=f"there{number}"))
            await asyncio.sleep(0.05)
    raise AssertionError


async def settled(harness: Harness) -> None:
    """Until the platform has nothing more to bring."""
    for _ in range(200):
        if not await harness.unacknowledged():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"never acknowledged: {await harness.unacknowledged()}")
