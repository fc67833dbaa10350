"""What colleagues look for, in their words, and what is found: messages, the newest first, with the words marked.

    "card declined" tier:billing person:ana after:2026-11-01 refund*

All words must be there. Whatever is typed means something or is said not to: nothing that stands in a query can make
a database refuse it, for only its words ever reach one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from handoff.tagging import tag_of
from store import search
from store.findable import BY, KIND, Term, spans, words
from store.search import Filter
from store.words import case_id

PAGE: Final = 30
AT_MOST: Final = 300
"""Characters of a query."""
TERMS: Final = 12
LOOKS: Final = (200, 800, 3000)
"""How many messages are looked at for who, where and when, in turn, until a page is full. Then the page says so."""
SHOWN: Final = 260
LEAD: Final = 70
"""Characters of an excerpt, and of those before the first word that was found."""
PEOPLE: Final = 5
TIERS: Final = ("outage", "billing", "person", "problem", "howto", "feedback", "unknown")
KINDS: Final = {"customer": "customer", "bot": "bot", "agent": "agent", "note": "note", "notes": "note"}

_PART: Final = re.compile(r'(?:(?P<name>[a-zA-Z]+):)?(?:"(?P<quoted>[^"]*)"(?P<more>\*?)|(?P<plain>[^\s"]+))')
_FILTERS: Final = ("person", "tier", "tag", "from", "channel", "before", "after")

Pieces = Sequence[tuple[str, bool]]
"""Pieces of a text, each with whether it is what was looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a query means."""

    terms: tuple[Term, ...] = ()
    """All of them."""
    person: tuple[str, ...] = ()
    filter: Filter = field(default_factory=Filter)
    faults: tuple[str, ...] = ()
    """What cannot be looked for, in words for who typed it."""

    @property
    def said(self) -> tuple[Term, ...]:
        """The words that stand in a text, and are marked there."""
        return tuple(term for term in self.terms if not term.words[0].startswith((BY, KIND)))

    @property
    def is_empty(self) -> bool:
        return not self.terms and not self.person and self.filter == Filter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A message that was found. `row`: who, where, when, as `search.read` gives it."""

    row: dict[str, Any]
    pieces: Pieces
    files: Sequence[Pieces]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    hits: Sequence[Hit] = ()
    next: int | None = None
    """Below which message the next page begins; None: there is no more."""
    further: bool = False
    """This page is short because enough was looked at, not because there is no more."""
    people: Sequence[dict[str, Any]] = ()
    """On the first page: whose name or address this is."""


# --- what a query means ------------------------------------------------------------------------------


def parse(query: str, *, me: int, zone: tzinfo = UTC, now: datetime | None = None) -> Wanted:
    """Never raises: what cannot be meant is a fault, in words."""
    today = (now or datetime.now(UTC)).astimezone(zone).date()
    faults: list[str] = []
    if len(query) > AT_MOST:
        faults.append(f"That is too long to look for. Only the first {AT_MOST} characters count.")
    terms: list[Term] = []
    people: list[str] = []
    tags: list[str] = []
    wanted = Filter()
    for part in _PART.finditer(query[:AT_MOST]):
        name = (part["name"] or "").lower()
        value = part["quoted"] if part["quoted"] is not None else part["plain"]
        if name not in _FILTERS:
            begun = bool(part["more"]) or (part["plain"] is not None and value.endswith("*"))
            terms += _terms((f"{part['name']} " if name else "") + value, begun=begun)
            continue
        try:
            if name == "person":
                people.append(_named(name, value))
            elif name == "tag":
                tags.append(_tag(value))
            elif name == "from" and value.lower() != "me":
                terms.append(_by(value))
            else:
                wanted = replace(wanted, **_limited(name, value, me=me, today=today, zone=zone))
        except ValueError as fault:
            faults.append(str(fault))
    if len(terms) > TERMS:
        faults.append(f"Only the first {TERMS} words count.")
    wanted = replace(wanted, tags=tuple(dict.fromkeys(tags))[:3])
    return Wanted(terms=tuple(terms[:TERMS]), person=tuple(people[:3]), filter=wanted, faults=tuple(faults))


def _terms(value: str, *, begun: bool) -> list[Term]:
    found = tuple(words(value))
    if not found:
        return []
    # What begins with one or two letters is a good part of all words.
    return [Term(words=found[:TERMS], open=begun and (len(found[-1]) > 2 or not found[-1].isascii()))]


def _named(name: str, value: str) -> str:
    if not words(value):
        raise ValueError(f"{name}: wants a name behind it, such as {name}:ana.")
    return value


def _tag(value: str) -> str:
    try:
        return tag_of(value)
    except ValueError as fault:
        raise ValueError(f"What stands behind tag: {fault}.") from fault


def _by(value: str) -> Term:
    if value.lower() in KINDS:
        return Term(words=(KIND + KINDS[value.lower()],))
    _named("from", value)
    return Term(words=tuple(BY + word for word in words(value)[:TERMS]), open=value.endswith("*"))


def _limited(name: str, value: str, *, me: int, today: date, zone: tzinfo) -> dict[str, Any]:
    value = value.strip().lower()
    if name == "from":
        return {"agent": me}
    if name == "channel":
        return {"channel": value[:40]}
    if name == "tier":
        if value not in TIERS:
            raise ValueError(f"tier: knows {', '.join(TIERS)}.")
        return {"tier": value}
    day = _day(name, value, today)
    moment = datetime.combine(day, time(), zone).astimezone(UTC)
    return {"since" if name == "after" else "until": moment}


def _day(name: str, value: str, today: date) -> date:
    """2026-11-23, 2026-11, 2026, today, yesterday, 7d: the first day of it."""
    try:
        if value in ("today", "yesterday"):
            return today - timedelta(days=value == "yesterday")
        if re.fullmatch(r"[0-9]{1,4}d", value):
            return today - timedelta(days=int(value[:-1]))
        found = re.fullmatch(r"([0-9]{4})(?:-([0-9]{1,2}))?(?:-([0-9]{1,2}))?", value)
        if found is not None and 1971 <= int(found[1]) <= 9000:
            return date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{name}: wants a day, such as {name}:{today.isoformat()}, {name}:yesterday or {name}:7d.")


def number_in(query: str) -> int | None:
    """The case whose number is all that was typed."""
    return case_id(query) if re.fullmatch(r"\s*(?:[wW]\s*-?\s*)?[0-9]{1,15}\s*", query) else None


def address_in(query: str) -> str | None:
    """The address that is all that was typed."""
    found = query.strip()
    return found if re.fullmatch(r"[^\s\"@:]+@[^\s\"@:]+", found) else None


# --- what is found -----------------------------------------------------------------------------------


async def find(
    connection: AsyncConnection, wanted: Wanted, *, whole: str = "", below: int | None = None, limit: int = PAGE
) -> Found:
    """One page. `whole`: what was typed, for addresses. `below`: the `next` of the page before."""
    if wanted.is_empty or wanted.faults:
        return Found()
    customers: list[int] | None = None
    for name in wanted.person:
        found = await search.people(connection, _terms(name, begun=True), name)
        customers = found if customers is None else [one for one in customers if one in found]
    people: Sequence[int] = customers or ()
    if below is None and customers is None and wanted.said:
        people = await search.people(connection, wanted.said, whole, limit=PEOPLE)
    places = None if customers is None else await search.places_of(connection, customers)
    if (tagged := await search.places_with(connection, wanted.filter.tags)) is not None:
        places = sorted(tagged) if places is None else [place for place in places if place in tagged]
    ids, next_, further = await _page(connection, wanted, places, below=below, limit=limit)
    return Found(
        hits=[_hit(row, wanted.said) for row in await search.read(connection, ids)],
        next=next_,
        further=further,
        people=await search.introduced(connection, people[:PEOPLE]) if below is None else (),
    )


async def _page(
    connection: AsyncConnection, wanted: Wanted, places: list[int] | None, *, below: int | None, limit: int
) -> tuple[list[int], int | None, bool]:
    since, until = wanted.filter.since, wanted.filter.until
    above = max(await search.number_at(connection, since - search.SKEW) - 1, 0) if since is not None else 0
    if until is not None:
        end = await search.number_at(connection, until + search.SKEW)
        below = end if below is None else min(below, end)
    kept: list[int] = []
    for many in (limit + 1, *LOOKS):
        looked = await search.candidates(connection, wanted.terms, below=below, above=above, places=places, limit=many)
        kept += await search.those(connection, looked, wanted.filter, limit=limit + 1 - len(kept))
        if len(kept) > limit:
            return kept[:limit], kept[limit - 1], False
        if len(looked) < many:
            return kept, None, False
        below = looked[-1]
    return kept, below, True


def _hit(row: dict[str, Any], terms: Sequence[Term]) -> Hit:
    return Hit(row=row, pieces=excerpt(row["body"], terms), files=[marked(name, terms) for name in row["files"]])


def excerpt(text: str, terms: Sequence[Term]) -> Pieces:
    """The words around the first that was found; the beginning where none is in sight."""
    found = list(_places(text, terms))
    first = found[0][0] if found else 0
    begin = 0
    if first > LEAD:
        begin = first - LEAD
        blank = re.compile(r"\s").search(text, begin, first)
        begin = blank.end() if blank else begin
    end = min(begin + SHOWN, len(text))
    cut = _cut(text, found, begin, end)
    return [*([("…", False)] if begin else []), *cut, *([("…", False)] if end < len(text) else [])]


def marked(text: str, terms: Sequence[Term]) -> Pieces:
    """A whole line, such as a file's name."""
    return _cut(text, list(_places(text, terms)), 0, min(len(text), SHOWN))


def _cut(text: str, found: Sequence[tuple[int, int]], begin: int, end: int) -> list[tuple[str, bool]]:
    pieces: list[tuple[str, bool]] = []
    at = begin
    for start, stop in found:
        start, stop = max(start, at), min(stop, end)
        if start < stop:
            pieces += [(text[at:start], False), (text[start:stop], True)]
            at = stop
    pieces.append((text[at:end], False))
    return [(re.sub(r"\s+", " ", piece), is_it) for piece, is_it in pieces if piece]


def _places(text: str, terms: Sequence[Term]) -> Iterator[tuple[int, int]]:
    """Where the words stand, in order, as (start, end) in the text as it was written."""
    if not terms:
        return
    there = list(spans(text))
    last = 0
    for at, (start, _, _) in enumerate(there):
        for term in terms:
            stands = there[at : at + len(term.words)]
            if start >= last and _is(term, [word for _, _, word in stands]):
                last = stands[-1][1]
                yield start, last
                break


def _is(term: Term, found: Sequence[str]) -> bool:
    if len(found) < len(term.words) or tuple(found[:-1]) != term.words[:-1]:
        return False
    return found[-1].startswith(term.words[-1]) if term.open else found[-1] == term.words[-1]
