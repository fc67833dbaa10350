"""The one way from a window to a customer: asked for, shown word for word, confirmed, held, gone, or taken back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.web import gate
from bot.window.here import Here, Refused
from channels.contract import ChannelError, WindowPost
from handoff import window as shown
from handoff.desk import Desk
from handoff.errors import HandoffError, HeldByOther, NotHeld, Stale
from handoff.window import Shown
from handoff.work import Once
from store import agents, cases, transcripts
from store import window as rows
from store.agents import Agent, record
from store.database import Database
from store.window import Event, Post, Send
from store.words import case_number

HOLD: Final = timedelta(seconds=10)
"""So long words wait for a second thought."""


class Sends:
    """What somebody of the team sends. `hold`: how long it can be taken back."""

    def __init__(self, here: Here, desk: Desk, *, hold: timedelta = HOLD) -> None:
        self._here = here
        self._desk = desk
        self._hold = hold

    async def ask(self, event: Event, agent: Agent, card: Post) -> None:
        """Show them exactly what would leave, and to whom. Nothing leaves by that."""
        assert card.case_id is not None  # noqa: S101 - a card is of a case
        body = str(event.data["text"]).strip()
        if event.data["author"] != event.data["person"]:
            raise Refused("Those are somebody else's words. Only one's own go to the customer.")
        if not body:
            raise Refused("There are no words in it. Files are sent from the desk.")
        if len(body) > shown.EXACT_AT_MOST:
            raise Refused(f"That is over {shown.EXACT_AT_MOST} characters. Send it from the desk.")
        async with self._here.database.write("window.ask") as connection:
            row = await cases.read_row(connection, card.case_id)
            assert row is not None  # noqa: S101 - cases are never deleted
            _must_hold(row, agent)
            send = await rows.ask(
                connection, dedupe=event.dedupe, now=self._here.now(), case_id=card.case_id, agent_id=agent.id,
                person=event.data["person"], thread=card.ts, body=body,
                after_seq=await rows.shown_up_to(connection, card),
            )  # fmt: skip
        await self._here.whisper(event, shown.asking(send.id, send.body, row))

    async def press(self, event: Event, who: Callable[[], Awaitable[Agent]], kind: str, id_: int) -> None:
        """Send, do not send, undo. `who`: which colleague pressed; a second thought of one's own needs no proof."""
        async with self._here.database.read() as connection:
            send = await rows.read_send(connection, id_)
        if send is None:
            raise Refused("There is no such message any more.")
        if kind != "send" and event.data["person"] == send.person:
            await take_back(self._here.database, send, send.agent_id, self._here.now())
        else:
            agent = await who()
            if kind == "send":
                if send.agent_id != agent.id:
                    raise Refused("Only who wrote it can send it.")
                gate.allow(agent, "answer")
                await self._confirmed(send, agent)
                return
            gate.allow(agent, "supervise")
            await take_back(self._here.database, send, agent.id, self._here.now())
        if send.state == "asked":
            await self._here.whisper(event, Shown(text=shown.told("Nothing was sent.")))

    async def _confirmed(self, send: Send, agent: Agent) -> None:
        """It waits for a second thought, then leaves by the clock; never past a deadline."""
        now = self._here.now()
        async with self._here.database.write("window.confirm") as connection:
            row = await cases.read_row(connection, send.case_id)
            assert row is not None  # noqa: S101 - cases are never deleted
            by = row["deadline"]
            leaves_at = now + self._hold if by is None else min(now + self._hold, max(now, by))
            post = await rows.put(connection, self._here.pane, "send", send.id, now=now, case_id=send.case_id)
            if not await rows.move(connection, send.id, ("asked",), "held", leaves_at=leaves_at, post_id=post):
                raise Refused(_TRUTH.get(send.state, "That was decided already."))
            await record(
                connection, action="send from window", subject=case_number(send.case_id), now=now, agent_id=agent.id
            )

    async def let_go(self) -> bool:
        """What was held for long enough; whether there was any."""
        async with self._here.database.read() as connection:
            due = await rows.leaving(connection, self._here.pane, self._here.now())
            wanted_back = await rows.second_thoughts(connection, self._here.pane) if due else set()
        due = [send for send in due if send.id not in wanted_back]
        for send in due:
            await self._leave(send)
        return bool(due)

    async def _leave(self, send: Send) -> None:
        try:
            seq = await send_reply(self._here.database, self._desk, send)
        except (HandoffError, gate.Forbidden) as refused:
            await self._not_sent(send, refused)
            return
        if seq is None:
            return
        async with self._here.database.write("window.left") as connection:
            await rows.move(connection, send.id, ("leaving",), "sent", seq=seq)
            await self._here.told(connection, send.case_id, seq, ts=f"send-{send.id}")

    async def _not_sent(self, send: Send, refused: Exception) -> None:
        async with self._here.database.write("window.refused") as connection:
            await rows.move(connection, send.id, ("held", "leaving"), "refused", why=str(refused))
        more = shown.came(refused.since, words=self._here.closed) if isinstance(refused, Stale) else ()
        post = WindowPost(key=f"x{send.id}", text=shown.told(f"Not sent: {refused}", more), thread=send.thread)
        with suppress(ChannelError):
            await self._here.window.whisper(send.person, post)


async def send_reply(database: Database, desk: Desk, send: Send) -> int | None:
    """Let words go to the customer that somebody has confirmed; the number of the message. None: they took it back.

    Raises:
        HandoffError, Forbidden: it was not sent, and why: somebody wrote since, it is in other hands, they may not.
    """
    async with database.write("window.leave") as connection:
        if not await rows.move(connection, send.id, ("held", "leaving"), "leaving"):
            return None
        agent = await agents.read_agent(connection, send.agent_id)
        after_seq = await _known_to(connection, send)
    if agent is None or not agent.active:
        raise NotHeld("Who wrote it is locked out of the desk.")
    gate.allow(agent, "answer")
    answer = await desk.reply(
        agent, case_number(send.case_id), send.body, after_seq=after_seq,
        once=Once(key=f"window-send-{send.id}", request={"act": "window-send", "send": send.id}),
    )  # fmt: skip
    return int(answer["seq"])


async def _known_to(connection: AsyncConnection, send: Send) -> int:
    """The last message that they knew of. What they themselves sent from the window meanwhile is no news to them."""
    row = await cases.read_row(connection, send.case_id)
    assert row is not None  # noqa: S101 - cases are never deleted
    own = await rows.sent_by(connection, send.case_id, send.agent_id)
    known = send.after_seq
    for message in await transcripts.read(connection, row["conversation_id"], after=send.after_seq):
        if message.direction == "in" or (message.author == "agent" and message.direction == "out"):
            if message.seq not in own:
                break
            known = message.seq
    return known


async def take_back(database: Database, send: Send, agent_id: int, now: datetime) -> None:
    """It does not leave.

    Raises:
        Refused: it has.
    """
    async with database.write("window.undo") as connection:
        if await rows.move(connection, send.id, ("asked", "held"), "undone"):
            await record(
                connection, action="undo in window", subject=case_number(send.case_id), now=now, agent_id=agent_id
            )
            return
        found = await rows.read_send(connection, send.id)
    raise Refused(_TRUTH.get(found.state if found else "", "That was decided already."))


_TRUTH: Final = {
    "asked": "It was not sent yet.",
    "held": "It is about to leave already. Press Undo under it to take it back.",
    "leaving": "It has just left.",
    "sent": "It has been sent already.",
    "undone": "It was taken back; nothing was sent. Choose the message again to send it.",
    "refused": "It was not sent. Choose the message again.",
}


def _must_hold(row: Mapping[str, Any], agent: Agent) -> None:
    number = case_number(row["id"])
    if row["status"] == "resolved":
        raise Refused(f"{number} is resolved. Reopen it at the desk first.")
    if row["assignee_id"] is None:
        raise Refused(f"{number} is nobody's yet. Press Claim on its card first.")
    if row["assignee_id"] != agent.id:
        raise HeldByOther(f"{row['assignee']} has {number}.", holder=row["assignee"])
