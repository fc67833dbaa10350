"""The agents' API. Bearer token, JSON, described at /api/docs."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from starlette.responses import Response

from bot.assigner import Assigner
from bot.gatekeeper import Gatekeeper
from bot.intake import clean
from bot.live import Live
from bot.watch import Watch
from bot.web import gate
from bot.web.who import agent_of
from channels.contract import Content, WritesFirst
from channels.web.files import served
from handoff import undelivered as lost
from handoff.context import context, described
from handoff.desk import OUTCOMES, Desk
from handoff.errors import NoSuchCase
from handoff.offering import Offering
from handoff.work import Once
from intents.catalogue import Intent
from store import cases, dues, outbox, tags, transcripts
from store.agents import Agent, find_agent, record
from store.bus import Bus
from store.database import Database
from store.words import case_id

PRESENT_FOR = 120.0
"""Seconds for which a call to the API counts as being at the desk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the API works with."""

    desk: Desk
    database: Database
    bus: Bus
    live: Live
    wake_courier: Callable[[], None]
    requeue: Callable[[int], Awaitable[str | None]]
    """Lets a channel read what is in quarantine again; why it still cannot, or None."""
    base: str
    """How the desk is reached, for links."""
    is_demo: Callable[[], bool]
    """Whether the demo company answers."""
    words: Callable[[str, str], str]
    """An article's section as words, by slug and anchor; empty: there is none."""
    nearest: Callable[[str], Awaitable[list[dict[str, Any]]]]
    """The utterances that a text is closest to, for a person who wants to see why."""
    gate: Gatekeeper
    watch: Watch
    passwords: bool = True
    """Whether people sign in with them."""
    intents: Mapping[str, Intent]
    """The catalogue by id: what a correction may name."""
    assigner: Assigner
    offering: Offering
    write_first: Mapping[tuple[str, str], WritesFirst]
    """Presences, by channel and account, from which somebody who has never written can be written to."""


def no_controls(text: str) -> str:
    if clean(text) != text.replace("\r\n", "\n"):
        raise ValueError("holds a character that cannot be shown; remove it")
    if not text.strip():
        raise ValueError("is empty; write something")
    return text


_EmptyIsNone = BeforeValidator(lambda value: value or None)
Words = Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(no_controls)]
Number = str
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]
SEQ_AT_MOST = 2**31 - 1
FileId = Annotated[int, Field(ge=1, le=2**53, strict=True)]


def _within_time(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside of all time that can be told; choose a nearer one") from None


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Reply(Sent):
    text: Words
    after_seq: Annotated[
        int | None, Field(ge=0, le=SEQ_AT_MOST, strict=True, description="The last message you have seen.")
    ] = None
    also: Annotated[
        list[Annotated[str, Field(max_length=320)]],
        Field(max_length=10, description="Who gets a copy, of the case's `also`: mail only."),
    ] = []
    files: Annotated[list[FileId], Field(max_length=50, description="What `POST …/files` has kept for it.")] = []
    hold: Annotated[
        int, Field(ge=0, le=30, strict=True, description="Seconds in which it can be taken back, where time is left.")
    ] = 0


class Note(Sent):
    text: Words
    files: Annotated[list[FileId], Field(max_length=50, description="What `POST …/files?for=note` has kept.")] = []
    mentions: Annotated[
        list[Annotated[str, Field(max_length=320)]],
        Field(max_length=20, description="Addresses of who is called by it."),
    ] = []
    teams: Annotated[
        list[Annotated[int, Field(ge=1, le=2**53)]], Field(max_length=20, description="Teams of whom all are called.")
    ] = []


class Resolve(Sent):
    outcome: Annotated[
        Literal["solved", "workaround", "guided", "no_fault", "spam"] | None,
        Field(description="What came of it, and what the customer is told; without one only that it is closed."),
    ] = None


class Assign(Sent):
    to: Annotated[
        str | None, Field(max_length=320, description="A colleague's address; null gives it back to the queue.")
    ] = None


class Snooze(Sent):
    until: Annotated[AwareDatetime, AfterValidator(_within_time)]


class Correct(Sent):
    tier: Literal["outage", "billing", "problem", "howto", "feedback", "person", "unknown"] | None = None
    intent: Annotated[
        Annotated[str, Field(max_length=60), AfterValidator(no_controls)] | None,
        Field(description="As the catalogue names it; its tier goes with it."),
    ] = None
    language: Annotated[
        Annotated[str, Field(max_length=16, pattern=r"^([a-z]{2,3}(-[A-Za-z]{2,8})?)?$")] | None,
        Field(description="Like `de`; empty: the one in which we answer."),
    ] = None
    security: Annotated[bool | None, Field(strict=True, description="Whether somebody's safety is at stake.")] = None

    @model_validator(mode="after")
    def _says_something(self) -> Correct:
        if not self.model_dump(exclude_none=True):
            raise ValueError("says nothing; send a tier, an intent, a language or security")
        return self


assert set(OUTCOMES) == {"solved", "workaround", "guided", "no_fault", "spam"}  # noqa: S101 - the same words twice


def _office(request: Request) -> Office:
    office: Office = request.app.state.office
    return office


async def _agent(request: Request, office: Annotated[Office, Depends(_office)]) -> Agent:
    agent = await agent_of(request, office.database)
    gate.allow(agent, "read")
    if gate.may(agent, "answer") and not agent.away:
        await office.bus.present(f"agent:{agent.id}", seconds=PRESENT_FOR)
    return agent


Me = Annotated[Agent, Depends(_agent)]
There = Annotated[Office, Depends(_office)]


class Fault(BaseModel):
    code: str
    message: str


class Refusal(BaseModel):
    """What every refusal looks like; some say more: `holder`, `since`, `fields`."""

    error: Fault


api = APIRouter(
    prefix="/api/v1",
    dependencies=[Depends(HTTPBearer(auto_error=False, description="Yours: `warmline agents add --token`."))],
    responses={
        200: {"description": "done"},
        400: {"model": Refusal, "description": "not JSON, or a cursor that is none of ours"},
        401: {"model": Refusal, "description": "no token, or not a valid one"},
        403: {"model": Refusal, "description": "your role does not include this"},
        404: {"model": Refusal, "description": "there is no such thing"},
        409: {"model": Refusal, "description": "it is in other hands, or in another state"},
        422: {"model": Refusal, "description": "some fields are wrong"},
    },
)


def _once(key: str | None, act: str, **request: Any) -> Once | None:
    return None if key is None else Once(key=clean(key), request={"act": act, **request})


async def _act(
    office: Office, agent: Agent, act: gate.Act, once: Once | None, work: Callable[[], Awaitable[dict[str, Any]]]
) -> dict[str, Any]:
    """Do it if the agent may. What was done before is answered as it was then, whatever they may do since."""
    try:
        gate.allow(agent, act)
        return await work()
    except (gate.Forbidden, NoSuchCase):
        known = await office.desk.recalled(agent, once)
        if known is None:
            raise
        return known


@api.get("/me", tags=["people"])
async def me(agent: Me) -> dict[str, Any]:
    """Who you are here."""
    return {"email": agent.email, "name": agent.name, "role": agent.role}


once_of, acted = _once, _act
"""For the other parts of the API."""

# --- cases -----------------------------------------------------------------------------------


@api.get("/cases", tags=["cases"])
async def list_cases(
    agent: Me,
    office: There,
    status: Annotated[Literal["waiting", "open", "pending", "snoozed", "resolved"] | None, _EmptyIsNone] = None,
    tier: Annotated[
        Literal["outage", "billing", "problem", "howto", "feedback", "person", "unknown"] | None, _EmptyIsNone
    ] = None,
    assignee: Annotated[str | None, Query(description="an address, `me`, or `none`", max_length=320)] = None,
    q: Annotated[str | None, Query(description="a number, an address, or how a name begins", max_length=200)] = None,
    cursor: Annotated[str | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = cases.PAGE,
) -> dict[str, Any]:
    """Cases in the order of the queue: the first class before the second, by deadline; resolved ones last."""
    async with office.database.read() as connection:
        who: int | None = None
        if assignee == "me":
            who = agent.id
        elif assignee not in (None, "", "none"):
            found = await find_agent(connection, clean(str(assignee)))
            who = found.id if found else -1
        wanted = cases.Filter(
            status=status, tier=tier, assignee=who, unassigned=assignee == "none", words=clean(q) if q else None
        )
        rows = await cases.list_page(connection, wanted, after=_after(cursor or None), limit=limit + 1)
        page = rows[:limit]
        tagged = await tags.of(connection, [row["id"] for row in page])
    return {
        "cases": [_row(row, tagged.get(row["id"], [])) for row in page],
        "next": _cursor(page[-1]) if len(rows) > limit else None,
    }


def _row(row: dict[str, Any], tags: list[str]) -> dict[str, Any]:
    return {
        "number": row["number"],
        "tier": row["tier"],
        "status": row["status"],
        "urgent": row["urgent"],
        "assignee": row["assignee"],
        "deadline": row["deadline"],
        "late": row["breached_at"] is not None,
        "channel": row["channel"],
        "customer": row["customer_name"],
        "preview": row["preview"],
        "opened_at": row["opened_at"],
        "reopened": row["reopened"],
        "conversation": row["conversation_id"],
        "flags": row["flags"],
        "tags": tags,
    }


def _cursor(row: dict[str, Any]) -> str:
    return _folded([row["status"] == "resolved", row["urgent"], row["sort_at"].timestamp(), row["id"]])


def _folded(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _unfolded(cursor: str) -> list[Any]:
    place: list[Any] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return place


class BadCursor(Exception):
    """A cursor that we did not give out."""

    def __init__(self) -> None:
        super().__init__("This cursor is not one of ours. Start again without one.")


def _after(cursor: str | None) -> cases.Place | None:
    if cursor is None:
        return None
    try:
        resolved, urgent, at, id_ = _unfolded(cursor)
        if not 0 <= int(id_) < 2**63:
            raise ValueError(id_)
        return cases.Place(
            resolved=bool(resolved), urgent=bool(urgent), at=datetime.fromtimestamp(float(at), UTC), id=int(id_)
        )
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise BadCursor from error


@api.get("/cases/{number}", tags=["cases"])
async def one_case(number: Number, agent: Me, office: There) -> dict[str, Any]:
    """A case with its whole context: why it is here, what was tried, promises, the customer, the transcript."""
    async with office.database.read() as connection:
        found = await context(connection, number, reach=office.desk.reach)
    if found["verdict"] is not None:
        found["verdict"]["nearest"] = await office.nearest(found["verdict"]["deciding_sentence"])
    return found


@api.post("/cases/next", tags=["cases"])
async def take_next(agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Claim the case that is most due; the server picks. `{"number": null}`: nobody waits."""
    once = _once(key, "next")

    async def work() -> dict[str, Any]:
        taken = await office.desk.take_next(agent, once)
        return taken or {"number": None, "status": None, "assignee": None}

    return await _act(office, agent, "answer", once, work)


@api.post("/cases/{number}/claim", tags=["cases"])
async def claim(number: Number, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Take it. 409 says who was faster."""
    once = _once(key, "claim", case=number)
    return await _act(office, agent, "answer", once, lambda: office.desk.claim(agent, number, once))


@api.post("/cases/{number}/reply", tags=["cases"])
async def reply(number: Number, body: Reply, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Write to the customer. 409: not yours, or (with `after_seq`) something came since; `since` shows it.

    Where customers read with us, `reach` says whether this one is here, and where the reply goes if not.
    With `hold` it waits: the answer has no `seq`, but `leaves_at` and `hold`, a number for `POST /holds/{hold}/undo`.
    It leaves at once where no time is left before a deadline or a promise; then the answer is as without.
    """
    once = _once(key, "reply", case=number, text=body.text, after=body.after_seq,
                 **({"also": body.also} if body.also else {}),
                 **({"files": body.files} if body.files else {}),
                 **({"hold": body.hold} if body.hold else {}))  # fmt: skip

    def work() -> Awaitable[dict[str, Any]]:
        return office.desk.reply(agent, number, body.text, also=body.also, files=body.files, after_seq=body.after_seq,
                                 hold=timedelta(seconds=body.hold), once=once)  # fmt: skip

    return await _act(office, agent, "answer", once, work)


@api.post("/cases/{number}/note", tags=["cases"])
async def note(number: Number, body: Note, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Write to colleagues, and call some by name. It never reaches the customer."""
    mentions = [clean(each) for each in body.mentions]
    called = {"mentions": mentions, "teams": body.teams} if mentions or body.teams else {}
    once = _once(key, "note", case=number, text=body.text, **called, **({"files": body.files} if body.files else {}))

    def work() -> Awaitable[dict[str, Any]]:
        return office.desk.note(
            agent, number, body.text, files=body.files, mentions=mentions, teams=body.teams, once=once
        )

    done = await _act(office, agent, "note", once, work)
    if whom := done.get("mentioned"):
        await office.live.signal("mention", conversation=0, case=done["number"], name=agent.name, whom=whom)
    return done


@api.post("/cases/{number}/release", tags=["cases"])
async def release(number: Number, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Give it back to the queue."""
    once = _once(key, "release", case=number)
    return await _act(office, agent, "answer", once, lambda: office.desk.release(agent, number, once))


@api.post("/cases/{number}/return", tags=["cases"])
async def return_to_bot(number: Number, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Let the machine take over again, from the next message on."""
    once = _once(key, "return", case=number)
    return await _act(office, agent, "answer", once, lambda: office.desk.return_to_bot(agent, number, once))


@api.post("/cases/{number}/resolve", tags=["cases"])
async def resolve(
    number: Number, agent: Me, office: There, body: Resolve | None = None, key: Key = None
) -> dict[str, Any]:
    """Done. The customer is told, and asked how it was."""
    outcome = (body or Resolve()).outcome
    once = _once(key, "resolve", case=number, outcome=outcome)
    return await _act(
        office, agent, "answer", once, lambda: office.desk.resolve(agent, number, outcome=outcome, once=once)
    )


@api.post("/cases/{number}/reopen", tags=["cases"])
async def reopen(number: Number, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Take a resolved case up again."""
    once = _once(key, "reopen", case=number)
    return await _act(office, agent, "answer", once, lambda: office.desk.reopen(agent, number, once))


@api.post("/cases/{number}/assign", tags=["cases"])
async def assign(number: Number, body: Assign, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Give it to a colleague. From somebody else's hands: supervisors only."""
    once = _once(key, "assign", case=number, to=body.to)

    async def work() -> dict[str, Any]:
        to: Agent | None = None
        async with office.database.read() as connection:
            id_ = case_id(number)
            row = await cases.read_row(connection, id_) if id_ is not None else None
            if row is None:
                raise NoSuchCase(f"There is no case {number!r}.")
            if body.to is not None:
                to = await find_agent(connection, clean(body.to))
                if to is None or not to.active or not gate.may(to, "answer"):
                    raise NoSuchCase(f"Nobody with the address {body.to!r} answers customers here.")
        if row["assignee_id"] not in (None, agent.id):
            gate.allow(agent, "supervise")
        return await office.desk.assign(agent, number, to, held_by=row["assignee_id"], once=once)

    return await _act(office, agent, "assign", once, work)


@api.post("/cases/{number}/snooze", tags=["cases"])
async def snooze(number: Number, body: Snooze, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Let it sleep until then; the customer's next word wakes it."""
    once = _once(key, "snooze", case=number, until=body.until.isoformat())
    return await _act(office, agent, "answer", once, lambda: office.desk.snooze(agent, number, body.until, once))


@api.post("/cases/{number}/correct", tags=["cases"])
async def correct(number: Number, body: Correct, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Say what this really is: the case moves to its class, and a tier or an intent is an example to learn from."""
    said = {**body.model_dump(exclude_none=True), "tier": _tier_of(body, office.intents)}
    once = _once(key, "correct", case=number, tier=body.tier, intent=body.intent, language=body.language,
                 security=body.security)  # fmt: skip

    def work() -> Awaitable[dict[str, Any]]:
        return office.desk.correct(agent, number, **said, once=once)

    done = await _act(office, agent, "answer", once, work)
    await office.gate.tell()  # the machine may have acted alone on it
    return done


def _tier_of(body: Correct, intents: Mapping[str, Intent]) -> str | None:
    """The tier that a correction means.

    Raises:
        RequestValidationError: the catalogue has no such intent, or has it in another tier.
    """
    if body.intent is None:
        return body.tier
    known = intents.get(body.intent)
    if known is None:
        wrong = "is no intent of the catalogue; choose one that the card lists"
    elif body.tier not in (None, known.tier):
        wrong = f"is of the tier {known.tier}; send that tier, or none"
    else:
        return known.tier
    fault = {"type": "value_error", "loc": ("body", "intent"), "msg": wrong, "ctx": {"error": wrong}}
    raise RequestValidationError([{**fault, "input": body.intent}])


@api.post("/cases/{number}/ask-proof", tags=["cases"])
async def ask_proof(number: Number, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Show the customer a code that they write to us on another channel: then both are known to be theirs.

    The code is for the customer: no answer of this API holds it. 409: not yours, others read that place, or they have
    had several codes within the hour.
    """
    once = _once(key, "ask-proof", case=number)
    return await _act(office, agent, "link", once, lambda: office.desk.ask_proof(agent, number, once))


@api.post("/cases/{number}/links/{link}/undo", tags=["cases"])
async def undo_link(
    number: Number, link: Annotated[int, Field(ge=1, le=2**53)], agent: Me, office: There, key: Key = None
) -> dict[str, Any]:
    """Take apart what a link of this customer's has joined: each identity has again what was written by it."""
    once = _once(key, "unlink", case=number, link=link)
    return await _act(office, agent, "link", once, lambda: office.desk.unlink(agent, number, link, once))


# --- conversations ---------------------------------------------------------------------------


@api.get("/conversations/{conversation}/messages", tags=["conversations"])
async def messages(
    conversation: Annotated[int, Field(ge=1, le=2**53)],
    agent: Me,
    office: There,
    after: Annotated[int, Query(ge=0, le=SEQ_AT_MOST)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> dict[str, Any]:
    """Messages by number; each that came in has its one end, once it is decided."""
    async with office.database.read() as connection:
        if not await transcripts.exists(connection, conversation):
            raise NoSuchCase(f"There is no conversation {conversation}.")
        rows = await described(connection, conversation, after=after, limit=limit)
    return {"messages": rows, "next": rows[-1]["seq"] if len(rows) == limit else None}


@api.get("/files/{file}", tags=["conversations"], response_class=Response)
async def one_file(file: Annotated[int, Field(ge=1, le=2**53)], agent: Me, office: There) -> Response:
    """What came with a message. A picture may be shown; everything else is saved."""
    async with office.database.read() as connection:
        row = await transcripts.any_file(connection, file)
    if row is None or row["content"] is None:
        raise NoSuchCase(f"There is no file {file}, or it was not kept.")
    return served(Content(name=row["name"], media_type=row["media_type"], data=row["content"]))


@api.post("/conversations/{conversation}/takeover", tags=["conversations"])
async def take_over(
    conversation: Annotated[int, Field(ge=1, le=2**53)], agent: Me, office: There, key: Key = None
) -> dict[str, Any]:
    """Step into a conversation that the machine holds."""
    once = _once(key, "takeover", conversation=conversation)
    return await _act(office, agent, "answer", once, lambda: office.desk.take_over(agent, conversation, once))


# --- the state of the house ------------------------------------------------------------------


@api.get("/stats", tags=["house"])
async def stats(agent: Me, office: There) -> dict[str, Any]:
    """How much waits, is late, is on its way, is stuck."""
    async with office.database.read() as connection:
        found = await cases.stats(connection, datetime.now(UTC))
    here = await office.bus.who_is_present()
    return {**found, "on_duty": sum(who.startswith("agent:") for who in here)}


@api.get("/undelivered", tags=["house"])
async def undelivered(
    agent: Me,
    office: There,
    cursor: Annotated[str | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> dict[str, Any]:
    """Messages that failed, were parked, or may not have arrived; and due rows that were given up. Newest first."""
    after_message, after_due = _after_both(cursor or None)
    async with office.database.read() as connection:
        messages = await outbox.undelivered(connection, before=after_message, limit=limit + 1)
        given_up = await dues.dead(connection, before=after_due, limit=limit + 1)
    ends = [rows[limit - 1]["id"] if len(rows) > limit else 0 for rows in (messages, given_up)]
    return {"messages": messages[:limit], "dues": given_up[:limit], "next": _folded(ends) if any(ends) else None}


def _after_both(cursor: str | None) -> tuple[int | None, int | None]:
    """The last id of either list; 0 where there is no more, for no id is less."""
    if cursor is None:
        return None, None
    try:
        message, due = _unfolded(cursor)
        if not (0 <= message < 2**63 and 0 <= due < 2**63):
            raise ValueError(cursor)
        return int(message), int(due)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadCursor from error


@api.post("/undelivered/{message}/send-again", tags=["house"])
async def send_again(message: Annotated[int, Field(ge=1, le=2**53)], agent: Me, office: There) -> dict[str, Any]:
    """Try one more time. If it is `unknown`, the customer may read it twice."""
    gate.allow(agent, "answer")
    now = datetime.now(UTC)
    async with office.database.write("send-again") as connection:
        done = await lost.send_again(connection, message, now)
        if not done:
            raise NoSuchCase(f"Message {message} is not among the undelivered.")
        await record(connection, action="send again", subject=f"message {message}", now=now, agent_id=agent.id)
    office.wake_courier()
    return {"message": message, "status": "queued"}


@api.post("/dues/{due}/run-again", tags=["house"])
async def run_again(due: Annotated[int, Field(ge=1, le=2**53)], agent: Me, office: There) -> dict[str, Any]:
    """Let a due row that was given up come due again."""
    gate.allow(agent, "repair")
    now = datetime.now(UTC)
    async with office.database.write("run-again") as connection:
        if not await dues.revive(connection, due, now):
            raise NoSuchCase(f"Due row {due} is not among the dead.")
        await record(connection, action="run again", subject=f"due {due}", now=now, agent_id=agent.id)
    return {"due": due, "status": "waiting"}
