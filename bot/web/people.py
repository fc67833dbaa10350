"""The people of the desk, and the status line that customers see: the agents' API, second part."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AfterValidator, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.intake import one_line
from bot.web import gate
from bot.web.api import Me, Office, Sent, There, api, no_controls
from bot.web.gate import Role
from bot.web.who import sessions_ended
from handoff.errors import NoSuchCase, WrongState
from handoff.leaving import Given
from handoff.status import Status, read_status, write_status
from handoff.tagging import tag_of
from intents.tiers import Tier
from store import agents, sessions
from store import people as people_
from store.agents import Agent
from store.people import Person

people = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)


def _address(value: str) -> str:
    value = value.strip().lower()
    local, at, domain = value.rpartition("@")
    if not (local and at and domain) or not value.isprintable() or " " in value:
        raise ValueError("is no address like lea@example.com")
    return value


def shown_name(value: str) -> str:
    if not (name := one_line(value)):
        raise ValueError("is empty; write the name that customers read")
    return name


def _word(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", value):
        raise ValueError("is no channel; write its name in small letters, like email")
    return value


def _language(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}", value):
        raise ValueError("is no language; write its code, like en or de")
    return value


class NewInvite(Sent):
    email: Annotated[str, Field(max_length=320), AfterValidator(_address)]
    name: Annotated[str, Field(max_length=80), AfterValidator(shown_name)]
    role: Role = "agent"


class Skills(Sent):
    """What somebody is good at: such cases are offered to them first, others are not kept from them."""

    tiers: Annotated[list[Tier], Field(default_factory=list, max_length=7)]
    channels: Annotated[
        list[Annotated[str, Field(max_length=40), AfterValidator(_word)]], Field(default_factory=list, max_length=20)
    ]
    languages: Annotated[list[Annotated[str, AfterValidator(_language)]], Field(default_factory=list, max_length=20)]
    tags: Annotated[list[Annotated[str, AfterValidator(tag_of)]], Field(default_factory=list, max_length=50)]


class ChangedAgent(Sent):
    name: Annotated[str, Field(max_length=80), AfterValidator(shown_name)] | None = None
    role: Role | None = None
    capacity: Annotated[int | None, Field(ge=1, le=200, description="Open cases at once; null: as the house says.")] = (
        None
    )
    skills: Skills | None = None
    teams: Annotated[list[Annotated[int, Field(ge=1, le=2**53)]], Field(max_length=200)] | None = None


class NewStatus(Sent):
    state: Literal["fine", "trouble"]
    text: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(no_controls)]


def _described(agent: Agent, present: set[str]) -> dict[str, Any]:
    return {
        "id": agent.id,
        "email": agent.email,
        "name": agent.name,
        "role": agent.role,
        "active": agent.active,
        "present": f"agent:{agent.id}" in present,
    }


@people.get("/agents", tags=["people"])
async def everybody(agent: Me, office: There) -> dict[str, Any]:
    """Everybody of the desk, and who is at it now. For admins also the links that nobody has used yet."""
    admin = gate.may(agent, "administer")
    async with office.database.read() as connection:
        found = await agents.list_agents(connection)
        open_ = await sessions.open_invites(connection, datetime.now(UTC)) if admin else []
    present = await office.bus.who_is_present()
    return {
        "agents": [_described(each, present) for each in found],
        "invites": [
            {"id": each.id, "email": each.email, "name": each.name, "role": each.role, "expires_at": each.expires_at}
            for each in open_
        ],
    }


@people.get("/agents/{id}", tags=["people"])
async def one_person(id: int, agent: Me, office: There) -> dict[str, Any]:
    """One of the desk, with teams, skills and how many cases they want at once."""
    async with office.database.read() as connection:
        return _whole(await _person(connection, id))


@people.put("/agents/{id}", tags=["people"])
async def change(id: int, body: ChangedAgent, agent: Me, office: There) -> dict[str, Any]:
    """Change what is sent and leave the rest. A role counts from the next request on. 409: the last admin's role."""
    gate.allow(agent, "administer")
    now = datetime.now(UTC)
    async with office.database.write("agents") as connection:
        before = await _person(connection, id)
        sent = body.model_dump(exclude_unset=True)
        columns = {name: sent[name] for name in ("name", "role", "capacity", "skills") if name in sent}
        if columns.get("role", "") is None or columns.get("name", "") is None:
            raise WrongState("A name and a role everybody has. Leave out what is to stay.")
        if columns.get("role", before.role) != "admin":
            await _not_the_last(connection, before)
        if columns:
            await people_.change(connection, id, **columns)
        if body.teams is not None:
            known = {team.id for team in await people_.teams(connection)}
            if missing := sorted(set(body.teams) - known):
                raise NoSuchCase(f"There is no team {missing[0]}.")
            await people_.set_teams(connection, id, body.teams)
        after = await _person(connection, id)
        await agents.record(
            connection, action="agent changed", subject=before.email, now=now, agent_id=agent.id,
            data=_difference(_whole(before), _whole(after)),
        )  # fmt: skip
        given = await _given_back(connection, office, before, by=agent)
    await office.desk.leaving.tell(given)
    return _whole(after)


async def _given_back(connection: AsyncConnection, office: Office, before: Person, *, by: Agent) -> Given:
    """What customers waited for from somebody who may not answer them any more."""
    whose = await agents.read_agent(connection, before.id)
    if whose is None or gate.may(whose, "answer") or not gate.may(replace(whose, role=before.role), "answer"):
        return []
    return await office.desk.leaving.answers_no_more(connection, whose, by=by)


async def _person(connection: AsyncConnection, id_: int) -> Person:
    found = await people_.read(connection, id_) if 0 < id_ < 2**53 else None
    if found is None:
        raise NoSuchCase(f"There is nobody with the number {id_}.")
    return found


async def _not_the_last(connection: AsyncConnection, person: Person) -> None:
    if person.role == "admin" and person.active and await people_.is_last_admin(connection, person.id):
        raise WrongState(f"{person.name} is the only admin. Make somebody else an admin first.")


def _whole(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "active": person.active,
        "away_since": person.away_since.isoformat() if person.away_since else None,
        "capacity": person.capacity,
        "skills": dict(person.skills),
        "teams": list(person.teams),
    }


def _difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Only what has changed, as it was and as it is."""
    names = [name for name in before if before[name] != after[name]]
    return {"before": {name: before[name] for name in names}, "after": {name: after[name] for name in names}}


@people.post("/agents/invites", tags=["people"])
async def invite(body: NewInvite, agent: Me, office: There) -> dict[str, Any]:
    """A one-time link for a new colleague, or for one who forgot the password. It is shown only now."""
    gate.allow(agent, "administer")
    now = datetime.now(UTC)
    async with office.database.write("invite") as connection:
        secret = await sessions.make_invite(
            connection, email=body.email, name=body.name, role=body.role, made_by=agent.id, now=now
        )
        await agents.record(
            connection,
            action="invited",
            subject=body.email,
            now=now,
            agent_id=agent.id,
            data={"name": body.name, "role": body.role},
        )
    link = f"{office.base}/desk/welcome/{secret}"
    return {"email": body.email, "link": link, "expires_at": now + sessions.INVITE_LASTS}


@people.delete("/agents/invites/{id}", tags=["people"])
async def withdraw(id: int, agent: Me, office: There) -> dict[str, Any]:
    """Take a link back that nobody has used yet."""
    gate.allow(agent, "administer")
    now = datetime.now(UTC)
    async with office.database.write("invite") as connection:
        gone = await sessions.withdraw(connection, id, now) if 0 < id < 2**53 else None
        if gone is None:
            raise NoSuchCase(f"There is no open link {id}. It may have been used just now.")
        await agents.record(
            connection, action="invite withdrawn", subject=gone.email or "whoever comes", now=now, agent_id=agent.id,
            data={"role": gone.role},
        )  # fmt: skip
    return {"id": id, "withdrawn": True}


@people.delete("/agents/{id}/sessions", tags=["people"])
async def end_sessions(id: int, agent: Me, office: There) -> dict[str, Any]:
    """Sign somebody out everywhere, at once. They may sign in again; their tokens go on."""
    gate.allow(agent, "administer")
    now = datetime.now(UTC)
    async with office.database.write("session.end") as connection:
        other = await _person(connection, id)
        ended = await sessions.end_sessions(connection, id)
        whose = await agents.read_agent(connection, id)
        given = await office.desk.leaving.signed_out(connection, whose, now) if whose and ended else []
        await agents.record(
            connection, action="sessions ended", subject=other.email, now=now, agent_id=agent.id,
            data={"sessions_ended": ended},
        )  # fmt: skip
    await sessions_ended(office.live, id)
    await office.desk.leaving.tell(given)
    return {"id": id, "sessions_ended": ended}


@people.post("/agents/{id}/deactivate", tags=["people"])
async def deactivate(id: int, agent: Me, office: There) -> dict[str, Any]:
    """They can no longer sign in, and their tokens end at once. What they wrote stays theirs."""
    return await _set_active(id, agent, office, active=False)


@people.post("/agents/{id}/activate", tags=["people"])
async def activate(id: int, agent: Me, office: There) -> dict[str, Any]:
    """They may sign in again."""
    return await _set_active(id, agent, office, active=True)


async def _set_active(id_: int, agent: Agent, office: Office, *, active: bool) -> dict[str, Any]:
    gate.allow(agent, "administer")
    now = datetime.now(UTC)
    async with office.database.write("agents") as connection:
        other = await _person(connection, id_)
        if other.id == agent.id and not active:
            raise WrongState("You cannot lock yourself out. Ask another admin to do it.")
        if not active:
            await _not_the_last(connection, other)
        await _end_all(connection, other.id, active, now)
        whose = await agents.read_agent(connection, id_)
        given = await office.desk.leaving.locked_out(connection, whose, by=agent) if whose and not active else []
        await agents.record(
            connection,
            action="activated" if active else "deactivated",
            subject=other.email,
            now=now,
            agent_id=agent.id,
        )
    if not active:
        await sessions_ended(office.live, id_)
    await office.desk.leaving.tell(given)
    return {"id": id_, "active": active}


async def _end_all(connection: AsyncConnection, other: int, active: bool, now: datetime) -> None:
    await agents.set_active(connection, other, active=active)
    if not active:
        await sessions.end_sessions(connection, other)
        await agents.revoke_tokens(connection, other, now)


@people.get("/status", tags=["house"])
async def status(agent: Me, office: There) -> dict[str, Any]:
    """The status line that customers see."""
    async with office.database.read() as connection:
        return (await read_status(connection)).shown()


@people.put("/status", tags=["house"])
async def set_status(body: NewStatus, agent: Me, office: There) -> dict[str, Any]:
    """Say it to all customers at once: on the front page and in every chat."""
    gate.allow(agent, "repair")
    now = datetime.now(UTC)
    said = Status(state=body.state, text=one_line(body.text), since=now)
    async with office.database.write("status") as connection:
        await write_status(connection, said)
        await agents.record(
            connection, action="status line", subject=body.state, now=now, agent_id=agent.id, data={"text": said.text}
        )
    return said.shown()
