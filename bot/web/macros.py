"""Saved replies: the agents' API, sixth part."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator, AwareDatetime, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.intake import one_line
from bot.web import gate
from bot.web.api import Me, Number, Office, Sent, There, api, no_controls
from handoff.errors import NoSuchCase, WrongState
from handoff.macros import checked, fill, values_of
from intents.tiers import Tier
from store import cases
from store import macros as kept
from store.agents import Agent, record
from store.macros import Macro
from store.words import case_id

macros = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)

Id = Annotated[int, Field(ge=1, le=2**53)]
WORKAROUNDS = 3
"""So many stand beside a case."""


def _title(value: str) -> str:
    if not (title := one_line(value)):
        raise ValueError("is empty; write what you will look for")
    return title


def _shortcut(value: str) -> str:
    value = value.strip().removeprefix("/").casefold()
    if not re.fullmatch(r"[\w-]*", value):
        raise ValueError("has other characters than letters, digits and hyphens, as in refund-late")
    return value


class NewMacro(Sent):
    title: Annotated[str, Field(max_length=80), AfterValidator(_title)]
    body: Annotated[
        str,
        Field(max_length=5000, description="May hold {name}, {agent}, {case}, {company} and {by}."),
        AfterValidator(no_controls),
        AfterValidator(checked),
    ]
    whose: Annotated[
        str, Field(pattern=r"^(mine|all|team:\d{1,15})$", description="`mine`, `all`, or `team:` and its number.")
    ] = "mine"
    tier: Annotated[Tier | None, Field(description="Offered first for cases of this tier.")] = None
    shortcut: Annotated[str, Field(max_length=20), AfterValidator(_shortcut)] = ""


class ChangedMacro(NewMacro):
    seen: Annotated[AwareDatetime | None, Field(description="Its `updated_at` as you have read it.")] = None


def shown(macro: Macro, agent: Agent) -> dict[str, Any]:
    """A macro for who may use it."""
    return {
        "id": macro.id,
        "title": macro.title,
        "body": macro.body,
        "whose": "mine" if macro.owner_id is not None else "all" if macro.team_id is None else f"team:{macro.team_id}",
        "team": macro.team,
        "tier": macro.tier,
        "shortcut": macro.shortcut,
        "uses": macro.uses,
        "updated_at": macro.updated_at,
        "by": macro.by,
        "yours": may_change(agent, macro),
    }


def may_change(agent: Agent, macro: Macro) -> bool:
    """One's own, with the right to write any; what others have too, with the right to write for them."""
    return (
        gate.may(agent, "macro") if macro.owner_id == agent.id else macro.owner_id is None and gate.may(agent, "share")
    )


@macros.get("/macros", tags=["macros"])
async def every_macro(agent: Me, office: There) -> dict[str, Any]:
    """Your own, your teams' and everybody's, most used first. A supervisor sees those of all teams."""
    async with office.database.read() as connection:
        found = await kept.of(connection, agent.id, every_team=gate.may(agent, "share"))
    return {"macros": [shown(macro, agent) for macro in found]}


@macros.post("/macros", tags=["macros"])
async def add_macro(body: NewMacro, agent: Me, office: There) -> dict[str, Any]:
    """Keep a reply for later. One's own: any agent. A team's or everybody's: supervisors."""
    gate.allow(agent, "macro")
    now = datetime.now(UTC)
    async with office.database.write("macro") as connection:
        values = await _values(connection, body, agent)
        id_ = await kept.put(connection, values, by=agent.id, now=now)
        await _recorded(connection, "add macro", id_, agent, now)
        return await _read(connection, id_, agent)


@macros.put("/macros/{id}", tags=["macros"])
async def change_macro(id: Id, body: ChangedMacro, agent: Me, office: There) -> dict[str, Any]:
    """Say it in other words. 409: with `seen`, somebody has changed it since."""
    gate.allow(agent, "macro")
    now = datetime.now(UTC)
    async with office.database.write("macro") as connection:
        before = await _changeable(connection, id, agent)
        values = await _values(connection, body, agent)
        if not await kept.change(connection, id, values, seen=body.seen, by=agent.id, now=now):
            raise WrongState(f"{before.by or 'Somebody'} has changed “{before.title}” just now. Read it first.")
        await _recorded(connection, "change macro", id, agent, now)
        return await _read(connection, id, agent)


@macros.delete("/macros/{id}", tags=["macros"])
async def archive_macro(id: Id, agent: Me, office: There) -> dict[str, Any]:
    """Take it out of use. It is kept, and can be brought back."""
    return await _archived(id, agent, office, datetime.now(UTC))


@macros.post("/macros/{id}/bring-back", tags=["macros"])
async def bring_back_macro(id: Id, agent: Me, office: There) -> dict[str, Any]:
    """It is of use after all."""
    return await _archived(id, agent, office, None)


@macros.post("/macros/{id}/used", tags=["macros"])
async def use_macro(id: Id, agent: Me, office: There) -> dict[str, Any]:
    """It was inserted: what is used often is offered first."""
    gate.allow(agent, "answer")
    async with office.database.write("macro.used") as connection:
        if id not in {macro.id for macro in await kept.of(connection, agent.id, every_team=gate.may(agent, "share"))}:
            raise NoSuchCase(_GONE.format(id=id))
        await kept.used(connection, id)
    return {"id": id}


@macros.get("/cases/{number}/macros", tags=["macros"])
async def macros_of_case(number: Number, agent: Me, office: There) -> dict[str, Any]:
    """What you may say here, filled: those for its tier first, then the most used. `gaps`: what is for you to fill."""
    now, id_ = datetime.now(UTC), case_id(number)
    async with office.database.read() as connection:
        row = await cases.read_row(connection, id_) if id_ is not None else None
        if row is None or id_ is None:
            raise NoSuchCase(f"There is no case {number!r}.")
        promises = await cases.promises(connection, id_)
        found = await kept.of(connection, agent.id)
    values = values_of(row, promises, agent=agent.name, voice=office.desk.voice, now=now)
    offered = []
    for macro in sorted(found, key=lambda macro: macro.tier != row["tier"]):
        filled = fill(macro.body, values)
        offered.append({**shown(macro, agent), "text": filled.text, "gaps": filled.gaps})
    return {"macros": offered}


async def workarounds(connection: AsyncConnection, agent: Agent, tier: str) -> list[Macro]:
    """Those for a tier, most used first: what stands beside a case."""
    return [macro for macro in await kept.of(connection, agent.id) if macro.tier == tier][:WORKAROUNDS]


# --- what the acts above share -----------------------------------------------------------------

_GONE = "There is no macro {id}, or it is not for you."


async def _values(connection: AsyncConnection, body: NewMacro, agent: Agent) -> dict[str, Any]:
    owner = agent.id if body.whose == "mine" else None
    team: int | None = None
    if body.whose != "mine":
        gate.allow(agent, "share")
    if body.whose.startswith("team:"):
        team = int(body.whose.removeprefix("team:"))
        if team not in {id_ for id_, _ in await kept.teams_of(connection)}:
            raise NoSuchCase(f"There is no team {team}.")
    return {
        "title": body.title, "body": body.body, "owner_id": owner, "team_id": team, "tier": body.tier,
        "shortcut": body.shortcut,
    }  # fmt: skip


async def _changeable(connection: AsyncConnection, id_: int, agent: Agent) -> Macro:
    """Raises `NoSuchCase` for what is somebody else's own, `Forbidden` for what others have too."""
    macro = await kept.read(connection, id_)
    if macro is None or macro.owner_id not in (None, agent.id):
        raise NoSuchCase(_GONE.format(id=id_))
    if macro.owner_id is None:
        gate.allow(agent, "share")
    return macro


async def _archived(id_: int, agent: Agent, office: Office, at: datetime | None) -> dict[str, Any]:
    gate.allow(agent, "macro")
    async with office.database.write("macro.archive") as connection:
        await _changeable(connection, id_, agent)
        await kept.archive(connection, id_, at)
        await _recorded(connection, "archive macro" if at else "bring back macro", id_, agent, at or datetime.now(UTC))
    return {"id": id_, "archived": at is not None}


async def _recorded(connection: AsyncConnection, action: str, id_: int, agent: Agent, now: datetime) -> None:
    await record(connection, action=action, subject=f"macro {id_}", now=now, agent_id=agent.id)


async def _read(connection: AsyncConnection, id_: int, agent: Agent) -> dict[str, Any]:
    macro = await kept.read(connection, id_)
    assert macro is not None  # noqa: S101 - written a line above
    return shown(macro, agent)
