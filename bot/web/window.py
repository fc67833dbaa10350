"""Who somebody is in the team's chat: the agents' API, one part of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path

from bot.web import gate
from bot.web.api import Me, There, api
from handoff.errors import NoSuchCase
from store import window
from store.agents import record

windows = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)


@windows.post("/me/slack-code", tags=["people"])
async def slack_code(agent: Me, office: There) -> dict[str, Any]:
    """A code to write into the desk's channel in Slack; who writes it is you there. One before it is over."""
    gate.allow(agent, "own")
    now = datetime.now(UTC)
    async with office.database.write("window.make-code") as connection:
        code = await window.make_code(connection, agent.id, now)
        await record(connection, action="code for window", subject=agent.email, now=now, agent_id=agent.id)
    return {"code": code, "expires_at": now + window.CODE_LASTS}


@windows.get("/me/slack", tags=["people"])
async def slack_names(agent: Me, office: There) -> dict[str, Any]:
    """Whom in the team's chats the desk takes for you, and by what proof."""
    async with office.database.read() as connection:
        return {"names": await window.names_of(connection, agent.id)}


@windows.post("/me/slack/{name}/unlink", tags=["people"])
async def slack_unlink(name: Annotated[int, Path(ge=1, le=2**53)], agent: Me, office: There) -> dict[str, Any]:
    """Take nobody by that name for you any more."""
    gate.allow(agent, "own")
    now = datetime.now(UTC)
    async with office.database.write("window.unname") as connection:
        if not await window.unname(connection, agent.id, name):
            raise NoSuchCase(f"You have no name {name} there.")
        await record(connection, action="unnamed in window", subject=str(name), now=now, agent_id=agent.id)
    return {"names": await _names(office, agent.id)}


async def _names(office: Any, agent_id: int) -> list[dict[str, Any]]:
    async with office.database.read() as connection:
        return await window.names_of(connection, agent_id)
