"""What every channel is held to, and what it may count on.

A channel brings what customers write (`Host.deliver`) and takes what we write (`Channel.send`). Everything else
is optional and is its own small protocol. What a platform can do is data (`Capabilities`); the house never asks
which platform it is.

    ChannelError
    ├── TemporaryFailure    not sent; try again, not before `retry_after` seconds
    ├── PermanentFailure    not sent and never will be: blocked, deleted, refused
    ├── Unsupported         the platform has no such thing; send something simpler
    ├── UnknownOutcome      may have been sent; only `Reconciles.reconcile` may say
    └── Withheld            not sent, on purpose, and nobody has to look at it
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from channels.richtext import RichText

# --- what comes in ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who wrote. `external_id` is the platform's own, stable name for them."""

    external_id: str
    name: str = ""
    email: str | None = None
    email_verified: bool = False
    """True only if the platform vouches for the address and the operator trusts that platform's word (a setting of the
    adapter's): two identities with the same one are taken for one person. A claimed address never merges people."""
    is_bot: bool = False
    is_us: bool = False
    """Our own message come back to us (an echo)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file. Its content is fetched by the adapter, or `reference` says how it can be fetched later."""

    name: str
    media_type: str = "application/octet-stream"
    size: int = 0
    reference: str = ""
    content: bytes | None = None


InboundKind = Literal["message", "edit", "deletion", "button"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """One thing a customer did: wrote, edited, deleted, pressed a button.

    Its identity is (channel, account, place, external_id, revision): the platform may deliver it as often as it
    likes. An edit or a deletion carries the `external_id` of the original and a greater `revision` (anything
    that grows: the platform's edit time in milliseconds will do); the original has revision 0.
    """

    channel: str
    account: str
    """Which of our presences there: a workspace, a bot, a mailbox."""
    place: str
    """Where: a chat, a channel, a mailbox thread; unique within the account."""
    thread: str | None = None
    author: Author
    external_id: str
    revision: int = 0
    kind: InboundKind = "message"
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    addressed: bool = True
    """Direct message, mention, or a thread that a mention opened. What is not addressed to us is kept, and ignored
    unless its author has an open case in that very place and thread."""
    public: bool = False
    """Others than the customer read this place: the house then says nothing of a case there. Author, place and thread
    make a conversation, so nobody gets into somebody else's; of a button, the author is who pressed it."""
    automatic: bool = False
    """A machine wrote it: auto-reply, bounce, list, bulk."""
    button: str | None = None
    """Of kind button: the id of the button that was pressed."""
    reply_to: str | None = None
    """External id of the message that it answers, if the platform says so."""
    platform_at: datetime | None = None
    """The platform's date: shown, never ordered by."""
    subject: str | None = None
    global_id: bool = False
    """The external id is unique in the whole account, not just in its place (client-made UUIDs)."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the adapter needs to answer in the same place; JSON, small, no secrets."""
    of: str | None = None
    """External id of the customer whose conversation this is, where the author is somebody else: a third person who
    answers there. `Host.where` has told it. It is kept there under the author's own name, and makes nobody one."""
    forgeable: bool = False
    """Nobody vouches for who wrote this: it proves nothing about them."""
    full: str | None = None
    """All that was written, where `text` leaves out what it quotes or how it is signed."""
    notes: tuple[str, ...] = ()
    """What an agent should know of this message, a sentence each: who else got it, that it may be forged."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What the adapter wants to be told of this very message again (`Where`, `Earlier`); JSON, small, no secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A message of ours that its platform had taken, and could not bring: it came back, or is late."""

    channel: str
    account: str
    external_id: str
    """Of what brought the news; the same news twice changes nothing."""
    key: str
    """`OutboundMessage.key` of what came back."""
    reason: str
    """For an agent: to whom, and why not."""
    final: bool = True
    """False: it may still arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecodable:
    """A payload that could not be read. It is kept, shown to agents and can be tried again; it never vanishes."""

    channel: str
    account: str
    external_id: str
    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a platform has been read. Committed with the messages that it stands for."""

    name: str
    """Unique per account and stream: `telegram:mybot:offset`."""
    value: str
    token: int | None = None
    """The fencing token of the lease under which it was read; a stale one is refused with `LeaseLost`."""
    lease: str | None = None
    """Which lease that token is of; None: the one that is called like the cursor."""


DeliveryOutcome = Literal["new", "duplicate", "conflict", "quarantined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What became of one delivered message. It is committed; the platform may be told so."""

    outcome: DeliveryOutcome
    """conflict: the same identity came before with other words; the first is kept."""
    message: int
    conversation: int
    place: str
    """Where the first delivery of this identity was kept."""
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """In which conversation a message is kept, and among whom."""

    place: str
    thread: str | None
    customer: str
    """External id of whose conversation it is."""
    people: frozenset[str]
    """External ids of all who have written there."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Of a message that came in: what its adapter has said of it."""


WindowDeed = Literal["said", "edited", "deleted", "pressed", "chosen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEvent:
    """One thing that somebody of the team did in the desk's window: never a customer's message.

    Its identity is (channel, account, place, external_id): the platform may deliver it as often as it likes."""

    channel: str
    account: str
    place: str
    external_id: str
    kind: WindowDeed
    """chosen: they pointed at a message and said that it is to go to the customer."""
    person: str
    """External id of who did it."""
    thread: str | None = None
    """The post under which it happened; None: it is under none."""
    post: str | None = None
    """What was written, or what it is about."""
    text: str = ""
    """Their words as people read them."""
    button: str = ""
    author: str = ""
    """Of kind chosen: whose words they are."""
    files: int = 0
    """How many came with it; they stay where they are."""


# --- what goes out ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A choice under a message. `id` comes back as `InboundMessage.button`."""

    id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an answer goes: copied from the conversation."""

    account: str
    place: str
    thread: str | None = None
    recipient: str = ""
    """External id of the customer."""
    public: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """One message that stands before another in its conversation."""

    external_id: str | None
    author: str
    """customer | bot | agent | system"""
    name: str
    text: str
    at: datetime
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What a letter refers to. The same message has the same before it at every attempt, but for edits."""

    subject: str | None
    case: str | None
    """The number of the newest case, for people to read."""
    said: tuple[Earlier, ...]
    """The last ones, oldest first: what came in, and what has left."""
    automatic_here: int = 0
    """How many automatic messages have left in this conversation within the hour before."""
    automatic_elsewhere: int = 0
    """How many to the same customer in others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """One thing that we say. `key` is the same at every attempt: pass it to the platform where it takes one."""

    key: str
    """At most 25 characters of [a-z0-9-]."""
    address: Address
    text: RichText
    kind: str = "text"
    author: str = ""
    """Shown name of who speaks: the bot's, or an agent's."""
    buttons: tuple[Button, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    reply_to: str | None = None
    attempt: int = 1
    """Of this send: of this part, where a text goes in several."""
    part: int = 1
    """Which part of a longer text this is, where the channel `Splits`: the key of each is its own."""
    automatic: bool = False
    """No person says this."""
    also: tuple[str, ...] = ()
    """Addresses to which an agent wants a copy to go, of those that messages here were sent to."""
    before: Before | None = None
    """Of channels that write letters: what was said before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The platform took it. `external_id` is its name for (the first part of) our message."""

    external_id: str
    parts: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    """Of `OutboundMessage.also`: who did not get it, and why."""


class ChannelError(Exception):
    """Something a platform refused. The text is for an agent: what happened, and what to do."""


class TemporaryFailure(ChannelError):
    """Certainly not sent; worth another try.

    With `retry_after` (a 429) the platform asks for a pause of so many seconds: the house sends nothing of the whole
    account before that, in any process, and counts no try. `only_there`: the pause is of this place alone, where the
    platform says so. `everywhere`: nothing of the account can leave (there is no connection, our token is not valid any
    more); what waits then leaves by itself when that is over, and is tried by one message at a time until then.
    """

    def __init__(
        self, reason: str, *, retry_after: float | None = None, only_there: bool = False, everywhere: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.only_there = only_there
        self.everywhere = everywhere


class PermanentFailure(ChannelError):
    """Certainly not sent; no further try will help."""


class Unsupported(ChannelError):
    """This platform cannot do that at all. A programming error on our side: capabilities said so."""


class UnknownOutcome(ChannelError):
    """The request left, the answer did not come back: sent or not, we cannot tell."""


class Withheld(ChannelError):
    """Not sent, on purpose: an automatic message to who must not get one. The row ends as cancelled."""


class LeaseLost(ChannelError):
    """Another process reads this stream now; stop, deliver nothing more."""


# --- the contract ----------------------------------------------------------------------------

LengthUnit = Literal["codepoints", "utf16", "bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a platform can do, as data."""

    max_length: int = 4000
    length_unit: LengthUnit = "codepoints"
    rich_text: bool = True
    buttons: bool = True
    threads: bool = True
    edits: bool = True
    attachments: bool = True
    max_attachment_bytes: int = 10_000_000
    conversational: bool = True
    """People write in bursts here: the bot waits for quiet before it answers."""
    pull: bool = False
    """Customers read our own table: a row is delivered when it is committed, no request leaves."""
    idempotent_sends: bool = False
    """The platform drops a second send with the same key: an unknown outcome may simply be sent again."""
    idempotent_within: float = 120.0
    """Seconds for which the platform remembers a key, at least. What has been unclear for longer is never sent again
    without a person's word."""
    letters: bool = False
    """What is sent quotes what was said before it (`OutboundMessage.before`)."""
    patience: float = 60.0
    """Seconds for which a message that is certainly not sent is tried again, before a person is asked. Where that is
    longer than a minute tries come further and further apart, an hour at most."""
    repeats: int = 0
    """So often an unclear send is made again with the same key, where the platform neither drops a second copy nor can
    say whether it has the first, but whoever gets both can tell that they are one."""
    sends_per_second: float | None = None
    """Of the whole account; None: no limit known. The house keeps to it, over all processes, and spaces sends evenly:
    at 20 a second one leaves each 50 ms. Each part of a text is a send. What has to wait loses no try, and the
    conversations take turns."""
    sends_per_second_in_place: float | None = None
    """The same for one place."""


class Tenure(Protocol):
    """The right to be the only one."""

    @property
    def token(self) -> int:
        """For `Cursor.token`. It only grows from holder to holder."""
        ...


class Host(Protocol):
    """What the house gives to an adapter."""

    def alone(self, name: str) -> AbstractAsyncContextManager[Tenure]:
        """To be the only one, in all processes, who holds this lease: a socket, a gateway, a poller.

        Entering waits for as long as another holds it. Within, it is prolonged by itself; if that fails in time, what
        runs in the block is cancelled and `LeaseLost` comes out of it: begin again. Whoever is killed is followed
        within ten seconds, on one machine (SQLite) as soon as the next desk starts; who leaves, at once."""
        ...

    async def deliver(
        self,
        messages: Sequence[InboundMessage | Undecodable | Returned],
        *,
        cursor: Cursor | None = None,
    ) -> list[Delivered]:
        """Keep these messages, and the cursor with them, in one transaction; acknowledge after it returns.

        The results stand in the order of `messages`. Raises `LeaseLost`; any other exception means that nothing
        was kept and the platform must not be told otherwise.
        """
        ...

    async def cursor(self, name: str) -> str | None:
        """The last committed value of that cursor; None before the first."""
        ...

    async def window(self, events: Sequence[WindowEvent]) -> None:
        """Keep what people did in the desk's window, in one transaction; acknowledge after it returns."""
        ...

    async def known_places(self, channel: str, account: str) -> list[str]:
        """Places with a conversation, the latest first: where to look for what was missed."""
        ...

    async def where(
        self, channel: str, account: str, *, came: Sequence[str] = (), sent: Sequence[str] = ()
    ) -> Mapping[str, Where]:
        """Of these messages those that are kept: `came` are external ids that are unique in the whole account, `sent`
        keys of ours. Whoever may have chosen the ids has proven nothing by it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file of a message, as it is shown: what it is called, what it is, how many bytes."""

    id: int
    name: str
    media_type: str
    size: int
    refused: str | None = None
    """Why it was not kept, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A file with what is in it."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message as a customer may read it."""

    seq: int
    external_id: str | None
    author: str
    """customer | bot | agent | system"""
    author_name: str
    kind: str
    text: str
    buttons: tuple[Button, ...]
    at: datetime
    button: str | None = None
    """Which one the customer has pressed, if this is a press."""
    rich: RichText | None = None
    files: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a conversation stands, as its customer may know it."""

    owner: str
    """bot | human"""
    case: str | None = None
    """The number of the case that people have, or had last."""
    resolved: bool = False
    waiting: bool = False
    """Nobody holds it yet."""
    place: int | None = None
    """While waiting: the number in line, if it can be said."""
    by: datetime | None = None
    """Until when an answer is promised; None: no time is."""
    agent: str | None = None
    email: str | None = None
    """Where we write if they have left, with most of it hidden."""
    ask_email: bool = False
    seen: int = 0
    """The last message that the customer is known to have had before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What may be said to everybody."""

    company: str
    bot: str
    hours: str
    """In words."""
    open: bool
    opens_at: datetime | None = None
    """While closed: when we open again."""
    opens: str | None = None
    """The same in words."""
    status: Mapping[str, str] | None = None
    """`{"state": "fine" | "trouble", "text"}`; None: nobody has said anything."""
    mail: bool = False
    """An answer can follow to an address."""


class Ear(Protocol):
    """Wakes who listens to one conversation. Clear it before reading."""

    signals: deque[Mapping[str, Any]]
    """What is true for a moment: `{"kind": "typing", "by": "agent", "name": …}`. Take them out."""

    def clear(self) -> None: ...

    async def wait(self) -> bool: ...


class PullHost(Host, Protocol):
    """What the house gives to a channel whose customers read our own table."""

    async def find(self, channel: str, account: str, place: str) -> int | None:
        """The conversation of that place; None if there is none."""
        ...

    async def transcript(self, conversation: int, *, after: int, limit: int) -> list[Line]:
        """What the customer may see after `after`, oldest first: no notes, nothing unsent."""
        ...

    def listen(self, conversation: int) -> AbstractContextManager[Ear]:
        """An event that is set whenever the conversation has news, with the signals about it."""
        ...

    async def allow(self, key: str, *, limit: int, per: float) -> float:
        """0 if one more of these is allowed now, else seconds to wait."""
        ...

    async def about(self) -> About:
        """Who we are, when we are there, and whether anything is wrong."""
        ...

    async def standing(self, conversation: int) -> Standing:
        """How it stands now. A few rows, however long the conversation is."""
        ...

    async def seen(self, conversation: int, seq: int) -> None:
        """The customer has had everything up to this message before their eyes. It never goes back."""
        ...

    async def file(self, conversation: int, file: int) -> Content | None:
        """A file of that conversation which its customer may see; None: there is none, or it was not kept."""
        ...

    def refusal(self, name: str, reason: str, *, alone: bool = False) -> str:
        """Why a file was not kept, and what would be. `reason`: program | active | empty | large | away | other.

        `alone`: nothing came with it, so nothing arrived."""
        ...

    async def writes(self, conversation: int) -> None:
        """The customer is typing."""
        ...

    async def reach(self, conversation: int, *, email: str, name: str) -> None:
        """The customer claims this address, for answers after they have left."""
        ...


@runtime_checkable
class Channel(Protocol):
    """One presence on one platform."""

    name: str
    account: str
    capabilities: Capabilities

    async def start(self, host: Host) -> None:
        """Connect and begin to deliver. Returns once connected or once retrying in the background; never blocks
        the house. Called once. Must not raise for a platform that is away; raises `ChannelError` for a setting
        that can never work."""
        ...

    async def send(self, message: OutboundMessage) -> Receipt:
        """Send once. Never retries by itself, never sends twice. Raises a `ChannelError`; any other exception is
        taken as `UnknownOutcome`. Called concurrently for different places, in order within one place."""
        ...

    async def stop(self) -> None:
        """Stop delivering, close connections, within five seconds. Safe to call twice, or before `start`."""
        ...


@runtime_checkable
class Splits(Protocol):
    def parts(self, text: RichText) -> Sequence[RichText]:
        """The same words in parts each of which fits into one message there, as it is rendered; one if it fits.

        A pure function: the same text gives the same parts after a restart. The house then sends each part by itself,
        in order, with a key of its own (`m7` if there is one part, else `m7-1`, `m7-2`, …), and remembers how far it
        came: what has arrived is not sent again. Buttons go with the last part, files and `reply_to` with the first.
        `send` and `reconcile` see one part at a time, never a text that is too long."""
        ...


@runtime_checkable
class ShowsTyping(Protocol):
    async def typing(self, address: Address) -> None:
        """Show that an answer is on its way, for some seconds. Best effort: never raises. The house calls it while the
        bot is about to answer and while an agent types a reply, every four seconds at most, and waits for nothing."""
        ...


@runtime_checkable
class Reconciles(Protocol):
    async def reconcile(self, message: OutboundMessage) -> Receipt | None:
        """Did this earlier send arrive? A receipt: yes. None: certainly not. `UnknownOutcome`: still unclear."""
        ...


@runtime_checkable
class Backfills(Protocol):
    async def backfill(self, host: Host) -> int:
        """Fetch and deliver what was missed since the committed cursor; how many were new. Called after `start`
        and after every gap the adapter notices itself."""
        ...


@runtime_checkable
class Rereads(Protocol):
    def reread(self, external_id: str, raw: bytes) -> Sequence[InboundMessage]:
        """Decode a quarantined payload again, after a repair. Raises `ValueError` if it still cannot be read."""
        ...


@runtime_checkable
class RereadsInHouse(Protocol):
    async def reread_in(self, host: Host, external_id: str, raw: bytes) -> Sequence[InboundMessage | Returned]:
        """As `Rereads`, where what it is depends on what the house has kept. Called for running and idle adapters."""
        ...


@runtime_checkable
class Signs(Protocol):
    def sign_with(self, key: bytes) -> None:
        """A secret of this account alone, the same at every start, by which it can tell its own names from forgeries.
        Called once, before `start`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlace:
    """Where somebody can be written to who has not written to us."""

    place: str
    recipient: str
    """External id by which they will be known when they answer."""
    email: str | None = None


@runtime_checkable
class WritesFirst(Protocol):
    def first(self, to: str, key: str) -> NewPlace:
        """A place of its own for what is begun with who has this address there; the same `key`, the same place.

        Connects to nothing. Raises `ValueError` that says why nobody can be written to there."""
        ...


@runtime_checkable
class ServesRoutes(Protocol):
    def routes(self) -> Sequence[Any]:
        """Starlette routes to add to the house's one HTTP server."""
        ...


@runtime_checkable
class Checks(Protocol):
    async def check(self) -> list[str]:
        """What is wrong with settings or permissions, one sentence each with the place to mend it. Empty: fine."""
        ...


# --- the desk's window -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowButton:
    """A button in a window. One with an address opens it, and comes back as nothing."""

    id: str
    label: str
    url: str | None = None
    main: bool = False
    """The one that most people will want."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPost:
    """What a window shows in one place. Whatever is in `text` is words, never markup."""

    key: str
    """At most 25 characters; the same at every attempt. The platform keeps it with the post."""
    text: RichText
    buttons: tuple[WindowButton, ...] = ()
    thread: str | None = None
    """Under which post; None: it stands by itself."""
    since: datetime | None = None
    """It was not sent before then: so far back `find` looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRoom:
    """What a window's place is."""

    closed: bool
    """Only who was let in reads it, and nobody of another company: a customer's words may stand there."""
    troubles: tuple[str, ...] = ()
    """A sentence each: what is wrong, and where to mend it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPerson:
    """Somebody who did something in a window."""

    name: str = ""
    email: str | None = None
    """Only if the platform vouches for it, and the operator trusts that."""
    guest: bool = False
    """Of another company, a guest, a machine, or somebody who has left: none of the team."""


@runtime_checkable
class Window(Protocol):
    """A place of the team's chat in which the desk stands: cards of cases, each with a thread for colleagues.

    Everything raises what `Channel.send` raises; a fault of the whole place is a `TemporaryFailure`."""

    place: str
    urgent_only: bool
    """Only cases of the queue's first class are posted."""
    per_second: float
    """So many posts it takes."""

    async def post(self, post: WindowPost) -> str:
        """Post once; the platform's name for it."""
        ...

    async def change(self, name: str, post: WindowPost) -> None:
        """Let what stands there show this. The same again changes nothing."""
        ...

    async def find(self, post: WindowPost) -> str | None:
        """Did this earlier post arrive? Its name: yes. None: certainly not. `UnknownOutcome`: still unclear."""
        ...

    async def whisper(self, person: str, post: WindowPost) -> None:
        """Tell it to one person alone; whether they see it is never known."""
        ...

    async def room(self) -> WindowRoom:
        """What the place is now."""
        ...

    async def person(self, person: str) -> WindowPerson:
        """Who that is now."""
        ...


@runtime_checkable
class OpensWindow(Protocol):
    def window(self) -> Window | None:
        """The desk's window, if the operator has named a place for it."""
        ...


Connected = Literal["yes", "partly", "no", "standby"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How our link to a platform stands. People read it: plain words, and never a token or another secret."""

    connected: Connected
    """partly: it works but for what `troubles` names. standby: another process has what only one may have, and this
    one follows it. Where the platform calls us, connected means that it answers us and knows where we are."""
    since: datetime | None = None
    """Since when that is so."""
    troubles: tuple[str, ...] = ()
    """A sentence each: what is wrong, what to do, and where in the platform's settings. Empty while it is connected
    and nothing is wrong; may be empty for the moment in which a link is made anew."""
    called: str = ""
    """Who we are there, as people see it: `@acme_help`. Empty: the platform has not said so yet."""
    lease: str = ""
    """The lease (`Host.alone`) without which this process does not read; empty: none is needed."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What came by since the start, by kind: above all what was ignored, and why."""


@runtime_checkable
class Reports(Protocol):
    def report(self) -> Report:
        """How it stands now, from memory: asked every second, so it asks nobody and never waits or raises. A link that
        is cut or silent shows within a minute, and so does one that is back. See `channels.logbook`."""
        ...


ChannelFactory = Callable[[Mapping[str, Any]], Channel]
"""Makes a channel from its settings: its table `[channels.NAME]` without `use`. Raises `ValueError` naming every
setting that is wrong, and never the value of one.

Options may also come from the environment or from files (docs/settings.md). The house reads the files: an adapter gets
`token`, never `token_file`, and has no option of its own that ends in `_file`. What comes from a file is text; from
the environment `true`, `false`, short numbers and JSON lists come as such, all else as text. An option whose name ends
in token, secret, password or key is always text, and kept out of what the house prints."""

Sleep = Callable[[float], Awaitable[None]]
