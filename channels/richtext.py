"""A small rich text: what every platform can show, and nothing that only one of them can.

A text is a tuple of blocks, a block holds spans. It is data: adapters render it to their platform's markup,
so markup in a customer's or an article's words is never mistaken for ours.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

BlockKind = Literal["paragraph", "heading", "bullet", "number", "code", "quote"]
BLOCK_KINDS: frozenset[str] = frozenset({"paragraph", "heading", "bullet", "number", "code", "quote"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A run of characters in one style. `href` is an absolute http(s) or mailto address, or None."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False
    href: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One paragraph, heading, list item, code block or quoted paragraph."""

    kind: BlockKind
    spans: tuple[Span, ...]
    number: int | None = None
    """Of a numbered item: the number it shows."""

    def plain(self) -> str:
        text = "".join(_plain_span(span) for span in self.spans)
        match self.kind:
            case "bullet":
                return f"• {text}"
            case "number":
                return f"{self.number or 1}. {text}"
            case "quote":
                return "\n".join(f"> {line}" for line in text.split("\n"))
            case _:
                return text


@dataclass(frozen=True, slots=True, kw_only=True)
class RichText:
    """The words of a message."""

    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, text: str) -> RichText:
        """Plain words: one paragraph for each run of lines between empty lines. Nothing is parsed."""
        parts = [part for part in text.split("\n\n") if part.strip()]
        return cls(blocks=tuple(Block(kind="paragraph", spans=(Span(text=part.strip("\n")),)) for part in parts))

    def plain(self) -> str:
        """The words without markup; links keep their address in brackets, list items their marks."""
        lines: list[str] = []
        previous: Block | None = None
        for block in self.blocks:
            if previous is not None:
                together = block.kind == previous.kind and block.kind in ("bullet", "number")
                lines.append("\n" if together else "\n\n")
            lines.append(block.plain())
            previous = block
        return "".join(lines)

    def __add__(self, other: RichText) -> RichText:
        return RichText(blocks=self.blocks + other.blocks)

    def to_json(self) -> list[dict[str, Any]]:
        """For storage: a list of `{"kind", "spans": [{"text", …}], "number"?}`; false styles are left out."""
        return [_block_json(block) for block in self.blocks]

    @classmethod
    def from_json(cls, data: Sequence[Mapping[str, Any]]) -> RichText:
        """The inverse of `to_json`. Unknown block kinds become paragraphs, so that older code reads newer rows."""
        return cls(blocks=tuple(_block_from(item) for item in data))


_HOST: Final = re.compile(
    r"(?<![\w.-])(?:[a-z][a-z0-9+.-]{0,20}://)?((?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,63})", re.IGNORECASE
)
"""What a reader takes for an address; without a scheme, too."""


@functools.lru_cache(maxsize=512)  # it is asked anew at each measuring of a part
def misleads(label: str, href: str) -> bool:
    """Does what is written on a link name another host than the one it leads to? Then the address is to be shown."""
    if "." not in label and label.isascii():
        return False
    target = unicodedata.normalize("NFKC", href).partition("://")[2].casefold().removeprefix("www.")
    host = re.split(r"[/?#\\]", target, maxsplit=1)[0].rpartition("@")[2].partition(":")[0]
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", label) if unicodedata.category(sign) != "Cf")
    return any(match[1].casefold().removeprefix("www.") != host for match in _HOST.finditer(seen))


def _plain_span(span: Span) -> str:
    if span.href is None or span.href.removeprefix("mailto:") == span.text:
        return span.text
    return f"{span.text} ({span.href})" if span.text else span.href


def _block_json(block: Block) -> dict[str, Any]:
    spans = [
        {
            "text": span.text,
            **{style: True for style in ("bold", "italic", "code") if getattr(span, style)},
            **({"href": span.href} if span.href is not None else {}),
        }
        for span in block.spans
    ]
    data: dict[str, Any] = {"kind": block.kind, "spans": spans}
    if block.number is not None:
        data["number"] = block.number
    return data


def _block_from(item: Mapping[str, Any]) -> Block:
    kind: BlockKind = item["kind"] if item.get("kind") in BLOCK_KINDS else "paragraph"
    return Block(
        kind=kind,
        number=item.get("number"),
        spans=tuple(
            Span(
                text=span["text"],
                bold=bool(span.get("bold")),
                italic=bool(span.get("italic")),
                code=bool(span.get("code")),
                href=span.get("href"),
            )
            for span in item["spans"]
        ),
    )
