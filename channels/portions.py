"""Cuts a rich text into portions that each fit into one message of a platform, as it is rendered there.

Between blocks where that is possible, else where a reader would cut the words (`channels.fitting`); a list goes on as
a list, code as code, a link keeps its address on both sides of a cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from channels.fitting import good_cut
from channels.richtext import Block, RichText, Span

Measure = Callable[[RichText], int]
"""How long this is when it is rendered, in the platform's own unit. More words never make it shorter."""


def portions(text: RichText, limit: int, measure: Measure) -> list[RichText]:
    """In the order of the words; nothing but white space at the cuts is lost. A text that fits comes back alone.

    Raises `ValueError` where not even a single character of a block fits into `limit`.
    """
    if measure(text) <= limit:
        return [text]
    found: list[RichText] = []
    gathered: list[Block] = []
    rest = list(reversed(text.blocks))
    while rest:
        block = rest.pop()
        if measure(RichText(blocks=(*gathered, block))) <= limit:
            gathered.append(block)
        elif gathered:
            found.append(RichText(blocks=tuple(gathered)))
            gathered = []
            rest.append(block)
        else:
            head, tail = _halves(block, limit, measure)
            found.append(RichText(blocks=(head,)))
            if tail is not None:
                rest.append(tail)
    if gathered:
        found.append(RichText(blocks=tuple(gathered)))
    return [portion for portion in found if portion.plain().strip()]


def _halves(block: Block, limit: int, measure: Measure) -> tuple[Block, Block | None]:
    """What of a block fits alone, as much of it as a good cut allows, and the rest of it."""
    words = "".join(span.text for span in block.spans)

    def fits(end: int) -> bool:
        return measure(RichText(blocks=(_part(block, 0, end),))) <= limit

    low, high = 0, min(len(words), limit)  # nothing is rendered shorter than it is
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    if low == 0:
        raise ValueError(f"a limit of {limit} holds no character of a {block.kind}")
    if low == len(words):
        return block, None
    cut = good_cut(words, low)
    if not fits(cut):  # a link whose label was cut may have to show its address
        cut = low
    start = cut
    while start < len(words) and words[start].isspace():
        start += 1
    rest = _part(block, start, len(words))
    # What goes on is no new item of its list.
    tail = replace(rest, kind="paragraph", number=None) if block.kind in ("bullet", "number", "heading") else rest
    return _part(block, 0, cut), tail if start < len(words) else None


def _part(block: Block, start: int, end: int) -> Block:
    """The characters from start to end, each in its style."""
    spans: list[Span] = []
    at = 0
    for span in block.spans:
        low, high = max(start - at, 0), min(end - at, len(span.text))
        if low < high:
            spans.append(replace(span, text=span.text[low:high]))
        at += len(span.text)
    return replace(block, spans=tuple(spans))
