"""The team's Slack as the desk's window: the real SDK, the whole program, one web customer and her agents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.house import AgentClient, Customer, Desk, database_for, desk, served, until
from tests.platforms.slack import SlackPlatform

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOM = "C0DESK"
WAYS = [("sqlite", "socket"), ("postgresql", "http")]


@dataclass
class Town:
    at: Desk
    slack: SlackPlatform
    lea: AgentClient
    tom: AgentClient

    async def link(self, agent: AgentClient, user: str) -> None:
        """A code shown at the desk, written in the channel."""
        code = (await agent.done("me/slack-code"))["code"]
        before = len(self.whispers(user))
        self.say(user, code)
        await until(self._more(lambda: self.whispers(user)[before:]), within=30)

    def say(self, user: str, text: str, thread: str | None = None, **more: Any) -> str:
        wrote = self.slack.space.wrote(
            text=text, place=ROOM, author=user, name=user, thread=thread, public=True, **more
        )
        return str(wrote["ts"])

    def send(self, user: str, ts: str) -> None:
        self.slack.space.shortcut(user, place=ROOM, ts=ts, callback="send_to_the_customer", name="send")

    def press(self, user: str, ts: str, button: str) -> None:
        self.slack.space.pressed(ROOM, ts, button, user)

    def whispers(self, user: str) -> list[dict[str, Any]]:
        return [each for each in self.slack.space.whispers if each["user"] == user]

    @staticmethod
    def _more(found: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
        async def look() -> Any:
            return found()

        return look

    async def whispered(self, user: str, words: str) -> dict[str, Any]:
        """The newest whisper to somebody with these words."""

        def find() -> dict[str, Any] | None:
            return next((each for each in reversed(self.whispers(user)) if words in each["text"]), None)

        found: dict[str, Any] = await until(self._more(find), within=30)
        return found

    async def card(self, number: str, words: str = "") -> dict[str, Any]:
        """The card of a case as it stands now, once it says this."""

        def find() -> dict[str, Any] | None:
            return next(
                (
                    each
                    for each in self.slack.space.places[ROOM].messages.values()
                    if f"{number} ·" in each["text"] and "thread_ts" not in each and words in each["text"]
                ),
                None,
            )

        found: dict[str, Any] = await until(self._more(find), within=30)
        return found

    def thread(self, card: dict[str, Any]) -> list[dict[str, Any]]:
        messages = self.slack.space.places[ROOM].messages.values()
        return [each for each in messages if each.get("thread_ts") == card["ts"]]

    async def under(self, card: dict[str, Any], words: str) -> dict[str, Any]:
        """A post of ours in a card's thread with these words, waited for."""

        def find() -> dict[str, Any] | None:
            return next((each for each in self.thread(card) if words in each["text"] and each.get("bot_id")), None)

        found: dict[str, Any] = await until(self._more(find), within=30)
        return found

    async def case(self, customer: Customer) -> str:
        conversation = await self.at.conversation(customer)

        async def look() -> Any:
            return await self.at.sql(
                'SELECT id FROM "case" WHERE conversation_id = :id ORDER BY id DESC', id=conversation
            )

        return f"W-{(await until(look))[0][0] + 1000}"

    async def notes(self, number: str) -> list[str]:
        whole = await self.lea.case(number)
        return [row["text"] for row in whole["transcript"] if row["direction"] == "note"]

    async def out(self, number: str) -> list[str]:
        """What people said to the customer."""
        whole = await self.lea.case(number)
        return [row["text"] for row in whole["transcript"] if row["direction"] == "out" and row["from"] == "agent"]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=WAYS, ids="-".join)
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    dialect, mode = request.param
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(SlackPlatform())
        slack.space.place(ROOM, is_im=False)
        secret = {"signing_secret": slack.knobs.secret} if mode == "http" else {"app_token": slack.knobs.app_token}
        channel = {
            "bot_token": slack.knobs.token, "api_url": slack.api_url, "mode": mode, "desk_channel": ROOM, **secret,
        }  # fmt: skip
        settings = {"channels": {"slack": channel}, **await database_for(dialect)}
        at = await stack.enter_async_context(desk(tmp_path_factory.mktemp("home"), **settings))
        if mode == "http":
            address = await stack.enter_async_context(served(at.house))
            slack.pushed_to = f"{address}/channels/slack/main"
        made = Town(at, slack, await at.agent(), await at.agent("Tom"))
        slack.space.user("ULEA", name="Lea")
        slack.space.user("UTOM", name="Tom")
        await made.link(made.lea, "ULEA")
        await made.link(made.tom, "UTOM")
        yield made


def _buttons(message: dict[str, Any]) -> list[str]:
    return [
        element["action_id"]
        for block in message["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def _button(message: dict[str, Any], kind: str) -> str:
    return next(each for each in _buttons(message) if each.startswith(kind))


async def test_the_whole_way(town: Town) -> None:
    """Card, claim by button, note, send with undo, the customer's answer, resolved."""
    ana = town.at.customer()
    await ana.write("your whole site is down <!channel> *now*")
    number = await town.case(ana)
    card = await town.card(number, "Nobody has it yet")
    assert "your whole site is down &lt;!channel&gt;" in card["text"]
    assert _buttons(card) == [f"claim:{int(number[2:]) - 1000}", "open"]

    town.press("ULEA", card["ts"], _button(card, "claim"))
    card = await town.card(number, "Lea has it")
    assert _buttons(card) == ["open"]

    ts = town.say("ULEA", "It is the second balancer, I think", card["ts"])
    await until(lambda: _has(town, number, "It is the second balancer, I think"), within=30)
    assert await town.out(number) == []

    words = town.say("ULEA", "We are on it, Ana. <now>", card["ts"])
    town.send("ULEA", words)
    asked = await town.whispered("ULEA", "We are on it, Ana.")
    assert "in the web chat" in asked["text"]
    assert asked["thread_ts"] == card["ts"]
    assert await town.out(number) == []
    town.press("ULEA", asked["ts"], _button(asked, "send"))
    held = await town.under(card, "sends this in a moment")
    assert await town.out(number) == []
    town.press("ULEA", held["ts"], _button(held, "undo"))
    await town.under(card, "took it back")
    assert await town.out(number) == []

    town.send("ULEA", words)
    again = await until(lambda: _newer(town, asked), within=30)
    town.press("ULEA", again["ts"], _button(again, "send"))
    await town.under(card, "Lea has sent this")
    assert await town.out(number) == ["We are on it, Ana. <now>"]
    assert (await ana.hears("text"))["text"] == "We are on it, Ana. <now>"

    await ana.write("thank you, it works for half of us")
    await town.under(card, "it works for half of us")
    await town.lea.done(f"cases/{number}/resolve", {"outcome": "solved"})
    await town.card(number, "Resolved by Lea")
    assert ts
    said = [each["text"] for each in town.thread(card) if "We are on it" in each["text"]]
    assert len(said) == 3, "hers, the one taken back, and the one sent: it is not told a third time"


async def _has(town: Town, number: str, words: str) -> bool:
    return words in await town.notes(number)


async def _newer(town: Town, than: dict[str, Any]) -> dict[str, Any] | None:
    found = town.whispers("ULEA")[-1]
    return found if float(found["ts"]) > float(than["ts"]) else None


async def test_who_is_not_known_is_told_so_and_nothing_happens(town: Town) -> None:
    bob = town.at.customer()
    await bob.write("you charged me twice")
    number = await town.case(bob)
    card = await town.card(number, "Nobody has it yet")
    town.slack.space.user("UEVE", name="Eve")
    town.press("UEVE", card["ts"], _button(card, "claim"))
    told = await town.whispered("UEVE", "does not know who you are")
    assert told["channel"] == ROOM
    town.say("UEVE", "send this to everybody", card["ts"])
    await until(town._more(lambda: len(town.whispers("UEVE")) > 1), within=30)
    assert await town.notes(number) == []
    assert (await town.lea.case(number))["status"] == "waiting"


async def test_what_the_customer_wrote_since_stops_the_answer(town: Town) -> None:
    cem = town.at.customer()
    await cem.write("you charged me twice")
    number = await town.case(cem)
    card = await town.card(number, "Nobody has it yet")
    town.press("UTOM", card["ts"], _button(card, "claim"))
    await town.card(number, "Tom has it")
    town.send("UTOM", town.say("UTOM", "You were charged once.", card["ts"]))
    asked = await town.whispered("UTOM", "You were charged once.")
    town.press("UTOM", asked["ts"], _button(asked, "send"))
    await town.under(card, "Tom sends this in a moment")
    await cem.write("here is the second bill")
    told = await town.whispered("UTOM", "Not sent")
    assert "the second bill" in told["text"]
    assert await town.out(number) == []
    assert [each for each in await cem.read() if each["kind"] == "text" and each["from"] == "agent"] == []


async def test_events_that_come_again_and_a_claim_that_was_too_late(town: Town) -> None:
    dan = town.at.customer()
    await dan.write("you charged me twice")
    number = await town.case(dan)
    card = await town.card(number, "Nobody has it yet")
    town.press("ULEA", card["ts"], _button(card, "claim"))
    press = town.slack.space.parcels[-1].name
    await town.card(number, "Lea has it")
    note = town.say("ULEA", "a thought", card["ts"])
    for name in (press, press, note, note):
        town.slack.space.redeliver(name)
    town.press("UTOM", card["ts"], f"claim:{int(number[2:]) - 1000}")  # the button as it stood a moment ago
    assert "Lea has" in (await town.whispered("UTOM", f"{number}."))["text"]
    await until(lambda: _has(town, number, "a thought"), within=30)
    await until(town._more(lambda: not town.slack.space.unacknowledged()), within=30)
    assert await town.notes(number) == ["a thought"]
    assert [each["kind"] for each in (await town.lea.case(number))["events"]].count("claimed") == 1
