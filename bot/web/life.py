"""The whole life of a case: the agents' API, fifth part."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, Final
from uuid import uuid4

from fastapi import APIRouter
from pydantic import AfterValidator, Field, model_validator

from bot.intake import clean, one_line
from bot.web import gate
from bot.web.api import Key, Me, Number, Office, Sent, There, Words, acted, api, no_controls, once_of
from handoff.beginning import Addressee
from handoff.errors import NobodyThere, NoSuchCase, WrongState
from store import cases
from store.agents import Agent, find_agent
from store.words import case_id

life = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)

Id = Annotated[int, Field(ge=1, le=2**53)]


def _note(text: str) -> str:
    return no_controls(text) if text.strip() else ""


class Transfer(Sent):
    to: Annotated[str | None, Field(max_length=320, description="A colleague's address.")] = None
    team: Annotated[Id | None, Field(description="A team's number, of `GET teams`.")] = None
    note: Annotated[str, Field(max_length=20_000, description="What they should know.")] = ""

    @model_validator(mode="after")
    def _one_way(self) -> Transfer:
        if (self.to is None) == (self.team is None):
            raise ValueError("send either 'to', a colleague's address, or 'team', a team's number")
        self.note = _note(self.note)
        return self


@life.post("/cases/{number}/transfer", tags=["cases"])
async def transfer(number: Number, body: Transfer, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Pass it on with a note: to a colleague at once, to a team by its queue. From others' hands: supervisors only."""
    once = once_of(key, "transfer", case=number, to=body.to, team=body.team, note=body.note)

    async def work() -> dict[str, Any]:
        held_by, to = await _held_and_to(office, number, body.to)
        if held_by not in (None, agent.id):
            gate.allow(agent, "supervise")
        passing = office.desk.transferring
        if to is not None:
            return await passing.to_person(agent, number, to, note=body.note, held_by=held_by, once=once)
        return await passing.to_team(agent, number, body.team or 0, note=body.note, held_by=held_by, once=once)

    return await acted(office, agent, "assign", once, work)


class Block(Sent):
    why: Annotated[
        str, Field(max_length=300, description="For colleagues; the customer hears nothing."), AfterValidator(_note)
    ] = ""


@life.post("/cases/{number}/block", tags=["cases"])
async def block(number: Number, agent: Me, office: There, body: Block | None = None, key: Key = None) -> dict[str, Any]:
    """Close it as spam and block the identity that writes: what comes from it is kept, and reaches nobody.

    What is about safety does. Undone by `unblock`.
    """
    why = (body or Block()).why.strip()
    once = once_of(key, "block", case=number, why=why)
    return await acted(office, agent, "block", once, lambda: office.desk.blocking.block(agent, number, why, once))


@life.post("/cases/{number}/unblock", tags=["cases"])
async def unblock(number: Number, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Let people read again what the identity of this case writes, from now on."""
    once = once_of(key, "unblock", case=number)
    return await acted(office, agent, "block", once, lambda: office.desk.blocking.unblock(agent, number, once))


class Merge(Sent):
    into: Annotated[str, Field(max_length=40, description="The number of the case that lives on.")]


@life.post("/cases/{number}/merge", tags=["cases"])
async def merge(number: Number, body: Merge, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Let this case become a part of another one of the same customer, by proof. The customer is told nothing.

    The other has the earlier deadline, the graver class and all open promises; what the customer writes here reaches
    it. Undone by `unmerge`.
    """
    into = clean(body.into)
    once = once_of(key, "merge", case=number, into=into)

    def work() -> Awaitable[dict[str, Any]]:
        return office.desk.merging.merge(agent, number, into, supervises=gate.may(agent, "supervise"), once=once)

    return await acted(office, agent, "merge", once, work)


@life.post("/cases/{number}/unmerge", tags=["cases"])
async def unmerge(number: Number, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Make a merged case one of its own again. From others' hands: supervisors only."""
    once = once_of(key, "unmerge", case=number)

    def work() -> Awaitable[dict[str, Any]]:
        return office.desk.merging.unmerge(agent, number, supervises=gate.may(agent, "supervise"), once=once)

    return await acted(office, agent, "merge", once, work)


class Begin(Sent):
    identity: Annotated[Id, Field(description="Of the customer's `identities`: where they read it.")]
    text: Words


BEGUN_AN_HOUR: Final = 30
"""Conversations that one person may begin: enough for a day's work, too few for a campaign."""


@life.post("/customers/{id}/conversations", tags=["conversations"])
async def begin(id: Id, body: Begin, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Write to a customer first, where they have written to us: a new case of yours, which waits for them.

    409: a case with them is open, they have written just now, are blocked, or never wrote to us there alone.
    """
    once = once_of(key, "begin", customer=id, identity=body.identity, text=body.text)

    async def work() -> dict[str, Any]:
        if (before := await office.desk.recalled(agent, once)) is not None:
            return before
        await _begins_one_more(office, agent)
        return await office.desk.beginning.begin(agent, id, body.identity, body.text, once)

    return await acted(office, agent, "begin", once, work)


def _subject(text: str) -> str:
    if not (subject := one_line(text)):
        raise ValueError("is empty; write what it is about")
    return subject


class BeginWith(Sent):
    to: Annotated[
        str, Field(max_length=320, description="Their address, like `ana@example.com`."), AfterValidator(clean)
    ]
    account: Annotated[
        str | None, Field(max_length=320, description="From which mailbox of ours; needed where there are several.")
    ] = None
    subject: Annotated[str, Field(max_length=150), AfterValidator(_subject)]
    text: Words


@life.post("/conversations", tags=["conversations"])
async def begin_with(body: BeginWith, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Write to an address that may never have written to us: a new case of yours, which waits for them.

    409: a case with them is open, they have written just now, or are blocked. 422: nobody can be written to there.
    """
    once = once_of(key, "begin with", to=body.to, account=body.account, subject=body.subject, text=body.text)

    async def work() -> dict[str, Any]:
        if (before := await office.desk.recalled(agent, once)) is not None:
            return before
        addressee = _addressee(office, body, f"{agent.id} {key or uuid4().hex}")
        await _begins_one_more(office, agent)
        return await office.desk.beginning.begin_with(agent, addressee, body.text, once)

    return await acted(office, agent, "begin", once, work)


def _addressee(office: Office, body: BeginWith, key: str) -> Addressee:
    ours = {account: (name, channel) for (name, account), channel in office.write_first.items()}
    if not ours:
        raise WrongState("No channel of this desk can write to who has never written. Connect a mailbox first.")
    if body.account is None and len(ours) > 1:
        raise NobodyThere(f"Say in 'account' from which of ours it goes: {', '.join(sorted(ours))}.")
    account = next(iter(ours)) if body.account is None else body.account
    if account not in ours:
        raise NobodyThere(f"We have no account {account!r} that can write first; ours: {', '.join(sorted(ours))}.")
    name, channel = ours[account]
    try:
        found = channel.first(body.to, key)
    except ValueError as error:
        raise NobodyThere(f"Nobody can be written to at “{body.to}”: {error}.") from None
    return Addressee(
        channel=name, account=account, place=found.place, recipient=found.recipient, email=found.email,
        subject=body.subject,
    )  # fmt: skip


async def _begins_one_more(office: Office, agent: Agent) -> None:
    if await office.bus.allow(f"begin:{agent.id}", limit=BEGUN_AN_HOUR, per=3600.0) > 0:
        raise WrongState(f"You have begun {BEGUN_AN_HOUR} conversations within the hour. Begin the next one later.")


async def _held_and_to(office: Office, number: str, address: str | None) -> tuple[int | None, Agent | None]:
    """(who holds the case now, who answers to that address)."""
    id_ = case_id(number)
    async with office.database.read() as connection:
        row = await cases.read_row(connection, id_) if id_ is not None else None
        to = await find_agent(connection, clean(address)) if address is not None else None
    if row is None:
        raise NoSuchCase(f"There is no case {number!r}.")
    if address is not None and (to is None or not to.active or not gate.may(to, "answer")):
        raise NoSuchCase(f"Nobody with the address {address!r} answers customers here.")
    return row["assignee_id"], to
