"""What a platform has and the web has not: edits, deletions, files, redelivery, other bots."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.databases import DIALECTS
from tests.house import AgentClient, Desk, database_for, desk, until
from tests.platforms.loopback import LoopbackPlatform
from tests.platforms.loopback_control import LoopbackControl

pytestmark = pytest.mark.asyncio(loop_scope="module")
ALIAS = "How do I create an email alias?"


@dataclass
class Town:
    at: Desk
    platform: LoopbackPlatform
    control: LoopbackControl
    lea: AgentClient

    async def ends(self, place: str, count: int) -> list[tuple[str, str]]:
        """Kind and end of what came in at a place, once there are so many and all are ended."""

        async def look() -> list[tuple[str, str]] | None:
            rows = await self.at.sql(
                'SELECT m.kind, m."end" FROM message m JOIN conversation c ON c.id = m.conversation_id'
                " WHERE c.place = :place AND m.direction = 'in' ORDER BY m.seq",
                place=place,
            )
            done = len(rows) == count and all(row[1] for row in rows)
            return [(row[0], row[1]) for row in rows] if done else None

        found: list[tuple[str, str]] = await until(look, within=30)
        return found

    async def heard(self, place: str, count: int) -> list[str]:
        """What arrived at a place, once it is so much."""

        async def look() -> list[str] | None:
            texts = [send["text"] for send in self.platform.account("main").sends if send["place"] == place]
            return texts if len(texts) >= count else None

        found: list[str] = await until(look, within=30)
        return found

    async def cases(self, place: str) -> list[dict[str, Any]]:
        rows = await self.at.sql(
            'SELECT k.* FROM "case" k JOIN conversation c ON c.id = k.conversation_id WHERE c.place = :place',
            place=place,
        )
        return [dict(row._mapping) for row in rows]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=DIALECTS)
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with LoopbackPlatform() as platform, LoopbackControl(platform.url) as control:
        channel = {"use": "tests.platforms.loopback_channel:make", "url": platform.url, "token": "secret-main"}
        settings = {"channels": {"loopback": channel | {"poll_wait": 5}}, **await database_for(request.param)}
        async with desk(tmp_path_factory.mktemp("home"), **settings) as at:
            yield Town(at, platform, control, await at.agent())


async def test_an_answer_and_a_tap(town: Town) -> None:
    await town.control.write(ALIAS, place="a")
    answer = (await town.heard("a", 1))[0]
    assert "Did this help?" in answer
    send = next(send for send in town.platform.account("main").sends if send["place"] == "a")
    await town.control.press("helped:no", send["id"], place="a")
    assert "Sorry, that missed." in (await town.heard("a", 2))[1]
    assert await town.ends("a", 2) == [("text", "answered"), ("button", "handed_off")]


async def test_an_edit_of_a_decided_message_may_only_escalate(town: Town) -> None:
    message = await town.control.write(ALIAS, place="b")
    await town.heard("b", 1)
    await town.control.edit(message["id"], "How do I download a full copy of my site?", place="b")
    assert await town.ends("b", 2) == [("text", "answered"), ("edit", "noted")]
    await town.control.edit(message["id"], "you charged me twice", place="b")
    assert (await town.ends("b", 3))[2] == ("edit", "handed_off")
    assert [case["tier"] for case in await town.cases("b")] == ["billing"]
    await town.control.edit(message["id"], "you charged me three times", place="b")
    assert (await town.ends("b", 4))[3] == ("edit", "appended")
    assert len(await town.cases("b")) == 1


async def test_an_edit_of_an_undecided_message_replaces_it(town: Town) -> None:
    async with town.at.house.database.write("test"):  # nothing is decided while this is held, on SQLite
        message = await town.control.write("thanks", place="c")
        await town.control.edit(message["id"], "your whole site is down", place="c")
    found = await town.ends("c", 2)
    assert found in (
        [("text", "superseded"), ("edit", "handed_off")],
        [("text", "noted"), ("edit", "handed_off")],  # it was faster than the edit
    )


async def test_a_deletion_closes_nothing(town: Town) -> None:
    message = await town.control.write("your whole site is down", place="d")
    await town.heard("d", 1)
    await town.control.delete(message["id"], place="d")
    assert await town.ends("d", 2) == [("text", "handed_off"), ("deletion", "appended")]
    assert [case["status"] for case in await town.cases("d")] == ["waiting"]


async def test_a_file_without_words(town: Town) -> None:
    await town.control.write("", place="e", files=[("../../etc/pass\u202ewd.png", b"x" * 100)])
    assert "we have what you sent" in (await town.heard("e", 1))[0]
    assert await town.ends("e", 1) == [("text", "handed_off")]
    case = (await town.cases("e"))[0]
    whole = await town.lea.case(f"W-{case['id'] + 1000}")
    assert [(file["name"], file["size"]) for file in whole["attachments"]] == [("passwd.png", 100)]


async def test_a_file_with_a_question_goes_to_a_person_who_sees_it(town: Town) -> None:
    await town.control.write("the editor is broken, see this", place="f", files=[("a.png", b"123")])
    await town.heard("f", 1)
    whole = await town.lea.case(f"W-{(await town.cases('f'))[0]['id'] + 1000}")
    assert [file["size"] for file in whole["attachments"]] == [3]


async def test_an_agents_file_goes_out_with_the_words(town: Town) -> None:
    await town.control.write("your whole site is down", place="files")
    await town.heard("files", 1)
    number = f"W-{(await town.cases('files'))[0]['id'] + 1000}"
    await town.lea.done(f"cases/{number}/claim")
    put = await town.lea.http.post(
        f"/api/v1/cases/{number}/files?name=facts.pdf", content=b"%PDF-1.7 facts", headers=town.lea._headers()
    )
    await town.lea.done(f"cases/{number}/reply", {"text": "These are the facts.", "files": [put.json()["id"]]})

    async def arrived() -> Any:
        sends = [send for send in town.platform.account("main").sends if send["text"] == "These are the facts."]
        return sends[0] if sends else None

    (file,) = (await until(arrived, within=30))["attachments"]
    assert (file["name"], base64.b64decode(file["content"])) == ("facts.pdf", b"%PDF-1.7 facts")

    async def delivered() -> bool:
        rows = (await town.lea.case(number))["transcript"]
        return any(row["text"] == "These are the facts." and row["status"] == "sent" for row in rows)

    await until(delivered)


async def test_redelivery_and_others(town: Town) -> None:
    message = await town.control.write("your whole site is down", place="g")
    await town.heard("g", 1)
    await town.control.call("redeliver", {"update": message["update"]})
    await town.control.write("buy our thing, it is down", place="h", bot=True)
    await town.control.write("everything is down, said to somebody else", place="i", addressed=False, public=True)
    assert await town.ends("h", 1) == [("text", "ignored")]
    assert await town.ends("i", 1) == [("text", "ignored")]
    assert await town.ends("g", 1) == [("text", "handed_off")]
    assert len(await town.cases("g")) == 1
    assert await town.cases("h") == await town.cases("i") == []


async def test_what_cannot_be_decoded_is_seen(town: Town) -> None:
    await town.control.call("poison", {"event": {"kind": "text", "place": 7}})

    async def seen() -> Any:
        return (await town.lea.get("quarantine"))["items"]

    items = await until(seen)
    assert items[0]["channel"] == "loopback"
    sue = await town.at.agent("Sue", "supervisor")
    assert (await sue.done(f"quarantine/{items[0]['id']}/retry"))["released"] is False
    await town.control.write("thanks", place="j")
    assert await town.ends("j", 1) == [("text", "noted")]
