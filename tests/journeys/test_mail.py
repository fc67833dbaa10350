"""An answer that nobody reads in the chat goes by mail: once, as it was written, to who gave an address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.databases import DIALECTS
from tests.house import AgentClient, Customer, Desk, database_for, desk, until
from tests.platforms.post_office import Mail, PostOffice, post_office

FROM = "Acme Help <help@acme.example>"


@asynccontextmanager
async def with_post(
    home: Path, office: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[tuple[Desk, PostOffice]]:
    async with post_office(**(office or {})) as post:
        from pydantic import SecretStr

        settings = {
            "smtp_url": SecretStr(post.url),
            "mail_from": FROM,
            "company": "Acme",
            "public_url": "https://help.acme.example",
            **changes,
        }
        async with desk(home, **settings) as at:
            yield at, post


async def five_minutes_later(at: Desk) -> None:
    """All that waits to be read has waited long enough, and the last mail lies five minutes back."""
    await at.sql("UPDATE due SET at = 1 WHERE kind = 'unread' AND consumed_at IS NULL")
    await at.sql("UPDATE case_event SET at = at - 300000000 WHERE kind = 'mailed'")


async def settled(at: Desk) -> None:
    """No row is left that has come due."""

    async def none() -> bool:
        await at.house.clock.tick()
        return not await at.sql("SELECT 1 FROM due WHERE kind = 'unread' AND consumed_at IS NULL AND at < 1000")

    await until(none, within=20)


async def asked(at: Desk, **who: Any) -> tuple[Customer, AgentClient]:
    """Ana has asked for a person, and Lea has the case."""
    ana, lea = at.customer(), await at.agent()
    await ana.write("let me talk to a human", **{"name": "Ana", "email": "ana@example.com", **who})
    await ana.hears("acknowledgement")
    await lea.done("cases/W-1001/claim")
    return ana, lea


async def reply(lea: AgentClient, text: str) -> dict[str, Any]:
    return await lea.done("cases/W-1001/reply", {"text": text})


async def read_all(at: Desk) -> None:
    await at.sql("UPDATE conversation SET seen_seq = next_seq - 1, seen_at = 2")


def kinds(case: dict[str, Any]) -> list[str]:
    return [event["kind"] for event in case["events"] if event["kind"] in ("mailed", "mail_failed", "not_mailed")]


@pytest.fixture(params=DIALECTS)
async def where(request: pytest.FixtureRequest) -> dict[str, Any]:
    return await database_for(request.param)


async def test_a_mail_says_that_a_file_waits_in_the_chat(tmp_path: Path) -> None:
    async with with_post(tmp_path) as (at, post):
        _, lea = await asked(at)
        put = await lea.http.post(
            "/api/v1/cases/W-1001/files?name=facts.pdf", content=b"%PDF-1.7", headers=lea._headers()
        )
        await lea.done("cases/W-1001/reply", {"text": "See here.", "files": [put.json()["id"]]})
        await five_minutes_later(at)
        await settled(at)
        (mail,) = post.mails
        assert "See here.\n\n(A file came with this: in the chat.)\n" in mail.text


async def test_an_unread_answer_goes_by_mail_once(tmp_path: Path, where: dict[str, Any]) -> None:
    async with with_post(tmp_path, **where) as (at, post):
        _, lea = await asked(at)
        said = await reply(lea, "It is back.\n\n.Try again:\nhttps://acme.example/a?b=c — grüße")
        assert said["reach"] == "Ana has left; unread after 5 minutes this goes to a•••@example.com."
        await settled(at)
        assert post.mails == [], "before its time"
        await five_minutes_later(at)
        await settled(at)
        (mail,) = post.mails
        assert (mail.sender, mail.to) == ("help@acme.example", ["ana@example.com"])
        message = mail.message
        assert message["From"] == "Lea at Acme Help <help@acme.example>"
        assert message["To"] == "ana@example.com"
        assert message["Subject"] == "Acme: an answer to you (W-1001)"
        assert message["Auto-Submitted"] is None
        assert message["Message-ID"].endswith("@acme.example>")
        assert "It is back.\n\n.Try again:\nhttps://acme.example/a?b=c — grüße\n" in mail.text
        assert "https://help.acme.example\n" in mail.text
        assert "Ana" not in mail.text
        assert "talk to a human" not in mail.text
        case = await lea.case("W-1001")
        assert kinds(case) == ["mailed"]
        (shown,) = [line for line in case["transcript"] if line["text"].startswith("It is back.")]
        assert shown["mailed_at"] is not None
        assert case["reach"]["sentence"] == "Ana has left. What was unread went to a•••@example.com."
        assert case["reach"] == {
            "here": False, "seen_seq": 0, "seen_at": None, "email": True, "mail": "on",
            "sentence": case["reach"]["sentence"],
        }  # fmt: skip
        await five_minutes_later(at)
        await settled(at)
        assert len(post.mails) == 1


async def test_what_was_read_in_time_stays_in_the_chat(tmp_path: Path, where: dict[str, Any]) -> None:
    async with with_post(tmp_path, **where) as (at, post):
        _, lea = await asked(at)
        await reply(lea, "It is back.")
        await read_all(at)
        await five_minutes_later(at)
        await settled(at)
        assert post.seen == []
        assert kinds(await lea.case("W-1001")) == []


async def test_a_burst_is_one_mail_and_what_comes_later_another_of_the_same_thread(tmp_path: Path) -> None:
    async with with_post(tmp_path) as (at, post):
        _, lea = await asked(at)
        for text in ("One.", "Two.", "Three."):
            await reply(lea, text)
        await five_minutes_later(at)
        await settled(at)
        (first,) = post.mails
        assert first.text.index("One.") < first.text.index("Two.") < first.text.index("Three.")
        await reply(lea, "Four.")
        await at.sql("UPDATE due SET at = 1 WHERE kind = 'unread' AND consumed_at IS NULL")
        await settled(at)
        assert len(post.mails) == 1, "at most one in five minutes"
        await five_minutes_later(at)
        await settled(at)
        second = post.mails[1]
        assert "Four." in second.text
        assert "Three." not in second.text
        assert second.message["In-Reply-To"] == first.message["Message-ID"]
        assert second.message["Message-ID"] != first.message["Message-ID"]


async def test_of_several_that_look_one_sends(tmp_path: Path, where: dict[str, Any]) -> None:
    async with with_post(tmp_path, {"slow": 0.3}, **where) as (at, post):
        _, lea = await asked(at)
        await reply(lea, "One.")
        await reply(lea, "Two.")
        await five_minutes_later(at)
        await asyncio.gather(*(at.house.clock.tick() for _ in range(6)))
        await settled(at)
        assert len(post.seen) == 1


async def test_ten_a_day(tmp_path: Path) -> None:
    async with with_post(tmp_path) as (at, post):
        _, lea = await asked(at)
        for number in range(12):
            await reply(lea, f"Number {number}.")
            await five_minutes_later(at)
            await settled(at)
        assert len(post.mails) == 10
        sentence = (await lea.case("W-1001"))["reach"]["sentence"]
        assert "has not left yet: 10 mails have gone to this address within a day" in sentence
        await at.sql("UPDATE case_event SET at = at - 86400000000 WHERE kind = 'mailed'")
        await five_minutes_later(at)
        await settled(at)
        assert "Number 10." in post.mails[10].text
        assert "Number 11." in post.mails[10].text


async def test_without_an_address_nothing_leaves_and_the_agent_knows(tmp_path: Path, where: dict[str, Any]) -> None:
    async with with_post(tmp_path, **where) as (at, post):
        ana, lea = await asked(at, email=None)
        said = await reply(lea, "It is back.")
        assert said["reach"] == "Ana has left and gave no address, so this waits in the chat until Ana is back."
        await reply(lea, "Really.")
        await five_minutes_later(at)
        await settled(at)
        case = await lea.case("W-1001")
        assert kinds(case) == ["not_mailed"]
        assert case["events"][-1]["data"]["why"] == "no_address"
        assert post.seen == []
        conversation = await at.conversation(ana)
        await at.house.house.reach(conversation, email="Ana@Example.com", name="")
        await five_minutes_later(at)
        await settled(at)
        assert post.mails[0].to == ["ana@example.com"]
        assert "It is back." in post.mails[0].text
        assert "Really." in post.mails[0].text


async def test_an_address_that_comes_in_time(tmp_path: Path) -> None:
    async with with_post(tmp_path) as (at, post):
        ana, lea = await asked(at, email=None)
        await reply(lea, "It is back.")
        await at.house.house.reach(await at.conversation(ana), email="ana@example.com", name="")
        assert await at.sql("SELECT count(*) FROM due WHERE kind = 'unread'") == [(1,)]
        await five_minutes_later(at)
        await settled(at)
        assert len(post.mails) == 1


async def test_without_a_mail_server_the_agent_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        _, lea = await asked(at)
        said = await reply(lea, "It is back.")
        sentence = "Ana has left. Mail is not set up (WARMLINE_SMTP_URL), so this waits in the chat until Ana is back."
        assert said["reach"] == sentence
        assert (await lea.case("W-1001"))["reach"]["sentence"] == sentence
        assert await at.sql("SELECT count(*) FROM due WHERE kind = 'unread'") == [(0,)]


async def test_mail_that_was_turned_off_meanwhile(tmp_path: Path) -> None:
    async with with_post(tmp_path) as (at, _):
        _, lea = await asked(at)
        await reply(lea, "It is back.")
    async with desk(tmp_path) as at:
        await five_minutes_later(at)
        await settled(at)
        lea.http = at.http
        case = await lea.case("W-1001")
        assert [event["data"]["why"] for event in case["events"] if event["kind"] == "not_mailed"] == ["off"]


async def test_who_has_the_chat_open_is_here(tmp_path: Path) -> None:
    async with with_post(tmp_path) as (at, _):
        ana, lea = await asked(at)
        with at.house.house.listen(await at.conversation(ana)):
            assert (await reply(lea, "It is back."))["reach"] == "Ana is here."
        assert (await lea.case("W-1001"))["reach"]["here"] is False
        await at.house.house.seen(await at.conversation(ana), 2)
        assert (await lea.case("W-1001"))["reach"]["sentence"] == "Ana is here."


async def test_spam_gets_no_mail(tmp_path: Path) -> None:
    async with with_post(tmp_path) as (at, post):
        _, lea = await asked(at)
        await reply(lea, "What do you want?")
        await lea.done("cases/W-1001/resolve", {"outcome": "spam"})
        await five_minutes_later(at)
        await settled(at)
        assert post.seen == []


async def test_a_resolved_case_is_answered_all_the_same(tmp_path: Path) -> None:
    async with with_post(tmp_path) as (at, post):
        _, lea = await asked(at)
        await reply(lea, "It is back.")
        await lea.done("cases/W-1001/resolve", {"outcome": "solved"})
        await five_minutes_later(at)
        await settled(at)
        assert len(post.mails) == 1


# --- servers on a bad day ---------------------------------------------------------------------------


async def tried_again(at: Desk) -> None:
    await five_minutes_later(at)
    await settled(at)


async def test_a_server_that_is_busy_is_asked_again(tmp_path: Path) -> None:
    async with with_post(tmp_path, {"data": ["451 try later"] * 3}) as (at, post):
        _, lea = await asked(at)
        await reply(lea, "It is back.")
        for _ in range(3):
            await tried_again(at)
        sentence = (await lea.case("W-1001"))["reach"]["sentence"]
        assert sentence == "Ana has left. The mail to a•••@example.com has not left yet: 451 try later"
        await reply(lea, "And stays so.")
        await tried_again(at)
        assert len(post.mails) == 1
        assert "And stays so." in post.mails[0].text, "what was certainly not taken may grow"
        assert kinds(await lea.case("W-1001")) == ["mailed"]


async def test_an_address_that_is_refused_is_told_and_not_tried_again(tmp_path: Path, where: dict[str, Any]) -> None:
    async with with_post(tmp_path, {"rcpt": ["550 no such\x1b[31m user"]}, **where) as (at, post):
        ana, lea = await asked(at)
        await reply(lea, "One.")
        await reply(lea, "Two.")
        await tried_again(at)
        case = await lea.case("W-1001")
        assert kinds(case) == ["mail_failed"]
        assert case["reach"]["sentence"] == (
            "Ana has left. The mail to a•••@example.com was refused: 550 no such [31m user"
        )
        await tried_again(at)
        assert post.seen == []
        await at.house.house.reach(await at.conversation(ana), email="ana@example.org", name="")
        await tried_again(at)
        (mail,) = post.mails
        assert mail.to == ["ana@example.org"]
        assert "One." in mail.text
        assert (await lea.case("W-1001"))["reach"]["sentence"].endswith("What was unread went to a•••@example.org.")


async def test_a_server_that_hangs_up_is_sent_the_same_again(tmp_path: Path, where: dict[str, Any]) -> None:
    async with with_post(tmp_path, {"cut": 1}, **where) as (at, post):
        _, lea = await asked(at)
        await reply(lea, "It is back.")
        await tried_again(at)
        assert len(post.mails) == 1
        assert kinds(await lea.case("W-1001")) == []
        await reply(lea, "Something else.")
        await tried_again(at)
        first, second = post.mails[:2]
        assert first.raw == second.raw, "the same mail, to the byte"
        assert kinds(await lea.case("W-1001")) == ["mailed"]
        await tried_again(at)
        await tried_again(at)
        assert "Something else." in post.mails[2].text
        assert "It is back." not in post.mails[2].text


async def test_a_server_that_is_away_for_two_days(tmp_path: Path) -> None:
    async with with_post(tmp_path, {"mail_from": ["554 5.7.1 you are on a list"] * 50}) as (at, post):
        _, lea = await asked(at)
        await reply(lea, "It is back.")
        for _ in range(5):
            await tried_again(at)
        assert kinds(await lea.case("W-1001")) == [], "that is no fault of this letter"
        ((data,),) = await at.sql("SELECT data FROM due WHERE kind = 'unread'")
        import json

        since = json.loads(data)["since"] if isinstance(data, str) else data["since"]
        await at.sql("UPDATE due SET data = replace(data, :then, '2020-01-01T00:00:00+00:00')", then=since)
        await tried_again(at)
        case = await lea.case("W-1001")
        assert kinds(case) == ["mail_failed"]
        assert case["events"][-1]["data"]["error"] == (
            "not taken for two days: the mail server refuses our address as the sender: 554 5.7.1 you are on a list"
        )
        assert "The mail to a•••@example.com was not taken for two days: the" in case["reach"]["sentence"]
        assert post.seen == []


async def test_two_people_answer(tmp_path: Path) -> None:
    async with with_post(tmp_path) as (at, post):
        _, lea = await asked(at)
        await reply(lea, "One.")
        mia = await at.agent("Mia")
        await lea.done("cases/W-1001/release")
        await mia.done("cases/W-1001/claim")
        await mia.done("cases/W-1001/reply", {"text": "Two."})
        await tried_again(at)
        mail: Mail = post.mails[0]
        assert mail.message["From"] == "Acme Help <help@acme.example>"
        assert "Lea and Mia at Acme have answered you" in mail.text
        assert "Lea:\nOne.\n\nMia:\nTwo.\n" in mail.text
