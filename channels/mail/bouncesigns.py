"""Is this mail a bounce? Signs, each with its weight: half of the world's mail servers follow no standard.

A customer whose complaint is taken for a bounce is never read, so nothing alone suffices that a person might write:
a person speaks of parcels, pastes what a server said, passes a bounce on with a question above it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from channels.mail import bouncewords as words
from channels.mail.addresses import Person
from channels.mail.automatic import away, null_path
from channels.mail.fields import Head
from channels.mail.parts import Part

REPORTS: Final = frozenset({"message/delivery-status", "message/global-delivery-status", "message/feedback-report"})
ORIGINALS: Final = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers", "message/partial"}
)  # fmt: skip
NOTICE_CHARS: Final = 8000
"""Of what a server says before the mail that it returns."""
ENOUGH: Final = 8
Known = Literal["certain", "likely"]

_FIELD: Final = re.compile(
    r"[ \t>|*]{0,8}(received|return-path|message-id|from|to|cc|subject|date|mime-version|sender|reply-to|content-[\w-]{1,30}|dkim-signature|delivered-to|x-[\w-]{1,60})[ \t]{0,4}:",
    re.IGNORECASE,
)
_WAY: Final = frozenset({"received", "return-path", "message-id", "mime-version", "delivered-to", "dkim-signature"})
_FROM_DAEMON: Final = re.compile(
    r"^[ \t>|*]*[^\W\d_][\w ]{0,20}\*?[:：]\*?[ \t]*[^\n]{0,80}(?:mailer[-_]?daemon|postmaster|mail delivery (?:sub)?system|microsoft (?:outlook|exchange))",
    re.IGNORECASE | re.MULTILINE,
)
_TYPED: Final = re.compile(
    r"^[ \t]{0,4}(?:(?:original|final)-recipient[ \t]*:[^\n]*;|action[ \t]*:[ \t]*(?:failed|delayed|delivered|relayed|expanded)|status[ \t]*:[ \t]*[245]\.\d|reporting-mta[ \t]*:[^\n]*;|feedback-type[ \t]*:|original-rcpt-to[ \t]*:|source-ip[ \t]*:)",
    re.IGNORECASE | re.MULTILINE,
)
_ADDRESS: Final = re.compile(r"[\w.+=-]@[\w-]{1,63}\.\w")
_ENVELOPE: Final = re.compile(rb">?From[ \t]+(?:<>|<?MAILER-DAEMON\b|<?-)", re.IGNORECASE)
_QUOTED: Final = re.compile(r"^[ \t]{0,4}>(?!>)[^\n]*\n?", re.MULTILINE)
_OTHER_REPORTS: Final = frozenset({"disposition-notification", "tlsrpt", "dmarc"})
"""It was read; or statistics."""
_REJECTED: Final = re.compile(r"reject|refus", re.IGNORECASE)
"""Filters of mailboxes (Sieve) say so in a report that the mail was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the server says, and the copy of the mail below it (empty: there is none in the text)."""

    notice: str
    copy: str


def split(text: str) -> Words:
    """Where the copy of a mail begins: at three or more of its headers in a row, one of them set on its way."""
    names: set[str] = set()
    begin = position = 0
    for line in text.splitlines(keepends=True):
        found = _FIELD.match(line)
        if found is not None:
            if not names:
                begin = position
            names.add(found[1].lower())
        elif names and not line.startswith((" ", "\t", ">")):
            if len(names) >= 3 and names & _WAY:
                break
            names = set()
        position += len(line)
    if len(names) >= 3 and names & _WAY:
        return Words(notice=text[:begin], copy=text[begin:])
    return Words(notice=text, copy="")


def recognised(data: bytes, root: Part, said: Words, *, sender: Person, subject: str) -> Known | None:
    """Did a server write this of a mail that it could not deliver, delays, or has delivered; or a complaint of it (ARF)?

    `certain`: its form, its sender or its way says so; `likely`: only its words do. None: no."""
    head = root.head
    kinds = {part.media_type for part in root.walk() if not part.children}
    types = {part.parameters.get("report-type", "").lower() for part in root.walk() if "report-type" in part.parameters}
    if (
        root.media_type in REPORTS
        or types & {"delivery-status", "feedback-report"}
        or (head.text("content-type").lower().startswith("multipart/report") and kinds & REPORTS)
    ):
        return "certain"
    if types & _OTHER_REPORTS and not _REJECTED.search(subject):
        return None
    if head.has("x-failed-recipients") or head.text("auto-submitted").lower().endswith("(failure)"):
        return "certain"
    if away(subject) and "undeliver" not in subject.lower():
        return None
    if words.DAEMON.match(sender.address) or (words.DAEMON.match(sender.name) and "@" not in sender.address):
        return "certain"
    if _weight(data, root, said, kinds, sender=sender, subject=subject) < ENOUGH:
        return None
    return "certain" if null_path(head) else "likely"


def is_complaint(root: Part, subject: str) -> bool:
    """Is this bounce no failure, but somebody who called our mail spam?"""
    return subject.lower().startswith("complaint about message") or any(
        part.media_type == "message/feedback-report"
        or part.parameters.get("report-type", "").lower() == "feedback-report"
        for part in root.walk()
    )


def _weight(data: bytes, root: Part, said: Words, kinds: set[str], *, sender: Person, subject: str) -> int:
    notice = said.notice[:NOTICE_CHARS]
    notice = _QUOTED.sub("", notice) or notice
    typed = len({found[0].strip().lower()[:5] for found in _TYPED.finditer(notice + said.copy[:NOTICE_CHARS])})
    returned = bool(kinds & ORIGINALS or said.copy)
    who, role = _who(sender), _role(sender)
    way = _way(data, root.head, role=role)
    named = 4 if words.SUBJECT.match(subject) or _says_so(subject) else 2 if words.PLAIN_SUBJECT.match(subject) else 0
    # Who is called like a person is held to more.
    hidden = 0 if who or way >= 3 or role or typed >= 3 else 4 if sender.name else 2
    body = 6 * bool((kinds & REPORTS and hidden < 4) or typed >= 2) + 4 * returned
    body += 4 * root.head.text("content-type").lower().startswith("multipart/report") + _told(notice)
    # Parcels and letters come back, too: a mail has an address, or lies below.
    body -= 4 * (body < 10 and who < 4 and not returned and not _ADDRESS.search(notice))
    if body <= 0 and (who < 4 or named < 4):
        return 0
    # A server may return the words of the mail, and in them a person speaks.
    person = min(_person(notice), 4 if who >= 4 and named == 4 else 8)
    return who + way + named + body - hidden - person - _passed_on(root.head, notice, subject, machine=who + way)


def _told(notice: str) -> int:
    found = 4 * _says_so(notice) + 8 * bool(words.EVENT.search(notice))
    found += 2 * bool(words.SERVER.search(notice) or _reason(notice)) + 2 * bool(words.LABELLED.search(notice))
    return found + 2 * bool(words.SET_PHRASE.search(notice[:1500]))


def _says_so(text: str) -> bool:
    return any(pattern.search(text) for pattern in words.SAID)


def _reason(notice: str) -> bool:
    return any(pattern.search(notice) for pattern, status in words.MEANT if status in ("5.1.1", "5.1.2", "5.2.2"))


def _who(sender: Person) -> int:
    if words.DAEMON_NAME.search(sender.name):
        return 6
    if words.OFFICE.match(sender.address):
        return 4
    return 3 * bool(words.OFFICE_NAME.search(sender.name))


def _role(sender: Person) -> bool:
    found = words.ROLE.match(sender.address) or words.ROLE_NAME.search(sender.name)
    return found is not None or not sender.address


def _way(data: bytes, head: Head, *, role: bool) -> int:
    """By which way it came: with an envelope that nobody shall answer?"""
    submitted = head.text("auto-submitted").lower()
    found = 3 * (null_path(head) or bool(_ENVELOPE.match(data[:200].lstrip())) or b"<>" in head.raw("from"))
    return found + (role and found > 0 and not submitted.startswith("auto-replied")) + submitted.startswith("auto-gen")


def _person(notice: str) -> int:
    """What speaks for somebody who writes."""
    return 4 * bool(words.ASKS.search(notice)) + 4 * bool(words.MINE.search(notice))


def _passed_on(head: Head, notice: str, subject: str, *, machine: int) -> int:
    """What speaks for a bounce of somebody else, for an answer, for a list."""
    found = 8 * bool(_FROM_DAEMON.search(notice)) + 4 * bool(words.UNREAD.search(notice))
    found += 6 * bool(words.PASSED_ON.match(subject) and machine < 7)
    found += 2 * (head.has("in-reply-to") and not machine)
    found += 6 * (head.has("list-id") or head.has("list-post")) + 10 * head.has("list-unsubscribe")
    mailer = f"{head.text('user-agent')} {head.text('x-mailer')}"
    return found + 6 * bool(words.CLIENT.search(mailer))
