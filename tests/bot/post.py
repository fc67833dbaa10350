"""A courier between a real database and a loopback platform, for tests that move its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.courier import Courier
from channels.registry import load
from store.database import Database
from store.memorybus import MemoryBus
from store.tables import message
from tests.contracts.fake_host import FakeHost
from tests.databases import empty_database
from tests.house import until
from tests.platforms.loopback import LoopbackPlatform
from tests.platforms.loopback_control import LoopbackControl
from tests.rows import NOW, put_out, row_of, write_in


@dataclass
class Post:
    """`settings`: of the channel. `now`: what the courier's clock shows; None: the real time."""

    database: Database
    platform: LoopbackPlatform
    control: LoopbackControl
    settings: dict[str, Any] = field(default_factory=dict)
    now: datetime | None = NOW
    bus: MemoryBus = field(default_factory=MemoryBus)

    @property
    def sends(self) -> list[dict[str, Any]]:
        return self.platform.account("main").sends

    @property
    def arrived(self) -> int:
        return len(self.sends)

    async def place(self, by: str = "ann", **more: Any) -> int:
        """A conversation of that customer."""
        values = {"channel": "loopback", "account": "main", **more}
        return (await write_in(self.database, by=by, **values)).conversation

    async def put_out(self, body: str = "words", *, by: str = "ann", **more: Any) -> int:
        moment = self.now or datetime.now(UTC)
        return await put_out(
            self.database, await self.place(by), body, **{"created_at": moment, "next_try_at": moment, **more}
        )

    async def row(self, id_: int) -> dict[str, Any]:
        return await row_of(self.database, message, id_)

    async def status(self, id_: int) -> str:
        return str((await self.row(id_))["status"])

    async def becomes(self, id_: int, status: str) -> None:
        async def look() -> bool:
            return await self.status(id_) == status

        await until(look, within=30)

    async def has_arrived(self, count: int) -> None:
        async def look() -> bool:
            return self.arrived >= count

        await until(look, within=30)

    @asynccontextmanager
    async def courier(self, holder: str = "me", **more: Any) -> AsyncIterator[Courier]:
        settings = {
            "url": self.platform.url, "token": "secret-main", "account": "main", "timeout": 1.0, "poll_wait": 5,
            **self.settings,
        }  # fmt: skip
        channel = load("tests.platforms.loopback_channel:make", settings)
        await channel.start(FakeHost())

        async def published(*_: Any) -> None:
            return None

        courier = Courier(
            database=self.database, bus=self.bus, find=lambda *_: channel, holder=holder, published=published,
            clock=lambda: self.now or datetime.now(UTC), **more,
        )  # fmt: skip
        running = asyncio.create_task(courier.run())
        try:
            yield courier
        finally:
            running.cancel()
            (ended,) = await asyncio.gather(running, return_exceptions=True)
            await channel.stop()
            if not isinstance(ended, asyncio.CancelledError):
                raise AssertionError("the courier ended") from ended


@asynccontextmanager
async def open_post(dialect: str, folder: Path, **more: Any) -> AsyncIterator[Post]:
    async with (
        empty_database(dialect, folder) as database,
        LoopbackPlatform() as platform,
        LoopbackControl(platform.url) as control,
    ):
        yield Post(database, platform, control, **more)
