"""Who tried what they may not: on record where it is an act of supervisors or admins, a few times a minute."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request

from bot.web import gate
from bot.web.api import Office
from bot.web.shell import shown_path
from store import agents

A_MINUTE: Final = 10
"""Lines for one person: whoever tries in a loop must not bury what else happened."""


async def on_record(office: Office, request: Request, refusal: gate.Forbidden) -> None:
    """One line of the audit log for a refused grave act; none for any other."""
    if refusal.act not in gate.GRAVE:
        return
    if await office.bus.allow(f"refused:{refusal.agent.id}", limit=A_MINUTE, per=60.0) > 0:
        return
    async with office.database.write("refused") as connection:
        await agents.record(
            connection, action="refused", subject=f"{request.method} {shown_path(request.url.path)}"[:200],
            now=datetime.now(UTC), agent_id=refusal.agent.id, data={"act": refusal.act, "role": refusal.agent.role},
        )  # fmt: skip
