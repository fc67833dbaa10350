"""The tags of cases: who put which on what, which there are, and where they go when cases are merged."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, delete, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import UNRESOLVED_ONLY, case, case_tag

KNOWN: Final = 100
"""Tags that are listed at once."""
NEWEST: Final = 100
"""So many of the newest cases with a tag are looked at for how many are open: a tag may be on all there ever were."""
LAST: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    tag: str
    open: int
    """Cases that carry it and are not resolved, of the `NEWEST` that do."""


async def of(connection: AsyncConnection, cases: Collection[int]) -> dict[int, list[str]]:
    """The tags of each of these cases that has any, in the order of letters."""
    if not cases:
        return {}
    query = select(case_tag.c.case_id, case_tag.c.tag).where(case_tag.c.case_id.in_(cases))
    found: dict[int, list[str]] = {}
    for row in sorted((await connection.execute(query)).all()):
        found.setdefault(int(row[0]), []).append(row[1])
    return found


async def put(connection: AsyncConnection, case_id: int, tags: Collection[str], agent_id: int, now: datetime) -> None:
    """Tags that the case does not have yet."""
    if tags:
        rows = [{"case_id": case_id, "tag": tag, "agent_id": agent_id, "at": now} for tag in tags]
        await connection.execute(insert(case_tag), rows)


async def remove(connection: AsyncConnection, case_id: int, tags: Collection[str]) -> None:
    if tags:
        await connection.execute(delete(case_tag).where(case_tag.c.case_id == case_id, case_tag.c.tag.in_(tags)))


async def known(connection: AsyncConnection, begin: str = "", *, limit: int = KNOWN) -> list[Known]:
    """Tags that begin so, in the order of letters: the index is asked for the next one, however many have it."""
    within = and_(case_tag.c.tag >= begin, case_tag.c.tag < begin + LAST)
    names = select(func.min(case_tag.c.tag).label("tag")).where(within).cte("names", recursive=True)
    following = select(func.min(case_tag.c.tag)).where(case_tag.c.tag > names.c.tag, within).correlate(names)
    names = names.union_all(select(following.scalar_subquery()).where(names.c.tag.is_not(None)))
    newest = (
        select(case_tag.c.case_id).where(case_tag.c.tag == names.c.tag)
        .order_by(case_tag.c.case_id.desc()).limit(NEWEST).correlate(names).subquery()
    )  # fmt: skip
    open_ = (
        select(func.count()).select_from(newest).join(case, case.c.id == newest.c.case_id)
        .where(UNRESOLVED_ONLY).scalar_subquery()
    )  # fmt: skip
    query = select(names.c.tag, open_).where(names.c.tag.is_not(None)).limit(limit)
    rows = (await connection.execute(query)).all()
    return sorted((Known(tag=row[0], open=int(row[1])) for row in rows), key=lambda each: each.tag)


async def places(connection: AsyncConnection, tag: str, *, limit: int) -> list[int]:
    """Conversations of the newest cases with this tag, one for each case."""
    newest = select(case_tag.c.case_id).where(case_tag.c.tag == tag).order_by(case_tag.c.case_id.desc()).limit(limit)
    ids = list((await connection.execute(newest)).scalars())
    query = select(case.c.conversation_id).where(case.c.id.in_(ids))
    return list((await connection.execute(query)).scalars()) if ids else []


# --- merging -------------------------------------------------------------------------------------


async def take_in(connection: AsyncConnection, of_: int, to: int) -> None:
    """One case is merged into another, which has its tags from now on; what had been merged into the first before goes
    along, and so does what it brought."""
    mine = case_tag.alias("mine")
    brought = select(
        literal(to), case_tag.c.tag, case_tag.c.agent_id, case_tag.c.at, func.coalesce(case_tag.c.from_id, of_)
    ).where(
        case_tag.c.case_id == of_,
        ~select(mine.c.tag).where(mine.c.case_id == to, mine.c.tag == case_tag.c.tag).exists(),
    )
    await connection.execute(insert(case_tag).from_select(["case_id", "tag", "agent_id", "at", "from_id"], brought))
    await connection.execute(delete(case_tag).where(case_tag.c.case_id == of_, case_tag.c.from_id.is_not(None)))


async def let_go(connection: AsyncConnection, of_: int, by: int) -> None:
    """A case is one of its own again: what it brought goes, but for what another one that stays has brought as well."""
    theirs = (case_tag.c.case_id == by, case_tag.c.from_id == of_)
    own = case_tag.alias("own")
    other = (
        select(func.min(own.c.case_id))
        .join(case, case.c.id == own.c.case_id)
        .where(case.c.merged_into_id == by, case.c.id != of_, own.c.tag == case_tag.c.tag, own.c.from_id.is_(None))
        .correlate(case_tag)
        .scalar_subquery()
    )
    await connection.execute(update(case_tag).where(*theirs).values(from_id=func.coalesce(other, of_)))
    await connection.execute(delete(case_tag).where(*theirs))
