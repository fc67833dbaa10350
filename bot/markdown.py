"""Markdown to our rich text: what every platform can show, and nothing that could be mistaken for markup.

CommonMark and tables. Raw HTML is dropped to its text, an image to its alternative text, a link whose address is not
http, https or mailto to its words. What rich text has no form for becomes the nearest form it has: a nested list item
an item, a table row a bullet whose cells are parted by " · ".
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from channels.richtext import Block, BlockKind, RichText, Span

_UNSEEN = ("script", "style", "template")
"""Elements whose content is no text for people."""
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<[!?][^<>]*>")
_HOST = re.compile(r"[\w.:-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def markdown_to_richtext(markdown: str) -> RichText:
    """The rich text of a whole Markdown text. Takes any str, never raises."""
    return richtext(parse(markdown))


def parse(markdown: str) -> list[Token]:
    """The block tokens, each with its lines in `map` (from 0, end excluded)."""
    return _PARSER.parse(markdown)


def richtext(tokens: Iterable[Token]) -> RichText:
    """The rich text of block tokens as `parse` gives them, or of a slice between two headings."""
    walk = _Walk()
    for token in tokens:
        walk.take(token)
    return RichText(blocks=tuple(walk.blocks))


def safe_href(href: str) -> str | None:
    """The address if it is an absolute http, https or mailto one, else None."""
    if _CONTROL.search(href) or any(character.isspace() for character in href):
        return None
    try:
        parts = urlsplit(href)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme in ("http", "https"):
        return href if host and _HOST.fullmatch(host) else None
    return href if parts.scheme == "mailto" and parts.path else None


def text_of_html(markup: str) -> str:
    """The words of HTML: without tags, comments, scripts and styles, entities resolved. Linear in its length."""
    markup = _without(markup, "<!--", "-->")
    for name in _UNSEEN:
        markup = _without(markup, f"<{name}", f"</{name}>")
    text = html.unescape(_TAG.sub(" ", markup))
    return " ".join(_CONTROL.sub("", text).split())


def _without(text: str, opening: str, closing: str) -> str:
    """Cut everything from each opening to its closing mark; an unclosed one reaches to the end."""
    folded, parts, at = _fold(text), [], 0
    while (start := folded.find(opening, at)) >= 0:
        parts.append(text[at:start])
        end = folded.find(closing, start + len(opening))
        if end < 0:
            return "".join(parts)
        at = end + len(closing)
    return "".join([*parts, text[at:]])


def _fold(text: str) -> str:
    """Lower case of ASCII letters only: the length stays, which str.lower does not promise."""
    return text.translate(_LOWER)


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        # Otherwise a refused link stays as its source, "[here](javascript:…)"; `safe_href` keeps the words only.
        return True


_PARSER = _Markdown("commonmark").enable("table")


@dataclass(slots=True)
class _List:
    kind: BlockKind
    number: int


@dataclass(slots=True)
class _Walk:
    """The blocks so far, and where in the tree of tokens we stand."""

    blocks: list[Block] = field(default_factory=list)
    lists: list[_List] = field(default_factory=list)
    quotes: int = 0
    heading: bool = False
    item_begins: bool = False
    cells: list[tuple[Span, ...]] | None = None

    def take(self, token: Token) -> None:
        match token.type:
            case "heading_open" | "heading_close":
                self.heading = token.nesting == 1
            case "bullet_list_open":
                self.lists.append(_List(kind="bullet", number=0))
            case "ordered_list_open":
                self.lists.append(_List(kind="number", number=int(token.attrGet("start") or 1) - 1))
            case "bullet_list_close" | "ordered_list_close":
                self.lists.pop()
            case "list_item_open":
                self.item_begins = True
                self.lists[-1].number += 1
            case "blockquote_open" | "blockquote_close":
                self.quotes += token.nesting
            case "tr_open":
                self.cells = []
            case "tr_close":
                self._row()
            case "inline":
                self._words(spans_of(token.children or ()))
            case "fence" | "code_block":
                self._add("code", (Span(text=_CONTROL.sub("", token.content).rstrip("\n")),))
            case "html_block":
                self._words((Span(text=text_of_html(token.content)),))
            case _:
                pass

    def _words(self, spans: tuple[Span, ...]) -> None:
        if self.cells is not None:
            self.cells.append(spans)
        elif self.heading:
            self._add("heading", spans)
        elif self.item_begins and self.lists:
            kind = self.lists[-1].kind
            self._add(kind, spans, number=self.lists[-1].number if kind == "number" else None)
        else:
            self._add("quote" if self.quotes else "paragraph", spans)

    def _row(self) -> None:
        spans: list[Span] = []
        for cell in self.cells or ():
            spans += [Span(text=" · "), *cell] if spans and cell else cell
        self.cells = None
        self._add("bullet", tuple(spans))

    def _add(self, kind: BlockKind, spans: tuple[Span, ...], *, number: int | None = None) -> None:
        if any(span.text.strip() for span in spans):
            self.blocks.append(Block(kind=kind, spans=spans, number=number))
            self.item_begins = self.item_begins and kind == "code"


def spans_of(children: Sequence[Token]) -> tuple[Span, ...]:
    """The spans of an inline token's children; neighbours of one style are joined."""
    spans: list[Span] = []
    style = Span(text="")
    bold = italic = 0
    for token in children:
        match token.type:
            case "strong_open" | "strong_close":
                bold += token.nesting
            case "em_open" | "em_close":
                italic += token.nesting
            case "link_open":
                style = replace(style, href=safe_href(str(token.attrGet("href") or "")))
            case "link_close":
                style = replace(style, href=None)
            case _:
                text = _text_of(token)
                span = replace(style, text=text, bold=bold > 0, italic=italic > 0, code=token.type == "code_inline")
                _join(spans, span)
    return tuple(spans)


def _text_of(token: Token) -> str:
    match token.type:
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "html_inline":
            return "\n" if _fold(token.content).startswith("<br") else ""
        case "image":
            return "".join(_text_of(child) for child in token.children or ())
        case _:
            return _CONTROL.sub("", token.content)


def _join(spans: list[Span], span: Span) -> None:
    if not span.text:
        return
    if spans and replace(spans[-1], text=span.text) == span:
        span = replace(span, text=spans.pop().text + span.text)
    spans.append(span)
