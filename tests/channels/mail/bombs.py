"""Mails that mean harm: each is small to send and was ruin to some parser."""

from __future__ import annotations

import base64
from collections.abc import Callable

HEAD = b"From: eve@example.com\nTo: help@desk.example\nSubject: harmless\n"
MB = 1_000_000


def _nested(depth: int) -> bytes:
    out = [HEAD]
    for level in range(depth):
        out.append(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level))
    return b"".join(out) + b"\n\nthe bottom\n"


def _html(inside: bytes) -> bytes:
    return HEAD + b"Content-Type: text/html; charset=utf-8\n\n" + inside


def _messages(depth: int) -> bytes:
    return HEAD + b"Content-Type: message/rfc822\n\n" * depth + b"inner"


BOMBS: dict[str, Callable[[], bytes]] = {
    "commas in From": lambda: b"From: " + b"," * MB + b"\nSubject: x\n\nhello\n",
    "brackets in From": lambda: b"From: " + b"<" * MB + b"\n\nhello\n",
    "comments in From": lambda: b"From: " + b"(" * MB + b"\n\nhello\n",
    "quotes in To": lambda: b"From: a@b.example\nTo: " + b'"\\' * MB + b"\n\nhello\n",
    "a group of groups": lambda: b"From: a@b.example\nTo: " + b"g:" * MB + b"\n\nhello\n",
    "encoded words in Subject": lambda: b"Subject: " + b"=?utf-8?q?a?= " * 50_000 + b"\n\nhello\n",
    "encoded words that never end": lambda: b"Subject: " + b"=?utf-8?q?" * 70_000 + b"\n\nhello\n",
    "parameters of Content-Type": lambda: b"Content-Type: text/plain" + b"; a=b" * 140_000 + b"\n\nhello\n",
    "pieces of a file name": lambda: (
        HEAD
        + b"Content-Disposition: attachment"
        + b"".join(b"; filename*%d*=%%41" % index for index in range(60_000))
        + b"\n\nhello\n"
    ),
    "a NUL in a parameter": lambda: HEAD + b"Content-Type: text/plain; name*=utf-8''a%00b\n\nhel\0lo\n",
    "200,000 parts": lambda: HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 200_000,
    "3,000 nested parts": lambda: _nested(3000),
    "2,000 nested messages": lambda: _messages(2000),
    "a boundary that never ends": lambda: (
        HEAD + b"Content-Type: multipart/mixed; boundary=bb\n\n--bb\n\nhello\n" + b"--bbx\n" * 500_000
    ),
    "20 MB of base64": lambda: (
        HEAD
        + b"Content-Type: image/png; name=x.png\nContent-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(b"\0" * (14 * MB))
    ),
    "base64 of one letter a line": lambda: HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"Q\n" * (4 * MB),
    "quoted-printable of nothing": lambda: (
        HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=\n" * (5 * MB)
    ),
    "a header of 10 MB": lambda: HEAD + b"X-Large: " + b"a" * (10 * MB) + b"\n\nhello\n",
    "a million headers": lambda: HEAD + b"X: y\n" * MB + b"\nhello\n",
    "a million folds": lambda: HEAD + b"X: y\n" + b" z\n" * MB + b"\nhello\n",
    "50,000 nested elements": lambda: _html(b"<div><b>" * 50_000 + b"deep"),
    "10 MB of tags": lambda: _html(b'<p style="color:red" class=a>x' * 350_000),
    "tags that never end": lambda: _html(b'<a b="' * MB),
    "10 MB of text": lambda: HEAD + b"\n" + b"one two three four \n" * (MB // 2),
    "200,000 quotes deep": lambda: HEAD + b"\n" + b">" * 200_000 + b" x\n" + b"> quoted\n" * 80_000,
    "lines that might be introductions": lambda: HEAD + b"\n" + b"On 2026-03-02 12:30 a@b.example\n" * 100_000,
    "lines that might be headers": lambda: HEAD + b"\n" + b"From: a@b.example\n" * 100_000,
    "a line of 20 MB": lambda: HEAD + b"\n" + b"- " * (10 * MB),
    "a charset that is none": lambda: HEAD + b"Content-Type: text/plain; charset=idna\n\n" + b"xn--a." * 300_000,
    "entities": lambda: _html(b"&amp;&#x10ffff;&#99999999999;" * 300_000),
    "an old Mac": lambda: b"From: a@b.example\r" * 300_000,
    "a bounce of a bounce of": lambda: (
        b"From: mailer-daemon@x.example\nSubject: failure notice\n\n" + b"Message-ID:\n" * 300_000
    ),
}
