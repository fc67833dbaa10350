"""An answer that nobody has read in the chat goes to the customer's address.

Each reply leaves a due row, and one mail carries all that is unread when the first of them comes due. The row is held
for as long as a send can take, with what will be sent in it (`Plan`): whoever finds it after a crash sends exactly
that, under the same name.

The address is claimed, never proven. So a mail holds nothing that the customer wrote, and few of them leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff import texts
from handoff.letters import Letter, Postman
from store import dues, journey, unread
from store.changes import Changes
from store.dues import Due
from store.unread import Mailed, Reply, Waiting
from store.words import case_number

HELD: Final = timedelta(minutes=2)
"""A row under way is nobody else's for so long; a send takes 30 s at most."""
EVERY: Final = timedelta(minutes=5)
"""At most one mail about a conversation in this time."""
A_DAY: Final = 10
"""Mails about one conversation, and to one address."""
TRIED_FOR: Final = timedelta(days=2)
LONGEST_PAUSE: Final = timedelta(hours=1)
LETTER: Final = 100_000
"""Characters of replies in one mail, about; what is beyond comes by the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is sent, fixed before it leaves."""

    to: str
    ids: tuple[int, ...]
    seqs: tuple[int, ...]
    name: str
    after: str | None
    at: datetime

    def data(self) -> dict[str, Any]:
        return {
            "to": self.to,
            "ids": list(self.ids),
            "seqs": list(self.seqs),
            "name": self.name,
            "after": self.after,
            "at": self.at.isoformat(),
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Plan:
        return cls(
            to=data["to"],
            ids=tuple(data["ids"]),
            seqs=tuple(data["seqs"]),
            name=data["name"],
            after=data["after"],
            at=datetime.fromisoformat(data["at"]),
        )


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing is to be sent. `why`, where an agent should know: `no_address`, `off`."""

    why: str | None = None


@dataclass(frozen=True, slots=True)
class Later:
    at: datetime
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Now:
    plan: Plan
    again: bool = False
    """It may have been sent already: it must stay as it is."""


Verdict = Over | Later | Now


def eligible(waiting: Waiting) -> tuple[Reply, ...]:
    """What may still go by mail: not sent yet, and not refused for the address that is known now."""
    return tuple(
        reply
        for reply in waiting.replies
        if not reply.meta.get("mailed_at")
        and not (reply.meta.get("mail_error") and reply.meta.get("mail_to") == waiting.email)
    )


def decide(
    due: Due,
    waiting: Waiting,
    *,
    others: Sequence[Due],
    mailed: Sequence[Mailed],
    now: datetime,
    postman: Postman | None,
) -> Verdict:
    """What is to be done about one due row.

    Args:
        others: the other rows of its conversation that are not consumed.
        mailed: the mails of the last day about this conversation or to its customer's address.
    """
    begun = Plan.of(due.data["plan"]) if due.data.get("plan") else None
    open_ = eligible(waiting)
    if waiting.outcome == "spam" or all(reply.seq != due.data.get("seq") for reply in open_):
        return Over()
    if postman is None:
        return Over(_told(due, open_, "off"))
    if waiting.email is None:
        return Over(_told(due, open_, "no_address"))
    if begun is not None and begun.to == waiting.email:
        return Now(begun, again=True)
    under_way = [other.at for other in others if other.data.get("plan")]
    if under_way:
        return Later(max(now, *under_way) + timedelta(seconds=1))
    if (wait := _capped(waiting, mailed, now)) is not None:
        return wait
    replies = _in_one(open_)
    last = next((mail for mail in reversed(mailed) if mail.conversation == waiting.conversation), None)
    plan = Plan(
        to=waiting.email,
        ids=tuple(reply.id for reply in replies),
        seqs=tuple(reply.seq for reply in replies),
        name=postman.name(replies[-1].id, waiting.email),
        after=last.data.get("name") if last and last.data.get("to") == waiting.email else None,
        at=now,
    )
    return Now(plan)


def _told(due: Due, open_: Sequence[Reply], why: str) -> str | None:
    """Of a burst of replies one tells it: the newest."""
    return why if due.data.get("seq") == open_[-1].seq else None


def _capped(waiting: Waiting, mailed: Sequence[Mailed], now: datetime) -> Later | None:
    lately = [mail.at for mail in mailed if mail.conversation == waiting.conversation]
    if lately and lately[-1] + EVERY > now:
        return Later(lately[-1] + EVERY)
    if len(mailed) >= A_DAY:
        why = f"{A_DAY} mails have gone to this address within a day, and that is the limit."
        return Later(mailed[-A_DAY].at + timedelta(days=1), why)
    return None


def _in_one(replies: Sequence[Reply]) -> list[Reply]:
    """The oldest that fit into one mail; always one at least."""
    taken: list[Reply] = []
    size = 0
    for reply in replies:
        size += len(reply.body)
        if taken and size > LETTER:
            break
        taken.append(reply)
    return taken


def pause(tries: int) -> timedelta:
    """Between two tries: 1, 2, 4, … minutes, an hour at most."""
    return min(timedelta(minutes=2 ** min(tries, 10)), LONGEST_PAUSE)


# --- steps, each in a transaction that locks the conversation ----------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """Who writes, and where the chat is. `link`: None where the operator has not said how customers reach us."""

    company: str
    sender: str
    link: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A row that is ours for a while, and the letter that it stands for."""

    due: Due
    plan: Plan
    again: bool
    letter: Letter
    case_id: int


async def begin(
    connection: AsyncConnection, due: Due, now: datetime, *, postman: Postman | None, head: Letterhead
) -> Held | int | None:
    """Look at one row that has come due, and hold it if there is something to send.

    Returns:
        The letter; the case of which an agent should see something new; or None.
    """
    await journey.lock(connection, [due.subject])
    waiting = await unread.read(connection, due.subject)
    rows = {row.id: row for row, _ in await unread.rows(connection, due.subject)}
    if due.id not in rows or rows[due.id].attempts != due.attempts:
        return None  # somebody else has it
    if waiting is None or waiting.case_id is None:
        await dues.consume(connection, due.id, now)
        return None
    others = [row for id_, row in rows.items() if id_ != due.id]
    day = now - timedelta(days=1)
    mailed = await unread.mailed(connection, due.subject, waiting.email, day) if waiting.email else []
    match decide(due, waiting, others=others, mailed=mailed, now=now, postman=postman):
        case Over(why):
            await dues.consume(connection, due.id, now)
            if why is None:
                return None
            seqs = [reply.seq for reply in eligible(waiting)]
            await _event(connection, waiting.case_id, "not_mailed", now, why=why, seqs=seqs)
            return waiting.case_id
        case Later(at, why):
            await dues.hold(connection, due, at, {**due.data, "plan": None}, why)
            return None
        case Now(plan, again):
            data = {"since": now.isoformat(), **due.data, "plan": plan.data()}
            if not await dues.hold(connection, due, now + HELD, data):
                return None
            written = await unread.replies(connection, due.subject, plan.ids)
            number = case_number(waiting.case_id)
            letter = Letter(
                to=plan.to,
                author=texts.mail_author([reply.author_name for reply in written], head.sender),
                subject=texts.mail_subject(head.company, number),
                text=texts.mail_text(
                    [
                        (reply.author_name, texts.with_files(reply.body, reply.meta.get("files", 0)))
                        for reply in written
                    ],
                    company=head.company,
                    case=number,
                    link=head.link,
                ),
                name=plan.name,
                after=plan.after,
                at=plan.at,
            )
            held = replace(due, data=data, attempts=due.attempts + 1)
            return Held(due=held, plan=plan, again=again, letter=letter, case_id=waiting.case_id)


async def sent(connection: AsyncConnection, held: Held, now: datetime) -> None:
    """It was taken."""
    await journey.lock(connection, [held.due.subject])
    if not await _end(connection, held, now):
        return
    said = {"mailed_at": now.isoformat(), "mail_to": held.plan.to, "mail_error": None}
    await unread.mark(connection, held.plan.ids, said)
    await _event(
        connection, held.case_id, "mailed", now, to=held.plan.to, seqs=list(held.plan.seqs), name=held.plan.name
    )


async def never(connection: AsyncConnection, held: Held, now: datetime, why: str) -> None:
    """It will not be taken any more. `why` goes on after "The mail was": `refused: …`."""
    await journey.lock(connection, [held.due.subject])
    if not await _end(connection, held, now):
        return
    await unread.mark(connection, held.plan.ids, {"mail_error": why, "mail_to": held.plan.to})
    await _event(connection, held.case_id, "mail_failed", now, to=held.plan.to, seqs=list(held.plan.seqs), error=why)


async def failed(connection: AsyncConnection, held: Held, now: datetime, why: str, *, unclear: bool) -> bool:
    """Not taken this time, or nobody knows; whether this was the last try."""
    if now - datetime.fromisoformat(held.due.data["since"]) >= TRIED_FOR:
        await never(connection, held, now, f"not taken for two days: {why}")
        return True
    tries = int(held.due.data.get("tries", 0))
    # Once it may have arrived it stays as it is; else what is written meanwhile goes with it.
    kept = held.due.data["plan"] if unclear or held.again else None
    await dues.hold(connection, held.due, now + pause(tries), {**held.due.data, "tries": tries + 1, "plan": kept}, why)
    return False


async def _end(connection: AsyncConnection, held: Held, now: datetime) -> bool:
    """The row has done its work, unless its own reply was left for the next mail. False: somebody was faster."""
    if held.due.data["seq"] in held.plan.seqs:
        return await dues.consume(connection, held.due.id, now)
    return await dues.hold(connection, held.due, now + EVERY, {"seq": held.due.data["seq"]})


async def _event(connection: AsyncConnection, case_id: int, kind: str, now: datetime, **data: Any) -> None:
    changes = Changes()
    changes.event(case_id, kind, actor="system", now=now, data=data)
    await changes.write(connection)


async def address_given(
    connection: AsyncConnection, conversation_id: int, *, now: datetime, after: timedelta | None
) -> bool:
    """The customer has told an address: what nobody has read goes there. Whether anything will.

    Belongs into the transaction that keeps the address. `after`: how long a reply waits to be read; None: mail is off.
    """
    if after is None:
        return False
    await journey.lock(connection, [conversation_id])
    waiting = await unread.read(connection, conversation_id)
    open_ = eligible(waiting) if waiting is not None and waiting.email is not None else ()
    if not open_ or await unread.rows(connection, conversation_id):
        return bool(open_)
    changes = Changes()
    changes.due(
        unread.KIND, conversation_id, max(now, open_[0].created_at + after), now=now, data={"seq": open_[-1].seq}
    )
    await changes.write(connection)
    return True
