"""Tags: words of the company's own on a case, to find it by, and to offer it to who knows about such things."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Any, Final

from handoff.errors import WrongState
from handoff.work import Acts, Once, Work, state
from store import tags
from store.agents import Agent
from store.words import case_number

LONGEST: Final = 40
AT_MOST: Final = 12
"""Tags that people put on a case; one that others were merged into may have more."""
_GAP: Final = re.compile(r"-*\s[\s-]*")
_PARTS: Final = frozenset(',"')
"""What stands between tags in a list, and around words in a search."""


def tag_of(value: str) -> str:
    """A tag as it is kept: without regard to case, white space within as one `-`.

    So one word is one tag however it was typed, and `tag:late-refund` finds it without quotes.

    Raises:
        ValueError: it is none; the words go on from what it stands in, such as `has more than 40 characters; …`.
    """
    if len(value) > 5 * LONGEST:
        raise ValueError(f"has more than {LONGEST} characters; use a shorter word")
    tag = _GAP.sub("-", value.strip())
    tag = unicodedata.normalize("NFC", unicodedata.normalize("NFD", tag).casefold())
    if wrong := next((sign for sign in tag if sign in _PARTS or unicodedata.category(sign)[0] == "C"), None):
        raise ValueError(f"holds {_named(wrong)}, which no tag may; remove it")
    if not any(sign.isalnum() or unicodedata.category(sign) == "So" for sign in tag):
        raise ValueError("is no word; use letters or digits, as in late-refund")
    if len(tag) > LONGEST:
        raise ValueError(f"has more than {LONGEST} characters; use a shorter word")
    return tag


def _named(sign: str) -> str:
    return f"{sign}" if sign in _PARTS else f"an invisible character (U+{ord(sign):04X})"


class Tagging:
    def __init__(self, acts: Acts) -> None:
        self._acts = acts

    async def change(
        self, agent: Agent, number: str, *, add: Collection[str], remove: Collection[str], once: Once | None = None
    ) -> dict[str, Any]:
        """Put tags on a case and take others off, all as `tag_of` gives them; one in both stays on.

        Raises:
            NoSuchCase: there is no such case.
            WrongState: it would have too many, or is a part of another.
        """

        async def action(work: Work) -> dict[str, Any]:
            if (into := work.row["merged_into_id"]) is not None:
                raise WrongState(f"{work.number} is merged into {case_number(into)}. Tag that one.")
            has = set((await tags.of(work.connection, [work.id])).get(work.id, ()))
            wanted = (has - set(remove)) | set(add)
            added, removed = sorted(wanted - has), sorted(has - wanted)
            if added and len(wanted) > AT_MOST:
                raise WrongState(f"{work.number} would have {len(wanted)} tags; {AT_MOST} are the most. Remove some.")
            if not (added or removed):
                work.idle = True
            else:
                await tags.remove(work.connection, work.id, removed)
                await tags.put(work.connection, work.id, added, agent.id, work.now)
                work.event("tagged", added=added, removed=removed)
            return {**state(work.number, work.row["status"], work.row["assignee"]), "tags": sorted(wanted)}

        return await self._acts.act("tag", agent, number, action, once)
