"""What people did in a window, done at the desk: in their order, each once, and a word to who wanted what cannot be."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

import structlog

from bot.web import gate
from bot.window.colleagues import Colleagues
from bot.window.here import Here, Later, Refused
from bot.window.sends import Sends
from channels.contract import ChannelError
from handoff import window as shown
from handoff.desk import Desk
from handoff.errors import HandoffError, Stale
from handoff.window import Shown
from handoff.work import Once
from store import window as rows
from store.agents import Agent
from store.errors import DatabaseAway
from store.window import Event, Post
from store.words import case_number

PRESS_FOR: Final = timedelta(minutes=1)
"""So long a press is tried while the platform cannot say who pressed; then they have gone on."""
WORDS_FOR: Final = timedelta(days=1)
"""The same for words that somebody wrote."""
PAUSE: Final = 0.2
TRIES: Final = 5
"""Of what fails by a fault of ours."""
NOTE_AT_MOST: Final = 20_000
_CODE: Final = re.compile(r"([2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4})", re.IGNORECASE)

log = structlog.get_logger(__name__)


class Deeds:
    """Does what was asked for."""

    def __init__(self, here: Here, desk: Desk, colleagues: Colleagues, sends: Sends) -> None:
        self._here = here
        self._desk = desk
        self._colleagues = colleagues
        self._sends = sends

    async def all(self) -> bool:
        """All of it, each person's in order; whether there was any. Whose deed cannot be done yet holds up nobody else;
        a second thought comes before everything."""
        any_done = False
        stuck: set[str] = set()
        while True:
            async with self._here.database.read() as connection:
                found = await rows.waiting(connection, self._here.pane)
            waiting = [event for event in found if event.data["person"] not in stuck]
            if not waiting:
                return any_done
            for event in sorted(waiting, key=lambda event: not str(event.data["button"]).startswith("undo:")):
                if event.data["person"] in stuck:
                    continue
                if await self._deed(event):
                    any_done = True
                else:
                    stuck.add(event.data["person"])

    async def _deed(self, event: Event) -> bool:
        """Done with this one? False: it must be tried again, before what came after it."""
        error: str | None = None
        try:
            if event.data["place"] == self._here.pane.place:  # what is left of another room is nobody's
                await self._DO[event.kind](self, event)
        except (Refused, HandoffError, gate.Forbidden) as refused:
            error = str(refused)
            more = shown.came(refused.since, words=self._here.closed) if isinstance(refused, Stale) else ()
            await self._here.whisper(event, Shown(text=shown.told(error, more)))
        except (Later, ChannelError) as later:
            patience = PRESS_FOR if event.kind in ("pressed", "chosen") else WORDS_FOR
            if self._here.now() - event.at < patience:
                await asyncio.sleep(PAUSE)
                return False
            error = str(later)
            await self._here.whisper(event, Shown(text=shown.told("That could not be done. Do it at the desk.")))
        except DatabaseAway:
            raise
        except Exception as failed:
            log.exception("something done in the window failed", kind=event.kind, event_id=event.id)
            if event.tries + 1 < TRIES:
                async with self._here.database.write("window.tried") as connection:
                    await rows.tried(connection, event.id)
                return False
            error = f"{type(failed).__name__}: {failed}"
            await self._here.whisper(event, Shown(text=shown.told("That failed. Do it at the desk.")))
        async with self._here.database.write("window.done") as connection:
            await rows.done(connection, event.id, self._here.now(), error and error[:500])
        return True

    async def _said(self, event: Event) -> None:
        """A note for colleagues; or somebody's code."""
        text = str(event.data["text"])
        card = await self._card_under(event)
        if (code := _CODE.fullmatch(text.strip())) is not None and await self._colleagues.linked(event, code[1]):
            return
        if card is None:
            if code is not None:
                raise Refused("That is no code, or its ten minutes are over. Have a new one shown at the desk.")
            return  # colleagues talk; that concerns no case
        agent = await self._colleagues.who(event)
        gate.allow(agent, "note")
        files = int(event.data.get("files") or 0)
        left = f"({files} file{'s' if files > 1 else ''} in the team's chat)" if files else ""
        words = "\n".join(part for part in (text.strip(), left) if part)[:NOTE_AT_MOST]
        if words:
            await self._note(event, agent, card, words)

    async def _edited(self, event: Event) -> None:
        """What was noted stands; what it became is noted too."""
        card = await self._card_under(event)
        text = str(event.data["text"]).strip()
        if card is None or not text:
            return
        agent = await self._colleagues.who(event)
        gate.allow(agent, "note")
        await self._note(event, agent, card, f"(edited) {text}"[:NOTE_AT_MOST])

    async def _note(self, event: Event, agent: Agent, card: Post, words: str) -> None:
        assert card.case_id is not None  # noqa: S101 - a card is of a case
        answer = await self._desk.note(agent, case_number(card.case_id), words, once=_once(event))
        async with self._here.database.write("window.noted") as connection:
            ts = str(event.data.get("post") or event.dedupe)
            await self._here.told(connection, card.case_id, answer["seq"], ts=ts)

    async def _deleted(self, event: Event) -> None:
        """What was noted at the desk stays on record."""

    async def _chosen(self, event: Event) -> None:
        """These words are to go to the customer."""
        card = await self._card_under(event)
        if card is None:
            raise Refused("That stands under no case. Write in the thread of a case, and choose it there.")
        agent = await self._colleagues.who(event)
        gate.allow(agent, "answer")
        await self._sends.ask(event, agent, card)

    async def _pressed(self, event: Event) -> None:
        kind, _, value = str(event.data["button"]).partition(":")
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 19 else 0
        match kind:
            case "claim":
                agent = await self._colleagues.who(event)
                gate.allow(agent, "answer")
                await self._desk.claim(agent, case_number(number), _once(event))
            case "next":
                agent = await self._colleagues.who(event)
                gate.allow(agent, "answer")
                taken = await self._desk.take_next(agent, _once(event))
                said = "Nobody waits." if taken is None else f"You have {taken['number']} now. Its card follows."
                await self._here.whisper(event, Shown(text=shown.told(said)))
            case "send" | "drop" | "undo":
                await self._sends.press(event, lambda: self._colleagues.who(event), kind, number)

    async def _card_under(self, event: Event) -> Post | None:
        thread = event.data.get("thread")
        if not thread:
            return None
        async with self._here.database.read() as connection:
            card = await rows.card_at(connection, self._here.pane, str(thread))
            if card is None and await rows.is_unclear(connection, self._here.pane):
                raise Later("a card may stand there without our knowing its name")
        return card

    _DO: Mapping[str, Callable[[Deeds, Event], Awaitable[None]]] = {
        "said": _said,
        "edited": _edited,
        "deleted": _deleted,
        "chosen": _chosen,
        "pressed": _pressed,
    }


def _once(event: Event) -> Once:
    return Once(key=f"window-{event.dedupe}", request={"act": "window", "kind": event.kind})
