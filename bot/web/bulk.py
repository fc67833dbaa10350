"""One act on many cases at once, for supervisors: the agents' API.

Each case is a unit of work of its own, with its own line in the audit log: what cannot be done to one is no reason to
leave the others. The answer says of each what became of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from bot.intake import clean
from bot.web import gate
from bot.web.api import Key, Me, Office, Sent, There, _act, _once, _within_time, api
from handoff.errors import HandoffError, HeldByOther, NoSuchCase, NotHeld, Stale, WrongState
from handoff.work import KeyReused, Once
from store import cases
from store.agents import Agent, find_agent
from store.words import case_id

bulk = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)

AT_MOST: Final = 100
_CODES: Final[dict[type[HandoffError], str]] = {
    NoSuchCase: "not_found", HeldByOther: "held", NotHeld: "not_held", WrongState: "wrong_state",
    KeyReused: "key_reused", Stale: "stale",
}  # fmt: skip
Numbers = Annotated[list[Annotated[str, Field(min_length=1, max_length=20)]], Field(min_length=1, max_length=AT_MOST)]


class Bulk(Sent):
    act: Literal["assign", "release", "snooze", "resolve"]
    cases: Annotated[Numbers, Field(description="Their numbers, each once.")]
    to: Annotated[str | None, Field(max_length=320, description="assign: a colleague's address.")] = None
    until: Annotated[AwareDatetime, AfterValidator(_within_time)] | None = None
    outcome: Annotated[
        Literal["solved", "workaround", "guided", "no_fault", "spam"] | None,
        Field(description="resolve: what came of them, and what the customers are told."),
    ] = None

    @model_validator(mode="after")
    def _whole(self) -> Bulk:
        if len(set(self.cases)) < len(self.cases):
            raise ValueError("cases names one more than once; name each once")
        for name, act in (("to", "assign"), ("until", "snooze")):
            if (getattr(self, name) is not None) != (self.act == act):
                raise ValueError(f"{name!r} belongs to {act}, and {act} needs it")
        if self.outcome is not None and self.act != "resolve":
            raise ValueError("'outcome' belongs to resolve; leave it out")
        return self


@bulk.post("/cases/bulk", tags=["cases"])
async def many(body: Bulk, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """The same act on up to 100 cases, whoever holds them. `refused` says of which it could not be done, and why.

    With a key each case is done once, however often the request comes: those refused are tried again.
    """
    # Who may not do this is told nothing of others; what they did before they are answered by their key.
    known = body.to is not None and gate.may(agent, "supervise")
    to = await _colleague(office, str(body.to)) if known else None
    done: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for number in body.cases:
        once = _once(f"{key} {number}" if key is not None else None, f"bulk {body.act}", case=number, to=body.to,
                     until=body.until.isoformat() if body.until else None, outcome=body.outcome)  # fmt: skip
        try:
            done.append(await _act(office, agent, "supervise", once, _work(office, agent, body, number, to, once)))
        except HandoffError as error:
            code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), "refused")
            refused.append({"number": number, "code": code, "message": str(error)})
    return {"done": done, "refused": refused}


def _work(
    office: Office, agent: Agent, body: Bulk, number: str, to: Agent | None, once: Once | None
) -> Callable[[], Awaitable[dict[str, Any]]]:
    desk = office.desk

    async def hand_over() -> dict[str, Any]:
        holder = await _holder(office, number)
        if to is None and holder is None and await desk.recalled(agent, once) is None:
            raise NotHeld(f"{number} is nobody's: it waits for everybody already.")
        return await desk.assign(agent, number, to, held_by=holder, once=once)

    async def snooze() -> dict[str, Any]:
        assert body.until is not None  # noqa: S101 -- the body was checked
        return await desk.snooze(agent, number, body.until, once, over=True)

    async def resolve() -> dict[str, Any]:
        return await desk.resolve(agent, number, outcome=body.outcome, once=once, over=True)

    return {"assign": hand_over, "release": hand_over, "snooze": snooze, "resolve": resolve}[body.act]


async def _holder(office: Office, number: str) -> int | None:
    """
    Raises:
        NoSuchCase: there is no such case.
    """
    id_ = case_id(number)
    async with office.database.read() as connection:
        row = await cases.read_row(connection, id_) if id_ is not None else None
    if row is None:
        raise NoSuchCase(f"There is no case {number!r}.")
    return None if row["assignee_id"] is None else int(row["assignee_id"])


async def _colleague(office: Office, email: str) -> Agent:
    """
    Raises:
        NoSuchCase: nobody with this address may answer.
    """
    async with office.database.read() as connection:
        to = await find_agent(connection, clean(email))
    if to is None or not to.active or not gate.may(to, "answer"):
        raise NoSuchCase(f"Nobody with the address {email!r} answers customers here.")
    return to
