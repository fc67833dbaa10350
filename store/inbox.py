"""Keeps what customers did: one row for each revision of each platform message, however often it is delivered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from typing import Any, Final, Literal

from sqlalchemy import and_, bindparam, case, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from store.addresses import proven_address
from store.errors import LeaseGone
from store.findable import of_message
from store.tables import (
    HOME,
    attachment,
    conversation,
    cursor,
    customer,
    due,
    identity,
    lease,
    message,
    participant,
    quarantine,
    sample,
)

Outcome = Literal["new", "duplicate", "conflict", "quarantined"]

PROFILE_DUE: Final = "link_profile"
"""Of due rows: a platform vouches for an address of this identity; whoever has the same is the same person."""


def digest(*parts: object) -> str:
    """32 hexadecimal characters that stand for these parts, in this order."""
    joined = "\x1f".join("" if part is None else str(part).replace("\x1f", "\x1f\x1f") for part in parts)
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    name: str
    media_type: str
    size: int
    reference: str
    content: bytes | None


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One revision of one platform message, cleaned by intake. Texts hold no NUL and no lone surrogate.

    (No slots: the keys are asked for many times and computed once.)
    """

    channel: str
    account: str
    place: str
    thread: str | None
    author_id: str
    author_name: str
    email: str | None
    email_verified: bool
    external_id: str
    revision: int
    kind: str  # text | edit | deletion | button
    text: str
    public: bool
    global_id: bool
    extra: Mapping[str, Any] | None
    subject: str | None
    meta: Mapping[str, Any] | None
    reply_to: str | None
    platform_at: datetime | None
    files: tuple[File, ...] = ()
    end: str | None = None
    """Decided already at intake (an echo): kept, never routed."""
    end_reason: str | None = None
    of: str | None = None
    """Whose conversation it is, if not the author's."""

    @cached_property
    def proven(self) -> str | None:
        """The address for which the platform vouches, as it is compared."""
        return proven_address(self.email) if self.email_verified and self.email else None

    @cached_property
    def identity_key(self) -> str:
        return digest(self.channel, self.account, self.author_id)

    @cached_property
    def conversation_key(self) -> str:
        return digest(self.channel, self.account, self.place, self.thread, self.of or self.author_id)

    @cached_property
    def origin(self) -> str:
        return digest(self.channel, self.account, None if self.global_id else self.place, self.external_id)

    @cached_property
    def dedupe(self) -> str:
        return digest(self.origin, self.revision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of one `Incoming`."""

    outcome: Outcome
    message: int
    conversation: int
    place: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A payload that could not be decoded."""

    channel: str
    account: str
    external_id: str
    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class _Known:
    id: int
    conversation: int
    place: str
    seq: int
    body: str
    kind: str


Chosen = Callable[[str], bool]
"""Whether chance chooses the message with this `dedupe` for people to label."""


async def keep(
    connection: AsyncConnection, batch: Sequence[Incoming], now: datetime, *, chosen: Chosen = lambda _: False
) -> list[Kept]:
    """Commit-ready rows for a batch, results in its order. Cost depends on the batch, not on history.

    A message that came before is not kept again: `duplicate`, or `conflict` if its words differ. The first message of
    a conversation is flagged with it if it has words for us and `chosen` says so.
    """
    known = await _known(connection, {item.dedupe for item in batch})
    fresh: dict[str, Incoming] = {}
    for item in batch:
        if item.dedupe not in known:
            fresh.setdefault(item.dedupe, item)
    if fresh:
        known |= await _insert(connection, list(fresh.values()), now, chosen)
    results: list[Kept] = []
    for item in batch:
        row = known[item.dedupe]
        first = fresh.pop(item.dedupe, None) is not None
        same = row.body == item.text and row.kind == item.kind
        outcome: Outcome = "new" if first else "duplicate" if same else "conflict"
        results.append(
            Kept(outcome=outcome, message=row.id, conversation=row.conversation, place=row.place, seq=row.seq)
        )
    return results


async def identity_of(connection: AsyncConnection, channel: str, account: str, external_id: str) -> int | None:
    """The identity that is called so there; None: nobody has written under that name, or been written to."""
    query = select(identity.c.id).where(identity.c.key == digest(channel, account, external_id))
    return (await connection.execute(query)).scalar_one_or_none()


async def open_place(connection: AsyncConnection, item: Incoming, now: datetime) -> int:
    """The conversation in which `item` would be kept, made with its customer where there is none; `item` is not.

    Raises:
        IntegrityError: somebody else has made them just now; look again.
    """
    identities = await _identities(connection, [item], now)
    conversations = await _conversations(connection, [item], identities, now)
    found: int = conversations[item.conversation_key]["id"]
    return found


async def _known(connection: AsyncConnection, keys: set[str]) -> dict[str, _Known]:
    query = (
        select(
            message.c.dedupe,
            message.c.id,
            message.c.conversation_id,
            conversation.c.place,
            message.c.seq,
            message.c.body,
            message.c.kind,
        )
        .join(conversation, conversation.c.id == message.c.conversation_id)
        .where(message.c.dedupe.in_(keys))
    )
    return {row[0]: _Known(*row[1:]) for row in await connection.execute(query)}


async def _insert(
    connection: AsyncConnection, items: list[Incoming], now: datetime, chosen: Chosen
) -> dict[str, _Known]:
    identities = await _identities(connection, items, now)
    conversations = await _conversations(connection, items, identities, now)
    await _vouch(connection, items, identities, now)
    originals = await _latest_revisions(connection, [item for item in items if item.revision > 0 or item.global_id])
    later = await _later_revisions(connection, items, originals)

    rows: list[dict[str, Any]] = []
    superseded: list[dict[str, Any]] = []
    for item in items:
        place = conversations[item.conversation_key]
        seq = place["next_seq"]
        place["next_seq"] += 1
        place["used"] += 1
        end, end_reason = item.end, item.end_reason
        if end is None and item.dedupe in later:
            end, end_reason = "superseded", "a later revision was here first"
        if end is None and item.kind == "edit":
            before = originals.get(item.origin)
            if before is not None and before["body"] == item.text and not _is_news(before["meta"], item.meta):
                end, end_reason = "noted", "the edit changed no word"
            elif before is not None and before["end"] is None:
                superseded.append({"message_id": before["id"], "reason": "edited before it was decided"})
        rows.append(_message_row(item, place["id"], identities[item.identity_key].id, seq, end, end_reason, now))

    ids = await _insert_messages(connection, rows)
    if superseded:
        await connection.execute(
            update(message)
            .where(message.c.id == bindparam("message_id"), message.c.end.is_(None))
            .values(end="superseded", end_reason=bindparam("reason")),
            superseded,
        )
    await _after(connection, items, rows, ids, conversations, now)
    await _flag(connection, [row for row in rows if row["seq"] == 1 and _asks_us(row) and chosen(row["dedupe"])], ids)
    return {
        row["dedupe"]: _Known(
            ids[row["conversation_id"], row["seq"]],
            row["conversation_id"],
            item.place,
            row["seq"],
            row["body"],
            row["kind"],
        )
        for item, row in zip(items, rows, strict=True)
    }


def _message_row(
    item: Incoming, conversation_id: int, identity_id: int, seq: int, end: str | None, reason: str | None, now: datetime
) -> dict[str, Any]:
    row = {
        "conversation_id": conversation_id,
        "seq": seq,
        "direction": "in",
        "author": "customer",
        "author_name": item.author_name,
        "identity_id": identity_id,
        "kind": item.kind,
        "body": item.text,
        "meta": dict(item.meta) if item.meta else None,
        "created_at": now,
        "platform_at": item.platform_at,
        "external_id": item.external_id,
        "revision": item.revision,
        "dedupe": item.dedupe,
        "origin": item.origin,
        "reply_to": item.reply_to,
        "end": end,
        "end_reason": reason,
    }
    return {**row, "words": of_message(row, item.email)}  # with the address, which stands elsewhere


async def _insert_messages(connection: AsyncConnection, rows: list[dict[str, Any]]) -> dict[tuple[int, int], int]:
    result = await connection.execute(
        insert(message).returning(message.c.conversation_id, message.c.seq, message.c.id), rows
    )
    return {(row[0], row[1]): row[2] for row in result}


async def _after(
    connection: AsyncConnection,
    items: list[Incoming],
    rows: list[dict[str, Any]],
    ids: dict[tuple[int, int], int],
    conversations: dict[str, dict[str, Any]],
    now: datetime,
) -> None:
    await connection.execute(
        update(conversation)
        .where(conversation.c.id == bindparam("conversation_id"))
        .values(next_seq=bindparam("new_seq"), last_in_at=now),
        [{"conversation_id": place["id"], "new_seq": place["next_seq"]} for place in conversations.values()],
    )
    files = [
        {
            "message_id": ids[row["conversation_id"], row["seq"]],
            "name": file.name,
            "media_type": file.media_type,
            "size": file.size,
            "reference": file.reference,
            "content": file.content,
            "created_at": now,
        }
        for item, row in zip(items, rows, strict=True)
        for file in item.files
    ]
    if files:
        await connection.execute(insert(attachment), files)


def _asks_us(row: Mapping[str, Any]) -> bool:
    """It has words, is a customer's, and meant for us."""
    meta = row["meta"] or {}
    return (
        row["kind"] == "text"
        and bool(row["body"].strip())
        and not any(meta.get(flag) for flag in ("us", "bot", "automatic", "aside"))
        and not _is_for_the_desk_alone(meta)
    )


def _is_for_the_desk_alone(meta: Mapping[str, Any] | None) -> bool:
    """A code, or a request for one: no question, and what is kept of its words says nothing."""
    return meta is not None and any(meta.get(flag) for flag in ("proof", "asks_link"))


def _is_news(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> bool:
    """The same words once more: they may say more than they did, where they were said to others before."""
    to_others = bool(before and before.get("aside")) and not (now and now.get("aside"))
    return to_others or _is_for_the_desk_alone(now)


async def _flag(connection: AsyncConnection, rows: list[dict[str, Any]], ids: dict[tuple[int, int], int]) -> None:
    """For people to label, whatever the machine will make of them."""
    if rows:
        await connection.execute(
            insert(sample),
            [
                {
                    "message_id": ids[row["conversation_id"], row["seq"]],
                    "conversation_id": row["conversation_id"],
                    "came_at": row["created_at"],
                }
                for row in rows
            ],
        )


@dataclass(frozen=True, slots=True)
class _Who:
    """An identity that has written."""

    id: int
    customer: int
    home: int
    proven: str | None
    new: bool = False


async def _identities(connection: AsyncConnection, items: list[Incoming], now: datetime) -> dict[str, _Who]:
    """Who has written, by identity key; unknown people are made."""
    wanted = {item.identity_key: item for item in reversed(items)}
    query = select(identity.c.key, identity.c.id, identity.c.customer_id, HOME, identity.c.proven).where(
        identity.c.key.in_(wanted)
    )
    found = {row[0]: _Who(*row[1:]) for row in await connection.execute(query)}
    # In one order for everybody: two batches with the same new people must not wait for each other.
    missing = [wanted[key] for key in sorted(wanted) if key not in found]
    await _introduce(connection, [item for item in items if item.identity_key in found], found)
    if not missing:
        return found
    people = await connection.execute(
        insert(customer).returning(customer.c.id, customer.c.name, customer.c.email),
        [
            {"name": item.author_name, "key": item.author_name.casefold(), "email": item.email, "created_at": now}
            for item in missing
        ],
    )
    # Rows come back in any order; new customers of one name and address are alike until somebody owns them.
    unowned: dict[tuple[str, str | None], list[int]] = {}
    for id_, name, email in people:
        unowned.setdefault((name, email), []).append(id_)
    customer_ids = [unowned[item.author_name, item.email].pop() for item in missing]
    made = await connection.execute(
        insert(identity).returning(identity.c.key, identity.c.id, identity.c.customer_id),
        [
            {
                "customer_id": owner,
                "channel": item.channel,
                "account": item.account,
                "external_id": item.author_id,
                "key": item.identity_key,
                "name": item.author_name,
                "email": item.email,
                "created_at": now,
            }
            for owner, item in zip(customer_ids, missing, strict=True)
        ],
    )
    return found | {row[0]: _Who(row[1], row[2], row[2], None, new=True) for row in made}


async def _vouch(
    connection: AsyncConnection, items: list[Incoming], identities: Mapping[str, _Who], now: datetime
) -> None:
    """What platforms say of addresses now; who has a newly proven one is linked with whoever has the same.

    Who is linked when is not intake's matter: it leaves a row that comes due at once. The conversations are locked.
    """
    latest = {item.identity_key: item for item in items if item.email}
    said = [
        {"of_identity": identities[key].id, "told": item.email, "is_proven": item.proven is not None,
         "new_proven": item.proven}
        for key, item in latest.items()
        if item.proven != identities[key].proven
    ]  # fmt: skip
    if not said:
        return
    await connection.execute(
        update(identity)
        .where(identity.c.id == bindparam("of_identity"))
        .values(
            email=bindparam("told", type_=identity.c.email.type),
            verified=bindparam("is_proven", type_=identity.c.verified.type),
            proven=bindparam("new_proven", type_=identity.c.proven.type),
        ),
        sorted(said, key=itemgetter("of_identity")),
    )
    coming = [
        {"kind": PROFILE_DUE, "subject": row["of_identity"], "at": now, "created_at": now}
        for row in said
        if row["is_proven"]
    ]
    if coming:
        await connection.execute(insert(due), coming)


async def _introduce(connection: AsyncConnection, items: list[Incoming], found: Mapping[str, _Who]) -> None:
    """A name or an address that somebody known tells later. It is claimed, and fills only what was empty."""
    told = [
        {
            "person": found[item.identity_key].home,
            "told_name": item.author_name or None,
            "told_key": item.author_name.casefold(),
            "told_email": item.email or None,
        }
        for item in items
        if item.author_name or item.email
    ]
    if not told:
        return
    new = {}
    for column in ("name", "email"):
        said = bindparam(f"told_{column}", type_=customer.c[column].type)
        empty = or_(customer.c[column].is_(None), customer.c[column] == "")
        new[column] = (and_(empty, said.is_not(None)), said)
    await connection.execute(
        update(customer)
        .where(customer.c.id == bindparam("person"), or_(*(fills for fills, _ in new.values())))
        .values(
            {name: case((fills, said), else_=customer.c[name]) for name, (fills, said) in new.items()}
            | {"key": case((new["name"][0], bindparam("told_key", type_=customer.c.key.type)), else_=customer.c.key)}
        ),
        sorted(told, key=itemgetter("person")),  # in one order for everybody, so that no two wait for each other
    )


async def _conversations(
    connection: AsyncConnection, items: list[Incoming], identities: Mapping[str, _Who], now: datetime
) -> dict[str, dict[str, Any]]:
    """`{key: {"id", "next_seq", "used"}}`, rows locked until the transaction ends; unknown ones are made."""
    wanted = {item.conversation_key: item for item in reversed(items)}
    query = (
        select(conversation.c.key, conversation.c.id, conversation.c.next_seq, conversation.c.public)
        .where(conversation.c.key.in_(wanted))
        .order_by(conversation.c.id)
        .with_for_update()
    )
    rows = (await connection.execute(query)).all()
    found = {row[0]: {"id": row[1], "next_seq": row[2], "used": 0} for row in rows}
    opened = {item.conversation_key for item in items if item.public}
    if now_public := [row[1] for row in rows if not row[3] and row[0] in opened]:
        # The place has been opened to others. It never counts as closed again: who reads along is not known.
        await connection.execute(update(conversation).where(conversation.c.id.in_(now_public)).values(public=True))
    missing = [wanted[key] for key in sorted(wanted) if key not in found]
    if any(item.of is not None for item in missing):
        raise ValueError("somebody answers in a conversation that is not here")
    await _join(connection, [item for item in items if item.of is not None], found, identities, now)
    if not missing:
        return found
    owners = await _owners(connection, [identities[item.identity_key] for item in missing])
    made = await connection.execute(
        insert(conversation).returning(conversation.c.key, conversation.c.id, conversation.c.identity_id),
        [
            {
                "key": item.conversation_key,
                "customer_id": owners[identities[item.identity_key].id],
                "identity_id": identities[item.identity_key].id,
                "channel": item.channel,
                "account": item.account,
                "place": item.place,
                "thread": item.thread,
                "recipient": item.author_id,
                "public": item.public,
                "extra": dict(item.extra) if item.extra else None,
                "subject": item.subject,
                "created_at": now,
                "last_in_at": now,
            }
            for item in missing
        ],
    )
    members = []
    for key, conversation_id, identity_id in made.all():
        found[key] = {"id": conversation_id, "next_seq": 1, "used": 0}
        members.append({"conversation_id": conversation_id, "identity_id": identity_id, "joined_at": now})
    await connection.execute(insert(participant), members)
    return found


async def _join(
    connection: AsyncConnection,
    items: list[Incoming],
    conversations: Mapping[str, Mapping[str, Any]],
    identities: Mapping[str, _Who],
    now: datetime,
) -> None:
    """Third persons have written there, too."""
    rows = {
        (conversations[item.conversation_key]["id"], identities[item.identity_key].id): {"joined_at": now}
        for item in items
    }
    if rows:
        values = [{"conversation_id": key[0], "identity_id": key[1], **row} for key, row in sorted(rows.items())]
        await connection.execute(upsert(connection)(participant).on_conflict_do_nothing(), values)


async def _owners(connection: AsyncConnection, people: list[_Who]) -> dict[int, int]:
    """Whose they are, and stay until the transaction ends: a link that is made meanwhile waits, or was waited for."""
    found = {who.id: who.customer for who in people}
    known = [who.id for who in people if not who.new]
    if known:
        query = (
            select(identity.c.id, identity.c.customer_id)
            .where(identity.c.id.in_(known))
            .order_by(identity.c.id)
            .with_for_update(read=True)
        )
        found |= {row[0]: row[1] for row in await connection.execute(query)}
    return found


async def _latest_revisions(connection: AsyncConnection, items: list[Incoming]) -> dict[str, dict[str, Any]]:
    """The newest kept revision before each edit: `{origin: {"id", "body", "end", "revision", "meta"}}`."""
    edits = {item.origin for item in items if item.kind in ("edit", "deletion")}
    if not edits:
        return {}
    query = (
        select(message.c.origin, message.c.id, message.c.body, message.c.end, message.c.revision, message.c.meta)
        .where(message.c.origin.in_(edits), message.c.kind != "deletion")
        .order_by(message.c.revision)
    )
    rows = (await connection.execute(query)).mappings()
    return {row["origin"]: dict(row) for row in rows}


async def _later_revisions(
    connection: AsyncConnection, items: list[Incoming], originals: Mapping[str, Mapping[str, Any]]
) -> set[str]:
    """Dedupe keys of those in the batch that a later revision, here already or in the batch, has overtaken."""
    edited_in_batch: dict[str, int] = {}
    for item in items:
        if item.kind == "edit":
            edited_in_batch[item.origin] = max(item.revision, edited_in_batch.get(item.origin, 0))
    kept = {
        row[0]: row[1]
        for row in await connection.execute(
            select(message.c.origin, message.c.revision)
            .where(message.c.origin.in_({item.origin for item in items}), message.c.kind == "edit")
            .order_by(message.c.revision)
        )
    }
    return {
        item.dedupe
        for item in items
        if item.kind in ("text", "edit")
        and item.revision < max(edited_in_batch.get(item.origin, 0), kept.get(item.origin, 0))
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a message is kept, and who has written there."""

    place: str
    thread: str | None
    customer: str
    people: frozenset[str]
    meta: Mapping[str, Any]


async def places(
    connection: AsyncConnection, channel: str, account: str, *, came: Collection[str], sent: Mapping[str, int]
) -> dict[str, Place]:
    """Of messages that came in, by external id (of those unique in the account), and of those that went out, by key."""
    origins = {digest(digest(channel, account, None, id_), 0): id_ for id_ in came}
    ways = [
        *([message.c.dedupe.in_(origins)] if origins else []),
        *([message.c.id.in_(set(sent.values()))] if sent else []),
    ]
    if not ways:
        return {}
    query = (
        select(
            message.c.id, message.c.dedupe, message.c.direction, message.c.meta, conversation.c.id.label("there"),
            conversation.c.place, conversation.c.thread, conversation.c.recipient, conversation.c.channel,
            conversation.c.account,
        )
        .join(conversation, conversation.c.id == message.c.conversation_id)
        .where(or_(*ways))
    )  # fmt: skip
    # Whose they are is looked at here: said in the query, it is answered by walking all that the account has.
    rows = [
        row
        for row in (await connection.execute(query)).mappings()
        if (row["channel"], row["account"]) == (channel, account)
    ]
    people: dict[int, set[str]] = {row["there"]: {row["recipient"]} for row in rows}
    if people:
        those = (
            select(participant.c.conversation_id, identity.c.external_id)
            .join(identity, identity.c.id == participant.c.identity_id)
            .where(participant.c.conversation_id.in_(people))
        )
        for there, external_id in await connection.execute(those):
            people[there].add(external_id)
    found: dict[str, Place] = {}
    for row in rows:
        place = Place(
            place=row["place"], thread=row["thread"], customer=row["recipient"],
            people=frozenset(people[row["there"]]), meta=row["meta"] or {},
        )  # fmt: skip
        if row["direction"] == "out":
            found |= {key: place for key, id_ in sent.items() if id_ == row["id"]}
        elif row["dedupe"] in origins:
            found[origins[row["dedupe"]]] = place
    return found


async def set_aside(connection: AsyncConnection, items: Iterable[Unreadable], now: datetime) -> None:
    """Keep what could not be decoded, once each, where agents see it."""
    rows = [
        {
            "channel": item.channel,
            "account": item.account,
            "external_id": item.external_id,
            "dedupe": digest(item.channel, item.account, item.external_id, hashlib.sha256(item.raw).hexdigest()),
            "reason": item.reason,
            "raw": item.raw,
            "created_at": now,
        }
        for item in items
    ]
    await connection.execute(upsert(connection)(quarantine).on_conflict_do_nothing(index_elements=["dedupe"]), rows)


async def move_cursor(
    connection: AsyncConnection,
    name: str,
    value: str,
    now: datetime,
    *,
    token: int | None = None,
    under: str | None = None,
) -> None:
    """Remember how far a platform was read. under: the lease whose token it is, if not called like the cursor.

    Raises:
        LeaseGone: `token` is no longer the lease's; somebody else reads this stream.
    """
    if token is not None:
        query = select(lease.c.token).where(lease.c.name == (under or name)).with_for_update()
        current = (await connection.execute(query)).scalar_one_or_none()
        if current is not None and current != token:
            raise LeaseGone(f"The lease {under or name!r} has moved on to token {current}; this reader held {token}.")
    row = {"name": name, "value": value, "token": token, "updated_at": now}
    statement = upsert(connection)(cursor).values(row)
    await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))


async def read_cursor(connection: AsyncConnection, name: str) -> str | None:
    return (await connection.execute(select(cursor.c.value).where(cursor.c.name == name))).scalar_one_or_none()


async def known_places(connection: AsyncConnection, channel: str, account: str) -> list[str]:
    """Each once, the one in which something came in last first."""
    query = (
        select(conversation.c.place)
        .where(conversation.c.channel == channel, conversation.c.account == account)
        .group_by(conversation.c.place)
        .order_by(func.max(conversation.c.last_in_at).desc())
    )
    return [row[0] for row in await connection.execute(query)]


def upsert(connection: AsyncConnection) -> Any:
    return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
