"""What a mail says, field by field; and mails that nobody meant."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.mail.addresses import date, message_ids, people
from channels.mail.charsets import decode
from channels.mail.fields import words
from channels.mail.names import BYTES, safe_name
from channels.mail.parser import NOTHING, parse
from tests.channels.mail.mails import ALL, HTML, JAPANESE, LOOSE, MIXED, OUTLOOK, PLAIN, REPORT

HEAD = b"From: a@example.com\nSubject: s\n"


def read(data: bytes) -> dict[str, Any]:
    return parse(data)[0]


def test_a_plain_mail() -> None:
    mail = read(PLAIN)
    assert {key: mail[key] for key in NOTHING} == {
        "message_id": "<one@example.com>",
        "in_reply_to": "<zero@desk.example>",
        "references": ["<first@desk.example>", "<zero@desk.example>"],
        "from": {"name": "Ada Löwe", "address": "ada@example.com"},
        "to": [{"name": "Desk, Support", "address": "help@desk.example"}, {"name": "", "address": "other@example.org"}],
        "cc": [{"name": "", "address": "a@example.org"}, {"name": "", "address": "b@example.org"}],
        "subject": "Wo ist mein Paket?",
        "date": "2026-03-02T10:00:00+01:00",
        "text": "Mein Paket fehlt.\n\nOn Sun, 1 Mar 2026 at 09:00, Desk <help@desk.example> wrote:\n> Guten Tag",
        "reply": "Mein Paket fehlt.",
        "auto": None,
        "bounce": None,
        "attachments": [],
        "error": None,
    }
    assert mail["envelope"]["return_path"] == "ada@example.com"


def test_parts_and_files() -> None:
    mail = read(MIXED)
    assert mail["text"] == "The café is closed. Really."
    assert [(each["name"], each["type"]) for each in mail["attachments"]] == [
        ("Rechnung März.pdf", "application/pdf"),
        ("logo.png", "image/png"),
        ("inner letter.eml", "message/rfc822"),
    ]


def test_html_shows_where_links_lead_and_hides_what_is_hidden() -> None:
    mail = read(HTML)
    assert mail["reply"] == "Hello https://shown.example (https://real.example/x)\n\n• one\n• two"
    assert "ignore" not in mail["text"]
    assert "> What they wrote" in mail["text"]


def test_flowed_lines_and_an_outlook_block() -> None:
    assert read(OUTLOOK)["reply"] == "This line goes on and ends here."


def test_old_macs_end_lines_with_carriage_returns() -> None:
    mail = read(MIXED.replace(b"\n", b"\r"))
    assert mail["text"] == "The café is closed. Really."
    assert [each["type"] for each in mail["attachments"]] == ["application/pdf", "image/png", "message/rfc822"]


def test_japanese() -> None:
    mail = read(JAPANESE)
    assert (mail["from"]["name"], mail["subject"], mail["text"]) == ("山田", "お問い合わせ", "こんにちは")


def test_the_same_mail_over_another_way_has_the_same_fingerprint() -> None:
    again = b"Received: from elsewhere\r\n\tby here\r\nDelivered-To: x@desk.example\r\n" + PLAIN
    assert read(again)["fingerprint"] == read(PLAIN)["fingerprint"] != read(HTML)["fingerprint"]


def test_bounces() -> None:
    assert read(REPORT)["bounce"] == {
        "recipient": "gone@example.net", "status": "5.1.1", "message_id": "<o.17.abc@desk.example>",
    }  # fmt: skip
    assert read(LOOSE)["bounce"] == {
        "recipient": "gone@example.net", "status": "5.1.1", "message_id": "<o.18.def@desk.example>",
    }  # fmt: skip
    assert read(REPORT)["auto"] == read(LOOSE)["auto"] == "bounce"


@pytest.mark.parametrize(
    ("header", "auto"),
    [
        ("Auto-Submitted: auto-replied", "auto-reply"), ("Auto-Submitted: no", None),
        ("Auto-Submitted: auto-generated", "auto-reply"), ("X-Autoreply: yes", "auto-reply"),
        ("Precedence: auto_reply", "auto-reply"), ("Precedence: bulk", "bulk"), ("Precedence: junk", "bulk"),
        ("Precedence: list", "list"), ("List-Id: <l.example.org>", "list"), ("List-Unsubscribe: <mailto:x@y.example>", "bulk"),
        ("X-Auto-Response-Suppress: All", "bulk"), ("Return-Path: <>", "auto-reply"), ("X-Failed-Recipients: a@b.example", "bounce"),
        ("X-Anything: else", None),
    ],
)  # fmt: skip
def test_automatic_mail(header: str, auto: str | None) -> None:
    assert read(HEAD + header.encode() + b"\n\nhello")["auto"] == auto


@pytest.mark.parametrize(
    ("subject", "auto"),
    [
        ("Automatic reply: your case", "auto-reply"), ("Out of Office: back on Monday", "auto-reply"),
        ("Abwesenheitsnotiz", "auto-reply"), ("Réponse automatique : merci", "auto-reply"),
        ("Re: Undeliverable: my parcel", None), ("Undeliverable parcel, please help", None), ("My office chair", None),
    ],
)  # fmt: skip
def test_subjects_of_machines_and_of_people(subject: str, auto: str | None) -> None:
    assert read(b"From: a@example.com\nSubject: " + subject.encode() + b"\n\nhello")["auto"] == auto


def test_a_bounce_that_follows_no_standard_and_a_person_who_speaks_of_one() -> None:
    body = b"The following address failed:\n  gone@example.net\n550 5.1.1 unknown\n"
    assert read(b"From: x@example.net\nSubject: Undelivered Mail Returned to Sender\n\n" + body)["auto"] == "bounce"
    assert read(b"From: x@example.net\nSubject: Fwd: Undelivered Mail Returned to Sender\n\n" + body)["auto"] is None
    cross = b"From: x@example.net\nSubject: Delivery problem: parcel not delivered\n\nOrder 502 was not delivered. I paid 450 - call me.\nx@example.net\n"
    assert read(cross)["auto"] is None
    assert read(b"From: postmaster@example.net\nSubject: Our contract\n\nShall we talk on Monday?\n")["auto"] is None


@pytest.mark.parametrize(
    ("value", "name", "address"),
    [
        (b"ada@example.com (Ada Loewe)", "Ada Loewe", "ada@example.com"),
        (b'"Loewe, Ada" <ada@example.com>', "Loewe, Ada", "ada@example.com"),
        (b"Loewe Ada ada@example.com", "Loewe Ada", "ada@example.com"),
        (b'"ada@example.com" <ada@example.com>', "ada@example.com", "ada@example.com"),
        (b"=?utf-8?q?Ada_=3Cada=40example.com=3E?=", "Ada", "ada@example.com"),
        (b"Ada <ada@example.com", "Ada", "ada@example.com"),
        (b"<mailto:ada@example.com>", "", "ada@example.com"),
        (b"=?utf-8?q?Ada=0D=0ABcc:_x=40y.example?= <ada@example.com>", "Ada Bcc: x@y.example", "ada@example.com"),
        (b"Ada: <ada@example.com>", "Ada:", "ada@example.com"),
        (b"Ada", "Ada", ""),
    ],
)
def test_senders(value: bytes, name: str, address: str) -> None:
    person = people(value)[0]
    assert (person.name, person.address) == (name, address)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"=?utf-8?q?caf?= =?utf-8?q?=C3=A9?=", "café"),
        (b"=?utf-8?q?caf=C3?= =?utf-8?q?=A9?= now", "café now"),
        (b"=?utf-8?q?so many blanks?=", "so many blanks"),
        (b"caf\xe9", "café"),
        ("café".encode(), "café"),
        (b"=?nonsense?q?caf=E9?=", "café"),
        (b"=?utf-8?b?Y2Fm6Q?= =?", "café =?"),
        (b"a =?b", "a =?b"),
    ],
)
def test_words(value: bytes, said: str) -> None:
    assert words(value) == said


@pytest.mark.parametrize(
    ("data", "charset", "said"),
    [
        ("привет".encode("koi8-r"), "koi8-r", "привет"), ("中文".encode("gb18030"), "gb2312", "中文"),
        (b"\x80 5", "iso-8859-1", "€ 5"), (b"caf\xe9", "utf-8", "café"), (b"caf\xe9\x81", None, "café\x81"),
        (b"+AOk-", "utf-7", "é"), (b"+AOk-", None, "+AOk-"), (b"+2AA-x", "utf-7", None), (b"a\0b", "utf-8", "ab"),
        ("é".encode(), "us-ascii", "é"), (b"x", "idna", "x"), (b"x", "rot13", "x"), (b"x", "\0", "x"), (b"x", "a" * 9999, "x"),
        ("さ".encode("cp932"), "shift_jis", "さ"), ("한".encode("cp949"), "ks_c_5601-1987", "한"),
    ],
)  # fmt: skip
def test_charsets(data: bytes, charset: str | None, said: str | None) -> None:
    assert decode(data, charset) == said or said is None
    decode(data, charset).encode()


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("../../etc/passwd\0.txt", "passwd.txt"), ("C:\\Users\\x\\a.doc", "a.doc"), (".htaccess", "htaccess"),
        ("\u200b.htaccess", "htaccess"), ("CON", "_CON"), ("con.txt", "_con.txt"), ("\u202egpj.exe", "gpj.exe"),
        ("／etc／passwd", "passwd"), ("a\r\nb.txt", "ab.txt"), ("", "attachment.pdf"), ("...", "attachment.pdf"),
        ("ｆｉｌｅ.pdf", "file.pdf"), ('a<b>"c|.txt', "a_b__c_.txt"),
    ],
)  # fmt: skip
def test_names_of_files(wanted: str, name: str) -> None:
    assert safe_name(wanted, "application/pdf") == name


@given(st.text(), st.text(max_size=20))
def test_a_name_is_always_safe(wanted: str, media_type: str) -> None:
    name = safe_name(wanted, media_type)
    assert name
    assert len(name.encode()) <= BYTES
    assert not set(name) & set('/\\<>:"|?*\0\n\r')
    assert not name.startswith(".")


def test_dates_and_ids() -> None:
    assert str(date(b"Mon, 02 Mar 26 10:00 EST")) == "2026-03-02 10:00:00-05:00"
    assert str(date(b"Mon Mar  2 10:00:00 2026")) == "2026-03-02 10:00:00+00:00"
    for odd in (b"", b"Mon, 99 Foo", b"Mon, 99 Mar 2026 10:00:00", b"1 Jan 9999999 00:00", b"\xff" * 9999):
        assert date(odd) is None
    assert message_ids(b"<a@b> <c@d>\r\n\t<a@b>") == ["<a@b>", "<c@d>"]
    assert message_ids(b"<" + b"a" * 200_000 + b"@b>") == []
    assert message_ids(b"a@b.example", first=True) == ["<a@b.example>"]
    assert len(message_ids(b"".join(b"<%d@x>" % index for index in range(5000)))) == 100


@given(st.binary(max_size=400))
def test_any_bytes_are_a_mail(data: bytes) -> None:
    sound(data)


@given(st.sampled_from(sorted(ALL)), st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=20)), max_size=6))
def test_any_bytes_in_a_mail(name: str, changes: list[tuple[int, bytes]]) -> None:
    data = ALL[name]
    for at, put in changes:
        data = data[:at] + put + data[at + len(put) :]
    sound(data)


def sound(data: bytes) -> None:
    """Everything that always holds."""
    mail, files = parse(data)
    for key in NOTHING:
        assert key in mail
    assert mail["error"] is None, mail["error"]
    assert bool(mail["reply"].strip()) == bool(mail["text"].strip())
    assert len(files) == len(mail["attachments"])
    for value in (
        mail["subject"],
        mail["from"]["name"],
        mail["from"]["address"],
        *(each["name"] for each in mail["attachments"]),
    ):
        assert not set(value) & set("\0\r\n")
    repr(mail).encode()  # no halves of characters


PIECES = (
    b"\n", b"\r", b"\n\n", b"\0", b"--out\n", b"--in--\n", b'"', b"<", b">", b"=?utf-8?q?", b"?=", b"=", b";", b":", b"*0*=", b"\xff\xfe",
    b"Content-Type: multipart/mixed; boundary=in\n", b"Content-Transfer-Encoding: base64\n", b"charset=utf-7", b"<blockquote>",
    b"<!--", b"\x1b$B", b"wrote:\n", b"From: a\nTo: b\nSubject: c\n", b"-- \n", b"begin 644 x\n", b"message/rfc822",
)  # fmt: skip


def mutant(chance: random.Random) -> bytes:
    data = bytearray(chance.choice(list(ALL.values())))
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[at:at] = chance.choice(PIECES)
            case 1:
                del data[at : at + chance.randint(1, 60)]
            case 2:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 3:
                end = at + chance.randint(1, 200)
                data[at:at] = data[at:end] * chance.randint(1, 5)
            case _:
                other = chance.choice(list(ALL.values()))
                data[at:] = other[chance.randrange(len(other)) :]
    return bytes(data)


def fuzz(seconds: float, seed: int) -> int:
    """How many mutants were read."""
    chance = random.Random(seed)
    ends = time.monotonic() + seconds
    count = 0
    while time.monotonic() < ends or count < 200:
        data = mutant(chance)
        try:
            sound(data)
        except Exception as error:
            raise AssertionError(f"mutant {count} of seed {seed}: {data!r}") from error
        count += 1
    return count


def test_mutants_for_some_seconds() -> None:
    assert fuzz(4, seed=6) >= 200


@pytest.mark.chaos
def test_mutants_for_minutes() -> None:
    seed = random.randrange(10**9)
    print(f"{fuzz(240, seed):,} mutants of seed {seed}")  # noqa: T201 -- a long run says what it did
