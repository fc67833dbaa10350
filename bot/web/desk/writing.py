"""What stands ready where an answer is written: files that were added, saved replies, words of articles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.web.desk.frame import Frame
from bot.web.macros import workarounds
from channels.filetypes import ACCEPT
from handoff import files
from handoff.macros import PLACEHOLDERS
from store.agents import Agent
from store.words import case_id

WORDS_AT_MOST: Final = 600
"""Characters of a section that are inserted as they are; of a longer one its title and link."""


async def tools(connection: AsyncConnection, frame: Frame, agent: Agent, found: Mapping[str, Any]) -> dict[str, Any]:
    """What the composer's and the card's templates name. `found`: a case with its context."""

    def words(slug: str, anchor: str) -> str:
        said = frame.office.words(slug, anchor)
        return said if len(said) <= WORDS_AT_MOST else ""

    return {
        "unsent": await files.unsent(connection, agent, case_id(found["number"]) or 0),
        "files_refused": frame.desk.files.refused_by(found["channel"]),
        "files_accept": ACCEPT,
        "files_most": files.MOST,
        "files_at_most": files.AT_MOST,
        "files_together": files.TOGETHER,
        "placeholders": list(PLACEHOLDERS),
        "workarounds": await workarounds(connection, agent, found["tier"]),
        "section_words": words,
    }
