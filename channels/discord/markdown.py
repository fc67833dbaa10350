"""Our small rich text as Discord shows it. Our words stay words: none of them formats, links, pings or unfolds.

Discord's reader takes a backslash before any sign; mentions it also looks for where none is shown, so those are broken
by a character without width. Addresses stand in <>, as they are and without a preview.
"""

from __future__ import annotations

import re
from typing import Final

from channels.fitting import length_of
from channels.richtext import Block, RichText, Span

LIMIT: Final = 2000
"""Of one message. Discord counts characters; UTF-16 units are never fewer."""
NOTHING: Final = "\u200b"
"""Has no width."""

_UNSEEN = "\x00-\x20\x7f-\xa0\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
"""In no address; what stands behind one may look like another."""
_URL = re.compile(rf"https?://[^\s<>\\`|*\"'\[\]{{}}^{_UNSEEN}]+", re.IGNORECASE)
_URL_END = re.compile(r"[.,:;!?)_~]+$")
_SIGNS = re.compile(r"[\\*_~|`<>\[\]]")
_LINE_START = re.compile(r"^([^\S\n]*)(#|-|\+|>|\d+(?=[.)]))", re.MULTILINE)
_SCHEME = re.compile(r"(?:https?|steam|discord):(?=//)", re.IGNORECASE)
"""What is no address after all: Discord would take it for one, with our backslashes in it."""
_EMOJI = re.compile(r":(?=[\w+~-]+:)")
_PING = re.compile(r"@(?=everyone|here|[!&]?\d)", re.IGNORECASE)
_CALL = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
_POINTER = re.compile(r"<(?=@|#|:|a:|t:|id:|sound:|/[^>]*:)", re.IGNORECASE)
_INVITE = re.compile(r"(discord)(?=\.gg/|\.com/invite/|\.com/template/|\.new/|app\.com/invite/|\.gift/)", re.IGNORECASE)
_LABEL = re.compile(r"[\[\]()<>\\`\n]|\w\.\w|://")
_ADDRESS = re.compile(rf"https?://[^\s<>\\\"`|{_UNSEEN}]+", re.IGNORECASE)
_HIDDEN_INVITE = re.compile(r"[^\w/.-]discord(?:\.gg|(?:app)?\.com/invite)/", re.IGNORECASE)


def length(text: RichText) -> int:
    """How long this is as it is sent, in `LIMIT`'s unit."""
    return length_of(render(text), "utf16")


def render(text: RichText) -> str:
    """As the content of a message."""
    lines: list[str] = []
    previous: Block | None = None
    for block in text.blocks:
        if previous is not None:
            together = block.kind == previous.kind and block.kind in ("bullet", "number", "quote")
            lines.append("\n" if together else "\n\n")
        lines.append(_block(block))
        previous = block
    return _CALL.sub(f"@{NOTHING}", "".join(lines))  # once more over all: a word may stand in two styles


def _block(block: Block) -> str:
    if block.kind == "code":
        words = unpinged("".join(span.text for span in block.spans))
        return "```\n" + words.replace("``", f"`{NOTHING}`").replace("``", f"`{NOTHING}`").strip("\n") + "\n```"
    inner = _spans(block)
    match block.kind:
        case "heading":
            return f"## {' '.join(inner.split(chr(10)))}" if inner.strip() else inner
        case "bullet":
            return "- " + inner.replace("\n", "\n  ")
        case "number":
            return f"{block.number or 1}. " + inner.replace("\n", "\n   ")
        case "quote":
            return "\n".join(f"> {line}" for line in inner.split("\n"))
        case _:
            return inner


def _spans(block: Block) -> str:
    found: list[str] = []
    starts = True
    for span in block.spans:
        piece = _span(span, starts=starts)
        if found and piece and found[-1][-1:] in "*`_\\" and piece[0] in "*`_":
            found.append(NOTHING)  # two styles beside each other are two styles
        if piece:
            found.append(piece)
        if span.text:
            last = span.text.rpartition("\n")[2]
            starts = not last.strip() and ("\n" in span.text or starts)
    return "".join(found)


def _span(span: Span, *, starts: bool) -> str:
    if span.href is not None:
        return _styled(_link(span, span.href, starts=starts), span)
    if span.code and "`" not in span.text and "\n" not in span.text and span.text.strip():
        return _styled(f"`{unpinged(span.text)}`", span)
    return _styled(escaped(span.text, starts=starts), span)


def _styled(words: str, span: Span) -> str:
    """White space stays outside of the marks, else they are none."""
    core = words.strip()
    marks = ("**" if span.bold else "") + ("*" if span.italic else "")
    if not core or not marks or "\n\n" in core:
        return words
    at = words.index(core)
    return f"{words[:at]}{marks}{core}{marks[::-1]}{words[at + len(core) :]}"


def _link(span: Span, href: str, *, starts: bool) -> str:
    words = span.text.strip()
    if not _is_address(href):  # mail, or an address that cannot stand in <>
        shown = href.removeprefix("mailto:")
        return escaped(span.text if shown == words else f"{span.text} ({shown})", starts=starts)
    if not words or words == href:
        return f"<{_unfolded(href)}>"
    if _LABEL.search(span.text) or "(" in href or ")" in href:  # a label that looks like an address is no label
        return f"{escaped(span.text, starts=starts)} (<{_unfolded(href)}>)"
    return f"[{escaped(span.text, starts=starts)}](<{_unfolded(href)}>)"


def escaped(text: str, *, starts: bool = True) -> str:
    """Words as words. starts: they begin a line."""
    found: list[str] = []
    at = 0
    for match in _URL.finditer(text):
        address = _URL_END.sub("", match.group())
        if not _is_address(address):
            continue
        found.append(_words(text[at : match.start()], starts=starts and not found))
        found.append(f"<{_unfolded(address)}>")
        at = match.start() + len(address)
    found.append(_words(text[at:], starts=starts and not found))
    return "".join(found)


def _is_address(text: str) -> bool:
    """One that can stand in <>, and in which Discord finds no invitation."""
    return _ADDRESS.fullmatch(text) is not None and _HIDDEN_INVITE.search(text) is None


def _words(text: str, *, starts: bool) -> str:
    text = _SIGNS.sub(lambda match: "\\" + match.group(), _pointless(text))
    text = _EMOJI.sub(r"\\:", _SCHEME.sub(rf"\g<0>{NOTHING}", text))
    escape = _LINE_START.sub(_start, text) if starts else _later_lines(text)
    return _INVITE.sub(rf"\1{NOTHING}", escape)


def _pointless(text: str) -> str:
    """Without what Discord looks for even where it shows nothing: pings, and pointers to people, roles, channels."""
    return _POINTER.sub(f"<{NOTHING}", unpinged(text))


def unpinged(text: str) -> str:
    return _PING.sub(f"@{NOTHING}", text)


def _later_lines(text: str) -> str:
    first, line, rest = text.partition("\n")
    return first + line + _LINE_START.sub(_start, rest) if line else text


def _start(match: re.Match[str]) -> str:
    blank, sign = match.groups()
    return f"{blank}{sign}\\" if sign.isdigit() else f"{blank}\\{sign}"


def _unfolded(address: str) -> str:
    """For <>. An address never pings, but what reads the raw text may think so."""
    return _CALL.sub("%40", address)
