"""Who a customer is on all channels, for agents: their identities, how each was proven, what they wrote elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff.opening import preview
from store import cases, links
from store.words import case_number


async def identities(connection: AsyncConnection, customer: int, *, here: int) -> list[dict[str, Any]]:
    """Theirs, the one that writes `here` first; each other one with the link by which it belongs to them.

    A `link` is `{"id", "how": "code" | "profile", "at", "asked_by", "leaves"}`: who had asked for the proof, and which
    identities go when it is undone.
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
                found[other] = {name: link[name] for name in ("id", "how", "at", "asked_by")} | {"leaves": []}
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
