"""What trips which wire, and what must not; offsets; linear time."""

# ruff: noqa: RUF001 -- texts of other languages

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intents import wires
from intents.wires import HARD, MOST_TRIPS, trips
from tests.growth import grows_linearly

TRIPS = [
    # money
    ("money", "you charged me twice"),
    ("money", "i've been charged again this month"),
    ("money", "I would like a refund please"),
    ("money", "could I have my money back"),
    ("money", "you took £40 from my account"),
    ("money", "i was overcharged by your driver"),
    ("money", "there is a double charge on my card"),
    ("money", "the invoice is wrong"),
    ("money", "our bill seems to be incorrect"),
    ("money", "i paid but my account is still on the free plan"),
    ("money", "Paid for the course and never received access"),
    ("money", "where is my money"),
    ("money", "500 deducted from my wallet"),
    ("money", "there is a fraudulent charge on my statement"),
    ("money", "why am i being billed for this"),
    ("money", "I bought coins and they have not arrived"),
    ("money", "stop taking payments"),
    ("money", "you owe me"),
    ("money", "how do I dispute this charge"),
    # down
    ("down", "your site is down"),
    ("down", "everything is down!!"),
    ("down", "are you down rn"),
    ("down", "DOWN AGAIN"),
    ("down", "is there an outage in Porto"),
    ("down", "nothing works"),
    ("down", "we get 502 errors for all customers"),
    ("down", "Bad Gateway on every page"),
    ("down", "can't reach the dashboard"),
    ("down", "I can’t log in to anything"),
    ("down", "no internet since this morning"),
    ("down", "my wifi is not working"),
    ("down", "the app won't open"),
    ("down", "we are offline"),
    ("down", "all my photos are gone"),
    ("down", "the camera is dead"),
    ("down", "when will the service be back up and running"),
    ("down", "it doesn't turn on"),
    ("down", "webmail does not come up for anyone in our firm"),
    ("down", "our site answers 503 to everybody"),
    ("down", "your installer destroys my site"),
    ("down", "senders are refused and we lose tenders"),
    ("down", "the login page just spins"),
    ("money", "how do I have the difference since January paid back"),
    ("money", "a card from which money keeps going to you"),
    ("money", "it was collected on the 1st, 3rd and 9th"),
    ("money", "Hi I topped up 250 by mistake"),
    ("money", "sent €40 to an old number by accident"),
    # person
    ("person", "can one of you just do the install for me"),
    ("person", "who at your company can set this up"),
    ("person", "the owner passed away and the widow must get in"),
    ("person", "agent"),
    ("person", "HUMAN!!!"),
    ("person", "let me talk to a real person"),
    ("person", "I want to speak with your supervisor"),
    ("person", "can somebody call me back"),
    ("person", "what is your phone number"),
    ("person", "customer care executive"),
    ("person", "stop the bot"),
    ("person", "put me through to someone"),
    ("person", "please dm me"),
    ("person", "get me a manager"),
    # security and safety
    ("security", "my account was hacked"),
    ("security", "is this phishing?"),
    ("security", "my card was stolen"),
    ("security", "he threatens me in the chat"),
    ("security", "i want to kill myself"),
    ("security", "I don't want to live any more"),
    ("security", "i don't want to wake up tomorrow"),
    ("security", "some days I just don't want to wake up"),
    ("security", "someone is blackmailing me"),
    ("security", "you leaked my personal data"),
    ("security", "somebody else logged into my account"),
    ("security", "the charger caught fire"),
    ("security", "records in my zone that none of us created"),
    ("security", "who else has been downloading our customer data"),
    ("security", "whoever is sending mails in our name"),
    ("security", "they were changed by somebody who is not us"),
    ("security", "an email from you asked for my password"),
    ("security", "a stranger's is in there now"),
    ("security", "a domain that you gave to somebody else"),
    ("security", "the main one shows another company's website"),
    ("security", "two keys that do not belong to any of my people"),
    ("security", "released to the wrong man"),
    ("security", "a change that I never made"),
    # legal
    ("legal", "you will hear from my lawyer"),
    ("legal", "i'm going to sue you"),
    ("legal", "I will do a chargeback"),
    ("legal", "this is a GDPR request: erase me"),
    ("legal", "delete all my personal data"),
    ("legal", "I'll take you to court"),
]

ABROAD = [
    "ich möchte mit einem Menschen sprechen",
    "einen Mitarbeiter bitte",
    "je veux parler à un conseiller",
    "quiero hablar con una persona",
    "vorrei parlare con un operatore",
    "quero falar com um atendente",
    "ik wil een medewerker spreken",
    "chcę rozmawiać z konsultantem",
    "bir temsilciyle görüşmek istiyorum",
    "позовите оператора",
    "хочу поговорить с живым человеком",
    "покличте оператора або людину",
    "jag vill prata med en människa",
    "オペレーターにつないでください",
    "转人工",
    "我要找真人客服",
    "أريد التحدث مع موظف",
    "मुझे इंसान से बात करनी है",
    "상담원 연결해 주세요",
    "saya mau bicara dengan petugas",
]

QUIET = [
    "how do I set a quiet alarm, I don't want to wake up my neighbours",
    "I added 2 people by mistake, where do I remove them",
    "how do I update my billing address",
    "how do I download an invoice",
    "where can I see my past invoices?",
    "which payment methods do you accept?",
    "how do I scroll down to the end of the page?",
    "how do I switch from monthly to yearly",
    "can I use offline maps on the plane?",
    "how much does the premium plan cost?",
    "how do I change my password",
    "how do I add somebody else to my account",
    "how do I read my mail on the phone",
    "how do I send mail from a second address",
    "when are payments collected?",
    "how do I give a colleague a mailbox",
    "how do i add a driver to my fleet",
    "is there a way to sort songs by colour?",
    "i love the new design",
    "do you sponsor football clubs?",
    "it would be great to have a dark theme",
    "how do I set the thermostat to holiday mode?",
    "do you ship to Iceland?",
    "does the watch measure sleep?",
    "please tell Sue that I love the garden planner",
]


@pytest.mark.parametrize(("wire", "text"), TRIPS)
def test_words_that_trip(wire: str, text: str) -> None:
    found = trips(text)
    assert wire in {trip.wire for trip in found}, found
    assert any(trip.hard for trip in found)


@pytest.mark.parametrize("text", ABROAD)
def test_a_person_is_asked_for_in_other_languages(text: str) -> None:
    assert "person" in {trip.wire for trip in trips(text)}


@pytest.mark.parametrize("text", QUIET)
def test_how_to_wording_trips_no_hard_wire(text: str) -> None:
    assert [trip for trip in trips(text) if trip.hard] == []


def test_a_trip_names_its_words_and_their_place() -> None:
    text = "Hi there,\nI’d like a REFUND. Thanks"
    (trip,) = (trip for trip in trips(text) if trip.wire == "money")
    assert (trip.words, trip.evidence) == ("REFUND", "refund")
    assert text[trip.start : trip.end] == "REFUND"


def test_places_are_right_after_letters_that_grow_in_lower_case() -> None:
    text = "İİİ please refund me"
    (trip,) = (trip for trip in trips(text) if trip.wire == "money")
    assert text[trip.start : trip.end] == trip.words == "refund"


@pytest.mark.parametrize("sign", "$£€")
def test_money_has_many_signs(sign: str) -> None:
    (trip,) = (trip for trip in trips(f"why is there a {sign}40 charge") if trip.wire == "money")
    assert f"{sign}40 charge" in trip.words


def test_no_pattern_names_the_sign_that_makes_all_of_them_slow_to_compile() -> None:
    assert not [pattern for _, patterns in wires._WIRES for pattern, _, _ in patterns if "€" in pattern.pattern]


def test_both_ends_of_a_very_long_text_are_looked_at() -> None:
    filler = "how do I sort the list by name? " * 3000
    assert {trip.wire for trip in trips(filler) if trip.hard} == set()
    assert "down" in {trip.wire for trip in trips("the site is down. " + filler)}
    end = trips(filler + " I want a refund")
    assert [(filler + " I want a refund")[trip.start : trip.end] for trip in end if trip.wire == "money"] == ["refund"]


def test_hard_wires_come_first() -> None:
    found = trips("the stupid export is broken, my account was hacked and i want a refund")
    hard = [trip.wire in HARD for trip in found]
    assert hard == sorted(hard, reverse=True)
    assert found[0].wire == "security"


@given(st.text(max_size=400))
def test_any_text_gives_trips_that_lie_in_it(text: str) -> None:
    found = trips(text)
    assert all(text[trip.start : trip.end] == trip.words for trip in found)
    assert all(0 <= trip.start < trip.end <= len(text) for trip in found)
    assert all(sum(trip.wire == name for trip in found) <= MOST_TRIPS for name in {trip.wire for trip in found})


HOSTILE = {
    "words": "paid " * 20_000,
    "near misses": "charged i was i was i was " * 4_000,
    "one word": "a" * 100_000,
    "signs": "!?" * 50_000,
    "gaps": "paid -,-, " * 10_000,
    "not": "can't " * 17_000,
    "the the": "the my our " * 9_000,
    "faces": "😡" * 100_000,
    "random": "".join(random.Random(1).choices("abcdefghij '-.!?\n", k=100_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_linear_in_time(name: str) -> None:
    grows_linearly(trips, HOSTILE[name])


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("Alles ist kaputt, bei uns geht gar nichts mehr", "down"),
        ("Unsere Webseite ist seit heute früh nicht erreichbar", "down"),
        ("Toute notre boutique est en panne", "down"),
        ("Aquí nada funciona desde ayer", "down"),
        ("U nas od rana nic nie działa", "down"),
        ("Es wurde zweimal von meinem Konto abgebucht", "money"),
        ("Vous avez débité ma carte deux fois", "money"),
        ("Me cobraron dos veces el mismo mes", "money"),
    ],
)
def test_grave_words_of_other_languages_are_heard(text: str, wire: str) -> None:
    assert wire in {trip.wire for trip in trips(text)}


@pytest.mark.parametrize("text", ["Wie ändere ich mein Passwort?", "Où puis-je changer mon adresse ?"])
def test_a_question_in_another_language_trips_nothing(text: str) -> None:
    assert not trips(text)
