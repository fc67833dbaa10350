"""The whole life of a case over the agents' API, on each database, and as its pages show it."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from tests.house import AgentClient, Customer, Desk, until
from tests.web.test_leaving import OURS, browser

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lea(at: Desk) -> AgentClient:
    return await at.agent("Lea")


async def case_of(at: Desk, lea: AgentClient, text: str = "you charged me twice") -> tuple[Customer, str]:
    ana = at.customer()
    await ana.write(text)
    await ana.hears("acknowledgement")
    conversation = await at.conversation(ana)
    found = await at.sql('SELECT max(id) FROM "case" WHERE conversation_id = :id', id=conversation)
    return ana, f"W-{found[0][0] + 1000}"


async def team_of(at: Desk, name: str, *people: str) -> int:
    now = int(datetime.now(UTC).timestamp() * 1_000_000)
    await at.sql("INSERT INTO team (name, created_at) VALUES (:name, :now)", name=name, now=now)
    id_ = int((await at.sql("SELECT id FROM team WHERE name = :name", name=name))[0][0])
    for each in people:
        await at.sql(
            "INSERT INTO team_member (team_id, agent_id) SELECT :team, id FROM agent WHERE name = :who",
            team=id_, who=each,
        )  # fmt: skip
    return id_


def refused(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# --- passing it on ---------------------------------------------------------------------------------


async def test_a_case_passed_to_a_team_stands_in_its_view_with_its_name(at: Desk, lea: AgentClient) -> None:
    await at.agent("Tom")
    billing = await team_of(at, "<b>Billing</b>", "Tom")
    _, number = await case_of(at, lea)
    await lea.done(f"cases/{number}/claim")
    done = await lea.done(f"cases/{number}/transfer", {"team": billing, "note": "Charged twice in May."})
    assert (done["status"], done["assignee"], done["team"]) == ("waiting", None, "<b>Billing</b>")
    case = await lea.case(number)
    assert case["team"] == "<b>Billing</b>"
    assert [(row["kind"], row["text"]) for row in case["transcript"]][-1] == ("note", "Charged twice in May.")
    async with browser(at, "tom@desk.example") as http:
        page = (await http.get("/desk?view=teams")).text
        assert "My teams" in page
        assert f'href="/desk/cases/{number}"' in page
        assert "&lt;b&gt;Billing&lt;/b&gt;" in page
        assert "<b>Billing</b>" not in page
        case_page = (await http.get(f"/desk/cases/{number}")).text
        assert "Lea passed it on to &lt;b&gt;Billing" in case_page
        rows = (await http.get("/desk/queue/rows?view=teams")).text
        assert 'data-teams="1"' in rows
    async with browser(at, "lea@desk.example") as http:
        assert "My teams" not in (await http.get("/desk")).text, "who belongs to none is not shown an empty one"
        assert number not in (await http.get("/desk?view=teams")).text


async def test_from_others_hands_only_a_supervisor_passes_on(at: Desk, lea: AgentClient) -> None:
    await at.agent("Tom")
    sue, zoe = await at.agent("Sue", "supervisor"), await at.agent("Zoe", "colleague")
    _, number = await case_of(at, lea)
    await lea.done(f"cases/{number}/claim")
    tom = await at.agent("Tom")
    give = {"to": "tom@desk.example", "note": "x"}
    assert refused(await tom.post(f"cases/{number}/transfer", give)) == (403, "forbidden")
    assert refused(await zoe.post(f"cases/{number}/transfer", give)) == (403, "forbidden")
    assert (await sue.done(f"cases/{number}/transfer", give))["assignee"] == "Tom"


@pytest.mark.parametrize(
    "body",
    [{}, {"to": None}, {"to": "tom@desk.example", "team": 1}, {"team": 0}, {"team": "x"}, {"team": 1, "note": "\x00"}],
)
async def test_what_makes_no_sense_is_refused(at: Desk, lea: AgentClient, body: Any) -> None:
    _, number = await case_of(at, lea)
    assert refused(await lea.post(f"cases/{number}/transfer", body)) == (422, "invalid")


async def test_whom_nobody_knows_gets_nothing(at: Desk, lea: AgentClient) -> None:
    await at.agent("Nia", "colleague")
    _, number = await case_of(at, lea)
    for body in ({"to": "no@desk.example"}, {"to": "nia@desk.example"}, {"team": 4711}):
        assert refused(await lea.post(f"cases/{number}/transfer", body)) == (404, "not_found")


# --- calling a colleague ---------------------------------------------------------------------------


async def test_who_is_mentioned_hears_it_and_finds_it_until_they_look(at: Desk, lea: AgentClient) -> None:
    tom, _ = await at.agent("Tom"), await at.agent("Nia", "colleague")
    ops = await team_of(at, "Ops", "Nia", "Lea")
    _, number = await case_of(at, lea)
    heard: list[Any] = []
    with at.house.frame.live.follow() as feed:
        body = {"text": "@Tom, and all of @Ops", "mentions": ["TOM@desk.example", "no@body.example"], "teams": [ops]}
        done = await lea.done(f"cases/{number}/note", body, key="call")
        assert await lea.done(f"cases/{number}/note", body, key="call") == done
        await until(lambda: _heard(feed, heard))
    people = {row[0]: row[1] for row in await at.sql("SELECT name, id FROM agent")}
    assert sorted(done["mentioned"]) == sorted([people["Tom"], people["Nia"]]), "not the one who writes it"
    assert (heard[0]["case"], heard[0]["name"], heard[0]["whom"]) == (number, "Lea", done["mentioned"])
    assert (await at.sql("SELECT count(*) FROM mention WHERE at > 0"))[0][0] == 2, "once"
    async with browser(at, "tom@desk.example") as http, browser(at, "nia@desk.example") as other:
        page = (await http.get("/desk?view=mentions")).text
        assert f'href="/desk/cases/{number}"' in page
        assert 'data-mentions="1"' in (await http.get("/desk/queue/rows?view=mentions")).text
        reading = {"kind": "reading", "case": number}
        assert (await http.post("/desk/signal", json=reading, headers=OURS)).status_code == 204
        assert number not in (await http.get("/desk?view=mentions")).text
        assert number in (await other.get("/desk?view=mentions")).text, "each for themselves"
    assert (await tom.case(number))["transcript"][-1]["text"] == "@Tom, and all of @Ops"


async def _heard(feed: Any, into: list[Any]) -> bool:
    into += [signal for signal in feed.take().signals if signal["kind"] == "mention"]
    return bool(into)


async def test_words_alone_call_nobody(at: Desk, lea: AgentClient) -> None:
    await at.agent("Tom")
    ana, number = await case_of(at, lea, "everything is down @Tom tom@desk.example")
    await lea.done(f"cases/{number}/note", {"text": "They write @Tom tom@desk.example"})
    assert (await at.sql("SELECT count(*) FROM mention m JOIN message s ON s.id = m.message_id"
                         " WHERE s.conversation_id = :id", id=await at.conversation(ana)))[0][0] == 0  # fmt: skip


@pytest.mark.parametrize("body", [{"mentions": "tom"}, {"mentions": ["x" * 321]}, {"teams": [0]}, {"teams": ["x"]}])
async def test_a_call_that_makes_no_sense_is_refused(at: Desk, lea: AgentClient, body: Any) -> None:
    _, number = await case_of(at, lea)
    assert refused(await lea.post(f"cases/{number}/note", {"text": "x", **body})) == (422, "invalid")


# --- blocking --------------------------------------------------------------------------------------


async def ends(at: Desk, lea: AgentClient, of: Customer) -> list[tuple[str, str | None]]:
    return [(row["end"], row["end_reason"]) for row in await lea.decided(await at.conversation(of))]


async def test_what_a_blocked_one_writes_is_kept_and_reaches_nobody(at: Desk, lea: AgentClient) -> None:
    ana, number = await case_of(at, lea, "buy my pills at once, you charged me twice")
    await lea.done(f"cases/{number}/claim")
    done = await lea.done(f"cases/{number}/block", {"why": "<i>pills</i>"})
    assert (done["status"], done["blocked"]) == ("resolved", True)
    before = len(await ana.read())
    cases = await at.sql('SELECT count(*), max(reopened) FROM "case"')
    for words in ("more pills", "talk to a person", "/link", "How do I create an email alias?"):
        assert (await ana.write(words)).status_code < 300, "the platform is told that it came"
    assert (await ends(at, lea, ana))[1:] == [("ignored", "blocked")] * 4
    assert await at.sql('SELECT count(*), max(reopened) FROM "case"') == cases
    assert [row["from"] for row in (await ana.read())[before:] if row["from"] != "customer"] == [], "not a word of ours"
    case = await lea.case(number)
    assert (case["outcome"], case["customer"]["blocked"]["by"]) == ("spam", "Lea")
    assert "more pills" in [row["text"] for row in case["transcript"]]
    async with browser(at, "lea@desk.example") as http:
        page = (await http.get(f"/desk/cases/{number}")).text
        assert "Blocked by Lea" in page
        assert "&lt;i&gt;pills" in page
        assert 'data-act="unblock"' in page
    assert refused(await lea.post(f"cases/{number}/block")) == (409, "wrong_state")


async def test_what_is_about_safety_reaches_people_still(at: Desk, lea: AgentClient) -> None:
    ana, number = await case_of(at, lea)
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/block", {"why": "spam"})
    await ana.write("I am going to kill myself")

    async def back() -> bool:
        return (await lea.case(number))["status"] == "waiting"

    assert await until(back)


async def test_who_is_unblocked_is_heard_again_and_others_always_were(at: Desk, lea: AgentClient) -> None:
    ana, number = await case_of(at, lea)
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/block")
    ben, _ = await case_of(at, lea)
    await ana.write("hello there, anybody")
    assert (await ends(at, lea, ana))[-1] == ("ignored", "blocked")
    await lea.done(f"cases/{number}/unblock")
    assert refused(await lea.post(f"cases/{number}/unblock")) == (409, "wrong_state")
    await ana.write("you charged me twice")
    assert (await ends(at, lea, ana))[-1][0] == "handed_off"
    assert (await lea.case(number))["customer"]["blocked"] is None
    assert (await ends(at, lea, ben))[-1][0] == "handed_off"


async def test_who_may_not_block_blocks_nobody(at: Desk, lea: AgentClient) -> None:
    tom, zoe = await at.agent("Tom"), await at.agent("Zoe", "colleague")
    _, number = await case_of(at, lea)
    await lea.done(f"cases/{number}/claim")
    assert refused(await tom.post(f"cases/{number}/block")) == (409, "held")
    assert refused(await zoe.post(f"cases/{number}/block")) == (403, "forbidden")
    assert (await lea.case(number))["customer"]["blocked"] is None, "what is refused leaves nothing behind"


# --- merging ---------------------------------------------------------------------------------------


async def two_of_one(at: Desk, lea: AgentClient) -> tuple[Customer, str, Customer, str]:
    """Two chats of one person, proven by a code, with a case each."""
    ana, one = await case_of(at, lea)
    await ana.write("/link")
    code = re.search(r"WL-\w{4}-\w{4}", (await ana.hears("notice"))["text"])
    assert code is not None
    again = at.customer()
    await again.write(code[0])
    await again.hears("notice")
    await again.write("you charged me twice")
    await again.hears("acknowledgement")
    found = await at.sql('SELECT max(id) FROM "case" WHERE conversation_id = :id', id=await at.conversation(again))
    return ana, one, again, f"W-{found[0][0] + 1000}"


async def test_what_is_written_in_a_merged_one_reaches_the_one_that_lives_on(at: Desk, lea: AgentClient) -> None:
    _, one, again, other = await two_of_one(at, lea)
    await lea.done(f"cases/{one}/claim")
    await lea.done(f"cases/{other}/merge", {"into": one})
    await lea.done(f"cases/{one}/reply", {"text": "Both are refunded."})
    heard = len(await again.read())
    await again.write("and the third charge?")
    assert (await ends(at, lea, again))[-1] == ("appended", "a person has this conversation")
    stays, gone = await lea.case(one), await lea.case(other)
    assert (stays["status"], stays["assignee"], stays["preview"]) == ("open", "Lea", "and the third charge?")
    assert stays["deadline"] is not None
    assert (stays["events"][-1]["kind"], stays["events"][-1]["data"]) == ("merged_wrote", {"other": other})
    assert (gone["status"], gone["outcome"], gone["merged_into"]) == ("resolved", "merged", one)
    assert len(await again.read()) == heard + 1, "nobody answers by themselves"
    async with browser(at, "lea@desk.example") as http:
        page = (await http.get(f"/desk/cases/{one}")).text
        assert f"wrote in {other}, which is merged into this one" in page
        merged = (await http.get(f"/desk/cases/{other}")).text
        assert f'Merged into <a href="/desk/cases/{one}"' in merged
        assert f"merged into {one}. Reply there." in merged


async def test_after_the_other_is_resolved_the_merged_one_opens_again(at: Desk, lea: AgentClient) -> None:
    _, one, again, other = await two_of_one(at, lea)
    await lea.done(f"cases/{one}/claim")
    await lea.done(f"cases/{other}/merge", {"into": one})
    await lea.done(f"cases/{one}/resolve")
    await again.write("it is still wrong")
    assert (await ends(at, lea, again))[-1][0] == "handed_off"
    case = await lea.case(other)
    assert (case["status"], case["merged_into"], case["outcome"]) == ("waiting", None, None)
    assert (await lea.case(one))["status"] == "resolved"


async def test_parted_by_an_undone_link_each_is_for_itself_again(at: Desk, lea: AgentClient) -> None:
    _, one, again, other = await two_of_one(at, lea)
    await lea.done(f"cases/{other}/merge", {"into": one})
    link = next(each["link"]["id"] for each in (await lea.case(one))["customer"]["identities"] if each["link"])
    await lea.done(f"cases/{one}/links/{link}/undo")
    assert (await lea.case(other))["status"] == "waiting", "nobody has answered them, whether they write again or not"
    await again.write("hello, this is somebody else")
    assert (await ends(at, lea, again))[-1][0] == "appended"
    assert "somebody else" in (await lea.case(other))["preview"]
    assert "somebody else" not in (await lea.case(one))["preview"]


async def test_a_merge_is_undone(at: Desk, lea: AgentClient) -> None:
    _, one, again, other = await two_of_one(at, lea)
    await lea.done(f"cases/{other}/merge", {"into": one})
    assert (await lea.done(f"cases/{other}/unmerge"))["status"] == "waiting"
    await again.write("anything new?")
    assert (await ends(at, lea, again))[-1][0] == "appended"
    assert (await lea.case(other))["preview"] == "anything new?"


async def test_both_conversations_at_once_lose_nothing(at: Desk, lea: AgentClient) -> None:
    ana, one, again, other = await two_of_one(at, lea)
    await lea.done(f"cases/{one}/claim")
    await lea.done(f"cases/{other}/merge", {"into": one})
    await lea.done(f"cases/{one}/reply", {"text": "Done."})
    await asyncio.gather(*(each.write(f"line {n}") for n in range(4) for each in (ana, again)))
    for each in (ana, again):
        assert [end for end, _ in await ends(at, lea, each)][-4:] == ["appended"] * 4
    case = await lea.case(one)
    assert case["status"] == "open"
    assert "merged_wrote" in [event["kind"] for event in case["events"]]


async def test_who_may_not_merge_merges_nothing(at: Desk, lea: AgentClient) -> None:
    tom, sue = await at.agent("Tom"), await at.agent("Sue", "supervisor")
    _, one, _, other = await two_of_one(at, lea)
    await lea.done(f"cases/{one}/claim")
    assert refused(await tom.post(f"cases/{other}/merge", {"into": one})) == (409, "held")
    assert refused(await (await at.agent("Zoe", "colleague")).post(f"cases/{other}/merge", {"into": one}))[0] == 403
    assert (await sue.done(f"cases/{other}/merge", {"into": one}))["into"] == one
    assert refused(await tom.post(f"cases/{other}/unmerge")) == (409, "held")
    assert (await sue.done(f"cases/{other}/unmerge"))["number"] == other


# --- writing first ---------------------------------------------------------------------------------


async def address_of(lea: AgentClient, number: str) -> tuple[str, int]:
    customer = (await lea.case(number))["customer"]
    return f"customers/{customer['id']}/conversations", customer["identities"][0]["id"]


async def test_who_writes_first_has_a_case_and_the_machine_is_silent(at: Desk, lea: AgentClient) -> None:
    ana, number = await case_of(at, lea)
    path, identity = await address_of(lea, number)
    body = {"identity": identity, "text": "Is the refund there?"}
    open_ = await lea.post(path, body)
    assert refused(open_) == (409, "wrong_state")
    assert f"{number} is open with them" in open_.json()["error"]["message"]
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/resolve")
    before = len(await ana.read())
    begun = await lea.done(path, body)
    assert (begun["status"], begun["assignee"], begun["number"] != number) == ("pending", "Lea", True)
    heard = (await ana.read())[before:]
    assert [(row["from"], row["text"]) for row in heard] == [("agent", "Is the refund there?")], "nothing else is said"
    await ana.write("How do I create an email alias?")
    assert (await ends(at, lea, ana))[-1][0] == "appended", "and the machine answers nothing"
    case = await lea.case(begun["number"])
    assert (case["status"], case["previous"], case["promises"]) == ("open", number, [])
    assert case["deadline"] is not None
    async with browser(at, "lea@desk.example") as http:
        assert "Lea wrote first" in (await http.get(f"/desk/cases/{begun['number']}")).text


async def test_a_conversation_that_cannot_be_begun_says_why(at: Desk, lea: AgentClient) -> None:
    zoe = await at.agent("Zoe", "colleague")
    _, number = await case_of(at, lea)
    path, identity = await address_of(lea, number)
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/block")
    body = {"identity": identity, "text": "Hello"}
    assert refused(await zoe.post(path, body)) == (403, "forbidden")
    blocked = await lea.post(path, body)
    assert "Unblock them first" in blocked.json()["error"]["message"]
    assert refused(await lea.post(path, {**body, "identity": 4711})) == (404, "not_found")
    assert refused(await lea.post("customers/4711/conversations", body)) == (404, "not_found")
    for wrong in ({"identity": identity}, {"identity": 0, "text": "x"}, {"identity": identity, "text": " "}):
        assert refused(await lea.post(path, wrong)) == (422, "invalid")
    await lea.done(f"cases/{number}/unblock")
    await at.sql(
        "UPDATE conversation SET public = true WHERE id = :id", id=(await lea.case(number))["conversation"]["id"]
    )
    alone = await lea.post(path, body)
    assert "never written to us alone" in alone.json()["error"]["message"]


async def test_of_two_who_write_first_at_once_one_does(at: Desk, lea: AgentClient) -> None:
    tom = await at.agent("Tom")
    ana, number = await case_of(at, lea)
    path, identity = await address_of(lea, number)
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/resolve")
    answers = await asyncio.gather(*(each.post(path, {"identity": identity, "text": "Hi"}) for each in (lea, tom)))
    assert sorted(answer.status_code for answer in answers) == [200, 409], [answer.text for answer in answers]
    assert [row["text"] for row in await ana.read() if row["from"] == "agent"].count("Hi") == 1
