"""The people of the desk, and the status line that customers see: the agents' API, second part."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AfterValidator, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.intake import one_line
from bot.web import gate
from bot.web.api import Me, Office, Sent, There, api, no_controls
from bot.web.gate import Role
from handoff.errors import NoSuchCase, WrongState
from handoff.status import Status, read_status, write_status
from store import agents, sessions
from store.agents import Agent

people = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)


def _address(value: str) -> str:
    value = value.strip().lower()
    local, at, domain = value.rpartition("@")
    if not (local and at and domain) or not value.isprintable() or " " in value:
        raise ValueError("is no address like lea@example.com")
    return value


def _shown_name(value: str) -> str:
    if not (name := one_line(value)):
        raise ValueError("is empty; write the name that customers read")
    return name


class NewInvite(Sent):
    email: Annotated[str, Field(max_length=320), AfterValidator(_address)]
    name: Annotated[str, Field(max_length=80), AfterValidator(_shown_name)]
    role: Role = "agent"


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
    async with office.database.read() as connection:
        found = await agents.list_agents(connection)
        open_ = await sessions.open_invites(connection, datetime.now(UTC)) if agent.role == "admin" else []
    present = await office.bus.who_is_present()
    return {
        "agents": [_described(each, present) for each in found],
        "invites": [
            {"email": each.email, "name": each.name, "role": each.role, "expires_at": each.expires_at} for each in open_
        ],
    }


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
        other = await agents.read_agent(connection, id_) if 0 < id_ < 2**53 else None
        if other is None:
            raise NoSuchCase(f"There is nobody with the number {id_}.")
        if other.id == agent.id and not active:
            raise WrongState("You cannot lock yourself out. Ask another admin to do it.")
        await _end_all(connection, other, active, now)
        await agents.record(
            connection,
            action="activated" if active else "deactivated",
            subject=other.email,
            now=now,
            agent_id=agent.id,
        )
    return {"id": id_, "active": active}


async def _end_all(connection: AsyncConnection, other: Agent, active: bool, now: datetime) -> None:
    await agents.set_active(connection, other.id, active=active)
    if not active:
        await sessions.end_sessions(connection, other.id)
        await agents.revoke_tokens(connection, other.id, now)


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
