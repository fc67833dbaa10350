"""Who a customer is on all channels, for agents: their identities, how each was proven, what they wrote elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff.opening import preview
from store import cases, links, persons
from store.words import case_number


async def identities(connection: AsyncConnection, customer: int, *, here: int) -> list[dict[str, Any]]:
    """Theirs, the one that writes `here` first; each other one with the link by which it belongs to them.

    A `link` is `{"id", "how": "code" | "profile" | "hand", "why", "at", "asked_by", "leaves"}`: who had asked for the
    proof, or has linked them by hand and why, and which identities go when it is undone.
    """
    found = await cases.identities(connection, customer)
    standing = await links.described(connection, [row["id"] for row in found]) if len(found) > 1 else []
    by = ways(standing, here)
    return sorted(
        ({**row, "here": row["id"] == here, "link": by.get(row["id"])} for row in found),
        key=lambda row: (not row["here"], row["id"]),
    )


def ways(standing: Sequence[Mapping[str, Any]], here: int) -> dict[int, dict[str, Any]]:
    """For each identity the last link on its way from `here`. There is one way: links make no circles."""
    at: defaultdict[int, list[tuple[Mapping[str, Any], int]]] = defaultdict(list)
    for link in standing:
        at[link["identity_id"]].append((link, link["other_id"]))
        at[link["other_id"]].append((link, link["identity_id"]))
    found: dict[int, dict[str, Any]] = {}
    before: dict[int, int] = {}
    order, seen = [here], {here}
    for one in order:
        for link, other in at[one]:
            if other not in seen:
                seen.add(other)
                order.append(other)
                before[other] = one
                found[other] = {name: link[name] for name in ("id", "how", "why", "at", "asked_by")} | {"leaves": []}
    for one in order[1:]:
        on_the_way: int = one
        while on_the_way != here:
            found[on_the_way]["leaves"].append(one)
            on_the_way = before[on_the_way]
    return found


async def conversations(connection: AsyncConnection, customer: int, *, but: int) -> list[dict[str, Any]]:
    """Their other conversations, newest first, a few: where, since when, the last words, the newest case."""
    return [
        {
            "id": row["id"],
            "channel": row["channel"],
            "name": row["name"],
            "public": row["public"],
            "started_at": row["created_at"],
            "last_in_at": row["last_in_at"],
            "owner": row["owner"],
            "preview": preview(row["words"] or ""),
            "case": case_number(row["case_id"]) if row["case_id"] is not None else None,
        }
        for row in await cases.conversations_of_customer(connection, customer, but=but)
    ]


async def note(connection: AsyncConnection, customer: int) -> dict[str, Any] | None:
    """What agents say they are called, the latest of those as whom they came; None: nothing."""
    homes = {customer, *(await persons.homes_of(connection, customer)).values()}
    said = await persons.notes(connection, homes)
    return said[0] if said and (said[0]["name"] or said[0]["email"]) else None


async def whole(connection: AsyncConnection, customer: int, *, now: datetime) -> dict[str, Any] | None:
    """All that is known of a customer, with the newest page of what they wrote. None: there is no such one.

    Who has become a part of another is told as that other: `id` says who.
    """
    id_ = await persons.became(connection, customer)
    told = await persons.read(connection, id_) if id_ is not None else None
    if id_ is None or told is None:
        return None
    first = await links.first_of(connection, id_)
    homes = await persons.homes_of(connection, id_)
    of = await identities(connection, id_, here=first.id if first is not None else 0)
    claims = {row["id"]: row for row in await persons.names_of(connection, set(homes.values()))}
    often = await persons.times(connection, id_, now)
    return {
        "id": id_,
        "name": told["name"],
        "email": told["email"],
        "since": min((row["created_at"] for row in claims.values()), default=told["created_at"]),
        "note": await note(connection, id_),
        "identities": [{**one, "claims": claims.get(homes[one["id"]])} for one in of],
        "times": {"week": often.week, "month": often.month},
        "satisfaction": await persons.marks(connection, id_),
        "languages": await persons.languages(connection, id_),
        "cases": await persons.cases_of(connection, id_),
        "conversations": [_told(row) for row in await persons.conversations_of(connection, id_)],
    }


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "words": preview(row["words"] or "")}


async def page_of_conversations(
    connection: AsyncConnection, customer: int, *, before: int | None, limit: int
) -> list[Any]:
    """A page of their conversations, as `whole` tells them."""
    return [_told(row) for row in await persons.conversations_of(connection, customer, before=before, limit=limit)]


async def found(
    connection: AsyncConnection, words: str, *, cursor: str | None = None, limit: int = cases.PAGE
) -> tuple[list[int], str | None]:
    """(one page of customers, where the next one begins): the newest, or those whom these words name.

    An address finds whoever claims it or has proven it; those stand before names that begin so.
    """
    words = words.strip()
    at = place(cursor, words=bool(words))
    if not words:
        ids = await persons.newest(connection, before=at[1] if at else None, limit=limit + 1)
        return ids[:limit], _cursor("", ids[limit - 1]) if len(ids) > limit else None
    rows = await persons.named(connection, words, after=at, limit=limit + 1)
    known = await persons.addressed(connection, words) if at is None else []
    ids = await persons.roots(connection, [*known, *(id_ for _, id_ in rows[:limit])])
    return ids, _cursor(*rows[limit - 1]) if len(rows) > limit else None


def _cursor(key: str, id_: int) -> str:
    return f"{id_}~{key}"


def place(cursor: str | None, *, words: bool) -> tuple[str, int] | None:
    """Where a page ended; None also for what is no cursor of ours: a list then begins at its beginning."""
    id_, mark, key = (cursor or "").partition("~")
    if not mark or not id_.isascii() or not id_.isdigit() or len(id_) > 16 or (words and not key):
        return None
    return key, int(id_)
