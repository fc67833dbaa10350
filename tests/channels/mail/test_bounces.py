"""Which mails are bounces, of whom, why; and which only speak of bounces."""

from __future__ import annotations

from typing import Any

import pytest

from channels.mail.addresses import Person
from channels.mail.bounces import bounce_of
from channels.mail.parser import parse
from channels.mail.parts import read_parts
from tests.channels.mail.returned import (
    BOUNCES,
    DAEMON,
    GONE,
    ID,
    MACHINES,
    MIXED,
    NOBODY,
    PEOPLE,
    PM,
    TONGUES,
    dsn,
    enclosed,
    mail,
    recipient,
)  # fmt: skip
from tests.growth import grows_linearly


def read(data: bytes) -> dict[str, Any]:
    return parse(data)[0]


@pytest.mark.parametrize("name", BOUNCES)
def test_bounces_of_many_servers(name: str) -> None:
    data, status, has_id = BOUNCES[name]
    found = read(data)
    assert found["auto"] == "bounce"
    assert found["bounce"] == {"recipient": GONE, "status": status, "message_id": ID if has_id else None}


@pytest.mark.parametrize("tongue", TONGUES)
@pytest.mark.parametrize("sender", [PM, "System <noreply@out.example>"])
def test_bounces_in_many_languages(tongue: str, sender: str) -> None:
    subject, said = TONGUES[tongue]
    flat, mixed = f"{said}\n\n{GONE}\n", enclosed(f"{said}\n\n{GONE}")
    for data in (mail(sender, subject, flat), mail(sender, subject, mixed, MIXED), mail(sender, "x", flat, NOBODY)):
        found = read(data)
        assert found["auto"] == "bounce"
        assert found["bounce"]["recipient"] == GONE


@pytest.mark.parametrize("tongue", TONGUES)
def test_the_same_words_of_a_person_are_none(tongue: str) -> None:
    subject, said = TONGUES[tongue]
    assert read(mail("Ada <ada@example.com>", f"Fwd: {subject}", f"{said}\n\n{GONE}\n"))["auto"] is None


@pytest.mark.parametrize("name", PEOPLE)
def test_people_who_speak_of_deliveries(name: str) -> None:
    assert read(PEOPLE[name])["bounce"] is None


@pytest.mark.parametrize("name", MACHINES)
def test_machines_that_return_nothing(name: str) -> None:
    data, auto = MACHINES[name]
    assert (read(data)["auto"], read(data)["bounce"]) == (auto, None)


def test_the_return_path_of_a_mail_server_is_nobodys() -> None:
    for path in (b"<>", b"< >", b"MAILER-DAEMON", b"<MAILER-DAEMON@mx.example>"):
        assert read(b"Return-Path: " + path + b"\n" + mail("a@b.example", "s", "t"))["auto"] == "auto-reply"
    assert read(b"Return-Path: <a@b.example>\n" + mail("a@b.example", "s", "t"))["auto"] is None


def test_our_own_address_is_not_who_failed() -> None:
    said = f"A message from help@desk.example (see service@out.example for help) failed.\n\n  {GONE}\n\nuser unknown\n"
    assert read(mail(DAEMON, "failed", said))["bounce"]["recipient"] == GONE
    assert read(dsn("Reporting-MTA: a\n\n" + recipient("failed", "5.1.1", "x400 name")))["bounce"]["recipient"] == GONE


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("550 5.7.26 not ours", "5.7.26"), ("#4.4.7 too long", "4.4.7"), ("552 too much", "5.0.0"),
        ("Version 5.5.2653.19", None), ("the inbox is full", "5.2.2"), ("delayed: the inbox is full", "4.2.2"),
        ("host far.example not found", "5.1.2"), ("account disabled", "5.2.1"), ("容量がいっぱい", "5.2.2"),
        ("utilisateur inconnu", "5.1.1"), ("пользователь не найден", "5.1.1"), ("the message is too large", "5.3.4"),
    ],
)  # fmt: skip
def test_statuses_from_words(said: str, status: str | None) -> None:
    assert read(mail(DAEMON, "", f"{GONE}\n{said}\n"))["bounce"]["status"] == status


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("a report", "failed"), ("a delay", "late"), ("arrived", "arrived"), ("one late, one failed", "failed"), ("a complaint", "complaint"),
        ("a complaint without a report", "complaint"), ("a warning", "late"), ("MMDF", "late"), ("Exim", "failed"), ("qmail", "failed"),
    ],
)  # fmt: skip
def test_what_became_of_the_mail(name: str, verdict: str) -> None:
    assert read(BOUNCES[name][0])["envelope"]["verdict"] == verdict


def test_a_reason_that_may_pass_and_a_server_that_gave_up() -> None:
    given_up = dsn("Reporting-MTA: a\n\n" + recipient("failed", "4.4.7"))
    assert (read(given_up)["bounce"]["status"], read(given_up)["envelope"]["verdict"]) == ("4.4.7", "failed")
    assert read(PEOPLE["a parcel"])["envelope"]["verdict"] is None


@pytest.mark.parametrize(
    "unit",
    [
        "mail ", "message not ", "a@b ", "@a", "a.", "To: a@b.example, ", "Received: x\n", "メール",
        "Final-Recipient: rfc822; a@b\n\n", " ", "\n",
    ],
)  # fmt: skip
def test_the_search_grows_linearly(unit: str) -> None:
    root, _ = read_parts(mail(DAEMON, "s", ""))
    whole = unit * (48_000 // len(unit))
    grows_linearly(lambda text: bounce_of(b"", root, text, sender=Person("", DAEMON), subject=text[:2000]), whole)
