"""Search over everything that was ever written: who, where, when, and the words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.intake import clean
from bot.web.desk.frame import Frame
from bot.web.desk.transcript import called, plain_name
from handoff import searching
from handoff.searching import Hit
from store import cases
from store.agents import Agent
from store.words import case_number

HELP: Final = (
    ("card declined", "both words, anywhere in one message or the names of its files"),
    ('"card declined"', "these words one behind the other"),
    ("refund*", "words that begin so, from three letters on"),
    ("person:ana", "what was said with people of that name or address"),
    ("from:customer", "who wrote it: customer, agent, bot, note, me, or a name"),
    ("tier:billing", "cases of that tier"),
    ("tag:late-refund", "cases with that tag"),
    ("channel:email", "on that channel"),
    ("after:2026-11-01 before:7d", "from that day on, up to seven days ago"),
)
"""What may be typed, and what it means."""


def routes(frame: Frame) -> list[Route]:
    return [Route("/desk/search", frame.page(_Search(frame).page), methods=["GET"])]


class _Search:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: Request, agent: Agent) -> Response:
        query = clean(request.query_params.get("q", ""))
        below = _below(request.query_params.get("below", ""))
        now = datetime.now(UTC)
        wanted = searching.parse(query, me=agent.id, zone=self._frame.zone, now=now)
        async with self._frame.database.read() as connection:
            id_ = searching.number_in(query)
            if id_ is not None and await cases.read_row(connection, id_) is not None:
                return RedirectResponse(f"/desk/cases/{case_number(id_)}", 303)
            found = await searching.find(connection, wanted, whole=query, below=below)
        if searching.address_in(query) and len(found.people) == 1 and found.people[0]["number"]:
            return RedirectResponse(f"/desk/cases/{found.people[0]['number']}", 303)
        values = {
            **await self._frame.around(agent), "nav": "search", "query": query[: searching.AT_MOST], "wanted": wanted,
            "found": found, "hits": [self._shown(hit) for hit in found.hits], "begun": below is not None,
            "older": None if found.next is None else _link(query, found.next),
            "people": [{**who, "called": called(who["name"], who["email"]), "all": _link(_person(who))}
                       for who in found.people],
            "help": HELP, "last": self._frame.clock_time(found.hits[-1].row["created_at"], now) if found.hits else None,
        }  # fmt: skip
        return self._frame.pages.page(request, "desk/search.html", **values)

    def _shown(self, hit: Hit) -> dict[str, Any]:
        row = hit.row
        return {
            **row,
            "called": called(row["customer_name"], row["customer_email"]),
            "who": _who(row),
            "when": self._frame.clock_time(row["created_at"]),
            "pieces": hit.pieces,
            "files": [[(plain_name(text) if len(name) == 1 else text, is_it) for text, is_it in name]
                      for name in hit.files],
            "link": f"/desk/cases/{row['number']}#m-{row['seq']}" if row["number"] else None,
        }  # fmt: skip


def _who(row: dict[str, Any]) -> str:
    """Whose words they are, beside the customer's name."""
    if row["direction"] == "note":
        return f"Note by {row['agent'] or row['author_name'] or 'a colleague'}"
    if row["author"] == "customer":
        return ""
    return f"{row['agent'] or row['author_name'] or 'The desk'} wrote"


def _person(who: dict[str, Any]) -> str:
    name = " ".join(str(who["email"] or who["name"] or "").replace('"', " ").split())
    return f'person:"{name}"'


def _link(query: str, below: int | None = None) -> str:
    return f"/desk/search?{urlencode({'q': query} | ({} if below is None else {'below': below}))}"


def _below(said: str) -> int | None:
    """None also for what is none of ours: a list then begins at its beginning."""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else None
