"""Those who mean harm by mail, and programs that only do it: forgers, guessers, floods, loops and bounces."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import pytest
import pytest_asyncio

from tests.house import database_for, desk, until
from tests.journeys.test_email import SERVER, US, Town, body, options
from tests.platforms import imap
from tests.platforms.post_office import post_office

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOWN = "your whole site is down"
ALIAS = "How do I create an email alias?"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with post_office() as post, imap.imap_platform() as platform:
        channel = options(imap_port=platform.port, smtp_port=post.port, aliases=["help@desk.example"])
        home = tmp_path_factory.mktemp("home")
        async with desk(home, channels={"email": channel}, **await database_for("sqlite")) as at:
            yield Town(at, post, platform, None, await at.agent())


async def asked(town: Town, ada: str) -> tuple[str, EmailMessage]:
    """Ada reports an outage and is acknowledged: her mail's id, and our mail."""
    first = await town.write(DOWN, sender=ada, subject="Down")
    return first, (await town.heard(ada, 1))[0]


async def quiet(town: Town) -> None:
    """Everything that was put into the mailbox before has been dealt with, and nothing is on its way out."""
    await marker(town)

    async def rest() -> bool:
        rows = await town.at.sql("SELECT 1 FROM message WHERE status IN ('held', 'queued', 'sending')")
        return not rows

    await until(rest)


_markers: list[str] = []


async def marker(town: Town) -> None:
    sender = f"marker{len(_markers)}@markers.example"
    _markers.append(sender)
    await town.write("thanks", sender=sender)
    await town.rows(sender, 1)


def notes(row: dict[str, Any]) -> str:
    meta = row["meta"] if isinstance(row["meta"], dict) else json.loads(row["meta"])
    return " ".join(meta["notes"])


def unsigned(name: str) -> str:
    """A name of ours as whoever knows its number would make it."""
    guessed = re.sub(r"\.[a-z2-7]{16}@", ".aaaaaaaaaaaaaaaa@", name)
    assert guessed != name
    return guessed


async def conversations(town: Town) -> int:
    rows = await town.at.sql("SELECT count(*) FROM conversation WHERE recipient NOT LIKE 'marker%'")
    return int(rows[0][0])


# --- whose conversation --------------------------------------------------------------------------


async def test_a_number_in_the_subject_opens_nothing(town: Town) -> None:
    ada, eve = "ada1@customers.example", "eve1@elsewhere.example"
    await asked(town, ada)
    case = await town.case(ada)
    await town.write("what is it about?", sender=eve, subject=f"Re: Down [{case}]")
    (hers,), (his,) = await town.rows(ada, 1), await town.rows(eve, 1)
    assert hers["conversation"] != his["conversation"]
    assert his["recipient"] == eve


async def test_a_leaked_message_id_of_a_customer_opens_nothing(town: Town) -> None:
    ada, eve = "ada2@customers.example", "eve2@elsewhere.example"
    first, _ = await asked(town, ada)
    await town.write("and now?", sender=eve, In_Reply_To=first, References=first)
    (hers,), (his,) = await town.rows(ada, 1), await town.rows(eve, 1)
    assert hers["conversation"] != his["conversation"]


async def test_two_strangers_who_answer_one_mail_stay_strangers(town: Town) -> None:
    shared = "<newsletter.7@elsewhere.example>"
    for number in (1, 2):
        await town.write(DOWN, sender=f"stranger{number}@customers.example", In_Reply_To=shared, References=shared)
    (one,), (two,) = [await town.rows(f"stranger{number}@customers.example", 1) for number in (1, 2)]
    assert one["conversation"] != two["conversation"]


async def test_a_forged_sender_gets_nowhere_with_a_leaked_id(town: Town) -> None:
    ada = "ada3@customers.example"
    first, _ = await asked(town, ada)
    await town.write("send it to me instead", sender=ada, word="fail", In_Reply_To=first, References=first)
    hers, forged = await town.rows(ada, 2)
    assert forged["conversation"] != hers["conversation"]
    assert "may be forged" in notes(forged)
    await quiet(town)
    assert len(town.mails(ada)) == 1, "nothing automatic goes to who may be forged"


async def test_a_stranger_with_our_mail_is_a_third_person(town: Town) -> None:
    ada, sue = "ada4@customers.example", "sue4@elsewhere.example"
    _, ours = await asked(town, ada)
    await town.write("I am her colleague. Send me her invoice.", sender=f"Sue <{sue}>", answers=ours)
    (hers,), (third,) = await town.rows(ada, 1), await town.rows(sue, 1)
    assert third["conversation"] == hers["conversation"]
    assert (third["recipient"], third["end"]) == (ada, "appended")
    assert f"Not from {ada}" in notes(third)
    case = await town.case(ada)
    await town.lea.done(f"cases/{case}/claim")
    await town.lea.done(f"cases/{case}/reply", {"text": "Hello Ada, it is up again."})
    await town.heard(ada, 2)
    assert town.mails(sue) == []
    whole = await town.lea.case(case)
    assert "Sue" in [line["author"] for line in whole["transcript"] if line["text"].startswith("I am her")]
    assert [each["external_id"] for each in whole["customer"]["identities"] if "external_id" in each] in ([], [ada])


async def test_the_signed_address_alone_is_enough(town: Town) -> None:
    """A program that names no mail that it answers, but writes where it was told to."""
    ada = "ada5@customers.example"
    _, ours = await asked(town, ada)
    await town.write("it is worse now", sender=ada, to=str(ours["Reply-To"]), subject="Something new")
    rows = await town.rows(ada, 2)
    assert len({row["conversation"] for row in rows}) == 1
    forged = unsigned(str(ours["Reply-To"]))
    await town.write("it is worse now, again", sender=ada, to=forged, subject="Something new")
    rows = await town.rows(ada, 3)
    assert len({row["conversation"] for row in rows}) == 2


@pytest.mark.parametrize(
    "results",
    [
        ["mx.elsewhere.example; dmarc=pass header.from=customers.example"],
        [f"{SERVER}; dmarc=none", f"{SERVER}; dmarc=pass header.from=customers.example"],
        [f'{SERVER}; spf=pass smtp.mailfrom="x; dmarc=pass header.from=customers.example"@evil.example'],
        [f"{SERVER}; spf=pass smtp.mailfrom=evil.example; dkim=pass header.d=evil.example"],
        [f"{SERVER}; none (dmarc=pass header.from=customers.example)"],
    ],
    ids=["another server's", "below ours", "in quotes", "another domain's", "in a comment"],
)
async def test_only_our_servers_word_counts(town: Town, results: list[str]) -> None:
    name = f"ada6-{sum(map(ord, ''.join(results)))}@customers.example"
    message = EmailMessage()
    for each in results:
        message["Authentication-Results"] = each
    message["From"], message["To"], message["Subject"] = name, US, "MYWORDS"
    message["Message-ID"] = f"<{name}>"
    message.set_content(DOWN)
    await town.put(message.as_bytes())
    (row,) = await town.rows(name, 1)
    assert "Nobody vouches" in notes(row)
    (mail,) = await town.heard(name, 1)
    assert "MYWORDS" not in mail.as_string()
    assert DOWN not in body(mail)


@pytest.mark.parametrize("second", ["From: eve@evil.example\n", ""], ids=["two headers", "two in one"])
async def test_of_two_senders_nobody_is_vouched_for(town: Town, second: str) -> None:
    ada = f"ada23{len(second)}@customers.example"
    first = f"From: {ada}\n{second}" if second else f"From: {ada}, eve@evil.example\n"
    await town.put(
        f"Authentication-Results: {SERVER}; dmarc=pass header.from=customers.example\n{first}To: {US}\n"
        f"Subject: MYWORDS\nMessage-ID: <two{len(second)}@evil.example>\n\n{DOWN}\n".encode()
    )
    (row,) = await town.rows(ada, 1)
    assert "Nobody vouches" in notes(row)
    (mail,) = await town.heard(ada, 1)
    assert "MYWORDS" not in mail.as_string()


async def test_a_picture_without_a_word_is_kept(town: Town) -> None:
    """A small picture inside a mail is a logo, but for a mail that is nothing else."""
    picture = b"\x89PNG\r\n\x1a\n" + bytes(200)
    for number, words in enumerate(("", "See the picture, it is broken.")):
        ada = f"ada24{number}@customers.example"
        message = EmailMessage()
        message["From"], message["To"], message["Message-ID"] = ada, US, f"<picture{number}@customers.example>"
        message.set_content(words)
        message.add_related(picture, maintype="image", subtype="png", cid="<1>")
        await town.put(message.as_bytes())
        await town.rows(ada, 1)
        (found,) = await town.at.sql(
            "SELECT count(*) FROM attachment a JOIN message m ON m.id = a.message_id JOIN identity i"
            " ON i.id = m.identity_id WHERE i.external_id = :ada",
            ada=ada,
        )
        assert found[0] == (0 if words else 1)


async def test_copies_and_other_addresses_are_shown_and_not_written_to(town: Town) -> None:
    ada, eve = "ada7@customers.example", "eve7@elsewhere.example"
    await town.write(DOWN, sender=ada, subject="Down", Cc=f"Eve <{eve}>", Reply_To=eve)
    (row,) = await town.rows(ada, 1)
    assert f"Also to {eve}" in notes(row)
    assert f"Asks for answers to {eve}" in notes(row)
    await town.heard(ada, 1)
    assert town.mails(eve) == []
    case = await town.case(ada)
    await town.lea.done(f"cases/{case}/claim")
    stranger = await town.lea.post(f"cases/{case}/reply", {"text": "Psst.", "also": ["all@elsewhere.example"]})
    assert stranger.status_code == 409
    assert (await town.lea.case(case))["also"] == [eve]
    town.post.refuses.append(eve)
    for text in ("It is up again.", "Is it?"):
        await town.lea.done(f"cases/{case}/reply", {"text": text, "also": [eve]})

        async def both(text: str = text) -> list[Any] | None:
            return [
                each for each in town.post.mails if f"{text}\r\n" in body(each.message).replace("\n", "\r\n")
            ] or None

        (mail,) = await until(both)
        assert mail.message["Cc"] == eve
        assert mail.to == ([ada] if eve in town.post.refuses else [ada, eve])
        town.post.refuses.clear()
    shown = {line["text"]: line["error"] for line in (await town.lea.case(case))["transcript"]}
    assert shown["Is it?"] is None
    assert f"{eve} did not get it (550" in shown["It is up again."]


async def test_a_code_in_a_mail_that_nobody_vouches_for_links_nobody(town: Town) -> None:
    """Else whoever writes on the web could forge a mail of somebody else's, and read along from then on."""
    ana = town.at.customer()
    await ana.write("/link")
    shown: list[str] = []

    async def coded() -> bool:
        shown[:] = [line["text"] for line in await ana.read() if "WL-" in line["text"]]
        return bool(shown)

    await until(coded)
    code = next(word.strip(".,") for word in shown[-1].split() if word.startswith("WL-"))
    before = (await town.at.sql("SELECT count(*) FROM link"))[0][0]
    await town.write(code, sender="victim@customers.example", word=None)
    await town.rows("victim@customers.example", 1)
    assert (await town.at.sql("SELECT count(*) FROM link"))[0][0] == before
    await town.write(code, sender="honest@customers.example", word="pass")
    await town.rows("honest@customers.example", 1)
    assert (await town.at.sql("SELECT count(*) FROM link"))[0][0] == before + 1


# --- what leaves -----------------------------------------------------------------------------------


async def test_no_header_of_ours_is_somebody_elses(town: Town) -> None:
    ada = "ada8@customers.example"
    raw = (
        f"Authentication-Results: {SERVER}; dmarc=pass header.from=customers.example\n"
        f"From: =?utf-8?q?Ada=0D=0ABcc=3A_all=40elsewhere=2Eexample?= <{ada}>\nTo: {US}\n"
        "Subject: =?utf-8?q?Down=0D=0ABcc=3A_all=40elsewhere=2Eexample=0A=0AHello?=\n"
        "Message-ID: <x%0aBcc:all@elsewhere.example>\nReferences: <a@b>\r\n <c\x0bBcc: x@y>\n"
        f"\n{DOWN}\n"
    )
    await town.put(raw.encode())
    (mail,) = await town.heard(ada, 1)
    assert mail["Bcc"] is None
    assert set(mail.keys()) <= {
        "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To", "References", "Auto-Submitted",
        "X-Loop", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert town.mails(ada)[0].to == [ada]
    assert not [each for each in town.post.mails if "all@elsewhere.example" in each.to]


async def test_a_flood_in_somebodys_name_is_answered_once(town: Town) -> None:
    bob = "bob9@customers.example"
    for number in range(5):
        await town.write(f"{DOWN} {number}", sender=bob, word=None, subject=f"BUY {number} NOW")
    await town.rows(bob, 5)
    await quiet(town)
    (mail,) = [each.message for each in town.mails(bob)]
    assert "BUY" not in mail.as_string()
    withheld = await town.at.sql(
        "SELECT m.error FROM message m JOIN conversation c ON c.id = m.conversation_id"
        " WHERE c.recipient = :bob AND m.status = 'cancelled'",
        bob=bob,
    )
    assert len(withheld) == 4
    assert "within the hour" in withheld[0][0]


async def test_a_vacation_program_hears_us_once(town: Town) -> None:
    """One that marks its mails, one that does not, and one that answers each mail with a new one."""
    zoe = "zoe10@customers.example"
    await town.write(ALIAS, sender=zoe, subject="Alias")
    (answer,) = await town.heard(zoe, 1)
    await town.write("I am away", sender=zoe, answers=answer, Auto_Submitted="auto-replied")
    await town.write("I am away", sender=zoe, answers=answer, subject="Out of office: Re: Alias")
    rows = await town.rows(zoe, 3)
    assert [row["end"] for row in rows] == ["answered", "ignored", "ignored"]
    for number in range(3):
        await town.write("I am on the beach", sender=zoe, subject=f"Beach {number}")
    await town.rows(zoe, 6)
    await quiet(town)
    assert len(town.mails(zoe)) == 1


@pytest.mark.parametrize("headers", [{"List_Id": "<a.b>"}, {"Precedence": "bulk"}, {"X_Autoreply": "yes"}], ids=str)
async def test_what_a_program_sends_to_many_is_not_answered(town: Town, headers: dict[str, str]) -> None:
    sender = f"{next(iter(headers)).lower()}@lists.example"
    await town.write(DOWN, sender=sender, subject="News", **headers)
    (row,) = await town.rows(sender, 1)
    assert row["end"] == "ignored"
    await quiet(town)
    assert town.mails(sender) == []


@pytest.mark.parametrize("sender", [US, "help@desk.example", "Support <SUPPORT+x@desk.example>"])
async def test_our_own_address_writes_nothing(town: Town, sender: str) -> None:
    before = await conversations(town)
    await town.write("claim W-1001", sender=sender, subject="Re: [W-1001]")
    await marker(town)
    assert await conversations(town) == before


async def test_a_mail_of_ours_that_comes_back_is_no_customers(town: Town) -> None:
    """Some list or rule at the customer's sends it back under another sender."""
    ada = "ada16@customers.example"
    _, ours = await asked(town, ada)
    before = await conversations(town)
    await town.write("echo", sender="list16@lists.example", Message_ID=str(ours["Message-ID"]))
    await marker(town)
    assert await conversations(town) == before
    await town.write("no echo", sender="like16@lists.example", Message_ID=unsigned(str(ours["Message-ID"])))
    await town.rows("like16@lists.example", 1)


# --- what comes back ---------------------------------------------------------------------------------


def bounce(
    of: str,
    *,
    to: str,
    status: str = "5.1.1",
    action: str = "failed",
    sender: str = "MAILER-DAEMON@mx.elsewhere.example",
) -> bytes:
    return (
        f"Return-Path: <>\nFrom: {sender}\nTo: {US}\nSubject: Undelivered Mail Returned to Sender\n"
        f"Message-ID: <b{sum(map(ord, of + to + status + action))}@mx.elsewhere.example>\n"
        "Auto-Submitted: auto-replied\n"
        'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nIt could not be delivered.\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.elsewhere.example\n\n"
        f"Final-Recipient: rfc822; {to}\nAction: {action}\nStatus: {status}\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nFrom: {US}\nTo: {to}\nMessage-ID: {of}\n\n--b--\n"
    ).encode()


SPOKEN = (
    "Undelivered Mail Returned to Sender. The following message could not be delivered to <sam@elsewhere.example>:"
    " 550 5.1.1 user unknown. Delivery has failed."
)


async def test_what_only_reads_like_a_bounce_is_kept_for_people(town: Town) -> None:
    """Nothing of ours came back, and yet a customer may have written it: it opens nothing, and is not lost."""
    before, aside = await conversations(town), await set_aside(town)
    await town.write(SPOKEN, sender="alerts21@elsewhere.example", subject="Undelivered mail")
    await marker(town)
    assert await conversations(town) == before
    (reason,) = (await set_aside(town))[len(aside) :]
    assert "tried again" in reason
    await town.put(bounce("<1@elsewhere.example>", to="sam@elsewhere.example"))
    await marker(town)
    assert len(await set_aside(town)) == len(aside) + 1, "a true one, of nothing of ours, is nobody's work"


async def test_who_answers_us_with_words_of_a_bounce_is_heard(town: Town) -> None:
    ada = "ada22@customers.example"
    _, ours = await asked(town, ada)
    await town.write(SPOKEN, sender=ada, subject="Undelivered mail", answers=ours)
    rows = await town.rows(ada, 2)
    assert "could not be delivered" in rows[1]["body"]
    assert rows[1]["conversation"] == rows[0]["conversation"]


async def set_aside(town: Town) -> list[str]:
    return [row[0] for row in await town.at.sql("SELECT reason FROM quarantine ORDER BY id")]


async def test_a_bounce_is_shown_with_what_bounced(town: Town) -> None:
    ada = "ada11@customers.example"
    await asked(town, ada)
    case = await town.case(ada)
    await town.lea.done(f"cases/{case}/claim")
    await town.lea.done(f"cases/{case}/reply", {"text": "It is up again."})
    ours = next(mail for mail in await town.heard(ada, 2) if "It is up again." in mail.as_string())
    before = await conversations(town)
    await town.put(bounce(str(ours["Message-ID"]), to=ada, status="4.4.7", action="delayed"))
    await marker(town)
    whole = await town.lea.case(case)
    (shown,) = [line for line in whole["transcript"] if line["text"] == "It is up again."]
    assert (shown["status"], shown["error"]) == ("sent", f"{ada} has not got it yet (4.4.7)")
    for _ in range(2):
        # The reason may pass, but the server has given up.
        await town.put(bounce(str(ours["Message-ID"]), to=ada, status="4.4.7"))
    await marker(town)
    whole = await town.lea.case(case)
    (shown,) = [line for line in whole["transcript"] if line["text"] == "It is up again."]
    assert (shown["status"], shown["error"]) == ("failed", f"{ada} cannot be reached (4.4.7)")
    assert [event["kind"] for event in whole["events"]].count("came_back") == 1
    assert await conversations(town) == before

    async def back() -> bool:
        return bool((await town.lea.case(case))["status"] == "open")

    await until(back)


async def test_a_bounce_of_nothing_of_ours_changes_nothing(town: Town) -> None:
    ada = "ada12@customers.example"
    _, ours = await asked(town, ada)
    before, sent = await conversations(town), len(town.post.mails)
    of_nobody = str(ours["Message-ID"]).replace("<m", "<m9")
    for of in (unsigned(str(ours["Message-ID"])), of_nobody, "<>", "<bounce@mx.elsewhere.example>"):
        await town.put(bounce(of, to=ada))
    await town.put(
        b"Return-Path: <>\nFrom: <>\nTo: " + US.encode() + b"\nSubject: Delivery failure\n\n550 no such user\n"
    )
    await marker(town)
    assert await conversations(town) == before
    assert len(town.post.mails) == sent
    assert not await town.at.sql("SELECT 1 FROM message WHERE error LIKE '%ada12%'")


# --- what tells mails apart --------------------------------------------------------------------------


async def test_two_mails_with_one_id_are_both_kept(town: Town) -> None:
    ada, eve = "ada13@customers.example", "eve13@elsewhere.example"
    for sender, text in ((eve, "I was first"), (ada, DOWN), (ada, DOWN)):
        await town.write(
            text, sender=sender, Message_ID="<same@customers.example>", Date="Sun, 22 Nov 2026 10:00:00 +0000"
        )
    (one,), (two,) = await town.rows(eve, 1), await town.rows(ada, 1)
    assert one["conversation"] != two["conversation"]
    assert "same Message-ID" in notes(two)
    await marker(town)
    assert len(await town.rows(ada, 1)) == 1, "the very same mail twice is one"


@pytest.mark.parametrize(
    "name", ["", "no brackets, two words", "<" + "x" * 200_000 + "@y>", "<script>alert(1)</script>"]
)
async def test_a_mail_without_a_name_is_kept_once(town: Town, name: str) -> None:
    sender = f"odd{len(name)}@customers.example"
    raw = f"From: {sender}\nTo: {US}\nMessage-ID: {name}\n\n{DOWN}\n".encode()
    for way in (b"Received: by a\n", b"Received: by b\n"):
        await town.put(way + raw)
    await marker(town)
    assert len(await town.rows(sender, 1)) == 1


async def test_a_mailbox_that_was_made_anew_doubles_nothing(town: Town) -> None:
    assert town.platform is not None
    await town.write(DOWN, sender="early14@customers.example")
    await town.rows("early14@customers.example", 1)
    count = (await town.at.sql("SELECT count(*) FROM message WHERE direction = 'in'"))[0][0]
    await town.platform.anew()
    await town.write(DOWN, sender="late14@customers.example")
    await town.rows("late14@customers.example", 1)
    await quiet(town)
    assert (await town.at.sql("SELECT count(*) FROM message WHERE direction = 'in'"))[0][0] == count + 2


async def test_a_mail_that_is_too_large_is_kept_in_part(town: Town) -> None:
    sender = "large15@customers.example"
    head = f"From: {sender}\nTo: {US}\nSubject: Pictures\nMessage-ID: <large15@customers.example>\n\n{DOWN}\n"
    await town.put(head.encode() + b"x" * 60 + (b"\n" + b"x" * 70) * 400_000)
    (row,) = await town.rows(sender, 1)
    assert "only its beginning was read" in notes(row)
    assert row["body"].startswith(f"Pictures\n\n{DOWN}")


async def test_a_mail_that_is_read_again_finds_its_conversation(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = "ada17@customers.example"
    _, ours = await asked(town, ada)

    def broken(*_: Any) -> Any:
        raise LookupError("unheard of")

    with monkeypatch.context() as patch:
        patch.setattr("channels.email.inbound._digest", broken)
        await town.write("and now the mail, too", sender=ada, answers=ours)
        items: list[dict[str, Any]] = []

        async def set_aside() -> bool:
            items[:] = (await town.lea.get("quarantine"))["items"]
            return any(item["reason"] == "LookupError: unheard of" for item in items)

        await until(set_aside)
    (item,) = [item for item in items if item["reason"] == "LookupError: unheard of"]
    sue = await town.at.agent("Sue", role="supervisor")
    await sue.done(f"quarantine/{item['id']}/retry")
    rows = await town.rows(ada, 2)
    assert len({row["conversation"] for row in rows}) == 1
    assert rows[1]["end"] == "appended"
