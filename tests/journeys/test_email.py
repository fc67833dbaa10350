"""A customer who writes mails, through the whole program: answered, handed over to a person, resolved, reopened."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

import pytest
import pytest_asyncio

from tests.databases import DIALECTS
from tests.house import AgentClient, Desk, database_for, desk, until
from tests.platforms import imap
from tests.platforms.dovecot import IS_HERE, dovecot
from tests.platforms.imap import ImapPlatform
from tests.platforms.post_office import Mail, PostOffice, post_office

pytestmark = pytest.mark.asyncio(loop_scope="module")
ALIAS = "How do I create an email alias?"
US = "support@desk.example"
SERVER = "mx.desk.example"
_boxes = itertools.count(1)


def options(**more: Any) -> dict[str, Any]:
    return {
        "address": US, "name": "Acme", "password": imap.PASSWORD, "imap_host": "127.0.0.1", "imap_security": "none",
        "smtp_host": "127.0.0.1", "smtp_security": "none", "smtp_login": False, "first": "all", "idle_for": 5,
        "timeout": 10, "retry_base": 0.05, "retry_cap": 0.5, "authserv_id": SERVER, **more,
    }  # fmt: skip


@dataclass
class Town:
    at: Desk
    post: PostOffice
    platform: ImapPlatform | None
    beside: Any
    lea: AgentClient

    async def put(self, raw: bytes) -> None:
        """Into the desk's mailbox."""
        if self.platform is not None:
            await self.platform.deliver(raw)
        else:
            await asyncio.to_thread(self.beside.append, "INBOX", raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    async def write(
        self,
        text: str,
        *,
        sender: str,
        subject: str = "",
        answers: EmailMessage | None = None,
        word: str | None = "pass",
        to: str = US,
        **headers: str,
    ) -> str:
        """As a mail program would; `answers`: with what programs take from a mail that is answered."""
        message = EmailMessage()
        if word is not None:
            domain = sender.rpartition("@")[2]
            message["Authentication-Results"] = f"{SERVER}; dmarc={word} header.from={domain}"
        message["Message-ID"] = headers.pop("Message_ID", make_msgid(domain="customers.example"))
        message["From"] = sender
        message["To"] = str(answers["Reply-To"] or answers["From"]) if answers is not None else to
        if answers is not None:
            subject = subject or f"Re: {answers['Subject']}"
            message["In-Reply-To"] = str(answers["Message-ID"])
            message["References"] = f"{answers['References'] or ''} {answers['Message-ID']}".strip()
            quoted = "\n".join(f"> {line}" for line in body(answers).split("\n"))
            text = f"{text}\n\nOn Sunday, somebody wrote:\n{quoted}\n"
        if subject:
            message["Subject"] = subject
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        await self.put(message.as_bytes())
        return str(message["Message-ID"])

    def mails(self, to: str) -> list[Mail]:
        return [mail for mail in self.post.mails if mail.to == [to]]

    async def heard(self, to: str, count: int) -> list[EmailMessage]:
        """What we have sent there, once it is so much."""

        async def look() -> list[EmailMessage] | None:
            found = [mail.message for mail in self.mails(to)]
            return found if len(found) >= count else None

        found: list[EmailMessage] = await until(look)
        return found

    async def rows(self, sender: str, count: int) -> list[dict[str, Any]]:
        """What came in from an address, once there is so much and all of it is ended."""

        async def look() -> list[dict[str, Any]] | None:
            rows = await self.at.sql(
                'SELECT m.body, m."end", m.meta, c.id, c.recipient, c.place, m.status FROM message m'
                " JOIN conversation c ON c.id = m.conversation_id JOIN identity i ON i.id = m.identity_id"
                " WHERE i.external_id = :sender AND m.direction = 'in' ORDER BY m.id",
                sender=sender,
            )
            names = ("body", "end", "meta", "conversation", "recipient", "place", "status")
            done = len(rows) >= count and all(row[1] for row in rows)
            return [dict(zip(names, row, strict=True)) for row in rows] if done else None

        found: list[dict[str, Any]] = await until(look)
        return found

    async def case(self, sender: str) -> str:
        """The number of the newest case of a customer."""
        rows = await self.at.sql(
            'SELECT k.id FROM "case" k JOIN conversation c ON c.id = k.conversation_id WHERE c.recipient = :sender'
            " ORDER BY k.id DESC",
            sender=sender,
        )
        return f"W-{rows[0][0] + 1000}"


def body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


KINDS = [*DIALECTS, pytest.param("dovecot", marks=pytest.mark.skipif(not IS_HERE, reason="dovecot is not installed"))]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with post_office() as post:
        home = tmp_path_factory.mktemp("home")
        if request.param == "dovecot":
            server, user = dovecot(), f"journey{next(_boxes)}"
            beside = await asyncio.to_thread(server.client, user)
            channel = options(user=user, password=server.password, imap_port=server.port, smtp_port=post.port)
            async with desk(home, channels={"email": channel}) as at:
                yield Town(at, post, None, beside, await at.agent())
            beside.shutdown()
            return
        async with imap.imap_platform() as platform:
            channel = options(imap_port=platform.port, smtp_port=post.port)
            database = await database_for(request.param)
            async with desk(home, channels={"email": channel}, **database) as at:
                yield Town(at, post, platform, None, await at.agent())


async def test_answered_handed_over_answered_resolved_reopened(town: Town) -> None:
    ada = "ada@customers.example"
    first = await town.write(ALIAS, sender=f"Ada <{ada}>", subject="Alias")
    (answer,) = await town.heard(ada, 1)
    assert answer["Subject"] == "Re: Alias"
    assert answer["In-Reply-To"] == first
    assert answer["Auto-Submitted"] == "auto-replied"
    assert town.mails(ada)[0].sender == "<>"
    assert "Did this help?" in body(answer)
    assert "write back: Yes / No / Talk to a person" in body(answer)
    assert f"> {ALIAS}" in body(answer)
    assert answer.get_content_type() == "multipart/alternative"

    await town.write("No", sender=f"Ada <{ada}>", answers=answer)
    acknowledged = (await town.heard(ada, 2))[1]
    assert "Sorry, that missed." in body(acknowledged)
    rows = await town.rows(ada, 2)
    assert [row["body"] for row in rows] == [f"Alias\n\n{ALIAS}", "No"]
    assert [row["end"] for row in rows] == ["answered", "handed_off"]
    assert len({row["conversation"] for row in rows}) == 1

    case = await town.case(ada)
    assert acknowledged["Subject"] == f"Re: Alias [{case}]"
    await town.lea.done(f"cases/{case}/claim")
    await town.lea.done(f"cases/{case}/reply", {"text": "Open the settings.\n\nI am Lea."})

    async def from_lea() -> EmailMessage | None:
        return next((mail.message for mail in town.mails(ada) if "I am Lea." in mail.message.as_string()), None)

    said = await until(from_lea)
    assert said["From"] == f"Lea at Acme <{US}>"
    assert said["Auto-Submitted"] is None
    assert said["References"].split()[0] == first
    assert str(answer["Message-ID"]) in said["References"]
    assert town.mails(ada)[-1].sender == US

    await town.write("That works, but now the alias bounces. Why?", sender=f"Ada <{ada}>", answers=said)
    rows = await town.rows(ada, 3)
    assert (rows[2]["end"], rows[2]["body"]) == ("appended", "That works, but now the alias bounces. Why?")
    whole = await town.lea.case(case)
    shown = next(line for line in whole["transcript"] if line["text"].startswith("That works"))
    assert "Open the settings." in shown["full"]

    await town.lea.done(f"cases/{case}/resolve", {})
    await town.write("it does not work after all", sender=f"Ada <{ada}>", answers=said)
    rows = await town.rows(ada, 4)
    assert rows[3]["end"] == "handed_off"
    assert len({row["conversation"] for row in rows}) == 1
    assert await town.case(ada) == case


async def test_an_agents_file_goes_out_with_the_mail(town: Town) -> None:
    cleo = "cleo@customers.example"
    await town.write("your whole site is down", sender=cleo, subject="Down")
    await town.heard(cleo, 1)
    case = await town.case(cleo)
    await town.lea.done(f"cases/{case}/claim")
    put = await town.lea.http.post(
        f"/api/v1/cases/{case}/files", params={"name": "fäcts.pdf"}, content=b"%PDF-1.7", headers=town.lea._headers()
    )
    await town.lea.done(f"cases/{case}/reply", {"text": "These are the facts.", "files": [put.json()["id"]]})

    async def arrived() -> EmailMessage | None:
        return next((mail.message for mail in town.mails(cleo) if "the facts." in body(mail.message)), None)

    (file,) = (await until(arrived)).iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("fäcts.pdf", b"%PDF-1.7")


async def test_an_own_mail_is_answered_without_a_word_of_ours(town: Town) -> None:
    """Who adds to a mail that nobody has answered yet writes in the same conversation."""
    bea = "bea@customers.example"
    first = EmailMessage()
    first["Message-ID"] = await town.write("your whole site is down", sender=bea, subject="Down")
    first["From"] = US
    first.set_content("your whole site is down")
    await town.rows(bea, 1)
    await town.write("and the mail, too", sender=bea, answers=first, to=US)
    rows = await town.rows(bea, 2)
    assert len({row["conversation"] for row in rows}) == 1
    assert rows[1]["end"] == "appended"


# --- we write first --------------------------------------------------------------------------------


async def test_who_never_wrote_is_written_to_and_answers_there(town: Town) -> None:
    dora = "dora@customers.example"
    begun = await town.lea.done(
        "conversations", {"to": f" {dora.upper()} ", "subject": "Your invoice", "text": "Here is the new one."}
    )
    assert (begun["status"], begun["assignee"]) == ("pending", "Lea")
    (mail,) = await town.heard(dora, 1)
    assert (mail["Subject"], mail["From"]) == (f"Your invoice [{begun['number']}]", f"Lea at Acme <{US}>")
    assert [mail[name] for name in ("In-Reply-To", "References", "Auto-Submitted")] == [None] * 3
    assert "Here is the new one." in body(mail)

    answer = await town.write(ALIAS, sender=f"Dora <{dora}>", answers=mail)
    (row,) = await town.rows(dora, 1)
    assert (row["body"], row["end"]) == (ALIAS, "appended"), "a person has it: the machine answers nothing"
    case = await town.lea.case(begun["number"])
    assert (case["status"], case["customer"]["name"]) == ("open", "Dora"), "as they call themselves"
    await town.lea.done(f"cases/{begun['number']}/reply", {"text": "Like this."})
    again = (await town.heard(dora, 2))[1]
    assert (again["Subject"], again["In-Reply-To"]) == (f"Re: Your invoice [{begun['number']}]", answer)


async def test_one_who_is_written_to_again_stays_the_same_customer(town: Town) -> None:
    eve = "eve@customers.example"
    first = {"to": eve, "subject": "One", "text": "The first."}
    one = await town.lea.done("conversations", first)
    open_ = await town.lea.post("conversations", {**first, "subject": "Two"})
    assert (open_.status_code, f"{one['number']} is open with them" in open_.text) == (409, True)
    await town.lea.done(f"cases/{one['number']}/resolve", {})
    two = await town.lea.done("conversations", {"to": eve, "subject": "Two", "text": "The second."})

    async def second() -> EmailMessage | None:
        return next((mail.message for mail in town.mails(eve) if "The second." in body(mail.message)), None)

    mail = await until(second)
    assert (mail["Subject"], mail["References"]) == (f"Two [{two['number']}]", None)
    cases = [await town.lea.case(begun["number"]) for begun in (one, two)]
    assert len({case["customer"]["id"] for case in cases}) == 1
    assert len({case["conversation"]["id"] for case in cases}) == 2


async def test_of_two_who_write_to_somebody_new_at_once_one_does(town: Town) -> None:
    tom, fay = await town.at.agent("Tom"), "fay@customers.example"
    new = {"to": fay, "subject": "Hello", "text": "Are you there?"}
    answers = await asyncio.gather(*(each.post("conversations", new) for each in (town.lea, tom)))
    assert sorted(answer.status_code for answer in answers) == [200, 409], [answer.text for answer in answers]
    await town.heard(fay, 1)
    assert await town.at.sql("SELECT count(*) FROM identity WHERE external_id = :fay", fay=fay) == [(1,)]


async def test_the_same_first_letter_with_its_key_is_one(town: Town) -> None:
    gus = "gus@customers.example"
    new = {"to": gus, "subject": "Hello", "text": "Once."}
    answers = [await town.lea.post("conversations", new, key="letter-1") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    await town.heard(gus, 1)
    assert await town.at.sql("SELECT count(*) FROM message WHERE body = 'Once.'") == [(1,)]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"to": "hello"}, 422, "this is no address like ana@example.com"),
        ({"to": "a@b.example\nBcc: c@d.example"}, 422, "address"),
        ({"to": ""}, 422, "address"),
        ({"to": "Support+w1@desk.example"}, 422, "this is an address of ours"),
        ({"account": "sales@desk.example"}, 422, f"ours: {US}"),
        ({"subject": " "}, 422, "subject"),
        ({"text": ""}, 422, "text"),
    ],
)
async def test_a_letter_to_nobody_says_why(town: Town, change: dict[str, str], status: int, said: str) -> None:
    new = {"to": "hal@customers.example", "subject": "Hello", "text": "Words."} | change
    answer = await town.lea.post("conversations", new)
    assert (answer.status_code, said in answer.json()["error"]["message"]) == (status, True), answer.text


async def test_a_subject_writes_no_other_line_of_the_head(town: Town) -> None:
    jon = "jon@customers.example"
    await town.lea.done("conversations", {"to": jon, "subject": "Hi\r\nBcc: c@d.example", "text": "Words."})
    (mail,) = await town.heard(jon, 1)
    assert (mail["Subject"].startswith("Hi Bcc: c@d.example ["), mail["Bcc"]) == (True, None)


async def test_a_blocked_sender_is_written_no_first_letter(town: Town) -> None:
    ivo = "ivo@customers.example"
    await town.write("your whole site is down", sender=ivo, subject="Down")
    await town.heard(ivo, 1)
    case = await town.case(ivo)
    await town.lea.done(f"cases/{case}/claim")
    await town.lea.done(f"cases/{case}/block")
    answer = await town.lea.post("conversations", {"to": ivo, "subject": "Hello", "text": "Words."})
    assert (answer.status_code, "They are blocked" in answer.text) == (409, True)
