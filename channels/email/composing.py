"""A mail of ours, to the byte: words as text and as simple HTML, what was said before below them, files.

No word of a customer's stands in a mail that goes out by itself, unless their domain vouches for them: else anybody
could have us send their words to a stranger.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import Final

from channels.contract import Attachment, Earlier
from channels.mailheaders import NAME, header, mailbox, quoted_printable, written
from channels.richtext import Block, RichText, Span

SUBJECT: Final = 2 * NAME
QUOTED: Final = 20_000
"""Characters that are quoted, of all messages together."""
_ALPHABET: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~.@<>[]:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What stands above the words. Names and subjects are anybody's words; they are made fit here."""

    sender: str
    sender_name: str
    to: str
    copies: Sequence[str] = ()
    subject: str
    message_id: str
    answers: str | None
    references: Sequence[str]
    reply_to: str | None
    automatic: bool
    at: datetime


def composed(head: Head, text: RichText, said: Sequence[Earlier], files: Sequence[Attachment]) -> bytes:
    """The whole mail. `said`: what is quoted, oldest first."""
    quoted = list(_fitting(said))
    plain = text.plain().strip("\n") + "\n" + "".join(_quoted_plain(each) for each in quoted)
    html = _page(text, quoted)
    mark = hashlib.sha256(head.message_id.encode()).hexdigest()[:24]
    body = _alternative(plain, html, f"=_a{mark}")
    if files:
        parts = [body, *(_file(file) for file in files)]
        body = _multipart("mixed", parts, f"=_m{mark}")
    return "\r\n".join(_lines(head)).encode() + b"\r\n" + body


def _lines(head: Head) -> Iterator[str]:
    yield f"From: {mailbox(header(head.sender_name), head.sender)}"
    yield f"To: {head.to}"
    if head.copies:
        yield "Cc: " + ",\r\n ".join(head.copies)
    yield f"Subject: {written(header(head.subject, SUBJECT))}"
    yield f"Date: {format_datetime(head.at)}"
    yield f"Message-ID: {head.message_id}"
    if head.reply_to is not None:
        yield f"Reply-To: {head.reply_to}"
    if head.answers is not None:
        yield f"In-Reply-To: {head.answers}"
    if head.references:
        yield "References: " + "\r\n ".join(head.references)
    if head.automatic:
        yield "Auto-Submitted: auto-replied"
        yield f"X-Loop: {head.sender}"
    yield f"X-Auto-Response-Suppress: {'All' if head.automatic else 'OOF, AutoReply'}"
    yield "MIME-Version: 1.0"


def is_id(name: str) -> bool:
    """May this Message-ID of somebody else's stand in a header of ours?"""
    return len(name) <= 250 and name.startswith("<") and name.endswith(">") and set(name) <= _ALPHABET


# --- parts -----------------------------------------------------------------------------------------


def _alternative(plain: str, html: str, boundary: str) -> bytes:
    return _multipart("alternative", [_text("plain", plain), _text("html", html)], boundary)


def _multipart(kind: str, parts: Sequence[bytes], boundary: str) -> bytes:
    """No line of a part can be the boundary: after a `=` quoted-printable has no `_`, and base64 has none before."""
    line = f"--{boundary}\r\n".encode()
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    return head + b"".join(line + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()


def _text(kind: str, words: str) -> bytes:
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head.encode() + quoted_printable(words)


def _file(file: Attachment) -> bytes:
    kind = file.media_type.partition(";")[0].strip().lower()
    if kind.count("/") != 1 or not set(kind) <= _ALPHABET or kind.startswith(("multipart/", "message/")):
        kind = "application/octet-stream"
    name = written(header(file.name, NAME).replace('"', "'").replace("\\", "_"))
    lines = [
        f"Content-Type: {kind}",
        f'Content-Disposition: attachment;\r\n filename="{name}"',
        "Content-Transfer-Encoding: base64",
    ]
    content = base64.encodebytes(file.content or b"").replace(b"\n", b"\r\n")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


# --- what was said before ----------------------------------------------------------------------------


def _fitting(said: Sequence[Earlier]) -> Iterator[Earlier]:
    """The newest first, until it is enough."""
    left = QUOTED
    for each in reversed(said):
        if not each.text.strip():
            continue
        left -= len(each.text)
        if left < 0:
            return
        yield each


def _who(each: Earlier) -> str:
    name = header(each.name) or {"customer": "You"}.get(each.author, "We")
    return f"On {each.at:%d %B %Y at %H:%M} UTC, {name} wrote:"


def _quoted_plain(each: Earlier) -> str:
    lines = "\n".join(f"> {line}".rstrip() for line in each.text.strip("\n").split("\n"))
    return f"\n{_who(each)}\n{lines}\n"


def _page(text: RichText, quoted: Sequence[Earlier]) -> str:
    below = "".join(
        f'<p style="color:#666">{escape(_who(each))}</p>\n<blockquote type="cite" style="margin:0 0 1em;'
        f'padding-left:1em;border-left:2px solid #ccc;white-space:pre-wrap">{escape(each.text.strip())}</blockquote>\n'
        for each in quoted
    )
    words = "".join(_blocks(text.blocks))
    return f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head><body>\n{words}{below}</body></html>\n'


_LISTS: Final = {"bullet": "ul", "number": "ol"}


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    open_list = ""
    for block in blocks:
        kind = _LISTS.get(block.kind, "")
        if kind != open_list:
            if open_list:
                yield f"</{open_list}>\n"
            if kind:
                yield f'<{kind} start="{block.number or 1}">\n' if kind == "ol" else f"<{kind}>\n"
            open_list = kind
        words = "".join(map(_span, block.spans))
        match block.kind:
            case "bullet" | "number":
                yield f"<li>{words}</li>\n"
            case "heading":
                yield f"<h3>{words}</h3>\n"
            case "code":
                yield f"<pre>{words}</pre>\n"
            case "quote":
                yield f"<blockquote>{words}</blockquote>\n"
            case _:
                yield f'<p style="white-space:pre-wrap">{words}</p>\n'
    if open_list:
        yield f"</{open_list}>\n"


def _span(span: Span) -> str:
    words = escape(span.text)
    for tag, holds in (("code", span.code), ("b", span.bold), ("i", span.italic)):
        if holds:
            words = f"<{tag}>{words}</{tag}>"
    if span.href is not None and span.href.startswith(("http://", "https://", "mailto:")):
        words = f'<a href="{escape(span.href)}">{words or escape(span.href)}</a>'
    return words
