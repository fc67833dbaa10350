"""Teams: what they are called and who is in them. The agents' API, sixth part."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.web import gate
from bot.web.api import Me, Sent, There, api
from bot.web.people import shown_name
from handoff.errors import NoSuchCase, WrongState
from store import agents, people
from store.people import Team

teams = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)

Id = Annotated[int, Field(ge=1, le=2**53)]
_Name = Annotated[str, Field(max_length=60), AfterValidator(shown_name)]
_Members = Annotated[list[Id], Field(max_length=1000, description="Numbers of people, as `GET /agents` gives them.")]


class NewTeam(Sent):
    name: _Name
    members: _Members = Field(default_factory=list)


class ChangedTeam(Sent):
    name: _Name | None = None
    members: _Members | None = None


def described(team: Team) -> dict[str, Any]:
    return {"id": team.id, "name": team.name, "members": list(team.members)}


@teams.get("/teams", tags=["people"])
async def every_team(agent: Me, office: There) -> dict[str, Any]:
    """All teams, by name."""
    async with office.database.read() as connection:
        return {"teams": [described(each) for each in await people.teams(connection)]}


@teams.post("/teams", tags=["people"])
async def add_team(body: NewTeam, agent: Me, office: There) -> dict[str, Any]:
    """A new team. 409: there is one of that name."""
    gate.allow(agent, "administer")
    now = datetime.now(UTC)
    async with office.database.write("team.add") as connection:
        await _all_known(connection, body.members)
        try:
            id_ = await people.add_team(connection, body.name, now)
        except people.NameTaken:
            raise _taken(body.name) from None
        await people.set_members(connection, id_, body.members)
        await agents.record(
            connection, action="team added", subject=body.name, now=now, agent_id=agent.id,
            data={"team": id_, "members": sorted(set(body.members))},
        )  # fmt: skip
        return described(await _read(connection, id_))


@teams.put("/teams/{id}", tags=["people"])
async def change_team(id: Id, body: ChangedTeam, agent: Me, office: There) -> dict[str, Any]:
    """Another name, or other members. What is left out stays as it is."""
    gate.allow(agent, "administer")
    now = datetime.now(UTC)
    async with office.database.write("team.change") as connection:
        before = await _read(connection, id)
        if body.name is not None:
            try:
                await people.rename_team(connection, id, body.name)
            except people.NameTaken:
                raise _taken(body.name) from None
        if body.members is not None:
            await _all_known(connection, body.members)
            await people.set_members(connection, id, body.members)
        after = await _read(connection, id)
        await agents.record(
            connection, action="team changed", subject=before.name, now=now, agent_id=agent.id,
            data={"before": described(before), "after": described(after)},
        )  # fmt: skip
        return described(after)


@teams.delete("/teams/{id}", tags=["people"])
async def remove_team(id: Id, agent: Me, office: There) -> dict[str, Any]:
    """Take a team away. 409: cases were given to it, so that its name has to stay."""
    gate.allow(agent, "administer")
    now = datetime.now(UTC)
    async with office.database.write("team.remove") as connection:
        before = await _read(connection, id)
        try:
            await people.remove_team(connection, id)
        except people.InUse:
            raise WrongState(
                f"Cases were given to {before.name}, so its name has to stay. Rename it, or take its members out."
            ) from None
        await agents.record(
            connection, action="team removed", subject=before.name, now=now, agent_id=agent.id,
            data=described(before),
        )  # fmt: skip
    return {"id": id, "removed": True}


async def _read(connection: AsyncConnection, id_: int) -> Team:
    found = await people.read_team(connection, id_)
    if found is None:
        raise NoSuchCase(f"There is no team {id_}.")
    return found


async def _all_known(connection: AsyncConnection, ids: list[int]) -> None:
    if missing := sorted(set(ids) - await people.known_agents(connection, ids)):
        raise NoSuchCase(f"There is nobody with the number {missing[0]}.")


def _taken(name: str) -> WrongState:
    return WrongState(f"There is a team called {name} already. Choose another name.")
