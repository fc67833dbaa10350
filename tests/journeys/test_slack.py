"""A customer in Slack, from the first question to a case that is opened again: the real SDK, the whole program."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.house import AgentClient, Desk, database_for, desk, served, until
from tests.platforms.slack import SlackPlatform
from tests.platforms.slack_state import BOT_USER

pytestmark = pytest.mark.asyncio(loop_scope="module")
ALIAS = "How do I create an email alias?"
US = f"<@{BOT_USER}>"


@dataclass
class Town:
    at: Desk
    slack: SlackPlatform
    lea: AgentClient

    def write(self, text: str, place: str, **more: Any) -> str:
        author = more.pop("author", f"u{place}")
        return str(self.slack.space.wrote(text=text, place=place, author=author, name="Ada", **more)["ts"])

    async def heard(self, place: str, count: int) -> list[dict[str, Any]]:
        """What arrived at a place, once it is so much."""

        async def look() -> list[dict[str, Any]] | None:
            sent = [send for send in self.slack.space.sends if send["channel"] == place]
            return sent if len(sent) >= count else None

        found: list[dict[str, Any]] = await until(look, within=40)
        return found

    async def ends(self, place: str, count: int) -> list[tuple[str, str]]:
        """Kind and end of what came in at a place, once there are so many and all are ended."""

        async def look() -> list[tuple[str, str]] | None:
            rows = await self.at.sql(
                'SELECT m.kind, m."end" FROM message m JOIN conversation c ON c.id = m.conversation_id'
                " WHERE c.place = :place AND m.direction = 'in' ORDER BY m.id",
                place=place,
            )
            done = len(rows) == count and all(row[1] for row in rows)
            return [(row[0], row[1]) for row in rows] if done else None

        found: list[tuple[str, str]] = await until(look, within=40)
        return found

    async def case(self, place: str) -> str:
        async def look() -> list[Any]:
            return await self.at.sql(
                'SELECT k.id FROM "case" k JOIN conversation c ON c.id = k.conversation_id WHERE c.place = :place',
                place=place,
            )

        return f"W-{(await until(look, within=40))[0][0] + 1000}"


WAYS = [("sqlite", "socket"), ("postgresql", "http")]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=WAYS, ids="-".join)
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    dialect, mode = request.param
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(SlackPlatform())
        secret = {"signing_secret": slack.knobs.secret} if mode == "http" else {"app_token": slack.knobs.app_token}
        channel = {"bot_token": slack.knobs.token, "api_url": slack.api_url, "mode": mode, "account": "help", **secret}
        settings = {"channels": {"slack": channel}, **await database_for(dialect)}
        at = await stack.enter_async_context(desk(tmp_path_factory.mktemp("home"), **settings))
        if mode == "http":
            address = await stack.enter_async_context(served(at.house))
            slack.pushed_to = f"{address}/channels/slack/help"
        yield Town(at, slack, await at.agent())


def _buttons(sent: dict[str, Any]) -> list[str]:
    return [
        element["action_id"] for block in sent["blocks"] if block["type"] == "actions" for element in block["elements"]
    ]


async def test_the_whole_way_in_a_direct_message(town: Town) -> None:
    town.write(ALIAS, "D1")
    (answer,) = await town.heard("D1", 1)
    assert "alias" in answer["text"]
    assert "helped:no" in _buttons(answer)
    assert "person" in _buttons(answer)
    town.write("no", "D1")
    handed = (await town.heard("D1", 2))[1]
    assert "Sorry, that missed." in handed["text"]
    assert await town.ends("D1", 2) == [("text", "answered"), ("text", "handed_off")]

    number = await town.case("D1")
    await town.lea.done(f"cases/{number}/claim")
    count = len(await town.heard("D1", 3))
    seq = (await town.lea.case(number))["conversation"]["last_seq"]
    await town.lea.done(f"cases/{number}/reply", {"text": "Here is how, *Ada* <!here>.", "after_seq": seq})
    reply = (await town.heard("D1", count + 1))[-1]
    assert "Here is how, *Ada* &lt;!here&gt;." in reply["text"]
    assert reply["username"] == "Lea"

    await town.lea.done(f"cases/{number}/resolve", {"outcome": "solved"})

    async def asked() -> bool:
        return any("survey:good" in _buttons(sent) for sent in await town.heard("D1", 1))

    await until(asked, within=40)
    town.write("it is broken again, your whole site is down", "D1")
    await town.ends("D1", 3)
    again = await town.lea.case(number)
    assert (again["status"], again["reopened"]) == ("waiting", 1)


async def test_a_file_is_refused_before_anything_leaves(town: Town) -> None:
    town.write("your whole site is down", "D9")
    await town.heard("D9", 1)
    number = await town.case("D9")
    await town.lea.done(f"cases/{number}/claim")

    async def put(mode: str) -> Any:
        return await town.lea.http.post(
            f"/api/v1/cases/{number}/files", params={"name": "a.pdf", "for": mode}, content=b"%PDF-1.7",
            headers=town.lea._headers(),
        )  # fmt: skip

    refused = await put("reply")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "file_refused")
    assert "Slack carries no files from us" in refused.json()["error"]["message"]
    await town.lea.done(f"cases/{number}/note", {"text": "see here", "files": [(await put("note")).json()["id"]]})


async def test_a_tap_says_no_as_well(town: Town) -> None:
    town.write(ALIAS, "D2")
    (answer,) = await town.heard("D2", 1)
    town.slack.space.pressed("D2", answer["ts"], "helped:no", "uD2")
    assert "Sorry, that missed." in (await town.heard("D2", 2))[1]["text"]
    assert await town.ends("D2", 2) == [("text", "answered"), ("button", "handed_off")]


async def test_a_mention_is_answered_in_its_thread_and_others_talk_on(town: Town) -> None:
    town.write("lovely weather", "C1", public=True, author="bystander")
    root = town.write(f"{US} {ALIAS}", "C1", public=True, raw=True)
    (answer,) = await town.heard("C1", 1)
    assert answer["thread_ts"] == root
    town.slack.space.pressed("C1", answer["ts"], "person", "uC1")
    await town.heard("C1", 2)
    ends = await town.ends("C1", 3)
    assert sorted(ends) == [("button", "handed_off"), ("text", "answered"), ("text", "ignored")]
    assert {sent["thread_ts"] for sent in await town.heard("C1", 2)} == {root}


async def test_the_shortcut_calls_a_person(town: Town) -> None:
    town.slack.space.user("U5", name="Eve")
    town.slack.space.shortcut("U5")
    assert (await town.heard("DU5", 1))[0]["text"]
    assert await town.ends("DU5", 1) == [("button", "handed_off")]


async def test_an_edit_and_a_deletion(town: Town) -> None:
    ts = town.write(ALIAS, "D6")
    await town.heard("D6", 1)
    town.slack.space.edited("D6", ts, "you charged me twice")
    assert (await town.ends("D6", 2))[1] == ("edit", "handed_off")
    town.slack.space.deleted("D6", ts)
    assert (await town.ends("D6", 3))[2] == ("deletion", "appended")


async def test_a_file_reaches_the_case(town: Town) -> None:
    file = town.slack.keep_file("../../shot.png", b"\x89PNG\r\n\x1a\nxyz")
    town.write("the editor is broken, see this", "D7", files=[file])
    await town.heard("D7", 1)
    whole = await town.lea.case(await town.case("D7"))
    assert [(each["name"], each["size"]) for each in whole["attachments"]] == [("shot.png", 11)]


async def test_our_echo_and_other_bots_end_nothing(town: Town) -> None:
    town.slack.knobs.echo = True
    town.write(ALIAS, "D8")
    await town.heard("D8", 1)
    assert sorted(await town.ends("D8", 2)) == [("text", "answered"), ("text", "ignored")]
    town.slack.knobs.echo = False
    town.write("buy our thing, it is down", "D29", bot=True)
    assert await town.ends("D29", 1) == [("text", "ignored")]


async def test_an_answer_whose_receipt_was_lost_is_found_and_not_sent_again(town: Town) -> None:
    town.slack.fault("chat.postMessage", "cut_after")
    town.write(ALIAS, "D10")
    (answer,) = await town.heard("D10", 1)

    async def settled() -> bool:
        rows = await town.at.sql(
            "SELECT m.status, m.external_id FROM message m JOIN conversation c ON c.id = m.conversation_id"
            " WHERE c.place = 'D10' AND m.direction = 'out'"
        )
        return [tuple(row) for row in rows] == [("sent", answer["ts"])]

    await until(settled, within=60)
    assert len(await town.heard("D10", 1)) == 1


async def test_a_mention_that_comes_behind_its_message_is_answered(town: Town) -> None:
    """Who does not know yet what they are called learns of a mention by the event of that name alone."""
    text = f"<@U0SOMEBODY> {ALIAS}"
    ts = town.write(text, "C11", public=True, raw=True)
    await town.ends("C11", 1)
    event = {"type": "app_mention", "user": "uC11", "text": text, "ts": ts, "channel": "C11"}
    town.slack.space.bring("C11", ts, "events_api", {"type": "event_callback", "event_id": "Ev11", "event": event})
    assert "alias" in (await town.heard("C11", 1))[0]["text"]
    assert await town.ends("C11", 2) == [("text", "ignored"), ("edit", "answered")]
