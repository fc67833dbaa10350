"""A customer on Telegram, through the whole program: answered, handed over to a person, resolved, reopened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.contracts.serving import free_port
from tests.databases import DIALECTS
from tests.house import AgentClient, Desk, database_for, desk, served, until
from tests.platforms.loopback_push import TLS
from tests.platforms.plain_http import PlainServer, Reply, Request
from tests.platforms.telegram import TelegramControl, TelegramPlatform

pytestmark = pytest.mark.asyncio(loop_scope="module")
ALIAS = "How do I create an email alias?"
TOKEN = "7:secret-7"


@dataclass
class Town:
    at: Desk
    control: TelegramControl
    lea: AgentClient

    async def heard(self, chat: int, count: int) -> list[dict[str, Any]]:
        """What the bot has said in a chat, once it is so much."""

        async def look() -> list[dict[str, Any]] | None:
            sends = [sent for sent in (await self.control.state())["sends"] if sent["chat"]["id"] == chat]
            return sends if len(sends) >= count else None

        found: list[dict[str, Any]] = await until(look)
        return found

    async def ends(self, place: int, count: int) -> list[tuple[str, str]]:
        """Kind and end of what came in at a place, once there are so many and all are ended."""

        async def look() -> list[tuple[str, str]] | None:
            rows = await self.at.sql(
                'SELECT m.kind, m."end" FROM message m JOIN conversation c ON c.id = m.conversation_id'
                " WHERE c.place = :place AND m.direction = 'in' ORDER BY m.seq",
                place=str(place),
            )
            done = len(rows) == count and all(row[1] for row in rows)
            return [(row[0], row[1]) for row in rows] if done else None

        found: list[tuple[str, str]] = await until(look)
        return found

    async def case(self, place: int) -> str:
        """The number of the newest case there."""
        rows = await self.at.sql(
            'SELECT k.id FROM "case" k JOIN conversation c ON c.id = k.conversation_id WHERE c.place = :place'
            " ORDER BY k.id DESC",
            place=str(place),
        )
        return f"W-{rows[0][0] + 1000}"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[*DIALECTS, "webhook"])
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with TelegramPlatform() as platform, TelegramControl(platform.url) as control:
        channel: dict[str, Any] = {"token": TOKEN, "api_url": platform.url, "poll_wait": 5, "album_wait": 0.3}
        if request.param != "webhook":
            database = await database_for(request.param)
            async with desk(tmp_path_factory.mktemp("home"), channels={"telegram": channel}, **database) as at:
                yield Town(at, control, await at.agent())
            return
        port = free_port()
        hook = {"mode": "webhook", "public_url": f"http://127.0.0.1:{port}", "secret": "it-is_Telegram"}
        home = tmp_path_factory.mktemp("home")
        async with desk(home, channels={"telegram": channel | hook}) as at, served(at.house) as url:
            door = PlainServer(lambda asked: _passed_on(url, asked))
            await door.open(port)
            yield Town(at, control, await at.agent())
            await door.shut()


async def _passed_on(url: str, asked: Request) -> Reply:
    """As a reverse proxy does: the address that Telegram knows leads to wherever the desk listens."""
    name = "x-telegram-bot-api-secret-token"
    async with httpx.AsyncClient(base_url=url, verify=TLS, trust_env=False) as client:
        answer = await client.post(asked.path, content=asked.body, headers={name: asked.headers.get(name, "")})
    return Reply(status=answer.status_code, body=answer.content)


async def test_answered_handed_over_answered_resolved_reopened(town: Town) -> None:
    chat = 2001
    await town.control.write("/start", chat=chat)
    assert "Tell us what you need" in (await town.heard(chat, 1))[0]["text"]
    await town.control.write(ALIAS, chat=chat)
    answer = (await town.heard(chat, 2))[1]
    assert "Did this help?" in answer["text"]
    assert {entity["type"] for entity in answer["entities"]} <= {"bold", "text_link", "code", "italic", "pre"}
    assert any(entity["type"] == "text_link" for entity in answer["entities"])
    labels = [button["callback_data"] for row in answer["reply_markup"]["inline_keyboard"] for button in row]
    assert labels == ["helped:yes", "helped:no", "person"]

    await town.control.write("no", chat=chat)
    assert "Sorry, that missed." in (await town.heard(chat, 3))[2]["text"]
    assert await town.ends(chat, 3) == [("text", "answered"), ("text", "answered"), ("text", "handed_off")]

    case = await town.case(chat)
    await town.lea.done(f"cases/{case}/claim")
    await town.lea.done(f"cases/{case}/reply", {"text": "Ask @support_bot, or type /alias. I am Lea."})
    said = (await town.heard(chat, 5))[-1]  # her name at the takeover comes first
    assert said["text"].endswith("Ask @support_bot, or type /alias. I am Lea.")
    assert not {"mention", "bot_command"} & {entity["type"] for entity in said["entities"]}
    await town.lea.done(f"cases/{case}/resolve", {})

    async def asked() -> list[dict[str, Any]] | None:
        rated = [sent for sent in await town.heard(chat, 5) if "survey:good" in str(sent.get("reply_markup"))]
        return rated or None

    survey = (await until(asked))[0]
    await town.control.press("survey:good", chat=chat, message=survey["message_id"])
    assert (await town.ends(chat, 4))[-1] == ("button", "noted")
    await town.control.write("it does not work after all, the alias bounces", chat=chat)
    assert (await town.ends(chat, 5))[-1] == ("text", "handed_off")
    assert (await town.lea.case(case))["status"] in ("open", "waiting")
    assert await town.case(chat) == case


async def test_a_press_counts_as_a_typed_no(town: Town) -> None:
    chat = 2002
    await town.control.write(ALIAS, chat=chat)
    answer = (await town.heard(chat, 1))[0]
    await town.control.press("helped:no", chat=chat, message=answer["message_id"])
    assert "Sorry, that missed." in (await town.heard(chat, 2))[1]["text"]
    assert await town.ends(chat, 2) == [("text", "answered"), ("button", "handed_off")]

    async def shown() -> bool:
        markup = (await town.heard(chat, 1))[0]["reply_markup"]
        return [button["text"] for row in markup["inline_keyboard"] for button in row] == ["✓ No"]

    await until(shown)


async def test_a_command_calls_a_person(town: Town) -> None:
    await town.control.write("/human", chat=2003)
    assert await town.ends(2003, 1) == [("button", "handed_off")]
    assert len(await town.heard(2003, 1)) == 1


async def test_blocked_by_the_customer(town: Town) -> None:
    chat = 2004
    await town.control.write("your whole site is down", chat=chat)
    await town.heard(chat, 1)
    case = await town.case(chat)
    await town.lea.done(f"cases/{case}/claim")
    user = {"id": 7, "is_bot": True, "first_name": "Warm"}
    change = {
        "old_chat_member": {"user": user, "status": "member"},
        "new_chat_member": {"user": user, "status": "kicked"},
    }
    who = {"id": chat, "type": "private", "first_name": "Ada"}
    await town.control.call("block", chat=chat)
    update = {"chat": who, "from": {"id": chat, "is_bot": False, "first_name": "Ada"}, "date": 1795363300, **change}
    await town.control.call("update", update={"my_chat_member": update})
    assert (await town.ends(chat, 2))[1] == ("text", "ignored")
    await town.lea.done(f"cases/{case}/reply", {"text": "It is up again."})

    async def failed() -> list[Any] | None:
        rows = await town.at.sql("SELECT error FROM message WHERE status = 'failed' AND body = 'It is up again.'")
        return list(rows) or None

    assert "has blocked the bot" in (await until(failed))[0][0]


async def test_an_album_is_one_case_and_one_answer(town: Town) -> None:
    chat = 2005
    photo = [{"file_id": "photos/1", "file_unique_id": "u", "width": 9, "height": 9, "file_size": 20}]
    await town.control.call("file", path="photos/1", content="/9j/4AAQSkZJRgABAQ==")
    for words in ({}, {"caption": "the editor is broken, see this"}, {}):
        await town.control.write("", chat=chat, photo=photo, media_group_id="77", **words)
    assert await town.ends(chat, 3) == [("text", "handed_off")] * 3
    assert len(await town.heard(chat, 1)) == 1
    whole = await town.lea.case(await town.case(chat))
    assert [file["name"] for file in whole["attachments"]] == ["photo.jpg"] * 3


async def test_a_group_is_answered_where_it_asks(town: Town) -> None:
    group = -1002000000006
    forum = {"group": True, "is_forum": True, "message_thread_id": 55, "is_topic_message": True}
    await town.control.write("everything is down, said to somebody else", chat=group, author=2006, **forum)
    assert await town.ends(group, 1) == [("text", "ignored")]
    await town.control.write("@warm7bot your whole site is down", chat=group, author=2007, **forum)
    (said,) = await town.heard(group, 1)
    assert said["message_thread_id"] == 55


async def test_a_token_that_was_revoked_costs_nothing(town: Town) -> None:
    chat = 2008
    await town.control.write("your whole site is down", chat=chat)
    await town.heard(chat, 1)
    case = await town.case(chat)
    await town.lea.done(f"cases/{case}/claim")
    await town.heard(chat, 2)
    await town.control.call("tokens", valid=False)
    await town.lea.done(f"cases/{case}/reply", {"text": "Look at our status page."})

    async def waits() -> Any:
        return await town.at.sql(
            "SELECT 1 FROM message"
            " WHERE body LIKE 'Look at our%' AND status = 'queued' AND error LIKE '%set a new one%'"
        )

    await until(waits)
    await town.control.write("are you there", chat=chat)
    await town.control.call("tokens", valid=True)
    assert (await town.heard(chat, 3))[2]["text"] == "Look at our status page."
    assert (await town.ends(chat, 2))[1] == ("text", "appended")
