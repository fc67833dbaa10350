"""How the desk gets into a mailbox: encrypted or not at all, by password or token, with IDLE or without; `check`."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from channels.contract import (
    Address,
    Cursor,
    Delivered,
    InboundMessage,
    OutboundMessage,
    PermanentFailure,
    Returned,
    Undecodable,
)
from channels.email.channel import EmailChannel, make
from channels.email.mailbox import Mailbox
from channels.email.settings import EmailSettings
from channels.richtext import RichText
from tests.contracts.email_harness import DovecotHarness, EmailHarness
from tests.contracts.fake_host import FakeHost
from tests.house import until
from tests.platforms import imap
from tests.platforms.dovecot import IS_HERE
from tests.platforms.imap import ImapPlatform, imap_platform
from tests.platforms.post_office import post_office

NEEDS_DOVECOT = pytest.mark.skipif(not IS_HERE, reason="dovecot is not installed")
MAIL = b"From: ada@customers.example\nTo: support@desk.example\n\nhello\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key beside it."""
    folder = tmp_path_factory.mktemp("ca")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def served(authority: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    return context


def channel(box: ImapPlatform, **more: Any) -> EmailChannel:
    return make({
        "address": imap.USER, "password": imap.PASSWORD, "imap_host": "127.0.0.1", "imap_port": box.port,
        "imap_security": "none", "smtp_host": "127.0.0.1", "smtp_port": 1, "smtp_security": "none", "first": "all",
        "retry_base": 0.02, "retry_cap": 0.1, "idle_for": 1, "timeout": 5, **more,
    })  # fmt: skip


async def reads(box: ImapPlatform, made: EmailChannel) -> None:
    """Two mails, each while it waits, and both are marked."""
    host = FakeHost()
    await made.start(host)
    try:
        await box.deliver(MAIL)
        await host.received(1)
        await box.deliver(MAIL.replace(b"hello", b"once more"))
        await host.received(2)
        await until(lambda: _done(box))
    finally:
        await made.stop()


async def refuses(made: EmailChannel, *words: str) -> None:
    sentence, *_ = await made.check()
    assert all(word in sentence for word in words), sentence
    assert imap.PASSWORD not in sentence


async def test_encrypted_from_the_first_byte(authority: Path) -> None:
    ours = {"imap_security": "tls", "ca_file": str(authority / "cert.pem")}
    async with imap_platform(tls=served(authority)) as box:
        await reads(box, channel(box, **ours))
        box.logins = 0
        await refuses(channel(box, imap_security="tls"), "certificate", "ca_file")
        await refuses(channel(box, **ours, imap_host="localhost"), "certificate")
        assert box.logins == 0, "nobody is told a password before they have shown who they are"


@NEEDS_DOVECOT
async def test_encrypted_by_starttls() -> None:
    async with DovecotHarness.open() as harness:
        assert isinstance(harness, DovecotHarness)
        told = {**harness.settings(), "imap_security": "starttls"}
        await refuses(make(told), "certificate", "ca_file")
        made, host = make({**told, "ca_file": f"{harness.server.folder}/cert.pem"}), FakeHost()
        await made.start(host)
        await harness.write("hello")
        await host.received(1)
        await made.stop()


async def test_by_a_token() -> None:
    async with imap_platform(token="t0ken") as box:
        await reads(box, channel(box, password="", access_token="t0ken"))
        await refuses(channel(box, password="", access_token="another"), "correct user and password")


async def test_without_idle() -> None:
    async with imap_platform(bare=True) as box:
        await reads(box, channel(box))
    assert "IDLE" not in box.commands


async def test_what_is_kept_is_moved() -> None:
    async with imap_platform(folders={"Kept": []}) as box, post_office() as post:
        made = channel(box, move_to="Kept", smtp_port=post.port, smtp_login=False)
        assert await made.check() == []
        await reads(box, made)
        await refuses(channel(box, move_to="Gone"), "no folder 'Gone'")
    assert box.mails == []
    assert [mail.flags for mail in box.folders["Kept"]] == [{"\\Seen"}] * 2


async def _done(box: ImapPlatform) -> bool:
    return not await box.unseen() and (not box.folders or not box.mails)


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize(("first", "taken"), [("all", 3), ("recent", 2), ("none", 1)])
async def test_what_was_there_before_us(first: str, taken: int, bare: bool) -> None:
    async with imap_platform(bare=bare) as box:
        await box.deliver(MAIL.replace(b"hello", b"read long ago"), flags=("\\Seen",))
        await box.deliver(MAIL.replace(b"hello", b"nobody has read this"))
        made, host = channel(box, first=first), FakeHost()
        await made.start(host)
        await host.until(lambda: host.cursors)
        await box.deliver(MAIL)
        await host.until(lambda: "hello" in host.texts())
        await made.stop()
        assert len(host.texts()) == taken


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(ValueError, match="ca_file"):
        channel(ImapPlatform(port=1), ca_file=str(tmp_path / "ca.pem"))


def test_a_mailbox_that_is_not_open_says_so() -> None:
    settings = EmailSettings.parse({"address": imap.USER, "password": "x", "imap_host": "x", "smtp_host": "x"})
    box = Mailbox(settings, None, None)
    with pytest.raises(ConnectionAbortedError):
        box.newer(0)
    box.abort()
    box.close()


async def test_an_unreadable_mail_is_read_again() -> None:
    made, host = make({"address": imap.USER, "password": "x", "imap_host": "x", "smtp_host": "x"}), FakeHost()
    (message,) = await made.reread_in(host, "sha256:1", MAIL)
    assert isinstance(message, InboundMessage)
    assert (message.text, message.author.external_id) == ("hello", "ada@customers.example")
    assert await made.reread_in(host, "sha256:1", MAIL.replace(b"ada@customers.example", imap.USER.encode())) == []
    with pytest.raises(ValueError, match="no sender"):
        await made.reread_in(host, "sha256:2", b"\0\xff nothing")
    with pytest.raises(ValueError, match="still in the mailbox"):
        await made.reread_in(host, "imap:7:2", b"")


class Choosy(FakeHost):
    """A house that cannot keep one kind of mail, whatever happens."""

    async def deliver(
        self, messages: Sequence[InboundMessage | Undecodable | Returned], *, cursor: Cursor | None = None
    ) -> list[Delivered]:
        if any(isinstance(message, InboundMessage) and "odd" in message.text for message in messages):
            self.attempts += 1
            raise ValueError("odd")
        return await super().deliver(messages, cursor=cursor)


async def test_a_mail_that_cannot_be_kept_is_set_aside_in_the_end() -> None:
    host = Choosy()
    async with EmailHarness.open() as harness:
        for text in ("one", "odd", "two"):
            await harness.write(text)
        async with harness.running(host):
            await host.received(2)
    assert host.texts() == ["one", "two"]
    (kept,) = host.quarantine
    assert "5 times (ValueError: odd)" in kept.reason
    assert b"<2.p1@" in kept.raw


async def test_a_mail_that_breaks_us_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of our own in one mail holds back none of the others."""

    def broken(*_: Any) -> Any:
        raise LookupError("unheard of")

    harness_host = FakeHost()
    async with EmailHarness.open() as harness:
        made = make(harness.settings())
        with monkeypatch.context() as patch:
            patch.setattr("channels.email.inbound._digest", broken)
            await made.start(harness_host)
            await harness.write("this one")
            await harness_host.until(lambda: harness_host.quarantine)
        await harness.write("the next one")
        await harness_host.received(1)
        await made.stop()
    assert harness_host.texts() == ["the next one"]
    assert harness_host.quarantine[0].reason == "LookupError: unheard of"


@pytest.mark.parametrize("kind", [EmailHarness, pytest.param(DovecotHarness, marks=NEEDS_DOVECOT)])
async def test_of_a_large_mail_the_beginning_is_fetched(kind: type[EmailHarness]) -> None:
    host = FakeHost()
    async with kind.open() as harness:
        made = make({**harness.settings(), "mail_max_mb": 0.5})
        await made.start(host)
        lines = "The gimbal shakes.\n" + "word " * 12 + "\n"
        await harness.write(lines * 10_000, files=[("log.txt", b"x" * 1000)])
        await harness.write("the next one")
        await host.received(2)
        await made.stop()
    large = host.messages[0]
    assert large.text.startswith("The gimbal shakes.")
    assert len(large.full or large.text) < 300_000
    assert large.attachments == ()
    assert any("only its beginning was read" in note for note in large.notes)
    assert host.texts()[1] == "the next one"


async def test_a_test_message_goes_to_the_address_that_is_its_place() -> None:
    async with imap_platform() as box, post_office(user=(imap.USER, imap.PASSWORD), plain=True) as post:
        made = channel(box, smtp_port=post.port)
        await made.start(FakeHost())
        try:
            for number, place in enumerate(("me@elsewhere.example", "C0123ABC"), start=1):
                address = Address(account=made.account, place=place)
                message = OutboundMessage(key=f"t{number}", address=address, text=RichText.of("A test."))
                if "@" in place:
                    await made.send(message)
                else:
                    with pytest.raises(PermanentFailure, match="address"):
                        await made.send(message)
        finally:
            await made.stop()
        assert [mail.to for mail in post.mails] == [["me@elsewhere.example"]]


async def test_what_a_person_has_looked_at_is_a_mail_although_it_reads_like_a_bounce() -> None:
    words = (
        "Undelivered Mail Returned to Sender. The following message could not be delivered to <sam@elsewhere.example>:"
        " 550 5.1.1 user unknown. Delivery has failed."
    )
    head = f"From: alerts@elsewhere.example\nTo: {imap.USER}\nSubject: Undelivered mail\n"
    made, host = make({"address": imap.USER, "password": "x", "imap_host": "x", "smtp_host": "x"}), FakeHost()
    (message,) = await made.reread_in(host, "1", f"{head}\n{words}\n".encode())
    assert isinstance(message, InboundMessage)
    assert not message.automatic
    assert "could not be delivered" in message.text
    certain = f"Return-Path: <>\n{head.replace('alerts', 'MAILER-DAEMON')}\n{words}\n".encode()
    assert await made.reread_in(host, "1", certain) == []
