"""Tags of cases: part of the agents' API."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field, model_validator

from bot.web.api import Key, Me, Number, Sent, There, acted, api, once_of
from handoff.tagging import tag_of
from store import tags as kept

tags = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)

MOST: Final = 100

Tag = Annotated[str, AfterValidator(tag_of)]


class Tags(Sent):
    add: Annotated[list[Tag], Field(default_factory=list)]
    remove: Annotated[list[Tag], Field(default_factory=list)]

    @model_validator(mode="after")
    def _says_something(self) -> Tags:
        if not (self.add or self.remove):
            raise ValueError("says nothing; send tags to 'add' or to 'remove'")
        if max(len(self.add), len(self.remove)) > MOST:
            raise ValueError(f"names more than {MOST} tags at once; send fewer")
        if both := set(self.add) & set(self.remove):
            raise ValueError(f"would add and remove {min(both)}; choose one")
        return self


@tags.post("/cases/{number}/tags", tags=["cases"])
async def change_tags(number: Number, body: Tags, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Put tags on a case and take others off. A tag is kept in small letters, white space within as one `-`.

    409: it would have more than twelve, or is merged into another.
    """
    once = once_of(key, "tag", case=number, add=body.add, remove=body.remove)

    def work() -> Awaitable[dict[str, Any]]:
        return office.desk.tagging.change(agent, number, add=body.add, remove=body.remove, once=once)

    return await acted(office, agent, "note", once, work)


@tags.get("/tags", tags=["cases"])
async def known_tags(
    agent: Me, office: There, q: Annotated[str, Query(max_length=200, description="How they begin.")] = ""
) -> dict[str, Any]:
    """Tags that cases have, in the order of letters; `more`: there are others. `open`: on how many open cases each is,
    of the newest 100 that have it."""
    try:
        begin = tag_of(q) if q.strip() else ""
    except ValueError:
        return {"tags": [], "more": False}  # no tag begins with what none may hold
    async with office.database.read() as connection:
        found = await kept.known(connection, begin, limit=kept.KNOWN + 1)
    listed = [{"tag": each.tag, "open": each.open} for each in found[: kept.KNOWN]]
    return {"tags": listed, "more": len(found) > kept.KNOWN}
