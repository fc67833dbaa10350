"""Customers as a whole: who they are, links by hand, what agents say they are called. A part of the agents' API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field

from bot.intake import clean
from bot.web import gate
from bot.web.api import BadCursor, Key, Me, Office, Sent, There, api, no_controls
from handoff import person
from handoff.customers import Customers
from handoff.errors import NoSuchCase
from handoff.work import Once
from store import persons

customers = APIRouter(prefix=api.prefix, dependencies=api.dependencies, responses=api.responses)

Id = Annotated[int, Field(ge=1, le=2**53)]


def _line(value: str) -> str:
    value = " ".join(value.split())
    return no_controls(value) if value else ""


def _address(value: str) -> str:
    value = value.strip()
    if value and (
        clean(value) != value or value.count("@") != 1 or value[0] == "@" or value[-1] == "@" or " " in value
    ):
        raise ValueError("is no address; it looks like ana@example.com, or is empty")
    return value


class NewLink(Sent):
    identity: Annotated[int, Field(ge=1, le=2**53, strict=True, description="Of another customer: `identities[].id`.")]
    why: Annotated[
        str,
        Field(min_length=3, max_length=300, description="For colleagues who read it later."),
        AfterValidator(no_controls),
    ]


class NewNote(Sent):
    name: Annotated[str, Field(max_length=200, description="Empty: nothing is said."), AfterValidator(_line)] = ""
    email: Annotated[str, Field(max_length=320), AfterValidator(_address)] = ""


def _acts(office: Office) -> Customers:
    desk = office.desk
    return Customers(database=office.database, published=desk.acts.published, parted=desk.merging.part)


def _once(key: str | None, act: str, **request: Any) -> Once | None:
    return None if key is None else Once(key=clean(key), request={"act": act, **request})


@customers.get("/customers", tags=["customers"])
async def find_customers(
    agent: Me,
    office: There,
    q: Annotated[str, Query(description="how a name begins, or an address", max_length=200)] = "",
    cursor: Annotated[str | None, Query(max_length=300)] = None,
) -> dict[str, Any]:
    """Customers, those first who came last; or those who are called so, by name."""
    words = clean(q).strip()
    if cursor and person.place(clean(cursor), words=bool(words)) is None:
        raise BadCursor
    async with office.database.read() as connection:
        ids, following = await person.found(connection, words, cursor=clean(cursor) if cursor else None)
        rows = await persons.listed(connection, ids)
    return {"customers": rows, "next": following}


@customers.get("/customers/{id}", tags=["customers"])
async def one_customer(id: Id, agent: Me, office: There) -> dict[str, Any]:
    """All of one person: identities with their proof, the newest conversations and cases, how often, how content."""
    async with office.database.read() as connection:
        found = await person.whole(connection, id, now=datetime.now(UTC))
    if found is None:
        raise NoSuchCase(f"There is no customer {id}.")
    return found


@customers.put("/customers/{id}", tags=["customers"])
async def name_customer(id: Id, body: NewNote, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Say what they are called and which address they use. It stands beside their own words and proves nothing."""
    gate.allow(agent, "answer")
    once = _once(key, "name-customer", customer=id, name=body.name, email=body.email)
    return await _acts(office).say(agent, id, name=body.name, email=body.email, once=once)


@customers.post("/customers/{id}/links", tags=["customers"])
async def link_by_hand(id: Id, body: NewLink, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Take an identity of another customer for this one's. It joins what agents see, and proves nothing.

    409: they are one already, or would be more than 30.
    """
    gate.allow(agent, "link")
    once = _once(key, "link", customer=id, identity=body.identity, why=body.why)
    return await _acts(office).link(agent, id, body.identity, body.why.strip(), once)


@customers.post("/customers/{id}/links/{link}/undo", tags=["customers"])
async def undo_customers_link(id: Id, link: Id, agent: Me, office: There, key: Key = None) -> dict[str, Any]:
    """Take apart what a link has joined: each identity has again what was written by it."""
    gate.allow(agent, "link")
    once = _once(key, "unlink-customer", customer=id, link=link)
    return await _acts(office).unlink(agent, id, link, once)
