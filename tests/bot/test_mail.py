"""The postman: what leaves is one mail to one person, whatever the words; how it ended is told rightly."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.mail import SmtpPostman, composed
from bot.web.desk.transcript import Scene, story
from channels.mailheaders import header
from channels.mailserver import MailServer, Sender, address
from channels.smtp import WORDS, Patience, words
from handoff.letters import Letter, LetterError, Never, NotNow, Unclear
from tests.growth import grows_linearly
from tests.platforms.post_office import PostOffice, certificate, post_office

SENDER = Sender.parse("help@acme.example")
LETTER = Letter(
    to="ana@example.com",
    author="Lea at Acme",
    subject="Acme: an answer to you (W-1001)",
    text="It is back.\n\n-- \nGoodbye.\n",
    name="<u.7.0123456789abcdef@acme.example>",
    after=None,
    at=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
)
HOSTILE = [
    "Lea\r\nBcc: all@example.com",
    "Lea\nSubject: other",
    "Lea <boss@bank.example>",
    'Lea" <boss@bank.example>, "',
    "a@b.example, c@d.example",
    "\u202eaeL",
    "=?utf-8?q?=0ABcc:_all=40example.com?=",
    "Müller, Zoë (Support); team: a@b.example;",
    "李雷" * 40,
    "👩‍👩‍👧 Lea",
    "\x00\x1b[31m\u2028\u0085",
    "",
    ",",
    '"',
    "\\",
]


def read(raw: bytes) -> EmailMessage:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def headers(raw: bytes) -> list[str]:
    """The names of all header lines, as any mail server reads them."""
    head = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return [line.partition(b":")[0].decode() for line in head if line[:1] not in (b" ", b"\t")]


def holds(raw: bytes) -> EmailMessage:
    """What is true of every mail."""
    assert headers(raw) == [
        "From", "To", "Subject", "Date", "Message-ID", "X-Auto-Response-Suppress", "MIME-Version",
        "Content-Type", "Content-Transfer-Encoding",
    ]  # fmt: skip
    assert raw.isascii()
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    found = read(raw)
    assert [each.addr_spec for each in found["From"].addresses] == [SENDER.address]
    assert [each.addr_spec for each in found["To"].addresses] == ["ana@example.com"]
    old = email.message_from_bytes(raw)
    assert [spec for _, spec in getaddresses([str(old["From"])])] == [SENDER.address]
    return found


def decoded(raw: bytes, name: str) -> str:
    """What people read there (the standard library's newer parser puts blanks between encoded words of a name)."""
    found = str(email.message_from_bytes(raw)[name])
    if name == "From":
        found = parseaddr(found.replace("\r\n", ""))[0]
    return str(make_header(decode_header(found)))


# --- what leaves -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_subjects_stay_what_they_are(text: str) -> None:
    raw = composed(replace(LETTER, author=f"{text} at Acme", subject=f"{text}: an answer"), LETTER.to, SENDER)
    holds(raw)
    assert decoded(raw, "From") == header(f"{text} at Acme")
    assert decoded(raw, "Subject") == header(f"{text}: an answer", 200)


@given(author=st.text(max_size=300), subject=st.text(max_size=500))
@settings(max_examples=300, deadline=None)
def test_any_name_and_any_subject(author: str, subject: str) -> None:
    raw = composed(replace(LETTER, author=author, subject=subject), LETTER.to, SENDER)
    holds(raw)
    assert decoded(raw, "From") == header(author)
    assert decoded(raw, "Subject") == header(subject, 200)
    assert max(map(len, raw.split(b"\r\n"))) <= 120


@given(st.text(max_size=2000))
def test_a_header_is_one_clean_line(text: str) -> None:
    line = header(text)
    assert not {unicodedata.category(character) for character in line} & {"Cc", "Cs", "Zl", "Zp"}
    assert line == line.strip()
    assert "  " not in line
    assert len(line) <= 100


@given(st.text(max_size=3000))
@settings(max_examples=200, deadline=None)
def test_any_words_arrive_as_they_were_written(text: str) -> None:
    found = holds(composed(replace(LETTER, text=text), LETTER.to, SENDER))
    written = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    arrived = found.get_payload(decode=True).decode().replace("\r\n", "\n")
    assert arrived == (written if written.endswith("\n") else written + "\n")


def test_long_words_take_linear_time_and_stay_whole() -> None:
    text = ("x" * 50_000 + "ä" * 50_000 + "\n.\n..\n") * 3
    grows_linearly(lambda text: composed(replace(LETTER, text=text), LETTER.to, SENDER), text)
    found = holds(composed(replace(LETTER, text=text), LETTER.to, SENDER))
    assert found.get_payload(decode=True).decode().replace("\r\n", "\n") == text


def test_the_same_letter_is_the_same_mail() -> None:
    first, second = (composed(LETTER, LETTER.to, SENDER) for _ in range(2))
    assert first == second
    later = composed(replace(LETTER, after="<u.1.f@acme.example>"), LETTER.to, SENDER)
    assert read(later)["In-Reply-To"] == read(later)["References"] == "<u.1.f@acme.example>"


def test_names_of_letters() -> None:
    def named(secret: bytes, message: int, to: str) -> str:
        return SmtpPostman(MailServer.parse("smtp://127.0.0.1:25"), SENDER, secret=secret).name(message, to)

    one = named(b"s" * 32, 7, "ana@example.com")
    assert one.startswith("<u.7.")
    assert one.endswith("@acme.example>")
    assert one == named(b"s" * 32, 7, "ana@example.com")
    others = [
        named(b"t" * 32, 7, "ana@example.com"),
        named(b"s" * 32, 8, "ana@example.com"),
        named(b"s" * 32, 7, "b@c.d"),
    ]
    assert len({one, *others}) == 4


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ana@example.com", "ana@example.com"),
        ("ana+tag@sub.example.co.uk", "ana+tag@sub.example.co.uk"),
        ("Ana@Example.COM", "Ana@example.com"),
        ("ana@straße.example", "ana@xn--strae-oqa.example"),
        ("ána@example.com", "ána@example.com"),
    ],
)
def test_addresses(text: str, meant: str) -> None:
    assert address(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "ana", "ana@", "@example.com", "ana@example", "ana@b@example.com", "<ana@example.com>", "ana@example.com>",
        "a@x.example,b@y.example", "a@x.example b@y.example", '"a b"@example.com',
        '"a>\r\nRCPT TO:<b@c.d>"@example.com',
        "ana@example.com\r\nBcc: b@c.d", "ana@[127.0.0.1]", "ana@127.0.0.1", "ana@-a.example", "ana(b)@example.com",
        "a" * 65 + "@example.com", "ana@" + "a." * 130 + "com", "ana\u202e@example.com", "ana@exam\u200bple.com\x00",
        ".ana@example.com", "a..b@example.com", "", "a@b.c SIZE=1",
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        address(text)


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_address_is_safe_or_none(local: str, domain: str) -> None:
    try:
        found = address(f"{local}@{domain}")
    except ValueError:
        return
    assert not set(found) & set(' <>",;:\\()[]\r\n\t\0')
    assert found.count("@") == 1
    assert found.rpartition("@")[2].isascii()


@given(st.binary(max_size=2000))
def test_what_a_server_says_is_shown_as_one_bounded_line(said: bytes) -> None:
    line = words(said.decode("utf-8", "surrogateescape"))
    assert len(line) <= WORDS
    assert line.isprintable()
    line.encode()


# --- how it ends -----------------------------------------------------------------------------------


def postman(
    office: PostOffice, url: str | None = None, tls: ssl.SSLContext | None = None, **patience: float
) -> SmtpPostman:
    server = MailServer.parse(url or office.url)
    return SmtpPostman(server, SENDER, secret=bytes(32), tls=tls, patience=Patience(**patience))


async def ends(sending: Awaitable[None]) -> LetterError:
    with pytest.raises(LetterError) as ended:
        await sending
    return ended.value


async def test_a_letter_arrives() -> None:
    async with post_office() as office:
        await postman(office).send(LETTER)
        (arrived,) = office.mails
    assert (arrived.sender, arrived.to) == ("help@acme.example", ["ana@example.com"])
    assert arrived.raw == composed(LETTER, LETTER.to, SENDER)


@pytest.mark.parametrize("to", ["a@x.example>\r\nRCPT TO:<b@y.example", "a@x.example,b@y.example", "help@acme.example"])
async def test_nobody_is_written_to_by_an_address_that_is_none_or_ours(to: str) -> None:
    async with post_office() as office:
        assert isinstance(await ends(postman(office).send(replace(LETTER, to=to))), Never)
        assert office.seen == []


async def test_letters_beyond_ascii_before_the_at() -> None:
    async with post_office() as office:
        await postman(office).send(replace(LETTER, to="ána@straße.example"))
        assert office.mails[0].to == ["ána@xn--strae-oqa.example"]


@pytest.mark.parametrize(
    ("answers", "kind", "told"),
    [
        ({"rcpt": ["550 5.1.1 no such user"]}, Never, "550 5.1.1 no such user"),
        ({"rcpt": ["450 greylisted"]}, NotNow, "450 greylisted"),
        ({"data": ["554 looks like spam"]}, Never, "554 looks like spam"),
        ({"data": ["452 disk full"]}, NotNow, "452 disk full"),
        ({"mail_from": ["553 not you"]}, NotNow, "refuses our address as the sender: 553 not you"),
        ({"cut": 1}, Unclear, "did not say whether"),
    ],
)
async def test_what_a_server_answers(answers: dict[str, object], kind: type[LetterError], told: str) -> None:
    async with post_office(**answers) as office:
        ended = await ends(postman(office).send(LETTER))
        assert type(ended) is kind
        assert told in str(ended)
        if kind is not Unclear:
            await postman(office).send(LETTER)
            assert len(office.mails) == 1


async def test_a_server_that_answers_late() -> None:
    async with post_office(slow=5.0) as office:
        assert isinstance(await ends(postman(office, whole=0.5).send(LETTER)), Unclear)


async def _swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def _forever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            writer.write(b"220-" + b"x" * 1000 + b"\r\n")
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.mark.parametrize("behave", [_swallow, _close, _speak_http, _forever])
async def test_what_is_no_mail_server(
    behave: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> None:
    server = await asyncio.start_server(behave, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        ended = await ends(postman(PostOffice(), f"smtp://127.0.0.1:{port}", connect=0.5).send(LETTER))
        await asyncio.sleep(0.05)  # until it has noticed that we have left
    assert type(ended) is NotNow
    assert "127.0.0.1" not in str(ended)


async def test_nobody_listens() -> None:
    ended = await ends(postman(PostOffice(), "smtp://127.0.0.1:1").send(LETTER))
    assert type(ended) is NotNow
    assert str(ended) == "there is no connection to the mail server (ConnectionRefusedError)."


# --- encryption and signing in ---------------------------------------------------------------------


async def test_signing_in_after_starttls() -> None:
    server, client = certificate()
    async with post_office(tls=server, user=("desk", "p@ss")) as office:
        url = f"smtp://desk:p%40ss@127.0.0.1:{office.port}"
        assert await postman(office, url, client).check() == "encrypted"
        await postman(office, url, client).send(LETTER)
        assert office.encrypted == [True]
        wrong = await ends(postman(office, url.replace("p%40ss", "guess"), client).send(LETTER))
        assert type(wrong) is NotNow, "the letter is good; it waits until the operator has seen to it"
        assert "does not accept user and password: 535" in str(wrong)
        assert "guess" not in str(wrong)


async def test_encrypted_from_the_first_byte() -> None:
    server, client = certificate()
    async with post_office(tls=server, smtps=True, user=("desk", "secret")) as office:
        url = f"smtps://desk:secret@127.0.0.1:{office.port}"
        await postman(office, url, client).send(LETTER)
        assert len(office.mails) == 1


@pytest.mark.parametrize("smtps", [False, True])
async def test_a_certificate_of_a_stranger_gets_nothing(smtps: bool) -> None:
    server, _ = certificate()
    async with post_office(tls=server, smtps=smtps, user=("desk", "secret")) as office:
        url = f"{'smtps' if smtps else 'smtp'}://desk:secret@127.0.0.1:{office.port}"
        ended = await ends(postman(office, url).send(LETTER))
        assert type(ended) is NotNow
        assert "certificate is not good" in str(ended)
        assert office.seen == []


async def test_no_password_without_encryption() -> None:
    async with post_office(user=("desk", "secret")) as office:
        ended = await ends(postman(office, f"smtp://desk:secret@127.0.0.1:{office.port}").send(LETTER))
        assert type(ended) is NotNow
        assert "offers no encryption" in str(ended)


async def test_check_sends_nothing() -> None:
    async with post_office() as office:
        assert await postman(office).check() == "not encrypted"
        assert office.seen == []
    with pytest.raises(NotNow, match="no connection"):
        await postman(office).check()


# --- what the operator writes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "port", "tls", "start_tls", "user"),
    [
        ("smtp://u:p@mail.example.com:587", 587, False, True, "u"),
        ("smtp://u%40x:p%2Fq@mail.example.com", 587, False, True, "u@x"),
        ("smtps://u:p@mail.example.com", 465, True, False, "u"),
        ("smtp://mail.example.com:25", 25, False, None, None),
        ("smtp://127.0.0.1:25", 25, False, False, None),
        ("smtp://localhost:25", 25, False, False, None),
        ("smtp://[::1]:25/", 25, False, False, None),
    ],
)
def test_addresses_of_servers(url: str, port: int, tls: bool, start_tls: bool | None, user: str | None) -> None:
    found = MailServer.parse(url)
    assert (found.port, found.tls, found.start_tls, found.user) == (port, tls, start_tls, user)


@pytest.mark.parametrize(
    "url",
    [
        "", "mail.example.com", "http://mail.example.com", "smtp://", "smtp://:25", "smtp://u@host", "smtp://u:@host",
        "smtp://:sekret@host", "smtp://host:99999", "smtp://host:0", "smtp://u:sekret/q@host", "smtp://u:sek#ret@host",
        "smtp://host/path", "smtp://host?x=sekret", "smtp://u:sek%0Aret@host", "smtp://ho st",
    ],
)  # fmt: skip
def test_what_is_no_server(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        MailServer.parse(url)
    assert "sekret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("help@acme.example", None),
        ("Acme Help <help@acme.example>", "Acme Help"),
        ('"Acme, Help" <help@acme.example>', "Acme, Help"),
        ("<help@acme.example>", None),
    ],
)
def test_senders(text: str, name: str | None) -> None:
    assert Sender.parse(text) == Sender(address="help@acme.example", name=name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Acme",
        "a@b.example, c@d.example",
        "A <a@b.example> <c@d.example>",
        "hélp@acme.example",
        "A\n\x00B <a@b.example>",
    ],
)
def test_what_is_no_sender(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|letters|name"):
        Sender.parse(text)


# --- what an agent reads of it ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        ("mailed", {"to": "ana@example.com"}, "What was unread went to a•••@example.com"),
        ("mail_failed", {"to": "ana@example.com", "error": "refused: 550 no"},
         "The mail to a•••@example.com was refused: 550 no"),
        ("not_mailed", {"why": "no_address"}, "Unread, and no address is known: it waits in the chat"),
        ("not_mailed", {"why": "off"}, "Unread, and mail is not set up: it waits in the chat"),
    ],
)  # fmt: skip
def test_the_case_tells_it(kind: str, data: dict[str, str], told: str) -> None:
    scene = Scene(zone=ZoneInfo("UTC"), me=1, channel="web", customer="Ana")
    event = {"id": 1, "kind": kind, "at": LETTER.at, "data": data, "agent": None, "actor": "system"}
    assert story(event, scene).startswith(f"{told} · ")
