"""Letters in the courier's hands: tried for days, sent again under one name where that is unclear, kept back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

import bot.courier
from bot.courier import Courier
from channels.email.channel import DAYS, REPEATS
from channels.registry import load
from store.database import Database
from store.memorybus import MemoryBus
from store.tables import message
from tests.contracts.fake_host import FakeHost
from tests.databases import DIALECTS, empty_database
from tests.house import until
from tests.platforms.post_office import PostOffice, post_office
from tests.rows import NOW, put_out, row_of, write_in

HOUR = timedelta(hours=1)
ADA = "ada@customers.example"


@dataclass
class Desk:
    """A courier with a mailbox, and a clock that tests move."""

    database: Database
    post: PostOffice
    now: datetime = NOW

    async def put_out(self, body: str = "words", **more: Any) -> int:
        told = {
            "channel": "email", "account": "us@desk.example", "place": more.pop("place", "t1"),
            "by": more.pop("by", ADA),
        }  # fmt: skip
        meta = {"about": {"id": "<1@customers.example>", "word": more.pop("word", "pass")}}
        here = await write_in(self.database, meta=meta, id="1", **told)
        return await put_out(self.database, here.conversation, body, **more)

    async def row(self, id_: int) -> dict[str, Any]:
        return await row_of(self.database, message, id_)

    async def is_so(self, id_: int, **what: Any) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            row = await self.row(id_)
            return row if all(row[name] == value for name, value in what.items()) else None

        found: dict[str, Any] = await until(look, within=30)
        return found

    async def held_up(self, id_: int) -> None:
        """It was tried, and nothing was counted."""

        async def look() -> bool:
            row = await self.row(id_)
            return bool(row["status"] == "queued" and row["error"] and not row["attempts"])

        await until(look, within=30)

    async def later(self, id_: int) -> None:
        """It is the moment at which the row is looked at next."""
        self.now = max(self.now, (await self.row(id_))["next_try_at"])


@pytest.fixture(params=DIALECTS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    # The clock is the test's: nobody has to wait for the real one.
    monkeypatch.setattr(bot.courier, "YES_AFTER", (0.05,))
    monkeypatch.setattr(bot.courier, "SWEEP_EVERY", 0.1)
    async with empty_database(request.param, tmp_path) as database, post_office() as post:
        at = Desk(database, post)
        channel = load("email", {
            "address": "us@desk.example", "password": "x", "imap_host": "127.0.0.1", "imap_port": 1,
            "imap_security": "none", "smtp_host": "127.0.0.1", "smtp_port": post.port, "smtp_security": "none",
            "smtp_login": False, "retry_base": 100, "retry_cap": 100,
        })  # fmt: skip
        await channel.start(FakeHost())

        async def published(*_: Any) -> None:
            return None

        courier = Courier(
            database=database, bus=MemoryBus(), find=lambda *_: channel, holder="me", published=published,
            clock=lambda: at.now,
        )  # fmt: skip
        running = asyncio.create_task(courier.run())
        yield at
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await channel.stop()


async def test_a_mail_is_tried_for_days(desk: Desk) -> None:
    desk.post.data += ["451 not now"] * 200
    row = await desk.put_out()
    waits = []
    for attempt in range(1, 12):
        found = await desk.is_so(row, status="queued", attempts=attempt, holder="me")
        waits.append(found["next_try_at"] - desk.now)
        await desk.later(row)
    assert waits[:7] == [timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 15, 30, 60)]
    assert waits == sorted(waits)
    assert max(waits) <= HOUR
    assert "451 not now" in str((await desk.row(row))["error"])
    await desk.is_so(row, status="queued", attempts=12)
    desk.now = NOW + timedelta(seconds=DAYS) + HOUR
    assert "tried 13 times" in str((await desk.is_so(row, status="parked"))["error"])
    assert desk.post.mails == []


async def test_a_lost_yes_is_asked_for_again_under_the_same_name(desk: Desk) -> None:
    desk.post.cut = 1
    row = await desk.put_out()
    found = await desk.is_so(row, status="queued", attempts=1)
    assert found["unclear_since"] is not None
    await desk.later(row)
    await desk.is_so(row, status="sent", attempts=2)
    first, second = desk.post.mails
    assert first.message["Message-ID"] == second.message["Message-ID"]


async def test_it_is_not_asked_for_ever(desk: Desk) -> None:
    desk.post.cut = 10
    row = await desk.put_out()
    for attempt in range(1, REPEATS + 1):
        await desk.is_so(row, status="queued", attempts=attempt)
        await desk.later(row)
    await desk.is_so(row, status="unknown", attempts=REPEATS + 1)
    assert len(desk.post.mails) == REPEATS + 1


async def test_a_refusal_is_final(desk: Desk) -> None:
    desk.post.rcpt.append("550 5.1.1 nobody of that name")
    found = await desk.is_so(await desk.put_out(), status="failed")
    assert "nobody of that name" in found["error"]


async def test_nothing_automatic_goes_to_who_may_be_forged(desk: Desk) -> None:
    row = await desk.put_out(author="system", kind="acknowledgement", condition="asked_for", word="fail")
    found = await desk.is_so(row, status="cancelled")
    assert "may be forged" in found["error"]
    assert desk.post.mails == []


async def test_buttons_become_words(desk: Desk) -> None:
    buttons = [{"id": "helped:yes", "label": "Yes"}, {"id": "person", "label": "Talk to a person"}]
    await desk.is_so(await desk.put_out("Did this help?", buttons=buttons), status="sent")
    body = desk.post.mails[0].message.get_body(("plain",))
    assert body is not None
    assert "To answer this, write back: Yes / Talk to a person." in body.get_content()


async def test_a_sender_that_takes_no_empty_return_path_gets_our_own(desk: Desk) -> None:
    desk.post.mail_from.append("550 no empty sender, please")
    await desk.is_so(await desk.put_out(author="system", kind="notice", condition="asked_for"), status="sent")
    (mail,) = desk.post.mails
    assert mail.sender == "us@desk.example"
    assert mail.message["Auto-Submitted"] == "auto-replied"


async def test_a_third_person_is_neither_quoted_nor_answered(desk: Desk) -> None:
    await desk.is_so(await desk.put_out("The first answer."), status="sent")
    told = {"channel": "email", "account": "us@desk.example", "place": "t1", "by": ADA}
    about = {"about": {"id": "<2@elsewhere.example>", "word": "fail"}, "third": True}
    await write_in(desk.database, "Send the money to me.", meta=about, id="2", **told)
    await desk.is_so(
        await desk.put_out("The second answer.", author="system", kind="notice", condition="asked_for"), status="sent"
    )
    mail = desk.post.mails[-1].message
    body = mail.get_body(("plain",))
    assert body is not None
    assert "The second answer." in str(body.get_content())
    assert "> The first answer." in str(body.get_content())
    assert "money" not in str(body.get_content())
    assert mail["In-Reply-To"] == "<1@customers.example>"
    assert "elsewhere" not in str(mail["References"])


async def test_a_server_that_puts_an_empty_return_path_off_gets_our_own(desk: Desk) -> None:
    desk.post.mail_from.append("450 not for nobody, not now")
    await desk.is_so(await desk.put_out(author="system", kind="notice", condition="asked_for"), status="sent")
    assert desk.post.mails[0].sender == "us@desk.example"


async def test_a_sender_beyond_ascii_that_is_refused_is_this_mails_trouble(desk: Desk) -> None:
    desk.post.mail_from.append("553 no such letters")
    row = await desk.put_out(by="jürgen@customers.example", place="t2")
    assert "553" in (await desk.is_so(row, status="failed"))["error"]


async def test_a_mail_that_fails_for_a_reason_of_its_own_holds_up_no_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server hangs up on this one mail, which looks as if it took none: it is found out, and tried apart."""
    monkeypatch.setattr(bot.courier, "REST", 0.02)
    desk.post.hangs_up_on = ""
    odd = await desk.put_out(author="system", kind="notice", condition="asked_for")
    await desk.held_up(odd)
    for number in range(3):
        other = await desk.put_out(f"words {number}", by=f"bea{number}@customers.example", place=f"b{number}")
        await desk.is_so(other, status="sent")
    await desk.is_so(odd, status="queued", attempts=1, holder="me")
    assert (await desk.row(odd))["next_try_at"] > desk.now
    desk.post.hangs_up_on = None
    await desk.later(odd)
    await desk.is_so(odd, status="sent")


async def test_what_was_said_before_is_quoted_and_nothing_else(desk: Desk) -> None:
    first = await desk.put_out("The first answer.")
    await desk.is_so(first, status="sent")
    async with desk.database.write("test") as connection:
        await connection.execute(update(message).where(message.c.id == first).values(meta={"masked": "[hidden]"}))
    second = await desk.put_out("The second answer.")
    later = await desk.put_out("The third answer.")
    await desk.is_so(later, status="sent")
    texts = {}
    for mail in desk.post.mails:
        body = mail.message.get_body(("plain",))
        assert body is not None
        texts[str(mail.message["Message-ID"]).partition(".")[0]] = str(body.get_content()).replace("\r\n", "\n")
    assert texts[f"<m{second}"].startswith("The second answer.\n\nOn ")
    assert "> [hidden]" in texts[f"<m{second}"]
    assert "The first answer." not in texts[f"<m{second}"]
    assert "third" not in texts[f"<m{second}"]
    assert "> The second answer." in texts[f"<m{later}"]
    assert "> hello" in texts[f"<m{later}"]
