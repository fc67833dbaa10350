"""HTML as a row of tags and texts, however broken. Linear in its length, whatever is nested or never closed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9:_-]{0,40}")
_ATTRIBUTE: Final = re.compile(r"[\s/]*([^\s=>/\"'<][^\s=>/]{0,200})(\s*=\s*)?")
_OPEN: Final = re.compile("<[A-Za-z/!?]")
_BLANK: Final = re.compile(r"[\s/]*")
_BARE: Final = re.compile(r"[^\s>]{0,100000}")
RAW: Final = frozenset({"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"})
"""Elements in which there are no tags."""
ATTRIBUTES: Final = 60
"""Of one tag; the others are passed over."""


@dataclass(frozen=True, slots=True)
class Tag:
    """`name` in small letters. `closing`: </name>."""

    name: str
    closing: bool
    attributes: dict[str, str]
    end: int
    """Where the text after it begins."""


def tokens(html: str) -> Iterator[Tag | str]:
    """Tags, and texts with their entities resolved. Comments and declarations are left out."""
    reader = _Reader(html)
    position = 0
    while position < len(html):
        found = _OPEN.search(html, position)
        if found is None:
            yield unescape(html[position:])
            return
        open_ = found.start()
        if open_ > position:
            yield unescape(html[position:open_])
        following = html[open_ + 1 : open_ + 2]
        if following in ("!", "?"):
            position = reader.declaration(open_)
            continue
        closing = following == "/"
        name = _NAME.match(html, open_ + 1 + closing)
        if name is None:
            if closing and html[open_ + 2 : open_ + 3] == ">":
                position = open_ + 3
                continue
            yield "<"
            position = open_ + 1
            continue
        tag, position = reader.tag(name[0].lower(), name.end(), closing=closing)
        yield tag
        if tag.name in RAW and not closing:
            end = reader.end_of(tag.name, position)
            yield unescape(html[position:end]) if tag.name in ("title", "textarea") else html[position:end]
            position = end


class _Reader:
    """Remembers what is not to be found any more, so that nothing is searched twice to the end."""

    def __init__(self, html: str) -> None:
        self._html = html
        self._missing: set[str] = set()
        self._lower: str | None = None

    def _find(self, what: str, start: int) -> int:
        if what in self._missing:
            return -1
        found = self._html.find(what, start)
        if found < 0:
            self._missing.add(what)
        return found

    def declaration(self, open_: int) -> int:
        """Where a comment or a declaration ends."""
        html = self._html
        if html.startswith("<!--", open_):
            if html.startswith(("<!-->", "<!--->"), open_):
                return html.index(">", open_) + 1
            end = self._find("-->", open_ + 4)
            if end >= 0:
                return end + 3
        elif html.startswith("<![CDATA[", open_):
            end = self._find("]]>", open_)
            if end >= 0:
                return end + 3
        end = self._find(">", open_)
        return len(html) if end < 0 else end + 1

    def end_of(self, name: str, start: int) -> int:
        """Where the raw text of an element ends."""
        if self._lower is None:
            lower = self._html.lower()
            # A few letters grow in small print; then places would not agree.
            self._lower = lower if len(lower) == len(self._html) else self._html
        close = f"</{name}"
        if f"raw{close}" in self._missing:
            return start
        found = self._lower.find(close, start)
        if found < 0:
            self._missing.add(f"raw{close}")
            # What is never closed would swallow the whole mail. Scripts and styles may.
            return len(self._html) if name in ("script", "style") else start
        return found

    def tag(self, name: str, position: int, *, closing: bool) -> tuple[Tag, int]:
        html, attributes, size = self._html, dict[str, str](), len(self._html)
        while position < size:
            if html[position] == ">":
                return Tag(name, closing, attributes, position + 1), position + 1
            if html[position] == "<":  # the tag before was never ended
                return Tag(name, closing, attributes, position), position
            found = _ATTRIBUTE.match(html, position)
            if found is None:
                blank = _BLANK.match(html, position)
                position = max(position + 1, blank.end() if blank else 0)
                if html[position - 1] == ">":
                    return Tag(name, closing, attributes, position), position
                continue
            value, position = self._value(found.end()) if found[2] else ("", found.end())
            if len(attributes) < ATTRIBUTES:
                attributes.setdefault(found[1].lower(), value)
        return Tag(name, closing, attributes, size), size

    def _value(self, start: int) -> tuple[str, int]:
        quote = self._html[start : start + 1]
        if quote in ("'", '"') and quote:
            end = self._find(quote, start + 1)
            if end >= 0:
                return unescape(self._html[start + 1 : min(end, start + 100_001)]), end + 1
            start += 1
        bare = _BARE.match(self._html, start)
        return (unescape(bare[0]), bare.end()) if bare else ("", start + 1)
