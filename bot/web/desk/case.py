"""One case: its head, the conversation, the card beside it, and where its answer is written."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web import gate
from bot.web.desk import person, transcript, unsent, writing
from bot.web.desk.due import Due, due_of
from bot.web.desk.frame import Frame
from bot.web.desk.rows import LANGUAGES, nth
from bot.web.desk.transcript import CHANNELS, OUTCOME_NAMES, PAGE, TIER_NAMES, Scene
from handoff import story, texts
from handoff.context import context, described
from handoff.errors import NoSuchCase
from store import agents, articles, belonging, cases
from store.agents import Agent
from store.story import Moment
from store.words import case_id

NEAREST_WITHIN: Final = 0.04
"""Seconds that a page waits for the nearest utterances; a later look has them."""
NEAREST_KEPT: Final = 500
SEQ_AT_MOST: Final = 2**31 - 1
STEPS: Final = 200
BARS: Final = 3
MORNING: Final = 9
STORY: Final = "warmline_story"
"""The cookie that remembers whether the log shows all of a person's conversations."""
HOUR: Final = timedelta(hours=1)

Standing = Literal["unclaimed", "mine", "theirs", "resolved"]


def routes(frame: Frame) -> list[Route]:
    page = CasePage(frame)
    return [
        Route("/desk/cases/{number}", frame.page(page.show), methods=["GET"]),
        Route("/desk/cases/{number}/log", frame.part(page.log), methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """How somebody stands to a case: what they may do with it, and if not, why not."""

    standing: Standing
    may_answer: bool
    may_take: bool
    """From a colleague's hands."""
    refused: str = ""
    """Why no reply can be written here now; empty: it can."""


class CasePage:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._nearest = _Nearest(frame)

    async def show(self, request: Request, agent: Agent) -> Response:
        """The whole page; 404 within the frame where there is no such case."""
        number = request.path_params["number"]
        around = await self._frame.around(agent)  # first: its mark says up to where this page knows all
        everything = request.cookies.get(STORY) == "everything"
        try:
            values = await self._values(agent, number, everything=everything)
        except NoSuchCase:
            return self._frame.pages.page(request, "desk/case-missing.html", status=404, number=number[:40], **around)
        return self._frame.pages.page(request, "desk/case.html", **{**around, **values})

    async def log(self, request: Request, agent: Agent) -> Response:
        """`before=SEQ`: older messages. `after=SEQ`: what is newer, with head, card and the composer's state.

        With `all` also what the person's other conversations hold: `before` and `floor`, from where on the page has it
        all, are places in time then (`handoff.story.cursor`). With `newest` the log begins anew.
        """
        number, query = request.path_params["number"], request.query_params
        everything = "all" in query
        before, after = (_number(query.get(name)) for name in ("before", "after"))
        try:
            if "newest" in query:
                values = await self._values(agent, number, everything=everything)
                return self._frame.pages.page(request, "desk/case-log.html", **values)
            if everything and (moment := story.place(query.get("before"))) is not None:
                values = await self._older_of_all(agent, number, moment)
                return self._frame.pages.page(request, "desk/log.html", **values)
            if before is not None:
                values = await self._older(agent, number, before)
                return self._frame.pages.page(request, "desk/log.html", **values)
            floor = story.place(query.get("floor"))
            values = await self._values(agent, number, after=after or 0, everything=everything, floor=floor)
        except NoSuchCase as error:
            return self._frame.pages.page(request, "desk/case-gone.html", status=404, words=str(error))
        return self._frame.pages.page(request, "desk/case-news.html", **values)

    # --- what the templates name -----------------------------------------------------------------

    async def _values(
        self,
        agent: Agent,
        number: str,
        *,
        after: int | None = None,
        everything: bool = False,
        floor: Moment | None = None,
    ) -> dict[str, Any]:
        now = datetime.now(UTC)
        async with self._frame.database.read() as connection:
            found = await context(connection, number, reach=self._frame.desk.reach)
            steps = await self._steps(connection, number)
            slugs = [section[0] for tried in found["tried"] for section in tried["sections"]]
            titles = await articles.titles(connection, slugs)
            people = await agents.list_agents(connection)
            tools = await writing.tools(connection, self._frame, agent, found)
            begun = await unsent.of(connection, agent, found)
            teams = await belonging.teams(connection)
            told = await self._told(connection, found, after, floor) if everything else None
        shown, since = _shown(found["transcript"], after)
        earlier: int | str | None = shown[0]["seq"] if after is None and since is not None else None
        if told is not None and after is None:
            shown, earlier = told.here, story.cursor(told.before)
            since = told.before[0] if told.before is not None else None
        scene = self._scene(found, steps, agent)
        stand = stand_of(found, agent)
        verdict = scene.verdict
        nearest = await self._nearest.of(scene.deciding) if scene.deciding else []
        here = await self._frame.bus.who_is_present()
        return {
            "case": found,
            "agent": agent,
            "now": now,
            "stand": stand,
            "customer_name": scene.customer,
            "first_name": first_name(scene.customer),
            "channel_name": CHANNELS.get(found["channel"], found["channel"]),
            "channel_words": _CHANNEL_WORDS.get(
                found["channel"], f"on {CHANNELS.get(found['channel'], found['channel'])}"
            ),
            "items": transcript.items(shown, scene, since=since, also=_also(told, scene)),
            "earlier": earlier,
            "everything": everything,
            "also": list(told.talks) if told is not None else [one["id"] for one in found["customer"]["conversations"]],
            "nav": found["number"],
            "last_seq": found["conversation"]["last_seq"],
            "due": due_of(_timed(found), now),
            "due_words": self._due_words(found, scene, now),
            "resolutions": _resolutions(agent, public=bool(found["conversation"]["public"])),
            "colleagues": _colleagues(people, found, agent, here),
            "teams": teams,
            "mentionable": [each for each in people if each.active and each.id != agent.id],
            "snoozes": self._snoozes(found["deadline"], now),
            "reach": (found["reach"] or {}).get("sentence") if found["status"] != "resolved" else None,
            "verdict": verdict,
            "bars": _bars(verdict),
            "nearest": nearest,
            "titles": titles,
            "promises": [(promise, _promise_due(promise, now)) for promise in found["promises"]],
            "times": found["customer"]["times"],
            "nth": nth,
            "note": found["customer"]["note"],
            "marks": found["customer"]["satisfaction"],
            "intent": _intent(found, verdict),
            "intents": self._intents(),
            "languages": LANGUAGES,
            "verified": _verified(found["customer"]),
            "identities": person.known(
                found["customer"]["identities"],
                first_name(scene.customer),
                lambda at: self._frame.clock_time(at, now),
            ),
            "elsewhere": person.with_the_bot_alone(found["customer"]["conversations"]),
            "proof_refused": _proof_refused(found, stand),
            "history": [transcript.story(event, scene) for event in found["events"]][::-1],
            "tier_names": TIER_NAMES,
            "channel_names": CHANNELS,
            "outcome_names": OUTCOME_NAMES,
            "flags": _flags(found["flags"], scene.customer),
            "size": transcript.size,
            "plain_name": transcript.plain_name,
            "clock": scene.clock,
            **tools,
            **begun,
        }

    async def _told(
        self, connection: AsyncConnection, found: Mapping[str, Any], after: int | None, floor: Moment | None
    ) -> story.Page:
        """What else the person wrote and read: the newest page of all, or what is new elsewhere."""
        customer, conversation = found["customer"]["id"], found["conversation"]["id"]
        if after is not None:
            return await story.since(connection, customer, conversation, floor)
        return await story.newest(connection, customer, conversation, found["transcript"])

    async def _older_of_all(self, agent: Agent, number: str, before: Moment) -> dict[str, Any]:
        async with self._frame.database.read() as connection:
            found = await context(connection, number)
            steps = await self._steps(connection, number)
            conversation = found["conversation"]["id"]
            told = await story.older(connection, found["customer"]["id"], conversation, before)
            last = told.here[-1]["seq"] if told.here else None
            following = await described(connection, conversation, after=last, limit=1) if last is not None else []
        scene = self._scene(found, steps, agent)
        since = told.before[0] if told.before is not None else None
        return {
            "items": transcript.items(
                told.here, scene, following=following, since=since, until=before[0], also=_also(told, scene)
            ),
            "earlier": story.cursor(told.before),
            "channel_name": CHANNELS.get(found["channel"], found["channel"]),
            "channel": found["channel"],
            "clock": scene.clock,
            "size": transcript.size,
            "may_answer": stand_of(found, agent).may_answer,
        }

    async def _older(self, agent: Agent, number: str, before: int) -> dict[str, Any]:
        async with self._frame.database.read() as connection:
            found = await context(connection, number)
            steps = await self._steps(connection, number)
            conversation = found["conversation"]["id"]
            before = min(before, found["conversation"]["last_seq"] + 1)
            rows = await described(connection, conversation, after=max(before - PAGE - 1, 0), limit=PAGE + 1)
        shown = [row for row in rows if row["seq"] < before]
        following = [row for row in rows if row["seq"] >= before]
        whole = not shown or shown[0]["seq"] <= 1
        scene = self._scene(found, steps, agent)
        until = following[0]["at"] if following else None
        since = None if whole else shown[0]["at"]
        return {
            "items": transcript.items(shown, scene, following=following, since=since, until=until),
            "earlier": None if whole else shown[0]["seq"],
            "channel_name": CHANNELS.get(found["channel"], found["channel"]),
            "channel": found["channel"],
            "clock": scene.clock,
            "size": transcript.size,
            "may_answer": gate.may(agent, "answer"),
        }

    async def _steps(self, connection: AsyncConnection, number: str) -> list[dict[str, Any]]:
        """What happened to the case, without what the messages say themselves."""
        return await cases.events(connection, case_id(number) or 0, limit=STEPS, but=transcript.SAID_BY_MESSAGES)

    def _scene(self, found: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], agent: Agent) -> Scene:
        files: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
        for file in found["attachments"]:
            files[file["seq"]].append(file)
        conversation, verdict = found["conversation"], ground(found)
        return Scene(
            zone=self._frame.zone,
            me=agent.id,
            channel=found["channel"],
            customer=customer_name(found["customer"]),
            verdict=verdict,
            opened_seq=conversation["opened_seq"],
            seen_seq=conversation["seen_seq"],
            seen_at=conversation["seen_at"],
            events=steps,
            files=files,
        )

    def _due_words(self, found: Mapping[str, Any], scene: Scene, now: datetime) -> str:
        """What stands beside the ring; a time always says until when."""
        said = self._frame.clock_time
        match found["status"]:
            case "resolved":
                return f"Resolved {said(found['resolved_at'], now)}" if found["resolved_at"] else "Resolved"
            case "snoozed":
                return f"Snoozed until {said(found['snoozed_until'], now)}" if found["snoozed_until"] else "Snoozed"
            case _ if found["deadline"] is None:
                return f"Waiting on {first_name(scene.customer)}"
            case _:
                promised = any(promise["state"] == "open" for promise in found["promises"])
                return f"{'Promised' if promised else 'Answer'} by {said(found['deadline'], now)}"

    def _intents(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """(tier, [(id, name) of each of its intents])."""
        of: dict[str, list[tuple[str, str]]] = {tier: [] for tier in TIER_NAMES}
        for intent in self._frame.office.intents.values():
            of.setdefault(intent.tier, []).append((intent.id, intent.name))
        return [(tier, sorted(some, key=lambda one: one[1].casefold())) for tier, some in of.items() if some]

    def _snoozes(self, deadline: datetime | None, now: datetime) -> list[tuple[str, datetime | None]]:
        """(what it is called, when it is; None: an hour after it is pressed), without what the answer comes before."""
        day = (now.astimezone(self._frame.zone) + timedelta(days=1)).date()
        tomorrow = datetime(day.year, day.month, day.day, MORNING, tzinfo=self._frame.zone)
        found = [("In 1 hour", now + HOUR, None), (f"Tomorrow {tomorrow:%H:%M}", tomorrow, tomorrow)]
        return [(name, at) for name, until, at in found if deadline is None or until <= deadline]


# --- values, made of values ------------------------------------------------------------------------


def _shown(rows: Sequence[Mapping[str, Any]], after: int | None) -> tuple[Sequence[Mapping[str, Any]], datetime | None]:
    """(the newest page of messages or those after one, since when events belong to them; None: from the beginning)."""
    if after is not None:
        before = [row for row in rows if row["seq"] <= after]
        return rows[len(before) :], before[-1]["at"] if before else None
    shown = rows[-PAGE:]
    return shown, shown[0]["at"] if shown and shown[0]["seq"] > 1 else None


def _also(told: story.Page | None, scene: Scene) -> list[transcript.Item]:
    """What was said in the person's other conversations, as items."""
    if told is None:
        return []
    said: list[transcript.Item] = [*transcript.elsewhere(told.elsewhere, told.talks, told.files, scene)]
    return [transcript.left_out(told.left_out), *said] if told.left_out is not None else said


def stand_of(found: Mapping[str, Any], agent: Agent) -> Stand:
    """What this person may do with this case now."""
    may_answer = gate.may(agent, "answer")
    holder = found["assignee"]
    mine = holder is not None and found["assignee_email"] == agent.email
    standing: Standing = "mine" if mine else "theirs" if holder is not None else "unclaimed"
    if found["status"] == "resolved":
        standing = "resolved"
    refused = {
        "unclaimed": "Nobody has this case yet. Claim it to reply.",
        "theirs": f"{holder} has this case. A note reaches the team.",
        "resolved": "This case is resolved. Reopen it to reply.",
        "mine": "",
    }[standing]
    if standing == "resolved" and found["merged_into"]:
        refused = f"This case is merged into {found['merged_into']}. Reply there."
    if not may_answer:
        refused = f"You are {agent.role} here; to answer customers one must be agent. A note reaches the team."
    may_take = standing == "theirs" and gate.may(agent, "supervise")
    return Stand(standing=standing, may_answer=may_answer, may_take=may_take, refused=refused)


def ground(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The verdict for which the case is in its tier: the one it was opened with, unless a later message was graver."""
    first = found["verdict"]
    if first is not None and first["tier"] == found["tier"]:
        return dict(first)
    same = [row for row in found["verdicts"] if row["tier"] == found["tier"]]
    if not same:
        return dict(first) if first is not None else None
    return {**(same[-1]["evidence"] or {}), "tier": same[-1]["tier"], "intent": same[-1]["intent"]}


def customer_name(customer: Mapping[str, Any]) -> str:
    return transcript.called(customer["name"], customer["email"])


def first_name(name: str) -> str:
    """How a person is called in `Send to Ana`."""
    first = name.split("@")[0] if "@" in name else name if name == "The customer" else (name.split() or [""])[0]
    first = "the customer" if first == "The customer" else first
    return first if len(first) <= _FIRST_NAME else f"{first[: _FIRST_NAME - 1]}…"


_FIRST_NAME: Final = 20
_CHANNEL_WORDS: Final = {"web": "in web chat", "email": "by mail"}


def _timed(found: Mapping[str, Any]) -> dict[str, Any]:
    return {key: found[key] for key in ("status", "deadline", "unanswered_since", "opened_at")}


def _promise_due(promise: Mapping[str, Any], now: datetime) -> Due:
    return due_of({"status": "open", "deadline": promise["by"], "unanswered_since": promise["made_at"]}, now)


def _resolutions(agent: Agent, *, public: bool) -> list[tuple[str, str, str]]:
    """(outcome, its name, what the customer will read of it)."""
    return [
        (
            outcome,
            OUTCOME_NAMES[outcome],
            "Nothing is sent."
            if outcome == "spam"
            else f"\u201c{texts.resolved(words, agent.name, public=public).partition(_AFTERWARDS)[0]}\u201d",
        )
        for outcome, words in texts.OUTCOMES.items()
    ]


_AFTERWARDS: Final = " Anything else?"


def _colleagues(
    people: Sequence[Agent], found: Mapping[str, Any], agent: Agent, here: set[str]
) -> list[tuple[Agent, bool]]:
    """(who may answer customers here and does not hold this case, at the desk now), those at the desk first."""
    answering = [
        (person, f"agent:{person.id}" in here)
        for person in people
        if person.active
        and gate.may(person, "answer")
        and person.email != found["assignee_email"]
        and person.id != agent.id
    ]
    return sorted(answering, key=lambda entry: (not entry[1], entry[0].name.casefold()))


def _bars(verdict: Mapping[str, Any] | None) -> list[tuple[str, int]]:
    """The likeliest tiers, in percent."""
    tiers: Mapping[str, float] = (verdict or {}).get("tiers") or {}
    ranked = sorted(tiers.items(), key=lambda entry: -entry[1])[:BARS]
    return [(tier, round(100 * share)) for tier, share in ranked if share >= 0.01 or tier == ranked[0][0]]


def _intent(found: Mapping[str, Any], verdict: Mapping[str, Any] | None) -> str:
    """What it is about: as a person has corrected it last, else as the machine took it. Empty: nobody says."""
    said = [event["data"] or {} for event in found["events"] if event["kind"] == "corrected"]
    of_tier = [data for data in said if data.get("tier") == found["tier"] and data.get("intent")]
    if of_tier:
        return str(of_tier[-1]["intent"])
    return str(verdict["intent"]) if verdict is not None and verdict["tier"] == found["tier"] else ""


def _verified(customer: Mapping[str, Any]) -> str | None:
    """Where the customer's address was proven; None: it is only claimed."""
    for identity in customer["identities"]:
        if identity["verified"] and identity["email"] and identity["email"] == customer["email"]:
            return CHANNELS.get(identity["channel"], str(identity["channel"]))
    return None


def _proof_refused(found: Mapping[str, Any], stand: Stand) -> str:
    """Why the customer cannot be asked for a proof here now; empty: they can."""
    if found["conversation"]["public"]:
        return "Others read this place. Ask them to write to us directly."
    return stand.refused


def _flags(flags: Mapping[str, Any], name: str) -> list[str]:
    """What an agent should look at before anything else."""
    found = [words.format(name=first_name(name)) for flag, words in _FLAG_WORDS.items() if flags.get(flag)]
    also = [TIER_NAMES.get(str(tier), str(tier)) for tier in flags.get("also") or ()]
    return [*found, *([f"Also: {', '.join(also)}"] if also else [])]


_FLAG_WORDS: Final = {
    "works_now": "{name} says that it works now",
    "security": "About safety",
    "reopened": "Came back after it was resolved",
    "undelivered": "Our answer did not reach {name}",
    "at_risk": "A promise could not be kept",
}


def _number(value: str | None) -> int | None:
    if value is None or not (value.isascii() and value.isdigit()) or len(value) > 10:
        return None
    return min(int(value), SEQ_AT_MOST)


class _Nearest:
    """The nearest utterances of a sentence, remembered. They cost an encoding, and no page waits long for them."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._known: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[list[dict[str, Any]]]] = {}

    async def of(self, sentence: str) -> list[dict[str, Any]]:
        """As far as they are known in time."""
        if sentence in self._known:
            return self._known[sentence]
        task = self._asked.get(sentence)
        if task is None:
            task = self._asked[sentence] = asyncio.create_task(self._ask(sentence))
        await asyncio.wait([task], timeout=NEAREST_WITHIN)
        return self._known.get(sentence, [])

    async def _ask(self, sentence: str) -> list[dict[str, Any]]:
        try:
            found = await self._frame.office.nearest(sentence)
            self._known[sentence] = found
            while len(self._known) > NEAREST_KEPT:
                self._known.popitem(last=False)
            return found
        finally:
            self._asked.pop(sentence, None)
