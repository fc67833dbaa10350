"""What of a case has not been said yet: drafts, and a reply that is about to leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from store import agents, drafts, holds
from store.agents import Agent
from store.words import case_id

UNDO_FOR: Final = 10
"""Seconds in which a reply can be taken back, until somebody has chosen."""
CHOICES: Final = (0, 5, 10, 30)


async def of(connection: AsyncConnection, agent: Agent, found: Mapping[str, Any]) -> dict[str, Any]:
    """What the templates of a case name: `held` or None, `drafts` by mode, `undo_for` in seconds."""
    number = case_id(found["number"]) or 0
    chosen = await agents.undo_for(connection, agent.id)
    return {
        "held": await holds.of_case(connection, number),
        "drafts": await drafts.of(connection, agent.id, number),
        "undo_for": UNDO_FOR if chosen is None else chosen,
        "undo_choices": CHOICES,
    }
