"""Questions sent the whole way, as a desk takes them: the real words, wires, gate and articles together.

Bounds hold on what nothing was set on. `python tests/bot/retrieval_set.py HOME` prints all numbers.
"""

import os
from pathlib import Path

import pytest

from bot.articles import load_articles
from bot.retrieval import Library
from intents.classifier import Classifier
from models.encoder import Encoder
from models.errors import ModelError
from models.vectors import VectorCache
from tests.bot.retrieval_set import WholeWay, decisions, load_parts, whole_way
from tests.intents.datasets import real_dev

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("WARMLINE_TEST_HOME") or ROOT / "var" / "test-home")
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
)
"""Each is near to what an article is about. None may be answered by it."""


@pytest.fixture(scope="module")
def desk(request: pytest.FixtureRequest) -> tuple[Library, Classifier]:
    try:
        encoder: Encoder = request.getfixturevalue("encoder")
    except ModelError as error:
        pytest.skip(f"the encoder cannot be had here: {error}")
    cache = VectorCache(HOME / "knowledge-vectors.sqlite", encoder)
    library = Library.build(load_articles(ROOT / "bot" / "knowledge"), encoder, cache=cache)
    return library, Classifier.load_or_train(HOME, encoder)


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
    assert all(reading.verdict.grave < 0.10 for reading in lifted)
