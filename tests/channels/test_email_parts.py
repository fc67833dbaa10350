"""The mail channel's pure parts: signed names, our server's word, the bytes of a mail, settings, access tokens."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.contract import Attachment, Earlier, Where
from channels.email.composing import Head, composed, is_id
from channels.email.names import Names
from channels.email.receiving import Mark
from channels.email.settings import EmailSettings
from channels.email.tokens import NoToken, Tokens
from channels.email.trust import vouched
from channels.richtext import Block, RichText, Span
from tests.growth import grows_linearly
from tests.platforms.plain_http import PlainServer, Reply, Request

US = "support@desk.example"
MX = "mx.desk.example"
HELLO = RichText.of("Hello")
NAMES = Names(b"secret", US)
HERE = Where(place="t1", thread=None, customer="ada@x.example", people=frozenset({"ada@x.example"}))
BASE: Mapping[str, Any] = {"address": US, "password": "x", "imap_host": "imap.x", "smtp_host": "smtp.x"}


# --- names -------------------------------------------------------------------------------------------


def holds(text: str, where: Where = HERE, names: Names = NAMES) -> bool:
    tokens = names.tokens(ids=[text], addresses=[text])
    return any(names.holds(token, {token.key: where}) is not None for token in tokens)


@pytest.mark.parametrize("key", ["m1", "m123456-12", "k1"])
def test_our_names_are_known_again(key: str) -> None:
    for name in (NAMES.message_id(key, "t1"), NAMES.reply_address(key, "t1")):
        assert holds(name)
        assert holds(name.upper())
        assert not holds(name, Where(place="t2", thread=None, customer="a", people=frozenset()))
        assert not holds(name, names=Names(b"another", US))
        assert not holds(name.replace(key, f"{key}0"))
        assert not holds(f"x{name}")
        assert not holds(name.replace("desk.example", "desk.example.evil.example"))
        assert len(name) < 100


@pytest.mark.parametrize(
    "text", ["", "<>", "<m1@desk.example>", "<m1.@desk.example>", "support+@desk.example", "[#1234]"]
)
def test_a_guess_is_none(text: str) -> None:
    assert not holds(text)


@given(st.text(max_size=200))
def test_any_text_may_stand_where_names_do(text: str) -> None:
    assert not holds(text)


# --- our server's word ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (f"{MX}; dmarc=pass header.from=x.example", "pass"),
        (f"{MX} 1; dmarc=pass (p=none dis=none) header.from=X.example", "pass"),
        (f"{MX.upper()}; spf=fail; dkim=fail; dmarc=fail (p=reject) header.from=x.example", "fail"),
        (f"{MX}; dmarc=pass header.from=evil.example", "none"),
        (f"{MX}; dmarc=pass (p=none)", "none"),
        (f"{MX}; dkim=pass header.d=x.example", "pass"),
        (f"{MX}; dkim=pass header.i=@mail.x.example header.s=sel", "pass"),
        (f"{MX}; spf=pass smtp.mailfrom=bounce@x.example", "pass"),
        (f"{MX}; spf=pass smtp.mailfrom=bounce@evil.example; dkim=pass header.d=com", "none"),
        (f"{MX}; dmarc=none; dkim=pass header.d=x.example", "pass"),
        (f"{MX}; none", "none"),
        (f"{MX}", "none"),
        ("", "none"),
        (f"evil.example; x={MX}; dmarc=pass header.from=x.example", "none"),
        (f'{MX}; spf=pass smtp.mailfrom="a; dmarc=pass header.from=x.example"@evil.example', "none"),
        (f'{MX}; spf=pass smtp.mailfrom="a\\"; dmarc=pass header.from=x.example; b\\""@evil.example', "none"),
        (f"{MX}; (dmarc=pass header.from=x.example) none", "none"),
        (f"{MX}; (a (b) ; dmarc=pass header.from=x.example; ) none", "none"),
        (f"{MX}; xdmarc=pass header.from=x.example", "none"),
        (f"{MX}; dmarc=passing header.from=x.example", "none"),
    ],
)
def test_what_our_server_says(header: str, word: str) -> None:
    assert vouched([header] if header else [], MX, "ada@x.example") == word


def test_only_the_topmost_counts_and_only_with_a_name() -> None:
    good = f"{MX}; dmarc=pass header.from=x.example"
    assert vouched([f"{MX}; dmarc=none", good], MX, "ada@x.example") == "none"
    assert vouched(["other.example; none", good], MX, "ada@x.example") == "none"
    assert vouched([good], "", "ada@x.example") == "none"
    assert vouched([good], MX, "ada") == "none"


@given(st.text(alphabet='ab;="\\() .@x', max_size=120))
def test_whatever_a_header_says(text: str) -> None:
    assert vouched([text], MX, "ada@x.example") == "none"
    assert vouched([f'{MX}; spf=pass smtp.mailfrom="{text}'], MX, "ada@x.example") == "none"


def test_a_long_header_costs_what_it_is_long() -> None:
    for piece in ("(", '"', "\\", ";", "a=b "):
        grows_linearly(lambda text: vouched([text], MX, "ada@x.example"), f"{MX}; " + piece * 200_000)


# --- a mail ----------------------------------------------------------------------------------------------


def mail(text: RichText = HELLO, said: Any = (), files: Any = (), **more: Any) -> EmailMessage:
    values: dict[str, Any] = {
        "sender": US, "sender_name": "Lea at Acme", "to": "ada@x.example", "subject": "Re: Down",
        "message_id": NAMES.message_id("m1", "t1"), "answers": None, "references": [], "reply_to": None,
        "automatic": False, "at": datetime(2026, 11, 22, 10, 0, tzinfo=UTC), **more,
    }  # fmt: skip
    raw = composed(Head(**values), text, said, files)
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def body(found: EmailMessage, kind: str = "plain") -> str:
    part = found.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


NAMED = {"From", "To", "Subject", "Date", "Message-ID", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type"}


@settings(max_examples=60)
@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=60), st.text(max_size=300))
def test_no_words_make_a_header(subject: str, name: str, file: str, text: str) -> None:
    said = [Earlier(external_id=None, author="customer", name=name, text=text, at=datetime(2026, 1, 1, tzinfo=UTC))]
    found = mail(
        RichText.of(text), said, [Attachment(name=file, media_type=file, content=text.encode("utf-8", "replace"))],
        subject=f"{subject}\r\nBcc: x@y", sender_name=f"{name}\nBcc: x@y",
    )  # fmt: skip
    assert set(found.keys()) == NAMED
    assert found["To"] == "ada@x.example"
    parts = list(found.walk())
    assert [part.get_content_type().partition("/")[0] for part in parts[:4]] == [
        "multipart",
        "multipart",
        "text",
        "text",
    ]
    assert len(parts) == 5


def test_a_text_in_both_clothes() -> None:
    text = RichText(
        blocks=(
            Block(kind="heading", spans=(Span(text="So:"),)),
            Block(kind="number", number=2, spans=(Span(text="open <b>", bold=True),)),
            Block(kind="bullet", spans=(Span(text="a"), Span(text="link", href="https://x.example/?a=b&c"))),
            Block(kind="paragraph", spans=(Span(text="bad", href="javascript:alert(1)"),)),
        )
    )
    found = mail(text)
    assert "2. open <b>\n\n• alink (https://x.example/?a=b&c)" in body(found)
    html = body(found, "html")
    assert '<ol start="2">\n<li><b>open &lt;b&gt;</b></li>\n</ol>' in html
    assert '<a href="https://x.example/?a=b&amp;c">link</a>' in html
    assert "javascript" not in html


def test_a_quote_is_text_and_has_an_end() -> None:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    said = [
        Earlier(external_id=None, author="customer", name=f"n{n}", text=f"<i>{n}</i>" + "x" * 9000, at=when)
        for n in range(5)
    ]
    found = mail(RichText.of("Hello"), said)
    assert body(found).startswith("Hello\n\nOn 01 January 2026 at 00:00 UTC, n4 wrote:\n> <i>4</i>")
    assert "n3 wrote" in body(found)
    assert "n2 wrote" not in body(found)
    assert "&lt;i&gt;4&lt;/i&gt;" in body(found, "html")


@pytest.mark.parametrize("name", ["<a@b>\r\nBcc: x@y", "<a b@c>", "a@b", "<" + "x" * 300 + "@y>", "<ä@b>", "<a\x00@b>"])
def test_a_foreign_id_that_is_none_is_left_out(name: str) -> None:
    assert not is_id(name)
    assert is_id("<CAF=+x_1.2@mail.example.com>")


# --- settings and tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"address": ""}, "address is missing"),
        ({"address": "a+b@x.example"}, "leave out the +"),
        ({"password": ""}, "password is missing"),
        ({"access_token": "t"}, "keep one"),
        ({"imap_host": ""}, "imap_host is missing"),
        ({"imap_security": "none"}, "only for a server on this machine"),
        ({"smtp_security": "ssl"}, "neither tls, starttls nor none"),
        ({"password": "a\r\nb"}, "control character"),
        ({"authserv_id": "mx; dmarc=pass"}, "authserv_id is none"),
        ({"aliases": "a@b.example"}, "no list"),
        ({"aliases": ["a"]}, "aliases: this is no address"),
        ({"first": "some"}, "neither recent"),
        ({"idle_for": 0}, "more than 0"),
        ({"mail_max_mb": 26}, "at most 25"),
        ({"colour": 1}, "colour is unknown"),
        ({"plus": "yes"}, "neither true nor false"),
        ({"password": "", "token_url": "http://x.example", "client_id": "a"}, "https://"),
        ({"password": "", "token_url": "https://x.example"}, "client_id is missing"),
        ({"imap_port": 70_000}, "no port"),
        ({"folder": " "}, "folder is empty"),
    ],
)
def test_wrong_settings_are_named_and_not_told(more: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        EmailSettings.parse({**BASE, "password": "hunter2", **more})
    assert "hunter2" not in str(caught.value)


def test_settings_become_servers() -> None:
    made = EmailSettings.parse({**BASE, "address": "Support@Desk.example", "aliases": ["HELP@desk.example"]})
    assert (made.address, made.account, made.aliases) == (US, US, ("help@desk.example",))
    assert made.is_ours("help+x@DESK.example")
    assert not made.is_ours("support@desk.example.evil.example")
    server = made.mail_server()
    assert (server.port, server.tls, server.start_tls, server.user, server.password) == (587, False, True, US, "x")
    assert made.mail_server("token").token == "token"
    assert made.mail_server("token").password is None
    assert EmailSettings.parse({**BASE, "smtp_security": "tls"}).mail_server().port == 465
    assert "hunter2" not in repr(EmailSettings.parse({**BASE, "password": "hunter2"}))


def test_a_mark_is_kept_and_read_again() -> None:
    mark = Mark.parse("7 12 2026-11-22 0")
    assert mark is not None
    assert Mark.parse(str(mark)) == mark
    assert Mark.parse(None) is Mark.parse("x y z") is Mark.parse("") is None


class Authority(PlainServer):
    """Gives out access tokens."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status, self.answer = 200, b'{"access_token": "t1", "expires_in": 3600, "refresh_token": "r2"}'
        super().__init__(self._reply)

    async def _reply(self, request: Request) -> Reply:
        self.asked.append(request.body.decode())
        return Reply(status=self.status, body=self.answer)


async def test_a_token_is_fetched_kept_and_renewed() -> None:
    authority = Authority()
    await authority.open(0)
    try:
        url = f"http://127.0.0.1:{authority.port}/token"
        more = {"password": "", "token_url": url, "client_id": "me", "client_secret": "s", "refresh_token": "r1"}
        tokens = Tokens(EmailSettings.parse({**BASE, **more}))
        assert await tokens.current() == await tokens.current() == "t1"
        assert authority.asked == ["client_id=me&client_secret=s&grant_type=refresh_token&refresh_token=r1"]
        tokens.refused()
        await tokens.current()
        assert authority.asked[-1].endswith("refresh_token=r2")
        tokens.refused()
        authority.status, authority.answer = 400, b'{"error": "invalid_grant"}'
        with pytest.raises(NoToken, match=r"400 \(invalid_grant\)") as caught:
            await tokens.current()
        assert "r2" not in str(caught.value)
    finally:
        await authority.shut()


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="addres is unknown") as caught:
        EmailSettings.parse(
            {"addres": US, "aliases": "a", "imap_host": "no host", "first": "sometimes", "timeout": "x"}
        )
    told = str(caught.value)
    for each in ("address is missing", "aliases", "imap_host", "smtp_host", "first", "timeout", "password is missing"):
        assert told.count(each) == 1, each


async def test_a_password_needs_no_token() -> None:
    assert await Tokens(EmailSettings.parse(dict(BASE))).current() is None
    given_one = Tokens(EmailSettings.parse({**BASE, "password": "", "access_token": "t"}))
    given_one.refused()
    assert await given_one.current() == "t"
