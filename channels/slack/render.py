"""Our rich text as Slack shows it: blocks in which our words are data, and mrkdwn for where blocks are not shown.

In a `rich_text` block nothing is parsed, so a star stays a star and no mention can leave. The `text` beside it is what
notifications and old clients show; there `&`, `<` and `>` are escaped, and that is all that makes a mention or a link.
Source: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from channels.contract import Button
from channels.fitting import length_of
from channels.portions import portions
from channels.richtext import Block, RichText, Span, misleads

LIMIT: Final = 4000
"""UTF-16 units of one message as mrkdwn. Slack takes ten times as many, but advises this and may cut what is longer."""
LABEL_AT_MOST: Final = 75
_SAFE_LINK: Final = re.compile(r"(?:https?://|mailto:)[^\s<>|]+", re.IGNORECASE)
_EDGES: Final = re.compile(r"(\s*)(.*?)(\s*)", re.DOTALL)


def measure(text: RichText) -> int:
    """How long it is for Slack."""
    return length_of(mrkdwn(text), "utf16")


def parts(text: RichText) -> list[RichText]:
    """The same words in messages that fit."""
    return portions(text, LIMIT, measure)


def escaped(text: str) -> str:
    """Words that mean nothing to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# --- mrkdwn ----------------------------------------------------------------------------------


def mrkdwn(text: RichText) -> str:
    """The words for notifications and for clients without blocks."""
    lines: list[str] = []
    previous: Block | None = None
    for block in text.blocks:
        if previous is not None:
            lines.append("\n" if block.kind == previous.kind and block.kind in ("bullet", "number") else "\n\n")
        lines.append(_mrkdwn_block(block))
        previous = block
    return "".join(lines)


def _mrkdwn_block(block: Block) -> str:
    if block.kind == "code":
        return f"```\n{escaped(''.join(span.text for span in block.spans))}\n```"
    words = "".join(_mrkdwn_span(span, bold=block.kind == "heading") for span in block.spans)
    match block.kind:
        case "bullet":
            return f"• {words}"
        case "number":
            return f"{block.number or 1}. {words}"
        case "quote":
            return "\n".join(f"> {line}" for line in words.split("\n"))
        case _:
            return words


def _mrkdwn_span(span: Span, *, bold: bool) -> str:
    words = escaped(span.text)
    if span.href is not None and (url := _link(span.href, span.text)) is not None:
        words = f"<{escaped(url)}|{words}>" if span.text.strip() else f"<{escaped(url)}>"
    elif span.href is not None:
        words = f"{words} ({escaped(span.href)})"
    if span.code:
        return _wrapped(words, "`")
    if span.italic:
        words = _wrapped(words, "_")
    return _wrapped(words, "*") if span.bold or bold else words


def _wrapped(words: str, mark: str) -> str:
    """White space stays outside of the marks, or Slack shows them."""
    match = _EDGES.fullmatch(words)
    if match is None or not match[2] or "\n" in match[2]:
        return words
    return f"{match[1]}{mark}{match[2]}{mark}{match[3]}"


def _link(href: str, label: str) -> str | None:
    """An address that may be a link with this written on it. None: it is to be read beside the words."""
    safe = _SAFE_LINK.fullmatch(href) and len(href) <= 3000
    return href if safe and not (href[:4].lower() == "http" and misleads(label, href)) else None


# --- blocks ----------------------------------------------------------------------------------


def blocks(text: RichText, buttons: Sequence[Button] = ()) -> list[dict[str, Any]]:
    """The message as it is shown."""
    shown = list(_elements(text.blocks))
    found: list[dict[str, Any]] = [{"type": "rich_text", "elements": shown}] if shown else []
    if buttons:
        found.append({"type": "actions", "elements": [_button(button) for button in buttons]})
    return found


def _button(button: Button) -> dict[str, Any]:
    label = button.label if len(button.label) <= LABEL_AT_MOST else f"{button.label[: LABEL_AT_MOST - 1]}…"
    words = {"type": "plain_text", "text": label, "emoji": False}
    return {"type": "button", "action_id": button.id, "value": button.id, "text": words}


def _elements(found: Sequence[Block]) -> list[dict[str, Any]]:
    elements: list[dict[str, Any]] = []
    for kind, run in groupby(found, key=lambda block: _together(block)):
        group = list(run)
        match kind:
            case "bullet" | "number":
                elements.append(_list(kind, group))
            case "code":
                elements += [_code(block) for block in group if any(span.text for span in block.spans)]
            case "quote":
                elements.append({"type": "rich_text_quote", "elements": _joined(group)})
            case _:
                elements.append({"type": "rich_text_section", "elements": _joined(group)})
    return [element for element in elements if element["elements"]]


def _together(block: Block) -> str:
    return "section" if block.kind in ("paragraph", "heading") else block.kind


def _list(kind: str, group: Sequence[Block]) -> dict[str, Any]:
    items = [{"type": "rich_text_section", "elements": _joined([block]) or [_text(" ")]} for block in group]
    made: dict[str, Any] = {
        "type": "rich_text_list",
        "style": "bullet" if kind == "bullet" else "ordered",
        "elements": items,
    }
    first = group[0].number or 1
    return {**made, "offset": first - 1} if kind == "number" and first > 1 else made


def _code(block: Block) -> dict[str, Any]:
    return {"type": "rich_text_preformatted", "elements": [_text("".join(span.text for span in block.spans))]}


def _joined(group: Sequence[Block]) -> list[dict[str, Any]]:
    """Several paragraphs in one section, an empty line between them."""
    found: list[dict[str, Any]] = []
    for block in group:
        inner = [_inline(span, bold=block.kind == "heading") for span in block.spans if span.text or span.href]
        if inner and found:
            found.append(_text("\n\n"))
        found += inner
    return found


def _inline(span: Span, *, bold: bool) -> dict[str, Any]:
    style = {
        name: True
        for name, holds in (("bold", span.bold or bold), ("italic", span.italic), ("code", span.code))
        if holds
    }
    more: dict[str, Any] = {"style": style} if style else {}
    if span.href is None:
        return {**_text(span.text), **more}
    if (url := _link(span.href, span.text)) is None:
        return {**_text(f"{span.text} ({span.href})"), **more}
    return {"type": "link", "url": url, **({"text": span.text} if span.text else {}), **more}


def _text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}
