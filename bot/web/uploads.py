"""Files that agents add to a reply or a note, on their way there: the agents' API, fifth part."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from bot.intake import clean
from bot.web import gate
from bot.web.api import Key, Me, Number, There, api
from channels.contract import Content
from channels.web.files import served
from handoff import files
from handoff.errors import FileRefused
from handoff.work import Once
from store.uploads import Mode

uploads = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)

_NEEDS: Final[dict[Mode, gate.Act]] = {"reply": "answer", "note": "note"}
Id = Annotated[int, Field(ge=1, le=2**53)]
_RAW: Final = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {
    "type": "string", "format": "binary"}}}}}  # fmt: skip


@uploads.post("/cases/{number}/files", tags=["cases"], openapi_extra=_RAW)
async def add_file(
    number: Number,
    request: Request,
    agent: Me,
    office: There,
    name: Annotated[str, Query(max_length=10_000, description="The file's name.")] = "file",
    mode: Annotated[Mode, Query(alias="for", description="What will take it.")] = "reply",
    key: Key = None,
) -> dict[str, Any]:
    """Keep a file for a reply or a note of yours; the body is the file itself. 422 says why it was not kept.

    Ten megabytes at most; pictures, PDF, text, office documents, zip, sound and video. Nobody but you can fetch it
    until a message takes it (`files` of `POST …/reply` and `…/note`); after a day it is gone.
    """
    if key is None:
        gate.allow(agent, _NEEDS[mode])  # before anything of it is read
    with office.desk.files.room():
        content = await _body(request, name)
    once = None if key is None else Once(
        key=clean(key),
        request={"act": "file", "case": number, "name": name, "for": mode, "of": hashlib.sha256(content).hexdigest()},
    )  # fmt: skip
    try:
        gate.allow(agent, _NEEDS[mode])
    except gate.Forbidden:
        if (known := await office.desk.recalled(agent, once)) is not None:
            return known
        raise
    return await office.desk.files.keep(agent, number, mode, name, content, once)


@uploads.get("/cases/{number}/files", tags=["cases"])
async def unsent_files(number: Number, agent: Me, office: There) -> dict[str, Any]:
    """What you have added here and not sent yet."""
    gate.allow(agent, "own")
    return {"files": await office.desk.files.waiting(agent, number)}


@uploads.get("/cases/{number}/files/{file}", tags=["cases"], response_class=Response)
async def unsent_file(number: Number, file: Id, agent: Me, office: There) -> Response:
    """One's own, to look at before it is sent."""
    gate.allow(agent, "own")
    found = await office.desk.files.read(agent, number, file)
    return served(Content(name=found["name"], media_type=found["media_type"], data=found["content"]))


@uploads.delete("/cases/{number}/files/{file}", tags=["cases"])
async def remove_file(number: Number, file: Id, agent: Me, office: There) -> dict[str, Any]:
    """Take it away again, unsent."""
    gate.allow(agent, "own")
    await office.desk.files.remove(agent, number, file)
    return {"file": file, "removed": True}


async def _body(request: Request, name: str) -> bytes:
    """The whole of it. Raises `FileRefused` once it is too large."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > files.AT_MOST:
        raise _too_large(name)
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > files.AT_MOST:
            raise _too_large(name)
    return bytes(content)


def _too_large(name: str) -> FileRefused:
    return FileRefused(files.refusal(files.shortened(files.visible(name)), "large"))
