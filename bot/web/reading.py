"""Feedback that was read: the agents' API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from bot.web.api import Key, Me, Number, There, _act, _once, api
from handoff.reading import Reading

reading = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)


@reading.post("/cases/{number}/read", tags=["cases"])
async def read(number: Number, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Feedback is read: it is closed, and its customer hears nothing. 409: it is no feedback, or somebody has it."""
    once = _once(key, "read", case=number)
    acts = Reading(office.desk.acts, office.desk.hands)
    return await _act(office, agent, "answer", once, lambda: acts.read(agent, number, once))


@reading.post("/cases/{number}/unread", tags=["cases"])
async def unread(number: Number, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Put back what was closed by reading, as it was before. 409: something has come since."""
    once = _once(key, "unread", case=number)
    acts = Reading(office.desk.acts, office.desk.hands)
    return await _act(office, agent, "answer", once, lambda: acts.unread(agent, number, once))
