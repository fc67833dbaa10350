"""Customers over HTTP: the list, the page of one, who may link and name, and corrections that the API refuses."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.house import AgentClient, Customer, Desk, desk
from tests.web.test_desk_case import EVIL, TAGS, browser

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with desk(tmp_path_factory.mktemp("home")) as running:
        yield running


async def comes(at: Desk, text: str = "the whole site is down", **more: Any) -> tuple[Customer, int, int, str]:
    """Somebody with a case: they, their customer and identity, its number."""
    customer = at.customer()
    await customer.write(text, **more)
    await customer.hears("acknowledgement")
    query = 'SELECT c.customer_id, c.identity_id, k.id FROM conversation c JOIN "case" k ON k.conversation_id = c.id'
    ((id_, identity, case),) = await at.sql(f"{query} WHERE c.id = :c", c=await at.conversation(customer))
    return customer, id_, identity, f"W-{1000 + case}"


async def put(lea: AgentClient, id_: int, sent: dict[str, Any]) -> httpx.Response:
    return await lea.http.put(f"/api/v1/customers/{id_}", json=sent, headers={"Authorization": f"Bearer {lea.token}"})


async def linked(at: Desk, lea: AgentClient, **more: Any) -> tuple[int, int, dict[str, Any]]:
    """Two customers who became one by an agent's hand: whom they became, who went into them, the link."""
    _, one, _, _ = await comes(at, name="Ana Ruiz")
    _, other, identity, _ = await comes(at, name=more.get("name", "Ana R."))
    return one, other, await lea.done(f"customers/{one}/links", {"identity": identity, "why": "the same invoice"})


async def test_nobody_yet_is_told_what_to_do(at: Desk) -> None:
    mia = await browser(at, "First")
    if not (await at.sql("SELECT 1 FROM customer")):
        assert "Nobody has written yet" in await mia.page("/desk/customers")
    assert "Nobody found for" in await mia.page("/desk/customers?q=nobody-at-all")


async def test_the_page_of_who_became_another_leads_there(at: Desk) -> None:
    lea, mia = await at.agent(), await browser(at)
    one, other, done = await linked(at, lea)
    moved = await mia.get(f"/desk/customers/{other}")
    assert (moved.status_code, moved.headers["location"]) == (303, f"/desk/customers/{one}")
    page = await mia.page(f"/desk/customers/{one}")
    assert "linked by hand, not proven" in page
    assert "the same invoice" in page
    assert page.count('href="/desk/cases/W-') == 4, "two cases, each also as a conversation"
    assert (await lea.get(f"customers/{other}"))["id"] == one
    await lea.done(f"customers/{one}/links/{done['link']}/undo")
    assert (await mia.get(f"/desk/customers/{other}")).status_code == 200
    assert (await mia.get("/desk/customers/99999999")).status_code == 404
    assert (await mia.get("/desk/customers/9" + "9" * 30)).status_code == 404


async def test_cases_and_conversations_are_cut_nowhere(at: Desk) -> None:
    mia = await browser(at)
    _, id_, identity, _ = await comes(at, name="Often")
    ((conversation,),) = await at.sql("SELECT id FROM conversation WHERE identity_id = :i", i=identity)
    columns = "conversation_id, customer_id, channel, tier, sla, urgent, sort_at, reason, opened_at"
    await at.sql(
        f'INSERT INTO "case" ({columns}, status, opened_seq) WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1'
        f" FROM n WHERE x < 60) SELECT {columns}, 'resolved', 1 FROM \"case\", n WHERE conversation_id = :c",
        c=conversation,
    )
    found: list[str] = []
    path: str | None = f"/desk/customers/{id_}"
    while path is not None:
        page = await mia.page(path)
        cases = page[page.index('id="cases-h"') : page.index('id="talks-h"')]
        found += re.findall(r'class="name" href="/desk/cases/(W-\d+)"', cases)
        older = re.search(r'href="([^"#]+\?cases=\d+)#cases-h">Older', cases)
        path = older[1] if older else None
    assert len(found) == len(set(found)) == 61
    assert found == sorted(found, key=lambda number: -int(number[2:]))
    assert "61" in await mia.page(f"/desk/customers/{id_}")


async def test_what_customers_and_agents_write_is_text(at: Desk) -> None:
    lea, mia = await at.agent(), await browser(at)
    _, one, _, number = await comes(at, "the whole site is down " + EVIL, name=EVIL[:60])
    _, _, identity, _ = await comes(at, name=EVIL[:60])
    await lea.done(f"customers/{one}/links", {"identity": identity, "why": EVIL})
    named = await put(lea, one, {"name": EVIL})
    assert named.status_code == 200, named.text
    await lea.done(f"cases/{number}/claim")
    for path in (f"/desk/customers/{one}", f"/desk/customers/{one}?find=%22%3E%3Cscript", "/desk/customers",
                 "/desk/customers?q=%22%3E%3Cscript%3Ealert(1)", f"/desk/cases/{number}"):  # fmt: skip
        assert not TAGS.search(await mia.page(path)), path
    log = await mia.page(f"/desk/cases/{number}/log?newest=1&all=1")
    assert "x-" in log
    assert not TAGS.search(log)


async def test_a_colleague_reads_and_is_offered_nothing(at: Desk) -> None:
    lea, max_ = await at.agent(), await browser(at, "Max", "colleague")
    one, _, _ = await linked(at, lea)
    page = await max_.page(f"/desk/customers/{one}")
    assert 'id="ids-h"' in page
    for offered in ('id="link-h"', "data-undo", 'id="name"'):
        assert offered not in page


async def test_what_an_agent_says_of_a_name_stands_beside_the_claim_and_is_mailed_nowhere(at: Desk) -> None:
    lea = await at.agent()
    _, one, _, number = await comes(at, name="A. R.")
    await put(lea, one, {"name": "Ana  Ruiz", "email": "Ana@Home.example"})
    case = await lea.case(number)
    assert (case["customer"]["name"], case["customer"]["email"]) == ("A. R.", None)
    assert (case["customer"]["note"]["name"], case["customer"]["note"]["email"]) == ("Ana Ruiz", "ana@home.example")
    assert case["reach"]["email"] is False
    assert not any(one["verified"] for one in case["customer"]["identities"])
    for wrong in ({"email": "no address"}, {"email": "@x"}, {"email": "a@b c"}, {"name": "x" * 201}, {"name": "a\0b"}):
        refused = await put(lea, one, wrong)
        assert refused.status_code == 422, wrong


async def test_how_often_is_counted_of_all_cases(at: Desk) -> None:
    lea = await at.agent()
    _, _, _, number = await comes(at)
    assert (await lea.case(number))["customer"]["times"] == {"week": 1, "month": 1}


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"intent": "no_such_thing"}, "catalogue"),
        ({"intent": "twice", "tier": "outage"}, "billing"),
        ({}, "says nothing"),
        ({"language": "Deutsch!"}, "language"),
        ({"security": "yes"}, "security"),
    ],
)
async def test_a_correction_that_cannot_be_is_refused_by_name(at: Desk, sent: dict[str, Any], words: str) -> None:
    lea = await at.agent()
    _, _, _, number = await comes(at)
    refused = await lea.post(f"cases/{number}/correct", sent)
    assert refused.status_code == 422
    assert words in refused.json()["error"]["message"]


async def test_an_intent_brings_its_tier_and_is_shown_on_the_card(at: Desk) -> None:
    lea, mia = await at.agent(), await browser(at)
    _, _, _, number = await comes(at)
    await lea.done(f"cases/{number}/correct", {"intent": "twice", "language": "de", "security": True})
    case = await lea.case(number)
    assert (case["tier"], case["flags"]["language"], case["flags"]["security"]) == ("billing", "de", True)
    page = await mia.page(f"/desk/cases/{number}")
    assert 'value="twice" data-tier="billing" selected' in page
    assert 'id="correct-security" data-own data-was="yes" checked' in page


async def test_earlier_messages_of_all_conversations_come_by_page(at: Desk) -> None:
    """Followed from page to page as a reader does, each message stands once, under an id of its own."""
    lea, mia = await at.agent(), await browser(at)
    ana, one, _, number = await comes(at, name="Ana")
    other, _, identity, _ = await comes(at, name="Ana on the phone")
    await lea.done(f"customers/{one}/links", {"identity": identity, "why": "the same invoice"})
    talks = [await at.conversation(who) for who in (ana, other)]
    for talk in talks:
        ((seq, moment),) = await at.sql(
            "SELECT max(seq), max(created_at) FROM message WHERE conversation_id = :c", c=talk
        )
        for step in range(1, 71):
            await at.sql(
                "INSERT INTO message (conversation_id, seq, direction, author, kind, body, created_at, \"end\")"
                " VALUES (:c, :s, 'in', 'customer', 'text', :b, :t, 'appended')",
                c=talk, s=seq + step, b=f"word {step}", t=moment + 1_000_000 * step,
            )  # fmt: skip
        await at.sql("UPDATE conversation SET next_seq = :s WHERE id = :c", c=talk, s=seq + 71)
    ((every,),) = await at.sql("SELECT count(*) FROM message WHERE conversation_id IN (:a, :b)", a=talks[0], b=talks[1])
    found: list[str] = []
    path: str | None = f"/desk/cases/{number}/log?newest=1&all=1"
    while path is not None:
        page = await mia.page(path)
        found += re.findall(r'<article [^>]*id="([mx]-\d+)"', page)
        earlier = re.search(r'data-before="(\d+-\d+)"', page)
        path = f"/desk/cases/{number}/log?before={earlier[1]}&all=1" if earlier else None
    assert len(found) == len(set(found)) == every
    assert {name[0] for name in found} == {"m", "x"}
    assert "data-seq" not in "".join(re.findall(r"<article [^>]*id=\"x-[^>]*>", await mia.page(
        f"/desk/cases/{number}/log?newest=1&all=1"
    )))  # fmt: skip
    for odd in ("before=x&all=1", "before=1-&all=1", "after=1&all=1&floor=zzz", "before=&all=1"):
        assert (await mia.get(f"/desk/cases/{number}/log?{odd}")).status_code == 200, odd
