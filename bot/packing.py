"""A row of the outbox as what an adapter sends: the whole of it, or the part that is next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from channels.contract import Address, Attachment, Before, Button, Channel, Earlier, OutboundMessage, Splits
from channels.richtext import RichText
from handoff import texts
from store import letters, outbox
from store.database import Database
from store.outbox import Parcel
from store.words import case_number


class CutDifferently(Exception):
    """Some parts have arrived, and what is left cannot be told: the text is cut into other parts now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What leaves now, and of how many parts it is."""

    message: OutboundMessage
    parts: int

    @property
    def said(self) -> str:
        """Which part it is, in front of what became of it; nothing if there is only one."""
        return f"part {self.message.part} of {self.parts}: " if self.parts > 1 else ""


async def pack(database: Database, channel: Channel, parcel: Parcel) -> Packed:
    """The part that is next. Buttons go with the last, files and `reply_to` with the first.

    Raises:
        CutDifferently: see there.
    """
    text = RichText.from_json(parcel.rich) if parcel.rich else RichText.of(parcel.body)
    buttons = parcel.buttons
    if buttons and not channel.capabilities.buttons:
        text, buttons = text + RichText.of(texts.instead_of_buttons(buttons)), ()
    parts = (list(channel.parts(text)) if isinstance(channel, Splits) else []) or [text]
    done = parcel.parts_done
    if done and parcel.parts != len(parts):
        raise CutDifferently(
            f"{done} of {parcel.parts} parts have arrived, but now it is cut into {len(parts)}; "
            "sending again begins with the first"
        )
    first, last = done == 0, done == len(parts) - 1
    message = OutboundMessage(
        key=f"m{parcel.id}" if len(parts) == 1 else f"m{parcel.id}-{done + 1}",
        address=address_of(parcel),
        text=parts[done],
        kind=parcel.kind,
        author=parcel.author_name,
        buttons=tuple(Button(id=button["id"], label=button["label"]) for button in buttons) if last else (),
        attachments=await _attachments(database, parcel) if first else (),
        reply_to=parcel.reply_to if first else None,
        attempt=parcel.attempts,
        part=done + 1,
        automatic=parcel.author != "agent",
        also=tuple(parcel.meta.get("also", ())),
        before=await _before(database, parcel) if channel.capabilities.letters else None,
    )
    return Packed(message=message, parts=len(parts))


def address_of(parcel: Parcel) -> Address:
    return Address(
        account=parcel.account,
        place=parcel.place,
        thread=parcel.thread,
        recipient=parcel.recipient,
        public=parcel.public,
        extra=parcel.extra,
    )


async def _before(database: Database, parcel: Parcel) -> Before:
    async with database.read() as connection:
        past = await letters.past(connection, parcel.conversation_id, before=parcel.seq, now=datetime.now(UTC))
    said = [(row["meta"] or {}, row) for row in past.said]
    return Before(
        subject=past.subject,
        case=None if past.case_id is None else case_number(past.case_id),
        said=tuple(
            Earlier(
                external_id=row["external_id"],
                author=row["author"],
                name=row["author_name"],
                text=meta.get("masked", row["body"]),
                at=row["created_at"],
                about=meta.get("about", {}),
            )
            for meta, row in said
        ),
        automatic_here=past.automatic_here,
        automatic_elsewhere=past.automatic_elsewhere,
    )


async def _attachments(database: Database, parcel: Parcel) -> tuple[Attachment, ...]:
    if parcel.author != "agent":
        return ()
    async with database.read() as connection:
        rows = await outbox.files_of(connection, parcel.id)
    return tuple(
        Attachment(
            name=row["name"],
            media_type=row["media_type"],
            size=row["size"],
            reference=row["reference"],
            content=row["content"],
        )
        for row in rows
    )
