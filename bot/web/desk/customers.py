"""Customers: the list with its search, and one page for a person with all that is known of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.intake import clean
from bot.web import gate
from bot.web.desk.frame import Frame
from bot.web.desk.person import Known, known
from bot.web.desk.rows import LANGUAGES
from bot.web.desk.transcript import CHANNELS, OUTCOME_NAMES, TIER_NAMES, called, plain_name
from handoff import person
from store import persons
from store.agents import Agent

PAGE: Final = 25
"""Cases, and conversations, that one page of a person shows."""
MARKS: Final = {"good": "Good", "fair": "Fair", "poor": "Poor"}
NUMBER_AT_MOST: Final = 2**53


def routes(frame: Frame) -> list[Route]:
    page = CustomersPage(frame)
    return [
        Route("/desk/customers", frame.page(page.everybody), methods=["GET"]),
        Route("/desk/customers/{id:int}", frame.page(page.one), methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One customer of a list."""

    id: int
    name: str
    noted: str
    """What an agent says they are called; empty: nothing else."""
    addresses: tuple[tuple[str, bool], ...]
    """Each with whether a platform vouches for it."""
    channels: tuple[str, ...]
    identities: tuple[tuple[int, str], ...]
    """Number, and how it is called."""
    cases: int
    last: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What they said of how it was in a month."""

    name: str
    marks: tuple[Mapping[str, Any], ...]


class CustomersPage:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def everybody(self, request: Request, agent: Agent) -> Response:
        """`q`: how a name begins, or an address. `after`: where the page before ended."""
        around = await self._frame.around(agent)
        words = _words(request.query_params.get("q"))
        after = clean(request.query_params.get("after", ""))[:300] or None
        rows, following = await self._found(words, after)
        return self._frame.pages.page(
            request, "desk/customers.html",
            **{**around, "nav": "customers", "words": words, "rows": rows, "following": following, "after": after,
               "channel_names": CHANNELS, "begin_from": self._begin_from(agent)},
        )  # fmt: skip

    def _begin_from(self, agent: Agent) -> list[str]:
        """Accounts of ours from which they may write to somebody new."""
        return sorted(account for _, account in self._frame.office.write_first) if gate.may(agent, "begin") else []

    async def one(self, request: Request, agent: Agent) -> Response:
        """`cases`, `talks`: what is older than that number. `find`: whom to link with."""
        id_, query = min(request.path_params["id"], NUMBER_AT_MOST), request.query_params
        around = await self._frame.around(agent)
        now: datetime = around["now"]
        cases_before, talks_before = (_number(query.get(name)) for name in ("cases", "talks"))
        async with self._frame.database.read() as connection:
            found = await person.whole(connection, id_, now=now)
            if found is not None and found["id"] == id_:
                cases = await persons.cases_of(connection, id_, before=cases_before, limit=PAGE + 1)
                talks = await person.page_of_conversations(connection, id_, before=talks_before, limit=PAGE + 1)
                twins = await persons.twins(connection, id_)
        if found is None:
            return self._frame.pages.page(
                request, "desk/customer-missing.html", status=404, **{**around, "nav": "customers"}
            )
        if found["id"] != id_:
            return RedirectResponse(f"/desk/customers/{found['id']}", 303)
        words = _words(query.get("find"))
        others = [row for row in (await self._found(words, None))[0] if row.id != id_] if words else []
        return self._frame.pages.page(
            request,
            "desk/customer.html",
            **{
                **around,
                "nav": "customers",
                "person": found,
                "name": name_of(found),
                "given": _given(found),
                "identities": identities(found, lambda at: self._frame.clock_time(at, now)),
                "cases": cases[:PAGE],
                "older_cases": cases[PAGE - 1]["id"] if len(cases) > PAGE else None,
                "newer_cases": cases_before is not None,
                "talks": talks[:PAGE],
                "older_talks": talks[PAGE - 1]["id"] if len(talks) > PAGE else None,
                "newer_talks": talks_before is not None,
                "months": self._months(found["satisfaction"]),
                "languages": [LANGUAGES.get(code, code) for code in found["languages"]],
                "twins": [(self._listed(row), _why(row, found)) for row in twins],
                "find": words,
                "others": others,
                "begin_identities": [(one["id"], identity_name(one)) for one in found["identities"]],
                "may_link": gate.may(agent, "link"),
                "may_name": gate.may(agent, "answer"),
                "tier_names": TIER_NAMES,
                "outcome_names": OUTCOME_NAMES,
                "channel_names": CHANNELS,
                "mark_names": MARKS,
            },
        )

    async def _found(self, words: str, after: str | None) -> tuple[list[Listed], str | None]:
        async with self._frame.database.read() as connection:
            ids, following = await person.found(connection, words, cursor=after)
            rows = await persons.listed(connection, ids)
        return [self._listed(row) for row in rows], following

    def _listed(self, row: Mapping[str, Any]) -> Listed:
        of: Sequence[Mapping[str, Any]] = row["identities"]
        addresses = {one["email"]: bool(one["verified"]) for one in of if one["email"]}
        if row["email"]:
            addresses.setdefault(row["email"], False)
        return Listed(
            id=row["id"],
            name=called(row["name"] or next((one["name"] for one in of if one["name"]), ""), row["email"]),
            noted=plain_name(row["noted_name"] or ""),
            addresses=tuple(addresses.items()),
            channels=tuple(dict.fromkeys(one["channel"] for one in of)),
            identities=tuple((one["id"], identity_name(one)) for one in of),
            cases=row["cases"],
            last=row["last"],
        )

    def _months(self, marks: Sequence[Mapping[str, Any]]) -> list[Month]:
        def month(mark: Mapping[str, Any]) -> str:
            return f"{_said_at(mark).astimezone(self._frame.zone):%B %Y}"

        return [Month(name=name, marks=tuple(some)) for name, some in groupby(marks, key=month)]


# --- values, made of values ------------------------------------------------------------------------


def name_of(found: Mapping[str, Any]) -> str:
    """How the desk calls them: by what they have told, by what an agent says only where they told nothing."""
    told = found["name"] or next((one["name"] for one in found["identities"] if one["name"]), "")
    note = found["note"] or {}
    return called(told or note.get("name"), found["email"] or note.get("email"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One identity as the page tells it."""

    id: int
    known: Known
    address: str
    vouched: bool
    claims: str
    """What they call themselves and which address they gave there; empty: nothing more than its name."""
    by_hand: bool


def identities(found: Mapping[str, Any], said: Callable[[datetime], str]) -> list[Identity]:
    """`said` tells a moment."""
    rows = found["identities"]
    told = known(rows, name_of(found), said)
    return [
        Identity(
            id=row["id"],
            known=one if row["link"] else replace(one, proof=_first(row)),
            address=plain_name(row["email"] or ""),
            vouched=bool(row["verified"]),
            claims=_claims(row),
            by_hand=bool(row["link"]) and row["link"]["how"] == "hand",
        )
        for row, one in zip(rows, told, strict=True)
    ]


def identity_name(one: Mapping[str, Any]) -> str:
    channel, name = CHANNELS.get(one["channel"], str(one["channel"]).capitalize()), plain_name(one["name"] or "")
    return f"{channel} \u201c{name}\u201d" if name else channel


def _first(row: Mapping[str, Any]) -> str:
    """Of the identity with which the others are linked."""
    if not row["verified"]:
        return "as they wrote first; nobody vouches for who that is"
    return f"as they wrote first; {CHANNELS.get(row['channel'], row['channel'])} vouches for the address"


def _claims(row: Mapping[str, Any]) -> str:
    claims = row["claims"] or {}
    name, email = plain_name(claims.get("name") or ""), plain_name(claims.get("email") or "")
    email = "" if email == plain_name(row["email"] or "") else email
    parts = [f"calls themselves {name}"] if name and name != plain_name(row["name"] or "") else []
    if email:
        parts.append(f"gave {email}, not verified")
    return ", ".join(parts)


def _given(found: Mapping[str, Any]) -> Mapping[str, str]:
    """What an agent says, for the fields."""
    note = found["note"] or {}
    return {"name": note.get("name") or "", "email": note.get("email") or ""}


def _why(row: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Why somebody may be the same person: exactly what agrees, and what of it is proven."""
    proven = {one["email"] for one in (*row["identities"], *found["identities"]) if one["verified"]}
    claims = [one["claims"] for one in found["identities"] if one["claims"]]
    same = [claim for claim in claims if claim["email"] == row["email"]]
    email = same[0]["email"] if same else row["email"]
    stands = "one of them has it proven, the other has only typed it" if email in proven else "neither has proven it"
    return f"Both call themselves {plain_name(row['name'])} and gave {plain_name(email or '')}; {stands}."


def _said_at(mark: Mapping[str, Any]) -> datetime:
    at: datetime = mark["resolved_at"] or mark["opened_at"]
    return at


def _words(said: str | None) -> str:
    return clean(said or "")[:200].strip()


def _number(said: str | None) -> int | None:
    return min(int(said), NUMBER_AT_MOST) if said and said.isascii() and said.isdigit() and len(said) < 17 else None
