"""One person on a platform and in the web chat: shown a code here, written there, known as one, and apart again."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from handoff import texts
from handoff.proof import MASKED
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

    async def case_there(self, who: str, text: str = "your whole site is down") -> str:
        """They write something grave on the platform; the number of the case."""
        await self.write(text, who)
        return number_of(await self.hears(who, "Your case is" if "down" in text else "Case"))

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
            ((of, by),) = await self.at.sql(
                "SELECT c.customer_id, i.customer_id FROM conversation c JOIN identity i ON i.id = c.identity_id"
                " WHERE c.id = :id", id=id_,
            )  # fmt: skip
            theirs = await self.at.sql('SELECT DISTINCT customer_id FROM "case" WHERE conversation_id = :id', id=id_)
            assert of == by
            assert [row[0] for row in theirs] in ([], [of])
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
