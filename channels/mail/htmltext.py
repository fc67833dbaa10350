"""HTML to text that a person can read: what nobody would have seen is left out, links say where they really lead.

Each line knows what the mail's program said about it, so that a quote is found by structure and not by its words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Final, Literal, NamedTuple

from channels.mail.markup import RAW, Tag, tokens
from channels.mail.styles import colour, hides, hiding_names, properties

Mark = Literal["", "quote", "intro", "cut", "signature"]
"""What a program says of a line: quoted, above a quote, all from here on is the older mail, a signature."""

TAGS: Final = 60_000
"""More are taken out unread."""
QUOTES: Final = 12
"""Deeper quotes are shown as deep as this."""
_VOID: Final = frozenset({
    "area", "base", "basefont", "br", "col", "embed", "frame", "hr", "img", "input", "keygen", "link", "meta", "param",
    "source", "track", "wbr",
})  # fmt: skip
_BLOCK: Final = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "dir", "div",
    "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
    "hr", "html", "li", "main", "menu", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot",
    "thead", "tr", "ul",
})  # fmt: skip
_APART: Final = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "pre", "blockquote", "table"})
_UNSEEN: Final = RAW | {"head", "template", "noscript", "object", "applet", "audio", "video", "svg", "math", "select"}
_UNSEEN_NOT: Final = frozenset({"textarea", "xmp"})
_ENDED_BY: Final = {"li": ("li",), "td": ("td", "th"), "th": ("td", "th"), "tr": ("td", "th", "tr"),
                    "dt": ("dd", "dt"), "dd": ("dd", "dt"), "option": ("option",)}  # fmt: skip
_SPACES: Final = re.compile(r"[ \t\r\n\f]+")
_TAG: Final = re.compile(r"<[^<>]*>?")
_LEADS: Final = re.compile(r"(?:https?|ftp)://|mailto:|tel:", re.IGNORECASE)

_QUOTES: Final = frozenset({"yahoo_quoted", "protonmail_quote", "tutanota_quote", "zmail_extra", "qtdseparatebr"})
_INTROS: Final = frozenset({"gmail_attr", "moz-cite-prefix", "gmail_quote_attribution", "reply-intro", "mcntatt"})
_CUTS: Final = frozenset({
    "#divrplyfwdmsg", "#appendonsend", "#stopspelling", "#zwchr", "#olk_src_body_section", "#mail-editor-reference-message-container",
    "#ms-outlook-mobile-reference-message", "#reply-mail-citation", ".outlookmessageheader", ".ms-outlook-mobile-reference-message",
    ".mail-editor-reference-message-container", "#isforwardcontent", "#isreplycontent",
})  # fmt: skip
_SIGNATURES: Final = frozenset({
    ".gmail_signature", ".moz-signature", "#applemailsignature", "#ms-outlook-mobile-signature", ".mailbox_signature",
    ".protonmail_signature_block", "#signature", "#composesignature", ".yahoo-signature",
})  # fmt: skip
_BORDER: Final = re.compile(r"solid\s+#(?:b5c4df|e1e1e1)\b|#(?:b5c4df|e1e1e1)\s+(?:1pt\s+)?solid")


class Line(NamedTuple):
    """One line of text."""

    text: str
    mark: Mark = ""


@dataclass(slots=True)
class _Frame:
    """An element that is open, with what holds inside of it."""

    name: str
    hidden: bool
    quotes: int
    mark: Mark
    pre: bool
    ink: str
    paper: str
    apart: bool
    link: str = ""
    items: int = -1


def html_lines(html: str) -> list[Line]:
    """The lines that a reader would see. Where there is text, there is a line."""
    seen = _Writer(html)
    lines = seen.lines()
    if any(line.text.strip("> \t-") for line in lines):
        return lines
    if seen.images:
        return [Line(f"[{alt}]") for alt in seen.images]
    everything = _Writer(html, hide=False).lines() if seen.hid else []
    if any(line.text.strip("> \t-") for line in everything):
        return [Line("[hidden text]"), *everything]
    return lines


class _Writer:
    def __init__(self, html: str, *, hide: bool = True) -> None:
        self._html = html
        self._hide = hide
        self._out: list[Line] = []
        self._line: list[str] = []
        self._gap = False
        self._deep = 0
        self._mark: Mark = ""
        self._next: Mark = ""
        self._stack: list[_Frame] = [_Frame("", False, 0, "", False, "000000", "ffffff", False)]
        self._open: dict[str, int] = {}
        self._label: list[str] | None = None
        self._hiding: set[str] = set()
        self.images: list[str] = []
        self.hid = False

    def lines(self) -> list[Line]:
        """Read it all."""
        tags = 0
        for token in tokens(self._html):
            if isinstance(token, str):
                self._text(token)
                continue
            tags += 1
            if tags > TAGS:
                self._end_line()
                self._rest(token.end)
                break
            self._tag(token)
        self._end_line()
        return _without_runs(self._out)

    def _rest(self, start: int) -> None:
        """So many tags that nobody meant them: text is all we want of what is left."""
        for line in unescape(_TAG.sub(" ", self._html[start:])).splitlines():
            if text := _SPACES.sub(" ", line).strip():
                self._out.append(Line(text, self._mark))

    # --- tags ---------------------------------------------------------------------------------

    def _tag(self, tag: Tag) -> None:
        name = tag.name
        if tag.closing:
            if name in ("p", "br"):
                self._break(apart=name == "p" and self._open.get("p", 0) > 0 and self._is_apart())
            if self._open.get(name):
                self._close(name)
            return
        if name in _BLOCK and self._stack[-1].name == "p":
            self._pop()
        for ended in _ENDED_BY.get(name, ()):
            if self._stack[-1].name == ended:
                self._pop()
        if name in _VOID:
            self._void(tag)
            return
        self._push(tag)

    def _is_apart(self) -> bool:
        return self._stack[-1].apart

    def _void(self, tag: Tag) -> None:
        inside = self._stack[-1]
        match tag.name:
            case "br":
                if not inside.hidden:
                    self._gap = self._gap or not self._line
                    self._break()
            case "hr":
                self._structure(tag)
                if not inside.hidden:
                    self._break()
                    self._line.append("-" * 10)
                    self._break()
            case "img":
                self._image(tag)

    def _image(self, tag: Tag) -> None:
        alt = _SPACES.sub(" ", tag.attributes.get("alt", "")).strip()[:200]
        if not alt or self._stack[-1].hidden:
            return
        if len(alt) <= 8 and not alt.isascii():
            self._text(alt)  # an emoji
        elif len(self.images) < 20:
            self.images.append(alt)

    def _push(self, tag: Tag) -> None:
        inside, name = self._stack[-1], tag.name
        frame = _Frame(
            name,
            inside.hidden,
            inside.quotes,
            inside.mark,
            inside.pre or name == "pre",
            inside.ink,
            inside.paper,
            False,
        )
        if name in _BLOCK:
            frame.apart = name in _APART and not (name == "p" and _tight(tag))
            self._break(apart=frame.apart)
        if name in _UNSEEN and name not in _UNSEEN_NOT:
            frame.hidden = True
        if tag.attributes:
            self._look(tag, frame)
        if not frame.hidden:
            self._begin(tag, frame)
        self._stack.append(frame)
        self._open[name] = self._open.get(name, 0) + 1

    def _begin(self, tag: Tag, frame: _Frame) -> None:
        match tag.name:
            case "blockquote":
                frame.quotes += 1
            case "ul" | "menu":
                frame.items = -1
            case "ol":
                frame.items = 0
            case "li":
                self._line.append(self._bullet())
            case "td" | "th":
                if self._line and "".join(self._line).strip():
                    self._line.append("\t")
            case "a":
                frame.link = _target(tag.attributes.get("href", ""))
                if frame.link:
                    self._label = []

    def _bullet(self) -> str:
        for frame in reversed(self._stack[-4:]):
            if frame.name == "ol":
                frame.items += 1
                return f"{frame.items}. "
            if frame.name in ("ul", "menu"):
                break
        return "• "

    def _look(self, tag: Tag, frame: _Frame) -> None:
        """Is it hidden, by whatever means? And is it part of a quote?"""
        given = tag.attributes
        style = _properties(given["style"][:5000]) if "style" in given else {}
        names = _names(given.get("class", "")[:500], given.get("id", "")[:80])
        paper = style.get("background-color") or style.get("background") or given.get("bgcolor", "")
        if paper:
            frame.paper = _paper(paper, frame.paper)
        if style.get("background-image") or given.get("background"):
            frame.paper = "?"
        if (ink := colour(style.get("color") or given.get("color", "") or "-")) is not None:
            frame.ink = ink
        if self._hide and tag.name != "body":
            frame.hidden = (
                frame.hidden
                or "hidden" in given
                or (bool(style) and hides(style))
                or bool(names and names & self._hiding)
                or (ink is not None and ink in ("none", frame.paper))
                or (tag.name == "font" and given.get("size") == "0")
            )
            self.hid = self.hid or frame.hidden
        self._structure(tag, frame, names, style)

    def _structure(
        self,
        tag: Tag,
        frame: _Frame | None = None,
        names: frozenset[str] | None = None,
        style: dict[str, str] | None = None,
    ) -> None:
        """Whose program marks its quotes how. Programs that quote others' mails put x_ before their names."""
        if names is None:
            names = _names("", tag.attributes.get("id", ""))
        if not names and not (style and "border-top" in style):
            return
        plain = {name[0] + name[1:].removeprefix("x_") for name in names}
        bare = {name[1:] for name in plain}
        if plain & _CUTS or (style and _BORDER.search(style.get("border-top", ""))):
            self._next = "cut"
        elif frame is None:
            return
        elif bare & _QUOTES:
            self._next, frame.mark = "intro", "quote"
        elif bare & _INTROS:
            frame.mark = "intro"
        elif "gmail_quote" in bare and tag.name != "blockquote":
            self._next = self._next or "intro"
        elif plain & _SIGNATURES:
            frame.mark = "signature"

    def _close(self, name: str) -> None:
        while self._stack[-1].name != name:
            self._pop()
        self._pop()

    def _pop(self) -> None:
        frame = self._stack[-1]
        if len(self._stack) == 1:
            return
        if frame.link and self._label is not None:
            self._lead(frame.link)
        if frame.name in _BLOCK:
            self._break(apart=frame.apart)
        self._open[frame.name] -= 1
        self._stack.pop()

    def _lead(self, target: str) -> None:
        label = "".join(self._label or ()).strip()
        self._label = None
        if not label or _same(label, target):
            return
        blank = self._line and self._line[-1].endswith(" ")
        self._line.append(f"{'' if blank else ' '}({target})")

    # --- text ---------------------------------------------------------------------------------

    def _text(self, text: str) -> None:
        frame = self._stack[-1]
        if frame.hidden:
            if frame.name == "style" and self._hide:
                self._hiding |= hiding_names(text)
            return
        if frame.pre:
            for index, piece in enumerate(text.replace("\r\n", "\n").split("\n")):
                if index:
                    self._break()
                self._write(piece)
            return
        text = _SPACES.sub(" ", text)
        if text.startswith(" ") and (not self._line or self._line[-1][-1:] in (" ", "\t", "")):
            text = text[1:]
        self._write(text)

    def _write(self, text: str) -> None:
        if not text:
            return
        if not self._line or not any(self._line):
            self._mark = self._stack[-1].mark
        self._line.append(text)
        if self._label is not None:
            self._label.append(text)

    def _break(self, *, apart: bool = False) -> None:
        """End the line; `apart`: an empty one shall follow."""
        if self._line:
            self._end_line()
        self._gap = self._gap or apart

    def _end_line(self) -> None:
        text = "".join(self._line).replace("\xa0", " ").rstrip()
        blank = bool(self._line)
        self._line = []
        if not text.strip():
            self._gap = self._gap or blank
            return
        quotes = min(self._stack[-1].quotes, QUOTES)
        prefix = ">" * quotes + (" " if quotes else "")
        if self._gap and self._out:
            deep = min(quotes, self._deep)
            self._out.append(Line(">" * deep, "quote" if deep else ""))
        self._gap, self._deep = False, quotes
        mark: Mark = self._next or ("quote" if quotes and self._mark != "intro" else self._mark)
        self._next = ""
        self._out.append(Line(prefix + text, mark))


_properties = lru_cache(1000)(properties)


def _names(classes: str, id_: str) -> frozenset[str]:
    names = {f".{each}" for each in classes.lower().split()}
    if id_:
        names.add(f"#{id_.lower()}")
    return frozenset(names)


def _without_runs(lines: list[Line]) -> list[Line]:
    out: list[Line] = []
    for line in lines:
        if line.text or (out and out[-1].text):
            out.append(line)
    while out and not out[-1].text:
        out.pop()
    return out


def _tight(tag: Tag) -> bool:
    """A paragraph without space around it: Outlook writes each line as one."""
    if tag.attributes.get("class", "").lower().startswith(("mso", "xmso", "x_mso")):
        return True
    return (
        re.match(
            r"0(?:px|pt|cm|in|em)?(?:\s|\Z)", _properties(tag.attributes.get("style", "")[:5000]).get("margin", "")
        )
        is not None
    )


def _paper(value: str, before: str) -> str:
    if "url(" in value or "gradient" in value:
        return "?"
    found = colour(value.split(" ")[0] if not value.startswith("rgb") else value)
    return before if found == "none" else found or "?"


def _target(href: str) -> str:
    target = re.sub(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069]+", "", href)[:2000]
    return target if _LEADS.match(target) else ""


def _same(label: str, target: str) -> bool:
    """Does the label already say where it leads?"""
    bare = re.compile(r"\A(?:https?://|mailto:|tel:|ftp://)", re.IGNORECASE)
    said, real = (bare.sub("", each.strip()).rstrip("/").lower() for each in (label, target))
    if target.lower().startswith(("mailto:", "tel:")):
        said, real = re.sub(r"[\s()-]", "", said), re.sub(r"[\s()-]", "", real.partition("?")[0])
    return said == real
