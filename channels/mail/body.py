"""Which parts of a mail are its words, which are files, and what the words are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from channels.mail import limits
from channels.mail.charsets import decode
from channels.mail.flowed import unflowed
from channels.mail.htmltext import Line, html_lines
from channels.mail.names import safe_name
from channels.mail.opaque import signed_content
from channels.mail.parts import Part, content, from_uu, read_parts

_META: Final = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]{2,40})", re.IGNORECASE)
_BEGIN_UU: Final = re.compile(r"^begin [0-7]{3,4} (\S.{0,200})$", re.MULTILINE)
_LINE_UU: Final = re.compile(r"[ -`]{1,90}\Z")
_WORD: Final = re.compile(r"\w{2,}")
_PLACEHOLDER: Final = re.compile(
    r"html[- ](?:e-?mail|message|format|capable|compatible|version|view)|view (?:this|it) .{0,30}(?:browser|html)|does not support html",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class File:
    """An attachment: its safe name, its type as the mail claims it, what is in it."""

    name: str
    media_type: str
    data: bytes
    inline: bool = False
    """A picture that stands in the text."""
    content_id: str = ""


@dataclass(slots=True)
class Body:
    """The words of a mail, as lines that know what they are, and its files."""

    lines: list[Line] = field(default_factory=list)
    shown: list[Line] = field(default_factory=list)
    """The lines of the best plain text, where that says as much: what the full text is."""
    files: list[File] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Words:
    """One piece of the text: plain, HTML, or both of the same."""

    plain: str | None = None
    html: str | None = None


def read_body(data: bytes, root: Part, *, depth: int = 0) -> Body:
    """Walk the parts in their order; nothing is shown twice and nothing is lost."""
    body = Body()
    words: list[_Words] = []
    _Walk(data, body, words, depth).part(root)
    for piece in words:
        read, shown = _lines_of(piece)
        for lines, more in ((body.lines, read), (body.shown, shown)):
            if lines and more:
                lines.append(Line(""))
            lines.extend(more)
    return body


class _Walk:
    def __init__(self, data: bytes, body: Body, words: list[_Words], depth: int) -> None:
        self._data = data
        self._body = body
        self._words = words
        self._depth = depth

    def part(self, part: Part) -> None:
        """Recursion is as deep as the parts are nested, which `read_parts` bounds."""
        kind = part.media_type
        if not part.children:
            self._leaf(part)
        elif kind == "multipart/alternative":
            self._alternative(part)
        elif kind in ("multipart/related", "multipart/signed"):
            root = _root_of(part)
            self.part(root)
            for child in part.children:
                if child is not root:
                    self._rest(child)
        else:
            for child in part.children:
                self.part(child)

    def _rest(self, part: Part) -> None:
        """Beside the root: pictures and signatures, whatever they are."""
        if part.children:
            self.part(part)
        elif part.media_type.startswith("text/") and not part.wanted_name and not part.content_id:
            self._leaf(part)
        else:
            self._file(part)

    def _alternative(self, part: Part) -> None:
        """The same in several forms: text and HTML make one piece, a calendar or another form is a file."""
        before = len(self._words)
        for child in part.children:
            self.part(child)
        pieces = self._words[before:]
        plain = [piece.plain for piece in pieces if piece.plain is not None and piece.html is None]
        html = [piece.html for piece in pieces if piece.html is not None]
        if len(pieces) > 1 and plain and html:
            self._words[before:] = [_Words("\n\n".join(plain), "\n".join(html))]

    def _leaf(self, part: Part) -> None:
        kind = part.media_type
        if self._is_words(part):
            text = self._text(part)
            if kind == "text/html" or (kind != "text/plain" and "<" in text) or _is_undeclared_html(part, text):
                self._words.append(_Words(html=text))
            else:
                self._words.append(_Words(plain=self._without_uu(text)))
        elif kind in ("application/pkcs7-mime", "application/x-pkcs7-mime") and self._depth < 2:
            self._signed(part)
        else:
            self._file(part)

    def _is_words(self, part: Part) -> bool:
        if part.disposition == "attachment":
            return False
        if part.media_type in ("text/plain", "text/html"):
            # Apple Mail gives a name to texts that it shows; others mean a file by a name.
            return not part.wanted_name or (
                not self._words and (part.depth == 0 or (part.disposition == "" and part.depth == 1))
            )
        if part.media_type in ("text/enriched", "text/richtext", "text/markdown", "text/x-markdown"):
            return not part.wanted_name
        return part.media_type.startswith("text/") and part.depth == 0 and not part.wanted_name

    def _text(self, part: Part) -> str:
        data = content(self._data, part)
        charset = part.charset
        if part.media_type == "text/html" and not charset and (found := _META.search(data[:5000])):
            charset = found[1].decode("ascii")
        text = decode(data[: limits.TEXT_CHARS * 2], charset).replace("\r\n", "\n").replace("\r", "\n")
        if len(text) > limits.TEXT_CHARS:
            self._body.faults.append(f"more than {limits.TEXT_CHARS:,} characters of text")
            text = text[: limits.TEXT_CHARS]
        if part.media_type == "text/plain" and part.parameters.get("format", "").lower() == "flowed":
            text = unflowed(text, delete_space=part.parameters.get("delsp", "").lower() == "yes")
        return text

    def _without_uu(self, text: str) -> str:
        """Files that stand in the text itself, as mails had them before MIME, are files."""
        if "\nend" not in text or not _BEGIN_UU.search(text):
            return text
        out: list[str] = []
        name, held = "", 0  # so many lines may be a file's, from its `begin` on
        for line in text.split("\n"):
            out.append(line)
            held += held > 0
            if held and line.rstrip() == "end" and len(self._body.files) < limits.PARTS:
                kind = "application/octet-stream"
                data = from_uu(each.encode("ascii") for each in out[1 - held :])
                self._body.files.append(File(safe_name(name, kind), kind, data))
                del out[-held:]
                held = 0
            elif not held or not _LINE_UU.match(line):
                begin = _BEGIN_UU.match(line)
                name, held = (begin[1], 1) if begin else ("", 0)
        return "\n".join(out)

    def _signed(self, part: Part) -> None:
        inner = signed_content(content(self._data, part))
        if inner is not None:
            root, fault = read_parts(inner)
            body = Body()
            words: list[_Words] = []
            _Walk(inner, body, words, self._depth + 1).part(root)
            self._words.extend(words)
            self._body.files.extend(body.files)
            self._body.faults.extend([*body.faults, *([fault] if fault else [])])
        self._file(part)

    def _file(self, part: Part) -> None:
        kind = part.media_type
        stem = "attachment"
        if kind.startswith("message/") and kind not in ("message/delivery-status", "message/disposition-notification"):
            data = (
                self._data[part.start : part.end]
                if part.encoding not in ("base64", "quoted-printable")
                else content(self._data, part)
            )
            stem = _subject_of(data) or "message"
        else:
            data = content(self._data, part)
        if not data and not part.wanted_name:
            return
        if kind == "application/ms-tnef":
            stem = "winmail"
        elif kind == "text/calendar":
            stem = "invite"
        elif "pkcs7" in kind:
            stem = "smime"
        elif kind == "application/pgp-signature":
            stem = "signature"
        elif kind.startswith("image/"):
            stem = "image"
        wanted = part.wanted_name or (
            safe_name(stem, kind) + (".eml" if kind in ("message/rfc822", "message/global") else "")
            if stem not in ("attachment", "winmail", "invite", "smime", "signature", "image")
            else ""
        )
        name = safe_name(wanted, kind, stem=stem)
        inline = (
            kind.startswith("image/")
            and (part.disposition == "inline" or bool(part.content_id))
            and part.disposition != "attachment"
        )
        self._body.files.append(File(name, kind, data, inline, part.content_id))


def _is_undeclared_html(part: Part, text: str) -> bool:
    """A page by a program that has not said what it sends."""
    return not part.head.has("content-type") and text.lstrip()[:15].lower().startswith(("<html", "<!doctype html"))


def _root_of(part: Part) -> Part:
    start = part.parameters.get("start", "").strip("<> ")
    return next((child for child in part.children if start and child.content_id == start), part.children[0])


def _subject_of(data: bytes) -> str:
    from channels.mail.fields import read_head

    return read_head(data, 0, min(len(data), limits.HEADER_BLOCK_BYTES)).text("subject")[:100]


def _lines_of(piece: _Words) -> tuple[list[Line], list[Line]]:
    """(the lines that say most about themselves, the lines to show)."""
    plain = _outer(piece.plain) if piece.plain is not None else None
    if piece.html is None:
        lines = [Line(line) for line in (plain or "").split("\n")] if plain else []
        return lines, lines
    rich = html_lines(piece.html[: limits.SHOWN_HTML_CHARS])
    if plain is None or not plain.strip() or _says_less(plain, rich):
        return rich, rich
    return rich if any(line.mark for line in rich) else [Line(line) for line in plain.split("\n")], [
        Line(line) for line in plain.split("\n")
    ]


def _outer(text: str) -> str:
    return (
        re.sub(r"\A(?:[ \t]*\n)+", "", text[:5000]) + text[5000:].rstrip()
        if len(text) > 5000
        else re.sub(r"\A(?:[ \t]*\n)+", "", text).rstrip()
    )


def _says_less(plain: str, rich: list[Line]) -> bool:
    """Is the plain text only there to say that there is HTML, or only a part of it?"""
    said = set(_WORD.findall(plain[:200_000].lower()))
    meant = set(_WORD.findall(" ".join(line.text for line in rich[:5000])[:200_000].lower()))
    if not meant:
        return False
    if len(plain) < 400 and _PLACEHOLDER.search(plain) and len(meant - said) > 3:
        return True
    return len(said & meant) < 0.6 * len(meant)
