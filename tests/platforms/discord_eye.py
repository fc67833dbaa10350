"""What a reader sees of Discord's markdown, and what Discord itself would make of it: pings, pointers, links.

Written from how Discord's client behaves, not from our renderer: a test holds one against the other.
"""

from __future__ import annotations

import re

WIDTHLESS = "\u200b"
PINGS = re.compile(r"@everyone|@here|<@[!&]?\d+>", re.IGNORECASE)
"""Looked for in the raw content, escaped or not, in code or not."""
POINTERS = re.compile(r"<#\d+>|<a?:\w+:\d+>|<t:-?\d+(?::\w)?>|</[^:<>]+:\d+>|<id:\w+>")
INVITES = re.compile(r"(?:^|[^\w/.-])(?:discord\.gg|discord(?:app)?\.com/invite)/\w", re.IGNORECASE)
_TOKEN = re.compile(
    r"""
    (?P<fence>```(?:\w*\n)?(?P<fenced>[\s\S]+?)\n?```)
  | (?P<escaped>\\(?P<sign>[^0-9A-Za-z\s]))
  | (?P<ticks>(?P<tick>`+)(?P<code>[\s\S]*?[^`])(?P=tick)(?!`))
  | (?P<masked>\[(?P<label>(?:\\.|[^\[\]\\])*)\]\(<(?P<to>[^<>\s]+)>\))
  | (?P<angled><(?P<address>https?://[^\s<>]+)>)
  | (?P<bare>https?://[^\s<]+[^<.,:;"'\]\s])
  | (?P<mark>\*\*|\*|__|_|~~|\|\|)
    """,
    re.VERBOSE,
)
_LINE = re.compile(r"^(?P<blank>[ \t]*)(?P<mark>\#{1,3} |-\# |> |>>> |[-*] |\d+\. )", re.MULTILINE)


def seen(content: str) -> str:
    """The words as they are shown, marks applied and gone; characters without width are not seen."""
    text = _LINE.sub(_line, content)
    return _inline(text).replace(WIDTHLESS, "")


def links(content: str) -> list[str]:
    """Where a reader can click to."""
    found = []
    for match in _TOKEN.finditer(content):
        found += [address for name in ("to", "address", "bare") if (address := match[name])]
    return found


def marks(content: str) -> list[str]:
    """Every sign that Discord would take as formatting."""
    found = [match["mark"] for match in _LINE.finditer(content)]
    for match in _TOKEN.finditer(content):
        if match["mark"] or match["ticks"] or match["fence"] or match["masked"]:
            found.append(match.group())
    return found


def dangers(content: str) -> list[str]:
    """What must never leave: pings anywhere, pointers and invitations outside of code."""
    shown = _TOKEN.sub(lambda match: " " if match["fence"] or match["ticks"] else match.group(), content)
    found = [match.group() for match in PINGS.finditer(content)]
    return found + [match.group() for pattern in (POINTERS, INVITES) for match in pattern.finditer(shown)]


def _line(match: re.Match[str]) -> str:
    mark = match["mark"]
    if mark[0] in "-*" and mark != "-# ":
        return f"{match['blank']}• "
    return match.group() if mark[0].isdigit() else match["blank"]


def _inline(text: str) -> str:
    def shown(match: re.Match[str]) -> str:
        if match["fence"]:
            return match["fenced"]
        if match["escaped"]:
            return match["sign"]
        if match["ticks"]:
            return match["code"]
        if match["masked"]:
            return f"{_inline(match['label'])} ({match['to']})"
        if match["angled"]:
            return match["address"]
        return match.group() if match["bare"] else ""

    return _TOKEN.sub(shown, text)
