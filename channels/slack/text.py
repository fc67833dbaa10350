"""What people type in Slack, as text: its escapes and its marks in angle brackets become what a reader saw.

Source: https://docs.slack.dev/messaging/formatting-message-text#retrieving-messages
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_MARK: Final = re.compile(r"<([^<>]*)>")
_USER: Final = re.compile(r"<@([A-Za-z0-9_.-]{1,40})(?:\|[^<>]*)?>")
_LINK: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}:")
_BROADCASTS: Final = ("here", "channel", "everyone")
MENTIONS_AT_MOST: Final = 20
"""People whose names are looked up for one message."""


def unescaped(text: str) -> str:
    """`&amp;`, `&lt;` and `&gt;`; Slack escapes nothing else."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if "&" in text else text


def mentioned(text: str) -> list[str]:
    """Ids of people who are named in a raw text, in order, each once; so many at most."""
    return list(dict.fromkeys(match[1] for match in _USER.finditer(text)))[:MENTIONS_AT_MOST]


def mentions(text: str, user: str, name: str = "") -> bool:
    """Does a raw text name this one? `name`: as it stands where the mention did not become a mark."""
    if user and any(match[1] == user for match in _USER.finditer(text)):
        return True
    return bool(name) and re.search(rf"(?<![\w@<]){_typed(name)}", text, re.IGNORECASE) is not None


def _typed(name: str) -> str:
    return rf"@{re.escape(name)}(?![\w-])"


def plain(text: str, names: Mapping[str, str], us: str = "", name: str = "") -> str:
    """A raw text as a reader sees it. A mention of us at its beginning is left out: it is how one speaks to us."""
    ours = [rf"<@{re.escape(us)}(?:\|[^<>]*)?>"] * bool(us) + [_typed(name)] * bool(name)
    opening = re.match(rf"\s*(?:{'|'.join(ours)})[\s,:]*", text, re.IGNORECASE) if ours else None
    if opening is not None:
        text = text[opening.end() :]
    return unescaped(_MARK.sub(lambda match: _shown(match[1], names) or match[0], text))


def _shown(mark: str, names: Mapping[str, str]) -> str:
    """What stands for one mark; empty: it is none that we know, and stays as it is."""
    target, _, label = mark.partition("|")
    kind, name = target[:1], target[1:]
    if kind == "@":
        return f"@{names.get(name) or label or name}"
    if kind == "#":
        return f"#{label or name}"
    if kind == "!":
        return _special(name, label)
    if not _LINK.match(target):
        return ""
    bare = target.removeprefix("mailto:").removeprefix("tel:")
    same = {address.rstrip("/") for address in (target, bare, target.partition("://")[2])}
    if not label or label.rstrip("/") in same:
        return bare
    return f"{label} ({target})"  # the real target, whatever the label pretends


def _special(name: str, label: str) -> str:
    word, _, rest = name.partition("^")
    if word in _BROADCASTS:
        return f"@{word}"
    if word == "subteam":
        return label if label.startswith("@") else f"@{label or rest}"
    return label


def of_blocks(message: Mapping[str, Any], *, at_most: int = 20_000) -> str:
    """The words of a message that has none in its `text`: from its blocks, else from what is attached or shared."""
    found: list[str] = []
    for block in _dicts(message.get("blocks")):
        found.append("".join(_words(block, depth=0)))
    for attached in _dicts(message.get("attachments")):
        said = attached.get("text") or attached.get("fallback")
        found.append(said if isinstance(said, str) else "")
    return "\n".join(part for part in found if part.strip())[:at_most]


def of_shared(message: Mapping[str, Any], *, at_most: int = 20_000) -> str:
    """The words of the messages that somebody has passed on with their own."""
    found = [
        f"[forwarded]\n{said}"
        for attached in _dicts(message.get("attachments"))
        if attached.get("is_share") is True
        and isinstance(said := attached.get("text") or attached.get("fallback"), str)
        and said.strip()
    ]
    return "\n".join(found)[:at_most]


def _words(node: Any, *, depth: int) -> Iterator[str]:
    """The raw words in a block, in their order."""
    if depth > 8:
        return
    if isinstance(node, list):
        for each in node:
            yield from _words(each, depth=depth + 1)
    elif isinstance(node, dict):
        match node.get("type"):
            case "user":
                yield f"<@{node.get('user_id', '')}>"
            case "link":
                yield f"<{node.get('url', '')}|{node.get('text', '') or node.get('url', '')}>"
            case "emoji":
                yield f":{node.get('name', '')}:"
            case "text" | "mrkdwn" | "plain_text" if isinstance(node.get("text"), str):
                yield node["text"]
            case "section" | "header" | "context" | "rich_text":
                yield from _words([node.get("text"), node.get("fields"), node.get("elements")], depth=depth + 1)
            case _:
                yield from _words(node.get("elements"), depth=depth + 1)
                if str(node.get("type", "")).startswith("rich_text"):
                    yield "\n"


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
