"""Whatever an adapter was told, the message is kept: nothing odd in it may hold back what stands behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import text

from bot.intake import Intake
from channels.contract import Attachment, Author, Cursor, InboundMessage, Undecodable
from store.bus import Bus
from store.database import Database
from tests.databases import DIALECTS, empty_database

ODD = "\0 \ud800 \udfff"
NAN = float("nan")
LIMITS: dict[str, dict[str, Any]] = {
    "an edit far in the future": {"revision": 2**70, "kind": "edit"},
    "an edit long ago": {"revision": -(2**70), "kind": "edit"},
    "a file of endless bytes": {"attachments": (Attachment(name="f", size=2**80),)},
    "an odd file": {"attachments": (Attachment(name=ODD, media_type=ODD, reference=ODD),)},
    "before the first day": {"platform_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))},
    "after the last day": {"platform_at": datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=12)))},
    "an answer to something odd": {"reply_to": ODD},
    "something odd to answer with": {"extra": {ODD: ODD, "deep": [{"number": NAN}, ODD], "endless": float("inf")}},
    "odd names": {"author": Author(external_id=ODD, name=ODD, email=ODD)},
    "an odd thread": {"thread": ODD, "subject": ODD},
    "an odd button": {"kind": "button", "button": ODD},
    "endless words": {"text": "x" * 1_000_000},
}


class NoBus:
    async def hint(self, *_: object) -> None:
        return None


@pytest.fixture(params=DIALECTS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with empty_database(request.param, tmp_path) as empty:
        yield empty


@pytest.fixture
async def intake(database: Database) -> AsyncIterator[Intake]:
    made = Intake(database=database, bus=cast(Bus, NoBus()))
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def said(place: str, **more: Any) -> InboundMessage:
    plain: dict[str, Any] = {"author": Author(external_id="ada"), "external_id": "1", "text": "Where is my parcel?"}
    return InboundMessage(channel="loopback", account="main", place=place, **(plain | more))


async def test_nothing_odd_holds_back_what_stands_beside_it(intake: Intake, database: Database) -> None:
    odd = [said(name, **more) for name, more in LIMITS.items()]
    unreadable = Undecodable(channel="loopback", account="main", external_id=ODD, reason=ODD, raw=b"\0\xff")
    cursor = Cursor(name="loopback:main", value="7")
    results = await intake.deliver([said("before"), *odd, unreadable, said("after")], cursor=cursor)
    assert [result.outcome for result in results] == ["new"] * (len(odd) + 1) + ["quarantined", "new"]
    assert await intake.cursor("loopback:main") == "7"
    async with database.read() as connection:
        rows = (await connection.execute(text("SELECT body FROM message"))).scalars().all()
    assert len(rows) == len(odd) + 2
