"""What is one's own at the desk: name, password, being away, where one is signed in. The agents' API, fifth part."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field

from bot.web import gate, passwords
from bot.web.api import Me, Office, Sent, There, api
from bot.web.passwords import Passwords
from bot.web.people import shown_name
from bot.web.signin import TRIES_A_MINUTE, TRIES_FROM_ALL, line
from bot.web.who import COOKIE, sessions_ended
from handoff.errors import NoSuchCase, WrongState
from store import agents, people, sessions
from store.agents import Agent
from store.sessions import Session

own = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)
_passwords = Passwords()

Id = Annotated[int, Field(ge=1, le=2**53)]
_Password = Annotated[str, Field(max_length=passwords.LONGEST)]


class Own(Sent):
    name: Annotated[str, Field(max_length=80), AfterValidator(shown_name)] | None = None
    away: Annotated[
        bool | None, Field(description="Away: no work is given to you, and no time is promised on you.")
    ] = None


class NewPassword(Sent):
    old: _Password
    new: _Password


@own.put("/me", tags=["people"])
async def change_own(body: Own, agent: Me, office: There) -> dict[str, Any]:
    """Your name as customers and colleagues read it, and whether you are away. What is left out stays as it is."""
    gate.allow(agent, "own")
    now = datetime.now(UTC)
    async with office.database.write("own") as connection:
        before = await people.read(connection, agent.id)
        assert before is not None  # noqa: S101 - they ask
        changed: dict[str, Any] = {}
        if body.name is not None and body.name != before.name:
            changed["name"] = body.name
        if body.away is not None and body.away != (before.away_since is not None):
            changed["away_since"] = now if body.away else None
        if changed:
            await people.change(connection, agent.id, **changed)
            told: dict[str, Any] = {"name": body.name} if "name" in changed else {}
            told |= {"away": body.away} if "away_since" in changed else {}
            await agents.record(
                connection, action="own details", subject=agent.email, now=now, agent_id=agent.id, data=told
            )
    return {
        "name": changed.get("name", before.name),
        "away": body.away if body.away is not None else before.away_since is not None,
    }


@own.put("/me/password", tags=["people"])
async def change_password(body: NewPassword, agent: Me, office: There, request: Request) -> dict[str, Any]:
    """A new password, for who knows the old one. It ends all other sessions."""
    gate.allow(agent, "own")
    if not office.passwords:
        raise WrongState("Passwords are off here.")
    await _may_try(office, agent, request)
    if fault := passwords.fault(body.new, email=agent.email):
        raise WrongState(fault)
    async with office.database.read() as connection:
        kept = await agents.password_of(connection, agent.email)
    if not await _passwords.matches(kept[1] if kept else None, body.old):
        await _note(office, agent, "password refused")
        raise WrongState("The old password is not right. Ask an admin for a link if you have forgotten it.")
    hashed = await _passwords.hash(body.new)
    now = datetime.now(UTC)
    async with office.database.write("password") as connection:
        await agents.set_password(connection, agent.id, hashed)
        ended = await sessions.end_others(connection, agent.id, request.cookies.get(COOKIE))
        await agents.record(
            connection, action="password changed", subject=agent.email, now=now, agent_id=agent.id,
            data={"sessions_ended": ended},
        )  # fmt: skip
    await sessions_ended(office.live, agent.id)
    return {"sessions_ended": ended}


async def _may_try(office: Office, agent: Agent, request: Request) -> None:
    """As at the door: whoever sits at a desk that was left open must not guess either."""
    wait = await office.bus.allow(f"sign-in:from:{line(request)}", limit=TRIES_A_MINUTE, per=60.0)
    wait = wait or await office.bus.allow(f"sign-in:who:{agent.email}", limit=TRIES_FROM_ALL, per=60.0)
    if wait > 0:
        raise WrongState(f"Too many tries. Wait {int(wait) + 1} seconds.")


async def _note(office: Office, agent: Agent, action: str) -> None:
    now = datetime.now(UTC)
    async with office.database.write("password") as connection:
        await agents.record(connection, action=action, subject=agent.email, now=now, agent_id=agent.id)


# --- sessions ----------------------------------------------------------------------------------


def shown(session: Session) -> dict[str, Any]:
    """A session as its owner sees it."""
    return {
        "id": session.id,
        "browser": session.browser,
        "line": session.line,
        "how": session.how,
        "since": session.created_at,
        "seen": session.seen_at,
        "this": session.this,
    }


@own.get("/sessions", tags=["people"])
async def list_sessions(agent: Me, office: There, request: Request) -> dict[str, Any]:
    """Where you are signed in. `seen` is ten minutes coarse."""
    async with office.database.read() as connection:
        found = await sessions.of_agent(connection, agent.id, datetime.now(UTC), this=request.cookies.get(COOKIE))
    return {"sessions": [shown(each) for each in found]}


@own.get("/sessions/{id}", tags=["people"])
async def one_session(id: Id, agent: Me, office: There, request: Request) -> dict[str, Any]:
    """One of yours."""
    for each in (await list_sessions(agent, office, request))["sessions"]:
        if each["id"] == id:
            return dict(each)
    raise NoSuchCase(f"You have no session {id}. It may have ended.")


@own.delete("/sessions/{id}", tags=["people"])
async def end_session(id: Id, agent: Me, office: There) -> dict[str, Any]:
    """Sign out there, at once. Of another person's: admins only; for others it is not there."""
    gate.allow(agent, "own")
    now = datetime.now(UTC)
    async with office.database.write("session.end") as connection:
        whose = await sessions.whose(connection, id, now)
        if whose is None or not (whose == agent.id or gate.may(agent, "administer")):
            raise NoSuchCase(f"You have no session {id}. It may have ended.")
        other = await agents.read_agent(connection, whose)
        await sessions.end_one(connection, id)
        given = await office.desk.leaving.signed_out(connection, other, now) if other else []
        await agents.record(
            connection, action="session ended", subject=other.email if other else "", now=now, agent_id=agent.id,
            data={"session": id},
        )  # fmt: skip
    await sessions_ended(office.live, whose)
    await office.desk.leaving.tell(given)
    return {"id": id, "ended": True}


@own.delete("/sessions", tags=["people"])
async def end_other_sessions(agent: Me, office: There, request: Request) -> dict[str, Any]:
    """Sign out everywhere but here."""
    gate.allow(agent, "own")
    now = datetime.now(UTC)
    async with office.database.write("session.end") as connection:
        ended = await sessions.end_others(connection, agent.id, request.cookies.get(COOKIE))
        await agents.record(
            connection, action="sessions ended", subject=agent.email, now=now, agent_id=agent.id,
            data={"sessions_ended": ended},
        )  # fmt: skip
    await sessions_ended(office.live, agent.id)
    return {"sessions_ended": ended}
