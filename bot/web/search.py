"""Search: the agents' API."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from bot.intake import clean
from bot.web.api import Me, There, api
from bot.web.channels import id_of
from handoff import searching
from handoff.searching import Found, Hit, Pieces, Wanted
from store import cases
from store.words import case_number

search = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)


@search.get("/search", tags=["search"])
async def look_for(
    agent: Me,
    office: There,
    q: Annotated[
        str,
        Query(
            description='Words, `"a phrase"`, `begin*`; `person:` `tier:` `tag:` `from:` `channel:` `before:` `after:`',
            max_length=20_000,
        ),
    ] = "",
    cursor: Annotated[str | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = searching.PAGE,
) -> dict[str, Any]:
    """Messages both ways and notes with all of these words, newest first; on the first page also people of that name.

    What cannot be looked for is told in `faults`, and nothing is found. `further`: this page is short because enough
    was looked at; `next` goes on from there. Days are those of UTC.
    """
    below = id_of(cursor or None)
    query = clean(q)
    async with office.database.read() as connection:
        wanted = searching.parse(query, me=agent.id)
        found = await searching.find(connection, wanted, whole=query, below=below, limit=limit)
        id_ = searching.number_in(query)
        known = id_ is not None and await cases.read_row(connection, id_) is not None
    return {"case": case_number(id_) if known and id_ is not None else None, **_told(wanted, found)}


def _told(wanted: Wanted, found: Found) -> dict[str, Any]:
    return {
        "results": [_hit(hit) for hit in found.hits],
        "people": [
            {"id": who["id"], "name": who["name"], "email": who["email"], "channels": who["channels"],
             "case": who["number"]}
            for who in found.people
        ],
        "faults": list(wanted.faults),
        "further": found.further,
        "next": None if found.next is None else str(found.next),
    }  # fmt: skip


def _hit(hit: Hit) -> dict[str, Any]:
    row = hit.row
    return {
        "message": row["id"],
        "conversation": row["conversation_id"],
        "seq": row["seq"],
        "case": row["number"],
        "tier": row["tier"],
        "status": row["status"],
        "channel": row["channel"],
        "public": row["public"],
        "customer": {"id": row["customer_id"], "name": row["customer_name"], "email": row["customer_email"]},
        "direction": row["direction"],
        "from": row["author"],
        "author": row["agent"] or row["author_name"],
        "at": row["created_at"],
        "excerpt": _pieces(hit.pieces),
        "files": [_pieces(name) for name in hit.files],
    }


def _pieces(pieces: Pieces) -> list[dict[str, Any]]:
    return [{"text": text, "found": is_it} for text, is_it in pieces]
