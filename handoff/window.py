"""What a team's window shows, as values: the card of a case, what is said under it, a digest, what is to leave.

Customers' words are data in a `RichText`: no platform reads them as markup. A room that others can read gets no words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from channels.contract import WindowButton
from channels.richtext import Block, RichText, Span
from handoff.texts import Voice
from store.words import case_number

TIERS: Final = {
    "outage": "Outage", "billing": "Billing", "person": "Wants a person", "problem": "Problem", "howto": "How-to",
    "feedback": "Feedback", "unknown": "Not recognised",
}  # fmt: skip
CARD_WORDS: Final = 400
LINE_WORDS: Final = 1500
"""Characters of one text that a window shows; the desk has all of it."""
EXACT_AT_MOST: Final = 2500
"""Characters that can be sent from a window: they are shown whole before they leave."""
_TURNS: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FENCE: Final = ("\u2068", "\u2069")
"""What turns around between these turns nothing around outside of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    text: RichText
    buttons: tuple[WindowButton, ...] = ()


def fenced(words: str, at_most: int) -> str:
    """Somebody's words between others': cut, and without what would turn what stands beside them around."""
    plain = _TURNS.sub("", words)
    cut = plain if len(plain) <= at_most else f"{plain[: at_most - 1].rstrip()}…"
    return f"{_FENCE[0]}{cut}{_FENCE[1]}" if cut.strip() else ""


def name_of(row: Mapping[str, Any]) -> str:
    """How the customer is called in a window."""
    one_line = " ".join(str(row["customer_full_name"] or "").split())
    return fenced(one_line, 80) or "the customer"


def where(channel: str) -> str:
    """Where somebody is written to, in a sentence."""
    return {"web": "in the web chat", "email": "by mail"}.get(channel, f"on {channel.capitalize()}")


# --- the card ----------------------------------------------------------------------------------


def card(row: Mapping[str, Any], now: datetime, voice: Voice, *, words: bool, link: str) -> Shown:
    """A case at a glance. `row` as `store.cases.read_row` gives it."""
    head = [_bold(f"{case_number(row['id'])} · {TIERS.get(row['tier'], row['tier'])}")]
    if (row["flags"] or {}).get("security"):
        head.append(_bold(" · Security"))
    if row["public"]:
        head.append(_bold(" · PUBLIC"))
    facts = [_standing(row, now, voice)]
    blocks = [Block(kind="paragraph", spans=tuple(head))]
    if words:
        facts.insert(0, f"{name_of(row)} {where(row['channel'])}")
        if said := fenced(" ".join(str(row["preview"]).split()), CARD_WORDS):
            blocks.append(Block(kind="quote", spans=(Span(text=said),)))
    blocks.append(Block(kind="paragraph", spans=(Span(text=" · ".join(facts)),)))
    return Shown(text=RichText(blocks=tuple(blocks)), buttons=_card_buttons(row, link))


def _card_buttons(row: Mapping[str, Any], link: str) -> tuple[WindowButton, ...]:
    opens = WindowButton(id="open", label="Open at the desk", url=link)
    if row["status"] != "resolved" and row["assignee_id"] is None:
        return (WindowButton(id=f"claim:{row['id']}", label="Claim", main=True), opens)
    return (opens,)


def _standing(row: Mapping[str, Any], now: datetime, voice: Voice) -> str:
    holder = " ".join(str(row["assignee"] or "").split())[:80]
    match row["status"]:
        case "resolved":
            how = "" if row["outcome"] is None else f": {str(row['outcome']).replace('_', ' ')}"
            return f"Resolved{f' by {holder}' if holder else ''}{how}"
        case "pending":
            return f"{holder or 'Somebody'} has answered; waiting for the customer"
        case "snoozed" if row["snoozed_until"] is not None:
            return f"{holder} has it; asleep until {voice.time(row['snoozed_until'], now)}"
        case _:
            who = f"{holder} has it" if holder else "Nobody has it yet"
            return f"{who}{_due(row['deadline'], now, voice)}"


def _due(by: datetime | None, now: datetime, voice: Voice) -> str:
    if by is None:
        return ""
    said = voice.time(by, now)
    return f" · late since {said}" if by <= now else f" · answer by {said}"


def digest(count: int, rows: Sequence[Mapping[str, Any]], link: str) -> Shown:
    """Many cases at once, named together. It has no words of theirs: who takes one gets its card."""
    heading = f"{count} new cases wait" if count != 1 else "1 new case waits"
    blocks = [Block(kind="paragraph", spans=(_bold(heading if count else "The cases named here are all taken"),))]
    blocks += [
        Block(kind="bullet", spans=(Span(text=f"{case_number(row['id'])} · {TIERS.get(row['tier'], row['tier'])}"),))
        for row in rows
    ]
    if count > len(rows):
        blocks.append(Block(kind="paragraph", spans=(Span(text=f"and {count - len(rows)} more"),)))
    take = (WindowButton(id="next", label="Take the next one", main=True),) if count else ()
    return Shown(
        text=RichText(blocks=tuple(blocks)), buttons=(*take, WindowButton(id="open", label="Open the queue", url=link))
    )


# --- under the card ----------------------------------------------------------------------------


def line(message: Mapping[str, Any], row: Mapping[str, Any], *, words: bool, link: str) -> Shown:
    """One message of the conversation, or a colleague's note at the desk, for who reads the thread."""
    who = _who(message, row)
    opens = (WindowButton(id="open", label="Open at the desk", url=link),)
    if not words:
        return Shown(text=_paragraph(Span(text=f"{who} wrote. Read it at the desk.")), buttons=opens)
    said = str(message["text"])
    shown = fenced(said, LINE_WORDS)
    blocks = [Block(kind="paragraph", spans=(_bold(f"{who}{_doing(message)}"),))]
    if shown:
        blocks.append(Block(kind="quote", spans=(Span(text=shown),)))
    if files := int(message["files"] or 0):
        blocks.append(_block(f"With {files} file{'s' if files > 1 else ''}; open the case to see."))
    return Shown(text=RichText(blocks=tuple(blocks)), buttons=opens if files or len(said) > LINE_WORDS else ())


def _who(message: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    if message["direction"] == "in":
        return name_of(row)
    return fenced(" ".join(str(message["author"]).split()), 80) or "A colleague"


def _doing(message: Mapping[str, Any]) -> str:
    if message["direction"] == "note":
        return ", a note at the desk"
    if message["direction"] == "out":
        return ", to the customer"
    return {"edit": " wrote instead", "deletion": " deleted a message", "button": " pressed"}.get(message["kind"], "")


# --- what is to leave --------------------------------------------------------------------------


def whom(row: Mapping[str, Any]) -> str:
    """To whom words would go, and who else reads them."""
    return f"To {name_of(row)} {where(row['channel'])}" + (" · PUBLIC: others read it too" if row["public"] else "")


def asking(send_id: int, body: str, row: Mapping[str, Any]) -> Shown:
    """The exact words, to whom, and the one button that lets them go."""
    text = RichText(blocks=(_block(whom(row), bold=True), *_exact(body)))
    return Shown(
        text=text,
        buttons=(
            WindowButton(id=f"send:{send_id}", label="Send", main=True),
            WindowButton(id=f"drop:{send_id}", label="Do not send"),
        ),
    )


def sending(
    send_id: int, state: str, body: str, agent: str, row: Mapping[str, Any], *, why: str | None, words: bool
) -> Shown:
    """The line that tells colleagues what leaves, or what became of it."""
    to = whom(row) if words else "To the customer"
    said = _exact(body) if words else ()
    match state:
        case "held":
            head = f"{agent} sends this in a moment. {to}"
        case "sent":
            head = f"{agent} has sent this. {to}"
        case "undone":
            head = f"{agent} took it back; nothing was sent"
        case "refused":
            head = f"Not sent: {why or 'it was refused'}"
        case _:
            head = f"{agent} sends this. {to}"
    undo = (WindowButton(id=f"undo:{send_id}", label="Undo"),) if state == "held" else ()
    return Shown(text=RichText(blocks=(_block(head, bold=True), *said)), buttons=undo)


def came(since: Sequence[Mapping[str, Any]], *, words: bool) -> tuple[Block, ...]:
    """What was written since somebody looked."""
    if not words:
        return ()
    found = [
        Block(
            kind="quote",
            spans=(Span(text=f"{each.get('author') or each.get('from')}: {fenced(str(each['text']), 300)}"),),
        )
        for each in since[:5]
    ]
    return tuple(found)


def told(sentence: str, more: Sequence[Block] = ()) -> RichText:
    """A sentence to one person, with what belongs to it."""
    return RichText(blocks=(_block(sentence), *more))


def _exact(body: str) -> tuple[Block, ...]:
    return (Block(kind="quote", spans=(Span(text=body),)),)


def _block(words: str, *, bold: bool = False) -> Block:
    return Block(kind="paragraph", spans=(Span(text=words, bold=bold),))


def _paragraph(*spans: Span) -> RichText:
    return RichText(blocks=(Block(kind="paragraph", spans=spans),))


def _bold(words: str) -> Span:
    return Span(text=words, bold=True)
