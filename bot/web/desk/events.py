"""What moves: the desk's stream of news, who is at the desk, who types and who reads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.assigner import BROWSER
from bot.live import Heard
from bot.web import gate
from bot.web.desk.frame import Frame
from bot.web.shell import error_body
from bot.web.who import COOKIE, SESSION
from store import board, mentions, sessions
from store.agents import Agent
from store.words import case_id, case_number

BEAT: Final = 10.0
"""Seconds between signs of life; at each it is looked whether the session still stands."""
APART: Final = 0.2
"""Seconds between two pieces of news at least."""
PRESENT_FOR: Final = 120.0
SIGNALS: Final = 30
"""Signals that one person may send in ten seconds."""
_SIGNAL_AT_MOST: Final = 500


def routes(frame: Frame) -> list[Route]:
    events = Events(frame)
    return [
        Route("/desk/events", frame.part(events.stream), methods=["GET"]),
        Route("/desk/here", frame.part(events.here), methods=["POST"]),
        Route("/desk/signal", frame.part(events.signal), methods=["POST"]),
    ]


class Events:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    # --- news ------------------------------------------------------------------------------------

    async def stream(self, request: Request, agent: Agent) -> Response:
        """Server-sent events: `news`, `signal`, `gap`, `beat`; `end` when the session or the house ends."""
        return StreamingResponse(
            self._flow(request.cookies.get(COOKIE, ""), agent.id),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _flow(self, secret: str, agent_id: int) -> AsyncIterator[bytes]:
        closing, live = self._frame.closing, self._frame.live
        clock = asyncio.get_running_loop().time
        with live.follow() as feed:
            mark = live.mark
            yield _event("hello", {"mark": mark})
            beat_at = clock() + BEAT
            while not closing.is_set():
                if clock() >= beat_at:  # however much there is to tell
                    if not await self._stands(secret):
                        yield _event("end", {"why": "signed-out"})
                        return
                    yield _event("beat", {"mark": mark})
                    beat_at = clock() + BEAT
                if await _first(feed, closing, within=beat_at - clock()):
                    heard = feed.take()
                    if heard.gap or any(_ends(signal, agent_id) for signal in heard.signals):
                        beat_at = clock()  # a session of theirs has ended somewhere: this one?
                    for piece in _said(heard, mark, mark := live.mark):
                        yield piece
                    await _first(closing, within=APART)
        yield _event("end", {"why": "stopping"})

    async def _stands(self, secret: str) -> bool:
        async with self._frame.database.read() as connection:
            return await sessions.agent_of_session(connection, secret, datetime.now(UTC)) is not None

    # --- who is there ----------------------------------------------------------------------------

    async def here(self, request: Request, agent: Agent) -> Response:
        """A person has used a page of the desk in the last minutes: times may be promised on them."""
        if gate.may(agent, "answer") and not agent.away:
            await self._frame.bus.present(f"agent:{agent.id}", seconds=PRESENT_FOR)
            await self._frame.bus.present(f"{BROWSER}{agent.id}", seconds=PRESENT_FOR)
        return Response(status_code=204)

    async def signal(self, request: Request, agent: Agent) -> Response:
        """`{"kind": "typing" | "noting" | "reading", "case": "W-1001"}`: true for a moment, and kept nowhere."""
        asked = await _asked(request)
        id_ = case_id(str(asked.get("case", "")))
        kind = asked.get("kind")
        if kind not in ("typing", "noting", "reading") or id_ is None:
            text = 'Send {"kind": "typing", "noting" or "reading", "case": "W-1001"}.'
            return JSONResponse(error_body("invalid", text), 422)
        if await self._frame.bus.allow(f"desk:signal:{agent.id}", limit=SIGNALS, per=10.0) > 0:
            return Response(status_code=204)  # nothing is lost by one less
        async with self._frame.database.read() as connection:
            case = await board.holder(connection, id_)
        if case is None:
            return JSONResponse(error_body("not_found", f"There is no case {case_number(id_)}."), 404)
        about = {"case": case_number(id_), "by": "agent", "agent": agent.id, "name": agent.name}
        if kind == "reading":
            await self._see(agent, id_)
        if kind != "typing":
            # Conversation 0 is nobody's: whoever listens to the customer's own conversation does not hear of it.
            await self._frame.live.signal(kind, conversation=0, about=case.conversation_id, **about)
        elif case.assignee_id == agent.id:
            await self._frame.live.signal("typing", conversation=case.conversation_id, **about)
        return Response(status_code=204)

    async def _see(self, agent: Agent, case: int) -> None:
        """Who has a case before them has seen where they are mentioned in it."""
        async with self._frame.database.read() as connection:
            waits = await mentions.waits(connection, agent.id, case)
        if waits:
            async with self._frame.database.write("mention.seen") as connection:
                await mentions.see(connection, agent.id, case, datetime.now(UTC))


def _ends(signal: Mapping[str, Any], agent_id: int) -> bool:
    """Whether it says that a session of this person's has ended."""
    return signal.get("kind") == SESSION and signal.get("agent") == agent_id


def _said(heard: Heard, before: str, mark: str) -> list[bytes]:
    """What was heard since the mark `before`; whoever was told another mark last has missed something."""
    said = [_event("gap", {"mark": mark})] if heard.gap else []
    if heard.cases or heard.conversations:
        numbers = [case_number(id_) for id_ in sorted(heard.cases)]
        said.append(_event("news", {"cases": numbers, "conversations": sorted(heard.conversations),
                                   "from": before, "mark": mark}))  # fmt: skip
    told = [signal for signal in heard.signals if signal.get("kind") != SESSION]
    return said + [_event("signal", _shown(signal)) for signal in told]


def _shown(signal: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(signal)
    if "about" in found:
        found["conversation"] = found.pop("about")
    return found


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


async def _first(*events: asyncio.Event, within: float) -> bool:
    """Wait for one of them; False: none came in time."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=max(within, 0), return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for wait in waits:
            wait.cancel()


async def _asked(request: Request) -> dict[str, Any]:
    body = await request.body()
    try:
        asked = json.loads(body) if len(body) <= _SIGNAL_AT_MOST else None
    except (ValueError, RecursionError):
        asked = None
    return asked if isinstance(asked, dict) else {}
