"""The audit log. The agents' API, seventh part."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from bot.web import gate
from bot.web.api import BadCursor, Me, There, api
from store import audit as log
from store.audit import Line, Place, Wanted

audit = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def cursor_of(line: Line) -> str:
    """Where a page ends: the microsecond and the number."""
    return f"{(line.at - _EPOCH) // _MICROSECOND}.{line.id}"


def place_of(cursor: str | None) -> Place | None:
    """Raises `BadCursor`."""
    if not cursor:
        return None
    at, dot, id_ = cursor.partition(".")
    if not (dot and len(cursor) <= 40 and all(part.isascii() and part.isdigit() for part in (at, id_))):
        raise BadCursor
    try:
        moment = _EPOCH + int(at) * _MICROSECOND
    except OverflowError:
        raise BadCursor from None
    if int(id_) >= 2**63:
        raise BadCursor
    return moment, int(id_)


def described(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "at": line.at,
        "by": line.email,
        "name": line.name,
        "action": line.action,
        "subject": line.subject,
        "details": line.data,
    }


@audit.get("/audit", tags=["people"])
async def read_audit(
    agent: Me,
    office: There,
    who: Annotated[int | None, Query(ge=-1, le=2**53, description="A number of somebody's; -1: nobody's")] = None,
    action: Annotated[str | None, Query(max_length=40)] = None,
    subject: Annotated[str | None, Query(max_length=320)] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: Annotated[str | None, Query(max_length=60)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = log.PAGE,
) -> dict[str, Any]:
    """Who did what and when, newest first."""
    gate.allow(agent, "audit")
    wanted = Wanted(agent=who, action=action or None, subject=subject or None, since=since, until=until)
    async with office.database.read() as connection:
        found = await log.page(connection, wanted, after=place_of(cursor), limit=limit + 1)
    return {
        "lines": [described(line) for line in found[:limit]],
        "next": cursor_of(found[limit - 1]) if len(found) > limit else None,
    }
