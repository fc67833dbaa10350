"""How work is given out, and what people answer to an offer: the agents' API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from bot.web import gate
from bot.web.api import Me, Sent, There, api
from store import offers
from store.agents import record
from store.words import case_number

assignment = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)
Id = Annotated[int, Field(ge=1, le=2**53)]


class Terms(Sent):
    mode: Annotated[
        Literal["pull", "push"], Field(description="pull: people take the next one; push: they are also asked.")
    ]
    claim_within: Annotated[
        int, Field(ge=15, le=3600, strict=True, description="Seconds; then somebody else is asked.")
    ] = 60
    capacity: Annotated[
        int, Field(ge=1, le=100, strict=True, description="Open cases at which nobody is asked any more.")
    ] = 5


@assignment.get("/assignment", tags=["assignment"])
async def read_terms(agent: Me, office: There) -> dict[str, Any]:
    """How work is given out."""
    async with office.database.read() as connection:
        return await offers.terms(connection)


@assignment.put("/assignment", tags=["assignment"])
async def set_terms(body: Terms, agent: Me, office: There) -> dict[str, Any]:
    """Say how work is given out. Taking the next one works in either way."""
    gate.allow(agent, "administer")
    wanted, now = body.model_dump(), datetime.now(UTC)
    async with office.database.write("assignment") as connection:
        await offers.set_terms(connection, wanted, now)
        await record(connection, action="assignment", subject=body.mode, now=now, agent_id=agent.id, data=wanted)
    office.assigner.look_soon()
    return wanted


@assignment.get("/offers", tags=["assignment"])
async def my_offer(agent: Me, office: There) -> dict[str, Any]:
    """The case that you are asked to take now; `offer` is null if none is."""
    found = await office.offering.mine(agent)
    if found is None:
        return {"offer": None}
    return {"offer": {**{name: value for name, value in found.items() if name != "case_id"},
                      "case": case_number(found["case_id"])}}  # fmt: skip


@assignment.post("/offers/{id}/take", tags=["assignment"])
async def take(id: Id, agent: Me, office: There) -> dict[str, Any]:
    """Claim the case that is offered to you. 409: it is not any more. Sent again it is answered alike."""
    gate.allow(agent, "answer")
    return await office.offering.take(agent, id)


@assignment.post("/offers/{id}/pass", tags=["assignment"])
async def decline(id: Id, agent: Me, office: There) -> dict[str, Any]:
    """Not now: somebody else is asked."""
    gate.allow(agent, "answer")
    await office.offering.decline(agent, id)
    return {"offer": id, "state": "passed"}
