"""A mailbox that refuses: marks, one mail, the folder, the sign-in. What can be read is read, and the rest is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from channels.email.channel import EmailChannel
from tests.contracts.fake_host import FakeHost
from tests.contracts.test_email_doors import MAIL, channel
from tests.house import until
from tests.platforms.imap import ImapPlatform, imap_platform


def mail(text: str) -> bytes:
    return MAIL.replace(b"hello", text.encode())


@asynccontextmanager
async def running(made: EmailChannel, host: FakeHost) -> AsyncIterator[None]:
    await made.start(host)
    try:
        yield
    finally:
        await made.stop()


async def troubled(made: EmailChannel, *words: str) -> None:
    async def look() -> bool:
        return all(any(word in trouble for trouble in made.report().troubles) for word in words)

    await until(look)


@pytest.mark.parametrize("move_to", ["", "Kept"])
async def test_marks_that_are_refused_hold_back_no_mail(move_to: str) -> None:
    """As with rights to read and none to write, or with a folder that is full."""
    why = "[OVERQUOTA] the folder is full"
    async with imap_platform(no={"UID MOVE" if move_to else "UID STORE": why}, folders={"Kept": []}) as box:
        made, host = channel(box, move_to=move_to, retry_base=60, retry_cap=60), FakeHost()
        for text in ("one", "two", "three"):
            await box.deliver(mail(text))
        async with running(made, host):
            await host.received(3)
            await troubled(made, "stay as they are", why, "mark_seen")
            assert made.report().connected == "partly"
            box.no.clear()
            await box.deliver(mail("four"))
            await until(lambda: _nothing_wrong(made))
        assert box.logins == 1


async def _nothing_wrong(made: EmailChannel) -> bool:
    return made.report().troubles == ()


async def test_a_folder_that_nobody_may_change_is_read() -> None:
    async with imap_platform(read_only=True) as box:
        made, host = channel(box), FakeHost()
        async with running(made, host):
            for number in (1, 2):
                await box.deliver(mail(str(number)))
                await host.received(number)
            await troubled(made, "stay as they are", "mark_seen = false")
    assert not any(command.startswith("UID STORE") for command in box.commands)


@pytest.mark.parametrize("way", ["no", "ends"])
@pytest.mark.parametrize("sizes", [False, True])
async def test_a_mail_that_the_server_cannot_hand_over_is_left_there(way: str, sizes: bool) -> None:
    async with imap_platform() as box:
        for text in ("one", "spoilt", "two"):
            await box.deliver(mail(text))
        if way == "ends":
            box.ends = "UID FETCH 2 (BODY"
        else:
            box.no["UID FETCH 2 (BODY"] = "[SERVERBUG] it cannot be read"
        if sizes:
            box.no |= {f"UID FETCH {each} (RFC822.SIZE)": "no" for each in ("1,2,3", "2")}
        made, host = channel(box), FakeHost()
        async with running(made, host):
            await host.received(2)
    assert host.texts() == ["one", "two"]
    (left,) = host.quarantine
    assert (left.external_id, left.raw) == ("imap:7:2", b"")
    assert "still in the mailbox" in left.reason
    assert any(command.startswith("UID FETCH 2 (BODY.PEEK[]<0.") for command in box.commands)


async def test_the_folder_is_gone_and_comes_back() -> None:
    async with imap_platform(no={"SELECT": "Mailbox does not exist"}) as box:
        made, host = channel(box), FakeHost()
        (sentence, *_) = await made.check()
        assert "folder 'INBOX'" in sentence
        assert "does not exist" in sentence
        async with running(made, host):
            await troubled(made, "folder 'INBOX'", "does not exist", "make it, or correct folder")
            box.no.clear()
            await box.deliver(mail("one"))
            await host.received(1)


@pytest.mark.parametrize("code", ["[UNAVAILABLE]", "[LIMIT]", "[INUSE]"])
async def test_a_server_that_lets_nobody_in_now_is_not_about_the_password(code: str) -> None:
    async with imap_platform(no={"LOGIN": f"{code} come back later"}) as box:
        made, host = channel(box), FakeHost()
        async with running(made, host):
            await troubled(made, "come back later", "tried again")
            assert "correct user" not in " ".join(made.report().troubles)
            box.no.clear()
            await box.deliver(mail("one"))
            await host.received(1)


async def test_a_connection_that_ends_in_the_sign_in_is_not_about_the_password() -> None:
    async with imap_platform(ends="LOGIN") as box:
        made = channel(box)
        async with running(made, FakeHost()):
            await troubled(made, "tried again")
            assert "correct user" not in " ".join(made.report().troubles)


async def test_why_the_password_is_refused_is_said() -> None:
    async with imap_platform(no={"LOGIN": "[AUTHENTICATIONFAILED] app password required"}) as box:
        made = channel(box)
        async with running(made, FakeHost()):
            await troubled(made, "app password required", "correct user and password")


async def test_what_comes_during_a_search_is_not_waited_for() -> None:
    """The search's own answer tells of it, so IDLE does not."""
    async with imap_platform(late=mail("late")) as box:
        made, host = channel(box, idle_for=1500), FakeHost()
        async with running(made, host):
            await host.received(1)
    assert host.texts() == ["late"]


async def test_a_server_that_counts_from_lower_again_is_read() -> None:
    """Set back without a new UIDVALIDITY: what comes then has numbers that we have seen."""
    async with imap_platform() as box:
        made, host = channel(box), FakeHost()
        async with running(made, host):
            for number in (1, 2, 3):
                await box.deliver(mail(str(number)))
            await host.received(3)
            await until(lambda: _all_marked(box))
            del box.mails[1:]
            box._next = 2
            box.reset()
            await box.deliver(mail("new"))
            await host.received(4)
    assert host.texts() == ["1", "2", "3", "new"]


async def _all_marked(box: ImapPlatform) -> bool:
    return not await box.unseen()
