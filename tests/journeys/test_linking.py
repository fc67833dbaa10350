"""One person on a platform and in the web chat: shown a code here, written there, known as one, and apart again."""

from __future__ import annotations

import asyncio
import random
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from bot import log
from channels.contract import Author, InboundMessage
from handoff import texts
from handoff.linking import CODES_AN_HOUR, WRONG_AN_HOUR
from handoff.proof import ALPHABET, MASKED, code_in, spelt
from tests.databases import DIALECTS
from tests.house import AgentClient, Customer, Desk, database_for, desk, until
from tests.platforms.loopback import LoopbackPlatform
from tests.platforms.loopback_control import LoopbackControl

pytestmark = pytest.mark.asyncio(loop_scope="module")
CODE = re.compile(r"WL-\w{4}-\w{4}")
ON_WEB, ON_LOOPBACK = texts.elsewhere("web"), texts.elsewhere("loopback")


@dataclass
class Town:
    at: Desk
    platform: LoopbackPlatform
    control: LoopbackControl
    lea: AgentClient

    async def write(self, text: str, who: str, **more: Any) -> None:
        """Somebody writes on the platform, in a place of their own."""
        await self.control.write(text, place=f"place-{who}", author=who, **more)

    async def hears(self, who: str, words: str) -> str:
        """What arrived there and holds these words."""

        async def look() -> str | None:
            sends = self.platform.account("main").sends
            return next(
                (send["text"] for send in sends if send["place"] == f"place-{who}" and words in send["text"]), None
            )

        found: str = await until(look)
        return found

    async def code_there(self, who: str) -> str:
        await self.write("/link", who)
        return code_of(await self.hears(who, "alone in a message"))

    async def reads(self, customer: Customer, words: str) -> str:
        async def look() -> str | None:
            return next((line["text"] for line in await customer.read() if words in line["text"]), None)

        found: str = await until(look)
        return found

    async def case_there(self, who: str) -> str:
        """They write something grave on the platform; the number of the case."""
        await self.write("your whole site is down", who)
        return number_of(await self.hears(who, "case is W-"))

    async def ends(self, conversation: int) -> list[tuple[str, str]]:
        return [(row["text"], row["end"]) for row in await self.lea.decided(conversation)]

    async def conversation_there(self, who: str) -> int:
        async def look() -> Any:
            return await self.at.sql("SELECT id FROM conversation WHERE place = :p", p=f"place-{who}")

        return int((await until(look))[0][0])

    async def customers(self, *conversations: int) -> list[int]:
        """Whose these are, by the rows of conversations; those of identities and cases must say the same."""
        found = []
        for id_ in conversations:
            # In one statement: a link may be made at this moment.
            ((of, by, theirs),) = await self.at.sql(
                "SELECT DISTINCT c.customer_id, i.customer_id, coalesce(k.customer_id, c.customer_id)"
                " FROM conversation c JOIN identity i ON i.id = c.identity_id"
                ' LEFT JOIN "case" k ON k.conversation_id = c.id WHERE c.id = :id', id=id_,
            )  # fmt: skip
            assert of == by == theirs
            found.append(of)
        return found


def code_of(text: str) -> str:
    found = CODE.search(text)
    assert found is not None
    return found[0]


def number_of(text: str) -> str:
    found = re.search(r"W-\d+", text)
    assert found is not None
    return found[0]


def somebody() -> str:
    return f"u{uuid.uuid4().hex[:8]}"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=DIALECTS)
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with LoopbackPlatform() as platform, LoopbackControl(platform.url) as control:
        channel = {"use": "tests.platforms.loopback_channel:make", "url": platform.url, "token": "secret-main"}
        settings = {"channels": {"loopback": channel | {"poll_wait": 5}}, **await database_for(request.param)}
        async with desk(tmp_path_factory.mktemp("home"), label_share=1.0, **settings) as at:
            yield Town(at, platform, control, await at.agent())


async def web(town: Town, text: str = "the whole site is down", **more: Any) -> tuple[Customer, str, int]:
    """Somebody with a case in the web chat: they, its number, the conversation."""
    customer = town.at.customer()
    await customer.write(text, **more)
    told = await customer.hears("acknowledgement")
    return customer, number_of(told["text"]), await town.at.conversation(customer)


async def test_a_code_shown_in_the_web_chat_and_written_on_a_platform_makes_them_one(town: Town) -> None:
    who = somebody()
    there = await town.case_there(who)
    ana, here, chat = await web(town, name="Ana Ruiz")
    await ana.write("/link")
    code = code_of(await town.reads(ana, "alone in a message"))
    await town.write(f"  {code.lower().replace('-', ' ')} ", who)
    assert await town.hears(who, "Linked") == texts.LINKED.format(where=ON_WEB)
    assert await town.reads(ana, "Linked") == texts.LINKED.format(where=ON_LOOPBACK)
    platform = await town.conversation_there(who)
    assert len(set(await town.customers(chat, platform))) == 1
    assert (await town.ends(platform))[-1] == (MASKED, "noted")
    assert code not in str(await ana.read()), "it shows no more when it is over"

    for number, other, channel in ((here, there, "loopback"), (there, here, "web")):
        case = await town.lea.case(number)
        assert [one["number"] for one in case["other_cases"]] == [other]
        away = [one for one in case["customer"]["identities"] if not one["here"]]
        assert [(one["channel"], one["link"]["how"]) for one in away] == [(channel, "code")]
        assert [one["channel"] for one in case["customer"]["conversations"]] == [channel]
        assert [event["kind"] for event in case["events"]].count("linked") == 1
    link = (await town.lea.case(here))["customer"]["identities"]
    number = next(one["link"]["id"] for one in link if one["link"])

    after, _, _ = await web(town)  # somebody else's case: no way to their link
    other = number_of((await after.hears("acknowledgement"))["text"])
    assert (await town.lea.post(f"cases/{other}/links/{number}/undo")).status_code == 404
    await town.lea.done(f"cases/{here}/links/{number}/undo")
    assert len(set(await town.customers(chat, platform))) == 2
    for which in (here, there):
        case = await town.lea.case(which)
        assert (case["other_cases"], len(case["customer"]["identities"])) == ([], 1)
        assert [event["kind"] for event in case["events"]].count("unlinked") == 1
    assert (await town.lea.post(f"cases/{here}/links/{number}/undo")).status_code == 404, "it is undone"


# --- where a code is written ------------------------------------------------------------------------


async def test_a_code_may_be_the_first_word_of_somebody_and_nobody_else_sees_it(
    town: Town, capfd: pytest.CaptureFixture[str]
) -> None:
    log.set_up("debug", readable=False)
    who = somebody()
    ana = town.at.customer()
    await ana.write("/link")
    code = code_of(await town.reads(ana, "alone in a message"))
    chat = await town.at.conversation(ana)
    await town.write(code, who)
    await town.hears(who, "Linked")
    there = await town.conversation_there(who)
    assert await town.ends(chat) == [("/link", "noted")]
    assert await town.ends(there) == [(MASKED, "noted")]
    out = "".join(capfd.readouterr())
    assert code not in out
    assert (code_in(code) or code) not in out
    for table in ("message", "verdict", "sample", "link_code", "case_event", "audit", "due"):
        rows = await town.at.sql(f"SELECT * FROM {table}")
        assert code not in str(rows), table
    read = "SELECT count(*) FROM {} s JOIN message m ON m.id = s.message_id WHERE m.conversation_id IN (:a, :b)"
    for table in ("verdict", "sample"):
        assert await town.at.sql(read.format(table), a=chat, b=there) == [(0,)], f"no {table} of a code"
    await ana.write("How do I create an email alias?")
    assert "alias" in (await ana.hears("answer"))["text"].lower(), "afterwards all is as ever"


async def test_a_code_beside_a_grave_message_links_and_the_case_is_the_new_customers(town: Town) -> None:
    ana, _, chat = await web(town)
    await ana.write("/link")
    code = code_of(await town.reads(ana, "alone in a message"))
    who = somebody()
    burst = [
        InboundMessage(
            channel="loopback", account="main", place=f"place-{who}", author=Author(external_id=who), text=text,
            external_id=f"{who}-{text}",
        )
        for text in (code, "your whole site is down")
    ]  # fmt: skip
    kept = await town.at.house.house.deliver(burst)
    number = number_of(await town.hears(who, "case is W-"))
    assert await town.ends(kept[0].conversation) == [(MASKED, "noted"), ("your whole site is down", "handed_off")]
    assert len(set(await town.customers(chat, kept[0].conversation))) == 1
    found = await town.lea.case(number)
    assert (found["preview"], len(found["other_cases"])) == ("your whole site is down", 1)


async def test_to_ask_twice_in_one_breath_is_to_ask_once(town: Town) -> None:
    who = somebody()
    twice = [
        InboundMessage(
            channel="loopback", account="main", place=f"place-{who}", author=Author(external_id=who), text=text,
            external_id=f"{who}-{text}",
        )
        for text in ("link my account", "/link")
    ]  # fmt: skip
    kept = await town.at.house.house.deliver(twice)
    await town.hears(who, "alone in a message")
    assert [end for _, end in await town.ends(kept[0].conversation)] == ["noted", "noted"]
    counting = "SELECT count(*) FROM link_code WHERE conversation_id = :c"
    assert await town.at.sql(counting, c=kept[0].conversation) == [(1,)]


async def test_what_only_looks_like_a_code_goes_to_a_person(town: Town) -> None:
    for text in ("WL-2346-779", "wlan broken", "my code is WL-2346-7799"):
        who = somebody()
        await town.write(text, who)
        await town.hears(who, "Case")
        assert await town.ends(await town.conversation_there(who)) == [(text, "handed_off")]


async def test_words_that_may_be_meant_for_the_agent_are_the_agents(town: Town) -> None:
    ana, _, chat = await web(town)
    await ana.write("link")
    assert (await town.ends(chat))[-1] == ("link", "appended")
    await ana.write("/link")
    code_of(await town.reads(ana, "alone in a message"))
    assert (await town.ends(chat))[-1] == ("/link", "noted")


# --- attacks ----------------------------------------------------------------------------------------


def guess() -> str:
    return spelt("".join(random.choices(ALPHABET, k=8)))


async def test_nothing_is_shown_and_nothing_counts_where_others_read(town: Town) -> None:
    who, other = somebody(), somebody()
    await town.write("/link", who, public=True)
    assert await town.hears(who, "directly") == texts.CODE_NOT_HERE
    code = await town.code_there(other)
    await town.write(code, f"{who}x", public=True)
    assert await town.hears(f"{who}x", "directly") == texts.CODE_SEEN
    ana = town.at.customer()
    await ana.write(code)
    assert await town.reads(ana, "not valid") == texts.CODE_WRONG, "it has been seen by others"
    unheard = await town.code_there(third := somebody())
    await town.write(unheard, f"{third}x", public=True, addressed=False)
    assert await town.ends(await town.conversation_there(f"{third}x")) == [(MASKED, "ignored")]
    await ana.write(unheard)
    await town.lea.decided(await town.at.conversation(ana))
    assert [line["text"] for line in await ana.read() if line["from"] == "system"] == 2 * [texts.CODE_WRONG]
    assert [send for send in town.platform.account("main").sends if send["place"] == f"place-{third}x"] == []
    assert await town.at.sql("SELECT count(*) FROM link WHERE undone_at IS NULL AND other_conversation_id = :c",
                             c=await town.conversation_there(other)) == [(0,)]  # fmt: skip


async def test_used_old_and_unknown_codes_are_told_in_the_same_words(town: Town) -> None:
    ana, ben, cem = somebody(), somebody(), somebody()
    used = await town.code_there(ana)
    await town.write(used, ana)
    assert await town.hears(ana, "write it there") == texts.CODE_HERE
    await town.write(used, ben)
    await town.hears(ben, "Linked")
    await town.write(used, cem)
    assert await town.hears(cem, "not valid") == texts.CODE_WRONG
    dan = somebody()
    old = await town.code_there(dan)
    await town.at.sql("UPDATE link_code SET expires_at = made_at - 1 WHERE conversation_id = :c",
                      c=await town.conversation_there(dan))  # fmt: skip
    for text in (old, guess()):
        eve = somebody()
        await town.write(text, eve)
        assert await town.hears(eve, "valid") == texts.CODE_WRONG
    again = somebody()
    code = await town.code_there(ben)
    await town.write(code, ana)
    assert await town.hears(ana, "already") == texts.LINKED_ALREADY.format(where=ON_LOOPBACK)
    await town.write(code, again)
    assert await town.hears(again, "valid") == texts.CODE_WRONG


async def test_a_newer_code_ends_the_one_before_and_there_are_not_many(town: Town) -> None:
    ana = somebody()

    async def heard(count: int) -> list[str]:
        async def look() -> list[str] | None:
            sends = [send["text"] for send in town.platform.account("main").sends if send["place"] == f"place-{ana}"]
            return sends if len(sends) == count else None

        found: list[str] = await until(look)
        return found

    for n in range(CODES_AN_HOUR + 1):
        await town.write("/link", ana, id=f"{ana}-{n}")
        told = await heard(n + 1)
    assert told[-1] == texts.CODES_TOO_OFTEN
    there = await town.conversation_there(ana)
    codes = [match[0] for text in told if (match := CODE.search(text))]
    bodies = str(await town.at.sql("SELECT body FROM message WHERE conversation_id = :c", c=there))
    assert [code in bodies for code in codes] == [False] * (CODES_AN_HOUR - 1) + [True]
    assert len(codes) == len(set(codes)) == CODES_AN_HOUR
    counting = "SELECT count(*) FROM link_code WHERE conversation_id = :c AND over_at IS NULL"
    assert await town.at.sql(counting, c=there) == [(1,)]
    await town.write(codes[0], somewhere := somebody())
    assert await town.hears(somewhere, "valid") == texts.CODE_WRONG


async def test_guesses_are_limited_also_a_hundred_at_once_in_many_places(town: Town) -> None:
    eve, victim = somebody(), somebody()
    code = await town.code_there(victim)
    for n in range(WRONG_AN_HOUR):
        await town.control.write(guess(), place=f"{eve}-first", author=eve, id=f"{eve}-{n}")
    wanted = [guess() for _ in range(99)]
    wanted.insert(50, code)
    await asyncio.gather(
        *(
            town.control.write(text, place=f"{eve}-{n % 20}", author=eve, id=f"{eve}-many-{n}")
            for n, text in enumerate(wanted)
        )
    )

    async def ended() -> Any:
        rows = await town.at.sql(
            'SELECT m."end", m.end_reason FROM message m JOIN conversation c ON c.id = m.conversation_id'
            " WHERE c.recipient = :eve AND m.direction = 'in'", eve=eve,
        )  # fmt: skip
        return rows if len(rows) == WRONG_AN_HOUR + 100 and all(row[0] for row in rows) else None

    assert {row[0] for row in await until(ended, within=60)} == {"noted"}
    tries = "SELECT count(*) FROM link_try t JOIN identity i ON i.id = t.identity_id WHERE i.external_id = :eve"
    assert await town.at.sql(tries, eve=eve) == [(WRONG_AN_HOUR,)]
    assert len(set(await town.customers(await town.conversation_there(victim)))) == 1
    links = "SELECT count(*) FROM link l JOIN identity i ON i.id = l.identity_id WHERE i.external_id = :eve"
    assert await town.at.sql(links, eve=eve) == [(0,)], "not even by the right one, beyond the limit"
    said = {send["text"] for send in town.platform.account("main").sends if send["place"].startswith(eve)}
    assert said <= {texts.CODE_WRONG, texts.CODE_TRIES}


async def test_of_many_who_write_one_code_at_the_same_moment_one_is_linked(town: Town) -> None:
    victim = somebody()
    code = await town.code_there(victim)
    crowd = [town.at.customer() for _ in range(8)]
    await asyncio.gather(*(one.write(code) for one in crowd))
    for one in crowd:
        await town.lea.decided(await town.at.conversation(one))
    told = [[line["text"] for line in await one.read() if line["from"] == "system"] for one in crowd]
    assert sorted(len(words) for words in told) == [1] * 8
    linked = [words for (words,) in told if words == texts.LINKED.format(where=ON_LOOPBACK)]
    assert len(linked) == 1
    assert {words for (words,) in told} == {linked[0], texts.CODE_WRONG}


# --- by an agent, and by a profile ------------------------------------------------------------------


async def test_an_agent_asks_for_a_proof_and_never_sees_the_code(town: Town) -> None:
    who = somebody()
    await town.case_there(who)
    ana, number, chat = await web(town)
    assert (await town.lea.post(f"cases/{number}/ask-proof")).status_code == 409
    await town.lea.done(f"cases/{number}/claim")
    done = await town.lea.done(f"cases/{number}/ask-proof", key=f"ask-{number}")
    assert done == await town.lea.done(f"cases/{number}/ask-proof", key=f"ask-{number}"), "once"
    words = await town.reads(ana, "alone in a message")
    assert words.startswith("Lea would like to see")
    code = code_of(words)
    case = await town.lea.case(number)
    rows = (await town.lea.get(f"conversations/{chat}/messages"))["messages"]
    assert code not in str(case) + str(rows)
    assert MASKED in rows[-1]["text"]
    await town.write(code, who)
    await town.hears(who, "Linked")
    away = [one for one in (await town.lea.case(number))["customer"]["identities"] if not one["here"]]
    assert [one["link"]["asked_by"] for one in away] == ["Lea"]
    ida = await town.at.agent(f"Ida{number}", "colleague")
    for path in (f"cases/{number}/ask-proof", f"cases/{number}/links/{away[0]['link']['id']}/undo"):
        assert (await ida.post(path)).status_code == 403


async def test_where_others_read_an_agent_is_told_so(town: Town) -> None:
    who = somebody()
    await town.write("your whole site is down", who, public=True)
    there = await town.conversation_there(who)
    await town.lea.decided(there)
    cases = (await town.lea.get("cases", limit=200))["cases"]
    number = next(case["number"] for case in cases if case["conversation"] == there)
    await town.lea.done(f"cases/{number}/claim")
    refused = await town.lea.post(f"cases/{number}/ask-proof")
    assert refused.status_code == 409
    assert "Others read this place" in refused.json()["error"]["message"]


async def writes_with_profile(town: Town, who: str, email: str, *, trusted: bool, id: str = "") -> int:
    """Somebody whose platform tells an address writes; their conversation."""
    author = Author(external_id=who, name=who, email=email, email_verified=trusted)
    message = InboundMessage(
        channel="loopback", account="main", place=f"place-{who}", author=author, external_id=f"{who}{id}",
        text="your whole site is down",
    )  # fmt: skip
    (kept,) = await town.at.house.house.deliver([message])
    await town.lea.decided(kept.conversation)
    return kept.conversation


async def test_the_same_address_links_only_where_platforms_vouch_for_it(town: Town) -> None:
    address = f"{somebody()}@example.com"
    one = await writes_with_profile(town, somebody(), address.upper(), trusted=True)
    await writes_with_profile(town, somebody(), address, trusted=False)
    await writes_with_profile(town, somebody(), address.replace("@", "+x@"), trusted=True)
    await web(town, name="Eve", email=address)
    who = somebody()
    other = await writes_with_profile(town, who, address, trusted=True)

    async def linked() -> Any:
        return len(set(await town.customers(one, other))) == 1

    await until(linked)
    (of,) = set(await town.customers(one, other))
    assert await town.at.sql("SELECT count(*) FROM identity WHERE customer_id = :c", c=of) == [(2,)]
    number = number_of(await town.hears(who, "case is W-"))
    away = next(one for one in (await town.lea.case(number))["customer"]["identities"] if not one["here"])
    assert away["link"]["how"] == "profile"
    await town.lea.done(f"cases/{number}/links/{away['link']['id']}/undo")
    await writes_with_profile(town, who, f"another-{address}", trusted=True, id="2")
    await writes_with_profile(town, who, address, trusted=True, id="3")

    async def run() -> Any:
        waiting = "SELECT count(*) FROM due WHERE kind = 'link_profile' AND consumed_at IS NULL"
        return await town.at.sql(waiting) == [(0,)]

    await until(run)
    assert len(set(await town.customers(one, other))) == 2, "what people took apart no profile joins again"
