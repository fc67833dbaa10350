"""The case page over HTTP: what stands in it, for whom, and that nothing that a customer wrote is ever markup."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio

from bot.web.desk import transcript
from bot.web.desk.case import first_name
from bot.web.who import COOKIE
from store.agents import add_agent
from store.sessions import open_session
from tests.house import Customer, Desk, desk

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
TAGS = re.compile(r"<(?:script>|img src=x|svg/onload|iframe)", re.IGNORECASE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with desk(tmp_path_factory.mktemp("home")) as running:
        yield running


pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Browser:
    """Somebody signed in."""

    http: httpx.AsyncClient
    cookie: str

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path, headers={"Cookie": f"{COOKIE}={self.cookie}"})

    async def page(self, path: str) -> str:
        response = await self.get(path)
        assert response.status_code == 200, response.text
        return response.text


async def browser(at: Desk, name: str = "Mia", role: str = "agent") -> Browser:
    now = datetime.now(UTC)
    async with at.house.database.write("test") as connection:
        agent = await add_agent(connection, email=f"{name.lower()}@desk.example", name=name, role=role, now=now)
        return Browser(at.http, await open_session(connection, agent.id, now))


async def waiting(at: Desk, text: str = "the whole site is down", **more: str) -> tuple[Customer, str]:
    """A customer who waits, and the number of the case."""
    customer = at.customer()
    await customer.write(text, **more)
    told = await customer.hears("acknowledgement")
    found = re.search(r"W-\d+", told["text"])
    assert found is not None
    return customer, found[0]


# --- what stands in it -----------------------------------------------------------------------------


async def test_a_case_tells_its_story(at: Desk) -> None:
    mia = await browser(at)
    _, number = await waiting(at, "Hello there. The whole site is down.", name="Ana Ruiz", email="ana@example.com")
    page = await mia.page(f"/desk/cases/{number}")
    assert f"<title>{number} Ana Ruiz" in page
    assert "<mark>The whole site is down.</mark>" in page
    assert "Handed to people" in page
    assert "Answer by" in page or "Promised by" in page
    assert "not verified: anybody could have written it" in page
    assert "Claim to reply" in page
    assert page.count('class="btn primary"') == 1, "one solid button: to claim"
    for empty in ("Nothing: it passed this on at once.", "No article comes near this.", "None. This is the first.",
                  "None came."):  # fmt: skip
        assert empty in page
    assert "style=" not in page
    assert "onclick" not in page


async def test_sizes_and_headers(at: Desk) -> None:
    mia = await browser(at)
    _, number = await waiting(at, name="Ana")
    response = await at.http.get(
        f"/desk/cases/{number}", headers={"Cookie": f"{COOKIE}={mia.cookie}", "Accept-Encoding": "gzip"}
    )
    assert int(response.headers["content-length"]) < 15_000
    assert response.headers["cache-control"] == "no-store"
    assert "script-src 'self'" in response.headers["content-security-policy"]


async def test_hostile_words_are_words(at: Desk) -> None:
    mia, lea = await browser(at), await at.agent()
    words = f"the site is down {EVIL} javascript:alert(3) <svg/onload=alert(4)>"
    customer, number = await waiting(at, words, name=EVIL)
    await customer.write("</textarea></template><iframe src=//evil.example>")
    conversation = await at.conversation(customer)
    await lea.done(f"cases/{number}/note", {"text": f"note {EVIL}"})
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/reply", {"text": f"reply {EVIL}"})
    await at.sql(
        "INSERT INTO attachment (message_id, name, media_type, size, reference, created_at)"
        " SELECT id, :name, 'image/png', 10, '', 0 FROM message WHERE conversation_id = :id AND seq = 1",
        id=conversation, name=f"\u202egnp.{EVIL}",
    )  # fmt: skip
    await at.sql("UPDATE conversation SET subject = :evil WHERE id = :id", id=conversation, evil=EVIL)
    for path in ("", "/log?after=0", "/log?before=99"):
        page = await mia.page(f"/desk/cases/{number}{path}")
        assert not TAGS.search(page.replace('<script type="module"', "")), path
        assert "&lt;script&gt;" in page
        assert "\u202e" not in page, "no name turns the letters around it"
        assert 'href="javascript' not in page


async def test_a_name_from_the_address_is_text(at: Desk) -> None:
    mia = await browser(at)
    response = await mia.get("/desk/cases/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert response.status_code == 404
    assert "<script>alert" not in response.text


@pytest.mark.parametrize(("who", "called"), [({}, "The customer"), ({"email": "zed@example.com"}, "zed@example.com")])
async def test_the_queue_calls_a_customer_as_the_case_does(at: Desk, who: dict[str, str], called: str) -> None:
    mia = await browser(at)
    _, number = await waiting(at, **who)
    row = (await mia.page("/desk")).partition(f'data-case="{number}"')[2].partition("</li>")[0]
    assert called in row
    assert f"<bdi>{called}</bdi></h1>" in await mia.page(f"/desk/cases/{number}")


async def test_an_unknown_number_says_what_to_do(at: Desk) -> None:
    mia = await browser(at)
    for number in ("W-999999", "W-0", "x", "999999999999999999999"):
        response = await mia.get(f"/desk/cases/{number}")
        assert response.status_code == 404
        assert "Back to the queue" in response.text
        assert 'id="side"' in response.text, "within the frame"
    assert (await mia.get("/desk/cases/W-999999/log?after=0")).status_code == 404


async def test_a_note_is_for_the_team(at: Desk) -> None:
    mia, lea = await browser(at), await at.agent()
    customer, number = await waiting(at, name="Ana")
    await lea.done(f"cases/{number}/note", {"text": "between us"})
    page = await mia.page(f"/desk/cases/{number}")
    assert re.search(r'class="msg note"[^>]*>.*?Internal note.*?between us', page, re.DOTALL)
    assert all("between us" not in line["text"] for line in await customer.read())


async def test_who_may_not_answer_is_told_why(at: Desk) -> None:
    cara = await browser(at, "Cara", "colleague")
    _, number = await waiting(at, name="Ana")
    page = await cara.page(f"/desk/cases/{number}")
    claim = re.search(r'<button[^>]*id="act-claim"[^>]*>', page)
    assert claim is not None
    assert 'aria-disabled="true"' in claim[0]
    assert "to answer customers one must be agent" in claim[0]
    for gone in ('data-act="resolve"', 'data-act="correct"', 'data-act="assign"', 'id="send-claim"'):
        assert gone not in page
    assert 'id="note"' in page


async def test_what_each_may_do(at: Desk) -> None:
    lea = await at.agent()
    _, number = await waiting(at, name="Ana")
    await lea.done(f"cases/{number}/claim")
    own, jon, sue = await browser(at, "Lea"), await browser(at, "Jon"), await browser(at, "Sue", "supervisor")
    mine, theirs, above = [await who.page(f"/desk/cases/{number}") for who in (own, jon, sue)]
    assert 'data-standing="mine"' in mine
    assert all(act in mine for act in ("pop-snooze", "pop-resolve", "pop-assign", 'data-act="release"'))
    assert "Send to <bdi>Ana</bdi>" in mine
    assert "Lea has this case. A note reaches the team." in theirs
    assert 'data-act="release"' not in re.sub(r"(?s)<div class=\"pop\" id=\"pop-more\".*?</div>", "", theirs)
    assert 'id="act-take"' in above
    assert 'id="act-take"' not in theirs
    await lea.done(f"cases/{number}/resolve", {"outcome": "solved"})
    done = await own.page(f"/desk/cases/{number}")
    assert 'data-act="reopen"' in done
    assert "Lea resolved this case: solved" in done


async def test_signed_out_and_other_websites(at: Desk) -> None:
    _, number = await waiting(at)
    response = await at.http.get(f"/desk/cases/{number}")
    assert (response.status_code, response.headers["location"]) == (303, f"/desk/sign-in?next=/desk/cases/{number}")
    assert (await at.http.get(f"/desk/cases/{number}/log?after=0")).status_code == 401


# --- a part of it ----------------------------------------------------------------------------------


def seqs(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'<article[^>]* data-seq="(\d+)"', page)]


async def test_long_histories_come_by_page(at: Desk) -> None:
    mia, lea = await browser(at), await at.agent()
    customer, number = await waiting(at, name="Ana")
    await lea.done(f"cases/{number}/claim")
    for turn in range(130):
        await lea.done(f"cases/{number}/note", {"text": f"note {turn}"})
    last = (await customer.read())[-1]["seq"] + 130
    page = await mia.page(f"/desk/cases/{number}")
    shown = seqs(page)
    assert shown == list(range(last - 49, last + 1))
    found = shown
    while (before := re.search(r'data-before="(\d+)"', page)) is not None:
        page = await mia.page(f"/desk/cases/{number}/log?before={before[1]}")
        found = seqs(page) + found
    assert found == list(range(1, last + 1)), "every message once"
    assert "Handed to people" in page, "the line stands where it happened, on the oldest page"


async def test_news_bring_only_what_is_new(at: Desk) -> None:
    mia, lea = await browser(at), await at.agent()
    customer, number = await waiting(at, name="Ana")
    before = seqs(await mia.page(f"/desk/cases/{number}"))[-1]
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/note", {"text": "one note"})
    news = await mia.page(f"/desk/cases/{number}/log?after={before}")
    assert seqs(news) == [before + 1, before + 2]
    assert "Lea claimed this case" in news
    assert "Handed to people" not in news.partition('data-part="head"')[0] or "e-" in news
    assert [part for part in re.findall(r'<div data-part="(\w+)"', news)] == ["log", "held", "head", "composer", "card"]
    assert 'data-standing="theirs"' in news
    await customer.write("thank you")


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=99999999999999999999", "before=0", "before=²", ""])
async def test_odd_numbers_are_no_fault(at: Desk, query: str) -> None:
    mia = await browser(at)
    _, number = await waiting(at)
    assert (await mia.get(f"/desk/cases/{number}/log?{query}")).status_code == 200


async def test_what_was_tried_and_pressed(at: Desk) -> None:
    mia = await browser(at)
    customer = at.customer()
    await customer.write("How do I create an email alias?", name="Ana")
    await customer.hears("answer")
    await customer.write("No", button="helped:no")
    told = await customer.hears("acknowledgement")
    found = re.search(r"W-\d+", told["text"])
    assert found is not None
    page = await mia.page(f"/desk/cases/{found[0]}")
    assert "Did this help? No" in page
    assert "said it did not help" in page
    assert "Tapped" in page


async def test_what_could_not_be_delivered(at: Desk) -> None:
    mia, lea = await browser(at, "Lea"), await at.agent()
    customer, number = await waiting(at, name="Ana")
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/reply", {"text": "are you there?"})
    conversation = await at.conversation(customer)
    for status, words in (
        ("queued", "Waits to be sent"),
        ("failed", "Not delivered: the mailbox is full."),
        ("unknown", "We cannot tell whether this arrived. Sending again may double it."),
    ):
        await at.sql(
            # Without a time to try it again the courier lets it lie.
            "UPDATE message SET status = :status, error = 'the mailbox is full', next_try_at = NULL"
            " WHERE conversation_id = :id AND body = 'are you there?'",
            status=status, id=conversation,
        )  # fmt: skip
        page = await mia.page(f"/desk/cases/{number}")
        assert words in page
        assert ("Send again</button>" in page) == (status != "queued")
    for status, words in (
        ("sending", "Being sent: 2 of 5 parts"),
        ("cancelled", "Only 2 of 5 parts arrived: a person took over before the rest left"),
    ):
        await at.sql(
            "UPDATE message SET status = :status, parts = 5, parts_done = 2"
            " WHERE conversation_id = :id AND body = 'are you there?'",
            status=status, id=conversation,
        )  # fmt: skip
        assert words in await mia.page(f"/desk/cases/{number}")
    await at.sql(
        "UPDATE message SET status = 'sent' WHERE conversation_id = :id AND body = 'are you there?'", id=conversation
    )
    await at.sql(
        "UPDATE conversation SET seen_seq = next_seq - 1, seen_at = :at WHERE id = :id",
        id=conversation, at=1_700_000_000_000_000,
    )  # fmt: skip
    assert "Seen 22:13" in await mia.page(f"/desk/cases/{number}")


# --- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://example.com/a.", ["https://example.com/a"]),
        ("(http://example.com/b)", ["http://example.com/b"]),
        ("https://bank.example@evil.example/", []),
        ("https://b\u0430nk.example/", []),
        ("javascript:alert(1) data:text/html,x", []),
        ("https://a.example/\u202egnp.exe", ["https://a.example/"]),
        ('https://a.example/"onmouseover=alert(1)', ["https://a.example/"]),
        ("https://", []),
        ("https://[", []),
    ],
)
async def test_links_lead_where_they_seem_to(text: str, links: list[str]) -> None:
    found = list(transcript.pieces(text))
    assert [piece.href for piece in found if piece.href] == links
    assert "".join(piece.text for piece in found) == text


async def test_the_deciding_words_are_found_whatever_their_space() -> None:
    found = list(transcript.pieces("Hi.\nIt is\n down  now. Bye", "It is down now."))
    assert [piece.text for piece in found if piece.mark] == ["It is\n down  now."]


async def test_pieces_stay_fast() -> None:
    began = datetime.now(UTC)
    for text in ("https://" * 12_000, "a " * 50_000, "https://a.example/" + "." * 90_000):
        list(transcript.pieces(text, "x y " * 120))
    assert datetime.now(UTC) - began < timedelta(seconds=1)


async def test_names() -> None:
    assert first_name("Ana Ruiz") == "Ana"
    assert first_name("ana@example.com") == "ana"
    assert first_name("The customer") == "the customer"
    assert len(first_name("x" * 200)) <= 20
    assert transcript.plain_name("a\u202egpj.exe\u2066 b") == "agpj.exe b"


async def test_days_stand_between() -> None:
    scene = transcript.Scene(zone=ZoneInfo("UTC"), me=1, channel="web", customer="Ana")
    rows = [
        {
            "id": seq, "seq": seq, "direction": "in", "from": "customer", "author": "Ana", "kind": "text",
            "text": "hello\n> one\n> two\n> three", "buttons": [], "rich": None, "button": None, "end": None,
            "status": None, "error": None, "at": datetime(2026, 3, day, 12, tzinfo=UTC),
        }
        for seq, day in ((1, 17), (2, 17), (3, 18))
    ]  # fmt: skip
    found = transcript.items(rows, scene)
    assert [item.id for item in found] == ["d-2026-03-17", "m-1", "m-2", "d-2026-03-18", "m-3"]
    first = found[1]
    assert isinstance(first, transcript.Said)
    assert first.quoted.count(">") == 3
    assert "".join(piece.text for piece in first.pieces) == "hello"
