"""What is being written: drafts, and replies that can still be taken back. The agents' API, fifth part."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field

from bot.intake import clean
from bot.web import gate
from bot.web.api import Me, Number, Office, Sent, There, api
from handoff.errors import NoSuchCase
from store import board, drafts, holds
from store.agents import Agent, set_undo_for
from store.drafts import Draft
from store.words import case_id, case_number

drafting = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)

Id = Annotated[int, Field(ge=1, le=2**53)]
Mode = Annotated[Literal["reply", "note"], Field(description="They are two drafts, and never meet.")]


def _shown(text: str) -> str:
    if clean(text) != text.replace("\r\n", "\n"):
        raise ValueError("holds a character that cannot be shown; remove it")
    return text


class NewDraft(Sent):
    mode: Mode
    text: Annotated[str, Field(max_length=20_000), AfterValidator(_shown)]
    files: Annotated[
        list[Id], Field(default_factory=list, max_length=20, description="Numbers of what shall go with it.")
    ]
    version: Annotated[
        int | None, Field(ge=0, le=2**31 - 1, description="The one that this was written on; 0: there was none.")
    ] = None
    page: Annotated[str, Field(max_length=40, description="A name of your page: other pages of yours hear of it.")] = ""


class UndoFor(Sent):
    seconds: Literal[0, 5, 10, 30]


@drafting.get("/cases/{number}/draft", tags=["cases"])
async def my_drafts(number: Number, agent: Me, office: There) -> dict[str, Any]:
    """What you were writing in this case, on whatever machine."""
    gate.allow(agent, "own")
    case, _ = await _case(office, number)
    async with office.database.read() as connection:
        found = await drafts.of(connection, agent.id, case)
    return {mode: _told(found.get(mode)) for mode in ("reply", "note")}


@drafting.put("/cases/{number}/draft", tags=["cases"])
async def put_draft(number: Number, body: NewDraft, agent: Me, office: There) -> dict[str, Any]:
    """Keep what you are writing; an empty text drops it. Whoever writes last wins.

    `replaced` is what another machine of yours had written since your `version`: it is not kept, so offer it.
    """
    gate.allow(agent, "own")
    case, conversation = await _case(office, number)
    now = datetime.now(UTC)
    async with office.database.write("draft") as connection:
        if body.text.strip() or body.files:
            version, before = await drafts.put(connection, agent.id, case, body.mode, body.text, now, files=body.files)
        else:
            before = (await drafts.of(connection, agent.id, case)).get(body.mode)
            version = await drafts.drop(connection, agent.id, case, body.mode)
    await _tell(office, agent, case, conversation, body.mode, version, body.page)
    other = body.version is not None and before is not None and before.version != body.version
    differs = other and before is not None and before.text not in ("", body.text)
    return {"version": version, "replaced": _told(before) if differs else None}


@drafting.delete("/cases/{number}/draft", tags=["cases"])
async def drop_draft(
    number: Number, agent: Me, office: There, mode: Mode, page: Annotated[str, Query(max_length=40)] = ""
) -> dict[str, Any]:
    """Throw it away."""
    gate.allow(agent, "own")
    case, conversation = await _case(office, number)
    async with office.database.write("draft") as connection:
        version = await drafts.drop(connection, agent.id, case, mode)
    await _tell(office, agent, case, conversation, mode, version, page)
    return {"version": version, "replaced": None}


@drafting.post("/holds/{hold}/undo", tags=["cases"])
async def undo(hold: Id, agent: Me, office: There) -> dict[str, Any]:
    """Take back a reply of yours that has not left: `text`, `also` and `files` are your draft again.

    Asked again it says the same. 409: it has left, or did not leave and is a draft already.
    """
    gate.allow(agent, "own")
    return await office.desk.holding.take_back(agent, hold)


@drafting.get("/holds/{hold}", tags=["cases"])
async def one_hold(hold: Id, agent: Me, office: There) -> dict[str, Any]:
    """What became of a reply of yours: `held`, `left` (`seq` is its message), `taken_back`, `refused` (`why`)."""
    gate.allow(agent, "own")
    async with office.database.read() as connection:
        found = await holds.read(connection, hold)
    if found is None or found.agent_id != agent.id:
        raise NoSuchCase(f"You have no reply {hold} that was held. What became of one is known for a day.")
    return {"hold": hold, "number": case_number(found.case_id), "state": found.state, "seq": found.seq,
            "why": found.why, "leaves_at": found.leaves_at}  # fmt: skip


@drafting.put("/me/undo", tags=["people"])
async def undo_for(body: UndoFor, agent: Me, office: There) -> dict[str, Any]:
    """For how many seconds the desk's page lets you take a reply back."""
    gate.allow(agent, "own")
    async with office.database.write("undo-for") as connection:
        await set_undo_for(connection, agent.id, body.seconds)
    return {"seconds": body.seconds}


async def _case(office: Office, number: str) -> tuple[int, int]:
    """(the case, its conversation)"""
    id_ = case_id(number)
    async with office.database.read() as connection:
        found = await board.holder(connection, id_) if id_ is not None else None
    if id_ is None or found is None:
        raise NoSuchCase(f"There is no case {number!r}.")
    return id_, found.conversation_id


async def _tell(office: Office, agent: Agent, case: int, conversation: int, mode: str, version: int, page: str) -> None:
    """To the other pages of the same person; without a word of it, for everybody's stream carries it."""
    await office.live.signal("draft", conversation=0, about=conversation, case=case_number(case), agent=agent.id,
                             mode=mode, version=version, page=page)  # fmt: skip


def _told(draft: Draft | None) -> dict[str, Any] | None:
    if draft is None or draft.empty:
        return None
    return {"text": draft.text, "files": list(draft.files), "notice": draft.notice, "version": draft.version,
            "at": draft.updated_at}  # fmt: skip
