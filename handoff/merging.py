"""Two cases about one matter become one: nothing that was promised is lost, and nobody answers twice.

The merged case is resolved as `merged`, without a word; its conversation stays with people. What the customer writes
there reaches the case that lives on (`bot.carrying`) for as long as that one is open.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff.deadlines import FIRST_CLASS, at_risk, deadline
from handoff.errors import HeldByOther, NoSuchCase, WrongState
from handoff.opening import Rules, graver
from handoff.waking import wake
from handoff.work import Acts, Once, Work, recalled, remembered, state
from store import cases, journey, links, tags, transcripts
from store.agents import Agent
from store.database import Database
from store.journey import CaseBrief, Locked
from store.words import case_id, case_number

BEFORE: Final = "before_merge"
"""Of the flags of a merged case: how it stood, for who undoes it."""


class Merging:
    def __init__(self, database: Database, acts: Acts, rules: Rules) -> None:
        self._database = database
        self._acts = acts
        self._rules = rules

    async def merge(
        self, agent: Agent, number: str, into: str, *, supervises: bool = False, once: Once | None = None
    ) -> dict[str, Any]:
        """The case `number` becomes a part of `into`. `supervises`: also from colleagues' hands.

        Raises:
            NoSuchCase: there is no such case.
            HeldByOther: a colleague has one of them.
            WrongState: one is resolved, they are not proven to be one customer's, or only one is in public.
        """
        async with self._database.write("merge") as connection:
            if (before := await recalled(connection, agent, once, self._acts.clock())) is not None:
                return before
            gone, stays = await _brief(connection, number), await _brief(connection, into)
            if gone.id == stays.id:
                raise WrongState("These are the same case.")
            # Both, in everybody's order; and what was sent in either leaves before they are looked at.
            await journey.lock(connection, [gone.conversation_id, stays.conversation_id])
            for each in (gone, stays):
                await self._acts.before(connection, "merge", agent, each.id, None)
            locked = await journey.lock(connection, [gone.conversation_id, stays.conversation_id])
            row, brief = await cases.read_row(connection, gone.id), await journey.read_case(connection, stays.id)
            assert row is not None and brief is not None  # noqa: PT018, S101 - cases are never deleted

            async def action(work: Work) -> dict[str, Any]:
                await _may(work, row, supervises=supervises)
                await self._take_in(work, brief, row, locked[gone.conversation_id])
                return {**state(case_number(gone.id), "resolved", row["assignee"]), "into": work.number}

            answer, work = await self._acts.on_case(connection, "merge", agent, stays.id, action)
            await remembered(connection, agent, once, answer)
        for conversation, case in ((gone.conversation_id, gone.id), (work.conversation, work.id)):
            await self._acts.published(conversation, case)
        return answer

    async def unmerge(
        self, agent: Agent, number: str, *, supervises: bool = False, once: Once | None = None
    ) -> dict[str, Any]:
        """A case of its own again, as it stood, with the promises that were made in its conversation and are open.

        The other keeps the earlier deadline: nobody is made to wait longer by a mistake of ours. `supervises`: also
        from colleagues' hands.

        Raises:
            NoSuchCase: there is no such case.
            HeldByOther: a colleague has one of them.
            WrongState: it is not merged with another.
        """
        async with self._database.write("unmerge") as connection:
            if (before := await recalled(connection, agent, once, self._acts.clock())) is not None:
                return before
            gone = await _brief(connection, number)
            if gone.merged_into_id is None:
                raise WrongState(f"{number} is not merged with another.")
            stays = await journey.read_case(connection, gone.merged_into_id)
            assert stays is not None  # noqa: S101
            await journey.lock(connection, [gone.conversation_id, stays.conversation_id])

            async def action(work: Work) -> dict[str, Any]:
                if work.row["merged_into_id"] != stays.id:
                    raise WrongState(f"{work.number} is not merged with {case_number(stays.id)} any more.")
                newest = (await journey.newest_cases(connection, [work.conversation]))[work.conversation]
                if newest.id != work.id:
                    number = case_number(newest.id)
                    raise WrongState(f"{work.number} was followed by {number} in this conversation. Work on that one.")
                other = await cases.read_row(work.connection, stays.id)
                if not supervises:
                    _not_of_others(work, work.row, *([other] if other and other["status"] != "resolved" else []))
                return await self._let_go(work, stays)

            answer, work = await self._acts.on_case(connection, "unmerge", agent, gone.id, action)
            await remembered(connection, agent, once, answer)
        for conversation, case in ((stays.conversation_id, stays.id), (work.conversation, work.id)):
            await self._acts.published(conversation, case)
        return answer

    async def _take_in(self, work: Work, stays: CaseBrief, gone: dict[str, Any], locked: Locked) -> None:
        now, changes, rules = work.now, work.changes, self._rules
        stood = {
            "status": gone["status"],
            "deadline": _said(gone["deadline"]),
            "unanswered_since": _said(gone["unanswered_since"]),
            "seq": locked.first_undecided or locked.next_seq,
        }
        changes.case(
            gone["id"], status="resolved", outcome="merged", merged_into_id=work.id, resolved_at=now, deadline=None,
            unanswered_since=None, snoozed_until=None, flags={**(gone["flags"] or {}), BEFORE: stood},
        )  # fmt: skip
        changes.event(gone["id"], "merged", actor="agent", now=now, agent_id=work.agent.id, data={"into": work.number})
        changes.cancel_bot_rows.append(gone["conversation_id"])
        changes.advance(
            gone["conversation_id"], next_seq=locked.next_seq, version=locked.version + 1, owner="human",
            epoch=locked.epoch + 1,
        )  # fmt: skip
        await cases.follow(work.connection, gone["id"], work.id)
        await self._move_promises(work, gone["id"], work.id)
        await tags.take_in(work.connection, gone["id"], work.id)
        if work.owner == "bot":
            work.hand("human")  # it was only filed; with the other people own it
        sla = graver(gone["sla"], stays.sla, rules.targets)
        by = min((at for at in (stays.deadline, gone["deadline"]) if at is not None), default=None)
        since = [at for at in (stays.unanswered_since, gone["unanswered_since"]) if at is not None]
        columns: dict[str, Any] = {
            "sla": sla,
            "tier": gone["tier"] if sla != stays.sla else stays.tier,
            "urgent": stays.urgent or gone["urgent"],
            "flags": {**_shown(gone["flags"]), **stays.flags},
        }
        if by is not None and by != stays.deadline:
            columns |= {"deadline": by, "unanswered_since": min(since), "breached_at": None}
            changes.due("breach", work.id, max(by, now), now=now)
            if stays.status in ("pending", "snoozed"):
                columns |= wake(changes, stays, now, notify=rules.notify)
        changes.case(work.id, **columns)
        if rules.notify and gone["urgent"] and not stays.urgent and stays.status == "waiting":
            changes.due("notify", work.id, now, now=now, data={"why": "merged"})
        work.event("merged_in", other=case_number(gone["id"]))

    async def part(self, connection: AsyncConnection, agent: Agent, identities: Collection[int]) -> dict[int, int]:
        """Cases of whoever these are that live on in another customer's are cases of their own again.

        A link was undone: an answer to one is none to the other. All their conversations are held.

        Returns:
            The cases, by their conversations; tell `Acts.published` of them after the commit.
        """
        parted: dict[int, int] = {}
        people = [one for id_ in identities if (one := await links.known(connection, id_)) is not None]
        conversations = await links.conversations_of(connection, {one.customer_id for one in people})
        for gone in (await journey.newest_cases(connection, conversations)).values():
            stays = await journey.read_case(connection, gone.merged_into_id) if gone.merged_into_id else None
            if stays is None or gone.survivor_conversation_id is not None:
                continue

            async def action(work: Work, stays: CaseBrief = stays) -> dict[str, Any]:
                return await self._let_go(work, stays)

            await self._acts.on_case(connection, "unmerge", agent, gone.id, action)
            parted |= {gone.conversation_id: gone.id, stays.conversation_id: stays.id}
        return parted

    async def _let_go(self, work: Work, stays: CaseBrief) -> dict[str, Any]:
        flags = dict(work.row["flags"] or {})
        stood = flags.pop(BEFORE, {})
        by, since = _read(stood.get("deadline")), _read(stood.get("unanswered_since"))
        held = work.row["assignee_id"] is not None
        graver_now: dict[str, Any] = {}
        if (wrote := await _first_since(work, stood.get("seq", work.seq))) is not None:
            # It counted for the other, and so may have been grave; nobody has answered it here.
            sla = graver(work.row["sla"], stays.sla, self._rules.targets)
            if sla != work.row["sla"]:
                graver_now = {"sla": sla, "tier": stays.tier, "urgent": work.row["urgent"] or sla in FIRST_CLASS}
            at = deadline(sla, wrote, self._rules.targets, self._rules.hours)
            by, since = min(by or at, at), since or wrote
        elif by is None and not held:
            by, since = deadline(work.row["sla"], work.now, self._rules.targets, self._rules.hours), work.now
        status = ("open" if held else "waiting") if by is not None else "pending"
        if by is not None:
            work.changes.due("breach", work.id, max(by, work.now), now=work.now)
        if self._rules.notify and graver_now.get("urgent", work.row["urgent"]) and status == "waiting":
            work.changes.due("notify", work.id, work.now, now=work.now, data={"why": "unmerged"})
        work.hand("human")
        work.changes.case(
            work.id, status=status, outcome=None, merged_into_id=None, resolved_at=None, deadline=by,
            unanswered_since=since, breached_at=None, flags=flags, **graver_now,
        )  # fmt: skip
        await self._move_promises(work, stays.id, work.id, conversation=work.conversation)
        await tags.let_go(work.connection, work.id, stays.id)
        work.event("unmerged", other=case_number(stays.id))
        work.changes.event(
            stays.id, "unmerged", actor="agent", now=work.now, agent_id=work.agent.id, data={"other": work.number}
        )
        return state(work.number, status, work.row["assignee"])

    async def _move_promises(self, work: Work, of: int, to: int, *, conversation: int | None = None) -> None:
        for row in await cases.move_promises(work.connection, of, to, conversation=conversation):
            at = max(at_risk(row["made_at"], row["by"]), work.now)
            work.changes.due("promise_risk", to, at, now=work.now)


async def _may(work: Work, gone: dict[str, Any], *, supervises: bool) -> None:
    work.must_be_unresolved()
    if gone["status"] == "resolved":
        raise WrongState(f"{case_number(gone['id'])} is resolved. Reopen it first.")
    # A link by hand joins what we see, and is no proof: an answer to one must not be for the other.
    if gone["identity_id"] not in await links.by_proof(work.connection, work.row["identity_id"]):
        raise WrongState("They are not proven to be one customer's. Ask for a proof first.")
    if gone["public"] != work.row["public"]:
        raise WrongState("Others read one of the two. Answer each where it was asked.")
    if not supervises:
        _not_of_others(work, gone, work.row)


def _not_of_others(work: Work, *rows: dict[str, Any]) -> None:
    for row in rows:
        if row["assignee_id"] not in (None, work.agent.id):
            raise HeldByOther(f"{row['assignee']} has {case_number(row['id'])}.", holder=row["assignee"])


async def _first_since(work: Work, seq: int) -> datetime | None:
    """When the customer first wrote here from that number on; None: they have not."""
    rows = await transcripts.read(work.connection, work.conversation, after=seq - 1)
    return next((row.created_at for row in rows if row.direction == "in"), None)


async def _brief(connection: AsyncConnection, number: str) -> CaseBrief:
    id_ = case_id(number)
    found = await journey.read_case(connection, id_) if id_ is not None else None
    if found is None:
        raise NoSuchCase(f"There is no case {number!r}.")
    return found


def _shown(flags: dict[str, Any] | None) -> dict[str, Any]:
    """What is said of the matter; who was introduced in that conversation is of that conversation."""
    return {name: value for name, value in (flags or {}).items() if name not in ("introduced", BEFORE)}


def _said(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _read(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said)
