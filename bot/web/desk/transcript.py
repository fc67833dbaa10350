"""A conversation as the case page shows it: messages, what happened between them, days, the line of handing over.

Pure: values in, items out. Text stays text; it is the template that escapes it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import merge
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from channels.richtext import RichText, Span
from handoff import texts
from handoff.reach import masked
from store.changes import OVERTAKEN
from store.outbox import STOPPED

PAGE: Final = 50
"""Messages that are shown at once; older ones come by page."""
FOLDED_FROM: Final = 20
"""Lines; a longer message shows so many and a button for the rest."""
_LINE: Final = 84
"""Characters of one line of a bubble, roughly."""
_QUOTED_FROM: Final = 3
SAID_BY_MESSAGES: Final = ("customer_wrote", "replied", "noted")
"""Events that messages say already."""
PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
TIER_NAMES: Final = {
    "outage": "Outage",
    "billing": "Billing",
    "person": "Person",
    "problem": "Problem",
    "howto": "How-to",
    "feedback": "Feedback",
    "unknown": "Unknown",
}
CHANNELS: Final = {"web": "Web", "email": "Mail", "slack": "Slack", "telegram": "Telegram", "discord": "Discord"}
OUTCOME_NAMES: Final = {
    "solved": "Solved",
    "workaround": "Workaround",
    "guided": "Went through it together",
    "no_fault": "Nothing was broken",
    "spam": "Spam",
    "returned": "Returned to the bot",
    "merged": "Merged",
}

_HELPED: Final = frozenset(button["label"] for button in texts.HELPED)

Voice = Literal["cust", "bot", "agent", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A run of characters: a link, a mark, or neither."""

    text: str
    href: str | None = None
    mark: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A block of our own rich text; a list holds its items."""

    kind: str
    lines: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of a message that went out."""

    state: str
    words: str
    again: bool = False
    """An agent may have it sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Another conversation of the same person."""

    channel: str
    name: str
    """Of the channel."""
    public: bool
    case: str | None
    """Its newest case."""
    proven: bool
    """That they are one person; False: an agent says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message."""

    id: str
    seq: int
    message: int
    voice: Voice
    name: str
    tag: str | None
    mine: bool
    at: datetime
    pieces: tuple[Piece, ...] = ()
    rich: tuple[Part, ...] = ()
    quoted: str = ""
    whole: str = ""
    """With what it quotes, where `pieces` leave that out."""
    lines: int = 0
    pressed: str | None = None
    """What the customer has answered to the buttons of this message."""
    offered: tuple[str, ...] = ()
    asked: str = "Answered:"
    is_tap: bool = False
    hint: str | None = None
    notes: tuple[str, ...] = ()
    """What an agent should know of it: who else got it, that it may be forged."""
    files: tuple[Mapping[str, Any], ...] = ()
    delivery: Delivery | None = None
    open: bool = False
    """Its state may still change."""
    where: Where | None = None
    """In which other conversation of theirs it was said; None: in the case's own."""
    kind: Literal["said"] = "said"

    @property
    def folds(self) -> bool:
        return self.lines > FOLDED_FROM


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A line between messages."""

    id: str
    at: datetime
    words: str
    icon: str = ""
    more: str = ""
    kind: Literal["event", "handover", "day"] = "event"


Item = Said | Happened


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What items are made from, apart from the messages themselves."""

    zone: ZoneInfo
    me: int
    """Who looks: their own words are not read out to them."""
    channel: str
    customer: str
    verdict: Mapping[str, Any] | None = None
    opened_seq: int = 0
    seen_seq: int = 0
    seen_at: datetime | None = None
    events: Sequence[Mapping[str, Any]] = ()
    files: Mapping[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def deciding(self) -> str:
        """The sentence that decided."""
        return str((self.verdict or {}).get("deciding_sentence") or "")

    def clock(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%H:%M}"


def items(
    rows: Sequence[Mapping[str, Any]],
    scene: Scene,
    *,
    following: Sequence[Mapping[str, Any]] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    also: Sequence[Item] = (),
) -> list[Item]:
    """Messages in their order, with the events of `since <= at < until` and the days between them.

    `following`: what was said after these, where a button may have been pressed. `also`: what else belongs between
    them, oldest first (`elsewhere`).
    """
    marked = _marked(rows, scene)
    last_seen = max((row["seq"] for row in rows if _went_out(row) and row["seq"] <= scene.seen_seq), default=0)
    waiting = [_placed(event, shown) for event in scene.events if (shown := _event(event, scene)) is not None]
    waiting = [
        (at, rank, item)
        for at, rank, item in waiting
        if (since is None or at >= since) and (until is None or at < until)
    ]
    found: list[Item] = []
    for index, row in enumerate(rows):
        while waiting and waiting[0][:2] < (row["at"], 1):
            found.append(waiting.pop(0)[2])
        later = (*rows[index + 1 :], *following)
        found.append(_said(row, scene, later, mark=row["seq"] == marked, last_seen=last_seen))
    found += [item for _, _, item in waiting]
    if also:
        found = list(merge(found, also, key=lambda item: item.at))
    return list(_with_days(found, scene))


def elsewhere(
    rows: Sequence[Mapping[str, Any]],
    talks: Mapping[int, Mapping[str, Any]],
    files: Mapping[int, Sequence[Mapping[str, Any]]],
    scene: Scene,
) -> list[Said]:
    """Messages of the person's other conversations, oldest first.

    Args:
        talks: those conversations, by number.
        files: what came with these messages, by message.
    """
    found = []
    for index, row in enumerate(rows):
        talk = talks[row["conversation"]]
        name = CHANNELS.get(talk["channel"], str(talk["channel"]).capitalize())
        there = replace(
            scene,
            channel=talk["channel"],
            customer=called(talk["claimed"] or talk["name"], talk["email"]),
            verdict=None,
            seen_seq=talk["seen_seq"],
            seen_at=talk["seen_at"],
            files={row["seq"]: files.get(row["id"], ())},
        )
        later = [other for other in rows[index + 1 :] if other["conversation"] == row["conversation"]]
        said = _said(row, there, later, mark=False, last_seen=0)
        delivery = replace(said.delivery, again=False) if said.delivery is not None else None
        where = Where(
            channel=talk["channel"], name=name, public=bool(talk["public"]), case=talk["case"], proven=talk["proven"]
        )
        found.append(replace(said, id=f"x-{row['id']}", mine=False, open=False, delivery=delivery, where=where))
    return found


def left_out(at: datetime) -> Happened:
    """A line where something that was said elsewhere is not shown."""
    words = "More was written elsewhere before this. It stands on the customer\u2019s page."
    return Happened(id="left-out", at=at, words=words, icon="dots")


def _placed(event: Mapping[str, Any], shown: Happened) -> tuple[datetime, int, Happened]:
    """Of what was written in the same moment: an agent's deed, then its notice; an acknowledgement, then the line."""
    return event["at"], 2 if shown.kind == "handover" else 0, shown


def _with_days(found: Sequence[Item], scene: Scene) -> Iterator[Item]:
    day = None
    for item in found:
        local = item.at.astimezone(scene.zone)
        if local.date() != day:
            day = local.date()
            yield Happened(
                id=f"d-{day.isoformat()}", at=item.at, words=f"{local:%A} {local.day} {local:%B %Y}", kind="day"
            )
        yield item


# --- one message ---------------------------------------------------------------------------------


def _said(
    row: Mapping[str, Any], scene: Scene, later: Sequence[Mapping[str, Any]], *, mark: bool, last_seen: int
) -> Said:
    voice = _voice(row)
    labels = {str(button["id"]): str(button["label"]) for button in row["buttons"]}
    pressed = _pressed(row, labels, later)
    rich = _parts(row["rich"]) if row["rich"] else ()
    text, quoted = _without_quote(row["text"]) if voice == "cust" else (row["text"], "")
    delivery = _delivery(row, scene, last_seen) if voice in ("agent", "bot") else None
    return Said(
        id=f"m-{row['seq']}",
        seq=row["seq"],
        message=row["id"],
        voice=voice,
        name=plain_name(row["author"]) or (scene.customer if voice == "cust" else ""),
        tag={"bot": "Bot", "system": "Notice"}.get(row["from"]),
        mine=row["from"] == "agent" and row["agent"] == scene.me,
        at=row["at"],
        pieces=() if rich else tuple(pieces(text, scene.deciding if mark else "")),
        rich=rich,
        quoted=quoted,
        whole=str(row.get("full") or ""),
        lines=sum(max(1, math.ceil(len(line) / _LINE)) for line in text.split("\n")),
        pressed=pressed,
        offered=tuple(labels.values()),
        asked=texts.DID_THIS_HELP if pressed in _HELPED else "Answered:",
        is_tap=row["kind"] == "button",
        hint=_hint(row),
        notes=tuple(plain_name(note) for note in row.get("notes", ())),
        files=tuple(_file(file) for file in scene.files.get(row["seq"], ())),
        delivery=delivery,
        open=_is_open(row, scene, asks=bool(labels) and pressed is None and not any(map(_came_in, later))),
    )


def _voice(row: Mapping[str, Any]) -> Voice:
    if row["direction"] == "note":
        return "note"
    if row["direction"] == "in":
        return "cust"
    return "agent" if row["from"] == "agent" else "bot"


def _went_out(row: Mapping[str, Any]) -> bool:
    return bool(row["direction"] == "out" and row["status"] == "sent")


def _pressed(row: Mapping[str, Any], labels: Mapping[str, str], later: Sequence[Mapping[str, Any]]) -> str | None:
    """The label of the button that was pressed: the first tap after it, if it is one of these."""
    if not labels:
        return None
    for other in later:
        if other["direction"] == "out" and other["buttons"]:
            return None  # a later message asks anew
        if other["button"] in labels:
            return labels[other["button"]]
    return None


def _came_in(row: Mapping[str, Any]) -> bool:
    return bool(row["direction"] == "in")


def _is_open(row: Mapping[str, Any], scene: Scene, *, asks: bool) -> bool:
    if row["direction"] != "out":
        return False
    if row["status"] != "sent":
        return bool(row["status"] != "cancelled")
    return asks or (scene.channel == "web" and row["seq"] > scene.seen_seq)


def _hint(row: Mapping[str, Any]) -> str | None:
    if row["direction"] != "in":
        return None
    if row["end"] == "superseded":
        return "Edited since; the newer words are below"
    if row["kind"] == "edit":
        return "Edited"
    if row["kind"] == "deletion":
        return "Deleted by the customer"
    return None


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **file,
        "name": plain_name(file["name"]),
        "picture": file["media_type"].partition(";")[0].strip().lower() in PICTURES,
    }


_TAKEN_ON: Final = ("email", "web")
"""A server has it, or it waits for who comes back; on other platforms what is taken is there."""
_TURNS: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def called(name: str | None, email: str | None) -> str:
    """How a customer is called at the desk, wherever that stands."""
    return plain_name(str(name or email or "")) or "The customer"


def plain_name(name: str) -> str:
    """A name without what turns the direction of its letters: `gpj.exe` must not read as a picture."""
    return " ".join(_TURNS.sub("", name).split())


def size(count: int) -> str:
    """Bytes as people say them."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def _delivery(row: Mapping[str, Any], scene: Scene, last_seen: int) -> Delivery | None:
    """What became of it; of the machine's own words only what is worth a line."""
    status, by_people = row["status"], row["from"] == "agent"
    reason = f": {row['error']}" if row["error"] else ""
    done, parts = row.get("parts_done"), row.get("parts")
    match status:
        case "sent":
            if row["seq"] == last_seen and scene.seen_at is not None:
                return Delivery(state="seen", words=f"Seen {scene.clock(scene.seen_at)}")
            if reason:
                return Delivery(state="queued", words=f"Sent{reason}")
            if not by_people:
                return None
            seen = row["seq"] <= scene.seen_seq
            arrived = "Sent" if scene.channel in _TAKEN_ON else "Delivered"
            return Delivery(state="seen" if seen else "sent", words="Seen" if seen else arrived)
        case "held":
            return Delivery(state="queued", words="Not sent yet")
        case "queued":
            return Delivery(state="queued", words=f"Waits to be sent{reason}")
        case "sending":
            return Delivery(state="queued", words=f"Being sent: {done} of {parts} parts" if done else "Being sent")
        case "failed":
            return Delivery(state="failed", words=f"Not delivered{reason}.", again=True)
        case "parked":
            return Delivery(state="failed", words=f"Not sent, and not tried any more{reason}.", again=True)
        case "unknown":
            words = "We cannot tell whether this arrived. Sending again may double it."
            return Delivery(state="failed", words=words, again=True)
        case "cancelled" if done:
            words = f"Only {done} of {parts} parts arrived: a person took over before the rest left"
            return Delivery(state="cancelled", words=words)
        case "cancelled" if row["error"] not in (None, STOPPED, OVERTAKEN):
            return Delivery(state="cancelled", words=f"Not sent{reason}")
        case "cancelled":
            return Delivery(state="cancelled", words="Never sent: a person took over before it left")
        case _:
            return None


# --- words ---------------------------------------------------------------------------------------

_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'\u200b-\u200f\u202a-\u202e\u2060-\u2069]{1,2000}", re.IGNORECASE)
_TRAILING: Final = ".,;:!?)]}\u00bb\u201d\u2019\u2026"


def pieces(text: str, deciding: str = "") -> Iterator[Piece]:
    """The text in runs: addresses as links, the words that decided marked. Nothing is added and nothing lost."""
    start, end = _found(text, deciding)
    for part, mark in ((text[:start], False), (text[start:end], True), (text[end:], False)):
        if part:
            yield from _linked(part, mark)


def _linked(text: str, mark: bool) -> Iterator[Piece]:
    at = 0
    for match in _ADDRESS.finditer(text):
        address = match[0].rstrip(_TRAILING)
        if not _is_plain(address):
            continue
        if match.start() > at:
            yield Piece(text=text[at : match.start()], mark=mark)
        yield Piece(text=address, href=address, mark=mark)
        at = match.start() + len(address)
    if at < len(text):
        yield Piece(text=text[at:], mark=mark)


def _is_plain(address: str) -> bool:
    """An address that leads where it seems to: no name before the host, no look-alike letters in it."""
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and "@" not in parts.netloc and "\\" not in address and parts.netloc.isascii()
    except ValueError:
        return False


def _found(text: str, sentence: str) -> tuple[int, int]:
    """Where the sentence stands in the text, whatever its white space; nowhere is the end."""
    words = sentence.split()
    if not words:
        return len(text), len(text)
    at = text.find(sentence)
    if at >= 0:
        return at, at + len(sentence)
    match = re.search(r"\s+".join(map(re.escape, words)), text)
    return match.span() if match else (len(text), len(text))


def _marked(rows: Sequence[Mapping[str, Any]], scene: Scene) -> int:
    """The message that holds the deciding sentence: the first from where the case was opened, else the last before."""
    if not scene.deciding:
        return 0
    holds = [
        row["seq"]
        for row in rows
        if row["direction"] == "in" and _found(row["text"], scene.deciding) != (len(row["text"]), len(row["text"]))
    ]
    after = [seq for seq in holds if seq >= scene.opened_seq]
    return int(after[0] if after else holds[-1] if holds else 0)


def _without_quote(text: str) -> tuple[str, str]:
    """(what was written, the quoted lines at the end): of a mail that was answered below its history."""
    lines = text.rstrip().split("\n")
    at = len(lines)
    while at > 0 and (lines[at - 1].startswith(">") or not lines[at - 1].strip()):
        at -= 1
    if len(lines) - at < _QUOTED_FROM or at == 0:
        return text, ""
    return "\n".join(lines[:at]).rstrip(), "\n".join(lines[at:])


def _parts(data: Sequence[Mapping[str, Any]]) -> tuple[Part, ...]:
    """Blocks as the template draws them: items of one list together, without the question that its buttons show."""
    found: list[Part] = []
    for block in RichText.from_json(data).blocks:
        if block.plain() == texts.DID_THIS_HELP:
            continue
        if block.spans and block.spans[0].text == 'From "':
            found.append(Part(kind="source", lines=(block.spans,)))
        elif found and block.kind in ("bullet", "number") and found[-1].kind == block.kind:
            found[-1] = Part(kind=block.kind, lines=(*found[-1].lines, block.spans))
        else:
            found.append(Part(kind=block.kind, lines=(block.spans,)))
    return tuple(found)


# --- what happened -------------------------------------------------------------------------------


def _event(event: Mapping[str, Any], scene: Scene) -> Happened | None:
    """An event as a line; None: a message or nothing says it already."""
    kind, at, data = event["kind"], event["at"], event["data"] or {}
    who, id_ = event["agent"] or "", f"e-{event['id']}"
    if kind in ("opened", "escalated") or (kind == "reopened" and event["actor"] != "agent"):
        words = {"opened": "Handed to people", "escalated": "Handed to people"}.get(kind, "Back with people")
        more = _sentence(str(data.get("reason") or ""))
        silent = "The bot is silent from here."
        return Happened(
            id=id_, at=at, words=f"{words} {scene.clock(at)}", more=f"{more} {silent}".strip(), kind="handover"
        )
    told = _told(kind, who, data, scene)
    if told is None:
        return None
    return Happened(id=id_, at=at, words=f"{told[0]} · {scene.clock(at)}", icon=told[1])


def _told(kind: str, who: str, data: Mapping[str, Any], scene: Scene) -> tuple[str, str] | None:
    """(what happened, an icon)."""
    match kind:
        case "claimed":
            holder = str(data.get("holder") or who)
            return (f"{who} claimed this case" if holder == who else f"{who} gave this to {holder}"), "mine"
        case "released":
            return _released(who, data), "queue"
        case "resolved":
            outcome = OUTCOME_NAMES.get(str(data.get("outcome")), "")
            return f"{who} resolved this case" + (f": {outcome.lower()}" if outcome else ""), "check"
        case "begun":
            about = data.get("subject")
            return f"{who} wrote first" + (f": “{about}”" if about else ""), "again"
        case "merged":
            return f"{who} merged it into {data.get('into')}; what is written here goes there", "again"
        case "merged_in":
            return f"{who} merged {data.get('other')} into this one", "again"
        case "unmerged":
            return f"{who} parted it from {data.get('other')} again", "again"
        case "merged_wrote":
            return f"{scene.customer} wrote in {data.get('other')}, which is merged into this one", "again"
        case "blocked":
            why = str(data.get("why") or "")
            return f"{who} blocked {scene.customer}" + (f": {why}" if why else ""), "lock"
        case "unblocked":
            return f"{who} lets {scene.customer} write again", "lock"
        case "returned":
            return f"{who} returned it to the bot", "bot"
        case "reopened":
            return f"{who} reopened this case", "again"
        case "snoozed":
            return f"{who} snoozed it until {_until(data, scene)}", "clock"
        case "woke":
            return "Awake again", "clock"
        case "corrected":
            return f"{who} corrected it{_corrected(data)}", "again"
        case "tagged":
            return f"{who} {_tagged(data)}", "tag"
        case "unclaimed":
            return "Nobody whom the desk asked took it; a supervisor is to look", "people"
        case "breached":
            return "The deadline passed without an answer", "clock"
        case "promise_at_risk":
            return f"{scene.customer} was told that the promise was at risk", "clock"
        case "mailed":
            return f"What was unread went to {masked(str(data.get('to')))}", "mail"
        case "mail_failed":
            return f"The mail to {masked(str(data.get('to')))} was {data.get('error')}", "mail"
        case "not_mailed":
            why = "no address is known" if data.get("why") == "no_address" else "mail is not set up"
            return f"Unread, and {why}: it waits in the chat", "mail"
        case "came_back":
            return f"A mail came back: {data.get('error')}", "mail"
        case "undelivered":
            return "Our answer did not arrive, so this waits for us again", "clock"
        case "is_late":
            return f"A mail is late: {data.get('error')}", "mail"
        case "linked":
            if data.get("how") == "hand":
                return f"{who} linked them with {_other(data)} by hand: not proven", "pin"
            how = "the same proven address" if data.get("how") == "profile" else "proved by a code"
            return f"Linked with {_other(data)}: {how}", "check"
        case "unlinked":
            return f"{who} undid the link with {_other(data)}", "again"
        case "proof_asked":
            return f"{who} asked {scene.customer} to prove another address", "pin"
        case "filed":
            return "Filed as feedback; the bot goes on", "t-feedback"
        case "surveyed":
            return f"{scene.customer} said how it was: {data.get('mark')}", "t-feedback"
        case _:
            return None


def _released(who: str, data: Mapping[str, Any]) -> str:
    holder = str(data.get("holder") or who)
    match data.get("why"):
        case "team":
            return f"{who} passed it on to {data.get('team')}"
        case "signed_out":
            return f"{holder} signed out; it went back to the queue"
        case "locked_out":
            return f"{holder} was locked out by {who}; nobody has it now"
        case "role":
            return f"{holder} answers no customers any more; nobody has it now"
        case "away":
            return f"{holder} is away; it went back to the queue"
        case _:
            return f"{who} gave it back to the queue"


def _corrected(data: Mapping[str, Any]) -> str:
    """What was put right, as the end of a sentence."""
    before, now = (TIER_NAMES.get(str(data.get(key)), "") for key in ("before", "tier"))
    said = [f" from {before} to {now}"] if before and now and before != now else []
    if data.get("intent"):
        said.append(f" to \u201c{str(data['intent']).replace('_', ' ')}\u201d")
    if "security" in data:
        said.append(" as a matter of safety" if data["security"] else ": no matter of safety")
    if "language" in data:
        said.append(f": written in {data['language'] or 'our language'}")
    return ",".join(said)


FSI, PDI = "\u2068", "\u2069"
"""Around words that may be written from the right: what stands behind them stays behind them."""


def _tagged(data: Mapping[str, Any]) -> str:
    """What was put on and taken off, as the end of a sentence; each tag by itself, whichever way it is written."""
    said = (("tagged it", data.get("added")), ("took off", data.get("removed")))
    return " and ".join(f"{verb} {', '.join(f'“{FSI}{tag}{PDI}”' for tag in tags)}" for verb, tags in said if tags)


def _other(data: Mapping[str, Any]) -> str:
    """An identity on another channel."""
    channel = str(data.get("channel") or "")
    name = plain_name(str(data.get("name") or ""))
    return CHANNELS.get(channel, channel.capitalize()) + (f" “{name}”" if name else "")


def story(event: Mapping[str, Any], scene: Scene) -> str:
    """An event for the history, where also what messages say is told."""
    shown = _event(event, scene)
    if isinstance(shown, Happened):
        return shown.words if shown.kind == "event" else f"{shown.words}. {shown.more}"
    kind, clock = event["kind"], scene.clock(event["at"])
    who = event["agent"] or {"customer": scene.customer, "bot": "The bot"}.get(event["actor"], "The desk")
    words = {"customer_wrote": "wrote", "replied": "replied", "noted": "wrote a note"}.get(kind)
    return f"{who} {words or kind.replace('_', ' ')} · {clock}"


def _until(data: Mapping[str, Any], scene: Scene) -> str:
    try:
        local = datetime.fromisoformat(str(data.get("until"))).astimezone(scene.zone)
    except ValueError:
        return "later"
    return f"{local:%A} {local:%H:%M}"


def _sentence(reason: str) -> str:
    """A reason as a sentence."""
    reason = reason.strip().rstrip(".")
    return f"{reason[0].upper()}{reason[1:]}." if reason else ""
