"""Questions sent the whole way, as a desk takes them: the real words, wires, gate and articles together.

Bounds hold on what nothing was set on. `python tests/bot/retrieval_set.py HOME` prints all numbers.
"""

import pytest

from bot.retrieval import Library
from intents.classifier import Classifier
from intents.gate import STRICT_THRESHOLD
from tests.bot.retrieval_set import WholeWay, decisions, load_parts, whole_way
from tests.intents.datasets import real_dev

SETS = ("paraphrases", "paraphrases_by_voice")

GRAVE_WITH_AN_ARTICLE = (
    "how do I get my money back you charged me twice",
    "how do I reach anybody, everything is down",
    "how to stop you stealing from me",
    "my mailbox does not receive mail, how do I fix it",
    "How do I forward my emails to Gmail? You charged me twice.",
    "How do I create a mailbox? By the way the whole website has been down since noon.",
    "How do I turn on https for my domain? My website is unreachable for everybody.",
    "How do I download my invoice? I want my money back.",
    "How do I cancel my hosting? You keep taking money from my card.",
    "How do I change my password? Somebody hacked my account.",
    "How do I add an alias? Let me talk to a human.",
    "how do i set up my email in outlook, it keeps rejecting my password",
    "forwarding to gmail is broken",
    "the cron job does not run",
    "restore from a backup fails",
    "where did my website go",
    "There are DNS records in my zone that none of us created, how do I remove them",
    "How do I connect by FTP to see who else has been downloading our customer data",
    "how do i change the name servers back, they were changed by somebody who is not us",
    "Which SPF record do I need so that whoever is sending mails in our name is stopped",
    "how do i install wordpress if your installer destroys my site every single time",
    "How do I point my domain at the server, at present it points at nothing and our shop is closed",
    "How do I raise the upload limit, our site answers 503 to everybody right now",
    "How do I downgrade and have the difference since January paid back to me",
    "How do I remove a card from which money keeps going to you",
    "An email from you asked for my password and I typed it in, how do I change it",
    "How do I delete a mailbox of an employee who is reading our mail after being fired",
    "How do I change the email address of my account, a stranger's is in there now",
    "How do I add DNS records for a domain that you gave to somebody else",
    "how do i add a subdomain, main one shows another company's website",
    "how do I use webmail when webmail does not come up for anyone in our firm",
    "How do I increase the mailbox quota, senders are told our mailbox is closed and we lose tenders",
    "How do I transfer a domain to you, the one I transferred last week is owned by a Chinese casino now",
    "SSH keys: how do I list them, I see two that do not belong to any of my people",
    "how do I set up webmail, the login page just spins for the entire department",
    "I am leaving. how do I take my domains out of this circus",
    "how do i change to yearly, the monthly one was collected on the 1st, 3rd and 9th",
)
"""Each is near to what an article is about. None may be answered by it."""


@pytest.fixture(scope="module")
def held_out(desk: tuple[Library, Classifier]) -> dict[str, WholeWay]:
    return {name: whole_way(*desk, load_parts(name)["held_out"]) for name in SETS}


@pytest.mark.parametrize(("name", "bound"), [("paraphrases", 0.58), ("paraphrases_by_voice", 0.74)])
def test_the_right_section_is_sent(held_out: dict[str, WholeWay], name: str, bound: float) -> None:
    assert held_out[name].answered_right >= bound, str(held_out[name])


@pytest.mark.parametrize("name", SETS)
def test_few_answers_are_wrong(held_out: dict[str, WholeWay], name: str) -> None:
    assert held_out[name].answered_wrong <= 0.04, str(held_out[name])
    assert held_out[name].unanswerable_answered <= 0.03, held_out[name].wrong


@pytest.mark.parametrize("part", ["tuning", "held_out"])
def test_nothing_grave_is_answered(desk: tuple[Library, Classifier], part: str) -> None:
    """Neither what was looked at while the articles' word was given its weight, nor the rest."""
    grave = load_parts("paraphrases_by_voice")[part].grave
    assert len(grave) >= 60
    assert [text for text, (_, decision) in zip(grave, decisions(*desk, grave), strict=True)
            if decision.act in ("answer", "thank")] == []  # fmt: skip


@pytest.mark.parametrize("text", GRAVE_WITH_AN_ARTICLE)
def test_an_article_lifts_nothing_grave(desk: tuple[Library, Classifier], text: str) -> None:
    ((_, decision),) = decisions(*desk, (text,))
    assert decision.act == "hand_off"


def test_articles_lift_no_grave_message_of_real_customers(desk: tuple[Library, Classifier]) -> None:
    messages = real_dev()
    decided = decisions(*desk, tuple(message.text for message in messages))
    answered = [
        message
        for message, (_, decision) in zip(messages, decided, strict=True)
        if decision.act == "answer" and message.tier not in ("howto", "feedback")
    ]
    assert answered == []


def test_articles_do_lift_what_is_near_them(desk: tuple[Library, Classifier]) -> None:
    """The bounds above would not notice if they lifted nothing."""
    library, classifier = desk
    questions = tuple(load_parts()["held_out"].answerable)

    lifted = [
        reading
        for reading, _ in decisions(library, classifier, questions)
        if reading.verdict.automatable and not classifier.verdict(reading.verdict.text).automatable
    ]
    assert len(lifted) >= 5
    assert all(reading.hits and "Articles list" in reading.verdict.reason for reading in lifted)
    assert all(reading.verdict.grave < STRICT_THRESHOLD for reading in lifted)
