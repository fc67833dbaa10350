"""Our words as Telegram shows them: a plain text, and entities that say where it is bold, code or a link.

No markup is ever written, so none in somebody's words can be read as ours. What Telegram would make a mention or a
command of by itself is shown as code, which it leaves alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from telegram import MessageEntity

from channels.fitting import length_of
from channels.portions import portions
from channels.richtext import Block, RichText, Span, misleads

LONGEST: Final = 4096
"""UTF-16 units of one message."""
LONGEST_CAPTION: Final = 1024
ENTITIES: Final = 100
"""Of one message; what is more Telegram drops."""
_ALIVE: Final = re.compile(r"(?<![A-Za-z0-9_])@[A-Za-z0-9_]{2,}|(?<![A-Za-z0-9_/])/[A-Za-z0-9_]+(?:@[A-Za-z0-9_]+)?")
"""@somebody, and /something that could be tapped; the end of a mail's or a page's address is neither."""
_LINKS: Final = ("http://", "https://")

Style = Literal["bold", "italic", "code", "pre", "blockquote", "text_link"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A style over characters [begin, end) of a text; `url` of a link."""

    style: Style
    begin: int
    end: int
    url: str | None = None


def rendered(text: RichText) -> tuple[str, list[MessageEntity]]:
    """The words without white space around them, and their entities in UTF-16 units."""
    words, marks = _marked(text)
    return words, [_entity(words, mark) for mark in marks]


def length(text: RichText) -> int:
    """UTF-16 units, or more than any message holds where it has too many entities."""
    words, marks = _marked(text)
    return length_of(words, "utf16") if len(marks) <= ENTITIES else LONGEST + len(words) + len(marks)


def _marked(text: RichText) -> tuple[str, list[Mark]]:
    words, marks = _written(text)
    begin = len(words) - len(words.lstrip())
    words = words.strip()
    moved = [replace(mark, begin=max(0, mark.begin - begin), end=min(len(words), mark.end - begin)) for mark in marks]
    shown = _trimmed(words, moved)  # a style over nothing guards nothing
    guards = _guards(words, [mark for mark in shown if mark.style in ("code", "pre", "text_link")])
    kept = _trimmed(words, (part for mark in shown for part in _around(mark, guards)))
    return words, sorted([*kept, *guards], key=lambda mark: (mark.begin, -mark.end))


def parts(text: RichText) -> Sequence[RichText]:
    """In messages that Telegram takes."""
    return portions(text, LONGEST, length)


# --- writing ---------------------------------------------------------------------------------------


def _written(text: RichText) -> tuple[str, list[Mark]]:
    """All blocks, as `RichText.plain` would put them, without marks that a style says better."""
    words, marks = "", list[Mark]()
    previous: Block | None = None
    for block in text.blocks:
        if previous is not None:
            together = block.kind == previous.kind and block.kind in ("bullet", "number")
            words += "\n" if together else "\n\n"
        words += {"bullet": "• ", "number": f"{block.number or 1}. "}.get(block.kind, "")
        begin = len(words)
        for span in block.spans:
            start, shown = len(words), _shown(span)
            words += shown
            marks += _styles(block, span, start, start + len(shown))
        over: Style | None = {"code": "pre", "quote": "blockquote"}.get(block.kind)  # type: ignore[assignment]
        if over is not None:
            marks.append(Mark(style=over, begin=begin, end=len(words)))
        previous = block
    return words, marks


def _shown(span: Span) -> str:
    """Its words; an address that Telegram cannot put behind them stands beside."""
    text, href = storable(span.text), span.href
    if href is None or href.removeprefix("mailto:") == text:
        return text
    if _is_link(span):
        return text or href
    return f"{text} ({storable(href)})" if text else storable(href)


def _is_link(span: Span) -> bool:
    """Can the address stand behind the words? Not behind those that pretend another."""
    return span.href is not None and span.href.startswith(_LINKS) and not misleads(span.text, span.href)


def storable(text: str) -> str:
    """Without what no form can carry: lone surrogates and NUL."""
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _styles(block: Block, span: Span, begin: int, end: int) -> Iterator[Mark]:
    if block.kind == "code":
        return  # nothing may stand in it
    if _is_link(span):
        yield Mark(style="text_link", begin=begin, end=end, url=span.href)
    elif span.code:
        yield Mark(style="code", begin=begin, end=end)
        return
    if span.bold or block.kind == "heading":
        yield Mark(style="bold", begin=begin, end=end)
    if span.italic:
        yield Mark(style="italic", begin=begin, end=end)


def _trimmed(words: str, marks: Iterable[Mark]) -> list[Mark]:
    """Without white space at their ends, which Telegram would take off, and without those of which nothing is left."""
    found = []
    for mark in marks:
        begin, end = mark.begin, mark.end
        while begin < end and words[begin].isspace():
            begin += 1
        while end > begin and words[end - 1].isspace():
            end -= 1
        if begin < end:
            found.append(replace(mark, begin=begin, end=end))
    return found


def _guards(words: str, safe: Sequence[Mark]) -> list[Mark]:
    """Code over whatever Telegram would make alive, as far as no style stands there that keeps it from doing so.

    Also over what is left beside such a style: how far Telegram reads a name is its own affair.
    """
    found = []
    for alive in _ALIVE.finditer(words):
        begin = alive.start()
        for mark in safe:  # in their order
            if begin < mark.end and mark.begin < alive.end():
                found.append(Mark(style="code", begin=begin, end=mark.begin))
                begin = mark.end
        found.append(Mark(style="code", begin=begin, end=alive.end()))
    return [guard for guard in found if guard.begin < guard.end]


def _around(mark: Mark, guards: Sequence[Mark]) -> Iterator[Mark]:
    """What is left of bold and italic beside code: the two cannot go together."""
    begin = mark.begin
    for guard in guards if mark.style in ("bold", "italic") else ():
        if begin < guard.end and guard.begin < mark.end:
            yield replace(mark, begin=begin, end=guard.begin)
            begin = guard.end
    yield replace(mark, begin=begin)


def _entity(words: str, mark: Mark) -> MessageEntity:
    return MessageEntity(
        type=mark.style,
        offset=length_of(words[: mark.begin], "utf16"),
        length=length_of(words[mark.begin : mark.end], "utf16"),
        url=mark.url,
    )
