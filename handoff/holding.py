"""A reply that can be taken back for some seconds: until it leaves it is no message, and nothing has happened.

Pressing Send makes a row in `hold` and a due row. When that comes due, the reply is made as if it had been sent then:
its number, what it does to the case, to promises and deadlines. If it cannot be made then, because somebody has written
since, or the case is in other hands, its words are its writer's draft again, with the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff.deadlines import at_risk
from handoff.errors import HandoffError, HeldByOther, NoSuchCase, NotHeld, Stale, WrongState
from handoff.work import Action, Acts, Work, state
from store import agents, cases, drafts, dues, holds, journey
from store.agents import Agent
from store.database import Database
from store.dues import Due
from store.holds import Held
from store.words import case_number

LONGEST: Final = timedelta(seconds=30)
EARLY: Final = timedelta(seconds=3)
"""So long before a deadline a reply leaves at the latest: the clock looks once a second, and machines are busy."""
TRIES: Final = 2
"""Then a reply that fails for no reason that we know is given back."""
BESIDE: Final = frozenset({"note", "correct", "claim", "next", "ask-proof", "unlink", "take back", "tag"})
"""Acts before which a held reply need not leave."""
CLOSING: Final = frozenset({"reply", "hold", "resolve", "return", "snooze", "merge"})
"""Acts that suppose that the reply has left: if it cannot, they are refused. Others go on, and it is a draft again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What an agent says to a customer: who gets a copy, and the numbers of the files that go with it."""

    text: str
    also: Sequence[str] = ()
    files: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A reply that did not leave, for who wrote it."""

    agent_id: int
    conversation: int
    case_id: int
    words: str


Replying = Callable[[Saying, int | None], Action]
"""The act of saying something, unless something was written after a number."""
Check = Callable[[Work, Saying, int | None], Awaitable[None]]
"""Raises what that act would raise now."""
Told = Callable[[Refusal], Awaitable[None]]


async def nobody_hears(refusal: Refusal) -> None:
    """For a desk without live pages."""


class Holding:
    """`may_answer` says whether somebody may still write to customers; `told` hears of replies that did not leave."""

    def __init__(
        self,
        *,
        database: Database,
        acts: Acts,
        replying: Replying,
        check: Check,
        may_answer: Callable[[Agent], bool],
        told: Told,
    ) -> None:
        self._database = database
        self._acts = acts
        self._replying = replying
        self._check = check
        self._may_answer = may_answer
        self._told = told

    def sent(self, saying: Saying, after_seq: int | None, span: timedelta) -> Action:
        """The act of sending, with so much time to think: refused as the reply itself would be, and made later."""

        async def action(work: Work) -> dict[str, Any]:
            leaves_at = await _leaves_at(work, span) if span else work.now
            if leaves_at <= work.now:
                answer = await self._replying(saying, after_seq)(work)
                await drafts.sent(work.connection, work.agent.id, work.id, "reply", saying.text)
                return answer
            await self._check(work, saying, after_seq)
            await self._clear(work)
            id_ = await holds.put(
                work.connection, case_id=work.id, agent_id=work.agent.id, text=saying.text, also=saying.also,
                files=saying.files, after_seq=work.seq - 1, now=work.now, leaves_at=leaves_at,
            )  # fmt: skip
            await drafts.sent(work.connection, work.agent.id, work.id, "reply", saying.text)
            now = state(work.number, work.row["status"], work.row["assignee"])
            return {**now, "hold": id_, "leaves_at": leaves_at.isoformat()}

        return action

    async def take_back(self, agent: Agent, hold_id: int) -> dict[str, Any]:
        """The words again, as the agent's draft; it has not left, and does not. Asked twice it says the same.

        Raises:
            NoSuchCase: this agent holds no such reply.
            WrongState: it has left, or has come back by itself.
        """
        async with self._database.read() as connection:
            found = await holds.read(connection, hold_id)
        if found is None or found.agent_id != agent.id:
            raise NoSuchCase(f"You have no reply {hold_id} to take back.")
        held = found

        async def action(work: Work) -> dict[str, Any]:
            if await holds.end(work.connection, held.id, "taken_back", work.now):
                await _as_draft(work.connection, held, work.now)
            else:
                since = await holds.read(work.connection, held.id)
                if since is None or since.state != "taken_back":
                    raise WrongState(_TOO_LATE.get(since.state if since else "left", _TOO_LATE["left"]))
                work.idle = True
            kept = (await drafts.of(work.connection, agent.id, work.id)).get("reply")
            return {
                **state(work.number, work.row["status"], work.row["assignee"]),
                "hold": held.id,
                "text": held.text,
                "also": list(held.also),
                "files": list(held.files),
                "version": kept.version if kept is not None else 0,
            }

        return await self._acts.act("take back", agent, case_number(held.case_id), action)

    async def leave(self, due: Due) -> None:
        """The effect of a due row: the reply leaves, once, whoever else tries; or it is a draft again."""
        async with self._database.write("leave") as connection:
            held = await holds.read(connection, due.subject)
            left = held is not None and await self._leave_or_give_up(connection, held, due)
            await dues.consume(connection, due.id, self._acts.clock())
        if held is not None and left:
            await self._tell(left, held)

    async def leaves_first(
        self, connection: AsyncConnection, unit: str, agent: Agent, case_id: int, seen: int | None
    ) -> None:
        """Before an act of its writer's on the same case a held reply leaves; `seen`: what they have read by now.

        Raises:
            Stale: it cannot leave, and the act supposes that it has.
        """
        if unit in BESIDE:
            return
        held = await holds.of_case(connection, case_id)
        if held is None or held.agent_id != agent.id:
            return
        left = await self._leave(connection, held, seen=seen)
        if isinstance(left, _Stopped) and unit in CLOSING:
            since = left.error.since if isinstance(left.error, Stale) else []
            raise Stale(f"Your reply has not left: {left.why}. Read it first.", since=since)

    # --- how it ends -----------------------------------------------------------------------------

    async def _leave_or_give_up(self, connection: AsyncConnection, held: Held, due: Due) -> _Ended | None:
        if due.attempts < TRIES:
            return await self._leave(connection, held)
        return await self._refuse(connection, held, "the desk could not send it")

    async def _leave(self, connection: AsyncConnection, held: Held, *, seen: int | None = None) -> _Ended | None:
        """Make the message, in the caller's transaction; None: it has ended already."""
        brief = await journey.read_case(connection, held.case_id)
        if brief is None:
            return None
        await journey.lock(connection, [brief.conversation_id])
        now = self._acts.clock()
        if not await holds.end(connection, held.id, "left", now):
            return None
        agent = await agents.read_agent(connection, held.agent_id)
        saying = Saying(text=held.text, also=held.also, files=held.files)
        try:
            if agent is None or not agent.active or not self._may_answer(agent):
                raise _MayNot("its writer may not answer customers any more")
            action = self._replying(saying, max(held.after_seq, seen or 0))
            answer, work = await self._acts.on_case(connection, "reply", agent, held.case_id, action)
        except HandoffError as error:
            why = _why(error)
            await holds.turn_away(connection, held.id, why)
            await _as_draft(connection, held, now, notice=f"Your reply did not leave: {why}.")
            return _Stopped(conversation=brief.conversation_id, why=why, error=error)
        await holds.became(connection, held.id, int(answer["seq"]))
        return _Ended(conversation=work.conversation)

    async def _refuse(self, connection: AsyncConnection, held: Held, why: str) -> _Ended | None:
        brief = await journey.read_case(connection, held.case_id)
        if brief is None or not await holds.end(connection, held.id, "refused", self._acts.clock(), why=why):
            return None
        await _as_draft(connection, held, self._acts.clock(), notice=f"Your reply did not leave: {why}.")
        return _Stopped(conversation=brief.conversation_id, why=why, error=None)

    async def _clear(self, work: Work) -> None:
        """Make room: what a colleague had sent just before the case changed hands cannot leave any more."""
        other = await holds.of_case(work.connection, work.id)
        if other is not None:
            await self._refuse(work.connection, other, f"{work.agent.name} has this case now")

    async def _tell(self, ended: _Ended, held: Held) -> None:
        await self._acts.published(ended.conversation, held.case_id)
        if isinstance(ended, _Stopped):
            words = f"Your reply in {case_number(held.case_id)} did not leave: {ended.why}."
            await self._told(
                Refusal(agent_id=held.agent_id, conversation=ended.conversation, case_id=held.case_id, words=words)
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    conversation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stopped(_Ended):
    why: str
    error: HandoffError | None


class _MayNot(HandoffError):
    pass


_TOO_LATE: Final = {
    "left": "It has left already.",
    "refused": "It did not leave, and is your draft again.",
}


def _why(error: HandoffError) -> str:
    """The reason as the end of a sentence."""
    match error:
        case Stale():
            names = list(dict.fromkeys(str(row["author"] or "the customer") for row in error.since))
            return f"{' and '.join(names[:3])} wrote since"
        case HeldByOther():
            return f"{error.holder} has this case now"
        case NotHeld():
            return "the case went back to the queue"
        case WrongState():
            return str(error).rstrip(".")
        case _:
            return str(error).rstrip(".")


async def _as_draft(connection: AsyncConnection, held: Held, now: datetime, *, notice: str | None = None) -> None:
    """Its words before those that its writer has begun since."""
    begun = (await drafts.of(connection, held.agent_id, held.case_id)).get("reply")
    text = held.text if begun is None or begun.empty else f"{held.text}\n\n{begun.text}"
    files = list(dict.fromkeys((*held.files, *(begun.files if begun is not None else ()))))
    await drafts.put(connection, held.agent_id, held.case_id, "reply", text, now, files=files, notice=notice)


async def _leaves_at(work: Work, span: timedelta) -> datetime:
    """Never later than the deadline, or than the customer would be told that a promise is at risk."""
    latest = [work.now + min(span, LONGEST)]
    if work.row["deadline"] is not None:
        latest.append(work.row["deadline"] - EARLY)
    for promise in await cases.open_promises(work.connection, work.id):
        risk = at_risk(promise["made_at"], promise["by"])
        latest.append((risk if risk > work.now else promise["by"]) - EARLY)
    return min(latest)
