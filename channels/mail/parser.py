"""One mail, from its bytes to what the desk knows of it. Meant for a child process: see `reading.py`.

Each field is read by itself; one that cannot be read is empty, and the others are there all the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from channels.mail import limits
from channels.mail.addresses import Person, date, message_ids, people
from channels.mail.automatic import automatic, null_path
from channels.mail.body import Body, File, read_body
from channels.mail.bounces import bounce_of
from channels.mail.charsets import storable
from channels.mail.fields import Head, unfolded, words
from channels.mail.parts import Part, read_parts
from channels.mail.quotes import reply_of

Read = dict[str, Any]
"""A mail as JSON: see `docs/mail-parsing.md` for its keys."""
_T = TypeVar("_T")
_TRANSPORT: Final = re.compile(
    rb"^(?:Received|Return-Path|Delivered-To|X-Original-To|Envelope-To)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*",
    re.IGNORECASE | re.MULTILINE,
)
NOTHING: Final[Read] = {
    "message_id": None, "in_reply_to": None, "references": [], "from": {"name": "", "address": ""}, "to": [], "cc": [],
    "subject": "", "date": None, "text": "", "reply": "", "auto": None, "bounce": None, "attachments": [], "error": None,
}  # fmt: skip


def nothing(error: str) -> Read:
    """What is known of a mail that could not be read."""
    return {**NOTHING, "error": error}


_NONE: Final[list[Any]] = []


def parse(data: bytes) -> tuple[Read, list[File]]:
    """(what the mail says, its files). Never raises for anything that the bytes say, only where memory or time end.

    `error` says which limit was broken; what lies before the limit is there.
    """
    faults: list[str] = []
    if len(data) > limits.MESSAGE_BYTES:
        faults.append(f"larger than {limits.MESSAGE_BYTES // 1_000_000} MB")
        data = data[: limits.HEADER_BLOCK_BYTES]
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")  # an old Mac wrote it
    field = _Fields(faults)
    root, fault = read_parts(data)
    if fault:
        faults.append(fault)
    head, hint = root.head, _hint(root)
    sender = field("from", Person("", ""), lambda: _sender(head, hint))
    subject = field("subject", "", lambda: unfolded(words(head.raw("subject"), hint))[: limits.SUBJECT_CHARS])
    body = field("body", Body(), lambda: read_body(data, root))
    faults.extend(body.faults)
    text = field("text", "", lambda: "\n".join(line.text.rstrip() for line in body.shown).strip("\n"))
    reply = field("reply", text, lambda: reply_of(body.lines)) or text
    bounce = field("bounce", None, lambda: bounce_of(data, root, text, sender=sender, subject=subject))
    moment = field("date", None, lambda: date(head.raw("date")))
    read: Read = {
        "message_id": next(
            iter(field("message-id", _NONE, lambda: message_ids(head.raw("message-id"), first=True))), None
        ),
        "in_reply_to": next(iter(field("in-reply-to", _NONE, lambda: message_ids(head.raw("in-reply-to")))), None),
        "references": field("references", _NONE, lambda: message_ids(head.raw("references"))),
        "from": _shown(sender),
        "to": field("to", _NONE, lambda: _all(head, "to", hint)),
        "cc": field("cc", _NONE, lambda: _all(head, "cc", hint)),
        "subject": subject,
        "date": moment.isoformat() if moment is not None else None,
        "text": text,
        "reply": reply,
        "auto": field(
            "auto", None, lambda: automatic(head, sender=sender, subject=subject, bounced=bounce is not None)
        ),
        "bounce": {"recipient": bounce.recipient, "status": bounce.status, "message_id": bounce.message_id}
        if bounce is not None
        else None,
        "attachments": [_described(file) for file in body.files],
        "error": _sentence(faults),
        "envelope": {
            **field("envelope", dict[str, Any](), lambda: _envelope(head, hint)),
            "verdict": bounce.verdict if bounce is not None else None,
            "certain": bounce.certain if bounce is not None else None,
        },
        "fingerprint": hashlib.sha256(
            _TRANSPORT.sub(b"", data[: limits.HEADER_BLOCK_BYTES]) + data[limits.HEADER_BLOCK_BYTES :]
        ).hexdigest(),
    }
    return _storable(read), body.files


class _Fields:
    """Reads one field; what goes wrong there is told and stays there."""

    def __init__(self, faults: list[str]) -> None:
        self._faults = faults

    def __call__(self, name: str, otherwise: _T, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except MemoryError:
            raise
        except Exception as error:
            self._faults.append(f"{name} could not be read ({type(error).__name__})")
            return otherwise


def _hint(root: Part) -> str | None:
    """The charset that raw bytes in headers are likely in: that of the text."""
    return next((part.charset for part in root.walk() if part.media_type.startswith("text/") and part.charset), None)


def _sender(head: Head, hint: str | None) -> Person:
    """Of the first header with an address in it; a name in a From without one stays."""
    first = Person("", "")
    for header in ("from", "sender", "reply-to", "return-path", "x-envelope-from"):
        for value in head.all(header):
            found = people(value, hint)
            person = next((each for each in found if "@" in each.address), None)
            if person is not None:
                return Person(first.name or person.name, person.address)
            if first == Person("", ""):
                first = next(iter(found), first)
    return first


def _all(head: Head, name: str, hint: str | None) -> list[dict[str, str]]:
    found = [person for value in head.all(name) for person in people(value, hint)]
    return [_shown(person) for person in found if person.address or person.name][: limits.ADDRESSES]


def _shown(person: Person) -> dict[str, str]:
    return {"name": person.name, "address": person.address}


def _described(file: File) -> dict[str, Any]:
    return {"name": file.name, "type": file.media_type, "size": len(file.data)}


def _envelope(head: Head, hint: str | None) -> dict[str, Any]:
    """What the channel needs and no reader of the mail: who vouches for it, whom it was sent to."""
    return {
        "reply_to": _all(head, "reply-to", hint),
        "sender": _all(head, "sender", hint),
        "return_path": next((person.address for value in head.all("return-path") for person in people(value)), None),
        "null_return_path": null_path(head),
        "one_sender": len(senders := head.all("from")) == 1
        and sum("@" in each.address for each in people(senders[0])) == 1,
        "delivered_to": [
            unfolded(words(value))[:320]
            for name in ("delivered-to", "x-original-to", "envelope-to")
            for value in head.all(name)
        ][:20],
        "authentication_results": [unfolded(words(value)) for value in head.all("authentication-results")][:20],
        "loops": [unfolded(words(value))[:320] for value in head.all("x-loop")][:20],
    }


def _sentence(faults: list[str]) -> str | None:
    return f"This mail could not be read completely: {'; '.join(faults[:5])}." if faults else None


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {name: _storable(each) for name, each in value.items()}
    return value
