"""The person's whole story around one case: what was said in their other conversations, between what was said here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff.context import as_told
from store import links, story
from store.story import Moment, Told

PAGE: Final = 50
"""Messages of all conversations together that come at once."""
HERE_AT_LEAST: Final = 10
"""Of these so many of the case's own, however much was said elsewhere since."""
ELSEWHERE_AT_MOST: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Messages as `handoff.context.described` tells them, oldest first."""

    here: Sequence[Mapping[str, Any]]
    """Of the case's own conversation."""
    elsewhere: Sequence[Mapping[str, Any]]
    """Of the others; each with its `conversation`."""
    talks: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """The other conversations: where, as whom, with which case."""
    files: Mapping[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """By message, of those elsewhere."""
    before: Moment | None = None
    """What is older than this is not here; None: this is all there is."""
    left_out: datetime | None = None
    """Before this moment something elsewhere is left out."""


async def newest(
    connection: AsyncConnection, customer: int, conversation: int, rows: Sequence[Mapping[str, Any]]
) -> Page:
    """The newest page. `rows`: the newest messages of the case's own conversation."""
    talks = await _talks(connection, customer, conversation)
    told = await story.newest(connection, list(talks), limit=ELSEWHERE_AT_MOST)
    moments = sorted([(row["at"], row["id"]) for row in rows] + [one.moment for one in told])
    floor = moments[-PAGE] if len(moments) > PAGE else None
    if floor is not None and rows:
        least = rows[max(len(rows) - HERE_AT_LEAST, 0)]
        floor = min(floor, (least["at"], least["id"]))
    here = [row for row in rows if floor is None or (row["at"], row["id"]) >= floor]
    kept = [one for one in told if floor is None or one.moment >= floor]
    whole = len(kept) == len(told) < ELSEWHERE_AT_MOST and (not here or here[0]["seq"] <= 1)
    first = here[0]["at"] if here else None
    cut = len(told) == ELSEWHERE_AT_MOST and first is not None and first < told[0].at
    return Page(
        here=here,
        **await _elsewhere(connection, kept),
        talks=talks,
        before=None if whole else floor or min(moments, default=None),
        left_out=told[0].at if cut else None,
    )


async def older(connection: AsyncConnection, customer: int, conversation: int, before: Moment) -> Page:
    """The page before that moment."""
    talks = await _talks(connection, customer, conversation)
    told = await story.newest(connection, [conversation, *talks], before=before, limit=PAGE + 1)
    more, told = len(told) > PAGE, told[-PAGE:]
    here = [one.id for one in told if one.conversation == conversation]
    return Page(
        here=[as_told(row, rest) for row, rest in await story.read(connection, here)],
        **await _elsewhere(connection, [one for one in told if one.conversation != conversation]),
        talks=talks,
        before=told[0].moment if more else None,
    )


async def since(connection: AsyncConnection, customer: int, conversation: int, floor: Moment | None) -> Page:
    """What was said elsewhere lately, not before `floor`: for a page that shows the newest already."""
    talks = await _talks(connection, customer, conversation)
    told = await story.newest(connection, list(talks), since=floor, limit=PAGE)
    return Page(here=(), **await _elsewhere(connection, told), talks=talks)


async def _talks(connection: AsyncConnection, customer: int, conversation: int) -> dict[int, Mapping[str, Any]]:
    rows = await story.talks(connection, customer, but=conversation)
    writer = await story.writer(connection, conversation) if rows else None
    proven = await links.by_proof(connection, writer) if writer is not None else frozenset()
    return {row["id"]: {**row, "proven": row["identity_id"] in proven} for row in rows}


async def _elsewhere(connection: AsyncConnection, told: Sequence[Told]) -> dict[str, Any]:
    ids = [one.id for one in told]
    rows = await story.read(connection, ids)
    order = {id_: place for place, id_ in enumerate(ids)}
    found = [{**as_told(row, rest), "conversation": row.conversation_id} for row, rest in rows]
    return {
        "elsewhere": sorted(found, key=lambda row: order[row["id"]]),
        "files": await story.files(connection, [row["id"] for row in found if row["files"]]),
    }


def cursor(moment: Moment | None) -> str | None:
    """A place in the order as a word, for an address."""
    return None if moment is None else f"{(moment[0] - _EPOCH) // _MICROSECOND}-{moment[1]}"


def place(word: str | None) -> Moment | None:
    """That place again; None also for what is none."""
    at, dash, id_ = (word or "").partition("-")
    if not (
        dash and at.isascii() and at.isdigit() and id_.isascii() and id_.isdigit() and len(at) < 17 and len(id_) < 17
    ):
        return None
    return _EPOCH + int(at) * _MICROSECOND, int(id_)
