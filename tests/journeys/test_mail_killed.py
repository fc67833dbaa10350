"""A desk that dies between any two steps of a mail: it is sent, and what may be a second one is the same one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.chaos.victim import Victim, free_port
from tests.house import desk, until
from tests.platforms.post_office import PostOffice, post_office

POINTS = {
    "mail.hold.before-commit": 1,
    "mail.hold.after-commit": 1,
    "mail.before-send": 1,
    "mail.after-send": 2,
    "mail.settle.before-commit": 2,
    "mail.settle.after-commit": 1,
}
"""How often the mail server is handed the mail in the end."""
SELDOM = ("mail.hold.before-commit", "mail.hold.after-commit", "mail.settle.after-commit")
"""Nothing has happened yet, or all has."""


async def answered(home: Path) -> None:
    """A reply lies unread, and its time has come."""
    mail = {"smtp_url": SecretStr("smtp://127.0.0.1:1"), "mail_from": "help@acme.example"}
    async with desk(home, **mail) as at:
        ana, lea = at.customer(), await at.agent()
        await ana.write("let me talk to a human", email="ana@example.com")
        await ana.hears("acknowledgement")
        await lea.done("cases/W-1001/claim")
        await lea.done("cases/W-1001/reply", {"text": "It is back."})


def sql(home: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(home / "warmline.db", timeout=10)) as file, file:
        return file.execute(statement).fetchall()


async def _sent_after(home: Path, post: PostOffice, victim: Victim, point: str) -> None:
    sql(home, "UPDATE due SET at = 1 WHERE kind = 'unread'")
    if await victim.start(f"{point}:1"):
        assert await victim.dies(within=20), victim.tail()
    victim.settle(point)
    sql(home, "UPDATE due SET at = 1 WHERE kind = 'unread' AND consumed_at IS NULL")  # the hold is over
    assert await victim.start()

    async def done() -> bool:
        return bool(sql(home, "SELECT 1 FROM due WHERE kind = 'unread' AND consumed_at IS NOT NULL"))

    await until(done, within=20)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "point", [pytest.param(point, marks=[pytest.mark.chaos] * (point in SELDOM)) for point in POINTS]
)
async def test_killed_at_every_step(tmp_path: Path, point: str) -> None:
    home = tmp_path / "home"
    await answered(home)
    async with post_office() as post:
        environment = {
            "WARMLINE_HOME": str(home),
            "WARMLINE_PORT": str(free_port()),
            "WARMLINE_SMTP_URL": post.url,
            "WARMLINE_MAIL_FROM": "help@acme.example",
        }
        victim = Victim("mail", environment, tmp_path)
        try:
            await _sent_after(home, post, victim, point)
        finally:
            await victim.close()
        assert len(post.mails) == POINTS[point]
        assert {mail.raw for mail in post.mails} == {post.mails[0].raw}
        assert "It is back." in post.mails[0].text
    assert sql(home, "SELECT count(*) FROM case_event WHERE kind = 'mailed'") == [(1,)]
    assert sql(home, "SELECT count(*) FROM message WHERE meta LIKE '%mailed_at%'") == [(1,)]
