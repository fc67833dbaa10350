"""A mail that could not be delivered, come back: whose, why, and which of ours it was.

RFC 3464 where its sender follows it; else what the usual mail servers write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from channels.mail.addresses import Person, message_ids
from channels.mail.automatic import null_path
from channels.mail.fields import Head, read_head, unfolded
from channels.mail.parts import Part, content

LOOKED_AT: Final = 60_000
"""Bytes of a part, or characters of a text, that are searched."""

_DAEMON: Final = re.compile(
    r"(?:mailer[-_.]?daemon|post[-_]?master|mail-?daemon|mdaemon|mailerdaemon|mail[-_.]?delivery|delivery[-_.]?(?:status|failure)|"
    r"bounces?[-_.]?(?:daemon|notification)|non-?delivery|mmdf|uucp|smtp[-_.]?daemon|maildelivery)(?:[-+_.][^@]*)?(?:@|\Z)",
    re.IGNORECASE,
)
_DAEMON_NAME: Final = re.compile(
    r"mail(?:er)?[ -]?(?:delivery|daemon|system|administrator)|delivery sub-?system|postmaster|system administrator|"
    r"internet mail (?:delivery|service|agent)|mail delivery|e-?mail (?:delivery|system)|mta\b",
    re.IGNORECASE,
)
_SUBJECT: Final = re.compile(
    r"\s*(?:\W{0,3}(?:spam|external|extern|bulk)\W{0,3}\s*)?(?:"
    r"undeliver(?:able|ed)\b|un-?deliverable|non-?deliver(?:y|able|ed)|returned (?:mail|e-?mail|message|to sender)|mail returned|"
    r"(?:mail|message|e-?mail) (?:status report|system error|delivery|not delivered|undeliverable|could not be|failure|error|delayed|returned|rejected|bounced|transaction failed|can(?:no|')t be)|"
    r"delivery (?:status|failure|failed|notification|report|error|problem|has failed|delayed|delay|unsuccessful|to the following)|"
    r"failure (?:notice|delivery|to deliver)|failed (?:mail|delivery|to deliver)|mail (?:failed|warning)|message status\b|notice: mail delivery|warning: (?:could not|message|e-?mail)|could not (?:send|deliver)|"
    r"could not be delivered|unable to deliver|error (?:in|sending|delivering) (?:mail|message)|rejected (?:mail|message|posting)|bounce(?:d)? (?:mail|message)|"
    r"unzustellbar|nicht zustellbar|nicht zugestellt|unzustellbarkeit|zustellung (?:fehlgeschlagen|nicht)|benachrichtigung (?:zum|über) (?:den )?(?:übermittlungs|zustell)|fehlgeschlagene|"
    r"échec|non remis|message non distribu|avis de non|notification d'état|courrier non|courriel non|correo (?:devuelto|no entregado)|no se (?:pudo|ha podido) entregar|"
    r"notificación de estado|non recapitabile|mancato recapito|consegna (?:non riuscita|fallita)|mensagem não|falha na entrega|não entreg|niet bezorg|onbestelbaar|"
    r"olevererbart|kunde inte levereras|kan ikke leveres|uleverbar|nie dostarczono|niedostarcz|nedoruč|не доставлено|недоставлен|не удалось доставить|"
    r"teslim edilemedi|退信|系统退信|无法投递|無法傳遞|無法投遞|未传递|邮件投递失败|配信不能|配信できませ|送信エラー|メール(?:配信|送信)|전송 실패|"
    r"considered unsolicited|(?:your )?(?:mail|message) (?:to|for) .{1,80} (?:could|was|has|is|cannot)|postmaster notify|"
    r"(?:dsn|ndn|ndr)\b|auto(?:matic)? ?(?:reply)?:? ?undeliver|user unknown|mailbox (?:full|unavailable|disabled|not found)|over quota|"
    r"email feedback report|abuse report|complaint (?:about|from)|fw: .{0,10}(?:abuse|spam)|your message did not"
    r")",
    re.IGNORECASE,
)
_REASON: Final = re.compile(
    r"(?<![\d.])[45]\d\d[ -](?:#?[45]\.\d{1,3}\.\d{1,3}|\S)|(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])|user unknown|unknown user|no such user|does(?:n't| not) exist|not found|"
    r"mailbox (?:is )?(?:full|unavailable|disabled)|over ?quota|quota exceeded|could(?:n't| not) be (?:delivered|found)|was not delivered|"
    r"undeliverable|unable to deliver|delivery (?:to|has|of|failed|failure)|permanent(?: fatal)? error|not (?:be )?delivered|host (?:unknown|not found)|rejected|"
    r"nicht zugestellt|nicht zustell|pas pu être|no se pudo|non è stato|не удалось|не может быть доставлено|配信|失败|無法|returned (?:to|below)|failed",
    re.IGNORECASE,
)
_STATUS: Final = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_CODE: Final = re.compile(r"(?<![\d.:/-])([45]\d\d)(?=[ -](?![\d:/]))")
_RETURNED: Final = re.compile(
    r"^[ \t>|]*(?:(?:received|return-path|message-id|from|to|subject|date|mime-version|x-[\w-]+)[ \t]*:)",
    re.IGNORECASE | re.MULTILINE,
)
_WAY: Final = re.compile(
    r"^[ \t>|]*(?:received|message-id|return-path|mime-version)[ \t]*:", re.IGNORECASE | re.MULTILINE
)
_SERVER: Final = re.compile(
    r"(?:^[ \t>|]*|[:(>\"'][ \t]*|\b(?:smtp|said|error|code|response|reply|status)[ \t]+)(?:55[0-4]|45[0-2]|421|501|511|521)[ -](?![\d,:€$%])|(?<![\d.])[45]\.[0-7]\.\d{1,2}(?![\d.])|user unknown|unknown user|"
    r"mailbox (?:is )?full|over quota|recipient (?:address )?rejected|host (?:unknown|not found)|permanent (?:fatal )?errors?",
    re.IGNORECASE | re.MULTILINE,
)
_ID: Final = re.compile(
    r"^[ \t>|*]*Message-?ID[ \t]*:[ \t]*\n?[ \t>|]*(<[^<>\s]{1,990}>)", re.IGNORECASE | re.MULTILINE
)
_ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")
_BEFORE: Final = re.compile(
    r"(?:following|recipient|address|user|mailbox|deliver\w* (?:to|for)|could not be delivered to|failed|unknown|rcpt to|empfänger|adresse|destinataire|destinatario|"
    r"not deliver\w*|undeliverable|получател|адрес|rejected|收件人|宛)[^@]{0,300}?<?(" + _ADDRESS.pattern + ")",
    re.IGNORECASE,
)
_WORDS_MEAN: Final = (
    (re.compile(r"quota|mailbox (?:is )?full|full mailbox|too full|insufficient storage|disk full|exceeded storage", re.IGNORECASE), "5.2.2"),
    (re.compile(r"user unknown|unknown user|no such (?:user|address|mailbox|recipient|person)|user (?:does not|doesn't) exist|invalid (?:recipient|user|address|mailbox)|"
                r"not a valid|account (?:does not|doesn't) exist|address(?:ee)? unknown|unknown (?:recipient|address)|not (?:listed|found) in|no mailbox|unbekannt|inconnu|"
                r"recipient not found|not a known user|address rejected|mailbox not found|mailbox unavailable|couldn't be found", re.IGNORECASE), "5.1.1"),
    (re.compile(r"host (?:unknown|not found)|unknown host|domain not found|no such (?:host|domain)|name service error|unrouteable|unroutable|bad destination", re.IGNORECASE), "5.1.2"),
    (re.compile(r"disabled|inactive|suspended|deactivated|not accepting", re.IGNORECASE), "5.2.1"),
    (re.compile(r"too (?:large|big)|exceeds? (?:the )?(?:maximum )?(?:message )?size", re.IGNORECASE), "5.3.4"),
    (re.compile(r"timed? ?out|connection refused|could not connect|not reach|expired|too long in queue|retry time", re.IGNORECASE), "4.4.7"),
    (re.compile(r"spam|blocked|blacklist|block ?list|denied|policy|reputation|dmarc|spf", re.IGNORECASE), "5.7.1"),
)  # fmt: skip
_REPORTS: Final = frozenset({"message/delivery-status", "message/global-delivery-status", "message/feedback-report"})
_ORIGINALS: Final = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """Who could not be reached, the enhanced status (RFC 3463: 4.x may still arrive), the Message-ID of what bounced.

    Each is None where nothing says it."""

    recipient: str | None
    status: str | None
    message_id: str | None


def bounce_of(data: bytes, root: Part, text: str, *, sender: Person, subject: str) -> Bounce | None:
    """What bounced; None: this is no bounce."""
    text = text[:LOOKED_AT]
    parts = [part for part in root.walk() if not part.children]
    if not _bounced(root, parts, text, sender=sender, subject=subject):
        return None
    reports = [block for part in parts if part.media_type in _REPORTS for block in _blocks(data, part)]
    originals = [_original(data, part) for part in parts if part.media_type in _ORIGINALS]
    said = [text, *(_text_of(data, part) for part in parts if part.media_type == "text/plain" and part.wanted_name)]
    whole = "\n".join(said)
    return Bounce(
        recipient=_recipient(root.head, reports, whole, sender=sender, originals=originals),
        status=_status(reports, whole),
        message_id=_message_id(root.head, reports, originals, whole, parts, data),
    )


def _bounced(root: Part, parts: list[Part], text: str, *, sender: Person, subject: str) -> bool:
    head = root.head
    kinds = {part.media_type for part in parts}
    report = root.parameters.get("report-type", "").lower()
    if kinds & _REPORTS or (root.media_type == "multipart/report" and report in ("delivery-status", "feedback-report")):
        return True
    if root.media_type == "multipart/report" and report == "disposition-notification":
        return False
    if head.has("x-failed-recipients") or head.text("auto-submitted").lower().endswith("(failure)"):
        return True
    daemon = bool(_DAEMON.match(sender.address) or (_DAEMON_NAME.search(sender.name) and _SUBJECT.match(subject)))
    named = bool(_SUBJECT.match(subject))
    answers = head.has("in-reply-to") and not daemon
    reason = bool(_REASON.search(text))
    returned = bool(kinds & _ORIGINALS) or (len(_RETURNED.findall(text)) >= 4 and bool(_WAY.search(text)))
    # A postmaster may be a person who writes; who is called a daemon is none.
    person = sender.address.lower().startswith("postmaster") and not (named or returned or reason or null_path(head))
    if daemon and not person and not _AWAY_ANSWER.match(subject):
        return True
    if answers or re.match(r"\s*(?:re|aw|fwd?|wg|tr|rv|sv)\s*:", subject, re.IGNORECASE):
        return False
    if null_path(head) or head.text("auto-submitted").lower().startswith("auto-gen"):
        return (named and (reason or returned)) or (returned and reason)
    # Customers complain of deliveries too, and of mails; only a server speaks in codes.
    return named and (returned or (bool(_SERVER.search(text)) and bool(_ADDRESS.search(text))))


_AWAY_ANSWER: Final = re.compile(
    r"\s*(?:out of (?:the )?office|auto(?:matic)?[ -]?(?:reply|response)\b(?!.*undeliver)|abwesend)", re.IGNORECASE
)


def _text_of(data: bytes, part: Part) -> str:
    return content(data, part)[:LOOKED_AT].decode("utf-8", "replace")


def _blocks(data: bytes, part: Part) -> Iterator[Head]:
    """The groups of fields of a report: one for the mail, one for each recipient."""
    raw = content(data, part)[:LOOKED_AT].replace(b"\r\n", b"\n")
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


def _recipient(head: Head, reports: list[Head], text: str, *, sender: Person, originals: list[Head]) -> str | None:
    failed = [block for block in reports if _action(block) not in ("delivered", "relayed", "expanded")]
    for block in failed or reports:
        for name in (
            "original-recipient",
            "final-recipient",
            "x-actual-recipient",
            "original-rcpt-to",
            "removal-recipient",
        ):
            found = _ADDRESS.search(_typed(block, name))
            if found is not None:
                return found[0]
    listed = _ADDRESS.search(head.text("x-failed-recipients"))
    if listed is not None:
        return listed[0]
    near = _BEFORE.search(text[:20_000])
    candidates = [near[1]] if near is not None else []
    candidates += _ADDRESS.findall(text[:20_000])
    for address in candidates:
        address = address.strip(".'")
        if not _DAEMON.match(address) and address.lower() != sender.address.lower():
            return address
    for original in originals:
        found = _ADDRESS.search(original.text("to"))
        if found is not None:
            return found[0]
    return None


def _action(block: Head) -> str:
    return block.text("action").lower().partition(" ")[0]


def _status(reports: list[Head], text: str) -> str | None:
    failed = [block for block in reports if _action(block) not in ("delivered", "relayed", "expanded")]
    loose: str | None = None
    for block in failed or reports:
        stated = _STATUS.search(block.text("status"))
        reason = block.text("diagnostic-code")
        deeper = _STATUS.search(reason) or _STATUS.search(block.text("x-display-name"))
        if stated is not None and not stated[1].endswith(".0.0"):
            return stated[1]
        if deeper is not None:
            return deeper[1]
        if stated is not None:
            loose = loose or stated[1]
    said = _STATUS.search(text)
    if said is not None and said[1][0] in "45":
        return said[1]
    for pattern, status in _WORDS_MEAN:
        if pattern.search(text):
            return status if loose is None or loose[0] == status[0] else loose
    code = _CODE.search(text)
    return loose or (f"{code[1][0]}.0.0" if code is not None else None)


def _message_id(
    head: Head, reports: list[Head], originals: list[Head], text: str, parts: list[Part], data: bytes
) -> str | None:
    for original in originals:
        if found := message_ids(original.raw("message-id"), first=True):
            return found[0]
    for block in reports:
        for name in ("original-message-id", "x-original-message-id"):
            if found := message_ids(block.raw(name), first=True):
                return found[0]
    said = _ID.search(text)
    if said is not None:
        return unfolded(said[1])
    for part in parts:
        if part.media_type not in _REPORTS and not part.media_type.startswith(("text/", "image/")):
            deeper = _ID.search(content(data, part)[:LOOKED_AT].decode("latin-1"))
            if deeper is not None:
                return unfolded(deeper[1])
    for name in ("x-original-message-id", "in-reply-to", "references"):
        if found := message_ids(head.raw(name)):
            return found[-1]
    return None
