"""Mails that follow no rule, byte by byte, and what a person would make of each."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from channels.mail.addresses import people
from channels.mail.charsets import decode
from channels.mail.fields import words
from channels.mail.parser import parse
from tests.growth import grows_linearly


def read(head: str, body: bytes) -> dict[str, Any]:
    return parse(f"From: Bo <bo@example.com>\nSubject: Lamp\n{head}\n".encode() + body)[0]


def encoded(text: str, charset: str, codec: str = "") -> bytes:
    return f"=?{charset}?B?{base64.b64encode(text.encode(codec or charset)).decode()}?=".encode()


@pytest.mark.parametrize(
    ("value", "name", "address"),
    [
        ("Loewe, Ada <ada@example.com>", "Loewe, Ada", "ada@example.com"),
        ("Loewe, Ada (Sales) <ada@example.com>", "Loewe, Ada", "ada@example.com"),
        ("Loewe, Ada ada@example.com", "Loewe, Ada", "ada@example.com"),
        ("=?iso-8859-1?Q?L=F6we,?= Ada <ada@example.com>", "Löwe, Ada", "ada@example.com"),
        ('=?utf-8?q?"L=C3=B6we,_Ada"?= <ada@example.com>', "Löwe, Ada", "ada@example.com"),
        ("=?utf-8?q?ada=40example.com?=", "", "ada@example.com"),
        ("<<ada@example.com>>", "", "ada@example.com"),
        ("Ada ada@example.com>", "Ada", "ada@example.com"),
        ("Ada (ada@example.com)", "Ada", "ada@example.com"),
        ('"Ada, Bo <ada@example.com>', "Ada, Bo", "ada@example.com"),
        ('Ada" <ada@example.com>', "Ada", "ada@example.com"),
        ('"john doe"@example.com', "", '"john doe"@example.com'),
        ('Ada <"ada@example.com">', "Ada", "ada@example.com"),
        ("ada@[192.0.2.1]", "", "ada@[192.0.2.1]"),
        ("Ada <ada@bücher.example>", "Ada", "ada@bücher.example"),
        ("Ada <ada@example.com>; Bo <bo@example.com>", "Ada", "ada@example.com"),
        ("Moderator <moderator>", "Moderator", "moderator"),
    ],
)
def test_senders(value: str, name: str, address: str) -> None:
    sender = parse(f"From: {value}\n\nhello".encode())[0]["from"]
    assert (sender["name"], sender["address"]) == (name, address)


def test_a_list_is_still_a_list() -> None:
    said = people(b"Ada, bo@example.com, Cy <cy@example.com>; Di, <di@example.com>")
    assert [person.address for person in said if person.address] == [
        "bo@example.com",
        "cy@example.com",
        "di@example.com",
    ]


@pytest.mark.parametrize("header", ["Reply-To", "Sender", "Return-Path"])
def test_a_from_without_an_address_keeps_its_name(header: str) -> None:
    sender = parse(f"From: Ada Loewe\n{header}: <ada@example.com>\n\nhello".encode())[0]["from"]
    assert sender == {"name": "Ada Loewe", "address": "ada@example.com"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"=?utf-8?q?=3D=3Futf-8=3FQ=3FL=3DC3=3DA4mp=3F=3D?=", "Lämp"),
        (encoded("Лампа", "windows-1251"), "Лампа"),
        (encoded("โคม", "windows-874", "cp874"), "โคม"),
        (encoded("Лампа", "x-cp1251", "cp1251"), "Лампа"),
        (encoded("Лампа", "koi8-r", "utf-8"), "Лампа"),
        (encoded("朱镕基", "gb2312", "gbk"), "朱镕基"),
        (b"=?ISO-2022-JP?B?GyRCLSEtahsoQg==?=", "①㈱"),
    ],
)
def test_subjects(value: bytes, said: str) -> None:
    assert words(value) == said


def test_charsets_are_believed_unless_the_bytes_contradict() -> None:
    assert decode("Лампа красная".encode(), "koi8-r") == "Лампа красная"
    assert decode("Лампа".encode("koi8-r"), "koi8-r") == "Лампа"
    assert decode("联通".encode("gb2312"), "gb2312") == "联通"  # that happens to be valid UTF-8, too
    assert decode("ランプ①ｱ".encode("cp932"), "shift_jis") == "ランプ①ｱ"
    everything = "".join(chr(each) for each in range(0x4E00, 0x9FA0))
    known = everything.encode("iso2022_jp", "ignore")
    assert decode(known + b"\x1b$B-!\x1b(B", "iso-2022-jp") == known.decode("iso2022_jp") + "①"


QP = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n"
BASE64 = QP.replace("quoted-printable", "base64")


@pytest.mark.parametrize(
    ("head", "body", "said"),
    [
        (QP, b"L=C3=A4mp is= \n red\n", "Lämp is red"),
        (BASE64, base64.b64encode("Lämp is red".encode()) + b"\n-- \nsome list\nhttps://list.example\n", "Lämp is red"),
        (BASE64, base64.b64encode(b"Lamp") + b"\n" + base64.b64encode(b" is red") + b"\n", "Lamp is red"),
        (BASE64, base64.b64encode(b"Lamp is red") + b" (added by a gateway)\n", "Lamp is red"),
        (BASE64, b"TGFtcCBp!\ncyByZWQ=\n", "Lamp is red"),
        (BASE64.replace("base64", "Base64 (RFC 2045)"), base64.b64encode(b"Lamp"), "Lamp"),
        (BASE64, b"Hello Ada, the lamp is red.\n", "Hello Ada, the lamp is red."),
        (BASE64, b"the lamp was red once or twice\n", "the lamp was red once or twice"),
        ("Content-Type: text/plain; charset=ISO-2022-JP\n", b"\x1b$B-!-j\x1b(B ok\n", "①㈱ ok"),
        ("", b"\x1b$B-!-j\x1b(B ok\n", "①㈱ ok"),
        ("Content-Type: text/plain; charset=windows-1251\n", "Лампа".encode(), "Лампа"),
        ("", b"<html><body><p>Lamp &amp; bulb</p></body></html>", "Lamp & bulb"),
        ("Content-Type: text/plain\n", b"<html> is a tag", "<html> is a tag"),
        ("Content-Type: text/plain\nContent-Disposition: inline; filename=body.txt\n", b"Lamp\n", "Lamp"),
        (
            "Content-Type: multipart/alternative; boundary=x\n",
            b"--x\nContent-Type: text/plain; charset=utf-8\n\n\xc2\xa0\n--x\nContent-Type: text/html\n\n<b>Lamp</b>\n--x--\n",
            "Lamp",
        ),
    ],
)  # fmt: skip
def test_bodies(head: str, body: bytes, said: str) -> None:
    mail = read(head, body)
    assert (mail["text"].strip(), mail["error"]) == (said, None)


def test_a_file_in_the_text_itself() -> None:
    mail, files = parse(b"Subject: x\n\nSee:\n\nbegin 644 cat.txt\n#0V%T\n`\nend\n\nbegin 12 lamps\nand end\nBo\n")
    assert [(file.name, file.data) for file in files] == [("cat.txt", b"Cat")]
    assert mail["text"] == "See:\n\n\nbegin 12 lamps\nand end\nBo"


@pytest.mark.parametrize("piece", [b'"\\', b'"a', b"a b,", b"=?a?q?", b"a b@c,", b'"x\\"'])
def test_addresses_take_linear_time(piece: bytes) -> None:
    grows_linearly(people, piece * (64_000 // len(piece)))


@pytest.mark.parametrize("piece", ["begin 644 x\n#0V%T\n", "begin 644 x\n#0V%T\n`\nend\n", "begin 644 x\nlower\nend\n"])
def test_files_in_the_text_take_linear_time(piece: str) -> None:
    grows_linearly(lambda text: read("", f"{text}\nend\n".encode()), piece * 6_000)
