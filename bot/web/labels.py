"""What people label for the gate, and the gate itself: the agents' API, third part."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field, model_validator

from bot.gatekeeper import shown
from bot.masking import mask
from bot.web import gate
from bot.web.api import Me, Office, Sent, There, api, no_controls
from handoff.errors import NoSuchCase, WrongState
from intents.tiers import Tier
from store import agents, samples
from store.samples import Sample

labels = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)


class NewLabel(Sent):
    tier: Annotated[Tier, Field(description="What the message is. Of several matters the gravest.")]
    complaint: Annotated[
        bool | None, Field(description="Of feedback: a complaint or a rant (true), or praise or a suggestion (false).")
    ] = None

    @model_validator(mode="after")
    def _told_apart(self) -> NewLabel:
        if self.tier == "feedback" and self.complaint is None:
            raise ValueError("feedback is a complaint (complaint: true), or praise or a suggestion (false); say which")
        if self.tier != "feedback" and self.complaint is not None:
            raise ValueError("only feedback is told apart; leave 'complaint' out")
        return self


class NewDecision(Sent):
    decision: Literal["reopen", "hold", "seen"]
    why: Annotated[str, Field(max_length=300)] = ""

    @model_validator(mode="after")
    def _reasoned(self) -> NewDecision:
        if self.decision != "seen":
            no_controls(self.why)
        return self


Id = Annotated[int, Field(ge=1, le=2**53)]


async def described(office: Office, sample: Sample | None) -> dict[str, Any] | None:
    """A message as who labels it sees it: its words, masked; nothing of what the machine made of it."""
    if sample is None:
        return None
    async with office.database.read() as connection:
        texts = await samples.texts(connection, sample.words)
    return {
        "id": sample.id,
        "channel": sample.channel,
        "messages": [{"text": mask(text), "at": at} for text, at in texts],
    }


@labels.get("/labels/next", tags=["gate"])
async def next_label(agent: Me, office: There) -> dict[str, Any]:
    """The next message to label, blind: without what the machine thinks. `null`: there is none."""
    gate.allow(agent, "label")
    async with office.database.read() as connection:
        sample = await samples.next_to_label(connection)
    return {"message": await described(office, sample), "gate": shown(await office.gate.report())}


@labels.post("/labels/{id}", tags=["gate"])
async def label(id: Id, body: NewLabel, agent: Me, office: There) -> dict[str, Any]:
    """Say what it is. The gate looks at once. 409: somebody else has labelled it differently."""
    gate.allow(agent, "label")
    if not await office.gate.label(agent, id, tier=body.tier, complaint=body.complaint):
        sample = await _sample(office, id)
        if (sample.tier, sample.complaint, sample.labelled_by) != (body.tier, body.complaint, agent.id):
            async with office.database.read() as connection:
                other = await agents.read_agent(connection, sample.labelled_by) if sample.labelled_by else None
            raise WrongState(f"{other.name if other else 'Somebody'} has labelled this just now. Take the next one.")
    return await next_label(agent, office)


@labels.post("/labels/{id}/skip", tags=["gate"])
async def skip(id: Id, agent: Me, office: There) -> dict[str, Any]:
    """Not sure: it comes again after the others."""
    gate.allow(agent, "label")
    async with office.database.write("label.skip") as connection:
        await samples.skip(connection, id)
    return await next_label(agent, office)


@labels.post("/labels/{id}/undo", tags=["gate"])
async def undo(id: Id, agent: Me, office: There) -> dict[str, Any]:
    """Take a label back; one's own, or as a supervisor anybody's."""
    gate.allow(agent, "label")
    sample = await _sample(office, id)
    if sample.tier is not None:
        if sample.labelled_by != agent.id:
            gate.allow(agent, "repair")
        await office.gate.unlabel(agent, id)
    elif sample.turn > 0:
        async with office.database.write("label.unskip") as connection:
            await samples.unskip(connection, id)
    waiting = await described(office, await _sample(office, id))
    return {"message": waiting, "gate": shown(await office.gate.report())}


async def _sample(office: Office, id_: int) -> Sample:
    async with office.database.read() as connection:
        sample = await samples.read(connection, id_)
    if sample is None:
        raise NoSuchCase(f"There is no message {id_} to label.")
    return sample


@labels.get("/gate", tags=["gate"])
async def one_gate(agent: Me, office: There) -> dict[str, Any]:
    """Where the gate stands, what is proven, and how many labels are missing."""
    return shown(await office.gate.report())


@labels.post("/gate", tags=["gate"])
async def decide(body: NewDecision, agent: Me, office: There) -> dict[str, Any]:
    """An admin's word: `reopen` (all labels count again), `hold` (the strict rule until then), `seen`. On record."""
    gate.allow(agent, "administer")
    await office.gate.decide(agent, body.decision, body.why.strip())
    return shown(await office.gate.report())
