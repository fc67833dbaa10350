"""`warmline channels`: before the first start, beside a desk that runs, and after one that died."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from bot.cli import app
from tests.bot.cli.conftest import Invoke
from tests.house import Desk, desk, until
from tests.platforms.loopback import LoopbackPlatform
from tests.platforms.loopback_control import LoopbackControl

pytestmark = pytest.mark.asyncio


async def command(*words: str) -> Result:
    """Beside the desk: in a thread, as it has a loop of its own."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["channels", *words]))


@pytest_asyncio.fixture
async def running(home: Path) -> AsyncIterator[tuple[Desk, LoopbackControl, LoopbackPlatform]]:
    async with LoopbackPlatform() as platform, LoopbackControl(platform.url) as control:
        table = {"use": "tests.platforms.loopback_channel:make", "url": platform.url, "token": "secret-main",
                 "retry_base": 0.02, "retry_cap": 0.1, "poll_wait": 2}  # fmt: skip
        async with desk(home, channels={"loop": table}) as at:

            async def up() -> bool:
                return "loopback:main\tConnected" in (await command()).stdout

            await until(up)
            yield at, control, platform


async def test_before_the_first_start(invoke: Invoke, home: Path) -> None:
    result = await asyncio.to_thread(invoke, "channels")
    assert result.exit_code == 1
    assert "warmline run" in result.stderr
    assert not await asyncio.to_thread(home.exists)


async def test_how_they_stand(running: tuple[Desk, LoopbackControl, LoopbackPlatform]) -> None:
    _, control, _ = running
    shown = json.loads((await command("--json")).stdout)["channels"]
    assert {(each["channel"], each["state"]) for each in shown} == {("loopback", "yes"), ("web", "yes")}
    await control.outage(on=True)

    async def down() -> Result | None:
        result = await command()
        return result if "loopback:main\tNot connected" in result.stdout else None

    result = await until(down)
    assert "loopback:main: " in result.stderr
    assert "look whether the platform runs" in result.stderr
    assert "secret-main" not in result.output + (await command("--json")).output


async def test_a_test_message_goes_by_the_desk_that_runs(
    running: tuple[Desk, LoopbackControl, LoopbackPlatform],
) -> None:
    at, control, platform = running
    sent = await command("test", "loopback", "p5", "--text", "one two")
    assert (sent.exit_code, sent.stdout.split(".")[0]) == (0, "Sent"), sent.output
    assert [(send["place"], send["text"]) for send in platform.account("main").sends] == [("p5", "one two")]
    await control.block("p6")
    refused = await command("test", "loopback:main", "p6")
    assert refused.exit_code == 1
    assert "Not sent." in refused.stderr
    await control.faults("send", "cut_after")
    unclear = await command("test", "loopback", "p7")
    assert unclear.exit_code == 1
    assert "Nobody can tell" in unclear.stderr
    unknown = await command("test", "lopback", "p7")
    assert "Did you mean loopback?" in unknown.stderr
    assert (await command("test", "loopback", "a\nb")).exit_code == 2
    assert len(await at.sql("SELECT 1 FROM audit WHERE action = 'test message'")) == 3


async def test_what_is_stuck_is_listed_and_tried_again(
    running: tuple[Desk, LoopbackControl, LoopbackPlatform],
) -> None:
    at, control, platform = running
    await control.block("p1")
    await control.write("your whole site is down", place="p1")

    async def failed() -> str | None:
        out = (await command("dead")).stdout
        return out if "failed" in out else None

    row = (await until(failed)).split("\t")
    assert row[1:3] == ["failed", "loopback:main"]
    assert row[3].startswith("W-")
    await control.block("p1", blocked=False)
    again = await command("dead", "--again", row[0])
    assert again.exit_code == 0

    async def arrived() -> bool:
        return any(send["place"] == "p1" for send in platform.account("main").sends)

    await until(arrived)
    assert "not among the undelivered" in (await command("dead", "--again", "99999")).stderr

    await control.poison({"text": "\u001b[31m"})

    async def unread() -> str | None:
        return (await command("quarantine")).stdout or None

    item = (await until(unread)).split("\t")[0]
    raw = await command("quarantine", "--raw", item)
    assert "\\u001b" in raw.stdout
    tried = await command("quarantine", "--again", item)
    assert tried.exit_code == 1
    assert "still cannot be read" in tried.stderr
    assert "not in quarantine" in (await command("quarantine", "--again", "99999")).stderr
    assert len(await at.sql("SELECT 1 FROM audit WHERE data LIKE '%command line%'")) == 2


async def test_after_the_desk_has_stopped(home: Path) -> None:
    async with desk(home) as at:

        async def told() -> bool:
            return bool(await at.sql("SELECT 1 FROM channel_state"))

        await until(told)
    result = await command()
    assert "web:web\tNot running" in result.stdout
    refused = await command("test", "web", "p1")
    assert "No desk runs web:web now" in refused.stderr
