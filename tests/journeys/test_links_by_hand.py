"""An agent links two identities on their word: the desk sees one person, and neither customer hears or sees a thing."""

from __future__ import annotations

from typing import Any

import pytest

from handoff import texts
from tests.house import AgentClient, Customer, until
from tests.journeys import test_linking as linking
from tests.journeys.test_linking import Town, code_of, somebody, web

pytestmark = pytest.mark.asyncio(loop_scope="module")
town = linking.town
WHY = "both told the same customer number by phone"


async def by_hand(town: Town, here: int, there: int, *, why: str = WHY) -> dict[str, Any]:
    """Link the identity that writes in `there` with the customer of `here`, both conversations."""
    ((customer,),) = await town.at.sql("SELECT customer_id FROM conversation WHERE id = :c", c=here)
    ((identity,),) = await town.at.sql("SELECT identity_id FROM conversation WHERE id = :c", c=there)
    return await town.lea.done(f"customers/{customer}/links", {"identity": identity, "why": why})


async def both(town: Town, **more: Any) -> tuple[str, Customer, str, int, int]:
    """Somebody on the platform, somebody in the web chat, each with a case."""
    who = somebody()
    await town.case_there(who)
    customer, number, chat = await web(town, **more)
    return who, customer, number, chat, await town.conversation_there(who)


async def test_it_joins_what_agents_see_and_says_that_it_is_not_proven(town: Town) -> None:
    _, _, number, chat, there = await both(town)
    done = await by_hand(town, chat, there)
    assert len(set(await town.customers(chat, there))) == 1
    case = await town.lea.case(number)
    away = next(one for one in case["customer"]["identities"] if not one["here"])
    assert (away["link"]["how"], away["link"]["why"], away["link"]["asked_by"]) == ("hand", WHY, "Lea")
    assert [one["channel"] for one in case["customer"]["conversations"]] == ["loopback"]
    linked = next(event for event in case["events"] if event["kind"] == "linked")
    assert (linked["actor"], linked["agent"], linked["data"]["how"]) == ("agent", "Lea", "hand")
    said = await town.at.sql("SELECT action, data FROM audit WHERE subject = :s", s=f"link {done['link']}")
    assert [row[0] for row in said] == ["link"]
    assert WHY in str(said[0][1])
    await town.lea.done(f"customers/{done['customer']}/links/{done['link']}/undo")
    assert len(set(await town.customers(chat, there))) == 2


async def test_no_customer_hears_or_sees_a_thing_of_it(town: Town) -> None:
    who, customer, number, chat, there = await both(town, name="Ana Ruiz", email="ana@home.example")
    before = [(row["text"], row["kind"]) for row in await customer.read()]
    sends = len(town.platform.account("main").sends)
    done = await by_hand(town, chat, there)
    await town.lea.done(f"cases/{number}/claim")
    await town.lea.done(f"cases/{number}/reply", {"text": "only for the chat: 4711"})

    async def arrived() -> bool:
        return any("4711" in row["text"] for row in await customer.read())

    await until(arrived)
    await town.lea.done(f"customers/{done['customer']}/links/{done['link']}/undo")
    after = [(row["text"], row["kind"]) for row in await customer.read()]
    assert after[: len(before)] == before
    assert not [text for text, _ in after if texts.elsewhere("loopback") in text or who in text or "inked" in text]
    assert not [send for send in town.platform.account("main").sends[sends:] if send["place"] == f"place-{who}"]
    rows = await town.at.sql("SELECT body FROM message WHERE conversation_id = :c", c=there)
    assert not [body for (body,) in rows if "4711" in body or "inked" in body]


async def test_no_name_and_no_address_crosses_over(town: Town) -> None:
    """Who has told no name is called by none that stands elsewhere, and is mailed nowhere that was given elsewhere."""
    _, _, number, chat, there = await both(town)
    named, elsewhere, talk = await web(town, name="Cem Aydin", email="cem@home.example")
    done = await by_hand(town, talk, chat)
    case = await town.lea.case(number)
    assert (case["customer"]["name"], case["customer"]["email"]) == ("", None)
    assert case["reach"]["email"] is False
    assert "cem" not in str(case["reach"]).lower()
    other = await town.lea.case(elsewhere)
    assert (other["customer"]["name"], other["customer"]["email"]) == ("Cem Aydin", "cem@home.example")
    assert named is not None
    assert done["customer"] in await town.customers(chat, talk)
    assert there not in (chat, talk)


async def test_a_code_takes_its_place_and_is_told_as_any_proof(town: Town) -> None:
    who, customer, number, chat, there = await both(town)
    await by_hand(town, chat, there)
    await customer.write("/link")
    code = code_of(await town.reads(customer, "alone in a message"))
    await town.write(code, who)
    # Had the link by hand counted, they would hear that this is known: a word of what an agent did.
    assert await town.hears(who, "Linked") == texts.LINKED.format(where=linking.ON_WEB)
    away = [one for one in (await town.lea.case(number))["customer"]["identities"] if not one["here"]]
    assert [one["link"]["how"] for one in away] == ["code"]
    assert len(set(await town.customers(chat, there))) == 1


async def test_whoever_is_one_already_or_is_nobody_is_refused(town: Town) -> None:
    _, _, _, chat, there = await both(town)
    done = await by_hand(town, chat, there)
    ((own,),) = await town.at.sql("SELECT identity_id FROM conversation WHERE id = :c", c=chat)
    path = f"customers/{done['customer']}/links"
    again = await town.lea.post(path, {"identity": own, "why": WHY})
    assert (again.status_code, again.json()["error"]["message"]) == (409, "These are known as one person already.")
    assert (await town.lea.post(path, {"identity": 10**9, "why": WHY})).status_code == 404
    assert (await town.lea.post("customers/999999/links", {"identity": own, "why": WHY})).status_code == 404
    for why in ("", "  ", "x" * 301, "a\0b"):
        assert (await town.lea.post(path, {"identity": own, "why": why})).status_code == 422, why
    assert (await town.lea.post(f"{path}/{done['link'] + 999}/undo")).status_code == 404


async def test_a_colleague_links_and_names_nobody(town: Town) -> None:
    _, _, _, chat, there = await both(town)
    guest: AgentClient = await town.at.agent("Guest", "colleague")
    ((customer,),) = await town.at.sql("SELECT customer_id FROM conversation WHERE id = :c", c=chat)
    ((identity,),) = await town.at.sql("SELECT identity_id FROM conversation WHERE id = :c", c=there)
    refused = await guest.post(f"customers/{customer}/links", {"identity": identity, "why": WHY})
    assert refused.status_code == 403
    assert len(set(await town.customers(chat, there))) == 2
    assert (await guest.get(f"customers/{customer}"))["id"] == customer
