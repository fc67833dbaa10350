"""A mail that could not be delivered, come back: whose, why, and which of ours it was.

RFC 3464 where its sender follows it; else what the usual mail servers write. What makes a mail a bounce: `bouncesigns.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from channels.mail import bouncewords as words
from channels.mail.addresses import Person, message_ids, people
from channels.mail.bouncesigns import ORIGINALS, REPORTS, Words, is_complaint, recognised, split
from channels.mail.fields import Head, read_head, unfolded
from channels.mail.parts import Part, content

LOOKED_AT: Final = 60_000
"""Bytes of a part, or characters of a text, that are searched."""
ADDRESSES: Final = 100
"""Of a notice, of which one is the recipient."""

_STATUS: Final = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\d|\.\d)")
_AFTER_CODE: Final = re.compile(r"(?<![\d.])[45]\d\d[ -](?:[45]\d\d[ -])?#?([45]\.\d{1,3}\.\d{1,3})(?!\d|\.\d)")
_SAID_STATUS: Final = re.compile(r"(?<![\d.v-])([45]\.[0-7]\.\d{1,3})(?!\d|\.\d)")
_CODE: Final = re.compile(r"(?<![\d.:/-])([45][0-7]\d)(?=[ -](?![\d:/]))")
_ID: Final = re.compile(
    r"^[ \t>|*]*(?:Original-)?Message-?ID[ \t]*:[ \t]*\n?[ \t>|]*(<[^<>\s]{1,990}>|[^<>\s@]{1,490}@[^<>\s]{1,490})",
    re.IGNORECASE | re.MULTILINE,
)
_ADDRESS: Final = re.compile(
    r"(?<![A-Za-z0-9.!#$%&'*+/=?^_`{|}~-])[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*"
)
_ANY_ADDRESS: Final = re.compile(r"[^\s<>()\[\],;:\"@]{1,64}@[^\s<>()\[\],;:\"@/]{1,255}")
_NEAR: Final = re.compile(
    r"recipient|address|user|mailbox|deliver|rcpt|failed|failure|unknown|undeliver|reject|empf(?:ä|ae)nger|adress|destinat|destinazione|получател|адрес|宛|收件|받는|recebedor|ontvanger|odbiorc|modtager|mottaga|alıcı|címzett|příjemc|vastaanottaj|reach|unable|\bto\b|\ban\b|para\b|kime",
    re.IGNORECASE,
)
_HELP: Final = re.compile(
    r"question|contact|help|support|assist|abuse|unsubscribe|fragen|kontakt|problème|ayuda", re.IGNORECASE
)
_ID_LINE: Final = re.compile(
    r"[ \t>|*]*(?:(?:original-)?message-?id|references|in-reply-to|reference|content-id|x-[\w-]*id|message identifier|from|sender|mail from|return-path|reply-to|original sender|reporting-mta|postmaster)\b[^:\n]{0,20}:|.{0,20}\bMAIL FROM:",
    re.IGNORECASE,
)
_TO_LINE: Final = re.compile(
    r"^[ \t>|*]*(?:to|x-failed-recipients|x-hmxmroriginalrecipient)[ \t]*:([^\n]{1,500})", re.IGNORECASE | re.MULTILINE
)
_FINAL: Final = re.compile(r"^[ \t]{0,4}(?:final|original)-recipient[ \t]*:", re.IGNORECASE | re.MULTILINE)
_NOT_FAILED: Final = ("delivered", "relayed", "expanded")
_OF_RECIPIENT: Final = (
    "original-recipient",
    "final-recipient",
    "x-actual-recipient",
    "original-rcpt-to",
    "removal-recipient",
)


Verdict = Literal["failed", "late", "arrived", "complaint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """Who could not be reached, the enhanced status (RFC 3463), the Message-ID of what bounced.

    Each is None where nothing says it."""

    recipient: str | None
    status: str | None
    message_id: str | None
    verdict: Verdict
    """What became of the mail. A status of 4.x alone does not tell: the server may have given up."""
    certain: bool
    """Its form, its sender or its way says so, and not its words alone."""


def bounce_of(data: bytes, root: Part, text: str, *, sender: Person, subject: str) -> Bounce | None:
    """What bounced; None: this is no bounce."""
    parts = [part for part in root.walk() if not part.children]
    files = [_text_of(data, part) for part in parts if part.media_type == "text/plain" and part.wanted_name]
    said = split("\n".join([text, *files])[:LOOKED_AT])
    known = recognised(data, root, said, sender=sender, subject=subject)
    if known is None:
        return None
    notice = said if any(character.isalnum() for character in said.notice) else Words(notice=said.copy, copy="")
    reports = _reports(data, parts, said)
    originals = [_original(data, part) for part in parts if part.media_type in ORIGINALS]
    status = _status(reports, f"{subject}\n{notice.notice}")
    complaint = is_complaint(root, subject)
    return Bounce(
        recipient=_recipient(root.head, reports, notice, sender=sender, originals=originals),
        status=status,
        certain=known == "certain",
        verdict="complaint" if complaint else _verdict(reports, status, notice.notice),
        message_id=_message_id(root.head, reports, originals, said, parts, data),
    )


def _text_of(data: bytes, part: Part) -> str:
    return content(data, part)[:LOOKED_AT].decode("utf-8", "replace")


def _reports(data: bytes, parts: list[Part], said: Words) -> list[Head]:
    """The groups of fields of the reports, those first that say what failed. Where no part is one, the text may hold it."""
    blocks = [block for part in parts if part.media_type in REPORTS for block in _blocks(content(data, part))]
    if not blocks:
        others = [
            content(data, part)[:LOOKED_AT].decode("latin-1")
            for part in parts
            if part.media_type.startswith("application/")
        ]
        for text in (said.notice, said.copy, *others):
            found = _FINAL.search(text)
            if found is not None:
                before = text.rfind("\n\n", 0, found.start())
                blocks += _blocks(text[max(before, 0) :].encode("utf-8", "replace"))
    stated = [
        block for block in blocks if _action(block) or any(block.has(name) for name in (*_OF_RECIPIENT, "status"))
    ]
    order = {"failed": 0, "": 1, "delayed": 2, **dict.fromkeys(_NOT_FAILED, 3)}
    return sorted(stated or blocks, key=lambda block: order.get(_action(block), 1))


def _blocks(raw: bytes) -> Iterator[Head]:
    """The groups of fields of a report: one for the mail, one for each recipient."""
    raw = re.sub(rb"\r+\n|\r", b"\n", raw[:LOOKED_AT])
    for block in re.split(rb"\n[ \t]*\n", raw.strip(b"\n"))[:100]:
        if b":" in block:
            yield read_head(block + b"\n", 0, len(block) + 1)


def _original(data: bytes, part: Part) -> Head:
    raw = content(data, part)[:LOOKED_AT].lstrip()
    return read_head(raw, 0, len(raw))


def _typed(head: Head, name: str) -> str:
    """`rfc822; ada@example.com` without its type."""
    value = head.text(name)
    return value.rpartition(";")[2].strip(" <>")


def _recipient(head: Head, reports: list[Head], said: Words, *, sender: Person, originals: list[Head]) -> str | None:
    for block in reports:
        for name in _OF_RECIPIENT:
            found = _ANY_ADDRESS.search(_typed(block, name))
            if found is not None:
                return found[0].strip(".'")
    listed = _ADDRESS.search(head.text("x-failed-recipients"))
    if listed is not None:
        return listed[0]
    sent_to = [
        person.address
        for original in originals
        for name in ("x-hmxmroriginalrecipient", "to")
        for person in people(original.raw(name))
    ]
    sent_to += [found[0] for line in islice(_TO_LINE.finditer(said.copy), 10) for found in _ADDRESS.finditer(line[1])]
    ours = {
        person.address.lower()
        for name in ("to", "cc", "delivered-to", "x-original-to")
        for person in people(head.raw(name))
    }
    ours |= {person.address.lower() for original in originals for person in people(original.raw("from"))}
    named = _named(said.notice, sender)
    candidates = [each for each in named if each.lower() not in ours]
    known = {address.lower() for address in sent_to}
    both = [each for each in candidates if each.lower() in known]
    return next(iter([*both, *candidates, *(each for each in sent_to if "@" in each), *named]), None)


def _named(notice: str, sender: Person) -> list[str]:
    """The addresses of which a notice speaks, the likeliest first; whose servers they are is left out."""
    lines = (line for line in notice[:20_000].splitlines() if not _ID_LINE.match(line))
    every = ((line, each) for line in lines for each in _ADDRESS.finditer(line))
    found: list[tuple[int, str]] = []
    for line, each in islice(every, ADDRESSES):
        address = each[0].strip(".'")
        if words.DAEMON.match(address) or words.OFFICE.match(address) or address.lower() == sender.address.lower():
            continue
        ahead = line[max(0, each.start() - 200) : each.start()]
        if "message-id" in ahead.lower():
            continue
        near = not ahead.strip(" \t<>*\"'[(-") or bool(_NEAR.search(ahead))
        found.append((2 if _HELP.search(ahead) else 0 if near else 1, address))
    return [address for _, address in sorted(found, key=lambda each: each[0])]


def _action(block: Head) -> str:
    return block.text("action").lower().partition(" ")[0].strip(";.")


def _status(reports: list[Head], notice: str) -> str | None:
    loose: str | None = None  # what knows no more than yes, later or no
    reasons = ""
    for block in reports:
        stated = _STATUS.search(block.text("status"))
        if stated is not None and (_action(block) in _NOT_FAILED or not stated[1].endswith(".0.0")):
            return stated[1]
        reason = block.text("diagnostic-code")
        deeper = _AFTER_CODE.search(reason) or _STATUS.search(reason) or _STATUS.search(block.text("x-display-name"))
        if deeper is not None and not deeper[1].endswith(".0.0"):
            return deeper[1]
        loose = loose or next((found[1] for found in (stated, deeper) if found is not None), None)
        if _action(block) in _NOT_FAILED and not reasons:
            return loose or "2.0.0"
        reasons += f"{reason}\n"
    return _from_words(f"{reasons}{notice}", loose)


def _verdict(reports: list[Head], status: str | None, notice: str) -> Verdict:
    action = _action(reports[0]) if reports else ""
    if action in _NOT_FAILED or (not action and (status or "").startswith("2")):
        return "arrived"
    if action == "delayed":
        return "late"
    late = not action and (status or "").startswith("4") and not words.GAVE_UP.search(notice)
    return "late" if late else "failed"


def _from_words(text: str, loose: str | None) -> str | None:
    """The status of which a text speaks, no other kind of one than `loose`."""
    said = _AFTER_CODE.search(text) or _SAID_STATUS.search(text)
    if said is not None and not said[1].endswith(".0.0") and (loose is None or loose[0] == said[1][0]):
        return said[1]
    code = _CODE.search(text)
    late = bool(words.LATE.search(text)) and not words.GAVE_UP.search(text)
    kind = loose[0] if loose else said[1][0] if said else "4" if late else code[1][0] if code is not None else None
    for pattern, status in words.MEANT:
        if pattern.search(text):
            return f"{kind or status[0]}{status[1:]}"
    return loose or (f"{kind}.0.0" if kind is not None else None)


def _message_id(
    head: Head, reports: list[Head], originals: list[Head], said: Words, parts: list[Part], data: bytes
) -> str | None:
    for original in originals:
        if found := message_ids(original.raw("message-id"), first=True):
            return found[0]
    for block in reports:
        for name in ("original-message-id", "x-original-message-id"):
            if found := message_ids(block.raw(name), first=True):
                return found[0]
    for text in (said.copy, said.notice):
        named = _ID.search(text)
        if named is not None:
            return f"<{unfolded(named[1]).strip('<>')}>"
    for part in parts:
        if part.media_type not in REPORTS and not part.media_type.startswith(("text/", "image/")):
            deeper = _ID.search(content(data, part)[:LOOKED_AT].decode("latin-1"))
            if deeper is not None:
                return f"<{unfolded(deeper[1]).strip('<>')}>"
    for name in ("x-original-message-id", "in-reply-to", "references"):
        if found := message_ids(head.raw(name)):
            return found[-1]
    return None
