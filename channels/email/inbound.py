"""What a mail means to the house: whose it is, in which conversation, whether a machine wrote it.

A mail belongs to a conversation if it bears a name that we have signed, or answers a mail of somebody who has written
there. Never by a number in its subject, and never because two strangers answer the same mail.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from channels import filetypes
from channels.contract import Attachment, Author, Host, InboundMessage, Returned, Undecodable, Where
from channels.email.names import Names
from channels.email.settings import EmailSettings
from channels.email.trust import Word, vouched
from channels.mail.reading import Mail, MailFile
from channels.mailserver import address

NAME: Final = "email"
REFUSED: Final = "refused:"
"""In an attachment's `reference`: it was not kept, and why."""
REFERENCES: Final = 20
"""Ids that are looked up and named again: the first, and the last."""
LOGO: Final = 20_000
"""Bytes; a smaller picture inside a mail is a signature's."""
FILES: Final = 20
SHOWN: Final = 10
"""Other addresses that are shown."""
READS_LIKE: Final = (
    "it reads like a note that a mail came back, and none of ours did; tried again it is taken for a customer's"
)
_ANSWERS: Final = re.compile(
    r"\s*(?:re|aw|sv|antw|odp|r|tr|rv|wg|fw|fwd|vs|回复|答复)\s*(?:\[\d+\])?\s*[:\uff1a]", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """One mail, understood as far as that goes without its house."""

    message: InboundMessage | Returned | Undecodable | None = None
    """None: nothing for the house."""
    ignored: str = ""
    """Why not, in a word or two that can be counted."""


@dataclass(slots=True, kw_only=True)
class _Thread:
    """Where a mail belongs to."""

    place: str
    of: str | None = None
    notes: list[str] = field(default_factory=list)
    new: bool = False
    signed: bool = False
    """It bears a name of ours."""


def new_place(account: str, began: str, who: str) -> str:
    """How a thread is called: by what began it, and whose it is."""
    said = "\x1f".join((account, began, who)).encode("utf-8", "replace")
    return "t" + base64.b32encode(hashlib.blake2b(said, digest_size=10).digest()).decode().lower()


class Inbound:
    """One account's."""

    def __init__(self, settings: EmailSettings, names: Names) -> None:
        self._settings = settings
        self._names = names

    async def read(self, host: Host, mail: Mail, raw: bytes, *, cut: int = 0, again: bool = False) -> Came:
        """What this mail is. `cut`: its whole size, if only its beginning was read. `again`: a person has seen it."""
        fields, envelope = mail.fields, mail.envelope
        if not mail.fingerprint:
            return Came(message=self._unreadable(raw, fields["error"] or "it cannot be read"))
        sender = str(fields["from"]["address"]).strip().lower()
        own = fields["message_id"] or f"sha256:{mail.fingerprint}"
        said = [name for name in (fields["in_reply_to"], *_ends(fields["references"])) if name]
        bounce = fields["bounce"]
        ids = [*([bounce["message_id"]] if bounce and bounce["message_id"] else []), *said]
        tokens = self._names.tokens(ids=ids, addresses=_addresses(fields, envelope))
        echo = self._names.tokens(ids=[own], addresses=())
        found = await host.where(
            NAME, self._settings.account, came=list(dict.fromkeys([own, *said])),
            sent=[token.key for token in (*tokens, *echo)],
        )  # fmt: skip
        signed = [(token, where) for token in tokens if (where := self._names.holds(token, found)) is not None]
        if fields["auto"] == "bounce":
            answers = self._names.tokens(ids=said, addresses=_addresses(fields, envelope))
            if envelope.get("certain") or not (again or any(token in answers for token, _ in signed)):
                return self._bounced(mail, raw, own, signed[0][0].key if signed else None)
            # It only reads like one, and answers us, or a person says so: somebody writes of mails that came back.
            fields = fields | {"auto": None}
            mail = replace(mail, fields=fields)
        if reason := self._is_ours(mail, sender):
            return Came(ignored=reason)
        if any(self._names.holds(token, found) for token in echo):
            return Came(ignored="our own mail")
        if "@" not in sender:
            return Came(message=self._unreadable(raw, "it has no sender who could be answered"))
        word = vouched(envelope.get("authentication_results", ()), self._settings.authserv_id, sender)
        if word == "pass" and not envelope.get("one_sender"):
            word = "none"  # of which of them it was said, nobody knows
        digest = _digest(mail, sender)
        before = found.get(own)
        if before is not None and before.about.get("digest") != digest:
            own, before = f"{own}#{digest}", None
        thread = self._thread(sender, own, word, before, [where for _, where in signed], said, found)
        return Came(message=self._message(mail, sender, own, word, digest, thread, cut))

    # --- which conversation ---

    def _thread(
        self,
        sender: str,
        own: str,
        word: Word,
        before: Where | None,
        signed: Sequence[Where],
        said: Sequence[str],
        found: Mapping[str, Where],
    ) -> _Thread:
        if before is not None:  # it was here already
            of = before.customer if before.customer != sender else None
            return _Thread(place=before.place, of=of, new=bool(before.about.get("new")), signed=bool(signed))
        if signed:
            where = next((where for where in signed if sender in where.people), signed[0])
            thread = _Thread(place=where.place, signed=True)
            if sender != where.customer:
                thread.of = where.customer
                thread.notes.append(
                    f"Not from {where.customer}: {sender} answers here, with a mail that was meant for them."
                )
            return thread
        if word != "fail":
            for name in said:
                known = found.get(name)
                if known is not None and sender in known.people:
                    return _Thread(place=known.place, of=known.customer if known.customer != sender else None)
        return _Thread(place=new_place(self._settings.account, own, sender), new=True)

    def _is_ours(self, mail: Mail, sender: str) -> str:
        """Why this is our own mail, come back; empty: it is not."""
        if self._settings.is_ours(sender):
            return "from our own address"
        if any(self._settings.address in loop.lower() for loop in mail.envelope.get("loops", ())):
            return "a loop"
        return ""

    # --- what it says ---

    def _message(
        self, mail: Mail, sender: str, own: str, word: Word, digest: str, thread: _Thread, cut: int
    ) -> InboundMessage:
        fields, settings = mail.fields, self._settings
        auto = fields["auto"]
        if thread.signed and auto in ("list", "bulk"):
            auto = None  # who answers us is a person, whatever their mail passes through
        text, full = fields["reply"], fields["text"]
        subject = str(fields["subject"]).strip()
        if thread.new and subject and not _ANSWERS.match(subject) and not text.startswith(subject):
            text, full = f"{subject}\n\n{text}".strip(), f"{subject}\n\n{full}".strip()
        about: dict[str, Any] = {
            "id": fields["message_id"], "refs": _ends(fields["references"]), "word": word, "digest": digest,
            "subject": subject[:300], "new": thread.new, "auto": auto, "others": self._others(mail, sender),
        }  # fmt: skip
        return InboundMessage(
            channel=NAME,
            account=settings.account,
            place=thread.place,
            author=Author(
                external_id=sender,
                name=str(fields["from"]["name"]),
                email=_reachable(sender),
                email_verified=word == "pass" and settings.trust_senders,
            ),
            external_id=own,
            global_id=True,
            text=text,
            full=full if full != text else None,
            attachments=() if cut else self._files(mail.files, wordless=not fields["text"].strip()),
            automatic=auto is not None,
            reply_to=fields["in_reply_to"],
            platform_at=_moment(fields["date"]),
            subject=subject or None,
            of=thread.of,
            forgeable=word != "pass",
            notes=(*thread.notes, *self._notes(mail, sender, own, word, cut)),
            about={name: value for name, value in about.items() if value},
        )

    def _notes(self, mail: Mail, sender: str, own: str, word: Word, cut: int) -> list[str]:
        fields, settings = mail.fields, self._settings
        notes = []
        if word == "fail":
            notes.append(f"This may be forged: the domain of {sender} says that it is not theirs (DMARC).")
        elif word == "none" and settings.authserv_id:
            notes.append(f"Nobody vouches that this is from {sender}.")
        if others := self._others(mail, sender):
            notes.append(f"Also to {', '.join(others)}. They get our answers only if you say so.")
        if elsewhere := ", ".join(_named(mail.envelope.get("reply_to", ()), {sender})):
            notes.append(f"Asks for answers to {elsewhere}. Our answers go to {sender}.")
        if "#" in own and fields["message_id"] and own != fields["message_id"]:
            notes.append("Another mail with the same Message-ID came before; both are kept.")
        if cut:
            notes.append(
                f"This mail is {cut / 1_000_000:.0f} MB, more than is fetched: only its beginning was read, without "
                "its files. The whole of it is in the mailbox."
            )
        elif fields["error"]:
            notes.append(str(fields["error"]))
        return notes

    def _others(self, mail: Mail, sender: str) -> list[str]:
        """Who else got it, as far as mail can go there."""
        named = _named([*mail.fields["to"], *mail.fields["cc"]], {sender})
        return [each for each in named if not self._settings.is_ours(each) and _reachable(each) is not None]

    def _files(self, files: Sequence[MailFile], *, wordless: bool) -> tuple[Attachment, ...]:
        """`wordless`: nothing was written, so what is shown is what is meant."""
        kept = [file for file in files if wordless or not _is_logo(file)]
        return tuple(self._file(file) for file in kept[:FILES])

    def _file(self, file: MailFile) -> Attachment:
        size = len(file.data)
        if size > self._settings.file_at_most:
            return Attachment(name=file.name, media_type=file.media_type, size=size, reference=f"{REFUSED}large")
        found = filetypes.look(file.name, file.data[: filetypes.HEAD])
        if found.fault:
            return Attachment(
                name=file.name, media_type=found.media_type, size=size, reference=f"{REFUSED}{found.fault}"
            )
        return Attachment(name=file.name, media_type=found.media_type, size=size, content=file.data)

    # --- what is none ---

    def _unreadable(self, raw: bytes, reason: str) -> Undecodable:
        name = hashlib.sha256(raw).hexdigest()
        return Undecodable(
            channel=NAME, account=self._settings.account, external_id=f"sha256:{name}", reason=reason, raw=raw
        )

    def _bounced(self, mail: Mail, raw: bytes, own: str, key: str | None) -> Came:
        """News of a mail of ours, or of nothing that we have sent. It is answered by nobody, and opens nothing.

        What only reads like one, and of nothing of ours, is kept for people to look at: it may be a customer's.
        """
        bounce: Mapping[str, Any] = mail.fields["bounce"] or {}
        verdict = mail.envelope.get("verdict")
        if key is None and not mail.envelope.get("certain"):
            return Came(message=self._unreadable(raw, READS_LIKE))
        if key is None:
            return Came(ignored="a bounce of nothing of ours")
        if verdict == "arrived":
            return Came(ignored="a note that a mail arrived")
        whom = str(bounce.get("recipient") or "the recipient")
        said = {"late": "has not got it yet", "complaint": "called it spam"}.get(verdict or "", "cannot be reached")
        why = f" ({bounce['status']})" if bounce.get("status") else ""
        return Came(
            message=Returned(
                channel=NAME,
                account=self._settings.account,
                external_id=own or mail.fingerprint,
                key=key,
                reason=f"{whom} {said}{why}",
                final=verdict not in ("late", "complaint"),
            )
        )


def _ends(references: Sequence[str]) -> list[str]:
    """The first, and the last of a long list."""
    return list(references) if len(references) <= REFERENCES else [references[0], *references[1 - REFERENCES :]]


def _addresses(fields: Mapping[str, Any], envelope: Mapping[str, Any]) -> list[str]:
    """Whom it was sent to."""
    named = [each["address"] for each in (*fields["to"], *fields["cc"])]
    return [*(str(each).strip("<> ") for each in envelope.get("delivered_to", ())), *named]


def _named(people: Sequence[Mapping[str, str]], but: set[str]) -> list[str]:
    """Addresses, each once, and not too many."""
    found = dict.fromkeys(each["address"].lower() for each in people if "@" in each["address"])
    return [each for each in found if each not in but][:SHOWN]


def _digest(mail: Mail, sender: str) -> str:
    """What tells two mails with one Message-ID apart, and not two copies of one that took different ways."""
    fields = mail.fields
    files = [hashlib.sha256(file.data).hexdigest() for file in mail.files]
    said = json.dumps([sender, fields["subject"], fields["date"], fields["text"], files])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _is_logo(file: MailFile) -> bool:
    return file.inline and file.media_type.startswith("image/") and len(file.data) < LOGO


def _reachable(sender: str) -> str | None:
    try:
        return address(sender)
    except ValueError:
        return None


def _moment(told: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(told) if told else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else None
